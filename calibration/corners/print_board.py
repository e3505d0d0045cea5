"""A calibration board as a PDF at true scale, with a ruler to check the printer.

The page is a few rectangles and lines of text, so the PDF is written by hand: no library scales or
rasterises anything on the way. Lengths are millimetres here (a page's own unit) and metres in the
call. The top left square is dark, which is what the corner order of
``calibration.corners.boards`` calls upright.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from calibration.corners.boards import Board
from calibration.errors import CalibrationError
from calibration.files import write_file

PAPERS_MM = {  # upright: width, height
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
    "A2": (420.0, 594.0),
    "A1": (594.0, 841.0),
    "A0": (841.0, 1189.0),
    "letter": (215.9, 279.4),
    "tabloid": (279.4, 431.8),
}
SIDE_MM, TOP_MM, BOTTOM_MM = 8.0, 13.0, 18.0  # what printers cannot reach, the text, the ruler
MM_TO_PT = 72 / 25.4


@dataclass
class _Page:
    """A drawing in millimetres, origin at the lower left, as PDF operators."""

    width_mm: float
    height_mm: float
    operators: list[str] = field(default_factory=list)

    def rectangle(self, x: float, y: float, w: float, h: float) -> None:
        self.operators.append(f"{x:.4f} {y:.4f} {w:.4f} {h:.4f} re f")

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float = 0.12) -> None:
        self.operators.append(f"{width:.3f} w {x0:.4f} {y0:.4f} m {x1:.4f} {y1:.4f} l S")

    def polygon(self, points: list[tuple[float, float]]) -> None:
        (x, y), *rest = points
        steps = " ".join(f"{a:.4f} {b:.4f} l" for a, b in rest)
        self.operators.append(f"{x:.4f} {y:.4f} m {steps} h f")

    def text(self, x: float, y: float, size_mm: float, words: str) -> None:
        escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.operators.append(f"BT /F1 {size_mm:.2f} Tf {x:.3f} {y:.3f} Td ({escaped}) Tj ET")

    def pdf(self, title: str) -> bytes:
        """The whole file: one page, one base font, no scaling asked of the printer."""
        stream = f"{MM_TO_PT:.9f} 0 0 {MM_TO_PT:.9f} 0 0 cm\n" + "\n".join(self.operators)
        content = stream.encode("cp1252")
        box = f"[0 0 {self.width_mm * MM_TO_PT:.4f} {self.height_mm * MM_TO_PT:.4f}]"
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents 4 0 R "
            "/Resources << /Font << /F1 5 0 R >> >> >>".encode(),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            f"<< /Title ({title}) /Producer (classroom-gaze) >>".encode("cp1252"),
        ]
        out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        offsets = []
        for number, body in enumerate(objects, 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\n" % (len(objects) + 1)
        out += b"startxref\n%d\n%%%%EOF\n" % start
        return bytes(out)


def board_pdf(
    path: str | Path,
    inner_corners: tuple[int, int],
    square_m: float,
    paper: str = "A4",
    kind: Literal["chessboard", "charuco"] = "chessboard",
    *,
    marker_m: float | None = None,
    dictionary: str = "DICT_5X5_1000",
) -> tuple[float, float]:
    """Write a board at true scale; returns the page's (width, height) in millimetres.

    Parameters
    ----------
    inner_corners : (columns, rows) of inner corners, one odd and one even for a chessboard.
    square_m : edge of a square in metres, e.g. 0.025.
    paper : a name in ``PAPERS_MM``; turned to landscape where the board wants it.
    kind : ``chessboard`` or ``charuco``; marker_m and dictionary are the latter's.

    Raises
    ------
    CalibrationError : a board that cannot work, or that does not fit (it says what does).
    """
    board = Board(kind, inner_corners, square_m, marker_m, dictionary)
    nx, ny = board.inner_corners[0] + 1, board.inner_corners[1] + 1  # squares
    square = board.square_m * 1000
    size = _page_size(nx * square, ny * square, paper)
    if size is None:
        raise _does_not_fit(nx, ny, square, paper)
    page = _Page(*size)
    x0 = (page.width_mm - nx * square) / 2
    spare = page.height_mm - ny * square - TOP_MM - BOTTOM_MM
    top = page.height_mm - TOP_MM - spare / 2

    for row in range(ny):
        for column in range(nx):
            if (row + column) % 2 == 0:
                page.rectangle(x0 + column * square, top - (row + 1) * square, square, square)
    if board.kind == "charuco":
        _markers(page, board, x0, top)

    counts = f"{board.inner_corners[0]} x {board.inner_corners[1]} inner corners"
    name = f"{board.kind} {counts}, square {square:g} mm"
    words = f"classroom-gaze: {name}"
    if board.kind == "charuco":
        words += f", marker {(board.marker_m or 0) * 1000:g} mm, {board.dictionary}"
    y = page.height_mm - 8.5
    _arrow_up(page, SIDE_MM + 1.5, y - 1.0)
    page.text(SIDE_MM + 5, y, 3.2, f"this edge up     {words}")
    page.text(SIDE_MM + 114, 10.2, 2.8, 'Print at 100 %, not "fit to page". Measure this ruler.')
    page.text(SIDE_MM + 114, 6.4, 2.8, "Glue the sheet on something flat and stiff.")
    _ruler(page, SIDE_MM + 2, 9.0)

    write_file(Path(path), page.pdf(name))
    return size


def _page_size(width_mm: float, height_mm: float, paper: str) -> tuple[float, float] | None:
    """The paper, upright or turned, that takes a board of this size; None where neither does."""
    if paper not in PAPERS_MM:
        raise CalibrationError("unknown paper", found=paper, expected=" or ".join(PAPERS_MM))
    short, long = PAPERS_MM[paper]
    wide_first = width_mm >= height_mm
    for w, h in ((long, short), (short, long)) if wide_first else ((short, long), (long, short)):
        if width_mm <= w - 2 * SIDE_MM and height_mm <= h - TOP_MM - BOTTOM_MM:
            return w, h
    return None


def _does_not_fit(nx: int, ny: int, square: float, paper: str) -> CalibrationError:
    papers = [p for p in PAPERS_MM if _page_size(nx * square, ny * square, p) is not None]
    largest = square
    while largest > 1 and _page_size(nx * largest, ny * largest, paper) is None:
        largest = np.ceil(largest) - 1 if largest % 1 else largest - 1
    remedy = f"Use squares of at most {largest:g} mm"
    if papers:
        remedy += f", or paper {papers[0]}"
    return CalibrationError(
        f"the board does not fit on {paper}",
        found=f"{nx * square:g} x {ny * square:g} mm with squares of {square:g} mm",
        remedy=remedy + ".",
    )


def _markers(page: _Page, board: Board, x0: float, top: float) -> None:
    """ArUco markers in the light squares: runs of dark modules as rectangles."""
    nx, ny = board.inner_corners[0] + 1, board.inner_corners[1] + 1
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    modules = dictionary.markerSize + 2  # a black border of one module
    marker = (board.marker_m or 0) * 1000
    module, inset = marker / modules, (board.square_m * 1000 - marker) / 2
    number = 0
    for row in range(ny):
        for column in range(nx):
            if (row + column) % 2 == 0:
                continue
            if number >= len(dictionary.bytesList):
                raise CalibrationError(
                    "the dictionary has too few markers for this board",
                    where=board.dictionary, found=len(dictionary.bytesList), expected=nx * ny // 2,
                )  # fmt: skip
            bits = cv2.aruco.generateImageMarker(dictionary, number, modules) == 0
            x = x0 + column * board.square_m * 1000 + inset
            y = top - row * board.square_m * 1000 - inset
            for r, line in enumerate(bits):
                edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
                for begin, end in edges.reshape(-1, 2):
                    # a hair of overlap, so that no light seam shows between two rows of modules
                    page.rectangle(
                        x + begin * module,
                        y - (r + 1) * module - 0.01,
                        (end - begin) * module,
                        module + 0.01,
                    )
            number += 1


def _arrow_up(page: _Page, x: float, y: float) -> None:
    page.line(x, y, x, y + 3.2, 0.5)
    page.polygon([(x - 1.3, y + 2.6), (x + 1.3, y + 2.6), (x, y + 5.0)])


def _ruler(page: _Page, x: float, y: float) -> None:
    """0–100 mm above the line, inches in eighths (to the last one within 100 mm) below it."""
    page.line(x, y, x + 100, y)
    for mm in range(101):
        length = 3.0 if mm % 10 == 0 else 2.2 if mm % 5 == 0 else 1.4
        page.line(x + mm, y, x + mm, y + length, 0.15)
        if mm % 10 == 0:
            page.text(x + mm - 0.6 * len(str(mm)), y + 3.5, 2.2, str(mm))
    page.text(x + 102, y + 1.2, 2.4, "mm")
    for eighth in range(0, 32):
        length = 2.6 if eighth % 8 == 0 else 1.2
        at = x + eighth * 25.4 / 8
        page.line(at, y, at, y - length, 0.15)
        if eighth % 8 == 0:
            page.text(at + 0.5, y - 3.4, 2.0, str(eighth // 8))
    page.text(x + 102, y - 2.6, 2.4, "inch")
