"""The heart: a nose tip and a head direction → the point on the blackboard, and how sure.

Pure functions on batches, no files. Frames and formulas: docs/conventions.md, which follows Xu et
al., Sci. Rep. 16:405 (2026), "students' gaze points estimation in classroom".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.shapes import shapes
from calibration.transform import Array, Transform
from gaze.room.plane import Plane

# A face that looks straight into a camera: S's y up and z towards the viewer, C's down and away.
R_FRONTAL: Array = np.diag([1.0, -1.0, -1.0])
# The plane z_W = 0, without bounds.
WALL = Plane("wall", Transform.identity("W", "P"), np.inf, np.inf)


@dataclass(frozen=True)
class GazePoints:
    """Where the ray from the nose tip along the head's direction meets the plane z_W = 0.

    xy_m : (N, 2) x_W, y_W in metres; NaN where :attr:`meets` is False.
    covariance_m2 : (N, 2, 2); NaN likewise.
    meets : (N,) the face is turned to the blackboard's half-space (R33 < 0) from in front (t3 > 0).
    """

    xy_m: Array
    covariance_m2: Array
    meets: NDArray[np.bool_]


@shapes(P_W="... 3", R_WS="... 3 3")
def gaze_points(P_W: ArrayLike, R_WS: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    """Meet the rays with the blackboard plane (docs/conventions.md 4; Xu et al. 2026, gaze point).

    P_W : (..., 3) nose tips in W, metres. R_WS : (..., 3, 3) head rotations.
    Returns (..., 2) x_W = t1 − t3 R13/R33, y_W = t2 − t3 R23/R33, NaN where R33 ≥ 0 or t3 ≤ 0, and
    the mask of those that meet the plane.
    """
    met = WALL.meet(np.asarray(P_W, np.float64), np.asarray(R_WS, np.float64)[..., :, 2])
    return met.xy_m, met.meets


@shapes(P_W="... 3", R_WS="... 3 3")
def gaze_jacobians(P_W: ArrayLike, R_WS: ArrayLike) -> tuple[Array, Array]:
    """Derivatives of the gaze point: by the nose tip (..., 2, 3), by the head δ (..., 2, 3).

    δ is the rotation vector in radians of ``R_WS exp(δ)``: S axes, right-multiplied. With r the
    third column of R_WS, dr/dδ = [−R e_y, R e_x, 0].
    """
    P = np.asarray(P_W, np.float64)
    R = np.asarray(R_WS, np.float64)
    r = R[..., :, 2]
    t3, r3 = P[..., 2], r[..., 2]
    one, zero = np.ones_like(t3), np.zeros_like(t3)
    by_nose = np.stack(
        [
            np.stack([one, zero, -r[..., 0] / r3], -1),
            np.stack([zero, one, -r[..., 1] / r3], -1),
        ],
        -2,
    )
    by_r = np.stack(
        [
            np.stack([-t3 / r3, zero, t3 * r[..., 0] / r3**2], -1),
            np.stack([zero, -t3 / r3, t3 * r[..., 1] / r3**2], -1),
        ],
        -2,
    )
    r_by_delta = np.stack([-R[..., :, 1], R[..., :, 0], np.zeros_like(r)], -1)
    return by_nose, by_r @ r_by_delta


@shapes(
    P_W="n 3",
    R_WS="n 3 3",
    nose_covariance_m2="n 3 3",
    head_covariance_rad2="n 3 3",
    rig_covariance_m2="n 2 2",
)
def gaze_with_covariance(
    P_W: ArrayLike,
    R_WS: ArrayLike,
    nose_covariance_m2: ArrayLike,
    head_covariance_rad2: ArrayLike,
    rig_covariance_m2: ArrayLike | None = None,
) -> GazePoints:
    """Gaze points with first-order covariances (docs/conventions.md 5).

    P_W : (N, 3); R_WS : (N, 3, 3); nose_covariance_m2 : (N, 3, 3) of P_W;
    head_covariance_rad2 : (N, 3, 3) of δ; rig_covariance_m2 : (N, 2, 2) what the rig's own
    covariance does to the gaze point (:func:`gaze_spread_from_rig`), added.
    """
    xy, meets = gaze_points(P_W, R_WS)
    by_nose, by_head = gaze_jacobians(P_W, R_WS)
    nose = np.asarray(nose_covariance_m2, np.float64)
    head = np.asarray(head_covariance_rad2, np.float64)
    cov = by_nose @ nose @ np.swapaxes(by_nose, -1, -2)
    cov = cov + by_head @ head @ np.swapaxes(by_head, -1, -2)
    if rig_covariance_m2 is not None:
        cov = cov + np.asarray(rig_covariance_m2, np.float64)
    return GazePoints(xy, np.where(meets[..., None, None], cov, np.nan), meets)


@shapes(R_WS="... 3 3")
def head_angles_deg(R_WS: ArrayLike) -> Array:
    """Pitch, yaw, roll of heads relative to facing the blackboard squarely; (..., 3) degrees.

    300W-LP's decoding of ``diag(1, −1, −1) R_WS``: yaw > 0 towards the blackboard's right edge
    (−x_W), pitch > 0 up, roll > 0 clockwise for somebody who stands at the blackboard.
    """
    R = R_FRONTAL @ np.asarray(R_WS, np.float64)
    yaw = np.arcsin(np.clip(-R[..., 0, 2], -1, 1))
    pitch = np.arctan2(R[..., 1, 2], R[..., 2, 2])
    roll = np.arctan2(R[..., 0, 1], R[..., 0, 0])
    out: Array = np.degrees(np.stack([pitch, yaw, roll], -1))
    return out


@shapes(P_W="... 3", target_W="... 3")
def aimed_rotation(P_W: ArrayLike, target_W: ArrayLike) -> Array:
    """R_WS of an upright head at P_W whose Z axis points at target_W; (..., 3, 3).

    The inverse of :func:`gaze_points` up to the head's roll, which is 0 here: X stays level.
    """
    d = np.asarray(target_W, np.float64) - np.asarray(P_W, np.float64)
    z = d / np.linalg.norm(d, axis=-1, keepdims=True)
    up = np.broadcast_to(np.array([0.0, -1.0, 0.0]), z.shape)
    x = np.cross(up, z)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)


@shapes(offset_m="... 2", covariance_m2="... 2 2")
def inside_ellipse(
    offset_m: ArrayLike, covariance_m2: ArrayLike, share: float = 0.68
) -> NDArray[np.bool_]:
    """Whether offsets (..., 2) lie inside the ellipse that should hold ``share`` of them.

    For a 2-D normal, d² = eᵀ Σ⁻¹ e is χ² with 2 degrees of freedom: inside iff d² ≤ −2 ln(1−share).
    """
    e = np.asarray(offset_m, np.float64)
    covariance = np.asarray(covariance_m2, np.float64)
    weighted = np.linalg.solve(covariance, e[..., None])[..., 0]
    d2 = np.asarray((e * weighted).sum(-1), np.float64)
    return np.asarray(d2 <= -2 * np.log(1 - share), np.bool_)
