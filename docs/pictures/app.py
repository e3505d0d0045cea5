"""Make docs/app.md's pictures again, from a lesson that was analysed: needs playwright, a Chromium.

    gaze demo && python docs/pictures/app.py demo-run

A screen in each of its widths, faces blurred as the page blurs them. With --all FOLDER every screen
goes there instead, in three widths, dark, German and Chinese: to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gaze.app.desk import SCREENS
from tests.gaze.app.serving import open_page, running
from tests.gaze.app.test_way import FILLED
from tests.gaze.browsing import CHROMIUM, FLAGS

HERE = Path(__file__).parent
# file, screen, width px, dark, language
SHOTS = (
    ("app-recordings", "recordings", 1200, False, "English"),
    ("app-seats", "seats", 1200, False, "English"),
    ("app-setup", "setup", 1200, False, "Deutsch"),
    ("app-room", "room", 768, False, "English"),
    ("app-areas", "areas", 768, False, "Deutsch"),
    ("app-lessons", "", 390, True, "English"),
    ("app-run", "run", 390, False, "English"),
)


def show(page: Any, origin: str, screen: str, width: int, dark: bool, language: str) -> bytes:
    """A screen as it is once it is filled, PNG."""
    page.set_viewport_size({"width": width, "height": 850 if width > 500 else 780})
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    page.goto(origin)
    page.locator("header .q-select").click()
    page.get_by_role("option", name=language).click()
    page.wait_for_timeout(500)
    page.goto(f"{origin}/lesson/demo-lesson/{screen}" if screen else origin)
    page.wait_for_selector(FILLED.get(screen, "ul.cards li"))
    if screen == "setup":
        page.locator(".sheet .q-select").first.click()
        page.get_by_role("option").filter(has_text="left.mp4").click()
        page.wait_for_selector("img.shot")
    if screen == "seats":
        page.get_by_role("button").nth(2).click()  # the seats of the run
        page.wait_for_selector("text=/face \\d+ px/")
        page.wait_for_selector(".pill.warn:has-text('working')", state="hidden")
    page.wait_for_timeout(1500)
    return bytes(page.screenshot())


def main() -> None:
    """Write the pictures beside this file, or all of them elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lesson", type=Path)
    parser.add_argument("--all", type=Path)
    given = parser.parse_args()
    shots: Any = SHOTS
    if given.all:
        given.all.mkdir(exist_ok=True)
        every = ("", *SCREENS)
        shots = [(f"{s or 'lessons'}-{w}", s, w, w == 390, lang) for s in every
                 for w, lang in ((1200, "English"), (768, "Deutsch"), (390, "中文"))]  # fmt: skip
    with tempfile.TemporaryDirectory() as aside:
        shutil.copytree(given.lesson, Path(aside) / "lessons" / "demo-lesson")
        with running(Path(aside) / "lessons") as app, sync_playwright() as p:
            browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = open_page(browser, app)
            for name, *what in shots:
                data = show(page, app.origin, *what)
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                path = (given.all or HERE) / f"{name}.jpg"
                cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 72])
                print(path)
            browser.close()


if __name__ == "__main__":
    main()
