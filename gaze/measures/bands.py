"""Shares of measured time, with the band that the points' σ and missing moments leave."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.moments import Moments, hard_states


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
class Drawn:
    """Shares under draws of the measurement error: what the band is made of.

    whole : (D, S, K + 1) over the whole table; windows : (D, S, B, K + 1). The last column is the
    board as a whole. NaN where a student was not measured.
    """

    whole: Array
    windows: Array


def draw_shares(
    m: Moments, index: NDArray[np.int64], n_windows: int, *, draws: int, seed: int
) -> Drawn:
    """Shares when every point is moved by an error of its own covariance.

    One standard normal pair per student and draw, kept over the whole lesson: errors of a head pose
    (a way of carrying the head, the calibration) last, so this is the widest band that σ allows;
    errors that change from moment to moment would average out and need none.
    """
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((max(1, draws // 2), len(m.students), 2))
    pairs = np.concatenate([half, -half])  # antithetic: the draws' mean error is zero
    has = np.isfinite(m.xy_m[..., 0])
    away = m.measured & ~has
    k = len(m.states)
    n_measured = per_window(m.measured, index, n_windows)
    whole, windows = [], []
    one_hot = np.zeros((*m.measured.shape, k + 1), np.float32)
    for pair in pairs:
        xy = m.xy_m + np.einsum("stij,sj->sti", m.root_m, pair)
        state = hard_states(xy, m)
        state[away] = m.states.index("away")
        one_hot[:] = 0
        for i in range(k):
            one_hot[..., i] = (state == i) & m.measured
        with np.errstate(invalid="ignore"):
            one_hot[..., k] = (
                has
                & (xy[..., 0] >= 0) & (xy[..., 0] <= m.board.width_m)
                & (xy[..., 1] >= 0) & (xy[..., 1] <= m.board.height_m)
            )  # fmt: skip
        counts = per_window(one_hot, index, n_windows)
        with np.errstate(invalid="ignore", divide="ignore"):
            windows.append(counts / np.where(n_measured, n_measured, np.nan)[..., None])
            total = n_measured.sum(1)
            whole.append(counts.sum(1) / np.where(total, total, np.nan)[:, None])
    return Drawn(np.stack(whole), np.stack(windows))


def mean_known(values: Array, axis: int) -> Array:
    """Mean that leaves NaN out, NaN where nothing is left, without numpy's warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis))


def band(draws: Array, centre: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Quantiles over the first axis, never on the wrong side of the estimate.

    A number is missing in all draws or in none, so NaN may simply spread.
    """
    if not draws.size:
        return centre.copy(), centre.copy()
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.fmin(low, centre), np.fmax(high, centre)


def with_missing(low: Array, high: Array, coverage: Array) -> tuple[Array, Array]:
    """The band when nothing is assumed of moments without a measurement (Manski 1989).

    At one end every missing moment was outside, at the other inside: low · c and high · c + 1 − c.
    """
    return low * coverage, high * coverage + 1 - coverage
