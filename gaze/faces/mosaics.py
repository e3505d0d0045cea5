"""Neighbourhoods of known faces, cut out, packed into small square pictures, detected together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.transform import Array
from gaze.faces.boxes import Detections, Faces, Picture, suppress
from gaze.faces.detectors import Detector

# A face is brought to FACE_PX in a tile of TILE_PX; so it may have moved by three quarters of its
# size since it was last seen. A mosaic has 4 × 4 tiles, and the last one 2 × 2 where they suffice.
TILE_PX, FACE_PX = 96, 38.0
SIDES = (2, 4)


@dataclass(frozen=True)
class Glances:
    """N places to look at.

    camera, moment : (N,) in which picture. box_px : (N, 4) where a face is expected, and how large.
    wide : (N,) how much wider than usual to look.
    """

    camera: NDArray[np.intp]
    moment: NDArray[np.intp]
    box_px: Array
    wide: Array

    @classmethod
    def at(cls, camera: int, moment: int, box_px: Array, wide: float = 1.0) -> Glances:
        """All in one picture."""
        n = len(box_px)
        return cls(np.full(n, camera), np.full(n, moment), box_px, np.full(n, wide))

    @classmethod
    def concatenate(cls, parts: Sequence[Glances]) -> Glances:
        """One after the other."""
        parts = [*parts, cls.at(0, 0, np.zeros((0, 4)))]
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    @property
    def face_px(self) -> Array:
        """(N,) the longer sides of the boxes."""
        return np.asarray((self.box_px[:, 2:] - self.box_px[:, :2]).max(1))

    @property
    def square_px(self) -> Array:
        """(N, 3) what is cut out: x0, y0, side (pixel edges)."""
        side = self.face_px * self.wide * TILE_PX / FACE_PX
        centre = (self.box_px[:, :2] + self.box_px[:, 2:]) / 2
        return np.column_stack([centre - side[:, None] / 2, side])


def look(
    detector: Detector,
    glances: Glances,
    pictures: Sequence[Sequence[Picture | None]],
    threshold: float,
) -> tuple[Faces, int]:
    """The faces in all neighbourhoods, each once, and how many mosaics it took.

    pictures : for each camera those of the moments. A face cut by its tile's border is no answer:
    the place that is centred on it sees it better, and half a face would be a face of its own.
    """
    square, parts, first, mosaics = glances.square_px, [], 0, 0
    while first < len(square):
        tiles = next((n for n in SIDES if n * n >= len(square) - first), SIDES[-1])
        packed = np.arange(first, min(first + tiles**2, len(square)))
        mosaic = np.zeros((1, TILE_PX * tiles, TILE_PX * tiles, 3), np.uint8)
        for k in packed:
            picture = pictures[glances.camera[k]][glances.moment[k]]
            assert picture is not None
            y, x = (v * TILE_PX for v in divmod(k - first, tiles))
            mosaic[0, y : y + TILE_PX, x : x + TILE_PX] = cut_square(picture, square[k], TILE_PX)
        found, cell = _whole(detector.detect(mosaic, threshold), tiles, len(packed))
        parts.append(_taken_back(found, cell, tiles, glances, first))
        first, mosaics = first + len(packed), mosaics + 1
    faces = Faces.concatenate(parts)
    return unique(faces), mosaics


def unique(faces: Faces) -> Faces:
    """Each face of each picture once."""
    picture = faces.moment.astype(np.intp) * len(CAMERAS) + faces.camera
    return faces.take(suppress(faces.box_px, faces.score, picture))


def _whole(found: Detections, tiles: int, used: int) -> tuple[Detections, NDArray[np.intp]]:
    """What lies inside one tile of a mosaic, and the number of that tile."""
    box = found.box_px + 0.5
    cell_xy = np.clip((box[:, :2] + box[:, 2:]) / 2 // TILE_PX, 0, tiles - 1).astype(np.intp)
    inside = box - np.tile(cell_xy * TILE_PX, 2)
    k = cell_xy[:, 1] * tiles + cell_xy[:, 0]
    good = (inside[:, :2] > 1).all(1) & (inside[:, 2:] < TILE_PX - 1).all(1) & (k < used)
    return found.take(good), k[good]


def _taken_back(
    found: Detections, cell: NDArray[np.intp], tiles: int, glances: Glances, first: int
) -> Faces:
    """Detections in a mosaic → faces in the pictures that its tiles were cut from."""
    k = first + cell
    square = glances.square_px[k]
    scale = square[:, 2] / TILE_PX
    cell_xy = np.stack([cell % tiles, cell // tiles], 1)
    corner = (square[:, :2] + 0.5) - (cell_xy * TILE_PX) * scale[:, None]
    box = (found.box_px + 0.5) * scale[:, None] + np.tile(corner, 2) - 0.5
    points = (found.points_px + 0.5) * scale[:, None, None] + corner[:, None] - 0.5
    faces = Faces(
        glances.camera[k].astype(np.int8),
        glances.moment[k].astype(np.int32),
        box,
        found.score,
        points,
    )
    # the tile looks for faces of the place's size; others have places of their own
    size = (box[:, 2:] - box[:, :2]).max(1)
    expected = glances.face_px[k]
    return faces.take((size > 0.45 * expected) & (size < 2.2 * expected))


def cut_square(picture: Picture, square: Array, size_px: int) -> Picture:
    """A square x0, y0, side (pixel edges, the picture's corner at −0.5) as size_px × size_px.

    Averaged where it shrinks, linear where it grows; black beyond the picture.
    """
    x0, y0, side = (float(v) for v in square)
    scale = side / size_px
    if scale > 1.5:  # cut at the picture's own resolution, then average
        own = max(size_px, round(side))
        cut = _warp(picture, x0, y0, side / own, own)
        return cv2.resize(cut, (size_px, size_px), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
    return _warp(picture, x0, y0, scale, size_px)


def _warp(picture: Picture, x0: float, y0: float, scale: float, size_px: int) -> Picture:
    # pixel u of the cut has its centre at (u + 0.5)·scale from the square's edge x0
    A = np.array([[scale, 0, x0 + 0.5 * scale], [0, scale, y0 + 0.5 * scale]])
    return cv2.warpAffine(  # type: ignore[return-value]
        picture,
        A,
        (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
