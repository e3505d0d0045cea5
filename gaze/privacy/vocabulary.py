"""Words that stand in files of ours whoever sits in the class."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import calibration
import gaze
import headpose
import sessions
from gaze.privacy.names import Finder


@cache
def own_words() -> str:
    """Our own vocabulary: what stands in files of a lesson in which there is nobody."""
    from gaze.report.strings import LANGUAGES
    from sessions.config import SessionConfig
    from sessions.quality import Quality
    from sessions.tables import TABLES, dictionary

    said = [json.dumps([dictionary(table) for table in TABLES], ensure_ascii=False)]
    said += [" ".join(words.values()) for words in LANGUAGES.values()]
    said += [json.dumps(Quality.model_json_schema()), *Quality.model_fields]
    said += _keys(SessionConfig.model_json_schema())
    return "\n".join([*said, "left right class marks student board camera video rig run lesson"])


def _keys(schema: Any) -> Iterator[str]:
    """Keys and words that a model's file may hold, by its JSON schema; no text about them."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (str(v) for v in [*schema.get("enum", []), schema.get("const", "")])
    for inner in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(inner, dict | list):
            yield from _keys(inner)


def is_ordinary(finder: Finder) -> bool:
    """Whether a name is a number or a word of ours, so that a text with it need not mean anybody:
    such a name is looked for by structure (columns, keys), not in running text."""
    name = unicodedata.normalize("NFKC", finder.student)
    number = re.fullmatch(r"[\d.\-_ ]+", name) is not None
    return number or finder.within(own_words())


@cache
def _code() -> str:
    """Our source, templates and styles, less docstrings and comments, where examples have names."""
    files = (
        p
        for package in (calibration, gaze, headpose, sessions)
        for p in sorted(Path(str(package.__file__)).parent.rglob("*"))
        if p.suffix in (".py", ".j2", ".css", ".js", ".csv") and "plotly" not in p.name
    )
    texts = (p.read_text(encoding="utf-8") for p in files)
    return "\n".join(re.sub(r'"""[\s\S]*?"""|#.*', "", text) for text in texts)


def may_be_ours(finder: Finder) -> bool:
    """Whether a name is a word of our code (``main``, ``done``), so that a file which we made from
    tables without the student may hold it."""
    return is_ordinary(finder) or finder.within(_code())
