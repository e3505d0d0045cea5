"""What a set of chessboard views still lacks, before anything is solved.

The judgement afterwards (``calibration.judge``) knows the lens; here a usual one is assumed, which
is enough to tell a tilted board from a flat one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibration.corners.boards import Board
from calibration.lens import Lens
from calibration.solve.intrinsics import planar_poses
from calibration.transform import Array

CELLS = 5
#: A board that is turned by less says little about the focal length.
TILTED_DEG = 15.0
#: Views of one camera that a good calibration has.
VIEWS = 15

Facing = Literal["left", "right", "up", "down"]
FACINGS: tuple[Facing, ...] = ("left", "right", "up", "down")
#: The picture's corners: (row, column) of the three cells that hug each.
PLACES = {
    "upper_left": ((0, 0), (0, 1), (1, 0)),
    "upper_right": ((0, 4), (0, 3), (1, 4)),
    "lower_left": ((4, 0), (4, 1), (3, 0)),
    "lower_right": ((4, 4), (4, 3), (3, 4)),
}


@dataclass(frozen=True)
class Shown:
    """One view: which cells of the picture hold corners (5, 5), and where the board faces.

    tilt_deg : between the board and the picture's plane. facing : as seen in the picture, where
    it is tilted by :data:`TILTED_DEG` or more.
    """

    cells: Array
    tilt_deg: float
    facing: Facing | None


def shown(corners_px: Array, size_px: tuple[int, int], board: Board) -> Shown:
    """What a view with found corners (N, 2; NaN = missing) adds to a set."""
    w, h = size_px
    uv = corners_px[np.isfinite(corners_px).all(1)]
    cells = np.zeros((CELLS, CELLS), bool)
    at = np.clip(uv / [w, h] * CELLS, 0, CELLS - 1).astype(int)
    cells[at[:, 1], at[:, 0]] = True
    lens = Lens(np.array([0.9 * w, 0.9 * w, (w - 1) / 2, (h - 1) / 2, 0, 0, 0, 0]))
    poses = planar_poses(board.points_B(), corners_px, lens)
    if not poses:
        return Shown(cells, 0.0, None)
    normal_C = poses[0][0][:, 2]
    normal_C = normal_C * np.sign(normal_C[2])  # away from the camera: the print faces against it
    tilt = float(np.degrees(np.arccos(np.clip(normal_C[2], -1, 1))))
    facing: Facing | None = None
    if tilt >= TILTED_DEG:
        x, y = -normal_C[:2]
        sideways: Facing = "left" if x < 0 else "right"
        facing = sideways if abs(x) > abs(y) else "up" if y < 0 else "down"
    return Shown(cells, tilt, facing)


def coverage(views: Sequence[Shown]) -> Array:
    """(5, 5) number of views with corners in each cell."""
    return np.sum([v.cells for v in views], axis=0) if views else np.zeros((CELLS, CELLS))


def wanted(views: Sequence[Shown]) -> list[str]:
    """What one camera's views lack: ``views``, a place (:data:`PLACES`), ``facing_left`` …"""
    out = ["views"] if len(views) < VIEWS else []
    seen = coverage(views)
    out += [name for name, where in PLACES.items() if not any(seen[c] for c in where)]
    out += [f"facing_{f}" for f in FACINGS if f not in {v.facing for v in views}]
    return out
