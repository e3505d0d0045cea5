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
    lines = _lines_of_sight(rig, rows.centre_px, rig)
    J = np.zeros((n, 2, len(steps)))
    for k in np.flatnonzero(steps > 0):
        step = np.zeros(len(steps))
        step[k] = steps[k]
        moved = rig.perturbed(step)
        change = np.zeros((n, 2))
        if nose is not None:
            change += (by_nose @ nose(moved)[..., None])[..., 0]
        if (rows.share > 0).any():
            turned = _lines_of_sight(moved, rows.centre_px, rig)
            # each camera's head turns by log(R' Rᵀ) in W; the fused head by their weighted mean
            turn = np.zeros((n, 3))
            for c in range(len(CAMERAS)):
                used = rows.share[:, c] > 0
                if used.any():
                    w = rotation_log(turned[used, c] @ np.swapaxes(lines[used, c], -1, -2))
                    turn[used] += rows.share[used, c, None] * w
            # a turn in W is δ = Rᵀ turn in S
            delta = np.einsum("nji,nj->ni", rows.R_WS, turn)
            change += (by_head @ delta[..., None])[..., 0]
        J[:, :, k] = change / step[k]
    return np.asarray(J @ rig.covariance @ np.swapaxes(J, -1, -2))


def _lines_of_sight(rig: Rig, centre_px: Array, upright: Rig) -> Array:
    """R_WV (N, 2, 3, 3) = R_WC R_CV; "down" in the crop stays where the analysed crops had it."""
    out = np.full((len(centre_px), 2, 3, 3), np.nan)
    for c, name in enumerate(CAMERAS):
        known = np.isfinite(centre_px[:, c]).all(1)
        if known.any():
            down_C = upright.T_WC(name).R.T @ np.array([0.0, 1.0, 0.0])
            R_CV = rig.camera(name).look_at_rotations(centre_px[known, c], down_C)
            out[known, c] = rig.T_WC(name).R @ R_CV
    return out
