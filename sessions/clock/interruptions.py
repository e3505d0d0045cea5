"""A recording that was paused, or lost seconds of itself: before and behind it other lags fit.

Jumps of up to ``NEAR_S`` are found along the likeliest path (pieces.py). A longer one leaves the
best line altogether: what fits the first or the last windows far better than the line does is
sought at other lags, and the interruption closed, so that the rest sees one recording.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from sessions.clock.activity import Activity
from sessions.clock.clock import Jump
from sessions.clock.pieces import match_at, sample_times
from sessions.clock.windows import LEAST_OVERLAP_S, Line, Pair, along, correlate_windows

#: Lags further from the line than this are other ones: the path sees nearer ones for itself.
FAR_S = 2.5
#: Interruptions of up to five minutes are sought.
LONGEST_S = 300.0
#: The line's own match in the windows that another lag fits, as a share of that one's.
LEFT_OVER = 0.5
#: Windows before or behind an interruption that can be found.
LEAST_WINDOWS = 3


def interruption(pair: Pair, line: Line, least: float) -> tuple[Jump, float] | None:
    """The longest interruption, and the lag before it (at the line's middle); None: none is sure.

    least : σ above chance that the other lag's match must stand, without its best window, too.
    """
    w = correlate_windows(pair, line.lag_s, LONGEST_S)
    centre_s, lags_s, count = w.centre_s, w.lags_s, len(w)
    fits, inside = (along(x, centre_s, lags_s, line.drift) for x in (w.curve, w.overlap))
    del w  # in hours of lesson each of these tables is a tenth of a gigabyte
    far = np.abs(lags_s - line.lag_s) > FAR_S
    best = None
    for behind in (False, True):
        one_way = slice(None, None, -1 if behind else 1)
        known = np.cumsum(inside[one_way], 0) >= LEAST_OVERLAP_S * pair.rate_hz
        gain = np.cumsum(fits[one_way], 0)
        gain -= gain[:, ~far].max(1, keepdims=True)
        gain[~(known & far)] = -np.inf
        part = gain[LEAST_WINDOWS - 1 : count - LEAST_WINDOWS]
        if not part.size or not np.isfinite(part).any():
            continue
        row, lag = divmod(int(np.argmax(part)), part.shape[1])
        k = row + LEAST_WINDOWS  # windows of the part
        if best is None or gain[k - 1, lag] > best[0]:
            best = float(gain[k - 1, lag]), behind, k, lag
    if best is None or best[0] <= 0:
        return None
    _, behind, k, lag = best
    mine = slice(count - k, None) if behind else slice(k)
    if not _stands_out(fits[mine], inside[mine], lag, far, least):
        return None
    other_s = float(lags_s[lag])
    before_s, after_s = (line.lag_s, other_s) if behind else (other_s, line.lag_s)
    edge = count - k if behind else k
    return _placed(pair, centre_s, edge, before_s, after_s, line), before_s


def _stands_out(fits: Array, inside: Array, lag: int, far: NDArray[np.bool_], least: float) -> bool:
    """Whether these windows (k, L) match at this lag, all of them, and hardly near the line."""
    n = np.sqrt(np.maximum(inside.sum(0), 1))
    total = fits.sum(0) / n
    reached = inside.sum(0) > 0.5 * inside.sum(0).max()
    middle = float(np.median(total[reached]))
    noise = 1.4826 * float(np.median(np.abs(total[reached] - middle)))
    without_best = (fits[:, lag].sum() - fits[:, lag].max()) / n[lag]
    own = float(total[~far].max())
    return bool(without_best - middle > least * noise and own < LEFT_OVER * total[lag])


def _placed(
    pair: Pair, centre_s: Array, edge: int, before_s: float, after_s: float, line: Line
) -> Jump:
    """The step from one lag to the other at the window ``edge``, as well as samples place it.

    While the right recorded nothing neither lag fits.
    """
    margin_s, shift_s = 2 * pair.size / pair.rate_hz, after_s - before_s
    hole_s = max(-shift_s, 0.0)
    reach_s = margin_s + hole_s
    at_s = sample_times(pair, (centre_s[edge - 1] - reach_s, centre_s[edge] + reach_s))
    hole = min(round(hole_s * pair.rate_hz), len(at_s) - 1)
    before, after = (
        np.cumsum(match_at(pair, at_s, lag, line.drift, line.middle_s))
        for lag in (before_s, after_s)
    )
    unknown_s = float(centre_s[edge] - centre_s[edge - 1]) - pair.size / pair.rate_hz
    fits = before[: len(before) - hole] - after[hole:]
    sigma_s = margin_s / 4 + max(unknown_s, 0.0) / 3
    return Jump(float(at_s[np.argmax(fits)]), shift_s, sigma_s)


def closed(right: Activity, jump: Jump, right_s: float) -> Activity:
    """The right activity on a clock that goes on over the interruption, at ``right_s`` of its own.

    What it perceived while the left recorded nothing is left out.
    """
    t = right.times_s
    later = t >= right_s + max(jump.shift_s, 0.0)
    kept = later | (t < right_s)
    return Activity(np.where(later, t - jump.shift_s, t)[kept], right.values[kept])
