"""True and estimated gaze points on the blackboard, by row of seats (Xu et al. 2026, figure 11).

An SVG, drawn as the class sees the blackboard: x_W = 0 is its right-hand edge.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from gaze.report.colours import INK, LINE, PAPER, QUIET, area_colour
from sessions.config import Blackboard
from sessions.run import atomic_write

PX_PER_M = 150
MARGIN_M = 0.6
GAP_PX = 58


def draw_validation(
    gaze: pd.DataFrame,
    line: np.ndarray,
    students: pd.DataFrame,
    targets: pd.DataFrame,
    board: Blackboard,
    path: Path,
) -> Path:
    """Write the figure.

    line : (N,) for each row of the gaze table the line of ``targets`` looked at, −1 for none.
    students : indexed by student, with ``row``. Every panel shows one row of seats: crosses are
    the marked points; small dots the estimates, in the colour of their mark; large dots the mean
    over the row, tied to its mark.
    """
    row_of = gaze["student"].astype(str).map(students["row"]).to_numpy()
    xy = gaze[["gaze_x_m", "gaze_y_m"]].to_numpy(np.float64)
    rows = sorted({int(r) for r in row_of[(line >= 0) & np.isfinite(row_of)] if r > 0})
    w = (board.width_m + 2 * MARGIN_M) * PX_PER_M
    h = (board.height_m + 2 * MARGIN_M) * PX_PER_M
    total_h = len(rows) * (h + GAP_PX) + 40
    marks = targets.drop_duplicates(["x_m", "y_m"])[["x_m", "y_m", "target"]].reset_index(drop=True)
    mark_of_line = [
        int(np.flatnonzero((marks["x_m"] == t.x_m) & (marks["y_m"] == t.y_m))[0])
        for t in targets.itertuples()
    ]
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:.0f} {total_h:.0f}" '
        f'width="{w:.0f}" font-family="sans-serif" font-size="14" role="img" '
        f'aria-label="Marked points and estimated gaze points on the blackboard, by row">',
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
    ]
    for k, row in enumerate(rows):
        top = k * (h + GAP_PX) + GAP_PX
        mine = (row_of == row) & (line >= 0) & np.isfinite(xy).all(1)
        mark = np.array(mark_of_line)[line[mine]]
        svg += _panel(xy[mine], mark, marks, board, w, h, top, f"row {row}")
    svg.append(
        f'<text x="{w / 2:.0f}" y="{total_h - 14:.0f}" text-anchor="middle" fill="{QUIET}">'
        "+ marked point · small dots: single estimates · large dot: their mean · "
        "as the class sees the board</text></svg>"
    )
    with atomic_write(path) as aside:
        aside.write_text("\n".join(svg), encoding="utf-8")
    return path


def _panel(
    xy: np.ndarray,
    mark: np.ndarray,
    marks: pd.DataFrame,
    board: Blackboard,
    w: float,
    h: float,
    top: float,
    title: str,
) -> list[str]:
    def u(x_m: float) -> float:  # x_W grows to the left
        return (board.width_m + MARGIN_M - x_m) * PX_PER_M

    def v(y_m: float) -> float:
        return top + (y_m + MARGIN_M) * PX_PER_M

    offsets = xy - marks[["x_m", "y_m"]].to_numpy()[mark]
    error_cm = 100 * np.linalg.norm(offsets, axis=1).mean() if len(xy) else float("nan")
    svg = [
        f'<text x="10" y="{top - 12:.0f}" fill="{INK}" font-weight="bold" font-size="16">'
        f"{escape(title)}: mean error {error_cm:.0f} cm, n = {len(xy)}</text>",
        f'<rect x="0.5" y="{top:.0f}" width="{w - 1:.0f}" height="{h:.0f}" fill="none" '
        f'stroke="{LINE}"/>',
        f'<rect x="{u(board.width_m):.1f}" y="{v(0):.1f}" width="{board.width_m * PX_PER_M:.1f}" '
        f'height="{board.height_m * PX_PER_M:.1f}" fill="#ffffff" stroke="{INK}" '
        'stroke-width="2"/>',
    ]
    thin = max(1, len(xy) // 1500)  # a figure, not a table: at most 1500 dots in a panel
    inside = (np.abs(offsets) < 3).all(1)
    for (x, y), m in zip(xy[inside][::thin], mark[inside][::thin], strict=True):
        cx, cy = np.clip(u(x), 3, w - 3), np.clip(v(y), top + 3, top + h - 3)
        svg.append(
            f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="2" fill="{area_colour(int(m))}" '
            'fill-opacity=".35"/>'
        )
    for m, point in enumerate(marks.itertuples()):
        x, y = u(float(point.x_m)), v(float(point.y_m))
        colour = area_colour(m)
        if (mark == m).any():
            mean = xy[mark == m].mean(0)
            mx, my = u(mean[0]), v(mean[1])
            svg.append(
                f'<path d="M{x:.1f} {y:.1f}L{mx:.1f} {my:.1f}" stroke="{colour}" '
                f'stroke-width="1.5"/><circle cx="{mx:.1f}" cy="{my:.1f}" r="6" '
                f'fill="{colour}" stroke="#fff"/>'
            )
        svg.append(
            f'<path d="M{x - 8:.1f} {y:.1f}h16M{x:.1f} {y - 8:.1f}v16" stroke="{INK}" '
            f'stroke-width="2.5"/><text x="{x + 8:.1f}" y="{y - 8:.1f}" fill="{INK}">'
            f"{escape(str(point.target))}</text>"
        )
    return svg
