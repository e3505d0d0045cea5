"""The room of a rig in 3-D: cameras, boards, blackboard, tape and seats, for the verdict page.

It is drawn in axes that suit a screen and do not mirror: to the right, away from the viewer, up.
For the world W (x left, y down, z towards the class): (−x, −z, −y), a rotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from calibration.camera import Camera
from calibration.page.figures import (
    BLUE,
    CAMERA_COLOURS,
    GAP,
    GREEN,
    GREY,
    INK,
    PURPLE,
    RED,
    SKY,
    blackboard_m,
    board_outline,
    placements_of,
)
from calibration.rig import Rig
from calibration.transform import Array, Transform

AXIS_COLOURS = (("X", RED), ("Y", GREEN), ("Z", BLUE))
#: Rows: the screen's right, away, up, in coordinates of the frame that is drawn.
SCREEN_W = np.array([[-1.0, 0, 0], [0, 0, -1.0], [0, -1.0, 0]])
SCREEN_L = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])


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
    front = np.array([-blackboard_m(rig)[0] / 2, -1.2, -0.9]) if world else between + [0, 1.0, 0]
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
        lines += [centre, p, GAP]
    lines += [*rim, rim[0], GAP, rim[0], up, rim[1]]
    return [
        _lines(lines, screen, colour, 4, f"{cam.name} camera"),
        _words([centre], [f"{cam.name} camera"], screen, colour, size=15, position="top center"),
    ]


def _sheet(corners_W: Array, screen: Array, colour: str, opacity: float) -> Any:
    """A filled rectangle, (4, 3) corners in order."""
    x, y, z = screen @ corners_W.T
    return go.Mesh3d(
        x=x, y=y, z=z, i=[0, 0], j=[1, 2], k=[2, 3], color=colour, opacity=opacity,
        hoverinfo="skip",
    )  # fmt: skip


def traces_blackboard(rig: Rig, screen: Array) -> list[Any]:
    """The blackboard, dark, with its name in reading direction and W's corner."""
    w, h = blackboard_m(rig)
    c = np.array([[0, 0, 0], [w, 0, 0], [w, h, 0], [0, h, 0.0]])
    return [
        _sheet(c, screen, "#2f4a43", 0.45),
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
    outline = board_outline(rig.inputs.seen.board)
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
    for row, board in placements_of(rig):
        if row.T_AB is None:
            continue
        at = rig.T_WA.t if row.t_WA_m is None else np.array(row.t_WA_m)
        T_WA = Transform(rig.T_WA.R, at, "W", "A")
        p = (T_WA @ row.T_AB.transform("A", "B")).apply(board_outline(board))
        out.append(_sheet(p, screen, SKY, 0.8))
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
                lines += [T.t, p, GAP]
            lines += [*rim, rim[0]]
            name = f"picture of the room {len(out) // 2 + 1}"
            out.append(_lines(lines, screen, GREY, 3, name))
            out.append(_words([T.t], [name], screen, GREY, size=11, position="top center"))
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
            lines += [p - e, p + e, GAP]
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
