"""Labels averaged with what networks see: views undone, who is touched, what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from headpose import rotation
from headpose.cli import app
from headpose.data.packs import read_pack
from headpose.data.training_rows import load_store
from headpose.errors import ConfigError
from headpose.research.refine import VIEWS, between, refine, seen_rotation
from headpose.train.config import DataConfig, TrainConfig


def config(pack: Path, store: Path, **data: object) -> TrainConfig:
    given = {"packs": (str(pack),), "store": str(store), "validation_share": 0.25} | data
    return TrainConfig(name="r", steps=1, threads=1, data=DataConfig(**given))


class ClockHand:
    """Reads how a white dot stands about a blue one, and calls that turn the pose."""

    input_px = 96

    def predict(self, crops: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(R=np.stack([self.turn(c.astype(int)) for c in crops]))

    def turn(self, crop: np.ndarray) -> np.ndarray:
        white = np.argwhere(crop[..., 1] > 200).mean(0)
        blue = np.argwhere((crop[..., 0] > 200) & (crop[..., 1] < 50)).mean(0)
        dy, dx = white - blue
        return rotation.roll_in_plane(np.eye(3), np.degrees(np.arctan2(-dx, -dy)))


@pytest.mark.parametrize("how", VIEWS)
@pytest.mark.parametrize("dot", [(64, 30), (85, 85), (30, 58)])
def test_every_view_is_undone(
    dot: tuple[int, int],
    how: tuple[float, ...],
    pack: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Turned, mirrored and shifted crops of a canvas all give the canvas's own turn."""
    monkeypatch.setattr("headpose.research.refine.VIEWS", (how,))
    store = load_store(config(pack, tmp_path))[0]
    canvas = np.zeros((1, 128, 128, 3), np.uint8)
    cv2.circle(canvas[0], dot, 3, (255, 255, 255), -1)
    cv2.circle(canvas[0], (64, 64), 3, (255, 0, 0), -1)
    one = SimpleNamespace(
        canvas=canvas, inside=np.array([[0, 0, 128, 128]], np.float32), box_side=store.box_side
    )
    seen = seen_rotation([ClockHand()], one, np.array([0]))
    phi_deg = np.degrees(np.arctan2(64 - dot[0], 64 - dot[1]))  # counter-clockwise from "up"
    assert rotation.geodesic_deg(seen[0], rotation.roll_in_plane(np.eye(3), phi_deg)) < 0.5


def test_between_lies_on_the_shortest_way() -> None:
    A, B = rotation.matrix(10, -30, 5), rotation.matrix(-20, 40, 15)
    whole = rotation.geodesic_deg(A, B)
    for share in (0.0, 0.3, 1.0):
        M = between(A[None], B[None], share)[0]
        assert rotation.geodesic_deg(A, M) == pytest.approx(share * whole, abs=1e-6)
        assert rotation.geodesic_deg(M, B) == pytest.approx((1 - share) * whole, abs=1e-6)


def test_training_labels_move_and_held_out_ones_stay(
    pack: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    cfg = config(pack, tmp_path / "store")
    store, rows, held_out = load_store(cfg)
    out = tmp_path / "refined.npz"
    moved = refine(cfg, [str(tiny_weights)], out, share=0.5, runtime="torch")
    after, rows_after, _ = load_store(config(pack, tmp_path / "store", labels=str(out)))
    assert (rows_after == rows).all() and (after.R[held_out] == store.R[held_out]).all()
    step = rotation.geodesic_deg(after.R[rows], store.R[rows])
    assert step.mean() == pytest.approx(moved["train_drawn"] / 2, rel=1e-3) and step.mean() > 1
    # refining again starts from the sets' own labels, also where the config names refined ones
    named = config(pack, tmp_path / "store", labels=str(out))
    again = refine(named, [str(tiny_weights)], tmp_path / "again.npz", runtime="torch")
    assert again == pytest.approx(moved)


def test_sure_labels_and_sets_left_out_stay(pack: Path, tiny_weights: Path, tmp_path: Path) -> None:
    other = pack.with_name("train_sure.npz")
    other.write_bytes(pack.read_bytes())
    both = {"packs": (str(pack), str(other))}
    out = tmp_path / "refined.npz"
    sure = both | {"sigma_deg": {"train_sure": 0.5}}
    cfg = config(pack, tmp_path, **sure)
    assert set(refine(cfg, [str(tiny_weights)], out, runtime="torch")) == {"train_drawn"}
    plain, named = load_store(cfg)[0], load_store(config(pack, tmp_path, **sure, labels=str(out)))
    second = plain.source == 1
    assert (named[0].R[second] == plain.R[second]).all()
    assert (named[0].R[~second] != plain.R[~second]).any()
    cfg = config(pack, tmp_path, **both)
    only = refine(cfg, [str(tiny_weights)], out, leave=["train_drawn"], runtime="torch")
    assert set(only) == {"train_sure"}
    with pytest.raises(ConfigError, match=r"no set \['hats'\]; there are train_drawn, train_sure"):
        refine(cfg, [], out, leave=["hats"])


def test_what_is_refused(pack: Path, tiny_weights: Path, tmp_path: Path) -> None:
    cfg, out = config(pack, tmp_path / "store"), tmp_path / "refined.npz"
    with pytest.raises(ConfigError, match=r"share must lie within 0..1, got 1.5"):
        refine(cfg, [], out, share=1.5)
    with pytest.raises(ConfigError, match=r"views must lie within 1\.\.3"):
        refine(cfg, [], out, views=0)
    exact = config(pack, tmp_path / "store", sigma_deg={"train_drawn": 0.2})
    with pytest.raises(ConfigError, match="no training label is less sure than 1 deg"):
        refine(exact, [], out)
    assert not out.exists()
    with pytest.raises(ConfigError, match="no file of refined labels"):
        load_store(config(pack, tmp_path / "store", labels=str(tmp_path / "missing.npz")))
    refine(cfg, [str(tiny_weights)], out, runtime="torch")
    with pytest.raises(ConfigError, match="run headpose refine with this config again"):
        load_store(config(pack, tmp_path / "store", labels=str(out), split_seed=1))


def test_the_command_prints_a_line_for_each_set(
    pack: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'name = "r"\nsteps = 1\n[data]\npacks = ["{pack}"]\nstore = "{tmp_path}/s"\n')
    done = CliRunner().invoke(
        app,
        ["refine", "--config", str(file), "--out", str(tmp_path / "r.npz"), "--weights",
         str(tiny_weights), "--runtime", "torch"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "train_drawn" in done.stdout and (tmp_path / "r.npz").is_file()
    n = len(load_store(TrainConfig(name="r", steps=1, data=DataConfig(packs=(str(pack),),
            store=str(tmp_path / "s"), labels=str(tmp_path / "r.npz"))))[1])  # fmt: skip
    assert 0 < n <= len(read_pack(pack))
