"""A Chromium for the tests that look at pages. Where there is none, they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
LONG_MS = 600_000  # of any step, on a machine that has other things to do


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser, until it is no longer needed."""
    if CHROMIUM is None:
        pytest.skip("needs a Chromium on this machine")
    from playwright import sync_api as playwright

    with playwright.sync_playwright() as p:
        try:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=LONG_MS)
        except playwright.Error as error:  # a stub of a package manager, a library that is missing
            pytest.skip(f"the Chromium on this machine does not start: {error}")
        yield browser
        browser.close()


def listening_page(browser: Any, **options: Any) -> Any:
    """A new page that waits long; its errors and requests are kept."""
    page = browser.new_page(reduced_motion="reduce", **options)
    page.set_default_timeout(LONG_MS)
    page.seen_errors, page.seen_requests = [], []
    page.on("pageerror", lambda e: page.seen_errors.append(str(e)))
    page.on("console", lambda m: page.seen_errors.append(m.text) if m.type == "error" else None)
    page.on("request", lambda r: page.seen_requests.append(r.url))
    page.on("websocket", lambda w: page.seen_requests.append(w.url))
    return page
