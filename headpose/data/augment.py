"""Augmentation with exact label arithmetic: what a classroom does to a picture of a head.

Geometry acts on the picture and, through the same numbers, on the rotation and the landmarks: a
flip is ``M R M``, an in-plane turn is ``Rz(phi) R`` (never ``roll += phi``).  Everything else
(few pixels, video compression, blur, noise, light, masks, hands, glare) leaves the label alone.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from headpose import rotation
from headpose.data.coverings import KINDS, cover, parts_hidden
from headpose.data.crop import CROP_SCALE, resized, warp
from headpose.data.store import Store
from headpose.labels import schematic_face_mm
from headpose.visibility import PARTS

MIRROR_68 = np.array(
    [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]  # jaw
    + [26, 25, 24, 23, 22, 21, 20, 19, 18, 17]  # brows
    + [27, 28, 29, 30, 35, 34, 33, 32, 31]  # nose
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]  # eyes
    + [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]  # mouth
)
"""Landmark i of the mirrored face is landmark MIRROR_68[i] of the face (0-based iBUG order)."""


class AugmentConfig(BaseModel):
    """How strongly pictures are changed; shares are probabilities, sizes crop fractions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: float = 0.5
    roll_share: float = 0.6
    roll_sigma_deg: float = 16.0
    wide_roll_share: float = 0.0
    """Share turned evenly over +-``wide_roll_deg``: heads that lie on a desk or an arm."""
    wide_roll_deg: float = 100.0
    scale_sigma: float = 0.08
    shift_sigma: float = 0.03
    coarse_share: float = 0.25
    """Share of crops with a detector's box errors: scale and shift 2.5 times as large."""
    small_share: float = 0.65
    small_px: tuple[float, float] = (11.0, 64.0)
    """Face side in pixels, drawn log-uniformly, for ``small_share`` of the crops."""
    jpeg_share: float = 0.4
    blur_share: float = 0.25
    motion_share: float = 0.1
    noise_share: float = 0.4
    grey_share: float = 0.15
    occluder_share: float = 0.15
    mask_share: float = 0.06
    hand_share: float = 0.08
    glare_share: float = 0.05
    cover_share: float = 0.0
    """Share covered by something of :mod:`headpose.data.coverings`, which knows what it hides."""


NONE = AugmentConfig(
    flip=0, roll_share=0, scale_sigma=0, shift_sigma=0, coarse_share=0, small_share=0, jpeg_share=0,
    blur_share=0, motion_share=0, noise_share=0, grey_share=0, occluder_share=0, mask_share=0,
    hand_share=0, glare_share=0, cover_share=0,
)  # fmt: skip
"""Changes nothing: the plain crop rule."""


def undisturbed(cfg: AugmentConfig) -> AugmentConfig:
    """``cfg`` with its turns, flips and places, but nothing that hides or blurs the face.

    Two generators in the same state then place a head alike, at any crop size.
    """
    placed = ("flip", "roll_share", "roll_sigma_deg", "wide_roll_share", "wide_roll_deg",
              "scale_sigma", "shift_sigma", "coarse_share")  # fmt: skip
    return NONE.model_copy(update={name: getattr(cfg, name) for name in placed})


def placement(
    px: int, centre: NDArray[Any], side: float, phi_deg: float, mirrored: bool
) -> NDArray[np.float64]:
    """2x3 map from crop to picture pixels: square ``side`` about ``centre``, turned, mirrored.

    The picture's content is turned counter-clockwise as seen by ``phi_deg`` and then mirrored.
    """
    c, s = np.cos(np.radians(phi_deg)), np.sin(np.radians(phi_deg))
    A = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if mirrored else 1.0, 1.0]) * (side / px)
    return np.hstack([A, (np.asarray(centre) - A @ np.full(2, (px - 1) / 2))[:, None]])


def place_points(
    points: NDArray[Any], A: NDArray[Any], px: int, mirrored: bool
) -> NDArray[np.float64]:
    """Crop fractions (68, 2) of picture points under :func:`placement`'s ``A``."""
    q = (points - A[:, 2]) @ np.linalg.inv(A[:, :2]).T
    f = (q + 0.5) / px
    return np.asarray(f[MIRROR_68] if mirrored else f)


def place_rotation(R: NDArray[Any], phi_deg: float, mirrored: bool) -> NDArray[np.float64]:
    """Label after :func:`placement`."""
    R = rotation.roll_in_plane(R, phi_deg)
    return rotation.flip(R) if mirrored else R


def turned_box(points: NDArray[Any], phi_deg: float) -> tuple[NDArray[np.float64], float]:
    """Centre (2,) and longer side of the tight box of a face that is turned by ``phi_deg``.

    ``points`` (68, 2) as they are now, px; the centre is given where it lies now.
    """
    turn = placement(1, np.zeros(2), 1.0, phi_deg, False)[:, :2]
    q = points @ turn  # = inverse turn of each point
    low, high = q.min(0), q.max(0)
    return turn @ ((low + high) / 2), float((high - low).max())


def stand_in_points(
    R: NDArray[Any], centre_px: NDArray[Any], side_px: float
) -> NDArray[np.float64]:
    """Points (68, 2), px, of a schematic face turned by ``R`` whose tight box has this centre and
    this longer side: for heads without annotated points, whose box must turn with them, too.
    """
    p = (_SCHEMATIC @ np.asarray(R, np.float64).T)[:, :2] * (1.0, -1.0)  # y down
    low, high = p.min(0), p.max(0)
    found: NDArray[np.float64] = centre_px + (p - (low + high) / 2) * (side_px / (high - low).max())
    return found


def cut(
    store: Store,
    row: int,
    A: NDArray[Any],
    px: int,
    border: int = cv2.BORDER_REPLICATE,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> NDArray[np.uint8]:
    """Crop of a store row under :func:`placement`'s ``A`` (from crop to canvas pixels).

    Only the part of the canvas that holds a photograph is seen, its border continued.
    """
    x0, y0, x1, y1 = store.inside[row].astype(int)
    A = np.column_stack([A[:, :2], A[:, 2] - (x0, y0)])
    part = store.canvas[row][y0:y1, x0:x1]
    return warp(part, A, px, border, fill, interpolation=cv2.INTER_LINEAR)


def augment(
    store: Store, row: int, px: int, rng: np.random.Generator, cfg: AugmentConfig
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """One training sample: crop (px, px, 3) uint8 BGR, rotation (3, 3), landmarks (68, 2), hidden
    share of each part of the face (4,).

    Landmarks are crop fractions, NaN where the set has none; hidden is what ``cover_share`` hides.
    """
    mirrored = rng.random() < cfg.flip
    phi = rng.normal(0, cfg.roll_sigma_deg) if rng.random() < cfg.roll_share else 0.0
    if cfg.wide_roll_share and rng.random() < cfg.wide_roll_share:
        phi = rng.uniform(-cfg.wide_roll_deg, cfg.wide_roll_deg)
    points = store.points[row].astype(np.float64)
    centre, side = np.full(2, (store.canvas.shape[1] - 1) / 2), store.box_side
    if phi:
        annotated = np.isfinite(points).all()
        shape = points if annotated else stand_in_points(store.R[row], centre, side)
        centre, side = turned_box(shape, phi)
    k = 2.5 if rng.random() < cfg.coarse_share else 1.0
    face_side = side
    side *= CROP_SCALE * np.exp(rng.normal(0, cfg.scale_sigma * k))
    centre = centre + rng.normal(0, cfg.shift_sigma * k, 2) * side
    A = placement(px, centre, side, phi, mirrored)
    R = place_rotation(store.R[row], phi, mirrored)
    f = place_points(points, A, px, mirrored)

    # picture: its border continued in a random way
    border = _BORDERS[rng.integers(len(_BORDERS))]
    b, g, r = rng.uniform(0, 255, 3).tolist()
    crop = cut(store, row, A, px, border, (b, g, r))
    crop = _occlude(np.ascontiguousarray(crop), f, rng, cfg)
    hidden = np.zeros(len(PARTS))
    if cfg.cover_share and rng.random() < cfg.cover_share:
        p = f * px
        if not np.isfinite(p).all():  # about where the face is
            p = stand_in_points(R, np.full(2, px / 2), px * face_side / side)
        crop, gone = cover(crop, p, str(rng.choice(list(KINDS))), rng)
        hidden = parts_hidden(gone)

    face_px = px * face_side / side
    if rng.random() < cfg.small_share:
        face_px = min(face_px, float(np.exp(rng.uniform(*np.log(cfg.small_px)))))
    n = max(8, min(px, round(face_px * side / face_side)))
    if n < px:
        crop = resized(crop, (n, n), cv2.INTER_AREA)
    crop = camera(crop, rng, cfg)
    if n < px:
        crop = resized(crop, (px, px), _ENLARGE[rng.integers(len(_ENLARGE))])
    return crop, R.astype(np.float32), f.astype(np.float32), hidden.astype(np.float32)


_SCHEMATIC = schematic_face_mm()
_BORDERS = (cv2.BORDER_REPLICATE, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT)
_ENLARGE = (cv2.INTER_CUBIC, cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4)


def camera(
    crop: NDArray[np.uint8], rng: np.random.Generator, cfg: AugmentConfig
) -> NDArray[np.uint8]:
    """Lens, light, sensor and codec, at the crop's own resolution."""
    n = len(crop)
    if rng.random() < cfg.blur_share:
        crop = np.asarray(cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.3)), np.uint8)
    if rng.random() < cfg.motion_share:
        length = int(rng.integers(2, 5))
        kernel = np.zeros((length, length), np.float32)
        ends = [(0, 0, length - 1, length - 1), (0, length - 1, length - 1, 0),
                (0, length // 2, length - 1, length // 2),
                (length // 2, 0, length // 2, length - 1)]  # fmt: skip
        ax, ay, bx, by = ends[rng.integers(4)]
        cv2.line(kernel, (ax, ay), (bx, by), 1.0)
        crop = np.asarray(cv2.filter2D(crop, -1, kernel / kernel.sum()), np.uint8)
    x: NDArray[np.floating] = crop.astype(np.float32)
    if rng.random() < cfg.grey_share:
        x[:] = (x @ np.array([0.114, 0.587, 0.299], np.float32))[..., None]
    # gamma, contrast, brightness, colour cast
    gain = rng.uniform(0.65, 1.3) * rng.normal(1, 0.05, 3).astype(np.float32)
    x = (x - 127.5) * gain + (127.5 + rng.uniform(-30, 30) + rng.normal(0, 6, 3))
    x = np.clip(x, 0, 255).astype(np.float32)
    if rng.random() < 0.3:
        x = 255 * (x / 255) ** np.float32(np.exp(rng.normal(0, 0.3)))
    if rng.random() < cfg.noise_share:
        sigma = rng.uniform(1.5, 9)
        x = x + rng.standard_normal((n, n, 3), dtype=np.float32) * np.float32(sigma)
    crop = np.clip(x, 0, 255).astype(np.uint8)
    if rng.random() < cfg.jpeg_share:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 85))]
        jpeg = cv2.imencode(".jpg", crop, quality)[1]
        crop = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    return crop


def _occlude(
    crop: NDArray[np.uint8], f: NDArray[Any], rng: np.random.Generator, cfg: AugmentConfig
) -> NDArray[np.uint8]:
    """Boxes, hands, medical masks and glare on glasses, drawn into the crop in place."""
    px = len(crop)
    known = bool(np.isfinite(f).all())
    points = np.round(np.where(np.isfinite(f), f, 0.5) * px).astype(np.int32)
    if rng.random() < cfg.occluder_share:
        w, h = (int(px * v) for v in rng.uniform(0.1, 0.4, 2))
        x, y = (int(v) for v in rng.integers(-w // 2, px - w // 2, 2))
        x0, y0 = max(x, 0), max(y, 0)
        if rng.random() < 0.5:
            crop[y0 : y + h, x0 : x + w] = rng.uniform(0, 255, 3)
        else:  # a piece of some other texture: the crop itself, upside down
            crop[y0 : y + h, x0 : x + w] = crop[::-1][y0 : y + h, x0 : x + w].copy()
    if rng.random() < cfg.hand_share:
        # skin as it is in this picture, seen in the middle of the crop
        colour = crop[px // 2, int(px * rng.uniform(0.35, 0.65))].astype(float) * rng.uniform(
            0.8, 1.1
        )
        start = np.array([rng.uniform(0, px), px * 1.05])
        goal = np.array([rng.uniform(0.25, 0.75), rng.uniform(0.45, 0.9)]) * px
        across = np.array([goal[1] - start[1], start[0] - goal[0]])
        across = across / (np.linalg.norm(across) + 1e-6)
        for finger in range(int(rng.integers(1, 5))):
            shift = across * finger * px * 0.055
            a, b = (tuple(int(v) for v in q) for q in (start + shift, goal + shift))
            shade = tuple(float(min(255.0, v)) for v in colour * rng.uniform(0.9, 1.05))
            cv2.line(crop, a, b, shade, max(2, int(px * 0.05)), cv2.LINE_AA)
    if known and rng.random() < cfg.mask_share:
        outline = np.concatenate([points[1:16], points[[29]]])
        colour = _MASKS[rng.integers(len(_MASKS))] + rng.normal(0, 12, 3)
        cv2.fillPoly(crop, [outline], tuple(float(v) for v in np.clip(colour, 0, 255)), cv2.LINE_AA)
    if known and rng.random() < cfg.glare_share:
        for eye in (slice(36, 42), slice(42, 48)):
            x, y = points[eye].mean(0)
            axes = (
                max(1, int(px * rng.uniform(0.03, 0.09))),
                max(1, int(px * rng.uniform(0.02, 0.06))),
            )
            glow = crop.copy()
            cv2.ellipse(glow, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, (255.0,) * 3, -1)
            crop = np.asarray(cv2.addWeighted(crop, 0.35, glow, 0.65, 0), np.uint8)
    return crop


_MASKS = np.array([[235, 220, 190], [240, 240, 240], [40, 40, 40], [200, 170, 120]], float)
