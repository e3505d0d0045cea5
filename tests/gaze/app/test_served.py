"""The app as it is served: what is answered, what is not, what is left behind."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gaze.app.desk import SCREENS
from gaze.setup.init import init_lesson
from tests.gaze.app.serving import App, running

pytest.importorskip("nicegui", reason="needs the extra `app`")
PATIENT: dict[str, Any] = {"follow_redirects": True, "timeout": 600.0}  # on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lesson, and something beside it that is nobody's business."""
    base = tmp_path_factory.mktemp("served")
    (base / "secret").mkdir()
    (base / "secret" / "report.html").write_text("SECRET")
    folder = base / "lessons"
    lesson = init_lesson(folder / "a")
    run = lesson / "runs" / "one"
    run.mkdir(parents=True)
    (run / "report.html").write_text("<p>the report</p>")
    (run / "gaze.csv").write_text("a,b")
    (lesson / "runs" / "linked").symlink_to(base / "secret")
    (lesson / "calibration.html").symlink_to(base / "secret" / "report.html")
    init_lesson(base / "elsewhere")
    (folder / "link").symlink_to(base / "elsewhere")
    old = init_lesson(folder / "old", {"retention_days": 1, "date": dt.date(2020, 1, 1)})
    (old / "runs" / "one").mkdir(parents=True)
    (old / "runs" / "one" / "report.html").write_text("SECRET")
    return folder


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[App]:
    with running(folder) as app:
        yield app


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.origin, **PATIENT) as client:
        assert client.get(app.address).status_code == 200
        yield client


def test_it_listens_on_this_computer_alone(app: App) -> None:
    port = int(app.origin.rsplit(":", 1)[1])
    for address, answers in (("127.0.0.1", True), ("127.0.0.2", False)):
        with socket.socket() as s:
            s.settimeout(120)
            assert (s.connect_ex((address, port)) == 0) == answers, address


def test_the_report_is_served_as_an_origin_of_its_own(client: httpx.Client) -> None:
    answer = client.get("/page/a/one/report.html")
    assert answer.status_code == 200 and "the report" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-same-origin" not in policy
    assert "default-src 'none'" in policy and "connect-src" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/page/a/linked/report.html", "/page/a/calibration.html", "/page/a/../report.html",
        "/page/a/%2e%2e/report.html", "/page/../secret/report.html", "/page/%2e%2e/one/report.html",
        "/page/a/..%2f..%2f..%2fsecret/report.html", "/page/a/one/gaze.csv", "/page/a/one/run.json",
        "/page/link/one/report.html", "/page/old/one/report.html", "/page/a/one/..%2freport.html",
        "/shelf/..%2f..%2fetc%2fpasswd", "/shelf/x", "/docs", "/openapi.json",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 405) and "SECRET" not in answer.text


@pytest.mark.parametrize("name", ["link", "old", "..", "%2e%2e", "nowhere", "..%2f..%2fsecret"])
def test_no_other_lesson_is_shown(client: httpx.Client, name: str) -> None:
    assert "blackboard" not in client.get(f"/lesson/{name}/room").text.lower()


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b""
        for p in sorted(folder.rglob("*"))
    }


def test_reading_every_page_changes_nothing(client: httpx.Client, folder: Path) -> None:
    before = tree(folder)
    paths = ["/", *(f"/lesson/a/{s}" for s in (*SCREENS, "nonsense"))]
    for path in paths:
        assert client.get(path).status_code == 200, path
    assert tree(folder) == before


def test_posting_from_elsewhere_is_refused(client: httpx.Client) -> None:
    for path in ("/", "/_nicegui/client/x/upload/1", "/_nicegui_ws/socket.io/"):
        assert client.post(path).status_code == 403
        assert client.post(path, headers={"origin": "http://evil.example"}).status_code == 403


def test_a_stranger_s_poll_is_refused(app: App, client: httpx.Client) -> None:
    """socket.io without a websocket: no cookie, another origin, another host."""
    path = f"{app.origin}/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    assert httpx.get(path, timeout=600).status_code == 403
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        assert client.get(path, headers=headers).status_code == 403
    assert client.get(path).status_code == 200


def test_what_is_served_carries_the_policy(client: httpx.Client) -> None:
    """NiceGUI's own pages and scripts too, and none with a way to elsewhere."""
    page = client.get("/")
    scripts = re.findall(r'(?:src|href)="(/_nicegui/[^"]+)"', page.text)
    assert scripts
    for answer in (page, client.get(scripts[0]), client.get("/nowhere")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "connect-src 'self'" in policy
        assert "http" not in policy and "*" not in policy


def test_a_stranger_s_websocket_is_refused(app: App, client: httpx.Client) -> None:
    """Over a real socket: the handshake of another origin, and one without the cookie."""
    port = int(app.origin.rsplit(":", 1)[1])
    cookie = "; ".join(f"{k}={v}" for k, v in client.cookies.items())

    async def handshake(origin: str, cookie: str) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            (
                "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                f"Host: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Origin: {origin}\r\nCookie: {cookie}\r\n"
                "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    assert asyncio.run(handshake(app.origin, cookie)) == 101
    assert asyncio.run(handshake("http://evil.example", cookie)) == 403
    assert asyncio.run(handshake(app.origin, "")) == 403


async def posted(app: App, client: httpx.Client, headers: str) -> int:
    """The status of a request whose head promises more than is ever sent."""
    cookie = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
    host = app.origin.removeprefix("http://")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(host.rsplit(":", 1)[1]))
    writer.write(
        f"POST /_nicegui/client/x/upload/1 HTTP/1.1\r\nHost: {host}\r\nOrigin: {app.origin}\r\n"
        f"Cookie: {cookie}\r\n{headers}\r\n\r\n".encode()
    )
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


def test_an_upload_that_has_no_room_is_refused_before_it_is_read(
    app: App, client: httpx.Client
) -> None:
    assert asyncio.run(posted(app, client, f"Content-Length: {10**16}")) == 413
    assert asyncio.run(posted(app, client, "Transfer-Encoding: chunked")) == 411


@pytest.mark.parametrize(
    "path",
    ["/_nicegui/../secret", "/_nicegui/%2e%2e/%2e%2e/etc/passwd", "/_nicegui/x/static/..%2f..%2fpy",
     "/_nicegui/x/components/..%2f..%2f..%2fsecret", "/static/../../secret/report.html",
     "//etc/passwd", "/page/a/one/report.html%00", "/lesson/a/run/../../../../etc/passwd"],
)  # fmt: skip
def test_no_path_leads_elsewhere(app: App, client: httpx.Client, path: str) -> None:
    """As it stands, not as a client tidies it up."""

    async def asked() -> str:
        host = app.origin.removeprefix("http://")
        cookie = "; ".join(f"{k}={v}" for k, v in client.cookies.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.rsplit(":", 1)[1]))
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = (await reader.read()).decode("utf-8", "replace")
        writer.close()
        return answer

    answer = asyncio.run(asked())
    assert "SECRET" not in answer and "root:" not in answer
    assert int(answer.split()[1]) in (400, 404) or "This cannot be shown" in answer


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    from calibration.errors import UserError
    from gaze.app.serve import serve

    with pytest.raises(UserError, match="no such folder"):
        serve(tmp_path / "nowhere")


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, app: App) -> None:
    from calibration.errors import UserError
    from gaze.app.serve import serve

    with pytest.raises(UserError, match="port is taken"):
        serve(tmp_path, port=int(app.origin.rsplit(":", 1)[1]))


WATCH = """import os, sys
def heard(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        where = args[1] if event == "socket.connect" else args[0]
        with open(os.environ["HEARD"], "a") as file:
            file.write(f"{event} {where!r}\\n")
sys.addaudithook(heard)
"""


def test_the_server_and_its_commands_speak_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection that Python opens in the app, its worker and its commands is listened to;
    and nothing is left behind.
    """
    (tmp_path / "ear").mkdir()
    (tmp_path / "ear" / "sitecustomize.py").write_text(WATCH)
    heard = tmp_path / "heard"
    monkeypatch.setenv("HEARD", str(heard))
    ways = [str(tmp_path / "ear"), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ways))
    knock = "import socket; socket.create_connection(('127.0.0.1', 1))"
    subprocess.run([sys.executable, "-c", knock], capture_output=True)
    assert "socket.connect ('127.0.0.1', 1)" in heard.read_text()  # it does listen
    init_lesson(tmp_path / "lessons" / "a")
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    before = tree(tmp_path)
    with running(tmp_path / "lessons") as app, httpx.Client(**PATIENT) as client:
        assert client.get(app.address).status_code == 200
        for screen in SCREENS:
            assert client.get(f"{app.origin}/lesson/a/{screen}").status_code == 200
    heard_of = {"heard", "ear/__pycache__"}
    left = {k: v for k, v in tree(tmp_path).items() if not k.startswith(tuple(heard_of))}
    assert left == {k: v for k, v in before.items() if k not in heard_of}
    hosts = {ast.literal_eval(line.split(" ", 1)[1]) for line in heard.read_text().splitlines()}
    names = {h[0] if isinstance(h, tuple) else h for h in hosts}
    assert names <= {"127.0.0.1", "localhost", None}
