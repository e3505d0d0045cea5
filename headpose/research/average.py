"""The average of two trained networks of one kind, in the share that held-out heads like best.

After fine-tuning on new data a network is better on these and often a little worse on the old. The
straight line between the weights before and after (Wortsman et al., "Robust fine-tuning of
zero-shot models", CVPR 2022) has points that are better than both ends on both. Which one is
decided on the training's own held-out groups, by the number that chooses checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from headpose import rotation
from headpose.checkpoint import read_checkpoint, trained_network
from headpose.data.training_rows import VALIDATION_FACES_PX, load_store, validation_crops
from headpose.errors import WeightsError
from headpose.files import synced_replace
from headpose.networks import build
from headpose.predict import predict

SHARES = tuple(k / 10 for k in range(11))


@dataclass(frozen=True)
class Tried:
    """One point of the line: ``share`` of the fine-tuned weights, geodesic errors in degrees on the
    held-out heads at full size, 24 and 16 px.
    """

    share: float
    geodesic_deg: tuple[float, float, float]


def average(
    checkpoint: str | Path, other: str, out: str | Path, shares: Sequence[float] = SHARES
) -> list[Tried]:
    """Write ``share`` × checkpoint + (1 − share) × other as a checkpoint; returns all that was
    tried.

    ``other`` is a name of shipped weights, a weights file or a checkpoint of the same network.

    Raises
    ------
    WeightsError
        Two networks of different kinds.
    """
    after = read_checkpoint(checkpoint)
    before = trained_network(other)[0].state_dict()
    if {k: v.shape for k, v in before.items()} != {k: v.shape for k, v in after.state.items()}:
        raise WeightsError(f"{checkpoint} and {other} are not the same network: no average of them")
    cfg, net = after.config, build(after.config.network)
    torch.set_num_threads(cfg.threads)
    store, _, held_out = load_store(cfg)
    held_out = np.random.default_rng(1).permutation(held_out)[: 2 * cfg.validation_limit]
    px = cfg.px[-1][1]
    seen = [validation_crops(store, held_out, px, size)[:2] for size in VALIDATION_FACES_PX]
    tried: list[Tried] = []
    best: tuple[float, dict[str, torch.Tensor]] = (np.inf, {})
    for share in shares:
        state = {
            k: ((1 - share) * before[k].double() + share * v.double()).to(v.dtype)
            for k, v in after.state.items()
        }
        net.load_state_dict(state)
        errors = [rotation.geodesic_deg(predict(net, c)["R"], R).mean() for c, R in seen]
        tried.append(Tried(share, (float(errors[0]), float(errors[1]), float(errors[2]))))
        if sum(errors) < best[0]:
            best = (sum(errors), state)
            note = f"{share:g} of this run, {1 - share:g} of {Path(other).stem}"
    part = Path(out).with_suffix(".part")
    torch.save(
        {"config": cfg.model_dump_json(), "step": after.step, "model": best[1], "average": note},
        part,
    )
    synced_replace(part, Path(out))
    return tried
