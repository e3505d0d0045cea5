"""Labels refined by a trained network: each label's midpoint with what networks see.

Labels made by other networks and by landmark fits are noisy from picture to picture.  A network
trained on them that is *not* over-fitted (as wrong on its training heads as on held-out ones) has
averaged that noise and errs in ways of its own, so the midpoint of label and prediction may be
nearer to the truth than either (Hinton et al. 2015; Xie et al., "Noisy student", CVPR 2020).  By a
network of the same strength it made no difference (docs/history/headpose.md).  Predictions are
means over networks and over mirrored, shifted and turned crops; labels surer than ``EXACT_DEG`` are
left alone, and so is every held-out head, which must go on judging.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headpose import rotation
from headpose.data.augment import cut, placement
from headpose.data.crop import CROP_SCALE
from headpose.data.store import Store
from headpose.data.training_rows import EXACT_DEG, load_store
from headpose.errors import ConfigError
from headpose.estimator import HeadPoseEstimator
from headpose.files import synced_replace
from headpose.train.config import TrainConfig

VIEWS = ((1.0, 0.0, 0.0, 0.0), (1.06, 0.02, -0.02, 8.0), (0.95, -0.02, 0.02, -8.0))
"""Crops a head is seen in: scale of the crop rule, shift (shares of the side), turn in degrees;
each also mirrored."""

BATCH = 512


def view(
    store: Store,
    rows: NDArray[Any],
    px: int,
    how: tuple[float, float, float, float],
    mirrored: bool,
) -> NDArray[np.uint8]:
    """Crops (N, px, px, 3) of store rows in one of :data:`VIEWS`."""
    scale, dx, dy, phi_deg = how
    side = store.box_side * CROP_SCALE * scale
    centre = np.full(2, (store.canvas.shape[1] - 1) / 2) + np.array([dx, dy]) * side
    A = placement(px, centre, side, phi_deg, mirrored)
    return np.stack([cut(store, row, A, px) for row in rows])


def seen_rotation(
    estimators: Sequence[HeadPoseEstimator],
    store: Store,
    rows: NDArray[Any],
    views: int = len(VIEWS),
) -> NDArray[np.float64]:
    """Mean rotation (N, 3, 3) of store rows over networks and so many views, 300W-LP frame."""
    total = np.zeros((len(rows), 3, 3))
    for estimator in estimators:
        for how in VIEWS[:views]:
            for mirrored in (False, True):
                R = estimator.predict(view(store, rows, estimator.input_px, how, mirrored)).R
                R = rotation.flip(R) if mirrored else R
                total += rotation.roll_in_plane(R, -how[3])
    return rotation.project(total)


def between(R: NDArray[Any], other: NDArray[Any], share: float) -> NDArray[np.float64]:
    """``R exp(share log(R^T other))``: on the shortest way from R (share 0) to other (1)."""
    return R @ rotation.exp(share * rotation.log(np.swapaxes(R, -1, -2) @ other))


def refine(
    cfg: TrainConfig,
    weights: Sequence[str],
    out: str | Path,
    share: float = 0.5,
    leave: Sequence[str] = (),
    runtime: str = "auto",
    views: int = len(VIEWS),
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, float]:
    """Write refined labels of a config's training heads; ``data.labels`` of a config takes them.

    The file holds for each set ``<set>__name`` (N,) and ``<set>__R`` (N, 3, 3), training heads
    only.  ``leave`` names sets whose labels are better than a network's opinion though their sigma
    does not say so, such as warped photographs.  Labels that were refined before do not count: the
    sets' own are taken.  A network sees each head in the first ``views`` of :data:`VIEWS`.
    Returns each set's mean distance of label and prediction, in degrees.

    Raises
    ------
    ConfigError
        A share outside 0..1, views outside 1..3, a set that the config has not, or no label that
        is unsure enough.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share must lie within 0..1, got {share:g}")
    if not 1 <= views <= len(VIEWS):
        raise ConfigError(f"views must lie within 1..{len(VIEWS)}, got {views}")
    own = cfg.model_copy(update={"data": cfg.data.model_copy(update={"labels": None})})
    store, rows, _ = load_store(own)
    if unknown := set(leave) - set(store.sources):
        raise ConfigError(f"no set {sorted(unknown)}; there are {', '.join(store.sources)}")
    rows = rows[store.sigma_deg[rows] >= EXACT_DEG]
    rows = rows[~np.isin(np.array(store.sources)[store.source[rows]], list(leave))]
    if not len(rows):
        raise ConfigError(f"no training label is less sure than {EXACT_DEG:g} deg")
    estimators = [HeadPoseEstimator.load(w, runtime, cfg.threads) for w in weights]
    seen = np.empty((len(rows), 3, 3))
    for k in range(0, len(rows), BATCH):
        seen[k : k + BATCH] = seen_rotation(estimators, store, rows[k : k + BATCH], views)
        progress(f"{min(k + BATCH, len(rows))} of {len(rows)} heads")
    label = store.R[rows].astype(np.float64)
    better = between(label, seen, share).astype(np.float32)
    distance = rotation.geodesic_deg(seen, label)
    arrays: dict[str, NDArray[Any]] = {}
    found: dict[str, float] = {}
    for index, source in enumerate(store.sources):
        mine = store.source[rows] == index
        if mine.any():
            arrays[f"{source}__name"], arrays[f"{source}__R"] = store.name[rows[mine]], better[mine]
            found[source] = float(distance[mine].mean())
    part = Path(out).with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    synced_replace(part, Path(out))
    return found
