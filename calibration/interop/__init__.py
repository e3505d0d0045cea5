"""Rigs in the files of other tools: read one, write one, with everything assumed said aloud.

>>> from calibration import interop
>>> interop.formats()
('aniposelib', 'caliscope', 'kalibr', 'opencv', 'pose2sim', 'ros')

One file for each format; it registers itself with :func:`calibration.interop.registry.register`.
What no other format can carry (covariance, verdict, the corners it was made from) stays behind,
and the notes say so: keep the ``rig.json``.
"""

from __future__ import annotations

from calibration.interop import aniposelib_toml, kalibr_yaml, opencv_yaml, ros_yaml
from calibration.interop.registry import Imported, InteropError, formats, read, write

__all__ = [
    "Imported",
    "InteropError",
    "aniposelib_toml",
    "formats",
    "kalibr_yaml",
    "opencv_yaml",
    "read",
    "ros_yaml",
    "write",
]
