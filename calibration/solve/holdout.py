"""Hold-out: what a calibration gets wrong on views that it has not seen.

Defined as in docs/calibration-method.md: cameras and relative pose are fitted on the other views;
for each held-out view the board's pose is solved from its own *left* corners, carried over to the
right camera, and the error is measured in the *right* picture. No parameter of the right camera and
of the relative pose has seen that view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.solve import bundle
from calibration.transform import Array


@dataclass(frozen=True)
class HoldOut:
    """Errors on unseen views.

    Parameters
    ----------
    left_to_right_px : rms per point, board pose from the left corners, error in the right picture.
    both_px : rms over both directions: what models are chosen by.
    expected_px : what ``left_to_right_px`` would be if the cameras were exact and only the corners
        of the held-out view were noisy: a distant or small board is badly posed by one camera.
    per_view_px : {view: rms left → right}.
    folds : how many.
    """

    left_to_right_px: float
    both_px: float
    expected_px: float
    per_view_px: dict[int, float]
    folds: int


def folds_of(n: int, k: int, seed: int = 0) -> list[Array]:
    """k disjoint sets of view numbers, drawn once (the same for every model)."""
    k = min(k, n)
    order = np.random.default_rng(seed).permutation(n)
    return [np.sort(order[i::k]) for i in range(k)]


def subset(problem: bundle.Problem, keep: bundle.BoolArray) -> bundle.Problem:
    """The problem with only some views."""
    number = np.cumsum(keep) - 1
    left, right = (
        bundle.Observations(number[o.view[k]], o.board[k], o.uv_px[k], o.weight[k])
        for o in problem.cameras
        for k in [keep[o.view]]
    )
    return bundle.Problem(problem.boards, (left, right), int(keep.sum()))


def transfer(
    problem: bundle.Problem, state: bundle.State, source: int
) -> tuple[Array, Array, bundle.IntArray, Array]:
    """Errors in the other picture, board poses from the ``source`` camera's corners alone.

    Every view of the problem must have been seen by both cameras.
    Returns (O, N, 2) residuals, (O, N) their expected square for corners with unit noise and exact
    cameras, (O,) views, (O, N) weights.
    """
    seen, other = problem.cameras[source], problem.cameras[1 - source]
    none = bundle.Observations(
        np.zeros(0, np.intp), np.zeros(0, np.intp), seen.uv_px[:0], seen.weight[:0]
    )
    only = replace(problem, cameras=(seen, none) if source == 0 else (none, seen))
    fixed = np.zeros(state.n_globals, bool)
    posed = bundle.solve(only, state, free=fixed, max_iterations=30, tolerance=1e-8)
    lin = bundle.linearise(problem, posed.state, 1 - source, with_warp=False)
    own = bundle.linearise(problem, posed.state, source, with_warp=False)
    J = (own.J_view * (seen.weight > 0)[..., None, None]).reshape(len(seen.view), -1, 6)
    H = np.zeros((problem.n_views, 6, 6))
    H[seen.view] = np.swapaxes(J, -1, -2) @ J
    H += 1e-12 * np.eye(6) * np.trace(H, axis1=1, axis2=2)[:, None, None]
    H[np.trace(H, axis1=1, axis2=2) == 0] = np.eye(6)  # a view without a corner that counts
    C = np.linalg.pinv(np.nan_to_num(H), hermitian=True)[other.view]
    expected = 2.0 + np.einsum("onci,oij,oncj->on", lin.J_view, C, lin.J_view, optimize=True)
    return lin.residual, expected, other.view, other.weight


def hold_out(
    problem: bundle.Problem,
    start: bundle.State,
    shared: bundle.IntArray,
    *,
    with_warp: bool,
    sigma_px: float,
    k: int = 5,
    robust_px: float | None = None,
) -> HoldOut:
    """k-fold hold-out over the shared views; views of one camera alone always take part in the fit.

    start : the solution on all views. The fits are run to convergence from it: the end of a
    converged least-squares solve does not depend on where it began.
    """
    sums = np.zeros(5)
    per_view: dict[int, float] = {}
    folds = folds_of(len(shared), k)
    for fold in folds:
        out = shared[fold]
        keep = np.ones(problem.n_views, bool)
        keep[out] = False
        fit = bundle.solve(
            subset(problem, keep), start.posed(start.R_view[keep], start.t_view[keep]),
            with_warp=with_warp,
            robust_px=robust_px, max_iterations=40, tolerance=1e-6,
        ).state  # fmt: skip
        full, held = fit.posed(start.R_view[~keep], start.t_view[~keep]), subset(problem, ~keep)
        for source in (0, 1):
            e, unit, view, w = transfer(held, full, source)
            square = (e**2).sum(-1) * (w > 0)
            sums[2 * source] += square.sum()
            sums[2 * source + 1] += (w > 0).sum()
            if source == 0:
                sums[4] += (unit * (w > 0)).sum()
                for row, v in enumerate(view):
                    n = max(int((w[row] > 0).sum()), 1)
                    per_view[int(out[v])] = float(np.sqrt(square[row].sum() / n))
    return HoldOut(
        float(np.sqrt(sums[0] / max(sums[1], 1))),
        float(np.sqrt((sums[0] + sums[2]) / max(sums[1] + sums[3], 1))),
        float(sigma_px * np.sqrt(sums[4] / max(sums[1], 1))),
        per_view,
        len(folds),
    )
