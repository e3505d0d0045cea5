"""The rig: two cameras, where they are, and the covariance of all of it. ``rig.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from calibration.camera import Camera
from calibration.errors import CalibrationError, RigError, first_fault
from calibration.files import write_file
from calibration.rig_file import (
    FORMAT,
    VERSION,
    CameraPart,
    CamerasPart,
    RigFile,
    RigInputs,
    TransformPart,
    VerdictPart,
    of_version_1,
)  # fmt: skip
from calibration.rig_quality import RigQuality
from calibration.transform import Array, Transform, rotation_exp
from calibration.verdict import Verdict

#: A parameter is moved by so much at most where a slope is taken: of a focal length, in pixels;
#: radians, metres and distortions.
MOST_OF_FOCAL, MOST = 0.02, 0.05
IN_PX = (".fx", ".fy", ".cx", ".cy")


@dataclass(frozen=True)
class Rig:
    """What ``gaze calibrate`` finds.

    Camera frames are ``L`` (left, the reference) and ``R`` (right); ``A`` and ``W`` as in
    docs/conventions.md.

    Parameters
    ----------
    left, right : the cameras.
    T_RL : left → right camera coordinates.
    T_AL : left camera → auxiliary board, or None (no auxiliary pictures: cameras only).
    T_WA : auxiliary board → world, or None.
    covariance : (P, P) of the parameters named by :attr:`parameter_names`: pixels for K, plain for
        distortion, radians and metres for the transforms (rotation vector δ in ``R exp(δ)``).
    verdict : what the solve says of itself.
    quality : the numbers behind the verdict. inputs : what it was made from.
    """

    left: Camera
    right: Camera
    T_RL: Transform
    T_AL: Transform | None = None
    T_WA: Transform | None = None
    covariance: Array | None = None
    verdict: Verdict = field(default_factory=Verdict)
    quality: RigQuality = field(default_factory=RigQuality)
    inputs: RigInputs = field(default_factory=RigInputs)

    def __post_init__(self) -> None:
        for T, frames in ((self.T_RL, "RL"), (self.T_AL, "AL"), (self.T_WA, "WA")):
            if T is not None and T.dst + T.src != frames:
                raise ValueError(f"expected T_{frames}, got T_{T.dst}{T.src}")
        n = len(self.parameter_names)
        if self.covariance is not None and np.shape(self.covariance) != (n, n):
            raise ValueError(f"covariance: expected ({n}, {n}), got {np.shape(self.covariance)}")

    # -- who is where ---------------------------------------------------------------------------
    def camera(self, name: str) -> Camera:
        """``left`` or ``right``."""
        return {"left": self.left, "right": self.right}[name]

    @property
    def T_LR(self) -> Transform:
        """Right → left camera coordinates."""
        return self.T_RL.inverse()

    @property
    def baseline_m(self) -> float:
        """Distance of the two optical centres."""
        return float(np.linalg.norm(self.T_RL.t))

    def T_WC(self, name: str) -> Transform:
        """Camera → world for ``left`` or ``right``: ``T_WA @ T_AL [@ T_LR]``."""
        return self._T_WC[name]

    @cached_property
    def _T_WC(self) -> dict[str, Transform]:
        if self.T_WA is None or self.T_AL is None:
            raise RigError(
                "this rig has no world: it was made without pictures of the auxiliary board",
                remedy="Take calibration/auxiliary/left.jpg and right.jpg and calibrate again.",
            )
        T_WL = self.T_WA @ self.T_AL
        return {"left": T_WL, "right": T_WL @ self.T_LR}

    # -- parameters and their covariance --------------------------------------------------------
    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Order of the covariance: lenses first, then T_RL, T_AL, T_WA where they are known."""
        names: list[str] = []
        for cam in (self.left, self.right):
            names += [f"{cam.name}.{p}" for p in ("fx", "fy", "cx", "cy")]
            names += [f"{cam.name}.d{i}" for i in range(cam.distortion.size)]
        for frames, T in (("RL", self.T_RL), ("AL", self.T_AL), ("WA", self.T_WA)):
            if T is not None:
                names += [f"R_{frames}.{a}" for a in "xyz"] + [f"t_{frames}.{a}" for a in "xyz"]
        return tuple(names)

    def steps(self, share: float) -> Array:
        """(P,) a share of each parameter's σ, but no further than a slope is one.

        Pictures of another camera leave lenses that are known to less than their own size.
        """
        assert self.covariance is not None
        sigma = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        focal_px = min(cam.K[i, i] for cam in (self.left, self.right) for i in (0, 1))
        most = [
            MOST_OF_FOCAL * focal_px if n.endswith(IN_PX) else MOST for n in self.parameter_names
        ]
        return np.asarray(np.minimum(share * sigma, most), np.float64)

    def perturbed(self, delta: Array) -> Rig:
        """The rig with its parameters moved by ``delta`` (P,), in the order of the names.

        Lenses and translations add; rotations become ``R exp(δ)``; a camera whose lens is not moved
        is the same object. This is how any quantity's
        Jacobian with respect to the rig is taken (gaze/room/geometry.py).
        """
        delta = np.asarray(delta, np.float64)
        k = 0
        cameras = []
        for cam in (self.left, self.right):
            step = delta[k : k + cam.lens.size]
            k += cam.lens.size
            lens = cam.lens + step
            cameras.append(
                replace(cam, K=lens.K, distortion=lens.distortion) if step.any() else cam
            )
        moved: list[Transform | None] = []
        for T in (self.T_RL, self.T_AL, self.T_WA):
            if T is None:
                moved.append(None)
                continue
            R = T.R @ rotation_exp(delta[k : k + 3])
            moved.append(Transform(R, T.t + delta[k + 3 : k + 6], T.dst, T.src))
            k += 6
        assert k == delta.size and moved[0] is not None
        return replace(
            self, left=cameras[0], right=cameras[1], T_RL=moved[0], T_AL=moved[1], T_WA=moved[2]
        )

    def scaled(self, left_px: tuple[int, int], right_px: tuple[int, int]) -> Rig:
        """The rig for pictures of these (width, height) that show the same field of view.

        Lenses and their covariance are scaled about the picture's upper left corner; poses stay.
        """
        cameras, factors = [], np.ones(len(self.parameter_names))
        for cam, size in ((self.left, left_px), (self.right, right_px)):
            s = np.array(size) / np.array(cam.size_px)
            K = cam.K.copy()
            K[:2] *= s[:, None]
            K[:2, 2] += 0.5 * s - 0.5  # pixel centres are at whole numbers
            cameras.append(replace(cam, K=K, size_px=size))
            for name, factor in zip(("fx", "fy", "cx", "cy"), (*s, *s), strict=True):
                factors[self.parameter_names.index(f"{cam.name}.{name}")] = factor
        covariance = None
        if self.covariance is not None:
            covariance = self.covariance * factors[:, None] * factors
        return replace(self, left=cameras[0], right=cameras[1], covariance=covariance)

    # -- on disk ----------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""

        def pose(T: Transform) -> TransformPart:
            return TransformPart.model_validate(T.to_dict())

        def camera(c: Camera) -> CameraPart:
            return CameraPart.model_validate(c.to_dict())

        return RigFile(
            verdict=VerdictPart(status=self.verdict.status, causes=self.verdict.causes),
            cameras=CamerasPart(left=camera(self.left), right=camera(self.right)),
            T_RL=pose(self.T_RL),
            T_AL=None if self.T_AL is None else pose(self.T_AL),
            T_WA=None if self.T_WA is None else pose(self.T_WA),
            parameter_names=list(self.parameter_names),
            covariance=None if self.covariance is None else np.asarray(self.covariance).tolist(),
            quality=self.quality,
            inputs=self.inputs,
        ).model_dump(mode="json")

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Rig:
        """The inverse of :meth:`to_dict`; reads the last version too.

        Raises
        ------
        ValueError (pydantic's, or ours) : not what :class:`RigFile` describes; a variance below 0,
            a picture without pixels, a covariance of other parameters.
        """
        f = RigFile.model_validate(of_version_1(d) if d.get("version") == 1 else d)

        def pose(part: TransformPart) -> Transform:
            return Transform.from_dict(part.model_dump())

        rig = cls(
            left=Camera.from_dict(f.cameras.left.model_dump()),
            right=Camera.from_dict(f.cameras.right.model_dump()),
            T_RL=pose(f.T_RL),
            T_AL=None if f.T_AL is None else pose(f.T_AL),
            T_WA=None if f.T_WA is None else pose(f.T_WA),
            covariance=None if f.covariance is None else np.array(f.covariance),
            verdict=Verdict(f.verdict.causes),
            quality=f.quality,
            inputs=f.inputs,
        )
        if min(*rig.left.size_px, *rig.right.size_px) < 1:
            raise ValueError("a picture without pixels")
        if rig.covariance is not None:
            if f.parameter_names != list(rig.parameter_names):
                raise ValueError("the covariance is of other parameters")
            if (np.diag(rig.covariance) < 0).any():
                raise ValueError("a variance is below 0")
        return rig

    def save(self, path: str | Path) -> None:
        """Written aside, then renamed: a rig.json is whole or not there."""
        write_file(Path(path), json.dumps(self.to_dict(), indent=1))

    @classmethod
    def load(cls, path: str | Path) -> Rig:
        """Read a rig.json.

        Raises
        ------
        RigError : no such file, not a rig, or of another version.
        """
        path = Path(path)
        if not path.exists():
            raise RigError("there is no rig", where=path, remedy="Run `gaze calibrate` first.")
        try:
            d = json.loads(path.read_bytes().decode("utf-8-sig"))
            if d.get("format") != FORMAT:
                raise RigError("this is not a rig.json", where=path, found=d.get("format"))
            if d.get("version") not in (1, VERSION):
                raise RigError(
                    "the rig is of another version",
                    where=path,
                    found=f"version {d.get('version')}",
                    expected=VERSION,
                    remedy="Run `gaze calibrate` again.",
                )
            return cls.from_dict(d)
        except OSError as error:
            raise RigError("the rig cannot be read", where=path, found=error.strerror) from error
        except (
            CalibrationError, ValueError, KeyError, TypeError, AttributeError, RecursionError
        ) as error:  # fmt: skip
            raise RigError(
                "the rig cannot be read",
                where=path,
                found=first_fault(error),
                remedy="Run `gaze calibrate` again.",
            ) from error
