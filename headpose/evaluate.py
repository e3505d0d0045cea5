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
from scipy.stats import chi2

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
ANGLES = ("pitch", "yaw", "roll")
LEVELS = (50, 68, 90, 95)
"""Percent of errors that the ellipsoids of these names should hold."""
_LIMITS = chi2.ppf(np.array(LEVELS) / 100, 3)


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


def score(
    R: NDArray[Any],
    truth: NDArray[Any],
    covariance_deg2: NDArray[Any] | None = None,
    group: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Errors of rotations (N, 3, 3) against the truth, all heads and by |yaw|.

    Angles are wrapped at 360 degrees only.  ``bias_deg`` is the mean of found minus true angle,
    ``se_deg`` its standard error over groups (one person's pictures err alike).  With covariances
    (N, 3, 3) of the error about the head's axes: ``chi2_per_dof`` (mean of ``e^T cov^-1 e / 3``;
    1 = right, larger = too sure) and ``coverage``, the percentage of errors inside the ellipsoids
    of 50, 68, 90 and 95 %.
    """
    signed = rotation.wrap_deg(rotation.angles_deg(R) - rotation.angles_deg(truth))
    geodesic = rotation.geodesic_deg(R, truth)
    z2 = None
    if covariance_deg2 is not None:
        z2 = normalised_error(error_vector_deg(R, truth), covariance_deg2)
    group = np.arange(len(R)) if group is None else np.asarray(group)

    def of(rows: NDArray[Any]) -> dict[str, Any]:
        n = int(rows.sum())
        if not n:
            return {"n": 0}
        wrong = np.abs(signed[rows])
        found: dict[str, Any] = {
            "n": n,
            "mae": dict(zip(ANGLES, map(_r, wrong.mean(0)), strict=True))
            | {"mean": _r(wrong.mean()), "standard_error": _se(wrong.mean(1), group[rows])},
            "geodesic_deg": _r(geodesic[rows].mean()),
            "geodesic_median_deg": _r(np.median(geodesic[rows])),
            "bias_deg": dict(zip(ANGLES, map(_r, signed[rows].mean(0)), strict=True)),
            "se_deg": {a: _se(signed[rows, k], group[rows]) for k, a in enumerate(ANGLES)},
        }
        if z2 is not None:
            found["chi2_per_dof"] = _r(z2[rows].mean() / 3)
            found["coverage"] = {
                str(level): _r(100 * (z2[rows] <= limit).mean())
                for level, limit in zip(LEVELS, _LIMITS, strict=True)
            }
        return found

    yaw = np.abs(rotation.angles_deg(truth)[:, 1])
    bins = [((low, high), (yaw >= low) & (yaw < high)) for low, high in YAW_BINS_DEG]
    return of(np.ones(len(R), bool)) | {
        "yaw_over_30": of(yaw > 30),
        "by_yaw": [{"yaw_deg": list(b)} | of(rows) for b, rows in bins if rows.any()],
    }


def _se(values: NDArray[Any], group: NDArray[Any]) -> float | None:
    """Standard error of the mean of values (N,) whose groups, not rows, are independent."""
    _, index = np.unique(group, return_inverse=True)
    count = int(index.max()) + 1
    if count < 2:
        return None
    sums = np.bincount(index, values - values.mean())
    return _r(np.sqrt((sums**2).sum() * count / (count - 1)) / len(values))


def _r(x: float) -> float:
    return round(float(x), 3)


def evaluate(
    estimator: HeadPoseEstimator,
    samples: Samples,
    sizes: tuple[int | None, ...] = SIZES,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The JSON of ``headpose evaluate``: :func:`score` at each size, with N and the crop rule.

    Beside the rotation, where there is something to compare with: ``nose_percent`` (error of
    landmark 30) and ``landmark_percent`` (mean of 68), in percent of the box's longer side.
    """
    result: dict[str, Any] = {
        "set": samples.source,
        "variant": samples.variant,
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
        found = score(out.R, samples.R, out.covariance_deg2, samples.group)
        result["sizes"][tag] = found | _landmarks(out, samples)
    return result


def _landmarks(out: HeadPoses, samples: Samples) -> dict[str, Any]:
    found: dict[str, Any] = {}
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
    """Tables in degrees: MAE / geodesic at each size, then how far the uncertainty and the bias of
    each set can be believed, at each size and by |yaw|.
    """
    tags = list(results[0]["sizes"])
    lines = [
        "| weights | set | N | " + " | ".join(tags) + " | yaw over 30 (N) | nose % full |",
        "|---|---|--:|" + "---|" * (len(tags) + 2),
    ]
    for r in results:
        cells = [f"{m['mae']['mean']:.2f} / {m['geodesic_deg']:.2f}" for m in r["sizes"].values()]
        first = r["sizes"][tags[0]]
        large = first["yaw_over_30"]
        turned = f"{large['mae']['mean']:.2f} ({large['n']})" if large["n"] else "–"
        nose = f"{first['nose_percent']:.1f}" if "nose_percent" in first else "–"
        lines.append(
            f"| {r['weights']} | {r['set']} | {r['n']} | "
            + " | ".join(cells)
            + f" | {turned} | {nose} |"
        )
    for r in results:
        parts = [(f"{tag} px" if tag.isdigit() else tag, m) for tag, m in r["sizes"].items()]
        parts += [
            ("full, |yaw| {}–{}".format(*b["yaw_deg"]), b) for b in r["sizes"][tags[0]]["by_yaw"]
        ]
        lines += [
            "",
            f"{r['weights']} on {r['set']}" + (f" ({r['variant']})" if r["variant"] else "") + ":",
            "",
            "| heads | N | bias ± SE: pitch, yaw, roll | chi²/dof | inside 50 / 68 / 90 / 95 % |",
            "|---|--:|---|--:|---|",
            *(_believable(name, m) for name, m in parts),
        ]
    return "\n".join(lines) + "\n"


def _believable(name: str, m: dict[str, Any]) -> str:
    bias = ", ".join(
        f"{m['bias_deg'][a]:+.2f}" + ("" if m["se_deg"][a] is None else f" ± {m['se_deg'][a]:.2f}")
        for a in ANGLES
    )
    inside = " / ".join(f"{v:.0f}" for v in m.get("coverage", {}).values())
    chi2_per_dof = f"{m['chi2_per_dof']:.2f}" if "chi2_per_dof" in m else "–"
    return f"| {name} | {m['n']} | {bias} | {chi2_per_dof} | {inside or '–'} |"
