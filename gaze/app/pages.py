"""Which address shows what. A GET changes nothing; files come from the chosen folder alone."""

from __future__ import annotations

from importlib import import_module

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, Response
from nicegui import ui

from calibration.errors import UserError
from gaze.app.desk import SCREENS, Desk
from gaze.app.guard import PAGE_POLICY
from gaze.app.parts import Place, sheet, text
from gaze.app.screens import lessons, mend
from sessions.errors import ConfigError
from sessions.folder import Session

REPORTS = ("report.html", "report-class.html")
LESSON_PAGES = ("calibration.html", "sync.html")


def add_pages(server: FastAPI, desk: Desk) -> None:
    """Everything that can be asked of the app."""

    @ui.page("/")
    def first() -> None:
        try:
            desk.lessons()
        except UserError as error:
            _not_shown(desk, error)
        else:
            lessons.build(desk)

    @ui.page("/lesson/{name}/{screen}")
    def of_lesson(name: str, screen: str) -> None:
        try:
            if screen not in SCREENS:
                raise UserError("there is no such page", found=repr(screen)[:60])
            place = Place(desk, desk.lesson(name))
            try:
                Session.open(place.lesson)  # not where its retention time is over
            except ConfigError as error:
                mend.build(place, error)
            else:
                import_module(f"gaze.app.screens.{screen}").build(place)
        except UserError as error:
            _not_shown(desk, error)

    @server.get("/shelf/{key}")
    def shelf(key: str) -> Response:
        item = desk.shelf.get(key)
        if item is None:
            raise HTTPException(404)
        return Response(item[0], media_type=item[1])

    @server.get("/page/{name}/{run}/{file}")
    def report(name: str, run: str, file: str) -> Response:
        if file not in REPORTS:
            raise HTTPException(404)
        return _page(desk, name, "runs", run, file)

    @server.get("/page/{name}/{file}")
    def of_the_lesson(name: str, file: str) -> Response:
        if file not in LESSON_PAGES:
            raise HTTPException(404)
        return _page(desk, name, file)


def _not_shown(desk: Desk, error: UserError) -> None:
    with sheet(desk, desk.words("not_shown")):
        text(str(error), "finding error")


def _page(desk: Desk, name: str, *parts: str) -> Response:
    """A page that a command wrote, inside its lesson, links followed; of one that may be opened."""
    try:
        lesson = desk.lesson(name)
        Session.open(lesson)
        path = desk.inside(lesson, *parts)
    except UserError:
        raise HTTPException(404) from None
    if not path.is_file():
        raise HTTPException(404)
    headers = {"content-security-policy": PAGE_POLICY, "cache-control": "no-store"}
    return FileResponse(path, media_type="text/html", headers=headers)
