"""Students who change seats, as events.csv says: each keeps his own name, faces and places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gaze.analyze as pipeline
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.people.seat_changes import renamed, seating
from gaze.privacy.forget import forget
from sessions.errors import SessionError
from sessions.events.moves import Move
from sessions.quality import Quality
from sessions.tables import read_table
from tests.gaze.classroom import seats
from tests.gaze.people.test_others import identified
from tests.gaze.squares import Frontal, write_lesson
from tests.gaze.stress import Scene


def move(time_s: float, name: str, xz: np.ndarray) -> Move:
    return Move(time_s, name, (float(xz[0]), float(xz[1])))


@pytest.mark.parametrize("seed", range(3))
def test_two_swap(seed: int) -> None:
    scene = Scene.lesson(seed)
    later = scene.moments(20, 40)
    scene.P_W[later, 0], scene.P_W[later, 7] = (
        scene.P_W[later, 7].copy(), scene.P_W[later, 0].copy(),
    )  # fmt: skip
    seat = scene.seats_xz_m
    rows, who, found = identified(scene, seed, names=scene.names, seats_xz_m=seat)
    moves = [move(20.0, scene.names[0], seat[7]), move(20.0, scene.names[7], seat[0])]
    placed = seating(found, moves, scene.time_s)
    after = renamed(found, placed, rows.faces.moment)
    assert after.name == found.name and placed.unseen == 0
    given = after.student >= 0
    assert (np.array(after.name)[after.student[given]] == np.array(scene.names)[who[given]]).all()
    by_places = np.array(found.name)[found.student[given]] == np.array(scene.names)[who[given]]
    assert by_places.mean() < 0.93  # the negative control: without the lines, names stay


def test_who_leaves_comes_back_and_is_displaced() -> None:
    scene = Scene.lesson(4)
    seat = scene.seats_xz_m
    _, _, found = identified(scene, 4, names=scene.names, seats_xz_m=seat)
    a, b = scene.names[0], scene.names[1]
    moves = [move(10, a, seat[1]), move(20, a, seat[0]), move(20, b, seat[1]),
             move(30, a, np.array([9.0, 20.0]))]  # fmt: skip
    placed = seating(found, moves, np.array([0.0, 9.9, 10.0, 20.0, 30.0]))
    of = [[placed.names[placed.at[k, t]] for t in range(5)] for k in (0, 1)]
    assert of[0] == [a, a, "S-10", a, "S-11"]  # who sits where a left is somebody else
    assert of[1] == [b, b, a, b, b]
    assert placed.unseen == 1
    assert seating(found, [], np.zeros(1)).at[:, 0].tolist() == list(range(9))


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six seconds of squares: two swap at 3 s, a third sits down on a fourth one's seat at 4 s."""
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
    at = seats(3, 3, seed=0)[:, ::2].round(2).tolist()
    listed = "".join(f'[[students]]\nid = "A{k}"\nseat_m = {at[k]}\n' for k in range(8))
    write_lesson(tmp_path / "a", extra_toml=f'offset_s = 0.0\n{listed}[[students]]\nid = "A9"\n')
    lines = [(3, "A0", at[1]), (3, "A1", at[0]), (4, "A9", at[4]), (5, "A9", [11.0, 20.0])]
    (tmp_path / "a" / "events.csv").write_text(
        "time_s,label,end_s,kind\n"
        + "".join(f"{t},{name}: {x} {z},,seat\n" for t, name, (x, z) in lines)
    )
    return tmp_path / "a"


def test_a_lesson_with_changes(lesson: Path) -> None:
    run = analyze(lesson, AnalyzeSettings.of(detector="squares", landmarks="detector"),
                  model=Frontal())  # fmt: skip
    table = read_table(run.gaze_path, "gaze")
    assert not table.duplicated(["student", "time_s"]).any()
    assert (table.groupby("student", observed=True).size() == table["time_s"].nunique()).all()
    at = seats(3, 3, seed=0)
    for name, first, then in (("A0", 0, 1), ("A1", 1, 0)):
        own = table[table["student"] == name]
        assert own["nose_x_m"].notna().mean() > 0.95
        for part, k in ((own["time_s"] < 3, first), (own["time_s"] >= 3, then)):
            nose = own.loc[part, ["nose_x_m", "nose_z_m"]].to_numpy()
            assert np.nanmax(np.linalg.norm(nose - at[k, ::2], axis=1)) < 0.2
    a9 = table[table["student"] == "A9"]
    sat = (a9["time_s"] >= 4) & (a9["time_s"] < 5)
    assert a9.loc[sat, "nose_x_m"].notna().all() and a9.loc[~sat, "nose_x_m"].isna().all()
    assert set(a9.loc[~sat, "status"]) == {"no_face"}
    students = read_table(run.students_path, "students").set_index("student")
    assert students.loc["A9", "coverage"] == pytest.approx(1 / 6, abs=0.03)
    codes = [c.code for c in Quality.read(run.quality_path).warnings]
    assert "seats_unseen" in codes
    faces = read_table(run.faces_path, "faces")
    assert {"A0", "A1", "A9"} <= set(faces["student"].dropna())


def test_an_unknown_student_is_refused(lesson: Path) -> None:
    events = lesson / "events.csv"
    events.write_text(events.read_text().replace("A9:", "A8:"))
    with pytest.raises(SessionError, match="seats a student whom"):
        analyze(lesson, AnalyzeSettings.of(detector="squares"), model=Frontal())


def test_an_opted_out_student_has_one_seat(lesson: Path) -> None:
    """Only that one is masked: a change is refused, and a forgetting says what it leaves open."""
    said = forget(lesson, "A0")
    assert any("to which the student changed at 3 s" in line for line in said.kept)
    assert "A0" not in (lesson / "events.csv").read_text()
    text = (lesson / "session.toml").read_text()
    (lesson / "session.toml").write_text(text.replace('id = "A1"', 'id = "A1"\nopt_out = true'))
    with pytest.raises(SessionError, match="seats a student who opted out"):
        analyze(lesson, AnalyzeSettings.of(detector="squares"), model=Frontal())
