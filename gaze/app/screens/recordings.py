"""Both videos side by side at the same moment; what was found, and what helps."""

from __future__ import annotations

import contextlib
import html
from functools import partial
from typing import Any

from nicegui import ui
from pydantic import BaseModel, ValidationError

from calibration.camera import CAMERAS
from calibration.errors import UserError
from gaze.app.desk import video_name
from gaze.app.drawings import traces
from gaze.app.files import VIDEOS, bring, of_kind
from gaze.app.parts import (
    SHARE,
    Editor,
    Number,
    Place,
    action,
    all_right,
    box,
    every,
    files_button,
    finding,
    later,
    page_frame,
    screen,
    text,
)
from gaze.app.screens.run import JobList
from gaze.app.sights import Moment, Recording, Trace
from gaze.app.units import parse_number
from gaze.setup.findings import Finding
from sessions.config import load_config

NEAR_S = 3.0  # to either side of the moment: all its pictures are looked at


class Recordings(Editor):
    """The screen's state: which moment is shown, and the right camera's offset tried out."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.time_s = 0.0
        self.offset_s = self.config.cameras.right.offset_s or 0.0
        self.probed: dict[str, Recording] = {}
        self.asked = 0
        self.longest_s = self.near_s = 0.0  # of the lesson; where the near signs begin
        self.brought: dict[str, list[str]] = {}  # files of a choice whose last is not in yet
        self.choices: dict[str, ui.select] = {}
        self.facts: dict[str, ui.element] = {}
        self.shots: dict[str, ui.element] = {}

    def build(self) -> None:
        p = self.place
        with screen(p, "recordings"):
            with ui.element("div").classes("two"):
                for camera in CAMERAS:
                    with box(p(f"camera_{camera}")):
                        self._choice(camera)
                        self.facts[camera] = ui.element("div")
                        self.shots[camera] = ui.element("div")
            with box(p("same_moment")):
                self._controls()
            with box(p("sync_title")):
                self._sync()
            with box(p("what_check_says")):
                findings(p, "recordings")
        later(self._start)
        self.there = self.last = self._files()
        every(2.0, self._watch)

    def _files(self) -> dict[str, tuple[int, int]]:
        """The folder's videos: how large, when changed."""
        found = {}
        for path in of_kind(self.place.lesson, VIDEOS):
            with contextlib.suppress(OSError):  # gone meanwhile
                about = path.stat()
                found[path.name] = about.st_size, about.st_mtime_ns
        return found

    async def _watch(self) -> None:
        """What is copied into the folder, replaced or taken away shows by itself, once it lies
        still."""
        before, self.last = self.last, self._files()
        if before == self.last != self.there:
            self.there = self.last
            await self._show_files()

    async def _show_files(self) -> None:
        """Which there are, and which are used. Not by loading the page again: a file may just be
        on its way in."""
        for camera in CAMERAS:
            used = video_name(self.config, camera)
            self.choices[camera].set_options(self._options(camera), value=used)
        await self._start()

    # -- which file ------------------------------------------------------------------------------
    def _choice(self, camera: str) -> None:
        p = self.place
        with ui.element("div").classes("rowline"):
            self.choices[camera] = ui.select(
                self._options(camera), value=video_name(self.config, camera), label=p("video_file"),
                on_change=lambda e: self._use(camera, str(e.value)),
            ).props("outlined dense").style("min-width:12rem")  # fmt: skip
            files_button(
                p, p("add_video"), partial(self._bring, camera), partial(self._all_in, camera),
                kinds=",".join(VIDEOS), multiple=True,
            )  # fmt: skip

    def _options(self, camera: str) -> dict[str, str]:
        """The folder's videos, and the one that session.toml names though it is not there."""
        names = [f.name for f in of_kind(self.place.lesson, VIDEOS)]
        named = video_name(self.config, camera)
        more = len(getattr(self.config.cameras, camera).videos) - 1
        known = f"{named} + {more}" if more else named
        return {n: n for n in names} | {
            named: known if named in names else self.place("missing", f=named)
        }

    async def _bring(self, camera: str, name: str, upload: Any) -> None:
        """Several that are chosen at once are the chapters of one recording, by their names."""
        path = await bring(self.place.lesson, VIDEOS, name, upload)
        chapters = self.brought[camera] = sorted([*self.brought.get(camera, []), path.name])
        self.edit({f"cameras.{camera}.video": chapters if len(chapters) > 1 else path.name})

    async def _all_in(self, camera: str) -> None:
        self.brought.pop(camera, None)
        await self._show_files()

    def _use(self, camera: str, name: str) -> None:
        used = video_name(self.config, camera)
        if name != used and self.edit({f"cameras.{camera}.video": name}):
            later(self._show_files)

    # -- the moment ------------------------------------------------------------------------------
    def _controls(self) -> None:
        p = self.place
        text(p("moment_lead"), "small quiet")
        self.slider = ui.slider(min=0, max=1, step=0.04, value=0).props(
            f'label aria-label="{p("time_in_lesson")}"'
        )
        self.slider.on("change", lambda: self._go(float(self.slider.value)))
        self._signs()
        with ui.element("div").classes("rowline"):
            for step, key in ((-1.0, "back_1s"), (1.0, "on_1s")):
                action(p(key), partial(self._step, step))
            self.clock = ui.label().classes("num")
        with ui.element("div").classes("rowline").style("margin-top:.6rem"):
            text(p("right_is_late"), "small")
            action(p("nudge_earlier"), partial(self._nudge, -1), icon="chevron_left")
            shown = f"{self.offset_s:.3f}"
            self.offset = Number(p("offset_s"), shown, parse_number, p("no_number"))
            self.offset.style("width:9rem").on("change", self._typed)
            action(p("nudge_later"), partial(self._nudge, 1), icon="chevron_right")
            action(p("write_offset"), self._write_offset, main=True)
            action(p("estimate_offset"), self._estimate)
        with ui.element("div").classes("rowline").style("margin-top:.6rem"):
            action(p("swap_cameras"), self._swap, icon="swap_horiz")
            for camera in CAMERAS:
                turn = partial(self._rotate, camera)
                action(p(f"rotate_{camera}"), turn, icon="rotate_right")
                action(p(f"mirror_{camera}"), partial(self._mirror, camera), icon="flip")

    def _signs(self) -> None:
        """Claps and flashes: the lesson's sound, and sound and light around the moment."""
        p = self.place
        action(p("show_signs"), self._show_signs, icon="graphic_eq")
        self.signs = ui.element("div")
        self.signs.set_visibility(False)
        self.whole: dict[str, Trace] = {}
        with self.signs:
            self.overview = ui.html("", sanitize=False).classes("traces")
            text(p("signs_near", s=f"{2 * NEAR_S:g}"), "small")
            self.near = ui.html("", sanitize=False).classes("traces")
            text(p("signs_legend"), "small quiet")

        async def to_whole(event: Any) -> None:
            await self._go(float(event.args) * self.longest_s)

        async def to_near(event: Any) -> None:
            await self._go(max(0.0, self.near_s + float(event.args) * 2 * NEAR_S))

        self.overview.on("click", to_whole, js_handler=SHARE)
        self.near.on("click", to_near, js_handler=SHARE)

    async def _show_signs(self) -> None:
        call, p = self.place.desk.worker.call, self.place
        if not self.whole:
            self.signs.set_visibility(True)
            self.overview.set_content(html.escape(p("listening")))
            args = 0.0, self.longest_s, self.offset_s, False
            self.whole = await call("traces", p.lesson, *args)
        if any(t.sound for t in self.whole.values()):
            rows, share = list(self.whole.values()), self.time_s / max(self.longest_s, 0.1)
            self.overview.set_content(traces(rows, min(share, 1.0), p("signs_whole")))
        else:
            self.overview.set_content(html.escape(p("no_sound")))
        self.near_s = max(self.time_s - NEAR_S, 0.0)
        args = self.near_s, self.near_s + 2 * NEAR_S, self.offset_s, True
        near: dict[str, Trace] = await call("traces", p.lesson, *args)
        share = (self.time_s - self.near_s) / (2 * NEAR_S)
        self.near.set_content(
            traces(list(near.values()), share, p("signs_near", s=f"{2 * NEAR_S:g}"))
        )

    async def _start(self) -> None:
        self.probed = await self.place.desk.worker.call("recordings", self.place.lesson)
        longest = 0.0
        for camera, r in self.probed.items():
            facts = self.facts[camera]
            facts.clear()
            with facts:
                if r.error:
                    text(r.error, "finding error")
                else:
                    _facts(self.place, r)
            longest = max(longest, r.duration_s)
        self.longest_s = longest
        self.slider.props(f"max={max(longest - 0.1, 0.04):.2f}")
        await self._go(min(self.time_s or 1.0, longest / 2))

    async def _step(self, by_s: float) -> None:
        await self._go(max(0.0, self.time_s + by_s))

    async def _go(self, time_s: float) -> None:
        """Show a moment; a later wish overtakes one that is not answered yet."""
        self.time_s = time_s
        self.slider.set_value(round(time_s, 2))
        self.clock.set_text(f"{time_s:.2f} s")
        self.asked += 1
        asked = self.asked
        call = self.place.desk.worker.call
        try:
            seen: Moment = await call("moment", self.place.lesson, time_s, self.offset_s)
        except UserError:
            return  # said in the facts already
        if asked == self.asked:
            self._show(seen)
            if self.whole:
                await self._show_signs()

    def _show(self, seen: Moment) -> None:
        p = self.place
        for camera in CAMERAS:
            slot = self.shots[camera]
            data = getattr(seen, camera)
            slot.clear()
            with slot:
                if data is None:
                    ui.label(p("no_picture_here")).classes("noshot")
                else:
                    alt = p("picture_of", camera=p(f"camera_{camera}"), s=f"{seen.time_s:.2f}")
                    ui.html(
                        f'<img class="shot" src="{p.desk.shelf.put(data)}" alt="{alt}">',
                        sanitize=False,
                    )

    # -- both clocks by `gaze sync` --------------------------------------------------------------
    def _sync(self) -> None:
        p = self.place
        text(p("sync_lead"), "small quiet")

        def run(*options: str) -> None:
            p.desk.jobs.add(p.lesson, ("sync", str(p.lesson), *options))

        with ui.element("div").classes("rowline"):
            action(p("sync_now"), run, icon="sync")
            action(p("sync_set"), partial(run, "--set"), icon="save")
        slot = ui.element("div").classes("stack").style("margin-top:.8rem")
        page = ui.element("div")

        def show() -> None:
            """The page that the command wrote, and the offset where it set one."""
            page.clear()
            path = p.lesson / "sync.html"
            if path.is_file():
                with page:
                    page_frame(p.lesson, "sync.html", p("sync_title"), path.stat().st_mtime_ns)
            self.config = load_config(p.lesson)
            self.offset_s = self.config.cameras.right.offset_s or self.offset_s
            self.offset.set_value(f"{self.offset_s:.3f}")

        JobList(p, slot, only=("sync",), then=show)
        show()

    # -- what is written -------------------------------------------------------------------------
    async def _nudge(self, frames: int) -> None:
        fps = self.probed.get("right", Recording()).fps or 25.0
        self.offset_s += frames / fps
        self.offset.set_value(f"{self.offset_s:.3f}")
        await self._go(self.time_s)

    async def _typed(self) -> None:
        if self.offset.number is not None:
            self.offset_s = self.offset.number
            await self._go(self.time_s)

    def _write_offset(self) -> None:
        if not all_right(self.place, [self.offset]):
            return
        if self.edit({"cameras.right.offset_s": round(self.offset_s, 4)}):
            ui.notify(self.place("written"), type="positive")

    def _estimate(self) -> None:
        if self.edit({"cameras.right.offset_s": None}):
            ui.notify(self.place("will_estimate"), type="positive")

    def _swap(self) -> None:
        config = self.config.cameras
        left, right = (c.model_dump(exclude_none=True) for c in (config.left, config.right))
        keys = set(left) | set(right)
        changes = {f"cameras.left.{k}": _plain(right.get(k)) for k in keys if k != "offset_s"}
        changes |= {f"cameras.right.{k}": _plain(left.get(k)) for k in keys if k != "offset_s"}
        if config.right.offset_s is not None:
            changes["cameras.right.offset_s"] = -config.right.offset_s
        if self.edit(changes):
            ui.navigate.reload()

    def _rotate(self, camera: str) -> None:
        now = self.probed.get(camera, Recording()).turned_deg
        if self.edit({f"cameras.{camera}.rotate": (now + 90) % 360}):
            ui.navigate.reload()

    def _mirror(self, camera: str) -> None:
        now = getattr(self.config.cameras, camera).mirrored
        if self.edit({f"cameras.{camera}.mirrored": not now}):
            ui.navigate.reload()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _facts(place: Place, r: Recording) -> None:
    rows = {
        place("size"): f"{r.size_px[0]} × {r.size_px[1]}",
        place("frames_per_s"): f"{r.fps:.2f}",
        place("length"): f"{r.duration_s:.1f} s",
        place("codec"): r.codec,
        place("turned"): f"{r.turned_deg}°",
    }
    if r.chapters > 1:
        rows[place("chapters")] = str(r.chapters)
    body = "".join(f"<dt>{k}</dt><dd class='num'>{html.escape(v)}</dd>" for k, v in rows.items())
    ui.html(body, sanitize=False, tag="dl").classes("facts")
    for sentence in r.said:
        text(sentence, "finding")


# -- what `gaze check` found, where it belongs -----------------------------------------------------
def screen_of(where: str, what: str) -> str:
    """Which screen a finding belongs to."""
    if where.startswith("calibration/auxiliary") or "[auxiliary]" in what:
        return "room"
    if where.startswith("calibration") or where == "rig.json":
        return "board"
    if where in ("targets.csv", "events.csv") or what.lower().startswith("the area"):
        return "areas"
    if "[[students]]" in what or (where == "session.toml" and "seat" in what):
        return "seats"
    return "recordings"


class _Checked(BaseModel):
    """What `gaze check --json` prints."""

    findings: tuple[Finding, ...]


def found_by_check(place: Place) -> tuple[Finding, ...] | None:
    """The findings of the last `gaze check` of this lesson; None: not looked yet."""
    job = place.desk.jobs.latest(place.lesson, "check")
    if job is None or not job.output:
        return None
    try:
        return _Checked.model_validate_json(job.output).findings
    except ValidationError:
        return None


def findings(place: Place, screen: str) -> None:
    """What `gaze check` says that belongs to a screen, and a button that looks again."""

    @ui.refreshable
    def shown() -> None:
        found = found_by_check(place)
        job = place.desk.jobs.latest(place.lesson, "check")
        if job is not None and job.state in ("waiting", "running"):
            text(place("checking"), "quiet")
        elif found is None:
            text(place("not_checked"), "quiet")
            if job is not None and job.state == "failed":
                text("\n".join(list(job.log)[-3:]), "finding error")
        else:
            mine = [f for f in found if screen_of(f.where, f.what) == screen]
            order = {"error": 0, "warning": 1, "ok": 2}
            for f in sorted(mine, key=lambda f: order[f.severity]):
                finding(place, f.severity, f.what, f.action)
            if not mine:
                text(place("nothing_here"), "quiet")

    def look() -> None:
        place.desk.jobs.add(place.lesson, ("check", str(place.lesson), "--json"))
        shown.refresh()
        watch.activate()

    def update() -> None:
        if not place.desk.jobs.busy(place.lesson):
            watch.deactivate()
            shown.refresh()

    with ui.element("div").classes("stack"):
        shown()
    with ui.element("div").classes("rowline"):
        action(place("check_now"), look, icon="fact_check")
    watch = ui.timer(0.7, update, active=place.desk.jobs.busy(place.lesson))


def build(place: Place) -> None:
    """The whole page."""
    Recordings(place).build()
