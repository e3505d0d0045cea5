"""Fits a :class:`headpose.visibility.Visibility` to a network that stays as it is.

Every head is seen once as it is and a few times covered (:mod:`headpose.data.coverings`), at sizes
from 12 to 64 px and through a bad camera.  What the network says of these crops is kept; on it the
parts that are hidden are learned, and by likelihood how much larger the errors are than stated.
Persons are never cut in two: by networks that have not seen them, a shift is found that makes a
probability of one half a false alarm in :data:`FALSE_ALARMS` of the heads that nothing covers.
"""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from headpose.data.augment import AugmentConfig, camera, stand_in_points
from headpose.data.coverings import HIDDEN, KINDS, cover, parts_hidden
from headpose.data.crop import CROP_SCALE, crop, resized
from headpose.data.packs import read_pack
from headpose.data.samples import Samples, persons_of
from headpose.data.store import split_by_group
from headpose.data.training_rows import held_out_of, read_sets
from headpose.errors import DataError
from headpose.estimator import calibrated_covariance_deg2
from headpose.files import synced_replace, write_synced
from headpose.predict import predict
from headpose.train.calibrate import error_vector_deg
from headpose.train.config import TrainConfig
from headpose.train.export import toml
from headpose.visibility import PARTS, Visibility, inputs_of
from headpose.weights import Weights

SIZES_PX = (12.0, 64.0)
FREE = 0.2
"""A part of which less than this share is hidden is free; between that and HIDDEN nothing is
learned of it."""
FALSE_ALARMS = 0.015
TRAINED_ON, KEPT_OUT = 5000, 0.25
FOLDS = 4
HIDDEN_UNITS, STEPS, BATCH, RATE, DECAY = 256, 1500, 512, 2e-3, 3e-3
FINDING = 20.0
"""What finding counts for in the loss, beside three tenths of the likelihood."""
WORST_CHI2 = 60.0
"""Errors that are further off count as this far: else a few set the scale of all."""


@dataclass(frozen=True)
class Observed:
    """What a network says of N crops, and the truth.

    x (N, F) inputs; error_deg (N, 3) and covariance_deg2 (N, 3, 3) as stated; hidden (N, 4) share
    of each part; kind (N,) of covering, "" = none; group (N,) person.
    """

    x: NDArray[np.float32]
    error_deg: NDArray[np.float64]
    covariance_deg2: NDArray[np.float64]
    hidden: NDArray[np.float64]
    kind: NDArray[np.str_]
    group: NDArray[np.str_]

    def take(self, rows: NDArray[Any]) -> Observed:
        """The rows of an index or mask."""
        return Observed(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def observe(
    loaded: Weights,
    samples: Samples,
    coverings: int = 2,
    seed: int = 0,
    worn: tuple[NDArray[np.bool_], NDArray[np.str_]] | None = None,
) -> Observed:
    """Every head of a set as it is and under so many coverings.

    ``worn``: what covers the heads as they are, the landmarks it hides (N, 68) and its kind (N,).
    """
    rng = np.random.default_rng(seed)
    crops, hidden, kinds, sizes, rows = [], [], [], [], []
    for i in range(len(samples)):
        picture, box = samples.load(i), samples.box_px[i]
        side, centre = float((box[2:] - box[:2]).max()), (box[:2] + box[2:]) / 2
        points = samples.points_px[i]
        if not np.isfinite(points).all():
            points = stand_in_points(samples.R[i], centre, side)
        for kind in ("", *rng.permutation(list(KINDS))[:coverings]):
            seen, gone = picture, np.zeros(len(points), np.bool_)
            if not kind and worn:
                gone, kind = worn[0][i], worn[1][i]
            elif kind:
                seen, gone = cover(picture, points, str(kind), rng)
            blur = 1.6 if kind else 1.0  # a covered face's box is found less well
            half = side * np.exp(rng.normal(0, 0.05 * blur)) / 2
            middle = centre + rng.normal(0, 0.02 * blur, 2) * side
            face = min(float(np.exp(rng.uniform(*np.log(SIZES_PX)))), 2 * half)
            n = max(8, min(loaded.input_px, round(face * CROP_SCALE)))
            small = camera(crop(seen, np.r_[middle - half, middle + half], n), rng, AugmentConfig())
            crops.append(
                resized(small, (loaded.input_px,) * 2, 2) if n < loaded.input_px else small
            )
            hidden.append(parts_hidden(gone))
            kinds.append(str(kind))
            sizes.append(face)
            rows.append(i)
    out, face_px = predict(loaded.net, np.stack(crops)), np.array(sizes)
    return Observed(
        inputs_of(out, out["R"], face_px),
        error_vector_deg(out["R"], samples.R[rows]),
        calibrated_covariance_deg2(out["log_sigma"], face_px, loaded.calibration),
        np.stack(hidden),
        np.array(kinds, str),
        samples.group[rows],
    )


def together(parts: Sequence[Observed]) -> Observed:
    """One after the other."""
    return Observed(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Observed)}
    )


def fit(seen: Observed, seed: int = 0, steps: int = STEPS) -> Visibility:
    """The network, with its probabilities shifted to :data:`FALSE_ALARMS`."""
    _, person = np.unique(seen.group, return_inverse=True)
    fold = np.random.default_rng(5).permutation(person.max() + 1)[person] % FOLDS
    plain = seen.kind == ""
    highest = np.zeros(len(plain))
    for k in range(FOLDS):  # judged by one that never saw these persons
        covered, _ = _trained(seen.take(fold != k), seed, steps)(seen.x[fold == k])
        highest[fold == k] = covered.max(1)
    p = np.clip(np.quantile(highest[plain], 1 - FALSE_ALARMS), 1e-3, 1 - 1e-3)
    found = _trained(seen, seed, steps)
    found.outer_bias[: len(PARTS)] -= np.float32(np.log(p / (1 - p)))
    return found


def learn(
    loaded: Weights,
    cfg: TrainConfig,
    worn: Sequence[str | Path] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Fit the part for covered faces to weights, judge it, write it; returns its table in the card.

    Learned on three quarters of the persons: the heads that ``cfg`` holds out and some that the
    network was trained on, drawn over (but for ``cfg.data.worn``, of whom nobody knows what they
    wear), and ``worn``: packs of heads that wear something, with ``hidden`` (N, 68), the landmarks
    it covers, and ``kind`` (N,), "" for nothing.  Judged on the last quarter, of whom the network
    has seen none but those in ``worn``.

    Raises
    ------
    DataError
        A pack of worn heads does not say what is hidden.
    """
    sets = [s for s in read_sets(cfg) if s.source not in cfg.data.worn]
    rng = np.random.default_rng(0)
    share = TRAINED_ON / sum(map(len, sets))
    learned: list[Observed] = []
    judged: list[Observed] = []
    for samples in sets:
        persons = persons_of(samples.group)
        held_out = held_out_of(cfg, persons)
        known = ~held_out & ~_judges(persons) & (rng.random(len(samples)) < share)
        progress(f"{samples.source}: {held_out.sum()} heads held out, {known.sum()} others")
        if known.any():
            learned.append(observe(loaded, samples.take(known), 2))
        if held_out.any():
            _part(observe(loaded, samples.take(held_out), 5), learned, judged)
    for path in worn:
        samples = read_pack(path)
        with np.load(path, allow_pickle=False) as file:
            if not {"hidden", "kind"} <= set(file.files) or len(file["kind"]) != len(samples):
                raise DataError(f"{path}: expected `hidden` (N, 68) and `kind` (N,), a row a head")
            things = file["hidden"].astype(bool), file["kind"].astype(str)
        progress(f"{samples.source}: {len(samples)} heads that wear something")
        for seed in range(2):
            _part(observe(loaded, samples, 0, seed, worn=things), learned, judged)
    seen, other = together(learned), together(judged)
    found = fit(seen)
    covered = found(other.x)[0]
    return add(
        loaded,
        found,
        {
            "learned_on_crops": len(seen.x),
            "persons": len(np.unique(seen.group)),
            "worn": [Path(p).stem for p in worn],
            "parts": list(PARTS),
            "judged_on_crops": len(other.x),
            "false_alarms": round(float((covered[other.kind == ""].max(1) > 0.5).mean()), 4),
            "found": round(float((covered[other.hidden > HIDDEN] > 0.5).mean()), 4),
        },
    )


def _judges(persons: NDArray[np.str_]) -> NDArray[np.bool_]:
    """The rows (N,) of the persons who judge and from whom nothing is learned."""
    return split_by_group(persons, KEPT_OUT, seed=6)


def _part(seen: Observed, learned: list[Observed], judged: list[Observed]) -> None:
    """A quarter of the persons to those who judge."""
    apart = _judges(persons_of(seen.group))
    learned.append(seen.take(~apart))
    judged.append(seen.take(apart))


def _trained(seen: Observed, seed: int, steps: int) -> Visibility:
    mean, scale = seen.x.mean(0), seen.x.std(0) + np.float32(1e-3)
    x = torch.from_numpy(np.clip((seen.x - mean) / scale, -6, 6))
    hidden = torch.from_numpy((seen.hidden > HIDDEN).astype(np.float32))
    known = torch.from_numpy(((seen.hidden > HIDDEN) | (seen.hidden < FREE)).astype(np.float32))
    e = torch.from_numpy(seen.error_deg.astype(np.float32))
    inverse = torch.from_numpy(np.linalg.inv(seen.covariance_deg2).astype(np.float32))
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inner, outer = nn.Linear(x.shape[1], HIDDEN_UNITS), nn.Linear(HIDDEN_UNITS, len(PARTS) + 3)
        with torch.no_grad():
            outer.weight.mul_(0.1)
            outer.bias.zero_()
            outer.bias[len(PARTS) :] = -3.0  # starts at "as stated"
        parameters = [*inner.parameters(), *outer.parameters()]
        optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = RATE * (1 - step / steps)
            b = torch.randint(len(x), (BATCH,), generator=generator)
            y = outer(torch.relu(inner(x[b])))
            loss = F.binary_cross_entropy_with_logits(
                y[:, : len(PARTS)], hidden[b], reduction="none"
            )
            wider = F.softplus(y[:, len(PARTS) :])  # log of the factors
            z = e[b] / wider.exp()
            chi2 = torch.einsum("ni,nij,nj->n", z, inverse[b], z)
            likelihood = 0.5 * chi2.clamp(max=WORST_CHI2) + wider.sum(1)
            optimiser.zero_grad()
            total: torch.Tensor = FINDING * (loss * known[b]).mean() + 0.3 * likelihood.mean()
            total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    state = [p.detach().numpy() for p in (inner.weight.T, inner.bias, outer.weight.T, outer.bias)]
    return Visibility(mean, scale, *(np.ascontiguousarray(s) for s in state))


def add(loaded: Weights, found: Visibility, facts: dict[str, Any]) -> dict[str, Any]:
    """Write ``NAME.covered.npz`` and its table in the card of the weights; returns the table."""
    path = loaded.path.with_suffix(".covered.npz")
    part = path.with_suffix(".part.npz")
    found.save(part)
    synced_replace(part, path)
    table = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "weights_sha256": loaded.sha256,
        "made": datetime.date.today().isoformat(),
        **facts,
    }
    card_path = loaded.path.with_suffix(".toml")
    card = tomllib.loads(card_path.read_text(encoding="utf-8"))
    write_synced(card_path, toml(card | {"covered": table}))
    return table
