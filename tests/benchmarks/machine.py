"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    """The processor by name, how many of it, and how many processes want it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [v.strip() for k, _, v in (ln.partition(":") for ln in lines) if "model name" in k]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
