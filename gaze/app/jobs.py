"""The long work: the project's own commands, one after another, outside the page's process.

A job goes on when its page is closed; what is true of a cancelled one, gaze/lesson/kept.py says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["waiting", "running", "done", "not_good", "failed", "cancelled"]
OPEN: tuple[State, ...] = ("waiting", "running")
LOG_LINES = 400
LOG_BYTES = 1 << 20  # longest line of a command's output
PATIENCE_S = 10.0  # from Ctrl-C to the end of a command


@dataclass(eq=False)
class Job:
    """A command of a lesson. chain : jobs of one chain stop where one of them ends badly."""

    folder: Path
    command: str
    arguments: tuple[str, ...] = ()
    chain: int = 0
    state: State = "waiting"
    stage: str = ""
    share: float = 0.0
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    output: str = ""
    process: asyncio.subprocess.Process | None = None
    _stage_since: tuple[float, float] = (0.0, 0.0)  # when this stage began, and at what share

    @property
    def lesson(self) -> str:
        return self.folder.name

    def reached(self, stage: str, share: float) -> None:
        """A line of progress."""
        if stage != self.stage:
            self._stage_since = time.monotonic(), share
        self.stage, self.share = stage, min(max(share, 0.0), 1.0)

    def left_s(self) -> float | None:
        """Time left of this stage by what it has taken; None where that says nothing yet."""
        begun, share = self._stage_since
        spent = time.monotonic() - begun
        if self.state != "running" or self.share - share < 0.02 or self.share >= 1 or spent < 2:
            return None
        return spent * (1 - self.share) / (self.share - share)


class Jobs:
    """A queue of commands; one runs at a time."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._chains = 0
        self._worker: asyncio.Task[None] | None = None

    def add(self, folder: Path, *commands: tuple[str, ...]) -> list[Job]:
        """Queue commands (name, argument, …) of a lesson, as one chain."""
        self._chains += 1
        new = [Job(folder, name, tuple(rest), self._chains) for name, *rest in commands]
        self.jobs += new
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return new

    def of(self, folder: Path) -> list[Job]:
        return [j for j in self.jobs if j.folder == folder]

    def latest(self, folder: Path, command: str) -> Job | None:
        return next((j for j in reversed(self.of(folder)) if j.command == command), None)

    def busy(self, folder: Path) -> bool:
        """Whether something waits or runs on a lesson."""
        return any(j.state in OPEN for j in self.of(folder))

    async def cancel(self, job: Job) -> None:
        """Ctrl-C; what is kept then, gaze/lesson/kept.py says."""
        waiting = job.state == "waiting"
        if job.state in OPEN:
            job.state = "cancelled"
            self._drop_rest(job)
        if not waiting and job.process is not None and job.process.returncode is None:
            await _interrupt(job.process)

    async def close(self) -> None:
        """End everything, when the app ends."""
        for job in self.jobs:
            if job.state in OPEN:
                await self.cancel(job)
        if self._worker is not None:
            self._worker.cancel()

    async def _work(self) -> None:
        while (job := next((j for j in self.jobs if j.state == "waiting"), None)) is not None:
            job.state = "running"
            try:
                code = await _run(job)
            except OSError as error:
                job.log.append(str(error))
                code = 2
            if job.state == "running":
                job.state = "done" if code == 0 else "not_good" if code == 1 else "failed"
            if job.state == "failed" or (job.state == "not_good" and job.command != "analyze"):
                self._drop_rest(job)

    def _drop_rest(self, job: Job) -> None:
        for other in self.jobs:
            if other.chain == job.chain and other.state == "waiting":
                other.state = "cancelled"


async def _run(job: Job) -> int:
    # -P: nothing in the folder of lessons can be imported
    job.process = process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "gaze.commands.app", job.command, *job.arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LOG_BYTES,
        env={**os.environ, "GAZE_PROGRESS": "json", "COLUMNS": "100", "NO_COLOR": "1"},
        start_new_session=True,  # a Ctrl-C in the terminal is the app's; it passes it on itself
    )
    assert process.stdout is not None and process.stderr is not None

    async def words(stream: asyncio.StreamReader) -> None:
        async for line in _lines(stream):
            job.log.append(line)
            job.output += line + "\n"

    async def progress(stream: asyncio.StreamReader) -> None:
        async for line in _lines(stream):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                job.reached(str(said["stage"]), float(said["share"]))
                continue
            job.log.append(line)

    await asyncio.gather(words(process.stdout), progress(process.stderr))
    return await process.wait()


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while raw := await stream.readline():
        line = raw.decode("utf-8", "replace").rstrip()
        if line:
            yield line


async def _interrupt(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), PATIENCE_S)
        except TimeoutError:
            process.kill()
