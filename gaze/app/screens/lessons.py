"""The folder's lessons as cards; a new one by three questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nicegui import ui

from gaze.app.desk import DEMO, TOUR, Card, Desk
from gaze.app.jobs import State
from gaze.app.parts import (
    Number,
    action,
    address,
    ask,
    box,
    complain,
    every,
    heading,
    named,
    pill,
    sheet,
    text,
)
from gaze.app.units import UNITS, parse_length, show_length
from gaze.setup.init import init_lesson, init_like
from sessions.config_edit import edit_config
from sessions.names import DEVICE

KINDS = {"broken": "bad", "new": "", "recorded": "warn", "calibrated": "warn", "analysed": "good"}
VERDICT_KINDS = {"PASS": "good", "WARN": "warn", "FAIL": "bad"}


def build(desk: Desk) -> None:
    """The whole page."""
    words = desk.words
    with sheet(desk, words("lessons")):
        text(words("lessons_lead", folder=desk.folder), "lead")
        with ui.element("div").classes("rowline").style("margin-bottom:1.2rem"):
            action(words("new_lesson"), lambda: _ask_three(desk), main=True, icon="add")
            action(words("demo_lesson"), lambda: _demo(desk), icon="school")
            ready = [c for c in desk.cards() if c.stage == "calibrated"]
            if len(ready) > 1:
                label = words("analyse_all", n=len(ready))
                action(label, lambda: _queue(desk, ready), icon="playlist_play")
        _cards(desk)
        seen = [_states(desk)]

        def follow() -> None:
            """The cards as the commands leave them."""
            if seen[0] != (now := _states(desk)):
                seen[0] = now
                _cards.refresh()

        every(1.0, follow)
        with box(words("tour")):
            _tour(desk)
            action(words("take_tour"), lambda: _demo(desk, tour=True), icon="tour")


def _states(desk: Desk) -> list[tuple[int, State]]:
    return [(id(job), job.state) for job in desk.jobs.jobs]


@ui.refreshable
def _cards(desk: Desk) -> None:
    cards = desk.cards()
    if not cards:
        text(desk.words("no_lessons"), "quiet")
        return
    with ui.element("ul").classes("cards").props(f'aria-label="{desk.words("lessons")}"'):
        for card in cards:
            with ui.element("li").classes("box"):
                _card(desk, card)


def _card(desk: Desk, card: Card) -> None:
    words = desk.words
    with ui.element("div").classes("title"):
        heading(card.title)
        pill(words(f"stage_{card.stage}"), KINDS[card.stage])
    text(" · ".join(filter(None, (card.name, card.date))), "quiet small")
    if card.error:
        text(card.error, "finding error")
        if card.mendable:
            link = ui.link(words("mend"), address(card.folder, "run"))
            named(link, f"{words('mend')}: {card.name}").style("color:var(--slate);font-weight:600")
        if card.expired:
            action(words("forget_all"), lambda: forget_all(desk, card.folder)).classes("danger")
        return
    with ui.element("div").classes("rowline"):
        if card.verdict:
            pill(words("calibration_is", verdict=card.verdict), VERDICT_KINDS[card.verdict])
        if card.off_cm is not None:
            pill(words("off_by", cm=f"{card.off_cm:.0f}"))
        if desk.jobs.busy(card.folder):
            pill(words("working"), "warn")
    text(words(f"todo_{card.next}"), "small")
    label = words("open_at", step=words(f"step_{card.next}"))
    link = ui.link(label, address(card.folder, card.next))
    named(link, f"{label}: {card.name}").style("color:var(--slate);font-weight:600")


def _tour(desk: Desk) -> None:
    with ui.element("ol").style("margin:0;padding-left:1.2rem"):
        for name in ("demo", *TOUR):
            with ui.element("li"):
                text(desk.words(f"tour_{name}"), "small")


async def _demo(desk: Desk, *, tour: bool = False) -> None:
    folder = desk.folder / DEMO
    if not (tour and folder in desk.lessons()):  # a tour goes on with the lesson that is there
        folder = await desk.worker.call("copy_demo", folder)
    desk.tour = tour
    ui.navigate.to(address(folder, "recordings"))


def _queue(desk: Desk, cards: list[Card]) -> None:
    for card in cards:
        desk.jobs.add(card.folder, ("analyze", str(card.folder)))
    _cards.refresh()


async def forget_all(desk: Desk, lesson: Path) -> None:
    """Delete a lesson, by the command, once somebody has said so."""
    words = desk.words
    question = words("forget_all_sure", lesson=lesson.name)
    if await ask(question, words("forget_all"), words("cancel"), words("cannot_undo")):
        desk.jobs.add(lesson, ("forget", str(lesson), "--everything", "--yes"))


def _ask_three(desk: Desk) -> None:
    """Its title, its room, its blackboard."""
    words = desk.words
    earlier = {c.name: f"{c.title} ({c.name})" for c in desk.cards() if c.verdict}
    with ui.dialog(value=True) as dialog, ui.card().style("width:min(30rem,92vw)"):
        heading(words("new_lesson"))
        title = ui.input(words("q_title")).props("outlined autofocus").style("width:100%")
        room = (
            ui.select({"": words("q_room_new"), **earlier}, value="", label=words("q_room"))
            .props("outlined")
            .style("width:100%")
        )
        size = ui.element("div").classes("fields").style("width:100%")
        size.bind_visibility_from(room, "value", value="")
        with size:
            sizes = [
                Number("", "", lambda typed: parse_length(typed, desk.unit), words("no_length"))
                for _ in range(2)  # measured: nothing stands there at first
            ]
        units = ui.select(list(UNITS), value=desk.unit, label=words("units"))
        units.props("outlined dense").style("min-width:7rem")

        def name_sizes() -> None:
            names = f"3. {words('board_width')}", words("board_height")
            for field, name in zip(sizes, names, strict=True):
                field.props(f'label="{name} ({desk.unit})"')

        def change_unit(event: Any) -> None:
            """What is typed stays as long as it was."""
            lengths = [field.number for field in sizes]
            desk.unit = event.value
            name_sizes()
            for field, length in zip(sizes, lengths, strict=True):
                field.value = show_length(length, desk.unit)

        name_sizes()
        units.on_value_change(change_unit)

        def make() -> None:
            if not dialog.value:
                return  # the second of a double click
            name = str(title.value or "").strip()
            if not name:
                title.error = words("q_title_missing")
                return
            folder = new_folder_for(desk.folder, name)
            if room.value:
                init_like(folder, desk.lesson(str(room.value)), name)
            else:
                width_m, height_m = (field.number for field in sizes)
                if width_m is None or height_m is None:
                    complain(words("no_size"))
                    return
                init_lesson(folder, {"title": name, "width_m": width_m, "height_m": height_m})
                edit_config(folder, {"auxiliary": None})  # no length that nobody has measured
            dialog.close()
            ui.navigate.to(address(folder, "recordings"))

        with ui.row():
            action(words("cancel"), dialog.close)
            action(words("make_lesson"), make, main=True)


def new_folder_for(parent: Path, title: str) -> Path:
    """A folder's name made of a title; a number where it is taken."""
    name = re.sub(r"[^\w]+", "-", title).strip("-_")[:60] or "lesson"
    if DEVICE.fullmatch(name):
        name += "-lesson"  # Windows has no folder of such a name
    folder, number = parent / name, 2
    while folder.exists():
        folder, number = parent / f"{name}-{number}", number + 1
    return folder
