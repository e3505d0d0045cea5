"""What a value of session.toml may be: numbers, words, names, files of the lesson."""

from __future__ import annotations

import math
import re
import unicodedata
from pathlib import PureWindowsPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from sessions.names import DEVICE, INVISIBLE, composed, look_of

HUGE = 1e9  # no length, time or pixel of a lesson comes near
# A spreadsheet takes a cell that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # East Asian ones take the wide signs
# States of the measures and their words in the report's languages: an area's name beside them
# would be read as one of them. tests/gaze/report holds this against the report's words.
STATES = frozenset(
    (
        *("board", "off board", "rest of board", "down", "away", "outside", "none"),
        *("ok", "one camera", "low confidence", "no face", "masked", "undecoded", "unmatched"),
        *("rest of the board", "beside or above the board", "below the board", "turned away"),
        "below the board (desk, notebook)",
        *("tafel", "übrige tafel", "neben oder über der tafel", "unter der tafel", "abgewandt"),
        "unter der tafel (tisch, heft)",
        *("黑板", "黑板其余部分", "黑板旁边或上方", "黑板下方（课桌、笔记本）", "背向黑板"),
    )
)


def _real_number(value: object) -> object:
    """Refuse true/false and text where a number is meant, infinities, and what no lesson has."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("expected a finite number")
    if abs(value) > HUGE:
        raise ValueError("the number is far too large")
    return float(value)


def _plain(text: str) -> str:
    """Refuse blank text and characters that cannot be seen (controls, changes of direction)."""
    if not text.strip():
        raise ValueError("expected some text, or leave the key out")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text):
        raise ValueError("expected text without control characters and line breaks")
    return text


def _no_formula(text: str) -> str:
    if text.lstrip().startswith(FORMULA):
        raise ValueError(f"a spreadsheet would take this for a formula; begin without {text[0]!r}")
    return text


def _no_state(name: str) -> str:
    words = re.sub(r"[\s_-]+", " ", composed(name)).strip().casefold()
    if look_of(words) in {look_of(state) for state in STATES}:
        raise ValueError(
            "the measures have a state of this name (on the board, beside, below, away); choose "
            "another name for the area"
        )
    return name


def _pseudonym(name: str) -> str:
    """A pseudonym stands in tables, addresses and files' names (heatmaps), on every system."""
    letters = _letters(name)
    if INVISIBLE.search(name):
        hidden = ascii(INVISIBLE.findall(name)[0])
        raise ValueError(f"expected letters that can be seen; one that cannot is {hidden}")
    if not re.fullmatch(r"\w[\w .\-]*", letters) or name[0] != letters[0] or len(name) > 40:
        raise ValueError(
            "expected letters, digits, spaces, '.', '-' or '_', 40 at most, a letter or digit first"
        )
    if name[-1] in " ." or DEVICE.fullmatch(name):
        raise ValueError("expected a name that a file may have on every system, such as A1")
    return name


def _letters(name: str) -> str:
    """Without vowel signs and accents that no letter holds (रवि, ọ́): parts of the one before."""
    return "".join(c for c in name if unicodedata.category(c) not in ("Mn", "Mc"))


def looks_like_a_name(pseudonym: str) -> bool:
    """Words of letters alone, one of them with three or more: Anna, Anna Müller, anna-lena."""
    words = re.split(r"[ .\-_]+", pseudonym)
    return all(_letters(w).isalpha() for w in words if w) and max(map(len, words)) >= 3


def _in_the_lesson(path: str) -> str:
    there = PureWindowsPath(path)
    if there.drive or there.root or "\\" in path or ".." in there.parts or path.startswith("~"):
        raise ValueError(
            "expected a file in the lesson's folder, written like calibration/room.jpg "
            "(no .., no other disk, no \\)"
        )
    return path


Metres = Annotated[float, BeforeValidator(_real_number)]
Seconds = Annotated[float, BeforeValidator(_real_number)]
Pixels = Annotated[float, BeforeValidator(_real_number)]
Range = Annotated[tuple[Metres, Metres], Field(description="from, to")]
Points = tuple[tuple[Pixels, Pixels], ...]
Text = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Title = Annotated[Text, AfterValidator(composed), AfterValidator(_no_formula)]
AreaName = Annotated[
    str,
    AfterValidator(composed),
    Field(max_length=60),
    AfterValidator(_plain),
    AfterValidator(_no_formula),
    AfterValidator(_no_state),
]
Pseudonym = Annotated[str, AfterValidator(composed), AfterValidator(_pseudonym)]
LessonFile = Annotated[Text, AfterValidator(_in_the_lesson)]
