"""Folders that are whole or not there; those that an interrupted command goes on with."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calibration.files import NO_ROOM, disk_full, write_file
from sessions.errors import SessionError
from sessions.lock import held

MADE_OF = "made-of.json"  # what an unfinished folder is being made of


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty folder beside ``path``; renamed to it when the block ends well, else removed.

    Raises
    ------
    SessionError : there is something at ``path`` already. DiskFullError : no room for it.
    """
    path = _free(path)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield aside
        _take_place(aside, path)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(path, error) from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def marked_folder(path: Path, mark: str) -> Iterator[Path]:
    """Yields an empty folder of its own name, which is removed afterwards; what a killed call left
    there, known by a file ``mark`` in it, is removed before.

    Raises
    ------
    SessionError : something without the mark lies there.
    """
    left = path.is_dir() and ((path / mark).is_file() or not any(path.iterdir()))
    if path.is_symlink() or (path.exists() and not left):
        raise SessionError("this is in the way", where=path, remedy="Move it elsewhere.")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        (path / mark).write_text("{}", encoding="utf-8")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def resumed_folder(path: str | Path, made_of: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """Yields a folder that becomes ``path`` when the block ends well, and one for parts.

    Both lie in ``.NAME.unfinished`` beside ``path``. Where the block is interrupted they stay, and
    the next call with the same ``made_of`` (JSON) finds them as they were; with another one they
    begin empty. Only one call at a time.

    Raises
    ------
    SessionError : there is something at ``path`` already, or in the place of ``.NAME.unfinished``;
        another call is at work on it. DiskFullError : no room for it; what was done is kept.
    """
    path = _free(path)
    aside = path.with_name(f".{path.name}.unfinished")
    aside.mkdir(mode=0o700, exist_ok=True)
    here = {p.name for p in aside.iterdir()} - {"lock"}
    if aside.is_symlink() or (here and MADE_OF not in here):
        raise SessionError("this is in the way", where=aside, remedy="Move it elsewhere.")
    making, parts = aside / "whole", aside / "parts"
    try:
        with held(aside / "lock", path):
            text = json.dumps(made_of, sort_keys=True, indent=1)
            if not (aside / MADE_OF).is_file() or (aside / MADE_OF).read_text("utf-8") != text:
                for old in (making, parts):
                    shutil.rmtree(old, ignore_errors=True)
                write_file(aside / MADE_OF, text)
            for folder in (making, parts):
                folder.mkdir(exist_ok=True)
            yield making, parts
            _take_place(making, path)
        shutil.rmtree(parts)
        for own in (MADE_OF, "lock"):
            (aside / own).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there is something that is not ours
            aside.rmdir()
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(path, error) from error
        raise


def _free(path: str | Path) -> Path:
    """Where a new folder goes, links followed; its parent is made."""
    path = Path(path).resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SessionError(
            "the folder is not empty", where=path, remedy="Name a new folder, or delete this one."
        )
    if path == Path.cwd():  # the new one takes its place: your shell would stand in a folder gone
        raise SessionError(
            "a new folder cannot be made of the one you are in",
            where=path,
            remedy=f"cd .. and name it: {path.name}.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise SessionError(
            "no folder can be made there",
            where=path,
            found=error.strerror,
            remedy="Name one where you may write.",
        ) from error
    return path


def _take_place(folder: Path, path: Path) -> None:
    if path.exists():
        path.rmdir()
    with contextlib.suppress(OSError):  # a disk that keeps no rights
        folder.chmod(0o755)  # it was its owner's alone
    folder.rename(path)
