"""What a notebook sees: a lesson, its runs, tables as pandas frames, figures as Plotly objects.

Thin names over the same functions that the commands call; docs/notebook.md shows them at work, and
its snippets run as tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from calibration.progress import Progress, no_progress
from calibration.rig import Rig
from gaze.analyze import analyze
from gaze.gain.model import Gain
from gaze.lesson.settings import AnalyzeSettings
from gaze.measures.measures import Measures, measures
from gaze.measures.targets import TargetMeasures
from gaze.measures.teacher import TeacherMeasures
from gaze.report import write_report
from gaze.report.heatmap import Heatmaps, heatmaps
from gaze.report.lesson import load_lesson
from gaze.setup.calibrate import calibrate_lesson
from gaze.validation.validate import validate_lesson
from sessions.config import Area, SessionConfig
from sessions.errors import RunError
from sessions.folder import Session
from sessions.lock import lock_around
from sessions.quality import Quality
from sessions.run import Run, run_folder
from sessions.tables import dictionary, read_table
from sessions.validation import Validation

if TYPE_CHECKING:
    from calibration.transform import Array

FRAME = "W: from the blackboard's upper right corner, x leftwards, y down, z towards the class"


class Lesson:
    """A session folder.

    Raises
    ------
    SessionError, ConfigError : no such folder, or a session.toml that cannot be used.
    """

    def __init__(self, folder: str | Path) -> None:
        self.session = Session.open(folder)

    def __repr__(self) -> str:
        return f"Lesson({str(self.session.folder)!r}, runs={self.runs})"

    @property
    def folder(self) -> Path:
        return self.session.folder

    @property
    def config(self) -> SessionConfig:
        """session.toml, checked."""
        return self.session.config

    @property
    def rig(self) -> Rig:
        """The lesson's cameras in the room; RigError where there is none yet."""
        return Rig.load(self.session.rig_path)

    @property
    def runs(self) -> list[str]:
        """Names of the finished runs, oldest first."""
        folders = self.session.run_folders()
        return [f.name for f in folders if Run(f).info().state == "done"]

    def calibrate(self, progress: Progress = no_progress) -> Rig:
        """Solve the cameras from the chessboard; writes rig.json and calibration.html."""
        rig, _, _ = calibrate_lesson(self.folder, progress=progress)
        return rig

    def analyze(
        self,
        *,
        run_name: str | None = None,
        overwrite: bool = False,
        gain: bool = False,
        progress: Progress = no_progress,
        **settings: Any,
    ) -> LessonRun:
        """From two videos to a run; settings are :class:`AnalyzeSettings`'s (``fps=2``).

        gain : apply the lesson's gain.json.
        """
        run = analyze(
            self.session,
            AnalyzeSettings.of(**settings),
            run_name=run_name,
            overwrite=overwrite,
            gain=Gain.load(self.session.gain_path) if gain else None,
            progress=progress,
        )
        return LessonRun(run.folder)

    def run(self, name: str | Path | None = None) -> LessonRun:
        """A finished run by its name or path; None: the newest.

        Raises
        ------
        RunError : there is none, or it is not finished.
        """
        if name is None:
            if not self.runs:
                raise RunError(
                    "the lesson has no finished run",
                    where=self.folder,
                    remedy="lesson.analyze() makes one.",
                )
            name = self.runs[-1]
        return LessonRun(run_folder(name, self.folder))

    def validate(self, run: str | Path | None = None) -> Validation:
        """Errors by row, in centimetres, against targets.csv and a simulated lesson's truth."""
        return validate_lesson(self.session, run=run)


class LessonRun:
    """A finished run. Tables are tidy, units stand in the columns' names, meanings in ``.attrs``.

    Raises
    ------
    RunError : no run, not finished, or of another version.
    """

    def __init__(self, folder: str | Path) -> None:
        self.run = Run.open(folder)
        self._lesson = load_lesson(self.run.folder)

    def __repr__(self) -> str:
        return f"LessonRun({str(self.run.folder)!r})"

    @property
    def folder(self) -> Path:
        return self.run.folder

    @cached_property
    def gaze(self) -> pd.DataFrame:
        """A row for each student and moment (gaze.parquet)."""
        return self._table(self.run.gaze_path, "gaze")

    @cached_property
    def students(self) -> pd.DataFrame:
        """A row for each student (students.parquet)."""
        return self._table(self.run.students_path, "students")

    @property
    def quality(self) -> Quality:
        """What the numbers rest on, and what lowers trust (quality.json)."""
        return Quality.read(self.run.quality_path)

    def measures(self, areas: Sequence[Area] | None = None, **options: Any) -> Measures:
        """Shares, visits, transitions, synchrony; see :func:`gaze.measures.measures.measures`.

        areas : rectangles of the board; None: the lesson's own, or thirds.
        """
        lesson = self._lesson
        chosen = lesson.board.areas if areas is None else areas
        return measures(lesson.gaze, chosen, lesson.board, students=lesson.students, **options)

    def targets(self) -> TargetMeasures | None:
        """Which boards, screens, desks and people heads pointed at (docs/targets.md); None where
        session.toml names none."""
        return self._lesson.targets()

    def teacher(self) -> TeacherMeasures | None:
        """Where the teacher stood against where the class's heads pointed (docs/targets.md); None
        where session.toml does not ask for it."""
        return self._lesson.teacher()

    def visits(self, areas: Sequence[Area] | None = None) -> pd.DataFrame:
        """A row for each time a student's gaze stayed within an area."""
        return self.measures(areas).visits

    def transitions(self, areas: Sequence[Area] | None = None) -> pd.DataFrame:
        """How often gaze went from one area (row) to another (column)."""
        found = self.measures(areas).transitions
        return pd.DataFrame(found.counts, index=found.states, columns=found.states)

    @cached_property
    def _maps(self) -> Heatmaps:
        return heatmaps(self._lesson)

    def heatmap(self, student: str | None = None) -> Heatmap:
        """Where a student looked; None: the class, each student with equal weight.

        Raises
        ------
        RunError : no such student, or one with too little data to be drawn.
        """
        found = self._maps
        if student is None:
            return Heatmap(found, found.whole, "the class", self._lesson.board.width_m)
        k = found.of(student)
        if k is None:
            raise RunError(
                "there is no heatmap of this student",
                found=student,
                expected=", ".join(found.students),
            )
        return Heatmap(found, found.maps[k], student, self._lesson.board.width_m)

    def report(self, **options: Any) -> Path:
        """The attention report again (``language="de"``, ``class_only=True``); its path."""
        with lock_around(options.get("out") or self.folder):
            return write_report(self.folder, **options)

    @staticmethod
    def _table(path: Path, name: str) -> pd.DataFrame:
        frame = read_table(path, name)
        frame.attrs = {"frame": FRAME, "columns": dictionary(name)}
        return frame


class Heatmap:
    """Density on the blackboard's plane: ``density`` (ny, nx) in 1/m² at ``x_m``, ``y_m`` in W."""

    def __init__(self, maps: Heatmaps, density: Array, of: str, width_m: float) -> None:
        self.x_m, self.y_m, self.density, self.of = maps.grid.x_m, maps.grid.y_m, density, of
        self._width_m = width_m

    def figure(self) -> go.Figure:
        """The blackboard as the class sees it: x_W = 0 at the right."""
        figure = go.Figure(
            go.Heatmap(x=self.x_m, y=self.y_m, z=np.round(self.density, 4), colorscale="Viridis",
                       colorbar={"title": "1/m²"})
        )  # fmt: skip
        figure.update_layout(title=f"Where {self.of} looked", template="plotly_white")
        figure.update_xaxes(title="from the right edge, m", autorange="reversed")
        figure.update_yaxes(
            title="from the upper edge, m", autorange="reversed", scaleanchor="x", scaleratio=1
        )
        return figure
