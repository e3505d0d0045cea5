"""Heads on a backbone's maps: rotation (6-D or angle classes), 68 landmarks, uncertainty.

- 6-D rotation (Zhou et al., CVPR 2019): two vectors, made orthonormal.  No gimbal, no wrap.
- Landmarks by integral regression (Sun et al., ECCV 2018): a heat map per point on the stride-8
  grid, the point is its centre of mass.  Fully convolutional, so it takes any crop size.
- Uncertainty: log sigma of the rotation about the head's own axes and of each landmark, from
  *detached* features: it learns how large the errors are without trading them for its own loss.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from headpose.errors import ConfigError
from headpose.networks.backbones import Backbone
from headpose.networks.registry import NetworkConfig, build

LANDMARK_SPAN = 1.3
"""The heat maps' grid covers this much of the crop, so that a point on its edge can be reached."""


def rotation_of_sixd(x: Tensor) -> Tensor:
    """Rotations (N, 3, 3), float32, from two unnormalised columns (N, 6)."""
    x = x.float()
    a = F.normalize(x[:, :3], dim=1)
    b = F.normalize(x[:, 3:] - (a * x[:, 3:]).sum(1, keepdim=True) * a, dim=1)
    return torch.stack([a, b, torch.cross(a, b, dim=1)], 2)


class LandmarkHead(nn.Module):
    """68 points (N, 68, 2) in crop fractions from the maps of strides 8, 16 and 32."""

    def __init__(self, channels: list[int], width: int = 64) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels[1:])
        self.mix = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
            nn.ReLU(inplace=True), nn.Conv2d(width, 68, 1),
        )  # fmt: skip
        self.sharpness = nn.Parameter(torch.tensor(1.0))

    def forward(self, maps: list[Tensor]) -> Tensor:
        c3, c4, c5 = (conv(m) for conv, m in zip(self.lateral, maps[1:], strict=True))
        size = c3.shape[-2:]
        x = c3 + _enlarge(c4, size) + _enlarge(c5, size)
        heat = self.mix(x).float() * self.sharpness
        n, p, h, w = heat.shape
        mass = heat.reshape(n, p, h * w).softmax(-1).reshape(n, p, h, w)
        gx = ((torch.arange(w, device=heat.device) + 0.5) / w - 0.5) * LANDMARK_SPAN + 0.5
        gy = ((torch.arange(h, device=heat.device) + 0.5) / h - 0.5) * LANDMARK_SPAN + 0.5
        return torch.stack([(mass.sum(2) * gx).sum(-1), (mass.sum(3) * gy).sum(-1)], -1)


def _enlarge(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class HeadPoseNet(nn.Module):
    """Backbone + heads; :func:`headpose.networks.registry.build` says what ``forward`` returns."""

    def __init__(self, backbone: Backbone, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        c = backbone.channels[-1]
        self.landmark_head = LandmarkHead(backbone.channels) if config.landmarks else None
        features = c + (136 if config.landmarks else 0)
        if config.rotation_head == "sixd":
            last = nn.Linear(256, 6)
            with torch.no_grad():  # start at "looks into the camera"
                last.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1.0, 0]))
            self.rotation_head: nn.Module = nn.Sequential(
                nn.Linear(features, 256), nn.ReLU(inplace=True), last
            )
        else:
            self.rotation_head = nn.Linear(features, 3 * config.classes)
        sigmas = nn.Linear(64, 3 + (68 if config.landmarks else 0))
        with torch.no_grad():
            sigmas.weight.mul_(0.1)
            sigmas.bias[:3] = 1.5  # e^1.5 = 4.5 degrees
            sigmas.bias[3:] = -3.5  # e^-3.5 = 3 % of the crop
        self.sigma_head = nn.Sequential(nn.Linear(features, 64), nn.ReLU(inplace=True), sigmas)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        maps = self.backbone(crops)
        features = maps[-1].mean((2, 3)).float()
        out: dict[str, Tensor] = {"pooled": features}
        if self.landmark_head is not None:
            points = self.landmark_head(maps)
            out["landmarks"] = points
            features = torch.cat([features, (points.flatten(1) - 0.5) * 4.0], 1)
        rotation = self.rotation_head(features).float()
        if self.config.rotation_head == "sixd":
            out["sixd"] = rotation
        else:
            out["logits"] = rotation.reshape(len(rotation), 3, self.config.classes)
        log_sigma = self.sigma_head(features.detach()).float()
        out["log_sigma"] = log_sigma[:, :3]
        if self.landmark_head is not None:
            out["landmark_log_sigma"] = log_sigma[:, 3:]
        return out


def channels_last(net: nn.Module) -> None:
    """Lay the weights of a network's convolutions out channels last, in place."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def head_pose_net(config: NetworkConfig) -> HeadPoseNet:
    """:func:`headpose.networks.build`, for a network that has heads.

    Raises
    ------
    ConfigError
        A network without them ("plain", a yardstick of speed).
    """
    net = build(config)
    if not isinstance(net, HeadPoseNet):
        raise ConfigError(f"network {config.name!r} has no heads: it cannot be trained or shipped")
    return net
