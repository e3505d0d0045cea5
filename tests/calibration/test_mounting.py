"""Which way is up, and a rig for pictures of another size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.calibrate import calibrate_folder
from calibration.corners.boards import Board
from calibration.corners.placement import AuxiliaryPlacement, RoomPictureFile
from calibration.errors import CalibrationError
from calibration.mounting import AS_STORED, Mounting, Turn
from tests.calibration import rigs

EVERY = [Turn(k, m) for m in (False, True) for k in range(4)]


@pytest.mark.parametrize("turn", EVERY, ids=str)
def test_a_turn_moves_pixels_as_its_axes_say(turn: Turn) -> None:
    """A pixel's neighbour to the right, and below, lies where ``axes`` points."""
    w, h = 7, 5
    stored = np.arange(w * h, dtype=np.uint8).reshape(h, w)
    upright = turn.apply(stored)
    assert upright.shape[::-1] == turn.size_px((w, h)) and upright.flags.c_contiguous

    def place(value: int) -> np.ndarray:
        return np.argwhere(upright == value)[0][::-1]

    at = place(int(stored[2, 3]))
    np.testing.assert_array_equal(place(int(stored[2, 4])) - at, turn.axes()[0])
    np.testing.assert_array_equal(place(int(stored[3, 3])) - at, turn.axes()[1])
    assert Turn.of_matrix(turn.axes() * 0.998 + 0.01) == turn


def test_session_tomls_word_goes_before_the_flag() -> None:
    """rotate is clockwise and replaces the flag; mirrored comes on top of either."""
    assert Mounting().turn(Turn(1)) == Turn(1) and Mounting().turn() == AS_STORED
    assert Mounting(90).turn(Turn(1)) == Turn(3) == Mounting(90).turn()
    assert Mounting(0).turn(Turn(2, True)) == AS_STORED
    assert Mounting(180, True).turn() == Turn(2, True)
    assert Mounting(None, True).turn(Turn(0, True)) == AS_STORED
    clockwise = Mounting(90).turn().apply(np.array([[1, 2], [3, 4]], np.uint8))
    assert clockwise.tolist() == [[3, 1], [4, 2]]


def test_a_turned_camera_takes_no_picture_of_the_room(tmp_path: Path) -> None:
    """Its clicks would be read the wrong way up: refused before any picture is opened."""
    shown = RoomPictureFile(tmp_path / "room.jpg", [[0, 0]] * 4, "left")
    placement = AuxiliaryPlacement("flat", room_pictures=(shown,))
    for mounting, words in ((Mounting(180), "turns or mirrors"), (Mounting(), "no such picture")):
        with pytest.raises(CalibrationError, match=words):
            calibrate_folder(
                tmp_path, Board("chessboard", (9, 6), 0.025), [placement], blackboard_m=(4, 1.2),
                mountings={"left": mounting, "right": Mounting()},
            )  # fmt: skip


def test_a_scaled_rig_sees_the_same_field_of_view() -> None:
    """Points fall on the same place of the picture, and steps of its parameters do the same."""
    rng = np.random.default_rng(5)
    rig = rigs.random_room(rng).rig
    n = len(rig.parameter_names)
    half = rng.normal(size=(n, n))
    rig = type(rig)(rig.left, rig.right, rig.T_RL, rig.T_AL, rig.T_WA, half @ half.T)
    sizes = [(round(w * 0.75), round(h * 0.5)) for w, h in (rig.left.size_px, rig.right.size_px)]
    small = rig.scaled(*sizes)
    P_C = rng.uniform([-0.5, -0.3, 2], [0.5, 0.3, 6], (40, 3))
    for name, size in zip(("left", "right"), sizes, strict=True):
        s = np.array(size) / rig.camera(name).size_px
        uv, uv_small = rig.camera(name).project(P_C), small.camera(name).project(P_C)
        np.testing.assert_allclose(uv_small + 0.5, (uv + 0.5) * s, atol=1e-9)
        assert small.camera(name).size_px == size
    assert small.covariance is not None and rig.covariance is not None
    factor = np.sqrt(np.diag(small.covariance) / np.diag(rig.covariance))
    step = rng.normal(size=n) * 1e-3
    moved, moved_small = rig.perturbed(step).scaled(*sizes), small.perturbed(step * factor)
    for name in ("left", "right"):
        np.testing.assert_allclose(
            moved.camera(name).project(P_C), moved_small.camera(name).project(P_C), atol=1e-6
        )
    assert rig.scaled(rig.left.size_px, rig.right.size_px).to_dict() == rig.to_dict()
