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
    by_row = _by_row(page)
    if page.class_only:
        return {"by_row": by_row, "figure": None, "known": True}
    if not np.isfinite(seats["seat_x_m"].to_numpy(np.float64)).any():
        return {"by_row": by_row, "figure": None, "known": False}
    weak = ", ".join(seats.loc[seats["weak"].to_numpy(bool), "student"]) or page.w("none")
    hard = ", ".join(seats.loc[seats["hard"].to_numpy(bool), "student"]) or page.w("none")
    figure = figures.figure_seats(seats, page.lesson.board, page.words)
    return {
        "by_row": by_row,
        "figure": page.plot("fig-seats", figure, page.words("seats_alt", weak=weak, hard=hard)),
        "known": True,
        "choices": [Choice(page.w(k), page.w(f"{k}_said")) for k in READINGS],
        "table": _by_seat(page),
    }


def _by_row(page: Page) -> Table:
    body: list[list[Cell]] = []
    for r in each(page.rows):
        if r.students < page.small:
            body.append([page.row_name(r.rows), page.few(), "–", "–", "–", "–"])
            continue
        body.append([
            page.row_name(r.rows), str(r.students), page.w("px", v=page.num(r.face_px)),
            page.w("cm", v=page.num(100 * r.sigma_m)), page.share(r.coverage), page.w(r.reading),
        ])  # fmt: skip
    head = [page.w(k) for k in ("col_row", "col_students", "col_face", "col_error",
                                "col_coverage", "col_reading")]  # fmt: skip
    return Table(head, body, page.w("quality_box"), numeric=(1, 2, 3, 4))


def _by_seat(page: Page) -> Table:
    body: list[list[Cell]] = [
        [str(r.student), str(r.row) if r.row else "–", page.w("cm", v=page.num(100 * r.sigma_m)),
         page.share(r.coverage), page.w("arcmin", v=page.num(r.letter_arcmin)),
         page.w("deg", v=page.num(r.obliquity_deg)), page.area(r.hardest), page.w(r.reading)]
        for r in each(page.seats)
    ]  # fmt: skip
    head = [page.w(k) for k in ("col_student", "col_row", "col_error", "col_coverage",
                                "col_letter", "col_angle", "col_hardest",
                                "col_reading")]  # fmt: skip
    return Table(head, body, page.w("title_seats"), numeric=(1, 2, 3, 4, 5))
