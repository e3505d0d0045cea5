"""Boxes around faces: rows of the whole lesson, and what a detector answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array

Picture = NDArray[np.uint8]

FACE_HEIGHT_M = 0.165  # height of a detector's box on a head, measured on the simulator


@dataclass(frozen=True)
class Faces:
    """Face rows; a row keeps its number from here to the report.

    camera : (N,) int8, index into :data:`CAMERAS`.
    moment : (N,) int32, index of the analysed moment.
    box_px : (N, 4) x0, y0, x1, y1 in the camera's picture (pixel centres at whole numbers).
    score : (N,) the detector's score, 0 to 1.
    points_px : (N, 5, 2) eyes, nose, corners of the mouth as the detector sees them, NaN if it
        has none.
    """

    camera: NDArray[np.int8]
    moment: NDArray[np.int32]
    box_px: Array
    score: Array
    points_px: Array

    def __len__(self) -> int:
        return len(self.camera)

    @property
    def height_px(self) -> Array:
        """(N,) heights of the boxes."""
        return self.box_px[:, 3] - self.box_px[:, 1]

    @property
    def centre_px(self) -> Array:
        """(N, 2) centres of the boxes."""
        return (self.box_px[:, :2] + self.box_px[:, 2:]) / 2

    def take(self, rows: Any) -> Faces:
        """The given rows (indices or mask)."""
        return Faces(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def empty(cls) -> Faces:
        """No rows."""
        return cls(
            np.zeros(0, np.int8),
            np.zeros(0, np.int32),
            np.zeros((0, 4)),
            np.zeros(0),
            np.zeros((0, 5, 2)),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Faces]) -> Faces:
        """One after the other."""
        if not parts:
            return cls.empty()
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


@dataclass(frozen=True)
class Detections:
    """What a detector finds in a batch of pictures of one size.

    picture : (N,) index in the batch. box_px (N, 4), score (N,), points_px (N, 5, 2) as in
    :class:`Faces`.
    """

    picture: NDArray[np.intp]
    box_px: Array
    score: Array
    points_px: Array

    def take(self, rows: Any) -> Detections:
        """The given rows (indices or mask)."""
        return Detections(
            self.picture[rows], self.box_px[rows], self.score[rows], self.points_px[rows]
        )


def suppress(
    box_px: Array, score: Array, group: NDArray[np.integer], overlap: float = 0.3
) -> NDArray[np.intp]:
    """Rows that survive non-maximum suppression within their group, best first."""
    if len(box_px) == 0:
        return np.zeros(0, np.intp)
    # groups are moved apart, so that one call serves all of them
    far = np.asarray(group, np.float64) * (2 * np.abs(box_px).max() + 10)
    moved = np.column_stack([box_px[:, :2] + far[:, None], box_px[:, 2:] - box_px[:, :2]])
    keep = cv2.dnn.NMSBoxes(moved.tolist(), score.tolist(), 0.0, overlap)
    return np.asarray(keep, np.intp).ravel()
