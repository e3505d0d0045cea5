"""Boards, screens, desks, people: which of them heads pointed at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from markupsafe import Markup

from gaze.report import svg
from gaze.report.colours import SLATE
from gaze.report.page import Cell, Page, Table, each
from gaze.report.sections import Facts
from sessions.surfaces import ELSEWHERE, TARGETS

ORDER = 45
HIDDEN = 0.02  # of the blackboard, from which on it is said


def facts(page: Page) -> Facts | None:
    found = page.targets
    if found is None or not found.used:
        return None
    return {"table": _table(page, found.shares), "said": list(_said(page))}


def _table(page: Page, shares: pd.DataFrame) -> Table:
    whole = shares[shares["student"] == ""]
    top = float(np.nanmax([0.05, *whole["high"]]))
    body: list[list[Cell]] = []
    for target, rows in whole.groupby("target", sort=False):
        for r in each(rows.sort_values("area", kind="stable")):
            name = r.area or _name(page, str(target))
            body.append([
                Markup("– {}").format(name) if r.area else name, page.share(r.share),
                svg.band_svg(r.share, r.low, r.high, r.low, r.high, SLATE, top),
                page.band(r.low, r.high),
            ])  # fmt: skip
    head = [page.w(k) for k in ("col_target", "col_share", "col_band", "col_95")]
    return Table(head, body, page.w("title_targets"), numeric=(1, 3), bars=(2,))


def _name(page: Page, target: str) -> Cell:
    """A target's name: the user's own, or ours in the report's language."""
    return page.w(f"target_{target}") if target in TARGETS else target


def _said(page: Page) -> Iterator[Cell]:
    """What must be known to read the table."""
    found = page.targets
    assert found is not None
    for a, b, rows in _untold(found.apart):
        yield page.w("targets_untold", a=_name(page, a), b=_name(page, b), rows=rows)
    for target in found.left_out:
        yield page.w("targets_left_out", target=_name(page, target))
    if found.hidden > HIDDEN:
        yield page.w("targets_hidden", share=page.share(found.hidden))


def _untold(apart: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Pairs of targets that cannot be told apart, and in which rows of seats."""
    bad = apart[~apart["told"] & (apart["target"] != ELSEWHERE) & (apart["other"] != ELSEWHERE)]
    pairs = {tuple(sorted((r.target, r.other))) for r in each(bad)}
    for a, b in sorted(pairs):
        rows = bad[bad["target"].isin([a, b]) & bad["other"].isin([a, b])]["row"]
        yield a, b, ", ".join(str(r) for r in sorted(set(rows)))
