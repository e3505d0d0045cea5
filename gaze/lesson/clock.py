"""One clock for a lesson's two videos, and what their frame times say of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from calibration.transform import Array
from sessions.clock.motion import (
    Clock,
    check_clock,
    estimate_clock,
    judge_pair,
    judge_times,
    motion_energy,
    stretches,
)
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.run import Progress
from sessions.video import VideoInfo, read_frames, read_timestamps

CLOCK_SIZE_PX = (160, 90)
#: Shorter lessons hardly move enough for a clock (docs/calibration.md): a declared one is taken.
LEAST_TO_CHECK_S = 180.0


def lesson_clock(
    session: Session, left: VideoInfo, right: VideoInfo, report: Progress
) -> tuple[VideoInfo, VideoInfo, Clock, dict[str, Any]]:
    """One clock for both videos, and what the pictures say of it.

    timestamps.csv replaces the containers' times. The offset is session.toml's where it says one;
    with timestamps.csv it is 0; else it is estimated from how the two pictures move, and where
    that fails the containers' times are taken as they are, and quality.json says so.

    Returns the videos with their times, the clock, and for quality.json ``checked`` (a sentence:
    whether the pictures agree with a declared clock, or why none could be estimated) and
    ``causes`` (a declared clock that they contradict, a clock that jumps).
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
    declared = None
    if offset is not None:
        declared = Clock(offset, source="session.toml")
    elif stamped:
        declared = Clock(source="timestamps.csv")
    duration_s = min(float(np.ptp(v.times_s)) for v in (left, right))
    if declared is not None and duration_s < LEAST_TO_CHECK_S:
        unchecked = f"not checked against the pictures: {duration_s:.0f} s are too short for that"
        return left, right, declared, {"checked": unchecked, "causes": []}
    report("the cameras' clocks", 0.0)
    activity = [_activity(info, report, k / 2) for k, info in enumerate((left, right))]
    found = estimate_clock(*activity[0], *activity[1])
    report("the cameras' clocks", 1.0)
    causes = list(found.causes)
    checked = found.reason or "from the pictures"
    if declared is not None and found.clock is not None:
        frame_s = float(np.median(np.diff(left.times_s)))
        causes += check_clock(declared, found, frame_s, duration_s)
        checked = "the pictures contradict it" if causes else "the pictures agree"
    clock = declared or found.clock or Clock(source="assumed")
    return left, right, clock, {"checked": checked, "causes": [vars(c) for c in causes]}


def judged_times(left: VideoInfo, right: VideoInfo, said: dict[str, Any]) -> dict[str, Any]:
    """What the two videos' frame times say of themselves: gaps, rates, lengths; causes in words.

    said : what the pictures say of the clock (:func:`lesson_clock`); its causes come first.
    """
    both = ("left", left), ("right", right)
    reports = [judge_times(info.times_s, n, info.stated_duration_s) for n, info in both]
    causes = [*reports[0].causes, *reports[1].causes, *judge_pair(*reports)]
    return {
        "checked": said["checked"],
        "causes": [*said["causes"], *(vars(c) for c in causes)],
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
