"""What a lesson costs once its pixels are gone: processor seconds and memory by part.

    python tests/benchmarks/after_pixels.py --minutes 1 5 45 --students 8 28

Face rows of a scene without pictures (tests/gaze/stress.py) at 5 moments a second, through the
code of ``gaze analyze``: tracks and who is who, the clock by the heads, places and gaze points, the
class's agreement, measures. A row for each lesson, each in a process of its own so that its peak
memory is its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from calibration.camera import CAMERAS
from gaze.gain.agreed import agreement_of
from gaze.lesson.points import Seats, grid_of, measure
from gaze.lesson.resume import hand_back_pictures
from gaze.lesson.status import unmatched_here
from gaze.lesson.tables import gaze_columns
from gaze.measures.measures import measures
from gaze.people.evidence import Sightings
from gaze.people.identify import identify
from gaze.people.tracks import tracks_of
from gaze.room.rig_spread import RigCells
from sessions.clock.heads import HEADS, turning
from sessions.clock.match import match
from sessions.config import Student
from sessions.video import Moments
from tests.benchmarks.machine import processor
from tests.gaze import stress

BLOCK = 20_000  # as gaze/analyze.py


def lesson(minutes: float, students: int) -> None:
    """One lesson; prints its row of the table."""
    stress.HZ = 5.0
    hand_back_pictures()
    rows_of_seats = {8: (4, 2), 12: (3, 4), 28: (4, 7)}[students]
    places = stress.seats(*rows_of_seats, seed=1)
    scene = stress.Scene.lesson(1, minutes * 60, places)
    rows = stress.rows_of(scene, 1)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    laps = [time.process_time()]
    tracks = tracks_of(rows.faces, scene.time_s)
    R_WS = rows.heads_in_world(scene.rig)
    seen = Sightings.of(rows, tracks, R_WS)
    found = identify(scene.rig, seen, names=scene.names, seats_xz_m=scene.seats_xz_m)
    laps.append(time.process_time())
    turns = []
    for c in range(len(CAMERAS)):
        k = np.flatnonzero((rows.faces.camera == c) & (found.student >= 0))
        turns.append(turning(scene.time_s, rows.faces.moment[k], found.student[k], R_WS[k],
                             rows.landmarks.nose_px[k], len(found)))  # fmt: skip
    match(turns[0], turns[1], HEADS, expected=True)
    del turns
    laps.append(time.process_time())
    frame = np.arange(len(scene.time_s))
    when = Moments(scene.time_s, frame, frame)
    listed = [
        Student(id=name, seat_m=(float(x), float(z)))
        for name, (x, z) in zip(scene.names, scene.seats_xz_m, strict=True)
    ]
    grid = grid_of(rows, found, len(frame))
    nobodys = unmatched_here(rows, found, grid)
    seats = Seats.of(scene.rig, rows, found, listed)
    cells = RigCells(scene.rig)
    tables = [
        gaze_columns(
            measure(scene.rig, rows, R_WS, found, seats, block, rig_cells=cells),
            rows, found, when, stress.BOARD,
            nobodys[k * BLOCK :][:BLOCK], np.zeros(len(frame), np.bool_),
        )
        for k, block in enumerate(grid.blocks(BLOCK))
    ]  # fmt: skip
    table, n_rows = pd.concat(tables, ignore_index=True), len(rows)
    del tables
    laps.append(time.process_time())
    agreement_of(table, stress.BOARD)
    laps.append(time.process_time())
    del scene, rows, tracks, seen, found, nobodys, seats, grid, R_WS  # as before the report
    measures(table, None, stress.BOARD)
    laps.append(time.process_time())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts = [*np.diff(laps), laps[-1] - laps[0]]
    print(
        f"| {minutes:.0f} | {students} | {n_rows:,} | "
        + " | ".join(f"{s:.1f}" for s in parts)
        + f" | {before_mb:.0f} → {peak_mb:.0f} |",
        flush=True,
    )


def main() -> None:
    """Measure each lesson in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5, 45])
    parser.add_argument("--students", type=int, nargs="+", default=[8])
    args = parser.parse_args()
    if len(args.minutes) == len(args.students) == 1:
        lesson(args.minutes[0], args.students[0])
        return
    print(processor(), "\n")
    print("| minutes | students | face rows | who is who | clock | gaze points | agreement "
          "| measures | all | MB, rows alone → peak |")  # fmt: skip
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for students in args.students:
        for minutes in args.minutes:
            command = [sys.executable, __file__, "--minutes", str(minutes),
                       "--students", str(students)]  # fmt: skip
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
