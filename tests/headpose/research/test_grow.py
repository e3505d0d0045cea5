"""A ResNet-50 grown out of a ResNet-18 answers as it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headpose.errors import ConfigError
from headpose.networks import NetworkConfig, build
from headpose.research.grow import grow
from headpose.train.config import TrainConfig
from headpose.train.trainer import Trainer

SMALL = NetworkConfig(name="quick", backbone="resnet18")
LARGE = NetworkConfig(name="sdam", backbone="resnet50", sdam_stages=())
CROPS = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)


def trained_like(seed: int = 0) -> torch.nn.Module:
    """A ResNet-18 with statistics and gates as training leaves them: nothing at its start value."""
    torch.manual_seed(seed)
    net = build(SMALL)
    net.train()
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.momentum = None  # the plain average of what it sees
            with torch.no_grad():
                m.weight.uniform_(0.4, 1.2)
                m.bias.normal_(0, 0.3)
    with torch.no_grad():
        for layer in net.rotation_head:
            if isinstance(layer, torch.nn.Linear):
                layer.weight.normal_(0, 0.1)
        net(torch.from_numpy(CROPS).permute(0, 3, 1, 2).float())
    return net.eval()


def run(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return net.eval()(torch.from_numpy(CROPS).permute(0, 3, 1, 2).float())


def with_room(seed: int = 0) -> torch.nn.Module:
    """Stages 1 and 4 of a ResNet-50 lack one 3x3 convolution: the small one's is taken out, too."""
    small = trained_like(seed)
    with torch.no_grad():
        for stage in (0, 3):
            norm = small.backbone.stages[stage][1].bn2
            norm.weight.zero_()
            norm.bias.zero_()
    return small


def test_the_same_answers_where_there_is_room() -> None:
    small = with_room()
    a, b = run(small), run(grow(small, LARGE, CROPS))
    for key in a:
        spread = float(a[key].std())
        assert float((a[key] - b[key]).abs().max()) < 0.02 * spread + 1e-4, key


def test_nearly_the_same_answers_in_general_and_with_sdam() -> None:
    small = trained_like(1)
    a = run(small)["sixd"]
    fresh = float((run(build(LARGE))["sixd"] - a).abs().mean())  # the control: not grown
    for stages in ((), (3,)):
        large = grow(small, LARGE.model_copy(update={"sdam_stages": stages}), CROPS)
        assert float((run(large)["sixd"] - a).abs().mean()) < 0.6 * fresh


def test_in_training_mode_it_stays_as_close_as_the_small_one() -> None:
    """Batch statistics stand in for the running ones without upsetting the copied function."""
    small = with_room(2)
    large = grow(small, LARGE, CROPS)
    x = torch.from_numpy(CROPS).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        moved = [
            float((net.eval()(x)["sixd"] - net.train()(x)["sixd"]).abs().mean())
            for net in (small, large)
        ]
    assert moved[1] < 2 * moved[0] + 0.02


def test_everything_new_is_reached_by_the_gradient_after_one_step() -> None:
    """Nothing is dead: channels that nothing reads at the start are read after one step."""
    large = grow(trained_like(), LARGE, CROPS).train()
    x = torch.from_numpy(CROPS).permute(0, 3, 1, 2).float()
    step = torch.optim.SGD(large.parameters(), 1e-4)
    for _ in range(2):
        step.zero_grad()
        large(x)["sixd"].square().sum().backward()
        step.step()
    for name, p in large.backbone.named_parameters():
        if name.endswith("bn3.weight"):
            dead = float((p.grad == 0).float().mean())
            assert dead < 0.05, f"{name}: {dead:.0%} dead"


def test_other_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match="from a ResNet-18 to a ResNet-50"):
        grow(build(SMALL), SMALL, CROPS)
    with pytest.raises(ConfigError, match="same heads"):
        grow(build(SMALL), LARGE.model_copy(update={"landmarks": False}), CROPS)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_start_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    start = tmp_path / "start.pt"
    if content is None:
        torch.save({"model": {"other": torch.zeros(3)}}, start)
    else:
        start.write_bytes(content)
    cfg = TrainConfig(name="x", steps=1, network=SMALL, init=str(start))
    with pytest.raises(ConfigError, match="init ="):
        Trainer(cfg, tmp_path / "run")
