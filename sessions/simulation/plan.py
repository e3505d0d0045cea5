"""``gaze simulate --plan``: what will this placement give, seat by seat, without rendering
anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from calibration.camera import CAMERAS
from calibration.files import GENERATOR, refuse_foreign
from calibration.rig import Rig
from sessions.errors import SessionError
from sessions.run import atomic_write, write_json
from sessions.simulation.budget import (
    NOSE_SIGMA_FACE,
    NOSE_SIGMA_PX,
    fused_head_sigma_deg,
    gaze_covariance,
    head_sigma_deg,
    nose_covariance,
)
from sessions.simulation.people import load_people
from sessions.simulation.room import ROOMS, Seats, auxiliary_board
from sessions.simulation.script import grid_plans, grid_points, place_people, visible_share
from sessions.simulation.simulate import RESOLUTIONS, Options, World, build_world
from sessions.simulation.write import face_heights_px

SMALL_FACE_PX = 24.0  # below this the head model gets clearly worse
GOOD_ERROR_M = (
    0.45  # a third of a four-metre board is 1.33 m: thirds can be told apart well below this error
)
HeadSigma = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PlanAnswer:
    """The answer: one row a seat in ``seats``, sentences in ``advice``.

    Columns of ``seats``: student, row, seat_x_m, seat_z_m, face_px_left, face_px_right (brow to
    chin), visible_left, visible_right, head_sigma_deg, nose_error_cm, gaze_error_cm (mean distance
    between true and estimated point, from the error budget, without what the eyes do),
    gaze_sigma_x_cm, gaze_sigma_y_cm.
    """

    options: Options
    seats: pd.DataFrame
    cameras: dict[str, dict[str, float]]
    advice: tuple[str, ...]

    def rows(self) -> pd.DataFrame:
        """Medians by row of seats."""
        numbers = [
            "seat_z_m",
            "face_px_left",
            "face_px_right",
            "head_sigma_deg",
            "nose_error_cm",
            "gaze_error_cm",
        ]
        return self.seats.groupby("row")[numbers].median().reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {
            "cameras": self.cameras,
            "seats": self.seats.astype(object).where(self.seats.notna(), None).to_dict("records"),
            "advice": list(self.advice),
        }

    def text(self) -> str:
        """The table by row and the advice, for a terminal."""
        lines = ["row  distance  face left/right  head σ  nose error  gaze error"]
        for r in self.rows().itertuples():
            lines.append(
                f"{r.row:3d}  {r.seat_z_m:6.1f} m  "
                f"{r.face_px_left:6.0f} / {r.face_px_right:3.0f} px  "
                f"{r.head_sigma_deg:5.1f}°  "
                f"{r.nose_error_cm:7.1f} cm  {r.gaze_error_cm:7.0f} cm"
            )
        return "\n".join([*lines, "", *self.advice])


def evaluate(world: World, head_sigma: HeadSigma = head_sigma_deg) -> pd.DataFrame:
    """The table of :class:`PlanAnswer` for a world in which everybody looks at 3 × 3 points on the
    board in turn.
    """
    hold = world.options.seconds / world.options.points
    heads = world.heads((np.arange(world.options.points) + 0.9) * hold)
    T, N = heads.P_W.shape[:2]
    P, R = heads.P_W.reshape(-1, 3), heads.R_WS.reshape(-1, 3, 3)
    face, visible, sigma_head, sigma_nose = {}, {}, {}, {}
    for name, camera in world.cameras.items():
        centre = world.T_WC[name].t
        inside = camera.contains(camera.project(world.T_WC[name].inverse().apply(P)))
        visible[name] = visible_share(heads, world.people, centre) * inside.reshape(T, N)
        face[name] = face_heights_px(heads, world, name).ravel()
        away = centre - P
        turn = np.degrees(
            np.arccos(np.clip((R[:, :, 2] * away).sum(1) / np.linalg.norm(away, axis=1), -1, 1))
        )
        hidden = visible[name].ravel() < 0.5
        sigma_head[name] = np.where(hidden, 1e3, head_sigma(face[name], turn))
        sigma_nose[name] = np.where(
            hidden, np.inf, np.hypot(NOSE_SIGMA_PX, NOSE_SIGMA_FACE * face[name])
        )
    nose = nose_covariance(world.cameras, world.T_WC, P, sigma_nose)
    head = fused_head_sigma_deg(sigma_head)
    gaze = gaze_covariance(P, R, nose, head)

    def by_seat(values: np.ndarray) -> np.ndarray:
        values = values.reshape(T, N)
        seen = np.isfinite(values).any(0)
        return np.where(seen, np.nanmedian(np.where(seen, values, 0), axis=0), np.nan)

    return pd.DataFrame(
        {
            "student": list(world.seats.ids),
            "row": world.seats.row,
            "seat_x_m": world.seats.x_m.round(2),
            "seat_z_m": world.seats.z_m.round(2),
            "face_px_left": by_seat(face["left"]).round(1),
            "face_px_right": by_seat(face["right"]).round(1),
            "visible_left": visible["left"].mean(0).round(2),
            "visible_right": visible["right"].mean(0).round(2),
            "head_sigma_deg": by_seat(head).round(2),
            # mean length of a normal vector: √(8/π) σ in three dimensions, √(π/2) σ in two
            "nose_error_cm": (
                100 * np.sqrt(8 / np.pi) * by_seat(np.sqrt(np.trace(nose, axis1=1, axis2=2) / 3))
            ).round(1),
            "gaze_error_cm": (
                100 * np.sqrt(np.pi / 2) * by_seat(np.sqrt(np.trace(gaze, axis1=1, axis2=2) / 2))
            ).round(1),
            "gaze_sigma_x_cm": (100 * by_seat(np.sqrt(gaze[:, 0, 0]))).round(1),
            "gaze_sigma_y_cm": (100 * by_seat(np.sqrt(gaze[:, 1, 1]))).round(1),
        }
    )


def seat_errors(
    rig: Rig,
    seats_m: np.ndarray,
    board_m: tuple[float, float],
    head_sigma: HeadSigma = head_sigma_deg,
) -> pd.DataFrame:
    """:func:`evaluate` of a real room: the cameras of ``rig``, seats where they are.

    seats_m : (N, 2) x_W and z_W of the seats, metres. board_m : blackboard's width and height.
    People are the simulator's, of its usual height at its usual desks; rows are not counted.

    Raises
    ------
    RigError : the rig has no world.
    """
    room = replace(ROOMS["standard"], board_width_m=board_m[0], board_height_m=board_m[1])
    n = len(seats_m)
    where = Seats(tuple(map(str, range(n))), seats_m[:, 0], seats_m[:, 1], np.ones(n, int))
    options = Options(students=n, rows=1, scenario="grid", points=9, seconds=9.0, eye_share=0.0)
    rng = np.random.default_rng(0)
    people = place_people(load_people(None), room, where, rng, exact=True)
    names, points = grid_points(room, options.points)
    plans, windows = grid_plans(names, points, n, options.seconds, rng)
    cameras = {name: rig.camera(name) for name in CAMERAS}
    T_WC = {name: rig.T_WC(name) for name in CAMERAS}
    world = World(
        options, room, where, auxiliary_board(room), people, cameras, T_WC, plans, windows,
        (names, points),
    )  # fmt: skip
    return evaluate(world, head_sigma)


def _weakest(seats: pd.DataFrame) -> tuple[int, float, float]:
    """Row with the largest median error; its face height and error in cm."""
    rows = (
        seats.assign(face=seats[["face_px_left", "face_px_right"]].mean(axis=1))
        .groupby("row")[["face", "gaze_error_cm"]]
        .median()
    )
    row = int(rows["gaze_error_cm"].idxmax())
    return row, float(rows.loc[row, "face"]), float(rows.loc[row, "gaze_error_cm"])


def _moved(options: Options, world: World, out_m: float) -> Options:
    """The cameras ``out_m`` nearer to the class."""
    place = [T.t + [0, 0, out_m] for T in (world.T_WC["left"], world.T_WC["right"])]
    return replace(options, placement=";".join(",".join(f"{v:.3f}" for v in p) for p in place))


def make_plan(options: Options, head_sigma: HeadSigma = head_sigma_deg) -> PlanAnswer:
    """Evaluate a placement and what would change it.

    ``head_sigma(face_px, turn_deg)`` → σ in degrees: the head model's own, if known.
    """
    options = replace(
        options.checked().without_pictures("plan"),
        scenario="grid",
        points=9,
        seconds=max(options.seconds, 9.0),
        eye_share=0.0,
    ).checked()
    world = build_world(options)
    seats = evaluate(world, head_sigma)
    row, face, error = _weakest(seats)
    advice = []
    sees = f"row {row}: faces are {face:.0f} px high (brow to chin), "
    sees += f"gaze points about {error:.0f} cm off"
    if face < SMALL_FACE_PX or error > 100 * GOOD_ERROR_M:
        changes: list[tuple[str, Options]] = []
        names = list(RESOLUTIONS)
        if options.resolution != names[-1]:
            changes.append((f"use {names[-1].upper()}", replace(options, resolution=names[-1])))
        changes.append(("move both cameras 1 m towards the class", _moved(options, world, 1.0)))
        if options.far_m - 1 >= options.near_m:
            changes.append(
                ("seat the last row 1 m nearer", replace(options, far_m=options.far_m - 1))
            )
        found = []
        for words, changed in changes:
            try:
                _, new_face, new_error = _weakest(evaluate(build_world(changed), head_sigma))
            except SessionError:
                continue
            if new_error < 0.95 * error or new_face > 1.15 * face:
                found.append((new_error, f"{words} ({new_face:.0f} px, {new_error:.0f} cm)"))
        advice.append(
            sees
            + (
                ": " + ", or ".join(text for _, text in sorted(found)) + "."
                if found
                else "; nothing simple helps."
            )
        )
    else:
        advice.append(f"Weakest is {sees}: good enough to tell thirds of the board apart.")
    for r in seats.itertuples():
        hidden = [c for c in CAMERAS if getattr(r, f"visible_{c}") < 0.5]
        if len(hidden) == 2:
            advice.append(
                f"seat {r.student}: neither camera sees the face; "
                "shift the seat or raise the cameras."
            )
        elif hidden:
            advice.append(
                f"seat {r.student}: hidden from the {hidden[0]} camera; "
                "the depth then comes from the seat alone."
            )
    width = world.room.board_width_m
    advice.append(
        "Errors are those of the head's direction. Eyes do about 30 % of each shift on their own: "
        f"fit a gain with marked points, or points near the board's edges fall short by up to "
        f"{100 * 0.3 * width / 2:.0f} cm."
    )
    axes = {}
    for name, camera in world.cameras.items():
        angle = np.degrees(2 * np.arctan(camera.size_px[0] / 2 / camera.f_px))
        axes[name] = {
            "f_px": round(camera.f_px, 1),
            "field_of_view_deg": round(float(angle), 1),
            **dict(zip(("x_m", "y_m", "z_m"), world.T_WC[name].t.round(3).tolist(), strict=True)),
        }
    cosine = float(world.T_WC["left"].R[:, 2] @ world.T_WC["right"].R[:, 2])
    axes["pair"] = {"convergence_deg": round(float(np.degrees(np.arccos(cosine))), 1)}
    return PlanAnswer(options, seats, axes, tuple(advice))


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="classroom-gaze">
<title>What this placement will give</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; color: #22302e; max-width: 62rem;
margin: 2rem auto; padding: 0 1rem }} h1 {{ font: 600 1.9rem Georgia, serif; margin: 0 0 .5rem }}
p, li {{ max-width: 68ch }} #plan {{ overflow-x: auto }}</style></head><body>
<h1>What this placement will give</h1>
<p>The room from above, the blackboard at the top, as the class sees it. Each seat: its name, the
expected error of a gaze point, and the height of the face in the poorer picture.</p>
<ul>{sentences}</ul>{figure}</body></html>
"""


def figure_plan(answer: PlanAnswer) -> Any:
    """Plotly figure: the room from above as the class sits in it (blackboard on top), seats
    coloured by expected error.
    """
    import plotly.graph_objects as go

    seats, room = answer.seats, ROOMS[answer.options.room]
    figure = go.Figure()
    top = 1.15 * float(seats["gaze_error_cm"].max())  # the scale begins at 0: shades compare
    hover = [
        f"{r.student} (row {r.row})<br>face {r.face_px_left:.0f} / {r.face_px_right:.0f} px<br>"
        f"head σ {r.head_sigma_deg:.1f}°<br>"
        f"nose {r.nose_error_cm:.1f} cm<br>gaze point {r.gaze_error_cm:.0f} cm"
        for r in seats.itertuples()
    ]
    figure.add_trace(
        go.Scatter(
            x=seats["seat_x_m"],
            y=seats["seat_z_m"],
            mode="markers+text",
            hovertext=hover,
            hoverinfo="text",
            name="seats",
            text=[
                f"{s}<br>{e:.0f} cm<br>{min(a, b):.0f} px"
                for s, e, a, b in zip(
                    seats["student"],
                    seats["gaze_error_cm"],
                    seats["face_px_left"],
                    seats["face_px_right"],
                    strict=True,
                )
            ],
            # white on the dark half of the scale
            textfont={
                "size": 11,
                "color": ["#fff" if e > top / 2 else "#222" for e in seats["gaze_error_cm"]],
            },
            marker={
                "size": 60,
                "symbol": "square",
                "color": seats["gaze_error_cm"],
                "colorscale": "Cividis",
                "reversescale": True,
                "colorbar": {"title": "gaze error, cm", "len": 0.6, "thickness": 14},
                "cmin": 0,
                "cmax": top,
            },
        )
    )
    figure.add_shape(
        type="line", x0=0, x1=room.board_width_m, y0=0, y1=0, line={"width": 8, "color": "#2f5d3a"}
    )
    for name in CAMERAS:
        c = answer.cameras[name]
        figure.add_trace(
            go.Scatter(
                x=[c["x_m"]],
                y=[c["z_m"]],
                mode="markers+text",
                text=[f"{name} camera"],
                textposition="bottom center",
                name=f"{name} camera",
                marker={"size": 14, "symbol": "triangle-up", "color": "#b3541e"},
                hovertext=[f"f = {c['f_px']:.0f} px"],
            )
        )
    figure.update_layout(
        showlegend=False,
        template="plotly_white",
        width=980,
        height=820,
        margin={"l": 60, "r": 20, "t": 10, "b": 60},
    )
    # x_W grows to the left for somebody who faces the blackboard: so does the picture
    figure.update_xaxes(
        title="x along the blackboard, m (0 = its right edge)",
        autorange="reversed",
        scaleanchor="y",
    )
    figure.update_yaxes(title="distance from the blackboard, m", autorange="reversed")
    return figure


def write_plan(answer: PlanAnswer, folder: str | Path) -> list[Path]:
    """plan.csv, plan.json and plan.html (works offline) into ``folder``."""
    folder = Path(folder)
    files = [folder / "plan.csv", folder / "plan.json", folder / "plan.html"]
    signs = (",".join(answer.seats.columns), '"cameras"', GENERATOR)
    for path, sign in zip(files, signs, strict=True):
        refuse_foreign(path, sign)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(files[0]) as aside:
        answer.seats.to_csv(aside, index=False)
    write_json(files[1], answer.to_dict())
    sentences = "".join(f"<li>{escape(s)}</li>" for s in answer.advice)
    figure = figure_plan(answer).to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="plan",  # a random one would make each page differ
        config={"displayModeBar": False},
    )
    page = PAGE.format(sentences=sentences, figure=figure)
    with atomic_write(files[2]) as aside:
        aside.write_text(page, encoding="utf-8")
    return files
