"""A camera that turned, zoomed, was mirrored or exchanged since its calibration is recognised."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.camera import Camera
from gaze.lesson.background import Registered, _features, _register, refuse_other_camera
from sessions.errors import SessionError

W, H, F = 960, 540, 800.0
K = np.array([[F, 0, W / 2], [0, F, H / 2], [0, 0, 1.0]])
CAMERA = Camera(K, np.zeros(5), (W, H), "left")


def room(seed: int) -> NDArray[np.uint8]:
    """Boards, shelves and posters: rectangles of all sizes, blurred by the lens."""
    rng = np.random.default_rng(seed)
    picture = np.full((H, W), 120.0)
    for _ in range(400):
        x, y = rng.integers(0, W), rng.integers(0, H)
        w, h = rng.integers(5, 90, 2)
        picture[y : y + h, x : x + w] = rng.uniform(20, 235)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def filmed(
    picture: NDArray[np.uint8], turned_deg: float = 0.0, zoom: float = 1.0, seed: int = 5
) -> NDArray[np.uint8]:
    """The room from the same place, turned about a slant axis and zoomed, with people and noise."""
    rng = np.random.default_rng(seed)
    R = Rotation.from_rotvec(np.radians(turned_deg) * np.array([0.6, 0.8, 0.0])).as_matrix()
    M = K @ np.diag([zoom, zoom, 1.0]) @ R @ np.linalg.inv(K)
    out = cv2.warpPerspective(picture, M, (W, H), borderMode=cv2.BORDER_REFLECT).astype(float)
    for u in range(100, W, 160):
        cv2.circle(out, (u, 380), 45, 200.0, -1)
    return np.clip(out + rng.normal(0, 2, out.shape), 0, 255).astype(np.uint8)


def found(now: NDArray[np.uint8]) -> Registered:
    return _register("left", CAMERA, _features(room(1)), _features(room(2)), now)


@pytest.mark.parametrize(("turned_deg", "zoom"), [(0.0, 1.0), (0.2, 1.0), (0.0, 1.01)])
def test_small_changes_are_measured_to_their_sigma(turned_deg: float, zoom: float) -> None:
    got = found(filmed(room(1), turned_deg, zoom))
    assert got.change == "as it is" and not got.large
    assert got.turned_deg == pytest.approx(turned_deg, abs=0.05)
    assert got.zoom == pytest.approx(zoom, abs=0.002)
    assert got.small == (turned_deg > 0 or zoom > 1)
    refuse_other_camera([got])


@pytest.mark.parametrize(
    ("turned_deg", "zoom", "said"),
    [(1.0, 1.0, "turned by 1.0"), (0.0, 1.05, "zoomed by +5.0"), (3.0, 0.93, "zoomed by -7")],
)
def test_large_changes_are_refused_with_their_size(
    turned_deg: float, zoom: float, said: str
) -> None:
    got = found(filmed(room(1), turned_deg, zoom))
    assert got.large and said in got.sentence()
    with pytest.raises(SessionError, match="left camera has turned"):
        refuse_other_camera([got])
    refuse_other_camera([got], force=True)


def test_mirrored_exchanged_and_upside_down_are_named() -> None:
    mirrored = found(np.ascontiguousarray(filmed(room(1))[:, ::-1]))
    assert mirrored.change == "mirrored" and 'mirrored = "lesson"' in mirrored.action()
    swapped = found(filmed(room(2)))
    assert swapped.change == "swapped" and "Exchange" in swapped.action()
    turned = found(np.ascontiguousarray(filmed(room(1))[::-1, ::-1]))
    assert turned.change == "on its head" and "rotate = 180" in turned.action()
    for got in (mirrored, swapped, turned):
        with pytest.raises(SessionError):
            refuse_other_camera([got])


def test_another_room_or_a_dark_picture_is_unknown_and_warned_of_not_refused() -> None:
    for now in (filmed(room(3)), np.zeros((H, W), np.uint8)):
        got = found(now)
        assert got.change == "unknown" and got.cause().severity == "WARN"
        refuse_other_camera([got])
