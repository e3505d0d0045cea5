"""One clock for a lesson's two videos, and what their frame times say of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from calibration.clock import (
    Clock,
    estimate_clock,
    judge_pair,
    judge_times,
    motion_energy,
    stretches,
)
from calibration.transform import Array
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.run import Progress
from sessions.video import VideoInfo, read_frames, read_timestamps

CLOCK_SIZE_PX = (160, 90)


def lesson_clock(
    session: Session, left: VideoInfo, right: VideoInfo, report: Progress
) -> tuple[VideoInfo, VideoInfo, Clock]:
    """One clock for both videos.

    timestamps.csv replaces the containers' times. The offset is session.toml's where it says one;
    with timestamps.csv it is 0; else it is estimated from how the two pictures move, and where
    that fails the containers' times are taken as they are, and quality.json says so.
    """
    stamped = session.timestamps_path.is_file()
    if stamped:
        times = read_timestamps(session.timestamps_path)
        infos = []
        for name, info in (("left", left), ("right", right)):
            if name not in times or len(times[name]) != info.frames:
                raise SessionError(
                    f"timestamps.csv does not fit the {name} video",
                    where=session.timestamps_path,
                    found=f"{len(times.get(name, ()))} times",
                    expected=f"{info.frames} frames",
                )
            infos.append(replace(info, times_s=times[name]))
        left, right = infos
    offset = session.config.cameras.right.offset_s
    if offset is not None:
        return left, right, Clock(offset, source="session.toml")
    if stamped:
        return left, right, Clock(source="timestamps.csv")
    report("the cameras' clocks", 0.0)
    activity = [_activity(info, report, k / 2) for k, info in enumerate((left, right))]
    found = estimate_clock(*activity[0], *activity[1])
    report("the cameras' clocks", 1.0)
    if found.clock is None:
        return left, right, Clock(source="assumed")
    return left, right, found.clock


def judged_times(left: VideoInfo, right: VideoInfo) -> dict[str, Any]:
    """What the two videos' frame times say of themselves: gaps, rates, lengths; causes in words."""
    both = ("left", left), ("right", right)
    reports = [judge_times(info.times_s, n, info.stated_duration_s) for n, info in both]
    causes = [*reports[0].causes, *reports[1].causes, *judge_pair(*reports)]
    return {
        "causes": [vars(c) for c in causes],
        "times": {r.name: r.to_dict() for r in reports},
    }


def _activity(info: VideoInfo, report: Progress, begun: float) -> tuple[Array, Array]:
    """How much a video moves, in stretches spread over the lesson: times (N,) and energy (N,)."""
    since = info.times_s - info.times_s[0]
    parts = [np.flatnonzero((since >= b) & (since <= e)) for b, e in stretches(float(since[-1]))]
    total, done = sum(len(part) for part in parts), 0
    times, energies = [], []
    for part in parts:
        pictures, numbers = [], []
        for number, picture in read_frames(info, part.tolist()):
            small = cv2.resize(picture, CLOCK_SIZE_PX, interpolation=cv2.INTER_AREA)
            pictures.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
            numbers.append(number)
            done += 1
            report("the cameras' clocks", begun + 0.5 * done / total)
        time_s, energy = motion_energy(pictures, info.times_s[numbers])
        times.append(time_s)
        energies.append(energy)
    return np.concatenate(times), np.concatenate(energies)
