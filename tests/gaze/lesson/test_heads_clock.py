"""The heads put a wrong clock right, and what remains of it costs σ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from calibration.transform import Array
from gaze.faces.rows import FaceRows
from gaze.lesson.film import Film
from gaze.lesson.heads_clock import checked_by_heads, with_clock_spread
from sessions.clock.clock import Clock
from sessions.clock.joined import join
from sessions.video import Moments, VideoInfo

STUDENTS, FPS, LAST = 6, 5.0, 250


def turning(t: Array, student: int) -> Array:
    """(N, 3, 3) a head that turns to another place every few seconds."""
    rng = np.random.default_rng(student)
    at, to = np.sort(rng.uniform(0, 55, 18)), rng.normal(0, 20, 19)
    yaw = to[0] + sum((to[k + 1] - to[k]) * np.clip((t - a) / 0.5, 0, 1) for k, a in enumerate(at))
    noise = np.random.default_rng([student, len(t)]).normal(0, 1, len(t))
    turned = Rotation.from_euler("y", (yaw + noise)[:, None], degrees=True).as_matrix()
    return np.asarray(turned @ np.diag([1.0, -1.0, -1.0]))


def lesson(late_s: float) -> tuple[Film, FaceRows, Array, Any]:
    """Both cameras' rows; right's frames show what left sees ``late_s`` later."""
    t = np.arange(LAST) / FPS
    video = VideoInfo(Path("x.mp4"), t, (), np.zeros(1, np.int64), (1920, 1080), "h264", None)
    frames = np.arange(LAST)
    when = Moments(t, frames, frames.copy())
    clock = join([], (0.0, 50.0), frame_s=0.2)
    clock = replace(clock, clock=Clock(sigma_offset_s=0.004))
    film = Film(video, video, None, clock, when, (), np.zeros((LAST, 2), "U8"))  # type: ignore[arg-type]
    camera, moment, student, R = [], [], [], []
    for c, shown in enumerate((t, t + late_s)):
        for k in range(STUDENTS):
            camera += [c] * LAST
            moment += frames.tolist()
            student += [k] * LAST
            R.append(turning(shown, k))
    n = len(camera)
    R_WS = np.concatenate(R)
    identity = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
    rows = FaceRows.from_arrays(
        [
            {
                "faces.camera": np.array(camera, np.int8),
                "faces.moment": np.array(moment, np.int32),
                "faces.box_px": np.zeros((n, 4)),
                "faces.score": np.ones(n),
                "faces.points_px": np.zeros((n, 5, 2)),
                "landmarks.nose_px": 30 * R_WS[:, :2, 2],
                "landmarks.nose_sigma_px": np.ones(n),
                "landmarks.tight_box_px": np.zeros((n, 4)),
                "heads.R_CS": R_WS,
                "heads.covariance_rad2": 1e-4 * identity,
                "heads.covered": np.full((n, 4), np.nan),
                "centre_px": np.zeros((n, 2)),
                "face_px": np.ones(n),
            }
        ]
    )
    return film, rows, R_WS, np.array(student)


class People:
    def __init__(self, student: Any) -> None:
        self.student = student

    def __len__(self) -> int:
        return STUDENTS


@pytest.mark.parametrize("late_s", [0.0, 0.4])
def test_a_late_camera_is_paired_anew(late_s: float) -> None:
    film, rows, R_WS, people = lesson(late_s)
    checked, again, anew = checked_by_heads(film, rows, R_WS, People(people))  # type: ignore[arg-type]
    clock = checked.clock.clock
    assert abs(clock.left_to_right(25.0) - 25.0 + late_s) < min(0.02, 4 * clock.sigma_s(25.0))
    assert anew == (late_s > 0)
    if anew:  # right's frame k − 2 shows left's moment k
        assert checked.when.frame_right[2:].tolist() == list(range(LAST - 2))
        assert (checked.when.frame_right[:2] == -1).all() and len(again) == len(rows) - 12
        assert (checked.lost[:2, 1] == "none").all()


def test_the_clocks_sigma_costs_a_head_what_it_turned_in_it() -> None:
    film, rows, *_ = lesson(0.0)
    track = np.repeat(np.arange(STUDENTS), LAST).astype(np.int32)
    track = np.concatenate([track, track])
    film = replace(film, clock=replace(film.clock, clock=Clock(sigma_offset_s=0.1)))
    spread = with_clock_spread(film, rows, track)
    left = rows.faces.camera == 0
    more = spread.heads.covariance_rad2 - rows.heads.covariance_rad2
    assert (more[left] == 0).all(), "left's clock is the lesson's"
    added_deg = np.degrees(np.sqrt(np.trace(more[~left], axis1=1, axis2=2)))
    assert np.median(added_deg) < 1.0, "a head that rests is not touched"
    assert added_deg.max() > 3.0, "one that turns 80 degrees a second is"
    mixed = np.random.default_rng(1).permutation(len(rows))
    other = FaceRows.from_arrays([{name: v[mixed] for name, v in rows.arrays().items()}])
    again = with_clock_spread(film, other, track[mixed])
    np.testing.assert_array_equal(
        again.heads.covariance_rad2, spread.heads.covariance_rad2[mixed], "rows in any order"
    )
