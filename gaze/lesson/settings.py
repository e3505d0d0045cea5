"""What `gaze analyze` may be asked for, checked, and hashed into the run it makes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sessions.errors import SessionError
from sessions.validation import SigmaFactor


class AnalyzeSettings(BaseModel):
    """How a lesson is analysed; an unfinished run goes on only under the same settings.

    fps : analysed moments per second. start_s, stop_s : part of the lesson, left camera's clock.
    identity : ``geometry``, ``embedding`` or ``both``: the same student in both cameras.
    weights : head-pose weights, by name or file. precision : ``fast`` takes their INT8 version
    where it is the fastest measured on this machine and answers as when it was checked; ``full``
    never does (docs/headpose.md). detector, landmarks : by their registered names.
    head, nose : ``truth`` puts a simulated lesson's truth in that stage's place, to read the error
    budget off. force : use a rig whose verdict is FAIL. agreement : take off constant errors that
    the class agrees on (docs/consensus.md). sigma : of the heads, by a factor that marked points in
    this room showed (:func:`gaze.lesson.room_sigma.sigma_of`).

    >>> AnalyzeSettings(fps=2).fps
    2.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fps: float = 5.0
    start_s: float | None = None
    stop_s: float | None = None
    identity: str = "geometry"
    weights: str = "default"
    precision: Literal["fast", "full"] = "fast"
    detector: str = "centerface"
    landmarks: str = "mean"
    head: Literal["network", "truth"] = "network"
    nose: Literal["video", "truth"] = "video"
    force: bool = False
    agreement: bool = False
    sigma: SigmaFactor | None = None

    @classmethod
    def of(cls, **given: Any) -> AnalyzeSettings:
        """Settings by keyword.

        Raises
        ------
        SessionError : an unknown setting, or an impossible value, named.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            raise SessionError(
                f"the setting `{'.'.join(map(str, first['loc']))}` is impossible",
                found=repr(first.get("input"))[:80],
                expected=first["msg"],
            ) from error
