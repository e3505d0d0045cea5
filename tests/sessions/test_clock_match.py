"""Offset, drift and jumps out of two activities, on lessons drawn from known clocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d
from scipy.signal import csd

from calibration.errors import CalibrationError
from calibration.transform import Array
from sessions.clock.activity import Activity, Sense
from sessions.clock.clock import Clock, Jump
from sessions.clock.heads import HEADS, turning
from sessions.clock.match import Estimate, _paired, _pool, match
from sessions.clock.motion import MOTION, stretches, without_ticks
from sessions.clock.pieces import UNLOOKED_S, _spectra, _unseen_jumps, _with_odd_windows
from sessions.clock.sound import SOUND
from sessions.clock.windows import Pair, correlate_windows
from tests.sessions import clock_lessons as draw

RATES = (24000 / 1001, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001)


def times(duration_s: float, *rates_hz: float) -> tuple[Array, Array]:
    left, right = rates_hz if len(rates_hz) == 2 else (rates_hz or (30.0,)) * 2
    return draw.stamps(0.0, duration_s, left), draw.stamps(0.0, duration_s, right)


def within(activity: Activity) -> Activity:
    """The stretches of it that are looked at."""
    since, parts = activity.times_s, stretches(float(np.ptp(activity.times_s)))
    seen = ((since[:, None] >= parts[:, 0]) & (since[:, None] <= parts[:, 1])).any(1)
    return Activity(activity.times_s[seen], activity.values[seen])


def off(found: Estimate, truth: Clock, at_s: Array) -> tuple[Array, Array]:
    """Errors and their σ at these moments."""
    assert found.clock is not None, found.reason
    return found.clock.left_to_right(at_s) - truth.left_to_right(at_s), found.clock.sigma_s(at_s)


# -- every rate ------------------------------------------------------------------------------------
@pytest.mark.parametrize("minutes", [20, 45])
@pytest.mark.parametrize("fps", RATES)
def test_motion_at_every_camera_rate_from_stretches(fps: float, minutes: int) -> None:
    truth, rng = Clock(8.0, 60.0), np.random.default_rng(minutes)
    moving = draw.motion(rng, truth, times(60.0 * minutes, fps))
    found = match(within(moving[0]), within(moving[1]), MOTION)
    error, sigma = off(found, truth, np.linspace(0, 60.0 * minutes, 5))
    assert (np.abs(error) < 4 * sigma).all() and sigma.max() < 0.1


@pytest.mark.parametrize(
    ("offset_s", "drift_ppm", "rates"),
    [
        pytest.param(1.234, 40.0, (30.0, 30.0), id="ordinary"),
        pytest.param(-85.5, -60.0, (30.0, 30.0), id="right-started-later"),
        pytest.param(0.0, 1000.0, (30.0, 29.97), id="29.97-called-30"),
        pytest.param(0.4, 0.0, (25.0, 59.94), id="two-rates"),
        pytest.param(0.08, 20.0, (12.0, 12.0), id="slow-cameras"),
    ],
)
def test_each_sense_gives_offset_and_drift(
    offset_s: float, drift_ppm: float, rates: tuple[float, float]
) -> None:
    truth, rng = Clock(offset_s, drift_ppm), np.random.default_rng(3)
    shown, at_s = times(600.0, *rates), np.array([100.0, 300.0, 500.0])
    for signals, sense, worst_s in (
        (draw.sound, SOUND, 0.015),
        (draw.heads, HEADS, 0.015),
        (draw.motion, MOTION, 0.08),
    ):
        found = match(*signals(rng, truth, shown), sense)
        error, sigma = off(found, truth, at_s)
        assert (np.abs(error) < 4 * sigma).all() and np.abs(error).max() < worst_s, sense.name
        assert found.clock is not None and not found.clock.jumps
        assert abs(found.clock.drift_ppm - drift_ppm) < 4 * found.clock.sigma_drift_ppm


def test_twenty_seconds_of_heads_are_enough() -> None:
    truth = Clock(0.37)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        found = match(*draw.heads(rng, truth, times(20.0), students=12), HEADS)
        error, sigma = off(found, truth, np.array([10.0]))
        assert abs(error[0]) < min(0.04, 4 * sigma[0])
        assert found.clock is not None and found.clock.sigma_drift_ppm > 100, "no drift in 20 s"


def test_a_clap_and_the_room_s_own_noise_are_enough() -> None:
    """Half of what each microphone hears between the claps is its own."""
    rng, late_s = np.random.default_rng(0), 0.4321
    fine_s = np.arange(0, 40, 0.0025)
    murmur = np.convolve(rng.normal(size=len(fine_s)), np.ones(12) / 4, "same")
    heard = []
    for begin_s in (0.0, late_s):
        t = np.arange(0, 30, 0.005)
        loud = -12 + 0.3 * rng.normal(size=(len(t), 4))
        loud += 0.4 * np.interp(t - begin_s + 5, fine_s, murmur)[:, None]
        clap = np.where(t > 9.0 + begin_s, 9 * np.exp(-(t - 9.0 - begin_s) / 0.08), 0)
        heard.append(Activity.of(t, loud + clap[:, None].clip(0, 9)))
    error, _ = off(match(heard[0], heard[1], SOUND), Clock(late_s), np.array([10.0]))
    assert abs(error[0]) < 0.005


# -- jumps -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("shift_s", [-0.12, 0.1, -0.6, 0.3])
def test_lost_frames_are_found_by_the_heads(shift_s: float) -> None:
    truth = Clock(0.5, 20.0, jumps=(Jump(400.0, shift_s),))
    rng = np.random.default_rng(5)
    found = match(*draw.heads(rng, truth, times(900.0, 25.0), students=15), HEADS)
    assert found.clock is not None and len(found.clock.jumps) == 1
    (jump,) = found.clock.jumps
    assert jump.shift_s == pytest.approx(shift_s, abs=0.03)
    assert abs(jump.at_s - 400.0) < 4 * jump.sigma_at_s
    error, sigma = off(found, truth, np.array([100.0, 300.0, 600.0, 800.0]))
    assert (np.abs(error) < np.minimum(4 * sigma, 0.02)).all()


def test_no_jump_where_there_is_none() -> None:
    for seed in range(3):
        rng = np.random.default_rng(100 + seed)
        for signals, sense in ((draw.heads, HEADS), (draw.sound, SOUND)):
            found = match(*signals(rng, Clock(0.5, 20.0), times(400.0, 25.0)), sense)
            assert found.clock is not None and not found.clock.jumps


@pytest.mark.parametrize(
    ("sense", "jumps"),
    [
        pytest.param(HEADS, [(150.0, -10.0)], id="in-the-middle"),
        pytest.param(SOUND, [(45.0, -70.0)], id="early-and-long"),
        pytest.param(HEADS, [(250.0, 8.0)], id="late-in-the-left"),
        pytest.param(SOUND, [(80.0, -30.0), (200.0, 6.0)], id="twice"),
    ],
)
def test_an_interrupted_recording_goes_on_behind_the_hole(
    sense: Sense, jumps: list[tuple[float, float]]
) -> None:
    """One camera was paused: most fits one offset, what lies before or behind it another."""
    truth = Clock(0.5, 20.0, jumps=tuple(Jump(*j) for j in jumps))
    signals = draw.heads if sense is HEADS else draw.sound
    found = match(*signals(np.random.default_rng(1), truth, times(300.0)), sense)
    error, sigma = off(found, truth, np.array([10.0, 30.0, 120.0, 235.0, 290.0]))
    assert (np.abs(error) < np.minimum(4 * sigma, 0.03)).all()
    assert found.clock is not None
    assert [j.at_s for j in found.clock.jumps] == pytest.approx([a for a, _ in jumps], abs=3.0)


# -- σ ---------------------------------------------------------------------------------------------
def test_uncertainty_is_honest() -> None:
    """Errors over 16 lessons of two minutes in units of their σ: none absurd, none too modest."""
    z = []
    for seed in range(16):
        truth = Clock(np.sin(seed) * 5, 80 * np.cos(seed))
        rng = np.random.default_rng(seed)
        found = match(*draw.heads(rng, truth, times(120.0, 25.0)), HEADS)
        error, sigma = off(found, truth, np.array([60.0]))
        z.append(error[0] / sigma[0])
    assert 0.3 < np.sqrt(np.mean(np.square(z))) < 1.3 and np.abs(z).max() < 3.5


# -- never a guess ---------------------------------------------------------------------------------
def test_unrelated_recordings_give_no_clock() -> None:
    for seed in range(6):
        one, other = np.random.default_rng(seed), np.random.default_rng(seed + 500)
        for signals, sense in (
            (draw.sound, SOUND),
            (draw.heads, HEADS),
            (draw.motion, MOTION),
        ):
            left, _ = signals(one, Clock(), times(120.0))
            _, right = signals(other, Clock(), times(120.0))
            found = match(left, right, sense)
            assert found.clock is None and found.score < sense.least_score, (seed, sense.name)


def test_a_quiet_room_gives_no_clock() -> None:
    t = np.arange(0, 300, 1 / 30)
    noise = np.random.default_rng(0).exponential(1, t.size)
    found = match(Activity.of(t, np.zeros_like(t)), Activity.of(t, noise), MOTION)
    assert found.clock is None and "quiet" in found.reason


@pytest.mark.parametrize("period_s", [0.5, 1.0, 5.0])
def test_periodic_movement_gives_no_clock(period_s: float) -> None:
    """A fan, a lamp, the video codec's key frames: equally good at every period."""
    rng, t = np.random.default_rng(1), np.arange(0, 300, 1 / 30)

    def seen() -> Activity:
        return Activity.of(t, (np.mod(t, period_s) < 0.15) * 5.0 + rng.exponential(0.3, t.size))

    found = match(seen(), seen(), MOTION)
    assert found.clock is None and ("ambiguous" in found.reason or "quiet" in found.reason)


def test_too_short_gives_no_clock() -> None:
    t = np.arange(0, 3, 1 / 30)
    found = match(Activity.of(t, np.sin(t)), Activity.of(t, np.sin(t)), HEADS)
    assert found.clock is None and "too short" in found.reason


def test_gaps_and_unknown_values_do_no_harm() -> None:
    truth, rng = Clock(-0.8, 10.0), np.random.default_rng(9)
    left, right = draw.heads(rng, truth, times(600.0))
    keep = (left.times_s < 100) | (left.times_s > 150)
    holes = right.values.copy()
    holes[800:900] = np.nan
    holes[:, 3] = np.nan
    found = match(
        Activity(left.times_s[keep], left.values[keep]), Activity(right.times_s, holes), HEADS
    )
    error, sigma = off(found, truth, np.array([50.0, 300.0, 550.0]))
    assert (np.abs(error) < 4 * sigma).all()


def test_bad_input_is_named() -> None:
    t = np.arange(100) / 30
    with pytest.raises(CalibrationError, match="right: times do not ascend"):
        Activity.of(t[::-1], t, "right")
    with pytest.raises(CalibrationError, match="not one activity for each time; found 3"):
        Activity.of(t, t[:3])
    with pytest.raises(CalibrationError, match="different channels"):
        match(Activity.of(t, t), Activity.of(t, np.zeros((100, 2))), HEADS)


def test_a_head_that_turns_is_four_channels_of_its_student() -> None:
    turned = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    R_WS = np.stack([np.diag([1.0, -1.0, -1.0]), turned])
    nose = np.array([[7.0, 8.0], [5.0, 6.0]])
    got = turning(np.array([0.0, 0.5, 1.0]), np.array([0, 2]), np.array([1, 0]), R_WS, nose, 2)
    assert got.times_s.tolist() == [0.0, 1.0]
    assert np.isnan(got.values[0, :4]).all() and got.values[0, 4:].tolist() == [0, 0, 7, 8]
    assert got.values[1, :4].tolist() == [-1, 0, 5, 6] and np.isnan(got.values[1, 4:]).all()


def test_a_jump_that_a_drift_can_hide_is_in_sigma() -> None:
    """Windows that each know their lag to 60 ms: a step of 140 ms may look like a drift."""
    t = np.linspace(-150.0, 150.0, 26)
    lags_s = np.arange(-300, 301) * 0.01
    step_s = np.where(t > 0, 0.07, -0.07)
    bend = float(t @ step_s / (t @ t))  # the line that fits it best

    def unseen(sigma_s: float) -> float:
        curve = -0.5 * ((lags_s - step_s[:, None]) / sigma_s) ** 2
        curve = _with_odd_windows(curve, 0.02)
        return _unseen_jumps(curve, lags_s, np.zeros(len(t)), t, bend)[0]

    assert unseen(0.06) > 0.03
    # where every window says that there is none, none is hidden
    none = _with_odd_windows(-0.5 * np.tile(lags_s / 0.02, (len(t), 1)) ** 2, 0.02)
    middle_s, ends_s = _unseen_jumps(none, lags_s, np.zeros(len(t)), t, 0.0)
    assert middle_s < 0.01 and ends_s < 0.03
    none[-2:] = 0.0  # nothing happens at the end: what is lost there shows nowhere
    middle_s, ends_s = _unseen_jumps(none, lags_s, np.zeros(len(t)), t, 0.0)
    assert middle_s < 0.01 and ends_s > 0.1


@pytest.mark.parametrize(("offset_s", "denied"), [(1.5, True), (39.6, False)])
def test_where_few_windows_meet_no_jump_is_denied(offset_s: float, denied: bool) -> None:
    """Of 57 s the cameras share 17 s, seven windows: too few for a jump between any of them."""
    rng, truth = np.random.default_rng(3), Clock(offset_s)
    found = match(*draw.heads(rng, truth, times(57.0), students=20), HEADS)
    assert found.clock is not None and abs(found.clock.offset_s - offset_s) < 0.1
    assert found.unseen_s < 0.1 if denied else found.unseen_s >= UNLOOKED_S


@pytest.mark.parametrize("seconds", [0.0, 20.0])
def test_dates_in_the_pictures_are_not_matched(seconds: float) -> None:
    """Both cameras write the time into their pictures, a tick each second, at different instants.

    seconds : parts in which `gaze check` looks; 0: the whole.
    """
    rng, truth = np.random.default_rng(19), Clock(1.3)
    times = draw.stamps(0.0, 300.0, 30000 / 1001), draw.stamps(0.0, 300.0, 25.0)
    seen, plain = [], draw.motion(rng, truth, times)
    for activity, instant_s in zip(plain, (0.17, 0.71), strict=True):
        t, energy = activity.times_s, activity.values[:, 0].copy()
        ticked = energy + 2.0 * np.diff(np.floor(t - instant_s), prepend=0)
        parts = np.split(np.arange(len(t)), np.searchsorted(t, np.arange(seconds or 1e9, 300, 20)))
        kept = np.concatenate([without_ticks(t[i], ticked[i]) for i in parts])
        assert 0.05 < np.isnan(kept).mean() < 0.15
        assert np.isfinite(without_ticks(t, energy)).all(), "nothing ticks"
        seen.append(Activity(t, kept[:, None]))
    got = match(seen[0], seen[1], MOTION)
    assert got.clock is not None
    off = got.clock.left_to_right(150.0) - truth.left_to_right(150.0)
    assert abs(off) < 3 * np.hypot(got.clock.sigma_s(150.0), got.unseen_s)


def test_films_with_holes_are_not_looked_at_for_dates() -> None:
    """Nothing for two minutes, as of a screen's recorder; a few pictures a minute."""
    t = np.concatenate([np.arange(0, 70, 0.04), np.arange(200, 204, 0.04), [260.0, 290.0]])
    energy = np.random.default_rng(1).exponential(1, len(t))
    assert (without_ticks(t, energy) == energy).all()
    assert len(without_ticks(t[:0], energy[:0])) == 0


@pytest.mark.parametrize("reach_s", [2.0, 40.0])
def test_windows_meet_every_place_as_if_counted_one_by_one(reach_s: float) -> None:
    """Against sums of products, window by window; the blocks' Fourier transforms change nothing."""
    rng = np.random.default_rng(4)
    left, right = rng.normal(size=(900, 3)), rng.normal(size=(800, 3))
    right[300:420] = 0  # nobody was seen
    left[:, 1] = 0  # nor this one at all
    pair = Pair(left, right, 0.0, 3.0, 10.0, 5.0)
    found = correlate_windows(pair, 0.5, reach_s)
    first = np.round((found.centre_s - (pair.size - 1) / 20) * 10).astype(int)
    assert len(found) > 10 and pair.size < 100
    one = (right**2).sum(1)
    usual = one.sum() / right.any(1).sum() * pair.size
    for k in (0, len(found) // 2, len(found) - 1):
        window = left[first[k] : first[k] + pair.size]
        for n, lag_s in enumerate(found.lags_s):
            begin = round((first[k] / 10 + lag_s - 3.0) * 10)
            there = np.arange(begin, begin + pair.size)
            inside = (there >= 0) & (there < len(right))
            theirs = np.where(inside[:, None], right[np.clip(there, 0, len(right) - 1)], 0.0)
            loud = np.sqrt(max((theirs**2).sum() / usual, 1.0))
            assert found.curve[k, n] == pytest.approx((window * theirs).sum() / loud, abs=1e-9)


@pytest.mark.parametrize(("samples", "n"), [(900, 100), (301, 51), (200, 200)])
def test_spectra_of_many_channels_are_welch_s(samples: int, n: int) -> None:
    rng = np.random.default_rng(samples)
    x = rng.normal(size=(samples, 5))
    y = np.roll(x, 2, 0) + rng.normal(size=x.shape)
    found = _spectra(((x[:, k], y[:, k]) for k in (slice(0, 3), slice(3, 5))), n)
    for row, (a, b) in zip(found, ((x, x), (y, y), (x, y)), strict=True):
        one_sided = csd(a, b, nperseg=n, axis=0, detrend=False)[1].sum(1)
        one_sided[0] *= 2  # scipy counts the others' two sides
        inside = slice(1, -2)  # beside half of the rate, too
        expected = uniform_filter1d(np.abs(one_sided), 3) / 2
        np.testing.assert_allclose(row[inside], expected[inside], rtol=1e-12)


@pytest.mark.parametrize(
    ("sense", "every_s", "pool"), [(HEADS, 0.2, 2), (HEADS, 0.04, 1), (SOUND, 0.005, 8)]
)
def test_a_first_search_has_five_samples_for_what_is_seen(
    sense: Sense, every_s: float, pool: int
) -> None:
    t = np.arange(0, 60, every_s)
    one = Activity.of(t, np.random.default_rng(0).normal(size=len(t)))
    pair = _paired(one, one, sense)
    assert _pool(pair) == pool and pair.rate_hz / pool >= 5 * min(pair.top_hz, 5)
