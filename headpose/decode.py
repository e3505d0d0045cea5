"""A network's raw arrays -> rotations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from headpose import rotation
from headpose.classes import classes_of
from headpose.networks.heads import rotation_of_sixd


def decode_rotation(out: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Rotations (N, 3, 3), float64, from a network's raw arrays."""
    if "sixd" in out:
        return rotation_of_sixd(torch.from_numpy(out["sixd"])).double().numpy()
    logits = out["logits"] - out["logits"].max(-1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(-1, keepdims=True)
    return rotation.matrix(*np.moveaxis(classes_of(p.shape[-1]).decode(p), -1, 0))
