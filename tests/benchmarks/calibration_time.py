"""One clock from the pictures, and a bumped camera: how well each is found, against known truth.

    python tests/benchmarks/calibration_time.py --lessons 12 --bumps 30

Clock: lessons are drawn as the program sees them (160 × 90 pixels, 25 pictures a second, five
stretches of a minute): a class of 20 heads in two cameras that fidgets in bursts, a teacher who
walks, noise, another light in each picture; offset ±5 s, drift ±100 ppm. Motion energy and estimate
are those of ``gaze analyze``.

Bump: quarter hours of 15 people whose noses are found with 1.5 px of noise, 1 px of each person's
own and 1 px that wanders (tests/calibration/over_time/test_watch.py); in the middle third one
camera turns by the stated angle about a random axis and is shoved by 1 cm. What is
detected is solved again from the noses after the detected moment. Prints the tables of
docs/history/calibration.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.over_time.watch import epipolar_px, watch, which_camera_moved  # noqa: E402
from calibration.rig import Rig  # noqa: E402
from calibration.transform import Array  # noqa: E402
from sessions.clock.activity import Activity  # noqa: E402
from sessions.clock.clock import Clock  # noqa: E402
from sessions.clock.match import match  # noqa: E402
from sessions.clock.motion import MOTION, motion_energy, stretches  # noqa: E402
from tests.calibration.over_time import test_watch as people  # noqa: E402

WIDTH, HEIGHT, RATE_HZ = 160, 90, 25.0
#: What gaze analyze calls worth saying (px).
SMALLEST_PX = 1.5


# -- the clock -------------------------------------------------------------------------------------
class Classroom:
    """20 seated heads and a teacher, as functions of time (seconds on the left camera's clock)."""

    def __init__(self, rng: np.random.Generator, duration_s: float) -> None:
        self.seats = people.seats(rng, 20)
        self.bursts = []
        for _ in self.seats:
            n = rng.poisson((duration_s + 40) / 25)
            self.bursts.append(
                (
                    np.sort(rng.uniform(-20, duration_s + 20, n)),
                    rng.uniform(0.15, 0.6, n),
                    rng.normal(0, 1, (n, 3)) * [0.10, 0.05, 0.06],
                )
            )
        # the teacher stands, and walks to another place every half minute or so
        n = int((duration_s + 80) / 30) + 2
        self.when = np.cumsum(rng.uniform(15, 45, n)) - 40
        self.where = rng.uniform(0.3, 3.7, n)

    def heads(self, t: Array) -> Array:
        """(T,) seconds → (T, 21, 3) in W, metres; a burst moves a head to and fro once."""
        P = np.tile(np.concatenate([self.seats, [[0, -0.2, 0.9]]]), (len(t), 1, 1))
        for i, bursts in enumerate(self.bursts):
            for when, width, by in zip(*bursts, strict=True):
                near = slice(*np.searchsorted(t, [when - 5 * width, when + 5 * width]))
                s = (t[near] - when) / width
                P[near, i] += np.exp(-0.5 * s**2)[:, None] * by
        k = np.clip(np.searchsorted(self.when, t), 1, len(self.when) - 1)
        walked = np.clip((t - self.when[k - 1]) / 3.0, 0, 1)
        before = self.where[np.maximum(k - 2, 0)]
        P[:, -1, 0] = before + (self.where[k - 1] - before) * walked * walked * (3 - 2 * walked)
        return P


def pictures(
    room: Rig, camera: str, scene: Classroom, times_s: Array, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """What one camera shows at these moments: dark heads before a textured grey room."""
    scale = WIDTH / room.camera(camera).size_px[0]
    base = rng.uniform(90, 160, (HEIGHT // 6, WIDTH // 6)).repeat(6, 0).repeat(6, 1)
    ground = np.full((HEIGHT, WIDTH), 120.0)
    ground[: base.shape[0], : base.shape[1]] = base
    light = rng.uniform(0.7, 1.3)
    noise = rng.normal(0, 1.5, (257, HEIGHT, WIDTH))
    grid = np.stack(np.meshgrid(np.arange(-6, 7), np.arange(-6, 7)), -1)
    P = room.T_WC(camera).inverse().apply(scene.heads(times_s))
    uv = room.camera(camera).project(P) * scale
    radius = np.maximum(0.12 * room.camera(camera).f_px * scale / P[..., 2], 0.8)
    inside = np.isfinite(uv).all(-1) & (uv >= 0).all(-1) & (uv < [WIDTH, HEIGHT]).all(-1)
    for k in range(len(times_s)):
        picture = ground.copy()
        for (u, v), r in zip(uv[k, inside[k]], radius[k, inside[k]], strict=True):
            x, y = int(u), int(v)
            rows = slice(max(y - 6, 0), min(y + 7, HEIGHT))
            columns = slice(max(x - 6, 0), min(x + 7, WIDTH))
            d = grid - [u - x, v - y]
            head = np.clip(r - np.sqrt((d * d).sum(-1)) + 0.5, 0, 1)
            head = head[rows.start - y + 6 : rows.stop - y + 6]
            head = head[:, columns.start - x + 6 : columns.stop - x + 6]
            picture[rows, columns] += head * (40 - picture[rows, columns])
        grain = np.roll(noise[rng.integers(257)], rng.integers(WIDTH), 1)
        yield np.clip(np.round(light * picture + grain), 0, 255).astype(np.uint8)


def activity(
    room: Rig, camera: str, scene: Classroom, clock: Clock, duration_s: float, seed: int
) -> tuple[Array, Array]:
    """Motion energy of the stretches that gaze analyze looks at, on that camera's own clock."""
    rng = np.random.default_rng(seed)
    times, energy = [], []
    for begin, end in stretches(duration_s):
        own = np.arange(begin, end, 1 / RATE_HZ)
        shown = clock.right_to_left(own) if camera == "right" else own
        t, e = motion_energy(pictures(room, camera, scene, shown, rng), own)
        times.append(t)
        energy.append(e)
    return np.concatenate(times), np.concatenate(energy)


def clock_table(lessons: int, minutes: list[float]) -> None:
    """Errors of offset and drift by the length of the lesson."""
    room = people.room()
    print(
        "| lesson | estimated | offset at the begin, ms | in the middle, ms | at the end, ms | "
        "stated σ in the middle, ms | drift, ppm | stated σ, ppm | z: middle, drift |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for length in minutes:
        duration = 60 * length
        rows = []
        for seed in range(lessons):
            rng = np.random.default_rng([int(length), seed])
            truth = Clock(float(rng.uniform(-5, 5)), float(rng.uniform(-100, 100)))
            scene = Classroom(rng, duration)
            left = activity(room, "left", scene, truth, duration, 2 * seed)
            right = activity(room, "right", scene, truth, duration, 2 * seed + 1)
            got = match(Activity.of(*left), Activity.of(*right), MOTION).clock
            if got is None:
                continue
            at = np.array([0.0, duration / 2, duration])
            error = got.left_to_right(at) - truth.left_to_right(at)
            drift = got.drift_ppm - truth.drift_ppm
            sigma = float(got.sigma_s(duration / 2))
            z = error[1] / sigma, drift / got.sigma_drift_ppm
            rows.append([*(1e3 * np.abs(error)), 1e3 * sigma, abs(drift), got.sigma_drift_ppm, *z])
        if not rows:
            print(f"| {length:g} min | 0 of {lessons} |" + " – |" * 7, flush=True)
            continue
        v = np.array(rows)

        def spread(column: Array) -> str:
            return f"{np.median(column):.0f} (p95 {np.percentile(column, 95):.0f})"

        rms = np.sqrt((v[:, 6:] ** 2).mean(0))
        print(
            f"| {length:g} min | {len(v)} of {lessons} | "
            + " | ".join(spread(v[:, k]) for k in range(3))
            + f" | {np.median(v[:, 3]):.0f} | {spread(v[:, 4])} | {np.median(v[:, 5]):.0f} | "
            f"{rms[0]:.2f}, {rms[1]:.2f} |",
            flush=True,
        )


# -- the bump --------------------------------------------------------------------------------------
def bump_table(lessons: int, sizes_deg: list[float]) -> None:
    """Detection by the size of the bump."""
    print("| bump | detected | moment off by, s | camera named right / wrong |")
    print("|---|---|---|---|")
    for size in sizes_deg:
        moments, named, alarms = [], [0, 0], 0
        for seed in range(lessons):
            rng = np.random.default_rng([int(100 * size), seed])
            when = float(rng.uniform(300, 600))
            camera = ("left", "right")[seed % 2]
            turn, shove = people.random_bump(rng, size, 0.01 if size else 0.0)
            bump = (when, camera, turn, shove) if size else None
            rig, t, who, uL, uR = people.lesson(rng, 15, bump)
            got = watch(t, epipolar_px(rig, uL, uR), who, smallest=SMALLEST_PX, seed=seed)
            if not got.events:
                continue
            alarms += 1
            event = max(got.events, key=lambda e: e.size)
            moments.append(abs(event.time_s - when))
            moved = which_camera_moved(t, who, uL, uR, event.time_s).moved
            named[0] += moved == camera
            named[1] += moved not in (camera, "neither")
        if not size or not moments:
            print(f"| {size:g}° | {alarms} of {lessons} | – | – |", flush=True)
            continue
        print(
            f"| {size:g}° | {alarms} of {lessons} | {np.median(moments):.0f} (p95 "
            f"{np.percentile(moments, 95):.0f}) | {named[0]} / {named[1]} |",
            flush=True,
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", type=int, default=12, help="for each length; 0: no clock")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0, 5.0, 15.0, 45.0])
    parser.add_argument("--bumps", type=int, default=30, help="for each size; 0: no bumps")
    parser.add_argument(
        "--sizes", type=float, nargs="+", default=[0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0]
    )
    options = parser.parse_args()
    if options.lessons:
        clock_table(options.lessons, options.minutes)
    if options.bumps:
        print()
        bump_table(options.bumps, options.sizes)


if __name__ == "__main__":
    main()
