"""Ways to run a network.  One file each; a file registers its class under the class's ``name``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from headpose.errors import ConfigError

OUTPUTS = ("sixd", "log_sigma", "landmarks", "landmark_log_sigma")
"""Order of a network's outputs where a runtime knows them only by position."""


class Positional(nn.Module):
    """The network with its outputs as a tuple, for tracing and export."""

    def __init__(self, net: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names
        self.eval()  # exporters restore the wrapper's mode, and with it the network's

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        out = self.net(crops)
        return tuple(out[n] for n in self.names)


class Runtime(ABC):
    """A network made ready to run; call it with crops (N, px, px, 3), uint8 BGR.

    Returns the network's arrays by name (float32, N first).  ``cache`` is a folder for whatever
    takes long to make (converted models), ``key`` names the network in it (a hash of its weights);
    ``quantised`` is the network's INT8 version, where it has one that passed its check.
    """

    name: ClassVar[str]
    device: str = "cpu"
    precision: str = "fp32"

    def __init__(
        self,
        net: nn.Module,
        px: int,
        cache: Path,
        key: str,
        threads: int | None = None,
        quantised: Path | None = None,
    ) -> None:
        self.quantised = quantised
        self.px, self.cache, self.key, self.threads = px, cache, key, threads
        net = net.eval()
        with torch.no_grad():
            keys = net(torch.zeros(2, 3, px, px)).keys()
        self.names = tuple(n for n in (*OUTPUTS, "logits") if n in keys)
        self.prepare(net)

    @classmethod
    @abstractmethod
    def available(cls) -> bool:
        """Whether this machine can use it (packages, device)."""

    @abstractmethod
    def prepare(self, net: nn.Module) -> None:
        """Convert, compile, move: everything before the first crop."""

    @abstractmethod
    def run(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Outputs in the order of ``self.names``."""

    def __call__(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        return dict(zip(self.names, self.run(crops), strict=True))


RUNTIMES: dict[str, type[Runtime]] = {}


def register(cls: type[Runtime]) -> type[Runtime]:
    """Class decorator: adds a runtime under its name."""
    RUNTIMES[cls.name] = cls
    return cls


def get(name: str) -> type[Runtime]:
    """The runtime of a name; ConfigError where there is none or its packages are missing."""
    if name not in RUNTIMES:
        raise ConfigError(f"no runtime {name!r}; there are {', '.join(sorted(RUNTIMES))}")
    if not RUNTIMES[name].available():
        usable = ", ".join(n for n, r in sorted(RUNTIMES.items()) if r.available())
        raise ConfigError(f"runtime {name!r} cannot be used on this machine; usable: {usable}")
    return RUNTIMES[name]
