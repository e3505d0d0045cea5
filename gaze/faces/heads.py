"""Heads: crops through a virtual camera → R_CS, with covariance.

A network that sees a crop reports the head relative to the ray on which the face lies, not to the
camera's axis (docs/conventions.md, "The line of sight"). So each face is seen through a camera V of
its own that looks straight at it: the crop is resampled through V exactly (lens distortion
included, no homography), with the world's down pointing down, and ``R_CS = R_CV R_VS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS, Camera
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.boxes import Faces, Picture
from gaze.faces.landmarks import NOSE, Landmarks
from gaze.room.geometry import R_FRONTAL
from headpose.visibility import PARTS

CROP_SCALE = 1.3  # side of the crop / longer side of the tight box, as in headpose.data.crop
GRID = 9  # the map through the lens is exact on GRID × GRID points and bilinear in between
# σ of the network's nose tip per axis, measured on simulated lessons: share of the detector's box
# height, and a floor in pixels. (Most of it is one student's own and does not change over time.)
NETWORK_SIGMA = (0.022, 0.3)


class HeadPoseModel(Protocol):
    """What is needed of headpose.estimator.HeadPoseEstimator."""

    def predict(self, crops: Picture, face_px: Array | None = None) -> Any:
        """``.R`` (N, 3, 3), ``.covariance_deg2``, ``.landmarks``, ``.landmark_sigma``."""
        ...


@dataclass(frozen=True)
class Views:
    """N virtual cameras V, each looking at one face.

    R_CV : (N, 3, 3). width : (N,) width of the square crop in V's plane z = 1 (tangent units).
    side_px : (N,) about how many pixels of the picture the crop spans.
    """

    R_CV: Array
    width: Array
    side_px: Array

    def take(self, rows: NDArray[np.integer]) -> Views:
        """The views of these rows (indices)."""
        return Views(self.R_CV[rows], self.width[rows], self.side_px[rows])

    def directions(self, fractions: Array) -> Array:
        """Crop fractions (N, ..., 2) in [0, 1] → directions in C (N, ..., 3), z_V = 1."""
        extra = fractions.ndim - 2
        width = self.width.reshape(-1, *[1] * extra, 1)
        xy = (fractions - 0.5) * width
        d_V = np.concatenate([xy, np.ones((*xy.shape[:-1], 1))], -1)
        return np.asarray(np.einsum("nij,n...j->n...i", self.R_CV, d_V))

    def pixels(self, camera: Camera, fractions: Array) -> Array:
        """Crop fractions (N, ..., 2) → pixels (N, ..., 2) of the camera's picture."""
        return camera.project(self.directions(fractions))


@dataclass(frozen=True)
class Heads:
    """Head rotations of N face rows, in their own camera.

    R_CS : (N, 3, 3). covariance_rad2 : (N, 3, 3) of δ in ``R exp(δ)``, S axes. covered : (N, 4) how
    likely each of headpose.visibility's PARTS of the face is hidden; NaN where the network cannot
    tell.
    """

    R_CS: Array
    covariance_rad2: Array
    covered: Array


def down_in_camera(rig: Rig, name: str) -> Array:
    """The world's down (+y_W) in the camera's axes, (3,)."""
    return np.asarray(rig.T_WC(name).R.T @ np.array([0.0, 1.0, 0.0]))


def views(camera: Camera, tight_box_px: Array, down_C: Array | None) -> Views:
    """Virtual cameras for tight 68-point boxes (N, 4), by headpose's crop rule (1.3 × side)."""
    centre = (tight_box_px[:, :2] + tight_box_px[:, 2:]) / 2
    side = (tight_box_px[:, 2:] - tight_box_px[:, :2]).max(1) * CROP_SCALE
    if len(centre) == 0:
        return Views(np.zeros((0, 3, 3)), np.zeros(0), np.zeros(0))
    R_CV = camera.look_at_rotations(centre, down_C)
    # magnification at the centre: picture pixels for each tangent unit of V
    step = 1e-3
    one = Views(R_CV, np.ones(len(centre)), side)
    corners = 0.5 + step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    uv = one.pixels(camera, np.broadcast_to(corners, (len(centre), 4, 2)))
    J = np.stack([uv[:, 0] - uv[:, 1], uv[:, 2] - uv[:, 3]], -1) / (2 * step)
    with np.errstate(invalid="ignore"):  # NaN where the lens has no ray
        magnification = np.sqrt(np.abs(np.linalg.det(J)))
    return Views(R_CV, side / magnification, side)


@lru_cache(maxsize=8)
def _bilinear(size_px: int) -> NDArray[np.float32]:
    """(size, GRID) how much each pixel along a side takes of each knot of the coarse grid."""
    at = (np.arange(size_px) + 0.5) / size_px * (GRID - 1)
    share = np.maximum(1 - np.abs(at[:, None] - np.arange(GRID)), 0)
    return np.asarray(share, np.float32)


def crops_through(camera: Camera, picture: Picture, seen: Views, size_px: int) -> Picture:
    """Crops (N, size, size, 3) of one picture through N virtual cameras, in one remap.

    Where the crop shrinks the picture it is sampled more finely and averaged.
    """
    n = len(seen.width)
    out = np.zeros((n, size_px, size_px, 3), np.uint8)
    finer = np.maximum(1, np.ceil(seen.side_px / size_px - 0.25)).astype(int)
    for f in np.unique(finer):  # nearly always all 1
        rows = np.flatnonzero(finer == f)
        part = seen.take(rows)
        big = size_px * int(f)
        knots, share = np.linspace(0, 1, GRID), _bilinear(big)
        grid = np.stack(np.meshgrid(knots, knots), -1)  # (row, column, xy)
        uv = part.pixels(camera, np.broadcast_to(grid, (len(rows), GRID, GRID, 2)))
        uv = np.where(np.isnan(uv), -1e4, uv)  # where the lens draws nothing: outside the picture
        fine = share @ np.moveaxis(uv, -1, 0).astype(np.float32) @ share.T
        x, y = fine.reshape(2, -1, big)
        crops = cv2.remap(
            picture,
            x,
            y,
            cv2.INTER_CUBIC if f == 1 else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(len(rows), big, big, 3)
        if f > 1:
            small = crops.reshape(len(rows), size_px, f, size_px, f, 3).mean((2, 4))
            crops = (small + 0.5).astype(np.uint8)
        out[rows] = crops
    return out


@dataclass(frozen=True)
class Crops:
    """The crops of N face rows and how they were taken."""

    images: Picture
    seen: Views


def take_crops(
    rig: Rig,
    pictures: Sequence[Sequence[Picture | None]],
    faces: Faces,
    tight_box_px: Array,
    size_px: int,
    first_moment: int = 0,
) -> Crops:
    """Upright crops of all rows through their virtual cameras; one remap for each picture."""
    n = len(faces)
    images = np.zeros((n, size_px, size_px, 3), np.uint8)
    R_CV, width, side = np.zeros((n, 3, 3)), np.zeros(n), np.zeros(n)
    for c, name in enumerate(CAMERAS):
        camera, down = rig.camera(name), down_in_camera(rig, name)
        mine = np.flatnonzero(faces.camera == c)
        if len(mine) == 0:
            continue
        seen = views(camera, tight_box_px[mine], down)
        R_CV[mine], width[mine], side[mine] = seen.R_CV, seen.width, seen.side_px
        for moment in np.unique(faces.moment[mine]):
            rows = mine[faces.moment[mine] == moment]
            picture = pictures[c][moment - first_moment]
            assert picture is not None
            part = Views(R_CV[rows], width[rows], side[rows])
            images[rows] = crops_through(camera, picture, part, size_px)
    return Crops(images, Views(R_CV, width, side))


def estimate_heads(model: HeadPoseModel, crops: Crops) -> tuple[Heads, Any]:
    """Run the network on the crops; returns the heads and the network's whole answer."""
    face_px = crops.seen.side_px / CROP_SCALE
    answer = model.predict(crops.images, face_px=face_px)
    R_VS = R_FRONTAL @ np.asarray(answer.R, np.float64)
    covariance = np.asarray(answer.covariance_deg2, np.float64) * np.radians(1.0) ** 2
    parts = getattr(answer, "covered", None)
    covered = np.full((len(R_VS), len(PARTS)), np.nan) if parts is None else np.asarray(parts)
    return Heads(crops.seen.R_CV @ R_VS, covariance, covered), answer


def network_landmarks(
    rig: Rig, faces: Faces, crops: Crops, answer: Any, tight_box_px: Array
) -> Landmarks | None:
    """The network's own nose tip, taken from the crop back to the picture; None if it has none."""
    if getattr(answer, "landmarks", None) is None:
        return None
    fractions = np.asarray(answer.landmarks, np.float64)[:, NOSE]
    nose = np.full((len(faces), 2), np.nan)
    for c, name in enumerate(CAMERAS):
        rows = np.flatnonzero(faces.camera == c)
        part = crops.seen.take(rows)
        nose[rows] = part.pixels(rig.camera(name), fractions[rows])
    share, floor = NETWORK_SIGMA
    return Landmarks(nose, np.hypot(share * faces.height_px, floor), tight_box_px)
