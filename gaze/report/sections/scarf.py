"""Seat by seat over the lesson: a scarf plot, a line for each seat."""

from __future__ import annotations

from typing import Any

import numpy as np

from gaze.measures.measures import window_edges
from gaze.report import figures, svg
from gaze.report.colours import rgb
from gaze.report.page import Page, Table, each
from gaze.report.sections import Facts

ORDER = 105
WINDOWS_S = (1, 2, 5, 10, 15, 30, 60, 120)
MOST_WINDOWS = 300


def facts(page: Page) -> Facts | None:
    if page.empty or page.class_only:
        return None
    m = page.measures
    length = m.end_s - m.start_s
    window_s = float(next((w for w in WINDOWS_S if length / w <= MOST_WINDOWS), 300))
    starts, index, window_s = window_edges(m.moments, max(window_s, m.step_s))
    order = page.seats.sort_values("row", kind="stable")
    names = [(int(r.row), str(r.student)) for r in each(order) if r.student in m.moments.students]
    at = [m.moments.students.index(name) for _, name in names]
    picture = _picture(page, m.moments.state[at], index, len(starts))
    return {
        "window": page.window(window_s),
        "drawing": svg.scarf_svg(
            picture, [f"{row} · {name}" if row else name for row, name in names],
            float(starts[0]), m.end_s, page.marks, label=page.w("scarf_alt", n=len(names)),
        ),
        "table": _table(page, names),
    }  # fmt: skip


def _picture(page: Page, state: np.ndarray, index: np.ndarray, windows: int) -> np.ndarray:
    """(S, B, 4) RGBA: the colour of each window's most frequent place; transparent where less
    than half of the window was measured."""
    m = page.measures
    counts = np.zeros((len(state), windows, len(m.states)), np.int64)
    for k in range(len(m.states)):
        for s, mine in enumerate(state == k):
            counts[s, :, k] = np.bincount(index, mine, minlength=windows)
    moments = np.bincount(index, minlength=windows)
    colours = np.array([rgb(figures.state_colour(s, m.area_list)) for s in m.states], np.uint8)
    out = np.zeros((*counts.shape[:2], 4), np.uint8)
    out[..., :3] = colours[counts.argmax(2)]
    out[..., 3] = np.where(2 * counts.sum(2) >= np.maximum(moments, 1), 255, 0)
    return out


def _table(page: Page, names: list[tuple[int, str]]) -> Table:
    own: dict[tuple[str, str], Any] = page.measures.student_areas.set_index(["student", "area"])[
        "share"
    ].to_dict()
    states = page.measures.states
    body = [
        [name, str(row) if row else "–", *(page.share(own.get((name, s), np.nan)) for s in states)]
        for row, name in names
    ]
    head = [page.w("col_student"), page.w("col_row"), *(page.area(s) for s in states)]
    return Table(head, body, page.w("title_scarf"), numeric=range(1, len(head)))
