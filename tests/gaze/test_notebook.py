"""docs/notebook.md runs as it stands; a lesson's names say what is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gaze
from sessions.errors import RunError, SessionError
from sessions.simulation.simulate import Options
from sessions.simulation.truth_only import write_truth_only

ROOT = Path(__file__).parents[2]
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/notebook.md").read_text("utf-8"), re.S)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for number, snippet in enumerate(SNIPPETS, 1):
        exec(compile(snippet, f"notebook.md snippet {number}", "exec"), scope)
    said = capsys.readouterr().out
    assert "no picture was analysed" in said and "formula" in said
    run = scope["run"]
    density = run.heatmap("A1").density
    grid = run.heatmap("A1").x_m
    assert density.sum() * (grid[1] - grid[0]) ** 2 == pytest.approx(1, abs=0.35)
    with pytest.raises(RunError, match=r"no heatmap of this student.*ZZ.*A1"):
        run.heatmap("ZZ")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no such session folder"):
        gaze.Lesson(tmp_path / "none")
    write_truth_only(tmp_path / "l", Options(seconds=10, fps=1, seed=1))
    lesson = gaze.Lesson(tmp_path / "l")
    with pytest.raises(RunError, match="no run of the lesson"):
        lesson.run("../elsewhere")
    with pytest.raises(SessionError, match="frames_per_second"):
        lesson.analyze(frames_per_second=5)
    assert lesson.rig.left.name == "left" and lesson.config.blackboard.width_m > 1


def test_importing_costs_nothing() -> None:
    code = "import gaze, sys; print('pandas' in sys.modules, 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
    with pytest.raises(AttributeError, match="nonsense"):
        gaze.nonsense  # noqa: B018
