"""Windows of one activity against the other at all lags; the best straight line through them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from calibration.transform import Array

MAX_DRIFT_PPM = 1500.0
LEAST_OVERLAP_S = 6.0
FAR_BETTER = 2.0  # a match elsewhere is believed if it is so much better than where it is expected


@dataclass(frozen=True)
class Pair:
    """The even samples of both cameras; left_s, right_s : when the first ones were; N, M samples.

    left : (N, C). right : (M, C). top_hz : faster changes are not in the activity, only in the way
    that it was brought to even samples.
    """

    left: Array
    right: Array
    left_s: float
    right_s: float
    rate_hz: float
    top_hz: float

    @property
    def duration_s(self) -> float:
        return len(self.left) / self.rate_hz

    @property
    def size(self) -> int:
        """Samples of a window."""
        return int(np.clip(self.duration_s / 24, 1.0, 10.0) * self.rate_hz)

    def right_at(self, left_s: Array, lag_s: Array) -> NDArray[np.int_]:
        """(N,) which right sample shows what happened at left's times; −1: none."""
        index = np.round((left_s + lag_s - self.right_s) * self.rate_hz).astype(int)
        return np.where((index >= 0) & (index < len(self.right)), index, -1)


def pooled(pair: Pair, pool: int) -> Pair:
    """The means of ``pool`` samples each."""

    def mean(x: Array) -> Array:
        return np.asarray(x[: len(x) // pool * pool].reshape(-1, pool, x.shape[1]).mean(1))

    late_s = (pool - 1) / 2 / pair.rate_hz
    return replace(
        pair,
        left=mean(pair.left),
        right=mean(pair.right),
        left_s=pair.left_s + late_s,
        right_s=pair.right_s + late_s,
        rate_hz=pair.rate_hz / pool,
    )


@dataclass(frozen=True)
class Windows:
    """K windows of the left activity and their match with the right one at L lags.

    centre_s : (K,) on the left's clock. lags_s : (L,) right minus left. curve : (K, L) sums of
    products. overlap : (K, L) how many samples entered.
    """

    centre_s: Array
    lags_s: Array
    curve: Array
    overlap: Array

    def __len__(self) -> int:
        return len(self.centre_s)


def correlate_windows(pair: Pair, about_s: float, reach_s: float) -> Windows:
    """Cross-correlation of each window of left with right at all lags."""
    rate, size = pair.rate_hz, pair.size
    reach = int(reach_s * rate)
    # left sample i is at left_s + i/rate, right sample j at right_s + j/rate: the whole samples of
    # the difference go into the index, the rest is added back to the lags
    shift = (pair.left_s - pair.right_s + about_s) * rate
    whole = int(np.round(shift))
    lags = np.asarray((np.arange(-reach, reach + 1) + whole - shift) / rate + about_s, np.float64)
    padded = np.pad(pair.right, ((reach + size, reach + size), (0, 0)))
    inside = np.pad(pair.right.any(1).astype(np.float64), reach + size)
    power = np.einsum("nc,nc->n", padded, padded)
    usual = float(power.sum() / max(inside.sum(), 1)) * size
    begins = range(0, len(pair.left) - size + 1, size)
    curves, overlaps = np.zeros((2, len(begins), len(lags)))
    centres: list[float] = []
    right = _Blocks(padded, size)
    for first in begins:
        begin = first + whole + size  # of padded: right's index first + whole − reach
        one = pair.left[first : first + size]
        low, high = max(begin, 0), min(begin + size + 2 * reach, len(padded))
        if high - low < size or not one.any():
            continue
        curve, overlap = np.zeros(2 * reach + 1), np.zeros(2 * reach + 1)
        place = slice(low - begin, high - begin - size + 1)
        curve[place] = right.correlated(one, low, high - size + 1)
        overlap[place], loud = (_sums(x[low:high], size) for x in (inside, power))
        curve[place] /= np.sqrt(np.maximum(loud / max(usual, 1e-300), 1.0))  # a bang meets anything
        if overlap.max() > 0:
            curves[len(centres)], overlaps[len(centres)] = curve, overlap
            centres.append(pair.left_s + (first + (size - 1) / 2) / rate)
    count = len(centres)
    return Windows(np.array(centres), lags, curves[:count], overlaps[:count])


class _Blocks:
    """A long signal (N, C) in blocks whose Fourier transforms serve all the windows (``size``, C)
    that meet them: hundreds of windows, of a hundred columns, each against minutes of the signal.
    """

    def __init__(self, signal: Array, size: int) -> None:
        self.signal = signal
        self.length = next_fast_len(4 * size, real=True)
        self.hop = self.length - size + 1  # so many places are right in each block
        self._spectra: dict[int, NDArray[np.complex128]] = {}

    def correlated(self, window: Array, first: int, last: int) -> Array:
        """(last − first,) sums of products with a window that begins at each of these places.

        Windows come in the order of their places: blocks before the first one are let go.
        """
        blocks = range(first // self.hop, (last - 1) // self.hop + 1)
        self._spectra = {k: v for k, v in self._spectra.items() if k >= blocks.start}
        conjugate = rfft(np.ascontiguousarray(window.T), self.length).conj()
        out = np.empty(last - first)
        for k in blocks:
            begin = k * self.hop
            if k not in self._spectra:
                block = np.ascontiguousarray(self.signal[begin : begin + self.length].T)
                self._spectra[k] = rfft(block, self.length)
            sums = irfft(np.einsum("cf,cf->f", self._spectra[k], conjugate), self.length)
            low, high = max(first, begin), min(last, begin + self.hop)
            out[low - first : high - first] = sums[low - begin : high - begin]
        return out


def _sums(x: Array, size: int) -> Array:
    """The sums of ``size`` neighbours."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    return np.asarray(total[size:] - total[:-size])


# -- the best line ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """lag = lag_s + drift · (t − middle_s), how well it matches, and the next best one."""

    lag_s: float
    drift: float
    middle_s: float
    score: float
    rival: float
    rival_lag_s: float
    split: bool
    expected: bool
    lags_s: Array
    height: Array


def best_line(w: Windows, duration_s: float, rate_hz: float, about_s: float, near_s: float) -> Line:
    """The line along which the curves add up highest, within near_s of about_s if it is there."""
    lags, curve, overlap = w.lags_s, w.curve, w.overlap
    step_s = lags[1] - lags[0]
    middle = float(w.centre_s.mean())
    t = w.centre_s - middle
    step = 1.5 * step_s / max(duration_s, 1.0)
    half = int(MAX_DRIFT_PPM * 1e-6 / step)
    least = min(LEAST_OVERLAP_S * rate_hz, 0.5 * overlap.sum(0).max())
    best: tuple[float, float, float, Array] | None = None
    far: tuple[float, float, float, Array] | None = None
    near = np.abs(lags - about_s) <= near_s
    for drift in np.arange(-half, half + 1) * step:
        shifts = np.round(drift * t / step_s).astype(int)
        total, n = _add_along(curve, shifts), _add_along(overlap, shifts)
        stack = np.where(n >= least, total / np.sqrt(np.maximum(n, 1)), np.nan)
        for mask in (near, ~near):
            if not np.isfinite(stack[mask]).any():
                continue
            i = int(np.nanargmax(np.where(mask, stack, np.nan)))
            # of equals, the smaller drift
            height = stack[i] * (1 - 1e-3 * abs(drift) / (MAX_DRIFT_PPM * 1e-6))
            if mask is near and (best is None or height > best[0]):
                best = height, float(lags[i]), float(drift), stack
            if mask is not near and (far is None or height > far[0]):
                far = height, float(lags[i]), float(drift), stack
    if best is None or (far is not None and FAR_BETTER * best[0] < far[0]):
        best, near = far, np.ones(len(lags), bool)
    assert best is not None
    _, lag, drift, stack = best
    known = np.isfinite(stack)
    noise = 1.4826 * float(np.median(np.abs(stack[known] - np.median(stack[known]))))
    height = (stack - np.median(stack[known])) / max(noise, 1e-12)
    i = int(np.argmin(np.abs(lags - lag)))
    low, high = i, i
    while low > 0 and stack[low - 1] > 0.3 * stack[i]:
        low -= 1
    while high < len(lags) - 1 and stack[high + 1] > 0.3 * stack[i]:
        high += 1
    outside = np.where(known & near, stack, -np.inf)
    outside[low : high + 1] = -np.inf
    r = int(np.argmax(outside))
    at, other = along(curve, w.centre_s, lags, drift)[:, [i, r]].T
    gain = np.concatenate([[0.0], np.cumsum(at - other)])
    split = max(gain.max() - gain[-1], -gain.min()) > 0.3 * abs(at.sum())
    score = float(height[i]) if np.isfinite(outside[r]) else 0.0
    rival = float(outside[r] / stack[i]) if stack[i] > 0 else 1.0
    return Line(
        lag, drift, middle, score, rival, float(lags[r]), bool(split), not near.all(),
        lags - drift * middle, height,
    )  # fmt: skip


def along(curves: Array, centre_s: Array, lags_s: Array, drift: float) -> Array:
    """(K, L) the windows' curves, each read where a drift takes it; 0 beyond their ends."""
    step_s = lags_s[1] - lags_s[0]
    out, size = np.zeros_like(curves), len(lags_s)
    shifts = np.round(drift * (centre_s - centre_s.mean()) / step_s).astype(int)
    for k, s in enumerate(shifts):
        out[k, max(-s, 0) : size + min(-s, 0)] = curves[k, max(s, 0) : size + min(s, 0)]
    return out


def _add_along(curves: Array, shifts: NDArray[np.int_]) -> Array:
    """Σₖ curves[k], each read ``shifts[k]`` lags further on."""
    total = np.zeros(curves.shape[1])
    size = total.size
    for k, s in enumerate(shifts):
        total[max(-s, 0) : size + min(-s, 0)] += curves[k, max(s, 0) : size + min(s, 0)]
    return total
