"""The class: heatmap, areas, phases, timeline, seats, transitions, moments together."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.measures import MIN_COVERAGE
from gaze.report import figures, svg
from gaze.report.colours import sequential
from gaze.report.findings import (
    SMALL_CELL,
)
from gaze.report.heatmap import top_of_scale
from gaze.report.marks import Mark

if TYPE_CHECKING:
    from gaze.report.page import Page


def heat(page: Page) -> str:
    maps = page.maps
    if len(maps.students) < page.small or not len(maps.students):
        return f'<p class="box warn">{page.w("heat_none")}</p>'
    layers = [figures.HeatLayer(page.w("everybody"), maps.whole, len(maps.students),
                                maps.n_points, maps.mean_sigma_m)]  # fmt: skip
    groups = page.rows if len(page.rows) > 1 else page.rows.iloc[:0]
    for r in groups.itertuples():
        names = set(page.seats.loc[page.seats["row"].isin(r.rows), "student"])
        at = [i for i, s in enumerate(maps.students) if s in names]
        if len(at) < page.small:
            continue
        layers.append(figures.HeatLayer(
            page.row_name(r.rows), maps.maps[at].mean(0), len(at),
            int(maps.points[at].sum()), float(maps.sigma_m[at].mean()),
        ))  # fmt: skip
    top = max(top_of_scale(layer.field) for layer in layers)
    figure = figures.figure_heatmap(
        layers, maps.grid, page.lesson.board, page.measures.area_list, page.words, top,
        page.photo,
    )  # fmt: skip
    iy, ix = np.unravel_index(maps.whole.argmax(), maps.whole.shape)
    x, y = maps.grid.x_m, maps.grid.y_m
    on = ((x > 0) & (x < page.lesson.board.width_m))[None, :] & (
        (y > 0) & (y < page.lesson.board.height_m)
    )[:, None]
    inside = float(maps.whole[on].sum()) * maps.grid.cell_m**2
    alt = page.words("heat_alt", x=page.num(x[ix], 1), y=page.num(y[iy], 1),
                     inside=page.pct(inside))  # fmt: skip
    said = [
        page.w("heat_shows", students=a.students, n=page.num(a.points),
               sigma_cm=page.num(100 * a.sigma_m))
        for a in layers
    ]  # fmt: skip
    toggle = ""
    if len(layers) > 1:
        options = "".join(
            f'<label><input type="radio" name="heat" value="{i}" data-plot="fig-heat" '
            f'data-said="{escape(s)}"{" checked" if i == 0 else ""}><span>{a.name}</span>'
            "</label>"
            for i, (a, s) in enumerate(zip(layers, said, strict=True))
        )
        toggle = (
            f'<fieldset class="toggle"><legend>{page.w("heat_toggle")}</legend>{options}</fieldset>'
        )
    left_out = ""
    if maps.left_out:
        left_out = " " + (
            page.w("heat_left_out_n", n=page.count(len(maps.left_out)))
            if page.class_only
            else page.w("heat_left_out", list=", ".join(maps.left_out))
        )  # fmt: skip
    return (
        f'<p class="lede">{page.w("heat_lede")}</p>{toggle}'
        f"<figure>{page.plot('fig-heat', figure, alt)}"
        f'<figcaption><span id="fig-heat-said" aria-live="polite">{said[0]}</span>'
        f"{left_out} {page.w('heat_not')}</figcaption></figure>"
        + page.details(_heat_table(page, maps.whole))
    )


def _heat_table(page: Page, field: Array) -> str:
    """Shares of the drawn weight by cells of the board, left to right as the class sees it."""
    grid, board = page.maps.grid, page.lesson.board
    nx, ny = 10, 3
    ix = np.floor(grid.x_m / board.width_m * nx).astype(int)
    iy = np.floor(grid.y_m / board.height_m * ny).astype(int)
    head = [page.w("col_height")]
    for c in range(nx - 1, -1, -1):
        a, b = board.width_m * c / nx, board.width_m * (c + 1) / nx
        head.append(f"{page.num(b, 1)}–{page.num(a, 1)} m")
    body = []
    for r, name in enumerate(("top", "centre", "bottom")):
        cells = [
            page.pct(field[np.ix_(iy == r, ix == c)].sum() * grid.cell_m**2, 1) + " %"
            for c in range(nx - 1, -1, -1)
        ]
        body.append([page.w(name), *cells])
    return page.table(head, body, caption=page.w("heat_table"), numeric=range(1, nx + 1))


def areas(page: Page) -> str:
    m = page.measures
    table = m.areas.set_index("area")
    top = float(np.nanmax([0.05, *table["high_missing"], *table["share"]]))
    body = []
    for state in (*m.states, "board"):
        r = table.loc[state]
        colour = "#2f5d57" if state == "board" else figures.state_colour(state, m.area_list)
        few = 0 < r["reached"] < page.small
        swatch = "" if state == "board" else page.swatch(state)
        body.append([
            swatch + escape(page.area(state)),
            f"{page.pct(r['share'])} %",
            svg.band_svg(r["share"], r["low"], r["high"], r["low_missing"],
                         r["high_missing"], colour, top),
            f"{page.pct(r['low'])}–{page.pct(r['high'])} %",
            page.few() if few else page.num(r["visits"]),
            page.few() if few else page.seconds(r["mean_visit_s"]),
            page.few() if few else (
                figures.clock(r["first_look_s"]) if np.isfinite(r["first_look_s"]) else "–"),
            page.few() if few else page.of(int(r["reached"]), int(r["students"])),
        ])  # fmt: skip
    head = [page.w(k) for k in ("col_area", "col_share", "col_band")]
    head += ["95 %", *(page.w(k) for k in ("col_visits", "col_mean_visit", "col_first",
                                           "col_reached"))]  # fmt: skip
    note = page.w("areas_note", visit=page.num(m.min_visit_s, 1),
                  bridge=page.num(m.bridge_s, 1), n=len(m.used),
                  coverage=f"{100 * MIN_COVERAGE:.0f}")  # fmt: skip
    if any(k == "problem_area_overlap" for k, _ in m.problems):
        note += " " + page.w("overlap_note")
    return (
        f'<p class="lede">{page.w("areas_lede")}</p>'
        + page.table(head, body, numeric=(1, 3, 4, 5, 6, 7), last_sum=True,
                     caption=page.w("areas"))
        + f'<p class="lede"><small>{note}</small></p>' + phase_table(page)
    )  # fmt: skip


def phase_table(page: Page) -> str:
    if not page.phases:
        return ""
    body = []
    for mark, m in page.phases:
        table = m.areas.set_index("area")
        row = [
            escape(mark.label),
            f'<span class="whole">{figures.clock(mark.time_s)}–'
            f"{figures.clock(float(mark.end_s or 0))}</span>",
            str(len(m.used)) if len(m.used) >= page.small else page.few(),
        ]
        for state in ("board", *page.measures.states):
            ok = state in table.index and len(m.used) >= page.small
            share = table["share"].get(state, np.nan) if ok else np.nan
            band = (
                f"<br><small>{page.pct(table['low'][state])}–{page.pct(table['high'][state])}"
                "</small>" if ok and state == "board" and np.isfinite(share) else ""
            )  # fmt: skip
            row.append(f"{page.pct(share)} %{band}" if np.isfinite(share) else "–")
        body.append(row)
    head = [page.w("col_phase"), page.w("col_time"), page.w("col_students")]
    head += [escape(page.area(s)) for s in ("board", *page.measures.states)]
    return (
        f'<h3 style="margin-top:1.4rem">{page.w("phases")}</h3>'
        f'<p class="lede">{page.w("phases_lede")}</p>'
        + page.table(head, body, numeric=range(2, len(head)), caption=page.w("phases"))
    )


def timeline(page: Page) -> str:
    m = page.measures
    hidden = figures.hidden_windows(m, page.small)
    figure = figures.figure_timeline(m, page.marks, page.words, hidden)
    board = m.timeline[m.timeline["area"] == "board"]
    share = np.where(hidden, np.nan, board["share"].to_numpy(np.float64))
    window = page.window(m.window_s)
    if not np.isfinite(share).any():
        return f'<p class="box warn">{page.w("a_part_none")}</p>'
    t = board["time_s"].to_numpy(np.float64)
    low, high = int(np.nanargmin(share)), int(np.nanargmax(share))
    alt = page.words("timeline_alt", low=page.pct(share[low]), low_t=figures.clock(t[low]),
                     high=page.pct(share[high]), high_t=figures.clock(t[high]))  # fmt: skip
    outside = [a for a in page.marks if _outside(page, a)]
    inside = [a for a in page.marks if not _outside(page, a)]
    notes = ""
    if inside:
        notes += " " + page.w("marks", list=_said(page, inside))
    if outside:
        said = page.w("marks_outside", list=_said(page, outside))
        notes += f' <span class="tag">{said}</span>'
    return (
        f'<p class="lede">{page.w("timeline_lede", window=window)}</p>'
        f"<figure>{page.plot('fig-time', figure, alt)}"
        f"<figcaption>{page.w('timeline_not')}{notes}</figcaption></figure>"
        + page.details(_timeline_table(page, hidden))
    )


def _outside(page: Page, mark: Mark) -> bool:
    m = page.measures
    return mark.time_s >= m.end_s or (mark.end_s or mark.time_s) < m.start_s


def _said(page: Page, marks: Sequence[Mark]) -> str:
    number = {id(a): i for i, a in enumerate(page.marks, 1)}
    return "; ".join(
        f"{number[id(a)]} {a.label} ({figures.clock(a.time_s)}"
        + (f"–{figures.clock(a.end_s)})" if a.end_s is not None else ")")
        for a in marks
    )


def _timeline_table(page: Page, hidden: NDArray[np.bool_]) -> str:
    """At most about thirty rows: windows are averaged where there are more."""
    m = page.measures
    board = m.timeline[m.timeline["area"] == "board"].reset_index(drop=True)
    step = max(1, -(-len(board) // 30))
    states = {s: m.timeline.loc[m.timeline["area"] == s, "share"].to_numpy(np.float64)
              for s in m.states}  # fmt: skip
    body = []
    for a in range(0, len(board), step):
        part = board.iloc[a : a + step]
        ok = ~hidden[a : a + step]

        def mean(v: Any, ok: NDArray[np.bool_] = ok) -> float:
            v = np.asarray(v, np.float64)[ok]
            v = v[np.isfinite(v)]
            return float(v.mean()) if len(v) else float("nan")

        body.append([
            figures.clock(float(part["time_s"].iloc[0])), page.pct(mean(part["share"])) + " %",
            f"{page.pct(mean(part['low']))}–{page.pct(mean(part['high']))} %",
            *(f"{page.pct(mean(states[s][a : a + step]))} %" for s in m.states),
        ])  # fmt: skip
    head = [page.w("col_time"), page.w("axis_board_share"), "95 %",
            *(escape(page.area(s)) for s in m.states)]  # fmt: skip
    return page.table(head, body, numeric=range(1, len(head)), caption=page.w("timeline"))


def seat_map(page: Page) -> str:
    rows = [
        [page.row_name(r.rows), str(r.students) if r.students >= page.small else page.few(),
         *((page.w("px", v=page.num(r.face_px)), page.w("cm", v=page.num(100 * r.sigma_m)),
            f"{page.pct(r.coverage)} %", page.w(r.reading)) if r.students >= page.small
           else ("–", "–", "–", "–"))]
        for r in page.rows.itertuples()
    ]  # fmt: skip
    row_head = [page.w(k) for k in ("col_row", "col_students", "col_face", "col_error",
                                    "col_coverage", "col_reading")]  # fmt: skip
    by_row = page.table(row_head, rows, numeric=(1, 2, 3, 4), caption=page.w("quality_box"))
    if page.class_only:
        return f'<p class="lede">{page.w("seats_lede_rows", k=SMALL_CELL)}</p>{by_row}'
    seats = page.seats
    never = list(page.lesson.never_seen)
    notes = f"<p>{page.w('seats_never', list=', '.join(never))}</p>" if never else ""
    if page.lesson.masked:
        notes += f"<p>{page.w('seats_masked', n=page.lesson.masked)}</p>"
    if not np.isfinite(seats["seat_x_m"].to_numpy(np.float64)).any():
        return f'<p class="box warn">{page.w("seats_unknown")}</p>{notes}{by_row}'
    figure = figures.figure_seats(seats, page.lesson.board, page.words)
    keys = ("seat_error", "seat_coverage", "seat_letter")
    options = "".join(
        f'<label><input type="radio" name="seats" value="{i}" data-plot="fig-seats" '
        f'data-said="{escape(page.w(k + "_said"))}"{" checked" if i == 0 else ""}>'
        f"<span>{page.w(k)}</span></label>"
        for i, k in enumerate(keys)
    )
    weak = ", ".join(seats.loc[seats["weak"], "student"]) or page.w("none")
    hard = ", ".join(seats.loc[seats["hard"], "student"]) or page.w("none")
    alt = page.words("seats_alt", weak=weak, hard=hard)
    body = [
        [escape(str(r.student)), str(r.row) if r.row else "–",
         page.w("cm", v=page.num(100 * r.sigma_m)), f"{page.pct(r.coverage)} %",
         page.w("arcmin", v=page.num(r.letter_arcmin)),
         page.w("deg", v=page.num(r.obliquity_deg)), escape(page.area(r.hardest)),
         page.w(r.reading)]
        for r in seats.itertuples()
    ]  # fmt: skip
    head = [page.w(k) for k in ("col_student", "col_row", "col_error", "col_coverage",
                                "col_letter", "col_angle", "col_hardest",
                                "col_reading")]  # fmt: skip
    return (
        f'<p class="lede">{page.w("seats_lede")}</p><div class="beside"><div>'
        f'<fieldset class="toggle"><legend>{page.w("heat_toggle")}</legend>{options}</fieldset>'
        f"<figure>{page.plot('fig-seats', figure, alt)}"
        f'<figcaption><span id="fig-seats-said" aria-live="polite">'
        f"{page.w('seat_error_said')}</span></figcaption></figure></div>"
        f"<div>{by_row}{notes}</div></div>"
        + page.details(page.table(head, body, numeric=(1, 2, 3, 4, 5),
                                  caption=page.w("seats")))
    )  # fmt: skip


def transitions(page: Page) -> str:
    t = page.measures.transitions
    if not t.counts.sum():
        return f"<p>{page.w('transitions_none')}</p>"
    p = t.probabilities
    head = "".join(f'<th scope="col">{escape(page.area(s))}</th>' for s in t.states)
    lines = []
    for i, a in enumerate(t.states):
        cells = []
        for j in range(len(t.states)):
            if i == j:
                cells.append('<td class="own" aria-hidden="true"></td>')
            elif not np.isfinite(p[i, j]):
                cells.append("<td>–</td>")
            elif 0 < t.students[i, j] < page.small:
                cells.append(f"<td><small>{page.few()}</small></td>")
            else:
                colour = sequential(np.asarray(0.85 * p[i, j]))
                r, g, b = (int(c) for c in colour)
                dark = 0.299 * r + 0.587 * g + 0.114 * b < 140
                ink = "#ffffff" if dark else "#22302e"
                cells.append(
                    f'<td style="background:rgb({r},{g},{b});color:{ink}">'
                    f"{page.pct(p[i, j])} %<small>{page.num(t.counts[i, j])}</small></td>"
                )
        lines.append(
            f'<tr><th scope="row">{page.swatch(a)}{escape(page.area(a))}</th>{"".join(cells)}</tr>'
        )
    caption = page.w("transitions_caption")
    return (
        f'<p class="lede">{page.w("transitions_lede", gap=f"{page.measures.gap_s:g}")}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="matrix"><caption>{caption}</caption><thead><tr>'
        f'<th scope="col">{page.w("from_to")}</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        f'<p class="lede"><small>{page.w("transitions_note")}</small></p>'
    )


def synchrony(page: Page) -> str:
    sync = page.measures.synchrony
    if sync.reason:
        return f"<p>{page.w(sync.reason)}</p>"
    if len(page.measures.used) < page.small:
        return f"<p>{page.w('a_seats_few', k=SMALL_CELL)}</p>"
    found = sync.moments
    if page.class_only:
        found = found[found["students"] >= SMALL_CELL]
    figure = figures.figure_synchrony(sync, page.measures, page.marks, page.words)
    if page.class_only and len(sync.moments) and len(figure["data"]):
        keep = (sync.moments["students"] >= SMALL_CELL).to_numpy()
        for trace in figure["data"]:
            if trace.get("mode") == "markers":
                for c in ("x", "y", "text"):
                    trace[c] = [v for v, k in zip(trace[c], keep, strict=True) if k]
    alt = page.words("sync_alt", low=page.pct(float(np.nanmin(sync.agreement))),
                     high=page.pct(float(np.nanmax(sync.agreement))), n=len(found))  # fmt: skip
    lede = page.w("sync_lede", n=sync.surrogates, bin=f"{sync.bin_s:g}")
    out = (
        f'<p class="lede">{lede}</p><figure>{page.plot("fig-sync", figure, alt)}'
        f"<figcaption>{page.w('sync_not')}</figcaption></figure>"
    )
    if not len(found):
        return out + f"<p>{page.w('sync_none')}</p>"
    body = [
        [f"{figures.clock(r.time_s)}–{figures.clock(r.end_s)}",
         page.swatch(r.area) + escape(page.area(r.area)),
         page.of(r.students, r.measured), escape(_near(page, r.time_s))]
        for r in found.itertuples()
    ]  # fmt: skip
    head = [page.w("col_time"), page.w("col_to"), page.w("col_turned"), page.w("col_phase")]
    if not page.marks:
        head, body = head[:3], [b[:3] for b in body]
    return out + page.table(head, body, caption=page.w("sync_caption"))


def _near(page: Page, time_s: float) -> str:
    """The phase that holds a moment, and a mark within 15 s of it."""
    said = [
        a.label for a in page.marks
        if (a.end_s is not None and a.time_s <= time_s < a.end_s)
        or (a.end_s is None and abs(a.time_s - time_s) <= 15)
    ]  # fmt: skip
    return "; ".join(said)
