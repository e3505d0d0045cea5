"""What `make test-fast` leaves out: tests that render, train, open browsers, analyse pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no clock", deadline=None)  # a busy machine is no fault
settings.load_profile("no clock")

HERE = Path(__file__).parent
SLOW = (
    "calibration/corners/test_fuzz_pictures.py",
    "calibration/solve/test_changes.py",
    "calibration/test_spoiled.py",
    "gaze/app",
    "gaze/lesson/test_background.py",
    "gaze/lesson/test_recordings.py",
    "gaze/lesson/test_resume.py",
    "gaze/measures/test_targets.py",
    "gaze/people/test_others.py",
    "gaze/people/test_seat_changes.py",
    "gaze/privacy/test_as_if_never_there.py",
    "gaze/report/test_browser.py",
    "gaze/test_analyze.py",
    "gaze/test_analyze_lesson.py",
    "headpose/runtimes",
    "headpose/train",
    "sessions/video",
    "simulation/test_pictures.py",
    "test_commands_offline.py",
    "test_pixels_offline.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        if any(place == name or place.startswith(f"{name}/") for name in SLOW):
            item.add_marker(pytest.mark.slow)
