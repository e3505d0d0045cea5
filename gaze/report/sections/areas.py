"""How much on which part: shares with their bands, visits, and the same by phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from gaze.measures.measures import MIN_COVERAGE
from gaze.report import figures, svg
from gaze.report.colours import SLATE
from gaze.report.page import Cell, Page, Table
from gaze.report.sections import Facts

ORDER = 40


def facts(page: Page) -> Facts | None:
    if page.empty:
        return None
    m = page.measures
    note = page.w("areas_note", visit=page.num(m.min_visit_s, 1),
                  bridge=page.num(m.bridge_s, 1), n=len(m.used),
                  coverage=f"{100 * MIN_COVERAGE:.0f}")  # fmt: skip
    if any(k == "problem_area_overlap" for k, _ in m.problems):
        note += " " + page.w("overlap_note")
    return {"table": _table(page), "note": note, "phases": _phases(page)}


def _table(page: Page) -> Table:
    m = page.measures
    table: dict[str, dict[str, Any]] = m.areas.set_index("area").to_dict("index")
    top = float(np.nanmax([0.05, *m.areas["high_missing"], *m.areas["share"]]))
    body: list[list[Cell]] = []
    for state in (*m.states, "board"):
        r = table[state]
        colour = SLATE if state == "board" else figures.state_colour(state, m.area_list)
        few = 0 < r["reached"] < page.small
        body.append([
            page.area(state) if state == "board" else page.state(state),
            page.share(r["share"]),
            svg.band_svg(r["share"], r["low"], r["high"], r["low_missing"],
                         r["high_missing"], colour, top),
            page.band(r["low"], r["high"]),
            page.few() if few else page.num(r["visits"]),
            page.few() if few else page.seconds(r["mean_visit_s"]),
            page.few() if few else page.clock(r["first_look_s"]),
            page.few() if few else page.of(int(r["reached"]), int(r["students"])),
        ])  # fmt: skip
    head = [page.w(k) for k in ("col_area", "col_share", "col_band", "col_95", "col_visits",
                                "col_mean_visit", "col_first", "col_reached")]  # fmt: skip
    return Table(head, body, page.w("title_areas"), numeric=(1, 3, 4, 5, 6, 7), bars=(2,),
                 last_sum=True)  # fmt: skip


def _phases(page: Page) -> Table | None:
    if not page.phases:
        return None
    body: list[list[Cell]] = []
    for mark, m in page.phases:
        table: dict[str, dict[str, Any]] = m.areas.set_index("area").to_dict("index")
        enough = len(m.used) >= page.small
        when = f"{page.clock(mark.time_s)}–{page.clock(float(mark.end_s or 0))}"
        row: list[Cell] = [
            mark.label,
            Markup('<span class="whole">{}</span>').format(when),
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
    head: list[Cell] = [page.w("col_phase"), page.w("col_time"), page.w("col_students")]
    head += [page.area(s) for s in ("board", *page.measures.states)]
    return Table(head, body, page.w("phases"), numeric=range(2, len(head)))
