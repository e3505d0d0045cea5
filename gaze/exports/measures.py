"""Every number of the report as tables: of the class, of each student, over time.

Definitions, units and sources: docs/attention.md.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gaze.exports.common import Source, column, register, write_csv

_AREA = column("area of the board, or off_board, down, away, rest_of_board; board = all of it")
_BAND = {
    "share": column("share of measured time; a point counts with its membership's probability"),
    "low": column("lower end of the 95 % band of the points' own σ"),
    "high": column("upper end of that band"),
}
_MISSING = {
    "low_missing": column("lower end if nothing is assumed of unmeasured moments"),
    "high_missing": column("upper end if nothing is assumed of unmeasured moments"),
}
_VISITS = {
    "visits": column("number of visits"),
    "dwell_s": column("summed visits", "s"),
    "mean_visit_s": column("dwell_s / visits; empty = no visit", "s"),
    "first_look_s": column("beginning of the first visit, from the lesson's; empty = none", "s"),
}
STUDENTS = {
    "student": column("pseudonym"),
    "row": column("row of seats, 1 = nearest to the blackboard; 0 = not known"),
    "used": column("1: enough data to count in the class's numbers"),
    "coverage": column("share of all moments that were measured"),
    "measured_s": column("measured time", "s"),
    "board_share": column("share of measured time facing the board"),
    "board_low": column("lower end of its 95 % band"),
    "board_high": column("upper end of its 95 % band"),
    "looks_per_min": column("visits to areas of the board per measured minute", "1/min"),
    "spread_m": column("rms distance of on-board points from their mean", "m"),
    "spread_less_noise_m": column("the same without the points' own σ", "m"),
    "entropy_bits": column("Shannon entropy of the shares", "bit"),
    "transition_entropy_bits": column("gaze transition entropy", "bit"),
    "agreement": column("probability of being where another student, picked at random, is"),
    "sigma_m": column("typical σ of a gaze point, rms of both axes", "m"),
}
STUDENT_AREAS = {"student": column("pseudonym"), "area": _AREA, **_BAND, **_VISITS}
CLASS_AREAS = {
    "area": _AREA, **_BAND, **_MISSING, **_VISITS,
    "reached": column("students with at least one visit"),
    "students": column("students with enough data"),
    "reached_share": column("reached / students"),
}  # fmt: skip
TIMELINE = {
    "time_s": column("beginning of the window", "s"),
    "area": _AREA, **_BAND, **_MISSING,
    "students": column("students measured in the window"),
    "coverage": column("share of the window's student-moments that were measured"),
}  # fmt: skip


def students_of(source: Source) -> pd.DataFrame:
    """The students' measures with their rows of seats; the columns of STUDENTS."""
    m, table = source.measures, source.lesson.table
    row = dict(zip(table["student"].astype(str), table["row"], strict=True))
    students = m.students.assign(
        row=[int(row.get(s, 0)) for s in m.students["student"]],
        used=m.students["student"].isin(m.used).astype(int),
    )
    return students[list(STUDENTS)]


@register("measures", folder=True)
def write_measures(source: Source, out: Path) -> list[Path]:
    """Four tables in a folder: students, student_areas, class_areas, timeline."""
    m = source.measures
    return [
        *write_csv(students_of(source), out / "students.csv", STUDENTS),
        *write_csv(m.student_areas[list(STUDENT_AREAS)], out / "student_areas.csv", STUDENT_AREAS),
        *write_csv(m.areas[list(CLASS_AREAS)], out / "class_areas.csv", CLASS_AREAS),
        *write_csv(m.timeline[list(TIMELINE)], out / "timeline.csv", TIMELINE),
    ]
