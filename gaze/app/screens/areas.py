"""Areas drawn on the blackboard; moments and phases marked while the lesson is looked through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from nicegui import ui
from nicegui.events import MouseEventArguments

from calibration.errors import UserError
from gaze.app.drawings import timeline
from gaze.app.files import AUXILIARY, PICTURES, bring, of_kind
from gaze.app.parts import (
    SHARE,
    Editor,
    Number,
    Place,
    action,
    all_right,
    box,
    complain,
    cross,
    describe_image,
    files_button,
    later,
    screen,
    text,
)
from gaze.app.screens.clicks import Clicker, Clicks
from gaze.app.screens.recordings import findings
from gaze.app.sights import Marked, Moment, Recording
from gaze.app.units import parse_length

PX_PER_M = 250
COLOURS = ("#0f6cab", "#c98200", "#0b8a63", "#b4558f", "#5b57a6", "#8a5a2b")
LEAST_M = 0.05  # a smaller rectangle was a click


@dataclass
class Drawn:
    """An area as it will be written: from the upper right corner, leftwards and down."""

    name: str
    x_m: list[float]
    y_m: list[float]


class Areas(Editor):
    """The screen's state."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.board = self.config.blackboard
        self.areas = [Drawn(a.name, list(a.x_m), list(a.y_m)) for a in self.board.areas]
        self.numbers: list[Number] = []
        self.start: tuple[float, float] | None = None
        self.marks: list[Marked] = []
        self.marks_written = list(self.marks)  # as events.csv has them
        self.time_s = self.length_s = 0.0
        self.asked = 0
        self.photographed = False
        self.chosen = ""

    def build(self) -> None:
        p = self.place
        with screen(p, "areas"):
            with box(p("areas")):
                text(p("areas_how"), "small quiet")
                size = (self.board.width_m * PX_PER_M, self.board.height_m * PX_PER_M)
                self.canvas = ui.interactive_image(
                    size=size, on_mouse=self._mouse, events=["mousedown", "mousemove", "mouseup"],
                    sanitize=False,
                )  # fmt: skip
                self.canvas.classes("boardcanvas")
                describe_image(self.canvas, "")
                self.canvas.props(f'aria-label="{p("areas_drawing")}" role=img')
                self.table = ui.element("div").classes("stack").style("margin-top:.8rem")
                with ui.element("div").classes("rowline"):
                    action(p("add_area"), self._add, icon="add")
                    action(p("thirds"), self._thirds)
                    action(p("write_areas"), self._write, main=True)
                with (
                    ui.expansion(p("blackboard_photo")).props("dense").style("margin:.6rem -1rem 0")
                ):
                    self._photograph()
            with box(p("marks")):
                self._marks()
            with box(p("what_check_says")):
                findings(p, "areas")
        self._show()
        later(self._show_photograph)
        later(self._load)

    # -- areas -----------------------------------------------------------------------------------
    def _mouse(self, event: MouseEventArguments) -> None:
        x = min(max(self.board.width_m - event.image_x / PX_PER_M, 0.0), self.board.width_m)
        y = min(max(event.image_y / PX_PER_M, 0.0), self.board.height_m)
        if event.type == "mousedown":
            self.start = (x, y)
        elif self.start is not None:
            xs, ys = sorted((self.start[0], x)), sorted((self.start[1], y))
            if event.type == "mouseup":
                self.start = None
                if xs[1] - xs[0] > LEAST_M and ys[1] - ys[0] > LEAST_M:
                    self._new([round(v, 2) for v in xs], [round(v, 2) for v in ys])
            else:
                self._draw(Drawn("", xs, ys))

    def _new(self, x_m: list[float], y_m: list[float]) -> None:
        names = {a.name for a in self.areas}
        label = self.place("area")
        name = next(f"{label} {i}" for i in range(1, 1000) if f"{label} {i}" not in names)
        self.areas.append(Drawn(name, x_m, y_m))
        self._show()

    def _add(self) -> None:
        self._new([0.0, round(self.board.width_m / 2, 2)], [0.0, self.board.height_m])

    def _thirds(self) -> None:
        w, h = self.board.width_m, self.board.height_m
        names = (self.place("right_third"), self.place("middle_third"), self.place("left_third"))
        self.areas = [
            Drawn(n, [round(w * k / 3, 3), round(w * (k + 1) / 3, 3)], [0.0, h])
            for k, n in enumerate(names)
        ]
        self._show()

    def _show(self) -> None:
        p = self.place
        metres = partial(parse_length, unit="m")
        self._draw()
        self.table.clear()
        self.numbers.clear()
        with self.table:
            if not self.areas:
                text(p("no_areas"), "small quiet")
            for area in self.areas:
                with ui.element("div").classes("rowline"):
                    name = ui.input(p("area_name"), value=area.name)
                    name.on_value_change(partial(self._rename, area))
                    name.props("outlined dense hide-bottom-space").style("width:8.6rem")
                    for label, values in ((p("area_x"), area.x_m), (p("area_y"), area.y_m)):
                        for k in (0, 1):
                            end = p("from_m") if k == 0 else p("to_m")
                            number = Number(f"{label} {end}", f"{values[k]:.10g}", metres,
                                            p("no_length"), step=0.05)  # fmt: skip
                            number.on_value_change(partial(self._resize, values, k, number))
                            self.numbers.append(number.style("width:6.6rem"))
                    cross(partial(self._remove, area), f"{p('remove')} {area.name}")

    def _rename(self, area: Drawn, event: Any) -> None:
        area.name = str(event.value or "")
        self._draw()

    def _resize(self, values: list[float], k: int, field: Number) -> None:
        if field.number is not None:
            values[k] = field.number
            self._draw()

    def _remove(self, area: Drawn) -> None:
        self.areas.remove(area)
        self._show()

    def _draw(self, now: Drawn | None = None) -> None:
        w, h = self.board.width_m, self.board.height_m
        plain = f'<rect x="0" y="0" width="{w * PX_PER_M}" height="{h * PX_PER_M}" fill="#2f4a43"/>'
        parts, opacity = ([], 0.35) if self.photographed else ([plain], 0.55)
        for k, a in enumerate([*self.areas, *([now] if now else [])]):
            colour = COLOURS[k % len(COLOURS)]
            x, width = (w - a.x_m[1]) * PX_PER_M, (a.x_m[1] - a.x_m[0]) * PX_PER_M
            y, height = a.y_m[0] * PX_PER_M, (a.y_m[1] - a.y_m[0]) * PX_PER_M
            parts.append(
                f'<rect x="{x:.0f}" y="{y:.0f}" width="{max(width, 0):.0f}" '
                f'height="{max(height, 0):.0f}" fill="{colour}" fill-opacity="{opacity}" '
                'stroke="#ffffff" stroke-width="3"/>'
                f'<text x="{x + width / 2:.0f}" y="{y + height / 2:.0f}" fill="#ffffff" '
                f'font-size="26" text-anchor="middle">{escape(a.name)}</text>'
            )
        self.canvas.set_content("".join(parts))

    def _write(self) -> None:
        if not all_right(self.place, self.numbers):
            return
        rows = [{"name": a.name, "x_m": a.x_m, "y_m": a.y_m} for a in self.areas]
        if self.edit({"blackboard.areas": rows or None}):
            ui.notify(self.place("written"), type="positive")

    # -- the photograph to draw on ---------------------------------------------------------------
    def _photograph(self) -> None:
        """Choose a picture and click the blackboard's corners in it; the report shows it too."""
        p = self.place
        text(p("photo_how"), "small quiet")
        folders = (p.lesson, p.lesson / AUXILIARY)
        files = [f for folder in folders for f in of_kind(folder, PICTURES)]
        names = [f.relative_to(p.lesson).as_posix() for f in files]
        with ui.element("div").classes("rowline"):
            if names:
                which = ui.select(names, label=p("room_picture"), on_change=self._choose)
                which.props("outlined dense").style("min-width:12rem")
            files_button(p, p("add_photo"), partial(bring, p.lesson, PICTURES), ui.navigate.reload,
                         kinds=",".join(PICTURES))  # fmt: skip
        self.clicker = Clicker(p, p("blackboard_photo"), self._take_photograph)

    async def _choose(self, event: Any) -> None:
        """With the corners that are known of it."""
        self.chosen = str(event.value)
        config = self.config
        known: Any = ()
        if config.blackboard.picture == self.chosen:
            known = config.blackboard.picture_corners_px or ()
        for picture in (r for a in config.auxiliary for r in a.room_picture):
            if picture.file == self.chosen and not picture.mirrored:
                known = known or picture.blackboard_corners
        path = self.place.desk.inside(self.place.lesson, self.chosen)
        await self.clicker.show(path, known)

    async def _take_photograph(self, clicks: Clicks) -> None:
        p = self.place
        corners = [list(c) for c in clicks]
        await p.desk.worker.call("check_corners", p.desk.inside(p.lesson, self.chosen), corners)
        changes = {"blackboard.picture": self.chosen, "blackboard.picture_corners_px": corners}
        if self.edit(changes):
            ui.notify(p("written"), type="positive")
            await self._show_photograph()

    async def _show_photograph(self) -> None:
        width_px = round(self.board.width_m * PX_PER_M)
        try:
            shown = await self.place.desk.worker.call(
                "blackboard_photo", self.place.lesson, width_px
            )
        except UserError as error:
            complain(error)
            return
        if shown is not None:
            self.photographed = True
            self.canvas.set_source(self.place.desk.shelf.put(shown.data))
            self._draw()

    # -- moments and phases ----------------------------------------------------------------------
    def _marks(self) -> None:
        p = self.place
        text(p("marks_how"), "small quiet")
        with ui.element("div").classes("two"):
            with ui.element("div"):
                self.shot = ui.element("div")
                self.slider = ui.slider(min=0, max=1, step=0.1, value=0).props(
                    f'label aria-label="{p("time_in_lesson")}"'
                )
                self.slider.on("change", lambda: self._go(float(self.slider.value)))
                self.time = ui.html("", sanitize=False)
                self.time.on("click", lambda e: self._go(float(e.args) * self.length_s),
                             js_handler=SHARE)  # fmt: skip
                with ui.element("div").classes("rowline"):
                    self.clock = ui.label("0.0 s").classes("num")
                    self.label = ui.input(p("mark_label")).props("outlined dense")
                    action(p("mark_here"), self._mark, icon="flag")
                    action(p("phase_ends"), self._end, icon="last_page")
            with ui.element("div"):
                self.list = ui.element("div").classes("stack")
                action(p("write_marks"), self._write_marks, main=True)

    async def _load(self) -> None:
        call = self.place.desk.worker.call
        try:
            self.marks = await call("marks_of", self.place.lesson)
            self.marks_written = list(self.marks)
        except UserError as error:
            with self.list:
                text(str(error), "finding error")
            return
        probed: dict[str, Recording] = await call("recordings", self.place.lesson)
        longest = max((r.duration_s for r in probed.values()), default=0.0)
        self.length_s = longest
        self.slider.props(f"max={max(longest - 0.1, 0.1):.1f}")
        self._list()
        if longest:
            await self._go(0.0)

    async def _go(self, time_s: float) -> None:
        p = self.place
        self.time_s = time_s
        self.slider.set_value(round(time_s, 1))
        self.time.set_content(timeline(self.marks, self.length_s, time_s))
        self.clock.set_text(f"{time_s:.1f} s")
        self.asked += 1
        asked = self.asked
        seen: Moment = await p.desk.worker.call("moment", p.lesson, time_s, 0.0, ("left",))
        if asked != self.asked:
            return
        self.shot.clear()
        with self.shot:
            if seen.left is None:
                ui.label(p("no_picture_here")).classes("noshot")
            else:
                alt = p("picture_of", camera=p("camera_left"), s=f"{time_s:.1f}")
                source = p.desk.shelf.put(seen.left)
                ui.html(f'<img class="shot" src="{source}" alt="{alt}">', sanitize=False)

    def _mark(self) -> None:
        given, now = str(self.label.value or "").strip(), round(self.time_s, 2)
        if not given and any(start_s == now for start_s, _, _ in self.marks):
            return  # the second of a double click
        self.marks.append((now, given or self.place("mark"), None))
        self.label.set_value("")
        self._list()

    def _end(self) -> None:
        """The latest mark before now becomes a phase that ends here."""
        before = [m for m in self.marks if m[0] < self.time_s]
        if before:
            last = max(before)
            self.marks[self.marks.index(last)] = (last[0], last[1], round(self.time_s, 2))
            self._list()

    def _list(self) -> None:
        p = self.place
        self.marks.sort(key=lambda m: m[0])
        self.time.set_content(timeline(self.marks, self.length_s, self.time_s))
        self.list.clear()
        with self.list:
            if not self.marks:
                text(p("no_marks"), "small quiet")
            for mark in self.marks:
                start, label, end = mark
                with ui.element("div").classes("rowline"):
                    until = "" if end is None else f" – {end:g}"
                    ui.label(f"{start:g}{until} s").classes("num")
                    ui.label(label)
                    cross(partial(self._unmark, mark), f"{p('remove')} {label}")

    def _unmark(self, mark: Marked) -> None:
        self.marks.remove(mark)
        self._list()

    async def _write_marks(self) -> None:
        marks = list(self.marks)
        call = self.place.desk.worker.call
        await call("write_marks", self.place.lesson, marks, self.marks_written)
        self.marks_written = marks
        ui.notify(self.place("marks_written"), type="positive")


def build(place: Place) -> None:
    """The whole page."""
    Areas(place).build()
