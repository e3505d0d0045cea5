"""A density as the plain sum of normals, to compare with."""

from __future__ import annotations

import numpy as np

from calibration.transform import Array
from gaze.report.density import Grid, _floored, _sum_exact


def density_exact(xy_m: Array, cov_m2: Array, grid: Grid) -> Array:
    """(ny, nx) in 1/m² of points (N, 2) of weight 1/N with covariances (N, 3) xx, xy, yy."""
    return _sum_exact(np.asarray(xy_m, np.float64), _floored(cov_m2), grid) / max(1, len(xy_m))
