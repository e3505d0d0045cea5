"""How sure heads are in this room.

In every lesson the two cameras show how large the errors are that they do not share
(:func:`independent_of`); looks at marked points, where there are any, show the whole of it
(:func:`sigma_of`), on top of that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gaze.room.scale import Scale
from sessions.errors import RunError, SessionError
from sessions.quality import Quality
from sessions.run import Run, RunInfo, run_folder
from sessions.validation import SigmaFactor, Validation

# Closer together than half of what σ allows, two cameras err alike rather than hardly at all.
LEAST = 0.5


def independent_of(cameras: Scale | None) -> float:
    """What the σ of the errors that the cameras do not share is multiplied by: how far their heads
    lie apart, where that is no chance; else 1, as the network states it. Never less than
    ``LEAST``."""
    return max(LEAST, cameras.factor) if cameras is not None and cameras.seen else 1.0


def sigma_of(run: str | Path, lesson: str | Path) -> SigmaFactor:
    """What a validated run's marked points say of the heads' σ.

    run : by its name in ``lesson``, or the path of a run of any lesson, most likely of a recording
        made for it in the same room.

    Raises
    ------
    SessionError : they say nothing of it, or that σ is as stated. RunError : not validated.
    """
    elsewhere = len(Path(run).parts) > 1 and Path(run).exists()
    folder = run_folder(run, None if elsewhere else lesson)
    where = folder / "validation.json"
    if not where.is_file():
        raise RunError(
            "this run was not validated", where=folder, remedy="Run `gaze validate` on it first."
        )
    found, info = Validation.read(where).sigma, Run(folder).info()
    if Quality.read(Run(folder).quality_path).head_fusion.independent is None:
        raise SessionError(
            "this run is of a version that did not compare the two cameras' heads",
            where=folder,
            remedy="Analyse and validate that recording again.",
        )
    if info.gain is not None or sigma_in(info) is not None:
        raise SessionError(
            "the σ of this run is not the heads' alone",
            where=folder,
            found="a gain" if info.gain is not None else "--sigma-of another run",
            remedy="Analyse and validate that recording without.",
        )
    if found is None:
        raise SessionError(
            "this validation says nothing of the heads' σ",
            where=where,
            expected="four students or more at marked points, validated by this version",
            remedy="Run `gaze validate` again, or analyse without --sigma-of.",
        )
    if not found.seen:
        low, high = found.interval_95
        raise SessionError(
            "the marked points do not show that σ is wrong",
            where=where,
            found=f"errors of {found.factor:.2f} times their σ, 95 % interval {low:.2f} to "
            f"{high:.2f}, {found.students} students",
            expected="an interval that excludes 1",
            remedy="Analyse without --sigma-of; or validate with more students.",
        )
    return found


def sigma_in(info: RunInfo) -> SigmaFactor | None:
    """The factor that a run was made with; None: σ as the network states it."""
    found = info.settings.get("sigma")
    return None if found is None else SigmaFactor.model_validate(found)


def refuse_other_weights(sigma: SigmaFactor | None, inputs: dict[str, Any]) -> None:
    """A factor holds for the network that it was measured with.

    Raises
    ------
    SessionError : this run's is another one.
    """
    if sigma is not None and sigma.weights_sha256 != inputs["weights_sha256"]:
        raise SessionError(
            "--sigma-of is a run with another head-pose network",
            found=sigma.source,
            remedy="Analyse with the same --weights, or validate a run with these.",
        )
