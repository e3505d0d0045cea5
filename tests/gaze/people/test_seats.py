"""Where students sit: declared seats, and a class beside them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_law

from calibration.transform import rotation_exp, rotation_log
from gaze.people.seats import (
    ABOVE_EDGE_M,
    BEFORE_SEAT_M,
    COMMON_DEG,
    COMMON_M,
    COMMON_SIZE,
    class_place,
    shift_of_seats,
)

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


def a_class(
    rng: np.random.Generator, columns: int = 6, rows: int = 4, wrong: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Noses, and declared seats; what a class has in common is off as it is said to be."""
    x = 0.7 + 0.7 * np.arange(columns)
    z = 2.4 + 1.15 * np.arange(rows)
    seats = np.stack(np.meshgrid(x, z), -1).reshape(-1, 2)
    sigma = np.array([*np.radians(COMMON_DEG), *COMMON_M, COMMON_SIZE])
    d = wrong * rng.normal(0, sigma)
    front = np.array([x.mean(), 0, z.min()])
    arm = (np.insert(seats, 1, 0.0, 1) - front) @ rotation_exp(d[:3]).T
    noses = front + [0, HEIGHT - ABOVE_EDGE_M, -BEFORE_SEAT_M] + d[3:6] + (1 + d[6]) * arm
    noses = noses + rng.normal(0, (0.10, 0.08, 0.10), noses.shape)
    return rng.permutation(noses), seats + rng.normal(0, 0.12, seats.shape)


HEIGHT = 1.2


@pytest.mark.slow
@pytest.mark.parametrize("columns, rows", [(6, 4), (5, 3)])
def test_what_a_class_says_of_the_room_has_a_true_sigma(columns: int, rows: int) -> None:
    """200 classes: seats declared to 12 cm, people who sit to 10 cm, and lean, as stated."""
    off, inside, told = [], 0, 0
    for seed in range(200):
        at = class_place(*a_class(np.random.default_rng([5, seed]), columns, rows), HEIGHT)
        if at is None:
            continue
        e = np.array([*rotation_log(at.R), *(at.found_m - at.at_m), at.size - 1])
        chi2 = float(e @ np.linalg.solve(at.covariance, e))
        inside += chi2 < chi2_law.isf(0.05, 7)
        told += 1
        off.append(e / np.sqrt(np.diag(at.covariance)))
    assert told >= 160
    assert 0.90 <= inside / told <= 0.99, (inside, told)
    assert (np.std(off, axis=0) < 1.3).all() and (np.abs(np.mean(off, axis=0)) < 0.3).all()


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.7, 0.0), (-1.9, 0.0), (0.0, 1.15), (0.5, -0.8)])
def test_a_class_is_found_where_a_wrong_room_puts_it(shift: tuple[float, float]) -> None:
    """Also where it is one column or one row over: at the edge nobody sits, and somebody does."""
    noses, seats = a_class(np.random.default_rng(3), wrong=0.0)
    at = class_place(noses + [shift[0], 0.6, shift[1]], seats, HEIGHT)
    assert at is not None and at.students == 24
    assert np.allclose(at.found_m - at.at_m, [shift[0], 0.6, shift[1]], atol=0.12)


def test_a_class_that_does_not_tell_says_nothing() -> None:
    rng = np.random.default_rng(4)
    noses, seats = a_class(rng, wrong=0.0)
    edge = seats[:, 0] > np.sort(seats[:, 0])[20] - 0.35
    assert class_place(noses[:5], seats, HEIGHT) is None, "too few"
    assert class_place(noses[noses[:, 0] < 3.4], seats, HEIGHT) is None, "a free column: which?"
    assert class_place(noses, seats[~edge], HEIGHT) is None, "a column that is not declared"
    anywhere = rng.uniform((0, 0.9, 2), (5, 1.1, 7), (24, 3))
    assert class_place(anywhere, seats, HEIGHT) is None
    row = a_class(rng, 8, 1, 0.0)
    assert class_place(*row, HEIGHT) is None, "one row: a seat farther does as well"
