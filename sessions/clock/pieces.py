"""Near the best line: where the clock jumps, the lags of the pieces, their drift and covariance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter1d
from scipy.signal import correlate, get_window
from scipy.special import logsumexp

from calibration.transform import Array
from sessions.clock.activity import Sense
from sessions.clock.clock import Clock, Jump
from sessions.clock.windows import MAX_DRIFT_PPM, Line, Pair, correlate_windows

# A quartz clock is within 50 ppm, a camera that calls 29.97 Hz 30 is 1000 ppm off. This is what is
# believed about the drift before looking, and it keeps short recordings from inventing one.
DRIFT_PRIOR_PPM = 150.0
NEAR_S = 3.0  # jumps that are looked for
JUMP_COST = 16.0  # log-likelihood that a jump must bring
JUMP_CHANCE = 0.4  # of a jump in a recording, before looking: one that may be unseen goes into σ
UNLOOKED_S = (JUMP_CHANCE / 3) ** 0.5  # 1σ of a jump by up to a second before anybody looked
HELD = 0.997  # the share of what may be that 3 σ hold
LEAST_JUMP_S = 0.02
LEAST_PIECE = 4  # windows between two jumps
FINE_S = 0.01
AT_ONCE = 1_000_000  # samples of all channels whose spectra are in memory together


def refine(
    pair: Pair, line: Line, sense: Sense, known: Sequence[Jump] = ()
) -> tuple[Clock, float, tuple[float, float]] | None:
    """The likeliest path of lags near the line: jumps, offsets of the pieces, the common drift; 1σ
    of the jumps that may have gone unseen; how long either end is, where most go unseen, and 1σ.

    known : interruptions that are closed in ``pair``; what they shift by is measured here.
    """
    ends_s = pair.left_s + np.array([0.0, pair.duration_s])
    at = ends_s, line.lag_s + line.drift * (ends_s - line.middle_s)
    chi2 = 1.0
    for _ in range(2):  # what the two have in common is seen better once they are aligned
        likely = pair  # the round's before is let go: a class of an hour is a hundred megabytes
        likely = replace(pair, left=_weighted(pair, *at, chi2))
        w = correlate_windows(likely, line.lag_s, NEAR_S + 0.8 + abs(line.drift) * pair.duration_s)
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
        cuts = np.searchsorted(at[0], [j.at_s for j in known])
        piece, fitted = _pieces(curve, lags_s, t, path, drift, cuts)
        if fitted is None:
            return None
        chi2 *= max(fitted[2], _scatter(curve, lags_s, path + drift * t), 1.0)
    assert fitted is not None
    theta, covariance, _ = fitted
    covariance *= _spread(curve, lags_s, path + drift * t, covariance[:-1, :-1].min())
    unseen_s, at_ends_s = _unseen_jumps(curve, lags_s, path, t, drift)
    if len(t) < 2 * LEAST_PIECE:  # no jump can be found; one window may deny it by chance
        unseen_s = max(unseen_s, UNLOOKED_S)
    covariance[:-1, :-1] += sense.floor_s**2  # common to all pieces
    covariance[-1, -1] += (sense.floor_s / pair.duration_s) ** 2
    jumps = _jumps(likely, theta, at[0], piece, line.middle_s, known)
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
    return clock, unseen_s, (LEAST_PIECE * pair.size / pair.rate_hz, at_ends_s)


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


def _unseen_jumps(
    curve: Array, lags_s: Array, path: Array, t: Array, drift: float
) -> tuple[float, float]:
    """1σ of the lag where it is least known, of the jumps that the likelihood (K, L) leaves open;
    and a third of what holds nearly all of them in the first and last LEAST_PIECE windows: a jump
    there is none of the path's, and the few windows behind it may contradict it by chance.

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
    fits = np.array([  # (K, off, D), of an hour 12 MB
        np.interp(at_s + moved_s + off_s[:, None], lags_s, c)
        for at_s, moved_s, c in zip(path + drift * t, turned_s, curve, strict=True)
    ])  # fmt: skip
    total = passed(fits)
    total += passed(fits[::-1])[::-1]
    total += fits
    del fits
    total -= 0.5 * (drifts / (DRIFT_PRIOR_PPM * 1e-6)) ** 2
    total -= logsumexp(total, axis=(1, 2), keepdims=True)
    chance = np.exp(total, out=total)
    where_s = off_s[:, None] + turned_s[:, None]
    centre = (chance * where_s).sum() / len(t)  # its own error is in the fit's σ
    off_by_s = np.abs(where_s - centre).reshape(len(t), -1)
    chance = chance.reshape(len(t), -1)
    ends = np.r_[:LEAST_PIECE, -LEAST_PIECE:0]
    order = np.argsort(off_by_s[ends], 1)
    beyond = np.take_along_axis(chance[ends], order, 1).cumsum(1) > HELD
    limit_s = np.take_along_axis(off_by_s[ends], order, 1)[np.arange(len(ends)), beyond.argmax(1)]
    at_ends_s = float(limit_s.max()) / 3
    return float(np.percentile(np.sqrt((chance * off_by_s**2).sum(1)), 90)), at_ends_s


def _weighted(pair: Pair, at_s: Array, lag_s: Array, chi2: float) -> Array:
    """Left's samples (N, C) filtered so that their product with right's is a log-likelihood.

    Of two signals with a common part, the likelihood of a delay is their cross-spectrum weighted
    with γ / ((1 − γ²) √(Pxx Pyy)) (Hannan and Thomson 1973): frequencies count as far as they are
    coherent. at_s, lag_s : how the two are aligned so far. chi2 : by how much it is too sure.
    """
    time_s = pair.left_s + np.arange(len(pair.left)) / pair.rate_hz
    j = pair.right_at(time_s, np.interp(time_s, at_s, lag_s))
    both = (j >= 0) & pair.left.any(1) & np.asarray(pair.right.any(1))[j]
    both = both[:, None]
    x = np.where(both, pair.left, 0.0)
    n = min(int(max(pair.size, 2 * pair.rate_hz)), len(x))
    share = max(float(both.mean()), 1e-3)

    # a class has a hundred channels: all at once their transforms would be half a gigabyte
    count = max(AT_ONCE // len(x), 1)
    parts = [slice(k, k + count) for k in range(0, x.shape[1], count)]
    aligned = ((x[:, k], np.where(both, pair.right[j, k], 0.0)) for k in parts)
    pxx, pyy, pxy = _spectra(aligned, n) / share
    coherence = pxy**2 / np.maximum(pxx * pyy, 1e-300)
    chance = n / max(share * len(x) * x.shape[1], n)  # what unrelated signals show
    sure = coherence > 3 * chance
    coherence = np.clip((coherence - chance) / (1 - min(chance, 0.9)), 0.0, 0.98) * sure
    weight = np.sqrt(coherence) / (1 - coherence) / np.sqrt(np.maximum(pxx * pyy, 1e-300))
    weight[np.linspace(0, pair.rate_hz / 2, len(weight)) > pair.top_hz] = 0.0
    # the spectra are sums over the channels, of which bands of one sound or a class that turns
    # together are fewer than they seem
    size = np.linalg.norm(x, axis=0)
    common = x.T @ x / np.maximum(np.outer(size, size), 1e-300)
    weight *= int((size > 0).sum()) ** 2 / max(float((common**2).sum()), 1.0) / chi2
    del x
    padded = next_fast_len(len(pair.left) + n, real=True)
    full = np.interp(rfftfreq(padded), np.linspace(0, 0.5, len(weight)), weight)
    out = np.empty_like(pair.left)
    for k in parts:
        spectra = rfft(pair.left[:, k], padded, axis=0) * full[:, None]
        out[:, k] = irfft(spectra, padded, axis=0)[: len(out)]
    return out


def _spectra(signals: Iterable[tuple[Array, Array]], n: int) -> Array:
    """(3, F) power of x and of y, and size of their cross-spectrum: sums over the channels, means
    over stretches of n samples that overlap by half, under a Hann window (Welch 1967), and over
    three neighbouring frequencies. signals : x, y (N, c) of some channels after others.
    """
    window = get_window("hann", n)
    window /= np.linalg.norm(window)
    powers, cross = np.zeros((2, n // 2 + 1)), np.zeros(n // 2 + 1, np.complex128)
    for pair in signals:
        X, Y = (rfft(sliding_window_view(v, n, axis=0)[:: n - n // 2] * window) for v in pair)
        powers += [np.einsum("tcf,tcf->f", Z, Z.conj()).real / len(Z) for Z in (X, Y)]
        cross += np.einsum("tcf,tcf->f", X.conj(), Y) / len(X)
    return np.asarray(uniform_filter1d(np.stack([*powers, np.abs(cross)]), 3))


def _likeliest_path(
    likelihood: Array, lags_s: Array, t: Array, line: Line, duration_s: float
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
    likelihood: Array,
    lags_s: Array,
    t: Array,
    path: Array,
    drift: float,
    cuts: NDArray[np.int_],
) -> tuple[NDArray[np.int_], tuple[Array, Array, float] | None]:
    """(K,) the piece of each window, and their :func:`_fit`; steps that vanish in it are none.

    cuts : windows at which a piece begins in any case.
    """
    cut = np.isin(np.arange(1, len(t)), cuts)
    while True:
        begins = (np.abs(np.diff(path)) > 1e-9) | cut
        piece = np.concatenate([[0], np.cumsum(begins)])
        starts = np.array([path[piece == p][0] for p in range(piece[-1] + 1)])
        fitted = _fit(likelihood, lags_s, t, piece, starts, drift)
        if fitted is None or len(starts) == 1:
            return piece, fitted
        small = (np.abs(np.diff(fitted[0][:-1])) < LEAST_JUMP_S) & ~cut[begins]
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


def _memory(gain: Array) -> float:
    """Over how many samples one error lasts: 1 + 2 Σ of their correlation, up to where it ends."""
    x = gain - gain.mean()
    r = correlate(x, x)[len(x) - 1 :]
    r = r / max(float(r[0]), 1e-12)
    return float(1 + 2 * r[1 : int(np.argmax(r <= 0)) or len(r)].sum())


def sample_times(pair: Pair, ends_s: tuple[float, float]) -> Array:
    """(N,) times of left's samples between two ends."""
    time_s = pair.left_s + np.arange(len(pair.left)) / pair.rate_hz
    return np.asarray(time_s[(time_s >= ends_s[0]) & (time_s < ends_s[1])])


def match_at(pair: Pair, at_s: Array, lag_s: float, drift: float, middle_s: float) -> Array:
    """(N,) products of left's samples at these times with right's at a lag; 0 where it has none."""
    i = np.round((at_s - pair.left_s) * pair.rate_hz).astype(int)
    j = pair.right_at(at_s, lag_s + drift * (at_s - middle_s))
    return np.where(j >= 0, (pair.left[i] * pair.right[j]).sum(1), 0.0)


def _changes(
    likely: Pair, lags_s: Array, drift: float, ends_s: tuple[float, float], middle_s: float
) -> tuple[Array, Array]:
    """(N,) times between two ends, and how likely (log) the lag changes there from one to another.

    Neighbouring samples err alike (:func:`_memory`).
    """
    at_s = sample_times(likely, ends_s)
    before, after = (match_at(likely, at_s, float(lag), drift, middle_s) for lag in lags_s)
    return at_s, np.cumsum(before - after) / _memory(before - after)


def _jumps(
    likely: Pair,
    theta: Array,
    centre_s: Array,
    piece: NDArray[np.int_],
    middle_s: float,
    known: Sequence[Jump],
) -> tuple[Jump, ...]:
    """Where the lag changes from piece to piece, by the log-likelihood sample by sample; of the
    interruptions that are known already, by how much."""
    out = []
    margin = 2 * likely.size / likely.rate_hz
    for p in range(len(theta) - 2):
        before, after = centre_s[piece == p], centre_s[piece == p + 1]
        closed = [j for j in known if before[-1] < j.at_s <= after[0]]
        if closed:
            shift_s = sum(j.shift_s for j in closed) + float(theta[p + 1] - theta[p])
            out.append(replace(closed[0], shift_s=shift_s))
            continue
        wider = margin
        while True:
            ends = max(before[-1] - wider, before[0]), min(after[0] + wider, after[-1])
            at_s, total = _changes(likely, theta[p : p + 2], float(theta[-1]), ends, middle_s)
            at_end = min(total.argmax(), len(total) - 1 - total.argmax()) < likely.size
            if not at_end or ends == (before[0], after[-1]):
                break
            wider *= 2
        weight = np.exp(total - total.max())
        mean = float((weight * at_s).sum() / weight.sum())
        spread = float(np.sqrt((weight * (at_s - mean) ** 2).sum() / weight.sum()))
        out.append(Jump(mean, float(theta[p + 1] - theta[p]), float(np.hypot(spread, margin / 4))))
    return tuple(out)
