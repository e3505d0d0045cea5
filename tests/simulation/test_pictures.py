"""What is drawn agrees with the truth: chessboards to hundredths of a pixel, faces where the table
says, the same bytes for the same seed.
"""

from __future__ import annotations

import ctypes.util
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from calibration.corners.detect import find_chessboard
from calibration.rig import Rig
from calibration.transform import Transform
from sessions.errors import SessionError
from sessions.lock import held
from sessions.simulation import draw
from sessions.simulation.boards import RayTable, draw_board, view_poses
from sessions.simulation.draw import simulate
from sessions.simulation.simulate import INNER_CORNERS, SQUARE_M, Options, build_world

LESSON = Path(__file__).parents[1] / "data" / "lesson"
needs_renderer = pytest.mark.skipif(
    ctypes.util.find_library("EGL") is None,
    reason="no EGL library on this machine (apt-get install libegl1 libgl1-mesa-dri)",
)


def board_points(inner_corners: tuple[int, int], square_m: float) -> np.ndarray:
    """Inner corners (M,3) in the board's frame B (X to its right, Y up, Z out of the print), first
    = upper right, then leftwards.
    """
    nx, ny = inner_corners
    grid = np.stack([g.ravel() for g in np.meshgrid(-np.arange(nx), -np.arange(ny))], 1)
    return np.concatenate([grid * square_m, np.zeros((len(grid), 1))], 1).astype(float)


def corner_rms_px(found: np.ndarray, true: np.ndarray) -> float:
    """Rms distance of found corners (M,2) to the true ones, whatever their order."""
    distance = np.linalg.norm(found[:, None] - true[None], axis=2)
    nearest = distance.argmin(1)
    assert sorted(nearest) == list(range(len(true))), "each true corner once"
    return float(np.sqrt((distance.min(1) ** 2).mean()))


def test_drawn_chessboards_are_exact() -> None:
    world = build_world(Options(seed=5, resolution="720p"))
    views = view_poses(
        world.cameras,
        world.T_WC,
        INNER_CORNERS,
        SQUARE_M,
        2,
        2,
        world.room.floor_y_m,
        np.random.default_rng(1),
    )
    for name, camera in world.cameras.items():
        rays = RayTable.of(camera)
        errors = []
        for _, T_WB in views[name]:
            T_CB = Transform(world.T_WC[name].R, world.T_WC[name].t, "W", name).inverse() @ T_WB
            picture = draw_board(
                np.full((720, 1280, 3), 110, np.float32), rays, T_CB, INNER_CORNERS, SQUARE_M
            )
            found = find_chessboard(np.round(picture[..., 0]).astype(np.uint8), INNER_CORNERS)
            assert found.corners_px is not None
            errors.append(
                corner_rms_px(
                    found.corners_px,
                    camera.project(T_CB.apply(board_points(INNER_CORNERS, SQUARE_M))),
                )
            )
        assert np.sqrt(np.mean(np.square(errors))) < 0.05 and max(errors) < 0.09, errors


def test_shared_views_share_their_stems_and_spread() -> None:
    world = build_world(Options(seed=6))
    views = view_poses(
        world.cameras,
        world.T_WC,
        INNER_CORNERS,
        SQUARE_M,
        18,
        8,
        world.room.floor_y_m,
        np.random.default_rng(2),
    )
    stems = {c: {s for s, _ in v} for c, v in views.items()}
    assert len(stems["left"] & stems["right"]) == 18
    assert len(stems["left"]) >= 24 and len(stems["right"]) >= 24
    for name, camera in world.cameras.items():
        inverse = Transform(world.T_WC[name].R, world.T_WC[name].t, "W", name).inverse()
        uv = np.concatenate(
            [
                camera.project((inverse @ T).apply(board_points(INNER_CORNERS, SQUARE_M)))
                for _, T in views[name]
            ]
        )
        cells = {(int(u * 5 / 1920), int(v * 5 / 1080)) for u, v in uv}
        assert len(cells) >= 22, f"corners reach {len(cells)} of 25 cells of the {name} picture"


def test_committed_lesson_matches_its_truth() -> None:
    import json

    rig = Rig.load(LESSON / "truth" / "rig.json")
    boards = {
        (b["camera"], b["view"]): b
        for b in json.loads((LESSON / "truth" / "boards.json").read_text())
    }
    for camera, view in (
        ("left", "01"),
        ("right", "01"),
        ("left", "left-01"),
        ("right", "right-03"),
    ):
        b = boards[camera, view]
        T_WB = Transform(np.array(b["R"]), np.array(b["t_m"]), "W", "B")
        T_WC = rig.T_WC(camera)
        true = rig.camera(camera).project(
            (Transform(T_WC.R, T_WC.t, "W", camera).inverse() @ T_WB).apply(
                board_points(INNER_CORNERS, SQUARE_M)
            )
        )
        gray = cv2.imread(
            str(LESSON / "calibration" / camera / f"{view}.jpg"), cv2.IMREAD_GRAYSCALE
        )
        found = find_chessboard(gray, INNER_CORNERS)
        assert found.corners_px is not None and corner_rms_px(found.corners_px, true) < 0.1, (
            camera,
            view,
        )
    assert sum(f.stat().st_size for f in LESSON.rglob("*") if f.is_file()) < 10e6


def test_committed_lesson_shows_every_face_where_the_truth_says() -> None:
    import av

    from gaze.faces.detectors import load_detector

    truth = pd.read_parquet(LESSON / "truth" / "heads.parquet")
    detector = load_detector("centerface")
    for camera in ("left", "right"):
        with av.open(str(LESSON / f"{camera}.mp4")) as container:
            frames = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
        assert len(frames) == truth.frame.nunique()
        frame = 20
        picture = cv2.copyMakeBorder(frames[frame], 0, 8, 0, 0, cv2.BORDER_CONSTANT)
        found = detector.detect(picture[None], 0.4)
        now = truth[truth.frame == frame]
        nose = now[[f"nose_u_{camera}_px", f"nose_v_{camera}_px"]].to_numpy()
        inside = (found.box_px[None, :, :2] < nose[:, None]).all(2) & (
            nose[:, None] < found.box_px[None, :, 2:]
        ).all(2)
        assert inside.any(1).all(), f"{camera}: every true nose lies in a detected face"
        assert len(found.box_px) == len(now)
        # the third of CenterFace's points is the nose: within a sixth of the face's height of the
        # truth
        match = found.points_px[inside.argmax(1), 2]
        assert (
            np.linalg.norm(match - nose, axis=1) < now[f"face_px_{camera}"].to_numpy() / 6
        ).all()


@needs_renderer
def test_head_crops_have_exact_labels_and_the_packs_layout() -> None:
    pytest.importorskip("vtk")
    from sessions.simulation.people import load_people
    from tools.people_factory.heads import euler_matrix, render_heads

    poses = np.array(
        [[0, 45, 0], [0, -45, 0], [25, 0, 0], [-25, 0, 0], [0, 0, 25], [10.0, 80, -20]]
    )
    pack = render_heads(load_people("test"), len(poses), seed=3, poses_deg=poses)
    assert np.allclose(np.stack([pack["pitch"], pack["yaw"], pack["roll"]], 1), poses, atol=1e-3)
    assert np.allclose(pack["R"], euler_matrix(*poses.T), atol=1e-6)
    points, box = pack["pts68"], pack["box"]
    side = (box[:, 2:] - box[:, :2]).max(1)
    assert np.allclose(side * 1.6, 128, atol=0.5) and np.allclose(
        (box[:, :2] + box[:, 2:]) / 2, 63.5, atol=0.6
    )
    tip, eyes = points[:, 30], points[:, 36:48].mean(1)
    assert tip[0, 0] < eyes[0, 0] - 5 and tip[1, 0] > eyes[1, 0] + 5, (
        "yaw > 0: the nose points to the viewer's left"
    )
    assert (tip - eyes)[2, 1] < (tip - eyes)[3, 1] - 5, "pitch > 0: the face looks up"
    across = points[4, 42:48].mean(0) - points[4, 36:42].mean(0)
    assert across[0] > 0 and across[1] > 5, (
        "roll > 0: clockwise as seen, the viewer's right eye goes down"
    )
    assert set(pack["group"]) <= {p.name for p in load_people("test")}
    first = cv2.imdecode(pack["jpg"][pack["jpg_off"][0] : pack["jpg_off"][1]], cv2.IMREAD_COLOR)
    assert first.shape == (128, 128, 3) and first.std() > 10
    again = render_heads(load_people("test"), len(poses), seed=3, poses_deg=poses)
    assert all(np.array_equal(pack[k], again[k]) for k in pack)


@needs_renderer
def test_heads_out_of_a_classroom_have_exact_labels_too() -> None:
    pytest.importorskip("vtk")
    from sessions.simulation.people import load_people
    from tools.people_factory.class_heads import render_classrooms

    def choose(_rng: np.random.Generator, seed: int) -> Options:
        return Options(
            students=3, rows=1, near_m=3, far_m=3, seconds=600, scenario="natural", seed=seed,
            resolution="720p",
        )  # fmt: skip

    cast = load_people("test")
    pack = render_classrooms(cast, rooms=1, seed=4, moments=3, choose=choose)
    assert 6 <= len(pack["R"]) <= 18
    at_rest = {p.name: p.landmarks @ p.R_BS for p in cast}  # in S

    def residual(R: np.ndarray, points: np.ndarray, name: str) -> float:
        """rms of the picture's landmarks against R's weak perspective, as a share of their size.

        The person was stretched by a few per cent and has a depth: 2-3 %, not 0.
        """
        model = (at_rest[name] @ R.T)[:, :2] * [1, -1]
        a, b = model - model.mean(0), points - points.mean(0)
        scale = (a * b).sum() / (a * a).sum()
        return float(np.sqrt(((scale * a - b) ** 2).mean() / (b**2).mean()))

    right, wrong = [], []
    for R, points, name in zip(pack["R"], pack["pts68"], pack["group"], strict=True):
        right.append(residual(R, points, name))
        wrong.append(residual(Rotation.from_rotvec([0, 0.2, 0]).as_matrix() @ R, points, name))
    assert np.median(right) < 0.06 and max(right) < 0.12
    assert np.median(wrong) > 2 * np.median(right), "11 degrees of yaw would be noticed"
    side = (pack["box"][:, 2:] - pack["box"][:, :2]).max(1)
    assert np.allclose(side * 1.6, 128, atol=0.5)
    first = cv2.imdecode(pack["jpg"][: pack["jpg_off"][1]], cv2.IMREAD_COLOR)
    assert first.shape == (128, 128, 3) and first.std() > 10


def files(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def interrupted(out: Path, options: Options) -> None:
    """Simulate, interrupted amid the views and amid a film, and damaged."""
    unfinished = out.with_name(f".{out.name}.unfinished")
    seen: dict[Path, int] = {}
    for last in (("calibration pictures", 0.6), ("left video", 0.8)):

        def stop(stage: str, share: float, last: tuple[str, float] = last) -> None:
            if stage == last[0] and share >= last[1]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            simulate(out, options, stop)
        assert not out.exists()
        done = [*unfinished.glob("whole/calibration/[lr]*/*.jpg"), *unfinished.glob("parts/*.mp4")]
        assert all(p.stat().st_ino == n for p, n in seen.items()), "drawn again"
        assert len(done) > len(seen)
        seen = {p: p.stat().st_ino for p in done}
    part = unfinished / "parts" / "left-0000000.mp4"
    part.write_bytes(part.read_bytes()[:-900])
    with held(unfinished / "lock", out), pytest.raises(SessionError, match="another command"):
        simulate(out, options)
    simulate(out, options)


@needs_renderer
def test_a_small_lesson_is_complete_and_the_same_when_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vtk")
    options = Options(
        students=2,
        rows=1,
        near_m=3.2,
        far_m=3.2,
        seconds=3.0,
        fps=2,
        points=5,
        resolution="720p",
        views=3,
        views_alone=1,
        offset_s=0.1,
        timestamps=True,
        seed=9,
    )
    monkeypatch.setattr(draw, "STRETCH", 4)  # each film is joined from two
    stages: list[str] = []
    session = simulate(tmp_path / "a", options, lambda stage, share: stages.append(stage))
    interrupted(tmp_path / "b", options)
    a, b = files(tmp_path / "a"), files(tmp_path / "b")
    assert a == b, "one that was interrupted again and again is the same to the byte"
    expected = {
        "session.toml",
        "targets.csv",
        "timestamps.csv",
        "left.mp4",
        "right.mp4",
        "truth/rig.json",
        "truth/heads.parquet",
        "calibration/auxiliary/left.jpg",
        "calibration/auxiliary/right.jpg",
        "calibration/left/01.jpg",
        "calibration/right/01.jpg",
    }
    assert expected <= set(a)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"], (
        "nothing is left beside the sessions"
    )
    assert session.videos("left")[0].is_file() and {
        "left video",
        "right video",
        "calibration pictures",
    } == set(stages)
    import av

    with av.open(str(tmp_path / "a" / "right.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 6
    stamps = pd.read_csv(tmp_path / "a" / "timestamps.csv")
    assert stamps.groupby("camera").size().to_dict() == {"left": 6, "right": 6}
    assert stamps[stamps.camera == "right"].time_s.iloc[0] == pytest.approx(-0.1, abs=1e-6)
