"""One command at a time in a lesson; what a dead process held holds nobody up."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import filelock
import pytest

from sessions.errors import SessionError
from sessions.lock import LOCK, lesson_lock

HOLD = """
import sys
from sessions.lock import lesson_lock
with lesson_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(lesson: Path) -> subprocess.Popen[str]:
    """Another process that holds the lesson's lock."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lesson)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    return other


def test_the_second_one_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    other = hold(tmp_path)
    try:
        with (
            pytest.raises(SessionError, match=r"another command is at work.*since.*Wait") as caught,
            lesson_lock(tmp_path),
        ):
            pass
        assert "\n" not in str(caught.value)
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with lesson_lock(tmp_path):  # the dead one's lock file is still there
        assert stat.S_IMODE((tmp_path / "runs" / LOCK).stat().st_mode) == 0o600
    with lesson_lock(tmp_path):
        pass


def test_in_one_process_too(tmp_path: Path) -> None:
    with lesson_lock(tmp_path):
        with pytest.raises(SessionError, match="another command"), lesson_lock(tmp_path):
            pass
        (tmp_path / "other").mkdir()
        with lesson_lock(tmp_path / "other"):  # another lesson is free
            pass


def test_an_error_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lesson_lock(tmp_path):
        raise KeyboardInterrupt
    with lesson_lock(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_share_without_locks_is_said(tmp_path: Path, monkeypatch, number: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    done = []
    with pytest.warns(UserWarning, match="share without locks"), lesson_lock(tmp_path):
        done.append(1)
    assert done


@pytest.mark.skipif(os.name != "posix", reason="rights are kept in another way there")
def test_a_disk_without_rights_is_said(tmp_path: Path, monkeypatch) -> None:
    """FAT and some shares: whoever has the disk reads the lesson. One with rights says nothing."""
    with lesson_lock(tmp_path):
        (tmp_path / "runs" / LOCK).chmod(0o644)  # copied from elsewhere
    with warnings.catch_warnings(action="error"), lesson_lock(tmp_path):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    (tmp_path / "runs" / LOCK).chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.warns(UserWarning, match="without rights of access"), lesson_lock(tmp_path):
        pass


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(SessionError, match="cannot be written to"), lesson_lock(tmp_path):
        pass


@pytest.mark.parametrize("place", ["runs", f"runs/{LOCK}"])
@pytest.mark.parametrize("is_link", [True, False])
def test_what_is_in_the_lock_s_way_is_named_and_stays(
    tmp_path: Path, place: str, is_link: bool
) -> None:
    """A file where the runs lie, a folder where their lock is, a link to what is somebody's."""
    theirs, path = tmp_path / "theirs", tmp_path / "lesson" / place
    path.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    theirs.chmod(0o644)
    if is_link:
        path.symlink_to(theirs)
    elif place == "runs":
        path.write_text("mine")
    else:
        path.mkdir()
    with (
        pytest.raises(SessionError, match=rf"{place}: this is in the way .* Move it elsewhere"),
        lesson_lock(tmp_path / "lesson"),
    ):
        pass
    assert path.is_symlink() == is_link
    assert theirs.read_text() == "theirs" and theirs.stat().st_mode & 0o777 == 0o644
