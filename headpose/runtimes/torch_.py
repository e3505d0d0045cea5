"""Plain torch: bf16 and channels_last on the CPU, autocast on a GPU."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from headpose.runtimes.registry import Positional, Runtime, register


@register
class TorchRuntime(Runtime):
    """Always available; the fallback of all others."""

    name = "torch"
    precision = "bf16"

    @classmethod
    def available(cls) -> bool:
        return True

    def prepare(self, net: nn.Module) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.threads and self.device == "cpu":
            torch.set_num_threads(self.threads)
        self.net = Positional(net, self.names).to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        x = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)  # already channels_last
        with torch.autocast(self.device, dtype=torch.bfloat16):
            out = self.net(x)
        return [o.float().cpu().numpy() for o in out]
