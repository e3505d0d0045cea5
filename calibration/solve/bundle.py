"""Bundle adjustment: lenses, the pair's relative pose and all board poses, refined together.

One problem holds both cameras, every view that at least one of them saw, and (optionally) the
parameters of the board's bend. Derivatives are analytic, the board poses are eliminated with the
Schur complement, and the solve runs to convergence (and says so when it did not).

Frames: B the board's detector frame (X along its columns, Y along its rows, Z *into* the print, so
that a board seen from its printed side has X right and Y down), L and R the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from calibration.lens import CORE, Lens, project_with_jacobian
from calibration.transform import Array, rotation_exp

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


#: How many numbers the board's bend is; all of a flat one.
BENDS = 3
FLAT = np.zeros(BENDS)


def warp_basis(points_B: Array) -> Array:
    """(N, 3) how far each board point is lifted by the bend's parameters (metres per metre).

    Parabolas along X and Y that are zero at the board's edge rows (the form mrcal uses), and a
    twist, so that it may be rolled any way: ``z = w_x (1 − x̂²) + w_y (1 − ŷ²) + w_xy x̂ ŷ`` with
    x̂, ŷ in −1 … 1.
    """
    xy = points_B[:, :2]
    low, high = xy.min(0), xy.max(0)
    scaled = (2 * xy - low - high) / np.maximum(high - low, 1e-12)
    out: Array = np.c_[1.0 - scaled**2, scaled.prod(1)]
    return out


# -- the problem -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Observations:
    """Corners of one camera in many views, as rectangular arrays.

    Parameters
    ----------
    view : (O,) which board pose.
    board : (O,) which board (row of ``Problem.boards``).
    uv_px : (O, N, 2) corners; anything where ``weight`` is 0.
    weight : (O, N) 1 for a corner that counts, 0 for one that is missing or rejected.
    """

    view: IntArray
    board: IntArray
    uv_px: Array
    weight: Array


@dataclass(frozen=True)
class Problem:
    """What was seen.

    Parameters
    ----------
    boards : (K, N, 3) points of each board in B, padded with zeros.
    cameras : observations of the left and of the right camera.
    n_views : number of board poses.
    """

    boards: Array
    cameras: tuple[Observations, Observations]
    n_views: int


@dataclass(frozen=True)
class State:
    """All parameters; poses take B to L, whichever camera saw the view. Without: the cameras."""

    lenses: tuple[Lens, Lens]
    R_RL: Array
    t_RL: Array
    R_view: Array = field(default_factory=lambda: np.zeros((0, 3, 3)))
    t_view: Array = field(default_factory=lambda: np.zeros((0, 3)))
    warp: Array = field(default_factory=FLAT.copy)

    @property
    def n_globals(self) -> int:
        """How many numbers lenses and relative pose are; the bend's come after them."""
        return self.lenses[0].size + self.lenses[1].size + 6

    def posed(self, R_view: Array, t_view: Array) -> State:
        """The cameras with these (V, 3, 3), (V, 3) board poses."""
        return replace(self, R_view=R_view, t_view=t_view)

    def moved(self, d_global: Array, d_view: Array, with_warp: bool) -> State:
        """Step: lenses and translations add, rotations become ``R exp(δ)``."""
        n0, n1 = self.lenses[0].size, self.lenses[1].size
        k = n0 + n1
        return State(
            (self.lenses[0] + d_global[:n0], self.lenses[1] + d_global[n0:k]),
            self.R_RL @ rotation_exp(d_global[k : k + 3]),
            self.t_RL + d_global[k + 3 : k + 6],
            self.R_view @ rotation_exp(d_view[:, :3]),
            self.t_view + d_view[:, 3:],
            self.warp + d_global[k + 6 :] if with_warp else self.warp,
        )


def _cross(a: Array, b: Array, out: Array) -> None:
    """out = a × b over the last axis, written in place (np.cross is slow on many small rows)."""
    out[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


@dataclass(frozen=True)
class Linearised:
    """One camera's residuals and derivatives at a state.

    Parameters
    ----------
    residual : (O, N, 2) predicted − seen, 0 where a corner does not count.
    in_front : whether every corner that counts lies in front of the camera.
    J : (O, N, 2, g + 6) derivatives by the globals that this camera depends on, then by the pose
        (δ, t) of the view; columns that are zero for the whole camera are left out.
    columns : (g,) which globals those are.
    """

    residual: Array
    in_front: bool
    J: Array
    columns: IntArray

    @property
    def J_view(self) -> Array:
        """(O, N, 2, 6)."""
        return self.J[..., -6:]

    def J_global(self, n_globals: int) -> Array:
        """(O, N, 2, G), all columns."""
        out = np.zeros((*self.J.shape[:-1], n_globals))
        out[..., self.columns] = self.J[..., :-6]
        return out


def _bent(problem: Problem, state: State, board: IntArray) -> Array:
    """(O, N, 3) board points, lifted by the bend; only board 0 (the calibration board) bends."""
    boards = problem.boards
    if state.warp.any():
        boards = boards.copy()
        boards[0, :, 2] += warp_basis(boards[0]) @ state.warp
    return boards[board]


def linearise(
    problem: Problem, state: State, camera: int, *, with_warp: bool, jacobian: bool = True
) -> Linearised:
    """Residuals (predicted − seen) of one camera and their analytic derivatives."""
    seen = problem.cameras[camera]
    lens = state.lenses[camera]
    n0, n = state.lenses[0].size, lens.size
    k = n0 + state.lenses[1].size  # first column of R_RL
    columns = np.arange(n) + (0 if camera == 0 else n0)
    if camera == 1:
        columns = np.concatenate([columns, np.arange(k, k + 6)])
    if with_warp:
        columns = np.concatenate([columns, np.arange(k + 6, k + 6 + BENDS)])
    rows, N = seen.weight.shape
    nothing = np.zeros((0, N, 2, columns.size + 6))
    if rows == 0:
        return Linearised(np.zeros((0, N, 2)), True, nothing, columns)
    X = _bent(problem, state, seen.board)
    R_v, t_v = state.R_view[seen.view], state.t_view[seen.view]
    P_L = X @ np.swapaxes(R_v, -1, -2) + t_v[:, None]
    P = P_L if camera == 0 else P_L @ state.R_RL.T + state.t_RL
    counts = seen.weight > 0
    in_front = bool((P[..., 2][counts] > 1e-6).all())
    flat = P.reshape(-1, 3)
    if not in_front:
        flat = flat.copy()
        flat[:, 2] = np.maximum(flat[:, 2], 1e-6)
    if not jacobian:
        uv, _, _ = project_with_jacobian(flat, lens, jacobian=False)
        residual = (uv.reshape(rows, N, 2) - seen.uv_px) * counts[..., None]
        return Linearised(residual, in_front, nothing, columns)

    uv, d_lens, d_P = project_with_jacobian(flat, lens)
    residual = (uv.reshape(rows, N, 2) - seen.uv_px) * counts[..., None]
    d_P = d_P.reshape(rows, N, 2, 3)
    J = np.zeros((rows, N, 2, columns.size + 6))
    J[..., :n] = d_lens.reshape(rows, N, 2, n)
    d_L = d_P  # derivative by the point in L
    if camera == 1:
        d_L = d_P @ state.R_RL
        # P_R = R_RL exp(δ) P_L + t  →  ∂uv/∂δ = −∂uv/∂P_R R_RL [P_L]ₓ = P_L × (∂uv/∂P_R R_RL)
        _cross(P_L[:, :, None], d_L, J[..., n : n + 3])
        J[..., n + 3 : n + 6] = d_P
    d_B = (d_L.reshape(rows, 2 * N, 3) @ R_v).reshape(rows, N, 2, 3)
    _cross(X[:, :, None], d_B, J[..., -6:-3])
    J[..., -3:] = d_L
    if with_warp:
        lift = warp_basis(problem.boards[0])  # (N, BENDS)
        bends = (seen.board == 0)[:, None, None, None]
        J[..., -6 - BENDS : -6] = d_B[..., 2:3] * lift[None, :, None, :] * bends
    return Linearised(residual, in_front, J, columns)


# -- the solve -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Solution:
    """Where the solve ended.

    Parameters
    ----------
    state : the parameters.
    residuals : per camera (O, N, 2) pixels, predicted − seen, 0 where a corner does not count.
    rms_px : per point (not per coordinate), as OpenCV counts.
    sigma_px : what the covariance is scaled with: noise of one coordinate, sqrt(SSE / degrees of
        freedom), and with a robust loss Huber's factor for it (mean ψ² / (mean ψ′)²).
    dof, iterations, cost : degrees of freedom, steps, sum of squares.
    converged : True where the last step no longer lowered the cost.
    """

    state: State
    residuals: tuple[Array, Array]
    rms_px: float
    sigma_px: float
    dof: int
    iterations: int
    converged: bool
    cost: float


def _robust(residual: Array, weight: Array, scale_px: float | None) -> tuple[float, Array]:
    """Cost and IRLS weights: squares, or soft-L1 2c²(√(1 + r²/c²) − 1) beyond ``scale_px``."""
    r2 = (residual**2).sum(-1)
    if scale_px is None:
        return float((weight * r2).sum()), weight
    c2 = scale_px**2
    root = np.sqrt(1 + r2 / c2)
    return float((weight * 2 * c2 * (root - 1)).sum()), weight / root


def normal_equations(
    problem: Problem, state: State, with_warp: bool, scale_px: float | None
) -> tuple[float, Array, Array, Array, Array, Array]:
    """Cost and the blocks A_gg (G,G), A_gv (V,G,6), A_vv (V,6,6), b_g (G,), b_v (V,6).

    With a loss, the blocks are those of its IRLS weights.
    """
    G = state.n_globals + (BENDS if with_warp else 0)
    V = problem.n_views
    A_gg, b_g = np.zeros((G, G)), np.zeros(G)
    A_gv, A_vv, b_v = np.zeros((V, G, 6)), np.zeros((V, 6, 6)), np.zeros((V, 6))
    cost = 0.0
    for camera in (0, 1):
        lin = linearise(problem, state, camera, with_warp=with_warp)
        seen = problem.cameras[camera]
        rows, N = seen.weight.shape
        if rows == 0:
            continue
        part, w = _robust(lin.residual, seen.weight, scale_px)
        cost += part
        c, g = lin.columns, lin.columns.size
        J = lin.J.reshape(rows, 2 * N, g + 6)
        JtW = np.swapaxes(J * np.repeat(w, 2, axis=1)[..., None], -1, -2)
        H = JtW @ J  # (O, g + 6, g + 6)
        b = (JtW @ lin.residual.reshape(rows, 2 * N, 1))[..., 0]
        A_gg[np.ix_(c, c)] += H[:, :g, :g].sum(0)
        b_g[c] += b[:, :g].sum(0)
        # a view has at most one row in each camera
        A_vv[seen.view] += H[:, g:, g:]
        b_v[seen.view] += b[:, g:]
        A_gv[seen.view[:, None], c[None]] += H[:, :g, g:]
    precision, value = prior(state, G)
    A_gg[np.arange(G), np.arange(G)] += precision
    return cost + float(precision @ value**2), A_gg, A_gv, A_vv, b_g + precision * value, b_v


#: σ of the weak prior that holds the rational model's k3 … k6 near zero: with only them free, whole
#: families of coefficients draw the same curve. In units of a corner's noise of 0.1 px.
RATIONAL_SIGMA = 1.0


def prior(state: State, G: int) -> tuple[Array, Array]:
    """Precision (px²) and value of the globals that a weak prior holds near zero."""
    precision, value = np.zeros(G), np.zeros(G)
    first = 0
    for lens in state.lenses:
        if lens.size == CORE + 8:
            higher = slice(first + 8, first + 12)
            precision[higher] = (0.1 / RATIONAL_SIGMA) ** 2
            value[higher] = lens.values[8:12]
        first += lens.size
    return precision, value


def cost_of(problem: Problem, state: State, scale_px: float | None = None) -> float:
    """Sum of squares (or of the loss); infinite where a corner is behind its camera."""
    total = 0.0
    for camera in (0, 1):
        lin = linearise(problem, state, camera, with_warp=False, jacobian=False)
        if not lin.in_front:
            return np.inf
        total += _robust(lin.residual, problem.cameras[camera].weight, scale_px)[0]
    precision, value = prior(state, state.n_globals)
    total += float(precision @ value**2)
    return total if np.isfinite(total) else np.inf


def _damped(A: Array, damping: float) -> Array:
    """A + λ diag(A), for one matrix or a stack of them."""
    out = A.copy()
    i = np.arange(A.shape[-1])
    out[..., i, i] *= 1 + damping
    out[..., i, i] += 1e-12
    return out


def solve(
    problem: Problem,
    start: State,
    *,
    free: BoolArray | Array | None = None,
    with_warp: bool = False,
    robust_px: float | None = None,
    max_iterations: int = 200,
    tolerance: float = 1e-9,
) -> Solution:
    """Levenberg–Marquardt with the board poses eliminated.

    Parameters
    ----------
    free : (G,) which global parameters may move (lenses, R_RL, t_RL, warp), or (G, k) directions
        along which they may; default all.
    robust_px : scale of the soft-L1 loss; None = plain least squares.
    tolerance : the solve has converged when an accepted step lowers the cost by less than this
        share of it (twice in a row), or the step is lost in rounding.
    """
    state, damping, converged, quiet = start, 1e-4, False, 0
    cost, A_gg, A_gv, A_vv, b_g, b_v = normal_equations(problem, state, with_warp, robust_px)
    if not np.isfinite(cost_of(problem, state, robust_px)):
        cost = np.inf
    G = len(b_g)
    every = np.eye(G)
    B = every if free is None else every[:, free] if free.ndim == 1 else free
    iteration = 0
    for iteration in range(1, max_iterations + 1):  # noqa: B007 (reported after the loop)
        accepted = False
        for _ in range(12):
            try:
                inv_vv = np.linalg.inv(_damped(A_vv, damping))
                E = A_gv @ inv_vv  # (V, G, 6)
                S = _damped(A_gg, damping) - np.tensordot(E, A_gv, axes=([0, 2], [0, 2]))
                rhs = -(b_g - np.einsum("vgk,vk->g", E, b_v))
                scaled = B / np.sqrt(np.maximum(np.diag(B.T @ A_gg @ B), 1e-30))
                d_g = scaled @ np.linalg.solve(scaled.T @ S @ scaled, scaled.T @ rhs)
            except np.linalg.LinAlgError:
                damping *= 10
                continue
            d_v = -np.einsum("vkl,vl->vk", inv_vv, b_v + np.einsum("vgk,g->vk", A_gv, d_g))
            trial = state.moved(d_g, d_v, with_warp)
            trial_cost = cost_of(problem, trial, robust_px)
            if trial_cost <= cost:
                accepted = True
                break
            damping = max(damping, 1e-7) * 8
            if damping > 1e12:
                break
        if not accepted:
            converged = True  # no direction lowers the cost any more
            break
        gain = (cost - trial_cost) / max(trial_cost, 1e-300) if np.isfinite(cost) else np.inf
        state, cost = trial, trial_cost
        damping = max(damping / 10, 1e-12)
        quiet = quiet + 1 if gain < tolerance else 0
        if quiet >= 2 or cost < 1e-18:
            converged = True
            break
        _, A_gg, A_gv, A_vv, b_g, b_v = normal_equations(problem, state, with_warp, robust_px)
    return _describe(problem, state, B.shape[1], iteration, converged, robust_px)


def _describe(
    problem: Problem,
    state: State,
    n_free: int,
    iterations: int,
    converged: bool,
    robust_px: float | None,
) -> Solution:
    residuals = tuple(
        linearise(problem, state, c, with_warp=False, jacobian=False).residual
        * (problem.cameras[c].weight > 0)[..., None]
        for c in (0, 1)
    )
    points = sum(float((o.weight > 0).sum()) for o in problem.cameras)
    sse = sum(float((r**2).sum()) for r in residuals)
    dof = max(int(2 * points) - n_free - 6 * problem.n_views, 1)
    variance = sse / dof
    if robust_px is not None:
        # ψ(r) = r / √(1 + |r|²/c²); its divergence is (2 + |r|²/c²) / (1 + |r|²/c²)^1.5
        u = np.concatenate(
            [
                (r**2).sum(-1)[o.weight > 0] / robust_px**2
                for r, o in zip(residuals, problem.cameras, strict=True)
            ]
        )
        psi2 = float((u / (1 + u)).sum()) * robust_px**2
        slope = float(((2 + u) / (1 + u) ** 1.5).mean()) / 2
        variance = psi2 / dof / slope**2
    return Solution(
        state,
        (residuals[0], residuals[1]),
        float(np.sqrt(sse / max(points, 1))),
        float(np.sqrt(variance)),
        dof,
        iterations,
        converged,
        sse,
    )
