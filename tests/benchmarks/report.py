"""How soon a report opens: from navigation until all that is in view is there, until every figure
is drawn, and its size.

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
from tests.benchmarks.machine import processor
from tests.gaze.browsing import chromium
from tests.gaze.lessons import big_lesson, write_lesson

SEEN_AT = """window.at = {}; new MutationObserver(() => {
    for (const what of ["ready", "drawn"]) {
        if (document.documentElement?.dataset[what] && !(what in at)) {
            at[what] = performance.now() / 1000;
        } }
    }).observe(document, {attributes: true, subtree: true});"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = write_report(write_lesson(Path(folder) / "a", big_lesson()))
        seen_s = []
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script(SEEN_AT)
            page.goto(path.as_uri())
            page.wait_for_selector('html[data-drawn="1"]', state="attached", timeout=120_000)
            page.wait_for_timeout(50)  # the observer comes after the attribute
            seen_s.append(page.evaluate("window.at"))
            page.close()
        print("| size | seen: best | median | all figures: best | median | on |")
        print("|--:|--:|--:|--:|--:|---|")
        times = [f(s[what] for s in seen_s) for what in ("ready", "drawn")
                 for f in (min, statistics.median)]  # fmt: skip
        said = " | ".join(f"{t:.2f} s" for t in times)
        print(f"| {path.stat().st_size / 1e6:.1f} MB | {said} | {processor()} |")


if __name__ == "__main__":
    main()
