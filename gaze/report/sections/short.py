"""The first screen: a sentence that answers, the heatmap, and how far to trust them."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from gaze.report.board import heat
from gaze.report.findings import leading_part, low_stretches
from gaze.report.page import Page, each
from gaze.report.sections import Facts
from gaze.report.trust import doubts, typical_cm

ORDER = 10


def facts(page: Page) -> Facts:
    return {
        "answer": None if page.empty else _answer(page),
        "heat": None if page.empty else heat(page),
        "error": _error(page),
        "readings": _readings(page),
        "doubts": doubts(page),
    }


def _answer(page: Page) -> Markup:
    """Was the board faced, which part most, and when was it left."""
    row = page.measures.areas.set_index("area").loc["board"].astype(float)
    if not np.isfinite(row["share"]):
        return page.w("a_part_none")
    said = page.w("answer", share=page.pct(row["share"]), low=page.pct(row["low"]),
                  high=page.pct(row["high"]))  # fmt: skip
    part = leading_part(page.measures)
    if part is not None:
        said += page.w("answer_part", area=page.area(part))
    left = low_stretches(page.measures) if len(page.measures.used) >= page.small else []
    if left:
        when = ", ".join(f"{page.clock(s.start_s)}–{page.clock(s.end_s)}" for s in left)
        said += page.w("answer_left", list=when)
    return said + page.w("stop")


def _error(page: Page) -> Markup | None:
    """How large an error is, once, and where that is known from."""
    cm = typical_cm(page)
    if not np.isfinite(cm):
        return None
    checked = page.lesson.validation
    known = page.w("error_checked", n=checked.overall.n) if checked else page.w("error_predicted")
    return page.w("error_typical", cm=page.num(cm), known=known)


def _readings(page: Page) -> list[Markup]:
    """How finely each row may be read; rows that may be read alike in one line."""
    lines: dict[str, list[Markup]] = {}
    for r in each(page.rows):
        if r.students >= page.small:
            cm = page.w("cm", v=page.num(100 * r.error_m)) if np.isfinite(r.error_m) else "–"
            said = page.w("row_error", row=page.row_name(r.rows), cm=cm)
            lines.setdefault(r.reading, []).append(said)
    return [
        page.w("reading_of_rows", reading=page.w(reading), rows=Markup(", ").join(rows))
        for reading, rows in lines.items()
    ]
