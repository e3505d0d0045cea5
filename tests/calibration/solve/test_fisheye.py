"""Wide lenses from corners: the model is found, and what it measures near the rim is true."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.calibrate import solve
from calibration.rig import Rig
from calibration.solve.intrinsics import begin_camera, choice_of
from calibration.solve.uncertainty import triangulate
from calibration.transform import geodesic_deg
from tests.calibration import rigs


@pytest.fixture(scope="module")
def calibrated() -> tuple[Rig, rigs.Room]:
    """Two lenses of 140° and what was solved of them; corners to 0.05 px."""
    rng = np.random.default_rng([5, 0])
    room = rigs.random_room(rng, angle_deg=60, fisheye_deg=140)
    seen = rigs.make_seen(room, rng, shared=12, alone=6, sigma_px=0.05, tape_error=True)
    return solve(seen, models=(4, 8, "equidistant")), room


def test_the_fisheye_is_found(calibrated: tuple[Rig, rigs.Room]) -> None:
    rig, room = calibrated
    assert rig.verdict.status == "PASS", rig.verdict.causes
    pair = rig.quality.pair
    assert pair is not None and pair.holdout_px and pair.holdout_expected_px
    held = [r.holdout_px for r in rig.quality.views if r.holdout_px is not None]
    assert len(held) == 12 and np.median(held) < 0.3
    # a far board is badly posed by one camera: the rms is its noise's
    assert pair.holdout_px < 2 * pair.holdout_expected_px
    for name in ("left", "right"):
        found, true = rig.camera(name), room.rig.camera(name)
        assert found.model == "equidistant"
        assert abs(found.f_px / true.f_px - 1) < 1e-3
        # the lens itself, but for the picture's very corners, which no board filled
        uv = np.stack(np.meshgrid(np.linspace(100, 1819, 9), np.linspace(60, 1019, 7)), -1)
        apart = np.degrees(np.arccos(np.clip((found.rays(uv) * true.rays(uv)).sum(-1), -1, 1)))
        assert apart.max() < 0.15
        assert rig.quality.cameras[name].coverage.beyond_lens_share < 0.01
    assert geodesic_deg(rig.T_RL.R, room.rig.T_RL.R) < 0.05


def test_points_near_the_rim_are_where_they_are(calibrated: tuple[Rig, rigs.Room]) -> None:
    """Over 55° from the left axis: within 2 cm of the truth, in the pair's own frame."""
    rig, room = calibrated
    rng = np.random.default_rng(0)
    P = rng.uniform([-9, -3, 0.5], [9, 3, 5], (3000, 3))
    angle = np.degrees(np.arctan2(np.hypot(P[:, 0], P[:, 1]), P[:, 2]))
    uv = room.rig.left.project(P), room.rig.right.project(room.rig.T_RL.apply(P))
    both = room.rig.left.contains(uv[0]) & room.rig.right.contains(uv[1])
    far = both & (angle > 55) & (np.linalg.norm(P, axis=1) < 6)
    assert far.sum() > 20
    off = np.linalg.norm(triangulate(rig, uv[0][far], uv[1][far]) - P[far], axis=1)
    assert np.median(off) < 0.01 and off.max() < 0.04


def test_one_eye_may_be_a_fisheye() -> None:
    """A lens of 75° is begun as a pinhole, one of 140° as a fisheye."""
    for wide, choice in ((None, 4), (140.0, "equidistant")):
        rng = np.random.default_rng(3)
        room = rigs.random_room(rng, angle_deg=50, fisheye_deg=wide)
        corners = [a for a, _ in rigs.look(room, rng, shared=6, alone=6) if a is not None]
        noisy = [rigs.noisy(uv, rng, 0.1) for uv in corners]
        mono = begin_camera(
            room.board.points_B(), [c for c in noisy if c is not None], (1920, 1080),
            (4, "equidistant"),
        )  # fmt: skip
        assert choice_of(mono.lens) == choice
        assert abs(mono.lens.f_px / room.rig.left.f_px - 1) < 0.02
