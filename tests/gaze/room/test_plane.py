"""Surfaces: round trips, signs by hand, and what hides what."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from calibration.transform import Transform
from gaze.room.geometry import aimed_rotation, gaze_points
from gaze.room.plane import Plane, first_met
from sessions.surfaces import Blackboard, Surface

BOARD = Plane.of_blackboard(Blackboard(width_m=4.0, height_m=1.2))


def plane(**more: float) -> Plane:
    given = {"left_m": 1.0, "down_m": -0.5, "out_m": 0.2, "width_m": 3.0, "height_m": 1.5, **more}
    return Plane.of(Surface(name="screen", **given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more",
    [{}, {"turned_deg": 90.0}, {"turned_deg": -40.0, "tilted_deg": 15.0}, {"turned_deg": 180.0},
     {"radius_m": 2.0}, {"radius_m": -2.0, "turned_deg": 20.0}],
)  # fmt: skip
def test_a_look_at_a_place_meets_it(more: dict) -> None:
    """From before it, at random; and the range is the distance."""
    rng = np.random.default_rng(3)
    p = plane(**more)
    xy = rng.uniform(0, 1, (200, 2)) * [3.0, 1.5]
    at = p.points_W(xy)
    eye = p.points_W([1.5, 0.7]) + 2.5 * p.T_WP.R[:, 2] + rng.normal(0, 0.3, (200, 3))
    met = p.meet(eye, 7.0 * (at - eye))
    assert met.meets.all()
    np.testing.assert_allclose(met.xy_m, xy, atol=1e-9)
    np.testing.assert_allclose(met.range_m * 7.0, np.linalg.norm(7.0 * (at - eye), axis=1))
    away = p.meet(eye, eye - at)
    assert not p.holds(away.xy_m).any()  # a round wall's other side is beyond its ends
    assert (np.isnan(away.xy_m).all(1) == ~away.meets).all()
    assert (np.isinf(away.range_m) == ~away.meets).all()


def test_signs_by_hand() -> None:
    """Right wall: faces left (+x_W), its own left end is nearer to the blackboard's wall."""
    right = plane(turned_deg=90.0)
    np.testing.assert_allclose(right.T_WP.R[:, 2], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(right.points_W([3.0, 0.0]), [1.0, -0.5, -2.8], atol=1e-12)
    leaning = plane(tilted_deg=20.0)
    assert leaning.T_WP.R[1, 2] > 0  # faces down
    assert leaning.points_W([0.0, 1.0])[2] < 0.2  # the foot goes back, the upper edge leans out
    ends_forward, middle_forward = plane(radius_m=2.0), plane(radius_m=-2.0)
    assert ends_forward.points_W([1.5, 0.0])[2] < 0.2 < middle_forward.points_W([1.5, 0.0])[2]
    for curved in (ends_forward, middle_forward):  # the arc is as long as it was measured
        step = np.diff(
            curved.points_W(np.stack([np.linspace(0, 3, 2000), np.zeros(2000)], 1)), axis=0
        )
        assert np.linalg.norm(step, axis=1).sum() == pytest.approx(3.0, abs=1e-5)


def test_what_comes_from_behind_does_not_count() -> None:
    back = plane(turned_deg=180.0, out_m=6.0)  # on the back wall
    assert not back.meet([2.0, 0.0, 8.0], [0.0, 0.0, -1.0]).meets  # from behind it
    curved = plane(radius_m=-2.0)
    assert not curved.holds(curved.meet([2.3, 0.0, -4.0], [0.0, 0.0, 1.0]).xy_m)


def test_the_blackboard_is_the_world() -> None:
    """The blackboard's own formula, to the last bit (docs/conventions.md 4)."""
    rng = np.random.default_rng(0)
    P = rng.normal(size=(300, 3)) + [2, 0.3, 4]
    R = aimed_rotation(P, rng.normal(size=(300, 3)) * [3, 1, 3])
    r = R[..., 2]
    with np.errstate(invalid="ignore"):
        meets = (r[:, 2] < 0) & (P[:, 2] > 0)
    xy, found = gaze_points(P, R)
    assert (found == meets).all() and meets.any() and (~meets).any()
    assert (xy[meets] == (P[:, :2] - (P[:, 2] / r[:, 2])[:, None] * r[:, :2])[meets]).all()


def test_the_nearest_hides_what_lies_behind() -> None:
    screen = plane(out_m=0.4)
    eye = np.array([2.0, 0.4, 5.0])
    for xy, which in (([2.0, 0.5], 1), ([3.95, 1.1], 0), ([9.0, 0.5], -1)):
        at = BOARD.points_W(xy)
        first, distance = first_met([BOARD, screen], eye, at - eye)
        assert first == which and np.isfinite(distance) == (which >= 0)
    # parallax: the same place of the board is free from another seat
    at = BOARD.points_W([3.95, 0.9])
    assert [int(first_met([BOARD, screen], e, at - np.array(e))[0])
            for e in ([0.5, 0.5, 2.0], [5.5, 0.5, 2.0])] == [1, 0]  # fmt: skip


def test_a_slid_board_moves_along_itself() -> None:
    leaning = plane(tilted_deg=20.0)
    moved = leaning.slid(0.3, 0.7)
    np.testing.assert_allclose(moved.points_W([0, 0]), leaning.points_W([0.3, 0.7]), atol=1e-12)
    assert isinstance(moved.T_WP, Transform) and (moved.T_WP.R == leaning.T_WP.R).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [({"radius_m": 0.9}, "more than half round"), ({"name": "Teacher"}, "name of a target"),
     ({"areas": [{"name": "a", "x_m": [3.5, 4], "y_m": [0, 1]}]}, "lies outside the surface"),
     ({"turned_deg": 200.0}, "less than or equal to 180"), ({"widht_m": 1.0}, "Extra inputs")],
)  # fmt: skip
def test_impossible_surfaces(more: dict, said: str) -> None:
    given = {"name": "s", "left_m": 0.0, "down_m": 0.0, "out_m": 0.0, "width_m": 3.0,
             "height_m": 1.0, **more}  # fmt: skip
    with pytest.raises(ValidationError, match=said):
        Surface(**given)
