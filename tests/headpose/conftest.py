"""Fixtures: tiny packs, tiny weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headpose.networks import NetworkConfig, build
from headpose.weights import tensors
from tests.headpose.drawn_heads import CALIBRATION, write_pack


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packs") / "train_drawn.npz"
    write_pack(path, 48)
    return path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained MobileNetV2 with the shipped models' heads, at 64 px."""
    torch.manual_seed(0)
    config = NetworkConfig(backbone="mobilenet_v2")
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    tensors.save(path, "tiny", build(config), config, 64, CALIBRATION)
    return path
