"""``targets.csv``: who looked at which marked point when."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from sessions.csv_table import read_csv_table
from sessions.errors import SessionError

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
    return [s + _meant(s, known) for s in strangers]


def _meant(student: str, known: Collection[str]) -> str:
    near = {k.casefold(): k for k in known}  # capitals are the commonest slip
    meant = difflib.get_close_matches(student.casefold(), near, n=1, cutoff=0.6)
    return f" (meant: {near[meant[0]]}?)" if meant else ""
