"""Sound out of real files: two recordings of one room, late to the millisecond; silence; none."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np

from calibration.transform import Array
from sessions.clock.match import match
from sessions.clock.sound import SOUND, hear, heard_before


def room(duration_s: float, rate: int = 16000) -> Array:
    """Noise in bursts of syllables, as a class makes it."""
    rng = np.random.default_rng(3)
    t = np.arange(int(duration_s * rate)) / rate
    loud = np.full(len(t), 0.003)
    for at in rng.uniform(0, duration_s, int(3 * duration_s)):
        i = slice(*np.searchsorted(t, [at - 0.3, at + 0.3]))
        loud[i] += rng.lognormal(-3, 1) * np.exp(-0.5 * ((t[i] - at) / 0.05) ** 2)
    return np.asarray(loud * rng.normal(size=len(t)))


def recorded(path: Path, sound: Array, gain: float, seed: int, rate: int = 16000) -> Path:
    heard = gain * (sound + np.random.default_rng(seed).normal(0, 0.002, len(sound)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def test_two_recordings_of_one_room_are_on_one_clock(tmp_path: Path) -> None:
    """Right was started 0.4321 s after left: its clock is 0.4321 s behind."""
    sound = room(40.0)
    left = hear([(recorded(tmp_path / "l.wav", sound, 0.9, 1), 0.0)])
    late = sound[round(0.4321 * 16000) :]
    right = hear([(recorded(tmp_path / "r.wav", late, 0.4, 2), 0.0)])
    assert left is not None and right is not None
    found = match(left, right, SOUND).clock
    assert found is not None and abs(found.left_to_right(20.0) - 20.0 + 0.4321) < 0.005


def test_chapters_have_the_times_that_are_added_to_them(tmp_path: Path) -> None:
    sound = room(20.0)
    one = recorded(tmp_path / "1.wav", sound[: 8 * 16000], 0.9, 1)
    two = recorded(tmp_path / "2.wav", sound[10 * 16000 :], 0.9, 1)
    heard = hear([(one, 0.0), (two, 10.0)])
    assert heard is not None and (np.diff(heard.times_s) > 0).all()
    assert not ((heard.times_s > 8.01) & (heard.times_s < 9.99)).any()
    assert heard.times_s[-1] > 19.9


def test_a_chapter_that_was_heard_before_is_known(tmp_path: Path) -> None:
    """Recorded once more with another gain and noise: the first of three again, from amid the
    second one, the second one. Other minutes of the same class are no repeat, nor is silence."""
    sound, rate = room(70.0), 16000
    for begins, true_s in (((0, 40, 0), 0.0), ((0, 20, 28), 28.0), ((0, 20, 20), 20.0)):
        parts = [sound[b * rate : (b + 20) * rate] for b in begins]
        files = [
            (recorded(tmp_path / f"{k}.wav", p, 0.9 - 0.3 * k, k), 20.0 * k)
            for k, p in enumerate(parts)
        ]
        heard = hear(files)
        assert heard is not None
        first, second = heard_before(heard, [20.0, 40.0])
        assert first is None and second is not None
        assert abs(second[0] - true_s) < 0.02 and second[1] > 0.85
    for third in (sound[45 * rate : 65 * rate], np.zeros(20 * rate)):
        files[2] = recorded(tmp_path / "2.wav", third, 0.9, 7), 40.0
        files[1] = recorded(tmp_path / "1.wav", sound[20 * rate : 40 * rate], 0.9, 7), 20.0
        heard = hear(files)
        assert heard is not None and heard_before(heard, [20.0, 40.0]) == [None, None]


def test_silence_and_files_without_sound_say_nothing(tmp_path: Path) -> None:
    silent = recorded(tmp_path / "s.wav", np.zeros(16000 * 10), 0.0, 1)
    (tmp_path / "x.txt").write_text("no film")
    assert hear([(silent, 0.0)]) is None
    assert hear([(tmp_path / "x.txt", 0.0)]) is None


def test_the_track_that_is_heard_is_not_the_silent_one(tmp_path: Path) -> None:
    """Programs that record a screen write a track for each source; one may be muted."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        tracks = [out.add_stream("pcm_s16le", rate=16000, layout="mono") for _ in range(2)]
        for track, gain in zip(tracks, (0.0, 0.9), strict=True):
            wave = (np.clip(gain * room(10.0), -1, 1) * 32767).astype("<i2")
            frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            out.mux(track.encode(frame))
    assert hear([(path, 0.0)]) is not None


def test_two_channels_of_opposite_sign_are_no_silence(tmp_path: Path) -> None:
    """A microphone of which one wire is crossed: the mean of its channels is nothing, and three in
    front of the fourth are as loud as they are."""
    path, sound = tmp_path / "a.wav", room(10.0)
    mono = hear([(recorded(tmp_path / "m.wav", sound, 0.9, 1), 0.0)])
    for signs in ((1, -1), (0, 1), (1, -1, 1, -1), (1, 1, 1, -1, -1, -1)):
        heard = 0.9 * (sound + np.random.default_rng(1).normal(0, 0.002, len(sound)))
        with wave.open(str(path), "wb") as file:
            file.setnchannels(len(signs))
            file.setsampwidth(2)
            file.setframerate(16000)
            samples = np.clip(np.outer(heard, signs), -1, 1) * 32767
            file.writeframes(samples.astype("<i2").tobytes())
        found = hear([(path, 0.0)])
        assert mono is not None and found is not None, signs
        like = np.corrcoef(found.values[:, 1], mono.values[: len(found.values), 1])[0, 1]
        assert like > 0.99, signs
