"""Shares of measured time, with the band that the points' σ and missing moments leave."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from calibration.transform import Array
from gaze.gain.consensus import CONSTANT, LASTING
from gaze.measures.moments import Moments


def shares(m: Moments) -> Array:
    """(S, K) share of each student's measured time in each state; NaN where never measured."""
    n = m.measured.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = m.probability.sum(1, dtype=np.float64)
        return np.asarray(total / np.where(n, n, np.nan)[:, None])


def window_edges(m: Moments, window_s: float | None) -> tuple[Array, NDArray[np.int64], float]:
    """Windows over the lesson: starts (B,), index of each moment's window (T,), their length.

    ``None`` takes the shortest of 1, 2, 5, 10, 15, 30, 60, 120 s that gives at most 200 windows.
    """
    if not len(m.time_s):
        return np.zeros(0), np.zeros(0, np.int64), window_s or 1.0
    length = m.time_s[-1] - m.time_s[0] + m.step_s
    if window_s is None:
        window_s = next((w for w in (1, 2, 5, 10, 15, 30, 60, 120) if length / w <= 200), 300.0)
        window_s = max(float(window_s), m.step_s)
    start = np.floor(m.time_s[0] / window_s + 1e-9) * window_s
    index = np.floor((m.time_s - start) / window_s + 1e-9).astype(np.int64)
    return start + window_s * np.arange(index[-1] + 1), index, float(window_s)


def per_window(values: NDArray[Any], index: NDArray[np.int64], n: int) -> Array:
    """Sums over windows along axis 1: (S, T, ...) → (S, n, ...)."""
    out = np.zeros((values.shape[0], n, *values.shape[2:]))
    if len(index):
        present, starts = np.unique(index, return_index=True)
        out[:, present] = np.add.reduceat(values, starts, axis=1, dtype=np.float64)
    return out


@dataclass(frozen=True)
class Errors:
    """How wrong shares may be; the last column of K + 1 is the board as a whole.

    own_var : (S, K + 1) variance of each student's share by the error of his own points, given the
    mixture; windows_var : (S, B, K + 1) of each window's. whole : (D, S, K + 1), windows :
    (D, S, B, K + 1) shares under mixtures refitted to the class with random weights: what all
    students' shares have in common. NaN where a student was not measured.
    """

    own_var: Array
    windows_var: Array
    whole: Array
    windows: Array

    def student_sd(self) -> Array:
        """(S, K + 1) of each student's share."""
        return np.asarray(np.sqrt(self.own_var + self.whole.var(0)))

    def class_sd(self, use: NDArray[np.bool_]) -> Array:
        """(K + 1,) of the mean over the students in ``use`` (S,)."""
        n = max(int(use.sum()), 1)
        common = mean_known(self.whole[:, use], 1).var(0)
        return np.asarray(np.sqrt(np.nansum(self.own_var[use], 0) / n**2 + common))

    def window_sd(self, use: NDArray[np.bool_], present: NDArray[np.bool_]) -> Array:
        """(B, K + 1) of each window's mean over those students in ``use`` who are ``present``."""
        there = present[..., None]
        n = np.maximum(there.sum(0), 1)
        common = mean_known(np.where(there, self.windows[:, use], np.nan), 1).var(0)
        own = np.where(there, self.windows_var[use], 0.0).sum(0)
        return np.asarray(np.sqrt(own / n**2 + common))


def share_errors(
    m: Moments, index: NDArray[np.int64], n_windows: int, *, draws: int, seed: int
) -> Errors:
    """What the points' own covariances leave open of each share.

    A moment's state is uncertain by p (1 - p). These errors last: CONSTANT of an error's variance
    stays with a student for the whole lesson, LASTING of it with a pose of his head (a place where
    he looks), only the rest is new at every moment, so that means over time hardly help.
    """
    k = len(m.states)
    n_measured = per_window(m.measured, index, n_windows)
    own = np.zeros((len(m.students), k + 1))
    windows_var = np.zeros((len(m.students), n_windows, k + 1))
    n = np.where(m.n_measured, m.n_measured, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        in_window = 1 / np.where(n_measured, n_measured, np.nan)
        for i in range(k + 1):
            p = (m.probability[..., i] if i < k else m.on_board).astype(np.float64)
            var = np.clip(p * (1 - p), 0, None)
            sd = np.sqrt(var)
            of_pose = np.zeros((len(m.students), m.pose.max(initial=0) + 1))
            np.add.at(of_pose, (np.arange(len(m.students))[:, None], m.pose), sd)
            own[:, i] = (
                CONSTANT * sd.sum(1) ** 2
                + LASTING * (of_pose**2).sum(1)
                + (1 - CONSTANT - LASTING) * var.sum(1)
            ) / n**2
            windows_var[..., i] = (
                (CONSTANT + LASTING) * per_window(sd, index, n_windows) ** 2
                + (1 - CONSTANT - LASTING) * per_window(var, index, n_windows)
            ) * in_window**2
    whole, windows = _refitted(m, index, n_windows, n_measured, draws, seed)
    return Errors(own, windows_var, whole, windows)


def _refitted(
    m: Moments, index: NDArray[np.int64], n_windows: int, n_measured: Array, draws: int, seed: int
) -> tuple[Array, Array]:
    """Shares (D, S, K + 1) and (D, S, B, K + 1) under mixtures of a class whose students count at
    random (the Bayesian bootstrap, Rubin 1981)."""
    k = len(m.states)
    turned = per_window(m.measured & (m.point_of < 0), index, n_windows)
    shape = (draws if m.places is not None else 1, len(m.students), n_windows, k + 1)
    counts = np.zeros(shape)
    if "away" in m.states:
        counts[..., m.states.index("away")] = turned
    if m.places is not None and m.members is not None:
        rng = np.random.default_rng(seed)
        places = m.places
        s, t = np.nonzero(m.point_of >= 0)
        group = places.of[m.point_of[s, t]]
        cell = s * n_windows + index[t]
        spread = csr_array(
            (np.ones(len(s)), (cell, group)), (len(m.students) * n_windows, len(places.likelihood))
        )
        for d in range(draws):
            some = places.refitted(rng.exponential(size=len(places.parts)))
            counts[d] += (spread @ some.probability(m.members)).reshape(shape[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        windows = counts / np.where(n_measured, n_measured, np.nan)[..., None]
        n = np.where(m.n_measured, m.n_measured, np.nan)
        return counts.sum(2) / n[:, None], windows


def mean_known(values: Array, axis: int) -> Array:
    """Mean that leaves NaN out, NaN where nothing is left, without numpy's warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis))


def band(centre: Array, sd: Array) -> tuple[Array, Array]:
    """The 95 % band of a share: centre ± 1.96 sd, within 0..1."""
    return np.clip(centre - 1.96 * sd, 0, 1), np.clip(centre + 1.96 * sd, 0, 1)


def with_missing(low: Array, high: Array, coverage: Array) -> tuple[Array, Array]:
    """The band when nothing is assumed of moments without a measurement (Manski 1989).

    At one end every missing moment was outside, at the other inside: low · c and high · c + 1 − c.
    """
    return low * coverage, high * coverage + 1 - coverage
