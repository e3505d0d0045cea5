"""One camera's recording: one file, or chapters joined by their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.mounting import AS_THE_FILE_SAYS, Mounting
from sessions.errors import VideoError
from sessions.folder import Session
from sessions.video.file import VideoFile, in_order, index_file

#: Wall clocks in files count whole seconds, and some cameras write them late: a gap between two
#: chapters that is shorter than this is none.
LEAST_GAP_S = 3.0


@dataclass(frozen=True)
class VideoInfo:
    """What a camera recorded, read from the packets.

    path : the (first) file. times_s : (N,) time of each frame on the recording's own clock,
    ascending; 0 is where players show 0:00. files : the chapters, in order.
    keyframes : (M,) frame numbers from which decoding can start. size_px : upright.
    remarks : what is wrong with it, as predicates of "the left video". traits : what is special.
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
    begins, joints = joined(files)
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
        (*remarks, *(j for j in joints if j)),
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
    same = {f.path.resolve() for f in files}
    if len(same) < len(files) or not in_order(files):
        raise VideoError(
            "the chapters are not in the order of their recording"
            if len(same) == len(files)
            else "a chapter is listed twice",
            where=first.path,
            found=", ".join(
                f"{f.path.name} ({f.created:%H:%M:%S})" if f.created else f.path.name for f in files
            ),
            remedy="List them as they were recorded, the first one first.",
        )


def joined(files: Sequence[VideoFile]) -> tuple[list[float], list[str]]:
    """Where each chapter begins on the first one's clock, and a remark for each (or "").

    The next chapter's times go on where the last one's end (camcorders), or its wall clock says
    how long nothing was recorded; else it begins when the last one ends.
    """
    begins, remarks = [0.0], [""]
    for a, b in pairwise(files):
        end = begins[-1] + a.end_s
        goes_on = (b.zero_s + b.times_s[0]) - (a.zero_s + a.end_s)
        waited = None
        if a.created is not None and b.created is not None:
            waited = (b.created - a.created).total_seconds() - a.end_s
        if b.zero_s > 0 and -0.5 * a.step_s < goes_on < 3600:
            gap, said = goes_on, ""
        elif waited is not None and waited > LEAST_GAP_S:
            gap, said = waited, ", by its wall clock: ± 1 s from there on"
        else:
            gap, said = 0.0, ""
        begins.append(end + gap - float(b.times_s[0]))
        remarks.append(
            f"has a gap of {gap:.1f} s before {b.path.name}{said}" if gap > 2 * a.step_s else ""
        )
    return begins, remarks
