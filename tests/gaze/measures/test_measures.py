"""Measures against lessons whose answers are known by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from gaze.measures.measures import (
    MeasureError,
    check_areas,
    default_areas,
    entropy_bits,
    measures,
    rectangle_probability,
    transition_entropy_bits,
    transitions,
    viewing,
)
from sessions.config import Area, Blackboard
from sessions.tables import STATUSES
from tests.gaze.lessons import gaze_table

BOARD = Blackboard(width_m=3.0, height_m=1.0)
# places as the class sees them: left, middle, right third, down (desk), beside the board
PLACES = {"L": (2.5, 0.5), "M": (1.5, 0.5), "R": (0.5, 0.5), "D": (1.5, 2.0), "O": (-1.0, 0.5)}


def lesson(*scripts: str, sigma_m: float = 0.001, step_s: float = 1.0) -> pd.DataFrame:
    """A student for each script, a letter a moment: L M R D O places, a away, - no face."""
    frames = []
    for i, script in enumerate(scripts):
        n = len(script)
        status = np.array([
            {"a": "away", "-": "no_face", "x": "masked"}.get(
                c, "off_board" if c in "DO" else "ok") for c in script
        ], dtype=object)  # fmt: skip
        xy = np.array([PLACES.get(c, (np.nan, np.nan)) for c in script])
        frames.append(gaze_table(np.arange(n) * step_s, np.full(n, f"S-{i + 1:02d}"), status, xy,
                                 sigma_m))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


KNOWN = "LLLLLLMMMMDD--LLLaaa"  # 20 s, 18 measured


def known(**kw):
    options = {"min_visit_s": 2.0, "bridge_s": 1.0} | kw
    return measures(lesson(KNOWN), None, BOARD, **options)


def test_shares_of_measured_time() -> None:
    a = known().student_areas.set_index("area")
    assert a["share"].to_dict() == pytest.approx({
        "left third": 9 / 18, "middle third": 4 / 18, "right third": 0,
        "off_board": 0, "down": 2 / 18, "away": 3 / 18,
    }, abs=1e-6)  # fmt: skip
    s = known().students.iloc[0]
    assert s["coverage"] == pytest.approx(18 / 20)
    assert s["measured_s"] == pytest.approx(18)
    assert s["board_share"] == pytest.approx(13 / 18, abs=1e-6)
    assert known().share("board") == pytest.approx(13 / 18, abs=1e-6)


def test_visits_dwell_first_look() -> None:
    m = known()
    assert list(m.visits[["area", "start_s", "end_s"]].itertuples(index=False, name=None)) == [
        ("left third", 0, 6), ("middle third", 6, 10), ("down", 10, 12), ("left third", 14, 17),
        ("away", 17, 20),
    ]  # fmt: skip
    a = m.student_areas.set_index("area")
    assert a.loc["left third", ["visits", "dwell_s", "mean_visit_s", "first_look_s"]].tolist() == [
        2, 9, 4.5, 0]  # fmt: skip
    assert a.loc["middle third", "first_look_s"] == 6
    assert a.loc["right third", "visits"] == 0
    assert np.isnan(a.loc["right third", "first_look_s"])
    assert np.isnan(a.loc["right third", "mean_visit_s"])
    # three visits to the board in 18 measured seconds
    assert m.students["looks_per_min"].iloc[0] == pytest.approx(3 / (18 / 60))


@pytest.mark.parametrize(
    "script, want",
    [
        ("LL-LL", [("left third", 0, 5, 4, 1.0)]),  # a missing moment is bridged
        ("LLMLL", [("left third", 0, 5, 4, 1.0)]),  # so is one elsewhere, which is then no visit
        ("LL--LL", [("left third", 0, 2, 2, 0), ("left third", 4, 6, 2, 0)]),
        ("LMR", []),  # all too short
        ("LLMMLL", [("left third", 0, 2, 2, 0), ("middle third", 2, 4, 2, 0),
                    ("left third", 4, 6, 2, 0)]),
        ("LMLML", [("left third", 0, 5, 3, 2.0)]),  # the other's visit would lie within this one
        ("", []),
    ],
)  # fmt: skip
def test_bridging_and_the_shortest_visit(script: str, want: list) -> None:
    m = measures(lesson(script or "-"), None, BOARD, min_visit_s=2.0, bridge_s=1.0)
    columns = ["area", "start_s", "end_s", "moments", "bridged_s"]
    assert list(m.visits[columns].itertuples(index=False, name=None)) == want


def test_visits_never_overlap() -> None:
    rng = np.random.default_rng(3)
    m = measures(lesson("".join(rng.choice(list("LMR-D"), 4000))), None, BOARD,
                 min_visit_s=3.0, bridge_s=2.0)  # fmt: skip
    v = m.visits
    assert len(v) > 50
    assert (v["start_s"].to_numpy()[1:] >= v["end_s"].to_numpy()[:-1] - 1e-9).all()
    assert (v["duration_s"] >= 3.0 - 1e-9).all()


def test_a_pause_in_the_table_ends_a_visit() -> None:
    gaze = lesson("LLLLLLLL")
    gaze = gaze[(gaze["time_s"] < 3) | (gaze["time_s"] > 5)]  # no rows for seconds 3 to 5
    v = measures(gaze, None, BOARD, min_visit_s=2.0, bridge_s=1.0).visits
    assert v[["start_s", "end_s"]].to_numpy().tolist() == [[0, 3], [6, 8]]


def test_transitions_counts_probabilities_and_the_allowed_gap() -> None:
    m = known()
    t = m.transitions.table().set_index(["from", "to"])
    happened = t[t["count"] > 0]["count"].to_dict()
    assert happened == {
        ("left third", "middle third"): 1, ("middle third", "down"): 1,
        ("down", "left third"): 1, ("left third", "away"): 1,
    }  # fmt: skip
    assert t.loc[("left third", "middle third"), "probability"] == 0.5
    assert np.isnan(t.loc[("right third", "down"), "probability"])
    short = transitions(m.visits, m.states, gap_s=1.0)
    assert short.counts.sum() == 3  # two seconds without a face came between desk and board


def test_the_class_weighs_students_the_same() -> None:
    """One was measured four times as long as the other; the class is the mean of the two."""
    m = measures(lesson("LLLLLLLL", "RR------"), None, BOARD, min_visit_s=2, bridge_s=1)
    assert m.used == ("S-01", "S-02")
    assert m.share("left third") == pytest.approx(0.5, abs=1e-6)
    assert m.share("right third") == pytest.approx(0.5, abs=1e-6)
    a = m.areas.set_index("area")
    assert a["reached"].to_dict()["left third"] == 1
    assert a.loc["left third", "reached_share"] == 0.5
    assert a.loc["board", "reached"] == 2
    assert a.loc["board", "visits"] == 2


def test_a_student_with_too_little_data_is_not_in_the_class() -> None:
    m = measures(lesson("LLLLLLLL", "R-------"), None, BOARD, min_visit_s=2, bridge_s=1)
    assert m.used == ("S-01",)
    assert m.share("left third") == pytest.approx(1.0, abs=1e-6)


def test_missing_is_never_zero() -> None:
    m = measures(lesson("LLLL", "----"), None, BOARD, students=["S-01", "S-02", "S-99"],
                 min_visit_s=2, bridge_s=1)  # fmt: skip
    s = m.students.set_index("student")
    assert s["coverage"].tolist() == [1, 0, 0]
    assert s.loc[["S-02", "S-99"], ["board_share", "looks_per_min"]].isna().all(axis=None)
    assert m.timeline[m.timeline["area"] == "board"]["share"].notna().all()
    blank = measures(lesson("----"), None, BOARD, min_visit_s=2, bridge_s=1)
    assert blank.timeline["share"].isna().all() and np.isnan(blank.share("board"))


# -- membership as a probability -------------------------------------------------------------------


def test_a_wide_point_counts_in_several_areas() -> None:
    """On the border of two thirds: half each; on the board's own edge: half of it (within the
    difference of the cells' sizes on both sides)."""
    gaze = gaze_table(np.arange(30.0), np.full(30, "S-01"), np.full(30, "ok"),
                      np.tile([2.0, 0.5], (30, 1)), 0.1)  # fmt: skip
    m = measures(gaze, None, BOARD)
    assert m.share("left third") == pytest.approx(0.5, abs=1e-4)
    assert m.share("middle third") == pytest.approx(0.5, abs=1e-4)
    edge = gaze.assign(gaze_y_m=0.0)
    assert measures(edge, None, BOARD).share("board") == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("rho", [0.0, 0.3, -0.6, 0.8])
def test_rectangle_probability_against_scipy(rho: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(8):
        mean, s = rng.normal(0, 1, 2), rng.uniform(0.2, 1.5, 2)
        c = rho * s[0] * s[1]
        x = np.sort(rng.normal(0, 1.5, 2))
        y = np.sort(rng.normal(0, 1.5, 2))
        law = multivariate_normal(mean, [[s[0] ** 2, c], [c, s[1] ** 2]])
        want = law.cdf([x[1], y[1]], lower_limit=[x[0], y[0]])
        got = rectangle_probability(mean[None], [[s[0] ** 2, c, s[1] ** 2]], tuple(x), tuple(y))
        assert got[0] == pytest.approx(want, abs=2e-5)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_shares_of_a_partition_sum_to_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    status = rng.choice(["ok", "off_board", "away", "no_face", "low_confidence"], n)
    xy = rng.normal([1.5, 0.5], [2.0, 1.0], (n, 2))
    gaze = gaze_table(np.arange(n) * 0.2, rng.choice(["a", "b"], n), status, xy,
                      rng.uniform(0.02, 1.0, n))  # fmt: skip
    areas = (Area(name="one", x_m=(0.0, 1.0), y_m=(0.0, 0.6)),)
    for chosen in (None, areas):
        m = measures(gaze, chosen, BOARD)
        share = m.student_areas.groupby("student")["share"].sum()
        seen = m.students.set_index("student")["coverage"] > 0
        np.testing.assert_allclose(share[seen], 1.0, atol=1e-5)


@pytest.mark.slow
def test_band_holds_the_truth_where_nothing_is_known_before() -> None:
    """True places all over the wall, errors of the stated σ half of which lasts: 95 % bands hold
    about 95 % of the true shares (26 of 30 at least, which a 95 % band misses once in 50 tries)."""
    rng = np.random.default_rng(7)
    held, n, places, each, sigma = 0, 12, 12, 2, 0.35
    for trial in range(30):
        true = rng.uniform([-2, -1.5], [5, 2.5], (n, places, 1, 2))
        wrong = (
            rng.normal(0, sigma * 0.5**0.5, (n, 1, 1, 2))
            + rng.normal(0, sigma * 0.33**0.5, (n, places, 1, 2))
            + rng.normal(0, sigma * 0.17**0.5, (n, places, each, 2))
        )
        seen = (true + wrong).reshape(n, -1, 2)
        t = np.arange(places * each) * 1.0
        gaze = pd.concat([
            gaze_table(t, np.full(len(t), f"S-{i:02d}"), np.full(len(t), "ok"), seen[i], sigma)
            for i in range(n)
        ])  # fmt: skip
        row = measures(gaze, None, BOARD, seed=trial, surrogates=0).areas.set_index("area")
        share = ((true > 0) & (true < [3, 1])).all(-1).mean()
        held += row.loc["board", "low"] <= share <= row.loc["board", "high"]
    assert held >= 26


def test_when_a_head_crossed_an_edge_is_known_to_the_moment() -> None:
    """Of ten moments on the board and off it: once across is a twelfth of a squared moment
    of variance, and nothing is left where nobody crosses."""
    one = measures(lesson("LLLLLaaaaa"), None, BOARD).students.iloc[0]
    half = 1.96 * (1 / 12) ** 0.5 / 10
    assert one["board_share"] == pytest.approx(0.5)
    assert one["board_high"] - one["board_low"] == pytest.approx(2 * half, rel=0.01)
    still = measures(lesson("LLLLLLLLLL"), None, BOARD).students.iloc[0]
    assert still["board_high"] - still["board_low"] == pytest.approx(0, abs=1e-6)


def test_missing_moments_widen_the_outer_band_exactly() -> None:
    """Measured half the time and always on the board: between a half and one."""
    m = measures(lesson("LLLLL-----"), None, BOARD, min_visit_s=2, bridge_s=1)
    row = m.areas.set_index("area").loc["board"]
    assert row[["share", "low", "high"]].tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert row[["low_missing", "high_missing"]].tolist() == pytest.approx([0.5, 1.0], abs=1e-6)
    away = measures(lesson("aaaaa-----"), None, BOARD, min_visit_s=2, bridge_s=1)
    row = away.areas.set_index("area").loc["board"]
    assert row[["share", "low_missing", "high_missing"]].tolist() == [0, 0, 0.5]


def test_timeline_windows() -> None:
    m = measures(lesson("L" * 10 + "D" * 10 + "-" * 10), None, BOARD, window_s=10)
    board = m.timeline[m.timeline["area"] == "board"]
    assert board["time_s"].tolist() == [0, 10, 20]
    np.testing.assert_allclose(board["share"], [1, 0, np.nan], atol=1e-6)
    assert board["students"].tolist() == [1, 1, 0]
    assert board["coverage"].tolist() == [1, 1, 0]


def test_phases_are_half_open() -> None:
    m = measures(lesson("LLLLLRRRRR"), None, BOARD, between_s=(5, 10), min_visit_s=2, bridge_s=1)
    assert m.share("right third") == pytest.approx(1.0, abs=1e-6)
    assert (m.start_s, m.end_s) == (5, 10)
    assert m.student_areas.set_index("area").loc["right third", "first_look_s"] == 0


# -- entropy, spread -------------------------------------------------------------------------------


def test_entropies() -> None:
    assert entropy_bits(np.array([1, 1, 1, 1.0])) == pytest.approx(2.0)
    assert entropy_bits(np.array([5, 0.0])) == 0
    assert np.isnan(entropy_bits(np.zeros(3)))
    # from each of two states both others equally likely: one bit
    assert transition_entropy_bits([[0, 2, 2], [3, 0, 3], [0, 0, 0]]) == pytest.approx(1.0)
    assert transition_entropy_bits([[0, 4], [4, 0]]) == 0
    assert np.isnan(transition_entropy_bits(np.zeros((2, 2))))
    s = measures(lesson("LLLLLLRRRRRR"), None, BOARD, min_visit_s=2, bridge_s=1).students.iloc[0]
    assert s["entropy_bits"] == pytest.approx(1.0, abs=1e-4)


def test_spread_less_noise_is_the_true_spread() -> None:
    rng = np.random.default_rng(0)
    n, true, noise = 20_000, 0.12, 0.09
    xy = rng.normal([1.5, 0.5], true, (n, 2)) + rng.normal(0, noise, (n, 2))
    gaze = gaze_table(np.arange(n) * 0.2, np.full(n, "S-01"), np.full(n, "ok"), xy, noise)
    big = Blackboard(width_m=3.0, height_m=2.0)
    s = measures(gaze.assign(gaze_y_m=gaze["gaze_y_m"] + 0.5), None, big, draws=2).students.iloc[0]
    assert s["spread_m"] == pytest.approx(np.sqrt(2 * (true**2 + noise**2)), rel=0.01)
    assert s["spread_less_noise_m"] == pytest.approx(np.sqrt(2) * true, rel=0.02)
    assert s["sigma_m"] == pytest.approx(noise, rel=1e-3)


def test_a_few_wide_points_are_not_the_typical_one() -> None:
    """A student who talks along the row for a tenth of the time: σ of 2 m there, 10 cm else."""
    gaze = lesson("L" * 50, "-" * 50, sigma_m=0.1)
    wide = gaze.index[:5]
    gaze.loc[wide, ["gaze_xx_m2", "gaze_yy_m2"]] = 4.0
    gaze.loc[wide, "status"] = "low_confidence"
    sigma = measures(gaze, None, BOARD, draws=2).students["sigma_m"]
    assert sigma[0] == pytest.approx(0.1) and np.isnan(sigma[1])


# -- synchrony -------------------------------------------------------------------------------------


def test_agreement_is_the_share_of_agreeing_pairs() -> None:
    """Two always on the left, one always on the right: one pair of three agrees."""
    m = measures(lesson("L" * 200, "L" * 200, "R" * 200), None, BOARD)
    np.testing.assert_allclose(m.synchrony.agreement, 1 / 3, atol=1e-6)
    np.testing.assert_allclose(m.synchrony.student_agreement, [0.5, 0.5, 0.0], atol=1e-6)
    # constant series are the same however they are shifted: nothing stands out
    assert len(m.synchrony.moments) == 0


def _independent(n: int, t: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        runs = ["LMR"[rng.integers(3)] * int(rng.integers(4, 30)) for _ in range(t)]
        out.append("".join(runs)[:t])
    return out


def test_synchrony_finds_the_moment_and_little_else() -> None:
    scripts = _independent(12, 600, 1)
    # at 300 s nine of the twelve turn to the left third for 20 s, from wherever they were
    joint = [s[:280] + "M" * 20 + "L" * 20 + s[320:] if i < 9 else s for i, s in enumerate(scripts)]
    sync = measures(lesson(*joint), None, BOARD, seed=1).synchrony
    assert sync.reason == "" and sync.surrogates == 200
    found = sync.moments[sync.moments["area"] == "left third"]
    assert ((found["time_s"] <= 300) & (found["end_s"] >= 300)).any()
    assert found["students"].max() >= 9
    inside = (sync.time_s > 301) & (sync.time_s < 312)
    assert (sync.agreement[inside] > sync.null_high[inside]).all()


def test_independent_students_stay_in_the_null_band() -> None:
    found, outside = 0, []
    for seed in range(4):
        sync = measures(lesson(*_independent(10, 500, seed)), None, BOARD, seed=seed).synchrony
        found += len(sync.moments)
        beyond = (sync.agreement < sync.null_low) | (sync.agreement > sync.null_high)
        outside.append(beyond.mean())
    assert found <= 2  # family-wise 5 % each
    assert np.mean(outside) < 0.10


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_break_is_no_agreement() -> None:
    table = lesson(*["LR" * 60] * 4)
    table.loc[table.time_s >= 60, "time_s"] += 20000.0
    sync = measures(table, None, BOARD).synchrony
    times = sync.time_s
    in_break = (times > 70) & (times < 20050)
    assert in_break.any() and np.isnan(sync.agreement[in_break]).all()
    np.testing.assert_allclose(sync.null_low[:20], sync.null_low[-21:-1], atol=0.2)
    assert np.isfinite(sync.null_low[~in_break]).mean() > 0.8


def test_synchrony_says_why_not() -> None:
    assert measures(lesson("L" * 300, "L" * 300), None, BOARD).synchrony.reason == (
        "sync_few_students")  # fmt: skip
    assert measures(lesson("LLL", "LLL", "LLL"), None, BOARD).synchrony.reason == "sync_short"


# -- the same again, bad input ---------------------------------------------------------------------


def test_same_seed_same_numbers() -> None:
    gaze = lesson(*_independent(5, 200, 0), sigma_m=0.3)
    a, b, c = (measures(gaze, None, BOARD, seed=s) for s in (3, 3, 4))
    pd.testing.assert_frame_equal(a.areas, b.areas)
    pd.testing.assert_frame_equal(a.timeline, b.timeline)
    assert not a.timeline["low"].equals(c.timeline["low"])


def test_order_of_rows_does_not_matter() -> None:
    gaze = lesson(KNOWN, "RRRRMMMMMMLLLLLLLLaa")
    shuffled = gaze.sample(frac=1, random_state=1)
    a = measures(gaze, None, BOARD, min_visit_s=2, bridge_s=1)
    b = measures(shuffled, None, BOARD, min_visit_s=2, bridge_s=1)
    pd.testing.assert_frame_equal(a.visits, b.visits)
    pd.testing.assert_frame_equal(a.areas, b.areas)


def test_masked_students_are_in_no_number() -> None:
    m = measures(lesson("LLLLLL", "xxxxxx"), None, BOARD, min_visit_s=2, bridge_s=1)
    assert m.moments.students == ("S-01",)


def test_default_areas_run_from_left_to_right_as_the_class_sees_them() -> None:
    left, middle, right = default_areas(BOARD)
    assert (left.name, left.x_m) == ("left third", (2.0, 3.0))
    assert (middle.name, middle.x_m) == ("middle third", (1.0, 2.0))
    assert (right.name, right.x_m) == ("right third", (0.0, 1.0))


def test_areas_that_leave_the_board_or_overlap() -> None:
    areas, said = check_areas(
        [
            Area(name="a", x_m=(2.0, 3.5), y_m=(0.0, 1.0)),
            Area(name="b", x_m=(1.0, 2.5), y_m=(0.0, 1.0)),
        ],
        BOARD,
    )  # fmt: skip
    assert areas[0].x_m == (2.0, 3.0)
    assert [k for k, _ in said] == ["problem_area_cut", "problem_area_overlap"]
    with pytest.raises(MeasureError, match=r"`far` lies outside the blackboard.*upper RIGHT"):
        check_areas([Area(name="far", x_m=(4.0, 5.0), y_m=(0.0, 1.0))], BOARD)
    with pytest.raises(ValueError, match="choose another name"):
        Area(name="down", x_m=(0.0, 1.0), y_m=(0.0, 1.0))


def test_the_rest_of_the_board_is_a_state_of_its_own() -> None:
    m = measures(lesson("LLLLRRRRRR"), [Area(name="left", x_m=(2.0, 3.0), y_m=(0.0, 1.0))], BOARD,
                 min_visit_s=2, bridge_s=1)  # fmt: skip
    assert m.states == ("left", "rest_of_board", "off_board", "down", "away")
    assert m.share("rest_of_board") == pytest.approx(0.6, abs=1e-5)


def test_an_area_too_small_for_the_data_is_said() -> None:
    m = measures(lesson("LLLLLLLL", sigma_m=0.6), None, BOARD)
    keys = {k for k, _ in m.problems}
    assert {"problem_area_small_width", "problem_area_small_height"} <= keys
    assert not measures(lesson("LLLLLLLL"), None, BOARD).problems


@pytest.mark.parametrize("column", ["time_s", "student", "status"])
def test_rows_without_time_student_or_status_are_refused(column: str) -> None:
    gaze = lesson("LLLL")
    gaze[column] = gaze[column].astype(object)
    gaze.loc[1, column] = None
    if column == "time_s":
        gaze[column] = gaze[column].astype(float)
    with pytest.raises(MeasureError, match=f"rows without `{column}`.*1 of 4"):
        measures(gaze, None, BOARD)


def test_an_unknown_status_is_refused() -> None:
    gaze = lesson("LLLL")
    gaze["status"] = "asleep"
    with pytest.raises(MeasureError, match="unknown status; found asleep, expected ok"):
        measures(gaze, None, BOARD)


def test_nan_in_a_point_is_a_gap_that_is_said() -> None:
    gaze = lesson("LLLLLLLL")
    gaze.loc[2, "gaze_x_m"] = np.nan
    gaze.loc[3, "gaze_yy_m2"] = -1.0
    m = measures(gaze, None, BOARD, min_visit_s=2, bridge_s=1)
    assert ("problem_nan", {"n": 2}) in m.problems
    assert m.students["coverage"].iloc[0] == pytest.approx(6 / 8)
    assert m.share("left third") == pytest.approx(1.0, abs=1e-6)


def test_a_moment_twice_counts_once() -> None:
    gaze = lesson("LLLL")
    m = measures(pd.concat([gaze, gaze.iloc[[1]].assign(gaze_x_m=0.5)]), None, BOARD)
    assert ("problem_double", {"n": 1}) in m.problems
    assert m.share("left third") == pytest.approx(1.0, abs=1e-6)


def test_an_empty_table_and_all_away() -> None:
    empty = measures(lesson("LL").iloc[:0], None, BOARD)
    assert empty.used == () and np.isnan(empty.share("board")) and empty.coverage == 0
    away = measures(lesson("a" * 50), None, BOARD)
    assert away.share("away") == 1 and away.share("board") == 0
    assert set(STATUSES) >= {"away"}


def test_bridge_must_be_shorter_than_the_shortest_visit() -> None:
    with pytest.raises(MeasureError, match="shorter than the shortest visit"):
        measures(lesson("LLLL"), None, BOARD, min_visit_s=1.0, bridge_s=1.0)


# -- seeing the board ------------------------------------------------------------------------------


def test_viewing() -> None:
    area = Area(name="a", x_m=(1.0, 2.0), y_m=(0.0, 1.0))
    v = viewing([[1.5, 0.5, 4.0], [1.5 + 4.0, 0.5, 4.0]], [area], letter_m=0.05)
    assert v.distance_m[:, 0] == pytest.approx([4.0, 4.0 * np.sqrt(2)])
    assert v.obliquity_deg[:, 0] == pytest.approx([0.0, 45.0])
    straight = np.degrees(0.05 / 4.0) * 60
    assert v.letter_arcmin[0, 0] == pytest.approx(straight, rel=1e-3)
    assert v.letter_arcmin[1, 0] == pytest.approx(straight / 2, rel=1e-3)  # √2 twice
