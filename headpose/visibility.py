"""Which parts of a face are covered, and how much wider that makes the uncertainty.

A small network on what the head-pose network has seen already (its pooled features, its rotation
and its own sigmas): four probabilities that a part of the face is hidden by something (a mask, a
hand, a book, hair, a neighbour), and three factors of at least 1 for the sigmas about the head's
axes.  Made by :mod:`headpose.train.visibility`; it lies beside the weights as
``NAME.covered.npz``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = ("lower", "eyes", "left", "right")
"""Of the face; left and right as a frontal face's halves lie in the picture."""
LIMIT = 6.0
"""An input counts as at most this many standard deviations from the training's mean."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Visibility:
    """One hidden layer.

    mean, scale (F,) of the inputs; inner (F, H), inner_bias (H,); outer (H, 7), outer_bias (7,).
    """

    mean: Floats
    scale: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: Floats

    def __call__(self, x: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of inputs (N, F) the probabilities (N, 4) of :data:`PARTS` and the factors (N, 3)."""
        z = np.clip((x - self.mean) / self.scale, -LIMIT, LIMIT)
        y = np.maximum(z @ self.inner + self.inner_bias, 0) @ self.outer + self.outer_bias
        y = y.astype(np.float64)
        covered = 1 / (1 + np.exp(-y[:, : len(PARTS)]))
        wider: NDArray[np.float64] = np.exp(np.logaddexp(0, y[:, len(PARTS) :]))
        return covered, wider

    def save(self, path: Path) -> None:
        """Write ``NAME.covered.npz``, half precision."""
        halves = {f.name: getattr(self, f.name).astype(np.float16) for f in fields(self)}
        np.savez_compressed(path, allow_pickle=False, **halves)

    @classmethod
    def load(cls, path: Path) -> Visibility:
        """The inverse of :meth:`save`."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{f.name: file[f.name].astype(np.float32) for f in fields(cls)})


def inputs_of(out: Mapping[str, NDArray[Any]], R: NDArray[Any], face_px: NDArray[Any]) -> Floats:
    """(N, F) from a network's outputs, its rotations (N, 3, 3) and the faces' sizes (N,), px."""
    columns = (
        out["log_sigma"],
        out["landmark_log_sigma"],
        R.reshape(-1, 9),
        np.log(np.maximum(face_px, 1.0))[:, None],
        out["pooled"],
    )
    return np.concatenate([np.asarray(c, np.float32) for c in columns], 1)
