"""Areas of the board, and the probability that a point with a covariance lies in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from calibration.transform import Array
from gaze.measures.states import MeasureError, Problem
from sessions.config import Area, Blackboard


def default_areas(board: Blackboard) -> tuple[Area, ...]:
    """Thirds of the board, left to right as the class sees them (so x_W falls)."""
    w, h = board.width_m, board.height_m
    names = ("left third", "middle third", "right third")
    return tuple(
        Area(name=n, x_m=(w * (2 - i) / 3, w * (3 - i) / 3), y_m=(0.0, h))
        for i, n in enumerate(names)
    )


def check_areas(
    areas: Sequence[Area] | None, board: Blackboard
) -> tuple[tuple[Area, ...], list[Problem]]:
    """Areas as measures use them: the defaults where none are given, cut at the board's edge, in
    order from left to right as the class sees them (of two that overlap the first one wins).

    Returns the areas and what is to be said of them: those cut, and pairs that overlap (their
    shares then do not add up to the board's).

    Raises
    ------
    MeasureError : an area that lies wholly outside the board.
    """
    if not areas:
        return default_areas(board), []
    problems: list[Problem] = []
    kept: list[Area] = []
    for a in areas:
        x = (max(0.0, a.x_m[0]), min(board.width_m, a.x_m[1]))
        y = (max(0.0, a.y_m[0]), min(board.height_m, a.y_m[1]))
        if x[0] >= x[1] or y[0] >= y[1]:
            raise MeasureError(
                f"the area `{a.name}` lies outside the blackboard",
                where="areas",
                found=f"x_m {list(a.x_m)}, y_m {list(a.y_m)}",
                expected=f"within x 0..{board.width_m:g}, y 0..{board.height_m:g}",
                remedy="x_m is measured leftwards from the board's upper RIGHT corner, y_m down.",
            )
        if (x, y) != (a.x_m, a.y_m):
            problems.append(("problem_area_cut", {"area": a.name}))
        kept.append(Area(name=a.name, x_m=x, y_m=y))
    kept.sort(key=lambda a: (-sum(a.x_m), sum(a.y_m)))
    for i, a in enumerate(kept):
        for b in kept[i + 1 :]:
            dx = min(a.x_m[1], b.x_m[1]) - max(a.x_m[0], b.x_m[0])
            dy = min(a.y_m[1], b.y_m[1]) - max(a.y_m[0], b.y_m[0])
            if dx > 1e-9 and dy > 1e-9:
                problems.append(("problem_area_overlap", {"a": a.name, "b": b.name}))
    return tuple(kept), problems


def covered(areas: Sequence[Area], board: Blackboard) -> bool:
    """Whether the areas' union is the whole board (to a millimetre), on the grid of their edges."""
    xs = np.unique([0, board.width_m, *(e for a in areas for e in a.x_m)])
    ys = np.unique([0, board.height_m, *(e for a in areas for e in a.y_m)])
    cx, cy = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    cells = np.diff(xs)[None, :] * np.diff(ys)[:, None]
    inside = np.zeros(cells.shape, bool)
    for a in areas:
        inside |= ((cx > a.x_m[0]) & (cx < a.x_m[1]))[None, :] & (
            (cy > a.y_m[0]) & (cy < a.y_m[1])
        )[:, None]
    return bool(cells[~inside].sum() < 1e-3 * board.height_m)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def _corner_term(h: Array, k: Array, rho: Array) -> Array:
    """What the correlation adds to Φ(h)Φ(k): ∫₀^asin ρ exp(−(h²+k²−2hk sin θ)/2cos²θ) dθ / 2π.

    Drezner & Wesolowsky (1990), by Gauss-Legendre quadrature; zero at infinite corners.
    """
    finite = np.isfinite(h) & np.isfinite(k)
    h, k = np.where(finite, h, 0.0), np.where(finite, k, 0.0)
    top = np.arcsin(rho)
    total = np.zeros(np.broadcast_shapes(h.shape, k.shape, rho.shape))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        s = np.sin(top * (node + 1) / 2)
        total += weight * np.exp(-(h * h + k * k - 2 * h * k * s) / (2 * (1 - s * s)))
    return np.where(finite, total * top / (4 * np.pi), 0.0)


def rectangle_probability(
    xy_m: ArrayLike, cov_m2: ArrayLike, x_m: tuple[float, float], y_m: tuple[float, float]
) -> Array:
    """Probability that a point lies in a rectangle; ends may be ±inf.

    xy_m : (N, 2) means. cov_m2 : (N, 3) xx, xy, yy in m². Returns (N,), within 1e-6 of the exact
    bivariate normal for |ρ| ≤ 0.8 (tested against scipy).
    """
    xy, c = np.asarray(xy_m, np.float64), np.asarray(cov_m2, np.float64)
    sx, sy = np.sqrt(c[:, 0]), np.sqrt(c[:, 2])
    rho = np.clip(c[:, 1] / (sx * sy), -0.999, 0.999)
    h0, h1 = (x_m[0] - xy[:, 0]) / sx, (x_m[1] - xy[:, 0]) / sx
    k0, k1 = (y_m[0] - xy[:, 1]) / sy, (y_m[1] - xy[:, 1]) / sy
    p = np.asarray((ndtr(h1) - ndtr(h0)) * (ndtr(k1) - ndtr(k0)))
    tilted = np.abs(rho) > 1e-4
    if tilted.any():
        r = rho[tilted]
        a0, a1, b0, b1 = h0[tilted], h1[tilted], k0[tilted], k1[tilted]
        p[tilted] += (
            _corner_term(a1, b1, r) - _corner_term(a0, b1, r)
            - _corner_term(a1, b0, r) + _corner_term(a0, b0, r)
        )  # fmt: skip
    return np.asarray(np.clip(p, 0.0, 1.0))
