"""Where the tip of the nose is: landmark 30 of 68, and the tight box of all 68.

Four locators, by name; their errors are measured on simulated lessons (docs/performance.md), in
heights of the detector's box:

``mean`` (the default)
    The mean of the next two, whose errors have little in common.
``network``
    The head-pose network's own landmark 30. It comes out of gaze/faces/heads.py, because it lives
    in the crops; :func:`tight_boxes` says where to crop.
``detector``
    The nose of the detector's five points: needs nothing else.
``dlib``
    dlib's 68 points (Kazemi & Sullivan, *One millisecond face alignment*, CVPR 2014; the weights of
    the package ``face_recognition_models``, whose terms exclude commercial use). It wants the box
    of dlib's own detector; how that lies in CenterFace's box was measured on 600 photographs with
    hand-made points: centre 5 % of the height lower, side 88 % of the height. Several slightly
    moved boxes are averaged, which takes the quantisation of its trees out. The best of them on
    faces that look into the camera; beyond about 35° it loses the nose altogether.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import util as import_util
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.errors import UserError
from calibration.transform import Array
from gaze.faces.boxes import Faces, Picture

NOSE = 30  # landmark 30 of 0..67: the tip of the nose

# CenterFace's box → tight box of the 68 points, in heights of CenterFace's box (medians of 1600
# photographs; spread of the side 6 %, of the centre 3 %).
TIGHT_DOWN, TIGHT_WIDTH, TIGHT_HEIGHT = 0.113, 0.84, 0.815

# CenterFace's box → the square of dlib's detector.
DLIB_DOWN, DLIB_SIDE = 0.05, 0.88
# Moves of that square (x, y, size; shares of its side) whose answers are averaged.
DLIB_MOVES = ((0.0, 0.0, 1.0), (-0.025, -0.02, 0.97), (0.025, 0.02, 1.03))
PATCH_PX, PATCH_FACE_PX = 192, 112.0  # the face is enlarged to this before dlib sees it

# σ of a nose tip per axis: share of the face's height, and a floor in pixels.
DLIB_SIGMA = (0.018, 0.35)
DLIB_SLACK = 0.06  # difference from the detector's nose, in face heights, that is no alarm
DETECTOR_SIGMA = (0.025, 0.40)


class LandmarkError(UserError):
    """A landmark locator that is not known or not installed."""


@dataclass(frozen=True)
class Landmarks:
    """What a locator says of N face rows.

    nose_px : (N, 2) tip of the nose in the camera's picture. nose_sigma_px : (N,) standard
    deviation for each axis. tight_box_px : (N, 4) box of the 68 points.
    """

    nose_px: Array
    nose_sigma_px: Array
    tight_box_px: Array


Locator = Callable[[Sequence[Sequence[Picture | None]], Faces, int], Landmarks]
LOCATORS: dict[str, Locator] = {}


def register_locator(name: str) -> Callable[[Locator], Locator]:
    """Function decorator: makes ``landmarks=name`` known to the pipeline."""

    def add(locator: Locator) -> Locator:
        LOCATORS[name] = locator
        return locator

    return add


def known_locator(name: str) -> Locator:
    """The locator registered under ``name``.

    Raises
    ------
    LandmarkError : no such locator; lists the known ones.
    """
    if name not in LOCATORS:
        raise LandmarkError(
            "this landmark locator is not known",
            found=name,
            expected=" or ".join(["mean", "network", *sorted(LOCATORS)]),
        )
    return LOCATORS[name]


def locate(
    name: str, pictures: Sequence[Sequence[Picture | None]], faces: Faces, first_moment: int = 0
) -> Landmarks:
    """Nose tips and tight boxes of all rows.

    pictures : for each camera the pictures of the batch's moments; ``faces.moment`` counts from
    ``first_moment``.

    Raises
    ------
    LandmarkError : no such locator, or it is not installed.
    """
    return known_locator(name)(pictures, faces, first_moment)


def average(found: Sequence[Landmarks]) -> Landmarks:
    """The mean of several locators' noses, weighted with 1/σ²; tight boxes of the first.

    Half of the variance is taken to be common to them: they are trained on like data.
    """
    weight = np.stack([1 / f.nose_sigma_px**2 for f in found])
    nose = (weight[..., None] * np.stack([f.nose_px for f in found])).sum(0)
    nose /= weight.sum(0)[:, None]
    alone = np.stack([f.nose_sigma_px**2 for f in found]).min(0)
    sigma = np.sqrt(0.5 * alone + 0.5 / weight.sum(0))
    return Landmarks(nose, sigma, found[0].tight_box_px)


def tight_boxes(box_px: Array) -> Array:
    """The detector's boxes (N, 4) → about where the 68 points' tight boxes are (N, 4)."""
    h = box_px[:, 3] - box_px[:, 1]
    cx = (box_px[:, 0] + box_px[:, 2]) / 2
    cy = (box_px[:, 1] + box_px[:, 3]) / 2 + TIGHT_DOWN * h
    dx, dy = TIGHT_WIDTH * h / 2, TIGHT_HEIGHT * h / 2
    return np.stack([cx - dx, cy - dy, cx + dx, cy + dy], 1)


@register_locator("detector")
def detector_points(
    pictures: Sequence[Sequence[Picture | None]], faces: Faces, first_moment: int = 0
) -> Landmarks:
    """The detector's own nose point."""
    share, floor = DETECTOR_SIGMA
    sigma = np.hypot(share * faces.height_px, floor)
    return Landmarks(faces.points_px[:, 2], sigma, tight_boxes(faces.box_px))


def dlib_models_folder() -> Path:
    """Where dlib's models are, found without importing face_recognition_models.

    (That package's own import needs pkg_resources, which is gone from setuptools 81.)
    """
    spec = import_util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None or import_util.find_spec("dlib") is None:
        raise LandmarkError(
            "dlib and its models are not installed",
            expected="the packages dlib-bin and face-recognition-models",
            remedy="Install them, or do without what asks for them.",
        )
    return Path(spec.origin).parent / "models"


@lru_cache(maxsize=1)
def _dlib_predictor() -> Any:
    """dlib's 68-point predictor."""
    folder = dlib_models_folder()
    import dlib

    return dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat"))


@register_locator("dlib")
def dlib_points(
    pictures: Sequence[Sequence[Picture | None]], faces: Faces, first_moment: int = 0
) -> Landmarks:
    """dlib's 68 points, averaged over slightly moved boxes."""
    n = len(faces)
    points = np.zeros((n, 68, 2))
    spread = np.zeros(n)
    height = faces.height_px
    centre = faces.centre_px + np.stack([np.zeros(n), DLIB_DOWN * height], 1)
    for k in range(n):  # dlib knows no batches: 0.7 ms for each box
        picture = pictures[faces.camera[k]][faces.moment[k] - first_moment]
        assert picture is not None
        found = _dlib_face(picture, centre[k], DLIB_SIDE * height[k])
        points[k] = found.mean(0)
        spread[k] = found[:, NOSE].std(0).mean()
    share, floor = DLIB_SIGMA
    # on faces turned far away dlib's shape slides off: the detector's own nose tells
    slid = np.linalg.norm(points[:, NOSE] - faces.points_px[:, 2], axis=1) if n else spread
    slid = np.nan_to_num(np.maximum(slid - DLIB_SLACK * height, 0.0))
    sigma = np.sqrt((share * height) ** 2 + floor**2 + spread**2 + slid**2 / 2)
    box = np.concatenate([points.min(1), points.max(1)], -1) if n else np.zeros((0, 4))
    return Landmarks(points[:, NOSE], sigma, box)


def _dlib_face(picture: Picture, centre_px: Array, side_px: float) -> Array:
    """(J, 68, 2) points in the picture for the J moved boxes of one face."""
    import dlib

    scale = float(side_px) / PATCH_FACE_PX
    # patch pixel u lies at centre + (u − middle)·scale
    middle = (PATCH_PX - 1) / 2
    corner = centre_px - middle * scale
    if scale > 1.3:  # average first, so that nothing aliases
        step = round(scale)
        x0, y0 = np.floor(corner).astype(int)
        size = int(np.ceil(PATCH_PX * scale / step)) * step
        region = _cut(picture, x0, y0, size)
        picture = cv2.resize(region, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        A = np.array(
            [
                [scale / step, 0, (corner[0] - x0 + 0.5) / step - 0.5],
                [0, scale / step, (corner[1] - y0 + 0.5) / step - 0.5],
            ]
        )
    else:
        A = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    patch = cv2.warpAffine(
        picture,
        A,
        (PATCH_PX, PATCH_PX),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    rgb = cv2.cvtColor(patch, cv2.COLOR_BGR2RGB)
    predictor = _dlib_predictor()
    out = np.empty((len(DLIB_MOVES), 68, 2))
    for j, (dx, dy, grown) in enumerate(DLIB_MOVES):
        half = PATCH_FACE_PX * grown / 2
        x, y = middle + dx * PATCH_FACE_PX, middle + dy * PATCH_FACE_PX
        shape = predictor(
            rgb,
            dlib.rectangle(round(x - half), round(y - half), round(x + half), round(y + half)),
        )
        out[j] = [(p.x, p.y) for p in shape.parts()]
    return corner + out * scale


def _cut(picture: Picture, x0: int, y0: int, size: int) -> Picture:
    """A square of the picture; its border pixels are repeated beyond it."""
    h, w = picture.shape[:2]
    rows = np.clip(np.arange(y0, y0 + size), 0, h - 1)
    columns = np.clip(np.arange(x0, x0 + size), 0, w - 1)
    return picture[rows[:, None], columns[None, :]]
