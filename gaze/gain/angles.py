"""Directions as the two turns of a neck, in W, and where they meet the blackboard.

*Azimuth* is about the vertical, > 0 towards +x_W (the blackboard's left edge for somebody who
faces it), *elevation* comes after it, > 0 towards +y_W (down). Radians.
"""

from __future__ import annotations

import numpy as np

from calibration.shapes import shapes
from calibration.transform import Array


@shapes(d_W="... 3")
def angles_of(d_W: Array) -> Array:
    """(..., 3) directions in W → (..., 2) azimuth and elevation in radians."""
    x, y, z = d_W[..., 0], d_W[..., 1], d_W[..., 2]
    return np.stack([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))], -1)


@shapes(P_W="... 3", xy_m="... 2")
def towards(P_W: Array, xy_m: Array) -> Array:
    """(..., 3) directions from noses to points (..., 2) of the blackboard plane."""
    xy = np.broadcast_to(xy_m, (*P_W.shape[:-1], 2))
    return np.concatenate([xy, np.zeros((*xy.shape[:-1], 1))], -1) - P_W


@shapes(P_W="... 3", angles_rad="... 2")
def meet(P_W: Array, angles_rad: Array) -> Array:
    """(..., 2) where the plane z_W = 0 is met at these angles; NaN beyond a quarter turn."""
    a, e = angles_rad[..., 0], angles_rad[..., 1]
    with np.errstate(invalid="ignore"):
        front = (np.abs(a) < np.pi / 2) & (np.abs(e) < np.pi / 2) & (P_W[..., 2] > 0)
    a, e = np.where(front, a, np.nan), np.where(front, e, np.nan)
    z = P_W[..., 2]
    return np.stack([P_W[..., 0] + z * np.tan(a), P_W[..., 1] + z / np.cos(a) * np.tan(e)], -1)


@shapes(P_W="... 3", angles_rad="... 2")
def meet_jacobian(P_W: Array, angles_rad: Array) -> Array:
    """(..., 2, 2) derivative of :func:`_meet` by the two angles."""
    a, e, z = angles_rad[..., 0], angles_rad[..., 1], P_W[..., 2]
    ca, ce = np.cos(a), np.cos(e)
    zero = np.zeros_like(z)
    return np.stack(
        [
            np.stack([z / ca**2, zero], -1),
            np.stack([z * np.sin(a) / ca**2 * np.tan(e), z / (ca * ce**2)], -1),
        ],
        -2,
    )


@shapes(d_W="... 3")
def angles_jacobian(d_W: Array) -> Array:
    """(..., 2, 3) derivative of :func:`_angles` by the direction."""
    x, y, z = d_W[..., 0], d_W[..., 1], d_W[..., 2]
    level2 = x**2 + z**2
    level = np.sqrt(level2)
    whole2 = level2 + y**2
    zero = np.zeros_like(x)
    return np.stack(
        [
            np.stack([-z / level2, zero, x / level2], -1),
            np.stack([-y * x / (level * whole2), level / whole2, -y * z / (level * whole2)], -1),
        ],
        -2,
    )
