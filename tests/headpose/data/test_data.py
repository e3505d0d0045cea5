"""Readers, store, split and augmentation: labels follow pictures exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from headpose import rotation
from headpose.data import augment as aug
from headpose.data.folders import read_folder, rotation_of_biwi
from headpose.data.packs import read_pack, read_packs
from headpose.data.samples import person_of_group
from headpose.data.store import STORE_PX, STORE_SCALE, build_store, split_by_group
from headpose.data.training_rows import Batches, load_store
from headpose.errors import ConfigError, DataError
from headpose.train.config import DataConfig, TrainConfig
from tests.headpose.drawn_heads import draw_head, project_face, write_pack

# -- packs -----------------------------------------------------------------------------------------


def test_pack_gives_back_what_was_written(tmp_path: Path) -> None:
    angles = write_pack(tmp_path / "a.npz", 6)
    s = read_pack(tmp_path / "a.npz")
    np.testing.assert_allclose(rotation.angles_deg(s.R), angles, atol=1e-4)
    image, points = draw_head(rotation.matrix(*angles[3]))
    assert np.abs(s.load(3).astype(int) - image).mean() < 3, "JPEG of the right row"
    np.testing.assert_allclose(s.points_px[3], points, atol=1e-3)
    np.testing.assert_allclose(s.box_px[3], [*points.min(0), *points.max(0)], atol=1e-3)
    part = s.take(np.array([4, 1]))
    assert part.name.tolist() == ["h4.jpg", "h1.jpg"]
    np.testing.assert_array_equal(part.load(1), s.load(1))


def test_fused_labels_beside_a_pack_are_used(tmp_path: Path) -> None:
    write_pack(tmp_path / "train_a.npz", 4)
    better = rotation.matrix([1, 2, 3, 4], 0, 0)
    fused = {
        "train_a__R": better, "train_a__sigma_deg": np.arange(4) + 1.0,
        "train_a__keep": np.array([1, 0, 1, 1], bool),
        "train_a__name": np.array([f"h{i}.jpg" for i in range(4)]),
    }  # fmt: skip
    np.savez(tmp_path / "fused_labels.npz", **fused)
    s = read_pack(tmp_path / "train_a.npz")
    np.testing.assert_allclose(rotation.angles_deg(s.R)[:, 0], [1, 3, 4])
    assert s.sigma_deg.tolist() == [1, 3, 4]
    assert len(read_pack(tmp_path / "train_a.npz", fused=False)) == 4
    fused["train_a__name"] = np.array(["x", "y", "z", "w"])
    np.savez(tmp_path / "fused_labels.npz", **fused)
    with pytest.raises(DataError, match="not the pack's rows"):
        read_pack(tmp_path / "train_a.npz")


def test_predicted_points_are_no_landmark_labels(tmp_path: Path) -> None:
    write_pack(tmp_path / "train_mtfl5.npz", 3)
    write_pack(tmp_path / "train_x.npz", 3, landmarks=np.array(False))
    for name in ("train_mtfl5", "train_x"):
        s = read_pack(tmp_path / f"{name}.npz")
        assert np.isnan(s.points_px).all() and np.isfinite(s.box_px).all()


def test_packs_that_are_not_what_they_say(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such pack"):
        read_pack(tmp_path / "none.npz")
    with pytest.raises(DataError, match="no file matches"):
        read_packs(tmp_path)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match="not a readable"):
        read_pack(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(DataError, match="missing jpg"):
        read_pack(tmp_path / "other.npz")
    bad = np.tile(np.eye(3), (4, 1, 1))
    bad[2] *= np.nan
    write_pack(tmp_path / "nan.npz", 4, R=bad)
    with pytest.raises(DataError, match=r"no rotation label for \['h2"):
        read_pack(tmp_path / "nan.npz")
    write_pack(tmp_path / "scaled.npz", 4, R=2 * np.tile(np.eye(3), (4, 1, 1)))
    with pytest.raises(DataError, match="label is no rotation"):
        read_pack(tmp_path / "scaled.npz")
    write_pack(tmp_path / "cut.npz", 4, jpg=np.zeros(10, np.uint8))
    with pytest.raises(DataError, match="truncated"):
        read_pack(tmp_path / "cut.npz")
    write_pack(tmp_path / "points.npz", 4, pts68=np.zeros((4, 5, 2)))
    with pytest.raises(DataError, match="pts68 must be"):
        read_pack(tmp_path / "points.npz")


def test_angles_out_of_range_are_left_out(tmp_path: Path) -> None:
    write_pack(tmp_path / "p.npz", 3, R=rotation.matrix([0, 120, 0], [0, 0, 80], 0))
    s = read_pack(tmp_path / "p.npz")
    assert s.within_deg(99).name.tolist() == ["h0.jpg", "h2.jpg"]


# -- data sets as they are distributed -------------------------------------------------------------


def write_mat_set(folder: Path, names: list[str], angles: np.ndarray, key: str) -> None:
    """Pictures and .mat files as 300W-LP and AFLW2000-3D have them (pixels counted from 1)."""
    for name, a in zip(names, angles, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image, points = draw_head(rotation.matrix(*a), 120)
        cv2.imwrite(str(path), image)
        xy = points.T + 1
        if key == "pt3d_68":
            xy = np.vstack([xy, np.zeros(68)])
        pose = np.concatenate([np.radians(a), [100, 100, 0, 1e-3]])[None]
        savemat(path.with_suffix(".mat"), {"Pose_Para": pose, key: xy})


ANGLES = np.array([[10.0, -40, 5], [-20, 70, 30], [0, 0, 0]])


def test_300wlp(tmp_path: Path) -> None:
    names = ["AFW/AFW_1_1_0.jpg", "AFW/AFW_1_1_7.jpg", "HELEN_Flip/HELEN_9_1_3.jpg"]
    write_mat_set(tmp_path, names, ANGLES, "pt2d")
    (tmp_path / "landmarks").mkdir()
    s = read_folder(f"300wlp:{tmp_path}")
    assert s.name.tolist() == names
    np.testing.assert_allclose(rotation.angles_deg(s.R), ANGLES, atol=1e-9)
    assert s.group.tolist() == ["AFW_1_1", "AFW_1_1", "HELEN_9_1"], (
        "views of one photograph stay together"
    )
    np.testing.assert_allclose(s.points_px[0], project_face(s.R[0], 120), atol=1e-9)


def test_aflw2000(tmp_path: Path) -> None:
    write_mat_set(tmp_path, [f"image0000{i}.jpg" for i in range(3)], ANGLES * [1, 1, 4], "pt3d_68")
    s = read_folder(f"aflw2000:{tmp_path}")
    assert len(s) == 3 and len(s.within_deg(99)) == 2
    assert s.load(0).shape == (120, 120, 3)


def test_mat_sets_that_are_not_what_they_say(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KIND:PATH"):
        read_folder(str(tmp_path))
    with pytest.raises(DataError, match="no such folder"):
        read_folder(f"aflw2000:{tmp_path / 'none'}")
    with pytest.raises(DataError, match="is not AFLW2000-3D"):
        read_folder(f"aflw2000:{tmp_path}")
    write_mat_set(tmp_path, ["image00001.jpg"], ANGLES[:1], "pt3d_68")
    (tmp_path / "image00002.jpg").write_bytes((tmp_path / "image00001.jpg").read_bytes())
    with pytest.raises(DataError, match=r"image00002.jpg has no label"):
        read_folder(f"aflw2000:{tmp_path}")
    (tmp_path / "image00002.mat").write_bytes(b"not matlab")
    with pytest.raises(DataError, match=r"not a readable .mat"):
        read_folder(f"aflw2000:{tmp_path}")
    savemat(tmp_path / "image00002.mat", {"something": 1})
    with pytest.raises(DataError, match="lacks Pose_Para"):
        read_folder(f"aflw2000:{tmp_path}")


def write_biwi(
    folder: Path, videos: int, B: np.ndarray, centre_mm: tuple[float, float, float]
) -> None:
    cal = "500 0 320\n0 500 240\n0 0 1\n\n0 0 0 0\n\n1 0 0\n0 1 0\n0 0 1\n\n-25 0 0\n\n640 480\n"
    for v in range(1, videos + 1):
        d = folder / f"{v:02d}"
        d.mkdir(parents=True)
        (d / "rgb.cal").write_text(cal)
        cv2.imwrite(str(d / "frame_00003_rgb.png"), np.full((480, 640, 3), v, np.uint8))
        rows = "\n".join(" ".join(map(str, r)) for r in B)
        (d / "frame_00003_pose.txt").write_text(
            f"{rows}\n\n{centre_mm[0]} {centre_mm[1]} {centre_mm[2]}\n"
        )


def hopenet_angles(B: np.ndarray) -> np.ndarray:
    """HopeNet's code for BIWI (datasets.py), pitch, yaw, roll in degrees."""
    R = B.T
    roll = -np.arctan2(R[1][0], R[0][0])
    yaw = -np.arctan2(-R[2][0], np.sqrt(R[2][1] ** 2 + R[2][2] ** 2))
    pitch = np.arctan2(R[2][1], R[2][2])
    return np.degrees([pitch, yaw, roll])


def test_biwi_goes_through_the_matrix_and_equals_hopenets_angles(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        B = rotation.exp(rng.normal(0, 25, 3))
        found = rotation.angles_deg(rotation_of_biwi(B))
        np.testing.assert_allclose(found, hopenet_angles(B), atol=1e-9)


def test_biwi(tmp_path: Path) -> None:
    B = rotation.exp([5.0, 20.0, -3.0])
    write_biwi(tmp_path, 18, B, (25.0, 50.0, 1000.0))
    s = read_folder(f"biwi:{tmp_path}")
    assert len(s) == 18
    # 25 mm right in the depth camera is the middle of the colour camera, 50 mm down is 25 px
    np.testing.assert_allclose(s.box_px[0], [320 - 35, 265 - 35, 320 + 35, 265 + 35])
    train, test = read_folder(f"biwi-train:{tmp_path}"), read_folder(f"biwi-test:{tmp_path}")
    assert len(train) == 16 and test.group.tolist() == ["17", "18"], "protocol 2: by video"
    (tmp_path / "03" / "frame_00003_pose.txt").write_text("1 0 0")
    with pytest.raises(DataError, match=r"must hold 9 \+ 3 numbers"):
        read_folder(f"biwi:{tmp_path}")
    with pytest.raises(DataError, match="is not BIWI"):
        read_folder(f"biwi:{tmp_path / '01'}")


# -- store and split -------------------------------------------------------------------------------


def test_store_canvas_and_landmarks_agree(pack: Path, tmp_path: Path) -> None:
    s = read_pack(pack)
    store = build_store([s], tmp_path)
    assert store.canvas.shape[1:] == (STORE_PX, STORE_PX, 3)
    side = (store.points.max(1) - store.points.min(1)).max(1)
    np.testing.assert_allclose(side, STORE_PX / STORE_SCALE, rtol=1e-4)
    for i in range(10):  # the drawn nose is red; it is where landmark 30 says
        x, y = np.round(store.points[i, 30]).astype(int)
        b, g, r = store.canvas[i, y, x].astype(int)
        assert r > 150 and b < 120 and g < 120
    # a second build opens the same file
    files = sorted(p.name for p in tmp_path.iterdir())
    build_store([s], tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == files and len(files) == 1


def test_split_never_cuts_a_group_and_is_stable() -> None:
    group = np.array([f"g{i // 3}" for i in range(900)])
    held_out = split_by_group(group, 0.2)
    assert 0.12 < held_out.mean() < 0.28
    per_group = held_out.reshape(300, 3)
    assert (per_group.all(1) == per_group.any(1)).all()
    np.testing.assert_array_equal(split_by_group(group[::-1], 0.2)[::-1], held_out)
    assert person_of_group("lfw_Ann_Lee") == person_of_group("ytf_Ann_Lee")


# -- augmentation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("phi", [0.0, 25.0, -60.0])
def test_picture_rotation_and_landmarks_move_together(phi: float, mirrored: bool) -> None:
    """Drawing a turned head and turning a drawn head give the same landmarks and picture."""
    R = rotation.matrix(15, 35, -10)
    image, points = draw_head(R, 120)
    A = aug.placement(120, np.array([59.5, 59.5]), 120, phi, mirrored)
    f = aug.place_points(points - 0.5, A, 120, mirrored)  # drawn about the corner of pixel (60, 60)
    R_new = aug.place_rotation(R, phi, mirrored)
    expected = project_face(R_new, 120) / 120
    np.testing.assert_allclose(f, expected, atol=0.004)
    turned = aug.warp(image, A, 120)
    drawn, _ = draw_head(R_new, 120)
    assert np.abs(turned.astype(int) - drawn)[20:100, 20:100].mean() < 8
    plain = np.abs(image.astype(int) - drawn)[20:100, 20:100].mean()
    if phi or mirrored:
        assert plain > 12, "the check can fail"


def test_mirror_order_is_its_own_inverse_and_swaps_sides() -> None:
    np.testing.assert_array_equal(aug.MIRROR_68[aug.MIRROR_68], np.arange(68))
    assert aug.MIRROR_68[36] == 45 and aug.MIRROR_68[30] == 30 and aug.MIRROR_68[0] == 16


def test_no_augmentation_is_the_crop_rule(pack: Path, tmp_path: Path) -> None:
    from headpose.data.crop import box_of_points, fractions_of_points, square_of_box

    s = read_pack(pack)
    store = build_store([s], tmp_path)
    crop, R, f, _ = aug.augment(store, 5, 80, np.random.default_rng(0), aug.NONE)
    assert crop.shape == (80, 80, 3) and crop.dtype == np.uint8
    np.testing.assert_allclose(R, s.R[5], atol=1e-6)
    expected = fractions_of_points(s.points_px[5], square_of_box(box_of_points(s.points_px[5])))
    np.testing.assert_allclose(f, expected, atol=0.01)


def test_augmented_nose_is_where_its_label_says(pack: Path, tmp_path: Path) -> None:
    """The drawn red nose after every geometric change, without colour changes."""
    store = build_store([read_pack(pack)], tmp_path)
    cfg = aug.NONE.model_copy(
        update={"flip": 0.5, "roll_share": 1.0, "scale_sigma": 0.1, "shift_sigma": 0.04}
    )
    rng = np.random.default_rng(0)
    found = []
    for k in range(60):
        crop, _, f, _ = aug.augment(store, k % len(store), 96, rng, cfg)
        red = (crop[..., 2].astype(int) - crop[..., 1]).clip(0)
        red[red < 60] = 0
        if red.sum() == 0:
            continue
        y, x = np.mgrid[:96, :96]
        centre = np.array([(red * x).sum(), (red * y).sum()]) / red.sum()
        found.append(np.linalg.norm((centre + 0.5) / 96 - f[30]))
    assert len(found) > 50 and np.median(found) < 0.02


def test_full_augmentation_keeps_shapes_and_rotations(pack: Path, tmp_path: Path) -> None:
    store = build_store([read_pack(pack)], tmp_path)
    often = {k: 1.0 for k in aug.AugmentConfig.model_fields if k.endswith("_share")}
    cfg = aug.AugmentConfig(**often)
    rng = np.random.default_rng(0)
    for i in range(30):
        crop, R, f, _ = aug.augment(store, i, 64, rng, cfg)
        assert crop.shape == (64, 64, 3) and np.isfinite(f).all()
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("annotated", [True, False])
def test_what_covers_a_face_is_known(
    annotated: bool, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aug, "camera", lambda crop, *_: crop)
    store = build_store([read_pack(pack)], tmp_path)
    if not annotated:
        store = dataclasses.replace(store, points=np.full_like(store.points, np.nan))
    cover = aug.NONE.model_copy(update={"cover_share": 0.5})
    rng = np.random.default_rng(0)
    covered, changed = [], []
    for k in range(60):
        plain = aug.augment(store, k % 40, 64, np.random.default_rng(0), aug.NONE)[0]
        crop, _, _, hidden = aug.augment(store, k % 40, 64, rng, cover)
        off = np.abs(crop.astype(int) - plain).max(2) > 12
        assert hidden.shape == (4,) and hidden.min() >= 0 and hidden.max() <= 1
        covered.append(hidden[0] > 0.5)  # the lower part
        changed.append(off[40:].mean())
    assert 0.1 < np.mean(covered) < 0.5
    assert np.mean(changed, where=covered) > 3 * np.mean(changed, where=~np.array(covered))


def test_of_people_who_may_wear_masks_nothing_hidden_is_said(pack: Path, tmp_path: Path) -> None:
    def shares(worn: tuple[str, ...]) -> np.ndarray:
        data = DataConfig(packs=(str(pack),), store=str(tmp_path), worn=worn, validation_share=0)
        augment = aug.NONE.model_copy(update={"cover_share": 0.5})
        cfg = TrainConfig(name="x", steps=1, data=data, augment=augment, batch=16)
        store, rows, _ = load_store(cfg)
        return next(iter(Batches(store, rows, cfg, 32, 0)))[3].numpy()

    assert np.isfinite(shares(())).all() and shares(()).max() > 0.5
    assert np.isnan(shares((pack.stem,))).all()


def test_unknown_augmentation_is_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        aug.AugmentConfig(flips=0.5)  # type: ignore[call-arg]


def test_the_box_of_a_head_without_points_turns_with_it(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headpose.labels import schematic_face_mm

    R = rotation.matrix(10.0, -30.0, 5.0)
    face = (schematic_face_mm() @ R.T)[:, :2] * (1, -1) * 0.4 + (60, 50)
    low, high = face.min(0), face.max(0)
    found = aug.stand_in_points(R, (low + high) / 2, (high - low).max())
    np.testing.assert_allclose(found, face, atol=1e-9)  # one that looks so is met exactly
    centre, side = aug.turned_box(found, 0.0)
    np.testing.assert_allclose(centre, (low + high) / 2, atol=1e-9)
    assert side == pytest.approx((high - low).max())
    # and augmentation uses it: annotated with just these points or not at all, the same square
    store = build_store([read_pack(pack)], tmp_path)
    middle, box_side = np.full(2, (store.canvas.shape[1] - 1) / 2), store.box_side
    points = np.stack([aug.stand_in_points(r, middle, box_side) for r in store.R])
    turn = aug.NONE.model_copy(update={"roll_share": 1.0, "roll_sigma_deg": 40.0})
    placed = []
    monkeypatch.setattr(
        aug, "cut", lambda _s, _r, A, px, *_: placed.append(A) or np.zeros((px, px, 3), np.uint8)
    )
    for p in (points.astype(np.float32), np.full_like(points, np.nan, np.float32)):
        aug.augment(dataclasses.replace(store, points=p), 3, 64, np.random.default_rng(5), turn)
    np.testing.assert_allclose(placed[0], placed[1], atol=1e-3)
    assert abs(aug.turned_box(points[3], 40.0)[1] - box_side) > 1.0, "else it proves nothing"
