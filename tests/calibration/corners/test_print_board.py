"""The printed board: true scale, the right pattern, and a clear no where it cannot fit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.corners.boards import Board
from calibration.corners.detect import find_corners
from calibration.corners.print_board import board_pdf
from calibration.errors import CalibrationError

DPI = 120
PX_PER_MM = DPI / 25.4

needs_poppler = pytest.mark.skipif(
    shutil.which("pdftoppm") is None, reason="pdftoppm (poppler-utils) is not installed"
)


def rasterise(pdf: Path, dpi: int = DPI) -> np.ndarray:
    """The page as a printer sees it: grey, (h, w)."""
    stem = pdf.with_suffix("")
    subprocess.run(["pdftoppm", "-r", str(dpi), "-gray", "-singlefile", pdf, stem], check=True)
    picture = cv2.imread(str(stem) + ".pgm", cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


def corners_of(picture: np.ndarray, inner_corners: tuple[int, int]) -> np.ndarray:
    found, corners = cv2.findChessboardCornersSB(
        picture, inner_corners, flags=cv2.CALIB_CB_ACCURACY
    )
    assert found
    return corners.reshape(inner_corners[1], inner_corners[0], 2)


@needs_poppler
@pytest.mark.parametrize(
    ("inner_corners", "square_m", "paper", "page_mm"),
    [
        ((9, 6), 0.025, "A4", (297, 210)),
        ((6, 9), 0.020, "A4", (210, 297)),
        ((9, 6), 0.036, "A3", (420, 297)),
        ((8, 5), 0.0254, "letter", (279.4, 215.9)),
    ],
)
def test_chessboard_is_at_true_scale(
    tmp_path: Path,
    inner_corners: tuple[int, int],
    square_m: float,
    paper: str,
    page_mm: tuple[float, float],
) -> None:
    """Detected squares are as large as promised, to 0.2 %, in both directions."""
    size = board_pdf(tmp_path / "board.pdf", inner_corners, square_m, paper)
    assert size == pytest.approx(page_mm)
    picture = rasterise(tmp_path / "board.pdf")
    assert picture.shape[::-1] == pytest.approx(np.array(page_mm) * PX_PER_MM, abs=1.5)
    grid = corners_of(picture, inner_corners)
    nx, ny = inner_corners
    along = np.linalg.norm(grid[:, -1] - grid[:, 0], axis=-1).mean() / (nx - 1)
    down = np.linalg.norm(grid[-1] - grid[0], axis=-1).mean() / (ny - 1)
    assert along / PX_PER_MM == pytest.approx(square_m * 1000, rel=0.002)
    assert down / PX_PER_MM == pytest.approx(square_m * 1000, rel=0.002)


@needs_poppler
def test_the_corner_that_counts_is_the_upper_left(tmp_path: Path) -> None:
    """With "this edge up" up, the first square that inner corners enclose is dark."""
    board_pdf(tmp_path / "board.pdf", (9, 6), 0.025)
    picture = rasterise(tmp_path / "board.pdf")
    grid = corners_of(picture, (9, 6)).reshape(-1, 2)
    upper_left = grid[np.argmin(grid.sum(1))]
    half = 12.5 * PX_PER_MM
    x, y = (upper_left + half).astype(int)
    assert picture[y, x] < 50
    x, y = (upper_left + [half, -half]).astype(int)
    assert picture[y, x] > 200


@needs_poppler
def test_the_ruler_is_100_mm_long(tmp_path: Path) -> None:
    """The first and the last millimetre tick, found as dark columns along the ruler's line."""
    board_pdf(tmp_path / "board.pdf", (9, 6), 0.025)
    picture = rasterise(tmp_path / "board.pdf", 300)
    px_per_mm = 300 / 25.4
    height = picture.shape[0]
    # just above the ruler's line at 9 mm, below the shortest millimetre tick's end
    row = picture[int(height - 9.9 * px_per_mm)][: int(120 * px_per_mm)]
    dark = np.flatnonzero(row < 160)
    ticks = np.array([c.mean() for c in np.split(dark, np.flatnonzero(np.diff(dark) > 1) + 1)])
    assert len(ticks) == 101
    assert (ticks[-1] - ticks[0]) / px_per_mm == pytest.approx(100, rel=0.002)


@needs_poppler
@pytest.mark.parametrize("dictionary", ["DICT_5X5_1000", "DICT_4X4_50"])
def test_charuco_is_found_whole_and_at_true_scale(tmp_path: Path, dictionary: str) -> None:
    inner = (8, 6)
    board_pdf(
        tmp_path / "c.pdf", inner, 0.02, kind="charuco", marker_m=0.015, dictionary=dictionary
    )
    picture = rasterise(tmp_path / "c.pdf")
    board = cv2.aruco.CharucoBoard(
        (inner[0] + 1, inner[1] + 1),
        0.02,
        0.015,
        cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary)),
    )
    corners, ids, _, _ = cv2.aruco.CharucoDetector(board).detectBoard(picture)
    assert ids is not None and len(ids) == inner[0] * inner[1]
    expected = board.getChessboardCorners()[ids.ravel(), :2] * 1000 * PX_PER_MM
    got = corners.reshape(-1, 2)
    scale = np.linalg.norm(got[-1] - got[0]) / np.linalg.norm(expected[-1] - expected[0])
    assert scale == pytest.approx(1, rel=0.002)
    assert np.abs((got - got[0]) - (expected - expected[0])).max() < 1.0


@needs_poppler
@pytest.mark.parametrize("kind", ["chessboard", "charuco"])
def test_our_own_detector_reads_it_upright(tmp_path: Path, kind: str) -> None:
    """What `gaze board` prints, `gaze calibrate` reads: corner 0 is the upper left one, rows run
    to the right."""
    board = Board(kind, (9, 6), 0.025)  # type: ignore[arg-type]
    board_pdf(tmp_path / "b.pdf", (9, 6), 0.025, kind=kind)  # type: ignore[arg-type]
    found = find_corners(rasterise(tmp_path / "b.pdf"), board)
    assert found.corners_px is not None, found.reason
    grid = found.corners_px.reshape(6, 9, 2)
    pitch = 25 * PX_PER_MM  # poppler moves edges to whole pixels
    assert np.abs(np.diff(grid, axis=1) - [pitch, 0]).max() < 2
    assert np.abs(np.diff(grid, axis=0) - [0, pitch]).max() < 2


@needs_poppler
def test_what_is_written_on_it(tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    board_pdf(tmp_path / "b.pdf", (9, 6), 0.025)
    text = subprocess.run(
        ["pdftotext", tmp_path / "b.pdf", "-"], check=True, capture_output=True, text=True
    ).stdout
    for words in ("this edge up", "9 x 6 inner corners", "square 25 mm", "100 %", "inch"):
        assert words in text


@pytest.mark.parametrize(
    ("inner_corners", "square_m", "paper", "sentence"),
    [
        ((9, 6), 0.04, "A4", r"not fit on A4; found 400 x 280 mm.*at most 25 mm, or paper A2"),
        ((9, 6), 0.9, "A4", r"not fit on A4.*at most 25 mm\.$"),
        ((9, 6), 0.0281, "A4", r"squares of 28.1 mm.*at most 25 mm, or paper A3"),
        ((9, 6), 0.025, "A7", r"unknown paper; found A7, expected A4 or A3"),
        ((8, 6), 0.025, "A4", r"both inner corner counts are even"),
        ((9, 6), 25.0, "A4", r"this looks like mm, not metres"),
    ],
)
def test_a_board_that_cannot_be_is_refused(
    tmp_path: Path, inner_corners: tuple[int, int], square_m: float, paper: str, sentence: str
) -> None:
    with pytest.raises(CalibrationError, match=sentence):
        board_pdf(tmp_path / "b.pdf", inner_corners, square_m, paper)
    assert not list(tmp_path.iterdir())


def test_the_largest_square_named_does_fit(tmp_path: Path) -> None:
    board_pdf(tmp_path / "b.pdf", (9, 6), 0.025)
    with pytest.raises(CalibrationError):
        board_pdf(tmp_path / "b2.pdf", (9, 6), 0.026)


def test_the_pdf_is_whole(tmp_path: Path) -> None:
    """Every offset of the cross-reference table points at its object; the printer may not scale."""
    board_pdf(tmp_path / "b.pdf", (9, 6), 0.025)
    data = (tmp_path / "b.pdf").read_bytes()
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[start : start + 4] == b"xref"
    lines = data[start:].split(b"\n")[3:9]
    for number, line in enumerate(lines, 1):
        offset = int(line.split()[0])
        assert data[offset:].startswith(b"%d 0 obj" % number)
    assert b"/PrintScaling /None" in data
