"""What one camera perceives, as numbers: :class:`Activity`, how it is read, even samples of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from calibration.errors import CalibrationError
from calibration.transform import Array


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


def evenly(activity: Activity, sense: Sense) -> Array:
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
