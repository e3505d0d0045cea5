"""Random classrooms at the level of corners: a truth, what the cameras see of it, with noise.

No pictures: corners are projected through the true rig and noise is added, so that a whole
calibration takes a fraction of a second. Each scene states its premises and asserts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.camera import Camera
from calibration.corners.boards import Board, View
from calibration.inputs import Auxiliary, Seen
from calibration.rig import Rig
from calibration.room import world
from calibration.room.evidence import LENS_SIGMA_M, LENS_SIGMA_SHARE, Looked
from calibration.room.world import Tape
from calibration.transform import Array, Transform, geodesic_deg, rotation_exp

BOARD = Board("chessboard", (9, 6), 0.08)


@dataclass(frozen=True)
class Room:
    """A true rig in a true room. ``T_WL`` is the truth of ``T_WA @ T_AL``."""

    rig: Rig
    blackboard_m: tuple[float, float]
    board: Board
    angle_deg: float


def random_room(
    rng: np.random.Generator,
    *,
    board: Board = BOARD,
    angle_deg: float | None = None,
    size_px: tuple[int, int] = (1920, 1080),
    fisheye_deg: float | None = None,
    roll_deg: float = 0.0,
    beside_m: tuple[float, float] = (0.05, 0.6),
) -> Room:
    """Two cameras on either side of a blackboard, converging by 40–90° on the class.

    fisheye_deg : their lenses are equidistant, and their pictures as wide as this.
    roll_deg : they hang turned by so much: 90 on their side, 180 upside down.
    beside_m : how far they stand beside the blackboard, from … to.
    """
    width = rng.uniform(3.0, 4.5)
    angle = rng.uniform(40, 90) if angle_deg is None else angle_deg
    share = rng.uniform(0.42, 0.58)
    poses = {}
    for name, x, turn in (
        ("left", width + rng.uniform(*beside_m), angle * share),
        ("right", -rng.uniform(*beside_m), -angle * (1 - share)),
    ):
        position = np.array([x, rng.uniform(-0.4, 0.5), rng.uniform(-0.1, 0.4)])
        # C of a camera that looks straight into the class: X_C = +x_W, Y_C = +y_W, Z_C = +z_W
        R_WC = rotation_exp([0, -np.radians(turn), 0]) @ rotation_exp(
            [np.radians(-rng.uniform(5, 16)), 0, 0]
        )
        R_WC = R_WC @ rotation_exp([0, 0, np.radians(rng.uniform(-5, 5) + roll_deg)])
        poses[name] = Transform(R_WC, position, "W", "C")
    cameras = {}
    for name in ("left", "right"):
        f = size_px[0] * rng.uniform(0.58, 0.75)
        w, h = size_px
        K = np.array(
            [
                [f, 0, (w - 1) / 2 + rng.normal(0, 15)],
                [0, f * rng.uniform(0.998, 1.002), (h - 1) / 2 + rng.normal(0, 15)],
                [0, 0, 1],
            ]
        )
        D = np.array([rng.uniform(-0.25, -0.02), rng.uniform(0, 0.06), 0.0, 0.0])
        D[2:] = rng.normal(0, 3e-4, 2)
        while np.isnan(Camera(K, D, size_px, name).undistort([[0, 0], [w - 1, h - 1]])).any():
            D[1] += 0.02  # a real lens draws its whole picture
        cameras[name] = Camera(K, D, size_px, name)
        if fisheye_deg is not None:
            K = K.copy()
            K[[0, 1], [0, 1]] *= w / np.radians(fisheye_deg) / f
            D = rng.normal(0, [0.02, 0.01, 0.005, 0.001])
            cameras[name] = Camera(K, D, size_px, name, "equidistant")
    T_WL = Transform(poses["left"].R, poses["left"].t, "W", "L")
    T_WR = Transform(poses["right"].R, poses["right"].t, "W", "R")
    tape = np.array([width / 2 + rng.uniform(-0.5, 0.5), rng.uniform(0.9, 1.5), 2.0])
    tape[2] = rng.uniform(1.6, 2.6)
    T_WA = Transform(world.R_WA, tape, "W", "A")
    rig = Rig(
        cameras["left"],
        cameras["right"],
        T_WR.inverse() @ T_WL,
        T_WA.inverse() @ T_WL,
        T_WA,
    )
    assert abs(float(geodesic_deg(T_WR.R, T_WL.R)) - angle) < 12
    return Room(rig, (width, 1.2), board, angle)


def _board_towards(
    rng: np.random.Generator,
    points_B: Array,
    T_WC: Transform,
    centre_W: Array,
    tilt_deg: float,
    parallel: bool = False,
) -> Transform:
    """T_WB of a board at ``centre_W``, facing a camera but for a tilt in a random direction.

    parallel : facing its picture plane, not its optical centre.
    """
    p_C = np.array([0, 0, 1.0]) if parallel else T_WC.inverse().apply(centre_W)
    z = p_C / np.linalg.norm(p_C)  # B's Z points into the print: away from the camera
    x = np.array([1.0, 0, 0]) - z[0] * z
    x /= np.linalg.norm(x)
    R_CB = np.stack([x, np.cross(z, x), z], -1)
    direction = rng.uniform(0, 2 * np.pi)
    R_CB = R_CB @ rotation_exp(
        np.radians(tilt_deg) * np.array([np.cos(direction), np.sin(direction), 0])
    )
    R_CB = R_CB @ rotation_exp([0, 0, np.radians(rng.uniform(-25, 25))])
    R_WB = T_WC.R @ R_CB
    return Transform(R_WB, centre_W - R_WB @ points_B.mean(0), "W", "B")


def see(camera: Camera, T_CB: Transform, points_B: Array, margin_px: float = 8.0) -> Array | None:
    """Exact corners of a board in a camera, None where it is not wholly and frontally in view."""
    P = T_CB.apply(points_B)
    if (P[:, 2] < 0.15).any():
        return None
    uv = camera.project(P)
    if not camera.contains(uv, margin_px).all():
        return None
    facing = float(T_CB.R[:, 2] @ P.mean(0) / np.linalg.norm(P.mean(0)))
    if facing < np.cos(np.radians(68)):
        return None
    # a distortion polynomial may fold far outside the picture: ask for a true round trip
    back = camera.undistort(uv)
    if np.abs(back - P[:, :2] / P[:, 2:]).max() > 1e-5:
        return None
    return uv


def look(
    room: Room,
    rng: np.random.Generator,
    *,
    shared: int = 12,
    alone: int = 8,
    tilt_deg: tuple[float, float] = (10, 40),
    middle_only: bool = False,
    parallel: bool = False,
    deform: Array | None = None,
) -> list[tuple[Array | None, Array | None]]:
    """Exact corners of ``shared`` + 2 × ``alone`` views (left, right)."""
    points = room.board.points_B()
    if deform is not None:
        points = points + deform
    rig = room.rig
    T_WC = {"left": rig.T_WC("left"), "right": rig.T_WC("right")}
    cameras = {"left": rig.left, "right": rig.right}
    out: list[tuple[Array | None, Array | None]] = []
    for kind, count in (("shared", shared), ("left", alone), ("right", alone)):
        done = 0
        for _ in range(4000):
            if done == count:
                break
            name = kind if kind != "shared" else ("left", "right")[int(rng.integers(2))]
            w, h = cameras[name].size_px
            spread = 0.06 if middle_only else 0.45
            pixel = np.array(
                [w * (0.5 + rng.uniform(-spread, spread)), h * (0.5 + rng.uniform(-spread, spread))]
            )
            ray = cameras[name].rays(pixel)
            near, far = (1.8, 4.5) if kind == "shared" else (0.7, 1.8)
            if middle_only:
                near, far = 2.5, 5.0
            distance = rng.uniform(near, far)
            centre = T_WC[name].apply(ray * distance)
            if parallel:
                T_WB = _board_towards(
                    rng, points, T_WC["left" if kind == "shared" else kind], centre,
                    rng.uniform(*tilt_deg), True,
                )  # fmt: skip
            elif kind == "shared":
                # held so that both cameras see the print: facing half-way between them
                toward = T_WC["left"].t / 2 + T_WC["right"].t / 2
                T_WM = Transform(T_WC[name].R, toward, "W", "C")
                T_WB = _board_towards(rng, points, T_WM, centre, rng.uniform(*tilt_deg))
            else:
                T_WB = _board_towards(rng, points, T_WC[name], centre, rng.uniform(*tilt_deg))
            seen: dict[str, Array | None] = {}
            for c in ("left", "right"):
                T_CB = T_WC[c].inverse() @ T_WB
                seen[c] = see(cameras[c], T_CB, points) if kind in ("shared", c) else None
            if kind == "shared" and (seen["left"] is None or seen["right"] is None):
                continue
            if kind != "shared" and seen[kind] is None:
                continue
            out.append((seen["left"], seen["right"]))
            done += 1
        assert done == count, f"{done} of {count} {kind} views could be placed"
    return out


def place_auxiliary(
    room: Room,
    tape: Tape,
    board: Board | None = None,
    *,
    quarter_turns: int = 0,
    off: Array | None = None,
) -> tuple[Array | None, Array | None]:
    """Exact corners of an auxiliary board that lies where the tape says.

    off : (6,) how it really lies: turned by a rotation vector (radians), shifted (metres).
    """
    off = np.zeros(6) if off is None else off
    board = board or room.board
    points = board.points_B()
    T_AP = Transform(world.R_AP(tape.tilt_deg), np.zeros(3), "A", "P")
    T_WA = Transform(world.R_WA @ rotation_exp(off[:3]), tape.t_WA + off[3:], "W", "A")
    T_WB = T_WA @ T_AP @ world.T_PB(points, quarter_turns)
    out = []
    for c, camera in (("left", room.rig.left), ("right", room.rig.right)):
        P = (room.rig.T_WC(c).inverse() @ T_WB).apply(points)
        uv = camera.project(P) if (P[:, 2] > 0.1).all() else None
        out.append(uv if uv is not None and camera.contains(uv).all() else None)
    return out[0], out[1]


def good_tape(
    room: Room,
    rng: np.random.Generator,
    placement: str = "tilted",
    facing: float = 0.25,
    margin_px: float = 0.0,
) -> Tape:
    """A placement that both cameras can see, found by trying.

    facing : least cosine between the print's normal and the direction to a camera.
    """
    for _ in range(400):
        tape = Tape(
            placement,  # type: ignore[arg-type]
            room.blackboard_m[0] / 2 + rng.uniform(-0.7, 0.7),
            rng.uniform(0.8, 1.7),
            rng.uniform(1.2, 3.2),
            angle_deg=float(rng.uniform(5, 20)) if placement == "tilted" else None,
        )
        left, right = place_auxiliary(room, tape)
        if left is None or right is None or not _faces(room, tape, facing):
            continue
        inside = (
            room.rig.left.contains(left, margin_px).all()
            and room.rig.right.contains(right, margin_px).all()
        )
        if inside:
            return tape
    raise AssertionError("no auxiliary placement is in view of both cameras")


def _faces(room: Room, tape: Tape, facing: float) -> bool:
    """Whether both cameras see the print under a fair angle."""
    normal = world.R_WA @ world.R_AP(tape.tilt_deg) @ np.array([0, 0, 1.0])
    for c in ("left", "right"):
        ray = room.rig.T_WC(c).t - tape.t_WA
        if normal @ ray / np.linalg.norm(ray) < facing:
            return False
    return True


def noisy(uv: Array | None, rng: np.random.Generator, sigma_px: float) -> Array | None:
    """Corners with independent Gaussian noise."""
    return None if uv is None else uv + rng.normal(0, sigma_px, uv.shape)


def make_seen(
    room: Room,
    rng: np.random.Generator,
    *,
    shared: int = 12,
    alone: int = 8,
    sigma_px: float = 0.1,
    placements: tuple[str, ...] = ("flat",),
    tape_error: bool = False,
    apart: bool = True,
    corners: int = 4,
    quarter_turns: int = 0,
    **views: object,
) -> Seen:
    """What a careful user brings home: views, auxiliary pictures, tape.

    corners : how many of the blackboard's corners each lens was measured from (0, 2 or 4).
    """
    exact = look(room, rng, shared=shared, alone=alone, **views)  # type: ignore[arg-type]
    rows = tuple(
        View(f"{i:02d}", noisy(a, rng, sigma_px), noisy(b, rng, sigma_px))
        for i, (a, b) in enumerate(exact)
    )
    auxiliary: list[Auxiliary] = []
    tape_rng = np.random.default_rng(int(1e6 * room.blackboard_m[0]))  # leaves rng as it was
    for placement in placements:
        tape = good_tape(room, rng, placement)
        off = np.zeros(6)
        if tape_error:
            off[:3] = rng.normal(0, np.radians(tape.placement_sigma_deg), 3)
            off[3:] = rng.normal(0, tape.tape_sigma_m, 3)
        left, right = place_auxiliary(room, tape, quarter_turns=quarter_turns, off=off)
        view = View(f"aux{len(auxiliary)}", noisy(left, rng, sigma_px), noisy(right, rng, sigma_px))
        auxiliary.append(Auxiliary(tape, room.board, view))
    return Seen(
        room.board,
        {"left": room.rig.left.size_px, "right": room.rig.right.size_px},
        rows,
        tuple(auxiliary),
        room.blackboard_m,
        room.rig.baseline_m + (rng.normal(0, 0.01) if tape_error else 0.0) if apart else None,
        corners_m=corners_of(room, tape_rng if tape_error else None, corners),
    )


def looked_at(room: Room, rng: np.random.Generator) -> Looked:
    """Where a class of 24 sees the blackboard's middle, to what validate says it is worth."""
    width, height = room.blackboard_m
    sigma = np.array([0.03, 0.04])
    there = np.append([width / 2, height / 2] + rng.normal(0, sigma), 0.0)
    x, y, z = room.rig.T_WC("left").inverse().apply(there).tolist()
    return Looked((width / 2, height / 2), (x, y, z), (0.03, 0.04), 24)


def a_class(
    room: Room, rng: np.random.Generator, *, rows: int = 4, columns: int = 6
) -> tuple[Array, Array]:
    """Noses (N, 3) of W of a class, and its seats (N, 2) as somebody with a tape declares them.

    Desks in rows; each seat is declared to 12 cm, everybody sits to 10 cm and 8 cm high or low; all
    lean 10 ± 10 cm forward, and the plan is begun 7 cm and turned 1° beside the truth.
    """
    width, height = room.blackboard_m
    x = width / 2 + 0.7 * (np.arange(columns) - (columns - 1) / 2)
    z = 2.4 + 1.1 * np.arange(rows)
    seats = np.stack(np.meshgrid(x, z), -1).reshape(-1, 2)
    eyes_y = height - 0.25 + rng.normal(0, 0.15)
    noses = np.insert(seats, 1, eyes_y, 1) + rng.normal(0, [0.1, 0.08, 0.1], (len(seats), 3))
    noses[:, 2] -= rng.normal(0.1, 0.1)
    turn = np.radians(rng.normal(0, 1))
    middle = seats.mean(0)
    plan = middle + (seats - middle) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    plan = plan + rng.normal(0, 0.07, 2) + rng.normal(0, 0.12, plan.shape)
    return rng.permutation(noses), plan


def corners_of(
    room: Room, rng: np.random.Generator | None, n: int = 4
) -> dict[str, tuple[float, ...]]:
    """Tape from each lens to the first n of the blackboard's corners, with noise where asked."""
    if n == 0:
        return {}
    width, height = room.blackboard_m
    corners = np.array([[width, 0, 0], [0, 0, 0], [width, height, 0], [0, height, 0]])[:n]
    out = {}
    for c in ("left", "right"):
        far = np.linalg.norm(room.rig.T_WC(c).t - corners, axis=1)
        if rng is not None:
            sigma = LENS_SIGMA_M + LENS_SIGMA_SHARE * far
            far = np.round(far + rng.normal(0, sigma), 2)  # by tape: centimetres
        out[c] = tuple(float(v) for v in far)
    return out
