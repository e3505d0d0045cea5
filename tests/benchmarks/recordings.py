"""One lesson with truth, recorded as real cameras do: gaze errors with and without each fault.

    gaze demo OUT/demo; python tests/benchmarks/recordings.py OUT/demo OUT/cases [KIND…]

The demo's two videos, at most ``FRAMES`` pictures of each, are written again in every way of
:data:`KINDS`; each is analysed and compared with the truth. About a CPU minute a kind.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.camera import CAMERAS
from calibration.errors import UserError
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.validation.validate import validate_lesson
from sessions.folder import Session
from sessions.quality import Quality
from sessions.video import open_camera, read_frames
from tests.sessions.video.films import damage, write

FRAMES = 36
H264 = {"crf": "18", "preset": "veryfast", "bf": "3", "g": "20"}
Picture = np.ndarray


def same(p: Picture) -> Picture:
    return p


def half_turn(p: Picture) -> Picture:
    return p[::-1, ::-1]


def smaller(p: Picture) -> Picture:
    return np.asarray(cv2.resize(p, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))


def turned(p: Picture) -> Picture:
    """As of a camera of 60° that was turned by 0.3° to the side and 0.1° up."""
    h, w = p.shape[:2]
    K = np.array([[0.87 * w, 0, w / 2], [0, 0.87 * w, h / 2], [0, 0, 1.0]])
    R, _ = cv2.Rodrigues(np.radians([0.1, 0.3, 0.0]))
    H = K @ R @ np.linalg.inv(K)
    return np.asarray(cv2.warpPerspective(p, H, (w, h), borderMode=cv2.BORDER_REPLICATE))


#: kind → (change of each picture, suffix, more for `write`, keys for each camera in session.toml)
KINDS: dict[str, tuple[Callable[[Picture], Picture], str, dict[str, Any], str]] = {
    "plain": (same, "mp4", {}, ""),
    "flag of 180°": (half_turn, "mp4", {"display": (180, False, False)}, ""),
    "flag of 90°": (np.rot90, "mp4", {"display": (-90, False, False)}, ""),
    "upside down, rotate = 180": (half_turn, "mp4", {}, "rotate = 180"),
    "mirrored, said": (lambda p: p[:, ::-1], "mp4", {}, 'mirrored = "lesson"'),
    ".ts, 3 B-frames": (same, "ts", {}, ""),
    "two chapters": (same, "mp4", {"chapters": 2}, ""),
    "raw .h264": (same, "h264", {"container": "h264"}, ""),
    "0.75 of the size": (smaller, "mp4", {}, ""),
    "right turned by 0.3°": (turned, "mp4", {}, ""),
    "60 kB of noise in one": (same, "ts", {"noise": 60_000}, ""),
    "60 kB of noise in one, key frame each second": (same, "ts", {"noise": 60_000, "group": 5}, ""),
}


def film(
    folder: Path, camera: str, pictures: list[Picture], suffix: str, how: dict[str, Any]
) -> list[str]:
    """Write one camera's files; their names."""
    how = dict(how)
    parts, noise, group = how.pop("chapters", 1), how.pop("noise", 0), how.pop("group", 20)
    names = []
    for k, numbers in enumerate(np.array_split(np.arange(len(pictures)), parts)):
        path = folder / f"{camera}_{k}.{suffix}"
        write(
            path, rate=5, numbers=numbers.tolist(), options=H264 | {"g": str(group)},
            draw=lambda n: np.ascontiguousarray(pictures[n]), **how,
        )  # fmt: skip
        names.append(path.name)
    if noise and camera == "right":
        damage(folder / names[0], 0.45, noise)
    return names


def make(demo: Session, out: Path, kind: str) -> Session:
    """The demo's lesson, filmed as ``kind`` says."""
    change, suffix, how, keys = KINDS[kind]
    shutil.copytree(demo.folder, out, ignore=shutil.ignore_patterns("runs", "*.mp4"))
    toml = (out / "session.toml").read_text()
    for camera in CAMERAS:
        shown = [p for _, p in read_frames(open_camera(demo, camera), range(FRAMES))]
        if camera == "right" or not kind.startswith("right"):
            shown = [change(p) for p in shown]
        names = film(out, camera, shown, suffix, how)
        listed = "[" + ", ".join(f'"{n}"' for n in names) + "]"
        toml = toml.replace(f'video = "{camera}.mp4"', f"video = {listed}\n{keys}")
    if "rotate" in keys:  # what the camera stores stands on its head in its pictures, too
        for path in (out / "calibration").rglob("*.jpg"):
            cv2.imwrite(str(path), np.ascontiguousarray(change(cv2.imread(str(path)))))
    (out / "session.toml").write_text(toml)
    return Session.open(out)


def main(demo: Path, out: Path, *kinds: str) -> None:
    print("kind | students | gaze cm mean, median, p90 | inside own 68 % | one camera % | "
          "undecoded | first warning")  # fmt: skip
    for kind in kinds or KINDS:
        folder = out / kind.replace(" ", "_").replace("/", "-")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            session = make(Session.open(demo), folder, kind)
            run = analyze(session, AnalyzeSettings(), run_name="a")
        except UserError as error:
            print(f"{kind} | refused: {error}", flush=True)
            continue
        found = validate_lesson(session, run="a")
        cm = found.overall.gaze_cm
        q = Quality.read(run.quality_path)
        rows = sum(q.status_counts.values())
        lost = sum(c.asked - c.decoded for c in (q.frames.left, q.frames.right))
        inside = 100 * (found.inside_68 or 0)
        alone = 100 * q.status_counts.get("one_camera", 0) / rows
        warning = q.warnings[0].message if q.warnings else "none"
        print(
            f"{kind} | {q.identity.students} | {cm.mean:.1f}, {cm.median:.1f}, {cm.p90:.0f} | "
            f"{inside:.0f} | {alone:.0f} | {lost} | {warning}",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
