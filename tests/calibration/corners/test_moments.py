"""Two calibration videos that did not begin together: their offset, from how both move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration.corners.boards import Board
from calibration.corners.folder import _causes_of_videos, read_folder
from calibration.corners.moments import (
    Offset,
    _frames,
    _Motion,
    board_moments,
    measured_offset,
    quiet_moments,
    refuse_damaged,
)
from calibration.errors import CalibrationError
from calibration.film import picture_of
from calibration.mounting import AS_THE_FILE_SAYS
from tests.sessions.video import films


def moves(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """How much a board moves, at 100 Hz: held for a moment, carried on."""
    t = np.arange(0, seconds, 0.01)
    speed = 0.4 * np.abs(np.convolve(rng.normal(size=len(t)), np.ones(30) / 30, "same"))
    at = 0.0
    while at < seconds:
        held, carried = rng.uniform(0.5, 2.5), rng.uniform(0.4, 2.0)
        part = slice(int((at + held) * 100), int((at + held + carried) * 100))
        n = len(speed[part])
        speed[part] += rng.uniform(0.5, 3) * np.sin(np.linspace(0, np.pi, n))
        at += held + carried
    return t, speed


def filmed(
    rng: np.random.Generator, t: np.ndarray, speed: np.ndarray, begin: float, end: float, fps: float
) -> _Motion:
    times = np.arange(begin, end, 1 / fps)
    change = np.interp(times, t, speed) * rng.uniform(0.5, 2) * rng.uniform(0.6, 1.4, len(times))
    change += np.abs(rng.normal(0.3, 0.08, len(times)))
    change[0] = np.inf
    return _Motion(times - begin, change)


@pytest.mark.parametrize("seconds", [20, 60])
def test_the_offset_is_found(seconds: int) -> None:
    rng = np.random.default_rng(seconds)
    found = []
    for _ in range(12):
        t, speed = moves(rng, seconds + 20)
        late = rng.uniform(-6, 6)
        left = filmed(rng, t, speed, 8, 8 + seconds, rng.choice([25, 29.97]))
        right = filmed(rng, t, speed, 8 + late, 8 + late + 0.9 * seconds, rng.choice([25, 50]))
        offset = measured_offset(left, right)
        if offset.measured:
            found.append(offset.offset_s + late)
        else:
            assert offset.offset_s == 0
    assert len(found) >= 10 and np.abs(found).max() < 0.06


def test_stretches_in_which_one_camera_sees_nothing_do_not_hide_the_offset() -> None:
    """The board is carried into each picture's corners for one camera alone; near one it is far
    from the other."""
    rng, found = np.random.default_rng(3), []
    for _ in range(4):
        t, speed = moves(rng, 60)
        part = (t // 7).astype(int)
        gain = rng.lognormal(0, 0.7, (2, part.max() + 1))
        gain[0, 2::4], gain[1, 3::4] = 0.02, 0.02
        left = filmed(rng, t, speed * gain[0, part], 8, 48, 29.97)
        right = filmed(rng, t, speed * gain[1, part], 9.2, 49, 29.97)
        found.append(measured_offset(left, right))
    assert sum(o.measured for o in found) >= 3
    assert all(abs(o.offset_s + 1.2) < 0.06 for o in found if o.measured)


def test_nothing_is_found_where_nothing_is() -> None:
    """Negative control: two videos of different things, and very short ones."""
    rng = np.random.default_rng(1)
    for seconds in (4, 12, 25, 40):
        for _ in range(8):
            one = filmed(rng, *moves(rng, 60), 5, 5 + seconds, 25)
            other = filmed(rng, *moves(rng, 60), 5, 5 + seconds, 30)
            assert measured_offset(one, other) == Offset(0.0, False)


def test_videos_that_began_apart_show_the_same_moments(tmp_path: Path) -> None:
    """The right video began 1.2 s later; pairs of pictures are of one instant all the same."""
    rng = np.random.default_rng(2)
    t, speed = moves(rng, 30)
    place = np.interp(np.arange(0, 30, 0.04), t, np.cumsum(speed) * 0.01 * 60)

    def draw(n: int) -> np.ndarray:
        shown = films.picture(n)
        x = 10 + int(place[n]) % 140
        shown[60:110, x : x + 40] = 255
        return shown

    fast = {"preset": "ultrafast", "crf": "14"}
    left = films.write(tmp_path / "l.mp4", numbers=range(550), draw=draw, options=fast)
    right = films.write(tmp_path / "r.mp4", numbers=range(30, 600), draw=draw, options=fast)
    pairs, offset = board_moments(left, right)
    assert offset.measured and offset.offset_s == pytest.approx(-1.2, abs=0.03)
    assert len(pairs) > 20
    for _, pair in pairs:
        a, b = (cv2.imdecode(np.frombuffer(pair[c], np.uint8), 0) for c in ("left", "right"))
        assert abs(films.number(a) - films.number(b)) <= 1
    said = _causes_of_videos({"left": [left], "right": [right, left]}, offset)
    assert [c.code for c in said] == ["calibration_videos_apart", "calibration_videos_unused"]
    assert "1.20 s later" in said[0].message and said[0].severity == "PASS"
    assert _causes_of_videos({}, Offset(0.0, False))[0].severity == "WARN"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda share: True, "no picture of the calibration video can be decoded"),
        (lambda share: share > 0.1, "damaged in most places"),
        (lambda share: int(9 * share) % 3 == 0, None),
        (lambda share: False, None),
    ],
)
def test_a_damaged_video_is_refused_at_first_sight(
    tmp_path: Path, bad: Callable[[float], bool], said: str | None
) -> None:
    """Noise in the packets of this share of the film."""
    path = films.write(tmp_path / "a.mp4", frames=300, options={"g": "12", "preset": "ultrafast"})
    with av.open(str(path)) as film:
        packets = [(p.pos or 0, p.size) for p in film.demux(video=0) if p.size]
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(3)
    for i, (pos, size) in enumerate(packets):
        if bad(i / len(packets)):
            data[pos + 8 : pos + size] = rng.integers(0, 256, size - 8, np.uint8).tobytes()
    path.write_bytes(data)
    if said is None:
        refuse_damaged(path)
    else:
        with pytest.raises(CalibrationError, match=said):
            board_moments(path, path)


def test_one_video_and_pictures_are_told_apart(tmp_path: Path) -> None:
    for camera in ("left", "right"):
        (tmp_path / camera).mkdir()
    films.write(tmp_path / "left" / "a.mp4", frames=5)
    cv2.imwrite(str(tmp_path / "right" / "a.png"), films.picture(0))
    with pytest.raises(CalibrationError, match="the left camera's chessboard views are a video"):
        read_folder(tmp_path, Board("chessboard", (9, 6), 0.05))


def test_no_moment_lies_on_the_way() -> None:
    """Held for 0.6 s, carried for 0.4, ten frames a second: the half seconds between two holds give
    no moment, nor do frames whose neighbour is on the way."""
    time_s = np.arange(300) / 10
    carried = time_s % 1.0 >= 0.6 - 1e-9
    rng = np.random.default_rng(1)
    change = np.where(carried | np.roll(carried, 1), 6.0, 0.3) * rng.uniform(0.9, 1.1, len(time_s))
    motion = _Motion(time_s, change)
    found = quiet_moments(motion, motion, 0.0)
    assert len(found) >= 25
    assert not carried[[a for a, _ in found]].any()
    swept = _Motion(time_s, rng.uniform(5.0, 7.0, len(time_s)))  # never held
    assert len(quiet_moments(swept, swept, 0.0)) == 60


def test_a_vp9_film_is_read_by_the_decoder_that_notices_damage(tmp_path: Path) -> None:
    """Turned by its flag, and with noise amid a picture, from which on FFmpeg's own decoder shows
    something else without a word."""
    path = films.write(
        tmp_path / "a.mp4", frames=75, codec="libvpx-vp9", display=(90, False, False),
        options={"deadline": "realtime", "cpu-used": "8", "g": "25", "b": "3M"},
        draw=lambda n: np.ascontiguousarray(np.rot90(films.picture(n), -1)),
    )  # fmt: skip

    def shown() -> list[int]:
        frames = _frames(path, AS_THE_FILE_SAYS)
        return [films.number(picture_of(f.frame, f.turn)) for f in frames]

    assert shown() == list(range(75))
    refuse_damaged(path)  # it is not
    with av.open(str(path)) as film:
        packet = [p for p in film.demux(video=0) if p.size][30]
    data = bytearray(path.read_bytes())
    noise = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    at = (packet.pos or 0) + packet.size // 3
    data[at : at + min(300, packet.size // 2)] = noise[: packet.size // 2]
    path.write_bytes(data)
    assert shown() == [*range(30), *range(50, 75)]
