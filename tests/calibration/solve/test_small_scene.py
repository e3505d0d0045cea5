"""The solve on small scenes: a board of 30 corners, ten poses; every step against the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from calibration.corners.boards import Board
from calibration.lens import Lens, project_with_jacobian
from calibration.solve import bundle, pair
from calibration.solve.changes import _Views, what_changed
from calibration.solve.covariance import joint_covariance
from calibration.solve.holdout import folds_of, hold_out, subset, transfer
from calibration.solve.intrinsics import (
    _focal_starts,
    begin_camera,
    choice_of,
    fit_camera,
    planar_poses,
)
from calibration.solve.pair import consensus, diagnose, fit_view, mirror, resect, view_starts
from calibration.solve.problem import (
    LOSS_SIGMAS,
    build,
    possible,
    robust_sigma,
    robust_solve,
    view_rms,
)
from calibration.transform import Array, geodesic_deg, rotation_exp, rotation_log
from calibration.verdict import Cause
from tests.calibration import rigs

BOARD = Board("chessboard", (6, 5), 0.11)
POINTS = BOARD.points_B()
SIZES = {"left": (1920, 1080), "right": (1920, 1080)}
Views = list[tuple[Array | None, Array | None]]


@dataclass(frozen=True)
class Scene:
    """What was seen without noise, and the true parameters."""

    room: rigs.Room
    exact: Views
    truth: bundle.State


def scene(seed: int = 0, *, shared: int = 7, alone: int = 3, deform: Array | None = None) -> Scene:
    """Seven poses that both cameras see, three for each alone; every pose of the true state."""
    rng = np.random.default_rng(seed)
    room = rigs.random_room(rng, board=BOARD, angle_deg=60)
    exact = rigs.look(room, rng, shared=shared, alone=alone, deform=deform)
    lenses = (room.rig.left.lens, room.rig.right.lens)
    poses = [planar_poses(POINTS, a, lenses[0])[0] if a is not None
             else planar_poses(POINTS, b, lenses[1])[0] for a, b in exact]  # fmt: skip
    T = room.rig.T_RL
    R = np.array([p[0] if a is not None else T.R.T @ p[0]
                  for p, (a, _) in zip(poses, exact, strict=True)])  # fmt: skip
    t = np.array([p[1] if a is not None else T.R.T @ (p[1] - T.t)
                  for p, (a, _) in zip(poses, exact, strict=True)])  # fmt: skip
    return Scene(room, exact, bundle.State(lenses, T.R, T.t, R, t))


def noisy(views: Views, sigma_px: float, seed: int = 0) -> Views:
    rng = np.random.default_rng(seed)
    return [(rigs.noisy(a, rng, sigma_px), rigs.noisy(b, rng, sigma_px)) for a, b in views]


def problem_of(views: Views) -> bundle.Problem:
    return build([POINTS], [(a, b, 0) for a, b in views])


def pushed(state: bundle.State, seed: int = 0) -> bundle.State:
    """A start that is a few percent and degrees off."""
    rng = np.random.default_rng(seed)
    G, V = sum(x.size for x in state.lenses) + 6, len(state.t_view)
    d = rng.normal(0, 0.02, G) * np.r_[state.lenses[0].values, state.lenses[1].values, np.ones(6)]
    return state.moved(d, rng.normal(0, 0.02, (V, 6)), False)


def off(found: bundle.State, truth: bundle.State) -> tuple[float, float, float]:
    """Largest error of focal length and centre (px), of the pair's turn (deg) and place (m)."""
    lens = max(
        np.abs(a.values[:4] - b.values[:4]).max()
        for a, b in zip(found.lenses, truth.lenses, strict=True)
    )
    turn = float(geodesic_deg(found.R_RL, truth.R_RL))
    return float(lens), turn, float(np.abs(found.t_RL - truth.t_RL).max())


@pytest.fixture(scope="module")
def small() -> Scene:
    return scene()


# -- the solve itself --------------------------------------------------------------------------


@pytest.mark.parametrize("robust_px", [None, 0.5])
def test_exact_corners_give_the_truth_from_a_start_that_is_off(
    small: Scene, robust_px: float | None
) -> None:
    end = bundle.solve(problem_of(small.exact), pushed(small.truth), robust_px=robust_px)
    lens, turn, place = off(end.state, small.truth)
    assert lens < 1e-3 and turn < 1e-4 and place < 1e-6
    assert end.converged and end.iterations < 40 and end.rms_px < 1e-5
    corners = 30 * (2 * 7 + 3 + 3)
    assert end.dof == 2 * corners - (16 + 6) - 6 * 13
    np.testing.assert_allclose(end.state.t_view, small.truth.t_view, atol=1e-5)


@pytest.mark.parametrize("robust_px", [None, 0.5])
def test_corners_that_were_not_seen_count_for_nothing(
    small: Scene, robust_px: float | None
) -> None:
    views = noisy(small.exact, 0.0)
    for k, rows in ((0, [3]), (4, range(5, 17))):
        views[k][0][rows] = np.nan  # type: ignore[index]
    problem = problem_of(views)
    assert bundle.cost_of(problem, small.truth, robust_px) < 1e-9  # nor do those that fit
    end = bundle.solve(problem, pushed(small.truth), robust_px=robust_px)
    lens, turn, place = off(end.state, small.truth)
    assert lens < 1e-3 and turn < 1e-4 and place < 1e-6 and end.rms_px < 1e-5
    assert end.dof == 2 * (30 * (2 * 7 + 3 + 3) - 13) - (16 + 6) - 6 * 13


@pytest.mark.parametrize("robust_px", [None, 0.3])
def test_the_end_is_the_lowest_point_around(small: Scene, robust_px: float | None) -> None:
    problem = problem_of(noisy(small.exact, 0.3))
    end = bundle.solve(problem, pushed(small.truth), robust_px=robust_px)
    least = bundle.cost_of(problem, end.state, robust_px)
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-5):
        for _ in range(20):
            scale = np.r_[1e3 * np.ones(4), np.ones(4), 1e3 * np.ones(4), np.ones(4), np.ones(6)]
            d = size * rng.normal(size=22) * scale
            moved = end.state.moved(d, size * rng.normal(size=(13, 6)), False)
            assert bundle.cost_of(problem, moved, robust_px) > least
    assert end.cost == pytest.approx(sum(float((r**2).sum()) for r in end.residuals))


@pytest.mark.parametrize("robust_px", [None, 1.5 * 0.3])
def test_sigma_is_the_corners_noise(small: Scene, robust_px: float | None) -> None:
    found = [bundle.solve(problem_of(noisy(small.exact, 0.3, seed)), small.truth,
                          robust_px=robust_px).sigma_px for seed in range(4)]  # fmt: skip
    # Huber's factor is for what is lost to the loss: with Gaussian noise a little
    assert np.mean(found) == pytest.approx(0.3, rel=0.06)


def test_rms_counts_points_as_opencv_does(small: Scene) -> None:
    end = bundle.solve(problem_of(noisy(small.exact, 0.3)), small.truth)
    r2 = np.concatenate([(r**2).sum(-1).ravel() for r in end.residuals])
    assert end.rms_px == pytest.approx(np.sqrt(r2.mean()), rel=1e-9)


def test_a_robust_loss_lets_wrong_corners_pull_little(small: Scene) -> None:
    views = noisy(small.exact, 0.1)
    for k in (0, 3, 5):
        views[k][0][[4, 11]] += [9.0, -14.0]  # type: ignore[index]
    problem = problem_of(views)
    plain = bundle.solve(problem, small.truth)
    robust = bundle.solve(problem, small.truth, robust_px=0.15)
    assert off(robust.state, small.truth)[1] < off(plain.state, small.truth)[1] / 3
    assert off(robust.state, small.truth)[1] < 0.1 and robust.converged
    two_steps = robust_solve(problem, pushed(small.truth), False)
    assert off(two_steps.state, small.truth)[1] < 0.1 and two_steps.converged
    assert robust_sigma(two_steps, problem, 0) == pytest.approx(0.1, rel=0.2)


def test_what_is_held_stays(small: Scene) -> None:
    free = np.zeros(22, bool)
    free[-6:] = True
    start = pushed(small.truth)
    start = replace(start, lenses=small.truth.lenses)
    end = bundle.solve(problem_of(small.exact), start, free=free).state
    assert all((a.values == b.values).all() for a, b in zip(end.lenses, start.lenses, strict=True))
    assert off(end, small.truth)[1] < 1e-4
    none = bundle.solve(problem_of(small.exact), start, free=np.zeros(22, bool)).state
    assert (none.R_RL == start.R_RL).all() and (none.t_RL == start.t_RL).all()
    degrees = bundle.solve(problem_of(small.exact), start, free=free).dof
    assert degrees == 1200 - 6 - 6 * 13


def test_too_few_steps_are_no_convergence(small: Scene) -> None:
    end = bundle.solve(problem_of(small.exact), pushed(small.truth), max_iterations=1)
    assert not end.converged and end.iterations == 1


def test_a_board_behind_the_camera_has_no_cost_and_is_left(small: Scene) -> None:
    problem = problem_of(small.exact)
    behind = small.truth.t_view.copy()
    behind[2] *= -1
    state = replace(small.truth, t_view=behind)
    assert bundle.cost_of(problem, state) == np.inf
    assert not bundle.linearise(problem, state, 0, with_warp=False).in_front
    assert bundle.cost_of(problem, small.truth) < 1e-6


@pytest.mark.parametrize("given", [(0.004, -0.003, 0.0), (0.0, 0.006, 0.0), (0.002, 0.002, 0.004)])
def test_a_bent_board_is_found_bent(given: tuple[float, float, float]) -> None:
    """A parabola along each side, up to 6 mm in the middle and nothing at the edge rows, or both
    with a twist: rolled about its diagonal."""
    x, y = POINTS[:, 0] / POINTS[:, 0].max() * 2 - 1, POINTS[:, 1] / POINTS[:, 1].max() * 2 - 1
    lift = given[0] * (1 - x**2) + given[1] * (1 - y**2) + given[2] * x * y
    bent = scene(3, deform=np.c_[np.zeros((30, 2)), lift])
    end = bundle.solve(problem_of(bent.exact), bent.truth, with_warp=True)
    np.testing.assert_allclose(end.state.warp, given, atol=1e-6)
    assert end.rms_px < 1e-4 and off(end.state, bent.truth)[0] < 0.01
    noise = problem_of(noisy(bent.exact, 0.1))
    end = bundle.solve(noise, bent.truth, with_warp=True)
    C, _ = joint_covariance(noise, end.state, with_warp=True, views=np.array([0, 2], np.intp))
    assert C.shape == (37, 37)  # two lenses of 8, the pair, the bend, two poses
    e = end.state.warp - np.array(given)
    assert float(e @ np.linalg.solve(C[22:25, 22:25], e)) / 3 < 5
    assert 1e-6 < np.sqrt(np.diag(C)[22:25]).max() < 1e-3
    flat = bundle.solve(problem_of(bent.exact), bent.truth)
    assert flat.rms_px > 0.1 and (flat.state.warp == 0).all()


def test_a_board_beside_the_bent_one_is_flat() -> None:
    """Two pictures of a smaller one, known exactly, in both cameras."""
    x = POINTS[:, 0] / POINTS[:, 0].max() * 2 - 1
    bent = scene(3, deform=np.c_[np.zeros((30, 2)), 0.004 * (1 - x**2)])
    true, small = bent.truth, 0.8 * POINTS
    views: list[Any] = [(a, b, 0) for a, b in bent.exact]
    for R, t in zip(true.R_view[:2], true.t_view[:2], strict=True):
        P = small @ R.T + t
        both = (P, P @ true.R_RL.T + true.t_RL)
        views.append((*(project_with_jacobian(Q, lens, jacobian=False)[0]
                        for Q, lens in zip(both, true.lenses, strict=True)), 1))  # fmt: skip
    start = true.posed(np.r_[true.R_view, true.R_view[:2]], np.r_[true.t_view, true.t_view[:2]])
    end = bundle.solve(build([POINTS, small], views), start, with_warp=True)
    np.testing.assert_allclose(end.state.warp, [0.004, 0.0, 0.0], atol=1e-6)
    assert end.rms_px < 1e-4


def test_a_bend_is_of_the_board_wherever_its_origin_lies() -> None:
    basis = bundle.warp_basis(POINTS)
    assert basis.min(0) == pytest.approx([0, 0, -1]) and basis.max(0)[2] == pytest.approx(1)
    assert (basis.max(0) > 0.9).all() and (basis.max(0)[:2] <= 1).all()
    np.testing.assert_allclose(bundle.warp_basis(POINTS + [1.0, -0.3, 0.0]), basis, atol=1e-12)


def test_a_rational_lens_is_held_near_zero_where_nothing_asks_for_it(small: Scene) -> None:
    """k3 … k6 have σ 1 in units of a corner's 0.1 px; with k3 alone nothing is added."""
    lenses = [Lens(np.r_[x.values, 0.0, 0.0, 0.0, 0.0]) for x in small.truth.lenses]
    rational = replace(small.truth, lenses=(lenses[0], lenses[1]))
    problem = problem_of(noisy(small.exact, 0.1))
    end = bundle.solve(problem, rational, robust_px=None).state
    for lens, true in zip(end.lenses, small.truth.lenses, strict=True):
        assert np.abs(lens.values[8:]).max() < 2.0  # within two σ of the prior
        assert lens.f_px == pytest.approx(true.f_px, rel=0.02)
    precision, value = bundle.prior(end, 30)
    assert np.flatnonzero(precision).tolist() == [8, 9, 10, 11, 20, 21, 22, 23]
    np.testing.assert_allclose(precision[precision > 0], 0.1**2)
    np.testing.assert_allclose(value[8:12], end.lenses[0].values[8:])
    seen = sum(float((r**2).sum()) for r in bundle.solve(
        problem, end, free=np.zeros(30, bool), max_iterations=1).residuals)  # fmt: skip
    pull = float((precision * value**2).sum())
    assert bundle.cost_of(problem, end) == pytest.approx(seen + pull, rel=1e-4)


# -- the problem -------------------------------------------------------------------------------


def test_a_problem_holds_what_was_seen() -> None:
    """Missing corners count nothing, shorter boards are padded, given weights multiply."""
    a, b = np.arange(60.0).reshape(30, 2), np.arange(8.0).reshape(4, 2)
    a[5] = np.nan
    other = np.zeros((4, 3))
    half = np.full(30, 0.5)
    problem = build(
        [POINTS, other], [(a, None, 0), (None, b, 1), (a, a, 0)],
        weights=[(None, None), (None, None), (half, None)],
    )  # fmt: skip
    left, right = problem.cameras
    assert left.view.tolist() == [0, 2] and right.view.tolist() == [1, 2]
    assert left.board.tolist() == [0, 0] and right.board.tolist() == [1, 0]
    assert problem.n_views == 3
    assert left.weight[0, 5] == 0 and left.weight[0].sum() == 29
    assert left.weight[1].sum() == 29 / 2 and right.weight[0].sum() == 4
    assert (left.uv_px[0, 6] == a[6]).all() and np.isfinite(left.uv_px).all()
    assert problem.boards.shape == (2, 30, 3)


def test_errors_of_views_and_cameras(small: Scene) -> None:
    views = noisy(small.exact, 0.2)
    views[1][1][:] += np.random.default_rng(9).normal(0, 2.0, (30, 2))  # type: ignore[index]
    views[2][0][7] += 30.0  # type: ignore[index]
    problem = problem_of(views)
    end = robust_solve(problem, small.truth, False)
    for c in (0, 1):
        assert robust_sigma(end, problem, c) == pytest.approx(0.2, rel=0.25)
    rms, typical = view_rms(problem, end), view_rms(problem, end, typical=True)
    assert np.isnan(rms[7:10, 1]).all() and np.isnan(rms[10:, 0]).all()
    assert np.isfinite(rms[:7]).all() and np.isfinite(rms[7:10, 0]).all()
    k = int(np.flatnonzero(problem.cameras[0].view == 2)[0])
    assert rms[2, 0] == pytest.approx(np.sqrt((end.residuals[0][k] ** 2).sum(1).mean()))
    assert rms[2, 0] > 5 and typical[2, 0] < 0.6  # one wrong corner is no wrong view
    assert typical[1, 1] == pytest.approx(2.0 * np.sqrt(2), rel=0.35)
    assert np.nanmedian(typical) == pytest.approx(0.2 * np.sqrt(2), rel=0.25)


@pytest.mark.parametrize(
    ("lens", "good"),
    [((1200, 1200, 950, 540), True), ((150, 1200, 950, 540), False), ((1200, 150, 950, 540), False),
     ((250, 250, 950, 540), True), ((150e3, 150e3, 950, 540), True),
     ((250e3, 1200, 950, 540), False), ((1200, 1200, -1800, -1000), True),
     ((1200, 1200, -2000, 540), False), ((1200, 1200, 3700, 2100), True),
     ((1200, 1200, 4000, 540), False), ((1200, 1200, 950, -1200), False),
     ((1200, 1200, 950, 2300), False), ((np.nan, 1200, 950, 540), False)],
)  # fmt: skip
def test_lenses_that_can_be_and_that_cannot(lens: tuple[float, ...], good: bool) -> None:
    assert possible(Lens(np.array([*lens, 0, 0, 0, 0], float)), (1920, 1080)) is good
    assert not possible(Lens(np.array([1200, 1200, 950, 540, 0, np.nan, 0, 0])), (1920, 1080))


def test_the_robust_loss_shrinks_to_the_noise_of_the_poorer_camera(
    small: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, solve = list[float](), bundle.solve

    def told(*args: Any, **how: Any) -> bundle.Solution:
        given.append(how["robust_px"])
        return solve(*args, **how)

    monkeypatch.setattr(bundle, "solve", told)
    views = [(a, b) for (a, _), (_, b) in zip(noisy(small.exact, 0.1), noisy(small.exact, 0.3),
                                              strict=True)]  # fmt: skip
    robust_solve(problem_of(views), small.truth, False)
    assert given == [2.0, pytest.approx(LOSS_SIGMAS * 0.3, rel=0.2)]


# -- one camera --------------------------------------------------------------------------------


def test_one_camera_by_itself(small: Scene) -> None:
    corners = [a for a, _ in small.exact if a is not None]
    mono = fit_camera(POINTS, corners, (1920, 1080), 4)
    np.testing.assert_allclose(mono.lens.values, small.truth.lenses[0].values, atol=1e-3)
    np.testing.assert_allclose(mono.solution.state.t_view, small.truth.t_view[:10], atol=1e-5)
    assert mono.solution.converged and mono.rms_px < 1e-4
    noise = [rigs.noisy(c, np.random.default_rng(3), 0.2) for c in corners]
    again = fit_camera(POINTS, [c for c in noise if c is not None], (1920, 1080), 4)
    assert again.solution.sigma_px == pytest.approx(0.2, rel=0.1)
    assert again.residual_px.shape == (10, 30, 2)
    assert again.rms_px == pytest.approx(np.sqrt((again.residual_px**2).sum() / 300), rel=1e-6)


@pytest.mark.parametrize("f_px", [800.0, 1300.0, 5000.0, 13000.0])
def test_any_lens_is_reached_from_three_focal_lengths(f_px: float) -> None:
    """From one under half to one seven times the picture's longer side."""
    true = Lens(np.array([f_px, f_px, 980, 530, 0, 0, 0, 0]))
    rng = np.random.default_rng(1)
    views = []
    for _ in range(7):
        R = rotation_exp(np.radians(rng.uniform(-35, 35, 3)))
        middle = np.append(rng.uniform(-0.15, 0.15, 2), f_px / 1300)
        views.append(true.project((POINTS - POINTS.mean(0)) @ R.T + middle))
    mono = fit_camera(POINTS, views, (1920, 1080), 4)
    assert mono.rms_px < 1e-3 and mono.lens.f_px == pytest.approx(f_px, rel=1e-3)


def test_where_a_camera_s_solve_begins() -> None:
    assert _focal_starts((1920, 1080), "pinhole") == [0.6 * 1920, 1920.0, 2 * 1920.0]
    wide = _focal_starts((1920, 1080), "equidistant")
    np.testing.assert_allclose(np.degrees(1920 / np.array(wide)), [170, 130, 80])


@pytest.mark.parametrize("wide", [False, True])
def test_a_camera_begins_as_what_it_is(wide: bool) -> None:
    rng = np.random.default_rng(1)
    room = rigs.random_room(rng, board=BOARD, angle_deg=60, fisheye_deg=150 if wide else None)
    seen = rigs.look(room, rng, shared=6, alone=3)
    corners = [a for a, _ in seen if a is not None]
    for models in ((4, 5, "equidistant"), (4, 5), (4, 8), ("equidistant",)):
        found = begin_camera(POINTS, corners, (1920, 1080), models)
        may = [m for m in models if (m == "equidistant") == wide] or list(models)
        assert choice_of(found.lens) == (5 if 5 in may else may[0])
    nothing = [np.full((30, 2), np.nan)] * 3
    with pytest.raises(ValueError, match="no start gives board poses"):
        begin_camera(POINTS, nothing, (1920, 1080), (5, "equidistant"))


def test_both_poses_of_a_flat_board(small: Scene) -> None:
    """The better first; corners that are missing do not count; three are too few."""
    uv = small.exact[0][0]
    assert uv is not None
    poses = planar_poses(POINTS, uv, small.truth.lenses[0])
    assert len(poses) == 2 and poses[0][2] < 1e-3 < poses[1][2]
    np.testing.assert_allclose(poses[0][1], small.truth.t_view[0], atol=1e-5)
    holes = uv.copy()
    holes[::3] = np.nan
    again = planar_poses(POINTS, holes, small.truth.lenses[0])
    np.testing.assert_allclose(again[0][1], small.truth.t_view[0], atol=1e-4)
    holes[4:] = np.nan
    holes[0] = np.nan
    assert planar_poses(POINTS, holes, small.truth.lenses[0]) == []


# -- the pair ----------------------------------------------------------------------------------


def both(views: Views) -> tuple[list[Array], list[Array]]:
    pairs = [(a, b) for a, b in views if a is not None and b is not None]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_most_views_decide_and_the_others_are_named(small: Scene) -> None:
    left, right = both(noisy(small.exact, 0.1))
    right[2] = right[2][::-1].copy()
    right[5] = left[5]
    agreed = consensus(POINTS, left, right, small.truth.lenses)
    assert agreed is not None
    assert np.flatnonzero(~agreed.agrees).tolist() == [2, 5]
    assert agreed.support == pytest.approx(5 / 7)
    s = agreed.state
    assert float(geodesic_deg(s.R_RL, small.truth.R_RL)) < 0.5
    np.testing.assert_allclose(s.t_RL, small.truth.t_RL, atol=0.03)
    good = agreed.agrees
    np.testing.assert_allclose(s.t_view[good], small.truth.t_view[:7][good], atol=0.03)
    assert geodesic_deg(s.R_view[good], small.truth.R_view[:7][good]).max() < 3
    nothing = np.full((30, 2), np.nan)
    assert consensus(POINTS, [nothing], [nothing], small.truth.lenses) is None


def test_turns_and_places_decide_together(small: Scene) -> None:
    """The right camera stands 30 cm off, another way in each view but one. In that one it stands in
    the middle of all, and is turned by 12 degrees: it is the odd one. The others' middle counts."""
    s = small.truth
    left, right = both(small.exact)
    ways = 0.3 * np.r_[np.eye(3), -np.eye(3)]
    turn = rotation_exp([0, np.radians(12), 0])
    for k in range(7):
        P = POINTS @ s.R_view[k].T + s.t_view[k]
        R, t = (turn @ s.R_RL, s.t_RL) if k == 4 else (s.R_RL, s.t_RL + ways[k - (k > 4)])
        right[k] = s.lenses[1].project(P @ R.T + t)
    agreed = consensus(POINTS, left, right, s.lenses)
    assert agreed is not None and np.flatnonzero(~agreed.agrees).tolist() == [4]
    np.testing.assert_allclose(agreed.state.t_RL, s.t_RL, atol=1e-6)
    np.testing.assert_allclose(agreed.state.R_RL, s.R_RL, atol=1e-6)


def test_a_picture_with_one_pose_alone_counts(
    small: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other pose of a flat board may lie behind the camera."""
    monkeypatch.setattr(pair, "planar_poses", lambda *given: planar_poses(*given)[:1])
    agreed = consensus(POINTS, *both(small.exact), small.truth.lenses)
    assert agreed is not None and agreed.agrees.all()
    np.testing.assert_allclose(agreed.state.t_RL, small.truth.t_RL, atol=1e-4)


def test_each_camera_begins_by_its_own_lens(small: Scene) -> None:
    s = small.truth
    other = replace(
        s.lenses[1], values=s.lenses[1].values * [1.3, 1.3, *np.ones(s.lenses[1].size - 2)]
    )
    exact = small.exact[3]
    for seen in ((exact[0], None), (None, exact[1])):
        lenses = (s.lenses[0], other) if seen[1] is None else (other, s.lenses[1])
        starts = view_starts(POINTS, *seen, replace(s, lenses=lenses))
        assert len(starts) == 2
        np.testing.assert_allclose(starts[0].t_view, s.t_view[3:4], atol=1e-4)
        np.testing.assert_allclose(starts[0].R_view, s.R_view[3:4], atol=1e-4)
    assert len(view_starts(POINTS, *exact, s)) == 4
    assert [len(fit_view(POINTS, *exact, s, starts=n)) for n in (1, 2, 4)] == [1, 2, 4]


@pytest.mark.parametrize("seen", ["both", "left", "right"])
def test_a_board_is_placed_by_the_pictures_there_are(small: Scene, seen: str) -> None:
    a, b = small.exact[3]
    assert a is not None and b is not None
    end = resect(
        POINTS, a if seen != "right" else None, b if seen != "left" else None,
        small.truth,
    )  # fmt: skip
    assert end is not None and end.rms_px < 1e-3
    np.testing.assert_allclose(end.state.t_view[0], small.truth.t_view[3], atol=1e-4)
    assert float(geodesic_deg(end.state.R_view[0], small.truth.R_view[3])) < 0.01
    assert [len(r) for r in end.residuals] == [seen != "right", seen != "left"]
    assert resect(POINTS, None, None, small.truth) is None


def test_a_bend_that_is_known_places_a_board_exactly() -> None:
    warp = np.array([0.005, 0.0, 0.0])
    bent = scene(3, deform=np.c_[np.zeros((30, 2)), bundle.warp_basis(POINTS) @ warp])
    a, b = bent.exact[0]
    knowing = resect(POINTS, a, b, replace(bent.truth, warp=warp))
    not_knowing = resect(POINTS, a, b, bent.truth)
    assert knowing is not None and not_knowing is not None
    assert knowing.rms_px < 1e-3 < 0.05 < not_knowing.rms_px


def test_a_mirrored_picture_twice_is_itself(small: Scene) -> None:
    uv = small.exact[0][0]
    assert uv is not None
    for along in (0, 1):
        once = mirror(uv, 1920, (6, 5), along)
        np.testing.assert_allclose(mirror(once, 1920, (6, 5), along), uv)
        assert set(np.round(once[:, 0], 6)) == set(np.round(1919 - uv[:, 0], 6))
    # a mirror exchanges left and right within each row, or the rows
    assert np.allclose(mirror(uv, 1920, (6, 5), 1)[0], [1919 - uv[5, 0], uv[5, 1]])
    assert np.allclose(mirror(uv, 1920, (6, 5), 0)[0], [1919 - uv[24, 0], uv[24, 1]])


def named(small: Scene, left: Array, right: Array) -> object:
    return diagnose(BOARD, left, right, SIZES, small.truth, 2.0)


@pytest.mark.parametrize("k", [0, 3, 5])
def test_what_is_wrong_with_a_view_is_named(small: Scene, k: int) -> None:
    a, b = noisy(small.exact, 0.1)[k]
    assert a is not None and b is not None
    reverse = named(small, a, b[::-1].copy())
    assert reverse.code == "reversed_view" and np.allclose(reverse.right, b)  # type: ignore[attr-defined]
    assert np.allclose(reverse.left, a)  # type: ignore[attr-defined]
    for camera, two in (("left", (mirror(a, 1920, (6, 5), 1), b)),
                         ("right", (a, mirror(b, 1920, (6, 5), 1)))):  # fmt: skip
        found = named(small, *two)
        assert (found.code, found.camera) == ("mirrored_picture", camera)  # type: ignore[attr-defined]
    for camera, two in (("left", ([1919, 1079] - a, b)), ("right", (a, ([1919, 1079] - b)[::-1]))):
        found = named(small, *two)
        assert (found.code, found.camera) == ("upside_down_picture", camera)  # type: ignore[attr-defined]
    found = named(small, mirror(a, 1920, (6, 5), 1), mirror(b, 1920, (6, 5), 1))
    assert (found.code, found.camera) == ("mirrored_picture", None)  # type: ignore[attr-defined]
    swapped = named(small, b, a)
    assert swapped.code == "swapped_pictures"  # type: ignore[attr-defined]
    assert np.allclose(swapped.left, a) and np.allclose(swapped.right, b)  # type: ignore[attr-defined]
    # where the picture is so small that others fit, too, the one that fits best is named
    s, shrink = small.truth, 1 / 100
    tiny = [Lens(np.r_[x.values[:4] * shrink, x.values[4:]]) for x in s.lenses]
    shrunk = replace(s, lenses=(tiny[0], tiny[1]))
    found = diagnose(BOARD, a * shrink, b[::-1] * shrink,
                     {"left": (19, 10), "right": (19, 10)}, shrunk, 20.0)  # fmt: skip
    assert found.code == "reversed_view"
    later = small.exact[(k + 1) % 7][1]
    assert later is not None
    assert named(small, a, later).code == "not_simultaneous"  # type: ignore[attr-defined]


@pytest.mark.parametrize("times", [0.8, 1.25])
def test_another_board_is_told_by_its_size(small: Scene, times: float) -> None:
    """A board of other squares at the same pose: the factor is said."""
    s = small.truth
    pair = []
    for c, camera in enumerate((small.room.rig.left, small.room.rig.right)):
        P = times * POINTS @ s.R_view[2].T + s.t_view[2]
        pair.append(camera.project(P if c == 0 else P @ s.R_RL.T + s.t_RL))
    found = named(small, *pair)
    assert found.code == "another_board" and f"{times:.2f} times" in found.detail  # type: ignore[attr-defined]
    pair = [uv + 1e-3 for uv in small.exact[2] if uv is not None]
    assert named(small, pair[0], pair[1] + [80.0, 0]).code == "not_simultaneous"  # type: ignore[attr-defined]


@pytest.mark.parametrize("c", [0, 1])
def test_a_zoom_is_seen_about_any_point(small: Scene, c: int) -> None:
    """A camera's later pictures are larger by 0.2 %, about a point that is not the middle."""
    share, about = 0.002, np.array([300.0, 900.0])
    views = [[a, b] for a, b in small.exact]
    later = np.zeros(len(views))
    for k in (3, 4, 5, 6):
        views[k][c] = about + (views[k][c] - about) * (1 + share)
        later[k] = 1
    v = _Views(problem_of([(a, b) for a, b in views]), small.truth, False, None)
    before, _ = v._solved(v.J, v.r)
    score, (found, *_) = v.with_later(v.change(small.truth, (c,)), later)
    left = v.n * np.exp((score - 3 * np.log(v.n)) / v.n)
    assert found == pytest.approx(share, rel=0.02) and left < 1e-4 * before
    other, _ = v.with_later(v.change(small.truth, (1 - c,)), later)
    assert other > score + 100


def taken_apart(views: Views, s: bundle.State) -> tuple[bundle.Problem, bundle.State, list[int]]:
    """Each camera's pictures as views of their own, and which they are."""
    alone = [(a, None) for a, _ in views] + [(None, b) for _, b in views]
    apart = s.posed(np.tile(s.R_view, (2, 1, 1)), np.tile(s.t_view, (2, 1)))
    return problem_of(alone), apart, [*range(len(views))] * 2


def test_each_view_s_own_zoom_is_found_beside_the_others(small: Scene) -> None:
    """Two pictures of the left camera are cut, each otherwise; what all have is the lens's."""
    views = [[a, b] for a, b in small.exact]
    for k, share in ((2, 0.002), (5, -0.001)):
        views[k][0] = (views[k][0] - [1000.0, 300]) * (1 + share) + [1000.0, 300]
    v = _Views(problem_of([(a, b) for a, b in views]), small.truth, False, None)
    before, _ = v._solved(v.J, v.r)
    score, own = v.with_each(v.change(small.truth, (0,)))
    seen = [k for k, (a, b) in enumerate(views) if a is not None and b is not None]
    share = own[seen, 0] - np.median(own[seen, 0])
    expected = np.select([np.array(seen) == 2, np.array(seen) == 5], [0.002, -0.001], 0.0)
    np.testing.assert_allclose(share, expected, atol=3e-4)
    lefts = sum(a is not None for a, _ in views)
    assert v.n * np.exp((score - 3 * lefts * np.log(v.n)) / v.n) < 1e-2 * before


def test_a_camera_that_was_turned_is_named_with_the_moment(small: Scene) -> None:
    """By 0.15 degrees; and one that was not is not."""
    lens = small.truth.lenses[1]
    turn = rotation_exp([0, np.radians(0.15), 0])
    views = [[a, b] for a, b in small.exact]
    for k in (4, 5, 6):
        views[k][1] = lens.project(np.c_[lens.undistort(views[k][1]), np.ones(30)] @ turn.T)
    names = [f"v{k}" for k in range(len(views))]
    for seen, moved in ((views, True), (small.exact, False)):
        given = noisy([(a, b) for a, b in seen], 0.05)
        problem = problem_of(given)
        cause = what_changed(
            problem, bundle.solve(problem, small.truth), taken_apart(given, small.truth), names,
            range(len(names)), (1080, 1080), False,
        )  # fmt: skip
        assert (cause is not None) == moved
        if cause is not None:
            assert cause.code == "camera_moved" and "before view v4:" in cause.message
            assert float(cause.message.split("is about ")[1].split("°")[0]) == pytest.approx(
                0.15, abs=0.03
            )


def test_what_the_relative_poses_say_gives_way_to_a_large_zoom_alone(small: Scene) -> None:
    """By a fifth from view 4 on: it is each camera's own pictures that show it."""
    middle, why = np.array([1000.0, 520.0]), Cause("camera_moved", "FAIL", "moved")
    for factor, codes in ((1.2, ("zoom_changed", ("camera_moved",))), (1.0, ("camera_moved", ()))):
        views = [
            (a if k < 4 or a is None else (a - middle) * factor + middle, b)
            for k, (a, b) in enumerate(noisy(small.exact, 0.05))
        ]
        problem = problem_of(views)
        cause = what_changed(
            problem, bundle.solve(problem, small.truth), taken_apart(views, small.truth),
            [f"v{k}" for k in range(len(views))], range(len(views)), (1080, 1080), False, why,
        )  # fmt: skip
        assert cause is not None and (cause.code, cause.rivals) == codes
        assert factor == 1 or "the left camera's zoom" in cause.message


def test_a_change_is_named_where_it_explains_a_hundred_more(small: Scene) -> None:
    """Schwarz's count of a camera that turned by more and more, against that of nothing."""
    lens, names = small.truth.lenses[1], [f"v{k}" for k in range(13)]
    later = np.isin(np.arange(13), (4, 5, 6)).astype(float)
    gains, named_ = [], []
    for degrees in (0.2, 0.25, 0.3, 0.33, 0.36, 0.4, 0.45):
        turn = rotation_exp([0, np.radians(degrees), 0])
        views = [[a, b] for a, b in small.exact]
        for k in (4, 5, 6):
            views[k][1] = lens.project(np.c_[lens.undistort(views[k][1]), np.ones(30)] @ turn.T)
        given = noisy([(a, b) for a, b in views], 0.3)
        problem = problem_of(given)
        end = bundle.solve(problem, small.truth)
        v = _Views(problem, end.state, False, LOSS_SIGMAS * end.sigma_px)
        nothing = v.score(v._solved(v.J, v.r)[0], 0)
        gains.append(nothing - v.with_later(v.change(end.state, ()), later)[0])
        cause = what_changed(problem, end, taken_apart(given, small.truth), names, range(13),
                             (1080, 1080), False)  # fmt: skip
        named_.append(cause is not None)
    assert named_ == [gain > 100 for gain in gains]
    assert min(gains) < 100 and any(100 < gain < 200 for gain in gains)


def test_what_is_each_view_s_own_may_be_all_that_is_left(small: Scene) -> None:
    """Unknowns for every corner: what they move corners by is what the solve leaves."""
    problem = problem_of(noisy(small.exact, 0.2))
    end = bundle.solve(problem, small.truth)
    v = _Views(problem, end.state, False, None)
    _, px = v.with_own(np.tile(np.eye(v.M), (v.V, 1, 1)))
    assert px == pytest.approx(end.rms_px, rel=0.01)


# -- hold-out and covariance -------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(7, 5), (3, 5), (12, 4)])
def test_every_view_is_left_out_once(n: int, k: int) -> None:
    folds = folds_of(n, k)
    assert len(folds) == min(n, k)
    assert sorted(np.concatenate(folds).tolist()) == list(range(n))
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert all((a == b).all() for a, b in zip(folds, folds_of(n, k), strict=True))


def test_a_part_of_a_problem_is_the_problem_of_that_part(small: Scene) -> None:
    keep = np.ones(13, bool)
    keep[[0, 8, 12]] = False
    part = subset(problem_of(small.exact), keep)
    built = problem_of([v for v, k in zip(small.exact, keep, strict=True) if k])
    for one, other in zip(part.cameras, built.cameras, strict=True):
        assert (one.view == other.view).all() and (one.uv_px == other.uv_px).all()
        assert (one.weight == other.weight).all()
    assert part.n_views == 10
    state = small.truth.posed(small.truth.R_view[keep], small.truth.t_view[keep])
    assert bundle.cost_of(part, state) < 1e-6


def test_hold_out_sees_what_the_fit_hides(small: Scene) -> None:
    """Exact corners: nothing. Noise: what the noise explains. A pair that moved: much more."""
    shared = np.arange(7)
    nothing = hold_out(problem_of(small.exact), small.truth, shared, with_warp=False, sigma_px=0.1)
    assert nothing.both_px < 1e-3 and nothing.folds == 5
    assert sorted(nothing.per_view_px) == list(range(7))
    views = noisy(small.exact, 0.2)
    problem = problem_of(views)
    end = bundle.solve(problem, small.truth)
    held = hold_out(problem, end.state, shared, with_warp=False, sigma_px=0.2)
    assert 0.2 < held.expected_px < held.left_to_right_px < 3 * held.expected_px
    assert end.rms_px < held.both_px
    n = np.sqrt(np.mean(np.square(list(held.per_view_px.values()))))
    assert n == pytest.approx(held.left_to_right_px)
    twice = hold_out(problem, end.state, shared, with_warp=False, sigma_px=0.4)
    assert twice.expected_px == pytest.approx(2 * held.expected_px)
    views[4][1][3] = np.nan  # type: ignore[index]  # a corner that was not found counts nothing
    fewer = hold_out(problem_of(views), end.state, shared, with_warp=False, sigma_px=0.2)
    assert fewer.expected_px == pytest.approx(held.expected_px, rel=0.05)
    for _, b in views[:3]:
        b += [4.0, 3.0]  # type: ignore[misc]
    moved = problem_of(views)
    end = bundle.solve(moved, small.truth)
    worse = hold_out(moved, end.state, shared, with_warp=False, sigma_px=0.2)
    assert worse.left_to_right_px > 3 * held.left_to_right_px


def test_a_view_that_misses_corners_is_less_sure_in_the_other_picture(small: Scene) -> None:
    """What is expected of a view grows with every corner that its camera did not see."""
    views = noisy(small.exact[:2], 0.1)
    state = small.truth.posed(small.truth.R_view[:2], small.truth.t_view[:2])
    expected = []
    for missing in (0, 1, 15):
        assert views[0][0] is not None
        views[0][0][:missing] = np.nan
        expected.append(transfer(problem_of(views), state, 0)[1][:, -1])
    assert (np.diff([one for one, _ in expected]) > 0).all() and expected[0][0] > 2.0
    assert {round(other, 6) for _, other in expected} == {round(expected[0][1], 6)}


@pytest.mark.parametrize("source", [0, 1])
def test_a_lens_with_more_numbers_that_are_zero_is_the_same_lens(small: Scene, source: int) -> None:
    """Cameras whose lenses are of two kinds."""
    problem = problem_of(noisy(small.exact[:7], 0.1))
    state = small.truth.posed(small.truth.R_view[:7], small.truth.t_view[:7])
    asked = transfer(problem, state, source)
    for camera in (0, 1):
        lenses = list(state.lenses)
        lenses[camera] = Lens(np.r_[lenses[camera].values, np.zeros(4)])
        other = replace(state, lenses=(lenses[0], lenses[1]))
        for have, want in zip(transfer(problem, other, source), asked, strict=True):
            np.testing.assert_allclose(have, want, atol=1e-6)


def shaken(views: Views, seed: int, shift_px: float) -> Views:
    """Noise of 0.1 px, and each picture shifted as a whole."""
    rng = np.random.default_rng(seed)
    return [tuple(None if uv is None else uv + rng.normal(0, 0.1, uv.shape)
                  + rng.normal(0, shift_px, 2) for uv in v) for v in views]  # type: ignore[misc] # fmt: skip


@pytest.mark.parametrize("shift_px", [0.0, 0.3])
@pytest.mark.parametrize("robust_px", [None, 0.6])
def test_sigma_of_the_pair_and_of_poses_is_true(
    small: Scene, shift_px: float, robust_px: float | None
) -> None:
    pair, pose, noise_px = [], [], []
    for seed in range(12):
        problem = problem_of(shaken(small.exact, seed, shift_px))
        end = bundle.solve(problem, small.truth, robust_px=robust_px)
        C, noise = joint_covariance(
            problem, end.state, robust_px=robust_px, views=np.array([1], np.intp)
        )
        assert C.shape == (28, 28) and np.allclose(C, C.T)
        s, t = end.state, small.truth
        e = np.r_[rotation_log(s.R_RL.T @ t.R_RL), t.t_RL - s.t_RL]
        pair.append(float(e @ np.linalg.solve(C[16:22, 16:22], e)) / 6)
        e = np.r_[rotation_log(s.R_view[1].T @ t.R_view[1]), t.t_view[1] - s.t_view[1]]
        pose.append(float(e @ np.linalg.solve(C[22:, 22:], e)) / 6)
        noise_px.append((noise.corner_px, noise.shift_px))
    assert 0.55 < np.mean(pair) < 1.9, np.mean(pair)
    assert 0.5 < np.mean(pose) < 1.9, np.mean(pose)
    corner, shift = np.mean(noise_px, 0)
    assert corner == pytest.approx(0.1, rel=0.12)
    assert shift == pytest.approx(shift_px, rel=0.4, abs=0.03)


def test_weights_in_another_unit_say_the_same(small: Scene) -> None:
    """Four times the unit: corners' σ in it is a quarter, and nothing else changes. A corner that
    was not found may stand anywhere."""
    problem = problem_of(shaken(small.exact, 3, 0.3))
    end = bundle.solve(problem, small.truth)
    views = np.array([1, 9], np.intp)
    C, noise = joint_covariance(problem, end.state, views=views)
    units = tuple(replace(o, weight=o.weight / 16) for o in problem.cameras)
    other, quarter = joint_covariance(replace(problem, cameras=units), end.state, views=views)
    sigma = np.sqrt(np.diag(C))
    np.testing.assert_allclose(
        other / np.outer(sigma, sigma), C / np.outer(sigma, sigma), atol=0.02
    )
    assert quarter.corner_px == pytest.approx(noise.corner_px / 4, rel=0.01)
    assert quarter.shift_px == pytest.approx(noise.shift_px, rel=0.02)


def test_a_pose_moves_with_the_globals_as_the_corners_say(small: Scene) -> None:
    """The inverse of the whole problem's normal matrix, the poses written out."""
    problem = problem_of(noisy(small.exact, 0.1, 4))
    end = bundle.solve(problem, small.truth)
    C, _ = joint_covariance(problem, end.state, views=np.arange(13))
    G, n = 22, 22 + 6 * 13
    H = np.zeros((n, n))
    H[:G, :G] += np.diag(bundle.prior(end.state, G)[0])
    for c, o in enumerate(problem.cameras):
        lin = bundle.linearise(problem, end.state, c, with_warp=False)
        for row, view in enumerate(o.view):
            J = np.zeros((*lin.residual.shape[1:], n))
            J[..., :G] = lin.J_global(G)[row]
            J[..., G + 6 * view : G + 6 * view + 6] = lin.J_view[row]
            J = J.reshape(-1, n)
            H += J.T @ J
    want = np.linalg.inv(H)
    have, want = (X / np.sqrt(np.outer(np.diag(X), np.diag(X))) for X in (C, want))
    np.testing.assert_allclose(have, want, atol=0.25)  # what views share is estimated, too
    assert np.abs(want[:G, G:]).max() > 0.7


def test_the_order_of_views_is_of_no_matter(small: Scene) -> None:
    views = noisy(small.exact, 0.1)
    order = np.random.default_rng(2).permutation(13)
    one = bundle.solve(problem_of(views), small.truth).state
    t = small.truth
    state = replace(t, R_view=t.R_view[order], t_view=t.t_view[order])
    other = bundle.solve(problem_of([views[k] for k in order]), state).state
    np.testing.assert_allclose(one.t_RL, other.t_RL, atol=1e-6)
