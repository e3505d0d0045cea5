"""Is σ of the pair true? NEES / 6 (1 = true) on four kinds of noise and on halves of real sets.

    python tests/benchmarks/calibration_sigma.py --rigs 16 [--sets SETS --splits 5]

Simulated: rigs as in calibration_rigs.py (12 shared and 2 × 8 single views, 0.1 px of noise), e =
true − found of (δ, t) of T_RL. *Structured*: each view in each camera is shifted by 0.15 px and
stretched by 4e-4 (about the board's middle, or about the picture's). *Rolling*: sheared by 0.6 px
from the first row to the last. Real: SETS as in calibration_peers.py; the shared views are drawn
into two halves, each is calibrated by itself, e = their difference, against the sum of both
covariances.

Four σ side by side: *independent* (one σ for every corner), *sandwich* (clustered by view, factor
m / (m − 1)), *jackknife* (linearised, view by view), and *scatter*, which is what rig.json holds
(calibration/solve/covariance.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.corners.boards import Board, View  # noqa: E402
from calibration.corners.folder import read_folder  # noqa: E402
from calibration.errors import CalibrationError  # noqa: E402
from calibration.solve import bundle  # noqa: E402
from calibration.solve.covariance import joint_covariance, linear  # noqa: E402
from calibration.solve.estimate import Estimate, estimate  # noqa: E402
from calibration.transform import Array, rotation_log  # noqa: E402
from tests.calibration import rigs  # noqa: E402

KINDS = ("independent", "structured", "structured about the picture's middle", "rolling shutter")


def pair_covariances(found: Estimate) -> dict[str, Array]:
    """(6, 6) of (δ, t) of T_RL by each way of taking it."""
    p, s, robust = found.problem, found.solution.state, found.robust_px
    n = s.lenses[0].size + s.lenses[1].size
    G = n + 6 + (bundle.BENDS if found.with_warp else 0)
    lin = linear(p, s, robust, found.with_warp, G)
    J_view, T_view = lin.J_view, np.swapaxes(lin.J_view, 1, 2)
    J = lin.J - J_view @ (np.linalg.inv(T_view @ J_view) @ (T_view @ lin.J))
    S_v = np.swapaxes(J, 1, 2) @ J
    S = S_v.sum(0) + np.diag(bundle.prior(s, G)[0])
    inv_S, score = np.linalg.inv(S), np.einsum("vrg,vr->vg", J, lin.residual)
    left_out = np.stack(
        [np.linalg.lstsq(S - a, u, rcond=None)[0] for a, u in zip(S_v, score, strict=True)]
    )
    m = len(score)
    out = {
        "independent": float((lin.residual**2).sum()) / lin.dof * inv_S,
        "sandwich": m / (m - 1) * inv_S @ (score.T @ score) @ inv_S,
        "jackknife": (m - 1) / m * left_out.T @ left_out,
        "scatter": joint_covariance(p, s, robust_px=robust, with_warp=found.with_warp)[0],
    }
    return {k: C[n : n + 6, n : n + 6] for k, C in out.items()}


def nees(e: Array, C: Array) -> float:
    """eᵀ C⁻¹ e / 6."""
    return float(e @ np.linalg.solve(C, e)) / 6


def disturbed(uv: Array | None, rng: np.random.Generator, kind: str) -> Array | None:
    """Exact corners of one view with the noise of a kind (pictures of 1920 × 1080)."""
    if uv is None:
        return None
    out = np.asarray(uv + rng.normal(0, 0.1, uv.shape), np.float64)
    if kind.startswith("structured"):
        middle = np.array([960.0, 540.0]) if "picture" in kind else uv.mean(0)
        out += rng.normal(0, 0.15, 2) + (uv - middle) @ rng.normal(0, 4e-4, (2, 2))
    if kind == "rolling shutter":
        out += np.outer(uv[:, 1] / 1080, rng.normal(0, 0.6, 2))
    return out


def simulated(kind: str, seed: int) -> dict[str, float]:
    """NEES / 6 of one rig by each way."""
    rng = np.random.default_rng([3, seed])
    room = rigs.random_room(rng)
    views = [
        View(f"{i:02d}", disturbed(a, rng, kind), disturbed(b, rng, kind))
        for i, (a, b) in enumerate(rigs.look(room, rng))
    ]
    sizes = {"left": room.rig.left.size_px, "right": room.rig.right.size_px}
    found = estimate(room.board, sizes, views, models=(4,), warp=False)
    s, truth = found.solution.state, room.rig.T_RL
    e = np.concatenate([rotation_log(s.R_RL.T @ truth.R), truth.t - s.t_RL])
    return {k: nees(e, C) for k, C in pair_covariances(found).items()}


def views_of(folder: Path) -> tuple[Board, dict[str, tuple[int, int]], list[View]]:
    """Board, picture sizes and shared views of a real set, from a corner file or its pictures."""
    d = json.loads((folder / "published.json").read_text())["board"]
    square = 0.025 if d["square_size"] > 0.5 else d["square_size"]
    board = Board("chessboard", (d["inner_cols"], d["inner_rows"]), square)
    corners = sorted(folder.glob("corners_all*.json"))
    if not corners:
        read = read_folder(folder, board)
        shared = [v for v in read.views if v.left is not None and v.right is not None]
        return board, read.sizes, shared
    f = json.loads(corners[0].read_text())  # more views than pictures
    size = (int(f["image_size"][0]), int(f["image_size"][1]))
    views = [
        View(str(v["id"]), np.array(v["left"]), np.array(v["right"]))
        for v in f["views"] if v.get("left") and v.get("right")
    ]  # fmt: skip
    return board, {"left": size, "right": size}, views


def halves(
    name: str, board: Board, sizes: dict[str, tuple[int, int]], views: list[View], splits: int
) -> list[dict[str, float]]:
    """NEES / 6 of halves of a real set against each other, by each way of taking σ."""
    rows = []
    for split in range(splits):
        order = np.random.default_rng(split).permutation(len(views))
        try:
            a, b = (
                estimate(board, sizes, [views[i] for i in np.sort(order[half::2])])
                for half in (0, 1)
            )
        except CalibrationError as error:
            print(f"{name}: split {split}: {error}", file=sys.stderr)
            continue
        s, u = a.solution.state, b.solution.state
        e = np.concatenate([rotation_log(s.R_RL.T @ u.R_RL), u.t_RL - s.t_RL])
        C_a, C_b = pair_covariances(a), pair_covariances(b)
        rows.append({k: nees(e, C_a[k] + C_b[k]) for k in C_a})
    return rows


def line(name: str, rows: list[dict[str, float]]) -> str:
    """A row of the table: mean (largest) of each way."""
    cells = []
    for k in ("independent", "sandwich", "jackknife", "scatter"):
        v = [r[k] for r in rows]
        cells.append(f"{np.mean(v):.2f} ({np.max(v):.1f})")
    return f"| {name} | {len(rows)} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rigs", type=int, default=16)
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    print("| noise | n | independent | sandwich | jackknife | scatter |\n|---|---|---|---|---|---|")
    for kind in KINDS:
        rows = [simulated(kind, seed) for seed in range(options.rigs)]
        print(line(kind, rows), flush=True)
    folders = sorted(options.sets.iterdir()) if options.sets else []
    for folder in (p for p in folders if (p / "published.json").exists()):
        rows = halves(folder.name, *views_of(folder), options.splits)
        print(line(f"real: {folder.name}, halves", rows), flush=True)


if __name__ == "__main__":
    main()
