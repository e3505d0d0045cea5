"""A telephone's picture of the demo lesson's room, drawn: blackboard and auxiliary board."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from calibration.camera import Camera
from calibration.corners.boards import Board
from calibration.room import world
from calibration.room.picture import blackboard_points_W
from calibration.room.world import Tape
from calibration.transform import Array, Transform

SIZE_PX = (2016, 1512)
DRAWN = 2  # times larger, then reduced: edges without steps


def take_photo(path: Path, tape: Tape, board: Board, blackboard_m: tuple[float, float]) -> Array:
    """Draw the picture; returns the blackboard's corners (4, 2) in it, in the order of clicks."""
    w, h = SIZE_PX
    K = np.array([[1450.0, 0, (w - 1) / 2], [0, 1450.0, (h - 1) / 2], [0, 0, 1]])
    camera = Camera(K, np.zeros(4), SIZE_PX, "phone")
    position = np.array([2.5, -0.5, 4.9])
    z = np.array([2.0, 0.9, 0.5]) - position
    z /= np.linalg.norm(z)
    x = np.cross([0, 1, 0], z)
    x /= np.linalg.norm(x)
    T_WX = Transform(np.stack([x, np.cross(z, x), z], 1), position, "W", "X")
    T_XW = T_WX.inverse()
    image = np.full((h * DRAWN, w * DRAWN, 3), (190, 196, 200), np.uint8)

    def fill(points_W: Array, colour: tuple[int, int, int]) -> Array:
        uv = camera.project(T_XW.apply(points_W))
        at = np.round(((uv + 0.5) * DRAWN - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(image, at, colour, cv2.LINE_AA, 4)
        return uv

    corners = fill(blackboard_points_W(*blackboard_m), (60, 74, 47))
    T_WA = Transform(world.R_WA, tape.t_WA, "W", "A")
    T_AP = Transform(world.R_AP(tape.tilt_deg), np.zeros(3), "A", "P")
    T_WB = T_WA @ T_AP @ world.T_PB(board.points_B(), 2)  # as it lies in the demo lesson
    nx, ny = board.inner_corners
    s = board.square_m

    def square(i: float, j: float, wide: float = 1, high: float = 1) -> Array:
        grid = np.array([[i, j, 0], [i + wide, j, 0], [i + wide, j + high, 0], [i, j + high, 0.0]])
        return T_WB.apply(grid * s)

    fill(square(-2, -2, nx + 3, ny + 3), (250, 250, 250))
    for i in range(-1, nx):
        for j in range(-1, ny):
            if (i + j) % 2 == 0:
                fill(square(i, j), (20, 20, 20))
    image = cv2.resize(image, SIZE_PX, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), cv2.GaussianBlur(image, (0, 0), 0.7), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return corners
