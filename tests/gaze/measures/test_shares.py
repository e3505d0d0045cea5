"""Shares freed from the blur of the measurement; the whole table: tests/benchmarks/shares.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from gaze.measures.measures import board_shares, measures
from gaze.measures.mixture import Cells, Places, _likelihood
from sessions.config import Area
from sessions.simulation.people import load_people
from tests.benchmarks.shares import BOARD, draw, score, students_bands
from tests.gaze.lessons import gaze_table


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "seconds"), [("grid", 18.0), ("natural", 30.0)])
def test_shares_are_true_within_their_bands(scenario: str, seconds: float) -> None:
    """Errors of the stated σ, half of which stays with a student: in no row of seats is the share
    of the board off by more than 1 point beyond chance, and nine of ten bands hold."""
    cast = load_people(None)
    found = score([draw(scenario, seed, seconds=seconds, students=16, cast=cast)
                   for seed in range(6)])  # fmt: skip
    bias, se = found.error.mean(0), found.error.std(0) / 6**0.5
    assert (np.abs(bias) < 0.01 + 2.5 * se).all(), 100 * bias
    assert found.held.mean() > 0.9
    if scenario == "grid":  # every head points at the board all the time
        assert np.abs(bias[:, -1]).max() < 0.015


def test_blur_is_not_counted_twice() -> None:
    """A class that looks near the board's edges all the time: points outside are the error's."""
    rng = np.random.default_rng(3)
    n, t, sigma = 12, 60, 0.2
    place = rng.uniform([0.1, 0.1], [3.9, 1.1], (12, 2))
    frames = []
    for i in range(n):
        true = place[rng.integers(0, 12, 12)].repeat(t // 12, 0)
        seen = true + rng.normal(0, sigma * 0.7, 2) + rng.normal(0, sigma * 0.7, (t, 2))
        frames.append(gaze_table(np.arange(t) * 0.2, np.full(t, f"S-{i:02d}"), np.full(t, "ok"),
                                 seen, sigma))  # fmt: skip
    table = pd.concat(frames, ignore_index=True)
    inside = table["gaze_x_m"].between(0, 4) & table["gaze_y_m"].between(0, 1.2)
    m = measures(table, None, BOARD, surrogates=0)
    board = m.areas.set_index("area").loc["board"]
    assert inside.mean() < 0.92  # as measured, a tenth lies outside
    assert board["share"] > 0.98 and board["high"] == 1.0


def test_one_whom_the_others_bear_onto_the_board_stays_open() -> None:
    """He may well look a hand's breadth below the board, and be measured a σ higher, where all
    others look."""
    rng = np.random.default_rng(4)
    names = [f"S-{i}" for i in range(8)]
    frames = []
    for i, name in enumerate(names):
        low, high = ([1.5, 1.1], [2.5, 1.18]) if i == 0 else ([0.3, 0.2], [3.7, 1.15])
        seen = rng.uniform(low, high, (90, 2))
        frames.append(gaze_table(np.arange(90) * 0.2, np.full(90, name), np.full(90, "ok"),
                                 seen, 0.15))  # fmt: skip
    m = measures(pd.concat(frames, ignore_index=True), None, BOARD, surrogates=0)
    own = m.students.set_index("student").loc["S-0"]
    assert own["board_share"] > 0.85  # they bear him onto the board
    assert own["board_low"] < 0.7


@pytest.mark.parametrize("seed", range(4))
def test_whether_places_are_shared_the_points_say(seed: int) -> None:
    """Marks that all look at, in whatever order, are shared; places of one's own are not, and then
    more is left open."""
    rng = np.random.default_rng(seed)
    n, t, sigma = 24, 24, 0.1
    marks = rng.uniform([0.1, 0.1], [3.9, 1.1], (12, 2))
    places = rng.uniform([-0.3, 0.0], [4.3, 1.5], (n, 2, 2))
    student = np.arange(n).repeat(t)
    lasting, new = rng.standard_normal((n, 2))[student], rng.standard_normal((n * t, 2))
    error, cov = sigma * 0.7 * (lasting + new), np.tile([sigma**2, 0.0, sigma**2], (n * t, 1))
    shared, own = (
        Places.fit(true + error, cov, student, BOARD, ())
        for true in (marks[rng.integers(0, 12, n * t)], places[student, rng.integers(0, 2, n * t)])
    )
    assert shared.alike == 1
    assert own.alike < 0.5
    assert (own.place()[1] - replace(own, alike=1.0).place()[1])[:, [0, 2]].mean() > 0


def test_one_definition_of_the_boards_share() -> None:
    lesson = draw("natural", 3, seconds=20.0, students=6, rows=2)
    m = measures(lesson.gaze, BOARD.areas, BOARD, surrogates=0)
    share, _, _ = students_bands(m)
    assert list(board_shares(lesson.gaze, BOARD).values()) == pytest.approx(share[:, -1], abs=1e-12)


def test_a_students_points_do_not_bear_each_other_out() -> None:
    """One student far from the others: a thousand like points say no more than ten of them."""
    t = np.arange(20) * 0.2
    others = [
        gaze_table(
            t, np.full(20, f"S-{i}"), np.full(20, "ok"), np.tile([2.0 + i / 10, 0.6], (20, 1)), 0.1
        )
        for i in range(5)
    ]
    shares = []
    for n in (10, 1000):
        alone = gaze_table(np.arange(n) * 0.2, np.full(n, "S-9"), np.full(n, "ok"),
                           np.tile([3.0, -0.05], (n, 1)), 0.1)  # fmt: skip
        table = pd.concat([*others, alone], ignore_index=True)
        shares.append(board_shares(table, BOARD)["S-9"])
    assert shares[0] == pytest.approx(shares[1], abs=1e-6)
    assert 0.1 < shares[0] < 0.9  # half a σ outside: it stays open


def test_cells_keep_the_edges_of_areas() -> None:
    areas = (
        Area(name="a", x_m=(0.0, 1.37), y_m=(0.2, 1.2)),
        Area(name="b", x_m=(1.0, 4.0), y_m=(0.0, 1.2)),
    )
    cells = Cells.around(BOARD, areas)
    states = ("a", "b", "rest_of_board", "off_board", "down", "away")
    members = cells.members(BOARD, areas, states)
    size = np.prod(cells.high_m - cells.low_m, axis=1)
    want = [1.37 * 1.0, 3.0 * 1.2, 1.0 * 0.2, 4.0 * 1.2]
    assert size @ members[:, [0, 1, 2, -1]] == pytest.approx(want)
    assert (members[:, -1] ^ members[:, 3] ^ members[:, 4]).all()  # on, beside or below


def test_places_of_sharp_points_are_the_points() -> None:
    xy = np.array([[0.5, 0.4], [0.5, 0.4], [3.0, 0.9], [3.0, 0.9]])
    cov = np.tile([1e-4, 0.0, 1e-4], (4, 1))
    places = Places.fit(xy, cov, np.array([0, 1, 0, 1]), BOARD, ())
    mean, spread = places.place()
    assert np.abs(mean - xy).max() < 0.08  # within a cell
    assert (spread[:, [0, 2]] > 0).all() and (spread[:, [0, 2]] < 0.15**2).all()


def test_refitting_many_at_once_is_refitting_each() -> None:
    rng = np.random.default_rng(3)
    xy = rng.uniform([-0.5, 0.0], [4.5, 1.4], (400, 2))
    student = rng.integers(0, 5, 400)
    places = Places.fit(xy, np.tile([0.04, 0.01, 0.05], (400, 1)), student, BOARD, ())
    members = places.cells.members(BOARD, (), ("rest_of_board", "off_board", "down"))
    weight = rng.exponential(size=(6, 5))
    each = [places.refitted(w[None], members)[:, 0] for w in weight]
    many = places.refitted(weight, members)
    np.testing.assert_allclose(many, np.stack(each, 1), atol=2e-5)  # float32, summed otherwise
    assert np.ptp(many, axis=1).max() > 1e-3  # the weights matter
    same = places.refitted(np.ones((1, 5)), members, iterations=0)[:, 0]
    np.testing.assert_allclose(same, places.probability(members), atol=1e-6)


def test_a_point_is_in_each_cell_with_the_density_of_its_normal() -> None:
    """Against cells integrated one by one; far ones hold nothing."""
    cells = Cells.around(BOARD, ())
    xy, cov = np.array([[0.3, 0.5], [3.9, 1.3]]), np.array([[0.01, 0.0, 0.02], [0.2, 0.0, 0.1]])
    found = _likelihood(xy, cov, cells)
    for row, point, (xx, _, yy) in zip(found, xy, cov, strict=True):
        in_x, in_y = (
            norm.cdf((cells.high_m[:, k] - point[k]) / s)
            - norm.cdf((cells.low_m[:, k] - point[k]) / s)
            for k, s in ((0, xx**0.5), (1, yy**0.5))
        )
        density = in_x * in_y / np.prod(cells.high_m - cells.low_m, axis=1)
        np.testing.assert_allclose(row, density, rtol=1e-5, atol=1e-9)
        assert row.min() > 0  # TINY: no place is impossible
