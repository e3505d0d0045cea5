"""Weights -> INT8 by NNCF's post-training quantisation, checked on held-out heads.

In INT8 are the backbone's convolutions but the first; that one, attention and what lies before it,
and all heads (rotation, landmarks, uncertainty) stay in fp32.  The first convolution is a twentieth
of the time and two thirds of the loss (docs/headpose.md).  Ranges come from crops like a
classroom's and from photographs.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headpose import rotation, weights
from headpose.data.packs import read_pack
from headpose.data.training_rows import VALIDATION_FACES_PX, load_store, validation_crops
from headpose.decode import decode_rotation
from headpose.errors import ConfigError
from headpose.evaluate import crops_of
from headpose.files import synced_replace
from headpose.runtimes.openvino_ import OpenVinoRuntime, import_openvino
from headpose.runtimes.openvino_int8 import OpenVinoInt8Runtime
from headpose.runtimes.registry import Runtime
from headpose.train.config import TrainConfig
from headpose.train.export import toml

HEADS = ("landmark_head", "rotation_head", "sigma_head")
ATTENTION = ".backbone.after."  # what stands between a backbone's stages
CALIBRATION_CROPS, PROBE_CROPS = 800, 16
BATCH = 32
LIMIT_DEG = 0.05
"""INT8 is offered where its error on held-out heads is surely (2 SE) not larger than fp32's by more
than this, at every face size."""


def quantise(
    name: str,
    calibration: Sequence[str | Path],
    cfg: TrainConfig,
    folder: Path = weights.FOLDER,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write ``NAME.int8.xml``, ``.bin`` and ``.npz`` (a probe) and the card's table ``int8``.

    ``calibration``: packs, whose crops set the ranges; ``cfg``: its held-out heads judge.  Returns
    the table; ``passed`` says whether the runtime will be offered.

    Raises
    ------
    ConfigError
        NNCF is not installed, or the network is one without a 6-D head.
    """
    ov = import_openvino()
    try:
        import nncf
    except ImportError as e:
        raise ConfigError("INT8 needs NNCF: pip install classroom-gaze[train]") from e
    nncf.set_log_level(logging.ERROR)
    path = folder / f"{name}.pt"
    loaded = weights.load(path)
    px = loaded.input_px
    rng = np.random.default_rng(0)
    crops = np.concatenate([crops_of(read_pack(p), px, None)[0] for p in calibration])
    crops = crops[rng.permutation(len(crops))[:CALIBRATION_CROPS]]
    with tempfile.TemporaryDirectory(prefix=".quantise-", dir=folder) as aside_name:
        aside = Path(aside_name)
        plain = OpenVinoRuntime(loaded, aside, 1)
        model = ov.Core().read_model(next(aside.glob("*.xml")))
        kept = _in_fp32(model)
        progress(f"ranges from {len(crops)} crops")
        small = nncf.quantize(
            model, nncf.Dataset([c[None] for c in crops]), subset_size=len(crops),
            preset=nncf.QuantizationPreset.MIXED, ignored_scope=nncf.IgnoredScope(names=kept),
        )  # fmt: skip
        stem = f"{name}.int8"
        ov.save_model(small, aside / f"{stem}.xml", compress_to_fp16=False)
        run = OpenVinoInt8Runtime(replace(loaded, int8=aside / f"{stem}.xml"), aside, 1)
        probe = crops[:PROBE_CROPS]
        R = decode_rotation(dict(plain(probe)))
        distance = rotation.geodesic_deg(decode_rotation(dict(run(probe))), R).mean()
        np.savez_compressed(aside / f"{stem}.npz", crops=probe, R=R, distance_deg=distance)
        progress("held-out heads")
        table: dict[str, Any] = {
            "weights_sha256": loaded.sha256,
            "calibrated_on": [Path(p).stem for p in calibration],
            "calibration_crops": len(crops),
            "in_fp32": "first convolution, up to attention, rotation, landmark and sigma heads",
            "nncf": nncf.__version__,
            **_compared(plain, run, cfg, px),
        }
        for end in ("xml", "bin", "npz"):
            file = f"{stem}.{end}"
            table[f"sha256_{end}"] = hashlib.sha256((aside / file).read_bytes()).hexdigest()
            synced_replace(aside / file, folder / file)
        card_path = path.with_suffix(".toml")
        card = tomllib.loads(card_path.read_text(encoding="utf-8"))
        (aside / "card.toml").write_text(toml(card | {"int8": table}), encoding="utf-8")
        shutil.copymode(card_path, aside / "card.toml")
        synced_replace(aside / "card.toml", card_path)
    return table


def _in_fp32(model: Any) -> list[str]:
    """Names of the operations of the heads (and all behind them), of the first convolution, and up
    to the last attention."""
    ops = [(op.get_friendly_name(), op) for op in model.get_ordered_ops()]
    attention = [k for k, (name, _) in enumerate(ops) if ATTENTION in name]
    early = {name for name, _ in ops[: max(attention, default=-1) + 1]}
    heads: set[str] = set()
    first = ""
    for name, op in ops:
        kind = op.get_type_name()
        before = [i.get_source_output().get_node().get_friendly_name() for i in op.inputs()]
        if kind == "Result" or any(h in name for h in HEADS) or any(b in heads for b in before):
            heads.add(name)
        elif kind == "Convolution" and not first:
            first = name
    counts = {
        name for name, op in ops if op.get_type_name() not in ("Result", "Constant", "Parameter")
    }
    return sorted(((heads | early) & counts) | {first})


def _compared(a: Runtime, b: Runtime, cfg: TrainConfig, px: int) -> dict[str, Any]:
    """Errors of both on all held-out heads at each size, and whether ``b`` is as good."""
    store, _, held_out = load_store(cfg)
    found: dict[str, Any] = {"held_out_heads": len(held_out)}
    passed = True
    for size in VALIDATION_FACES_PX:
        crops, R, _ = validation_crops(store, held_out, px, size)
        ea, eb = (rotation.geodesic_deg(_rotations(run, crops), R) for run in (a, b))
        mean, se = (eb - ea).mean(), (eb - ea).std(ddof=1) / len(ea) ** 0.5
        tag = "full" if size is None else f"{size:.0f}"
        found[f"geodesic_fp32_{tag}"] = round(float(ea.mean()), 3)
        found[f"geodesic_int8_{tag}"] = round(float(eb.mean()), 3)
        found[f"difference_{tag}"] = round(float(mean), 4)
        found[f"difference_se_{tag}"] = round(float(se), 4)
        passed &= bool(mean + 2 * se <= LIMIT_DEG)
    return found | {"limit_deg": LIMIT_DEG, "passed": passed}


def _rotations(run: Runtime, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = [run(crops[k : k + BATCH]) for k in range(0, len(crops), BATCH)]
    return decode_rotation({n: np.concatenate([p[n] for p in parts]) for n in parts[0]})
