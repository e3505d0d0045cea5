"""The one crop rule, for training, evaluation and deployment.

A crop is a **square**, centred on the tight box of the 68 landmarks (no forehead, no ears), whose
side is ``CROP_SCALE`` times the box's longer side.  The aspect ratio is kept, the picture is never
stretched, and beyond its border the last pixel is repeated.

Pixel convention (OpenCV's): pixel centres lie at integer coordinates, x right, y down.  A point
``p`` of the picture has the crop fraction ``f = (p - corner) / side`` in [0, 1], so crop pixel
``u`` of ``px`` covers the fractions ``u/px ... (u+1)/px``.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from headpose.errors import CropError

CROP_SCALE = 1.3
"""Side of the crop / longer side of the tight 68-point box.

1.3 keeps chin and brows inside under +-10 % of box error and spends three quarters of the pixels on
the face; the yardstick network and opentrack (1.1-1.5 all within 0.25 deg) use it as well.
"""


def box_of_points(points_px: ArrayLike) -> NDArray[np.float64]:
    """Tight boxes (..., 4) = x0, y0, x1, y1 of landmarks (..., P, 2)."""
    p = np.asarray(points_px, np.float64)
    return np.concatenate([p.min(-2), p.max(-2)], -1)


def square_of_box(box_px: ArrayLike, scale: float = CROP_SCALE) -> NDArray[np.float64]:
    """Crop squares (..., 3) = corner x, corner y, side, in px, of boxes (..., 4).

    Raises
    ------
    CropError
        A box that is empty, inverted or not finite.
    """
    b = np.asarray(box_px, np.float64)
    if b.shape[-1:] != (4,):
        raise CropError(f"boxes must be (..., 4) = x0, y0, x1, y1 in px; got shape {b.shape}")
    side = np.maximum(b[..., 2] - b[..., 0], b[..., 3] - b[..., 1]) * scale
    if not np.isfinite(b).all() or (b[..., 2:] <= b[..., :2]).any():
        raise CropError(
            f"boxes must be finite with x1 > x0 and y1 > y0; got {b.reshape(-1, 4)[:3]}"
        )
    centre = (b[..., :2] + b[..., 2:]) / 2
    return np.concatenate([centre - side[..., None] / 2, side[..., None]], -1)


def crop_matrix(square: ArrayLike, px: int) -> NDArray[np.float64]:
    """The 2x3 affine map from crop pixels to picture pixels for one square (3,)."""
    x, y, side = np.asarray(square, np.float64)
    s = side / px
    return np.array([[s, 0.0, x + 0.5 * s], [0.0, s, y + 0.5 * s]])


def resized(
    image: NDArray[np.uint8], size: tuple[int, int], interpolation: int
) -> NDArray[np.uint8]:
    """``cv2.resize`` of a picture to (width, height)."""
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def warp(
    image: NDArray[np.uint8],
    A: NDArray[np.float64],
    px: int,
    border: int = cv2.BORDER_REPLICATE,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
    interpolation: int = cv2.INTER_CUBIC,
) -> NDArray[np.uint8]:
    """``px`` x ``px`` picture, pixel u taken from ``A @ (u, v, 1)``; averaged where it shrinks.

    Plain interpolation aliases when it shrinks, so the picture is first reduced by area averaging
    to about the crop's own resolution.
    """
    shrink = float(np.sqrt(abs(np.linalg.det(A[:, :2]))))
    if shrink > 1.2:
        h, w = image.shape[:2]
        size = (max(1, round(w / shrink)), max(1, round(h / shrink)))
        image = resized(image, size, cv2.INTER_AREA)
        f = np.array([size[0] / w, size[1] / h])
        # area averaging keeps pixel *edges*: centre x -> (x + 0.5) f - 0.5
        A = np.hstack([A[:, :2] * f[:, None], ((A[:, 2] + 0.5) * f - 0.5)[:, None]])
    flags = interpolation | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, A, (px, px), flags=flags, borderMode=border, borderValue=fill)
    return np.asarray(warped, np.uint8)


def crop(
    image: NDArray[np.uint8], box_px: ArrayLike, px: int, scale: float = CROP_SCALE
) -> NDArray[np.uint8]:
    """Square crop (px, px, 3) of a BGR picture (H, W, 3) for one tight 68-point box (4,)."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise CropError(f"a picture must be uint8 (H, W, 3) BGR; got {image.dtype} {image.shape}")
    if px < 1:
        raise CropError(f"crop size must be at least 1 px, got {px}")
    return warp(image, crop_matrix(square_of_box(np.asarray(box_px).reshape(4), scale), px), px)


def crops(
    images: list[NDArray[np.uint8]] | NDArray[np.uint8],
    boxes_px: ArrayLike,
    px: int,
    scale: float = CROP_SCALE,
) -> NDArray[np.uint8]:
    """Crops (N, px, px, 3) of boxes (N, 4); ``images`` is one picture, or one for each box."""
    boxes = np.asarray(boxes_px, np.float64).reshape(-1, 4)
    one = isinstance(images, np.ndarray) and images.ndim == 3
    if not one and len(images) != len(boxes):
        raise CropError(f"{len(images)} pictures for {len(boxes)} boxes")
    if len(boxes) == 0:
        return np.zeros((0, px, px, 3), np.uint8)
    return np.stack(
        [crop(images if one else images[i], b, px, scale) for i, b in enumerate(boxes)]  # type: ignore[arg-type]
    )


def fractions_of_points(points_px: ArrayLike, square: ArrayLike) -> NDArray[np.float64]:
    """Crop fractions (..., P, 2) of picture points (..., P, 2) under squares (..., 3)."""
    s = np.asarray(square, np.float64)[..., None, :]
    return (np.asarray(points_px, np.float64) - s[..., :2]) / s[..., 2:]
