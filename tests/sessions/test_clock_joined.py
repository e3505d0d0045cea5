"""Several senses, one clock: agreement, contradiction, jumps, and what a declared clock keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sessions.clock.clock import Clock, Jump
from sessions.clock.joined import join
from sessions.clock.match import Estimate

SPAN = (0.0, 600.0)


def says(
    sense: str, offset_s: float | None, sigma_s: float = 0.005, jumps: tuple[Jump, ...] = ()
) -> Estimate:
    if offset_s is None:
        return Estimate(sense, None, "too quiet")
    return Estimate(sense, Clock(offset_s, 0.0, sigma_s, 5.0, sense, -0.5, jumps))


def test_two_that_agree_are_surer_than_each() -> None:
    got = join([says("sound", 0.400), says("heads", 0.404)], SPAN)
    assert got.status == "measured" and got.causes == ()
    assert got.clock.offset_s == pytest.approx(0.402, abs=1e-3)
    assert got.clock.sigma_offset_s == pytest.approx(0.005 / np.sqrt(2), rel=0.05)
    assert got.checked == "measured by sound and heads"


def test_two_that_disagree_are_said_and_their_difference_is_the_sigma() -> None:
    got = join([says("sound", 0.40), says("motion", 0.55, 0.01)], SPAN)
    assert [c.code for c in got.causes] == ["clock_senses_disagree", "clock_roughly_measured"]
    assert "150 ms" in got.causes[0].message and got.clock.sigma_offset_s > 0.14


def test_pictures_that_lost_frames_win_over_sound_that_went_on() -> None:
    jump = Jump(300.0, -0.12, 1.0)
    got = join([says("sound", 0.4, 0.002), says("heads", 0.4, jumps=(jump,))], SPAN)
    assert got.clock.jumps == (jump,)
    (cause,) = got.causes
    assert cause.code == "clock_jumps" and "300 ± 1 s the right video lost 0.12 s" in cause.message


@pytest.mark.parametrize(("drift_ppm", "hides"), [(0.0, False), (60.0, False), (300.0, True)])
def test_pictures_that_drift_otherwise_than_sound_may_have_bent_over_a_jump(
    drift_ppm: float, hides: bool
) -> None:
    sound = says("sound", 0.4)
    bent = Estimate("heads", Clock(0.4, drift_ppm, 0.06, 100.0, "heads", -0.8), unseen_s=0.01)
    got = join([sound, bent], SPAN)
    assert "clock_senses_disagree" not in [c.code for c in got.causes]
    # over 10 minutes 300 ppm are 180 ms from end to end
    assert (got.clock.sigma_offset_s > 0.16) == hides
    assert got.clock.sigma_offset_s < (0.2 if hides else 0.03)


def test_sound_alone_leaves_room_for_a_second_of_lost_pictures() -> None:
    """20 pictures of 24 a second, lost while the microphone went on: 3 σ hold them."""
    got = join([says("sound", 0.4, 0.002), says("heads", None)], SPAN)
    assert got.status == "roughly measured" and 3 * got.clock.sigma_offset_s > 20 / 24
    (cause,) = got.causes
    assert cause.code == "clock_roughly_measured" and "pictures were lost" in cause.message


def test_ends_in_which_lost_pictures_may_not_show_are_said() -> None:
    """By the sense that sees most there; what is as sure as the rest is not worth a word."""
    sound, heads = says("sound", 0.4, 0.002), says("heads", 0.4, 0.005)
    for ends_s, said in (((7.0, 0.062), "in its first and last 7 s to ± 62 ms"), ((7.0, 0.01), "")):
        blind = replace(says("motion", 0.4, 0.01), ends_s=(9.0, 0.3))
        got = join([sound, replace(heads, ends_s=ends_s), blind], SPAN)
        assert got.status == "measured"
        assert [c.code for c in got.causes] == ["clock_roughly_measured"] * bool(said)
        assert said in "".join(c.message for c in got.causes)


def test_a_jump_that_sound_suspects_and_cannot_place_is_in_sigma() -> None:
    """Lost within the last windows; the heads alone would not rule it out."""
    sound = Estimate("sound", Clock(0.4, 0.0, 0.011, 20.0, "sound"), unseen_s=0.49)
    heads = Estimate("heads", Clock(0.4, 0.0, 0.03, 50.0, "heads"), unseen_s=0.04)
    assert join([sound, heads], SPAN).clock.sigma_offset_s > 0.4
    # no more than nobody's looking would leave open: silence in the end
    quiet = Estimate("sound", sound.clock, unseen_s=0.3)
    assert join([quiet, heads], SPAN).clock.sigma_offset_s < 0.06


def test_a_jump_that_was_found_is_not_doubted_again() -> None:
    """Motion bent its line over the jump that the heads found: no more to fear."""
    heads = says("heads", 0.4, 0.01, jumps=(Jump(300.0, 0.05, 1.0),))
    motion = Estimate("motion", Clock(0.4, 300.0, 0.06, 100.0, "motion", -0.8), unseen_s=0.01)
    got = join([says("sound", 0.4), heads, motion], SPAN)
    assert [c.code for c in got.causes] == ["clock_jumps"]
    assert got.clock.sigma_offset_s < 0.02


def test_a_declared_clock_is_confirmed_with_the_sigma_it_was_confirmed_to() -> None:
    declared = Clock(0.4, source="session.toml")
    got = join([says("heads", 0.404)], SPAN, declared=declared)
    assert got.clock.offset_s == 0.4 and got.causes == ()
    assert 0.004 < got.clock.sigma_offset_s < 0.01


def test_a_declared_clock_that_is_contradicted_holds_and_says_so() -> None:
    declared = Clock(0.0, source="session.toml")
    got = join([says("heads", 0.4)], SPAN, declared=declared)
    (cause,) = got.causes
    assert cause.code == "clock_contradicted" and "+0.400 ± 0.005 s" in cause.message
    assert got.clock.offset_s == 0.0 and got.clock.sigma_offset_s == pytest.approx(0.4, abs=0.01)


def test_a_jump_is_put_into_a_declared_clock() -> None:
    declared, jump = Clock(0.4, source="session.toml"), Jump(300.0, -0.6, 1.0)
    got = join([says("heads", 0.4, jumps=(jump,))], SPAN, declared=declared)
    assert got.clock.left_to_right(100.0) == pytest.approx(100.4)
    assert got.clock.left_to_right(400.0) == pytest.approx(399.8)
    assert [c.code for c in got.causes] == ["clock_jumps"]


@pytest.mark.parametrize("declared", [None, Clock(0.4, source="session.toml")])
def test_nothing_measured_is_said_and_has_a_sigma(declared: Clock | None) -> None:
    got = join([says("sound", None), says("motion", None)], SPAN, declared=declared, frame_s=0.04)
    (cause,) = got.causes
    assert cause.code == "clock_unmeasured" and "sound: too quiet" in cause.message
    assert got.clock.sigma_offset_s == (2.0 if declared is None else 0.02)
    assert got.status == "not measured"


def test_pictures_that_lie_beside_sound_may_have_missed_a_jump() -> None:
    """150 ms apart where their lines are known to 40: no contradiction yet, and no small sigma."""
    motion = Estimate("motion", Clock(0.55, 0.0, 0.04, 50.0, "motion"), unseen_s=0.06)
    got = join([says("sound", 0.4), motion], SPAN)
    assert "clock_senses_disagree" not in [c.code for c in got.causes]
    assert 0.14 < got.clock.sigma_offset_s < 0.2
