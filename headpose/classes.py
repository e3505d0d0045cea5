"""Angle classes: one definition of edges, centres, encoding and decoding for every network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headpose.errors import DataError


@dataclass(frozen=True)
class AngleClasses:
    """``count`` classes of ``width_deg``; class 0 has its centre at ``first_deg``."""

    count: int
    width_deg: float
    first_deg: float

    @cached_property
    def centres_deg(self) -> NDArray[np.float64]:
        """(count,) centres."""
        return self.first_deg + self.width_deg * np.arange(self.count, dtype=np.float64)

    @cached_property
    def edges_deg(self) -> NDArray[np.float64]:
        """(count + 1,) edges; class b covers [edges[b], edges[b + 1])."""
        return self.first_deg + self.width_deg * (np.arange(self.count + 1, dtype=np.float64) - 0.5)

    def holds(self, angle_deg: ArrayLike) -> NDArray[np.bool_]:
        """Which angles lie in a class; NaN does not."""
        a = np.asarray(angle_deg, np.float64)
        return np.asarray((a >= self.edges_deg[0]) & (a < self.edges_deg[-1]))

    def encode(self, angle_deg: ArrayLike) -> NDArray[np.int64]:
        """Class of each angle; DataError outside the range (the papers leave such pictures out)."""
        a = np.asarray(angle_deg, np.float64)
        low, high = self.edges_deg[0], self.edges_deg[-1]
        if not self.holds(a).all():
            raise DataError(f"angle outside the classes' [{low:g}, {high:g}) degrees, or missing")
        k = np.clip(np.floor((a - low) / self.width_deg), 0, self.count - 1)
        return np.asarray(k, np.int64)

    def decode(self, probability: ArrayLike, *, lower_edge: bool = False) -> NDArray[np.float64]:
        """Expected angle (...) of class probabilities (..., count).

        ``lower_edge`` is DADL's printed ``3 bin - 99``, half a class too low: only for ablation.
        """
        at = self.edges_deg[:-1] if lower_edge else self.centres_deg
        return np.asarray(probability, np.float64) @ at


HOPENET = AngleClasses(66, 3.0, -97.5)
"""HopeNet and DADL: 66 classes of 3 degrees on [-99, 99)."""
SLCS = AngleClasses(199, 1.0, -99.0)
"""Xu et al.: 199 classes of 1 degree with centres -99 ... 99."""


def classes_of(count: int) -> AngleClasses:
    """The definition with this number of classes."""
    for classes in (HOPENET, SLCS):
        if classes.count == count:
            return classes
    raise ValueError(f"no angle classes with {count} classes; there are 66 and 199")
