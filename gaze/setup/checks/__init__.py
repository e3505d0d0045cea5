"""The checks of ``gaze check``: each file here registers its own (registry.py) by being there."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
