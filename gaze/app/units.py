"""Numbers and lengths as people type them: comma or point; metres, centimetres, feet and inches.

Files are in metres.
"""

from __future__ import annotations

import re
from typing import Literal

Unit = Literal["m", "cm", "mm", "ft"]
UNITS: tuple[Unit, ...] = ("m", "cm", "ft")  # to choose from
INCH_M = 0.0254
METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0, "ft": 12 * INCH_M}
METRES |= {"毫米": METRES["mm"], "厘米": METRES["cm"], "米": METRES["m"]}

#: What telephones and Chinese keyboards make of quotes, digits and points.
AS_TYPED = dict.fromkeys(map(ord, "’‘ʼ´′"), "'") | dict.fromkeys(map(ord, "“”″"), '"')
AS_TYPED |= {ord("−"): "-", ord("。"): "."} | {n: chr(n - 0xFEE0) for n in range(0xFF01, 0xFF5F)}

_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)"
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")  # or three decimals: nobody can tell
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*(mm|cm|m|毫米|厘米|米)?", re.IGNORECASE)
_FEET = re.compile(
    r"(?P<sign>-)?\s*(?:(?P<feet>\d+(?:[.,]\d+)?)\s*(?:'|ft|feet))?\s*"
    r"(?:(?P<inches>\d+(?:[.,]\d+)?)?\s*(?:(?P<top>\d+)/(?P<bottom>\d+))?\s*(?:\"|in|inch|'')?)?",
    re.IGNORECASE,
)


def parse_length(text: str, unit: Unit) -> float:
    """Metres of what somebody typed: ``1.74``, ``1,74 m``, ``174 cm``, ``5' 8 1/2"``.

    A bare number is in ``unit`` (feet where that is ``ft``).

    Raises
    ------
    ValueError : this is no length; or 1,500 mm, which may be meant in two ways.
    """
    return round(_metres(text.translate(AS_TYPED).strip(), unit), 5)


def parse_number(text: str) -> float:
    """What somebody typed that has no unit: ``0.04``, ``0,04``.

    Raises
    ------
    ValueError : this is no number; or 1,250, which may be meant in two ways.
    """
    plain = text.translate(AS_TYPED).strip()
    if not re.fullmatch(_NUMBER, plain) or _THOUSANDS.fullmatch(plain):
        raise ValueError(text)
    return _number(plain)


def parse_whole(text: str) -> int:
    """As :func:`parse_number`, of what is counted."""
    value = parse_number(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


def _metres(text: str, unit: Unit) -> float:
    if match := _WITH_UNIT.fullmatch(text):
        given = (match[2] or unit).lower()
        if _THOUSANDS.fullmatch(match[1]) and METRES[given] != 1:
            raise ValueError(text)
        return _number(match[1]) * METRES[given]
    match = _FEET.fullmatch(text)
    if not text or match is None:
        raise ValueError(text)
    feet, inches, top, bottom = match["feet"], match["inches"], match["top"], match["bottom"]
    if (feet is None and inches is None and top is None) or bottom == "0":
        raise ValueError(text)
    total = 12 * _number(feet or "0") + _number(inches or "0")
    total += int(top) / int(bottom) if top and bottom else 0.0
    return (-1 if match["sign"] else 1) * total * INCH_M


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def show_length(value_m: float | None, unit: Unit) -> str:
    """A length for a field, to the millimetre (in mm: to 0.001) or the eighth of an inch; empty for
    None."""
    if value_m is None:
        return ""
    if unit != "ft":
        decimals = {"m": 3, "cm": 1, "mm": 3}[unit]
        return f"{value_m / METRES[unit]:.{decimals}f}".rstrip("0").rstrip(".")
    eighths = round(abs(value_m) / INCH_M * 8)
    feet, rest = divmod(eighths, 96)
    inches, part = divmod(rest, 8)
    fraction = {0: "", 2: " 1/4", 4: " 1/2", 6: " 3/4"}.get(part, f" {part}/8")
    return f"{'-' if value_m < 0 else ''}{feet}' {inches}{fraction}\""
