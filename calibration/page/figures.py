"""The flat pictures of the verdict page: the plan, coverage, reprojection arrows (Plotly).

Nothing is shown or written here. Colours are Okabe and Ito's, which people with any colour vision
tell apart; nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from calibration.camera import CAMERAS, Camera
from calibration.corners.boards import Board
from calibration.rig import Rig
from calibration.rig_quality import PlacementQuality
from calibration.room.evidence import ROWS_M
from calibration.room.words import seen_by_both
from calibration.room.world import R_WA
from calibration.solve.uncertainty import HEAD_BELOW_M
from calibration.transform import Array, Transform

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY, INK = "#CC79A7", "#56B4E9", "#8a8f98", "#1f2430"
CAMERA_COLOURS = {"left": BLUE, "right": ORANGE}


def figure_plan(rig: Rig) -> go.Figure:
    """The room from above (as somebody sees it who faces the blackboard) and from its right side.

    Cameras with what they see, the blackboard, the auxiliary boards, and the rows as far as both
    cameras see them.
    """
    width, height = blackboard_m(rig)
    fig = make_subplots(1, 2, subplot_titles=("from above", "from the right side"))

    def line(P_W: Any, colour: str, name: str, pen: int = 2, dash: str = "solid") -> None:
        P = np.array(P_W, np.float64)
        for column, (x, y) in enumerate(((-P[:, 0], -P[:, 2]), (P[:, 2], -P[:, 1])), 1):
            fig.add_scatter(
                x=x.round(3), y=y.round(3), mode="lines", name=name, hoverinfo="name",
                line={"color": colour, "width": pen, "dash": dash}, row=1, col=column,
            )  # fmt: skip

    def word(p_W: Any, colour: str, text: str, from_the_side: tuple[int, int] = (0, 10)) -> None:
        x, y, z = (float(v) for v in p_W)
        for column, at, off in ((1, (-x, -z), (0, 10)), (2, (z, -y), from_the_side)):
            fig.add_annotation(
                x=at[0], y=at[1], text=text, showarrow=False, xshift=off[0], yshift=off[1],
                font={"color": colour, "size": 12}, row=1, col=column,
            )  # fmt: skip

    edge = [[width, 0, 0], [0, 0, 0], [0, height, 0], [width, height, 0], [width, 0, 0]]
    line(edge, INK, "blackboard", 5)
    word([width / 2, 0, 0], INK, "blackboard", (-45, -10))
    for name in CAMERAS:
        cam, T_WC = rig.camera(name), rig.T_WC(name)
        w, h = cam.size_px
        rim = np.array([[0, h / 2], [w - 1, h / 2], [w / 2, 0], [w / 2, h - 1]])
        ends = T_WC.t + 1.5 * T_WC.rotate(cam.rays(rim))
        gaps = [p for end in ends for p in (T_WC.t, end, GAP)]
        line(gaps, CAMERA_COLOURS[name], f"{name} camera")
        # from the side one may stand behind the other
        word(T_WC.t, CAMERA_COLOURS[name], name, (0, 24 if name == "right" else 10))
    for row, board in placements_of(rig):
        if row.t_WA_m is None or row.T_AB is None:
            continue
        T_WA = Transform(R_WA, np.array(row.t_WA_m), "W", "A")
        outline = (T_WA @ row.T_AB.transform("A", "B")).apply(board_outline(board))
        line([*outline, outline[0]], GREEN, "auxiliary board", 3)
    for distance in ROWS_M:
        seen = seen_by_both(rig, distance)
        if seen is not None:
            heads = [[x, HEAD_BELOW_M, distance] for x in seen]
            line(heads, PURPLE, f"row at {distance:g} m, as both cameras see it", 2, "dash")
            word(np.mean(heads, 0), PURPLE, f"{distance:g} m")
    fig.update_layout(
        showlegend=False, height=380, margin={"l": 4, "r": 4, "t": 30, "b": 4},
        plot_bgcolor="#fbfbfc", font={"family": "system-ui, sans-serif", "color": INK},
    )  # fmt: skip
    for column in (1, 2):
        anchor = "x" if column == 1 else "x2"
        fig.update_xaxes(title_text="m", zeroline=False, row=1, col=column)
        fig.update_yaxes(scaleanchor=anchor, zeroline=False, row=1, col=column)
    return fig


def rigs_as_read(rig: Rig) -> list[tuple[str, Rig]]:
    """The rig by each reading of an ambiguous auxiliary board: (which board, rig); else empty.

    Only readings that break no fact of the room, and only where there is more than one.
    """
    if rig.T_WA is not None:
        return []
    seen = rig.inputs.seen
    out = []
    for i, row in enumerate(rig.quality.auxiliary, 1):
        readings = [c for c in row.candidates if not c.broken]
        if len(readings) < 2 or row.t_WA_m is None:
            continue
        for c in readings:
            # the board as this reading lays it, in place of the one that was not settled
            shown = rig.quality.but(auxiliary=(row.but(T_AB=c.T_AB),), seats=())
            given = seen and replace(seen, auxiliary=seen.auxiliary[i - 1 : i])
            one = replace(
                rig,
                T_AL=c.T_AL,
                T_WA=Transform(R_WA, np.array(row.t_WA_m), "W", "A"),
                covariance=None,
                quality=shown,
                inputs=rig.inputs.but(seen=given),
            )
            out.append((f"placement {i} ({row.placement})", one))
    return out


def figure_coverage(rig: Rig, camera: str) -> go.Figure:
    """Where corners were seen in one camera's picture, with the count of each of 5 × 5 cells."""
    cam = rig.camera(camera)
    w, h = cam.size_px
    uv = [p for _, p, _ in corners_of(rig, camera)]
    points = np.concatenate(uv) if uv else np.zeros((0, 2))
    fig = go.Figure(
        go.Scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="markers",
            hoverinfo="skip",
            marker={"size": 3, "color": CAMERA_COLOURS[camera], "opacity": 0.75},
        )
    )
    quality = rig.quality.cameras.get(camera)
    if quality is not None:
        cells = np.array(quality.coverage.cells)
        rows, columns = cells.shape
        for r in range(rows):
            for c in range(columns):
                x0, x1 = c * w / columns, (c + 1) * w / columns
                y0, y1 = r * h / rows, (r + 1) * h / rows
                empty = cells[r, c] == 0
                fig.add_shape(
                    type="rect",
                    x0=x0,
                    x1=x1,
                    y0=y0,
                    y1=y1,
                    layer="below",
                    line={"color": "#cfd4dc", "width": 1},
                    fillcolor="#f6e3d7" if empty else "rgba(0,0,0,0)",
                )
                fig.add_annotation(
                    x=(x0 + x1) / 2,
                    y=y0 + 0.16 * (y1 - y0),
                    showarrow=False,
                    text="empty" if empty else str(cells[r, c]),
                    font={"size": 11, "color": RED if empty else GREY},
                )
    return _picture(fig, cam)


def figure_arrows(rig: Rig, camera: str) -> tuple[go.Figure, float]:
    """Reprojection errors as arrows from the seen corner, and how much they are lengthened."""
    cam = rig.camera(camera)
    rows = [(name, uv, e) for name, uv, e in corners_of(rig, camera) if e is not None]
    sizes = [np.linalg.norm(e, axis=1) for _, _, e in rows]
    usual = float(np.median(np.concatenate(sizes))) if sizes else 1.0
    scale = _round_figure(0.02 * cam.size_px[0] / max(usual, 1e-6))
    fig = go.Figure()
    x: list[float | None] = []
    y: list[float | None] = []
    tips_x: list[float] = []
    tips_y: list[float] = []
    words: list[str] = []
    for name, uv, e in rows:
        assert e is not None
        end = uv + scale * e
        for a, b, d in zip(uv, end, e, strict=True):
            x += [a[0], b[0], None]
            y += [a[1], b[1], None]
            tips_x.append(b[0])
            tips_y.append(b[1])
            words.append(f"view {name}: {np.hypot(*d):.2f} px")
    colour = CAMERA_COLOURS[camera]
    fig.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line={"color": colour, "width": 1}, hoverinfo="skip")
    )
    fig.add_trace(
        go.Scatter(
            x=tips_x,
            y=tips_y,
            mode="markers",
            text=words,
            hoverinfo="text",
            marker={"size": 3, "color": colour},
        )
    )
    return _picture(fig, cam), scale


def corners_of(rig: Rig, camera: str) -> Iterable[tuple[str, Array, Array | None]]:
    """Used views of a camera: name, seen corners (n, 2), errors (n, 2) or None, in pixels."""
    views = rig.inputs.seen.views if rig.inputs.seen else ()
    seen = {v.name: v.corners(camera) for v in views}
    for row in rig.quality.views:
        uv = seen.get(row.name)
        if row.camera != camera or row.rejected or uv is None:
            continue
        ok = np.isfinite(uv).all(1)
        if row.residuals_px is None or len(row.residuals_px) != len(uv):
            yield row.name, uv[ok], None
            continue
        e = np.array([(np.nan, np.nan) if d is None else d for d in row.residuals_px], np.float64)
        ok &= np.isfinite(e).all(1)
        yield row.name, uv[ok], e[ok]


GAP = np.full(3, np.nan)


def board_outline(board: Board) -> Array:
    """(4, 3) corners of the printed squares in frame B, metres (one square beyond the corners)."""
    nx, ny = board.inner_corners
    s = board.square_m
    x0, x1, y0, y1 = -s, nx * s, -s, ny * s
    return np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0.0]])


def placements_of(rig: Rig) -> Iterable[tuple[PlacementQuality, Board]]:
    """Each placement of the auxiliary board, with that board."""
    given = rig.inputs.seen.auxiliary if rig.inputs.seen else ()
    return zip(rig.quality.auxiliary, (a.board for a in given), strict=False)


def blackboard_m(rig: Rig) -> tuple[float, float]:
    return (rig.inputs.seen and rig.inputs.seen.blackboard_m) or (4.0, 1.2)


def _picture(fig: go.Figure, cam: Camera) -> go.Figure:
    """Axes of a picture: pixels, y down, true shape."""
    w, h = cam.size_px
    fig.update_layout(
        showlegend=False,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        plot_bgcolor="#fbfbfc",
        height=300,
        font={"family": "system-ui, sans-serif", "color": INK},
    )
    frame = {"showgrid": False, "zeroline": False, "showticklabels": False, "constrain": "domain"}
    fig.update_xaxes(range=[-0.5, w - 0.5], mirror=True, showline=True, linecolor=GREY, **frame)
    fig.update_yaxes(
        range=[h - 0.5, -0.5], scaleanchor="x", mirror=True, showline=True, linecolor=GREY, **frame
    )
    return fig


def _round_figure(x: float) -> float:
    """1, 2 or 5 times a power of ten, not above x."""
    power = 10.0 ** np.floor(np.log10(x))
    return float(max(m * power for m in (1, 2, 5) if m * power <= x * (1 + 1e-9)))
