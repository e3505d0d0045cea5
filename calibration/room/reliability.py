"""How large an error of each measurement could be without being seen, and what it would cost on the
blackboard (Baarda's internal and external reliability).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.rig_quality import Slip
from calibration.room.evidence import LENGTHS, ROWS_M, TURNS, Evidence, moved, slopes
from calibration.room.fit import Solved
from calibration.room.world import on_blackboard
from calibration.transform import Array, Transform

#: An error is seen where it is this many σ of its own (found at 3.6 σ, three times in four).
SEEN_SIGMAS = 4.3
#: The largest errors that are thought of: a length that nothing checks, a turn that nothing checks.
LARGEST_M, LARGEST_DEG = 0.3, 10.0


@dataclass(frozen=True)
class Unseen:
    """The largest error of one measurement that would go unseen, and what it would cost.

    what : the row's name, or ``left_m``, ``down_m``, ``out_m`` for all placements at once.
    size : metres, or radians of an angle. bounded : False where nothing checks it at all.
    cost_cm : how far it would move gaze points of :data:`ROWS_M`.
    """

    what: str
    size: float
    bounded: bool
    cost_cm: tuple[float, ...]


def directions(solved: Solved) -> dict[str, Array]:
    """(m,) per way in which one hand can go wrong: each row, and one corner for all placements."""
    out = {
        n: np.eye(len(solved.names))[k] for k, n in enumerate(solved.names) if ".picture" not in n
    }
    for length in LENGTHS:
        common = np.array([float(n.endswith("." + length)) for n in solved.names])
        if common.sum() > 1:
            out[length] = common
    return out


def reliability(evidence: Evidence, solved: Solved) -> list[Unseen]:
    """What could be wrong unseen, the costliest (in the middle row) first."""
    G = gaze_shift(solved.T_WL, evidence.blackboard_m)
    N = np.linalg.pinv(solved.J)
    out = []
    P = solved.apart()
    for name, row in directions(solved).items():
        c = solved.white @ row
        seen = float(c @ P @ c)
        largest = np.radians(LARGEST_DEG) if name.split(".")[-1] in TURNS else LARGEST_M
        size = SEEN_SIGMAS / np.sqrt(seen) if seen > 1e-9 * float(c @ c) else np.inf
        # the unknowns follow the error: δ = −J⁺ c
        shift = G @ (N @ c)[:6] * min(size, largest)
        cost = costs_cm(shift)
        out.append(
            Unseen(name, float(min(size, largest)), bool(size <= largest), tuple(cost.tolist()))
        )
    return sorted(out, key=lambda u: -u.cost_cm[1])


def gaze_shift(T_WL: Transform, blackboard_m: tuple[float, float] | None) -> Array:
    """(rows · 5 · 2, 6): how gaze points move with (δ, t) of T_WL; what cameras see is held fixed.

    From a seat in each of :data:`ROWS_M` to the blackboard's middle and its four corners.
    """
    width, height = blackboard_m or (4.0, 1.2)
    targets = np.array(
        [[width / 2, height / 2, 0], [0, 0, 0], [width, 0, 0], [0, height, 0], [width, height, 0]]
    )
    noses = np.repeat([[width / 2, 0.9, d] for d in ROWS_M], len(targets), 0)
    looks = np.tile(targets, (len(ROWS_M), 1)) - noses
    T_LW = T_WL.inverse()
    P_L, d_L = T_LW.apply(noses), T_LW.rotate(looks)

    def hits(d: Array) -> Array:
        T = moved(T_WL, d)
        return on_blackboard(T.apply(P_L), T.rotate(d_L)).ravel()

    return slopes(hits, 6)


def slip(
    T_WA: Transform, T_AL: Transform, blackboard_m: tuple[float, float] | None,
    slip_m: float, slip_deg: float,
) -> Slip:  # fmt: skip
    """How far gaze points on the blackboard's middle move when the auxiliary board slips by so much
    (each axis in turn): the whole room moves with it."""
    R_LA, zero = T_AL.R.T, np.zeros((3, 3))
    # R_WA exp(δ) (R_AL p + t_AL + τ) + t_WA
    D = np.block([[R_LA, zero], [T_WA.R @ np.cross(np.eye(3), T_AL.t).T, T_WA.R]])
    away = (gaze_shift(T_WA @ T_AL, blackboard_m) @ D).reshape(len(ROWS_M), -1, 2, 6)[:, 0]
    cm = 100 * np.linalg.norm(away, axis=1)
    turn, shift = np.radians(slip_deg) * cm[:, :3], slip_m * cm[:, 3:]
    return Slip(
        slip_m=slip_m,
        slip_deg=slip_deg,
        shift_cm=tuple(shift.max(1).round(2).tolist()),
        turn_cm=tuple(turn.max(1).round(2).tolist()),
        turn_axis=tuple("rbu"[k] for k in turn.argmax(1)),
    )


def costs_cm(shift: Array) -> Array:
    """(rows,) how far gaze points of each row move, rms of the five, cm (:func:`gaze_shift`)."""
    square = (shift.reshape(len(ROWS_M), -1, 2) ** 2).sum(-1)
    return np.asarray(100 * np.sqrt(square.mean(1)), np.float64)
