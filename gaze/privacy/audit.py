"""The lesson's audit.log: who exported or forgot what, and when."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import getpass
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sessions.errors import SessionError
from sessions.run import Run

AUDIT_NAME = "audit.log"
REMEDY = {
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM),
                    "Copy the lesson to a disk where you may write."),
    **dict.fromkeys((errno.EISDIR, errno.ELOOP), "Move it elsewhere."),
}  # fmt: skip
NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
STUDY_TABLE = "study-table"  # the format of tables over lessons, which lie outside them


def audit(folder: str | Path, action: str, **facts: Any) -> None:
    """Append a line to the lesson's audit.log: when (UTC), who, what. No pseudonym goes in.

    Raises
    ------
    SessionError : it may not be written.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    line = {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "user": user,
        "action": action,
        **facts,
    }
    with os.fdopen(_opened(folder), "a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def refuse_unwritable(folder: str | Path) -> None:
    """Before something is done that is to be noted.

    Raises
    ------
    SessionError : the lesson's audit.log may not be written.
    """
    if os.path.lexists(Path(folder) / AUDIT_NAME):
        os.close(_opened(folder))


def _opened(folder: str | Path) -> int:
    path = Path(folder) / AUDIT_NAME
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_LINK, 0o600)
    except OSError as error:
        if error.errno not in REMEDY:
            raise
        raise SessionError(
            "what leaves a lesson is noted in it, and what is forgotten, and it cannot be written",
            where=path, found=error.strerror, remedy=REMEDY[error.errno],
        ) from error  # fmt: skip


@contextlib.contextmanager
def noted_meanwhile(folder: str | Path, action: str, **facts: Any) -> Iterator[None]:
    """A line in the lesson's audit.log while a work lasts: it stays where that is killed."""
    path = Path(folder) / AUDIT_NAME
    there = path.is_file()
    before = path.stat().st_size if there else 0
    audit(folder, action, **facts)
    ours = path.read_bytes()[before:]
    try:
        yield
    finally:
        if path.read_bytes()[before:] == ours:  # else somebody wrote after us: it stays
            if there:
                os.truncate(path, before)
            else:
                path.unlink()


def went_out(runs: Iterable[Run], what: str, path: str | Path) -> None:
    """Note a page or file made from runs, in each lesson outside which it is written, so that a
    forgetting can name it. what : ``report``, ``comparison``, ``contribution``."""
    real = Path(path).resolve()
    for run in runs:
        lesson = run.lesson_folder
        if not real.is_relative_to(lesson.resolve()):
            audit(lesson, "export", format=what, run=run.name, out=str(real), files=1, salted=False)


def lines(folder: str | Path) -> Iterator[dict[str, Any]]:
    """What the log says, line by line; lines that are none of ours are left out."""
    path = Path(folder) / AUDIT_NAME
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry
