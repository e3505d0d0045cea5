"""What each row of the gaze table may be used for, and which area of the blackboard it met."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gaze.faces.rows import FaceRows
from gaze.lesson.points import Measured
from gaze.people.evidence import UNMATCHED
from gaze.people.seats import Students
from gaze.room.grid import Grid
from sessions.config import Blackboard

# A σ beyond this share of the blackboard's width tells left from right at most.
LOW_CONFIDENCE_SHARE = 0.25
# A ray that meets the blackboard's plane under a smaller angle runs along it: a head turned to the
# neighbour in one's row. At 5°, 1.5 m from the board, it would be said to look 17 m along it.
GRAZING_DEG = 5.0


def statuses(
    found: Measured, nobodys: NDArray[np.bool_], unseen: NDArray[np.bool_], board: Blackboard
) -> NDArray[np.object_]:
    """A status (N,) for every student-moment (sessions/tables.py); the first that applies:

    unmatched · undecoded · no_face · away · low_confidence · off_board · one_camera · ok. ``away``
    is also what runs along the plane (:data:`GRAZING_DEG`) or has a σ beyond the board's width.
    ``nobodys`` (N,) is :func:`unmatched_here` of the same student-moments; ``unseen`` (N,): a
    camera's picture of the moment is missing.
    """
    positions, heads, points = found.positions, found.heads, found.points
    measured = np.isfinite(positions.P_W).all(1) & np.isfinite(heads.R_WS).all((1, 2))
    with np.errstate(invalid="ignore"):
        sigma_x = np.sqrt(points.covariance_m2[:, 0, 0])
        unsure = ~(sigma_x <= LOW_CONFIDENCE_SHARE * board.width_m) | heads.contradiction
    return np.select(
        [
            ~measured & nobodys,
            ~measured & unseen,
            ~measured,
            ~points.meets | _along_the_plane(found) | _wider_than(found, board.width_m),
            unsure,
            ~board.holds(points.xy_m),
            positions.cameras == 1,
        ],
        ["unmatched", "undecoded", "no_face", "away", "low_confidence", "off_board", "one_camera"],
        "ok",
    ).astype(object)


def _along_the_plane(found: Measured) -> NDArray[np.bool_]:
    """Rays (N,) that meet the plane under less than GRAZING_DEG; NaN counts as such."""
    P_W, xy = found.positions.P_W, found.points.xy_m
    with np.errstate(invalid="ignore"):
        length = np.sqrt(((xy - P_W[:, :2]) ** 2).sum(1) + P_W[:, 2] ** 2)
        return np.asarray(~(P_W[:, 2] >= np.sin(np.radians(GRAZING_DEG)) * length))


def _wider_than(found: Measured, width_m: float) -> NDArray[np.bool_]:
    """Points (N,) whose σ along their ellipse's long axis is beyond ``width_m``."""
    xx, xy, yy = (found.points.covariance_m2[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    with np.errstate(invalid="ignore"):
        return np.asarray(~((xx + yy) / 2 + np.hypot((xx - yy) / 2, xy) <= width_m**2))


def unmatched_here(rows: FaceRows, students: Students, grid: Grid) -> NDArray[np.bool_]:
    """Student-moments without a face of their own, but with a face nobody has at their place."""
    place = np.full((len(students), 2, 3), np.nan)  # median nose and height in each picture
    own = students.student >= 0
    values = pd.DataFrame(np.column_stack([rows.landmarks.nose_px, rows.faces.height_px])[own])
    found = values.groupby([students.student[own], rows.faces.camera[own]]).median()
    place[found.index.get_level_values(0), found.index.get_level_values(1)] = found
    out = np.zeros(len(grid.student), np.bool_)
    lost = np.flatnonzero(students.student == UNMATCHED)
    begins = np.searchsorted(grid.moment, rows.faces.moment[lost])
    for r, begin in zip(lost, begins, strict=True):
        if begin == len(out) or grid.moment[begin] != rows.faces.moment[r]:
            continue
        c = rows.faces.camera[r]
        away = np.linalg.norm(place[:, c, :2] - rows.landmarks.nose_px[r], axis=1)
        near = np.flatnonzero(away < place[:, c, 2])
        at = begin + (near - grid.student[begin])
        out[at[(at >= 0) & (at < len(out))]] = True
    return out
