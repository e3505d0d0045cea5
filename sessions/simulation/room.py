"""A classroom as numbers: blackboard, walls, seats, two cameras with their lenses, the auxiliary
board. Pure functions, frame W.

Frame W (docs/conventions.md): origin = the blackboard's upper RIGHT corner for somebody who faces
it, x leftwards, y down, z towards the students.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.camera import Camera
from calibration.transform import Transform
from sessions.errors import SessionError

# Axes of a body that sits facing the board squarely (its x = left, y = up, z = forward), seen in W.
FACING_BOARD = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Room:
    """Sizes in metres; ``board_top_m`` = height of the blackboard's upper edge above the floor."""

    name: str
    board_width_m: float
    board_height_m: float
    board_top_m: float
    width_m: float
    depth_m: float
    height_m: float
    desk_height_m: float = 0.72

    @property
    def floor_y_m(self) -> float:
        """y_W of the floor."""
        return self.board_top_m

    @property
    def ceiling_y_m(self) -> float:
        """y_W of the ceiling."""
        return self.board_top_m - self.height_m

    @property
    def walls_x_m(self) -> tuple[float, float]:
        """x_W of the right and the left wall."""
        side = (self.width_m - self.board_width_m) / 2
        return -side, self.board_width_m + side


ROOMS = {
    "standard": Room("standard", 4.0, 1.2, 2.10, 7.6, 9.0, 3.0),
    "small": Room("small", 3.0, 1.1, 2.00, 6.2, 8.2, 2.7),
    "wide": Room("wide", 4.8, 1.2, 2.15, 9.2, 9.6, 3.2),
}

# Where the cameras hang: metres beside the blackboard's edge, height above the floor, metres out of
# the wall.
PLACEMENTS = {
    "beside": (0.25, 2.05, 0.12),
    "high": (0.40, 2.60, 0.12),
    "wide": (1.10, 1.90, 0.12),
    "inward": (-0.60, 2.30, 0.12),
}

# k1 k2 p1 p2 k3 of the two lenses, made to differ; the right one is wider by this factor.
DISTORTION = {
    "left": np.array([-0.235, 0.095, 0.0006, -0.0004, -0.018]),
    "right": np.array([-0.165, 0.045, -0.0005, 0.0007, 0.004]),
}
# k1 … k4 of the two as equidistant fisheyes (calibration/lens.py).
FISHEYE = {
    "left": np.array([0.018, -0.009, 0.004, -0.001]),
    "right": np.array([-0.012, 0.006, -0.003, 0.0008]),
}
RIGHT_WIDER = 0.90
CENTRE_OFF_PX = {"left": (9.3, -6.1), "right": (-7.4, 5.2)}  # at 1920 px wide


@dataclass(frozen=True)
class AuxiliaryBoard:
    """The chessboard in front of the blackboard.

    ``t_WA`` as the tape measures it; ``angle_deg`` 0 = flat, 90 = standing.
    """

    inner_corners: tuple[int, int]
    square_m: float
    t_WA: np.ndarray
    angle_deg: float

    @property
    def R_WB(self) -> np.ndarray:
        """Axes of the printed board in W: X = r, Y up the board, Z out of the print."""
        a = np.radians(self.angle_deg)
        r, u, b = np.array([-1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])
        return np.stack([r, np.sin(a) * u - np.cos(a) * b, np.cos(a) * u + np.sin(a) * b], 1)

    def corners_W(self, margin_squares: float = 0.0) -> np.ndarray:
        """Inner corners (M,3) in W; with a margin the four outer corners of the board's paper
        (4,3).
        """
        nx, ny = self.inner_corners
        if margin_squares:
            x, y = (
                np.array([margin_squares, -(nx - 1) - margin_squares]),
                np.array([margin_squares, -(ny - 1) - margin_squares]),
            )
            grid = np.array([[x[0], y[0]], [x[1], y[0]], [x[1], y[1]], [x[0], y[1]]])
        else:
            grid = np.stack(
                [g.ravel() for g in np.meshgrid(-np.arange(nx), -np.arange(ny))], 1
            ).astype(float)
        p = np.concatenate([grid * self.square_m, np.zeros((len(grid), 1))], 1)
        return np.asarray(p @ self.R_WB.T + self.t_WA)


@dataclass(frozen=True)
class Seats:
    """Where the students sit: ``x_m``, ``z_m`` (N,) in W, ``row`` (N,) from 1, and pseudonyms."""

    ids: tuple[str, ...]
    x_m: np.ndarray
    z_m: np.ndarray
    row: np.ndarray


def seats(room: Room, students: int, rows: int, near_m: float, far_m: float) -> Seats:
    """Rows of equal length (the front ones take what is left over), neighbouring rows shifted so
    that nobody is quite hidden.
    """
    count = np.full(rows, students // rows)
    count[: students % rows] += 1
    z = np.linspace(near_m, far_m, rows)
    ids, xs, zs, numbers = [], [], [], []
    span = min(room.width_m - 1.6, room.board_width_m + 1.2)
    for k in range(rows):
        n = int(count[k])
        gap = min(1.15, span / max(n, 1))
        shift = (0.25 if k % 2 else -0.25) * gap
        x = room.board_width_m / 2 + (np.arange(n) - (n - 1) / 2) * gap + shift
        for j in range(n):
            ids.append(f"{chr(ord('A') + k) if k < 26 else k}{j + 1}")
        xs.append(x)
        zs.append(np.full(n, z[k]))
        numbers.append(np.full(n, k + 1))
    return Seats(tuple(ids), np.concatenate(xs), np.concatenate(zs), np.concatenate(numbers))


def auxiliary_board(room: Room, angle_deg: float = 0.0) -> AuxiliaryBoard:
    """A large chessboard on a table between the cameras and the first row."""
    square = 0.08
    left = room.board_width_m / 2 - 4 * square + 0.06
    return AuxiliaryBoard(
        (9, 6), square, np.array([left, room.board_top_m - 0.74, 1.75]), angle_deg
    )


def placed_cameras(room: Room, placement: str) -> dict[str, np.ndarray]:
    """Optical centres in W for a named placement, or for ``"x,y,z;x,y,z"`` (left; right, metres in
    W).
    """
    if placement in PLACEMENTS:
        beside, height, out = PLACEMENTS[placement]
        y = room.board_top_m - height
        return {
            "left": np.array([room.board_width_m + beside, y, out]),
            "right": np.array([-beside, y, out]),
        }
    try:
        left, right = (
            np.array([float(v) for v in part.split(",")]) for part in placement.split(";")
        )
        if left.shape != (3,) or right.shape != (3,) or not np.isfinite([left, right]).all():
            raise ValueError
    except ValueError:
        raise SessionError(
            "the cameras' placement is not understood",
            found=placement,
            expected=f"one of {', '.join(PLACEMENTS)}, or left;right as x,y,z;x,y,z in metres (W)",
        ) from None
    if left[0] <= right[0]:
        raise SessionError(
            "the left camera must be to the left of the right one",
            found=f"x_W {left[0]} (left) and {right[0]} (right)",
            remedy="x_W grows to the left along the blackboard: exchange the two.",
        )
    return {"left": left, "right": right}


def aimed(position_W: np.ndarray, forward_W: np.ndarray, roll_deg: float = 0.0) -> Transform:
    """T_WC of an upright camera at a position that looks along a direction."""
    z = forward_W / np.linalg.norm(forward_W)
    x = np.cross([0.0, 1.0, 0.0], z)  # down × forward = right
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z], 1)
    a = np.radians(roll_deg)
    R = R @ np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return Transform(R, position_W, "W", "C")


def fitted_camera(
    name: str,
    position_W: np.ndarray,
    must_see_W: np.ndarray,
    size_px: tuple[int, int],
    lens_px: float | None = None,
    wider: float = 1.0,
    roll_deg: float = 0.0,
    fisheye_deg: float | None = None,
) -> tuple[Camera, Transform]:
    """A camera aimed at the middle of what it must see (N,3), with the longest lens that still sees
    it all.

    ``lens_px`` fixes the focal length instead; ``wider`` < 1 shortens the fitted one.
    ``fisheye_deg`` makes it an equidistant fisheye whose picture is about as wide as that.
    """
    d = must_see_W - position_W
    yaw, pitch = np.arctan2(d[:, 0], d[:, 2]), np.arctan2(d[:, 1], np.hypot(d[:, 0], d[:, 2]))
    y, p = (yaw.min() + yaw.max()) / 2, (pitch.min() + pitch.max()) / 2
    scale = size_px[0] / 1920
    centre = np.array(CENTRE_OFF_PX[name]) * scale

    def build(f: float, T: Transform) -> tuple[Camera, np.ndarray]:
        K = np.array(
            [
                [f, 0, (size_px[0] - 1) / 2 + centre[0]],
                [0, f * 1.0008, (size_px[1] - 1) / 2 + centre[1]],
                [0, 0, 1.0],
            ]
        )
        camera = Camera(K, DISTORTION[name], size_px, name)
        if fisheye_deg is not None:
            camera = Camera(K, FISHEYE[name], size_px, name, "equidistant")
        return camera, camera.project(T.inverse().apply(must_see_W))

    T = aimed(
        position_W, np.array([np.sin(y) * np.cos(p), np.sin(p), np.cos(y) * np.cos(p)]), roll_deg
    )
    if fisheye_deg is not None:
        lens_px = size_px[0] / np.radians(fisheye_deg)
    if lens_px is not None:
        return build(lens_px, T)[0], T
    low, high = 0.25 * size_px[0], 3.0 * size_px[0]
    for _ in range(40):
        middle = (low + high) / 2
        camera, uv = build(middle, T)
        # past the fold of the distortion polynomial points come back into the picture: guard with
        # the plain pinhole
        xy = T.inverse().apply(must_see_W)
        radius = np.hypot(xy[:, 0], xy[:, 1]) / np.maximum(xy[:, 2], 1e-6)
        good = camera.contains(uv, 0.03 * size_px[1]).all() and (radius < 1.05).all()
        low, high = (middle, high) if good else (low, middle)
    return build(low * wider, T)[0], T
