"""A run folder: atomic writes, resume, provenance."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import struct
import zlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibration.errors import first_fault
from calibration.files import atomic_write as atomic_write
from sessions.errors import RunError, RunVersionError
from sessions.mounts import mounts_in
from sessions.names import DEVICE, composed, key_of

RUN_VERSION = 1
RUNS = "runs"  # a lesson's folder of runs

# What we write into a run folder, exports (which have a manifest of their own) aside.
_OWN = re.compile(
    r"run\.json|quality\.json|(gaze|faces|students|teacher)\.(parquet|json|csv)|heatmaps\.npz"
    r"|report(-class)?\.html|validation\.(json|svg)|parts/\d+\.npz"
    r"|(.+/)?\.[^/]+\.part\.\w+"  # half-written when the power went
)
# What every heatmap of ours carries right after a PNG's first chunk: without it it is the user's.
_PNG_HEAD = 33
_PICTURE_MARK = b"Software\0classroom-gaze heatmap"


def write_json(path: str | Path, value: Any) -> None:
    """JSON, written aside and renamed; keys in the order given."""
    with atomic_write(path) as aside:
        aside.write_text(json.dumps(value, indent=1, default=_plain) + "\n", encoding="utf-8")


def marked_picture(png: bytes) -> bytes:
    """A PNG with our mark in it (a text chunk), by which :func:`is_our_picture` knows it."""
    body = b"tEXt" + _PICTURE_MARK
    chunk = struct.pack(">I", len(_PICTURE_MARK)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_PNG_HEAD] + chunk + png[_PNG_HEAD:]


def is_our_picture(path: Path) -> bool:
    """Whether a file is a heatmap that we wrote; a link is none."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_PNG_HEAD + 8 + len(_PICTURE_MARK)).endswith(b"tEXt" + _PICTURE_MARK)


def keep_json(path: str | Path, value: Any) -> None:
    """:func:`write_json` while there is something to keep; for an empty value the file goes."""
    if value:
        write_json(path, value)
    else:
        Path(path).unlink(missing_ok=True)


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


def run_folder(given: str | Path, lesson: str | Path | None = None) -> Path:
    """``LESSON/runs/NAME`` of a run's name or of a path of it; the one reader of ``--run``.

    given : a bare name, or a path (absolute, from the working directory, or ``runs/NAME`` from the
        lesson) that leads, links followed, to a folder directly under the lesson's ``runs/``. The
        run need not exist; where there is one but for capitals or accents, that one is meant.
    lesson : the lesson; None: that of the path, or the working directory's for a bare name.

    Raises
    ------
    RunError : anything else: '..', 'a/b', another place, a link out of ``runs/``, an impossible
        name. Nothing is touched.
    """
    text, path = str(given), Path(given)
    too_long = any(len(part) > 100 for part in path.parts[-1:])
    inner = list(itertools.dropwhile(lambda part: part == "..", path.parts))
    if not text.isprintable() or not path.name or not inner or ".." in inner or too_long:
        raise _no_run_name(text)
    if lesson is not None and path.parts[:-1] == (RUNS,) and not path.exists():
        path = Path(lesson).resolve() / path
    bare = len(path.parts) == 1
    if lesson is None:
        above = path.absolute().parent
        linked = above.name == RUNS and above.is_symlink()  # named below, by its true cause
        lesson_runs = above if linked else path.resolve().parent
        lesson = Path.cwd() if bare and not path.exists() else lesson_runs.parent
    runs = Path(lesson).resolve() / RUNS
    found = runs / text if bare and path.resolve().parent != runs else path
    at = found.resolve()
    if runs.is_symlink():
        raise RunError(
            "the lesson's runs/ is a link; runs are neither made nor replaced through one",
            where=runs, found=str(runs.resolve()),
            remedy="Put the folder itself in the link's place.",
        )  # fmt: skip
    if at.parent != runs:
        raise _no_run_name(text, runs)
    name = at.name
    impossible = (
        name != name.strip(" .") or re.search(r'[<>:"|?*\\]', name) or DEVICE.fullmatch(name)
    )
    if impossible:
        raise _no_run_name(text)
    there = (
        f.name for f in runs.glob("*") if key_of(f.name) == key_of(name) and not f.is_symlink()
    )
    return Path(lesson) / RUNS / (name if at.exists() else next(there, composed(name)))


def _no_run_name(given: str, runs: Path | None = None) -> RunError:
    where = "the lesson's runs/" if runs is None else str(runs)
    return RunError(
        "this is no run of the lesson",
        found=repr(given),
        expected=f"a plain name such as monday-2, or the path of a folder directly under {where}",
    )


class _Version(BaseModel):
    version: int


class GainStamp(BaseModel):
    """The head-to-gaze correction that a run applied: ``description`` in words, and its numbers."""

    model_config = ConfigDict(extra="allow", frozen=True)

    description: str


class RunInfo(BaseModel):
    """``run.json``: state, versions, settings and timings of a run.

    settings : what was asked for. inputs : what it was asked of: hashes of rig and weights, the
    videos' lengths. gain : the head-to-gaze correction that was applied, None = none.
    report_problem : why there is no report although the tables are whole.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    version: int
    state: Literal["running", "done"]
    started: str = ""
    finished: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    gain: GainStamp | None = None
    report_problem: str | None = None

    @property
    def head(self) -> str:
        """Where heads come from: ``network`` or ``truth``."""
        return str(self.settings.get("head", "network"))

    @property
    def nose(self) -> str:
        """Where noses come from: ``video`` or ``truth``."""
        return str(self.settings.get("nose", "video"))

    @property
    def weights(self) -> str:
        """Of the head-pose network."""
        return str(self.settings.get("weights", "default"))


@dataclass(frozen=True)
class Run:
    """A run folder under ``runs/``. ``run.json`` says state, versions, settings and timings."""

    folder: Path

    @classmethod
    def create(
        cls, folder: Path, settings: dict[str, Any], inputs: dict[str, Any] | None = None
    ) -> Run:
        """Start a run: writes run.json with ``state = "running"``.

        Raises
        ------
        DiskFullError : no room for run.json; then there is no folder, either.
        """
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        run = cls(folder)
        info = RunInfo(
            version=RUN_VERSION,
            state="running",
            started=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            versions=versions(),
            settings=settings,
            inputs=inputs or {},
        )
        try:
            write_json(run.info_path, info.model_dump())
        except BaseException:
            if is_new:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise
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
        info = run.info()
        if finished and info.state != "done":
            raise RunError(
                "this run is not finished",
                where=folder,
                found=f"state {info.state}",
                remedy="`gaze analyze` on the same lesson resumes it.",
            )
        return run

    @classmethod
    def aside(cls, target: Path) -> Run:
        """The run that is made beside a finished one, to take its place once it is whole."""
        return cls(target.with_name(f".{target.name}.new"))

    @property
    def target(self) -> Path:
        """Where this run lies, or will lie once it is whole."""
        hidden = re.fullmatch(r"\.(.+)\.new", self.folder.name)
        return self.folder.with_name(hidden[1]) if hidden else self.folder

    @property
    def name(self) -> str:
        return self.target.name

    def take_place(self) -> Run:
        """A run made aside replaces the one it was made for; any other stays where it is.

        Raises
        ------
        RunError : the old one must not be removed (:meth:`refuse_to_lose`); both are kept.
        """
        if self.folder == self.target:
            return self
        old = Run(self.folder.with_name(f".{self.name}.old"))
        if self.target.exists():
            Run(self.target).refuse_to_lose()
            if old.folder.exists():
                old.remove()
            self.target.rename(old.folder)
        self.folder.rename(self.target)
        if old.folder.exists():
            old.remove()
        return Run(self.target)

    def refuse_to_lose(self) -> None:
        """Refuse what must not be removed.

        Raises
        ------
        RunError : not a folder directly under ``runs/``, a link, without a run.json of ours, with
            files that we did not write (named), or with another disk in it.
        """
        folder = self.folder
        if folder.is_symlink() or folder.resolve().parent.name != RUNS:
            raise RunError("only a folder directly under runs/ is replaced", where=folder)
        try:
            self.info()
        except RunVersionError:
            pass  # ours, too
        except (OSError, RunError) as error:
            raise RunError("this folder is no run of ours, so it stays", where=folder) from error
        if mounted := mounts_in(folder):
            raise RunError(
                "another disk or folder is mounted there, so the run is not replaced",
                where=mounted[0],
                remedy="Unmount it, or name another run.",
            )
        strange = [name for name in _files_below(folder) if not _is_own(folder, name)]
        if strange:
            more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
            raise RunError(
                "the run holds files that `gaze` did not write, so it is not replaced",
                where=folder,
                found=", ".join(strange[:3]) + more,
                remedy="Move them out of the run, or name another run.",
            )

    def remove(self) -> None:
        """Remove this run, and nothing else: the only code that removes one.

        Raises
        ------
        RunError : see :meth:`refuse_to_lose`.
        """
        self.refuse_to_lose()
        shutil.rmtree(self.folder)  # follows no link

    def parts(self) -> list[Path]:
        """The chunks of an unfinished run; none through a link, nor what is not ours among them."""
        folder = self.folder / "parts"
        files = sorted(folder.glob("*.npz")) if not folder.is_symlink() else []
        return [p for p in files if _is_own(self.folder, f"parts/{p.name}")]

    def remove_parts(self) -> None:
        """The chunks of an unfinished run, once it is done."""
        for path in self.parts():
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, a link, or with files of the user's
            (self.folder / "parts").rmdir()

    def remove_pictures(self, names: set[str]) -> None:
        """Heatmaps of students who are no longer in the tables; pictures not ours stay."""
        for path in (self.heatmaps_folder / name for name in names):
            if is_our_picture(path):
                path.unlink()

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
    def teacher_path(self) -> Path:
        """Only where session.toml asks for it."""
        return self.folder / "teacher.parquet"

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

    def info(self) -> RunInfo:
        """run.json.

        Raises
        ------
        RunError : it is no run.json. RunVersionError : another version's, whatever it holds.
        """
        try:
            text = self.info_path.read_text(encoding="utf-8")
            version = _Version.model_validate_json(text).version
            if version == RUN_VERSION:
                return RunInfo.model_validate_json(text)
        except (ValidationError, UnicodeDecodeError) as error:
            raise RunError(
                "run.json cannot be read",
                where=self.info_path,
                found=first_fault(error),
                remedy="Take the run from a copy of the lesson, or analyze under another name.",
            ) from error
        raise RunVersionError(
            "this run was made by another version",
            where=self.info_path,
            found=f"version {version}",
            expected=RUN_VERSION,
            remedy="Update the program, or run `gaze analyze` again.",
        )

    @property
    def is_done(self) -> bool:
        """Whether its tables are whole; False where run.json is missing or cannot be read."""
        try:
            return self.info().state == "done"
        except (OSError, RunError):
            return False

    def finish(self, *, report_problem: str | None = None) -> Run:
        """Mark the run done, put it in its place, and drop what only an unfinished one needs."""
        finished = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        self.update(state="done", finished=finished, report_problem=report_problem)
        run = self.take_place()
        run.remove_parts()
        return run

    def update(self, **values: Any) -> None:
        """Change keys of run.json."""
        changed = self.info().model_copy(update=values)
        write_json(self.info_path, changed.model_dump())


def _files_below(folder: Path) -> list[str]:
    """Names of all files (and links) below a folder, from it; links are not followed."""
    found = []
    for root, folders, names in os.walk(folder, followlinks=False):
        links = [n for n in folders if (Path(root) / n).is_symlink()]
        found += [(Path(root) / n).relative_to(folder).as_posix() for n in (*names, *links)]
    return sorted(found)


def _is_own(run: Path, name: str) -> bool:
    """Whether a file of a run folder is one of ours, as we wrote it."""
    path = run / name
    if path.is_symlink():
        return False
    picture = re.fullmatch(r"heatmaps/[^/]+\.png", name) and is_our_picture(path)
    return bool(picture or _OWN.fullmatch(name)) or is_exported(path)


EXPORTED = ".export.json"  # the manifest of a folder of exports: {"files": {NAME: {"sha256": …}}}


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """What exports of ours wrote into a folder, by name from there; empty where none did, or where
    that cannot be read."""
    return listed(folder) or {}


def listed(folder: Path) -> dict[str, dict[str, Any]] | None:
    """:func:`read_manifest`; None where there is a manifest that cannot be read."""
    path = folder / EXPORTED
    if not os.path.lexists(path):
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(k): dict(v) for k, v in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def is_exported(path: Path) -> bool:
    """Whether an export of ours wrote this file and nobody has changed it; or its manifest."""
    if path.is_symlink() or not path.is_file():
        return False
    if path.name == EXPORTED:
        return bool(read_manifest(path.parent))
    for folder in list(path.parents)[:4]:
        if (folder / "session.toml").exists():  # no export goes into a lesson itself, or above it
            return False
        entry = read_manifest(folder).get(path.relative_to(folder).as_posix())
        if entry is not None:
            return entry.get("sha256") == sha256(path)
    return False
