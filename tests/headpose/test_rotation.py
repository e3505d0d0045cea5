"""Angles, matrices, distances: the convention, and that nothing is lost at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headpose import rotation

ANGLE = st.floats(-179, 179)
YAW = st.floats(-89, 89)


def elementary(p: float, y: float, r: float) -> np.ndarray:
    """The data set's three matrices, written down as docs/conventions.md prints them."""
    p, y, r = np.radians([p, y, r])
    Rx = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    Ry = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    Rz = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return Rx @ Ry @ Rz


@given(ANGLE, YAW, ANGLE)
def test_matrix_is_the_printed_product_and_angles_come_back(p: float, y: float, r: float) -> None:
    R = rotation.matrix(p, y, r)
    np.testing.assert_allclose(R, elementary(p, y, r), atol=1e-12)
    np.testing.assert_allclose(rotation.angles_deg(R), [p, y, r], atol=1e-6)


def test_signs_as_seen() -> None:
    """Where the nose (0, 0, 1) and the person's left (1, 0, 0) go in x right, y up."""
    assert (rotation.matrix(0, 30, 0) @ [0, 0, 1])[0] < 0, "yaw > 0: nose to the viewer's left"
    assert (rotation.matrix(30, 0, 0) @ [0, 0, 1])[1] > 0, "pitch > 0: face up"
    assert (rotation.matrix(0, 0, 30) @ [1, 0, 0])[1] < 0, "roll > 0: clockwise as seen"


@pytest.mark.parametrize("yaw", [90.0, -90.0])
def test_gimbal_lock_keeps_the_rotation(yaw: float) -> None:
    R = rotation.matrix(20.0, yaw, 35.0)
    a = rotation.angles_deg(R)
    assert a[2] == 0.0
    np.testing.assert_allclose(rotation.matrix(*a), R, atol=1e-9)


@given(st.tuples(*[st.floats(-100, 100)] * 3))
def test_exp_and_log_are_inverse(v: tuple[float, float, float]) -> None:
    R = rotation.exp(v)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    if np.linalg.norm(v) < 179.9:
        np.testing.assert_allclose(rotation.log(R), v, atol=1e-6)


def test_exp_is_right_handed() -> None:
    np.testing.assert_allclose(rotation.exp([0, 0, 90]) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_geodesic_is_the_angle_even_when_tiny() -> None:
    rng = np.random.default_rng(0)
    axis = rng.normal(size=(50, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.concatenate([10.0 ** rng.uniform(-9, 2, 48), [179.9, 0.0]])
    base = rotation.exp(rng.normal(0, 60, (50, 3)))
    found = rotation.geodesic_deg(base, base @ rotation.exp(axis * angle[:, None]))
    np.testing.assert_allclose(found, angle, rtol=1e-5, atol=1e-12)


@given(ANGLE, YAW, ANGLE)
def test_flip_keeps_pitch_and_turns_yaw_and_roll(p: float, y: float, r: float) -> None:
    a = rotation.angles_deg(rotation.flip(rotation.matrix(p, y, r)))
    np.testing.assert_allclose(rotation.wrap_deg(a - [p, -y, -r]), 0, atol=1e-6)


def test_in_plane_turn_is_not_roll_plus_phi() -> None:
    R = rotation.matrix(20, 50, 0)
    turned = rotation.roll_in_plane(R, 30)
    # the nose on screen turns by +30 counter-clockwise
    a, b = R[:2, 2], turned[:2, 2]
    angle = np.degrees(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))
    assert angle == pytest.approx(30)
    naive = rotation.matrix(20, 50, -30)
    assert rotation.geodesic_deg(turned, naive) > 10, "which is why roll += phi is wrong"
    # for a frontal face the two agree
    frontal = rotation.roll_in_plane(np.eye(3), 30)
    np.testing.assert_allclose(rotation.angles_deg(frontal), [0, 0, -30], atol=1e-9)


def test_project_gives_the_nearest_rotation() -> None:
    R = rotation.matrix(10, 20, 30)
    np.testing.assert_allclose(rotation.project(R * 3.7), R, atol=1e-12)
    mirrored = rotation.project(-np.eye(3))
    assert np.linalg.det(mirrored) == pytest.approx(1)
