"""One clock for two videos: judge their frame times, estimate offset and drift, pair the frames.

Pure functions on arrays; nothing here opens a file. The convention is session.toml's: *offset is
the right camera's clock minus the left's*, and the left camera's clock is the lesson's:

    t_right = t_left + offset_s + drift_ppm · 1e-6 · t_left

Where no trustworthy times exist, offset and drift are estimated from how much the two pictures move
(:func:`motion_energy`) or from any other activity that both cameras see (:func:`estimate_clock`).
A lesson too quiet, too short or too regular for that gives the status ``cannot be estimated`` with
the reason, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from calibration.errors import CalibrationError
from calibration.transform import Array
from calibration.verdict import Cause

# A quartz clock is within 50 ppm, a camera that calls 29.97 Hz 30 is 1000 ppm off. This is what is
# believed about the drift before looking, and it keeps short recordings from inventing one.
DRIFT_PRIOR_PPM = 300.0


@dataclass(frozen=True)
class Clock:
    """How the right camera's clock runs against the left's.

    offset_s : right's clock minus left's when left's shows 0. drift_ppm : how much more right's
    counts, parts per million. sigma_*: 1σ of each; correlation : between the two errors.
    source : where it comes from, e.g. ``session.toml``, ``timestamps.csv``, ``pictures``.
    """

    offset_s: float = 0.0
    drift_ppm: float = 0.0
    sigma_offset_s: float = 0.0
    sigma_drift_ppm: float = 0.0
    source: str = "assumed"
    correlation: float = 0.0

    def right_to_left(self, t_right_s: ArrayLike) -> Array:
        """Times on the right camera's clock → the same moments on the left's (the lesson's)."""
        t = np.asarray(t_right_s, np.float64)
        return np.asarray((t - self.offset_s) / (1 + self.drift_ppm * 1e-6))

    def left_to_right(self, t_left_s: ArrayLike) -> Array:
        """The inverse of :meth:`right_to_left`."""
        t = np.asarray(t_left_s, np.float64)
        return np.asarray(t * (1 + self.drift_ppm * 1e-6) + self.offset_s)

    def sigma_s(self, t_left_s: ArrayLike) -> Array:
        """1σ of the difference between the clocks at moments of the lesson, seconds."""
        t = np.asarray(t_left_s, np.float64)
        a, b = self.sigma_offset_s, self.sigma_drift_ppm * 1e-6
        return np.asarray(
            np.sqrt(np.maximum(a * a + 2 * self.correlation * a * b * t + b * b * t * t, 0))
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return dict(vars(self))


# -- are the times themselves any good? ------------------------------------------------------------
@dataclass(frozen=True)
class TimesReport:
    """What a video's frame times say about it.

    rate_hz : median frame rate. jitter_s : half the distance of
    the frame intervals' 16th and 84th percentile. gaps : (G, 2) start on
    the video's own clock and length in seconds of the intervals in which frames are missing.
    dropped : how many frames these would have been. causes : what is wrong, in words.
    """

    name: str
    frames: int
    monotonic: bool
    rate_hz: float
    duration_s: float
    jitter_s: float
    gaps: Array
    dropped: int
    causes: tuple[Cause, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return {
            **{k: v for k, v in vars(self).items() if k not in ("gaps", "causes")},
            "gaps": self.gaps.tolist(),
            "causes": [vars(c) for c in self.causes],
        }


def judge_times(
    times_s: ArrayLike, name: str = "video", stated_duration_s: float | None = None
) -> TimesReport:
    """Judge one video's frame times: order, rate, gaps, dropped frames, duration.

    Parameters
    ----------
    times_s : (N,) seconds, of each frame, from the container or timestamps.csv.
    stated_duration_s : what the container says, if it does.
    """
    t = np.asarray(times_s, np.float64).ravel()
    causes: list[Cause] = []

    def add(code: str, severity: Literal["WARN", "FAIL"], message: str, action: str) -> None:
        causes.append(Cause(code, severity, f"{name}: {message}", action))

    if t.size < 2 or not np.isfinite(t).all():
        bad = int((~np.isfinite(t)).sum())
        message = f"{bad} frames have no time" if bad else f"{t.size} frames have a time"
        add("times_missing", "FAIL", message, "Record again, or let the clock be estimated.")
        return TimesReport(name, t.size, False, 0.0, 0.0, 0.0, np.zeros((0, 2)), 0, tuple(causes))

    step = np.diff(t)
    backwards = int((step <= 0).sum())
    if backwards:
        first = t[int(np.argmax(step <= 0))]
        add(
            "times_not_monotonic",
            "FAIL",
            f"{backwards} of {t.size} frames are not later than the one before "
            f"(the first after {first:.3f} s)",
            "Leave timestamps.csv out and let the clock be estimated from the pictures.",
        )
    usual = float(np.median(step[step > 0])) if (step > 0).any() else 0.0
    if usual == 0:
        return TimesReport(name, t.size, False, 0.0, 0.0, 0.0, np.zeros((0, 2)), 0, tuple(causes))
    jitter = float(np.diff(np.percentile(step, [16, 84]))[0] / 2)
    missing = np.maximum(np.round(step / usual).astype(np.int64) - 1, 0)
    missing[step < 1.5 * usual] = 0
    gaps = np.column_stack([t[:-1], step])[missing > 0]
    dropped = int(missing.sum())
    if dropped and dropped > 0.001 * t.size:
        worst = gaps[np.argmax(gaps[:, 1])]
        add(
            "frames_dropped",
            "WARN" if dropped < 0.05 * t.size else "FAIL",
            f"about {dropped} frames are missing in {len(gaps)} gaps; the longest lasts "
            f"{worst[1]:.2f} s at {worst[0]:.1f} s",
            "Frame times are used, so this costs data, not synchrony; check the recorder's disk.",
        )
    if jitter > 0.2 * usual:
        add(
            "rate_varies",
            "WARN",
            f"frames come every {1e3 * usual:.0f} ± {1e3 * jitter:.0f} ms: the rate varies",
            "Switch the camera's variable frame rate off.",
        )
    duration = float(t.max() - t.min() + usual)
    if stated_duration_s is not None and abs(stated_duration_s - duration) > max(
        0.5, 0.005 * duration
    ):
        add(
            "duration_mismatch",
            "WARN",
            f"frame times span {duration:.1f} s, the file says {stated_duration_s:.1f} s",
            "The file may be cut off; check its end.",
        )
    return TimesReport(
        name, t.size, backwards == 0, 1 / usual, duration, jitter, gaps, dropped, tuple(causes)
    )


def judge_pair(left: TimesReport, right: TimesReport) -> tuple[Cause, ...]:
    """What the two videos' times say together: lengths and rates that do not fit."""
    causes = []
    difference = right.duration_s - left.duration_s
    longest = max(left.duration_s, right.duration_s)
    if longest > 0 and abs(difference) > max(1.0, 0.002 * longest):
        longer = "right" if difference > 0 else "left"
        causes.append(
            Cause(
                "durations_differ",
                "WARN",
                f"the {longer} video is {abs(difference):.1f} s longer, more than clocks drift: "
                "they were not started and stopped together",
                "Let the clock be estimated from the pictures (leave offset_s out).",
            )
        )
    if min(left.rate_hz, right.rate_hz) > 0 and (
        abs(right.rate_hz - left.rate_hz) > 0.02 * left.rate_hz
    ):
        causes.append(
            Cause(
                "rates_differ",
                "WARN",
                f"the cameras run at {left.rate_hz:.2f} and {right.rate_hz:.2f} frames per second",
                "Set both to the same rate: the pairs are then closer in time.",
            )
        )
    return tuple(causes)


# -- activity --------------------------------------------------------------------------------------
def motion_energy(frames: Iterable[NDArray[Any]], times_s: ArrayLike) -> tuple[Array, Array]:
    """How much a video's picture changes from frame to frame.

    Parameters
    ----------
    frames : N small grey pictures (h, w), e.g. 160 × 90; colour is averaged. An iterator is enough.
    times_s : (N,) their times.

    Returns
    -------
    times_s : (N−1,) half-way between two frames (where the change belongs, whatever the rate).
    energy : (N−1,) mean absolute change in grey levels, above the noise of the picture and without
        what brightens or darkens the whole picture (lamps, automatic exposure).
    """
    t = np.asarray(times_s, np.float64).ravel()
    before: NDArray[np.float32] | None = None
    energy: list[float] = []
    n = 0
    for frame in frames:
        now = np.asarray(frame, np.float32)
        if now.ndim == 3:
            now = now.mean(2)
        if before is not None:
            if now.shape != before.shape:
                raise CalibrationError(
                    "the pictures of one video change their size",
                    found=now.shape, expected=before.shape,
                )  # fmt: skip
            change = now - before
            change = np.abs(change - np.median(change))
            noise = 1.4826 * 3 * float(np.median(change))
            energy.append(float(np.maximum(change - noise, 0).mean()))
        before = now
        n += 1
    if n != t.size:
        raise CalibrationError("not one time for each picture", found=t.size, expected=n)
    return (t[1:] + t[:-1]) / 2, np.array(energy)


def stretches(duration_s: float, n: int = 5, length_s: float = 60.0) -> Array:
    """(n, 2) begin and end of the parts of a lesson that :func:`estimate_clock` needs, seconds.

    Spread from the lesson's begin to its end, because drift shows over time only: on simulated half
    hours five minutes spread like this give the clock to 40 ms everywhere, the first 90 s alone
    give it in a quarter of the cases and to 0.2 s at the end. A lesson that is not longer than all
    of them is taken whole. Activity between the parts is simply left out.
    """
    if duration_s <= n * length_s:
        return np.array([[0.0, max(duration_s, 0.0)]])
    begin = np.linspace(0.0, duration_s - length_s, n)
    return np.column_stack([begin, begin + length_s])


# -- the estimate ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class ClockEstimate:
    """The outcome of :func:`estimate_clock`.

    clock : None unless status is ``estimated``. reason : why, in words. score : height of the
    common peak in standard deviations of the background. rival : the next peak's height over it.
    windows : how many stretches of the recording were compared. causes : e.g. a clock that jumps.
    """

    status: Literal["estimated", "cannot be estimated"]
    clock: Clock | None
    reason: str
    score: float = 0.0
    rival: float = 0.0
    windows: int = 0
    causes: tuple[Cause, ...] = ()


# Measured: 90 pairs of unrelated simulated lessons of 1–5 minutes reach at most 5.0 σ.
MIN_SCORE = 6.0
MAX_RIVAL = 0.7  # movement with a period matches itself again, nearly as well, one period on


def estimate_clock(
    times_left_s: ArrayLike,
    activity_left: ArrayLike,
    times_right_s: ArrayLike,
    activity_right: ArrayLike,
    *,
    max_offset_s: float = 30.0,
    max_drift_ppm: float = 1500.0,
) -> ClockEstimate:
    """Estimate offset and drift from the activity that two cameras see of the same room.

    Slow changes are taken out of both and bursts tamed. The recording is cut into stretches. Each
    is correlated at all lags with the other camera's activity, the curves are added along every
    straight line offset + drift · t, and the best line is refined below the frame by the sum of the
    splines through the curves. Its covariance is the sandwich H⁻¹ G H⁻¹ over the stretches, so that
    it reflects how much they really differ.

    Parameters
    ----------
    times_*_s : (N,) each on its own camera's clock, ascending.
    activity_* : (N,) or (N, C) any number that rises when something moves; C matched channels
        (e.g. tracked students) are correlated channel by channel and added. NaN: unknown.
    max_offset_s, max_drift_ppm : the range that is searched.
    """
    tl, xl = _checked(times_left_s, activity_left, "left")
    tr, xr = _checked(times_right_s, activity_right, "right")
    if xl.shape[1] != xr.shape[1]:
        raise CalibrationError(
            "the cameras' activity has different channels", found=xr.shape[1], expected=xl.shape[1]
        )
    nothing: Literal["cannot be estimated"] = "cannot be estimated"
    if tl.size < 50 or tr.size < 50:
        return ClockEstimate(nothing, None, "too short: fewer than 50 frames")
    duration = tl[-1] - tl[0]
    rate = float(np.clip(max(1 / np.median(np.diff(tl)), 1 / np.median(np.diff(tr))), 2.0, 60.0))
    window_s = float(np.clip(duration / 25, 2.0, 20.0))
    if duration < 5 * window_s or tr[-1] - tr[0] < 5 * window_s:
        return ClockEstimate(
            nothing, None, f"too short: {duration:.0f} s, {5 * window_s:.0f} s needed"
        )

    left, right = _even(tl, xl, rate), _even(tr, xr, rate)
    curves, overlap, centres, lags = _curves(
        left, right, tl[0], tr[0], rate, window_s, max_offset_s
    )
    usable = (np.abs(curves).max(1) > 0) & (overlap.max(1) > 0)
    curves, overlap, centres = curves[usable], overlap[usable], centres[usable]
    if len(curves) < 5:
        return ClockEstimate(
            nothing, None, "too quiet: hardly anything moves in one of the pictures"
        )
    middle = float(centres.mean())
    lag0, drift0, stack = _best_line(
        curves, overlap, centres - middle, lags, duration, max_drift_ppm * 1e-6
    )
    score, rival = _peak_quality(stack, lags, lag0)
    n = len(curves)
    if score < MIN_SCORE:
        return ClockEstimate(
            nothing, None,
            f"too quiet: the best match stands {score:.1f} σ above chance, {MIN_SCORE:.0f} needed",
            score, rival, n,
        )  # fmt: skip
    if rival > MAX_RIVAL:
        return ClockEstimate(
            nothing, None,
            f"ambiguous: the movement repeats, another offset matches {100 * rival:.0f} % as well",
            score, rival, n,
        )  # fmt: skip

    clock = _refine(curves, centres, lags, lag0, drift0, rate)
    if clock is None:
        return ClockEstimate(nothing, None, "no clear peak below the frame", score, rival, n)
    off, causes = _jumps(curves, overlap, centres, lags, clock, window_s)
    if off.any():  # the line of the greater part, undisturbed by the rest
        clock = _refine(curves[~off], centres[~off], lags, lag0, drift0, rate) or clock
        _, causes = _jumps(curves, overlap, centres, lags, clock, window_s)
    return ClockEstimate("estimated", clock, "", score, rival, n, causes)


def check_clock(
    declared: Clock, estimated: ClockEstimate, frame_s: float, duration_s: float = 0.0
) -> tuple[Cause, ...]:
    """Compare a declared clock (container, timestamps.csv, session.toml) with the pictures' own.

    Names a difference that is both beyond 4σ and beyond half a frame, at the lesson's begin or at
    its end, ``duration_s`` later (clocks that agreed at the begin drift apart).
    """
    if estimated.clock is None:
        return (
            Cause(
                "clock_unchecked",
                "WARN",
                f"the clock ({declared.source}) could not be checked against the pictures: "
                f"{estimated.reason}",
                "Clap once in view of both cameras at the beginning and the end.",
            ),
        )
    at = np.array([0.0, duration_s])
    said, seen = declared.left_to_right(at) - at, estimated.clock.left_to_right(at) - at
    sigma = np.hypot(estimated.clock.sigma_s(at), declared.sigma_s(at))
    off = np.abs(seen - said) / np.maximum(4 * sigma, frame_s / 2)
    k = int(np.argmax(off))
    if off[k] <= 1:
        return ()
    when = (
        "" if k == 0 else f" {at[k]:.0f} s later (a drift of {estimated.clock.drift_ppm:+.0f} ppm)"
    )
    return (
        Cause(
            "clock_contradicted",
            "FAIL" if abs(seen[k] - said[k]) > 0.5 else "WARN",
            f"{declared.source} says the right camera is {said[k]:+.3f} s ahead of the "
            f"left, the pictures say {seen[k]:+.3f} ± {estimated.clock.sigma_s(at[k]):.3f} s{when}",
            "Leave offset_s and timestamps.csv out, so that the pictures decide.",
        ),
    )


# -- pairs -----------------------------------------------------------------------------------------
def pair_frames(
    times_left_s: ArrayLike, times_right_s: ArrayLike, clock: Clock, max_gap_s: float
) -> NDArray[np.int64]:
    """(M, 2) frame numbers (left, right) of frames that are each other's nearest in time.

    times_*_s : (N,) ascending, each on its own camera's clock. A frame occurs at most once, pairs
    ascend, and no pair is further apart than max_gap_s on the lesson's clock.
    """
    tl = np.asarray(times_left_s, np.float64).ravel()
    tr = clock.right_to_left(times_right_s).ravel()
    for name, t in (("left", tl), ("right", tr)):
        if (np.diff(t) < 0).any() or not np.isfinite(t).all():
            raise CalibrationError(
                "frame times do not ascend", where=name, remedy="Judge them first (judge_times)."
            )
    if tl.size == 0 or tr.size == 0:
        return np.zeros((0, 2), np.int64)
    to_right, to_left = _nearest(tr, tl), _nearest(tl, tr)
    i = np.arange(tl.size)
    ok = (to_left[to_right] == i) & (np.abs(tr[to_right] - tl) <= max_gap_s)
    return np.column_stack([i[ok], to_right[ok]]).astype(np.int64)


def _nearest(t: Array, at: Array) -> NDArray[np.int64]:
    """For each of ``at``, the index of the nearest of ``t`` (ascending, not empty)."""
    i = np.clip(np.searchsorted(t, at), 1, max(t.size - 1, 1))
    if t.size == 1:
        return np.zeros(at.size, np.int64)
    return np.asarray(np.where(at - t[i - 1] <= t[i] - at, i - 1, i), np.int64)


# -- inside the estimate ---------------------------------------------------------------------------
def _checked(times_s: ArrayLike, activity: ArrayLike, name: str) -> tuple[Array, Array]:
    t = np.asarray(times_s, np.float64).ravel()
    x = np.asarray(activity, np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if len(x) != t.size:
        raise CalibrationError(
            "not one activity for each time", where=name, found=len(x), expected=t.size
        )
    if (np.diff(t) <= 0).any() or not np.isfinite(t).all():
        raise CalibrationError(
            "times do not ascend", where=name, remedy="Judge them first (judge_times)."
        )
    return t, x


def _even(t: Array, x: Array, rate: float) -> Array:
    """(M, C) resampled evenly, slow changes removed, bursts tamed; gaps are 0 (no information).

    A gap lies between two known samples further apart than any frame rate puts them.
    """
    grid = t[0] + np.arange(int((t[-1] - t[0]) * rate) + 1) / rate
    usual = float(np.median(np.diff(t)))
    out = np.zeros((len(grid), x.shape[1]))
    for c in range(x.shape[1]):
        known = np.isfinite(x[:, c])
        if known.sum() < 10:
            continue
        at, y = t[known], np.interp(grid, t[known], x[known, c])
        after = np.clip(np.searchsorted(at, grid), 1, len(at) - 1)
        gap = at[after] - at[after - 1] > max(3 * usual, 0.25)
        if gap.all():
            continue
        y[gap] = np.median(y[~gap])
        y -= uniform_filter1d(y, max(int(4 * rate), 3), mode="nearest")
        y = gaussian_filter1d(y, 0.08 * rate)
        scale = 1.4826 * float(np.median(np.abs(y[~gap])))
        if scale <= 1e-12 * max(float(np.abs(x[known, c]).max()), 1e-300):
            continue
        y = np.arcsinh(y / scale)
        y[gap] = 0
        out[:, c] = y
    return out


def _curves(
    left: Array,
    right: Array,
    t0_l: float,
    t0_r: float,
    rate: float,
    window_s: float,
    reach_s: float,
) -> tuple[Array, Array, Array, Array]:
    """Cross-correlation of each stretch of left with right at all lags.

    Returns curves (K, L), sums of products; overlap (K, L), how many samples entered; the
    stretches' centres (K,) on left's clock; lags (L,) in seconds, right's clock minus left's.
    """
    n = int(window_s * rate)
    reach = int(reach_s * rate)
    lags = np.arange(-reach, reach + 1)
    starts = np.arange(0, len(left) - n + 1, n)
    curves = np.zeros((len(starts), lags.size))
    overlap = np.zeros((len(starts), lags.size))
    size = next_fast_len(2 * n + 2 * reach + 1, real=True)
    # left sample i is at t0_l + i/rate, right sample j at t0_r + j/rate; whole samples of t0_l−t0_r
    # go into the index, the rest is added back to the lags
    shift = (t0_l - t0_r) * rate
    whole = int(np.round(shift))
    for k, s in enumerate(starts):
        a = left[s : s + n]
        index = np.arange(s + whole - reach, s + whole + n + reach)  # right samples it can meet
        inside = (index >= 0) & (index < len(right))
        b = np.zeros((index.size, right.shape[1]))
        b[inside] = right[index[inside]]
        product = (rfft(b, size, axis=0) * np.conj(rfft(a, size, axis=0))).sum(1)
        curves[k] = irfft(product, size)[: lags.size]
        covered = np.concatenate([[0], np.cumsum(inside)])
        overlap[k] = (covered[n:] - covered[:-n])[: lags.size]
    centres = np.asarray(t0_l + (starts + (n - 1) / 2) / rate)
    # right time − left time at lag index ℓ: (ℓ + whole)/rate + t0_r − t0_l
    return curves, overlap, centres, np.asarray(lags / rate + (whole - shift) / rate)


def _best_line(
    curves: Array, overlap: Array, t: Array, lags: Array, duration: float, max_drift: float
) -> tuple[float, float, Array]:
    """The line lag = a + b·t along which the curves add up highest: a, b, and the stack at b."""
    step_s = lags[1] - lags[0]
    step = step_s / max(duration, 1.0)
    best: tuple[float, float, float, Array] | None = None
    for b in np.arange(-np.ceil(max_drift / step), np.ceil(max_drift / step) + 1) * step:
        total, n = _add_along(curves, overlap, np.round(b * t / step_s).astype(int))
        enough = n > 0.25 * overlap.max(1).sum()
        if not enough.any():
            continue
        stack = np.where(enough, total / np.sqrt(np.maximum(n, 1)), np.nan)
        i = int(np.nanargmax(stack))
        height = stack[i] * (1 - 1e-6 * abs(b) / max_drift)  # of equals, the smaller drift
        if best is None or height > best[0]:
            best = (height, float(lags[i]), float(b), stack)
    if best is None:
        return 0.0, 0.0, np.full(lags.size, np.nan)
    return best[1], best[2], best[3]


def _add_along(curves: Array, overlap: Array, shifts: NDArray[np.int_]) -> tuple[Array, Array]:
    """Σₖ curves[k] and Σₖ overlap[k], each read ``shifts[k]`` lags further on."""
    total, n = np.zeros(curves.shape[1]), np.zeros(curves.shape[1])
    size = total.size
    for k, s in enumerate(shifts):
        src = slice(max(s, 0), size + min(s, 0))
        dst = slice(max(-s, 0), size + min(-s, 0))
        total[dst] += curves[k, src]
        n[dst] += overlap[k, src]
    return total, n


def _peak_quality(stack: Array, lags: Array, lag: float) -> tuple[float, float]:
    """Height of the peak in σ of the background, and the highest other peak relative to it."""
    i = int(np.argmin(np.abs(lags - lag)))
    peak = stack[i]
    if not np.isfinite(peak) or peak <= 0:
        return 0.0, 1.0
    low, high = i, i
    while low > 0 and stack[low - 1] > 0.3 * peak:
        low -= 1
    while high < lags.size - 1 and stack[high + 1] > 0.3 * peak:
        high += 1
    outside = np.concatenate([stack[:low], stack[high + 1 :]])
    outside = outside[np.isfinite(outside)]
    if outside.size < 20:
        return 0.0, 1.0
    sigma = 1.4826 * float(np.median(np.abs(outside - np.median(outside))))
    return float((peak - np.median(outside)) / max(sigma, 1e-12)), float(outside.max() / peak)


def _refine(
    curves: Array, centres: Array, lags: Array, a: float, b: float, rate: float
) -> Clock | None:
    """Newton on Σ Cₖ(a + b tₖ), t from the middle, over splines through the curves near a, b."""
    middle = float(centres.mean())
    t = centres - middle
    near = np.abs(lags[None] - (a + b * t)[:, None]) < 1.5
    whole = near.sum(1) > near.sum(1).max() - 3  # lines may leave the range of lags at an end
    if whole.sum() < 5:
        return None
    splines = [CubicSpline(lags[m], c[m]) for c, m in zip(curves[whole], near[whole], strict=True)]
    t = t[whole]
    A = np.column_stack([np.ones_like(t), t])
    theta = np.array([a, b])

    def slope(order: int) -> Array:
        return np.array([f(x, order) for f, x in zip(splines, A @ theta, strict=True)])

    for _ in range(50):
        g, h = slope(1), slope(2)
        H = (A * h[:, None]).T @ A
        curvature = -np.linalg.eigvalsh(H / np.outer(np.ptp(A, 0) + 1, np.ptp(A, 0) + 1))
        if curvature.min() <= 0:  # not yet in the peak's bowl: climb along the common slope
            step = np.array([np.sign(g.sum()) * 0.25 / rate, 0.0])
        else:
            step = np.linalg.solve(H, -A.T @ g)
            limit = 1.0 / rate / max(np.abs(A @ step).max(), 1e-15)
            step *= min(1.0, limit)
        theta = theta + step
        if np.abs(A @ step).max() < 1e-7:
            break
    g, h = slope(1), slope(2)
    H = (A * h[:, None]).T @ A
    if np.linalg.eigvalsh(-H).min() <= 0 or np.abs(theta[0] - a) > 1.0:
        return None
    G = (A * (g * g)[:, None]).T @ A
    n = len(t)
    cov = np.linalg.inv(H) @ G @ np.linalg.inv(H) * n / (n - 2)
    # measured on simulated lessons of 1–45 minutes: the sandwich is a fifth too small, because the
    # peak's curvature and its slope are taken from the same few stretches
    cov *= 1.25**2
    # frame times carry their own error that no correlation can see: a twentieth of a frame
    cov[0, 0] += (0.05 / rate) ** 2
    prior = np.diag([0.0, 1 / (DRIFT_PRIOR_PPM * 1e-6) ** 2])
    information = np.linalg.inv(cov)
    cov = np.linalg.inv(information + prior)
    theta = cov @ information @ theta
    to_zero = np.array([[1.0, -middle], [0.0, 1.0]])  # the offset when left's clock shows 0
    theta, cov = to_zero @ theta, to_zero @ cov @ to_zero.T
    sigma = np.sqrt(np.diag(cov))
    return Clock(
        offset_s=float(theta[0]),
        drift_ppm=float(theta[1] * 1e6),
        sigma_offset_s=float(sigma[0]),
        sigma_drift_ppm=float(sigma[1] * 1e6),
        source="pictures",
        correlation=float(cov[0, 1] / (sigma[0] * sigma[1])),
    )


def _jumps(
    curves: Array, overlap: Array, centres: Array, lags: Array, clock: Clock, window_s: float
) -> tuple[NDArray[np.bool_], tuple[Cause, ...]]:
    """Parts of the recording whose own best offset is clear and lies off the line: (K,), causes."""
    predicted = clock.left_to_right(centres) - centres
    shifts = np.round((predicted - predicted[0]) / (lags[1] - lags[0])).astype(int)
    jumped = np.zeros(len(curves), bool)
    out = []
    for part in np.array_split(np.arange(len(curves)), max(1, len(curves) // 10)):
        total, n = _add_along(curves[part], overlap[part], shifts[part])
        stack = np.where(n > 0.5 * n.max(), total / np.sqrt(np.maximum(n, 1)), np.nan)
        lag = float(lags[int(np.nanargmax(stack))])
        score, rival = _peak_quality(stack, lags, lag)
        off = lag - predicted[0]
        if score > MIN_SCORE and rival < MAX_RIVAL and abs(off) > 0.25:
            jumped[part] = True
            begin = centres[part[0]] - window_s / 2
            end = centres[part[-1]] + window_s / 2
            out.append(
                Cause(
                    "clock_jumps",
                    "FAIL",
                    f"between {begin:.0f} and {end:.0f} s the right camera is {off:+.2f} s off "
                    "the common clock: frames were lost or the recording was interrupted",
                    "Cut the lesson there and analyse the parts one by one.",
                )
            )
    return jumped, tuple(out)
