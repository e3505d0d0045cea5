"""Mistakes that people make when they calibrate: what the verdict says of each. From corners.

    python tests/benchmarks/calibration_mistakes.py [--rooms 2] [--corners 4] [--looks]
        [--seats] [--only PATTERN]

Each mistake is made in random rooms (tests/calibration/rigs.py; tape to 5 mm, boards laid to 0.5°,
lengths from the lenses to 1 cm + 0.2 %, 8 shared and 2 × 5 single views with 0.1 px of noise), in
turn one with cameras beside the blackboard, one with cameras that film upright (1080 × 1920), and
one with cameras in the room's corners (:data:`ROOMS`).
*Named*: the verdict's first cause has one of the codes that say what was done (``harmless``: none
may be said, where the room is right). *Told*: another has, but this is said as what it may be.
*Off*: how far gaze points from 6 m are moved by the wrong room (rms of five points of the
blackboard). ``--looks``: a class of 24 looked at marked points too; ``--seats``: it sits at
declared seats, and is found by the rig that was calibrated without it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from calibration.calibrate import place_cameras, solve  # noqa: E402
from calibration.corners.boards import View  # noqa: E402
from calibration.errors import CalibrationError  # noqa: E402
from calibration.inputs import Seen  # noqa: E402
from calibration.rig import Rig  # noqa: E402
from calibration.room.evidence import moved  # noqa: E402
from calibration.room.picture import RoomPicture, turned_over  # noqa: E402
from calibration.room.world import R_AP, R_WA  # noqa: E402
from calibration.solve.bundle import State  # noqa: E402
from calibration.solve.estimate import Estimate, estimate  # noqa: E402
from calibration.solve.pair import resect  # noqa: E402
from calibration.transform import Array, Transform, rotation_exp  # noqa: E402
from calibration.verdict import Cause  # noqa: E402
from gaze.setup.calibrate import seated_of  # noqa: E402
from tests.calibration import rigs  # noqa: E402
from tests.calibration.room_pictures import phone, take  # noqa: E402

NX, NY = rigs.BOARD.inner_corners
SQUARE = rigs.BOARD.square_m
INCH_CM = 2.54


@dataclass(frozen=True)
class Scene:
    """A room with what a careful user brought home from it, before the mistake."""

    room: rigs.Room
    seen: Seen
    rng: np.random.Generator
    key: tuple[int, tuple[str, ...], int] = (0, (), 0)

    @property
    def tape(self) -> rigs.Tape:
        """The first placement's."""
        return self.seen.auxiliary[0].tape

    def auxiliary(self, index: int = 0, **changes: object) -> Seen:
        """With a placement changed."""
        aux = list(self.seen.auxiliary)
        aux[index] = replace(aux[index], **changes)  # type: ignore[arg-type]
        return replace(self.seen, auxiliary=tuple(aux))

    def taped(self, *, index: int = 0, **lengths: object) -> Seen:
        """With a placement's tape changed."""
        return self.auxiliary(index, tape=replace(self.seen.auxiliary[index].tape, **lengths))  # type: ignore[arg-type]

    def every_tape(self, change: Callable[[Array], Array]) -> Seen:
        """With the lengths of every placement changed."""
        aux = tuple(replace(a, tape=a.tape.at(change(a.tape.t_WA))) for a in self.seen.auxiliary)
        return replace(self.seen, auxiliary=aux)

    def every_lens(self, change: Callable[[Array], Array]) -> Seen:
        """With corners_m of both cameras changed."""
        given = self.seen.corners_m.items()
        return replace(self.seen, corners_m={c: tuple(change(np.array(v))) for c, v in given})

    def to(self, x: float, y: float) -> Seen:
        """The tape led to another point of the board: (x, y) in P from the first inner corner."""
        t = self.tape.t_WA + R_WA @ R_AP(self.tape.tilt_deg) @ np.array([x, y, 0.0])
        return self.auxiliary(tape=self.tape.at(t))

    def laid(
        self, turn_deg: tuple[float, float, float], shift_m: tuple[float, ...] = (0, 0, 0)
    ) -> Seen:
        """The board really lay otherwise: turned about r, −b, u, shifted along W."""
        off = np.concatenate([np.radians(turn_deg), shift_m])
        return self._shown(self.room, self.tape, off)

    def _shown(self, room: rigs.Room, tape: rigs.Tape, off: Array | None = None) -> Seen:
        left, right = rigs.place_auxiliary(room, tape, off=off)
        view = View("aux", rigs.noisy(left, self.rng, 0.1), rigs.noisy(right, self.rng, 0.1))
        return self.auxiliary(view=view)

    def views(self, change: Callable[[int, View], View]) -> Seen:
        """With the shared and single views changed."""
        return replace(self.seen, views=tuple(change(i, v) for i, v in enumerate(self.seen.views)))

    def lens(self, camera: str, change: Callable[[tuple[float, ...]], tuple[float, ...]]) -> Seen:
        """With one camera's corners_m changed."""
        given = self.seen.corners_m
        return replace(self.seen, corners_m={**given, camera: change(given[camera])})

    def squares(self, factor: float, boards: str = "both") -> Seen:
        """With stated squares that are ``factor`` times the true ones."""
        board = replace(self.seen.board, square_m=self.seen.board.square_m * factor)
        seen = self.seen
        if boards in ("both", "calibration"):
            seen = replace(seen, board=board)
        if boards in ("both", "auxiliary"):
            aux = tuple(replace(a, board=board) for a in seen.auxiliary)
            seen = replace(seen, auxiliary=aux)
        return seen

    def turned_camera(self, name: str, turn_deg: tuple[float, float, float]) -> rigs.Room:
        """The room with a camera turned about its lens."""
        rig = self.room.rig
        turn = Transform(rotation_exp(np.radians(turn_deg)), np.zeros(3), "C", "C")
        if name == "right":
            T = replace(turn, dst="R", src="R")
            return replace(self.room, rig=replace(rig, T_RL=T @ rig.T_RL))
        T = replace(turn, dst="L", src="L")
        return replace(
            self.room, rig=replace(rig, T_RL=rig.T_RL @ T.inverse(), T_AL=rig.T_AL @ T.inverse())
        )


@dataclass(frozen=True)
class Mistake:
    """One thing that is done wrong: how, the codes that name it, and the scene it needs."""

    name: str
    codes: frozenset[str]
    make: Callable[[Scene], Seen]
    placements: tuple[str, ...] = ("flat",)


MISTAKES: list[Mistake] = []


def mistake(
    name: str, *codes: str, placements: tuple[str, ...] = ("flat",)
) -> Callable[[Callable[[Scene], Seen]], Callable[[Scene], Seen]]:
    """Register a mistake."""

    def register(make: Callable[[Scene], Seen]) -> Callable[[Scene], Seen]:
        MISTAKES.append(Mistake(name, frozenset(codes), make, placements))
        return make

    return register


def _add(name: str, make: Callable[[Scene], Seen], *codes: str,
         placements: tuple[str, ...] = ("flat",)) -> None:  # fmt: skip
    MISTAKES.append(Mistake(name, frozenset(codes), make, placements))


def _digits(value: float, a: int, b: int) -> float:
    text = list(f"{value:.2f}".replace(".", ""))
    text[a], text[b] = text[b], text[a]
    return int("".join(text)) / 100


def _swap_different(value: float) -> float:
    """Two digits that differ, exchanged: the first pair that changes the length by 5 cm or more."""
    for a, b in ((1, 2), (0, 1), (0, 2)):
        other = _digits(value, a, b)
        if abs(other - value) >= 0.05:
            return other
    return value + 0.09


W = lambda s: s.room.blackboard_m[0]  # noqa: E731
H = lambda s: s.room.blackboard_m[1]  # noqa: E731
LENGTH = {"tape_wrong", "board_slipped"}

# -- the tape --------------------------------------------------------------------------------------
_add(
    "tape begun at the upper left corner",
    lambda s: s.taped(left_m=W(s) - s.tape.left_m),
    "tape_from_upper_left",
)
_add(
    "… in both placements",
    lambda s: Scene(s.room, s.taped(left_m=W(s) - s.tape.left_m), s.rng).taped(
        index=1, left_m=W(s) - s.seen.auxiliary[1].tape.left_m
    ),
    "tape_from_upper_left",
    placements=("flat", "flat"),
)
_add(
    "tape to the other inner corner of the same edge",
    lambda s: s.to(-(NX - 1) * SQUARE, 0),
    "tape_other_corner",
)
_add("tape to the far edge", lambda s: s.to(0, -(NY - 1) * SQUARE), "tape_other_corner")
_add(
    "tape to the corner diagonally opposite",
    lambda s: s.to(-(NX - 1) * SQUARE, -(NY - 1) * SQUARE),
    "tape_other_corner",
)
_add(
    "tape to the middle of the board",
    lambda s: s.to(-(NX - 1) / 2 * SQUARE, -(NY - 1) / 2 * SQUARE),
    "tape_other_corner",
)
_add("tape to the outer corner of the print", lambda s: s.to(SQUARE, SQUARE), "tape_outer_corner")
_add(
    "down and out exchanged",
    lambda s: s.taped(down_m=s.tape.out_m, out_m=s.tape.down_m),
    "tape_exchanged",
)
_add(
    "left and down exchanged",
    lambda s: s.taped(left_m=s.tape.down_m, down_m=s.tape.left_m),
    "tape_exchanged",
)
_add(
    "left and out exchanged",
    lambda s: s.taped(left_m=s.tape.out_m, out_m=s.tape.left_m),
    "tape_exchanged",
)
_add(
    "down taken to the floor (table 72 cm)",
    lambda s: s.taped(down_m=s.tape.down_m + 0.72),
    "tape_to_floor",
)
_add(
    "down taken to the floor (table 94 cm)",
    lambda s: s.taped(down_m=s.tape.down_m + 0.94),
    "tape_to_floor",
)
_add(
    "down from the lower edge",
    lambda s: s.taped(down_m=abs(s.tape.down_m - H(s))),
    "tape_from_lower_edge",
)
for _length in ("left_m", "down_m", "out_m"):
    _add(
        f"{_length}: two digits exchanged",
        lambda s, k=_length: s.taped(**{k: _swap_different(round(getattr(s.tape, k), 2))}),
        "tape_digits",
        "tape_wrong",
    )
    _add(
        f"{_length} in inches taken for cm",
        lambda s, k=_length: s.taped(**{k: getattr(s.tape, k) / INCH_CM}),
        "tape_units",
        "tape_wrong",
    )
    _add(
        f"{_length} 30 cm short",
        lambda s, k=_length: s.taped(**{k: getattr(s.tape, k) - 0.3}),
        "tape_wrong",
    )
    _add(
        f"{_length} 15 cm long",
        lambda s, k=_length: s.taped(**{k: getattr(s.tape, k) + 0.15}),
        "tape_wrong",
    )
_add(
    "the whole tape in inches taken for cm",
    lambda s: s.auxiliary(tape=s.tape.at(s.tape.t_WA / INCH_CM)),
    "tape_units",
)
_add("out 1 m short", lambda s: s.taped(out_m=s.tape.out_m - 1.0), "tape_wrong")
_add(
    "left with the wrong sign", lambda s: s.taped(left_m=-s.tape.left_m), "tape_wrong", "tape_left"
)
_add(
    "board slipped 15 cm after taping",
    lambda s: s.laid((0, 0, 0), (0.12, 0, 0.09)),
    "board_slipped",
    "tape_wrong",
)
_add(
    "one of two placements 12 cm wrong",
    lambda s: s.taped(index=1, out_m=s.seen.auxiliary[1].tape.out_m + 0.12),
    "tape_wrong",
    placements=("flat", "flat"),
)
_add(
    "both placements 20 cm too low",
    lambda s: Scene(s.room, s.taped(down_m=s.tape.down_m + 0.2), s.rng).taped(
        index=1, down_m=s.seen.auxiliary[1].tape.down_m + 0.2
    ),
    "tape_wrong",
    "tape_to_floor",
    placements=("flat", "flat"),
)

# -- how the board lies ----------------------------------------------------------------------------
for _deg in (3, 10, 20):
    _add(
        f"board askew by {_deg}° (seen from above)",
        lambda s, d=_deg: s.laid((0, 0, d)),
        "placement_askew",
    )
for _deg in (3, 8):
    _add(
        f"table sloping by {_deg}° (towards the class)",
        lambda s, d=_deg: s.laid((d, 0, 0)),
        "placement_tilt",
    )
    _add(
        f"table sloping by {_deg}° (sideways)",
        lambda s, d=_deg: s.laid((0, d, 0)),
        "placement_slope",
    )
for _deg in (5, 20):
    _add(
        f"said to be tilted {_deg}°, lies flat",
        lambda s, d=_deg: s.taped(placement="tilted", angle_deg=float(d)),
        "placement_tilt",
    )
_add(
    "said to lie flat, is tilted",
    lambda s: s.taped(placement="flat", angle_deg=None),
    "placement_tilt",
    placements=("tilted",),
)
_add("said to stand, lies flat", lambda s: s.taped(placement="standing"), "wrong_placement")
_add(
    "one placement's angle 9° wrong",
    lambda s: s.taped(index=1, angle_deg=s.seen.auxiliary[1].tape.angle_deg + 9),
    "placement_tilt",
    placements=("flat", "tilted"),
)


def _hand_held(s: Scene) -> Seen:
    view = next(v for v in s.seen.views if v.left is not None and v.right is not None)
    return s.auxiliary(view=replace(view, name="aux"))


_add(
    "a hand-held view copied as both auxiliary pictures",
    _hand_held,
    "auxiliary_is_a_view",
    "auxiliary_elsewhere",
)

# -- blackboard and lenses -------------------------------------------------------------------------
_add(
    "blackboard width 1 m short",
    lambda s: replace(s.seen, blackboard_m=(W(s) - 1.0, H(s))),
    "blackboard_width",
)
_add(
    "blackboard width 10 cm long (with the frame)",
    lambda s: replace(s.seen, blackboard_m=(W(s) + 0.1, H(s))),
    "blackboard_width",
)
_add(
    "corners_m of the cameras exchanged",
    lambda s: replace(
        s.seen, corners_m={"left": s.seen.corners_m["right"], "right": s.seen.corners_m["left"]}
    ),
    "corners_exchanged",
)
_add(
    "corners_m in the wrong order",
    lambda s: replace(
        s.seen,
        corners_m={c: tuple(v[j ^ 1] for j in range(len(v))) for c, v in s.seen.corners_m.items()},
    ),
    "corners_exchanged",
)
_add(
    "one length of corners_m 20 cm wrong",
    lambda s: s.lens("left", lambda v: (v[0], v[1] - 0.2, *v[2:])),
    "corners_wrong",
)
_add(
    "one length of corners_m with two digits exchanged",
    lambda s: s.lens("right", lambda v: (_swap_different(v[0]), *v[1:])),
    "corners_wrong",
)
_add(
    "corners_m in inches taken for cm",
    lambda s: replace(
        s.seen, corners_m={c: tuple(x / INCH_CM for x in v) for c, v in s.seen.corners_m.items()}
    ),
    "corners_wrong",
)

# -- the squares -----------------------------------------------------------------------------------
for _factor, _says in (
    (1 / 0.97, "print at 97 %"),
    (1 / 0.9, "print at 90 %"),
    (2.0, "squares × 2"),
    (1 / INCH_CM, "squares in inches taken for cm"),
    (0.5, "squares ÷ 2"),
):
    _add(f"{_says}, both boards", lambda s, f=_factor: s.squares(f), "scale", "scale_implausible")
_add(
    "auxiliary squares stated 10 % too small",
    lambda s: s.squares(0.9, "auxiliary"),
    "auxiliary_square",
    "scale",
)
_add(
    "calibration squares stated 10 % too small",
    lambda s: s.squares(0.9, "calibration"),
    "auxiliary_square",
    "scale",
)


# -- pictures and cameras --------------------------------------------------------------------------
def _zoom(s: Scene, uv: Array | None, factor: float) -> Array | None:
    middle = np.array(s.room.rig.left.size_px) / 2
    return None if uv is None else (uv - middle) * factor + middle


def _swapped(s: Scene) -> Seen:
    def swap(v: View) -> View:
        return replace(v, left=v.right, right=v.left)

    sizes = {"left": s.seen.sizes["right"], "right": s.seen.sizes["left"]}
    views = tuple(swap(v) for v in s.seen.views)
    aux = tuple(replace(a, view=swap(a.view)) for a in s.seen.auxiliary)
    return replace(s.seen, sizes=sizes, views=views, auxiliary=aux)


def _mirrored(s: Scene, uv: Array | None) -> Array | None:
    if uv is None:
        return None
    grid = uv.reshape(NY, NX, 2).copy()
    grid[..., 0] = s.room.rig.left.size_px[0] - 1 - grid[..., 0]
    return grid[::-1].reshape(-1, 2)


def _all_mirrored(s: Scene) -> Seen:
    def flip(v: View) -> View:
        return replace(v, left=_mirrored(s, v.left), right=_mirrored(s, v.right))

    aux = tuple(replace(a, view=flip(a.view)) for a in s.seen.auxiliary)
    return replace(s.seen, views=tuple(flip(v) for v in s.seen.views), auxiliary=aux)


def _moved_half_way(pixels: float) -> Callable[[Scene], Seen]:
    def make(s: Scene) -> Seen:
        turn = rotation_exp([0, pixels / s.room.rig.right.f_px, 0])

        def later(i: int, v: View) -> View:
            if v.left is None or v.right is None or i < 5:
                return v
            return replace(
                v, right=s.room.rig.right.project(s.room.rig.right.rays(v.right) @ turn.T)
            )

        return s.views(later)

    return make


_add("left and right exchanged", _swapped, "cameras_swapped")
_add("everything mirrored", _all_mirrored, "cameras_swapped")
_add(
    "one camera mirrored",
    lambda s: s.views(lambda i, v: replace(v, right=_mirrored(s, v.right))),
    "mirrored_camera",
)
_add(
    "zoom changed half way",
    lambda s: s.views(lambda i, v: v if i < 5 else replace(v, left=_zoom(s, v.left, 1.06))),
    "zoom_changed",
)
_add(
    "zoom changed half way by 1 %",
    lambda s: s.views(lambda i, v: v if i < 5 else replace(v, left=_zoom(s, v.left, 1.01))),
    "zoom_changed",
)


def _rolled(s: Scene) -> Seen:
    """Each picture is sheared by its own few pixels from the first row to the last."""

    def sheared(uv: Array | None) -> Array | None:
        height = s.room.rig.left.size_px[1]
        return None if uv is None else uv + s.rng.normal(0, 4, 2) * (uv[:, 1:] / height - 0.5)

    return s.views(lambda i, v: replace(v, left=sheared(v.left), right=sheared(v.right)))


_add("board moving while rows are read (4 px)", _rolled, "rolling_shutter")
for _px in (15, 40):
    _add(f"right camera moved by {_px} px half way", _moved_half_way(_px), "camera_moved")
_add(
    "auxiliary pictures at another zoom (right × 0.5)",
    lambda s: s.auxiliary(
        view=replace(s.seen.auxiliary[0].view, right=_zoom(s, s.seen.auxiliary[0].view.right, 0.5))
    ),
    "auxiliary_zoom",
)
_add(
    "auxiliary pictures at another zoom (left + 1 %)",
    lambda s: s.auxiliary(
        view=replace(s.seen.auxiliary[0].view, left=_zoom(s, s.seen.auxiliary[0].view.left, 1.01))
    ),
    "auxiliary_zoom",
)
for _percent in (2, 5):
    _add(
        f"auxiliary pictures at another zoom (both + {_percent} %)",
        lambda s, p=_percent: s.auxiliary(
            view=replace(
                s.seen.auxiliary[0].view,
                left=_zoom(s, s.seen.auxiliary[0].view.left, 1 + p / 100),
                right=_zoom(s, s.seen.auxiliary[0].view.right, 1 + p / 100),
            )
        ),
        "auxiliary_zoom",
    )


def _bowed(s: Scene) -> Seen:
    """The auxiliary board bulges by 4 mm along its columns."""
    points = rigs.BOARD.points_B()
    x = 2 * points[:, 0] / points[:, 0].max() - 1
    return _bent(s, 0.004 * (1 - x**2))


def _bent(s: Scene, deep_m: np.ndarray) -> Seen:
    """The auxiliary board with its corners so deep (P,) behind its plane: B's Z points into it."""
    points = rigs.BOARD.points_B()
    points = points + np.stack([0 * deep_m, 0 * deep_m, deep_m], 1)
    T_WB = Transform(R_WA, s.tape.t_WA, "W", "A") @ s.seen.auxiliary[0].T_AB(0)
    uv = []
    for name in ("left", "right"):
        P = (s.room.rig.T_WC(name).inverse() @ T_WB).apply(points)
        uv.append(rigs.noisy(s.room.rig.camera(name).project(P), s.rng, 0.1))
    return s.auxiliary(view=View("aux", uv[0], uv[1]))


_add("auxiliary board bowed by 4 mm", _bowed, "bent_board")
for _name in ("left", "right"):
    _add(
        f"{_name} camera bumped before the auxiliary pictures",
        lambda s, n=_name: s._shown(s.turned_camera(n, (0.4, 1.2, 0.3)), s.tape),
        "camera_bumped",
    )


def _board_moved(s: Scene) -> Seen:
    elsewhere = s.tape.at(s.tape.t_WA + np.array([0.06, 0, 0.05]))
    _, right = rigs.place_auxiliary(s.room, elsewhere)
    view = replace(s.seen.auxiliary[0].view, right=rigs.noisy(right, s.rng, 0.1))
    return s.auxiliary(view=view)


_add("auxiliary board moved between its pictures", _board_moved, "auxiliary_moved")
_add(
    "pairs of other moments",
    lambda s: s.views(
        lambda i, v: (
            v
            if v.left is None or v.right is None
            else replace(v, right=v.right + s.rng.normal(0, 3.0, 2))
        )
    ),
    "not_simultaneous",
)
_add("names off by one", lambda s: _off_by_one(s), "pairs_shifted")
_add(
    "auxiliary board in one picture only",
    lambda s: s.auxiliary(view=replace(s.seen.auxiliary[0].view, right=None)),
    "auxiliary_one_camera",
)


def _off_by_one(s: Scene) -> Seen:
    rights = [v.right for v in s.seen.views]
    n = sum(v.left is not None and v.right is not None for v in s.seen.views)
    return s.views(lambda i, v: replace(v, right=rights[i + 1]) if i < n - 1
                   else replace(v, right=None) if i == n - 1 else v)  # fmt: skip


# -- what nobody had thought of --------------------------------------------------------------------
def _exchanged_placements(s: Scene) -> Seen:
    a, b = s.seen.auxiliary
    return replace(
        s.seen, auxiliary=(replace(a, view=b.view), replace(b, view=replace(a.view, name="b")))
    )


def _aux_pictures(s: Scene, left: str, right: str) -> Seen:
    """Which camera's auxiliary picture lies where the left's and the right's should."""
    view = s.seen.auxiliary[0].view
    return s.auxiliary(view=replace(view, left=view.corners(left), right=view.corners(right)))


def _another_day(s: Scene) -> Seen:
    """The auxiliary pictures are of a day on which both cameras hung otherwise."""
    left = Scene(s.turned_camera("left", (1.5, -2, 0.6)), s.seen, s.rng)
    return s._shown(left.turned_camera("right", (-1, 2.5, 0.4)), s.tape)


def _leaning(degrees: float) -> Callable[[Scene], Seen]:
    """The blackboard's upper edge leans back; tape and table keep to the vertical."""

    def make(s: Scene) -> Seen:
        t = s.tape.t_WA
        return s.laid((degrees, 0, 0), tuple(rotation_exp([-np.radians(degrees), 0, 0]) @ t - t))

    return make


def _glare(s: Scene) -> Seen:
    """A glossy board: in each picture a patch of 3 × 3 corners is found 1.5 px beside itself."""

    def lit(uv: Array | None) -> Array | None:
        if uv is None:
            return None
        out = uv.reshape(NY, NX, 2).copy()
        i, j = s.rng.integers(NY - 2), s.rng.integers(NX - 2)
        out[i : i + 3, j : j + 3] += s.rng.normal(0, 1.5, 2)
        return out.reshape(-1, 2)

    return s.views(lambda i, v: replace(v, left=lit(v.left), right=lit(v.right)))


def _moved_after_measuring(s: Scene) -> Seen:
    rig, there = s.room.rig, s.room.rig.T_WC("left").t + [0.12, 0.05, 0.1]
    corners = np.array([[W(s), 0, 0], [0, 0, 0], [W(s), H(s), 0], [0, H(s), 0]])
    far = np.linalg.norm(there - corners, axis=1)[: len(s.seen.corners_m["left"])]
    assert rig.T_WA is not None
    return replace(s.seen, corners_m={**s.seen.corners_m, "left": tuple(far.round(2))})


TWO = ("flat", "flat")
_add("the two placements' pictures exchanged", _exchanged_placements, "placements_exchanged",
     placements=TWO)  # fmt: skip
_add(
    "one placement's pictures given for both",
    lambda s: s.auxiliary(1, view=s.seen.auxiliary[0].view),
    "auxiliary_elsewhere",
    placements=TWO,
)
_add(
    "auxiliary/left and auxiliary/right exchanged",
    lambda s: _aux_pictures(s, "right", "left"),
    "swapped_pictures",
)
_add(
    "auxiliary/left copied as auxiliary/right",
    lambda s: _aux_pictures(s, "left", "left"),
    "same_picture_twice",
)
_add("auxiliary pictures of another day", _another_day, "camera_bumped", "auxiliary_moved")
_add("views of two days in one folder", _moved_half_way(200), "camera_moved")
_add("auxiliary left picture mirrored", lambda s: s.auxiliary(
    view=replace(s.seen.auxiliary[0].view, left=_mirrored(s, s.seen.auxiliary[0].view.left))
), "mirrored_picture")  # fmt: skip
for _n in (9, 11):
    _add(f"ten squares measured, divided by {_n}", lambda s, n=_n: s.squares(10 / n), "scale")
_add("a glossy board (corners off in patches)", _glare, "harmless", "noise", "holdout_ratio")
for _deg in (3, 8):
    _add(f"blackboard leans back by {_deg}°", _leaning(_deg), "placement_tilt", "harmless")
_add("blackboard height 10 cm long (with the frame)",
     lambda s: replace(s.seen, blackboard_m=(W(s), H(s) + 0.1)), "blackboard_height")  # fmt: skip
_add("blackboard height 30 cm short",
     lambda s: replace(s.seen, blackboard_m=(W(s), H(s) - 0.3)), "blackboard_height")  # fmt: skip
_add("width and height exchanged",
     lambda s: replace(s.seen, blackboard_m=(H(s), W(s))), "blackboard_width")  # fmt: skip
_add(
    "corners_m clockwise (lower right before lower left)",
    lambda s: s.every_lens(lambda v: v[[0, 1, 3, 2]]),
    "corners_exchanged",
)
_add(
    "corners_m, the lower corners first",
    lambda s: s.every_lens(lambda v: v[[2, 3, 0, 1]]),
    "corners_exchanged",
)
_add(
    "corners_m begun 10 cm behind the lenses",
    lambda s: s.every_lens(lambda v: v + 0.1),
    "corners_begun",
)
_add("left camera moved after its corners_m", _moved_after_measuring, "camera_elsewhere")
_add(
    "a cloth tape 3 % too long for everything",
    lambda s: replace(
        Scene(s.room, s.every_tape(lambda t: t / 1.03), s.rng).every_lens(lambda v: v / 1.03),
        blackboard_m=(W(s) / 1.03, H(s) / 1.03),
        cameras_apart_m=s.room.rig.baseline_m / 1.03,
    ),
    "scale",
)
_add(
    "out_m from the wall, 12 cm behind the blackboard",
    lambda s: s.every_tape(lambda t: t + [0, 0, 0.12]),
    "tape_wrong",
    placements=TWO,
)
_add(
    "down_m from the frame, 8 cm above",
    lambda s: s.every_tape(lambda t: t + [0, 0.08, 0]),
    "tape_wrong",
    placements=TWO,
)
_add("tape in inches taken for cm, both placements",
     lambda s: s.every_tape(lambda t: t / INCH_CM), "tape_units", placements=TWO)  # fmt: skip


# -- a third time: their first run, before any guess was made for them, is told in the docs --------
def _feet(value: float) -> float:
    """Feet and inches with the inches written behind the point."""
    inches = value / 0.0254
    return (inches // 12 + round(inches % 12) / 10) * 0.3048


def _to_the_floor(lengths: Array) -> Array:
    return np.array([*lengths[:2], *np.hypot(lengths[2:], 0.9)])


_add(
    "left_m from the blackboard's middle",
    lambda s: s.taped(left_m=s.tape.left_m - W(s) / 2),
    "tape_wrong",
)
_add(
    "left_m in feet, 5'8 written 5.8",
    lambda s: s.taped(left_m=_feet(s.tape.left_m)),
    "tape_wrong",
    "harmless",
)
_add("out_m with the point one place left", lambda s: s.taped(out_m=s.tape.out_m / 10),
     "tape_wrong")  # fmt: skip
_add("out_m with the wrong sign", lambda s: s.taped(out_m=-s.tape.out_m), "tape_wrong")
_add(
    "down_m along the slope to the board",
    lambda s: s.taped(down_m=float(np.hypot(s.tape.down_m, s.tape.out_m))),
    "tape_slope",
)
_add(
    "out_m along the slope to the board",
    lambda s: s.taped(out_m=float(np.hypot(s.tape.down_m, s.tape.out_m))),
    "tape_slope",
)
_add(
    "left_m and out_m straight from the corner",
    lambda s: s.taped(
        left_m=float(np.linalg.norm(s.tape.t_WA)),
        out_m=float(np.hypot(s.tape.down_m, s.tape.out_m)),
    ),
    "tape_slope",
)
_add(
    "left_m and down_m each 20 cm wrong",
    lambda s: s.taped(left_m=s.tape.left_m + 0.2, down_m=s.tape.down_m - 0.2),
    "tape_wrong",
)
_add(
    "the first placement's tape given for both",
    lambda s: s.auxiliary(1, tape=s.tape),
    "tape_copied",
    placements=TWO,
)
_add(
    "board turned by 90°, the tape led to where its corner had been",
    lambda s: s.laid((0, 0, 90)),
    "tape_other_corner",
)
_add(
    "corners_m of the left lens given for both cameras",
    lambda s: s.lens("right", lambda v: s.seen.corners_m["left"]),
    "corners_exchanged",
    "corners_wrong",
    "camera_elsewhere",
)
_add(
    "corners_m of one camera, the right corners first",
    lambda s: s.lens("right", lambda v: tuple(v[j ^ 1] for j in range(len(v)))),
    "corners_exchanged",
)
_add("corners_m to the floor below the lower corners", lambda s: s.every_lens(_to_the_floor),
     "blackboard_height", "corners_wrong")  # fmt: skip
_add(
    "corners_m by a tape that sags, 3 % too long",
    lambda s: s.every_lens(lambda v: v * 1.03),
    "scale",
    "corners_begun",
)
_add("an A3 board taken for A4, both boards", lambda s: s.squares(0.707),
     "scale", "scale_implausible")  # fmt: skip
_add(
    "apart_m 50 cm short",
    lambda s: replace(s.seen, cameras_apart_m=s.room.rig.baseline_m - 0.5),
    "scale",
)


# -- a fourth time: their first run, too, was before any guess was made for them ------------------
def _hung_elsewhere(s: Scene, shift_m: tuple[float, float, float]) -> dict[str, tuple[float, ...]]:
    """corners_m of a day on which both cameras stood elsewhere."""
    corners = np.array([[W(s), 0, 0], [0, 0, 0], [W(s), H(s), 0], [0, H(s), 0]])
    out = {}
    for camera, given in s.seen.corners_m.items():
        side = np.array([1.0 if camera == "left" else -1.0, 1.0, 1.0])
        lens = s.room.rig.T_WC(camera).t + side * shift_m
        far = np.linalg.norm(lens - corners[: len(given)], axis=1)
        out[camera] = tuple(far.round(2).tolist())
    return out


def _crossed(s: Scene) -> Seen:
    """One length of each camera stands in the other's list."""
    left, right = s.seen.corners_m["left"], s.seen.corners_m["right"]
    given = {"left": (right[0], *left[1:]), "right": (left[0], *right[1:])}
    return replace(s.seen, corners_m=given)


def _half_exchanged(s: Scene) -> Seen:
    """left_m of two placements exchanged, the other lengths not."""
    a, b = (p.tape.left_m for p in s.seen.auxiliary)
    return Scene(s.room, s.taped(left_m=b), s.rng).taped(index=1, left_m=a)


_add("left_m from the side wall, 85 cm beside the blackboard",
     lambda s: s.every_tape(lambda t: t + [0.85, 0, 0]), "tape_wrong", placements=TWO)  # fmt: skip
_add("out_m read backwards", lambda s: s.taped(out_m=float(f"{s.tape.out_m:.2f}"[::-1][:1] + "."
     + f"{s.tape.out_m:.2f}".replace(".", "")[1::-1])), "tape_digits", "tape_wrong")  # fmt: skip
_add("every length of the tape rounded to 10 cm", lambda s: s.every_tape(lambda t: t.round(1)),
     "tape_wrong", "harmless")  # fmt: skip
_add("blackboard slid up by 30 cm between tape and lenses",
     lambda s: s.every_tape(lambda t: t - [0, 0.3, 0]), "tape_wrong", placements=TWO)  # fmt: skip
_add("board on a pile of books (12 cm) after it was measured",
     lambda s: s.laid((0, 0, 0), (0, -0.12, 0)), "tape_wrong", "board_slipped")  # fmt: skip
_add("left_m of two placements exchanged", _half_exchanged,
     "tape_wrong", "tape_exchanged", placements=TWO)  # fmt: skip
_add("tilted the other way than said",
     lambda s: s.laid((-2 * s.tape.angle_deg, 0, 0)), "placement_tilt",
     placements=("tilted",))  # fmt: skip
_add("blackboard measured with its frame, 4 cm each side",
     lambda s: replace(s.seen, blackboard_m=(W(s) + 0.08, H(s) + 0.08)),
     "blackboard_width", "blackboard_height", "blackboard_frame")  # fmt: skip
_add("blackboard's width in feet", lambda s: replace(s.seen, blackboard_m=(W(s) / 0.3048, H(s))),
     "blackboard_width")  # fmt: skip
_add("one length of each camera in the other's list", _crossed,
     "corners_wrong", "corners_exchanged")  # fmt: skip
_add("the left camera's upper two lengths exchanged",
     lambda s: s.lens("left", lambda v: (v[1], v[0], *v[2:])),
     "corners_exchanged", "corners_wrong")  # fmt: skip
_add("one length of corners_m read a metre short",
     lambda s: s.lens("right", lambda v: (v[0] - 1.0, *v[1:])), "corners_wrong")  # fmt: skip
_add("the left camera's lengths begun 6 cm behind its lens",
     lambda s: s.lens("left", lambda v: tuple(x + 0.06 for x in v)),
     "corners_begun", "camera_elsewhere", "harmless")  # fmt: skip
_add("lower lengths led to the chalk tray, 12 cm below",
     lambda s: replace(s.seen, corners_m=rigs.corners_of(
         replace(s.room, blackboard_m=(W(s), H(s) + 0.12)), s.rng)),
     "blackboard_height", "corners_wrong")  # fmt: skip
_add("yesterday's pictures: both cameras hung 25 cm elsewhere",
     lambda s: replace(s.seen, corners_m=_hung_elsewhere(s, (0.15, -0.1, 0.17))),
     "camera_elsewhere", "corners_wrong")  # fmt: skip
_add("right camera's lengths forgotten, out_m 25 cm long",
     lambda s: replace(s.taped(out_m=s.tape.out_m + 0.25),
                       corners_m={"left": s.seen.corners_m["left"]}), "tape_wrong")  # fmt: skip


# -- a fifth time: thought of when everything above was named --------------------------------------
def _wandering(s: Scene) -> Seen:
    """A camera whose image stabiliser is on: its picture wanders by 5 px from view to view."""
    return s.views(lambda i, v: v if v.right is None else
                   replace(v, right=v.right + s.rng.normal(0, 5.0, 2)))  # fmt: skip


def _breathing(s: Scene) -> Seen:
    """A camera that focuses anew in each view: focal length breathes by half a percent."""
    middle = np.array(s.seen.sizes["left"]) / 2
    return s.views(
        lambda i, v: (
            v if v.left is None
            else replace(v, left=middle + (v.left - middle) * (1 + s.rng.normal(0, 0.005)))
        )
    )  # fmt: skip


def _printed_narrow(s: Scene) -> Seen:
    """Both boards' prints are 3 % narrower than high (a printer that fits to the page)."""
    narrow = s.room.board.points_B() * np.array([-0.03, 0, 0])
    rng = np.random.default_rng([5, s.key[0]])
    seen = rigs.make_seen(s.room, rng, shared=8, alone=5, tape_error=True, deform=narrow)
    return replace(seen, auxiliary=s.seen.auxiliary)


def _corrected(s: Scene) -> Seen:
    """The left camera corrects its lens by itself (or takes a still otherwise) in one picture."""
    v = s.seen.auxiliary[0].view
    camera = s.room.rig.left
    assert v.left is not None
    x = camera.undistort(v.left)
    K = np.array([camera.f_px, camera.f_px])
    straight = x * K + np.array(camera.size_px) / 2
    return s.auxiliary(view=replace(v, left=straight))


def _inside(s: Scene) -> Seen:
    """corners_m lead to the corners of a panel 25 cm inside the blackboard's edges."""
    out = {}
    x, y = np.array([W(s) - 0.25, 0.25] * 2), np.array([0.25, 0.25, H(s) - 0.25, H(s) - 0.25])
    ends = np.stack([x, y, np.zeros(4)], 1)
    for c in ("left", "right"):
        far = np.linalg.norm(s.room.rig.T_WC(c).t - ends, axis=1)
        out[c] = tuple(float(v) for v in np.round(far, 2))
    return replace(s.seen, corners_m=out)


_add("the tape's case not counted: every length of the board 8 cm short",
     lambda s: s.every_tape(lambda t: t - 0.08 * np.sign(t)),
     "tape_begun", "tape_wrong")  # fmt: skip
_add("left_m read from the wrong end of a tape of 5 m",
     lambda s: s.taped(left_m=5.0 - s.tape.left_m),
     "tape_wrong", "tape_from_upper_left")  # fmt: skip
_add("every length of corners_m 8 cm long (round the lens hood)",
     lambda s: s.every_lens(lambda v: v + 0.08), "corners_begun")  # fmt: skip
_add("corners_m to the corners of a panel inside the blackboard", _inside,
     "blackboard_width", "blackboard_height", "blackboard_frame", "corners_wrong")  # fmt: skip
_add("auxiliary board printed at 97 %, the other right",
     lambda s: s.squares(1 / 0.97, "auxiliary"), "auxiliary_square", "scale")  # fmt: skip
_add("both prints 3 % narrower than high", _printed_narrow, "print_stretched")  # fmt: skip
_add("stabiliser on in the right camera (5 px)", _wandering, "not_simultaneous")
_add("autofocus on in the left camera (0.5 % from view to view)", _breathing, "zoom_changed",
     "zoom_unsteady", "not_simultaneous", "holdout_ratio")  # fmt: skip
_add("lens correction switched on for one auxiliary picture", _corrected, "auxiliary_zoom",
     "auxiliary_inconsistent", "camera_bumped", "auxiliary_moved", "bent_board")  # fmt: skip
_add("auxiliary picture cropped by 20 px at one side", lambda s: s.auxiliary(
    view=replace(s.seen.auxiliary[0].view, left=None if s.seen.auxiliary[0].view.left is None
                 else s.seen.auxiliary[0].view.left - [20.0, 0])),
     "camera_bumped", "auxiliary_zoom", "auxiliary_moved")  # fmt: skip
_add("apart_m in feet", lambda s: replace(s.seen, cameras_apart_m=s.room.rig.baseline_m / 0.3048),
     "scale")  # fmt: skip
_add("placement's angle_deg taken from the vertical",
     lambda s: s.taped(angle_deg=90.0 - float(s.tape.angle_deg or 0.0)),
     "placement_tilt", "wrong_placement", placements=("tilted",))  # fmt: skip


# -- a sixth time: whatever a technician could still do; first run before any guess for it ---------
def _from_below(s: Scene, camera: str) -> tuple[float, ...]:
    """corners_m of a camera measured from the foot of its tripod, 1.3 m below the lens."""
    corners = np.array([[W(s), 0, 0], [0, 0, 0], [W(s), H(s), 0], [0, H(s), 0]])
    foot = s.room.rig.T_WC(camera).t + [0, 1.3, 0]
    far = np.linalg.norm(foot - corners, axis=1)[: len(s.seen.corners_m[camera])]
    return tuple(far.round(2).tolist())


def _quarter_turned(turns: int) -> Callable[[Scene], Seen]:
    """The board lies turned by quarter turns; the tape leads to its first corner as it lies."""

    def make(s: Scene) -> Seen:
        left, right = rigs.place_auxiliary(s.room, s.tape, quarter_turns=turns)
        view = View("aux", rigs.noisy(left, s.rng, 0.1), rigs.noisy(right, s.rng, 0.1))
        return s.auxiliary(view=view)

    return make


def _on_a_lid(s: Scene) -> Seen:
    """The auxiliary board lies taped to a rounded lid: its sides hang 3 cm lower."""
    points = rigs.BOARD.points_B()
    x = points[:, 0] - points[:, 0].mean()
    return _bent(s, x**2 / 3.0)


def _curling(s: Scene) -> Seen:
    """A loose sheet that is held by hand: bowed by some millimetres, another way in each view."""
    points = rigs.BOARD.points_B()
    x = 2 * points[:, 0] / points[:, 0].max() - 1
    bows = [np.stack([0 * x, 0 * x, b * (1 - x**2)], 1) for b in s.rng.normal(0, 0.004, 18)]
    views = []
    for k, bow in enumerate(bows):  # the same places, each with its own bow
        rng = np.random.default_rng([6, s.key[0]])
        exact = rigs.look(s.room, rng, shared=8, alone=5, deform=bow)[k]
        views.append(View(f"{k:02d}", *(rigs.noisy(uv, s.rng, 0.1) for uv in exact)))
    return replace(s.seen, views=tuple(views))


def _rolling_stabiliser(s: Scene) -> Seen:
    """A stabiliser that turns the right picture by 0.2° about its middle, anew in each view."""
    middle = np.array(s.seen.sizes["right"]) / 2

    def turned(i: int, v: View) -> View:
        if v.right is None:
            return v
        a = np.radians(s.rng.normal(0, 0.2))
        R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        return replace(v, right=middle + (v.right - middle) @ R.T)

    return s.views(turned)


def _partly_shuffled(s: Scene) -> Seen:
    """Four of the right camera's pictures in another order."""
    rights = {i: v.right for i, v in enumerate(s.seen.views)}
    order = {4: 5, 5: 6, 6: 7, 7: 4}
    return s.views(lambda i, v: replace(v, right=rights[order[i]]) if i in order else v)


def _two_of_another_day(s: Scene) -> Seen:
    """Two shared views were taken when the right camera looked 3° elsewhere."""
    turn = rotation_exp([np.radians(1.0), np.radians(3.0), 0])
    right = s.room.rig.right
    return s.views(lambda i, v: v if v.right is None or i not in (2, 5) else
                   replace(v, right=right.project(right.rays(v.right) @ turn.T)))  # fmt: skip


def _teachers_left(s: Scene) -> Seen:
    """Tape and lengths by somebody who faces the class: left is right, but for the folders."""
    given = s.seen.corners_m
    other = {
        "left": tuple(given["right"][j ^ 1] for j in range(len(given["right"]))),
        "right": tuple(given["left"][j ^ 1] for j in range(len(given["left"]))),
    }
    return replace(s.taped(left_m=W(s) - s.tape.left_m), corners_m=other)


def _tape_broken_off(s: Scene) -> Seen:
    """Every length but the squares is read 10 cm too long: the tape's beginning is torn off."""
    seen = s.every_tape(lambda t: t + 0.1)
    seen = Scene(s.room, seen, s.rng).every_lens(lambda v: v + 0.1)
    return replace(seen, blackboard_m=(W(s) + 0.1, H(s) + 0.1),
                   cameras_apart_m=s.room.rig.baseline_m + 0.1)  # fmt: skip


def _to_the_frame(s: Scene) -> Seen:
    """corners_m lead to the frame's outer corners, 6 cm outside; its size is the inner one."""
    x, y = np.array([W(s) + 0.06, -0.06] * 2), np.array([-0.06, -0.06, H(s) + 0.06, H(s) + 0.06])
    ends = np.stack([x, y, np.zeros(4)], 1)
    far = {c: np.linalg.norm(s.room.rig.T_WC(c).t - ends, axis=1) for c in ("left", "right")}
    return replace(s.seen, corners_m={c: tuple(v.round(2).tolist()) for c, v in far.items()})


_add("the left camera's lengths begun at its tripod's foot, 1.3 m below",
     lambda s: s.lens("left", lambda v: _from_below(s, "left")), "camera_elsewhere")  # fmt: skip
_add("both cameras' lengths begun at the tripods' feet",
     lambda s: replace(s.seen, corners_m={c: _from_below(s, c) for c in s.seen.corners_m}),
     "camera_elsewhere", "corners_wrong", "tape_wrong")  # fmt: skip
_add("the right camera's lower two lengths exchanged",
     lambda s: s.lens("right", lambda v: (*v[:2], v[3], v[2])), "corners_exchanged")  # fmt: skip
_add("the left camera's lengths in feet", lambda s: s.lens(
    "left", lambda v: tuple(round(x / 0.3048, 1) for x in v)),
     "corners_wrong", "camera_elsewhere")  # fmt: skip
_add("the blackboard's height given as its width",
     lambda s: replace(s.seen, blackboard_m=(H(s), H(s))), "blackboard_width")  # fmt: skip
_add("auxiliary board lying upside down, measured so", _quarter_turned(2), "harmless")
_add("auxiliary board turned by 90°, measured so", _quarter_turned(1), "harmless")
_add("both prints at 97 %, and no other length measured",
     lambda s: replace(s.squares(1 / 0.97), corners_m={}, cameras_apart_m=None),
     "scale_unchecked", "room_unchecked")  # fmt: skip
_add("auxiliary board taped to a rounded lid", _on_a_lid, "bent_board")
_add("a loose sheet, bowed another way in each view (4 mm)", _curling,
     "noise", "holdout_ratio", "bent_board", "harmless")  # fmt: skip
_add("a stabiliser that also rolls the right picture (0.2°)", _rolling_stabiliser,
     "not_simultaneous")  # fmt: skip
_add("four of the right camera's pictures in another order", _partly_shuffled,
     "not_simultaneous", "pairs_shifted")  # fmt: skip
_add("two shared views of another day (3° elsewhere)", _two_of_another_day,
     "not_simultaneous", "camera_moved")  # fmt: skip
_add("left camera nudged by 0.3° before the auxiliary pictures",
     lambda s: s._shown(s.turned_camera("left", (0.1, 0.3, 0.05)), s.tape),
     "camera_bumped", "auxiliary_moved")  # fmt: skip
_add("corners found to whole pixels only", lambda s: s.views(
    lambda i, v: replace(v, left=None if v.left is None else v.left.round(),
                         right=None if v.right is None else v.right.round())),
     "harmless", "noise")  # fmt: skip
_add("tape led to a tilted board's lower edge",
     lambda s: s.to(0, -(NY - 1) * SQUARE), "tape_other_corner",
     placements=("tilted",))  # fmt: skip
_add("out_m from the wall, 6 cm behind the blackboard, one placement",
     lambda s: s.taped(out_m=s.tape.out_m + 0.06), "tape_wrong", "harmless")  # fmt: skip
_add("left and right as the teacher has them, in all that is typed", _teachers_left,
     "tape_from_upper_left", "corners_exchanged", "room_contradiction")  # fmt: skip
_add("the tape's first 10 cm torn off, for every length", _tape_broken_off,
     "tape_begun", "room_contradiction")  # fmt: skip
_add("corners_m to the frame's corners, the inner size given", _to_the_frame,
     "blackboard_frame", "blackboard_width", "blackboard_height", "corners_wrong",
     "corners_begun")  # fmt: skip
_add("angle_deg in radians", lambda s: s.taped(
    angle_deg=round(float(np.radians(s.tape.angle_deg or 0.0)), 2)),
     "placement_tilt", placements=("tilted",))  # fmt: skip


# -- a ninth time: other themes than the room; first run before any guess for it -------------------
def _aux_stretched(s: Scene) -> Seen:
    """The auxiliary board alone is a print fitted to another page: 3 % narrower than high."""
    points = rigs.BOARD.points_B() * np.array([0.97, 1, 1])
    T_WB = Transform(R_WA, s.tape.t_WA, "W", "A") @ s.seen.auxiliary[0].T_AB(0)
    seen = [s.room.rig.camera(c).project((s.room.rig.T_WC(c).inverse() @ T_WB).apply(points))
            for c in ("left", "right")]  # fmt: skip
    return s.auxiliary(view=View("aux", *(rigs.noisy(uv, s.rng, 0.1) for uv in seen)))


def _lenses_crossed(s: Scene) -> Seen:
    """The pictures that each camera took alone lie in the other one's folder."""
    return s.views(lambda i, v: v if v.left is not None and v.right is not None else
                   replace(v, left=v.right, right=v.left))  # fmt: skip


def _left_zoomed(*where: int, factor: float, alone: bool = False) -> Callable[[Scene], Seen]:
    """Some of the left camera's pictures at another zoom: by number, or all that it took alone."""

    def make(s: Scene) -> Seen:
        return s.views(
            lambda i, v: replace(v, left=_zoom(s, v.left, factor))
            if i in where or (alone and v.right is None) else v
        )  # fmt: skip

    return make


def _swivelled(degrees: float) -> Callable[[Scene], Seen]:
    """The board lies on a table that was swung about its leg, 40 cm away, after taping."""

    def make(s: Scene) -> Seen:
        arm = np.array([0.4, 0, 0])
        moved_by = rotation_exp([0, np.radians(degrees), 0]) @ arm - arm
        return s.laid((0, 0, degrees), tuple(moved_by))

    return make


def _of_another_rig(s: Scene) -> Seen:
    """One shared right picture is of a camera that stood elsewhere."""
    turn = rotation_exp(np.radians([4.0, -9.0, 2.0]))
    right = s.room.rig.right
    return s.views(lambda i, v: v if i != 4 else
                   replace(v, right=right.project(right.rays(v.right) @ turn.T)))  # fmt: skip


def _crossed_placements(s: Scene) -> Seen:
    """The right pictures of two placements exchanged, the left ones not."""
    a, b = (x.view for x in s.seen.auxiliary)
    seen = s.auxiliary(0, view=replace(a, right=b.right))
    return Scene(s.room, seen, s.rng).auxiliary(1, view=replace(b, right=a.right))


def _to_the_wall_below_the_lens(s: Scene) -> Seen:
    """corners_m measured along the wall, from where the lens would touch it."""
    corners = np.array([[W(s), 0], [0, 0], [W(s), H(s)], [0, H(s)]])
    far = {c: np.linalg.norm(s.room.rig.T_WC(c).t[:2] - corners, axis=1).round(2).tolist()
           for c in s.seen.corners_m}  # fmt: skip
    return replace(s.seen, corners_m={c: tuple(v) for c, v in far.items()})


def _both_aux_mirrored(s: Scene) -> Seen:
    v = s.seen.auxiliary[0].view
    return s.auxiliary(view=replace(v, left=_mirrored(s, v.left), right=_mirrored(s, v.right)))


def _aux_upside_down(s: Scene) -> Seen:
    """The right auxiliary picture was saved turned by 180 degrees."""
    v, size = s.seen.auxiliary[0].view, np.array(s.seen.sizes["right"])
    assert v.right is not None
    return s.auxiliary(view=replace(v, right=size - 1 - v.right))


_add("auxiliary board's print 3 % narrower than high, the other right", _aux_stretched,
     "print_stretched")  # fmt: skip
_add("the tape in feet read as metres, every length of the board",
     lambda s: s.every_tape(lambda t: t / 0.3048), "tape_units")  # fmt: skip
_add("one length of corners_m in inches taken for cm", lambda s: s.lens(
    "left", lambda v: (v[0], v[1] / INCH_CM, *v[2:])), "corners_wrong")  # fmt: skip
_add("pictures that each camera took alone in the other's folder", _lenses_crossed,
     "zoom_changed", "zoom_unsteady")  # fmt: skip
_add("the left camera's pictures alone at 1.04 times the zoom",
     _left_zoomed(factor=1.04, alone=True), "zoom_changed")  # fmt: skip
_add("every third left picture at 1.04 times the zoom",
     _left_zoomed(*range(0, 18, 3), factor=1.04), "zoom_unsteady")  # fmt: skip
_add("digital zoom of 1.2 in three left pictures", _left_zoomed(1, 4, 6, factor=1.2),
     "not_simultaneous", "views_rejected", "zoom_changed", "zoom_unsteady")  # fmt: skip
for _deg in (10, 40):
    _add(f"table swung by {_deg}° about its leg after taping", _swivelled(_deg),
         "placement_askew", "board_slipped", "auxiliary_elsewhere")  # fmt: skip
_add("one shared picture of another rig", _of_another_rig, "not_simultaneous", "harmless")
_add("the right pictures of two placements exchanged", _crossed_placements,
     "auxiliary_moved", placements=TWO)  # fmt: skip
_add("corners_m measured along the wall, not from the lens", _to_the_wall_below_the_lens,
     "corners_wrong", "camera_elsewhere", "corners_begun")  # fmt: skip
_add("apart_m between the tripods, 12 cm wider than the lenses",
     lambda s: replace(s.seen, cameras_apart_m=s.room.rig.baseline_m + 0.12), "scale",
     "harmless")  # fmt: skip
_add("both auxiliary pictures mirrored", _both_aux_mirrored, "mirrored_picture")
_add("the right auxiliary picture saved upside down", _aux_upside_down,
     "upside_down_picture")  # fmt: skip
_add("left_m 45 cm long: 1.05 written 1.5", lambda s: s.taped(left_m=s.tape.left_m + 0.45),
     "tape_wrong")  # fmt: skip


# -- a tenth time: a hostile technician; first run before any guess for it -------------------------
def _of_board(s: Scene, points: Array, which: Callable[[int], bool]) -> Seen:
    """Some views show another board than the others, (N, 3) its corners, at the same places."""
    off = points - rigs.BOARD.points_B()
    rng = np.random.default_rng([6, s.key[0]])
    views = [
        View(f"{k:02d}", *(rigs.noisy(uv, s.rng, 0.1) for uv in pair))
        for k, pair in enumerate(rigs.look(s.room, rng, shared=8, alone=5, deform=off))
    ]
    rng = np.random.default_rng([6, s.key[0]])
    flat = [
        View(f"{k:02d}", *(rigs.noisy(uv, s.rng, 0.1) for uv in pair))
        for k, pair in enumerate(rigs.look(s.room, rng, shared=8, alone=5))
    ]
    pairs = enumerate(zip(views, flat, strict=True))
    return replace(s.seen, views=tuple(a if which(k) else b for k, (a, b) in pairs))


def _two_boards(s: Scene) -> Seen:
    """Every third view shows a board with squares of three quarters."""
    return _of_board(s, rigs.BOARD.points_B() * 0.75, lambda k: k % 3 == 1)


def _rolled(s: Scene, mm: float, *, boards: bool) -> Seen:
    """A board rolled about its diagonal: its other two corners stand up by some millimetres."""
    points = rigs.BOARD.points_B()
    u = (points[:, :2] - points[:, :2].mean(0)) / np.ptp(points[:, :2], axis=0)
    height = 0.001 * mm * u.sum(1) ** 2
    if not boards:
        return _bent(s, height)
    return _of_board(s, points + np.stack([0 * height, 0 * height, height], 1), lambda k: True)


def _again_and_again(s: Scene) -> Seen:
    """One shared view was copied nine times, under other names."""
    first = next(v for v in s.seen.views if v.left is not None and v.right is not None)
    more = tuple(replace(first, name=f"copy{k}") for k in range(9))
    return replace(s.seen, views=(*s.seen.views, *more))


def _inverted(s: Scene, *, hand_held: bool) -> Seen:
    """Prints with black and white exchanged: the corners are counted from the other end."""

    def other(v: View) -> View:
        left, right = (None if uv is None else uv[::-1].copy() for uv in (v.left, v.right))
        return replace(v, left=left, right=right)

    seen = s.auxiliary(view=other(s.seen.auxiliary[0].view))
    return replace(seen, views=tuple(map(other, seen.views))) if hand_held else seen


def _breathing_focus(s: Scene) -> Seen:
    """The left lens is longer the nearer the board: 1 % at a metre (autofocus)."""

    def near(i: int, v: View) -> View:
        if v.left is None:
            return v
        size_px = float(np.linalg.norm(np.ptp(v.left, axis=0)))
        distance = s.room.rig.left.f_px * 0.75 / size_px
        return replace(v, left=_zoom(s, v.left, 1 + 0.01 / distance))

    return s.views(near)


def _aux_squeezed(s: Scene) -> Seen:
    """The right auxiliary picture went through a program that squeezed it by 10 % sideways."""
    v, width = s.seen.auxiliary[0].view, s.seen.sizes["right"][0]
    assert v.right is not None
    squeezed = (v.right - [width / 2, 0]) * [0.9, 1] + [width / 2, 0]
    return s.auxiliary(view=replace(v, right=squeezed))


def _turned_between(s: Scene) -> Seen:
    """The auxiliary board was picked up and laid back the other way round for the right picture."""
    _, right = rigs.place_auxiliary(s.room, s.tape, quarter_turns=2)
    view = s.seen.auxiliary[0].view
    return s.auxiliary(view=replace(view, right=rigs.noisy(right, s.rng, 0.1)))


def _sorted_as_words(s: Scene) -> Seen:
    """The right pictures are numbered 1, 10, 11, 2, …: in the order of words."""
    rights = [v.right for v in s.seen.views]
    order = sorted(range(1, len(rights) + 1), key=str)
    return s.views(lambda i, v: replace(v, right=rights[order[i] - 1]))


def _panel_in_front(s: Scene) -> Seen:
    """corners_m lead to a second panel that slides 8 cm before the one the tape was led to."""
    corners = np.array([[W(s), 0, 0.08], [0, 0, 0.08], [W(s), H(s), 0.08], [0, H(s), 0.08]])
    far = {c: np.linalg.norm(s.room.rig.T_WC(c).t - corners, axis=1).round(2).tolist()
           for c in s.seen.corners_m}  # fmt: skip
    return replace(s.seen, corners_m={c: tuple(v) for c, v in far.items()})


_add("two boards in one folder: every third view's squares are smaller", _two_boards,
     "another_board", "not_simultaneous", "scale")  # fmt: skip
_add("the hand-held board rolled about its diagonal (6 mm)",
     lambda s: _rolled(s, 6, boards=True), "bent_board", "holdout_ratio", "harmless")  # fmt: skip
_add("the auxiliary board rolled about its diagonal (10 mm)",
     lambda s: _rolled(s, 10, boards=False), "bent_board", "harmless")  # fmt: skip
_add("one shared view copied nine times", _again_and_again, "duplicate_views", "harmless")
_add("both prints with black and white exchanged", lambda s: _inverted(s, hand_held=True),
     "harmless")  # fmt: skip
_add("the auxiliary print with black and white exchanged",
     lambda s: _inverted(s, hand_held=False), "harmless")  # fmt: skip
_add("autofocus: the left lens is 1 % longer for a board at a metre", _breathing_focus,
     "zoom_changed", "zoom_unsteady", "holdout_ratio", "harmless")  # fmt: skip
_add("the right auxiliary picture squeezed by 10 % sideways", _aux_squeezed,
     "auxiliary_zoom", "print_stretched", "auxiliary_moved", "auxiliary_size")  # fmt: skip
_add("auxiliary board turned by 180° between its two pictures", _turned_between,
     "auxiliary_moved", "upside_down_picture", "reversed_view")  # fmt: skip
_add("right pictures numbered in the order of words (1, 10, 11, 2, …)", _sorted_as_words,
     "not_simultaneous", "pairs_shifted")  # fmt: skip
_add("corners_m to a panel that slides 8 cm before the measured one", _panel_in_front,
     "tape_wrong", "corners_wrong", "corners_begun", "harmless")  # fmt: skip
_add("blackboard's height measured to the floor, 85 cm long",
     lambda s: replace(s.seen, blackboard_m=(W(s), H(s) + 0.85)), "blackboard_height")  # fmt: skip
_add("left_m and out_m in the other order, and down in centimetres",
     lambda s: s.taped(left_m=s.tape.out_m, out_m=s.tape.left_m, down_m=s.tape.down_m * 10),
     "room_contradiction", "tape_exchanged", "room_impossible", "tape_wrong",
     "board_slipped")  # fmt: skip
_add("corners_m by another hand, every length rounded to half a metre",
     lambda s: s.every_lens(lambda v: np.round(2 * v) / 2),
     "corners_wrong", "room_contradiction", "harmless")  # fmt: skip
_add("the tape held 15° from the horizontal for left_m",
     lambda s: s.taped(left_m=s.tape.left_m / np.cos(np.radians(15))),
     "tape_wrong", "tape_slope", "harmless")  # fmt: skip


# -- an eleventh time: telephones that improve pictures, and other hands; first run before any guess
def _picture(v: View, camera: str, change: Callable[[Array], Array]) -> View:
    """A view with one camera's picture changed, where that camera saw it."""
    uv = v.corners(camera)
    return v if uv is None else replace(v, **{camera: change(uv)})  # type: ignore[arg-type]


def _straightened(s: Scene, sigma_deg: float) -> Seen:
    """A telephone as the left camera straightens every second picture, and enlarges it to fit."""
    middle = np.array(s.seen.sizes["left"]) / 2

    def straight(uv: Array) -> Array:
        a = np.radians(s.rng.normal(0, sigma_deg))
        R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        return middle + (1 + 0.5 * abs(a)) * (uv - middle) @ R.T

    return s.views(lambda i, v: _picture(v, "left", straight) if i % 2 else v)


def _lens_corrected(s: Scene) -> Seen:
    """Every second picture of the left camera has its lens's bend taken out by the telephone."""
    camera = s.room.rig.left

    def flat(uv: Array) -> Array:
        return camera.undistort(uv) * camera.f_px + np.array(camera.size_px) / 2

    return s.views(lambda i, v: _picture(v, "left", flat) if i % 2 else v)


def _upside_down_later(*cameras: str) -> Callable[[Scene], Seen]:
    """From the sixth view on these cameras' pictures were saved upside down (EXIF lost)."""

    def make(s: Scene) -> Seen:
        def turned(i: int, v: View) -> View:
            for c in cameras if i >= 5 else ():
                v = _picture(v, c, lambda uv, c=c: np.array(s.seen.sizes[c]) - 1 - uv)
            return v

        return s.views(turned)

    return make


def _cropped(s: Scene, uv: Array, share: float) -> Array:
    """A picture with this share cut off its left and lower side, shown as large as before."""
    return (uv - [share * s.seen.sizes["left"][0], 0]) / (1 - share)


def _on_a_pipe(s: Scene) -> Seen:
    """The hand-held print is glued to a wide pipe: its sides lie 5 mm behind its middle."""
    points = rigs.BOARD.points_B()
    x = 2 * points[:, 0] / points[:, 0].max() - 1
    bulge = np.stack([0 * x, 0 * x, 0.005 * x**2], 1)
    return _of_board(s, points + bulge, lambda k: True)


def _smeared(s: Scene) -> Seen:
    """One shared right picture is blurred by motion: its corners are found 6 px along."""
    return s.views(lambda i, v: _picture(v, "right", lambda uv: uv + [6.0, 2.0] + s.rng.normal(
        0, 0.5, uv.shape)) if i == 3 else v)  # fmt: skip


def _through_a_window(s: Scene) -> Seen:
    """The right calibration pictures were taken through a pane (8 mm, 45°), the auxiliary not."""
    camera = s.room.rig.right
    normal = np.array([np.sin(np.pi / 4), 0, np.cos(np.pi / 4)])

    def beside(uv: Array) -> Array:
        d = camera.rays(uv)
        d = d / np.linalg.norm(d, axis=1, keepdims=True)
        across = d - (d @ normal)[:, None] * normal
        inside = np.sqrt(1 - (across**2).sum(1) / 1.5**2)
        shift = 0.008 * across * (1 / (d @ normal) - 1 / (1.5 * inside))[:, None]
        size_px = float(np.linalg.norm(np.ptp(uv, axis=0)))
        return camera.project(d * camera.f_px * 0.75 / size_px + shift)

    return s.views(lambda i, v: _picture(v, "right", beside))


def _of_a_third_camera(s: Scene) -> Seen:
    """Half of the right pictures are of a telephone beside the camera: another lens and place."""
    other, T = s.room.rig.right, s.room.rig.T_WC("right")
    turn = rotation_exp(np.radians([2.0, -5.0, 1.0]))
    middle = np.array(other.size_px) / 2

    def there(uv: Array) -> Array:
        return middle + 0.8 * (other.project(other.rays(uv) @ turn.T) - middle)

    assert T is not None
    return s.views(lambda i, v: _picture(v, "right", there) if i % 2 else v)


def _to_the_tray(s: Scene) -> Seen:
    """The lower lengths lead to the ends of a chalk tray that stands 15 cm out of the wall."""
    corners = np.array([[W(s), 0, 0], [0, 0, 0], [W(s), H(s), 0.15], [0, H(s), 0.15]])
    far = {c: np.linalg.norm(s.room.rig.T_WC(c).t - corners, axis=1).round(2).tolist()
           for c in s.seen.corners_m}  # fmt: skip
    return replace(s.seen, corners_m={c: tuple(v) for c, v in far.items()})


def _past_two_corners(s: Scene) -> Seen:
    """A laser missed two corners and met the wall behind: one length of each camera is too long."""
    seen = s.lens("left", lambda v: (v[0], v[1] + 0.12, *v[2:]))
    return Scene(s.room, seen, s.rng).lens("right", lambda v: (*v[:2], v[2] + 0.15, *v[3:]))


def _crossed_lists(s: Scene) -> Seen:
    """Upper lengths of one camera with the lower ones of the other, both ways."""
    a, b = s.seen.corners_m["left"], s.seen.corners_m["right"]
    return replace(s.seen, corners_m={"left": a[:2] + b[2:], "right": b[:2] + a[2:]})


def _ring(s: Scene) -> Seen:
    """The three lengths typed in the order out, left, down."""
    t = s.tape
    return s.taped(left_m=t.out_m, down_m=t.left_m, out_m=t.down_m)


def _from_the_back_wall(s: Scene) -> Seen:
    """out_m from the wall at the back of a room of 9 m."""
    return s.taped(out_m=9.0 - s.tape.out_m)


def _tilted_sideways(s: Scene) -> Seen:
    """Said to be tilted towards the class; its side lies raised by as much instead."""
    a = float(s.tape.angle_deg or 0.0)
    return s.laid((-a, a, 0))


_add("every second left picture straightened by a telephone (1°)",
     lambda s: _straightened(s, 1.0), "not_simultaneous", "zoom_unsteady")  # fmt: skip
_add("every second left picture with its lens corrected", _lens_corrected,
     "zoom_unsteady", "not_simultaneous", "harmless")  # fmt: skip
_add("right pictures upside down from the sixth on", _upside_down_later("right"),
     "upside_down_picture")  # fmt: skip
_add("both cameras' pictures upside down from the sixth on",
     _upside_down_later("left", "right"), "upside_down_picture")  # fmt: skip
_add("five left pictures cut at one side and enlarged again (5 %)", lambda s: s.views(
    lambda i, v: _picture(v, "left", lambda uv: _cropped(s, uv, 0.05)) if i % 3 == 1 else v),
     "zoom_unsteady", "not_simultaneous")  # fmt: skip
_add("one left picture cut at one side and enlarged again (5 %)", lambda s: s.views(
    lambda i, v: _picture(v, "left", lambda uv: _cropped(s, uv, 0.05)) if i == 4 else v),
     "not_simultaneous", "harmless")  # fmt: skip
_add("the left auxiliary picture cut at one side and enlarged again (5 %)", lambda s: s.auxiliary(
    view=_picture(s.seen.auxiliary[0].view, "left", lambda uv: _cropped(s, uv, 0.05))),
     "auxiliary_zoom")  # fmt: skip
_add("the hand-held print glued to a wide pipe (5 mm)", _on_a_pipe, "bent_board", "harmless")
_add("one shared picture blurred by motion (6 px)", _smeared, "not_simultaneous", "harmless")
_add("right calibration pictures through a window pane", _through_a_window, "harmless")
_add("every second right picture of a telephone beside the camera", _of_a_third_camera,
     "zoom_unsteady", "not_simultaneous")  # fmt: skip
_add("the tape led to the edge of the sheet, not of the print", lambda s: s.to(
    SQUARE + 0.03, SQUARE + 0.03), "tape_outer_corner", "tape_wrong", "board_slipped")  # fmt: skip
_add("lower lengths led to a chalk tray 15 cm out of the wall", _to_the_tray,
     "corners_wrong", "blackboard_height", "harmless")  # fmt: skip
_add("a laser met the wall behind two corners", _past_two_corners, "corners_wrong")
_add("out_m from the back wall of a room of 9 m", _from_the_back_wall, "tape_wrong")
_add("down_m is the table's height", lambda s: s.taped(down_m=0.72), "tape_wrong")
_add("left, down, out typed in a ring", _ring, "tape_exchanged")
_add("the upper lengths of one camera with the lower ones of the other", _crossed_lists,
     "corners_exchanged")  # fmt: skip
for _deg in (40, 45):
    _add(f"board askew by {_deg}° (a corner towards the blackboard)",
         lambda s, d=_deg: s.laid((0, 0, d)), "placement_askew",
         "auxiliary_elsewhere")  # fmt: skip
_add("said to be tilted, its side is raised instead", _tilted_sideways,
     "placement_slope", "placement_tilt", "auxiliary_elsewhere",
     placements=("tilted",))  # fmt: skip


# -- a twelfth time: creeping cameras, skewed prints, other hands; first run before any hypothesis -
def _creeping(s: Scene, camera: str, change: Callable[[float, Array], Array]) -> Seen:
    """A camera that changes a little more with each view: from none of it (0) to all (1)."""
    n = len(s.seen.views) - 1
    return s.views(lambda i, v: _picture(v, camera, lambda uv: change(i / n, uv)))


def _sagging(s: Scene) -> Seen:
    """The right camera's clamp gives way, by 0.4° over the session."""
    right = s.room.rig.right
    axis = np.radians([0.4, 0.0, 0.0])
    return _creeping(s, "right", lambda share, uv: right.project(
        right.rays(uv) @ rotation_exp(share * axis).T))  # fmt: skip


def _skewed(s: Scene, degrees: float) -> Seen:
    """The hand-held print is skewed: its columns are not at right angles to its rows."""
    points = rigs.BOARD.points_B()
    off = np.stack([np.tan(np.radians(degrees)) * points[:, 1], 0 * points[:, 0],
                    0 * points[:, 0]], 1)  # fmt: skip
    return _of_board(s, points + off, lambda k: True)


def _two_sheets(s: Scene) -> Seen:
    """The hand-held board is two sheets, 3 mm apart between its fifth and sixth column."""
    points = rigs.BOARD.points_B()
    gap = np.where(points[:, 0] > 4.5 * SQUARE, 0.003, 0.0)
    return _of_board(s, points + np.outer(gap, [1.0, 0, 0]), lambda k: True)


def _half_exchanged_pictures(s: Scene) -> Seen:
    """Left and right exchanged in every second shared view."""
    return s.views(lambda i, v: replace(v, left=v.right, right=v.left)
                   if i % 2 and v.left is not None and v.right is not None else v)  # fmt: skip


def _reversed(s: Scene) -> Seen:
    """The right camera's shared pictures in reverse order."""
    shared = [i for i, v in enumerate(s.seen.views) if v.left is not None and v.right is not None]
    rights = [s.seen.views[i].right for i in reversed(shared)]
    return s.views(lambda i, v: replace(v, right=rights[shared.index(i)]) if i in shared else v)


def _to_the_middles(s: Scene) -> Seen:
    """corners_m lead to the middles of the blackboard's edges instead of its corners."""
    ends = np.array([[W(s) / 2, 0, 0], [0, H(s) / 2, 0], [W(s), H(s) / 2, 0], [W(s) / 2, H(s), 0]])
    far = {c: np.linalg.norm(s.room.rig.T_WC(c).t - ends, axis=1).round(2).tolist()
           for c in s.seen.corners_m}  # fmt: skip
    return replace(s.seen, corners_m={c: tuple(v) for c, v in far.items()})


def _shoved(s: Scene, camera: str, metres: float) -> Seen:
    """A camera's tripod was shoved sideways half way, and looks the same way."""
    rig, points = s.room.rig, s.room.board.points_B()
    cameras = State((rig.left.lens, rig.right.lens), rig.T_RL.R, rig.T_RL.t)
    shift = np.array([metres, 0.0, 0.0])

    def there(i: int, v: View) -> View:
        end = resect(points, v.left, v.right, cameras)
        if i < len(s.seen.views) // 4 or v.left is None or v.right is None or end is None:
            return v
        P = points @ end.state.R_view[0].T + end.state.t_view[0]
        P = P if camera == "left" else rig.T_RL.apply(P)
        lens = rig.camera(camera)
        return _picture(v, camera, lambda uv: uv + lens.project(P + shift) - lens.project(P))

    return s.views(there)


_add("the right camera's clamp gives way by 0.4° over the session", _sagging,
     "camera_moved", "not_simultaneous")  # fmt: skip
_add("the left zoom creeps by 2 % over the session", lambda s: _creeping(
    s, "left", lambda share, uv: (uv - np.array(s.seen.sizes["left"]) / 2) * (1 + 0.02 * share)
    + np.array(s.seen.sizes["left"]) / 2), "zoom_changed", "zoom_unsteady")  # fmt: skip
_add("both cameras zoomed by 3 % half way", lambda s: s.views(lambda i, v: v if i < 4 else replace(
    v, left=_zoom(s, v.left, 1.03), right=_zoom(s, v.right, 1.03))), "zoom_changed")  # fmt: skip
_add("half of the right pictures cut, each otherwise", lambda s: s.views(
    lambda i, v: _picture(v, "right", lambda uv: _cropped(s, uv, 0.02 + 0.01 * (i % 5)))
    if i % 2 else v), "zoom_unsteady", "not_simultaneous")  # fmt: skip
_add("the left camera shoved sideways by 6 cm half way", lambda s: _shoved(s, "left", 0.06),
     "camera_moved")  # fmt: skip
_add("the hand-held print skewed by 0.5°", lambda s: _skewed(s, 0.5),
     "print_stretched", "holdout_ratio", "bent_board", "harmless")  # fmt: skip
_add("the hand-held board is two sheets with 3 mm between them", _two_sheets,
     "print_stretched", "holdout_ratio", "bent_board", "noise", "harmless")  # fmt: skip
_add("left and right exchanged in every second shared view", _half_exchanged_pictures,
     "swapped_pictures", "pairs_shifted", "not_simultaneous")  # fmt: skip
_add("the right shared pictures in reverse order", _reversed,
     "not_simultaneous", "pairs_shifted")  # fmt: skip
_add("corners_m to the middles of the blackboard's edges", _to_the_middles,
     "corners_wrong", "corners_exchanged", "room_contradiction", "camera_elsewhere",
     "corners_begun")  # fmt: skip
_add("left_m is the left lens's length to the upper right corner", lambda s: s.taped(
    left_m=s.seen.corners_m["left"][1]), "tape_wrong")  # fmt: skip
_add("width of the blackboard with both wings open", lambda s: replace(
    s.seen, blackboard_m=(2 * W(s), H(s))), "blackboard_width")  # fmt: skip
_add("left_m and down_m begun at the frame's corner, 6 cm out", lambda s: s.taped(
    left_m=s.tape.left_m + 0.06, down_m=s.tape.down_m + 0.06),
     "tape_begun", "tape_outer_corner", "tape_wrong", "harmless")  # fmt: skip
_add("out_m 7 % long round a lectern, lengths of the right lens 4 cm", lambda s: Scene(
    s.room, s.taped(out_m=1.07 * s.tape.out_m), s.rng).lens(
        "right", lambda v: tuple(x + 0.04 for x in v)), "tape_wrong", "corners_begun",
     "camera_elsewhere", "harmless")  # fmt: skip
_add("auxiliary board on a heap of exercise books: 5 cm high, sloping by 2° both ways",
     lambda s: s.laid((2, 2, 0), (0, -0.05, 0)), "placement_tilt", "placement_slope",
     "tape_wrong", "harmless")  # fmt: skip


# -- a thirteenth time: first run before any guess for it ------------------------------------------
def _from_sixth(s: Scene, change: Callable[[View], View]) -> Seen:
    """Something is otherwise from the sixth shared view on."""
    return s.views(lambda i, v: v if i < 5 or v.left is None or v.right is None else change(v))


def _outside(s: Scene, out_m: float) -> Seen:
    """All that is measured of the blackboard goes to its frame's outer edge, but for the tape."""
    x, y = np.array([W(s) + out_m, -out_m] * 2), np.repeat([-out_m, H(s) + out_m], 2)
    ends = np.stack([x, y, np.zeros(4)], 1)
    far = {
        c: tuple(np.linalg.norm(s.room.rig.T_WC(c).t - ends, axis=1).round(2).tolist())
        for c in s.seen.corners_m
    }
    return replace(s.seen, blackboard_m=(W(s) + 2 * out_m, H(s) + 2 * out_m), corners_m=far)


def _another_camera(s: Scene, uv: Array) -> Array:
    """What another camera of the same kind sees from there: its lens is a little otherwise."""
    middle = np.array(s.seen.sizes["right"]) / 2
    return np.asarray((uv - middle) * 1.015 + middle + [14.0, -9.0], np.float64)


def _carried(s: Scene, camera: str, shift_m: tuple[float, float, float]) -> Seen:
    """A camera stands elsewhere when the auxiliary pictures are taken, and looks the same way."""
    T = Transform(np.eye(3), np.array(shift_m), "C", "C")
    rig = s.room.rig
    if camera == "right":
        moved = replace(rig, T_RL=replace(T, dst="R", src="R") @ rig.T_RL)
    else:
        back = replace(T, dst="L", src="L").inverse()
        moved = replace(rig, T_RL=rig.T_RL @ back, T_AL=rig.T_AL @ back)
    return s._shown(replace(s.room, rig=moved), s.tape)


def _second_laid(s: Scene, turn_deg: tuple[float, float, float]) -> Seen:
    """The second board really lay otherwise."""
    aux = s.seen.auxiliary[1]
    off = np.concatenate([np.radians(turn_deg), np.zeros(3)])
    left, right = rigs.place_auxiliary(s.room, aux.tape, off=off)
    return s.auxiliary(1, view=View(
        aux.view.name, rigs.noisy(left, s.rng, 0.1), rigs.noisy(right, s.rng, 0.1)
    ))  # fmt: skip


TWO = ("flat", "flat")
_add("every length of corners_m in feet",
     lambda s: s.every_lens(lambda v: v / 0.3048), "corners_wrong", "scale")  # fmt: skip
_add("the second of two boards askew by 8°", lambda s: _second_laid(s, (0, 0, 8)),
     "placement_askew", placements=TWO)  # fmt: skip
_add("the second of two placements: down_m taken to the floor (68 cm)", lambda s: s.taped(
    index=1, down_m=s.seen.auxiliary[1].tape.down_m + 0.68), "tape_to_floor", "tape_wrong",
     placements=TWO)  # fmt: skip
_add("the second of two placements begun at the upper left corner", lambda s: s.taped(
    index=1, left_m=W(s) - s.seen.auxiliary[1].tape.left_m), "tape_from_upper_left",
     placements=TWO)  # fmt: skip
_add("the second of two placements: down_m and out_m exchanged", lambda s: s.taped(
    index=1, down_m=s.seen.auxiliary[1].tape.out_m, out_m=s.seen.auxiliary[1].tape.down_m),
     "tape_exchanged", placements=TWO)  # fmt: skip
_add("blackboard and corners_m with the frame, 10 cm each side, the tape without",
     lambda s: _outside(s, 0.1), "tape_begun", "blackboard_frame")  # fmt: skip
_add("down_m with the point one place right", lambda s: s.taped(down_m=10 * s.tape.down_m),
     "tape_wrong", "tape_units")  # fmt: skip
_add("the right camera's lengths begun at its back, 16 cm behind the lens",
     lambda s: s.lens("right", lambda v: tuple(x + 0.16 for x in v)),
     "corners_begun", "camera_elsewhere")  # fmt: skip
_add("the left camera's second length is a copy of its first",
     lambda s: s.lens("left", lambda v: (v[0], v[0], *v[2:])), "corners_wrong")  # fmt: skip
_add("width_m read 30 cm long", lambda s: replace(
    s.seen, blackboard_m=(W(s) + 0.3, H(s))), "blackboard_width")  # fmt: skip
_add("right pictures mirrored from the sixth on", lambda s: _from_sixth(
    s, lambda v: replace(v, right=_mirrored(s, v.right))),
     "mirrored_picture", "mirrored_camera")  # fmt: skip
_add("left and right exchanged from the sixth view on", lambda s: _from_sixth(
    s, lambda v: replace(v, left=v.right, right=v.left)), "swapped_pictures")  # fmt: skip
_add("right pictures at two thirds of the size in the same frame, from the sixth on",
     lambda s: _from_sixth(s, lambda v: _picture(v, "right", lambda uv: uv * 2 / 3)),
     "zoom_changed")  # fmt: skip
_add("another right camera of the same kind from the sixth view on", lambda s: _from_sixth(
    s, lambda v: _picture(v, "right", lambda uv: _another_camera(s, uv))),
     "zoom_changed", "camera_moved")  # fmt: skip
_add("the right auxiliary picture cut from 4:3 to the other pictures' shape", lambda s: s.auxiliary(
    view=_picture(s.seen.auxiliary[0].view, "right", lambda uv: (uv - [0, 90]) * 1.0)),
     "auxiliary_zoom", "camera_bumped", "auxiliary_moved")  # fmt: skip
_add("the hand-held board printed at 97 %, the auxiliary one right",
     lambda s: s.squares(1 / 0.97, "calibration"), "auxiliary_square", "scale")  # fmt: skip
_add("the left camera carried 30 cm before the auxiliary pictures",
     lambda s: _carried(s, "left", (0.3, 0, 0)), "auxiliary_moved", "camera_bumped")  # fmt: skip
_add("the right camera carried 5 cm before the auxiliary pictures",
     lambda s: _carried(s, "right", (0.03, 0, 0.04)), "auxiliary_moved", "camera_bumped",
     "auxiliary_square")  # fmt: skip
_add("last week's three lengths", lambda s: s.auxiliary(tape=s.tape.at(
    s.tape.t_WA + [0.37, 0.21, -0.44])), "tape_wrong", "auxiliary_elsewhere")  # fmt: skip
_add("corners_m to the corners of the screen beside the blackboard", lambda s: replace(
    s.seen, corners_m={c: tuple(np.linalg.norm(s.room.rig.T_WC(c).t - np.array(
        [[W(s) - 0.5, -0.3, 0], [-0.5, -0.3, 0], [W(s) - 0.5, H(s) - 0.3, 0], [-0.5, H(s) - 0.3, 0]]
    ), axis=1).round(2).tolist()) for c in s.seen.corners_m}),
     "tape_wrong", "tape_begun", "corners_wrong", "camera_elsewhere",
     "board_slipped")  # fmt: skip
_add("a tilted board's angle read 10° low", lambda s: s.taped(
    angle_deg=(s.tape.angle_deg or 0.0) - 10), "placement_tilt",
     placements=("tilted",))  # fmt: skip
_add("a tilted board askew by 8°", lambda s: s.laid((0, 0, 8)), "placement_askew",
     placements=("tilted",))  # fmt: skip


# -- pictures of the room --------------------------------------------------------------------------
def _pictured(
    s: Scene, wrong: Callable[[RoomPicture], RoomPicture] = lambda p: p, pictures: int = 2,
    off: tuple[float, ...] = (0,) * 6, zoom: float = 1.0,
) -> Seen:  # fmt: skip
    """A telephone's pictures of board and blackboard, something wrong with the last one.

    off : how the board was moved before it (turned in its plane, radians; metres). zoom : of the
    telephone in it.
    """
    aux, camera, rig = s.seen.auxiliary[0], phone(s.rng), s.room.rig
    cameras = State((rig.left.lens, rig.right.lens), rig.T_RL.R, rig.T_RL.t)
    lay = resect(aux.board.points_B(), aux.view.left, aux.view.right, cameras)
    assert lay is not None
    lies = rig.T_WC("left") @ Transform(lay.state.R_view[0], lay.state.t_view[0], "L", "B")
    zoomed = replace(camera, K=camera.K * [[zoom, 1, 1], [1, zoom, 1], [1, 1, 1]])
    out = []
    for k in range(pictures):
        last = k == pictures - 1
        T_WB = moved(lies, np.array(off)) if last else lies
        picture, _ = take(s.room, T_WB, aux.board, zoomed if last else camera, s.rng)
        picture = replace(picture, file=f"room{k + 1}.jpg")
        out.append(wrong(picture) if last else picture)
    return s.auxiliary(room=tuple(out))


def _mirrored_picture(p: RoomPicture) -> RoomPicture:
    """As a selfie camera has it, clicked as it looks; nobody said that it is mirrored."""
    assert p.board_px is not None
    w = p.size_px[0]
    board = (p.board_px * [-1, 1] + [w - 1, 0]).reshape(NY, NX, 2)[:, ::-1].reshape(-1, 2)
    return replace(p, blackboard_px=turned_over(p.blackboard_px, w), board_px=board)


def _upside_down(p: RoomPicture) -> RoomPicture:
    return replace(p, blackboard_px=np.roll(p.blackboard_px, 2, axis=0))


TURNED, CLICKS = "room_picture_turned", "room_picture_clicks"
_add("two pictures of the room, nothing wrong", _pictured, "harmless")
_add("a corner clicked 100 px beside itself in one of two pictures", lambda s: _pictured(
    s, lambda p: replace(p, blackboard_px=p.blackboard_px + np.outer([0, 1, 0, 0], [80, 60]))),
     CLICKS)  # fmt: skip
_add("one of two pictures of the room mirrored", lambda s: _pictured(s, _mirrored_picture),
     TURNED)  # fmt: skip
_add("the only picture of the room mirrored", lambda s: _pictured(s, _mirrored_picture, 1),
     TURNED)  # fmt: skip
_add("one of two pictures of the room upside down", lambda s: _pictured(s, _upside_down), TURNED)
_add("the only picture of the room upside down", lambda s: _pictured(s, _upside_down, 1), TURNED)
_add("a picture of the room on its side", lambda s: _pictured(
    s, lambda p: replace(p, blackboard_px=np.roll(p.blackboard_px, 1, axis=0))),
     TURNED)  # fmt: skip
_add("clicked where a picture was shown half as large", lambda s: _pictured(
    s, lambda p: replace(p, blackboard_px=p.blackboard_px / 2)), CLICKS)  # fmt: skip
_add("board moved by 15 cm between two pictures of the room",
     lambda s: _pictured(s, off=(0, 0, 0, 0.12, 0, 0.09)), "room_picture_moved")  # fmt: skip
_add("board moved by 36 cm before the only picture of the room",
     lambda s: _pictured(s, pictures=1, off=(0, 0, -0.1, 0.3, 0, 0.2)),
     "room_picture_moved")  # fmt: skip
_add("one of two pictures of the room at 0.7 times the zoom", lambda s: _pictured(s, zoom=0.7),
     "room_picture_zoom", "harmless")  # fmt: skip


# -- what it comes to ------------------------------------------------------------------------------
def gaze_off_cm(rig: Rig, truth: Rig, blackboard_m: tuple[float, float]) -> float:
    """How far gaze points from 6 m are moved by the wrong room: rms of five points, cm."""
    width, height = blackboard_m
    nose = np.array([width / 2, 0.9, 6.0])
    targets = np.array([[width / 2, height / 2], [0, 0], [width, 0], [0, height], [width, height]])
    T = rig.T_WC("left") @ truth.T_WC("left").inverse()
    P = T.apply(nose)
    d = T.rotate(np.concatenate([targets, np.zeros((5, 1))], 1) - nose)
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = P[:2] - P[2] * d[:, :2] / d[:, 2:]
    off = np.linalg.norm(hit - targets, axis=1)
    return float(100 * np.sqrt(np.mean(np.where(d[:, 2] < 0, off, np.inf) ** 2)))


#: Whether a class looked at marked points (``--looks``).
LOOKS = False
#: Whether a class sits at declared seats (``--seats``): it is found by the rig without it.
SEATS = False
#: The kinds of rooms, in turn: what random_room is asked for.
ROOMS: tuple[dict[str, Any], ...] = (
    {"angle_deg": 60},
    {"angle_deg": 60, "size_px": (1080, 1920)},
    {"angle_deg": 80, "beside_m": (1.2, 2.0)},
)


def scene(m: Mistake | None, seed: int, corners: int) -> Scene | None:
    """A room in which the boards can be placed; None where they cannot."""
    rng = np.random.default_rng([7, seed])
    room = rigs.random_room(rng, **ROOMS[seed % len(ROOMS)])
    try:
        seen = rigs.make_seen(
            room, rng, shared=8, alone=5, placements=("flat",) if m is None else m.placements,
            tape_error=True, corners=corners,
        )  # fmt: skip
    except AssertionError:
        return None
    if LOOKS:
        seen = replace(seen, looked=rigs.looked_at(room, np.random.default_rng([11, seed])))
    return Scene(room, seen, rng, (seed, m.placements if m else ("flat",), corners))


def good_scene(m: Mistake | None, number: int, corners: int) -> Scene:
    """The scene of this number, in the first room of its kind that holds the boards."""
    seeds = range(number, number + 20 * len(ROOMS), len(ROOMS))
    return next(s for k in seeds if (s := scene(m, k, corners)) is not None)


#: The cameras found in a scene; a mistake with tape, board or lenses leaves them as they are.
FOUND: dict[tuple[int, tuple[str, ...], int], tuple[Seen, Estimate]] = {}


def solved(seen: Seen, key: tuple[int, tuple[str, ...], int], honest: Seen) -> Rig:
    """The rig of ``seen``; the cameras of the honest scene where nothing of theirs was changed."""
    same = seen.views is honest.views and seen.board is honest.board and seen.sizes == honest.sizes
    if not same:
        return solve(seen, models=(4,))
    if key not in FOUND:
        found = estimate(seen.board, seen.sizes, seen.views, models=(4,))
        FOUND[key] = (honest, found)
    return place_cameras(seen, FOUND[key][1])


def verdict_of(seen: Seen, s: Scene) -> tuple[Rig | None, str, list[Cause]]:
    """The rig, the verdict and its causes; refused with a sentence: a cause without a code."""
    try:
        rig = solved(seen, s.key, s.seen)
        if SEATS and rig.T_WA is not None:
            noses, seats = rigs.a_class(s.room, np.random.default_rng([13, s.key[0]]))
            there = rig.T_WC("left").apply(s.room.rig.T_WC("left").inverse().apply(noses))
            seated = seated_of(rig, there, seats, s.room.blackboard_m[1])
            rig = rig if seated is None else solved(replace(seen, seated=seated), s.key, s.seen)
    except CalibrationError as error:
        return None, "refused", [Cause("refused", "FAIL", str(error))]
    return rig, rig.verdict.status, [c for c in rig.verdict.causes if c.severity != "PASS"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", type=int, default=2)
    parser.add_argument("--corners", type=int, default=4, choices=(0, 2, 4))
    parser.add_argument("--only", default="")
    parser.add_argument("--looks", action="store_true")
    parser.add_argument("--seats", action="store_true")
    options = parser.parse_args()
    global LOOKS, SEATS
    LOOKS, SEATS = options.looks, options.seats
    print("| mistake | off, cm | verdict | named right | … or told | first cause otherwise |")
    print("|---|---|---|---|---|---|")
    total = right = second = silent = 0
    for m in MISTAKES:
        if not re.search(options.only, m.name):
            continue
        if options.corners == 0 and re.search("corners_m|lengths", m.name):
            continue
        offs, status, named, told, others = [], [], 0, 0, []
        for number in range(options.rooms):
            s = good_scene(m, number, options.corners)
            rig, verdict, causes = verdict_of(m.make(s), s)
            off = np.nan
            if rig is not None and rig.T_WA is not None:
                off = gaze_off_cm(rig, s.room.rig, s.room.blackboard_m)
            offs.append(off)
            status.append(verdict)
            first = causes[0] if causes else Cause("harmless", "PASS", "")
            good = first.code in m.codes
            named += good
            told += not good and bool(m.codes & set(first.rivals))
            silent += verdict == "PASS" and off > 5.0
            if not good:
                others.append(f"{first.code}: {first.message[:90]}")
        total += len(status)
        right += named
        second += told
        shown = ", ".join("–" if np.isnan(v) else f"{v:.0f}" for v in offs)
        print(
            f"| {m.name} | {shown} | "
            f"{', '.join(f'{status.count(v)} {v}' for v in sorted(set(status)))} | "
            f"{named} of {len(status)} | {told or ''} | {'; '.join(dict.fromkeys(others))} |",
            flush=True,
        )
    print(
        f"\n{len(MISTAKES)} mistakes, {total} calibrations: {right} named right "
        f"({100 * right / max(total, 1):.0f} %), {second} more told as what it may be instead, "
        f"{silent} in PASS with gaze points over 5 cm off."
    )
    kept = [good_scene(None, 100 + k, options.corners) for k in range(4 * options.rooms)]
    said = [verdict_of(s.seen, s) for s in kept]
    causes = [c for _, _, cs in said for c in cs]
    offs = [
        gaze_off_cm(r, s.room.rig, s.room.blackboard_m)
        for s, (r, *_) in zip(kept, said, strict=True)
        if r
    ]
    print(
        f"Without a mistake: {sum(v == 'PASS' for _, v, _ in said)} of {len(said)} PASS "
        f"({', '.join(sorted({c.code for c in causes})) or 'no causes'}), "
        f"gaze points {np.median(offs):.1f} cm off (largest {max(offs):.1f})."
    )


if __name__ == "__main__":
    main()
