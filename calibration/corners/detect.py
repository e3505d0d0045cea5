"""Corners of a board in pictures that may be anything: large, grey, 16-bit, damaged, no picture.

One picture at a time; many, each with a time limit: process.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.corners.boards import Board, pitch_px
from calibration.corners.picture_file import Gray, read_picture
from calibration.errors import CalibrationError
from calibration.mounting import AS_THE_FILE_SAYS, Mounting
from calibration.transform import Array

#: Pictures are reduced to about these many pixels to find the board, and refined in full.
FIRST_PIXELS = 350_000.0
SEARCH_PIXELS = 1_100_000.0

#: How hard to look: only count the corners; one reduced picture; everything.
Effort = Literal["count", "some", "all"]
#: Rows and columns of a ChArUco board that are counted; markers by which a dictionary is known.
MOST_COUNTED, LEAST_MARKERS = 24, 6


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
#: JPEG pull single corners otherwise (measured: docs/history/calibration.md).
REFINE_BLUR_PX = 0.8


#: Half a refinement window, in squares; of what is white round a ChArUco corner, up to its markers.
WINDOW, WHITE_WINDOW = 1 / 3, 0.7


#: So far, in squares, from where its neighbours say, a corner strays.
STRAY = 0.2


def refine(gray: Gray, corners: Array, inner: tuple[int, int], window: float = WINDOW) -> Array:
    """Sub-pixel refinement; the window follows the smallest distance of neighbours.

    window : half of it, in squares.

    A fixed window takes in the next corner on small boards (4–8 px of error instead of 0.1). A
    corner that would move by over a third of a square stays where it was.
    """
    seen = np.isfinite(corners).all(1)
    pitch = pitch_px(corners, inner)
    pitch = pitch if np.isfinite(pitch) else 10.0
    half = int(np.clip(pitch * window, 2, 15))
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


def _grid(inner: tuple[int, int]) -> Array:
    """(N, 2) places of a board's corners in it, in squares."""
    return np.stack(np.meshgrid(*map(np.arange, inner)), -1).reshape(-1, 2).astype(np.float64)


def _by_homography(grid: Array, corners: Array, asked: Array, method: int = 0) -> Array | None:
    """Where the homography from places in the grid to corners (N, 2) puts those asked for (M, 2);
    None: there is none."""
    H, _ = cv2.findHomography(grid, corners, method)
    return None if H is None else np.asarray(cv2.perspectiveTransform(asked[None], H)[0])


def straying(corners: Array, inner: tuple[int, int]) -> tuple[NDArray[np.bool_], Array]:
    """Which corners (N,) do not lie where those about them say, and where that would be (N, 2).

    A corner is foretold from those up to two squares away by a homography: over so short a way a
    strong lens bends it by a tenth of a square.
    """
    stray, foretold = np.zeros(len(corners), np.bool_), corners.copy()
    seen = np.isfinite(corners).all(1)
    if seen.sum() < 9:
        return stray, foretold
    pitch, grid = pitch_px(corners, inner), _grid(inner)
    plane = _by_homography(grid[seen], corners[seen], grid, cv2.LMEDS)
    if plane is None:
        return stray, foretold
    suspect = seen & (np.linalg.norm(plane - corners, axis=1) > STRAY * pitch)
    for of in (suspect, stray):  # once more, without each other
        trusted = seen & ~stray
        for k in np.flatnonzero(of).tolist():
            near = trusted & (np.abs(grid - grid[k]).max(1) <= 2)
            near[k] = False
            if near.sum() < 6:
                continue
            there = _by_homography(grid[near], corners[near], grid[[k]], cv2.LMEDS)
            foretold[k] = corners[k] if there is None else there[0]
            stray[k] = np.linalg.norm(foretold[k] - corners[k]) > STRAY * pitch
    return stray, foretold


def _put_right(gray: Gray, corners: Array, inner: tuple[int, int]) -> Array:
    """Corners that stray, found again from where they should be; left where that finds nothing."""
    stray, foretold = straying(corners, inner)
    if not stray.any():
        return corners
    again = refine(gray, np.where(stray[:, None], foretold, corners), inner, WINDOW / 2)
    found = stray & ~straying(again, inner)[0]
    return np.where(found[:, None], again, corners)


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
    corners = _put_right(gray, refine(gray, corners, inner), inner)
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
    grid = _grid(inner)
    plane = _by_homography(grid, corners, grid)
    if plane is None:
        return False, "the corners found do not form a grid"
    e = np.linalg.norm(plane - corners, axis=1)
    pitch = pitch_px(corners, inner)
    if not np.isfinite(pitch) or pitch < 3:
        return False, f"the board is too small in the picture (squares of {pitch:.1f} px)"
    # lens distortion bends a grid by a fraction of a square at most
    if float(np.median(e)) > 0.5 * pitch:
        return False, "the corners found do not form a plane grid"
    return True, ""


def _charuco_corners(gray: Gray, board: Board) -> Array | None:
    """The board's rough corners, NaN where they are hidden; None where it is not found."""
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
    return best


def find_charuco(gray: Gray, board: Board) -> Found:
    """A ChArUco board's corners; those that are hidden are NaN."""
    h, w = gray.shape
    nx, ny = board.inner_corners
    best = _charuco_corners(gray, board)
    if best is None:
        best = _charuco_corners(np.asarray(255 - gray, np.uint8), board)  # white on black
    if best is None:
        return Found(
            None,
            (w, h),
            f"no ChArUco board with {nx} × {ny} inner corners ({board.dictionary}) was found",
        )
    # a window that reaches the markers is drawn to their edges: by a pixel and more
    white = (1 - float(board.marker_m or 0) / board.square_m) / 2
    best = refine(gray, best, board.inner_corners, min(WINDOW, WHITE_WINDOW * white))
    return Found(
        best, (w, h), None, {"pitch_px": pitch_px(best, board.inner_corners), "detector": "charuco"}
    )


def count_charuco(gray: Gray, board: Board) -> tuple[int, int] | None:
    """(columns, rows) of inner corners of a ChArUco board, down to the last row that is seen."""
    markers = len(cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary)).bytesList)
    for columns in dict.fromkeys((board.inner_corners[0], *range(3, MOST_COUNTED + 1))):
        rows = min(MOST_COUNTED, 2 * markers // (columns + 1) - 1)
        if rows < 3:
            break
        corners = _charuco_corners(gray, replace(board, inner_corners=(columns, rows)))
        if corners is not None:
            return columns, 1 + int(np.flatnonzero(np.isfinite(corners[:, 0])).max()) // columns
    return None


def dictionary_in(gray: Gray) -> str | None:
    """The smallest of cv2.aruco's dictionaries that has most of a picture's markers."""
    seen: dict[str, Array] = {}
    for family in ("4X4", "5X5", "6X6", "7X7"):
        every = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{family}_1000"))
        _, ids, _ = cv2.aruco.ArucoDetector(every).detectMarkers(gray)
        seen[family] = np.zeros(0) if ids is None else np.asarray(ids, np.float64).ravel()
    family, ids = max(seen.items(), key=lambda item: len(item[1]))
    if len(ids) < LEAST_MARKERS:
        return None
    return f"DICT_{family}_{next(n for n in (50, 100, 250, 1000) if ids.max() < n)}"


def find_corners(gray: Gray, board: Board, *, effort: Effort = "all") -> Found:
    """The board's corners in a grey picture.

    effort : ``count`` only counts the inner corners (``notes["counts"]``); where a ChArUco board
    has none, its markers may be of another dictionary (``notes["dictionary"]``).
    """
    if effort == "count":
        notes: dict[str, Any] = {}
        if board.kind == "chessboard":
            notes["counts"] = count_corners(gray)
        elif (counts := count_charuco(gray, board)) is not None:
            notes["counts"] = counts
        else:
            notes["dictionary"] = dictionary_in(gray)
        return Found(None, (gray.shape[1], gray.shape[0]), "only counted", notes)
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
