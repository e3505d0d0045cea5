"""Rotations of heads: angles and matrices, distances, means, flips, exponential map.

Convention (300W-LP, AFLW2000-3D and both papers), for angles in degrees::

    Rx(p) = [[1,0,0],[0,cos p,sin p],[0,-sin p,cos p]]     (each the transpose of the textbook one)
    Ry(y) = [[cos y,0,-sin y],[0,1,0],[sin y,0,cos y]]
    Rz(r) = [[cos r,sin r,0],[-sin r,cos r,0],[0,0,1]]
    R     = Rx(pitch) @ Ry(yaw) @ Rz(roll)

``R`` takes the head frame S (x = the person's left, y = up, z = out of the face) into the frame
of the crop with x right, y **up**, z **towards the viewer**.  OpenCV's camera is half a turn about
x from that: ``R_VS = CAMERA_FROM_CROP @ R`` with ``CAMERA_FROM_CROP = diag(1, -1, -1)``.

Signs as seen: yaw > 0, the nose points to the viewer's left; pitch > 0, the face looks up;
roll > 0, the head is turned clockwise.  Yaw lies in [-90, 90]; at exactly +-90 pitch and roll are
not separable and pitch is given the whole turn (roll = 0).

All functions take any number of leading dimensions, compute in float64 and have no state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

CAMERA_FROM_CROP: Array = np.diag([1.0, -1.0, -1.0])
"""Takes the crop frame (x right, y up, z to the viewer) to OpenCV's camera axes."""

MIRROR: Array = np.diag([-1.0, 1.0, 1.0])
"""Left and right exchanged; see :func:`flip`."""


def matrix(pitch_deg: ArrayLike, yaw_deg: ArrayLike, roll_deg: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) from angles in degrees (broadcast against each other).

    >>> matrix(0.0, 0.0, 0.0).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    p, y, r = np.broadcast_arrays(
        *(np.radians(np.asarray(a, np.float64)) for a in (pitch_deg, yaw_deg, roll_deg))
    )
    cp, sp, cy, sy, cr, sr = np.cos(p), np.sin(p), np.cos(y), np.sin(y), np.cos(r), np.sin(r)
    # Rx @ Ry @ Rz, multiplied out
    rows = [
        [cy * cr, cy * sr, -sy],
        [sp * sy * cr - cp * sr, sp * sy * sr + cp * cr, sp * cy],
        [cp * sy * cr + sp * sr, cp * sy * sr - sp * cr, cp * cy],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2) + 0.0  # + 0.0: no negative zeros


def angles_deg(R: ArrayLike) -> Array:
    """Pitch, yaw, roll in degrees (..., 3) of rotation matrices (..., 3, 3)."""
    R = np.asarray(R, np.float64)
    yaw = np.arcsin(np.clip(-R[..., 0, 2], -1.0, 1.0))
    pitch = np.arctan2(R[..., 1, 2], R[..., 2, 2])
    roll = np.arctan2(R[..., 0, 1], R[..., 0, 0])
    # gimbal lock: only pitch +- roll is defined; roll = 0 by choice
    locked = np.hypot(R[..., 0, 0], R[..., 0, 1]) < 1e-9
    pitch = np.where(locked, np.arctan2(-R[..., 2, 1], R[..., 1, 1]), pitch)
    roll = np.where(locked, 0.0, roll)
    return np.asarray(np.degrees(np.stack([pitch, yaw, roll], -1)))


def wrap_deg(angle_deg: ArrayLike) -> Array:
    """The same angles in [-180, 180)."""
    return (np.asarray(angle_deg, np.float64) + 180.0) % 360.0 - 180.0


def geodesic_deg(R1: ArrayLike, R2: ArrayLike) -> Array:
    """Angle in degrees (...) of the rotation between R1 and R2 (..., 3, 3).

    Equal to ``acos((trace(R1.T R2) - 1) / 2)``, computed with the arctangent so that small angles
    keep their digits.
    """
    D = np.swapaxes(np.asarray(R1, np.float64), -1, -2) @ np.asarray(R2, np.float64)
    axis = np.stack(
        [D[..., 2, 1] - D[..., 1, 2], D[..., 0, 2] - D[..., 2, 0], D[..., 1, 0] - D[..., 0, 1]], -1
    )
    trace = np.trace(D, axis1=-2, axis2=-1)
    return np.asarray(np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), trace - 1.0)))


def exp(rotvec_deg: ArrayLike) -> Array:
    """Right-handed rotations (..., 3, 3) of rotation vectors in degrees (..., 3)."""
    v = np.radians(np.asarray(rotvec_deg, np.float64))
    theta = np.linalg.norm(v, axis=-1)[..., None, None]
    zero = np.zeros(v.shape[:-1])
    K = np.stack(
        [
            np.stack([zero, -v[..., 2], v[..., 1]], -1),
            np.stack([v[..., 2], zero, -v[..., 0]], -1),
            np.stack([-v[..., 1], v[..., 0], zero], -1),
        ],
        -2,
    )
    # sinc keeps both factors finite at theta = 0
    a = np.sinc(theta / np.pi)
    b = 0.5 * np.sinc(theta / (2 * np.pi)) ** 2
    return np.asarray(np.eye(3) + a * K + b * (K @ K))


def log(R: ArrayLike) -> Array:
    """Rotation vectors in degrees (..., 3), length up to 180, of matrices (..., 3, 3)."""
    from scipy.spatial.transform import Rotation

    R = np.asarray(R, np.float64)
    v: Array = np.degrees(Rotation.from_matrix(R.reshape(-1, 3, 3)).as_rotvec())
    return v.reshape(R.shape[:-1])


def project(M: ArrayLike) -> Array:
    """Nearest rotations (Frobenius norm) to matrices (..., 3, 3)."""
    U, _, Vt = np.linalg.svd(np.asarray(M, np.float64))
    sign = np.linalg.det(U @ Vt)
    U = np.concatenate([U[..., :2], U[..., 2:] * sign[..., None, None]], -1)
    return np.asarray(U @ Vt)


def flip(R: ArrayLike) -> Array:
    """Rotation of the head in the mirrored picture: pitch stays, yaw and roll change sign."""
    return MIRROR @ np.asarray(R, np.float64) @ MIRROR


def roll_in_plane(R: ArrayLike, phi_deg: ArrayLike) -> Array:
    """Rotation of the head after the *picture* is turned by phi (counter-clockwise as seen)."""
    phi = np.asarray(phi_deg, np.float64)
    vec = np.stack([np.zeros_like(phi), np.zeros_like(phi), phi], -1)
    return exp(vec) @ np.asarray(R, np.float64)
