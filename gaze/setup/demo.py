"""``gaze demo``: calibrate, analyze and validate the lesson that comes with the repository."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.progress import Progress, no_progress
from calibration.rig import Rig
from gaze.analyze import analyze
from gaze.report import write_report
from gaze.setup.calibrate import calibrate_lesson, rig_summary
from gaze.validation.validate import validate_lesson
from sessions.config import CONFIG_NAME
from sessions.errors import SessionError
from sessions.files import new_folder
from sessions.folder import Session
from sessions.run import Run
from sessions.validation import Validation

LESSON = Path(__file__).parents[2] / "tests" / "data" / "lesson"


@dataclass(frozen=True)
class Demo:
    """What the three commands gave."""

    rig: Rig
    run: Run
    validation: Validation

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "calibrate": rig_summary(self.rig),
            "validate": self.validation.to_dict(),
            "run": str(self.run.folder),
            "report": str(self.run.report_path),
        }


def copy_lesson(out: Path, lesson: Path | None = None) -> Path:
    """The demo's lesson (or another), without its runs, at ``out``; what is there already stays.

    Raises
    ------
    SessionError : the lesson is not there (installed without the repository), or another one is at
        ``out``.
    """
    source = lesson or LESSON
    if not source.is_dir():
        raise SessionError(
            "the demo's lesson is not there",
            where=source,
            expected="a clone of the repository, or --lesson FOLDER",
            remedy="`gaze simulate FOLDER` makes one.",
        )
    there = out / CONFIG_NAME
    if there.is_file() and there.read_bytes() != (source / CONFIG_NAME).read_bytes():
        raise SessionError(
            "this is another lesson, not the demo's, so the demo does not work in it",
            where=out,
            remedy="Name a new folder with --out.",
        )
    if not there.is_file():
        with new_folder(out) as aside:
            no_runs = shutil.ignore_patterns("runs")
            shutil.copytree(source, aside, ignore=no_runs, dirs_exist_ok=True)
    return out


def run_demo(
    out: Path,
    lesson: Path | None = None,
    progress: Progress = no_progress,
) -> Demo:
    """Copy a lesson to ``out`` and take it through calibrate, analyze, validate, report.

    A second call goes on with what is there.

    Raises
    ------
    SessionError : the lesson is not there (installed without the repository).
    """
    copy_lesson(out, lesson)
    rig, _, _ = calibrate_lesson(out, progress=progress)
    session = Session.open(out)
    run = analyze(session, run_name="demo", overwrite=True, progress=progress)
    validation = validate_lesson(session, run=run.folder, progress=progress)
    write_report(run.folder)  # once more: page one now carries the validation error
    return Demo(rig, run, validation)
