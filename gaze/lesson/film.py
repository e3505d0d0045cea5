"""A lesson's two videos on one clock, and the moments of them that are looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.progress import Progress
from calibration.rig import Rig
from gaze.lesson import refusals
from gaze.lesson.background import Registered, as_it_is_now, refuse_other_camera, registered
from gaze.lesson.clock import clock_quality, lesson_clock, refuse_other_speed
from gaze.lesson.settings import AnalyzeSettings
from gaze.lesson.shown import without
from sessions.clock.joined import Joined
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.video import Moments, VideoInfo, moments, open_camera, whether_usual


@dataclass(frozen=True)
class Film:
    """Two videos, the clock that joins them, and what it rests on.

    rig : the lesson's, fitted to the videos' size. when : the moments to look at, on the left
    camera's clock. remarks : sentences on the files. lost : (M, 2) for every moment and camera "",
    or why its picture could not be looked at (:class:`sessions.video.FramePair`). changed : each
    camera against its calibration picture. aside : of how many moments each camera's picture is
    left out before it is looked at, as it shows something else for a while.
    """

    left: VideoInfo
    right: VideoInfo
    rig: Rig
    clock: Joined
    when: Moments
    remarks: tuple[str, ...]
    lost: NDArray[np.str_]
    changed: tuple[Registered, ...] = ()
    aside: tuple[int, int] = (0, 0)

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """(M,) moments of which a camera's picture is missing."""
        return np.asarray((self.lost != "").any(1))

    @property
    def fingerprint(self) -> dict[str, list[int]]:
        """What tells these videos from others, without reading them whole."""
        both = ("left", self.left), ("right", self.right)
        return {name: [video.frames, video.n_bytes] for name, video in both}

    def clock_facts(self) -> dict[str, Any]:
        """For quality.json: the clock, what was checked, and what the frame times say."""
        return clock_quality(self.clock, self.left, self.right)

    def frame_facts(self) -> dict[str, Any]:
        """For quality.json: what became of the pictures asked for, and the files' remarks."""
        remarks = list(self.remarks)
        out: dict[str, Any] = {"moments": len(self.when), "remarks": remarks}
        both = zip(CAMERAS, (self.left, self.right), self.lost.T, self.aside, strict=True)
        for name, info, lost, aside in both:
            counts = {why: int((lost == why).sum()) for why in ("corrupt", "missing", "none")}
            single = np.flatnonzero(lost == "aside")
            out[name] = {
                "asked": len(lost) - counts["none"] - len(single),
                **counts,
                "none": max(counts["none"] - aside, 0),
                "aside": aside + len(single),
                "single": len(single),
                "single_from_s": float(self.when.time_s[single[0]]) if len(single) else None,
                "decoded": int((lost == "").sum()),
                "fps": info.fps,
                "files": [f.path.name for f in info.files],
            }
            if counts["corrupt"] + counts["missing"] and not all(f.seekable for f in info.files):
                remarks.append(
                    f"The {name} video does not say which time a picture is of, so they are "
                    "counted: behind those that are damaged, times may be some pictures off."
                )
        return out


def open_film(session: Session, rig: Rig, settings: AnalyzeSettings, progress: Progress) -> Film:
    """Probe both videos, fit the rig to them, put them on one clock, choose the moments.

    Raises
    ------
    VideoError, SessionError, RigError : videos that cannot be read, of another shape than the
    rig's cameras, of cameras that moved since, or that share no moment between start and stop.
    """
    left, right = open_camera(session, "left"), open_camera(session, "right")
    refusals.one_recording(left, right)
    refusals.otherwise_mounted(rig, session)
    rig, said_of_size = refusals.fitted_to(rig, left, right)
    changed = registered(session, rig, {"left": left, "right": right})
    refuse_other_camera(changed, force=settings.force)
    rig = as_it_is_now(rig, changed)
    left, right, clock = lesson_clock(session, left, right, progress)
    left, right = (replace(v, shows=whether_usual(v)) for v in (left, right))
    refuse_other_speed(clock, force=settings.force)
    both = zip(CAMERAS, (left, right), strict=True)
    remarks = [f"The {name} video {remark}." for name, info in both for remark in info.remarks]
    when = moments(
        left,
        right,
        clock.clock.right_to_left(right.times_s),
        fps=settings.fps,
        start_s=settings.start_s,
        stop_s=settings.stop_s,
    )
    if len(when) == 0:
        raise SessionError(
            "there is nothing to analyse: the two videos share no moment between start and stop",
            where=session.folder,
            found=f"left {left.duration_s:.0f} s, right {right.duration_s:.0f} s, offset "
            f"{clock.clock.offset_s:.2f} s",
            remedy="Check cameras.right.offset_s, --start and --stop.",
        )
    all_frames = when.frame_left, when.frame_right
    when = without(when, [r.stretches for r in changed])
    used = when.frame_left, when.frame_right
    aside = [int((a != b).sum()) for a, b in zip(all_frames, used, strict=True)]
    lost = np.zeros((len(when), 2), "U8")
    remarks += said_of_size
    return Film(left, right, rig, clock, when, tuple(remarks), lost, changed, (aside[0], aside[1]))
