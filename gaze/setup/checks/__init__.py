"""The checks of ``gaze check``: each file here registers its own (registry.py) by being there."""

from gaze.setup.checks import (
    one_clock,
    same_camera,
)

__all__ = [
    "one_clock",
    "same_camera",
]
