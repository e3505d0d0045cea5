"""HopeNet (Ruiz, Chong, Rehg, CVPRW 2018): both papers' baseline.

A backbone, global pooling, one linear classifier per angle over 66 classes of 3 degrees; the angle
is the expectation of the class centres.  Loss: cross entropy on hard classes + alpha * MSE of the
expectation (:mod:`headpose.train.losses`).  Here the three classifiers are one matrix.
"""

from __future__ import annotations

from torch import nn

from headpose.networks.backbones import make_backbone
from headpose.networks.heads import HeadPoseNet
from headpose.networks.registry import NetworkConfig, register


@register("hopenet")
def hopenet(config: NetworkConfig) -> nn.Module:
    """Angle classes on a plain backbone; no landmarks unless asked for."""
    config = config.model_copy(update={"rotation_head": "classes"})
    return HeadPoseNet(make_backbone(config.backbone, config.imagenet), config)
