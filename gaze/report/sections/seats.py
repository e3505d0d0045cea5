"""The seats: where data are weak, where the board is hard to see."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Array
from gaze.report import figures, svg
from gaze.report.findings import MEDIAN_OF_SIGMA
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
    predicted = _predicted_cm(page)
    figure = figures.figure_seats(seats, page.lesson.board, page.words)
    return {
        "figure": page.plot("fig-seats", figure, page.words("seats_alt", weak=weak, hard=hard)),
        "known": True,
        "choices": [Choice(page.w(k), page.w(f"{k}_said")) for k in READINGS],
        "map": _map(page, predicted),
        "table": _by_seat(page, predicted),
    }


def _predicted_cm(page: Page) -> Array:
    """(N,) typical error in centimetres that the planner expects at each seat of ``page.seats``
    before these cameras; NaN without a calibrated room or a place."""
    from sessions.simulation.plan import seat_errors

    out = np.full(len(page.seats), np.nan)
    places = page.seats[["seat_x_m", "seat_z_m"]].to_numpy(np.float64)
    known = np.isfinite(places).all(1)
    try:
        rig = Rig.load(page.lesson.run.lesson_folder / "rig.json")
        board = page.lesson.board
        planned = seat_errors(rig, places[known], (board.width_m, board.height_m))
    except UserError:
        return out
    mean_to_median = MEDIAN_OF_SIGMA / np.sqrt(np.pi / 2)
    out[known] = mean_to_median * planned["gaze_error_cm"].to_numpy(np.float64)
    return out


def _map(page: Page, predicted: Array) -> Markup:
    """Where each seat looked, at its place in the room."""
    maps, cards = page.maps, []
    for r, cm in zip(each(page.seats), predicted, strict=True):
        if not np.isfinite(r.seat_x_m):
            continue
        at = maps.of(str(r.student))
        lines = [str(r.student), page.w("cm", v=page.num(100 * r.error_m))]
        if np.isfinite(cm):
            lines.append(page.w("seat_predicted", cm=page.num(cm)))
        cards.append(svg.SeatCard(float(r.seat_x_m), float(r.seat_z_m),
                                  None if at is None else maps.maps[at], bool(r.hard),
                                  lines))  # fmt: skip
    return svg.seatmap_svg(cards, maps.grid, page.lesson.board, label=page.w("seat_map_alt"))


def _by_seat(page: Page, predicted: Array) -> Table:
    body: list[list[Cell]] = [
        [str(r.student), str(r.row) if r.row else "–", page.w("cm", v=page.num(100 * r.error_m)),
         page.w("cm", v=page.num(cm)),
         page.share(r.coverage), page.w("arcmin", v=page.num(r.letter_arcmin)),
         page.w("deg", v=page.num(r.obliquity_deg)), page.area(r.hardest), page.w(r.reading)]
        for r, cm in zip(each(page.seats), predicted, strict=True)
    ]  # fmt: skip
    head = [page.w(k) for k in ("col_student", "col_row", "col_error", "col_planned",
                                "col_coverage", "col_letter", "col_angle", "col_hardest",
                                "col_reading")]  # fmt: skip
    return Table(head, body, page.w("title_seats"), numeric=(1, 2, 3, 4, 5, 6))
