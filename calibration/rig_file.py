"""rig.json as it lies on the disk: one model, one version, one reader (``Rig.load``)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from calibration.verdict import Status

FORMAT = "classroom-gaze rig"
VERSION = 1

Row3 = tuple[float, float, float]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class CameraPart(_Part):
    """One lens: pixels; ``distortion`` in OpenCV's order."""

    name: str
    size_px: tuple[int, int]
    K: tuple[Row3, Row3, Row3]
    distortion: list[float]


class TransformPart(_Part):
    """``p_dst = R p_src + t``, metres."""

    dst: str
    src: str
    R: tuple[Row3, Row3, Row3]
    t_m: Row3


class CausePart(_Part):
    """One finding of the verdict."""

    code: str
    severity: Status
    message: str
    action: str = ""
    cost_cm: float | None = None


class VerdictPart(_Part):
    """PASS, WARN or FAIL, and why."""

    status: Status
    causes: list[CausePart]


class CamerasPart(_Part):
    """Left and right for somebody who faces the blackboard."""

    left: CameraPart
    right: CameraPart


class RigFile(_Part):
    """Everything in rig.json. ``covariance`` is that of ``parameter_names``, in their order."""

    format: Literal["classroom-gaze rig"]
    version: Literal[1]
    verdict: VerdictPart
    cameras: CamerasPart
    T_RL: TransformPart
    T_AL: TransformPart | None = None
    T_WA: TransformPart | None = None
    parameter_names: list[str]
    covariance: list[list[float]] | None = None
    quality: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
