"""The data by rows of seats, and what was checked in this room."""

from __future__ import annotations

from markupsafe import Markup

from gaze.lesson.room_sigma import sigma_in
from gaze.report.page import Cell, Page, Table, each
from gaze.report.sections import Facts
from gaze.report.trust import correction

ORDER = 30


def facts(page: Page) -> Facts:
    return {
        "rows": by_row(page),
        "gain": correction(page),
        "sigma": _sigma(page),
        "cameras": _cameras(page),
        "validation": _validation(page),
        "validated_rows": _validated_rows(page),
    }


def by_row(page: Page) -> Table:
    """Faces, errors and coverage of each row."""
    body: list[list[Cell]] = []
    for r in each(page.rows):
        if r.students < page.small:
            body.append([page.row_name(r.rows), page.few(), "–", "–", "–", "–"])
            continue
        body.append([
            page.row_name(r.rows), str(r.students), page.w("px", v=page.num(r.face_px)),
            page.w("cm", v=page.num(100 * r.error_m)), page.share(r.coverage), page.w(r.reading),
        ])  # fmt: skip
    head = [page.w(k) for k in ("col_row", "col_students", "col_face", "col_error",
                                "col_coverage", "col_reading")]  # fmt: skip
    return Table(head, body, page.w("quality_box"), numeric=(1, 2, 3, 4))


def _sigma(page: Page) -> Markup | None:
    """That σ is this room's and not the network's own."""
    found = sigma_in(page.lesson.info)
    if found is None:
        return None
    low, high = (page.num(v, 2) for v in found.interval_95)
    return page.w("heads_sigma", factor=page.num(found.factor, 2), low=low, high=high,
                  students=found.students, source=found.source)  # fmt: skip


def _cameras(page: Page) -> Markup | None:
    """How far the two cameras lie apart about heads in this lesson."""
    found = page.lesson.quality.head_fusion
    if found.apart is None or found.apart_95 is None or found.independent is None:
        return None
    low, high = (page.num(v, 2) for v in found.apart_95)
    return page.w("cameras_apart" if found.independent != 1 else "cameras_as_stated",
                  factor=page.num(found.apart, 2), low=low, high=high)  # fmt: skip


def _validation(page: Page) -> Markup:
    """The room's own error, from `gaze validate`'s JSON."""
    if page.lesson.validation is None:
        return page.w("validation_none")
    overall = page.lesson.validation.overall
    said = {k: page.num(v) for k, v in overall.gaze_cm}
    return page.w("validation_overall", n=overall.n, **said)


def _validated_rows(page: Page) -> list[Markup]:
    if page.class_only or page.lesson.validation is None:
        return []
    return [
        page.w("validation_row", row=r.row, median=page.num(r.gaze_cm.median),
               distance=page.num(r.distance_m, 1), n=r.n)
        for r in page.lesson.validation.rows
    ]  # fmt: skip
