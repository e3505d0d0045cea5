"""Checkpoint -> weights file with calibration and model card."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from headpose import weights
from headpose.checkpoint import read_checkpoint
from headpose.data.sources import lineage_of, sources_of, terms_of
from headpose.data.training_rows import load_store
from headpose.files import write_synced
from headpose.train import calibrate
from headpose.train.config import TrainConfig
from headpose.weights.tensors import save

if TYPE_CHECKING:
    from headpose.estimator import HeadPoseEstimator


def export(
    checkpoint: str | Path,
    name: str,
    folder: str | Path = weights.FOLDER,
    tests: dict[str, str] | None = None,
    failures: tuple[str, ...] = (),
    px: int | None = None,
) -> Path:
    """Calibrate a checkpoint and write ``NAME.pt`` and ``NAME.toml``; returns the former's path.

    ``tests`` (name in the card -> pack or ``KIND:PATH``) are measured and stand in the card, and so
    do ``failures``, known ones in words; ``px`` may differ from the last training size.
    """
    read = read_checkpoint(checkpoint)
    cfg, net = read.config, read.network()
    # what is shipped is half precision: calibrate that
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(p.half().float())
    px = px or cfg.px[-1][1]
    store, rows, held_out = load_store(cfg)
    calibration, report = calibrate.fit(net, store, held_out, px)
    path = Path(folder) / f"{name}.pt"
    sha256 = save(path, name, net, cfg.network, px, calibration)
    sources = sources_of(store, rows) + lineage_of(cfg)
    card: dict[str, Any] = {
        "name": name,
        "sha256": sha256,
        "bytes": path.stat().st_size,
        "made": datetime.date.today().isoformat(),
        "network": cfg.network.name,
        "backbone": cfg.network.backbone,
        "parameters": sum(p.numel() for p in net.parameters()),
        "input_px": px,
        "input": "uint8 BGR squares by headpose.data.crop; normalised inside the network",
        "output": "6-D rotation, 300W-LP frame; 68 landmarks in crop fractions; log sigmas",
        "terms": terms_of(sources),
        "data": {
            "heads_trained_on": len(rows),
            "heads_held_out": len(held_out),
            "split": f"by person or photograph, share {cfg.data.validation_share}",
        },
        "recipe": {
            "steps": read.step,
            "batch": cfg.batch,
            "lr": cfg.lr,
            "px": [list(x) for x in cfg.px],
            "ema": cfg.ema,
            "start": _start(cfg),
            "chosen_by": "lowest geodesic error on held-out groups, summed over full, 24, 16 px",
        },
        "sources": [dataclasses.asdict(s) for s in sources],
        "reliability_on_unused_half": [
            {k: round(v, 3) for k, v in dataclasses.asdict(r).items()} for r in report
        ],
    }
    if read.average:
        card["recipe"]["average"] = read.average
    if failures:
        card = {"known_failures": list(failures)} | card
    toml_path = path.with_suffix(".toml")
    write_synced(toml_path, toml(card))
    if tests:
        from headpose.estimator import HeadPoseEstimator

        estimator = HeadPoseEstimator.load(path, "torch")
        errors = [row for label, spec in tests.items() for row in measured(estimator, label, spec)]
        write_synced(toml_path, toml(card | {"errors": errors}))
    return path


def _start(cfg: TrainConfig) -> str:
    if cfg.init:
        return Path(cfg.init).stem
    return "ImageNet" if cfg.network.imagenet else "from scratch"


def measured(estimator: HeadPoseEstimator, label: str, spec: str) -> list[dict[str, Any]]:
    """The card's rows for one test set: errors in degrees at each face size (full set)."""
    from headpose.evaluate import ANGLES, evaluate, read_set

    result = evaluate(estimator, read_set(spec))
    rows = []
    for tag, size in result["sizes"].items():
        row = {
            "set": label,
            "n": size["n"],
            "face_px": tag,
            "mae_deg": size["mae"]["mean"],
            "pitch": size["mae"]["pitch"],
            "yaw": size["mae"]["yaw"],
            "roll": size["mae"]["roll"],
            "geodesic_deg": size["geodesic_deg"],
            "mae_yaw_over_30": size["yaw_over_30"].get("mae", {}).get("mean"),
            "n_yaw_over_30": size["yaw_over_30"]["n"],
            "chi2_per_dof": size["chi2_per_dof"],
            "inside_90_percent": size["coverage"]["90"],
            **{f"bias_{a}": size["bias_deg"][a] for a in ANGLES},
            "nose_percent_of_box": size.get("nose_percent"),
        }
        rows.append({k: v for k, v in row.items() if v is not None})
    return rows


def toml(d: dict[str, Any]) -> str:
    """A small TOML writer: strings, numbers, lists, one level of tables, lists of flat tables."""
    lines, tables = [], []
    for k, v in d.items():
        if isinstance(v, dict):
            tables += ["", f"[{k}]", *(f"{a} = {_value(b)}" for a, b in v.items())]
        elif isinstance(v, list) and v and isinstance(v[0], dict):
            for row in v:
                tables += ["", f"[[{k}]]", *(f"{a} = {_value(b)}" for a, b in row.items())]
        else:
            lines.append(f"{k} = {_value(v)}")
    return "\n".join(lines + tables) + "\n"


def _value(v: Any) -> str:
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k} = {_value(x)}" for k, x in v.items()) + " }"
    return json.dumps(v, ensure_ascii=False)  # JSON scalars and lists are TOML ones
