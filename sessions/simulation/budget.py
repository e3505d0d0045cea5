"""The error budget: what pixel noise, the head model and the rig do to a gaze point.

First order, no pictures.
"""

from __future__ import annotations

import numpy as np

from calibration.camera import Camera
from calibration.transform import Transform

# Standard deviation of the head direction per axis, degrees, by face height in pixels (box of the
# 68 landmarks), for faces within about 30° of the camera: HEAD_SIGMA_FACE_PX → HEAD_SIGMA_DEG,
# linear between, times HEAD_SIGMA_TURN for faces turned away. The geometric middle of what the
# shipped small model does on rendered people it never saw (2.1°, random ones 2.9° from 24 px up;
# 2.4° and 3.3° at 16 px) and on labelled photographs (3.3° and 3.7°, the labels' own noise
# included); docs/headpose.md, mean geodesic error / 1.6. At 10 px: scaled with the model's errors
# on its validation split.
HEAD_SIGMA_FACE_PX = np.array([10.0, 16.0, 24.0, 40.0, 80.0, 160.0])
HEAD_SIGMA_DEG = np.array([4.5, 3.2, 2.8, 2.7, 2.7, 2.7])
HEAD_SIGMA_TURN_PER_DEG = 0.012  # per degree of turn away from the camera beyond 30
# of the head's variance that both cameras' estimates have in common (same face, same network)
SHARED_HEAD_SHARE = 0.5
# nose tip in the picture, σ per axis: a share of the face's height, with a floor in pixels
NOSE_SIGMA_FACE = 0.018
NOSE_SIGMA_PX = 0.35
SEAT_DEPTH_SIGMA_M = 0.25  # how far a head may be from where its seat says
# … and from where two cameras have seen it before (what gaze/room/position.py states for it on a
# rendered natural lesson; the error there was half of it)
KNOWN_DEPTH_SIGMA_M = 0.075
RIG_SIGMA_DEG = 0.06  # orientation of the whole rig in the room
RIG_SIGMA_M = 0.006  # place of the rig in the room


def head_sigma_deg(face_px: np.ndarray, turn_deg: np.ndarray) -> np.ndarray:
    """σ per axis of one camera's head rotation, degrees, by face height and by the angle between
    face and camera.
    """
    sigma = np.interp(face_px, HEAD_SIGMA_FACE_PX, HEAD_SIGMA_DEG)
    return np.asarray(sigma * (1 + HEAD_SIGMA_TURN_PER_DEG * np.maximum(turn_deg - 30, 0)))


def nose_covariance(
    cameras: dict[str, Camera],
    T_WC: dict[str, Transform],
    P_W: np.ndarray,
    sigma_px: dict[str, np.ndarray],
    depth_sigma_m: np.ndarray | float = SEAT_DEPTH_SIGMA_M,
) -> np.ndarray:
    """(N,3,3) covariance in W of noses triangulated from both cameras, from pixel noise
    ``sigma_px`` (N,) per camera.

    A camera that does not see the nose has an infinite σ. Where one camera alone sees it, the seat
    gives the depth along its ray, to ``depth_sigma_m`` (a number or (N,)); where none does, NaN.
    """
    information = np.zeros((len(P_W), 3, 3))
    for name, camera in cameras.items():
        inverse = T_WC[name].inverse()
        J = np.zeros((len(P_W), 2, 3))
        for k in range(3):  # central differences: exact enough, and right for any distortion
            step = np.zeros(3)
            step[k] = 1e-3
            J[:, :, k] = (
                camera.project(inverse.apply(P_W + step))
                - camera.project(inverse.apply(P_W - step))
            ) / 2e-3
        weight = 1 / np.square(sigma_px[name])
        known = np.asarray(np.isfinite(J).reshape(len(J), -1).all(1), np.bool_)
        information += (
            np.where(known[:, None, None], np.swapaxes(J, 1, 2) @ J, 0) * weight[:, None, None]
        )
    seen = {name: np.isfinite(sigma_px[name]) for name in cameras}
    count = np.sum([s.astype(int) for s in seen.values()], axis=0)
    for name in cameras:
        ray = P_W - T_WC[name].t
        ray /= np.linalg.norm(ray, axis=1, keepdims=True)
        alone = (seen[name] & (count == 1))[:, None, None]
        depth = np.broadcast_to(depth_sigma_m, len(P_W))[:, None, None]
        information += alone * ray[:, :, None] * ray[:, None, :] / depth**2
    nobody = (count == 0)[:, None, None]
    return np.where(nobody, np.nan, np.linalg.inv(information + nobody * np.eye(3)))


def fused_head_sigma_deg(sigma_deg: dict[str, np.ndarray]) -> np.ndarray:
    """σ of the two cameras' mean, of whose errors a share is common (:data:`SHARED_HEAD_SHARE`)."""
    inverse = sum(1 / np.square(s) for s in sigma_deg.values())
    alone = np.min(np.stack(list(sigma_deg.values())), axis=0)
    independent = 1 / inverse
    return np.asarray(np.sqrt(SHARED_HEAD_SHARE * alone**2 + (1 - SHARED_HEAD_SHARE) * independent))


def gaze_covariance(
    P_W: np.ndarray, R_WS: np.ndarray, nose_m2: np.ndarray, head_sigma: np.ndarray
) -> np.ndarray:
    """(N,2,2) m² of gaze points; NaN where the face is turned away.

    ``head_sigma`` (N,) degrees per axis.

    The same first-order formula as gaze/room/geometry.py (which this package may not import), from
    the same page of docs/conventions.md.
    """
    r = R_WS[..., 2]
    t3, r3 = P_W[:, 2], r[:, 2]
    ok = (r3 < -1e-3) & (t3 > 0)
    safe = np.where(ok, r3, -1.0)
    one, zero = np.ones_like(t3), np.zeros_like(t3)
    by_nose = np.stack(
        [np.stack([one, zero, -r[:, 0] / safe], -1), np.stack([zero, one, -r[:, 1] / safe], -1)], 1
    )
    by_r = np.stack(
        [
            np.stack([-t3 / safe, zero, t3 * r[:, 0] / safe**2], -1),
            np.stack([zero, -t3 / safe, t3 * r[:, 1] / safe**2], -1),
        ],
        1,
    )
    turn = np.stack([-R_WS[..., 1], R_WS[..., 0]], -1)  # dr/dδx, dr/dδy
    by_head = by_r @ turn
    variance = np.radians(head_sigma)[:, None, None] ** 2 + np.radians(RIG_SIGMA_DEG) ** 2
    out = by_nose @ (nose_m2 + RIG_SIGMA_M**2 * np.eye(3)) @ np.swapaxes(
        by_nose, 1, 2
    ) + variance * (by_head @ np.swapaxes(by_head, 1, 2))
    return np.where(ok[:, None, None], out, np.nan)
