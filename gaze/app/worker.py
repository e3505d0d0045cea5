"""A second process for what needs pictures and numbers: the page's own stays small and answers.

It starts at the first call and ends when nobody has called it for a while.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from calibration.errors import UserError

IDLE_S = 180.0


class Worker:
    """Calls functions of :mod:`gaze.app.look` and ``live`` in another process, one at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._calls = 0
        self._since = 0.0  # when the first of them began
        self._end: asyncio.TimerHandle | None = None

    @property
    def waiting_s(self) -> float:
        """How long somebody has waited for an answer; 0 where nobody does."""
        return time.monotonic() - self._since if self._calls else 0.0

    async def call(self, name: str, *args: Any) -> Any:
        """The result of that function of :mod:`gaze.app.look`; its errors as they are.

        Raises
        ------
        UserError : as the function; or its process was ended from outside.
        """
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_the_app)
        if self._end is not None:
            self._end.cancel()
        if self._calls == 0:
            self._since = time.monotonic()
        self._calls += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(_call, name, *args))
        except BrokenProcessPool as error:
            self.close()  # the next call starts a fresh one
            raise UserError(
                "what makes pictures and numbers for this page was ended from outside",
                remedy="Mostly too little memory: close other programs and try again.",
            ) from error
        finally:
            self._calls -= 1
            if self._calls == 0:
                self._end = asyncio.get_running_loop().call_later(IDLE_S, self.close)

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _end_with_the_app() -> None:
    """However the app ends, its worker does not stay behind."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _call(name: str, *args: Any) -> Any:
    from gaze.app import live, look  # not in the page's process: they would cost it 200 MB

    return getattr(live if name in ("live_view", "keep_picture") else look, name)(*args)
