"""Two videos on one clock: what they hold, and the frame pairs of the moments to analyse."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from sessions.errors import VideoError

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds, read from its packets without decoding a picture.

    times_s : (N,) presentation time of each frame on the video's own clock, ascending.
    keyframes : (M,) frame numbers from which decoding can start.
    """

    path: Path
    times_s: NDArray[np.float64]
    pts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    size_px: tuple[int, int]
    codec: str
    stated_duration_s: float | None

    @property
    def frames(self) -> int:
        return len(self.times_s)

    @property
    def fps(self) -> float:
        """Median frame rate."""
        if self.frames < 2:
            return 0.0
        return float(1 / np.median(np.diff(self.times_s)))

    @property
    def duration_s(self) -> float:
        """From the first frame's time to the end of the last."""
        if self.frames == 0:
            return 0.0
        return float(self.times_s[-1] - self.times_s[0] + (1 / self.fps if self.fps else 0))


def probe(path: str | Path) -> VideoInfo:
    """Read a video's frame times, keyframes and size.

    Raises
    ------
    VideoError : no such file, not a video, no picture in it, or cut off before its stated end.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError("the video is missing", where=path)
    pts: list[int] = []
    key: list[bool] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError("the file holds no video", where=path)
            stream = container.streams.video[0]
            base = float(stream.time_base or 0)
            stated = float(stream.duration * base) if stream.duration else None
            stated_frames = int(stream.frames or 0)
            size, codec = (stream.width, stream.height), stream.codec_context.name
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    pts.append(packet.pts)
                    key.append(bool(packet.is_keyframe))
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            "the video cannot be read",
            where=path,
            found=str(error).split("] ")[-1].split(":")[0],
            expected="a whole video (was the recording stopped properly?)",
            remedy="Copy it again from the camera.",
        ) from error
    if not pts:
        raise VideoError("the video holds no frames", where=path, remedy="Copy it again.")
    order = np.argsort(pts)
    sorted_pts = np.asarray(pts, np.int64)[order]
    keyframes = np.flatnonzero(np.asarray(key)[order])
    times = sorted_pts * base
    info = VideoInfo(path, times, sorted_pts, keyframes, size, codec, stated)
    missing = max(
        1 - len(pts) / stated_frames if stated_frames else 0.0,
        1 - info.duration_s / stated if stated else 0.0,
    )
    if missing > 0.05:
        raise VideoError(
            "the video is truncated",
            where=path,
            found=f"{info.duration_s:.1f} s of frames",
            expected=f"{stated or stated_frames / max(info.fps, 1e-9):.1f} s, as its header says",
            remedy="Copy it again from the camera.",
        )
    if len(keyframes) == 0 or keyframes[0] != 0:
        keyframes = np.concatenate([[0], keyframes]).astype(np.int64)
        info = VideoInfo(path, times, sorted_pts, keyframes, size, codec, stated)
    return info


def read_frames(info: VideoInfo, frames: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """Decode the frames with these ascending numbers; yields (number, (H, W, 3) BGR uint8).

    Jumps to the nearest keyframe where that saves decoding. A frame that cannot be decoded is left
    out (the caller sees the gap); a broken stream raises :class:`VideoError`.
    """
    wanted = [int(f) for f in frames if 0 <= f < info.frames]
    if not wanted:
        return
    number_of = {int(p): i for i, p in enumerate(info.pts)}
    try:
        with av.open(str(info.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            k, position = 0, -1
            while k < len(wanted):
                start = int(info.keyframes[np.searchsorted(info.keyframes, wanted[k], "right") - 1])
                if start > position or position < 0:
                    container.seek(int(info.pts[start]), stream=stream, backward=True)
                jumped = False
                for frame in container.decode(stream):
                    if frame.pts is None:
                        continue
                    position = number_of.get(int(frame.pts), position)
                    while k < len(wanted) and wanted[k] < position:
                        k += 1  # could not be decoded: leave it out
                    if k < len(wanted) and wanted[k] == position:
                        yield position, frame.to_ndarray(format="bgr24")
                        k += 1
                    if k == len(wanted):
                        return
                    ahead = info.keyframes[np.searchsorted(info.keyframes, wanted[k], "right") - 1]
                    if ahead > position + 1:
                        jumped = True
                        break
                if not jumped:
                    return
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            "the video breaks off",
            where=info.path,
            found=str(error).split("] ")[-1].split(":")[0],
            remedy="Copy it again from the camera.",
        ) from error


@dataclass(frozen=True)
class Moments:
    """The moments to analyse: (N,) time on the lesson's clock and the frame of each camera.

    frame_left, frame_right : (N,) frame numbers, −1 where that camera has none near enough.
    """

    time_s: NDArray[np.float64]
    frame_left: NDArray[np.int64]
    frame_right: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time_s)

    def __getitem__(self, part: slice) -> Moments:
        return Moments(self.time_s[part], self.frame_left[part], self.frame_right[part])


def nearest_frames(times_s: NDArray[np.float64], at_s: NDArray[np.float64], max_gap_s: float):
    """For each moment the nearest frame, or −1 where it is farther away than ``max_gap_s``."""
    if len(times_s) == 0:
        return np.full(len(at_s), -1)
    right = np.clip(np.searchsorted(times_s, at_s), 1, max(len(times_s) - 1, 1))
    right = np.minimum(right, len(times_s) - 1)
    left = np.maximum(right - 1, 0)
    best = np.where(np.abs(times_s[left] - at_s) <= np.abs(times_s[right] - at_s), left, right)
    return np.where(np.abs(times_s[best] - at_s) <= max_gap_s, best, -1)


def moments(
    left: VideoInfo,
    right: VideoInfo,
    right_times_on_left_clock_s: NDArray[np.float64],
    *,
    fps: float,
    start_s: float | None = None,
    stop_s: float | None = None,
) -> Moments:
    """The moments at ``fps`` over what both videos share, each with its nearest frames.

    Moments lie on the left camera's own frames, so that the left time is exact; the right frame is
    the nearest, at most 0.6 of its frame time (or 40 ms) away.
    """
    begin = max(left.times_s[0], right_times_on_left_clock_s[0]) - 1e-6
    end = min(left.times_s[-1], right_times_on_left_clock_s[-1]) + 1e-6
    begin = begin if start_s is None else max(begin, start_s)
    end = end if stop_s is None else min(end, stop_s)
    wanted = np.arange(begin, end + 1e-9, 1 / fps) if end > begin else np.zeros(0)
    frame_left = nearest_frames(left.times_s, wanted, np.inf)
    frame_left = np.unique(frame_left[frame_left >= 0])
    time_s = left.times_s[frame_left]
    gap = max(0.6 / right.fps if right.fps else 0.0, 0.04)
    frame_right = nearest_frames(right_times_on_left_clock_s, time_s, gap)
    return Moments(time_s, frame_left, frame_right)


class FramePair(NamedTuple):
    """One moment's two pictures; an image is None where that camera has no frame."""

    moment: int
    time_s: float
    left: Image | None
    right: Image | None


def frame_pairs(left: VideoInfo, right: VideoInfo, when: Moments) -> Iterator[FramePair]:
    """Decode both videos side by side, in a thread of their own, a few pairs ahead."""

    def pairs() -> Iterator[FramePair]:
        streams = {
            "left": read_frames(left, when.frame_left[when.frame_left >= 0]),
            "right": read_frames(right, when.frame_right[when.frame_right >= 0]),
        }
        held: dict[str, tuple[int, Image] | None] = {n: next(s, None) for n, s in streams.items()}
        for i in range(len(when)):
            images: dict[str, Image | None] = {}
            for name, frame in (("left", when.frame_left[i]), ("right", when.frame_right[i])):
                while (have := held[name]) is not None and have[0] < frame:
                    held[name] = next(streams[name], None)
                images[name] = have[1] if have is not None and have[0] == frame else None
            yield FramePair(i, float(when.time_s[i]), images["left"], images["right"])

    yield from _ahead(pairs(), depth=6)


def _ahead(source: Iterator[FramePair], depth: int) -> Iterator[FramePair]:
    """Run an iterator in a thread, ``depth`` items ahead (PyAV lets go of the GIL)."""
    box: queue.Queue[FramePair | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: FramePair | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                box.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in source:
                if not put(item):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, daemon=True, name="decode")
    thread.start()
    try:
        while (item := box.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=5)


def read_timestamps(path: Path) -> dict[str, NDArray[np.float64]]:
    """``timestamps.csv`` (camera, frame, time_s) → per camera the time of each frame.

    Raises
    ------
    VideoError : columns missing, values that are not numbers, times that do not ascend.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise VideoError("timestamps.csv cannot be read", where=path, found=error) from error
    need = {"camera", "frame", "time_s"}
    if not need <= set(table.columns):
        raise VideoError(
            "timestamps.csv lacks columns",
            where=path,
            found=", ".join(map(str, table.columns)),
            expected="camera,frame,time_s",
        )
    out: dict[str, NDArray[np.float64]] = {}
    for camera, part in table.groupby("camera"):
        part = part.sort_values("frame")
        times = pd.to_numeric(part["time_s"], errors="coerce").to_numpy(np.float64)
        if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise VideoError(
                f"the times of camera {camera} do not ascend", where=path, expected="seconds"
            )
        out[str(camera)] = times
    return out
