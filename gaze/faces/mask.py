"""Seats of students who opted out, painted over before anything looks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.rig import Rig
from calibration.transform import Array
from sessions.errors import SessionError
from sessions.folder import Session

# A seat whose student opted out is painted over between these heights (y_W, from the blackboard's
# upper edge: about 1.55 m to 0.75 m above the floor) and this far around it, before anything looks.
MASK_Y_M = (0.45, 1.25)
MASK_HALF_M = 0.26


def opted_out_seats(session: Session) -> Array:
    """Seats (K, 2) x_W, z_W that are painted over before anything looks.

    Raises
    ------
    SessionError : a student opted out, and session.toml does not say where they sit.
    """
    seats = []
    for student in session.config.students:
        if student.opt_out and student.seat_m is None:
            raise SessionError(
                f"student {student.id} opted out, but has no seat to be masked",
                where=session.folder / "session.toml",
                expected="seat_m = [x, z] beside opt_out = true",
            )
        if student.opt_out:
            seats.append(student.seat_m)
    return np.array(seats, np.float64).reshape(-1, 2)


def mask_polygons(rig: Rig, camera: str, seats_xz_m: Array) -> list[NDArray[np.int32]]:
    """For each seat (K, 2) the outline in the picture of the volume that holds its head."""
    # finely: near the rim of a wide lens some of a volume may lie beyond what it draws
    side = np.linspace(-1, 1, 7)
    x, y, z = np.meshgrid(side, np.linspace(*MASK_Y_M, 7), side)
    corner = np.stack([x.ravel() * MASK_HALF_M, y.ravel(), z.ravel() * MASK_HALF_M], -1)
    out = []
    T_CW, lens = rig.T_WC(camera).inverse(), rig.camera(camera)
    for seat in np.asarray(seats_xz_m, np.float64).reshape(-1, 2):
        P_C = T_CW.apply(corner + [seat[0], 0.0, seat[1]])
        uv = lens.project(P_C[P_C[:, 2] > 0.05])
        uv = uv[np.isfinite(uv).all(1)]
        if len(uv) < 3:
            continue  # beside or behind the camera: not in its picture
        hull = cv2.convexHull(uv.astype(np.float32))
        out.append(np.round(hull).astype(np.int32))
    return out
