"""A large picture in strips: the faces of the whole one, each once."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.faces.strips import OVERLAP_PX, STRIP_PX, detect_in_strips
from tests.gaze.squares import SquareDetector

rng = np.random.default_rng(11)


class Watcher(SquareDetector):
    """Remembers how large the pictures were."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def detect(self, pictures, threshold):
        self.seen.append(pictures.shape[1:3])
        return super().detect(pictures, threshold)


def drawn(size_px: tuple[int, int], faces: list[tuple[int, int, int]]) -> np.ndarray:
    picture = np.full((*size_px[::-1], 3), 70, np.uint8)
    for x, y, side in faces:
        picture[y : y + side, x : x + side] = 230
    return picture


@pytest.mark.parametrize("size_px", [(1920, 1080), (2880, 1620), (1620, 2880), (1440, 1082)])
def test_every_face_once_and_no_strip_too_large(size_px: tuple[int, int]) -> None:
    xs = range(10, size_px[0] - 140, 150)
    faces = [
        (x, int(rng.integers(0, size_px[1] - side)), side)
        for x, side in zip(xs, rng.integers(20, OVERLAP_PX - 4, len(xs)).tolist(), strict=True)
    ]
    picture, detector = drawn(size_px, faces), Watcher()
    found = detect_in_strips(detector, picture, 0.3)
    assert len(detector.seen) > 1
    assert max(h * w for h, w in detector.seen) < 1.1 * STRIP_PX
    at = np.argsort(found.box_px[:, 0])
    expected = [[x, y, x + side, y + side] for x, y, side in faces]
    np.testing.assert_allclose(found.box_px[at], np.array(expected) - 0.5, atol=1.1)
    centre = (found.box_px[at, :2] + found.box_px[at, 2:]) / 2
    np.testing.assert_allclose(found.points_px[at, 2], centre)


def test_a_face_higher_than_what_strips_share_is_not_lost() -> None:
    side = OVERLAP_PX + 30
    for y in range(0, 1080 - side, 20):
        found = detect_in_strips(Watcher(), drawn((1920, 1080), [(700, y, side)]), 0.3)
        assert len(found.score) >= 1
        assert (found.box_px[:, 1] >= y - 2).all()
        assert (found.box_px[:, 3] <= y + side + 1).all()
        assert (found.box_px[:, 3] - found.box_px[:, 1]).max() > OVERLAP_PX


def test_a_small_picture_is_one() -> None:
    detector = Watcher()
    found = detect_in_strips(detector, drawn((1440, 810), [(100, 400, 30)]), 0.3)
    assert detector.seen == [(810, 1440)]
    assert len(found.score) == 1
    assert len(detect_in_strips(detector, drawn((1920, 1080), []), 0.3).score) == 0
