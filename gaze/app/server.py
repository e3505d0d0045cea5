"""The server: NiceGUI's pages behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from nicegui import ui

from gaze.app.desk import Desk
from gaze.app.files import free_bytes
from gaze.app.guard import Guard
from gaze.app.pages import add_pages

TITLE = "gaze"
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" '
    'rx="7" fill="#2f5d57"/><circle cx="16" cy="16" r="6" fill="#fcfbf8"/></svg>'
)


def make_server(folder: Path, port: int) -> Guard:
    """Everything that answers, as one ASGI application."""
    desk = Desk(folder)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        desk.jobs.resume(desk.lessons())
        yield
        await desk.jobs.close()
        desk.worker.close()

    server = FastAPI(lifespan=life, openapi_url=None, docs_url=None, redoc_url=None)

    @server.middleware("http")
    async def only_what_fits(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """An upload that has no room is refused before it is read."""
        size = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers:  # of no stated size; no browser sends it so
            return PlainTextResponse("how large is it?", 411)
        if not size.isdigit() or int(size) > free_bytes(folder):
            return PlainTextResponse("no room for it", 413)
        return await answer(request)

    add_pages(server, desk)
    ui.run_with(
        server,
        title=TITLE,
        favicon=ICON,
        dark=None,
        tailwind=False,
        reconnect_timeout=20.0,
        show_welcome_message=False,
    )
    return Guard(server, port)
