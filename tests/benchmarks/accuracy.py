"""How far off is the whole chain? Lessons with known truth, from pixels to centimetres.

    python tests/benchmarks/accuracy.py --make 3 --rooms standard small --people all test
    python tests/benchmarks/accuracy.py LESSON … --write docs/accuracy.md

Every lesson is calibrated, analysed and validated as a user would do it; then once with the true
heads and once with the true heads and noses, so that the error budget can be read off. ``--make N``
simulates N lessons (seeds 1 … N) in each room (8 students, 3 rows from 3 to 7 m, 9 marked points).
``--weights A B`` compares head-pose models on the same lessons: all tables for the first, a line in
the last table for each.  ``--write`` puts the tables between the markers of the page.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.rig import Rig
from calibration.transform import geodesic_deg
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.setup.calibrate import calibrate_lesson
from gaze.validation.validate import Validation, validate_lesson
from sessions.folder import Session

BEGIN, END = "<!-- accuracy: begin -->", "<!-- accuracy: end -->"
TARGETS = (
    "| must hold | coverage ≥ 95 % | 0 switches | nose ≤ 2 cm at 3 m, ≤ 4 cm at 7 m | – | "
    "≤ 1 cm, ≤ 0.3° | ≤ 1 cm | ≤ 4 cm | – | 60–76 % |"
)


def make(lesson: Path, room: str, seed: int, people: str) -> Path:
    """Simulate one lesson."""
    from sessions.simulation.draw import simulate as run_simulation
    from sessions.simulation.simulate import Options

    run_simulation(lesson, Options(room=room, seed=seed, people=people, seconds=18.0, fps=5.0))
    return lesson


def rig_errors(rig: Rig, truth: Rig) -> tuple[float, float]:
    """The worse camera's place (cm) and direction (°) in W."""
    cm = [100 * np.linalg.norm(rig.T_WC(c).t - truth.T_WC(c).t) for c in ("left", "right")]
    deg = [float(geodesic_deg(rig.T_WC(c).R, truth.T_WC(c).R)) for c in ("left", "right")]
    return max(cm), max(deg)


def measure(
    source: Path, work: Path, weights: list[str]
) -> tuple[str, list[str], dict[str, Validation]]:
    """Rows of the first two tables for one lesson (first weights); what each weights gave."""
    lesson = work / source.name
    shutil.copytree(source, lesson, ignore=shutil.ignore_patterns("runs"))
    rig, _, _ = calibrate_lesson(lesson, page=False)
    session = Session.open(lesson)
    cm, deg = rig_errors(rig, Rig.load(session.truth_folder / "rig.json"))

    def run(name: str, weights: str = weights[0], **fed: str) -> Validation:
        settings = AnalyzeSettings.of(weights=weights, **fed)
        done = analyze(session, settings, run_name=name)
        return validate_lesson(session, run=done.folder, head=settings.head, nose=settings.nose)

    found = {name: run(f"video-{name}", name) for name in weights}
    video = found[weights[0]]
    heads = run("true-heads", head="truth")
    both = run("true-heads-and-noses", head="truth", nose="truth")
    near, far = video.rows[0], video.rows[-1]
    assert near.nose_cm and far.nose_cm and video.overall.head_deg
    summary = (
        f"| {source.name} ({rig.verdict.status}) | {100 * video.coverage:.1f} % | "
        f"{video.identity_switches} | {near.nose_cm.median:.1f}, {far.nose_cm.median:.1f} cm | "
        f"{video.overall.head_deg.mean:.1f}° | {cm:.1f} cm, {deg:.2f}° | "
        f"{both.overall.gaze_cm.mean:.1f} cm | {heads.overall.gaze_cm.mean:.1f} cm | "
        f"{video.overall.gaze_cm.mean:.0f} cm | {100 * (video.inside_68 or 0):.0f} % |"
    )
    rows = [
        f"| {source.name} | {r.row} ({r.distance_m:.1f} m) | {r.n} | "
        f"{r.nose_cm.median:.1f} | {r.head_deg.mean:.1f} | "
        f"{r.gaze_cm.mean:.0f} / {r.gaze_cm.median:.0f} / "
        f"{r.gaze_cm.p90:.0f} | {r.gaze_bias_cm[0]:+.0f}, "
        f"{r.gaze_bias_cm[1]:+.0f} |"
        for r in video.rows
        if r.nose_cm and r.head_deg
    ]
    return summary, rows, found


def compared(found: dict[str, dict[str, Validation]]) -> list[str]:
    """The last table: means over lessons by weights, people and row; ``found[lesson][weights]``."""
    lines = [
        "| weights | people | lessons | head by row, ° | gaze by row, cm | inside 68 % ellipse |",
        "|---|---|--:|---|---|---|",
    ]
    for weights in next(iter(found.values())):
        for people, unseen in (("some seen in training", False), ("never seen", True)):
            of = [v[weights] for k, v in found.items() if k.endswith("-test") == unseen]
            if not of:
                continue
            by_row = [[v.rows[i] for v in of] for i in range(min(len(v.rows) for v in of))]
            head = (np.mean([e.head_deg.mean for e in r if e.head_deg]) for r in by_row)
            gaze = (np.mean([e.gaze_cm.mean for e in r]) for r in by_row)
            inside = 100 * np.mean([v.inside_68 or np.nan for v in of])
            lines.append(
                f"| {weights} | {people} | {len(of)} | {' / '.join(f'{x:.1f}' for x in head)} | "
                f"{' / '.join(f'{x:.0f}' for x in gaze)} | {inside:.0f} % |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", type=Path)
    parser.add_argument("--make", type=int, default=0, help="simulate so many lessons in each room")
    parser.add_argument("--rooms", nargs="+", default=["standard"])
    parser.add_argument(
        "--people",
        nargs="+",
        default=["all"],
        help="who sits there: all; test = people whose heads were never trained on",
    )
    parser.add_argument("--keep", type=Path, help="where to put (and find) the simulated lessons")
    parser.add_argument("--weights", nargs="+", default=["default"], help="head-pose weights")
    parser.add_argument("--write", type=Path, help="page to put the tables into")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        lessons = list(args.lessons)
        made = args.keep or work / "made"
        wanted = itertools.product(args.rooms, args.people, range(1, args.make + 1))
        for room, people, seed in wanted:
            path = made / (f"{room}-{seed}" if people == "all" else f"{room}-{seed}-{people}")
            lessons.append(path if path.is_dir() else make(path, room, seed, people))
        summaries, by_row, found = [], [], {}
        for lesson in lessons:
            summary, rows, found[lesson.name] = measure(lesson, work / "runs", args.weights)
            summaries.append(summary)
            by_row += rows
            print(summary, *rows, sep="\n", flush=True)
    last = compared(found)
    text = "\n".join(
        [
            "| lesson (verdict) | coverage | switches | nose, first and last row (median) | "
            "head (mean) | rig: place, direction | gaze, true heads and noses | gaze, true heads | "
            "gaze | inside 68 % ellipse |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *summaries,
            TARGETS,
            "",
            "| lesson | row | n | nose, cm | head, ° | gaze, cm: mean / median / p90 | "
            "bias x, y, cm |",
            "|---|---|---|---|---|---|---|",
            *by_row,
            "",
            *last,
        ]
    )
    print(*last, sep="\n")
    if args.write:
        page = args.write.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        tail = rest.split(END)[1]
        args.write.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
