"""Share and offsets of one axis: a robust least squares with what people have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.shapes import shapes
from calibration.transform import Array
from gaze.gain.angles import angles_of, meet, towards
from gaze.gain.looks import Looks
from gaze.gain.model import MIN_SHARE, GainError

# Assumptions that the marked points overrule, the sooner the more of them there are. Without any
# evidence the share is 1: nothing is corrected.
_SHARE_PRIOR = (1.0, 0.5)
_OFFSET_SIGMA_RAD = np.radians(15.0)
# How much people differ (empirical Bayes): first guesses, each worth two students.
_STUDENT_OFFSET_GUESS_RAD = np.radians(3.0)
_STUDENT_SHARE_GUESS = 0.07
_GUESS_WEIGHT = 2.0
# Tukey's weight at 3.9 σ: such looks went elsewhere.
OUTLIER_WEIGHT = 0.1
_SIGMA_FLOOR_RAD = np.radians(0.1)


@dataclass(frozen=True)
class AxisFit:
    """One axis: (S,) share and offset of each student, (S, 2, 2) covariances; the class's."""

    share: Array
    offset: Array
    covariance: Array
    class_share: float
    class_offset: float
    class_share_sigma: float
    class_covariance: Array
    weight: Array


@shapes(y="n", u="n", student="n")
def fit_axis(y: Array, u: Array, student: NDArray[np.int64], n_students: int) -> AxisFit:
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
    return AxisFit(
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
class Fit:
    """Both axes and the reference that they are about."""

    reference_m: Array
    axes: tuple[AxisFit, AxisFit]
    seen: NDArray[np.bool_]

    def correct(self, P_W: Array, head: Array, student: NDArray[np.int64]) -> Array:
        """(N, 2) corrected points; a student whom the fit has not seen gets the class's values."""
        aim = angles_of(towards(P_W, self.reference_m))
        known = self.seen[student]
        gaze = np.empty_like(head)
        for a, axis in enumerate(self.axes):
            share = np.where(known, axis.share[student], axis.class_share)
            offset = np.where(known, axis.offset[student], axis.class_offset)
            gaze[:, a] = aim[:, a] + (head[:, a] - aim[:, a] - offset) / share
        return meet(P_W, gaze)


def fit_looks(looks: Looks, use: NDArray[np.bool_]) -> Fit:
    """Fit both axes on some of the looks."""
    # The mean of the marked points, not of the looks: who missed a point must not move it.
    _, first = np.unique(looks.place[use], return_index=True)
    reference = looks.xy[use][first].mean(0)
    aim = angles_of(towards(looks.P_W, reference))
    S = len(looks.students)
    axes = tuple(
        fit_axis((looks.head - aim)[use, a], (looks.target - aim)[use, a], looks.student[use], S)
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
    return Fit(reference, (axes[0], axes[1]), seen)
