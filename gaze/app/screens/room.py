"""The room by tape and by clicks: every field beside the length it means, drawn as it is typed."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Any

from nicegui import ui

from calibration.camera import CAMERAS
from calibration.errors import UserError
from gaze.app.drawings import Lengths, Spot, elevation, plan
from gaze.app.files import AUXILIARY, PICTURES, bring, of_kind
from gaze.app.parts import (
    Editor,
    Number,
    Place,
    action,
    ask,
    box,
    cross,
    files_button,
    later,
    screen,
    text,
    value_of,
)
from gaze.app.screens.clicks import CORNERS, Clicker, Clicks
from gaze.app.screens.recordings import findings
from gaze.app.units import UNITS, parse_length, show_length
from sessions.config import Auxiliary, RoomPictureConfig

TAPE = ("left_m", "down_m", "out_m")


COMPARE_S = 0.3  # from the last key or click to the comparison


class Room(Editor):
    """The screen's state: what is typed, and the corners that are clicked."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.number = min(place.desk.placements.get(place.lesson, 0), len(self.config.auxiliary))
        self.prefix = f"auxiliary[{self.number}]"
        self.typed: dict[str, float | None] = {}
        self.fields: dict[str, Number] = {}
        self.chosen = ""
        self.asked = 0
        self.cameras: list[Spot] = []

    @property
    def aux(self) -> Auxiliary | None:
        """The placement that is shown; None: not written yet."""
        placements = self.config.auxiliary
        return placements[self.number] if self.number < len(placements) else None

    def build(self) -> None:
        p = self.place
        with screen(p, "room"):
            with ui.element("div").classes("rowline").style("margin-bottom:.8rem"):
                units = ui.select(list(UNITS), value=p.desk.unit, label=p("units"))
                units.on_value_change(self._units).props("outlined dense").style("width:7rem")
            with ui.element("div").classes("two"):
                with box(p("blackboard")):
                    self.front = ui.html("", sanitize=False).classes("drawing")
                    with ui.element("div").classes("fields wide"):
                        self._field("blackboard.width_m", "board_width")
                        self._field("blackboard.height_m", "board_height")
                        self._field("cameras.apart_m", "lenses_apart")
                        for camera in CAMERAS:
                            for k, corner in enumerate(CORNERS[:2]):
                                self._field(
                                    f"cameras.{camera}.corners_m[{k}]", f"lens_{camera}_{corner}"
                                )
                with box(p("auxiliary_board")):
                    self._which()
                    self.above = ui.html("", sanitize=False).classes("drawing")
                    with ui.element("div").classes("fields wide"):
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
        value = value_of(self.config, key)
        self.typed[key] = value
        field = Number(
            f"{self.place(label)} ({unit})", show_length(value, unit),
            partial(parse_length, unit=unit), self.place("no_length"),
        )  # fmt: skip
        field.props("stack-label")
        field.on_value_change(partial(self._type, key))
        field.on("change", partial(self._commit, key))
        self.fields[key] = field

    def _type(self, key: str) -> None:
        """As it is typed: the drawing follows, nothing is written."""
        field = self.fields[key]
        if not field.wrong:
            self.typed[key] = field.number
            self._draw()
            if key.startswith((self.prefix, "blackboard")):
                later(self._compare)

    def _commit(self, key: str) -> None:
        """Once typed: written, if the whole file is good with it."""
        if any(field.wrong for field in self.fields.values()):
            return
        changes: dict[str, Any] = {key: _rounded(self.typed[key])}
        if "corners_m" in key:
            changes = self._corner_changes(key.partition("[")[0])
        elif key.startswith(self.prefix):
            changes = self._tape_changes()
            if None in (changes[f"{self.prefix}.{k}"] for k in TAPE) and not self._room_pictures():
                return  # all three, or none: the drawing shows what is missing
        try:
            self.config = self.place.write(changes, self.config)
        except UserError as error:
            self.fields[key].error = str(error)

    def _tape_changes(self) -> dict[str, Any]:
        """The tape as it is typed, and the board of its own where its squares are."""
        changes: dict[str, Any] = {
            f"{self.prefix}.{k}": _rounded(self.typed[f"{self.prefix}.{k}"]) for k in TAPE
        }
        square_m = _rounded(self.typed[f"{self.prefix}.board.square_m"])
        aux = self.aux
        if aux is None and self.number:  # of a second placement: pictures of its own
            for camera in CAMERAS:
                changes[f"{self.prefix}.{camera}_picture"] = f"{AUXILIARY}/{self._picture(camera)}"
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
        return bool(self.aux and self.aux.room_picture)

    def _which(self) -> None:
        """Which of several placements; another one; one less."""
        p, n = self.place, len(self.config.auxiliary)

        def show(number: int) -> None:
            p.desk.placements[p.lesson] = number
            ui.navigate.reload()

        async def remove() -> None:
            sure = await ask(p("remove_placement", n=self.number + 1), p("remove"), p("cancel"))
            if sure and self.edit({self.prefix: None}):
                show(0)  # refused: the page stays, and with it the sentence that says why

        with ui.element("div").classes("rowline"):
            if n > 1 or self.number:
                names = {k: p("placement_number", n=k + 1) for k in range(max(n, self.number + 1))}
                which = ui.select(names, value=self.number, label=p("which_placement"))
                which.props("outlined dense").style("min-width:9rem")
                which.on_value_change(lambda e: show(int(e.value)))
            if self.number < n:
                action(p("add_placement"), partial(show, n), icon="add")
            if n > 1 and self.number < n:
                cross(remove, p("remove_placement", n=self.number + 1))

    def _picture(self, camera: str) -> str:
        """The name of a camera's picture of this placement, in the auxiliary board's folder."""
        if self.aux is not None:
            return Path(getattr(self.aux, f"{camera}_picture")).name
        return f"{camera}{self.number + 1 if self.number else ''}.jpg"

    def _placement(self) -> None:
        p = self.place
        names = {k: p(f"placement_{k}") for k in ("flat", "standing")}
        now = self.aux.placement if self.aux else "flat"
        if now == "tilted":
            names["tilted"] = p("placement_tilted")

        def choose(event: Any) -> None:
            changes = {f"{self.prefix}.placement": event.value}
            if event.value != "tilted":
                changes[f"{self.prefix}.angle_deg"] = None
            if self.aux and self.edit(changes):
                self._draw()

        ui.select(names, value=now, label=p("placement"), on_change=choose).props(
            "outlined dense"
        ).style("margin-top:.6rem;max-width:18rem")

    def _draw(self) -> None:
        p, unit = self.place, self.place.desk.unit
        get = {k: self.typed.get(f"{self.prefix}.{k}") for k in TAPE}
        aux = self.aux
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
            for camera in CAMERAS:
                there = (p.lesson / AUXILIARY / self._picture(camera)).is_file()
                label = p(f"aux_{camera}") + (" ✓" if there else "")
                files_button(p, label, partial(self._bring_auxiliary, camera), ui.navigate.reload,
                             kinds=".jpg,.jpeg")  # fmt: skip

    async def _bring_auxiliary(self, camera: str, name: str, upload: Any) -> None:
        await bring(self.place.lesson / AUXILIARY, PICTURES, self._picture(camera), upload)

    # -- the blackboard's corners ----------------------------------------------------------------
    def _clicking(self) -> None:
        p = self.place
        folder = p.lesson / AUXILIARY
        files = of_kind(folder, PICTURES)
        names = [f.name for f in files if not re.fullmatch(r"(left|right)\d*", f.stem)]
        with ui.element("div").classes("rowline"):
            if names:
                ui.select(names, label=p("room_picture"), on_change=self._choose).props(
                    "outlined dense"
                ).style("min-width:12rem")
            files_button(p, p("add_room_picture"), partial(bring, folder, PICTURES),
                         ui.navigate.reload, kinds=",".join(PICTURES), multiple=True)  # fmt: skip
        self.clicker = Clicker(p, p("room_picture"), self._write_corners, self._compare)
        self.said = ui.element("div").classes("stack").props("aria-live=polite")
        later(self._compare)

    async def _choose(self, event: Any) -> None:
        p = self.place
        self.chosen = str(event.value)
        path = p.desk.inside(p.lesson, AUXILIARY, self.chosen)
        known = self._known()

        def more() -> None:
            with ui.element("div").classes("rowline"):
                self.taken = ui.select(
                    {k: p(f"taken_{k}") for k in ("phone", "left", "right")},
                    value=known.taken_with if known else "phone", label=p("taken_with"),
                ).props("outlined dense").style("min-width:11rem")  # fmt: skip
                self.mirrored = ui.switch(p("in_mirror"), value=bool(known and known.mirrored))

        await self.clicker.show(path, known.blackboard_corners if known else (), more)
        self.taken.on_value_change(self._compare)
        self.mirrored.on_value_change(self._compare)

    def _known(self) -> RoomPictureConfig | None:
        """What session.toml says of the chosen picture."""
        pictures = [r for a in self.config.auxiliary for r in a.room_picture]
        return next((r for r in pictures if r.file == f"{AUXILIARY}/{self.chosen}"), None)

    async def _write_corners(self, clicks: Clicks) -> None:
        p = self.place
        path = p.desk.inside(p.lesson, AUXILIARY, self.chosen)
        await p.desk.worker.call("check_corners", path, [list(c) for c in clicks])
        if self.edit(self._clicked(clicks)):
            ui.notify(p("written"), type="positive")

    def _clicked(self, clicks: Clicks) -> dict[str, Any]:
        """The chosen picture with these corners, among those that session.toml has."""
        file = f"{AUXILIARY}/{self.chosen}"
        rows: list[dict[str, Any]] = [
            {k: _listed(v) for k, v in r.model_dump(exclude_defaults=True).items()}
            for r in (self.aux.room_picture if self.aux else ())
        ]
        now: dict[str, Any] = next((r for r in rows if r["file"] == file), {"file": file})
        now["blackboard_corners"] = [list(c) for c in clicks]
        now["mirrored"] = True if self.mirrored.value else None
        now["taken_with"] = None if self.taken.value == "phone" else self.taken.value
        rows = [r for r in rows if r is not now] + [now]
        changes: dict[str, Any] = {f"{self.prefix}.room_picture": rows}
        if self.aux is None:
            changes[f"{self.prefix}.placement"] = "flat"
        return changes

    async def _compare(self) -> None:
        """How far tape and clicks are apart, as they stand on the page, saved or not."""
        clicks = self.clicker.clicks
        if not self._room_pictures() and len(clicks) < 4:
            return
        self.asked += 1
        asked = self.asked
        await asyncio.sleep(COMPARE_S)
        if asked != self.asked:
            return  # typed or clicked on meanwhile
        self.said.clear()
        with self.said:
            text(self.place("comparing"), "quiet")
        changes = {
            k: v for k, v in self._tape_changes().items() if v is not None or self.aux is not None
        }
        changes |= {k: v for k, v in self.typed.items() if k.startswith("blackboard") and v}
        changes |= self._clicked(clicks) if len(clicks) == 4 else {}
        try:
            said = await self.place.desk.worker.call(
                "room_against_tape", self.place.lesson, self.number, changes
            )
        except UserError as error:
            said = str(error)
        if asked == self.asked:
            self.said.clear()
            with self.said:
                if said:
                    text(said, "finding")

    def _said_by_rig(self) -> None:
        """After `gaze calibrate`: tape, corners and clicks against each other."""
        rig = self.place.lesson / "rig.json"
        if not rig.is_file():
            return
        slot = ui.element("div").classes("stack")

        async def fill() -> None:
            sentences, places = await self.place.desk.worker.call("room_of_rig", rig)
            self.cameras = [
                Spot(self.place(f"camera_{name}"), x, z, "camera") for name, x, z in places
            ]
            self._draw()
            with slot:
                for sentence in sentences:
                    text(sentence, "finding")

        later(fill)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def build(place: Place) -> None:
    """The whole page."""
    Room(place).build()
