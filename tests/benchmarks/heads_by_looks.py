"""Is the head pose as good for every skin, under every hair? Rendered heads, exact labels.

    python -m tools.people_factory.heads heads.npz --n 7000 --people crowd.npz --seed 31
    python tests/benchmarks/heads_by_looks.py heads.npz crowd.npz [--weights lite0] [--face-px 24]

``crowd.npz``: people that no network was trained on (docs/simulator.md, *Heads for training*).
Prints, of heads turned by less than 60 degrees, for each skin tone, hair style and for glasses:
people, heads, mean geodesic error and its standard error over people, signed pitch, and chi2 by the
stated sigma (1 = right). Renders of one maker: what a real skin does to a real camera's exposure is
not in them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from headpose.data.packs import read_pack
from headpose.estimator import HeadPoseEstimator
from headpose.evaluate import crops_of, score
from headpose.rotation import angles_deg, geodesic_deg
from sessions.simulation.people import Person, load_people

Rows = NDArray[np.bool_]
NEAR_DEG = 60.0  # |yaw| beyond which half the face is hidden, whoever it is


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heads", type=Path)
    parser.add_argument("people", type=Path)
    parser.add_argument("--weights", default="lite0")
    parser.add_argument("--face-px", type=int, default=24)
    options = parser.parse_args()
    model = HeadPoseEstimator.load(options.weights)
    samples = read_pack(options.heads)
    people = {p.name: p for p in load_people(path=options.people)}
    who = [people[str(g)] for g in samples.group]
    names = np.array([p.name for p in who])
    crops, sides = crops_of(samples, model.input_px, options.face_px)
    found = model.predict(crops, face_px=sides)
    error = geodesic_deg(found.R, samples.R)
    print(f"{options.weights}, {options.face_px} px, {len(who)} heads of {len(people)} people\n")
    print("| | people | heads | geodesic | pitch, bias | χ²/3 |\n|---|--:|--:|--:|--:|--:|")
    near = np.abs(angles_deg(samples.R)[:, 1]) < NEAR_DEG
    for label, rows in groups(who):
        rows &= near
        group = names[rows]
        each = [error[rows][group == n].mean() for n in np.unique(group)]
        one = score(found.R[rows], samples.R[rows], found.covariance_deg2[rows], group)
        spread = np.std(each, ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan
        print(
            f"| {label} | {len(each)} | {rows.sum()} | {np.mean(each):.2f} ± {spread:.2f} "
            f"| {one['bias_deg']['pitch']:+.1f} ± {one['se_deg']['pitch'] or np.nan:.1f} "
            f"| {one['chi2_per_dof']:.2f} |"
        )


def groups(who: list[Person]) -> Iterator[tuple[str, Rows]]:
    """Everybody, then those of each looks: label and rows (N,)."""
    yield "all", np.ones(len(who), bool)
    for word, of in (("skin", "skin"), ("hair", "hair_style"), ("glasses", "glasses")):
        values = np.array([str(getattr(p, of)) for p in who])
        for value in np.unique(values):
            yield f"{word}: {value}", values == value


if __name__ == "__main__":
    main()
