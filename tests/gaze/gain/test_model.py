"""A gain as a thing: what it may hold, what it says, what it writes. Nothing is fitted here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gaze.gain.angles import angles_of, towards
from gaze.gain.model import MIN_SHARE, Gain, GainEvidence

EVIDENCE = GainEvidence(
    rows=900, looks=72, students=8, targets=9, holdout="targets",
    class_bias_before_cm=41.0, class_bias_after_cm=9.0, class_bias_reduction=0.78,
    student_bias_before_cm=52.0, student_bias_after_cm=21.0, student_bias_reduction=0.6,
    student_bias_reduction_95=(0.47, 0.69), moment_error_before_cm=61.0,
    moment_error_after_cm=55.0, outliers=0.03,
)  # fmt: skip
SMALL = np.broadcast_to(np.diag([np.radians(0.5), 0.02]) ** 2, (2, 2, 2))
GAIN = Gain(
    np.array([2.0, 0.6]), ("A", "B"), np.array([[0.7, 0.6], [1.0, 0.5]]),
    np.array([[2.0, -1.0], [0.0, 3.0]]), np.stack([SMALL, SMALL]), np.array([0.8, 0.75]),
    np.array([1.0, 0.5]), np.array([0.02, 0.05]), 16 * SMALL, EVIDENCE, {"lesson": "7b"},
)  # fmt: skip


def test_what_it_says() -> None:
    assert GAIN.describe() == (
        "The head does 80 % of a gaze shift horizontally and 75 % vertically (± 2 and 5 %). Fitted "
        "on 72 looks of 8 students at 9 marked points. On marked points left out of the fit the "
        "class's mean point came from 41 to 9 cm from the target (78 % less bias), a single "
        "student's from 52 to 21 cm (60 % less, 95 % interval 47 to 69 %); the median error of a "
        "single moment went from 61 to 55 cm."
    )
    assert "On students left out" in replace(EVIDENCE, holdout="students").sentence()


def test_where_a_head_rests() -> None:
    """``aim + offset / (1 − share)``; nowhere where the head does it all; a stranger's is the
    class's."""
    P = np.array([1.0, 0.5, 4.0])
    aim = np.degrees(angles_of(towards(P, GAIN.reference_m)))
    np.testing.assert_allclose(GAIN.neutral_deg(P, "A"), aim + [2.0 / 0.3, -1.0 / 0.4])
    across, down = GAIN.neutral_deg(P, "B")
    assert np.isnan(across) and down == pytest.approx(aim[1] + 3.0 / 0.5)
    np.testing.assert_allclose(GAIN.neutral_deg(P, "C"), aim + [1.0 / 0.2, 0.5 / 0.25])


def test_nobody_with_a_fit_of_their_own() -> None:
    none = replace(GAIN, students=(), share=np.zeros((0, 2)), offset_deg=np.zeros((0, 2)),
                   covariance=np.zeros((0, 2, 2, 2)))  # fmt: skip
    assert Gain.from_dict(none.to_dict()).to_dict() == none.to_dict()


@pytest.mark.parametrize("name", ["share", "offset_deg", "covariance", "reference_m",
                                  "class_share", "class_offset_deg", "class_share_sigma",
                                  "class_covariance"])  # fmt: skip
def test_numbers_are_finite_and_of_their_shape(name: str) -> None:
    value = np.array(getattr(GAIN, name))
    for wrong in (value[..., :1], value[:-1], np.where(np.arange(value.size).reshape(
            value.shape) == 0, np.nan, value)):  # fmt: skip
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            replace(GAIN, **{name: wrong})
    assert getattr(replace(GAIN, **{name: value.tolist()}), name).dtype == np.float64


@pytest.mark.parametrize(("share", "good"), [(MIN_SHARE, True), (0.299, False)])
@pytest.mark.parametrize("of", ["student", "class"])
def test_no_share_below_what_can_be_divided_by(share: float, good: bool, of: str) -> None:
    low = {"share": [[0.7, 0.7], [0.7, share]]} if of == "student" else {"class_share": [share, 1]}
    if good:
        replace(GAIN, **low)
    else:
        with pytest.raises(ValueError, match=r"a share below 0\.3"):
            replace(GAIN, **low)


def test_save_and_load(tmp_path: Path) -> None:
    GAIN.save(tmp_path / "gain.json")
    assert Gain.load(tmp_path / "gain.json").to_dict() == GAIN.to_dict()
    assert Gain.load(tmp_path / "gain.json").evidence == EVIDENCE
    assert GAIN.stamp()["source"] == {"lesson": "7b"}
