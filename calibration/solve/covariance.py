"""How well cameras, pair and board poses are known: from how the views scatter, not from one σ.

Corners of one view in one camera do not err independently: a blurred or moving picture shifts all
of them, a rolling shutter shears them, a badly lit board stretches them. Their noise is taken as
independent noise of every corner plus, for each view and camera, a shift, an affinity about the
board's middle, a shear that grows with the row, and an affinity about the lens's axis, as of a
focus that hunts (:data:`KINDS`). How large each kind is comes
from the residuals of the solve themselves, by restricted maximum likelihood (Fisher scoring);
the covariance is that of the converged least squares under this noise. A sandwich or jackknife over
a dozen views asks the same of fewer numbers: docs/calibration.md has them side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from calibration.solve import bundle
from calibration.solve.bundle import BoolArray, IntArray, Problem, State
from calibration.transform import Array

#: What the corners of a view have in common: names of the kinds and columns of each per camera.
KINDS = {"shift": 2, "affinity": 4, "rows": 2, "breath": 4}
#: Affinities and rows are counted per this many pixels.
SPAN_PX = 1000.0
#: Fisher scoring ends after so many steps, or where no variance moves by a thousandth.
STEPS = 12


@dataclass(frozen=True)
class Noise:
    """What the residuals say of the corners' noise, 1 σ of one coordinate.

    corner_px : independent of every other corner. shift_px : of a whole view in one camera.
    affinity_px, rows_px, breath_px : how far corners :data:`SPAN_PX` apart are moved against each
    other: by an affinity about the board's middle, by their rows, by one about the lens's axis.
    """

    corner_px: float
    shift_px: float = 0.0
    affinity_px: float = 0.0
    rows_px: float = 0.0
    breath_px: float = 0.0


@dataclass(frozen=True)
class Linear:
    """The problem at its solution, each view's corners in one row, whitened by their weights.

    J : (V, 4N, G) by the globals. J_view : (V, 4N, 6). residual : (V, 4N). shared : (V, 4N, 24)
    what the corners of a view may have in common. kind : (V · 24,) which of :data:`KINDS`.
    dof : of the residual.
    """

    J: Array
    J_view: Array
    residual: Array
    shared: Array
    kind: IntArray
    dof: int


def linear(
    problem: Problem, state: State, robust_px: float | None, with_warp: bool, G: int
) -> Linear:
    """The problem at its solution. With a loss, residuals are ψ(r) over its mean slope."""
    V, N = problem.n_views, problem.boards.shape[1]
    J, J_view = np.zeros((V, 2, N, 2, G)), np.zeros((V, 2, N, 2, 6))
    residual, shared = np.zeros((V, 2, N, 2)), np.zeros((V, 2, N, 2, 2, sum(KINDS.values())))
    seen = np.zeros((V, 2, N), bool)
    for c, o in enumerate(problem.cameras):
        if not len(o.view):
            continue
        lin = bundle.linearise(problem, state, c, with_warp=with_warp)
        root = np.sqrt(o.weight)[..., None]
        J[o.view, c] = lin.J_global(G) * root[..., None]
        J_view[o.view, c] = lin.J_view * root[..., None]
        residual[o.view, c] = lin.residual * root
        # where corners are predicted: where they were seen holds their noise, as columns would
        at = o.uv_px + lin.residual
        shared[o.view, c, ..., c, :] = (
            _shared(at, o.weight > 0, state.lenses[c].values[2:4]) * root[..., None]
        )
        seen[o.view, c] = o.weight > 0
    if robust_px is not None:
        u = (residual**2).sum(-1) / robust_px**2
        slope = ((2 + u) / (1 + u) ** 1.5)[seen].mean() / 2
        residual = residual / np.sqrt(1 + u)[..., None] / slope
    kind = np.repeat(np.arange(len(KINDS)), list(KINDS.values()))
    return Linear(
        J.reshape(V, -1, G), J_view.reshape(V, -1, 6), residual.reshape(V, -1),
        shared.reshape(V, 4 * N, -1), np.tile(kind, 2 * V), 2 * int(seen.sum()) - G - 6 * V,
    )  # fmt: skip


def _shared(uv_px: Array, seen: BoolArray, axis_px: Array) -> Array:
    """(O, N, 2, 12) how each kind moves the corners of a view: (u, v) by the columns of KINDS."""
    n = np.maximum(seen.sum(1), 1)[:, None, None]
    middle = (uv_px * seen[..., None]).sum(1, keepdims=True) / n
    x, y = np.moveaxis((uv_px - middle) / SPAN_PX, -1, 0)
    x_axis, y_axis = np.moveaxis((uv_px - axis_px) / SPAN_PX, -1, 0)
    rows = uv_px[..., 1] / SPAN_PX
    along = np.stack([np.ones_like(x), x, y, rows, x_axis, y_axis], -1) * seen[..., None]
    out = np.zeros((*seen.shape, 2, 6, 2))
    out[..., 0, :, 0] = out[..., 1, :, 1] = along
    return out.reshape(*seen.shape, 2, -1)


def joint_covariance(
    problem: Problem,
    state: State,
    *,
    robust_px: float | None = None,
    with_warp: bool = False,
    views: IntArray | None = None,
) -> tuple[Array, Noise]:
    """Covariance of the globals and, after them, of the chosen views' poses (6 each).

    All other board poses are marginalised (not held fixed). Order: lenses, R_RL (3), t_RL (3),
    warp (if any), then per view δ (3), t (3). The state must be that of a converged solve with
    the same loss.

    Raises
    ------
    numpy.linalg.LinAlgError : the views do not determine the parameters.
    """
    G = state.n_globals + (bundle.BENDS if with_warp else 0)
    lin = linear(problem, state, robust_px, with_warp, G)
    T_view = np.swapaxes(lin.J_view, 1, 2)
    inv_vv = np.linalg.inv(T_view @ lin.J_view)

    def apart(X: Array) -> Array:
        """What of each view's columns no pose of its board can swallow."""
        return np.asarray(X - lin.J_view @ (inv_vv @ (T_view @ X)), np.float64)

    J = apart(lin.J)
    S = np.tensordot(J, J, axes=([0, 1], [0, 1])) + np.diag(bundle.prior(state, G)[0])
    scale = 1.0 / np.sqrt(np.maximum((lin.J**2).sum((0, 1)), 1e-30))
    S_scaled = S * np.outer(scale, scale)
    if np.linalg.cond(S_scaled) > 1e15:
        raise np.linalg.LinAlgError("the views do not determine the parameters")
    inv_S = np.linalg.inv(S_scaled) * np.outer(scale, scale)

    # F: what the shared kinds do to the globals; K: what of them is left in the residuals
    F = np.swapaxes(J, 1, 2) @ lin.shared
    V, _, n = F.shape
    F = np.swapaxes(F, 0, 1).reshape(G, V * n)
    own = np.swapaxes(lin.shared, 1, 2) @ apart(lin.shared)
    K = -F.T @ inv_S @ F
    for v in range(V):
        K[v * n : (v + 1) * n, v * n : (v + 1) * n] += own[v]
    b = np.einsum("vrk,vr->vk", lin.shared, lin.residual).ravel()
    kept = np.diag(K) > 1e-9 * max(float(np.diag(K).max()), 1e-30)
    variance = _variances(
        K[np.ix_(kept, kept)], b[kept], lin.kind[kept], float((lin.residual**2).sum()), lin.dof
    )

    # from noise to globals and poses: corners by themselves, and each kind that they share
    chosen = np.zeros(0, np.intp) if views is None else np.asarray(views, np.intp)
    M = (-inv_vv[chosen] @ (T_view[chosen] @ lin.J[chosen])).reshape(-1, G)
    both = np.concatenate([np.eye(G), M])
    C = variance[0] * both @ inv_S @ both.T
    moves = both @ (inv_S @ F)
    for i, v in enumerate(chosen):
        pose = slice(G + 6 * i, G + 6 * i + 6)
        C[pose, pose] += variance[0] * inv_vv[v]
        moves[pose, v * n : (v + 1) * n] += inv_vv[v] @ (T_view[v] @ lin.shared[v])
    C += (moves * variance[1 + lin.kind]) @ moves.T
    return (C + C.T) / 2, Noise(*np.sqrt(variance).tolist())


def _variances(K: Array, b: Array, kind: IntArray, rss: float, dof: int) -> Array:
    """(1 + kinds,) variances of corners and of each shared kind, by restricted likelihood.

    K : (m, m) = Bᵀ P B and b : (m,) = Bᵀ r with B the shared columns, P the projector onto what
    the fit leaves and r = P ε. rss : rᵀ r. A kind that the residuals do not show is 0.
    """
    n = len(KINDS)
    of = [np.flatnonzero(kind == k) for k in range(n)]
    x = np.array([rss / max(dof, 1), *np.zeros(n)])
    if dof < 1 or not len(K):
        return x
    for _ in range(STEPS):
        s = max(x[0], 1e-12)
        D = x[1:][kind]
        # B' Q B and B' Q r, Q the projector that weighs by the noise as it is believed to be
        inverse = np.linalg.inv(np.eye(len(K)) + K * (D / s))
        Q, q_b = inverse @ K / s, inverse @ b / s
        T, q = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
        trace = np.array([Q[i, i].sum() for i in of])
        for j in range(n):
            q[1 + j] = (q_b[of[j]] ** 2).sum()
            for k in range(n):
                T[1 + j, 1 + k] = (Q[np.ix_(of[j], of[k])] ** 2).sum()
        T[0, 1:] = T[1:, 0] = (trace - T[1:, 1:] @ x[1:]) / s
        T[0, 0] = ((dof - x[1:] @ trace) / s - x[1:] @ T[0, 1:]) / s
        q[0] = ((rss - b @ (D * q_b)) / s - x[1:] @ q[1:]) / s
        scale = 1 / np.sqrt(np.maximum(np.diag(T), 1e-300))
        new = scale * nnls(T * np.outer(scale, scale), q * scale)[0]
        done = np.abs(new - x).max() < 1e-3 * new.max()
        x = new
        if done:
            break
    return x
