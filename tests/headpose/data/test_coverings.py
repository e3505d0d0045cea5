"""Coverings hide what they say they hide, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from headpose.data.coverings import KINDS, cover, parts_hidden
from headpose.labels import schematic_face_mm
from headpose.visibility import PARTS

SIDE = 128


def head() -> tuple[np.ndarray, np.ndarray]:
    """A noisy grey picture and where 68 points of a frontal face are in it."""
    p = schematic_face_mm()[:, :2] * [1.0, -1.0]
    p = (p - p.min(0)) / np.ptp(p, axis=0).max() * 80 + [24, 22]
    return np.random.default_rng(0).integers(90, 110, (SIDE, SIDE, 3), dtype=np.uint8), p


EXPECTED = {
    "mask": "lower", "beak": "lower", "scarf": "lower", "book": "lower", "sunglasses": "eyes",
    "cap": "eyes",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_hidden_is_painted_over_and_the_rest_is_not(kind: str) -> None:
    picture, points = head()
    for seed in range(8):
        covered, hidden = cover(picture, points, kind, np.random.default_rng(seed))
        assert covered.shape == picture.shape and covered.dtype == np.uint8
        at = np.round(points).astype(int)
        change = np.abs(covered[at[:, 1], at[:, 0]].astype(int) - picture[at[:, 1], at[:, 0]])
        far = ~hidden & np.array(
            [np.abs(points[hidden] - q).max(1).min(initial=99) > 6 for q in points]
        )
        assert (change[far] <= 8).mean() > 0.9  # loops and seams apart
        if hidden.any() and kind not in ("hand",):  # a hand may be of the picture's own colour
            assert np.mean(change[hidden].max(1) > 8) > 0.6


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_kind_hides_its_part(kind: str) -> None:
    picture, points = head()
    shares = [
        parts_hidden(cover(picture, points, kind, np.random.default_rng(seed))[1])
        for seed in range(12)
    ]
    which = PARTS.index(EXPECTED[kind])
    assert np.mean([s[which] for s in shares]) > 0.5
    other = PARTS.index("eyes" if EXPECTED[kind] == "lower" else "lower")
    assert np.mean([s[other] for s in shares]) < 0.25


def test_hair_hides_one_side() -> None:
    picture, points = head()
    for seed in range(8):
        hidden = cover(picture, points, "hair", np.random.default_rng(seed))[1]
        _, _, left, right = parts_hidden(hidden)
        assert max(left, right) > 0.3 and min(left, right) < 0.1


def test_same_seed_same_picture() -> None:
    picture, points = head()
    a, b = (cover(picture, points, "hand", np.random.default_rng(3))[0] for _ in range(2))
    assert (a == b).all()
