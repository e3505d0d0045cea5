"""Calibration on random simulated rigs: accuracy, honesty of the covariance, Monte Carlo.

    python tests/benchmarks/calibration_rigs.py --rigs 60 --repeats 40 --out calibration_rigs.json

Each rig stands in another room: two cameras beside a blackboard of 3–4.5 m, converging by 40–90°,
12 shared and 8 + 8 single views of an 8 cm board, corner noise 0.1 px, one auxiliary board. Prints
the table of docs/history/calibration.md. No pictures: corners are simulated
(tests/calibration/rigs.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.calibrate import solve  # noqa: E402
from calibration.corners.boards import View  # noqa: E402
from calibration.inputs import Seen  # noqa: E402
from calibration.rig import Rig  # noqa: E402
from calibration.solve.uncertainty import (  # noqa: E402
    SEAT_DISTANCES_M,
    covariance_of,
    position_jacobian,
    seats,
    triangulate,
)
from calibration.transform import Array, geodesic_deg, rotation_log  # noqa: E402
from tests.calibration import rigs  # noqa: E402

NOISE_PX = 0.1


def parameter_error(found: Rig, truth: Rig) -> Array:
    """(P,) truth − found, in the order and the tangent space of ``parameter_names``."""
    parts = []
    for a, b in ((found.left, truth.left), (found.right, truth.right)):
        n = max(a.distortion.size, b.distortion.size)
        d = [np.pad(x.distortion, (0, n - x.distortion.size)) for x in (a, b)]
        K = b.K - a.K
        parts += [K[[0, 1, 0, 1], [0, 1, 2, 2]], (d[1] - d[0])[: a.distortion.size]]
    for a, b in ((found.T_RL, truth.T_RL), (found.T_AL, truth.T_AL), (found.T_WA, truth.T_WA)):
        if a is not None and b is not None:
            parts += [rotation_log(a.R.T @ b.R), b.t - a.t]
    return np.concatenate(parts)


def chi2(found: Rig, truth: Rig) -> tuple[float, int]:
    """Normalised squared error of cameras and pair, and its degrees of freedom."""
    assert found.covariance is not None
    n = found.left.distortion.size + found.right.distortion.size + 8 + 6
    e = parameter_error(found, truth)[:n]
    return float(e @ np.linalg.solve(found.covariance[:n, :n], e)), n


def again(seen: Seen, exact: Seen, room: rigs.Room, rng: np.random.Generator) -> Seen:
    """The same views and placements with fresh noise, also in tape and placement."""
    views = tuple(
        View(v.name, rigs.noisy(v.left, rng, NOISE_PX), rigs.noisy(v.right, rng, NOISE_PX))
        for v in exact.views
    )
    auxiliary = []
    for a in exact.auxiliary:
        off = np.concatenate(
            [
                rng.normal(0, np.radians(a.tape.placement_sigma_deg), 3),
                rng.normal(0, a.tape.tape_sigma_m, 3),
            ]
        )
        left, right = rigs.place_auxiliary(room, a.tape, off=off)
        view = View(a.view.name, rigs.noisy(left, rng, NOISE_PX), rigs.noisy(right, rng, NOISE_PX))
        auxiliary.append(replace(a, view=view))
    return replace(seen, views=views, auxiliary=tuple(auxiliary))


def ratio(predicted: list[Array], errors: list[Array]) -> list[float]:
    """Predicted over observed spread (root of the trace) at each of the seats."""
    seen = np.sqrt(np.mean(np.array(errors) ** 2, axis=0))
    said = np.sqrt(np.mean(np.array(predicted), axis=0))
    return (np.linalg.norm(said, axis=1) / np.linalg.norm(seen, axis=1)).tolist()


def table(rows: list[dict[str, float]], keys: dict[str, str]) -> list[str]:
    """Median and 95th percentile of each key."""
    out = ["| | median | p95 |", "|---|---|---|"]
    for key, words in keys.items():
        v = np.array([r[key] for r in rows if key in r])
        out.append(f"| {words} | {np.median(v):.3f} | {np.percentile(v, 95):.3f} |")
    return out


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rigs", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--monte-carlo-rigs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    rows: list[dict[str, float]] = []
    verdicts: dict[str, int] = {}
    for i in range(options.rigs):
        rng = np.random.default_rng(options.seed + i)
        room = rigs.random_room(rng)
        seen = rigs.make_seen(
            room, rng, sigma_px=NOISE_PX, placements=(("flat",), ("tilted",))[i % 2],
            quarter_turns=i % 4,
        )  # fmt: skip
        t = time.perf_counter()
        rig = solve(seen)
        seconds = time.perf_counter() - t
        verdicts[rig.verdict.status] = verdicts.get(rig.verdict.status, 0) + 1
        value, dof = chi2(rig, room.rig)
        row = {
            "angle_deg": room.angle_deg,
            "rotation_deg": float(geodesic_deg(rig.T_RL.R, room.rig.T_RL.R)),
            "translation_mm": 1000 * float(np.linalg.norm(rig.T_RL.t - room.rig.T_RL.t)),
            "holdout_px": float(rig.quality.pair.holdout_px),
            "chi2": value,
            "dof": dof,
            "seconds": seconds,
        }
        if rig.T_WA is not None:
            a, b = rig.T_WC("left"), room.rig.T_WC("left")
            row["world_deg"] = float(geodesic_deg(a.R, b.R))
            row["world_cm"] = 100 * float(np.linalg.norm(a.t - b.t))
        # the same rig with a tape and a board that are off as people are off: one and three
        # placements
        for n in (1, 3):
            rng = np.random.default_rng(options.seed + 5000 + i)
            human = rigs.make_seen(
                room, rng, sigma_px=NOISE_PX, placements=("flat",) * n, tape_error=True
            )
            rig = solve(human, models=(4,))
            if rig.T_WA is not None:
                a = rig.T_WC("left")
                row[f"human{n}_deg"] = float(geodesic_deg(a.R, b.R))
                row[f"human{n}_cm"] = 100 * float(np.linalg.norm(a.t - b.t))
        rows.append(row)
        print(f"{i + 1:3d}/{options.rigs}", {k: round(v, 3) for k, v in row.items()},
              file=sys.stderr)  # fmt: skip

    total, dof = sum(r["chi2"] for r in rows), int(sum(r["dof"] for r in rows))
    band = stats.chi2.ppf([0.025, 0.975], dof)
    inside = float(
        np.mean([
            stats.chi2.ppf(0.025, r["dof"]) <= r["chi2"] <= stats.chi2.ppf(0.975, r["dof"])
            for r in rows
        ])
    )  # fmt: skip

    ratios: list[list[float]] = []
    pair_ratios: list[list[float]] = []
    for i in range(options.monte_carlo_rigs):
        rng = np.random.default_rng(options.seed + 9000 + i)
        room = rigs.random_room(rng)
        exact = rigs.make_seen(room, rng, sigma_px=0.0, placements=("flat",))
        points = seats(room.rig, room.blackboard_m)
        truth_L = room.rig.T_WC("left").inverse().apply(points)
        uv0 = room.rig.left.project(truth_L)
        uv1 = room.rig.right.project(room.rig.T_RL.apply(truth_L))
        errors, predicted, pair_errors, pair_predicted = [], [], [], []
        for _ in range(options.repeats):
            rig = solve(again(exact, exact, room, rng), models=(4,))
            if rig.T_WA is None or rig.covariance is None:
                continue
            errors.append(rig.T_WC("left").apply(triangulate(rig, uv0, uv1)) - points)
            cov = covariance_of(position_jacobian(rig, points), rig.covariance, 3)
            predicted.append(np.diagonal(cov, axis1=1, axis2=2))
            # cameras and pair by themselves, in L: no tape
            n = len(rig.parameter_names) - 12
            alone = replace(rig, T_AL=None, T_WA=None, covariance=rig.covariance[:n, :n])
            pair_errors.append(triangulate(rig, uv0, uv1) - truth_L)
            cov = covariance_of(position_jacobian(alone, truth_L), rig.covariance[:n, :n], 3)
            pair_predicted.append(np.diagonal(cov, axis1=1, axis2=2))
        ratios.append(ratio(predicted, errors))
        pair_ratios.append(ratio(pair_predicted, pair_errors))
        print(f"Monte Carlo {i + 1}: predicted / seen at 3, 6, 9 m:", np.round(ratios[-1], 3),
              "cameras and pair alone:", np.round(pair_ratios[-1], 3), file=sys.stderr)  # fmt: skip
    by_distance, pair_by_distance = (
        np.sqrt(np.mean(np.array(r) ** 2, axis=0)) if r else np.zeros(3)
        for r in (ratios, pair_ratios)
    )

    lines = table(
        rows,
        {
            "rotation_deg": "relative rotation, °",
            "translation_mm": "relative translation, mm",
            "world_deg": "world rotation, °, tape exact",
            "world_cm": "world position, cm, tape exact",
            "human1_deg": "world rotation, °, tape ± 5 mm, board laid ± 0.5° each axis",
            "human1_cm": "world position of the left camera, cm, the same",
            "human3_deg": "world rotation, °, three such placements combined",
            "human3_cm": "world position of the left camera, cm, the same",
            "holdout_px": "hold-out, px",
            "seconds": "seconds",
        },
    )
    print("\n".join(lines))
    print(f"\nverdicts: {verdicts}")
    print(
        f"χ² of cameras and pair, all rigs: {total:.0f} for {dof} degrees of freedom "
        f"(95 % band {band[0]:.0f}–{band[1]:.0f}); {100 * inside:.0f} % of the rigs in their own "
        "95 % band"
    )
    for d, r, p in zip(SEAT_DISTANCES_M, by_distance, pair_by_distance, strict=True):
        print(
            f"spread at {d:.0f} m: predicted / Monte Carlo = {r:.3f} (whole rig with tape), "
            f"{p:.3f} (cameras and pair alone)"
        )
    if options.out:
        result = {
            "rigs": rows, "verdicts": verdicts, "chi2": total, "dof": dof, "band": band.tolist(),
            "share_in_band": inside, "spread_ratio": dict(zip(map(str, SEAT_DISTANCES_M),
                                                             by_distance.tolist(), strict=True)),
            "spread_ratio_pair": dict(zip(map(str, SEAT_DISTANCES_M), pair_by_distance.tolist(),
                                          strict=True)),
            "seed": options.seed, "repeats": options.repeats,
        }  # fmt: skip
        options.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
