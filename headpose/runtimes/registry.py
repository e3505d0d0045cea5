"""Ways to run a network.  One file each; a file registers its class under the class's ``name``.

Nothing here imports torch: a runtime that finds its network converted does without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from headpose.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

OUTPUTS = ("sixd", "log_sigma", "landmarks", "landmark_log_sigma", "pooled")
"""Order of a network's outputs where a runtime knows them only by position."""


class Source(Protocol):
    """What a runtime is made of: :class:`headpose.weights.Weights`, or a :class:`Bare` network."""

    @property
    def net(self) -> nn.Module: ...
    @property
    def input_px(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def int8(self) -> Path | None: ...


@dataclass(frozen=True)
class Bare:
    """A network without a weights file; ``sha256`` stands for its tensors."""

    net: nn.Module
    input_px: int
    sha256: str
    int8: Path | None = None


class Runtime(ABC):
    """A network made ready to run; call it with crops (N, px, px, 3), uint8 BGR.

    Returns the network's arrays by name (float32, N first).  ``cache`` is a folder for whatever
    takes long to make (converted models).  ``names``: the outputs, in order.
    """

    name: ClassVar[str]
    device: str = "cpu"
    precision: str = "fp32"
    names: tuple[str, ...]

    def __init__(self, source: Source, cache: Path, threads: int | None = None) -> None:
        self.source, self.cache, self.threads = source, cache, threads
        self.px, self.key = source.input_px, source.sha256[:12]
        self.prepare()

    @classmethod
    @abstractmethod
    def available(cls) -> bool:
        """Whether this machine can use it (packages, device)."""

    @abstractmethod
    def prepare(self) -> None:
        """Convert, compile, move: everything before the first crop.  Sets ``names``."""

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
