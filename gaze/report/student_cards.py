"""Student by student, under pseudonyms: attention heatmap, timeline and table each."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.measures import window_edges
from gaze.report import figures, svg
from gaze.report.heatmap import top_of_scale

if TYPE_CHECKING:
    from gaze.report.page import Page


def students(page: Page) -> str:
    m = page.measures
    window = max(m.window_s, next(
        (w for w in (5, 10, 15, 30, 60, 120) if (m.end_s - m.start_s) / w <= 100), 300.0
    ))  # fmt: skip
    starts, index, window = window_edges(m.moments, window)
    legend = "".join(f"<li>{page.swatch(s)}{escape(page.area(s))}</li>" for s in m.states) + (
        f'<li><span class="swatch" style="background:#f2f0ea"></span>{page.w("missing")}</li>'
    )
    rows = sorted({int(r) for r in page.seats["row"] if r > 0})
    options = "".join(f'<option value="{r}">{page.w("row", rows=str(r))}</option>' for r in rows)
    said = page.words.table["filter_said"]
    filters = (
        f'<div class="filters"><label>{page.w("filter_row")}<select><option value="">'
        f"{page.w('filter_all')}</option>{options}</select></label>"
        f'<label>{page.w("filter_text")}<input type="search" autocomplete="off"></label>'
        f'<label class="check"><input type="checkbox">{page.w("filter_weak")}</label>'
        f'<output aria-live="polite" data-text="{escape(said)}"></output></div>'
    )
    photo = ""
    if page.photo is not None:
        photo = (
            '<svg width="0" height="0" aria-hidden="true" style="position:absolute"><symbol '
            'id="photo" viewBox="0 0 100 100" preserveAspectRatio="none"><image href="'
            f'{svg.data_uri(page.photo)}" width="100" height="100" '
            'preserveAspectRatio="none"/></symbol></svg>'
        )
    cards = "".join(_student(page, r, starts, index, window) for r in page.seats.itertuples())
    return (
        f'<p class="lede">{page.w("students_lede")}</p>{filters}'
        f'<ul class="legend">{legend}</ul>{photo}<div class="students">{cards}</div>'
    )


def _student(page: Page, seat: Any, starts: Array, index: NDArray[np.int64], window: float) -> str:
    m, maps = page.measures, page.maps
    name = str(seat.student)
    row = page.w("student_row", row=seat.row) if seat.row else ""
    head = f"<h3>{escape(name)}<small>{row}</small></h3>"
    weak = int(seat.reading == "read_nothing")
    shell = (
        f'<article class="student" data-student="{escape(name)}" data-row="{seat.row}" '
        f'data-weak="{weak}">{head}'
    )
    if (
        name not in m.moments.students
        or not m.moments.measured[m.moments.students.index(name)].any()
    ):
        return f"{shell}<p>{page.w('student_never')}</p></article>"
    i = m.moments.students.index(name)
    own = m.student_areas[m.student_areas["student"] == name].set_index("area")
    if np.isfinite(seat.sigma_m):
        data = page.w(
            "student_data", coverage=page.pct(seat.coverage),
            cm=page.num(100 * seat.sigma_m), reading=page.w(seat.reading),
        )  # fmt: skip
    else:
        data = page.w("student_data_none", coverage=page.pct(seat.coverage),
                      reading=page.w(seat.reading))  # fmt: skip
    summary = ", ".join(f"{page.area(s)} {page.pct(own['share'][s])} %" for s in m.states)
    at = maps.of(name)
    picture = f"<p>{page.w('student_few')}</p>"
    if at is not None:
        picture = svg.board_svg(
            maps.maps[at], maps.grid, page.lesson.board, m.area_list,
            top=top_of_scale(maps.maps[at]),
            label=page.words("student_heat", student=name, summary=summary),
            photo_id="photo" if page.photo is not None else None,
        )  # fmt: skip
    p = m.moments.probability[i]
    total = np.bincount(index, minlength=len(starts))
    shares = (
        np.stack([np.bincount(index, p[:, k], minlength=len(starts)) for k in range(p.shape[1])], 1)
        / np.maximum(total, 1)[:, None]
    )
    shares /= np.maximum(shares.sum(1, keepdims=True), 1.0)  # overlapping areas
    line = svg.strip_svg(
        shares, starts, window, m.states, m.area_list, page.marks, end_s=m.end_s,
        label=page.words("student_line", student=name, window=page.window(window),
                         summary=summary),
    )  # fmt: skip
    body = [
        [page.swatch(s) + escape(page.area(s)), f"{page.pct(own['share'][s])} %",
         f"{page.pct(own['low'][s])}–{page.pct(own['high'][s])} %",
         page.num(own["visits"][s]), page.seconds(own["mean_visit_s"][s]),
         figures.clock(own["first_look_s"][s]) if np.isfinite(own["first_look_s"][s]) else "–"]
        for s in m.states
    ]  # fmt: skip
    columns = [page.w(k) for k in ("col_area", "col_share")]
    columns += ["95 %", *(page.w(k) for k in ("col_visits", "col_mean_visit", "col_first"))]
    table = page.table(columns, body, numeric=(1, 2, 3, 4, 5), caption=escape(name))
    return f"{shell}<p>{data}</p>{picture}{line}{page.details(table)}</article>"
