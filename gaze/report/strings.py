"""The report's words: one table of strings, a module a language (``words_en``, ``words_de``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gaze.report.words_de import DE
from gaze.report.words_en import EN

LANGUAGES: dict[str, dict[str, str]] = {"en": EN, "de": DE}


@dataclass(frozen=True)
class Strings:
    """A language's table; called with a key and its values."""

    language: str
    table: dict[str, str]

    def __call__(self, key: str, /, **values: Any) -> str:
        return self.table[key].format(**values) if values else self.table[key]

    def number(self, value: float, digits: int = 0) -> str:
        """A number as this language writes it (1,234.5 or 1.234,5)."""
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.translate(str.maketrans(",.", ".,"))


def strings(language: str) -> Strings:
    """The table of a language.

    Raises
    ------
    ValueError : an unknown language; names the known ones (callers turn it into a ReportError).
    """
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is not one of {', '.join(sorted(LANGUAGES))}")
    return Strings(language, LANGUAGES[language])
