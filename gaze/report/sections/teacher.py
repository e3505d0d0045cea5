"""Where the teacher stood against where the class's heads pointed; only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from gaze.measures.teacher import TeacherMeasures
from gaze.report.findings import SMALL_CELL
from gaze.report.page import Cell, Page, Table, each
from gaze.report.sections import Facts
from sessions.surfaces import TARGETS

ORDER = 46


def facts(page: Page) -> Facts | None:
    asked = page.lesson.config.teacher
    if asked is None or not asked.keep_track or page.class_only or page.empty:
        return None  # the teacher is one person: not for sharing
    found = page.teacher
    if found is None:
        return {"table": None, "said": [page.w("teacher_not_seen")]}
    if found.used < SMALL_CELL:
        return {"table": None, "said": [page.w("teacher_few", k=SMALL_CELL)]}
    return {"table": _table(page, found), "said": list(_said(page, found))}


def _table(page: Page, found: TeacherMeasures) -> Table:
    share = found.shares.set_index(["place", "target"])
    body: list[list[Cell]] = []
    for place in each(found.places):
        row: list[Cell] = [page.w(f"teacher_{place.place}"), page.share(place.time_share)]
        for target in found.names:
            of = share.loc[(place.place, target)]
            known = place.students >= SMALL_CELL and not (
                place.place == "unseen" and target == "teacher"
            )
            row.append(
                Markup("{}<br><small>{}–{}</small>").format(
                    page.share(of["share"]), page.pct(of["low"]), page.pct(of["high"])
                )
                if known
                else "–"
            )
        body.append(row)
    names = [page.w(f"target_{n}") if n in TARGETS else n for n in found.names]
    head = [page.w("col_teacher"), page.w("col_time_share"), *names]
    return Table(head, body, page.w("title_teacher"), numeric=range(1, len(head)))


def _said(page: Page, found: TeacherMeasures) -> Iterator[Cell]:
    untold = found.places[~found.places["told"]]["place"]
    if len(untold):
        yield page.w("teacher_untold", places=", ".join(page.w(f"teacher_{p}") for p in untold))
