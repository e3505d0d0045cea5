"""The room that fits a list of measurements best, and its covariance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.room.evidence import Evidence, moved, slopes
from calibration.transform import Array, Transform, rotation_log


@dataclass(frozen=True)
class Solved:
    """The room that fits a list of measurements best.

    Parameters
    ----------
    T_WL, size_m, scale : what was solved for (as stated where they were not free); the blackboard's
        (width, height).
    names : the rows that counted; residual : (m,) theirs, seen − stated; sigma : (m,) of each.
    J : (m, n) whitened derivative by (δ, t of T_WL[, width][, height][, scale]).
    white : (m, m) L⁻¹.
    chi2, dof : of all rows.
    """

    T_WL: Transform
    size_m: tuple[float, float]
    scale: float
    names: tuple[str, ...]
    residual: Array
    sigma: Array
    J: Array
    white: Array
    chi2: float
    dof: int

    @property
    def covariance(self) -> Array:
        """(n, n) of the unknowns."""
        return np.asarray(np.linalg.pinv(self.J.T @ self.J), np.float64)

    def apart(self) -> Array:
        """(m, m) projector: what of each whitened row the room cannot swallow."""
        return np.eye(len(self.J)) - self.J @ np.linalg.pinv(self.J)

    def suspicion(self, direction: Array) -> float:
        """χ² that an error along ``direction`` (m,) of the rows would take away."""
        c = self.white @ direction
        P = self.apart()
        seen = float(c @ P @ c)
        if seen < 1e-6 * float(c @ c):
            return 0.0
        return float((c @ P @ (self.white @ self.residual)) ** 2 / seen)


def solve_room(
    evidence: Evidence,
    *,
    without: Iterable[str] = (),
    free_scale: bool = False,
    start: Transform | None = None,
    hopeless_chi2: float = np.inf,
) -> Solved:
    """T_WL from everything that was measured, weighted by how well.

    without : names of rows that do not count. free_scale : solve for the size of things as well.
    start : T_WL to begin with. hopeless_chi2 : above it, a step that gains under 1 % is the last.
    """
    names = evidence.names()
    keep = np.array([n not in set(without) for n in names])
    C = evidence.covariance()[np.ix_(keep, keep)]
    sigma = np.sqrt(np.diag(C))  # by σ, and a hair more: poses of pictures that do not belong
    part = C / np.outer(sigma, sigma) + 1e-12 * np.eye(len(C))  # together are known to kilometres
    white = np.asarray(np.linalg.inv(np.linalg.cholesky(part)) / sigma, np.float64)
    T = start if start is not None else evidence.start()
    more = np.array([*(evidence.blackboard_m or (0.0, 0.0)), 1.0])
    free = list(range(6))
    free += [6] if evidence.corners_m else []
    free += [7] if evidence.to_lower_corners else []
    free += [8] if free_scale else []

    R, t = T.R, T.t

    def rows(R: Array, t: Array, more: Array) -> tuple[Array, Array]:
        r, J = evidence.rows(R, t, more[:2], more[2])
        return white @ r[keep], white @ J[keep][:, free]

    (r, J), damping = rows(R, t, more), 1e-6
    for _ in range(60):
        H = J.T @ J
        step = np.zeros(9)
        damped = H + damping * np.diag(np.diag(H) + 1e-9)
        step[free] = -np.linalg.lstsq(damped, J.T @ r, rcond=None)[0]
        trial = R @ cv2.Rodrigues(step[:3])[0], t + step[3:6], more + step[6:]
        r_new, J_new = rows(*trial)
        gain = float(r @ r - r_new @ r_new)
        if gain < 0 and damping < 1e8 and np.abs(step).max() > 1e-9:
            damping = max(damping, 1e-6) * 10
            continue
        (R, t, more), r, J, damping = trial, r_new, J_new, max(damping / 10, 1e-12)
        chi2 = float(r @ r)
        if gain < 1e-7 * chi2 + 1e-9 or (chi2 > hopeless_chi2 and gain < 0.01 * chi2):
            break
    T = Transform(R, t, "W", "L")
    return Solved(
        T, (float(more[0]), float(more[1])), float(more[2]),
        tuple(np.array(names)[keep].tolist()),
        evidence.residuals(T, more[:2], more[2])[keep], np.sqrt(np.diag(C)), J, white, float(r @ r),
        int(keep.sum()) - np.linalg.matrix_rank(J),
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """The room: transforms of the first placement's board, and their covariance.

    Parameters
    ----------
    T_AL, T_WA : as in docs/conventions.md; T_WA @ T_AL is the combination of all measurements.
    J_vision : (12, 6 + 6 n) derivative of (T_AL, T_WA) by what the cameras saw: (δ, t) of T_RL and
        of each board's T_LB.
    measured_covariance : (12, 12) the measurements' share.
    solved : the least squares.
    """

    T_AL: Transform
    T_WA: Transform
    J_vision: Array
    measured_covariance: Array
    solved: Solved


def solve_world(evidence: Evidence) -> World:
    """Combine what was measured and propagate both kinds of noise (vision, measuring)."""
    solved = solve_room(evidence)
    n = len(evidence.boards)
    gain = np.linalg.pinv(solved.J)[:6] @ solved.white
    more = (solved.size_m, solved.scale)

    def of(e: Evidence, d_room: Array) -> tuple[Transform, Transform]:
        b = e.boards[0]
        T_AL = b.T_AB @ b.T_LB.inverse()
        return T_AL, moved(solved.T_WL, d_room) @ T_AL.inverse()

    T_AL, T_WA = of(evidence, np.zeros(6))

    def change(e: Evidence, d_room: Array) -> Array:
        ends = zip((T_AL, T_WA), of(e, d_room), strict=True)
        return np.concatenate([v for T, S in ends for v in (rotation_log(T.R.T @ S.R), S.t - T.t)])

    def by_vision(d: Array) -> Array:  # implicit derivative: the unknowns follow what is seen
        seen = evidence.seen(d)
        return change(seen, -gain @ (seen.residuals(solved.T_WL, *more) - solved.residual))

    J_room = slopes(lambda d: change(evidence, d), 6, 1e-5)
    return World(
        Transform(T_AL.R, T_AL.t, "A", "L"),
        Transform(T_WA.R, T_WA.t, "W", "A"),
        slopes(by_vision, 6 + 6 * n, 1e-5),
        J_room @ gain @ evidence.measuring() @ gain.T @ J_room.T,
        solved,
    )
