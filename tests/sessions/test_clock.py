"""The clocks' convention, jumps, frame times, motion: what holds before anything is estimated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from sessions.clock.clock import Clock, Jump
from sessions.clock.motion import motion_energy, stretches
from sessions.clock.times import judge_pair, judge_times


# -- the convention --------------------------------------------------------------------------------
def test_offset_is_right_minus_left() -> None:
    """Right's clock shows 12 when left's shows 10: offset_s = +2, and right's 12 is left's 10."""
    clock = Clock(offset_s=2.0)
    assert clock.right_to_left(12.0) == 10.0
    assert clock.left_to_right(10.0) == 12.0
    assert Clock(drift_ppm=100.0).left_to_right(1000.0) == pytest.approx(1000.1)


@given(st.floats(-100, 100), st.floats(-2000, 2000), st.floats(0, 1e4))
def test_the_two_directions_cancel(offset: float, drift: float, t: float) -> None:
    clock = Clock(offset, drift)
    assert clock.right_to_left(clock.left_to_right(t)) == pytest.approx(t, abs=1e-8)


def test_sigma_grows_away_from_where_it_was_measured() -> None:
    """Offset and drift measured around 1000 s: most certain there, and far less at 5000 s."""
    middle, at_middle, drift = 1000.0, 0.002, 2e-6
    at_zero = np.hypot(at_middle, drift * middle)
    clock = Clock(0, 0, at_zero, drift * 1e6, correlation=-drift * middle / at_zero)
    assert clock.sigma_s(middle) == pytest.approx(at_middle)
    assert clock.sigma_s(5000.0) == pytest.approx(np.hypot(at_middle, drift * 4000))


# -- jumps -----------------------------------------------------------------------------------------
def test_frames_lost_on_the_right_leave_a_hole_on_the_left() -> None:
    """Right loses 0.6 s at 10 s and its times hide it: its 10.1 shows what left sees at 10.7."""
    clock = Clock(jumps=(Jump(10.0, -0.6),))
    assert clock.right_to_left([9.9, 10.1]) == pytest.approx([9.9, 10.7])
    assert clock.left_to_right([9.9, 10.3, 10.7]) == pytest.approx([9.9, 10.0, 10.1])


def test_what_the_right_saw_while_the_left_lost_frames_is_one_instant() -> None:
    clock = Clock(jumps=(Jump(10.0, 0.6),))
    assert clock.left_to_right([9.9, 10.1]) == pytest.approx([9.9, 10.7])
    assert clock.right_to_left([10.2, 10.5, 10.7]) == pytest.approx([10.0, 10.0, 10.1])


@given(
    st.floats(-100, 100),
    st.floats(-2000, 2000),
    st.lists(st.tuples(st.floats(0, 1000), st.floats(-1, 1)), max_size=4),
)
def test_time_never_runs_backwards(
    offset: float, drift: float, steps: list[tuple[float, float]]
) -> None:
    clock = Clock(offset, drift, jumps=tuple(Jump(*s) for s in sorted(steps)))
    t = np.linspace(-50, 1100, 500)
    for there in (clock.left_to_right(t), clock.right_to_left(t)):
        assert (np.diff(there) >= -1e-9).all()


def test_near_a_jump_the_clock_is_as_uncertain_as_the_jump_is_large() -> None:
    clock = Clock(sigma_offset_s=0.004, jumps=(Jump(100.0, -0.5, sigma_at_s=1.0),))
    assert clock.sigma_s(50.0) == pytest.approx(0.004)
    assert clock.sigma_s(100.0) == pytest.approx(np.hypot(0.5 * np.sqrt(0.5), 0.004))
    assert 0.004 < clock.sigma_s(102.0) < 0.1


# -- frame times -----------------------------------------------------------------------------------
def test_good_times_have_nothing_to_say() -> None:
    t = np.arange(0, 60, 1 / 30)
    report = judge_times(t, "left.mp4", 60.0)
    assert report.causes == () and report.monotonic and report.dropped == 0
    assert report.rate_hz == pytest.approx(30) and report.duration_s == pytest.approx(60)
    rounded = judge_times(np.round(t, 3), "left.mp4")
    assert rounded.causes == (), "whole milliseconds are no jitter"


def test_dropped_frames_are_counted_and_placed() -> None:
    t = np.arange(0, 60, 1 / 30)
    t = np.delete(t, np.r_[300:315, 900])
    report = judge_times(t, "left.mp4")
    assert report.dropped == 16 and len(report.gaps) == 2
    assert report.gaps[0, 1] == pytest.approx(16 / 30)
    (cause,) = report.causes
    assert cause.code == "frames_dropped" and "16 frames" in cause.message
    assert "0.53 s at 10.0 s" in cause.message


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ([0.0, 0.1, 0.05, 0.2, 0.3], "times_not_monotonic"),
        ([0.0, 0.1, 0.1, 0.2, 0.3], "times_not_monotonic"),
        ([0.0, np.nan, 0.2], "times_missing"),
        ([], "times_missing"),
        ([0.0, 0.0, 0.0], "times_not_monotonic"),
        (list(np.cumsum([0.03, 0.06] * 50)), "rate_varies"),
    ],
)
def test_bad_times_are_named(times: list[float], code: str) -> None:
    assert code in [c.code for c in judge_times(times, "x").causes]


def test_lengths_and_rates_are_compared() -> None:
    left = judge_times(np.arange(0, 2700, 1 / 30), "left")
    right = judge_times(np.arange(0, 2690, 1 / 25), "right")
    codes = {c.code: c.message for c in judge_pair(left, right)}
    assert "left video is 10.0 s longer" in codes["durations_differ"]
    assert "30.00 and 25.00" in codes["rates_differ"]
    assert judge_pair(left, left) == ()
    assert "ppm" not in codes["durations_differ"], "ten seconds of 45 minutes are no drift"
    assert "slow motion" not in codes["durations_differ"]
    slow = judge_times(np.arange(0, 4 * 2680, 4 / 30), "right")
    (longer,) = (c for c in judge_pair(left, slow) if c.code == "durations_differ")
    assert "4.0 times as long) filmed in slow motion" in longer.message
    assert "duration_mismatch" in [
        c.code for c in judge_times(np.arange(0, 60, 0.04), "a", 90.0).causes
    ]


# -- motion energy ---------------------------------------------------------------------------------
def test_motion_energy_sees_movement_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    room = rng.integers(40, 200, (45, 80)).astype(np.float32)
    frames = []
    for i in range(40):
        frame = room + rng.normal(0, 1.5, room.shape)
        if 10 <= i < 15:
            frame[20:30, 30 + i : 40 + i] = 250  # somebody walks
        if i >= 25:
            frame += 20  # the lamp goes on: every pixel, no movement
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    t, energy = motion_energy(iter(frames), np.arange(40) / 10)
    assert t.shape == energy.shape == (39,) and t[0] == pytest.approx(0.05)
    moving = (t > 0.9) & (t < 1.6)
    assert energy[moving & (t < 1.5)].min() > 10 * energy[~moving].max()


def test_motion_energy_names_what_does_not_fit() -> None:
    a, b = np.zeros((4, 4)), np.zeros((4, 5))
    with pytest.raises(CalibrationError, match="change their size"):
        motion_energy([a, b], [0, 1])
    with pytest.raises(CalibrationError, match="not one time for each picture; found 3"):
        motion_energy([a, a], [0, 1, 2])


def test_a_long_lesson_is_looked_at_in_parts_from_begin_to_end() -> None:
    parts = stretches(1800.0)
    assert parts.shape == (5, 2) and parts[0, 0] == 0 and parts[-1, 1] == 1800
    assert stretches(120.0).tolist() == [[0.0, 120.0]]
