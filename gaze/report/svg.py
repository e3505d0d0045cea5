"""Small drawings as inline SVG: students' heatmaps and timelines, bands in table cells.

Text and lines are vectors (crisp in print), the density itself is a small picture inside.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.report.colours import INK, LINE, QUIET
from gaze.report.density import Grid
from gaze.report.figures import clock, state_colour
from gaze.report.heatmap import overlay, png, raster
from gaze.report.marks import Mark
from sessions.config import Area, Blackboard


def data_uri(image: NDArray[np.uint8]) -> str:
    """A picture as a data: address."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def board_svg(
    field: Array, grid: Grid, board: Blackboard, areas: Sequence[Area], *, top: float, label: str,
    photo_id: str | None = None,
) -> str:  # fmt: skip
    """A density on the board as the class sees it. ``photo_id``: a <symbol> to lie beneath."""
    x0, x1, y0, y1 = grid.extent_m
    scale = 100.0  # user units per metre
    w, h = (x1 - x0) * scale, (y1 - y0) * scale

    def u(x_m: float) -> float:  # x_W grows to the left
        return round((x1 - x_m) * scale, 1)

    def v(y_m: float) -> float:
        return round((y_m - y0) * scale, 1)

    picture = raster(field, top) if photo_id is None else overlay(field, top)
    bu, bv = u(board.width_m), v(0)
    bw, bh = round(board.width_m * scale, 1), round(board.height_m * scale, 1)
    parts = [
        f'<svg class="board" viewBox="0 0 {w:.0f} {h + 26:.0f}" role="img" '
        f'aria-label="{escape(label)}">',
    ]
    if photo_id is not None:
        parts.append(f'<use href="#{photo_id}" x="{bu}" y="{bv}" width="{bw}" height="{bh}"/>')
    parts.append(
        f'<image href="{data_uri(picture)}" width="{w:.0f}" height="{h:.0f}" '
        'preserveAspectRatio="none"/>'
    )
    parts += [
        f'<rect x="{u(a.x_m[1])}" y="{v(a.y_m[0])}" width="{(a.x_m[1] - a.x_m[0]) * scale:.1f}" '
        f'height="{(a.y_m[1] - a.y_m[0]) * scale:.1f}" fill="none" stroke="{QUIET}" '
        'stroke-dasharray="2 4"/>'
        for a in areas
    ]
    parts.append(
        f'<rect x="{bu}" y="{bv}" width="{bw}" height="{bh}" fill="none" stroke="{INK}" '
        'stroke-width="3"/>'
    )
    parts += [
        f'<text x="{u(x)}" y="{h + 20:.0f}" font-size="17" fill="{QUIET}" text-anchor="middle">'
        f"{x:g} m</text>"
        for x in np.arange(0, board.width_m + 1e-9, 1.0)
    ]
    return "".join(parts) + "</svg>"


def strip_svg(
    shares: Array, starts_s: Array, window_s: float, states: Sequence[str], areas: Sequence[Area],
    marks: Sequence[Mark], *, label: str, end_s: float,
) -> str:  # fmt: skip
    """A student's timeline: in each window the shares of all moments by state, gaps left open.

    shares : (B, K) of all moments of the window (so they sum to the share that was measured).
    """
    w, h, top = 620.0, 74.0, 4.0
    t0 = float(starts_s[0]) if len(starts_s) else 0.0
    length = max(end_s - t0, window_s)
    x = (starts_s - t0) / length * w
    dx = window_s / length * w
    base = np.zeros(len(starts_s))
    out = [
        f'<svg viewBox="0 0 {w:.0f} {h + 26:.0f}" role="img" aria-label="{escape(label)}">'
        f'<rect y="{top}" width="{w:.0f}" height="{h - top:.0f}" fill="#f2f0ea"/>'
    ]
    for k, state in enumerate(states):
        path = []
        for b in np.flatnonzero(shares[:, k] > 0.004):
            y1 = h - base[b] * (h - top)
            y0 = h - (base[b] + shares[b, k]) * (h - top)
            path.append(f"M{x[b]:.1f} {y1:.1f}V{y0:.1f}h{dx:.2f}V{y1:.1f}z")
        base = base + shares[:, k]
        if path:
            out.append(f'<path fill="{state_colour(state, areas)}" d="{"".join(path)}"/>')
    for mark in marks:
        if mark.end_s is None and t0 <= mark.time_s <= t0 + length:
            at = (mark.time_s - t0) / length * w
            out.append(
                f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{h:.0f}" stroke="#a03b2f" '
                'stroke-dasharray="2 3"/>'
            )
    step = next((s for s in (5, 10, 30, 60, 300, 600, 900, 1800) if length / s <= 7), 3600)
    for t in np.arange(np.ceil(t0 / step) * step, t0 + length + 1e-9, step):
        at = (t - t0) / length * w
        anchor = "start" if at < 20 else "end" if at > w - 20 else "middle"
        out.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{h:.0f}" y2="{h + 5:.0f}" stroke="{QUIET}"/>'
            f'<text x="{at:.1f}" y="{h + 21:.0f}" font-size="14" fill="{QUIET}" '
            f'text-anchor="{anchor}">{clock(float(t))}</text>'
        )
    return "".join(out) + "</svg>"


def band_svg(
    share: float, low: float, high: float, low_m: float, high_m: float, colour: str, top: float
) -> str:
    """A bar with its band and its outer band, on a scale from 0 to ``top``. Decorative: the cell
    beside it holds the numbers."""
    if not np.isfinite(share):
        return ""

    def at(v: float) -> str:
        return f"{min(max(v / top, 0), 1) * 198 + 1:.1f}"

    return (
        '<svg viewBox="0 0 200 22" preserveAspectRatio="none" aria-hidden="true" '
        'style="width:100%;height:1.35rem;display:block">'
        f'<line x1="1" x2="199" y1="21" y2="21" stroke="{LINE}"/>'
        f'<rect x="1" y="5" width="{float(at(share)) - 1:.1f}" height="12" fill="{colour}" '
        'opacity="0.82"/>'
        f'<line x1="{at(low_m)}" x2="{at(high_m)}" y1="11" y2="11" stroke="{INK}" '
        'stroke-width="1" vector-effect="non-scaling-stroke"/>'
        f'<line x1="{at(low)}" x2="{at(high)}" y1="11" y2="11" stroke="{INK}" stroke-width="4" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )
