"""The checks of ``gaze check``; each file registers its own (registry.py)."""

from gaze.setup.checks import calibration, clocks, disk, faces, one_clock, pictures, tables, videos

__all__ = ["calibration", "clocks", "disk", "faces", "one_clock", "pictures", "tables", "videos"]
