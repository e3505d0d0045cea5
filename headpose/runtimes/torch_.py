"""Plain torch, channels_last; bf16 where the machine has it in hardware, else fp32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headpose.runtimes.registry import Runtime, register


@register
class TorchRuntime(Runtime):
    """Always available; the fallback of all others."""

    name = "torch"

    @classmethod
    def available(cls) -> bool:
        return True

    def prepare(self) -> None:
        import torch

        from headpose.networks.heads import channels_last
        from headpose.precision import bf16_is_native
        from headpose.runtimes.positional import Positional

        placed = Positional(self.source.net, self.px)
        self.names = placed.names
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.bf16 = bf16_is_native(self.device)
        self.precision = "bf16" if self.bf16 else "fp32"
        if self.threads and self.device == "cpu":
            torch.set_num_threads(self.threads)
        placed = placed.to(self.device)
        channels_last(placed)
        self.net: Callable[[Any], tuple[Any, ...]] = placed

    def run(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        import torch

        x = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)  # already channels_last
        with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16, self.bf16):
            out = self.net(x)
        return [o.float().cpu().numpy() for o in out]
