"""Cameras that are connected now, looked at while they are set up; called in the worker's process.

A picture is kept only when somebody asks for it. A camera is let go when nobody has looked at it
for a while.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.errors import UserError
from calibration.rig import Rig
from gaze.app import look
from gaze.app.files import PICTURES, VIDEOS, of_kind, place_for, writing
from gaze.app.sights import LiveView
from gaze.setup.calibrate import board_of
from gaze.setup.checks.faces import face_sizes, places_W
from gaze.setup.checks.pictures import judge_pictures
from sessions.folder import Session

Image = NDArray[np.uint8]

IDLE_S = 10.0  # a camera nobody looks at is closed
WAIT_S = 8.0  # for a camera's first picture
ANSWER_MS = 5000  # for a network camera's answer
STALE_S = 3.0  # an older picture is not what a camera sees now
BESIDE_M, DEPTH = 0.25, 0.25  # 1 σ of a face beside its seat, and of its distance by its height
BOARD_PX = 1280  # boards are looked for in pictures of at most this width: it is to be quick
FACE_SCORE = 0.5  # of a face that is counted; blurred are more
STREAM = re.compile(r"rtsps?://[^\s\"'<>]+")
USB = re.compile(r"\d")


class Source:
    """One camera, read by a thread of its own, so that its picture is always the newest.

    where : a USB camera's number, an rtsp:// address, or a video file, which stands in for a camera
        and begins again at its end.
    """

    def __init__(self, where: int | str | Path) -> None:
        self.where = where
        self.before: Image | None = None  # the picture that was looked at last
        self.error, self.found = "", None  # type: str, str | None
        self._latest: Image | None = None
        self._latest_at = 0.0
        self._asked = time.monotonic()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        return self._thread.is_alive()

    def picture(self) -> Image:
        """The newest picture, BGR.

        Raises
        ------
        UserError : there is none.
        """
        self._asked = time.monotonic()
        while self._latest is None and self.open and time.monotonic() - self._asked < WAIT_S:
            time.sleep(0.02)
        live = not isinstance(self.where, Path)
        late = live and self._latest_at > 0 and time.monotonic() - self._latest_at > STALE_S
        if self._latest is None or self.error or late:
            remedy = "Is it plugged in, switched on, free of other programs?"
            if isinstance(self.where, str):
                remedy = (
                    "Is it switched on and in this network? Are address, user and password right: "
                    "rtsp://user:password@192.168.1.20/1?"
                )
            raise UserError(
                self.error or "the camera gives no picture" + " any more" * late,
                found=self.found, remedy=remedy,
            )  # fmt: skip
        return self._latest

    def _read(self) -> None:
        capture = _opened(self.where)
        pause_s = 1 / (capture.get(cv2.CAP_PROP_FPS) or 25) if isinstance(self.where, Path) else 0.0
        if not capture.isOpened():
            self.found = _why_closed(self.where)
            self.error = "the camera cannot be opened"
        while capture.isOpened() and time.monotonic() - self._asked < IDLE_S:
            good, image = capture.read()
            if not good and isinstance(self.where, Path) and self._latest is not None:
                capture.release()
                capture = _opened(self.where)
                continue
            if not good:
                self.error = "the camera gives no picture any more"
                break
            self._latest, self._latest_at = np.asarray(image, np.uint8), time.monotonic()
            time.sleep(pause_s)
        capture.release()


def _opened(where: int | str | Path) -> cv2.VideoCapture:
    if isinstance(where, int):
        capture = cv2.VideoCapture(where)
        for key, value in (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),  # or USB is too slow for it
            (cv2.CAP_PROP_FRAME_WIDTH, 3840), (cv2.CAP_PROP_FRAME_HEIGHT, 2160),  # its largest
        ):  # fmt: skip
            capture.set(key, value)
        return capture
    keys = cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC
    timeouts = [part for key in keys for part in (key, ANSWER_MS)]
    return cv2.VideoCapture(str(where), cv2.CAP_FFMPEG, timeouts)


def _why_closed(where: int | str | Path) -> str | None:
    """What a network camera answers that cannot be opened, a wrong password say; OpenCV does not
    tell."""
    if isinstance(where, str):
        try:
            av.open(where, timeout=ANSWER_MS / 1000).close()
        except av.FFmpegError as error:
            return error.strerror
    return None


_sources: dict[str, Source] = {}


def _source(folder: Path, camera: str, where: str) -> Source:
    target = _target(folder, where)
    known = _sources.get(camera)
    if known is None or known.where != target or not known.open:
        _sources[camera] = known = Source(target)
    return known


def _target(folder: Path, where: str) -> int | str | Path:
    """What a typed or chosen source means; a file must be one of the lesson's own."""
    if USB.fullmatch(where):
        return int(where)
    if STREAM.fullmatch(where):
        return where
    for path in of_kind(folder, VIDEOS):
        if path.name == where:
            return path
    raise UserError("this is no camera", expected="a USB camera's number, or rtsp://…")


def live_view(folder: Path, camera: str, where: str) -> LiveView:
    """What a camera sees now: faces blurred, each with its height in px; board; exposure; level.

    Raises
    ------
    UserError : there is no such camera, or it gives no picture.
    """
    source, session = _source(folder, camera, where), Session.open(folder)
    image = source.picture()
    before, source.before = source.before, image
    findings = judge_pictures([image] if before is None else [before, image], camera)
    boxes = look.faces_of(image, FACE_SCORE)
    findings += face_sizes(session, {camera: boxes})
    shown = look.pixelated(image)
    board = board_of(session.config.board)
    found = look.corner_finder().find(look.jpeg(image, BOARD_PX, 95), board, effort="some")
    if found.corners_px is not None:
        corners_px = found.corners_px * max(image.shape[1] / BOARD_PX, 1.0)
        corners = np.nan_to_num(corners_px, nan=-99).astype(np.float32).reshape(-1, 1, 2)
        cv2.drawChessboardCorners(shown, board.inner_corners, corners, True)
    names = _seats_of(session, camera, boxes)
    _mark(shown, boxes, names)
    heights = tuple((n, float(b[3] - b[1])) for n, b in zip(names, boxes, strict=True) if n)
    return LiveView(
        look.jpeg(shown, look.PREVIEW_PX), (image.shape[1], image.shape[0]), len(boxes),
        found.corners_px is not None, found.reason or "",
        tuple((f.severity, f.what, f.action) for f in findings), tuple(sorted(heights)),
    )  # fmt: skip


def _seats_of(session: Session, camera: str, boxes: NDArray[np.float64]) -> list[str]:
    """The seat (pseudonym) of each face (N, 4), empty where none is near; all are without a rig.

    A face's line of sight passes its seat, and its height says how far along, within a quarter.
    """
    seats = [s for s in session.config.students if s.seat_m is not None and not s.opt_out]
    names = [""] * len(boxes)
    try:
        rig = Rig.load(session.rig_path)
        T_WC = rig.T_WC(camera)
    except UserError:
        return names
    if not seats or not len(boxes):
        return names
    faces_W = places_W(rig, camera, boxes)
    at = np.array([s.seat_m for s in seats], float)  # (M, 2) x_W, z_W
    start = T_WC.t[[0, 2]]
    way = faces_W[:, [0, 2]] - start  # (N, 2)
    far_m = np.linalg.norm(way, axis=1)
    sight = (way / far_m[:, None])[:, None]  # (N, 1, 2)
    to_seat = at[None] - start
    along_m = (to_seat * sight).sum(2)
    beside_m = np.linalg.norm(to_seat - along_m[..., None] * sight, axis=2)
    off = np.hypot(beside_m / BESIDE_M, (along_m / far_m[:, None] - 1) / DEPTH)
    for face, seat in zip(*linear_sum_assignment(np.minimum(off, 9.0)), strict=True):
        if off[face, seat] < 2:
            names[face] = seats[seat].id
    return names


def _mark(image: Image, boxes: NDArray[np.float64], names: list[str]) -> None:
    """Faces with their seats and heights, and the lines that a level camera has its walls along."""
    h, w = image.shape[:2]
    scale = w / look.PREVIEW_PX
    thick = max(round(scale), 1)
    for share in (0.25, 0.5, 0.75):
        cv2.line(image, (round(share * w), 0), (round(share * w), h), (255, 255, 255), thick)
        cv2.line(image, (0, round(share * h)), (w, round(share * h)), (255, 255, 255), thick)
    for name, (x0, y0, x1, y1) in zip(names, boxes, strict=True):
        corners = (round(x0), round(y0)), (round(x1), round(y1))
        cv2.rectangle(image, *corners, (80, 220, 120), 2 * thick)
        at = (round(x0), round(y0 - 4 * scale))
        label = f"{name if name.isascii() else ''} {y1 - y0:.0f} px".strip()  # no other letters
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(image, label, at, font, 0.5 * scale, (80, 220, 120), 2 * thick)


def keep_picture(folder: Path, camera: str, where: str, what: str) -> Path:
    """Write what a camera sees now, whole and unblurred, into the lesson; returns where.

    what : ``board`` (one more of the chessboard's pictures) or ``auxiliary``.

    Raises
    ------
    UserError : no picture, an auxiliary picture that is there already, or a command is at work.
    """
    image = _source(folder, camera, where).picture()
    if what == "board":
        into = folder / "calibration" / camera
        names = (f"live-{n:03d}.jpg" for n in range(1, 1000))
        path = into / next(n for n in names if not (into / n).exists())
    else:
        path = place_for(folder / "calibration" / "auxiliary", f"{camera}.jpg", PICTURES)
    with writing(path) as aside:
        aside.write_bytes(look.jpeg(image, None, 97))
    return path
