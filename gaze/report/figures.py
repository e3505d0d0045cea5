"""The interactive figures of the class, as plain plotly dictionaries (data, layout).

``figure_*`` functions return figures and draw nothing. They are dictionaries and not plotly.py
objects, because a report must be made fast and its bytes be the same each time; plotly.js itself is
embedded once by :mod:`gaze.report.page`. All board figures run from right to left (x_W = 0 at the
right), as the class sees the board.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.measures import OUTSIDE, REST, Measures, Synchrony
from gaze.report.colours import (
    INK,
    LINE,
    OUTSIDE_COLOURS,
    QUIET,
    SLATE,
    area_colour,
    plotly_scale,
)
from gaze.report.density import Grid
from gaze.report.heatmap import png
from gaze.report.strings import Strings
from sessions.config import Area, Blackboard
from sessions.events.marks import Mark

Figure = dict[str, Any]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
ON_MAP = "#22302f"  # what lies on the map: its ground is light in a dark page too
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def numbers(values: Any, digits: int = 3) -> list[Any]:
    """Rounded numbers for JSON; NaN becomes null."""
    a = np.round(np.asarray(values, np.float64), digits)
    if a.ndim > 1:
        return [numbers(row, digits) for row in a]
    return [None if not np.isfinite(v) else (int(v) if v == int(v) else float(v)) for v in a]


def layout(**more: Any) -> dict[str, Any]:
    """What all figures have in common, and ``more``."""
    base = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "hoverlabel": {"font": {"family": FONT, "size": 13}, "bgcolor": "#ffffff",
                       "bordercolor": LINE},
        "showlegend": False,
        "dragmode": False,
    }  # fmt: skip
    return {**base, **more}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis in the report's dress, with its title."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": QUIET}, "standoff": 8},
        "tickfont": {"size": 12, "color": QUIET},
        "gridcolor": LINE, "linecolor": LINE, "zeroline": False, "fixedrange": True, **more,
    }  # fmt: skip


def state_colour(state: str, areas: Sequence[Area]) -> str:
    """The colour of an area or of an outside state."""
    names = [a.name for a in areas]
    if state in names:
        return area_colour(names.index(state))
    return {REST: "#9cc3bd", "board": SLATE, **OUTSIDE_COLOURS}.get(state, "#000000")


def state_name(state: str, words: Strings) -> str:
    """A state's name in the reader's language; areas keep the teacher's own names."""
    key = f"state_{state}"
    return words(key) if key in words.table else state


def area_name(name: str, words: Strings) -> str:
    """As :func:`state_name`, for the default areas too."""
    return state_name(name.replace(" ", "_"), words) if name.endswith(" third") else (
        state_name(name, words))  # fmt: skip


def clock(time_s: float) -> str:
    """``12:05`` or ``1:02:05``."""
    s = round(time_s)
    h, rest = divmod(s, 3600)
    return f"{h}:{rest // 60:02d}:{rest % 60:02d}" if h else f"{rest // 60}:{rest % 60:02d}"


def _clock_ticks(start: float, end: float) -> dict[str, Any]:
    length = max(end - start, 1e-6)
    steps = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((s for s in steps if length / s <= 9), 7200)
    values = np.arange(np.ceil(start / step) * step, end + 1e-9, step)
    labels = [clock(v) for v in values]
    return {"tickmode": "array", "tickvals": numbers(values), "ticktext": labels}


@dataclass(frozen=True)
class HeatLayer:
    """One map that a heatmap figure can show."""

    name: str
    field: Array
    students: int
    points: int
    sigma_m: float


def figure_heatmap(
    layers: Sequence[HeatLayer], grid: Grid, board: Blackboard, areas: Sequence[Area],
    words: Strings, top: float, photo: NDArray[np.uint8] | None = None,
) -> Figure:  # fmt: skip
    """The board with one of several densities on it; only the first is visible at the start."""
    scale = plotly_scale()
    if photo is not None:  # see the photograph through what is weak
        scale = [
            [v, c.replace("rgb(", "rgba(").replace(")", f",{min(0.85, 1.3 * float(v)):.2f})")]
            for v, c in scale
            if isinstance(c, str)
        ]
    data = [
        {
            "type": "heatmap", "name": layer.name, "visible": i == 0,
            "x": numbers(grid.x_m), "y": numbers(grid.y_m), "z": numbers(100 * layer.field, 2),
            "zmin": 0, "zmax": round(100 * top, 2), "zsmooth": "best", "colorscale": scale,
            "colorbar": {"title": {"text": words("scale_unit"), "font": {"size": 12}},
                         "thickness": 10, "len": 0.9, "outlinewidth": 0,
                         "tickfont": {"size": 11, "color": QUIET}, "nticks": 4},
            "hovertemplate": words("hover_heat") + "<extra></extra>",
        }
        for i, layer in enumerate(layers)
    ]  # fmt: skip
    x0, x1, y0, y1 = grid.extent_m
    shapes: list[dict[str, Any]] = [
        {"type": "rect", "x0": a.x_m[0], "x1": a.x_m[1], "y0": a.y_m[0], "y1": a.y_m[1],
         "line": {"color": ON_MAP, "width": 1, "dash": "dot"}}
        for a in areas
    ]  # fmt: skip
    shapes.append({"type": "rect", "x0": 0, "x1": board.width_m, "y0": 0, "y1": board.height_m,
                   "line": {"color": ON_MAP, "width": 2.5}})  # fmt: skip
    notes = [
        {"x": sum(a.x_m) / 2, "y": a.y_m[0], "yanchor": "bottom", "showarrow": False,
         "text": _escape(area_name(a.name, words)), "font": {"size": 12, "color": ON_MAP},
         "bgcolor": "rgba(252,251,248,0.75)"}
        for a in areas
    ]  # fmt: skip
    images = []
    if photo is not None:
        source = "data:image/png;base64," + base64.b64encode(png(photo)).decode()
        images.append({"source": source, "xref": "x", "yref": "y", "x": board.width_m, "y": 0,
                       "sizex": board.width_m, "sizey": board.height_m, "sizing": "stretch",
                       "layer": "below"})  # fmt: skip
    arrangement = layout(
        xaxis=axis(words("axis_x"), range=[x1, x0], showgrid=False, dtick=1, ticks="outside",
                    tickcolor=LINE, constrain="domain"),
        yaxis=axis(words("axis_y"), range=[y1, y0], showgrid=False, dtick=0.5, ticks="outside",
                    tickcolor=LINE, scaleanchor="x", constrain="domain"),
        shapes=shapes, annotations=notes, images=images,
        margin={"l": 56, "r": 8, "t": 12, "b": 48},
    )  # fmt: skip
    return {"data": data, "layout": arrangement, "aspect": round((y1 - y0) / (x1 - x0), 4)}


def _escape(text: str) -> str:
    """plotly reads a little HTML in labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ribbon(
    x: list[Any], low: Array, high: Array, colour: str, name: str, axis: str
) -> list[dict[str, Any]]:
    """A band as closed outlines, one for each stretch without a gap."""
    ok = np.isfinite(low) & np.isfinite(high)
    traces = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ok.view(np.int8), [0]])))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        xs = x[a:b] + x[a:b][::-1]
        ys = numbers(100 * np.concatenate([high[a:b], low[a:b][::-1]]), 1)
        traces.append({"type": "scatter", "mode": "lines", "x": xs, "y": ys, "fill": "toself",
                       "fillcolor": colour, "line": {"width": 0}, "hoverinfo": "skip",
                       "name": name, "yaxis": axis, "showlegend": False})  # fmt: skip
    return traces


def figure_timeline(
    measures: Measures, marks: Sequence[Mark], words: Strings, hidden: NDArray[np.bool_] | None
) -> Figure:
    """Board-facing share with its two bands above, where heads pointed by state below.

    hidden : (B,) windows that may not be shown (too few students), or None.
    """
    line = measures.timeline
    board = line[line["area"] == "board"]
    middle = board["time_s"].to_numpy(np.float64) + measures.window_s / 2
    keep = np.ones(len(board), bool) if hidden is None else ~hidden
    x = numbers(middle, 2)
    values = {c: np.where(keep, board[c].to_numpy(np.float64), np.nan)
              for c in ("share", "low", "high", "low_missing", "high_missing")}  # fmt: skip
    data = _ribbon(x, values["low_missing"], values["high_missing"], "rgba(47,93,87,0.13)",
                   words("band_missing"), "y")  # fmt: skip
    data += _ribbon(x, values["low"], values["high"], "rgba(47,93,87,0.30)", words("band_sigma"),
                    "y")  # fmt: skip
    said = [
        [clock(t), *(f"{100 * v:.0f}" if np.isfinite(v) else "–" for v in row), int(n)]
        for t, *row, n in zip(
            board["time_s"], values["low"], values["high"], values["low_missing"],
            values["high_missing"], board["students"], strict=True,
        )
    ]  # fmt: skip
    data.append({
        "type": "scatter", "mode": "lines", "x": x, "y": numbers(100 * values["share"], 1),
        "line": {"color": SLATE, "width": 2.5}, "name": words("state_board"), "yaxis": "y",
        "customdata": said, "connectgaps": False,
        "hovertemplate": words("hover_timeline") + "<extra></extra>",
    })  # fmt: skip
    for i, state in enumerate(measures.states):
        mine = line[line["area"] == state]
        share = np.where(keep, mine["share"].to_numpy(np.float64), np.nan)
        name = area_name(state, words)
        data.append({
            "type": "scatter", "mode": "lines", "stackgroup": "states", "x": x,
            "y": numbers(100 * np.nan_to_num(share), 1), "yaxis": "y2", "name": _escape(name),
            "line": {"width": 0.6, "color": "#fcfbf8"},
            "fillcolor": state_colour(state, measures.area_list),
            "hovertemplate": f"{_escape(name)}: %{{y:.0f}} %<extra></extra>",
            "meta": {"state": i}, "showlegend": True,
        })  # fmt: skip
    shapes, notes = _marks(marks, measures)
    arrangement = layout(
        xaxis=axis(words("axis_time"), range=[measures.start_s, measures.end_s], anchor="y2",
                    **_clock_ticks(measures.start_s, measures.end_s)),
        yaxis=axis(words("axis_board_share"), domain=[0.47, 1], range=[0, 100], ticksuffix=" %",
                    nticks=5),
        yaxis2=axis(words("axis_states"), domain=[0, 0.39], range=[0, 100], ticksuffix=" %",
                     nticks=3),
        shapes=shapes, annotations=notes, hovermode="x", showlegend=True,
        legend={"orientation": "h", "y": -0.17, "x": 0, "xanchor": "left", "yanchor": "top",
                "font": {"size": 12}, "traceorder": "normal"},
        margin={"l": 64, "r": 16, "t": 58 if marks else 16, "b": 96},
    )  # fmt: skip
    return {"data": data, "layout": arrangement, "height": 520}


def _marks(marks: Sequence[Mark], m: Measures) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Vertical lines for moments, strips above the figure for phases."""
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    strip = 0
    for number, mark in enumerate(marks, 1):
        if mark.time_s > m.end_s or (mark.end_s or mark.time_s) < m.start_s:
            continue
        # `name` is what a narrow page shows instead of the text; the caption lists all
        label = {"text": f"{number} {_escape(mark.label)}", "name": str(number),
                 "showarrow": False, "xref": "x", "yref": "paper",
                 "font": {"size": 11.5, "color": INK}}  # fmt: skip
        if mark.end_s is not None:
            a, b = max(mark.time_s, m.start_s), min(mark.end_s, m.end_s)
            left_out = mark.kind == "excluded"  # over the whole height: nothing is counted there
            colour = "#9a9a94" if left_out else "#dfe6e1" if strip % 2 == 0 else "#ece6d8"
            shapes.append({"type": "rect", "xref": "x", "yref": "paper", "x0": a, "x1": b,
                           "y0": 0 if left_out else 1.005, "y1": 1.06,
                           "line": {"width": 1, "color": "#fcfbf8"}, "fillcolor": colour,
                           "opacity": 0.35 if left_out else 1})  # fmt: skip
            notes.append({**label, "x": (a + b) / 2, "y": 1.032, "yanchor": "middle"})
            strip += 1
        else:
            shapes.append({"type": "line", "xref": "x", "yref": "paper", "x0": mark.time_s,
                           "x1": mark.time_s, "y0": 0, "y1": 1.07,
                           "line": {"width": 1.2, "color": "#a03b2f", "dash": "dot"}})  # fmt: skip
            notes.append({**label, "x": mark.time_s, "y": 1.07, "yanchor": "bottom",
                          "xanchor": "left", "textangle": 0})  # fmt: skip
    return shapes, notes


def figure_seats(
    seats: pd.DataFrame, board: Blackboard, words: Strings, labels: bool = True
) -> Figure:
    """Seats from above, the board at the top, three readings of which one is visible at a time.

    seats : student, seat_x_m, seat_z_m, coverage, sigma_m, letter_arcmin, weak, hard.
    """
    known = seats[np.isfinite(seats["seat_x_m"]) & np.isfinite(seats["seat_z_m"])]
    x, z = known["seat_x_m"].to_numpy(np.float64), known["seat_z_m"].to_numpy(np.float64)
    weak = known["weak"].to_numpy(bool)
    hard = known["hard"].to_numpy(bool)
    readings = (
        ("seat_error", 100 * known["error_m"].to_numpy(np.float64), "cm", False),
        ("seat_coverage", 100 * known["coverage"].to_numpy(np.float64), "%", True),
        ("seat_letter", known["letter_arcmin"].to_numpy(np.float64), "′", True),
    )
    data = []
    for i, (key, value, unit, more_is_better) in enumerate(readings):
        finite = value[np.isfinite(value)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        if key == "seat_coverage":
            low, high = 0.0, 100.0
        flagged = hard if key == "seat_letter" else weak
        text = [
            f"<b>{_escape(str(s))}</b><br>{v:.0f} {unit}" if np.isfinite(v) else _escape(str(s))
            for s, v in zip(known["student"], value, strict=True)
        ]
        scale = plotly_scale()[1:]
        scale = [[(v - 0.12) / 0.88, c] for v, c in scale if not isinstance(v, str)]
        data.append({
            "type": "scatter", "mode": "markers", "visible": i == 0, "name": words(key),
            "x": numbers(x, 2), "y": numbers(z, 2), "hovertext": text,
            "hovertemplate": "%{hovertext}<extra></extra>",
            "marker": {
                "size": 34, "symbol": ["square" if f else "circle" for f in flagged],
                "color": numbers(value, 1), "colorscale": scale, "reversescale": more_is_better,
                "cmin": low, "cmax": high if high > low else low + 1,
                "line": {"width": [3 if f else 1 for f in flagged],
                         "color": ["#a03b2f" if f else "#fcfbf8" for f in flagged]},
                "colorbar": {"title": {"text": unit, "font": {"size": 12}}, "thickness": 10,
                             "len": 0.8, "outlinewidth": 0, "nticks": 4,
                             "tickfont": {"size": 11, "color": QUIET}},
            },
        })  # fmt: skip
    notes: list[dict[str, Any]] = [
        {"x": board.width_m / 2, "y": -0.12, "yanchor": "bottom", "showarrow": False,
         "text": words("seat_board"), "font": {"size": 12, "color": INK}}
    ]  # fmt: skip
    if labels:
        notes += [
            {"x": float(a), "y": float(b), "yshift": -26, "showarrow": False,
             "text": _escape(str(s)), "font": {"size": 11, "color": INK}}
            for s, a, b in zip(known["student"], np.round(x, 2), np.round(z, 2), strict=True)
        ]  # fmt: skip
    left = max([board.width_m, *x]) + 0.6
    right = min([0.0, *x]) - 0.6
    back = max([3.0, *z]) + 0.7
    arrangement = layout(
        xaxis=axis(words("axis_x"), range=[left, right], dtick=1, scaleanchor="y",
                    constrain="domain"),
        yaxis=axis(words("axis_seat_z"), range=[back, -0.55], dtick=1, constrain="domain"),
        shapes=[{"type": "rect", "x0": 0, "x1": board.width_m, "y0": -0.08, "y1": 0,
                 "fillcolor": INK, "line": {"width": 0}}],
        annotations=notes, margin={"l": 56, "r": 8, "t": 12, "b": 48},
    )  # fmt: skip
    return {"data": data, "layout": arrangement, "aspect": round((back + 0.55) / (left - right), 4)}


def figure_synchrony(
    sync: Synchrony, measures: Measures, marks: Sequence[Mark], words: Strings
) -> Figure:
    """Agreement of the class over time against the band of time-shifted surrogates."""
    x = numbers(sync.time_s + sync.bin_s / 2, 2)
    data = _ribbon(x, sync.null_low, sync.null_high, "rgba(93,107,104,0.22)", words("null_band"),
                   "y")  # fmt: skip
    data.append({
        "type": "scatter", "mode": "lines", "x": x, "y": numbers(100 * sync.agreement, 1),
        "line": {"color": SLATE, "width": 1.6}, "name": words("agreement"),
        "customdata": [clock(t) for t in sync.time_s],
        "hovertemplate": words("hover_sync") + "<extra></extra>",
    })  # fmt: skip
    if len(sync.moments):
        t = sync.moments["time_s"].to_numpy(np.float64)
        at = np.searchsorted(sync.time_s, t)
        data.append({
            "type": "scatter", "mode": "markers", "x": numbers(t + sync.bin_s / 2, 2),
            "y": numbers(100 * sync.agreement[np.clip(at, 0, len(sync.agreement) - 1)], 1),
            "marker": {"size": 11, "symbol": "diamond", "color": "#a03b2f",
                       "line": {"width": 1.5, "color": "#fcfbf8"}},
            "name": words("moved_together"),
            "text": [
                f"{clock(r.time_s)} → {_escape(area_name(r.area, words))}: "
                f"{r.students}/{r.measured}"
                for r in sync.moments.itertuples()
            ],
            "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    shapes, notes = _marks(marks, measures)
    top = float(np.nanmax([*(100 * sync.agreement), *(100 * sync.null_high), 20.0]))
    arrangement = layout(
        xaxis=axis(words("axis_time"), range=[measures.start_s, measures.end_s],
                    **_clock_ticks(measures.start_s, measures.end_s)),
        yaxis=axis(words("axis_agreement"), range=[0, min(105, 1.1 * top)], ticksuffix=" %",
                    nticks=5),
        shapes=shapes, annotations=notes, hovermode="closest",
        margin={"l": 64, "r": 16, "t": 58 if marks else 16, "b": 48},
    )  # fmt: skip
    return {"data": data, "layout": arrangement, "height": 360}


def hidden_windows(measures: Measures, minimum: int) -> NDArray[np.bool_]:
    """Windows of the timeline with fewer than ``minimum`` measured students."""
    board = measures.timeline[measures.timeline["area"] == "board"]
    return np.asarray(board["students"].to_numpy() < minimum, np.bool_)


def outside(state: str) -> bool:
    """Whether a state is no part of the board."""
    return state in OUTSIDE
