"""Files that are whole or not there: the one atomic write."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from calibration.errors import DiskFullError, UserError

# Stands at the head of every page that we write, so that we know it again.
GENERATOR = '<meta name="generator" content="classroom-gaze'
# What there is no room for: the disk is full, or the user's share of it; a file is too large.
NO_ROOM = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "no space is left on the disk",
    errno.EFBIG: "a file is larger than this disk, or a limit of yours (ulimit -f), allows",
}
CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # some shares


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a path to write to; renamed to ``path`` when the block ends well, else removed.

    A missing folder is made. The file is its owner's alone (0600): what we write is, or is made
    from, people's data, where the disk keeps rights (FAT and some shares do not). It and its name
    are on the disk when this returns, whatever fails next, where the disk can be told so.

    Raises
    ------
    DiskFullError : nothing half-written is left, and an old file stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        aside.unlink(missing_ok=True)  # one that a crash left behind may be open to others
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield aside
        _sync(aside)
        os.replace(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(path, error) from error
        if error.filename == str(aside):  # nobody knows a file of this name
            error.filename = str(path)
        raise
    finally:
        aside.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in CANNOT_SYNC:
                raise


def write_file(path: str | Path, content: str | bytes) -> None:
    """Text (UTF-8) or bytes by :func:`atomic_write`."""
    with atomic_write(path) as aside:
        aside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def has_sign(path: Path, *signs: str) -> bool:
    """Whether one of these signs stands at a file's head; at a link's none does."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4000).decode("utf-8", errors="replace")
    return any(sign in head for sign in signs)


def refuse_foreign(path: str | Path, *signs: str) -> None:
    """Refuse to write over a file that is not one of ours; before the work.

    signs : what may stand at a file's head that makes it ours; none: :data:`GENERATOR`.

    Raises
    ------
    UserError : there is a folder, a link, or a file without one of the signs.
    """
    path = Path(path)
    if (path.exists() or path.is_symlink()) and not has_sign(path, *(signs or (GENERATOR,))):
        raise UserError(
            "this is not one of ours, so it is not written over",
            where=path,
            remedy="Move it, or name another file.",
        )


def sync_folder(folder: Path) -> None:
    """A folder's names to the disk, where the system can (Windows and some shares cannot)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def disk_full(path: Path, error: OSError) -> DiskFullError:
    """The error for a file or folder that no longer fits; error : one of :data:`NO_ROOM`."""
    return DiskFullError(
        NO_ROOM[error.errno or errno.ENOSPC],
        where=path,
        found=f"{shutil.disk_usage(path.parent).free / 1e6:.0f} MB free",
        remedy="Make room and run the same command again.",
    )
