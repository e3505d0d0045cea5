"""What was measured of the room, as one list in one least squares, and what that list can check.

Each placement of the auxiliary board gives three lengths by tape and three angles (how it was
laid), perhaps a pose by pictures of the room; the tape from each lens to the blackboard's corners
gives lengths that know nothing of the auxiliary board. Unknown are T_WL and, where lengths lead to
it, the blackboard's width. What is measured twice checks itself: :func:`reliability` says how large
an error of each measurement could be without being seen, and what it would cost on the blackboard
(Baarda's internal and external reliability). Frames: docs/conventions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

from calibration.room.world import R_WA, T_AB, Tape
from calibration.shapes import shapes
from calibration.transform import Array, Transform, rotation_exp, rotation_log

LENGTHS = ("left_m", "down_m", "out_m")
#: The rows that are angles, and what they are in words.
TURNS = {
    "tip": "tipped about its edge along the blackboard",
    "roll": "rolled sideways",
    "turn": "turned as seen from above",
}
#: Tape from a lens to a corner of the blackboard, 1 σ: the lens is inside, the corner is rounded.
LENS_SIGMA_M, LENS_SIGMA_SHARE = 0.01, 0.002
#: The corners that ``corners_m`` leads to, in its order; the upper two will do, four are better.
CORNERS = ("upper left", "upper right", "lower left", "lower right")
#: How well the blackboard's width and height are measured.
SIZE_SIGMA_M = 0.005
#: What all placements have in common, 1 σ: their tapes start at one corner of the blackboard.
COMMON_M = 0.003
#: σ of a length of which nothing is believed.
LOOSE_M = 3.0
#: Distances from the blackboard at which the cost of an error is said.
ROWS_M = (3.0, 6.0, 9.0)
#: An error is seen where it is this many σ of its own (found at 3.6 σ, three times in four).
SEEN_SIGMAS = 4.3
#: The largest errors that are thought of: a length that nothing checks, a turn that nothing checks.
LARGEST_M, LARGEST_DEG = 0.3, 10.0


@dataclass(frozen=True)
class PoseMeasured:
    """Where pictures of the room put an auxiliary board.

    T_WA : the board. covariance : (6, 6) of (δ in ``R_WA exp(δ)``, t_WA), radians and metres.
    """

    T_WA: Transform
    covariance: Array


@shapes(covariance="6 6")
def by_picture(T_WB: Transform, covariance: Array, T_AB: Transform) -> PoseMeasured:
    """T_WB as pictures of the room say, with its (6, 6) covariance, turned into T_WA."""
    T_BA = T_AB.inverse()
    x, y, z = T_BA.t
    J = np.zeros((6, 6))
    # R_WB exp(δ) R_BA = R_WA exp(R_AB δ);  t_WA = t_WB + R_WB exp(δ) t_BA
    J[:3, :3] = T_AB.R
    J[3:, :3] = -T_WB.R @ np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    J[3:, 3:] = np.eye(3)
    return PoseMeasured(T_WB @ T_BA, J @ covariance @ J.T)


@dataclass(frozen=True)
class PlacedBoard:
    """One placement: how the cameras see it, how it was measured.

    Parameters
    ----------
    T_LB : the board as the cameras see it.
    points_B : (N, 3) its corners.
    square_m : of its print.
    quarter_turns : which of its edges points to the right (:func:`calibration.room.world.T_PB`).
    tape : as stated. picture : what pictures of the room say, or None.
    """

    T_LB: Transform
    points_B: Array
    square_m: float
    quarter_turns: int
    tape: Tape
    picture: PoseMeasured | None = None

    @property
    def T_AB(self) -> Transform:
        """The board in A, if it lies as stated."""
        return T_AB(self.tape.tilt_deg, self.points_B, self.quarter_turns)

    @property
    def size_m(self) -> tuple[float, float]:
        """(along r, across it) between the outermost inner corners, as placed."""
        a, b = np.ptp(self.points_B[:, 0]), np.ptp(self.points_B[:, 1])
        return (float(a), float(b)) if self.quarter_turns % 2 == 0 else (float(b), float(a))


@dataclass(frozen=True)
class Measured:
    """One row of the least squares.

    name : ``0.left_m`` (placement, length or turn), ``left.upper right`` (lens, corner) or
    ``width_m``. sigma : 1 σ, metres or radians. stated : the length that was given, metres; None:
    an angle, or a picture's.
    """

    name: str
    sigma: float
    stated: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What was measured, as stated.

    Parameters
    ----------
    boards : one per placement.
    T_RL : the pair.
    blackboard_m : (width, height).
    corners_m : per camera the lengths from its lens to :data:`CORNERS` (two or four).
    noise : (m, m) what the cameras' own noise adds to the rows' covariance; None = nothing.
    loose : a length (``left_m`` …) that all placements may have wrong by the same amount.
    """

    boards: tuple[PlacedBoard, ...]
    T_RL: Transform
    blackboard_m: tuple[float, float] | None = None
    corners_m: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    noise: Array | None = None
    loose: str = ""

    @cached_property
    def measured(self) -> tuple[Measured, ...]:
        """Everything that was measured: the rows of the least squares."""
        out: list[Measured] = []
        for i, b in enumerate(self.boards):
            if b.tape.measured:
                lengths = zip(LENGTHS, b.tape.t_WA.tolist(), strict=True)
                out += [Measured(f"{i}.{n}", b.tape.tape_sigma_m, v) for n, v in lengths]
            turn_sigma = float(np.radians(b.tape.placement_sigma_deg))
            out += [Measured(f"{i}.{n}", turn_sigma) for n in TURNS]
            if b.picture is not None:
                sigma = np.sqrt(np.diag(b.picture.covariance)).tolist()
                out += [Measured(f"{i}.picture{j}", v) for j, v in enumerate(sigma)]
        for camera, far in self.corners_m.items():
            out += [
                Measured(f"{camera}.{corner}", LENS_SIGMA_M + LENS_SIGMA_SHARE * length, length)
                for corner, length in zip(CORNERS, far, strict=False)
            ]
        if self.corners_m:
            assert self.blackboard_m is not None
            out.append(Measured("width_m", SIZE_SIGMA_M, self.blackboard_m[0]))
        return tuple(out)

    def names(self) -> tuple[str, ...]:
        """What each row of the least squares measures."""
        return tuple(m.name for m in self.measured)

    def covariance(self) -> Array:
        """(m, m) of the rows, metres and radians: measuring, and what the cameras saw."""
        C = self.measuring()
        return C if self.noise is None or self.noise.shape != C.shape else C + self.noise

    @shapes(vision="m m")
    def with_noise(self, vision: Array) -> Evidence:
        """With the (6 + 6 n, 6 + 6 n) covariance of (δ, t) of T_RL and of each T_LB."""
        T, width = self.start(), self.blackboard_m[0] if self.blackboard_m else 0.0
        J = np.stack([
            (self.seen(e).residuals(T, width) - self.seen(-e).residuals(T, width)) / 2e-6
            for e in 1e-6 * np.eye(len(vision))
        ], 1)  # fmt: skip
        return replace(self, noise=J @ vision @ J.T)

    def seen(self, d: Array) -> Evidence:
        """The evidence with T_RL and the boards' poses moved by (6 + 6 n,)."""
        boards = tuple(
            replace(b, T_LB=moved(b.T_LB, d[6 + 6 * i : 12 + 6 * i]))
            for i, b in enumerate(self.boards)
        )
        return replace(self, T_RL=moved(self.T_RL, d[:6]), boards=boards)

    def measuring(self) -> Array:
        """(m, m) what of it comes from tape, laying and pictures of the room."""
        C = np.diag([m.sigma**2 for m in self.measured])
        at = {name: k for k, name in enumerate(self.names())}
        for i, b in enumerate(self.boards):
            if b.picture is not None:  # its six numbers err together
                k = at[f"{i}.picture0"]
                C[k : k + 6, k : k + 6] = b.picture.covariance
        for length in LENGTHS:  # all placements start at one corner of the blackboard
            rows = [k for name, k in at.items() if name.endswith(f".{length}")]
            common = COMMON_M**2 if len(self.boards) > 1 else 0.0
            C[np.ix_(rows, rows)] += common + (LOOSE_M**2 if length == self.loose else 0.0)
        return C

    def residuals(self, T_WL: Transform, width_m: float, scale: float = 1.0) -> Array:
        """(m,) by how much the cameras disagree with each row, metres and radians (seen − stated).

        scale : how much larger everything seen is than the squares say.
        """
        return self.rows(T_WL.R, T_WL.t, width_m, scale)[0]

    @cached_property
    def _fixed(self) -> tuple[list[tuple[Array, Array, Array]], Array, list[Array]]:
        """What does not depend on the room: rotations to compare with, points of L, lengths."""
        turns, points = [], [self.T_RL.inverse().t]
        for b in self.boards:
            T_LA = b.T_LB @ b.T_AB.inverse()
            points.append(T_LA.t)
            turns.append((T_LA.R, R_WA.T, np.eye(3) if b.picture is None else b.picture.T_WA.R.T))
        return turns, np.array(points), [np.array(v) for v in self.corners_m.values()]

    def rows(self, R_WL: Array, t_WL: Array, width_m: float, scale: float) -> tuple[Array, Array]:
        """:meth:`residuals`, and their (m, 8) derivative by (δ, t of T_WL, width, scale)."""
        turns, points_L, lengths = self._fixed
        points = scale * points_L @ R_WL.T
        # R exp(δ) s p + t:  ∂/∂δ = −R [s p]ₓ, ∂/∂t = I, ∂/∂s = R p
        moves = np.zeros((len(points), 3, 8))
        moves[:, :, :3] = -R_WL @ _cross(scale * points_L)
        moves[:, :, 3:6] = np.eye(3)
        moves[:, :, 7] = points / scale
        points = points + t_WL
        r: list[Array] = []
        J: list[Array] = []

        def turn(R_stated: Array, R_seen: Array, R_LA: Array) -> None:
            v = _log(R_stated @ R_seen)
            r.append(v)
            J.append(np.concatenate([_log_jacobian(v) @ R_LA.T, np.zeros((3, 5))], 1))

        for b, at, move, (R_LA, R_stated, R_picture) in zip(
            self.boards, points[1:], moves[1:], turns, strict=True
        ):
            if b.tape.measured:
                r.append(at - b.tape.t_WA)
                J.append(move)
            turn(R_stated, R_WL @ R_LA, R_LA)
            if b.picture is not None:
                turn(R_picture, R_WL @ R_LA, R_LA)
                r.append(at - b.picture.T_WA.t)
                J.append(move)
        if self.corners_m:
            corners = self.corners_W(width_m)
            left = np.concatenate([np.zeros((3, 3)), np.eye(3), np.zeros((3, 2))], 1)
            for camera, given in zip(self.corners_m, lengths, strict=True):
                lens, move = (t_WL, left) if camera == "left" else (points[0], moves[0])
                away = lens - corners[: len(given)]
                far = np.linalg.norm(away, axis=1)
                r.append(far - given)
                J.append(away / far[:, None] @ move)
                J[-1][::2, 6] -= away[::2, 0] / far[::2]  # the left corners move with the width
            assert self.blackboard_m is not None
            r.append(np.array([width_m - self.blackboard_m[0]]))
            J.append(np.eye(8)[6:7])
        return np.concatenate(r), np.concatenate(J)

    def stated(self, row: str) -> float | None:
        """The length that a row states; None for angles, pictures and several at once."""
        return next((m.stated for m in self.measured if m.name == row), None)

    def corners_W(self, width_m: float) -> Array:
        """(4, 3) the blackboard's corners in W, in the order of :data:`CORNERS`."""
        height = self.blackboard_m[1] if self.blackboard_m else 0.0
        return np.array([[width_m, 0, 0], [0, 0, 0], [width_m, height, 0], [0, height, 0]])

    def start(self) -> Transform:
        """T_WL by the best measured board alone."""

        def doubt(b: PlacedBoard) -> float:
            if b.picture is not None:
                return float(np.trace(b.picture.covariance[3:, 3:]))
            return 3 * b.tape.tape_sigma_m**2 if b.tape.measured else np.inf

        b = min(self.boards, key=doubt)
        T_WA = Transform(R_WA, b.tape.t_WA, "W", "A") if b.picture is None else b.picture.T_WA
        return T_WA @ b.T_AB @ b.T_LB.inverse()


@dataclass(frozen=True)
class Solved:
    """The room that fits a list of measurements best.

    Parameters
    ----------
    T_WL, width_m, scale : what was solved for (the latter two as stated where they were not free).
    names : the rows that counted; residual : (m,) theirs, seen − stated; sigma : (m,) of each.
    J : (m, n) whitened derivative by (δ, t of T_WL[, width][, scale]); white : (m, m) L⁻¹.
    chi2, dof : of all rows.
    """

    T_WL: Transform
    width_m: float
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
) -> Solved:
    """T_WL from everything that was measured, weighted by how well.

    without : names of rows that do not count. free_scale : solve for the size of things as well.
    start : T_WL to begin with.
    """
    names = evidence.names()
    keep = np.array([n not in set(without) for n in names])
    C = evidence.covariance()[np.ix_(keep, keep)]
    sigma = np.sqrt(np.diag(C))  # by σ, and a hair more: poses of pictures that do not belong
    part = C / np.outer(sigma, sigma) + 1e-12 * np.eye(len(C))  # together are known to kilometres
    white = np.asarray(np.linalg.inv(np.linalg.cholesky(part)) / sigma, np.float64)
    T = start if start is not None else evidence.start()
    more = np.array([evidence.blackboard_m[0] if evidence.blackboard_m else 0.0, 1.0])
    free = [*range(6), *([6] if evidence.corners_m else []), *([7] if free_scale else [])]

    R, t = T.R, T.t

    def rows(R: Array, t: Array, more: Array) -> tuple[Array, Array]:
        r, J = evidence.rows(R, t, *more)
        return white @ r[keep], white @ J[keep][:, free]

    (r, J), damping = rows(R, t, more), 1e-6
    for _ in range(60):
        H = J.T @ J
        step = np.zeros(8)
        damped = H + damping * np.diag(np.diag(H) + 1e-9)
        step[free] = -np.linalg.lstsq(damped, J.T @ r, rcond=None)[0]
        trial = R @ cv2.Rodrigues(step[:3])[0], t + step[3:6], more + step[6:]
        r_new, J_new = rows(*trial)
        gain = float(r @ r - r_new @ r_new)
        if gain < 0 and damping < 1e8 and np.abs(step).max() > 1e-9:
            damping = max(damping, 1e-6) * 10
            continue
        (R, t, more), r, J, damping = trial, r_new, J_new, max(damping / 10, 1e-12)
        if gain < 1e-7 * float(r @ r) + 1e-9:
            break
    T = Transform(R, t, "W", "L")
    return Solved(
        T, float(more[0]), float(more[1]), tuple(np.array(names)[keep].tolist()),
        evidence.residuals(T, *more)[keep], np.sqrt(np.diag(C)), J, white, float(r @ r),
        int(keep.sum()) - np.linalg.matrix_rank(J),
    )  # fmt: skip


def _cross(v: Array) -> Array:
    """(N, 3) → (N, 3, 3) [v]ₓ."""
    out = np.zeros((len(v), 3, 3))
    out[:, 0, 1], out[:, 0, 2], out[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    return np.asarray(out - np.swapaxes(out, 1, 2), np.float64)


def _log(R: Array) -> Array:
    """(3,) rotation vector of (3, 3) R: quicker than scipy's, exact near zero (cv2's is not)."""
    twice = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = float(np.linalg.norm(twice)) / 2, (float(np.trace(R)) - 1) / 2
    if sine < 1e-6:
        return twice / 2 if cosine > 0 else rotation_log(R)
    return np.asarray(twice / 2 * (np.arctan2(sine, cosine) / sine), np.float64)


def _log_jacobian(v: Array) -> Array:
    """(3, 3) ∂ log(R exp(δ)) / ∂δ at log R = v: the inverse of SO(3)'s right Jacobian."""
    angle = float(np.linalg.norm(v))
    K = _cross(v[None])[0]
    if angle < 1e-4:
        return np.asarray(np.eye(3) + K / 2, np.float64)
    k = (1 - angle / 2 / np.tan(angle / 2)) / angle**2
    return np.asarray(np.eye(3) + K / 2 + k * K @ K, np.float64)


def moved(T: Transform, d: Array) -> Transform:
    """R exp(δ), t + δ."""
    return Transform(T.R @ rotation_exp(d[:3]), T.t + d[3:], T.dst, T.src)


# -- what it is worth ------------------------------------------------------------------------------
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
        P, look = T.apply(P_L), T.rotate(d_L)
        return np.asarray(P[:, :2] - P[:, 2:] * look[:, :2] / look[:, 2:], np.float64).ravel()

    E = 1e-6 * np.eye(6)
    return np.stack([(hits(e) - hits(-e)) / 2e-6 for e in E], 1)


def costs_cm(shift: Array) -> Array:
    """(rows,) how far gaze points of each row move, rms of the five, cm (:func:`gaze_shift`)."""
    square = (shift.reshape(len(ROWS_M), -1, 2) ** 2).sum(-1)
    return np.asarray(100 * np.sqrt(square.mean(1)), np.float64)


# -- T_AL, T_WA and their covariance ---------------------------------------------------------------
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
    more = (solved.width_m, solved.scale)

    def of(e: Evidence, d_room: Array) -> tuple[Transform, Transform]:
        b = e.boards[0]
        T_AL = b.T_AB @ b.T_LB.inverse()
        return T_AL, moved(solved.T_WL, d_room) @ T_AL.inverse()

    T_AL, T_WA = of(evidence, np.zeros(6))

    def change(e: Evidence, d_room: Array) -> Array:
        a, w = of(e, d_room)
        return np.concatenate(
            [rotation_log(T_AL.R.T @ a.R), a.t - T_AL.t, rotation_log(T_WA.R.T @ w.R), w.t - T_WA.t]
        )

    h = 1e-5
    J_room = np.stack(
        [(change(evidence, e) - change(evidence, -e)) / (2 * h) for e in h * np.eye(6)], 1
    )
    columns = []
    for e in h * np.eye(6 + 6 * n):
        ends = []
        for moved_to in (evidence.seen(e), evidence.seen(-e)):
            # implicit derivative: the unknowns follow what is seen
            r = moved_to.residuals(solved.T_WL, *more) - solved.residual
            ends.append(change(moved_to, -gain @ r))
        columns.append((ends[0] - ends[1]) / (2 * h))
    return World(
        Transform(T_AL.R, T_AL.t, "A", "L"),
        Transform(T_WA.R, T_WA.t, "W", "A"),
        np.stack(columns, 1),
        J_room @ gain @ evidence.measuring() @ gain.T @ J_room.T,
        solved,
    )
