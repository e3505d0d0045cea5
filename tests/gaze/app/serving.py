"""A running ``gaze app`` for tests: started as a user starts it, in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


@dataclass
class App:
    """address : the one-time address, until it is used. origin : where it listens."""

    address: str
    process: subprocess.Popen[str]
    started_s: float

    @property
    def origin(self) -> str:
        return self.address.split("/?")[0]

    @property
    def memory_mb(self) -> float:
        """Resident memory of the server's process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1000

    @property
    def cpu_s(self) -> float:
        """Processor time of the server's process so far."""
        ticks = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(folder: Path) -> Iterator[App]:
    """Start the command, wait for its address, end it with Ctrl-C."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "gaze.commands.app", "app", str(folder), "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+", said)):
            line = process.stdout.readline()  # a warning may come before it
            assert line, said
            said += line
        yield App(found[0], process, time.monotonic() - begun)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def open_page(browser: Any, app: App, *, width: int = 1200, dark: bool = False) -> Any:
    """A page that was let in; errors and requests are kept."""
    page = browser.new_page(
        viewport={"width": width, "height": 850}, reduced_motion="reduce",
        color_scheme="dark" if dark else "light",
    )  # fmt: skip
    page.seen_errors, page.seen_requests = [], []
    page.on("pageerror", lambda e: page.seen_errors.append(str(e)))
    page.on("console", lambda m: page.seen_errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: page.seen_requests.append(r.url))
    page.on("websocket", lambda w: page.seen_requests.append(w.url))
    page.goto(app.address)
    page.wait_for_selector("h1")
    return page
