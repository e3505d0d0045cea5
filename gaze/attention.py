"""Measures of where heads pointed: shares, visits, first looks, transitions, spread, synchrony.

Pure functions over the gaze table; no files. Definitions, units and sources: docs/attention.md.

Three rules hold for all of them. *Measured time only*: a moment without a face is missing, never
zero. *Membership is a probability*: a point with a covariance is in an area with the probability
that its normal gives, so a wide point counts in several areas at once. *Students weigh the same* in
every number of the class, however long each of them was measured.

The words are ISO 15007's: a *visit* (glance) is gaze kept within an area; *dwell* is summed visits.
There are no fixations and no saccades at 5 to 30 Hz and some degrees of error.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from calibration.errors import UserError
from calibration.transform import Array
from sessions.config import Area, Blackboard
from sessions.tables import STATUSES, WITH_POINT

MEASURED = (*WITH_POINT, "away")
OUTSIDE = ("off_board", "down", "away")  # states that are no area of the board
REST = "rest_of_board"  # on the board, in none of the areas
POINT_COLUMNS = ("gaze_x_m", "gaze_y_m", "gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2")

# A student of whom less than this share of the time was measured is left out of class figures:
# Raca (2015) rejects below a quarter; a few stray points would weigh as much as a whole lesson.
MIN_COVERAGE = 0.25
MIN_POINTS = 20

Problem = tuple[str, dict[str, Any]]  # a key of the report's strings and its values


class MeasureError(UserError):
    """Measures that cannot be made from this table, these areas or these settings."""


# --------------------------------------------------------------------------------------------------
# areas


def default_areas(board: Blackboard) -> tuple[Area, ...]:
    """Thirds of the board, left to right as the class sees them (so x_W falls)."""
    w, h = board.width_m, board.height_m
    names = ("left third", "middle third", "right third")
    return tuple(
        Area(name=n, x_m=(w * (2 - i) / 3, w * (3 - i) / 3), y_m=(0.0, h))
        for i, n in enumerate(names)
    )


def check_areas(
    areas: Sequence[Area] | None, board: Blackboard
) -> tuple[tuple[Area, ...], list[Problem]]:
    """Areas as measures use them: the defaults where none are given, cut at the board's edge, in
    order from left to right as the class sees them (of two that overlap the first one wins).

    Returns the areas and what is to be said of them: those cut, and pairs that overlap (their
    shares then do not add up to the board's).

    Raises
    ------
    MeasureError : an area that lies wholly outside the board, or is named like an outside state.
    """
    if not areas:
        return default_areas(board), []
    problems: list[Problem] = []
    kept: list[Area] = []
    for a in areas:
        if a.name in (*OUTSIDE, REST, "board"):
            raise MeasureError("an area may not have this name", where="areas", found=a.name)
        x = (max(0.0, a.x_m[0]), min(board.width_m, a.x_m[1]))
        y = (max(0.0, a.y_m[0]), min(board.height_m, a.y_m[1]))
        if x[0] >= x[1] or y[0] >= y[1]:
            raise MeasureError(
                f"the area `{a.name}` lies outside the blackboard",
                where="areas",
                found=f"x_m {list(a.x_m)}, y_m {list(a.y_m)}",
                expected=f"within x 0..{board.width_m:g}, y 0..{board.height_m:g}",
                remedy="x_m is measured leftwards from the board's upper RIGHT corner, y_m down.",
            )
        if (x, y) != (a.x_m, a.y_m):
            problems.append(("problem_area_cut", {"area": a.name}))
        kept.append(Area(name=a.name, x_m=x, y_m=y))
    kept.sort(key=lambda a: (-sum(a.x_m), sum(a.y_m)))
    for i, a in enumerate(kept):
        for b in kept[i + 1 :]:
            dx = min(a.x_m[1], b.x_m[1]) - max(a.x_m[0], b.x_m[0])
            dy = min(a.y_m[1], b.y_m[1]) - max(a.y_m[0], b.y_m[0])
            if dx > 1e-9 and dy > 1e-9:
                problems.append(("problem_area_overlap", {"a": a.name, "b": b.name}))
    return tuple(kept), problems


def _covered(areas: Sequence[Area], board: Blackboard) -> bool:
    """Whether the areas' union is the whole board (to a millimetre), on the grid of their edges."""
    xs = np.unique([0, board.width_m, *(e for a in areas for e in a.x_m)])
    ys = np.unique([0, board.height_m, *(e for a in areas for e in a.y_m)])
    cx, cy = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    cells = np.diff(xs)[None, :] * np.diff(ys)[:, None]
    inside = np.zeros(cells.shape, bool)
    for a in areas:
        inside |= ((cx > a.x_m[0]) & (cx < a.x_m[1]))[None, :] & (
            (cy > a.y_m[0]) & (cy < a.y_m[1])
        )[:, None]
    return bool(cells[~inside].sum() < 1e-3 * board.height_m)


# --------------------------------------------------------------------------------------------------
# membership

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def _corner_term(h: Array, k: Array, rho: Array) -> Array:
    """What the correlation adds to Φ(h)Φ(k): ∫₀^asin ρ exp(−(h²+k²−2hk sin θ)/2cos²θ) dθ / 2π.

    Drezner & Wesolowsky (1990), by Gauss-Legendre quadrature; zero at infinite corners.
    """
    finite = np.isfinite(h) & np.isfinite(k)
    h, k = np.where(finite, h, 0.0), np.where(finite, k, 0.0)
    top = np.arcsin(rho)
    total = np.zeros(np.broadcast_shapes(h.shape, k.shape, rho.shape))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        s = np.sin(top * (node + 1) / 2)
        total += weight * np.exp(-(h * h + k * k - 2 * h * k * s) / (2 * (1 - s * s)))
    return np.where(finite, total * top / (4 * np.pi), 0.0)


def rectangle_probability(
    xy_m: ArrayLike, cov_m2: ArrayLike, x_m: tuple[float, float], y_m: tuple[float, float]
) -> Array:
    """Probability that a point lies in a rectangle; ends may be ±inf.

    xy_m : (N, 2) means. cov_m2 : (N, 3) xx, xy, yy in m². Returns (N,), within 1e-6 of the exact
    bivariate normal for |ρ| ≤ 0.8 (tested against scipy).
    """
    xy, c = np.asarray(xy_m, np.float64), np.asarray(cov_m2, np.float64)
    sx, sy = np.sqrt(c[:, 0]), np.sqrt(c[:, 2])
    rho = np.clip(c[:, 1] / (sx * sy), -0.999, 0.999)
    h0, h1 = (x_m[0] - xy[:, 0]) / sx, (x_m[1] - xy[:, 0]) / sx
    k0, k1 = (y_m[0] - xy[:, 1]) / sy, (y_m[1] - xy[:, 1]) / sy
    p = np.asarray((ndtr(h1) - ndtr(h0)) * (ndtr(k1) - ndtr(k0)))
    tilted = np.abs(rho) > 1e-4
    if tilted.any():
        r = rho[tilted]
        a0, a1, b0, b1 = h0[tilted], h1[tilted], k0[tilted], k1[tilted]
        p[tilted] += (
            _corner_term(a1, b1, r) - _corner_term(a0, b1, r)
            - _corner_term(a1, b0, r) + _corner_term(a0, b0, r)
        )  # fmt: skip
    return np.asarray(np.clip(p, 0.0, 1.0))


# --------------------------------------------------------------------------------------------------
# the table as dense arrays


def step_of(time_s: ArrayLike) -> float:
    """The time between two analysed moments: the median difference of the distinct times."""
    moments = np.unique(np.asarray(time_s, np.float64))
    return float(np.median(np.diff(moments))) if len(moments) > 1 else 1.0


def clean_gaze(gaze: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The gaze table ready for measures: sorted, contradictions turned into gaps and counted.

    A row whose status promises a gaze point but holds NaN, or a covariance that is none, becomes
    ``unmatched`` (not measured); a moment that a student has twice keeps its first row.

    Raises
    ------
    MeasureError : a row without time, student or status, or with an unknown status.
    """
    problems: list[Problem] = []
    for column in ("time_s", "student", "status"):
        if column == "time_s":
            bad = int((~np.isfinite(gaze["time_s"].to_numpy(np.float64))).sum())
        else:
            bad = int(gaze[column].isna().sum())
        if bad:
            raise MeasureError(
                f"the gaze table has rows without `{column}`",
                where="gaze.parquet",
                found=f"{bad} of {len(gaze)} rows",
                remedy="The table was changed or is damaged: run `gaze analyze` again.",
            )
    status = gaze["status"].astype("category")
    unknown = sorted(set(map(str, status.cat.categories[np.unique(status.cat.codes)])))
    unknown = [s for s in unknown if s not in STATUSES] if len(gaze) else []
    if unknown:
        raise MeasureError(
            "the gaze table has an unknown status",
            where="gaze.parquet",
            found=", ".join(unknown[:5]),
            expected=", ".join(STATUSES),
        )
    status = status.cat.set_categories(list(STATUSES))
    points = gaze[list(POINT_COLUMNS)].to_numpy(np.float64, copy=True)
    has = status.isin(WITH_POINT).to_numpy()
    with np.errstate(invalid="ignore"):
        sound = (
            np.isfinite(points).all(1)
            & (points[:, 2] > 0)
            & (points[:, 4] > 0)
            & (points[:, 2] * points[:, 4] > points[:, 3] ** 2)
        )
    frame = gaze.assign(student=gaze["student"].astype(str).astype("category"), status=status)
    frame = frame.reset_index(drop=True)
    broken = has & ~sound
    if broken.any():
        frame.loc[broken, "status"] = "unmatched"
        problems.append(("problem_nan", {"n": int(broken.sum())}))
    points[~(has & sound)] = np.nan
    frame[list(POINT_COLUMNS)] = points
    frame = frame.sort_values(["student", "time_s"], kind="stable", ignore_index=True)
    double = frame.duplicated(["student", "time_s"]).to_numpy()
    if double.any():
        problems.append(("problem_double", {"n": int(double.sum())}))
        frame = frame[~double].reset_index(drop=True)
    return frame, problems


@dataclass(frozen=True)
class Moments:
    """The gaze table as dense arrays: S students × T moments × K states.

    time_s : (T,). measured : (S, T). probability : (S, T, K) float32, rows sum to 1 where measured
    (more where areas overlap), 0 elsewhere. on_board : (S, T) float32. state : (S, T) int8, the
    most probable state; −1 = not measured. xy_m (S, T, 2), root_m (S, T, 2, 2) lower Cholesky
    factor of the covariance; NaN without a point.
    """

    time_s: Array
    step_s: float
    students: tuple[str, ...]
    areas: tuple[Area, ...]
    states: tuple[str, ...]
    measured: NDArray[np.bool_]
    probability: NDArray[np.float32]
    on_board: NDArray[np.float32]
    state: NDArray[np.int8]
    xy_m: Array
    root_m: Array
    board: Blackboard

    @property
    def coverage(self) -> Array:
        """(S,) share of the moments that were measured."""
        return self.measured.mean(1) if self.measured.size else np.zeros(len(self.students))


def moments(
    gaze: pd.DataFrame,
    areas: Sequence[Area],
    board: Blackboard,
    students: Sequence[str] | None = None,
) -> Moments:
    """Lay a cleaned gaze table out as :class:`Moments`; ``areas`` as :func:`check_areas` gives.

    A student named in ``students`` without rows is there, never measured.
    """
    names = tuple(students) if students is not None else _names(gaze)
    time = gaze["time_s"].to_numpy(np.float64)
    step = step_of(time)
    tick = np.round(time / max(step / 50, 1e-6)).astype(np.int64)
    _, first, at_time = np.unique(tick, return_index=True, return_inverse=True)
    moment_s = time[first]
    category = gaze["student"].astype("category")
    to_row = {n: i for i, n in enumerate(names)}
    lookup = np.array([to_row.get(str(c), -1) for c in category.cat.categories] or [-1])
    row = lookup[category.cat.codes.to_numpy()] if len(gaze) else np.zeros(0, int)
    status = gaze["status"].astype(str).to_numpy()
    use = (row >= 0) & np.isin(status, MEASURED)
    rest = not _covered(areas, board)
    states = (*(a.name for a in areas), *((REST,) if rest else ()), *OUTSIDE)
    shape = (len(names), len(moment_s))
    out = Moments(
        moment_s, step, names, tuple(areas), states,
        np.zeros(shape, bool), np.zeros((*shape, len(states)), np.float32),
        np.zeros(shape, np.float32), np.full(shape, -1, np.int8),
        np.full((*shape, 2), np.nan), np.full((*shape, 2, 2), np.nan), board,
    )  # fmt: skip
    if not use.any():
        return out
    out.measured[row[use], at_time[use]] = True
    turned = use & (status == "away")
    has = use & ~turned
    s, t = row[has], at_time[has]
    points = gaze.loc[has, list(POINT_COLUMNS)].to_numpy(np.float64)
    xy, cov = points[:, :2], points[:, 2:]
    p = np.zeros((len(xy), len(states)))
    for i, a in enumerate(areas):
        p[:, i] = rectangle_probability(xy, cov, a.x_m, a.y_m)
    on = rectangle_probability(xy, cov, (0, board.width_m), (0, board.height_m))
    below = 1 - ndtr((board.height_m - xy[:, 1]) / np.sqrt(cov[:, 2]))
    n = len(areas)
    if rest:
        p[:, n] = np.clip(on - p[:, :n].sum(1), 0, 1)
    down = states.index("down")
    p[:, down] = below
    p[:, states.index("off_board")] = np.clip(1 - on - below, 0, 1)
    out.probability[s, t] = p
    out.probability[row[turned], at_time[turned], states.index("away")] = 1
    out.on_board[s, t] = on
    out.state[s, t] = _hard_states(xy, out)
    out.state[row[turned], at_time[turned]] = states.index("away")
    out.xy_m[s, t] = xy
    root = np.zeros((len(xy), 2, 2))
    root[:, 0, 0] = np.sqrt(cov[:, 0])
    root[:, 1, 0] = cov[:, 1] / root[:, 0, 0]
    root[:, 1, 1] = np.sqrt(np.maximum(cov[:, 2] - root[:, 1, 0] ** 2, 0))
    out.root_m[s, t] = root
    return out


def _names(gaze: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted({str(s) for s in gaze["student"].unique()}))


def _hard_states(xy: Array, m: Moments) -> NDArray[np.int8]:
    """The state in which the points themselves lie: (..., 2) → (...); of two areas the first."""
    x, y = xy[..., 0], xy[..., 1]
    names = m.states
    with np.errstate(invalid="ignore"):
        below = y > m.board.height_m
        out = np.where(below, names.index("down"), names.index("off_board")).astype(np.int8)
        if REST in names:
            on = (x >= 0) & (x <= m.board.width_m) & (y >= 0) & (y <= m.board.height_m)
            out[on] = names.index(REST)
        for i in range(len(m.areas) - 1, -1, -1):
            a = m.areas[i]
            out[(x >= a.x_m[0]) & (x <= a.x_m[1]) & (y >= a.y_m[0]) & (y <= a.y_m[1])] = i
    return out


# --------------------------------------------------------------------------------------------------
# shares and their bands


def shares(m: Moments) -> Array:
    """(S, K) share of each student's measured time in each state; NaN where never measured."""
    n = m.measured.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = m.probability.sum(1, dtype=np.float64)
        return np.asarray(total / np.where(n, n, np.nan)[:, None])


def window_edges(m: Moments, window_s: float | None) -> tuple[Array, NDArray[np.int64], float]:
    """Windows over the lesson: starts (B,), index of each moment's window (T,), their length.

    ``None`` takes the shortest of 1, 2, 5, 10, 15, 30, 60, 120 s that gives at most 200 windows.
    """
    if not len(m.time_s):
        return np.zeros(0), np.zeros(0, np.int64), window_s or 1.0
    length = m.time_s[-1] - m.time_s[0] + m.step_s
    if window_s is None:
        window_s = next((w for w in (1, 2, 5, 10, 15, 30, 60, 120) if length / w <= 200), 300.0)
        window_s = max(float(window_s), m.step_s)
    start = np.floor(m.time_s[0] / window_s + 1e-9) * window_s
    index = np.floor((m.time_s - start) / window_s + 1e-9).astype(np.int64)
    return start + window_s * np.arange(index[-1] + 1), index, float(window_s)


def _per_window(values: NDArray[Any], index: NDArray[np.int64], n: int) -> Array:
    """Sums over windows along axis 1: (S, T, ...) → (S, n, ...)."""
    out = np.zeros((values.shape[0], n, *values.shape[2:]))
    if len(index):
        present, starts = np.unique(index, return_index=True)
        out[:, present] = np.add.reduceat(values, starts, axis=1, dtype=np.float64)
    return out


@dataclass(frozen=True)
class Drawn:
    """Shares under draws of the measurement error: what the band is made of.

    whole : (D, S, K + 1) over the whole table; windows : (D, S, B, K + 1). The last column is the
    board as a whole. NaN where a student was not measured.
    """

    whole: Array
    windows: Array


def draw_shares(
    m: Moments, index: NDArray[np.int64], n_windows: int, *, draws: int, seed: int
) -> Drawn:
    """Shares when every point is moved by an error of its own covariance.

    One standard normal pair per student and draw, kept over the whole lesson: errors of a head pose
    (a way of carrying the head, the calibration) last, so this is the widest band that σ allows;
    errors that change from moment to moment would average out and need none.
    """
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((max(1, draws // 2), len(m.students), 2))
    pairs = np.concatenate([half, -half])  # antithetic: the draws' mean error is zero
    has = np.isfinite(m.xy_m[..., 0])
    away = m.measured & ~has
    k = len(m.states)
    n_measured = _per_window(m.measured, index, n_windows)
    whole, windows = [], []
    one_hot = np.zeros((*m.measured.shape, k + 1), np.float32)
    for pair in pairs:
        xy = m.xy_m + np.einsum("stij,sj->sti", m.root_m, pair)
        state = _hard_states(xy, m)
        state[away] = m.states.index("away")
        one_hot[:] = 0
        for i in range(k):
            one_hot[..., i] = (state == i) & m.measured
        with np.errstate(invalid="ignore"):
            one_hot[..., k] = (
                has
                & (xy[..., 0] >= 0) & (xy[..., 0] <= m.board.width_m)
                & (xy[..., 1] >= 0) & (xy[..., 1] <= m.board.height_m)
            )  # fmt: skip
        counts = _per_window(one_hot, index, n_windows)
        with np.errstate(invalid="ignore", divide="ignore"):
            windows.append(counts / np.where(n_measured, n_measured, np.nan)[..., None])
            total = n_measured.sum(1)
            whole.append(counts.sum(1) / np.where(total, total, np.nan)[:, None])
    return Drawn(np.stack(whole), np.stack(windows))


def _mean(values: Array, axis: int) -> Array:
    """Mean that leaves NaN out, NaN where nothing is left, without numpy's warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis))


def _band(draws: Array, centre: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Quantiles over the first axis, never on the wrong side of the estimate.

    A number is missing in all draws or in none, so NaN may simply spread.
    """
    if not draws.size:
        return centre.copy(), centre.copy()
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.fmin(low, centre), np.fmax(high, centre)


def with_missing(low: Array, high: Array, coverage: Array) -> tuple[Array, Array]:
    """The band when nothing is assumed of moments without a measurement (Manski 1989).

    At one end every missing moment was outside, at the other inside: low · c and high · c + 1 − c.
    """
    return low * coverage, high * coverage + 1 - coverage


# --------------------------------------------------------------------------------------------------
# visits and transitions

VISIT_COLUMNS = ("student", "area", "start_s", "end_s", "duration_s", "moments", "bridged_s")


def _runs(state: NDArray[np.int8], time_s: Array, step_s: float) -> list[tuple[int, int, int]]:
    """Runs of one state without a break in time: (state, first, last index); −1 left out."""
    if not len(state):
        return []
    cut = (np.diff(state) != 0) | (np.diff(time_s) > 1.5 * step_s)
    starts = np.concatenate([[0], np.flatnonzero(cut) + 1])
    ends = np.concatenate([starts[1:] - 1, [len(state) - 1]])
    return [(int(state[a]), int(a), int(b)) for a, b in zip(starts, ends, strict=True)
            if state[a] >= 0]  # fmt: skip


def visits(m: Moments, *, min_visit_s: float = 0.6, bridge_s: float = 0.4) -> pd.DataFrame:
    """Visits of every student to every state, in order of time.

    Runs of one state (the point's own place) are joined over gaps of at most ``bridge_s``, whatever
    lies in the gap; what is then shorter than ``min_visit_s`` is no visit; a visit that begins
    before another has ended begins at that end. Columns: VISIT_COLUMNS; a visit lasts from its
    first moment to its last plus one step.

    Raises
    ------
    MeasureError : ``bridge_s`` not below ``min_visit_s``: a bridged gap could then be a visit.
    """
    if not 0 <= bridge_s < min_visit_s:
        raise MeasureError(
            "a bridged gap must be shorter than the shortest visit",
            where="bridge_s",
            found=f"bridge_s {bridge_s}, min_visit_s {min_visit_s}",
        )
    eps = 1e-6 + 0.05 * m.step_s
    rows: list[tuple[str, str, float, float, float, int, float]] = []
    for s, name in enumerate(m.students):
        open_: dict[int, list[tuple[float, float, int, float]]] = {}
        for k, a, b in _runs(m.state[s], m.time_s, m.step_s):
            start, end = float(m.time_s[a]), float(m.time_s[b]) + m.step_s
            mine = open_.setdefault(k, [])
            gap = start - mine[-1][1] if mine else np.inf
            if gap <= bridge_s + eps:
                first, _, n, bridged = mine[-1]
                mine[-1] = (first, end, n + b - a + 1, bridged + max(gap, 0.0))
            else:
                mine.append((start, end, b - a + 1, 0.0))
        long = sorted(
            (v[0], v[1], k, v[2], v[3])
            for k, runs in open_.items()
            for v in runs
            if v[1] - v[0] >= min_visit_s - eps
        )
        until = -np.inf
        for start, end, k, n, bridged in long:
            begin = max(start, until)
            if end - begin < min_visit_s - eps:
                continue
            until = end
            rows.append((name, m.states[k], begin, end, end - begin, n, bridged))
    return pd.DataFrame(rows, columns=list(VISIT_COLUMNS)).astype(
        {"student": str, "area": str, "start_s": float, "end_s": float, "duration_s": float,
         "moments": "int64", "bridged_s": float}
    )  # fmt: skip


@dataclass(frozen=True)
class Transitions:
    """From which state to which the next visit was.

    counts : (K, K) from row to column; students : (K, K) how many students did so.
    """

    states: tuple[str, ...]
    counts: NDArray[np.int64]
    students: NDArray[np.int64]

    @property
    def probabilities(self) -> Array:
        """(K, K) rows sum to 1; NaN where a state was never left."""
        n = self.counts.sum(1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(n > 0, self.counts / n, np.nan)

    def table(self) -> pd.DataFrame:
        """Long form: from, to, count, students, probability."""
        p = self.probabilities
        return pd.DataFrame(
            [
                (a, b, int(self.counts[i, j]), int(self.students[i, j]), float(p[i, j]))
                for i, a in enumerate(self.states)
                for j, b in enumerate(self.states)
                if i != j
            ],
            columns=["from", "to", "count", "students", "probability"],
        )


def transitions(visit: pd.DataFrame, states: Sequence[str], *, gap_s: float = 2.0) -> Transitions:
    """Count visits that follow one another within ``gap_s`` in another state, for each student.

    A return to the same state and a longer gap (nobody knows what lay in it) count as nothing.
    """
    k = {s: i for i, s in enumerate(states)}
    counts = np.zeros((len(k), len(k)), np.int64)
    people = np.zeros_like(counts)
    for _, mine in visit.groupby("student", sort=False):
        at = mine["area"].map(k).to_numpy()
        gap = mine["start_s"].to_numpy()[1:] - mine["end_s"].to_numpy()[:-1]
        use = (at[1:] != at[:-1]) & (gap <= gap_s + 1e-9)
        own = np.zeros_like(counts)
        np.add.at(own, (at[:-1][use], at[1:][use]), 1)
        counts += own
        people += own > 0
    return Transitions(tuple(states), counts, people)


def entropy_bits(p: Array, axis: int = -1) -> Array:
    """Shannon entropy in bits; p is normalised first; 0 · log 0 = 0, NaN where nothing is there."""
    p = np.asarray(p, np.float64)
    total = p.sum(axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        q = p / np.where(total > 0, total, np.nan)
        terms = np.where(q > 0, -q * np.log2(np.where(q > 0, q, 1)), 0.0)
    out = terms.sum(axis)
    return np.where(np.isnan(total.squeeze(axis)) | (total.squeeze(axis) <= 0), np.nan, out)


def transition_entropy_bits(counts: ArrayLike) -> float:
    """Gaze transition entropy Σ πᵢ H(row i), π = share of transitions from i (Krejtz 2014)."""
    c = np.asarray(counts, np.float64)
    n = c.sum(1)
    if n.sum() == 0:
        return float("nan")
    rows = entropy_bits(c)
    return float(np.nansum(n / n.sum() * np.nan_to_num(rows)))


def spread_m(m: Moments) -> tuple[Array, Array]:
    """(S,) rms distance of a student's on-board points from their mean, raw and less the noise.

    The second is √(max(0, spread² − mean trace Σ)): what is left when the points' own σ is taken
    off. NaN below MIN_POINTS points.
    """
    on = np.isfinite(m.xy_m[..., 0]) & (m.on_board >= 0.5)
    raw, less = np.full(len(m.students), np.nan), np.full(len(m.students), np.nan)
    for s in range(len(m.students)):
        if on[s].sum() < MIN_POINTS:
            continue
        xy = m.xy_m[s, on[s]]
        var = ((xy - xy.mean(0)) ** 2).sum(1).mean()
        noise = (m.root_m[s, on[s]] ** 2).sum((1, 2)).mean()
        raw[s], less[s] = np.sqrt(var), np.sqrt(max(0.0, var - noise))
    return raw, less


# --------------------------------------------------------------------------------------------------
# synchrony


@dataclass(frozen=True)
class Synchrony:
    """How alike the class's states were, and when many turned to the same place at once.

    time_s : (B,) starts of bins of ``bin_s``. agreement : (B,) probability that two students picked
    at random were in the same state; null_low, null_high : (B,) its 95 % band over surrogates.
    turned : (B,) largest share of the measured students that turned to one same state within the
    bin; turned_to its index; turned_n, measured_n the numbers; threshold : what the largest
    share over the whole lesson stays below in 95 % of the surrogates.
    moments : time_s, end_s, area, students, measured, share. student_agreement : (S,).
    reason : why there is nothing (key of the report's strings), else empty.
    """

    time_s: Array
    bin_s: float
    agreement: Array
    null_low: Array
    null_high: Array
    turned: Array
    turned_to: NDArray[np.int64]
    threshold: float
    moments: pd.DataFrame
    student_agreement: Array
    surrogates: int
    reason: str = ""


MOMENT_COLUMNS = ("time_s", "end_s", "area", "students", "measured", "share")


def _agreement(s: Array, ok: NDArray[np.bool_]) -> Array:
    """Mean over pairs of Σ_k s_ik s_jk; s : (S, B, K) shares, ok : (S, B). NaN under two."""
    n = ok.sum(0)
    total = s.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = ((total**2).sum(-1) - (s**2).sum((0, 2))) / (n * (n - 1))
    return np.where(n >= 2, pairs, np.nan)


def synchrony(
    m: Moments, visit: pd.DataFrame, *, bin_s: float = 5.0, gap_s: float = 2.0,
    surrogates: int = 200, seed: int = 0,
) -> Synchrony:  # fmt: skip
    """Class synchrony against a null of time-shifted surrogates.

    In a surrogate every student's series is turned round the lesson by a random time of its own (at
    least six bins), which keeps each series' rhythm, gaps and shares and breaks only what they have
    in common. Needs three students and twenty bins.
    """
    half = bin_s / 2
    starts, index, _ = window_edges(m, half)
    nb = len(starts)
    students = np.flatnonzero(m.coverage >= MIN_COVERAGE)
    nan = np.full(max(nb - 1, 0), np.nan)
    nobody = pd.DataFrame(columns=list(MOMENT_COLUMNS))
    reason = ""
    if surrogates < 20:
        reason = "sync_off"
    elif len(students) < 3:
        reason = "sync_few_students"
    elif nb < 40:
        reason = "sync_short"
    if reason:
        return Synchrony(
            starts[:-1], bin_s, nan, nan, nan, nan, np.zeros(len(nan), np.int64), float("nan"),
            nobody, np.full(len(m.students), np.nan), 0, reason,
        )  # fmt: skip
    counts = _per_window(m.probability[students], index, nb)
    n = _per_window(m.measured[students], index, nb)
    began = np.zeros((len(students), nb, len(m.states)), bool)
    to_row = {m.students[s]: i for i, s in enumerate(students)}
    to_state = {name: i for i, name in enumerate(m.states)}
    v = visit[visit["student"].isin(to_row)]
    before = v.groupby("student", sort=False)[["area", "end_s"]].shift()
    v = v[before["end_s"].notna() & (before["area"] != v["area"])
          & (v["start_s"] - before["end_s"] <= gap_s + 1e-9)]  # fmt: skip
    at = np.floor((v["start_s"].to_numpy() - starts[0]) / half + 1e-9).astype(int)
    began[v["student"].map(to_row).to_numpy(int), np.clip(at, 0, nb - 1),
          v["area"].map(to_state).to_numpy(int)] = True  # fmt: skip

    def both(c: Array, seen: Array, b: NDArray[np.bool_]) -> tuple[Array, Array, NDArray[np.int64]]:
        """Agreement, share that turned, where to; over overlapping pairs of half bins."""
        seen2, c2 = seen[:, :-1] + seen[:, 1:], c[:, :-1] + c[:, 1:]
        ok = seen2 > 0
        share = np.where(ok[..., None], c2 / np.where(ok, seen2, 1)[..., None], 0.0)
        people = (b[:, :-1] | b[:, 1:]).sum(0)  # (B, K)
        present = np.maximum(ok.sum(0), 1)
        top = people.argmax(1)
        return _agreement(share, ok), people.max(1) / present, top

    agreement, turned, turned_to = both(counts, n, began)
    rng = np.random.default_rng(seed)
    base = np.arange(nb)
    null_a, null_top = [], []
    for _ in range(surrogates):
        shift = rng.integers(12, nb - 12, size=len(students))
        source = (base[None, :] + shift[:, None]) % nb
        pick = np.arange(len(students))[:, None]
        a, t, _ = both(counts[pick, source], n[pick, source], began[pick, source])
        null_a.append(a)
        null_top.append(t.max())
    low, high = np.nanquantile(np.stack(null_a), [0.025, 0.975], axis=0)
    threshold = float(np.quantile(null_top, 0.95))
    seen = (n[:, :-1] + n[:, 1:] > 0).sum(0)
    rows: list[tuple[float, float, str, int, int, float]] = []
    for b in np.flatnonzero((turned > threshold) & (seen >= 3)):
        area, t0 = m.states[turned_to[b]], float(starts[b])
        people, share = round(turned[b] * seen[b]), float(turned[b])
        if rows and rows[-1][2] == area and t0 <= rows[-1][1] + 1e-9:
            last = rows[-1]
            best = max((share, people, int(seen[b])), (last[5], last[3], last[4]))
            rows[-1] = (last[0], t0 + bin_s, area, best[1], best[2], best[0])
        else:
            rows.append((t0, t0 + bin_s, area, people, int(seen[b]), share))
    # each student's agreement with the others, over the bins in which both are there
    ok = n > 0
    mixed = np.where(ok[..., None], counts / np.where(ok, n, 1)[..., None], 0.0)
    others_n = ok.sum(0)[None, :] - ok
    others = mixed.sum(0)[None] - mixed
    with np.errstate(invalid="ignore", divide="ignore"):
        mine = np.where(ok & (others_n > 0), (mixed * others).sum(-1) / others_n, np.nan)
    student = np.full(len(m.students), np.nan)
    student[students] = _mean(mine, 1)
    return Synchrony(
        starts[:-1], bin_s, agreement, low, high, turned, turned_to, threshold,
        pd.DataFrame(rows, columns=list(MOMENT_COLUMNS)), student, surrogates,
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------
# all of them


@dataclass(frozen=True)
class Measures:
    """Everything :func:`measures` finds; tables are pandas frames with unit-suffixed columns.

    students : a row each: coverage, measured_s, board_share (+ low, high), looks_per_min, spread_m,
    spread_less_noise_m, entropy_bits, transition_entropy_bits, agreement, sigma_m.
    student_areas : a row for each student and state: share, low, high, visits, dwell_s,
    mean_visit_s, first_look_s.
    areas : a row for each state and one for ``board``: the class: share, low, high (σ alone),
    low_missing, high_missing (and nothing assumed of missing moments), visits, dwell_s,
    mean_visit_s, first_look_s (median over those who looked), reached, students, reached_share.
    timeline : a row for each window and state (and ``board``): time_s, area, share, low, high,
    low_missing, high_missing, students, coverage.
    used : students with enough data, who make the class's numbers.
    """

    start_s: float
    end_s: float
    step_s: float
    window_s: float
    min_visit_s: float
    bridge_s: float
    gap_s: float
    seed: int
    area_list: tuple[Area, ...]
    states: tuple[str, ...]
    used: tuple[str, ...]
    students: pd.DataFrame
    student_areas: pd.DataFrame
    areas: pd.DataFrame
    timeline: pd.DataFrame
    visits: pd.DataFrame
    transitions: Transitions
    synchrony: Synchrony
    moments: Moments = field(repr=False)
    problems: tuple[Problem, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of all students' moments that were measured."""
        return float(self.moments.measured.mean()) if self.moments.measured.size else 0.0

    def share(self, area: str = "board") -> float:
        """The class's share of measured time in a state or on the ``board``."""
        return float(self.areas.set_index("area")["share"][area])


def measures(
    gaze: pd.DataFrame,
    areas: Sequence[Area] | None,
    board: Blackboard,
    *,
    students: Iterable[str] | None = None,
    between_s: tuple[float, float] | None = None,
    min_visit_s: float = 0.6,
    bridge_s: float = 0.4,
    gap_s: float = 2.0,
    window_s: float | None = None,
    draws: int = 64,
    surrogates: int = 200,
    seed: int = 0,
) -> Measures:
    """Every measure of a lesson, or of a part of it.

    Parameters
    ----------
    gaze : the gaze table (sessions.tables.GAZE); masked rows are left out.
    areas : rectangles of the board; None or empty = thirds.
    students : who counts; None = all in the table. between_s : a phase, [from, to).
    min_visit_s, bridge_s, gap_s : see :func:`visits`, :func:`transitions`.
    window_s : the timeline's windows; None = chosen (:func:`window_edges`).
    draws, surrogates, seed : of the bands and the null; same seed, same numbers.

    Raises
    ------
    MeasureError : a table, areas or settings that cannot be used.
    """
    checked, problems = check_areas(areas, board)
    frame, found = clean_gaze(gaze)
    problems += found
    masked = (frame["status"] == "masked").to_numpy()
    if masked.any():
        gone = set(frame.loc[masked, "student"].astype(str))
        frame = frame[~masked]
        students = [s for s in (students or _names(gaze)) if s not in gone]
    names = tuple(dict.fromkeys(students)) if students is not None else _names(frame)
    names = tuple(n for n in names if n)
    if between_s is not None:
        t = frame["time_s"].to_numpy()
        frame = frame[(t >= between_s[0]) & (t < between_s[1])]
    m = moments(frame, checked, board, names)
    starts, index, window = window_edges(m, window_s)
    drawn = draw_shares(m, index, len(starts), draws=draws, seed=seed)
    visit = visits(m, min_visit_s=min_visit_s, bridge_s=bridge_s)
    sync = synchrony(m, visit, gap_s=gap_s, surrogates=surrogates, seed=seed)
    enough = m.coverage >= MIN_COVERAGE
    used = tuple(n for n, e in zip(names, enough, strict=True) if e)
    start = float(m.time_s[0]) if len(m.time_s) else 0.0
    end = float(m.time_s[-1]) + m.step_s if len(m.time_s) else 0.0
    if between_s is not None:
        start = max(start, between_s[0])
    per_area = _student_areas(m, drawn, visit, start)
    used_visits = visit[visit["student"].isin(used)]
    return Measures(
        start, end, m.step_s, window, min_visit_s, bridge_s, gap_s, seed,
        checked, m.states, used,
        _students(m, drawn, visit, sync, gap_s),
        per_area,
        _class_areas(m, drawn, per_area, enough),
        _timeline(m, drawn, starts, index, enough),
        visit,
        transitions(used_visits, m.states, gap_s=gap_s),
        sync, m,
        tuple(problems + _too_small(m, enough)),
    )  # fmt: skip


def _too_small(m: Moments, enough: NDArray[np.bool_]) -> list[Problem]:
    """Areas whose half width or half height is under the median σ: too small to be told apart."""
    var = (m.root_m[enough] ** 2).sum(-1)
    if not np.isfinite(var).any():
        return []
    sigma = np.sqrt(np.nanmedian(var.reshape(-1, 2), axis=0))
    out: list[Problem] = []
    for a in m.areas:
        half = ((a.x_m[1] - a.x_m[0]) / 2, (a.y_m[1] - a.y_m[0]) / 2)
        for h, s, what in zip(half, sigma, ("width", "height"), strict=True):
            if h < s:
                out.append((
                    f"problem_area_small_{what}",
                    {"area": a.name, "half_cm": 100 * h, "sigma_cm": 100 * float(s)},
                ))  # fmt: skip
    return out


def _students(
    m: Moments, drawn: Drawn, visit: pd.DataFrame, sync: Synchrony, gap_s: float
) -> pd.DataFrame:
    n = m.measured.sum(1)
    share = shares(m)
    with np.errstate(invalid="ignore", divide="ignore"):
        board = m.on_board.sum(1, dtype=np.float64) / np.where(n, n, np.nan)
    low, high = _band(drawn.whole[..., -1], board)
    raw, less = spread_m(m)
    on = ~visit["area"].isin(OUTSIDE)
    looks = visit[on].groupby("student").size().reindex(list(m.students), fill_value=0).to_numpy()
    minutes = n * m.step_s / 60
    by = dict(list(visit.groupby("student", sort=False)))
    moves = [
        transition_entropy_bits(transitions(by[s], m.states, gap_s=gap_s).counts)
        if s in by else float("nan")
        for s in m.students
    ]  # fmt: skip
    var = (m.root_m**2).sum((-1, -2)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        per_minute = np.where(n > 0, looks / minutes, np.nan)
    return pd.DataFrame({
        "student": list(m.students),
        "coverage": m.coverage,
        "measured_s": n * m.step_s,
        "board_share": board, "board_low": low, "board_high": high,
        "looks_per_min": per_minute,
        "spread_m": raw, "spread_less_noise_m": less,
        "entropy_bits": entropy_bits(np.nan_to_num(share)),
        "transition_entropy_bits": moves,
        "agreement": sync.student_agreement,
        "sigma_m": np.sqrt(_mean(var, 1)) if var.size else np.full(len(m.students), np.nan),
    })  # fmt: skip


def _student_areas(m: Moments, drawn: Drawn, visit: pd.DataFrame, start_s: float) -> pd.DataFrame:
    share = shares(m)
    low, high = _band(drawn.whole[..., :-1], share)
    groups = visit.groupby(["student", "area"])
    table = pd.DataFrame({
        "visits": groups.size(),
        "dwell_s": groups["duration_s"].sum(),
        "first_look_s": groups["start_s"].min() - start_s,
    })  # fmt: skip
    full = pd.MultiIndex.from_product([m.students, m.states], names=["student", "area"])
    table = table.reindex(full)
    table["visits"] = table["visits"].fillna(0).astype("int64")
    table["dwell_s"] = table["dwell_s"].fillna(0.0)
    table["mean_visit_s"] = table["dwell_s"] / table["visits"].where(table["visits"] > 0)
    table["share"], table["low"], table["high"] = share.ravel(), low.ravel(), high.ravel()
    columns = ["share", "low", "high", "visits", "dwell_s", "mean_visit_s", "first_look_s"]
    return table[columns].reset_index()


def _class_areas(
    m: Moments, drawn: Drawn, per_area: pd.DataFrame, enough: NDArray[np.bool_]
) -> pd.DataFrame:
    k = len(m.states)
    n = m.measured.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        board = m.on_board.sum(1, dtype=np.float64) / np.where(n, n, np.nan)
    share = np.column_stack([shares(m), board])[enough]
    centre = _mean(share, 0) if len(share) else np.full(k + 1, np.nan)
    draws = _mean(drawn.whole[:, enough], 1)
    low, high = _band(draws, centre)
    coverage = float(m.coverage[enough].mean()) if enough.any() else 0.0
    low_m, high_m = with_missing(low, high, np.asarray(coverage))
    used = [s for s, e in zip(m.students, enough, strict=True) if e]
    mine = per_area[per_area["student"].isin(used)]
    g = mine.groupby("area", sort=False)
    table = pd.DataFrame({
        "visits": g["visits"].sum(), "dwell_s": g["dwell_s"].sum(),
        "first_look_s": g["first_look_s"].median(),
        "reached": g["visits"].agg(lambda v: int((v > 0).sum())),
    }).reindex(list(m.states))  # fmt: skip
    on = mine[~mine["area"].isin(OUTSIDE)].groupby("student", sort=False)
    table.loc["board"] = [
        on["visits"].sum().sum(), on["dwell_s"].sum().sum(),
        on["first_look_s"].min().median(), int((on["visits"].sum() > 0).sum()),
    ]  # fmt: skip
    table["visits"] = table["visits"].fillna(0).astype("int64")
    table["dwell_s"] = table["dwell_s"].fillna(0.0)
    table["reached"] = table["reached"].fillna(0).astype("int64")
    table["mean_visit_s"] = table["dwell_s"] / table["visits"].where(table["visits"] > 0)
    table["students"] = len(used)
    table["reached_share"] = table["reached"] / len(used) if used else np.nan
    table["share"], table["low"], table["high"] = centre, low, high
    table["low_missing"], table["high_missing"] = low_m, high_m
    table.index.name = "area"
    columns = ["share", "low", "high", "low_missing", "high_missing", "visits", "dwell_s",
               "mean_visit_s", "first_look_s", "reached", "students", "reached_share"]  # fmt: skip
    return table[columns].reset_index()


def _timeline(
    m: Moments, drawn: Drawn, starts: Array, index: NDArray[np.int64], enough: NDArray[np.bool_]
) -> pd.DataFrame:
    columns = ["time_s", "area", "share", "low", "high", "low_missing", "high_missing",
               "students", "coverage"]  # fmt: skip
    if not len(starts):
        return pd.DataFrame(columns=columns)
    nb = len(starts)
    total = np.bincount(index, minlength=nb)
    n = _per_window(m.measured[enough], index, nb)
    counts = _per_window(
        np.concatenate([m.probability, m.on_board[..., None]], -1)[enough], index, nb
    )
    present = n >= np.maximum(MIN_COVERAGE * total, 1)[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(present[..., None], counts / n[..., None], np.nan)
    centre = _mean(share, 0) if len(share) else np.full((nb, counts.shape[-1]), np.nan)
    windows = np.where(present[None, ..., None], drawn.windows[:, enough], np.nan)
    draws = _mean(windows, 1) if windows.shape[1] else np.full((2, *centre.shape), np.nan)
    low, high = _band(draws, centre)
    people = max(int(enough.sum()), 1)
    coverage = np.where(present, n, 0).sum(0) / np.maximum(total * people, 1)
    low_m, high_m = with_missing(low, high, coverage[:, None])
    names = (*m.states, "board")
    return pd.concat(
        [
            pd.DataFrame({
                "time_s": starts, "area": name, "share": centre[:, i],
                "low": low[:, i], "high": high[:, i],
                "low_missing": low_m[:, i], "high_missing": high_m[:, i],
                "students": present.sum(0), "coverage": coverage,
            })
            for i, name in enumerate(names)
        ],
        ignore_index=True,
    )[columns]  # fmt: skip


# --------------------------------------------------------------------------------------------------
# seats


@dataclass(frozen=True)
class Viewing:
    """How well an area can be seen from seats, by geometry alone.

    distance_m, obliquity_deg : (S, A) to the area's centre; obliquity is 0 straight in front and 90
    along the board. letter_arcmin : (S, A) visual angle of a letter's height after foreshortening.
    """

    distance_m: Array
    obliquity_deg: Array
    letter_arcmin: Array


def viewing(nose_m: ArrayLike, areas: Sequence[Area], *, letter_m: float = 0.05) -> Viewing:
    """Distances and angles from noses (S, 3) in W to areas. ``letter_m``: height of the writing.

    The smaller side of a letter shrinks with cos(obliquity). NaN seats give NaN.
    """
    p = np.atleast_2d(np.asarray(nose_m, np.float64))
    centre = np.array([[sum(a.x_m) / 2, sum(a.y_m) / 2, 0.0] for a in areas])
    d = centre[None] - p[:, None]
    distance = np.linalg.norm(d, axis=-1)
    cos = np.abs(d[..., 2]) / distance
    arcmin = np.degrees(np.arctan2(letter_m * cos, distance)) * 60
    return Viewing(distance, np.degrees(np.arccos(np.clip(cos, 0, 1))), arcmin)
