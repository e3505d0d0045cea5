"""A simulated lesson but for its pictures, written as a session folder (docs/session.md)."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import CAMERAS
from calibration.files import atomic_write, write_file
from sessions.simulation.lively import seat_rows
from sessions.simulation.script import Heads, visible_share
from sessions.simulation.simulate import HARD, INNER_CORNERS, SQUARE_M, World


def session_toml(world: World) -> str:
    """``session.toml`` as the teacher would have written it."""
    o, room, aux = world.options, world.room, world.auxiliary
    third = room.board_width_m / 3
    lines = [
        "# Simulated lesson: gaze simulate, seed " + str(o.seed),
        f'title = "simulated lesson, {o.scenario}, seed {o.seed}"',
        "date = 2026-03-02",
        "",
        "[blackboard]",
        f"width_m = {room.board_width_m}",
        f"height_m = {room.board_height_m}",
    ]
    for k, name in enumerate(("right third", "middle third", "left third")):
        end = room.board_width_m if k == 2 else round((k + 1) * third, 4)
        lines += [
            "[[blackboard.areas]]",
            f'name = "{name}"',
            f"x_m = [{round(k * third, 4)}, {end}]",
            f"y_m = [0.0, {room.board_height_m}]",
        ]
    t = aux.t_WA
    apart_m = float(np.linalg.norm(world.T_WC["left"].t - world.T_WC["right"].t))
    width, height = room.board_width_m, room.board_height_m
    corners = np.array([[width, 0, 0], [0, 0, 0], [width, height, 0], [0, height, 0]])
    tape = np.random.default_rng([o.seed, 18])  # read to the centimetre, as people do
    lengths = {}
    for name in CAMERAS:
        far = np.linalg.norm(world.T_WC[name].t - corners, axis=1)
        lengths[name] = [round(float(v), 2) for v in far + tape.normal(0, 0.005, 4)]
    placement = (
        ['placement = "flat"']
        if aux.angle_deg == 0
        else ['placement = "tilted"', f"angle_deg = {aux.angle_deg}"]
    )
    lines += [
        "",
        "[board]",
        'kind = "chessboard"',
        f"inner_corners = [{INNER_CORNERS[0]}, {INNER_CORNERS[1]}]",
        f"square_m = {SQUARE_M}",
        "",
        "[auxiliary]",
        *placement,
        f"left_m = {t[0]:.4f}",
        f"down_m = {t[1]:.4f}",
        f"out_m = {t[2]:.4f}",
        "[auxiliary.board]",
        'kind = "chessboard"',
        f"inner_corners = [{aux.inner_corners[0]}, {aux.inner_corners[1]}]",
        f"square_m = {aux.square_m}",
        "",
        "[cameras]",
        f"apart_m = {apart_m:.2f}  # tape between the two lenses",
        "[cameras.left]",
        'video = "left.mp4"',
        f"corners_m = {lengths['left']}  # tape from the lens to the blackboard's corners",
        "[cameras.right]",
        'video = "right.mp4"',
        f"corners_m = {lengths['right']}",
    ]
    if o.offset_s == o.drift_ppm == o.lost == 0:
        lines.append("offset_s = 0.0")
    for k, student in enumerate(world.seats.ids):
        lines += [
            "",
            "[[students]]",
            f'id = "{student}"',
            f"seat_m = [{world.seats.x_m[k]:.2f}, {world.seats.z_m[k]:.2f}]",
        ]
    return "\n".join(lines) + "\n"


def targets_rows(world: World) -> list[list[str]]:
    """targets.csv: start_s,end_s,student,target,x_m,y_m — only stretches in which the head is
    still.
    """
    assert world.marks is not None
    names, points = world.marks
    rows = [["start_s", "end_s", "student", "target", "x_m", "y_m"]]
    for start, end, student, point in sorted(world.windows):
        x, y = points[point, :2]
        # times are rounded inwards, so that no rounded window reaches into a movement
        rows.append(
            [
                f"{math.ceil(start * 1e4) / 1e4:.4f}",
                f"{math.floor(end * 1e4) / 1e4:.4f}",
                world.seats.ids[student],
                names[point],
                f"{x:.4f}",
                f"{y:.4f}",
            ]
        )
    return rows


OUTLINE = np.r_[
    0, 5:12, 16, 17:27
]  # of the 68 landmarks: chin and brows, one of which is always the topmost and lowest


def face_heights_px(heads: Heads, world: World, camera: str) -> np.ndarray:
    """(T,N) height in pixels of the box around the 68 landmarks (about brow to chin)."""
    T, N = heads.P_W.shape[:2]
    out = np.full((T, N), np.nan)
    to_camera = world.T_WC[camera].inverse()
    for n, place in enumerate(world.people):
        points = np.einsum(
            "tij,pj->tpi", heads.R_WB[:, n] @ heads.R_head[:, n], place.person.landmarks[OUTLINE]
        )
        uv = world.cameras[camera].project(to_camera.apply(points + heads.t_WB[:, n][:, None]))
        out[:, n] = np.ptp(uv[..., 1], axis=1)
    return out


def truth_table(world: World, heads: Heads) -> Any:
    """truth/heads.parquet as a pandas frame: a row for each student and moment, students within
    moments.
    """
    import pandas as pd
    from scipy.spatial.transform import Rotation

    time_s = heads.time_s
    T, N = heads.P_W.shape[:2]
    flat = {}
    flat["time_s"] = np.repeat(time_s, N)
    flat["frame"] = np.repeat(np.arange(T), N)
    flat["student"] = np.tile(np.array(world.seats.ids, object), T)
    flat["row"] = np.tile(world.seats.row, T)
    for k, axis in enumerate("xyz"):
        flat[f"nose_{axis}_m"] = heads.P_W[..., k].ravel()
    q = Rotation.from_matrix(heads.R_WS.reshape(-1, 3, 3)).as_quat(canonical=True)
    for k, name in enumerate(("head_qx", "head_qy", "head_qz", "head_qw")):
        flat[name] = q[:, k]
    for k, axis in enumerate("xyz"):
        flat[f"gaze_d{axis}"] = heads.gaze_W[..., k].ravel()
    z = heads.R_WS[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        meets = z[..., 2] < -1e-6
        for k, axis in enumerate("xy"):
            flat[f"head_point_{axis}_m"] = np.where(
                meets, heads.P_W[..., k] - heads.P_W[..., 2] * z[..., k] / z[..., 2], np.nan
            ).ravel()
    for k, axis in enumerate("xyz"):
        flat[f"target_{axis}_m"] = heads.point_W[..., k].ravel()
    flat["target"] = heads.label.ravel()
    everybody = world.with_others(heads)
    for camera in CAMERAS:
        to_camera = world.T_WC[camera].inverse()
        uv = world.cameras[camera].project(to_camera.apply(heads.P_W))
        flat[f"nose_u_{camera}_px"] = uv[..., 0].ravel()
        flat[f"nose_v_{camera}_px"] = uv[..., 1].ravel()
        flat[f"visible_{camera}"] = (
            visible_share(everybody, world.in_pictures, world.T_WC[camera].t)[:, :N]
            * world.cameras[camera].contains(uv)
        ).ravel()
        flat[f"face_px_{camera}"] = face_heights_px(heads, world, camera).ravel()
    if heads.held.any():
        flat["held"] = heads.held.ravel()
    frame = pd.DataFrame(flat)
    gone = ~heads.here.ravel()
    if gone.any():
        told = ["time_s", "frame", "student", "row", "held", "visible_left", "visible_right"]
        frame.loc[gone, frame.columns.difference(told)] = np.nan
        frame["target"] = frame["target"].where(~gone, "gone")
    exact = (
        "time_s",
        "nose_",
        "head_q",
        "head_point_",
    )  # what errors are measured against; the rest may be short
    short = [c for c in frame.columns if frame[c].dtype == np.float64 and not c.startswith(exact)]
    return frame.astype(dict.fromkeys(short, np.float32))


def write_session(folder: Path, world: World, heads: Heads | None = None) -> Any:
    """Everything but pictures: session.toml, targets.csv, timestamps.csv, truth/.

    Returns the table of truth/heads.parquet.
    """
    o = world.options
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / "session.toml", session_toml(world))
    if world.marks is not None:
        _write_csv(folder / "targets.csv", targets_rows(world))
    if o.timestamps:
        rows = [
            [camera, str(k), f"{t:.6f}"]
            for camera in CAMERAS
            for k, t in enumerate(world.frame_times(camera))
        ]
        _write_csv(folder / "timestamps.csv", [["camera", "frame", "time_s"], *rows])
    if world.roles is not None:
        _write_csv(folder / "events.csv", seat_rows(world.roles, world.plans, world.seats))
    truth = folder / "truth"
    truth.mkdir(exist_ok=True)
    world.rig().save(truth / "rig.json")
    heads = world.heads(world.frame_times("left")) if heads is None else heads
    table = truth_table(world, heads)
    with atomic_write(truth / "heads.parquet") as aside:
        table.to_parquet(aside, index=False, compression="zstd")
    about = {
        "options": {k: v for k, v in asdict(o).items() if v or k not in HARD},
        "people": {p.student: p.person.name for p in world.people},
        "seats_m": {
            s: [float(world.seats.x_m[k]), float(world.seats.z_m[k])]
            for k, s in enumerate(world.seats.ids)
        },
        "rows": {s: int(world.seats.row[k]) for k, s in enumerate(world.seats.ids)},
        "offset_s": o.offset_s,
        "drift_ppm": o.drift_ppm,
        **told_apart(world),
    }
    write_file(truth / "about.json", json.dumps(about, indent=1) + "\n")
    return table


def told_apart(world: World) -> dict[str, Any]:
    """What about.json says of hard lessons: who wears what, who is gone when, who does what."""
    ids = world.seats.ids
    out: dict[str, Any] = {}
    if any(world.wears):
        out["wears"] = {ids[k]: things for k, things in enumerate(world.wears) if things}
    if world.roles is not None:
        out["gone_s"] = {ids[k]: p.gone_s for k, p in enumerate(world.plans) if p.gone_s}
        out["roles"] = {
            name: ids[k] if isinstance(k, int) else [ids[j] for j in k]
            for name, k in asdict(world.roles).items()
        }
    return out


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    write_file(path, text.getvalue())
