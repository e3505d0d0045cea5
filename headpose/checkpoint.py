"""What a training run leaves, read again: its configuration and its network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from headpose import weights
from headpose.errors import WeightsError
from headpose.networks.heads import HeadPoseNet, head_pose_net
from headpose.train.config import TrainConfig


@dataclass(frozen=True)
class Checkpoint:
    """What a run left: its configuration, the moving average's tensors, its step; ``average`` says
    of what they were mixed (:mod:`headpose.research.average`).
    """

    config: TrainConfig
    state: dict[str, torch.Tensor]
    step: int
    average: str = ""

    def network(self) -> HeadPoseNet:
        """The network with its weights, ready to infer."""
        net = head_pose_net(self.config.network.trained())
        net.load_state_dict(self.state)
        return net.eval()


def read_checkpoint(path: str | Path) -> Checkpoint:
    """A ``best.pt`` or ``last.pt`` of a run, or an average of some."""
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no such checkpoint: {path}")
    try:
        d = torch.load(path, map_location="cpu", weights_only=True)
        config = TrainConfig.model_validate_json(d["config"])
        return Checkpoint(config, d["model"], int(d["step"]), d.get("average", ""))
    except Exception as e:  # torch raises many types for a broken archive
        raise WeightsError(f"{path}: not a checkpoint of `headpose train` ({e})") from e


def trained_network(source: str) -> tuple[HeadPoseNet, int]:
    """The network of shipped weights (a name), of a weights file or of a run's checkpoint, and the
    side of its crops in px.
    """
    try:
        loaded = weights.load(source)
        return loaded.net, loaded.input_px
    except WeightsError as no_weights:
        if not Path(source).is_file():
            raise
        try:
            read = read_checkpoint(source)
            return read.network(), read.config.px[-1][1]
        except WeightsError as no_checkpoint:
            raise WeightsError(f"{no_weights}; nor a checkpoint: {no_checkpoint}") from None
