"""Waiting for something to be so, instead of for some time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def until(true: Callable[[], Any], seconds: float = 600.0) -> None:
    """Let the page and its commands work until it is so; fails where it never is."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
