"""A network with its outputs as a tuple, for tracing and export."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from headpose.runtimes.registry import OUTPUTS


class Positional(nn.Module):
    """``names``: the network's outputs in the order in which they come."""

    def __init__(self, net: nn.Module, px: int) -> None:
        super().__init__()
        self.net = net
        self.eval()  # exporters restore the wrapper's mode, and with it the network's
        with torch.no_grad():
            keys = net(torch.zeros(2, 3, px, px)).keys()
        self.names = tuple(n for n in (*OUTPUTS, "logits") if n in keys)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        out = self.net(crops)
        return tuple(out[n] for n in self.names)


@contextmanager
def traced() -> Iterator[None]:
    """While a network is traced: that what follows from the maps' sizes becomes a constant is meant
    so, since crops have one size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        yield
