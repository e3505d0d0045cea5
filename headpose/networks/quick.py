"""The small network: a plain backbone with the 6-D, landmark and uncertainty heads."""

from __future__ import annotations

from torch import nn

from headpose.networks.backbones import make_backbone
from headpose.networks.heads import HeadPoseNet
from headpose.networks.registry import NetworkConfig, register


@register("quick")
def quick(config: NetworkConfig) -> nn.Module:
    """ResNet-18 (or any backbone), no attention."""
    return HeadPoseNet(make_backbone(config.backbone, config.imagenet), config)
