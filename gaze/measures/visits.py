"""Visits (glances in the sense of ISO 15007), transitions between them, entropy and spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from calibration.transform import Array
from gaze.measures.moments import Moments
from gaze.measures.states import MIN_POINTS, MeasureError

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
