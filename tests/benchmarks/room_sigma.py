"""What a factor of σ from one recording is worth in another: inside the 68 % ellipse.

    python tests/benchmarks/room_sigma.py bench/lessons

Lessons of ``gaze benchmark run`` with marked points, all pairs within a track: the factor that
`gaze validate` finds in one multiplies the σ of the other's points (of which the heads' is nearly
all).
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from gaze.room.geometry import inside_ellipse
from gaze.validation.validate import compare, marked_points
from sessions.tables import gaze_covariance_m2, read_table
from sessions.targets import read_targets
from sessions.validation import SigmaFactor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", type=Path)
    parser.add_argument("--run", default="benchmark-small", help="name of the lessons' runs")
    options = parser.parse_args()
    found = {}
    for path in sorted(options.lessons.iterdir()):
        if (path / "targets.csv").is_file() and (
            path / "runs" / options.run / "gaze.parquet"
        ).is_file():
            found[path.name] = of_lesson(path, path / "runs" / options.run)
    print("| factor from | errors in σ (95 %) | used on | inside before | after |")
    print("|---|---|---|--:|--:|")
    after = []
    for a, b in itertools.permutations(found, 2):
        if a.rsplit("-", 1)[0] == b.rsplit("-", 1)[0] and found[a][0].seen:
            sigma, (offset, covariance) = found[a][0], found[b][1]
            was, now = (
                100 * inside_ellipse(offset, scale**2 * covariance, 0.68).mean()
                for scale in (1.0, sigma.factor)
            )
            after.append(now)
            low, high = sigma.interval_95
            errors = f"{sigma.factor:.2f} ({low:.2f} to {high:.2f})"
            print(f"| {a} | {errors} | {b} | {was:.0f} % | {now:.0f} % |")
    print(f"\nMean after: {np.mean(after):.0f} %, {len(after)} pairs.")


def of_lesson(lesson: Path, run: Path) -> tuple[SigmaFactor, tuple[np.ndarray, np.ndarray]]:
    """Its factor; and its points' offsets (N, 2) from the marks with covariances (N, 2, 2)."""
    gaze, targets = read_table(run / "gaze.parquet", "gaze"), read_targets(lesson / "targets.csv")
    students = read_table(run / "students.parquet", "students").set_index("student")
    marked, line = marked_points(gaze, targets)
    offset = gaze[["gaze_x_m", "gaze_y_m"]].to_numpy() - marked
    covariance = gaze_covariance_m2(gaze)
    used = (line >= 0) & np.isfinite(offset).all(1)
    sigma = compare(gaze, students, targets, None)["sigma"]
    return sigma, (offset[used], covariance[used])


if __name__ == "__main__":
    main()
