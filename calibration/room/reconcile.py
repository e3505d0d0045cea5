"""Where measurements of the room contradict each other: each guess is tried, the best one named.

The room is solved under each guess (guesses.py); the one that reconciles everything best, for what
it asks one to believe, is named, and the next best is told. Where nothing contradicts, what could
be wrong unseen is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2 as chi2_law

from calibration.camera import CAMERAS
from calibration.room.evidence import (
    CORNERS,
    HOOK,
    LENGTHS,
    LOOKS,
    ROWS_M,
    SEATS,
    SHARES,
    TURNS,
    Evidence,
)
from calibration.room.fit import Solved, solve_room
from calibration.room.guesses import FREE_COST, Guess, guesses
from calibration.room.reliability import Unseen, costs_cm, directions, gaze_shift, reliability
from calibration.room.world import FURTHEST_BEHIND_M, HIGHEST_M
from calibration.transform import Array, Transform, rotation_exp, rotation_log
from calibration.verdict import CHANCE, Cause, Hypothesis, Status, named

#: Measurements contradict each other where one error would take this much χ² away (3.6 σ) …
ALARM_CHI2 = 13.0
#: … or where all of them together fit as badly as once in two thousand rooms.
ALARM_P = 0.0005
#: A guess reconciles where its fit is no worse than once in two hundred rooms.
FITS_P = 0.005
#: A guess that fits as badly as this is not solved to the end.
HOPELESS_CHI2 = 1000.0
#: How far gaze points from 6 m may be moved by an error that nothing would show, cm.
UNCHECKED_CM = 8.0
#: How far a contradiction moves gaze points from 6 m: FAIL beyond.
WRONG_CM = 10.0
#: A room that fits as well and puts the lenses on the other side of the blackboard's surface: said
#: where it would move gaze points from 6 m by more than this, cm …
OTHER_SIDE_CM = 5.0
#: … and the lenses no further into the wall than this, metres.
IN_WALL_M = 0.1
#: What it costs to believe in a lens further in the wall (χ²), as mirrored at the surface it fits.
IN_WALL_COST = FREE_COST


@dataclass(frozen=True)
class Reconciled:
    """A guess with the room under it. ``score``: χ² and what the guess asks one to believe."""

    guess: Guess
    solved: Solved
    score: float
    says: str


def contradicted(solved: Solved) -> bool:
    """Whether the measurements contradict each other."""
    if solved.dof < 1:
        return False
    worst = max((solved.suspicion(d) for d in directions(solved).values()), default=0.0)
    return worst > ALARM_CHI2 or solved.chi2 > chi2_law.isf(ALARM_P, solved.dof)


def reconcile(evidence: Evidence) -> list[Reconciled]:
    """The guesses under which everything fits, the best first; one of each code and row."""
    out: list[Reconciled] = []
    stated = solve_room(evidence).chi2
    for guess in guesses(evidence):
        solved, size = _under(guess)
        if solved is None or solved.chi2 > chi2_law.isf(FITS_P, max(solved.dof, 1)):
            continue
        if solved.chi2 >= stated:
            continue  # equal lengths exchanged
        if guess.between is not None and not guess.between[0] <= size <= guess.between[1]:
            continue
        if guess.themselves and not _contradict_themselves(guess):
            continue
        lenses = _lenses_W(guess.evidence, solved)
        if (lenses[:, 2] < -FURTHEST_BEHIND_M).any() or (np.abs(lenses[:, 1]) > HIGHEST_M).any():
            continue  # no room has cameras there
        in_wall = IN_WALL_COST * bool((lenses[:, 2] < -IN_WALL_M).any())
        says = guess.says.format(size=_size_words(guess, size))
        out.append(Reconciled(guess, solved, solved.chi2 + guess.cost + in_wall, says))
    return sorted(out, key=lambda r: r.score)


def _under(guess: Guess) -> tuple[Solved | None, float]:
    """The room under a guess, and the size of the error that it frees (stated − seen)."""
    e, free = guess.evidence, guess.free
    if len(free) == 1 and (free[0] in LENGTHS or free[0].split(".")[-1] in {*SHARES, HOOK}):
        solved = solve_room(replace(e, loose=free[0]))
        d = e.direction(free[0])
        return solved, float(-(d @ solved.residual) / (d @ d))
    best = min(
        (
            solve_room(
                e, without=free, free_scale=guess.free_scale, start=s, hopeless_chi2=HOPELESS_CHI2
            )
            for s in _starts(e, free)
        ),
        key=lambda s: s.chi2,
    )
    if guess.free_scale:
        return best, best.scale
    if not free:
        return best, 0.0
    off = dict(zip(e.names(), e.residuals(best.T_WL, best.size_m, best.scale), strict=True))
    sizes = np.array([off[f] for f in free])
    return best, float(-sizes[0]) if len(free) == 1 else float(np.linalg.norm(sizes))


def _contradict_themselves(guess: Guess) -> bool:
    """Whether what a guess frees contradicts the cameras, all other measurements left out."""
    names = guess.evidence.names()
    without = [n for n in names if n not in guess.free and n not in ("width_m", "height_m")]
    alone = solve_room(guess.evidence, without=without)
    return alone.dof > 0 and alone.chi2 > float(chi2_law.isf(FITS_P, alone.dof))


def _starts(e: Evidence, free: tuple[str, ...]) -> list[Transform]:
    """Where the solve begins: as stated; where the tape says nothing, with the left lens where it
    should be; with the board freed, from a few turns of it as well."""
    start = e.start()
    if e.blackboard_m and sum(n.split(".")[-1] in LENGTHS for n in free) == len(LENGTHS):
        start = replace(start, t=np.array([e.blackboard_m[0], 0.0, 0.5]))
    if len(free) < 6:
        return [start]
    turns = np.radians(40) * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    return [replace(start, R=rotation_exp(turn) @ start.R) for turn in turns]


def _lenses_W(e: Evidence, solved: Solved) -> Array:
    """(2, 3) where the two lenses stand in a room."""
    return np.stack([solved.T_WL.t, solved.T_WL.apply(solved.scale * e.T_RL.inverse().t)])


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


def room_causes(evidence: Evidence, solved: Solved) -> list[Cause]:
    """What the measurements say against each other; and what nothing would say."""
    if evidence.seated is not None:  # it hides nothing
        evidence = evidence.without_class()
        solved = solve_room(evidence)
    found = reconcile(evidence) if solved.dof > 0 else []
    if not _wrong(solved, found):
        return _other_side(evidence, solved) or _unchecked(reliability(evidence, solved))
    if not found:
        worst = solved.names[int(np.abs(solved.residual / solved.sigma).argmax())]
        return [Cause(
            "room_contradiction", "FAIL",
            f"tape and pictures contradict each other (χ² {solved.chi2:.0f} of {solved.dof}; most "
            f"of all {row_words(worst)}), and no single mistake explains it",
            "Measure everything again: the board's placement, the lenses, the blackboard.",
        )]  # fmt: skip
    wrong_cm = moved_cm(evidence, solved, found[0].solved)
    return [_named(evidence, found, "FAIL" if wrong_cm > WRONG_CM else "WARN", wrong_cm)]


def _wrong(solved: Solved, found: list[Reconciled]) -> bool:
    """Whether something is wrong: by what is measured alone, or as a guess explains it so well."""
    return contradicted(solved) or bool(found and solved.chi2 - found[0].score > ALARM_CHI2)


def _named(evidence: Evidence, found: list[Reconciled], severity: Status, wrong_cm: float) -> Cause:
    """The guess that explains best, what does as well, and what it costs."""
    cause = named(
        Hypothesis(r.score, Cause(r.guess.code, severity, r.says, r.guess.action), r.says)
        for r in found
    )
    assert cause is not None
    message = cause.message + ("" if cause.message.endswith("?") else ".")
    message += f" As stated, gaze points from {ROWS_M[1]:g} m would be {wrong_cm:.0f} cm off"
    return replace(cause, message=message, action=cause.action + _tells_apart(evidence, cause))


def with_class(both: Evidence) -> tuple[Evidence, list[Cause]]:
    """The evidence that counts, with where the class sits or without it, and what that says.

    People sit as they like, and seats are read off a plan: a class may say that something does not
    fit (WARN), but it neither moves a room that it contradicts, nor hides what the rest says.
    """
    alone = both.without_class()
    if both.seated is None or _wrong(solve_room(alone), reconcile(alone)):
        return alone, []
    found, solved = reconcile(both), solve_room(both)
    if not _wrong(solved, found):
        return both, []
    told = [r for r in found if r.score - found[0].score < CHANCE]
    wrong_cm = max((moved_cm(both, solve_room(alone), r.solved) for r in told), default=0.0)
    if not found:
        return alone, [Cause(
            "seats_wrong", "WARN", "where the class sits disagrees with everything else, and no "
            "single mistake explains it", "Measure the tape and a few seat_m again.",
        )]  # fmt: skip
    cause = _named(both, found, "WARN", wrong_cm)
    words = cause.message.replace("with everything else", "with where the class sits")
    return alone, [replace(cause, message=words if cause.code != "seats_wrong" else cause.message)]


def _tells_apart(e: Evidence, cause: Cause) -> str:
    """What to measure where more than one mistake explains everything."""
    missing = [c for c in CAMERAS if len(e.corners_m.get(c, ())) < len(CORNERS)]
    if not cause.rivals or not missing:
        return ""
    return (
        f" Lengths from the {' and the '.join(missing)} lens to all four corners of the "
        "blackboard (corners_m) would tell them apart."
    )


def moved_cm(evidence: Evidence, stated: Solved, true: Solved) -> float:
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

    stated = _lenses_W(evidence, solved)[:, 2]
    start = replace(solved.T_WL, t=solved.T_WL.t - [0, 0, 2 * stated.mean()])
    out = tuple(n for n in solved.names if n.endswith(".out_m"))
    other = solve_room(evidence, without=out, start=start)
    there = _lenses_W(evidence, other)[:, 2]
    cost_cm = moved_cm(evidence, solved, other)
    fits = other.chi2 < chi2_law.isf(FITS_P, max(other.dof, 1))
    if not fits or cost_cm < OTHER_SIDE_CM or there.min() < -IN_WALL_M:
        return []
    front = there.mean() > stated.mean()
    return [Cause(
        "tape_wrong" if front else "room_unchecked", "WARN",
        f"as stated the lenses stand {_side(stated)} the blackboard's surface; everything fits as "
        f"well with out_m {100 * abs(there.mean() - stated.mean()):.0f} cm "
        f"{'longer' if front else 'shorter'} and the lenses {_side(there)} it, and gaze points "
        f"from {ROWS_M[1]:g} m would move by {cost_cm:.0f} cm",
        "Look whether the lenses stand before or behind the blackboard's surface, and measure "
        "out_m again.",
    )]  # fmt: skip


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
    how = f"up to {size}" if worst.bounded else f"{size} (or any other)"
    return [Cause(
        "room_unchecked", "WARN",
        f"too little checks the room: an error of {row_words(worst.what)} of {how} would go "
        f"unseen, and move every gaze point by {cost} cm at {rows} m from the blackboard",
        "Measure from each lens to the blackboard's upper left, upper right, lower left and lower "
        "right corner ([cameras.left] corners_m = [a, b, c, d]), or add pictures of the room "
        "([auxiliary.room_picture]).",
        round(float(worst.cost_cm[1]), 1),
    )]  # fmt: skip


def row_words(name: str) -> str:
    """A row of the least squares in words."""
    first, _, last = name.rpartition(".")
    if name in SEATS:
        return f"where the class sits ({last})"
    if last in TURNS:
        return f"how the board lies ({TURNS[last]})"
    if first in CAMERAS:
        return f"the length from the {first} lens to the {last} corner"
    if name in LOOKS:
        return "where the class looks at marked points"
    blackboard = {"width_m": "the blackboard's width", "height_m": "the blackboard's height"}
    return blackboard.get(name, last)
