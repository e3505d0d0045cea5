"""The pictures of the frames asked for, each with its number, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, filterfalse, takewhile
from typing import NamedTuple, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from calibration.film import (
    WITHOUT_INDEX,
    FilmPacket,
    Image,
    SecondOpinion,
    decoded,
    decoder_of,
    open_file,
    packets_of,
    picture_of,
    says_its_turn,
    turn_flag,
)
from sessions.errors import VideoError
from sessions.video.file import VideoFile
from sessions.video.info import VideoInfo
from sessions.video.silent_damage import Groups, groups_of

T = TypeVar("T")

#: Seek so much before a key frame's decoding time: containers that find packets by their place in
#: the file (.ts, .mpg) may land behind it.
MARGINS_S = (0.0, 0.5, 4.0, 32.0)
MOST_THREADS = 4
#: Decoders that read on over what was never written; their codes hold no such run of zeros, not of
#: a picture that is black either (12 of them at most).
NO_ZEROS, ZEROS = frozenset({"av1", "libdav1d", "vp8", "vp9"}), bytes(64)
#: Containers of which not every packet has a time: what is filled in depends on where one begins.
UNTIMED = frozenset({"mpeg"})


class Frame(NamedTuple):
    """A frame that was asked for.

    picture : (h, w, 3) BGR or (h, w) grey uint8, upright; None where it is lost.
    lost : "" · ``corrupt`` (damaged, or leaning on damage) · ``missing`` (never came).
    """

    number: int
    picture: Image | None
    lost: str = ""


def read_frames(
    info: VideoInfo,
    frames: Sequence[int],
    *,
    grey: bool = False,
    small_px: tuple[int, int] | None = None,
) -> Iterator[tuple[int, Image]]:
    """(number, picture) of the ascending frames that can be decoded; see :func:`ask_frames`."""
    for frame in ask_frames(info, frames, grey=grey, small_px=small_px):
        if frame.picture is not None:
            yield frame.number, frame.picture


def ask_frames(
    info: VideoInfo,
    frames: Sequence[int],
    *,
    grey: bool = False,
    small_px: tuple[int, int] | None = None,
) -> Iterator[Frame]:
    """Decode the frames with these numbers; one :class:`Frame` for each number, ascending.

    Jumps to the nearest key frame where that saves decoding. grey, small_px : a grey picture, or
    one of that (width, height), straight from the decoder: cheaper than a full one made smaller.

    Raises
    ------
    VideoError : the file is gone, or another one than was probed.
    """
    wanted = np.unique(np.asarray(frames, np.int64))
    first = 0
    for file in info.files:
        own = wanted[(wanted >= first) & (wanted < first + file.frames)] - first
        for frame in _of_file(file, own.tolist(), grey, small_px) if len(own) else ():
            yield frame._replace(number=frame.number + first)
        first += file.frames


def _of_file(
    file: VideoFile, wanted: list[int], grey: bool, small_px: tuple[int, int] | None
) -> Iterator[Frame]:
    try:
        container = open_file(file.path)
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            "the video can no longer be opened", where=file.path, found=error
        ) from error
    with container:
        stream = container.streams.video[_nth(container, file.stream)]
        codec = decoder_of(stream)
        # frames that are counted must be lost one by one: no decoding ahead
        codec.thread_type = "AUTO" if file.seekable and file.codec != "vp8" else "SLICE"
        codec.thread_count = _threads()
        groups = None  # a film of key frames alone needs no look
        if not file.only_keyframes:
            groups = groups_of(file.codec, file.size_px, file.keyframes, file.times_s)
        for run in _runs(file, wanted):
            yield from _of_run(container, stream, codec, file, run, grey, small_px, groups)


def _threads() -> int:
    """A decoder's threads: the cores, or what an engine leaves each lesson. Few: each of them holds
    pictures of its own."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(asked) if asked.isdigit() else os.cpu_count() or 1, MOST_THREADS)


def _runs(file: VideoFile, wanted: list[int]) -> Iterator[list[int]]:
    """The frames in stretches between which a jump to a key frame saves decoding."""
    run: list[int] = []
    for number in wanted:
        if run and file.keyframe_before(number - file.interlaced) > run[-1] + 2 * file.reorder + 8:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _of_run(
    container: InputContainer,
    stream: VideoStream,
    codec: VideoCodecContext,
    file: VideoFile,
    run: list[int],
    grey: bool,
    small_px: tuple[int, int] | None,
    groups: Groups | None,
) -> Iterator[Frame]:
    k = 0
    frames = _frames_from(container, stream, codec, file, run, looked_at=groups is not None)
    if groups is not None:
        near = (-1, 0, 1) if file.interlaced else (0,)
        frames = groups.judged(frames, {n + k for n in run for k in near})
    alone = ((None, item, None) for item in frames)  # neighbours are memory, 12 MB each in 4K
    for before, (number, frame, whole), after in _neighbours(frames) if file.interlaced else alone:
        while k < len(run) and run[k] < number:
            yield Frame(run[k], None, "missing")
            k += 1
        if k == len(run):
            return
        if run[k] > number:
            continue
        k += 1
        if frame is not None and whole:
            picture = picture_of(
                frame, file.turn, aspect=file.aspect, grey=grey, small_px=small_px,
                before=before and before[1], after=after and after[1],
            )  # fmt: skip
            # a stream that changes its size: where anything is in it is not known
            other = small_px is None and picture.shape[1::-1] != file.size_px
            yield Frame(number, None, "corrupt") if other else Frame(number, picture)
        else:
            yield Frame(number, None, "corrupt")
    yield from (Frame(n, None, "missing") for n in run[k:])


def _frames_from(
    container: InputContainer,
    stream: VideoStream,
    codec: VideoCodecContext,
    file: VideoFile,
    run: list[int],
    looked_at: bool,
) -> Iterator[tuple[int, VideoFrame | None, bool]]:
    """(number, frame, whole) in the order shown, from the key frame before a run of frames to its
    end, or a little beyond; of those not in the run what the others lean on, if that is
    ``looked_at``, too."""
    start = file.keyframe_before(max(0, run[0] - file.interlaced))
    codec.flush_buffers()
    packets = _packets_from(container, stream, file, start)
    near = (-1, 0, 1) if file.interlaced else (0,)
    asked = {None, *(n + k for n in run for k in near)}  # None: a damaged stamp says nothing

    def unneeded(packet: FilmPacket) -> bool:
        return file.seekable and file.number_of(packet.pts) not in asked

    def damaged(packet: FilmPacket) -> bool:
        # never written, or damaged as the file's checksums say
        if file.codec in NO_ZEROS and ZEROS in bytes(packet):
            return True
        return packet.pos is not None and any(a <= packet.pos < b for a, b in file.damaged)

    if file.seekable:  # what is decoded later is not needed; one more, to fill in lines from
        last = int(file.dts[run[0] : run[-1] + 2].max()) + round(file.step_s / file.time_base)
        packets = takewhile(lambda p: not _is_beyond(file, p, last), packets)
    if file.only_keyframes and container.format.name not in WITHOUT_INDEX:
        packets = filterfalse(unneeded, packets)
    second = SecondOpinion.on(stream)
    if second is not None:
        packets = second.fed(packets)
    number, otherwise = -1, False
    turns = container.format.name in WITHOUT_INDEX  # others say it once
    let_go = not (looked_at or turns)
    hold = file.reorder + 1
    doubted = (lambda frame: False) if second is None else second.differs
    for frame, whole in decoded(packets, codec, hold, unneeded, let_go, damaged, doubted):
        # asked of key frames alone: a frame that was asked lives on until Python clears its circles
        key = frame if turns and frame is not None and frame.key_frame else None
        if key is not None and (file.turn_each or says_its_turn(key)):
            otherwise = file.mounting.turn(turn_flag(key)) != file.turn
        if not file.seekable:
            number += 1
        elif frame is None or (found := file.number_of(frame.pts)) is None:
            continue
        else:
            number = found
        yield number, frame, whole and not otherwise


def _is_beyond(file: VideoFile, packet: FilmPacket, dts: int) -> bool:
    """Whether a packet is decoded after ``dts``; one with a damaged stamp says nothing."""
    return packet.dts is not None and packet.dts > dts and file.number_of(packet.pts) is not None


def _packets_from(
    container: InputContainer, stream: VideoStream, file: VideoFile, start: int
) -> Iterator[FilmPacket]:
    """Packets from the key frame's own on: verified by its time, else sought further back, at last
    from the file's beginning."""
    if start > 0:
        wanted_s = float(file.dts[start] * file.time_base)
        for margin_s in () if container.format.name in UNTIMED else MARGINS_S:
            try:
                at = round((wanted_s - margin_s) / file.time_base)
                container.seek(at, stream=stream, backward=True)
            except (av.error.FFmpegError, OSError):
                continue  # before the first one, or a container that cannot
            packets = packets_of(container, stream)
            for packet in packets:
                if packet.pts == file.pts[start]:
                    yield packet
                    yield from packets
                    return
                if _is_beyond(file, packet, int(file.dts[start])):
                    break  # landed behind it
    with open_file(file.path) as anew:
        packets = packets_of(anew, anew.streams.video[_nth(anew, file.stream)])
        if start > 0:
            packets = dropwhile(lambda p: p.pts != file.pts[start], packets)
        yield from packets


def _nth(container: InputContainer, index: int) -> int:
    """Place among the video streams of the stream of this index."""
    return [s.index for s in container.streams.video].index(index)


def _neighbours(items: Iterable[T]) -> Iterator[tuple[T | None, T, T | None]]:
    """Each item with the one before and the one after it."""
    before: T | None = None
    current: T | None = None
    for item in items:
        if current is not None:
            yield before, current, item
        before, current = current, item
    if current is not None:
        yield before, current, None
