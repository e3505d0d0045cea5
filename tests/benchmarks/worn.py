"""Heads with masks, caps, glasses, hair, hands and books as meshes: error, and is its σ honest?

    python tests/benchmarks/worn.py [--weights lite0] [--heads 640]

The four test people of the simulator, whom no network saw, in every pose, faces of 12 to 64 px
through a bad camera. Before: σ as the network states it; after: with its part for covered faces.
About two minutes for each weights.
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
from tools.people_factory.worn_heads import SHARES, worn_heads

INSIDE_68 = chi2.ppf(0.68, 3)


def line(kind: str, seen: Observed, part: Visibility) -> str:
    """A row of the table."""
    covered, wider = part(seen.x)
    before = normalised_error(seen.error_deg, seen.covariance_deg2)
    after = normalised_error(seen.error_deg / wider, seen.covariance_deg2)
    off = np.linalg.norm(seen.error_deg, axis=1)
    inside = [100 * (c < INSIDE_68).mean() for c in (before, after)]
    return (
        f"| {kind or 'nothing'} | {len(off)} | {off.mean():.1f} | "
        f"{inside[0]:.0f} → {inside[1]:.0f} % | {before.mean() / 3:.2f} → {after.mean() / 3:.2f} | "
        f"{100 * (covered.max(1) > 0.5).mean():.0f} % |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", default="lite0")
    parser.add_argument("--heads", type=int, default=640)
    args = parser.parse_args()
    loaded = weights.load(args.weights)
    part = loaded.visibility
    assert part is not None
    print("| worn | heads | error, ° | inside 68 % | χ²/3 | flagged |")
    print("|---|--:|--:|---|---|--:|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "worn.npz"
        pack = worn_heads(load_people("test"), args.heads, seed=43)
        np.savez(path, **pack)  # type: ignore[arg-type]
        seen = observe(loaded, read_pack(path), coverings=0, seed=5)
    for kind in SHARES:
        print(line(kind, seen.take(pack["kind"] == kind), part), flush=True)


if __name__ == "__main__":
    main()
