"""Changes of session.toml that keep its comments: keys, and the whole file without a student."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from sessions.config import CONFIG_NAME, SessionConfig, checked, config_path, load_config
from sessions.config_errors import parsed, read_text
from sessions.errors import ConfigError, SessionError
from sessions.run import atomic_write


def edit_config(folder: str | Path, changes: Mapping[str, Any]) -> SessionConfig:
    """Change keys of ``session.toml``; comments and everything else stay as they are.

    changes : a value for each key, named as in the errors: ``"cameras.right.offset_s": 0.04``,
        ``"auxiliary[1].left_m": 1.9`` where there are several. None removes the key (or the one
        of several); a list of dicts replaces an array of tables, such as ``"students"``. Missing
        tables are made, also one after the last of several.

    The whole file is checked before it is written; where that fails nothing is written.

    Raises
    ------
    SessionError, ConfigError : as :func:`load_config`, for the file with its changes.
    """
    path = config_path(folder)
    text = read_text(path)
    parsed(path, text)  # says what is wrong with it
    document = tomlkit.parse(text)
    for key, value in changes.items():
        try:
            _set(document, [_step(part) for part in re.findall(r"[^.\[\]]+", key)], value)
        except (KeyError, IndexError, TypeError, TOMLKitError) as error:
            raise ConfigError(f"there is no place for the key `{key}`", where=path) from error
    text = tomlkit.dumps(document)
    config = checked(path, parsed(path, text))
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return config


def config_text(folder: str | Path) -> str:
    """The text of ``session.toml``, whether or not it is good.

    Raises
    ------
    SessionError, ConfigError : it cannot be read, or is not UTF-8.
    """
    return read_text(config_path(folder))


def rewrite_config(folder: str | Path, text: str, before: str) -> SessionConfig:
    """Write ``session.toml`` whole, once the text is good. before : what it is taken to say now.

    Raises
    ------
    SessionError, ConfigError : as :func:`load_config`, for the new text; or the file says something
        else than ``before``.
    """
    path = config_path(folder)
    if read_text(path) != before:
        raise SessionError(
            "session.toml was changed meanwhile; nothing was written", where=folder,
            remedy="Load it again, then change it.",
        )  # fmt: skip
    config = checked(path, parsed(path, text))
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return config


def _step(part: str) -> str | int:
    return int(part) if part.isdigit() else part


def _set(document: Any, steps: list[str | int], value: Any) -> None:
    """One value of a tomlkit document, by its keys and places in lists.

    A table is a list of one: ``auxiliary[0]`` is ``[auxiliary]``, and where ``auxiliary[1]`` is
    set, it becomes the first of ``[[auxiliary]]``.
    """
    *way, last = steps
    above: Any = None
    for step in way:
        if isinstance(step, int) and isinstance(document, dict):
            if step == 0:
                continue
            array = tomlkit.aot()
            array.append(document)
            above[0][above[1]] = document = array
        if value is not None and isinstance(step, str) and step not in document:
            document[step] = tomlkit.table()
        elif value is not None and isinstance(step, int) and step == len(document):
            document.append(tomlkit.table())
        elif value is None and isinstance(step, str) and step not in document:
            return
        above, document = (document, step), document[step]
    if isinstance(last, int):
        if isinstance(document, dict):  # the only one
            document, last = above
        elif value is None:
            document.pop(last)
            return
    if value is None:
        if last in document:
            del document[last]
    elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        document[last] = _tables(value)
    else:
        document[last] = value


def _tables(rows: list[dict[str, Any]]) -> Any:
    """``[[students]]``: an array of tables; keys without a value are left out."""
    array = tomlkit.aot()
    for row in rows:
        table = tomlkit.table()
        for key, value in row.items():
            if value is not None:
                table[key] = value
        array.append(table)
    return array


def without_student(
    folder: str | Path, is_it: Callable[[object], bool], cut: Callable[[str], str]
) -> tuple[str, str | None]:
    """session.toml's text without a student: the seat stays, opted out, under another name.

    is_it : whether an id is the student's. cut : takes the name out of a text, for comments, the
    title and names of areas and surfaces; what else names the student (a video's file) stays.
    Returns the text, which :func:`load_config` reads, and the seat's new id (None: there is no
    seat to mask). Comments of other students and their order stay.

    Raises
    ------
    SessionError, ConfigError : session.toml cannot be read, now or without the student.
    """
    folder = Path(folder)
    load_config(folder)
    document = tomlkit.parse(read_text(folder / CONFIG_NAME))
    students = document.get("students", [])
    ids = {str(s["id"]) for s in students}
    fresh = next(f"removed-{i}" for i in range(1, 10_000) if f"removed-{i}" not in ids)
    masked = None
    for k in reversed(range(len(students))):
        student = students[k]
        if not is_it(student.get("id")):
            continue
        if "seat_m" not in student:
            del students[k]
            continue
        student["id"] = fresh
        trivia = student["id"].trivia  # the comment beside it may say who it is
        trivia.comment_ws, trivia.comment = "", ""
        student["opt_out"] = True
        masked = fresh
    if "students" in document and not len(students):
        del document["students"]
    text = tomlkit.dumps(document)
    shorter = cut(text)
    text = shorter if _named(shorter) == _named(text) else _cut_comments(text, cut)
    try:
        checked(folder / CONFIG_NAME, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            "the student cannot be taken out of it without breaking it",
            where=folder / CONFIG_NAME,
            found=error,
            remedy="Take the student out of it yourself, then run the same command again.",
        ) from error
    return text, masked


def _cut_comments(text: str, cut: Callable[[str], str]) -> str:
    """The text with its comments cut, where the name stands in what TOML reads, too."""
    lines = text.split("\n")
    for k, line in enumerate(lines):
        for start in (i for i, sign in enumerate(line) if sign == "#" and cut(line) != line):
            lines[k] = line[:start] + cut(line[start:])
            if _named("\n".join(lines)) == _named(text):
                break
            lines[k] = line
    return "\n".join(lines)


def _named(text: str) -> dict[str, Any] | None:
    """What a session.toml says, less what may be reworded; None: it is not TOML any more."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    data.pop("title", None)
    surfaces = data.get("surfaces", [])
    for surface in (data.get("blackboard", {}), *surfaces):
        for area in surface.get("areas", []):
            area.pop("name", None)
    for surface in surfaces:
        surface.pop("name", None)
    return data
