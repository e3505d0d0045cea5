"""The plain torchvision ResNet-50, as a yardstick of speed (``headpose bench``)."""

from __future__ import annotations

from torch import Tensor, nn

from headpose.networks.backbones import make_backbone
from headpose.networks.registry import NetworkConfig, register


class PlainResNet(nn.Module):
    """Backbone, average pooling, one linear layer of six numbers."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.backbone = make_backbone(config.backbone, config.imagenet)
        self.fc = nn.Linear(self.backbone.channels[-1], 6)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        return {"sixd": self.fc(self.backbone(crops)[-1].mean((2, 3)))}


@register("plain")
def plain(config: NetworkConfig) -> nn.Module:
    """Any backbone without our heads."""
    return PlainResNet(config)
