"""No picture can hang or crash the search for a board: each file gives corners or a reason.

One detector process serves them all, so that a file which damaged it would show in the next.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration.calibrate import calibrate_folder
from calibration.corners.boards import Board
from calibration.corners.detect import Found
from calibration.corners.picture_file import MAX_PIXELS
from calibration.corners.process import Detector, find_all

BOARD = Board("chessboard", (9, 6), 0.025)
LIMIT_S = 60.0  # no picture here needs a second; a busy machine may take its time


@pytest.fixture(scope="module")
def detector() -> Iterator[Detector]:
    with Detector(LIMIT_S) as d:
        yield d


def board_picture(width: int = 640, height: int = 480) -> np.ndarray:
    """A tilted 9 × 6 board on grey, (h, w) uint8; upper left square dark."""
    square, margin = 60, 60
    rows, columns = 7, 10
    flat = np.full((rows * square + 2 * margin, columns * square + 2 * margin), 235, np.uint8)
    for r in range(rows):
        for c in range(columns):
            if (r + c) % 2 == 0:
                y, x = margin + r * square, margin + c * square
                flat[y : y + square, x : x + square] = 25
    h, w = flat.shape
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    to = np.array([[0.14, 0.15], [0.86, 0.2], [0.82, 0.83], [0.18, 0.78]], np.float32)
    H = cv2.getPerspectiveTransform(source, (to * [width, height]).astype(np.float32))
    big = cv2.warpPerspective(flat, H, (width, height), borderValue=120, flags=cv2.INTER_AREA)
    return cv2.GaussianBlur(big, (0, 0), 0.7)


def encoded(extension: str, picture: np.ndarray, *options: int) -> bytes:
    ok, data = cv2.imencode(extension, picture, list(options))
    assert ok
    return data.tobytes()


PICTURE = board_picture()
PNG, JPG = encoded(".png", PICTURE), encoded(".jpg", PICTURE)


def look(detector: Detector, path: Path, content: bytes | None = None) -> Found:
    """One search, held to what every search must hold."""
    if content is not None:
        path.write_bytes(content)
    found = detector.find(path, BOARD)
    assert_sound(found)
    return found


def assert_sound(found: Found) -> None:
    """Either corners that lie in the picture, or a reason in words; never both, never neither."""
    if found.corners_px is None:
        assert found.reason and len(found.reason) > 10, found
        assert "Traceback" not in found.reason
        return
    assert found.reason is None and found.size_px is not None
    assert found.corners_px.shape == (54, 2)
    seen = found.corners_px[np.isfinite(found.corners_px).all(1)]
    assert len(seen) and (seen > -1).all() and (seen < np.array(found.size_px) + 1).all()


# -- pictures of every kind that do show the board -------------------------------------------------
def _png16() -> bytes:
    return encoded(".png", PICTURE.astype(np.uint16) * 200)


def _png16_dark() -> bytes:
    """Twelve bits in the low end of sixteen, as industrial cameras deliver."""
    return encoded(".png", PICTURE.astype(np.uint16) * 16)


def _alpha() -> bytes:
    return encoded(".png", np.dstack([PICTURE] * 3 + [np.full_like(PICTURE, 255)]))


def _transparent() -> bytes:
    return encoded(".png", np.dstack([PICTURE] * 3 + [np.zeros_like(PICTURE)]))


def _colour() -> bytes:
    return encoded(".jpg", np.dstack([PICTURE, PICTURE // 2 + 60, PICTURE]))


def _float_tiff() -> bytes:
    return encoded(".tiff", PICTURE.astype(np.float32) / 255)


def _large() -> bytes:
    return encoded(".jpg", board_picture(4000, 3000))


def _cmyk() -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.fromarray(PICTURE).convert("CMYK").save(out, "JPEG")
    return out.getvalue()


def _palette() -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.fromarray(PICTURE).convert("P").save(out, "PNG")
    return out.getvalue()


def _grey_alpha() -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.fromarray(PICTURE).convert("LA").save(out, "PNG")
    return out.getvalue()


def _one_bit() -> bytes:
    image = pytest.importorskip("PIL.Image")
    out = io.BytesIO()
    image.fromarray(((PICTURE > 128) * 255).astype(np.uint8)).convert("1").save(out, "PNG")
    return out.getvalue()


def _turned_by_exif() -> bytes:
    image = pytest.importorskip("PIL.Image")
    picture = image.fromarray(np.rot90(PICTURE).copy())
    exif = picture.getexif()
    exif[0x0112] = 6  # shown turned by a quarter to the right: upright again
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("a.png", lambda: PNG, id="png"),
        pytest.param("a.jpg", lambda: JPG, id="jpeg"),
        pytest.param("a.bmp", lambda: encoded(".bmp", PICTURE), id="bmp"),
        pytest.param("a.jpg", lambda: PNG, id="png-called-jpg"),
        pytest.param("a.png", _png16, id="16-bit"),
        pytest.param("a.png", _png16_dark, id="12-bit-in-16"),
        pytest.param("a.png", _alpha, id="alpha"),
        pytest.param("a.png", _transparent, id="wholly-transparent"),
        pytest.param("a.jpg", _colour, id="colour"),
        pytest.param("a.tiff", _float_tiff, id="float-tiff"),
        pytest.param("a.jpg", _large, id="12-megapixels"),
        pytest.param("a.jpg", _cmyk, id="cmyk"),
        pytest.param("a.png", _palette, id="palette"),
        pytest.param("a.png", _grey_alpha, id="grey-alpha"),
        pytest.param("a.png", _one_bit, id="one-bit"),
        pytest.param("a.jpg", _turned_by_exif, id="exif-rotation"),
    ],
)
def test_the_board_is_found_in_every_kind_of_picture(
    detector: Detector, tmp_path: Path, name: str, make: object
) -> None:
    found = look(detector, tmp_path / name, make())  # type: ignore[operator]
    assert found.corners_px is not None, found.reason
    assert np.isfinite(found.corners_px).all()


def test_kinds_agree_on_the_corners(detector: Detector, tmp_path: Path) -> None:
    """8 bit, 16 bit, alpha and colour show the same corners to a tenth of a pixel, in order."""
    reference = look(detector, tmp_path / "a.png", PNG).corners_px
    assert reference is not None
    for make in (_png16, _alpha, _float_tiff, _turned_by_exif):
        got = look(detector, tmp_path / "b.png", make()).corners_px
        assert got is not None
        assert np.abs(got - reference).max() < (0.3 if make is _turned_by_exif else 0.1)


# -- files that show nothing -----------------------------------------------------------------------
def _png_header(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that is small as a file and as large as it likes in pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    rows = zlib.compress(b"\0" * 100_000, 9)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def _bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info + b"\0" * 64


def _noise(width: int, height: int) -> bytes:
    rng = np.random.default_rng(0)
    return encoded(".png", rng.integers(0, 256, (height, width), np.uint8))


def _squares(width: int, height: int, size: int) -> bytes:
    """A picture full of squares: thousands of candidates."""
    y, x = np.mgrid[:height, :width] // size
    return encoded(".png", ((x + y) % 2 * 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("a.jpg", lambda: b"", id="empty"),
        pytest.param("a.jpg", lambda: b"\0" * 5000, id="zeros"),
        pytest.param("a.jpg", lambda: b"\xff\xd8", id="jpeg-two-bytes"),
        pytest.param("a.jpg", lambda: b"\xff\xd8\xff\xe0\x00", id="jpeg-five-bytes"),
        pytest.param("a.jpg", lambda: b"\xff\xd8" + b"\xff\xc0" * 3000, id="jpeg-loop-of-markers"),
        pytest.param("a.png", lambda: PNG[:8], id="png-signature-only"),
        pytest.param("a.jpg", lambda: b"<html>not a picture</html>", id="html"),
        pytest.param("a.pdf", lambda: b"%PDF-1.4\n%%EOF\n", id="pdf"),
        pytest.param("a.jpg", lambda: b"\0\0\0\x18ftypmp42" + b"\0" * 999, id="video-renamed"),
        pytest.param("a.gif", lambda: b"GIF89a\xff\xff\xff\xff\0\0\0;", id="gif-65535"),
        pytest.param("a.png", lambda: _png_header(100_000, 100_000), id="png-10-gigapixels"),
        pytest.param("a.png", lambda: _png_header(2**31 - 1, 2**31 - 1), id="png-largest"),
        pytest.param("a.png", lambda: _png_header(0, 0), id="png-zero-size"),
        pytest.param("a.png", lambda: _png_header(40_000, 30_000, 1), id="png-bomb-one-bit"),
        pytest.param("a.bmp", lambda: _bmp_header(60_000, 60_000), id="bmp-huge"),
        pytest.param("a.bmp", lambda: _bmp_header(-5, -2_000_000_000), id="bmp-negative"),
        pytest.param("a.pgm", lambda: b"P5\n999999 999999\n255\n", id="pgm-huge"),
        pytest.param("a.png", lambda: encoded(".png", np.zeros((1, 1), np.uint8)), id="one-pixel"),
        pytest.param("a.png", lambda: encoded(".png", np.zeros((1, 9000), np.uint8)), id="a-line"),
        pytest.param("a.png", lambda: encoded(".png", np.zeros((480, 640), np.uint8)), id="black"),
        pytest.param(
            "a.png", lambda: encoded(".png", np.full((480, 640), 255, np.uint8)), id="white"
        ),
        pytest.param("a.png", lambda: _noise(1920, 1080), id="noise"),
        pytest.param("a.png", lambda: _squares(1280, 720, 12), id="thousands-of-squares"),
        pytest.param(
            "a.tiff", lambda: encoded(".tiff", np.full((99, 99), np.nan, np.float32)), id="nan"
        ),
        pytest.param(
            "a.jpg", lambda: encoded(".jpg", np.zeros((60, 3_000), np.uint8)), id="a-ribbon"
        ),
    ],
)
def test_files_without_a_board_end_in_a_reason(
    detector: Detector, tmp_path: Path, name: str, make: object
) -> None:
    found = look(detector, tmp_path / name, make())  # type: ignore[operator]
    assert found.corners_px is None


def test_missing_files_and_folders_end_in_a_reason(detector: Detector, tmp_path: Path) -> None:
    assert look(detector, tmp_path / "absent.jpg").corners_px is None
    (tmp_path / "folder.jpg").mkdir()
    assert look(detector, tmp_path / "folder.jpg").corners_px is None
    loop = tmp_path / "loop.jpg"
    loop.symlink_to(loop)
    assert look(detector, loop).corners_px is None


def test_too_many_pixels_are_named(detector: Detector, tmp_path: Path) -> None:
    found = look(detector, tmp_path / "a.png", _png_header(100_000, 100_000))
    assert "too large" in (found.reason or "") and MAX_PIXELS < 100_000**2


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97, 0.999])
@pytest.mark.parametrize("data", [PNG, JPG], ids=["png", "jpg"])
def test_truncated_pictures_are_refused_not_guessed(
    detector: Detector, tmp_path: Path, data: bytes, share: float
) -> None:
    """A decoder fills what is missing with grey; corners from such a picture would be half true."""
    found = look(detector, tmp_path / "cut", data[: int(share * len(data))])
    assert found.corners_px is None


# -- anything --------------------------------------------------------------------------------------
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_bytes_never_hang_or_crash(
    detector: Detector, tmp_path: Path, data: st.DataObject
) -> None:
    """Real files with bytes changed, cut out, doubled or inserted, anywhere."""
    content = bytearray(data.draw(st.sampled_from([PNG, JPG, _png16(), _alpha(), _float_tiff()])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        how = data.draw(st.sampled_from(["change", "head", "cut", "double", "insert"]))
        if how == "change":
            content[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
        elif how == "head":  # where sizes and depths are
            content[at % 64 : at % 64 + 1] = bytes([data.draw(st.integers(0, 255))])
        elif how == "cut":
            del content[at : at + data.draw(st.integers(1, 4000))]
        elif how == "double":
            content[at:at] = content[at : at + data.draw(st.integers(1, 300))]
        else:
            content[at:at] = data.draw(st.binary(max_size=40))
    look(detector, tmp_path / "any", bytes(content))


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    head=st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"II*\0", b"GIF89a"]
    ),
    rest=st.binary(max_size=600),
)
def test_random_bytes_never_hang_or_crash(
    detector: Detector, tmp_path: Path, head: bytes, rest: bytes
) -> None:
    assert look(detector, tmp_path / "any", head + rest).corners_px is None


def test_the_detector_still_works_after_all_that(detector: Detector, tmp_path: Path) -> None:
    assert look(detector, tmp_path / "a.png", PNG).corners_px is not None


def test_the_detector_runs_nothing_that_lies_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("open('ran', 'w').close()\nraise ImportError('not ours')\n")
    monkeypatch.chdir(tmp_path)
    with Detector() as detector:
        found = detector.find(b"no picture", BOARD)
    assert found.reason and "started" not in found.reason and "crash" not in found.reason
    assert [p.name for p in tmp_path.iterdir()] == ["pickle.py"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(PNG)
    bad.write_bytes(_png_header(100_000, 100_000))
    found = find_all([(good, BOARD), (bad, BOARD), (tmp_path / "absent", BOARD), (good, BOARD)])
    assert [f.corners_px is not None for f in found] == [True, False, False, True]
    for f in found:
        assert_sound(f)


# -- a whole folder --------------------------------------------------------------------------------
LESSON = Path(__file__).resolve().parents[2] / "data" / "lesson" / "calibration"


@pytest.mark.slow
def test_a_folder_with_rubbish_in_it_is_calibrated_and_the_rubbish_is_named(
    tmp_path: Path,
) -> None:
    """Twelve good pairs of the committed lesson; two of them damaged, six files more that are
    nothing. The rest gives a rig, and every bad file is in its rows with a reason."""
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
        for picture in sorted((LESSON / side).iterdir())[:12]:
            (tmp_path / side / picture.name).write_bytes(picture.read_bytes())
    cut = tmp_path / "right" / "03.jpg"
    cut.write_bytes(cut.read_bytes()[:9000])
    (tmp_path / "left" / "05.jpg").write_bytes(b"")
    rubbish = {
        "x1.png": _png_header(100_000, 100_000),
        "x2.jpg": b"<html></html>",
        "x3.png": encoded(".png", np.zeros((480, 640), np.uint8)),
        "x4.png": PNG[:3000],
        "x5.tiff": encoded(".tiff", np.full((99, 99), np.nan, np.float32)),
    }
    for name, content in rubbish.items():
        (tmp_path / "left" / name).write_bytes(content)
    (tmp_path / "left" / "x6.jpg").mkdir()
    rig = calibrate_folder(tmp_path, Board("chessboard", (9, 6), 0.05), time_limit_s=LIMIT_S)
    rows = {(r.name, r.camera): r for r in rig.quality.views}
    for name, side in [
        ("03", "right"),
        ("05", "left"),
        *((n.split(".")[0], "left") for n in rubbish),
    ]:
        assert rows[name, side].rejected and rows[name, side].reason, (name, side)
    assert not rows["04", "left"].rejected
    assert rig.verdict.status in ("WARN", "FAIL"), "never PASS in silence"
    assert any(c.code == "unreadable_pictures" for c in rig.verdict.causes)
    pair = rig.quality.pair
    assert pair is not None and pair.holdout_px is not None
    assert 0.05 < pair.holdout_px < 1.0, "and the rest is as good as ever"
