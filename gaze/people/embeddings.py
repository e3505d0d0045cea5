"""Face embeddings of tracks, for ``identity = embedding`` and ``both``: in memory, never written.

dlib's ResNet (``dlib_face_recognition_resnet_model_v1`` of the package face_recognition_models),
opened without face_recognition itself. Two pictures of one person lie about 0.4 apart, of two
people over 0.6. A third of a second a face: so only the few best faces of each track are encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.transform import Array
from gaze.faces.boxes import Picture
from gaze.faces.landmarks import DLIB_DOWN, DLIB_SIDE, dlib_models_folder
from gaze.faces.rows import FaceRows
from sessions.video import Moments, VideoInfo, read_frames

BEST = 3  # faces of each track
LEAST_ROWS = 5  # shorter tracks are not worth an embedding
CHIP_PX = 150


@lru_cache(maxsize=1)
def _models() -> tuple[Any, Any]:
    """dlib's 5-point predictor and its encoder."""
    folder = dlib_models_folder()
    import dlib

    return (
        dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat")),
    )


def best_rows(rows: FaceRows, track: NDArray[np.int32]) -> dict[tuple[int, int], NDArray[np.intp]]:
    """(camera, track) → its few largest, most certain faces, from different parts of the lesson."""
    out = {}
    faces = rows.faces
    worth = faces.score * np.minimum(faces.height_px, 120.0)
    for c in range(len(CAMERAS)):
        for number in np.unique(track[(faces.camera == c) & (track >= 0)]):
            mine = np.flatnonzero((faces.camera == c) & (track == number))
            if len(mine) < LEAST_ROWS:
                continue
            parts = np.array_split(mine[np.argsort(faces.moment[mine], kind="stable")], BEST)
            out[c, int(number)] = np.array([p[np.argmax(worth[p])] for p in parts])
    return out


def encode(picture: Picture, box_px: Array) -> Array:
    """dlib's embedding (128,) of one face."""
    import dlib

    predictor, encoder = _models()
    height = box_px[3] - box_px[1]
    centre = np.array([(box_px[0] + box_px[2]) / 2, (box_px[1] + box_px[3]) / 2])
    centre[1] += DLIB_DOWN * height
    # enlarge small faces first: dlib's landmarks are whole pixels
    scale = max(1.0, CHIP_PX / height)
    size = round(2.2 * height * scale)
    A = np.array(
        [
            [1 / scale, 0, centre[0] - (size - 1) / 2 / scale],
            [0, 1 / scale, centre[1] - (size - 1) / 2 / scale],
        ]
    )
    patch = cv2.warpAffine(
        picture,
        A,
        (size, size),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    rgb = cv2.cvtColor(patch, cv2.COLOR_BGR2RGB)
    half, middle = DLIB_SIDE * height * scale / 2, size / 2
    low, high = round(middle - half), round(middle + half)
    shape = predictor(rgb, dlib.rectangle(low, low, high, high))
    return np.asarray(encoder.compute_face_descriptor(rgb, shape))


def track_embeddings(
    rows: FaceRows,
    track: NDArray[np.int32],
    when: Moments,
    videos: tuple[VideoInfo, VideoInfo],
    report: Callable[[str, float], None],
) -> Mapping[tuple[int, int], Array]:
    """(camera, track) → mean embedding; the frames that are needed are decoded once more."""
    chosen = best_rows(rows, track)
    total = sum(map(len, chosen.values()))
    found: dict[tuple[int, int], list[Array]] = {}
    done = 0
    for c, info in enumerate(videos):
        number = (when.frame_left, when.frame_right)[c]
        wanted: dict[int, list[tuple[int, int]]] = {}
        for (camera, t), best in chosen.items():
            for row in best if camera == c else ():
                wanted.setdefault(int(number[rows.faces.moment[row]]), []).append((t, int(row)))
        for frame, picture in read_frames(info, sorted(wanted)):
            for t, row in wanted[frame]:
                found.setdefault((c, t), []).append(encode(picture, rows.faces.box_px[row]))
                done += 1
                report("face embeddings", done / max(total, 1))
    return {key: np.mean(vectors, axis=0) for key, vectors in found.items()}
