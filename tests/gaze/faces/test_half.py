"""Half of a face hidden all lesson long: what one camera knows holds for both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaze.faces.half import WIDER_SIGMA, half_hidden, known_to_both
from gaze.faces.rows import FaceRows
from headpose.visibility import PARTS
from tests.gaze import stress

LOWER, LEFT, RIGHT = (PARTS.index(p) for p in ("lower", "left", "right"))


def seen(**of_part: tuple[float, float]) -> tuple[FaceRows, np.ndarray]:
    """Two students in 30 moments; of the first the (left, right) camera's probability by part."""
    scene = stress.Scene.lesson(1, 6.0, stress.seats(1, 2, seed=1))
    rows = stress.rows_of(scene, 1)
    nose = rows.landmarks.nose_px[:, 0]
    student = np.zeros(len(rows), np.int32)
    for c in (0, 1):
        mine = rows.faces.camera == c
        student[mine] = nose[mine] > np.median(nose[mine])
    covered = np.full((len(rows), len(PARTS)), 0.005)
    for part, p in of_part.items():
        covered[student == 0, PARTS.index(part)] = np.array(p)[rows.faces.camera[student == 0]]
    return replace(rows, heads=replace(rows.heads, covered=covered)), student


@pytest.mark.parametrize("trace", [0.0, 0.1])
def test_hair_that_one_camera_knows_widens_the_other(trace: float) -> None:
    rows, student = seen(left=(0.8, trace))
    hidden = half_hidden(rows, student, 2)
    assert hidden[0, LEFT] == pytest.approx(0.8, abs=0.01) and not hidden[1].any()
    out = known_to_both(rows, student, hidden)
    wider = out.heads.covariance_rad2[:, 1, 1] / rows.heads.covariance_rad2[:, 1, 1]
    first, right = student == 0, rows.faces.camera == 1
    assert np.allclose(wider[first & right], WIDER_SIGMA**2)
    assert np.allclose(wider[first & ~right], 1), "wide already"
    assert np.allclose(wider[~first], 1)
    assert (out.heads.covered[first].max(1) > 0.5).all()
    assert np.array_equal(out.heads.covered[~first], rows.heads.covered[~first])


@pytest.mark.parametrize(
    "of_part",
    [
        {"left": (0.9, 0.01), "lower": (0.8, 0.0)},  # a neighbour's head, before one camera
        {"left": (0.9, 0.0), "right": (0.0, 0.9)},  # and another's from the other: no one half
        {"left": (0.2, 0.2)},  # now and then
        {"left": (0.9, 0.9), "lower": (0.9, 0.9)},  # a mask
    ],
)
def test_what_is_no_hair(of_part: dict[str, tuple[float, float]]) -> None:
    rows, student = seen(**of_part)
    assert not half_hidden(rows, student, 2).any()


def test_unknown_stays_unknown_and_nobody_s_rows_are_left_alone() -> None:
    rows, student = seen(right=(0.1, 0.7))
    covered = rows.heads.covered.copy()
    covered[::7] = np.nan
    rows = replace(rows, heads=replace(rows.heads, covered=covered))
    student[::5] = -1
    out = known_to_both(rows, student, half_hidden(rows, student, 2))
    assert np.isnan(out.heads.covered[::7]).all()
    assert np.allclose(out.heads.covariance_rad2[::5], rows.heads.covariance_rad2[::5])
    none = known_to_both(rows, np.full(len(rows), -1), half_hidden(rows, np.full(len(rows), -1), 0))
    assert np.allclose(none.heads.covariance_rad2, rows.heads.covariance_rad2)
