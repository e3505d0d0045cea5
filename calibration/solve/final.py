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
from calibration.room.reconcile import with_class
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
    boards = [found.board, *(p.auxiliary.board for p in placed)]  # the first one bends
    views = [(v.left, v.right, 0) for v in found.views]
    left, right = (dict(zip(o.view.tolist(), o.weight, strict=True)) for o in found.problem.cameras)
    weights = [(left.get(i), right.get(i)) for i in range(len(views))]
    s = found.solution.state
    for k, p in enumerate(placed, 1):
        seen = p.auxiliary.view
        w = np.full(len(p.auxiliary.board.points_B()), _weight(p, found.solution.sigma_px))
        views.append((seen.left, seen.right, 0 if p.bent else k))
        weights.append((w, w))
    problem = build([b.points_B() for b in boards], views, weights=weights)
    start = s.posed(
        np.concatenate([s.R_view, *(p.T_LB.R[None] for p in placed)]),
        np.concatenate([s.t_view, *(p.T_LB.t[None] for p in placed)]),
    )
    solution = bundle.solve(
        problem, start, with_warp=found.with_warp, robust_px=found.robust_px, max_iterations=300
    )
    C, noise = joint_covariance(
        problem, solution.state, robust_px=found.robust_px, with_warp=found.with_warp,
        views=np.arange(len(found.views), len(views)),
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
                "undetermined", "FAIL",
                "the views do not determine the cameras: some parameters are free",
                "Tilt the board in several directions and fill the picture's corners.",
            )
        )  # fmt: skip
        problem, solution, C, noise = found.problem, found.solution, None, None
    s = solution.state
    left, right = (
        Camera.of(lens, seen.sizes[name], name)
        for name, lens in zip(CAMERAS, s.lenses, strict=True)
    )
    T_RL = Transform(s.R_RL, s.t_RL, "R", "L")
    G = s.n_globals
    T_AL = T_WA = None
    covariance = None if C is None else C[:G, :G]
    if placed and C is not None:
        poses = zip(s.R_view[len(found.views) :], s.t_view[len(found.views) :], strict=True)
        boards = tuple(
            PlacedBoard(
                Transform(R, t, "L", "B"), p.auxiliary.board.points_B(),
                p.auxiliary.board.square_m, p.reading.quarter_turns, p.auxiliary.tape, p.picture,
            )
            for (R, t), p in zip(poses, placed, strict=True)
        )  # fmt: skip
        # what the room starts from, of the solver's parameters: T_RL and each board's pose
        vision = np.r_[G - 6 : G, len(C) - 6 * len(placed) : len(C)]
        evidence = Evidence(
            boards, T_RL, seen.blackboard_m, seen.corners_m, seen.looked, seen.seated
        )
        evidence, room.sits = with_class(evidence.with_noise(C[np.ix_(vision, vision)]))
        solved = solve_world(evidence)
        T_AL, T_WA = solved.T_AL, solved.T_WA
        M = np.zeros((G + 12, len(C)))
        M[:G, :G] = np.eye(G)
        M[G:, vision] = solved.J_vision
        covariance = M @ C @ M.T
        covariance[G:, G:] += solved.measured_covariance
        covariance = (covariance + covariance.T) / 2
        room.evidence, room.world = evidence, solved
        _note_disagreements(room, solved.solved)
    rig = Rig(left, right, T_RL, T_AL, T_WA, covariance)
    return replace(rig, quality=quality_of(seen, found, room, problem, solution, noise, rig))


def _note_disagreements(room: Room, solved: Solved) -> None:
    """How far each placement lies off its tape, into the room's rows."""
    off = dict(zip(solved.names, solved.residual, strict=True))
    for k, p in enumerate(room.placed):
        own = {n.removeprefix(f"{k}."): v for n, v in off.items() if n.startswith(f"{k}.")}
        room.note(p.index, turn_error_deg=tuple(np.degrees(own[n]) for n in TURNS))
        if p.auxiliary.tape.measured:
            room.note(p.index, tape_error_cm=tuple(100 * own[n] for n in LENGTHS))
