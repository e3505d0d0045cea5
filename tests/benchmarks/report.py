"""How soon a report opens: from navigation until every figure is drawn, and its size.

    python tests/benchmarks/report.py

A lesson of 28 students and 45 minutes in headless Chromium at laptop width, five times, best and
median wall time, with the processor and how busy it was.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gaze.report import write_report
from tests.benchmarks.app import processor
from tests.gaze.browsing import chromium
from tests.gaze.lessons import big_lesson, write_lesson

DRAWN_AT = """new MutationObserver(() => {
    if (document.documentElement?.dataset.ready && !window.drawnAt) {
        window.drawnAt = performance.now();
    } }).observe(document, {attributes: true, subtree: true});"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = write_report(write_lesson(Path(folder) / "a", big_lesson()))
        drawn_s = []
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script(DRAWN_AT)
            page.goto(path.as_uri())
            page.wait_for_selector('html[data-ready="1"]', state="attached")
            drawn_s.append(page.evaluate("window.drawnAt") / 1000)
            page.close()
        print(
            f"| {path.stat().st_size / 1e6:.1f} MB | {min(drawn_s):.2f} s | "
            f"{statistics.median(drawn_s):.2f} s | {processor()} |"
        )


if __name__ == "__main__":
    main()
