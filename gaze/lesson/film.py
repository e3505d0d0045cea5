"""A lesson's two videos on one clock, and the moments of them that are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calibration.rig import Rig
from gaze.lesson import refusals
from gaze.lesson.clock import judged_times, lesson_clock
from gaze.lesson.settings import AnalyzeSettings
from sessions.clock.motion import Clock
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.run import Progress
from sessions.video import Moments, VideoInfo, moments, probe


@dataclass(frozen=True)
class Film:
    """Two videos, the clock that joins them, and what was said of that clock.

    when : the moments to look at, on the left camera's clock.
    """

    left: VideoInfo
    right: VideoInfo
    clock: Clock
    said_of_clock: dict[str, Any]
    when: Moments

    @property
    def fingerprint(self) -> dict[str, list[int]]:
        """What tells these videos from others, without reading them whole."""
        both = ("left", self.left), ("right", self.right)
        return {name: [video.frames, video.path.stat().st_size] for name, video in both}

    def clock_facts(self) -> dict[str, Any]:
        """For quality.json: the clock, what was checked, and what the frame times say."""
        said = judged_times(self.left, self.right, self.said_of_clock)
        return {**self.clock.to_dict(), **said}

    def frame_facts(self) -> dict[str, Any]:
        """For quality.json: how many moments, and how many of them one camera has no frame of."""
        return {
            "moments": len(self.when),
            "without_left": int((self.when.frame_left < 0).sum()),
            "without_right": int((self.when.frame_right < 0).sum()),
            "fps_left": self.left.fps,
            "fps_right": self.right.fps,
        }


def open_film(session: Session, rig: Rig, settings: AnalyzeSettings, progress: Progress) -> Film:
    """Probe both videos, put them on one clock, choose the moments.

    Raises
    ------
    VideoError, SessionError, RigError : videos that cannot be read, of another size than the rig's
    cameras, or that share no moment between start and stop.
    """
    left, right = probe(session.video("left")), probe(session.video("right"))
    refusals.other_size_than_calibrated(rig, left, right)
    left, right, clock, said_of_clock = lesson_clock(session, left, right, progress)
    when = moments(
        left,
        right,
        clock.right_to_left(right.times_s),
        fps=settings.fps,
        start_s=settings.start_s,
        stop_s=settings.stop_s,
    )
    if len(when) == 0:
        raise SessionError(
            "there is nothing to analyse: the two videos share no moment between start and stop",
            where=session.folder,
            found=f"left {left.duration_s:.0f} s, right {right.duration_s:.0f} s, offset "
            f"{clock.offset_s:.2f} s",
            remedy="Check cameras.right.offset_s, --start and --stop.",
        )
    return Film(left, right, clock, said_of_clock, when)
