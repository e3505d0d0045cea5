"""One at a time: a lock on a lesson, so that two commands do not work in it at once."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from sessions.config import CONFIG_NAME
from sessions.errors import SessionError
from sessions.run import RUNS

LOCK = ".lock"  # in runs/
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def lesson_lock(lesson: str | Path) -> Iterator[None]:
    """Holds the lesson's lock, ``runs/.lock``, for the block (:func:`held`)."""
    with held(Path(lesson) / RUNS / LOCK, lesson):
        yield


@contextlib.contextmanager
def lock_around(path: str | Path) -> Iterator[None]:
    """Holds the lock of the lesson in which a path lies, if it lies in one."""
    folders = [*Path(path).resolve().parents]
    lesson = next((f for f in folders if (f / CONFIG_NAME).is_file()), None)
    with contextlib.nullcontext() if lesson is None else lesson_lock(lesson):
        yield


@contextlib.contextmanager
def held(path: Path, where: str | Path) -> Iterator[None]:
    """Holds the lock ``path`` (its folder is made) for the block; errors name ``where``.

    The system lets go of it with its process, however that ends: a lock that was left behind holds
    nobody up. On a share that knows no locks a warning says so, and nothing is held.

    Raises
    ------
    SessionError : somebody else holds it, or its folder cannot be written to.
    """
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        path.parent.mkdir(exist_ok=True)
        since = path.stat().st_mtime if path.exists() else 0.0
        lock.acquire()
    except Timeout as error:
        raise SessionError(
            "another command is at work in this lesson",
            where=where,
            found=f"since {dt.datetime.fromtimestamp(since):%d %b, %H:%M}",
            remedy="Wait until it is done, or stop it; then run the same command again.",
        ) from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in IN_THE_WAY:
            raise SessionError(
                "this is in the way of the lesson's runs and their lock",
                where=path if path.parent.is_dir() else path.parent, found=error.strerror,
                remedy="Move it elsewhere.",
            ) from error  # fmt: skip
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise SessionError(
                "the lesson's folder cannot be written to",
                where=path.parent,
                found=error.strerror,
                remedy="Copy the lesson to a disk where you may write.",
            ) from error
        warnings.warn(
            f"{path.parent} lies on a share without locks: start no second command on this lesson",
            stacklevel=5,
        )
        yield
        return
    try:
        path.touch()  # since when
        _say_who_may_read(path)
        yield
    finally:
        lock.release()


def _say_who_may_read(lock: Path) -> None:
    with contextlib.suppress(OSError):
        lock.chmod(0o600)  # it may have been copied
    if os.name == "posix" and lock.stat().st_mode & 0o077:
        warnings.warn(
            f"{lock.parent} lies on a disk without rights of access (FAT, some shares): whoever "
            "has the disk can read the lesson",
            stacklevel=6,
        )


def at_work(lesson: str | Path) -> bool:
    """Whether somebody holds the lesson's lock at this moment."""
    path = Path(lesson) / RUNS / LOCK
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        if path.is_file():
            lock.acquire()
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False  # what cannot be locked is held by nobody; the command says what is wrong
    lock.release()
    return False
