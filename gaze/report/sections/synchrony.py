"""When the class moved together, against what chance gives."""

from __future__ import annotations

import numpy as np

from gaze.report import figures
from gaze.report.findings import SMALL_CELL
from gaze.report.page import Cell, Page, Table, each
from gaze.report.sections import Facts

ORDER = 80


def facts(page: Page) -> Facts | None:
    if page.empty:
        return None
    sync = page.measures.synchrony
    if sync.reason:
        return {"figure": None, "said": page.w(sync.reason)}
    if len(page.measures.used) < page.small:
        return {"figure": None, "said": page.w("a_seats_few", k=SMALL_CELL)}
    found = sync.moments
    figure = figures.figure_synchrony(sync, page.measures, page.marks, page.words)
    if page.class_only:
        keep = (found["students"] >= SMALL_CELL).to_numpy(bool)
        found = found[keep]
        for trace in figure["data"]:
            if trace.get("mode") == "markers":
                for c in ("x", "y", "text"):
                    trace[c] = [v for v, k in zip(trace[c], keep, strict=True) if k]
    alt = page.words("sync_alt", low=page.pct(float(np.nanmin(sync.agreement))),
                     high=page.pct(float(np.nanmax(sync.agreement))), n=len(found))  # fmt: skip
    body: list[list[Cell]] = [
        [f"{page.clock(r.time_s)}–{page.clock(r.end_s)}", page.state(r.area),
         page.of(r.students, r.measured), _near(page, r.time_s)]
        for r in each(found)
    ]  # fmt: skip
    head = [page.w("col_time"), page.w("col_to"), page.w("col_turned"), page.w("col_phase")]
    columns = len(head) if page.marks else len(head) - 1
    table = Table(head[:columns], [b[:columns] for b in body], page.w("sync_caption"))
    return {
        "figure": page.plot("fig-sync", figure, alt),
        "lede": page.w("sync_lede", n=sync.surrogates, bin=f"{sync.bin_s:g}"),
        "table": table if body else None,
    }


def _near(page: Page, time_s: float) -> str:
    """The phase that holds a moment, and a mark within 15 s of it."""
    said = [
        a.label for a in page.marks
        if (a.end_s is not None and a.time_s <= time_s < a.end_s)
        or (a.end_s is None and abs(a.time_s - time_s) <= 15)
    ]  # fmt: skip
    return "; ".join(said)
