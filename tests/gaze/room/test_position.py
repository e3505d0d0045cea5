"""Triangulation against truth: exact without noise, honest with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.rig import Rig
from calibration.transform import Transform, rotation_exp
from gaze.room.position import (
    epipolar_deg,
    linearised_nose,
    ray_points,
    seat_prior,
    sight,
    solve_positions,
)
from tests.gaze.classroom import project, room_rig, seats


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_exact_without_noise(seed: int) -> None:
    rig, P = room_rig(seed), seats(seed=seed)
    found = solve_positions(rig, project(rig, P), np.ones((len(P), 2)))
    assert np.abs(found.P_W - P).max() < 1e-6
    assert found.residual_px.max() < 1e-5
    assert (found.cameras == 2).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_covariance_is_honest(seed: int) -> None:
    rig, P = room_rig(seed), np.repeat(seats(seed=seed), 300, axis=0)
    rng = np.random.default_rng(seed)
    sigma = np.tile([1.2, 0.7], (len(P), 1))
    uv = project(rig, P) + rng.normal(size=(len(P), 2, 2)) * sigma[:, :, None]
    found = solve_positions(rig, uv, sigma)
    e = found.P_W - P
    d2 = np.einsum("ni,nij,nj->n", e, np.linalg.inv(found.covariance_m2), e)
    assert d2.mean() == pytest.approx(3.0, abs=0.2)  # χ² with 3 degrees of freedom


def test_residual_is_what_one_free_measurement_leaves() -> None:
    rig, P = room_rig(0), np.repeat(seats(), 300, axis=0)
    uv = project(rig, P) + np.random.default_rng(0).normal(0, 0.8, (len(P), 2, 2))
    found = solve_positions(rig, uv, np.full((len(P), 2), 0.8))
    # four measurements, three unknowns: rms² = σ²/4
    assert np.mean(found.residual_px**2) == pytest.approx(0.8**2 / 4, rel=0.1)


def test_one_camera_uses_the_seat_and_says_how_wide_it_is() -> None:
    rig, P = room_rig(0), np.repeat(seats(), 200, axis=0)
    rng = np.random.default_rng(1)
    spread = np.diag([0.08, 0.05, 0.12]) ** 2
    true = P + rng.multivariate_normal(np.zeros(3), spread, len(P))
    uv = project(rig, true) + rng.normal(size=(len(P), 2, 2))
    uv[::2, 0] = np.nan
    uv[1::2, 1] = np.nan
    found = solve_positions(rig, uv, np.ones((len(P), 2)), P, np.tile(spread, (len(P), 1, 1)))
    e = found.P_W - true
    d2 = np.einsum("ni,nij,nj->n", e, np.linalg.inv(found.covariance_m2), e)
    assert d2.mean() == pytest.approx(3.0, abs=0.25)
    # along the ray nothing is learnt: the widest axis stays near the seat's own
    widest = np.sqrt(np.linalg.eigvalsh(found.covariance_m2)[:, -1])
    assert np.median(widest) > 0.07
    assert (found.cameras == 1).all()
    assert np.isnan(found.residual_px).all()


def test_who_is_seen_by_one_camera_is_placed_the_same_beside_others() -> None:
    rig, P = room_rig(0), seats()
    uv, sigma = project(rig, P), np.ones((len(P), 2))
    uv[::2, 0] = np.nan
    prior, spread = P + 0.1, np.tile(np.diag([0.08, 0.05, 0.12]) ** 2, (len(P), 1, 1))
    together = solve_positions(rig, uv, sigma, prior, spread)
    alone = solve_positions(rig, uv[::2], sigma[::2], prior[::2], spread[::2])
    np.testing.assert_allclose(together.P_W[::2], alone.P_W, atol=1e-9)
    np.testing.assert_allclose(together.covariance_m2[::2], alone.covariance_m2, atol=1e-12)


def test_nothing_from_nothing() -> None:
    rig = room_rig(0)
    uv = np.full((3, 2, 2), np.nan)
    uv[1, 0] = 900, 500  # one camera and no prior
    found = solve_positions(rig, uv, np.ones((3, 2)))
    assert np.isnan(found.P_W).all() and list(found.cameras) == [0, 1, 0]


def test_epipolar_distance_is_zero_for_one_point_and_degrees_for_two() -> None:
    rig, P = room_rig(0), seats()
    uv = project(rig, P)
    left, right = sight(rig.left, uv[:, 0]).xy, sight(rig.right, uv[:, 1]).xy
    assert epipolar_deg(rig, left, right).max() < 1e-5
    # first and last row lie on different planes through the baseline
    assert epipolar_deg(rig, left[:1], right[-1:])[0] > 2


def test_seat_prior_ignores_one_jump() -> None:
    P = np.random.default_rng(0).normal([1, 0.8, 3], 0.02, (100, 3))
    P[7] = 9, 9, 9
    seat, covariance = seat_prior(P)
    assert np.abs(seat - [1, 0.8, 3]).max() < 0.01
    assert np.allclose(np.sqrt(np.diag(covariance)), 0.08)


def test_epipolar_distance_is_the_larger_of_the_two_angles() -> None:
    """By the planes' dihedral angle φ: a ray at θ from the baseline is asin(sin φ sin θ) off."""
    rig, P = room_rig(0), seats(rows=4, per_row=4)
    uv = project(rig, P)
    left, right = sight(rig.left, uv[:, 0]).xy, sight(rig.right, uv[::-1, 1]).xy
    base = rig.T_WC("right").t - rig.T_WC("left").t
    base /= np.linalg.norm(base)
    rays = [
        rig.T_WC(c).rotate(np.column_stack([xy, np.ones(len(xy))]))
        for c, xy in (("left", left), ("right", right))
    ]
    rays = [d / np.linalg.norm(d, axis=1, keepdims=True) for d in rays]
    across = [d - (d @ base)[:, None] * base for d in rays]
    sin_theta = [np.linalg.norm(a, axis=1) for a in across]
    sin_phi = np.linalg.norm(np.cross(*across), axis=1) / (sin_theta[0] * sin_theta[1])
    off = np.degrees(np.arcsin(sin_phi * np.array(sin_theta)))
    assert (off.max(0) > 1.1 * off.min(0)).sum() > 4  # they are two things
    np.testing.assert_allclose(epipolar_deg(rig, left, right), off.max(0), atol=1e-9)


def nudged(rig: Rig) -> Rig:
    """The rig after a knock: its right camera 3 mm and 0.05° off, its left lens 1 px longer."""
    turn = Transform(
        rotation_exp(np.radians([0.03, -0.04, 0.02])), [0.002, -0.001, 0.002], "R", "R"
    )
    K = rig.left.K + np.diag([1.0, 1.0, 0.0])
    return replace(rig, T_RL=turn @ rig.T_RL, left=replace(rig.left, K=K))


def test_noses_move_with_the_rig_as_if_they_were_solved_again() -> None:
    """With one camera three times as sure as the other: its rays count nine times as much."""
    rig, P = room_rig(0), seats()
    sigma = np.tile([0.6, 1.8], (len(P), 1))
    uv = project(rig, P) + np.random.default_rng(2).normal(size=(len(P), 2, 2)) * sigma[:, :, None]
    solved = solve_positions(rig, uv, sigma)
    moved = nudged(rig)
    want = solve_positions(moved, uv, sigma).P_W - solved.P_W
    have = linearised_nose(rig, uv, sigma, solved.P_W)(moved)
    assert np.linalg.norm(want, axis=1).min() > 0.001
    assert (np.linalg.norm(have - want, axis=1) < 0.03 * np.linalg.norm(want, axis=1)).all()
    np.testing.assert_allclose(linearised_nose(rig, uv, sigma, solved.P_W)(rig), 0, atol=1e-12)


@pytest.mark.parametrize("blind", [0, 1])
def test_a_nose_of_one_camera_moves_with_its_ray_and_keeps_its_depth(blind: int) -> None:
    rig, P = room_rig(0), seats()
    uv, sigma = project(rig, P), np.ones((len(P), 2))
    uv[:, blind] = np.nan
    P_W = P.copy()
    P_W[0] = np.nan  # a nose that was not solved has none
    moved, other = nudged(rig), ("right", "left")[blind]
    shift = linearised_nose(rig, uv, sigma, P_W)(moved)
    assert np.isnan(shift[0]).all()
    again = project(moved, P + np.nan_to_num(shift))[1:, 1 - blind]
    assert np.abs(again - uv[1:, 1 - blind]).max() < 0.02  # it lies on the moved ray
    off = P[1:] - rig.T_WC(other).t
    depth = np.abs((shift[1:] * off).sum(1)) / np.linalg.norm(off, axis=1)
    assert depth.max() < 0.05 * np.linalg.norm(shift[1:], axis=1).max()


def test_a_pixel_with_one_coordinate_is_not_seen() -> None:
    rig = room_rig(0)
    uv = np.array([[900.0, np.nan], [np.nan, 500.0], [900.0, 500.0]])
    found = sight(rig.left, uv)
    assert np.isnan(found.xy[:2]).all() and np.isnan(found.pixels_by_xy[:2]).all()
    np.testing.assert_allclose(found.xy[2], sight(rig.left, uv[2:]).xy[0])


def test_a_ray_that_is_missing_takes_no_other_along() -> None:
    rig, P = room_rig(0), seats()
    uv = project(rig, P)
    uv[1, 0] = np.nan
    found = ray_points(rig, sight(rig.left, uv[:, 0]).xy, sight(rig.right, uv[:, 1]).xy)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(np.delete(found, 1, 0), np.delete(P, 1, 0), atol=1e-6)


def test_the_lens_s_magnification_is_the_slope_of_its_projection() -> None:
    """A strong lens with fx ≠ fy, far from the middle: d(pixel)/d(normalised), both ways round."""
    camera = replace(
        room_rig(0).left,
        K=np.array([[1400.0, 0, 950], [0, 1100.0, 520], [0, 0, 1]]),
        distortion=np.array([-0.28, 0.08, 2e-3, -1e-3]),
    )
    uv = np.array([[300.0, 150.0], [1700.0, 900.0], [960.0, 300.0]])
    found = sight(camera, uv)
    P = np.column_stack([found.xy, np.ones(3)])
    np.testing.assert_allclose(camera.project(P), uv, atol=1e-4)
    for j in range(2):
        d = np.zeros(3)
        d[j] = 1e-5
        slope = (camera.project(P + d) - camera.project(P - d)) / 2e-5
        np.testing.assert_allclose(found.pixels_by_xy[:, :, j], slope, rtol=2e-3, atol=2.0)
