"""What a study takes from each lesson: shares of students and of the class, with their errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from calibration.errors import UserError
from gaze.catalog.catalog import Catalog
from gaze.lesson.room_sigma import sigma_in
from gaze.measures.measures import Measures, measures
from gaze.report.findings import SMALL_CELL, seat_table
from gaze.report.lesson import Lesson, load_lesson
from sessions.folder import Session
from sessions.run import Run

ELSEWHERE = 0.05  # of the board: areas of one name that lie farther apart are not one place


class StudyError(UserError):
    """A study that cannot be made from these lessons."""


@dataclass(frozen=True)
class Taken:
    """One lesson of a study. name : its folder's, or that and its run's."""

    name: str
    lesson: Lesson
    measures: Measures


def take(paths: Iterable[str | Path], left_out: list[str] | None = None) -> list[Taken]:
    """Lessons (their newest finished run), runs, or folders of lessons.

    left_out : gets a sentence for each lesson of a folder that has no finished run.

    Raises
    ------
    StudyError : nothing there; one run twice. UserError : one that cannot be opened.
    """
    runs: list[Run] = []
    for path in map(Path, paths):
        if (path / "run.json").is_file():
            runs.append(Run.open(path))
            continue
        lessons = [path] if (path / "session.toml").is_file() else sorted(
            p.parent for p in path.glob("*/session.toml")
        )  # fmt: skip
        newest = {p: _newest(p) for p in lessons}
        found = [r for r in newest.values() if r is not None]
        if left_out is not None:
            left_out += [
                f"left out: {p.name}: no finished run" for p, r in newest.items() if r is None
            ]
        if not found:
            raise StudyError(
                "there is no finished run here", where=path,
                expected="a run, a lesson with one, or a folder of such lessons",
            )  # fmt: skip
        runs += found
    places = [r.folder.resolve() for r in runs]
    if len(set(places)) < len(places):
        double = next(p for p in places if places.count(p) > 1)
        raise StudyError("a run is named twice and would count twice", where=double)
    return [_taken(run, runs) for run in runs]


def notes(taken: Sequence[Taken]) -> list[str]:
    """What makes lessons less alike than their numbers look: a sentence for each."""
    said = [f"{t.name}: no student with enough data" for t in taken if not t.measures.used]
    undated = [t.name for t in taken if t.lesson.config.date is None]
    if undated:
        said.append(f"{', '.join(undated)}: no date, so that there are no weeks and no trend")
    with_gain = [t.name for t in taken if t.lesson.info.gain is not None]
    if 0 < len(with_gain) < len(taken):
        said.append(f"{', '.join(with_gain)}: with a head-to-gaze correction, the others without")
    rooms_own = [t.name for t in taken if sigma_in(t.lesson.info) is not None]
    if 0 < len(rooms_own) < len(taken):
        said.append(f"{', '.join(rooms_own)}: with the room's own σ (--sigma-of), the others not")
    for name in dict.fromkeys(area.name for t in taken for area in t.lesson.board.areas):
        (first, there), *later = ((t.name, at) for t in taken for at in _on_the_board(t, name))
        moved = [other for other, at in later if np.abs(at - there).max() > ELSEWHERE]
        if moved:
            said.append(f"{', '.join(moved)}: {name!r} lies elsewhere on the board than in {first}")
    made_by = sorted({t.lesson.info.versions.get("classroom-gaze", "?") for t in taken})
    if len(made_by) > 1:
        said.append(f"analysed by several versions: {', '.join(made_by)}")
    return said


def _on_the_board(t: Taken, name: str) -> list[NDArray[np.float64]]:
    """The area's edges, right, left, upper, lower, as shares of the board; none if it has none."""
    board = t.lesson.board
    size = np.repeat([board.width_m, board.height_m], 2)
    return [np.array([*a.x_m, *a.y_m]) / size for a in board.areas if a.name == name]


def take_all(catalog: Catalog) -> tuple[list[Taken], list[str]]:
    """All lessons of a catalog; and a sentence for each that is left out: too few students to be
    shown beside others, or not to be read."""
    taken: list[Taken] = []
    left = [str(reason) for reason in catalog.left_out]
    for folder in catalog.newest:
        try:
            [one] = take([folder])
        except UserError as error:
            left.append(f"{folder}: {error.what}")
            continue
        if len(one.measures.used) < SMALL_CELL:
            left.append(f"{one.name}: fewer than {SMALL_CELL} students with enough data")
        else:
            taken.append(one)
    return taken, left


def _newest(folder: Path) -> Run | None:
    runs = [Run(f) for f in Session.open(folder).run_folders()]
    done = [r for r in runs if r.info().state == "done"]
    return done[-1] if done else None


def _taken(run: Run, runs: Sequence[Run]) -> Taken:
    lesson = load_lesson(run.folder)
    name = run.lesson_folder.resolve().name
    if sum(r.lesson_folder.resolve().name == name for r in runs) > 1:
        name = f"{run.lesson_folder.resolve().parent.name}/{name}/{run.name}"
    everybody = [*lesson.students, *lesson.never_seen]
    of = measures(lesson.gaze, lesson.board.areas, lesson.board, students=everybody, surrogates=0)
    return Taken(name, lesson, of)


def sigma_of(share: ArrayLike, low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Standard deviation of a share by its 95 % band, which ends at 0 and 1: its longer half."""
    s, a, b = (np.asarray(v, np.float64) for v in (share, low, high))
    return np.asarray(np.fmax(b - s, s - a) / 1.96)


def student_shares(taken: Iterable[Taken]) -> pd.DataFrame:
    """A row for each student with enough data and place (areas, ``off_board`` …, and ``board``).

    Columns: lesson, date, week (of the study, from 0; NaN without dates), title, student,
    student_in_lesson (unique over lessons), row, seat_x_m, seat_z_m, area, share, share_sigma,
    coverage, measured_s, sigma_m.
    """
    parts = [_shares_of(t) for t in taken]
    table = pd.concat(parts, ignore_index=True)
    days = pd.to_datetime(table["date"])
    table["week"] = (days - days.min()).dt.days / 7
    return table[["lesson", "date", "week", "title", "student", "student_in_lesson", "row",
                  "seat_x_m", "seat_z_m", "area", "share", "share_sigma", "coverage", "measured_s",
                  "sigma_m"]]  # fmt: skip


def _shares_of(t: Taken) -> pd.DataFrame:
    own = t.measures.students.astype({"student": object})  # of nobody they are numbers
    whole = own[["student", "board_share", "board_low", "board_high"]].assign(area="board")
    whole.columns = pd.Index(["student", "share", "low", "high", "area"])
    each = pd.concat([t.measures.student_areas[list(whole.columns)], whole], ignore_index=True)
    each = each[each["student"].isin(t.measures.used)]
    seats = seat_table(t.lesson, t.measures)[["student", "row", "seat_x_m", "seat_z_m"]]
    each = each.merge(own[["student", "coverage", "measured_s", "sigma_m"]], on="student")
    each = each.merge(seats, on="student", how="left")
    return each.assign(
        lesson=t.name, date=t.lesson.config.date, title=t.lesson.config.title,
        student_in_lesson=t.name + "/" + each["student"],
        share_sigma=sigma_of(each["share"], each["low"], each["high"]),
    )  # fmt: skip
