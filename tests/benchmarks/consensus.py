"""What it is worth to take off each student's constant error, from the class's agreement.

    python tests/benchmarks/consensus.py --minutes 1 5 45 --lessons 50

Where every head points comes from the simulator's script; the measured heads are these plus an
error whose parts are those measured on rendered lessons (tests/benchmarks/shares.py), a moment a
second (no pictures). The error is that of the point where the head points, over moments at which it
truly meets the board.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.transform import Array
from gaze.gain.angles import angles_of, meet, meet_jacobian
from gaze.gain.consensus import CONSTANT, Bins, Consensus, consensus
from sessions.config import Blackboard
from sessions.simulation.people import load_people
from sessions.simulation.simulate import Options, build_world
from tests.benchmarks.shares import NOSE_SIGMA_M, SIGMA_DEG, errors

BOARD = Blackboard(width_m=4.0, height_m=1.2)


@dataclass(frozen=True)
class Drawn:
    """T moments of N students: measured noses and directions, and the true points (T, N, 2)."""

    time_s: Array
    P_W: Array
    direction_W: Array
    true_xy: Array
    row: Array


def draw(
    scenario: str, seed: int, seconds: float, *, students: int = 24, rows: int = 4,
    true_sigma: tuple[float, float] = (1.0, 1.0), cast: list | None = None,
) -> Drawn:  # fmt: skip
    """A lesson of one moment a second. true_sigma : of the stated σ in yaw and pitch."""
    o = Options(scenario=scenario, seed=seed, seconds=seconds, students=students, rows=rows, fps=5)
    world = build_world(o, cast)
    time_s = np.arange(round(seconds)).astype(float)
    heads = world.heads(time_s)
    rng = np.random.default_rng([seed, 9])
    wrong = np.zeros((*heads.P_W.shape[:2], 3))
    wrong[..., :2] = errors(heads.R_WS[..., 2], rng)
    wrong[..., :2] *= np.radians(SIGMA_DEG) * np.array(true_sigma)[::-1]
    turned = Rotation.from_rotvec(wrong.reshape(-1, 3)).as_matrix().reshape(heads.R_WS.shape)
    P = heads.P_W + NOSE_SIGMA_M * rng.standard_normal(heads.P_W.shape)
    true = meet(heads.P_W, angles_of(heads.R_WS[..., 2]))
    x, y = np.moveaxis(true, -1, 0)
    on = (x > 0) & (x < BOARD.width_m) & (y > 0) & (y < BOARD.height_m)
    true = np.where(on[..., None], true, np.nan)
    return Drawn(time_s, P, (heads.R_WS @ turned)[..., 2], true, np.asarray(world.seats.row))


def found_in(drawn: Drawn) -> Consensus | None:
    """What the product finds in it, with the stated σ."""
    T, N = drawn.P_W.shape[:2]
    sigma = np.radians(SIGMA_DEG[::-1])  # azimuth, elevation
    bins = Bins.of(
        np.repeat(drawn.time_s, N), np.tile(np.arange(N), T), drawn.P_W.reshape(-1, 3),
        drawn.direction_W.reshape(-1, 3), np.tile(sigma, (T * N, 1)), N,
    )  # fmt: skip
    return consensus(bins, np.tile(CONSTANT * sigma**2, (N, 1)), BOARD)


@dataclass(frozen=True)
class Score:
    """Mean error by row before and after (R,), in cm; the whole class's; share inside the 68 %
    ellipse before and after; share of students whose offset is used."""

    rows_cm: Array
    class_cm: Array
    inside: Array
    used: float


def score(drawn: Drawn) -> Score:
    found = found_in(drawn)
    sigma2 = np.radians(SIGMA_DEG[::-1]) ** 2
    N = drawn.P_W.shape[1]
    wrong = np.zeros((N, 2)) if found is None else found.error_rad
    left = np.zeros((N, 2)) if found is None else found.variance_rad2 - found.prior_rad2
    seen = angles_of(drawn.direction_W)
    errs, ins = [], []
    for angle, var in ((seen, sigma2 + np.zeros((N, 2))), (seen - wrong, sigma2 + left)):
        e = meet(drawn.P_W, angle) - drawn.true_xy
        J = meet_jacobian(drawn.P_W, angle)
        cov = np.einsum("tnai,ni,tnbi->tnab", J, var, J) + NOSE_SIGMA_M**2 * np.eye(2)
        ok = np.isfinite(e).all(-1) & np.isfinite(cov).all((-1, -2))
        chi2 = np.einsum("ka,kab,kb->k", e[ok], np.linalg.inv(cov[ok]), e[ok])
        ins.append((chi2 < 2.279).mean())
        errs.append(100 * np.linalg.norm(e, axis=-1))
    rows = [[np.nanmean(e[:, drawn.row == r]) for r in np.unique(drawn.row)] for e in errs]
    return Score(np.array(rows), np.array([np.nanmean(e) for e in errs]), np.array(ins),
                 0.0 if found is None else float(found.used.mean()))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 5.0, 45.0])
    parser.add_argument("--lessons", type=int, default=50)
    parser.add_argument("--scenarios", nargs="+", default=["natural", "grid"])
    parser.add_argument("--students", type=int, default=24)
    parser.add_argument("--true-sigma", type=float, nargs=2, default=(1.0, 1.0))
    args = parser.parse_args()
    cast = load_people(None)
    rows = max(1, args.students // 6)
    print(
        "| scenario | minutes | lessons | rows before, cm | rows after, cm | class | used "
        "| worst lesson | inside 68 % before, after | s a lesson |\n|" + "---|" * 10
    )
    for scenario in args.scenarios:
        for minutes in args.minutes:
            begun = time.process_time()
            found = [
                score(draw(scenario, seed, 60 * minutes, students=args.students, rows=rows,
                           cast=cast, true_sigma=tuple(args.true_sigma)))
                for seed in range(args.lessons)
            ]  # fmt: skip
            by_row = np.mean([s.rows_cm for s in found], 0)
            cm = np.array([s.class_cm for s in found])
            inside = 100 * np.mean([s.inside for s in found], 0)
            before, after = (" / ".join(f"{v:.1f}" for v in r) for r in by_row)
            worst = 100 * (cm[:, 1] / cm[:, 0] - 1).max()
            print(
                f"| {scenario} | {minutes:g} | {args.lessons} | {before} | {after} | "
                f"{cm[:, 0].mean():.1f} → {cm[:, 1].mean():.1f} | "
                f"{100 * np.mean([s.used for s in found]):.0f} % | {worst:+.1f} % | "
                f"{inside[0]:.0f}, {inside[1]:.0f} % | "
                f"{(time.process_time() - begun) / args.lessons:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
