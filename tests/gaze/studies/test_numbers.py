"""The study kit's formulas, against published examples and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from gaze.studies.agree import cohen_kappa
from gaze.studies.lessons import StudyError
from gaze.studies.pool import random_effects
from gaze.studies.power import lessons_needed, power, spread

inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
meta_analysis = pytest.importorskip("statsmodels.stats.meta_analysis")
sizes = pytest.importorskip("statsmodels.stats.power")

# Cohen (1960), table 1, as counts of 200: kappa .492
COHEN = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
# BCG vaccine, 13 trials (Colditz 1994): vaccinated ill, well; controls ill, well
BCG = np.array([
    [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619],
    [33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892],
    [29, 7470, 45, 7232], [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338],
    [27, 16886, 29, 17825],
], float)  # fmt: skip


def test_kappa_as_published() -> None:
    assert cohen_kappa(COHEN) == pytest.approx(0.492, abs=5e-4)
    assert cohen_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_statsmodels(seed: int) -> None:
    a, b = np.random.default_rng(seed).integers(0, 4, (2, 300))
    table = np.zeros((4, 4))
    np.add.at(table, (a, b), 1)
    assert cohen_kappa(table) == pytest.approx(inter_rater.cohens_kappa(table).kappa)


def test_kappa_without_anything() -> None:
    assert np.isnan(cohen_kappa(np.zeros((3, 3))))
    assert np.isnan(cohen_kappa([[7, 0], [0, 0]]))  # one code only: chance agrees as well


def test_the_bcg_trials_as_published() -> None:
    """metafor's page on dat.bcg: DL estimate -0.7141, tau² 0.3088, Q 152.2330, I² 92.12 %."""
    a, b, c, d = BCG.T
    y = np.log(a / (a + b)) - np.log(c / (c + d))
    found = random_effects(y, np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)))
    assert found.share == pytest.approx(-0.7141, abs=5e-5)
    assert found.tau**2 == pytest.approx(0.3088, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert 100 * found.i2 == pytest.approx(92.12, abs=5e-3)


@pytest.mark.parametrize("seed", range(6))
def test_pooling_is_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, se = rng.normal(0.5, 0.2, 6), rng.uniform(0.01, 0.08, 6)  # τ² > 0: theirs may be negative
    theirs = meta_analysis.combine_effects(y, se**2, method_re="dl")
    found = random_effects(y, se)
    assert found.share == pytest.approx(theirs.mean_effect_re)
    assert found.tau**2 == pytest.approx(theirs.tau2)
    plain, knapp = theirs.sd_eff_w_re, theirs.sd_eff_w_re_hksj
    assert found.se == pytest.approx(max(plain, knapp))  # never under plain random effects


def test_the_pooled_band_covers() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        se = rng.uniform(0.02, 0.06, 6)
        found = random_effects(0.6 + rng.normal(0, 0.05, 6) + rng.normal(0, se), se)
        held += found.low <= 0.6 <= found.high
    assert 930 <= held <= 985


@pytest.mark.parametrize("n, k", [(3, 8), (8, 25), (20, 30)])
def test_power_is_statsmodels(n: int, k: int) -> None:
    sd = np.sqrt(0.08**2 + 0.2**2 / k)
    ours = power(0.1, n, k, lesson_sd=0.08, student_sd=0.2)
    assert ours == pytest.approx(sizes.TTestIndPower().power(0.1 / sd, n, 0.05), abs=1e-9)
    paired = power(0.1, n, k, lesson_sd=0.08, student_sd=0.2, design="paired")
    assert paired == pytest.approx(sizes.TTestPower().power(0.1 / sd, n, 0.05), abs=1e-9)


def test_lessons_needed_are_statsmodels() -> None:
    found = lessons_needed(0.1, 25, lesson_sd=0.08, student_sd=0.2)
    sd = np.sqrt(0.08**2 + 0.2**2 / 25)
    exact = sizes.TTestIndPower().solve_power(0.1 / sd, power=0.8, alpha=0.05)
    assert found.lessons == int(np.ceil(exact)) and found.power >= 0.8
    assert power(0.1, found.lessons - 1, 25, lesson_sd=0.08, student_sd=0.2) < 0.8


def test_simulated_studies_see_it_as_often() -> None:
    rng = np.random.default_rng(0)
    n, k, times = 6, 10, 4000
    lessons = rng.normal(0, 0.08, (2, times, n)) + rng.normal(0, 0.2, (2, times, n, k)).mean(-1)
    lessons[0] += 0.15
    seen = (ttest_ind(lessons[0], lessons[1], axis=1).pvalue < 0.05).mean()
    said = power(0.15, n, k, lesson_sd=0.08, student_sd=0.2)
    assert seen == pytest.approx(said, abs=0.025)


@pytest.mark.parametrize(
    "change, said",
    [({"difference": 0.0}, "difference cannot be"), ({"students": 0}, "students cannot be"),
     ({"wanted": 0.01}, "power cannot be"), ({"lesson_sd": -1.0}, "lesson_sd cannot be"),
     ({"difference": 1e-4}, "more than 10000 lessons")],
)  # fmt: skip
def test_impossible_studies(change: dict, said: str) -> None:
    usual = {"difference": 0.1, "students": 25, "lesson_sd": 0.1, "student_sd": 0.2}
    with pytest.raises(StudyError, match=said):
        lessons_needed(**{**usual, **change})


def test_spreads_are_found_again() -> None:
    rng = np.random.default_rng(3)
    lessons, students = 200, 20
    mean = rng.normal(0.6, 0.06, lessons)
    shares = pd.DataFrame({
        "lesson": np.repeat(np.arange(lessons), students), "area": "board", "share_sigma": 0.05,
        "share": np.repeat(mean, students) + rng.normal(0, 0.15, lessons * students),
    })  # fmt: skip
    found = spread(shares)
    assert found.lesson_sd == pytest.approx(0.06, rel=0.15)
    assert found.student_sd == pytest.approx(0.15, rel=0.03)
    assert found.measurement_sd == pytest.approx(0.05) and found.lessons == 200
    assert np.isnan(spread(shares[shares["lesson"] == 0]).lesson_sd)
    with pytest.raises(StudyError, match="no lesson has this area"):
        spread(shares, "window")
