"""Where the teacher stood against where heads pointed: a scene with truth, and who may see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gaze.measures.teacher import PLACES, teacher_measures
from gaze.notebook import LessonRun
from gaze.report import write_report
from sessions.config import SessionConfig
from sessions.tables import write_table
from tests.gaze.lessons import write_lesson
from tests.gaze.measures.test_targets import CAMERAS, SEATS, aims, looking
from tests.gaze.stress import BOARD, HZ, Answer, Scene, analysed, rows_of

ASKED = "[teacher]\nkeep_track = true\n"


def config(**more: object) -> SessionConfig:
    return SessionConfig.model_validate(
        {"blackboard": BOARD.model_dump(), "cameras": CAMERAS, **more}
    )


@pytest.fixture(scope="module")
def scene() -> tuple[Scene, np.ndarray, np.ndarray, Answer]:
    """A teacher stands left before the board, then right, then among the seats; two
    thirds of the looks of the first part are at him, a third of the others. Truth: his nose (T, 3)
    and which looks (T, B) are at it."""
    made = Scene.lesson(21, 60.0)
    T, students = len(made.time_s), len(made.names)
    t = made.time_s
    walk_s = [0, 18, 22, 38, 41, 48, 55, 60]
    x = np.interp(t, walk_s, [2.9, 2.9, 0.5, 0.5, 1.2, 2.8, 1.2, 2.8]) + 0.1 * np.sin(t)
    z = np.interp(t, walk_s, [2.2, 2.2, 2.2, 2.2, 4.0, 4.0, 4.0, 4.0]) + 0.1 * np.sin(t / 3)
    nose_W = np.stack([x, np.full(T, 0.35), z], 1)
    rng = np.random.default_rng(5)
    spell = np.cumsum(rng.random((T, students)) < 1 / (3 * HZ), axis=0)
    at_him = rng.random((T, students))[spell, np.arange(students)] < np.where(
        t < 20, 2 / 3, 1 / 3
    )[:, None]  # fmt: skip
    for b in range(students):
        d = nose_W - made.P_W[:, b]
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        made.towards_W[:, b] = np.where(at_him[:, b, None], d, made.towards_W[:, b])
    body = made.with_body(nose_W)
    made.look_at(body, nose_W + [0.0, 0.1, -1.0])  # who faces the class shows his back
    return made, nose_W, at_him, analysed(made, rows_of(made, 21))


def test_his_places_are_measured(scene: tuple[Scene, np.ndarray, np.ndarray, Answer]) -> None:
    made, nose_W, _, answer = scene
    assert answer.names == made.names
    seen = answer.teacher
    assert len(seen) > 0.6 * len(made.time_s)
    moment = np.searchsorted(made.time_s, seen["time_s"] - 1e-6)
    off = seen[[f"nose_{a}_m" for a in "xyz"]].to_numpy() - nose_W[moment]
    assert np.quantile(np.linalg.norm(off, axis=1), 0.95) < 0.15


def test_shares_by_his_place_are_the_true_ones(
    scene: tuple[Scene, np.ndarray, np.ndarray, Answer],
) -> None:
    made, _, at_him, answer = scene
    found = teacher_measures(answer.gaze, config(), answer.teacher)
    assert found is not None and found.used == len(made.names)
    assert set(found.places["place"]) >= {"front_left", "front_right", "among"}
    assert found.places["time_share"].sum() == pytest.approx(1)
    share = found.shares.set_index(["place", "target"])["share"]
    for place, when in (
        ("front_left", made.moments(0, 18)),
        ("front_right", made.moments(22, 38)),
        ("among", made.moments(40, 60)),
    ):
        assert share[place, "teacher"] == pytest.approx(at_him[when].mean(), abs=0.1), place
        assert share[place].sum() == pytest.approx(1, abs=1e-3)
    unseen = found.places.set_index("place")["time_share"].get("unseen", 0.0)
    assert unseen < 0.1


def test_a_long_gap_is_not_bridged(scene: tuple[Scene, np.ndarray, np.ndarray, Answer]) -> None:
    """Not seen for 15 s: nobody looks at the teacher then, as far as is known."""
    answer = scene[-1]
    t = answer.teacher["time_s"]
    found = teacher_measures(answer.gaze, config(), answer.teacher[(t < 20) | (t > 35)])
    assert found is not None
    assert found.places.set_index("place").loc["unseen", "time_share"] >= 0.25
    assert found.shares.set_index(["place", "target"]).loc[("unseen", "teacher"), "share"] < 1e-6


def test_who_was_hardly_measured_is_not_in_it(
    scene: tuple[Scene, np.ndarray, np.ndarray, Answer],
) -> None:
    made, _, _, answer = scene
    gaze = answer.gaze
    few = (gaze["student"] == made.names[0]) & (gaze["time_s"] > 5)
    found = teacher_measures(gaze[~few], config(), answer.teacher, draws=2)
    assert found is not None and found.used == len(made.names) - 1
    assert found.shares[["share", "low", "high"]].notna().all(axis=None)


def test_no_teacher_no_table(scene: tuple[Scene, np.ndarray, np.ndarray, Answer]) -> None:
    answer = scene[-1]
    assert teacher_measures(answer.gaze, config(), answer.teacher[:0]) is None


def test_who_stands_right_before_what_is_looked_at_is_said_not_to_be_told() -> None:
    """Heads of σ 30°, a teacher before the board: not told; among the seats: told."""
    gaze = looking(aims([[2.0, 0.1, 0.3]]), sigma_deg=30.0)
    times = gaze["time_s"].unique()
    before, beside = (
        pd.DataFrame({"time_s": times, "nose_x_m": x, "nose_y_m": 0.1, "nose_z_m": 0.3})
        for x in (2.0, -3.0)
    )
    for teacher, told in ((before, False), (beside, True)):
        found = teacher_measures(gaze, config(), teacher, draws=2)
        assert found is not None
        assert found.places["told"].tolist() == [told]
    assert PLACES[-1] == "unseen"


# -- in a lesson -----------------------------------------------------------------------------------


def lesson(folder: Path, top: str, students: int = len(SEATS)) -> Path:
    gaze = looking(aims([[2.0, 0.6, 0.0]])[:, :students])
    run = write_lesson(folder, gaze, top=top)
    times = np.sort(gaze["time_s"].unique())
    places = pd.DataFrame({"time_s": times, "nose_x_m": 0.5, "nose_y_m": 0.0, "nose_z_m": 1.0})
    write_table(places, run / "teacher.parquet", "teacher")
    return run


def test_only_where_asked_for_and_not_for_sharing(tmp_path: Path) -> None:
    run = lesson(tmp_path / "a", ASKED)
    page = write_report(run).read_text()
    part = page[page.index('<section id="teacher"') :]
    part = part[: part.index("</section>")]
    assert "before the board, right" in part and "100 %" in part and "S-01" not in part
    assert '<section id="teacher"' not in (run / "report-class.html").read_text()
    assert LessonRun(run).teacher() is not None
    off = lesson(tmp_path / "b", "")
    assert '<section id="teacher"' not in write_report(off).read_text()
    assert LessonRun(off).teacher() is None


def test_of_fewer_than_five_students_there_is_no_table(tmp_path: Path) -> None:
    page = write_report(lesson(tmp_path / "a", ASKED, students=4)).read_text()
    part = page[page.index('<section id="teacher"') :]
    assert "<table" not in part[: part.index("</section>")]
