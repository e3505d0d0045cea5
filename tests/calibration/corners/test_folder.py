"""A folder of pictures or videos, all the way to a rig; spoiled pictures are named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration.calibrate import calibrate_folder, solve, solve_again
from calibration.camera import CAMERAS
from calibration.corners.auxiliary import clicked_grid, read_auxiliary
from calibration.corners.boards import Board
from calibration.corners.folder import board_in, pair_names, read_folder
from calibration.corners.moments import board_moments
from calibration.corners.placement import AuxiliaryPlacement
from calibration.corners.process import Detector
from calibration.errors import CalibrationError
from calibration.inputs import Seen
from calibration.mounting import Mounting
from calibration.rig import Rig
from calibration.room.world import R_WA
from calibration.transform import Transform, geodesic_deg
from tests.calibration import rigs
from tests.calibration.drawing import draw_board, write

SIZE = (640, 480)
BOARD = Board("chessboard", (7, 4), 0.14)
Drawn = tuple[Path, rigs.Room, AuxiliaryPlacement]


def seen_by(rig: Rig) -> Seen:
    """The corners that a rig carries."""
    assert rig.inputs.seen is not None
    return rig.inputs.seen


def _pose(room: rigs.Room, uv: rigs.Array, camera: str) -> Transform:
    """The board pose that gave these exact corners."""
    cam = room.rig.camera(camera)
    _, rv, tv = cv2.solvePnP(
        BOARD.points_B(), uv, cam.K, cam.distortion, flags=cv2.SOLVEPNP_ITERATIVE
    )
    return Transform(cv2.Rodrigues(rv)[0], tv.ravel(), "C", "B")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """A calibration folder drawn once: 8 shared views, 4 of each camera, the auxiliary board."""
    folder = tmp_path_factory.mktemp("drawn") / "calibration"
    rng = np.random.default_rng(3)
    room = rigs.random_room(rng, board=BOARD, angle_deg=55, size_px=SIZE)
    for i, views in enumerate(rigs.look(room, rng, shared=8, alone=4)):
        for camera, uv in zip(("left", "right"), views, strict=True):
            if uv is not None:
                picture = draw_board(
                    room.rig.camera(camera), _pose(room, uv, camera), BOARD, rng=rng
                )
                write(folder / camera / f"{i:02d}.png", picture)
    tape = rigs.good_tape(room, rng, "flat", facing=0.38, margin_px=15)
    for camera, uv in zip(("left", "right"), rigs.place_auxiliary(room, tape), strict=True):
        assert uv is not None
        picture = draw_board(room.rig.camera(camera), _pose(room, uv, camera), BOARD, rng=rng)
        write(folder / "auxiliary" / f"{camera}.png", picture)
    return folder, room, AuxiliaryPlacement("flat", tape.left_m, tape.down_m, tape.out_m)


@pytest.fixture(scope="module")
def rig(drawn: Drawn) -> Rig:
    """The drawn folder, calibrated once."""
    folder, room, placement = drawn
    stages: list[float] = []
    found = calibrate_folder(
        folder, BOARD, [placement], blackboard_m=room.blackboard_m,
        cameras_apart_m=room.rig.baseline_m, progress=lambda _, share: stages.append(share),
    )  # fmt: skip
    assert stages == sorted(stages) and stages[-1] == 1.0
    return found


@pytest.fixture
def copy(drawn: Drawn, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(drawn[0], tmp_path / "calibration")
    return tmp_path / "calibration"


def test_pictures_to_rig(drawn: Drawn, rig: Rig, tmp_path: Path) -> None:
    _, room, placement = drawn
    assert rig.verdict.status in ("PASS", "WARN"), rig.verdict
    assert float(geodesic_deg(rig.T_RL.R, room.rig.T_RL.R)) < 0.15
    assert np.linalg.norm(rig.T_RL.t - room.rig.T_RL.t) < 0.015
    for name in ("left", "right"):
        a, b = rig.T_WC(name), room.rig.T_WC(name)
        assert float(geodesic_deg(a.R, b.R)) < 0.3 and np.linalg.norm(a.t - b.t) < 0.012
    assert rig.T_WA is not None
    assert np.allclose(rig.T_WA.R, R_WA, atol=1e-9)
    assert np.allclose(rig.T_WA.t, [placement.left_m, placement.down_m, placement.out_m], atol=1e-9)
    # whole circle: saved, read, solved again
    rig.save(tmp_path / "rig.json")
    again = solve_again(Rig.load(tmp_path / "rig.json"))
    assert np.allclose(again.T_RL.t, rig.T_RL.t, atol=2e-4)
    assert again.verdict.status == rig.verdict.status
    assert again.covariance is not None and rig.covariance is not None
    assert np.allclose(np.diag(again.covariance), np.diag(rig.covariance), rtol=0.2)


def test_a_board_that_is_not_stated_is_counted(drawn: Drawn) -> None:
    assert board_in(drawn[0]).inner_corners == (7, 4)


def test_cameras_alone(rig: Rig) -> None:
    found = solve(replace(seen_by(rig), auxiliary=(), blackboard_m=None))
    assert found.T_AL is None and found.T_WA is None and found.covariance is not None
    assert found.quality.seats[1].frame == "L"
    assert np.allclose(found.T_RL.t, rig.T_RL.t, atol=0.02)


def test_clicked_corners_where_detection_fails(drawn: Drawn, rig: Rig, tmp_path: Path) -> None:
    """Four clicks in one picture, good to a pixel, take the place of a picture that fails."""
    folder, room, placement = drawn
    left, _ = rigs.place_auxiliary(room, placement.tape())
    assert left is not None
    grid = left.reshape(4, 7, 2)
    four = [grid[0, 6], grid[0, 0], grid[3, 0], grid[3, 6]]
    rng = np.random.default_rng(0)
    clicks = {"left": [(p + rng.normal(0, 0.7, 2)).tolist() for p in four]}
    clicked = replace(placement, corners=clicks, right=folder / "auxiliary" / "right.png")
    seen = seen_by(rig)
    view, by_hand, causes = read_auxiliary(clicked, BOARD, seen.sizes, 0)
    assert by_hand and not causes and view.right is not None
    auxiliary = replace(seen.auxiliary[0], view=view, clicked=True)
    found = solve(replace(seen, auxiliary=(auxiliary,)))
    a, b = found.T_WC("left"), room.rig.T_WC("left")
    assert float(geodesic_deg(a.R, b.R)) < 1.0 and np.linalg.norm(a.t - b.t) < 0.05
    assert found.quality.auxiliary[0].clicked
    with pytest.raises(CalibrationError, match="wrong way"):
        clicked_grid(four[::-1], BOARD, "[auxiliary] corners.left")
    with pytest.raises(CalibrationError, match="four points"):
        clicked_grid([[1, 2]], BOARD, "[auxiliary] corners.left")


def test_spoiled_pictures_are_named(copy: Path, drawn: Drawn) -> None:
    """One resized, one mirrored, one smeared, one cut off, one text file: each has its cause."""
    room = drawn[1]

    def change(path: Path, f: object) -> None:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        write(path, f(image))  # type: ignore[operator]

    kernel = np.zeros((15, 15), np.float32)
    kernel[7] = 1 / 15
    change(copy / "left" / "01.png", lambda g: cv2.resize(g, None, fx=0.5, fy=0.5))
    change(copy / "right" / "02.png", lambda g: g[:, ::-1])
    change(copy / "left" / "09.png", lambda g: cv2.filter2D(g, -1, kernel))
    (copy / "left" / "30.jpg").write_bytes((copy / "left" / "00.png").read_bytes()[:900])
    (copy / "right" / "31.png").write_text("not a picture")
    rig = calibrate_folder(copy, BOARD, cameras_apart_m=room.rig.baseline_m)
    codes = {c.code: c for c in rig.verdict.causes}
    assert rig.verdict.status in ("WARN", "FAIL")
    assert "left/1" in codes["sizes_differ"].message or "01" in codes["sizes_differ"].message
    assert "2" in codes["mirrored_picture"].message
    assert "9" in codes["blurred"].message
    assert "2 files" in codes["unreadable_pictures"].message
    assert float(geodesic_deg(rig.T_RL.R, room.rig.T_RL.R)) < 0.3  # and the rest is still right


def test_wrong_counts_are_noticed_and_the_right_ones_named(copy: Path) -> None:
    for wrong in ((8, 5), (7, 6)):
        with pytest.raises(CalibrationError, match=r"expected \[7, 4\]") as caught:
            calibrate_folder(copy, Board("chessboard", wrong, 0.14))
        assert "inner_corners" in str(caught.value)


@pytest.fixture(scope="module")
def charuco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures for each camera of a ChArUco board of 9 × 6 inner corners."""
    folder = tmp_path_factory.mktemp("charuco")
    markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_1000)
    flat = cv2.aruco.CharucoBoard((10, 7), 1.0, 0.75, markers).generateImage((600, 420))
    for k in range(3):
        seen = cv2.warpAffine(flat, np.array([[1, 0.1 * k, 60], [0, 1, 40.0]]), (800, 500),
                              borderValue=255)  # fmt: skip
        for camera in CAMERAS:
            write(folder / camera / f"{k}.png", seen)
    return folder


@pytest.mark.parametrize(("counts", "dictionary", "found"), [
    ((8, 6), "DICT_5X5_1000", r"inner_corners.*\[8, 6\], expected \[9, 6\]"),
    ((9, 5), "DICT_5X5_1000", r"inner_corners.*\[9, 5\], expected \[9, 6\]"),
    ((6, 9), "DICT_5X5_1000", r"inner_corners.*\[6, 9\], expected \[9, 6\]"),
    ((9, 6), "DICT_4X4_50", r"dictionary.*DICT_4X4_50, expected DICT_5X5_50"),
])  # fmt: skip
def test_another_charuco_board_than_stated_is_named(
    charuco: Path, counts: tuple[int, int], dictionary: str, found: str
) -> None:
    with pytest.raises(CalibrationError, match=found):
        read_folder(charuco, Board("charuco", counts, 0.03, None, dictionary))


def test_a_row_that_the_auxiliary_board_may_not_have_is_asked_about(charuco: Path) -> None:
    placement = AuxiliaryPlacement(
        "flat", 1.0, 1.0, 1.0, left=charuco / "left" / "0.png", right=charuco / "right" / "0.png"
    )
    sizes = dict.fromkeys(CAMERAS, (800, 500))
    for rows, codes in ((6, []), (7, ["auxiliary_part_unseen"])):
        _, _, causes = read_auxiliary(placement, Board("charuco", (9, rows), 0.03), sizes, 0)
        assert [c.code for c in causes] == codes


def test_auxiliary_picture_of_another_size(copy: Path, drawn: Drawn, rig: Rig) -> None:
    path = copy / "auxiliary" / "left.png"
    write(path, cv2.resize(cv2.imread(str(path), 0), (320, 240)))
    placement = replace(drawn[2], left=path, right=copy / "auxiliary" / "right.png")
    view, _, causes = read_auxiliary(placement, BOARD, seen_by(rig).sizes, 0)
    assert view.left is None and view.right is not None
    assert [c.code for c in causes] == ["auxiliary_size"] and causes[0].severity == "FAIL"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: shutil.rmtree(f / "right"), "no folder with calibration pictures"),
        (lambda f: [p.unlink() for p in (f / "left").iterdir()], "no calibration pictures"),
        (lambda f: [p.write_text("x") for p in (f / "left").iterdir()], "left camera"),
    ],
)
def test_folders_that_cannot_be_used(copy: Path, spoil: object, says: str) -> None:
    spoil(copy)  # type: ignore[operator]
    with pytest.raises(CalibrationError, match=says):
        read_folder(copy, BOARD)


def test_names_pair_by_stem_or_by_last_number() -> None:
    def paths(*names: str) -> list[Path]:
        return [Path(n) for n in names]

    assert pair_names(paths("a/L2.jpg", "a/L10.jpg"), paths("b/R10.jpg", "b/R3.jpg")) == [
        ("2", Path("a/L2.jpg"), None),
        ("3", None, Path("b/R3.jpg")),
        ("10", Path("a/L10.jpg"), Path("b/R10.jpg")),
    ]
    pairs = pair_names(paths("l/01.jpg", "l/left-01.jpg"), paths("r/01.png", "r/right-01.png"))
    assert [p[0] for p in pairs] == ["01", "left-01", "right-01"]
    assert pairs[0][1:] == (Path("l/01.jpg"), Path("r/01.png"))


def _video(path: Path, frames: list[np.ndarray], fps: int = 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 20_000_000
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.dstack([picture] * 3), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_videos_instead_of_pictures(drawn: Drawn, tmp_path: Path) -> None:
    """The board is held still at eight places, half a second each, and moved in between."""
    for camera in ("left", "right"):
        still = [cv2.imread(str(drawn[0] / camera / f"{i:02d}.png"), 0) for i in range(8)]
        frames = []
        for a, b in zip(still, [*still[1:], still[-1]], strict=True):
            frames += [a] * 4 + [cv2.addWeighted(a, 0.5, b, 0.5, 0)]
        _video(tmp_path / camera / "board.mp4", frames)
    found = read_folder(tmp_path, BOARD)
    both = [v for v in found.views if v.left is not None and v.right is not None]
    assert len(both) == 8 and found.sizes == {"left": SIZE, "right": SIZE}
    rig = calibrate_folder(tmp_path, BOARD)
    assert float(geodesic_deg(rig.T_RL.R, drawn[1].rig.T_RL.R)) < 1.0


@pytest.mark.parametrize("mounting", [Mounting(180), Mounting(90), Mounting(None, True)], ids=str)
def test_files_of_a_turned_camera_give_the_same_corners(
    drawn: Drawn, tmp_path: Path, mounting: Mounting
) -> None:
    """Pictures and videos stored otherwise than upright, and said to be: as if they were not."""
    folder, _, _ = drawn

    def stored(picture: np.ndarray) -> np.ndarray:
        back = picture[:, ::-1] if mounting.mirrored else picture
        return np.ascontiguousarray(np.rot90(back, (mounting.rotate or 0) // 90))

    path = sorted((folder / "left").glob("*.png"))[0]
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    turned = stored(picture)
    write(tmp_path / "turned.png", turned)
    with Detector() as detector:
        upright = detector.find(path, BOARD)
        found = detector.find(tmp_path / "turned.png", BOARD, mounting=mounting)
    assert upright.corners_px is not None and found.corners_px is not None
    assert found.size_px == upright.size_px == SIZE
    np.testing.assert_allclose(found.corners_px, upright.corners_px, atol=0.02)
    for camera in CAMERAS:
        (tmp_path / camera).mkdir()
        _video(tmp_path / camera / "board.mp4", [turned] * 9)
    left, right = (tmp_path / c / "board.mp4" for c in CAMERAS)
    ((_, pair), _), _ = board_moments(left, right, mountings=(mounting, mounting))
    shown = cv2.imdecode(np.frombuffer(pair["left"], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == picture.shape and np.abs(shown.astype(int) - picture).mean() < 6


def test_a_broken_video_is_one_sentence(tmp_path: Path) -> None:
    for camera in ("left", "right"):
        (tmp_path / camera).mkdir()
        (tmp_path / camera / "board.mp4").write_bytes(b"no video at all" * 100)
    with pytest.raises(CalibrationError, match="video cannot be read"):
        read_folder(tmp_path, BOARD)


def test_a_telephone_s_live_photos_are_no_calibration_video(tmp_path: Path) -> None:
    """IMG_1.HEIC and IMG_1.MOV, side by side: what is not read is called so."""
    for camera in CAMERAS:
        (tmp_path / camera).mkdir()
        for k in range(3):
            heic = tmp_path / camera / f"IMG_{k}.HEIC"
            heic.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes([k]))
            heic.with_suffix(".MOV").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    with pytest.raises(CalibrationError, match="6 × HEIC pictures are not read: export them"):
        read_folder(tmp_path, BOARD)
