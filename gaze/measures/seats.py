"""How well a seat sees each area, by geometry alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from calibration.transform import Array
from sessions.config import Area


@dataclass(frozen=True)
class Viewing:
    """How well an area can be seen from seats, by geometry alone.

    distance_m, obliquity_deg : (S, A) to the area's centre; obliquity is 0 straight in front and 90
    along the board. letter_arcmin : (S, A) visual angle of a letter's height after foreshortening.
    """

    distance_m: Array
    obliquity_deg: Array
    letter_arcmin: Array


def viewing(nose_m: ArrayLike, areas: Sequence[Area], *, letter_m: float = 0.05) -> Viewing:
    """Distances and angles from noses (S, 3) in W to areas. ``letter_m``: height of the writing.

    The smaller side of a letter shrinks with cos(obliquity). NaN seats give NaN.
    """
    p = np.atleast_2d(np.asarray(nose_m, np.float64))
    centre = np.array([[sum(a.x_m) / 2, sum(a.y_m) / 2, 0.0] for a in areas])
    d = centre[None] - p[:, None]
    distance = np.linalg.norm(d, axis=-1)
    cos = np.abs(d[..., 2]) / distance
    arcmin = np.degrees(np.arctan2(letter_m * cos, distance)) * 60
    return Viewing(distance, np.degrees(np.arccos(np.clip(cos, 0, 1))), arcmin)
