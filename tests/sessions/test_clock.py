"""One clock for two videos: simulated lessons with known offset and drift, and those without."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.errors import CalibrationError
from calibration.transform import Array
from sessions.clock.motion import (
    Clock,
    check_clock,
    estimate_clock,
    judge_pair,
    judge_times,
    motion_energy,
    pair_frames,
    stretches,
)


def lesson(
    seed: int,
    clock: Clock,
    duration_s: float = 300.0,
    rates_hz: tuple[float, float] = (30.0, 30.0),
    own: float = 0.5,
    noise: float = 0.3,
    channels: int = 1,
) -> tuple[Array, Array, Array, Array]:
    """Movements that both cameras see (differently strong), movements of its own in each, noise."""
    rng = np.random.default_rng(seed)
    tl = np.arange(0, duration_s, 1 / rates_hz[0])
    tr = np.arange(0, duration_s, 1 / rates_hz[1]) + 0.011
    views: list[list[Array]] = [[], []]
    for _ in range(channels):

        def events(n: int) -> tuple[Array, Array, Array]:
            return (
                rng.uniform(-40, duration_s + 40, n),
                rng.uniform(0.1, 0.5, n),
                rng.lognormal(0, 0.7, n),
            )

        def seen(t: Array, what: tuple[Array, Array, Array], gain: Array) -> Array:
            x = np.zeros_like(t)
            for centre, width, height, g in zip(*what, gain, strict=True):
                i = slice(*np.searchsorted(t, [centre - 4 * width, centre + 4 * width]))
                x[i] += g * height * np.exp(-0.5 * ((t[i] - centre) / width) ** 2)
            return x

        n = int(duration_s + 80)
        common = events(n)
        for view, t in zip(views, (tl, clock.right_to_left(tr)), strict=True):
            x = seen(t, common, rng.lognormal(0, 0.5, n))
            alone = events(int(own * n))
            x += seen(t, alone, np.ones(len(alone[0])))
            view.append(x + noise * rng.exponential(1, t.size))
    xl, xr = (np.squeeze(np.stack(v, -1)) for v in views)
    return tl, xl, tr, xr


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


# -- estimating ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offset_s", "drift_ppm", "rates"),
    [
        pytest.param(1.234, 40.0, (30.0, 30.0), id="ordinary"),
        pytest.param(-17.77, -60.0, (30.0, 30.0), id="right-started-later"),
        pytest.param(0.0, 1000.0, (30.0, 29.97), id="29.97-called-30"),
        pytest.param(0.4, 0.0, (25.0, 30.0), id="two-rates"),
        pytest.param(0.08, 20.0, (12.0, 12.0), id="slow-cameras"),
    ],
)
def test_offset_and_drift_come_out(
    offset_s: float, drift_ppm: float, rates: tuple[float, float]
) -> None:
    truth = Clock(offset_s, drift_ppm)
    got = estimate_clock(*lesson(3, truth, 600.0, rates))
    assert got.status == "estimated", got.reason
    assert got.clock is not None
    for t in (0.0, 300.0, 600.0):
        error = got.clock.left_to_right(t) - truth.left_to_right(t)
        assert abs(error) < 4 * got.clock.sigma_s(t), (t, error)
        assert got.clock.sigma_s(t) < 0.06
    assert abs(got.clock.drift_ppm - drift_ppm) < 4 * got.clock.sigma_drift_ppm
    assert got.clock.source == "pictures" and not got.causes


def test_uncertainty_is_honest() -> None:
    """Normalised errors over 40 lessons of five minutes: rms between 0.7 and 1.35, none absurd."""
    z = []
    for seed in range(40):
        truth = Clock(np.sin(seed) * 5, 80 * np.cos(seed))
        got = estimate_clock(*lesson(seed, truth)).clock
        assert got is not None
        middle = 150.0
        error = got.left_to_right(middle) - truth.left_to_right(middle)
        z.append(
            (error / got.sigma_s(middle), (got.drift_ppm - truth.drift_ppm) / got.sigma_drift_ppm)
        )
    rms = np.sqrt(np.mean(np.square(z), 0))
    assert (rms > 0.6).all() and (rms < 1.35).all(), rms
    assert np.abs(z).max() < 4.5


@pytest.mark.slow
def test_a_whole_lesson_is_known_to_milliseconds() -> None:
    truth = Clock(2.5, -35.0)
    got = estimate_clock(*lesson(1, truth, 2700.0)).clock
    assert got is not None
    error = got.left_to_right(1350.0) - truth.left_to_right(1350.0)
    assert abs(error) < 0.02 and got.sigma_s(1350.0) < 0.012
    assert abs(got.drift_ppm + 35) < 4 * got.sigma_drift_ppm and got.sigma_drift_ppm < 20


def test_parts_spread_over_a_lesson_do_for_the_whole() -> None:
    """Five minutes of thirty, in five parts: offset and drift hold from the begin to the end."""
    truth = Clock(8.0, 60.0)
    tl, xl, tr, xr = lesson(3, truth, 1800.0)
    parts = stretches(1800.0)
    assert parts.shape == (5, 2) and parts[0, 0] == 0 and parts[-1, 1] == 1800

    def within(t: Array) -> Array:
        return ((t[:, None] >= parts[:, 0]) & (t[:, None] < parts[:, 1])).any(1)

    got = estimate_clock(tl[within(tl)], xl[within(tl)], tr[within(tr)], xr[within(tr)]).clock
    assert got is not None
    for t in (0.0, 900.0, 1800.0):
        error = got.left_to_right(t) - truth.left_to_right(t)
        assert abs(error) < 4 * got.sigma_s(t) and got.sigma_s(t) < 0.1
    assert stretches(120.0).tolist() == [[0.0, 120.0]]


@pytest.mark.parametrize("minutes", [20, 45])
@pytest.mark.parametrize("fps", [24000 / 1001, 25, 30000 / 1001, 30, 50, 60000 / 1001])
def test_every_camera_rate_is_known_from_stretches(fps: float, minutes: int) -> None:
    """Times as a container gives them (ticks of 1/90000 s), in the stretches that are read."""
    truth = Clock(8.0, 60.0)
    tl, xl, tr, xr = lesson(1, truth, 60.0 * minutes, (fps, fps))
    tl, tr = (t[0] + np.round(np.arange(t.size) / fps * 90000) / 90000 for t in (tl, tr))
    parts = stretches(60.0 * minutes)
    read = [((t[:, None] >= parts[:, 0]) & (t[:, None] <= parts[:, 1])).any(1) for t in (tl, tr)]
    got = estimate_clock(tl[read[0]], xl[read[0]], tr[read[1]], xr[read[1]])
    assert got.clock is not None, got.reason
    for t_s in (0.0, 30.0 * minutes, 60.0 * minutes):
        error = got.clock.left_to_right(t_s) - truth.left_to_right(t_s)
        assert abs(error) < 4 * got.clock.sigma_s(t_s) and got.clock.sigma_s(t_s) < 0.1


def test_tracked_people_make_a_short_lesson_enough() -> None:
    """A minute of one number does not do; a minute of twelve students, each by each, does."""
    truth = Clock(0.37, 0.0)
    assert estimate_clock(*lesson(5, truth, 60.0)).clock is None
    got = estimate_clock(*lesson(5, truth, 60.0, channels=12))
    assert got.clock is not None, got.reason
    error = got.clock.left_to_right(30.0) - truth.left_to_right(30.0)
    assert abs(error) < min(0.05, 4 * got.clock.sigma_s(30.0))
    assert got.clock.sigma_drift_ppm > 100, (
        "a minute says little about drift, and must not claim to"
    )


def test_white_noise_shared_by_both_is_found_to_a_fraction_of_a_frame() -> None:
    """The sharpest signal there is, delayed by 12.25 frames."""
    rng = np.random.default_rng(0)
    fine = rng.normal(size=4 * 12000)
    fine = np.convolve(fine, np.ones(12) / 12, "same")  # band-limited below the frame rate
    left, right = fine[0::4], fine[3::4]  # right's frame i shows left's moment i + 3/4
    t = np.arange(11000) / 30
    offset_frames = 12.25
    got = estimate_clock(t, left[13 : 13 + t.size], t, right[: t.size]).clock
    # right frame i ↔ left sample i + 0.75 ↔ left frame i + 0.75 − 13: t_R − t_L = 12.25 frames
    assert got is not None
    assert got.offset_s * 30 == pytest.approx(offset_frames, abs=0.15)


def test_gaps_and_unknown_values_do_no_harm() -> None:
    truth = Clock(-0.8, 10.0)
    tl, xl, tr, xr = lesson(9, truth, 600.0)
    keep = np.ones(tl.size, bool)
    keep[3000:4500] = False
    xr = xr.copy()
    xr[8000:9000] = np.nan
    got = estimate_clock(tl[keep], xl[keep], tr, xr).clock
    assert got is not None
    assert abs(got.left_to_right(300.0) - truth.left_to_right(300.0)) < 4 * got.sigma_s(300.0)


# -- never a guess ---------------------------------------------------------------------------------
def test_a_quiet_lesson_cannot_be_estimated() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(0, 300, 1 / 30)
    got = estimate_clock(t, np.zeros_like(t), t, rng.exponential(1, t.size))
    assert got.status == "cannot be estimated" and got.clock is None and "quiet" in got.reason


@pytest.mark.parametrize("period_s", [0.5, 1.0, 5.0])
def test_periodic_movement_cannot_be_estimated(period_s: float) -> None:
    """A fan, a lamp, the video codec's key frames: equally good at every period."""
    rng = np.random.default_rng(1)
    t = np.arange(0, 300, 1 / 30)

    def seen() -> Array:
        return (np.mod(t, period_s) < 0.15) * 5.0 + rng.exponential(0.3, t.size)

    got = estimate_clock(t, seen(), t, seen())
    assert got.status == "cannot be estimated"
    assert "ambiguous" in got.reason or "quiet" in got.reason


def test_unrelated_recordings_cannot_be_estimated() -> None:
    for seed in range(30):
        tl, xl, _, _ = lesson(seed, Clock(), 120.0)
        _, _, tr, xr = lesson(seed + 500, Clock(), 120.0)
        got = estimate_clock(tl, xl, tr, xr)
        assert got.clock is None and got.score < 6, (seed, got)


def test_too_short_cannot_be_estimated() -> None:
    t = np.arange(0, 5, 1 / 30)
    got = estimate_clock(t, np.sin(t) ** 2, t, np.sin(t) ** 2)
    assert got.status == "cannot be estimated" and "too short" in got.reason


def test_a_clock_that_jumps_is_reported() -> None:
    """Two seconds of frames are lost in the middle of the right video, and its times hide it."""
    tl, xl, tr, xr = lesson(2, Clock(0.5), 900.0)
    cut = 600 * 30
    tr, xr = tr[:-60], np.concatenate([xr[:cut], xr[cut + 60 :]])
    got = estimate_clock(tl, xl, tr, xr)
    jumps = [c for c in got.causes if c.code == "clock_jumps"]
    assert jumps and jumps[0].severity == "FAIL"
    said = float(re.search(r"is ([+-][\d.]+) s off", jumps[0].message)[1])
    assert said == pytest.approx(-2.0, abs=0.25)


def test_a_declared_clock_is_checked() -> None:
    truth = Clock(1.5)
    estimate = estimate_clock(*lesson(4, truth))
    assert check_clock(Clock(1.5, source="session.toml"), estimate, 1 / 30) == ()
    (cause,) = check_clock(Clock(0.0, source="container"), estimate, 1 / 30)
    assert cause.severity == "FAIL" and "container says" in cause.message
    assert "+1.5" in cause.message
    agreed = Clock(1.5, source="timestamps.csv")
    drifting = estimate_clock(*lesson(4, Clock(1.5, 200.0), 900.0))
    assert check_clock(agreed, drifting, 1 / 30) == (), "at the begin they agree"
    (cause,) = check_clock(agreed, drifting, 1 / 30, 900.0)
    assert cause.severity == "WARN" and "900 s later (a drift of +" in cause.message
    nothing = estimate_clock(np.arange(100) / 30, np.zeros(100), np.arange(100) / 30, np.zeros(100))
    (cause,) = check_clock(Clock(0.0), nothing, 1 / 30)
    assert cause.code == "clock_unchecked" and cause.severity == "WARN"


def test_bad_input_is_named() -> None:
    t = np.arange(100) / 30
    with pytest.raises(CalibrationError, match="right: times do not ascend"):
        estimate_clock(t, t, t[::-1], t)
    with pytest.raises(CalibrationError, match="not one activity for each time; found 3"):
        estimate_clock(t, t[:3], t, t)
    with pytest.raises(CalibrationError, match="different channels"):
        estimate_clock(t, t, t, np.zeros((100, 2)))


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
    assert "duration_mismatch" in [
        c.code for c in judge_times(np.arange(0, 60, 0.04), "a", 90.0).causes
    ]


# -- pairs -----------------------------------------------------------------------------------------
def test_pairs_by_hand() -> None:
    """Right's clock is 1 s ahead; its frame at 1.05 is left's 0.05."""
    pairs = pair_frames([0.0, 0.1, 0.2, 0.3], [1.05, 1.11, 1.28, 2.0], Clock(1.0), 0.03)
    assert pairs.tolist() == [[1, 1], [3, 2]]


@settings(max_examples=100, deadline=None)
@given(
    left=st.lists(st.floats(0, 10), max_size=40).map(sorted),
    right=st.lists(st.floats(0, 10), max_size=40).map(sorted),
    offset=st.floats(-1, 1),
    gap=st.floats(0, 0.5),
)
def test_pairs_are_nearest_unique_and_close(
    left: list[float], right: list[float], offset: float, gap: float
) -> None:
    clock = Clock(offset)
    pairs = pair_frames(left, right, clock, gap)
    assert len(set(pairs[:, 0])) == len(pairs) == len(set(pairs[:, 1]))
    tr = clock.right_to_left(right)
    for i, j in pairs:
        assert abs(left[i] - tr[j]) <= gap
        assert abs(left[i] - tr[j]) <= np.abs(tr - left[i]).min() + 1e-12
    if len(pairs) > 1:
        assert (np.diff(pairs, axis=0) > 0).all()


def test_pairs_refuse_times_that_run_backwards() -> None:
    with pytest.raises(CalibrationError, match="left: frame times do not ascend"):
        pair_frames([0.0, 1.0, 0.5], [0.0], Clock(), 0.1)


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
