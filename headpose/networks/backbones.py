"""Backbones cut into stages: torchvision's ResNet-18/50/152 and MobileNetV2, EfficientNet-Lite.

A :class:`Backbone` gives the feature maps after each of its four stages (strides 4, 8, 16, 32), so
that attention can stand between stages and heads can look at more than the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from headpose.errors import WeightsError
from headpose.networks import efficientnet_lite
from headpose.networks.imagenet import imagenet_state
from headpose.networks.torchvision_loader import load_torchvision

MEAN, STD = 127.5, 64.0
"""Pixel normalisation, the same for all channels: (x - 127.5) / 64."""
IMAGENET_MEAN_BGR = (103.53, 116.28, 123.675)
IMAGENET_STD_BGR = (57.375, 57.12, 58.395)
"""What torchvision's ImageNet weights were trained with."""
Rgb = tuple[float, float, float]


class Backbone(nn.Module):
    """Stem and four stages; ``after[i]`` (identity by default) runs after stage i + 1.

    ``channels`` holds the width after each stage.  Input: BGR 0..255, normalised inside.
    """

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], channels: list[int]) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.after = nn.ModuleList(nn.Identity() for _ in stages)
        self.channels = channels
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.empty(1, 3, 1, 1))
        self.register_buffer("std", torch.empty(1, 3, 1, 1))
        self.normalise((MEAN,) * 3, (STD,) * 3)

    def normalise(self, mean_bgr: Rgb, std_bgr: Rgb) -> None:
        """Take ``(x - mean) / std`` of the pixels from now on."""
        self.mean.copy_(torch.tensor(mean_bgr).view(1, 3, 1, 1))
        self.std.copy_(torch.tensor(std_bgr).view(1, 3, 1, 1))

    def forward(self, crops: Tensor) -> list[Tensor]:
        x = self.stem((crops.float() - self.mean) / self.std)
        maps = []
        for stage, after in zip(self.stages, self.after, strict=True):
            x = after(stage(x))
            maps.append(x)
        return maps


def make_backbone(name: str, imagenet: str | bool = False) -> Backbone:
    """A backbone by name; ``imagenet`` (see :func:`imagenet_state`) is where its start comes from.

    ImageNet weights were trained on RGB: the first convolution's channels are turned round, so
    that the network takes BGR like any other; pixels get the normalisation of that training.

    Raises
    ------
    WeightsError
        ImageNet weights were asked for and cannot be had, or are of another network.
    """
    if name in efficientnet_lite.WIDTH_AND_DEPTH:
        return _lite(name, imagenet)
    # from scratch, each residual branch starts at 0: deep networks then learn from the first step
    options = {} if name == "mobilenet_v2" else {"zero_init_residual": not imagenet}
    net = getattr(load_torchvision().models, name)(weights=None, **options)
    if imagenet:
        _fill(net, imagenet_state(name, imagenet), name)
        _from_rgb(net.features[0][0] if name == "mobilenet_v2" else net.conv1)
    if name == "mobilenet_v2":
        f = net.features
        backbone = Backbone(f[0], [f[1:4], f[4:7], f[7:14], f[14:]], [24, 32, 96, 1280])
    else:
        widths = [64, 128, 256, 512] if name == "resnet18" else [256, 512, 1024, 2048]
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        backbone = Backbone(stem, [net.layer1, net.layer2, net.layer3, net.layer4], widths)
    if imagenet:
        backbone.normalise(IMAGENET_MEAN_BGR, IMAGENET_STD_BGR)
    return backbone


def _lite(name: str, imagenet: str | bool) -> Backbone:
    stem, stages, channels = efficientnet_lite.parts(name)
    backbone = Backbone(stem, stages, channels)
    if imagenet:
        blocks = [sum(isinstance(b, efficientnet_lite.Block) for b in s) for s in stages]
        given = imagenet_state(name, imagenet)
        _fill(backbone, efficientnet_lite.named_as_packaged(given, blocks), name)
        _from_rgb(stem._conv_stem)
        backbone.normalise((efficientnet_lite.MEAN,) * 3, (efficientnet_lite.STD,) * 3)
    return backbone


def _fill(net: nn.Module, given: dict[str, Tensor], name: str) -> None:
    """Load every tensor of ``net`` but its pixel normalisation, or say what is missing."""
    own = {k: v for k, v in net.state_dict().items() if k not in ("mean", "std")}
    missing = [k for k, v in own.items() if k not in given or given[k].shape != v.shape]
    if missing or given.keys() - own.keys():
        unknown = sorted(given.keys() - own.keys())
        raise WeightsError(
            f"these are not ImageNet weights of {name}: {len(missing)} tensors missing or of "
            f"another shape {missing[:3]}, {len(unknown)} unknown {unknown[:3]}"
        )
    net.load_state_dict(given, strict=False)


def _from_rgb(convolution: nn.Conv2d) -> None:
    with torch.no_grad():
        convolution.weight.copy_(convolution.weight.flip(1))
