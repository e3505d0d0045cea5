"""INT8: made, checked, offered only where it is as good, fast and undamaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from headpose import estimator, weights
from headpose.errors import ConfigError, WeightsError
from headpose.estimator import HeadPoseEstimator
from headpose.networks import NetworkConfig
from headpose.networks.heads import head_pose_net
from headpose.runtimes.openvino_int8 import OpenVinoInt8Runtime
from headpose.train import quantise
from headpose.train.config import DataConfig, TrainConfig
from headpose.train.export import toml
from headpose.weights import tensors
from tests.headpose.drawn_heads import CALIBRATION

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def made(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny network, its card and its INT8 version."""
    pytest.importorskip("nncf")
    folder = tmp_path_factory.mktemp("int8")
    torch.manual_seed(0)
    config = NetworkConfig(backbone="lite0")
    sha = tensors.save(folder / "t.pt", "t", head_pose_net(config), config, 64, CALIBRATION)
    (folder / "t.toml").write_text(toml({"name": "t", "sha256": sha}))
    data = DataConfig(packs=(str(pack),), store=str(folder / "store"), validation_share=0.4)
    cfg = TrainConfig(name="t", steps=1, data=data, validation_limit=12)
    table = quantise.quantise("t", [pack], cfg, folder)
    assert table["held_out_heads"] == 12 and table["calibrated_on"] == [pack.stem]
    return folder


def copied(made: Path, to: Path) -> Path:
    for file in made.glob("t.*"):
        shutil.copy(file, to)
    return to / "t.pt"


def test_it_answers_as_the_network_does(made: Path) -> None:
    loaded = weights.load(made / "t.pt")
    assert loaded.int8 is not None
    crops = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    exact = HeadPoseEstimator(loaded, estimator.make_runtime("torch", loaded, 1)).predict(crops)
    run = estimator.make_runtime("openvino-int8", loaded, 1)
    assert isinstance(run, OpenVinoInt8Runtime) and run.precision == "int8" and run.agrees()
    found = HeadPoseEstimator(loaded, run).predict(crops)
    np.testing.assert_allclose(found.R, exact.R, atol=0.05)
    with np.load(loaded.int8.with_suffix(".npz")) as probe:  # a first guess would not do
        assert 0 < float(probe["distance_deg"]) < 2
    names = (made / "t.int8.xml").read_text()
    assert "FakeQuantize" in names


def test_only_what_passed_and_is_undamaged_is_offered(made: Path, tmp_path: Path) -> None:
    path = copied(made, tmp_path)
    card = path.with_suffix(".toml")
    text = card.read_text()
    card.write_text(text.replace("passed = true", "passed = false"))
    refused = weights.load(path)
    assert refused.int8 is None
    with pytest.raises(ConfigError, match="no INT8 version that passed"):
        estimator.make_runtime("openvino-int8", refused, 1)
    card.write_text(text.replace('weights_sha256 = "', 'weights_sha256 = "0'))
    assert weights.load(path).int8 is None, "of other weights"
    card.write_text(text)
    with (tmp_path / "t.int8.bin").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(WeightsError, match=r"t\.int8\.bin: missing, or not the file"):
        weights.load(path)


def test_fast_takes_it_by_measured_speed_and_agreement(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made / "t.pt"
    rates = {"openvino-int8": 300.0, "openvino": 150.0, "torch": 100.0, "onnxruntime": 90.0}
    monkeypatch.setattr(estimator, "crops_per_second", lambda run: rates[run.name])

    monkeypatch.setenv("HEADPOSE_CACHE", str(tmp_path))

    def chosen(runtime: str) -> str:
        return HeadPoseEstimator.load(path, runtime, 1).runtime.name

    assert chosen("fast") == "openvino-int8"
    assert chosen("auto") == "openvino", "nobody gets INT8 unasked"
    rates["openvino-int8"] = 120.0
    assert chosen("fast") == "openvino-int8", "measured once"
    (tmp_path / "fastest.json").unlink()
    assert chosen("fast") == "openvino", "slower here"
    rates["openvino-int8"] = 300.0
    (tmp_path / "fastest.json").unlink()
    monkeypatch.setattr(OpenVinoInt8Runtime, "agrees", lambda _self: False)
    assert chosen("fast") == "openvino", "answers otherwise here"


def test_a_processor_that_answers_otherwise_is_noticed(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = estimator.make_runtime("openvino-int8", weights.load(made / "t.pt"), 1)
    assert isinstance(run, OpenVinoInt8Runtime) and run.agrees()
    right = run.run
    monkeypatch.setattr(run, "run", lambda crops: [np.roll(a, 1, -1) for a in right(crops)])
    assert not run.agrees()


def test_a_worse_one_does_not_pass(pack: Path, tmp_path: Path) -> None:
    class Fixed:
        def __init__(self, sixd: list[float]) -> None:
            self.sixd = np.array([sixd])

        def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
            return {"sixd": np.repeat(self.sixd, len(crops), 0)}

    data = DataConfig(packs=(str(pack),), store=str(tmp_path), validation_share=0.4)
    cfg = TrainConfig(name="t", steps=1, data=data, validation_limit=12)
    ahead, up = Fixed([1, 0, 0, 0, 1, 0]), Fixed([-1, 0, 0, 0, -1, 0])
    assert quantise._compared(ahead, ahead, cfg, 64)["passed"]  # type: ignore[arg-type]
    assert not quantise._compared(ahead, up, cfg, 64)["passed"]  # type: ignore[arg-type]
