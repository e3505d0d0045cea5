"""The heart's round trips, properties and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.transform import rotation_exp
from gaze.room.geometry import (
    R_FRONTAL,
    aimed_rotation,
    gaze_jacobians,
    gaze_points,
    gaze_with_covariance,
    head_angles_deg,
    inside_ellipse,
)

metres = st.floats(-8, 8, allow_nan=False)


@given(x=metres, y=metres, z=st.floats(0.3, 12), tx=metres, ty=metres)
@settings(max_examples=200)
def test_aiming_then_meeting_returns_the_target(x, y, z, tx, ty) -> None:
    P_W, target = np.array([x, y, z]), np.array([tx, ty, 0.0])
    R_WS = aimed_rotation(P_W, target)
    np.testing.assert_allclose(R_WS @ R_WS.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R_WS) == pytest.approx(1)
    xy, meets = gaze_points(P_W, R_WS)
    assert meets
    np.testing.assert_allclose(xy, target[:2], atol=1e-9 * (1 + np.abs(target).max() ** 2))


@given(roll=st.floats(-1.5, 1.5), z=st.floats(0.5, 9))
def test_roll_about_the_line_of_sight_changes_nothing(roll, z) -> None:
    P_W = np.array([1.0, 0.2, z])
    R_WS = aimed_rotation(P_W, [2.5, 0.9, 0.0]) @ rotation_exp([0, 0, roll])
    np.testing.assert_allclose(gaze_points(P_W, R_WS)[0], [2.5, 0.9], atol=1e-9)


def test_a_head_that_faces_the_board_squarely() -> None:
    np.testing.assert_allclose(aimed_rotation([1, 0.5, 4], [1, 0.5, 0]), R_FRONTAL, atol=1e-15)
    np.testing.assert_allclose(head_angles_deg(R_FRONTAL), 0, atol=1e-12)


def test_signs_of_the_head_angles() -> None:
    """Yaw > 0 towards the right edge (x_W = 0), pitch > 0 up, as docs/conventions.md says."""
    pitch, yaw, _ = head_angles_deg(aimed_rotation([2, 0.5, 2], [0, 0.5, 0]))
    assert yaw == pytest.approx(45) and pitch == pytest.approx(0, abs=1e-9)
    pitch, yaw, _ = head_angles_deg(aimed_rotation([2, 2.5, 2], [2, 0.5, 0]))
    assert pitch == pytest.approx(45) and yaw == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_head_along_the_wall_is_at_90_whatever_rounding_leaves(side: int) -> None:
    R_WS = np.array([[0, 0, side * (1 + 1e-15)], [0, 1, 0], [-side, 0, 0.0]])
    assert head_angles_deg(R_WS)[1] == pytest.approx(-90 * side)


def test_turned_away_is_never_a_number() -> None:
    P_W = np.array([[1.0, 0.5, 4.0], [1.0, 0.5, 4.0], [1.0, 0.5, -1.0]])
    R_WS = np.stack([np.eye(3), R_FRONTAL, R_FRONTAL])
    points = gaze_with_covariance(P_W, R_WS, np.eye(3) * np.ones((3, 1, 1)), np.zeros((3, 3, 3)))
    assert points.meets.tolist() == [False, True, False]
    assert np.isnan(points.xy_m[[0, 2]]).all() and np.isnan(points.covariance_m2[[0, 2]]).all()


def test_jacobians_match_finite_differences() -> None:
    rng = np.random.default_rng(1)
    P_W = rng.uniform([0, 0, 3], [4, 1.2, 8], (40, 3))
    target = np.c_[rng.uniform(0, 4, 40), rng.uniform(0, 1.2, 40), np.zeros(40)]
    R_WS = aimed_rotation(P_W, target) @ rotation_exp(rng.normal(0, 0.2, (40, 3)))
    by_nose, by_head = gaze_jacobians(P_W, R_WS)
    for k, step in enumerate(np.eye(3) * 1e-6):
        nose = (gaze_points(P_W + step, R_WS)[0] - gaze_points(P_W - step, R_WS)[0]) / 2e-6
        plus, minus = R_WS @ rotation_exp(step), R_WS @ rotation_exp(-step)
        head = (gaze_points(P_W, plus)[0] - gaze_points(P_W, minus)[0]) / 2e-6
        np.testing.assert_allclose(by_nose[..., k], nose, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(by_head[..., k], head, rtol=1e-6, atol=1e-6)
    again = gaze_jacobians(P_W.reshape(8, 5, 3), R_WS.reshape(8, 5, 3, 3))  # of any batch
    assert all((a.reshape(40, 2, 3) == b).all()
               for a, b in zip(again, (by_nose, by_head), strict=True))  # fmt: skip


def test_covariance_matches_monte_carlo() -> None:
    rng = np.random.default_rng(2)
    P_W, target = np.array([1.2, 0.1, 5.0]), np.array([2.9, 0.7, 0.0])
    R_WS = aimed_rotation(P_W, target)
    nose = np.diag([0.01, 0.008, 0.03]) ** 2
    head = np.radians(np.diag([2.0, 1.5, 1.0])) ** 2
    got = gaze_with_covariance(P_W[None], R_WS[None], nose[None], head[None])
    n = 200_000
    noses = P_W + rng.multivariate_normal(np.zeros(3), nose, n)
    heads = R_WS @ rotation_exp(rng.multivariate_normal(np.zeros(3), head, n))
    xy = gaze_points(noses, heads)[0]
    np.testing.assert_allclose(got.covariance_m2[0], np.cov(xy.T), rtol=0.03, atol=2e-4)
    inside = inside_ellipse(xy - target[:2], got.covariance_m2[0], 0.68)
    assert inside.mean() == pytest.approx(0.68, abs=0.01)


def test_the_rig_s_own_covariance_is_added() -> None:
    P_W, R_WS = np.array([[1.0, 0.5, 4.0]]), R_FRONTAL[None]
    nose, head = np.eye(3)[None] * 1e-4, np.eye(3)[None] * 1e-3
    rig = np.array([[[0.04, 0.01], [0.01, 0.09]]])
    alone = gaze_with_covariance(P_W, R_WS, nose, head).covariance_m2
    with_rig = gaze_with_covariance(P_W, R_WS, nose, head, rig).covariance_m2
    np.testing.assert_allclose(with_rig - alone, rig, atol=1e-12)


@pytest.mark.parametrize("roll_deg", [-30.0, 10.0, 60.0])
def test_roll_is_clockwise_for_somebody_at_the_blackboard(roll_deg: float) -> None:
    """Who stands there and faces the class has +x_W to the right and sees the crown go that way."""
    a = np.radians(roll_deg)
    crown_W = np.array([np.sin(a), -np.cos(a), 0.0])  # y_W is down
    forward_W = np.array([0.0, 0.0, -1.0])
    R_WS = np.stack([np.cross(crown_W, forward_W), crown_W, forward_W], 1)
    np.testing.assert_allclose(head_angles_deg(R_WS), [0, 0, roll_deg], atol=1e-9)


def test_the_ellipse_is_that_of_68_per_cent() -> None:
    """√(−2 ln 0.32) = 1.51 σ, along any axis."""
    offset = np.array([[1.50, 0], [0, -3.0], [1.52, 0], [0, 3.04]])
    assert inside_ellipse(offset, np.diag([1.0, 4.0])).tolist() == [True, True, False, False]
    pairs = inside_ellipse(offset.reshape(2, 2, 2), np.diag([1.0, 4.0]))  # of any batch
    assert pairs.tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gaze_points(np.zeros((4, 2)), np.zeros((4, 3, 3))), r"P_W has the shape \(4, 2\)"),
        (lambda: gaze_points(np.zeros(3), np.zeros((4, 3))), "R_WS has the shape"),
        (lambda: aimed_rotation(np.zeros(3), np.zeros(2)), "target_W has the shape"),
        (lambda: inside_ellipse(np.zeros((5, 3)), np.eye(2)), "offset_m has the shape"),
    ],
)
def test_another_shape_is_named(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


def test_many_heads_are_aimed_as_each_alone() -> None:
    P = np.array([[1.0, 0.5, 3.0], [2.0, 0.9, 5.0], [3.5, 0.4, 7.0]])
    targets = np.array([[0.5, 0.2, 0.0], [3.0, 1.0, 0.0], [2.0, 0.6, 0.0]])
    R = aimed_rotation(P, targets)
    for k in range(3):
        np.testing.assert_array_equal(R[k], aimed_rotation(P[k], targets[k]))
    xy, meets = gaze_points(P, R)
    assert meets.all()
    np.testing.assert_allclose(xy, targets[:, :2], atol=1e-12)
