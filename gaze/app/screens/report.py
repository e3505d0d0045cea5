"""The report itself; other languages, for sharing, exports; forgetting, and what is kept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from urllib.parse import quote

from nicegui import ui

from gaze.app.desk import Card, card
from gaze.app.files import PICTURES, VIDEOS
from gaze.app.parts import Number, Place, action, ask, box, later, page_frame, sheet, text
from gaze.app.screens.lessons import forget_all
from gaze.app.screens.run import JobList
from gaze.app.units import parse_whole
from gaze.app.words import LANGUAGES
from sessions.config import load_config

# What gaze.exports and the report know; written here, as reading it there would load pandas.
FORMATS = (
    "csv", "parquet", "measures", "visits", "transitions", "targets", "xlsx", "bids", "pupil",
    "elan", "replay",
)  # fmt: skip


def build(place: Place) -> None:
    """The whole page."""
    about = card(place.lesson)
    with sheet(place.desk, place("step_report"), place.lesson, "report"):
        if not about.runs:
            text(place("no_report"), "lead")
        else:
            _report(place, about)
        slot = ui.element("div").classes("stack").style("margin:1rem 0")
        with slot:
            jobs = ui.element("div").classes("stack")

        def again() -> None:
            """As the command left it; a lesson may be gone."""
            ui.navigate.reload() if place.lesson.is_dir() else ui.navigate.to("/")

        JobList(place, jobs, only=("report", "export", "forget"), then=again)
        with ui.element("div").classes("two"):
            with box(place("privacy")):
                _privacy(place)
            with box(place("forget")):
                _forget(place, about)


def _report(place: Place, about: Card) -> None:
    lesson = place.lesson
    with ui.element("div").classes("rowline").style("margin-bottom:.8rem"):
        run = ui.select(list(reversed(about.runs)), value=about.runs[-1], label=place("run_name"))
        run.props("outlined dense").style("min-width:11rem")
        language = ui.select(dict(LANGUAGES), value=place.desk.language, label=place("language"))
        language.props("outlined dense").style("min-width:8rem")
        class_only = ui.switch(place("class_only"))
        others = {
            str(c.folder / "runs" / c.runs[-1]): f"{c.title} ({c.name})"
            for c in place.desk.cards() if c.runs and c.folder != lesson
        }  # fmt: skip
        compare = ui.select(others, label=place("compare_with"), multiple=True, value=[])
        compare.props("outlined dense use-chips").style("min-width:12rem")
        compare.set_visibility(bool(others))

        def again() -> None:
            rest = ["--language", str(language.value)]
            rest += ["--class-only"] if class_only.value else []
            for other in compare.value or []:
                rest += ["--compare", str(other)]
            place.desk.jobs.add(lesson, ("report", str(lesson / "runs" / str(run.value)), *rest))

        action(place("make_report"), again, icon="refresh")
        action(place("reload"), lambda: show(), icon="visibility")
    frame = ui.element("div")

    def show() -> None:
        name = "report-class.html" if class_only.value else "report.html"
        path = lesson / "runs" / str(run.value) / name
        frame.clear()
        with frame:
            if not path.is_file():
                text(place("no_such_report"), "quiet")
                return
            where = f"{quote(str(run.value), safe='')}/{name}"
            page_frame(lesson, where, place("step_report"), path.stat().st_mtime_ns)

    run.on_value_change(show)
    class_only.on_value_change(show)
    show()
    with ui.element("div").classes("rowline").style("margin-top:.8rem"):
        kind = ui.select(list(FORMATS), value="csv", label=place("export_as"))
        kind.props("outlined dense").style("min-width:9rem")

        def export() -> None:
            folder = str(lesson / "runs" / str(run.value))
            place.desk.jobs.add(lesson, ("export", folder, "--format", str(kind.value)))

        action(place("export"), export, icon="download")
        text(place("export_where", folder=f"runs/{run.value}"), "small quiet")


def _privacy(place: Place) -> None:
    """What lies in the folder, and until when."""
    config = load_config(place.lesson)
    body = "".join(
        f"<dt>{name}</dt><dd class='num'>{value}</dd>"
        for name, value in stored(place.lesson, place).items()
    )
    ui.html(body, sanitize=False, tag="dl").classes("facts")
    until = place("kept_for_ever")
    if config.retention_days is not None and config.date is not None:
        last = config.date + dt.timedelta(days=config.retention_days)
        until = place("kept_until", date=last.isoformat())
    text(until)
    kept = "" if config.retention_days is None else str(config.retention_days)
    days = Number(place("retention_days"), kept, parse_whole, place("no_number"), step=1)
    days.style("max-width:14rem")

    async def write() -> None:
        if days.wrong:
            return
        value = days.number
        begun = config.date or dt.date.today()
        over = value is not None and 0 <= value < (dt.date.today() - begun).days
        if over and not await ask(
            place("locks_out", date=begun.isoformat()), place("write"), place("cancel")
        ):
            return
        changes: dict[str, object] = {"retention_days": None if value is None else int(value)}
        if config.date is None:
            changes["date"] = begun
        if place.edit(changes, config):
            ui.navigate.reload()

    action(place("write"), write)


def stored(lesson: Path, place: Place) -> dict[str, str]:
    """How many files of which kind, and how large."""
    groups: dict[str, list[int]] = {}
    for path in lesson.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        suffix = path.suffix.lower()
        part = path.relative_to(lesson).parts[0]
        kind = "videos" if suffix in VIDEOS else "runs" if part == "runs" else (
            "pictures" if suffix in PICTURES else "others"
        )  # fmt: skip
        groups.setdefault(kind, []).append(path.stat().st_size)
    return {
        place(f"kept_{kind}"): place("files_mb", n=len(sizes), mb=f"{sum(sizes) / 1e6:.1f}")
        for kind, sizes in sorted(groups.items(), reverse=True)
    }


def _forget(place: Place, about: Card) -> None:
    text(place("forget_lead"), "small quiet")
    slot = ui.element("div").classes("rowline")

    async def fill() -> None:
        students = await place.desk.worker.call("known_students", place.lesson)
        with slot:
            chosen = ui.select(students, label=place("student")).props("outlined dense")
            chosen.style("min-width:9rem")

            async def one() -> None:
                if not chosen.value:
                    return
                if await ask(place("forget_one", student=chosen.value), place("forget"),
                             place("cancel"), place("cannot_undo")):  # fmt: skip
                    job = ("forget", str(place.lesson), str(chosen.value), "--yes")
                    place.desk.jobs.add(place.lesson, job)

            action(place("forget"), one, icon="person_remove").classes("danger")

    async def videos() -> None:
        if await ask(place("forget_videos"), place("forget"), place("cancel"),
                     place("cannot_undo")):  # fmt: skip
            job = ("forget", str(place.lesson), "--all-video", "--yes")
            place.desk.jobs.add(place.lesson, job)

    async def everything() -> None:
        await forget_all(place.desk, place.lesson)

    action(place("forget_videos_button"), videos, icon="videocam_off").classes("danger")
    action(place("forget_all"), everything, icon="delete_forever").classes("danger")
    later(fill)
