"""The numbers behind the verdict: ``rig.quality``, as rig.json holds them.

Frames as in docs/conventions.md; B is a board as its detector orders it, X the camera of a picture
of the room. Every σ is 1 σ. What a rig does not have is None or empty.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from calibration.lens import WIDEST_DEG
from calibration.transform import Transform

Row3 = tuple[float, float, float]
Matrix3 = tuple[Row3, Row3, Row3]


class Part(BaseModel):
    """Part of rig.json. A newer version's further keys are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def but(self, **changes: Any) -> Self:
        """The same with these fields changed."""
        assert changes.keys() <= type(self).model_fields.keys(), changes.keys()
        return type(self).model_validate({**dict(self), **changes})


class Pose(Part):
    """``p_dst = R p_src + t``, metres."""

    R: Matrix3
    t_m: Row3

    @classmethod
    def of(cls, T: Transform) -> Self:
        """The same without its frames."""
        return cls(R=T.R.tolist(), t_m=T.t.tolist())

    def transform(self, dst: str, src: str) -> Transform:
        """The same between two frames."""
        return Transform(np.array(self.R), np.array(self.t_m), dst, src)


# -- cameras ---------------------------------------------------------------------------------------
class Coverage(Part):
    """Where in a camera's picture corners were seen, and how the board was held.

    cells : 5 × 5 counts of corners. share : of cells with corners.
    tilt_directions : how many of 8 directions the board was tilted to by over 15°.
    widest_deg : the lens is one-to-one up to this angle from its axis; beyond_lens_share : of the
    picture, where it is not.
    """

    cells: tuple[tuple[int, ...], ...]
    share: float
    tilt_max_deg: float
    tilt_directions: int
    nearest_m: float
    furthest_m: float
    widest_deg: float = WIDEST_DEG
    beyond_lens_share: float = 0.0


class CameraQuality(Part):
    """One camera.

    rms_px, joint_rms_px : per point, this camera alone and in the joint solve. sigma_px : noise of
    one coordinate. model : of the lens, in words. sigma : fx, fy, cx, cy, d0 …
    """

    rms_px: float
    joint_rms_px: float
    sigma_px: float
    fx: float
    fy: float
    n_distortion: int
    model: str
    views: int
    corners: int
    sigma: dict[str, float] | None = None
    coverage: Coverage


class NoiseQuality(Part):
    """What the pair's σ rests on (:class:`calibration.solve.covariance.Noise`)."""

    corner_px: float
    shift_px: float
    affinity_px: float
    rows_px: float
    breath_px: float = 0.0


class PairQuality(Part):
    """Both cameras together.

    holdout_px : left → right, on views left out in turn; None: too few views.
    holdout_expected_px : what noise alone would give with exact cameras.
    joint_to_mono : ratio of rms on the same corners; above 1, pictures were not taken together.
    views : shared. support : share of them that agreed at the start. angle_deg : how far the
    cameras converge. rotation_sigma_deg : per axis.
    """

    rms_px: float
    holdout_px: float | None = None
    holdout_expected_px: float | None = None
    joint_to_mono: float
    views: int
    support: float
    converged: bool
    iterations: int
    sigma_px: float
    noise: NoiseQuality | None = None
    baseline_m: float
    baseline_sigma_m: float | None = None
    angle_deg: float
    rotation_sigma_deg: float | None = None


class ModelTried(Part):
    """Lens models (number of coefficients or equidistant) and bend that were tried together."""

    left: int | Literal["equidistant"]
    right: int | Literal["equidistant"]
    warp: bool
    rms_px: float
    holdout_px: float | None = None
    holdout_both_px: float | None = None
    converged: bool
    chosen: bool


class ViewQuality(Part):
    """A view of the board in one camera.

    n : corners used. holdout_px : of shared views, in the right camera. R_CB, t_CB_m : the board.
    residuals_px : predicted − seen in corner order, None where a corner is missing.
    """

    name: str
    camera: str
    n: int
    rms_px: float | None = None
    holdout_px: float | None = None
    rejected: bool = False
    reason: str = ""
    corners_rejected: int = 0
    sharpness_px: float | None = None
    pitch_px: float | None = None
    file: str | None = None
    R_CB: Matrix3 | None = None
    t_CB_m: Row3 | None = None
    residuals_px: tuple[tuple[float, float] | None, ...] | None = None

    @property
    def T_CB(self) -> Transform | None:
        """The board in this camera."""
        if self.R_CB is None or self.t_CB_m is None:
            return None
        return Pose(R=self.R_CB, t_m=self.t_CB_m).transform("C", "B")


# -- the room --------------------------------------------------------------------------------------
class RoomPictureQuality(Part):
    """What the pictures of the room say of a placement.

    f_px, clicks_rms_px, board_rms_px, T_WX : per picture. t_WA_m, sigma_cm : left, down, out.
    turned_deg : how the board lies against what was stated, about r, −b, u.
    tape_minus_picture_cm : left, down, out; None without a tape.
    """

    files: tuple[str, ...]
    f_px: tuple[float, ...]
    clicks_rms_px: tuple[float, ...]
    board_rms_px: tuple[float, ...]
    T_WX: tuple[Pose, ...]
    t_WA_m: Row3
    sigma_cm: Row3
    turned_deg: Row3
    turned_sigma_deg: Row3
    tape_minus_picture_cm: Row3 | None
    difference_sigma_cm: Row3


class ReadingQuality(Part):
    """One way to read the auxiliary pictures; ``broken``: the facts of the room that it breaks."""

    quarter_turns: int
    solution: int
    broken: tuple[str, ...]
    R_AL: Matrix3
    t_AL_m: Row3
    T_AB: Pose | None = None

    @property
    def T_AL(self) -> Transform:
        """The left camera, by this reading."""
        return Pose(R=self.R_AL, t_m=self.t_AL_m).transform("A", "L")


class PlacementQuality(Part):
    """One placement of the auxiliary board.

    t_WA_m : by tape, by pictures of the room where there is none. cameras : which saw it.
    rms_px … : how it fits the pair. scale_percent : how much larger the cameras see it than its
    square says. facts : where the cameras stand in W, their roll. candidates : readings that no
    fact rules out. tape_error_cm (left, down, out), turn_error_deg : seen − stated, where
    measurements disagree.
    """

    placement: str
    tilt_deg: float = 0.0
    t_WA_m: Row3 | None = None
    clicked: bool = False
    cameras: tuple[str, ...] = ()
    rms_px: float | None = None
    scale_percent: float | None = None
    scale_sigma_percent: float | None = None
    quarter_turns: int | None = None
    facts: dict[str, float] = Field(default_factory=dict)
    candidates: tuple[ReadingQuality, ...] = ()
    T_AB: Pose | None = None
    tape_error_cm: Row3 | None = None
    turn_error_deg: Row3 | None = None
    room_picture: RoomPictureQuality | None = None


class Slip(Part):
    """How far gaze points move on the blackboard when the auxiliary board lies ``slip_m`` or
    ``slip_deg`` off, per seat of ``seats``: the worst direction and the worst axis (r, b, u)."""

    slip_m: float
    slip_deg: float
    shift_cm: tuple[float, ...]
    turn_cm: tuple[float, ...]
    turn_axis: tuple[str, ...]


class SeatSpread(Part):
    """What the rig's covariance means at a seat, in ``frame`` W (or L, where there is no world).

    position_cm : root of the trace. gaze_cm : on the blackboard's middle, two axes.
    """

    distance_m: float
    seat_m: Row3
    frame: str
    sigma_cm: Row3
    position_cm: float
    gaze_cm: tuple[float, float] | None = None


class BoardSpread(Part):
    """The same for a point of the blackboard, looked at from 6 m."""

    point_m: tuple[float, float]
    gaze_cm: tuple[float, float]


class ScaleCheck(Part):
    """A length checked against the board's square; another board of one printer is not
    ``independent``."""

    what: str
    error_percent: float
    sigma_percent: float
    independent: bool = True


class ScaleQuality(Part):
    """Every length that was checked."""

    checks: tuple[ScaleCheck, ...] = ()


class RigQuality(Part):
    """All of it. warp_mm : how far the board's middle bulges along columns and rows, and
    its corners stand up and down by turns (not in older files); None: flat.

    seconds : time by stage.
    """

    cameras: dict[str, CameraQuality] = Field(default_factory=dict)
    pair: PairQuality | None = None
    models: tuple[ModelTried, ...] = ()
    warp_mm: tuple[float, ...] | None = None
    views: tuple[ViewQuality, ...] = ()
    auxiliary: tuple[PlacementQuality, ...] = ()
    scale: ScaleQuality = ScaleQuality()
    seats: tuple[SeatSpread, ...] = ()
    blackboard: tuple[BoardSpread, ...] = ()
    slip: Slip | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
