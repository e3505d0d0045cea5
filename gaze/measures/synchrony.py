"""When the class pointed at one place, against what chance gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.bands import mean_known, per_window, window_edges
from gaze.measures.moments import Moments
from gaze.measures.states import MIN_COVERAGE


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
    in common. Bins in which nobody was measured (a break) stay where they are. Needs three students
    and twenty bins.
    """
    half = bin_s / 2
    starts, index, _ = window_edges(m, half)
    nb = len(starts)
    students = np.flatnonzero(m.coverage >= MIN_COVERAGE)
    n = per_window(m.measured[students], index, nb)
    there = np.flatnonzero((n > 0).any(0))
    nan = np.full(max(nb - 1, 0), np.nan)
    nobody = pd.DataFrame(columns=list(MOMENT_COLUMNS))
    reason = ""
    if surrogates < 20:
        reason = "sync_off"
    elif len(students) < 3:
        reason = "sync_few_students"
    elif len(there) < 40:
        reason = "sync_short"
    if reason:
        return Synchrony(
            starts[:-1], bin_s, nan, nan, nan, nan, np.zeros(len(nan), np.int64), float("nan"),
            nobody, np.full(len(m.students), np.nan), 0, reason,
        )  # fmt: skip
    counts = per_window(m.probability[students], index, nb)
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
    source = np.tile(np.arange(nb), (len(students), 1))
    pick = np.arange(len(students))[:, None]
    null_a, null_top = [], []
    for _ in range(surrogates):
        shift = rng.integers(12, len(there) - 12, size=len(students))
        source[:, there] = there[(np.arange(len(there)) + shift[:, None]) % len(there)]
        a, t, _ = both(counts[pick, source], n[pick, source], began[pick, source])
        null_a.append(a)
        null_top.append(t.max())
    null = np.stack(null_a)
    known = np.isfinite(null).any(0)  # nobody is there in a break
    low, high = np.full((2, null.shape[1]), np.nan)
    low[known], high[known] = np.nanquantile(null[:, known], [0.025, 0.975], axis=0)
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
    student[students] = mean_known(mine, 1)
    return Synchrony(
        starts[:-1], bin_s, agreement, low, high, turned, turned_to, threshold,
        pd.DataFrame(rows, columns=list(MOMENT_COLUMNS)), student, surrogates,
    )  # fmt: skip
