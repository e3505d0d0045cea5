"""Everything that needs pixels: pictures of a few moments in, light rows out.

For each batch: faces → nose tips and tight boxes → crops through the virtual cameras → heads. A
lesson is looked at in chunks; of what lies before it a chunk's rows depend on the finder's memory
alone, so that an interrupted run goes on where it stopped and gives the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.boxes import Picture
from gaze.faces.detectors import Detector
from gaze.faces.finder import FaceFinder, FinderSettings
from gaze.faces.heads import HeadPoseModel, estimate_heads, network_landmarks, take_crops
from gaze.faces.landmarks import Landmarks, average, known_locator, locate, tight_boxes
from gaze.faces.mask import mask_polygons
from gaze.faces.rows import FaceRows, no_rows

FROM_NETWORK = ("mean", "network")  # nose tips that come with the heads
CROP_PX = 128  # where the network does not say what it wants


@dataclass
class Looker:
    """The models of a run, and the time that each stage takes.

    landmarks : ``mean``, ``network``, ``detector`` or ``dlib`` (gaze/faces/landmarks.py).
    masked_seats : (K, 2) x_W, z_W of seats to paint over.
    """

    rig: Rig
    detector: Detector
    model: HeadPoseModel
    landmarks: str = "mean"
    masked_seats: Array | None = None
    settings: FinderSettings | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.landmarks not in FROM_NETWORK:
            known_locator(self.landmarks)
        self.finder = FaceFinder(self.detector, self.settings)
        self.crop_px = int(getattr(self.model, "input_px", CROP_PX))
        seats = self.masked_seats if self.masked_seats is not None else np.zeros((0, 2))
        self._masks = {name: mask_polygons(self.rig, name, seats) for name in CAMERAS}

    def look(
        self,
        time_s: Sequence[float],
        left: Sequence[Picture | None],
        right: Sequence[Picture | None],
        first_moment: int,
    ) -> FaceRows:
        """Rows of M moments of both cameras' pictures (None: no frame)."""
        pictures = [list(left), list(right)]
        for c, name in enumerate(CAMERAS):
            pictures[c] = [None if p is None else self._masked(p, name) for p in pictures[c]]
        clock = Stopwatch(self.seconds)
        faces = self.finder.find(time_s, pictures, first_moment)
        clock.lap("faces")
        if len(faces) == 0:
            return no_rows()
        if self.landmarks in FROM_NETWORK:
            found = Landmarks(faces.points_px[:, 2], np.ones(len(faces)), tight_boxes(faces.box_px))
        else:
            found = locate(self.landmarks, pictures, faces, first_moment)
        clock.lap("landmarks")
        box = found.tight_box_px
        crops = take_crops(self.rig, pictures, faces, box, self.crop_px, first_moment)
        clock.lap("crops")
        heads, answer = estimate_heads(self.model, crops)
        clock.lap("heads")
        if self.landmarks in FROM_NETWORK:
            detector = locate("detector", pictures, faces, first_moment)
            own = network_landmarks(self.rig, faces, crops, answer, box)
            if own is None:
                found = detector
            else:
                found = own if self.landmarks == "network" else average([own, detector])
        centre = (box[:, :2] + box[:, 2:]) / 2
        return FaceRows(faces, found, heads, centre, (box[:, 2:] - box[:, :2]).max(1))

    def _masked(self, picture: Picture, camera: str) -> Picture:
        polygons = self._masks[camera]
        if not polygons:
            return picture
        painted = picture.copy()
        for polygon in polygons:
            cv2.fillConvexPoly(painted, polygon, (127, 127, 127))
        return painted


class Stopwatch:
    """Adds the seconds between laps to a table of stages."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.last = seconds, time.perf_counter()

    def lap(self, stage: str) -> None:
        """The time since the last lap was this stage's."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now
