"""The lesson's phases and slides: the shares in each, and where heads pointed then."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from gaze.report import svg
from gaze.report.heatmap import top_of_scale
from gaze.report.page import Cell, Page, Phase, Table
from gaze.report.sections import Facts

ORDER = 55


def facts(page: Page) -> Facts | None:
    if page.empty or not page.phases:
        return None
    kinds = {"phase": ("col_phase", "phases_table"), "slide": ("col_slide", "slides_table")}
    tables = [
        _table(page, [p for p in page.phases if p.mark.kind == kind], *words)
        for kind, words in kinds.items()
        if any(p.mark.kind == kind for p in page.phases)
    ]
    return {"tables": tables, "cards": _cards(page)}


def _when(page: Page, phase: Phase) -> str:
    return f"{page.clock(phase.mark.time_s)}–{page.clock(float(phase.mark.end_s or 0))}"


def _table(page: Page, phases: list[Phase], name: str, caption: str) -> Table:
    body: list[list[Cell]] = []
    for phase in phases:
        m = phase.measures
        table: dict[str, dict[str, Any]] = m.areas.set_index("area").to_dict("index")
        enough = len(m.used) >= page.small
        row: list[Cell] = [
            phase.mark.label,
            Markup('<span class="whole">{}</span>').format(_when(page, phase)),
            str(len(m.used)) if enough else page.few(),
        ]
        for state in ("board", *page.measures.states):
            share = table[state]["share"] if enough and state in table else np.nan
            cell: Cell = page.share(share) if np.isfinite(share) else "–"
            if state == "board" and np.isfinite(share):
                low, high = page.pct(table[state]["low"]), page.pct(table[state]["high"])
                cell = Markup("{}<br><small>{}–{}</small>").format(cell, low, high)
            row.append(cell)
        body.append(row)
    head: list[Cell] = [page.w(name), page.w("col_time"), page.w("col_students")]
    head += [page.area(s) for s in ("board", *page.measures.states)]
    return Table(head, body, page.w(caption), numeric=range(2, len(head)))


def _cards(page: Page) -> list[dict[str, Any]]:
    """A picture for each that has one and enough students; all on one scale."""
    drawn = [
        (p, p.maps)
        for p in page.phases
        if p.maps is not None and len(p.maps.students) >= max(page.small, 1)
    ]
    top = max((top_of_scale(maps.whole) for _, maps in drawn), default=1.0)
    return [
        {
            "name": phase.mark.label,
            "said": page.w("phase_said", when=_when(page, phase), students=len(maps.students),
                           n=page.num(maps.n_points)),
            "picture": svg.board_svg(
                maps.whole, maps.grid, page.lesson.board, page.measures.area_list, top=top,
                label=page.w("phase_map", name=phase.mark.label),
            ),
        }
        for phase, maps in drawn
    ]  # fmt: skip
