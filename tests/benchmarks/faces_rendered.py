"""Faces of rendered people by the colour of their skin and the light behind them: found or not?

    python tests/benchmarks/faces_rendered.py OUT [--lessons 4] [--backlight 0 0.7 1]

Lessons of four moments are rendered with windows behind the class; the nose tips that both the
truth and the picture have, of heads turned from the camera by less than 60 degrees, are asked for.
Each picture is averaged down, too, so that the same faces are seen smaller. Found: a box around the
nose, of a face's size, with the score that `gaze analyze` asks for. Prints by skin and by the
face's height. A CPU minute a lesson and light.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.camera import CAMERAS
from gaze.faces.boxes import FACE_HEIGHT_M
from gaze.faces.detectors import load_detector
from sessions.simulation.draw import simulate
from sessions.simulation.simulate import Options, build_world
from sessions.video import open_camera, read_frames

TURNED_DEG = 60.0
SCALES, SIZES_PX = (1.0, 0.6, 0.36), (12, 16, 24, 40, 80)
DARK = ("dark", "brown")  # the two darkest of the people's six skins


def faces(out: Path, options: Options) -> Iterator[tuple[str, float, bool]]:
    """Of every face that should be found: skin, height in pixels, whether it is."""
    world = build_world(options)
    shutil.rmtree(out, ignore_errors=True)
    session = simulate(out, options)
    detector = load_detector("centerface")
    for name in CAMERAS:
        heads, T_WC, camera = (
            world.heads(world.frame_times(name)),
            world.T_WC[name],
            world.cameras[name],
        )
        film = open_camera(session, name)
        for (m, picture), scale in product(read_frames(film, range(film.frames)), SCALES):
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            box = detector.detect(np.asarray(small, np.uint8)[None]).box_px / scale
            middle, size = (box[:, :2] + box[:, 2:]) / 2, box[:, 3] - box[:, 1]
            to = T_WC.t - heads.P_W[m]
            far = np.linalg.norm(to, axis=1)
            turned = np.degrees(np.arccos((heads.R_WS[m][..., 2] * to).sum(1) / far))
            uv = camera.project(T_WC.inverse().apply(heads.P_W[m]))
            height = FACE_HEIGHT_M * camera.f_px / far
            for k in np.flatnonzero((turned < TURNED_DEG) & camera.contains(uv) & heads.here[m]):
                near = np.linalg.norm(middle - uv[k], axis=1) < 0.5 * height[k]
                alike = np.abs(np.log(size / height[k])) < np.log(2)
                hit = bool((near & alike).any())
                yield world.people[k].person.skin, scale * float(height[k]), hit


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--lessons", type=int, default=4)
    parser.add_argument("--backlight", type=float, nargs="+", default=[0.0, 0.7, 1.0])
    args = parser.parse_args()
    sizes = list(zip(SIZES_PX, (*SIZES_PX[1:], np.inf), strict=True))
    print(
        "| light from behind | skin | "
        + " | ".join(f"{a}–{b:g} px" if b < np.inf else f"> {a} px" for a, b in sizes)
        + " |"
    )
    print("|---|---|" + "---|" * len(sizes))
    for backlight in args.backlight:
        found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        for seed in range(args.lessons):
            options = Options(
                students=15, rows=3, seconds=4.0, fps=1.0, scenario="natural", people="all",
                seed=9300 + seed, views=2, views_alone=0, backlight=backlight,
            )  # fmt: skip
            for skin, height, hit in faces(args.out / "lesson", options):
                found["dark, brown" if skin in DARK else "the four lighter"].append((height, hit))
        for skin, rows in sorted(found.items()):
            cells = []
            for low, high in sizes:
                hits = [hit for height, hit in rows if low <= height < high]
                cells.append(f"{100 * np.mean(hits):.0f} % ({len(hits)})" if hits else "–")
            print(f"| {backlight:g} | {skin} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
