"""The tensors of weights files: written, and read back into their network (needs torch)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from headpose.errors import WeightsError
from headpose.files import synced_replace
from headpose.networks import NetworkConfig
from headpose.networks.heads import HeadPoseNet, head_pose_net
from headpose.weights import FORMAT, Weights


def save(
    path: str | Path,
    name: str,
    net: nn.Module,
    config: NetworkConfig,
    input_px: int,
    calibration: dict[str, Any],
) -> str:
    """Write a weights file in half precision; returns its sha256."""
    state = {
        k: v.half() if v.is_floating_point() else v
        for k, v in net.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    content = {
        "format": FORMAT, "name": name, "network": config.model_dump_json(),
        "input_px": input_px, "calibration": json.dumps(calibration), "state": state,
    }  # fmt: skip
    path = Path(path)
    part = path.with_suffix(".part")
    torch.save(content, part)
    synced_replace(part, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def network_of(loaded: Weights) -> HeadPoseNet:
    """The network of a weights file, in float32.

    Raises
    ------
    WeightsError
        A truncated file, or tensors of another architecture.
    """
    path = loaded.path
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)["state"]
    except Exception as e:  # torch raises many types for a broken archive
        raise WeightsError(f"{path}: not a readable weights file (truncated?): {e}") from e
    net = head_pose_net(loaded.config)
    state = {k: v.float() if v.is_floating_point() else v for k, v in saved.items()}
    missing, unexpected = _load_state(net, state)
    if missing or unexpected:
        config = loaded.config
        raise WeightsError(
            f"{path}: weights of another architecture than {config.name}/{config.backbone}: "
            f"missing {missing[:3]}, unexpected {unexpected[:3]}"
        )
    return net.eval()


def _load_state(net: nn.Module, state: dict[str, torch.Tensor]) -> tuple[list[str], list[str]]:
    """Keys that are missing or have another shape, and keys that the network does not know."""
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    missing = [k for k, v in own.items() if k not in state or state[k].shape != v.shape]
    unexpected = [k for k in state if k not in own]
    if not missing and not unexpected:
        net.load_state_dict(state, strict=False)
    return missing, unexpected
