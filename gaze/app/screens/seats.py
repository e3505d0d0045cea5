"""Who sits where: the faces of a few seconds on the plan, named by pseudonyms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from nicegui import ui

from calibration.errors import UserError
from gaze.app.desk import card
from gaze.app.drawings import CM, MOVING, Lengths, Spot, plan
from gaze.app.parts import (
    Editor,
    Number,
    Place,
    action,
    all_right,
    ask,
    box,
    cross,
    later,
    screen,
    text,
)
from gaze.app.screens.recordings import findings
from gaze.app.sights import Planned, Seat
from gaze.app.units import parse_length, parse_number, show_length
from sessions.config_values import looks_like_a_name
from sessions.names import look_alikes, spelled

LOOK_S = 4.0
#: As `gaze check` and the planner say: read as left, right or away; told apart in thirds.
TINY_FACE_PX, GOOD_CM = 18.0, 45.0
ONTO_M = 0.25  # a seat that is dropped so near to another is the same


@dataclass
class Chair:
    """A line of the table: a pseudonym and a place, and what was seen there."""

    name: str
    x_m: float
    z_m: float
    opt_out: bool = False
    seen: Seat | None = None
    planned: Planned | None = None

    @property
    def kind(self) -> str:
        """How it is drawn: seat, weak, or grey (``out``) where nothing is expected of it."""
        faces = [s.face_px for s in (self.seen, self.planned) if s is not None and s.face_px]
        if self.opt_out or not faces or min(faces) < TINY_FACE_PX:
            return "out"
        seen, planned = self.seen, self.planned
        vague = seen is not None and (seen.row == 0 or (seen.sigma_cm or 0) > GOOD_CM)
        far = planned is not None and (planned.error_cm or 0) > GOOD_CM
        return "weak" if vague or far else "seat"

    @property
    def note(self) -> str:
        """What was measured there, or what the planner expects."""
        if self.seen is not None and self.seen.sigma_cm is not None:
            return f"± {self.seen.sigma_cm:.0f} cm"
        if self.planned is not None and self.planned.error_cm is not None:
            return f"≈ {self.planned.error_cm:.0f} cm"
        return ""


class Seats(Editor):
    """The screen's state: the chairs, as they will be written."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.board = self.config.blackboard
        self.chairs = [
            Chair(s.id, s.seat_m[0], s.seat_m[1], s.opt_out)
            for s in self.config.students if s.seat_m is not None
        ]  # fmt: skip
        self.numbers: list[Number] = []
        self.expected: dict[int, ui.html] = {}  # of each chair, by its id
        self.without_seat = [s for s in self.config.students if s.seat_m is None]

    def build(self) -> None:
        p = self.place
        with screen(p, "seats"):
            if not (p.lesson / "rig.json").is_file():
                text(p("seats_need_rig"), "finding warning")
            with box(), ui.element("div").classes("rowline"):
                at = Number(p("look_at_s"), "1", parse_number, p("no_number"), step=1)
                action(p("find_seats"), lambda: self._find(at.number or 0.0), main=True,
                       icon="person_search")  # fmt: skip
                runs = card(p.lesson).runs
                if runs:
                    action(p("seats_of_run"), partial(self._of_run, runs[-1]), icon="history")
                self.busy = text("", "small quiet")
            with ui.element("div").classes("two").style("margin-top:1rem"):
                with box(p("plan")):
                    self.drawing = ui.html("", sanitize=False).classes("drawing")
                    ui.add_body_html(MOVING)
                    ui.on("spot_moved", self._moved)
                    text(p("seats_how"), "small")
                    text(p("seats_legend"), "small quiet")
                with box(p("students")):
                    self.table = ui.element("div").classes("stack")
                    with ui.element("div").classes("rowline"):
                        action(p("add_seat"), self._add, icon="add")
                        action(p("write_seats"), self._write, main=True)
            with box(p("what_check_says")):
                findings(p, "seats")
        self._show()
        later(self._expect)

    async def _find(self, at_s: float) -> None:
        self.busy.set_content(self.place("finding_seats"))
        try:
            args = self.place.lesson, at_s, at_s + LOOK_S
            self._take(await self.place.desk.worker.call("seats_at", *args))
            await self._expect()
        finally:
            self.busy.set_content("")

    async def _of_run(self, run: str) -> None:
        folder = self.place.lesson / "runs" / run
        self._take(await self.place.desk.worker.call("seats_of", folder))
        await self._expect()

    def _take(self, found: list[Seat]) -> None:
        """What was found: known names stay at their seats, others get the next free one."""
        known = list(self.chairs)
        self.chairs = [c for c in known if c.opt_out]
        taken = {c.name for c in known}
        for seat in found:
            near = [c for c in known if not c.opt_out and _apart_m(c, seat) < 0.6]
            if near:
                chair = min(near, key=lambda c: _apart_m(c, seat))
                known.remove(chair)
                self.chairs.append(Chair(chair.name, seat.x_m, seat.z_m, False, seat))
            else:
                name = _free_name(seat.row, taken)
                taken.add(name)
                self.chairs.append(Chair(name, seat.x_m, seat.z_m, False, seat))
        self.chairs += [c for c in known if not c.opt_out]
        self.chairs.sort(key=lambda c: (round(c.z_m), c.x_m))
        self._show()

    def _show(self) -> None:
        p = self.place
        self._draw()
        self.table.clear()
        self.numbers.clear()
        self.expected.clear()
        with self.table:
            if not self.chairs:
                text(p("no_seats"), "quiet")
            for chair in self.chairs:
                self._line(chair)

    def _line(self, chair: Chair) -> None:
        p = self.place
        with ui.element("div").classes("rowline seat"):
            name = (
                ui.input(p("pseudonym"), value=chair.name)
                .props("outlined dense")
                .style("width:6.2rem")
            )
            name.on_value_change(lambda e: self._change(chair, "name", str(e.value or "")))
            metres = partial(parse_length, unit="m")
            for label, key in ((p("from_right_m"), "x_m"), (p("from_board_m"), "z_m")):
                shown = f"{getattr(chair, key):.2f}"
                field = Number(label, shown, metres, p("no_length"), step=0.05)
                field.on_value_change(partial(self._measure, chair, key, field))
                field.on("change", self._expect)
                self.numbers.append(field.style("width:7rem"))
            out = ui.switch(p("opt_out"), value=chair.opt_out)
            out.on_value_change(lambda e: self._change(chair, "opt_out", bool(e.value)))
            cross(partial(self._remove, chair), f"{p('remove')} {chair.name}")
            self.expected[id(chair)] = text(self._expected(chair), "small quiet")
            if chair.seen is not None:
                face = "–" if chair.seen.face_px is None else f"{chair.seen.face_px:.0f}"
                text(p("seat_seen", px=face, cm=chair.note or "–"), "small quiet")
                if chair.seen.row == 0:  # as the pipeline marks who is seen by one camera alone
                    text(p("seat_guessed"), "small finding warning")

    def _change(self, chair: Chair, key: str, value: Any) -> None:
        setattr(chair, key, value)
        self._draw()

    def _measure(self, chair: Chair, key: str, field: Number) -> None:
        if field.number is not None:
            self._change(chair, key, field.number)

    async def _moved(self, event: Any) -> None:
        """A seat was moved on the plan: x_W grows to the left there. Onto another: one student."""
        chair = self.chairs[int(event.args["number"])]
        chair.x_m = round(chair.x_m - float(event.args["right"]) / CM, 2)
        chair.z_m = round(chair.z_m + float(event.args["down"]) / CM, 2)
        onto = next(
            (c for c in self.chairs if c is not chair and _apart_m(c, chair) < ONTO_M), None
        )
        if onto is not None and await ask(
            self.place("merge_seats", one=chair.name, other=onto.name),
            self.place("merge"), self.place("cancel"),
        ):  # fmt: skip
            self.chairs.remove(chair)
            onto.opt_out = onto.opt_out or chair.opt_out
        self._show()
        number = self.chairs.index(onto if chair not in self.chairs else chair)  # type: ignore[arg-type]
        ui.run_javascript(f"document.querySelector('[data-number=\"{number}\"]')?.focus()")
        await self._expect()

    async def _expect(self) -> None:
        """What the planner expects at each seat, once the cameras are known."""
        p, rig = self.place, self.place.lesson / "rig.json"
        if not self.chairs or not rig.is_file():
            return
        chairs, size = list(self.chairs), (self.board.width_m, self.board.height_m)
        places = [(c.x_m, c.z_m) for c in chairs]
        try:
            planned = await p.desk.worker.call("seats_planned", rig, places, size)
        except UserError:
            return  # a rig without a room: the check and the chessboard's screen say so
        for chair, expected in zip(chairs, planned, strict=True):
            chair.planned = expected
            if id(chair) in self.expected:  # it may have been removed meanwhile
                self.expected[id(chair)].set_content(self._expected(chair))
        self._draw()

    def _expected(self, chair: Chair) -> str:
        if chair.planned is None or chair.planned.error_cm is None:
            return ""
        return self.place("seat_planned", cm=f"{chair.planned.error_cm:.0f}")

    def _remove(self, chair: Chair) -> None:
        self.chairs.remove(chair)
        self._show()

    def _add(self) -> None:
        name = _free_name(1, {c.name for c in self.chairs})
        self.chairs.append(Chair(name, self.board.width_m / 2, 3.0))
        self._show()

    def _draw(self) -> None:
        p, unit = self.place, self.place.desk.unit
        spots = [Spot(c.name, c.x_m, c.z_m, c.kind, c.note, k) for k, c in enumerate(self.chairs)]
        width = show_length(self.board.width_m, unit)
        labels = {"title": p("plan"), "blackboard": f"{p('blackboard')} {width} {unit}",
                  "left": "", "out": ""}  # fmt: skip
        lengths = Lengths(self.board.width_m, self.board.height_m)
        self.drawing.set_content(plan(lengths, labels, spots))

    def _write(self) -> None:
        """Two lines of one name are one student who sat in the middle of them (merge)."""
        if not all_right(self.place, self.numbers):
            return
        rows: dict[str, list[Chair]] = {}
        for chair in self.chairs:
            rows.setdefault(chair.name.strip(), []).append(chair)
        students: list[dict[str, Any]] = [
            {
                "id": name,
                "seat_m": [
                    round(sum(c.x_m for c in same) / len(same), 2),
                    round(sum(c.z_m for c in same) / len(same), 2),
                ],
                "opt_out": True if any(c.opt_out for c in same) else None,
            }
            for name, same in rows.items()
        ]
        students += [
            {"id": s.id, "opt_out": True if s.opt_out else None}
            for s in self.without_seat if s.id not in rows
        ]  # fmt: skip
        if self.edit({"students": students or None}):
            ui.notify(self.place("written"), type="positive")
            if names := [name for name in rows if looks_like_a_name(name)]:
                self._warn(self.place("like_names", names=", ".join(names)))
            for one, other in look_alikes(s["id"] for s in students):
                self._warn(self.place("look_alikes", one=spelled(one), other=spelled(other)))

    def _warn(self, said: str) -> None:
        ui.notify(said, type="warning", timeout=0, close_button="✕", multi_line=True)


def _apart_m(chair: Chair, seat: Seat | Chair) -> float:
    return float(((chair.x_m - seat.x_m) ** 2 + (chair.z_m - seat.z_m) ** 2) ** 0.5)


def _free_name(row: int, taken: set[str]) -> str:
    """A1, A2 … in the first row, B1 … in the second: a seat, never a name."""
    letter = chr(ord("A") + max(row - 1, 0) % 26)
    return next(f"{letter}{i}" for i in range(1, 1000) if f"{letter}{i}" not in taken)


def build(place: Place) -> None:
    """The whole page."""
    Seats(place).build()
