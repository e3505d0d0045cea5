"""Student-moments: the frame that everything after the pixels is laid on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS


@dataclass(frozen=True)
class Grid:
    """Student-moments: for each the face row of each camera; N = students × moments.

    student : (N,) index. moment : (N,) index. row : (N, 2) face row by camera, −1 = none.
    """

    student: NDArray[np.int64]
    moment: NDArray[np.int64]
    row: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        camera: NDArray[np.integer],
        moment: NDArray[np.integer],
        student: NDArray[np.integer],
        *,
        students: int,
        moments: int,
    ) -> Grid:
        """All students at all moments, moments first.

        camera, moment, student : (R,) of each face row; student −1 = nobody's.
        """
        row = np.full((moments, students, len(CAMERAS)), -1, np.int64)
        given = np.flatnonzero(student >= 0)
        row[moment[given], student[given], camera[given]] = given
        when, who = np.divmod(np.arange(moments * students), max(students, 1))
        return cls(who, when, row.reshape(-1, len(CAMERAS)))

    def __len__(self) -> int:
        return len(self.student)

    def blocks(self, size: int) -> Iterator[Grid]:
        """The same in pieces of at most ``size``, so that memory does not grow with the lesson."""
        for first in range(0, len(self), size):
            part = slice(first, first + size)
            yield Grid(self.student[part], self.moment[part], self.row[part])

    def thinned(self, most: int) -> Grid:
        """Every so-manieth moment of it, of at most ``most`` student-moments where it is more."""
        keep = self.moment % max(1, -(-len(self) // most)) == 0
        return Grid(self.student[keep], self.moment[keep], self.row[keep])

    def of_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of face rows (R, ...) → (N, 2, ...), NaN where there is no row."""
        out = values[np.maximum(self.row, 0)].astype(np.float64, copy=False)
        out[self.row < 0] = np.nan
        return out
