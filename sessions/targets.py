"""``targets.csv``: who looked at which marked point when."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from sessions.csv_table import read_csv_table
from sessions.errors import SessionError
from sessions.names import meant, spelled

TARGET_COLUMNS = ("start_s", "end_s", "student", "target", "x_m", "y_m")


def read_targets(path: Path) -> pd.DataFrame:
    """``targets.csv``: who looked at which marked point when.

    Raises
    ------
    SessionError : missing, empty, other columns, or values that are not numbers.
    """
    if not path.is_file():
        raise SessionError(
            "there are no marked points to validate against",
            where=path,
            expected=",".join(TARGET_COLUMNS),
            remedy="See docs/record-a-lesson.md, step 4.",
        )
    table = read_csv_table(path, TARGET_COLUMNS)
    numbers = {c: table.numbers(c) for c in ("start_s", "end_s", "x_m", "y_m")}
    if not table.lines:
        raise SessionError(
            "targets.csv has no lines", where=path, remedy="See docs/record-a-lesson.md, step 4."
        )
    return pd.DataFrame({c: numbers.get(c, table.columns[c]) for c in TARGET_COLUMNS})


def unknown_students(targets: pd.DataFrame, known: Collection[str]) -> list[str]:
    """Students of targets.csv whom nobody knows, in order, with whom may have been meant."""
    strangers = dict.fromkeys(s for s in targets["student"] if s and s not in known)
    near = {s: meant(s, known) for s in strangers}
    return [f"{spelled(s)} (meant: {spelled(m)}?)" if m else s for s, m in near.items()]
