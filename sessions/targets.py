"""``targets.csv``: who looked at which marked point when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sessions.errors import SessionError

TARGET_COLUMNS = ("start_s", "end_s", "student", "target", "x_m", "y_m")


def read_targets(path: Path) -> pd.DataFrame:
    """``targets.csv``: who looked at which marked point when.

    Raises
    ------
    SessionError : missing, other columns, or values that are not numbers.
    """
    if not path.is_file():
        raise SessionError(
            "there are no marked points to validate against",
            where=path,
            expected=",".join(TARGET_COLUMNS),
            remedy="See docs/record-a-lesson.md, step 4.",
        )
    targets = pd.read_csv(path, dtype={"student": str, "target": str}, keep_default_na=False)
    missing = [c for c in TARGET_COLUMNS if c not in targets.columns]
    if missing:
        raise SessionError(
            "targets.csv lacks columns", where=path, found=", ".join(missing) + " missing"
        )
    for column in ("start_s", "end_s", "x_m", "y_m"):
        targets[column] = pd.to_numeric(targets[column], errors="coerce")
        bad = np.flatnonzero(targets[column].isna())
        if bad.size:
            raise SessionError(
                f"`{column}` is not a number", where=path, found=f"line {bad[0] + 2}"
            )
    return targets
