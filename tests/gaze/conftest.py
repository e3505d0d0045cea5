"""Fixtures: a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gaze.browsing import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of one file's tests: while it is open, `asyncio.run` is refused in this process."""
    with chromium() as browser:
        yield browser
