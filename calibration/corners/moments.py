"""Calibration videos → pictures of the moments at which the board was held still.

Two passes: the first only measures how much each video changes from frame to frame (small, grey);
the second takes the frames of the quietest moment of every half second, in both videos at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from calibration.errors import CalibrationError
from calibration.film import (
    best_stream,
    decoded,
    decoder_of,
    open_file,
    packets_of,
    picture_of,
    pixel_aspect,
    turn_flag,
)
from calibration.mounting import AS_THE_FILE_SAYS, Mounting, Turn
from calibration.transform import Array

#: One moment at most in this time, and this many in all.
EVERY_S = 0.5
MOST = 80
#: A moment that changes so many times as much as one within that time, or as what is still in any
#: case (grey levels, both cameras'), is between two of them.
ON_THE_WAY, STILL = 1.5, 0.5
#: A video is first looked at in so many places: so many packets for a whole picture, from a key
#: frame that lies at most so many packets further on.
PLACES, PACKETS, GROUP = 8, 60, 600
#: Frames of the two videos that lie further apart than this, or half a frame, are not one moment.
TOGETHER_S = 0.02
#: The two videos' motion is compared on this grid, without what is slower than SLOW steps.
GRID_S, SLOW = 0.04, 101
#: Share of the usual scatter under which a camera sees nothing of the board (it is shown to the
#: other one alone), and under which it is not raised to the usual.
SEES, FAINT = 0.4, 0.2
#: How alike they must be: Fisher's z of the correlation times √(shared seconds), motion being
#: independent after about a second; how much more so than at any other offset; for how long.
AGREE, STANDS_OUT, LEAST_SHARED_S = 4.5, 1.5, 5.0
ANEW = "Copy it from the camera again, or use pictures."


@dataclass(frozen=True)
class _Motion:
    """Frame times and how much each frame differs from the one before (grey levels)."""

    time_s: Array
    change: Array


class _Shown(NamedTuple):
    """A whole frame, since_s after players' 0:00; how it is brought upright, in square pixels."""

    since_s: float
    turn: Turn
    aspect: float
    frame: VideoFrame


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream, VideoCodecContext]]:
    """A video file, its film and what decodes that, in as many threads as there are.

    Raises
    ------
    CalibrationError : it cannot be read, or holds no film.
    """
    try:
        with open_file(path) as container:
            stream = best_stream(container)
            if stream is None:
                raise CalibrationError("the file holds no video", where=path, remedy=ANEW)
            codec = decoder_of(stream)
            codec.thread_type = "AUTO"
            yield container, stream, codec
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CalibrationError(
            "the calibration video cannot be read", where=path, found=str(error)[:120], remedy=ANEW
        ) from error


def _frames(path: Path, mounting: Mounting) -> Iterator[_Shown]:
    """Every whole frame."""
    with _opened(path) as (container, stream, _):  # only FFmpeg's own decoder says the file's turn
        own = decoded(packets_of(container, stream), stream.codec_context, 0)
        turn = next((mounting.turn(turn_flag(f)) for f, whole in own if f and whole), None)
    with _opened(path) as (container, stream, codec):
        begin_s = (container.start_time or 0) / 1e6
        base = stream.time_base or 0  # not the frame's own: the last ones have none
        step_s = 1 / float(stream.guessed_rate or stream.average_rate or 25)
        for i, (frame, whole) in enumerate(decoded(packets_of(container, stream), codec)):
            if frame is not None and whole and turn is not None:
                time_s = i * step_s if frame.pts is None else float(frame.pts * base) - begin_s
                yield _Shown(time_s, turn, pixel_aspect(stream), frame)


def refuse_damaged(path: Path) -> None:
    """A look at a video before all of it is decoded, which takes minutes.

    Raises
    ------
    CalibrationError : it cannot be read, or in most places no picture comes whole.
    """
    good = looked = 0
    with _opened(path) as (container, stream, codec):
        begin, length = container.start_time or 0, container.duration or 0
        for k in range(PLACES):
            try:
                if k:
                    container.seek(begin + k * length // PLACES)
            except (av.FFmpegError, OSError):
                continue  # a container that cannot: judged by its beginning
            whole = _comes_whole(container, stream, codec)
            good, looked = good + (whole is True), looked + (whole is not None)
            if looked - good > PLACES // 2:
                break
    if good == 0:
        raise _undecodable(path)
    if looked - good > PLACES // 2:
        raise CalibrationError(
            "the calibration video is damaged in most places", where=path,
            found=f"a whole picture in {good} of {looked} places", remedy=ANEW,
        )  # fmt: skip


def _undecodable(path: Path) -> CalibrationError:
    what = "no picture of the calibration video can be decoded"
    return CalibrationError(what, where=path, remedy=ANEW)


def _comes_whole(
    container: InputContainer, stream: VideoStream, codec: VideoCodecContext
) -> bool | None:
    """Whether the first group of pictures from here on begins whole; None: none begins here."""
    codec.flush_buffers()
    packets = packets_of(container, stream)
    for number, packet in enumerate(packets):
        if packet.is_keyframe:
            group = chain([packet], islice(packets, PACKETS))
            return any(f is not None and w for f, w in decoded(group, codec, 0))
        if number == GROUP:
            return False
    return None  # .ts: from where the search landed to the end


def _motion(path: Path, mounting: Mounting) -> _Motion:
    times, changes = [], []
    last: NDArray[np.float32] | None = None
    for shown in _frames(path, mounting):
        small = picture_of(shown.frame, shown.turn, grey=True, small_px=(160, 90)).astype(
            np.float32
        )
        changes.append(np.inf if last is None else float(np.abs(small - last).mean()))
        times.append(shown.since_s)
        last = small
    if not times:
        raise _undecodable(path)
    return _Motion(np.array(times), np.array(changes))


@dataclass(frozen=True)
class Offset:
    """Right clock minus left clock. Where it is not ``measured`` nothing speaks for any: 0."""

    offset_s: float
    measured: bool


def measured_offset(left: _Motion, right: _Motion) -> Offset:
    """The offset at which both videos move and rest together: the board and who carries it.

    Measured if they do so clearly enough (:data:`AGREE`) and at no other offset as much.
    """
    (a, sees_a), (b, sees_b) = _activity(left), _activity(right)
    n = round(LEAST_SHARED_S / GRID_S)
    lags = np.arange(n - len(b), len(a) - n + 1)  # steps from left's first to right's first
    if len(lags) == 0:
        return Offset(0.0, False)
    score = np.zeros(len(lags))
    for i, k in enumerate(lags.tolist()):
        from_a, from_b = max(k, 0), max(-k, 0)
        size = min(len(a) - from_a, len(b) - from_b)
        x, y = slice(from_a, from_a + size), slice(from_b, from_b + size)
        both = sees_a[x] & sees_b[y]
        score[i] = _alike(a[x][both], b[y][both])
    best = int(score.argmax())
    others = score[np.abs(lags - lags[best]) * GRID_S > 1.0]
    if score[best] < AGREE or score[best] - others.max(initial=0.0) < STANDS_OUT:
        return Offset(0.0, False)
    top = float(lags[best])
    if 0 < best < len(lags) - 1:
        before, here, after = score[best - 1 : best + 2]
        top += 0.5 * (before - after) / min(before - 2 * here + after, -1e-9)
    return Offset(float(right.time_s[0] - left.time_s[0]) - top * GRID_S, True)


def _activity(motion: _Motion) -> tuple[Array, NDArray[np.bool_]]:
    """How much more changes than at rest, on an even grid: log, without its slow part, equally
    strong throughout, because a board that is near to one camera is far from the other; and where
    anything is seen of it."""
    grid = np.arange(motion.time_s[0], motion.time_s[-1], GRID_S)
    change = np.where(np.isfinite(motion.change), motion.change, 0.0)
    still = max(float(np.percentile(change, 20)), 0.05)
    rate = np.log1p(np.interp(grid, motion.time_s, change) / still)
    rate = rate - uniform_filter1d(rate, SLOW, mode="nearest")
    scatter = np.sqrt(np.maximum(uniform_filter1d(rate**2, SLOW, mode="nearest"), 0.0))
    usual = float(np.median(scatter)) if len(scatter) else 0.0
    return rate / np.maximum(scatter, max(FAINT * usual, 1e-9)), scatter > SEES * usual


def _alike(a: Array, b: Array) -> float:
    """How surely two curves (N,) agree; 0 where they share too little."""
    if len(a) * GRID_S < LEAST_SHARED_S:
        return 0.0
    x, y = a - a.mean(), b - b.mean()
    r = float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-9))
    return float(np.arctanh(min(r, 0.999)) * np.sqrt(len(x) * GRID_S))


def quiet_moments(left: _Motion, right: _Motion, offset_s: float) -> list[tuple[int, int]]:
    """Frame numbers (left, right) of the quietest common moment of every half second; none where
    the board is on its way from one quiet moment to the next.
    """
    wanted = left.time_s + offset_s
    near = np.clip(np.searchsorted(right.time_s, wanted), 1, max(len(right.time_s) - 1, 1))
    before = np.abs(right.time_s[near - 1] - wanted)
    after = np.abs(right.time_s[np.minimum(near, len(right.time_s) - 1)] - wanted)
    partner = np.where(before <= after, near - 1, np.minimum(near, len(right.time_s) - 1))
    step_s = float(np.median(np.diff(right.time_s))) if len(right.time_s) > 1 else 0.0
    together = np.minimum(before, after) <= max(TOGETHER_S, 0.55 * step_s)
    change = np.where(together, _around(left.change) + _around(right.change)[partner], np.inf)
    out = []
    window = np.floor(left.time_s / EVERY_S).astype(int)
    for k in np.unique(window):
        rows = np.flatnonzero(window == k)
        best = rows[int(change[rows].argmin())]
        beside = np.abs(left.time_s - left.time_s[best]) <= EVERY_S
        quiet = max(float(change[beside].min()), STILL)
        if change[best] <= ON_THE_WAY * quiet and np.isfinite(change[best]):
            out.append((int(best), int(partner[best])))
    if len(out) > MOST:
        out = [out[i] for i in np.linspace(0, len(out) - 1, MOST).round().astype(int)]
    return out


def _around(change: Array) -> Array:
    """How much each frame differs from its two neighbours, the more of the two."""
    return np.asarray(np.fmax(change, np.append(change[1:], np.nan)))


def _pictures(path: Path, numbers: set[int], mounting: Mounting) -> dict[int, bytes]:
    """Those frames as PNG, upright."""
    out: dict[int, bytes] = {}
    for i, (_, turn, aspect, frame) in enumerate(_frames(path, mounting)):
        if i in numbers:
            picture = picture_of(frame, turn, aspect=aspect, grey=True)
            ok, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            if ok:
                out[i] = data.tobytes()
        if i >= max(numbers):
            break
    return out


def board_moments(
    left: Path,
    right: Path,
    offset_s: float | None = None,
    progress: Callable[[str, float], None] | None = None,
    mountings: tuple[Mounting, Mounting] = (AS_THE_FILE_SAYS, AS_THE_FILE_SAYS),
) -> tuple[list[tuple[str, dict[str, Any]]], Offset]:
    """(name, {"left": PNG bytes, "right": PNG bytes}) of quiet moments, and the offset used.

    Names are left times. offset_s : right clock minus left clock; None: measured from how both
    videos move. mountings : of left and right (session.toml).

    Raises
    ------
    CalibrationError : a video cannot be read, or the two have no moment in common.
    """
    say = progress or (lambda stage, share: None)
    for path in (left, right):
        refuse_damaged(path)
    motion = []
    for i, path in enumerate((left, right)):
        motion.append(_motion(path, mountings[i]))
        say("reading the calibration videos", (i + 1) / 4)
    offset = measured_offset(*motion) if offset_s is None else Offset(offset_s, True)
    moments = quiet_moments(motion[0], motion[1], offset.offset_s)
    if not moments:
        raise CalibrationError(
            "the two calibration videos have no moment in common", where=f"{left}, {right}",
            remedy="Start both cameras before showing the board.",
        )  # fmt: skip
    found = []
    for i, (path, side) in enumerate(((left, 0), (right, 1))):
        found.append(_pictures(path, {m[side] for m in moments}, mountings[side]))
        say("reading the calibration videos", 0.5 + (i + 1) / 4)
    pairs = [
        (f"{motion[0].time_s[a]:07.2f}s", {"left": found[0].get(a), "right": found[1].get(b)})
        for a, b in moments
    ]
    return pairs, offset
