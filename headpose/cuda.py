"""Is there a GPU that torch can use?  Asked without importing torch where there cannot be one."""

from __future__ import annotations

import functools
import shutil
from importlib import metadata
from pathlib import Path


@functools.cache
def has_cuda() -> bool:
    """Whether torch has CUDA here (or ROCm, which goes by that name)."""
    driver = shutil.which("nvidia-smi") or Path("/dev/nvidiactl").exists()
    driver = driver or Path("/dev/kfd").exists()
    if not driver or metadata.version("torch").endswith("+cpu"):
        return False
    import torch

    return torch.cuda.is_available()
