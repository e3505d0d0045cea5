"""Other tools' files: numbers checked by hand, round trips, units, and what is refused."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import interop
from calibration.camera import Camera
from calibration.interop.kalibr_yaml import radtan4
from calibration.interop.registry import InteropError
from calibration.rig import Rig
from calibration.transform import Transform, geodesic_deg, rotation_exp

K = [[1400.0, 0.0, 960.0], [0.0, 1410.0, 540.0], [0.0, 0.0, 1.0]]
R_WA = [[-1.0, 0, 0], [0, 0, -1.0], [0, -1.0, 0]]


def make_rig(
    *,
    convergence_deg: float = 55.0,
    distortion_n: int = 5,
    world: bool = True,
    baseline_m: float = 3.6,
) -> Rig:
    """Two cameras beside a board: the right one lies to the left as the left camera sees it."""
    D = np.zeros(distortion_n)
    D[:4] = -0.11, 0.03, 0.0004, -0.0003
    if distortion_n > 4:
        D[4] = -0.004
    if distortion_n > 5:
        D[5:8] = 0.01, -0.002, 0.0005
    left = Camera(K, D, (1920, 1080), "left")
    right = Camera(np.array(K) * [[1.01], [1.01], [1]], D * 0.9, (1920, 1080), "right")
    R_RL = rotation_exp(np.radians([2.0, -convergence_deg, 1.0]))
    c_R_in_L = np.array([-0.9, 0.05, 0.4])
    c_R_in_L *= baseline_m / np.linalg.norm(c_R_in_L)
    T_RL = Transform(R_RL, -R_RL @ c_R_in_L, "R", "L")
    T_AL = Transform(rotation_exp([0.3, 2.0, -0.4]), [0.4, -0.3, 2.2], "A", "L") if world else None
    T_WA = Transform(R_WA, [2.1, 1.45, 0.8], "W", "A") if world else None
    return Rig(left, right, T_RL, T_AL, T_WA)


def target(folder: Path, format: str) -> Path:
    return folder / ("rig" if format == "ros" else f"rig.{'toml' if format[0] in 'acp' else 'yml'}")


def assert_same_optics(a: Camera, b: Camera, atol_px: float = 1e-6) -> None:
    """Equal where it counts: the same points fall on the same pixels."""
    rng = np.random.default_rng(0)
    P = np.column_stack([rng.uniform(-0.5, 0.5, (200, 2)), np.ones(200)])
    np.testing.assert_allclose(a.project(P), b.project(P), atol=atol_px)
    assert a.size_px == b.size_px


# -- round trips -----------------------------------------------------------------------------------
@pytest.mark.parametrize("format", interop.formats())
@pytest.mark.parametrize("convergence_deg", [0.0, 55.0, 90.0])
@pytest.mark.parametrize("world", [True, False])
def test_round_trip(tmp_path: Path, format: str, convergence_deg: float, world: bool) -> None:
    n = 4 if format == "kalibr" else 5
    rig = make_rig(convergence_deg=convergence_deg, distortion_n=n, world=world)
    path = target(tmp_path, format)
    interop.write(rig, path, format)
    back = interop.read(path)
    assert back.format == ("aniposelib" if format == "pose2sim" else format)
    np.testing.assert_allclose(back.rig.T_RL.R, rig.T_RL.R, atol=1e-9)
    np.testing.assert_allclose(back.rig.T_RL.t, rig.T_RL.t, atol=1e-9)
    assert_same_optics(back.rig.left, rig.left)
    assert_same_optics(back.rig.right, rig.right)
    carries_world = format not in ("kalibr", "ros")
    assert (back.rig.T_WA is not None) == (world and carries_world)
    if back.rig.T_WA is not None:
        for name in ("left", "right"):
            np.testing.assert_allclose(back.rig.T_WC(name).t, rig.T_WC(name).t, atol=1e-9)
            np.testing.assert_allclose(back.rig.T_WC(name).R, rig.T_WC(name).R, atol=1e-9)
    assert not list(tmp_path.rglob("*.part"))
    assert back.rig.verdict.status == "WARN", "a file of another program is no PASS"


@settings(max_examples=25)
@given(
    rotvec=st.tuples(*[st.floats(-1.5, 1.5)] * 3),
    t=st.tuples(*[st.floats(-4, 4)] * 3).filter(lambda t: np.linalg.norm(t) > 0.05),
    format=st.sampled_from(interop.formats()),
)
def test_any_pose_survives(
    tmp_path_factory: pytest.TempPathFactory,
    rotvec: tuple[float, float, float],
    t: tuple[float, float, float],
    format: str,
) -> None:
    rig = make_rig(distortion_n=4, world=False)
    rig = Rig(rig.left, rig.right, Transform(rotation_exp(rotvec), t, "R", "L"))
    path = target(tmp_path_factory.mktemp("any"), format)
    interop.write(rig, path, format)
    back = interop.read(path, format).rig
    assert geodesic_deg(back.T_RL.R, rig.T_RL.R) < 1e-6
    np.testing.assert_allclose(back.T_RL.t, rig.T_RL.t, atol=1e-7)


def test_our_own_rig_json_is_unharmed_by_a_trip(tmp_path: Path) -> None:
    """Out to OpenCV and back gives the same rig.json poses, whatever OpenCV prints."""
    rig = make_rig()
    interop.write(rig, tmp_path / "a.yml", "opencv")
    interop.read(tmp_path / "a.yml").rig.save(tmp_path / "rig.json")
    np.testing.assert_allclose(Rig.load(tmp_path / "rig.json").T_RL.t, rig.T_RL.t, atol=1e-12)


@pytest.mark.parametrize("format", ["aniposelib", "caliscope", "pose2sim"])
def test_others_project_our_world_onto_the_same_pixels(tmp_path: Path, format: str) -> None:
    """What another program does with the file, in OpenCV's own words: a point of the room in W."""
    rig = make_rig()
    interop.write(rig, tmp_path / "r.toml", format)
    content = tomllib.loads((tmp_path / "r.toml").read_text())
    tables = content.get("cameras", content)
    tables = [t for t in tables.values() if "matrix" in t]
    for table, name in zip(tables, ("left", "right"), strict=True):
        T_CW = rig.T_WC(name).inverse()
        P_W = T_CW.inverse().apply([[0.3, -0.2, 5.0], [-0.5, 0.1, 3.0]])
        uv, _ = cv2.projectPoints(
            P_W,
            np.array(table["rotation"]),
            np.array(table["translation"]),
            np.array(table["matrix"]),
            np.array(table["distortions"]),
        )
        np.testing.assert_allclose(uv[:, 0], rig.camera(name).project(T_CW.apply(P_W)), atol=1e-6)


def test_ros_pictures_are_rectified_on_equal_rows(tmp_path: Path) -> None:
    """P₁ (R₁ p) and P₂ (R₁ p, 1) must share their row: that is what the two files promise."""
    rig = make_rig(convergence_deg=20.0)
    interop.write(rig, tmp_path, "ros")
    import yaml

    left, right = (yaml.safe_load((tmp_path / f"{n}.yaml").read_text()) for n in ("left", "right"))
    R1, P1 = (
        np.reshape(left[k]["data"], s)
        for k, s in (("rectification_matrix", (3, 3)), ("projection_matrix", (3, 4)))
    )
    R2, P2 = (
        np.reshape(right[k]["data"], s)
        for k, s in (("rectification_matrix", (3, 3)), ("projection_matrix", (3, 4)))
    )
    for P_L in ([-0.8, 0.3, 6.0], [-1.5, -0.2, 4.0]):
        rectified = R1 @ P_L
        a = P1 @ [*rectified, 1.0]
        b = P2 @ [*rectified, 1.0]
        c = P2[:, :3] @ R2 @ rig.T_RL.apply(P_L)  # the right camera's own way to the same pixel
        assert a[1] / a[2] == pytest.approx(b[1] / b[2])
        np.testing.assert_allclose(b / b[2], c / c[2])


# -- conventions, against numbers worked out by hand -----------------------------------------------
def test_aniposelib_rotation_is_world_to_camera(tmp_path: Path) -> None:
    """Camera 2 stands at (3, 0, 0) in camera 1's frame and is turned 90° about Y (down).

    A rotation vector (0, π/2, 0) is R = [[0,0,1],[0,1,0],[−1,0,0]]. World → camera of camera 2's
    own centre must be 0, so t = −R (3,0,0)ᵀ = (0, 0, 3). Camera 1's centre in camera 2 is t.
    """
    (tmp_path / "c.toml").write_text(
        f"""
        [cam_0]
        name = "a"
        size = [1920, 1080]
        matrix = {K}
        distortions = [0.0, 0.0, 0.0, 0.0, 0.0]
        rotation = [0.0, 0.0, 0.0]
        translation = [0.0, 0.0, 0.0]
        [cam_1]
        name = "b"
        size = [1920, 1080]
        matrix = {K}
        distortions = [0.0, 0.0, 0.0, 0.0, 0.0]
        rotation = [0.0, {np.pi / 2}, 0.0]
        translation = [0.0, 0.0, 3.0]
        [metadata]
        adjusted = false
        error = 0.0
        """
    )
    got = interop.read(tmp_path / "c.toml")
    assert got.format == "aniposelib"
    np.testing.assert_allclose(got.rig.T_RL.R, [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(got.rig.T_LR.apply([0.0, 0, 0]), [3, 0, 0], atol=1e-12)
    assert any("camera 'a' is taken for 'left'" in n for n in got.notes)
    assert any("swap" in n for n in got.notes), "the right camera stands at +X of the left"


def test_aniposelib_common_world_cancels(tmp_path: Path) -> None:
    """Both cameras given in a world 10 m away: only their difference counts."""
    rig = make_rig(world=False)
    T_LX = Transform(rotation_exp([0.4, -1.0, 0.2]), [1.0, -2.0, 10.0], "L", "X")
    T_RX = rig.T_RL @ T_LX
    tables = []
    for i, (cam, T) in enumerate(((rig.left, T_LX), (rig.right, T_RX))):
        rvec = cv2.Rodrigues(T.R)[0].ravel()
        tables.append(
            f'[cam_{i}]\nname = "{cam.name}"\nsize = [1920.0, 1080.0]\nmatrix = {cam.K.tolist()}\n'
            f"distortions = {cam.distortion.tolist()}\nrotation = {rvec.tolist()}\n"
            f"translation = {T.t.tolist()}\nfisheye = false\n"
        )
    (tmp_path / "Calib.toml").write_text("\n".join(tables))
    got = interop.read(tmp_path / "Calib.toml", "pose2sim")
    np.testing.assert_allclose(got.rig.T_RL.t, rig.T_RL.t, atol=1e-9)
    assert got.rig.T_WA is None
    assert any("world is not known to be ours" in n for n in got.notes)


def test_kalibr_T_cn_cnm1_is_previous_to_this(tmp_path: Path) -> None:
    """A real chain's first row says it: a right camera 11 cm to the right has t_x = −0.11."""
    (tmp_path / "camchain.yaml").write_text(
        """
cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.28, 0.07, 0.0002, 0.00002]
  distortion_model: radtan
  intrinsics: [458.0, 457.0, 367.0, 248.0]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [0.0, 0.0, 1.0, -0.11]
  - [0.0, 1.0, 0.0, 0.0]
  - [-1.0, 0.0, 0.0, 0.02]
  - [0.0, 0.0, 0.0, 1.0]
  camera_model: pinhole
  distortion_coeffs: [-0.28, 0.07, 0.0002, 0.00002]
  distortion_model: radtan
  intrinsics: [457.0, 456.0, 379.0, 255.0]
  resolution: [752, 480]
  rostopic: /cam1/image_raw
"""
    )
    got = interop.read(tmp_path / "camchain.yaml")
    # (1, 2, 3) in cam0 → (3, 2, −1) + (−0.11, 0, 0.02) in cam1
    np.testing.assert_allclose(got.rig.T_RL.apply([1.0, 2.0, 3.0]), [2.89, 2.0, -0.98])
    assert got.rig.left.K[0, 0] == 458 and got.rig.left.K[1, 2] == 248
    assert got.rig.right.size_px == (752, 480)


def test_kalibr_chain_of_three_is_multiplied_up(tmp_path: Path) -> None:
    cam = (
        "  camera_model: pinhole\n  distortion_model: radtan\n  distortion_coeffs: [0, 0, 0, 0]\n"
        "  intrinsics: [500, 500, 320, 240]\n  resolution: [640, 480]\n"
    )
    step = "  T_cn_cnm1: [[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]\n"
    text = f"cam0:\n{cam}cam1:\n{cam}{step}cam2:\n{cam}{step}"
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InteropError, match=r"two cameras are needed.*3: cam0, cam1, cam2"):
        interop.read(tmp_path / "c.yaml")
    rig = interop.read(tmp_path / "c.yaml", cameras=("cam0", "cam2")).rig
    np.testing.assert_allclose(rig.T_RL.t, [1.0, 0, 0])


def test_ros_pose_comes_out_of_the_rectification(tmp_path: Path) -> None:
    """An already rectified pair: R = I, P₂[0,3] = −f B = −500 · 0.12 = −60."""
    for name, p03 in (("left", 0.0), ("right", -60.0)):
        (tmp_path / f"{name}.yaml").write_text(
            f"""
image_width: 640
image_height: 480
camera_name: {name}
camera_matrix: {{rows: 3, cols: 3, data: [510, 0, 320, 0, 510, 240, 0, 0, 1]}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [0.1, -0.05, 0, 0, 0]}}
rectification_matrix: {{rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}}
projection_matrix: {{rows: 3, cols: 4, data: [500, 0, 320, {p03}, 0, 500, 240, 0, 0, 0, 1, 0]}}
"""
        )
    got = interop.read(tmp_path)
    assert got.format == "ros"
    np.testing.assert_allclose(got.rig.T_RL.t, [-0.12, 0, 0])
    np.testing.assert_allclose(got.rig.T_LR.t, [0.12, 0, 0])
    assert interop.read(tmp_path / "left.yaml").rig.baseline_m == pytest.approx(0.12)


def test_ros_agrees_with_opencv_rectification(tmp_path: Path) -> None:
    """A narrow rig written by cv2.stereoRectify's own R and P reads back to the same pose."""
    R = rotation_exp([0.01, 0.05, -0.02])
    t = np.array([-0.12, 0.003, 0.004])
    Km = np.array(K)
    D = np.zeros(5)
    R1, R2, P1, P2 = cv2.stereoRectify(Km, D, Km, D, (1920, 1080), R, t.reshape(3, 1))[:4]
    for name, Rn, P in (("left", R1, P1), ("right", R2, P2)):
        (tmp_path / f"{name}.yaml").write_text(
            "image_width: 1920\nimage_height: 1080\n"
            f"camera_matrix: {{data: {Km.ravel().tolist()}}}\n"
            f"distortion_coefficients: {{data: {D.tolist()}}}\n"
            f"rectification_matrix: {{data: {Rn.ravel().tolist()}}}\n"
            f"projection_matrix: {{data: {P.ravel().tolist()}}}\n"
        )
    rig = interop.read(tmp_path).rig
    np.testing.assert_allclose(rig.T_RL.t, t, atol=1e-9)
    np.testing.assert_allclose(rig.T_RL.R, R, atol=1e-9)


def test_opencv_sample_pair_of_files(tmp_path: Path) -> None:
    """What OpenCV's stereo_calib sample leaves behind, in mm and without a picture size."""
    Km, D = np.array(K), np.array([[-0.1, 0.02, 0, 0, 0]])
    f = cv2.FileStorage(str(tmp_path / "intrinsics.yml"), cv2.FileStorage_WRITE)
    for key, value in (("M1", Km), ("D1", D), ("M2", Km), ("D2", D)):
        f.write(key, value)
    f.release()
    f = cv2.FileStorage(str(tmp_path / "extrinsics.yml"), cv2.FileStorage_WRITE)
    f.write("R", np.eye(3))
    f.write("T", np.array([[-82.918], [0.0], [0.0]]))
    f.release()
    with pytest.raises(InteropError, match=r"how large the pictures.*size_px"):
        interop.read(tmp_path)
    for path in (tmp_path, tmp_path / "extrinsics.yml", tmp_path / "intrinsics.yml"):
        got = interop.read(path, size_px=(1920, 1080))
        assert got.rig.baseline_m == pytest.approx(0.082918)
        assert any("read as mm (judged by its size)" in n and "0.08292 m" in n for n in got.notes)


# -- units -----------------------------------------------------------------------------------------
def _opencv_with_baseline(path: Path, baseline: float) -> None:
    f = cv2.FileStorage(str(path), cv2.FileStorage_WRITE)
    for key, value in (("M1", np.array(K)), ("M2", np.array(K))):
        f.write(key, value)
    for key in ("D1", "D2"):
        f.write(key, np.zeros((1, 5)))
    f.write("R", np.eye(3))
    f.write("T", np.array([[-baseline], [0.0], [0.0]]))
    f.release()


@pytest.mark.parametrize(
    ("baseline", "unit", "metres"),
    [
        pytest.param(0.06, "auto", 0.06, id="stereo-camera-in-m"),
        pytest.param(8.0, "auto", 8.0, id="classroom-in-m"),
        pytest.param(60.5, "auto", 0.0605, id="stereo-camera-in-mm"),
        pytest.param(3600.0, "auto", 3.6, id="classroom-in-mm"),
        pytest.param(360.0, "cm", 3.6, id="cm-only-when-said"),
        pytest.param(30.0, "cm", 0.3, id="ambiguous-but-said"),
    ],
)
def test_units(tmp_path: Path, baseline: float, unit: str, metres: float) -> None:
    _opencv_with_baseline(tmp_path / "a.yml", baseline)
    got = interop.read(tmp_path / "a.yml", unit=unit, size_px=(1920, 1080))
    assert got.rig.baseline_m == pytest.approx(metres)
    assert sum("lengths read as" in n for n in got.notes) == 1


def test_ambiguous_unit_is_asked_for(tmp_path: Path) -> None:
    _opencv_with_baseline(tmp_path / "a.yml", 30.0)
    with pytest.raises(InteropError, match=r"unit cannot be told.*30 units apart.*unit = m"):
        interop.read(tmp_path / "a.yml", size_px=(1920, 1080))


def test_a_written_unit_beats_the_size(tmp_path: Path) -> None:
    """A 25 m gym and a 1 cm toy are unambiguous in our own files."""
    for baseline_m in (25.0, 0.01):
        interop.write(make_rig(baseline_m=baseline_m), tmp_path / "r.toml", "caliscope")
        got = interop.read(tmp_path / "r.toml")
        assert got.rig.baseline_m == pytest.approx(baseline_m)
        assert any("as the file says" in n for n in got.notes)


# -- lenses that a format cannot hold --------------------------------------------------------------
def test_kalibr_refits_five_coefficients_and_says_how_well(tmp_path: Path) -> None:
    rig = make_rig(distortion_n=5)
    notes = interop.write(rig, tmp_path / "c.yaml", "kalibr")
    assert sum("refitted to Kalibr's four" in n for n in notes) == 2
    four, error_px = radtan4(rig.left)
    assert four.distortion.size == 4 and 0 < error_px < 0.1
    back = interop.read(tmp_path / "c.yaml").rig
    w, h = rig.left.size_px
    rng = np.random.default_rng(1)
    uv = rng.uniform(0, 1, (300, 2)) * [w - 1, h - 1]
    assert np.abs(back.left.project(rig.left.rays(uv)) - uv).max() < 0.1


def test_kalibr_refuses_a_lens_it_cannot_hold(tmp_path: Path) -> None:
    rig = make_rig(distortion_n=5)
    D = np.array([-0.3, 0.4, 0, 0, -0.5])
    bad = Rig(Camera(K, D, (1920, 1080), "left"), rig.right, rig.T_RL)
    with pytest.raises(InteropError, match=r"four distortion coefficients.*camera left.*px off"):
        interop.write(bad, tmp_path / "c.yaml", "kalibr")
    assert not (tmp_path / "c.yaml").exists()


@pytest.mark.parametrize("format", ["opencv", "ros", "caliscope", "pose2sim"])
def test_eight_coefficients_travel(tmp_path: Path, format: str) -> None:
    rig = make_rig(distortion_n=8)
    interop.write(rig, target(tmp_path, format), format)
    np.testing.assert_allclose(
        interop.read(target(tmp_path, format)).rig.left.distortion, rig.left.distortion
    )


def test_aniposelib_always_writes_five_and_refuses_eight(tmp_path: Path) -> None:
    interop.write(make_rig(distortion_n=4), tmp_path / "a.toml", "aniposelib")
    assert interop.read(tmp_path / "a.toml").rig.left.distortion.size == 5
    with pytest.raises(InteropError, match="five distortion coefficients"):
        interop.write(make_rig(distortion_n=8), tmp_path / "b.toml", "aniposelib")


def fisheye_rig() -> Rig:
    """140° wide, each lens with its own four coefficients."""
    rig = make_rig()
    D = np.array([0.04, -0.01, 0.003, -0.0006])
    left = Camera([[786.0, 0, 955], [0, 788.0, 545], [0, 0, 1]], D, (1920, 1080), "left",
                  "equidistant")  # fmt: skip
    return replace(rig, left=left, right=replace(left, distortion=0.8 * D, name="right"))


@pytest.mark.parametrize("format", [f for f in interop.formats() if f != "pose2sim"])
def test_a_fisheye_travels(tmp_path: Path, format: str) -> None:
    """To 70° from the axis the same points fall on the same pixels."""
    rig, path = fisheye_rig(), target(tmp_path, format)
    interop.write(rig, path, format)
    back = interop.read(path).rig
    turn = np.radians(np.linspace(-70, 70, 29))
    P = np.stack([np.sin(turn), 0.3 * np.sin(turn), np.cos(turn)], 1)
    for name in ("left", "right"):
        assert back.camera(name).model == "equidistant"
        np.testing.assert_allclose(
            back.camera(name).project(P), rig.camera(name).project(P), atol=1e-6
        )


def test_a_fisheye_is_refused_where_no_reader_knows_it(tmp_path: Path) -> None:
    with pytest.raises(InteropError, match="pose2sim has no lens model for a fisheye"):
        interop.write(fisheye_rig(), tmp_path / "a.toml", "pose2sim")
    mixed = replace(fisheye_rig(), right=make_rig().right)
    with pytest.raises(InteropError, match="one lens model for both"):
        interop.write(mixed, tmp_path / "a.yml", "opencv")
    assert not list(tmp_path.iterdir())
    interop.write(mixed, tmp_path / "ros", "ros")
    assert interop.read(tmp_path / "ros").rig.left.model == "equidistant"
    # an OpenCV program that looks for a pinhole finds none
    interop.write(fisheye_rig(), tmp_path / "b.yml", "opencv")
    assert "M1:" not in (tmp_path / "b.yml").read_text()


# -- what is refused, and how it is said -----------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.yml", "", "no calibration file that we know"),
        ("x.yml", "hello", "no calibration file that we know"),
        ("x.yml", "%YAML:1.0\n---\nM1: 3\n", "R is missing; found M1"),
        ("x.yml", "%YAML:1.0\n---\n", "is missing"),
        ("x.yaml", "cam0:\n  camera_model: pinhole\n", "missing|lens model"),
        (
            "x.yaml",
            "cam0:\n  camera_model: omni\n  distortion_model: radtan\n  resolution: [4, 4]\n",
            "omni-radtan.*pinhole-radtan",
        ),
        (
            "x.yaml",
            "cam0:\n  camera_model: pinhole\n  distortion_model: fov\n",
            "pinhole-fov",
        ),
        ("x.toml", "[cam_0]\nmatrix = 3\n", "two cameras are needed"),
        ("x.toml", "[cam_0\nmatrix = 3\n", "no calibration file"),
    ],
)
def test_bad_files_are_one_clear_sentence(
    tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InteropError, match=sentence):
        interop.read(tmp_path / name)


@settings(max_examples=150)
@given(
    format=st.sampled_from(interop.formats()),
    cut=st.floats(0, 1),
    junk=st.text(max_size=20),
)
def test_damaged_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, format: str, cut: float, junk: str
) -> None:
    """Any file of ours, cut anywhere and continued with junk, is read or refused politely."""
    folder = tmp_path_factory.mktemp("damaged")
    path = target(folder, format)
    interop.write(make_rig(distortion_n=4), path, format)
    file = path / "right.yaml" if format == "ros" else path
    text = file.read_text()
    file.write_text(text[: int(cut * len(text))] + junk, encoding="utf-8")
    try:
        got = interop.read(path, format)
    except InteropError as error:
        assert str(error).endswith((".", "format if you know it.", "(left, right).")), str(error)
    else:
        assert np.isfinite(got.rig.T_RL.t).all()


def test_unknown_format_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(InteropError, match="found blender, expected aniposelib or caliscope"):
        interop.write(make_rig(), tmp_path / "a", "blender")
    with pytest.raises(InteropError, match="there is no such file"):
        interop.read(tmp_path / "absent.yml")


def test_what_is_left_behind_is_said(tmp_path: Path) -> None:
    rig = make_rig()
    n = len(rig.parameter_names)
    with_cov = Rig(rig.left, rig.right, rig.T_RL, rig.T_AL, rig.T_WA, np.eye(n))
    notes = interop.write(with_cov, tmp_path / "r", "ros")
    text = " / ".join(notes)
    assert "lengths are metres" in text and "uncertainty" in text and "blackboard" in text
    assert "turned 55° against each other" in text
