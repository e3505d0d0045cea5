"""The comparison as one HTML page for a teacher, in the report's dress and languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup, escape

import gaze as package
from gaze.report.colours import SLATE
from gaze.report.figures import area_name, axis, layout, numbers
from gaze.report.lesson import words_of
from gaze.report.page import asset, plotly_js
from gaze.report.strings import Strings
from gaze.report.templates import render
from gaze.studies.compare import Comparison
from sessions.run import atomic_write


def write_comparison(
    found: Comparison, path: Path, *, language: str = "en", notes: Sequence[str] = ()
) -> None:
    """One self-contained file: shares with bands, differences, the trend. Classes only.

    notes : lessons that are not on it, each with its reason, and what else a reader must know.
    """
    words = words_of(language)

    def pct(value: float) -> str:
        return words.number(100 * value) if np.isfinite(value) else "–"

    def points(value: float) -> str:
        if not np.isfinite(value):
            return "–"
        return ("+" if value > 0 else "") + words.number(100 * value, 1).replace("-", "−")

    def with_band(value: str, band: str) -> Markup:
        return Markup('{} <span class="whole">({})</span>').format(value, band)

    places = _places(found)
    rows = []
    for _, lesson in found.shares.groupby("lesson", sort=False):
        at = lesson.set_index("area")
        one = lesson.iloc[0]
        shares = [
            f"{pct(r.share)} ({pct(r.low)}–{pct(r.high)})" for r in at.loc[places].itertuples()
        ]
        date = words.date(one["date"]) if one["date"] else ""
        rows.append((one["title"], date, one["students"], pct(one["coverage"]), *shares))
    titles = dict(zip(found.shares["lesson"], found.shares["title"], strict=True))
    later = {
        d.lesson: {x.area: x for x in found.differences if x.lesson == d.lesson}
        for d in found.differences
    }
    differences = [
        (titles[name], max(d.seats for d in by.values()) or "–",
         *(
             with_band(points(by[p].difference), f"{points(by[p].low)} … {points(by[p].high)}")
             for p in places
         ))
        for name, by in later.items()
    ]  # fmt: skip
    trends = [
        (area_name(t.area, words), points(t.per_week), f"{points(t.low)} … {points(t.high)}")
        for t in sorted(found.trends, key=lambda t: places.index(t.area))
    ]
    drawing = json.dumps(_figure(found, words), ensure_ascii=False, allow_nan=False)
    html = render(
        "lessons.html.j2", w=words, rows=rows, differences=differences, trends=trends,
        notes=notes, version=package.__version__,
        places=[area_name(a, words) for a in places],
        first=found.shares["title"].iloc[0],
        figure=Markup(drawing.replace("</", "<\\/")), css=Markup(asset("report.css")),
        plotly_js=Markup(plotly_js()), js=Markup(asset("report.js")),
    )  # fmt: skip
    with atomic_write(path) as aside:
        aside.write_text(f"{html}\n", encoding="utf-8")


def _places(found: Comparison) -> list[str]:
    """The board, then what it is made of and what lies around it."""
    return sorted(map(str, found.shares["area"].unique()), key=lambda area: area != "board")


def _figure(found: Comparison, words: Strings) -> dict[str, Any]:
    """Each place's shares, lesson by lesson with their bands, and the line through them; the
    board's is visible at the start. Along the date where every lesson has one."""
    dated = bool(found.shares["date"].notna().all())
    trends = {t.area: t for t in found.trends}
    data: list[dict[str, Any]] = []
    for i, area in enumerate(_places(found)):
        mine = found.shares[found.shares["area"] == area]
        share, low, high = (100 * mine[c].to_numpy(np.float64) for c in ("share", "low", "high"))
        x = [str(d) for d in mine["date"]] if dated else list(range(1, len(mine) + 1))
        shown = {"visible": i == 0, "meta": {"choice": i}, "hoverinfo": "skip"}
        if area in trends:
            line = 100 * np.array(trends[area].line)
            data += [
                {**shown, "type": "scatter", "mode": "lines", "x": x + x[::-1], "fill": "toself",
                 "y": numbers([*line[:, 1], *line[::-1, 2]], 1), "line": {"width": 0},
                 "fillcolor": "rgba(47,93,87,0.13)"},
                {**shown, "type": "scatter", "mode": "lines", "x": x, "y": numbers(line[:, 0], 1),
                 "line": {"color": SLATE, "width": 1.5, "dash": "dash"}},
            ]  # fmt: skip
        data.append({
            **shown, "type": "scatter", "mode": "markers", "x": x, "y": numbers(share, 1),
            "marker": {"size": 10, "color": SLATE}, "hoverinfo": "text",
            "hovertext": [
                f"{escape(str(r.title))}<br>{s:.0f} % ({a:.0f}–{b:.0f} %)"
                for r, s, a, b in zip(mine.itertuples(), share, low, high, strict=True)
            ],
            "error_y": {"type": "data", "symmetric": False, "color": SLATE,
                        "array": numbers(high - share, 1),
                        "arrayminus": numbers(share - low, 1)},
        })  # fmt: skip
    titles = found.shares.drop_duplicates("lesson")["title"]
    ticks = {"tickvals": list(range(1, len(titles) + 1)),
             "ticktext": [str(escape(str(t)[:24])) for t in titles]}  # fmt: skip
    if dated:  # plotly.js itself writes dates in English
        days = list(dict.fromkeys(found.shares["date"]))[:: -(-len(titles) // 6)]
        ticks = {"type": "date", "tickvals": [str(d) for d in days],
                 "ticktext": [words.day(d) for d in days]}  # fmt: skip
    return {
        "data": data,
        "layout": layout(
            xaxis=axis(words("col_date") if dated else "", automargin=True, **ticks),
            yaxis=axis(words("col_share"), range=[0, 100], ticksuffix=" %"),
        ),
        "height": 340,
    }
