"""Over the lesson: the share facing the board, with its bands and the teacher's marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.report import figures
from gaze.report.page import Page, Table
from gaze.report.sections import Facts
from sessions.events.marks import Mark

ORDER = 50
TABLE_ROWS = 30


def facts(page: Page) -> Facts | None:
    if page.empty:
        return None
    m = page.measures
    hidden = figures.hidden_windows(m, page.small)
    board = m.timeline[m.timeline["area"] == "board"]
    share = np.where(hidden, np.nan, board["share"].to_numpy(np.float64))
    if not np.isfinite(share).any():
        return {"figure": None}
    t = board["time_s"].to_numpy(np.float64)
    low, high = int(np.nanargmin(share)), int(np.nanargmax(share))
    alt = page.words("timeline_alt", low=page.pct(share[low]), low_t=page.clock(t[low]),
                     high=page.pct(share[high]), high_t=page.clock(t[high]))  # fmt: skip
    figure = figures.figure_timeline(m, page.marks, page.words, hidden)
    return {
        "figure": page.plot("fig-time", figure, alt),
        "window": page.window(m.window_s),
        "inside": _said(page, [a for a in page.marks if not _outside(page, a)]),
        "outside": _said(page, [a for a in page.marks if _outside(page, a)]),
        "table": _table(page, hidden),
    }


def _outside(page: Page, mark: Mark) -> bool:
    m = page.measures
    return mark.time_s >= m.end_s or (mark.end_s or mark.time_s) < m.start_s


def _said(page: Page, marks: Sequence[Mark]) -> str:
    number = {id(a): i for i, a in enumerate(page.marks, 1)}
    return "; ".join(
        f"{number[id(a)]} {a.label} ({page.clock(a.time_s)}"
        + (f"–{page.clock(a.end_s)})" if a.end_s is not None else ")")
        for a in marks
    )


def _table(page: Page, hidden: NDArray[np.bool_]) -> Table:
    """At most about thirty rows: windows are averaged where there are more."""
    m = page.measures
    board = m.timeline[m.timeline["area"] == "board"]
    step = max(1, -(-len(board) // TABLE_ROWS))

    def averaged(values: Array) -> Array:
        """Means of ``step`` windows each, over those that may be shown and are known."""
        v = np.where(hidden, np.nan, values)
        v = np.append(v, np.full(-len(v) % step, np.nan)).reshape(-1, step)
        n = np.isfinite(v).sum(1)
        return np.where(n, np.nansum(v, 1) / np.maximum(n, 1), np.nan)

    share, low, high = (averaged(board[c].to_numpy(np.float64)) for c in ("share", "low", "high"))
    states = [
        averaged(m.timeline.loc[m.timeline["area"] == s, "share"].to_numpy(np.float64))
        for s in m.states
    ]
    body = [
        [page.clock(float(t)), page.share(share[i]), page.band(low[i], high[i]),
         *(page.share(v[i]) for v in states)]
        for i, t in enumerate(board["time_s"].to_numpy(np.float64)[::step])
    ]  # fmt: skip
    head = [page.w("col_time"), page.w("axis_board_share"), page.w("col_95"),
            *(page.area(s) for s in m.states)]  # fmt: skip
    return Table(head, body, page.w("title_timeline"), numeric=range(1, len(head)))
