"""The queue of commands: one after another, stopped where one ends badly, kept on quitting."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gaze.app import jobs as app_jobs
from gaze.app.desk import Desk
from gaze.app.jobs import QUEUE, Job
from gaze.setup.init import init_lesson
from tests.gaze.app.waiting import until


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    return init_lesson(tmp_path / "a")


def test_a_chain_of_commands_stops_where_one_ends_badly(lesson: Path) -> None:
    async def go() -> None:
        desk = Desk(lesson.parent)
        check, analyze = desk.jobs.add(lesson, ("check", str(lesson), "--json"), ("analyze", "x"))
        assert desk.jobs.busy(lesson)
        await until(lambda: not desk.jobs.busy(lesson))
        assert check.state == "not_good" and json.loads(check.output)["findings"]
        assert analyze.state == "cancelled" and analyze.process is None
        await desk.jobs.close()

    asyncio.run(go())
    assert not (lesson.parent / QUEUE).exists()  # nothing waits: nothing is kept


class Commands:
    """In the commands' place: each waits until it may end, with this code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.codes: asyncio.Queue[int] = asyncio.Queue()
        monkeypatch.setattr(app_jobs, "_run", self.run)
        monkeypatch.setattr(app_jobs, "PATIENCE_S", 0.0)  # they do not hear a Ctrl-C

    async def run(self, job: Job) -> int:
        self.ran.append((job.command, *job.arguments))
        return await self.codes.get()


def test_what_waits_when_the_app_ends_goes_on_at_the_next_start(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = init_lesson(lesson.parent / "b")
    way = [("analyze", str(lesson), "--fps", "5"), ("validate", str(lesson))]

    async def first() -> None:
        commands, desk = Commands(monkeypatch), Desk(lesson.parent)
        desk.jobs.add(lesson, ("check", str(lesson), "--json"), *way)
        desk.jobs.add(other, ("calibrate", str(other)))
        desk.jobs.add(lesson, ("forget", str(lesson), "S-01", "--yes"))  # is asked for each time
        commands.codes.put_nowait(0)
        await until(lambda: len(commands.ran) == 2)
        await desk.jobs.close()

    async def second() -> None:
        commands, desk = Commands(monkeypatch), Desk(lesson.parent)
        again = desk.jobs.resume(desk.lessons())
        assert [(j.command, *j.arguments) for j in again] == [*way, ("calibrate", str(other))]
        assert again[0].chain == again[1].chain != again[2].chain
        for code in (2, 0):  # analyze fails: validate is dropped, the other lesson goes on
            commands.codes.put_nowait(code)
        await until(lambda: not desk.jobs.busy(lesson) and not desk.jobs.busy(other))
        assert [j.state for j in again] == ["failed", "cancelled", "done"]
        assert not (lesson.parent / QUEUE).exists()
        await desk.jobs.close()

    asyncio.run(first())
    assert (lesson.parent / QUEUE).is_file()
    asyncio.run(second())


def test_what_is_asked_for_twice_is_done_once(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A double click; a second tab. Once it is done it may be asked for again."""

    async def go() -> None:
        commands, desk = Commands(monkeypatch), Desk(lesson.parent)
        way = ("check", str(lesson)), ("analyze", str(lesson))
        assert len(desk.jobs.add(lesson, *way)) == 2
        assert desk.jobs.add(lesson, *way) == desk.jobs.add(lesson, way[1]) == []
        assert len(desk.jobs.add(lesson, ("analyze", str(lesson), "--fps", "1"))) == 1
        for _ in range(3):
            commands.codes.put_nowait(0)
        await until(lambda: not desk.jobs.busy(lesson))
        assert len(desk.jobs.add(lesson, *way)) == 2
        await desk.jobs.close()

    asyncio.run(go())


def test_a_command_that_was_stopped_does_not_come_back(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        desk = Desk(lesson.parent)
        commands = Commands(monkeypatch)
        running, _ = desk.jobs.add(lesson, ("calibrate", str(lesson)), ("analyze", str(lesson)))
        await until(lambda: commands.ran)
        await desk.jobs.cancel(running)
        assert not (lesson.parent / QUEUE).exists()
        await desk.jobs.close()

    asyncio.run(go())


def test_a_command_that_is_stopped_while_it_starts_does_not_run_on(lesson: Path) -> None:
    async def go() -> None:
        desk = Desk(lesson.parent)
        (job,) = desk.jobs.add(lesson, ("check", str(lesson), "--json"))
        while job.state == "waiting":
            await asyncio.sleep(0)
        assert job.process is None  # it is being made
        await desk.jobs.cancel(job)
        await until(lambda: job.process is not None and job.process.returncode is not None)
        assert job.state == "cancelled" and job.output == ""
        await desk.jobs.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    "change",
    [
        {"command": "forget"}, {"command": "export"}, {"lesson": "../x"}, {"lesson": "/etc"},
        {"options": ["--out", "/tmp/x"]}, {"options": "--fps"}, {"chain": "1"}, {"command": None},
    ],
)  # fmt: skip
def test_a_queue_that_somebody_else_wrote_runs_nothing(
    lesson: Path, change: dict[str, Any]
) -> None:
    item = {"lesson": "a", "chain": 1, "command": "check", "options": ["--json"], **change}
    (lesson.parent / QUEUE).write_text(json.dumps([item, 3, None]))
    desk = Desk(lesson.parent)
    assert desk.jobs.resume(desk.lessons()) == []
    for words in ("no json", '{"a": 1}', "3"):
        (lesson.parent / QUEUE).write_text(words)
        assert desk.jobs.resume(desk.lessons()) == []
