"""``simulate``: a lesson with known truth but for its pictures, written as a session folder
(docs/session.md, docs/simulator.md).
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import CAMERAS, Camera
from calibration.files import atomic_write, write_file
from calibration.rig import Rig
from calibration.transform import Transform
from sessions.errors import SessionError
from sessions.simulation.people import Person, load_people
from sessions.simulation.room import (
    RIGHT_WIDER,
    ROOMS,
    AuxiliaryBoard,
    Room,
    Seats,
    auxiliary_board,
    fitted_camera,
    placed_cameras,
    seats,
)
from sessions.simulation.script import (
    Heads,
    Placement,
    Plan,
    grid_plans,
    grid_points,
    heads_at,
    natural_plans,
    place_people,
    visible_share,
)

RESOLUTIONS = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
}
INNER_CORNERS = (9, 6)
SQUARE_M = 0.05
MAX_STUDENTS = 60

# what an option may be
CHOICES: dict[str, Collection[str]] = {
    "room": ROOMS,
    "resolution": RESOLUTIONS,
    "scenario": ("grid", "natural"),
    "people": ("all", "train", "test"),
}
LIMITS = {
    "students": (1, MAX_STUDENTS),
    "rows": (1, 10),
    "seconds": (0.5, 4 * 3600),
    "fps": (0.5, 60),
    "points": (4, 49),
    "eye_share": (0, 0.9),
    "offset_s": (-4, 4),
    "drift_ppm": (-1000, 1000),
    "light": (0.1, 3),
    "noise": (0, 10),
    "near_m": (2.4, 25),
    "far_m": (2.4, 25),
    "lens_px": (200, 20000),
    "fisheye_deg": (60, 130),
    "auxiliary_deg": (0, 60),
}

# options of `gaze simulate` whose field has its unit in its name
OPTION_NAMES = {
    "eye_share": "eye-share",
    "offset_s": "offset",
    "drift_ppm": "drift",
    "near_m": "near",
    "far_m": "far",
    "lens_px": "lens",
    "fisheye_deg": "fisheye",
    "auxiliary_deg": "auxiliary",
}


@dataclass(frozen=True)
class Options:
    """What a simulated lesson is made of. Every number is in metres, seconds, degrees or pixels.

    ``eye_share`` None = 0 in ``grid``, 0.30 in ``natural``. ``offset_s`` = the right camera's clock
    minus the left's; ``drift_ppm`` = how much faster the right clock runs. ``noise`` scales the
    sensor's noise (1 = a lit room), ``light`` the lamps. ``crf`` = H.264 quality.
    """

    students: int = 8
    rows: int = 3
    room: str = "standard"
    placement: str = "beside"
    resolution: str = "1080p"
    seconds: float = 18.0
    fps: float = 10.0
    scenario: str = "grid"
    points: int = 9
    eye_share: float | None = None
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    light: float = 1.0
    noise: float = 1.0
    near_m: float = 3.0
    far_m: float = 7.0
    lens_px: float | None = None
    fisheye_deg: float | None = None
    auxiliary_deg: float = 0.0
    people: str = "all"
    timestamps: bool = False
    views: int = 20
    views_alone: int = 8
    crf: int = 21
    jpeg_quality: int = 88
    seed: int = 0

    def checked(self) -> Options:
        """Itself, or an error that names the first impossible option."""

        def refuse(name: str, expected: str) -> None:
            raise SessionError(
                f"--{OPTION_NAMES.get(name, name)} is impossible",
                found=getattr(self, name),
                expected=expected,
            )

        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                refuse(name, f"one of {', '.join(choices)}")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # nor where it is no number
                refuse(name, f"{low:g} to {high:g}")
        if self.rows > self.students:
            refuse("rows", "no more rows than students")
        if self.scenario == "grid" and self.seconds / self.points < 0.6:
            refuse("seconds", f"at least 0.6 s for each of the {self.points} marked points")
        if self.fisheye_deg is not None and self.lens_px is not None:
            refuse("fisheye_deg", "this or --lens, not both")
        depth_m = ROOMS[self.room].depth_m - 0.8
        if not self.near_m <= self.far_m <= depth_m:
            refuse("far_m", f"near ≤ far ≤ {depth_m:.1f} m (the room's depth)")
        placed_cameras(ROOMS[self.room], self.placement)
        return self

    def small(self) -> Options:
        """The same lesson in few megabytes: fewer chessboard views, stronger compression."""
        return replace(self, views=16, views_alone=6, jpeg_quality=80, crf=23)

    @property
    def shift_by_eyes(self) -> float:
        return (
            self.eye_share
            if self.eye_share is not None
            else (0.0 if self.scenario == "grid" else 0.30)
        )


@dataclass(frozen=True)
class World:
    """Everything that is true of a simulated lesson before a pixel is drawn; the same options give
    the same world.
    """

    options: Options
    room: Room
    seats: Seats
    auxiliary: AuxiliaryBoard
    people: list[Placement]
    cameras: dict[str, Camera]
    T_WC: dict[str, Transform]
    plans: list[Plan]
    windows: list[tuple[float, float, int, int]]
    marks: tuple[list[str], np.ndarray] | None

    def heads(self, time_s: np.ndarray) -> Heads:
        """The truth at any times on the left camera's clock."""
        sway = 0.0 if self.options.scenario == "grid" else 1.6
        return heads_at(
            time_s, self.people, self.plans, self.options.shift_by_eyes, sway, self.options.seed
        )

    def frame_times(self, camera: str) -> np.ndarray:
        """When each frame was taken, on the left camera's clock."""
        o = self.options
        own = np.arange(round(o.seconds * o.fps)) / o.fps
        return own if camera == "left" else (own - o.offset_s) / (1 + o.drift_ppm * 1e-6)

    def rig(self) -> Rig:
        """The true rig."""
        T_WA = Transform(
            np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]]), self.auxiliary.t_WA, "W", "A"
        )
        T_WL, T_WR = self.T_WC["left"], self.T_WC["right"]
        left = Transform(T_WL.R, T_WL.t, "W", "L")
        right = Transform(T_WR.R, T_WR.t, "W", "R")
        return Rig(
            self.cameras["left"],
            self.cameras["right"],
            right.inverse() @ left,
            T_WA.inverse() @ left,
            T_WA,
        )


def build_world(options: Options, cast: list[Person] | None = None) -> World:
    """Room, seats, people, cameras and script from the options; ``cast`` instead of the baked
    people.
    """
    o = options.checked()
    rng = np.random.default_rng([o.seed, 1])
    room = ROOMS[o.room]
    where = seats(room, o.students, o.rows, o.near_m, o.far_m)
    aux = auxiliary_board(room, o.auxiliary_deg)
    if cast is None:
        cast = load_people(None if o.people == "all" else o.people)
    people = place_people(
        cast, room, where, rng, exact=o.scenario == "grid" and o.shift_by_eyes == 0
    )
    heads = np.array([p.t_WB for p in people])
    around = [[0.26, 0.05, 0], [-0.26, 0.05, 0], [0, -0.32, 0], [0, 0.34, -0.3]]
    must_see = np.concatenate([heads + a for a in around] + [aux.corners_W(1.2)])
    size = RESOLUTIONS[o.resolution]
    cameras, poses = {}, {}
    for name, position in placed_cameras(room, o.placement).items():
        jitter = np.random.default_rng([o.seed, 2, len(name)])
        position = position + jitter.normal(0, [0.03, 0.03, 0.01])
        cameras[name], poses[name] = fitted_camera(
            name,
            position,
            must_see,
            size,
            o.lens_px,
            RIGHT_WIDER if name == "right" else 1.0,
            float(jitter.normal(0, 0.8)),
            o.fisheye_deg,
        )
    script_rng = np.random.default_rng([o.seed, 3])
    marks = None
    windows: list[tuple[float, float, int, int]] = []
    if o.scenario == "grid":
        marks = grid_points(room, o.points)
        plans, windows = grid_plans(*marks, o.students, o.seconds, script_rng)
    else:
        plans = natural_plans(room, people, o.seconds, script_rng)
    return World(o, room, where, aux, people, cameras, poses, plans, windows, marks)


# --- what is written ------------------------------------------------------------------------------


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
    if o.offset_s == 0 and o.drift_ppm == 0:
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
    for camera in CAMERAS:
        to_camera = world.T_WC[camera].inverse()
        uv = world.cameras[camera].project(to_camera.apply(heads.P_W))
        flat[f"nose_u_{camera}_px"] = uv[..., 0].ravel()
        flat[f"nose_v_{camera}_px"] = uv[..., 1].ravel()
        flat[f"visible_{camera}"] = (
            visible_share(heads, world.people, world.T_WC[camera].t)
            * world.cameras[camera].contains(uv)
        ).ravel()
        flat[f"face_px_{camera}"] = face_heights_px(heads, world, camera).ravel()
    frame = pd.DataFrame(flat)
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
    truth = folder / "truth"
    truth.mkdir(exist_ok=True)
    world.rig().save(truth / "rig.json")
    heads = world.heads(world.frame_times("left")) if heads is None else heads
    table = truth_table(world, heads)
    with atomic_write(truth / "heads.parquet") as aside:
        table.to_parquet(aside, index=False, compression="zstd")
    about = {
        "options": asdict(o),
        "people": {p.student: p.person.name for p in world.people},
        "seats_m": {
            s: [float(world.seats.x_m[k]), float(world.seats.z_m[k])]
            for k, s in enumerate(world.seats.ids)
        },
        "rows": {s: int(world.seats.row[k]) for k, s in enumerate(world.seats.ids)},
        "offset_s": o.offset_s,
        "drift_ppm": o.drift_ppm,
    }
    write_file(truth / "about.json", json.dumps(about, indent=1) + "\n")
    return table


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    write_file(path, text.getvalue())
