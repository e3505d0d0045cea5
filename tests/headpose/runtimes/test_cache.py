"""Converted networks in the cache: what is damaged or of other weights is made again."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from headpose import runtimes
from headpose.runtimes.cache import converted
from headpose.runtimes.registry import Bare

PX = 16


class Net(nn.Module):
    """A tiny network with the outputs of a head-pose network."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(3, 64, 3)
        self.head = nn.Linear(64, 6)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sixd": self.head(self.conv(x / 255).mean((2, 3)))}


def damage_zeros(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)


def damage_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = [damage_zeros, damage_bit, damage_half, Path.unlink, lambda p: p.write_bytes(b"")]


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_damaged_cache_is_made_again_and_says_the_same(name: str, tmp_path: Path) -> None:
    if not runtimes.RUNTIMES[name].available():
        pytest.skip(f"no {name} here")
    crops = np.random.default_rng(0).integers(0, 256, (4, PX, PX, 3), dtype=np.uint8)

    def say(seed: int) -> np.ndarray:
        source = Bare(Net(seed), PX, f"0123456789ab and {seed}")  # of the same first digits
        return runtimes.get(name)(source, tmp_path, 1)(crops)["sixd"]

    first = say(0)
    whole = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert not any(n.startswith(".") for n in whole)  # nothing half-written is left
    for file in whole:
        damage_bit(tmp_path / file)
        np.testing.assert_allclose(say(0), first, atol=1e-6)
        assert set(whole) == {p.name for p in tmp_path.iterdir()}
    # The same name, other weights (negative control: they do say something else).
    other = say(1)
    with torch.no_grad():
        x = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
        np.testing.assert_allclose(other, Net(1).eval()(x)["sixd"].numpy(), atol=0.02)
    assert np.abs(other - first).max() > 0.05


def test_a_whole_cache_is_used_and_any_damage_makes_it_anew(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "a.xml").write_bytes(b"<a/>")
        (folder / "a.bin").write_bytes(bytes(range(1, 200)))

    def get() -> dict[str, bytes]:
        assert converted(tmp_path, ["a.xml", "a.bin"], "these", make) == tmp_path / "a.xml"
        return {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    whole = get()
    assert get() == whole and len(made) == 1 and len(whole) == 3
    for n, (damage, file) in enumerate(product(DAMAGES, whole), 2):
        damage(tmp_path / file)
        assert get() == whole and len(made) == n


def test_a_conversion_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "a.bin").write_bytes(b"half")
        raise RuntimeError("no memory")

    converted(tmp_path, ["a.bin"], "these", lambda f: (f / "a.bin").write_bytes(b"a") and None)
    with pytest.raises(RuntimeError, match="no memory"):
        converted(tmp_path, ["a.bin"], "others", fail)
    assert (tmp_path / "a.bin").read_bytes() == b"a" and len(list(tmp_path.iterdir())) == 2
