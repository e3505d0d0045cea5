"""How far to trust the lesson: rows, head-to-gaze correction, the room's error, problems."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from gaze.report.page import Page, each
from gaze.report.sections import Facts

ORDER = 20


def facts(page: Page) -> Facts:
    return {
        "rows": _rows(page),
        "gain": _gain(page),
        "validation": _validation(page),
        "validated_rows": _validated_rows(page),
        "problems": _problems(page),
    }


def _rows(page: Page) -> list[Markup]:
    lines = []
    for r in each(page.rows):
        if r.students < page.small:
            continue
        detail = [page.w("quality_coverage", share=page.pct(r.coverage))]
        if np.isfinite(r.sigma_m):
            detail.insert(0, page.w("quality_sigma", cm=page.num(100 * r.sigma_m)))
        if np.isfinite(r.face_px):
            detail.insert(0, page.w("quality_faces", px=page.num(r.face_px)))
        values = {"row": page.row_name(r.rows), "reading": page.w(r.reading)}
        lines.append(page.w("quality_row", detail=Markup(", ".join(detail)), **values))
    return lines


def _gain(page: Page) -> Markup:
    """Whether a head-to-gaze correction was applied: never silent."""
    settings = page.lesson.info.get("settings") or {}
    gain = page.lesson.info.get("gain") or settings.get("gain")
    if not gain:
        return page.w("head_gain_none")
    said = gain.get("description") if isinstance(gain, dict) else None
    return page.w("head_gain", detail=str(said or page.lesson.gain or gain))


def _validation(page: Page) -> Markup:
    """The room's own error, from `gaze validate`'s JSON."""
    overall = (page.lesson.validation or {}).get("overall") or {}
    gaze = overall.get("gaze_cm") or {}
    if not all(isinstance(gaze.get(k), int | float) for k in ("mean", "median", "p90")):
        return page.w("validation_none")
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
    return out


def _validated_rows(page: Page) -> list[Markup]:
    if page.class_only:
        return []
    return [
        page.w("validation_row", row=r.get("row"), median=page.num(r["gaze_cm"]["median"]),
               distance=page.num(float(r.get("distance_m") or np.nan), 1), n=r.get("n"))
        for r in (page.lesson.validation or {}).get("rows") or []
        if (r.get("gaze_cm") or {}).get("median") is not None
    ]  # fmt: skip


def _problems(page: Page) -> list[Markup]:
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
    lines = []
    for key, values in dict.fromkeys((k, tuple(v.items())) for k, v in found):
        said = {k: page.num(v) if isinstance(v, float) else
                page.area(v) if k in ("area", "a", "b") else v for k, v in values}  # fmt: skip
        lines.append(page.w(key, **said))
    return lines
