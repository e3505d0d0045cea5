"""ROS ``camera_info`` YAML: a file for each camera, ``left.yaml`` and ``right.yaml``, in a folder.

``distortion_model`` plumb_bob (k1 k2 p1 p2 k3), rational_polynomial (eight coefficients) or
equidistant (k1 k2 k3 k4).
The relative pose is inside the rectification: ``rectification_matrix`` turns camera coordinates
into rectified ones, and the right ``projection_matrix`` has f·T in its last column, so

    R₂ p_R = R₁ p_L + (P₂[0,3] / P₂[0,0], P₂[1,3] / P₂[1,1], 0)

and therefore ``R_RL = R₂ᵀ R₁`` and ``t_RL = R₂ᵀ (…)``, in metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from calibration.camera import Camera
from calibration.files import write_file
from calibration.interop.registry import (
    Format,
    InteropError,
    RawCamera,
    RawRig,
    head,
    numbers,
    register,
)
from calibration.rig import Rig
from calibration.transform import Array

_COEFFICIENTS = {"plumb_bob": 5, "rational_polynomial": 8}
_FISHEYE = ("equidistant", "fisheye")  # ROS has had both names for it


@register
class Ros(Format):
    """A folder with ``left.yaml`` and ``right.yaml`` (or the path of the left one)."""

    name = "ros"
    suffix = ""

    def matches(self, path: Path) -> bool:
        left, right = _pair(path)
        return right.exists() and "camera_matrix:" in head(left) and "image_width:" in head(left)

    def read(self, path: Path) -> RawRig:
        tables: list[dict[str, Any]] = []
        for file in _pair(path):
            if not file.exists():
                raise InteropError(
                    "the other camera's file is missing", where=file, expected="left and right.yaml"
                )
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            if not isinstance(content, dict):
                raise InteropError("this is no camera_info", where=file)
            tables.append(content)
        left, right = tables
        R1, R2 = (_matrix(t, "rectification_matrix", (3, 3), path) for t in tables)
        P2 = _matrix(right, "projection_matrix", (3, 4), path)
        if not P2[:2, 3].any():
            raise InteropError(
                "the right projection_matrix has no baseline: these are two single cameras",
                where=path,
                remedy="Calibrate them as a stereo pair.",
            )
        shift = np.array([P2[0, 3] / P2[0, 0], P2[1, 3] / P2[1, 1], 0.0])
        cameras = (
            _camera("left", left, np.eye(3), np.zeros(3), path),
            _camera("right", right, R2.T @ R1, R2.T @ shift, path),
        )
        return RawRig(cameras)

    def write(self, rig: Rig, path: Path) -> tuple[str, ...]:
        R, t = rig.T_RL.R, rig.T_RL.t
        # Only the rotations are OpenCV's; its own P is tuned to what remains visible, and for
        # cameras that converge by 60° and more that is nothing.
        K = rig.left.K
        none = np.zeros(5)
        R1, R2 = cv2.stereoRectify(K, none, K, none, rig.left.size_px, R, t.reshape(3, 1))[:2]
        f = (rig.left.f_px + rig.right.f_px) / 2
        shift = R2 @ t
        for cam, Rn, offset in (
            (rig.left, R1, np.zeros(3)),
            (rig.right, R2, np.array([shift[0], shift[1], 0.0])),
        ):
            w, h = cam.size_px
            P = np.array([[f, 0, (w - 1) / 2], [0, f, (h - 1) / 2], [0, 0, 1.0]])
            P = np.column_stack([P, f * offset])
            model, D = _distortion(cam)
            content = {
                "image_width": w,
                "image_height": h,
                "camera_name": cam.name,
                "camera_matrix": _data(cam.K),
                "distortion_model": model,
                "distortion_coefficients": _data(D[None]),
                "rectification_matrix": _data(np.asarray(Rn, np.float64)),
                "projection_matrix": _data(P),
            }
            text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
            write_file(_folder(path) / f"{cam.name}.yaml", text)
        notes = []
        turned = np.degrees(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1)))
        if turned > 30:
            notes.append(
                f"the cameras are turned {turned:.0f}° against each other: rectified pictures lose "
                "most of their overlap; use the poses, not the rectification"
            )
        if rig.T_WA is not None:
            notes.append("camera_info has no world: the blackboard is left behind")
        return tuple(notes)


def _pair(path: Path) -> tuple[Path, Path]:
    if path.is_dir() or not path.suffix:
        return path / "left.yaml", path / "right.yaml"
    return path, path.with_name(path.name.replace("left", "right"))


def _folder(path: Path) -> Path:
    return path.parent if path.suffix else path


def _data(a: Array) -> dict[str, Any]:
    return {"rows": a.shape[0], "cols": a.shape[1], "data": [float(v) for v in a.ravel()]}


def _matrix(table: dict[str, Any], key: str, shape: tuple[int, ...], path: Path) -> Array:
    value = table[key]
    return numbers(value["data"] if isinstance(value, dict) else value, shape, key, path)


def _camera(name: str, table: dict[str, Any], R_CX: Array, t_CX: Array, path: Path) -> RawCamera:
    model = table.get("distortion_model", "plumb_bob")
    if model not in (*_COEFFICIENTS, *_FISHEYE):
        raise InteropError(
            f"the {name} camera has a lens model that this project has not",
            where=path,
            found=model,
            expected=" or ".join((*_COEFFICIENTS, _FISHEYE[0])),
        )
    return RawCamera(
        str(name),
        _matrix(table, "camera_matrix", (3, 3), path),
        _matrix(table, "distortion_coefficients", (-1,), path),
        (int(table["image_width"]), int(table["image_height"])),
        R_CX,
        t_CX,
        "equidistant" if model in _FISHEYE else "pinhole",
    )


def _distortion(cam: Camera) -> tuple[str, Array]:
    """The ROS model that holds this lens without loss."""
    D = cam.distortion
    if cam.model == "equidistant":
        return _FISHEYE[0], D
    for model, n in _COEFFICIENTS.items():
        if np.abs(D[n:]).max(initial=0.0) == 0:
            full = np.zeros(n)
            full[: min(n, D.size)] = D[:n]
            return model, full
    raise InteropError(
        f"ROS has no lens model for camera {cam.name}",
        found=f"{D.size} distortion coefficients",
        expected="at most eight",
        remedy="Write it as opencv.",
    )
