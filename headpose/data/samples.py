"""What every reader returns: heads with their labels, one row each, pictures decoded on demand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headpose import rotation
from headpose.errors import DataError


@dataclass(frozen=True)
class Samples:
    """N labelled heads of one data set.

    Attributes
    ----------
    source
        Name of the set, for tables.
    load
        ``load(i)`` gives picture i, uint8 BGR (H, W, 3).
    R
        (N, 3, 3) label rotation, 300W-LP frame (see :mod:`headpose.rotation`).
    box_px
        (N, 4) tight box of the 68 landmarks, x0, y0, x1, y1 in picture pixels.
    sigma_deg
        (N,) how sure the label is (rms rotation error, degrees).
    group
        (N,) person or photograph; a validation split never cuts a group.
    name
        (N,) row names.
    points_px
        (N, 68, 2) landmarks in picture pixels; rows without annotated ones are NaN.
    inside_px
        (N, 4) part of the picture that holds a photograph, x0, y0, x1, y1; NaN = all of it.
    variant
        Which part of a well-known set this is, and what was assumed, in words for a table.
    """

    source: str
    load: Callable[[int], NDArray[np.uint8]]
    R: NDArray[np.float64]
    box_px: NDArray[np.float64]
    sigma_deg: NDArray[np.float64]
    group: NDArray[np.str_]
    name: NDArray[np.str_]
    points_px: NDArray[np.float64]
    inside_px: NDArray[np.float64]
    variant: str = ""

    def __post_init__(self) -> None:
        n = len(self.R)
        shapes = {
            "R": (n, 3, 3), "box_px": (n, 4), "sigma_deg": (n,), "group": (n,), "name": (n,),
            "points_px": (n, 68, 2), "inside_px": (n, 4),
        }  # fmt: skip
        for field, shape in shapes.items():
            if getattr(self, field).shape != shape:
                found = getattr(self, field).shape
                raise DataError(f"{self.source}: {field} must be {shape}, found {found}")
        if n == 0:
            raise DataError(f"{self.source}: no sample")
        bad = ~np.isfinite(self.R).all((1, 2))
        if bad.any():
            raise DataError(f"{self.source}: no rotation label for {self.name[bad][:3].tolist()}")
        off = np.abs(self.R @ np.swapaxes(self.R, 1, 2) - np.eye(3)).max((1, 2)) > 1e-3
        off |= np.linalg.det(self.R) < 0
        if off.any():
            raise DataError(
                f"{self.source}: label is no rotation for {self.name[off][:3].tolist()}"
            )
        bad = ~np.isfinite(self.box_px).all(1) | (self.box_px[:, 2:] <= self.box_px[:, :2]).any(1)
        if bad.any():
            raise DataError(f"{self.source}: empty face box for {self.name[bad][:3].tolist()}")

    def __len__(self) -> int:
        return len(self.R)

    def take(self, index: NDArray[Any]) -> Samples:
        """The rows of ``index`` (integers or a mask)."""
        rows = np.arange(len(self))[index]
        load = self.load
        return Samples(
            self.source, lambda i: load(int(rows[i])), self.R[rows], self.box_px[rows],
            self.sigma_deg[rows], self.group[rows], self.name[rows], self.points_px[rows],
            self.inside_px[rows], self.variant,
        )  # fmt: skip

    def within_deg(self, limit: float = 99.0) -> Samples:
        """Only heads whose three angles are all within +-limit (both papers' protocol: 99)."""
        within = np.abs(rotation.angles_deg(self.R)).max(1) <= limit
        out = (~within).sum()
        left_out = f"{out} of {len(self)} left out: an angle beyond {limit:g} degrees"
        variant = "; ".join(filter(None, (self.variant, left_out)))
        return dataclasses.replace(self.take(within), variant=variant)


def person_of_group(group: str) -> str:
    """Group without its data set's prefix: one person of LFW and YouTube Faces is one group."""
    for prefix in ("lfw_", "ytf_"):
        if group.startswith(prefix):
            return group[len(prefix) :].lower()
    return group.lower()


def persons_of(groups: NDArray[np.str_]) -> NDArray[np.str_]:
    """:func:`person_of_group` of each row (N,)."""
    return np.array([person_of_group(g) for g in groups])
