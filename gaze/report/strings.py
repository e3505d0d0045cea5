"""The report's words: one table, a language a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gaze.report.lesson import ReportError

EN = {
    "axis_x": "metres from the board's right-hand edge",
    "axis_y": "metres down from its upper edge",
    "scale_unit": "% per m²",
    "heat_title_class": "Where heads pointed: the class ({title})",
    "heat_title_student": "Where the head pointed: {student} ({title})",
    "heat_shows": (
        "{students} student(s), {n} gaze points, mean σ {sigma_cm:.0f} cm: "
        "a spot cannot be told apart from its neighbour within that."
    ),
    "heat_none": "No gaze point was measured: there is nothing to draw.",
    "heat_not": (
        "It shows where heads pointed, not what eyes rested on and not what anybody thought."
    ),
}

LANGUAGES: dict[str, dict[str, str]] = {"en": EN}


@dataclass(frozen=True)
class Strings:
    """A language's table; called with a key and its values."""

    language: str
    table: dict[str, str]

    def __call__(self, key: str, /, **values: Any) -> str:
        return self.table[key].format(**values)


def strings(language: str) -> Strings:
    """The table of a language.

    Raises
    ------
    ReportError : an unknown language; names the known ones.
    """
    if language not in LANGUAGES:
        raise ReportError(
            "the report does not speak this language",
            found=language,
            expected=", ".join(sorted(LANGUAGES)),
        )
    return Strings(language, LANGUAGES[language])
