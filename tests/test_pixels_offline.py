"""The commands that look at pixels, and the app, with the network refused, in an empty home: every
process of theirs is watched. Nobody calls out, and nothing is written outside the lesson, the cache
and the temporary folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "tests" / "data" / "lesson"

# Every Python process begins with this: it refuses every way out but loopback, and writes down each
# try and each file that is opened for writing outside the folders that are allowed.
WATCH = """
import ipaddress, os, sys

_log = os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_allowed = ("/dev/", "/proc/self", "/proc/%d" % os.getpid(), os.environ["WATCH_ROOT"])

def _tell(*what):
    os.write(_log, (repr(what) + chr(10)).encode())

def _watch(event, args):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        if host not in (None, "", "localhost", "127.0.0.1", "::1"):
            _tell(event, host)
            raise OSError("no network here")
    if event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        if not ipaddress.ip_address(args[1][0]).is_loopback:
            _tell(event, args[1][0])
            raise OSError("no network here")
    if event == "open" and isinstance(args[0], (str, bytes)):
        writes = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
        path = os.path.abspath(os.fsdecode(args[0]))
        if args[2] & writes and not path.startswith(_allowed):
            _tell("write", path)

sys.addaudithook(_watch)
"""


class Watched:
    """A home of its own in which commands run, watched."""

    def __init__(self, base: Path) -> None:
        self.base, self.home, self.log = base, base / "home", base / "watch.log"
        for folder in (self.home, base / "tmp", base / "watch"):
            folder.mkdir()
        (base / "watch" / "sitecustomize.py").write_text(WATCH)
        self.env = {
            "HOME": str(self.home), "PATH": "/usr/bin:/bin", "TMPDIR": str(base / "tmp"),
            "PYTHONPATH": f"{base / 'watch'}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1", "WATCH_LOG": str(self.log), "WATCH_ROOT": str(base),
        }  # fmt: skip

    def python(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=self.home, env=self.env, capture_output=True, text=True
        )
        assert done.returncode in (0, 1), done.stderr[-3000:]
        return done.stdout

    def gaze(self, *words: object) -> str:
        return self.python("-m", "gaze.commands.app", *map(str, words))

    def check(self) -> None:
        """Nothing was tried, and only networks of ours were left in the cache."""
        assert self.log.read_text() == ""
        left = {p.relative_to(self.home).as_posix() for p in self.home.rglob("*") if p.is_file()}
        assert all(name.startswith(".cache/headpose/") for name in left), left
        names = [p.name for p in (self.base / "tmp").iterdir()]
        assert all(n.startswith("torchinductor_") for n in names), names  # torch's, empty of us


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def loads(page: str) -> list[str]:
    """What a page would fetch from elsewhere."""
    text = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    tags = re.findall(r"<[^>]+\s(?:src|href|srcset|data|action)=[\"']?(https?:[^\"' >]+)", text)
    return tags + re.findall(r"(?:@import|url\()\s*[\"']?(https?:[^\"')]+)", text)


def test_the_whole_demo_and_its_pages(watched: Watched, tmp_path: Path) -> None:
    """Calibrate, analyze, validate and report, as anybody begins; then the clock's page."""
    lesson = tmp_path / "lesson"
    watched.gaze("demo", "--out", lesson)
    watched.gaze("sync", lesson, "--no-heads")
    watched.check()
    before = {p.name for p in LESSON.iterdir()} - {"runs"}
    after = {p.name for p in lesson.iterdir()}
    assert after - before == {"rig.json", "calibration.html", "runs", "sync.html"}
    pages = [*lesson.rglob("*.html")]
    assert len(pages) >= 3 and not any(loads(p.read_text(encoding="utf-8")) for p in pages)


def test_simulate(watched: Watched, tmp_path: Path) -> None:
    pytest.importorskip("vtk")
    out = tmp_path / "out"
    small = ("--students", 1, "--rows", 1, "--seconds", 3, "--fps", 1, "--points", 4, "--small")
    watched.gaze("simulate", out, *small, "--resolution", "720p")
    watched.gaze("simulate", tmp_path / "plan", *small, "--plan")
    watched.check()
    assert {p.name for p in tmp_path.iterdir()} >= {"out", "plan"} and (out / "left.mp4").is_file()
    assert loads((tmp_path / "plan" / "plan.html").read_text(encoding="utf-8")) == []


def test_the_app(watched: Watched, tmp_path: Path) -> None:
    pytest.importorskip("nicegui")
    httpx = pytest.importorskip("httpx")
    room = "--title x --width-m 4 --height-m 1.2 --left-m 2 --down-m 1.4 --out-m 1.5"
    watched.gaze("init", tmp_path / "lessons" / "a", *room.split())
    command = [sys.executable, "-m", "gaze.commands.app", "app", str(tmp_path / "lessons")]
    app = subprocess.Popen(
        [*command, "--no-browser"], cwd=watched.home, env=watched.env, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert app.stdout is not None
        found = None
        while not found and (line := app.stdout.readline()):
            found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=[\w-]+", line)
        assert found
        with httpx.Client(follow_redirects=True, timeout=600) as client:
            page = client.get(found[0])
        assert page.status_code == 200 and "lesson" in page.text and loads(page.text) == []
    finally:
        app.send_signal(signal.SIGINT)
        app.wait(600)
    watched.check()
    assert {p.name for p in (tmp_path / "lessons").iterdir()} == {"a"}


def test_the_watch_would_notice(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "written"
    code = (
        "import socket\n"
        "try: socket.create_connection(('example.org', 80), 1)\nexcept OSError: pass\n"
        "try: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass\n"
        f"open({str(elsewhere)!r}, 'w').close()\n"
    )
    watched.python(
        "-c", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}])"
    )
    assert elsewhere.is_file()
    said = watched.log.read_text()
    assert "example.org" in said and "192.0.2.1" in said and str(elsewhere) in said
    assert loads('<script src="https://cdn.example/x.js"></script>') and not loads("<p>https://x")
