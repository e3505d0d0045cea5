"""The TOML family of motion capture: aniposelib, Caliscope, Pose2Sim.

A table for each camera: ``name size matrix distortions rotation translation``. ``rotation`` (a
rotation vector in radians; Caliscope also had 3×3 matrices) and ``translation`` take *world to
camera*: ``p_C = R p_world + t``. aniposelib and Pose2Sim put the tables at the top (``[cam_0]``),
Caliscope under ``[cameras.0]``. Their world is whatever their user chose, so it is not taken for
ours; a file that we wrote says in ``[metadata]`` that it is, and then reads back with its world.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

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
    world_from,
    world_to_dict,
)
from calibration.rig import Rig
from calibration.transform import Transform, rotation_exp, rotation_log


class AniposeFamily(Format):
    """What the three have in common: reading is the same for all."""

    suffix = ".toml"

    def read(self, path: Path) -> RawRig:
        with path.open("rb") as f:
            content = tomllib.load(f)
        tables = content.get("cameras", content)
        notes: list[str] = []
        cameras = []
        for key, table in tables.items():
            if not isinstance(table, dict) or "matrix" not in table:
                continue
            name = str(table.get("name", key))
            if "rotation" not in table or "translation" not in table:
                notes.append(f"camera {name!r} has no pose in the file and is left out")
                continue
            if table.get("rotation_count", 0) % 4:
                notes.append(
                    f"camera {name!r}: Caliscope shows its pictures turned by "
                    f"{90 * (table['rotation_count'] % 4)}°; the lens is taken to be that of the "
                    "pictures as they were recorded"
                )
            rotation = np.asarray(table["rotation"], np.float64)
            if rotation.size == 3:
                R_CX = rotation_exp(numbers(rotation, (3,), f"{name}.rotation", path))
            else:
                R_CX = numbers(rotation, (3, 3), f"{name}.rotation", path)
            size = numbers(table["size"], (2,), f"{name}.size", path)
            cameras.append(
                RawCamera(
                    name,
                    numbers(table["matrix"], (3, 3), f"{name}.matrix", path),
                    numbers(table["distortions"], (-1,), f"{name}.distortions", path),
                    (int(size[0]), int(size[1])),
                    R_CX,
                    numbers(table["translation"], (3,), f"{name}.translation", path),
                    "equidistant" if table.get("fisheye") else "pinhole",
                )
            )
        metadata = content.get("metadata", {})
        world = world_from(metadata.get)
        if world is None and any(
            np.abs(c.R_CX - np.eye(3)).max() + np.abs(c.t_CX).max() > 1e-9 for c in cameras[:1]
        ):
            notes.append("the file's world is not known to be ours and is left out")
        T_AL, T_WA = world or (None, None)
        return RawRig(tuple(cameras), metadata.get("unit"), T_AL, T_WA, tuple(notes))

    def write(self, rig: Rig, path: Path) -> tuple[str, ...]:
        has_world = rig.T_WA is not None and rig.T_AL is not None
        lines: list[str] = []
        for i, cam in enumerate((rig.left, rig.right)):
            if has_world:
                T_CX = rig.T_WC(cam.name).inverse()
            else:
                T_CX = Transform.identity("L", "X") if i == 0 else rig.T_RL
            lines += self.table(i, cam) + [
                f"size = {[int(v) for v in cam.size_px]}",
                f"matrix = {cam.K.tolist()}",
                f"distortions = {cam.distortion.tolist()}",
                f"rotation = {rotation_log(T_CX.R).tolist()}",
                f"translation = {T_CX.t.tolist()}",
                "",
            ]
        lines += ["[metadata]", "adjusted = true", 'unit = "m"']
        lines += [f"{key} = {value}" for key, value in (world_to_dict(rig) or {}).items()]
        write_file(path, "\n".join(lines) + "\n")
        return (
            "rotation and translation are world → camera; the world is "
            + ("W, the blackboard's upper right corner" if has_world else "the left camera"),
        )

    def table(self, index: int, cam: Camera) -> list[str]:
        """The table's head and the keys that only this tool wants."""
        return [f"[cam_{index}]", f'name = "{cam.name}"', _fisheye(cam)]


def _fisheye(cam: Camera) -> str:
    return f"fisheye = {str(cam.model == 'equidistant').lower()}"


@register
class Aniposelib(AniposeFamily):
    """aniposelib and anipose ``calibration.toml``: five coefficients, or a fisheye's four."""

    name = "aniposelib"

    def matches(self, path: Path) -> bool:
        content = _toml(path)
        return any(isinstance(t, dict) and "matrix" in t for t in content.values())

    def write(self, rig: Rig, path: Path) -> tuple[str, ...]:
        for cam in (rig.left, rig.right):
            if np.abs(cam.distortion[5:]).max(initial=0.0) > 0:
                raise InteropError(
                    f"aniposelib has five distortion coefficients, camera {cam.name} has "
                    f"{cam.distortion.size}",
                    remedy="Write it as opencv, or calibrate with the model of five.",
                )
        five = [_five(cam) for cam in (rig.left, rig.right)]
        without = replace(rig, left=five[0], right=five[1], covariance=None)
        return super().write(without, path)


@register
class Pose2Sim(AniposeFamily):
    """Pose2Sim ``Calib.toml``: as aniposelib, with ``fisheye``; lengths in metres."""

    name = "pose2sim"
    models = ("pinhole",)  # its fisheye flag is written and never read

    def matches(self, path: Path) -> bool:
        return False  # reads as aniposelib, which differs in nothing that matters here

    def table(self, index: int, cam: Camera) -> list[str]:
        return [f"[cam_{index + 1:02d}]", f'name = "{cam.name}"', _fisheye(cam)]


@register
class Caliscope(AniposeFamily):
    """Caliscope ``camera_array.toml``: tables under ``[cameras.N]``."""

    name = "caliscope"

    def matches(self, path: Path) -> bool:
        cameras = _toml(path).get("cameras")
        return isinstance(cameras, dict) and any(
            isinstance(t, dict) and "matrix" in t for t in cameras.values()
        )

    def table(self, index: int, cam: Camera) -> list[str]:
        return [
            f"[cameras.{index}]",
            f"cam_id = {index}",
            f'name = "{cam.name}"',
            "rotation_count = 0",
            "ignore = false",
            _fisheye(cam),
        ]


def _five(cam: Camera) -> Camera:
    if cam.model == "equidistant":
        return cam
    D = np.zeros(5)
    D[: min(5, cam.distortion.size)] = cam.distortion[:5]
    return replace(cam, distortion=D)


def _toml(path: Path) -> dict[str, Any]:
    if path.is_dir() or "[" not in head(path):
        return {}
    try:
        with path.open("rb") as f:
            return tomllib.load(f)
    except (OSError, ValueError, RecursionError):
        return {}
