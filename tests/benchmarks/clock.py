"""One clock from sound, heads and motion: how well, on lessons drawn from known clocks.

    python tests/benchmarks/clock.py --lessons 100

Lessons of 20 s to 60 min (log-uniform), 23.976 to 60 frames per second in each camera, offsets to
±90 s (at least 15 s overlap), drifts to ±200 ppm. In four of ten a camera loses 2 to 20 frames
and its times hide it; in half of those the sound goes on undisturbed, as phones do it (--paused: in
all of them, 150 s and longer, 3 to 30 s of pictures and sound are lost). Three of ten
have no sound in one camera at least, one of ten nobody whose head both cameras see. Signals are
drawn as tests/sessions/clock_lessons.py says, not filmed. Prints the tables of docs/clock.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from calibration.transform import Array
from sessions.clock.activity import Activity
from sessions.clock.clock import Clock, Jump
from sessions.clock.heads import HEADS
from sessions.clock.joined import Joined, join
from sessions.clock.match import match
from sessions.clock.motion import MOTION, stretches
from sessions.clock.sound import SOUND
from tests.sessions import clock_lessons as draw

RATES_HZ = (24000 / 1001, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001)


@dataclass(frozen=True)
class Result:
    """One lesson: truth, what came out, and errors (T,) with their σ away from the jumps."""

    duration_s: float
    truth: Clock
    joined: Joined
    at_s: Array


def one(seed: int, paused: bool = False) -> Result:
    """Draw a lesson and take its clock."""
    rng = np.random.default_rng([2026, seed])
    duration_s = float(np.exp(rng.uniform(np.log(150 if paused else 20), np.log(3600))))
    rates = rng.choice(RATES_HZ, 2)
    offset_s = float(rng.uniform(-1, 1) * min(90.0, duration_s - 15.0))
    begin, end = max(0.0, -offset_s), min(duration_s, duration_s - offset_s)
    truth = Clock(offset_s, float(rng.uniform(-200, 200)))
    pictures = truth
    if paused or rng.random() < 0.4:
        sign = rng.choice([-1, 1])
        lost_s = float(rng.integers(2, 21) / rates[0 if sign > 0 else 1])
        if paused:
            lost_s = float(rng.uniform(3.0, 30.0))
        at_s = float(rng.uniform(begin + 0.2 * (end - begin), end - 0.2 * (end - begin)))
        pictures = replace(truth, jumps=(Jump(at_s, sign * lost_s),))
    sounds = truth if rng.random() < 0.5 and not paused else pictures
    times = tuple(draw.stamps(0.0, duration_s, r) for r in rates)
    estimates = []
    if rng.random() < 0.7:
        estimates.append(match(*draw.sound(rng, sounds, times, quiet=rng.random() < 0.1), SOUND))
    if rng.random() < 0.9:
        some = int(rng.integers(4, 25))
        estimates.append(match(*draw.heads(rng, pictures, times, students=some), HEADS))
    moving = [_stretches(a) for a in draw.motion(rng, pictures, times)]
    estimates.append(match(*moving, MOTION))
    joined = join(estimates, (begin, end), frame_s=1 / float(min(rates)))
    return Result(duration_s, pictures, joined, np.linspace(begin, end, 60)[2:-2])


def _stretches(activity: Activity) -> Activity:
    """The parts of a lesson that are looked at for motion."""
    since = activity.times_s - activity.times_s[0]
    seen = np.zeros(len(since), bool)
    for a, b in stretches(float(since[-1])):
        seen |= (since >= a) & (since <= b)
    return Activity(activity.times_s[seen], activity.values[seen])


def errors(clock: Clock, result: Result) -> tuple[Array, Array]:
    """(T,) errors in seconds and their σ, away from where either clock jumps."""
    at = result.at_s
    for jump in (*clock.jumps, *result.truth.jumps):
        at = at[np.abs(at - jump.at_s) > abs(jump.shift_s) + 2 * jump.sigma_at_s + 0.5]
    return clock.left_to_right(at) - result.truth.left_to_right(at), clock.sigma_s(at)


def row(name: str, of: Sequence[Result], status: str) -> str:
    """One line of the table: of how many lessons, worst errors of each, how many silently wrong."""
    parts = [errors(r.joined.clock, r) for r in of if r.joined.status == status]
    if not parts:
        return f"| {status}, {name} | 0 of {len(of)} | – | – | – | – |"
    worst = 1e3 * np.array([np.abs(e).max(initial=0.0) for e, _ in parts])
    wrong = sum(bool((np.abs(e) > np.maximum(3 * s, 0.02)).mean() > 0.05) for e, s in parts)
    return (
        f"| {status}, {name} | {len(parts)} of {len(of)} | {np.median(worst):.0f} | "
        f"{np.percentile(worst, 95):.0f} | {worst.max():.0f} | {wrong} |"
    )


def table(results: Sequence[Result]) -> str:
    """The table of docs/clock.md."""
    lines = [
        "| | lessons | worst error, median, ms | p95, ms | largest, ms | silently wrong |",
        "|---|---|---|---|---|---|",
    ]
    for status in ("measured", "roughly measured"):
        lines.append(row("all", results, status))
        for low, high in pairwise((20, 60, 300, 1200, 3600)):
            some = [r for r in results if low <= r.duration_s < high]
            lines.append(row(f"{low} to {high} s", some, status))
    jumped = [r for r in results if r.truth.jumps]
    lines.append(row("frames lost", jumped, "measured"))
    found = sum(bool(r.joined.clock.jumps) for r in jumped)
    false = sum(bool(r.joined.clock.jumps) for r in results if not r.truth.jumps)
    lines.append(
        f"\nJumps found in {found} of {len(jumped)} lessons that have one; in {false} of "
        f"{len(results) - len(jumped)} that have none."
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lessons", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--paused", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    results = []
    for seed in range(args.first, args.first + args.lessons):
        r = one(seed, args.paused)
        results.append(r)
        if args.verbose:
            e, s = errors(r.joined.clock, r)
            print(
                f"{seed}: {r.duration_s:.0f} s {r.joined.checked}; worst "
                f"{1e3 * np.abs(e).max(initial=0):.0f} ms ± {1e3 * np.max(s, initial=0):.0f}; "
                f"z {np.abs(e / np.maximum(s, 1e-4)).max(initial=0):.1f}; jumps "
                f"{[(round(j.at_s), round(j.shift_s, 2)) for j in r.truth.jumps]} → "
                f"{[(round(j.at_s), round(j.shift_s, 2)) for j in r.joined.clock.jumps]} "
                f"{[c.code for c in r.joined.causes]}",
                flush=True,
            )
    print(table(results))


if __name__ == "__main__":
    main()
