"""Surfaces of the room, and where a ray meets them: the one place that knows.

A surface has a frame P of its own: origin in its upper right corner (of somebody who faces it), x
leftwards along it, y down, z out of it. The blackboard's P is W itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.shapes import shapes
from calibration.transform import Array, Transform, rotation_exp
from sessions.surfaces import BLACKBOARD, Blackboard, Surface


class Meeting(NamedTuple):
    """Where rays meet a surface's unbounded plane (or the whole of its cylinder's front).

    xy_m : (..., 2) along it and down; NaN where not. range_m : (...) along the ray; inf where not.
    meets : (...) the ray comes to its front, from before it.
    """

    xy_m: Array
    range_m: Array
    meets: NDArray[np.bool_]


@dataclass(frozen=True)
class Plane:
    """A rectangle, flat, or curved about its own vertical (``radius_m``; sessions.surfaces).

    T_WP : from its frame to the world. Of a curved one P's x and z lie along and across the chord.
    """

    name: str
    T_WP: Transform
    width_m: float
    height_m: float
    radius_m: float | None = None

    @classmethod
    def of(cls, surface: Surface) -> Plane:
        """A surface of session.toml."""
        turned = rotation_exp(np.radians([0.0, surface.turned_deg, 0.0]))
        tilted = rotation_exp(np.radians([-surface.tilted_deg, 0.0, 0.0]))
        t_WP = np.array([surface.left_m, surface.down_m, surface.out_m])
        return cls(
            surface.name, Transform(turned @ tilted, t_WP, "W", "P"),
            surface.width_m, surface.height_m, surface.radius_m,
        )  # fmt: skip

    @classmethod
    def of_blackboard(cls, board: Blackboard) -> Plane:
        return cls(BLACKBOARD, Transform.identity("W", "P"), board.width_m, board.height_m)

    def slid(self, left_m: float, down_m: float) -> Plane:
        """The same, moved along itself."""
        moved = self.T_WP.apply([left_m, down_m, 0.0])
        return replace(self, T_WP=Transform(self.T_WP.R, moved, "W", "P"))

    @shapes(P_W="... 3", d_W="... 3")
    def meet(self, P_W: ArrayLike, d_W: ArrayLike) -> Meeting:
        """Rays from P_W (..., 3) along d_W (..., 3), of any length."""
        T_PW = self.T_WP.inverse()
        P, d = T_PW.apply(P_W), T_PW.rotate(d_W)
        return self._meet_plane(P, d) if self.radius_m is None else self._meet_cylinder(P, d)

    def _meet_plane(self, P: Array, d: Array) -> Meeting:
        with np.errstate(invalid="ignore"):
            meets = (d[..., 2] < 0) & (P[..., 2] > 0)
        scale = np.where(meets, P[..., 2] / np.where(meets, d[..., 2], 1.0), np.nan)
        xy = P[..., :2] - scale[..., None] * d[..., :2]
        length = -scale * np.linalg.norm(d, axis=-1)
        return Meeting(xy, np.where(meets, length, np.inf), np.asarray(meets, np.bool_))

    def _meet_cylinder(self, P: Array, d: Array) -> Meeting:
        """The front is the inside where the ends come forward, else the outside."""
        half, centre, radius = self._arc()
        p, e = P[..., ::2] - centre, d[..., ::2]  # across the axis
        a, b, c = (e * e).sum(-1), (p * e).sum(-1), (p * p).sum(-1) - radius**2
        with np.errstate(invalid="ignore", divide="ignore"):
            root = np.sqrt(b * b - a * c)
            t = np.where(self._hollow, -b + root, -b - root) / a
            meets = np.isfinite(t) & (t > 0)
        t = np.where(meets, t, np.nan)
        hit = p + t[..., None] * e
        out = -hit if self._hollow else hit
        angle = np.arctan2(hit[..., 0], -hit[..., 1] if self._hollow else hit[..., 1])
        xy = np.stack([radius * (angle + half), P[..., 1] + t * d[..., 1]], -1)
        with np.errstate(invalid="ignore"):
            meets &= (out * e).sum(-1) < 0
        length = t * np.linalg.norm(d, axis=-1)
        return Meeting(
            np.where(meets[..., None], xy, np.nan), np.where(meets, length, np.inf), meets
        )

    @property
    def _hollow(self) -> bool:
        return self.radius_m is not None and self.radius_m > 0

    def _arc(self) -> tuple[float, Array, float]:
        """Half the angle of a cylinder's arc, the axis' x and z in P, and its radius."""
        assert self.radius_m is not None
        radius = abs(self.radius_m)
        half = self.width_m / (2 * radius)
        z = radius * np.cos(half) * np.sign(self.radius_m)
        return half, np.array([radius * np.sin(half), z]), radius

    @shapes(xy_m="... 2")
    def points_W(self, xy_m: ArrayLike) -> Array:
        """Places on the surface (..., 2) in the world (..., 3)."""
        xy = np.asarray(xy_m, np.float64)
        x, z = xy[..., 0], np.zeros_like(xy[..., 0])
        if self.radius_m is not None:
            half, centre, radius = self._arc()
            angle = x / radius - half
            x = centre[0] + radius * np.sin(angle)
            z = centre[1] - np.sign(self.radius_m) * radius * np.cos(angle)
        return self.T_WP.apply(np.stack([x, xy[..., 1], z], -1))

    def holds(self, xy_m: Array) -> NDArray[np.bool_]:
        """Which places (..., 2) lie on it, edges included; NaN does not."""
        return np.asarray(((xy_m >= 0) & (xy_m <= [self.width_m, self.height_m])).all(-1))


@shapes(P_W="... 3", d_W="... 3")
def first_met(
    surfaces: Sequence[Plane], P_W: ArrayLike, d_W: ArrayLike
) -> tuple[NDArray[np.int64], Array]:
    """The surface that rays meet first: what is nearer hides what lies behind.

    P_W, d_W : (..., 3). Returns its index (...), −1 for none, and the range (...) in metres, inf.
    """
    shape = np.broadcast_shapes(np.shape(P_W), np.shape(d_W))[:-1]
    which, nearest = np.full(shape, -1, np.int64), np.full(shape, np.inf)
    for k, surface in enumerate(surfaces):
        met = surface.meet(P_W, d_W)
        nearer = surface.holds(met.xy_m) & (met.range_m < nearest)
        which[nearer], nearest[nearer] = k, met.range_m[nearer]
    return which, nearest
