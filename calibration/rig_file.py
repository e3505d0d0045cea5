"""rig.json as it lies on the disk: one model, one version, one reader (``Rig.load``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from calibration.inputs import Seen
from calibration.mounting import Mounting
from calibration.rig_quality import Matrix3, Part, RigQuality, Row3
from calibration.verdict import Cause, Status, Verdict

FORMAT: Final = "classroom-gaze rig"
VERSION: Final = 2


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class CameraPart(_Strict):
    """One lens: pixels; ``distortion`` as :class:`calibration.camera.Camera` has it."""

    name: str
    size_px: tuple[int, int]
    K: Matrix3
    distortion: list[float]
    model: Literal["pinhole", "equidistant"] = "pinhole"


class TransformPart(_Strict):
    """``p_dst = R p_src + t``, metres."""

    dst: str
    src: str
    R: Matrix3
    t_m: Row3


class VerdictPart(_Strict):
    """PASS, WARN or FAIL, and why."""

    status: Status
    causes: tuple[Cause, ...]


class _VerdictAlone(Part):
    verdict: VerdictPart


def read_verdict(path: Path) -> Verdict | None:
    """The verdict of a rig.json without the rest of it; None where none can be read."""
    try:
        return Verdict(_VerdictAlone.model_validate_json(path.read_bytes()).verdict.causes)
    except (OSError, ValueError):
        return None


class CamerasPart(_Strict):
    """Left and right for somebody who faces the blackboard."""

    left: CameraPart
    right: CameraPart


class Imported(Part):
    """The file of another tool that a rig was read from."""

    file: str
    format: str
    notes: tuple[str, ...] = ()


MountingPart = Annotated[Mounting, PlainSerializer(Mounting._asdict)]
SeenPart = Annotated[
    Seen,
    PlainValidator(lambda v: v if isinstance(v, Seen) else Seen.from_dict(v)),
    PlainSerializer(Seen.to_dict),
]


class RigInputs(Part):
    """What a rig was made from.

    seen : corners, tape, settings: it can be solved again from them. mountings : how each camera's
    pictures were turned. versions : of what solved it.
    """

    seen: SeenPart | None = None
    mountings: dict[str, MountingPart] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    imported: Imported | None = None


class RigFile(_Strict):
    """Everything in rig.json. ``covariance`` is that of ``parameter_names``, in their order."""

    format: Literal["classroom-gaze rig"] = FORMAT
    version: Literal[2] = VERSION
    verdict: VerdictPart
    cameras: CamerasPart
    T_RL: TransformPart
    T_AL: TransformPart | None = None
    T_WA: TransformPart | None = None
    parameter_names: list[str]
    covariance: list[list[float]] | None = None
    quality: RigQuality = RigQuality()
    inputs: RigInputs = RigInputs()


def of_version_1(d: dict[str, Any]) -> dict[str, Any]:
    """Version 1 kept what was seen, and what was imported, among the other inputs."""
    old = d.get("inputs") or {}
    inputs = {k: old[k] for k in ("mountings", "versions") if k in old}
    if "views" in old:
        inputs["seen"] = old
    if "imported_from" in old:
        inputs["imported"] = {**old, "file": old["imported_from"]}
    return {**d, "version": VERSION, "inputs": inputs}
