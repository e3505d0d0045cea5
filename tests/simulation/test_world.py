"""The simulator's truth: consistent with itself, with the conventions, and the same for the same
seed. No pictures here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibration.rig import Rig
from calibration.transform import geodesic_deg
from sessions.config import load_config
from sessions.errors import SessionError
from sessions.simulation.draw import simulate
from sessions.simulation.people import load_people
from sessions.simulation.render import Lens
from sessions.simulation.room import PLACEMENTS, ROOMS
from sessions.simulation.script import FACING_BOARD, visible_share
from sessions.simulation.simulate import (
    Options,
    World,
    build_world,
)
from sessions.simulation.write import targets_rows, truth_table, write_session

GRID = Options(students=8, rows=3, seconds=13.5, fps=5, seed=3)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(GRID)


def test_people_are_many_and_differ() -> None:
    people = load_people()
    assert len(people) >= 14 and 2 <= len(load_people("test")) <= 4
    assert {p.role for p in people} == {"train", "test"}
    assert (
        any(p.glasses for p in people)
        and len({p.hair_style for p in people}) >= 6
        and len({p.skin for p in people}) >= 5
    )
    assert np.ptp([p.age for p in people]) > 0.3


def test_nose_and_axes_of_every_person_are_plausible() -> None:
    for p in load_people():
        eye_distance = np.linalg.norm(p.eye_centres[0] - p.eye_centres[1])
        assert 0.045 < eye_distance < 0.075, p.name
        assert p.eye_centres[0, 0] > 0 > p.eye_centres[1, 0], (
            "eye 0 is the person's left, and x points left"
        )
        below = p.eye_centres[:, 1].mean() - p.nose[1]
        assert 0.3 < below / eye_distance < 1.0 and abs(p.nose[0]) < 0.002, p.name
        assert p.nose[2] > p.eye_centres[:, 2].mean(), "the nose is in front of the eyes"
        assert geodesic_deg(p.R_BS, np.eye(3)) < 12, p.name
        assert np.median(p.landmark_residual_m) < 0.002 and p.axes_residual < 0.12, p.name
        assert np.linalg.norm(p.landmarks[30] - p.nose) < 0.004, p.name


def test_a_turned_head_stays_in_one_piece() -> None:
    person = load_people()[0]
    from scipy.spatial.transform import Rotation

    R = Rotation.from_euler("y", 60, degrees=True).as_matrix()
    points, own = person.turned(R)
    rigid = person.share > 0.999
    assert np.allclose(points[rigid], person.points[rigid] @ R.T, atol=1e-9)
    still = person.share == 0
    assert still.sum() > 1000 and np.allclose(points[still], person.points[still])
    edges = person.faces[:, :2]
    before = np.linalg.norm(person.points[edges[:, 0]] - person.points[edges[:, 1]], axis=1)
    after = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    assert (np.abs(after - before) < 0.035).all(), "no triangle is torn"
    assert np.allclose(np.linalg.det(own), 1)


def test_in_grid_every_head_ray_hits_its_marked_point(world: World) -> None:
    names, points = world.marks
    for start, end, student, point in world.windows:
        for t in (start, (start + end) / 2, end - 1e-4):
            heads = world.heads(np.array([t]))
            P, r = heads.P_W[0, student], heads.R_WS[0, student, :, 2]
            hit = P - P[2] * r / r[2]
            assert np.allclose(hit, points[point], atol=1e-6)
            assert heads.label[0, student] == names[point]


def test_the_head_between_points_is_on_its_way(world: World) -> None:
    heads = world.heads(np.linspace(0, 13.4, 400))
    step = geodesic_deg(heads.R_WS[1:], heads.R_WS[:-1])
    assert step.max() < 10, "no jump between neighbouring moments"
    assert (step < 1e-9).mean() > 0.5, "still for most of the time"


def test_eyes_take_their_stated_share() -> None:
    world = build_world(replace(GRID, eye_share=0.3))
    full = build_world(replace(GRID, eye_share=0.0))
    _, points = world.marks
    t = np.array([world.windows[k][1] - 0.01 for k in range(len(points))])
    a, b = world.heads(t), full.heads(t)
    assert np.allclose(a.point_W, b.point_W)
    for n, place in enumerate(world.people):
        # relative to the neutral direction the head does 70 % of what it does without the eyes
        def yaw(heads, n=n):
            z = np.einsum("ji,tj->ti", FACING_BOARD, heads.R_WS[:, n, :, 2])
            return np.degrees(np.arctan2(z[:, 0], z[:, 2]))

        neutral = place.neutral_deg[0]
        # not to the last digit: the nose, from which directions are taken, swings with the head
        assert np.allclose(yaw(a) - neutral, 0.7 * (yaw(b) - neutral), atol=1.0)
    to_point = (
        a.point_W
        - np.einsum(
            "tnij,tnj->tni",
            a.R_WB,
            np.stack(
                [
                    np.einsum("tij,j->ti", a.R_head[:, n], p.person.eye_centres.mean(0))
                    for n, p in enumerate(world.people)
                ],
                1,
            ),
        )
        - a.t_WB
    )
    to_point /= np.linalg.norm(to_point, axis=-1, keepdims=True)
    assert np.allclose(a.gaze_W, to_point, atol=1e-9), (
        "gaze goes to the point whatever the head does"
    )


def test_left_is_left(world: World) -> None:
    """The left camera is on the left for somebody facing the board (larger x_W); a student on that
    side is on its right in the picture.
    """
    assert world.T_WC["left"].t[0] > world.room.board_width_m > 0 > world.T_WC["right"].t[0]
    for name in ("left", "right"):
        T = world.T_WC[name]
        assert T.R[1, 1] > 0.9, "pictures are upright: image down is the room's down"
        a = T.inverse().apply(np.array([1.0, 1.0, 5.0]))
        b = T.inverse().apply(np.array([3.0, 1.0, 5.0]))
        assert b[0] > a[0], (
            "larger x_W lies further right in the picture of a camera that looks at the class"
        )
    heads = world.heads(np.array([0.0]))
    assert np.allclose(heads.R_WS[0].transpose(0, 2, 1) @ heads.R_WS[0], np.eye(3))
    assert (heads.R_WS[0, :, 2, 2] < -0.5).all() and (heads.R_WS[0, :, 0, 0] > 0.5).all(), (
        "S: X to the person's left = +x_W, Z at the board"
    )
    assert (heads.P_W[..., 2] > 2.5).all()


def test_cameras_see_every_face_and_the_auxiliary_board() -> None:
    for room in ROOMS:
        for seed in (0, 1):
            world = build_world(Options(seed=seed, room=room))
            heads = world.heads(np.array([0.0]))
            angle = np.degrees(np.arccos(world.T_WC["left"].R[:, 2] @ world.T_WC["right"].R[:, 2]))
            assert 40 <= angle <= 90, (room, angle)
            for name, camera in world.cameras.items():
                inverse = world.T_WC[name].inverse()
                assert camera.contains(camera.project(inverse.apply(heads.P_W[0])), 20).all()
                assert camera.contains(
                    camera.project(inverse.apply(world.auxiliary.corners_W())), 10
                ).all()
    assert abs(world.cameras["left"].f_px - world.cameras["right"].f_px) > 50
    assert not np.allclose(world.cameras["left"].distortion, world.cameras["right"].distortion)


def test_rig_places_the_cameras_where_they_are(world: World, tmp_path: Path) -> None:
    world.rig().save(tmp_path / "rig.json")
    rig = Rig.load(tmp_path / "rig.json")
    for name in ("left", "right"):
        assert np.allclose(rig.T_WC(name).t, world.T_WC[name].t, atol=1e-9)
        assert np.allclose(rig.T_WC(name).R, world.T_WC[name].R, atol=1e-9)
    assert np.allclose(rig.T_WA.R, [[-1, 0, 0], [0, 0, -1], [0, -1, 0]])
    corners = world.auxiliary.corners_W()
    assert np.allclose(corners[0], world.auxiliary.t_WA), "the tape ends at the first inner corner"
    assert corners[0, 0] == corners[:, 0].min(), "nearest the board's right-hand side"
    assert corners[0, 2] == pytest.approx(corners[:, 2].min()), "on the edge towards the blackboard"


def test_written_session_reads_back(world: World, tmp_path: Path) -> None:
    write_session(tmp_path / "s", world)
    config = load_config(tmp_path / "s")
    assert config.blackboard.width_m == world.room.board_width_m
    assert [s.id for s in config.students] == list(world.seats.ids)
    assert np.allclose(
        [config.auxiliary[0].left_m, config.auxiliary[0].down_m, config.auxiliary[0].out_m],
        world.auxiliary.t_WA,
        atol=1e-4,
    )
    truth = pd.read_parquet(tmp_path / "s" / "truth" / "heads.parquet")
    assert len(truth) == 8 * round(13.5 * 5)
    targets = pd.read_csv(tmp_path / "s" / "targets.csv", dtype={"target": str})
    assert list(targets.columns) == ["start_s", "end_s", "student", "target", "x_m", "y_m"]
    assert (targets.end_s > targets.start_s).all() and targets.groupby("student").size().eq(9).all()
    joined = truth.merge(targets, on="student", suffixes=("", "_marked"))
    inside = joined[(joined.time_s >= joined.start_s) & (joined.time_s <= joined.end_s)]
    assert len(inside) > 0.6 * len(truth)
    assert (
        np.abs(inside.head_point_x_m - inside.x_m).max() < 1e-4
        and np.abs(inside.head_point_y_m - inside.y_m).max() < 1e-4
    )
    assert (inside.target == inside.target_marked).all()


def test_truth_projects_to_its_own_pixels(world: World) -> None:
    truth = truth_table(world, world.heads(np.array([0.3, 5.0])))
    P = truth[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy()
    for name in ("left", "right"):
        uv = world.cameras[name].project(world.T_WC[name].inverse().apply(P))
        assert np.allclose(uv, truth[[f"nose_u_{name}_px", f"nose_v_{name}_px"]], atol=1e-6)
        assert truth[f"face_px_{name}"].between(15, 200).all()


def test_same_seed_same_truth_other_seed_other() -> None:
    t = np.linspace(0, 13, 40)
    for options in (GRID, replace(GRID, scenario="natural")):
        a, b = build_world(options), build_world(options)
        assert truth_table(a, a.heads(t)).equals(truth_table(b, b.heads(t)))
        other = build_world(replace(options, seed=4))
        assert not truth_table(a, a.heads(t)).equals(truth_table(other, other.heads(t)))
    assert targets_rows(build_world(GRID)) == targets_rows(build_world(GRID))


def test_natural_lessons_write_talk_and_keep_head_and_gaze_apart() -> None:
    world = build_world(
        Options(students=12, rows=3, seconds=120, fps=5, scenario="natural", seed=1)
    )
    heads = world.heads(world.frame_times("left"))
    share = pd.Series(heads.label.ravel()).value_counts(normalize=True)
    assert share["board"] > 0.4 and share["desk"] > 0.05 and share["neighbour"] > 0.02
    z = heads.R_WS[..., 2]
    pitch_down = np.degrees(np.arcsin(z[..., 1]))
    assert (
        np.median(pitch_down[heads.label == "desk"])
        > 20
        > np.median(pitch_down[heads.label == "board"])
    )
    apart = np.degrees(np.arccos(np.clip((z * heads.gaze_W).sum(-1), -1, 1)))
    assert 2 < np.median(apart) < 20
    step = geodesic_deg(heads.R_WS[1:], heads.R_WS[:-1])
    assert np.median(step) > 0.02, "heads are never quite still"


def test_somebody_in_front_hides_a_face() -> None:
    world = build_world(Options(students=3, rows=3, seed=0))
    heads = world.heads(np.array([0.0]))
    free = visible_share(heads, world.people, np.array([9.0, -2.0, 0.1]))
    assert (free == 1).all()
    behind = heads.P_W[0, 2]
    front = heads.P_W[0, 1]
    camera = front + 1.5 * (front - behind) / np.linalg.norm(front - behind)
    assert visible_share(heads, world.people, camera)[0, 2] < 0.3


def test_clocks_of_the_two_cameras() -> None:
    world = build_world(replace(GRID, offset_s=0.25, drift_ppm=100.0))
    left, right = world.frame_times("left"), world.frame_times("right")
    assert left[0] == 0 and right[0] == pytest.approx(-0.25, abs=1e-4), (
        "right's clock shows 0 a quarter of a second before left's"
    )
    assert (right[-1] + 0.25) == pytest.approx(left[-1] / (1 + 1e-4), abs=1e-4)


@pytest.mark.parametrize("placement", list(PLACEMENTS))
def test_named_placements_build(placement: str) -> None:
    assert set(build_world(Options(placement=placement)).cameras) == {"left", "right"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"students": 0}, "students"),
        ({"rows": 9, "students": 8}, "rows"),
        ({"room": "aula"}, "room"),
        ({"resolution": "8k"}, "resolution"),
        ({"scenario": "exam"}, "scenario"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 2.0}, "seconds"),
        ({"fps": 0}, "fps"),
        ({"eye_share": 1.5}, "--eye-share"),
        ({"offset_s": 30}, "offset"),
        ({"far_m": 40}, "--far is"),
        ({"placement": "1,2;3"}, "placement"),
        ({"placement": "0,0,0;4,0,0"}, "left"),
        ({"noise": -1}, "noise"),
        ({"people": "nobody"}, "people"),
    ],
)
def test_impossible_options_are_one_sentence(change: dict, word: str) -> None:
    with pytest.raises(SessionError, match=word):
        build_world(replace(Options(), **change))


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(SessionError, match="not empty"):
        simulate(tmp_path / "mine", Options())
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["mine", "notes.txt"]


def test_fisheyes_are_as_wide_as_asked_and_every_pixel_has_a_place_in_the_pinhole() -> None:
    world = build_world(Options(students=4, rows=2, fisheye_deg=120, resolution="720p"))
    for camera in world.cameras.values():
        assert camera.model == "equidistant"
        ends = camera.rays(np.array([[0.0, 359.5], [1279.0, 359.5]]))
        assert np.degrees(np.arccos(ends[0] @ ends[1])) == pytest.approx(120, abs=3)
        lens = Lens.of(camera)
        u, v = 900, 100  # the pinhole's pixel looks where the camera's does
        x, y = lens.map_x[v, u], lens.map_y[v, u]
        looks = np.linalg.solve(lens.K, [x, y, 1.0])
        assert np.allclose(looks / np.linalg.norm(looks), camera.rays([u, v]), atol=1e-4)
        assert lens.map_x.min() >= 0 and lens.map_x.max() <= lens.size_px[0] - 1
    for wrong in ({"fisheye_deg": 170}, {"fisheye_deg": 120, "lens_px": 900}):
        with pytest.raises(SessionError, match="--fisheye is impossible"):
            Options(**wrong).checked()
