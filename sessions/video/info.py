"""One camera's recording: one file, or chapters joined by their times."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.film import Image
from calibration.mounting import AS_THE_FILE_SAYS, Mounting
from sessions.errors import VideoError
from sessions.folder import Session
from sessions.video.file import VideoFile, index_file
from sessions.video.repeats import repeats_from
from sessions.video.unreadable import both_ends

#: Wall clocks in files count whole seconds, and some cameras write them late: a gap between two
#: chapters that is shorter than this is none.
LEAST_GAP_S = 3.0
#: Nothing is a lesson's with so long a break: the clock was reset, or the file is another day's.
MOST_GAP_S = 12 * 3600.0
#: By how much clocks are set back in autumn.
HOUR = dt.timedelta(hours=1)
#: Chapters whose own times begin within this begin anew each time; and by which share of its step a
#: chapter of another rate differs.
RUNNING_S, OTHER_RATE = 2.0, 0.1
#: Numbers in names that are so far apart count something else (the time of day).
MISSING = 10
#: GoPro's names: a chapter's two digits, then its recording's four.
GOPRO = re.compile(r"G[A-Z]\d{2}(\d{4})", re.IGNORECASE)


@dataclass(frozen=True)
class VideoInfo:
    """What a camera recorded, read from the packets.

    path : the (first) file. times_s : (N,) time of each frame on the recording's own clock,
    ascending; 0 is where players show 0:00. files : the chapters, in order.
    keyframes : (M,) frame numbers from which decoding can start. size_px : upright.
    remarks : what is wrong with it, as predicates of "the left video". traits : what is special.
    shows : whether a picture (h, w, 3) is one of what the camera usually shows
    (:class:`sessions.video.usual.Usual`); None: nobody asks.
    """

    path: Path
    times_s: NDArray[np.float64]
    files: tuple[VideoFile, ...]
    keyframes: NDArray[np.int64]
    size_px: tuple[int, int]
    codec: str
    stated_duration_s: float | None
    remarks: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    shows: Callable[[Image], bool] | None = None

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

    @property
    def n_bytes(self) -> int:
        """Size of its files."""
        return sum(f.path.stat().st_size for f in self.files)


def probe(
    paths: str | Path | Sequence[str | Path], mounting: Mounting = AS_THE_FILE_SAYS
) -> VideoInfo:
    """Read the frame times, key frames and size of a recording: a file, or its chapters in order.

    mounting : how session.toml says that the camera hangs.

    Raises
    ------
    VideoError : :func:`sessions.video.file.index_file`; chapters that do not belong together.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    files = [index_file(p, mounting) for p in listed]
    first = files[0]
    if len(files) == 1:
        return VideoInfo(
            first.path, first.times_s, (first,), first.keyframes, first.size_px, first.codec,
            first.stated_duration_s, first.remarks, first.traits,
        )  # fmt: skip
    _refuse_strangers(files)
    each_s = _lost_each_s(files)
    files, repeats = _once(files, each_s)
    begins, joints = joined(files, max(each_s, 0.0))
    counts = np.cumsum([0] + [f.frames for f in files])
    remarks = [f"({f.path.name}) {r}" for f in files for r in f.remarks]
    return VideoInfo(
        first.path,
        np.concatenate([f.times_s + b for f, b in zip(files, begins, strict=True)]),
        tuple(files),
        np.concatenate([f.keyframes + n for f, n in zip(files, counts, strict=False)]),
        first.size_px,
        first.codec,
        None,
        (*remarks, *(j for j in (*repeats, *joints) if j)),
        (f"{len(files)} chapters", *first.traits),
    )


def open_camera(session: Session, camera: str) -> VideoInfo:
    """:func:`probe` of ``left`` or ``right`` of a session, as its session.toml says."""
    return probe(session.videos(camera), session.mounting(camera))


def _refuse_strangers(files: Sequence[VideoFile]) -> None:
    first = files[0]
    for f in files[1:]:
        if f.size_px != first.size_px:
            raise VideoError(
                "the chapters of one recording differ in size",
                where=f.path,
                found=f"{f.size_px[0]} × {f.size_px[1]}",
                expected=f"{first.size_px[0]} × {first.size_px[1]}, as {first.path.name}",
                remedy="List one camera's chapters, all of one recording, under `video`.",
            )
    for f in files[1:]:
        if f.turn != first.turn:
            raise VideoError(
                "the chapters of one recording are turned differently",
                where=f.path,
                expected=f"as {first.path.name}",
                remedy="If the camera hung the same all the time, say how: `rotate = 0` (or 180) "
                "under its [cameras.…]. If it was turned, calibrate each part by itself.",
            )
    twice = len({f.path.resolve() for f in files}) < len(files) or any(
        _one_file(a, b) for a, b in combinations(files, 2)
    )
    back = None if twice else _set_back(files)
    if back is not None:
        raise VideoError(
            "by their wall clocks the chapters are not in the order of their recording; " + back[1],
            where=back[0].path,
            found=_began(files),
            remedy="If it was, list copies without a wall clock (`ffmpeg -i IN -c copy "
            "-map_metadata -1 OUT`); if not, list them as they were recorded, the first one first.",
        )
    if twice or not _in_order(files):
        raise VideoError(
            "a chapter is listed twice"
            if twice
            else "the chapters are not in the order of their recording",
            where=first.path,
            found=_began(files),
            remedy="List them as they were recorded, the first one first.",
        )


def _began(files: Sequence[VideoFile]) -> str:
    """The files' names and wall clocks, with the day where it is not one."""
    days = {f.created.date() for f in files if f.created}
    how = "%H:%M:%S" if len(days) < 2 else "%Y-%m-%d %H:%M:%S"
    return ", ".join(
        f"{f.path.name} ({f.created:{how}})" if f.created else f.path.name for f in files
    )


def _set_back(files: Sequence[VideoFile]) -> tuple[VideoFile, str] | None:
    """The chapter before which the wall clock falls back by an hour or is reset, if that alone puts
    them out of their order, and what is to be asked; None: it does not."""
    known = [(f, f.created) for f in files if f.created is not None]
    for k in range(1, len(known)):
        back = known[k - 1][1] - known[k][1]
        if back > dt.timedelta(0):
            before, after = [f for f, _ in known[:k]], [f for f, _ in known[k:]]
            if back.total_seconds() > MOST_GAP_S and _in_order(before) and _in_order(after):
                return known[k][0], (
                    f"from there on the clock is {back / dt.timedelta(days=1):.1f} days back: was "
                    "the camera's clock reset (an empty battery)?"
                )
            later = [replace(f, created=c + HOUR) for f, c in known[k:]]
            follows = _waited_s(before[-1], later[0])[0] > -LEAST_GAP_S
            if follows and _in_order([*before, *later]):
                return known[k][0], (
                    "by an hour more from there on they are: was the camera's clock set back for "
                    "winter time?"
                )
            return None
    return None


def _one_file(a: VideoFile, b: VideoFile) -> bool:
    """Whether two files hold the same, under whatever names."""
    same_size = a.path.stat().st_size == b.path.stat().st_size
    return same_size and both_ends(a.path) == both_ends(b.path)


def _lost_each_s(files: Sequence[VideoFile]) -> float:
    """What is lost between each chapter and the next (negative: shown twice), where the files'
    clocks say it of all of them together: one by one whole seconds do not show it."""
    waits = [_waited_s(a, b)[0] for a, b in pairwise(files) if a.created != b.created]
    waits = [w for w in waits if abs(w) <= LEAST_GAP_S]
    return sum(waits) / len(waits) if abs(sum(waits)) > LEAST_GAP_S else 0.0


def _once(files: Sequence[VideoFile], each_s: float) -> tuple[list[VideoFile], list[str]]:
    """The chapters, each without the frames with which the next one begins again, and remarks."""
    out, remarks = [], []
    if each_s:
        what = "is lost" if each_s > 0 else "is there twice"
        remarks.append(
            f"has {len(files)} chapters; by their wall clocks {abs(each_s):.1f} s {what} between "
            "each and the next: taken into account, ± 1 s"
        )
    for a, b in pairwise(files):
        number = a.frames if _other_rate(a, b) else repeats_from(a, b)
        if number == a.frames and each_s < 0:
            number = int(np.searchsorted(a.times_s, a.end_s + each_s))
        if number:
            out.append(a.until(number))
        if number < a.frames and each_s >= 0:
            twice_s = a.end_s - float(a.times_s[number])
            remarks.append(
                f"has the last {twice_s:.1f} s of {a.path.name} again in {b.path.name}: taken once"
            )
    return [*out, files[-1]], remarks


def joined(files: Sequence[VideoFile], lost_s: float = 0.0) -> tuple[list[float], list[str]]:
    """Where each chapter begins on the first one's clock, and a remark for each (or "").

    The next chapter's times go on where the last one's end (camcorders), or its timecode or wall
    clock says how long nothing was recorded; else it begins ``lost_s`` after the last one's end.
    """
    begins, remarks = [0.0], [""]
    for a, b in pairwise(files):
        end = begins[-1] + a.end_s
        goes_on = (b.zero_s + b.times_s[0]) - (a.zero_s + a.end_s)
        waited, clock = _waited_s(a, b)
        if b.zero_s > 0 and -0.5 * a.step_s < goes_on < 3600:
            gap, said = goes_on, ""
        elif waited > MOST_GAP_S:
            gap = lost_s
            said = (
                f"has {b.path.name} begin {waited / 3600:.0f} hours after {a.path.name} ends, by "
                f"its {clock}: is it set, and is it one lesson? Taken one behind the other"
            )
        elif waited > LEAST_GAP_S:
            gap, said = waited, f", by its {clock}: ± 1 s from there on"
        else:
            gap, said = lost_s, _doubt(a, b, goes_on)
        begins.append(end + gap - float(b.times_s[0]))
        rates = [f"{1 / f.step_s:.3g}" if f.step_s else "" for f in (a, b)]
        if gap > 2 * a.step_s and gap != lost_s:
            said = f"has a gap of {gap:.1f} s before {b.path.name}{said}"
        elif _other_rate(a, b) and all(rates):
            said = f"has {rates[0]} pictures a second, then {rates[1]} in {b.path.name}"
        remarks.append(said)
    return begins, remarks


def _other_rate(a: VideoFile, b: VideoFile) -> bool:
    return abs(b.step_s - a.step_s) > OTHER_RATE * a.step_s


def _waited_s(a: VideoFile, b: VideoFile) -> tuple[float, str]:
    """How long nothing was recorded between two chapters, and by which clock; 0: nobody says."""
    if a.timecode_s is not None and b.timecode_s is not None:
        waited_s = (b.timecode_s - a.timecode_s) % 86400 - a.end_s  # past midnight as well
        if abs(waited_s) < 43200 and b.timecode_s != a.timecode_s:
            return waited_s, "timecode"
    if a.created is not None and b.created is not None:
        return (b.created - a.created).total_seconds() - a.end_s, "wall clock"
    return 0.0, ""


def _doubt(a: VideoFile, b: VideoFile, goes_on_s: float) -> str:
    """What speaks against b's being the chapter after a, where no clock says so."""
    ends = a.zero_s + a.end_s
    if a.zero_s > 0 and a.zero_s < b.zero_s < ends:
        return (
            f"has {b.path.name} begin {-goes_on_s:.1f} s before {a.path.name} ends, by their own "
            "times: taken one behind the other"
        )
    if a.zero_s > b.zero_s + RUNNING_S:
        return (
            f"has {b.path.name} behind {a.path.name}, against their own times: is that the order?"
        )
    of = [GOPRO.fullmatch(f.path.stem) for f in (a, b)]
    if of[0] and of[1] and of[0][1] != of[1][1]:
        return (
            f"goes from {a.path.name} to {b.path.name}, by their names two recordings: how long "
            "nothing was recorded between them is not known, and taken as 0"
        )
    numbers = _number(a.path, b.path)
    if numbers is None or numbers[1] == numbers[0] + 1:
        return ""
    if numbers[1] <= numbers[0]:
        return f"has {b.path.name} behind {a.path.name}: is that the order?"
    if numbers[1] < numbers[0] + MISSING:
        return f"goes from {a.path.name} to {b.path.name}: is a chapter missing between them?"
    return ""


def _number(a: Path, b: Path) -> tuple[int, int] | None:
    """The number in which alone two files' names differ; None: they differ otherwise.

    GoPro's GX010012 and GX020012 differ in the two digits before the recording's four.
    """
    parts = [re.split(r"(\d+)", p.stem) for p in (a, b)]
    differ = [(x, y) for x, y in zip_longest(*parts) if x != y]
    if len(differ) != 1 or not all(x and x.isdigit() for x in differ[0]):
        return None
    x, y = differ[0]
    if len(x) == len(y) > 4 and x[-4:] == y[-4:]:
        x, y = x[:-4], y[:-4]
    return int(x), int(y)


def _in_order(files: Sequence[VideoFile]) -> bool:
    """Whether the wall clocks of a camera's files ascend, as far as they are known."""
    known = [f.created for f in files if f.created is not None]
    return all(a <= b for a, b in pairwise(known))
