"""Fixtures: a browser; small clips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gaze.exports import replay
from tests.gaze.browsing import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of one file's tests: while it is open, `asyncio.run` is refused in this process."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session", autouse=True)
def small_clips() -> Iterator[None]:
    """A clip that is written and not looked at is small; report/test_replay.py looks at some."""
    with pytest.MonkeyPatch.context() as patch:
        for ending in replay.SIZES:
            patch.setitem(replay.SIZES, ending, (320, 2))
        yield
