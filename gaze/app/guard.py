"""Who may speak to ``gaze app``: one browser on this computer, from the app's own page.

A layer around the whole server, websocket included. What it holds (docs/app.md, tests):

- the Host header is 127.0.0.1 and our port (a web page that points its own name at this computer
  is refused), and the other end of the connection is this user's, where the system tells (Linux):
  a browser hands its cookies to whatever listens on 127.0.0.1, another user's server included;
- the first request carries the one-time token; afterwards the cookie that was given for it;
- whatever changes something, and the websocket, comes from our own Origin; GET changes nothing;
- answers carry a Content-Security-Policy under which the page can load from, and speak to, nothing
  but this server.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import socket
import sys
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
READING = ("GET", "HEAD")
COOKIE_LIFE_S = 12 * 3600

#: Vue compiles its templates in the browser, hence 'unsafe-eval'.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
#: Of a page that the project wrote (report, calibration): shown in a frame, an origin of its own,
#: and it can reach nothing at all.
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; frame-ancestors 'self'; "
    "sandbox allow-scripts allow-downloads"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

CLOSED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>gaze app</title>
<body style="font:18px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem">
<h1>This page is closed</h1><p>{why}</p>
<p>Run <code>gaze app</code> again: it opens a page that works.</p></body></html>"""


class Guard:
    """Wraps an ASGI application; :attr:`address` is what the browser opens first, once."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.host = f"{HOST}:{port}"
        self.origin = f"http://{self.host}"
        self.cookie = f"gaze-app-{port}"
        self._token: str | None = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)

    @property
    def address(self) -> str:
        """The one-time address."""
        return f"{self.origin}/?token={self._token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refused:
                await receive()  # the handshake; closing before accepting it answers 403
                await send({"type": "websocket.close", "code": 1008, "reason": refused})
            else:
                await self.app(scope, receive, send)
            return
        if refused:
            answer = self._admit(scope, headers) or HTMLResponse(CLOSED.format(why=refused), 403)
            await answer(scope, receive, _with_headers(send))
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        """Why this request is not answered; empty where it is."""
        if why := self._from_elsewhere(scope, headers):
            return why
        origins = headers.getlist("origin")
        reading = scope["type"] == "http" and scope["method"] in READING
        if origins != [self.origin] and not (reading and not origins):
            return "Another page asked for it."
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "Another page asked for it."
        if not self._knows(headers):
            return "It is not the browser that opened it, or the app was started again."
        return ""

    def _from_elsewhere(self, scope: Scope, headers: Headers) -> str:
        """Why who asks is nobody that even the token would let in; empty where it may be."""
        if headers.getlist("host") != [self.host]:
            return "It was asked for under another name than its own."
        user = user_at(scope.get("client"))
        if user is not None and user not in (0, os.getuid()) and os.getuid() != 0:
            return "Another user of this computer asked for it."
        return ""

    def _knows(self, headers: Headers) -> bool:
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        given = jar[self.cookie].value if self.cookie in jar else ""
        return hmac.compare_digest(given.encode(), self._session.encode())

    def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """The token, once, for the cookie."""
        if self._from_elsewhere(scope, headers) or scope["path"] != "/" or self._token is None:
            return None
        if headers.get("origin", self.origin) != self.origin or scope["method"] != "GET":
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return None
        self._token = None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self.cookie, self._session, max_age=COOKIE_LIFE_S, httponly=True, samesite="strict"
        )
        return answer


def user_at(client: tuple[str, int] | None) -> int | None:
    """The user id of the program at the other end of a connection of this computer.

    client : its address and port. None where the system does not tell: only Linux does.
    """
    if client is None:
        return None
    address, port = socket.inet_aton(client[0]), client[1]
    end = f"{int.from_bytes(address, sys.byteorder):08X}:{port:04X}"  # IPv6 ends in it too
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("utf-8").splitlines()[1:]:
                _, local, _, _, _, _, _, user = line.split()[:8]
                if local.endswith(end):
                    return int(user)
    return None


def _with_headers(send: Send) -> Send:
    """Adds the headers of every answer; one that brings its own policy keeps it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("content-security-policy", POLICY)
            for name, value in HEADERS.items():
                headers[name] = value
            if "cache-control" not in headers:
                headers["cache-control"] = "no-store"
        await send(message)

    return sending
