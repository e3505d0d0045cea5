"""Lessons side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from gaze.report import svg
from gaze.report.heatmap import top_of_scale
from gaze.report.page import Cell, Page, Table
from gaze.report.sections import Facts

ORDER = 90


def facts(page: Page) -> Facts | None:
    if page.empty or not page.compared:
        return None
    everything = [(page.lesson, page.measures, page.maps), *page.compared]
    top = max(top_of_scale(maps.whole) for _, _, maps in everything)
    cards: list[dict[str, Any]] = []
    body: list[list[Cell]] = []
    for i, (lesson, m, maps) in enumerate(everything):
        name = lesson.config.title + (f" ({page.w('compare_this')})" if i == 0 else "")
        board = m.areas.set_index("area").loc["board"].astype(float)
        enough = len(m.used) >= page.small
        label = f"{lesson.config.title}: " + page.words("state_board")
        line = m.timeline[m.timeline["area"] == "board"]
        cards.append({
            "name": name,
            "run": lesson.run.name,
            "date": page.date(lesson.config.date) if lesson.config.date else "",
            "picture": svg.board_svg(maps.whole, maps.grid, lesson.board, m.area_list, top=top,
                                     label=label) if enough else page.few(),
            "strip": svg.strip_svg(
                np.nan_to_num(line["share"].to_numpy(np.float64))[:, None],
                line["time_s"].to_numpy(np.float64), m.window_s, ("board",), m.area_list, (),
                label=label, end_s=m.end_s,
            ) if enough else Markup(""),
        })  # fmt: skip
        body.append([
            name, str(len(m.used)), page.share(m.coverage),
            page.share(board["share"]) if enough else page.few(),
            page.band(board["low"], board["high"]) if enough else "–",
            page.w("cm", v=page.num(100 * maps.mean_sigma_m)),
        ])  # fmt: skip
    head = [page.w("col_lesson"), page.w("col_students"), page.w("col_coverage"),
            page.area("board"), page.w("col_95"), page.w("col_error")]  # fmt: skip
    table = Table(head, body, page.w("title_compare"), numeric=range(1, 6))
    return {"table": table, "cards": cards}
