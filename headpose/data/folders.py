"""Readers of 300W-LP, AFLW2000-3D and BIWI in the layout in which those sets are distributed.

======== ========================================================================================
300wlp   ``300W_LP/{AFW,HELEN,IBUG,LFPW}[_Flip]/NAME.jpg`` with ``NAME.mat`` beside it:
         ``Pose_Para`` (1, 7): pitch, yaw, roll in radians first; ``pt2d`` (2, 68) px
aflw2000 ``AFLW2000/imageNNNNN.jpg`` with ``.mat``: ``Pose_Para``, ``pt3d_68`` (3, 68): x, y in px
biwi     ``hpdb/NN/frame_NNNNN_rgb.png`` with ``_pose.txt``: a 3x3 rotation, then the head's centre
         in mm, both in the depth camera's axes; ``NN/rgb.cal``: the colour camera
======== ========================================================================================

MATLAB's pixel coordinates count from 1; one is taken off, so that pixel centres are integers here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from headpose import rotation
from headpose.data.crop import box_of_points
from headpose.data.samples import Samples
from headpose.errors import ConfigError, DataError

SIGMA_300WLP_DEG = 2.0
"""Rough noise of model-fitted labels (no source gives one); only ratios between sets matter."""
SIGMA_BIWI_DEG = 1.0
"""The set's authors state about 1 degree."""

BIWI_FACE_MM = 140.0
"""Side of the tight face box assumed at the head's distance: BIWI has no landmarks."""

Reader = Callable[[Path], Samples]
AFLW2000_PICTURES = 2000
BIWI_VIDEOS, BIWI_PICTURES = 24, 15678

READERS: dict[str, Reader] = {}


def register(kind: str) -> Callable[[Reader], Reader]:
    """Decorator: adds a reader (folder -> Samples) under a name."""

    def add(reader: Reader) -> Reader:
        READERS[kind] = reader
        return reader

    return add


def read_folder(spec: str) -> Samples:
    """Read ``KIND:PATH``, e.g. ``aflw2000:/data/AFLW2000``."""
    kind, _, path = spec.partition(":")
    if kind not in READERS or not path:
        raise ConfigError(
            f"a data folder is KIND:PATH with KIND {', '.join(READERS)}; got {spec!r}"
        )
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder}")
    return READERS[kind](folder)


@register("300wlp")
def read_300wlp(folder: Path) -> Samples:
    """300W-LP; the group is the source photograph (name without ``_Flip`` and its view number)."""
    pictures = sorted(p for p in folder.glob("*/*.jpg") if p.parent.name != "landmarks")
    return _read_mat_set(
        folder, pictures, "300W-LP", "pt2d",
        lambda p: re.sub(r"_\d+$", "", p.stem),
    )  # fmt: skip


@register("aflw2000")
def read_aflw2000(folder: Path) -> Samples:
    """AFLW2000-3D, all pictures; protocol 1 drops angles beyond 99: ``.within_deg(99)``, 1969."""
    samples = _read_mat_set(
        folder, sorted(folder.glob("*.jpg")), "AFLW2000-3D", "pt3d_68", lambda p: p.stem
    )
    whole = len(samples) == AFLW2000_PICTURES
    part = "the whole set" if whole else f"{len(samples)} of its {AFLW2000_PICTURES} pictures"
    return dataclasses.replace(samples, variant=f"{part}, its own labels, box of its 68 points")


def _read_mat_set(
    folder: Path, pictures: list[Path], source: str, points_key: str, group: Callable[[Path], str]
) -> Samples:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not pictures:
        raise DataError(f"{folder} is not {source}: no picture where that set has its pictures")
    angles, points = [], []
    for p in pictures:
        mat = p.with_suffix(".mat")
        if not mat.is_file():
            raise DataError(f"{source}: {p} has no label {mat.name} beside it")
        try:
            d = loadmat(mat)
        except (MatReadError, ValueError, NotImplementedError, OSError) as e:
            raise DataError(f"{source}: {mat} is not a readable .mat file ({e})") from e
        if "Pose_Para" not in d or points_key not in d:
            raise DataError(f"{source}: {mat} lacks Pose_Para or {points_key}")
        pose, xy = np.asarray(d["Pose_Para"], float).ravel(), np.asarray(d[points_key], float)
        if pose.size < 3 or xy.ndim != 2 or xy.shape[0] < 2 or xy.shape[1] != 68:
            raise DataError(f"{source}: {mat}: Pose_Para {pose.shape}, {points_key} {xy.shape}")
        angles.append(np.degrees(pose[:3]))
        points.append(xy[:2].T - 1.0)
    a, pts = np.array(angles), np.array(points)
    n = len(pictures)
    return Samples(
        source=source,
        load=lambda i: _read_picture(pictures[i]),
        R=rotation.matrix(*a.T),
        box_px=box_of_points(pts),
        sigma_deg=np.full(n, SIGMA_300WLP_DEG),
        group=np.array([group(p) for p in pictures]),
        name=np.array([p.relative_to(folder).as_posix() for p in pictures]),
        points_px=pts,
        inside_px=np.full((n, 4), np.nan),
    )


def rotation_of_biwi(B: NDArray[Any]) -> NDArray[np.float64]:
    """BIWI's matrix (camera axes: x right, y down, z forward; identity = frontal) in our frame.

    Both frames are turned by half a turn about x, so ``R = T B T`` with T = diag(1, -1, -1).  The
    angles then equal those of HopeNet's formulas (tested), without negating any by hand.
    """
    T = rotation.CAMERA_FROM_CROP
    return T @ np.asarray(B, np.float64) @ T


@register("biwi")
def read_biwi(folder: Path) -> Samples:
    """BIWI; the group is the video (protocol 2 splits by it).

    The set has no face boxes.  Ours is a square of ``BIWI_FACE_MM`` about the head's centre,
    projected with ``rgb.cal``: other detectors' boxes give other numbers, so say which was used.
    """
    pictures = sorted(folder.glob("[0-9][0-9]/frame_*_rgb.png"))
    if not pictures:
        raise DataError(f"{folder} is not BIWI: no NN/frame_NNNNN_rgb.png in it")
    rotations, boxes = [], []
    cameras = {d: _read_rgb_cal(d / "rgb.cal") for d in {p.parent for p in pictures}}
    for p in pictures:
        pose = p.with_name(p.name.replace("_rgb.png", "_pose.txt"))
        if not pose.is_file():
            raise DataError(f"BIWI: {p} has no label {pose.name} beside it")
        values = _numbers(pose)
        if len(values) != 12:
            raise DataError(f"BIWI: {pose} must hold 9 + 3 numbers, found {len(values)}")
        rotations.append(rotation_of_biwi(values[:9].reshape(3, 3)))
        K, R, t = cameras[p.parent]
        centre = R @ values[9:] + t  # depth camera -> colour camera, mm
        if centre[2] <= 0:
            raise DataError(f"BIWI: {pose}: head behind the camera (z = {centre[2]:.0f} mm)")
        u = K[:2, :2] @ (centre[:2] / centre[2]) + K[:2, 2]
        half = BIWI_FACE_MM / 2 * K[0, 0] / centre[2]
        boxes.append([*(u - half), *(u + half)])
    n = len(pictures)
    return Samples(
        source="BIWI",
        load=lambda i: _read_picture(pictures[i]),
        R=rotation.project(np.array(rotations)),
        box_px=np.array(boxes),
        sigma_deg=np.full(n, SIGMA_BIWI_DEG),
        group=np.array([p.parent.name for p in pictures]),
        name=np.array([p.relative_to(folder).as_posix() for p in pictures]),
        points_px=np.full((n, 68, 2), np.nan),
        inside_px=np.full((n, 4), np.nan),
        variant=f"protocol 1: {n} of {BIWI_PICTURES} pictures, {len(cameras)} of {BIWI_VIDEOS} "
        f"videos; boxes of {BIWI_FACE_MM:g} mm about the projected head centre",
    )


BIWI_TRAIN_VIDEOS = 16
"""Protocol 2: 16 of BIWI's 24 videos (70 %) train, 8 test, in the order of their numbers."""


@register("biwi-train")
def read_biwi_train(folder: Path) -> Samples:
    """Protocol 2's training part."""
    samples = read_biwi(folder)
    first = np.unique(samples.group)[:BIWI_TRAIN_VIDEOS]
    return _part(samples.take(np.isin(samples.group, first)), "training")


@register("biwi-test")
def read_biwi_test(folder: Path) -> Samples:
    """Protocol 2's test part."""
    samples = read_biwi(folder)
    rest = ~np.isin(samples.group, np.unique(samples.group)[:BIWI_TRAIN_VIDEOS])
    if not rest.any():
        raise DataError(f"{folder}: protocol 2 needs more than {BIWI_TRAIN_VIDEOS} videos")
    return _part(samples.take(rest), "test")


def _part(samples: Samples, name: str) -> Samples:
    videos = len(np.unique(samples.group))
    variant = samples.variant.split("; ", 1)[1]
    return dataclasses.replace(
        samples,
        variant=f"protocol 2, {name} part: {len(samples)} pictures of {videos} videos; {variant}",
    )


def _read_rgb_cal(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """K (3, 3), and R, t (mm) from the depth camera to the colour camera.

    The file: K, four distortion coefficients, R, t, picture size.  Distortion is left out (a box
    moves by less than a pixel).
    """
    if not path.is_file():
        raise DataError(f"BIWI: no {path}")
    v = _numbers(path)
    if len(v) < 25:
        raise DataError(
            f"BIWI: {path} must hold K, 4 coefficients, R and t; found {len(v)} numbers"
        )
    return v[:9].reshape(3, 3), v[13:22].reshape(3, 3), v[22:25]


def _numbers(path: Path) -> NDArray[np.float64]:
    try:
        return np.array([float(x) for x in path.read_text(encoding="utf-8").split()])
    except (ValueError, UnicodeDecodeError) as e:
        raise DataError(f"{path}: not a file of numbers ({e})") from e


def _read_picture(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path} is not a readable picture")
    return np.asarray(image, np.uint8)
