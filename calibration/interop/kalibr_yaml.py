"""Kalibr's camchain YAML.

``cam0``, ``cam1``: ``camera_model pinhole``, ``distortion_model radtan`` (k1 k2 p1 p2),
``equidistant`` (k1 k2 k3 k4: our equidistant lens) or ``none``,
``intrinsics [fu, fv, pu, pv]``, ``resolution [width, height]``. ``T_cn_cnm1`` (4×4) of camera n
takes coordinates of camera n−1 to camera n, in metres: with cam0 = left it *is* T_RL.
Radtan has four coefficients. A lens with more is refitted to four over its own picture, and the
note says how far off that is; beyond 0.1 px it is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.optimize import least_squares

from calibration.camera import CAMERAS, Camera
from calibration.files import write_file
from calibration.interop.registry import (
    Format,
    InteropError,
    RawCamera,
    RawRig,
    head,
    numbers,
    pinhole,
    register,
)
from calibration.lens import Model
from calibration.rig import Rig
from calibration.transform import Array

LARGEST_REFIT_ERROR_PX = 0.1
_NAMES: dict[Model, str] = {"pinhole": "radtan", "equidistant": "equidistant"}


@register
class Kalibr(Format):
    """``camchain-….yaml``."""

    name = "kalibr"
    suffix = ".yaml"

    def matches(self, path: Path) -> bool:
        text = head(path)
        return "cam0:" in text and "camera_model" in text

    def read(self, path: Path) -> RawRig:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise InteropError("this is no camchain", where=path, expected="cam0: …, cam1: …")
        cameras: list[RawCamera] = []
        T_CX = np.eye(4)
        i = 0
        while (table := content.get(f"cam{i}")) is not None:
            if i > 0:
                if "T_cn_cnm1" not in table:
                    raise InteropError(
                        f"cam{i} has no T_cn_cnm1",
                        where=path,
                        remedy="Calibrate all cameras in one run of Kalibr.",
                    )
                step = numbers(table["T_cn_cnm1"], (4, 4), f"cam{i}.T_cn_cnm1", path)
                T_CX = step @ T_CX
            cameras.append(_camera(f"cam{i}", table, T_CX, path))
            i += 1
        return RawRig(tuple(cameras))

    def write(self, rig: Rig, path: Path) -> tuple[str, ...]:
        notes = []
        content: dict[str, Any] = {}
        for i, cam in enumerate((rig.left, rig.right)):
            four, error_px = radtan4(cam)
            if error_px > LARGEST_REFIT_ERROR_PX:
                raise InteropError(
                    f"Kalibr's radtan has four distortion coefficients and cannot hold the lens "
                    f"of camera {cam.name}",
                    found=f"up to {error_px:.2f} px off",
                    expected=f"at most {LARGEST_REFIT_ERROR_PX} px",
                    remedy="Write it as opencv or ros.",
                )
            if error_px > 0:
                notes.append(
                    f"camera {cam.name}: {cam.distortion.size} distortion coefficients were "
                    f"refitted to Kalibr's four, at most {error_px:.3f} px off in the picture"
                )
            K, D = four.K, four.distortion
            content[f"cam{i}"] = {
                "cam_overlaps": [1 - i],
                "camera_model": "pinhole",
                "distortion_coeffs": D.tolist(),
                "distortion_model": _NAMES[cam.model],
                "intrinsics": [float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])],
                "resolution": list(cam.size_px),
                "rostopic": f"/{cam.name}/image_raw",
            }
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = rig.T_RL.R, rig.T_RL.t
        content["cam1"]["T_cn_cnm1"] = T.tolist()
        write_file(path, yaml.safe_dump(content, default_flow_style=None, width=100))
        if rig.T_WA is not None:
            notes.append("a camchain has no world: the blackboard is left behind")
        return tuple(notes)


def _camera(name: str, table: dict[str, Any], T_CX: Array, path: Path) -> RawCamera:
    model, distortion_model = table.get("camera_model"), table.get("distortion_model", "none")
    if model != "pinhole" or distortion_model not in (*_NAMES.values(), "none"):
        raise InteropError(
            f"{name} has a lens model that this project has not",
            where=path,
            found=f"{model}-{distortion_model}",
            expected="pinhole-radtan or pinhole-equidistant",
            remedy="Run Kalibr with --models pinhole-radtan or pinhole-equi.",
        )
    size = numbers(table["resolution"], (2,), f"{name}.resolution", path)
    D = np.zeros(4)
    if distortion_model != "none":
        D = numbers(table["distortion_coeffs"], (-1,), f"{name}.distortion_coeffs", path)
    topic = str(table.get("rostopic", ""))
    for side in CAMERAS:
        if side in topic:
            name = side
    return RawCamera(
        name,
        pinhole(*numbers(table["intrinsics"], (4,), f"{name}.intrinsics", path)),
        D,
        (int(size[0]), int(size[1])),
        T_CX[:3, :3].copy(),
        T_CX[:3, 3].copy(),
        "equidistant" if distortion_model == "equidistant" else "pinhole",
    )


def radtan4(cam: Camera) -> tuple[Camera, float]:
    """The lens with k1 k2 p1 p2 alone that is nearest to ``cam``, and the largest error in pixels.

    Fitted over a grid of 20 × 20 rays that fill the picture. A lens that has no other coefficient
    is returned as it is, with an error of zero.
    """
    D = cam.distortion
    if np.abs(D[4:]).max(initial=0.0) == 0:
        return replace(cam, distortion=D[:4]), 0.0
    w, h = cam.size_px
    uv = np.stack(np.meshgrid(np.linspace(0, w - 1, 20), np.linspace(0, h - 1, 20)), -1)
    uv = uv.reshape(-1, 2)
    rays = cam.rays(uv)
    uv, rays = (a[np.isfinite(rays).all(1)] for a in (uv, rays))
    rays = rays / rays[:, 2:]

    def lens(x: Array) -> Camera:
        return Camera(pinhole(*x[:4]), x[4:], cam.size_px, cam.name)

    def residual(x: Array) -> Array:
        return np.asarray(np.nan_to_num(lens(x).project(rays) - uv, nan=1e3).ravel(), np.float64)

    K = cam.K
    x0 = np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2], *D[:4]])
    fit = least_squares(residual, x0, x_scale=np.array([1e3, 1e3, 1e3, 1e3, 0.1, 0.1, 0.01, 0.01]))
    error = np.linalg.norm(residual(fit.x).reshape(-1, 2), axis=1).max()
    return lens(fit.x), float(error)
