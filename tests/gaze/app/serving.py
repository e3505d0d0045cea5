"""A running ``gaze app`` for tests: started as a user starts it, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gaze.browsing import listening_page


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
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()


def open_page(browser: Any, app: App, *, width: int = 1200, dark: bool = False) -> Any:
    """A page that was let in; errors and requests are kept."""
    page = listening_page(
        browser, viewport={"width": width, "height": 850}, color_scheme="dark" if dark else "light"
    )
    page.goto(app.address)
    page.wait_for_selector("h1")
    return page
