"""A board filmed instead of photographed, hidden in part, or shown by a screen.

    python tests/benchmarks/calibration_boards.py [--poses 14 --rooms 3]

*The same movement*: a simulated room (tests/calibration/rigs.py, pictures of 1280 × 720); the board
is held at each pose for 0.6 s and carried on for 0.4 s. Photographed at each pose (JPEG), or filmed
by both cameras at 10 frames/s (H.264), the right one 40 ms later, the rows of a picture read within
25 ms, each exposed for 10 ms (what moves is smeared). *Leaned*: it stands still while it is held;
*in the hand*: it sways (4 mm, 0.2°, once a second). *Off*: relative pose against the truth.

*How a board is shown*: four pictures each of one board 0.6 m away, turned at random; corners found
against the truth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from calibration.calibrate import solve  # noqa: E402
from calibration.camera import CAMERAS, Camera  # noqa: E402
from calibration.corners.boards import Board  # noqa: E402
from calibration.corners.detect import find_corners  # noqa: E402
from calibration.corners.folder import read_folder  # noqa: E402
from calibration.errors import CalibrationError  # noqa: E402
from calibration.inputs import Seen  # noqa: E402
from calibration.transform import Array, Transform, geodesic_deg, rotation_exp, rotation_log  # noqa: E402
from tests.calibration import rigs  # noqa: E402
from tests.calibration.drawing import draw_board, write  # noqa: E402
from tests.sessions.video import films  # noqa: E402

SIZE = (1280, 720)
FPS, HELD, CARRIED = 10, 6, 4
LATE_S, READ_S, EXPOSED_S = 0.04, 0.025, 0.01
SWAY_M, SWAY_DEG = 0.004, 0.2


def poses_of(room: rigs.Room, rng: np.random.Generator, n: int) -> list[Transform]:
    """T_WB of boards that both cameras see, and of some that fill one camera's picture."""
    alone = max(n // 3, 4)
    views = rigs.look(room, rng, shared=n - alone, alone=alone // 2)
    points, out = room.board.points_B(), []
    for left, right in views:
        name, uv = ("left", left) if left is not None else ("right", right)
        camera = room.rig.camera(name)
        _, r, t = cv2.solvePnP(points, camera.undistort(uv), np.eye(3), None)
        R, _ = cv2.Rodrigues(r)
        T_WC = room.rig.T_WC(name)
        out.append(Transform(T_WC.R @ R, T_WC.apply(t.ravel()), "W", "B"))
    return out


def at(poses: list[Transform], time_s: float, sway: bool) -> Transform:
    """T_WB at a time: held at a pose, carried to the next, swaying in the hand."""
    k, phase = divmod(time_s * FPS / (HELD + CARRIED), 1.0)
    here, there = (poses[min(int(k) + j, len(poses) - 1)] for j in (0, 1))
    share = np.clip((phase * (HELD + CARRIED) - HELD + 1) / CARRIED, 0, 1)
    turn = rotation_exp(share * rotation_log(here.R.T @ there.R))
    R, t = here.R @ turn, (1 - share) * here.t + share * there.t
    if sway:
        s = np.sin(2 * np.pi * time_s + np.array([0.0, 1.0, 2.0]))
        R, t = R @ rotation_exp(np.radians(SWAY_DEG) * s), t + SWAY_M * s[::-1]
    return Transform(R, t, "W", "B")


def shown(
    room: rigs.Room, name: str, T_WB: Transform, rng: np.random.Generator, noise: float = 2.0
) -> Array:
    """A camera's picture of the board, whole or not at all."""
    T_CW = room.rig.T_WC(name).inverse()
    T_CB = Transform(T_CW.R @ T_WB.R, T_CW.apply(T_WB.t), "C", "B")
    uv = rigs.see(room.rig.camera(name), T_CB, room.board.points_B(), 30.0)
    T = None if uv is None else T_CB
    return draw_board(room.rig.camera(name), T, room.board, rng=rng, noise=noise, samples=2)


def rolled(picture: Array, speed_px_s: Array) -> Array:
    """The picture as rows that are read one after the other show it."""
    h, w = picture.shape
    late_s = (np.arange(h, dtype=np.float32) / h - 0.5)[:, None] * READ_S
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    map_x, map_y = (np.float32(v - s * late_s) for v, s in ((x, speed_px_s[0]), (y, speed_px_s[1])))
    return cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def smeared(picture: Array, speed_px_s: Array) -> Array:
    """The picture as what moves smears it while it is exposed."""
    steps = np.linspace(-0.5, 0.5, 9)[:, None] * EXPOSED_S * speed_px_s
    reach = int(np.ceil(np.abs(steps).max()))
    kernel = np.zeros((2 * reach + 3, 2 * reach + 3), np.float32)
    for x, y in steps + reach:
        i, j = int(y), int(x)
        a, b = y - i, x - j
        kernel[i : i + 2, j : j + 2] += np.outer([1 - a, a], [1 - b, b]) / len(steps)
    return cv2.filter2D(picture, -1, kernel, anchor=(reach, reach), borderType=cv2.BORDER_REPLICATE)


def film(
    folder: Path, room: rigs.Room, poses: list[Transform], sway: bool, rng: np.random.Generator
) -> None:
    """Both cameras' calibration videos."""
    for name, late in zip(CAMERAS, (0.0, LATE_S), strict=True):
        camera, T_CW = room.rig.camera(name), room.rig.T_WC(name).inverse()

        def draw(n: int, name=name, late=late, camera=camera, T_CW=T_CW) -> Array:
            time_s = n / FPS + late
            T = at(poses, time_s, sway)
            picture = shown(room, name, T, rng, noise=0.0)
            ends = [T_CW.apply(at(poses, time_s + d, sway).t) for d in (-0.01, 0.01)]
            speed = np.nan_to_num(np.diff(camera.project(np.array(ends)), axis=0)[0] / 0.02)
            moving = smeared(rolled(picture, speed), speed).astype(np.float64)
            moving += rng.normal(0, 2.0, moving.shape)
            grey = np.clip(np.round(moving), 0, 255).astype(np.uint8)
            return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)

        (folder / name).mkdir(parents=True)
        frames = len(poses) * (HELD + CARRIED)
        films.write(
            folder / name / "film.mp4", rate=Fraction(FPS), numbers=range(frames), draw=draw,
            options={"preset": "veryfast", "crf": "20"},
        )  # fmt: skip


def photograph(
    folder: Path, room: rigs.Room, poses: list[Transform], rng: np.random.Generator
) -> None:
    """One picture of each pose and camera."""
    for k, T in enumerate(poses):
        for name in CAMERAS:
            write(folder / name / f"{k:02d}.jpg", shown(room, name, T, rng))


def row(says: str, folder: Path, room: rigs.Room) -> None:
    """Calibrate a folder and print its row."""
    read = read_folder(folder, room.board, offset_s=-LATE_S)
    rig = solve(Seen(room.board, read.sizes, read.views), models=(4,))
    p = rig.quality.pair
    assert p is not None and p.holdout_px is not None
    off_deg = float(geodesic_deg(rig.T_RL.R, room.rig.T_RL.R))
    off_mm = 1000 * float(np.linalg.norm(rig.T_RL.t - room.rig.T_RL.t))
    codes = ", ".join(c.code for c in rig.verdict.causes if c.severity != "PASS") or "–"
    sheared = 0.0 if p.noise is None else p.noise.rows_px
    print(
        f"| {says} | {p.views} | {p.rms_px:.3f} | {p.holdout_px:.3f} | {sheared:.2f} "
        f"| {p.rotation_sigma_deg:.3f} | {off_deg:.3f} | {off_mm:.1f} | {codes} |",
        flush=True,
    )


def filmed_rows(seed: int, number: int) -> None:
    """Print the rows of one room: photographed, filmed leaned, filmed in the hand."""
    rng = np.random.default_rng(seed)
    room = rigs.random_room(rng, angle_deg=60, size_px=SIZE)
    poses = poses_of(room, rng, number)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photograph(folder / "pictures", room, poses, rng)
        row("pictures", folder / "pictures", room)
        for says, sway in (("video, leaned", False), ("video, in the hand", True)):
            film(folder / says, room, poses, sway, rng)
            try:
                row(says, folder / says, room)
            except CalibrationError as error:
                print(f"| {says} | {error} |", flush=True)


# -- how a board is shown --------------------------------------------------------------------------
CAMERA = Camera(
    np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]]), np.zeros(4), (1280, 720), "left"
)
PAPER = Board("chessboard", (9, 6), 0.03)
CHARUCO = Board("charuco", (9, 6), 0.03)


def drawn(board: Board, T: Transform, margin: int, rng: np.random.Generator) -> Array:
    """A board by a homography from a flat print; a square's margin as bright as ``margin``."""
    nx, ny = board.inner_corners
    k = 60  # pixels of the flat print per square
    if board.kind == "charuco":
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
        pattern = cv2.aruco.CharucoBoard((nx + 1, ny + 1), 1.0, 0.75, dictionary)
        flat = pattern.generateImage(((nx + 1) * k, (ny + 1) * k))
    else:
        i, j = np.meshgrid(np.arange(nx + 1), np.arange(ny + 1))
        flat = np.kron(np.where((i + j) % 2 == 0, 20, 235), np.ones((k, k))).astype(np.uint8)
    flat = cv2.copyMakeBorder(flat, k, k, k, k, cv2.BORDER_CONSTANT, value=margin)
    ends = np.array([[-2, -2, 0], [nx + 1, -2, 0], [nx + 1, ny + 1, 0], [-2, ny + 1, 0]])
    uv = CAMERA.project(T.apply(ends * board.square_m)).astype(np.float32)
    h, w = flat.shape
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32) - 0.5
    H = cv2.getPerspectiveTransform(corners, uv)
    flat = cv2.GaussianBlur(flat, (0, 0), 1.0)  # about 0.7 px of the picture: no aliasing
    out = np.full((720, 1280), 105, np.uint8)
    cv2.warpPerspective(flat, H, (1280, 720), out, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    return np.asarray(out + rng.normal(0, 2, out.shape))


def moire(picture: Array, rng: np.random.Generator) -> Array:
    """Bands where the screen's pixels and the camera's beat against each other: ± 20 %."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    a, period = rng.uniform(0, np.pi), rng.uniform(5, 25)
    wave = np.sin(2 * np.pi * (np.cos(a) * x + np.sin(a) * y) / period)
    return picture * (1 + 0.2 * wave)


def glare(picture: Array, rng: np.random.Generator) -> Array:
    """A lamp's reflection that saturates a fifth of the board."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    u, v = 640 + rng.uniform(-80, 80), 360 + rng.uniform(-60, 60)
    return picture + 260 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * 45**2))


def hidden(share: float) -> Callable[[Array, np.random.Generator], Array]:
    """An arm before the board's left part."""

    def cover(picture: Array, rng: np.random.Generator) -> Array:
        out = picture.copy()
        out[:, : int(640 - 200 + 400 * share)] = 90
        return out

    return cover


SHOWN: dict[str, tuple[Board, int, Callable[[Array, np.random.Generator], Array]]] = {
    "paper": (PAPER, 235, lambda p, rng: p),
    "paper, a fifth behind an arm": (PAPER, 235, hidden(0.2)),
    "paper, glossy, under a lamp": (PAPER, 235, glare),
    "ChArUco": (CHARUCO, 235, lambda p, rng: p),
    "ChArUco, a fifth behind an arm": (CHARUCO, 235, hidden(0.2)),
    "ChArUco, half behind an arm": (CHARUCO, 235, hidden(0.5)),
    "ChArUco, glossy, under a lamp": (CHARUCO, 235, glare),
    "screen, white round the board": (PAPER, 235, moire),
    "screen, black bezel at the board": (PAPER, 8, moire),
    "screen, black bezel, a lamp in it": (PAPER, 8, lambda p, rng: glare(moire(p, rng), rng)),
    "ChArUco on a screen, black bezel": (CHARUCO, 8, moire),
}


def shown_row(says: str) -> None:
    """Print how well one kind of board is found."""
    board, margin, spoil = SHOWN[says]
    rng = np.random.default_rng(5)
    share, errors, found = [], [], 0
    for _ in range(4):
        R = rotation_exp(np.radians(rng.uniform([-25, -30, -12], [25, 30, 12])))
        T = Transform(R, np.array([0, 0, 0.6]) - R @ board.points_B().mean(0), "C", "B")
        picture = spoil(drawn(board, T, margin, rng), rng)
        got = find_corners(np.clip(np.round(picture), 0, 255).astype(np.uint8), board).corners_px
        if got is None:
            continue
        off = np.linalg.norm(got - CAMERA.project(T.apply(board.points_B())), axis=1)
        seen = np.isfinite(off)
        found += 1
        share.append(seen.mean())
        errors.append(off[seen])
    if not found:
        print(f"| {says} | 0 of 4 | – | – | – |", flush=True)
        return
    off = np.concatenate(errors)
    print(
        f"| {says} | {found} of 4 | {100 * np.mean(share):.0f} % | {np.sqrt((off**2).mean()):.3f} "
        f"| {off.max():.2f} |",
        flush=True,
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=14)
    parser.add_argument("--rooms", type=int, default=1)
    options = parser.parse_args()
    print(
        "| the same movement | shared views | rms, px | hold-out, px | shear by rows, px "
        "| σ, ° | off, ° | off, mm | verdict's causes |\n|---|---|---|---|---|---|---|---|---|"
    )
    for seed in range(3, 3 + options.rooms):
        filmed_rows(seed, options.poses)
    print("\n| how it is shown | found | corners | rms, px | largest, px |\n|---|---|---|---|---|")
    for says in SHOWN:
        shown_row(says)


if __name__ == "__main__":
    main()
