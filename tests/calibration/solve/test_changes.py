"""What changed among the views: each mistake is named, and none is where nothing changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.corners.boards import View
from calibration.inputs import Seen
from calibration.lens import Lens
from calibration.solve import bundle
from calibration.solve.changes import _moments, _undone
from calibration.solve.estimate import estimate
from calibration.solve.problem import build
from calibration.transform import Array, rotation_exp
from calibration.verdict import Cause
from tests.calibration import rigs

MIDDLE = np.array([960.0, 540.0])
Change = Callable[[rigs.Room, np.random.Generator, int, View], View]


def _zoomed(factor: float) -> Change:
    def change(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
        if i < 5 or v.left is None:
            return v
        return replace(v, left=(v.left - MIDDLE) * factor + MIDDLE)

    return change


def _zoomed_shared(camera: str, first: int, factor: float) -> Change:
    """The pictures of both cameras alone, from one on: each took its own before."""

    def change(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
        if i < first or v.left is None or v.right is None:
            return v
        uv = v.corners(camera)
        assert uv is not None
        return replace(v, **{camera: (uv - MIDDLE) * factor + MIDDLE})  # type: ignore[arg-type]

    return change


def _cut(*which: int) -> Change:
    """These left pictures lost 5 % at one side, and were enlarged to their size again."""

    def change(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
        return v if i not in which or v.left is None else replace(v, left=(v.left - [96, 0]) / 0.95)

    return change


def _every_third(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
    """A digital zoom that some of the left pictures have, and others have not."""
    return v if v.left is None or i % 3 else replace(v, left=(v.left - MIDDLE) * 1.01 + MIDDLE)


def _turned(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
    """The right camera turns by 3 px."""
    if i < 5 or v.right is None:
        return v
    R = rotation_exp([0, 3 / room.rig.right.f_px, 0])
    return replace(v, right=room.rig.right.project(room.rig.right.rays(v.right) @ R.T))


def _rolled(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
    """Rows are read while the board moves: a shear of each picture's own."""

    def sheared(uv: Array | None) -> Array | None:
        return uv if uv is None else uv + rng.normal(0, 4, 2) * (uv[:, 1:] - 540) / 1080

    return replace(v, left=sheared(v.left), right=sheared(v.right))


def _not_together(room: rigs.Room, rng: np.random.Generator, i: int, v: View) -> View:
    if v.left is None or v.right is None:
        return v
    return replace(v, right=v.right + rng.normal(0, 3, 2))


def _causes(
    change: Change | None, size_px: tuple[int, int] = (1920, 1080),
    deform: Array | float = 0.0,
) -> list[Cause]:  # fmt: skip
    rng = np.random.default_rng([7, 1])
    room = rigs.random_room(rng, angle_deg=60, size_px=size_px)
    deform = deform + 0 * room.board.points_B()
    seen: Seen = rigs.make_seen(room, rng, shared=9, alone=3, placements=(), deform=deform)
    views = seen.views
    if change is not None:
        views = tuple(change(room, rng, i, v) for i, v in enumerate(views))
    found = estimate(seen.board, seen.sizes, views, models=(4,), warp=False)
    return found.rejected.causes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_zoomed(1.01), "zoom_changed"),
        (_zoomed(1.06), "zoom_changed"),
        (_zoomed(0.5), "zoom_changed"),
        (_zoomed_shared("left", 4, 1.025), "zoom_changed"),
        (_zoomed_shared("right", 6, 0.97), "zoom_changed"),
        (_zoomed_shared("left", 6, 1.2), "zoom_changed"),
        (_zoomed_shared("right", 6, 0.8), "zoom_changed"),
        (_every_third, "zoom_unsteady"),
        (_cut(1, 4, 7, 10), "zoom_unsteady"),
        (_cut(0, 2, 3, 5, 8, 9, 11), "zoom_unsteady"),
        (_turned, "camera_moved"),
        (_rolled, "rolling_shutter"),
        (_not_together, "not_simultaneous"),
    ],
    ids=["zoom 1 %", "zoom 6 %", "zoom 50 %", "zoom 2.5 %", "zoom -3 %", "20 % in three",
         "-20 % in three", "now and then", "cut",
         "half cut", "turned", "rolling shutter", "not together"],
)  # fmt: skip
def test_what_changed_is_named(change: Change, code: str) -> None:
    first = _causes(change)[0]
    assert first.code == code
    if code == "zoom_unsteady":
        assert "the left camera's zoom or focus went back and forth" in first.message
    if code == "zoom_changed":
        assert re.search("the (left|right) camera.*near view 0[456]:", first.message)
    if code == "camera_moved":
        turn = float(first.message.split("direction is about ")[1].split("°")[0])
        assert 0.06 < turn < 0.25  # 3 px of some 1400
    if code == "rolling_shutter":
        px = float(first.message.split("sheared by ")[1].split(" px")[0])
        assert 1 < px < 6  # drawn with 4; "or more", for poses swallow a part


def test_later_views_are_all_of_them_or_those_of_both_cameras() -> None:
    order = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    shared = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], bool)
    found = [(cut, np.flatnonzero(later).tolist()) for later, cut in _moments(order, shared)]
    assert found == [
        (3, [3, 4, 5, 6, 7, 8, 9]), (3, [3, 4, 5, 6]), (4, [4, 5, 6, 7, 8, 9]), (4, [4, 5, 6]),
        (5, [5, 6, 7, 8, 9]), (6, [6, 7, 8, 9]),  # one or two views of both cameras are too few
        (7, [7, 8, 9]),  # and none of them is later
    ]  # fmt: skip
    assert [c for _, c in _moments(order, np.ones(10, bool))] == [3, 4, 5, 6, 7]  # the same
    assert not list(_moments(order[:5], shared[:5]))


def test_a_zoom_is_undone_about_the_middle_of_the_picture() -> None:
    rng = np.random.default_rng(3)
    lens = Lens(np.array([1300.0, 1300, 950, 530, 0, 0, 0, 0]))
    uv = rng.uniform(0, 1000, (4, 30, 2))
    later = np.array([0, 0, 1, 1.0])
    factor = np.where(later > 0, 1.06, 1)[:, None, None]
    zoomed = [[950, 530] + (v - [950, 530]) * f for v, f in zip(uv, factor, strict=True)]
    board = np.c_[rng.uniform(size=(30, 2)), np.zeros(30)]
    problem = build([board], [(v, v, 0) for v in zoomed])
    state = bundle.State((lens, lens), np.eye(3), np.zeros(3), np.zeros((4, 3, 3)),
                         np.zeros((4, 3)))  # fmt: skip
    undone = _undone(problem, state, (0,), np.outer(later, [0.06, 0.0, 0.0]))
    np.testing.assert_allclose(undone.cameras[0].uv_px, uv, atol=1e-9)
    np.testing.assert_array_equal(undone.cameras[1].uv_px, problem.cameras[1].uv_px)


def test_a_print_that_is_wider_than_high_is_named_with_its_share() -> None:
    first = _causes(None, deform=0.03 * rigs.BOARD.points_B() * [1.0, 0, 0])[0]
    assert first.code == "print_stretched" and " wider than high" in first.message
    share = float(first.message.split("is about ")[1].split(" %")[0])
    assert 2.0 < share < 4.0  # to first order


def test_a_skewed_print_is_named() -> None:
    points = rigs.BOARD.points_B()
    first = _causes(None, deform=0.01 * np.outer(points[:, 1], [1.0, 0, 0]))[0]
    assert first.code == "print_stretched"
    degrees = re.search(r"about ([0-9.]+)° skewed", first.message)
    assert degrees and 0.4 <= float(degrees[1]) <= 0.7  # drawn with 0.57; to first order


def test_pictures_of_other_moments_are_named_where_poses_swallow_nearly_all_of_it() -> None:
    """Pictures upright, 3 px apart: they are no rolling shutter, and nobody zoomed."""
    first = _causes(_not_together, size_px=(1080, 1920))[0]
    assert first.code == "not_simultaneous" and "use one clock" in first.action
    assert "not taken at the same moment" in first.message


def test_nothing_is_named_where_nothing_changed() -> None:
    assert _causes(None) == []
