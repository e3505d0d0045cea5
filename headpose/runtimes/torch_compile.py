"""torch.compile: fuses the element-wise work; the first batch waits for the compiler."""

from __future__ import annotations

import shutil

from headpose.cuda import has_cuda
from headpose.runtimes.registry import register
from headpose.runtimes.torch_ import TorchRuntime


@register
class TorchCompileRuntime(TorchRuntime):
    """Needs a C++ compiler on the CPU (triton on a GPU)."""

    name = "torch-compile"

    @classmethod
    def available(cls) -> bool:
        return has_cuda() or shutil.which("g++") is not None

    def prepare(self) -> None:
        import torch

        super().prepare()
        self.net = torch.compile(self.net, dynamic=True)
