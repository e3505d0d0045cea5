"""What a camera's microphone hears, as an activity: how loud four bands are, 200 times a second.

A clap is best; voices, chairs and doors do. What is compared is loudness, not the wave: it survives
compression, automatic gain and two kinds of microphone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, correlate, sosfilt

from calibration.film import open_file
from calibration.transform import Array
from sessions.clock.activity import Activity, Sense, evenly

# Sound takes 3 ms a metre: a voice between two cameras 5 m apart reaches one of them up to 15 ms
# before the other, and phones write their sound some milliseconds beside their pictures.
SOUND = Sense("sound", rate_hz=200.0, slow_s=1.0, smooth_s=0.0, floor_s=0.008, tame=4.0)
RATE_HZ = 8000
HOP = RATE_HZ // 200
PART_S = 5.0
BANDS_HZ = ((200, 500), (500, 1000), (1000, 2000), (2000, 3600))
SILENCE = 1e-10  # power of one step of 16 bits
ALIKE_S, ALIKE = 10.0, 0.7  # so long are two minutes compared, and so alike are they one
SILENT = 1e-3  # scatter of its logarithm, below which there is nothing to hear


def hear(parts: Sequence[tuple[Path, float]], until_s: float = np.inf) -> Activity | None:
    """The sound of a recording's files; None where there is none, or nothing but silence.

    parts : each file, and what is to be added to its own times to have the recording's clock.
    until_s : on that clock; what comes later is not listened to.
    """
    times, values = [], []
    for path, begin_s in parts:
        heard = None if begin_s > until_s else _heard(path, until_s - begin_s)
        if heard is not None:
            times.append(heard[0] + begin_s)
            values.append(heard[1])
    if not times:
        return None
    time_s, level = np.concatenate(times), np.concatenate(values)
    later = np.concatenate([[True], time_s[1:] > np.maximum.accumulate(time_s)[:-1]])
    if level[later].std() < SILENT:
        return None
    return Activity.of(time_s[later], level[later], "sound")


def heard_before(sound: Activity, begins_s: Sequence[float]) -> list[tuple[float, float] | None]:
    """For each moment at which a chapter begins: since when the same was heard before it, and how
    alike the two are (1: the same); None: what is heard is new, or there is too little to hear.

    Two films of the same sound, encoded twice, are alike to .9; other minutes to .4 at most.
    """
    steps = evenly(sound, SOUND)
    power = (steps**2).sum(1)
    out: list[tuple[float, float] | None] = []
    for begin_s in begins_s:
        at = round((begin_s - float(sound.times_s[0])) * SOUND.rate_hz)
        one, before = steps[max(at, 0) :][: int(ALIKE_S * SOUND.rate_hz)], steps[: max(at, 0)]
        own = float((one**2).sum())
        if len(one) < ALIKE_S * SOUND.rate_hz or len(before) < len(one) or not own:
            out.append(None)
            continue
        match = sum(correlate(before[:, c], one[:, c], "valid", "fft") for c in range(len(one.T)))
        total = np.concatenate([[0.0], np.cumsum(power[: len(before)])])
        theirs = total[len(one) :] - total[: -len(one)]
        alike = match / np.sqrt(own * np.maximum(theirs, 1e-3 * own))
        k = int(np.argmax(alike))
        since_s = float(sound.times_s[0]) + k / SOUND.rate_hz
        out.append((since_s, float(alike[k])) if alike[k] > ALIKE else None)
    return out


def _heard(path: Path, until_s: float) -> tuple[Array, Array] | None:
    """:func:`_loudness` of the first track that is not silent (programs that record a screen write
    one for each source), else of the first one; None: there is no sound."""
    first = None
    for track in range(_tracks(path)):
        heard = _loudness(path, track, until_s)
        if heard is not None and heard[1].std() >= SILENT:
            return heard
        first = first or heard
    return first


def _tracks(path: Path) -> int:
    try:
        with open_file(path) as container:
            return len(container.streams.audio)
    except (av.error.FFmpegError, OSError):
        return 0


def _loudness(path: Path, track: int, until_s: float) -> tuple[Array, Array] | None:
    """Times (N,) of the file's own clock and log power (N, 4) of the bands; None: no sound."""
    filters = [butter(2, band, "bandpass", fs=RATE_HZ, output="sos") for band in BANDS_HZ]
    times, values = [], []
    rest, rest_s = np.zeros((0, 0), np.float32), 0.0
    for begin_s, wave in _waves(path, track, until_s):
        if len(wave) != len(rest):  # the first part, or another number of channels from here on
            states = [np.zeros((len(sos), len(wave), 2)) for sos in filters]
            rest = wave[:, :0]
        hole = abs(rest_s + rest.shape[1] / RATE_HZ - begin_s) > 0.02
        if hole or not rest.size:
            rest, rest_s = wave[:, :0], begin_s
        joined = np.concatenate([rest, wave], 1)
        count = joined.shape[1] // HOP
        steps, rest = joined[:, : count * HOP], joined[:, count * HOP :]
        power = np.zeros((count, len(filters)))
        for b, sos in enumerate(filters):
            band, states[b] = sosfilt(sos, steps, zi=states[b])
            power[:, b] = (band.reshape(len(wave), -1, HOP) ** 2).mean(2).sum(0)
        times.append(rest_s + (np.arange(count) + 0.5) * HOP / RATE_HZ)
        values.append(np.log(power + SILENCE))
        rest_s += count * HOP / RATE_HZ
    if not times or sum(map(len, times)) < 2:
        return None
    return np.concatenate(times), np.concatenate(values)


def _waves(path: Path, track: int, until_s: float) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """(begin, samples (C, N)) of about PART_S each of one of the file's sound tracks."""
    try:
        with open_file(path) as container:
            stream = container.streams.audio[track]
            fifo, held, begin_s, end_s = av.AudioFifo(), None, 0.0, -1e9
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    continue  # damaged: a hole
                for frame in frames:
                    if frame.pts is None or frame.time is None:
                        continue
                    starts_s = float(frame.time)
                    kind = frame.format.name, frame.layout.name, frame.sample_rate
                    # or the first one, or another kind of sound from here on
                    hole = abs(starts_s - end_s) > 0.02 or kind != held
                    if fifo.samples and (hole or end_s - begin_s > PART_S):
                        yield begin_s, _channels(fifo)
                        fifo, hole = av.AudioFifo(), True
                    if starts_s > until_s:
                        return
                    begin_s, held = (starts_s if hole else begin_s), kind
                    end_s = starts_s + frame.samples / frame.sample_rate
                    frame.pts = None  # nothing is to fill holes: we do
                    fifo.write(frame)
            if fifo.samples:
                yield begin_s, _channels(fifo)
    except (av.error.FFmpegError, OSError):
        return


def _channels(fifo: av.AudioFifo) -> NDArray[np.float32]:
    """(C, N) all that is held, at RATE_HZ: one channel, or two of more. Their powers are added, not
    their waves: two that are wired with opposite signs would be silence."""
    whole = fifo.read()
    if whole is None:
        return np.zeros((1, 0), np.float32)
    layout = "mono" if whole.layout.nb_channels == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=RATE_HZ)
    parts = [r.to_ndarray() for f in (whole, None) for r in resampler.resample(f)]
    return np.concatenate(parts, 1)
