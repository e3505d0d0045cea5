"""How soon ``gaze app`` answers, and what memory it holds.

    python tests/benchmarks/app.py

Starts it as a user does, five times, on an empty folder: seconds until the address is printed (wall
and processor), and resident memory at rest; then the same after every screen of the demo lesson was
asked for. Prints the table of docs/app.md with the processor and how busy it was.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gaze.app.desk import SCREENS
from gaze.setup.demo import copy_lesson
from tests.benchmarks.machine import processor
from tests.gaze.app.serving import running


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    starts = parser.parse_args().starts
    print(processor())
    wall_s, cpu_s, rest_mb = [], [], []
    with tempfile.TemporaryDirectory() as aside:
        for _ in range(starts):
            with running(Path(aside)) as app:
                wall_s.append(app.started_s)
                cpu_s.append(app.cpu_s)
                rest_mb.append(app.memory_mb)
        copy_lesson(Path(aside) / "demo-lesson")
        with running(Path(aside)) as app, httpx.Client(timeout=60, follow_redirects=True) as client:
            client.get(app.address)
            for screen in SCREENS:
                client.get(f"{app.origin}/lesson/demo-lesson/{screen}").raise_for_status()
            visited_mb = app.memory_mb
    print(
        "| until the address is printed, wall | processor | memory at rest | after every screen |\n"
        "|---|---|---|---|\n"
        f"| {statistics.median(wall_s):.1f} s ({min(wall_s):.1f}-{max(wall_s):.1f}) "
        f"| {statistics.median(cpu_s):.1f} s | {max(rest_mb):.0f} MB | {visited_mb:.0f} MB |"
    )


if __name__ == "__main__":
    main()
