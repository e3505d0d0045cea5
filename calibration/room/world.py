"""From the auxiliary board to the room: the frames of a placement and which way round it lies.

A chessboard's pose in a camera leaves questions that its picture cannot answer alone: two planar
poses explain a small board almost equally well (IPPE), and which of its four edges points to the
right is not printed on it. Gravity and the room answer them: pictures are upright, the left camera
stands on the left for somebody who faces the blackboard, and both look at the class. Every reading
is tried, and the facts that each one breaks are kept, so that an error can say which fact failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from calibration.camera import CAMERAS
from calibration.shapes import shapes
from calibration.transform import Array, Transform, rotation_exp

Placement = Literal["flat", "standing", "tilted"]

#: R_WA of docs/conventions.md: A's axes are r, −b, u; W's are −r, −u, b.
R_WA = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])

#: A camera rolled beyond this is asked about …
ROLL_DEG = 10.0
#: … and one as near as this to a quarter or half turn was hung so.
HUNG_DEG = 25.0
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


@shapes(points_B="n 3")
def T_PB(points_B: Array, quarter_turns: int) -> Transform:
    """From the detector's board frame to P, for a board turned by quarter turns in its plane.

    P's origin is its first inner corner: the upper right one of the board as placed.
    """
    c, s = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter_turns % 4]
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ np.diag([1.0, -1, -1])
    corner = (points_B @ R.T)[:, :2].max(0)
    return Transform(R, np.array([-corner[0], -corner[1], 0.0]), "P", "B")


@shapes(points_B="n 3")
def T_AB(tilt_deg: float, points_B: Array, quarter_turns: int) -> Transform:
    """The detector's board frame in A, for a board placed so and turned by quarter turns."""
    T_AP = Transform(R_AP(tilt_deg), np.zeros(3), "A", "P")
    return T_AP @ T_PB(points_B, quarter_turns)


@dataclass(frozen=True)
class Reading:
    """One way to understand the auxiliary pictures, and the facts of the room that it breaks."""

    quarter_turns: int
    solution: int  # which of the planar pose solutions
    T_AL: Transform
    broken: tuple[str, ...]
    numbers: dict[str, float] = field(default_factory=dict)


@shapes(points_B="n 3")
def read_placement(
    tape: Tape,
    points_B: Array,
    T_LB: Sequence[Transform],
    T_RL: Transform | None,
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
            T_AL = T_AB(tape.tilt_deg, points_B, k) @ T.inverse()
            T_AL = replace(T_AL, dst="A", src="L")
            readings.append(_judge(tape, T_AL, T_RL, k, solution))
    return readings


def roll_deg(R_WC: Array) -> float | None:
    """How far a camera is turned about its axis, clockwise as it looks; None looking down."""
    down_C = R_WC[1]  # W's Y is down
    if np.hypot(down_C[0], down_C[1]) <= 0.3:
        return None
    return float(np.degrees(np.arctan2(down_C[0], down_C[1])))


def hung_words(roll: float | None) -> str:
    """How a camera hangs, where it is not level: on its side, upside down, or askew."""
    if roll is None or abs(roll) <= ROLL_DEG:
        return ""
    if abs(abs(roll) - 90) < HUNG_DEG:
        return f"hung on its side (its picture turned by {abs(roll):.0f}°)"
    if abs(roll) > 180 - HUNG_DEG:
        return "hung upside down"
    return f"rolled by {abs(roll):.0f}°"


def _judge(tape: Tape, T_AL: Transform, T_RL: Transform | None, k: int, solution: int) -> Reading:
    """Which facts of the room a reading breaks."""
    cameras = [T_AL] if T_RL is None else [T_AL, T_AL @ T_RL.inverse()]
    broken: list[str] = []
    numbers: dict[str, float] = {}
    for name, T_AC in zip(CAMERAS, cameras, strict=False):
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
    if float(np.mean(forward)) < -0.2 or min(forward) < -0.5:  # from a ceiling: about 0
        broken.append("class")
    if T_RL is not None:
        across = cameras[1].t - cameras[0].t  # left → right camera, in A
        angle = float(np.degrees(np.arctan2(np.hypot(across[1], across[2]), across[0])))
        numbers["across_deg"] = angle
        if angle > ACROSS_DEG:
            broken.append("left_right")
    return Reading(k, solution, T_AL, tuple(dict.fromkeys(broken)), numbers)


@shapes(p_W="n 3", d_W="n 3")
def on_blackboard(p_W: Array, d_W: Array) -> Array:
    """(N, 2) where rays (N, 3) from points (N, 3) meet the blackboard's plane z_W = 0."""
    return np.asarray(p_W[:, :2] - p_W[:, 2:] * d_W[:, :2] / d_W[:, 2:], np.float64)
