"""What :mod:`gaze.app.look` gives back: plain values, so that the page's process stays small."""

from __future__ import annotations

from dataclasses import dataclass

Marked = tuple[float, str, float | None]  # time_s, label, end_s; of a moment or a phase


@dataclass(frozen=True)
class Recording:
    """What one recording holds, or why it cannot be read.

    turned_deg : how far its pictures are turned clockwise to stand upright. chapters : files.
    said : what is special or wrong, in the project's words.
    """

    error: str = ""
    name: str = ""
    size_px: tuple[int, int] = (0, 0)
    fps: float = 0.0
    duration_s: float = 0.0
    codec: str = ""
    frames: int = 0
    turned_deg: int = 0
    chapters: int = 1
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moment:
    """Both pictures (JPEG) of a moment since the left video's first frame.

    left, right : None where that camera has no frame near it; its frame's number is -1 then.
    """

    time_s: float
    left: bytes | None
    right: bytes | None
    frame_left: int
    frame_right: int


@dataclass(frozen=True)
class Trace:
    """What a camera heard, and how bright its pictures were, evenly over some time; 0 to 1.

    Empty: no sound, or nothing asked for.
    """

    sound: tuple[float, ...] = ()
    light: tuple[float, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A JPEG, and the size (width, height) of the picture it was made from."""

    data: bytes
    size_px: tuple[int, int]


@dataclass(frozen=True)
class BoardView:
    """A chessboard picture: a small JPEG with the found corners drawn, or the reason for none.

    cells : 25 flags, row by row, of the picture's parts that hold corners.
    """

    data: bytes
    found: bool
    reason: str = ""
    cells: tuple[bool, ...] = ()
    tilt_deg: float = 0.0
    facing: str = ""


@dataclass(frozen=True)
class Seat:
    """A student found in a lesson: x_W and z_W of the nose, metres; None: not measured."""

    name: str
    row: int
    x_m: float
    z_m: float
    coverage: float
    face_px: float | None
    sigma_cm: float | None


@dataclass(frozen=True)
class LiveView:
    """What a camera sees now: a JPEG, the full picture's size, faces, the chessboard, and what
    there is to say of it (severity, what, remedy). seats : faces whose seat is known, px high.
    """

    data: bytes
    size_px: tuple[int, int]
    faces: int
    board: bool
    reason: str
    findings: tuple[tuple[str, str, str], ...]
    seats: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Planned:
    """What the planner expects at a seat: brow to chin in the poorer picture; None: not seen."""

    face_px: float | None
    error_cm: float | None
