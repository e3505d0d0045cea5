"""``gaze sync``: what sound, heads and motion say of the clock, as one page to look at."""

from __future__ import annotations

import base64
import html
from pathlib import Path

import cv2
import numpy as np
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
    seen = Sightings.of(film.rig, rows, tracks_of(rows.faces, film.when.time_s))
    students = identify(film.rig, seen)
    film, *_ = checked_by_heads(film, rows, rows.heads_in_world(film.rig), students)
    others = {e.sense: e for e in (*clock.estimates, *film.clock.estimates)}
    progress("heads", 1.0)
    return joined_by(list(others.values()), left, film.right, clock.declared)


OLD_PAGE = "<title>Two clocks</title>"  # what pages had before they bore our mark


def write_page(path: Path, left: VideoInfo, right: VideoInfo, clock: Joined) -> Path:
    """One HTML file: the senses' numbers and curves, and two moments in both cameras."""
    rows = "".join(_row(e) for e in clock.estimates)
    curves = "".join(_curve(e) for e in clock.estimates if len(e.lags_s))
    said = "".join(
        f"<li>{html.escape(c.message)}. {html.escape(c.action)}</li>" for c in clock.causes
    )
    used = clock.measured or clock.clock
    begin, end = float(left.times_s[0]), float(left.times_s[-1])
    moments = "".join(_moment(left, right, used, begin + s * (end - begin)) for s in (0.25, 0.75))
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8">
{GENERATOR}"><title>Two clocks</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .8rem;text-align:left}}
img{{width:49%}}svg{{width:100%;height:auto}}</style>
<h1>The right camera's clock minus the left's</h1><p>{html.escape(clock.checked)}.</p>
<table><tr><th>sense<th>offset at 0:00, s<th>± s<th>drift, ppm<th>jumps<th></tr>{rows}</table>
<ul>{said}</ul><h2>How well each offset fits</h2>{curves}
<h2>The same moment in both cameras, by this clock</h2><p>All is blurred.</p>{moments}</html>"""
    with atomic_write(path) as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def _row(e: Estimate) -> str:
    if e.clock is None:
        return f"<tr><td>{e.sense}<td colspan=5>not measured: {html.escape(e.reason)}</tr>"
    jumps = ", ".join(f"{j.shift_s:+.2f} s at {j.at_s:.0f} s" for j in e.clock.jumps) or "none"
    return (
        f"<tr><td>{e.sense}<td>{e.clock.offset_s:+.3f}<td>{e.clock.sigma_offset_s:.3f}"
        f"<td>{e.clock.drift_ppm:+.0f} ± {e.clock.sigma_drift_ppm:.0f}<td>{jumps}"
        f"<td>{e.score:.0f} σ above chance</tr>"
    )


def _curve(e: Estimate) -> str:
    """The match over the offsets, 5 s to either side of the best one, as an SVG."""
    best = float(e.lags_s[int(np.nanargmax(e.height))])
    near = (np.abs(e.lags_s - best) <= 5) & np.isfinite(e.height)
    x = (e.lags_s[near] - best + 5) * 80
    y = 150 - 130 * np.clip(e.height[near] / max(float(np.nanmax(e.height)), 1e-9), -0.1, 1)
    line = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))
    label = f"{e.sense}: the match of offsets from {best - 5:.2f} to {best + 5:.2f} s"
    return (
        f'<h3>{e.sense}</h3><svg viewBox="0 0 800 180" role="img" aria-label="{label}">'
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>'
        f'<text x="0" y="175">{best - 5:.1f} s</text><text x="380" y="175">{best:.2f} s</text>'
        f'<text x="740" y="175">{best + 5:.1f} s</text></svg>'
    )


def _moment(left: VideoInfo, right: VideoInfo, clock: Clock, time_s: float) -> str:
    at = np.array([time_s])
    numbers = (
        int(nearest_frames(left.times_s, at, np.inf)[0]),
        int(nearest_frames(right.times_s, clock.left_to_right(at), np.inf)[0]),
    )
    images = ""
    for name, video, number in zip(CAMERAS, (left, right), numbers, strict=True):
        for _, picture in read_frames(video, [number]):
            images += f'<img alt="{name}, blurred" src="{_blurred(picture)}"> '
    return f"<h3>{time_s:.1f} s</h3>{images}"


def _blurred(picture: NDArray[np.uint8]) -> str:
    """A small picture in which nobody can be recognised, as a data address."""
    small = cv2.resize(picture, (480, round(480 * picture.shape[0] / picture.shape[1])))
    _, data = cv2.imencode(".jpg", cv2.GaussianBlur(small, (0, 0), 3.0))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
