"""Studies that schools do together: each gives measures and their errors, nobody gives lessons."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from scipy import stats

from calibration.errors import first_fault
from gaze import __version__
from gaze.report.findings import SMALL_CELL
from gaze.studies.lessons import StudyError, Taken, sigma_of
from sessions.names import composed
from sessions.run import atomic_write

Place = Literal["board", "off_board", "down", "away"]  # what every school's board has
PLACES: tuple[Place, ...] = get_args(Place)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Strict):
    """A share, 0 to 1, and its standard error."""

    share: float = Field(ge=0, le=1, allow_inf_nan=False)
    se: float = Field(gt=0, lt=1, allow_inf_nan=False)


class Contribution(_Strict):
    """What one school gives: no lesson, no date, no student, no place of its own."""

    kind: Literal["classroom-gaze contribution"] = "classroom-gaze contribution"
    version: str
    study: str = Field(min_length=1, max_length=80)
    lessons: int = Field(ge=1)
    students: int = Field(ge=SMALL_CELL)
    estimates: dict[Place, Estimate]

    @field_validator("estimates")
    @classmethod
    def _of_every_place(cls, given: dict[Place, Estimate]) -> dict[Place, Estimate]:
        if missing := [place for place in PLACES if place not in given]:
            raise ValueError(f"{', '.join(missing)} missing")
        return given


@dataclass(frozen=True)
class Pooled:
    """A random-effects mean: DerSimonian–Laird's τ², Hartung's and Knapp's standard error.

    low, high : 95 % confidence. next_low, next_high : where a new school's true share is to be
    expected (prediction interval); NaN under three schools. q : Cochran's, i2 : share of the
    variance that lies between schools.
    """

    share: float
    se: float
    low: float
    high: float
    tau: float
    q: float
    i2: float
    next_low: float
    next_high: float
    schools: int


def contribute(taken: Sequence[Taken], study: str) -> Contribution:
    """A school's means over its lessons.

    The standard error comes from the spread of the lessons where there are several; of one lesson
    from the spread of its students and the points' own errors. It is at least the latter.

    Raises
    ------
    StudyError : a lesson of fewer than SMALL_CELL students with enough data; no name.
    """
    if not 0 < len(study) <= 80 or not study.isprintable():
        raise StudyError("this is no name of a study", found=study[:40] or "nothing",
                         expected="1 to 80 signs, the same in every school")  # fmt: skip
    few = [t.name for t in taken if len(t.measures.used) < SMALL_CELL]
    if few or not taken:
        raise StudyError(
            "a lesson of fewer than five students would be about each of them",
            found=", ".join(few) or "no lesson",
            expected=f"at least {SMALL_CELL} students with enough data in every lesson",
        )
    estimates: dict[Place, Estimate] = {}
    for place in PLACES:
        shares, variances = zip(*(_of_lesson(t, place) for t in taken), strict=True)
        n = len(shares)
        own = float(np.mean(variances) / n)
        between = float(np.var(shares, ddof=1) / n) if n > 1 else 0.0
        se = float(np.clip(np.sqrt(max(own, between)), 1e-4, 0.999))
        estimates[place] = Estimate(share=round(float(np.mean(shares)), 4), se=round(se, 5))
    return Contribution(
        version=__version__, study=composed(study), lessons=len(taken),
        students=min(len(t.measures.used) for t in taken), estimates=estimates,
    )  # fmt: skip


def _of_lesson(t: Taken, place: str) -> tuple[float, float]:
    """A lesson's class mean and its variance: of students drawn, and of their common error."""
    row = t.measures.areas.set_index("area").loc[place]
    if place == "board":
        own = t.measures.students.set_index("student")["board_share"]
    else:
        each = t.measures.student_areas
        own = each[each["area"] == place].set_index("student")["share"]
    own = own[list(t.measures.used)]
    error = float(sigma_of(row["share"], row["low"], row["high"]))
    return float(row["share"]), float(own.var() / len(own) + error**2)


def write_contribution(path: Path, given: Contribution) -> None:
    """As JSON that a person can read whole before handing it on."""
    with atomic_write(path) as aside:
        aside.write_text(given.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_contribution(path: str | Path) -> Contribution:
    """One school's file.

    Raises
    ------
    StudyError : no such file, or not a contribution; names the first key that is wrong.
    """
    try:
        return Contribution.model_validate(json.loads(Path(path).read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise StudyError("the file cannot be read", where=path, found=error.strerror) from error
    except ValidationError as error:
        raise StudyError("this is no contribution of `gaze contribute`", where=path,
                         found=first_fault(error)) from error  # fmt: skip
    except ValueError as error:
        raise StudyError("this is no JSON", where=path, found=str(error)[:80]) from error


def pool(given: Iterable[Contribution]) -> dict[str, Pooled]:
    """The schools' shares together, by place.

    Raises
    ------
    StudyError : under two schools, different studies, one contribution twice.
    """
    schools = list(given)
    if len(schools) < 2:
        raise StudyError("pooling needs two schools", found=str(len(schools)))
    studies = sorted({composed(c.study) for c in schools})
    if len(studies) > 1:
        raise StudyError("these are contributions to different studies", found=", ".join(studies))
    if len({c.model_dump_json() for c in schools}) < len(schools):
        raise StudyError("one contribution is there twice and would count twice")
    return {
        place: _within(random_effects([c.estimates[place].share for c in schools],
                                      [c.estimates[place].se for c in schools]))
        for place in PLACES
    }  # fmt: skip


def _within(p: Pooled) -> Pooled:
    """Bands of a share end at 0 and 1."""
    low, high, next_low, next_high = np.clip((p.low, p.high, p.next_low, p.next_high), 0, 1)
    return replace(p, low=float(low), high=float(high), next_low=float(next_low),
                   next_high=float(next_high))  # fmt: skip


def random_effects(estimates: ArrayLike, standard_errors: ArrayLike) -> Pooled:
    """DerSimonian & Laird (1986) with Hartung's and Knapp's standard error (2001) and t_{k−1}.

    estimates, standard_errors : (K,) of K ≥ 2 schools. The standard error is never under that of
    plain random effects (Röver, Knapp & Friede 2015), which few alike schools would give.
    """
    y, se = np.asarray(estimates, np.float64), np.asarray(standard_errors, np.float64)
    k, w = len(y), se**-2.0
    fixed = float((w * y).sum() / w.sum())
    q = float((w * (y - fixed) ** 2).sum())
    tau2 = max(0.0, (q - (k - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
    r = 1 / (se**2 + tau2)
    mean = float((r * y).sum() / r.sum())
    factor = float((r * (y - mean) ** 2).sum() / (k - 1))
    error = float(np.sqrt(max(factor, 1.0) / r.sum()))
    edge = float(stats.t.ppf(0.975, k - 1)) * error
    wide = float("nan")
    if k > 2:  # Higgins, Thompson & Spiegelhalter 2009
        wide = float(stats.t.ppf(0.975, k - 2) * np.sqrt(tau2 + error**2))
    i2 = max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0
    return Pooled(mean, error, mean - edge, mean + edge, float(np.sqrt(tau2)), q, i2,
                  mean - wide, mean + wide, k)  # fmt: skip
