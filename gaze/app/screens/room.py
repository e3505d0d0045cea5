"""The room by tape and by clicks: every field beside the length it means, drawn as it is typed."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.events import MouseEventArguments

from calibration.errors import UserError
from gaze.app.desk import CAMERAS
from gaze.app.drawings import Lengths, Spot, elevation, plan
from gaze.app.files import PICTURES, bring, of_kind
from gaze.app.parts import Place, action, box, complain, describe_image, files_button, sheet, text
from gaze.app.screens.recordings import findings
from gaze.app.sights import Picture
from gaze.app.units import UNITS, parse_length, show_length
from sessions.config import (
    RoomPictureConfig,
    SessionConfig,
    edit_config,
    load_config,
    raw_config,
)

AUXILIARY = "calibration/auxiliary"
TAPE = ("left_m", "down_m", "out_m")
CORNERS = ("upper_left", "upper_right", "lower_right", "lower_left")

#: A round glass beside the pointer that shows the picture four times as large.
LOUPE = """<script>
document.addEventListener('mousemove', e => {
  const glass = document.querySelector('.loupe'); if (!glass) return;
  const box = e.target.closest('.clickable'); const img = box && box.querySelector('img');
  if (!img) { glass.style.display = 'none'; return; }
  const r = img.getBoundingClientRect(), zoom = 4 * Math.max(1, img.naturalWidth / r.width / 2);
  const u = (e.clientX - r.left) / r.width, v = (e.clientY - r.top) / r.height;
  if (u < 0 || v < 0 || u > 1 || v > 1) { glass.style.display = 'none'; return; }
  const w = r.width * zoom, h = r.height * zoom, d = 84;
  Object.assign(glass.style, { display: 'block', backgroundImage: `url("${img.src}")`,
    backgroundSize: `${w}px ${h}px`, backgroundPosition: `${d - u * w}px ${d - v * h}px`,
    left: `${e.clientX > innerWidth / 2 ? e.clientX - 200 : e.clientX + 30}px`,
    top: `${Math.max(4, e.clientY - 84)}px` });
});
</script><div class="loupe" aria-hidden="true"></div>"""


class Room:
    """The screen's state: what is typed, and the corners that are clicked."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.config = load_config(place.lesson)
        self.prefix = _prefix(place.lesson)
        self.typed: dict[str, float | None] = {}
        self.fields: dict[str, ui.input] = {}
        self.clicks: list[tuple[float, float]] = []
        self.chosen = ""
        self.cameras: list[Spot] = []

    def build(self) -> None:
        p = self.place
        with sheet(p.desk, p("step_room"), p.lesson, "room"):
            ui.add_body_html(LOUPE)
            text(p("room_lead"), "lead")
            with ui.element("div").classes("rowline").style("margin-bottom:.8rem"):
                units = ui.select(list(UNITS), value=p.desk.unit, label=p("units"))
                units.on_value_change(self._units).props("outlined dense").style("width:7rem")
            with ui.element("div").classes("two"):
                with box(p("blackboard")):
                    self.front = ui.html("", sanitize=False).classes("drawing")
                    with ui.element("div").classes("fields"):
                        self._field("blackboard.width_m", "board_width")
                        self._field("blackboard.height_m", "board_height")
                        self._field("cameras.apart_m", "lenses_apart")
                        for camera in CAMERAS:
                            for k, corner in enumerate(CORNERS[:2]):
                                self._field(
                                    f"cameras.{camera}.corners_m[{k}]", f"lens_{camera}_{corner}"
                                )
                with box(p("auxiliary_board")):
                    self.above = ui.html("", sanitize=False).classes("drawing")
                    with ui.element("div").classes("fields"):
                        for key in TAPE:
                            self._field(f"{self.prefix}.{key}", key)
                        self._field(f"{self.prefix}.board.square_m", "aux_square")
                    self._placement()
            with ui.element("div").classes("two"), box(p("aux_pictures")):
                text(p("aux_pictures_lead"), "small quiet")
                self._two_pictures()
            with box(p("click_corners")):
                text(p("click_lead"), "small quiet")
                self._clicking()
            with ui.element("div").style("margin-top:1rem"), box(p("what_check_says")):
                findings(p, "room")
                self._said_by_rig()
        self._draw()

    def _units(self, event: Any) -> None:
        self.place.desk.unit = event.value
        ui.navigate.reload()

    # -- the tape --------------------------------------------------------------------------------
    def _field(self, key: str, label: str) -> None:
        unit = self.place.desk.unit
        value = _value(self.config, key)
        self.typed[key] = value
        field = ui.input(
            f"{self.place(label)} ({unit})", value=show_length(value, unit),
            validation=self._is_length,
        )  # fmt: skip
        field.props(f'outlined dense hide-bottom-space data-key="{key}"')
        field.on_value_change(partial(self._type, key))
        field.on("change", partial(self._commit, key))
        self.fields[key] = field

    def _is_length(self, words: str | None) -> str | None:
        """What is wrong with what is typed, for the field to say."""
        try:
            if (words or "").strip():
                parse_length(str(words), self.place.desk.unit)
        except ValueError:
            return self.place("no_length")
        return None

    def _type(self, key: str, event: Any) -> None:
        """As it is typed: the drawing follows, nothing is written."""
        given = str(event.value or "").strip()
        if self._is_length(given) is None:
            self.typed[key] = parse_length(given, self.place.desk.unit) if given else None
            self._draw()

    def _commit(self, key: str) -> None:
        """Once typed: written, if the whole file is good with it."""
        if any(self._is_length(f.value) for f in self.fields.values()):
            return
        changes: dict[str, Any] = {key: _rounded(self.typed[key])}
        if "corners_m" in key:
            changes = self._corner_changes(key.partition("[")[0])
        elif key.startswith(self.prefix):
            changes = self._tape_changes()
            if None in (changes[f"{self.prefix}.{k}"] for k in TAPE) and not self._room_pictures():
                return  # all three, or none: the drawing shows what is missing
        try:
            self.config = edit_config(self.place.lesson, changes)
        except UserError as error:
            self.fields[key].error = str(error)

    def _tape_changes(self) -> dict[str, Any]:
        """The tape as it is typed, and the board of its own where its squares are."""
        changes: dict[str, Any] = {
            f"{self.prefix}.{k}": _rounded(self.typed[f"{self.prefix}.{k}"]) for k in TAPE
        }
        square_m = _rounded(self.typed[f"{self.prefix}.board.square_m"])
        aux = self.config.auxiliary[0] if self.config.auxiliary else None
        if square_m is None:
            changes[f"{self.prefix}.board"] = None
        elif aux is None or aux.board is None:
            own = {"kind": self.config.board.kind, "square_m": square_m,
                   "inner_corners": list(self.config.board.inner_corners)}  # fmt: skip
            changes[f"{self.prefix}.board"] = own
        else:
            changes[f"{self.prefix}.board.square_m"] = square_m
        return changes

    def _corner_changes(self, key: str) -> dict[str, Any]:
        """A lens' tape to the upper corners, both or none; the lower ones stay as they are."""
        upper = [_rounded(self.typed[f"{key}[{k}]"]) for k in (0, 1)]
        if None in upper:
            return {key: None} if upper == [None, None] else {}
        known = getattr(self.config.cameras, key.split(".")[1]).corners_m or ()
        return {key: [*upper, *known[2:]]}

    def _room_pictures(self) -> bool:
        return bool(self.config.auxiliary and self.config.auxiliary[0].room_picture)

    def _placement(self) -> None:
        p = self.place
        names = {k: p(f"placement_{k}") for k in ("flat", "standing")}
        now = self.config.auxiliary[0].placement if self.config.auxiliary else "flat"
        if now == "tilted":
            names["tilted"] = p("placement_tilted")

        def choose(event: Any) -> None:
            changes = {f"{self.prefix}.placement": event.value}
            if event.value != "tilted":
                changes[f"{self.prefix}.angle_deg"] = None
            if self.config.auxiliary and (new := p.edit(changes)):
                self.config = new
                self._draw()

        ui.select(names, value=now, label=p("placement"), on_change=choose).props(
            "outlined dense"
        ).style("margin-top:.6rem;max-width:18rem")

    def _draw(self) -> None:
        p, unit = self.place, self.place.desk.unit
        get = {k: self.typed.get(f"{self.prefix}.{k}") for k in TAPE}
        aux = self.config.auxiliary[0] if self.config.auxiliary else None
        board = (aux.board if aux and aux.board else self.config.board) if aux else None
        size = (0.25, 0.175)
        if board is not None:
            along, across = (n - 1 for n in board.inner_corners)
            size = (along * board.square_m, across * board.square_m)
        lengths = Lengths(
            self.typed["blackboard.width_m"] or 4.0, self.typed["blackboard.height_m"] or 1.2,
            get["left_m"], get["down_m"], get["out_m"], size,
            aux is not None and aux.placement == "standing",
        )  # fmt: skip

        def with_length(key: str, value: float | None) -> str:
            return f"{p(key)} {show_length(value, unit)} {'' if unit == 'ft' else unit}".strip()

        labels = {
            "title": p("plan"), "blackboard": p("blackboard"),
            "left": with_length("left_m", get["left_m"]),
            "out": with_length("out_m", get["out_m"]),
            "down": with_length("down_m", get["down_m"]),
            "width": with_length("board_width", lengths.width_m),
            "height": with_length("board_height", lengths.height_m),
        }  # fmt: skip
        self.above.set_content(plan(lengths, labels, self.cameras))
        self.front.set_content(elevation(lengths, {**labels, "title": p("elevation")}))

    # -- the auxiliary board's two pictures ------------------------------------------------------
    def _two_pictures(self) -> None:
        p = self.place
        with ui.element("div").classes("rowline"):
            for camera in ("left", "right"):
                there = (p.lesson / AUXILIARY / f"{camera}.jpg").is_file()
                label = p(f"aux_{camera}") + (" ✓" if there else "")
                files_button(label, partial(self._bring_auxiliary, camera), ui.navigate.reload,
                             kinds=".jpg,.jpeg")  # fmt: skip

    async def _bring_auxiliary(self, camera: str, name: str, upload: Any) -> None:
        await bring(self.place.lesson / AUXILIARY, PICTURES, f"{camera}.jpg", upload)

    # -- the blackboard's corners ----------------------------------------------------------------
    def _clicking(self) -> None:
        p = self.place
        folder = p.lesson / AUXILIARY
        own = {"left.jpg", "right.jpg"}
        names = [f.name for f in of_kind(folder, PICTURES) if f.name not in own]
        with ui.element("div").classes("rowline"):
            if names:
                ui.select(names, label=p("room_picture"), on_change=self._choose).props(
                    "outlined dense"
                ).style("min-width:12rem")
            files_button(p("add_room_picture"), partial(bring, folder, PICTURES),
                         ui.navigate.reload, kinds=",".join(PICTURES), multiple=True)  # fmt: skip
        self.canvas = ui.element("div")
        self.said = ui.element("div").classes("stack")

    async def _choose(self, event: Any) -> None:
        p = self.place
        self.chosen = str(event.value)
        path = p.desk.inside(p.lesson, AUXILIARY, self.chosen)
        try:
            shown: Picture = await p.desk.worker.call("picture", path, None)
        except UserError as error:
            complain(error)
            return
        found = self._known()
        self.clicks = [] if found is None else [(u, v) for u, v in found.blackboard_corners]
        self.canvas.clear()
        with self.canvas:
            self.image = ui.interactive_image(
                p.desk.shelf.put(shown.data), on_mouse=self._click, events=["click"], cross=True,
                sanitize=False,
            ).classes("clickable shot")  # fmt: skip
            describe_image(self.image, p("room_picture"))
            known = self._known()
            with ui.element("div").classes("rowline"):
                self.taken = ui.select(
                    {k: p(f"taken_{k}") for k in ("phone", "left", "right")},
                    value=known.taken_with if known else "phone", label=p("taken_with"),
                ).props("outlined dense").style("min-width:11rem")  # fmt: skip
                self.mirrored = ui.switch(p("in_mirror"), value=bool(known and known.mirrored))
            self.next_corner = text("", "small")
            self.numbers = ui.element("div").classes("fields")
            with ui.element("div").classes("rowline"):
                action(p("undo"), self._undo, icon="undo")
                action(p("write_corners"), self._write_corners, main=True)
        self._show_clicks()

    def _known(self) -> RoomPictureConfig | None:
        """What session.toml says of the chosen picture."""
        pictures = [r for a in self.config.auxiliary for r in a.room_picture]
        return next((r for r in pictures if r.file == f"{AUXILIARY}/{self.chosen}"), None)

    def _click(self, event: MouseEventArguments) -> None:
        if len(self.clicks) < 4:
            self.clicks.append((round(event.image_x, 1), round(event.image_y, 1)))
            self._show_clicks()

    def _undo(self) -> None:
        if self.clicks:
            self.clicks.pop()
            self._show_clicks()

    def _show_clicks(self) -> None:
        p = self.place
        self._mark_clicks()
        n = len(self.clicks)
        said = p("all_clicked") if n == 4 else p("click_next", corner=p(CORNERS[n]))
        self.next_corner.set_content(said)
        self.numbers.clear()
        with self.numbers:
            for i, point in enumerate(self.clicks):
                for axis, value in enumerate(point):
                    label = f"{p(CORNERS[i])} {'uv'[axis]} (px)"
                    number = ui.number(label, value=value, step=1).props("outlined dense")
                    number.on_value_change(partial(self._move, i, axis))

    def _mark_clicks(self) -> None:
        marks = "".join(
            f'<circle cx="{u}" cy="{v}" r="12" fill="none" stroke="#ff4a2e" stroke-width="4"/>'
            f'<circle cx="{u}" cy="{v}" r="2" fill="#ff4a2e"/>'
            f'<text x="{u + 18}" y="{v - 14}" fill="#ff4a2e" font-size="42">{i + 1}</text>'
            for i, (u, v) in enumerate(self.clicks)
        )
        if len(self.clicks) > 1:
            ends = " ".join(f"{u},{v}" for u, v in self.clicks)
            marks += f'<polygon points="{ends}" fill="none" stroke="#ff4a2e" stroke-width="2"/>'
        self.image.set_content(marks)

    def _move(self, i: int, axis: int, event: Any) -> None:
        """A corner by its numbers: for the keyboard, pixel by pixel."""
        if event.value is None:
            return
        u, v = self.clicks[i]
        self.clicks[i] = (float(event.value), v) if axis == 0 else (u, float(event.value))
        self._mark_clicks()

    async def _write_corners(self) -> None:
        p = self.place
        file = f"{AUXILIARY}/{self.chosen}"
        corners = [list(c) for c in self.clicks]
        await p.desk.worker.call("check_corners", p.desk.inside(p.lesson, file), corners)
        rows: list[dict[str, Any]] = [
            {k: _listed(v) for k, v in r.model_dump(exclude_defaults=True).items()}
            for r in (self.config.auxiliary[0].room_picture if self.config.auxiliary else ())
        ]
        now: dict[str, Any] = next((r for r in rows if r["file"] == file), {"file": file})
        now["blackboard_corners"] = corners
        now["mirrored"] = True if self.mirrored.value else None
        now["taken_with"] = None if self.taken.value == "phone" else self.taken.value
        rows = [r for r in rows if r is not now] + [now]
        changes: dict[str, Any] = {f"{self.prefix}.room_picture": rows}
        if not self.config.auxiliary:
            changes[f"{self.prefix}.placement"] = "flat"
        new = p.edit(changes)
        if new is None:
            return
        self.config = new
        self.said.clear()
        with self.said:
            text(p("comparing"), "quiet")
        said = await p.desk.worker.call("room_against_tape", p.lesson)
        self.said.clear()
        with self.said:
            text(said, "finding")

    def _said_by_rig(self) -> None:
        """After `gaze calibrate`: tape, corners and clicks against each other."""
        rig = self.place.lesson / "rig.json"
        if not rig.is_file():
            return
        slot = ui.element("div").classes("stack")

        async def fill() -> None:
            sentences, places = await self.place.desk.worker.call("room_of_rig", rig)
            self.cameras = [Spot(name, x, z, "camera") for name, x, z in places]
            self._draw()
            with slot:
                for sentence in sentences:
                    text(sentence, "finding")

        ui.timer(0.2, fill, once=True)


def _prefix(lesson: Path) -> str:
    """How the (first) placement is named in session.toml."""
    several = isinstance(raw_config(lesson).get("auxiliary"), list)
    return "auxiliary[0]" if several else "auxiliary"


def _value(config: SessionConfig, key: str) -> float | None:
    """A length of session.toml by its key; the first placement's where there are several."""
    item: Any = config
    for part in re.findall(r"[a-z_]+|\d+", key.replace("auxiliary[0]", "auxiliary")):
        if part.isdigit():
            item = item[int(part)] if isinstance(item, tuple) and len(item) > int(part) else None
        else:
            item = getattr(item, part, None)
            if part == "auxiliary":
                item = item[0] if item else None
    return item if isinstance(item, float) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def build(place: Place) -> None:
    """The whole page."""
    Room(place).build()
