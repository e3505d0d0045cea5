"""A network's raw arrays -> rotations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headpose import rotation
from headpose.classes import classes_of


def decode_rotation(out: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Rotations (N, 3, 3), float64, from a network's raw arrays."""
    if "sixd" in out:
        x = out["sixd"].astype(np.float64)
        a = _unit(x[:, :3])
        b = _unit(x[:, 3:] - (a * x[:, 3:]).sum(1, keepdims=True) * a)
        return np.stack([a, b, np.cross(a, b)], 2)
    logits = out["logits"] - out["logits"].max(-1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(-1, keepdims=True)
    return rotation.matrix(*np.moveaxis(classes_of(p.shape[-1]).decode(p), -1, 0))


def _unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.maximum(length, 1e-12)
