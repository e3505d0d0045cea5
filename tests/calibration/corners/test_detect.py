"""Corners in pictures: accuracy, one order, wrong boards, odd files, the time limit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.corners import detect, picture_file, process
from calibration.corners.boards import Board, View, pitch_px
from calibration.errors import CalibrationError
from calibration.transform import Array, Transform, rotation_exp
from tests.calibration.drawing import draw_board, write

BOARD = Board("chessboard", (9, 6), 0.03)
CAMERA = Camera(
    np.array([[620.0, 0, 322], [0, 618, 238], [0, 0, 1]]), np.array([-0.15, 0.04, 5e-4, -3e-4]),
    (640, 480), "left",
)  # fmt: skip


def _pose(tilt: tuple[float, float, float] = (20, -25, 8), distance_m: float = 0.6) -> Transform:
    R = rotation_exp(np.radians(tilt))
    centre = np.array([0.02, -0.01, distance_m])
    return Transform(R, centre - R @ BOARD.points_B().mean(0), "C", "B")


def _picture(
    T: Transform | None = None, board: Board = BOARD, seed: int = 0, **options: float
) -> tuple[NDArray[np.uint8], Array]:
    T = T or _pose()
    picture = draw_board(CAMERA, T, board, rng=np.random.default_rng(seed), **options)  # type: ignore[arg-type]
    return picture, CAMERA.project(T.apply(board.points_B()))


@pytest.mark.parametrize("tilt", [(0, 0, 0), (25, -30, 10), (-30, 20, 75), (10, 35, 170)])
def test_corners_are_right_to_a_tenth_of_a_pixel_and_in_order(tilt: tuple[float, ...]) -> None:
    picture, truth = _picture(_pose(tilt))  # type: ignore[arg-type]
    found = detect.find_corners(picture, BOARD)
    assert found.corners_px is not None, found.reason
    error = np.linalg.norm(found.corners_px - truth, axis=1)
    # edges along the pixel grid are the worst case
    assert np.sqrt((error**2).mean()) < (0.1 if any(tilt) else 0.18) and error.max() < 0.4
    assert 0.5 < found.notes["sharpness_px"] < 4.0
    assert found.notes["larger_board"] == []


def test_order_does_not_depend_on_the_detector() -> None:
    """The classic detector may start at the other end; the pattern's colours settle it."""
    picture, truth = _picture(_pose((10, 20, 160)))
    rough = truth + 0.4
    for given in (rough, rough[::-1], rough.reshape(6, 9, 2)[:, ::-1].reshape(-1, 2)):
        ordered, contrast = detect.canonical(picture, given, (9, 6))
        assert np.abs(ordered - rough).max() < 1e-9
        assert contrast > 100


def test_refinement_window_follows_the_pitch() -> None:
    """A board 70 px wide: a window of 11 px would take in the next corners."""
    picture, truth = _picture(_pose((15, 15, 5), 2.2))
    assert 5 < pitch_px(truth, (9, 6)) < 9
    refined = detect.refine(picture, truth + 0.5, (9, 6))
    assert np.sqrt(((refined - truth) ** 2).sum(1).mean()) < 0.25


@pytest.mark.parametrize("where", [0, 4, 8, 22, 53])  # at the board's corners, edges, in it
def test_a_corner_that_the_detector_puts_elsewhere_is_put_right(
    where: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sector-based detector is now and then wrong by a third of a square, at one corner of one
    picture, which a calibration of thirty pictures leaves out, and one of a room believes."""
    picture, truth = _picture(_pose((40, 20, 30)))
    wrong = truth + 0.3
    wrong[where] += 0.36 * pitch_px(truth, (9, 6)) * np.array([0.8, 0.6])
    monkeypatch.setattr(detect, "_search", lambda *_: (wrong, "sector"))
    found = detect.find_corners(picture, BOARD)
    assert found.corners_px is not None
    assert np.linalg.norm(found.corners_px - truth, axis=1).max() < 0.4


@pytest.mark.parametrize("bend", [0.0, 0.12])
def test_what_a_lens_bends_does_not_stray(bend: float) -> None:
    """A grid over the whole picture, its corners moved by four fifths of a square."""
    grid = np.stack(np.meshgrid(np.arange(9), np.arange(6)), -1).reshape(-1, 2) - [4, 2.5]
    x = grid / 4
    corners = 900 + 800 * x * (1 - bend * (x**2).sum(1, keepdims=True))
    stray, _ = detect.straying(corners, (9, 6))
    assert not stray.any()
    wrong = corners.copy()
    wrong[17] += [70.0, 0.0]
    stray, foretold = detect.straying(wrong, (9, 6))
    assert np.flatnonzero(stray).tolist() == [17]
    assert np.linalg.norm(foretold[17] - corners[17]) < 0.12 * pitch_px(corners, (9, 6))


def test_a_larger_board_than_stated_is_noticed() -> None:
    big = Board("chessboard", (11, 8), 0.02)
    T = Transform(np.eye(3), np.array([-0.1, -0.07, 0.6]), "C", "B")
    picture, truth = _picture(T, big)
    inside = truth.reshape(8, 11, 2)[1:7, 1:10].reshape(-1, 2)
    assert len(detect.goes_on(picture, inside, (9, 6), 180.0)) == 4
    assert detect.goes_on(picture, truth, (11, 8), 180.0) == []


def test_corners_are_counted_whatever_the_board() -> None:
    for counts in ((9, 6), (8, 5), (7, 4)):
        board = Board("chessboard", counts, 0.03)
        R = rotation_exp(np.radians([10, -15, 5]))
        T = Transform(R, np.array([0, 0, 0.6]) - R @ board.points_B().mean(0), "C", "B")
        picture, _ = _picture(T, board)
        assert detect.count_corners(picture) == counts


def test_motion_blur_is_measured() -> None:
    picture, _ = _picture()
    kernel = np.zeros((13, 13), np.float32)
    kernel[6] = 1 / 13
    smeared = cv2.filter2D(picture, -1, kernel)
    sharp = detect.find_corners(picture, BOARD).notes["sharpness_px"]
    blurred = detect.find_corners(smeared, BOARD).notes.get("sharpness_px")
    assert blurred is not None and blurred > 5.0 > 2 * sharp - 1


def test_no_board() -> None:
    picture = draw_board(CAMERA, None, BOARD, rng=np.random.default_rng(0))
    found = detect.find_corners(picture, BOARD, effort="some")
    assert found.corners_px is None and "no board with 9 × 6" in str(found.reason)
    assert found.size_px == (640, 480)


@pytest.mark.parametrize("kind", ["16 bit", "alpha", "colour", "float", "12 bit in 16"])
def test_any_pixel_format(kind: str, tmp_path: Path) -> None:
    picture, truth = _picture()
    path = tmp_path / "board.png"
    image: NDArray[np.generic] = picture
    if kind == "16 bit":
        image = picture.astype(np.uint16) * 257
    elif kind == "12 bit in 16":
        image = picture.astype(np.uint16) * 16
    elif kind == "alpha":
        image = np.dstack([picture] * 3 + [np.full_like(picture, 255)])
    elif kind == "colour":
        image = np.dstack([picture] * 3)
    elif kind == "float":
        path = tmp_path / "board.tiff"
        image = picture.astype(np.float32) / 255
    write(path, image)  # type: ignore[arg-type]
    found = detect.find_in_file(path, BOARD)
    assert found.corners_px is not None, found.reason
    assert np.abs(found.corners_px - truth).max() < 0.4


def test_files_that_are_no_pictures_have_a_reason(tmp_path: Path) -> None:
    picture, _ = _picture()
    write(tmp_path / "whole.jpg", picture)
    data = (tmp_path / "whole.jpg").read_bytes()
    files = {
        "cut.jpg": (data[: len(data) // 2], "cut off"),
        "empty.jpg": (b"", "empty"),
        "text.png": (b"this is a text\n" * 50, "not a picture"),
        "IMG_1.HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "export them as JPEG"),
        "film.jpg": (b"\0\0\0\x18ftypmp42" + b"\0" * 999, "this is a video"),
        "tiny.png": (cv2.imencode(".png", picture[:10, :10])[1].tobytes(), "too small"),
        "bomb.png": (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60000).to_bytes(4, "big") * 2 + b"\0" * 40,
            "too large",
        ),
    }
    for name, (content, reason) in files.items():
        (tmp_path / name).write_bytes(content)
        found = detect.find_in_file(tmp_path / name, BOARD)
        assert found.corners_px is None and found.size_px is None
        assert reason in str(found.reason), (name, found.reason)
        with pytest.raises(CalibrationError, match=name):
            picture_file.read_picture(tmp_path / name)
    assert "no such picture" in str(detect.find_in_file(tmp_path / "none.png", BOARD).reason)


def test_a_picture_that_takes_too_long_is_given_up_and_the_next_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    write(tmp_path / "noise.png", rng.integers(0, 255, (2400, 3200), dtype=np.uint8))
    picture, truth = _picture()
    write(tmp_path / "board.png", picture)
    with process.Detector(time_limit_s=0.05) as detector:
        found = detector.find(tmp_path / "noise.png", BOARD)
        assert "longer than" in str(found.reason)
        detector.time_limit_s = 30.0
        found = detector.find(tmp_path / "board.png", BOARD)
        assert found.corners_px is not None and np.abs(found.corners_px - truth).max() < 0.4


def test_a_detector_that_dies_costs_one_picture(tmp_path: Path) -> None:
    picture, _ = _picture()
    write(tmp_path / "board.png", picture)
    with process.Detector() as detector:
        assert detector.find(tmp_path / "board.png", BOARD).corners_px is not None
        assert detector._process is not None
        detector._process.kill()
        detector._process.wait()
        found = detector.find(tmp_path / "board.png", BOARD)
        again = detector.find(tmp_path / "board.png", BOARD)
    assert found.corners_px is not None or "crash" in str(found.reason)
    assert again.corners_px is not None


def test_charuco_hidden_corners_are_missing() -> None:
    board = Board("charuco", (7, 5), 0.04, 0.03, "DICT_5X5_100")
    pattern = cv2.aruco.CharucoBoard(
        (8, 6), 0.04, 0.03, cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
    )
    picture = cv2.copyMakeBorder(
        pattern.generateImage((960, 720), marginSize=20), 40, 40, 40, 40,
        cv2.BORDER_CONSTANT, value=255,
    )  # fmt: skip
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0)
    whole = detect.find_corners(picture, board)
    assert whole.corners_px is not None and np.isfinite(whole.corners_px).all()
    grid = np.stack(np.meshgrid(np.arange(7), np.arange(5)), -1).reshape(-1, 2).astype(float)
    A = np.c_[grid, np.ones(35)]
    fit, *_ = np.linalg.lstsq(A, whole.corners_px, rcond=None)
    assert np.abs(A @ fit - whole.corners_px).max() < 1.0  # generateImage rounds its squares
    assert fit[0, 0] > 100 and fit[1, 1] > 100  # columns to the right, rows downwards
    picture[:260, :300] = 128  # a hand
    found = detect.find_corners(picture, board)
    assert found.corners_px is not None
    seen = np.isfinite(found.corners_px).all(1)
    assert 15 < seen.sum() < 35
    assert np.abs(found.corners_px[seen] - whole.corners_px[seen]).max() < 0.3


@pytest.mark.parametrize(("marker", "inverted"), [(0.75, False), (0.6, False), (0.75, True)])
def test_charuco_corners_are_not_drawn_to_the_markers(marker: float, inverted: bool) -> None:
    """Nor where the board is printed white on black."""
    k = 60
    board = Board("charuco", (9, 6), 0.03, 0.03 * marker)
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    flat = cv2.aruco.CharucoBoard((10, 7), 1.0, marker, dictionary).generateImage((10 * k, 7 * k))
    flat = cv2.copyMakeBorder(flat, k, k, k, k, cv2.BORDER_CONSTANT, value=235)
    h, w = flat.shape
    there = np.array([[90, 60], [560, 100], [530, 420], [70, 400]], np.float32)
    ends = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32) - 0.5
    H = cv2.getPerspectiveTransform(ends, there)
    picture = cv2.warpPerspective(cv2.GaussianBlur(flat, (0, 0), 1.2), H, (640, 480))
    x, y = np.meshgrid(np.arange(2, 11) * k - 0.5, np.arange(2, 8) * k - 0.5)
    grid = np.stack([x, y], -1).reshape(-1, 1, 2)
    truth = cv2.perspectiveTransform(grid, H.astype(np.float64)).reshape(-1, 2)
    found = detect.find_corners(255 - picture if inverted else picture, board).corners_px
    assert found is not None and np.isfinite(found).all()
    assert np.sqrt(((found - truth) ** 2).sum(1).mean()) < 0.12


def test_view_survives_the_file() -> None:
    uv = np.array([[1.23456, 2.0], [np.nan, np.nan]])
    back = View.from_dict(View("a", uv, None, {"left": {"file": "x"}}).to_dict())
    assert back.right is None and back.left is not None and back.notes["left"]["file"] == "x"
    assert back.left[0, 0] == 1.2346 and np.isnan(back.left[1]).all()


def test_board_survives_the_file() -> None:
    for board in (BOARD, Board("charuco", (8, 5), 0.04)):
        assert Board.from_dict(board.to_dict()) == board
