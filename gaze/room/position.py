"""Nose tips in two pictures → P_W, with covariance (docs/conventions.md 1–2).

Two rays give the start; then the reprojection error is minimised by Gauss-Newton, for all rows at
once. A row may carry a prior for its place (the student's seat): with it a nose seen by one camera
alone still has a position, with the seat's own uncertainty along the ray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS, Camera
from calibration.rig import Rig
from calibration.shapes import shapes
from calibration.transform import Array

ITERATIONS = 6
PARALLEL_SIN2 = 5e-10  # of the angle between two rays that meet nowhere
STILL_M = 1e-7  # a nose that the last step moved less is left alone


@dataclass(frozen=True)
class Positions:
    """Where N nose tips are.

    P_W : (N, 3) metres; NaN where neither two cameras nor one camera and a prior see it.
    covariance_m2 : (N, 3, 3) from pixel noise (and the prior), not from the rig.
    residual_px : (N,) reprojection residual, rms over both pictures; NaN unless two cameras.
    cameras : (N,) int8, how many cameras saw it.
    """

    P_W: Array
    covariance_m2: Array
    residual_px: Array
    cameras: NDArray[np.int8]


@dataclass(frozen=True)
class Sight:
    """Undistorted measurements of one camera, ready to be triangulated; N rows.

    xy : (N, 2) normalised image coordinates (NaN: not seen). pixels_by_xy : (N, 2, 2) local
    derivative of pixels by normalised coordinates (the lens's magnification).
    """

    xy: Array
    pixels_by_xy: Array


@shapes(uv_px="n 2")
def sight(camera: Camera, uv_px: Array) -> Sight:
    """Undistort (N, 2) pixels, with the lens's magnification there."""
    xy = camera.undistort(uv_px)  # NaN: not seen, or where the lens draws no direction
    return Sight(xy, camera.lens.pixels_by_xy(xy))


@shapes(left="n 2", right="n 2")
def ray_points(rig: Rig, left: Array, right: Array) -> Array:
    """The points (N, 3) in W nearest to both rays of normalised coordinates (N, 2) each.

    NaN where the rays are parallel or one is missing.
    """
    origin, direction = [], []
    for name, xy in (("left", left), ("right", right)):
        T = rig.T_WC(name)
        d = T.rotate(np.concatenate([xy, np.ones((len(xy), 1))], -1))
        origin.append(T.t)
        direction.append(d / np.linalg.norm(d, axis=-1, keepdims=True))
    # the middle of the shortest way between the rays o + s d and p + t e
    (o, p), (d, e) = origin, direction
    with np.errstate(invalid="ignore", divide="ignore"):
        sin2 = np.square(np.cross(d, e)).sum(-1)
        cos, along_d, along_e = (d * e).sum(-1), d @ (p - o), e @ (p - o)
        s = (along_d - cos * along_e) / sin2
        t = (cos * along_d - along_e) / sin2
    P = (o + s[:, None] * d + p + t[:, None] * e) / 2
    P[~(sin2 > PARALLEL_SIN2)] = np.nan
    return np.asarray(P)


@shapes(uv_px="n 2 2", sigma_px="n 2", prior_W="n 3", prior_covariance_m2="n 3 3", start_W="n 3")
def solve_positions(
    rig: Rig,
    uv_px: Array,
    sigma_px: Array,
    prior_W: Array | None = None,
    prior_covariance_m2: Array | None = None,
    *,
    start_W: Array | None = None,
    iterations: int = ITERATIONS,
) -> Positions:
    """Triangulate N nose tips.

    Parameters
    ----------
    uv_px : (N, 2, 2) pixels, camera axis (left, right) first after N; NaN = not seen.
    sigma_px : (N, 2) standard deviation per axis for each camera.
    prior_W, prior_covariance_m2 : (N, 3), (N, 3, 3) a place known beforehand; NaN = none. It is
        used only for rows seen by one camera: two cameras need none.
    start_W : (N, 3) where to start, e.g. the answer for a rig nearby.
    """
    n = len(uv_px)
    sights = [sight(rig.camera(name), uv_px[:, c]) for c, name in enumerate(CAMERAS)]
    seen: NDArray[np.bool_] = np.stack([np.isfinite(s.xy).all(-1) for s in sights], 1)
    both = seen.all(1)
    prior = np.full((n, 3), np.nan) if prior_W is None else np.asarray(prior_W, np.float64)
    with_prior = (seen.sum(1) == 1) & np.isfinite(prior).all(1)
    P = np.full((n, 3), np.nan)
    P[both] = ray_points(rig, sights[0].xy[both], sights[1].xy[both])
    P[with_prior] = prior[with_prior]
    if start_W is not None:
        given = np.isfinite(start_W).all(1) & (both | with_prior)
        P[given] = start_W[given]
    information = np.zeros((n, 3, 3))
    if with_prior.any():
        assert prior_covariance_m2 is not None
        information[with_prior] = np.linalg.inv(prior_covariance_m2[with_prior])

    rows = np.flatnonzero(np.isfinite(P).all(1))
    rays = [(rig.T_WC(name).inverse(), s) for name, s in zip(CAMERAS, sights, strict=True)]
    H = np.full((n, 3, 3), np.nan)
    residual = np.full((n, 2, 2), np.nan)
    for step in range(iterations + 1):
        p = P[rows]
        h = information[rows].copy()
        toward_prior = np.where(with_prior[rows, None], prior[rows] - p, 0.0)
        g = (h @ toward_prior[..., None])[..., 0]
        for c, (T_CW, s) in enumerate(rays):
            r, J = _reprojection(T_CW.apply(p), T_CW.R, s, rows)
            weight = np.where(seen[rows, c], 1 / sigma_px[rows, c] ** 2, 0.0)
            r0, J0 = np.nan_to_num(r), np.nan_to_num(J)
            JT = np.swapaxes(J0, -1, -2) * weight[:, None, None]
            h += JT @ J0
            g += (JT @ r0[..., None])[..., 0]
            residual[rows, c] = r
        H[rows] = h
        if step < iterations:
            # a hair of damping keeps nearly parallel rays from flying off
            damped = h + 1e-9 * np.trace(h, axis1=-2, axis2=-1)[:, None, None] * np.eye(3)
            move = np.linalg.solve(damped, g[..., None])[..., 0]
            longest = np.linalg.norm(move, axis=1, keepdims=True)
            P[rows] = p + move * np.minimum(1, 2.0 / np.maximum(longest, 1e-12))
            rows = rows[longest[:, 0] > STILL_M]  # most are where they belong after two steps
    covariance = np.full((n, 3, 3), np.nan)
    known: NDArray[np.bool_] = np.isfinite(P).all(1)
    if known.any():
        covariance[known] = np.linalg.inv(H[known])
    rms = np.full(n, np.nan)
    if both.any():
        rms[both] = np.sqrt(np.nanmean(residual[both] ** 2, axis=(1, 2)))
    return Positions(P, covariance, rms, seen.sum(1).astype(np.int8))


def _reprojection(P_C: Array, R_CW: Array, s: Sight, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """Residual (M, 2) in pixels, measured − predicted, and its negative derivative by P_W."""
    r, xy, z = _residual(P_C, s, rows)
    zero = np.zeros_like(z)
    by_P = np.stack(
        [np.stack([1 / z, zero, -xy[:, 0] / z], -1), np.stack([zero, 1 / z, -xy[:, 1] / z], -1)],
        -2,
    )
    return r, s.pixels_by_xy[rows] @ by_P @ R_CW


def _residual(P_C: Array, s: Sight, rows: NDArray[np.intp]) -> tuple[Array, Array, Array]:
    """Residual (M, 2) in pixels, the predicted coordinates (M, 2) and the depth (M,)."""
    z = np.maximum(P_C[:, 2], 0.05)
    xy = P_C[:, :2] / z[:, None]
    return (s.pixels_by_xy[rows] @ (s.xy[rows] - xy)[..., None])[..., 0], xy, z


@shapes(uv_px="n 2 2", sigma_px="n 2", P_W="n 3")
def linearised_nose(rig: Rig, uv_px: Array, sigma_px: Array, P_W: Array) -> Callable[[Rig], Array]:
    """How the solved noses P_W (N, 3) move when the rig does, to first order.

    Returns a function: another rig near this one → (N, 3) shift of the noses, NaN where there are
    none. One Gauss-Newton step from P_W under the other rig, with this rig's normal matrix; noses
    seen by one camera alone are held at their depth.
    """
    sights = [sight(rig.camera(name), uv_px[:, c]) for c, name in enumerate(CAMERAS)]
    seen = np.stack([np.isfinite(s.xy).all(-1) for s in sights], 1)
    rows = np.flatnonzero(np.isfinite(P_W).all(1))
    weight = np.where(seen, 1 / np.where(seen, sigma_px, 1.0) ** 2, 0.0)[rows]
    H = np.zeros((len(rows), 3, 3))
    projections = []
    for c, name in enumerate(CAMERAS):
        s, T_CW = sights[c], rig.T_WC(name).inverse()
        r, J = _reprojection(T_CW.apply(P_W[rows]), T_CW.R, s, rows)
        JT = np.swapaxes(np.nan_to_num(J), -1, -2) * weight[:, c, None, None]
        H += JT @ np.nan_to_num(J)
        projections.append((JT, np.nan_to_num(r)))
    # what a single ray cannot see is held with the weight of a metre
    solve = np.linalg.inv(H + np.eye(3))

    def shift(moved: Rig) -> Array:
        g = np.zeros((len(rows), 3))
        for c, name in enumerate(CAMERAS):
            s, camera = sights[c], moved.camera(name)
            if camera is not rig.camera(name):  # the magnification's change is of second order
                s = replace(s, xy=camera.undistort(uv_px[:, c]))
            r, *_ = _residual(moved.T_WC(name).inverse().apply(P_W[rows]), s, rows)
            JT, r0 = projections[c]
            g += (JT @ (np.nan_to_num(r) - r0)[..., None])[..., 0]
        out = np.full_like(P_W, np.nan)
        out[rows] = (solve @ g[..., None])[..., 0]
        return out

    return shift


@dataclass(frozen=True)
class EpipolarPlanes:
    """One camera's unit rays in W (N, 3), and unit normals of their planes with the baseline."""

    ray: Array
    normal: Array

    @classmethod
    def of(cls, rig: Rig, name: str, xy: Array) -> EpipolarPlanes:
        """Of normalised coordinates (N, 2)."""
        base = rig.T_WC("right").t - rig.T_WC("left").t
        base = base / np.linalg.norm(base)
        v = rig.T_WC(name).rotate(np.concatenate([xy, np.ones((len(xy), 1))], -1))
        ray = v / np.linalg.norm(v, axis=-1, keepdims=True)
        n = np.cross(base, ray)
        return cls(ray, n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12))

    def angle_deg(
        self, other: EpipolarPlanes, mine: NDArray[np.intp], others: NDArray[np.intp]
    ) -> Array:
        """Angular epipolar distances (P,) in degrees of pairs of rays, given by number (P,).

        The larger of the two angles between a ray and the other one's plane: how far the two
        pictures are from seeing one point, independent of focal lengths.
        """
        off = np.maximum(
            np.abs(np.einsum("pi,pi->p", other.normal[others], self.ray[mine])),
            np.abs(np.einsum("pi,pi->p", self.normal[mine], other.ray[others])),
        )
        return np.asarray(np.degrees(np.arcsin(np.clip(off, 0, 1))))


@shapes(left="n 2", right="n 2")
def epipolar_deg(rig: Rig, left: Array, right: Array) -> Array:
    """Angular epipolar distance (N,) in degrees of normalised coordinates (N, 2) each
    (:meth:`EpipolarPlanes.angle_deg`)."""
    each = np.arange(len(left))
    planes = EpipolarPlanes.of(rig, "left", left), EpipolarPlanes.of(rig, "right", right)
    return planes[0].angle_deg(planes[1], each, each)


@shapes(P_W="n 3")
def seat_prior(P_W: Array, *, least_sigma_m: float = 0.08) -> tuple[Array, Array]:
    """A seat (3,) and its spread (3, 3) from the positions (N, 3) measured there.

    Median and robust spread, no smaller than ``least_sigma_m`` per axis: people lean.
    """
    middle = np.median(P_W, axis=0)
    off = np.abs(P_W - middle)
    sigma = np.maximum(1.4826 * np.median(off, axis=0), np.quantile(off, 0.9, axis=0) / 1.645)
    return middle, np.diag(np.maximum(sigma, least_sigma_m) ** 2)
