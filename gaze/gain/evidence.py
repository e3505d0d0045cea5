"""What a gain is worth, on marked points that were left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.gain.angles import meet
from gaze.gain.axis_fit import OUTLIER_WEIGHT, Fit, fit_looks
from gaze.gain.looks import Looks
from gaze.gain.model import GainEvidence


def evidence_of(
    looks: Looks, groups: NDArray[np.int64], holdout: str, seed: int, fit: Fit
) -> GainEvidence:
    """Leave each group out, fit on the others, and compare on the group."""
    corrected = np.full((len(looks), 2), np.nan)
    row_corrected = np.full((len(looks.row_look), 2), np.nan)
    for group in np.unique(groups):
        left_out = groups == group
        part = fit_looks(looks, ~left_out)
        corrected[left_out] = part.correct(
            looks.P_W[left_out], looks.head[left_out], looks.student[left_out]
        )
        rows = left_out[looks.row_look]
        row_corrected[rows] = part.correct(
            looks.row_P_W[rows], looks.row_head[rows], looks.student[looks.row_look[rows]]
        )
    before = meet(looks.P_W, looks.head) - looks.xy
    after = corrected - looks.xy
    # A look that has no corrected point counts as no improvement, not as nothing.
    after = np.where(np.isfinite(after), after, before)

    # Who did not look at the point says nothing about the error at it, before or after.
    weight = np.minimum(fit.axes[0].weight, fit.axes[1].weight)
    good = weight > OUTLIER_WEIGHT

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
    row_before = np.linalg.norm(meet(looks.row_P_W, looks.row_head) - row_xy, axis=1)[rows]
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
