"""The seats: where data are weak, where the board is hard to see."""

from __future__ import annotations

import numpy as np

from gaze.report import figures
from gaze.report.page import Cell, Choice, Page, Table, each
from gaze.report.sections import Facts

ORDER = 60
READINGS = ("seat_error", "seat_coverage", "seat_letter")


def facts(page: Page) -> Facts | None:
    if page.empty:
        return None
    seats = page.seats
    if page.class_only:
        return None  # by rows alone: the table of the data's quality has it
    if not np.isfinite(seats["seat_x_m"].to_numpy(np.float64)).any():
        return {"known": False}
    weak = ", ".join(seats.loc[seats["weak"].to_numpy(bool), "student"]) or page.w("none")
    hard = ", ".join(seats.loc[seats["hard"].to_numpy(bool), "student"]) or page.w("none")
    figure = figures.figure_seats(seats, page.lesson.board, page.words)
    return {
        "figure": page.plot("fig-seats", figure, page.words("seats_alt", weak=weak, hard=hard)),
        "known": True,
        "choices": [Choice(page.w(k), page.w(f"{k}_said")) for k in READINGS],
        "table": _by_seat(page),
    }


def _by_seat(page: Page) -> Table:
    body: list[list[Cell]] = [
        [str(r.student), str(r.row) if r.row else "–", page.w("cm", v=page.num(100 * r.error_m)),
         page.share(r.coverage), page.w("arcmin", v=page.num(r.letter_arcmin)),
         page.w("deg", v=page.num(r.obliquity_deg)), page.area(r.hardest), page.w(r.reading)]
        for r in each(page.seats)
    ]  # fmt: skip
    head = [page.w(k) for k in ("col_student", "col_row", "col_error", "col_coverage",
                                "col_letter", "col_angle", "col_hardest",
                                "col_reading")]  # fmt: skip
    return Table(head, body, page.w("title_seats"), numeric=(1, 2, 3, 4, 5))
