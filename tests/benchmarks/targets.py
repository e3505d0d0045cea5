"""Which target a look is given to: simulated lessons with several surfaces, without a picture.

    python tests/benchmarks/targets.py --lessons 10

Students look at a target for 2 to 8 s, then at another; heads point at it with the errors of
tests/benchmarks/shares.py (σ 1.25° in yaw, 2.1° in pitch; half of the variance stays with the
student). The truth of a look is what its ray meets first. Printed is, by truth, the mean
probability of each target, and how far shares are off.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from gaze.measures.sights import DESK_BELOW_M, DESK_FROM_M, Room, room_around
from gaze.measures.targets import TargetMeasures, target_measures
from gaze.room.fusion import angle_sigmas_deg
from gaze.room.geometry import aimed_rotation
from gaze.room.plane import Plane, first_met
from sessions.config import SessionConfig
from sessions.events.moves import Move
from sessions.surfaces import DESK, ELSEWHERE, NEIGHBOUR, TEACHER
from tests.benchmarks.shares import NOSE_SIGMA_M, SIGMA_DEG, _points, errors
from tests.gaze.lessons import gaze_table

CAMERAS = {"left": {"video": "left.mp4"}, "right": {"video": "right.mp4"}}
BOARD = {"width_m": 4.0, "height_m": 1.2}


def surface(name: str, left: float, down: float, out: float, w: float, h: float, **more: object):
    return {"name": name, "left_m": left, "down_m": down, "out_m": out, "width_m": w,
            "height_m": h, **more}  # fmt: skip


SCENES: dict[str, dict] = {
    "screen beside": {"surfaces": [surface("screen", 4.3, -0.3, 0.1, 2.0, 1.5)], "targets": {}},
    "screen over the board": {
        "surfaces": [surface("screen", 1.0, -0.4, 0.3, 2.0, 1.4)],
        "targets": {},
    },
    "screen above": {"surfaces": [surface("screen", 1.0, -1.0, 0.05, 2.0, 0.95)], "targets": {}},
    "two sliding boards": {
        "surfaces": [surface("upper", 0.0, -1.25, 0.1, 4.0, 1.2)],
        "targets": {},
        "slid": (Move(60.0, "upper", (0.0, 1.25)), Move(90.0, "upper", (0.0, 0.0))),
    },
    "curved board, side wall": {
        "surfaces": [
            surface("curved", -3.2, 0.0, 0.6, 3.0, 1.2, radius_m=3.0, turned_deg=30),
            surface("map", 7.0, -0.2, 2.5, 1.6, 1.2, turned_deg=-90),
        ],
        "targets": {},
    },
    "people": {"targets": {"neighbours": True}, "teacher": True},
}


@dataclass(frozen=True)
class Lesson:
    """A gaze table, the true target (T, N), the rows of seats, and where the teacher was."""

    config: SessionConfig
    gaze: pd.DataFrame
    truth: np.ndarray
    row: np.ndarray
    teacher: pd.DataFrame | None
    slid: tuple[Move, ...]


def seats(
    rng: np.random.Generator, rows: int = 4, across: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    x, z = np.meshgrid(np.linspace(-0.3, 4.3, across), 2.2 + 1.3 * np.arange(rows))
    P = np.stack([x, np.full_like(x, 0.45), z], -1).reshape(-1, 3)
    return P + rng.normal(0, [0.08, 0.04, 0.08], P.shape), np.repeat(np.arange(rows) + 1, across)


def draw(scene: str, seed: int, seconds: float = 120.0) -> Lesson:
    """A lesson of 5 moments a second, 24 students in four rows."""
    spec = dict(SCENES[scene])
    slid, with_teacher = spec.pop("slid", ()), spec.pop("teacher", False)
    config = SessionConfig.model_validate({"blackboard": BOARD, "cameras": CAMERAS, **spec})
    rng = np.random.default_rng([seed, 19])
    P_W, row = seats(rng)
    N, T = len(P_W), round(5 * seconds)
    time_s = np.arange(T) / 5
    planes = [Plane.of_blackboard(config.blackboard), *map(Plane.of, config.surfaces)]
    walk = np.array([2.0, 0.0, 2.8]) + np.stack(
        [2.2 * np.sin(time_s / 9), 0 * time_s, 1.8 * np.sin(time_s / 14)], 1
    )
    people = Room(tuple(planes), ((),) * len(planes), P_W, *room_around(planes, P_W))
    names = [p.name for p in planes] + [DESK, ELSEWHERE]
    names += [NEIGHBOUR] if config.targets and config.targets.neighbours else []
    names += [TEACHER] if with_teacher else []
    spots = {p.name: rng.uniform(0.1, 0.9, (5, 2)) * [p.width_m, p.height_m] for p in planes}
    aim = np.empty((T, N, 3))
    truth = np.empty((T, N), object)
    for n in range(N):
        t = 0
        while t < T:
            name, end = rng.choice(names), t + int(5 * rng.uniform(2, 8))
            near = people.neighbours_of(n)
            near = near[np.isfinite(near).all(1)]
            if name == NEIGHBOUR and not len(near):
                continue
            for k in range(t, min(end, T)):
                moved = {m.name: m.to_m for m in slid if m.time_s <= time_s[k]}
                now = [p.slid(*moved.get(p.name, (0, 0))) for p in planes]
                if k == t:
                    spot = rng.integers(5)
                    other = near[rng.integers(len(near))] if len(near) else None
                    beside = rng.uniform([-0.25, 0.05], [0.25, 0.4])
                    wall = [[-2.5, -0.8, 3.0], [6.8, -0.8, 6.0], [3.0, -0.8, 8.0], [2.0, 1.9, 1.2]][
                        rng.integers(4)
                    ]
                if name == DESK:
                    at = P_W[n] + [beside[0], DESK_BELOW_M, -DESK_FROM_M - beside[1]]
                elif name == NEIGHBOUR:
                    at = other + rng.normal(0, 0.03, 3)
                elif name == TEACHER:
                    at = walk[k]
                elif name == ELSEWHERE:
                    at = np.array(wall)
                else:
                    at = now[names.index(name)].points_W(spots[name][spot])
                aim[k, n] = at
                truth[k, n] = name
                if name in spots or name == ELSEWHERE:
                    first, _ = first_met(now, P_W[n], at - P_W[n])
                    truth[k, n] = planes[int(first)].name if first >= 0 else ELSEWHERE
            t = end
    return _seen(config, P_W, aim, truth, row, time_s, rng, walk if with_teacher else None, slid)


def _seen(config, P_W, aim, truth, row, time_s, rng, walk, slid) -> Lesson:  # type: ignore[no-untyped-def]
    """The lesson as it would be measured."""
    T, N = truth.shape
    nose = np.broadcast_to(P_W, (T, N, 3)).reshape(-1, 3)
    R_WS = aimed_rotation(nose, aim.reshape(-1, 3))
    wrong = np.zeros((T * N, 3))
    wrong[:, :2] = errors(R_WS[..., 2].reshape(T, N, 3), rng).reshape(-1, 2)
    wrong[:, :2] *= np.radians(SIGMA_DEG)
    seen_W = nose + NOSE_SIGMA_M * rng.standard_normal(nose.shape)
    seen_WS = R_WS @ Rotation.from_rotvec(wrong).as_matrix()
    xy, cov = _points(seen_W, seen_WS, np.diag(np.radians([*SIGMA_DEG, 2.0]) ** 2))
    has = np.isfinite(xy[:, 0])
    names = np.array([f"S-{i + 1:02d}" for i in range(N)], dtype=object)
    gaze = gaze_table(np.repeat(time_s, N), np.tile(names, T),
                      np.where(has, "ok", "away").astype(object), xy, 1.0, seen_W)  # fmt: skip
    for name, i, j in (("xx", 0, 0), ("xy", 0, 1), ("yy", 1, 1)):
        gaze[f"gaze_{name}_m2"] = np.where(has, cov[:, i, j], np.nan)
    gaze[[f"head_q{a}" for a in "xyzw"]] = Rotation.from_matrix(seen_WS).as_quat()
    head = np.broadcast_to(np.diag(np.radians([*SIGMA_DEG, 2.0]) ** 2), (T * N, 3, 3))
    sigmas = angle_sigmas_deg(seen_WS, head)
    gaze["head_pitch_sigma_deg"], gaze["head_yaw_sigma_deg"] = sigmas[:, 0], sigmas[:, 1]
    teacher = None
    if walk is not None:
        teacher = pd.DataFrame({"time_s": time_s, **{f"nose_{a}_m": walk[:, i]
                                                     for i, a in enumerate("xyz")}})  # fmt: skip
    return Lesson(config, gaze, truth, row, teacher, slid)


def found(lesson: Lesson) -> TargetMeasures:
    rows = {f"S-{i + 1:02d}": int(r) for i, r in enumerate(lesson.row)}
    m = target_measures(
        lesson.gaze, lesson.config, slid=lesson.slid, teacher=lesson.teacher, row_of=rows
    )
    assert m is not None
    return m


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lessons", type=int, default=10)
    parser.add_argument("--scenes", nargs="+", default=list(SCENES))
    args = parser.parse_args()
    for scene in args.scenes:
        lessons = [draw(scene, seed) for seed in range(args.lessons)]
        results = [found(one) for one in lessons]
        names = results[0].names
        print(f"\n**{scene}**, {args.lessons} lessons of 2 min, 24 students\n")
        print("| rows, truth | " + " | ".join(names) + " |\n|---|" + "--:|" * len(names))
        for rows in ((1, 2), (3, 4)):
            for name in names:
                p = np.concatenate(
                    [
                        r.probability.transpose(1, 0, 2)[
                            (one.truth == name) & np.isin(one.row, rows)
                        ]
                        for one, r in zip(lessons, results, strict=True)
                    ]
                )
                if len(p):
                    said = " | ".join(f"{100 * v:.0f}" for v in np.nanmean(p, 0))
                    print(f"| {rows[0]}–{rows[1]}: {name} | {said} |")
        off, held, group = [], [], []
        for one, r in zip(lessons, results, strict=True):
            s = r.shares[(r.shares["student"] != "") & (r.shares["area"] == "")]
            for k, name in enumerate(names):
                mine = s[s["target"] == name]
                true = (one.truth == name).mean(0)
                off.append((mine["share"].to_numpy() - true).mean())
                held.append(((mine["low"] - 1e-4 <= true) & (true <= mine["high"] + 1e-4)).mean())
                group.append(k)
        off, held, group = np.array(off), np.array(held), np.array(group)
        each = range(len(names))
        print("| share: bias, points | " + " | ".join(
            f"{100 * off[group == k].mean():+.1f}" for k in each) + " |")  # fmt: skip
        print("| share: bands that hold, % | " + " | ".join(
            f"{100 * held[group == k].mean():.0f}" for k in each) + " |")  # fmt: skip
        told = results[0].apart
        apart = told[~told["told"] & (told["target"] != ELSEWHERE) & (told["other"] != ELSEWHERE)]
        print("\nnot told apart:", "; ".join(
            f"{a.target} from {a.other} in row {a.row} ({100 * a.taken:.0f} %)"
            for a in apart.itertuples()) or "none", "; left out:", results[0].left_out)  # fmt: skip


if __name__ == "__main__":
    main()
