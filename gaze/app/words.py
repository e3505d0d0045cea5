"""The app's words: one table, ``words.csv``, a row for each, in English, German and Chinese.

What went wrong is said by the project's own sentences, which are English everywhere.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

Language = Literal["en", "de", "zh"]
LANGUAGES: dict[Language, str] = {"en": "English", "de": "Deutsch", "zh": "中文"}


class Row(NamedTuple):
    """One word or sentence in each language."""

    en: str
    de: str
    zh: str


def _read() -> dict[str, Row]:
    with (Path(__file__).parent / "words.csv").open(newline="", encoding="utf-8") as file:
        return {r["key"]: Row(r["en"], r["de"], r["zh"]) for r in csv.DictReader(file, strict=True)}


TABLE = _read()


@dataclass(frozen=True)
class Words:
    """The table of a language; called with a key and its values."""

    language: Language

    def __call__(self, key: str, /, **values: Any) -> str:
        text: str = getattr(TABLE[key], self.language)
        return text.format(**values) if values else text
