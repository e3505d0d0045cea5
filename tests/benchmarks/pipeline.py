"""How long a lesson takes, stage by stage, and how well each locator finds noses.

    python tests/benchmarks/pipeline.py [LESSON …] [--mbit 20] [--write docs/performance.md]
    python tests/benchmarks/pipeline.py --no-noses --students 8 --codec hevc --size 4k --fps 5 10

LESSON: simulated lessons (``gaze simulate``), by default the committed one. The first one's frames
are made into a 25 fps pair of a phone's codec, size and bit rate with fresh noise in every frame
(so that decoding costs what it costs in a real lesson), once as they are and once with four
half-size copies side by side, which makes about 30 students. All are analysed twice: decoding
beside the rest for the wall clock and the memory, decoding in its turn for the processor time of
each stage. The limit is what decoding and the two networks take by themselves: nothing in Python,
no crops, no tables could be faster with these networks and this decoder. Nose tips are compared
with the truth of all lessons. ``--write`` puts the tables between the markers of the page.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

import gaze.analyze as pipeline
from calibration.camera import CAMERAS
from calibration.rig import Rig
from gaze.faces import look
from gaze.faces.detectors import load_detector
from gaze.faces.detectors.centerface import CenterFace
from gaze.faces.finder import FaceFinder
from gaze.faces.heads import estimate_heads, network_landmarks, take_crops
from gaze.faces.landmarks import average, locate, tight_boxes
from gaze.faces.look import Stopwatch
from gaze.lesson import resume
from gaze.lesson.settings import AnalyzeSettings
from headpose.estimator import HeadPoseEstimator
from sessions.clock.clock import Clock
from sessions.folder import Session
from sessions.run import versions
from sessions.video import frame_pairs, moments, open_camera, pairs, probe, read_frames
from tests.benchmarks.machine import processor

VIDEO_FPS, ANALYSED_FPS = 25, 5.0
CODECS = {"h264": "libx264", "hevc": "libx265"}
SIZES = {"720p": 2 / 3, "1080p": 1.0, "4k": 2.0}  # of the lesson's own pictures, 1080p
COPIES = {8: 1, 30: 2}  # copies of the scene along each side of the picture
COMMITTED = Path(__file__).parents[1] / "data" / "lesson"
BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
STAGES = (
    ("video", "video: decoding both"),
    ("faces", "faces: scans and mosaics"),
    ("landmarks", "landmarks (of their own)"),
    ("crops", "crops through the virtual cameras"),
    ("heads", "heads (network)"),
    ("identity", "tracks and identity"),
    ("gaze", "positions, fusion, gaze points"),
    ("tables", "tables"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", type=Path, default=[COMMITTED])
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the timed lesson")
    parser.add_argument("--mbit", type=float, default=20.0, help="bit rate of each video")
    parser.add_argument("--students", type=int, nargs="*", choices=COPIES, default=list(COPIES))
    parser.add_argument("--codec", choices=CODECS, default="h264")
    parser.add_argument("--size", choices=SIZES, default="1080p")
    parser.add_argument("--fps", type=float, nargs="*", default=[ANALYSED_FPS], help="analysed at")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--write", type=Path, help="page to put the tables into")
    parser.add_argument("--no-timing", action="store_true")
    parser.add_argument("--no-noses", action="store_true")
    options = parser.parse_args()
    lines = [f"Made by `python tests/benchmarks/pipeline.py` on {date.today()}: {machine()}."]
    if not options.no_timing:
        lines += ["", *timing(options)]
    if not options.no_noses:
        lines += ["", *noses(options.lessons, options.weights)]
    text = "\n".join(lines)
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        tail = rest.split(END)[1]
        options.write.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


def machine() -> str:
    """What it ran on."""
    names = versions()
    return (
        f"{processor()} at the start, Python "
        f"{names['python']}, OpenVINO {names.get('openvino', 'none')}, torch {names['torch']}"
    )


# -- speed ----------------------------------------------------------------------------------------


def timing(options: argparse.Namespace) -> list[str]:
    """The table of seconds per minute of lesson."""
    columns = {}
    for students in options.students:
        with tempfile.TemporaryDirectory() as folder:
            made = timed_lesson(Path(folder) / "lesson", COPIES[students], options)
            for fps in options.fps:
                # a process of its own, so that its peak memory is the pipeline's
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    name = f"{students} students"
                    name += " (four copies)" if COPIES[students] > 1 else ""
                    name += f", {fps:g} fps" if len(options.fps) > 1 else ""
                    columns[name] = pool.submit(analysed, made, options.weights, fps).result()
    rows = [
        f"| seconds for a minute of lesson | {' | '.join(columns)} |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for key, label, digits in (
        *((k, label, 1) for k, label in STAGES),
        ("cpu", "**all of it, processor time** (all threads, models loaded before)", 1),
        ("networks", "the networks by themselves", 1),
        ("limit", "limit: decoding and the networks", 1),
        ("ratio", "all of it, as a multiple of the limit", 2),
        ("wall", "all of it, wall clock, decoding beside the rest", 1),
        ("faces_found", "faces for each moment (both cameras)", 0),
        ("peak_mb", "peak memory, MB", 0),
    ):
        cells = " | ".join(f"{c[key]:.{digits}f}" for c in columns.values())
        rows.append(f"| {label} | {cells} |")
    first = next(iter(columns.values()))
    rates = " and ".join(f"{fps:g}" for fps in options.fps)
    rows += [
        "",
        f"{options.size}, {VIDEO_FPS} fps {options.codec.upper()}, {first['mbit']:.1f} Mbit/s, "
        f"analysed at {rates} fps, {options.seconds:g} s of lesson; every row is processor"
        " time but the wall clock, which other work on the cores lengthens.",
    ]
    return rows


def timed_lesson(folder: Path, copies: int, options: argparse.Namespace) -> Path:
    """A session of ``options.seconds`` at 25 fps from a lesson's frames, tiled copies × copies."""
    lesson = options.lessons[0]
    session = Session.open(lesson)
    folder.mkdir()
    text = (lesson / "session.toml").read_text()
    (folder / "session.toml").write_text(text.split("[[students]]")[0])
    rig = lesson / "truth" / "rig.json"
    shutil.copy(rig if rig.exists() else lesson / "rig.json", folder / "rig.json")
    rng = np.random.default_rng(0)
    for camera in CAMERAS:
        info = open_camera(session, camera)
        source = [p for _, p in read_frames(info, range(info.frames))]
        h, w = (round(side * SIZES[options.size]) for side in source[0].shape[:2])
        noise = rng.normal(0, 2, (h + 64, w + 64, 1)).astype(np.int16)
        hold = max(1, round(VIDEO_FPS / info.fps))
        with av.open(str(folder / f"{camera}.mp4"), "w") as container:
            stream = container.add_stream(CODECS[options.codec], rate=VIDEO_FPS)
            stream.width, stream.height, stream.pix_fmt = w, h, "yuv420p"
            stream.options = {"preset": "veryfast", "x265-params": "log-level=none"}
            stream.bit_rate = round(options.mbit * 1e6)
            for k in range(round(options.seconds * VIDEO_FPS)):
                picture = source[(k // hold) % len(source)]
                if (w // copies, h // copies) != picture.shape[1::-1]:
                    picture = cv2.resize(
                        picture, (w // copies, h // copies), interpolation=cv2.INTER_AREA
                    )
                picture = np.tile(picture, (copies, copies, 1))
                dy, dx = rng.integers(0, 64, 2)
                noisy = picture.astype(np.int16) + noise[dy : dy + h, dx : dx + w]
                frame = np.clip(noisy, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
            container.mux(stream.encode())
    return folder


class CpuWatch(Stopwatch):
    """Processor time of all threads instead of the wall clock."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.last = seconds, time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


def watched(method: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """A method whose calls' processor seconds, of all threads, are added to ``spent``."""

    def call(*args: Any) -> Any:
        begin = time.process_time()
        result = method(*args)
        spent.append(time.process_time() - begin)
        return result

    return call


def analysed(lesson: Path, weights: str, fps: float) -> dict[str, float]:
    """Seconds per minute of lesson, by stage; models are loaded and warmed up beforehand."""
    model = pipeline.load_model(weights)
    pipeline.heatmaps_and_report = lambda run, report: None  # the report is not timed here
    settings = AnalyzeSettings(fps=fps, weights=weights)
    pipeline.analyze(lesson, AnalyzeSettings(stop_s=0.5), model=model, run_name=f"warm-up-{fps:g}")
    wall = time.perf_counter()
    run = pipeline.analyze(lesson, settings, model=model, run_name=f"timed-{fps:g}")
    wall = time.perf_counter() - wall
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # once more, one thing after the other
    pairs._ahead = lambda source, depth: source
    pipeline.Stopwatch = look.Stopwatch = CpuWatch
    resume.time = SimpleNamespace(perf_counter=time.process_time)
    networks: list[float] = []
    for owner, method in ((type(model.runtime), "run"), (CenterFace, "_forward")):
        setattr(owner, method, watched(getattr(owner, method), networks))
    cpu = time.process_time()
    run = pipeline.analyze(lesson, settings, model=model, run_name=f"by-stage-{fps:g}")
    cpu = time.process_time() - cpu
    quality = json.loads(run.quality_path.read_text())
    video = probe(lesson / "left.mp4")
    per_minute = 60 / video.duration_s
    found = {k: v * per_minute for k, v in quality["seconds"].items()}
    limit = found["video"] + sum(networks) * per_minute
    return {
        **found,
        "networks": sum(networks) * per_minute,
        "limit": limit,
        "ratio": cpu * per_minute / limit,
        "wall": wall * per_minute,
        "cpu": cpu * per_minute,
        "faces_found": quality["identity"]["faces"] / quality["frames"]["moments"],
        "peak_mb": peak_mb,
        "mbit": video.n_bytes * 8e-6 / video.duration_s,
    }


# -- nose tips ------------------------------------------------------------------------------------


def noses(lessons: list[Path], weights: str) -> list[str]:
    """The table of the locators' errors against the truth, by size of the face."""
    model = HeadPoseEstimator.load(weights)
    tables = [nose_errors(x, model) for x in lessons if (x / "truth" / "heads.parquet").exists()]
    if not tables:
        return []
    table = pd.concat(tables)
    rows = [
        "| nose tips | detector's box, px | faces | bias u, v | σ of one axis | median error "
        "| 90 % | stated σ |",
        "|---|---|---|---|---|---|---|---|",
    ]
    bins = (0, 35, 50, 70, 1000)
    for name in ("mean", "network", "detector", "dlib"):
        part = table[table["locator"] == name]
        for low, high in itertools.pairwise(bins):
            p = part[(part["height"] >= low) & (part["height"] < high)]
            if len(p) < 20:
                continue
            u, v = p["u"] / p["height"], p["v"] / p["height"]
            e = np.hypot(u, v)
            size = (
                f"under {high}"
                if low == 0
                else (f"over {low}" if high == 1000 else f"{low}–{high}")
            )
            rows.append(
                f"| {name} | {size} | {len(p)} | {100 * u.median():+.1f}, {100 * v.median():+.1f} "
                f"| {100 * np.sqrt((u**2 + v**2).mean() / 2):.1f} | {100 * e.median():.1f} "
                f"| {100 * e.quantile(0.9):.1f} | {100 * (p['sigma'] / p['height']).median():.1f} |"
            )
    rows += [
        "",
        "In per cent of the height of the detector's box; faces whose nose the truth calls "
        f"visible; {len(tables)} simulated lessons. σ of one axis is about zero, so it holds the "
        "bias.",
    ]
    return rows


def nose_errors(lesson: Path, model: HeadPoseEstimator) -> pd.DataFrame:
    """Nose errors in px of every face that lies on a true, visible one, for every locator."""
    session = Session.open(lesson)
    rig = Rig.load(lesson / "truth" / "rig.json")
    left, right = open_camera(session, "left"), open_camera(session, "right")
    clock = Clock(session.config.cameras.right.offset_s or 0.0)
    when = moments(left, right, clock.right_to_left(right.times_s), fps=ANALYSED_FPS)
    truth = pd.read_parquet(lesson / "truth" / "heads.parquet")
    finder = FaceFinder(load_detector("centerface"))
    parts = []
    for pair in frame_pairs(left, right, when):
        pictures = [[pair.left], [pair.right]]
        faces = finder.find([pair.time_s], pictures, pair.moment)
        box = tight_boxes(faces.box_px)
        crops = take_crops(rig, pictures, faces, box, model.input_px, pair.moment)
        _, answer = estimate_heads(model, crops)
        own = network_landmarks(rig, faces, crops, answer, box)
        detector = locate("detector", pictures, faces, pair.moment)
        found = {"detector": detector, "dlib": locate("dlib", pictures, faces, pair.moment)}
        if own is not None:
            found = {"mean": average([own, detector]), "network": own, **found}
        now = truth[(truth["time_s"] - pair.time_s).abs() < 0.02]
        for c, camera in enumerate(CAMERAS):
            k = np.flatnonzero(faces.camera == c)
            uv = now[[f"nose_u_{camera}_px", f"nose_v_{camera}_px"]].to_numpy()
            if len(now) == 0 or len(k) == 0:
                continue
            away = np.linalg.norm(faces.centre_px[k][:, None] - uv[None], axis=-1)
            near, height = away.argmin(1), faces.height_px[k]
            good = (away.min(1) < 0.6 * height) & (now[f"visible_{camera}"].to_numpy()[near] > 0.9)
            for name, marks in found.items():
                e = marks.nose_px[k] - uv[near]
                columns = {"u": e[:, 0], "v": e[:, 1], "height": height}
                columns["sigma"] = marks.nose_sigma_px[k]
                parts.append(pd.DataFrame(columns)[good].assign(locator=name))
    return pd.concat(parts)


if __name__ == "__main__":
    main()
