"""``quality.json``: what a run's numbers rest on, as one model that writes it and reads it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from calibration.errors import first_fault
from sessions.errors import RunError
from sessions.run import write_json

QUALITY_VERSION = 2
# Under this share of measured student-moments a lesson is done, but not good enough.
GOOD_COVERAGE = 0.5
# Share of a student's measured moments with a covered face from which that is said.
COVERED_SHARE = 0.2
# A class that does not fit its rig, or is seen without being measured, is not done either.
NOT_DONE = ("class_does_not_fit", "few_usable", "no_report")
USABLE = ("ok", "one_camera", "off_board", "away")  # statuses, of gaze/lesson/status.py


class _Record(BaseModel):
    """Part of quality.json. A newer version's further keys are kept, not refused."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Caveat(_Record):
    """One thing that lowers how far a run may be trusted.

    code : what kind it is; the report has words for it in each language. message : the sentence in
    English. facts : the numbers in it, by name. cost_cm : what it may shift a gaze point by, None
    where that cannot be said.
    """

    code: str
    message: str
    facts: dict[str, Any] = Field(default_factory=dict)
    cost_cm: float | None = None


class RowQuality(_Record):
    """A row of seats, 1 = nearest to the blackboard; medians of its students."""

    row: int
    students: int
    distance_m: float
    face_px: float | None = None
    coverage: float
    sigma_m: float | None = None


class SeatQuality(_Record):
    """A student: share of moments measured, median face and σ of the gaze points.

    heads_chi2 : mean over ``heads_n`` moments of the squared distance between the two cameras'
    heads in σ. rig_sigma_m : median of the rig's own share of σ. covered : share of the measured
    moments with a part of the face hidden; covered_sigma_m : median σ of those moments' points.
    """

    student: str
    row: int = 0
    coverage: float | None = None
    face_px_median: float | None = None
    sigma_median_m: float | None = None
    heads_chi2: float | None = None
    heads_n: int = 0
    rig_sigma_m: float | None = None
    covered: float | None = None
    covered_sigma_m: float | None = None


class EpipolarMinute(_Record):
    """Median reprojection residual of a minute's noses: it rises where a camera was knocked."""

    start_s: float
    median_px: float
    n: int


class Epipolar(_Record):
    median: float | None = None
    over_time: tuple[EpipolarMinute, ...] = ()


class Finding(_Record):
    """A cause as the clock or the rig words it: code, message, and what was measured."""

    code: str
    message: str


class ClockQuality(_Record):
    """The clock that was used (right minus left), where it comes from, and what speaks against it.

    source : ``session.toml``, ``timestamps.csv``, ``assumed``, ``simulated`` or how it was
    measured. checked : a sentence.
    """

    source: str = ""
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    sigma_offset_s: float | None = None
    checked: str = ""
    causes: tuple[Finding, ...] = ()
    times: dict[str, Any] = Field(default_factory=dict)


class CameraFrames(_Record):
    """One camera's pictures: asked for and decoded; damaged or missing; ``none``: moments of which
    it recorded none near enough; ``aside``: of which its picture is left out, as the camera had
    moved or showed something else; ``single`` of them one by one or for seconds, from
    ``single_from_s`` on."""

    asked: int = 0
    decoded: int = 0
    corrupt: int = 0
    missing: int = 0
    none: int = 0
    aside: int = 0
    single: int = 0
    single_from_s: float | None = None
    fps: float | None = None
    files: tuple[str, ...] = ()


class FrameCounts(_Record):
    """Moments analysed, what became of their pictures, and what the files say of themselves."""

    moments: int = 0
    left: CameraFrames = CameraFrames()
    right: CameraFrames = CameraFrames()
    remarks: tuple[str, ...] = ()


class IdentityCounts(_Record):
    """How the faces became students.

    teacher_share : of the moments, at which the teacher was seen on foot (or at the desk that
    session.toml names). passers, portraits : others who are no students.
    """

    faces: int = 0
    unmatched_faces: int = 0
    tracks: dict[str, int] = Field(default_factory=dict)
    students: int = 0
    one_camera_only: int = 0
    teacher_share: float = 0.0
    passers: int = 0
    portraits: int = 0
    pair_cost: dict[str, float | None] = Field(default_factory=dict)


class RigQuality(_Record):
    """The rig's verdict, and whether a FAIL was overruled.

    rms_px : of its calibration. cameras : each camera against its calibration picture.
    """

    verdict: dict[str, Any] = Field(default_factory=dict)
    forced: bool = False
    rms_px: float | None = None
    cameras: tuple[dict[str, Any], ...] = ()


class Sigma(_Record):
    """Median σ of the gaze points in metres, and the rig's own share, which no average removes
    (median of the students')."""

    median: float | None = None
    median_rig_share: float | None = None


class HeadFusion(_Record):
    """Squared distance between the two cameras' heads in σ as stated, 3 degrees of freedom.

    apart : how far they lie apart in pitch and yaw, 1 being as stated; apart_95 : its interval over
    students; None with fewer than four. independent : what σ of the part that the cameras do not
    share was multiplied by (1 where the interval holds 1); None: a run of an older version.
    """

    chi2_mean: float | None = None
    chi2_expected: float = 3.0
    n: int = 0
    apart: float | None = None
    apart_95: tuple[float, float] | None = None
    independent: float | None = None


class KnockedEvent(_Record):
    time_s: float
    size: float


class Drift(_Record):
    """Whether a camera was knocked during the lesson, from the students' own noses."""

    status: str = "unknown"
    events: tuple[KnockedEvent, ...] = ()


class AgreedStudent(_Record):
    """A student's constant error, azimuth and elevation, from the class's agreement.

    proof : by how many standard errors moments left out of the fit get likelier with it. used :
    whether that is proof enough. left : share of the constant part's variance that is left with it.
    """

    student: str
    used: bool
    proof: float
    error_deg: tuple[float, float]
    left: tuple[float, float]


class Agreement(_Record):
    """What the class's agreement says of its students (docs/consensus.md).

    applied : whether proven errors were taken off. why : not fitted, for this reason. share : of a
    turn that heads carry. spread_deg : of the students' offsets. scatter_m : how far looks lie
    about the class's place. Azimuth, elevation.
    """

    fitted: bool = False
    applied: bool = False
    why: str = ""
    share: tuple[float, float] | None = None
    spread_deg: tuple[float, float] | None = None
    scatter_m: tuple[float, float] | None = None
    students: tuple[AgreedStudent, ...] = ()


class Quality(_Record):
    """The whole of quality.json. coverage : mean share of moments measured, None without faces.
    moves_m_s : how fast gaze points move in the fastest tenth of the moments.
    """

    version: int = 1
    coverage: float | None = None
    rows: tuple[RowQuality, ...] = ()
    seats: tuple[SeatQuality, ...] = ()
    status_counts: dict[str, int] = Field(default_factory=dict)
    epipolar_px: Epipolar = Epipolar()
    clock: ClockQuality = ClockQuality()
    frames: FrameCounts = FrameCounts()
    identity: IdentityCounts = IdentityCounts()
    rig: RigQuality = RigQuality()
    sigma_m: Sigma = Sigma()
    moves_m_s: float | None = None
    head_fusion: HeadFusion = HeadFusion()
    drift: Drift | None = None
    agreement: Agreement | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    warnings: tuple[Caveat, ...] = ()

    @property
    def usable(self) -> float | None:
        """Share of the moments of which something is known that can be used; None: no moment."""
        counted = sum(self.status_counts.values())
        usable = sum(self.status_counts.get(s, 0) for s in USABLE)
        return usable / counted if counted else None

    @field_validator("warnings", mode="before")
    @classmethod
    def _from_sentences(cls, value: Any) -> Any:
        """Version 1 held plain sentences."""
        if not isinstance(value, list | tuple):
            return value
        return [{"code": "note", "message": w} if isinstance(w, str) else w for w in value]

    @classmethod
    def read(cls, path: str | Path) -> Quality:
        """Read quality.json; an absent one is an empty one.

        Raises
        ------
        RunError : not JSON, of a newer version, or a value of the wrong kind.
        """
        path = Path(path)
        if not path.is_file():
            return cls()
        try:
            found = cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise RunError(
                "quality.json cannot be read",
                where=path,
                found=first_fault(error),
                remedy="Run `gaze analyze` again.",
            ) from error
        if found.version > QUALITY_VERSION:
            raise RunError(
                "quality.json was written by a newer version",
                where=path,
                found=found.version,
                expected=f"at most {QUALITY_VERSION}",
                remedy="Install that version, or run `gaze analyze` again.",
            )
        return found

    @property
    def not_good_enough(self) -> str | None:
        """Why a finished run must not count as done, in a sentence; None: it may."""
        if self.coverage is not None and self.coverage <= GOOD_COVERAGE:
            return f"only {100 * self.coverage:.0f} % of the student-moments were measured"
        return next((c.message for c in self.warnings if c.code in NOT_DONE), None)

    def with_first(self, caveat: Caveat) -> Quality:
        """The same with one caveat more, before the others; behind a class that does not fit its
        rig, which may be its cause."""
        codes = [w.code for w in self.warnings]
        k = codes.index("class_does_not_fit") + 1 if "class_does_not_fit" in codes else 0
        return self.model_copy(
            update={"warnings": (*self.warnings[:k], caveat, *self.warnings[k:])}
        )

    def write(self, path: str | Path) -> None:
        """Write quality.json, of this version."""
        write_json(path, {**self.model_dump(mode="json"), "version": QUALITY_VERSION})
