"""The virtual camera: exact geometry, upright crops, nothing aliased."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from calibration.transform import geodesic_deg, rotation_exp
from gaze.faces.boxes import Faces
from gaze.faces.heads import (
    NETWORK_SIGMA,
    crops_through,
    down_in_camera,
    estimate_heads,
    network_landmarks,
    take_crops,
    views,
)
from gaze.faces.landmarks import NOSE
from gaze.room.geometry import R_FRONTAL, aimed_rotation
from tests.gaze.classroom import project, room_rig, seats


def boxes_at(uv: np.ndarray, side: float) -> np.ndarray:
    return np.concatenate([uv - side / 2, uv + side / 2], -1)


def test_the_view_looks_at_the_face_and_is_upright() -> None:
    rig = room_rig(1)
    P = seats()
    uv = project(rig, P)[:, 0]
    seen = views(rig.left, boxes_at(uv, 60.0), down_in_camera(rig, "left"))
    assert np.abs(seen.pixels(rig.left, np.full((len(P), 2), 0.5)) - uv).max() < 1e-6
    # a point 5 cm below the nose lies straight below the middle of the crop
    below = rig.T_WC("left").inverse().apply(P + [0, 0.05, 0])
    in_view = np.einsum("nji,nj->ni", seen.R_CV, below)
    assert np.abs(in_view[:, 0] / in_view[:, 2]).max() < 2e-3 * (0.05 / 3) + 1e-9
    assert (in_view[:, 1] > 0).all()


def test_rotation_through_the_line_of_sight_is_exact() -> None:
    """R_CS = R_CV R_VS gives back a known head at the picture's edge, to 1e-6 degrees."""
    rig, P = room_rig(2), seats()
    R_WS = aimed_rotation(P, np.array([1.0, 0.6, 0.0]))
    R_CS = rig.T_WC("right").R.T @ R_WS
    seen = views(rig.right, boxes_at(project(rig, P)[:, 1], 50.0), down_in_camera(rig, "right"))
    R_VS = np.swapaxes(seen.R_CV, -1, -2) @ R_CS
    model = SimpleNamespace(
        predict=lambda crops, face_px: SimpleNamespace(
            R=R_FRONTAL @ R_VS, covariance_deg2=np.tile(np.eye(3) * 9.0, (len(P), 1, 1))
        )
    )
    crops = SimpleNamespace(images=np.zeros((len(P), 8, 8, 3), np.uint8), seen=seen)
    heads, _ = estimate_heads(model, crops)
    assert geodesic_deg(heads.R_CS, R_CS).max() < 1e-5
    assert np.allclose(np.degrees(np.sqrt(heads.covariance_rad2[:, 0, 0])), 3.0)
    # without the step the answer would be wrong by the angle off the axis
    assert geodesic_deg(R_VS, R_CS).max() > 10


@pytest.mark.parametrize("side_px", [30.0, 240.0])
def test_pixels_of_the_crop_are_the_picture_along_their_rays(side_px: float) -> None:
    """A smooth picture: the crop's values are those of the picture at the projected rays."""
    rig = room_rig(0)
    y, x = np.mgrid[:1080, :1920].astype(np.float64)
    # gradients, so that a pixel's value says where it came from
    picture = np.stack([x / 1920 * 255, y / 1080 * 255, np.full_like(x, 60.0)], -1).astype(np.uint8)
    uv = np.array([[300.0, 250.0], [1650.0, 800.0]])
    seen = views(rig.left, boxes_at(uv, side_px), down_in_camera(rig, "left"))
    size = 48
    crops = crops_through(rig.left, picture, seen, size)
    f = (np.arange(size) + 0.5) / size
    expected = seen.pixels(
        rig.left, np.broadcast_to(np.stack(np.meshgrid(f, f), -1), (2, size, size, 2))
    )
    found = crops[..., :2] / 255.0 * [1920, 1080]
    assert np.abs(found - expected).max() < 12  # the picture's own steps are 7.5 px
    assert np.abs((found - expected).mean((1, 2)) + [3.75, 2.1]).max() < 1.5  # truncation, no shift


def test_shrinking_does_not_alias() -> None:
    rig = room_rig(0)
    picture = np.tile((np.indices((1080, 1920)).sum(0) % 2 * 255)[..., None], 3).astype(np.uint8)
    seen = views(rig.left, np.array([[700.0, 300.0, 1200.0, 800.0]]), None)
    crop = crops_through(rig.left, picture, seen, 64)[0, 4:-4, 4:-4]
    assert crop.std() < 20 and abs(crop.mean() - 127.5) < 5


def test_network_nose_goes_back_to_the_picture() -> None:
    rig, P = room_rig(1), seats()
    uv = project(rig, P)
    n = len(P)
    faces = Faces(
        np.repeat([0, 1], n).astype(np.int8),
        np.zeros(2 * n, np.int32),
        np.concatenate([boxes_at(uv[:, 0], 50), boxes_at(uv[:, 1], 50)]),
        np.ones(2 * n),
        np.zeros((2 * n, 5, 2)),
    )
    box = faces.box_px + np.array([4.0, -3.0, 4.0, -3.0])  # crops that are not centred on the nose
    picture = np.zeros((1080, 1920, 3), np.uint8)
    crops = take_crops(rig, [[picture], [picture]], faces, box, 32)
    fractions = np.zeros((2 * n, 68, 2))
    for c, name in enumerate(("left", "right")):
        rows = slice(c * n, (c + 1) * n)
        d = rig.camera(name).rays(uv[:, c])
        v = np.einsum("nji,nj->ni", crops.seen.R_CV[rows], d)
        fractions[rows, NOSE] = v[:, :2] / v[:, 2:] / crops.seen.width[rows, None] + 0.5
    answer = SimpleNamespace(landmarks=fractions)
    found = network_landmarks(rig, faces, crops, answer, box)
    assert found is not None
    assert np.abs(found.nose_px - np.concatenate([uv[:, 0], uv[:, 1]])).max() < 1e-4
    assert found.nose_sigma_px == pytest.approx(np.hypot(NETWORK_SIGMA[0] * 50, NETWORK_SIGMA[1]))


def test_roll_of_the_camera_is_taken_out() -> None:
    """An upright person before a rolled camera is upright in the crop."""
    rig = room_rig(3)
    P = seats()[4]
    stick = rig.T_WC("left").inverse().apply(P + np.array([[0, -0.1, 0], [0, 0.1, 0]]))
    rolled = rotation_exp([0, 0, np.radians(20)])
    down = rolled @ down_in_camera(rig, "left")
    uv = rig.left.project(stick @ rolled.T)
    picture = np.zeros((1080, 1920, 3), np.uint8)
    cv2.line(picture, *[tuple(int(v) for v in p.round()) for p in uv], (255, 255, 255), 3)
    seen = views(rig.left, boxes_at(uv.mean(0, keepdims=True), 60.0), down)
    crop = crops_through(rig.left, picture, seen, 96)[0, ..., 0].astype(float)
    y, x = np.nonzero(crop > 128)
    slope = np.polyfit(y, x, 1)[0]
    assert abs(np.degrees(np.arctan(slope))) < 2
