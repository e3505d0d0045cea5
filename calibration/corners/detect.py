"""Corners of a board in pictures that may be anything: large, grey, 16-bit, damaged, no picture.

The work runs in a process of its own (``python -m calibration.corners.detect``) with a time limit
for each picture: a picture that makes a decoder crash or a detector search for ever costs its limit
and is reported with the reason, and the calibration goes on. The limit is processor time: a busy
machine takes longer and finds the same boards.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.corners.boards import Board, pitch_px
from calibration.errors import CalibrationError
from calibration.mounting import AS_THE_FILE_SAYS, Mounting
from calibration.transform import Array

Gray = NDArray[np.uint8]

#: No camera takes larger pictures; a decoder asked for more is fed a trap.
MAX_PIXELS = 160_000_000
MAX_BYTES = 500_000_000
MIN_SIDE_PX = 48
#: Pictures are reduced to about these many pixels to find the board, and refined in full.
FIRST_PIXELS = 350_000.0
SEARCH_PIXELS = 1_100_000.0
TIME_LIMIT_S = 25.0
#: So much longer than its limit of processor time may a picture take by the clock on the wall.
PATIENCE = 20
GIVEN_UP = 77  # exit code of the process: the limit is over

#: How hard to look: only count the corners; one reduced picture; everything.
Effort = Literal["count", "some", "all"]


@dataclass(frozen=True)
class Found:
    """What was found in one picture.

    Parameters
    ----------
    corners_px : (N, 2) in the board's order, NaN = missing; None where there is no board.
    size_px : (width, height); None where the file is no picture.
    reason : why there are no corners, in words.
    notes : ``sharpness_px``, ``contrast``, ``pitch_px``, ``detector``, ``larger_board``.
    """

    corners_px: Array | None
    size_px: tuple[int, int] | None
    reason: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)


# -- reading ---------------------------------------------------------------------------------------
def _declared_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in a PNG's or JPEG's header, without decoding; None where unknown."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        w, h = struct.unpack(">II", data[16:24])
        return int(w), int(h)
    if data[:2] == b"\xff\xd8":
        i = 2
        while i + 9 < len(data):
            if data[i] != 0xFF:
                i += 1
                continue
            marker = data[i + 1]
            if marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
                i += 1 if marker == 0xFF else 2
                continue
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                h, w = struct.unpack(">HH", data[i + 5 : i + 9])
                return int(w), int(h)
            i += 2 + int(struct.unpack(">H", data[i + 2 : i + 4])[0])
    return None


def _truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG ends before its end marker."""
    if data[:2] == b"\xff\xd8":
        return b"\xff\xd9" not in data[-4096:]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return b"IEND" not in data[-4096:]
    return False


def read_picture(path: str | Path, mounting: Mounting = AS_THE_FILE_SAYS) -> Gray:
    """Any picture file as 8-bit grey, upright as its EXIF says, or as ``mounting`` says.

    Raises
    ------
    CalibrationError : missing, empty, not a picture, cut off, too large or too small; the reason is
        ``error.what``.
    """
    path = Path(path)

    def refuse(what: str, **more: Any) -> CalibrationError:
        return CalibrationError(what, where=path, **more)

    if not path.is_file():
        raise refuse("there is no such picture")
    try:
        n_bytes = path.stat().st_size
        if n_bytes == 0:
            raise refuse("the file is empty")
        if n_bytes > MAX_BYTES:
            raise refuse("the file is too large for a picture", found=f"{n_bytes / 1e6:.0f} MB")
        data = path.read_bytes()
    except OSError as error:
        raise refuse("the file cannot be read", found=str(error)) from error
    return decode_picture(data, path, mounting)


def decode_picture(
    data: bytes, where: str | Path = "picture", mounting: Mounting = AS_THE_FILE_SAYS
) -> Gray:
    """The bytes of a picture file as 8-bit grey; see :func:`read_picture`."""
    size = _declared_size(data)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise CalibrationError(
            "the picture is too large", where=where, found=f"{size[0]} × {size[1]} pixels",
            expected=f"at most {MAX_PIXELS // 1_000_000} megapixels",
        )  # fmt: skip
    if _truncated(data):
        raise CalibrationError("the picture is cut off: its file ends too early", where=where)
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    if mounting.rotate is not None:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError, ValueError) as error:
        raise CalibrationError(
            "the picture cannot be decoded", where=where, found=str(error).strip()[:200]
        ) from error
    if image is None or image.size == 0:
        raise CalibrationError("this is not a picture, or it is damaged", where=where)
    return mounting.turn().apply(to_gray(image, where))


def to_gray(image: NDArray[Any], where: str | Path = "picture") -> Gray:
    """Any decoded picture (grey, colour, alpha; 8, 16 bit or float) as (h, w) 8-bit grey."""
    if image.ndim == 3:
        channels = image.shape[2]
        if channels == 2:
            image = image[..., 0]
        elif channels > 2:
            image = image[..., :3]
        else:
            image = image[..., 0]
    if image.dtype != np.uint8:
        values = image.astype(np.float32)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(np.percentile(values, 99.8))
        if high <= low:
            high = float(values.max())
        scale = 255.0 / max(high - low, 1e-9)
        image = np.clip((values - low) * scale, 0, 255).astype(np.uint8)
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    h, w = image.shape[:2]
    if min(w, h) < MIN_SIDE_PX:
        raise CalibrationError(
            "the picture is too small", where=where, found=f"{w} × {h} pixels",
            expected=f"at least {MIN_SIDE_PX} pixels each way",
        )  # fmt: skip
    return np.ascontiguousarray(image)


# -- chessboards -----------------------------------------------------------------------------------
_SB = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_ACCURACY


def _sector(gray: Gray, inner: tuple[int, int], exhaustive: bool) -> Array | None:
    """The sector-based sub-pixel detector."""
    flags = _SB | (cv2.CALIB_CB_EXHAUSTIVE if exhaustive else 0)
    try:
        ok, p = cv2.findChessboardCornersSB(gray, inner, flags=flags)
    except cv2.error:
        return None
    return np.asarray(p, np.float64).reshape(-1, 2) if ok else None


def _classic(gray: Gray, inner: tuple[int, int]) -> Array | None:
    """The classic detector: a fallback, its order put right by :func:`canonical`."""
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
    try:
        ok, p = cv2.findChessboardCorners(gray, inner, flags=flags)
    except cv2.error:
        return None
    return np.asarray(p, np.float64).reshape(-1, 2) if ok else None


#: The refinement looks at the picture through a blur of this many pixels: noise and the blocks of
#: JPEG pull single corners otherwise (measured: docs/calibration.md).
REFINE_BLUR_PX = 0.8


def refine(gray: Gray, corners: Array, inner: tuple[int, int]) -> Array:
    """Sub-pixel refinement; the window follows the smallest distance of neighbours.

    A fixed window takes in the next corner on small boards (4–8 px of error instead of 0.1). A
    corner that would move by over a third of a square stays where it was.
    """
    seen = np.isfinite(corners).all(1)
    pitch = pitch_px(corners, inner)
    pitch = pitch if np.isfinite(pitch) else 10.0
    half = int(np.clip(pitch / 3, 2, 15))
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    out = corners.copy()
    if not seen.any():
        return out
    # only the part with the board is blurred
    h, w = gray.shape
    low = np.clip(np.floor(corners[seen].min(0)).astype(int) - 2 * half - 8, 0, [w - 1, h - 1])
    high = np.clip(np.ceil(corners[seen].max(0)).astype(int) + 2 * half + 8, 1, [w, h])
    part = cv2.GaussianBlur(gray[low[1] : high[1], low[0] : high[0]], (0, 0), REFINE_BLUR_PX)
    points = (corners[seen] - low).astype(np.float32).reshape(-1, 1, 2)
    try:
        p = cv2.cornerSubPix(part, points.copy(), (half, half), (-1, -1), criteria)
    except cv2.error:
        return out
    moved = np.asarray(p, np.float64).reshape(-1, 2) + low
    far = ~(np.linalg.norm(moved - corners[seen], axis=1) < pitch / 3)
    out[seen] = np.where(far[:, None], corners[seen], moved)
    return out


def _cells(gray: Gray, corners: Array, inner: tuple[int, int], ring: int) -> NDArray[np.float64]:
    """Mean brightness of the squares, including ``ring`` rows of squares beyond the corners.

    Squares are found by the homography of the corners, so that they may lie outside the grid.
    Returns (rows − 1 + 2 ring, columns − 1 + 2 ring); NaN outside the picture.
    """
    nx, ny = inner
    grid = np.stack(np.meshgrid(np.arange(nx), np.arange(ny)), -1).reshape(-1, 2).astype(np.float64)
    H, _ = cv2.findHomography(grid, corners)
    rows = ny - 1 + 2 * ring
    cols = nx - 1 + 2 * ring
    if H is None:
        return np.full((rows, cols), np.nan)
    offsets = np.array([[a, b] for a in (0.35, 0.5, 0.65) for b in (0.35, 0.5, 0.65)])
    base = np.stack(np.meshgrid(np.arange(cols) - ring, np.arange(rows) - ring), -1)
    at = base[:, :, None] + offsets
    homogeneous = np.concatenate([at, np.ones((*at.shape[:-1], 1))], -1) @ np.asarray(H).T
    uv = homogeneous[..., :2] / homogeneous[..., 2:]
    h, w = gray.shape
    inside = (
        (uv[..., 0] >= 0) & (uv[..., 0] < w - 0.5) & (uv[..., 1] >= 0) & (uv[..., 1] < h - 0.5)
        & (homogeneous[..., 2] > 0)
    )  # fmt: skip
    x = np.clip(np.nan_to_num(uv[..., 0]).round().astype(int), 0, w - 1)
    y = np.clip(np.nan_to_num(uv[..., 1]).round().astype(int), 0, h - 1)
    value = np.where(inside, gray[y, x].astype(np.float64), np.nan)
    whole = inside.all(-1)
    return np.where(whole, value.mean(-1), np.nan)


def _clockwise(corners: Array, inner: tuple[int, int]) -> bool:
    """Whether columns × rows turn clockwise in the picture, as on a print seen from its front."""
    grid = corners.reshape(inner[1], inner[0], 2)
    along = grid[:, -1].mean(0) - grid[:, 0].mean(0)
    down = grid[-1].mean(0) - grid[0].mean(0)
    return bool(along[0] * down[1] - along[1] * down[0] > 0)


def _contrast(cells: NDArray[np.float64]) -> float:
    """Mean of the squares of even parity minus those of odd parity."""
    parity = np.add.outer(np.arange(cells.shape[0]), np.arange(cells.shape[1])) % 2
    return float(np.nanmean(cells[parity == 0]) - np.nanmean(cells[parity == 1]))


def canonical(gray: Gray, corners: Array, inner: tuple[int, int]) -> tuple[Array, float]:
    """One corner order for every detector: clockwise, the first enclosed square dark.

    Returns the corners and the contrast of the squares (grey levels).
    """
    if not _clockwise(corners, inner):
        corners = corners.reshape(inner[1], inner[0], 2)[:, ::-1].reshape(-1, 2)
    contrast = _contrast(_cells(gray, corners, inner, 0))
    if contrast > 0:  # the first square is light: half a turn exchanges the colours
        corners = corners[::-1]
    return np.ascontiguousarray(corners), abs(contrast)


def goes_on(gray: Gray, corners: Array, inner: tuple[int, int], contrast: float) -> list[str]:
    """Sides on which the pattern continues beyond the counted corners: a larger board.

    Beyond the outermost squares lies the white margin. Where the squares there still alternate
    with the board's contrast, ``inner_corners`` is too small.
    """
    # ring 1 holds the outermost squares, ring 2 the margin
    cells = _cells(gray, corners, inner, 2)
    parity = np.add.outer(np.arange(cells.shape[0]), np.arange(cells.shape[1])) % 2
    sides = {
        "top": (cells[0, 2:-2], parity[0, 2:-2]),
        "bottom": (cells[-1, 2:-2], parity[-1, 2:-2]),
        "left": (cells[2:-2, 0], parity[2:-2, 0]),
        "right": (cells[2:-2, -1], parity[2:-2, -1]),
    }
    out = []
    for name, (values, odd) in sides.items():
        even = odd == 0
        known = np.isfinite(values)
        if known.sum() < 4 or not (known & even).any() or not (known & ~even).any():
            continue
        step = float(np.nanmean(values[~even & known]) - np.nanmean(values[even & known]))
        if step > 0.6 * contrast:
            out.append(name)
    return out


def sharpness_px(gray: Gray, corners: Array, inner: tuple[int, int]) -> float | None:
    """Width of an edge from black to white, pixels: 2–4 when sharp, over 5 when blurred.

    The worse of the board's two directions: motion blurs one of them.
    """
    points = corners.astype(np.float32).reshape(-1, 1, 2)
    widths = []
    for vertical in (False, True):
        try:
            value, _ = cv2.estimateChessboardSharpness(gray, inner, points, 0.8, vertical)
        except cv2.error:
            continue
        width = float(np.ravel(value)[0])
        if 0 < width < 100:
            widths.append(width)
    return max(widths, default=None)


def _search(gray: Gray, inner: tuple[int, int], effort: Effort) -> tuple[Array | None, str]:
    """Rough corners by the cheapest search that finds them: reduced pictures first.

    The sector-based detector's time grows with the pixels (0.1 s at 0.35 megapixels, 0.5 s at 1.1,
    1 s at 2), and refinement takes back what a reduced picture loses.
    """
    h, w = gray.shape

    def reduced(pixels: float) -> tuple[Gray, float]:
        factor = min(1.0, float(np.sqrt(pixels / (w * h))))
        if factor > 0.85:
            return gray, 1.0
        small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8), factor

    done: set[float] = set()
    for pixels in (FIRST_PIXELS, SEARCH_PIXELS, float(w * h)):
        picture, factor = reduced(pixels)
        if factor in done:
            continue
        done.add(factor)
        rough = _sector(picture, inner, False)
        if rough is not None:
            return (rough + 0.5) / factor - 0.5, "sector"
        if len(done) == 1:
            rough = _classic(gray, inner)
            if rough is not None and _sane(rough, inner)[0]:
                return rough, "classic"
        if effort == "some":
            break
    if effort == "all":
        picture, factor = reduced(SEARCH_PIXELS)
        rough = _sector(picture, inner, True)
        if rough is not None:
            return (rough + 0.5) / factor - 0.5, "sector, exhaustive"
    return None, ""


def count_corners(gray: Gray) -> tuple[int, int] | None:
    """(larger, smaller) count of inner corners of whatever chessboard is in the picture."""
    h, w = gray.shape
    factor = min(1.0, float(np.sqrt(FIRST_PIXELS / (w * h))))
    if factor < 0.85:
        small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        gray = np.asarray(small, np.uint8)
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_LARGER
    try:
        ok, _, meta = cv2.findChessboardCornersSBWithMeta(gray, (3, 3), flags)
    except cv2.error:
        return None
    if not ok or meta is None:
        return None
    a, b = int(meta.shape[0]), int(meta.shape[1])
    return max(a, b), min(a, b)


def find_chessboard(gray: Gray, inner: tuple[int, int], *, effort: Effort = "all") -> Found:
    """A chessboard's corners: sector-based detector, classic as a fallback, then refined."""
    h, w = gray.shape
    size = (w, h)
    corners, detector = _search(gray, inner, effort)
    if corners is None:
        return Found(None, size, f"no board with {inner[0]} × {inner[1]} inner corners was found")
    if not np.isfinite(corners).all():
        return Found(None, size, "the detector's corners are no numbers")
    corners = refine(gray, corners, inner)
    corners, contrast = canonical(gray, corners, inner)
    sane, why = _sane(corners, inner)
    if not sane:
        return Found(None, size, why)
    return Found(
        corners,
        size,
        None,
        {
            "sharpness_px": sharpness_px(gray, corners, inner),
            "contrast": contrast,
            "pitch_px": pitch_px(corners, inner),
            "detector": detector,
            "larger_board": goes_on(gray, corners, inner, contrast),
        },
    )


def _sane(corners: Array, inner: tuple[int, int]) -> tuple[bool, str]:
    """Detectors sometimes return wrong corners silently: a plane's grid must look like one."""
    nx, ny = inner
    grid = np.stack(np.meshgrid(np.arange(nx), np.arange(ny)), -1).reshape(-1, 2).astype(np.float64)
    H, _ = cv2.findHomography(grid, corners)
    if H is None:
        return False, "the corners found do not form a grid"
    p = np.concatenate([grid, np.ones((len(grid), 1))], 1) @ np.asarray(H).T
    e = np.linalg.norm(p[:, :2] / p[:, 2:] - corners, axis=1)
    pitch = pitch_px(corners, inner)
    if not np.isfinite(pitch) or pitch < 3:
        return False, f"the board is too small in the picture (squares of {pitch:.1f} px)"
    # lens distortion bends a grid by a fraction of a square at most
    if float(np.median(e)) > 0.5 * pitch:
        return False, "the corners found do not form a plane grid"
    return True, ""


# -- ChArUco ---------------------------------------------------------------------------------------
def find_charuco(gray: Gray, board: Board) -> Found:
    """A ChArUco board's corners; those that are hidden are NaN."""
    h, w = gray.shape
    nx, ny = board.inner_corners
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    best: Array | None = None
    for legacy in (False, True):
        pattern = cv2.aruco.CharucoBoard(
            (nx + 1, ny + 1), board.square_m, float(board.marker_m or 0), dictionary
        )
        pattern.setLegacyPattern(legacy)
        try:
            corners, ids, _, _ = cv2.aruco.CharucoDetector(pattern).detectBoard(gray)
        except cv2.error:
            continue
        if ids is None or len(ids) < 6:
            continue
        full = np.full((nx * ny, 2), np.nan)
        full[ids.ravel()] = np.asarray(corners, np.float64).reshape(-1, 2)
        if best is None or np.isfinite(full).sum() > np.isfinite(best).sum():
            best = full
    if best is None:
        return Found(
            None,
            (w, h),
            f"no ChArUco board with {nx} × {ny} inner corners ({board.dictionary}) was found",
        )
    best = refine(gray, best, board.inner_corners)
    return Found(
        best, (w, h), None, {"pitch_px": pitch_px(best, board.inner_corners), "detector": "charuco"}
    )


def find_corners(gray: Gray, board: Board, *, effort: Effort = "all") -> Found:
    """The board's corners in a grey picture.

    effort : ``count`` only counts a chessboard's inner corners (``notes["counts"]``).
    """
    if effort == "count":
        counts = count_corners(gray)
        return Found(None, (gray.shape[1], gray.shape[0]), "only counted", {"counts": counts})
    if board.kind == "charuco":
        return find_charuco(gray, board)
    return find_chessboard(gray, board.inner_corners, effort=effort)


def find_in_file(
    path: str | Path,
    board: Board,
    *,
    effort: Effort = "all",
    mounting: Mounting = AS_THE_FILE_SAYS,
) -> Found:
    """The board's corners in a picture file; whatever is wrong with the file becomes the reason."""
    try:
        gray = read_picture(path, mounting)
    except CalibrationError as error:
        return Found(None, None, error.what + ("" if error.found is None else f" ({error.found})"))
    return find_corners(gray, board, effort=effort)


# -- a process with a time limit -------------------------------------------------------------------
class Detector:
    """Finds corners in files, in a process of its own that is replaced when it hangs or dies.

    Use as a context manager. ``time_limit_s`` is for one picture, of processor time.
    """

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self.time_limit_s = time_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[Any] = queue.Queue()

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        here = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(
            p for p in (here, environment.get("PYTHONPATH", "")) if p
        )
        environment["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)
        environment["OPENCV_LOG_LEVEL"] = "SILENT"
        process = subprocess.Popen(
            [sys.executable, "-m", "calibration.corners.detect"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        answers: queue.Queue[Any] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=_listen, args=(process.stdout, answers), daemon=True).start()
        self._process, self._answers = process, answers
        answers.get()  # "ready", or None where it ended: starting costs no picture its time
        return process

    def find(
        self,
        job: str | Path | bytes,
        board: Board,
        *,
        effort: Effort = "all",
        mounting: Mounting = AS_THE_FILE_SAYS,
    ) -> Found:
        """Corners in a picture file (or its bytes); never more work than the time limit.

        mounting : of the camera that took the file; bytes are upright.
        """
        process = self._process
        if process is None or process.poll() is not None:
            process = self._start()
        assert process.stdin is not None
        item = job if isinstance(job, bytes) else str(job)
        try:
            _send(
                process.stdin,
                (item, board.to_dict(), effort, tuple(mounting), self.time_limit_s),
            )
        except OSError:
            self.close()
            return Found(None, None, "the detector could not be started")
        try:
            answer = self._answers.get(timeout=PATIENCE * self.time_limit_s)
            over = answer is None and process.wait() == GIVEN_UP
        except queue.Empty:
            answer, over = None, True
        if over:
            self.close()
            return Found(
                None, None,
                f"the search for the board took longer than {self.time_limit_s:.0f} s and was "
                "given up (noise, or a pattern that repeats?)",
            )  # fmt: skip
        if answer is None:
            self.close()
            return Found(None, None, "the picture made the detector crash; it is damaged")
        found: Found = answer
        return found


def _send(pipe: IO[bytes], item: Any) -> None:
    data = pickle.dumps(item)
    pipe.write(struct.pack("<Q", len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(8)
    if len(head) < 8:
        return None
    (n,) = struct.unpack("<Q", head)
    data = pipe.read(n)
    return pickle.loads(data) if len(data) == n else None


def _listen(pipe: IO[bytes], answers: queue.Queue[Any]) -> None:
    """Hand over answers; None when the process ends."""
    try:
        while (item := _receive(pipe)) is not None:
            answers.put(item)
    except (OSError, ValueError, EOFError, pickle.UnpicklingError):
        pass
    answers.put(None)


def find_all(
    jobs: Sequence[tuple[str | Path | bytes, Board]],
    *,
    time_limit_s: float = TIME_LIMIT_S,
    effort: Effort = "all",
    progress: Callable[[float], None] | None = None,
    mountings: Sequence[Mounting] | None = None,
) -> list[Found]:
    """Corners in many pictures, each within its time limit, in as many processes as help.

    mountings : one for each job (:meth:`Detector.find`).
    """
    n = max(1, min(4, os.cpu_count() or 1, len(jobs)))
    idle: queue.SimpleQueue[Detector] = queue.SimpleQueue()
    detectors = [Detector(time_limit_s) for _ in range(n)]
    for detector in detectors:
        idle.put(detector)

    def one(job: tuple[str | Path | bytes, Board], mounting: Mounting) -> Found:
        detector = idle.get()
        try:
            return detector.find(job[0], job[1], effort=effort, mounting=mounting)
        finally:
            idle.put(detector)

    out: list[Found] = []
    try:
        with ThreadPoolExecutor(n) as pool:
            for found in pool.map(one, jobs, mountings or [AS_THE_FILE_SAYS] * len(jobs)):
                out.append(found)
                if progress:
                    progress(len(out) / len(jobs))
    finally:
        for detector in detectors:
            detector.close()
    return out


class _Limit(threading.Thread):
    """Ends this process when it has worked for longer than it may."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.until_s = float("inf")  # of processor time
        self.start()

    def run(self) -> None:
        while time.process_time() < self.until_s:
            time.sleep(0.05)
        os._exit(GIVEN_UP)


def _work(stdin: IO[bytes], stdout: IO[bytes]) -> None:
    """The process: answers jobs until its input ends."""
    cv2.setNumThreads(1)
    limit = _Limit()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        memory = 6 * 1024**3
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    _send(stdout, "ready")
    while (item := _receive(stdin)) is not None:
        job, board_dict, effort, mounting, limit_s = item
        limit.until_s = time.process_time() + limit_s
        board = Board.from_dict(board_dict)
        try:
            if isinstance(job, bytes):
                answer = find_corners(decode_picture(job), board, effort=effort)
            else:
                answer = find_in_file(job, board, effort=effort, mounting=Mounting(*mounting))
        except CalibrationError as error:
            answer = Found(None, None, error.what)
        except MemoryError:
            answer = Found(None, None, "the picture needs more memory than there is")
        except Exception as error:  # one picture must never end the calibration
            reason = f"the detector failed: {type(error).__name__}: {error}"
            answer = Found(None, None, reason[:300])
        limit.until_s = float("inf")
        _send(stdout, answer)


if __name__ == "__main__":
    # unpickling in the parent wants calibration.detect.Found, not __main__.Found
    from calibration.corners import detect

    detect._work(sys.stdin.buffer, sys.stdout.buffer)
