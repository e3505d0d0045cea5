"""Pictures of the room at the level of corners: blackboard and auxiliary board in one telephone."""

from __future__ import annotations

import numpy as np

from calibration.camera import Camera
from calibration.corners.boards import Board
from calibration.room import world
from calibration.room.picture import RoomPicture, TakenWith, blackboard_points_W
from calibration.room.world import Tape
from calibration.transform import Array, Transform, rotation_exp
from tests.calibration import rigs


def phone(rng: np.random.Generator) -> Camera:
    """A telephone of 12 megapixels: f, middle and distortion unknown to the solve."""
    w, h = 4032, 3024
    f = w * rng.uniform(0.68, 1.0)
    K = np.array(
        [
            [f, 0, (w - 1) / 2 + rng.normal(0, 30)],
            [0, f, (h - 1) / 2 + rng.normal(0, 30)],
            [0, 0, 1],
        ]
    )
    return Camera(K, np.array([rng.normal(0, 0.02), 0, 0, 0]), (w, h), "phone")


def board_in_room(tape: Tape, board: Board, off: Array | None = None) -> Transform:
    """T_WB of a board that lies where the tape says, but for ``off`` (δ, metres)."""
    off = np.zeros(6) if off is None else off
    T_WA = Transform(world.R_WA @ rotation_exp(off[:3]), tape.t_WA + off[3:], "W", "A")
    T_AP = Transform(world.R_AP(tape.tilt_deg), np.zeros(3), "A", "P")
    return T_WA @ T_AP @ world.T_PB(board.points_B(), 0)


def take(
    room: rigs.Room,
    T_WB: Transform,
    board: Board,
    camera: Camera,
    rng: np.random.Generator,
    *,
    taken_with: TakenWith = "phone",
    click_px: float = 2.0,
    board_px: float = 0.3,
) -> tuple[RoomPicture, Transform]:
    """A picture from 3.5–6.5 m in front of the blackboard that holds both, and its T_WX."""
    width, height = room.blackboard_m
    corners = blackboard_points_W(width, height)
    points = np.concatenate([corners, T_WB.apply(board.points_B())])
    for _ in range(4000):
        position = np.array(
            [width / 2 + rng.uniform(-2.5, 2.5), rng.uniform(-0.4, 0.2), rng.uniform(3.5, 6.5)]
        )
        at = [width / 2 + rng.uniform(-0.5, 0.5), rng.uniform(0.3, 1.4), rng.uniform(0, 0.8)]
        z = np.array(at) - position
        z /= np.linalg.norm(z)
        x = np.cross([0, 1, 0], z)
        x /= np.linalg.norm(x)
        R_WX = np.stack([x, np.cross(z, x), z], 1) @ rotation_exp([0, 0, rng.normal(0, 0.05)])
        T_WX = Transform(R_WX, position, "W", "X")
        P = T_WX.inverse().apply(points)
        if (P[:, 2] < 0.3).any() or not camera.contains(camera.project(P), 20).all():
            continue
        if np.abs(camera.undistort(camera.project(P)) - P[:, :2] / P[:, 2:]).max() > 1e-5:
            continue
        uv = camera.project(P)
        seen = RoomPicture(
            uv[:4] + rng.normal(0, click_px, (4, 2)),
            uv[4:] + rng.normal(0, board_px, (len(uv) - 4, 2)),
            camera.size_px,
            taken_with,
            click_px,
            "room.jpg",
        )
        return seen, T_WX
    raise AssertionError("blackboard and board are in no picture together")
