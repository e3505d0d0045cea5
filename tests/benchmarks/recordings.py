"""One lesson with truth, recorded as real cameras do: gaze errors with and without each fault.

    gaze demo --out OUT/demo; python tests/benchmarks/recordings.py OUT/demo OUT/cases [KIND…]

The demo's two videos, at most ``FRAMES`` pictures of each, are written again in every way of
:data:`KINDS`; each is analysed and compared with the truth. A CPU minute a kind at most.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from calibration.camera import CAMERAS
from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Transform
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.validation.validate import validate_lesson
from sessions.folder import Session
from sessions.quality import Quality
from sessions.video import open_camera, read_frames
from tests.sessions.video.films import damage, write

FRAMES, RATE = 36, 5
H264 = {"crf": "18", "preset": "veryfast", "bf": "3", "g": "20"}
MPEG2: dict[str, Any] = {"codec": "mpeg2video", "options": {"b": "20M", "bf": "2", "g": "12"}}
X265 = "keyint=5:min-keyint=5:bframes=0:crf=20:log-level=0"
HEVC: dict[str, Any] = {"codec": "libx265", "options": {"preset": "veryfast", "x265-params": X265}}
NTSC_FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
BY_HAND = (("offset_s = 0.0\n", ""),)  # what session.toml says no more
Picture = np.ndarray


@dataclass(frozen=True)
class Kind:
    """How a lesson is recorded.

    change : of each picture. right_only : the left camera is as it was. suffix, how : of the file,
    for ``write``; chapters, noise (bytes), cut (share that is left) and fps are told here.
    keys : for each camera in session.toml. toml : what is replaced there. right : which of the
    right camera's pictures come. after : what is done to the folder in the end.
    """

    change: Callable[[Picture], Picture] = lambda p: p
    right_only: bool = False
    suffix: str = "mp4"
    how: dict[str, Any] = field(default_factory=dict)
    fps: tuple[Fraction | int, Fraction | int] = (RATE, RATE)
    begins_s: tuple[float, float] = (0.0, 0.0)
    group: int = 20
    chapters: int = 1
    noise: int = 0
    cut: float = 1.0
    keys: str = ""
    toml: tuple[tuple[str, str], ...] = ()
    right: Callable[[list[Picture]], list[Picture]] = list
    after: Callable[[Path], None] = lambda folder: None


def half_turn(p: Picture) -> Picture:
    return p[::-1, ::-1]


def mirrored(p: Picture) -> Picture:
    return p[:, ::-1]


def smaller(p: Picture) -> Picture:
    return np.asarray(cv2.resize(p, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))


def middle(p: Picture) -> Picture:
    """Without a twentieth at every edge."""
    h, w = p.shape[:2]
    return p[h // 20 : h - h // 20, w // 20 : w - w // 20]


def zoomed(p: Picture) -> Picture:
    """5 % larger, as a stabiliser crops."""
    h, w = p.shape[:2]
    H = cv2.getRotationMatrix2D((w / 2, h / 2), 0, 1.05)
    return np.asarray(cv2.warpAffine(p, H, (w, h), borderMode=cv2.BORDER_REFLECT))


def turned(p: Picture, side_deg: float, up_deg: float) -> Picture:
    """As of a camera of 60° that was turned to the side and up."""
    h, w = p.shape[:2]
    K = np.array([[0.87 * w, 0, w / 2], [0, 0.87 * w, h / 2], [0, 0, 1.0]])
    R, _ = cv2.Rodrigues(np.radians([up_deg, side_deg, 0.0]))
    H = K @ R @ np.linalg.inv(K)
    return np.asarray(cv2.warpPerspective(p, H, (w, h), borderMode=cv2.BORDER_REPLICATE))


def flat(p: Picture) -> Picture:
    """As of a logarithmic picture profile."""
    return np.clip(70 + 95 * np.log1p(8 * (p / 255)) / np.log(9), 0, 255).astype(np.uint8)


def from_on(since: int, change: Callable[[Picture], Picture], until: int = 999) -> Any:
    """Some of a film's pictures otherwise."""
    return lambda shown: [change(p) if since <= k < until else p for k, p in enumerate(shown)]


def every(nth: int, change: Callable[[Picture], Picture]) -> Any:
    """Every so many-th of a film's pictures otherwise."""
    return lambda shown: [change(p) if k % nth == 3 else p for k, p in enumerate(shown)]


def half_grey(p: Picture) -> Picture:
    """As of a picture whose lower half never came."""
    out = p.copy()
    out[len(p) // 2 :] = 128
    return out


def dark(p: Picture) -> Picture:
    return np.asarray(0.22 * p, np.uint8)


def dated(p: Picture, shown: Iterator[int] = count()) -> Picture:
    """With a date that changes every second."""
    second = next(shown) // RATE % 60
    text = f"2026-11-30 08:15:{second:02d}"
    return np.asarray(cv2.putText(p.copy(), text, (40, 1000), 0, 2.0, (255, 255, 255), 4))


def barred(p: Picture) -> Picture:
    """An eighth of it black at each side."""
    out, w = p.copy(), p.shape[1] // 8
    out[:, :w] = out[:, -w:] = 0
    return out


def framed(p: Picture, w: float, h: float) -> Picture:
    """Made so many times as wide and as high, between black bars."""
    out, (H, W) = np.zeros_like(p), p.shape[:2]
    small = cv2.resize(p, (round(w * W), round(h * H)), interpolation=cv2.INTER_AREA)
    y, x = (H - small.shape[0]) // 2, (W - small.shape[1]) // 2
    out[y : y + small.shape[0], x : x + small.shape[1]] = small
    return out


def on_its_side(p: Picture) -> Picture:
    h, w = p.shape[:2]
    side = np.ascontiguousarray(np.rot90(p))
    return framed(cv2.resize(side, (w, h)), h * h / (w * w), 1.0)


def exchanged(folder: Path) -> None:
    left, right = sorted(folder.glob("*_0.mp4"))
    aside = folder / "aside.mp4"
    left.rename(aside)
    right.rename(left)
    aside.rename(right)


def left_twice(folder: Path) -> None:
    shutil.copy(folder / "left_0.mp4", folder / "right_0.mp4")


def other_room(folder: Path) -> None:
    """The rig of a room whose cameras stand closer and look more to the front."""
    rig = Rig.load(folder / "rig.json")
    R, _ = cv2.Rodrigues(np.radians([4.0, -12.0, 3.0]))
    T = rig.T_RL
    other = Transform(R @ T.R, 0.8 * (R @ T.t), dst=T.dst, src=T.src)
    replace(rig, T_RL=other).save(folder / "rig.json")
    shutil.rmtree(folder / "calibration")


#: What cameras do, and what goes wrong: name → how.
KINDS = {
    "plain": Kind(),
    "right knocked by 0.3° half way": Kind(right=from_on(18, lambda p: turned(p, 0.28, 0.1))),
    "right knocked by 2° half way": Kind(right=from_on(18, lambda p: turned(p, 1.9, 0.6))),
    "right knocked by 2°, put back": Kind(right=from_on(12, lambda p: turned(p, 1.9, 0.6), 18)),
    "right sinks by 1°": Kind(
        right=lambda shown: [turned(p, 0.0, k / 35) for k, p in enumerate(shown)]
    ),
    "right black for the last third": Kind(right=from_on(24, np.zeros_like)),
    "right frozen for a third": Kind(
        right=lambda shown: [*shown[:12], *[shown[12]] * 12, *shown[24:]]
    ),
    "right black in every fifth picture": Kind(right=every(5, np.zeros_like)),
    "right half grey in every sixth picture": Kind(right=every(6, half_grey)),
    "right blue for 0.6 s": Kind(right=from_on(15, lambda p: np.full_like(p, (200, 60, 0)), 18)),
    "three frames lost, times rewritten": Kind(
        right=lambda shown: shown[:12] + shown[15:], toml=BY_HAND
    ),
    "three frames lost, offset_s = 0 declared": Kind(right=lambda shown: shown[:12] + shown[15:]),
    "right 0.4 s later": Kind(right=lambda shown: shown[2:], toml=BY_HAND),
    "right 0.4 s later, offset_s = 0 declared": Kind(right=lambda shown: shown[2:]),
    "29.97 and 59.94 a second": Kind(fps=(NTSC, 2 * NTSC)),
    "23.976 and 25 a second": Kind(fps=(NTSC_FILM, 25)),
    ".mpg, MPEG-2 with B-frames": Kind(
        suffix="mpg", fps=(25, 25), how={**MPEG2, "container": "vob"}
    ),
    ".mts, 25 a second, 3 B-frames": Kind(
        suffix="mts", fps=(25, 25), how={"container": "mpegts"}, group=50
    ),
    "files that begin at 100 s and 3600 s": Kind(suffix="mkv", begins_s=(100.0, 3600.0)),
    "right cut off at 60 %": Kind(cut=0.6, how={"muxing": {"movflags": "faststart"}}),
    "flag of 180°": Kind(half_turn, how={"display": (180, False, False)}),
    "flag of 90°": Kind(np.rot90, how={"display": (-90, False, False)}),
    "flag of 270°": Kind(lambda p: np.rot90(p, 3), how={"display": (90, False, False)}),
    "upside down, rotate = 180": Kind(half_turn, keys="rotate = 180"),
    "mirrored, said": Kind(mirrored, keys='mirrored = "lesson"'),
    "mirrored, not said": Kind(mirrored),
    ".ts, 3 B-frames": Kind(suffix="ts"),
    "two chapters": Kind(chapters=2),
    "raw .h264": Kind(suffix="h264", how={"container": "h264"}),
    "0.75 of the size": Kind(smaller),
    "cut to nine tenths, smaller": Kind(middle),
    "both zoomed by 5 %": Kind(zoomed),
    "right turned by 0.3°": Kind(lambda p: turned(p, 0.3, 0.1), right_only=True),
    "right turned by 1°": Kind(lambda p: turned(p, 1.0, 0.0), right_only=True),
    "videos exchanged": Kind(after=exchanged),
    "one film as both": Kind(after=left_twice),
    "another room's rig": Kind(after=other_room),
    "flat picture profile": Kind(flat),
    "a fifth of the light": Kind(dark),
    "a date that ticks": Kind(dated, toml=BY_HAND),
    "bars over an eighth": Kind(barred),
    "right smaller, in bars": Kind(lambda p: framed(p, 0.75, 0.75), right_only=True),
    "squeezed, in bars": Kind(lambda p: framed(p, 0.75, 1.0)),
    "right on its side, in bars": Kind(on_its_side, right_only=True),
    "60 kB of noise in one": Kind(suffix="ts", noise=60_000),
    "60 kB of noise in one, key frame each second": Kind(suffix="ts", noise=60_000, group=5),
    "HEVC, 9 kB of noise in one, key frame each second": Kind(how=HEVC, noise=9_000),
}


def film(folder: Path, camera: str, pictures: list[Picture], kind: Kind) -> list[str]:
    """Write one camera's files; their names."""
    side = CAMERAS.index(camera)
    fps, begins_s = kind.fps[side], kind.begins_s[side]
    at = np.arange(round(len(pictures) / RATE * float(fps))) / float(fps)
    shown = np.minimum(np.round(at * RATE).astype(int), len(pictures) - 1)  # the nearest in time
    how = {"options": H264 | {"g": str(kind.group)}} | kind.how
    names = []
    for k, numbers in enumerate(np.array_split(shown, kind.chapters)):
        path = folder / f"{camera}_{k}.{kind.suffix}"
        if begins_s:
            how["times_s"] = (begins_s + at).tolist()
        write(
            path, rate=fps, numbers=numbers.tolist(),
            draw=lambda n: np.ascontiguousarray(pictures[n]), **how,
        )  # fmt: skip
        names.append(path.name)
    if camera == "right":
        if kind.noise:
            damage(path, 0.45, kind.noise)
        path.write_bytes(path.read_bytes()[: round(kind.cut * path.stat().st_size)])
    return names


def make(demo: Session, out: Path, kind: Kind) -> Session:
    """The demo's lesson, filmed as ``kind`` says."""
    shutil.copytree(demo.folder, out, ignore=shutil.ignore_patterns("runs", "*.mp4"))
    toml = (out / "session.toml").read_text()
    for old, new in kind.toml:
        toml = toml.replace(old, new)
    for camera in CAMERAS:
        shown = [p for _, p in read_frames(open_camera(demo, camera), range(FRAMES))]
        if camera == "right" or not kind.right_only:
            shown = [kind.change(p) for p in shown]
        names = film(out, camera, kind.right(shown) if camera == "right" else shown, kind)
        listed = "[" + ", ".join(f'"{n}"' for n in names) + "]"
        toml = toml.replace(f'video = "{camera}.mp4"', f"video = {listed}\n{kind.keys}")
    if "rotate" in kind.keys:  # what the camera stores stands on its head in its pictures, too
        for path in (out / "calibration").rglob("*.jpg"):
            cv2.imwrite(str(path), np.ascontiguousarray(kind.change(cv2.imread(str(path)))))
        rig = json.loads((out / "rig.json").read_text())
        for mounting in rig["inputs"]["mountings"].values():  # as if calibrated so
            mounting["rotate"] = 180
        (out / "rig.json").write_text(json.dumps(rig))
    (out / "session.toml").write_text(toml)
    kind.after(out)
    return Session.open(out)


def main(demo: Path, out: Path, *kinds: str) -> None:
    print("kind | students | gaze cm mean, median, p90 | inside own 68 % | one camera % | "
          "undecoded | usable % | clock | warnings")  # fmt: skip
    for name in kinds or KINDS:
        folder = out / name.replace(" ", "_").replace("/", "-")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            session = make(Session.open(demo), folder, KINDS[name])
            run = analyze(session, AnalyzeSettings(), run_name="a")
        except UserError as error:
            print(f"{name} | refused: {error}", flush=True)
            continue
        found = validate_lesson(session, run="a")
        cm = found.overall.gaze_cm
        q = Quality.read(run.quality_path)
        rows = sum(q.status_counts.values())
        lost = sum(c.asked - c.decoded for c in (q.frames.left, q.frames.right))
        inside = 100 * (found.inside_68 or 0)
        alone = 100 * q.status_counts.get("one_camera", 0) / rows
        said = "; ".join(f"{w.code}: {w.message}" for w in q.warnings) or "none"
        print(
            f"{name} | {q.identity.students} | {cm.mean:.1f}, {cm.median:.1f}, {cm.p90:.0f} | "
            f"{inside:.0f} | {alone:.0f} | {lost} | {100 * (q.usable or 0):.0f} | "
            f"{q.clock.offset_s:.3f} ± {q.clock.sigma_offset_s:.3f} | {said}",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
