"""Crops in, rotations with covariance out; weights files; runtimes agree; bad input."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from headpose import estimator, rotation, runtimes, weights
from headpose.data import crop
from headpose.errors import ConfigError, CropError, WeightsError
from headpose.estimator import HeadPoseEstimator
from headpose.networks import NetworkConfig, build
from tests.headpose.drawn_heads import CALIBRATION, draw_head


@pytest.fixture(scope="module")
def est(tiny_weights: Path) -> HeadPoseEstimator:
    return HeadPoseEstimator.load(tiny_weights, runtime="torch")


def crops(n: int, px: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, px, px, 3), dtype=np.uint8)


def test_outputs_have_the_promised_shapes(est: HeadPoseEstimator) -> None:
    out = est.predict(crops(5))
    assert len(out) == 5 and out.R.dtype == np.float64
    np.testing.assert_allclose(
        out.R @ out.R.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-5
    )
    assert out.covariance_deg2.shape == (5, 3, 3)
    assert (np.linalg.eigvalsh(out.covariance_deg2) > 0).all()
    assert out.landmarks.shape == (5, 68, 2) and out.landmark_sigma.shape == (5, 68)
    assert (out.landmark_sigma > 0).all()
    assert est.input_px == 64 and est.name == "tiny"


def test_batches_are_split_without_changing_anything(est: HeadPoseEstimator) -> None:
    x = crops(estimator.BATCH + 3)
    both = est.predict(x)
    one = est.predict(x[-1:])
    np.testing.assert_allclose(both.R[-1], one.R[0], atol=2e-2)  # bf16 depends on the batch's size


def test_any_crop_size_is_resized(est: HeadPoseEstimator) -> None:
    x = np.repeat(np.repeat(crops(2, 32), 4, 1), 4, 2)  # 128 px, halves exactly to doubled pixels
    small = est.predict(x[:, ::2, ::2])
    np.testing.assert_allclose(est.predict(x).R, small.R, atol=2e-2)


def test_fewer_pixels_mean_larger_covariance(est: HeadPoseEstimator) -> None:
    x = crops(2)
    near, far = est.predict(x, face_px=[64.0, 64.0]), est.predict(x, face_px=[12.0, 12.0])
    np.testing.assert_allclose(far.covariance_deg2, 4 * near.covariance_deg2, rtol=1e-6)
    np.testing.assert_allclose(far.landmark_sigma, 2 * near.landmark_sigma, rtol=1e-6)


def test_covariance_is_d_c_d() -> None:
    log_sigma = np.log([[2.0, 3.0, 4.0]])
    cov = estimator.calibrated_covariance_deg2(log_sigma, np.array([64.0]), CALIBRATION)[0]
    np.testing.assert_allclose(cov, [[4, 0.2 * 6, 0], [0.2 * 6, 9, 0], [0, 0, 16]])
    half_way = np.sqrt(12.0 * 64.0)  # factors interpolate over the logarithm of the size
    cov = estimator.calibrated_covariance_deg2(log_sigma, np.array([half_way]), CALIBRATION)[0]
    np.testing.assert_allclose(cov[0, 0], 4 * 1.5**2)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((0, 64, 64, 3), np.uint8), "empty batch"),
        (np.zeros((2, 64, 64), np.uint8), "must be"),
        (np.zeros((2, 64, 64, 1), np.uint8), "grey crops"),
        (np.zeros((2, 64, 64, 4), np.uint8), "four-channel"),
        (np.zeros((2, 3, 64, 64), np.uint8), "64-channel"),
        (np.full((2, 64, 64, 3), np.nan), "with NaN"),
        (np.zeros((2, 64, 64, 3), np.float32), "must be uint8"),
        (np.zeros((2, 64, 48, 3), np.uint8), "square"),
        (np.zeros((2, 2, 2, 3), np.uint8), "at least 4 px"),
    ],
)
def test_bad_crops_are_refused_clearly(
    est: HeadPoseEstimator, bad: np.ndarray, message: str
) -> None:
    with pytest.raises(CropError, match=message):
        est.predict(bad)


@pytest.mark.parametrize("px", [0.0, -3.0, np.nan])
def test_bad_face_sizes_are_refused(est: HeadPoseEstimator, px: float) -> None:
    with pytest.raises(CropError, match="face_px"):
        est.predict(crops(1), face_px=[px])


# -- weights files ---------------------------------------------------------------------------------


def test_weights_come_back(tiny_weights: Path) -> None:
    w = weights.load(tiny_weights)
    assert w.input_px == 64 and w.calibration == CALIBRATION
    assert w.sha256 == hashlib.sha256(tiny_weights.read_bytes()).hexdigest()
    torch.manual_seed(0)
    fresh = build(w.config).state_dict()
    for k, v in w.net.state_dict().items():
        if v.is_floating_point():
            np.testing.assert_allclose(v, fresh[k], atol=2e-3, rtol=1e-3)


def test_missing_truncated_foreign_and_mismatched_files(tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights 'nothing'"):
        weights.load("nothing")
    cut = tmp_path / "cut.pt"
    cut.write_bytes(tiny_weights.read_bytes()[:20000])
    with pytest.raises(WeightsError, match="truncated"):
        weights.load(cut)
    other = tmp_path / "other.pt"
    torch.save({"a": torch.zeros(3)}, other)
    with pytest.raises(WeightsError, match="not a headpose weights file"):
        weights.load(other)
    d = torch.load(tiny_weights, weights_only=True)
    d["network"] = NetworkConfig(backbone="resnet18").model_dump_json()
    torch.save(d, other)
    with pytest.raises(WeightsError, match="another architecture"):
        weights.load(other)


def test_shipped_weights_whose_sha_is_not_the_cards(
    tiny_weights: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    (tmp_path / "tiny.pt").write_bytes(tiny_weights.read_bytes())
    sha = hashlib.sha256(tiny_weights.read_bytes()).hexdigest()
    (tmp_path / "tiny.toml").write_text(f'sha256 = "{sha}"\n')
    assert weights.load("tiny").name == "tiny" and weights.shipped() == ["tiny"]
    (tmp_path / "tiny.toml").write_text('sha256 = "00"\n')
    with pytest.raises(WeightsError, match="sha256"):
        weights.load("tiny")


def test_every_shipped_model_has_a_full_card_and_matches_it() -> None:
    names = weights.shipped()
    assert names, "the package ships weights"
    total = 0
    for name in names:
        c = weights.card(name)
        w = weights.load(name)  # checks the sha256
        assert c["input_px"] == w.input_px and c["parameters"] == sum(
            p.numel() for p in w.net.parameters()
        )
        assert "esearch" in c["terms"], "the data's terms"
        assert c["reliability_on_unused_half"] and c["recipe"]["steps"] > 0
        total += w.path.stat().st_size
    assert total <= 80e6


@pytest.mark.parametrize("name", weights.shipped())
def test_shipped_models_see_where_a_drawn_head_points(name: str) -> None:
    """A cartoon is far from any photograph, and still the chain of signs must hold: picture, crop
    rule, normalisation, rotation, angles, landmarks."""
    est = HeadPoseEstimator.load(name, runtime="torch")
    angles = np.array([(p, y, 0) for p in (-15, 0, 15) for y in (-40, -20, 0, 20, 40)], float)
    batch, noses = [], []
    for a in angles:
        image, points = draw_head(rotation.matrix(*a), 160)
        box = crop.box_of_points(points)
        batch.append(crop.crop(image, box, est.input_px))
        noses.append(crop.fractions_of_points(points[[30]] - 0.5, crop.square_of_box(box))[0])
    out = est.predict(np.stack(batch), face_px=60.0)
    wrong = np.abs(rotation.angles_deg(out.R) - angles)
    assert wrong.max() < 25 and wrong.mean() < 5, wrong.round(1)
    frontal = rotation.angles_deg(out.R[7])
    assert np.abs(frontal[1:]).max() < 5, "a symmetric face looks neither left nor right"
    nose_error = np.linalg.norm(out.landmarks[:, 30] - noses, axis=1)
    assert np.median(nose_error) < 0.06
    sigma = np.sqrt(np.trace(out.covariance_deg2, axis1=1, axis2=2))
    assert (sigma > 1).all() and (sigma < 40).all()


# -- runtimes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_runtimes_agree_with_torch_in_float32(name: str, tiny_weights: Path) -> None:
    if not runtimes.RUNTIMES[name].available():
        pytest.skip(f"{name} is not installed")
    w = weights.load(tiny_weights)
    x = crops(3)
    run = runtimes.get(name)(w, estimator.cache_folder(), 1)
    found = run(x)
    with torch.no_grad():
        expected = w.net(torch.from_numpy(x).permute(0, 3, 1, 2))
    assert set(found) == set(expected)
    tolerance = 3e-2 if run.precision == "bf16" else 1e-3
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=tolerance)


def test_unknown_runtime(tiny_weights: Path) -> None:
    with pytest.raises(ConfigError, match="no runtime 'tpu'"):
        HeadPoseEstimator.load(tiny_weights, runtime="tpu")


def test_auto_measures_once_and_remembers(tiny_weights: Path, monkeypatch) -> None:
    monkeypatch.setattr(estimator, "AUTO", ("torch", "openvino"))
    first = HeadPoseEstimator.load(tiny_weights, threads=1)
    known = json.loads((estimator.cache_folder() / "fastest.json").read_text())
    assert first.runtime.name in known.values()

    def no_measuring(*_a: object, **_k: object) -> float:
        raise AssertionError("measured again")

    monkeypatch.setattr(estimator, "crops_per_second", no_measuring)
    assert HeadPoseEstimator.load(tiny_weights, threads=1).runtime.name == first.runtime.name


WITHOUT_TORCH = """
import sys
from pathlib import Path
import gaze.analyze, numpy as np
from headpose.estimator import HeadPoseEstimator
est = HeadPoseEstimator.load(sys.argv[1], sys.argv[2], 1)
est.predict(np.zeros((2, est.input_px, est.input_px, 3), np.uint8))
print("torch" in sys.modules)
"""


@pytest.mark.parametrize("runtime", ["openvino", "openvino-int8", "onnxruntime"])
def test_a_network_that_lies_converted_needs_no_torch(runtime: str) -> None:
    if not runtimes.RUNTIMES[runtime].available():
        pytest.skip(f"{runtime} is not installed")
    HeadPoseEstimator.load("lite0", runtime, 1)  # converts, with torch
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "lite0", runtime], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stderr


def test_a_weights_file_runs_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return print, ("run",)

    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps({"format": 1, "name": Evil()}))
    with pytest.raises(WeightsError, match="no place in a weights file"):
        weights.load(tmp_path / "evil.pt")


def test_a_runtime_that_breaks_is_not_chosen(
    tiny_weights: Path, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEADPOSE_CACHE", str(tmp_path))
    monkeypatch.setattr(estimator, "AUTO", ("openvino", "torch"))

    class Broken(runtimes.RUNTIMES["openvino"]):  # type: ignore[misc, name-defined]
        def prepare(self) -> None:
            raise RuntimeError("no such instruction")

    monkeypatch.setitem(runtimes.RUNTIMES, "openvino", Broken)
    assert HeadPoseEstimator.load(tiny_weights, threads=1).runtime.name == "torch"


# -- what the network looks at ---------------------------------------------------------------------


def test_grad_cam_goes_where_the_face_is() -> None:
    pytest.importorskip("captum")
    from headpose.research.figures import grad_cam, overlay

    small = HeadPoseEstimator.load("lite0", runtime="torch")
    heads = []
    for yaw in (-25.0, 0.0, 25.0):
        head, _ = draw_head(rotation.matrix(0.0, yaw, 0.0))
        n = len(head)
        for x in (0, n):  # in the left half of an empty picture, then in the right
            picture = np.full((2 * n, 2 * n, 3), head[0, 0], np.uint8)
            picture[n // 2 : n // 2 + n, x : x + n] = head
            heads.append(picture)
    heat = grad_cam(small, np.stack(heads), angle=1)
    px = small.input_px
    assert heat.shape == (6, px, px) and heat.min() >= 0 and heat.max() <= 1
    on_the_left = heat[:, :, : px // 2].sum((1, 2)) / heat.sum((1, 2))
    assert (on_the_left[0::2] > on_the_left[1::2] + 0.1).all()
    assert overlay(np.stack(heads), heat)[0].shape == (px, px, 3)


def test_bf16_only_where_the_machine_has_it(tiny_weights: Path, monkeypatch) -> None:
    from headpose import precision
    from headpose.runtimes import torch_

    has = {"avx2": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    precision.bf16_is_native.cache_clear()
    assert not precision.bf16_is_native("cpu")
    w = weights.load(tiny_weights)
    made = torch_.TorchRuntime(w, estimator.cache_folder(), 1)
    if made.device == "cpu":
        assert made.precision == "fp32"
        exact = made(crops(2))["sixd"]
        with torch.no_grad():
            expected = w.net(torch.from_numpy(crops(2)).permute(0, 3, 1, 2))["sixd"]
        np.testing.assert_allclose(exact, expected, atol=1e-4)
    for unit in ("avx512_bf16", "amx_bf16"):
        has[unit] = True
        precision.bf16_is_native.cache_clear()
        assert precision.bf16_is_native("cpu")
        del has[unit]
    precision.bf16_is_native.cache_clear()


@pytest.mark.parametrize("broken", ["a file stands there", "no home"])
def test_without_a_cache_folder_only_speed_is_lost(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADPOSE_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # counts as none
    monkeypatch.setenv("HOME", str(tmp_path))
    assert estimator.cache_folder() == tmp_path / ".cache" / "headpose"
    if broken == "no home":

        def unknown() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", unknown)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("HEADPOSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="cannot be written .*HEADPOSE_CACHE"):
        found = estimator.cache_folder()
    assert found.is_dir() and estimator.cache_folder() == found
    assert sorted(p.name for p in tmp_path.iterdir()) in ([".cache"], [".cache", "file"])
