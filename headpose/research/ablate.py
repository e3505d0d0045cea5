"""The papers' ablation tables, at whatever scale the machine allows.

An ablation is a base configuration and named changes of it; each is trained with every seed and
scored on the validation groups (and on a test set, if one is named, which nothing is chosen by).
Changes are compared head by head (:func:`differences`): the same pictures are easy or hard for all
rows, so a difference is known several times better than the two errors it is taken of.
``SUITES`` holds the papers' own tables; a TOML file can add others::

    [base]               # a training configuration, see headpose.config
    name = "tiny"
    steps = 300
    [changes."sdam off"]
    "network.sdam_stages" = []
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from headpose import rotation
from headpose.checkpoint import read_checkpoint
from headpose.data.training_rows import load_store, validation_crops
from headpose.errors import ConfigError
from headpose.files import write_synced
from headpose.predict import predict
from headpose.train.config import TrainConfig, read_toml
from headpose.train.trainer import train

Change = dict[str, Any]

ERRORS = "errors.npz"
"""In each run's folder: every head's error, for :func:`differences`."""

_SLCS = {"loss.geodesic": 0, "loss.hard": 0, "loss.soft": 1, "loss.mse": 2, "network.classes": 199,
         "network.rotation_head": "classes", "network.landmarks": False}  # fmt: skip
_HOPENET = {"loss.geodesic": 0, "loss.hard": 1, "loss.soft": 0, "loss.mse": 2,
            "network.classes": 66,
            "network.rotation_head": "classes", "network.landmarks": False}  # fmt: skip
_DADL = _HOPENET | {"loss.soft": 1, "loss.soft_labels": "dadl_aflw2000"}

SUITES: dict[str, dict[str, Change]] = {
    # Xu et al., table of components and of alpha
    "paper-x": {
        "baseline (hard, no SDAM)": _HOPENET | {"network.name": "quick"},
        "+ SDAM": _HOPENET | {"network.name": "sdam"},
        "+ SLCS (sigma in degrees)": _SLCS | {"network.name": "quick"},
        "+ SLCS (sigma in radians)": _SLCS
        | {"network.name": "quick", "loss.soft_labels": "slcs_radians"},
        "+ SLCS + SDAM, alpha 2": _SLCS | {"network.name": "sdam"},
        "+ SLCS + SDAM, alpha 4": _SLCS | {"network.name": "sdam", "loss.mse": 4},
        "+ SLCS + SDAM, alpha 1": _SLCS | {"network.name": "sdam", "loss.mse": 1},
        "+ SLCS + SDAM, alpha 0.1": _SLCS | {"network.name": "sdam", "loss.mse": 0.1},
    },
    # where SDAM stands and how its gates start: not said by the paper
    "sdam": {
        "no SDAM": _SLCS | {"network.name": "quick"},
        "after stage 3": _SLCS | {"network.name": "sdam", "network.sdam_stages": (3,)},
        "after stages 2, 3": _SLCS | {"network.name": "sdam", "network.sdam_stages": (2, 3)},
        "after stages 1-4": _SLCS | {"network.name": "sdam"},
        "parallel MRAM": _SLCS | {"network.name": "sdam", "network.sdam_hierarchical": False},
        "gate open": _SLCS | {"network.name": "sdam", "network.sdam_gate": "open"},
        "gate plain": _SLCS | {"network.name": "sdam", "network.sdam_gate": "plain"},
    },
    # Zhao et al.: components, backbones, alpha and beta
    "paper-z": {
        "regression only": _HOPENET | {"loss.hard": 0, "loss.mse": 2},
        "hard labels": _HOPENET,
        "one sigma for all angles": _DADL | {"loss.soft_labels": "slcs"},
        "DADL, alpha 2 beta 1": _DADL,
        "DADL, alpha 3 beta 3": _DADL | {"loss.mse": 3, "loss.soft": 3},
        "DADL, alpha 1 beta 2": _DADL | {"loss.mse": 1, "loss.soft": 2},
        "DADL, BIWI sigmas": _DADL | {"loss.soft_labels": "dadl_biwi"},
        "DADL, ResNet-50": _DADL | {"network.backbone": "resnet50"},
        "DADL, ResNet-152": _DADL | {"network.backbone": "resnet152"},
        "DADL, MobileNetV2": _DADL | {"network.backbone": "mobilenet_v2"},
    },
    # what the shipped models add
    "ours": {
        "6-D, geodesic only": {"loss.landmarks": 0, "network.landmarks": False},
        "+ landmarks": {},
        "+ landmarks, labels all equal": {"loss.label_sigma_deg": 0},
        "no small faces in training": {"augment.small_share": 0},
    },
}


class AblationConfig(BaseModel):
    """Base run, changes, seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: TrainConfig
    suites: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Names of changes to run; all of the suites' where empty."""
    changes: dict[str, Change] = {}
    seeds: tuple[int, ...] = (0,)


def load_ablation(path: str | Path) -> AblationConfig:
    """Read a TOML file; ConfigError for anything wrong in it."""
    try:
        return AblationConfig.model_validate(read_toml(Path(path)))
    except ValidationError as e:
        raise ConfigError(f"{path}: {e}") from e


def changed(base: TrainConfig, change: Change, **more: Any) -> TrainConfig:
    """``base`` with dotted keys replaced; an unknown key is a ConfigError."""
    d = base.model_dump()
    for key, value in (change | more).items():
        at: Any = d
        *path, last = key.split(".")
        for part in path:
            at = at.get(part) if isinstance(at, dict) else None
        if not isinstance(at, dict) or last not in at:
            raise ConfigError(f"ablation changes {key!r}, which is no key of a training config")
        at[last] = value
    return TrainConfig.model_validate(d)


def changes_of(cfg: AblationConfig) -> dict[str, Change]:
    """The changes of a config by name; ConfigError for a suite or a name that there is not."""
    changes: dict[str, Change] = {}
    for suite in cfg.suites:
        if suite not in SUITES:
            raise ConfigError(f"no suite {suite!r}; there are {', '.join(SUITES)}")
        changes |= SUITES[suite]
    changes |= cfg.changes
    if unknown := set(cfg.only) - changes.keys():
        raise ConfigError(f"no change {sorted(unknown)}; there are {', '.join(changes)}")
    return {k: v for k, v in changes.items() if not cfg.only or k in cfg.only}


def ablate(
    cfg: AblationConfig,
    folder: str | Path,
    test: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Train and score every change with every seed; rows, also kept in ``folder/ablation.json``.

    Runs whose row is there already are not repeated.
    """
    changes = changes_of(cfg)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ablation.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    for seed in cfg.seeds:  # a whole table after the first seed, a surer one after each more
        for name, change in changes.items():
            if any(r["change"] == name and r["seed"] == seed for r in rows):
                continue
            progress(f"{name}, seed {seed}")
            run = changed(cfg.base, change, seed=seed)
            slug = "".join(c if c.isalnum() else "-" for c in name) + f"-{seed}"
            train(run, folder / slug)
            found, errors = _score(folder / slug / "last.pt", test)
            np.savez(folder / slug / ERRORS, **errors)  # type: ignore[arg-type]
            rows.append({"change": name, "seed": seed, "run": slug} | found)
            write_synced(path, json.dumps(rows, indent=1))
    return rows


def _score(checkpoint: Path, test: str | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The row of a run, and what :func:`differences` needs: each head's error and its group."""
    read = read_checkpoint(checkpoint)
    run, net = read.config, read.network()
    px = run.px[-1][1]
    store, _, held_out = load_store(run)
    judged = {"validation": (*validation_crops(store, held_out, px)[:2], store.group[held_out])}
    if test:
        from headpose.evaluate import crops_of, read_set

        samples = read_set(test).within_deg(99.0)
        judged["test"] = crops_of(samples, px, None)[0], samples.R, samples.group
    found: dict[str, Any] = {"steps": read.step, "batch": run.batch, "px": px}
    errors: dict[str, np.ndarray] = {}
    for tag, (crops, R, group) in judged.items():
        P = predict(net, crops)["R"]
        wrong = np.abs(rotation.wrap_deg(rotation.angles_deg(P) - rotation.angles_deg(R)))
        mine = {f"mae_{tag}": wrong.mean(1), f"geodesic_{tag}": rotation.geodesic_deg(P, R)}
        found |= {f"n_{tag}": len(R)} | {k: round(float(v.mean()), 3) for k, v in mine.items()}
        errors |= mine | {f"group_{tag}": np.unique(group, return_inverse=True)[1]}
    return found, errors


def differences(
    rows: list[dict[str, Any]], folder: str | Path, baseline: str | None = None
) -> dict[str, dict[str, tuple[float, float]]]:
    """Each change minus the baseline (the first change where None), and its standard error.

    Per change and measure ("mae_test", …): mean over heads and over the seeds that both have, in
    degrees.  The standard error adds the scatter over heads, by group (a person's pictures are not
    independent), and that over seeds; with one seed the latter is not known and left out.
    """
    baseline = baseline or rows[0]["change"]
    read = {}
    for r in rows:
        path = Path(folder) / r.get("run", "") / ERRORS
        if path.is_file():
            with np.load(path) as f:
                read[r["change"], r["seed"]] = dict(f)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for change in dict.fromkeys(r["change"] for r in rows):
        seeds = [s for c, s in read if c == change and (baseline, s) in read]
        if change == baseline or not seeds:
            continue
        found[change] = {}
        for key in read[change, seeds[0]]:
            if key.startswith("group_"):
                continue
            d = np.stack([read[change, s][key] - read[baseline, s][key] for s in seeds])
            group = read[change, seeds[0]]["group_" + key.split("_")[1]]
            mean = d.mean()
            sums = np.bincount(group, d.mean(0) - mean)
            variance = float((sums**2).sum()) / d.shape[1] ** 2
            if len(seeds) > 1:
                variance += float(d.mean(1).var(ddof=1)) / len(seeds)
            found[change][key] = float(mean), variance**0.5
    return found


def markdown(
    rows: list[dict[str, Any]], compared: dict[str, dict[str, tuple[float, float]]] | None = None
) -> str:
    """A row for each change: mean and range over its seeds, and its :func:`differences`."""
    keys = [k for k in rows[0] if k.startswith(("mae_", "geodesic_"))]
    compared = compared or {}
    lines = [
        "| change | seeds | steps x batch, px | "
        + " | ".join(keys + [f"difference in {k}" for k in keys if compared])
        + " |",
        "|---|--:|---|" + "--:|" * (len(keys) * (2 if compared else 1)),
    ]
    for name in dict.fromkeys(r["change"] for r in rows):
        mine = [r for r in rows if r["change"] == name]
        cells = []
        for k in keys:
            v = [r[k] for r in mine]
            half = (max(v) - min(v)) / 2
            cells.append(f"{np.mean(v):.2f}" + (f" ± {half:.2f}" if len(v) > 1 else ""))
        for k in keys if compared else []:
            d = compared.get(name, {}).get(k)
            cells.append(f"{d[0]:+.3f} ± {d[1]:.3f}" if d else "–")
        one = mine[0]
        lines.append(
            f"| {name} | {len(mine)} | {one['steps']} x {one['batch']}, {one['px']} | "
            + " | ".join(cells)
            + " |"
        )
    return "\n".join(lines) + "\n"
