"""What was measured of the room: one list, for one least squares (fit.py).

Each placement of the auxiliary board gives three lengths by tape and three angles (how it was
laid), perhaps a pose by pictures of the room; the tape from each lens to the blackboard's corners
gives lengths that know nothing of the auxiliary board, and so does a class that looked at marked
points or sits at declared seats. Unknown are T_WL and, where lengths lead to them, the blackboard's
width and height. Frames: docs/conventions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

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
#: What :attr:`Evidence.loose` may be beside a length: where the tapes from the lenses begin (of one
#: camera: ``left.begun``), a frame that is in the blackboard's width as in its height, a frame to
#: whose corners the tapes from the lenses lead, a frame at whose corner the board's tape begins (of
#: one placement: ``0.from frame``), and a tape whose first piece is missing or counts twice.
BEGUN, FRAME, TO_FRAME, FROM_FRAME, HOOK = "begun", "frame", "to frame", "from frame", "hook"
#: Rows that such an error is in, by how much of it; all of :data:`HOOK` are lengths.
SHARES = {
    BEGUN: dict.fromkeys(CORNERS, 1.0),
    FRAME: {"width_m": 1.0, "height_m": 1.0},
    FROM_FRAME: {"left_m": 1.0, "down_m": 1.0},
    TO_FRAME: {"width_m": 2.0, "height_m": 2.0, "left_m": 1.0, "down_m": 1.0},
}
#: The rows of a class that looked at marked points.
LOOKS = ("looks.sideways", "looks.down")
#: The rows of a class that sits at declared seats: turned about W's axes, where, how large.
SEATS = tuple(f"seats.{n}" for n in ("tip", "turn", "roll", "sideways", "down", "out", "size"))
#: Distances from the blackboard at which the cost of an error is said.
ROWS_M = (3.0, 6.0, 9.0)


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
    # R_WB exp(δ) R_BA = R_WA exp(R_AB δ);  t_WA = t_WB + R_WB exp(δ) t_BA
    J = np.block([[T_AB.R, np.zeros((3, 3))], [-T_WB.R @ _cross(T_BA.t[None])[0], np.eye(3)]])
    return PoseMeasured(T_WB @ T_BA, J @ covariance @ J.T)


@dataclass(frozen=True)
class Looked:
    """Where a class that looked at marked points sees a point of the blackboard.

    at_m : (x, y) of it in W. p_L : (3,) where they see it, in the left camera's frame, metres.
    sigma_m : 1 σ along x_W and y_W. students : how many looked.
    """

    at_m: tuple[float, float]
    p_L: tuple[float, float, float]
    sigma_m: tuple[float, float]
    students: int


@dataclass(frozen=True)
class Seated:
    """Where a class sits in the room, as declared and as the cameras see it.

    K is a frame of the class: parallel to W as declared, its origin amid the front row's noses.

    at_m : (3,) where K is declared to be in W. p_L : (3,) where the cameras see it, R_LK : (3, 3)
    how it is turned, in the left camera's frame. size : how much larger the class is seen than it
    is declared. covariance : (7, 7) of what is declared: turned about W's axes, place, size;
    radians, metres, 1. students : how many sit at their seats.
    """

    at_m: tuple[float, float, float]
    p_L: tuple[float, float, float]
    R_LK: Sequence[Sequence[float]]
    size: float
    covariance: Sequence[Sequence[float]]
    students: int


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

    name : ``0.left_m`` (placement, length or turn), ``left.upper right`` (lens, corner),
    ``looks.down``, ``seats.out``, ``width_m`` or ``height_m``. sigma : 1 σ, metres or radians.
    stated : the length that was given, metres; None: an angle, a picture's, a look's, a class's.
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
    looked : what a class that looked at marked points says, or None.
    seated : what a class that sits at declared seats says, or None.
    noise : (m, m) what the cameras' own noise adds to the rows' covariance; None = nothing.
    along_wall : whether corners_m were measured from where each lens would touch the wall.
    loose : what may be wrong by any amount: a length (``left_m`` …) of all placements, all lengths
        from the lenses by the same (:data:`BEGUN`), or width and height (:data:`FRAME`).
    """

    boards: tuple[PlacedBoard, ...]
    T_RL: Transform
    blackboard_m: tuple[float, float] | None = None
    corners_m: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    looked: Looked | None = None
    seated: Seated | None = None
    noise: Array | None = None
    along_wall: bool = False
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
        if self.looked is not None:
            out += map(Measured, LOOKS, self.looked.sigma_m)
        for camera, far in self.corners_m.items():
            out += [
                Measured(f"{camera}.{corner}", LENS_SIGMA_M + LENS_SIGMA_SHARE * length, length)
                for corner, length in zip(CORNERS, far, strict=False)
            ]
        if self.corners_m:
            assert self.blackboard_m is not None
            out.append(Measured("width_m", SIZE_SIGMA_M, self.blackboard_m[0]))
            if self.to_lower_corners:
                out.append(Measured("height_m", SIZE_SIGMA_M, self.blackboard_m[1]))
        if self.seated is not None:
            out += map(Measured, SEATS, np.sqrt(np.diag(self.seated.covariance)).tolist())
        return tuple(out)

    def without_class(self) -> Evidence:
        """The evidence without where the class sits (its rows are the last ones)."""
        if self.seated is None:
            return self
        n = len(SEATS)
        noise = None if self.noise is None else self.noise[:-n, :-n]
        return replace(self, seated=None, noise=noise)

    @property
    def to_lower_corners(self) -> bool:
        """Whether lengths lead to the blackboard's lower corners, so that its height matters."""
        return any(len(far) > 2 for far in self.corners_m.values())

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
        T, size = self.start(), self.blackboard_m or (0.0, 0.0)
        J = slopes(lambda d: self.seen(d).residuals(T, size), len(vision))
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
        if self.seated is not None:
            C[-len(SEATS) :, -len(SEATS) :] = self.seated.covariance
        for length in LENGTHS:  # all placements start at one corner of the blackboard
            rows = [k for name, k in at.items() if name.endswith(f".{length}")]
            C[np.ix_(rows, rows)] += COMMON_M**2 if len(self.boards) > 1 else 0.0
        if self.loose:
            direction = self.direction(self.loose)
            C += LOOSE_M**2 * np.outer(direction, direction)
        return C

    def direction(self, what: str) -> Array:
        """(m,) by how much each row has an error that they share (:attr:`loose`)."""
        whose, _, last = what.rpartition(".")
        if last == HOOK:
            shares = {m.name: float(np.sign(m.stated or 0.0)) for m in self.measured}
        else:
            part = SHARES.get(last, {last: 1.0})
            shares = {n: part.get(n.split(".")[-1], 0.0) for n in self.names()}
        return np.array([share * n.startswith(whose) for n, share in shares.items()])

    def residuals(
        self, T_WL: Transform, size_m: Sequence[float] | Array, scale: float = 1.0
    ) -> Array:
        """(m,) by how much the cameras disagree with each row, metres and radians (seen − stated).

        size_m : (width, height) of the blackboard. scale : how much larger everything seen is than
        the squares say.
        """
        return self.rows(T_WL.R, T_WL.t, size_m, scale)[0]

    @cached_property
    def _fixed(self) -> tuple[list[tuple[Array, Array, Array]], Array, list[Array]]:
        """What does not depend on the room: rotations to compare with, points of L, lengths."""
        turns, points = [], [self.T_RL.inverse().t]
        for b in self.boards:
            T_LA = b.T_LB @ b.T_AB.inverse()
            points.append(T_LA.t)
            turns.append((T_LA.R, R_WA.T, np.eye(3) if b.picture is None else b.picture.T_WA.R.T))
        points += [np.array(v.p_L) for v in (self.looked, self.seated) if v is not None]
        return turns, np.array(points), [np.array(v) for v in self.corners_m.values()]

    def rows(
        self, R_WL: Array, t_WL: Array, size_m: Sequence[float] | Array, scale: float
    ) -> tuple[Array, Array]:
        """:meth:`residuals`; their (m, 9) derivative by (δ, t of T_WL, width, height, scale)."""
        turns, points_L, lengths = self._fixed
        points = scale * points_L @ R_WL.T
        # R exp(δ) s p + t:  ∂/∂δ = −R [s p]ₓ, ∂/∂t = I, ∂/∂s = R p
        moves = np.zeros((len(points), 3, 9))
        moves[:, :, :3] = -R_WL @ _cross(scale * points_L)
        moves[:, :, 3:6] = np.eye(3)
        moves[:, :, 8] = points / scale
        points = points + t_WL
        r: list[Array] = []
        J: list[Array] = []

        def turn(R_stated: Array, R_seen: Array, R_LA: Array) -> None:
            v = _log(R_stated @ R_seen)
            r.append(v)
            J.append(np.concatenate([_log_jacobian(v) @ R_LA.T, np.zeros((3, 6))], 1))

        n = len(self.boards) + 1
        for b, at, move, (R_LA, R_stated, R_picture) in zip(
            self.boards, points[1:n], moves[1:n], turns, strict=True
        ):
            if b.tape.measured:
                r.append(at - b.tape.t_WA)
                J.append(move)
            turn(R_stated, R_WL @ R_LA, R_LA)
            if b.picture is not None:
                turn(R_picture, R_WL @ R_LA, R_LA)
                r.append(at - b.picture.T_WA.t)
                J.append(move)
        if self.looked is not None:
            r.append(points[n, :2] - self.looked.at_m)
            J.append(moves[n, :2])
        if self.corners_m:
            width, height = size_m
            corners = np.array([[width, 0, 0], [0, 0, 0], [width, height, 0], [0, height, 0]])
            left = np.concatenate([np.zeros((3, 3)), np.eye(3), np.zeros((3, 3))], 1)
            for camera, given in zip(self.corners_m, lengths, strict=True):
                lens, move = (t_WL, left) if camera == "left" else (points[0], moves[0])
                away = lens - corners[: len(given)]
                away[:, 2] *= not self.along_wall
                far = np.linalg.norm(away, axis=1)
                r.append(far - given)
                J.append(away / far[:, None] @ move)
                J[-1][::2, 6] -= away[::2, 0] / far[::2]  # the left corners move with the width
                J[-1][2:, 7] -= away[2:, 1] / far[2:]  # the lower ones with the height
            assert self.blackboard_m is not None
            known = 2 if self.to_lower_corners else 1
            r.append(np.array([width, height] - np.array(self.blackboard_m))[:known])
            J.append(np.eye(9)[6 : 6 + known])
        if self.seated is not None:
            R_LK = np.array(self.seated.R_LK)
            turn(np.eye(3), R_WL @ R_LK, R_LK)
            r += [points[-1] - self.seated.at_m, np.array([scale * self.seated.size - 1])]
            J += [moves[-1], self.seated.size * np.eye(9)[8:]]
        return np.concatenate(r), np.concatenate(J)

    def stated(self, row: str) -> float | None:
        """The length that a row states; None for angles, pictures and several at once."""
        return next((m.stated for m in self.measured if m.name == row), None)

    def start(self) -> Transform:
        """T_WL by the best measured board alone."""

        def doubt(b: PlacedBoard) -> float:
            if b.picture is not None:
                return float(np.trace(b.picture.covariance[3:, 3:]))
            return 3 * b.tape.tape_sigma_m**2 if b.tape.measured else np.inf

        b = min(self.boards, key=doubt)
        T_WA = Transform(R_WA, b.tape.t_WA, "W", "A") if b.picture is None else b.picture.T_WA
        return T_WA @ b.T_AB @ b.T_LB.inverse()


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


def slopes(f: Callable[[Array], Array], n: int, step: float = 1e-6) -> Array:
    """(m, n) central differences of f: (n,) → (m,) about zero."""
    return np.stack([(f(d) - f(-d)) / (2 * step) for d in step * np.eye(n)], 1)
