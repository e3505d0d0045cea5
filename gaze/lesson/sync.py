"""``gaze sync``: what sound, heads and motion say of the clock, as one page to look at."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.files import GENERATOR
from calibration.progress import Progress
from gaze.faces.detectors import load_detector
from gaze.faces.look import Looker
from gaze.faces.mask import opted_out_seats
from gaze.faces.rows import FaceRows
from gaze.lesson import refusals
from gaze.lesson.clock import joined_by, lesson_clock
from gaze.lesson.film import open_film
from gaze.lesson.heads_clock import checked_by_heads
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.evidence import Sightings
from gaze.people.identify import identify
from gaze.people.tracks import tracks_of
from sessions.clock.clock import Clock
from sessions.clock.joined import Joined
from sessions.clock.match import Estimate
from sessions.folder import Session
from sessions.run import atomic_write
from sessions.video import VideoInfo, frame_pairs, nearest_frames, open_camera, read_frames

HEADS_S = 20.0  # of the lesson's middle are looked at for heads
BATCH = 8


def synced(
    session: Session, progress: Progress, *, heads: bool = True
) -> tuple[VideoInfo, VideoInfo, Joined]:
    """The two videos and their clock by all three senses; heads where there is a rig.

    Raises
    ------
    VideoError, SessionError : videos that cannot be read or have no moment in common.
    """
    left, right = open_camera(session, "left"), open_camera(session, "right")
    left, right, clock = lesson_clock(session, left, right, progress, motion=True)
    if heads and session.rig_path.is_file():
        clock = _with_heads(session, left, clock, progress)
    return left, right, clock


def _with_heads(session: Session, left: VideoInfo, clock: Joined, progress: Progress) -> Joined:
    """The clock with the heads of HEADS_S seconds of the lesson's middle."""
    from headpose.estimator import HeadPoseEstimator

    middle = float(left.times_s[0] + left.times_s[-1]) / 2
    settings = AnalyzeSettings.of(
        fps=5.0, start_s=max(middle - HEADS_S / 2, 0.0), stop_s=middle + HEADS_S / 2
    )
    film = open_film(session, refusals.usable_rig(session, force=True), settings, progress)
    looker = Looker(
        film.rig,
        load_detector(settings.detector),
        HeadPoseEstimator.load(settings.weights),
        settings.landmarks,
        opted_out_seats(session),
    )
    parts, pairs = [], list(frame_pairs(film.left, film.right, film.when))
    for first in range(0, len(pairs), BATCH):
        some = pairs[first : first + BATCH]
        parts.append(
            looker.look(
                [p.time_s for p in some], [p.left for p in some], [p.right for p in some], first
            )
        )
        progress("heads", first / len(pairs))
    rows = FaceRows.concatenate(parts)
    R_WS = rows.heads_in_world(film.rig)
    seen = Sightings.of(rows, tracks_of(rows.faces, film.when.time_s), R_WS)
    students = identify(film.rig, seen)
    film, *_ = checked_by_heads(film, rows, R_WS, students)
    others = {e.sense: e for e in (*clock.estimates, *film.clock.estimates)}
    progress("heads", 1.0)
    return joined_by(list(others.values()), left, film.right, clock.declared)


OLD_PAGE = "<title>Two clocks</title>"  # what pages had before they bore our mark


def write_page(path: Path, left: VideoInfo, right: VideoInfo, clock: Joined) -> Path:
    """One HTML file: the senses' numbers and curves, and two moments in both cameras."""
    used = clock.measured or clock.clock
    begin, end = float(left.times_s[0]), float(left.times_s[-1])
    template = Environment(
        loader=PackageLoader("gaze", "lesson"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    ).get_template("sync.html.j2")
    page = template.render(
        generator=Markup(f'{GENERATOR}">'),
        clock=clock,
        curves=[_curve(e) for e in clock.estimates if len(e.lags_s)],
        moments=[_moment(left, right, used, begin + s * (end - begin)) for s in (0.25, 0.75)],
    )
    with atomic_write(path) as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def _curve(e: Estimate) -> dict[str, Any]:
    """The match over the offsets, 5 s to either side of the best one, as points of an SVG."""
    best_s = float(e.lags_s[int(np.nanargmax(e.height))])
    near = (np.abs(e.lags_s - best_s) <= 5) & np.isfinite(e.height)
    x = (e.lags_s[near] - best_s + 5) * 80
    y = 150 - 130 * np.clip(e.height[near] / max(float(np.nanmax(e.height)), 1e-9), -0.1, 1)
    line = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))
    return {"sense": e.sense, "best_s": best_s, "line": line}


def _moment(left: VideoInfo, right: VideoInfo, clock: Clock, time_s: float) -> dict[str, Any]:
    """What both cameras saw at a lesson time, blurred."""
    at = np.array([time_s])
    numbers = (
        int(nearest_frames(left.times_s, at, np.inf)[0]),
        int(nearest_frames(right.times_s, clock.left_to_right(at), np.inf)[0]),
    )
    pictures = [
        (name, _blurred(picture))
        for name, video, number in zip(CAMERAS, (left, right), numbers, strict=True)
        for _, picture in read_frames(video, [number])
    ]
    return {"time_s": time_s, "pictures": pictures}


def _blurred(picture: NDArray[np.uint8]) -> str:
    """A small picture in which nobody can be recognised, as a data address."""
    small = cv2.resize(picture, (480, round(480 * picture.shape[0] / picture.shape[1])))
    _, data = cv2.imencode(".jpg", cv2.GaussianBlur(small, (0, 0), 3.0))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
