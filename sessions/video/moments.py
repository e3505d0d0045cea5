"""The moments to analyse, and the frame of each camera that shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sessions.video.info import VideoInfo

#: Groups of fewer frames are decoded as fast as their key frames.
SHORT_GROUP = 8


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


def nearest_frames(
    times_s: NDArray[np.float64], at_s: NDArray[np.float64], max_gap_s: float
) -> NDArray[np.int64]:
    """For each moment the nearest frame, or −1 where it is farther away than ``max_gap_s``."""
    if len(times_s) == 0:
        return np.full(len(at_s), -1)
    right = np.clip(np.searchsorted(times_s, at_s), 1, max(len(times_s) - 1, 1))
    right = np.minimum(right, len(times_s) - 1)
    left = np.maximum(right - 1, 0)
    best = np.where(np.abs(times_s[left] - at_s) <= np.abs(times_s[right] - at_s), left, right)
    return np.where(np.abs(times_s[best] - at_s) <= max_gap_s, best, -1)


def spread(video: VideoInfo, n: int) -> NDArray[np.int64]:
    """Some N frames from one end of a film to the other, ascending; key frames, where they are near
    (cheap to decode), but none that an encoder put there because the picture was another one for a
    moment."""
    wanted = np.linspace(0, video.frames - 1, min(n, video.frames)).round().astype(np.int64)
    lengths = np.diff(video.keyframes, append=video.frames)
    usual = (lengths**2).sum() / lengths.sum()  # of the group in which a frame is
    if usual < SHORT_GROUP:
        return np.unique(wanted)
    begins = video.keyframes[lengths >= usual / 2]
    nearest = begins[np.abs(begins[:, None] - wanted).argmin(0)]
    near = np.abs(nearest - wanted) < 0.5 * video.frames / len(wanted)
    return np.unique(np.where(near, nearest, wanted))


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
