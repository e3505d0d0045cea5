"""Heads drawn on the spot: pictures, landmarks and packs without any data set."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from headpose import rotation
from headpose.labels import schematic_face_mm

CALIBRATION = {
    "face_px": [12.0, 64.0],
    "factor": [[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]],
    "landmark_factor": [[2.0] * 68, [1.0] * 68],
    "correlation": [[1.0, 0.2, 0.0], [0.2, 1.0, 0.0], [0.0, 0.0, 1.0]],
}


def project_face(R: np.ndarray, px: int, width: float = 0.5) -> np.ndarray:
    """Landmarks (68, 2) in px of the schematic face, turned and centred in a ``px`` picture."""
    p = schematic_face_mm() @ R.T * (width * px / 140.0)
    return np.stack([p[:, 0], -p[:, 1]], 1) - 0.0 + px / 2


def draw_head(R: np.ndarray, px: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """A drawn face (picture, landmarks): enough for a network to see where it points."""
    points = project_face(R, px)
    image = np.full((px, px, 3), 60, np.uint8)
    whole = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillPoly(image, [whole], (150, 180, 220))
    for part in (slice(36, 42), slice(42, 48), slice(48, 60), slice(17, 22), slice(22, 27)):
        cv2.fillPoly(image, [np.round(points[part]).astype(np.int32)], (40, 40, 60))
    nose = np.round(points[30]).astype(int)
    cv2.circle(image, tuple(nose.tolist()), 3, (60, 60, 200), -1)
    return image, points


def write_pack(path: Path, n: int, seed: int = 0, **extra: np.ndarray) -> np.ndarray:
    """A pack of drawn heads in the documented layout; returns its angles (n, 3)."""
    rng = np.random.default_rng(seed)
    angles = rng.normal(0, [10, 25, 8], (n, 3))
    R = rotation.matrix(*angles.T)
    drawn = [draw_head(r) for r in R]
    jpg = [cv2.imencode(".jpg", d[0])[1].ravel() for d in drawn]
    fields = {
        "jpg": np.concatenate(jpg),
        "jpg_off": np.cumsum([0] + [len(j) for j in jpg]),
        "R": R.astype(np.float32),
        "pts68": np.stack([d[1] for d in drawn]).astype(np.float32),
        "group": np.array([f"p{i // 2}" for i in range(n)]),
        "name": np.array([f"h{i}.jpg" for i in range(n)]),
        "sigma_deg": np.full(n, 1.5, np.float32),
    }
    np.savez(path, **(fields | extra))
    return angles
