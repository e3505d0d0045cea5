"""What marked points are worth for the room: with and without a class that looked at them.

    python tests/benchmarks/calibration_looks.py [--rooms 40]

At the level of measurements (tests/calibration/room/test_guesses.py): one room, a board laid to
0.5° and taped to 5 mm, 0, 2 or 4 lengths from each lens; a class of 24 that sees the blackboard's
middle to 3 cm across and 4 cm down. *Off*: how far gaze points from 6 m are moved (rms of five
points of the blackboard). Then, with the class and the tape alone, each mistake of the test that
can be made there: off, and what is said first.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.room.evidence import Evidence  # noqa: E402
from calibration.room.fit import solve_room  # noqa: E402
from calibration.room.reconcile import contradicted, moved_cm  # noqa: E402
from tests.calibration.room.test_guesses import MISTAKES, T_WL, causes, looked, room  # noqa: E402


def off_cm(e: Evidence) -> float:
    """How far the solved room moves gaze points from 6 m."""
    solved = solve_room(e)
    return moved_cm(e, solved, replace(solved, T_WL=T_WL))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", type=int, default=40)
    rooms = range(parser.parse_args().rooms)
    print("| lengths per lens | off, cm | with marked points | false alarms |\n|---|---|---|---|")
    for corners in (0, 2, 4):
        alone = [room(200 + k, corners=corners) for k in rooms]
        both = [looked(e, 900 + k) for k, e in enumerate(alone)]
        cells = [[off_cm(e) for e in es] for es in (alone, both)]
        words = " | ".join(f"{np.median(v):.1f} (p95 {np.percentile(v, 95):.1f})" for v in cells)
        alarms = sum(contradicted(solve_room(e)) for e in both)
        print(f"| {corners} | {words} | {alarms} of {len(rooms)} |", flush=True)
    print("\n| mistake, no lengths | off, cm | said |\n|---|---|---|")
    total = right = silent = 0
    for name, (make, code, _) in MISTAKES.items():
        for k in (1, 2):
            e = looked(replace(make(k), corners_m={}), k)
            off, told = off_cm(e), causes(e)
            if off < 5.0:  # it was one of the lengths or of the blackboard: nothing is wrong
                continue
            said = told[0].code if told else "nothing"
            total, right, silent = total + 1, right + (said == code), silent + (not told)
            print(f"| {name} | {off:.0f} | {said} |", flush=True)
    print(f"\n{total}: {right} named right, {silent} in silence.")


if __name__ == "__main__":
    main()
