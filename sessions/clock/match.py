"""One clock out of what two cameras perceive of the same room: offset, drift, jumps, each with σ.

Pure functions on arrays. Three senses give an :class:`Activity` of each camera (sound.py, heads.py,
motion.py); :func:`match` is the same for all of them:

1. the recording is cut into windows, each correlated with the other camera at all lags;
2. the curves are added along every straight line offset + drift · t: the best line, and how far it
   stands above chance;
3. near it the curves are log-likelihoods; the likeliest path of lags, where a jump costs
   ``JUMP_COST``, says where the clock jumps;
4. offsets of the pieces and the common drift are refined below the sample, with their covariance.

What is too quiet, too short or too regular gives no clock and the reason, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, rfft, rfftfreq
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import correlate, csd
from scipy.special import logsumexp

from calibration.errors import CalibrationError
from calibration.transform import Array
from sessions.clock.clock import Clock, Jump

# A quartz clock is within 50 ppm, a camera that calls 29.97 Hz 30 is 1000 ppm off. This is what is
# believed about the drift before looking, and it keeps short recordings from inventing one.
DRIFT_PRIOR_PPM = 150.0
MAX_DRIFT_PPM = 1500.0
REACH_S = 95.0  # offsets that are searched, to either side of what is expected
NEAR_S = 3.0  # jumps that are looked for
JUMP_COST = 16.0  # log-likelihood that a jump must bring
JUMP_CHANCE = 0.4  # of a jump in a recording, before looking: one that may be unseen goes into σ
LEAST_JUMP_S = 0.02
LEAST_PIECE = 4  # windows between two jumps
MAX_RIVAL = 0.7  # movement with a period matches itself again, nearly as well, one period on
COARSE_S = 0.04
FINE_S = 0.01
LEAST_OVERLAP_S = 6.0
FAR_BETTER = 2.0  # a match elsewhere is believed if it is so much better than where it is expected
LEAST_EXPECTED = 4.0  # σ above chance of a match where one was expected


@dataclass(frozen=True)
class Activity:
    """What one camera perceives: a number (or C) that changes when something happens.

    times_s : (N,) ascending, on the camera's own clock. values : (N, C); the channels of the two
    cameras belong together one by one (bands of sound, students). NaN: unknown.
    """

    times_s: Array
    values: Array

    @classmethod
    def of(cls, times_s: ArrayLike, values: ArrayLike, name: str = "activity") -> Activity:
        """Checked arrays.

        Raises
        ------
        CalibrationError : not one value for each time, or times that do not ascend.
        """
        t = np.asarray(times_s, np.float64).ravel()
        x = np.asarray(values, np.float64)
        x = x[:, None] if x.ndim == 1 else x
        if len(x) != t.size:
            raise CalibrationError(
                "not one activity for each time", where=name, found=len(x), expected=t.size
            )
        if (np.diff(t) <= 0).any() or not np.isfinite(t).all():
            raise CalibrationError(
                "times do not ascend", where=name, remedy="Judge them first (judge_times)."
            )
        return cls(t, x)


@dataclass(frozen=True)
class Sense:
    """How one kind of activity is read.

    rate_hz : of the even samples. slow_s : changes slower than this are taken out. smooth_s : σ of
    the blur. floor_s : 1σ of what no correlation can see (sound's way through the room, a frame's
    exposure). least_score : σ above chance that its best match must stand. tame : how many times
    the usual a change may be before it counts less. odd : share of windows in which each camera
    perceives something else.
    """

    name: str
    rate_hz: float
    slow_s: float
    smooth_s: float
    floor_s: float
    least_score: float = 6.0
    tame: float = 1.0
    odd: float = 0.02


@dataclass(frozen=True)
class Estimate:
    """What one sense says of the clock.

    clock : None where it says nothing; then reason says why. score : height of the best match in σ
    above chance. rival : the next best one relative to it. lags_s, height : (L,) the match at every
    offset (right minus left at the lesson's begin), for a picture; height in σ. unseen_s : 1σ of
    the jumps that it may have missed, not in the clock's σ.
    """

    sense: str
    clock: Clock | None
    reason: str = ""
    score: float = 0.0
    rival: float = 0.0
    lags_s: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    height: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    unseen_s: float = 0.0


def match(
    left: Activity,
    right: Activity,
    sense: Sense,
    about_s: float = 0.0,
    *,
    expected: bool = False,
) -> Estimate:
    """Offset, drift and jumps of the right clock against the left's.

    about_s : where the offset may be; ``REACH_S`` to either side is searched. expected : it is
    there by all that is known; elsewhere only if that fits far better.
    """
    if left.values.shape[1] != right.values.shape[1]:
        raise CalibrationError(
            "the cameras' activity has different channels",
            found=right.values.shape[1],
            expected=left.values.shape[1],
        )
    spans = [float(np.ptp(a.times_s)) if len(a.times_s) else 0.0 for a in (left, right)]
    if min(spans) < LEAST_OVERLAP_S or min(len(left.times_s), len(right.times_s)) < 30:
        return Estimate(sense.name, None, f"too short: {min(spans):.0f} s")
    pair = _Pair(
        _even(left, sense),
        _even(right, sense),
        left.times_s[0],
        right.times_s[0],
        sense.rate_hz,
        # a fifth of the rate at most: peaks are then wider than the steps in which they are sought
        min(
            0.2 * sense.rate_hz,
            *(0.4 / float(np.median(np.diff(a.times_s))) for a in (left, right)),
        ),
    )
    coarse = _pooled(pair, max(round(COARSE_S * sense.rate_hz), 1))
    windows = _windows(coarse, about_s, REACH_S)
    if len(windows) < 3:
        return Estimate(sense.name, None, "too quiet: hardly anything happens")
    near_s = NEAR_S if expected else np.inf
    line = _best_line(windows, spans[0], coarse.rate_hz, about_s, near_s)
    said = Estimate(sense.name, None, "", line.score, line.rival, line.lags_s, line.height)
    least = LEAST_EXPECTED if line.expected else sense.least_score
    if line.score < least:
        return replace(
            said,
            reason=f"too quiet: the best match stands {line.score:.1f} σ above chance, "
            f"{least:.0f} needed",
        )
    if line.rival > MAX_RIVAL and abs(line.rival_lag_s - line.lag_s) > NEAR_S and line.split:
        return replace(
            said,
            reason=f"a recording was interrupted: part of it fits {line.lag_s:+.2f} s, "
            f"part {line.rival_lag_s:+.2f} s",
        )
    if line.rival > MAX_RIVAL and not line.split:
        return replace(
            said,
            reason=f"ambiguous: it repeats, another offset fits {100 * line.rival:.0f} % as well",
        )
    refined = _refined(pair, line, sense)
    if refined is None:
        return replace(said, reason="no clear peak below the sample")
    return replace(said, clock=refined[0], unseen_s=refined[1])


# -- even samples ----------------------------------------------------------------------------------
def _even(activity: Activity, sense: Sense) -> Array:
    """(M, C) sampled evenly, slow changes removed, bursts tamed; gaps are 0 (no information).

    A gap lies between two known samples further apart than any frame rate puts them.
    """
    t, rate = activity.times_s, sense.rate_hz
    grid = t[0] + np.arange(int((t[-1] - t[0]) * rate) + 1) / rate
    usual = float(np.median(np.diff(t)))
    out = np.zeros((len(grid), activity.values.shape[1]))
    for c, x in enumerate(activity.values.T):
        known = np.isfinite(x)
        if known.sum() < 10:
            continue
        at, y = t[known], np.interp(grid, t[known], x[known])
        after = np.clip(np.searchsorted(at, grid), 1, len(at) - 1)
        gap = (at[after] - at[after - 1] > max(3 * usual, 0.25)) | (grid < at[0]) | (grid > at[-1])
        if gap.all():
            continue
        y = _without_slow(y, ~gap, sense.slow_s * rate)
        if sense.smooth_s:
            y = gaussian_filter1d(y, sense.smooth_s * rate)
        scale = 1.4826 * float(np.median(np.abs(y[~gap])))
        if scale <= 1e-9 * max(float(np.abs(x[known]).max()), 1e-300):
            continue
        out[:, c] = np.where(gap, 0.0, sense.tame * np.arcsinh(y / scale / sense.tame))
    return out


def _without_slow(y: Array, known: NDArray[np.bool_], width: float) -> Array:
    """Minus the moving mean over the known samples; 0 elsewhere."""
    size = max(int(width), 3)
    weight = uniform_filter1d(known.astype(np.float64), size, mode="constant")
    mean = uniform_filter1d(np.where(known, y, 0.0), size, mode="constant")
    return np.where(known, y - mean / np.maximum(weight, 1e-12), 0.0)


# -- windows and their curves ----------------------------------------------------------------------
@dataclass(frozen=True)
class _Pair:
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


def _pooled(pair: _Pair, pool: int) -> _Pair:
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
class _Windows:
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


def _windows(pair: _Pair, about_s: float, reach_s: float) -> _Windows:
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
    power = (padded**2).sum(1)
    usual = float(power.sum() / max(inside.sum(), 1)) * size
    curves, overlaps, centres = [], [], []
    for first in range(0, len(pair.left) - size + 1, size):
        begin = first + whole + size  # of padded: right's index first + whole − reach
        one = pair.left[first : first + size]
        low, high = max(begin, 0), min(begin + size + 2 * reach, len(padded))
        if high - low < size or not one.any():
            continue
        curve, overlap = np.zeros(2 * reach + 1), np.zeros(2 * reach + 1)
        place = slice(low - begin, high - begin - size + 1)
        for c in np.flatnonzero(one.any(0)):
            curve[place] += correlate(padded[low:high, c], one[:, c], "valid", "fft")
        overlap[place], loud = (_sums(x[low:high], size) for x in (inside, power))
        curve[place] /= np.sqrt(np.maximum(loud / max(usual, 1e-300), 1.0))  # a bang meets anything
        if overlap.max() > 0:
            curves.append(curve)
            overlaps.append(overlap)
            centres.append(pair.left_s + (first + (size - 1) / 2) / rate)
    shape = -1, len(lags)
    return _Windows(np.array(centres), lags, np.reshape(curves, shape), np.reshape(overlaps, shape))


def _sums(x: Array, size: int) -> Array:
    """The sums of ``size`` neighbours."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    return np.asarray(total[size:] - total[:-size])


# -- the best line ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Line:
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


def _best_line(
    w: _Windows, duration_s: float, rate_hz: float, about_s: float, near_s: float
) -> _Line:
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
    shifts = np.round(drift * t / step_s).astype(int)
    at, other = (
        np.array([c[np.clip(k + s, 0, c.size - 1)] for c, s in zip(curve, shifts, strict=True)])
        for k in (i, r)
    )
    gain = np.concatenate([[0.0], np.cumsum(at - other)])
    split = max(gain.max() - gain[-1], -gain.min()) > 0.3 * abs(at.sum())
    score = float(height[i]) if np.isfinite(outside[r]) else 0.0
    rival = float(outside[r] / stack[i]) if stack[i] > 0 else 1.0
    return _Line(
        lag, drift, middle, score, rival, float(lags[r]), bool(split), not near.all(),
        lags - drift * middle, height,
    )  # fmt: skip


def _add_along(curves: Array, shifts: NDArray[np.int_]) -> Array:
    """Σₖ curves[k], each read ``shifts[k]`` lags further on."""
    total = np.zeros(curves.shape[1])
    size = total.size
    for k, s in enumerate(shifts):
        total[max(-s, 0) : size + min(-s, 0)] += curves[k, max(s, 0) : size + min(s, 0)]
    return total


# -- pieces and their lags -------------------------------------------------------------------------
def _refined(pair: _Pair, line: _Line, sense: Sense) -> tuple[Clock, float] | None:
    """The likeliest path of lags near the line: jumps, offsets of the pieces, the common drift; and
    1σ of the jumps that may have gone unseen."""
    w = _windows(pair, line.lag_s, NEAR_S + 0.8 + abs(line.drift) * pair.duration_s)
    at = w.centre_s, line.lag_s + line.drift * (w.centre_s - line.middle_s)
    chi2 = 1.0
    for _ in range(2):  # what the two have in common is seen better once they are aligned
        likely = replace(pair, left=_weighted(pair, *at) / chi2)
        w = _windows(likely, line.lag_s, NEAR_S + 0.8 + abs(line.drift) * pair.duration_s)
        t = w.centre_s - line.middle_s
        here = np.interp(w.centre_s, *at)
        whole = (
            np.array([np.interp(x, w.lags_s, n) for x, n in zip(here, w.overlap, strict=True)])
            > 0.5 * pair.size
        )
        if whole.sum() < 3:
            return None
        t = t[whole]
        # between samples, else the path mends the rounding with jumps
        step_s = min(FINE_S, 1 / pair.rate_hz)
        steps = int((w.lags_s[-1] - w.lags_s[0]) / step_s)
        lags_s = np.asarray(w.lags_s[0] + np.arange(steps) * step_s, np.float64)
        curve = CubicSpline(w.lags_s, w.curve[whole], axis=1)(lags_s)
        curve = _with_odd_windows(curve, sense.odd)
        drift, path = _likeliest_path(curve, lags_s, t, line, pair.duration_s)
        at = t + line.middle_s, path + drift * t
        piece, fitted = _pieces(curve, lags_s, t, path, drift)
        if fitted is None:
            return None
        chi2 *= max(fitted[2], _scatter(curve, lags_s, path + drift * t), 1.0)
    assert fitted is not None
    theta, covariance, _ = fitted
    covariance *= _spread(curve, lags_s, path + drift * t, covariance[:-1, :-1].min())
    unseen_s = _unseen_jumps(curve, lags_s, path, t, drift)
    covariance[:-1, :-1] += sense.floor_s**2  # common to all pieces
    covariance[-1, -1] += (sense.floor_s / pair.duration_s) ** 2
    jumps = _jumps(likely, theta, at[0], piece, line.middle_s)
    to_zero = np.zeros((2, len(theta)))
    to_zero[0, 0], to_zero[0, -1], to_zero[1, -1] = 1.0, -line.middle_s, 1.0
    (offset, slope), cov = to_zero @ theta, to_zero @ covariance @ to_zero.T
    sigma = np.sqrt(np.diag(cov))
    clock = Clock(
        offset_s=float(offset),
        drift_ppm=float(slope * 1e6),
        sigma_offset_s=float(sigma[0]),
        sigma_drift_ppm=float(sigma[1] * 1e6),
        source=sense.name,
        correlation=float(cov[0, 1] / (sigma[0] * sigma[1])),
        jumps=jumps,
    )
    return clock, unseen_s


def _with_odd_windows(curve: Array, odd: float) -> Array:
    """Log-likelihoods (K, L) in which each window may be wrong altogether."""
    level = logsumexp(curve, axis=1, keepdims=True) - np.log(curve.shape[1])
    return np.asarray(np.logaddexp(np.log(1 - odd) + curve - level, np.log(odd)))


def _scatter(curve: Array, lags_s: Array, lag_s: Array) -> float:
    """How far the windows scatter about their lags (K,), over what each one's likelihood says."""
    off_s = np.arange(-30, 31) * 0.01
    fits = np.array([np.interp(x + off_s, lags_s, c) for x, c in zip(lag_s, curve, strict=True)])
    chance = np.exp(fits - logsumexp(fits, axis=1, keepdims=True))
    mean = chance @ off_s
    variance = chance @ off_s**2 - mean**2
    return float(np.mean(mean**2 / variance))


def _spread(curve: Array, lags_s: Array, lag_s: Array, variance: float) -> float:
    """By how much more than ``variance`` the likelihood (K, L) spreads about the lags (K,)."""
    step_s = lags_s[1] - lags_s[0]
    shift = np.arange(-int(1.0 / step_s), int(1.0 / step_s) + 1) * step_s
    total = sum(np.interp(x + shift, lags_s, c) for x, c in zip(lag_s, curve, strict=True))
    weight = np.exp(total - np.max(total))
    mean = (weight * shift).sum() / weight.sum()
    return max(float((weight * (shift - mean) ** 2).sum() / weight.sum()) / variance, 1.0)


def _unseen_jumps(curve: Array, lags_s: Array, path: Array, t: Array, drift: float) -> float:
    """1σ of the lag where it is least known, of the jumps that the likelihood (K, L) leaves open.

    Every window's lag given all windows (forward and backward along the recording), where a jump by
    up to a second may lie before any window, and where the drift may be another one: a line bends
    over a jump until it hides it. path, t : (K,) lags beside the drift, times from the middle.
    """
    off_s = np.arange(-100, 101) * 0.01
    jump = JUMP_CHANCE / len(t)
    stays, comes = np.log1p(-jump), np.log(jump / len(off_s))

    def passed(steps: Array) -> Array:
        out = np.zeros_like(steps)  # what is known of a window from those before it
        for k in range(1, len(steps)):
            here = out[k - 1] + steps[k - 1]
            out[k] = np.logaddexp(stays + here, comes + logsumexp(here, axis=0))
        return out

    # (D,) drifts from as bent as a jump by half a second makes it to none
    reach = min(0.5 / max(float(np.ptp(t)), 1.0), 2 * DRIFT_PRIOR_PPM * 1e-6)
    drifts = drift + np.linspace(-reach, reach, 21)
    turned_s = (drifts - drift) * t[:, None]  # (K, D)
    at_s = path[:, None, None] + drift * t[:, None, None] + turned_s[:, None] + off_s[:, None]
    fits = np.array([np.interp(x, lags_s, c) for x, c in zip(at_s, curve, strict=True)])
    total = passed(fits) + passed(fits[::-1])[::-1] + fits
    total -= 0.5 * (drifts / (DRIFT_PRIOR_PPM * 1e-6)) ** 2
    chance = np.exp(total - logsumexp(total, axis=(1, 2), keepdims=True))  # (K, off, D)
    where_s = off_s[:, None] + turned_s[:, None]
    centre = (chance * where_s).sum() / len(t)  # its own error is in the fit's σ
    spread = (chance * (where_s - centre) ** 2).sum((1, 2))
    return float(np.percentile(np.sqrt(spread), 90))


def _weighted(pair: _Pair, at_s: Array, lag_s: Array) -> Array:
    """Left's samples (N, C) filtered so that their product with right's is a log-likelihood.

    Of two signals with a common part, the likelihood of a delay is their cross-spectrum weighted
    with γ / ((1 − γ²) √(Pxx Pyy)) (Hannan and Thomson 1973): frequencies count as far as they are
    coherent. at_s, lag_s : how the two are aligned so far.
    """
    time_s = pair.left_s + np.arange(len(pair.left)) / pair.rate_hz
    j = pair.right_at(time_s, np.interp(time_s, at_s, lag_s))
    both = (j >= 0) & pair.left.any(1) & pair.right[j].any(1)
    x, y = (np.where(both[:, None], v, 0.0) for v in (pair.left, pair.right[j]))
    n = min(int(max(pair.size, 2 * pair.rate_hz)), len(x))
    share = max(float(both.mean()), 1e-3)

    def spectrum(a: Array, b: Array) -> Array:
        _, p = csd(a, b, nperseg=n, axis=0, detrend=False, return_onesided=True)
        return np.asarray(uniform_filter1d(np.abs(p.sum(1)), 3) / 2 / share)

    pxx, pyy = spectrum(x, x), spectrum(y, y)
    coherence = spectrum(x, y) ** 2 / np.maximum(pxx * pyy, 1e-300)
    chance = n / max(share * len(x) * x.shape[1], n)  # what unrelated signals show
    sure = coherence > 3 * chance
    coherence = np.clip((coherence - chance) / (1 - min(chance, 0.9)), 0.0, 0.98) * sure
    weight = np.sqrt(coherence) / (1 - coherence) / np.sqrt(np.maximum(pxx * pyy, 1e-300))
    weight[np.linspace(0, pair.rate_hz / 2, len(weight)) > pair.top_hz] = 0.0
    # the spectra are sums over the channels, of which bands of one sound or a class that turns
    # together are fewer than they seem
    size = np.linalg.norm(x, axis=0)
    common = x.T @ x / np.maximum(np.outer(size, size), 1e-300)
    weight *= int((size > 0).sum()) ** 2 / max(float((common**2).sum()), 1.0)
    padded = len(pair.left) + n
    full = np.interp(rfftfreq(padded), np.linspace(0, 0.5, len(weight)), weight)
    return np.asarray(irfft(rfft(pair.left, padded, axis=0) * full[:, None], padded, axis=0))[
        : len(pair.left)
    ]


def _likeliest_path(
    likelihood: Array, lags_s: Array, t: Array, line: _Line, duration_s: float
) -> tuple[float, Array]:
    """Drift, and (K,) the lag of each window beside that drift: the path of the greatest sum."""
    step_s = lags_s[1] - lags_s[0]
    u = np.arange(-int(NEAR_S / step_s), int(NEAR_S / step_s) + 1)
    zero = int(np.argmin(np.abs(lags_s - line.lag_s)))
    # a jump bends the best line: drifts around it that differ by up to a second over the lesson
    step = float(FINE_S / max(duration_s, 1.0))
    reach = int(min(1.0 / max(duration_s, 1.0), 2 * MAX_DRIFT_PPM * 1e-6) / step)
    drifts: Array = line.drift + np.arange(-reach, reach + 1, dtype=np.float64) * step

    def read(k: int, drift: Array) -> Array:
        index = zero + np.round(drift * t[k] / step_s).astype(int)[:, None] + u
        return np.asarray(likelihood[k][np.clip(index, 0, len(lags_s) - 1)])

    total = read(0, drifts)
    for k in range(1, len(t)):
        total = read(k, drifts) + np.maximum(total, total.max(1, keepdims=True) - JUMP_COST)
    prior = -0.5 * (drifts / (DRIFT_PRIOR_PPM * 1e-6)) ** 2
    drift = float(drifts[int(np.argmax(total.max(1) + prior))])

    one = np.array([drift])
    totals = [read(0, one)[0]]
    for k in range(1, len(t)):
        totals.append(read(k, one)[0] + np.maximum(totals[-1], totals[-1].max() - JUMP_COST))
    state = int(np.argmax(totals[-1]))
    path = [state]
    for before in reversed(totals[:-1]):
        if before[state] < before.max() - JUMP_COST:
            state = int(np.argmax(before))
        path.append(state)
    lag_s = lags_s[zero] + u[path[::-1]] * step_s
    return drift, _without_small(lag_s)


def _without_small(lag_s: Array) -> Array:
    """(K,) lags of a path, its pieces of fewer windows than LEAST_PIECE joined to the one before,
    and steps that are none: who speaks from where changes the sound's way by milliseconds."""
    out = lag_s.copy()
    edges = [0, *(np.flatnonzero(np.diff(lag_s)) + 1).tolist(), len(lag_s)]
    kept: list[tuple[int, int]] = []
    for a, b in pairwise(edges):
        if b - a >= LEAST_PIECE and (
            not kept or abs(lag_s[a] - np.median(lag_s[slice(*kept[-1])])) >= LEAST_JUMP_S
        ):
            kept.append((a, b))
        elif b - a >= LEAST_PIECE:
            kept[-1] = kept[-1][0], b
    for k, (a, b) in enumerate(kept):
        begin = 0 if k == 0 else a
        end = len(lag_s) if k == len(kept) - 1 else kept[k + 1][0]
        out[begin:end] = np.median(lag_s[a:b])
    return out


def _pieces(
    likelihood: Array, lags_s: Array, t: Array, path: Array, drift: float
) -> tuple[NDArray[np.int_], tuple[Array, Array, float] | None]:
    """(K,) the piece of each window, and their :func:`_fit`; steps that vanish in it are none."""
    while True:
        piece = np.concatenate([[0], np.cumsum(np.abs(np.diff(path)) > 1e-9)])
        starts = np.array([path[piece == p][0] for p in range(piece[-1] + 1)])
        fitted = _fit(likelihood, lags_s, t, piece, starts, drift)
        if fitted is None or len(starts) == 1:
            return piece, fitted
        small = np.abs(np.diff(fitted[0][:-1])) < LEAST_JUMP_S
        if not small.any():
            return piece, fitted
        k = int(np.argmax(small))
        path = np.where(piece == k + 1, starts[k], path)


def _fit(
    likelihood: Array,
    lags_s: Array,
    t: Array,
    piece: NDArray[np.int_],
    starts: Array,
    drift: float,
) -> tuple[Array, Array, float] | None:
    """Lags of the P pieces and the common drift (P+1,) of the greatest likelihood; covariance; χ².

    Fisher scoring: the information of a window is the common peak's curvature times its height.
    """
    A = np.column_stack([piece[:, None] == np.arange(len(starts)), t]).astype(np.float64)
    theta = np.append(starts, drift)
    near = np.abs(lags_s[None] - (A @ theta)[:, None]) < 0.6
    splines = [CubicSpline(lags_s[m], c[m]) for c, m in zip(likelihood, near, strict=True)]
    prior = np.zeros((len(theta), len(theta)))
    prior[-1, -1] = 1 / (DRIFT_PRIOR_PPM * 1e-6) ** 2

    def read(order: int) -> Array:
        return np.array([f(x, order) for f, x in zip(splines, A @ theta, strict=True)])

    for _ in range(30):
        g, bend = read(1), -read(2).sum()
        if bend <= 0:
            return None
        information = np.full(len(t), bend / len(t))
        cov = np.linalg.inv((A * information[:, None]).T @ A + prior)
        step = cov @ (A.T @ g - prior @ theta)
        limit = 0.01 / max(float(np.abs(A @ step).max()), 1e-15)
        theta = theta + step * min(1.0, limit)
        if np.abs(A @ step).max() < 1e-6:
            break
    if np.abs(A @ theta - A @ np.append(starts, drift)).max() > 0.3:
        return None
    chi2 = float(np.mean(g**2) / (bend / len(t)))
    return theta, cov * max(chi2, 1.0), chi2


def _jumps(
    likely: _Pair,
    theta: Array,
    centre_s: Array,
    piece: NDArray[np.int_],
    middle_s: float,
) -> tuple[Jump, ...]:
    """Where the lag changes from piece to piece, by the log-likelihood sample by sample."""
    out = []
    margin = 2 * likely.size / likely.rate_hz
    for p in range(len(theta) - 2):
        last, first = centre_s[piece == p][-1], centre_s[piece == p + 1][0]
        at_s = np.arange(last - margin, first + margin, 1 / likely.rate_hz)
        at_s = likely.left_s + np.round((at_s - likely.left_s) * likely.rate_hz) / likely.rate_hz
        i = np.round((at_s - likely.left_s) * likely.rate_hz).astype(int)
        at_s, i = at_s[(i >= 0) & (i < len(likely.left))], i[(i >= 0) & (i < len(likely.left))]
        gain = np.zeros(len(i))
        for sign, lag in ((1.0, theta[p]), (-1.0, theta[p + 1])):
            j = likely.right_at(at_s, lag + theta[-1] * (at_s - middle_s))
            gain += sign * np.where(j >= 0, (likely.left[i] * likely.right[j]).sum(1), 0.0)
        total = np.cumsum(gain)
        weight = np.exp(total - total.max())
        mean = float((weight * at_s).sum() / weight.sum())
        spread = float(np.sqrt((weight * (at_s - mean) ** 2).sum() / weight.sum()))
        out.append(Jump(mean, float(theta[p + 1] - theta[p]), float(np.hypot(spread, margin / 4))))
    return tuple(out)
