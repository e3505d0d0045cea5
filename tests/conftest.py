"""For all tests: what `make test-fast` leaves out; one thread for each worker; their own cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before NumPy, OpenCV and torch are imported: as many busy threads as workers, and the same sums on
# a machine of any number of cores.
for libraries in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(libraries, "1")

# No clock, for a busy machine is no fault; and the same examples at every run.
# Others: `pytest --hypothesis-profile=wander`.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("wander", calm)
settings.register_profile("steady", calm, derandomize=True)
settings.load_profile("steady")

HERE = Path(__file__).parent
SLOW = (  # what solves calibrations, trains, converts networks, opens browsers, analyses, reports
    "calibration/corners/test_detect.py",
    "calibration/corners/test_folder.py",
    "calibration/corners/test_fuzz_pictures.py",
    "calibration/over_time",
    "calibration/page/test_verdict_page.py",
    "calibration/room",
    "calibration/solve",
    "calibration/test_calibrate.py",
    "calibration/test_spoiled.py",
    "gaze/app",
    "gaze/commands/test_others_files.py",
    "gaze/exports/test_exports.py",
    "gaze/faces/test_landmarks.py",
    "gaze/lesson/test_background.py",
    "gaze/lesson/test_recordings.py",
    "gaze/lesson/test_resume.py",
    "gaze/measures/test_targets.py",
    "gaze/people/test_identify.py",
    "gaze/people/test_others.py",
    "gaze/people/test_seat_changes.py",
    "gaze/privacy/test_any_name.py",
    "gaze/privacy/test_as_if_never_there.py",
    "gaze/privacy/test_forget.py",
    "gaze/privacy/test_gain_again.py",
    "gaze/privacy/test_outside.py",
    "gaze/report/test_browser.py",
    "gaze/report/test_replay.py",
    "gaze/report/test_report.py",
    "gaze/setup/test_check.py",
    "gaze/setup/test_events.py",
    "gaze/studies/test_compare.py",
    "gaze/studies/test_studies.py",
    "gaze/test_analyze.py",
    "gaze/test_analyze_lesson.py",
    "gaze/test_stress.py",
    "headpose/networks",
    "headpose/research",
    "headpose/runtimes",
    "headpose/test_estimator.py",
    "headpose/test_visibility.py",
    "headpose/train",
    "sessions/test_clock_match.py",
    "sessions/video",
    "simulation/test_pictures.py",
    "test_commands_offline.py",
    "test_nothing_is_sent.py",
    "test_pixels_offline.py",
)


def is_slow(path: Path) -> bool:
    """Whether a file's tests, all of them, are slow ones."""
    place = path.relative_to(HERE).as_posix() if path.is_relative_to(HERE) else ""
    return any(place == name or place.startswith(f"{name}/") for name in SLOW)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """In the fast lane they are not even imported."""
    return True if config.option.markexpr == "not slow" and is_slow(collection_path) else None


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes may hold the time at which they were made; every worker must call a test alike."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them; and they come first, or one worker ends with a long file alone."""
    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted networks: made once by each worker; the user's cache is left alone."""
    folder = tmp_path_factory.mktemp("headpose-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADPOSE_CACHE", str(folder))
        yield folder
