"""How many lessons and students a study needs to see a difference of a share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from gaze.studies.lessons import StudyError
from sessions.names import composed

Design = Literal["groups", "paired"]
MOST_LESSONS = 10_000


@dataclass(frozen=True)
class Spread:
    """Standard deviations of shares. lesson_sd : of lessons' true means. student_sd : of students
    within a lesson, the measurement's error among it. measurement_sd : that error alone."""

    lesson_sd: float
    student_sd: float
    measurement_sd: float
    lessons: int
    students: int


@dataclass(frozen=True)
class Power:
    """A study of ``lessons`` (in each group, or in pairs) with ``students`` each, and the chance
    that it sees a true difference of ``difference``."""

    design: Design
    difference: float
    lessons: int
    students: int
    power: float


def power(
    difference: float,
    lessons: int,
    students: int,
    *,
    lesson_sd: float,
    student_sd: float,
    design: Design = "groups",
    alpha: float = 0.05,
) -> float:
    """Chance that a two-sided t test on the lessons' means sees a difference.

    A lesson's mean has the variance lesson_sd² + student_sd² / students. ``groups`` : two groups of
    ``lessons`` each. ``paired`` : so many lessons with both conditions (two phases, two seatings);
    the two standard deviations are then those of the *differences*.
    """
    if lessons < 2:
        return float("nan")
    variance = lesson_sd**2 + student_sd**2 / students
    pairs = 2 if design == "groups" else 1
    df = pairs * (lessons - 1)
    shift = difference / np.sqrt(pairs * variance / lessons) if variance > 0 else np.inf
    edge = stats.t.ppf(1 - alpha / 2, df)
    if not np.isfinite(shift):
        return 1.0
    return float(stats.nct.sf(edge, df, shift) + stats.nct.cdf(-edge, df, shift))


def lessons_needed(
    difference: float,
    students: int,
    *,
    lesson_sd: float,
    student_sd: float,
    design: Design = "groups",
    alpha: float = 0.05,
    wanted: float = 0.8,
) -> Power:
    """The fewest lessons with which :func:`power` reaches ``wanted``.

    Raises
    ------
    StudyError : an impossible setting; more than MOST_LESSONS lessons would be needed.
    """
    for name, value, good in (
        ("difference", difference, 0 < abs(difference) <= 1), ("students", students, students >= 1),
        ("alpha", alpha, 0 < alpha < 1), ("power", wanted, alpha < wanted < 1),
        ("lesson_sd", lesson_sd, lesson_sd >= 0), ("student_sd", student_sd, student_sd >= 0),
    ):  # fmt: skip
        if not good:
            raise StudyError(f"this {name} cannot be", found=value)

    def reached(n: int) -> float:
        return power(abs(difference), n, students, lesson_sd=lesson_sd, student_sd=student_sd,
                     design=design, alpha=alpha)  # fmt: skip

    low, high = 1, 2
    while reached(high) < wanted:
        low, high = high, 2 * high
        if high > MOST_LESSONS:
            raise StudyError(
                f"more than {MOST_LESSONS} lessons would be needed", found=f"{difference:g}",
                remedy="Look for a larger difference, or have the same students in both.",
            )  # fmt: skip
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
    return Power(design, difference, high, students, reached(high))


def spread(shares: pd.DataFrame, area: str = "board") -> Spread:
    """Spreads measured in a table of :func:`gaze.studies.lessons.student_shares`.

    Method of moments of the one-way random model: what lessons differ more than their students'
    spread explains is lesson_sd (0 where they do not). NaN with one lesson.

    Raises
    ------
    StudyError : no such area, or under two students in every lesson.
    """
    mine = shares[shares["area"] == composed(area)].dropna(subset=["share"])
    if mine.empty:
        there = ", ".join(_names(shares["area"])) or "students with enough data"
        raise StudyError("no lesson has this area", found=area, expected=there)
    groups = mine.groupby("lesson")["share"]
    n = groups.size()
    df = int((n - 1).sum())
    if df < 1:
        raise StudyError("a spread needs two students in a lesson", found=f"{len(mine)} in all")
    within = float(((n - 1) * groups.var().fillna(0)).sum() / df)
    lesson_var = float("nan")
    if len(n) > 1:
        mean = float(mine["share"].mean())
        between = float((n * (groups.mean() - mean) ** 2).sum() / (len(n) - 1))
        per_lesson = float((n.sum() - (n**2).sum() / n.sum()) / (len(n) - 1))
        lesson_var = max(0.0, (between - within) / per_lesson)
    error = float(np.sqrt((mine["share_sigma"] ** 2).mean()))
    return Spread(float(np.sqrt(lesson_var)), float(np.sqrt(within)), error, len(n), len(mine))


def _names(values: Iterable[object]) -> list[str]:
    return sorted({str(v) for v in values})
