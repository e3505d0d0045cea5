"""MediaPipe's face detectors beside CenterFace, on the same frames of simulated lessons.

    python tests/benchmarks/faces_mediapipe.py frames OUT LESSON …   # here
    python tests/benchmarks/faces_mediapipe.py centerface OUT        # here
    python tests/benchmarks/faces_mediapipe.py mediapipe OUT  # where that is (numpy < 2)

A face is found where a box holds its true nose; a box that holds none is false. Four frames of each
camera; whole pictures, and tiles that overlap by 96 px. Processor milliseconds a picture, all
threads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

FRAMES, OVERLAP_PX, NEAR_M = 4, 96, 4.0
Detect = Callable[[np.ndarray], Any]  # a BGR picture → boxes (N, 4) in its pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["frames", "centerface", "mediapipe"])
    parser.add_argument("out", type=Path)
    parser.add_argument("lessons", nargs="*", type=Path)
    options = parser.parse_args()
    if options.what == "frames":
        frames(options.out, options.lessons)
        return
    print(f"| detector | found | nearer than {NEAR_M:g} m | farther | false | ms |")
    print("|---|--:|--:|--:|--:|--:|")
    detectors = centerface() if options.what == "centerface" else mediapipe()
    for name, detect in detectors.items():
        print(row(name, detect, options.out), flush=True)


def frames(out: Path, lessons: list[Path]) -> None:
    """Pictures, and the true noses of faces that can be seen."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import pandas as pd

    from calibration.camera import CAMERAS
    from sessions.folder import Session
    from sessions.video import open_camera, read_frames

    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for lesson in lessons:
        truth = pd.read_parquet(lesson / "truth" / "heads.parquet")
        for camera in CAMERAS:
            info = open_camera(Session.open(lesson), camera)
            wanted = np.linspace(10, info.frames - 10, FRAMES).astype(int).tolist()
            for k, picture in read_frames(info, wanted):
                name = f"{lesson.name}-{camera}-{k}.png"
                cv2.imwrite(str(out / name), picture)
                apart = (truth["time_s"] - info.times_s[k]).abs()
                now = truth[(apart == apart.min()) & (truth[f"visible_{camera}"] > 0.9)]
                uv = now[[f"nose_u_{camera}_px", f"nose_v_{camera}_px"]].to_numpy()
                rows.append({"file": name, "noses": uv.tolist(), "z_m": now["nose_z_m"].tolist()})
    (out / "truth.json").write_text(json.dumps(rows), encoding="utf-8")


def row(name: str, detect: Detect, folder: Path) -> str:
    """A detector's line of the table."""
    found, near, false, spent_s = [], [], 0, 0.0
    rows = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    for of in rows:
        picture = cv2.imread(str(folder / of["file"]))
        began = time.process_time()
        box = np.array(detect(picture), np.float64).reshape(-1, 1, 4)
        spent_s += time.process_time() - began
        uv = np.array(of["noses"]).reshape(1, -1, 2)
        inside = ((box[..., :2] < uv) & (uv < box[..., 2:])).all(-1)
        found += inside.any(0).tolist()
        near += [z < NEAR_M for z in of["z_m"]]
        false += int((~inside.any(1)).sum())
    hit, close = np.array(found), np.array(near)
    shares = [100 * hit[part].mean() for part in (close | True, close, ~close)]
    cells = " | ".join(f"{share:.0f} %" for share in shares)
    return f"| {name} | {cells} | {false} | {1000 * spent_s / len(rows):.0f} |"


def centerface() -> dict[str, Detect]:
    """Ours, on whole pictures, compiled beforehand."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from gaze.faces.detectors.centerface import CenterFace

    detector = CenterFace()
    detector.detect(np.zeros((1, 1080, 1920, 3), np.uint8))
    return {"CenterFace, whole picture": lambda p: detector.detect(p[None]).box_px}


def mediapipe() -> dict[str, Detect]:
    """Both of MediaPipe's networks, whole and in tiles."""
    import mediapipe as mp

    out: dict[str, Detect] = {}
    for selection, name in ((0, "short range"), (1, "full range")):
        network = mp.solutions.face_detection.FaceDetection(
            model_selection=selection, min_detection_confidence=0.3
        )

        def boxes(part: np.ndarray, x0: int = 0, y0: int = 0, network: Any = network) -> list[Any]:
            h, w = part.shape[:2]
            found = network.process(np.ascontiguousarray(part[..., ::-1])).detections or []
            all_of = [d.location_data.relative_bounding_box for d in found]
            return [
                (b.xmin * w + x0, b.ymin * h + y0, (b.xmin + b.width) * w + x0,
                 (b.ymin + b.height) * h + y0) for b in all_of
            ]  # fmt: skip

        out[f"MediaPipe {mp.__version__} {name}, whole picture"] = boxes
        for side in (640, 384, 256):

            def in_tiles(picture: np.ndarray, side: int = side, boxes: Any = boxes) -> list[Any]:
                h, w = picture.shape[:2]
                return [
                    box
                    for y in _starts(h, side)
                    for x in _starts(w, side)
                    for box in boxes(picture[y : y + side, x : x + side], x, y)
                ]

            out[f"{name}, tiles of {side} px"] = in_tiles
    return out


def _starts(length: int, side: int) -> list[int]:
    last = max(0, length - side)
    return sorted({*range(0, last, side - OVERLAP_PX), last})


if __name__ == "__main__":
    main()
