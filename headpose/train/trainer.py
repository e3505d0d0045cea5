"""Training: config in, a folder with checkpoints and a CSV log out.

The folder holds ``config.json``, ``log.csv`` (every validation), ``last.pt`` (everything needed to
go on: a run that was killed continues where it was) and ``best.pt`` (the moving average with the
lowest validation error); where TensorBoard is installed, its files too.  The length is in steps, or
in minutes of wall time where the machine is shared and its speed unknown; learning rate and crop
size follow the progress 0..1 either way.
"""

from __future__ import annotations

import copy
import csv
import dataclasses
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from headpose import labels, rotation, weights
from headpose.classes import classes_of
from headpose.data.augment import NONE, AugmentConfig, augment, undisturbed
from headpose.data.crop import CROP_SCALE
from headpose.data.folders import read_folder
from headpose.data.packs import read_pack, read_packs
from headpose.data.store import Store, build_store, split_by_group
from headpose.decode import decode_rotation
from headpose.errors import ConfigError, WeightsError
from headpose.networks import build
from headpose.networks.heads import rotation_of_sixd
from headpose.train.config import TrainConfig
from headpose.train.losses import Opinion, class_loss, multi_task_loss

log = logging.getLogger(__name__)

EXACT_DEG = 1.0
"""Labels whose sigma is below this (renderings) are better than any network's opinion of them."""

VALIDATION_FACES_PX = (None, 24.0, 16.0)
"""Face sizes, px, at which held-out heads are judged; None = as large as they are."""


def load_store(cfg: TrainConfig) -> tuple[Store, np.ndarray, np.ndarray]:
    """The decoded sets of a config, and the row numbers for training and for validation."""
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
    store = build_store(sets, cfg.data.store)
    held_out = split_by_group(store.group, cfg.data.validation_share, cfg.data.split_seed)
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


class _Batches(IterableDataset):
    """Endless augmented batches of one crop size: crops, R, landmarks, sigma, crops for a teacher.

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

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
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
            crops, R, points = (np.stack(x) for x in zip(*done, strict=True))
            yield (
                torch.from_numpy(crops).permute(0, 3, 1, 2),
                torch.from_numpy(R),
                torch.from_numpy(points),
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


@torch.no_grad()
def predict(net: nn.Module, crops: np.ndarray, batch: int = 64) -> dict[str, np.ndarray]:
    """Network outputs for crops (N, H, W, 3) uint8 BGR, with ``R`` (N, 3, 3) decoded, float64."""
    net.eval()
    device = next(net.parameters()).device
    parts: dict[str, list[np.ndarray]] = {}
    for k in range(0, len(crops), batch):
        x = torch.from_numpy(crops[k : k + batch]).permute(0, 3, 1, 2).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            out = net(x)
        for key, value in out.items():
            parts.setdefault(key, []).append(value.float().cpu().numpy())
    joined = {k: np.concatenate(v).astype(np.float64) for k, v in parts.items()}
    joined["R"] = decode_rotation(joined)
    return joined


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
    done = [augment(store, int(i), px, rng, change) for i in rows]
    crops, R, points = (np.stack(x) for x in zip(*done, strict=True))
    n = max(4, round(face_px * CROP_SCALE)) if face_px else px
    if n < px:
        small = [cv2.resize(c, (n, n), interpolation=cv2.INTER_AREA) for c in crops]
        crops = np.stack([cv2.resize(c, (px, px), interpolation=cv2.INTER_CUBIC) for c in small])
    return crops, R, points


def moving_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor | int], None]:
    """``multi_avg_fn`` of torch's AveragedModel: over the last 1 / (1 - decay) steps, but never
    over more than a tenth of the steps done, so that a short run's average is not its start.
    """

    def update(averaged: list[Tensor], current: list[Tensor], done: Tensor | int) -> None:
        n = int(done)
        now = min(decay, (1 + n) / (10 + n))
        torch.optim.swa_utils.get_ema_multi_avg_fn(now)(averaged, current, done)

    return update


class Trainer:
    """Everything of a run that survives a restart."""

    def __init__(self, cfg: TrainConfig, folder: str | Path) -> None:
        self.cfg, self.folder = cfg, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.json").write_text(cfg.model_dump_json(indent=1))
        torch.set_num_threads(cfg.threads)
        torch.manual_seed(cfg.seed)
        device = cfg.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.net = build(cfg.network).to(self.device, memory_format=torch.channels_last)
        if cfg.init:
            shipped = weights.FOLDER / f"{cfg.init}.pt"
            self._start_from(shipped if shipped.is_file() else Path(cfg.init))
        self.teacher, self.teacher_px = self._load_teacher()
        self.ema = torch.optim.swa_utils.AveragedModel(
            self.net,
            multi_avg_fn=moving_average(cfg.ema),
            use_buffers=True,
        )
        decay = [p for p in self.net.parameters() if p.ndim > 1]
        rest = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [
            {"params": decay, "weight_decay": cfg.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        self.opt: torch.optim.Optimizer = (
            torch.optim.AdamW(groups, cfg.lr, fused=self.device.type == "cuda")
            if cfg.optimizer == "adamw"
            else torch.optim.SGD(groups, cfg.lr, momentum=0.9)
        )
        self.step, self.seconds, self.best = 0, 0.0, math.inf
        self._judged: dict[tuple[int, float | None], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        if (self.folder / "last.pt").is_file():
            self._resume()

    # -- progress ------------------------------------------------------------------------------
    @property
    def progress(self) -> float:
        if self.cfg.steps is not None:
            return min(1.0, self.step / self.cfg.steps)
        assert self.cfg.minutes is not None
        return min(1.0, self.seconds / (60 * self.cfg.minutes))

    @property
    def px(self) -> int:
        return [px for start, px in self.cfg.px if start <= self.progress][-1]

    def lr(self) -> float:
        """Linear warm-up, then half a cosine down to 0."""
        p, w = self.progress, self.cfg.warmup
        if p < w:
            return self.cfg.lr * (0.05 + 0.95 * p / w)
        return self.cfg.lr * 0.5 * (1 + math.cos(math.pi * (p - w) / (1 - w)))

    # -- files ---------------------------------------------------------------------------------
    def _start_from(self, path: Path) -> None:
        """Tensors that fit, from a checkpoint ("model") or from exported weights ("state")."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            given = state["model"] if "model" in state else state["state"]
        except Exception as e:  # torch raises many types for a broken archive
            raise ConfigError(
                f"init = {str(path)!r}: not a checkpoint or weights file ({e})"
            ) from e
        have = self.net.state_dict()
        fits = {k: v for k, v in given.items() if k in have and v.shape == have[k].shape}
        if not fits:
            raise ConfigError(f"init = '{path}': no tensor of it fits this network")
        self.net.load_state_dict(fits, strict=False)
        log.info("%d of %d tensors start from %s", len(fits), len(have), path)

    def _load_teacher(self) -> tuple[nn.Module | None, int]:
        """The teacher, ready to infer, and the side of its crops in px (0 without one)."""
        if self.cfg.teacher is None:
            return None, 0
        from headpose.train.export import trained_network  # which imports this module

        given = self.cfg.teacher.weights
        try:
            net, px = trained_network(given)
        except WeightsError as e:
            raise ConfigError(f"teacher.weights = {given!r}: {e}") from e
        if not net.config.landmarks or net.config.rotation_head != "sixd":
            raise ConfigError(
                f"teacher.weights = {given!r}: a teacher needs 6-D and landmark heads"
            )
        net = net.requires_grad_(False).eval()
        return net.to(self.device, memory_format=torch.channels_last), px

    def _resume(self) -> None:
        s = torch.load(self.folder / "last.pt", map_location="cpu", weights_only=True)
        self.net.load_state_dict(s["net"])
        self.ema.load_state_dict(s["ema"])
        self.opt.load_state_dict(s["opt"])
        self.step, self.seconds, self.best = s["step"], s["seconds"], s["best"]
        log.info("resumed at step %d", self.step)

    def save(self, name: str) -> None:
        """``best.pt`` holds the average model only, ``last.pt`` the whole state."""
        state: dict = {"config": self.cfg.model_dump_json(), "step": self.step}
        if name == "last.pt":
            state |= {"net": self.net.state_dict(), "ema": self.ema.state_dict(), "best": self.best}
            state |= {"opt": self.opt.state_dict(), "seconds": self.seconds}
        state["model"] = self.ema.module.state_dict()
        part = self.folder / (name + ".part")
        torch.save(state, part)
        os.replace(part, self.folder / name)

    # -- the loop ------------------------------------------------------------------------------
    def run(self) -> Path:
        """Train to the end; returns the path of the best checkpoint."""
        cfg = self.cfg
        store, rows, held_out = load_store(cfg)
        held_out = np.random.default_rng(1).permutation(held_out)[: cfg.validation_limit]
        log.info("%d heads for training, %d for validation", len(rows), len(held_out))
        soft = labels.soft_label_maker(cfg.loss.soft_labels, cfg.network.classes)
        while self.progress < 1:
            px = self.px
            data = _Batches(store, rows, cfg, px, cfg.seed + self.step, self.teacher_px)
            loader = DataLoader(
                data, batch_size=None, num_workers=cfg.workers,
                prefetch_factor=4 if cfg.workers else None, pin_memory=self.device.type == "cuda",
            )  # fmt: skip
            self._train_at(px, iter(loader), store, held_out, soft)
        self._validate(store, held_out, self.px, {})
        self.save("last.pt")
        return self.folder / "best.pt"

    def _train_at(self, px, batches, store, held_out, soft) -> None:
        cfg = self.cfg
        sums: dict[str, Tensor] = {}
        count = 0
        clock = time.monotonic()
        while self.progress < 1 and self.px == px:
            crops, R, points, sigma, shown = (
                x.to(self.device, non_blocking=True) for x in next(batches)
            )
            opinion = self._opinion(shown, sigma)
            for g in self.opt.param_groups:
                g["lr"] = self.lr()
            self.net.train()
            crops = crops.contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=cfg.bf16):
                out = self.net(crops)
            if "sixd" in out:
                loss, parts = multi_task_loss(out, R, points, sigma, cfg.loss, opinion)
            else:
                angles = torch.from_numpy(rotation.angles_deg(R.cpu().numpy())).float()
                classes = classes_of(cfg.network.classes)
                # the augmentation's turns may carry a label out of the classes' range
                held = classes.holds(angles.numpy()).all(1)
                target = torch.from_numpy(soft(angles.numpy()[held])).float()
                loss, parts = class_loss(
                    out["logits"][torch.from_numpy(held)], angles[held].to(self.device),
                    target.to(self.device), classes, cfg.loss,
                )  # fmt: skip
            self.opt.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self.opt.step()
            self.ema.update_parameters(self.net)
            self.step += 1
            now = time.monotonic()
            self.seconds += now - clock
            clock = now
            count += 1
            for key, value in parts.items():
                sums[key] = sums.get(key, 0.0) + value
            if self.step % cfg.validate_every == 0:
                self._validate(store, held_out, px, {k: float(v) / count for k, v in sums.items()})
                self.save("last.pt")
                sums, count = {}, 0
                clock = time.monotonic()

    def _opinion(self, shown: Tensor, sigma_deg: Tensor) -> Opinion | None:
        """What the teacher thinks of a batch (N, H, W, 3) that it is shown."""
        if self.teacher is None:
            return None
        assert self.cfg.teacher is not None
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, self.cfg.bf16):
            out = self.teacher(shown.permute(0, 3, 1, 2))
        share = torch.where(sigma_deg < EXACT_DEG, 0.0, self.cfg.teacher.share)
        return Opinion(rotation_of_sixd(out["sixd"]), out["landmarks"].float(), share)

    def _validate(self, store: Store, rows: np.ndarray, px: int, train: dict[str, float]) -> None:
        row: dict[str, object] = {
            "step": self.step,
            "minutes": round(self.seconds / 60, 2),
            "px": px,
        }
        row |= {"lr": f"{self.lr():.2e}"} | {f"train_{k}": round(v, 4) for k, v in train.items()}
        total = 0.0
        for size in VALIDATION_FACES_PX:
            if (px, size) not in self._judged:
                self._judged[px, size] = validation_crops(store, rows, px, size)
            crops, R, points = self._judged[px, size]
            out = predict(self.ema.module, crops)
            tag = "full" if size is None else f"{size:.0f}"
            wrong = rotation.angles_deg(out["R"]) - rotation.angles_deg(R)
            row[f"mae_{tag}"] = round(float(np.abs(rotation.wrap_deg(wrong)).mean()), 3)
            geodesic = rotation.geodesic_deg(out["R"], R)
            row[f"geodesic_{tag}"] = round(float(geodesic.mean()), 3)
            known = np.isfinite(points).all((1, 2))
            if "landmarks" in out and known.any():
                d = np.linalg.norm(out["landmarks"][known] - points[known], axis=-1)
                row[f"landmark_percent_{tag}"] = round(100 * float(d.mean()), 3)
                row[f"nose_percent_{tag}"] = round(100 * float(d[:, 30].mean()), 3)
            total += float(geodesic.mean())
        if total < self.best:
            self.best = total
            self.save("best.pt")
        path = self.folder / "log.csv"
        new = not path.is_file()
        fields = list(row) if new else path.read_text().splitlines()[0].split(",")
        with path.open("a", newline="") as f:
            writer = csv.DictWriter(f, fields, extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow(row)
        log.info("%s", " ".join(f"{k}={v}" for k, v in row.items()))
        self._to_tensorboard(row)

    def _to_tensorboard(self, row: dict[str, object]) -> None:
        """The same numbers for TensorBoard, where it is installed (``pip install tensorboard``)."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        with SummaryWriter(str(self.folder / "tensorboard")) as board:
            for key, value in row.items():
                if isinstance(value, int | float):
                    board.add_scalar(key, value, self.step)


def train(cfg: TrainConfig, folder: str | Path) -> Path:
    """Run (or go on with) one training; the path of the best checkpoint."""
    # OpenCV's thread pool must not exist when the loader's workers fork: they would hang in it.
    cv2.setNumThreads(1)
    return Trainer(cfg, folder).run()
