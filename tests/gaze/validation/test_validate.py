"""gaze validate on tables whose errors are known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

import gaze.analyze as pipeline
from calibration.transform import rotation_exp
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.room.geometry import aimed_rotation, gaze_points
from gaze.validation.validate import (
    HEADS_ZERO_DEG,
    compare,
    marked_points,
    room_shift,
    sigma_factor,
    validate_lesson,
)
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.quality import Quality
from sessions.targets import read_targets
from tests.gaze.squares import Frontal, write_lesson

MARKS = np.array([[0.5, 0.3], [3.5, 0.3], [2.0, 0.9]])
SEATS = {"A": (1, [1.0, 0.2, 3.0]), "B": (1, [3.0, 0.2, 3.0]), "C": (2, [2.0, 0.1, 6.0])}


def targets() -> pd.DataFrame:
    rows = [(2.0 * i, 2.0 * i + 1.5, "", f"P{i}", x, y) for i, (x, y) in enumerate(MARKS)]
    return pd.DataFrame(rows, columns=["start_s", "end_s", "student", "target", "x_m", "y_m"])


def lesson(shift_m: tuple[float, float] = (0, 0), turn_deg: float = 0.0):
    """Truth and a gaze table that is off by a shift of the gaze point and a turn of the head."""
    truth, gaze = [], []
    for t in np.arange(0, 6, 0.5):
        mark = np.append(MARKS[int(t // 2)], 0.0)
        for name, (_, seat) in SEATS.items():
            R_WS = aimed_rotation(seat, mark)
            R_hat = R_WS @ rotation_exp(np.radians([0, 0, turn_deg]))  # about the line of sight
            xy = gaze_points(seat, R_hat)[0] + shift_m
            truth.append([t, name, *seat, *Rotation.from_matrix(R_WS).as_quat(scalar_first=True)])
            q = Rotation.from_matrix(R_hat).as_quat(scalar_first=True)
            nose = np.add(seat, [0.03, 0, 0.04])
            gaze.append([t, name, "ok", *xy, 0.01, 0.0, 0.01, *nose, *q, 0.01, 0.01, 0.01])
    sigma = ["nose_x_sigma_m", "nose_y_sigma_m", "nose_z_sigma_m"]
    head = ["nose_x_m", "nose_y_m", "nose_z_m", "head_qw", "head_qx", "head_qy", "head_qz"]
    point = ["status", "gaze_x_m", "gaze_y_m", "gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2"]
    students = pd.DataFrame(
        {"row": [r for r, _ in SEATS.values()], "seat_z_m": [s[2] for _, s in SEATS.values()]},
        index=list(SEATS),
    )
    return (
        pd.DataFrame(gaze, columns=["time_s", "student", *point, *head, *sigma]),
        pd.DataFrame(truth, columns=["time_s", "student", *head]),
        students,
    )


def test_known_errors_come_back() -> None:
    gaze, truth, students = lesson(shift_m=(0.03, -0.04), turn_deg=2.0)
    result = compare(gaze, students, targets(), truth)
    overall = result["overall"]
    # 1.5 s of every 2 s are marked: the moments at +0, 0.5, 1.0, 1.5 s of 3 marks, 3 students
    assert overall.n == 36 and result["coverage"] == 1.0
    assert overall.gaze_cm.mean == pytest.approx(5.0)
    assert overall.gaze_bias_cm == pytest.approx((3.0, -4.0))
    assert overall.nose_cm.median == pytest.approx(5.0)
    assert overall.head_deg.p90 == pytest.approx(2.0)
    assert result["identity_switches"] == 0
    assert [(r.row, r.distance_m, r.n) for r in result["rows"]] == [
        (1, 3.0, 24),
        (2, 6.0, 12),
    ]
    assert result["inside_68"] == 1.0  # 5 cm off with σ = 10 cm


def test_a_swap_is_counted_and_not_hidden() -> None:
    gaze, truth, students = lesson()
    late = gaze["time_s"] >= 3
    gaze.loc[late, "student"] = gaze.loc[late, "student"].map({"A": "B", "B": "A", "C": "C"})
    result = compare(gaze, students, targets(), truth)
    assert result["identity_switches"] == 2
    assert result["overall"].head_deg.mean == pytest.approx(0, abs=1e-6)


def test_a_nose_of_unknown_depth_is_no_swap() -> None:
    """C sits behind B; one camera puts C's nose nearer to B's, but beside the ray it is C's."""
    gaze, truth, students = lesson()
    truth.loc[truth["student"] == "B", ["nose_x_m", "nose_z_m"]] = [2.4, 4.6]
    once = gaze.index[gaze["student"] == "C"][3]
    gaze.loc[once, "nose_z_m"] -= 0.9
    assert compare(gaze, students, targets(), truth)["identity_switches"] == 2  # there and back
    gaze.loc[once, "nose_z_sigma_m"] = 0.6
    assert compare(gaze, students, targets(), truth)["identity_switches"] == 0


def test_lost_moments_lower_coverage_and_nothing_else() -> None:
    gaze, truth, students = lesson()
    gone = (gaze["student"] == "C") & (gaze["time_s"] < 2)
    gaze.loc[gone, "status"] = "no_face"
    gaze.loc[gone, ["gaze_x_m", "gaze_y_m"]] = np.nan
    result = compare(gaze, students, targets(), truth)
    assert result["coverage"] == pytest.approx(32 / 36)
    assert result["overall"].gaze_cm.mean == pytest.approx(0, abs=1e-9)


def test_without_truth_the_marks_alone_are_compared() -> None:
    gaze, _, students = lesson(shift_m=(0.1, 0))
    result = compare(gaze, students, targets(), None)
    assert result["identity_switches"] is None and result["overall"].nose_cm is None
    assert result["overall"].gaze_cm.median == pytest.approx(10.0)


def test_a_mark_of_one_student_is_not_everybodys() -> None:
    gaze, _, _ = lesson()
    only = targets().assign(student="A")
    xy, line = marked_points(gaze, only)
    assert set(gaze["student"][line >= 0]) == {"A"}
    assert np.isnan(xy[line < 0]).all()


def test_times_that_do_not_meet_are_an_error() -> None:
    gaze, truth, students = lesson()
    late = targets().assign(start_s=lambda t: t.start_s + 100, end_s=lambda t: t.end_s + 100)
    with pytest.raises(SessionError, match="no gaze point falls into"):
        compare(gaze, students, late, truth)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("start_s,end_s,student,target,x_m\n0,1,,P,2\n", "lacks columns.*y_m"),
        ("start_s,end_s,student,target,x_m,y_m\n0,1,,P,2,oops\n", "`y_m` is not a number.*line 2"),
    ],
)
def test_bad_targets(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "targets.csv").write_text(text)
    with pytest.raises(SessionError, match=says):
        read_targets(tmp_path / "targets.csv")
    with pytest.raises(SessionError, match="no marked points"):
        read_targets(tmp_path / "none.csv")


def test_students_whom_nobody_knows_are_said(tmp_path: Path, monkeypatch) -> None:
    """By validate with the one meant; in the run's caveats without a name."""
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
    write_lesson(tmp_path / "l", seconds=2)
    header = "start_s,end_s,student,target,x_m,y_m\n"
    (tmp_path / "l" / "targets.csv").write_text(
        header + "0,1,,P1,1,0.6\n0,1,S-01,P1,1,0.6\n1,2,s-O2,P1,1,0.6\n1,2,Nobody,P1,1,0.6\n"
    )
    settings = AnalyzeSettings.of(detector="squares", landmarks="detector")
    run = analyze(tmp_path / "l", settings, run_name="r", model=Frontal())
    (caveat,) = [w for w in Quality.read(run.quality_path).warnings if "targets" in w.code]
    assert caveat.facts == {"lines": 2, "of": 4} and "Nobody" not in caveat.message
    found = validate_lesson(Session.open(tmp_path / "l"), run="r")
    assert found.unknown_students == ("s-O2 (meant: S-02?)", "Nobody")
    assert found.to_dict()["unknown_students"] == list(found.unknown_students)


def class_of(
    rng: np.random.Generator, room_m: tuple[float, float], eyes: float = 0.0
) -> tuple[np.ndarray, ...]:
    """24 students in four rows, five marks: a common zero of heads, 1.5° of each student's own.

    eyes : the share of every turn that they do.
    """
    far = np.repeat([2.2, 3.5, 4.8, 6.1], 6)
    nose = np.stack([np.tile(np.linspace(-0.5, 3.6, 6), 4), np.full(24, 1.1), far], 1)
    zero = np.radians(rng.normal(0, HEADS_ZERO_DEG))
    own = np.radians(rng.normal(0, 1.5, (24, 2)))
    offset = np.array(room_m) + far[:, None] * (zero + own)
    student = np.repeat(np.arange(24), 5)
    marked = np.tile([[0, 0], [4, 0], [2, 0.6], [0, 1.2], [4, 1.2]], (24, 1))
    offset = offset[student] - eyes * (marked - nose[student, :2])
    return offset + rng.normal(0, 0.02, (120, 2)), marked, nose[student], student


@pytest.mark.parametrize("eyes", [0.0, 0.3])
def test_what_marked_points_say_of_the_room_has_a_true_sigma(eyes: float) -> None:
    rng = np.random.default_rng(0)
    found = [room_shift(*class_of(rng, (0.06, -0.1), eyes)) for _ in range(300)]
    z = np.array([(np.array(f.shift_cm) - (6, -10)) / f.sigma_cm for f in found if f])
    assert z.shape == (300, 2)
    assert np.all(np.abs(z.mean(0)) < 0.2) and np.all((z.std(0) > 0.8) & (z.std(0) < 1.2))
    # the zero of all heads is worth more downwards, so the room is known less
    assert np.median([f.sigma_cm[1] - f.sigma_cm[0] for f in found if f]) > 0.5


def test_a_room_that_is_off_by_half_a_metre_is_seen_and_none_is_not() -> None:
    rng = np.random.default_rng(1)
    right = [room_shift(*class_of(rng, (0, 0))) for _ in range(100)]
    wrong = [room_shift(*class_of(rng, (0.5, 0))) for _ in range(100)]
    assert sum(f.seen for f in right if f) <= 4 and sum(f.seen for f in wrong if f) >= 96
    assert room_shift(np.zeros((3, 2)), np.ones((3, 2)), np.ones((3, 3)), np.arange(3)) is None


def looks(rng: np.random.Generator, factor: float, students: int = 24, elsewhere: float = 0.0):
    """Students at five marks for four moments each, whose own lasting error is ``factor`` times the
    σ that is stated, 10 cm across and 20 down; a share of the looks goes anywhere."""
    student, mark = (v.ravel() for v in np.mgrid[:students, :5].repeat(4, axis=2).astype(np.int64))
    sigma = np.array([0.1, 0.2])
    own = 0.9 * rng.normal(size=(students, 2))[student]
    each = np.sqrt(1 - 0.9**2) * rng.normal(size=(students, 5, 2))[student, mark]
    offset = factor * sigma * (own + each)
    astray = rng.random((students, 5))[student, mark] < elsewhere
    offset[astray] += rng.uniform(-2, 2, (students, 5, 2))[student, mark][astray]
    return offset, np.broadcast_to(np.diag(sigma**2), (len(student), 2, 2)), student, mark


@pytest.mark.parametrize("true", [0.6, 1.0, 1.7])
def test_the_factor_of_sigma_has_a_true_interval(true: float) -> None:
    rng = np.random.default_rng(2)
    found = [sigma_factor(*looks(rng, true)) for _ in range(200)]
    inside = np.mean([f.interval_95[0] <= true <= f.interval_95[1] for f in found if f])
    assert 0.9 <= inside <= 1  # few students: a bootstrap is a little short
    assert np.median([f.factor for f in found if f]) == pytest.approx(true, rel=0.07)
    seen = np.mean([f.seen for f in found if f])
    assert seen < 0.1 if true == 1.0 else seen > 0.85


def test_a_tenth_who_look_elsewhere_change_it_little() -> None:
    rng = np.random.default_rng(3)
    found = [sigma_factor(*looks(rng, 0.6, elsewhere=0.1)) for _ in range(50)]
    assert np.median([f.factor for f in found if f]) == pytest.approx(0.66, abs=0.06)
    assert sigma_factor(*looks(rng, 0.6, students=3)) is None
