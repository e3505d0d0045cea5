"""Where the auxiliary board is, without a tape: pictures of the room that show the blackboard too.

Any camera that sees the blackboard's four corners and the auxiliary board measures T_WB. The four
corners are clicked, the board's corners are found; width and height of the blackboard and the
square of the board say how large things are. Two known planes in one picture also determine its
focal length, so a telephone will do; several pictures, from several places, share T_WB and the
telephone's lens, and are solved together. What is not known (focal length, principal point, bend of
straight lines, the blackboard's size to half a centimetre, the clicks) enters with its σ, and the
covariance of T_WB says what is left.

Frames: X the camera of one picture; B, A and W as everywhere (docs/conventions.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from calibration.corners.boards import corners_again, plain_corners
from calibration.errors import CalibrationError
from calibration.shapes import shapes
from calibration.transform import Array

TakenWith = Literal["phone", "left", "right", "another"]

#: How well a corner of the blackboard is clicked (1 σ, each coordinate): frames have width.
CLICK_SIGMA_PX = 2.0
ORDER = "upper left, upper right, lower right, lower left, as they appear in the picture"
#: What clicks in another order may be instead, by the corners that they seem to be (of
#: :data:`ORDER`).
ON_ITS_SIDE = " (or: the picture lies on its side)"
MISREAD = {
    (1, 0, 3, 2): " (or: clicked as in the room and not as in a mirrored picture)",
    (0, 3, 2, 1): " (or: the picture is mirrored, and lies on its side)",
    (1, 2, 3, 0): ON_ITS_SIDE,
    (3, 0, 1, 2): ON_ITS_SIDE,
    (2, 3, 0, 1): " (or: the picture is upside down)",
}
OR_ONE_WRONG = " (or: one of them was clicked at a wrong place)"


@dataclass(frozen=True)
class RoomPicture:
    """What one picture of the room shows.

    Parameters
    ----------
    blackboard_px : (4, 2) clicked corners of the blackboard, in the order of :data:`ORDER`.
    board_px : (N, 2) corners of the auxiliary board in its own order, NaN = missing; None where it
        was not found (``reason`` says why).
    size_px : (width, height).
    taken_with : ``phone`` (any other camera), or ``left`` / ``right``: with that camera of the
        lesson, at the lesson's zoom, wherever it was held. (``another``: a telephone of its own.)
    click_sigma_px : 1 σ of a clicked coordinate.
    mirrored : the room was seen in a mirror (or by a camera that mirrors). A picture of a mirror,
        turned over, is the picture that the camera's mirror image would take, so that nothing about
        the mirror need be known, as long as both planes are seen in it. ``blackboard_px`` and
        ``board_px`` are those of the picture turned over (:func:`turned_over`), X the mirror image.
    """

    blackboard_px: Array
    board_px: Array | None
    size_px: tuple[int, int]
    taken_with: TakenWith = "phone"
    click_sigma_px: float = CLICK_SIGMA_PX
    file: str = ""
    reason: str = ""
    mirrored: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for rig.json; pixels rounded to 1e-4."""
        return vars(self) | {
            "blackboard_px": self.blackboard_px.tolist(),
            "board_px": plain_corners(self.board_px),
            "size_px": list(self.size_px),
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> RoomPicture:
        """The inverse of :meth:`to_dict`."""
        return cls(**d | {
            "blackboard_px": np.array(d["blackboard_px"], np.float64),
            "board_px": corners_again(d["board_px"]),
            "size_px": (int(d["size_px"][0]), int(d["size_px"][1])),
        })  # fmt: skip


def blackboard_points_W(width_m: float, height_m: float) -> Array:
    """(4, 3) corners in W, in the order of :data:`ORDER`: W's origin is the upper right one."""
    return np.array(
        [[width_m, 0, 0], [0, 0, 0], [0, height_m, 0], [width_m, height_m, 0]], np.float64
    )


@shapes(clicks="4 2")
def turned_over(clicks: Array, width_px: int) -> Array:
    """(4, 2) clicks of a mirrored picture in the picture turned over, in :data:`ORDER` again."""
    out = clicks[[1, 0, 3, 2]].copy()
    out[:, 0] = width_px - 1 - out[:, 0]
    return out


def check_clicks(corners: Any, size_px: tuple[int, int], where: str) -> Array:
    """(4, 2) clicked corners of the blackboard, checked.

    Raises
    ------
    CalibrationError : not four points, outside the picture, in another order, mirrored, on its
        side, or (nearly) in one line; one sentence each.
    """
    try:
        points = np.asarray(corners, np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        n = len(corners) if hasattr(corners, "__len__") else 1
        raise CalibrationError(
            "the blackboard has four corners", where=where, found=f"{n} points: {corners}"[:80],
            expected=f"four points [u, v]: {ORDER}",
        )  # fmt: skip
    w, h = size_px
    outside = (points < -0.5).any(1) | (points[:, 0] > w - 0.5) | (points[:, 1] > h - 0.5)
    if outside.any():
        u, v = points[int(np.argmax(outside))]
        raise CalibrationError(
            "a clicked corner lies outside the picture", where=where, found=f"[{u:g}, {v:g}]",
            expected=f"0 to {w - 1} and 0 to {h - 1} pixels",
            remedy="Click in the picture at its full size, all four corners in view.",
        )  # fmt: skip
    around = points - points.mean(0)
    order = np.argsort(np.arctan2(around[:, 1], around[:, 0]))  # clockwise as seen
    edges = np.roll(points[order], -1, 0) - points[order]
    following = np.roll(edges, -1, 0)
    sizes = np.linalg.norm(edges, axis=1)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    sines = turns / np.maximum(sizes * np.roll(sizes, -1), 1e-9)
    if (np.abs(sines) < 0.05).any() or sizes.min() < 10:
        raise CalibrationError(
            "the clicked corners lie almost in one line or on one another", where=where,
            found=points.tolist(), remedy="Take the picture from further in front.",
        )  # fmt: skip
    if (turns < 0).any():
        raise CalibrationError(
            "one of the clicked corners lies between the other three, so it was clicked at a wrong "
            "place", where=where, found=points.tolist(), expected=ORDER,
        )  # fmt: skip
    # the upper left one: from there the next goes to the right
    right = edges - np.roll(edges, -2, 0)
    order = np.roll(order, -int(np.argmax(right[:, 0] / np.linalg.norm(right, axis=1))))
    clicked = tuple(np.argsort(order).tolist())
    if clicked != (0, 1, 2, 3):
        names = ORDER.partition(", as")[0].split(", ")
        raise CalibrationError(
            "the clicked corners are in another order: "
            + ", ".join(names[k] for k in clicked) + MISREAD.get(clicked, OR_ONE_WRONG),
            where=where, found=points.tolist(), expected=ORDER,
        )  # fmt: skip
    return points
