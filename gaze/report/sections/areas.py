"""How much on which part: shares with their bands, and visits."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    return {"table": _table(page), "note": note}


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
