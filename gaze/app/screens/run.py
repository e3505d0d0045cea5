"""Check, calibrate, analyze, validate: the commands themselves, one after another."""

from __future__ import annotations

import html
from collections.abc import Callable, Collection
from functools import partial

from nicegui import ui

from gaze.app.desk import Desk
from gaze.app.jobs import OPEN, Job, State
from gaze.app.parts import Place, action, box, every, heading, later, meter, pill, screen, text
from gaze.lesson.kept import kept

Done = Callable[[], object] | None
KINDS = {"done": "good", "not_good": "warn", "failed": "bad", "cancelled": "bad"}
MOMENTS_PER_S = {1.0: "1", 2.0: "2", 5.0: "5", 10.0: "10"}


def whole_way(place: Place, fps: float) -> list[tuple[str, ...]]:
    """The commands of a lesson, in order; those that have nothing to do are left out."""
    lesson = place.lesson
    commands: list[tuple[str, ...]] = [("check", str(lesson), "--json")]
    if (lesson / "calibration" / "left").is_dir() and any(
        (lesson / "calibration" / "left").iterdir()
    ):
        commands.append(("calibrate", str(lesson)))
    commands.append(("analyze", str(lesson), "--fps", f"{fps:g}"))
    if (lesson / "targets.csv").is_file():
        commands.append(("validate", str(lesson)))
    return commands


def build(place: Place) -> None:
    """The whole page."""
    lesson = place.lesson

    def one(command: str) -> None:
        rest = {"check": ("--json",), "analyze": ("--fps", f"{float(fps.value or 5):g}")}
        _add(place, (command, str(lesson), *rest.get(command, ())))

    with screen(place, "run"):
        with box(), ui.element("div").classes("rowline"):
            fps = ui.select(MOMENTS_PER_S, value=5.0, label=place("moments_per_s")).props(
                "outlined dense"
            )
            fps.style("min-width:11rem")
            action(
                place("run_all"),
                lambda: _add(place, *whole_way(place, float(fps.value or 5.0))),
                main=True, icon="play_arrow",
            )  # fmt: skip
            for command in ("check", "calibrate", "analyze", "validate"):
                action(place(f"cmd_{command}"), partial(one, command))
        slot = ui.element("div").classes("stack").style("margin-top:1rem").props("aria-live=polite")
        JobList(place, slot)


def _add(place: Place, *commands: tuple[str, ...]) -> None:
    place.desk.jobs.add(place.lesson, *commands)


class JobList:
    """Jobs of this lesson (and what else waits), kept up to date while the page is open."""

    def __init__(
        self, place: Place, slot: ui.element, *, only: Collection[str] = (), then: Done = None
    ) -> None:
        """only : commands; none: all, and what other lessons wait for. then : when one ended."""
        self.place, self.slot, self.only, self.then = place, slot, only, then
        self.shown: list[tuple[int, State]] | None = None  # not drawn yet
        self.parts: dict[int, tuple[ui.html, ui.html]] = {}
        self.update()
        every(0.7, self.update)

    def update(self) -> None:
        jobs = self._jobs()
        now = [(id(j), j.state) for j in jobs]
        if now != self.shown:
            finished = self.shown and any(
                j.state in ("done", "not_good") and (id(j), "running") in self.shown for j in jobs
            )
            if finished and self.then is not None:
                later(self.then)
            self.shown = now
            self.slot.clear()
            self.parts = {}
            with self.slot:
                for job in jobs:
                    self._job(job)
                if not jobs and not self.only:
                    text(self.place("no_jobs"), "quiet")
        for job in jobs:
            head, log = self.parts[id(job)]
            head.set_content(self._progress(job))
            log.set_content(html.escape("\n".join(job.log)))

    def _jobs(self) -> list[Job]:
        desk: Desk = self.place.desk
        mine = [j for j in desk.jobs.jobs if j.folder == self.place.lesson]
        if self.only:
            return [j for j in reversed(mine) if j.command in self.only][:3]
        others = [j for j in desk.jobs.jobs if j.folder != self.place.lesson and j.state in OPEN]
        return sorted(mine[-12:], key=lambda j: -j.chain) + others  # the newest chain first

    def _job(self, job: Job) -> None:
        p = self.place
        with box():
            with ui.element("div").classes("title"):
                name = p(f"cmd_{job.command}")
                heading(name if job.folder == p.lesson else f"{name} · {job.lesson}")
                pill(p(f"state_{job.state}"), KINDS.get(job.state, ""))
            head = ui.html("", sanitize=False)
            if job.state in OPEN:
                action(p("stop"), lambda: p.desk.jobs.cancel(job), icon="stop")
            with (
                ui.expansion(p("log"), value=job.state == "failed")
                .props("dense")
                .style("margin-left:-1rem")
            ):
                log = (
                    ui.html("", sanitize=False, tag="pre")
                    .classes("log")
                    .props(f'tabindex=0 aria-label="{p("log")}"')
                )
            self.parts[id(job)] = head, log

    def _progress(self, job: Job) -> str:
        p = self.place
        if job.state == "running":
            left = job.left_s()
            words = job.stage or p("starting")
            if left is not None:
                words += " · " + p("time_left", left=_duration(left))
            return f'<p class="small num">{html.escape(words)}</p>' + meter(job.share, words)
        if job.state in ("failed", "not_good") and job.log and job.command != "check":
            last = [line for line in job.log if line.strip()][-1:]
            return f'<p class="finding error">{html.escape(" ".join(last))}</p>'
        how = f"after_{job.state}"
        if job.state == "cancelled":
            how += f"_{kept(job.command)}"
        elif job.state == "waiting" and job.held:
            how = "after_held"
        return f'<p class="small">{html.escape(p(how))}</p>'


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
