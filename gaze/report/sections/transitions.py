"""From where to where: successive visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze.measures.visits import Transitions
from gaze.report.colours import INK, sequential
from gaze.report.page import Page
from gaze.report.sections import Facts

ORDER = 70


@dataclass(frozen=True)
class Move:
    """A cell of the matrix: its share and count in words, and its colours; ``kind`` is ``own``
    (from a place to itself), ``never``, ``few`` or ``some``."""

    kind: str
    share: str = ""
    count: str = ""
    colour: str = ""
    ink: str = ""


def facts(page: Page) -> Facts | None:
    if page.empty:
        return None
    t = page.measures.transitions
    if not t.counts.sum():
        return {"rows": []}
    # not for sharing: the lesson's counts less one phase's would tell what is not told of another
    phases = [p for p in page.phases if p.mark.kind == "phase" and not page.class_only]
    return {
        "states": t.states,
        "rows": _rows(page, t),
        "phases": [
            (f"{p.mark.label}, {page.clock(p.mark.time_s)}", _rows(page, p.measures.transitions))
            for p in phases if p.measures.transitions.counts.sum()
        ],
        "gap": f"{page.measures.gap_s:g}",
    }  # fmt: skip


def _rows(page: Page, t: Transitions) -> list[tuple[str, list[Move]]]:
    n = len(t.states)
    return [(s, [_move(page, t, i, j) for j in range(n)]) for i, s in enumerate(t.states)]


def _move(page: Page, t: Transitions, i: int, j: int) -> Move:
    p = float(t.probabilities[i, j])
    if i == j:
        return Move("own")
    if not np.isfinite(p):
        return Move("never")
    if 0 < t.students[i, j] < page.small:
        return Move("few")
    r, g, b = (int(c) for c in sequential(np.asarray(0.85 * p)))
    dark = 0.299 * r + 0.587 * g + 0.114 * b < 140
    return Move("some", page.share(p), page.num(t.counts[i, j]), f"rgb({r},{g},{b})",
                "#ffffff" if dark else INK)  # fmt: skip
