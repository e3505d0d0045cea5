"""Shares of measured time, with the band that the points' σ and missing moments leave."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from calibration.transform import Array
from gaze.measures.moments import Moments

CONSTANT, LASTING = 0.61, 0.22
"""Of the variance of a point's error: what stays with a student for a lesson, and what comes with a
place that he looks at (rendered people never seen, the mean of both axes: docs/attention.md)."""
MOVED = 0.25  # variance of a student's share, of the square of what the others moved it by
MOVED_ALIKE = 0.4  # of which this part is the class's: it does not average out over students
# both chosen on drawn lessons, the first on rendered ones, too (docs/history/attention.md)
CROSSING = 1 / 12  # variance of when a head crossed an edge, between two moments, in moments²


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
    students' shares have in common. moved : (S, K + 1), windows_moved : (S, B, K + 1) shares less
    those that each point's own σ alone says: how much the others' looks moved them, maybe too far.
    NaN where a student was not measured.
    """

    own_var: Array
    windows_var: Array
    whole: Array
    windows: Array
    moved: Array
    windows_moved: Array

    def student_sd(self) -> Array:
        """(S, K + 1) of each student's share."""
        return np.asarray(np.sqrt(self.own_var + self.whole.var(0) + MOVED * self.moved**2))

    def class_sd(self, use: NDArray[np.bool_]) -> Array:
        """(K + 1,) of the mean over the students in ``use`` (S,)."""
        return _mean_sd(self.own_var[use], self.whole[:, use], self.moved[use])

    def window_sd(self, use: NDArray[np.bool_], present: NDArray[np.bool_]) -> Array:
        """(B, K + 1) of each window's mean over those students in ``use`` who are ``present``."""
        own, moved = (
            np.where(present[..., None], v[use], np.nan)
            for v in (self.windows_var, self.windows_moved)
        )
        return _mean_sd(own, np.where(present[..., None], self.windows[:, use], np.nan), moved)


def _mean_sd(own_var: Array, refitted: Array, moved: Array) -> Array:
    """Standard deviation of the mean over students (axis 0; axis 1 of ``refitted``), without those
    who are NaN."""
    n = np.maximum(np.isfinite(own_var).sum(0), 1)
    own = np.nansum(own_var + (1 - MOVED_ALIKE) * MOVED * moved**2, 0) / n**2
    alike = MOVED_ALIKE * MOVED * mean_known(moved, 0) ** 2
    return np.asarray(np.sqrt(own + mean_known(refitted, 1).var(0) + np.nan_to_num(alike)))


def share_errors(
    m: Moments, index: NDArray[np.int64], n_windows: int, *, draws: int, seed: int
) -> Errors:
    """What the points' own covariances leave open of each share.

    A moment's state is uncertain by p (1 - p). These errors last: CONSTANT of an error's variance
    stays with a student for the whole lesson, LASTING of it with a pose of his head (a place where
    he looks), only the rest is new at every moment, so that means over time hardly help. When a
    head crossed an edge is known to the moment before and after.
    """
    k = len(m.states)
    n_measured = per_window(m.measured, index, n_windows)
    own = np.zeros((len(m.students), k + 1))
    windows_var = np.zeros((len(m.students), n_windows, k + 1))
    n = np.where(m.n_measured, m.n_measured, np.nan)
    both = m.measured & np.roll(m.measured, 1, axis=1)  # with the moment before
    with np.errstate(invalid="ignore", divide="ignore"):
        in_window = 1 / np.where(n_measured, n_measured, np.nan)
        for i in range(k + 1):
            p = (m.probability[..., i] if i < k else m.on_board).astype(np.float64)
            var = np.clip(p * (1 - p), 0, None)
            sd = np.sqrt(var)
            crossed = np.abs(np.diff(p, axis=1, prepend=p[:, :1])) * both
            of_pose = np.zeros((len(m.students), m.pose.max(initial=0) + 1))
            np.add.at(of_pose, (np.arange(len(m.students))[:, None], m.pose), sd)
            own[:, i] = (
                CONSTANT * sd.sum(1) ** 2
                + LASTING * (of_pose**2).sum(1)
                + (1 - CONSTANT - LASTING) * var.sum(1)
                + CROSSING * crossed.sum(1)
            ) / n**2
            windows_var[..., i] = (
                (CONSTANT + LASTING) * per_window(sd, index, n_windows) ** 2
                + (1 - CONSTANT - LASTING) * per_window(var, index, n_windows)
                + CROSSING * per_window(crossed, index, n_windows)
            ) * in_window**2
    whole, windows = _refitted(m, index, n_windows, n_measured, draws, seed)
    moved = per_window(_moved(m), index, n_windows)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Errors(own, windows_var, whole, windows,
                      moved.sum(1) / n[:, None], moved * in_window[..., None])  # fmt: skip


def _moved(m: Moments) -> Array:
    """(S, T, K + 1) probability of each state less what it were if nothing was known of where the
    others looked; 0 without a point."""
    out = np.zeros((*m.measured.shape, len(m.states) + 1))
    if m.places is not None and m.members is not None:
        at = m.point_of >= 0
        alone = m.places.alone(m.members)[m.places.of[m.point_of[at]]]
        out[at] = np.column_stack([m.probability[at], m.on_board[at]]) - alone
    return out


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
        weight = rng.exponential(size=(draws, len(places.parts)))
        each = places.refitted(weight, m.members)
        counts += np.moveaxis(
            (spread @ each.reshape(len(each), -1)).reshape(*shape[1:3], draws, -1), 2, 0
        )
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
