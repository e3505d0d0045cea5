"""Colours of every figure: a sequential map and a categorical list, safe for colour-blind eyes.

The sequential map runs from paper to ink with strictly falling lightness, so it also reads in grey
print. The categorical list follows Okabe & Ito (2008), calmed; figures never rely on it alone
(names, order and patterns say the same).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array

INK = "#22302e"
PAPER = "#fcfbf8"
QUIET = "#5d6b68"  # 5.2 : 1 on paper
LINE = "#d9d6cd"
SLATE = "#2f5d57"  # the accent: a blackboard

_STOPS = (
    (0.00, (252, 251, 248)),
    (0.12, (232, 240, 220)),
    (0.30, (182, 219, 190)),
    (0.50, (101, 180, 173)),
    (0.70, (43, 127, 148)),
    (0.86, (30, 77, 116)),
    (1.00, (24, 30, 75)),
)

# Areas of the board, left to right as the class sees them, then the states outside it.
AREA_COLOURS = (
    "#0f6cab", "#c98200", "#0b8a63", "#b4558f", "#5b57a6", "#8a5a2b", "#2b8ca3", "#7d7a12",
)  # fmt: skip
OUTSIDE_COLOURS = {
    "off_board": "#a7aaa5",
    "down": "#7d817d",
    "away": "#555b58",
    "missing": "#efece4",
}


def sequential(values: Array) -> NDArray[np.uint8]:
    """Colours (..., 3) RGB of values in 0..1 (clipped; NaN as 0)."""
    v = np.clip(np.nan_to_num(np.asarray(values, np.float64)), 0, 1)
    at = [s[0] for s in _STOPS]
    channels = [np.interp(v, at, [s[1][c] for s in _STOPS]) for c in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def plotly_scale() -> list[list[float | str]]:
    """The same map for plotly."""
    return [[at, f"rgb({r},{g},{b})"] for at, (r, g, b) in _STOPS]


def area_colour(i: int) -> str:
    """Colour of the i-th area; repeats after eight."""
    return AREA_COLOURS[i % len(AREA_COLOURS)]


def row_colour(row: int) -> str:
    """Colour of a row of seats (1 = front); grey where it is not known."""
    return area_colour(row - 1) if row > 0 else "#6b706d"


def rgb(colour: str) -> tuple[int, int, int]:
    """``#rrggbb`` as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
