"""What has a gaze point: nobody who looks along the board, nothing wider than it."""

from __future__ import annotations

import numpy as np
import pytest

from gaze.lesson.points import Measured
from gaze.lesson.status import GRAZING_DEG, statuses
from gaze.room.fusion import FusedHeads
from gaze.room.geometry import aimed_rotation, gaze_with_covariance
from gaze.room.grid import Grid
from gaze.room.position import Positions
from sessions.config import Blackboard

BOARD = Blackboard(width_m=4.0, height_m=1.2)


def status(P_W: np.ndarray, R_WS: np.ndarray, sigma_deg: float) -> np.ndarray:
    """Statuses of heads (N, 3, 3) at noses (N, 3), seen by both cameras, σ of the heads stated."""
    n = len(P_W)
    head = np.broadcast_to(np.eye(3) * np.radians(sigma_deg) ** 2, (n, 3, 3))
    nose = np.broadcast_to(np.eye(3) * 0.01**2, (n, 3, 3))
    points = gaze_with_covariance(P_W, R_WS, nose, head)
    none = np.zeros(n, bool)
    positions = Positions(P_W, nose, np.zeros(n), np.full(n, 2, np.int8))
    heads = FusedHeads(R_WS, head, np.ones(n), np.ones(n), np.ones(n), none, np.ones((n, 2)))
    index = np.arange(n)
    grid = Grid(index, index, np.zeros((n, 2), np.int64))
    found = Measured(grid, positions, heads, points, points.xy_m, np.zeros(n))
    return statuses(found, none, none, BOARD)


def turned(degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Noses 4 m before the board, heads under so many degrees to its plane, towards +x_W."""
    P_W = np.tile([1.0, 0.3, 4.0], (len(degrees), 1))
    a = np.radians(degrees)
    ahead = np.stack([np.cos(a), np.zeros_like(a), -np.sin(a)], 1)
    return P_W, aimed_rotation(P_W, P_W + ahead)


@pytest.mark.parametrize("sigma_deg", [0.1, 2.5, 10.0])
def test_whoever_looks_along_the_board_is_away(sigma_deg: float) -> None:
    degrees = np.array([0.05, 0.1, 0.3, 1.0, 3.0, GRAZING_DEG - 0.1, -0.05, -30.0])
    assert (status(*turned(degrees), sigma_deg) == "away").all()


def test_just_beyond_it_is_a_point_where_the_head_is_sure() -> None:
    assert status(*turned(np.array([GRAZING_DEG + 0.1])), 0.01) == ["off_board"]
    assert status(*turned(np.array([90.0])), 2.0) == ["ok"]


def test_a_sigma_beyond_the_board_is_away_whatever_its_axis() -> None:
    P_W = np.tile([2.0, 0.5, 6.0], (4, 1))
    R = aimed_rotation(P_W, np.tile([2.0, 0.6, 0.0], (4, 1)))
    got = [status(P_W[:1], R[:1], s)[0] for s in (2.0, 12.0, 33.0, 39.0)]
    assert got == ["ok", "low_confidence", "low_confidence", "away"]


def test_every_seat_can_look_at_every_corner() -> None:
    """Nobody loses a point who looks at the board from a seat at least 1 m before it."""
    x, z = np.meshgrid(np.linspace(-0.5, 4.5, 11), np.linspace(1.0, 9.0, 9))
    P_W = np.stack([x.ravel(), np.full(x.size, 0.2), z.ravel()], 1)
    for corner in ([0.01, 0.01, 0], [3.99, 0.01, 0], [3.99, 1.19, 0], [0.01, 1.19, 0]):
        R = aimed_rotation(P_W, np.broadcast_to(corner, P_W.shape))
        assert (status(P_W, R, 0.5) != "away").all()
