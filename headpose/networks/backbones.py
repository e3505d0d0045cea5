"""Backbones: torchvision's ResNet-18/50/152 and MobileNetV2, cut into stages.

A :class:`Backbone` gives the feature maps after each of its four stages (strides 4, 8, 16, 32), so
that attention can stand between stages and heads can look at more than the last one.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from headpose.networks.torchvision_loader import load_torchvision

log = logging.getLogger(__name__)

MEAN, STD = 127.5, 64.0
"""Pixel normalisation, the same for all channels: (x - 127.5) / 64."""
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class Backbone(nn.Module):
    """Stem and four stages; ``after[i]`` (identity by default) runs after stage i + 1.

    ``channels`` holds the width after each stage.  Input: BGR 0..255, normalised inside (for
    ImageNet weights turned to RGB with ImageNet's mean and deviation).
    """

    def __init__(
        self, stem: nn.Module, stages: list[nn.Module], channels: list[int], imagenet: bool
    ):
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.after = nn.ModuleList(nn.Identity() for _ in stages)
        self.channels = channels
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if imagenet else ((MEAN,) * 3, (STD,) * 3)
        # stored in BGR order, as the crops come
        self.register_buffer("mean", torch.tensor(mean[::-1]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std[::-1]).view(1, 3, 1, 1))
        self.rgb = imagenet

    def forward(self, crops: Tensor) -> list[Tensor]:
        x = (crops.float() - self.mean) / self.std
        if self.rgb:
            x = x.flip(1)
        x = self.stem(x)
        maps = []
        for stage, after in zip(self.stages, self.after, strict=True):
            x = after(stage(x))
            maps.append(x)
        return maps


def make_backbone(name: str, imagenet: bool = False) -> Backbone:
    """A backbone by name.  ``imagenet`` loads torchvision's weights, or says why it cannot."""
    models = load_torchvision().models
    # from scratch, each residual branch starts at 0: deep networks then learn from the first step
    options = {} if name == "mobilenet_v2" else {"zero_init_residual": not imagenet}
    net = getattr(models, name)(weights=None, **options)
    if imagenet:
        imagenet = _load_imagenet(net, models.get_model_weights(name))
    if name == "mobilenet_v2":
        f = net.features
        return Backbone(f[0], [f[1:4], f[4:7], f[7:14], f[14:]], [24, 32, 96, 1280], imagenet)
    widths = [64, 128, 256, 512] if name == "resnet18" else [256, 512, 1024, 2048]
    return _resnet(net, widths, imagenet)


def _resnet(net: nn.Module, channels: list[int], imagenet: bool) -> Backbone:
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
    return Backbone(stem, [net.layer1, net.layer2, net.layer3, net.layer4], channels, imagenet)


def _load_imagenet(net: nn.Module, weights: object) -> bool:
    try:
        state = weights.DEFAULT.get_state_dict(progress=False)  # type: ignore[attr-defined]
    except Exception as e:  # no network, blocked host, broken cache: any of many types
        log.warning("ImageNet weights cannot be loaded (%s): training starts from scratch", e)
        return False
    net.load_state_dict(state)
    log.info("ImageNet weights loaded")
    return True
