"""Every command with the network refused, in an empty home: nobody tries, nothing is left there."""

from __future__ import annotations

import json
from pathlib import Path

from typer.main import get_command

from gaze.commands.app import app
from gaze.exports import FORMATS
from gaze.report.heatmap import write_heatmaps
from tests.gaze.privacy.test_as_if_never_there import NAMES, WHO, lesson_of
from tests.test_nothing_is_sent import alone

RUN = """
import json
from gaze.commands.app import main
for words in json.loads({words!r}):
    sys.argv = ["gaze", *words]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    sys.stderr.flush()
    print("code", code, " ".join(words), flush=True)
"""
# Pixels, and the app: tried by test_pixels_offline.
WITH_PIXELS = {"analyze", "calibrate", "demo", "app", "sync", "simulate"}


def test_no_command_calls_out_or_leaves_anything_at_home(tmp_path: Path) -> None:
    lesson, out, home = tmp_path / "lesson", tmp_path / "out", tmp_path / "home"
    run = lesson_of(lesson, NAMES)
    write_heatmaps(run)
    for folder in (home, out):
        folder.mkdir()
    (out / "codes.csv").write_text(f"student,start_s,end_s,area\n{NAMES[0]},0,20,board\n")
    pool = ["pool", str(out / "given.json"), str(out / "given.json")]  # one school twice: refused
    there = str(lesson)
    compare = ["compare", there, there, "--out", str(out / "compare.html")]  # too few: refused
    words = [
        ["init", str(out / "new"), "--title", "x", "--width-m", "4", "--height-m", "1.2",
         "--left-m", "2", "--down-m", "1.4", "--out-m", "1.5"],
        ["board", str(out / "board.pdf")],
        ["check", there],
        ["validate", there, "--run", run.name],
        ["report", str(run)],
        ["report", str(run), "--class-only", "--language", "de"],
        *(["export", str(run), "--format", f, "--out", str(out / f)]
          for f in sorted(FORMATS)),
        ["replay", str(run), "--out", str(out / "clip.gif")],
        ["fit-gain", there],
        ["benchmark", "tracks"],
        ["agree", str(run), str(out / "codes.csv")],
        ["import-events", there, str(lesson / "events.csv")],
        ["methods", str(run)],
        compare,
        ["study-table", there, "--out", str(out / "study.csv")],
        ["power", there, "--lesson-sd", "10", "--student-sd", "10"],
        ["contribute", there, "--study", "x", "--out", str(out / "given.json")],
        pool,
        ["catalog", there],
        ["catalog", there, "--sql", "INSTALL httpfs"],
        ["rig", "export", str(lesson / "rig.json"), str(out / "cams.yml")],
        ["rig", "import", str(out / "cams.yml"), str(out / "rig.json")],
        ["simulate", str(out / "plan"), "--plan", "--students", "4", "--rows", "2"],
        ["forget", there, WHO, "--yes"],
        *([name, "--help"] for name in sorted(WITH_PIXELS & known())),
        ["forget", there, "--everything", "--yes"],
    ]  # fmt: skip
    said = alone(RUN.format(words=json.dumps(words)), home)
    assert said.endswith("tries []\n"), said[-2000:]
    codes = {line.split(" ", 2)[2]: line.split()[1] for line in said.splitlines()
             if line.startswith("code ")}  # fmt: skip
    assert len(codes) == len(words)
    wrong = {w: c for w, c in codes.items() if c not in ("0", "1")}
    refused = {
        f"fit-gain {there}",
        f"catalog {there} --sql INSTALL httpfs",
        " ".join(pool),
        " ".join(compare),
        f"export {run} --format targets --out {out / 'targets'}",  # one blackboard: no targets
    }
    assert set(wrong) <= refused, said[-4000:]
    assert [str(p) for p in home.rglob("*")] == []
    assert {p.name for p in tmp_path.iterdir()} == {"out", "home"}
    assert known() <= {w[0] for w in words}


def known() -> set[str]:
    """Every command of ``gaze``."""
    return set(get_command(app).commands)  # type: ignore[attr-defined]
