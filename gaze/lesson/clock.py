"""One clock for a lesson's two videos, measured before any face is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from calibration.progress import Progress
from calibration.verdict import Cause
from sessions.clock.activity import Activity, Sense
from sessions.clock.clock import Clock
from sessions.clock.joined import Joined, join
from sessions.clock.match import REACH_S, Estimate, match
from sessions.clock.motion import MOTION, motion_energy, stretches
from sessions.clock.sound import SOUND, hear, heard_before
from sessions.clock.times import judge_pair, judge_times
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.video import VideoInfo, read_frames, read_timestamps
from sessions.video.seen_before import seen_before

CLOCK_SIZE_PX = (160, 90)
STAGE = "the cameras' clocks"
#: Pictures are decoded for the clock alone only where nothing else says it, and then this long.
STRETCH_S = 60.0
#: One video so much longer than the other may be in slow motion: what is declared is looked at too.
LEAST_LONGER = 1.5
#: How many times slower right's times may run than left's.
SPEEDS = (0.125, 0.25, 0.5, 2.0, 4.0, 8.0)
#: Wall clocks in files that differ by more are set wrong, not started apart.
WALL_CLOCK_S = 6 * 3600.0


def lesson_clock(
    session: Session,
    left: VideoInfo,
    right: VideoInfo,
    progress: Progress,
    *,
    motion: bool | None = None,
    stretch_s: float = STRETCH_S,
    heard_s: float = np.inf,
) -> tuple[VideoInfo, VideoInfo, Joined]:
    """The videos with their times, and one clock for both, before any face is looked for.

    timestamps.csv replaces the containers' times. A declared clock (session.toml's offset, or
    timestamps.csv) is taken and checked. Sound is listened to (``heard_s`` of it) while both may
    have some, and chapters that begin with what was heard (without sound: seen) before are among
    the videos' remarks; pictures are decoded for their motion (``motion``: yes, no; in stretches of
    ``stretch_s``) where nothing is declared, or the lengths do not fit, and sound does not do. If
    nothing fits then, other speeds are tried.
    """
    left, right, stamped = _stamped(session, left, right)
    offset = session.config.cameras.right.offset_s
    declared = None
    if offset is not None:
        declared = Clock(offset, source="session.toml")
    elif stamped:
        declared = Clock(source="timestamps.csv")
    about_s = wall_clock_offset_s(left, right) if declared is None else declared.offset_s
    progress(STAGE, 0.0)
    heard: list[Activity | None] = []
    for k, info in enumerate((left, right)):
        needed = None not in heard or len(info.files) > 1  # alone it says what is there twice
        until_s = float(info.times_s[0]) + heard_s
        heard.append(hear(sounds_of(info), until_s) if needed else None)
        progress(STAGE, 0.1 * (k + 1))
    left, right = (with_repeats(i, h) for i, h in zip((left, right), heard, strict=True))
    estimates = [_by_sound(heard, about_s)]
    joined = joined_by(estimates, left, right, declared)
    if motion is None:
        long_s, short_s = (f(left.duration_s, right.duration_s) for f in (max, min))
        unlike = long_s > LEAST_LONGER * short_s
        motion = (declared is None or unlike) and joined.measured is None
    if motion:
        moving = [
            _motion(info, progress, 0.2 + 0.4 * k, stretch_s)
            for k, info in enumerate((left, right))
        ]
        estimates.append(_matched(moving[0], moving[1], MOTION, about_s))
        joined = joined_by(estimates, left, right, declared)
        if joined.measured is None:
            other = other_speed([(SOUND, heard), (MOTION, moving)], left, right)
            joined = replace(joined, causes=(*other, *joined.causes))
    progress(STAGE, 1.0)
    return left, right, joined


def other_speed(
    perceived: Sequence[tuple[Sense, Sequence[Activity | None]]], left: VideoInfo, right: VideoInfo
) -> tuple[Cause, ...]:
    """That one video's times run several times slower than the other's, if a sense matches so:
    slow motion, or a time lapse, whose file does not say it."""
    for sense, (one, other) in perceived:
        if one is None or other is None:
            continue
        tried = {r: match(one, replace(other, times_s=other.times_s / r), sense) for r in SPEEDS}
        ratio = max(tried, key=lambda r: tried[r].score * (tried[r].clock is not None))
        if tried[ratio].clock is None:
            continue
        name, times, info = ("right", ratio, right) if ratio > 1 else ("left", 1 / ratio, left)
        return (
            Cause(
                "clock_other_speed",
                "FAIL",
                f"{sense.name} of the two videos fits if the {name} one's runs {times:g} times as "
                "fast as its times say: it was filmed in slow motion, or the other one is a time "
                "lapse",
                "Film both at one ordinary rate. For this lesson, if it is slow motion: `ffmpeg "
                f"-itsscale {1 / times:g} -i {info.path.name} -c copy -an OUT`, and OUT as "
                f"cameras.{name}.video.",
            ),
        )
    return ()


def refuse_other_speed(clock: Joined, *, force: bool = False) -> None:
    """Refuse two videos of which one is in slow motion.

    Raises
    ------
    SessionError : which one, by how much, what helps.
    """
    for cause in clock.causes:
        if cause.code == "clock_other_speed" and not force:
            raise SessionError(cause.message, remedy=cause.action)


def clock_quality(joined: Joined, left: VideoInfo, right: VideoInfo) -> dict[str, Any]:
    """For quality.json: the clock, what each sense says, and what frame times say of themselves."""
    both = ("left", left), ("right", right)
    reports = [judge_times(info.times_s, n, info.stated_duration_s) for n, info in both]
    causes = [*reports[0].causes, *reports[1].causes, *judge_pair(*reports)]
    said = joined.to_dict()
    return {
        **said,
        "causes": [*said["causes"], *(vars(c) for c in causes)],
        "times": {r.name: r.to_dict() for r in reports},
    }


# -- the senses ------------------------------------------------------------------------------------
def joined_by(
    estimates: list[Estimate], left: VideoInfo, right: VideoInfo, declared: Clock | None
) -> Joined:
    """The senses together, over the left video's times."""
    frame_s = 1 / max(min(left.fps, right.fps), 1.0)
    begin, end = float(left.times_s[0]), float(left.times_s[-1])
    return join(estimates, (begin, end), declared=declared, frame_s=frame_s)


def _stamped(
    session: Session, left: VideoInfo, right: VideoInfo
) -> tuple[VideoInfo, VideoInfo, bool]:
    """The videos with the times of timestamps.csv, where there is one."""
    if not session.timestamps_path.is_file():
        return left, right, False
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
    return infos[0], infos[1], True


def _by_sound(heard: list[Activity | None], about_s: float) -> Estimate:
    left, right = heard
    if left is None or right is None:
        return Estimate(SOUND.name, None, f"the {'right' if left else 'left'} video has none")
    return _matched(left, right, SOUND, about_s)


def with_repeats(info: VideoInfo, heard: Activity | None) -> VideoInfo:
    """With a remark for each chapter that begins with what was heard in an earlier one (without
    sound: seen): the same minutes given out twice, or a chapter listed again, encoded otherwise."""
    if len(info.files) < 2:
        return info
    firsts = np.cumsum([f.frames for f in info.files])[:-1]
    begins_s = [float(t) for t in info.times_s[firsts]]
    before = seen_before(info) if heard is None else heard_before(heard, begins_s)
    sense = "seen" if heard is None else "heard"
    said = []
    for file, found in zip(info.files[1:], before, strict=True):
        if found is None:
            continue
        k = int(np.searchsorted(begins_s, found[0], "right"))
        since_s = max(found[0] - ([float(info.times_s[0]), *begins_s][k]), 0.0)
        said.append(
            f"has {file.path.name} begin with what was {sense} in {info.files[k].path.name} from "
            f"{since_s:.0f} s on: the same minutes twice; leave one of them out"
        )
    return replace(info, remarks=(*info.remarks, *said))


def _matched(left: Activity, right: Activity, sense: Sense, about_s: float) -> Estimate:
    """What a sense says near the wall clocks' offset, else near 0: one camera may be set to another
    time zone, or still to winter time."""
    found = match(left, right, sense, about_s)
    if found.clock is None and abs(about_s) > REACH_S / 2:
        near_zero = match(left, right, sense, 0.0)
        return found if near_zero.clock is None else near_zero
    return found


def wall_clock_offset_s(left: VideoInfo, right: VideoInfo) -> float:
    """Right's clock minus left's by the wall clocks in the files; 0 where they cannot say it."""
    began, other = (info.files[0].created if info.files else None for info in (left, right))
    if began is None or other is None:
        return 0.0
    apart_s = (began - other).total_seconds()
    return apart_s if REACH_S / 2 < abs(apart_s) < WALL_CLOCK_S else 0.0


def sounds_of(info: VideoInfo) -> list[tuple[Path, float]]:
    """Each file, and what is to be added to its own times to have the recording's."""
    first, out = 0, []
    for file in info.files:
        out.append((file.path, float(info.times_s[first] - file.times_s[0]) - file.zero_s))
        first += file.frames
    return out


def _motion(info: VideoInfo, progress: Progress, begun: float, stretch_s: float) -> Activity:
    """How much a video moves, in stretches spread over the lesson."""
    since = info.times_s - info.times_s[0]
    parts = stretches(float(since[-1]), length_s=stretch_s)
    times, energies = [], []
    for k, (begin, end) in enumerate(parts):
        numbers = np.flatnonzero((since >= begin) & (since <= end)).tolist()
        seen, pictures = [], []
        for number, picture in read_frames(info, numbers, grey=True, small_px=CLOCK_SIZE_PX):
            seen.append(number)
            pictures.append(picture)
        time_s, energy = motion_energy(pictures, info.times_s[seen])
        times.append(time_s)
        energies.append(energy)
        progress(STAGE, begun + 0.4 * (k + 1) / len(parts))
    return Activity.of(np.concatenate(times), np.concatenate(energies), info.path.name)
