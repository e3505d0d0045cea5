"""Where the auxiliary board lies and what shows it, as the user says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from calibration.corners.boards import Board
from calibration.errors import CalibrationError
from calibration.room.picture import CLICK_SIGMA_PX, TakenWith
from calibration.room.world import PLACEMENT_SIGMA_DEG, TAPE_SIGMA_M, Tape


@dataclass(frozen=True)
class RoomPictureFile:
    """A picture of the room, as the user gives it.

    Parameters
    ----------
    file : the picture.
    blackboard_corners : four clicked points [u, v] (:data:`calibration.room.picture.ORDER`).
    taken_with : ``phone`` (any other camera), ``left`` or ``right``.
    click_sigma_px : how well they were clicked (1 σ).
    mirrored : it shows the room in a mirror, or as a selfie camera does.
    """

    file: Path
    blackboard_corners: Any
    taken_with: TakenWith = "phone"
    click_sigma_px: float = CLICK_SIGMA_PX
    mirrored: bool = False


@dataclass(frozen=True)
class AuxiliaryPlacement:
    """One placement of the auxiliary board: pictures and tape.

    Parameters
    ----------
    placement : ``flat``, ``standing`` or ``tilted`` (then ``angle_deg``: 0 flat … 90 standing).
    left_m, down_m, out_m : tape, from the blackboard's upper right corner to the board's first
        inner corner (docs/conventions.md). ``left_m`` may be negative; the others may not.
    board : its own board, or None for the calibration board.
    left, right : pictures; None = not given.
    corners : clicked corners where detection fails: ``{"left": [[x, y] × 4], "right": …}``, the
        four outermost inner corners as the board lies, seen from its printed side: upper right
        (the first inner corner), upper left, lower left, lower right; or all of them, in the
        board's order.
    tape_sigma_m, placement_sigma_deg : how well the tape and the placement are known (1 σ).
    room_pictures : pictures of the room that show the blackboard's corners and this board; with
        them the tape may be left out (None).
    """

    placement: Literal["flat", "standing", "tilted"]
    left_m: float | None = None
    down_m: float | None = None
    out_m: float | None = None
    angle_deg: float | None = None
    board: Board | None = None
    left: Path | None = None
    right: Path | None = None
    corners: dict[str, Any] | None = None
    tape_sigma_m: float = TAPE_SIGMA_M
    placement_sigma_deg: float = PLACEMENT_SIGMA_DEG
    room_pictures: tuple[RoomPictureFile, ...] = ()

    def tape(self) -> Tape:
        """The measured part, checked.

        Raises
        ------
        CalibrationError : wrong sign, wrong unit, an angle missing.
        """
        if self.placement not in ("flat", "standing", "tilted"):
            raise CalibrationError(
                "unknown placement", where="[auxiliary] placement", found=self.placement,
                expected="flat, standing or tilted",
            )  # fmt: skip
        if self.placement == "tilted" and self.angle_deg is None:
            raise CalibrationError(
                "a tilted board needs its angle", where="[auxiliary] angle_deg",
                expected="degrees about its lower edge: 0 = flat, 90 = standing",
            )  # fmt: skip
        lengths = {key: getattr(self, key) for key in ("left_m", "down_m", "out_m")}
        missing = [key for key, value in lengths.items() if value is None]
        if missing and (len(missing) < 3 or not self.room_pictures):
            raise CalibrationError(
                "the tape is not complete", where=f"[auxiliary] {missing[0]}", found="nothing",
                expected="left_m, down_m and out_m, or a picture of the room in their place",
            )  # fmt: skip
        for key, given in lengths.items():
            if given is None:
                continue
            value = float(given)
            if not np.isfinite(value):
                raise CalibrationError("this is no length", where=f"[auxiliary] {key}", found=value)
            if value < 0 and key != "left_m":
                side = "below" if key == "down_m" else "in front of"
                raise CalibrationError(
                    f"the auxiliary board must lie {side} the blackboard's upper right corner",
                    where=f"[auxiliary] {key}", found=value, expected="a positive length in metres",
                    remedy="Measure downwards and into the room: both are positive.",
                )  # fmt: skip
            if abs(value) > 15:
                unit, factor = ("mm", 1000) if abs(value) >= 400 else ("cm", 100)
                raise CalibrationError(
                    f"the tape cannot be that long in a classroom: this looks like {unit}",
                    where=f"[auxiliary] {key}", found=value,
                    expected=f"metres, e.g. {value / factor:g}",
                )  # fmt: skip
        return Tape(
            self.placement,
            None if self.left_m is None else float(self.left_m),
            None if self.down_m is None else float(self.down_m),
            None if self.out_m is None else float(self.out_m),
            None if self.angle_deg is None else float(self.angle_deg),
            self.tape_sigma_m,
            self.placement_sigma_deg,
        )
