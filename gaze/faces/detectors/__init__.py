"""Face detectors: each file here that is not the registry is one, and registers itself."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from gaze.faces.detectors.registry import (
    DETECTORS,
    Detector,
    DetectorError,
    load_detector,
    register_detector,
)

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["DETECTORS", "Detector", "DetectorError", "load_detector", "register_detector"]
