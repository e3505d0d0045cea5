"""Weights files and their cards.

A set of weights is two files of one stem: ``NAME.pt`` (half precision tensors, the network's
config, the crop size, the calibration of its uncertainty; no code, loaded with
``weights_only=True``) and ``NAME.toml`` (the model card, with the file's sha256).
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from headpose.errors import WeightsError
from headpose.files import synced_replace
from headpose.networks import NetworkConfig
from headpose.networks.heads import HeadPoseNet, head_pose_net

FOLDER = Path(__file__).parent
FORMAT = 1


@dataclass(frozen=True)
class Weights:
    """A loaded set of weights: network in float32, ``calibration`` as plain lists."""

    name: str
    net: HeadPoseNet
    config: NetworkConfig
    input_px: int
    calibration: dict[str, Any]
    sha256: str
    path: Path
    int8: Path | None = None
    """``NAME.int8.xml``, where there is one that passed its check."""


def shipped() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.pt") if p.with_suffix(".toml").is_file())


def card(name: str) -> dict[str, Any]:
    """The model card of shipped weights."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise WeightsError(f"no weights {name!r}; shipped are: {', '.join(shipped()) or 'none'}")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def save(
    path: str | Path,
    name: str,
    net: nn.Module,
    config: NetworkConfig,
    input_px: int,
    calibration: dict[str, Any],
) -> str:
    """Write a weights file in half precision; returns its sha256."""
    state = {
        k: v.half() if v.is_floating_point() else v
        for k, v in net.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    content = {
        "format": FORMAT, "name": name, "network": config.model_dump_json(),
        "input_px": input_px, "calibration": json.dumps(calibration), "state": state,
    }  # fmt: skip
    path = Path(path)
    part = path.with_suffix(".part")
    torch.save(content, part)
    synced_replace(part, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(name_or_path: str | Path) -> Weights:
    """Shipped weights by name, or a weights file by path.

    Raises
    ------
    WeightsError
        Unknown name, missing or truncated file, wrong sha256, tensors of another architecture.
    """
    text = str(name_or_path)
    is_path = text.endswith(".pt") or os.sep in text
    path = Path(text) if is_path else FOLDER / f"{text}.pt"
    if not path.is_file():
        have = ", ".join(shipped()) or "none"
        raise WeightsError(f"no weights {text!r}: not a file, and shipped are: {have}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if not is_path:
        expected = card(text)["sha256"]
        if sha256 != expected:
            raise WeightsError(
                f"{path}: sha256 {sha256[:12]}… is not the card's {expected[:12]}…: the file is "
                "truncated or changed; reinstall the package"
            )
    try:
        d = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # torch raises many types for a broken archive
        raise WeightsError(f"{path}: not a readable weights file (truncated?): {e}") from e
    if not isinstance(d, dict) or d.get("format") != FORMAT:
        raise WeightsError(f"{path}: not a headpose weights file of format {FORMAT}")
    config = NetworkConfig.model_validate_json(d["network"]).trained()
    net = head_pose_net(config)
    state = {k: v.float() if v.is_floating_point() else v for k, v in d["state"].items()}
    missing, unexpected = _load_state(net, state)
    if missing or unexpected:
        raise WeightsError(
            f"{path}: weights of another architecture than {config.name}/{config.backbone}: "
            f"missing {missing[:3]}, unexpected {unexpected[:3]}"
        )
    return Weights(
        name=d["name"], net=net.eval(), config=config, input_px=int(d["input_px"]),
        calibration=json.loads(d["calibration"]), sha256=sha256, path=path,
        int8=_int8(path, sha256),
    )  # fmt: skip


def _int8(path: Path, sha256: str) -> Path | None:
    """The INT8 version beside a weights file: of these very weights, passed, and undamaged.

    Raises
    ------
    WeightsError
        Its files are missing or are not those that the card vouches for.
    """
    card_path = path.with_suffix(".toml")
    if not card_path.is_file():
        return None
    table = tomllib.loads(card_path.read_text(encoding="utf-8")).get("int8")
    if not table or not table["passed"] or table["weights_sha256"] != sha256:
        return None
    for end in ("xml", "bin", "npz"):
        file = path.with_suffix(f".int8.{end}")
        found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        if found != table[f"sha256_{end}"]:
            raise WeightsError(
                f"{file}: missing, or not the file that {card_path.name} vouches for: "
                "reinstall the package"
            )
    return path.with_suffix(".int8.xml")


def _load_state(net: nn.Module, state: dict[str, torch.Tensor]) -> tuple[list[str], list[str]]:
    """Keys that are missing or have another shape, and keys that the network does not know."""
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    missing = [k for k, v in own.items() if k not in state or state[k].shape != v.shape]
    unexpected = [k for k in state if k not in own]
    if not missing and not unexpected:
        net.load_state_dict(state, strict=False)
    return missing, unexpected
