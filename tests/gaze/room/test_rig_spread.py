"""The rig's share of the gaze points' covariance, against Monte Carlo over rigs."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.transform import rotation_exp
from gaze.faces.heads import down_in_camera
from gaze.room.geometry import aimed_rotation, gaze_points
from gaze.room.position import solve_positions
from gaze.room.rig_spread import (
    RigCells,
    RigDependence,
    _small_log,
    gaze_spread_from_rig,
)
from tests.gaze.classroom import project, room_rig, seats


def test_against_monte_carlo() -> None:
    rig, P = room_rig(1), seats(seed=1)
    R_WS = aimed_rotation(P, np.array([1.4, 0.5, 0.0]))
    uv = project(rig, P)
    n = len(P)
    sigma = np.ones((n, 2))
    share = np.tile([0.6, 0.4], (n, 1))
    found = gaze_spread_from_rig(rig, RigDependence(uv, sigma, P, R_WS, uv, share))

    rng, points = np.random.default_rng(0), []
    nominal = [
        rig.T_WC(c).R @ rig.camera(c).look_at_rotations(uv[:, k], down_in_camera(rig, c))
        for k, c in enumerate(("left", "right"))
    ]
    for _ in range(300):
        other = rig.perturbed(
            rng.multivariate_normal(np.zeros(len(rig.covariance)), rig.covariance)
        )
        P2 = solve_positions(other, uv, sigma).P_W
        R = []
        for k, c in enumerate(("left", "right")):
            down = down_in_camera(rig, c)
            R_WV = other.T_WC(c).R @ other.camera(c).look_at_rotations(uv[:, k], down)
            R.append(R_WV @ np.swapaxes(nominal[k], -1, -2) @ R_WS)
        mean = 0.6 * R[0] + 0.4 * R[1]  # small turns: the chord is the arc
        points.append(gaze_points(P2, mean)[0])
    sampled = np.array(points)
    for k in range(n):
        expected = np.cov(sampled[:, k].T)
        assert np.sqrt(np.diag(found[k])) == pytest.approx(np.sqrt(np.diag(expected)), rel=0.15)


def test_truth_instead_of_the_rig_leaves_nothing() -> None:
    rig, P = room_rig(1), seats(seed=1)
    R_WS = aimed_rotation(P, np.array([1.4, 0.5, 0.0]))
    uv, n = project(rig, P), len(P)
    rows = RigDependence(uv, np.ones((n, 2)), P, R_WS, uv, np.zeros((n, 2)), nose_from_rig=False)
    assert np.abs(gaze_spread_from_rig(rig, rows)).max() == 0


def test_cells_met_in_an_earlier_block_answer_alike() -> None:
    """Block after block with cells kept is what all rows at once are, to the bit."""
    rig, P = room_rig(1), np.tile(seats(seed=1), (40, 1))
    P = P + np.random.default_rng(0).normal(0, 0.01, P.shape)
    R_WS, uv, n = aimed_rotation(P, np.array([1.4, 0.5, 0.0])), project(rig, P), len(P)
    uv[::25, 1] = np.nan  # one camera alone
    values = (uv, np.ones((n, 2)), P, R_WS, uv, np.tile([0.6, 0.4], (n, 1)))
    known, parts, count = RigCells(rig), [], []
    for part in np.array_split(np.arange(n), 4):
        parts.append(gaze_spread_from_rig(rig, RigDependence(*(v[part] for v in values)), known))
        count.append(len(known.number))
    assert count[0] < count[-1] == len(known.covariance) < n / 2  # most were met before
    whole = gaze_spread_from_rig(rig, RigDependence(*values))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("size_rad", [0.0, 1e-9, 1e-3, 0.5])
def test_small_turns(size_rad: float) -> None:
    turn = size_rad * np.random.default_rng(1).normal(size=(50, 3)) / 3
    np.testing.assert_allclose(_small_log(rotation_exp(turn)), turn, rtol=1e-9, atol=1e-15)
