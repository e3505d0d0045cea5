"""What the finder's and the heads' shortcuts cost: lessons with and without them.

    python tests/benchmarks/shortcuts.py LESSON …

LESSON: simulated lessons with marked points. Without: faces are looked for at every moment and
scanned every second, heads in full precision. Prints the rows of docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import gaze.analyze as pipeline
import gaze.faces.look as look
from gaze.faces.finder import FaceFinder, FinderSettings
from gaze.lesson.settings import AnalyzeSettings
from gaze.lesson.truth import read_truth
from gaze.validation.validate import compare
from sessions.folder import Session
from sessions.quality import Quality
from sessions.tables import read_table
from sessions.targets import read_targets

EVERYWHERE = FinderSettings(
    look_every_s=0.05, scan_every_s=(1.0, 1.0), scan_sides_px=(2880,), scan_usual_px=1920
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="+", type=Path)
    pipeline.heatmaps_and_report = lambda run, report: None
    for lesson in parser.parse_args().lessons:
        for how in ("without", "with"):
            print(f"| {lesson.name} | {how} | {analysed(lesson, how)} |", flush=True)


def analysed(lesson: Path, how: str) -> str:
    """Faces, errors by row, coverage, switches, processor seconds."""
    session = Session.open(lesson)
    whole = how == "without"
    look.FaceFinder = (  # type: ignore[misc]
        (lambda detector, settings: FaceFinder(detector, EVERYWHERE)) if whole else FaceFinder
    )
    settings = AnalyzeSettings(precision="full" if whole else "fast", weights="lite0")
    began = time.process_time()
    run = pipeline.analyze(lesson, settings, run_name=f"shortcuts-{how}", overwrite=True)
    spent_s = time.process_time() - began
    students = read_table(run.students_path, "students").set_index("student")
    table = partial(compare, read_table(run.gaze_path, "gaze"), students)
    found = table(read_targets(session.targets_path), read_truth(session))
    rows = " / ".join(f"{r.gaze_cm.mean:.1f}" for r in found["rows"])
    faces = Quality.read(run.quality_path).identity.faces
    coverage, cm = 100 * found["coverage"], found["overall"].gaze_cm.mean
    switches = found["identity_switches"]
    return f"{faces} | {rows} | {cm:.1f} | {coverage:.0f} %, {switches} | {spent_s:.0f}"


if __name__ == "__main__":
    main()
