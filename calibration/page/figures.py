"""The pictures of the verdict page: the room in 3-D, coverage, reprojection arrows (Plotly).

``traces_*`` return traces, ``figure_*`` figures; nothing is shown or written here. Colours are
Okabe and Ito's, which people with any colour vision tell apart; nothing is said by colour alone.

The 3-D room is drawn in axes that suit a screen and do not mirror: to the right, away from the
viewer, up. For the world W (x left, y down, z towards the class): (−x, −z, −y), a rotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
AXIS_COLOURS = (("X", RED), ("Y", GREEN), ("Z", BLUE))
CAMERA_COLOURS = {"left": BLUE, "right": ORANGE}

#: Rows: the screen's right, away, up, in coordinates of the frame that is drawn.
SCREEN_W = np.array([[-1.0, 0, 0], [0, 0, -1.0], [0, -1.0, 0]])
SCREEN_L = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])


# -- the room --------------------------------------------------------------------------------------
def figure_room(rig: Rig, enlarged: float = 10.0) -> go.Figure:
    """Cameras, boards, blackboard, seats with σ, tape and axes, all in one scene.

    Without a world the scene is in the left camera's frame and shows cameras and boards.
    enlarged : by how much the seats' σ are drawn too large.
    """
    world = rig.T_WA is not None and rig.T_AL is not None
    screen = SCREEN_W if world else SCREEN_L
    T_XL = rig.T_WA @ rig.T_AL if rig.T_WA is not None and rig.T_AL is not None else None
    if T_XL is None:
        T_XL = Transform.identity("X", "L")
    T_XL = Transform(T_XL.R, T_XL.t, "X", "L")
    T_XR = T_XL @ rig.T_LR
    traces: list[Any] = []
    if world:
        traces += traces_blackboard(rig, screen)
    for name, T_XC in (("left", T_XL), ("right", T_XR)):
        traces += traces_camera(rig.camera(name), T_XC, screen)
    traces += traces_boards(rig, T_XL, T_XR, screen)
    if rig.T_WA is not None and world:
        traces += traces_auxiliary(rig, screen)
        traces += traces_tape(rig, screen)
        traces += traces_room_pictures(rig, screen)
        traces += traces_triad(Transform.identity("W", "W"), "W", 0.5, screen)
        traces += traces_triad(rig.T_WA, "A", 0.35, screen)
    traces += traces_triad(T_XL, "L", 0.35, screen)
    traces += traces_triad(T_XR, "R", 0.35, screen)
    traces += traces_seats(rig, screen, enlarged, "W" if world else "L")
    fig = go.Figure(traces)
    low, high = _bounds(traces)
    span, middle = high - low, (high + low) / 2
    # the first view looks at the blackboard's middle (without a world: between the cameras), the
    # others see everything
    between = screen @ ((T_XL.t + T_XR.t) / 2)
    front = np.array([-_blackboard(rig)[0] / 2, -1.2, -0.9]) if world else between + [0, 1.0, 0]
    far = 1.4 * float(span.max())
    eyes = {
        "From the class" if world else "From behind": (front, front + [0.7, -5.8, 2.2]),
        "From above": (middle, middle + [0.0, -0.02, far]),
        "From the side": (middle, middle + [far, -0.05 * far, 0.1 * far]),
    }
    views = {
        label: {
            "eye": _xyz((eye - middle) / METRES_PER_UNIT),
            "center": _xyz((at - middle) / METRES_PER_UNIT),
            "up": {"x": 0, "y": 1, "z": 0} if "above" in label else {"x": 0, "y": 0, "z": 1},
        }
        for label, (at, eye) in eyes.items()
    }
    buttons = [
        {"label": label, "method": "relayout", "args": [{"scene.camera": view}]}
        for label, view in views.items()
    ]

    def axis(k: int) -> dict[str, Any]:
        return {
            "range": [float(low[k]), float(high[k])],
            "dtick": 1.0,
            "showbackground": False,
            "showticklabels": False,
            "title": "",
            "gridcolor": "#e4e7ec",
            "zeroline": False,
            "showspikes": False,
        }

    fig.update_layout(
        scene={
            "xaxis": axis(0),
            "yaxis": axis(1),
            "zaxis": axis(2),
            "aspectmode": "manual",
            "aspectratio": _xyz(span / METRES_PER_UNIT),
            "camera": next(iter(views.values())),
        },
        margin={"l": 0, "r": 0, "t": 44, "b": 0},
        height=560,
        showlegend=False,
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        updatemenus=[
            {
                "type": "buttons",
                "direction": "right",
                "buttons": buttons,
                "x": 0,
                "xanchor": "left",
                "y": 1.0,
                "yanchor": "bottom",
                "showactive": False,
                "pad": {"b": 6},
            }
        ],
    )
    return fig


def figure_plan(rig: Rig) -> go.Figure:
    """The room from above (as somebody sees it who faces the blackboard) and from its right side.

    Cameras with what they see, the blackboard, the auxiliary boards, and the rows as far as both
    cameras see them.
    """
    width, height = _blackboard(rig)
    fig = make_subplots(1, 2, subplot_titles=("from above", "from the right side"))

    def line(P_W: Any, colour: str, name: str, pen: int = 2, dash: str = "solid") -> None:
        P = np.array(P_W, np.float64)
        for column, (x, y) in enumerate(((-P[:, 0], -P[:, 2]), (P[:, 2], -P[:, 1])), 1):
            fig.add_scatter(
                x=x.round(3), y=y.round(3), mode="lines", name=name, hoverinfo="name",
                line={"color": colour, "width": pen, "dash": dash}, row=1, col=column,
            )  # fmt: skip

    def word(p_W: Any, colour: str, text: str) -> None:
        x, y, z = (float(v) for v in p_W)
        for column, at in enumerate(((-x, -z), (z, -y)), 1):
            fig.add_annotation(
                x=at[0], y=at[1], text=text, showarrow=False, yshift=10,
                font={"color": colour, "size": 12}, row=1, col=column,
            )  # fmt: skip

    edge = [[width, 0, 0], [0, 0, 0], [0, height, 0], [width, height, 0], [width, 0, 0]]
    line(edge, INK, "blackboard", 5)
    word([width / 2, 0, 0], INK, "blackboard")
    for name in CAMERAS:
        cam, T_WC = rig.camera(name), rig.T_WC(name)
        w, h = cam.size_px
        rim = np.array([[0, h / 2], [w - 1, h / 2], [w / 2, 0], [w / 2, h - 1]])
        ends = T_WC.t + 1.5 * T_WC.rotate(cam.rays(rim))
        gaps = [p for end in ends for p in (T_WC.t, end, _GAP)]
        line(gaps, CAMERA_COLOURS[name], f"{name} camera")
        word(T_WC.t, CAMERA_COLOURS[name], name)
    for row, board in _placements(rig):
        if row.t_WA_m is None or row.T_AB is None:
            continue
        T_WA = Transform(R_WA, np.array(row.t_WA_m), "W", "A")
        outline = (T_WA @ row.T_AB.transform("A", "B")).apply(_outline(board))
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


def traces_camera(cam: Camera, T_XC: Transform, screen: Array) -> list[Any]:
    """A frustum: what the camera sees, 0.6 m deep, with a mark on the picture's upper edge."""
    w, h = cam.size_px
    corners = np.array([[0, 0], [w - 1, 0], [w - 1, h - 1], [0, h - 1]], float)
    rays = cam.rays(corners)
    rays = rays / max(float(rays[:, 2].mean()), 0.3)  # a fisheye's lie almost beside it
    depth = 0.6
    rim = T_XC.apply(rays * depth)
    centre = T_XC.t
    up = T_XC.apply(np.array([(rays[0] + rays[1]) / 2 * depth + [0, -0.12, 0]]))[0]
    colour = CAMERA_COLOURS[cam.name]
    lines = []
    for p in rim:
        lines += [centre, p, _GAP]
    lines += [*rim, rim[0], _GAP, rim[0], up, rim[1]]
    return [
        _lines(lines, screen, colour, 4, f"{cam.name} camera"),
        _words([centre], [f"{cam.name} camera"], screen, colour, size=15, position="top center"),
    ]


def traces_blackboard(rig: Rig, screen: Array) -> list[Any]:
    """The blackboard, dark, with its name in reading direction and W's corner."""
    w, h = _blackboard(rig)
    c = np.array([[0, 0, 0], [w, 0, 0], [w, h, 0], [0, h, 0.0]])
    s = c @ screen.T
    mesh = go.Mesh3d(
        x=s[:, 0],
        y=s[:, 1],
        z=s[:, 2],
        i=[0, 0],
        j=[1, 2],
        k=[2, 3],
        color="#2f4a43",
        opacity=0.45,
        hoverinfo="skip",
    )
    return [
        mesh,
        _lines([*c, c[0]], screen, "#2f4a43", 5, "blackboard"),
        _words(
            [[0.7 * w, 0.65 * h, 0.0]], [f"blackboard {w:.2f} × {h:.2f} m"], screen, INK, size=14
        ),
        _words(
            [[w, h, 0.0], [0, h, 0.0]],
            ["left edge", "right edge"],
            screen,
            GREY,
            size=11,
            position="bottom center",
        ),
    ]


def traces_boards(rig: Rig, T_XL: Transform, T_XR: Transform, screen: Array) -> list[Any]:
    """The calibration board in every view that was used: an outline, and its name on hovering."""
    if rig.inputs.seen is None:
        return []
    outline = _outline(rig.inputs.seen.board)
    out: list[Any] = []
    seen: set[str] = set()
    for row in sorted(rig.quality.views, key=lambda r: r.camera != "left"):
        if row.T_CB is None or row.rejected or row.name in seen:
            continue
        seen.add(row.name)
        T_XC = T_XL if row.camera == "left" else T_XR
        p = T_XC.apply(row.T_CB.apply(outline))
        out.append(_lines([*p, p[0]], screen, PURPLE, 2, f"board, view {row.name}"))
    return out


def traces_auxiliary(rig: Rig, screen: Array) -> list[Any]:
    """The auxiliary board where it was found, filled; each placement."""
    assert rig.T_WA is not None
    out: list[Any] = []
    for row, board in _placements(rig):
        if row.T_AB is None:
            continue
        at = rig.T_WA.t if row.t_WA_m is None else np.array(row.t_WA_m)
        T_WA = Transform(rig.T_WA.R, at, "W", "A")
        p = (T_WA @ row.T_AB.transform("A", "B")).apply(_outline(board))
        s = p @ screen.T
        out.append(
            go.Mesh3d(
                x=s[:, 0],
                y=s[:, 1],
                z=s[:, 2],
                i=[0, 0],
                j=[1, 2],
                k=[2, 3],
                color=SKY,
                opacity=0.8,
                hoverinfo="skip",
            )
        )
        name = f"auxiliary board ({row.placement})"
        out.append(_lines([*p, p[0]], screen, INK, 4, name))
        below = p.mean(0) + [0, 0.15, 0]  # W's Y is down: under the board, not on it
        out.append(_words([below], [name], screen, INK, size=12, position="bottom center"))
    return out


def traces_tape(rig: Rig, screen: Array) -> list[Any]:
    """What the tape measured, as a walk from W: left along the board, down, out to A."""
    out: list[Any] = []
    for row in rig.quality.auxiliary:
        t = row.t_WA_m
        if t is None:
            continue
        steps = np.array([[0, 0, 0], [t[0], 0, 0], [t[0], t[1], 0], t], float)
        out.append(_lines(list(steps), screen, INK, 5, "tape", dash="dash"))
        words = [f"left {t[0]:.2f} m", f"down {t[1]:.2f} m", f"out {t[2]:.2f} m"]
        middles = (steps[1:] + steps[:-1]) / 2
        out.append(_words(middles, words, screen, INK, size=12, position="top center"))
    return out


def traces_room_pictures(rig: Rig, screen: Array) -> list[Any]:
    """Where each picture of the room was taken from: a small grey frustum that looks as it did."""
    out: list[Any] = []
    for row in rig.quality.auxiliary:
        for pose in row.room_picture.T_WX if row.room_picture else ():
            T = pose.transform("W", "X")
            rim = T.apply(np.array([[-4, -3, 8], [4, -3, 8], [4, 3, 8], [-4, 3, 8.0]]) * 0.04)
            lines: list[Any] = []
            for p in rim:
                lines += [T.t, p, _GAP]
            lines += [*rim, rim[0]]
            name = f"picture of the room {len(out) // 2 + 1}"
            out.append(_lines(lines, screen, GREY, 3, name))
            out.append(_words([T.t], [name], screen, GREY, size=11, position="top center"))
    return out


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


def traces_seats(rig: Rig, screen: Array, enlarged: float, frame: str) -> list[Any]:
    """Seats with their predicted 1 σ as crosses, ``enlarged`` times too long."""
    rows = [s for s in rig.quality.seats if s.frame == frame]
    if not rows:
        return []
    lines: list[Any] = []
    for seat in rows:
        p, s = np.array(seat.seat_m), np.array(seat.sigma_cm) / 100 * enlarged
        for k in range(3):
            e = np.zeros(3)
            e[k] = s[k]
            lines += [p - e, p + e, _GAP]
    words = [f"seat at {s.distance_m:g} m: ± {s.position_cm:.1f} cm" for s in rows]
    at = [s.seat_m for s in rows]
    return [
        _lines(lines, screen, INK, 3, "predicted σ, enlarged"),
        _words(at, words, screen, INK, size=12, position="middle right", marker=6),
    ]


def traces_triad(T_XF: Transform, name: str, length_m: float, screen: Array) -> list[Any]:
    """A frame's axes, each with its letter: X, Y, Z of W, A, L, R."""
    out = []
    for k, (letter, colour) in enumerate(AXIS_COLOURS):
        tip = T_XF.apply(np.eye(3)[k] * length_m)
        out.append(_lines([T_XF.t, tip], screen, colour, 7, f"{letter} of {name}"))
        out.append(_words([tip], [f"{letter}<sub>{name}</sub>"], screen, colour, size=13))
    out.append(_words([T_XF.t], [f"<b>{name}</b>"], screen, INK, size=15, position="bottom left"))
    return out


# -- the pictures ----------------------------------------------------------------------------------
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


# -- inside ----------------------------------------------------------------------------------------
METRES_PER_UNIT = 4.0  # of Plotly's scene


def _xyz(v: Array) -> dict[str, float]:
    return {"x": float(v[0]), "y": float(v[1]), "z": float(v[2])}


def _bounds(traces: list[Any]) -> tuple[Array, Array]:
    """The smallest box around everything drawn, with 0.3 m of air."""
    points = [
        np.array([[np.nan if v is None else v for v in axis] for axis in (t.x, t.y, t.z)], float)
        for t in traces
    ]
    every = np.concatenate(points, 1)
    return np.nanmin(every, 1) - 0.3, np.nanmax(every, 1) + 0.3


_GAP = np.full(3, np.nan)


def _lines(
    points: Sequence[Any], screen: Array, colour: str, width: int, name: str, dash: str = "solid"
) -> Any:
    s = np.array(points, np.float64) @ screen.T
    values = [[None if np.isnan(v) else round(float(v), 4) for v in s[:, k]] for k in range(3)]
    return go.Scatter3d(
        x=values[0],
        y=values[1],
        z=values[2],
        mode="lines",
        name=name,
        hoverinfo="name",
        line={"color": colour, "width": width, "dash": dash},
    )


def _words(
    points: Any,
    words: list[str],
    screen: Array,
    colour: str,
    size: int = 12,
    position: str = "middle center",
    marker: int = 0,
) -> Any:
    s = np.array(points, np.float64) @ screen.T
    return go.Scatter3d(
        x=s[:, 0].round(4).tolist(),
        y=s[:, 1].round(4).tolist(),
        z=s[:, 2].round(4).tolist(),
        mode="markers+text" if marker else "text",
        text=words,
        textposition=position,
        textfont={"size": size, "color": colour},
        hoverinfo="skip",
        marker={"size": max(marker, 1), "color": colour},
    )


def _outline(board: Board) -> Array:
    """(4, 3) corners of the printed squares in frame B, metres (one square beyond the corners)."""
    nx, ny = board.inner_corners
    s = board.square_m
    x0, x1, y0, y1 = -s, nx * s, -s, ny * s
    return np.array([[x0, y0, 0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0.0]])


def _placements(rig: Rig) -> Iterable[tuple[PlacementQuality, Board]]:
    """Each placement of the auxiliary board, with that board."""
    given = rig.inputs.seen.auxiliary if rig.inputs.seen else ()
    return zip(rig.quality.auxiliary, (a.board for a in given), strict=False)


def _blackboard(rig: Rig) -> tuple[float, float]:
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
