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
    """Mark them; and the slow files come first, or one worker ends with a long one alone."""
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        if any(place == name or place.startswith(f"{name}/") for name in SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted networks: made once by each worker; the user's cache is left alone."""
    folder = tmp_path_factory.mktemp("headpose-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADPOSE_CACHE", str(folder))
        yield folder
