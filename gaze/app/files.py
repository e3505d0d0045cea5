"""Files that somebody brings into a lesson's folder: never over another, never outside."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sessions.config import CONFIG_NAME
from sessions.errors import SessionError
from sessions.lock import lock_around
from sessions.run import atomic_write

#: What the buttons offer; whether a file is good the commands say.
VIDEOS = (".mp4", ".mov", ".mkv", ".avi", ".mts", ".m2ts", ".m4v", ".webm")
AUXILIARY = "calibration/auxiliary"
PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


def free_bytes(folder: Path) -> int:
    """Room for a file that is brought: it is taken in aside, then written into the folder.

    None is left where the folder is gone.
    """
    try:
        return min(shutil.disk_usage(p).free for p in (folder, tempfile.gettempdir()))
    except OSError:
        return 0


def of_kind(folder: Path, kinds: tuple[str, ...]) -> list[Path]:
    """The folder's files of these kinds, by name; links out of the folder are left out."""
    if not folder.is_dir():
        return []
    here = folder.resolve()
    return sorted(
        p for p in folder.iterdir()
        if p.suffix.lower() in kinds and not p.name.startswith(".")
        and p.is_file() and p.resolve().is_relative_to(here)
    )  # fmt: skip


def place_for(folder: Path, name: str, kinds: tuple[str, ...]) -> Path:
    """Where a brought file goes.

    Raises
    ------
    SessionError : a name that is none, another kind of file, or one that is there already.
    """
    plain = name.replace("\\", "/").rsplit("/", 1)[-1]
    if plain != name or not plain.isprintable() or plain.startswith(".") or len(plain) > 120:
        raise SessionError("this is no file name", found=repr(name)[:80])
    path = folder / plain
    if path.suffix.lower() not in kinds:
        raise SessionError("this kind of file is not asked for here", found=plain,
                           expected=", ".join(kinds))  # fmt: skip
    if path.exists():
        raise SessionError(
            "there is a file of this name already; it is not overwritten", where=plain,
            remedy="Rename the new one, or remove the old one in the folder.",
        )  # fmt: skip
    return path


async def bring(folder: Path, kinds: tuple[str, ...], name: str, upload: Any) -> Path:
    """Write an upload into a folder of a lesson, whole or not at all; returns where.

    Raises
    ------
    SessionError : as :func:`place_for` and :func:`writing`.
    """
    path = place_for(folder, name, kinds)
    with writing(path) as aside:
        await upload.save(aside)
    return path


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yields where to write a file of a lesson, whole or not at all.

    Raises
    ------
    SessionError : the lesson is gone, or a command is at work in it (a forgetting would lose the
        file: its copy of the lesson takes the lesson's place).
    """
    if not any((folder / CONFIG_NAME).is_file() for folder in path.parents):
        raise SessionError("the lesson is not there any more", where=path.parent)
    with lock_around(path), atomic_write(path) as aside:
        yield aside
