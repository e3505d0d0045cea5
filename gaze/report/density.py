"""Where points lie, as a density: every point a normal of its own covariance. Pure functions.

378 000 points on a grid cost minutes as a plain sum. Points of one student have similar
covariances, so they are put into classes of nearly equal covariance, each class spread on a grid
(linear binning), and all classes are summed in the Fourier domain, where a normal's transform is
known exactly. Tests compare with the plain sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from calibration.shapes import shapes
from calibration.transform import Array

MIN_SIGMA_M = 0.01  # what is sharper is drawn as this
# Classes of standard deviation (as a share) and of correlation: (many points, few). Errors of the
# points in a class are of both signs, so many points forgive wider classes.
_LOG_STEP = (0.15, 0.06)
_RHO_STEP = (0.12, 0.06)
_MANY = 4000
_FEW = 400  # so few points are summed one by one: that is quicker
# Points as wide as the grid, or needles, would ask for a padded field of any size (57 km where a
# head points along the board): they are put on the grid itself, one by one.
_NEEDLE = 20.0  # long over narrow axis
_BLOCK_CELLS = 4_000_000  # grid cells at once


@dataclass(frozen=True)
class Grid:
    """Cells on the blackboard plane; centres ``x_m`` (ascending x_W, so from right to left as the
    class sees it) and ``y_m`` (ascending y_W, down), square cells of ``cell_m``."""

    x_m: Array
    y_m: Array
    cell_m: float

    @classmethod
    def around(
        cls, width_m: float, height_m: float, *, margin_m: float = 0.5, cell_m: float = 0.05
    ) -> Grid:
        """A grid over the blackboard and a margin; the upper right corner lies on cell edges."""

        def centres(length: float) -> Array:
            before = int(np.ceil(margin_m / cell_m))
            after = int(np.ceil((length + margin_m) / cell_m))
            return np.asarray((np.arange(-before, after) + 0.5) * cell_m, np.float64)

        return cls(centres(width_m), centres(height_m), cell_m)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.y_m), len(self.x_m)

    @property
    def extent_m(self) -> tuple[float, float, float, float]:
        """Outer edges: x from, x to, y from, y to."""
        h = self.cell_m / 2
        return self.x_m[0] - h, self.x_m[-1] + h, self.y_m[0] - h, self.y_m[-1] + h


def _floored(cov: Array) -> Array:
    """Covariances (N, 3) xx, xy, yy with standard deviations of at least MIN_SIGMA_M."""
    c = np.array(cov, np.float64)
    c[:, 0] = np.maximum(c[:, 0], MIN_SIGMA_M**2)
    c[:, 2] = np.maximum(c[:, 2], MIN_SIGMA_M**2)
    limit = 0.98 * np.sqrt(c[:, 0] * c[:, 2])
    c[:, 1] = np.clip(c[:, 1], -limit, limit)
    return c


def _sum_exact(xy_m: Array, cov_m2: Array, grid: Grid) -> Array:
    """The sum (not the mean) of normals at the cells' centres: (ny, nx) in 1/m²."""
    out = np.zeros(grid.shape)
    block = max(1, _BLOCK_CELLS // out.size)
    for first in range(0, len(xy_m), block):
        x, y = xy_m[first : first + block].T[:, :, None, None]
        xx, xy, yy = cov_m2[first : first + block].T[:, :, None, None]
        det = xx * yy - xy * xy
        dx, dy = grid.x_m[None, None, :] - x, grid.y_m[None, :, None] - y
        q = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / det
        out += (np.exp(-0.5 * q) / (2 * np.pi * np.sqrt(det))).sum(0)
    return out


@shapes(xy_m="n 2", cov_m2="n 3")
def density(xy_m: Array, cov_m2: Array, grid: Grid) -> Array:
    """The mean of the points' normals at the cells' centres, in milliseconds.

    xy_m : (N, 2). cov_m2 : (N, 3) as xx, xy, yy in m².
    Returns (ny, nx) in 1/m²; its integral over the whole plane is 1, over the grid the share of the
    points (spread by their σ) that falls there. Within 2 % of the plain sum's maximum (tested).
    """
    n = len(xy_m)
    out = np.zeros(grid.shape)
    if not n:
        return out
    xy = np.asarray(xy_m, np.float64)
    cov = _floored(cov_m2)
    if n <= _FEW:
        return _sum_exact(xy, cov, grid) / n
    sx, sy = np.sqrt(cov[:, 0]), np.sqrt(cov[:, 2])
    rho = cov[:, 1] / (sx * sy)
    # the narrow axis of the ellipse decides how fine the calculation's cells must be
    half, root = (cov[:, 0] + cov[:, 2]) / 2, np.hypot((cov[:, 0] - cov[:, 2]) / 2, cov[:, 1])
    narrow = np.sqrt(np.maximum(half - root, MIN_SIGMA_M**2 / 4))
    level = np.clip(np.floor(np.log2(narrow / (2 * grid.cell_m))), -5, 4).astype(int)
    x0, x1, y0, y1 = grid.extent_m
    long = np.maximum(sx, sy)
    wide = (long > max(x1 - x0, y1 - y0) / 2) | (long > _NEEDLE * narrow)
    out += _sum_exact(xy[wide], cov[wide], grid)
    for k in np.unique(level[~wide]):
        chosen = (level == k) & ~wide
        cell = grid.cell_m * 2.0**k
        out += _level(xy[chosen], cov[chosen], sx[chosen], sy[chosen], rho[chosen], grid, cell)
    return out / n


def _level(
    xy: Array, cov: Array, sx: Array, sy: Array, rho: Array, grid: Grid, cell: float
) -> Array:
    """The sum (not the mean) over points that share one cell size."""
    x0, x1, y0, y1 = grid.extent_m
    pad_x, pad_y = 4 * float(sx.max()), 4 * float(sy.max())
    near = (
        (xy[:, 0] > x0 - pad_x) & (xy[:, 0] < x1 + pad_x)
        & (xy[:, 1] > y0 - pad_y) & (xy[:, 1] < y1 + pad_y)
    )  # fmt: skip
    if not near.any():
        return np.zeros(grid.shape)
    xy, cov, sx, sy, rho = xy[near], cov[near], sx[near], sy[near], rho[near]
    nx = fft.next_fast_len(int(np.ceil((x1 - x0 + 2 * pad_x) / cell)) + 4, real=True)
    ny = fft.next_fast_len(int(np.ceil((y1 - y0 + 2 * pad_y) / cell)) + 4, real=True)
    left, top = x0 - pad_x - cell, y0 - pad_y - cell
    few = int(len(xy) < _MANY)
    key = np.stack(
        [
            np.floor(np.log(sx) / _LOG_STEP[few]),
            np.floor(np.log(sy) / _LOG_STEP[few]),
            np.floor(rho / _RHO_STEP[few] + 0.5),
        ],
        1,
    ).astype(np.int64)
    _, first, classes, counts = np.unique(
        key, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    classes = classes.ravel()
    mean = np.stack(
        [np.bincount(classes, cov[:, c], minlength=len(first)) / counts for c in range(3)], 1
    )
    # linear binning: each point to its four cell centres; that adds f (1 − f) cell² to its variance
    fx, fy = (xy[:, 0] - left) / cell - 0.5, (xy[:, 1] - top) / cell - 0.5
    ix, iy = np.floor(fx).astype(np.int64), np.floor(fy).astype(np.int64)
    fx, fy = fx - ix, fy - iy
    wx = (2 * np.pi * fft.rfftfreq(nx, cell)).astype(np.float32)
    wy = (2 * np.pi * fft.fftfreq(ny, cell)).astype(np.float32)
    total = np.zeros((ny, len(wx)), np.complex64)  # seven digits are more than the classes give
    order = np.argsort(classes, kind="stable")
    ends = np.cumsum(counts)
    for c, (end, count) in enumerate(zip(ends, counts, strict=True)):
        rows = order[end - count : end]
        flat = iy[rows] * nx + ix[rows]
        spread = np.zeros(ny * nx)
        for dy in (0, 1):
            for dx in (0, 1):
                weight = np.abs(1 - dx - fx[rows]) * np.abs(1 - dy - fy[rows])
                spread += np.bincount(flat + dy * nx + dx, weight, minlength=ny * nx)
        xx, cross, yy = mean[c]
        xx -= cell**2 * float((fx[rows] * (1 - fx[rows])).mean())
        yy -= cell**2 * float((fy[rows] * (1 - fy[rows])).mean())
        # exp(-½ (xx wx² + 2 xy wx wy + yy wy²)): the normal's own transform
        power = np.float32(0.5 * yy) * (wy**2)[:, None] + np.float32(0.5 * xx) * (wx**2)[None, :]
        power += np.multiply.outer(np.float32(cross) * wy, wx)
        kernel = np.exp(-np.maximum(power, 0.0))
        total += fft.rfft2(spread.reshape(ny, nx).astype(np.float32)) * kernel
    field = fft.irfft2(total, s=(ny, nx)) / cell**2
    ys, xs = (grid.y_m - top) / cell - 0.5, (grid.x_m - left) / cell - 0.5
    at = np.meshgrid(ys, xs, indexing="ij")
    smooth = ndimage.map_coordinates(field, at, order=3, mode="nearest")
    return np.asarray(np.maximum(smooth, 0.0), np.float64)


@shapes(maps="s y x")
def class_density(maps: NDArray[np.float64]) -> Array:
    """The class map: the plain mean of the students' maps (S, ny, nx), so each weighs the same."""
    return maps.mean(0) if len(maps) else np.zeros(maps.shape[1:])
