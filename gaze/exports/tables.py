"""Plain tables: the gaze table as CSV or Parquet, visits and transitions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from gaze.exports.common import (
    Source,
    column,
    file_in,
    harmless,
    register,
    write_csv,
    write_dictionary,
)
from gaze.measures.measures import transitions as count_transitions
from sessions.run import atomic_write
from sessions.tables import conform, dictionary, read_table, write_table

VISITS = {
    "student": column("pseudonym"),
    "area": column("area of the board, or off_board, down, away, rest_of_board"),
    "start_s": column("beginning of the visit on the lesson's clock", "s"),
    "end_s": column("its end: the last moment plus one step", "s"),
    "duration_s": column("end_s − start_s", "s"),
    "moments": column("measured moments in the visit"),
    "bridged_s": column("gaps within the visit that were bridged, summed", "s"),
}
TRANSITIONS = {
    "student": column("pseudonym; empty = the class (students with enough data)"),
    "from": column("state of the visit that ended"),
    "to": column("state of the next visit, begun within the allowed gap"),
    "count": column("how many times"),
    "students": column("how many students did so at least once"),
    "probability": column("count over all transitions from that state; empty = never left"),
}


def _table(source: Source) -> pd.DataFrame:
    """gaze.parquet as it is; under other pseudonyms in their order within each moment."""
    table = read_table(source.lesson.run.gaze_path, "gaze")
    names = table["student"].astype(str)
    known = names.map(source.names)  # nobody's rows stay nobody's; masked seats lose their name
    masked = pd.Series("masked", index=names.index).where(names != "", "")
    table = conform(table.assign(student=known.fillna(masked).astype(str)), "gaze")
    if source.salted:  # rows of nobody by their faces: these have no name to be in the order of
        by = ["time_s", "student", "row_left", "row_right"]
        table = table.sort_values(by, kind="stable", ignore_index=True)
    return table


@register("csv")
def write_gaze_csv(source: Source, out: Path) -> list[Path]:
    """``gaze.csv``: every row and column of gaze.parquet; missing = empty. With a
    lesson's ``starts_at`` also ``time_utc``."""
    path = file_in(out, "gaze.csv")
    frame = harmless(_table(source))
    for c in ("student", "status", "area"):
        frame[c] = frame[c].astype("str").where(frame[c].notna(), None)
    meaning = dictionary("gaze")
    zero = source.lesson.config.zero_utc
    if zero is not None:
        at = pd.Timestamp(zero) + pd.to_timedelta(frame["time_s"], unit="s")
        frame["time_utc"] = at.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
        meaning["time_utc"] = column("wall clock, UTC: session.toml's starts_at plus time_s")
    with atomic_write(path) as aside:
        options = pa_csv.WriteOptions(quoting_style="needed")
        pa_csv.write_csv(pa.Table.from_pandas(_blank(frame), preserve_index=False), aside, options)
    return [path, write_dictionary(path, meaning)]


def _blank(frame: pd.DataFrame) -> pd.DataFrame:
    """NaN as null, so that it is written as nothing."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("floating").columns, "Float64"))


@register("parquet")
def write_gaze_parquet(source: Source, out: Path) -> list[Path]:
    """``gaze.parquet`` under the export's pseudonyms."""
    path = file_in(out, "gaze.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(_table(source), path, "gaze")
    return [path, path.with_suffix(".json")]


@register("visits")
def write_visits(source: Source, out: Path) -> list[Path]:
    """``visits.csv``: every visit of every student."""
    return write_csv(source.measures.visits, file_in(out, "visits.csv"), VISITS)


@register("transitions")
def write_transitions(source: Source, out: Path) -> list[Path]:
    """``transitions.csv``: of the class and of each student, those that happened."""
    m = source.measures
    parts = [m.transitions.table().assign(student="")]
    for name, visit in m.visits.groupby("student", sort=True):
        own = count_transitions(visit, m.states, gap_s=m.gap_s).table()
        parts.append(own.assign(student=name))
    frame = pd.concat(parts, ignore_index=True)[list(TRANSITIONS)]
    return write_csv(frame[frame["count"] > 0], file_in(out, "transitions.csv"), TRANSITIONS)
