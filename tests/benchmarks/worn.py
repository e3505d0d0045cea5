"""Heads with masks, caps, glasses, hair, hands and books as meshes: error, and is its σ honest?

    python tests/benchmarks/worn.py [--weights small] [--heads 96]

The four test people of the simulator, whom no network saw, drawn with each thing on and without,
|yaw| to 50° and pitch −30 to 20°, faces of 12 to 64 px through a bad camera. The drawings that the
part for covered faces learned from (headpose/data/coverings.py) are flat; these are not. About a
minute for each weights.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import chi2

sys.path.insert(0, str(Path(__file__).parents[2]))

from headpose import weights
from headpose.data.packs import read_pack
from headpose.train.calibrate import normalised_error
from headpose.train.visibility import Observed, observe
from headpose.visibility import Visibility
from sessions.simulation.people import load_people
from sessions.simulation.wear import WORN, dressed
from tools.people_factory.heads import render_heads

INSIDE_68 = chi2.ppf(0.68, 3)


def observed(kind: str, n: int, loaded: weights.Weights, folder: Path) -> Observed:
    """What the network says of n heads with one thing on ("" = nothing)."""
    rng = np.random.default_rng(len(kind))
    cast = [dressed(p, (kind,), rng) if kind else p for p in load_people("test") for _ in range(3)]
    poses = rng.uniform([-30, -50, -15], [20, 50, 15], (n, 3))
    path = folder / f"worn_{kind or 'nothing'}.npz"
    np.savez(path, **render_heads(cast, n, seed=5, poses_deg=poses))  # type: ignore[arg-type]
    return observe(loaded, read_pack(path), coverings=0, seed=1)


def line(kind: str, seen: Observed, part: Visibility) -> str:
    """A row of the table."""
    covered, wider = part(seen.x)
    before = normalised_error(seen.error_deg, seen.covariance_deg2)
    after = normalised_error(seen.error_deg / wider, seen.covariance_deg2)
    off = np.linalg.norm(seen.error_deg, axis=1)
    inside = [100 * (c < INSIDE_68).mean() for c in (before, after)]
    return (
        f"| {kind or 'nothing'} | {len(off)} | {np.sqrt((off**2).mean()):.1f} | "
        f"{before.mean() / 3:.2f} → {after.mean() / 3:.2f} | {inside[0]:.0f} → {inside[1]:.0f} % | "
        f"{100 * (covered.max(1) > 0.5).mean():.0f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", default="small")
    parser.add_argument("--heads", type=int, default=96)
    args = parser.parse_args()
    loaded = weights.load(args.weights)
    part = loaded.visibility
    assert part is not None
    print("| worn | heads | error, rms ° | χ²/3 | inside 68 % | flagged |")
    print("|---|--:|--:|---|---|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("", *WORN):
            print(line(kind, observed(kind, args.heads, loaded, Path(folder)), part), flush=True)


if __name__ == "__main__":
    main()
