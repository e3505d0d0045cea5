"""Live cameras, before the lesson: what they see now. Nothing is kept unless it is asked for."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from calibration.camera import CAMERAS
from calibration.errors import UserError
from gaze.app.files import VIDEOS, of_kind
from gaze.app.parts import Place, action, box, every, finding, pill, screen, text
from gaze.app.sights import LiveView

LOOK_EVERY_S = 1.0
OFF, STREAM = "", "rtsp"
USB_CAMERAS = 4


class SetUp:
    """The screen's state: which camera is looked at through what."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.chosen: dict[str, ui.select] = {}
        self.typed: dict[str, ui.input] = {}
        self.seen: dict[str, ui.element] = {}
        self.busy = False

    def build(self) -> None:
        p = self.place
        with screen(p, "setup"):
            with ui.element("div").classes("two"):
                for camera in CAMERAS:
                    with box(p(f"camera_{camera}")):
                        self._camera(camera)
            with box(p("keep_pictures")):
                text(p("keep_lead"), "small quiet")
                with ui.element("div").classes("rowline"):
                    for what in ("board", "auxiliary"):
                        action(p(f"keep_{what}"), partial(self._keep, what), icon="photo_camera")
        every(LOOK_EVERY_S, self._look)

    def _camera(self, camera: str) -> None:
        p = self.place
        films = {f.name: p("stand_in", name=f.name) for f in of_kind(p.lesson, VIDEOS)}
        usb = {str(n): p("usb_camera", n=n) for n in range(USB_CAMERAS)}
        options = {OFF: p("camera_off"), **usb, STREAM: p("network_camera"), **films}
        with ui.element("div").classes("rowline"):
            self.chosen[camera] = ui.select(options, value=OFF, label=p("source"))
            self.chosen[camera].props("outlined dense").style("min-width:13rem")
            self.typed[camera] = ui.input(p("stream_address"), placeholder="rtsp://192.168.1.20/1")
            self.typed[camera].props("outlined dense").style("min-width:14rem")
            self.typed[camera].bind_visibility_from(self.chosen[camera], "value", value=STREAM)
        self.seen[camera] = ui.element("div").classes("stack").style("margin-top:.8rem")

    def _where(self, camera: str) -> str:
        """The source that is chosen for a camera; empty: off."""
        chosen = str(self.chosen[camera].value or OFF)
        return str(self.typed[camera].value or "").strip() if chosen == STREAM else chosen

    async def _look(self) -> None:
        """Look through both cameras, unless the last look is not back yet."""
        if self.busy:
            return
        self.busy = True
        try:
            for camera in CAMERAS:
                await self._look_through(camera)
        finally:
            self.busy = False

    async def _look_through(self, camera: str) -> None:
        p, where, slot = self.place, self._where(camera), self.seen[camera]
        if not where:
            slot.clear()
            return
        try:
            seen: LiveView = await p.desk.worker.call("live_view", p.lesson, camera, where)
        except UserError as error:
            slot.clear()
            with slot:
                text(str(error), "finding error")
            return
        if self._where(camera) != where:
            return
        slot.clear()
        with slot:
            alt = p("seen_now", camera=p(f"camera_{camera}"))
            source = p.desk.shelf.put(seen.data)
            ui.html(f'<img class="shot" src="{source}" alt="{alt}">', sanitize=False)
            with ui.element("div").classes("rowline"):
                pill(f"{seen.size_px[0]} × {seen.size_px[1]} px")
                pill(p("faces_now", n=seen.faces), "good" if seen.faces else "warn")
                pill(p("board_now") if seen.board else p("no_board_now"),
                     "good" if seen.board else "")  # fmt: skip
            if seen.seats:
                heights = ", ".join(f"{name} {px:.0f} px" for name, px in seen.seats)
                text(p("faces_by_seat", heights=heights), "small")
            for severity, what, remedy in seen.findings:
                finding(p, severity, what, remedy)

    async def _keep(self, what: str) -> None:
        """One picture of each camera that is on."""
        p, kept = self.place, []
        for camera in CAMERAS:
            if where := self._where(camera):
                path = await p.desk.worker.call("keep_picture", p.lesson, camera, where, what)
                kept.append(path.relative_to(p.lesson).as_posix())
        ui.notify(p("kept", files=", ".join(kept)) if kept else p("none_on"), type="info")


def build(place: Place) -> None:
    """The whole page."""
    SetUp(place).build()
