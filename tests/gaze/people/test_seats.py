"""Where students sit: declared seats, and a class beside them."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.people.seats import shift_of_seats

GRID = np.array([(x, z) for z in (3.0, 5.0, 7.0) for x in (0.56, 1.71, 2.86)])


@pytest.mark.parametrize("shift", [(0.52, 0.0), (-0.8, 0.3), (1.15, 0.0), (0.0, 0.6), (0.94, -0.9)])
@pytest.mark.parametrize("seed", range(3))
def test_a_class_beside_its_declared_seats_is_found(shift: tuple[float, float], seed: int) -> None:
    """A tape from another corner; 1.15 m is a whole seat, after which all but a column fit."""
    rng = np.random.default_rng(seed)
    noses = GRID + shift + rng.normal(0, 0.08, GRID.shape)
    found = shift_of_seats(rng.permutation(noses), GRID)
    assert found is not None
    by, sigma, n = found
    assert n == 9 and np.abs(by - shift).max() < 0.1 and (sigma < 0.06).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_class_that_sits_where_it_says_is_not_shifted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    leaning = GRID + [0.0, -0.2] + rng.normal(0, 0.15, GRID.shape)
    assert shift_of_seats(leaning, GRID) is None
    assert shift_of_seats(np.delete(leaning, [1, 5], 0), GRID) is None  # two are ill
    assert shift_of_seats(leaning, GRID[:4]) is None  # only some are listed
    moved = leaning.copy()
    moved[:3] = rng.uniform((0, 2), (4, 8), (3, 2))  # three sit elsewhere
    assert shift_of_seats(moved, GRID) is None
    assert shift_of_seats(rng.uniform((0, 2), (4, 8), (9, 2)), GRID) is None  # any room
