"""Cameras hung on their side or upside down: solved, said in words, never an impossible room."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.calibrate import solve
from calibration.room.words import camera_words
from calibration.room.world import hung_words, roll_deg
from calibration.transform import rotation_exp
from tests.calibration import rigs


@pytest.mark.parametrize(
    ("turned", "says"),
    [(90, "hung on its side"), (-90, "hung on its side"), (180, "hung upside down")],
)
def test_a_legal_mounting_is_a_room(turned: float, says: str) -> None:
    """Portrait pictures of both cameras, or a ceiling: the room is right, and the verdict asks."""
    size = (1080, 1920) if abs(turned) == 90 else (1920, 1080)
    rng = np.random.default_rng(12)
    room = rigs.random_room(rng, angle_deg=50, size_px=size, roll_deg=turned)
    seen = rigs.make_seen(room, rng, shared=8, alone=4)
    rig = solve(seen, models=(4,))
    codes = [c.code for c in rig.verdict.causes]
    assert rig.verdict.status == "WARN" and "camera_rolled" in codes, rig.verdict.causes
    assert {"room_impossible", "cameras_swapped", "wrong_placement"}.isdisjoint(codes)
    assert all(says in sentence for sentence in camera_words(rig))
    for name in ("left", "right"):
        assert np.linalg.norm(rig.T_WC(name).t - room.rig.T_WC(name).t) < 0.05


@pytest.mark.parametrize(
    ("roll", "says"),
    [
        (4, ""),
        (-15, "rolled by 15°"),
        (45, "rolled by 45°"),
        (100, "on its side"),
        (-170, "upside"),
    ],
)
def test_how_a_camera_hangs(roll: float, says: str) -> None:
    R_WC = rotation_exp([np.radians(-12), 0, 0]) @ rotation_exp([0, 0, np.radians(roll)])
    assert roll_deg(R_WC) == pytest.approx(roll, abs=1e-9)
    assert says in hung_words(roll_deg(R_WC)) and bool(says) == bool(hung_words(roll_deg(R_WC)))
    assert roll_deg(rotation_exp([np.radians(-90), 0, 0])) is None
