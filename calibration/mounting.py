"""Which way is up: how a camera's stored pictures become the ones that people see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rotate = Literal[0, 90, 180, 270]


@dataclass(frozen=True)
class Turn:
    """How a stored picture becomes the one that people see.

    quarters : quarter turns, counter-clockwise. mirrored : left and right exchanged after that.
    """

    quarters: int = 0
    mirrored: bool = False

    def apply(self, picture: Image) -> Image:
        """(h, w[, 3]) as stored → upright, contiguous."""
        turned = np.rot90(picture, self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def size_px(self, stored_px: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        return stored_px[::-1] if self.quarters % 2 else stored_px

    def axes(self) -> NDArray[np.int64]:
        """(2, 2): row 0 is where the stored picture's right points, row 1 its down (x right, y
        down in the upright picture)."""
        once = np.array([[0, -1], [1, 0]])  # right → up, down → right
        axes = np.linalg.matrix_power(once, self.quarters % 4)
        return axes * [-1, 1] if self.mirrored else axes

    @classmethod
    def of_matrix(cls, axes: NDArray[Any]) -> Turn:
        """The turn nearest to a display matrix's upper left (2, 2) (:meth:`axes`)."""
        every = [cls(k, m) for m in (False, True) for k in range(4)]
        return max(every, key=lambda t: float((t.axes() * axes).sum()))


AS_STORED = Turn()


class Mounting(NamedTuple):
    """How a camera is mounted, where session.toml says so: ``rotate`` and ``mirrored``."""

    rotate: Rotate | None = None
    mirrored: bool = False

    def turn(self, flag: Turn = AS_STORED) -> Turn:
        """The file's own ``flag``, or in its place ``rotate`` (clockwise); then mirrored."""
        base = flag if self.rotate is None else Turn(-(self.rotate // 90) % 4)
        return Turn(base.quarters, base.mirrored != self.mirrored)


AS_THE_FILE_SAYS = Mounting()
