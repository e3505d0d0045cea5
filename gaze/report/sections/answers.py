"""What else a teacher asks, each answered in a sentence."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from gaze.report.findings import (
    HARD_LETTER_ARCMIN,
    HARD_OBLIQUITY_DEG,
    SHORT_LESSON_S,
    SMALL_CELL,
    board_parts,
    leading_part,
    low_stretches,
)
from gaze.report.page import Page, each
from gaze.report.sections import Facts

ORDER = 20
Answer = tuple[str, str]  # a figure to stand out (or nothing), and the sentence


def facts(page: Page) -> Facts | None:
    if page.empty:
        return None
    answers = [
        ("q_part", ("", _part(page))),
        ("q_left", ("", _left(page))),
        ("q_seats", ("", _seats(page))),
        ("q_data", _data(page)),
    ]
    return {"answers": answers}


def _data(page: Page) -> Answer:
    if page.measures.coverage == 1:
        return page.share(1.0), page.w("a_data_complete")
    row = page.measures.areas.set_index("area").loc["board"].astype(float)
    low, high = page.pct(row["low_missing"]), page.pct(row["high_missing"])
    return page.share(page.measures.coverage), page.w("a_data", low=low, high=high)


def _part(page: Page) -> str:
    parts = board_parts(page.measures)
    if not parts:
        return page.w("a_part_none")
    listed = ", ".join(f"{page.area(r.area)} {page.share(r.share)}" for r in parts)
    if leading_part(page.measures) is None:
        return page.w("a_part_unclear", list=listed)
    first, others = parts[0], parts[1:]
    rest = ", ".join(f"{page.area(r.area)} {page.share(r.share)}" for r in others)
    name = page.area(first.area)
    return page.w(
        "a_part", area=name[:1].upper() + name[1:], share=page.pct(first.share),
        low=page.pct(first.low), high=page.pct(first.high), rest=rest or "–",
    )  # fmt: skip


def _left(page: Page) -> str:
    m = page.measures
    if m.end_s - m.start_s < SHORT_LESSON_S:
        return page.w("a_left_short", length=page.length(m.end_s - m.start_s))
    found = low_stretches(page.measures) if len(page.measures.used) >= page.small else []
    if not found:
        return page.w("a_left_none")
    listed = "; ".join(
        f"{page.clock(s.start_s)}–{page.clock(s.end_s)} ({page.share(s.share)})"
        for s in found
    )  # fmt: skip
    return page.w("a_left", list=listed, share=page.pct(page.measures.share("board")))


def _seats(page: Page) -> str:
    seats = page.seats
    known = seats[np.isfinite(seats["letter_arcmin"])]
    if not len(known):
        return page.w("a_seats_unknown")
    hard = known[known["hard"]]
    if not len(hard):
        return page.w("a_seats_none", angle=f"{HARD_OBLIQUITY_DEG:.0f}",
                      arcmin=f"{HARD_LETTER_ARCMIN:.0f}")  # fmt: skip
    if page.class_only:
        if len(hard) < SMALL_CELL:
            return page.w("a_seats_few", k=SMALL_CELL)
        return page.w("a_seats_count", n=len(hard))
    listed = ", ".join(
        page.w("a_seats_one", student=r.student, area=page.area(r.hardest)) for r in each(hard)
    )
    return page.w("a_seats", n=len(hard), list=Markup(listed))
