"""The guard: only the browser that was let in, from our own page, at our own name."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from gaze.app import guard
from gaze.app.guard import Guard

PORT = 5001
OWN = {"host": f"127.0.0.1:{PORT}"}


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """The application behind the guard: says yes to everything."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    start = {"type": "http.response.start", "status": 200, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": b"inside"})


class Browser:
    """Asks a guard, with the cookie it was given."""

    def __init__(self) -> None:
        self.guard = Guard(inner, PORT)
        self.cookies: dict[str, str] = {}

    def ask(
        self, path: str = "/", method: str = "GET", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.guard)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(
                    method, path, headers={**OWN, **(headers or {})}, cookies=self.cookies
                )

        answer = asyncio.run(go())
        self.cookies |= dict(answer.cookies)
        return answer

    def come_in(self) -> Browser:
        assert self.ask(self.guard.address.removeprefix(self.guard.origin)).status_code == 303
        return self

    def websocket(self, headers: dict[str, str]) -> list[str]:
        """What the guard and the application send for a handshake."""
        sent: list[str] = []
        pairs = {**OWN, **headers}
        if self.cookies:
            pairs["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        scope = {
            "type": "websocket", "path": "/_nicegui_ws/", "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in pairs.items()],
        }  # fmt: skip

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        asyncio.run(self.guard(scope, receive, send))
        return sent


ORIGIN = {"origin": f"http://127.0.0.1:{PORT}"}
ELSEWHERE = {"origin": "http://evil.example"}


def test_with_the_token_and_then_with_the_cookie() -> None:
    browser = Browser().come_in()
    assert browser.ask().text == "inside"
    assert browser.ask("/x", "POST", ORIGIN).text == "inside"


def test_without_either_nothing() -> None:
    answer = Browser().ask()
    assert answer.status_code == 403 and "inside" not in answer.text and "gaze app" in answer.text


def test_the_token_opens_once() -> None:
    browser = Browser()
    address = browser.guard.address.removeprefix(browser.guard.origin)
    browser.come_in()
    browser.cookies = {}
    assert browser.ask(address).status_code == 403


@pytest.mark.parametrize("path", ["/?token=", "/?token=wrong", "/?token=None", "/lesson?token={t}"])
def test_another_token_or_place_opens_nothing(path: str) -> None:
    browser = Browser()
    real = browser.guard.address.split("token=")[1]
    answer = browser.ask(path.replace("{t}", real))
    assert answer.status_code == 403 and not answer.cookies


def test_a_wrong_cookie_opens_nothing() -> None:
    browser = Browser().come_in()
    browser.cookies = dict.fromkeys(browser.cookies, "guess")
    assert browser.ask().status_code == 403


def test_the_cookie_is_no_script_s_and_no_other_page_s() -> None:
    browser = Browser()
    answer = browser.ask(browser.guard.address.removeprefix(browser.guard.origin))
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert str(PORT) in cookie.split("=")[0]  # cookies do not keep ports apart: the name does


@pytest.mark.parametrize(
    "host", ["localhost:5001", "evil.example", "127.0.0.1", "127.0.0.1:5002", "evil.example:5001"]
)
def test_another_host_name_is_refused(host: str) -> None:
    """DNS rebinding: the browser is sent here under a name of the attacker's."""
    browser = Browser().come_in()
    assert browser.ask(headers={"host": host}).status_code == 403


def test_the_token_needs_the_right_host_too() -> None:
    browser = Browser()
    address = browser.guard.address.removeprefix(browser.guard.origin)
    assert browser.ask(address, headers={"host": "evil.example"}).status_code == 403
    assert browser.ask(address, headers=ELSEWHERE).status_code == 403
    browser.come_in()  # and it was not used up by them


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("headers", [{}, ELSEWHERE, {"origin": "null"}])
def test_a_change_needs_our_own_origin(method: str, headers: dict[str, str]) -> None:
    browser = Browser().come_in()
    assert browser.ask("/x", method, headers).status_code == 403


def test_reading_from_another_page_is_refused() -> None:
    browser = Browser().come_in()
    assert browser.ask(headers=ELSEWHERE).status_code == 403
    assert browser.ask(headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert browser.ask(headers={"sec-fetch-site": "same-origin"}).status_code == 200


def test_the_websocket_needs_all_of_it() -> None:
    browser = Browser()
    assert browser.websocket(ORIGIN) == ["websocket.close"]
    browser.come_in()
    assert browser.websocket(ORIGIN)[0] == "websocket.accept"
    assert browser.websocket({}) == ["websocket.close"]
    assert browser.websocket(ELSEWHERE) == ["websocket.close"]
    assert browser.websocket({**ORIGIN, "host": "evil.example"}) == ["websocket.close"]


def test_every_answer_carries_the_policy() -> None:
    browser = Browser()
    for answer in (browser.ask(), browser.come_in().ask()):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


# -- other users of this computer ------------------------------------------------------------------
def test_another_user_is_refused_whatever_they_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser hands the cookie to each server on 127.0.0.1; a process list shows the address."""
    monkeypatch.setattr(guard.os, "getuid", lambda: 1000)
    browser = Browser().come_in()
    spied = Browser()
    for user, status in ((1000, 200), (1001, 403), (0, 200), (None, 200)):  # root reads all anyway
        monkeypatch.setattr(guard, "user_at", lambda _, user=user: user)
        assert browser.ask().status_code == status
        assert browser.websocket(ORIGIN)[0] == f"websocket.{'close' if status == 403 else 'accept'}"
        if user == 1001:
            token = spied.guard.address.removeprefix(spied.guard.origin)
            assert spied.ask(token).status_code == 403
    assert spied.come_in().ask().status_code == 200  # the token is still good: nobody had used it


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells")
def test_whose_the_other_end_is() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        served, client = listening.accept()
        assert guard.user_at(client) == os.getuid()
        served.close()
    assert guard.user_at(("127.0.0.1", 1)) is None
    assert guard.user_at(None) is None
