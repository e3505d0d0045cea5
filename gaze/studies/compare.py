"""Lessons against one another: shares, differences paired by seat, and the trend over weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import linear_sum_assignment

from gaze.report.findings import SMALL_CELL
from gaze.studies.lessons import StudyError, Taken, notes, sigma_of, student_shares

ONE_SEAT_M = 0.4  # places of two lessons nearer than this are one seat
LEAST_TREND = 3


@dataclass(frozen=True)
class Difference:
    """A later lesson minus the first, of one place, in shares; ``low`` to ``high``: 95 %.
    seats : pairs of one seat; 0 = unpaired, the two classes' means."""

    lesson: str
    area: str
    difference: float
    low: float
    high: float
    seats: int


@dataclass(frozen=True)
class Trend:
    """Change of a class's share in a week, over lessons; the lesson is the unit. ``low`` to
    ``high``: 95 %. line : at each lesson, in order of date, the straight line and the ends of its
    95 % band (of the line, not of the next lesson)."""

    area: str
    per_week: float
    low: float
    high: float
    lessons: int
    line: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Comparison:
    """shares : a row for each lesson and place: lesson, title, date, area, share, low, high,
    students, coverage; in order of the lessons' dates. notes : what makes the lessons less alike
    than the numbers look."""

    shares: pd.DataFrame
    differences: tuple[Difference, ...]
    trends: tuple[Trend, ...]
    notes: tuple[str, ...] = ()


def compare(taken: Sequence[Taken]) -> Comparison:
    """Compare lessons with the one of the earliest date; only places that all of them have.

    The band of a difference holds the spread of the students' differences (or of the students) and
    the measurement's error that a class has in common, which no number of students takes away.

    Raises
    ------
    StudyError : under two lessons; one of fewer than SMALL_CELL students with enough data.
    """
    few = [t.name for t in taken if len(t.measures.used) < SMALL_CELL]
    if len(taken) < 2 or few:
        raise StudyError(
            "lessons are compared two or more, each of at least five students with enough data",
            found=", ".join(few) or f"{len(taken)} lesson",
        )
    dated = all(t.lesson.config.date for t in taken)
    ordered = sorted(taken, key=lambda t: t.lesson.config.date) if dated else list(taken)  # type: ignore[arg-type,return-value]
    tables = [t.measures.areas.set_index("area") for t in ordered]
    places = [a for a in tables[0].index if all(a in t.index for t in tables)]
    shares = pd.DataFrame([
        (t.name, t.lesson.config.title, t.lesson.config.date, a, *table.loc[a, ["share", "low",
         "high"]], len(t.measures.used), t.measures.coverage)
        for t, table in zip(ordered, tables, strict=True) for a in places
    ], columns=["lesson", "title", "date", "area", "share", "low", "high", "students",
                "coverage"])  # fmt: skip
    own = student_shares(ordered)
    first, *later = ordered
    differences = tuple(
        _difference(own, shares, first.name, t.name, place) for t in later for place in places
    )
    return Comparison(shares, differences, _trends(shares) if dated else (),
                      tuple(notes(ordered)))  # fmt: skip


def _difference(
    own: pd.DataFrame, shares: pd.DataFrame, first: str, later: str, area: str
) -> Difference:
    a, b = (own[(own["lesson"] == name) & (own["area"] == area)] for name in (first, later))
    at = shares[shares["area"] == area].set_index("lesson")
    both = at.loc[[first, later]]
    common = float((sigma_of(both["share"], both["low"], both["high"]) ** 2).sum())
    i, j = _same_seats(a, b)
    if len(i) >= SMALL_CELL:
        d = b["share"].to_numpy()[j] - a["share"].to_numpy()[i]
        centre, variance, df = float(d.mean()), float(d.var(ddof=1) / len(d)), len(d) - 1
    else:
        i = i[:0]
        centre = float(b["share"].mean() - a["share"].mean())
        variance = float(a["share"].var() / len(a) + b["share"].var() / len(b))
        df = min(len(a), len(b)) - 1
    half = float(stats.t.ppf(0.975, df) * np.sqrt(variance + common))
    return Difference(later, area, centre, centre - half, centre + half, len(i))


def _same_seats(a: pd.DataFrame, b: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a and b at one place in the room, each once."""
    places = ["seat_x_m", "seat_z_m"]
    xa, xb = a[places].to_numpy(np.float64), b[places].to_numpy(np.float64)
    apart = np.linalg.norm(xa[:, None] - xb[None], axis=-1)
    apart = np.where(np.isfinite(apart), apart, 1e3)
    i, j = linear_sum_assignment(np.minimum(apart, 10 * ONE_SEAT_M))
    near = apart[i, j] < ONE_SEAT_M
    return i[near], j[near]


def _trends(shares: pd.DataFrame) -> tuple[Trend, ...]:
    out = []
    for area, mine in shares.groupby("area", sort=False):
        days = pd.to_datetime(mine["date"])
        weeks = ((days - days.min()).dt.days / 7).to_numpy(np.float64)
        if len(mine) < LEAST_TREND or len(np.unique(weeks)) < LEAST_TREND:
            continue
        share = mine["share"].to_numpy(np.float64)
        slope, intercept = np.polyfit(weeks, share, 1)
        centre = intercept + slope * weeks
        variance = float(((share - centre) ** 2).sum()) / (len(mine) - 2)
        off = weeks - weeks.mean()
        t = float(stats.t.ppf(0.975, len(mine) - 2))
        half = t * float(np.sqrt(variance / (off**2).sum()))
        wide = t * np.sqrt(variance * (1 / len(mine) + off**2 / (off**2).sum()))
        line = np.stack([centre, centre - wide, centre + wide], 1)
        out.append(Trend(str(area), float(slope), float(slope) - half, float(slope) + half,
                         len(mine), tuple(map(tuple, line.tolist()))))  # fmt: skip
    return tuple(out)
