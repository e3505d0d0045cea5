"""ELAN: tab-delimited text, a tier for each student, one for the class and one for the marks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gaze.exports.common import Source, column, file_in, register, write_csv

COLUMNS = {
    "tier": column("student's pseudonym, `class` (moments at which it moved together), `marks`"),
    "begin [s]": column("beginning on the left video's clock", "s"),
    "end [s]": column("end", "s"),
    "value": column("area visited, where the class turned to, or the mark's label"),
}


@register("elan")
def write_elan(source: Source, out: Path) -> list[Path]:
    """``elan.txt`` for ELAN's import of tab-delimited text (its first line is a header)."""
    m = source.measures
    rows = [(v.student, v.start_s, v.end_s, v.area) for v in m.visits.itertuples()]
    rows += [("class", e.time_s, e.end_s, e.area) for e in m.synchrony.moments.itertuples()]
    rows += [
        ("marks", a.time_s, a.end_s if a.end_s is not None else a.time_s + 1.0, a.label)
        for a in source.lesson.marks
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["value"] = frame["value"].str.replace(r"[\t\r\n]+", " ", regex=True)
    frame[["begin [s]", "end [s]"]] = frame[["begin [s]", "end [s]"]].astype(float).round(3)
    return write_csv(frame, file_in(out, "elan.txt"), COLUMNS, sep="\t")
