"""What changed among the views: each mistake is named, and none is where nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.corners.boards import View
from calibration.inputs import Seen
from calibration.solve.estimate import estimate
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
    change: Change | None, size_px: tuple[int, int] = (1920, 1080), wider: float = 0.0
) -> list[Cause]:
    rng = np.random.default_rng([7, 1])
    room = rigs.random_room(rng, angle_deg=60, size_px=size_px)
    deform = wider * room.board.points_B() * [1.0, 0, 0]
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
        (_turned, "camera_moved"),
        (_rolled, "rolling_shutter"),
        (_not_together, "not_simultaneous"),
    ],
    ids=["zoom 1 %", "zoom 6 %", "zoom 50 %", "turned", "rolling shutter", "not together"],
)
def test_what_changed_is_named(change: Change, code: str) -> None:
    assert _causes(change)[0].code == code


def test_a_print_that_is_wider_than_high_is_named_with_its_share() -> None:
    first = _causes(None, wider=0.03)[0]
    assert first.code == "print_stretched" and " wider than high" in first.message
    share = float(first.message.split("is about ")[1].split(" %")[0])
    assert 2.0 < share < 4.0  # to first order


def test_what_looks_alike_is_told() -> None:
    """Pictures upright, 3 px apart: poses swallow nearly all of it, and rows explain the rest."""
    first = _causes(_not_together, size_px=(1080, 1920))[0]
    assert {first.code, *first.rivals} == {"not_simultaneous", "rolling_shutter"}
    assert "not taken at the same moment" in first.message and "row by row" in first.message
    assert "use one clock" in first.action and "lean it" in first.action


def test_nothing_is_named_where_nothing_changed() -> None:
    assert _causes(None) == []
