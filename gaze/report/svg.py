"""Small drawings as inline SVG: students' heatmaps and timelines, bands in table cells.

Text and lines are vectors (crisp in print, coloured by the page's style), the density itself is a
small picture inside.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.report.density import Grid
from gaze.report.figures import clock, state_colour
from gaze.report.heatmap import overlay, png, raster, top_of_scale
from gaze.report.templates import render
from sessions.config import Area, Blackboard
from sessions.events.marks import Mark

PER_METRE = 100.0  # user units
ONE_ROW_M = 0.4  # seats that differ by less in z are neighbours


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
    return render(
        "strip.svg.j2", w=w, h=h, top=top, label=label, bars=bars,
        **_along(t0, length, (0, w), [a for a in marks if a.end_s is None]),
    )  # fmt: skip


def _along(
    t0_s: float, length_s: float, span: tuple[float, float], marks: Sequence[Mark]
) -> dict[str, Any]:
    """Marks' places and labelled ticks along an axis of time from ``span[0]`` to ``span[1]``."""
    u0, u1 = span

    def u(time_s: float) -> float:
        return u0 + (time_s - t0_s) / length_s * (u1 - u0)

    step = next((s for s in (5, 10, 30, 60, 300, 600, 900, 1800) if length_s / s <= 7), 3600)
    times = np.arange(np.ceil(t0_s / step) * step, t0_s + length_s + 1e-9, step)
    return {
        "marks": [f"{u(a.time_s):.1f}" for a in marks if 0 <= a.time_s - t0_s <= length_s],
        "ticks": [
            (f"{u(t):.1f}", "start" if u(t) < u0 + 20 else "end" if u(t) > u1 - 20 else "middle",
             clock(float(t)))
            for t in times
        ],
    }  # fmt: skip


def scarf_svg(
    picture: NDArray[np.uint8], names: Sequence[str], start_s: float, end_s: float,
    marks: Sequence[Mark], *, label: str,
) -> Markup:  # fmt: skip
    """A line for each seat over time. picture : (S, B, 4) RGBA, a pixel for each seat and window;
    marks : every mark's beginning is drawn."""
    w, left, line = 960, 96, 20
    return render(
        "scarf.svg.j2", w=w, left=left, h=line * len(names), label=label,
        picture=data_uri(picture), names=[(line * i, name) for i, name in enumerate(names)],
        **_along(start_s, end_s - start_s, (left, w), marks),
    )  # fmt: skip


@dataclass(frozen=True)
class SeatCard:
    """A seat of :func:`seatmap_svg`: where it is (x_W, z_W), its map, whether the board is hard to
    see from there, and what stands below."""

    x_m: float
    z_m: float
    field: Array | None
    hard: bool
    lines: Sequence[str]


def seatmap_svg(cards: Sequence[SeatCard], grid: Grid, board: Blackboard, *, label: str) -> Markup:
    """The room from above, the board at the top; at each seat the small map of where it looked.

    x is to scale; the rows are drawn as near to one another as what stands below them allows.
    """
    x0, x1, y0, y1 = grid.extent_m
    x, z = (np.array([getattr(c, a) for c in cards]) for a in ("x_m", "z_m"))
    apart = np.abs(x[:, None] - x) + np.where(np.abs(z[:, None] - z) < ONE_ROW_M, 0, np.inf)
    np.fill_diagonal(apart, np.inf)
    width_m = float(np.clip(0.94 * apart.min(initial=0.85), 0.4, 0.8))
    height_m = width_m * (y1 - y0) / (x1 - x0)
    left_m = max(board.width_m, float(x.max()) + width_m / 2) + 0.1
    right_m = min(0.0, float(x.min()) - width_m / 2) - 0.1
    scale = 960 / (left_m - right_m)
    part = scale * width_m / (x1 - x0)  # units of the drawing for a metre of the small boards
    most = max(len(c.lines) for c in cards)
    rows = np.diff(np.sort(z))
    nearest = rows[rows > ONE_ROW_M].min(initial=1.0)
    along = (height_m * scale + 14 * most + 22) / nearest  # rows as near as their texts allow
    seats = []
    for c in cards:
        u, v = (left_m - c.x_m - width_m / 2) * scale, (c.z_m - z.min()) * along + 34
        seats.append({
            "u": round(u, 1), "v": round(v, 1), "w": round(width_m * scale, 1),
            "h": round(height_m * scale, 1), "middle": round(u + width_m * scale / 2, 1),
            "below": round(v + height_m * scale, 1),
            "bu": round(u + (x1 - board.width_m) * part, 1), "bv": round(v - y0 * part, 1),
            "bw": round(board.width_m * part, 1),
            "bh": round(board.height_m * part, 1), "hard": c.hard, "lines": c.lines,
            "picture": None if c.field is None else data_uri(_small(c.field)),
        })  # fmt: skip
    height = max(s["below"] for s in seats) + 14 * most + 12
    wall = (round((left_m - board.width_m) * scale, 1), round(board.width_m * scale, 1))
    return render("seatmap.svg.j2", w=960, h=round(height), board=wall, seats=seats, label=label)


def _small(field: Array) -> NDArray[np.uint8]:
    """A map at half its resolution, on a scale of its own, as the class sees it."""
    ny, nx = (n // 2 * 2 for n in field.shape)
    halved = field[:ny, :nx].reshape(ny // 2, 2, nx // 2, 2).mean((1, 3))
    return raster(halved, top_of_scale(halved))


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
