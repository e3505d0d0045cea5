"""gaze/commands/simulate.py: its words are the simulator's, its refusals sentences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from gaze.commands import simulate
from gaze.commands.app import app
from sessions.simulation.room import PLACEMENTS, ROOMS
from sessions.simulation.simulate import RESOLUTIONS


def test_the_words_are_the_simulators() -> None:
    assert tuple(ROOMS) == simulate.ROOMS and tuple(PLACEMENTS) == simulate.PLACEMENTS
    assert tuple(RESOLUTIONS) == simulate.RESOLUTIONS


def test_two_answers_at_once_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["simulate", str(tmp_path / "x"), "--plan", "--truth-only"])
    assert result.exit_code == 2 and "exclude" in result.output
    assert not (tmp_path / "x").exists()


def test_help_loads_no_library_of_the_long_work() -> None:
    code = (
        "import sys; from gaze.commands.app import app\n"
        "print(*(m for m in ('torch', 'scipy', 'pandas', 'cv2', 'numpy') if m in sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
