"""Tracks of the benchmark with people drawn at random in the place of the simulator's four.

    python -m tools.people_factory.bake crowd crowd.npz 24 8
    python tests/benchmarks/crowd_tracks.py crowd.npz bench-crowd masks hands-books lively marked

The same seats, cameras and scripts; everybody else has a face no network of ours has seen (choose a
seed of people that none was trained on). A lesson that is drawn and a run that is finished stay.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gaze.benchmark.run import run_tracks, table
from gaze.lesson.settings import AnalyzeSettings
from sessions.simulation import simulate
from sessions.simulation.people import Person, load_people


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("crowd", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("tracks", nargs="+")
    parser.add_argument("--weights", default="lite0")
    args = parser.parse_args()
    crowd = load_people(path=args.crowd)

    def everybody(role: str | None = None) -> list[Person]:
        return crowd

    simulate.load_people = everybody
    found = run_tracks(args.out, args.tracks, AnalyzeSettings.of(weights=args.weights))
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
