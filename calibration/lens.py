"""A lens: points of the camera → pixels with derivatives, and pixels → the plane z = 1.

Two models. ``pinhole`` is OpenCV's: radial and tangential distortion (4 or 5 coefficients),
rational (8), thin prism and tilt (12, 14: read from other tools' files, never solved for).
``equidistant`` is Kannala and Brandt's, ``cv2.fisheye``'s without its skew: a point at the angle θ
from the axis is drawn ``f θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸)`` from the principal point.

A polynomial turns back somewhere: beyond :attr:`Lens.widest` two directions share a pixel, and
neither :meth:`Lens.project` nor :meth:`Lens.undistort` answers (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array

Model = Literal["pinhole", "equidistant"]

#: Order of the parameters of one lens: fx fy cx cy, then the distortion.
CORE = 4
#: Numbers of coefficients that a model may have.
COEFFICIENTS: dict[Model, tuple[int, ...]] = {
    "pinhole": (4, 5, 8, 12, 14), "equidistant": (4,)
}  # fmt: skip
#: No ray further than this from the axis has a place on the plane z = 1 that is worth a number.
WIDEST_DEG = 88.0
#: A pixel was undistorted where it is met again to this many pixels; OpenCV's iteration, which ends
#: nowhere near a turn, is done over where it misses by the other.
ROUND_TRIP_PX, REFINED_PX = 1e-3, 1e-6
#: Newton's steps at most; in a bracket, each at least halves it.
STEPS = 60


@dataclass(frozen=True, eq=False)
class Lens:
    """A lens without a name or a picture.

    Parameters
    ----------
    values : (4 + n,) fx fy cx cy, pixels, and the distortion (pinhole: in OpenCV's order).
    model : what the distortion means.
    """

    values: Array
    model: Model = "pinhole"

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.values.size)

    @property
    def f_px(self) -> float:
        """Mean focal length."""
        return float(self.values[:2].mean())

    @property
    def distortion(self) -> Array:
        """(n,) coefficients."""
        return np.asarray(self.values[CORE:])

    @property
    def K(self) -> Array:
        """(3, 3) pixels."""
        fx, fy, cx, cy = self.values[:CORE]
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])

    def __add__(self, step: Array) -> Lens:
        """The lens with its parameters moved by ``step`` (4 + n,)."""
        return Lens(self.values + step, self.model)

    @cached_property
    def widest(self) -> float:
        """Tangent of the largest angle from the axis up to which no two directions share a pixel.

        By the radial terms alone: tangential ones move a pixel by a thousandth of the picture.
        """
        low, high = 0.0, float(np.radians(WIDEST_DEG))
        for _ in range(3):
            theta = np.linspace(low, high, 200)
            back = ~(self._grows(theta) > 0)
            if not back.any():
                break
            first = max(int(back.argmax()), 1)
            low, high = float(theta[first - 1]), float(theta[first])
        else:
            high = low
        return float(np.tan(high))

    def _grows(self, theta: Array) -> Array:
        """(N,) above 0 where a larger angle θ is drawn further out; by the radial terms."""
        d = self.distortion
        if self.model == "equidistant":
            return np.asarray(_powers(theta * theta, [1, 3 * d[0], 5 * d[1], 7 * d[2], 9 * d[3]]))
        s = np.tan(theta) ** 2
        n = [1, d[0], d[1], d[4] if d.size > 4 else 0.0]
        m = [1, *d[5:8]] if d.size > 5 else [1.0, 0, 0, 0]
        num, den = _powers(s, n), _powers(s, m)
        d_num, d_den = (_powers(s, [c[1], 2 * c[2], 3 * c[3]]) for c in (n, m))
        # of d(r · num/den)/dr, r = tan θ; the sign of den, which may not change either
        return np.minimum(num * den + 2 * s * (d_num * den - num * d_den), den)

    @property
    def _formula(self) -> bool:
        """Whether :func:`project_with_jacobian` knows it, which takes a tenth of OpenCV's time."""
        return self.distortion.size <= 8

    def project(self, P_C: Array) -> Array:
        """(N, 3) metres in C → (N, 2) pixels; NaN behind the camera and beyond :attr:`widest`."""
        uv = np.full((len(P_C), 2), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            xy = P_C[:, :2] / P_C[:, 2:]
            seen = (P_C[:, 2] > 1e-9) & (np.hypot(xy[:, 0], xy[:, 1]) <= self.widest)
        if not seen.any():
            return uv
        if self._formula:
            uv[seen] = project_with_jacobian(P_C[seen], self, jacobian=False)[0]
        else:
            zero = np.zeros(3)
            p, _ = cv2.projectPoints(P_C[seen][:, None], zero, zero, self.K, self.distortion)
            uv[seen] = p.reshape(-1, 2)
        return uv

    def pixels_by_xy(self, xy: Array) -> Array:
        """(N, 2) normalised coordinates → (N, 2, 2) derivative of their pixels by them."""
        slope = np.full((len(xy), 2, 2), np.nan)
        known = np.isfinite(xy).all(1)
        if known.any():
            P_C = np.concatenate([xy[known], np.ones((known.sum(), 1))], 1)
            if self._formula:
                slope[known] = project_with_jacobian(P_C, self)[2][:, :, :2]
            else:
                zero = np.zeros(3)
                _, J = cv2.projectPoints(P_C[:, None], zero, zero, self.K, self.distortion)
                slope[known] = J.reshape(-1, 2, J.shape[1])[:, :, 3:5]  # by t_x, t_y at z = 1
        return slope

    def undistort(self, uv_px: Array) -> Array:
        """(N, 2) pixels → (N, 2) x/z, y/z; NaN where no direction up to :attr:`widest` is met."""
        uv = np.ascontiguousarray(uv_px, np.float64)
        out = np.full(uv.shape, np.nan)
        known = np.isfinite(uv).all(1)
        if known.any():
            fisheye = self.model == "equidistant"
            out[known] = (self._undistort_equidistant if fisheye else self._undistort_pinhole)(
                uv[known]
            )
        return out

    def _undistort_pinhole(self, uv: Array) -> Array:
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
        xy = np.asarray(
            cv2.undistortPoints(
                uv.reshape(-1, 1, 2), self.K, self.distortion, None, None, None, criteria
            ),
            np.float64,
        ).reshape(-1, 2)
        if not self.distortion.any():
            return xy
        off = self._off_px(xy, uv)
        again = off > REFINED_PX
        if again.any() and self._formula:
            xy[again] = self._newton(uv[again])
            off[again] = self._off_px(xy[again], uv[again])
        xy[off > ROUND_TRIP_PX] = np.nan
        return xy

    def _off_px(self, xy: Array, uv_px: Array) -> Array:
        """(N,) how far pixels of xy are from those that they should be; infinite where none is."""
        back = self.project(np.concatenate([xy, np.ones((len(xy), 1))], 1))
        off = np.linalg.norm(back - uv_px, axis=1)
        return np.asarray(np.where(np.isfinite(off), off, np.inf))

    def _undistort_equidistant(self, uv: Array) -> Array:
        xd = (uv - self.values[2:4]) / self.values[:2]
        bent = np.hypot(xd[:, 0], xd[:, 1])
        theta = _inverse_increasing(bent, [1.0, *self.distortion], float(np.arctan(self.widest)))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(bent > 1e-12, np.tan(theta) / bent, 1.0)
        return np.asarray(xd * scale[:, None])

    def _newton(self, uv: Array) -> Array:
        """(N, 2) by Newton's method in the plane, in short steps, up to :attr:`widest`."""
        end = np.full(len(uv), self.widest)
        xy = _shortened((uv - self.values[2:4]) / self.values[:2], 0.7 * end)
        for _ in range(STEPS):
            P = np.concatenate([xy, np.ones((len(xy), 1))], 1)
            at, _, J = project_with_jacobian(P, self)
            A = J[..., :2]
            A[np.linalg.det(A) == 0] = np.diag([np.inf, np.inf])  # at a turn there is no step
            step = np.nan_to_num(np.linalg.solve(A, (uv - at)[..., None])[..., 0])
            step = _shortened(step, 0.25 * np.maximum(np.hypot(*xy.T), 0.2))
            xy = _shortened(xy + step, end)
            if np.abs(step).max(initial=0.0) < 1e-12:
                break
        return xy


def _shortened(vectors: Array, longest: Array) -> Array:
    """(N, 2) no longer than (N,)."""
    size = np.maximum(np.hypot(*vectors.T), 1e-300)
    return np.asarray(vectors * np.minimum(1.0, longest / size)[:, None])


def _powers(s: Array, coefficients: Sequence[float]) -> Array:
    """c0 + c1 s + c2 s² …"""
    out = np.zeros_like(s)
    for c in reversed(coefficients):
        out = out * s + c
    return out


def _inverse_increasing(value: Array, coefficients: Sequence[float], end: float) -> Array:
    """(N,) the θ in 0 … end with θ (c0 + c1 θ² + c2 θ⁴ …) = value; NaN beyond what end gives.

    The odd polynomial increases up to ``end``: Newton's method inside a bracket cannot leave it.
    """
    slope = [c * (2 * i + 1) for i, c in enumerate(coefficients)]
    low, high = np.zeros_like(value), np.full_like(value, end)
    theta = np.clip(value, 0.0, end)
    for _ in range(STEPS):
        t2 = theta * theta
        off = theta * _powers(t2, coefficients) - value
        low, high = np.where(off < 0, theta, low), np.where(off >= 0, theta, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = theta - off / _powers(t2, slope)
        inside = (step > low) & (step < high)
        new = np.where(inside, step, (low + high) / 2)
        done = np.abs(new - theta).max(initial=0.0) < 1e-14
        theta = new
        if done:
            break
    furthest = end * float(_powers(np.array(end * end), coefficients))
    return np.where(value <= furthest, theta, np.nan)


def project_with_jacobian(
    P_C: Array, lens: Lens, *, jacobian: bool = True
) -> tuple[Array, Array, Array]:
    """Project points and differentiate.

    Parameters
    ----------
    P_C : (M, 3) metres in the camera, z > 0.
    lens : of 4, 5 or 8 distortion coefficients.

    Returns
    -------
    uv : (M, 2) pixels, of the formula: also where it has turned back (:attr:`Lens.widest`).
    d_lens : (M, 2, 4 + n) ∂uv/∂lens.
    d_P : (M, 2, 3) ∂uv/∂P_C.
    """
    fx, fy, cx, cy = lens.values[:CORE]
    d = lens.distortion
    iz = 1.0 / P_C[:, 2]
    x, y = P_C[:, 0] * iz, P_C[:, 1] * iz
    xx, yy, xy = x * x, y * y, x * y
    r2 = xx + yy
    # how far each coefficient pushes outwards: ∂radial/∂k, (M, …) by column
    if lens.model == "equidistant":
        radial, d_radial, by_k = _equidistant(r2, d)
        p1 = p2 = 0.0
        radial_columns = [4, 5, 6, 7]
    else:
        radial, d_radial, by_k = _rational(r2, d)
        p1, p2 = d[2], d[3]
        radial_columns = [4, 5, 8, 9, 10, 11][: len(by_k)]
    xd = x * radial + 2 * p1 * xy + p2 * (r2 + 2 * xx)
    yd = y * radial + p1 * (r2 + 2 * yy) + 2 * p2 * xy
    uv = np.stack([fx * xd + cx, fy * yd + cy], -1)
    if not jacobian:
        return uv, np.empty((0, 2, lens.size)), np.empty((0, 2, 3))

    M = len(P_C)
    J = np.zeros((M, 2, lens.size))
    J[:, 0, 0], J[:, 1, 1] = xd, yd
    J[:, 0, 2] = J[:, 1, 3] = 1.0
    fxx, fyy = fx * x, fy * y
    for column, by in zip(radial_columns, by_k, strict=True):
        J[:, 0, column], J[:, 1, column] = fxx * by, fyy * by
    if lens.model == "pinhole":
        J[:, 0, 6], J[:, 1, 6] = 2 * fx * xy, fy * (r2 + 2 * yy)
        J[:, 0, 7], J[:, 1, 7] = fx * (r2 + 2 * xx), 2 * fy * xy

    # ∂(xd, yd)/∂(x, y), then the chain rule through x = X/Z, y = Y/Z
    a = radial + 2 * xx * d_radial + 2 * p1 * y + 6 * p2 * x
    b = 2 * xy * d_radial + 2 * p1 * x + 2 * p2 * y
    c = radial + 2 * yy * d_radial + 6 * p1 * y + 2 * p2 * x
    Q = np.empty((M, 2, 3))
    Q[:, 0, 0], Q[:, 0, 1] = fx * a * iz, fx * b * iz
    Q[:, 1, 0], Q[:, 1, 1] = fy * b * iz, fy * c * iz
    Q[:, 0, 2] = -fx * (a * x + b * y) * iz
    Q[:, 1, 2] = -fy * (b * x + c * y) * iz
    return uv, J, Q


def _rational(r2: Array, d: Array) -> tuple[Array, Array, list[Array]]:
    """OpenCV's radial factor, its derivative by r², and by k1 k2 [k3 [k4 k5 k6]]."""
    k3 = d[4] if d.size > 4 else 0.0
    r4 = r2 * r2
    radial = 1 + r2 * (d[0] + r2 * (d[1] + r2 * k3))
    d_radial = d[0] + r2 * (2 * d[1] + 3 * r2 * k3)
    by_k = [r2, r4]
    if d.size > 4:
        by_k.append(r4 * r2)
    if d.size == 8:
        k4, k5, k6 = d[5:8]
        i_den = 1.0 / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        radial = radial * i_den
        d_radial = (d_radial - radial * (k4 + r2 * (2 * k5 + 3 * r2 * k6))) * i_den
        by_k = [by * i_den for by in by_k]
        by_k += [-radial * by for by in by_k]
    return radial, d_radial, by_k


def _equidistant(r2: Array, d: Array) -> tuple[Array, Array, list[Array]]:
    """θ_d / r with r = tan θ, its derivative by r², and by k1 … k4."""
    r = np.sqrt(r2)
    near = r < 1e-4
    theta = np.arctan(r)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(near, 1 - r2 / 3, theta / r)  # θ / r
    t2 = theta * theta
    k1, k2, k3, k4 = d
    grows = 1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))
    d_bent = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + 9 * t2 * k4)))  # ∂θ_d/∂θ
    radial = ratio * grows
    with np.errstate(divide="ignore", invalid="ignore"):
        d_radial = np.where(near, k1 - 1 / 3, (d_bent / (1 + r2) - radial) / (2 * r2))
    return radial, d_radial, [ratio * t2 ** (i + 1) for i in range(4)]


def mirrored_signs(lens: Lens) -> Array:
    """(4 + n,) −1 for what turns over with a mirrored picture: the middle's u, and p2."""
    signs = np.ones(lens.size)
    signs[2] = -1
    if lens.model == "pinhole":
        signs[7] = -1
    return signs


def mirrored(lens: Lens, width_px: int) -> Lens:
    """The lens of its pictures turned over."""
    values = lens.values * mirrored_signs(lens)
    values[2] += width_px - 1
    return Lens(values, lens.model)


def as_model(lens: Lens, n_distortion: int, model: Model, size_px: tuple[int, int]) -> Lens:
    """The lens that is nearest to ``lens`` in another model: a start, no more.

    Within one model coefficients are cut or padded; otherwise the radial curve is fitted over the
    picture.
    """
    if model == lens.model:
        out = np.zeros(CORE + n_distortion)
        k = min(out.size, lens.size)
        out[:k] = lens.values[:k]
        return Lens(out, model)
    w, h = size_px
    corners = np.array([[0, 0], [w - 1, 0], [0, h - 1], [w - 1, h - 1.0]])
    known = np.hypot(*lens.undistort(corners).T)
    ends = min(float(np.nanmax(known, initial=0.1)), 4.0)
    r = np.linspace(0.02, 1, 40) * ends
    bent = r * (_equidistant(r * r, lens.distortion)[0] if lens.model == "equidistant"
                else _rational(r * r, lens.distortion)[0])  # fmt: skip
    kept: NDArray[np.bool_] = r < lens.widest
    x = np.arctan(r[kept]) if model == "equidistant" else r[kept]
    powers = 4 if model == "equidistant" else 2
    A = np.stack([x ** (2 * i + 3) for i in range(powers)], -1)
    k = np.linalg.lstsq(A, bent[kept] - x, rcond=None)[0]
    out = np.zeros(CORE + n_distortion)
    out[:CORE] = lens.values[:CORE]
    out[CORE : CORE + powers] = k
    return Lens(out, model)
