"""σ of the pair from how the views scatter: true for independent and for structured noise."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.solve import bundle
from calibration.solve.covariance import joint_covariance, linear
from calibration.solve.holdout import subset
from calibration.solve.intrinsics import planar_poses
from calibration.solve.problem import build
from calibration.transform import Array, rotation_log
from tests.calibration import rigs

STRUCTURED = (0.15, 4e-4)
PICTURE = np.array([960.0, 540.0])


def _solved(
    seed: int, shift_px: float, affinity: float, middle: Array | None = None
) -> tuple[bundle.Problem, bundle.Solution, Array]:
    """A rig solved from noisy corners, and (6,) truth − found of (δ, t) of T_RL.

    middle : what the affinities are about; None = the board's own.
    """
    rng = np.random.default_rng([21, seed])
    room = rigs.random_room(rng)
    points = room.board.points_B()
    lenses = (room.rig.left.lens, room.rig.right.lens)
    views, R, t = [], [], []
    for exact in rigs.look(room, rng, shared=12, alone=6):
        home = 0 if exact[0] is not None else 1
        own = exact[home]
        assert own is not None
        R_CB, t_CB, _ = planar_poses(points, own, lenses[home])[0]
        if home == 1:
            T = room.rig.T_RL
            R_CB, t_CB = T.R.T @ R_CB, T.R.T @ (t_CB - T.t)
        R.append(R_CB)
        t.append(t_CB)
        noisy = [
            None if uv is None else uv + rng.normal(0, 0.1, uv.shape) + rng.normal(0, shift_px, 2)
            + (uv - (uv.mean(0) if middle is None else middle)) @ rng.normal(0, affinity, (2, 2))
            for uv in exact
        ]  # fmt: skip
        views.append((noisy[0], noisy[1], 0))
    problem = build([points], views)
    T = room.rig.T_RL
    start = bundle.State(lenses, T.R, T.t, np.array(R), np.array(t))
    end = bundle.solve(problem, start, max_iterations=30)
    e = np.concatenate([rotation_log(end.state.R_RL.T @ T.R), T.t - end.state.t_RL])
    return problem, end, e


def _nees(e: Array, C: Array) -> float:
    return float(e @ np.linalg.solve(C[16:22, 16:22], e)) / 6


@pytest.mark.parametrize("shift_px, affinity", [(0.0, 0.0), STRUCTURED])
def test_sigma_covers_independent_and_structured_noise(shift_px: float, affinity: float) -> None:
    ours, one_sigma, span = [], [], []
    for seed in range(8):
        problem, end, e = _solved(seed, shift_px, affinity)
        C, noise = joint_covariance(problem, end.state)
        assert 0.09 < noise.corner_px < 0.12
        assert np.linalg.eigvalsh(C).min() > 0
        ours.append(_nees(e, C))
        span.append(noise.affinity_px)
        lin = linear(problem, end.state, None, False, 22)
        plain = lin.J - lin.J_view @ np.linalg.solve(
            np.swapaxes(lin.J_view, 1, 2) @ lin.J_view, np.swapaxes(lin.J_view, 1, 2) @ lin.J
        )
        S = np.tensordot(plain, plain, axes=([0, 1], [0, 1]))
        one_sigma.append(_nees(e, np.asarray(end.sigma_px**2 * np.linalg.inv(S), np.float64)))
    assert 0.5 < np.mean(ours) < 1.5, ours
    assert np.mean(span) == pytest.approx(1000 * affinity, rel=0.5, abs=0.05)
    if shift_px:
        assert np.mean(one_sigma) > 8  # what one σ for all corners would say
        assert np.mean(ours) > 0.7
    else:
        assert 0.6 < np.mean(one_sigma) < 1.5


def test_size_of_what_a_view_has_in_common_is_found() -> None:
    problem, end, _ = _solved(3, 0.3, 0.0)
    _, noise = joint_covariance(problem, end.state)
    assert 0.2 < noise.shift_px < 0.5
    exact_problem, exact, _ = _solved(3, 0.0, 0.0)
    _, quiet = joint_covariance(exact_problem, exact.state)
    assert quiet.shift_px < 0.05


@pytest.mark.parametrize("about_the_axis", [False, True])
def test_what_an_affinity_is_about_is_found(about_the_axis: bool) -> None:
    problem, end, _ = _solved(3, 0.05, 1e-3, PICTURE if about_the_axis else None)
    _, noise = joint_covariance(problem, end.state)
    there, other = noise.affinity_px, noise.breath_px
    if about_the_axis:
        there, other = other, there
    assert 0.7 < there < 1.4 and other < 0.4


def test_poses_follow_the_globals() -> None:
    """Chosen views' poses: the globals' own block stays, and the matrix is a covariance."""
    problem, end, _ = _solved(4, *STRUCTURED)
    alone, _ = joint_covariance(problem, end.state)
    C, _ = joint_covariance(problem, end.state, views=np.array([0, 14], np.intp))
    assert C.shape == (34, 34) and np.allclose(C[:22, :22], alone)
    assert np.linalg.eigvalsh(C / np.sqrt(np.outer(np.diag(C), np.diag(C)))).min() > 0


def test_a_pair_that_no_view_shows_is_refused() -> None:
    problem, end, _ = _solved(5, 0.0, 0.0)
    left, right = problem.cameras
    none = bundle.Observations(right.view[:0], right.board[:0], right.uv_px[:0], right.weight[:0])
    keep = np.zeros(problem.n_views, bool)
    keep[left.view] = True
    alone = subset(bundle.Problem(problem.boards, (left, none), len(keep)), keep)
    with pytest.raises(np.linalg.LinAlgError):
        joint_covariance(alone, end.state.posed(end.state.R_view[keep], end.state.t_view[keep]))
