"""Chessboard pictures drawn analytically: the printed pattern pulled through the exact lens, pixel by pixel, onto a rendered room.

A corner's place in the picture is right to better than 0.02 px (tests/simulation/test_boards.py): every pixel is the mean of 25 rays,
each intersected with the board's plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.camera import Camera
from calibration.transform import Transform

MARGIN_SQUARES = 1.6  # white paper beyond the outermost inner corner: one square of pattern and 0.6 of rim
SUBSAMPLES = 5


def board_points(inner_corners: tuple[int, int], square_m: float) -> np.ndarray:
    """Inner corners (M,3) in the board's frame B (X to its right, Y up, Z out of the print), first = upper right, then leftwards."""
    nx, ny = inner_corners
    grid = np.stack([g.ravel() for g in np.meshgrid(-np.arange(nx), -np.arange(ny))], 1)
    return np.concatenate([grid * square_m, np.zeros((len(grid), 1))], 1).astype(float)


def board_centre(inner_corners: tuple[int, int], square_m: float) -> np.ndarray:
    """The middle of the pattern in B."""
    return np.array([-(inner_corners[0] - 1) / 2, -(inner_corners[1] - 1) / 2, 0.0]) * square_m


@dataclass(frozen=True)
class RayTable:
    """Undistorted image coordinates of every pixel of a camera and their derivatives (computed once)."""

    camera: Camera
    xy: np.ndarray  # (H,W,2)
    du: np.ndarray  # (H,W,2) per pixel to the right
    dv: np.ndarray  # (H,W,2) per pixel down

    @classmethod
    def of(cls, camera: Camera) -> RayTable:
        width, height = camera.size_px
        u, v = np.meshgrid(np.arange(-1, width + 1, dtype=float), np.arange(-1, height + 1, dtype=float))
        xy = camera.undistort(np.stack([u, v], -1).reshape(-1, 2)).reshape(height + 2, width + 2, 2)
        return cls(camera, xy[1:-1, 1:-1], (xy[1:-1, 2:] - xy[1:-1, :-2]) / 2, (xy[2:, 1:-1] - xy[:-2, 1:-1]) / 2)


def draw_board(
    background: np.ndarray, rays: RayTable, T_CB: Transform, inner_corners: tuple[int, int], square_m: float,
    white: float = 205.0, black: float = 28.0, blur_px: float = 0.8,
) -> np.ndarray:
    """The picture (H,W,3) float32 with a printed chessboard at ``T_CB`` drawn over it, softened by the lens (Gaussian, ``blur_px``)."""
    nx, ny = inner_corners
    m = MARGIN_SQUARES
    outline = np.array([[m, m], [-(nx - 1) - m, m], [-(nx - 1) - m, -(ny - 1) - m], [m, -(ny - 1) - m]])
    dense = np.concatenate([np.linspace(outline[k], outline[(k + 1) % 4], 12) for k in range(4)]) * square_m
    in_camera = T_CB.apply(np.concatenate([dense, np.zeros((len(dense), 1))], 1))
    uv = rays.camera.project(in_camera)
    height, width = background.shape[:2]
    pad = int(4 * blur_px + 4)
    if not np.isfinite(uv).all():
        raise ValueError("the board is partly behind the camera")
    u0, v0 = np.maximum(np.floor(uv.min(0)).astype(int) - pad, 0)
    u1, v1 = np.minimum(np.ceil(uv.max(0)).astype(int) + pad + 1, [width, height])
    if u1 <= u0 or v1 <= v0:
        return background
    window = (slice(v0, v1), slice(u0, u1))
    xy, du, dv = rays.xy[window], rays.du[window], rays.dv[window]
    H = np.linalg.inv(np.stack([T_CB.R[:, 0], T_CB.R[:, 1], T_CB.t], 1))  # image plane → board plane
    cover = np.zeros(xy.shape[:2])
    ink = np.zeros(xy.shape[:2])
    offsets = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    for a in offsets:
        for b in offsets:
            p = xy + a * du + b * dv
            w = H[2, 0] * p[..., 0] + H[2, 1] * p[..., 1] + H[2, 2]
            x = (H[0, 0] * p[..., 0] + H[0, 1] * p[..., 1] + H[0, 2]) / (w * square_m)
            y = (H[1, 0] * p[..., 0] + H[1, 1] * p[..., 1] + H[1, 2]) / (w * square_m)
            on_paper = (x <= m) & (x >= -(nx - 1) - m) & (y <= m) & (y >= -(ny - 1) - m) & (w > 0)
            printed = (x <= 1) & (x >= -nx) & (y <= 1) & (y >= -ny)
            cover += on_paper
            ink += printed & ((np.floor(x) + np.floor(y)) % 2 == 0)
    n = SUBSAMPLES**2
    normal, to_camera = T_CB.R[:, 2], -T_CB.t / np.linalg.norm(T_CB.t)
    shade = 0.62 + 0.38 * max(0.0, float(normal @ to_camera))
    paper = shade * (white * (cover - ink) + black * ink) / n
    alpha = (cover / n)[..., None]
    out = background.astype(np.float32).copy()
    patch = out[window] * (1 - alpha) + paper[..., None]
    out[window] = cv2.GaussianBlur(patch.astype(np.float32), (0, 0), blur_px) if blur_px else patch
    return out


def _tilted(normal: np.ndarray, up: np.ndarray, rng: np.random.Generator, tilt_deg: float, roll_deg: float) -> np.ndarray:
    """A board rotation whose Z is ``normal`` turned by up to ``tilt_deg``, its Y near ``up``, then rolled."""
    from scipy.spatial.transform import Rotation

    z = normal / np.linalg.norm(normal)
    x = np.cross(up, z)
    x /= np.linalg.norm(x)
    R = np.stack([x, np.cross(z, x), z], 1)
    angle = np.radians(tilt_deg) * np.sqrt(rng.uniform(0.15, 1))
    about = rng.uniform(0, 2 * np.pi)
    tilt = Rotation.from_rotvec(angle * np.array([np.cos(about), np.sin(about), 0])).as_matrix()
    roll = Rotation.from_rotvec([0, 0, np.radians(rng.uniform(-roll_deg, roll_deg))]).as_matrix()
    return R @ tilt @ roll


def _whole_board_seen(camera: Camera, T_CW: Transform, R_WB: np.ndarray, centre_W: np.ndarray, inner: tuple[int, int], square: float, facing: float) -> bool:
    """Whether the paper lies inside the picture and faces the camera (cosine ≥ ``facing``)."""
    nx, ny = inner
    m = MARGIN_SQUARES
    corners = np.array([[m, m, 0], [-(nx - 1) - m, m, 0], [-(nx - 1) - m, -(ny - 1) - m, 0], [m, -(ny - 1) - m, 0]]) * square
    world = (corners - board_centre(inner, square)) @ R_WB.T + centre_W
    in_camera = T_CW.apply(world)
    if (in_camera[:, 2] < 0.3).any() or (np.hypot(in_camera[:, 0], in_camera[:, 1]) / in_camera[:, 2] > 0.95).any():
        return False
    to_camera = T_CW.inverse().t - centre_W
    if R_WB[:, 2] @ to_camera / np.linalg.norm(to_camera) < facing:
        return False
    return bool(camera.contains(camera.project(in_camera), 6).all())


def view_poses(
    cameras: dict[str, Camera], poses: dict[str, Transform], inner: tuple[int, int], square: float, shared: int, alone: int,
    floor_y: float, rng: np.random.Generator,
) -> dict[str, list[tuple[str, Transform]]]:
    """Where the chessboard is held: per camera a list of (file stem, T_WB). Stems in both lists were taken together.

    Shared views spread over the common volume at many tilts and distances; the others push the board into each picture's corners.
    """
    inverse = {c: T.inverse() for c, T in poses.items()}
    middle = (poses["left"].t + poses["right"].t) / 2
    up = np.array([0, -1.0, 0])
    centre_B = board_centre(inner, square)
    out: dict[str, list[tuple[str, Transform]]] = {c: [] for c in cameras}
    chosen: list[np.ndarray] = []

    def pose(R: np.ndarray, centre: np.ndarray) -> Transform:
        return Transform(R, centre - R @ centre_B, "W", "B")

    # points seen by both: rays of the two cameras' axes meet somewhere in the class
    tries = 0
    while len(chosen) < shared:
        best = None
        for _ in range(25):
            tries += 1
            if tries > 60000:
                raise ValueError("the two cameras share too little of the room for a chessboard to be seen by both")
            side = ("left", "right")[int(rng.integers(2))]
            width, height = cameras[side].size_px
            uv = rng.uniform([0.06 * width, 0.06 * height], [0.94 * width, 0.94 * height])
            centre = poses[side].apply(cameras[side].rays(uv) * rng.uniform(1.5, 4.2))
            if centre[1] > floor_y - 0.25 or centre[2] < 0.4:
                continue
            R = _tilted(middle - centre, up, rng, 30, 25)
            if all(_whole_board_seen(cameras[c], inverse[c], R, centre, inner, square, 0.55) for c in cameras):
                feature = np.concatenate([np.concatenate([cameras[c].project(inverse[c].apply(centre)) / width for c in cameras]), R[:, 2] * 0.5])
                distance = min([np.linalg.norm(feature - f) for f in chosen], default=1.0)
                if best is None or distance > best[0]:
                    best = (distance, R, centre, feature)
        if best is None:
            continue
        chosen.append(best[3])
        for c in cameras:
            out[c].append((f"{len(chosen):02d}", pose(best[1], best[2])))
    spots = np.array([[0.14, 0.16], [0.86, 0.16], [0.86, 0.84], [0.14, 0.84], [0.5, 0.2], [0.5, 0.8], [0.18, 0.5], [0.82, 0.5]])
    for c, camera in cameras.items():
        for k in range(alone):
            best = None
            for _ in range(4000):
                spread = np.array([camera.size_px[0], camera.size_px[1]])
                uv = (spots[k % len(spots)] + rng.normal(0, 0.05, 2)) * spread
                if not camera.contains(uv).all():
                    continue
                centre = poses[c].apply(camera.rays(uv) * rng.uniform(0.9, 1.9))
                R = _tilted(poses[c].t - centre, up, rng, 38, 30)
                if _whole_board_seen(camera, inverse[c], R, centre, inner, square, 0.55):
                    distance = float(np.linalg.norm(uv / spread - spots[k % len(spots)]))
                    if best is None or distance < best[0]:
                        best = (distance, R, centre)
                    if distance < 0.06:
                        break
            if best is not None:
                out[c].append((f"{c}-{k + 1:02d}", pose(best[1], best[2])))
    return out
