"""Does this machine multiply bf16 in hardware?  Where it does not, bf16 is emulated and slow."""

from __future__ import annotations

import functools

import torch


@functools.cache
def bf16_is_native(device: str) -> bool:
    """True on a GPU with bf16 units, or a CPU with AVX-512 bf16, AMX or ARM's own."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    return any(has.get(unit, False) for unit in ("avx512_bf16", "amx_bf16", "bf16"))
