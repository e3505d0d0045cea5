"""A large picture detected strip by strip: a network's memory grows with what it sees at once."""

from __future__ import annotations

import numpy as np

from gaze.faces.boxes import Detections, Picture, suppress
from gaze.faces.detectors import Detector

STRIP_PX = 1_500_000  # of which CenterFace takes 100 MB (in fp32 twice as much)
OVERLAP_PX = 128  # of two strips: a face less high is whole in one of them


def detect_in_strips(detector: Detector, picture: Picture, threshold: float) -> Detections:
    """Faces of one BGR picture (H, W, 3), with at least this score; small ones in one piece.

    A face cut by a strip's border is left to the strip that sees it whole, unless it is too high
    for any.
    """
    height_px, width_px = picture.shape[:2]
    if height_px * width_px <= STRIP_PX:
        return detector.detect(picture[None], threshold)
    most_px = max(STRIP_PX / width_px, 2 * OVERLAP_PX)
    count = int(np.ceil((height_px - OVERLAP_PX) / (most_px - OVERLAP_PX)))
    strip_px = -(-(height_px + (count - 1) * OVERLAP_PX) // count)
    strip_px += -strip_px % 32  # what the network would be padded to, seen instead
    parts = []
    for top_px in np.linspace(0, height_px - strip_px, count).round().astype(int):
        found = detector.detect(picture[None, top_px : top_px + strip_px], threshold)
        y0, y1 = found.box_px[:, 1], found.box_px[:, 3]
        cut = (y0 < 1) & (top_px > 0) | (y1 > strip_px - 2) & (top_px + strip_px < height_px)
        found = found.take(~cut | (y1 - y0 > OVERLAP_PX))
        down = np.array([0.0, top_px])
        box_px, points_px = found.box_px + np.tile(down, 2), found.points_px + down
        parts.append(Detections(found.picture, box_px, found.score, points_px))
    columns = ([getattr(p, name) for p in parts] for name in Detections.__dataclass_fields__)
    every = Detections(*map(np.concatenate, columns))
    return every.take(suppress(every.box_px, every.score, every.picture))
