"""Heads → gaze points by a gain, with covariances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.shapes import shapes
from calibration.transform import Array
from gaze.gain.angles import angles_jacobian, angles_of, meet, meet_jacobian, towards
from gaze.gain.model import Gain
from gaze.room.geometry import GazePoints, gaze_points


@shapes(
    P_W="n 3",
    R_WS="n 3 3",
    student="n",
    nose_covariance_m2="n 3 3",
    head_covariance_rad2="n 3 3",
    rig_covariance_m2="n 2 2",
)
def apply_gain(
    P_W: ArrayLike,
    R_WS: ArrayLike,
    student: Sequence[str] | NDArray[Any],
    gain: Gain,
    nose_covariance_m2: ArrayLike,
    head_covariance_rad2: ArrayLike,
    rig_covariance_m2: ArrayLike | None = None,
) -> GazePoints:
    """Corrected gaze points with covariances, as :func:`gaze.room.geometry.gaze_with_covariance`.

    P_W : (N, 3) nose tips, metres. R_WS : (N, 3, 3). student : (N,) pseudonyms; somebody whom the
    gain does not know gets the class's share and offset, and the wider covariance that goes with
    them. nose_covariance_m2 (N, 3, 3), head_covariance_rad2 (N, 3, 3) of δ in ``R exp(δ)``,
    rig_covariance_m2 (N, 2, 2) of the *head's* point, or None.

    The covariance is first order and includes the gain's own. A point that the correction takes
    beyond a quarter turn is none: NaN, ``meets`` False.
    """
    P = np.asarray(P_W, np.float64)
    R = np.asarray(R_WS, np.float64)
    _, meets = gaze_points(P, R)
    share, offset, cov_own = _parameters(gain, student)

    r = np.where(meets[:, None], R[:, :, 2], np.nan)
    aim_d = towards(P, gain.reference_m)
    head, aim = angles_of(r), angles_of(aim_d)
    gaze = aim + (head - aim - offset) / share
    xy = meet(P, gaze)
    meets = meets & np.isfinite(xy).all(-1)

    # By the angles of the gaze first, then everything that moves those.
    by_gaze = meet_jacobian(P, gaze)
    by_head = by_gaze / share[:, None, :]  # the same as @ diag(1/share)
    r_by_delta = np.stack([-R[:, :, 1], R[:, :, 0], np.zeros_like(r)], -1)
    J_delta = by_head @ angles_jacobian(r) @ r_by_delta
    # The nose moves the aim (aim = reference − nose), and the ray's foot with it.
    aim_by_P = -angles_jacobian(aim_d)
    J_P = by_gaze @ (aim_by_P * (1 - 1 / share)[:, :, None])
    tan_a = np.tan(gaze[:, 0])
    J_P[:, 0, 0] += 1
    J_P[:, 1, 1] += 1
    J_P[:, 0, 2] += tan_a
    J_P[:, 1, 2] += np.tan(gaze[:, 1]) / np.cos(gaze[:, 0])
    cov = J_P @ np.asarray(nose_covariance_m2) @ np.swapaxes(J_P, -1, -2)
    cov = cov + J_delta @ np.asarray(head_covariance_rad2) @ np.swapaxes(J_delta, -1, -2)
    # Own parameters, axis by axis: by the offset −1/share, by the share −(gaze − aim)/share.
    by_own = -np.stack([1 / share, (gaze - aim) / share], -1)  # (N, axis, 2)
    angle_var = np.einsum("nai,naij,naj->na", by_own, cov_own, by_own)
    cov = cov + (by_gaze * angle_var[:, None, :]) @ np.swapaxes(by_gaze, -1, -2)
    if rig_covariance_m2 is not None:
        to_angles = np.linalg.inv(_finite(meet_jacobian(P, head)))
        J = by_head @ to_angles
        cov = cov + J @ np.asarray(rig_covariance_m2) @ np.swapaxes(J, -1, -2)
    return GazePoints(
        np.where(meets[:, None], xy, np.nan), np.where(meets[:, None, None], cov, np.nan), meets
    )


def _finite(J: Array) -> Array:
    """Unit matrices where a Jacobian is NaN (no point there anyhow), so that it can be inverted."""
    ok = np.asarray(np.isfinite(J).all((-1, -2)))
    return np.where(ok[:, None, None], J, np.eye(2))


def _parameters(gain: Gain, student: Sequence[str] | NDArray[Any]) -> tuple[Array, Array, Array]:
    """(N, 2) shares, (N, 2) offsets in radians, (N, 2, 2, 2) covariances, class's as fallback."""
    i = gain._index(student)
    own = i >= 0
    share = np.where(own[:, None], _take(gain.share, i), gain.class_share)
    offset = np.where(own[:, None], _take(gain.offset_deg, i), gain.class_offset_deg)
    cov = np.where(own[:, None, None, None], _take(gain.covariance, i), gain.class_covariance)
    return share, np.radians(offset), cov


def _take(values: Array, i: NDArray[np.int64]) -> Array:
    """Rows i, where −1 gives zeros."""
    if len(values) == 0:
        return np.zeros((len(i), *values.shape[1:]))
    return values[np.maximum(i, 0)]
