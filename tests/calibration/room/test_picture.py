"""The blackboard's clicked corners in a third picture: the room without a tape, or against it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.calibrate import calibrate_folder, solve, solve_again
from calibration.camera import Camera
from calibration.corners.auxiliary import read_room_pictures
from calibration.corners.boards import Board
from calibration.corners.placement import AuxiliaryPlacement, RoomPictureFile
from calibration.errors import CalibrationError
from calibration.inputs import Seen
from calibration.lens import Lens
from calibration.page.verdict_page import verdict_page
from calibration.rig import Rig
from calibration.room import picture_why, world
from calibration.room.picture import RoomPicture, blackboard_points_W, check_clicks, turned_over
from calibration.room.picture_fit import KnownLens, _Problem, by_placement, room_poses
from calibration.room.picture_why import RoomPictures, why_misfit
from calibration.room.world import Tape
from calibration.transform import Array, Transform, geodesic_deg, rotation_log
from calibration.verdict import Cause
from gaze.setup.calibrate import placements_of, rig_summary, room_sentences
from sessions.config import load_config
from tests.calibration import drawing, rigs
from tests.calibration.room_pictures import board_in_room, phone, take

A4 = Board("chessboard", (9, 6), 0.025)
NO_TAPE = {"left_m": None, "down_m": None, "out_m": None}


def scene(
    seed: int, n: int, *, off: Array | None = None, **options: Any
) -> tuple[rigs.Room, Seen, np.random.Generator]:
    """A calibration whose auxiliary board was also photographed n times with the blackboard."""
    rng = np.random.default_rng(seed)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=8, alone=5)
    aux = seen.auxiliary[0]
    if off is not None:
        left, right = rigs.place_auxiliary(room, aux.tape, off=off)
        view = replace(aux.view, left=rigs.noisy(left, rng, 0.1), right=rigs.noisy(right, rng, 0.1))
        aux = replace(aux, view=view)
    T_WB = board_in_room(aux.tape, room.board, off)
    camera = phone(rng)
    pictures = tuple(take(room, T_WB, room.board, camera, rng, **options)[0] for _ in range(n))
    return room, replace(seen, auxiliary=(replace(aux, room=pictures),)), rng


def change(seen: Seen, **tape: Any) -> Seen:
    aux = seen.auxiliary[0]
    return replace(seen, auxiliary=(replace(aux, tape=replace(aux.tape, **tape)),))


def codes(rig: Rig) -> dict[str, str]:
    return {c.code: c.severity for c in rig.verdict.causes}


# -- the picture alone -----------------------------------------------------------------------------
def test_the_blackboards_corners_are_named_from_the_class() -> None:
    """Upper left as seen is at x_W = width; W's origin is the upper right one."""
    assert blackboard_points_W(4.0, 1.2).tolist() == [
        [4.0, 0, 0], [0, 0, 0], [0, 1.2, 0], [4.0, 1.2, 0],
    ]  # fmt: skip


def test_exact_clicks_give_the_exact_place_and_the_focal_length() -> None:
    rng = np.random.default_rng(3)
    room = rigs.random_room(rng)
    tape = Tape("flat", room.blackboard_m[0] / 2, 1.1, 0.9)
    T_WB = board_in_room(tape, A4)
    camera = phone(rng)
    camera = replace(camera, K=np.array([[3000.0, 0, 2015.5], [0, 3000, 1511.5], [0, 0, 1]]))
    camera = replace(camera, distortion=np.zeros(4))
    seen = [take(room, T_WB, A4, camera, rng, click_px=1e-6, board_px=1e-6) for _ in range(2)]
    pictures = [replace(p, click_sigma_px=0.01) for p, _ in seen]
    pose = room_poses(pictures, A4, room.blackboard_m)[0]
    assert float(geodesic_deg(pose.T_WB.R, T_WB.R)) < 0.02
    assert np.abs(pose.T_WB.t - T_WB.t).max() < 5e-4
    assert pose.f_px[0] == pytest.approx(3000, rel=1e-3)
    assert np.abs(pose.T_WX[0].t - seen[0][1].t).max() < 5e-3


def test_the_derivative_is_that_of_the_residual() -> None:
    rng = np.random.default_rng(5)
    room = rigs.random_room(rng)
    T_WB = board_in_room(Tape("flat", 1.8, 1.1, 0.9), A4)
    camera = phone(rng)
    pictures = [take(room, T_WB, A4, camera, rng)[0] for _ in range(2)]
    left = replace(take(room, T_WB, A4, room.rig.left, rng)[0], taken_with="left")
    lens = KnownLens(
        Lens(np.array([1300.0, 1310, 950, 530, -0.1, 0.02, 1e-3, 0])),
        np.diag([4.0] * 4 + [1e-6] * 4),
    )
    problem = _Problem([*pictures, left], A4.points_B(), room.blackboard_m, {"left": lens})
    state = problem.starts()[0]
    r, J = problem.residual(state)
    for k in range(J.shape[1]):
        d = np.zeros(J.shape[1])
        d[k] = 1e-6
        numeric = (
            problem.residual(state.moved(d))[0] - problem.residual(state.moved(-d))[0]
        ) / 2e-6
        assert np.allclose(J[:, k], numeric, rtol=1e-4, atol=1e-3 * max(1, np.abs(J[:, k]).max()))
    assert problem.n_z == 4 + 8 + 3 + 2 and len(r) == 3 * 2 * 58 + problem.n_z


@pytest.mark.parametrize(("n", "taken_with"), [(1, "phone"), (3, "phone"), (2, "left")])
def test_covariance_is_honest(n: int, taken_with: Any) -> None:
    """χ² of T_WB against the truth over rooms, with everything unknown that is unknown."""
    total, turned, rooms = 0.0, [], 12
    for seed in range(rooms):
        rng = np.random.default_rng(seed)
        room = rigs.random_room(rng)
        w, h = room.blackboard_m
        placement: Any = ("flat", "standing")[seed % 2]
        tape = Tape(placement, w / 2 + rng.uniform(-0.7, 0.7), rng.uniform(0.9, 1.4), 0.8)
        T_WB = board_in_room(tape, A4)
        camera = phone(rng) if taken_with == "phone" else room.rig.left
        pictures = [take(room, T_WB, A4, camera, rng, taken_with=taken_with)[0] for _ in range(n)]
        size = (w + rng.normal(0, 0.005), h + rng.normal(0, 0.005))
        known = KnownLens(room.rig.left.lens, np.zeros((8, 8)))
        pose = room_poses(pictures, A4, size, {"left": known})[0]
        e = np.concatenate([rotation_log(pose.T_WB.R.T @ T_WB.R), T_WB.t - pose.T_WB.t])
        total += float(e @ np.linalg.solve(pose.covariance, e)) / 6
        turned.append(float(geodesic_deg(pose.T_WB.R, T_WB.R)))
    assert 0.4 < total / rooms < 1.6, total / rooms
    assert np.median(turned) < {1: 1.5, 2: 1.5, 3: 0.6}[n]


@pytest.mark.parametrize("taken_with", ["phone", "left"])
def test_a_mirror_may_show_the_room(taken_with: Any) -> None:
    """A camera looks into a mirror somewhere; clicks as they appear there; no plane is known."""
    for seed in range(4):
        rng = np.random.default_rng(70 + seed)
        room = rigs.random_room(rng)
        T_WB = board_in_room(Tape("flat", room.blackboard_m[0] / 2, 1.1, 0.9), A4)
        camera = phone(rng) if taken_with == "phone" else room.rig.left
        camera = replace(camera, distortion=camera.distortion + [0, 0, 2e-3, 4e-3])
        # the mirror image of where a good picture would be taken, by a plane S: n·p = c
        _, T_WV = take(room, T_WB, A4, camera, rng, click_px=0, board_px=0)
        n = np.array([0.1, 0.05, 1.0]) / np.linalg.norm([0.1, 0.05, 1.0])
        S = np.eye(3) - 2 * np.outer(n, n)
        shift = 2 * 7.5 * n
        T_WX = Transform(S @ T_WV.R @ np.diag([-1.0, 1, 1]), S @ T_WV.t + shift, "W", "X")
        points = np.concatenate(
            [blackboard_points_W(*room.blackboard_m), T_WB.apply(A4.points_B())]
        )
        P = T_WX.inverse().apply(points @ S.T + shift)  # what the mirror shows, in the true camera
        uv = camera.project(P)
        assert uv[0, 0] > uv[1, 0], "the blackboard's left edge appears on the right"
        as_clicked = uv[[1, 0, 3, 2]] + rng.normal(0, 1.0, (4, 2))
        width = camera.size_px[0]
        clicks = turned_over(check_clicks(as_clicked, camera.size_px, "x"), width)
        board = uv[4:].copy()
        board[:, 0] = width - 1 - board[:, 0]
        board += rng.normal(0, 0.2, board.shape)
        seen = RoomPicture(clicks, board, camera.size_px, taken_with, 1.0, mirrored=True)
        assert RoomPicture.from_dict(seen.to_dict()).mirrored
        known = KnownLens(camera.lens, np.zeros((8, 8)))
        pose = room_poses([seen], A4, room.blackboard_m, {"left": known})[0]
        e = np.concatenate([rotation_log(pose.T_WB.R.T @ T_WB.R), T_WB.t - pose.T_WB.t])
        assert float(e @ np.linalg.solve(pose.covariance, e)) < 22.5
        assert float(geodesic_deg(pose.T_WB.R, T_WB.R)) < 3
        # X is the camera's mirror image; its distance hangs on the focal length
        middle = np.array([room.blackboard_m[0] / 2, 0.6, 0.0])
        a, b = pose.T_WX[0].t - middle, T_WV.t - middle
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > np.cos(np.radians(6))
        assert np.linalg.norm(a) == pytest.approx(np.linalg.norm(b), rel=0.15)


def test_a_rig_s_round_trip_keeps_the_picture() -> None:
    rng = np.random.default_rng(8)
    room = rigs.random_room(rng)
    seen, _ = take(room, board_in_room(Tape("flat", 2, 1.1, 0.9), A4), A4, phone(rng), rng)
    assert seen.board_px is not None
    seen.board_px[3] = np.nan
    back = RoomPicture.from_dict(json.loads(json.dumps(seen.to_dict())))
    assert np.allclose(back.blackboard_px, seen.blackboard_px)
    assert back.board_px is not None and np.isnan(back.board_px[3]).all()
    assert np.allclose(back.board_px, seen.board_px, atol=1e-4, equal_nan=True)
    assert (back.size_px, back.file, back.taken_with) == (seen.size_px, "room.jpg", "phone")


# -- in the calibration ----------------------------------------------------------------------------
def test_three_pictures_replace_the_tape() -> None:
    room, seen, _ = scene(11, 3)
    rig = solve(change(seen, **NO_TAPE), models=(4,))
    assert rig.T_WA is not None and rig.covariance is not None, rig.verdict
    for name in ("left", "right"):
        found, truth = rig.T_WC(name), room.rig.T_WC(name)
        assert float(geodesic_deg(found.R, truth.R)) < 1.0
        assert np.linalg.norm(found.t - truth.t) < 0.06
    row = rig.quality.auxiliary[0]
    assert row.room_picture is not None
    assert row.room_picture.tape_minus_picture_cm is None and row.tape_error_cm is None
    assert np.allclose(row.t_WA_m, seen.auxiliary[0].tape.t_WA, atol=0.05)
    assert len(row.room_picture.T_WX) == 3 and "FAIL" not in codes(rig).values()
    again = solve_again(Rig.from_dict(json.loads(json.dumps(rig.to_dict()))))
    assert np.allclose(again.T_WC("left").t, rig.T_WC("left").t, atol=1e-3)


def test_without_a_tape_the_rigs_covariance_is_honest() -> None:
    """χ² of T_WL's error over eight rooms, the board laid to its half degree."""
    total = []
    for seed in range(8):
        rng = np.random.default_rng(900 + seed)
        off = np.concatenate([rng.normal(0, np.radians(0.5), 3), np.zeros(3)])
        room, seen, _ = scene(30 + seed, 2, off=off)
        rig = solve(change(seen, **NO_TAPE), models=(4,))
        assert rig.T_WA is not None and rig.covariance is not None, rig.verdict
        first = rig.parameter_names.index("R_AL.x")
        T = rig.T_WC("left")

        def moved(d: Array, rig: Rig = rig, T: Transform = T, first: int = first) -> Array:
            full = np.zeros(len(rig.parameter_names))
            full[first:] = d
            new = rig.perturbed(full).T_WC("left")
            return np.concatenate([rotation_log(T.R.T @ new.R), new.t - T.t])

        J = np.stack([(moved(1e-6 * e) - moved(-1e-6 * e)) / 2e-6 for e in np.eye(12)], 1)
        C = J @ rig.covariance[first:, first:] @ J.T
        truth = room.rig.T_WC("left")
        error = np.concatenate([rotation_log(T.R.T @ truth.R), truth.t - T.t])
        total.append(float(error @ np.linalg.solve(C, error)))
    assert 0.35 < np.mean(total) / 6 < 1.8, total


def test_tape_and_picture_that_agree_are_combined() -> None:
    _, seen, _ = scene(12, 2)
    with_both = solve(seen, models=(4,))
    without = solve(change(seen, **NO_TAPE), models=(4,))
    row = with_both.quality.auxiliary[0]
    assert not {"tape_wrong", "placement_askew", "room_contradiction"} & codes(with_both).keys()
    assert row.room_picture is not None
    difference = np.array(row.room_picture.tape_minus_picture_cm)
    assert (np.abs(difference) < 4 * np.array(row.room_picture.difference_sigma_cm)).all()
    assert with_both.covariance is not None and without.covariance is not None
    i = with_both.parameter_names.index("t_WA.x")
    assert np.trace(with_both.covariance[i:, i:]) < np.trace(without.covariance[i:, i:])


@pytest.mark.parametrize(("key", "by"), [("left_m", -0.30), ("out_m", 0.25), ("down_m", 0.20)])
def test_a_wrong_tape_is_named_with_its_sign(key: str, by: float) -> None:
    """What a single placement could never tell."""
    _, seen, _ = scene(13, 3)
    tape = seen.auxiliary[0].tape
    rig = solve(change(seen, **{key: getattr(tape, key) + by}), models=(4,))
    (cause,) = [c for c in rig.verdict.causes if c.code in ("tape_wrong", "tape_digits")]
    assert key in cause.message
    if cause.code == "tape_wrong":
        fits = float(cause.message.split("was measured, ")[1].split(" m would fit")[0])
        assert fits == pytest.approx(getattr(tape, key), abs=0.06)


def test_a_wrong_size_of_the_blackboard_is_named() -> None:
    """Measured with the frame, clicked without: 5 cm too high."""
    _, seen, _ = scene(42, 3)
    assert seen.blackboard_m is not None
    assert "blackboard_size" not in codes(solve(seen, models=(4,)))
    width, height = seen.blackboard_m
    rig = solve(replace(seen, blackboard_m=(width, height + 0.05)), models=(4,))
    (cause,) = [c for c in rig.verdict.causes if c.code == "blackboard_size"]
    assert "contradict height_m = 1.250 m: they show a smaller blackboard" in cause.message


def test_a_board_laid_askew_is_named() -> None:
    """8° on the table: invisible to tape and cameras, plain in the picture of the room."""
    _, seen, _ = scene(14, 3, off=np.array([0, 0, np.radians(8.0), 0, 0, 0]))
    rig = solve(seen, models=(4,))
    (cause,) = [c for c in rig.verdict.causes if c.code == "placement_askew"]
    assert "turned by 8." in cause.message or "turned by 7." in cause.message
    alone = replace(seen, auxiliary=(replace(seen.auxiliary[0], room=()),), corners_m={})
    blind = codes(solve(alone, models=(4,)))
    assert "placement_askew" not in blind and blind["room_unchecked"] == "WARN"


def test_a_board_turned_between_the_pictures_is_named() -> None:
    room, seen, rng = scene(15, 0)
    aux = seen.auxiliary[0]
    T_WB = board_in_room(aux.tape, room.board)
    half = (
        T_WB
        @ world.T_PB(room.board.points_B(), 2).inverse()
        @ Transform(
            world.T_PB(room.board.points_B(), 0).R, world.T_PB(room.board.points_B(), 0).t, "P", "B"
        )
    )
    picture, _ = take(room, half, room.board, phone(rng), rng)
    rig = solve(replace(seen, auxiliary=(replace(aux, room=(picture,)),)), models=(4,))
    assert codes(rig)["room_picture_turned"] == "FAIL"


def test_session_toml_and_json_carry_it(tmp_path: Path) -> None:
    """What session.toml says of the picture reaches the solve; what comes of it, ``--json``."""
    (tmp_path / "session.toml").write_text("""
[blackboard]
width_m = 4.0
height_m = 1.2
[auxiliary]
placement = "standing"
[[auxiliary.room_picture]]
file = "calibration/auxiliary/room1.jpg"
blackboard_corners = [[800, 600], [3200, 620], [3180, 1380], [820, 1370]]
[[auxiliary.room_picture]]
file = "room2.jpg"
blackboard_corners = [[800, 600], [3200, 620], [3180, 1380], [820, 1370]]
taken_with = "left"
click_sigma_px = 3
[cameras.left]
video = "left.mp4"
[cameras.right]
video = "right.mp4"
""")
    (placement,) = placements_of(tmp_path, load_config(tmp_path))
    assert placement.left_m is None and not placement.tape().measured
    one, two = placement.room_pictures
    assert one.file == tmp_path / "calibration/auxiliary/room1.jpg"
    assert (one.taken_with, one.click_sigma_px) == ("phone", 2.0)
    assert (two.taken_with, two.click_sigma_px) == ("left", 3.0)
    assert check_clicks(one.blackboard_corners, (4032, 3024), "x").shape == (4, 2)

    _, seen, _ = scene(19, 1)
    rig = solve(seen, models=(4,))
    *_, sentence = room_sentences(rig)
    assert "auxiliary board 1 at left" in sentence and "tape − picture: left " in sentence
    *_, alone = room_sentences(solve(change(seen, **NO_TAPE), models=(4,)))
    assert "tape" not in alone
    with pytest.raises(CalibrationError, match="size of the blackboard"):
        solve(replace(seen, blackboard_m=None), models=(4,))
    world_json = rig_summary(rig)["world"]
    (shown,) = world_json["room_picture"]
    assert len(shown["tape_minus_picture_cm"]) == len(shown["difference_sigma_cm"]) == 3
    assert len(shown["turned_deg"]) == 3 and min(shown["sigma_cm"]) > 0


def _clicked_beside(p: RoomPicture) -> RoomPicture:
    return replace(p, blackboard_px=p.blackboard_px + np.outer([0, 0, 1, 0], [90, -60]))


def _upside_down(p: RoomPicture) -> RoomPicture:
    return replace(p, blackboard_px=np.roll(p.blackboard_px, 2, axis=0))


def _mirrored(p: RoomPicture) -> RoomPicture:
    """As a selfie camera has it, clicked as it looks; nobody said that it is mirrored."""
    assert p.board_px is not None
    over = np.array([-1, 1]), np.array([p.size_px[0] - 1, 0])
    nx, ny = rigs.BOARD.inner_corners
    board = (p.board_px * over[0] + over[1]).reshape(ny, nx, 2)[:, ::-1].reshape(-1, 2)
    return replace(
        p, blackboard_px=(p.blackboard_px * over[0] + over[1])[[1, 0, 3, 2]], board_px=board
    )


def _shown_smaller(p: RoomPicture) -> RoomPicture:
    return replace(p, blackboard_px=p.blackboard_px / 2)


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (
            _clicked_beside,
            "room_picture_clicks",
            "second.jpg: the lower right corner was clicked 10",
        ),
        (_upside_down, "room_picture_turned", "second.jpg is upside down"),
        (_mirrored, "room_picture_turned", "second.jpg is mirrored"),
        (_shown_smaller, "room_picture_clicks", "second.jpg was 2.00 times smaller where"),
    ],
)
def test_what_is_wrong_with_one_of_three_pictures_is_named(
    wrong: Any, code: str, says: str
) -> None:
    _, seen, _ = scene(16, 3)
    first, second, third = seen.auxiliary[0].room
    cause = _why(seen, (first, wrong(replace(second, file="second.jpg")), third))
    assert (cause.code, cause.severity) == (code, "FAIL") and says in cause.message
    assert "room_picture_misfit" not in cause.rivals


def test_a_board_moved_between_the_pictures_is_named_with_its_way() -> None:
    """12 cm along the blackboard and 9 cm away from it, between two pictures of the room."""
    room, seen, rng = scene(16, 0)
    aux, camera = seen.auxiliary[0], phone(rng)
    ways = (np.zeros(6), np.array([0, 0, 0, 0.12, 0, 0.09]))
    pictures = tuple(
        take(room, board_in_room(aux.tape, aux.board, off), aux.board, camera, rng)[0]
        for off in ways
    )
    cause = _why(seen, pictures)
    assert cause.code == "room_picture_moved", cause
    assert 10 < float(cause.message.split("the board lies ")[1].split(" cm")[0]) < 20


def _why(seen: Seen, pictures: tuple[RoomPicture, ...]) -> Cause:
    """Why these do not fit, as the calibration would say."""
    assert seen.blackboard_m is not None
    aux = seen.auxiliary[0]
    T_BA = [aux.T_AB(k).inverse() for k in range(4)]
    given = RoomPictures(
        pictures, aux.board, seen.blackboard_m, {},
        lambda pose: by_placement([pose], T_BA, world.R_WA)[0][0],
    )  # fmt: skip
    cause = why_misfit(given, room_poses(pictures, aux.board, seen.blackboard_m)[0])
    assert cause is not None
    return cause


def test_good_pictures_have_nothing_wrong_and_nothing_is_tried(monkeypatch: Any) -> None:
    _, seen, _ = scene(16, 2)
    monkeypatch.setattr(picture_why, "_trials", None)
    with pytest.raises(AssertionError):
        _why(seen, seen.auxiliary[0].room)


@pytest.mark.parametrize(
    ("code", "says"),
    [("room_picture_turned", "is mirrored"), ("room_picture_moved", "moved in between")],
)
def test_one_picture_that_only_the_rest_contradicts(code: str, says: str) -> None:
    """By itself it fits: mirrored, or of a board that lay elsewhere."""
    room, seen, rng = scene(16, 1)
    aux = seen.auxiliary[0]
    picture = _mirrored(aux.room[0])
    if code == "room_picture_moved":
        off = np.array([0, 0, np.radians(5.0), 0.3, 0, 0.2])
        picture = take(room, board_in_room(aux.tape, aux.board, off), aux.board, phone(rng), rng)[0]
    rig = solve(replace(seen, auxiliary=(replace(aux, room=(picture,)),)), models=(4,))
    cause = next(c for c in rig.verdict.causes if c.code != "room_picture_ambiguous")
    assert cause.code == code and says in cause.message, rig.verdict


def test_a_picture_without_the_board_and_no_tape() -> None:
    _, seen, _ = scene(17, 1)
    aux = seen.auxiliary[0]
    blind = replace(aux.room[0], board_px=None, reason="no board was found")
    with_tape = solve(replace(seen, auxiliary=(replace(aux, room=(blind,)),)), models=(4,))
    assert codes(with_tape)["room_picture_no_board"] == "WARN" and with_tape.T_WA is not None
    none = change(replace(seen, auxiliary=(replace(aux, room=(blind,)),)), **NO_TAPE)
    rig = solve(none, models=(4,))
    assert rig.T_WA is None and codes(rig)["auxiliary_not_measured"] == "FAIL"


def test_the_page_draws_picture_and_difference(tmp_path: Path) -> None:
    _, seen, _ = scene(18, 2)
    tape = seen.auxiliary[0].tape
    assert tape.left_m is not None
    rig = solve(change(seen, left_m=tape.left_m + 0.2), models=(4,))
    assert verdict_page(rig, tmp_path / "page.html") == ()
    html = (tmp_path / "page.html").read_text()
    assert "picture of the room" in html and "tape − picture" in html
    assert '"picture of the room 1"' in html, "its camera is in the 3-D view"
    without = solve(change(seen, **NO_TAPE), models=(4,))
    assert verdict_page(without, tmp_path / "page.html") == ()


# -- what can be wrong with it ---------------------------------------------------------------------
GOOD = [[800, 600], [3200, 620], [3180, 1380], [820, 1370]]


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        (GOOD[:3], "the blackboard has four corners; found 3 points"),
        ([[1, 2, 3]] * 4, "the blackboard has four corners"),
        ("nonsense", "the blackboard has four corners"),
        ([*GOOD[:3], [820, float("nan")]], "the blackboard has four corners"),
        ([*GOOD[:3], [820, 5000]], "lies outside the picture; found [820, 5000]"),
        (
            [GOOD[0], GOOD[1], GOOD[3], GOOD[2]],
            "another order: upper left, upper right, lower left, lower right (or: one of them was "
            "clicked at a wrong place)",
        ),
        (
            [GOOD[1], GOOD[0], GOOD[3], GOOD[2]],
            "another order: upper right, upper left, lower left, lower right (or: clicked as in "
            "the room and not as in a mirrored picture)",
        ),
        ([*GOOD[1:], GOOD[0]], "lower left, upper left (or: the picture lies on its side)"),
        ([GOOD[2], GOOD[3], GOOD[0], GOOD[1]], "upper right (or: the picture is upside down)"),
        ([GOOD[0], GOOD[3], GOOD[2], GOOD[1]], "lower right, upper right (or: the picture is mirr"),
        ([*GOOD[:3], [2900, 700]], "lies between the other three"),
        ([[800, 600], [3200, 600], [3200, 601], [800, 601]], "almost in one line"),
        ([GOOD[0]] * 4, "almost in one line"),
    ],
)
def test_clicks_that_cannot_be(corners: Any, says: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        check_clicks(corners, (4032, 3024), "[auxiliary] room_picture blackboard_corners")
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("[auxiliary] room_picture")


def test_good_clicks_are_taken_as_they_are() -> None:
    assert check_clicks(GOOD, (4032, 3024), "x").tolist() == GOOD


def _placement(**more: Any) -> AuxiliaryPlacement:
    return AuxiliaryPlacement("flat", **more)


def test_files_and_cameras_that_do_not_exist(tmp_path: Path) -> None:
    file = RoomPictureFile(tmp_path / "room.jpg", GOOD)
    with pytest.raises(CalibrationError, match="there is no such picture of the room"):
        read_room_pictures(_placement(room_pictures=(file,)), A4)
    (tmp_path / "room.jpg").write_text("no picture")
    with pytest.raises(CalibrationError, match="cannot be used"):
        read_room_pictures(_placement(room_pictures=(file,)), A4)
    odd = replace(file, taken_with="tablet")  # type: ignore[arg-type]
    with pytest.raises(CalibrationError, match="unknown camera; found tablet, expected phone"):
        read_room_pictures(_placement(room_pictures=(odd,)), A4)
    with pytest.raises(CalibrationError, match="size of the blackboard"):
        calibrate_folder(tmp_path, A4, [_placement(room_pictures=(file,))])


def test_a_tape_is_whole_or_not_there(tmp_path: Path) -> None:
    file = RoomPictureFile(tmp_path / "room.jpg", GOOD)
    assert not _placement(room_pictures=(file,)).tape().measured
    with pytest.raises(CalibrationError, match="down_m: the tape is not complete"):
        _placement(left_m=2.0, room_pictures=(file,)).tape()
    with pytest.raises(CalibrationError, match="or a picture of the room in their place"):
        _placement().tape()
    with pytest.raises(ValueError, match="not measured"):
        _ = _placement(room_pictures=(file,)).tape().t_WA


def test_the_board_is_found_in_a_drawn_picture(tmp_path: Path) -> None:
    """Pixels: a telephone's picture of a room, drawn ray by ray, and the place that comes of it."""
    rng = np.random.default_rng(21)
    room = rigs.random_room(rng)
    T_WB = board_in_room(Tape("standing", room.blackboard_m[0] / 2, 0.9, 0.6), A4)
    camera = Camera(
        np.array([[2900.0, 0, 2015.5], [0, 2900, 1511.5], [0, 0, 1]]), np.zeros(4), (4032, 3024)
    )
    truth, T_WX = take(room, T_WB, A4, camera, rng)
    picture = drawing.draw_board(camera, T_WX.inverse() @ T_WB, A4, rng=rng)
    drawing.write(tmp_path / "room.jpg", picture)
    given = RoomPictureFile(tmp_path / "room.jpg", truth.blackboard_px.tolist())
    (seen,) = read_room_pictures(_placement(room_pictures=(given,)), A4)
    assert seen.size_px == (4032, 3024) and seen.board_px is not None
    exact = camera.project((T_WX.inverse() @ T_WB).apply(A4.points_B()))
    assert np.abs(seen.board_px - exact).max() < 0.5
    # the same in a mirror: the picture turned over, clicked as it then looks
    drawing.write(tmp_path / "mirror.jpg", np.ascontiguousarray(picture[:, ::-1]))
    clicks = turned_over(truth.blackboard_px, 4032).tolist()
    mirror = RoomPictureFile(tmp_path / "mirror.jpg", clicks, mirrored=True)
    (turned,) = read_room_pictures(_placement(room_pictures=(mirror,)), A4)
    assert turned.board_px is not None and turned.mirrored
    assert np.abs(turned.board_px - exact).max() < 0.5
    assert np.allclose(turned.blackboard_px, truth.blackboard_px)
    pose = room_poses([seen], A4, room.blackboard_m)[0]
    error = np.concatenate([rotation_log(pose.T_WB.R.T @ T_WB.R), T_WB.t - pose.T_WB.t])
    assert float(error @ np.linalg.solve(pose.covariance, error)) < 22.5  # 99.9 % of χ²(6)
