"""Frames that two chapters of one recording both hold: recorders that write one file on a little
while the next has begun (DVRs, dash cameras)."""

from __future__ import annotations

from collections import deque
from itertools import islice

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from calibration.film import FilmPacket, open_file, packets_of
from sessions.video.file import VideoFile

#: So much of a chapter's end is compared with the next one's beginning.
LOOK_S = 60.0


def repeats_from(a: VideoFile, b: VideoFile) -> int:
    """The frame of ``a`` with which ``b`` begins, all that follows alike; a.frames: nothing is.

    The coded pictures are compared, byte by byte.
    """
    try:
        tail, head = _tail(a), _head(b)
    except (av.error.FFmpegError, OSError):
        return a.frames
    coded = [c for _, c in tail]
    at = [k for k, c in enumerate(coded) if c == head[0] and coded[k:] == head[: len(coded) - k]]
    if len(at) != 1 or len({n for n, _ in coded[at[0] :]}) < min(10, (len(coded) - at[0]) / 3):
        return a.frames  # none; or a lens cap's pictures, which are all alike
    place = at[0] - len(coded)  # from the end
    number = a.number_of(tail[place][0]) if a.seekable else a.frames + place
    return a.frames if number is None else number


def _film(container: InputContainer, file: VideoFile) -> VideoStream:
    stream = container.streams[file.stream]
    assert isinstance(stream, VideoStream)
    return stream


def _content(packet: FilmPacket) -> tuple[int, int]:
    return packet.size, hash(bytes(packet))


def _tail(file: VideoFile) -> list[tuple[int | None, tuple[int, int]]]:
    """Time and content (size, hash) of the last packets, in the order of the file."""
    count = min(file.frames, int(LOOK_S / file.step_s) + 1 if file.step_s else 1)
    with open_file(file.path) as container:
        stream = _film(container, file)
        if file.seekable:
            start = file.keyframe_before(file.frames - count)
            container.seek(int(file.dts[start]), stream=stream, backward=True)
        packets = packets_of(container, stream)
        return list(deque(((p.pts, _content(p)) for p in packets), maxlen=count))


def _head(file: VideoFile) -> list[tuple[int, int]]:
    """Content (size, hash) of the first packets, in the order of the file."""
    count = int(LOOK_S / file.step_s) + 1 if file.step_s else 1
    with open_file(file.path) as container:
        packets = packets_of(container, _film(container, file))
        return [_content(p) for p in islice(packets, count)]
