"""A second process for what needs pictures and numbers: the page's own stays small and answers.

It starts at the first call and ends when nobody has called it for a while.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

IDLE_S = 180.0


class Worker:
    """Calls functions of :mod:`gaze.app.look` and ``live`` in another process, one at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._calls = 0
        self._end: asyncio.TimerHandle | None = None

    async def call(self, name: str, *args: Any) -> Any:
        """The result of that function of :mod:`gaze.app.look`; its errors as they are."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context)
        if self._end is not None:
            self._end.cancel()
        self._calls += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(_call, name, *args))
        except BrokenProcessPool:
            self.close()  # killed for memory, say: the next call starts a fresh one
            raise
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._end = asyncio.get_running_loop().call_later(IDLE_S, self.close)

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _call(name: str, *args: Any) -> Any:
    from gaze.app import live, look  # not in the page's process: they would cost it 200 MB

    return getattr(live if name in ("live_view", "keep_picture") else look, name)(*args)
