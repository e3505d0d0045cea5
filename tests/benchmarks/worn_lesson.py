"""Students of simulated lessons by what they wear: error, stated σ, and whether it holds.

gaze simulate L --seconds 13.5 --fps 5 --people train --seed 771 --wear "hair 4, cap 2, hand 2"
gaze calibrate L && gaze analyze L --weights lite0 --run lite0
python tests/benchmarks/worn_lesson.py L/runs/small …
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gaze.room.geometry import inside_ellipse
from sessions.tables import gaze_covariance_m2


def main() -> None:
    """A row for each student."""
    print("| lesson | student | worn | error, cm | σ x, y, cm | inside 68 % | named covered |")
    print("|---|---|---|--:|--:|--:|--:|")
    for run in map(Path, sys.argv[1:]):
        lesson = run.parents[1]
        worn = json.loads((lesson / "truth" / "about.json").read_text("utf-8")).get("wears", {})
        true = pd.read_parquet(lesson / "truth" / "heads.parquet")
        gaze = pd.read_parquet(run / "gaze.parquet").merge(
            true[["frame", "student", "head_point_x_m", "head_point_y_m"]],
            left_on=["frame_left", "student"], right_on=["frame", "student"],
        )  # fmt: skip
        for student, rows in gaze.groupby("student", sort=True, observed=True):
            e = (rows[["gaze_x_m", "gaze_y_m"]].to_numpy()
                 - rows[["head_point_x_m", "head_point_y_m"]].to_numpy())  # fmt: skip
            S = gaze_covariance_m2(rows)
            known = np.isfinite(e).all(1) & np.isfinite(S).all((1, 2))
            S = S[known]
            sigma = 100 * np.sqrt(np.median(np.diagonal(S, axis1=1, axis2=2), axis=0))
            print(
                f"| {lesson.name} | {student} | {', '.join(worn.get(student, [])) or '–'} | "
                f"{100 * np.hypot(*e[known].T).mean():.0f} | {sigma[0]:.0f}, {sigma[1]:.0f} | "
                f"{100 * inside_ellipse(e[known], S, 0.68).mean():.0f} % | "
                f"{100 * (rows['covered'] > 0.5).mean():.0f} % |"
            )


if __name__ == "__main__":
    main()
