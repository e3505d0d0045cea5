"""Pictures of a chessboard as a distorted camera sees it, drawn ray by ray (no renderer)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.corners.boards import Board
from calibration.transform import Transform


def draw_board(
    camera: Camera,
    T_CB: Transform | None,
    board: Board,
    *,
    rng: np.random.Generator,
    noise: float = 2.0,
    blur_px: float = 0.7,
    samples: int = 3,
) -> NDArray[np.uint8]:
    """(h, w) grey picture: a board with white margin before a grey wall, blurred and noisy.

    Each pixel is the mean of ``samples``² rays; the first square enclosed by inner corners is dark.
    """
    w, h = camera.size_px
    picture = np.full((h, w), 105.0)
    picture += np.linspace(-15, 15, w)[None] + np.linspace(10, -10, h)[:, None]
    if T_CB is not None:
        nx, ny = board.inner_corners
        s = board.square_m
        edge = np.array([[-2, -2], [nx + 1, -2], [nx + 1, ny + 1], [-2, ny + 1.0]]) * s
        outline = np.concatenate(
            [np.linspace(a, b, 12) for a, b in zip(edge, np.roll(edge, -1, 0), strict=True)]
        )
        uv = camera.project(T_CB.apply(np.pad(outline, ((0, 0), (0, 1)))))
        low = np.clip(np.floor(np.nanmin(uv, 0)).astype(int) - 2, 0, [w - 1, h - 1])
        high = np.clip(np.ceil(np.nanmax(uv, 0)).astype(int) + 3, 1, [w, h])
        k = samples
        x = low[0] - 0.5 + (np.arange((high[0] - low[0]) * k) + 0.5) / k
        y = low[1] - 0.5 + (np.arange((high[1] - low[1]) * k) + 0.5) / k
        grid = np.stack(np.meshgrid(x, y), -1)
        # undistort on a coarse grid of pixels, then interpolate: exact to 1e-3 px
        step = 8
        gx = np.unique(np.append(np.arange(0, len(x), step * k), len(x) - 1))
        gy = np.unique(np.append(np.arange(0, len(y), step * k), len(y) - 1))
        coarse = camera.undistort(grid[np.ix_(gy, gx)])
        mx = np.interp(np.arange(len(x)), gx, np.arange(len(gx))).astype(np.float32)
        my = np.interp(np.arange(len(y)), gy, np.arange(len(gy))).astype(np.float32)
        mapx, mapy = np.meshgrid(mx, my)
        xy = np.stack(
            [
                cv2.remap(coarse[..., i].astype(np.float32), mapx, mapy, cv2.INTER_LINEAR)
                for i in (0, 1)
            ],
            -1,
        ).astype(np.float64)
        d = np.concatenate([xy, np.ones((*xy.shape[:2], 1))], -1)
        n = T_CB.R[:, 2]
        depth = (n @ T_CB.t) / (d @ n)
        B = (d * depth[..., None] - T_CB.t) @ T_CB.R / s
        i, j = np.floor(B[..., 0]).astype(int), np.floor(B[..., 1]).astype(int)
        on_squares = (i >= -1) & (i <= nx - 1) & (j >= -1) & (j <= ny - 1) & (depth > 0)
        on_margin = (
            (B[..., 0] >= -2) & (B[..., 0] <= nx + 1) & (B[..., 1] >= -2) & (B[..., 1] <= ny + 1)
            & (depth > 0)
        )  # fmt: skip
        dark = on_squares & ((i + j) % 2 == 0)
        value = np.where(dark, 35.0, 215.0)
        area = (high[1] - low[1], k, high[0] - low[0], k)
        share = on_margin.reshape(area).mean((1, 3))
        mean = np.where(on_margin, value, 0.0).reshape(area).mean((1, 3))
        part = picture[low[1] : high[1], low[0] : high[0]]
        part *= 1 - share
        part += mean
    picture = cv2.GaussianBlur(picture, (0, 0), blur_px) if blur_px > 0 else picture
    picture += rng.normal(0, noise, picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def write(path: Path, picture: NDArray[np.uint8]) -> None:
    """A picture file, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
