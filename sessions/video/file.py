"""One video file: the time of every frame, where decoding can start, which way is up.

Read from the packets, without decoding more than the first picture. Frames are numbered in the
order in which they are shown; time 0 is where players show 0:00 (the container's own start).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from calibration.film import (
    FilmPacket,
    askew_deg,
    best_stream,
    decoded,
    open_file,
    packets_of,
    pixel_aspect,
    square_px,
    turn_flag,
)
from calibration.mounting import AS_THE_FILE_SAYS, Mounting, Turn
from sessions.errors import VideoError
from sessions.names import in_place_of_file
from sessions.video.matroska import damaged_clusters, said_of
from sessions.video.metadata import (
    NOT_FOLLOWED,
    TURNED_OVER,
    created,
    edits,
    films_glued,
    is_cut_avi,
    later_turns,
    other_speed,
    timecode_s,
)
from sessions.video.unreadable import no_video, undecodable, unreadable

#: Packets that may be decoded in search of a first picture.
MOST_TO_FIRST = 2000
#: Times that fall back by more than this begin again (a camera's clock was set, files were glued).
RESTART_S = 0.5
#: Damaged stamps: so many in a row at most, while the next good one is no further away than this.
STRAYS, FAR_S = 8, 30.0
#: A share of packets without a time that is damage; more: the file has no times.
FEW = 0.05
#: A share of the header's duration that is not there: cut off.
CUT_OFF = 0.02
#: FFmpeg's flag of bare streams (.h264, .mjpeg): their times are made up (AVFMT_NOTIMESTAMPS).
NO_TIMES = 0x80
#: Sound behind the last picture, in seconds and as a share of the film, that is worth a word.
SOUND_ALONE_S = 2.0
#: Key frames that are tried, to see whether decoding can begin at them, and packets for each.
TRIED, TRIED_PACKETS = 3, 40
#: A display matrix this far from a quarter turn asks for something that is not done.
ASKEW_DEG = 5.0
#: Lists of other files: their pictures are not this file's.
LISTS = frozenset({"hls", "concat", "dash", "imf"})


@dataclass(frozen=True)
class VideoFile:
    """What one file holds; N frames, in the order shown.

    stream : index of the film's stream. times_s : (N,) ascending, 0 where players show 0:00.
    pts, dts : (N,) the frame's packet, in ``time_base``.
    keyframes : (M,) frame numbers from which decoding can start; the first is 0.
    seekable : the packets' times name the frames. Where they do not (raw streams, times that are
        missing or begin again) frames are counted from the file's start.
    reorder : frames that may have to be decoded before a frame that is shown earlier.
    turn, aspect, size_px : which way is up; width of a stored pixel over its height; (width,
        height) upright, in square pixels. mounting : of which ``turn`` was made.
    turn_each : every key frame says which way is up; one that does not is upright.
    damaged : bytes (from, to before) whose checksums say that they are not what was written.
    interlaced : a frame's lines are filled in from its neighbours.
    zero_s : the container's own time at 0:00. created : its wall clock there, where it says one;
    timecode_s : its timecode there, seconds since midnight, where it has one.
    traits : what is out of the ordinary, for the user. remarks : what is wrong, as predicates of
        "the video" ("ends after …").
    """

    path: Path
    stream: int
    time_base: Fraction
    times_s: NDArray[np.float64]
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    keyframes: NDArray[np.int64]
    seekable: bool
    reorder: int
    turn: Turn
    aspect: float
    size_px: tuple[int, int]
    codec: str
    zero_s: float
    created: dt.datetime | None
    stated_duration_s: float | None
    timecode_s: float | None = None
    interlaced: bool = False
    traits: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    mounting: Mounting = AS_THE_FILE_SAYS
    turn_each: bool = False
    damaged: tuple[tuple[int, int], ...] = ()

    @property
    def frames(self) -> int:
        return len(self.times_s)

    @property
    def step_s(self) -> float:
        """Median time from a frame to the next."""
        return float(np.median(np.diff(self.times_s))) if self.frames > 1 else 0.0

    @property
    def only_keyframes(self) -> bool:
        """Whether no frame leans on another (MJPEG, editors' formats)."""
        return self.seekable and len(self.keyframes) == self.frames

    @property
    def end_s(self) -> float:
        """When the last frame ends."""
        return float(self.times_s[-1]) + self.step_s

    def keyframe_before(self, number: int) -> int:
        """The last frame at or before ``number`` from which decoding can start."""
        if not self.seekable:
            return 0
        return int(self.keyframes[np.searchsorted(self.keyframes, number, "right") - 1])

    def until(self, number: int) -> VideoFile:
        """Without this frame and those behind it."""
        return replace(
            self,
            times_s=self.times_s[:number],
            pts=self.pts[:number],
            dts=self.dts[:number],
            keyframes=self.keyframes[self.keyframes < number],
        )

    def number_of(self, pts: int | None) -> int | None:
        """The frame of this presentation time; None: there is none."""
        k = int(np.searchsorted(self.pts, pts)) if pts is not None else self.frames
        return k if k < self.frames and self.pts[k] == pts else None


class Packets(NamedTuple):
    """The film's packets in the order of the file; a missing stamp is NaN.

    hidden : packets that are decoded but not shown (before a cut). sound_end_s : the container's
    time at which its sound ends, where the film's own stream does not say how long it is; else −∞.
    """

    pts: NDArray[np.float64]
    dts: NDArray[np.float64]
    key: NDArray[np.bool_]
    damaged: int
    hidden: int
    sound_end_s: float = -np.inf

    @classmethod
    def read(cls, container: InputContainer, stream: VideoStream) -> Packets:
        rows, sound_end_s = [], -np.inf
        others = () if _own_duration_s(container, stream) else container.streams.audio
        for p in packets_of(container, stream, *others):
            if p.stream_index != stream.index:
                if p.pts is not None:
                    sound_end_s = max(sound_end_s, float((p.pts + (p.duration or 0)) * p.time_base))
                continue
            rows.append(
                (np.nan if p.pts is None else p.pts, np.nan if p.dts is None else p.dts,
                 p.is_keyframe, p.is_corrupt, p.is_discard or not _shown(p, stream))
            )  # fmt: skip
        table = np.array(rows, np.float64).reshape(-1, 5)
        hidden = table[:, 4] > 0
        pts, dts, key, damaged, _ = table[~hidden].T
        return cls(pts, dts, key > 0, int(damaged.sum()), int(hidden.sum()), sound_end_s)

    def first_fields(self) -> Packets:
        """Without the packets that hold a frame's second field."""
        second = np.isnan(self.pts)
        if not 0.4 < second.mean() < 0.6:
            second = np.arange(len(self.pts)) % 2 == 1
        hidden = self.hidden + int(second.sum())
        return self._only(~second)._replace(hidden=hidden)

    def without_strays(self, base: float) -> Packets:
        """Without packets whose stamps are damaged: far off while those after them go on, or
        missing where nearly all have one."""
        unnamed = np.isnan(self.pts)
        stray = strays(_filled(self.dts) * base)
        if unnamed.mean() < FEW:
            stray |= unnamed
        if not stray.any():
            return self
        damaged = self.damaged + int(stray.sum())
        return self._only(~stray)._replace(damaged=damaged)

    def _only(self, kept: NDArray[np.bool_]) -> Packets:
        return self._replace(pts=self.pts[kept], dts=self.dts[kept], key=self.key[kept])


def strays(times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) stamps that leap away from their neighbours and are not followed: damage, no restart."""
    out = np.zeros(len(times_s), np.bool_)
    k, last = 1, 0  # last: the last one that is not stray
    while k < len(times_s):
        ahead = times_s[k : k + STRAYS + 1] - times_s[last]
        follows = np.flatnonzero((ahead > -RESTART_S) & (ahead < FAR_S))
        if len(follows) and follows[0] > 0:
            out[k : k + follows[0]] = True
            k += int(follows[0])
        last, k = k, k + 1
    return out


def _shown(packet: FilmPacket, stream: VideoStream) -> bool:
    """Whether a packet becomes a picture (VP8's golden frames do not)."""
    return stream.codec_context.name != "vp8" or bool(bytes(packet)[0] & 0x10)


def index_file(path: str | Path, mounting: Mounting = AS_THE_FILE_SAYS) -> VideoFile:
    """Read a file's frame times, key frames, size and first picture.

    mounting : how session.toml says that the camera hangs.

    Raises
    ------
    VideoError : no such file, not a video, unfinished, or without a picture that can be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError("the video is missing", where=path, found=in_place_of_file(path))
    try:
        n_bytes = path.stat().st_size
        with open_file(path) as container:
            if container.format.name in LISTS:
                raise VideoError(
                    "the file is a list of other files, no video",
                    where=path,
                    remedy="Name the videos themselves: `video = [...]`, in their order.",
                )
            if container.format.name.endswith("_pipe"):  # FFmpeg's way to read one picture
                raise no_video(path, "a picture")
            stream = best_stream(container)
            if stream is None:
                kinds = sorted({s.type for s in container.streams})
                raise no_video(path, f"{' and '.join(kinds) or 'nothing'} alone")
            packets = Packets.read(container, stream)
            if len(packets.pts) == 0:
                raise VideoError("the video holds no frames", where=path, remedy="Copy it again.")
            first = _first_picture(path, stream.index)
            if first is None:
                raise undecodable(path, stream.index, len(packets.pts))
            if first.interlaced_frame and _two_packets_a_frame(path, stream.index):
                packets = packets.first_fields()
            packets = packets.without_strays(float(stream.time_base or 0))
            if not _keys_stand_alone(path, stream, packets):
                packets = packets._replace(key=np.zeros(len(packets.key), np.bool_))
            if path.stat().st_size != n_bytes:
                raise VideoError(
                    "the video is still being written or copied",
                    where=path,
                    remedy="Wait until that is done, and run the same command again.",
                )
            file = _indexed(path, container, stream, packets, first, mounting)
            if file.seekable:
                keys = file.dts[file.keyframes].tolist()
                each, ends = later_turns(container, stream.index, keys, first)
                over = ends is not None and mounting.turn(ends) != file.turn
                remarks = (*file.remarks, TURNED_OVER) if over else file.remarks
                file = replace(file, turn_each=each, remarks=remarks)
            return file
    except (av.error.FFmpegError, OSError) as error:
        raise unreadable(path, error) from error


def _first_picture(path: Path, index: int) -> VideoFrame | None:
    """The first frame that can be decoded whole."""
    with open_file(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream)
        for k, (frame, whole) in enumerate(
            decoded(packets_of(container, stream), stream.codec_context, hold=0)
        ):
            if frame is not None and whole:
                return frame
            if k > MOST_TO_FIRST:
                break
    return None


def _keys_stand_alone(path: Path, stream: VideoStream, packets: Packets) -> bool:
    """Whether decoding can begin at what the packets call key frames.

    In an H.264 film that is refreshed bit by bit these are only places from which on a picture is
    whole *some time later*; of H.263 in .avi FFmpeg calls every one so. One of three that gives its
    picture is enough.
    """
    keys = np.flatnonzero(packets.key & ~np.isnan(packets.pts) & ~np.isnan(packets.dts))[1:]
    if stream.codec_context.name not in ("h263", "h264") or len(keys) == 0:
        return True
    reached = False
    for key in keys[np.linspace(0, len(keys) - 1, min(TRIED, len(keys))).astype(int)]:
        pts = packets.pts[key]
        with open_file(path) as container:
            anew = container.streams[stream.index]
            assert isinstance(anew, VideoStream)
            container.seek(int(packets.dts[key]), stream=anew, backward=True)
            near = islice(packets_of(container, anew), MOST_TO_FIRST)
            found = next((p for p in near if p.pts == pts), None)
            if found is None:
                continue
            reached = True
            since = chain([found], islice(near, TRIED_PACKETS))
            for frame, whole in decoded(since, anew.codec_context, hold=0):
                if frame is not None and frame.pts == pts and whole:
                    return True
    return not reached  # a container that lands behind what is sought tells nothing


def _two_packets_a_frame(path: Path, index: int, n: int = 40) -> bool:
    """Whether each field of an interlaced film is a packet (some 1080i camcorders)."""
    with open_file(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream)
        head = list(islice(packets_of(container, stream), n))
        whole = [good for _, good in decoded(head, stream.codec_context, hold=0)]
    return all(whole) and 5 < len(whole) < 0.6 * len(head)


def _indexed(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    packets: Packets,
    first: VideoFrame,
    mounting: Mounting,
) -> VideoFile:
    base = stream.time_base or Fraction(1, 1000)
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    remarks, traits = [], []
    pts, dts, n = packets.pts, packets.dts, len(packets.pts)
    cuts = edits(path) if "mp4" in container.format.name else []
    if any(start < 0 or speed != 1 for start, speed in cuts):
        remarks.append(NOT_FOLLOWED)
    restarts = np.flatnonzero(np.diff(_filled(dts)) * float(base) < -RESTART_S) + 1
    counted = (
        np.isnan(pts).any()
        or len(np.unique(pts)) < n
        or len(restarts) > 0
        or (container.format.name == "mpeg" and bool((np.diff(_filled(dts)) < 0).any()))
        or _stamped_as_stored(container, stream, pts)
        or container.format.name == "dhav"  # what times it tells depends on where reading begins
        or len(cuts) > 1  # after a leap FFmpeg has lost where the parts begin
    )
    if counted:
        order = np.arange(n)
        times = _counted_times(pts, dts, restarts, float(base), float(1 / rate))
        if len(restarts):
            remarks.append(
                f"has times that begin again {len(restarts)} time{'s' * (len(restarts) > 1)}: "
                "taken as one recording without a gap"
            )
        zero = 0.0
    else:
        order = np.argsort(pts, kind="stable")
        times = pts[order] * float(base)
        zero = times[0]
        if container.start_time is not None and not _is_avi(container):  # .avi has no start
            zero = container.start_time / 1e6
        zero = float(times[0] if abs(zero - times[0]) < 1e-4 else zero)
        times = times - zero
    if container.format.flags & NO_TIMES or (np.isnan(pts).all() and np.isnan(dts).all()):
        remarks.append(
            f"holds no times: {float(rate):g} frames per second are taken; if the camera took "
            "another number, wrap it into .mp4 with that one"
        )
    where = np.empty(n, np.int64)  # where in the file each shown frame lies
    where[:] = order
    keyframes = np.union1d([0], np.flatnonzero(packets.key[order])).astype(np.int64)
    length = float(times[-1] - times[0]) + (float(np.median(np.diff(times))) if n > 1 else 0.0)
    stated, there = _own_duration_s(container, stream), length
    if stated is None and container.duration:
        stated = container.duration / 1e6  # from the first moment to the last, or from 0
        there = max(length + float(times[0]), packets.sound_end_s - zero)
        if stated > there and container.start_time:
            stated -= container.start_time / 1e6
    counts = stream.frames and not _is_avi(container)  # .avi counts lost frames, too
    short = 1 - (n + packets.hidden) / stream.frames if counts else 0.0
    if stated and n > 1:  # whose end an editor cut off has all frames listed, and says how long
        short = 1 - there / stated
    alone_s = _sound_end_s(container, packets) - zero - float(times[0]) - length
    if not counted and short > CUT_OFF:
        said = stated or stream.frames / float(rate)
        remarks.append(
            f"ends after {there:.1f} s, its header says {said:.1f} s: it is cut off or damaged"
        )
    elif not counted and alone_s > max(SOUND_ALONE_S, CUT_OFF * length):
        remarks.append(f"has {alone_s:.0f} s of sound behind its last picture")
    if packets.damaged:
        remarks.append(f"has {packets.damaged} damaged packet{'s' * (packets.damaged > 1)} of {n}")
    damaged = damaged_clusters(path) if "matroska" in container.format.name else ()
    remarks += said_of(damaged)
    if {"mp4", "flv"} & {*container.format.name.split(",")} and (glued := films_glued(path)) > 1:
        remarks.append(
            f"holds {glued} films, glued one behind the other, and the first alone can be read: "
            "give the files themselves, in their order"
        )
    if n > 1 and (other := other_speed(container, float(times[-1] - times[0]) / (n - 1))):
        remarks.append(other)
    flag = turn_flag(first)
    turn = mounting.turn(flag)
    traits += _traits(container, stream, first, turn, flag)
    filled = _filled(dts)[order]
    return VideoFile(
        path=path,
        stream=stream.index,
        time_base=base,
        times_s=times,
        pts=np.nan_to_num(pts[order]).astype(np.int64),
        dts=np.where(np.isnan(filled), np.nan_to_num(pts[order]), filled).astype(np.int64),
        keyframes=keyframes,
        seekable=not counted,
        reorder=int(max(0, (np.arange(n) - where).max())),
        turn=turn,
        aspect=pixel_aspect(stream),
        size_px=turn.size_px(square_px((first.width, first.height), pixel_aspect(stream))),
        codec=stream.codec_context.name,
        zero_s=zero,
        created=created(container, stream),
        stated_duration_s=stated,
        timecode_s=timecode_s(container, float(rate)),
        interlaced=bool(first.interlaced_frame),
        mounting=mounting,
        traits=tuple(traits),
        remarks=tuple(remarks),
        damaged=damaged,
    )


def _own_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """How long the stream says that it is; None: only the file says how long all of it is."""
    if not stream.duration or stream.time_base is None or container.format.name == "asf":
        return None
    if _is_avi(container) and is_cut_avi(Path(container.name)):  # FFmpeg then tells what is left
        return float(stream.frames * stream.time_base) or None
    return float(stream.duration * stream.time_base)


def _sound_end_s(container: InputContainer, packets: Packets) -> float:
    """The container's time at which its sound ends; −∞: there is none, or nobody says."""
    ends = [
        float((a.duration + (a.start_time or 0)) * a.time_base)
        for a in container.streams.audio
        if a.duration and a.time_base
    ]
    return max([packets.sound_end_s, *ends])


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Missing values are the last known one's (the first known one's at the beginning)."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0:
        return values
    last = np.searchsorted(known, np.arange(len(values)), "right") - 1
    return values[known[np.maximum(last, 0)]]


def _stamped_as_stored(
    container: InputContainer, stream: VideoStream, pts: NDArray[np.float64]
) -> bool:
    """Whether presentation times run as the file is stored although pictures are reordered.

    .avi has no presentation times, an .mxf without an index none either: FFmpeg hands out storage
    order, or guesses, in their place.
    """
    if not stream.codec_context.has_b_frames:
        return False
    return _is_avi(container) or ("mxf" in container.format.name and bool((np.diff(pts) > 0).all()))


def _is_avi(container: InputContainer) -> bool:
    return "avi" in container.format.name.split(",")


def _counted_times(
    pts: NDArray[np.float64],
    dts: NDArray[np.float64],
    restarts: NDArray[np.int64],
    base: float,
    step_s: float,
) -> NDArray[np.float64]:
    """Times (N,) of frames that are counted: each stretch's own times in order, gaps in the stamps
    filled evenly, stretches one behind the other; from 0."""
    out: list[NDArray[Any]] = []
    begin = 0.0
    for stamps in np.split(np.where(np.isnan(pts), dts, pts), restarts):
        known = np.sort(stamps[~np.isnan(stamps)]) * base
        number = np.arange(len(stamps))
        if len(known) < len(stamps):  # a stamp here and there: as many steps as there are frames
            own = number * step_s
        else:
            new = np.flatnonzero(np.diff(known, prepend=-np.inf) > 0)  # of equal ones the first
            own = np.interp(number, new, known[new] - known[0])
            after = number > new[-1]
            own[after] = own[new[-1]] + (number[after] - new[-1]) * step_s
        out.append(begin + own)
        begin = out[-1][-1] + step_s
    return np.concatenate(out)


def _traits(
    container: InputContainer, stream: VideoStream, first: VideoFrame, turn: Turn, flag: Turn
) -> list[str]:
    """What a user may want to know of how the pictures are stored."""
    out = []
    if turn.quarters:
        by = "as its flag says" if turn.quarters == flag.quarters else "as session.toml says"
        out.append(f"turned by {-90 * turn.quarters % 360}° {by}")
    if turn.mirrored:
        out.append("mirrored")
    if (askew := askew_deg(first)) > ASKEW_DEG:
        out.append(f"turned by {askew:.0f}° more, as its flag says: that is not followed")
    if first.interlaced_frame:
        out.append("interlaced: its lines are filled in")
    if first.color_trc in (16, 18):
        out.append("HDR: brought to standard range")
    films = [s for s in container.streams.video if getattr(s, "width", 0) and s.frames != 1]
    if len(films) > 1:
        out.append(f"the largest of {len(films)} streams")
    if pixel_aspect(stream) != 1:
        w, h = square_px((first.width, first.height), pixel_aspect(stream))
        out.append(f"stored as {first.width} × {first.height}, shown as {w} × {h}")
    return out
