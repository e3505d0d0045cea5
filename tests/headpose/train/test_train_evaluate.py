"""A whole life on drawn heads: train, resume, export, evaluate, calibrate, ablate, figures, CLI."""

from __future__ import annotations

import csv
import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from headpose import evaluate, rotation
from headpose.bench import bench, complexity
from headpose.checkpoint import read_checkpoint
from headpose.cli import app, main
from headpose.data.augment import NONE, AugmentConfig, augment, undisturbed
from headpose.data.packs import read_pack
from headpose.data.training_rows import load_store
from headpose.errors import ConfigError, DataError, WeightsError
from headpose.estimator import HeadPoseEstimator
from headpose.networks import NetworkConfig
from headpose.research import figures, similarity
from headpose.research.ablate import (
    ERRORS,
    AblationConfig,
    ablate,
    changed,
    changes_of,
    differences,
    load_ablation,
    markdown,
)
from headpose.research.average import average
from headpose.train import calibrate
from headpose.train.config import DataConfig, TeacherConfig, TrainConfig, load_config
from headpose.train.export import export, toml
from headpose.train.losses import LossConfig
from headpose.train.trainer import Trainer, moving_average, train

CONFIGS = Path(__file__).parents[3] / "headpose" / "configs"


def tiny(pack: Path, store: Path, **more: object) -> TrainConfig:
    return TrainConfig(
        **(
            {
                "name": "tiny",
                "network": NetworkConfig(backbone="mobilenet_v2"),
                "data": DataConfig(packs=(str(pack),), store=str(store), validation_share=0.25),
                "augment": NONE,
                "px": ((0.0, 32),),
                "batch": 8,
                "steps": 6,
                "validate_every": 3,
                "workers": 0,
                "bf16": False,
            }
            | more
        )
    )


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished tiny run."""
    folder = tmp_path_factory.mktemp("run")
    train(tiny(pack, folder / "store"), folder / "a")
    return folder / "a"


@pytest.fixture(scope="module")
def est(run: Path) -> HeadPoseEstimator:
    return HeadPoseEstimator.load(export(run / "best.pt", "tiny", run), runtime="torch")


def test_the_card_holds_what_was_measured(run: Path, pack: Path, tmp_path: Path) -> None:
    path = export(
        run / "best.pt", "tiny", tmp_path, tests={"drawn heads": str(pack)}, failures=("hats",)
    )
    card = tomllib.loads(path.with_suffix(".toml").read_text())
    assert card["known_failures"] == ["hats"] and card["recipe"]["start"] == "from scratch"
    again = evaluate.evaluate(HeadPoseEstimator.load(path, "torch"), read_pack(pack))
    assert [r["face_px"] for r in card["errors"]] == list(again["sizes"])
    for row, size in zip(card["errors"], again["sizes"].values(), strict=True):
        assert row["set"] == "drawn heads" and row["n"] == size["n"]
        assert row["geodesic_deg"] == size["geodesic_deg"]
        assert ("mae_yaw_over_30" in row) == (size["yaw_over_30"]["n"] > 0)


def test_the_average_of_a_short_run_is_not_its_start() -> None:
    """A weight that walks from 0 to 100 in 100 steps: 0.998 alone would still stand at 9."""
    net = torch.nn.Linear(1, 1, bias=False)
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=moving_average(0.998))
    for step in range(1, 101):
        torch.nn.init.constant_(net.weight, float(step))
        average.update_parameters(net)
    assert 80 < average.module.weight.item() < 100
    for _ in range(20_000):  # and in the long run it is the average asked for
        average.update_parameters(net)
    torch.nn.init.constant_(net.weight, 200.0)
    average.update_parameters(net)
    assert average.module.weight.item() == pytest.approx(100 + 100 * 0.002, abs=0.01)


def test_run_leaves_log_and_checkpoints(run: Path) -> None:
    rows = list(csv.DictReader((run / "log.csv").open()))
    assert [int(r["step"]) for r in rows] == [3, 6, 6]
    assert all(float(r["geodesic_full"]) > 0 and float(r["nose_percent_16"]) > 0 for r in rows)
    read = read_checkpoint(run / "last.pt")
    assert read.step == 6 and read.config.name == "tiny" and not read.average


def test_features_learn_to_tell_what_is_covered(pack: Path, run: Path, tmp_path: Path) -> None:
    """On so few drawn heads it is learned by heart, from the features that are handed on."""
    cover = NONE.model_copy(update={"cover_share": 0.5})

    def loss(weight: float) -> float:
        cfg = tiny(pack, run.parent / "store", steps=40, validate_every=20, augment=cover,
                   loss=LossConfig(covered=weight))  # fmt: skip
        train(cfg, tmp_path / f"{weight}")
        rows = list(csv.DictReader((tmp_path / f"{weight}" / "log.csv").open()))
        return float(rows[1]["train_covered"])

    assert loss(3.0) < 0.9 * loss(1e-9)


def test_a_killed_run_goes_on_where_it_was(pack: Path, run: Path, tmp_path: Path) -> None:
    cfg = tiny(pack, run.parent / "store", steps=4, validate_every=2)

    class Killed(Exception):
        pass

    class Dies(Trainer):
        def save(self, name: str) -> None:
            super().save(name)
            if name == "last.pt" and self.step == 2:
                raise Killed

    with pytest.raises(Killed):
        Dies(cfg, tmp_path).run()
    again = Trainer(cfg, tmp_path)
    assert again.step == 2
    saved = torch.load(tmp_path / "last.pt", weights_only=True)["finder"]
    assert all((v == saved[k]).all() for k, v in again.finder.state_dict().items())
    before = {k: v.clone() for k, v in again.net.state_dict().items()}
    again.run()
    assert again.step == 4
    assert any((v != before[k]).any() for k, v in again.net.state_dict().items())
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [int(r["step"]) for r in rows] == [2, 4, 4]


def test_training_learns_drawn_heads(pack: Path, run: Path, tmp_path: Path) -> None:
    """Overfitting 36 drawn heads: the loss must fall by a lot, or the label does not match."""
    cfg = tiny(pack, run.parent / "store", steps=24, validate_every=8, lr=2e-3)
    train(cfg, tmp_path)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    first, last = float(rows[0]["train_geodesic_deg"]), float(rows[-2]["train_geodesic_deg"])
    assert last < 0.75 * first, (first, last)


@pytest.mark.parametrize("kind", ["slcs", "dadl_aflw2000"])
def test_the_papers_losses_train(kind: str, pack: Path, run: Path, tmp_path: Path) -> None:
    cfg = tiny(pack, run.parent / "store", steps=2, validate_every=2)
    change = {"loss.soft": 1.0, "loss.mse": 2.0, "loss.soft_labels": kind,
              "network.name": "hopenet",
              "network.landmarks": False, "network.classes": 199 if kind == "slcs" else 66,
              "network.rotation_head": "classes"}  # fmt: skip
    train(changed(cfg, change), tmp_path)
    row = next(csv.DictReader((tmp_path / "log.csv").open()))
    assert float(row["train_mae_deg"]) > 0 and float(row["mae_full"]) > 0


def test_a_teacher_sees_the_same_heads_undisturbed(pack: Path, tmp_path: Path) -> None:
    strong = AugmentConfig(wide_roll_share=0.5, occluder_share=1, mask_share=1, hand_share=1)
    cfg = tiny(pack, tmp_path / "store", augment=strong)
    store, rows, _ = load_store(cfg)
    for row in rows[:10]:
        rng = np.random.default_rng(int(row))
        again = np.random.default_rng(int(row))
        _, R, points, _ = augment(store, row, 32, rng, strong)
        _, R_shown, points_shown, _ = augment(store, row, 64, again, undisturbed(strong))
        np.testing.assert_array_equal(R, R_shown)
        np.testing.assert_allclose(points, points_shown, atol=1e-6)


def test_a_student_learns_from_a_teacher(pack: Path, run: Path, tmp_path: Path) -> None:
    taught = TeacherConfig(weights=str(run / "best.pt"), share=1.0)
    path = train(tiny(pack, tmp_path / "store", teacher=taught, steps=2, px=((0.0, 48),)), tmp_path)
    assert read_checkpoint(path).config.teacher == taught
    with pytest.raises(ConfigError, match=r"teacher.weights = 'nobody'.*nobody"):
        Trainer(tiny(pack, tmp_path / "s", teacher=TeacherConfig(weights="nobody")), tmp_path / "n")
    classes = NetworkConfig(name="hopenet", backbone="resnet18", rotation_head="classes")
    with pytest.raises(ValueError, match="teacher teaches 6-D heads"):
        tiny(pack, tmp_path / "s", teacher=taught, network=classes)


def test_crop_size_and_learning_rate_follow_progress(pack: Path, tmp_path: Path) -> None:
    t = Trainer(tiny(pack, tmp_path, px=((0.0, 32), (0.5, 48)), steps=100, warmup=0.1), tmp_path)
    assert t.px == 32
    t.step = 50
    assert t.px == 48
    t.step = 10
    top = t.lr()
    t.step = 0
    assert t.lr() < top
    t.step = 100
    assert t.lr() == pytest.approx(0, abs=1e-9)


def test_validation_groups_are_never_trained_on(pack: Path, tmp_path: Path) -> None:
    store, rows, held_out = load_store(tiny(pack, tmp_path))
    assert not set(store.group[rows]) & set(store.group[held_out]) and len(held_out) > 0


def test_a_config_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'name = "b"\nsteps = 9\nlr = 0.5\n[data]\nstore = "s"\n[data.weights]\nx = 2.0\ny = 3.0\n'
    )
    path = tmp_path / "c.toml"
    path.write_text('extends = "base.toml"\nname = "c"\n[data.weights]\ny = 1.0\n')
    cfg = load_config(path)
    assert (cfg.name, cfg.steps, cfg.lr, cfg.data.store) == ("c", 9, 0.5, "s")
    assert cfg.data.weights == {"x": 2.0, "y": 1.0}
    path.write_text('extends = "gone.toml"\nname = "c"\n')
    with pytest.raises(ConfigError, match=r"no such config: .*gone.toml \(extended by .*c.toml\)"):
        load_config(path)
    path.write_text('extends = "c.toml"\n')
    with pytest.raises(ConfigError, match="extends itself"):
        load_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
def test_every_config_that_is_shipped_can_be_read(path: Path) -> None:
    if path.stem.startswith("ablation"):
        assert load_ablation(path).base.steps
    elif path.stem != "with-rendered":  # a part of others
        assert load_config(path).data.packs


def test_config_errors(tmp_path: Path, pack: Path) -> None:
    path = tmp_path / "c.toml"
    with pytest.raises(ConfigError, match="no such config"):
        load_config(path)
    path.write_text("name = ")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(path)
    path.write_text('name = "x"\nsteps = 3\nlr_rate = 1\n[network]\nbackbone = "vgg"\n')
    with pytest.raises(ConfigError, match=r"(?s)network.backbone.*lr_rate"):
        load_config(path)
    path.write_text('name = "x"\nsteps = 3\nminutes = 1.0\n')
    with pytest.raises(ConfigError, match="steps or minutes"):
        load_config(path)
    with pytest.raises(ConfigError, match="no training data"):
        load_store(TrainConfig(name="x", steps=1))


# -- evaluation ------------------------------------------------------------------------------------


class Oracle:
    """An estimator that knows the labels, with a fixed error about the head's x axis."""

    name, input_px = "oracle", 64

    class runtime:
        name = "none"

    def __init__(self, R: np.ndarray, error_deg: float) -> None:
        self.R, self.error_deg, self.at = R, error_deg, 0
        self.sides: list[np.ndarray] = []

    def predict(self, crops: np.ndarray, face_px: np.ndarray):
        from headpose.estimator import HeadPoses

        n = len(crops)
        self.sides.append(face_px)
        R = self.R @ rotation.exp([self.error_deg, 0, 0])
        return HeadPoses(R, np.tile(np.eye(3) * self.error_deg**2 / 3, (n, 1, 1)), None, None)


def test_evaluate_reports_what_was_put_in(pack: Path) -> None:
    s = read_pack(pack)
    oracle = Oracle(s.R, 4.0)
    r = evaluate.evaluate(oracle, s, (None, 24, 16))  # type: ignore[arg-type]
    assert list(r["sizes"]) == ["full", "24", "16"] and r["n"] == len(s) and "1.3" in r["crop"]
    m = r["sizes"]["full"]
    assert m["geodesic_deg"] == pytest.approx(4.0, abs=1e-3)
    assert set(m["mae"]) >= {"yaw", "pitch", "roll", "mean"}
    assert sum(b["n"] for b in m["by_yaw"]) == len(s)
    assert m["chi2_per_dof"] == pytest.approx(1.0, abs=1e-3)
    assert set(m["coverage"]) == {"50", "68", "90", "95"}
    assert m["bias_deg"]["pitch"] == pytest.approx(-4.0, abs=1.0), "down, and it says so"
    # the faces really have that many pixels: 24 high, the longer side at least that
    assert oracle.sides[1].min() > 23.5 and oracle.sides[2].min() > 15.5
    heights = s.box_px[:, 3] - s.box_px[:, 1]
    widths = s.box_px[:, 2] - s.box_px[:, 0]
    np.testing.assert_allclose(
        oracle.sides[2], 16 * np.maximum(heights, widths) / heights, rtol=0.06
    )
    table = evaluate.markdown([r])
    assert "oracle" in table and "4.00" in table


def test_angles_wrap_only_at_360() -> None:
    m = evaluate.score(rotation.matrix([179.0], 0, 0), rotation.matrix([-179.0], 0, 0))
    assert m["mae"]["pitch"] == pytest.approx(2.0)
    m = evaluate.score(rotation.matrix([0.0], 0, 170), rotation.matrix([0.0], 0, 0))
    assert m["mae"]["roll"] == pytest.approx(170.0), "half a turn is not forgiven"


def test_small_face_keeps_the_box_on_the_face(pack: Path) -> None:
    from headpose.data.crop import crop

    s = read_pack(pack)
    image = s.load(0)
    small, box, _ = evaluate.small_face(image, s.box_px[0], 16)
    assert small.shape[0] < image.shape[0] and 15.5 < box[3] - box[1] < 16.6
    a = crop(image, s.box_px[0], 32).astype(float)
    b = crop(small, box, 32).astype(float)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.85


def test_evaluate_a_trained_model_and_read_sets(est: HeadPoseEstimator, pack: Path) -> None:
    r = evaluate.evaluate(est, evaluate.read_set(pack), (None,))
    m = r["sizes"]["full"]
    assert m["n_landmarks"] == 48 and 0 < m["nose_percent"] < 100
    with pytest.raises(DataError, match=r"neither a pack"):
        evaluate.read_set("folder")


def test_calibration_makes_the_normalised_error_one() -> None:
    """On made-up errors: too sure before, right after, at every size."""
    rng = np.random.default_rng(0)
    true = np.array([3.0, 2.0, 1.0])
    e = rng.normal(0, true, (4000, 3))
    z = e / 1.0  # the network claims 1 degree
    factor = np.sqrt((z**2).mean(0))
    np.testing.assert_allclose(factor, true, rtol=0.05)
    cov = np.tile(np.diag(factor**2), (4000, 1, 1))
    assert calibrate.normalised_error(e, cov).mean() / 3 == pytest.approx(1, abs=0.03)


def test_calibration_of_a_network_is_judged_on_rows_not_used(run: Path) -> None:
    read = read_checkpoint(run / "best.pt")
    store, rows, held_out = load_store(read.config)
    both = np.concatenate([rows, held_out])
    calibration, report = calibrate.fit(read.network(), store, both, 32)
    assert np.array(calibration["factor"]).shape == (5, 3)
    assert [r.face_px for r in report] == list(calibrate.SIZES_PX)
    assert all(0 < r.n < len(both) for r in report)
    # constant predictor, Gaussian errors: holds roughly on the other half
    assert 0.4 < report[-1].normalised < 2.5


def test_turns_beyond_the_classes_are_left_out_of_the_batch(
    pack: Path, run: Path, tmp_path: Path
) -> None:
    turned = NONE.model_copy(update={"wide_roll_share": 1.0, "wide_roll_deg": 170.0})
    cfg = tiny(
        pack, run.parent / "store", augment=turned, steps=3,
        network=NetworkConfig(
            backbone="mobilenet_v2", rotation_head="classes", classes=66, landmarks=False
        ),
        loss=LossConfig(geodesic=0, landmarks=0, hard=1, soft=1, mse=2, soft_labels="dadl_biwi"),
    )  # fmt: skip
    train(cfg, tmp_path / "turned")
    log = list(csv.DictReader((tmp_path / "turned" / "log.csv").open()))
    assert np.isfinite(float(log[0]["train_loss"])) and int(log[-1]["step"]) == 3


def test_an_average_is_a_point_between_two_networks(run: Path, pack: Path, tmp_path: Path) -> None:
    more = tiny(pack, run.parent / "store", init=str(run / "best.pt"), lr=0.01, seed=1)
    train(more, tmp_path / "more")
    out = tmp_path / "average.pt"
    tried = average(tmp_path / "more" / "best.pt", str(run / "best.pt"), out, [0, 0.25, 1])
    assert [t.share for t in tried] == [0, 0.25, 1]
    best = min(tried, key=lambda t: sum(t.geodesic_deg))
    read = read_checkpoint(out)
    assert read.average == f"{best.share:g} of this run, {1 - best.share:g} of best"
    before, after = read_checkpoint(run / "best.pt"), read_checkpoint(tmp_path / "more" / "best.pt")
    for key, value in read.state.items():
        expected = best.share * after.state[key] + (1 - best.share) * before.state[key]
        torch.testing.assert_close(value, expected.to(value.dtype))
    export(out, "mixed", tmp_path)
    card = tomllib.loads((tmp_path / "mixed.toml").read_text())
    assert card["recipe"]["average"] == read.average
    # the ends of the line are the two networks themselves
    ends = average(run / "best.pt", str(run / "best.pt"), tmp_path / "same.pt", [0, 1])
    assert ends[0].geodesic_deg == pytest.approx(tried[0].geodesic_deg)
    with pytest.raises(WeightsError, match="not the same network"):
        average(run / "best.pt", "lite0", tmp_path / "never.pt")
    assert not (tmp_path / "never.pt").exists()


def test_error_vector_is_in_the_heads_axes() -> None:
    P = rotation.matrix(10, 50, -20)
    e = calibrate.error_vector_deg(P[None], (P @ rotation.exp([3.0, 0, 0]))[None])
    np.testing.assert_allclose(e, [[3.0, 0, 0]], atol=1e-9)


# -- ablation, bench, similarity, figures ----------------------------------------------------------


def test_ablation_runs_each_change_once(pack: Path, run: Path, tmp_path: Path) -> None:
    base = tiny(pack, run.parent / "store", steps=1, validate_every=1)
    cfg = AblationConfig(base=base, changes={"a": {}, "no landmarks": {"network.landmarks": False}},
                         seeds=(0, 1))  # fmt: skip
    said: list[str] = []
    rows = ablate(cfg, tmp_path, progress=said.append)
    assert len(rows) == 4 and len(said) == 4
    assert ablate(cfg, tmp_path, progress=said.append) == rows and len(said) == 4
    compared = differences(rows, tmp_path)
    table = markdown(rows, compared)
    assert "| no landmarks | 2 |" in table and "±" in table and "difference in mae_val" in table
    mean = [np.mean([r["mae_validation"] for r in rows if r["change"] == c])
            for c in ("a", "no landmarks")]  # fmt: skip
    assert set(compared) == {"no landmarks"}
    assert compared["no landmarks"]["mae_validation"][0] == pytest.approx(
        mean[1] - mean[0], abs=2e-3
    )


def test_differences_know_how_sure_they_are(tmp_path: Path) -> None:
    """400 tables of which the truth is known: 0.2 apart, persons and seeds scatter."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 5)
    found = []
    for _ in range(400):
        rows = []
        easy = rng.normal(4, 3, 100)  # the same for all rows: it must not count
        person = rng.normal(0, 0.4, 20)[group]
        for change, shift in (("a", 0.0), ("b", 0.2)):
            for seed in range(3):
                run = f"{change}-{seed}"
                (tmp_path / run).mkdir(exist_ok=True)
                own = rng.normal(0, 0.15) + rng.normal(0, 0.3, 100)
                errors = easy + (shift + person + own if change == "b" else 0.0)
                np.savez(tmp_path / run / ERRORS, mae_test=errors, group_test=group)
                rows.append({"change": change, "seed": seed, "run": run})
        found.append(differences(rows, tmp_path)["b"]["mae_test"])
    mean, sigma = np.array(found).T
    assert mean.mean() == pytest.approx(0.2, abs=0.02)
    assert np.sqrt((sigma**2).mean()) == pytest.approx(mean.std(), rel=0.15)


def test_a_run_without_kept_errors_is_not_compared(tmp_path: Path) -> None:
    rows = [{"change": c, "seed": 0, "run": c} for c in ("a", "b")]
    assert differences(rows, tmp_path) == {}


def test_ablation_suites_change_only_keys_that_exist(pack: Path, tmp_path: Path) -> None:
    from headpose.research.ablate import SUITES

    base = tiny(pack, tmp_path)
    for suite in SUITES.values():
        for change in suite.values():
            assert isinstance(changed(base, change), TrainConfig)
    with pytest.raises(ConfigError, match="no key"):
        changed(base, {"loss.alpha": 3})
    with pytest.raises(ConfigError, match="no suite"):
        ablate(AblationConfig(base=base, suites=("paper-q",)), tmp_path)
    with pytest.raises(ConfigError, match=r"no change \['\+ SDMA'\]"):
        ablate(AblationConfig(base=base, suites=("paper-x",), only=("+ SDMA",)), tmp_path)
    for path in CONFIGS.glob("ablation*.toml"):
        assert changes_of(load_ablation(path)), path


def test_complexity_counts_resnet50() -> None:
    c = complexity(NetworkConfig(name="plain", backbone="resnet50"), 224)
    assert c["gmac"] == pytest.approx(4.09, abs=0.05)  # torchvision's own figure
    assert c["parameters_m"] == pytest.approx(23.5, abs=0.1)


def test_bench_rows(tiny_weights: Path) -> None:
    rows = bench([str(tiny_weights)], ["torch"], (1, 2), threads=1, repeats=1, cpu_time=True)
    assert [r["batch"] for r in rows] == [1, 2]
    keys = {"runtime", "device", "precision", "batch", "crops_per_s", "ratio_to_resnet50"}
    assert all(keys <= set(r) and r["crops_per_s"] > 0 for r in rows)
    assert all(r["ratio_to_resnet50"] > 1 for r in rows), "MobileNetV2 costs less than ResNet-50"


def test_similarity_falls_with_the_angle() -> None:
    rng = np.random.default_rng(0)
    angles = np.concatenate([np.zeros((400, 3)), np.zeros((400, 3)), np.zeros((400, 3))])
    for k in range(3):
        angles[400 * k : 400 * (k + 1), k] = rng.uniform(-60, 60, 400)
    # a made-up feature whose cosine similarity is a Gaussian of known width per angle
    width = np.array([20.0, 40.0, 10.0])
    u = np.linspace(-150, 150, 301)
    features = np.concatenate(
        [np.exp(-(((u - angles[:, [k]]) / width[k]) ** 2)) for k in range(3)], 1
    )
    f = [features[:, 301 * k : 301 * (k + 1)] for k in range(3)]
    for k in range(3):
        curve = similarity.similarity_by_angle(f[k], angles)[k]
        assert curve.sigma_deg == pytest.approx(width[k], rel=0.1)
        assert curve.sigma_left_deg == pytest.approx(curve.sigma_right_deg, rel=0.1)
    with pytest.raises(DataError, match="too few heads"):
        similarity.similarity_by_angle(features[:2], angles[:2])


def test_lenet_features_of_drawn_heads(pack: Path) -> None:
    s = read_pack(pack)
    f = similarity.lenet_features(s, train_steps=3)
    assert f.shape == (48, 84) and np.isfinite(f).all()
    np.testing.assert_allclose(f.mean(0), 0, atol=1e-9)


def test_axes_are_drawn_where_the_nose_points() -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    R = rotation.matrix(0, 60, 0)  # nose to the viewer's left
    out = figures.draw_axes(black, R, (50, 50), 40)
    blue = out[50, 25].astype(int)
    assert blue[0] > 150 > blue[2], "z, blue, on the left"
    up = out[25, 50].astype(int)
    assert up[1] > 150 > up[0], "y, green, upwards: rows run down"
    assert (black == 0).all(), "drawn into a copy"


def test_figures_are_written(est: HeadPoseEstimator, pack: Path, tmp_path: Path) -> None:
    written = figures.write_all(est, read_pack(pack), tmp_path)
    assert {p.name for p in written} >= {"axes.png", "cubes.png", "worst.png", "errors_by_yaw.html"}
    assert all(p.stat().st_size > 1000 for p in written)


# -- commands --------------------------------------------------------------------------------------


def test_cli_evaluate_json_and_exit_codes(est: HeadPoseEstimator, pack: Path, run: Path) -> None:
    args = [
        "evaluate",
        "--data",
        str(pack),
        "--weights",
        str(run / "tiny.pt"),
        "--runtime",
        "torch",
    ]
    result = CliRunner().invoke(app, [*args, "--json"])
    assert result.exit_code == 0
    parsed = json.loads(result.stdout)
    assert parsed["weights"] == "tiny" and set(parsed["sizes"]) == {"full", "40", "24", "16"}
    assert CliRunner().invoke(app, [*args, "--target-mae", "0.01"]).exit_code == 1


def test_cli_says_what_is_wrong_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--data", "nothing.npz"])
    assert stop.value.code == 2
    assert "no such pack" in capsys.readouterr().err


def test_cli_similarity_prints_both_papers_widths(pack: Path, tmp_path: Path, monkeypatch) -> None:
    curve = similarity.Similarity("yaw", np.array([-6.0, 0, 6]), np.array([0.9, 1, 0.9]),
                                  np.array([3, 3, 3]), 13.0, 13.0, 13.0)  # fmt: skip
    monkeypatch.setattr(similarity, "similarity_by_angle", lambda *_: [curve] * 3)
    result = CliRunner().invoke(
        app,
        [
            "similarity",
            "--data",
            str(pack),
            "--train-steps",
            "0",
            "--out",
            str(tmp_path / "s.html"),
        ],
    )
    assert result.exit_code == 0 and "0.997" in result.stdout and "sigma  13.0" in result.stdout
    assert (tmp_path / "s.html").stat().st_size > 1000


def test_every_command_has_an_example() -> None:
    for command in (
        "train",
        "evaluate",
        "ablate",
        "bench",
        "similarity",
        "figures",
        "export",
        "card",
    ):
        result = CliRunner().invoke(app, [command, "--help"])
        assert result.exit_code == 0 and f"headpose {command}" in result.stdout


def test_toml_writer_round_trips() -> None:
    import tomllib

    d = {
        "a": 'x "q"',
        "n": 3,
        "l": [[0.0, 64]],
        "t": {"k": 1.5, "s": ["a"]},
        "rows": [{"z": 1}, {"z": 2}],
    }
    assert tomllib.loads(toml(d)) == d


def test_evaluate_knows_bias_and_coverage() -> None:
    """Errors drawn from a known distribution come back: bias within its SE, the ellipsoids full."""
    rng = np.random.default_rng(3)
    n = 4000
    truth = rotation.matrix(
        rng.uniform(-20, 20, n), rng.uniform(-40, 40, n), rng.uniform(-10, 10, n)
    )
    cov = np.diag([9.0, 4.0, 1.0])
    e = rng.multivariate_normal([0, 0, 0], cov, n)
    R = truth @ np.swapaxes(rotation.exp(e), -1, -2)
    m = evaluate.score(R, truth, np.tile(cov, (n, 1, 1)))
    assert m["chi2_per_dof"] == pytest.approx(1, abs=0.05)
    for level, share in m["coverage"].items():
        assert share == pytest.approx(float(level), abs=2.5)
    too_sure = evaluate.score(R, truth, np.tile(cov / 4, (n, 1, 1)))
    assert too_sure["chi2_per_dof"] == pytest.approx(4, abs=0.2)
    assert too_sure["coverage"]["90"] < 50
    shifted = evaluate.score(rotation.matrix([2.0] * 50, 0, 0), rotation.matrix([0.0] * 50, 0, 0))
    assert shifted["bias_deg"] == {"pitch": 2.0, "yaw": 0.0, "roll": 0.0}
    assert shifted["se_deg"]["pitch"] == 0
    assert {b["n"] for b in m["by_yaw"]} and all("coverage" in b for b in m["by_yaw"])
    assert m["yaw_over_30"]["n"] + sum(b["n"] for b in m["by_yaw"][:2]) == n


def test_one_persons_pictures_are_not_independent() -> None:
    person = np.repeat(np.arange(10), 40)
    pitch = np.random.default_rng(0).normal(0, 3, 10)[person]  # each person errs alike always
    R, truth = rotation.matrix(pitch, 0, 0), rotation.matrix(0 * pitch, 0, 0)
    alone = evaluate.score(R, truth)["se_deg"]["pitch"]
    grouped = evaluate.score(R, truth, group=person)["se_deg"]["pitch"]
    expected = pitch[::40].std(ddof=1) / np.sqrt(10)
    assert grouped == pytest.approx(expected, rel=0.02)
    assert grouped > 5 * alone


def test_a_set_says_which_variant_it_is(pack: Path) -> None:
    s = read_pack(pack)
    turned = dataclasses.replace(s, R=rotation.matrix(np.linspace(0, 120, len(s)), 0, 0))
    part = turned.within_deg(99.0)
    out = len(s) - len(part)
    assert out and f"{out} of {len(s)} left out: an angle beyond 99 degrees" in part.variant
    r = evaluate.evaluate(Oracle(part.R, 1.0), part, (None,))  # type: ignore[arg-type]
    assert r["variant"] == part.variant and part.variant in evaluate.markdown([r])
