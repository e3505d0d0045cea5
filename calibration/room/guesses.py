"""What may have gone wrong where measurements of the room contradict each other: the guesses.

A guess says what somebody did (measured from the other corner, exchanged two digits, laid the board
askew, …) and what the measurements would then be; reconcile.py tries them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np

from calibration.room.evidence import (
    BEGUN,
    CORNERS,
    FRAME,
    FROM_FRAME,
    HOOK,
    LENGTHS,
    LOOKS,
    SEATS,
    TO_FRAME,
    Evidence,
)
from calibration.room.world import R_AP, R_WA, Tape
from calibration.transform import Array

#: What it costs to believe in a number that only the measurements themselves suggest, in χ².
FREE_COST = 9.0
#: … and that a board is somewhere else altogether.
ELSEWHERE_COST = 30.0
#: No board slips further.
SLIPPED_M = 1.5
#: What a length may be in, and what it would be times that in metres.
UNITS = {"inches taken for cm": 2.54, "feet taken for metres": 0.3048}
#: Orders in which somebody may have given the four lengths of :data:`CORNERS`.
ORDERS: dict[tuple[int, ...], str] = {
    (1, 0, 3, 2): "right corner first",
    (0, 1, 3, 2): "round the blackboard, clockwise",
    (0, 3, 1, 2): "round the blackboard, anticlockwise",
    (2, 3, 0, 1): "lower corners first",
    (0, 2, 1, 3): "down the left side first",
}
#: No blackboard's frame is wider.
WIDEST_FRAME_M = 0.15
#: Tables are this high: what "down" loses where it was taken to the floor.
TABLE_M = (0.4, 1.1)


@dataclass(frozen=True)
class Guess:
    """Something that may have been done.

    Parameters
    ----------
    code : of the cause.
    says : what would have happened; ``{size}`` is put in where ``free`` names the row it comes of.
    action : what to do about it.
    evidence : what would then have been measured.
    free : rows that then say nothing.
    free_scale : whether the squares' size says nothing.
    cost : how unlikely it is beforehand beside the other guesses, in χ².
    themselves : tried only where the freed rows contradict the cameras by themselves.
    between : what the size of the error must lie between, metres or radians, where that is known.
    """

    code: str
    says: str
    action: str
    evidence: Evidence
    free: tuple[str, ...] = ()
    free_scale: bool = False
    cost: float = 0.0
    between: tuple[float, float] | None = None
    themselves: bool = False


# -- the table -------------------------------------------------------------------------------------
def guesses(e: Evidence) -> Iterator[Guess]:
    """Everything that is tried on what was measured."""
    for i, b in enumerate(e.boards):
        if b.tape.measured:
            yield from _taped(e, [i])
            yield from _tape_guesses(e, i)
        yield from _laid_guesses(e, i)
        if b.picture is not None:
            yield from _picture_guesses(e, i)
    if len(e.boards) > 1 and all(b.tape.measured for b in e.boards):
        yield from _taped(e, range(len(e.boards)))
        for i, j in combinations(range(len(e.boards)), 2):
            yield from _of_two(e, i, j)
    if e.corners_m:
        yield from _lens_guesses(e)
    if e.looked is not None:
        yield Guess(
            "marks_wrong",
            "where the class looked disagrees by {size} with everything else: do the marked points "
            "lie where targets.csv says?",
            "Measure the marked points from the blackboard's upper RIGHT corner, or calibrate "
            "without them.",
            e, free=LOOKS, cost=2 * FREE_COST - 3.0,
        )  # fmt: skip
    if e.seated is not None:
        yield Guess(
            "seats_wrong",
            "where the class sits disagrees with everything else: are its seats as session.toml "
            "has them?",
            "Measure a few seat_m again, from the blackboard's upper RIGHT corner, or calibrate "
            "without them.",
            e, free=SEATS, cost=2 * FREE_COST,
        )  # fmt: skip
    if e.blackboard_m and (e.corners_m or e.seated or any(b.picture is not None for b in e.boards)):
        yield Guess(
            "scale",
            "the squares are {size} the stated size",
            "Measure ten squares with a ruler and give square_m (both boards, where they come from "
            "one printer).",
            e, free_scale=True, cost=FREE_COST,
        )  # fmt: skip


def _of_two(e: Evidence, i: int, j: int) -> Iterator[Guess]:
    """What may have got from one placement to another: its pictures, a length, all lengths."""
    a, b = e.boards[i].tape, e.boards[j].tape
    two = f"placements {i + 1} and {j + 1}"
    yield Guess(
        "placements_exchanged", f"the pictures of {two} were exchanged",
        "Give each [[auxiliary]] the pictures of its own board: left.*, right.* are the first "
        "placement's, left2.*, right2.* the second's.",
        _with_tape(_with_tape(e, i, b), j, a),
    )  # fmt: skip
    for k, length in enumerate(LENGTHS):
        t, u = a.t_WA, b.t_WA
        t[k], u[k] = u[k], t[k]
        yield Guess(
            "tape_exchanged", f"{length} of {two} were exchanged",
            f"Exchange {length} of the two placements.",
            _with_tape(_with_tape(e, i, a.at(t)), j, b.at(u)), cost=2.0,
        )  # fmt: skip
    if np.allclose(a.t_WA, b.t_WA, atol=1e-3):
        for first, other in ((i, j), (j, i)):
            yield Guess(
                "tape_copied",
                f"placements {first + 1} and {other + 1} have the same lengths, but placement "
                f"{other + 1} lies {{size}} from there: were they copied?",
                f"Measure placement {other + 1}.",
                e, free=tuple(f"{other}.{length}" for length in LENGTHS), cost=FREE_COST,
            )  # fmt: skip


def _with_tape(e: Evidence, i: int, tape: Tape) -> Evidence:
    boards = list(e.boards)
    boards[i] = replace(boards[i], tape=tape)
    return replace(e, boards=tuple(boards))


def _name(e: Evidence, i: int) -> str:
    return f"placement {i + 1}: " if len(e.boards) > 1 else ""


def _taped(e: Evidence, which: Sequence[int]) -> Iterator[Guess]:
    """What may be wrong with the tape of one placement as with that of all: they start at one
    corner, and one hand measured them."""
    # what is common has no row of its own: the rows may move together
    i, many = which[0], len(which) > 1
    name, row = ("in all placements ", "") if many else (_name(e, i), f"{i}.")
    for move in _moves(e):
        instead = e
        for k in which:
            tape = e.boards[k].tape
            instead = _with_tape(instead, k, tape.at(move.shift + move.factor * tape.t_WA))
        yield Guess(move.code, name + move.says, move.action, instead)
    for length in LENGTHS:
        yield Guess(
            "tape_wrong", f"{name}{length} disagrees by {{size}} with everything else",
            f"Measure {length} again, from the blackboard's upper RIGHT corner.",
            e, free=(row + length,), cost=FREE_COST,
        )  # fmt: skip
    yield Guess(
        "tape_begun",
        name + "left_m and down_m are both {size} off: were they begun at the frame's corner, or "
        "the blackboard and the lengths from the lenses measured to it?",
        "Measure all from one corner: of the surface, or of the frame.",
        e, free=(row + FROM_FRAME,), cost=FREE_COST, between=(-WIDEST_FRAME_M, WIDEST_FRAME_M),
    )  # fmt: skip
    if all(e.boards[k].tape.tilt_deg < 45 for k in which):
        yield Guess(
            "tape_to_floor",
            name + "down_m disagrees by {size} with everything else: it was taken to the floor",
            "Measure down_m to the board on the table, not to the floor.",
            e, free=(row + "down_m",), cost=FREE_COST - 2.0, between=TABLE_M,
        )  # fmt: skip


def _tape_guesses(e: Evidence, i: int) -> Iterator[Guess]:
    b = e.boards[i]
    tape, t, name = b.tape, b.tape.t_WA, _name(e, i)

    def at(code: str, says: str, t_WA: Array, action: str, cost: float = 0.0) -> Guess:
        return Guess(code, name + says, action, _with_tape(e, i, tape.at(t_WA)), cost=cost)

    # the tape led to another point of the board: seen from the first inner corner, in P
    (along, across), s = b.size_m, b.square_m
    R_WP = R_WA @ R_AP(tape.tilt_deg)
    for code, says, x, y in (
        ("tape_other_corner", "the board's other inner corner along its edge", -along, 0.0),
        ("tape_other_corner", "the far inner corner on the same side", 0.0, -across),
        ("tape_other_corner", "the inner corner diagonally opposite", -along, -across),
        ("tape_outer_corner", "the outer corner of the print", s, s),
        ("tape_outer_corner", "the outer corner diagonally opposite", -along - s, -across - s),
        ("tape_outer_corner", "the far outer corner on the same side", s, -across - s),
        ("tape_outer_corner", "the other outer corner along its edge", -along - s, s),
        ("tape_other_corner", "the middle of the board", -along / 2, -across / 2),
    ):
        yield at(
            code, f"the tape led to {says}", t - R_WP @ np.array([x, y, 0.0]),
            "Measure to the first inner corner: the one towards the blackboard (on the upper edge "
            "where the board stands), on the right for somebody who faces the blackboard.",
        )  # fmt: skip
    for order in list(permutations(range(3)))[1:]:
        names = " and ".join(LENGTHS[j] for j in range(3) if order[j] != j)
        yield at(
            "tape_exchanged", f"{names} were exchanged", t[list(order)], f"Exchange {names}.",
        )  # fmt: skip
    for says, other in _slopes(t):
        yield at(
            "tape_slope", f"{says} to the board", other,
            "Measure along three directions at right angles, or hold a string level and plumb.",
            4.0,
        )  # fmt: skip
    for several, cost in (  # left and out together: the board was moved, below
        (LENGTHS[:2], 2 * FREE_COST - 1.0), (LENGTHS[1:], 2 * FREE_COST - 1.0),
        (LENGTHS, ELSEWHERE_COST),
    ):  # fmt: skip
        names = " and ".join(several)
        yield Guess(
            "tape_wrong",
            name + f"{names} disagree, together by {{size}}, with everything else",
            f"Measure {names} again.", e, free=tuple(f"{i}.{n}" for n in several), cost=cost,
        )  # fmt: skip
    for j, length in enumerate(LENGTHS):
        for value in _digits_exchanged(float(t[j])):
            other = t.copy()
            other[j] = value
            yield at(
                "tape_digits", f"{length} = {t[j]:.2f} m has two digits exchanged: {value:.2f} m?",
                other, f"Measure {length} again.", 2.0,
            )  # fmt: skip
        for unit, factor in UNITS.items():
            other = t.copy()
            other[j] *= factor
            yield at(
                "tape_units", f"{length} is in {unit}", other, f"Give {length} in metres.", 3.0
            )
    yield Guess(
        "tape_begun",
        name + "left_m, down_m and out_m are all {size} off by the same amount: was the tape's "
        "case not counted?",
        "Read the tape at its own zero, and count its case where it stands against a surface.",
        e, free=(f"{i}.{HOOK}",), cost=FREE_COST,
    )  # fmt: skip
    yield Guess(
        "board_slipped",
        name + "the board was moved by {size} after it was measured",
        "Measure again where the board lies in the pictures.",
        e, free=(f"{i}.left_m", f"{i}.out_m"), cost=2 * FREE_COST - 3.0,
        between=(0.0, SLIPPED_M),
    )  # fmt: skip


class _Move(NamedTuple):
    """Lengths that should be shift + factor * lengths, by what somebody may have done."""

    code: str
    says: str
    action: str
    shift: Array
    factor: Array


def _moves(e: Evidence) -> Iterator[_Move]:
    """What somebody may have done with the tape of a placement, or of all."""
    if e.blackboard_m:
        width, height = e.blackboard_m
        yield _Move(
            "tape_from_upper_left", "the tape was begun at the blackboard's upper LEFT corner",
            "Measure from the blackboard's upper RIGHT corner to the first inner corner.",
            np.array([width, 0, 0]), np.array([-1.0, 1, 1]),
        )  # fmt: skip
        for sign in (1.0, -1.0):
            yield _Move(
                "tape_from_lower_edge", "down_m was measured from the blackboard's LOWER edge",
                "Measure down_m from the upper edge.",
                np.array([0, height, 0]), np.array([1.0, sign, 1]),
            )  # fmt: skip
    for unit, factor in UNITS.items():
        yield _Move(
            "tape_units", f"the tape is in {unit}", "Give metres.", np.zeros(3), np.full(3, factor)
        )


def _slopes(t: Array) -> Iterator[tuple[str, Array]]:
    """Lengths that were taken along a slope: what was done, and the three lengths as they are."""
    for j, k in ((1, 2), (2, 1), (0, 2), (0, 1)):
        if abs(t[j]) > abs(t[k]):
            other = t.copy()
            other[j] = np.sign(t[j]) * np.sqrt(t[j] ** 2 - t[k] ** 2)
            yield (
                f"{LENGTHS[j]} was measured along the slope of {LENGTHS[j]} and {LENGTHS[k]}",
                other,
            )
    left, down, out = t
    if abs(left) > abs(out) > abs(down):
        straight = np.array([np.sqrt(left**2 - out**2), down, np.sqrt(out**2 - down**2)])
        yield "all lengths were measured straight from the corner", straight


def _digits_exchanged(value: float) -> set[float]:
    """What a length in whole centimetres (or millimetres) is with two digits exchanged."""
    out: set[float] = set()
    for places in (2, 3):
        text = f"{abs(value):.{places}f}"
        if abs(float(text) - abs(value)) > 1e-6:
            continue
        where = [k for k, c in enumerate(text) if c != "."]
        for a in where:
            for b in where:
                if a < b and text[a] != text[b]:
                    digits = list(text)
                    digits[a], digits[b] = digits[b], digits[a]
                    out.add(float("".join(digits)))
        break
    return out


def _laid_guesses(e: Evidence, i: int) -> Iterator[Guess]:
    tape, name = e.boards[i].tape, _name(e, i)
    flat = tape.tilt_deg < 1
    tipped = (
        "the table slopes, or the board is tilted: by {size}" if flat
        else f"the board's angle is not {tape.tilt_deg:g}° but {{size}} off it"
    )  # fmt: skip
    for row, code, says, action in (
        ("turn", "placement_askew", "the board lies askew: turned by {size} as seen from above",
         "Lay its edges parallel to the blackboard's."),
        ("tip", "placement_tilt", tipped, "Lay it on a level table, or measure angle_deg."),
        ("roll", "placement_slope", "the table slopes sideways by {size}", "Use a level table."),
    ):  # fmt: skip
        yield Guess(code, name + says, action, e, free=(f"{i}.{row}",), cost=FREE_COST)
    if not flat:
        if tape.angle_deg is not None:
            yield Guess(
                "placement_tilt", name + f"the board is tilted by {tape.tilt_deg:g}° the other "
                "way: its edge towards the blackboard is the lower one",
                "Raise the edge towards the blackboard, or lay the board flat.",
                _with_tape(e, i, replace(tape, angle_deg=-tape.angle_deg)),
            )  # fmt: skip
        lying = replace(tape, placement="flat", angle_deg=None)
        yield Guess(
            "placement_tilt", name + f"the board was said to be {tape.placement} but lies flat",
            'Set placement = "flat", or place the board as stated.', _with_tape(e, i, lying),
        )  # fmt: skip
    everything = tuple(n for n in e.names() if n.startswith(f"{i}.") and ".picture" not in n)
    yield Guess(
        "auxiliary_elsewhere",
        name + "the board in the auxiliary pictures lies neither where nor how it is said to lie: "
        "another picture than of the measured board?",
        "Take both auxiliary pictures of the board where it was measured.",
        e, free=everything, cost=ELSEWHERE_COST,
    )  # fmt: skip


def _picture_guesses(e: Evidence, i: int) -> Iterator[Guess]:
    """Pictures of the room that fit by themselves, but show another board or a mirror image."""
    shown, name = e.boards[i].picture, _name(e, i)
    assert shown is not None
    yield Guess(
        "room_picture_moved",
        name + "the board in the pictures of the room lies elsewhere than where both cameras saw "
        "it: was it moved in between, or are they of another placement?",
        "Take all pictures of a placement without touching the board.",
        e, free=tuple(f"{i}.picture{k}" for k in range(6)), cost=2 * FREE_COST,
    )  # fmt: skip
    if e.blackboard_m:
        over = np.diag([-1.0, 1, 1])  # left for right, in W as in A
        # in a mirror the right end of its edge is the left one
        end = shown.T_WA.apply(np.array([-e.boards[i].size_m[0], 0, 0]))
        R, t = over @ shown.T_WA.R @ over, over @ end + [e.blackboard_m[0], 0, 0]
        boards = list(e.boards)
        boards[i] = replace(e.boards[i], picture=replace(shown, T_WA=replace(shown.T_WA, R=R, t=t)))
        yield Guess(
            "room_picture_turned", name + "the picture of the room is mirrored",
            "Say mirrored = true where it shows a mirror or a selfie camera took it.",
            replace(e, boards=tuple(boards)), cost=3.0,
        )  # fmt: skip


def _lens_guesses(e: Evidence) -> Iterator[Guess]:
    given = dict(e.corners_m)
    again = "Measure it again, from the middle of the lens to the blackboard's corner."

    def instead(
        code: str, says: str, new: dict[str, tuple[float, ...]], cost: float = 0.0
    ) -> Guess:
        return Guess(code, says, again, replace(e, corners_m=new), cost=cost)

    if len(given) == 2:
        a, b = given["left"], given["right"]
        yield instead(
            "corners_exchanged", "the corners_m of the left and the right camera were exchanged",
            {"left": b, "right": a},
        )  # fmt: skip
        crossed = (a[:2] + b[2:], b[:2] + a[2:])
        halves = ((crossed, "last two, to the lower"), (crossed[::-1], "first two, to the upper"))
        for (left, right), half in halves if len(a) == len(b) == len(CORNERS) else ():
            yield instead(
                "corners_exchanged", f"of corners_m the {half} corners, are the other camera's",
                {"left": left, "right": right},
            )  # fmt: skip
        if e.blackboard_m and all(b.tape.measured for b in e.boards):
            width = e.blackboard_m[0]
            boards = tuple(
                replace(b, tape=b.tape.at(b.tape.t_WA * [-1, 1, 1] + [width, 0, 0]))
                for b in e.boards
            )
            other = {"left": _in_order(b, (1, 0, 3, 2)), "right": _in_order(a, (1, 0, 3, 2))}
            yield Guess(
                "corners_exchanged",
                "left and right were exchanged in corners_m and left_m alike: were they measured "
                "by somebody who faced the class?",
                "Left is left for somebody who faces the blackboard.",
                replace(e, boards=boards, corners_m=other),
            )  # fmt: skip
    for order, says in ORDERS.items():
        turned = {c: _in_order(v, order) for c, v in given.items()}
        if turned == given:
            continue
        wrong = f"corners_m were given in the wrong order ({says})"
        for camera, lengths in turned.items():
            yield instead(
                "corners_exchanged", f"the {camera} camera's {wrong}", given | {camera: lengths}
            )
        yield instead("corners_exchanged", wrong, turned)
    yield from _two_exchanged(e)
    for camera, lengths in given.items():
        yield Guess(
            "camera_elsewhere",
            f"the {camera} camera's corners_m disagree by {{size}} with everything else: was it "
            "moved after they were measured?",
            f"Measure from the {camera} lens to the blackboard's corners again.",
            e, free=tuple(f"{camera}.{c}" for c in CORNERS[: len(lengths)]),
            cost=2 * FREE_COST,
        )  # fmt: skip
        for j, length in enumerate(lengths):
            for value in _digits_exchanged(length):
                new = (*lengths[:j], value, *lengths[j + 1 :])
                yield instead(
                    "corners_wrong",
                    f"the {camera} camera's length to the {CORNERS[j]} corner has two digits "
                    f"exchanged: {length:.2f} m, {value:.2f} m?",
                    given | {camera: new}, 3.0,
                )  # fmt: skip
            yield Guess(
                "corners_wrong",
                f"the {camera} camera's length to the {CORNERS[j]} corner disagrees by {{size}} "
                "with everything else",
                again, e, free=(f"{camera}.{CORNERS[j]}",), cost=FREE_COST,
            )  # fmt: skip
    yield instead(
        "corners_wrong", "corners_m are in inches taken for cm",
        {c: tuple(2.54 * v for v in lengths) for c, lengths in given.items()},
    )  # fmt: skip
    for whose, row in (("", BEGUN), *((f"the {c} camera's ", f"{c}.{BEGUN}") for c in given)):
        yield Guess(
            "corners_begun",
            f"{whose}corners_m are all {{size}} off by the same amount: the tape was not begun at "
            "the lens",
            "Measure from the glass of each lens, not from the camera's case or its holder.",
            e, free=(row,), cost=FREE_COST,
        )  # fmt: skip
    yield Guess(
        "corners_wrong", "corners_m were measured along the wall, not from the lenses",
        "Measure from the glass of each lens, straight to the blackboard's corners.",
        replace(e, along_wall=True), cost=3.0,
    )  # fmt: skip
    yield Guess(
        "corners_wrong",
        "corners_m contradict the cameras and each other, whatever else was measured: were they "
        "measured before the cameras were moved?",
        "Measure from both lenses to the blackboard's corners again.",
        e, free=tuple(n for n in e.names() if n.rpartition(".")[0] in given), cost=36.0,
        themselves=True,
    )  # fmt: skip
    if e.blackboard_m and all(len(v) == 2 for v in given.values()):
        yield Guess(
            "corners_wrong", "corners_m lead to the blackboard's LOWER corners",
            "Measure to the upper corners.",
            replace(e, corners_m={c: (*v, *v) for c, v in given.items()}),
            free=tuple(f"{c}.{corner}" for c in given for corner in CORNERS[:2]),
        )  # fmt: skip
    for code, says, action, row in _SIZES if e.to_lower_corners else _SIZES[:1]:
        yield Guess(code, says, action, e, free=(row,), cost=FREE_COST)
    if e.blackboard_m:
        yield Guess(
            "blackboard_width", "the blackboard's width_m and height_m were exchanged",
            "Exchange width_m and height_m.", replace(e, blackboard_m=e.blackboard_m[::-1]),
        )  # fmt: skip


_BETWEEN = "between the corners that the tape leads to."
#: Lengths of the blackboard or of all tapes that may be wrong: code, in words, what to do, row.
_SIZES = (
    ("blackboard_width", "the blackboard's width_m disagrees by {size} with everything else",
     f"Measure width_m again: {_BETWEEN}", "width_m"),
    ("blackboard_height", "the blackboard's height_m disagrees by {size} with everything else",
     f"Measure height_m again: {_BETWEEN}", "height_m"),
    ("blackboard_frame", "the blackboard's width_m and height_m are both {size} off: were they "
     "measured with the frame?", f"Measure both {_BETWEEN}", FRAME),
    ("blackboard_frame", "corners_m lead to corners {size} outside the surface that was measured: "
     "to the frame?",
     "Measure to the corners between which width_m and height_m were measured.", TO_FRAME),
    ("tape_begun", "every length is {size} off by the same amount: is the tape's first piece "
     "missing, or its end bent?", "Measure everything again with another tape.", HOOK),
)  # fmt: skip


def _two_exchanged(e: Evidence) -> Iterator[Guess]:
    """Two of the lengths from the lenses exchanged, of one camera or of both."""
    given = dict(e.corners_m)
    places = [(camera, j) for camera, lengths in given.items() for j in range(len(lengths))]
    for (a, i), (b, j) in combinations(places, 2):
        if abs(given[a][i] - given[b][j]) < 0.03:
            continue  # as well one as the other
        new = {camera: list(lengths) for camera, lengths in given.items()}
        new[a][i], new[b][j] = given[b][j], given[a][i]
        yield Guess(
            "corners_exchanged",
            f"two of corners_m were exchanged: the {a} camera's length to the {CORNERS[i]} corner "
            f"and the {b} camera's to the {CORNERS[j]} corner",
            "Look at both in your notes.",
            replace(e, corners_m={c: tuple(v) for c, v in new.items()}), cost=5.0,
        )  # fmt: skip


def _in_order(lengths: tuple[float, ...], order: Sequence[int]) -> tuple[float, ...]:
    """The lengths where they were given in another order; two are only the right way or not."""
    return tuple(lengths[j] for j in order if j < len(lengths))
