"""A ResNet-50 that starts as a trained ResNet-18: the large model's start where there are no
ImageNet weights.

    python -m headpose.research.grow small sdam-r50-grown.toml grown.pt  # then: init = "grown.pt"

Function-preserving growth (Chen et al., *Net2Net*, ICLR 2016), worked out for residual networks.  A
basic block ``x + B2(W2 * relu(B1(W1 * x)))`` (W 3x3 convolutions, B batch normalisations) becomes
two bottlenecks, whose 3x3 convolutions have the same width C while their outputs have 4 C channels:

1. the first reads x (channels 0..C), applies W1, B1 and writes ``y = relu(...)`` into C channels
   that nothing uses;
2. the second reads y, applies W2, B2 and adds the result to channels 0..C.  The bottlenecks have
   ReLUs that the basic block does not have, behind the 3x3 convolution and between the two: what
   may be negative there is lifted by ``4 |gamma|`` before and lowered after.

1x1 convolutions are thus selections, and the normalisations behind them identities, with the
statistics of the maps that they see.  Stages 2 and 3 of a ResNet-50 have room for all four 3x3
convolutions of the ResNet-18's; stages 1 and 4 have three, so the last one is replaced by the 1x1
convolution that fits it best on the given crops (least squares).  Bottlenecks left over, and SDAM,
start as near-identities.  What is new (all other channels) starts as usual, with gates at zero.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from headpose.errors import ConfigError
from headpose.networks import NetworkConfig, build
from headpose.train.config import load_config
from headpose.train.export import trained_network

log = logging.getLogger(__name__)

LIFT = 4.0
"""Standard deviations by which a map is lifted over a ReLU: 0.003 % of a Gaussian is clipped."""
ALIVE = 1e-4
"""What a channel carries that would be exactly zero at a ReLU, and so never learn."""


@torch.no_grad()
def grow(small: nn.Module, config: NetworkConfig, crops: np.ndarray) -> nn.Module:
    """A network of ``config`` (ResNet-50, any SDAM) that answers nearly as ``small`` (ResNet-18).

    ``crops`` (N, H, H, 3) uint8 BGR: some hundreds of usual ones, at the size that training goes on
    with; they give the statistics of the maps.

    Raises
    ------
    ConfigError
        The two networks are not a ResNet-18 and a ResNet-50 with the same heads.
    """
    a, b = small.config, config
    if (a.backbone, b.backbone) != ("resnet18", "resnet50") or (
        (a.landmarks, a.rotation_head) != (b.landmarks, b.rotation_head)
    ):
        raise ConfigError(
            f"growing goes from a ResNet-18 to a ResNet-50 with the same heads, not from "
            f"{a.backbone} to {b.backbone}"
        )
    small = small.eval()
    large = build(config)
    large.backbone.load_state_dict(
        {k: v for k, v in small.backbone.state_dict().items() if k.startswith(("stem.", "mean"))},
        strict=False,
    )
    x = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    x = small.backbone.stem((x - small.backbone.mean) / small.backbone.std)
    for stage, wide in zip(small.backbone.stages, large.backbone.stages, strict=True):
        blocks: Iterator[nn.Module] = iter(wide)
        # x, and one y for each basic block that gets two bottlenecks
        used = (1 + len(wide) // 2) * stage[0].conv1.out_channels
        for number, basic in enumerate(stage):
            spare = (number + 1) * basic.conv1.out_channels
            y = basic.relu(basic.bn1(basic.conv1(x)))
            add = basic.bn2(basic.conv2(y))
            left = len(wide) - 2 * number
            if left >= 2:
                lift = _first_half(next(blocks), basic, x, y, spare, used)
                _second_half(next(blocks), basic, y, spare, lift, used)
            else:
                _both_in_one(next(blocks), basic, x, y, add, used)
            x = basic.relu(add + (x if basic.downsample is None else basic.downsample(x)))
    _copy_heads(small, large)
    return large


def _select(conv: nn.Conv2d, rows: int, first: int, width: int) -> None:
    """Rows ``rows .. rows + width`` of a 1x1 convolution copy channels ``first .. first + width``.

    Those rows take nothing from other channels; all other rows stay as they are.
    """
    conv.weight[rows : rows + width] = 0
    k = torch.arange(width)
    conv.weight[rows + k, first + k] = 1


def _identity(norm: nn.BatchNorm2d, at: int, mean: Tensor, var: Tensor) -> None:
    """Channels from ``at`` on pass as they are, if they have this mean and variance."""
    part = slice(at, at + len(mean))
    norm.running_mean[part], norm.running_var[part] = mean, var
    norm.weight[part], norm.bias[part] = (var + norm.eps).sqrt(), mean


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean((0, 2, 3)), x.var((0, 2, 3))


def _close(norm: nn.BatchNorm2d, keep: slice, used: int) -> None:
    """Gates at zero below channel ``used``, except ``keep``: those channels get nothing more.

    A channel that is exactly zero at a ReLU would never get a gradient: those from ``used`` on,
    which nothing reads yet, are alive, and the others carry ``ALIVE`` instead of nothing.
    """
    weight, bias = norm.weight[keep].clone(), norm.bias[keep].clone()
    norm.weight[:used], norm.bias[:used] = 0, ALIVE
    norm.weight[used:], norm.bias[used:] = 0.5, 0
    norm.weight[keep], norm.bias[keep] = weight, bias


def _over_zero(norm: nn.BatchNorm2d, n: int) -> Tensor:
    """Lift the first ``n`` channels so that a ReLU leaves them alone; by how much (n,)."""
    lift = (LIFT * norm.weight[:n].abs() - norm.bias[:n]).clamp(min=0)
    norm.bias[:n] += lift
    return lift


def _copy_norm(into: nn.BatchNorm2d, norm: nn.BatchNorm2d) -> None:
    n = norm.num_features
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(into, name)[:n] = getattr(norm, name)


def _shortcut(wide: nn.Module, basic: nn.Module, x: Tensor, used: int) -> Tensor:
    """The 1x1 convolution beside the first bottleneck of a stage: x to channels 0..C, else 0.

    Returns how far (C,) those channels are lifted over the ReLU that follows.
    """
    if wide.downsample is None:
        return torch.zeros(x.shape[1])
    conv, norm = wide.downsample
    n = basic.conv1.out_channels
    lift = torch.zeros(n)
    if basic.downsample is None:  # stage 1: the ResNet-18 has none
        _select(conv, 0, 0, n)
        _identity(norm, 0, *_statistics(x))
    else:
        conv.weight[:n] = 0
        conv.weight[:n, : x.shape[1]] = basic.downsample[0].weight
        _copy_norm(norm, basic.downsample[1])
        lift = _over_zero(norm, n)
    _close(norm, slice(0, n), used)
    return lift


def _conv1_of(wide: nn.Module, basic: nn.Module, x: Tensor) -> None:
    """The bottleneck's first two convolutions: x from channels 0.., then ``basic``'s first."""
    n = x.shape[1]
    _select(wide.conv1, 0, 0, n)
    _identity(wide.bn1, 0, *_statistics(x))
    wide.conv2.weight[:, n:] = 0  # channels that the small network did not have
    wide.conv2.weight[:, :n] = basic.conv1.weight
    _copy_norm(wide.bn2, basic.bn1)


def _first_half(
    wide: nn.Module, basic: nn.Module, x: Tensor, y: Tensor, spare: int, used: int
) -> Tensor:
    lift = _shortcut(wide, basic, x, used)
    _conv1_of(wide, basic, x)
    n = y.shape[1]
    _select(wide.conv3, spare, 0, n)
    _identity(wide.bn3, spare, *_statistics(y))
    _close(wide.bn3, slice(spare, spare + n), used)
    return lift


def _second_half(
    wide: nn.Module, basic: nn.Module, y: Tensor, spare: int, lifted: Tensor, used: int
) -> None:
    n = y.shape[1]
    _select(wide.conv1, 0, spare, n)
    _identity(wide.bn1, 0, *_statistics(y))
    wide.conv2.weight.copy_(basic.conv2.weight)
    _copy_norm(wide.bn2, basic.bn2)
    lift = _over_zero(wide.bn2, n)
    _select(wide.conv3, 0, 0, n)
    _identity(wide.bn3, 0, basic.bn2.bias, basic.bn2.weight**2)
    wide.bn3.running_mean[:n] += lift
    wide.bn3.bias[:n] -= lifted
    _close(wide.bn3, slice(0, n), used)


def _both_in_one(
    wide: nn.Module, basic: nn.Module, x: Tensor, y: Tensor, add: Tensor, used: int
) -> None:
    """One bottleneck for a whole basic block: its second convolution as the best 1x1."""
    _conv1_of(wide, basic, x)
    n = y.shape[1]
    rows = y.permute(0, 2, 3, 1).reshape(-1, n).double()
    wanted = add.permute(0, 2, 3, 1).reshape(-1, n).double()
    mean, aim = rows.mean(0), wanted.mean(0)
    gram = (rows - mean).T @ (rows - mean)
    gram += 1e-3 * gram.diagonal().mean() * torch.eye(n, dtype=gram.dtype)
    W = torch.linalg.solve(gram, (rows - mean).T @ (wanted - aim)).T
    wide.conv3.weight[:n, :, 0, 0] = W.float()
    fitted = (rows - mean) @ W.T
    _identity(wide.bn3, 0, aim.float(), fitted.var(0).float())
    wide.bn3.running_mean[:n] = (W @ mean).float()
    _close(wide.bn3, slice(0, n), used)
    log.info(
        "stage end: 1x1 in place of 3x3 explains %.0f %%",
        100 * (1 - float(((wanted - aim - fitted) ** 2).sum() / ((wanted - aim) ** 2).sum())),
    )


def _copy_heads(small: nn.Module, large: nn.Module) -> None:
    """Heads read channels 0..C of each map; the landmark columns stand behind all channels."""
    c, wide_c = small.backbone.channels[-1], large.backbone.channels[-1]
    if small.landmark_head is not None:
        for a, b in zip(small.landmark_head.lateral, large.landmark_head.lateral, strict=True):
            b.weight.zero_()
            b.weight[:, : a.in_channels] = a.weight
            b.bias.copy_(a.bias)
        large.landmark_head.mix.load_state_dict(small.landmark_head.mix.state_dict())
        large.landmark_head.sharpness.copy_(small.landmark_head.sharpness)
    for name in ("rotation_head", "sigma_head"):
        for a, b in zip(getattr(small, name), getattr(large, name), strict=True):
            if not isinstance(a, nn.Linear):
                continue
            if a.in_features == b.in_features:
                b.weight.copy_(a.weight)
            else:
                b.weight.zero_()
                b.weight[:, :c] = a.weight[:, :c]
                b.weight[:, wide_c:] = a.weight[:, c:]
            b.bias.copy_(a.bias)


def main(source: str, config_file: str, out: str) -> None:
    """Grow a trained network into that of a training config; crops from its training data."""
    from headpose.train.trainer import load_store, validation_crops

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    (small, _), config = trained_network(source), load_config(config_file)
    store, rows, _ = load_store(config)
    rows = np.random.default_rng(0).choice(rows, 384, replace=False)
    crops, _, _ = validation_crops(store, np.sort(rows), config.px[0][1])
    net = grow(small, config.network, crops)
    part = Path(out).with_suffix(".part")
    torch.save({"config": config.model_dump_json(), "step": 0, "model": net.state_dict()}, part)
    part.rename(out)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
