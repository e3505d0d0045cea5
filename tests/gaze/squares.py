"""A lesson of squares: students are bright squares, and a detector that finds bright squares.

It makes the pipeline testable without a face, a network or a renderer: small, exact and fast.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from calibration.camera import Camera
from calibration.rig import Rig
from gaze.faces.boxes import Detections
from gaze.faces.detectors import DETECTORS
from gaze.room.geometry import aimed_rotation
from tests.gaze.classroom import looking, project, room_rig, seats

assert looking  # re-exported

FACE_M = 0.21
GREY = 70


class SquareDetector:
    """Finds bright squares; "nose" in the middle."""

    name = "squares"

    def __init__(self) -> None:
        self.pictures = 0

    def detect(self, pictures: np.ndarray, threshold: float) -> Detections:
        index, box = [], []
        self.pictures += len(pictures)
        for k, picture in enumerate(pictures):
            _, mask = cv2.threshold(picture[..., 1], 150, 255, cv2.THRESH_BINARY)
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
            for x, y, w, h, _ in stats[1:]:
                if min(w, h) >= 5 and max(w, h) < 1.4 * min(w, h):
                    index.append(k)
                    box.append((x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5))
        boxes = np.array(box, np.float64).reshape(-1, 4)
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        return Detections(
            np.array(index, np.intp),
            boxes,
            np.full(len(boxes), 0.9),
            np.repeat(centre[:, None], 5, axis=1),
        )


DETECTORS["squares"] = SquareDetector


class Frontal:
    """A head-pose model that always says: straight at the camera, ± 5°."""

    input_px = 32

    def predict(self, crops: np.ndarray, face_px: np.ndarray | None = None) -> SimpleNamespace:
        n = len(crops)
        return SimpleNamespace(
            R=np.tile(np.eye(3), (n, 1, 1)),
            covariance_deg2=np.tile(np.eye(3) * 25.0, (n, 1, 1)),
            landmarks=None,
            landmark_sigma=None,
        )


def small(rig: Rig, scale: float) -> Rig:
    """The same rig with smaller pictures."""
    cameras = []
    for cam in (rig.left, rig.right):
        K = cam.K * [[scale], [scale], [1]]
        size = tuple(round(s * scale) for s in cam.size_px)
        cameras.append(Camera(K, cam.distortion, size, cam.name))  # type: ignore[arg-type]
    return Rig(cameras[0], cameras[1], rig.T_RL, rig.T_AL, rig.T_WA, rig.covariance, rig.verdict)


def draw(rig: Rig, P_W: np.ndarray, camera: int) -> np.ndarray:
    """One picture: a bright square for each nose (S, 3), the far ones first."""
    name = ("left", "right")[camera]
    w, h = rig.camera(name).size_px
    picture = np.full((h, w, 3), GREY, np.uint8)
    uv = project(rig, P_W)[:, camera]
    distance = np.linalg.norm(P_W - rig.T_WC(name).t, axis=1)
    for s in np.argsort(-distance):
        half = rig.camera(name).f_px * FACE_M / distance[s] / 2
        if np.isfinite(uv[s]).all():
            x0, y0 = np.round(uv[s] - half).astype(int)
            x1, y1 = np.round(uv[s] + half).astype(int)
            cv2.rectangle(picture, (x0 - 2, y0 - 2), (x1 + 2, y1 + 2), (GREY - 40,) * 3, -1)
            cv2.rectangle(picture, (x0, y0), (x1, y1), (230, 230, 230), -1)
    return picture


def write_lesson(
    folder: Path,
    *,
    seconds: float = 6.0,
    fps: int = 10,
    scale: float = 0.5,
    seed: int = 0,
    extra_toml: str = "offset_s = 0.0\n",
    visible: np.ndarray | None = None,
) -> tuple[Rig, pd.DataFrame]:
    """A session folder with rig.json and two videos; returns the rig and the truth table.

    visible : (T, S, 2) who is drawn in which camera.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rig = small(room_rig(seed), scale)
    rig.save(folder / "rig.json")
    places = seats(3, 3, seed=seed)[:8]
    n, S = round(seconds * fps), len(places)
    rng = np.random.default_rng(seed)
    sway = np.cumsum(rng.normal(0, 0.004, (n, S, 3)), 0)
    P = places + sway - sway.mean(0)
    for c, name in enumerate(("left", "right")):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            container.metadata["title"] = name  # no two films are the same
            stream = container.add_stream("libx264", rate=fps)
            stream.width, stream.height = rig.camera(name).size_px
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": "12", "preset": "ultrafast"}
            for k in range(n):
                here = slice(None) if visible is None else visible[k, :, c]
                frame = av.VideoFrame.from_ndarray(draw(rig, P[k, here], c), format="bgr24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    (folder / "session.toml").write_text(
        "[blackboard]\nwidth_m = 4.0\nheight_m = 1.2\n"
        '[[blackboard.areas]]\nname = "right half"\nx_m = [0.0, 2.0]\ny_m = [0.0, 1.2]\n'
        '[cameras.left]\nvideo = "left.mp4"\n[cameras.right]\nvideo = "right.mp4"\n' + extra_toml
    )
    target = np.array([1.0, 0.6, 0.0])
    q = Rotation.from_matrix(aimed_rotation(P, target).reshape(-1, 3, 3)).as_quat(scalar_first=True)
    truth = pd.DataFrame(
        {
            "time_s": np.repeat(np.arange(n) / fps, S),
            "student": [f"T{s}" for s in range(S)] * n,
            **{f"nose_{a}_m": P[..., k].ravel() for k, a in enumerate("xyz")},
            **{f"head_q{a}": q[:, k] for k, a in enumerate("wxyz")},
        }
    )
    return rig, truth
