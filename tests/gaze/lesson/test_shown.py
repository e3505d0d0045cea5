"""What a camera shows over a lesson: knocked, put back, sinking, another film, a frozen picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from gaze.lesson.background import Registered
from gaze.lesson.caveats import caveats
from gaze.lesson.film import Film
from gaze.lesson.shown import Shown, over_lesson, without
from sessions.quality import FrameCounts, Quality
from sessions.video import Moments, probe
from tests.gaze.lesson.test_background import CAMERA, H, W, filmed, room
from tests.sessions.video.films import write

FRAMES, RATE, SIZE = 36, 4, (W // 2, H // 2)
Draw = Callable[[int], NDArray[np.uint8]]


def lesson(n: int, turned_deg: float = 0.0, zoom: float = 1.0) -> NDArray[np.uint8]:
    """The room with people who never sit quite still."""
    picture = filmed(room(1), turned_deg, zoom, seed=n)
    for k, u in enumerate(range(60, W, 110)):
        at = (u + int(12 * np.sin(n * (1 + k))), 300 + int(9 * np.cos(n * (2 + k))))
        cv2.circle(picture, at, 22, 150.0 + 9 * k, -1)
    return picture


def shown(tmp_path: Path, draw: Draw, name: str = "left") -> Shown:
    path = write(
        tmp_path / f"{name}.mp4", frames=FRAMES, rate=RATE,
        draw=lambda n: cv2.cvtColor(cv2.resize(draw(n), SIZE), cv2.COLOR_GRAY2BGR),
        options={"crf": "20"},
    )  # fmt: skip
    return over_lesson(probe(path), CAMERA, room(1))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown(tmp_path_factory.mktemp("other"), lesson)


def test_a_camera_that_stands_still_is_as_usual_all_the_time(other: Shown) -> None:
    assert other.stretches(other) == () and not other.still.any()
    turned_deg, zoomed, _ = other.wobble(other)
    assert turned_deg < 0.02 and zoomed < 0.0005
    unknown = over_lesson(other.video, CAMERA, room(2))
    assert unknown.stretches(other) == () and len(unknown.as_usual) == FRAMES


@pytest.mark.parametrize(
    ("turned_deg", "begin", "end"), [(0.7, 32, 36), (2.0, 0, 15), (5.0, 18, 24), (2.0, 32, 36)]
)
def test_a_knocked_camera_is_left_out_from_the_knock_until_it_is_put_back(
    tmp_path: Path, other: Shown, turned_deg: float, begin: int, end: int
) -> None:
    got = shown(tmp_path, lambda n: lesson(n, turned_deg if begin <= n < end else 0.0))
    (found,) = got.stretches(other)
    assert (found.why, found.first) == ("moved", begin)
    assert found.end == end
    assert found.turned_deg == pytest.approx(turned_deg, rel=0.05)
    assert got.wobble(other)[0] < 0.03, "what is left out widens nothing"


@pytest.mark.parametrize(
    "turned_deg", [lambda n: 0.3 * (n > 30), lambda n: 0.8 * (n - 18) / 36], ids=["knock", "sinks"]
)
def test_small_movements_are_used_with_their_spread(
    tmp_path: Path, other: Shown, turned_deg: Callable[[int], float]
) -> None:
    got = shown(tmp_path, lambda n: lesson(n, turned_deg(n)))
    assert got.stretches(other) == ()
    most_deg, _, spread = got.wobble(other)
    assert most_deg == pytest.approx(0.4 if turned_deg(0) else 0.3, abs=0.03)
    widest = np.degrees(np.sqrt(np.linalg.eigvalsh(spread[:3, :3])[-1]))
    assert widest == pytest.approx(most_deg / np.sqrt(2), rel=0.01)


def test_a_zoom_that_creeps_is_left_out_at_both_ends(tmp_path: Path, other: Shown) -> None:
    got = shown(tmp_path, lambda n: lesson(n, 0.0, 1 + 0.08 * n / FRAMES))
    ends = got.stretches(other)
    assert [s.why for s in ends] == ["moved", "moved"]
    assert ends[0].zoom < 0.97 and ends[1].zoom > 1.03
    assert ends[0].first == 0 and ends[1].end == FRAMES


def desktop(n: int) -> NDArray[np.uint8]:
    picture = np.full((H, W), 90, np.uint8)
    for k in range(12):
        cv2.rectangle(picture, (40 + 70 * k, 60), (80 + 70 * k, 110), 200, -1)
    cv2.putText(picture, f"08:{n:02d}", (700, 500), 0, 1.0, 255.0, 2)
    return picture


@pytest.mark.parametrize(
    ("another", "begin", "end"),
    [
        (desktop, 24, 36),
        (lambda n: room(2), 0, 12),
        (lambda n: np.zeros((H, W), np.uint8), 16, 20),
        (lambda n: lesson(n) // 60, 24, 36),
        (
            lambda n: np.concatenate([lesson(n)[: H // 2], np.full((H // 2, W), 128, np.uint8)]),
            20,
            32,
        ),
    ],
    ids=["desktop", "another room", "black", "lens cap", "half a picture"],
)
def test_another_picture_for_a_part_of_the_film_is_left_out(
    tmp_path: Path, other: Shown, another: Draw, begin: int, end: int
) -> None:
    got = shown(tmp_path, lambda n: another(n) if begin <= n < end else lesson(n))
    assert [(s.why, s.first, s.end) for s in got.stretches(other)] == [("other", begin, end)]


def test_light_and_somebody_who_walks_by_are_no_other_picture(tmp_path: Path, other: Shown) -> None:
    def draw(n: int) -> NDArray[np.uint8]:
        picture = lesson(n)
        if n > 20:
            picture = (picture // 4).astype(np.uint8)
        cv2.rectangle(picture, (25 * n - 150, 60), (25 * n + 150, H), 40, -1)
        return picture

    got = shown(tmp_path, draw)
    assert got.stretches(other) == ()
    assert got.wobble(other)[0] < 0.05


def test_a_frozen_picture_is_left_out_an_empty_room_is_not(tmp_path: Path, other: Shown) -> None:
    got = shown(tmp_path, lambda n: lesson(min(n, 15) if n < 30 else n))
    (found,) = got.stretches(other)
    assert found.why == "frozen"
    assert found.first in range(14, 18) and found.end == 30
    assert got.stretches(got) == (), "the other camera's picture does not move either"


def test_moments_lose_the_frames_of_a_stretch(tmp_path: Path, other: Shown) -> None:
    got = shown(tmp_path, lambda n: desktop(n) if n >= 24 else lesson(n))
    at = np.arange(0, FRAMES, 4)
    when = Moments(at / RATE, at, at)
    left = without(when, [got.stretches(other), ()])
    assert (left.frame_left == np.where(at >= 24, -1, at)).all()
    assert (left.frame_right == at).all() and without(when, []).frame_left is not None


def test_what_became_of_the_pictures_is_counted_and_said(tmp_path: Path) -> None:
    """Left out is not missing; and an .avi with B-frames, whose pictures are counted, is doubtful
    behind damage."""
    bad = np.array([["", "corrupt"], ["none", ""], ["none", ""], ["", ""]], "U8")
    for bframes in ("0", "2"):
        video = probe(write(tmp_path / "a.avi", codec="mpeg4", frames=20, options={"bf": bframes}))
        film = Film(video, video, None, None, [None] * 4, (), bad, aside=(2, 0))  # type: ignore[arg-type]
        found = FrameCounts.model_validate(film.frame_facts())
        assert (found.left.asked, found.left.none, found.left.aside) == (2, 0, 2)
        assert (found.right.asked, found.right.corrupt) == (4, 1)
        said = [r for r in found.remarks if "right video" in r and "behind those" in r]
        assert len(said) == (bframes == "2") and not any("left" in r for r in found.remarks)


def test_one_picture_beside_a_stretch_is_of_it_and_alone_it_is_nothing(other: Shown) -> None:
    """A fallen camera of which the last picture is not even found again."""
    turned = np.zeros((36, 4))
    turned[25:35, 0], turned[35], turned[10] = np.radians(100), np.nan, np.nan
    turned[5, 1] = np.radians(3)
    fell = replace(other, turned=turned)
    (found,) = fell.stretches(other)
    assert (found.why, found.first, found.end) == ("moved", int(other.frames[24]) + 1, FRAMES)
    assert found.turned_deg == pytest.approx(100)
    assert fell.alone_s(other).tolist() == other.times_s[[5, 10]].tolist()


def test_single_black_pictures_are_told_by_the_check_and_no_key_frames_are_looked_for(
    tmp_path: Path, other: Shown
) -> None:
    """An encoder makes a key frame of each black picture, and of the one behind it."""

    def draw(n: int) -> NDArray[np.uint8]:
        return lesson(n) if n % 12 else np.zeros((H, W), np.uint8)

    got = shown(tmp_path, draw)
    assert got.stretches(other) == () and len(got.alone_s(other)) == 3
    found = replace(Registered("left", "as it is", 100), alone_s=got.alone_s(other))
    assert "3 of the pictures of the left video" in found.amid()[0].message


def test_single_pictures_of_something_else_are_counted_and_stand_on_page_one(
    tmp_path: Path,
) -> None:
    video = probe(write(tmp_path / "a.mp4", frames=20))
    lost = np.array([["", "aside"], ["none", ""], ["none", "aside"], ["", ""]], "U8")
    when = Moments(np.arange(4.0), np.arange(4), np.arange(4))
    film = Film(video, video, None, None, when, (), lost, aside=(2, 0))  # type: ignore[arg-type]
    found = FrameCounts.model_validate(film.frame_facts())
    assert (found.right.asked, found.right.decoded, found.right.aside) == (2, 2, 2)
    assert (found.right.single, found.right.single_from_s, found.left.single) == (2, 0.0, 0)
    first = next(iter(caveats(Quality(frames=found))))
    assert "2 pictures show something else than the right camera's room" in first.message
