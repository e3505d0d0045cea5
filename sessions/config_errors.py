"""What is wrong with a session.toml, in one sentence with its remedy."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sessions.errors import ConfigError, SessionError

LARGEST_BYTES = 1_000_000
_CENTIMETRES = "it looks like centimetres or millimetres: session.toml is in metres"
_UNITS = ("_m", "_s", "_deg", "_px", "_days")

# What people write that TOML does not know: where, on the line of the error; what to do.
_SLIPS = (
    (r"^[^#\"']*[\u00a0\u2000-\u200f\u202f\u2060\u3000\ufeff]",
     "It holds an odd space that cannot be seen (out of a page or a word processor): type the "
     "line anew."),
    (r"^\s*date\s*=", "Write a date as year-month-day: 2026-11-20."),
    (r"^[^#\"']*[\u2012-\u2015\u2212]", "Write a minus as a plain hyphen: -0.3."),
    (r"=\s*\d{1,2}\.\d{1,2}\.\d{2,4}", "Write a date as year-month-day: 2026-11-20."),
    (r"=\s*\d{1,2}/\d{1,2}/\d{2,4}", "Write a date as year-month-day: 2026-11-20."),
    (r"=\s*([-+]?[\d.]+,\d|\[.*\d,0\d)", "Write decimals with a point: 3.5."),
    (r"=\s*[-+]?\.\d", "Write a zero before the point: 0.5."),
    (r"=\s*(#.*)?$", "There is no value after `=`."),
    (r"=\s*[^\W\d]", "Put text into quotation marks."),
    (r"[“”„‘’«»]", 'Use straight quotation marks: ".'),
    (r"=\s*[-+]?\d[\d.]*\s*(m|cm|mm|s)\b", "Write the number without its unit."),
)  # fmt: skip


def read_text(path: Path) -> str:
    """The text of a session.toml, without the mark that some editors put before it, its lines
    ended as everywhere.

    Raises
    ------
    SessionError, ConfigError : a folder, not readable, far too large, not UTF-8, no plain text.
    """
    if path.is_dir():
        raise ConfigError("this is a folder, not a file", where=path, remedy="Rename it.")
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise ConfigError(
                "the file is far too large for a configuration",
                where=path,
                found=f"{size / 1e6:.1f} MB",
                expected="a few kB",
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SessionError("the file cannot be read", where=path, found=error.strerror) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            "the file is not UTF-8 text", where=path, remedy="Save it as UTF-8 in your editor."
        ) from error
    if "\0" in text:  # what a power cut leaves, or no text at all
        raise ConfigError(
            "the file is damaged: it holds zeros",
            where=path,
            remedy="Take it from a copy of the lesson, or cut the zeros off in an editor.",
        )
    if text.lstrip().startswith(("{\\rtf", "<!", "<html", "<?xml")):
        raise ConfigError(
            "the file is a word processor's or a page, not plain text",
            where=path,
            remedy="Save it as plain text (UTF-8).",
        )
    return re.sub("\r(?!\n)", "\n", text)  # old Macs' and some editors'


def parsed(path: Path, text: str) -> dict[str, Any]:
    """The TOML of a text.

    Raises
    ------
    ConfigError : it is none; names the line and, where it is a common slip, the remedy. It says
        nothing: empty, or comments alone.
    """
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError("the values are nested too deeply", where=path) from error
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise ConfigError(
            "this is not valid TOML",
            where=path,
            found=_short(str(error)),
            remedy=_slip(text, error),
        ) from error
    if not data:
        raise ConfigError(
            "the file is empty" if not text.strip() else "the file holds comments alone",
            where=path,
            remedy="Write it as in docs/session.md, or take it from a copy of the lesson.",
        )
    return data


def _slip(text: str, error: Exception) -> str:
    """The remedy for a common slip on the line that an error names; else where to look."""
    if "overwrite" in str(error).lower() or "twice" in str(error).lower():
        return "A key or table is there twice: remove one of them."
    if "digits" in str(error):
        digits = max(re.findall(r"\d+", text), key=len)
        return f"A number is far too long: {_short(digits)}"
    found = re.search(r"at line (\d+)", str(error))
    lines = text.splitlines()
    if found is None or not 0 < int(found[1]) <= len(lines):
        return "Compare it with the example in docs/session.md."
    line = lines[int(found[1]) - 1]
    remedy = next((r for slip, r in _SLIPS if re.search(slip, line)), None)
    return remedy or f"Mend this line: {_short(line.strip())}"


def sentence(
    path: Path,
    data: Mapping[str, Any],
    error: ValidationError,
    tables: Mapping[tuple[str, ...], type[BaseModel]],
) -> ConfigError:
    """The first finding of pydantic as one sentence of ours.

    tables : the model of each table, by its keys; for "did you mean".
    """
    found = error.errors(include_url=False)
    # A misspelt key is the cause of a missing one.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    if first["type"] == "string_type" and isinstance(first.get("input"), list | tuple):
        # one file or several: of a list, what is wrong in it
        first = next((e for e in found[1:] if e["loc"][:3] == first["loc"][:3]), first)
    loc = list(first["loc"])
    names = tuple(str(p) for p in loc if not isinstance(p, int))
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in _as_written(loc, data))
    key = key.lstrip(".")
    value = first.get("input")
    if first["type"] == "extra_forbidden":
        return ConfigError(
            f"unknown key `{key}`",
            where=path,
            found=_shown(value),
            remedy=_did_you_mean(names, tables) or _missing_beside(first, found),
        )
    if first["type"] == "missing" and isinstance(loc[-1], int):
        what = f"`{key[: key.rindex('[')]}` has too few values"
        return ConfigError(what, where=path, found=_shown(value))
    if first["type"] == "missing":
        return ConfigError(
            f"the key `{key}` is missing", where=path, remedy="See docs/session.md for its meaning."
        )
    message = first["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be a valid tuple", "expected a list, [ … ]")
    message = message.replace("Input should be a valid string", "expected text")
    remedy = _remedy(key, value, message)
    if "a list" in message and isinstance(value, dict) and names in tables:
        remedy = f"Write [[{key}]], in two brackets, once for each."
    return ConfigError(
        f"`{_short(key) or 'session.toml'}` is impossible: {message[:1].lower()}{message[1:]}",
        where=path,
        found=_shown(value) if key and not isinstance(value, dict) else None,
        remedy=remedy,
    )


def _as_written(loc: list[Any], data: Mapping[str, Any]) -> list[Any]:
    """[auxiliary], not [[auxiliary]], where the user wrote no list; none of pydantic's own words
    for what may stand in one place."""
    loc = [p for p in loc if isinstance(p, int) or not re.match(r"(function-\w+|tuple)\[", p)]
    one = data.get("auxiliary")
    if loc[:2] == ["auxiliary", 0] and isinstance(one, dict):
        del loc[1]
        if loc[1:3] == ["room_picture", 0] and isinstance(one.get("room_picture"), dict):
            del loc[2]
    return loc


def _remedy(key: str, value: object, message: str) -> str | None:
    """What to do about an impossible value, where that can be said."""
    if message == "expected text" and isinstance(value, int | float):
        return f'Put it into quotation marks: "{value}".'
    number = re.search("number|integer", message)
    if number and isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+[.,]?\d*\s*", value):
        return f"Write it without quotation marks: {value.strip().replace(',', '.')}."
    if key.endswith("date"):
        return "Write a date as year-month-day: 2026-11-20."
    if isinstance(value, list | tuple) and len(value) in (4, 8) and key.endswith("_m"):
        if all(isinstance(v, int) and v >= 20 for v in value):
            return f"Use metres; {_CENTIMETRES}."
        if all(isinstance(v, int) for v in value):
            return "Write decimals with a point: [0.5, 2.0]."
    is_length = key.endswith("_m") or "seat_m" in key
    if is_length and isinstance(value, int | float) and not isinstance(value, bool):
        least = 0.5 if key.endswith("square_m") else 5
        if least <= value < 1e5:  # what is larger is no length at all
            return f"Use metres; {_CENTIMETRES}."
        if value < 0 and key.endswith(("down_m", "out_m")):
            return "Measure down and out of the blackboard as positive numbers (record-a-lesson)."
    return None


def _did_you_mean(
    names: tuple[str, ...], tables: Mapping[tuple[str, ...], type[BaseModel]]
) -> str | None:
    """The key that was meant by the last of ``names``: in its table, or in another one."""
    *table, wrong = names
    here = tables.get(tuple(table))
    known = list(here.model_fields) if here else []
    wrong = wrong[:100].lower()
    meant = [k for k in known if k in {wrong + unit for unit in _UNITS}]
    meant += difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if meant:
        return f"Did you mean `{meant[0]}`?"
    elsewhere = [t for t, model in tables.items() if wrong in model.model_fields and t != ()]
    if elsewhere:
        return f"It belongs into [{'.'.join(elsewhere[0])}]."
    return None


def _missing_beside(wrong: ErrorDetails, found: Sequence[ErrorDetails]) -> str:
    """What an unknown key of a table may stand for: one that is missing there."""
    beside = (e["loc"] for e in found if e["type"] == "missing")
    missing = next((loc for loc in beside if loc[:-1] == wrong["loc"][:-1]), None)
    if missing is None:
        return "Remove it, or look up the right name in docs/session.md."
    return f"`{'.'.join(map(str, missing))}` is missing: is it that?"


def _shown(value: object) -> str | None:
    """A value as an error may show it."""
    try:
        return _short(str(value) if isinstance(value, dt.date | dt.time) else repr(value))
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in …
        return None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"
