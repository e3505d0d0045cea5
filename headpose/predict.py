"""A network in training or as trained -> its arrays for crops, without a runtime."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from headpose.decode import decode_rotation
from headpose.precision import bf16_is_native


@torch.no_grad()
def predict(net: nn.Module, crops: np.ndarray, batch: int = 64) -> dict[str, np.ndarray]:
    """Network outputs for crops (N, H, W, 3) uint8 BGR, with ``R`` (N, 3, 3) decoded, float64."""
    net.eval()
    device = next(net.parameters()).device
    parts: dict[str, list[np.ndarray]] = {}
    for k in range(0, len(crops), batch):
        x = torch.from_numpy(crops[k : k + batch]).permute(0, 3, 1, 2).to(device)
        with torch.autocast(device.type, torch.bfloat16, bf16_is_native(device.type)):
            out = net(x)
        for key, value in out.items():
            parts.setdefault(key, []).append(value.float().cpu().numpy())
    joined = {k: np.concatenate(v).astype(np.float64) for k, v in parts.items()}
    joined["R"] = decode_rotation(joined)
    return joined
