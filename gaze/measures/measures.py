"""Measures of where heads pointed: shares, visits, first looks, transitions, spread, synchrony.

Pure functions over the gaze table; no files. :func:`measures` makes all of them from the parts in
gaze/measures/. Definitions, units and sources: docs/attention.md.

Three rules hold for all of them. *Measured time only*: a moment without a face is missing, never
zero. *Membership is a probability*: a point with a covariance is in an area with the probability
that its normal gives, so a wide point counts in several areas at once. *Students weigh the same* in
every number of the class, however long each of them was measured.

The words are ISO 15007's: a *visit* (glance) is gaze kept within an area; *dwell* is summed visits.
There are no fixations and no saccades at 5 to 30 Hz and some degrees of error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.areas import check_areas, default_areas, rectangle_probability
from gaze.measures.bands import (
    Errors,
    band,
    mean_known,
    per_window,
    share_errors,
    shares,
    window_edges,
    with_missing,
)
from gaze.measures.moments import Moments, clean_gaze, moments, step_of, students_in
from gaze.measures.seats import viewing
from gaze.measures.states import (
    MEASURED,
    MIN_COVERAGE,
    MIN_POINTS,
    OUTSIDE,
    REST,
    MeasureError,
    Problem,
)
from gaze.measures.synchrony import Synchrony, synchrony
from gaze.measures.visits import (
    Transitions,
    entropy_bits,
    spread_m,
    transition_entropy_bits,
    transitions,
    visits,
)
from sessions.config import Area, Blackboard

__all__ = [
    "MEASURED",
    "MIN_COVERAGE",
    "MIN_POINTS",
    "OUTSIDE",
    "REST",
    "MeasureError",
    "Measures",
    "Problem",
    "Synchrony",
    "board_shares",
    "check_areas",
    "clean_gaze",
    "default_areas",
    "entropy_bits",
    "measures",
    "rectangle_probability",
    "step_of",
    "transition_entropy_bits",
    "transitions",
    "viewing",
    "window_edges",
]


@dataclass(frozen=True)
class Measures:
    """Everything :func:`measures` finds; tables are pandas frames with unit-suffixed columns.

    students : a row each: coverage, measured_s, board_share (+ low, high), looks_per_min, spread_m,
    spread_less_noise_m, entropy_bits, transition_entropy_bits, agreement, sigma_m.
    student_areas : a row for each student and state: share, low, high, visits, dwell_s,
    mean_visit_s, first_look_s.
    areas : a row for each state and one for ``board``: the class: share, low, high (σ alone),
    low_missing, high_missing (and nothing assumed of missing moments), visits, dwell_s,
    mean_visit_s, first_look_s (median over those who looked), reached, students, reached_share.
    timeline : a row for each window and state (and ``board``): time_s, area, share, low, high,
    low_missing, high_missing, students, coverage.
    used : students with enough data, who make the class's numbers.
    """

    start_s: float
    end_s: float
    step_s: float
    window_s: float
    min_visit_s: float
    bridge_s: float
    gap_s: float
    seed: int
    area_list: tuple[Area, ...]
    states: tuple[str, ...]
    used: tuple[str, ...]
    students: pd.DataFrame
    student_areas: pd.DataFrame
    areas: pd.DataFrame
    timeline: pd.DataFrame
    visits: pd.DataFrame
    transitions: Transitions
    synchrony: Synchrony
    moments: Moments = field(repr=False)
    problems: tuple[Problem, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of all students' moments that were measured."""
        return float(self.moments.measured.mean()) if self.moments.measured.size else 0.0

    def share(self, area: str = "board") -> float:
        """The class's share of measured time in a state or on the ``board``."""
        return float(self.areas.set_index("area")["share"][area])


def measures(
    gaze: pd.DataFrame,
    areas: Sequence[Area] | None,
    board: Blackboard,
    *,
    students: Iterable[str] | None = None,
    between_s: tuple[float, float] | None = None,
    min_visit_s: float = 0.6,
    bridge_s: float = 0.4,
    gap_s: float = 2.0,
    window_s: float | None = None,
    draws: int = 16,
    surrogates: int = 200,
    seed: int = 0,
) -> Measures:
    """Every measure of a lesson, or of a part of it.

    Parameters
    ----------
    gaze : the gaze table (sessions.tables.GAZE); masked rows are left out.
    areas : rectangles of the board; None or empty = thirds.
    students : who counts; None = all in the table. between_s : a phase, [from, to).
    min_visit_s, bridge_s, gap_s : see :func:`visits`, :func:`transitions`.
    window_s : the timeline's windows; None = chosen (:func:`window_edges`).
    draws, surrogates, seed : refits of the bands and the null; same seed, same numbers.

    Raises
    ------
    MeasureError : a table, areas or settings that cannot be used.
    """
    checked, problems = check_areas(areas, board)
    frame, found = clean_gaze(gaze)
    problems += found
    masked = (frame["status"] == "masked").to_numpy()
    if masked.any():
        gone = set(frame.loc[masked, "student"].astype(str))
        frame = frame[~masked]
        students = [s for s in (students or students_in(gaze)) if s not in gone]
    names = tuple(dict.fromkeys(students)) if students is not None else students_in(frame)
    names = tuple(n for n in names if n)
    if between_s is not None:
        t = frame["time_s"].to_numpy()
        frame = frame[(t >= between_s[0]) & (t < between_s[1])]
    m = moments(frame, checked, board, names)
    starts, index, window = window_edges(m, window_s)
    errors = share_errors(m, index, len(starts), draws=draws, seed=seed)
    visit = visits(m, min_visit_s=min_visit_s, bridge_s=bridge_s)
    sync = synchrony(m, visit, gap_s=gap_s, surrogates=surrogates, seed=seed)
    enough = m.coverage >= MIN_COVERAGE
    used = tuple(n for n, e in zip(names, enough, strict=True) if e)
    start = float(m.time_s[0]) if len(m.time_s) else 0.0
    end = float(m.time_s[-1]) + m.step_s if len(m.time_s) else 0.0
    if between_s is not None:
        start = max(start, between_s[0])
    per_area = _student_areas(m, errors, visit, start)
    used_visits = visit[visit["student"].isin(used)]
    return Measures(
        start, end, m.step_s, window, min_visit_s, bridge_s, gap_s, seed,
        checked, m.states, used,
        _students(m, errors, visit, sync, gap_s),
        per_area,
        _class_areas(m, errors, per_area, enough),
        _timeline(m, errors, starts, index, enough),
        visit,
        transitions(used_visits, m.states, gap_s=gap_s),
        sync, m,
        tuple(problems + _too_small(m, enough)),
    )  # fmt: skip


def board_shares(gaze: pd.DataFrame, board: Blackboard) -> dict[str, float]:
    """Share of each student's measured time that faces the board: the one definition, with the
    board's own areas. NaN where nothing was measured.

    Raises
    ------
    MeasureError : as :func:`measures`.
    """
    areas, _ = check_areas(board.areas, board)
    frame, _ = clean_gaze(gaze)
    frame = frame[(frame["status"] != "masked").to_numpy() & (frame["student"] != "").to_numpy()]
    m = moments(frame, areas, board)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = m.on_board.sum(1, dtype=np.float64) / np.where(m.n_measured, m.n_measured, np.nan)
    return dict(zip(m.students, share.tolist(), strict=True))


def _too_small(m: Moments, enough: NDArray[np.bool_]) -> list[Problem]:
    """Areas whose half width or half height is under the median σ: too small to be told apart."""
    var = (m.root_m[enough] ** 2).sum(-1)
    if not np.isfinite(var).any():
        return []
    sigma = np.sqrt(np.nanmedian(var.reshape(-1, 2), axis=0))
    out: list[Problem] = []
    for a in m.areas:
        half = ((a.x_m[1] - a.x_m[0]) / 2, (a.y_m[1] - a.y_m[0]) / 2)
        for h, s, what in zip(half, sigma, ("width", "height"), strict=True):
            if h < s:
                out.append((
                    f"problem_area_small_{what}",
                    {"area": a.name, "half_cm": 100 * h, "sigma_cm": 100 * float(s)},
                ))  # fmt: skip
    return out


def _students(
    m: Moments, errors: Errors, visit: pd.DataFrame, sync: Synchrony, gap_s: float
) -> pd.DataFrame:
    n = m.measured.sum(1)
    share = shares(m)
    with np.errstate(invalid="ignore", divide="ignore"):
        board = m.on_board.sum(1, dtype=np.float64) / np.where(n, n, np.nan)
    low, high = band(board, errors.student_sd()[:, -1])
    raw, less = spread_m(m)
    on = ~visit["area"].isin(OUTSIDE)
    looks = visit[on].groupby("student").size().reindex(list(m.students), fill_value=0).to_numpy()
    minutes = n * m.step_s / 60
    by = dict(list(visit.groupby("student", sort=False)))
    moves = [
        transition_entropy_bits(transitions(by[s], m.states, gap_s=gap_s).counts)
        if s in by else float("nan")
        for s in m.students
    ]  # fmt: skip
    var = (m.root_m**2).sum((-1, -2)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        per_minute = np.where(n > 0, looks / minutes, np.nan)
    return pd.DataFrame({
        "student": list(m.students),
        "coverage": m.coverage,
        "measured_s": n * m.step_s,
        "board_share": board, "board_low": low, "board_high": high,
        "looks_per_min": per_minute,
        "spread_m": raw, "spread_less_noise_m": less,
        "entropy_bits": entropy_bits(np.nan_to_num(share)),
        "transition_entropy_bits": moves,
        "agreement": sync.student_agreement,
        "sigma_m": np.sqrt(pd.DataFrame(var).median(axis=1).to_numpy(np.float64)),
    })  # fmt: skip


def _student_areas(m: Moments, errors: Errors, visit: pd.DataFrame, start_s: float) -> pd.DataFrame:
    share = shares(m)
    low, high = band(share, errors.student_sd()[:, :-1])
    groups = visit.groupby(["student", "area"])
    table = pd.DataFrame({
        "visits": groups.size(),
        "dwell_s": groups["duration_s"].sum(),
        "first_look_s": groups["start_s"].min() - start_s,
    })  # fmt: skip
    full = pd.MultiIndex.from_product([m.students, m.states], names=["student", "area"])
    table = table.reindex(full)
    table["visits"] = table["visits"].fillna(0).astype("int64")
    table["dwell_s"] = table["dwell_s"].fillna(0.0)
    table["mean_visit_s"] = table["dwell_s"] / table["visits"].where(table["visits"] > 0)
    table["share"], table["low"], table["high"] = share.ravel(), low.ravel(), high.ravel()
    columns = ["share", "low", "high", "visits", "dwell_s", "mean_visit_s", "first_look_s"]
    return table[columns].reset_index()


def _class_areas(
    m: Moments, errors: Errors, per_area: pd.DataFrame, enough: NDArray[np.bool_]
) -> pd.DataFrame:
    k = len(m.states)
    n = m.measured.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        board = m.on_board.sum(1, dtype=np.float64) / np.where(n, n, np.nan)
    share = np.column_stack([shares(m), board])[enough]
    centre = mean_known(share, 0) if len(share) else np.full(k + 1, np.nan)
    low, high = band(centre, errors.class_sd(enough))
    coverage = float(m.coverage[enough].mean()) if enough.any() else 0.0
    low_m, high_m = with_missing(low, high, np.asarray(coverage))
    used = [s for s, e in zip(m.students, enough, strict=True) if e]
    mine = per_area[per_area["student"].isin(used)]
    g = mine.groupby("area", sort=False)
    table = pd.DataFrame({
        "visits": g["visits"].sum(), "dwell_s": g["dwell_s"].sum(),
        "first_look_s": g["first_look_s"].median(),
        "reached": g["visits"].agg(lambda v: int((v > 0).sum())),
    }).reindex(list(m.states))  # fmt: skip
    on = mine[~mine["area"].isin(OUTSIDE)].groupby("student", sort=False)
    table.loc["board"] = [
        on["visits"].sum().sum(), on["dwell_s"].sum().sum(),
        on["first_look_s"].min().median(), int((on["visits"].sum() > 0).sum()),
    ]  # fmt: skip
    table["visits"] = table["visits"].fillna(0).astype("int64")
    table["dwell_s"] = table["dwell_s"].fillna(0.0)
    table["reached"] = table["reached"].fillna(0).astype("int64")
    table["mean_visit_s"] = table["dwell_s"] / table["visits"].where(table["visits"] > 0)
    table["students"] = len(used)
    table["reached_share"] = table["reached"] / len(used) if used else np.nan
    table["share"], table["low"], table["high"] = centre, low, high
    table["low_missing"], table["high_missing"] = low_m, high_m
    table.index.name = "area"
    columns = ["share", "low", "high", "low_missing", "high_missing", "visits", "dwell_s",
               "mean_visit_s", "first_look_s", "reached", "students", "reached_share"]  # fmt: skip
    return table[columns].reset_index()


def _timeline(
    m: Moments, errors: Errors, starts: Array, index: NDArray[np.int64], enough: NDArray[np.bool_]
) -> pd.DataFrame:
    columns = ["time_s", "area", "share", "low", "high", "low_missing", "high_missing",
               "students", "coverage"]  # fmt: skip
    if not len(starts):
        return pd.DataFrame(columns=columns)
    nb = len(starts)
    total = np.bincount(index, minlength=nb)
    n = per_window(m.measured[enough], index, nb)
    counts = per_window(
        np.concatenate([m.probability, m.on_board[..., None]], -1)[enough], index, nb
    )
    present = n >= np.maximum(MIN_COVERAGE * total, 1)[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(present[..., None], counts / n[..., None], np.nan)
    centre = mean_known(share, 0) if len(share) else np.full((nb, counts.shape[-1]), np.nan)
    low, high = band(centre, errors.window_sd(enough, present))
    people = max(int(enough.sum()), 1)
    coverage = np.where(present, n, 0).sum(0) / np.maximum(total * people, 1)
    low_m, high_m = with_missing(low, high, coverage[:, None])
    names = (*m.states, "board")
    return pd.concat(
        [
            pd.DataFrame({
                "time_s": starts, "area": name, "share": centre[:, i],
                "low": low[:, i], "high": high[:, i],
                "low_missing": low_m[:, i], "high_missing": high_m[:, i],
                "students": present.sum(0), "coverage": coverage,
            })
            for i, name in enumerate(names)
        ],
        ignore_index=True,
    )[columns]  # fmt: skip
