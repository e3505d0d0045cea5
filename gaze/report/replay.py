"""The lesson as dots over time: in every step the measured point of each student, made small."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.moments import Moments
from gaze.report.findings import MEDIAN_OF_SIGMA
from sessions.config import Blackboard

STEP_S = 0.5  # a step of the replay; longer where that would be too much for a page
MOST = 200_000  # students × steps
MARGIN_M = 0.5  # how much of the wall around the board is drawn
CELL_M = 0.04  # points are rounded to this; their errors are ten times as large
MISSING, AWAY, OUTSIDE, POINT = range(4)
SMALLEST_M, PER_E = 0.01, 12.0  # σ as a whole number: PER_E · ln(σ / SMALLEST_M)


@dataclass(frozen=True)
class Replay:
    """S students × N steps. x_W grows to the left, y_W downwards, metres (docs/conventions.md).

    start_s, step_s : of the lesson. state (S, N) uint8: MISSING (not measured), AWAY (turned away),
    OUTSIDE (the point lies beyond what is drawn), POINT. xy_m (S, N, 2) and covariance_m2
    (S, N, 3: xx, xy, yy) of the measured point next to the step's middle; NaN without one.
    extent_m : what is drawn, (x0, x1, y0, y1).
    """

    start_s: float
    step_s: float
    students: tuple[str, ...]
    state: NDArray[np.uint8]
    xy_m: Array
    covariance_m2: Array
    extent_m: tuple[float, float, float, float]

    @property
    def steps(self) -> int:
        return int(self.state.shape[1])

    def ellipses(self) -> tuple[Array, Array, Array]:
        """(S, N) half axes in metres of the ellipses that hold half of where a point may lie, and
        the first one's angle from the x axis towards y, radians."""
        xx, xy, yy = np.moveaxis(self.covariance_m2, -1, 0)
        middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        a, b = (MEDIAN_OF_SIGMA * np.sqrt(np.maximum(v, 0)) for v in (middle + half, middle - half))
        return a, b, np.arctan2(2 * xy, xx - yy) / 2


def replay(moments: Moments, board: Blackboard) -> Replay:
    """One row of the gaze table for each student and step; nothing is averaged or filled in."""
    s = len(moments.students)
    start_s = float(moments.time_s[0])
    length = float(moments.time_s[-1]) - start_s + moments.step_s
    step_s = max(STEP_S, moments.step_s)
    while s * length / step_s > MOST:
        step_s *= 2
    at = np.floor((moments.time_s - start_s) / step_s + 1e-6).astype(np.int64)
    n = int(at[-1]) + 1
    rank = np.where(np.isfinite(moments.xy_m[..., 0]), POINT, np.where(moments.measured, AWAY, 0))
    state, row = np.zeros((s, n), np.uint8), np.zeros((s, n), np.int64)
    off_middle = np.abs(moments.time_s - start_s - (at + 0.5) * step_s)
    for k in np.argsort(-off_middle, kind="stable"):  # the nearest to the middle comes last
        better = rank[:, k] >= state[:, at[k]]
        row[better, at[k]] = k
        state[better, at[k]] = rank[better, k]
    each = np.arange(s)[:, None]
    has = state == POINT
    xy = np.where(has[..., None], moments.xy_m[each, row], np.nan)
    root = moments.root_m[each, row]
    covariance = (root @ np.swapaxes(root, -1, -2))[..., [0, 0, 1], [0, 1, 1]]
    x0, x1 = -MARGIN_M, board.width_m + MARGIN_M
    y0, y1 = -MARGIN_M, board.height_m + MARGIN_M
    drawn = (xy[..., 0] >= x0) & (xy[..., 0] <= x1) & (xy[..., 1] >= y0) & (xy[..., 1] <= y1)
    state[has & ~drawn] = OUTSIDE
    covariance = np.where(has[..., None], covariance, np.nan)
    return Replay(start_s, step_s, moments.students, state, xy, covariance, (x0, x1, y0, y1))


def pack(r: Replay) -> tuple[str, float]:
    """The steps as text, and the cell's size in metres.

    Six channels (state, x and y in cells from the extent's corner, both σ on a logarithmic scale,
    (ρ + 1) · 10), each S × N bytes; each student's bytes as differences in time, deflated, base64.
    What a state does not need repeats what was before and costs nothing.
    """
    x0, x1, y0, y1 = r.extent_m
    cell_m = max(CELL_M, round(max(x1 - x0, y1 - y0) / 250 + 0.005, 2))
    xx, xy, yy = np.moveaxis(r.covariance_m2, -1, 0)
    with np.errstate(invalid="ignore"):
        channels = np.stack([
            (r.xy_m[..., 0] - x0) / cell_m,
            (r.xy_m[..., 1] - y0) / cell_m,
            PER_E * np.log(np.sqrt(xx) / SMALLEST_M),
            PER_E * np.log(np.sqrt(yy) / SMALLEST_M),
            10 * (xy / np.sqrt(xx * yy) + 1),
        ])  # fmt: skip
    point = r.state == POINT
    before = np.maximum.accumulate(np.where(point, np.arange(r.steps), 0), axis=1)
    held = np.take_along_axis(channels, np.broadcast_to(before, channels.shape), axis=2)
    coded = np.clip(np.nan_to_num(held).round(), 0, 255).astype(np.uint8)
    whole = np.concatenate([r.state[None], coded])
    change = np.diff(whole, axis=2, prepend=np.uint8(0))
    return base64.b64encode(zlib.compress(change.tobytes(), 9)).decode(), cell_m
