"""Lenses: OpenCV's formulas, derivatives, there and back, and silence beyond the valid angle."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.camera import Camera
from calibration.lens import Lens, Model, as_model, mirrored, project_with_jacobian
from calibration.transform import Array

SIZE = (1920, 1080)
FISHEYE = Lens(np.array([620.0, 622, 955, 543, 0.05, -0.01, 0.004, -0.001]), "equidistant")
PINHOLE = Lens(np.array([1100.0, 1102, 955, 543, -0.3, 0.08, 1e-3, -5e-4, -0.01]))
RATIONAL = Lens(np.array([800.0, 801, 955, 543, 0.3, 0.02, 4e-4, 2e-4, 1e-3, 0.6, 0.06, 0.003]))
LENSES = pytest.mark.parametrize("lens", [FISHEYE, PINHOLE, RATIONAL], ids=["kb", "five", "eight"])


def _points(lens: Lens, n: int = 200) -> Array:
    """Points in front, up to 99.9 % of the lens's widest tangent, and on the axis."""
    rng = np.random.default_rng(3)
    r = min(lens.widest, 12.0) * 0.999 * np.sqrt(rng.uniform(0, 1, n))
    r[:3] = [0, 1e-7, 1e-3]
    turn = rng.uniform(0, 2 * np.pi, n)
    z = rng.uniform(0.5, 8, n)
    return np.stack([r * np.cos(turn), r * np.sin(turn), np.ones(n)], 1) * z[:, None]


def test_equidistant_is_opencvs_fisheye() -> None:
    P = _points(FISHEYE)
    reference, _ = cv2.fisheye.projectPoints(
        P[:, None], np.zeros(3), np.zeros(3), FISHEYE.K, FISHEYE.distortion
    )
    assert np.abs(FISHEYE.project(P) - reference.reshape(-1, 2)).max() < 1e-9


@LENSES
def test_derivatives(lens: Lens) -> None:
    P = _points(lens, 60)
    P[0, :2] = 1e-9  # beside the axis, where θ/r is a limit
    _, d_lens, d_P = project_with_jacobian(P, lens)
    for j in range(lens.size):
        h = np.zeros(lens.size)
        h[j] = 1e-5 * max(abs(lens.values[j]), 0.1)
        up, down = (project_with_jacobian(P, lens + s * h)[0] for s in (1, -1))
        assert np.allclose((up - down) / (2 * h[j]), d_lens[..., j], rtol=1e-4, atol=1e-3)
    for j in range(3):
        h = np.zeros(3)
        h[j] = 1e-6
        up, down = (project_with_jacobian(P + s * h, lens)[0] for s in (1, -1))
        assert np.allclose((up - down) / 2e-6, d_P[..., j], rtol=1e-4, atol=1e-2)


@LENSES
def test_there_and_back_up_to_the_valid_angle(lens: Lens) -> None:
    P = _points(lens)
    xy = lens.undistort(lens.project(P))
    inner = np.hypot(*(P[:, :2] / P[:, 2:]).T) < 0.98 * min(lens.widest, 12)
    off = np.abs(xy - P[:, :2] / P[:, 2:]).max(1)
    assert inner.sum() > 150 and off[inner].max() < 1e-6
    met = np.isfinite(xy).all(1)
    assert np.abs(lens.project(np.column_stack([xy, np.ones(len(xy))])) - lens.project(P))[
        met
    ].max() < 2e-3  # fmt: skip


@given(
    k=st.tuples(*[st.floats(-0.4, 0.4)] * 4),
    f=st.floats(300, 1500),
    fisheye=st.booleans(),
    u=st.floats(-200, 2120),
    v=st.floats(-200, 1280),
)
def test_a_pixel_has_one_direction_or_none(
    k: tuple[float, ...], f: float, fisheye: bool, u: float, v: float
) -> None:
    """Whatever the coefficients: what comes back is met again, and lies within the valid angle."""
    model: Model = "equidistant" if fisheye else "pinhole"
    d = np.array(k) * (1 if fisheye else [1, 1, 0.01, 0.01])
    lens = Lens(np.array([f, f, 959.5, 539.5, *d]), model)
    xy = lens.undistort(np.array([[u, v]]))
    if np.isfinite(xy).all():
        assert np.hypot(*xy[0]) <= lens.widest * (1 + 1e-9)
        back = lens.project(np.array([[*xy[0], 1.0]]) * (1 - 1e-15))
        assert np.abs(back - [u, v]).max() < 2e-3
    else:
        assert np.isnan(xy).all()


def test_beyond_the_turn_there_is_no_number() -> None:
    """k1 = −0.25 turns back at 49.1°: 55° shares its pixel with another direction."""
    lens = Lens(np.array([1000.0, 1000, 960, 540, -0.25, 0, 0, 0]))
    assert np.degrees(np.arctan(lens.widest)) == pytest.approx(49.1, abs=0.1)
    inside, outside = np.tan(np.radians([48, 55]))
    uv = lens.project(np.array([[inside, 0, 1], [outside, 0, 1], [0, 0, -1]]))
    assert np.isfinite(uv[0]).all() and np.isnan(uv[1:]).all()
    # a pixel further out than the turn is drawn by no direction at all
    furthest = lens.project(np.array([[lens.widest * 0.9999, 0, 1]]))[0, 0]
    assert np.isfinite(lens.undistort(np.array([[furthest - 1, 540.0]]))).all()
    assert np.isnan(lens.undistort(np.array([[furthest + 1, 540.0]]))).all()
    assert np.isnan(Camera.of(lens, SIZE, "left").rays([furthest + 1, 540.0])).all()


@pytest.mark.parametrize("degrees", [60, 70, 80, 87])
def test_a_fisheye_sees_to_the_side(degrees: float) -> None:
    P = np.array([[np.sin(np.radians(degrees)), 0, np.cos(np.radians(degrees))]])
    camera = Camera.of(FISHEYE, SIZE, "left")
    assert np.abs(camera.rays(camera.project(P)) - P).max() < 1e-9


def test_another_model_begins_near() -> None:
    """Over the picture of a 90° fisheye, the pinhole of four coefficients is within pixels."""
    lens = Lens(np.array([1225.0, 1225, 960, 540, 0.02, 0, 0, 0]), "equidistant")
    corner = np.array([[0, 0], [960, 540], [1919, 0], [1919, 1079], [1500, 200.0]])
    rays = np.column_stack([lens.undistort(corner), np.ones(5)])
    there = as_model(lens, 4, "pinhole", SIZE)
    back = as_model(there, 4, "equidistant", SIZE)
    assert np.abs(there.project(rays) - corner).max() < 5
    assert back.model == "equidistant" and np.abs(back.project(rays) - corner).max() < 5
    assert as_model(PINHOLE, 8, "pinhole", SIZE).size == 12


@LENSES
def test_a_mirrored_picture_has_the_mirrored_lens(lens: Lens) -> None:
    P = _points(lens, 20) * [0.5, 0.5, 1]
    uv = mirrored(lens, SIZE[0]).project(P * [-1, 1, 1])
    uv[:, 0] = SIZE[0] - 1 - uv[:, 0]
    assert np.abs(uv - lens.project(P)).max() < 1e-9


def test_a_camera_says_what_its_coefficients_mean() -> None:
    camera = Camera.of(FISHEYE, SIZE, "left")
    again = Camera.from_dict(camera.to_dict())
    assert again.model == "equidistant" and np.array_equal(again.lens.values, FISHEYE.values)
    old = camera.to_dict()
    del old["model"]
    assert Camera.from_dict(old).model == "pinhole"
    with pytest.raises(ValueError, match="5 distortion coefficients of a lens that is equidistant"):
        Camera(FISHEYE.K, np.zeros(5), SIZE, "left", "equidistant")
