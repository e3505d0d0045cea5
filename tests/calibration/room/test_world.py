"""The auxiliary board: frames, signs, readings, combination of placements, slips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibrate import solve
from calibration.corners.boards import Board
from calibration.inputs import Auxiliary, Seen
from calibration.page.figures import rigs_as_read
from calibration.page.verdict_page import verdict_page
from calibration.room import world
from calibration.room.evidence import LENGTHS, Evidence, Looked, PlacedBoard, PoseMeasured
from calibration.room.fit import solve_room, solve_world
from calibration.room.place import _ambiguous
from calibration.room.reconcile import room_causes
from calibration.room.reliability import SEEN_SIGMAS, costs_cm, gaze_shift, reliability, slip
from calibration.room.world import Tape
from calibration.transform import Transform, geodesic_deg, rotation_exp, rotation_log
from tests.calibration import rigs
from tests.calibration.room_pictures import board_in_room, phone, take


def test_the_papers_placement() -> None:
    """A lying flat: X = r, Y = −b, Z = u; W: X = −r, Y = −u, Z = b."""
    r, u, b = np.eye(3)
    A = np.stack([r, -b, u], 1)  # A's axes in room directions
    W = np.stack([-r, -u, b], 1)
    assert np.allclose(world.R_WA, W.T @ A)
    assert np.linalg.det(world.R_WA) == pytest.approx(1)


@pytest.mark.parametrize(
    ("tilt_deg", "up_on_print", "out_of_print"),
    [(0, (0, 0, -1), (0, 1, 0)), (90, (0, 1, 0), (0, 0, 1)), (45, (0, 1, -1), (0, 1, 1))],
)
def test_placed_board_in_the_room(
    tilt_deg: float, up_on_print: tuple[float, ...], out_of_print: tuple[float, ...]
) -> None:
    """Directions as (r, u, b): up on the print of a lying board points to the blackboard (−b)."""
    r, u, b = np.eye(3)
    A = np.stack([r, -b, u], 1)
    P = A @ world.R_AP(tilt_deg)
    assert np.allclose(P[:, 0], r)
    assert np.allclose(P[:, 1], np.array(up_on_print) / np.linalg.norm(up_on_print))
    assert np.allclose(P[:, 2], np.array(out_of_print) / np.linalg.norm(out_of_print))


@pytest.mark.parametrize("k", range(4))
def test_first_inner_corner_is_the_upper_right_one(k: int) -> None:
    points = rigs.BOARD.points_B()
    P = world.T_PB(points, k).apply(points)
    assert np.allclose(P[:, 2], 0)
    assert P[:, 0].max() == pytest.approx(0) and P[:, 1].max() == pytest.approx(0)
    assert np.min(np.linalg.norm(P, axis=1)) < 1e-12  # a corner lies there


@pytest.mark.parametrize("placement", ["flat", "tilted"])
@pytest.mark.parametrize("quarter_turns", range(4))
def test_every_way_to_lay_the_board_gives_the_same_room(placement: str, quarter_turns: int) -> None:
    rng = np.random.default_rng(20)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(
        room, rng, shared=6, alone=5, placements=(placement,), quarter_turns=quarter_turns
    )
    rig = solve(seen, models=(4,))
    assert rig.quality.auxiliary[0].quarter_turns == quarter_turns
    for name in ("left", "right"):
        found, truth = rig.T_WC(name), room.rig.T_WC(name)
        assert float(geodesic_deg(found.R, truth.R)) < 0.15
        assert np.linalg.norm(found.t - truth.t) < 0.006


def test_both_planar_solutions_are_scored() -> None:
    """A far, small board has two poses in each picture; the two cameras together leave one."""
    rng = np.random.default_rng(21)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=6, alone=5, sigma_px=0.3, placements=())
    small = Board("chessboard", (5, 4), 0.03)
    tape = rigs.good_tape(room, rng, "flat")
    left, right = rigs.place_auxiliary(room, tape, small)
    seen_at = [rigs.noisy(uv, rng, 0.3) for uv in (left, right)]
    view = replace(seen.views[0], name="aux", left=seen_at[0], right=seen_at[1])
    rig = solve(replace(seen, auxiliary=(Auxiliary(tape, small, view),)), models=(4,))
    assert rig.T_WA is not None, rig.verdict
    assert float(geodesic_deg(rig.T_WC("left").R, room.rig.T_WC("left").R)) < 2.0


def _rig(seen: Seen) -> Transform:
    return solve(seen, models=(4,)).T_WC("left")


def test_more_placements_are_better_than_one() -> None:
    """Boards are laid to half a degree; two placements a metre apart halve what that costs."""
    one, three = [], []
    for seed in range(3):
        rng = np.random.default_rng(40 + seed)
        room = rigs.random_room(rng, angle_deg=60)
        seen = rigs.make_seen(
            room, rng, shared=4, alone=3, placements=("flat",) * 4, tape_error=True
        )
        truth = room.rig.T_WC("left")
        one.append(geodesic_deg(_rig(replace(seen, auxiliary=seen.auxiliary[:1])).R, truth.R))
        three.append(geodesic_deg(_rig(seen).R, truth.R))
    assert np.mean(three) < np.mean(one)


def _flat(tape: Tape, T_WL: Transform) -> PlacedBoard:
    """A board that lies exactly where the tape says, seen from L."""
    points = rigs.BOARD.points_B()
    T_WB = Transform(world.R_WA, tape.t_WA, "W", "A") @ world.T_AB(0.0, points, 0)
    return PlacedBoard(T_WL.inverse() @ T_WB, points, 0.08, 0, tape)


T_RL = Transform(rotation_exp([0, 0.9, 0]), np.array([-3.8, 0.1, 2.0]), "R", "L")


def test_combining_exact_placements_is_exact() -> None:
    rng = np.random.default_rng(7)
    T_WL = Transform(rotation_exp(rng.normal(0, 1, 3)), rng.normal(0, 2, 3), "W", "L")
    tapes = [Tape("flat", 1.0, 1.2, 1.5), Tape("flat", 2.4, 1.3, 2.2), Tape("flat", 0.2, 1, 0.9)]
    evidence = Evidence(tuple(_flat(t, T_WL) for t in tapes), T_RL)
    solved = solve_room(evidence)
    assert np.allclose(solved.T_WL.R, T_WL.R, atol=1e-8)
    assert np.allclose(solved.T_WL.t, T_WL.t, atol=1e-8)
    assert np.abs(solved.residual).max() < 1e-8 and solved.dof == 12


def _lengths(T_WL: Transform, width: float, height: float) -> dict[str, tuple[float, ...]]:
    corners = np.array([[width, 0, 0], [0, 0, 0], [width, height, 0], [0, height, 0]])
    lenses = {"left": T_WL.t, "right": T_WL.apply(T_RL.inverse().t)}
    return {c: tuple(np.linalg.norm(p - corners, axis=1).tolist()) for c, p in lenses.items()}


def test_derivatives_of_the_room_are_those_of_differences() -> None:
    rng = np.random.default_rng(8)
    T_WL = Transform(rotation_exp(rng.normal(0, 1, 3)), rng.normal(0, 2, 3), "W", "L")
    board = _flat(Tape("flat", 1.0, 1.2, 1.5), T_WL)
    pose = PoseMeasured(Transform(world.R_WA, board.tape.t_WA, "W", "A"), np.eye(6))
    e = Evidence((replace(board, picture=pose),), T_RL, (4.0, 1.2), _lengths(T_WL, 4.0, 1.2))
    e = replace(e, looked=Looked((2.0, 0.6), (0.4, -0.3, 1.7), (0.03, 0.04), 24))
    T_WL = Transform(T_WL.R @ rotation_exp([0.2, -0.1, 0.3]), T_WL.t + 0.1, "W", "L")
    size = np.array([4.1, 1.1])
    _, J = e.rows(T_WL.R, T_WL.t, size, 1.02)
    assert J.shape == (len(e.names()), 9)
    for k, d in enumerate(1e-6 * np.eye(9)):
        ends = [
            e.rows(T_WL.R @ rotation_exp(s * d[:3]), T_WL.t + s * d[3:6], size + s * d[6:8],
                   1.02 + s * d[8])[0]
            for s in (1, -1)
        ]  # fmt: skip
        assert np.allclose(J[:, k], (ends[0] - ends[1]) / 2e-6, atol=1e-7)


def test_one_origin_taken_wrong_in_two_placements_is_not_unseen_with_lengths_from_the_lenses() -> (
    None
):
    """Two placements agree with each other however wrong the corner is that both start from."""
    turn = np.diag([1.0, 1, 1])
    T_WL = Transform(rotation_exp([0.1, -0.5, 0]) @ turn, np.array([4.3, -0.1, 0.2]), "W", "L")
    tapes = [Tape("flat", 1.0, 1.2, 1.5), Tape("flat", 2.6, 1.2, 1.6)]
    exact = tuple(_flat(t, T_WL) for t in tapes)
    wrong = tuple(replace(b, tape=replace(b.tape, left_m=b.tape.left_m + 0.5)) for b in exact)
    blind = Evidence(wrong, T_RL, (4.0, 1.2))
    assert solve_room(blind).chi2 < 1e-6, "nothing contradicts it"
    (cause,) = room_causes(blind, solve_room(blind))
    assert cause.code == "room_unchecked" and "left_m" in cause.message + cause.action
    seen = replace(blind, corners_m=_lengths(T_WL, 4.0, 1.2))
    (cause,) = room_causes(seen, solve_room(seen))
    assert cause.code == "tape_wrong" and "in all placements left_m" in cause.message
    assert "50 cm" in cause.message
    right = replace(seen, boards=exact)
    assert "tape" not in " ".join(c.code for c in room_causes(right, solve_room(right)))


def test_world_covariance_is_that_of_tape_and_placement() -> None:
    """With one placement T_WA is what was measured, so its covariance is that of the measuring."""
    T_LB = Transform(rotation_exp([0.3, 2.5, 0.4]), np.array([0.2, 0.1, 3.0]), "L", "B")
    tape = Tape("flat", 1.0, 1.2, 1.5, tape_sigma_m=0.01, placement_sigma_deg=1.0)
    board = PlacedBoard(T_LB, rigs.BOARD.points_B(), 0.08, 0, tape)
    solved = solve_world(Evidence((board,), T_RL))
    expected = np.diag([0.0] * 6 + [np.radians(1.0) ** 2] * 3 + [0.01**2] * 3)
    assert np.allclose(solved.measured_covariance, expected, atol=1e-8)
    assert np.allclose(solved.J_vision[6:], 0, atol=1e-5)


def test_an_error_as_large_as_is_said_to_go_unseen_costs_what_is_said() -> None:
    """Reliability by its definition: the room is solved again with that error in the row."""
    T_WL = Transform(rotation_exp([0.1, -0.5, 0]), np.array([4.3, -0.15, 0.2]), "W", "L")
    e = Evidence((_flat(Tape("flat", 2.0, 1.2, 2.0), T_WL),), T_RL, (4.0, 1.2))
    e = replace(e, corners_m=_lengths(T_WL, 4.0, 1.2))
    exact = solve_room(e)
    for unseen in reliability(e, exact):
        if not unseen.what.startswith("0.") or unseen.what.split(".")[1] not in LENGTHS:
            continue
        board = e.boards[0]
        off = 0.1 * unseen.size  # small: the costs are those of first order
        tape = replace(board.tape, **{unseen.what[2:]: e.stated(unseen.what) - off})
        moved = solve_room(replace(e, boards=(replace(board, tape=tape),)))
        d = np.concatenate(
            [rotation_log(exact.T_WL.R.T @ moved.T_WL.R), moved.T_WL.t - exact.T_WL.t]
        )
        cost = costs_cm(gaze_shift(exact.T_WL, (4.0, 1.2)) @ d)
        assert cost == pytest.approx(0.1 * np.array(unseen.cost_cm), rel=0.1)
        if unseen.bounded:
            assert moved.chi2 == pytest.approx((0.1 * SEEN_SIGMAS) ** 2, rel=0.1)


def test_a_slip_of_the_board_moves_gaze_points_as_far() -> None:
    T_WA = Transform(world.R_WA, np.array([2.0, 1.4, 1.8]), "W", "A")
    R_WL = rotation_exp([0.2, 0.4, 0.1])
    T_AL = T_WA.inverse() @ Transform(R_WL, np.array([4, 0, 0.3]), "W", "L")
    effect = slip(T_WA, T_AL, (4.0, 1.2), slip_m=0.02, slip_deg=2.0)
    assert effect.shift_cm == pytest.approx([2.0, 2.0, 2.0], abs=0.8)
    # 2° about an axis 1.8 m in front of the board: at least 1.8 m · tan 2° = 6.3 cm
    assert min(effect.turn_cm) > 6.0 and set(effect.turn_axis) == {"r"}
    noses = np.array([[2.0, 0.9, d] for d in (3.0, 6.0, 9.0)])
    looks = np.array([2.0, 0.6, 0.0]) - noses
    tipped = T_WA @ Transform(rotation_exp([np.radians(2), 0, 0]), np.zeros(3), "A", "A")
    tipped = tipped @ T_WA.inverse()
    hit = world.on_blackboard(tipped.apply(noses), tipped.rotate(looks)) - [2.0, 0.6]
    assert effect.turn_cm == pytest.approx(100 * np.linalg.norm(hit, axis=1), rel=0.02)


def test_scale_of_an_auxiliary_board_is_measured() -> None:
    rng = np.random.default_rng(22)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=6, alone=5)
    row = solve(seen, models=(4,)).quality.auxiliary[0]
    assert row.scale_percent is not None and row.scale_sigma_percent is not None
    assert abs(row.scale_percent) < 5 * row.scale_sigma_percent + 0.3


def test_two_readings_that_remain_are_drawn_and_a_picture_of_the_room_settles_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the cameras' side unknown to it, the room allows two quarter turns: never a guess."""
    monkeypatch.setattr(world, "ACROSS_DEG", 130.0)
    monkeypatch.setattr(world, "FURTHEST_BEHIND_M", 9.0)
    rng = np.random.default_rng(23)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=6, alone=5)
    rig = solve(seen, models=(4,))
    (cause,) = [c for c in rig.verdict.causes if c.code == "auxiliary_ambiguous"]
    assert rig.T_WA is None and cause.severity == "FAIL"
    assert "by reading 1 the left camera is" in cause.message and "reading 2" in cause.message
    assert "[auxiliary.room_picture]" in cause.action
    readings = rigs_as_read(rig)
    assert len(readings) == len(rig.quality.auxiliary[0].candidates) >= 2
    truth = room.rig.T_WC("left")
    off = [float(np.linalg.norm(one.T_WC("left").t - truth.t)) for _, one in readings]
    assert min(off) < 0.02 < 0.5 < max(off), "one of them is the room"
    verdict_page(rig, tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert html.count('aria-label="The room by reading ') == len(readings)
    assert "left camera: " in html

    aux = seen.auxiliary[0]
    T_WB = board_in_room(aux.tape, room.board)
    picture, _ = take(room, T_WB, room.board, phone(rng), rng)
    settled = solve(replace(seen, auxiliary=(replace(aux, room=(picture,)),)), models=(4,))
    assert float(np.linalg.norm(settled.T_WC("left").t - truth.t)) < 0.05
    assert rigs_as_read(settled) == []


def test_what_resolves_two_tilts_depends_on_how_many_cameras_saw_the_board() -> None:
    rng = np.random.default_rng(24)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=6, alone=5)
    aux = seen.auxiliary[0]
    numbers = {"left_x_m": 4.2, "left_y_m": -0.3}
    T_AL = Transform(np.eye(3), np.zeros(3), "A", "L")
    tilts = [world.Reading(0, i, T_AL, (), numbers) for i in (0, 1)]
    both = _ambiguous(tilts, "the auxiliary board", aux)
    assert "larger auxiliary board" in both.action
    one = _ambiguous(tilts, "the auxiliary board", replace(aux, view=replace(aux.view, right=None)))
    assert "where both cameras see all of it" in one.action
    assert "0.30 m above the blackboard's upper edge" in one.message
