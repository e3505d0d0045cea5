"""Rigs in the files of other tools: read one, write one, with everything assumed said aloud.

>>> from calibration import interop
>>> interop.formats()
('aniposelib', 'caliscope', 'kalibr', 'opencv', 'pose2sim', 'ros')

One file for each format, known by being there (:func:`calibration.interop.registry.register`).
What no other format can carry (covariance, verdict, the corners it was made from) stays behind,
and the notes say so: keep the ``rig.json``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from calibration.interop.registry import Imported, InteropError, formats, read, write

__all__ = ["Imported", "InteropError", "formats", "read", "write"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
