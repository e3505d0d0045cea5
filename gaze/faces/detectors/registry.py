"""Face detectors by name. One is one file in this folder; being there makes it known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from calibration.errors import UserError
from gaze.faces.boxes import Detections, Picture


class DetectorError(UserError):
    """A detector that is not known or cannot be loaded."""


class Detector(Protocol):
    """Anything that finds faces in a batch of equally large BGR pictures (B, H, W, 3)."""

    name: str

    def detect(self, pictures: Picture, threshold: float) -> Detections:
        """All faces with at least this score."""
        ...


DETECTORS: dict[str, Callable[[], Detector]] = {}


def register_detector(name: str) -> Callable[[Callable[[], Detector]], Callable[[], Detector]]:
    """Class or factory decorator: makes ``detector=name`` known to the pipeline."""

    def add(factory: Callable[[], Detector]) -> Callable[[], Detector]:
        DETECTORS[name] = factory
        return factory

    return add


def load_detector(name: str) -> Detector:
    """The detector registered under ``name``.

    Raises
    ------
    DetectorError : no such name; lists the known ones.
    """
    if name not in DETECTORS:
        raise DetectorError(
            "this face detector is not known", found=name, expected=" or ".join(sorted(DETECTORS))
        )
    return DETECTORS[name]()
