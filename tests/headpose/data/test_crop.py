"""The crop rule: where its pixels lie, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from headpose.data import crop
from headpose.errors import CropError


def ramp(h: int, w: int) -> np.ndarray:
    """A picture whose blue is x and green is y."""
    y, x = np.mgrid[:h, :w]
    return np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)


def test_square_is_centred_and_scaled_by_the_longer_side() -> None:
    np.testing.assert_allclose(crop.square_of_box([10, 20, 50, 40]), [30 - 26, 30 - 26, 52])


def test_crop_pixels_lie_where_the_rule_says() -> None:
    box = np.array([60.0, 80.0, 100.0, 110.0])  # side 52, corner (54, 69)
    image = ramp(200, 200)
    small = crop.crop(image, box, 52)  # one crop pixel = one picture pixel, shifted by half
    np.testing.assert_allclose(small[20, 10, :2], [54 + 10.5, 69 + 20.5], atol=1)
    large = crop.crop(image, box, 104)
    np.testing.assert_allclose(large[40, 20, :2], [54 + 20.5 / 2, 69 + 40.5 / 2], atol=1)
    tiny = crop.crop(image, box, 13)
    np.testing.assert_allclose(tiny[5, 3, :2], [54 + 3.5 * 4, 69 + 5.5 * 4], atol=1)


def test_fractions_are_of_the_square() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 300, (5, 68, 2))
    square = crop.square_of_box(crop.box_of_points(points))
    f = crop.fractions_of_points(points, square)
    back = square[:, None, :2] + f * square[:, None, 2:]
    np.testing.assert_allclose(back, points)
    # the tight box fills 1 / 1.3 of the crop, in the middle
    np.testing.assert_allclose((f.max(1) - f.min(1)).max(1), 1 / crop.CROP_SCALE)


def test_border_is_repeated_not_black() -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    out = crop.crop(image, [-10, -10, 30, 30], 64)
    assert out.min() == 200


def test_batch_equals_single() -> None:
    image = ramp(120, 160)
    boxes = np.array([[10, 10, 50, 60], [70, 20, 130, 90.5]])
    both = crop.crops(image, boxes, 32)
    assert both.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(both[1], crop.crop(image, boxes[1], 32))
    assert crop.crops(image, np.zeros((0, 4)), 32).shape == (0, 32, 32, 3)


@pytest.mark.parametrize("box", [[10, 10, 10, 20], [20, 10, 10, 20], [0, 0, np.nan, 5]])
def test_impossible_boxes_are_refused(box: list[float]) -> None:
    with pytest.raises(CropError, match="finite with x1 > x0"):
        crop.crop(ramp(50, 50), box, 32)


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))]
)
def test_impossible_pictures_are_refused(image: np.ndarray) -> None:
    with pytest.raises(CropError, match="BGR"):
        crop.crop(image, [1, 1, 5, 5], 32)


def test_wrong_number_of_pictures() -> None:
    with pytest.raises(CropError, match="1 pictures for 2 boxes"):
        crop.crops([ramp(50, 50)], np.tile([1.0, 1, 20, 20], (2, 1)), 16)
