"""Names that people give: compared in one form, and such as a file may have on every system."""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

# Names that Windows keeps for devices: a lesson must survive being copied there.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

# Letters of other alphabets and the Latin ones that they look like; then digits that letters do.
_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜӀЗаеѕіјорсухһԁԛԝӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧοινρı",
    "ABESIJKMHOPCTYXQWI3aesijopcyxhdqwlABEZHIKMNOPTYXoivpi",
)
_DIGITS = str.maketrans("IlOo", "1100")
# Signs that are drawn as nothing, although Unicode calls them marks or letters.
INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def composed(text: str) -> str:
    """Text in Unicode's composed form (NFC), in which names are kept and compared: people, macOS
    and other programs write é as one sign or as two, and nobody sees which."""
    return unicodedata.normalize("NFC", text)


def key_of(name: str) -> str:
    """Two names with the same key would be mixed up: capitals, accents written in two ways, the
    wide letters of East Asian keyboards."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def look_of(name: str) -> str:
    """Two names with the same look are easily taken for each other: another alphabet's А, O and 0,
    l and 1, two spaces for one. Coarser than :func:`key_of`."""
    shown = unicodedata.normalize("NFKC", name).translate(_LATIN).translate(_DIGITS)
    return " ".join(key_of(shown).split())


def look_alikes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of different names that look the same."""
    for one, other in itertools.combinations(names, 2):
        if composed(one) != composed(other) and look_of(one) == look_of(other):
            yield one, other


def spelled(name: str) -> str:
    """A name, and what its letters are that look like others': ``А1 (CYRILLIC CAPITAL A)``."""
    odd = dict.fromkeys(c for c in name if look_of(c) != key_of(c) and not c.isascii())
    what = ", ".join(unicodedata.name(c, f"U+{ord(c):04X}").replace("LETTER ", "") for c in odd)
    return f"{name} ({what})" if odd else name


def meant(name: str, known: Collection[str]) -> str | None:
    """The known name that somebody may have meant, for a question; None: none is near."""
    near = {look_of(k): k for k in known}
    close = difflib.get_close_matches(look_of(name), near, n=1, cutoff=0.6)
    return near[close[0]] if close else None


def in_place_of_file(path: Path) -> str | None:
    """What is found where a file should be; None: nothing, or a file."""
    if path.is_dir():
        return "a folder"
    if path.is_symlink() and not path.exists():
        return f"a link to {path.readlink()}, which is not there"
    if path.exists():
        return None if path.is_file() else "no ordinary file"
    beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    one = next((name for name in beside if key_of(name) == key_of(path.name)), None)
    longer = next(
        (name for name in beside if key_of(name).startswith(key_of(path.name) + ".")), None
    )
    if one is not None:
        return f"{one}, which has other capitals, or accents written in another way"
    return longer and f"{longer}: a program has put something after its name"
