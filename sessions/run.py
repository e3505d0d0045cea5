"""A run folder: atomic writes, resume, provenance."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sessions.errors import RunError, SessionError

RUN_VERSION = 1

Progress = Callable[[str, float], None]  # called with a stage's name and the share that is done


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a path to write to; renamed to ``path`` when the block ends well, else removed.

    Raises
    ------
    SessionError : the disk is full (nothing half-written is left).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            remedy = "Make room and run the same command again: it resumes."
            raise _disk_full(path, remedy) from error
        raise
    finally:
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty folder beside ``path``; renamed to it when the block ends well, else removed.

    Raises
    ------
    SessionError : there is something at ``path`` already, or the disk is full.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SessionError(
            "the folder is not empty", where=path, remedy="Name a new folder, or delete this one."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield aside
        if path.exists():
            path.rmdir()
        aside.chmod(0o755)  # mkdtemp's is for its owner alone
        aside.rename(path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full(path, "Make room, or ask for less.") from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _disk_full(path: Path, remedy: str) -> SessionError:
    return SessionError(
        "no space is left on the disk",
        where=path,
        found=f"{shutil.disk_usage(path.parent).free / 1e6:.0f} MB free",
        remedy=remedy,
    )


def write_json(path: str | Path, value: Any) -> None:
    """JSON, written aside and renamed; keys in the order given."""
    with atomic_write(path) as aside:
        aside.write_text(json.dumps(value, indent=1, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path | dt.date):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    names = ("classroom-gaze", "numpy", "scipy", "torch", "opencv-contrib-python-headless")
    found = {"python": platform.python_version()}
    for name in (*names, "openvino", "pandas", "plotly"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@dataclass(frozen=True)
class Run:
    """A run folder under ``runs/``. ``run.json`` says state, versions, settings and timings."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, settings: dict[str, Any]) -> Run:
        """Start a run: writes run.json with ``state = "running"``."""
        folder.mkdir(parents=True, exist_ok=True)
        run = cls(folder)
        write_json(
            run.info_path,
            {
                "version": RUN_VERSION,
                "state": "running",
                "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                "versions": versions(),
                "settings": settings,
            },
        )
        return run

    @classmethod
    def open(cls, folder: str | Path, *, finished: bool = True) -> Run:
        """Open a run folder and check its version (and that it is finished).

        Raises
        ------
        RunError : not a run, of another version, or not finished.
        """
        run = cls(Path(folder))
        if not run.info_path.is_file():
            raise RunError(
                "this is not a run folder", where=folder, expected="run.json, by `gaze analyze`"
            )
        try:
            info = run.info()
        except ValueError as error:
            raise RunError("run.json cannot be read", where=run.info_path, found=error) from error
        if info.get("version") != RUN_VERSION:
            raise RunError(
                "this run was made by another version",
                where=run.info_path,
                found=f"version {info.get('version')}",
                expected=RUN_VERSION,
                remedy="Run `gaze analyze` again.",
            )
        if finished and info.get("state") != "done":
            raise RunError(
                "this run is not finished",
                where=folder,
                found=f"state {info.get('state')}",
                remedy="`gaze analyze` on the same lesson resumes it.",
            )
        return run

    @property
    def info_path(self) -> Path:
        return self.folder / "run.json"

    @property
    def gaze_path(self) -> Path:
        return self.folder / "gaze.parquet"

    @property
    def students_path(self) -> Path:
        return self.folder / "students.parquet"

    @property
    def faces_path(self) -> Path:
        return self.folder / "faces.parquet"

    @property
    def quality_path(self) -> Path:
        return self.folder / "quality.json"

    @property
    def report_path(self) -> Path:
        return self.folder / "report.html"

    @property
    def heatmaps_folder(self) -> Path:
        return self.folder / "heatmaps"

    @property
    def lesson_folder(self) -> Path:
        """The session folder this run lies in (``LESSON/runs/RUN``)."""
        return self.folder.resolve().parent.parent

    def info(self) -> dict[str, Any]:
        """run.json."""
        return dict(json.loads(self.info_path.read_text(encoding="utf-8")))

    def update(self, **values: Any) -> None:
        """Change keys of run.json."""
        write_json(self.info_path, {**self.info(), **values})
