"""The report's words: a table, ``words.csv``; a row for each string, a column for each language."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

LOCALES = {"en": "en_GB", "de": "de_DE", "zh": "zh_Hans_CN"}


def _read() -> dict[str, dict[str, str]]:
    with Path(__file__).with_name("words.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    return {language: {row["key"]: row[language] for row in rows} for language in LOCALES}


LANGUAGES = _read()


@dataclass(frozen=True)
class Strings:
    """A language's table; called with a key and its values."""

    language: str
    table: dict[str, str]

    def __call__(self, key: str, /, **values: Any) -> str:
        return self.table[key].format(**values) if values else self.table[key]

    def number(self, value: float, digits: int = 0) -> str:
        """A number as this language writes it (1,234.5 or 1.234,5)."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(value, pattern, locale=LOCALES[self.language]))

    def date(self, day: dt.date) -> str:
        """A date as this language writes it (2 March 2026, 2. März 2026, 2026年3月2日)."""
        return str(format_date(day, "long", locale=LOCALES[self.language]))

    def day(self, day: dt.date) -> str:
        """A date without its year, short (2 Mar, 2. März, 3月2日)."""
        return str(format_skeleton("MMMd", day, locale=LOCALES[self.language]))


def strings(language: str) -> Strings:
    """The table of a language.

    Raises
    ------
    ValueError : an unknown language; names the known ones (callers turn it into a ReportError).
    """
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is not one of {', '.join(sorted(LANGUAGES))}")
    return Strings(language, LANGUAGES[language])
