"""Small drawings as inline SVG: students' heatmaps and timelines, bands in table cells.

Text and lines are vectors (crisp in print, coloured by the page's style), the density itself is a
small picture inside.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.report.density import Grid
from gaze.report.figures import clock, state_colour
from gaze.report.heatmap import overlay, png, raster
from gaze.report.templates import render
from sessions.config import Area, Blackboard
from sessions.events.marks import Mark

PER_METRE = 100.0  # user units


def data_uri(image: NDArray[np.uint8]) -> str:
    """A picture as a data: address."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def board_svg(
    field: Array, grid: Grid, board: Blackboard, areas: Sequence[Area], *, top: float, label: str,
    photo_id: str | None = None,
) -> Markup:  # fmt: skip
    """A density on the board as the class sees it. ``photo_id``: a <symbol> to lie beneath."""
    x0, x1, y0, y1 = grid.extent_m
    h = (y1 - y0) * PER_METRE

    def u(x_m: float) -> float:  # x_W grows to the left
        return round((x1 - x_m) * PER_METRE, 1)

    def box(x_m: tuple[float, float], y_m: tuple[float, float]) -> tuple[float, ...]:
        width, height = (round((b - a) * PER_METRE, 1) for a, b in (x_m, y_m))
        return u(x_m[1]), round((y_m[0] - y0) * PER_METRE, 1), width, height

    bu, bv, bw, bh = box((0.0, board.width_m), (0.0, board.height_m))
    picture = raster(field, top) if photo_id is None else overlay(field, top)
    return render(
        "board.svg.j2",
        w=f"{(x1 - x0) * PER_METRE:.0f}",
        h=f"{h:.0f}",
        h_all=f"{h + 26:.0f}",
        h_tick=f"{h + 20:.0f}",
        label=label,
        photo_id=photo_id,
        picture=data_uri(picture),
        areas=[box(a.x_m, a.y_m) for a in areas],
        bu=bu, bv=bv, bw=bw, bh=bh,
        ticks=[(u(x), f"{x:g} m") for x in np.arange(0, board.width_m + 1e-9, 1.0)],
    )  # fmt: skip


def strip_svg(
    shares: Array, starts_s: Array, window_s: float, states: Sequence[str], areas: Sequence[Area],
    marks: Sequence[Mark], *, label: str, end_s: float,
) -> Markup:  # fmt: skip
    """A student's timeline: in each window the shares of all moments by state, gaps left open.

    shares : (B, K) of all moments of the window (so they sum to the share that was measured).
    """
    w, h, top = 620, 74, 4
    t0 = float(starts_s[0]) if len(starts_s) else 0.0
    length = max(end_s - t0, window_s)
    x, dx = (starts_s - t0) / length * w, window_s / length * w
    upper = h - np.cumsum(shares, 1) * (h - top)
    lower = upper + shares * (h - top)
    bars = []
    for k, state in enumerate(states):
        path = "".join(
            f"M{x[b]:.1f} {lower[b, k]:.1f}V{upper[b, k]:.1f}h{dx:.2f}V{lower[b, k]:.1f}z"
            for b in np.flatnonzero(shares[:, k] > 0.004)
        )
        if path:
            bars.append((state_colour(state, areas), path))
    step = next((s for s in (5, 10, 30, 60, 300, 600, 900, 1800) if length / s <= 7), 3600)
    times = np.arange(np.ceil(t0 / step) * step, t0 + length + 1e-9, step)
    places = (times - t0) / length * w
    return render(
        "strip.svg.j2", w=w, h=h, top=top, label=label, bars=bars,
        marks=[f"{(a.time_s - t0) / length * w:.1f}" for a in marks
               if a.end_s is None and t0 <= a.time_s <= t0 + length],
        ticks=[(f"{at:.1f}", "start" if at < 20 else "end" if at > w - 20 else "middle",
                clock(float(t))) for t, at in zip(times, places, strict=True)],
    )  # fmt: skip


def band_svg(
    share: float, low: float, high: float, low_m: float, high_m: float, colour: str, top: float
) -> Markup:
    """A bar with its band and its outer band, on a scale from 0 to ``top``. Decorative: the cell
    beside it holds the numbers."""
    if not np.isfinite(share):
        return Markup("")

    def at(v: float) -> str:
        return f"{min(max(v / top, 0), 1) * 198 + 1:.1f}"

    return render(
        "band.svg.j2", bar=f"{float(at(share)) - 1:.1f}", colour=colour,
        low=at(low), high=at(high), low_m=at(low_m), high_m=at(high_m),
    )  # fmt: skip
