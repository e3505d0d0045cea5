"""Make the README's pictures again, from what ``gaze demo`` left: needs a Chromium.

    gaze demo && python docs/pictures/make.py demo-run

``overview.jpg``: a frame of each camera, the class heatmap, marked and estimated points of row 2.
``report.png``: the top of the report.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sessions.video import probe, read_frames

HERE = Path(__file__).parent
FRAME = 20  # everybody looks at a marked point
TILE_PX = (746, 420)
REPORT_PX = (1060, 2190)
REPORT_SCALE = 0.78


def browser() -> str:
    """A Chromium of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        sys.exit(f"needs a Chromium: one of {', '.join(names)}")
    return found


def screenshot(page: Path, size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """What a browser window of that size shows of a page, figures drawn."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "shot.png"
        subprocess.run(
            [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size={size_px[0]},{size_px[1]}", "--virtual-time-budget=10000",
             f"--screenshot={out}", page.resolve().as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip
        picture = cv2.imread(str(out))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def tile(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture fitted into a tile, on the report's paper colour."""
    scale = min(TILE_PX[0] / picture.shape[1], TILE_PX[1] / picture.shape[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full((TILE_PX[1], TILE_PX[0], 3), (248, 251, 252), np.uint8)
    y, x = (TILE_PX[1] - small.shape[0]) // 2, (TILE_PX[0] - small.shape[1]) // 2
    out[y : y + small.shape[0], x : x + small.shape[1]] = small
    return out


def main() -> None:
    """Write both pictures beside this file."""
    lesson = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-run")
    run = lesson / "runs" / "demo"
    frames = [
        next(iter(read_frames(probe(lesson / f"{side}.mp4"), [FRAME])))[1]
        for side in ("left", "right")
    ]
    heat = cv2.imread(str(run / "heatmaps" / "class.png"))
    points = screenshot(run / "validation.svg", (780, 1294))[450:858]  # the panel of row 2
    tiles = [tile(np.asarray(p, np.uint8)) for p in (*frames, heat, points)]
    gap = 8
    rows = [np.pad(t, ((0, gap), (0, gap), (0, 0)), constant_values=255) for t in tiles]
    overview = np.vstack([np.hstack(rows[:2]), np.hstack(rows[2:])])[:-gap, :-gap]
    cv2.imwrite(str(HERE / "overview.jpg"), overview, [cv2.IMWRITE_JPEG_QUALITY, 88])
    report = screenshot(run / "report.html", REPORT_PX)
    report = cv2.resize(
        report, None, fx=REPORT_SCALE, fy=REPORT_SCALE, interpolation=cv2.INTER_AREA
    )
    cv2.imwrite(str(HERE / "report.png"), report)


if __name__ == "__main__":
    main()
