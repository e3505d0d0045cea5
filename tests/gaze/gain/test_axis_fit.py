"""One axis of a gain by itself: what was put in comes out, with a σ that is true. Seconds."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.gain.angles import angles_of, towards
from gaze.gain.axis_fit import OUTLIER_WEIGHT, AxisFit, _weights, fit_axis, fit_looks
from gaze.gain.looks import Looks
from gaze.gain.model import MIN_SHARE

SHARE, OFFSET = 0.7, np.radians(2.0)


def looks(rng, students=10, points=9, noise_deg=1.0, share_spread=0.0, offset_spread_deg=0.0):
    """A class that looks at points up to 20° to both sides: y, u, student; each one's own truth."""
    student = np.repeat(np.arange(students), points)
    u = np.tile(np.radians(np.linspace(-20, 20, points)), students)
    share = SHARE + share_spread * rng.normal(size=students)
    offset = OFFSET + np.radians(offset_spread_deg) * rng.normal(size=students)
    y = share[student] * u + offset[student] + np.radians(noise_deg) * rng.normal(size=len(u))
    return y, u, student, share, offset


def test_without_noise_share_and_offset_are_found() -> None:
    y, u, student, _, _ = looks(np.random.default_rng(0), noise_deg=0.0)
    fit = fit_axis(y, u, student, 10)
    np.testing.assert_allclose(fit.share, SHARE, atol=1e-3)
    np.testing.assert_allclose(fit.offset, OFFSET, atol=1e-3)
    assert fit.class_share == pytest.approx(SHARE, abs=1e-3)
    assert fit.class_offset == pytest.approx(OFFSET, abs=1e-3)
    assert (fit.weight > 0.99).all()


def test_where_nothing_says_otherwise_nothing_is_corrected() -> None:
    """Everybody looks at one point: the share stays 1, known as badly as before."""
    student = np.repeat(np.arange(6), 9)
    rng = np.random.default_rng(1)
    y = OFFSET + np.radians(1.0) * rng.normal(size=54)
    fit = fit_axis(y, np.zeros(54), student, 6)
    assert fit.class_share == 1 and fit.class_share_sigma == pytest.approx(0.5)
    np.testing.assert_allclose(fit.share, 1.0)
    assert fit.class_offset == pytest.approx(OFFSET, abs=np.radians(1.0))


@pytest.mark.parametrize("absent", [1, 4])
def test_who_has_no_look_changes_nobody_s_numbers(absent: int) -> None:
    """And the fit goes on until everybody's numbers stand still, not only the absent one's."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        y, u, student, _, _ = looks(rng, 8, 6, 2.0, 0.1, 3.0)
        y[rng.random(len(y)) < 0.2] += np.radians(12.0)  # some looked elsewhere
        alone, beside = fit_axis(y, u, student, 8), fit_axis(y, u, student, 8 + absent)
        np.testing.assert_allclose(beside.share[:8], alone.share, atol=2e-3)
        np.testing.assert_allclose(beside.offset[:8], alone.offset, atol=2e-3)
        np.testing.assert_allclose(beside.share[8:], alone.class_share, atol=2e-3)
        np.testing.assert_allclose(beside.offset[8:], alone.class_offset, atol=2e-3)


def test_the_order_of_students_is_of_no_matter() -> None:
    rng = np.random.default_rng(3)
    y, u, student, _, _ = looks(rng, 7, 6, 2.0, 0.1, 3.0)
    turned = rng.permutation(7)
    one, other = fit_axis(y, u, student, 7), fit_axis(y, u, turned[student], 7)
    np.testing.assert_allclose(other.share[turned], one.share, atol=1e-6)
    np.testing.assert_allclose(other.covariance[turned], one.covariance, rtol=1e-3)


def test_looks_elsewhere_have_no_say() -> None:
    rng = np.random.default_rng(4)
    y, u, student, _, _ = looks(rng, 12, 9, 1.0)
    elsewhere = rng.random(len(y)) < 0.12
    clean = fit_axis(y[~elsewhere], u[~elsewhere], student[~elsewhere], 12)
    y[elsewhere] += np.radians(30.0)
    fit = fit_axis(y, u, student, 12)
    assert (fit.weight[elsewhere] < OUTLIER_WEIGHT).all()
    assert (fit.weight[~elsewhere] > OUTLIER_WEIGHT).mean() > 0.98
    np.testing.assert_allclose(fit.share, clean.share, atol=0.02)
    np.testing.assert_allclose(fit.offset, clean.offset, atol=np.radians(0.2))
    # honest looks keep nearly their whole say
    assert np.median(fit.weight[~elsewhere]) > 0.9


def nees(e: np.ndarray, C: np.ndarray) -> float:
    """Squared error in σ, per number: 1 on average where the covariance is true."""
    return float(e @ np.linalg.solve(C, e)) / len(e)


@pytest.mark.parametrize("noise_deg", [0.5, 2.0, 6.0])
def test_each_student_s_sigma_is_true(noise_deg: float) -> None:
    """Over classes drawn anew: errors of (offset, share) agree with the covariance; and so do those
    of somebody without marked points, with how people differ in it."""
    own, new, share_z = [], [], []
    for seed in range(25):
        rng = np.random.default_rng(100 + seed)
        y, u, student, share, offset = looks(rng, 11, 9, noise_deg, 0.07, 3.0)
        mine = student < 10  # the last one has no marked point
        fit = fit_axis(y[mine], u[mine], student[mine], 10)
        for s in range(10):
            e = np.array([fit.offset[s] - offset[s], fit.share[s] - share[s]])
            own.append(nees(e, fit.covariance[s]))
        e = np.array([fit.class_offset - offset[10], fit.class_share - share[10]])
        new.append(nees(e, fit.class_covariance))
        share_z.append((fit.class_share - SHARE) / fit.class_share_sigma)
    assert 0.75 < np.mean(own) < 1.5, np.mean(own)
    assert 0.5 < np.mean(new) < 1.7, np.mean(new)
    assert 0.6 < np.std(share_z) < 1.5 and abs(np.mean(share_z)) < 0.6


@pytest.mark.parametrize(("share_spread", "offset_spread_deg"), [(0.0, 0.0), (0.15, 8.0)])
def test_how_people_differ_is_found(share_spread: float, offset_spread_deg: float) -> None:
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y, u, student, *_ = looks(rng, 30, 9, 0.5, share_spread, offset_spread_deg)
        found.append(np.sqrt(np.diag(fit_axis(y, u, student, 30).class_covariance)))
    offset_deg, share = np.degrees(np.mean(found, 0)[0]), np.mean(found, 0)[1]
    if share_spread:
        assert offset_deg == pytest.approx(offset_spread_deg, rel=0.15)
        assert share == pytest.approx(share_spread, rel=0.15)
    else:  # the first guesses (3°, 0.07) weigh as much as two students
        assert offset_deg < 1.0 and share < 0.025


def test_a_single_look_moves_a_student_little() -> None:
    """One look 6° off among classmates who agree: shrunk towards the class, and less sure."""
    y, u, student, _, _ = looks(np.random.default_rng(5), 9, 9, 1.5)
    y, u, student = np.r_[y, SHARE * u[4] + OFFSET + np.radians(6.0)], np.r_[u, u[4]], np.r_[
        student, 9
    ]  # fmt: skip
    fit = fit_axis(y, u, student, 10)
    assert np.radians(1.0) < fit.offset[9] - fit.class_offset < np.radians(5.0)
    assert fit.covariance[9, 0, 0] > 1.5 * fit.covariance[0, 0, 0]


def test_a_share_is_never_below_what_can_be_divided_by() -> None:
    y, u, student, _, _ = looks(np.random.default_rng(6), 8, 9, 0.3)
    y[student == 3] = OFFSET - 0.1 * u[student == 3]  # this one's head turns the other way
    fit: AxisFit = fit_axis(y, u, student, 8)
    assert fit.share.min() == MIN_SHARE == fit.share[3]


def test_weights_of_looks_that_do_not_fit() -> None:
    """Huber's from 1.345 σ on, then Tukey's down to nothing at 4.685 σ; of both signs."""
    z = np.array([0.0, 1.345, -2.69, 4.685 / 2, -4.685, 9.0])
    np.testing.assert_allclose(_weights(z[:3], redescending=False), [1, 1, 0.5])
    np.testing.assert_allclose(
        _weights(z[[0, 3, 4, 5]], redescending=True), [1, 0.5625, 1e-6, 1e-6]
    )


def test_noise_free_heads_are_led_back_onto_their_points() -> None:
    """Each of both axes with its own share and offset about the points' middle."""
    share, offset = np.array([0.7, 0.9]), np.radians([2.0, -3.0])
    xy = np.stack(np.meshgrid([0.3, 2.0, 3.7], [0.2, 1.0]), -1).reshape(-1, 2)
    noses = np.array([[1.0, 0.2, 3.0], [2.0, 0.3, 4.0], [3.0, 0.2, 5.0]])
    student, place = np.repeat(np.arange(3), 6), np.tile(np.arange(6), 3)
    P, points = noses[student], xy[place]
    aim, target = angles_of(towards(P, xy.mean(0))), angles_of(towards(P, points))
    head = aim + share * (target - aim) + offset
    looks = Looks(("a", "b", "c"), student, place, P, head, target, points, student, P, head)
    fit = fit_looks(looks, np.ones(18, bool))
    for axis, true_share, true_offset in zip(fit.axes, share, offset, strict=True):
        np.testing.assert_allclose(axis.share, true_share, atol=0.01)
        np.testing.assert_allclose(axis.offset, true_offset, atol=np.radians(0.2))
    np.testing.assert_allclose(fit.correct(P, head, student), points, atol=0.02)
