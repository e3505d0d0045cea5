"""What every format shares: the raw content of a file, its units, and the way to a Rig and back."""

from __future__ import annotations

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from calibration import rig_file
from calibration.camera import CAMERAS, Camera
from calibration.errors import UserError
from calibration.lens import Model
from calibration.rig import Rig
from calibration.transform import Array, Transform
from calibration.verdict import Cause, Verdict

METRES_PER = {"m": 1.0, "cm": 0.01, "mm": 0.001}

# A number for the distance of two cameras says by its size alone whether it is metres or
# millimetres: no classroom is 20 m between its cameras, no stereo rig is 50 mm or less apart.
LARGEST_BASELINE_IN_M = 20.0
SMALLEST_BASELINE_IN_MM = 50.0


class InteropError(UserError):
    """A file of another tool that cannot be read as a pair of cameras, or a rig it cannot hold."""


@dataclass(frozen=True)
class RawCamera:
    """One camera as a file gives it.

    R_CX, t_CX take coordinates in the file's common frame X to the camera's; t_CX is in the
    file's own unit. size_px is (width, height), or None where the format does not say.
    """

    name: str
    K: Array
    distortion: Array
    size_px: tuple[int, int] | None
    R_CX: Array
    t_CX: Array
    model: Model = "pinhole"


@dataclass(frozen=True)
class RawRig:
    """What a file holds: cameras in one frame X, the unit where it is written down, our world."""

    cameras: tuple[RawCamera, ...]
    unit: str | None = None
    T_AL: Transform | None = None
    T_WA: Transform | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """A rig read from another tool's file, and in words what was assumed on the way."""

    rig: Rig
    format: str
    notes: tuple[str, ...]


class Format(ABC):
    """One file format. ``matches`` must be cheap and must not raise."""

    name: str
    suffix: str
    #: Lens models that the format's readers know.
    models: tuple[Model, ...] = ("pinhole", "equidistant")

    @abstractmethod
    def matches(self, path: Path) -> bool:
        """Whether the file (or folder) looks like this format."""

    @abstractmethod
    def read(self, path: Path) -> RawRig:
        """The file's content, in its own units and frame."""

    @abstractmethod
    def write(self, rig: Rig, path: Path) -> tuple[str, ...]:
        """Write the file, in metres; returns what could not be carried, in words."""


_FORMATS: dict[str, Format] = {}


def register(cls: type[Format]) -> type[Format]:
    """Class decorator: makes a format known under its ``name``."""
    _FORMATS[cls.name] = cls()
    return cls


def formats() -> tuple[str, ...]:
    """Names of all formats."""
    return tuple(sorted(_FORMATS))


def read(
    path: str | Path,
    format: str = "auto",
    *,
    unit: str = "auto",
    cameras: Sequence[str] | None = None,
    size_px: tuple[int, int] | None = None,
) -> Imported:
    """Read two cameras and their relative pose from another tool's file.

    Parameters
    ----------
    path : the file; for ``ros`` a folder with ``left.yaml`` and ``right.yaml``, or the left one.
    format : a name of :func:`formats`, or ``auto`` (by content).
    unit : ``m``, ``cm`` or ``mm``; ``auto``: what the file says, else by the baseline's size.
    cameras : the (left, right) names in a file of more than two; default: those called left and
        right, else the only two, in their order.
    size_px : (width, height) of the pictures, for files that do not say.

    Returns
    -------
    Imported : a Rig without covariance, its verdict WARN; without a world unless the file was
        written by :func:`write` (only our own frames A and W are taken for what they are).

    Raises
    ------
    InteropError : no such file, unknown format, not two cameras, a lens model we do not have
        (fisheye), an ambiguous unit.
    """
    path = Path(path)
    if not path.exists():
        raise InteropError("there is no such file", where=path)
    chosen = _format(path, format)
    raw = _guarded(chosen, path)
    pair = _choose(raw.cameras, cameras, path)
    notes = list(raw.notes)

    t_RL = pair[1].t_CX - pair[1].R_CX @ pair[0].R_CX.T @ pair[0].t_CX
    scale, note = _metres_per_unit(float(np.linalg.norm(t_RL)), unit, raw.unit, path)
    notes.append(note)
    lenses = []
    for name, cam in zip(CAMERAS, pair, strict=True):
        size = cam.size_px or size_px
        if size is None:
            raise InteropError(
                f"the file does not say how large the pictures of camera {cam.name!r} are",
                where=path,
                remedy="Give size_px = (width, height).",
            )
        try:
            lenses.append(Camera(cam.K, cam.distortion, size, name, cam.model))
        except ValueError as error:
            raise InteropError(str(error), where=path) from error
        if cam.name != name:
            notes.append(f"camera {cam.name!r} is taken for {name!r}")
    R_RL = _nearest_rotation(pair[1].R_CX @ pair[0].R_CX.T, path)
    rig = Rig(
        left=lenses[0],
        right=lenses[1],
        T_RL=Transform(R_RL, t_RL * scale, "R", "L"),
        T_AL=raw.T_AL,
        T_WA=raw.T_WA,
        verdict=Verdict(
            (
                Cause(
                    "imported",
                    "WARN",
                    f"this rig was read from a file of {chosen.name}: how good it is, is not known",
                    "Calibrate with the board, or check it in your room with `gaze validate`.",
                ),
            )
        ),
    )
    if rig.T_LR.t[0] > 0:
        notes.append(
            "the camera called right is on the right-hand side as the cameras see it, so on the "
            "LEFT for somebody who faces the blackboard: swap the two if they stand at the board"
        )
    notes.append("the file carries no uncertainty: the rig has none, and its verdict is WARN")
    source = rig_file.Imported(file=path.name, format=chosen.name, notes=tuple(notes))
    rig = replace(rig, inputs=rig_file.RigInputs(imported=source))
    return Imported(rig, chosen.name, tuple(notes))


def write(rig: Rig, path: str | Path, format: str) -> tuple[str, ...]:
    """Write a rig for another tool, in metres; returns what was left behind, in words.

    Raises
    ------
    InteropError : an unknown format, or a lens that the format cannot hold.
    """
    path = Path(path)
    if format not in _FORMATS:
        raise InteropError("unknown format", found=format, expected=" or ".join(formats()))
    chosen = _FORMATS[format]
    for cam in (rig.left, rig.right):
        if cam.model not in chosen.models:
            raise InteropError(
                f"{format} has no lens model for a fisheye, which the {cam.name} camera is",
                remedy="Write it as kalibr, ros, opencv, aniposelib or caliscope.",
            )
    notes = list(chosen.write(rig, path))
    notes.append("lengths are metres")
    if rig.covariance is not None:
        notes.append("uncertainty, verdict and inputs are not carried: keep the rig.json")
    return tuple(notes)


# -- for the formats -------------------------------------------------------------------------------
def head(path: Path, n: int = 4096) -> str:
    """The first characters of a file, or nothing."""
    try:
        with path.open("rb") as f:
            return f.read(n).decode("utf-8", "replace")
    except OSError:
        return ""


def numbers(value: Any, shape: tuple[int, ...], what: str, path: Path) -> Array:
    """An array of this shape (−1: any length) or an InteropError that names what is wrong."""
    try:
        a = np.asarray(value, np.float64)
        a = a.reshape(shape)
    except (TypeError, ValueError) as error:
        raise InteropError(
            f"{what} is not what it should be", where=path, found=value, expected=f"shape {shape}"
        ) from error
    if not np.isfinite(a).all():
        raise InteropError(f"{what} has values that are not numbers", where=path)
    return a


def pinhole(fx: float, fy: float, cx: float, cy: float) -> Array:
    """K (3, 3) from four numbers in pixels."""
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def world_to_dict(rig: Rig) -> dict[str, list[Any]] | None:
    """Our A and W as extra keys for formats that tolerate them, or None."""
    if rig.T_AL is None or rig.T_WA is None:
        return None
    return {
        "R_AL": rig.T_AL.R.tolist(),
        "t_AL_m": rig.T_AL.t.tolist(),
        "R_WA": rig.T_WA.R.tolist(),
        "t_WA_m": rig.T_WA.t.tolist(),
    }


def world_from(get: Callable[[str], ArrayLike | None]) -> tuple[Transform, Transform] | None:
    """(T_AL, T_WA) from the keys of :func:`world_to_dict`, or None."""
    values = [get(k) for k in ("R_AL", "t_AL_m", "R_WA", "t_WA_m")]
    if any(v is None for v in values):
        return None
    R_AL, t_AL, R_WA, t_WA = (np.asarray(v, np.float64) for v in values)
    return (
        Transform(R_AL.reshape(3, 3), t_AL.ravel(), "A", "L"),
        Transform(R_WA.reshape(3, 3), t_WA.ravel(), "W", "A"),
    )


# -- inside ----------------------------------------------------------------------------------------
def _format(path: Path, name: str) -> Format:
    if name != "auto":
        if name not in _FORMATS:
            raise InteropError("unknown format", found=name, expected=" or ".join(formats()))
        return _FORMATS[name]
    for candidate in _FORMATS.values():
        if candidate.matches(path):
            return candidate
    raise InteropError(
        "this is no calibration file that we know",
        where=path,
        expected=" or ".join(formats()),
        remedy="Name its format if you know it.",
    )


def _guarded(chosen: Format, path: Path) -> RawRig:
    """The file's content; whatever is wrong with the file becomes one clear sentence."""
    import yaml

    try:
        return chosen.read(path)
    except (KeyError, IndexError) as error:
        raise InteropError(f"{error} is missing", where=path, expected=chosen.name) from error
    except (
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        RecursionError,
        yaml.YAMLError,
        tomllib.TOMLDecodeError,
    ) as error:
        raise InteropError(
            f"this cannot be read as {chosen.name}",
            where=path,
            found=f"{type(error).__name__}: {str(error)[:200]}",
        ) from error


def _choose(
    cameras: tuple[RawCamera, ...], names: Sequence[str] | None, path: Path
) -> tuple[RawCamera, RawCamera]:
    known = {c.name: c for c in cameras}
    if names is not None:
        for name in names:
            if name not in known:
                raise InteropError("no such camera", where=path, found=name, expected=list(known))
        return known[names[0]], known[names[1]]
    if {"left", "right"} <= set(known):
        return known["left"], known["right"]
    if len(cameras) != 2:
        raise InteropError(
            "two cameras are needed",
            where=path,
            found=f"{len(cameras)}: {', '.join(known) or 'none'}",
            remedy="Say which are left and right: cameras = (left, right).",
        )
    return cameras[0], cameras[1]


def _metres_per_unit(
    baseline: float, asked: str, written: str | None, path: Path
) -> tuple[float, str]:
    """The factor to metres, and a sentence that says how it was found."""
    if not np.isfinite(baseline) or baseline <= 0:
        raise InteropError("the two cameras are at the same place", where=path)
    if asked != "auto":
        if asked not in METRES_PER:
            raise InteropError("unknown unit", found=asked, expected="m, cm or mm")
        unit, how = asked, "as you said"
    elif written is not None:
        if written not in METRES_PER:
            raise InteropError("unknown unit", where=path, found=written, expected="m, cm or mm")
        unit, how = written, "as the file says"
    elif baseline <= LARGEST_BASELINE_IN_M:
        unit, how = "m", "judged by its size"
    elif baseline >= SMALLEST_BASELINE_IN_MM:
        unit, how = "mm", "judged by its size"
    else:
        raise InteropError(
            "the unit cannot be told",
            where=path,
            found=f"cameras {baseline:g} units apart",
            remedy="Say which it is: unit = m, cm or mm.",
        )
    metres = baseline * METRES_PER[unit]
    return METRES_PER[unit], (
        f"lengths read as {unit} ({how}): the cameras are {baseline:.6g} {unit} = {metres:.4g} m "
        "apart; if that is wrong, give the unit"
    )


def _nearest_rotation(R: Array, path: Path) -> Array:
    """R with the rounding of a text file taken out; far from a rotation is an error."""
    U, s, Vt = np.linalg.svd(R)
    if np.abs(s - 1).max() > 1e-2 or np.linalg.det(R) < 0:
        raise InteropError(
            "the rotation between the cameras is none", where=path, found=f"scales {s.round(4)}"
        )
    return np.asarray(U @ Vt)
