"""``validation.json``: how far off a run is, as one model that writes it and reads it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, ValidationError

from calibration.errors import first_fault
from sessions.errors import RunError
from sessions.run import write_json

__all__ = ["Errors", "MiddleSeen", "RoomShift", "RowErrors", "SigmaFactor", "Spread", "Validation"]

VALIDATION_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Spread(_Record):
    """Mean, median and 90th percentile of an error."""

    mean: float
    median: float
    p90: float

    @classmethod
    def of(cls, values: ArrayLike) -> Spread | None:
        """None where there is nothing to measure."""
        v = np.asarray(values, np.float64)
        v = v[np.isfinite(v)]
        if v.size == 0:
            return None
        p90 = float(np.quantile(v, 0.9))
        return cls(mean=float(v.mean()), median=float(np.median(v)), p90=p90)


class Errors(_Record):
    """The errors of a set of student-moments.

    nose_cm : distance of the nose tips from the truth; head_deg : geodesic error of R_WS;
    gaze_cm : distance of the gaze points from the marked points; gaze_bias_cm : their mean offset
    in x_W and y_W; n : gaze points compared.
    """

    n: int
    nose_cm: Spread | None = None
    head_deg: Spread | None = None
    gaze_cm: Spread
    gaze_bias_cm: tuple[float, float]


class RowErrors(Errors):
    """The errors of one row of seats: 1 is the nearest to the blackboard."""

    row: int
    distance_m: float


class MiddleSeen(_Record):
    """Where a class sees the blackboard's middle, by the cameras alone.

    at_m : (x_W, y_W) of the middle. there_L_m : where the class sees it, and right_L_m : where the
    right lens stood, in the left camera's frame.
    """

    at_m: tuple[float, float]
    there_L_m: tuple[float, float, float]
    right_L_m: tuple[float, float, float]


class RoomShift(_Record):
    """How far a whole class points beside marked points for no reason of its heads: the room's.

    shift_cm, sigma_cm : x_W (left) and y_W (down), and 1 σ of each. students : who looked.
    middle : None where the run's rig is no longer there, or a gain moved its points.
    """

    shift_cm: tuple[float, float]
    sigma_cm: tuple[float, float]
    students: int
    middle: MiddleSeen | None = None

    @property
    def seen(self) -> bool:
        """Whether it is more than heads explain: over 3 σ and 5 cm on an axis."""
        pairs = zip(self.shift_cm, self.sigma_cm, strict=True)
        return any(abs(s) > max(3 * sigma, 5.0) for s, sigma in pairs)


class SigmaFactor(_Record):
    """How large errors at marked points are in units of their own stated σ: 1 is as stated.

    factor : such that 68 % of the points lie in their 68 % ellipse. interval_95 : over students.
    students, looks : how many; a look is a student at a mark. source : lesson and run it is of;
    weights_sha256 : the head-pose network's.
    """

    factor: float
    interval_95: tuple[float, float]
    students: int
    looks: int
    source: str = ""
    weights_sha256: str | None = None

    @property
    def seen(self) -> bool:
        """Whether σ is wrong beyond chance."""
        return not self.interval_95[0] <= 1 <= self.interval_95[1]


class Validation(_Record):
    """What ``gaze validate`` prints.

    coverage : share of student-moments at marked points (which face the board) with a gaze point.
    identity_switches : changes of the true student behind a pseudonym; None without a truth.
    inside_68 : share of gaze points whose marked point lies in their own 68 % ellipse.
    room : what marked points say of the room, with σ; sigma : what they say of the stated σ; None
    with fewer than four students.
    unknown_students : in targets.csv, but neither in session.toml nor in the run; their lines count
    for nobody.
    """

    version: int = VALIDATION_VERSION
    overall: Errors
    rows: tuple[RowErrors, ...] = ()
    coverage: float | None = None
    identity_switches: int | None = None
    inside_68: float | None = None
    room: RoomShift | None = None
    sigma: SigmaFactor | None = None
    run: Path
    figure: Path | None = None
    head: str = "network"
    nose: str = "video"
    unknown_students: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As docs/validate.md gives it; what is missing is null."""
        return self.model_dump(mode="json")

    def write(self, path: str | Path) -> None:
        """Write validation.json."""
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: str | Path) -> Validation:
        """Read validation.json.

        Raises
        ------
        RunError : absent, not JSON, of a newer version, or a value of the wrong kind.
        """
        path = Path(path)
        remedy = "Run `gaze validate` again."
        try:
            found = cls.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError("there is no such validation file", where=path) from error
        except (ValidationError, UnicodeDecodeError, OSError) as error:
            said = first_fault(error)
            raise RunError(
                "this is not a validation.json", where=path, found=said, remedy=remedy
            ) from error
        if found.version > VALIDATION_VERSION:
            raise RunError(
                "validation.json was written by a newer version", where=path,
                found=found.version, expected=f"at most {VALIDATION_VERSION}", remedy=remedy,
            )  # fmt: skip
        return found
