"""What a video file holds beside its pictures: wall clock, timecode, speed of filming, which way up
it ends, films behind it."""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from mmap import ACCESS_READ, mmap
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from calibration.film import (
    WITHOUT_INDEX,
    decoded,
    open_file,
    packets_of,
    says_its_turn,
    turn_flag,
)
from calibration.mounting import AS_STORED, Turn

TURNED_OVER = (
    "was turned over while it was taken, as its flags say: what was taken the other way up is left "
    "out; cut it there, and calibrate and analyse that part by itself"
)
#: An edit list is read so far: more parts nobody cuts by hand.
MOST_EDITS = 1000
NOT_FOLLOWED = (
    "is played with pauses or at other speeds, as its list of edits says: its times are not the "
    "lesson's; take the camera's own file"
)
#: A film taken with so many times the pictures a second that it is played with.
SLOW_MOTION, TIME_LAPSE = 1.5, 0.4
#: Packets in which a key frame's picture must come.
NEAR = 200


def other_speed(container: InputContainer, step_s: float) -> str:
    """What is to be said of a film that plays at another speed than it was taken with, where the
    camera says how many pictures a second it took (Android); step_s : between two, as played."""
    try:
        filmed_hz = float(container.metadata.get("com.android.capture.fps", ""))
    except ValueError:
        return ""
    faster = filmed_hz * step_s
    if TIME_LAPSE <= faster <= SLOW_MOTION or faster <= 0:
        return ""
    how = "as slow motion" if faster > 1 else "in time lapse"
    return f"was taken {how} ({filmed_hz:g} pictures a second): its times are not the lesson's"


def created(container: InputContainer, stream: VideoStream) -> dt.datetime | None:
    """The wall clock that the file carries."""
    text = container.metadata.get("creation_time") or stream.metadata.get("creation_time") or ""
    try:
        when = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if when.year < 1990:
        return None  # a clock that was never set
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def timecode_s(container: InputContainer, rate_hz: float) -> float | None:
    """The timecode at 0:00 in seconds since midnight: hours:minutes:seconds:frames."""
    texts = [
        m.get("timecode", "")
        for m in (container.metadata, *(s.metadata for s in container.streams))
    ]
    parts = re.match(r"(\d+):(\d+):(\d+)[:;.](\d+)$", max(texts))
    if parts is None:
        return None
    hours, minutes, seconds, frames = map(int, parts.groups())
    nominal = hours * 3600 + minutes * 60 + seconds + frames / round(rate_hz)
    # without ";" (drop frame) it counts frames: at 29.97 it runs slower than a clock
    return nominal if ";" in parts[0] else nominal * round(rate_hz) / rate_hz


FLV = b"FLV\x01"
FLV_HEAD = re.compile(FLV + rb"[\x01\x04\x05]\x00\x00\x00\x09\x00\x00\x00\x00")


def films_glued(path: Path) -> int:
    """How many .mp4, .mov or .flv lie one behind the other: players show the first alone."""
    count, size = 0, path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) == FLV:
            with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                return len(FLV_HEAD.findall(data))
        at = 0
        while at + 16 <= size:
            file.seek(at)
            length, kind, large = struct.unpack(">I4sQ", file.read(16))
            length = large if length == 1 else length or size - at
            if length < 8:
                break
            count += kind == b"moov"
            at += length
    return count


def edits(path: Path) -> list[tuple[int, float]]:
    """The edit list of an .mp4's or .mov's first film, without a pause before its first part: where
    in the film each part begins (−1: a pause) and its speed. Phones and Macs cut so, without
    writing the film anew."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        for track in _boxes(data, 0, len(data), b"moov", b"trak"):
            handler = next(_boxes(data, *track, b"mdia", b"hdlr"), None)
            if handler is None or data[handler[0] + 8 : handler[0] + 12] != b"vide":
                continue
            for begin, _ in _boxes(data, *track, b"edts", b"elst"):
                long, count = data[begin] == 1, struct.unpack_from(">I", data, begin + 4)[0]
                row = ">QqhH" if long else ">IihH"
                count = min(count, MOST_EDITS)
                parts = (
                    struct.unpack_from(row, data, begin + 8 + k * struct.calcsize(row))
                    for k in range(count)
                )
                cuts = [(start, speed + part / 65536) for _, start, speed, part in parts]
                return cuts[1:] if cuts and cuts[0][0] < 0 else cuts
    return []


def _boxes(data: mmap, begin: int, end: int, *path: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of an .mp4's boxes of this path begin and end."""
    while begin + 16 <= end:
        length, kind, large = struct.unpack_from(">I4sQ", data, begin)
        inner = begin + (16 if length == 1 else 8)
        length = large if length == 1 else length or end - begin
        if length < 8 or begin + length > end:
            return
        if kind == path[0] and len(path) == 1:
            yield inner, begin + length
        elif kind == path[0]:
            yield from _boxes(data, inner, begin + length, *path[1:])
        begin += length


def is_cut_avi(path: Path) -> bool:
    """Whether an .avi ends within one of its parts; a recorder that was interrupted wrote 0."""
    at, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            kind, length = struct.unpack("<4sI", file.read(8))
            if kind != b"RIFF" or length in (0, 0xFFFFFFFF):
                return False
            at += 8 + length + length % 2
    return at > size + 1  # some do not fill up an odd part


def later_turns(
    container: InputContainer, index: int, keys: Sequence[int], first: VideoFrame
) -> tuple[bool, Turn | None]:
    """Of a stream without an index (.ts), whose key frames have these decoding times: whether each
    of them says which way is up, and which way the last one says; None: it says nothing.

    A stream whose second key frame says it again says it at each: one that says nothing is upright.
    """
    if container.format.name not in WITHOUT_INDEX:
        return False, None
    each = len(keys) > 2 and says_its_turn(first) and bool(_turns_said(container, index, keys[1]))
    last = _turns_said(container, index, keys[-1])
    return each, last[-1] if last else AS_STORED if each else None


def _turns_said(container: InputContainer, index: int, key: int) -> list[Turn]:
    """What the frames of NEAR packets from a key frame on say of which way is up, if they do."""
    with open_file(container.name) as anew:
        stream = anew.streams[index]
        assert isinstance(stream, VideoStream)
        anew.seek(key, stream=stream, backward=True)
        near = islice(packets_of(anew, stream), NEAR)
        return [
            turn_flag(frame)
            for frame, _ in decoded(near, stream.codec_context, hold=0)
            if frame is not None and says_its_turn(frame)
        ]
