"""Training: config in, a folder with checkpoints and a CSV log out.

The folder holds ``config.json``, ``log.csv`` (every validation), ``last.pt`` (everything needed to
go on: a run that was killed continues where it was) and ``best.pt`` (the moving average with the
lowest validation error); where TensorBoard is installed, its files too.  The length is in steps, or
in minutes of wall time where the machine is shared and its speed unknown; learning rate and crop
size follow the progress 0..1 either way.
"""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from headpose import labels, rotation, weights
from headpose.checkpoint import trained_network
from headpose.classes import classes_of
from headpose.data.coverings import HIDDEN
from headpose.data.store import Store
from headpose.data.training_rows import (
    EXACT_DEG,
    VALIDATION_FACES_PX,
    Batch,
    Batches,
    load_store,
    validation_crops,
)
from headpose.errors import ConfigError, WeightsError
from headpose.files import synced_replace, write_synced
from headpose.networks.heads import channels_last, head_pose_net, rotation_of_sixd
from headpose.precision import bf16_is_native
from headpose.predict import predict
from headpose.train.config import TrainConfig
from headpose.train.losses import Opinion, class_loss, multi_task_loss
from headpose.visibility import PARTS

log = logging.getLogger(__name__)

Tensors = tuple[Tensor, ...] | list[Tensor]


def moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """``multi_avg_fn`` of torch's AveragedModel: over the last 1 / (1 - decay) steps, but never
    over more than a tenth of the steps done, so that a short run's average is not its start.
    """

    def update(averaged: Tensors, current: Tensors, done: Tensor | int) -> None:
        n = int(done)
        now = min(decay, (1 + n) / (10 + n))
        ema = torch.optim.swa_utils.get_ema_multi_avg_fn(now)  # type: ignore[no-untyped-call]
        ema(averaged, current, done)

    return update


class Trainer:
    """Everything of a run that survives a restart."""

    def __init__(self, cfg: TrainConfig, folder: str | Path) -> None:
        self.cfg, self.folder = cfg, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_synced(self.folder / "config.json", cfg.model_dump_json(indent=1))
        torch.set_num_threads(cfg.threads)
        torch.manual_seed(cfg.seed)
        device = cfg.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.bf16 = cfg.bf16 and bf16_is_native(device)
        goes_on = (self.folder / "last.pt").is_file()
        network = cfg.network.trained() if goes_on or cfg.init else cfg.network
        self.net = head_pose_net(network).to(self.device)
        channels_last(self.net)
        if cfg.init:
            shipped = weights.FOLDER / f"{cfg.init}.pt"
            self._start_from(shipped if shipped.is_file() else Path(cfg.init))
        self.teacher, self.teacher_px = self._load_teacher()
        self.finder = nn.Linear(self.net.backbone.channels[-1], len(PARTS)).to(self.device)
        self.ema = torch.optim.swa_utils.AveragedModel(
            self.net,
            multi_avg_fn=moving_average(cfg.ema),
            use_buffers=True,
        )
        decay = [p for p in self.net.parameters() if p.ndim > 1]
        rest = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [
            {"params": decay, "weight_decay": cfg.weight_decay},
            {"params": [*rest, *self.finder.parameters()], "weight_decay": 0.0},
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
        channels_last(net.to(self.device))
        return net, px

    def _resume(self) -> None:
        s = torch.load(self.folder / "last.pt", map_location="cpu", weights_only=True)
        self.net.load_state_dict(s["net"])
        self.ema.load_state_dict(s["ema"])
        self.finder.load_state_dict(s["finder"])
        self.opt.load_state_dict(s["opt"])
        self.step, self.seconds, self.best = s["step"], s["seconds"], s["best"]
        log.info("resumed at step %d", self.step)

    def save(self, name: str) -> None:
        """``best.pt`` holds the average model only, ``last.pt`` the whole state."""
        state: dict[str, Any] = {"config": self.cfg.model_dump_json(), "step": self.step}
        if name == "last.pt":
            state |= {"net": self.net.state_dict(), "ema": self.ema.state_dict(), "best": self.best}
            state |= {"opt": self.opt.state_dict(), "seconds": self.seconds}
            state["finder"] = self.finder.state_dict()
        state["model"] = self.ema.module.state_dict()
        part = self.folder / (name + ".part")
        torch.save(state, part)
        synced_replace(part, self.folder / name)

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
            data = Batches(store, rows, cfg, px, cfg.seed + self.step, self.teacher_px)
            loader = DataLoader(
                data, batch_size=None, num_workers=cfg.workers,
                prefetch_factor=4 if cfg.workers else None, pin_memory=self.device.type == "cuda",
            )  # fmt: skip
            self._train_at(px, iter(loader), store, held_out, soft)
        self._validate(store, held_out, self.px, {})
        self.save("last.pt")
        return self.folder / "best.pt"

    def _train_at(
        self,
        px: int,
        batches: Iterator[Batch],
        store: Store,
        held_out: NDArray[np.int64],
        soft: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> None:
        cfg = self.cfg
        sums: dict[str, Tensor] = {}
        count = 0
        clock = time.monotonic()
        while self.progress < 1 and self.px == px:
            crops, R, points, hidden, sigma, shown = (
                x.to(self.device, non_blocking=True) for x in next(batches)
            )
            opinion = self._opinion(shown, sigma)
            for g in self.opt.param_groups:
                g["lr"] = self.lr()
            self.net.train()
            crops = crops.contiguous(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, torch.bfloat16, self.bf16):
                out = self.net(crops)
            if "sixd" in out:
                loss, parts = multi_task_loss(out, R, points, sigma, cfg.loss, opinion)
            else:
                angles = torch.from_numpy(rotation.angles_deg(R.cpu().numpy())).float()
                classes = classes_of(cfg.network.classes)
                # the augmentation's turns may carry a label out of the classes' range
                held = torch.from_numpy(np.asarray(classes.holds(angles.numpy())).all(1))
                target = torch.from_numpy(soft(angles[held].numpy())).float()
                loss, parts = class_loss(
                    out["logits"][held], angles[held].to(self.device),
                    target.to(self.device), classes, cfg.loss,
                )  # fmt: skip
            if cfg.augment.cover_share:
                known = hidden.isfinite()
                found = F.binary_cross_entropy_with_logits(
                    self.finder(out["pooled"])[known], (hidden[known] > HIDDEN).float()
                )
                loss = loss + cfg.loss.covered * found
                parts["covered"] = found.detach()
            self.opt.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
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
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, self.bf16):
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
        fields = list(row) if new else path.read_text(encoding="utf-8").splitlines()[0].split(",")
        with path.open("a", newline="", encoding="utf-8") as f:
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
