"""The chessboard: printed, seen in pictures as they come in, solved, and the verdict in words."""

from __future__ import annotations

import contextlib
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nicegui import ui

from calibration.camera import CAMERAS
from calibration.rig_file import read_verdict
from gaze.app.drawings import coverage_cells
from gaze.app.files import AUXILIARY, PICTURES, VIDEOS, bring, of_kind
from gaze.app.parts import (
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
    named,
    screen,
    text,
)
from gaze.app.screens.lessons import VERDICT_KINDS
from gaze.app.screens.recordings import findings
from gaze.app.screens.run import JobList
from gaze.app.sights import BoardView, Picture
from gaze.app.units import parse_length, parse_whole, show_length

PAPERS = ("A4", "A3", "A2", "letter", "tabloid")
SEVERITIES = {"FAIL": "error", "WARN": "warning", "PASS": "ok"}
LOOK_EVERY_S = 2.0


FILM_VIEWS = 24  # moments of a calibration video that are looked at here
#: A picture, when it was changed; or a moment of a video, by the share that has gone by.
View = tuple[Path, int, float | None]


class Chessboard(Editor):
    """The screen's state: which pictures were looked at."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.seen: dict[View, BoardView] = {}
        self.shown: dict[str, list[View]] = {}
        self.summary: dict[str, ui.element] = {}
        self.gallery: dict[str, ui.element] = {}
        self.busy = False

    def build(self) -> None:
        p = self.place
        with screen(p, "board"):
            with ui.element("div").classes("two"):
                with box(p("print_board")):
                    self._print()
                with box(p("how_to_hold")):
                    for key in ("hold_1", "hold_2", "hold_3"):
                        text(p(key), "small")
            with ui.element("div").classes("two"):
                for camera in CAMERAS:
                    with box(p(f"camera_{camera}")):
                        self._camera(camera)
            with box(p("cmd_calibrate")):
                self._calibrate()
            with box(p("what_check_says")):
                findings(p, "board")
        every(LOOK_EVERY_S, self._look)

    # -- print -----------------------------------------------------------------------------------
    def _print(self) -> None:
        p, board = self.place, self.config.board
        with ui.element("div").classes("fields"):
            kind = ui.select(
                {"chessboard": p("kind_chessboard"), "charuco": p("kind_charuco")},
                value=board.kind, label=p("kind"),
            )  # fmt: skip
            names = p("corners_along"), p("corners_across")
            corners = [
                Number(name, str(n), parse_whole, p("no_number"), step=1)
                for name, n in zip(names, board.inner_corners, strict=True)
            ]
            square = Number(p("square_mm"), show_length(board.square_m, "mm"),
                            partial(parse_length, unit="mm"), p("no_length"))  # fmt: skip
            paper = ui.select(list(PAPERS), value="A4", label=p("paper"))
            for field in (kind, paper):
                field.props("outlined dense")

        def described() -> dict[str, Any]:
            return {
                "board.kind": str(kind.value),
                "board.inner_corners": [int(field.number or 0) for field in corners],
                "board.square_m": square.number or 0.0,
            }

        def write() -> None:
            if all_right(p, (*corners, square)) and self.edit(described()):
                self.seen, self.shown = {}, {}  # another board is looked for
                for gallery in self.gallery.values():
                    gallery.clear()
                ui.notify(p("written"), type="positive")

        async def pdf() -> None:
            if not all_right(p, (*corners, square)):
                return
            d = described()
            data = await p.desk.worker.call(
                "print_board", d["board.kind"], tuple(d["board.inner_corners"]),
                d["board.square_m"], str(paper.value),
            )  # fmt: skip
            ui.download.content(data, "board.pdf", "application/pdf")

        with ui.element("div").classes("rowline").style("margin-top:.7rem"):
            action(p("download_pdf"), pdf, main=True, icon="print")
            action(p("write"), write)
        text(p("measure_print"), "small quiet")

    # -- pictures --------------------------------------------------------------------------------
    def _camera(self, camera: str) -> None:
        p = self.place
        folder = p.lesson / "calibration" / camera
        files_button(
            p, p("add_pictures"), partial(bring, folder, (*PICTURES, *VIDEOS)), self._look,
            kinds=",".join((*PICTURES, *VIDEOS)), multiple=True,
        )  # fmt: skip
        self.summary[camera] = ui.element("div").props("aria-live=polite")
        with ui.expansion(p("pictures"), value=True).props("dense").style("margin:0 -1rem"):
            self.gallery[camera] = (
                ui.element("div").classes("thumbs").props("tabindex=0 role=group")
            )
            named(self.gallery[camera], f"{p('pictures')}: {p(f'camera_{camera}')}")

    async def _look(self) -> None:
        """Look at what has come in since the last time, one picture after another."""
        if self.busy:
            return
        self.busy = True
        try:
            for camera in CAMERAS:
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile: the next look sees
                    await self._look_at(camera)
        finally:
            self.busy = False

    async def _look_at(self, camera: str) -> None:
        p = self.place
        folder = p.lesson / "calibration" / camera
        paths, films = of_kind(folder, PICTURES), of_kind(folder, VIDEOS)
        now: list[View] = [(path, path.stat().st_mtime_ns, None) for path in paths]
        if films and not now:
            shares = [(k + 0.5) / FILM_VIEWS for k in range(FILM_VIEWS)]
            now = [(films[0], films[0].stat().st_mtime_ns, share) for share in shares]
        if self.shown.get(camera) == now:
            return
        if set(self.shown.get(camera, [])) - set(now):  # one was removed or changed
            self.gallery[camera].clear()
            self.shown[camera] = []
        seen, drawn = self.seen, self.shown.setdefault(camera, [])
        for key in now:
            if key in drawn:
                continue
            if key not in seen:
                path, _, share = key
                seen[key] = await p.desk.worker.call("board_view", path, p.lesson, share)
            if seen is not self.seen:
                return  # the board was changed meanwhile
            with self.gallery[camera]:
                self._thumb(key, seen[key])
            drawn.append(key)
            await self._say(camera, now, [seen[k] for k in drawn])
        self.shown[camera] = now
        await self._say(camera, now, [seen[k] for k in now])

    async def _say(self, camera: str, now: list[View], looked: list[BoardView]) -> None:
        """What is found in the views that were looked at, and what is still missing."""
        p = self.place
        lacking, cells = await p.desk.worker.call("still_wanted", looked)
        self.summary[camera].clear()
        with self.summary[camera]:
            if now and now[0][2] is not None:
                text(p("views_video", name=now[0][0].name, n=FILM_VIEWS), "small quiet")
            text(p("boards_found", n=sum(v.found for v in looked), all=len(now)))
            if len(looked) < len(now):
                text(p("looking", n=len(now) - len(looked)), "small quiet")
            title = p("coverage_of", n=sum(c > 0 for c in cells))
            ui.html(coverage_cells(cells, title), sanitize=False).classes("cells")
            if lacking:
                names = ", ".join(p(f"want_{code}") for code in lacking)
                text(p("still_wanted", what=names), "finding warning")
            elif len(looked) == len(now):
                text(p("enough"), "finding ok")

    def _thumb(self, view: View, v: BoardView) -> None:
        p, (path, _, share) = self.place, view
        name = path.name if share is None else f"{share:.0%}"
        facing = f"{p(f'want_facing_{v.facing}')}, {v.tilt_deg:.0f}°" if v.facing else ""
        said = p("board_seen") if v.found else v.reason
        with ui.element("figure").classes("" if v.found else "bad"):
            if v.data:
                source, alt = p.desk.shelf.put(v.data), escape(f"{name}: {said}")
                ui.html(f'<img src="{source}" alt="{alt}">', sanitize=False)
            words = filter(None, (name, facing, "" if v.found else said))
            text(" · ".join(words), "small")

    # -- solve -----------------------------------------------------------------------------------
    def _calibrate(self) -> None:
        p = self.place
        action(
            p("cmd_calibrate"),
            lambda: p.desk.jobs.add(p.lesson, ("calibrate", str(p.lesson))),
            main=True, icon="straighten",
        )  # fmt: skip
        slot = ui.element("div").classes("stack").style("margin-top:.8rem")
        self.verdict = ui.element("div").classes("stack")
        JobList(p, slot, only=("calibrate",), then=self._show_verdict)
        later(self._show_verdict)

    async def _show_verdict(self) -> None:
        p = self.place
        rig = p.lesson / "rig.json"
        self.verdict.clear()
        verdict = read_verdict(rig)
        if verdict is None:
            return
        with self.verdict:
            kind = VERDICT_KINDS[verdict.status]
            ui.html(f'<span class="pill {kind}">{verdict.status}</span>', sanitize=False)
            text(p(f"verdict_{verdict.status.lower()}"))
            for cause in verdict.causes:
                finding(p, SEVERITIES[cause.severity], cause.message, cause.action)
        figure = await p.desk.worker.call("room_figure", rig)
        figure["layout"] |= {"paper_bgcolor": "#fcfbf8", "autosize": True}
        figure["layout"].pop("width", None)
        photo = next(iter(of_kind(p.lesson / AUXILIARY, PICTURES)), None)
        seen: Picture | None = None
        if photo is not None:
            seen = await p.desk.worker.call("picture", photo)
        with self.verdict:
            with ui.element("div").classes("two"):
                ui.plotly(figure).style("width:100%;height:30rem").props(
                    f'role=group aria-label="{p("room_3d")}"'
                )
                if seen is not None:
                    source, alt = p.desk.shelf.put(seen.data), p("room_picture")
                    ui.html(f'<img class="shot" src="{source}" alt="{alt}">', sanitize=False)
            where = f"/page/{quote(p.lesson.name, safe='')}/calibration.html"
            ui.link(p("whole_page"), where, new_tab=True).style(
                "color:var(--slate);font-weight:600"
            )


def build(place: Place) -> None:
    """The whole page."""
    Chessboard(place).build()
