"""A gain: which share of a gaze shift the head carries, what it was fitted on, what it is worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from calibration.errors import UserError
from calibration.transform import Array
from gaze.gain.angles import angles_of, towards
from sessions.run import write_json

FORMAT = "classroom-gaze gain"
VERSION = 1
# Where the head carries less than this, dividing by it mostly blows up noise.
MIN_SHARE = 0.3
Holdout = Literal["targets", "students"]


class GainError(UserError):
    """A gain that cannot be fitted from these marked points, is of no use, or cannot be read."""


@dataclass(frozen=True)
class GainEvidence:
    """What a gain was fitted on, and what it is worth on marked points that were left out.

    A *look* is one student during one marked interval; its point is that of its median direction.

    rows, looks, students, targets : how many of each were used.
    holdout : what was left out in turn: ``targets`` or ``students``.
    class_bias_before_cm, class_bias_after_cm : distance of the class's mean point for a target from
        that target, mean over the targets: of the head's direction, of the corrected one; both here
        and below on looks left out of the fit.
    class_bias_reduction : 1 − after/before.
    student_bias_before_cm, student_bias_after_cm : the same for each student's own mean point; it
        still holds the noise of the head pose, which a gain makes larger, not smaller.
    student_bias_reduction : 1 − after/before; student_bias_reduction_95 : its 95 % interval
        (bootstrap over students and targets). The gain is refused where this reaches 0.
    moment_error_before_cm, moment_error_after_cm : median error of single moments.
    outliers : share of the looks that fit nothing (the student looked elsewhere, most likely): left
        out of the fit and of all the figures above.
    """

    rows: int
    looks: int
    students: int
    targets: int
    holdout: str
    class_bias_before_cm: float
    class_bias_after_cm: float
    class_bias_reduction: float
    student_bias_before_cm: float
    student_bias_after_cm: float
    student_bias_reduction: float
    student_bias_reduction_95: tuple[float, float]
    moment_error_before_cm: float
    moment_error_after_cm: float
    outliers: float

    def sentence(self) -> str:
        """The evidence in words, for the terminal and the report."""
        low, high = self.student_bias_reduction_95
        left_out = "marked points" if self.holdout == "targets" else "students"
        return (
            f"Fitted on {self.looks} looks of {self.students} students at {self.targets} marked "
            f"points. On {left_out} left out of the fit the class's mean point came from "
            f"{self.class_bias_before_cm:.0f} to {self.class_bias_after_cm:.0f} cm from the target "
            f"({100 * self.class_bias_reduction:.0f} % less bias), a single student's from "
            f"{self.student_bias_before_cm:.0f} to {self.student_bias_after_cm:.0f} cm "
            f"({100 * self.student_bias_reduction:.0f} % less, 95 % interval {100 * low:.0f} to "
            f"{100 * high:.0f} %); the median error of a single moment went from "
            f"{self.moment_error_before_cm:.0f} to {self.moment_error_after_cm:.0f} cm."
        )


@dataclass(frozen=True)
class Gain:
    """How heads stand to gaze in one class: ``head − aim = offset + share · (gaze − aim)``.

    All in angles at the student's own position, per axis (azimuth, elevation); *aim* is the
    direction from the student to :attr:`reference_m`. The same, said from the student's neutral
    point: ``gaze = neutral + (head − neutral) / share``.

    Parameters
    ----------
    reference_m : (2,) x_W, y_W of the mean of the marked points.
    students : the S pseudonyms with a fit of their own.
    share : (S, 2) share of a gaze shift that the head carries; the class's, from which a student
        departs only as far as their own points demand.
    offset_deg : (S, 2) head minus gaze while the student looks at the reference.
    covariance : (S, 2, 2, 2) per student and axis of (offset in radians, share).
    class_share, class_offset_deg : (2,) for everybody else; class_share_sigma : (2,) how sure.
    class_covariance : (2, 2, 2) of a student without marked points: it holds how people differ.
    evidence : what it rests on; source : lesson, run, date, seed, versions.
    """

    reference_m: Array
    students: tuple[str, ...]
    share: Array
    offset_deg: Array
    covariance: Array
    class_share: Array
    class_offset_deg: Array
    class_share_sigma: Array
    class_covariance: Array
    evidence: GainEvidence
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.students)
        shapes = {
            "reference_m": (2,), "share": (n, 2), "offset_deg": (n, 2),
            "covariance": (n, 2, 2, 2), "class_share": (2,), "class_offset_deg": (2,),
            "class_share_sigma": (2,), "class_covariance": (2, 2, 2),
        }  # fmt: skip
        for name, shape in shapes.items():
            value = np.asarray(getattr(self, name), np.float64)
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"gain: {name} must be finite with shape {shape}")
            object.__setattr__(self, name, value)
        if min(self.share.min(initial=1), self.class_share.min()) < MIN_SHARE - 1e-9:
            raise ValueError(f"gain: a share below {MIN_SHARE}")

    def describe(self) -> str:
        """The fit and its evidence in words, for the terminal and the report."""
        across, down = self.class_share
        return (
            f"The head does {100 * across:.0f} % of a gaze shift horizontally and "
            f"{100 * down:.0f} % vertically (± {100 * self.class_share_sigma[0]:.0f} and "
            f"{100 * self.class_share_sigma[1]:.0f} %). {self.evidence.sentence()}"
        )

    def stamp(self) -> dict[str, Any]:
        """What a run that used this gain notes in run.json, so that its report can name it."""
        return {
            "description": self.describe(),
            "class_share": self.class_share.tolist(),
            "evidence": asdict(self.evidence),
            "source": self.source,
        }

    def neutral_deg(self, P_W: ArrayLike, student: str) -> Array:
        """(2,) azimuth and elevation of a student's neutral point; NaN where the share is 1."""
        i = self._index([student])[0]
        share = self.class_share if i < 0 else self.share[i]
        offset = self.class_offset_deg if i < 0 else self.offset_deg[i]
        aim = np.degrees(angles_of(towards(np.asarray(P_W, np.float64), self.reference_m)))
        return np.asarray(aim + offset / np.where(share == 1, np.nan, 1 - share))

    def _index(self, students: Sequence[str] | NDArray[Any]) -> NDArray[np.int64]:
        """(N,) row of each student in the arrays, −1 for those without a fit of their own."""
        names = pd.Index(self.students, dtype=object)
        return np.asarray(names.get_indexer(pd.Index(list(students), dtype=object)), np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "evidence": asdict(self.evidence),
            "source": self.source,
            "axes": ["azimuth", "elevation"],
            "reference_m": self.reference_m.tolist(),
            "class_share": self.class_share.tolist(),
            "class_share_sigma": self.class_share_sigma.tolist(),
            "class_offset_deg": self.class_offset_deg.tolist(),
            "class_covariance": self.class_covariance.tolist(),
            "students": [
                {"student": s, "share": k, "offset_deg": m, "covariance": c}
                for s, k, m, c in zip(
                    self.students,
                    self.share.tolist(),
                    self.offset_deg.tolist(),
                    self.covariance.tolist(),
                    strict=True,
                )
            ],
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Gain:
        """The inverse of :meth:`to_dict`."""
        rows = d["students"]
        evidence = dict(d["evidence"])
        interval = evidence["student_bias_reduction_95"]
        evidence["student_bias_reduction_95"] = (float(interval[0]), float(interval[1]))
        n = len(rows)
        return cls(
            reference_m=np.array(d["reference_m"], np.float64),
            students=tuple(r["student"] for r in rows),
            share=np.array([r["share"] for r in rows], np.float64).reshape(n, 2),
            offset_deg=np.array([r["offset_deg"] for r in rows], np.float64).reshape(n, 2),
            covariance=np.array([r["covariance"] for r in rows], np.float64).reshape(n, 2, 2, 2),
            class_share=np.array(d["class_share"], np.float64),
            class_offset_deg=np.array(d["class_offset_deg"], np.float64),
            class_share_sigma=np.array(d["class_share_sigma"], np.float64),
            class_covariance=np.array(d["class_covariance"], np.float64),
            evidence=GainEvidence(**evidence),
            source=d.get("source", {}),
        )

    def save(self, path: str | Path) -> None:
        """gain.json, written aside and renamed."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Gain:
        """Read a gain.json.

        Raises
        ------
        GainError : no such file, not a gain, or of another version.
        """
        path = Path(path)
        again = "Run `gaze fit-gain` again."
        if not path.is_file():
            raise GainError("there is no gain", where=path, remedy="Run `gaze fit-gain` first.")
        try:
            d = json.loads(path.read_text(encoding="utf-8"))
            if d.get("format") != FORMAT:
                raise GainError("this is not a gain.json", where=path, found=d.get("format"))
            if d.get("version") != VERSION:
                raise GainError(
                    "the gain is of another version",
                    where=path,
                    found=f"version {d.get('version')}",
                    expected=VERSION,
                    remedy=again,
                )
            return cls.from_dict(d)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise GainError(
                "the gain cannot be read",
                where=path,
                found=f"{type(error).__name__}: {error}",
                remedy=again,
            ) from error
