"""Any picture file as upright grey pixels, or the reason why it is none."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.mounting import AS_THE_FILE_SAYS, Mounting

Gray = NDArray[np.uint8]

#: No camera takes larger pictures; a decoder asked for more is fed a trap.
MAX_PIXELS = 160_000_000
MAX_BYTES = 500_000_000
MIN_SIDE_PX = 48
#: Telephones' kinds of picture that are not read, by the brand in their first box.
HEIF = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"avif": "AVIF"}
EXPORT = "export them as JPEG (iPhone: Settings, Camera, Formats, Most Compatible)"


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
    if image is None and data[4:8] == b"ftyp":
        kind = HEIF.get(data[8:12])
        what = f"{kind} pictures are not read: {EXPORT}" if kind else "this is a video"
        raise CalibrationError(what, where=where)
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
