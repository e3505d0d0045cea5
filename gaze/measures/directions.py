"""Where heads point, whatever is there: directions in the room with their covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.transform import Array
from gaze.measures.states import MEASURED, POINT_COLUMNS
from gaze.room.geometry import R_FRONTAL


@dataclass(frozen=True)
class Looks:
    """N measured directions of S students at T moments.

    angles_rad : (N, 2) azimuth (0 towards the blackboard's plane, > 0 towards +x_W) and elevation
    (> 0 down); covariance : (N, 3) xx, xy, yy in rad² along them. student, moment : (N,).
    nose_W : (N, 3).
    """

    time_s: Array
    students: tuple[str, ...]
    student: NDArray[np.int64]
    moment: NDArray[np.int64]
    nose_W: Array
    angles_rad: Array
    covariance: Array

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Looks:
        """From a cleaned gaze table; what has a point by the point (a gain is in it), ``away`` by
        the head."""
        students = tuple(sorted({str(s) for s in frame["student"]}))
        time_s = np.unique(frame["time_s"].to_numpy(np.float64))
        use = frame[frame["status"].isin(MEASURED).to_numpy()]
        nose = use[[f"nose_{a}_m" for a in "xyz"]].to_numpy(np.float64)
        points = use[list(POINT_COLUMNS)].to_numpy(np.float64)
        quaternion = use[[f"head_q{a}" for a in "xyzw"]].to_numpy(np.float64)
        known = np.isfinite(nose).all(1) & np.isfinite(quaternion).all(1)
        use, nose, points, quaternion = (v[known] for v in (use, nose, points, quaternion))
        at_point = np.isfinite(points).all(1)
        d = Rotation.from_quat(quaternion).as_matrix()[..., 2] if len(nose) else np.zeros((0, 3))
        to = np.column_stack([points[:, :2], np.zeros(len(points))]) - nose
        d = np.where(at_point[:, None], to / np.linalg.norm(to, axis=1, keepdims=True), d)
        angles, E = angles_of(d), basis(angles_of(d))
        cov = _of_heads(use, d, E)
        by_point = E[:, :2, :2] / np.linalg.norm(to, axis=1)[:, None, None]
        xx, xy, yy = points[:, 2:].T
        S = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
        cov = np.where(at_point[:, None, None], by_point @ S @ np.swapaxes(by_point, 1, 2), cov)
        where = {s: k for k, s in enumerate(students)}
        return cls(
            time_s, students,
            np.array([where[str(s)] for s in use["student"]], np.int64),
            np.searchsorted(time_s, use["time_s"].to_numpy(np.float64)),
            nose, angles, np.stack([cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1]], 1),
        )  # fmt: skip

    def seats_W(self, which: NDArray[np.bool_] | None = None) -> Array:
        """(S, 3) median nose of each student, of some looks (N,); NaN of those never measured."""
        out = np.full((len(self.students), 3), np.nan)
        every = np.ones(len(self.student), np.bool_) if which is None else which
        for k in np.unique(self.student[every]):
            out[k] = np.median(self.nose_W[every & (self.student == k)], axis=0)
        return out


def angles_of(d_W: Array) -> Array:
    """Azimuth and elevation (..., 2) in radians of directions (..., 3) in W."""
    return np.stack(
        [np.arctan2(d_W[..., 0], -d_W[..., 2]),
         np.arctan2(d_W[..., 1], np.hypot(d_W[..., 0], d_W[..., 2]))], -1,
    )  # fmt: skip


def basis(angles_rad: Array) -> Array:
    """(..., 3, 3) rows: unit vectors in W along azimuth, along elevation, and the direction."""
    (sa, se), (ca, ce) = (f(np.moveaxis(angles_rad, -1, 0)) for f in (np.sin, np.cos))
    zero = np.zeros_like(sa)
    return np.stack(
        [np.stack([ca, zero, sa], -1), np.stack([-se * sa, ce, se * ca], -1),
         np.stack([ce * sa, se, -ce * ca], -1)], -2,
    )  # fmt: skip


def _of_heads(frame: pd.DataFrame, d_W: Array, E: Array) -> Array:
    """(N, 2, 2) rad² of the directions of heads by σ of their yaw and pitch."""
    x, y, z = (d_W @ R_FRONTAL).T  # (−sin yaw, sin pitch cos yaw, cos pitch cos yaw)
    level = np.maximum(np.hypot(y, z), 1e-9)
    by_yaw = np.stack([-level, x * y / level, x * z / level], 1) @ R_FRONTAL
    by_pitch = np.stack([np.zeros_like(x), z, -y], 1) @ R_FRONTAL
    sigma = np.radians(frame[["head_yaw_sigma_deg", "head_pitch_sigma_deg"]].to_numpy(np.float64))
    J = np.stack([by_yaw, by_pitch], -1) * sigma[:, None, :]
    J = E[:, :2] @ J
    return np.asarray(J @ np.swapaxes(J, 1, 2))
