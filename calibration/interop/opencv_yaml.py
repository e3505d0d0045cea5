"""OpenCV's FileStorage YAML/XML, with the key names of its own stereo samples.

``M1 D1 M2 D2`` (3×3 and 1×n), ``R T``: left → right camera coordinates, as stereoCalibrate returns
them. The sample writes two files, ``intrinsics.yml`` and ``extrinsics.yml``; give either one or
their folder. We write a single file that also has ``image_width``, ``image_height`` and ``unit``.
A fisheye is ``K1 D1 K2 D2`` (as ``cv2.fisheye`` calls them; a program that wants a pinhole finds
nothing to take for one) with ``fisheye_model: 1``, OpenCV's own key.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from calibration.files import write_file
from calibration.interop.registry import (
    Format,
    InteropError,
    RawCamera,
    RawRig,
    head,
    numbers,
    register,
    world_from,
    world_to_dict,
)
from calibration.lens import Model
from calibration.rig import Rig
from calibration.transform import Array

# Every spelling we have met, the first one is OpenCV's sample's and ours.
_SPELLINGS = {
    "K1": ("M1", "K1", "cameraMatrix1", "camera_matrix_1", "cameraMatrixL", "K_left", "mtxL"),
    "D1": ("D1", "distCoeffs1", "dist_coeffs_1", "distCoeffsL", "D_left", "distL"),
    "K2": ("M2", "K2", "cameraMatrix2", "camera_matrix_2", "cameraMatrixR", "K_right", "mtxR"),
    "D2": ("D2", "distCoeffs2", "dist_coeffs_2", "distCoeffsR", "D_right", "distR"),
    "R": ("R", "rotation", "R_RL"),
    "T": ("T", "translation", "t_RL"),
}


@register
class OpenCVYaml(Format):
    """FileStorage (.yml, .yaml, .xml)."""

    name = "opencv"
    suffix = ".yml"

    def matches(self, path: Path) -> bool:
        if path.is_dir():
            return (path / "intrinsics.yml").exists() and (path / "extrinsics.yml").exists()
        text = head(path, 200)
        return text.startswith("%YAML") or "<opencv_storage>" in text

    def read(self, path: Path) -> RawRig:
        found: dict[str, Array] = {}
        unit: str | None = None
        for file in _files(path):
            try:
                values, unit_here = _parse(file.read_text(encoding="utf-8", errors="replace"))
            except (cv2.error, SystemError) as error:
                raise InteropError(
                    "this cannot be read as opencv", where=file, found=str(error)[:160]
                ) from error
            found = values | found
            unit = unit_here or unit

        def get(what: str) -> Array:
            for key in _SPELLINGS[what]:
                if key in found:
                    return found[key]
            raise InteropError(
                f"{_SPELLINGS[what][0]} is missing",
                where=path,
                found=", ".join(sorted(found)) or "nothing",
                expected="one of " + ", ".join(_SPELLINGS[what]),
            )

        R = get("R")
        if R.size == 3:
            R = np.asarray(cv2.Rodrigues(R.reshape(3, 1))[0], np.float64)
        size = None
        if {"image_width", "image_height"} <= set(found):
            size = (int(found["image_width"]), int(found["image_height"]))
        world = world_from(found.get)
        model: Model = "equidistant" if float(found.get("fisheye_model", 0.0)) else "pinhole"
        cameras = (
            RawCamera(
                "left",
                numbers(get("K1"), (3, 3), "M1", path),
                numbers(get("D1"), (-1,), "D1", path),
                size,
                np.eye(3),
                np.zeros(3),
                model,
            ),
            RawCamera(
                "right",
                numbers(get("K2"), (3, 3), "M2", path),
                numbers(get("D2"), (-1,), "D2", path),
                _second_size(found) or size,
                numbers(R, (3, 3), "R", path),
                numbers(get("T"), (3,), "T", path),
                model,
            ),
        )
        return RawRig(cameras, unit, *(world or (None, None)))

    def write(self, rig: Rig, path: Path) -> tuple[str, ...]:
        if rig.left.model != rig.right.model:
            raise InteropError(
                "a file of OpenCV has one lens model for both cameras",
                found=f"left {rig.left.model}, right {rig.right.model}",
                remedy="Write it as kalibr or ros.",
            )
        fisheye = rig.left.model == "equidistant"
        K = "K" if fisheye else "M"
        storage = cv2.FileStorage(".yml", cv2.FileStorage_WRITE | cv2.FileStorage_MEMORY)
        storage.write("unit", "m")
        storage.write("image_width", rig.left.size_px[0])
        storage.write("image_height", rig.left.size_px[1])
        storage.write("image_width_2", rig.right.size_px[0])
        storage.write("image_height_2", rig.right.size_px[1])
        storage.write("fisheye_model", int(fisheye))
        storage.write(f"{K}1", rig.left.K)
        storage.write("D1", rig.left.distortion.reshape(1, -1))
        storage.write(f"{K}2", rig.right.K)
        storage.write("D2", rig.right.distortion.reshape(1, -1))
        storage.write("R", rig.T_RL.R)
        storage.write("T", rig.T_RL.t.reshape(3, 1))
        for key, value in (world_to_dict(rig) or {}).items():
            storage.write(key, np.asarray(value, np.float64).reshape(3, -1))
        write_file(path, storage.releaseAndGetString())
        return ()


def _parse(text: str) -> tuple[dict[str, Array], str | None]:
    """Matrices and numbers at the top of a FileStorage text, and our ``unit`` where it is there."""
    values: dict[str, Array] = {}
    unit: str | None = None
    if not text.strip():
        return values, unit
    storage = cv2.FileStorage(text, cv2.FileStorage_READ | cv2.FileStorage_MEMORY)
    root = storage.root()
    for key in root.keys() if root is not None and root.isMap() else ():
        node = storage.getNode(key)
        if node.isMap():
            matrix = node.mat()
            if matrix is not None:
                values[key] = np.asarray(matrix, np.float64)
        elif node.isReal() or node.isInt():
            values[key] = np.array(node.real())
        elif node.isString() and key == "unit":
            unit = node.string()
    storage.release()
    return values, unit


def _files(path: Path) -> list[Path]:
    """The file, or the two files that OpenCV's sample writes side by side."""
    folder = path if path.is_dir() else path.parent
    pair = [folder / "intrinsics.yml", folder / "extrinsics.yml"]
    if path.is_dir() or path in pair:
        return [p for p in pair if p.exists()]
    return [path]


def _second_size(found: dict[str, Array]) -> tuple[int, int] | None:
    if {"image_width_2", "image_height_2"} <= set(found):
        return int(found["image_width_2"]), int(found["image_height_2"])
    return None
