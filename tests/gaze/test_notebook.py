"""docs/notebook.md runs as it stands; a lesson's names say what is missing."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import gaze
from sessions.errors import RunError, SessionError
from sessions.simulation.simulate import Options
from sessions.simulation.truth_only import write_truth_only

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/notebook.md"
# code, and below it what it prints, where it prints something
CELL = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.S)
NUMBER = re.compile(r"(?<![\w.:-])\d+(?:\.\d+)?(?![\w.:-])")  # alone: no part of a name


def run_cells(scope: dict[str, object]) -> list[tuple[str, str, str]]:
    """Of each cell of the page: its code, the output that the page shows, and its true one."""
    found = []
    for number, (code, shown) in enumerate(CELL.findall(PAGE.read_text("utf-8")), 1):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(compile(code, f"notebook.md cell {number}", "exec"), scope)
        lines = [line.rstrip() for line in said.getvalue().splitlines()]
        found.append((code, shown, "".join(f"{line}\n" for line in lines)))
    return found


def test_the_page_runs_and_shows_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are equal, numbers to 0.1 or a tenth of themselves: processors round differently."""
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for _, shown, said in run_cells(scope):
        assert NUMBER.sub("#", shown).split() == NUMBER.sub("#", said).split()
        for a, b in zip(NUMBER.findall(shown), NUMBER.findall(said), strict=True):
            assert float(a) == pytest.approx(float(b), rel=0.1, abs=0.1)
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


if __name__ == "__main__":  # python -m tests.gaze.test_notebook: writes the outputs into the page
    here, page = Path.cwd(), PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for code, shown, said in run_cells({}):
            old = f"```python\n{code}```\n" + (f"\n```text\n{shown}```\n" if shown else "")
            new = f"```python\n{code}```\n" + (f"\n```text\n{said}```\n" if said else "")
            page = page.replace(old, new)
        os.chdir(here)
    PAGE.write_text(page, "utf-8")
