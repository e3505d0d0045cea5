"""Shares of the board in rendered lessons: their bias, and whether their bands hold the truth.

    python tests/benchmarks/shares_rendered.py bench/lessons/natural-* --run benchmark-lite0

The true share of a student is that of the true heads at the moments that the run measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from gaze.measures.measures import measures
from gaze.report.lesson import load_lesson


def table(folder: Path, run: str) -> tuple[pd.DataFrame, bool]:
    """Of each student the share of the board: true, measured, its band, counted where points lie;
    and whether the class's band holds."""
    lesson = load_lesson(folder / "runs" / run)
    board = lesson.board
    truth = pd.read_parquet(folder / "truth" / "heads.parquet")
    truth = truth.astype({"student": str}).sort_values("time_s")
    truth["on"] = _on(truth["head_point_x_m"], truth["head_point_y_m"], board)
    gaze = lesson.gaze.astype({"student": str}).sort_values("time_s")
    gaze = gaze[gaze["student"].isin(truth["student"].unique())]
    known = gaze[gaze["gaze_x_m"].notna() | (gaze["status"] == "away")]
    known = known.assign(counted=_on(known["gaze_x_m"], known["gaze_y_m"], board))
    both = pd.merge_asof(known, truth[["time_s", "student", "row", "on"]], on="time_s",
                         by="student", direction="nearest")  # fmt: skip
    by = both.groupby("student")
    m = measures(gaze, None, board, surrogates=0)
    found = m.students.set_index("student")[["board_share", "board_low", "board_high"]]
    found = found.assign(true=by["on"].mean(), counted=by["counted"].mean(), row=by["row"].first())
    found = found.dropna(subset=["true", "board_share"])
    band = m.areas.set_index("area").loc["board"]
    return found, bool(band["low"] - 1e-4 <= found["true"].mean() <= band["high"] + 1e-4)


def _on(x: pd.Series, y: pd.Series, board: object) -> pd.Series:
    return x.between(0, board.width_m) & y.between(0, board.height_m)  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="+", type=Path)
    parser.add_argument("--run", default="benchmark-lite0")
    args = parser.parse_args()
    tables, held = zip(*(table(folder, args.run) for folder in args.lessons), strict=True)
    all_ = pd.concat(tables)
    print("| row | students | bias, points | counted | bands that hold | to 2 points |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, part in [*all_.groupby("row"), ("all", all_)]:
        wrong, counted = (100 * (part[c] - part["true"]) for c in ("board_share", "counted"))
        off = np.maximum(part["board_low"] - part["true"], part["true"] - part["board_high"])
        n = len(part) ** 0.5
        hold, nearly = (100 * (off < by).mean() for by in (1e-4, 0.02))
        print(
            f"| {name} | {len(part)} | {wrong.mean():+.1f} ± {wrong.std() / n:.1f} | "
            f"{counted.mean():+.1f} ± {counted.std() / n:.1f} | {hold:.0f} % | {nearly:.0f} % |"
        )
    print(f"\nThe class's band holds in {sum(held)} of {len(held)} lessons.")


if __name__ == "__main__":
    main()
