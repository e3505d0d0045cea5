"""Everything together: the last solve with the auxiliary views, world, rig and covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.camera import CAMERAS, Camera
from calibration.inputs import Seen
from calibration.rig import Rig
from calibration.room.evidence import LENGTHS, TURNS, Evidence, PlacedBoard
from calibration.room.fit import Solved, solve_world
from calibration.room.place import Placed, Room
from calibration.solve import bundle
from calibration.solve.covariance import Noise, joint_covariance
from calibration.solve.estimate import Estimate
from calibration.solve.problem import build
from calibration.solve.quality import quality_of
from calibration.transform import Array, Transform
from calibration.verdict import Cause

#: How well a corner is clicked by hand (1 σ, each coordinate).
CLICK_SIGMA_PX = 1.0


def _final_solve(
    found: Estimate, placed: Sequence[Placed]
) -> tuple[bundle.Problem, bundle.Solution, Array, Noise]:
    """Once more, with the auxiliary views beside the others; covariance of globals and their poses.

    Returns problem, solution, the covariance (lenses, R_RL, t_RL[, warp], 6 per placement) and the
    noise that it rests on.
    """
    boards = [found.board.points_B()]
    views: list[tuple[Array | None, Array | None, int]] = []
    weights: list[tuple[Array | None, Array | None]] = []
    left_w = {int(v): w for v, w in zip(found.problem.cameras[0].view,
                                        found.problem.cameras[0].weight, strict=True)}  # fmt: skip
    right_w = {int(v): w for v, w in zip(found.problem.cameras[1].view,
                                         found.problem.cameras[1].weight, strict=True)}  # fmt: skip
    for i, v in enumerate(found.views):
        views.append((v.left, v.right, 0))
        weights.append((left_w.get(i), right_w.get(i)))
    R, t = [found.solution.state.R_view], [found.solution.state.t_view]
    rows = []
    for p in placed:
        if p.auxiliary.board == found.board:
            number = 0
        else:
            number = len(boards)
            boards.append(p.auxiliary.board.points_B())
        rows.append(len(views))
        left, right = p.auxiliary.view.left, p.auxiliary.view.right
        w = _weight(p, found.solution.sigma_px)
        scale = [None if uv is None else np.full(len(uv), w, np.float64) for uv in (left, right)]
        views.append((left, right, number))
        weights.append((scale[0], scale[1]))
        pose_R, pose_t = p.R_LB, p.t_LB
        if left is None:
            s = found.solution.state
            pose_R, pose_t = s.R_RL @ pose_R, s.R_RL @ pose_t + s.t_RL
        R.append(pose_R[None])
        t.append(pose_t[None])
    problem = build(boards, views, weights=weights)
    start = replace(found.solution.state, R_view=np.concatenate(R), t_view=np.concatenate(t))
    solution = bundle.solve(
        problem, start, with_warp=found.with_warp, robust_px=found.robust_px, max_iterations=300
    )
    C, noise = joint_covariance(
        problem, solution.state, robust_px=found.robust_px, with_warp=found.with_warp,
        views=np.array(rows, np.intp),
    )  # fmt: skip
    return problem, solution, C, noise


def _weight(p: Placed, sigma_px: float) -> float:
    """Of a placement's corners. A clicked one is good to about a pixel; pictures that do not fit
    must not pull."""
    w = 1.0 if p.usable else 1e-4
    return min(w, (sigma_px / CLICK_SIGMA_PX) ** 2) if p.auxiliary.clicked else w


def assemble(seen: Seen, found: Estimate, room: Room) -> Rig:
    """Rig with covariance and quality (verdict: later)."""
    placed = room.placed
    try:
        problem, solution, C, noise = _final_solve(found, placed)
        if not np.isfinite(C).all() or not np.isfinite(solution.cost):
            raise np.linalg.LinAlgError("the solve ended in no numbers")
        if (np.diag(C) < 0).any():  # lost in rounding: nothing that may be called a covariance
            raise np.linalg.LinAlgError("the covariance is not one")
    except np.linalg.LinAlgError:
        room.causes.append(
            Cause(
                "undetermined",
                "FAIL",
                "the views do not determine the cameras: some parameters are free",
                "Tilt the board in several directions and fill the picture's corners.",
            )
        )
        problem, solution, C, noise = found.problem, found.solution, None, None
    s = solution.state
    cameras = [
        Camera.of(lens, seen.sizes[name], name)
        for name, lens in zip(CAMERAS, s.lenses, strict=True)
    ]
    T_RL = Transform(s.R_RL, s.t_RL, "R", "L")
    n_lens = s.lenses[0].size + s.lenses[1].size
    G = n_lens + 6 + (2 if found.with_warp else 0)
    base = np.arange(n_lens + 6)
    T_AL = T_WA = None
    covariance: Array | None = None if C is None else C[np.ix_(base, base)]
    if placed and C is not None:
        poses = []
        for k in range(len(placed)):
            row = len(found.views) + k
            T = Transform(s.R_view[row], s.t_view[row], "L", "B")
            if problem.home_right[row]:
                T = T_RL.inverse() @ Transform(T.R, T.t, "R", "B")
            poses.append(T)
        # from the solver's parameters to what the room starts from: T_RL and each board's pose
        J_seen = np.zeros((6 + 6 * len(placed), len(C)))
        J_seen[:6, n_lens : n_lens + 6] = np.eye(6)
        J_seen[6:] = _pose_jacobian(problem, s, found, placed, G, n_lens)
        evidence = Evidence(
            tuple(
                PlacedBoard(
                    T,
                    p.auxiliary.board.points_B(),
                    p.auxiliary.board.square_m,
                    p.reading.quarter_turns,
                    p.auxiliary.tape,
                    p.picture,
                )
                for T, p in zip(poses, placed, strict=True)
            ),
            T_RL,
            seen.blackboard_m,
            seen.corners_m,
            seen.looked,
        ).with_noise(J_seen @ C @ J_seen.T)
        solved = solve_world(evidence)
        T_AL, T_WA = solved.T_AL, solved.T_WA
        M = np.zeros((n_lens + 18, len(C)))
        M[: n_lens + 6, : n_lens + 6] = np.eye(n_lens + 6)
        M[n_lens + 6 :] = solved.J_vision @ J_seen
        covariance = M @ C @ M.T
        covariance[n_lens + 6 :, n_lens + 6 :] += solved.measured_covariance
        covariance = (covariance + covariance.T) / 2
        room.evidence, room.world = evidence, solved
        _note_disagreements(room, solved.solved)
    rig = Rig(cameras[0], cameras[1], T_RL, T_AL, T_WA, covariance)
    return replace(rig, quality=quality_of(seen, found, room, problem, solution, noise, rig))


def _pose_jacobian(
    problem: bundle.Problem,
    s: bundle.State,
    found: Estimate,
    placed: Sequence[Placed],
    G: int,
    n_lens: int,
) -> Array:
    """(6 n, len(C)) from the solver's parameters to (δ, t) of each T_LB.

    The identity but for boards that only the right camera saw, whose pose is kept in R.
    """
    n = len(placed)
    J = np.zeros((6 * n, G + 6 * n))
    for k in range(n):
        rows = slice(6 * k, 6 * k + 6)
        own = slice(G + 6 * k, G + 6 * k + 6)
        row = len(found.views) + k
        if not problem.home_right[row]:
            J[rows, own] = np.eye(6)
            continue
        # T_LB = T_RL⁻¹ T_RB: R = R_RLᵀ R_RB, t = R_RLᵀ (t_RB − t_RL)
        R_RB, t_RB = s.R_view[row], s.t_view[row]
        J[6 * k : 6 * k + 3, G + 6 * k : G + 6 * k + 3] = np.eye(3)
        J[6 * k + 3 : 6 * k + 6, G + 6 * k + 3 : G + 6 * k + 6] = s.R_RL.T
        # R_RL exp(δ): R_LB = exp(−δ) R_RLᵀ R_RB = R_LB exp(−R_LBᵀ δ)
        R_LB = s.R_RL.T @ R_RB
        J[6 * k : 6 * k + 3, n_lens : n_lens + 3] = -R_LB.T
        d = s.R_RL.T @ (t_RB - s.t_RL)
        J[6 * k + 3 : 6 * k + 6, n_lens : n_lens + 3] = np.array(
            [[0, -d[2], d[1]], [d[2], 0, -d[0]], [-d[1], d[0], 0]]
        )
        J[6 * k + 3 : 6 * k + 6, n_lens + 3 : n_lens + 6] = -s.R_RL.T
    return J


def _note_disagreements(room: Room, solved: Solved) -> None:
    """How far each placement lies off its tape and its picture, into the room's rows."""
    off = dict(zip(solved.names, solved.residual, strict=True))
    for k, p in enumerate(room.placed):
        own = {n.removeprefix(f"{k}."): v for n, v in off.items() if n.startswith(f"{k}.")}
        room.note(p.index, turn_error_deg=tuple(np.degrees(own[n]) for n in TURNS))
        if p.auxiliary.tape.measured:
            room.note(p.index, tape_error_cm=tuple(100 * own[n] for n in LENGTHS))
        if p.picture is not None:
            room.note(p.index, picture_error_cm=tuple(100 * own[f"picture{j}"] for j in (3, 4, 5)))
