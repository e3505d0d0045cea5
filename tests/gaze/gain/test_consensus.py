"""Constant errors from the class's agreement; what it is worth: tests/benchmarks/consensus.py."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from gaze.gain.agreed import agreement_of, corrected, uncorrected
from gaze.gain.angles import angles_of, meet, meet_jacobian, towards
from gaze.lesson.caveats import caveats
from sessions.config import Area, Blackboard
from sessions.quality import Agreement, Quality
from tests.gaze.lessons import gaze_table

BOARD = Blackboard(
    width_m=4.0, height_m=1.2, areas=(Area(name="left half", x_m=(2, 4), y_m=(0, 1.2)),)
)
MOMENTS, STUDENTS = 300, 9
SIGMA = np.radians([1.25, 2.1])  # stated, azimuth and elevation


def error_deg(seed: int = 1) -> np.ndarray:
    """(N, 2) constant errors of the stated size."""
    return np.random.default_rng(seed).normal(0, np.degrees(SIGMA) * 0.5**0.5, (STUDENTS, 2))


def lesson(
    wrong_deg: np.ndarray, *, follow: float = 0.7, share: float = 0.8, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A gaze table of one moment a second, and the true points by moment and student. Heads do
    ``share`` of the turn; of the class ``follow`` look near one place that wanders."""
    rng = np.random.default_rng(seed)
    seat = np.array([[0.5 + 1.3 * (i % 3), 0.2, 3.0 + 1.7 * (i // 3)] for i in range(STUDENTS)])
    walk = np.cumsum(rng.normal(0, 0.15, (MOMENTS, 2)), 0) + [2.0, 0.6]
    walk = np.abs((walk + [4.0, 1.2]) % [8.0, 2.4] - [4.0, 1.2])
    n = MOMENTS // 2  # a look lasts two moments
    own = rng.uniform([0, 0], [4, 1.2], (n, STUDENTS, 2))
    looks = walk[::2, None] + rng.normal(0, [0.3, 0.1], (n, STUDENTS, 2))
    target = np.where(rng.random((n, STUDENTS, 1)) < follow, looks, own).repeat(2, 0)
    P_W = seat + rng.normal(0, 0.01, (MOMENTS, STUDENTS, 3))
    true = share * angles_of(towards(P_W, target)) + np.radians([0, -1])
    seen = true + np.radians(wrong_deg) + rng.normal(0, SIGMA * 0.5**0.5, true.shape)
    xy = meet(P_W, seen).reshape(-1, 2)
    names = np.tile([f"S-{i}" for i in range(STUDENTS)], MOMENTS)
    time_s = np.repeat(np.arange(MOMENTS) * 1.0, STUDENTS)
    status = np.where(BOARD.holds(xy), "ok", "off_board")
    table = gaze_table(time_s, names, status, xy, 0.1, P_W.reshape(-1, 3))
    J = meet_jacobian(P_W, seen).reshape(-1, 2, 2)
    cov = J * SIGMA**2 @ np.swapaxes(J, 1, 2)
    for name, i, j in (("xx", 0, 0), ("xy", 0, 1), ("yy", 1, 1)):
        table[f"gaze_{name}_m2"] = cov[:, i, j]
    table["area"] = BOARD.areas_of(xy)
    a, e = seen.reshape(-1, 2).T
    R_WS = Rotation.from_euler("YX", np.stack([np.pi - a, -e], 1))
    table[[f"head_q{k}" for k in "xyzw"]] = R_WS.as_quat()
    table["head_yaw_sigma_deg"], table["head_pitch_sigma_deg"] = np.degrees(SIGMA)
    return table, pd.DataFrame(meet(P_W, true).reshape(-1, 2), columns=["x", "y"])


def errors_m(table: pd.DataFrame, true: pd.DataFrame) -> np.ndarray:
    return np.hypot(table["gaze_x_m"].to_numpy() - true["x"], table["gaze_y_m"].to_numpy()
                    - true["y"])  # fmt: skip


def test_heads_of_the_table_are_the_points() -> None:
    table, _ = lesson(error_deg())
    q = table[[f"head_q{k}" for k in "xyzw"]].to_numpy()
    d = Rotation.from_quat(q).as_matrix()[:, :, 2]
    P = table[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy()
    assert meet(P, angles_of(d)) == pytest.approx(table[["gaze_x_m", "gaze_y_m"]].to_numpy())


@pytest.mark.parametrize("seed", [1, 2])
def test_constant_errors_are_found_and_taken_off(seed: int) -> None:
    wrong = error_deg(seed + 1)
    table, true = lesson(wrong, seed=seed)
    found = agreement_of(table, BOARD)
    used = np.array([s.used for s in found.students])
    said = np.array([s.error_deg for s in found.students])
    assert used.sum() >= 4
    apart = wrong - wrong.mean(0)  # what all share stays
    assert np.corrcoef(said[used].ravel(), apart[used].ravel())[0, 1] > 0.8
    after = corrected(table, found, BOARD)
    assert errors_m(after, true).mean() < 0.93 * errors_m(table, true).mean()
    # what is stated becomes narrower, and still holds what it says
    narrow = np.sqrt((after["gaze_xx_m2"] + after["gaze_yy_m2"]).median()
                     / (table["gaze_xx_m2"] + table["gaze_yy_m2"]).median())  # fmt: skip
    assert 0.7 < narrow < 1
    e = after[["gaze_x_m", "gaze_y_m"]].to_numpy() - true.to_numpy()
    xx, xy, yy = after[["gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2"]].to_numpy().T
    chi2 = (yy * e[:, 0] ** 2 - 2 * xy * e[:, 0] * e[:, 1] + xx * e[:, 1] ** 2) / (xx * yy - xy**2)
    assert 0.55 < (chi2 < 2.279).mean() < 0.85


def test_a_class_that_agrees_on_nothing_gets_no_worse() -> None:
    """Looks all over the board: what is left to agree on is the board itself."""
    for seed in range(2):
        table, true = lesson(error_deg(seed), follow=0.0, seed=seed)
        after = errors_m(corrected(table, agreement_of(table, BOARD), BOARD), true).mean()
        assert after < 1.02 * errors_m(table, true).mean()


def test_no_error_none_taken() -> None:
    """The negative control: heads without a constant error get no worse."""
    table, true = lesson(np.zeros((STUDENTS, 2)))
    after = corrected(table, agreement_of(table, BOARD), BOARD)
    assert errors_m(after, true).mean() < 1.02 * errors_m(table, true).mean()


def test_what_all_heads_share_stays() -> None:
    """One marked point for all would remove it; the class's agreement cannot."""
    table, _ = lesson(np.tile([2.0, 3.0], (STUDENTS, 1)))
    found = agreement_of(table, BOARD)
    said = np.array([s.error_deg for s in found.students])
    assert np.abs(said.mean(0)).max() < 0.4


def test_put_back_and_without_a_student_it_is_as_if_never_there() -> None:
    table, _ = lesson(error_deg(2), seed=1)
    found = agreement_of(table, BOARD)
    after = corrected(table, found, BOARD)
    assert (after["status"].astype(str) != table["status"].astype(str)).any()
    back = uncorrected(after, found, BOARD)
    covariance = ["gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2"]
    exact = [c for c in table if c not in covariance and c not in ("status", "area")]
    pd.testing.assert_frame_equal(back[exact], table[exact])
    assert (back["status"].astype(str) == table["status"].astype(str)).all()
    assert back["area"].isna().equals(table["area"].isna())
    assert back[covariance].to_numpy() == pytest.approx(table[covariance].to_numpy(), abs=1e-9)
    others = (table["student"] != "S-4").to_numpy()
    never = agreement_of(table[others], BOARD)
    assert agreement_of(back[others], BOARD) == never != found
    again, want = (corrected(t[others], never, BOARD) for t in (back, table))
    pd.testing.assert_frame_equal(again, want, check_exact=True, check_categorical=False)


def test_too_few_heads_say_so() -> None:
    table, _ = lesson(error_deg())
    few = table[table["student"].isin(["S-1", "S-2", "S-3"])]
    found = agreement_of(few, BOARD)
    assert not found.fitted and "four students" in found.why
    assert "nobody" in agreement_of(table[:0], BOARD).why
    pd.testing.assert_frame_equal(corrected(few, found, BOARD), few)


def test_it_is_always_said() -> None:
    def said(found: Agreement) -> list[str]:
        rows = [{"row": 1, "students": 9, "distance_m": 4.0, "coverage": 1.0}]
        of = {"seats": [{"student": "a"}], "rows": rows, "agreement": found}
        mine = [c for c in caveats(Quality.model_validate(of)) if c.code.startswith("agreement")]
        assert all((c.cost_cm is not None) == (c.code == "agreement_left") for c in mine)
        return [c.code for c in mine]

    table, _ = lesson(error_deg(2), seed=1)
    found = agreement_of(table, BOARD)
    none = found.model_copy(
        update={"students": tuple(s.model_copy(update={"used": False}) for s in found.students)}
    )
    assert said(found) == ["agreement_left"] and said(none) == ["agreement_unproven"]
    assert said(found.model_copy(update={"applied": True})) == ["agreement_used"]
    assert said(Agreement(why="too few")) == []
