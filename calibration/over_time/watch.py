"""Was a camera bumped during the lesson, and when?

Matched noses obey the epipolar geometry of the rig. When a camera is bumped they stop doing so, all
at the same moment; a badly matched person, or one who changes seats, does so alone. :func:`watch`
looks for the moments at which many people change together, :func:`which_camera_moved` says whose
picture shifted. Noses do not say well where a bumped camera is now: calibrate again with the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import CalibrationError
from calibration.rig import Rig
from calibration.transform import Array

Moved = Literal["left", "right", "both", "neither"]


def epipolar_px(rig: Rig, uv_left: ArrayLike, uv_right: ArrayLike) -> Array:
    """Signed epipolar residual of matched points, (N, 2) pixels each → (N,) pixels.

    Sampson's first-order distance: 0 for a true match, and with the standard deviation of one
    coordinate's noise. NaN where a point is NaN.
    """
    x_L, slope_L = rig.left.undistort_with_slope(uv_left)
    x_R, slope_R = rig.right.undistort_with_slope(uv_right)
    x_L, x_R = _homogeneous(x_L), _homogeneous(x_R)
    # x_Rᵀ [t]ₓ R x_L over the norm of its gradient by the four pixel coordinates
    E = _cross(rig.T_RL.t / rig.baseline_m) @ rig.T_RL.R
    in_R, in_L = x_L @ E.T, x_R @ E
    by_R = np.einsum("ni,nij->nj", in_R[:, :2], slope_R)
    by_L = np.einsum("ni,nij->nj", in_L[:, :2], slope_L)
    gradient = (by_R**2).sum(1) + (by_L**2).sum(1)
    return np.asarray((x_R * in_R).sum(1) / np.sqrt(gradient))


def _homogeneous(xy: Array) -> Array:
    return np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], -1)


def _cross(t: Array) -> Array:
    return np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])


@dataclass(frozen=True)
class DriftEvent:
    """A moment at which the residuals of many people changed together.

    time_s : when, ± ``precision_s``. size : median over people of how much their residual changed,
    in the residual's unit (the norm, where it has several columns). p_value : how often a lesson
    without a bump shows as much. people : how many were seen before and after.
    """

    time_s: float
    precision_s: float
    size: float
    p_value: float
    people: int


@dataclass(frozen=True)
class Watch:
    """What :func:`watch` found. status ``unknown``: too few people or too short to tell."""

    status: Literal["steady", "moved", "unknown"]
    events: tuple[DriftEvent, ...]
    reason: str
    false_alarm: float
    people: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the quality file."""
        return {**vars(self), "events": [vars(e) for e in self.events]}


def watch(
    times_s: ArrayLike,
    residual: ArrayLike,
    person: ArrayLike,
    *,
    false_alarm: float = 0.01,
    smallest: float = 0.0,
    seed: int = 0,
) -> Watch:
    """Find the moments at which a camera was bumped.

    Each person's residual is averaged (median) over about 120 stretches of the lesson. At each
    boundary the ten stretches before are compared with the ten after, in units of how much that
    person's residual usually changes; the largest tenth of the people (at least one) is left out
    and the rest is averaged. A change counts when its height is beaten by fewer than
    ``false_alarm`` of surrogate lessons, in which every person's series is turned round by a random
    time of its own: that keeps how each one wanders and destroys only what they do together. What
    was found is masked, and the rest is searched again.

    Parameters
    ----------
    times_s : (N,) moments of the matches. person : (N,) who (whole numbers or names).
    residual : (N,) *signed* epipolar residual in degrees or pixels, or (N, D) any numbers that a
        bump would change (epipolar residual, height of the nose in the room, …).
    false_alarm : probability of an event in a lesson without one.
    smallest : changes below this (the residual's unit) are real but not worth an event. The whole
        class looking down to write moves the noses' bias together, by about a pixel.
    """
    t, r, who = _rows(times_s, residual, person)
    names, index = np.unique(who, return_inverse=True)

    def unknown(reason: str) -> Watch:
        return Watch("unknown", (), reason, false_alarm, len(names))

    if len(names) < 3:
        return unknown(f"{len(names)} people are matched, at least 3 are needed")
    duration = float(np.ptp(t))
    bin_s = float(np.clip(duration / 120, 1.0, 20.0))
    n_bins = int(duration / bin_s) + 1
    if n_bins < 16:
        return unknown(f"{duration:.0f} s are too short, at least 16 s are needed")
    edges = t.min() + np.arange(n_bins + 1) * bin_s
    series = _binned(np.digitize(t, edges) - 1, index, r, n_bins, len(names))
    rng = np.random.default_rng(seed)
    change, z = _changes(series)
    seen = np.isfinite(z).sum(1) >= 8
    change, z = change[seen], z[seen]
    if len(z) < 3:
        return unknown(f"{len(z)} people are matched for long enough, at least 3 are needed")
    events: list[DriftEvent] = []
    while True:
        height = _together(z)
        k = int(np.argmax(height))
        p = _p_value(z, float(height[k]), rng, false_alarm)
        if p > false_alarm:
            break
        size = np.linalg.norm(change[:, k], axis=-1)
        size = size[np.isfinite(size)]
        if np.median(size) >= smallest:
            event = DriftEvent(
                float(edges[k + 1]), bin_s, float(np.median(size)), p, int(size.size)
            )
            events.append(event)
        z[:, max(0, k - HALF_WINDOW) : k + HALF_WINDOW + 1] = np.nan
    events.sort(key=lambda e: e.time_s)
    return Watch("moved" if events else "steady", tuple(events), "", false_alarm, len(z))


@dataclass(frozen=True)
class PictureShift:
    """Whose picture moved: the median over people of the shift of their seats, pixels (2,) each."""

    moved: Moved
    left_px: Array
    right_px: Array
    sigma_left_px: float
    sigma_right_px: float
    people: int


def which_camera_moved(
    times_s: ArrayLike,
    person: ArrayLike,
    uv_left: ArrayLike,
    uv_right: ArrayLike,
    event_s: float,
    *,
    window_s: float = 300.0,
    smallest_px: float = 4.0,
) -> PictureShift:
    """Say which camera was bumped at ``event_s``: people stay in their seats, pictures do not.

    uv_* : (N, 2) matched noses. Compares each person's median place in the ``window_s`` before and
    after; a camera moved where the median shift over people exceeds 4 σ and ``smallest_px``.
    """
    t = np.asarray(times_s, np.float64).ravel()
    who = np.asarray(person).ravel()
    before = (t < event_s) & (t > event_s - window_s)
    after = (t > event_s) & (t < event_s + window_s)
    shifts = []
    for name in np.unique(who):
        a, b = before & (who == name), after & (who == name)
        if a.sum() >= 3 and b.sum() >= 3:
            shifts.append(
                [
                    np.nanmedian(np.asarray(uv, np.float64)[b], 0)
                    - np.nanmedian(np.asarray(uv, np.float64)[a], 0)
                    for uv in (uv_left, uv_right)
                ]
            )
    if len(shifts) < 3:
        nothing = np.full(2, np.nan)
        return PictureShift("neither", nothing, nothing, np.nan, np.nan, len(shifts))
    d = np.array(shifts)  # (P, camera, 2)
    middle = np.median(d, 0)
    spread = 1.4826 * np.median(np.abs(d - middle), 0).max(1)
    sigma = 1.2533 * spread / np.sqrt(len(d))
    moved = np.linalg.norm(middle, axis=1) > np.maximum(4 * sigma, smallest_px)
    which: Moved = (
        "both" if moved.all() else "left" if moved[0] else "right" if moved[1] else "neither"
    )
    return PictureShift(which, middle[0], middle[1], float(sigma[0]), float(sigma[1]), len(shifts))


def _rows(times_s: ArrayLike, residual: ArrayLike, person: ArrayLike) -> tuple[Array, Array, Any]:
    t = np.asarray(times_s, np.float64).ravel()
    r = np.asarray(residual, np.float64)
    r = r[:, None] if r.ndim == 1 else r
    who = np.asarray(person).ravel()
    if not len(t) == len(r) == len(who):
        raise CalibrationError(
            "times, residuals and people do not fit", found=f"{len(t)}, {len(r)}, {len(who)} rows"
        )
    ok = np.isfinite(t) & np.isfinite(r).all(1)
    return t[ok], r[ok], who[ok]


def _binned(
    which: NDArray[np.int_], index: NDArray[np.intp], r: Array, n_bins: int, n_people: int
) -> Array:
    """(people, bins, D) medians; NaN where a person has no match in a bin."""
    out = np.full((n_people, n_bins, r.shape[1]), np.nan)
    key = index * n_bins + which
    order = np.argsort(key, kind="stable")
    cells, starts = np.unique(key[order], return_index=True)
    for cell, rows in zip(cells, np.split(order, starts[1:]), strict=True):
        out[cell // n_bins, cell % n_bins] = np.median(r[rows], 0)
    return out


HALF_WINDOW = 10  # stretches before and after a boundary that are compared


def _changes(series: Array) -> tuple[Array, Array]:
    """How each person's residual changes at each boundary between stretches.

    series : (P, B, D). Returns (P, B−1, D) changes of the mean over HALF_WINDOW stretches, NaN
    where fewer than three are known on a side, and (P, B−1) the same in the person's own usual
    change (the norm over D, over √D).
    """
    known = np.isfinite(series)
    n = np.cumsum(np.concatenate([np.zeros_like(known[:, :1], int), known], 1), 1)
    x = np.cumsum(
        np.concatenate([np.zeros_like(series[:, :1]), np.where(known, series, 0.0)], 1), 1
    )
    B = series.shape[1]
    k = np.arange(1, B)
    first, last = np.maximum(k - HALF_WINDOW, 0), np.minimum(k + HALF_WINDOW, B)
    n1, n2 = n[:, k] - n[:, first], n[:, last] - n[:, k]
    with np.errstate(invalid="ignore", divide="ignore"):
        change = (x[:, last] - x[:, k]) / n2 - (x[:, k] - x[:, first]) / n1
        change[(n1 < 3) | (n2 < 3)] = np.nan
        z = change / np.sqrt(1 / n1 + 1 / n2)
    z = z / _nanmedian(np.abs(z))
    return change, np.sqrt((z**2).mean(-1))


def _nanmedian(x: Array) -> Array:
    """Median over axis 1, kept; NaN where nothing is known or nothing varies."""
    ordered = np.sort(x, 1)  # NaN last
    n = np.isfinite(x).sum(1, keepdims=True)
    middle = np.take_along_axis(ordered, np.maximum(n // 2, 0).clip(max=x.shape[1] - 1), 1)
    return np.where((n > 0) & (middle > 0), middle, np.nan)


def _together(z: Array) -> Array:
    """(..., P, K) → (..., K): mean log(1 + z²) over people without the largest tenth of them."""
    known = np.isfinite(z)
    people = known.sum(-2)
    ordered = -np.sort(-np.where(known, np.log1p(z**2), -1.0), axis=-2)
    dropped = np.maximum(1, np.ceil(0.1 * people)).astype(int)
    rank = np.arange(z.shape[-2])[:, None]
    used = (rank >= dropped[..., None, :]) & (ordered >= 0)
    count = used.sum(-2)
    total = np.where(used, ordered, 0.0).sum(-2)
    return np.asarray(np.where(count >= 2, total / np.maximum(count, 1), 0.0))


def _p_value(z: Array, height: float, rng: np.random.Generator, false_alarm: float) -> float:
    """How often rows turned round independently reach ``height`` anywhere."""
    n = int(np.ceil(5 / false_alarm)) - 1
    P, K = z.shape
    beaten = 0
    for begin in range(0, n, 50):
        m = min(50, n - begin)
        index = (np.arange(K)[None, None] + rng.integers(0, K, (m, P))[..., None]) % K
        surrogate = z[np.arange(P)[None, :, None], index]
        beaten += int((_together(surrogate).max(-1) >= height).sum())
        if beaten > 10 * false_alarm * n:  # clearly nothing: no need to know it better
            return (1 + beaten) / (1 + begin + m)
    return (1 + beaten) / (1 + n)
