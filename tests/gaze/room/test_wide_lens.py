"""Lenses of 140°: noses, heads and painted-over seats near the rim, and where there is no ray."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.stats import chi2

from calibration.camera import Camera
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.heads import crops_through, views
from gaze.faces.mask import mask_polygons
from gaze.room.position import linearised_nose, solve_positions
from tests.gaze.classroom import project, room_rig

D = np.array([0.03, -0.012, 0.004, -0.0006])


def wide_rig() -> Rig:
    """A room's two cameras with lenses that see 140° from left to right."""
    rig = room_rig(0)
    K = np.array([[786.0, 0, 955], [0, 787.5, 545], [0, 0, 1]])
    left, right = (
        Camera(K, scale * D, (1920, 1080), name, "equidistant")
        for name, scale in (("left", 1.0), ("right", 0.7))
    )
    return replace(rig, left=left, right=right, covariance=None)


def near_the_rim(rig: Rig) -> Array:
    """(N, 3) noses in W that both cameras see, the left one 60–69° from its axis."""
    rng = np.random.default_rng(4)
    P = np.stack(
        [rng.uniform(-3, 9, 4000), rng.uniform(0, 1.6, 4000), rng.uniform(0.8, 7, 4000)], 1
    )
    uv = project(rig, P)
    P_C = rig.T_WC("left").inverse().apply(P)
    angle = np.degrees(np.arctan2(np.hypot(P_C[:, 0], P_C[:, 1]), P_C[:, 2]))
    inside = rig.left.contains(uv[:, 0]) & rig.right.contains(uv[:, 1])
    return P[inside & (angle > 60) & (angle < 69)][:60]


def test_noses_near_the_rim_are_where_their_covariance_says() -> None:
    rig = wide_rig()
    P = near_the_rim(rig)
    assert len(P) == 60
    sigma = np.full((len(P), 2), 0.8)
    exact = solve_positions(rig, project(rig, P), sigma)
    assert np.abs(exact.P_W - P).max() < 1e-6 and exact.residual_px.max() < 1e-6
    rng = np.random.default_rng(1)
    total = 0.0
    for _ in range(20):
        got = solve_positions(rig, project(rig, P) + rng.normal(0, 0.8, (len(P), 2, 2)), sigma)
        e = got.P_W - P
        total += float(np.einsum("ni,nij,nj", e, np.linalg.inv(got.covariance_m2), e))
    low, high = chi2.ppf([0.001, 0.999], 20 * 3 * len(P))
    assert low < total < high


def test_a_face_near_the_rim_is_seen_straight() -> None:
    """A virtual camera's crop: its middle is the box's, and a square stays one to a percent."""
    rig = wide_rig()
    centre = project(rig, near_the_rim(rig))[:, 0]
    box = np.concatenate([centre - 20, centre + 20], 1)
    seen = views(rig.left, box, None)
    corners = np.array([[0.5, 0.5], [0.4, 0.5], [0.6, 0.5], [0.5, 0.4], [0.5, 0.6]])
    uv = seen.pixels(rig.left, np.broadcast_to(corners, (len(box), 5, 2)))
    assert np.abs(uv[:, 0] - centre).max() < 1e-6
    rays = rig.left.rays(uv)
    across = np.degrees(np.arccos((rays[:, 1] * rays[:, 2]).sum(-1)))
    down = np.degrees(np.arccos((rays[:, 3] * rays[:, 4]).sum(-1)))
    assert np.abs(across / down - 1).max() < 0.01
    picture = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3)).astype(np.uint8)
    assert crops_through(rig.left, picture, seen, 64).shape == (len(box), 64, 64, 3)


def folded(rig: Rig) -> tuple[Rig, Array]:
    """The left lens turns back at 45°; a point of the right picture whose left ray is none."""
    K = np.array([[900.0, 0, 960], [0, 900, 540], [0, 0, 1]])
    left = Camera(K, [-0.33, 0, 0, 0], (1920, 1080), "left")
    return replace(rig, left=left), np.array([[1800.0, 900.0], [900.0, 600.0]])


def test_where_a_lens_has_no_ray_its_camera_has_not_seen() -> None:
    rig, uv = folded(wide_rig())
    assert np.isnan(rig.left.rays(uv[0])).all()
    sigma = np.ones((1, 2))
    got = solve_positions(rig, uv[None], sigma)
    assert np.isnan(got.P_W).all() and got.cameras[0] == 1
    # with a seat it is a nose that the other camera saw alone
    seat = rig.T_WC("right").apply(4 * rig.right.rays(uv[1]))[None]
    leaning = solve_positions(rig, uv[None], sigma, seat, np.eye(3)[None] * 0.04)
    assert leaning.cameras[0] == 1 and np.abs(leaning.P_W - seat).max() < 1e-3
    moves = linearised_nose(rig, uv[None], sigma, leaning.P_W)(rig)
    assert np.abs(moves).max() < 1e-9
    crop = views(rig.left, np.array([[1780, 880, 1820, 920.0]]), None)
    assert np.isnan(crop.R_CV).all()
    picture = np.zeros((1080, 1920, 3), np.uint8)
    assert crops_through(rig.left, picture, crop, 32).shape == (1, 32, 32, 3)


@pytest.mark.parametrize("make", [wide_rig, lambda: folded(wide_rig())[0]])
def test_who_opted_out_is_painted_over_near_the_rim_too(make: object) -> None:
    """Every pixel in which a seat's head can be seen lies in its outline."""
    rig = make()  # type: ignore[operator]
    rng = np.random.default_rng(2)
    masked = 0
    for seat in np.stack([rng.uniform(-2, 8, 80), rng.uniform(1.0, 6, 80)], 1):
        head = np.array([seat[0], 0.9, seat[1]]) + rng.uniform(-1, 1, (300, 3)) * [0.25, 0.34, 0.25]
        for name in ("left", "right"):
            camera = rig.camera(name)
            uv = camera.project(rig.T_WC(name).inverse().apply(head))
            uv = uv[camera.contains(uv)]
            if not len(uv):
                continue
            outlines = mask_polygons(rig, name, seat[None])
            assert len(outlines) == 1, (name, seat)
            inside = [_inside(outlines[0], p) for p in uv]
            assert min(inside) > -3, (name, seat, min(inside))
            masked += 1
    assert masked > 40


def _inside(outline: np.ndarray, point: Array) -> float:
    """Signed distance in pixels, negative outside."""
    return float(cv2.pointPolygonTest(outline, (float(point[0]), float(point[1])), True))
