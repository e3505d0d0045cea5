"""Find the faces in both videos: full pictures now and then, small mosaics in between.

Students sit. So after one scan of the full picture it is known where faces are, and from then on
only the neighbourhoods of those places are looked at: cut out of both cameras' pictures, brought to
one size, packed into a small square picture and detected together. For eight students that is one
picture of 512 × 512 for each moment instead of two of 1920 × 1080. A scan is repeated every few
seconds, so that whoever comes in or moves away is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from calibration.camera import CAMERAS
from calibration.transform import Array
from gaze.faces.boxes import Detections, Faces, Picture, suppress
from gaze.faces.detectors import Detector


@dataclass(frozen=True)
class FinderSettings:
    """How faces are looked for.

    scan_every_s : between two full pictures of one camera.
    scan_threshold, place_threshold : least score in a full picture, and where a face is expected.
    scan_face_px : height to which a scan brings the smallest face known, so that one a third
        smaller, whom nobody has seen yet, is found as well (the detector begins at 14 px).
    scan_scales : what a scan may be enlarged or shrunk by; the largest while no face is known.
    scan_most_px : longer side of what is scanned, at most (4K enlarged would take 5 GB).
    tile_px, face_in_tile_px : size of a mosaic tile, and of the face brought into it.
    mosaic_tiles : tiles along a mosaic's side.
    forget_s : a place without a face is given up after this.
    """

    scan_every_s: float = 4.0
    scan_threshold: float = 0.30
    place_threshold: float = 0.25
    scan_face_px: float = 24.0
    scan_scales: tuple[float, ...] = (0.5, 0.75, 1.0, 1.5)
    scan_most_px: int = 2880
    tile_px: int = 128
    face_in_tile_px: float = 44.0
    mosaic_tiles: int = 4
    forget_s: float = 30.0


@dataclass
class _Places:
    """Where faces are in one camera's picture: boxes (K, 4), and when each was last seen."""

    box_px: Array
    seen_s: Array


class FaceFinder:
    """Faces in batches of moments of both cameras. Holds the places where faces were last seen.

    Parameters
    ----------
    detector : see :func:`load_detector`.
    settings : see :class:`FinderSettings`.

    The answer depends only on the moments since :meth:`forget`, and on :meth:`memory` alone of what
    went before, so a lesson cut into chunks gives the same faces when it is resumed.
    """

    def __init__(self, detector: Detector, settings: FinderSettings | None = None) -> None:
        self.detector = detector
        self.settings = settings or FinderSettings()
        self.scans = 0
        self.mosaics = 0
        self.forget()

    def forget(self) -> None:
        """Start anew, with a scan."""
        self._places = [_Places(np.zeros((0, 4)), np.zeros(0)) for _ in CAMERAS]
        self._scanned_s = [-np.inf for _ in CAMERAS]

    def memory(self) -> dict[str, Array]:
        """All that later answers depend on, as arrays; :meth:`remember` goes on from there."""
        out = {"scanned_s": np.array(self._scanned_s)}
        for name, places in zip(CAMERAS, self._places, strict=True):
            out |= {f"{name}_box_px": places.box_px, f"{name}_seen_s": places.seen_s}
        return out

    def remember(self, memory: Mapping[str, Array]) -> None:
        """Go on where another finder stopped (:meth:`memory`)."""
        self._scanned_s = memory["scanned_s"].tolist()
        self._places = [
            _Places(memory[f"{name}_box_px"].copy(), memory[f"{name}_seen_s"].copy())
            for name in CAMERAS
        ]

    def find(
        self,
        time_s: Sequence[float],
        pictures: Sequence[Sequence[Picture | None]],
        first_moment: int = 0,
    ) -> Faces:
        """Faces of M moments.

        time_s : (M,) increasing. pictures : for each camera, M BGR pictures (None: no frame).
        first_moment : number of the first moment. Rows come sorted by moment, then camera.
        """
        parts = [
            self._find_at(float(t), [side[m] for side in pictures], first_moment + m)
            for m, t in enumerate(time_s)
        ]
        faces = Faces.concatenate(parts)
        order = np.lexsort((faces.box_px[:, 0], faces.camera, faces.moment))
        return faces.take(order)

    def _find_at(self, time_s: float, pictures: Sequence[Picture | None], moment: int) -> Faces:
        """Both cameras' faces at one moment: a scan where one is due, else the known places."""
        parts: list[Faces] = []
        squares: list[Array] = []
        for c, picture in enumerate(pictures):
            squares.append(np.zeros((0, 3)))
            if picture is None:
                continue
            if time_s - self._scanned_s[c] < self.settings.scan_every_s:
                squares[c] = self._tiles(c)
                continue
            found = self.scan(picture)
            parts.append(_as_faces(found, c, moment))
            self._scanned_s[c] = time_s
            self._remember(c, found.box_px, time_s)
        parts.append(self._look_at(squares, pictures, moment))
        faces = Faces.concatenate(parts)
        for c in range(len(CAMERAS)):
            self._refresh(c, faces.box_px[faces.camera == c], time_s)
        return faces

    def scan(self, picture: Picture) -> Detections:
        """One full picture, enlarged for small faces, shrunk where all are large."""
        self.scans += 1
        s = self.settings
        scale = self._scan_scale(max(picture.shape[:2]))
        if scale != 1.0:
            how = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)  # type: ignore[assignment]
        found = self.detector.detect(picture[None], s.scan_threshold)
        return replace(
            found,
            box_px=(found.box_px + 0.5) / scale - 0.5,
            points_px=(found.points_px + 0.5) / scale - 0.5,
        )

    def _scan_scale(self, side_px: int) -> float:
        """The least scale at which the smallest face known is large enough, of those that fit."""
        s = self.settings
        heights = np.concatenate([p.box_px[:, 3] - p.box_px[:, 1] for p in self._places])
        wanted = s.scan_face_px / heights.min() if len(heights) else np.inf
        fit = [k for k in s.scan_scales if k * side_px <= s.scan_most_px] or [s.scan_scales[0]]
        return next((k for k in fit if k >= wanted), fit[-1])

    def _tiles(self, camera: int) -> Array:
        """(K, 3) squares x0, y0, side around the places of one camera."""
        s = self.settings
        box = self._places[camera].box_px
        face = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
        side = face * s.tile_px / s.face_in_tile_px
        centre = (box[:, :2] + box[:, 2:]) / 2
        return np.column_stack([centre - side[:, None] / 2, side])

    def _look_at(
        self, squares: Sequence[Array], pictures: Sequence[Picture | None], moment: int
    ) -> Faces:
        """Cut the squares (K, 3) of both cameras, pack, detect, and take the boxes back."""
        s = self.settings
        camera = np.repeat(np.arange(len(CAMERAS)), [len(q) for q in squares])
        square = np.concatenate(squares)
        per_mosaic = s.mosaic_tiles**2
        count = -(-len(square) // per_mosaic)
        edge = s.tile_px * s.mosaic_tiles
        mosaics = np.zeros((count, edge, edge, 3), np.uint8)
        for k in range(len(square)):
            picture = pictures[camera[k]]
            assert picture is not None
            n, cell = divmod(k, per_mosaic)
            y, x = (v * s.tile_px for v in divmod(cell, s.mosaic_tiles))
            mosaics[n, y : y + s.tile_px, x : x + s.tile_px] = cut_square(
                picture, square[k], s.tile_px
            )
        self.mosaics += count
        parts = []
        for n in range(count):  # one compiled size; larger batches are no faster on a CPU
            found = self.detector.detect(mosaics[n : n + 1], s.place_threshold)
            centre = (found.box_px[:, :2] + found.box_px[:, 2:]) / 2 + 0.5
            cell_xy = np.clip(centre // s.tile_px, 0, s.mosaic_tiles - 1).astype(int)
            k = n * per_mosaic + cell_xy[:, 1] * s.mosaic_tiles + cell_xy[:, 0]
            inside = (centre - cell_xy * s.tile_px) / s.tile_px
            # a face cut by the tile's border is better seen by the tile that is centred on it
            good = (k < len(square)) & (np.abs(inside - 0.5) < 0.42).all(1)
            found, k, cell_xy = found.take(good), k[good], cell_xy[good]
            scale = square[k, 2] / s.tile_px
            corner = (square[k, :2] + 0.5) - (cell_xy * s.tile_px) * scale[:, None]
            box = (found.box_px + 0.5) * scale[:, None] + np.tile(corner, 2) - 0.5
            points = (found.points_px + 0.5) * scale[:, None, None] + corner[:, None] - 0.5
            # the tile looks for faces of the place's size; others have places of their own
            size = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
            expected = square[k, 2] * s.face_in_tile_px / s.tile_px
            fits = (size > 0.45 * expected) & (size < 2.2 * expected)
            parts.append(
                Faces(
                    camera[k].astype(np.int8),
                    np.full(len(k), moment, np.int32),
                    box,
                    found.score,
                    points,
                ).take(fits)
            )
        faces = Faces.concatenate(parts)
        return faces.take(suppress(faces.box_px, faces.score, faces.camera))

    def _remember(self, camera: int, box_px: Array, time_s: float) -> None:
        """Scanned faces become places; the places they overlap are replaced."""
        places = self._places[camera]
        old = _overlap(places.box_px, box_px).max(1, initial=0.0) < 0.3
        self._places[camera] = _Places(
            np.concatenate([places.box_px[old], box_px]),
            np.concatenate([places.seen_s[old], np.full(len(box_px), time_s)]),
        )

    def _refresh(self, camera: int, box_px: Array, time_s: float) -> None:
        """Move each place to its face; give up those long without one."""
        places = self._places[camera]
        if len(places.box_px) == 0:
            return
        if len(box_px):
            near = _overlap(places.box_px, box_px)
            best = near.argmax(1)
            hit = near[np.arange(len(best)), best] > 0.1
            places.box_px[hit] = box_px[best[hit]]
            places.seen_s[hit] = time_s
        keep = time_s - places.seen_s <= self.settings.forget_s
        order = np.flatnonzero(keep)
        order = order[np.argsort(-places.seen_s[order], kind="stable")]
        recent_first = np.linspace(1, 0.5, len(order))
        one_group = np.zeros(len(order), np.intp)
        unique = suppress(places.box_px[order], recent_first, one_group, overlap=0.5)
        rows_kept = np.sort(order[unique])
        self._places[camera] = _Places(places.box_px[rows_kept], places.seen_s[rows_kept])


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


def _as_faces(found: Detections, camera: int, moment: int) -> Faces:
    n = len(found.score)
    return Faces(
        np.full(n, camera, np.int8),
        np.full(n, moment, np.int32),
        found.box_px,
        found.score,
        found.points_px,
    )


def _overlap(a: Array, b: Array) -> Array:
    """(A, B) intersection over union of boxes (A, 4) and (B, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    area_a, area_b = ((v[:, 2:] - v[:, :2]).prod(-1) for v in (a, b))
    return np.asarray(both / np.maximum(area_a[:, None] + area_b[None] - both, 1e-9))
