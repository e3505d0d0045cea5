"""The comparison as one HTML page for a teacher, in the report's dress and languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from gaze.report.figures import area_name
from gaze.report.lesson import words_of
from gaze.report.page import asset, plotly_js
from gaze.report.templates import render
from gaze.studies.compare import Comparison
from sessions.run import atomic_write

INK, LINE, SLATE = "#1f2a2c", "#d9d6cc", "#2f5d57"


def write_comparison(found: Comparison, path: Path, *, language: str = "en") -> None:
    """One self-contained file: shares with bands, differences, the trend. Classes only."""
    words = words_of(language)

    def pct(value: float) -> str:
        return words.number(100 * value) if np.isfinite(value) else "–"

    def points(value: float) -> str:
        return ("+" if value > 0 else "") + words.number(100 * value, 1)

    titles = dict(zip(found.shares["lesson"], found.shares["title"], strict=True))
    rows = [
        (r.title, words.date(r.date) if r.date else "", area_name(r.area, words), pct(r.share),
         f"{pct(r.low)}–{pct(r.high)}", r.students, pct(r.coverage))
        for r in found.shares.itertuples()
    ]  # fmt: skip
    differences = [
        (titles[d.lesson], area_name(d.area, words), points(d.difference),
         f"{points(d.low)} … {points(d.high)}", d.seats or "–", d.low > 0 or d.high < 0)
        for d in found.differences
    ]  # fmt: skip
    trends = [
        (area_name(t.area, words), points(t.per_week), f"{points(t.low)} … {points(t.high)}")
        for t in found.trends
    ]
    text = json.dumps(_figure(found), ensure_ascii=False, allow_nan=False).replace("</", "<\\/")
    html = render(
        "lessons.html.j2", w=words, rows=rows, differences=differences, trends=trends,
        first=found.shares["title"].iloc[0], figure=Markup(text), css=Markup(asset("report.css")),
        plotly_js=Markup(plotly_js()), js=Markup(asset("report.js")),
    )  # fmt: skip
    with atomic_write(path) as aside:
        aside.write_text(f"{html}\n", encoding="utf-8")


def _figure(found: Comparison) -> dict[str, Any]:
    """The board's share of each lesson, in their order, with its band."""
    board = found.shares[found.shares["area"] == "board"]
    share = 100 * board["share"].to_numpy(np.float64)
    ends = [100 * board[c].to_numpy(np.float64) for c in ("high", "low")]
    axis = {"gridcolor": LINE, "linecolor": LINE, "zeroline": False, "fixedrange": True}
    return {
        "data": [{
            "type": "scatter", "mode": "markers", "x": list(range(1, len(board) + 1)),
            "y": share.round(1).tolist(), "marker": {"size": 10, "color": SLATE},
            "error_y": {"type": "data", "symmetric": False, "color": SLATE,
                        "array": (ends[0] - share).round(1).tolist(),
                        "arrayminus": (share - ends[1]).round(1).tolist()},
        }],
        "layout": {
            "font": {"size": 13, "color": INK}, "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)", "margin": {"l": 56, "r": 16, "t": 16, "b": 72},
            "showlegend": False, "dragmode": False,
            "xaxis": {**axis, "tickvals": list(range(1, len(board) + 1)), "automargin": True,
                      "ticktext": [str(escape(str(t)[:24])) for t in board["title"]]},
            "yaxis": {**axis, "range": [0, 100], "ticksuffix": " %"},
        },
        "height": 320,
    }  # fmt: skip
