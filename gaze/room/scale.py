"""How large errors are in units of their stated σ, over students."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from calibration.transform import Array

BOOTSTRAPS = 1000
LEAST_STUDENTS = 4


class Scale(NamedTuple):
    """factor : of σ; 1 is as stated. interval_95 : over students (n of them)."""

    factor: float
    interval_95: tuple[float, float]
    students: int

    @property
    def seen(self) -> bool:
        """Whether σ is wrong beyond chance."""
        return not self.interval_95[0] <= 1 <= self.interval_95[1]


def scale_of_sigma(
    in_sigmas2: Array,
    student: NDArray[np.int64],
    each: Array,
    *,
    share: float,
    dof: int,
    seed: int = 0,
) -> Scale | None:
    """The factor of σ that brings ``share`` of the errors to where so many should be; None with
    fewer than four students.

    A few who are far off hardly count. A student's error lasts, so that the interval is a bootstrap
    over students.

    Parameters
    ----------
    in_sigmas2 : (N,) squared Mahalanobis lengths, of ``dof`` degrees of freedom. student : (N,)
        whose. each : (N,) weight within the student. seed : of the bootstrap.

    >>> scale_of_sigma(np.full(8, 4 * chi2.ppf(0.5, 2)), np.arange(8), np.ones(8), share=0.5, dof=2)
    Scale(factor=2.0, interval_95=(2.0, 2.0), students=8)
    """
    who = np.unique(student, return_inverse=True)[1]
    n = int(who.max(initial=-1)) + 1
    if n < LEAST_STUDENTS:
        return None
    order = np.argsort(in_sigmas2)
    expected = chi2.ppf(share, dof)

    def factor(times: Array) -> float:
        """With each student (n,) taken so many times."""
        weight = np.cumsum((each * times[who])[order])
        k = np.searchsorted(weight, share * weight[-1])
        return float(np.sqrt(in_sigmas2[order[k]] / expected))

    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=BOOTSTRAPS)
    low, high = np.quantile([factor(times) for times in drawn], (0.025, 0.975))
    return Scale(factor(np.ones(n)), (float(low), float(high)), n)
