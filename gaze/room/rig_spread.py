"""What the rig's own uncertainty does to the gaze points (frames.md 6).

The rig is measured once, so its error is the same for every moment: it does not average out, and it
is kept apart in quality.json. Here its share of each gaze point's covariance is found by moving one
rig parameter after the other and following nose and head to the blackboard, all rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array, rotation_log
from gaze.room.geometry import gaze_jacobians
from gaze.room.position import linearised_nose

STEP_SIGMAS = 0.1  # how far each parameter is moved, in its own σ


@dataclass(frozen=True)
class RigDependence:
    """What N gaze points depend on; rows as in :func:`gaze.room.position.solve_positions`.

    uv_px : (N, 2, 2). sigma_px : (N, 2). P_W : (N, 3). R_WS : (N, 3, 3) fused.
    centre_px : (N, 2, 2) where each camera's virtual camera looks. share : (N, 2) weight of each
    camera in the fused head; rows sum to 1, or to 0 where the head comes from elsewhere.
    nose_from_rig : False where the noses come from elsewhere.
    """

    uv_px: Array
    sigma_px: Array
    P_W: Array
    R_WS: Array
    centre_px: Array
    share: Array
    nose_from_rig: bool = True


def gaze_spread_from_rig(rig: Rig, rows: RigDependence) -> Array:
    """Covariance (N, 2, 2) in m² of the gaze points from the rig alone; 0 if the rig has none."""
    n = len(rows.P_W)
    if rig.covariance is None or n == 0:
        return np.zeros((n, 2, 2))
    steps = rig.steps(STEP_SIGMAS)
    by_nose, by_head = gaze_jacobians(rows.P_W, rows.R_WS)
    nose = linearised_nose(rig, rows.uv_px, rows.sigma_px, rows.P_W) if rows.nose_from_rig else None
    R_CV = [_looking(rig, rig, c, rows.centre_px) for c in range(len(CAMERAS))]
    J = np.zeros((n, 2, len(steps)))
    for k in np.flatnonzero(steps > 0):
        step = np.zeros(len(steps))
        step[k] = steps[k]
        moved = rig.perturbed(step)
        change = np.zeros((n, 2))
        if nose is not None:
            change += (by_nose @ nose(moved)[..., None])[..., 0]
        if (rows.share > 0).any():
            # a turn in W is δ = Rᵀ turn in S
            delta = np.einsum("nji,nj->ni", rows.R_WS, _turn(rig, moved, R_CV, rows))
            change += (by_head @ delta[..., None])[..., 0]
        J[:, :, k] = change / step[k]
    return np.asarray(J @ rig.covariance @ np.swapaxes(J, -1, -2))


def _looking(rig: Rig, upright: Rig, c: int, centre_px: Array) -> Array:
    """R_CV (N, 3, 3) of a camera's crops; "down" in them stays where the analysed crops had it."""
    down_C = upright.T_WC(CAMERAS[c]).R.T @ np.array([0.0, 1.0, 0.0])
    return rig.camera(CAMERAS[c]).look_at_rotations(centre_px[:, c], down_C)


def _turn(rig: Rig, moved: Rig, R_CV: list[Array], rows: RigDependence) -> Array:
    """(N, 3) rotation vectors in W by which the fused heads turn when the rig does: each camera's
    heads by log(R' Rᵀ), R = R_WC R_CV, the fused ones by their weighted mean."""
    turn = np.zeros((len(rows.share), 3))
    for c, name in enumerate(CAMERAS):
        used = rows.share[:, c] > 0
        R, R_moved = rig.T_WC(name).R, moved.T_WC(name).R
        same_lens = moved.camera(name) is rig.camera(name)
        if not used.any() or (same_lens and np.array_equal(R, R_moved)):
            continue
        off = R_moved @ R.T
        if not same_lens:
            R_CV_moved = _looking(moved, rig, c, rows.centre_px[used])
            off = R_moved @ R_CV_moved @ np.swapaxes(R @ R_CV[c][used], -1, -2)
        turn[used] += rows.share[used, c, None] * rotation_log(off)
    return turn
