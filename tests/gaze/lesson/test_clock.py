"""A declared clock is checked against the pictures; what they say reaches the quality file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gaze.lesson import clock as module
from gaze.lesson.clock import judged_times, lesson_clock
from sessions.clock.motion import Clock
from sessions.video import VideoInfo
from tests.sessions.test_clock import lesson


def _videos(monkeypatch: pytest.MonkeyPatch, truth: Clock, duration_s: float) -> Any:
    """Two videos whose pictures move like a simulated lesson with this clock."""
    tl, xl, tr, xr = lesson(4, truth, duration_s)
    moves = {"left.mp4": (tl, xl), "right.mp4": (tr, xr)}

    def info(name: str) -> VideoInfo:
        t = moves[name][0]
        none = np.zeros(0, np.int64)
        return VideoInfo(Path(name), t, none, none, (1920, 1080), "h264", None)

    monkeypatch.setattr(module, "_activity", lambda v, report, begun: moves[v.path.name])
    return info("left.mp4"), info("right.mp4")


def _session(offset_s: float | None) -> Any:
    right = SimpleNamespace(offset_s=offset_s)
    config = SimpleNamespace(cameras=SimpleNamespace(right=right))
    return SimpleNamespace(timestamps_path=Path("no such file"), config=config)


def _quiet(stage: str, share: float) -> None:
    return None


def test_a_right_offset_is_taken_and_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(1.5), 400.0)
    left, right, clock, said = lesson_clock(_session(1.5), *videos, _quiet)
    assert clock.source == "session.toml" and clock.offset_s == 1.5
    assert said == {"checked": "the pictures agree", "causes": []}
    assert judged_times(left, right, said)["checked"] == "the pictures agree"


def test_a_wrong_offset_is_contradicted_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(1.5), 400.0)
    left, right, clock, said = lesson_clock(_session(0.0), *videos, _quiet)
    assert clock.offset_s == 0.0, "what the user states holds, aloud"
    (cause,) = judged_times(left, right, said)["causes"]
    assert cause["code"] == "clock_contradicted" and cause["severity"] == "FAIL"
    assert "the pictures say +1.5" in cause["message"]


def test_without_one_the_pictures_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(-0.8, 30.0), 400.0)
    *_, clock, said = lesson_clock(_session(None), *videos, _quiet)
    assert clock.source == "pictures" and abs(clock.offset_s + 0.8) < 4 * clock.sigma_offset_s
    assert clock.sigma_drift_ppm > 0 and said["checked"] == "from the pictures"


def test_short_and_quiet_lessons_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = _videos(monkeypatch, Clock(0.2), 60.0)
    *_, clock, said = lesson_clock(_session(0.2), *videos, _quiet)
    assert clock.source == "session.toml" and "60 s are too short" in said["checked"]
    *_, clock, said = lesson_clock(_session(None), *videos, _quiet)
    assert clock.source == "assumed" and "too" in said["checked"]
