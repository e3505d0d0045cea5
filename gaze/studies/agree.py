"""Where people who watched the lesson said heads pointed, against where we measured them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from calibration.errors import UserError
from gaze.measures.measures import measures
from gaze.measures.states import OUTSIDE
from gaze.report.lesson import load_lesson
from sessions.events.annotations import Annotation, read_annotations
from sessions.names import composed

BOARD = "board"
DRAWS = 1000


class AgreeError(UserError):
    """Codes that cannot be compared with a run."""


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa of n moments. low, high : its 95 % band, students drawn with replacement
    (moments of one student are alike, so that they count as one draw); NaN under two students."""

    kappa: float
    low: float
    high: float
    agreement: float
    moments: int
    students: int


@dataclass(frozen=True)
class Agreement:
    """Human codes against a run. confusion : moments, rows = the human's code, columns = ours.
    of_area : each code against all others. of_row : by row of seats (0 = not known).
    coded_unmeasured, coded_twice : moments that do not count, because nothing was measured or the
    codes say two places. codes_outside : codes that hold no analysed moment."""

    overall: Kappa
    of_area: dict[str, Kappa]
    of_row: dict[int, Kappa]
    confusion: pd.DataFrame
    coded_unmeasured: int
    coded_twice: int
    codes_outside: int


def cohen_kappa(confusion: ArrayLike) -> float:
    """Cohen's kappa (1960) of a square table of counts; NaN where chance alone agrees fully."""
    c = np.asarray(confusion, np.float64)
    n = c.sum()
    if n == 0:
        return float("nan")
    observed = np.trace(c) / n
    expected = float(c.sum(0) @ c.sum(1)) / n**2
    return float((observed - expected) / (1 - expected)) if expected < 1 else float("nan")


def agree(
    run_folder: str | Path,
    codes: str | Path,
    *,
    format: str = "auto",
    observation: str | None = None,
    names: Mapping[str, str] | None = None,
    offset_s: float = 0.0,
    seed: int = 0,
) -> Agreement:
    """Compare codes (a student, from, to, where) with a run, moment by moment.

    codes : BORIS (the subject is the student), ELAN (the tier is), or CSV with ``student``,
    ``start_s``, ``end_s``, ``area``. names : the coder's words → ours. A code ``board`` takes all
    areas of the board as one. Moments that nobody coded, that were coded as two places, or that
    were not measured, do not count.

    Raises
    ------
    AgreeError : codes of nobody in the run, without an end, or of an unknown place; a name of no
        code; none at a measured moment. SessionError, RunError : see the readers.
    """
    lesson = load_lesson(run_folder)
    m = measures(lesson.gaze, lesson.board.areas, lesson.board, surrogates=0)
    places = [*m.states]
    found = _codes(Path(codes), format, observation, names or {}, places, m.moments.students)
    whole_board = any(a.label == BOARD for a in found)
    said = [BOARD, *OUTSIDE] if whole_board else places
    ours_of = np.array([said.index(_folded(s, whole_board)) for s in places])
    t = m.moments.time_s
    human = np.full(m.moments.measured.shape, -1)
    twice = np.zeros(human.shape, bool)
    outside = 0
    for a in found:
        during = (t >= a.start_s + offset_s) & (t < (a.end_s or 0.0) + offset_s)
        row, code = m.moments.students.index(a.tier), said.index(_folded(a.label, whole_board))
        twice[row] |= during & (human[row] >= 0) & (human[row] != code)
        human[row, during] = code
        outside += not during.any()
    human[twice] = -1
    both = (human >= 0) & m.moments.measured
    if not both.any():
        raise AgreeError(
            "no code falls on a measured moment", where=codes,
            found=f"codes from {found[0].start_s + offset_s:g} s, the lesson {t[0]:g} to {t[-1]:g}",
            remedy="Codes count in seconds on the left camera's clock; --offset-s shifts them.",
        )  # fmt: skip
    own = ours_of[m.moments.state]
    k = len(said)
    tables = np.stack([  # one for each student
        np.bincount(human[s, b] * k + own[s, b], minlength=k * k).reshape(k, k)
        for s, b in enumerate(both)
    ])  # fmt: skip
    rng = np.random.default_rng(seed)
    seat_row = dict(zip(lesson.table["student"].astype(str), lesson.table["row"], strict=True))
    rows = np.array([int(seat_row.get(s, 0)) for s in m.moments.students])
    coded = sorted(set(np.unique(human[both])) | set(np.unique(own[both])))
    whole = tables.sum(0)
    return Agreement(
        _kappa(tables, rng),
        {said[c]: _kappa(_one_against_rest(tables, c), rng) for c in coded},
        {int(r): _kappa(tables[rows == r], rng) for r in np.unique(rows)
         if tables[rows == r].sum()},
        pd.DataFrame(whole[np.ix_(coded, coded)], [said[c] for c in coded],
                     [said[c] for c in coded]).rename_axis("human"),
        int(((human >= 0) & ~m.moments.measured).sum()), int(twice.sum()), outside,
    )  # fmt: skip


def _folded(state: str, whole_board: bool) -> str:
    return BOARD if whole_board and state not in OUTSIDE else state


def _codes(
    path: Path,
    format: str,
    observation: str | None,
    names: Mapping[str, str],
    places: Sequence[str],
    students: Sequence[str],
) -> list[Annotation]:
    """Codes in our words, each of a student of the run and of a place."""
    known = [*places, BOARD]
    out = []
    coded = read_annotations(path, format, observation=observation)
    names = {composed(code): composed(place) for code, place in names.items()}
    unused = [name for name in names if all(a.label != name for a in coded)]
    if coded and unused:
        raise AgreeError("--name names a code that is not there", where=path, found=unused[0],
                         expected=", ".join(sorted({a.label for a in coded}))[:200])  # fmt: skip
    for a in coded:
        label = names.get(a.label, a.label)
        place = next((p for p in known if p.casefold() == label.casefold()), None)
        where = f"line {a.line}: " if a.line else ""
        if place is None:
            raise AgreeError(
                f"{where}a code that is no place of this run", where=path,
                found=a.label if label == a.label else f"{a.label}={label}",
                expected=", ".join(known), remedy="--name CODE=PLACE says what it means.",
            )  # fmt: skip
        if a.tier not in students:
            raise AgreeError(
                f"{where}a code of nobody in this run", where=path, found=a.tier or "no student",
                expected="a subject (BORIS), tier (ELAN) or student (CSV) of the run: "
                + ", ".join(students)[:100],
            )  # fmt: skip
        if a.end_s is None:
            raise AgreeError(f"{where}a code without an end", where=path, found=a.label)
        out.append(Annotation(a.tier, a.start_s, a.end_s, place, a.line))
    if not out:
        raise AgreeError("there are no codes", where=path)
    return out


def _one_against_rest(tables: NDArray[np.int64], c: int) -> NDArray[np.int64]:
    """(S, 2, 2) of (S, K, K): a code, and all others as one."""
    yes = tables[:, c, c]
    human, ours, n = tables[:, c].sum(-1), tables[:, :, c].sum(-1), tables.sum((1, 2))
    two = [[yes, human - yes], [ours - yes, n - human - ours + yes]]
    return np.moveaxis(np.array(two, np.int64), -1, 0)


def _kappa(tables: NDArray[np.int64], rng: np.random.Generator) -> Kappa:
    """tables : (S, K, K), one for each student."""
    mine = tables[tables.sum((1, 2)) > 0]
    whole = mine.sum(0)
    low = high = float("nan")
    if len(mine) >= 2:
        pick = rng.integers(len(mine), size=(DRAWS, len(mine)))
        drawn = np.array([cohen_kappa(mine[p].sum(0)) for p in pick])
        if np.isfinite(drawn).any():
            low, high = (float(q) for q in np.nanquantile(drawn, [0.025, 0.975]))
    n = int(whole.sum())
    return Kappa(cohen_kappa(whole), low, high, float(np.trace(whole) / max(n, 1)), n, len(mine))
