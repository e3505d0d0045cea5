"""In short: what a teacher asks first, each answered in a sentence."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from gaze.measures.measures import OUTSIDE
from gaze.report.findings import (
    HARD_LETTER_ARCMIN,
    HARD_OBLIQUITY_DEG,
    SMALL_CELL,
    low_stretches,
)
from gaze.report.page import Page, each
from gaze.report.sections import Facts

ORDER = 10
Answer = tuple[str, str]  # a figure to stand out (or nothing), and the sentence


def facts(page: Page) -> Facts:
    if page.empty:
        return {"answers": []}
    answers = [
        ("q_board", _board(page)),
        ("q_part", ("", _part(page))),
        ("q_left", ("", _left(page))),
        ("q_seats", ("", _seats(page))),
        ("q_data", (page.share(page.measures.coverage), page.w("a_data", worst=_worst(page)))),
        ("q_error", _error(page)),
    ]
    return {"answers": answers}


def _board(page: Page) -> Answer:
    row = page.measures.areas.set_index("area").loc["board"].astype(float)
    if not np.isfinite(row["share"]):
        return "", page.w("a_part_none")
    values = {"low": page.pct(row["low"]), "high": page.pct(row["high"])}
    if page.measures.coverage == 1:
        return page.share(row["share"]), page.w("a_board_complete", **values)
    missing = {"low_m": page.pct(row["low_missing"]), "high_m": page.pct(row["high_missing"])}
    return page.share(row["share"]), page.w("a_board", **values, **missing)


def _part(page: Page) -> str:
    table = page.measures.areas
    parts = list(
        each(
            table[~table["area"].isin([*OUTSIDE, "board"])].sort_values(
                "share", ascending=False, kind="stable"
            )
        )
    )
    if not parts or not np.isfinite(parts[0].share) or parts[0].share < 0.01:
        return page.w("a_part_none")
    first, others = parts[0], parts[1:]
    if any(r.high > first.low for r in others):
        listed = ", ".join(f"{page.area(r.area)} {page.share(r.share)}" for r in parts)
        return page.w("a_part_unclear", list=listed)
    rest = ", ".join(f"{page.area(r.area)} {page.share(r.share)}" for r in others)
    name = page.area(first.area)
    return page.w(
        "a_part", area=name[:1].upper() + name[1:], share=page.pct(first.share),
        low=page.pct(first.low), high=page.pct(first.high), rest=rest or "–",
    )  # fmt: skip


def _left(page: Page) -> str:
    found = low_stretches(page.measures) if len(page.measures.used) >= page.small else []
    if not found:
        return page.w("a_left_none")
    listed = "; ".join(
        page.w("a_left_one", start=page.clock(s.start_s), end=page.clock(s.end_s),
               share=page.pct(s.share))
        for s in found
    )  # fmt: skip
    return page.w("a_left", list=Markup(listed), share=page.pct(page.measures.share("board")))


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


def _error(page: Page) -> Answer:
    overall = (page.lesson.validation or {}).get("overall") or {}
    median = (overall.get("gaze_cm") or {}).get("median")
    if isinstance(median, int | float):
        return page.w("cm", v=page.num(median)), page.w("a_error", n=int(overall.get("n", 0)))
    sigma = page.maps.mean_sigma_m
    if not np.isfinite(sigma):
        return "", page.w("a_part_none")
    return page.w("cm", v=page.num(100 * sigma)), page.w("a_error_predicted")


def _worst(page: Page) -> str:
    order = ["read_nothing", "read_board", "read_sides", "read_thirds", "read_fine"]
    if not len(page.rows):
        return ""
    rank = page.rows["reading"].map(order.index)
    ranked = page.rows.assign(rank=rank)  # ties: the larger error
    worst = next(each(ranked.sort_values(["rank", "sigma_m"], ascending=[True, False])))
    return page.w(
        "a_data_worst", row=page.row_name(worst.rows), reading=page.w(worst.reading) + "."
    )
