"""Weights files and their cards.

A set of weights is two files of one stem: ``NAME.pt`` (half precision tensors, the network's
config, the crop size, the calibration of its uncertainty; no code) and ``NAME.toml`` (the model
card, with the file's sha256).  All but the tensors is read without torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tomllib
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headpose.errors import WeightsError
from headpose.visibility import Visibility

if TYPE_CHECKING:
    from headpose.networks import NetworkConfig
    from headpose.networks.heads import HeadPoseNet

FOLDER = Path(__file__).parent
FORMAT = 1


@dataclass(frozen=True)
class Weights:
    """A set of weights, ``calibration`` as plain lists; the network is made when it is asked for.

    ``network`` : its config, as JSON.
    """

    name: str
    network: str
    input_px: int
    calibration: dict[str, Any]
    sha256: str
    path: Path
    int8: Path | None = None
    """``NAME.int8.xml``, where there is one that passed its check."""
    covered: Path | None = None
    """``NAME.covered.npz``, where there is one for these weights."""
    covered_sha256: str | None = None

    @cached_property
    def visibility(self) -> Visibility | None:
        """What says which faces are covered."""
        return None if self.covered is None else Visibility.load(self.covered)

    @cached_property
    def net(self) -> HeadPoseNet:
        """The network in float32; WeightsError where the tensors are of another architecture."""
        from headpose.weights.tensors import network_of

        return network_of(self)

    @property
    def config(self) -> NetworkConfig:
        """Its network's."""
        from headpose.networks import NetworkConfig

        return NetworkConfig.model_validate_json(self.network).trained()


def shipped() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(p.stem for p in FOLDER.glob("*.pt") if p.with_suffix(".toml").is_file())


def card(name: str) -> dict[str, Any]:
    """The model card of shipped weights."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise WeightsError(f"no weights {name!r}; shipped are: {', '.join(shipped()) or 'none'}")
    return tomllib.loads(path.read_text(encoding="utf-8"))


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
    d = _all_but_tensors(path)
    if not isinstance(d, dict) or d.get("format") != FORMAT:
        raise WeightsError(f"{path}: not a headpose weights file of format {FORMAT}")
    covered = _vouched(path, "covered", sha256)
    loaded = Weights(
        name=d["name"], network=d["network"], input_px=int(d["input_px"]),
        calibration=json.loads(d["calibration"]), sha256=sha256, path=path,
        int8=_int8(path, sha256),
        covered=_same(path.with_suffix(".covered.npz"), covered["sha256"]) if covered else None,
        covered_sha256=covered["sha256"] if covered else None,
    )  # fmt: skip
    if is_path:  # no card vouches for it
        assert loaded.net is not None
    return loaded


def _all_but_tensors(path: Path) -> Any:
    """What a weights file holds, its tensors as None."""

    class Plain(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("collections", "OrderedDict"):
                return OrderedDict
            if module.split(".")[0] == "torch":
                return lambda *_: None
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a weights file")

        def persistent_load(self, _: Any) -> None:
            return None

    try:
        with zipfile.ZipFile(path) as archive:
            inside = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            with archive.open(inside) as file:
                return Plain(file).load()
    except Exception as e:  # a broken archive raises many types
        raise WeightsError(f"{path}: not a readable weights file (truncated?): {e}") from e


def _int8(path: Path, sha256: str) -> Path | None:
    """The INT8 version beside a weights file: of these very weights, passed, and undamaged.

    Raises
    ------
    WeightsError
        Its files are missing or are not those that the card vouches for.
    """
    table = _vouched(path, "int8", sha256)
    if not table or not table["passed"]:
        return None
    for end in ("bin", "npz", "xml"):
        file = _same(path.with_suffix(f".int8.{end}"), table[f"sha256_{end}"])
    return file


def _vouched(path: Path, name: str, sha256: str) -> dict[str, Any] | None:
    """A table of the card beside a weights file; None: there is none for these very weights."""
    card_path = path.with_suffix(".toml")
    if not card_path.is_file():
        return None
    table: dict[str, Any] | None = tomllib.loads(card_path.read_text(encoding="utf-8")).get(name)
    return table if table and table["weights_sha256"] == sha256 else None


def _same(file: Path, sha256: str) -> Path:
    found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    if found != sha256:
        raise WeightsError(
            f"{file}: missing, or not the file that its card vouches for: reinstall the package"
        )
    return file
