"""Whether the bands of shares hold the truth: simulated lessons without a picture.

    python tests/benchmarks/shares.py --lessons 200

Where every head points comes from the simulator's script (grid: marked points in turn; natural: a
lesson); the measured heads are these plus an error whose parts are those measured on rendered
lessons of people never seen: a part of its variance stays with a student, one is a smooth function
of the head's direction, the rest is new at every moment. σ is 1.25° in yaw and 2.1° in pitch, as
the shipped model states it; ``--true-sigma 0.8 0.6`` draws smaller errors than stated, as on
rendered people.
``--agreement`` takes off what the class's agreement proves first (docs/consensus.md).
The true share of a student is that of his true places at his measured moments.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from gaze.gain.agreed import agreement_of, corrected
from gaze.lesson.status import GRAZING_DEG
from gaze.measures.measures import Measures, measures
from gaze.room.geometry import gaze_with_covariance
from sessions.config import Blackboard
from sessions.simulation.people import load_people
from sessions.simulation.simulate import Options, build_world
from tests.gaze.lessons import gaze_table

BOARD = Blackboard(width_m=4.0, height_m=1.2)
SIGMA_DEG = np.array([2.1, 1.25])  # about the head's x axis (pitch) and y axis (yaw)
NOSE_SIGMA_M = 0.01
CONSTANT, LASTING = np.array([0.84, 0.38]), np.array([0.08, 0.35])  # of pitch, of yaw
POSE_DEG = 12.0  # directions nearer to each other than about this share their error
STATES = ("left third", "middle third", "right third", "off_board", "down", "away", "board")


@dataclass(frozen=True)
class Lesson:
    """A lesson's table and its truth: share (S, 7) of each student's time in STATES; row (S,)."""

    gaze: pd.DataFrame
    truth: np.ndarray
    row: np.ndarray


def errors(directions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, N, 2) errors of unit variance; directions (T, N, 3) of the heads."""
    T, N = directions.shape[:2]
    angles = np.degrees(np.arcsin(directions[..., :2]))
    lasting = np.empty((T, N, 2))
    for n in range(N):  # a random smooth function of the direction for each head
        wave, phase = rng.standard_normal((64, 2)) / POSE_DEG, rng.uniform(0, 2 * np.pi, 64)
        lasting[:, n] = (
            np.cos(angles[:, n] @ wave.T + phase) @ rng.standard_normal((64, 2)) / 32**0.5
        )
    return (
        CONSTANT**0.5 * rng.standard_normal((1, N, 2))
        + LASTING**0.5 * lasting
        + (1 - CONSTANT - LASTING) ** 0.5 * rng.standard_normal((T, N, 2))
    )


def states(xy: np.ndarray) -> np.ndarray:
    """(N, 7) which of STATES each true point is in; NaN points are away."""
    x, y = xy.T
    away = ~np.isfinite(x)
    down = y > BOARD.height_m
    on = (x >= 0) & (x <= BOARD.width_m) & (y >= 0) & ~down
    third = np.clip(x // (BOARD.width_m / 3), 0, 2)
    return np.stack([on & (third == 2), on & (third == 1), on & (third == 0),
                     ~on & ~down & ~away, down, away, on], 1)  # fmt: skip


def draw(
    scenario: str, seed: int, *, seconds: float, students: int = 24, rows: int = 4,
    true_sigma: tuple[float, float] = (1.0, 1.0), cast: list | None = None,
    agreement: bool = False,
) -> Lesson:  # fmt: skip
    """A lesson of 5 moments a second. true_sigma : of the stated σ in yaw and pitch. agreement :
    without the errors that the class's agreement proves."""
    o = Options(scenario=scenario, seed=seed, seconds=seconds, students=students, rows=rows, fps=5)
    world = build_world(o, cast)
    time_s = np.arange(round(seconds * 5)) / 5
    heads = world.heads(time_s)
    T, N = heads.P_W.shape[:2]
    rng = np.random.default_rng([seed, 5])
    P_W, R_WS = heads.P_W.reshape(-1, 3), heads.R_WS.reshape(-1, 3, 3)
    head_rad2 = np.diag(np.radians([*SIGMA_DEG, 2.0]) ** 2)
    wrong = np.zeros((T * N, 3))
    wrong[:, :2] = errors(R_WS[..., 2].reshape(T, N, 3), rng).reshape(-1, 2)
    wrong[:, :2] *= np.radians(SIGMA_DEG) * np.array(true_sigma)[::-1]
    seen_W = P_W + NOSE_SIGMA_M * rng.standard_normal(P_W.shape)
    seen_WS = R_WS @ Rotation.from_rotvec(wrong).as_matrix()
    xy, cov = _points(seen_W, seen_WS, head_rad2)
    true, _ = _points(P_W, R_WS, head_rad2)
    names = np.array([f"S-{i + 1:02d}" for i in range(N)], dtype=object)
    has = np.isfinite(xy[:, 0])
    gaze = gaze_table(np.repeat(time_s, N), np.tile(names, T),
                      np.where(has, "ok", "away").astype(object), xy, 1.0, seen_W)  # fmt: skip
    for name, i, j in (("xx", 0, 0), ("xy", 0, 1), ("yy", 1, 1)):
        gaze[f"gaze_{name}_m2"] = np.where(has, cov[:, i, j], np.nan)
    gaze[[f"head_q{a}" for a in "xyzw"]] = Rotation.from_matrix(seen_WS).as_quat()
    gaze["head_pitch_sigma_deg"], gaze["head_yaw_sigma_deg"] = SIGMA_DEG
    if agreement:
        gaze = corrected(gaze, agreement_of(gaze, BOARD), BOARD)
    share = states(true).reshape(T, N, len(STATES)).mean(0)
    return Lesson(gaze, share, np.asarray(world.seats.row))


def _points(P_W: np.ndarray, R_WS: np.ndarray, head_rad2: np.ndarray) -> tuple:
    """Gaze points (N, 2), NaN where away, and covariances (N, 2, 2)."""
    n = len(P_W)
    nose = np.broadcast_to(NOSE_SIGMA_M**2 * np.eye(3), (n, 3, 3))
    found = gaze_with_covariance(P_W, R_WS, nose, np.broadcast_to(head_rad2, (n, 3, 3)))
    wide = ~(np.linalg.eigvalsh(np.nan_to_num(found.covariance_m2, nan=1e9))[:, 1]
             <= BOARD.width_m**2)  # fmt: skip
    away = ~found.meets | wide | (R_WS[:, 2, 2] > -np.sin(np.radians(GRAZING_DEG)))
    return np.where(away[:, None], np.nan, found.xy_m), found.covariance_m2


def students_bands(m: Measures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S, 7) share, low, high of STATES."""
    out = []
    for c, b in (("share", "board_share"), ("low", "board_low"), ("high", "board_high")):
        wide = m.student_areas.pivot(index="student", columns="area", values=c)
        own = m.students.set_index("student")[b].reindex(wide.index)
        out.append(np.column_stack([wide[list(STATES[:-1])], own]))
    return out[0], out[1], out[2]


@dataclass(frozen=True)
class Score:
    """By row of seats and by lesson: error of the row's mean share (L, R, 7); whether each
    student's band held his share (L, S, 7), and the class's held its own (L, 7)."""

    error: np.ndarray
    held: np.ndarray
    held_class: np.ndarray
    width: np.ndarray
    row: np.ndarray

    def table(self) -> list[str]:
        """Markdown rows: bias by row in points (± its standard error), held bands in %."""
        lines = ["| row | " + " | ".join(STATES) + " |", "|---|" + "--:|" * len(STATES)]
        n = len(self.error) ** 0.5
        for i, r in enumerate(np.unique(self.row)):
            bias, se = self.error[:, i].mean(0), self.error[:, i].std(0) / n
            said = [f"{100 * b:+.1f} ± {100 * s:.1f}" for b, s in zip(bias, se, strict=True)]
            lines.append(f"| {r}: bias, points | " + " | ".join(said) + " |")
            held = self.held[:, self.row == r].mean((0, 1))
            lines.append(
                f"| {r}: bands that hold, % | " + " | ".join(f"{100 * h:.0f}" for h in held) + " |"
            )
        lines.append("| class: bands that hold, % | " + " | ".join(
            f"{100 * h:.0f}" for h in self.held_class.mean(0)) + " |")  # fmt: skip
        lines.append("| class: width, points | " + " | ".join(
            f"{100 * w:.1f}" for w in self.width.mean(0)) + " |")  # fmt: skip
        return lines


def score(lessons: list[Lesson]) -> Score:
    """Measures of every lesson against its truth."""
    error, held, held_class, width = [], [], [], []
    for lesson in lessons:
        m = measures(lesson.gaze, None, BOARD, surrogates=0)
        share, low, high = students_bands(m)
        t, eps = lesson.truth, 1e-4
        error.append([(share - t)[lesson.row == r].mean(0) for r in np.unique(lesson.row)])
        held.append((low - eps <= t) & (t <= high + eps))
        c = m.areas.set_index("area").loc[list(STATES)]
        held_class.append((c["low"] - eps <= t.mean(0)) & (t.mean(0) <= c["high"] + eps))
        width.append(c["high"] - c["low"])
    return Score(np.array(error), np.array(held), np.array(held_class), np.array(width),
                 lessons[0].row)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lessons", type=int, default=200)
    parser.add_argument("--scenarios", nargs="+", default=["grid", "natural"])
    parser.add_argument("--true-sigma", type=float, nargs=2, default=(1.0, 1.0))
    parser.add_argument("--students", type=int, default=24)
    parser.add_argument("--agreement", action="store_true")
    args = parser.parse_args()
    cast = load_people(None)
    for scenario in args.scenarios:
        begun, seconds = time.monotonic(), 18.0 if scenario == "grid" else 60.0
        found = score([
            draw(scenario, seed, seconds=seconds, students=args.students, cast=cast,
                 true_sigma=tuple(args.true_sigma), agreement=args.agreement)
            for seed in range(args.lessons)
        ])  # fmt: skip
        print(
            f"\n{scenario}: {args.lessons} lessons of {seconds:.0f} s, {args.students} students, "
            f"true σ {args.true_sigma} of the stated; {time.monotonic() - begun:.0f} s\n"
        )
        print("\n".join(found.table()), flush=True)


if __name__ == "__main__":
    main()
