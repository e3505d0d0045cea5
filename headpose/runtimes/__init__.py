"""Runtimes: torch, torch.compile, OpenVINO, ONNX Runtime; each one file, known by being there."""

from importlib import import_module
from pkgutil import iter_modules

from headpose.runtimes.registry import RUNTIMES, Runtime, get

__all__ = ["RUNTIMES", "Runtime", "get"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
