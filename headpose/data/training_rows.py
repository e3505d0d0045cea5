"""What a training sees: the sets of its configuration, decoded, split, augmented, in batches."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from headpose.data.augment import NONE, AugmentConfig, augment, undisturbed
from headpose.data.crop import CROP_SCALE
from headpose.data.folders import read_folder
from headpose.data.packs import read_pack, read_packs
from headpose.data.samples import Samples
from headpose.data.store import Store, build_store, split_by_group
from headpose.errors import ConfigError
from headpose.train.config import TrainConfig

EXACT_DEG = 1.0
"""Labels whose sigma is below this (renderings) are better than any network's opinion of them."""

VALIDATION_FACES_PX = (None, 24.0, 16.0)
"""Face sizes, px, at which held-out heads are judged; None = as large as they are."""


def read_sets(cfg: TrainConfig) -> list[Samples]:
    """The sets of a config, with its label noises, without those that it never draws.

    Raises
    ------
    ConfigError
        None is left.
    """
    sets = []
    for path in cfg.data.packs:
        sets += read_packs(path) if Path(path).is_dir() else [read_pack(path)]
    for spec in cfg.data.folders:
        sets.append(read_folder(spec))
    sets = [s for s in sets if cfg.data.weights.get(s.source, 1.0) > 0]
    sets = [
        dataclasses.replace(s, sigma_deg=np.full(len(s), cfg.data.sigma_deg[s.source]))
        if s.source in cfg.data.sigma_deg
        else s
        for s in sets
    ]
    if cfg.network.rotation_head == "classes":
        sets = [s.within_deg(99.0) for s in sets]
    if not sets:
        raise ConfigError("no training data: name data.packs or data.folders")
    return sets


def held_out_of(cfg: TrainConfig, persons: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which rows (N,), by their persons, a config keeps for validation."""
    return split_by_group(persons, cfg.data.validation_share, cfg.data.split_seed)


def load_store(cfg: TrainConfig) -> tuple[Store, np.ndarray, np.ndarray]:
    """The decoded sets of a config, and the row numbers for training and for validation."""
    store = build_store(read_sets(cfg), cfg.data.store)
    held_out = held_out_of(cfg, store.group)
    if cfg.data.labels:
        store = _with_labels(store, cfg.data.labels, ~held_out)
    return store, np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _with_labels(store: Store, path: str, training: np.ndarray) -> Store:
    """The store with a file's refined labels (headpose/research/refine.py) for its training rows.

    Sets that the file does not name, and rows whose labels it left alone, stay as they are.
    """
    try:
        with np.load(path, allow_pickle=False) as f:
            given = {k: f[k] for k in f.files}
    except (OSError, ValueError, EOFError) as e:
        raise ConfigError(f"data.labels = {path!r}: no file of refined labels ({e})") from e
    R = store.R.copy()
    for index, source in enumerate(store.sources):
        if f"{source}__R" not in given:
            continue
        rows = np.flatnonzero(training & (store.source == index))
        rows = rows[store.sigma_deg[rows] >= EXACT_DEG]
        if store.name[rows].tolist() != given[f"{source}__name"].tolist():
            raise ConfigError(
                f"data.labels = {path!r}: its rows of {source} are not this config's training "
                f"heads; run headpose refine with this config again"
            )
        R[rows] = given[f"{source}__R"]
    return dataclasses.replace(store, R=R)


Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


class Batches(IterableDataset[Batch]):
    """Endless augmented batches of one crop size: crops, R, landmarks, hidden shares (NaN: not
    known), sigma, crops for a teacher.

    A teacher's crops (of ``teacher_px``; none for 0) show the same heads, undisturbed.
    """

    def __init__(
        self,
        store: Store,
        rows: np.ndarray,
        cfg: TrainConfig,
        px: int,
        seed: int,
        teacher_px: int = 0,
    ) -> None:
        self.store, self.rows, self.cfg, self.px, self.seed = store, rows, cfg, px, seed
        self.teacher_px = teacher_px
        weights = np.array([cfg.data.weights.get(s, 1.0) for s in store.sources])
        p = weights[store.source[rows]]
        self.copies = p / p.sum()
        self.even = bool((weights == weights[0]).all())
        self.worn = np.isin(store.sources, cfg.data.worn)

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        if info:
            cv2.setNumThreads(1)
        change, clean = self.cfg.augment, undisturbed(self.cfg.augment)
        for batch in self._rows(rng):
            done, shown = [], []
            for i in map(int, batch):
                if self.teacher_px:  # drawn alike: the same head, turned and placed alike
                    again = copy.deepcopy(rng)
                    shown.append(augment(self.store, i, self.teacher_px, again, clean)[0])
                done.append(augment(self.store, i, self.px, rng, change))
            crops, R, points, hidden = (np.stack(x) for x in zip(*done, strict=True))
            hidden[self.worn[self.store.source[batch]]] = np.nan
            yield (
                torch.from_numpy(crops).permute(0, 3, 1, 2),
                torch.from_numpy(R),
                torch.from_numpy(points),
                torch.from_numpy(hidden),
                torch.from_numpy(self.store.sigma_deg[batch]),
                torch.from_numpy(np.array(shown, np.uint8)),
            )

    def _rows(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        size = self.cfg.batch
        while True:
            n = len(self.rows)
            order = (
                rng.permutation(self.rows)
                if self.even
                else rng.choice(self.rows, n, replace=True, p=self.copies)
            )
            if n < size:
                order = rng.choice(self.rows, size)
            for k in range(0, len(order) - size + 1, size):
                yield order[k : k + size]


def validation_crops(
    store: Store,
    rows: np.ndarray,
    px: int,
    face_px: float | None = None,
    change: AugmentConfig = NONE,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Plain crops of store rows, their R and landmarks.

    ``face_px`` first reduces each face to that many pixels; ``change`` may jitter the boxes.
    """
    rng = np.random.default_rng(0)
    done = [augment(store, int(i), px, rng, change)[:3] for i in rows]
    crops, R, points = (np.stack(x) for x in zip(*done, strict=True))
    n = max(4, round(face_px * CROP_SCALE)) if face_px else px
    if n < px:
        small = [cv2.resize(c, (n, n), interpolation=cv2.INTER_AREA) for c in crops]
        crops = np.stack([cv2.resize(c, (px, px), interpolation=cv2.INTER_CUBIC) for c in small])
    return crops, R, points
