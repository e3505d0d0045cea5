"""Covered faces are known, and make the stated uncertainty wider, never narrower."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from headpose import weights
from headpose.data.coverings import cover
from headpose.data.packs import read_pack
from headpose.data.samples import persons_of
from headpose.data.store import split_by_group
from headpose.data.training_rows import held_out_of
from headpose.errors import DataError, WeightsError
from headpose.estimator import HeadPoseEstimator, calibrated_covariance_deg2
from headpose.train.config import DataConfig, TrainConfig
from headpose.train.visibility import Observed, fit, learn, observe
from headpose.visibility import PARTS, Visibility, inputs_of
from tests.headpose.drawn_heads import write_pack

LESSON_CROPS = weights.FOLDER / "lite0.int8.npz"  # heads out of rendered classrooms


def made(n: int, seed: int) -> Observed:
    """Covered where input 0 is high (lower part) or input 1 is (eyes); errors twice as large as
    stated under a covered lower part, as stated elsewhere."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 12)).astype(np.float32)
    hidden = np.zeros((n, 4))
    hidden[:, 0], hidden[:, 1] = x[:, 0] > 1, x[:, 1] > 1
    e = rng.standard_normal((n, 3)) * np.where(hidden[:, :1] > 0, 6.0, 3.0)
    kind = np.where(hidden.any(1), "mask", "")
    return Observed(x, e, np.tile(9 * np.eye(3), (n, 1, 1)), hidden, kind, np.arange(n).astype(str))


@pytest.fixture(scope="module")
def fitted() -> Visibility:
    return fit(made(3000, 0), steps=450)


def test_finds_what_is_covered_and_how_much_wider_it_is(fitted: Visibility) -> None:
    seen = made(2000, 1)
    covered, wider = fitted(seen.x)
    plain = seen.kind == ""
    assert (covered[plain].max(1) > 0.5).mean() < 0.03
    assert (covered[seen.hidden[:, 0] > 0.5, 0] > 0.5).mean() > 0.6
    assert (wider >= 1).all()
    assert wider[plain].mean() == pytest.approx(1, abs=0.15)
    assert wider[seen.hidden[:, 0] > 0.5].mean() == pytest.approx(2, abs=0.4)


def test_file_round_trip(fitted: Visibility, tmp_path: Path) -> None:
    fitted.save(tmp_path / "x.covered.npz")
    again, x = Visibility.load(tmp_path / "x.covered.npz"), made(50, 2).x
    for a, b in zip(fitted(x), again(x), strict=True):
        np.testing.assert_allclose(a, b, atol=0.05)


@pytest.fixture(scope="module")
def small() -> HeadPoseEstimator:
    return HeadPoseEstimator.load("lite0", "torch", threads=1)


def test_a_mask_is_found_and_widens(small: HeadPoseEstimator) -> None:
    with np.load(LESSON_CROPS) as probe:
        crops = probe["crops"]
    plain = small.predict(crops, face_px=48)
    assert plain.landmarks is not None
    rng = np.random.default_rng(0)
    masked = np.stack(
        [cover(c, p * len(c), "beak", rng)[0] for c, p in zip(crops, plain.landmarks, strict=True)]
    )
    seen = small.predict(masked, face_px=48)
    assert plain.covered is not None and seen.covered is not None
    assert plain.covered.shape == (len(crops), len(PARTS))
    assert (seen.covered.max(1) > 0.5).mean() > 0.6 > 0.2 > (plain.covered.max(1) > 0.5).mean()

    def stated(c: np.ndarray) -> float:
        return float(np.sqrt(np.trace(c, axis1=1, axis2=2)).mean())

    assert stated(seen.covariance_deg2) > 1.3 * stated(plain.covariance_deg2)


def test_the_covariance_is_the_calibrated_one_times_the_factors(small: HeadPoseEstimator) -> None:
    with np.load(LESSON_CROPS) as probe:
        crops = probe["crops"][:4]
    out = small.predict(crops)
    raw = {k: v.astype(float) for k, v in small.runtime(crops).items()}
    assert small.weights.visibility is not None
    _, wider = small.weights.visibility(inputs_of(raw, out.R, np.full(4, crops.shape[1] / 1.3)))
    raw_sigma = calibrated_covariance_deg2(
        raw["log_sigma"], np.full(4, crops.shape[1] / 1.3), small.weights.calibration
    )
    again = raw_sigma * wider[:, :, None] * wider[:, None, :]
    np.testing.assert_allclose(out.covariance_deg2, again, rtol=1e-5)


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    for end in (".pt", ".toml", ".covered.npz", ".int8.xml", ".int8.bin", ".int8.npz"):
        shutil.copy(weights.FOLDER / f"lite0{end}", tmp_path)
    assert weights.load(tmp_path / "lite0.pt").visibility is not None
    file = tmp_path / "lite0.covered.npz"
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(WeightsError, match=r"lite0\.covered\.npz"):
        weights.load(tmp_path / "lite0.pt")
    file.unlink()
    with pytest.raises(WeightsError, match="missing"):
        weights.load(tmp_path / "lite0.pt")


def test_the_part_is_learned_from_packs_and_stands_in_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of ``headpose cover``, on drawn heads and too few steps to find anything."""
    monkeypatch.setattr("headpose.train.visibility.fit", lambda seen: fit(seen, steps=5))
    for end in (".pt", ".toml", ".covered.npz", ".int8.xml", ".int8.bin", ".int8.npz"):
        shutil.copy(weights.FOLDER / f"lite0{end}", tmp_path)
    write_pack(tmp_path / "train.npz", 60)
    hidden = np.zeros((20, 68), bool)
    hidden[::2] = True
    worn = tmp_path / "worn.npz"
    kinds = np.where(hidden.any(1), "mask", "")
    write_pack(worn, 20, seed=1, hidden=hidden, kind=kinds)
    data = DataConfig(packs=(str(tmp_path / "train.npz"),), validation_share=0.3)
    cfg = TrainConfig(name="x", steps=1, data=data)
    said: list[str] = []
    loaded = weights.load(tmp_path / "lite0.pt")
    table = learn(loaded, cfg, [worn], said.append)
    n = [int(word) for word in said[0].split() if word.isdigit()]
    persons = persons_of(read_pack(tmp_path / "train.npz").group)
    out, judges = held_out_of(cfg, persons), split_by_group(persons, 0.25, seed=6)
    assert n == [out.sum(), (~out & ~judges).sum()] and 10 < n[0] < 30 < n[1] < 45, "all of so few"
    assert table["learned_on_crops"] + table["judged_on_crops"] == 3 * n[1] + 6 * n[0] + 2 * 20
    assert weights.load(tmp_path / "lite0.pt").covered_sha256 == table["sha256"]
    observed = observe(loaded, read_pack(worn), 0, worn=(hidden, kinds))
    assert (observed.hidden == hidden[:, :1]).all() and (observed.kind == kinds).all()
    write_pack(tmp_path / "train_2.npz", 60, seed=2)
    both = (*data.packs, str(tmp_path / "train_2.npz"))
    masked = cfg.model_copy(
        update={"data": data.model_copy(update={"packs": both, "worn": ("train",)})}
    )
    said.clear()
    learn(loaded, masked, [], said.append)
    assert [line.split(":")[0] for line in said] == ["train_2"], "who may wear a mask is not plain"
    write_pack(worn, 20, seed=1)
    with pytest.raises(DataError, match="expected `hidden`"):
        learn(loaded, cfg, [worn])


def test_colours_do_not_matter_much(small: HeadPoseEstimator) -> None:
    """A grey picture of an uncovered head is not a covered one."""
    with np.load(LESSON_CROPS) as probe:
        crops = probe["crops"]
    grey = np.stack([cv2.cvtColor(cv2.cvtColor(c, 6), 8) for c in crops])
    covered = small.predict(grey, face_px=48).covered
    assert covered is not None and (covered.max(1) > 0.5).mean() <= 0.2
