"""What the rig's covariance means in the room: centimetres at the seats and on the blackboard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from calibration.rig import Rig
from calibration.rig_quality import BoardSpread, SeatSpread
from calibration.room.world import on_blackboard
from calibration.shapes import shapes
from calibration.transform import Array

#: Distances from the blackboard (from the cameras, where there is no world) that are reported.
SEAT_DISTANCES_M = (3.0, 6.0, 9.0)
#: A seated head is about this far below the blackboard's upper edge.
HEAD_BELOW_M = 0.9


@shapes(uv_left="n 2", uv_right="n 2")
def triangulate(rig: Rig, uv_left: Array, uv_right: Array, iterations: int = 4) -> Array:
    """(N, 2) pixels in both cameras → (N, 3) metres in L: two-ray start, then least squares."""
    d0 = np.concatenate([rig.left.undistort(uv_left), np.ones((len(uv_left), 1))], 1)
    d1 = np.concatenate([rig.right.undistort(uv_right), np.ones((len(uv_right), 1))], 1)
    # s0 d0 − s1 R_LR d1 = t_LR
    R_LR, t_LR = rig.T_LR.R, rig.T_LR.t
    e1 = d1 @ R_LR.T
    A = np.stack([d0, -e1], -1)
    s = np.linalg.solve(np.swapaxes(A, -1, -2) @ A, (np.swapaxes(A, -1, -2) @ t_LR)[..., None])[
        ..., 0
    ]
    P = (s[:, :1] * d0 + s[:, 1:] * e1 + t_LR) / 2
    for _ in range(iterations):
        Q = P @ rig.T_RL.R.T + rig.T_RL.t
        r, J = [], []
        for X, d, R in ((P, d0, np.eye(3)), (Q, d1, rig.T_RL.R)):
            iz = 1 / X[:, 2:]
            r.append(X[:, :2] * iz - d[:, :2])
            D = np.zeros((len(X), 2, 3))
            D[:, 0, 0] = D[:, 1, 1] = iz[:, 0]
            D[:, 0, 2], D[:, 1, 2] = (-X[:, :2] * iz**2).T
            J.append(D @ R)
        res, jac = np.concatenate(r, 1), np.concatenate(J, 1)
        JT = np.swapaxes(jac, -1, -2)
        P = P - np.linalg.solve(JT @ jac, JT @ res[..., None])[..., 0]
    return np.asarray(P, np.float64)


def jacobian(rig: Rig, quantity: Callable[[Rig], Array]) -> Array:
    """(m, P) central differences of ``quantity(rig)`` by the rig's parameters.

    Each parameter is moved by a fifth of its own σ (or by 1e-6 where it has none), but no further
    than a slope is one: pictures of another camera leave lenses known to less than their own size.
    """
    assert rig.covariance is not None
    sigma = np.sqrt(np.maximum(np.diag(rig.covariance), 0.0))
    step = np.where(sigma > 0, rig.steps(1 / 5), 1e-6)
    columns = []
    for i, h in enumerate(step):
        d = np.zeros(len(step))
        d[i] = h
        up, down = (np.asarray(quantity(rig.perturbed(s * d))).ravel() for s in (1.0, -1.0))
        columns.append((up - down) / (2 * h))
    return np.stack(columns, 1)


def seats(rig: Rig, blackboard_m: tuple[float, float] | None) -> Array:
    """(3, 3) points at which the spread is reported: in W, or in L where there is no world."""
    if rig.T_WA is None:
        # along the bisector of the two optical axes, from half-way between the cameras
        axis = np.array([0, 0, 1.0]) + rig.T_LR.R[:, 2]
        axis /= max(float(np.linalg.norm(axis)), 1e-9)
        return np.stack([rig.T_LR.t / 2 + d * axis for d in SEAT_DISTANCES_M])
    if blackboard_m is not None:
        x = blackboard_m[0] / 2
    else:
        x = float((rig.T_WC("left").t[0] + rig.T_WC("right").t[0]) / 2)
    return np.array([[x, HEAD_BELOW_M, d] for d in SEAT_DISTANCES_M])


def _in_world(rig: Rig, P_L: Array) -> Array:
    return rig.T_WC("left").apply(P_L) if rig.T_WA is not None else P_L


@shapes(points="n 3")
def position_jacobian(rig: Rig, points: Array) -> Array:
    """(N·3, P): how triangulated points move when the rig's parameters do.

    points : (N, 3) in W (in L where there is no world). Their pixels are held fixed.
    """
    P_L = rig.T_WC("left").inverse().apply(points) if rig.T_WA is not None else points
    uv = rig.left.project(P_L), rig.right.project(rig.T_RL.apply(P_L))
    if not np.isfinite(uv).all():
        return np.full((3 * len(points), len(rig.parameter_names)), np.nan)
    return jacobian(rig, lambda r: _in_world(r, triangulate(r, *uv)))


@shapes(noses_W="n 3", targets_W="n 3")
def gaze_jacobian(rig: Rig, noses_W: Array, targets_W: Array) -> Array:
    """(N·2, P): how gaze points on the blackboard move when the rig's parameters do.

    noses_W, targets_W : (N, 3). What a camera measures is held fixed: the nose's pixels in both
    pictures and the head's rotation as the left camera sees it, relative to the line of sight.
    """
    T_LW = rig.T_WC("left").inverse()
    P_L = T_LW.apply(noses_W)
    uv0, uv1 = rig.left.project(P_L), rig.right.project(rig.T_RL.apply(P_L))
    if not np.isfinite([uv0, uv1]).all():
        return np.full((2 * len(noses_W), len(rig.parameter_names)), np.nan)
    d_L = T_LW.rotate(targets_W - noses_W)
    R_LV = rig.left.look_at_rotations(uv0)
    d_V = np.einsum("nji,nj->ni", R_LV, d_L)

    def hits(r: Rig) -> Array:
        T_WL = r.T_WC("left")
        d_L = np.einsum("nij,nj->ni", r.left.look_at_rotations(uv0), d_V)
        return on_blackboard(T_WL.apply(triangulate(r, uv0, uv1)), T_WL.rotate(d_L))

    return jacobian(rig, hits)


@shapes(covariance="p p")
def covariance_of(J: Array, covariance: Array, size: int) -> Array:
    """(N, size, size) blocks of J Σ Jᵀ."""
    rows = J.reshape(-1, size, J.shape[1])
    out: Array = np.einsum("nip,pq,njq->nij", rows, covariance, rows)
    return out


def room_spread(
    rig: Rig, blackboard_m: tuple[float, float] | None
) -> tuple[tuple[SeatSpread, ...], tuple[BoardSpread, ...]]:
    """What the rig's covariance means: cm (1 σ) at seats 3, 6, 9 m away; where there is a world,
    also of gaze points: from each seat on the blackboard's middle, from 6 m on five of its points.
    What lies beyond a lens's valid angle is left out.
    """
    assert rig.covariance is not None
    points = seats(rig, blackboard_m)
    cov = covariance_of(position_jacobian(rig, points), rig.covariance, 3)
    spread = [
        SeatSpread(
            distance_m=distance,
            seat_m=point.round(4).tolist(),
            frame="L" if rig.T_WA is None else "W",
            sigma_cm=sigma.tolist(),
            position_cm=float(np.linalg.norm(sigma)),
        )
        for distance, point, sigma in zip(SEAT_DISTANCES_M, points, _sigma_cm(cov), strict=True)
        if np.isfinite(sigma).all()
    ]
    if rig.T_WA is None:
        return tuple(spread), ()
    w, h = blackboard_m if blackboard_m is not None else (2 * float(points[0, 0]), 1.2)
    middle = np.tile([w / 2, h / 2, 0.0], (len(points), 1))
    cov = covariance_of(gaze_jacobian(rig, points, middle), rig.covariance, 2)
    gaze_cm = dict(zip(SEAT_DISTANCES_M, _sigma_cm(cov), strict=True))
    spread = [
        s.but(gaze_cm=gaze_cm[s.distance_m].tolist())
        if np.isfinite(gaze_cm[s.distance_m]).all() else s
        for s in spread
    ]  # fmt: skip
    targets = np.array([[w / 2, h / 2, 0], [0, 0, 0], [w, 0, 0], [0, h, 0], [w, h, 0.0]])
    cov = covariance_of(gaze_jacobian(rig, np.tile(points[1], (5, 1)), targets), rig.covariance, 2)
    return tuple(spread), tuple(
        BoardSpread(point_m=target[:2].tolist(), gaze_cm=sigma.tolist())
        for target, sigma in zip(targets, _sigma_cm(cov), strict=True)
        if np.isfinite(sigma).all()
    )


def _sigma_cm(covariance_m2: Array) -> Array:
    """(N, d, d) → (N, d)."""
    return 100 * np.sqrt(np.diagonal(covariance_m2, axis1=-2, axis2=-1))


def pair_sigma(rig: Rig) -> dict[str, float]:
    """σ of the baseline, and per axis of T_RL."""
    assert rig.covariance is not None
    names = list(rig.parameter_names)
    r, t = names.index("R_RL.x"), names.index("t_RL.x")
    C_r, C_t = (rig.covariance[i : i + 3, i : i + 3] for i in (r, t))
    direction = rig.T_RL.t / max(rig.baseline_m, 1e-12)
    return {
        "baseline_sigma_m": float(np.sqrt(direction @ C_t @ direction)),
        "rotation_sigma_deg": float(np.degrees(np.sqrt(np.trace(C_r) / 3))),
    }
