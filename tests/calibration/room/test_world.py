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
from calibration.room.place import _ambiguous
from calibration.room.world import Tape
from calibration.transform import Transform, geodesic_deg, rotation_exp
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
    assert rig.quality["auxiliary"][0]["quarter_turns"] == quarter_turns
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


def test_combining_exact_placements_is_exact() -> None:
    rng = np.random.default_rng(7)
    T_WL = Transform(rotation_exp(rng.normal(0, 1, 3)), rng.normal(0, 2, 3), "W", "L")
    tapes = [Tape("flat", 1.0, 1.2, 1.5), Tape("flat", 2.4, 1.3, 2.2), Tape("flat", 0.2, 1, 0.9)]
    poses = [Transform(world.R_WA, t.t_WA, "W", "A").inverse() @ T_WL for t in tapes]
    measured = [world.by_tape(i, t) for i, t in enumerate(tapes)]
    found, residual = world.combine(poses, measured)
    assert np.allclose(found.R, T_WL.R, atol=1e-9) and np.allclose(found.t, T_WL.t, atol=1e-9)
    assert np.abs(residual).max() < 1e-9


def test_world_covariance_is_that_of_tape_and_placement() -> None:
    """With one placement T_WA is what was measured, so its covariance is that of the measuring."""
    points = rigs.BOARD.points_B()
    T_LB = Transform(rotation_exp([0.3, 2.5, 0.4]), np.array([0.2, 0.1, 3.0]), "L", "B")
    tape = Tape("flat", 1.0, 1.2, 1.5, tape_sigma_m=0.01, placement_sigma_deg=1.0)
    T_AB = Transform(world.R_AP(0), np.zeros(3), "A", "P") @ world.T_PB(points, 0)
    solved = world.solve_world([T_LB], [T_AB], [world.by_tape(0, tape)])
    expected = np.diag([0.0] * 6 + [np.radians(1.0) ** 2] * 3 + [0.01**2] * 3)
    assert np.allclose(solved.measured_covariance, expected, atol=1e-8)
    assert np.allclose(solved.J_vision[6:], 0, atol=1e-5)


def test_a_slip_of_the_board_moves_gaze_points_as_far() -> None:
    T_WA = Transform(world.R_WA, np.array([2.0, 1.4, 1.8]), "W", "A")
    noses = np.array([[2.0, 0.9, 3.0], [2.0, 0.9, 9.0]])
    looks = np.array([2.0, 0.6, 0.0]) - noses
    effect = world.slip_effect(T_WA, noses, looks, slip_m=0.02, slip_deg=2.0)
    assert effect["shift_cm"] == pytest.approx([2.0, 2.0], abs=0.8)
    # 2° about an axis 1.8 m in front of the board: at least 1.8 m · tan 2° = 6.3 cm
    assert min(effect["turn_cm"]) > 6.0


def test_scale_of_an_auxiliary_board_is_measured() -> None:
    rng = np.random.default_rng(22)
    room = rigs.random_room(rng, angle_deg=60)
    seen = rigs.make_seen(room, rng, shared=6, alone=5)
    row = solve(seen, models=(4,)).quality["auxiliary"][0]
    assert abs(row["scale_percent"]) < 5 * row["scale_sigma_percent"] + 0.3


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
    assert len(readings) == len(rig.quality["auxiliary"][0]["candidates"]) >= 2
    truth = room.rig.T_WC("left")
    off = [float(np.linalg.norm(one.T_WC("left").t - truth.t)) for _, one in readings]
    assert min(off) < 0.02 < 0.5 < max(off), "one of them is the room"
    verdict_page(rig, tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert html.count('aria-label="The room by reading ') == len(readings)
    assert "The left camera is" in html

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
