"""The long work: the project's own commands, one after another, outside the page's process.

A job goes on when its page is closed; what is true of a cancelled one, gaze/lesson/kept.py says.
What still waits when the app is ended (or the power goes) stands in ``gaze-queue.json`` of the
folder, and goes on at the next start; when all is done the file goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sessions.lock import at_work
from sessions.run import keep_json

State = Literal["waiting", "running", "done", "not_good", "failed", "cancelled"]
OPEN: tuple[State, ...] = ("waiting", "running")
LOG_LINES = 400
LOG_BYTES = 1 << 20  # longest line of a command's output
PATIENCE_S = 10.0  # from Ctrl-C to the end of a command
HELD_LOOK_S = 1.0  # from one look whether a lesson is free to the next
QUEUE = "gaze-queue.json"
#: What may go on without being asked for again: what resumes, and neither removes nor shares.
RESUMED = ("check", "calibrate", "analyze", "validate")
_OPTION = re.compile(r"--[a-z-]+|[0-9.]+")  # no path: such a command works in its lesson alone


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
    held: bool = False  # it waits for somebody else who is at work in its lesson
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
    """A queue of commands; one runs at a time. folder : where what waits is kept; None: nowhere."""

    def __init__(self, folder: Path | None = None) -> None:
        self.jobs: list[Job] = []
        self._queue = folder / QUEUE if folder is not None else None
        self._chains = 0
        self._worker: asyncio.Task[None] | None = None

    def add(self, folder: Path, *commands: tuple[str, ...]) -> list[Job]:
        """Queue commands (name, argument, …) of a lesson, as one chain; returns it.

        What waits or runs already, all of it, is not queued again: a double click, two tabs.
        """
        there = {(j.command, *j.arguments) for j in self.of(folder) if j.state in OPEN}
        if there.issuperset(commands):
            return []
        self._chains += 1
        new = [Job(folder, name, tuple(rest), self._chains) for name, *rest in commands]
        self.jobs += new
        self._keep()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return new

    def resume(self, lessons: Sequence[Path]) -> list[Job]:
        """Queue again what an earlier app left waiting, of these lessons."""
        chains: dict[int, list[tuple[str, ...]]] = {}
        folders: dict[int, Path] = {}
        named = {path.name: path for path in lessons}
        for item in _read_queue(self._queue):
            folder = named.get(item["lesson"])
            if folder is not None:
                chains.setdefault(item["chain"], []).append(
                    (item["command"], str(folder), *item["options"])
                )
                folders[item["chain"]] = folder
        return [job for k, chain in chains.items() for job in self.add(folders[k], *chain)]

    def _keep(self) -> None:
        """Write down what is not done yet."""
        if self._queue is None:
            return
        waiting = [
            {"lesson": j.lesson, "chain": j.chain, "command": j.command,
             "options": list(j.arguments[1:])}
            for j in self.jobs if j.state in OPEN and j.command in RESUMED
        ]  # fmt: skip
        if waiting or self._queue.is_file():
            with contextlib.suppress(OSError):  # a folder that cannot be written keeps no queue
                keep_json(self._queue, waiting)

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
            self._keep()
        if not waiting and job.process is not None and job.process.returncode is None:
            await _interrupt(job.process)

    async def close(self) -> None:
        """End everything, when the app ends; what is not done yet stays written down."""
        self._queue = None
        for job in self.jobs:
            if job.state in OPEN:
                await self.cancel(job)
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=PATIENCE_S)
            self._worker.cancel()

    async def _work(self) -> None:
        while any(j.state == "waiting" for j in self.jobs):
            if (job := self._next()) is None:
                await asyncio.sleep(HELD_LOOK_S)
                continue
            job.state = "running"
            try:
                code = await _run(job)
            except OSError as error:
                job.log.append(str(error))
                code = 2
            if job.state == "running" and code < 0:
                job.log.append(
                    f"This command was ended from outside (signal {-code}): mostly too little "
                    "memory. Close other programs; the same button tries again."
                )
            if job.state == "running":
                job.state = "done" if code == 0 else "not_good" if code == 1 else "failed"
            if job.state == "failed" or (job.state == "not_good" and job.command != "analyze"):
                self._drop_rest(job)
            self._keep()

    def _next(self) -> Job | None:
        """The first that waits and can run: nobody else is at work in its lesson."""
        held: set[int] = set()  # chains
        for job in self.jobs:
            if job.state != "waiting" or job.chain in held:
                continue
            job.held = job.command != "check" and at_work(job.folder)
            if not job.held:
                return job
            held.add(job.chain)
        return None

    def _drop_rest(self, job: Job) -> None:
        for other in self.jobs:
            if other.chain == job.chain and other.state == "waiting":
                other.state = "cancelled"


def _read_queue(path: Path | None) -> list[dict[str, Any]]:
    """What an earlier app wrote down; whatever does not look like it is left out."""
    try:
        items = json.loads(path.read_text(encoding="utf-8")) if path is not None else []
    except (OSError, ValueError):
        return []
    return [
        i for i in (items if isinstance(items, list) else [])
        if isinstance(i, dict) and i.get("command") in RESUMED
        and isinstance(i.get("lesson"), str) and isinstance(i.get("chain"), int)
        and isinstance(i.get("options"), list)
        and all(isinstance(o, str) and _OPTION.fullmatch(o) for o in i["options"])
    ]  # fmt: skip


def _can_be_interrupted() -> None:
    """What was started in the background (``&``, a service) hands an ignored Ctrl-C on to whatever
    it starts, and no job could be cancelled."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)


async def _run(job: Job) -> int:
    _can_be_interrupted()
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
    if job.state == "cancelled":  # while the process was made
        await _interrupt(process)

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
