"""A classroom of numbers for tests: two cameras, seats, noses; no pictures."""

from __future__ import annotations

import numpy as np

from calibration.camera import Camera
from calibration.rig import Rig
from calibration.transform import Array, Transform, rotation_exp

R_WA = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])


def looking(from_W: Array, at_W: Array, roll_deg: float = 0.0) -> Array:
    """R_WC of an upright camera at from_W that looks at at_W (y_W is down)."""
    z = (at_W - from_W) / np.linalg.norm(at_W - from_W)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z], 1)
    return R @ rotation_exp([0, 0, np.radians(roll_deg)])


def room_rig(seed: int = 0, width_m: float = 4.0, covariance: bool = True) -> Rig:
    """Two distorted 1080p cameras of different lenses on either side of a blackboard."""
    rng = np.random.default_rng(seed)
    cameras, T_WC = [], {}
    for name, x in (("left", width_m + 0.4), ("right", -0.4)):
        f = rng.uniform(1150, 1400)
        K = np.array(
            [[f, 0, 960 + rng.normal(0, 8)], [0, f * 1.002, 540 + rng.normal(0, 8)], [0, 0, 1]]
        )
        D = np.array([-0.12, 0.05, 1e-4, -2e-4, 0.0]) * rng.uniform(0.7, 1.2)
        at = np.array([width_m / 2 + rng.normal(0, 0.2), 0.9, 5.0 + rng.normal(0, 0.3)])
        origin = np.array([x, rng.uniform(-0.1, 0.3), rng.uniform(0.1, 0.3)])
        cameras.append(Camera(K, D, (1920, 1080), name))
        T_WC[name] = Transform(
            looking(origin, at, rng.normal(0, 1.5)), origin, "W", name[0].upper()
        )
    T_WA = Transform(R_WA, np.array([2.1, 1.0, 0.8]), "W", "A")
    T_AL = T_WA.inverse() @ T_WC["left"]
    T_RL = T_WC["right"].inverse() @ T_WC["left"]
    rig = Rig(cameras[0], cameras[1], T_RL, T_AL, T_WA)
    if not covariance:
        return rig
    sigma = []
    for name in rig.parameter_names:
        kind = name.split(".")
        if kind[1] in ("fx", "fy"):
            sigma.append(0.8)
        elif kind[1] in ("cx", "cy"):
            sigma.append(1.0)
        elif kind[1].startswith("d"):
            sigma.append(1e-3)
        else:
            sigma.append(np.radians(0.05) if kind[0].startswith("R") else 0.003)
    return Rig(cameras[0], cameras[1], T_RL, T_AL, T_WA, np.diag(np.square(sigma)))


def seats(rows: int = 3, per_row: int = 3, seed: int = 0, width_m: float = 4.0) -> Array:
    """(S, 3) nose places, rows from 3 to 7 m, heads of different heights."""
    rng = np.random.default_rng(seed)
    z = np.linspace(3.0, 7.0, rows)
    x = np.linspace(0.5, width_m - 0.5, per_row)
    out = [
        (xx + rng.normal(0, 0.08), 0.85 + rng.normal(0, 0.06), zz + rng.normal(0, 0.08))
        for zz in z
        for xx in x
    ]
    return np.array(out)


def project(rig: Rig, P_W: Array) -> Array:
    """(..., 3) → (..., 2, 2) pixels of both cameras."""
    return np.stack(
        [rig.camera(n).project(rig.T_WC(n).inverse().apply(P_W)) for n in ("left", "right")], -2
    )
