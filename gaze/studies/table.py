"""A tidy table over lessons, ready for mixed models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gaze.exports import ExportError, refuse_place
from gaze.exports.common import column, write_csv
from gaze.privacy.audit import STUDY_TABLE, audit
from gaze.studies.lessons import notes, student_shares, take
from sessions.config import CONFIG_NAME
from sessions.run import EXPORTED, read_manifest, sha256, write_json

COLUMNS = {
    "lesson": column("the lesson's folder: a random effect"),
    "date": column("day of the lesson; empty = not given"),
    "week": column("weeks since the study's first lesson", "week"),
    "title": column("the lesson's title"),
    "student": column("pseudonym; the same in two lessons need not be the same child"),
    "student_in_lesson": column("lesson/student: unique over lessons, a random effect"),
    "row": column("row of seats, 1 = nearest to the blackboard; 0 = not known"),
    "seat_x_m": column("place, leftwards from the blackboard's right edge", "m"),
    "seat_z_m": column("place, away from the blackboard", "m"),
    "area": column("area of the board, off_board, down, away, rest_of_board; board = all of it"),
    "share": column("share of measured time"),
    "share_sigma": column("its standard deviation by the measurement's error; 1/σ² = a weight"),
    "coverage": column("share of all moments that were measured"),
    "measured_s": column("measured time", "s"),
    "sigma_m": column("typical σ of a gaze point", "m"),
}


def write_study_table(lessons: Sequence[str | Path], out: Path) -> tuple[int, list[str]]:
    """CSV and its dictionary, outside every lesson; a line in each lesson's audit.log, and the list
    of exports beside it (``.export.json``), by which `gaze forget` finds a student's rows.

    Students with too little data are left out. Returns the number of rows, and what makes the
    lessons less alike than they look (:func:`notes`).

    Raises
    ------
    ExportError : a place in a lesson or among lessons. StudyError, UserError : see :func:`take`.
    """
    folder = out.parent.resolve()
    refuse_place(folder, is_file=True)
    if any((parent / CONFIG_NAME).exists() for parent in folder.parents):
        raise ExportError(  # a forgetting in that lesson would not know the other lessons' rows
            "a table over lessons must not lie in one of them", where=folder,
            remedy="Name a file beside them, e.g. --out study.csv.",
        )  # fmt: skip
    left_out: list[str] = []
    taken = take(lessons, left_out)
    table = student_shares(taken)
    for t in taken:  # first of all: whatever happens then, a forgetting knows what to look for
        audit(
            t.lesson.run.lesson_folder, "export", format=STUDY_TABLE, run=t.lesson.run.name,
            lesson=t.name, out=str(folder / out.name), files=2, students=len(t.measures.used),
            salted=False,
        )  # fmt: skip
    files = {
        path.name: {"sha256": sha256(path), "format": STUDY_TABLE, "salted": False, "out": out.name}
        for path in write_csv(table, out, COLUMNS)
    }
    write_json(folder / EXPORTED, {"files": {**read_manifest(folder), **files}})
    return len(table), [*left_out, *notes(taken)]
