"""From the auxiliary board to the room: which way round it lies, T_AL, T_WA and their covariance.

A chessboard's pose in a camera leaves questions that its picture cannot answer alone: two planar
poses explain a small board almost equally well (IPPE), and which of its four edges points to the
right is not printed on it. Gravity and the room answer them: pictures are upright, the left camera
stands on the left for somebody who faces the blackboard, and both look at the class. Every reading
is tried, and the facts that each one breaks are kept, so that an error can say which fact failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from calibration.transform import Array, Transform, rotation_exp, rotation_log

Placement = Literal["flat", "standing", "tilted"]

#: R_WA of frames.md: A's axes are r, −b, u; W's are −r, −u, b.
R_WA = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])

#: A tape measure's error (1 σ, each axis) and how far a board is laid from what is stated.
TAPE_SIGMA_M = 0.005
PLACEMENT_SIGMA_DEG = 0.5

UPRIGHT_DEG = 60.0  # pictures are upright within this
ACROSS_DEG = 45.0  # the line between the cameras runs along the blackboard within this
FURTHEST_BEHIND_M = 0.75  # a camera may stand this far behind the blackboard's plane
HIGHEST_M = 4.0  # … and no further than this above or below the blackboard's upper edge


@dataclass(frozen=True)
class Tape:
    """Where one auxiliary board was, as measured by hand.

    Parameters
    ----------
    placement : how it lies: ``flat``, ``standing`` or ``tilted``.
    left_m, down_m, out_m : from the blackboard's upper right corner to the board's first inner
        corner, along +x_W, +y_W, +z_W. None: not measured (a picture of the room must say it).
    angle_deg : for ``tilted``: 0 = flat, 90 = standing.
    tape_sigma_m, placement_sigma_deg : how well that is known (1 σ).
    """

    placement: Placement
    left_m: float | None
    down_m: float | None
    out_m: float | None
    angle_deg: float | None = None
    tape_sigma_m: float = TAPE_SIGMA_M
    placement_sigma_deg: float = PLACEMENT_SIGMA_DEG

    @property
    def measured(self) -> bool:
        """Whether there are lengths; how the board lies is always stated."""
        return None not in (self.left_m, self.down_m, self.out_m)

    @property
    def t_WA(self) -> Array:
        """(3,) metres."""
        if not self.measured:
            raise ValueError("this placement was not measured by tape")
        return np.array([self.left_m, self.down_m, self.out_m], np.float64)

    def at(self, t_WA: Array) -> Tape:
        """The same placement with these lengths (3,), metres."""
        left, down, out = (float(v) for v in t_WA)
        return replace(self, left_m=left, down_m=down, out_m=out)

    @property
    def tilt_deg(self) -> float:
        """Angle about r from lying flat."""
        return {"flat": 0.0, "standing": 90.0}.get(self.placement, float(self.angle_deg or 0.0))


def R_AP(tilt_deg: float) -> Array:
    """(3, 3) from the board as placed (P: right, up on the print, out of the print) to A.

    A turn about r: P is A itself for a board that lies flat, and (r, u, b) for one that stands.
    """
    return rotation_exp([np.radians(tilt_deg), 0.0, 0.0])


def T_PB(points_B: Array, quarter_turns: int) -> Transform:
    """From the detector's board frame to P, for a board turned by quarter turns in its plane.

    P's origin is its first inner corner: the upper right one of the board as placed.
    """
    c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter_turns % 4]
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ np.diag([1.0, -1, -1])
    corner = (points_B @ R.T)[:, :2].max(0)
    return Transform(R, np.array([-corner[0], -corner[1], 0.0]), "P", "B")


@dataclass(frozen=True)
class Reading:
    """One way to understand the auxiliary pictures, and the facts of the room that it breaks."""

    quarter_turns: int
    solution: int  # which of the planar pose solutions
    T_AL: Transform
    broken: tuple[str, ...]
    numbers: dict[str, float] = field(default_factory=dict)


def read_placement(
    tape: Tape,
    points_B: Array,
    T_LB: Sequence[Transform],
    T_RL: Transform | None,
    *,
    ratio: Sequence[float] | None = None,
) -> list[Reading]:
    """Every reading of one placement: planar solutions × quarter turns, with what each breaks.

    Parameters
    ----------
    T_LB : pose solutions of the board (one or two, best first).
    T_RL : the pair, or None where only one camera is known.

    Facts: ``upright`` (pictures stand upright within 60°), ``left_right`` (the left camera is on
    the left for somebody who faces the blackboard), ``class`` (both cameras look away from the
    blackboard's wall), ``behind`` (no camera is behind the blackboard's plane), ``height`` (no
    camera is absurdly high or low).
    """
    readings = []
    for solution, T in enumerate(T_LB):
        for k in range(4):
            T_AP = Transform(R_AP(tape.tilt_deg), np.zeros(3), "A", "P")
            T_AL = T_AP @ T_PB(points_B, k) @ T.inverse()
            T_AL = replace(T_AL, dst="A", src="L")
            readings.append(_judge(tape, T_AL, T_RL, k, solution))
    return readings


def _judge(tape: Tape, T_AL: Transform, T_RL: Transform | None, k: int, solution: int) -> Reading:
    """Which facts of the room a reading breaks."""
    cameras = [T_AL] if T_RL is None else [T_AL, T_AL @ T_RL.inverse()]
    broken: list[str] = []
    numbers: dict[str, float] = {}
    for name, T_AC in zip(("left", "right"), cameras, strict=False):
        down_C = T_AC.R.T @ np.array([0, 0, -1.0])  # A's Z is up
        roll = float(np.degrees(np.arctan2(down_C[0], down_C[1])))
        numbers[f"{name}_roll_deg"] = roll
        looks_level = np.hypot(down_C[0], down_C[1]) > 0.3
        if looks_level and abs(roll) > UPRIGHT_DEG:
            broken.append("upright")
        forward_b = float(-T_AC.R[1, 2])  # A's Y is −b
        numbers[f"{name}_forward_b"] = forward_b
        p_W = R_WA @ T_AC.t + tape.t_WA
        numbers |= {f"{name}_{a}_m": float(v) for a, v in zip("xyz", p_W, strict=True)}
        if p_W[2] < -FURTHEST_BEHIND_M:
            broken.append("behind")
        if abs(p_W[1]) > HIGHEST_M:
            broken.append("height")
    forward = [v for n, v in numbers.items() if n.endswith("forward_b")]
    if float(np.mean(forward)) < 0.0 or min(forward) < -0.5:
        broken.append("class")
    if T_RL is not None:
        across = cameras[1].t - cameras[0].t  # left → right camera, in A
        angle = float(np.degrees(np.arctan2(np.hypot(across[1], across[2]), across[0])))
        numbers["across_deg"] = angle
        if angle > ACROSS_DEG:
            broken.append("left_right")
    return Reading(k, solution, T_AL, tuple(dict.fromkeys(broken)), numbers)


# -- several placements, one world -----------------------------------------------------------------
#: σ of a length that nobody measured.
UNMEASURED_M = 100.0


@dataclass(frozen=True)
class Measured:
    """Where one auxiliary board is in the room, by tape or seen in pictures of the room.

    Parameters
    ----------
    placement : number of the board.
    T_WA : where it is.
    covariance : (6, 6) of (δ in ``R_WA exp(δ)``, t_WA), radians and metres.
    source : ``tape`` or ``picture``.
    """

    placement: int
    T_WA: Transform
    covariance: Array
    source: Literal["tape", "picture"]


def by_tape(placement: int, tape: Tape, t_WA: Array | None = None) -> Measured:
    """What the tape and the laying say: R_WA as stated, t_WA as measured.

    t_WA : where lengths were not measured: about where the board is; only its rotation counts.
    """
    t_sigma = tape.tape_sigma_m if tape.measured else UNMEASURED_M
    at = tape.t_WA if tape.measured or t_WA is None else t_WA
    variances = [np.radians(tape.placement_sigma_deg) ** 2] * 3 + [t_sigma**2] * 3
    return Measured(placement, Transform(R_WA, at, "W", "A"), np.diag(variances), "tape")


def by_picture(placement: int, T_WB: Transform, covariance: Array, T_AB: Transform) -> Measured:
    """What pictures of the room say: T_WB with its (6, 6) covariance, T_AB the board in A."""
    T_BA = T_AB.inverse()
    x, y, z = T_BA.t
    J = np.zeros((6, 6))
    # R_WB exp(δ) R_BA = R_WA exp(R_AB δ);  t_WA = t_WB + R_WB exp(δ) t_BA
    J[:3, :3] = T_AB.R
    J[3:, :3] = -T_WB.R @ np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    J[3:, 3:] = np.eye(3)
    return Measured(placement, T_WB @ T_BA, J @ covariance @ J.T, "picture")


def _whitener(measured: Sequence[Measured]) -> Array:
    """(n, 6, 6) L⁻¹ of each covariance L Lᵀ."""
    C = np.stack([m.covariance for m in measured])
    return np.asarray(np.linalg.inv(np.linalg.cholesky(C)), np.float64)


def _disagreement(
    T_WL: Transform, poses_AL: Sequence[Transform], measured: Sequence[Measured], error: Array
) -> Array:
    """(n, 6) by how much the cameras place each board away from where it was measured to be.

    error : (n, 6) of the measurements (radians, metres).
    """
    out = np.zeros((len(measured), 6))
    for i, m in enumerate(measured):
        T_WA = T_WL @ poses_AL[m.placement].inverse()
        want_R = m.T_WA.R @ rotation_exp(error[i, :3])
        out[i, :3] = rotation_log(want_R.T @ T_WA.R)
        out[i, 3:] = T_WA.t - m.T_WA.t - error[i, 3:]
    return out


def _weighted_jacobian(
    T_WL: Transform, poses_AL: Sequence[Transform], measured: Sequence[Measured], white: Array
) -> tuple[Array, Array]:
    """Whitened residuals (6 n,) and their derivative by T_WL (6 n, 6)."""
    zero = np.zeros((len(measured), 6))

    def residual(T: Transform) -> Array:
        r = _disagreement(T, poses_AL, measured, zero)
        out: Array = np.einsum("nij,nj->ni", white, r).ravel()
        return out

    r = residual(T_WL)
    J = np.zeros((r.size, 6))
    for j in range(6):
        d = np.zeros(6)
        d[j] = 1e-6
        J[:, j] = (residual(_moved(T_WL, d)) - residual(_moved(T_WL, -d))) / 2e-6
    return r, J


def combine(poses_AL: Sequence[Transform], measured: Sequence[Measured]) -> tuple[Transform, Array]:
    """T_WL from everything that was measured, weighted by how well.

    Parameters
    ----------
    poses_AL : T_AL of each placement as the cameras see it (each with its own A).
    measured : tape and pictures; several may be of one placement.

    Returns
    -------
    T_WL, and (n, 6) residuals: rotation vector (radians) and metres by which the cameras place each
    board away from its measurement. With one measurement they are zero.
    """
    best = min(measured, key=lambda m: float(np.trace(m.covariance[3:, 3:])))
    T_WL = best.T_WA @ poses_AL[best.placement]
    zero = np.zeros((len(measured), 6))
    if len(measured) == 1:
        return T_WL, zero
    white = _whitener(measured)
    for _ in range(20):
        r, J = _weighted_jacobian(T_WL, poses_AL, measured, white)
        step = np.asarray(np.linalg.lstsq(J, -r, rcond=None)[0], np.float64)
        T_WL = _moved(T_WL, step)
        if np.abs(step).max() < 1e-9:
            break
    return T_WL, _disagreement(T_WL, poses_AL, measured, zero)


def _moved(T: Transform, d: Array) -> Transform:
    """R exp(δ), t + δ."""
    return Transform(T.R @ rotation_exp(d[:3]), T.t + d[3:], T.dst, T.src)


@dataclass(frozen=True)
class World:
    """The room: transforms of the first placement's board, and their covariance.

    Parameters
    ----------
    T_AL, T_WA : as in docs/conventions.md; T_WA @ T_AL is the combination of all measurements.
    J_vision : (12, 6 n) derivative of (T_AL, T_WA) by the boards' poses (δ, t of T_LB).
    measured_covariance : (12, 12) the measurements' share.
    residuals : (m, 6) by how much each measurement disagrees (radians, metres).
    """

    T_AL: Transform
    T_WA: Transform
    J_vision: Array
    measured_covariance: Array
    residuals: Array


def solve_world(
    poses_LB: Sequence[Transform], boards_AB: Sequence[Transform], measured: Sequence[Measured]
) -> World:
    """Combine what was measured and propagate both kinds of noise (vision, measuring), first order.

    poses_LB : T_LB of each placement's board; boards_AB : T_AB of each, by its reading.
    """
    n, m = len(poses_LB), len(measured)
    white = _whitener(measured)

    def boards(d_vision: Array) -> list[Transform]:
        return [
            boards_AB[i] @ _moved(poses_LB[i], d_vision[6 * i : 6 * i + 6]).inverse()
            for i in range(n)
        ]

    zero, exact = np.zeros(6 * n), np.zeros((m, 6))
    start = boards(zero)
    T_WL, r = combine(start, measured)
    T_AL = start[0]
    T_WA = T_WL @ T_AL.inverse()
    _, J = _weighted_jacobian(T_WL, start, measured, white)
    solve_T = -np.linalg.pinv(J)  # δT_WL = solve_T · δ(whitened residuals): implicit derivative

    def outcome(d_vision: Array, error: Array) -> Array:
        """(12,) first-order change of (T_AL, T_WA)."""
        moved = boards(d_vision)
        change = _disagreement(T_WL, moved, measured, error) - r
        W = _moved(T_WL, solve_T @ np.einsum("nij,nj->ni", white, change).ravel())
        a, w = moved[0], W @ moved[0].inverse()
        return np.concatenate(
            [rotation_log(T_AL.R.T @ a.R), a.t - T_AL.t, rotation_log(T_WA.R.T @ w.R), w.t - T_WA.t]
        )

    h = 1e-5
    J_vision = np.zeros((12, 6 * n))
    for j in range(6 * n):
        d = zero.copy()
        d[j] = h
        J_vision[:, j] = (outcome(d, exact) - outcome(-d, exact)) / (2 * h)
    covariance = np.zeros((12, 12))
    for i, each in enumerate(measured):
        J_own = np.zeros((12, 6))
        for j in range(6):
            e = exact.copy()
            e[i, j] = h
            J_own[:, j] = (outcome(zero, e) - outcome(zero, -e)) / (2 * h)
        covariance += J_own @ each.covariance @ J_own.T
    T_AL = Transform(T_AL.R, T_AL.t, "A", "L")
    T_WA = Transform(T_WA.R, T_WA.t, "W", "A")
    return World(T_AL, T_WA, J_vision, covariance, r)


def slip_effect(
    T_WA: Transform, points_W: Array, directions_W: Array, *, slip_m: float, slip_deg: float
) -> dict[str, Any]:
    """How far gaze points on the blackboard move when the auxiliary board slips.

    Parameters
    ----------
    points_W : (N, 3) noses; directions_W : (N, 3) where they look.
    slip_m, slip_deg : the slip of the board (each axis in turn).

    Returns
    -------
    ``{"slip_m", "slip_deg", "shift_cm": [N], "turn_cm": [N], "turn_axis": [N]}``: centimetres on
    the blackboard for the worst direction of the slip and the worst axis of the turn.
    """
    T_AW = T_WA.inverse()
    hit = _hits(points_W, directions_W)
    shift = np.zeros(len(points_W))
    turn = np.zeros(len(points_W))
    axis = np.array(["r"] * len(points_W))
    for j, name in enumerate(("r", "b", "u")):
        for size, kind in ((slip_m, "shift"), (np.radians(slip_deg), "turn")):
            d = np.zeros(6)
            d[j + (3 if kind == "shift" else 0)] = size
            # the board lies elsewhere than the tape says: the whole room moves with it
            if kind == "shift":
                moved = Transform(T_WA.R, T_WA.t + T_WA.R @ d[3:], "W", "A")
            else:
                moved = Transform(T_WA.R @ rotation_exp(d[:3]), T_WA.t, "W", "A")
            new = moved @ T_AW
            there = _hits(new.apply(points_W), new.rotate(directions_W))
            away = np.linalg.norm(there - hit, axis=1)
            if kind == "shift":
                shift = np.maximum(shift, away)
            else:
                axis = np.where(away > turn, name, axis)
                turn = np.maximum(turn, away)
    return {
        "slip_m": slip_m,
        "slip_deg": slip_deg,
        "shift_cm": [round(100 * float(v), 2) for v in shift],
        "turn_cm": [round(100 * float(v), 2) for v in turn],
        "turn_axis": axis.tolist(),
    }


def _hits(p_W: Array, d_W: Array) -> Array:
    """(N, 2) where rays meet the blackboard's plane z_W = 0."""
    return np.asarray(p_W[:, :2] - p_W[:, 2:] * d_W[:, :2] / d_W[:, 2:], np.float64)
