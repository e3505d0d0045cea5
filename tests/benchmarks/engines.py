"""What the two engines of many lessons cost beside the lessons: start, and seconds for each one.

    python tests/benchmarks/engines.py [--lessons 100] [--workers 2] [--engine local --engine ray]

Each "lesson" loads all that an analysis loads and is then refused, so that what is measured is the
engine: processes, imports, messages. Wall time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from calibration.errors import UserError
from gaze.engine import ENGINES, analyze_many
from tests.benchmarks.machine import processor


def refused(folder: Path, **_: Any) -> Path:
    """Everything an analysis imports, and no analysis."""
    import gaze.analyze  # noqa: F401

    raise UserError("measured without an analysis", where=folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    options = parser.parse_args()
    print(f"{options.lessons} lessons, {options.workers} workers; {processor()}\n")
    print(
        "| engine | first lesson after | all | for each further lesson, wall |\n|---|--:|--:|--:|"
    )
    for engine in options.engine or ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            lessons = [Path(folder) / f"lesson-{k}" for k in range(options.lessons)]
            begin, at = time.monotonic(), []
            analyze_many(
                lessons, engine=engine, workers=options.workers, analyze=refused,
                report=lambda done, of, result, at=at: at.append(time.monotonic()),
            )  # fmt: skip
            all_s, first_s = time.monotonic() - begin, at[0] - begin
        each_s = (at[-1] - at[0]) / max(len(at) - 1, 1)
        print(f"| {engine} | {first_s:.1f} s | {all_s:.1f} s | {each_s:.2f} s |", flush=True)


if __name__ == "__main__":
    main()
