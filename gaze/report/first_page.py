"""What a teacher reads first: the answers in short, how far to trust them, what was wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaze.measures.measures import OUTSIDE
from gaze.report import figures
from gaze.report.findings import (
    HARD_LETTER_ARCMIN,
    HARD_OBLIQUITY_DEG,
    SMALL_CELL,
    low_stretches,
)

if TYPE_CHECKING:
    from gaze.report.page import Page


def short(page: Page) -> str:
    if page.empty:
        return (
            f'<div class="box warn"><h3>{page.w("nothing_title")}</h3>'
            f"<p>{page.w('nothing')}</p></div>"
        )
    m = page.measures
    answers = [
        (page.w("q_board"), _answer_board(page)),
        (page.w("q_part"), _answer_part(page)),
        (page.w("q_left"), _answer_left(page)),
        (page.w("q_seats"), _answer_seats(page)),
        (page.w("q_data"), f'<span class="figure">{page.pct(m.coverage)} %</span>'
         + page.w("a_data", worst=_worst_row(page))),
        (page.w("q_error"), _answer_error(page)),
    ]  # fmt: skip
    inner = "".join(f"<div><dt>{q}</dt><dd>{a}</dd></div>" for q, a in answers)
    return f'<dl class="answers">{inner}</dl>'


def _answer_board(page: Page) -> str:
    row = page.measures.areas.set_index("area").loc["board"]
    if not np.isfinite(row["share"]):
        return page.w("a_part_none")
    figure = f'<span class="figure">{page.pct(row["share"])} %</span>'
    if page.measures.coverage == 1:
        return figure + page.w(
            "a_board_complete", low=page.pct(row["low"]), high=page.pct(row["high"])
        )
    return figure + page.w(
        "a_board", low=page.pct(row["low"]), high=page.pct(row["high"]),
        low_m=page.pct(row["low_missing"]), high_m=page.pct(row["high_missing"]),
    )  # fmt: skip


def _answer_part(page: Page) -> str:
    table = page.measures.areas
    parts = table[~table["area"].isin([*OUTSIDE, "board"])].sort_values(
        "share", ascending=False, kind="stable"
    )
    if not len(parts) or not np.isfinite(parts["share"].iloc[0]) or parts["share"].max() < 0.01:
        return page.w("a_part_none")
    first = parts.iloc[0]
    others = parts.iloc[1:]
    if len(others) and (others["high"] > first["low"]).any():
        listed = ", ".join(f"{page.area(r.area)} {page.pct(r.share)} %" for r in parts.itertuples())
        return page.w("a_part_unclear", list=listed)
    rest = ", ".join(f"{page.area(r.area)} {page.pct(r.share)} %" for r in others.itertuples())
    name = page.area(first["area"])
    return page.w(
        "a_part", area=name[:1].upper() + name[1:], share=page.pct(first["share"]),
        low=page.pct(first["low"]), high=page.pct(first["high"]), rest=rest or "–",
    )  # fmt: skip


def _answer_left(page: Page) -> str:
    if len(page.measures.used) < page.small:
        return page.w("a_left_none")
    found = low_stretches(page.measures)
    if not found:
        return page.w("a_left_none")
    listed = "; ".join(
        page.w("a_left_one", start=figures.clock(s.start_s), end=figures.clock(s.end_s),
               share=page.pct(s.share))
        for s in found
    )  # fmt: skip
    return page.w("a_left", list=listed, share=page.pct(page.measures.share("board")))


def _answer_seats(page: Page) -> str:
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
        page.w("a_seats_one", student=r.student, area=page.area(r.hardest))
        for r in hard.itertuples()
    )
    return page.words("a_seats", n=len(hard), list=listed)


def _answer_error(page: Page) -> str:
    overall = (page.lesson.validation or {}).get("overall") or {}
    median = (overall.get("gaze_cm") or {}).get("median")
    if isinstance(median, int | float):
        text = page.w("a_error", n=int(overall.get("n", 0)))
        return f'<span class="figure">{page.w("cm", v=page.num(median))}</span>{text}'
    sigma = page.maps.mean_sigma_m
    if not np.isfinite(sigma):
        return page.w("a_part_none")
    figure = page.w("cm", v=page.num(100 * sigma))
    return f'<span class="figure">{figure}</span>{page.w("a_error_predicted")}'


def _worst_row(page: Page) -> str:
    order = ["read_nothing", "read_board", "read_sides", "read_thirds", "read_fine"]
    if not len(page.rows):
        return ""
    rank = page.rows["reading"].map(order.index)
    ranked = page.rows.assign(rank=rank)  # ties: the larger error
    worst = ranked.sort_values(["rank", "sigma_m"], ascending=[True, False]).iloc[0]
    return page.w("a_data_worst", row=page.row_name(worst["rows"]),
                  reading=page.w(worst["reading"]) + ".")  # fmt: skip


def quality(page: Page) -> str:
    lines = []
    for r in page.rows.itertuples():
        if r.students < page.small:
            continue
        detail = [page.w("quality_coverage", share=page.pct(r.coverage))]
        if np.isfinite(r.sigma_m):
            detail.insert(0, page.w("quality_sigma", cm=page.num(100 * r.sigma_m)))
        if np.isfinite(r.face_px):
            detail.insert(0, page.w("quality_faces", px=page.num(r.face_px)))
        lines.append(page.w("quality_row", row=page.row_name(r.rows),
                            detail=", ".join(detail), reading=page.w(r.reading)))  # fmt: skip
    listed = "".join(f"<li>{line}.</li>" for line in lines)
    return (
        f'<div class="boxes"><div class="box"><h3>{page.w("quality_box")}</h3>'
        f"<ul>{listed}</ul>{gain(page)}</div>"
        f'<div class="box sand"><h3>{page.w("validation")}</h3>{validation(page)}</div></div>'
        + problems(page)
    )


def gain(page: Page) -> str:
    """Whether a head-to-gaze correction was applied: never silent."""
    settings = page.lesson.info.get("settings") or {}
    gain = page.lesson.info.get("gain") or settings.get("gain")
    if not gain:
        return f"<p>{page.w('head_gain_none')}</p>"
    said = gain.get("description") if isinstance(gain, dict) else None
    return f"<p>{page.w('head_gain', detail=str(said or page.lesson.gain or gain))}</p>"


def validation(page: Page) -> str:
    """The room's own error, from `gaze validate`'s JSON."""
    overall = (page.lesson.validation or {}).get("overall") or {}
    gaze = overall.get("gaze_cm") or {}
    if not all(isinstance(gaze.get(k), int | float) for k in ("mean", "median", "p90")):
        return f"<p>{page.w('validation_none')}</p>"
    out = page.w(
        "validation_overall", n=int(overall.get("n", 0)), median=page.num(gaze["median"]),
        p90=page.num(gaze["p90"]), mean=page.num(gaze["mean"]),
    )  # fmt: skip
    bias = overall.get("gaze_bias_cm")
    if isinstance(bias, list) and len(bias) == 2 and None not in bias:
        out += " " + page.w(
            "validation_bias", x=page.num(abs(bias[0])), y=page.num(abs(bias[1])),
            x_side=page.w("side_left" if bias[0] > 0 else "side_right"),
            y_side=page.w("side_low" if bias[1] > 0 else "side_high"),
        )  # fmt: skip
    rows = ""
    for r in (page.lesson.validation or {}).get("rows") or []:
        cm = r.get("gaze_cm") or {}
        if page.class_only or cm.get("median") is None:
            continue
        line = page.w("validation_row", row=r.get("row"), median=page.num(cm["median"]),
                      distance=page.num(float(r.get("distance_m") or np.nan), 1),
                      n=r.get("n"))  # fmt: skip
        rows += f"<li>{line}</li>"
    return f"<p>{out}</p>" + (f"<ul>{rows}</ul>" if rows else "")


def problems(page: Page) -> str:
    found = [*page.lesson.problems, *page.measures.problems]
    if not page.empty and len(page.lesson.students) == 1:
        found.append(("problem_one_student", {}))
    m = page.measures.moments
    if m.measured.any() and not np.isfinite(m.xy_m).any():
        found.append(("problem_all_away", {}))
    if page.lesson.never_seen and not page.empty:
        found.append(("problem_never", {"n": page.count(len(page.lesson.never_seen))}))
    if page.lesson.masked:
        found.append(("problem_masked", {"n": page.count(page.lesson.masked)}))
    if not found:
        return ""
    lines = []
    for key, values in dict.fromkeys((k, tuple(v.items())) for k, v in found):
        said = {k: page.num(v) if isinstance(v, float) else
                page.area(v) if k in ("area", "a", "b") else v for k, v in values}  # fmt: skip
        lines.append(f"<li>{page.w(key, **said)}</li>")
    return (
        f'<div class="box warn" style="margin-top:1rem"><h3>{page.w("problems")}</h3>'
        f"<ul>{''.join(lines)}</ul></div>"
    )
