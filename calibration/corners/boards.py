"""Calibration boards: their geometry, and their corners in pictures.

One corner order for every detector, view and camera, fixed by the pattern itself: corner 0 is the
upper left one when the board is held so that the *first square enclosed by inner corners is dark*,
corners run along the columns first, and a board seen from its printed side is ordered clockwise.
That is why boards with both inner counts even (or both odd) are refused: they look the same after
half a turn, and the order could reverse silently from one picture to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np

from calibration.errors import CalibrationError
from calibration.transform import Array

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
UNREAD = (".heic", ".heif")  # telephones' pictures: named, not read
VIDEOS = (
    ".mp4", ".mov", ".m4v", ".3gp", ".avi", ".mkv", ".webm", ".wmv", ".ts", ".mts", ".m2ts",
    ".mpg", ".mpeg", ".vob", ".mod", ".tod", ".dv", ".h264", ".264", ".h265", ".hevc", ".mjpeg",
)  # fmt: skip


# -- the board -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Board:
    """A flat calibration board.

    Parameters
    ----------
    kind : ``chessboard`` or ``charuco``.
    inner_corners : (columns, rows) of inner corners; for a chessboard one odd, one even.
    square_m : edge of one square, metres.
    marker_m, dictionary : ChArUco only: edge of a marker in metres, name of cv2.aruco's dictionary.

    Raises
    ------
    CalibrationError : counts too small, both even or both odd; a square that cannot be in metres.
    """

    kind: Literal["chessboard", "charuco"] = "chessboard"
    inner_corners: tuple[int, int] = (9, 6)
    square_m: float = 0.025
    marker_m: float | None = None
    dictionary: str = "DICT_5X5_1000"

    def __post_init__(self) -> None:
        if self.kind not in ("chessboard", "charuco"):
            raise CalibrationError(
                "unknown kind of board", where="[board] kind", found=self.kind,
                expected="chessboard or charuco",
            )  # fmt: skip
        try:
            nx, ny = (int(n) for n in self.inner_corners)
        except (TypeError, ValueError):
            raise CalibrationError(
                "the counts of inner corners are not two whole numbers",
                where="[board] inner_corners", found=self.inner_corners, expected="e.g. [9, 6]",
            ) from None  # fmt: skip
        object.__setattr__(self, "inner_corners", (nx, ny))
        if min(nx, ny) < 3 or max(nx, ny) > 60:
            raise CalibrationError(
                "a board needs 3 to 60 inner corners each way", where="[board] inner_corners",
                found=[nx, ny],
                remedy="Count where four squares meet, not the squares.",
            )  # fmt: skip
        if self.kind == "chessboard" and (nx + ny) % 2 == 0:
            both = "even" if nx % 2 == 0 else "odd"
            raise CalibrationError(
                f"both inner corner counts are {both}: such a board looks the same after half a "
                "turn, so its corners have no order that holds from picture to picture",
                where="[board] inner_corners",
                found=[nx, ny],
                expected="one odd and one even",
                remedy="Print another with `gaze board`, or use a ChArUco board.",
            )
        if not np.isfinite(self.square_m) or self.square_m <= 0:
            raise CalibrationError(
                "the square's edge must be positive", where="[board] square_m", found=self.square_m
            )
        if self.square_m > 1.0:
            unit, value = ("mm", 1000) if self.square_m >= 4 else ("cm", 100)
            raise CalibrationError(
                f"a square cannot be that large: this looks like {unit}, not metres",
                where="[board] square_m",
                found=self.square_m,
                expected=f"metres, e.g. {self.square_m / value:g}",
            )
        if self.square_m < 0.002:
            raise CalibrationError(
                "a square cannot be that small", where="[board] square_m", found=self.square_m,
                expected="metres, e.g. 0.025",
            )  # fmt: skip
        if self.kind == "charuco":
            marker = 0.75 * self.square_m if self.marker_m is None else float(self.marker_m)
            if not 0 < marker < self.square_m:
                raise CalibrationError(
                    "a marker must be smaller than its square", where="[board] marker_m",
                    found=marker, expected=f"between 0 and {self.square_m:g}",
                )  # fmt: skip
            if not hasattr(cv2.aruco, self.dictionary):
                raise CalibrationError(
                    "no such marker dictionary", where="[board] dictionary", found=self.dictionary,
                    expected="a name of cv2.aruco, e.g. DICT_5X5_1000",
                )  # fmt: skip
            object.__setattr__(self, "marker_m", marker)

    @property
    def n_corners(self) -> int:
        """How many inner corners."""
        return self.inner_corners[0] * self.inner_corners[1]

    def points_B(self) -> Array:
        """(N, 3) corners in the detector's frame B: X along columns, Y along rows, Z into print."""
        nx, ny = self.inner_corners
        grid = np.zeros((nx * ny, 3))
        grid[:, :2] = np.mgrid[:nx, :ny].T.reshape(-1, 2) * self.square_m
        return grid

    def to_dict(self) -> dict[str, Any]:
        """Plain values, keys as in session.toml."""
        d: dict[str, Any] = {
            "kind": self.kind,
            "inner_corners": list(self.inner_corners),
            "square_m": self.square_m,
        }
        if self.kind == "charuco":
            d |= {"marker_m": self.marker_m, "dictionary": self.dictionary}
        return d

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Board:
        """The inverse of :meth:`to_dict`."""
        keys = ("kind", "square_m", "marker_m", "dictionary")
        known = {k: d[k] for k in keys if k in d}
        return cls(inner_corners=tuple(d["inner_corners"]), **known)


# -- corners as data -------------------------------------------------------------------------------
@dataclass(frozen=True)
class View:
    """The board as both cameras saw it at one moment.

    Parameters
    ----------
    name : what the pictures are called (equal names = taken together).
    left, right : (N, 2) pixels in the board's corner order, NaN for a missing corner; None where
        there is no picture or no board in it.
    notes : per camera ``file``, ``reason`` (why there are no corners), ``sharpness_px`` (width of
        an edge, black to white), ``pitch_px`` (smallest distance of neighbours), ``contrast``.
    """

    name: str
    left: Array | None = None
    right: Array | None = None
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def corners(self, camera: str) -> Array | None:
        """``left`` or ``right``."""
        return self.left if camera == "left" else self.right

    def to_dict(self) -> dict[str, Any]:
        """Plain values; corners rounded to 1e-4 px."""
        left, right = plain_corners(self.left), plain_corners(self.right)
        return {"name": self.name, "left": left, "right": right, "notes": self.notes}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> View:
        """The inverse of :meth:`to_dict`."""
        left, right = corners_again(d["left"]), corners_again(d["right"])
        return cls(d["name"], left, right, dict(d.get("notes", {})))


def plain_corners(uv: Array | None) -> list[list[float | None]] | None:
    """(N, 2) pixels for JSON, rounded to 1e-4; missing ones are null."""
    if uv is None:
        return None
    return [
        [round(float(x), 4), round(float(y), 4)] if np.isfinite(x + y) else [None, None]
        for x, y in uv
    ]


def corners_again(rows: list[list[float | None]] | None) -> Array | None:
    """The inverse of :func:`plain_corners`."""
    return None if rows is None else np.array(rows, dtype=np.float64)


def pitch_px(uv: Array, inner_corners: tuple[int, int]) -> float:
    """Smallest distance between neighbouring corners, pixels (NaN where none are seen)."""
    grid = uv.reshape(inner_corners[1], inner_corners[0], 2)
    d = [np.linalg.norm(np.diff(grid, axis=a), axis=-1).ravel() for a in (0, 1)]
    both = np.concatenate(d)
    both = both[np.isfinite(both)]
    return float(both.min()) if both.size else float("nan")
