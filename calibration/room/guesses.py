"""What went wrong where measurements of the room contradict each other: guesses, one by one.

A guess says what somebody did (measured from the other corner, exchanged two digits, laid the board
askew, …) and what the measurements would then be. The room is solved under each; the one that
reconciles everything best, for what it asks one to believe, is named, and the next best is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2 as chi2_law

from calibration.camera import CAMERAS
from calibration.room.evidence import (
    CORNERS,
    LENGTHS,
    ROWS_M,
    TURNS,
    Evidence,
    Solved,
    Unseen,
    costs_cm,
    directions,
    gaze_shift,
    reliability,
    solve_room,
)
from calibration.room.world import HIGHEST_M, R_AP, R_WA, Tape
from calibration.transform import Array, Transform, rotation_exp, rotation_log
from calibration.verdict import Cause, Status

#: Measurements contradict each other where one error would take this much χ² away (3.6 σ) …
ALARM_CHI2 = 13.0
#: … or where all of them together fit as badly as once in two thousand rooms.
ALARM_P = 0.0005
#: A guess reconciles where its fit is no worse than once in two hundred rooms.
FITS_P = 0.005
#: What it costs to believe in a number that only the measurements themselves suggest, in χ².
FREE_COST = 9.0
#: The next best guess is told where it is this near, in χ².
NEAR_CHI2 = 8.0
#: How far gaze points from 6 m may be moved by an error that nothing would show, cm.
UNCHECKED_CM = 8.0
#: How far a contradiction moves gaze points from 6 m: FAIL beyond.
WRONG_CM = 10.0
#: A room that fits as well and puts the lenses on the other side of the blackboard's surface: said
#: where it would move gaze points from 6 m by more than this, cm …
OTHER_SIDE_CM = 5.0
#: … and the lenses no further into the wall than this, metres.
IN_WALL_M = 0.1
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


@dataclass(frozen=True)
class Reconciled:
    """A guess with the room under it. ``score``: χ² and what the guess asks one to believe."""

    guess: Guess
    solved: Solved
    score: float
    says: str


# -- the table -------------------------------------------------------------------------------------
def guesses(e: Evidence) -> Iterator[Guess]:
    """Everything that is tried on what was measured."""
    for i, b in enumerate(e.boards):
        if b.tape.measured:
            yield from _tape_guesses(e, i)
        yield from _laid_guesses(e, i)
    if len(e.boards) > 1 and all(b.tape.measured for b in e.boards):
        yield from _common_guesses(e)
    if e.corners_m:
        yield from _lens_guesses(e)
    if e.blackboard_m and (e.corners_m or any(b.picture is not None for b in e.boards)):
        yield Guess(
            "scale",
            "the squares are {size} the stated size",
            "Measure ten squares with a ruler and give square_m (both boards, where they come from "
            "one printer).",
            e, free_scale=True, cost=FREE_COST,
        )  # fmt: skip


def _with_tape(e: Evidence, i: int, tape: Tape) -> Evidence:
    boards = list(e.boards)
    boards[i] = replace(boards[i], tape=tape)
    return replace(e, boards=tuple(boards))


def _name(e: Evidence, i: int) -> str:
    return f"placement {i + 1}: " if len(e.boards) > 1 else ""


def _tape_guesses(e: Evidence, i: int) -> Iterator[Guess]:
    b = e.boards[i]
    tape, t = b.tape, b.tape.t_WA
    name = _name(e, i)
    again = "Measure from the blackboard's upper RIGHT corner to the first inner corner."

    def at(code: str, says: str, t_WA: Array, action: str = again, cost: float = 0.0) -> Guess:
        return Guess(code, name + says, action, _with_tape(e, i, tape.at(t_WA)), cost=cost)

    if e.blackboard_m:
        width, height = e.blackboard_m
        yield at(
            "tape_from_upper_left",
            "the tape was begun at the blackboard's upper LEFT corner",
            np.array([width - t[0], t[1], t[2]]),
        )
        for down in (height + t[1], height - t[1]):
            yield at(
                "tape_from_lower_edge",
                "down_m was measured from the blackboard's LOWER edge",
                np.array([t[0], down, t[2]]),
                "Measure down_m from the upper edge.",
            )
    # the tape led to another point of the board: seen from the first inner corner, in P
    along, across = b.size_m
    R_WP = R_WA @ R_AP(tape.tilt_deg)
    s = b.square_m
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
            code,
            f"the tape led to {says}",
            t - R_WP @ np.array([x, y, 0.0]),
            "Measure to the first inner corner: the one towards the blackboard (on the upper edge "
            "where the board stands), on the right for somebody who faces the blackboard.",
        )
    for j, k in ((0, 1), (0, 2), (1, 2)):
        swapped = t.copy()
        swapped[[j, k]] = t[[k, j]]
        yield at(
            "tape_exchanged", f"{LENGTHS[j]} and {LENGTHS[k]} were exchanged", swapped,
            f"Exchange {LENGTHS[j]} and {LENGTHS[k]}.",
        )  # fmt: skip
    for j, length in enumerate(LENGTHS):
        for value in _digits_exchanged(float(t[j])):
            other = t.copy()
            other[j] = value
            yield at(
                "tape_digits", f"{length} = {t[j]:.2f} m has two digits exchanged: {value:.2f} m?",
                other, f"Measure {length} again.", 2.0,
            )  # fmt: skip
        for unit, factor in (("inches taken for cm", 2.54), ("feet taken for metres", 0.3048)):
            other = t.copy()
            other[j] *= factor
            yield at(
                "tape_units", f"{length} is in {unit}", other, f"Give {length} in metres.", 3.0
            )
        yield Guess(
            "tape_wrong", name + f"{length} disagrees by {{size}} with everything else",
            f"Measure {length} again.", e, free=(f"{i}.{length}",), cost=FREE_COST,
        )  # fmt: skip
    for unit, factor in (("inches taken for cm", 2.54), ("feet taken for metres", 0.3048)):
        yield at("tape_units", f"the tape is in {unit}", t * factor, "Give metres.")
    if tape.tilt_deg < 45:
        yield Guess(
            "tape_to_floor",
            name + "down_m disagrees by {size} with everything else: it was taken to the floor",
            "Measure down_m to the board on the table, not to the floor.",
            e, free=(f"{i}.down_m",), cost=FREE_COST - 2.0, between=TABLE_M,
        )  # fmt: skip
    yield Guess(
        "board_slipped",
        name + "the board was moved by {size} after it was measured",
        "Measure again where the board lies in the pictures.",
        e, free=(f"{i}.left_m", f"{i}.out_m"), cost=2 * FREE_COST - 3.0,
    )  # fmt: skip


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
        lying = replace(tape, placement="flat", angle_deg=None)
        yield Guess(
            "placement_tilt", name + f"the board was said to be {tape.placement} but lies flat",
            'Set placement = "flat", or place the board as stated.', _with_tape(e, i, lying),
        )  # fmt: skip
    everything = tuple(
        n for n in e.names() if n.startswith(f"{i}.") and ".picture" not in n
    )  # fmt: skip
    yield Guess(
        "auxiliary_elsewhere",
        name + "the board in the auxiliary pictures lies neither where nor how it is said to lie: "
        "another picture than of the measured board?",
        "Take both auxiliary pictures of the board where it was measured.",
        e, free=everything, cost=30.0,
    )  # fmt: skip


def _common_guesses(e: Evidence) -> Iterator[Guess]:
    """The same mistake in all placements: they start at one corner, and one hand measured them."""
    boards = e.boards
    if e.blackboard_m:
        width, height = e.blackboard_m

        def all_at(code: str, says: str, move: tuple[Array, Array], action: str) -> Guess:
            new = tuple(replace(b, tape=b.tape.at(move[0] + move[1] * b.tape.t_WA)) for b in boards)
            return Guess(code, says, action, replace(e, boards=new))

        yield all_at(
            "tape_from_upper_left", "all placements were measured from the upper LEFT corner",
            (np.array([width, 0, 0]), np.array([-1.0, 1, 1])),
            "Measure from the blackboard's upper RIGHT corner.",
        )  # fmt: skip
        for sign in (1.0, -1.0):
            yield all_at(
                "tape_from_lower_edge", "down_m was measured from the LOWER edge everywhere",
                (np.array([0, height, 0]), np.array([1.0, sign, 1])),
                "Measure down_m from the upper edge.",
            )  # fmt: skip
    for length in LENGTHS:
        # what is common has no row of its own: the rows may move together
        yield Guess(
            "tape_wrong", f"{length} of all placements disagrees by {{size}} with everything else",
            f"Measure {length} again, from the blackboard's upper RIGHT corner.",
            e, free=(length,), cost=FREE_COST,
        )  # fmt: skip
    yield Guess(
        "tape_to_floor",
        "down_m of all placements disagrees by {size}: it was taken to the floor",
        "Measure down_m to the board on the table, not to the floor.",
        e, free=("down_m",), cost=FREE_COST - 2.0, between=TABLE_M,
    )  # fmt: skip


def _lens_guesses(e: Evidence) -> Iterator[Guess]:
    given = dict(e.corners_m)
    again = "Measure it again, from the middle of the lens to the blackboard's corner."

    def instead(
        code: str, says: str, new: dict[str, tuple[float, ...]], cost: float = 0.0
    ) -> Guess:
        return Guess(code, says, again, replace(e, corners_m=new), cost=cost)

    if len(given) == 2:
        yield instead(
            "corners_exchanged", "the corners_m of the left and the right camera were exchanged",
            {"left": given["right"], "right": given["left"]},
        )  # fmt: skip
    for camera, lengths in given.items():
        mirrored = tuple(lengths[j ^ 1] for j in range(len(lengths)))
        yield instead(
            "corners_exchanged",
            f"the {camera} camera's corners_m were given in the wrong order (right corner first)",
            given | {camera: mirrored},
        )
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
    both = {c: tuple(lengths[j ^ 1] for j in range(len(lengths))) for c, lengths in given.items()}
    yield instead(
        "corners_exchanged", "corners_m were given in the wrong order (right corner first)", both
    )
    yield instead(
        "corners_wrong", "corners_m are in inches taken for cm",
        {c: tuple(2.54 * v for v in lengths) for c, lengths in given.items()},
    )  # fmt: skip
    if e.blackboard_m and all(len(v) == 2 for v in given.values()):
        yield Guess(
            "corners_wrong", "corners_m lead to the blackboard's LOWER corners",
            "Measure to the upper corners.",
            replace(e, corners_m={c: (*v, *v) for c, v in given.items()}),
            free=tuple(f"{c}.{corner}" for c in given for corner in CORNERS[:2]),
        )  # fmt: skip
    yield Guess(
        "blackboard_width", "the blackboard's width_m disagrees by {size} with everything else",
        "Measure width_m again: between the corners that the tape leads to.",
        e, free=("width_m",), cost=FREE_COST,
    )  # fmt: skip


# -- trying them -----------------------------------------------------------------------------------
def contradicted(solved: Solved) -> bool:
    """Whether the measurements contradict each other."""
    if solved.dof < 1:
        return False
    worst = max((solved.suspicion(d) for d in directions(solved).values()), default=0.0)
    return worst > ALARM_CHI2 or solved.chi2 > chi2_law.isf(ALARM_P, solved.dof)


def reconcile(evidence: Evidence) -> list[Reconciled]:
    """The guesses under which everything fits, the best first; one of each code and row."""
    out: list[Reconciled] = []
    for guess in guesses(evidence):
        solved, size = _under(guess)
        if solved is None or solved.chi2 > chi2_law.isf(FITS_P, max(solved.dof, 1)):
            continue
        if guess.between is not None and not guess.between[0] <= size <= guess.between[1]:
            continue
        if not _possible(guess.evidence, solved):
            continue
        says = guess.says.format(size=_size_words(guess, size))
        out.append(Reconciled(guess, solved, solved.chi2 + guess.cost, says))
    return sorted(out, key=lambda r: r.score)


def _under(guess: Guess) -> tuple[Solved | None, float]:
    """The room under a guess, and the size of the error that it frees (stated − seen)."""
    e, free = guess.evidence, guess.free
    common = [f for f in free if f in LENGTHS]
    if common:  # one unknown shift of a length of all placements: its common variance is opened
        solved = solve_room(replace(e, loose=common[0]))
        rows = [k for k, n in enumerate(solved.names) if n.endswith("." + common[0])]
        return solved, float(-np.mean(solved.residual[rows]))
    best = min(
        (
            solve_room(e, without=free, free_scale=guess.free_scale, start=s)
            for s in _starts(e, free)
        ),
        key=lambda s: s.chi2,
    )
    if guess.free_scale:
        return best, best.scale
    if not free:
        return best, 0.0
    off = dict(zip(e.names(), e.residuals(best.T_WL, best.width_m, best.scale), strict=True))
    sizes = np.array([off[f] for f in free])
    return best, float(-sizes[0]) if len(free) == 1 else float(np.linalg.norm(sizes))


def _starts(e: Evidence, free: tuple[str, ...]) -> list[Transform]:
    """Where the solve begins: as stated; with the board freed, from a few turns of it as well."""
    start = e.start()
    if len(free) < 6:
        return [start]
    turns = np.radians(40) * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    return [replace(start, R=rotation_exp(turn) @ start.R) for turn in turns]


def _possible(e: Evidence, solved: Solved) -> bool:
    """Whether cameras could stand there: before the blackboard, at a height that rooms have."""
    T_WL = solved.T_WL
    right = T_WL.apply(solved.scale * e.T_RL.inverse().t)
    lenses = np.stack([T_WL.t, right])
    return bool((lenses[:, 2] > -0.75).all() and (np.abs(lenses[:, 1]) < HIGHEST_M).all())


def _size_words(guess: Guess, size: float) -> str:
    """The size of the error, and for a length what it would have to be."""
    if guess.free_scale:
        return f"{size:.3f} times"
    if not guess.free:
        return ""
    if guess.free[0].split(".")[-1] in TURNS:
        return f"{abs(np.degrees(size)):.1f}°"
    stated = guess.evidence.stated(guess.free[0])
    if stated is None or len(guess.free) > 1:
        return f"{100 * abs(size):.0f} cm"
    return (
        f"{100 * abs(size):.0f} cm ({stated:.2f} m was measured, {stated - size:.2f} m would fit)"
    )


# -- what is said ----------------------------------------------------------------------------------
def room_causes(evidence: Evidence, solved: Solved) -> list[Cause]:
    """What the measurements say against each other; and what nothing would say."""
    found = reconcile(evidence) if solved.dof > 0 else []
    wrong = contradicted(solved)
    if not wrong and not (found and solved.chi2 - found[0].score > ALARM_CHI2):
        return _other_side(evidence, solved) or _unchecked(reliability(evidence, solved))
    if not found:
        worst = max(
            zip(solved.names, solved.residual / solved.sigma, strict=True), key=lambda p: abs(p[1])
        )
        return [
            Cause(
                "room_contradiction",
                "FAIL",
                f"tape and pictures contradict each other (χ² {solved.chi2:.0f} of {solved.dof}; "
                f"most of all {row_words(worst[0])}), and no single mistake explains it",
                "Measure everything again: the board's placement, the lenses, the blackboard.",
            )
        ]
    best = found[0]
    wrong_cm = _moved_cm(evidence, solved, best.solved)
    severity: Status = "FAIL" if wrong_cm > WRONG_CM else "WARN"
    also = next(
        (r for r in found[1:] if r.says != best.says and r.score - best.score < NEAR_CHI2), None
    )
    return [
        Cause(
            best.guess.code,
            severity,
            f"{best.says}. As stated, gaze points from {ROWS_M[1]:g} m would be {wrong_cm:.0f} cm "
            "off" + (f" (or: {also.says})" if also else ""),
            best.guess.action,
        )
    ]


def _moved_cm(evidence: Evidence, stated: Solved, true: Solved) -> float:
    """How far gaze points from 6 m lie apart between two rooms."""
    d = np.concatenate([rotation_log(true.T_WL.R.T @ stated.T_WL.R), stated.T_WL.t - true.T_WL.t])
    return float(costs_cm(gaze_shift(true.T_WL, evidence.blackboard_m) @ d)[1])


def _other_side(evidence: Evidence, solved: Solved) -> list[Cause]:
    """WARN where the lengths from the lenses fit as well with the lenses mirrored at the surface.

    They lead to corners of one plane, so only out_m tells before it from behind it; lenses that
    stand within a hand of that plane may have it wrong by twice as much, and everything fits.
    """
    if not evidence.corners_m:
        return []

    def before_m(room: Solved) -> Array:
        """(2,) how far the lenses stand before the surface."""
        right = room.T_WL.apply(room.scale * evidence.T_RL.inverse().t)
        return np.array([room.T_WL.t[2], right[2]])

    stated = before_m(solved)
    start = replace(solved.T_WL, t=solved.T_WL.t - [0, 0, 2 * stated.mean()])
    out = tuple(n for n in solved.names if n.endswith(".out_m"))
    other = solve_room(evidence, without=out, start=start)
    there = before_m(other)
    cost_cm = _moved_cm(evidence, solved, other)
    fits = other.chi2 < chi2_law.isf(FITS_P, max(other.dof, 1))
    if not fits or cost_cm < OTHER_SIDE_CM or there.min() < -IN_WALL_M:
        return []
    front = there.mean() > stated.mean()
    return [
        Cause(
            "tape_wrong" if front else "room_unchecked",
            "WARN",
            f"as stated the lenses stand {_side(stated)} the blackboard's surface; everything fits "
            f"as well with out_m {100 * abs(there.mean() - stated.mean()):.0f} cm "
            f"{'longer' if front else 'shorter'} and the lenses {_side(there)} it, and gaze "
            f"points from {ROWS_M[1]:g} m would move by {cost_cm:.0f} cm",
            "Look whether the lenses stand before or behind the blackboard's surface, and measure "
            "out_m again.",
        )
    ]


def _side(before_m: Array) -> str:
    """Where lenses stand on average, before or behind a surface."""
    middle = float(before_m.mean())
    return f"{100 * abs(middle):.0f} cm {'before' if middle > 0 else 'behind'}"


def _unchecked(could: list[Unseen]) -> list[Cause]:
    """WARN where an error of one measurement would go unseen and cost too much."""
    worst = could[0]
    if worst.cost_cm[1] <= UNCHECKED_CM:
        return []
    turn = worst.what.split(".")[-1] in TURNS
    size = f"{np.degrees(worst.size):.0f}°" if turn else f"{100 * worst.size:.0f} cm"
    cost = " / ".join(f"{c:.0f}" for c in worst.cost_cm)
    rows = " / ".join(f"{r:g}" for r in ROWS_M)
    how = (
        f"up to {size} would go unseen"
        if worst.bounded
        else f"{size} (or any other) would go unseen"
    )
    return [
        Cause(
            "room_unchecked",
            "WARN",
            f"too little checks the room: an error of {row_words(worst.what)} of {how}, and move "
            f"every gaze point by {cost} cm at {rows} m from the blackboard",
            "Measure from each lens to the blackboard's upper left, upper right, lower left and "
            "lower right corner ([cameras.left] corners_m = [a, b, c, d]), or add pictures of the "
            "room ([auxiliary.room_picture]).",
            round(float(worst.cost_cm[1]), 1),
        )
    ]


def row_words(name: str) -> str:
    """A row of the least squares in words."""
    first, _, last = name.rpartition(".")
    if last in TURNS:
        return f"how the board lies ({TURNS[last]})"
    if first in CAMERAS:
        return f"the length from the {first} lens to the {last} corner"
    return {"width_m": "the blackboard's width"}.get(name, last)
