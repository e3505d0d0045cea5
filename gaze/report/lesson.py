"""What a report is made from: a run's tables beside the lesson's own configuration, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from calibration.errors import UserError
from gaze.measures.measures import MEASURED, Problem, clean_gaze, step_of
from gaze.measures.targets import TargetMeasures, target_measures
from gaze.measures.teacher import TeacherMeasures, teacher_measures
from gaze.report.strings import LANGUAGES, Strings, strings
from sessions.config import Blackboard, SessionConfig, Student
from sessions.events.marks import MOVES, Mark, counted, excluded_s, moves, read_marks
from sessions.events.moves import Move, read_track
from sessions.folder import Session
from sessions.quality import Quality
from sessions.run import Run, RunInfo
from sessions.tables import read_table
from sessions.validation import Validation


class ReportError(UserError):
    """A report, a heatmap or an export that cannot be made from what there is."""


def words_of(language: str) -> Strings:
    """The strings of a language, or a ReportError that names the known ones."""
    try:
        return strings(language)
    except ValueError as error:
        raise ReportError(
            "the report does not speak this language",
            found=language,
            expected=" or ".join(LANGUAGES),
        ) from error


@dataclass(frozen=True)
class Lesson:
    """A run's tables and the facts that figures need. Made by :func:`load_lesson`.

    gaze : the gaze table (sessions.tables.GAZE), rows in the order (student, time); masked seats
    are left out. students : pseudonyms with rows in the table, natural order. never_seen : known
    to the session, but without a single measured moment. problems : what was found wrong in the
    tables, as (key of strings, values); the report states it. gain : the lesson's head-to-gaze
    correction in words, empty = none is on file (whether the run used it is in ``info``).
    marks : events.csv, but for what moves. slid : surfaces that were slid. reseated_s : when
    students changed seats. excluded : segments [from, to) in seconds that it leaves out; ``gaze``
    has no row of them.
    """

    run: Run
    config: SessionConfig
    gaze: pd.DataFrame
    table: pd.DataFrame
    students: tuple[str, ...]
    never_seen: tuple[str, ...]
    masked: int
    quality: Quality
    info: RunInfo
    validation: Validation | None
    gain: str
    step_s: float
    problems: tuple[Problem, ...] = field(default=())
    marks: tuple[Mark, ...] = ()
    slid: tuple[Move, ...] = ()
    reseated_s: tuple[float, ...] = ()
    excluded: tuple[tuple[float, float], ...] = ()

    @property
    def board(self) -> Blackboard:
        return self.config.blackboard

    def targets(self, *, draws: int = 16, seed: int = 0) -> TargetMeasures | None:
        """Which of the lesson's targets heads pointed at; None where session.toml names none."""
        row = dict(zip(self.table["student"].astype(str), self.table["row"], strict=True))
        return target_measures(
            self.gaze,
            self.config,
            slid=self.slid,
            reseated_s=self.reseated_s,
            row_of=row,
            draws=draws,
            seed=seed,
        )

    def teacher(self, *, draws: int = 16, seed: int = 0) -> TeacherMeasures | None:
        """Where the teacher stood against where the class's heads pointed; None where session.toml
        does not ask for it, or the run does not have it."""
        asked = self.config.teacher is not None and self.config.teacher.keep_track
        if not asked or not self.run.teacher_path.is_file():
            return None
        return teacher_measures(
            self.gaze,
            self.config,
            read_table(self.run.teacher_path, "teacher"),
            slid=self.slid,
            reseated_s=self.reseated_s,
            draws=draws,
            seed=seed,
        )

    @property
    def seats(self) -> dict[str, Student]:
        return {s.id: s for s in self.config.students}


def natural(name: str) -> tuple[Any, ...]:
    """Sort key: S-2 before S-10."""
    parts: list[Any] = []
    digits = ""
    for c in name + "\0":
        if c.isdigit():
            digits += c
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, c))
    return tuple(parts)


def load_lesson(
    run_folder: str | Path,
    *,
    validation: str | Path | None = None,
    events: str | Path | None = None,
) -> Lesson:
    """Open a finished run, its lesson's session.toml, its marks and the validation beside it.

    events : other marks than the lesson's events.csv. What they exclude is not in ``gaze``.

    Raises
    ------
    RunError, SessionError, ConfigError, ReportError : see there; an expired lesson is not opened.
    """
    run = Run.open(run_folder, finished=False)
    session = Session.open(run.lesson_folder)
    gaze, problems = clean_gaze(read_table(run.gaze_path, "gaze"))
    if run.students_path.is_file():
        table = read_table(run.students_path, "students")
    else:
        table = pd.DataFrame({"student": sorted(gaze["student"].unique()), "row": 0})  # unknown
        problems.append(("problem_no_students", {}))
    masked_rows = gaze["status"] == "masked"
    opted_out = {s.id for s in session.config.students if s.opt_out}
    masked = set(gaze.loc[masked_rows, "student"]) | opted_out
    gaze = gaze[~masked_rows & ~gaze["student"].isin(opted_out)].reset_index(drop=True)
    marks = _marks(session, events)
    excluded = excluded_s(marks)
    gaze = gaze[counted(gaze["time_s"].to_numpy(np.float64), excluded)].reset_index(drop=True)
    known = set(gaze["student"]) - {""}
    unassigned = int((gaze["student"] == "").sum())
    if unassigned:
        problems.append(("problem_unassigned", {"n": unassigned}))
        gaze = gaze[gaze["student"] != ""].reset_index(drop=True)
    everybody = known | ({s.id for s in session.config.students} - masked)
    measured = set(gaze.loc[gaze["status"].isin(MEASURED), "student"])
    return Lesson(
        run=run,
        config=session.config,
        gaze=gaze,
        table=table,
        students=tuple(sorted(known, key=natural)),
        never_seen=tuple(sorted(everybody - measured, key=natural)),
        masked=len(masked),
        quality=Quality.read(run.quality_path),
        info=run.info(),
        validation=_validation(run, validation),
        gain=_gain(session),
        step_s=step_of(gaze["time_s"].to_numpy(np.float64)),
        problems=tuple(problems),
        marks=tuple(m for m in marks if m.kind not in MOVES),
        slid=(*moves(marks, "slid"), *_track(session)),
        reseated_s=tuple(m.time_s for m in moves(marks, "seat")),
        excluded=excluded,
    )


def _marks(session: Session, events: str | Path | None) -> tuple[Mark, ...]:
    if events is not None:
        return read_marks(events)
    return read_marks(session.events_path) if session.events_path.is_file() else ()


def _track(session: Session) -> tuple[Move, ...]:
    path = session.surface_track_path
    return read_track(path) if path.is_file() else ()


def _gain(session: Session) -> str:
    """The lesson's gain.json in words, where there is one that can be read."""
    from gaze.gain.model import Gain

    if not session.gain_path.is_file():
        return ""
    try:
        return Gain.load(session.gain_path).describe()
    except UserError:
        return ""


def _validation(run: Run, path: str | Path | None) -> Validation | None:
    """validation.json given, in the run, or in the lesson; None = not validated."""
    if path is not None:
        return Validation.read(path)
    places = (run.folder / "validation.json", run.lesson_folder / "validation.json")
    return next((Validation.read(place) for place in places if place.is_file()), None)
