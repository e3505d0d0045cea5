"""Single pictures of something else are nobody's; another light and people change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.film import Image
from sessions.video import Moments, frame_pairs, probe, whether_usual
from tests.sessions.video.films import write

W, H, FRAMES = 640, 360, 40


def room(seed: int) -> Image:
    """Boards, shelves and posters."""
    rng = np.random.default_rng(seed)
    picture = np.full((H, W, 3), 120, np.uint8)
    for _ in range(300):
        x, y, w, h = rng.integers(0, (W, H, 80, 60))
        picture[y : y + h + 5, x : x + w + 5] = rng.integers(20, 235, 3)
    return picture


def lesson(n: int) -> Image:
    """The room with people who move."""
    picture = room(1)
    for k in range(6):
        at = 60 + 100 * k + int(15 * np.sin(n * (1 + k))), 220 + int(9 * np.cos(n * (2 + k)))
        cv2.circle(picture, at, 30, (90, 120 + 15 * k, 180), -1)
    return picture


def film(path: Path, draw: Callable[[int], Image] = lesson) -> Path:
    return write(path, frames=FRAMES, rate=5, draw=draw, options={"crf": "20", "g": "10"})


def titled(p: Image) -> Image:
    text = np.zeros_like(p)
    cv2.putText(text, "NO SIGNAL", (150, 200), 0, 2.0, (255, 255, 255), 4)
    return text


def lower(p: Image, value: Image | int) -> Image:
    out = p.copy()
    out[H // 2 :] = value
    return out


ANOTHER = {
    "black": np.zeros_like,
    "blue": lambda p: np.full_like(p, (200, 60, 0)),
    "no signal": titled,
    "another room": lambda p: room(2),
    "snow": lambda p: np.random.default_rng(0).integers(0, 256, p.shape, np.uint8),
    "upside down": lambda p: p[::-1, ::-1],
    "negative": lambda p: 255 - p,
    "half grey": lambda p: lower(p, 128),
    "half green": lambda p: lower(p, np.array((0, 135, 0), np.uint8)),
    "upper half twice": lambda p: lower(p, p[: H - H // 2]),
    "lower third grey": lambda p: np.concatenate([p[: 2 * H // 3], p[2 * H // 3 :] * 0 + 90]),
    "rolled": lambda p: np.roll(p, H // 3, 0),
}


@pytest.mark.parametrize("another", ANOTHER.values(), ids=ANOTHER)
def test_every_fifth_picture_of_something_else_is_set_aside(
    tmp_path: Path, another: Callable[[Image], Image]
) -> None:
    bad = [k for k in range(FRAMES) if k % 5 == 3]
    left = probe(film(tmp_path / "left.mp4"))
    right = probe(
        film(tmp_path / "right.mp4", lambda n: another(lesson(n)) if n in bad else lesson(n))
    )
    left, right = (replace(v, shows=whether_usual(v)) for v in (left, right))
    frames = np.arange(FRAMES)
    pairs = list(frame_pairs(left, right, Moments(left.times_s, frames, frames)))
    assert [p.moment for p in pairs if p.lost[1] == "aside"] == bad
    assert all((p.right is None) == (p.moment in bad) for p in pairs)
    assert {p.lost[0] for p in pairs} == {""}


def gradient(p: Image, where: float) -> Image:
    """As in the dark, beside a projected picture."""
    x = np.linspace(0, 1, W)[None, :, None]
    return np.asarray(p * (0.08 + 0.6 * np.exp(-((x - where) ** 2) / 0.03)), np.uint8)


OTHERWISE = {
    "dim": lambda p: p // 5,
    "glaring": lambda p: np.clip(p.astype(int) * 2, 0, 255).astype(np.uint8),
    "a film in the dark": lambda p: gradient(p, 0.2),
    "sharp no more": lambda p: cv2.GaussianBlur(p, (0, 0), 6.0),
    "somebody walks by": lambda p: cv2.rectangle(p.copy(), (200, 60), (400, H), (30, 40, 50), -1),
    "compressed away": lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [1, 4])[1], 1),
    "a knock of 0.5°": lambda p: np.roll(p, (2, 4), (0, 1)),
}


@pytest.mark.parametrize("otherwise", OTHERWISE.values(), ids=OTHERWISE)
def test_another_light_and_people_are_the_room(
    tmp_path: Path, otherwise: Callable[[Image], Image]
) -> None:
    shows = whether_usual(probe(film(tmp_path / "a.mp4")))
    assert shows is not None
    assert all(shows(np.asarray(otherwise(lesson(n)), np.uint8)) for n in range(0, FRAMES, 5))


def test_minutes_in_another_light_are_usual_and_a_film_of_nothing_tells_nothing(
    tmp_path: Path,
) -> None:
    def board(n: int) -> Image:  # a screen that covers the room for a third of the lesson
        return room(3) if n >= 26 else lesson(n)

    shows = whether_usual(probe(film(tmp_path / "a.mp4", board)))
    assert shows is not None and shows(room(3)) and shows(lesson(3)) and not shows(room(2))
    assert (
        whether_usual(probe(film(tmp_path / "b.mp4", lambda n: np.zeros((H, W, 3), np.uint8))))
        is None
    )
    assert whether_usual(probe(film(tmp_path / "c.mp4", room))) is None, "it shows no one room"
