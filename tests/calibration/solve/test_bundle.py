"""Bundle adjustment: derivatives against finite differences, recovery, covariance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import stats

from calibration.calibrate import solve
from calibration.lens import Lens, project_with_jacobian
from calibration.solve import bundle
from calibration.solve.holdout import hold_out, transfer
from calibration.solve.intrinsics import fit_camera, planar_poses
from calibration.solve.problem import build
from calibration.transform import Array, rotation_exp, rotation_log
from tests.calibration import rigs


def _lens(rng: np.random.Generator, n: int) -> Lens:
    scale = np.array([0.2, 0.08, 1e-3, 1e-3, 0.02, 0.1, 0.05, 0.02])[:n]
    core = np.array([1400, 1390, 950, 545]) + rng.normal(0, 5, 4)
    return Lens(np.concatenate([core, rng.normal(0, 1, n) * scale]))


@pytest.mark.parametrize("n", [4, 5, 8])
def test_projection_is_opencvs_and_its_jacobian_is_right(n: int) -> None:
    rng = np.random.default_rng(n)
    lens = _lens(rng, n)
    P = np.stack([rng.uniform(-1, 1, 40), rng.uniform(-0.7, 0.7, 40), rng.uniform(1.5, 4, 40)], 1)
    uv, d_lens, d_P = project_with_jacobian(P, lens)
    zero = np.zeros(3)
    reference, _ = cv2.projectPoints(P[:, None], zero, zero, lens.K, lens.distortion)
    assert np.abs(uv - reference.reshape(-1, 2)).max() < 1e-9
    for j in range(lens.size):
        h = 1e-5 * max(abs(lens.values[j]), 0.1)
        d = np.zeros(lens.size)
        d[j] = h
        up, down = (project_with_jacobian(P, lens + s * d)[0] for s in (1, -1))
        assert np.allclose((up - down) / (2 * h), d_lens[..., j], rtol=1e-5, atol=1e-4)
    for j in range(3):
        d = np.zeros(3)
        d[j] = 1e-6
        up, down = (project_with_jacobian(P + s * d, lens)[0] for s in (1, -1))
        assert np.allclose((up - down) / 2e-6, d_P[..., j], rtol=1e-5, atol=1e-3)


def _problem(
    rng: np.random.Generator, lenses: tuple[int, int] = (4, 8)
) -> tuple[bundle.Problem, bundle.State]:
    """Three views: both cameras, left alone, right alone; a bent board; random corners."""
    points = rigs.BOARD.points_B()
    n = len(points)
    uv = [rng.uniform(0, 1900, (n, 2)) for _ in range(4)]
    uv[0][3] = np.nan
    problem = build([points], [(uv[0], uv[1], 0), (uv[2], None, 0), (None, uv[3], 0)])
    R = rotation_exp(rng.normal(0, 0.3, (3, 3)))
    t = rng.normal(0, 0.1, (3, 3)) + [-0.3, -0.2, 2.5]
    state = bundle.State(
        (_lens(rng, lenses[0]), _lens(rng, lenses[1])),
        rotation_exp([0.05, 0.5, -0.02]),
        np.array([-1.0, 0.1, 0.3]),
        R,
        t,
        np.array([0.003, -0.002, 0.004]),
    )
    return problem, state


@pytest.mark.parametrize("camera", [0, 1])
def test_whole_jacobian_against_finite_differences(camera: int) -> None:
    problem, state = _problem(np.random.default_rng(4))
    lin = bundle.linearise(problem, state, camera, with_warp=True)
    G = state.n_globals + bundle.BENDS
    counts = (problem.cameras[camera].weight > 0)[..., None, None]
    J, J_view = lin.J_global(G) * counts, lin.J_view * counts

    def residual(d_global: Array, d_view: Array) -> Array:
        moved = state.moved(d_global, d_view, True)
        return bundle.linearise(problem, moved, camera, with_warp=True, jacobian=False).residual

    for j in range(G):
        h = 1e-6
        d = np.zeros(G)
        d[j] = h
        numeric = (residual(d, np.zeros((3, 6))) - residual(-d, np.zeros((3, 6)))) / (2 * h)
        scale = max(1.0, float(np.abs(numeric).max()))
        assert np.abs(numeric - J[..., j]).max() < 2e-4 * scale, f"global {j}"
    rows = problem.cameras[camera].view
    for j in range(6):
        d = np.zeros((3, 6))
        d[:, j] = 1e-6
        numeric = (residual(np.zeros(G), d) - residual(np.zeros(G), -d)) / 2e-6
        scale = max(1.0, float(np.abs(numeric).max()))
        assert np.abs(numeric - J_view[..., j]).max() < 2e-4 * scale, f"view {j} of {rows}"


def test_missing_corners_and_corners_of_weight_zero_do_not_count() -> None:
    problem, state = _problem(np.random.default_rng(5))
    lin = bundle.linearise(problem, state, 0, with_warp=False)
    assert (lin.residual[0, 3] == 0).all() and np.isfinite(lin.residual).all()


def test_exact_corners_give_the_exact_rig() -> None:
    rng = np.random.default_rng(11)
    room = rigs.random_room(rng, angle_deg=90)
    rig = solve(rigs.make_seen(room, rng, sigma_px=0.0, shared=6, alone=5), models=(4, 5))
    truth = room.rig
    assert np.linalg.norm(rotation_log(rig.T_RL.R.T @ truth.T_RL.R)) < 1e-6
    assert np.linalg.norm(rig.T_RL.t - truth.T_RL.t) < 1e-5
    assert np.abs(rig.left.K - truth.left.K).max() < 1e-2
    assert rig.quality.pair is not None and rig.quality.pair.converged


@pytest.mark.parametrize("angle_deg", [40, 65, 90])
def test_cameras_that_converge_widely(angle_deg: float) -> None:
    """Beside a blackboard cameras converge by 40–90°: the normal case here, a failure elsewhere."""
    rng = np.random.default_rng(int(angle_deg))
    room = rigs.random_room(rng, angle_deg=angle_deg)
    rig = solve(rigs.make_seen(room, rng, shared=10, alone=6), models=(4,))
    assert np.degrees(np.linalg.norm(rotation_log(rig.T_RL.R.T @ room.rig.T_RL.R))) < 0.15
    assert np.linalg.norm(rig.T_RL.t - room.rig.T_RL.t) < 0.008


def test_covariance_is_honest() -> None:
    """χ² of the errors of cameras and pair over several rigs (the benchmark has 60)."""
    total, dof = 0.0, 0
    for seed in range(6):
        rng = np.random.default_rng(300 + seed)
        room = rigs.random_room(rng)
        rig = solve(rigs.make_seen(room, rng, shared=10, alone=6), models=(4,))
        e = []
        for a, b in ((rig.left, room.rig.left), (rig.right, room.rig.right)):
            e += [(b.K - a.K)[[0, 1, 0, 1], [0, 1, 2, 2]], b.distortion - a.distortion]
        e += [rotation_log(rig.T_RL.R.T @ room.rig.T_RL.R), room.rig.T_RL.t - rig.T_RL.t]
        x = np.concatenate(e)
        assert rig.covariance is not None
        total += float(x @ np.linalg.solve(rig.covariance[: x.size, : x.size], x))
        dof += x.size
    low, high = stats.chi2.ppf([0.001, 0.999], dof)
    assert low < total < high, (total, dof)


def test_hold_out_is_what_it_says() -> None:
    """Against an independent reading of the definition, with cv2's pose solver."""
    rng = np.random.default_rng(8)
    room = rigs.random_room(rng, angle_deg=50)
    exact = rigs.look(room, rng, shared=8, alone=0)
    points = room.board.points_B()
    views = [(rigs.noisy(a, rng, 0.2), rigs.noisy(b, rng, 0.2)) for a, b in exact]
    problem = build([points], [(a, b, 0) for a, b in views])
    lenses = (room.rig.left.lens, room.rig.right.lens)
    poses = [planar_poses(points, a, lenses[0])[0] for a, _ in views if a is not None]
    start = bundle.State(
        lenses, room.rig.T_RL.R, room.rig.T_RL.t,
        np.array([p[0] for p in poses]), np.array([p[1] for p in poses]),
    )  # fmt: skip
    end = bundle.solve(problem, start)
    held = hold_out(problem, end.state, np.arange(8), with_warp=False, k=4, sigma_px=0.2)

    order = np.random.default_rng(0).permutation(8)
    squares = []
    for f in range(4):
        out = set(order[f::4].tolist())
        rest = [v for i, v in enumerate(views) if i not in out]
        keep = np.array([i not in out for i in range(8)])
        state = bundle.State(
            start.lenses, start.R_RL, start.t_RL, start.R_view[keep], start.t_view[keep]
        )
        fit = bundle.solve(build([points], [(a, b, 0) for a, b in rest]), state).state
        K, D = [x.K for x in fit.lenses], [x.distortion for x in fit.lenses]
        for i in out:
            a, b = views[i]
            assert a is not None and b is not None
            _, rv, tv = cv2.solvePnP(points, a, K[0], D[0], flags=cv2.SOLVEPNP_IPPE)
            rv, tv = cv2.solvePnPRefineLM(points, a, K[0], D[0], rv, tv)
            R = fit.R_RL @ cv2.Rodrigues(rv)[0]
            t = fit.R_RL @ tv.ravel() + fit.t_RL
            q, _ = cv2.projectPoints(points, cv2.Rodrigues(R)[0], t, K[1], D[1])
            squares.append(((q.reshape(-1, 2) - b) ** 2).sum(1))
    reference = float(np.sqrt(np.mean(np.concatenate(squares))))
    assert held.left_to_right_px == pytest.approx(reference, rel=2e-3)
    assert held.expected_px < held.left_to_right_px
    # with the true cameras, noise alone is left, and it is as expected
    seen, said = [], []
    for _ in range(40):
        again = [(rigs.noisy(a, rng, 0.2), rigs.noisy(b, rng, 0.2), 0) for a, b in exact]
        e, unit, _, _ = transfer(build([points], again), start, 0)
        seen.append((e**2).sum(-1).mean())
        said.append(0.2**2 * unit.mean())
    assert np.sqrt(np.mean(said)) == pytest.approx(np.sqrt(np.mean(seen)), rel=0.15)


def test_several_starts_reach_one_camera() -> None:
    rng = np.random.default_rng(2)
    room = rigs.random_room(rng)
    exact = rigs.look(room, rng, shared=0, alone=6)
    corners = [rigs.noisy(a, rng, 0.1) for a, b in exact if a is not None]
    mono = fit_camera(room.board.points_B(), [c for c in corners if c is not None], (1920, 1080), 4)
    assert mono.solution.converged
    assert abs(mono.lens.values[0] / room.rig.left.K[0, 0] - 1) < 0.01
