"""Student by student, under pseudonyms: attention heatmap, timeline and table each."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.measures import window_edges
from gaze.report import svg
from gaze.report.heatmap import top_of_scale
from gaze.report.page import Cell, Page, Table, each
from gaze.report.sections import Facts
from sessions.quality import COVERED_SHARE

ORDER = 110


def facts(page: Page) -> Facts | None:
    if page.empty or page.class_only:
        return None
    m = page.measures
    window = max(m.window_s, next(
        (w for w in (5, 10, 15, 30, 60, 120) if (m.end_s - m.start_s) / w <= 100), 300.0
    ))  # fmt: skip
    starts, index, window = window_edges(m.moments, window)
    return {
        "rows": sorted({int(r) for r in page.seats["row"] if r > 0}),
        "filter_said": page.words.table["filter_said"],
        "photo": None if page.photo is None else svg.data_uri(page.photo),
        "cards": [_card(page, r, starts, index, window) for r in each(page.seats)],
    }


def _card(
    page: Page, seat: Any, starts: Array, index: NDArray[np.int64], window: float
) -> dict[str, Any]:
    m, maps = page.measures, page.maps
    name = str(seat.student)
    card: dict[str, Any] = {"name": name, "row": seat.row,
                            "weak": int(seat.reading == "read_nothing"), "seen": False}  # fmt: skip
    if name not in m.moments.students:
        return card
    i = m.moments.students.index(name)
    if not m.moments.measured[i].any():
        return card
    own: dict[str, dict[str, Any]] = (
        m.student_areas[m.student_areas["student"] == name].set_index("area").to_dict("index")
    )
    summary = ", ".join(f"{page.area(s)} {page.share(own[s]['share'])}" for s in m.states)
    return {
        **card,
        "seen": True,
        "data": _data(page, seat),
        "picture": _picture(page, maps.of(name), name, summary),
        "line": svg.strip_svg(
            _by_window(m.moments.probability[i], index, len(starts)), starts, window, m.states,
            m.area_list, page.marks, end_s=m.end_s,
            label=page.words("student_line", student=name, window=page.window(window),
                             summary=summary),
        ),
        "table": _table(page, name, own),
    }  # fmt: skip


def _data(page: Page, seat: Any) -> Markup:
    values = {"coverage": page.pct(seat.coverage), "reading": page.w(seat.reading)}
    if np.isfinite(seat.error_m):
        said = page.w("student_data", cm=page.num(100 * seat.error_m), **values)
    else:
        said = page.w("student_data_none", **values)
    own = [s.covered or 0.0 for s in page.lesson.quality.seats if s.student == str(seat.student)]
    if max(own, default=0.0) < COVERED_SHARE:
        return said
    return said + " " + page.w("student_covered", share=page.pct(own[0]))


def _picture(page: Page, at: int | None, name: str, summary: str) -> Markup | None:
    if at is None:
        return None
    maps = page.maps
    return svg.board_svg(
        maps.maps[at], maps.grid, page.lesson.board, page.measures.area_list,
        top=top_of_scale(maps.maps[at]),
        label=page.words("student_heat", student=name, summary=summary),
        photo_id="photo" if page.photo is not None else None,
    )  # fmt: skip


def _by_window(p: NDArray[np.float32], index: NDArray[np.int64], windows: int) -> Array:
    """(B, K) shares of all moments of each window."""
    total = np.bincount(index, minlength=windows)
    sums = [np.bincount(index, p[:, k], minlength=windows) for k in range(p.shape[1])]
    shares = np.stack(sums, 1) / np.maximum(total, 1)[:, None]
    return np.asarray(shares / np.maximum(shares.sum(1, keepdims=True), 1.0))  # areas may overlap


def _table(page: Page, name: str, own: dict[str, dict[str, Any]]) -> Table:
    body: list[list[Cell]] = [
        [page.state(s), page.share(own[s]["share"]), page.band(own[s]["low"], own[s]["high"]),
         page.num(own[s]["visits"]), page.seconds(own[s]["mean_visit_s"]),
         page.clock(own[s]["first_look_s"])]
        for s in page.measures.states
    ]  # fmt: skip
    head = [page.w(k) for k in ("col_area", "col_share", "col_95", "col_visits",
                                "col_mean_visit", "col_first")]  # fmt: skip
    return Table(head, body, name, numeric=(1, 2, 3, 4, 5))
