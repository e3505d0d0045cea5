"""Reader of the packs: one ``.npz`` with JPEG bytes, rotations, boxes and landmarks.

Fields: ``jpg`` (bytes), ``jpg_off`` (N+1), ``R`` (N,3,3) or ``pitch``/``yaw``/``roll``,
``pts68`` (N,68,2), optional ``box``, ``group``, ``name``, ``sigma_deg``, ``keep``, ``inside``, and
``landmarks`` (scalar; False = ``pts68`` are good for the box only).  Better labels may lie beside
the pack in ``fused_labels.npz`` (``<pack>__R``, ``__sigma_deg``, ``__keep``, ``__name``).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from headpose import rotation
from headpose.data.crop import box_of_points
from headpose.data.samples import Samples
from headpose.errors import DataError

FUSED = "fused_labels.npz"
DEFAULT_SIGMA_DEG = 3.0
"""Label noise assumed where a pack does not say (its README: 2-4 degrees)."""

_PREDICTED_POINTS = ("train_mtfl5", "train_photos_")
"""Packs whose ``pts68`` were predicted, not annotated: boxes only (says their README)."""


def read_pack(path: str | Path, *, fused: bool = True) -> Samples:
    """All rows of one pack (of its fused labels where there are any and ``fused``).

    Raises
    ------
    DataError
        Not a pack, fields missing or of different lengths, labels that are no rotations.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no such pack: {path}")
    try:
        with np.load(path, allow_pickle=False) as file:
            d = {k: file[k] for k in file.files}
    except (OSError, ValueError, EOFError) as e:
        raise DataError(f"{path}: not a readable .npz file without pickles ({e})") from e
    missing = [k for k in ("jpg", "jpg_off", "pts68") if k not in d]
    if "R" not in d and not {"pitch", "yaw", "roll"} <= d.keys():
        missing.append("R (or pitch, yaw, roll)")
    if missing:
        raise DataError(f"{path}: not a head-pose pack, missing {', '.join(missing)}")
    jpg, off = d["jpg"], d["jpg_off"]
    n = len(off) - 1
    if n < 1 or off[0] != 0 or off[-1] > len(jpg) or (np.diff(off) <= 0).any():
        raise DataError(f"{path}: jpg_off does not index jpg ({n} rows); truncated file?")
    R = d["R"] if "R" in d else rotation.matrix(d["pitch"], d["yaw"], d["roll"])
    sigma = d.get("sigma_deg", np.full(n, DEFAULT_SIGMA_DEG))
    keep = d.get("keep", np.ones(n, bool)).astype(bool)
    name = d.get("name", np.arange(n)).astype(str)
    stem = path.stem
    beside = path.parent / FUSED
    if fused and beside.is_file():
        with np.load(beside, allow_pickle=False) as f:
            if f"{stem}__R" in f.files:
                if f[f"{stem}__name"].astype(str).tolist() != name.tolist():
                    raise DataError(f"{beside}: rows of {stem} are not the pack's rows")
                R, sigma = f[f"{stem}__R"], f[f"{stem}__sigma_deg"]
                keep = f[f"{stem}__keep"].astype(bool)
    points = d["pts68"].astype(np.float64)
    if points.shape != (n, 68, 2):
        raise DataError(f"{path}: pts68 must be ({n}, 68, 2), found {points.shape}")
    box = d["box"].astype(np.float64) if "box" in d else box_of_points(points)
    annotated = bool(d["landmarks"]) if "landmarks" in d else not stem.startswith(_PREDICTED_POINTS)
    if not annotated:
        points = np.full_like(points, np.nan)

    def load(i: int) -> np.ndarray:
        image = cv2.imdecode(jpg[off[i] : off[i + 1]], cv2.IMREAD_COLOR)
        if image is None:
            raise DataError(f"{path}: row {i} ({name[i]}) is not a picture")
        return image

    inside = np.full((n, 4), np.nan)
    if "inside" in d:
        inside = d["inside"].astype(np.float64)
    elif "size" in d:
        inside = np.concatenate([np.zeros((n, 2)), d["size"].astype(np.float64)], 1)

    samples = Samples(
        source=stem,
        load=load,
        R=R.astype(np.float64),
        box_px=box,
        sigma_deg=np.asarray(sigma, np.float64),
        group=d.get("group", name).astype(str),
        name=name,
        points_px=points,
        inside_px=inside,
    )
    return samples.take(keep)


def read_packs(folder: str | Path, pattern: str = "train_*.npz") -> list[Samples]:
    """All packs of a folder that match ``pattern``, in the order of their names."""
    paths = sorted(Path(folder).glob(pattern))
    if not paths:
        raise DataError(f"{folder}: no file matches {pattern}")
    return [read_pack(p) for p in paths]
