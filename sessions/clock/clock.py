"""How the right camera's clock runs against the left's, and where it jumps.

The convention is session.toml's: *offset is the right camera's clock minus the left's*, and the
left camera's clock is the lesson's:

    t_right = t_left + offset_s + drift_ppm · 1e-6 · t_left + the shifts of the jumps before t_left
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from calibration.transform import Array


@dataclass(frozen=True)
class Jump:
    """A step of one clock against the other: frames were lost, and times rewritten over the hole.

    at_s : when, on the left's clock. shift_s : by how much right minus left grows (negative: the
    right video lost frames). sigma_at_s : 1σ of at_s.
    """

    at_s: float
    shift_s: float
    sigma_at_s: float = 0.0


@dataclass(frozen=True)
class Clock:
    """How the right camera's clock runs against the left's.

    offset_s : right's clock minus left's when left's shows 0. drift_ppm : how much more right's
    counts, parts per million. sigma_*: 1σ of each; correlation : between the two errors.
    source : where it comes from, e.g. ``session.toml``, ``timestamps.csv``, ``sound``.
    jumps : ascending in time.
    """

    offset_s: float = 0.0
    drift_ppm: float = 0.0
    sigma_offset_s: float = 0.0
    sigma_drift_ppm: float = 0.0
    source: str = "assumed"
    correlation: float = 0.0
    jumps: tuple[Jump, ...] = ()

    def right_to_left(self, t_right_s: ArrayLike) -> Array:
        """Times on the right camera's clock → the same moments on the left's (the lesson's).

        What the right camera saw while the left lost frames falls on the instant of the jump.
        """
        t = np.asarray(t_right_s, np.float64)
        if not self.jumps:
            return np.asarray((t - self.offset_s) / (1 + self.drift_ppm * 1e-6))
        left, right = self._corners()
        return _line_through(t, right, left, 1 / (1 + self.drift_ppm * 1e-6))

    def left_to_right(self, t_left_s: ArrayLike) -> Array:
        """The inverse of :meth:`right_to_left`."""
        t = np.asarray(t_left_s, np.float64)
        if not self.jumps:
            return np.asarray(t * (1 + self.drift_ppm * 1e-6) + self.offset_s)
        left, right = self._corners()
        return _line_through(t, left, right, 1 + self.drift_ppm * 1e-6)

    def _corners(self) -> tuple[Array, Array]:
        """Left and right times of the corners of the monotonic line between the clocks."""
        slope = 1 + self.drift_ppm * 1e-6
        before = accumulate((j.shift_s for j in self.jumps), initial=self.offset_s)
        corners = []
        for jump, offset in zip(self.jumps, before, strict=False):
            right = jump.at_s * slope + offset
            corners.append((jump.at_s, right))
            hole = max(-jump.shift_s, 0.0) / slope, max(jump.shift_s, 0.0)
            corners.append((jump.at_s + hole[0], right + hole[1]))
        left, right_s = np.maximum.accumulate(np.array(corners)).T
        return left, right_s

    def sigma_s(self, t_left_s: ArrayLike) -> Array:
        """1σ of the difference between the clocks at moments of the lesson, seconds.

        Near a jump it holds the chance that the jump lies on the moment's other side.
        """
        t = np.asarray(t_left_s, np.float64)
        a, b = self.sigma_offset_s, self.sigma_drift_ppm * 1e-6
        variance = np.maximum(a * a + 2 * self.correlation * a * b * t + b * b * t * t, 0)
        for jump in self.jumps:
            away = np.abs(t - jump.at_s) / max(jump.sigma_at_s, 1e-9)
            variance = variance + jump.shift_s**2 * norm.sf(away)
        return np.asarray(np.sqrt(variance))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return {**vars(self), "jumps": [dict(vars(j)) for j in self.jumps]}


def _line_through(x: Array, xs: Array, ys: Array, slope: float) -> Array:
    """The line through corners, going on beyond them with this slope."""
    beyond = np.minimum(x - xs[0], 0) + np.maximum(x - xs[-1], 0)
    return np.asarray(np.interp(x, xs, ys) + slope * beyond)
