"""From head to gaze: an option that is fitted, proven on points left out, and never silent.

People do part of every gaze shift with the eyes, so that the head stops short of the target. From
marked points (``targets.csv``) this module fits which share the head carries, horizontally and
vertically, and how far each student's head rests off; on points it was *not* fitted on it says
what that is worth; and it refuses where that is nothing. Model and limits: docs/head-to-gaze.md.

Angles here are the two turns that a neck makes, at the student's own position, in W:
*azimuth* about the vertical, > 0 towards +x_W (the blackboard's left edge for somebody who faces
it), and *elevation* after it, > 0 towards +y_W (down).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from calibration.errors import UserError
from calibration.transform import Array
from gaze.room.geometry import GazePoints, gaze_points
from sessions.errors import RunError
from sessions.folder import Session
from sessions.run import Run, run_folder, versions, write_json
from sessions.tables import WITH_POINT, read_table
from sessions.targets import read_targets

FORMAT = "classroom-gaze gain"
VERSION = 1

Holdout = Literal["targets", "students"]

# Too few points: below these a fit would only repeat its assumptions.
MIN_LOOKS = 12
MIN_TARGETS = 4
# Where the head carries less than this, dividing by it mostly blows up noise.
MIN_SHARE = 0.3

# Assumptions that the marked points overrule, the sooner the more of them there are. Without any
# evidence the share is 1: nothing is corrected.
_SHARE_PRIOR = (1.0, 0.5)
_OFFSET_SIGMA_RAD = np.radians(15.0)
# How much people differ (empirical Bayes): first guesses, each worth two students.
_STUDENT_OFFSET_GUESS_RAD = np.radians(3.0)
_STUDENT_SHARE_GUESS = 0.07
_GUESS_WEIGHT = 2.0
# Tukey's weight at 3.9 σ: such looks went elsewhere.
_OUTLIER_WEIGHT = 0.1
_SIGMA_FLOOR_RAD = np.radians(0.1)


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
            value = np.asarray(getattr(self, name), np.float64).reshape(
                shape if n == 0 and shape[0] == 0 else np.shape(getattr(self, name))
            )
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"gain: {name} must be finite with shape {shape}")
            object.__setattr__(self, name, value)
        if (self.share < MIN_SHARE - 1e-9).any() or (self.class_share < MIN_SHARE - 1e-9).any():
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
        aim = np.degrees(_angles(_towards(np.asarray(P_W, np.float64), self.reference_m)))
        with np.errstate(divide="ignore", invalid="ignore"):
            neutral = aim + offset / (1 - share)
        return np.where(np.abs(1 - share) > 1e-6, neutral, np.nan)

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


# -- angles and points ----------------------------------------------------------------------------


def _angles(d_W: Array) -> Array:
    """(..., 3) directions in W → (..., 2) azimuth and elevation in radians."""
    x, y, z = d_W[..., 0], d_W[..., 1], d_W[..., 2]
    return np.stack([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))], -1)


def _towards(P_W: Array, xy_m: Array) -> Array:
    """(..., 3) directions from noses to points (..., 2) of the blackboard plane."""
    xy = np.broadcast_to(xy_m, (*P_W.shape[:-1], 2))
    return np.concatenate([xy, np.zeros((*xy.shape[:-1], 1))], -1) - P_W


def _meet(P_W: Array, angles_rad: Array) -> Array:
    """(..., 2) where the plane z_W = 0 is met at these angles; NaN beyond a quarter turn."""
    a, e = angles_rad[..., 0], angles_rad[..., 1]
    with np.errstate(invalid="ignore"):
        front = (np.abs(a) < np.pi / 2) & (np.abs(e) < np.pi / 2) & (P_W[..., 2] > 0)
    a, e = np.where(front, a, np.nan), np.where(front, e, np.nan)
    z = P_W[..., 2]
    return np.stack([P_W[..., 0] + z * np.tan(a), P_W[..., 1] + z / np.cos(a) * np.tan(e)], -1)


def _meet_jacobian(P_W: Array, angles_rad: Array) -> Array:
    """(..., 2, 2) derivative of :func:`_meet` by the two angles."""
    a, e, z = angles_rad[..., 0], angles_rad[..., 1], P_W[..., 2]
    ca, ce = np.cos(a), np.cos(e)
    zero = np.zeros_like(z)
    return np.stack(
        [
            np.stack([z / ca**2, zero], -1),
            np.stack([z * np.sin(a) / ca**2 * np.tan(e), z / (ca * ce**2)], -1),
        ],
        -2,
    )


def _angles_jacobian(d_W: Array) -> Array:
    """(..., 2, 3) derivative of :func:`_angles` by the direction."""
    x, y, z = d_W[..., 0], d_W[..., 1], d_W[..., 2]
    level2 = x**2 + z**2
    level = np.sqrt(level2)
    whole2 = level2 + y**2
    zero = np.zeros_like(x)
    return np.stack(
        [
            np.stack([-z / level2, zero, x / level2], -1),
            np.stack([-y * x / (level * whole2), level / whole2, -y * z / (level * whole2)], -1),
        ],
        -2,
    )


def apply_gain(
    P_W: ArrayLike,
    R_WS: ArrayLike,
    student: Sequence[str] | NDArray[Any],
    gain: Gain,
    nose_covariance_m2: ArrayLike,
    head_covariance_rad2: ArrayLike,
    rig_covariance_m2: ArrayLike | None = None,
) -> GazePoints:
    """Corrected gaze points with covariances, as :func:`gaze.room.geometry.gaze_with_covariance`.

    P_W : (N, 3) nose tips, metres. R_WS : (N, 3, 3). student : (N,) pseudonyms; somebody whom the
    gain does not know gets the class's share and offset, and the wider covariance that goes with
    them. nose_covariance_m2 (N, 3, 3), head_covariance_rad2 (N, 3, 3) of δ in ``R exp(δ)``,
    rig_covariance_m2 (N, 2, 2) of the *head's* point, or None.

    The covariance is first order and includes the gain's own. A point that the correction takes
    beyond a quarter turn is none: NaN, ``meets`` False.
    """
    P = np.asarray(P_W, np.float64)
    R = np.asarray(R_WS, np.float64)
    _, meets = gaze_points(P, R)
    share, offset, cov_own = _parameters(gain, student)

    r = np.where(meets[:, None], R[:, :, 2], np.nan)
    aim_d = _towards(P, gain.reference_m)
    head, aim = _angles(r), _angles(aim_d)
    gaze = aim + (head - aim - offset) / share
    xy = _meet(P, gaze)
    meets = meets & np.isfinite(xy).all(-1)

    # By the angles of the gaze first, then everything that moves those.
    by_gaze = _meet_jacobian(P, gaze)
    by_head = by_gaze / share[:, None, :]  # the same as @ diag(1/share)
    r_by_delta = np.stack([-R[:, :, 1], R[:, :, 0], np.zeros_like(r)], -1)
    J_delta = by_head @ _angles_jacobian(r) @ r_by_delta
    # The nose moves the aim (aim = reference − nose), and the ray's foot with it.
    aim_by_P = -_angles_jacobian(aim_d)
    J_P = by_gaze @ (aim_by_P * (1 - 1 / share)[:, :, None])
    tan_a = np.tan(gaze[:, 0])
    J_P[:, 0, 0] += 1
    J_P[:, 1, 1] += 1
    J_P[:, 0, 2] += tan_a
    J_P[:, 1, 2] += np.tan(gaze[:, 1]) / np.cos(gaze[:, 0])
    cov = J_P @ np.asarray(nose_covariance_m2) @ np.swapaxes(J_P, -1, -2)
    cov = cov + J_delta @ np.asarray(head_covariance_rad2) @ np.swapaxes(J_delta, -1, -2)
    # Own parameters, axis by axis: by the offset −1/share, by the share −(gaze − aim)/share.
    by_own = -np.stack([1 / share, (gaze - aim) / share], -1)  # (N, axis, 2)
    angle_var = np.einsum("nai,naij,naj->na", by_own, cov_own, by_own)
    cov = cov + (by_gaze * angle_var[:, None, :]) @ np.swapaxes(by_gaze, -1, -2)
    if rig_covariance_m2 is not None:
        to_angles = np.linalg.inv(_finite(_meet_jacobian(P, head)))
        J = by_head @ to_angles
        cov = cov + J @ np.asarray(rig_covariance_m2) @ np.swapaxes(J, -1, -2)
    return GazePoints(
        np.where(meets[:, None], xy, np.nan), np.where(meets[:, None, None], cov, np.nan), meets
    )


def _finite(J: Array) -> Array:
    """Unit matrices where a Jacobian is NaN (no point there anyhow), so that it can be inverted."""
    ok = np.asarray(np.isfinite(J).all((-1, -2)))
    return np.where(ok[:, None, None], J, np.eye(2))


def _parameters(gain: Gain, student: Sequence[str] | NDArray[Any]) -> tuple[Array, Array, Array]:
    """(N, 2) shares, (N, 2) offsets in radians, (N, 2, 2, 2) covariances, class's as fallback."""
    i = gain._index(student)
    own = i >= 0
    share = np.where(own[:, None], _take(gain.share, i), gain.class_share)
    offset = np.where(own[:, None], _take(gain.offset_deg, i), gain.class_offset_deg)
    cov = np.where(own[:, None, None, None], _take(gain.covariance, i), gain.class_covariance)
    return share, np.radians(offset), cov


def _take(values: Array, i: NDArray[np.int64]) -> Array:
    """Rows i, where −1 gives zeros."""
    if len(values) == 0:
        return np.zeros((len(i), *values.shape[1:]))
    return values[np.maximum(i, 0)]


# -- marked points → looks ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Looks:
    """Looks: a row for each student and marked interval.

    student (L,), place (L,) number of the marked point; P_W (L, 3) median nose; head, aimed (L, 2)
    angles of the median head direction and of the target, radians; xy (L, 2) of the target;
    row_* : the single moments (R,), with their look's number.
    """

    students: tuple[str, ...]
    student: NDArray[np.int64]
    place: NDArray[np.int64]
    P_W: Array
    head: Array
    target: Array
    xy: Array
    row_look: NDArray[np.int64]
    row_P_W: Array
    row_head: Array

    def __len__(self) -> int:
        return len(self.student)


def _looks(gaze: pd.DataFrame, targets: pd.DataFrame, settle_s: float) -> _Looks:
    """Collect the measured moments of each marked interval; medians per look."""
    usable = gaze["status"].astype(str).isin(WITH_POINT).to_numpy()
    q = gaze[["head_qx", "head_qy", "head_qz", "head_qw"]].to_numpy(np.float64)
    P = gaze[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)
    finite = np.isfinite(q).all(1) & np.isfinite(P).all(1)
    usable = usable & finite & (np.linalg.norm(q, axis=1) > 0.5)
    P, q = P[usable], q[usable]
    time_s = gaze["time_s"].to_numpy(np.float64)[usable]
    who = gaze["student"].astype(str).to_numpy()[usable]
    head = _angles(Rotation.from_quat(q).as_matrix()[:, :, 2]) if len(q) else np.zeros((0, 2))
    order = np.argsort(time_s, kind="stable")
    time_s, who, P, head = time_s[order], who[order], P[order], head[order]
    names, code = np.unique(who, return_inverse=True)

    places = _places(targets)
    xy = targets[["x_m", "y_m"]].to_numpy(np.float64)
    marked = targets["student"].fillna("").astype(str).str.strip().to_numpy()
    look_student: list[int] = []
    look_interval: list[int] = []
    rows: list[NDArray[np.int64]] = []
    for i, (start, end) in enumerate(targets[["start_s", "end_s"]].to_numpy(np.float64)):
        # The eyes and the head need a moment to arrive; a short interval is taken whole.
        begin = start + settle_s if end - start > 2 * settle_s else start
        lo, hi = np.searchsorted(time_s, [begin - 1e-9, end + 1e-9])
        for s in np.unique(code[lo:hi]):
            if marked[i] in ("", names[s]):
                look_student.append(int(s))
                look_interval.append(i)
                rows.append(lo + np.flatnonzero(code[lo:hi] == s))
    n = len(rows)
    interval = np.array(look_interval, np.int64)
    if n == 0:
        raise GainError(
            "no measured moment lies in a marked interval",
            found=f"{len(targets)} intervals, {len(time_s)} measured moments",
            remedy="Check the times and the students' names in targets.csv.",
        )
    P_look = np.stack([np.median(P[r], axis=0) for r in rows])
    head_look = np.stack([np.median(head[r], axis=0) for r in rows])
    row = np.concatenate(rows)
    return _Looks(
        tuple(str(s) for s in names),
        np.array(look_student, np.int64),
        places[interval],
        P_look,
        head_look,
        _angles(_towards(P_look, xy[interval])),
        xy[interval],
        np.repeat(np.arange(n), [len(r) for r in rows]),
        P[row],
        head[row],
    )


def _places(targets: pd.DataFrame) -> NDArray[np.int64]:
    """(T,) number of the marked point of each interval: the same to a centimetre is the same."""
    xy = np.round(targets[["x_m", "y_m"]].to_numpy(np.float64), 2)
    return np.unique(xy, axis=0, return_inverse=True)[1].ravel()


# -- the fit --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _AxisFit:
    """One axis: (S,) share and offset of each student, (S, 2, 2) covariances; the class's."""

    share: Array
    offset: Array
    covariance: Array
    class_share: float
    class_offset: float
    class_share_sigma: float
    class_covariance: Array
    weight: Array


def _fit_axis(y: Array, u: Array, student: NDArray[np.int64], n_students: int) -> _AxisFit:
    """``y = (share + dₛ) u + offset + bₛ + noise``, robust, with empirical-Bayes shrinkage.

    y, u : (L,) head and target angles from the aim, radians. dₛ and bₛ are each student's own,
    normal around 0 with variances estimated by EM; the share is drawn towards 1 (no correction).
    Noise is in the head, not in the target, so that this regression of head on target is
    consistent, which the one of target on head is not. Looks that do not fit are weighted down
    (Huber, then Tukey's biweight: a student who looked elsewhere has no say).
    """
    L, S = len(y), n_students
    own = np.zeros((L, S))
    own[np.arange(L), student] = 1
    X = np.concatenate([u[:, None], np.ones((L, 1)), own, own * u[:, None]], 1)
    prior_mean = np.zeros(2 + 2 * S)
    prior_mean[0] = _SHARE_PRIOR[0]
    var_b, var_d = _STUDENT_OFFSET_GUESS_RAD**2, _STUDENT_SHARE_GUESS**2
    sigma2, w = float(np.radians(4.0) ** 2), np.ones(L)
    theta, C = prior_mean, np.eye(len(prior_mean))
    for step in range(80):
        precision = 1 / np.concatenate(
            [[_SHARE_PRIOR[1] ** 2, _OFFSET_SIGMA_RAD**2], np.full(S, var_b), np.full(S, var_d)]
        )
        information = (X * w[:, None]).T @ X / sigma2
        C = np.linalg.inv(information + np.diag(precision))
        theta_new = C @ ((X * w[:, None]).T @ y / sigma2 + precision * prior_mean)
        residual = y - X @ theta_new
        used = float(np.trace(C @ information))  # parameters that the data, not the prior, settle
        freedom = max(float(w.sum()) - used, 1.0)
        sigma = 1.4826 * float(np.median(np.abs(residual))) * np.sqrt(L / max(L - used, 1.0))
        sigma = max(sigma, float(np.sqrt((w * residual**2).sum() / freedom)) * 0.8)
        sigma = max(sigma, _SIGMA_FLOOR_RAD)
        w = _weights(residual / sigma, redescending=step >= 20)
        sigma2 = sigma**2
        b, d = theta_new[2 : 2 + S], theta_new[2 + S :]
        spread = np.diag(C)
        total = S + _GUESS_WEIGHT
        var_b = (
            float((b**2 + spread[2 : 2 + S]).sum()) + _GUESS_WEIGHT * _STUDENT_OFFSET_GUESS_RAD**2
        ) / total
        var_d = (
            float((d**2 + spread[2 + S :]).sum()) + _GUESS_WEIGHT * _STUDENT_SHARE_GUESS**2
        ) / total
        moved = np.abs(theta_new - theta).max()
        theta = theta_new
        if step > 30 and moved < 1e-7:
            break

    # (offset, share) of student s = (θ₁ + θ₂₊ₛ, θ₀ + θ₂₊S₊ₛ).
    A = np.zeros((S, 2, len(theta)))
    s = np.arange(S)
    A[:, 0, 1] = A[:, 1, 0] = 1
    A[s, 0, 2 + s] = 1
    A[s, 1, 2 + S + s] = 1
    class_cov = C[np.ix_([1, 0], [1, 0])] + np.diag([var_b, var_d])
    return _AxisFit(
        share=np.maximum(theta[0] + theta[2 + S :], MIN_SHARE),
        offset=theta[1] + theta[2 : 2 + S],
        covariance=A @ C @ np.swapaxes(A, -1, -2),
        class_share=float(theta[0]),
        class_offset=float(theta[1]),
        class_share_sigma=float(np.sqrt(C[0, 0])),
        class_covariance=class_cov,
        weight=w,
    )


def _weights(z: Array, *, redescending: bool) -> Array:
    """Huber's weights (1.345 σ), or Tukey's biweight (4.685 σ)."""
    a = np.abs(z)
    if redescending:
        return np.where(a < 4.685, (1 - (a / 4.685) ** 2) ** 2, 1e-6)
    return np.minimum(1.0, 1.345 / np.maximum(a, 1e-12))


@dataclass(frozen=True)
class _Fit:
    """Both axes and the reference that they are about."""

    reference_m: Array
    axes: tuple[_AxisFit, _AxisFit]
    seen: NDArray[np.bool_]

    def correct(self, P_W: Array, head: Array, student: NDArray[np.int64]) -> Array:
        """(N, 2) corrected points; a student whom the fit has not seen gets the class's values."""
        aim = _angles(_towards(P_W, self.reference_m))
        known = self.seen[student]
        gaze = np.empty_like(head)
        for a, axis in enumerate(self.axes):
            share = np.where(known, axis.share[student], axis.class_share)
            offset = np.where(known, axis.offset[student], axis.class_offset)
            gaze[:, a] = aim[:, a] + (head[:, a] - aim[:, a] - offset) / share
        return _meet(P_W, gaze)


def _fit(looks: _Looks, use: NDArray[np.bool_]) -> _Fit:
    """Fit both axes on some of the looks."""
    # The mean of the marked points, not of the looks: who missed a point must not move it.
    _, first = np.unique(looks.place[use], return_index=True)
    reference = looks.xy[use][first].mean(0)
    aim = _angles(_towards(looks.P_W, reference))
    S = len(looks.students)
    axes = tuple(
        _fit_axis((looks.head - aim)[use, a], (looks.target - aim)[use, a], looks.student[use], S)
        for a in (0, 1)
    )
    for name, axis in zip(("horizontally", "vertically"), axes, strict=True):
        if axis.class_share < MIN_SHARE:
            raise GainError(
                f"the heads hardly follow the marked points {name}",
                found=f"a head share of {axis.class_share:.2f}",
                expected=f"at least {MIN_SHARE}",
                remedy="Check targets.csv (axes, times), or leave gaze uncorrected.",
            )
    seen = np.bincount(looks.student[use], minlength=S) > 0
    return _Fit(reference, (axes[0], axes[1]), seen)


def fit_gain(
    gaze: pd.DataFrame,
    targets: pd.DataFrame,
    *,
    seed: int = 0,
    holdout: Holdout = "targets",
    settle_s: float = 0.4,
    source: dict[str, Any] | None = None,
) -> Gain:
    """Fit how heads stand to gaze from marked points, and prove it on points left out.

    Parameters
    ----------
    gaze : the gaze table of a run (``sessions.tables.GAZE``); only time, student, status, nose and
        head rotation are read, so that it does not matter whether that run had a gain.
    targets : targets.csv: start_s, end_s, student (empty = everybody), target, x_m, y_m.
    seed : of the bootstrap.
    holdout : what is left out in turn for the evidence: ``targets`` (the default: how good for
        these students elsewhere on the board) or ``students`` (for somebody never marked).
    settle_s : left out at the start of each interval, while eyes and head arrive.
    source : what to note beside the gain (lesson, run).

    Raises
    ------
    GainError : too few looks or marked points, heads that do not follow the points, or no benefit
        on what was left out (the 95 % interval of the bias's reduction reaches 0).
    """
    if holdout not in ("targets", "students"):
        raise ValueError(f"holdout: {holdout!r} is neither 'targets' nor 'students'")
    missing = {"start_s", "end_s", "student", "target", "x_m", "y_m"} - set(targets.columns)
    if missing:
        raise GainError(
            "targets.csv lacks columns",
            found=", ".join(map(str, targets.columns)),
            expected="start_s,end_s,student,target,x_m,y_m",
        )
    looks = _looks(gaze, targets, settle_s)
    n_places = len(np.unique(looks.place))
    if len(looks) < MIN_LOOKS or n_places < MIN_TARGETS:
        raise GainError(
            "there are too few marked points to fit a gain",
            found=f"{len(looks)} looks at {n_places} different points",
            expected=f"at least {MIN_LOOKS} looks at {MIN_TARGETS} points",
            remedy="Let the class look at nine points spread over the whole blackboard, 3 s each.",
        )
    groups = looks.place if holdout == "targets" else looks.student
    if len(np.unique(groups)) < 2:
        raise GainError(
            "nobody can be left out of the fit", found="one student", remedy="Use holdout targets."
        )
    fit = _fit(looks, np.ones(len(looks), bool))
    evidence = _evidence(looks, groups, holdout, seed, fit)
    if not evidence.student_bias_reduction_95[0] > 0:
        low, high = evidence.student_bias_reduction_95
        raise GainError(
            "a gain brings no proven benefit on points left out of the fit",
            found=f"bias {evidence.student_bias_before_cm:.0f} cm before, "
            f"{evidence.student_bias_after_cm:.0f} cm after, a change between "
            f"{-100 * high:+.0f} % and {-100 * low:+.0f} %",
            remedy="Leave gaze uncorrected, or mark more points with more students.",
        )
    seen = np.flatnonzero(fit.seen)
    x, y = fit.axes
    return Gain(
        reference_m=fit.reference_m,
        students=tuple(looks.students[i] for i in seen),
        share=np.stack([x.share, y.share], 1)[seen],
        offset_deg=np.degrees(np.stack([x.offset, y.offset], 1))[seen],
        covariance=np.stack([x.covariance, y.covariance], 1)[seen],
        class_share=np.array([x.class_share, y.class_share]),
        class_offset_deg=np.degrees([x.class_offset, y.class_offset]),
        class_share_sigma=np.array([x.class_share_sigma, y.class_share_sigma]),
        class_covariance=np.stack([x.class_covariance, y.class_covariance]),
        evidence=evidence,
        source={
            **(source or {}),
            "fitted": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "settle_s": settle_s,
        },
    )


def _evidence(
    looks: _Looks, groups: NDArray[np.int64], holdout: str, seed: int, fit: _Fit
) -> GainEvidence:
    """Leave each group out, fit on the others, and compare on the group."""
    corrected = np.full((len(looks), 2), np.nan)
    row_corrected = np.full((len(looks.row_look), 2), np.nan)
    for group in np.unique(groups):
        left_out = groups == group
        part = _fit(looks, ~left_out)
        corrected[left_out] = part.correct(
            looks.P_W[left_out], looks.head[left_out], looks.student[left_out]
        )
        rows = left_out[looks.row_look]
        row_corrected[rows] = part.correct(
            looks.row_P_W[rows], looks.row_head[rows], looks.student[looks.row_look[rows]]
        )
    before = _meet(looks.P_W, looks.head) - looks.xy
    after = corrected - looks.xy
    # A look that has no corrected point counts as no improvement, not as nothing.
    after = np.where(np.isfinite(after), after, before)

    # Who did not look at the point says nothing about the error at it, before or after.
    weight = np.minimum(fit.axes[0].weight, fit.axes[1].weight)
    good = weight > _OUTLIER_WEIGHT

    # One error vector for each student and point: the mean over repeated looks.
    pair = (looks.student * (looks.place.max() + 1) + looks.place)[good]
    pairs, which = np.unique(pair, return_inverse=True)
    count = np.bincount(which)[:, None]
    mean_before = _sums(before[good], which, len(pairs)) / count
    mean_after = _sums(after[good], which, len(pairs)) / count
    pair_student, pair_place = np.divmod(pairs, looks.place.max() + 1)
    bias = np.stack([np.linalg.norm(mean_before, axis=1), np.linalg.norm(mean_after, axis=1)], 1)

    rows = good[looks.row_look]
    row_xy = looks.xy[looks.row_look]
    row_before = np.linalg.norm(_meet(looks.row_P_W, looks.row_head) - row_xy, axis=1)[rows]
    row_after = np.linalg.norm(row_corrected - row_xy, axis=1)[rows]
    student_bias = 100 * bias.mean(0)
    class_bias = [_class_bias_cm(e, pair_place) for e in (mean_before, mean_after)]
    return GainEvidence(
        rows=int(rows.sum()),
        looks=int(good.sum()),
        students=len(np.unique(looks.student)),
        targets=len(np.unique(looks.place)),
        holdout=holdout,
        class_bias_before_cm=class_bias[0],
        class_bias_after_cm=class_bias[1],
        class_bias_reduction=1 - class_bias[1] / max(class_bias[0], 1e-9),
        student_bias_before_cm=float(student_bias[0]),
        student_bias_after_cm=float(student_bias[1]),
        student_bias_reduction=float(1 - student_bias[1] / max(student_bias[0], 1e-9)),
        student_bias_reduction_95=_bootstrap(bias, pair_student, pair_place, seed),
        moment_error_before_cm=100 * float(np.nanmedian(row_before)),
        moment_error_after_cm=100 * float(np.nanmedian(row_after)),
        outliers=float(1 - good.mean()),
    )


def _sums(values: Array, group: NDArray[np.int64], n: int) -> Array:
    """(n, 2) sums of (N, 2) values by group."""
    return np.stack([np.bincount(group, values[:, a], n) for a in (0, 1)], 1)


def _class_bias_cm(errors_m: Array, place: NDArray[np.int64]) -> float:
    """Mean over the points of the length of the class's mean error vector."""
    _, which = np.unique(place, return_inverse=True)
    n = int(which.max()) + 1
    mean = _sums(errors_m, which, n) / np.bincount(which)[:, None]
    return 100 * float(np.linalg.norm(mean, axis=1).mean())


def _bootstrap(
    bias: Array, student: NDArray[np.int64], place: NDArray[np.int64], seed: int, n: int = 1000
) -> tuple[float, float]:
    """95 % interval of 1 − mean(after)/mean(before), students and points both drawn anew.

    bias : (K, 2) before and after for each pair of student and point. A pair's weight in a draw is
    how often its student times how often its point was drawn (the pigeonhole bootstrap, Owen 2007):
    errors that a student's looks, or a point's looks, have in common are not taken for independent.
    """
    rng = np.random.default_rng(seed)
    S, T = int(student.max()) + 1, int(place.max()) + 1
    present_s, present_t = np.unique(student), np.unique(place)
    draws_s = rng.multinomial(len(present_s), np.full(len(present_s), 1 / len(present_s)), n)
    draws_t = rng.multinomial(len(present_t), np.full(len(present_t), 1 / len(present_t)), n)
    weight_s, weight_t = np.zeros((n, S)), np.zeros((n, T))
    weight_s[:, present_s], weight_t[:, present_t] = draws_s, draws_t
    totals = (weight_s[:, student] * weight_t[:, place]) @ bias  # (n, 2)
    totals = totals[totals[:, 0] > 0]
    low, high = np.percentile(1 - totals[:, 1] / totals[:, 0], [2.5, 97.5])
    return float(low), float(high)


def fit_gain_of_lesson(
    session: Session,
    *,
    run: str | Path | None = None,
    seed: int = 0,
    holdout: Holdout = "targets",
    save: bool = True,
) -> Gain:
    """``gaze fit-gain LESSON``: fit from the lesson's targets.csv and a finished run; gain.json.

    run : a run, by its name or path; the lesson's newest finished one where it is not given.

    Raises
    ------
    GainError : see :func:`fit_gain`. SessionError : no targets.csv, or one that cannot be read.
    RunError : no finished run.
    """

    folder = newest_run(session) if run is None else Run.open(run_folder(run, session.folder))
    gain = fit_gain(
        read_table(folder.gaze_path, "gaze"),
        read_targets(session.targets_path),
        seed=seed,
        holdout=holdout,
        source={
            "lesson": session.config.title,
            "date": str(session.config.date or ""),
            "run": folder.folder.name,
            "versions": versions(),
        },
    )
    if save:
        gain.save(session.gain_path)
    return gain


def newest_run(session: Session) -> Run:
    """The lesson's newest run that is finished, of this version and not fed with true heads.

    Raises
    ------
    RunError : there is none.
    """
    for folder in reversed(session.run_folders()):
        try:
            run = Run.open(folder)
        except RunError:
            continue
        if run.info().settings.get("head", "network") == "network":
            return run
    raise RunError(
        "the lesson has no finished run", where=session.folder, remedy="Run `gaze analyze` first."
    )
