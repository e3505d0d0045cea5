"""What a camera's picture shows, as an activity: how much changes from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import CalibrationError
from calibration.transform import Array
from sessions.clock.activity import Sense

# Two views of one room move differently strong: a match under 8 σ may be another one's.
MOTION = Sense("motion", rate_hz=50.0, slow_s=4.0, smooth_s=0.03, floor_s=0.01, least_score=8.0)

#: A written date is looked for in so long a part, at rates of half so many pictures a second, and
#: found where one instant of so many seconds at least stands so many spreads of all above them.
TICKING_S, LEAST_BINS, LEAST_SECONDS, TICKS = 60.0, 16, 12, 6.0


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
        what brightens or darkens the whole picture (lamps, automatic exposure); NaN where a clock
        that the camera writes into its pictures ticks.
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
    between = (t[1:] + t[:-1]) / 2
    return between, without_ticks(between, np.array(energy))


def without_ticks(times_s: Array, energy: Array) -> Array:
    """(N,) the same, NaN about each full second of a date that is written into the pictures.

    Two cameras' dates tick at different instants, each second anew: a match of the two would be
    that of their dates. In parts of ``TICKING_S`` it is looked at which instant of every second
    moves more than all others do.
    """
    out = np.array(energy, np.float64)
    if len(times_s) < 2:
        return out
    step_s = float(np.median(np.diff(times_s)))
    bins = round(2 / step_s)  # of one step each, half a step apart
    if bins < LEAST_BINS:
        return out
    begin = np.arange(bins) / bins
    part = ((times_s - times_s[0]) / TICKING_S).astype(int)
    for k in range(part[-1] + 1):
        mine = np.flatnonzero(part == k)
        after = (times_s[mine][:, None] - begin) % 1.0  # each sample, after each bin's begin
        if (after < step_s).sum(0).min() < LEAST_SECONDS:  # too short, or the rate varies
            continue
        usual = np.array([np.median(energy[mine][a < step_s]) for a in after.T])
        above = usual - np.median(usual)
        spread = 1.4826 * float(np.median(np.abs(above)))
        best = int(np.argmax(above))
        if above[best] > TICKS * max(spread, 1e-9):
            near = (after[:, best] + step_s) % 1.0 < 3 * step_s  # a step to either side
            out[mine[near]] = np.nan
    return out


def stretches(duration_s: float, n: int = 5, length_s: float = 60.0) -> Array:
    """(n, 2) begin and end of the parts of a lesson that are looked at for motion, seconds.

    Spread from the lesson's begin to its end, because drift shows over time only: on simulated half
    hours five minutes spread like this give the clock to 40 ms everywhere, the first 90 s alone
    give it in a quarter of the cases and to 0.2 s at the end. A lesson that is not longer than all
    of them is taken whole. Activity between the parts is simply left out.
    """
    if duration_s <= n * length_s:
        return np.array([[0.0, max(duration_s, 0.0)]])
    begin = np.linspace(0.0, duration_s - length_s, n)
    return np.column_stack([begin, begin + length_s])
