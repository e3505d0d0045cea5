"""A video file's pictures, upright and 8 bit, whatever camera wrote it.

Calibration videos and lessons are read through the same few functions, so that both see the same
picture: turned as the file (or session.toml) says, progressive, in 8 bits of the BT.709 range. A
picture that the decoder had to guess (damage, lost packets) is never handed on as a whole one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from calibration.mounting import AS_STORED, Turn

Image = NDArray[np.uint8]
FilmPacket: TypeAlias = "Packet[VideoStream]"

#: Decoded frames held back until no damaged reference can still show behind them.
HOLD = 8
#: Packets that a decoder may have taken in without giving their frames yet, at most.
BEHIND = 64
NONE = 1 << 62
#: Decoders that can be told, packet by packet, to leave out what no frame leans on (AV1's: once).
SKIPS = frozenset({"h264", "hevc", "mpeg2video", "mpeg4"})
#: Decoders that tell which of their pictures lean on no other; of others' the packets tell it.
TELLS = SKIPS | {"av1", "h263", "libdav1d", "mpeg1video", "vp8", "vp9"}
#: Containers that do not list their packets: one that is lost is known by the leap in time alone.
WITHOUT_INDEX = frozenset({"mpegts", "mpeg"})
#: Pixels this much wider than high, or higher than wide, are told from square ones: encoders round.
SQUARE_WITHIN = 0.01
#: Demuxing errors in a row after which the file is taken to end.
MOST_ERRORS = 50


# -- which way is up ------------------------------------------------------------------------------
def turn_flag(frame: VideoFrame) -> Turn:
    """The turn nearest to what a frame's display matrix asks for; none: as stored."""
    return Turn.of_matrix(_display_axes(frame))


def says_its_turn(frame: VideoFrame) -> bool:
    """Whether a frame itself says which way is up; in a stream, a key frame at most does."""
    return frame.side_data.get("DISPLAYMATRIX") is not None


def askew_deg(frame: VideoFrame) -> float:
    """By how much the display matrix asks for another turn than the nearest quarter."""
    axes, nearest = _display_axes(frame), turn_flag(frame).axes()
    cosine = (nearest * axes).sum() / max(np.sqrt(2) * np.linalg.norm(axes), 1e-9)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))) if axes.any() else 0.0


def _display_axes(frame: VideoFrame) -> NDArray[np.float64]:
    """(2, 2) the upper left of a frame's display matrix (:meth:`Turn.axes`); none: as stored."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return np.eye(2)
    a, b, _, c, d = np.frombuffer(bytes(data), "<i4")[:5].astype(np.float64) / 65536
    return np.array([[a, b], [c, d]])


# -- files, streams, packets, frames --------------------------------------------------------------
def open_file(path: str | Path) -> InputContainer:
    """Open a film to read; words in it that are no text (damage, old cameras) do no harm.

    Raises
    ------
    av.error.FFmpegError, OSError : it is no film, or cannot be read.
    """
    # Absolute: FFmpeg takes 9:30.mp4 for a protocol, and would call http:/… over the network.
    return av.open(str(Path(path).absolute()), metadata_errors="replace")


def best_stream(container: InputContainer) -> VideoStream | None:
    """The film itself: no cover, thumbnails or still, and of several the one with most pixels."""
    stills = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    films = [s for s in container.streams.video if not s.disposition & stills and _width_px(s)]
    return max(films, key=lambda s: (s.frames != 1, s.width * s.height, -s.index), default=None)


def _width_px(stream: VideoStream) -> int:
    """0 where the header is damaged so that no decoder is found: PyAV then knows no width."""
    return int(getattr(stream, "width", 0))


def pixel_aspect(stream: VideoStream) -> float:
    """Width of a stored pixel over its height: camcorders' 1440 × 1080 is shown as 1920 × 1080.

    1: square, or the file says nothing that can be true.
    """
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if abs(ratio - 1) > SQUARE_WITHIN and 0.2 < ratio < 5 else 1.0


def square_px(size_px: tuple[int, int], aspect: float) -> tuple[int, int]:
    """(width, height) in square pixels of a stored picture; no pixel is given away."""
    width, height = size_px
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


CHUNK_HEAD = 8  # bytes of an .avi file's chunk before its packet


def packets_of(
    container: InputContainer, stream: VideoStream, *others: Any
) -> Iterator[FilmPacket]:
    """The stream's packets from here on, with those of other streams among them where they are
    named; goes on behind places that cannot be read."""
    errors, listed = 0, _listed(container, stream)
    while errors < MOST_ERRORS:
        try:
            demuxed: Iterator[Any] = container.demux(stream, *others)
            for packet in demuxed:
                if packet.size:
                    errors = 0
                    late = listed.get((packet.stream_index, packet.pos), packet.dts or 0)
                    late -= packet.dts or 0
                    if late and packet.pts is not None:
                        packet.pts, packet.dts = packet.pts + late, packet.dts + late
                    yield packet
            return
        except (av.error.FFmpegError, OSError):
            errors += 1


def _listed(container: InputContainer, stream: VideoStream) -> dict[tuple[int, int | None], int]:
    """(stream, place in the file) of packets → their time, as an .avi file's index lists them:
    FFmpeg counts those it reads, and behind damage too few."""
    if container.format.name != "avi":
        return {}
    return {(stream.index, e.pos + CHUNK_HEAD): e.timestamp for e in stream.index_entries}


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """What decodes a stream: FFmpeg's own decoder, but for VP9, where it notices no damage and
    libvpx, if it is there, does."""
    own = stream.codec_context
    if own.name != "vp9":
        return own
    codec = _by_libvpx("libvpx-vp9")
    if codec is None:
        return own
    codec.extradata = own.extradata
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(codec, name, getattr(own, name))
    return codec


def _by_libvpx(name: str) -> VideoCodecContext | None:
    """One of libvpx's decoders; None: it is not there."""
    try:
        codec = av.CodecContext.create(name, "r")
    except av.error.FFmpegError:
        return None
    assert isinstance(codec, VideoCodecContext)
    return codec


class SecondOpinion:
    """What another decoder makes of a VP8 stream: the same to the bit, but for behind damage.

    Neither of the two notices it, and they make different pictures of what is beyond the end of a
    frame's code, to which a wrong one leads sooner or later. It decodes what is fed through it.
    """

    def __init__(self, codec: VideoCodecContext) -> None:
        self.codec = codec
        self.frames: dict[int | None, VideoFrame] = {}  # the last one of each presentation time

    @classmethod
    def on(cls, stream: VideoStream) -> SecondOpinion | None:
        """None: none is needed, or libvpx is not there."""
        codec = _by_libvpx("libvpx") if stream.codec_context.name == "vp8" else None
        return None if codec is None else cls(codec)

    def fed(self, packets: Iterable[FilmPacket]) -> Iterator[FilmPacket]:
        """The packets, each once it has been decoded here."""
        for packet in packets:
            self.frames.clear()
            with suppress(av.error.FFmpegError, ValueError):  # then there is nothing to compare
                self.frames = {f.pts: f for f in self.codec.decode(packet)}
            yield packet

    def differs(self, frame: VideoFrame) -> bool:
        """Whether the other decoder makes another picture of a frame, or none."""
        other = self.frames.get(frame.pts)
        return other is None or not np.array_equal(_brightness(frame), _brightness(other))


def _brightness(frame: VideoFrame) -> Image:
    """(h, w) of a frame in YCbCr, as it lies there."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.asarray(rows[: frame.height, : frame.width], np.uint8)


def decoded(
    packets: Iterable[FilmPacket],
    codec: VideoCodecContext,
    hold: int = HOLD,
    unneeded: Callable[[FilmPacket], bool] = lambda packet: False,
    let_go: bool = False,
    damaged: Callable[[FilmPacket], bool] = lambda packet: False,
    doubted: Callable[[VideoFrame], bool] = lambda frame: False,
) -> Iterator[tuple[VideoFrame | None, bool]]:
    """Frames in the order in which they are shown, each with whether it is whole.

    What was stored before a damaged packet or picture is whole; what was stored after it is not, up
    to the next key frame. Frames are held back for ``hold`` others, because what is shown earlier
    may have been stored later. A packet that gives no frame is (None, False). Nothing is whole
    before the first key frame.

    unneeded : of a packet, whether nobody asks for its frame. It is left out where no other frame
    leans on it (most of them in a film with B-frames); the others are the same to the bit.
    let_go : one that others lean on is not handed out either: (None, False), and no memory is held.
    damaged : of a packet, whether it is known to be. doubted : of a frame, whether it leans on one
    that is.
    """
    held: deque[tuple[VideoFrame | None, bool, int]] = deque()
    fed: dict[int, int] = {}  # presentation time → place in the file, of frames still to come
    keys: set[int] = set()  # places of packets that say so, where the decoder does not
    idle: set[int | None] = set()  # presentation times of frames that nobody asks for
    holes = _Holes()
    place, bad_from, last_bad = -1, 0, -1  # NONE: nothing is bad

    def damage(first: int, last: int) -> None:
        nonlocal bad_from, last_bad, held
        bad_from, last_bad = min(bad_from, first), max(last_bad, last)
        held = deque((f, whole and at < first, at) for f, whole, at in held)

    for packet in _and_the_end(packets):
        frames: list[VideoFrame] = []
        if packet is not None:
            place += 1
            nobodys = unneeded(packet)
            skipped = codec.name in SKIPS and nobodys
            if nobodys and let_go:
                idle.add(packet.pts)
            codec.skip_frame = "NONREF" if skipped else "DEFAULT"
            if packet.pts is not None and not skipped:
                fed[packet.pts] = place
            if packet.is_keyframe and codec.name not in TELLS:
                keys.add(place)
            if packet.is_corrupt or damaged(packet) or holes.before(packet):
                damage(place, place)
            elif packet.is_keyframe and packet.is_discard:
                bad_from = NONE  # a cut that starts amid a group: decoded, not shown
        try:
            frames = codec.decode(packet)
        except (av.error.FFmpegError, ValueError):
            # many threads: it may be any of those whose frames have not come yet
            damage(min((k for k in fed.values() if k > place - BEHIND), default=place), place)
            held.append((None, False, place))
        for frame in frames:
            at = fed.pop(frame.pts, place) if frame.pts is not None else place
            if frame.is_corrupt or doubted(frame):
                damage(at if frame.pts is not None else 0, at)
            elif (frame.key_frame or at in keys) and at > last_bad:
                bad_from = NONE
            shown = None if frame.pts in idle else frame
            held.append((shown, shown is not None and at < bad_from, at))
        while len(held) > hold:
            yield held.popleft()[:2]
    yield from (item[:2] for item in held)


class _Holes:
    """Packets lost without a word from a stream that has no index (.ts, .mpg): their times leap.

    Only there: elsewhere a leap is a recorder's own, and what follows is whole. A time that falls
    back is wrong, and says nothing.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.since = 0  # packets since that one
        self.steps: deque[int] = deque(maxlen=25)

    def before(self, packet: FilmPacket) -> bool:
        """Whether packets are missing just before this one."""
        if packet.dts is None or packet.stream.container.format.name not in WITHOUT_INDEX:
            return False
        self.since += 1
        step = packet.dts - (packet.dts if self.last is None else self.last)
        if step <= 0 and self.last is not None:
            return False
        usual = float(np.median(self.steps)) if len(self.steps) > 9 else np.inf
        hole = step > (self.since + 0.6) * usual
        self.steps.append(step // self.since)
        self.last, self.since = packet.dts, 0
        return hole


def _and_the_end(packets: Iterable[FilmPacket]) -> Iterator[FilmPacket | None]:
    yield from packets
    yield None  # what the decoder still holds


# -- a frame's picture ----------------------------------------------------------------------------
def picture_of(
    frame: VideoFrame,
    turn: Turn,
    *,
    aspect: float = 1.0,
    grey: bool = False,
    small_px: tuple[int, int] | None = None,
    before: VideoFrame | None = None,
    after: VideoFrame | None = None,
) -> Image:
    """(h, w, 3) BGR or (h, w) grey, upright, 8 bit, in square pixels.

    aspect : of the stored pixels (:func:`pixel_aspect`).
    small_px : (width, height) of the upright picture to make, without a full-size one in between.
    before, after : an interlaced frame's neighbours in time, to fill its lines from.
    """
    if frame.interlaced_frame and small_px is None:  # a small picture blends the lines
        frame = _progressive(before, frame, after)
    size: dict[str, Any] = {}
    if small_px is not None:
        w, h = turn.size_px(small_px)  # a quarter turn exchanges them, back as well as forth
        size = {"width": w, "height": h}
    elif aspect != 1:
        w, h = square_px((frame.width, frame.height), aspect)
        size = {"width": w, "height": h, "interpolation": "BICUBIC"}
    kind = "gray" if grey and frame.color_trc not in _TO_SDR else "bgr24"
    picture = np.asarray(frame.reformat(format=kind, **size).to_ndarray(), np.uint8)
    if frame.color_trc in _TO_SDR:
        picture = np.asarray(cv2.LUT(picture, _TO_SDR[frame.color_trc]), np.uint8)
        if grey:
            picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    return turn.apply(picture) if turn != AS_STORED else picture


def _progressive(
    before: VideoFrame | None, frame: VideoFrame, after: VideoFrame | None
) -> VideoFrame:
    """Both fields of an interlaced frame at the first one's time (yadif)."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    yadif, sink = graph.add("yadif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    source.link_to(yadif)
    yadif.link_to(sink)
    graph.configure()
    near = [
        f for f in (before, frame, after) if f is not None and f.format.name == frame.format.name
    ]
    out: list[Any] = []
    for f in [*near, None]:
        source.push(f)
        try:
            while True:
                out.append(sink.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            continue
    shown: VideoFrame = out[near.index(frame)]
    return shown


def _tone_curves() -> dict[int, Image]:
    """Lookup tables (256,) from HDR's signals (BT.2100: PQ 16, HLG 18) to BT.709's.

    203 nits is diffuse white; what is brighter is rolled off up to 1000 nits.
    """
    signal = np.arange(256) / 255
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    p = signal ** (1 / m2)
    pq_nits = 1e4 * (np.maximum(p - c1, 0) / (c2 - c3 * p)) ** (1 / m1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    hlg_nits = 1000 * scene**1.2
    out = {}
    for code, nits in ((16, pq_nits), (18, hlg_nits)):
        x, white = nits / 203, 1000 / 203
        shown = np.clip(x * (1 + x / white**2) / (1 + x), 0, 1)
        out[code] = np.round(255 * shown ** (1 / 2.2)).astype(np.uint8)
    return out


_TO_SDR = _tone_curves()
