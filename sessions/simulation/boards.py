"""Chessboard pictures drawn analytically: the printed pattern pulled through the exact lens, pixel
by pixel, onto a rendered room.

A corner's place in the picture is right to better than 0.02 px (tests/simulation/test_boards.py):
every pixel is the mean of 25 rays, each intersected with the board's plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from calibration.camera import Camera
from calibration.transform import Transform
from sessions.errors import SessionError

MARGIN_SQUARES = (
    1.6  # white paper beyond the outermost inner corner: one square of pattern and 0.6 of rim
)
SUBSAMPLES = 5


def board_centre(inner_corners: tuple[int, int], square_m: float) -> np.ndarray:
    """The middle of the pattern in B."""
    return np.array([-(inner_corners[0] - 1) / 2, -(inner_corners[1] - 1) / 2, 0.0]) * square_m


@dataclass(frozen=True)
class RayTable:
    """Undistorted image coordinates of every pixel of a camera and their derivatives (computed
    once).
    """

    camera: Camera
    xy: np.ndarray  # (H,W,2)
    du: np.ndarray  # (H,W,2) per pixel to the right
    dv: np.ndarray  # (H,W,2) per pixel down

    @classmethod
    def of(cls, camera: Camera) -> RayTable:
        width, height = camera.size_px
        u, v = np.meshgrid(
            np.arange(-1, width + 1, dtype=float), np.arange(-1, height + 1, dtype=float)
        )
        xy = camera.undistort(np.stack([u, v], -1).reshape(-1, 2)).reshape(height + 2, width + 2, 2)
        return cls(
            camera,
            xy[1:-1, 1:-1],
            (xy[1:-1, 2:] - xy[1:-1, :-2]) / 2,
            (xy[2:, 1:-1] - xy[:-2, 1:-1]) / 2,
        )


def draw_board(
    background: np.ndarray,
    rays: RayTable,
    T_CB: Transform,
    inner_corners: tuple[int, int],
    square_m: float,
    white: float = 205.0,
    black: float = 28.0,
    blur_px: float = 0.8,
) -> np.ndarray:
    """The picture (H,W,3) float32 with a printed chessboard at ``T_CB`` drawn over it, softened by
    the lens (Gaussian, ``blur_px``).
    """
    nx, ny = inner_corners
    m = MARGIN_SQUARES
    outline = np.array(
        [[m, m], [-(nx - 1) - m, m], [-(nx - 1) - m, -(ny - 1) - m], [m, -(ny - 1) - m]]
    )
    dense = (
        np.concatenate([np.linspace(outline[k], outline[(k + 1) % 4], 12) for k in range(4)])
        * square_m
    )
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
    H = np.linalg.inv(
        np.stack([T_CB.R[:, 0], T_CB.R[:, 1], T_CB.t], 1)
    )  # image plane → board plane
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


@dataclass(frozen=True)
class _Held:
    """N ways of holding the board: rotations R_WB (N,3,3), middles of the pattern in W (N,3)."""

    R_WB: np.ndarray
    centre_W: np.ndarray

    def take(self, rows: np.ndarray) -> _Held:
        return _Held(self.R_WB[rows], self.centre_W[rows])


def _held_towards(
    to_W: np.ndarray,
    centre_W: np.ndarray,
    tilt_deg: float,
    roll_deg: float,
    rng: np.random.Generator,
) -> _Held:
    """Boards at ``centre_W`` (N,3), upright, printed side to ``to_W``, then tilted and rolled."""
    n = len(centre_W)
    z = to_W - centre_W
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    x = np.cross([0, -1.0, 0], z)  # up × normal
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    upright = np.stack([x, np.cross(z, x), z], 2)
    about = rng.uniform(0, 2 * np.pi, n)
    angle = np.radians(tilt_deg) * np.sqrt(rng.uniform(0.15, 1, n))
    axis = np.stack([np.cos(about), np.sin(about), np.zeros(n)], 1)
    tilt = Rotation.from_rotvec(angle[:, None] * axis).as_matrix()
    roll = np.radians(rng.uniform(-roll_deg, roll_deg, n))[:, None] * [0, 0, 1.0]
    return _Held(upright @ tilt @ Rotation.from_rotvec(roll).as_matrix(), centre_W)


def _seen_whole(
    held: _Held,
    camera: Camera,
    T_WC: Transform,
    inner: tuple[int, int],
    square_m: float,
    facing: float,
) -> np.ndarray:
    """(N,) whether the paper lies inside the picture and faces the camera (cosine ≥ facing)."""
    nx, ny = inner
    m = MARGIN_SQUARES
    paper = np.array(
        [[m, m, 0], [1 - nx - m, m, 0], [1 - nx - m, 1 - ny - m, 0], [m, 1 - ny - m, 0]]
    )
    paper = paper * square_m - board_centre(inner, square_m)
    world = np.einsum("nij,pj->npi", held.R_WB, paper) + held.centre_W[:, None]
    P_C = T_WC.inverse().apply(world)
    # past a certain angle the distortion polynomial folds back into the picture: keep well inside
    furthest = 0.95 if camera.model == "pinhole" else 0.98 * camera.lens.widest
    with np.errstate(divide="ignore", invalid="ignore"):
        off_axis = np.hypot(P_C[..., 0], P_C[..., 1]) / P_C[..., 2]
    good = (P_C[..., 2] > 0.3).all(1) & (off_axis < furthest).all(1)
    to_camera = T_WC.t - held.centre_W
    to_camera /= np.linalg.norm(to_camera, axis=1, keepdims=True)
    good &= (held.R_WB[:, :, 2] * to_camera).sum(1) >= facing
    good[good] = camera.contains(camera.project(P_C[good]), 6).all(1)
    return np.asarray(good)


def _spread(features: np.ndarray, count: int) -> np.ndarray:
    """``count`` rows of ``features`` (N,F) far from each other: farthest-point sampling."""
    chosen = [0]
    distance = np.linalg.norm(features - features[0], axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen)


def view_poses(
    cameras: dict[str, Camera],
    T_WC: dict[str, Transform],
    inner: tuple[int, int],
    square_m: float,
    shared: int,
    alone: int,
    floor_y: float,
    rng: np.random.Generator,
) -> dict[str, list[tuple[str, Transform]]]:
    """Where the chessboard is held: per camera a list of (file stem, T_WB).

    Stems that both lists have were taken together. Shared views spread over the common volume at
    many tilts and distances; the others push the board into each picture's corners and edges.

    Raises
    ------
    SessionError : the two cameras share too little of the room.
    """
    middle = (T_WC["left"].t + T_WC["right"].t) / 2
    centre_B = board_centre(inner, square_m)
    out: dict[str, list[tuple[str, Transform]]] = {c: [] for c in cameras}

    def pose(held: _Held, k: int) -> Transform:
        return Transform(held.R_WB[k], held.centre_W[k] - held.R_WB[k] @ centre_B, "W", "B")

    pools = []
    for _ in range(40):
        centres = []
        for name, camera in cameras.items():
            size = np.array(camera.size_px)
            rays = camera.rays(rng.uniform(0.05, 0.95, (1000, 2)) * size)
            centres.append(T_WC[name].apply(rays * rng.uniform(1.5, 4.2, (1000, 1))))
        centre = np.concatenate(centres)
        centre = centre[(centre[:, 1] < floor_y - 0.25) & (centre[:, 2] > 0.4)]
        held = _held_towards(middle, centre, 30, 25, rng)
        good = np.ones(len(centre), bool)
        for name, camera in cameras.items():
            good &= _seen_whole(held, camera, T_WC[name], inner, square_m, 0.55)
        pools.append(held.take(np.flatnonzero(good)))
        if sum(len(p.centre_W) for p in pools) >= 20 * shared:
            break
    pool = _Held(*(np.concatenate([getattr(p, f) for p in pools]) for f in ("R_WB", "centre_W")))
    if len(pool.centre_W) < shared:
        raise SessionError(
            "the two cameras share too little of the room for a chessboard to be seen by both",
            found=f"{len(pool.centre_W)} places for {shared} views",
            remedy="Choose another placement or a shorter lens.",
        )
    places = [
        c.project(T_WC[n].inverse().apply(pool.centre_W)) / c.size_px[0] for n, c in cameras.items()
    ]
    features = np.concatenate([*places, 0.5 * pool.R_WB[:, :, 2]], 1)
    for number, k in enumerate(_spread(features, shared), start=1):
        for name in cameras:
            out[name].append((f"{number:02d}", pose(pool, int(k))))
    spots = [(0.14, 0.16), (0.86, 0.16), (0.86, 0.84), (0.14, 0.84)]  # corners first, then edges
    spots += [(0.5, 0.2), (0.5, 0.8), (0.18, 0.5), (0.82, 0.5)]
    for name, camera in cameras.items():
        size = np.array(camera.size_px)
        for number in range(alone):
            spot = np.array(spots[number % len(spots)])
            uv = np.clip(spot + rng.normal(0, 0.05, (600, 2)), 0.02, 0.98)
            centre = T_WC[name].apply(camera.rays(uv * size) * rng.uniform(0.9, 2.4, (600, 1)))
            held = _held_towards(T_WC[name].t, centre, 38, 30, rng)
            good = np.flatnonzero(_seen_whole(held, camera, T_WC[name], inner, square_m, 0.55))
            if len(good):
                k = int(good[np.linalg.norm(uv[good] - spot, axis=1).argmin()])
                out[name].append((f"{name}-{number + 1:02d}", pose(held, k)))
    return out
