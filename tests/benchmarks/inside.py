"""How honest the ellipses are, by student: of gaze points of rendered lessons against their truth.

    python tests/benchmarks/inside.py bench/lessons/* --run benchmark-lite0

A student's error hardly changes in a lesson, so that he is one observation. Prints the share of
points inside their 68 % ellipse (mean over students ± its standard error), the scatter of lessons
beside what students alone would give, the mean square of error / σ in x and y and its parts (what
stays with a student, what comes with a place he looks at, what is new at every moment), within a
metre of the board where edges are, and what a lesson's students have in common, in σ: the root mean
square of lessons' means, and what chance would give.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.core.groupby import DataFrameGroupBy, SeriesGroupBy
from scipy.stats import chi2

from gaze.report.lesson import load_lesson

NEAR_M, PLACE_M = 1.0, 0.5


def by_student(folder: Path, run: str) -> pd.DataFrame:
    """One row for each student: inside, mean zx and zy, and the parts of their squares."""
    truth = pd.read_parquet(folder / "truth" / "heads.parquet").astype({"student": str})
    lesson = load_lesson(folder / "runs" / run)
    gaze = lesson.gaze.astype({"student": str})
    gaze = gaze[gaze["gaze_x_m"].notna() & gaze["student"].isin(truth["student"].unique())]
    both = pd.merge_asof(
        gaze.sort_values("time_s"), truth.sort_values("time_s"),
        on="time_s", by="student", direction="nearest", suffixes=("", "_true"),
    ).dropna(subset=["head_point_x_m"])  # fmt: skip
    error = both[["gaze_x_m", "gaze_y_m"]].to_numpy() - both[["head_point_x_m", "head_point_y_m"]]
    xx, xy, yy = (both[f"gaze_{k}_m2"] for k in ("xx", "xy", "yy"))
    x, y = error.to_numpy().T
    squared = (x**2 * yy - 2 * x * y * xy + y**2 * xx) / (xx * yy - xy**2)
    found = pd.DataFrame({
        "student": both["student"], "inside": squared < chi2.ppf(0.68, 2),
        "zx": x / np.sqrt(xx), "zy": y / np.sqrt(yy),
    })  # fmt: skip
    sizes = {"x": lesson.board.width_m, "y": lesson.board.height_m}
    at = pd.DataFrame({k: both[f"head_point_{k}_m"] for k in sizes})
    near = pd.concat([at[k].between(-NEAR_M, sizes[k] + NEAR_M) for k in sizes], axis=1).all(axis=1)
    place = found[near].groupby(["student", *(at[k][near] // PLACE_M for k in sizes)])
    of = found.groupby("student").mean().assign(lesson=folder.name)
    return of.join(_parts(place[["zx", "zy"]]))


def _parts(at: DataFrameGroupBy) -> pd.DataFrame:
    """Of each student's z, by his places: its mean square, what of it stays, and what is new."""
    size, mean, var = at.size(), at.mean(), at.var(ddof=0)

    def of(values: pd.DataFrame | pd.Series) -> DataFrameGroupBy | SeriesGroupBy:
        return values.groupby("student")

    square = of((var + mean**2).mul(size, axis=0)).sum().div(of(size).sum(), axis=0)
    new = of(var.mul(size, axis=0)).sum().div(of(size - 1).sum().replace(0, np.nan), axis=0)
    stays = of(mean).mean() ** 2 - of(mean).var().div(of(size).count(), axis=0)
    parts = {"square": square, "stays": stays, "new": new}
    return pd.concat([v.add_suffix(f"_{name}") for name, v in parts.items()], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="+", type=Path)
    parser.add_argument("--run", default="benchmark-lite0")
    args = parser.parse_args()
    of = pd.concat(by_student(folder, args.run) for folder in args.lessons)
    lessons = of.groupby("lesson")
    n = lessons.size()

    def scatter(name: str) -> tuple[pd.Series, float]:
        """Lessons' means, and the scatter that their students alone would give them."""
        return lessons[name].mean(), float(np.sqrt((lessons[name].var() / n).mean()))

    inside, chance = scatter("inside")
    print(
        f"{len(of)} students in {len(n)} lessons: inside 68 % "
        f"{100 * of['inside'].mean():.1f} ± {100 * of['inside'].sem():.1f} %; "
        f"lessons ± {100 * inside.std():.1f}, by chance ± {100 * chance:.1f}"
    )
    for axis in ("x", "y"):
        mean, chance = scatter(f"z{axis}")
        square, stays, new = (of[f"z{axis}_{k}"].mean() for k in ("square", "stays", "new"))
        print(
            f"{axis}: mean square of error / σ {square:.2f} (stays {stays / square:.0%}, with a "
            f"place {1 - (stays + new) / square:.0%}, new {new / square:.0%}); in common "
            f"{np.sqrt((mean**2).mean()):.2f} σ, by chance {chance:.2f}"
        )


if __name__ == "__main__":
    main()
