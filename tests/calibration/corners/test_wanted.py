"""What is still missing, told from views whose pose is known."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.camera import Camera
from calibration.corners.boards import Board
from calibration.corners.wanted import FACINGS, PLACES, VIEWS, coverage, shown, wanted
from calibration.transform import Transform, rotation_exp

SIZE = (1920, 1080)
BOARD = Board("chessboard", (9, 6), 0.03)
CAMERA = Camera(
    np.array([[1700.0, 0, 959.5], [0, 1700.0, 539.5], [0, 0, 1]]), np.zeros(4), SIZE, "left"
)


def view(turn_deg: tuple[float, float], at: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Corners of a board 0.9 m away, turned about the picture's x and y, its middle at ``at``."""
    points = BOARD.points_B() - BOARD.points_B().mean(0)
    R = rotation_exp(np.radians([turn_deg[0], turn_deg[1], 0.0]))
    T = Transform(R, np.array([at[0], at[1], 0.9]), "C", "B")
    return CAMERA.project(T.apply(points))


@pytest.mark.parametrize(
    ("turn_deg", "facing"),
    [
        ((0, 0), None), ((5, -5), None),
        # about y, which is down in the picture: the print (−z) turns towards −x, the left
        ((0, 35), "left"), ((0, -35), "right"), ((35, 0), "down"), ((-35, 0), "up"),
    ],
)  # fmt: skip
def test_where_the_board_faces(turn_deg: tuple[float, float], facing: str | None) -> None:
    seen = shown(view(turn_deg), SIZE, BOARD)
    assert seen.facing == facing
    assert seen.tilt_deg == pytest.approx(max(np.abs(turn_deg)), abs=8)


def test_the_face_that_shows_left_is_seen_from_the_left() -> None:
    """Independent of angles: a camera moved to where the board faces sees it larger."""
    points = BOARD.points_B() - BOARD.points_B().mean(0)
    R = rotation_exp(np.radians([0.0, 35.0, 0.0]))
    P = Transform(R, np.array([0, 0, 0.9]), "C", "B").apply(points)

    def width_px(camera_x_m: float) -> float:
        moved = P - [camera_x_m, 0, 0]
        return float(np.ptp(CAMERA.project(moved)[:, 0]))

    assert shown(CAMERA.project(P), SIZE, BOARD).facing == "left"
    assert width_px(-0.4) > width_px(0.4)


def test_an_empty_set_wants_everything() -> None:
    assert wanted([]) == ["views", *PLACES, *(f"facing_{f}" for f in FACINGS)]
    assert coverage([]).shape == (5, 5)


def test_each_place_and_facing_is_missed_alone() -> None:
    places = {
        "upper_left": (-0.36, -0.2), "upper_right": (0.36, -0.2),
        "lower_left": (-0.36, 0.2), "lower_right": (0.36, 0.2),
    }  # fmt: skip
    facings = {"left": (0, 35), "right": (0, -35), "down": (35, 0), "up": (-35, 0)}
    for name in places:
        views = [shown(view((0, 0), at), SIZE, BOARD) for k, at in places.items() if k != name]
        views += [shown(view(turn), SIZE, BOARD) for turn in facings.values()]
        assert wanted(views) == ["views", name]
    for name in facings:
        views = [shown(view((0, 0), at), SIZE, BOARD) for at in places.values()]
        views += [shown(view(turn), SIZE, BOARD) for k, turn in facings.items() if k != name]
        assert len(views * 3) >= VIEWS and wanted(views * 3) == [f"facing_{name}"]
