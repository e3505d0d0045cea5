"""A bundle problem from corners, its robust solve and how far views and corners are off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.lens import CORE, Lens
from calibration.solve import bundle
from calibration.transform import Array

#: A Rayleigh variable's rms over its median.
MEDIAN_TO_RMS = 2**0.5 / 1.1774

#: The loss is quadratic up to about this many σ and linear beyond.
LOSS_SIGMAS = 1.5


def build(
    boards: Sequence[Array],
    views: Sequence[tuple[Array | None, Array | None, int]],
    *,
    weights: Sequence[tuple[Array | None, Array | None]] | None = None,
) -> bundle.Problem:
    """A problem from (left corners, right corners, board number) per view, NaN = missing."""
    N = max(len(b) for b in boards)
    points = np.zeros((len(boards), N, 3))
    for i, b in enumerate(boards):
        points[i, : len(b)] = b
    cameras = []
    for camera in (0, 1):
        rows, which, uvs, ws = [], [], [], []
        for i, view in enumerate(views):
            uv = view[0] if camera == 0 else view[1]
            if uv is None:
                continue
            full = np.full((N, 2), np.nan)
            full[: len(uv)] = uv
            w = np.isfinite(full).all(1).astype(np.float64)
            given = None if weights is None else weights[i][camera]  # per corner
            if given is not None:
                w[: len(given)] *= given
            rows.append(i)
            which.append(view[2])
            uvs.append(np.nan_to_num(full))
            ws.append(w)
        cameras.append(
            bundle.Observations(
                np.array(rows, np.intp), np.array(which, np.intp),
                np.array(uvs).reshape(-1, N, 2), np.array(ws).reshape(-1, N),
            )
        )  # fmt: skip
    return bundle.Problem(points, (cameras[0], cameras[1]), len(views))


def robust_sigma(solution: bundle.Solution, problem: bundle.Problem, camera: int) -> float:
    """Noise of one coordinate of one camera by the median of |r| (a Rayleigh's is 1.1774 σ)."""
    seen = problem.cameras[camera].weight > 0
    r = np.linalg.norm(solution.residuals[camera], axis=-1)[seen]
    return float(np.median(r) / 1.1774) if r.size else 0.0


def robust_solve(problem: bundle.Problem, state: bundle.State, with_warp: bool) -> bundle.Solution:
    """Robust loss with a scale that shrinks to the noise."""
    end = bundle.solve(
        problem, state, with_warp=with_warp, robust_px=2.0, max_iterations=100, tolerance=1e-5
    )
    sigma = max(robust_sigma(end, problem, 0), robust_sigma(end, problem, 1), 1e-4)
    return bundle.solve(
        problem, end.state, with_warp=with_warp, robust_px=LOSS_SIGMAS * sigma, max_iterations=200,
        tolerance=1e-8,
    )  # fmt: skip


def view_rms(problem: bundle.Problem, solution: bundle.Solution, *, typical: bool = False) -> Array:
    """(V, 2) rms per point of each view in each camera, NaN where it was not seen.

    typical : from the median corner, so that a few wrong corners do not make a wrong view.
    """
    out = np.full((problem.n_views, 2), np.nan)
    for c in (0, 1):
        o = problem.cameras[c]
        seen = (o.weight > 0).any(1)
        size = np.where(o.weight > 0, np.linalg.norm(solution.residuals[c], axis=-1), np.nan)[seen]
        rms = np.nanmedian(size, 1) * MEDIAN_TO_RMS if typical else np.sqrt(np.nanmean(size**2, 1))
        out[o.view[seen], c] = rms
    return out


def possible(lens: Lens, size_px: tuple[int, int]) -> bool:
    """Whether a lens can be one: a focal length and a principal point of the picture's order."""
    w, h = size_px
    longest = max(w, h)
    fx, fy, cx, cy = lens.values[:CORE]
    return bool(
        np.isfinite(lens.values).all()
        and 0.1 * longest < min(fx, fy)
        and max(fx, fy) < 100 * longest
        and -w < cx < 2 * w
        and -h < cy < 2 * h
    )
