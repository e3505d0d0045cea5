"""Errors of an estimator on a labelled set: per angle, geodesic, by |yaw| and by face size.

Small faces are made as a far camera makes them: the picture is averaged down until the face box is
40, 24 or 16 px high (faces that are smaller already stay), then cropped by the crop rule.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from headpose import rotation
from headpose.data import crop
from headpose.data.folders import READERS, read_folder
from headpose.data.packs import read_pack
from headpose.data.samples import Samples
from headpose.errors import DataError
from headpose.estimator import HeadPoseEstimator, HeadPoses
from headpose.train.calibrate import error_vector_deg, normalised_error

SIZES: tuple[int | None, ...] = (None, 40, 24, 16)
YAW_BINS_DEG = ((0, 15), (15, 30), (30, 45), (45, 60), (60, 99))


def read_set(spec: str | Path) -> Samples:
    """A pack (.npz), or ``KIND:PATH`` for a data set as it is distributed."""
    text = str(spec)
    if text.split(":")[0] in READERS:
        return read_folder(text)
    if not text.endswith(".npz"):
        raise DataError(
            f"{text}: neither a pack (.npz) nor KIND:PATH with KIND {', '.join(READERS)}"
        )
    return read_pack(text)


def small_face(
    image: NDArray[np.uint8], box: NDArray[Any], face_px: int | None
) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any]]:
    """Picture and box after averaging down to a face ``face_px`` high, and the scale (x, y)."""
    height = box[3] - box[1]
    if face_px is None or height <= face_px:
        return image, box, np.ones(2)
    f = face_px / height
    reduced = cv2.resize(image, None, fx=f, fy=f, interpolation=cv2.INTER_AREA)
    image_small = np.asarray(reduced, np.uint8)
    scale = np.array(image_small.shape[1::-1]) / np.array(image.shape[1::-1])
    # area averaging keeps pixel edges; centres are at integers
    shift = np.tile((scale - 1) / 2, 2)
    return image_small, box * np.tile(scale, 2) + shift, scale


def crops_of(samples: Samples, px: int, face_px: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Crops (N, px, px, 3) and the longer side of each face box in px (N,)."""
    crops, sides = [], []
    for i in range(len(samples)):
        image, box, _ = small_face(samples.load(i), samples.box_px[i], face_px)
        crops.append(crop.crop(image, box, px))
        sides.append(max(box[2] - box[0], box[3] - box[1]))
    return np.stack(crops), np.array(sides)


def score(R: NDArray[Any], truth: NDArray[Any]) -> dict[str, Any]:
    """MAE per angle, geodesic, and the same by |yaw|; angles wrapped at 360 degrees only."""
    wrong = np.abs(rotation.wrap_deg(rotation.angles_deg(R) - rotation.angles_deg(truth)))
    geodesic = rotation.geodesic_deg(R, truth)
    yaw = np.abs(rotation.angles_deg(truth)[:, 1])
    by_yaw = []
    for low, high in YAW_BINS_DEG:
        m = (yaw >= low) & (yaw < high)
        if m.any():
            by_yaw.append(
                {"yaw_deg": [low, high], "n": int(m.sum()), "mae": _r(wrong[m].mean()),
                 "geodesic_deg": _r(geodesic[m].mean())}
            )  # fmt: skip
    large = yaw > 30
    return {
        "n": len(R),
        "mae": {
            "yaw": _r(wrong[:, 1].mean()),
            "pitch": _r(wrong[:, 0].mean()),
            "roll": _r(wrong[:, 2].mean()),
            "mean": _r(wrong.mean()),
            "standard_error": _r(wrong.mean(1).std(ddof=1) / np.sqrt(len(R)))
            if len(R) > 1
            else None,
        },
        "geodesic_deg": _r(geodesic.mean()),
        "geodesic_median_deg": _r(np.median(geodesic)),
        "yaw_over_30": {
            "n": int(large.sum()),
            "mae": _r(wrong[large].mean()) if large.any() else None,
            "geodesic_deg": _r(geodesic[large].mean()) if large.any() else None,
        },
        "by_yaw": by_yaw,
    }


def _r(x: float) -> float:
    return round(float(x), 3)


def evaluate(
    estimator: HeadPoseEstimator,
    samples: Samples,
    sizes: tuple[int | None, ...] = SIZES,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The JSON of ``headpose evaluate``: errors at each size, with N and the crop rule.

    Beside the rotation, where there is something to compare with: ``nose_percent`` (error of
    landmark 30) and ``landmark_percent`` (mean of 68), in percent of the box's longer side, and
    ``normalised_error`` (mean of ``e^T cov^-1 e / 3``; 1 = the covariance is right).
    """
    result: dict[str, Any] = {
        "set": samples.source,
        "n": len(samples),
        "crop": f"square, {crop.CROP_SCALE} x longer side of the tight 68-point box, "
        f"{estimator.input_px} px",
        "weights": estimator.name,
        "runtime": estimator.runtime.name,
        "sizes": {},
    }
    for size in sizes:
        tag = "full" if size is None else str(size)
        progress(tag)
        crops, sides = crops_of(samples, estimator.input_px, size)
        out = estimator.predict(crops, face_px=sides)
        result["sizes"][tag] = score(out.R, samples.R) | _beside(out, samples)
    return result


def _beside(out: HeadPoses, samples: Samples) -> dict[str, Any]:
    e = error_vector_deg(out.R, samples.R)
    found: dict[str, Any] = {
        "normalised_error": _r(normalised_error(e, out.covariance_deg2).mean() / 3)
    }
    known = np.isfinite(samples.points_px).all((1, 2))
    if out.landmarks is not None and known.any():
        square = crop.square_of_box(samples.box_px[known])
        truth = crop.fractions_of_points(samples.points_px[known], square)
        d = 100 * crop.CROP_SCALE * np.linalg.norm(out.landmarks[known] - truth, axis=-1)
        found |= {
            "n_landmarks": int(known.sum()),
            "landmark_percent": _r(d.mean()),
            "nose_percent": _r(d[:, 30].mean()),
        }
    return found


def markdown(results: list[dict[str, Any]]) -> str:
    """A table with a row for each result: MAE / geodesic at each size, in degrees."""
    tags = list(results[0]["sizes"])
    lines = [
        "| weights | set | N | " + " | ".join(tags) + " | yaw over 30 (N) | nose % full |",
        "|---|---|--:|" + "---|" * (len(tags) + 2),
    ]
    for r in results:
        cells = [f"{m['mae']['mean']:.2f} / {m['geodesic_deg']:.2f}" for m in r["sizes"].values()]
        first = r["sizes"][tags[0]]
        large = first["yaw_over_30"]
        turned = "–" if large["mae"] is None else f"{large['mae']:.2f} ({large['n']})"
        nose = f"{first['nose_percent']:.1f}" if "nose_percent" in first else "–"
        lines.append(
            f"| {r['weights']} | {r['set']} | {r['n']} | "
            + " | ".join(cells)
            + f" | {turned} | {nose} |"
        )
    return "\n".join(lines) + "\n"
