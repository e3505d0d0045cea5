"""Lengths as people measure them: metres, centimetres, feet and inches. Files are in metres."""

from __future__ import annotations

import re
from typing import Literal

Unit = Literal["m", "cm", "ft"]
UNITS: tuple[Unit, ...] = ("m", "cm", "ft")
INCH_M = 0.0254

_NUMBER = r"[-−]?\d+(?:[.,]\d+)?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*(mm|cm|m)?", re.IGNORECASE)
_FEET = re.compile(
    r"(?P<sign>[-−])?\s*(?:(?P<feet>\d+(?:[.,]\d+)?)\s*(?:'|′|ft|feet))?\s*"
    r"(?:(?P<inches>\d+(?:[.,]\d+)?)?\s*(?:(?P<top>\d+)/(?P<bottom>\d+))?\s*(?:\"|″|in|inch|'')?)?",
    re.IGNORECASE,
)


def parse_length(text: str, unit: Unit) -> float:
    """Metres of what somebody typed: ``1.74``, ``1,74 m``, ``174 cm``, ``5' 8 1/2"``.

    A bare number is in ``unit`` (feet where that is ``ft``).

    Raises
    ------
    ValueError : this is no length.
    """
    return round(_metres(text.strip(), unit), 5)


def _metres(text: str, unit: Unit) -> float:
    if match := _WITH_UNIT.fullmatch(text):
        value, given = _number(match[1]), (match[2] or "").lower()
        per = {"mm": 0.001, "cm": 0.01, "m": 1.0}
        if given:
            return value * per[given]
        return value * {"m": 1.0, "cm": 0.01, "ft": 12 * INCH_M}[unit]
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
    return float(text.replace(",", ".").replace("−", "-"))


def show_length(value_m: float | None, unit: Unit) -> str:
    """A length for a field, to the millimetre or the eighth of an inch; empty for None."""
    if value_m is None:
        return ""
    if unit == "m":
        return f"{value_m:.3f}".rstrip("0").rstrip(".")
    if unit == "cm":
        return f"{100 * value_m:.1f}".rstrip("0").rstrip(".")
    eighths = round(abs(value_m) / INCH_M * 8)
    feet, rest = divmod(eighths, 96)
    inches, part = divmod(rest, 8)
    fraction = {0: "", 2: " 1/4", 4: " 1/2", 6: " 3/4"}.get(part, f" {part}/8")
    return f"{'-' if value_m < 0 else ''}{feet}' {inches}{fraction}\""
