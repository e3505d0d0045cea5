"""gaze sync: the table, the page and session.toml, on two drawn recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from gaze.commands.app import app
from gaze.lesson import sync as module
from sessions.clock.clock import Clock
from sessions.clock.joined import join
from sessions.clock.match import Estimate

TOML = """title = "x"
[blackboard]
width_m = 4.0
height_m = 1.2
[cameras.left]
video = "left.mp4"
[cameras.right]
video = "right.mp4"  # started by hand
"""


def _lesson(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sigma_s: float, drift_ppm: float = 3.0
) -> Path:
    (folder / "session.toml").write_text(TOML, encoding="utf-8")
    clock = Clock(0.4, drift_ppm, sigma_s, 5.0, "sound", -0.5)
    sound = Estimate("sound", clock, "", 40.0, 0.2, np.linspace(-9, 9, 400), np.ones(400))
    moved = Estimate("motion", replace(clock, source="motion"))  # sound alone would not do
    said = join([sound, moved, Estimate("heads", None, "too quiet")], (0.0, 100.0))
    video: Any = SimpleNamespace(times_s=np.arange(0, 100, 0.04))
    monkeypatch.setattr(module, "synced", lambda *_, **__: (video, video, said))
    monkeypatch.setattr(module, "read_frames", lambda video, numbers: [])
    return folder


def test_it_shows_the_senses_and_sets_the_offset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = _lesson(tmp_path, monkeypatch, 0.005)
    done = CliRunner().invoke(app, ["sync", str(lesson), "--set"])
    assert done.exit_code == 0 and "+0.400" in done.output and "too quiet" in done.output
    text = (lesson / "session.toml").read_text(encoding="utf-8")
    assert "offset_s = 0.4" in text and "# started by hand" in text
    page = (lesson / "sync.html").read_text(encoding="utf-8")
    assert "together" in done.output and "<td>together" in page
    assert "<svg" in page and "not measured: too quiet" in page and "http" not in page


def test_a_clock_that_is_not_measured_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = _lesson(tmp_path, monkeypatch, 0.2)
    done = CliRunner().invoke(app, ["sync", str(lesson), "--set"])
    assert done.exit_code == 2
    assert (lesson / "session.toml").read_text(encoding="utf-8") == TOML
    assert CliRunner().invoke(app, ["sync", str(lesson)]).exit_code == 1


def test_a_drift_is_not_set_as_an_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 s at 300 ppm: by the end an offset alone would be 30 ms off, and be contradicted."""
    lesson = _lesson(tmp_path, monkeypatch, 0.005, drift_ppm=300.0)
    done = CliRunner().invoke(app, ["sync", str(lesson), "--set"])
    assert done.exit_code == 2 and "+30 ms over the lesson" in done.output
    assert (lesson / "session.toml").read_text(encoding="utf-8") == TOML
