"""The auxiliary board in each camera's picture of it, and in pictures of the room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import Board, View
from calibration.corners.folder import AS_THE_FILES_SAY, Mountings
from calibration.corners.picture_file import read_picture
from calibration.corners.placement import AuxiliaryPlacement
from calibration.corners.process import TIME_LIMIT_S, Detector
from calibration.errors import CalibrationError
from calibration.room.picture import RoomPicture, check_clicks, turned_over
from calibration.transform import Array
from calibration.verdict import Cause


def clicked_grid(four: Any, board: Board, where: str) -> Array:
    """(N, 2) corners from the four outermost ones; only those four are known, the rest are NaN.

    four : upper right, upper left, lower left, lower right of the board as it lies.
    """
    points = np.asarray(four, np.float64)
    if points.shape == (board.n_corners, 2):
        return points
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise CalibrationError(
            "clicked corners must be four points [x, y]", where=where, found=str(four)[:80],
            expected="upper right, upper left, lower left, lower right inner corner",
        )  # fmt: skip
    nx, ny = board.inner_corners
    area = 0.5 * float(
        np.sum(points[:, 0] * np.roll(points[:, 1], -1) - np.roll(points[:, 0], -1) * points[:, 1])
    )
    if area > 0:  # clockwise in the picture: the order given is counter-clockwise
        raise CalibrationError(
            "the clicked corners go round the wrong way", where=where, found=str(four)[:80],
            expected="upper right, upper left, lower left, lower right",
        )  # fmt: skip
    out = np.full((ny, nx, 2), np.nan)
    out[0, nx - 1], out[0, 0], out[ny - 1, 0], out[ny - 1, nx - 1] = points
    return out.reshape(-1, 2)


def read_auxiliary(
    placement: AuxiliaryPlacement,
    board: Board,
    sizes: dict[str, tuple[int, int]],
    index: int,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    mountings: Mountings = AS_THE_FILES_SAY,
) -> tuple[View, bool, list[Cause]]:
    """The auxiliary board's corners in both cameras: (view, clicked, causes)."""
    corners: dict[str, Array | None] = {"left": None, "right": None}
    notes: dict[str, dict[str, Any]] = {}
    causes: list[Cause] = []
    clicked = False
    given = placement.corners or {}
    with Detector(time_limit_s) as detector:
        for camera in CAMERAS:
            path = getattr(placement, camera)
            note: dict[str, Any] = {}
            if camera in given and given[camera] is not None:
                corners[camera] = clicked_grid(
                    given[camera], board, f"[auxiliary] corners.{camera}"
                )
                clicked = True
                note["detector"] = "clicked"
            elif path is None:
                note["reason"] = "there is no picture"
            else:
                found = detector.find(Path(path), board, mounting=mountings[camera])
                note |= found.notes | {"file": f"auxiliary/{Path(path).name}"}
                if found.size_px is not None and found.size_px != sizes[camera]:
                    note["reason"] = (
                        f"the picture is {found.size_px[0]} × {found.size_px[1]}, the calibration "
                        f"pictures are {sizes[camera][0]} × {sizes[camera][1]}"
                    )
                    causes.append(
                        Cause(
                            "auxiliary_size",
                            "FAIL",
                            f"auxiliary/{Path(path).name}: {note['reason']}: resized, or taken "
                            "with another setting",
                            "Take it with the same camera setting as the calibration pictures.",
                        )
                    )
                elif found.corners_px is None:
                    note["reason"] = found.reason
                else:
                    corners[camera] = found.corners_px
            notes[camera] = note
    seen = [uv for uv in corners.values() if uv is not None]
    last = -board.inner_corners[0]  # chessboards are seen whole
    if len(seen) == 2 and not clicked and all(np.isnan(uv[last:, 0]).all() for uv in seen):
        causes.append(
            Cause(
                "auxiliary_part_unseen",
                "WARN",
                f"the last row of {board.inner_corners[1]} of the auxiliary board's inner corners "
                "is in neither of its pictures: if there is none, the tape leads to another corner "
                "than is believed",
                "Check inner_corners, or show the whole board.",
            )
        )
    return View(f"auxiliary {index + 1}", corners["left"], corners["right"], notes), clicked, causes


def read_room_pictures(
    placement: AuxiliaryPlacement, board: Board, *, time_limit_s: float = TIME_LIMIT_S
) -> tuple[RoomPicture, ...]:
    """The pictures of the room: clicks checked, the auxiliary board looked for.

    Raises
    ------
    CalibrationError : a picture that is missing or none, or clicks that cannot be
        (:func:`calibration.room.picture.check_clicks`). A board that is not found is no error: its
        reason is kept.
    """
    out = []
    for i, given in enumerate(placement.room_pictures):
        where = f"[auxiliary] room_picture {i + 1}" if i else "[auxiliary] room_picture"
        path = Path(given.file)
        if not path.is_file():
            raise CalibrationError(
                "there is no such picture of the room", where=path,
                remedy=f"Check `file` of {where}.",
            )  # fmt: skip
        if given.taken_with not in ("phone", "left", "right"):
            raise CalibrationError(
                "unknown camera", where=f"{where} taken_with", found=given.taken_with,
                expected="phone, left or right",
            )  # fmt: skip
        with Detector(time_limit_s) as detector:
            found = detector.find(path, board)
            if found.size_px is None:
                raise CalibrationError(
                    "the picture of the room cannot be used", where=path, found=found.reason
                )
            size_px = found.size_px
            if given.mirrored:  # a board is looked for as it is printed
                _, png = cv2.imencode(".png", read_picture(path)[:, ::-1])
                found = detector.find(png.tobytes(), board)
        clicks = check_clicks(given.blackboard_corners, size_px, f"{where} blackboard_corners")
        if given.mirrored:
            clicks = turned_over(clicks, size_px[0])
        out.append(
            RoomPicture(
                clicks,
                found.corners_px,
                size_px,
                given.taken_with,
                given.click_sigma_px,
                path.name,
                found.reason or "",
                given.mirrored,
            )
        )
    return tuple(out)
