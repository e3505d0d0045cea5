"""Tiny videos whose every picture tells its number: ten bright or dark squares, a bit each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, BITS, SIDE = 192, 112, 10, 18


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(h, w, 3) BGR: the number in the upper two rows of squares, something that moves below.

    Bits 0 to 4 in the upper row from the left, 5 to 9 under them; the right third is grey, so that
    a turned or mirrored picture reads as another number.
    """
    shown = np.full((height, width, 3), 90, np.uint8)
    for b in range(BITS):
        x, y = 6 + (b % 5) * 24, 6 + (b // 5) * 24
        shown[y : y + SIDE, x : x + SIDE] = 230 if number >> b & 1 else 25
    x = 10 + number * 5 % (width - 40)
    shown[70:95, x : x + 20] = (40, 160, 220)
    shown[::4, 150:] += np.uint8(number % 7)
    return shown


def number(shown: np.ndarray) -> int:
    """The number that an upright picture tells."""
    grey = shown if shown.ndim == 2 else shown[..., 1]
    sx, sy = grey.shape[1] / WIDTH, grey.shape[0] / HEIGHT

    def mean(b: int) -> float:
        x, y = 10 + (b % 5) * 24, 10 + (b // 5) * 24
        inner = grey[round(y * sy) : round((y + 10) * sy), round(x * sx) : round((x + 10) * sx)]
        return float(inner.mean())

    return sum((mean(b) > 128) << b for b in range(BITS))


def write(
    path: Path,
    *,
    frames: int = 75,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    pixels: str = "yuv420p",
    container: str | None = None,
    muxing: dict[str, str] | None = None,
    times_s: Sequence[float] | None = None,
    numbers: Iterable[int] | None = None,
    display: tuple[int, bool, bool] | None = None,
    draw: Callable[[int], np.ndarray] = picture,
    metadata: dict[str, str] | None = None,
    sound: bool | float = False,
) -> Path:
    """A video of ``frames`` pictures; ``times_s`` in place of an even rate, ``numbers`` in place of
    0, 1, 2 …; display: (degrees counter-clockwise, hflip, vflip) of a display matrix;
    sound: how many times as long as the pictures."""
    numbers = list(range(frames) if numbers is None else numbers)
    with av.open(str(path), "w", format=container, options=muxing or {}) as out:
        out.metadata.update(metadata or {})
        stream: Any = out.add_stream(codec, rate=rate)
        first = draw(numbers[0])
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt, stream.options = pixels, options or {}
        tick = 1 / Fraction(rate) if times_s is None else Fraction(1, 1000)
        stream.codec_context.time_base = tick
        if display is not None:
            stream.set_display_rotation(display[0], hflip=display[1], vflip=display[2])
        voice: Any = out.add_stream("aac", rate=48000, layout="mono") if sound else None
        for i, n in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(draw(n), format="bgr24")
            frame.time_base = tick
            frame.pts = i if times_s is None else round(times_s[i] * 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if voice is not None:
            hiss = np.random.default_rng(0).normal(0, 0.1, (1, 48000)).astype(np.float32)
            for i in range(round(sound * len(numbers) / float(rate)) * 48000 // 1024):
                part = np.ascontiguousarray(np.roll(hiss, -1024 * i, 1)[:, :1024])
                block = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                block.rate, block.pts = 48000, 1024 * i
                out.mux(voice.encode(block))
            out.mux(voice.encode())
    return path


def damage(path: Path, at: float, n: int, seed: int = 1) -> Path:
    """Noise over ``n`` bytes from a share of the file on."""
    data = bytearray(path.read_bytes())
    begin = int(len(data) * at)
    n = min(n, len(data) - begin)
    data[begin : begin + n] = np.random.default_rng(seed).integers(0, 256, n, np.uint8).tobytes()
    path.write_bytes(data)
    return path
