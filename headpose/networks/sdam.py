"""SDAM, the stacked dual attention module (Xu et al., Sci. Rep. 16:405, 2026, eq. 7-10).

Two gates, one after the other, on a map F (N, C, H, W) that keep its size:

- **MRAM** (where): ``A1 = GN(conv3(F)); A2 = GN(conv5(A1)); A3 = GN(conv7(A2))``,
  ``M_F = sigmoid(A1 + A2 + A3)``, ``F' = M_F * F``.  Depthwise convolutions are our reading (full
  ones at C = 2048 would cost 200 M weights); chained (hierarchical) or each from F (parallel).
- **CSAM** (which channels): Q, K, V = 1x1 depthwise convolutions of F', reshaped to (C, HW),
  ``M_C = sigmoid(mean over space of softmax(Q K^T / sqrt(HW)) V)``, ``F'' = M_C * F'``.

A 1x1 depthwise convolution is one scale and one shift per channel, so where there are more pixels
than channels ``Q K^T`` follows from the Gram matrix ``F F^T`` and the channel means, and the mean
over space commutes with the product with V: no (C, HW) copy of Q, K or V is made.  Elsewhere fused
attention never stores the (C, C) matrix.  Tests compare with the same thing word by word.

A bare sigmoid halves every activation at the start, and eight of them starve the stages behind.
``gate``: "residual" (default) multiplies by ``M + 1/2`` (identity at M = 1/2), "open" starts the
sigmoid at 0.98, "plain" is the formula as printed.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from headpose.errors import ConfigError
from headpose.networks.backbones import make_backbone
from headpose.networks.heads import HeadPoseNet
from headpose.networks.registry import NetworkConfig, register

OPEN_BIAS = 4.0
"""sigmoid(4) = 0.982: where an "open" gate starts."""


def apply_gate(x: Tensor, m: Tensor, gate: str) -> Tensor:
    """``x`` times the gate made of the pre-activation ``m``."""
    if gate == "residual":  # F + F (M - 1/2)
        return x * (torch.sigmoid(m) + 0.5)
    return x * torch.sigmoid(m + OPEN_BIAS if gate == "open" else m)


class GroupNorm(nn.GroupNorm):
    """Group normalisation that keeps a channels-last map as it is when it only infers.

    torch's (and OpenVINO's) own first lay the map out channel by channel; sums per channel, then
    per group, then one scale and shift per channel need no such copy.  The same numbers (tested).
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return super().forward(x)
        n, c = x.shape[:2]
        a = x.float()
        mean, square = (
            m.reshape(n, self.num_groups, -1).mean(-1, keepdim=True)
            for m in (a.mean((2, 3)), (a * a).mean((2, 3)))
        )
        inverse = (square - mean * mean + self.eps).rsqrt().expand(-1, -1, c // self.num_groups)
        scale = inverse.reshape(n, c) * self.weight
        shift = self.bias - mean.expand(-1, -1, c // self.num_groups).reshape(n, c) * scale
        return x * scale.to(x.dtype)[..., None, None] + shift.to(x.dtype)[..., None, None]


class MRAM(nn.Module):
    """Multi-receptive-field attention: a gate for each pixel and channel."""

    def __init__(
        self,
        channels: int,
        hierarchical: bool = True,
        gate: str = "residual",
        norm: str = "group",
    ) -> None:
        super().__init__()
        self.hierarchical, self.gate = hierarchical, gate
        groups = math.gcd(32, channels)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels, bias=False),
                nn.BatchNorm2d(channels) if norm == "batch" else GroupNorm(groups, channels),
            )
            for k in (3, 5, 7)
        )
        if gate != "plain":  # start near identity: the sum of the branches starts small
            for norms in (m for m in self.modules() if isinstance(m, nn.BatchNorm2d | GroupNorm)):
                nn.init.constant_(norms.weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        a = total = self.branches[0](x)
        for branch in list(self.branches)[1:]:
            a = branch(a if self.hierarchical else x)
            total = total + a
        return apply_gate(x, total, self.gate)


class CSAM(nn.Module):
    """Channel self-attention: a gate for each channel, from the Gram matrix of the channels."""

    def __init__(self, channels: int, gate: str = "residual") -> None:
        super().__init__()
        self.gate = gate
        # rows: scale and shift of Q, K, V, i.e. the weights of the 1x1 depthwise convolutions
        self.scale = nn.Parameter(torch.ones(3, channels))
        self.shift = nn.Parameter(torch.zeros(3, channels))
        if gate != "plain":
            with torch.no_grad():
                self.scale[2] *= 0.1

    def forward(self, x: Tensor) -> Tensor:
        # (N, HW, C): a view of a channels-last map, nothing is copied
        f = x.permute(0, 2, 3, 1).flatten(1, 2)
        m = self._by_gram(f) if f.shape[1] >= f.shape[2] else self._by_product(f)
        return apply_gate(x, m.to(x.dtype)[..., None, None], self.gate)

    def _by_gram(self, f: Tensor) -> Tensor:
        """Pre-activation (N, C) where there are more pixels than channels: never Q, K or V."""
        hw = f.shape[1]
        mean = f.mean(1, dtype=torch.promote_types(f.dtype, torch.float32))  # (N, C)
        gram = f.transpose(1, 2) @ f  # (N, C, C)
        (sq, sk, sv), (tq, tk, tv) = self.scale, self.shift
        # (sq F + tq)(sk F + tk)^T, multiplied out and summed over space
        left = sq * mean + tq
        qk = sq[:, None] * gram * sk
        qk = qk + hw * (left[..., None] * tk + tq[:, None] * (sk * mean)[:, None])
        attention = (qk / math.sqrt(hw)).softmax(-1)
        gate: Tensor = attention @ (sv * mean + tv)[..., None].to(attention.dtype)
        return gate[..., 0]

    def _by_product(self, f: Tensor) -> Tensor:
        """The same where there are more channels than pixels: Q and K are the smaller matrices.

        torch's and OpenVINO's fused attention (its scale is 1 / sqrt(HW), too) keeps the (N, C, C)
        weights out of memory; for one batch of 64 at C = 1024 they are 256 MB and a dozen passes.
        """
        (sq, sk, sv), (tq, tk, tv) = self.scale.to(f.dtype), self.shift.to(f.dtype)
        q, k, v = (
            (s * f + t).transpose(1, 2)[:, None].contiguous()  # (N, 1, C, HW)
            for s, t in ((sq, tq), (sk, tk), (sv, tv))
        )
        return nn.functional.scaled_dot_product_attention(q, k, v)[:, 0].mean(-1)


class SDAM(nn.Sequential):
    """MRAM (``mram`` are options of its own), then CSAM."""

    def __init__(self, channels: int, gate: str = "residual", **mram: Any) -> None:
        super().__init__(MRAM(channels, gate=gate, **mram), CSAM(channels, gate))


@register("sdam")
def sdam(config: NetworkConfig) -> nn.Module:
    """A backbone with SDAM after the stages of ``config.sdam_stages`` (1..4)."""
    backbone = make_backbone(config.backbone, config.imagenet)
    for stage in config.sdam_stages:
        if not 1 <= stage <= len(backbone.stages):
            raise ConfigError(f"sdam_stages are 1..{len(backbone.stages)}, got {stage}")
        backbone.after[stage - 1] = SDAM(
            backbone.channels[stage - 1],
            config.sdam_gate,
            hierarchical=config.sdam_hierarchical,
            norm=config.sdam_norm,
        )
    return HeadPoseNet(backbone, config)
