"""Forgetting on lessons of a few rows: what each kind of file loses, keeps, and says. Quick."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from calibration.corners.boards import Board
from calibration.errors import DiskFullError, UserError
from calibration.files import GENERATOR
from calibration.inputs import Seen
from calibration.room.evidence import Looked, Seated
from gaze.exports import export
from gaze.privacy.audit import audit, went_out
from gaze.privacy.forget import (
    PrivacyError,
    exchange,
    forget,
    forget_everything,
    forget_video,
    known_student,
    lesson_folder,
)
from gaze.privacy.named import unless_of_the_system
from sessions.errors import SessionError
from sessions.lock import lesson_lock
from sessions.run import Run, marked_picture, write_json
from sessions.validation import Errors, Spread, Validation
from tests.gaze.classroom import room_rig
from tests.gaze.gain.test_model import GAIN
from tests.gaze.lessons import gaze_table, write_lesson

WHO, OTHERS = "S-02", ["S-01", "S-03"]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + bytes(17)


def rows(names: list[str], moments: int = 4) -> pd.DataFrame:
    t = np.arange(moments) * 0.5
    one = np.ones(moments)
    return pd.concat([
        gaze_table(t, np.full(moments, n), np.full(moments, "ok"), np.outer(one, [2.0, 0.5]), 0.2,
                   np.outer(one, [0.5 * i, 0.2, 3.0])) for i, n in enumerate(names)
    ])  # fmt: skip


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    """Three students, one run; no report and no heatmap, which would take their time."""
    names = ["S-01", WHO, "S-03"]
    quality = {"seats": [{"student": n, "row": 1} for n in names]}
    seats = tuple((n, (0.5 * i, 3.0)) for i, n in enumerate(names))
    write_lesson(tmp_path / "lesson", rows(names), students=seats, quality=quality)
    return tmp_path / "lesson"


def run_of(lesson: Path) -> Path:
    return next(p for p in (lesson / "runs").iterdir() if p.is_dir())


def students(run: Path, table: str = "gaze") -> list[str]:
    return sorted(set(pd.read_parquet(run / f"{table}.parquet")["student"].astype(str)))


def world(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name != ".lock"}  # fmt: skip


def test_a_room_calibrated_with_marked_points_or_seats_is_named(lesson: Path) -> None:
    """The class's mean look is in rig.json: what it was without the student could be subtracted."""
    (lesson / "rig.json").write_text("{")  # a damaged one is in nobody's way
    assert forget(lesson, "S-01").whole
    rig = room_rig()
    board, size = Board("chessboard", (9, 6), 0.08), dict.fromkeys(("left", "right"), (1920, 1080))
    rig = replace(rig, inputs=rig.inputs.but(seen=Seen(board, size, ())))
    rig.save(lesson / "rig.json")
    assert forget(lesson, "S-03").whole
    looked = Looked((2.0, 0.6), (1.2, 0.1, 1.9), (0.03, 0.04), 3)
    at, turned, sigma = (2.0, 0.9, 2.4), np.eye(3).tolist(), np.eye(7).tolist()
    seated = Seated(at, (1.2, 0.1, 1.9), turned, 1.0, sigma, 6)
    seen = Seen(board, size, (), looked=looked, seated=seated)
    replace(rig, inputs=rig.inputs.but(seen=seen)).save(lesson / "rig.json")
    said = forget(lesson, WHO)
    assert said.proven and not said.whole
    assert [x for x in said.lost if x.startswith("rig.json") and "--marked-points" in x]
    assert [x for x in said.lost if x.startswith("rig.json") and "--seats" in x]


# -- who is meant ----------------------------------------------------------------------------------


def test_a_student_is_known_by_every_file_that_names_students(tmp_path: Path) -> None:
    """session.toml, tables, truth, targets.csv; nobody by running text."""
    lesson = tmp_path / "lesson"
    run = write_lesson(lesson, rows(["table"]), students=(("seat", (1.0, 3.0)),))
    pd.DataFrame({"student": ["face"]}).to_parquet(run / "faces.parquet")
    (lesson / "truth").mkdir()
    pd.DataFrame({"student": ["true"]}).to_parquet(lesson / "truth" / "heads.parquet")
    (lesson / "targets.csv").write_text("start_s,end_s,student,target,x_m,y_m\n0,1,look,A,1,1\n")
    (lesson / "notes.txt").write_text("noted")
    for name in ("seat", "table", "face", "true", "look"):
        assert known_student(lesson, name).is_it(name)
    (lesson / "targets.csv").write_text("start_s;end_s;student;target\n0;1;semi;A\n")
    assert known_student(lesson, "semi").is_it("semi")
    for name in ("noted", "Table", "tabl", ""):
        with pytest.raises(PrivacyError):
            known_student(lesson, name)
    with pytest.raises(PrivacyError, match=r"Did you mean table\?"):
        known_student(lesson, "tabel")
    with pytest.raises(PrivacyError, match="a student has a name"):
        known_student(lesson, "  ")
    with pytest.raises(PrivacyError) as error:
        known_student(lesson, "zzzzzz")
    assert "Did you mean" not in str(error.value) and "face" in str(error.value)


def test_what_is_no_lesson_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    for what in (forget_video, forget_everything, lesson_folder):
        with pytest.raises(PrivacyError, match="not a lesson, so nothing is deleted"):
            what(tmp_path)
    with pytest.raises(PrivacyError, match="not a lesson"):
        forget(tmp_path, WHO)
    assert (tmp_path / "thesis.txt").read_text() == "years"


# -- the tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["inner", "2026/tuesday", "runs/one/copy"])
def test_a_lesson_within_a_lesson_is_another_one(lesson: Path, where: str) -> None:
    """Its S-02 is somebody else."""
    write_lesson(lesson / where, rows(["S-01", WHO]), students=((WHO, None),))
    before = world(lesson)
    for act in (lambda: forget(lesson, WHO), lambda: forget_everything(lesson),
                lambda: forget_video(lesson)):  # fmt: skip
        with pytest.raises(PrivacyError, match=f"another lesson lies in this one.*{where}"):
            act()
    assert world(lesson) == before
    assert forget(lesson / where, WHO).whole  # by itself
    shutil.move(lesson / where, lesson.parent / "moved out")
    assert forget(lesson, WHO).whole


def test_a_student_goes_and_the_others_rows_stay_to_the_digit(lesson: Path) -> None:
    run = run_of(lesson)
    before = pd.read_parquet(run / "gaze.parquet")
    export(run, "csv", lesson / "out")
    said = forget(lesson, WHO)
    out = pd.read_csv(lesson / "out" / "gaze.csv", comment="#")
    assert sorted(set(out["student"])) == OTHERS
    assert (lesson / "audit.log").stat().st_mode & 0o777 == 0o600 or os.name != "posix"
    assert said.whole and said.proven and not said.remains and not said.lost
    assert students(run) == students(run, "students") == OTHERS
    after = pd.read_parquet(run / "gaze.parquet")
    kept = before[before["student"] != WHO].reset_index(drop=True)
    for column in ("time_s", "gaze_x_m", "nose_z_m"):
        np.testing.assert_array_equal(after[column], kept[column])
    quality = json.loads((run / "quality.json").read_text())
    assert [s["student"] for s in quality["seats"]] == OTHERS
    assert [r["students"] for r in quality["rows"]] == [2]
    toml = (lesson / "session.toml").read_text()
    assert WHO not in toml and 'id = "removed-1"' in toml and "opt_out = true" in toml
    assert any("gaze.parquet: 8 rows are left" in c for c in said.changed)
    assert "the seat is masked: removed-1" in str(said) and said.searched_files >= 5
    lines = [json.loads(x) for x in (lesson / "audit.log").read_text().splitlines()]
    assert [(x["action"], x.get("proven")) for x in lines] == [
        ("export", None), ("forget student", True),
    ]  # fmt: skip
    assert [p.name for p in lesson.parent.iterdir()] == ["lesson"]
    with pytest.raises(PrivacyError, match="nothing in this lesson names"):
        forget(lesson, WHO)


def test_faces_of_the_same_tracks_go_and_numbers_close_up(lesson: Path) -> None:
    """Nobody's faces of the student's track, too; those of another camera's track stay."""
    run = run_of(lesson)
    faces = pd.DataFrame({
        "row": np.arange(6, dtype=np.int32), "camera": ["left"] * 4 + ["right"] * 2,
        "track": np.array([7, 5, 5, 9, 5, 7], np.int32),
        "student": ["S-01", WHO, "", "S-03", "", "S-01"],
    })  # fmt: skip
    faces.to_parquet(run / "faces.parquet")
    said = forget(lesson, WHO)
    assert str(lesson / "runs") in str(said) and ".forgetting" not in str(said)
    assert "its tables are not read any more" in str(said)  # not a whole table of ours: row by row
    left = pd.read_parquet(run / "faces.parquet")
    assert WHO not in set(left["student"])


# -- files beside the runs -------------------------------------------------------------------------


def test_what_faces_parquet_told_is_named_where_it_is_gone(lesson: Path) -> None:
    path = run_of(lesson) / "quality.json"
    for faces, said in ((0, False), (9, True)):
        write_json(path, json.loads(path.read_text()) | {"identity": {"faces": faces}})
        lost = forget(lesson, "S-01" if said else WHO).lost
        assert any("how many faces there were: left out" in line for line in lost) == said


def test_lines_that_name_the_student_go_and_no_others(lesson: Path) -> None:
    (lesson / "targets.csv").write_text(
        f"start_s;end_s;student;target;x_m;y_m\n0;5;{WHO};A;1;0,5\n5;9;S-01;at {WHO};2;0,5\n"
        "9;12;;C;1;1\n"
    )
    (lesson / "events.csv").write_text(f"time_s,label\n5,{WHO} came\n6,film\n7,S-022\n")
    (lesson / "notes.md").write_text(f"{WHO} sat\nothers did not\n")
    of = [{"student": WHO, "x": 1}, {"id": "S-03"}, f"with {WHO}", WHO]
    (lesson / "list.json").write_text(json.dumps({"of": of, WHO: 2, "n": 3}))
    (lesson / "mine.parquet").write_bytes(b"")
    pd.DataFrame({"who": [WHO, "x"], "n": [1, 2]}).to_parquet(lesson / "mine.parquet")
    said = forget(lesson, WHO)
    assert said.whole, str(said)
    targets = (lesson / "targets.csv").read_text().splitlines()
    assert targets[1:] == ["5;9;S-01;at (removed);2;0,5", "9;12;;C;1;1"]
    assert (lesson / "events.csv").read_text() == "time_s,label\n6,film\n7,S-022\n"
    assert (lesson / "notes.md").read_text() == "others did not\n"
    found = json.loads((lesson / "list.json").read_text())
    assert found == {"of": [{"id": "S-03"}, "with (removed)"], "n": 3}
    assert pd.read_parquet(lesson / "mine.parquet")["n"].tolist() == [2]


def packed(text: str) -> bytes:
    """A zip, as office files are."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", f"<w:t>{text}</w:t>")
    return out.getvalue()


THEIRS = {
    "notes.docx": packed(WHO), "notes.odt": packed(WHO), "old.zip": packed(WHO),
    "scan.pdf": b"%PDF-1.4 (S-02) Tj", "photo.jpg": b"\xff\xd8\xff\xfe\0\x06S-02\xff\xd9",
    "plan.html": f"<p>{WHO} at the window".encode(), "a.xml": f"<student>{WHO}".encode(),
    "latin.csv": f"Schüler;{WHO}".encode("latin-1"), "broken.json": f'{{"{WHO}": '.encode(),
    "broken.parquet": b"PAR1 S-02 PAR1", "list.npz": b"S-02", "odd.bin": b"\xff\0S-02\0",
    f"about {WHO}.txt": b"fine", f"{WHO}.dat": b"fine", f"{WHO}.png": PNG,
    f"runs/{WHO} notes.txt": b"fine", "sync.html": b"<h1>S-02 in sync",
    "runs/mine/report.html": b"S-02", "runs/mine/heatmaps.npz": b"S-02",
    "runs/mine/read me.txt": b"nobody",
}  # fmt: skip


def test_a_file_of_the_user_s_is_named_and_never_deleted(lesson: Path) -> None:
    """What cannot be written anew without the name stays to the byte, and so does a link."""
    for name, data in THEIRS.items():
        (lesson / name).parent.mkdir(parents=True, exist_ok=True)
        (lesson / name).write_bytes(data)
    outside = lesson.parent / f"{WHO}.odt"
    (lesson / "homework").symlink_to(outside)
    (lesson / "b.xml").write_text("<student>S-03</student>")
    (lesson / "left.mp4").write_bytes(b"S-02 in pixels")
    said = forget(lesson, WHO)
    assert not said.deleted and not said.whole and not said.lost
    assert {n: (lesson / n).read_bytes() for n in THEIRS} == THEIRS
    assert (lesson / "homework").readlink() == outside
    told = {line.split(":")[0] for line in said.remains}
    assert told == {*THEIRS, "homework", "runs/mine"} - {"runs/mine/read me.txt"}
    of_names = [line for line in said.remains if line.endswith(": look at it and rename it")]
    assert {line.split(":")[0] for line in of_names} == {n for n in THEIRS if WHO in n}
    assert any("left.mp4: it still shows the student" in k for k in said.kept)


def test_what_is_written_anew_and_still_names_the_student_is_told_as_both(lesson: Path) -> None:
    (lesson / f"{WHO}.txt").write_text(f"{WHO} sat\nothers did not\n")
    said = forget(lesson, WHO)
    assert (lesson / f"{WHO}.txt").read_text() == "others did not\n"
    assert f"{WHO}.txt: 1 lines went" in said.changed
    assert said.remains == [f"{WHO}.txt: look at it and rename it"]


@pytest.mark.parametrize("name", ["targets.csv", "gain.json", "truth/heads.parquet"])
def test_a_file_that_cannot_be_read_stays(lesson: Path, name: str) -> None:
    """It may be the user's own, written by another program."""
    (lesson / name).parent.mkdir(exist_ok=True)
    (lesson / name).write_bytes(b"start_s;Sch\xfcler\n0;1\n")
    said = forget(lesson, WHO)
    assert (lesson / name).read_bytes() == b"start_s;Sch\xfcler\n0;1\n" and not said.deleted
    (told,) = said.remains
    assert told.startswith(f"{name}: it cannot be read") and ".forgetting" not in told


@pytest.mark.parametrize(
    ("name", "data"),
    [("empty.npz", b""), ("cut.npz", b"PK\x03\x04"), ("deep.json", 100_000 * b"["),
     ("empty.parquet", b""), ("empty.zip", b"PK\x05\x06"), ("cut.tsv", b'"\0'),
     ("a.gz", b"\x1f\x8b")],
)  # fmt: skip
def test_a_damaged_file_is_in_nobody_s_way(lesson: Path, name: str, data: bytes) -> None:
    (lesson / name).write_bytes(data)
    assert forget(lesson, WHO).whole and (lesson / name).read_bytes() == data
    assert forget_video(lesson).proven


def test_a_folder_called_after_the_student_is_named(lesson: Path) -> None:
    (lesson / "by student" / WHO).mkdir(parents=True)
    (lesson / "by student" / "S-03").mkdir()
    (lesson / "by student" / WHO / "mine.txt").write_text("mine")
    said = forget(lesson, WHO)
    assert said.remains == [f"by student/{WHO}: a folder of that name; rename it"]
    assert (lesson / "by student" / WHO / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", [WHO, f"{WHO} again"])
def test_a_run_called_after_the_student_is_renamed_first(lesson: Path, name: str) -> None:
    """Exports' lists and audit.log say of which run they are."""
    run = run_of(lesson).rename(lesson / "runs" / name)
    export(run, "csv", lesson / "exports")
    audit(lesson, "export", format="csv", run=name, out=str(lesson / "exports"))
    before = world(lesson)
    with pytest.raises(PrivacyError, match=r"called after the student.*Rename the run's folder"):
        forget(lesson, WHO)
    assert world(lesson) == before
    run.rename(run.with_name("monday"))
    said = forget(lesson, WHO)
    assert said.proven and said.lost  # the export of a run that is not there any more
    assert not any(WHO.encode() in data for data in world(lesson).values())


def test_what_is_made_from_pixels_goes_and_is_made_again_at_need(lesson: Path) -> None:
    parts = run_of(lesson) / "parts"
    parts.mkdir()
    np.savez(parts / "00000.npz", x=np.zeros(3))
    (lesson / "sync.html").write_text(f'{GENERATOR}"><p>nobody by name, but everybody blurred')
    (lesson / "calibration.html").write_text(f'{GENERATOR}"><p>the cameras')
    said = forget(lesson, WHO)
    assert said.whole and not parts.exists() and not (lesson / "sync.html").exists()
    assert (lesson / "calibration.html").is_file()


def test_a_file_of_the_user_s_beside_the_chunks_stays(lesson: Path) -> None:
    parts = run_of(lesson) / "parts"
    parts.mkdir()
    for name in ("00000.npz", "mine.npz", "notes.txt"):
        (parts / name).write_bytes(b"mine")
    forget(lesson, "S-01")
    assert sorted(p.name for p in parts.iterdir()) == ["mine.npz", "notes.txt"]
    (parts / "00000.npz").write_bytes(b"ours")
    forget_video(lesson)
    Run(parts.parent).remove_parts()
    assert sorted(p.name for p in parts.iterdir()) == ["mine.npz", "notes.txt"]


@pytest.mark.parametrize("name", ["D", "A1", "png", "done", "T_AL", "tiger"])
def test_nobody_else_s_file_goes_for_a_word_that_it_is_written_with(
    tmp_path: Path, name: str
) -> None:
    """A picture's parts, a workbook's cells, our own keys: none of them is the student."""
    lesson = tmp_path / "lesson"
    run = write_lesson(lesson, rows([name, "x-1"]))
    room_rig().save(lesson / "rig.json")
    (lesson / "room.png").write_bytes(PNG + b"\0\0\0\x03pHYsD\0A" + bytes(4))
    openpyxl.Workbook().save(lesson / "notes.xlsx")
    (lesson / "audit.log").write_text('{"action": "export", "user": "tiger", "out": "/a/b"}\n')
    before = {n: (lesson / n).read_bytes() for n in ("rig.json", "room.png", "notes.xlsx")}
    said = forget(lesson, name)
    assert said.whole, str(said)
    assert {n: (lesson / n).read_bytes() for n in before} == before
    assert json.loads((run / "run.json").read_text())["state"] == "done"
    assert '"user": "tiger"' in (lesson / "audit.log").read_text()


@pytest.mark.parametrize("other", ["\u04101", "Al", "A  1", "a-1", "A1 b", "XA1"])
def test_whoever_has_a_name_that_looks_like_it_stays(tmp_path: Path, other: str) -> None:
    """Cyrillic А and Latin A, a part of another's name, one that is nearly it: two students."""
    one = "A 1" if other == "A  1" else "A1"
    run = write_lesson(
        tmp_path / "lesson", rows([one, other]), students=((one, (0.5, 3.0)), (other, (1.5, 3.0)))
    )
    mine = pd.read_parquet(run / "gaze.parquet").query("student == @other")["gaze_x_m"].tolist()
    (tmp_path / "lesson" / "notes.txt").write_text(f"{other} asks\n{one} asks\n")
    said = forget(tmp_path / "lesson", one)
    assert students(run) == [other] and said.whole
    assert pd.read_parquet(run / "gaze.parquet")["gaze_x_m"].tolist() == mine
    assert (tmp_path / "lesson" / "notes.txt").read_text() == f"{other} asks\n"
    alike = other in ("\u04101", "Al", "A  1")
    assert any("another student, whose name looks like" in line for line in said.kept) == alike
    with pytest.raises(PrivacyError, match="nothing in this lesson names this student"):
        forget(tmp_path / "lesson", one)  # nor is it taken for the other the second time


@pytest.mark.parametrize("name", ["id", "seat_m", "video", "chessboard", "True"])
def test_a_key_of_session_toml_names_nobody(tmp_path: Path, name: str) -> None:
    write_lesson(
        tmp_path / "lesson", rows(["S-01", name]), top='[board]\nkind = "chessboard"',
        students=((name, (0.5, 3.0)), ("S-01", (1.5, 3.0))),
    )  # fmt: skip
    said = forget(tmp_path / "lesson", name)
    assert said.whole, said.remains
    assert students(run_of(tmp_path / "lesson")) == ["S-01"]


@pytest.mark.parametrize("name", ["12", "row"])
def test_a_word_in_the_teacher_s_marks_is_named(tmp_path: Path, name: str) -> None:
    """Who is 12 may be meant by "12 came"; that a seat of 12's changed is sure."""
    lesson = tmp_path / "lesson"
    write_lesson(lesson, rows([name, "S-01"]), students=((name, (0.5, 3.0)),))
    events = lesson / "events.csv"
    events.write_text(
        f"time_s,label,end_s,kind\n12,film,,\n13,{name}: 1 3,,seat\n14,a: 1 3,,seat\n"
    )
    said = forget(lesson, name)
    assert said.whole and "events.csv: 1 changes of seat went" in said.changed
    assert any(k.startswith("a seat at x 1 m, z 3 m, to which") for k in said.kept)
    assert events.read_text() == "time_s,label,end_s,kind\n12,film,,\n14,a: 1 3,,seat\n"
    write_lesson(tmp_path / "other", rows([name, "S-01"]))
    (tmp_path / "other" / "events.csv").write_text(f"time_s,label\n5,{name} came\n")
    said = forget(tmp_path / "other", name)
    assert [r.split(":")[0] for r in said.remains] == ["events.csv"] and not said.whole


def test_a_short_name_in_bytes_is_named_and_not_deleted(tmp_path: Path) -> None:
    """It may stand there by chance."""
    lesson = tmp_path / "lesson"
    write_lesson(lesson, rows(["A1", "B1"]))
    (lesson / "odd.bin").write_bytes(b"\xff\x00A1\x00\xfe")
    said = forget(lesson, "A1")
    assert not said.proven and (lesson / "odd.bin").is_file()
    assert any("odd.bin: perhaps by chance" in r for r in said.remains)


def test_a_name_that_is_a_word_of_ours_goes_by_columns_and_keys(tmp_path: Path) -> None:
    lesson = tmp_path / "lesson"
    run = write_lesson(lesson, rows(["left", "S-01"]), quality={"seats": [{"student": "left"}]})
    (lesson / "notes.txt").write_text("left of the door\n")
    (lesson / "quiet.txt").write_text("nobody\n")
    head = "start_s,end_s,student,target,x_m,y_m\n"
    (lesson / "targets.csv").write_text(f"{head}0,5,left,at left,1,1\n5,9,S-01,left side,1,1\n")
    (lesson / "truth").mkdir()
    heads = lesson / "truth" / "heads.parquet"
    pd.DataFrame({"student": ["left", "S-01"]}).to_parquet(heads)
    said = forget(lesson, "left")
    assert students(run) == ["S-01"] and (lesson / "notes.txt").is_file()
    assert (lesson / "targets.csv").read_text() == f"{head}5,9,S-01,left side,1,1\n"
    assert pd.read_parquet(heads)["student"].tolist() == ["S-01"]
    (named,) = said.remains
    assert named.startswith("notes.txt: perhaps")


def test_a_number_among_students_in_files_of_the_user_s_goes(tmp_path: Path) -> None:
    """By column and key: what merely holds such a number stays."""
    lesson = tmp_path / "lesson"
    write_lesson(lesson, rows(["12", "S-01"]))
    (lesson / "marks.csv").write_text("student,points\n12,7\nS-01,12\n")
    (lesson / "list.txt").write_text("student\tpoints\n12\t7\nS-01\t12\n")
    groups = {"of": [{"student": "12", "n": 1}, {"student": "S-01", "n": "12 points"}], "n": 12}
    (lesson / "groups.json").write_text(json.dumps(groups))
    pd.DataFrame({"tier": ["12", "x"]}).to_csv(lesson / "odd.csv")
    pd.DataFrame({"student": ["12", "x"], "n": [3, 12]}).to_parquet(lesson / "mine.parquet")
    said = forget(lesson, "12")
    assert (lesson / "marks.csv").read_text() == "student,points\nS-01,12\n"
    assert (lesson / "list.txt").read_text() == "student\tpoints\nS-01\t12\n"
    of = {"of": [{"student": "S-01", "n": "12 points"}], "n": 12}
    assert json.loads((lesson / "groups.json").read_text()) == of
    assert pd.read_parquet(lesson / "mine.parquet")["n"].tolist() == [12]
    told = {r.split(":")[0]: "by chance" in r for r in said.remains}
    assert told.pop("odd.csv") is False and all(told.values())


def test_a_page_of_ours_that_still_names_the_student_stops_it(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a column or key, but in words: then the lesson stays as it was."""
    page = f'<html lang="en">{GENERATOR} 0.1"><p>{WHO}</p>'
    (run_of(lesson) / "report.html").write_text(page)
    before = world(lesson)

    def faulty(run: Path, **how: object) -> None:
        (run / "report.html").write_text(f"<p>{WHO}</p>")

    monkeypatch.setattr("gaze.privacy.made_again.write_report", faulty)
    with pytest.raises(PrivacyError, match=r"report\.html: the student could not be taken out"):
        forget(lesson, WHO)
    assert world(lesson) == before and [p.name for p in lesson.parent.iterdir()] == ["lesson"]


# -- heatmaps are known by their mark --------------------------------------------------------------


def test_pictures_without_our_mark_are_never_deleted(lesson: Path) -> None:
    maps = run_of(lesson) / "heatmaps"
    maps.mkdir()
    for name in ("class.png", "S-01.png", "my drawing.png"):
        (maps / name).write_bytes(PNG)
    said = forget(lesson, WHO)
    assert {p.name for p in maps.iterdir()} == {"class.png", "S-01.png", "my drawing.png"}
    assert all(p.read_bytes() == PNG for p in maps.iterdir())
    assert not said.proven
    assert any("class.png: a class's heatmap without our mark" in r for r in said.remains)


def test_a_camera_s_picture_among_the_heatmaps_goes_with_the_video(lesson: Path) -> None:
    maps = run_of(lesson) / "heatmaps"
    maps.mkdir()
    (maps / "class.png").write_bytes(marked_picture(PNG))
    (maps / "photo.png").write_bytes(PNG)
    (maps / "no ending").write_bytes(b"\xff\xd8\xff\xe0")
    (lesson / "left.mp4").write_bytes(b"x")
    (lesson / "film.dat").write_bytes(b"\0\0\0\x20ftypisom")
    (lesson / "page.html").write_text(f'{GENERATOR}"><img src="data:image/jpeg;base64,AAAA">')
    (lesson / "plain.html").write_text("<p>x</p>")
    said = forget_video(lesson)
    assert said.proven and [p.name for p in maps.iterdir()] == ["class.png"]
    assert set(said.deleted) == {"left.mp4", "film.dat", "page.html",
                                 *(f"runs/{maps.parent.name}/heatmaps/{n}" for n in
                                   ("photo.png", "no ending"))}  # fmt: skip
    assert (lesson / "plain.html").is_file() and said.searched_files > 3
    line = json.loads((lesson / "audit.log").read_text().splitlines()[-1])
    assert (line["action"], line["deleted"]) == ("forget video", 5)
    (lesson / "mine.html").write_text('<img src="data:image/jpeg;base64,AAAA">')
    said = forget_video(lesson)
    assert (lesson / "mine.html").is_file() and not said.deleted
    assert [r.split(":")[0] for r in said.remains] == ["mine.html"]


def test_what_goes_with_the_video_and_what_is_only_named(lesson: Path) -> None:
    """Caches and links go; the blackboard's photograph stays; no link is followed."""
    toml, away, run = lesson / "session.toml", lesson.parent / "away", run_of(lesson)
    toml.write_text(toml.read_text().replace("[blackboard]", '[blackboard]\npicture = "board.jpg"'))
    (lesson / "board.jpg").write_bytes(b"\xff\xd8\xff")
    for cache in (run / "parts", away / "parts"):
        cache.mkdir(parents=True)
        (cache / "0.npz").write_bytes(b"measures")
    (lesson / "runs" / "linked").symlink_to(away)
    (run / "previews").symlink_to(away)
    (away / "film").write_bytes(b"\0\0\0\x20ftypisom")
    (lesson / "left.mp4").symlink_to(away / "film")
    (lesson / "film").symlink_to(away / "film")
    (lesson / "gone").symlink_to(away / "nothing")
    said = forget_video(lesson)
    assert set(said.deleted) == {"left.mp4", "film", f"runs/{run.name}/parts/0.npz"}
    assert said.proven
    assert [p.name for p in sorted(away.rglob("*"))] == ["film", "parts", "0.npz"]
    assert not (run / "parts").exists() and (run / "previews").is_symlink()
    assert said.kept == [
        "board.jpg: the blackboard's photograph; delete it yourself if somebody is on it",
        *2 * [f"{away / 'film'}: the lesson only linked to it; delete it there"],
        *2 * [f"{away}: the lesson only links to it; not looked at"],
    ]
    left = [p for p in lesson.rglob("*") if p.is_symlink() or p.is_file()]
    assert said.searched_files == len(left) - (lesson / "audit.log").is_file()


# -- whole, or not at all --------------------------------------------------------------------------


def test_two_forgettings_at_once_are_refused(lesson: Path) -> None:
    before = world(lesson)
    with lesson_lock(lesson):
        for what in (lambda: forget(lesson, WHO), lambda: forget_video(lesson),
                     lambda: forget_everything(lesson)):  # fmt: skip
            with pytest.raises(SessionError, match="another command is at work"):
                what()
    assert world(lesson) == before


def test_what_an_interrupted_forgetting_left_is_taken_away(lesson: Path) -> None:
    """A copy, or the old lesson; a folder of that name that is no lesson stays."""
    for ending in ("", ".old"):
        beside = lesson.parent / f".lesson.forgetting{ending}"
        write_lesson(beside, rows(["S-09"]))
        assert lesson_folder(lesson) == lesson and not beside.exists()
        beside.mkdir()
        (beside / "mine").touch()
        assert lesson_folder(lesson) == lesson and (beside / "mine").is_file()
        if not ending:
            with pytest.raises(PrivacyError, match=r"forgetting: this is in the way\. Move it"):
                forget(lesson, WHO)
            assert (beside / "mine").is_file()
        (beside / "mine").unlink()
        beside.rmdir()
    lesson.rename(lesson.parent / ".lesson.forgetting.old")  # between two renames
    assert lesson_folder(lesson) == lesson and students(run_of(lesson)) == ["S-01", WHO, "S-03"]


@pytest.mark.parametrize("text", [b"", b"[blackboard", b"\xff\xfe\x80", b"blackboard = 5"])
def test_no_video_goes_by_a_configuration_that_cannot_be_read(lesson: Path, text: bytes) -> None:
    """It names the photograph that stays."""
    (lesson / "session.toml").write_bytes(text)
    (lesson / "left.mp4").write_bytes(b"film")
    before = world(lesson)
    if text == b"blackboard = 5":  # that can: it names none
        assert forget_video(lesson).deleted == ["left.mp4"]
        return
    with pytest.raises(UserError, match=r"session\.toml: "):
        forget_video(lesson)
    assert world(lesson) == before


@pytest.mark.parametrize("salt", [b"", b" \n", b"\xff\xfe"])
def test_a_damaged_salt_orders_nobody(lesson: Path, salt: bytes) -> None:
    (lesson / "salt.txt").write_bytes(salt)
    with pytest.raises(SessionError, match=r"salt\.txt: the lesson's salt is damaged"):
        export(run_of(lesson), "csv", lesson / "out", salted=True)
    assert (lesson / "salt.txt").read_bytes() == salt and not (lesson / "out").exists()


@pytest.mark.parametrize("ending", ["", ".old"])
def test_a_link_in_the_copy_s_place_is_not_followed(lesson: Path, ending: str) -> None:
    theirs = lesson.with_name("theirs")
    write_lesson(theirs, rows(["S-09"]))
    before = world(theirs)
    lesson.with_name(f".lesson.forgetting{ending}").symlink_to(theirs)
    with (
        pytest.raises(PrivacyError, match="in the way") if not ending else contextlib.nullcontext()
    ):
        forget(lesson, WHO)
    forget_everything(lesson)
    assert world(theirs) == before and not lesson.exists()
    with pytest.raises(PrivacyError, match="not a lesson"):  # nor is theirs taken for it
        forget_everything(lesson)
    assert world(theirs) == before


def test_the_folder_in_which_one_stands_goes_too(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lesson / "runs")
    assert forget_everything("..").whole and not lesson.exists()
    with pytest.raises(PrivacyError, match="a whole disk"):
        forget_everything("/")


def test_what_cannot_be_deleted_now_is_taken_away_by_the_next_call(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share keeps files that are open, and a call can be killed: session.toml goes last."""
    copy, kept = lesson.parent / ".lesson.forgetting", lesson.parent / ".lesson.forgetting" / "runs"

    def but_one(path: Path, ignore_errors: bool = False) -> None:
        if path != kept:
            rmtree(path, ignore_errors=ignore_errors)

    rmtree = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr("gaze.privacy.forget.shutil.rmtree", but_one)
        said = forget(lesson, WHO)
    assert not said.proven and any("the lesson as it was could not" in r for r in said.remains)
    assert sorted(p.name for p in copy.iterdir()) == ["runs", "session.toml"]
    assert forget(lesson, "S-03").whole and not copy.exists()
    kept = lesson / "runs"
    with monkeypatch.context() as patch:
        patch.setattr("gaze.privacy.forget.shutil.rmtree", but_one)
        said = forget_everything(lesson)
    assert f"{run_of(lesson)}/gaze.parquet: could not be deleted" in said.remains
    assert not any("gaze.parquet" in name for name in said.deleted)
    assert forget_everything(lesson).proven and not lesson.exists()


def test_what_leaves_a_lesson_that_cannot_be_written_is_refused(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a later forgetting would not know of it."""
    written, os_open = lesson / "audit.log", os.open

    def read_only(path: Path, *how: int) -> int:
        if path == written:
            raise OSError(errno.EROFS, "Read-only file system")
        return os_open(path, *how)

    monkeypatch.setattr("gaze.privacy.audit.os.open", read_only)
    out = lesson.parent / "page.html"
    with pytest.raises(SessionError, match=r"audit\.log: what leaves a lesson is noted in it"):
        went_out([Run(run_of(lesson))], "report", out)


def test_a_disk_without_links_and_rights(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT, exFAT, some shares: nothing is linked, no rights are set, folders are not exchanged."""

    def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("os.link", "shutil.copymode", "shutil.copystat"):
        monkeypatch.setattr(f"gaze.privacy.forget.{name}", refused)
    monkeypatch.setattr("gaze.privacy.forget.ctypes.CDLL", lambda *a, **k: None)
    assert forget(lesson, WHO).whole and WHO not in students(run_of(lesson))
    assert [p.name for p in lesson.parent.iterdir()] == ["lesson"]


def test_a_shell_that_stands_in_the_lesson_is_told(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lesson / "runs")
    said = forget("..", WHO)
    assert said.whole and any("your shell stands in the old folder" in k for k in said.kept)
    assert os.path.samefile(os.getcwd(), lesson / "runs")
    monkeypatch.chdir(lesson.parent)
    assert not any("shell" in k for k in forget("lesson", "S-01").kept)


def test_everything_goes_and_no_link_is_followed(lesson: Path) -> None:
    outside = lesson.parent / "archive.mp4"
    outside.write_bytes(b"somebody's")
    (lesson / "left.mp4").symlink_to(outside)
    (lesson.parent / "linked").symlink_to(lesson)
    with pytest.raises(PrivacyError, match=r"a link to a lesson.*Name the lesson itself"):
        forget_everything(lesson.parent / "linked")
    said = forget_everything(lesson)
    assert said.proven and not lesson.exists() and outside.read_bytes() == b"somebody's"
    assert "session.toml" in said.deleted and any("only linked" in k for k in said.kept)


@pytest.mark.parametrize("name", ["notes.txt", "events.csv", "runs/odd", "exp/.export.json"])
def test_a_link_that_leads_to_itself_is_in_nobody_s_way(lesson: Path, name: str) -> None:
    link = lesson / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(link.name)
    assert forget(lesson, WHO).whole and link.is_symlink()
    assert forget_video(lesson).proven and link.is_symlink()
    said = forget_everything(lesson)
    assert said.proven and name in said.deleted and not lesson.exists()


@pytest.mark.parametrize("put", [
    lambda log: log.mkdir(), lambda log: log.symlink_to("audit.log"),
    lambda log: log.symlink_to(log.parent.with_name("everybody's.log")),
])  # fmt: skip
def test_what_cannot_be_noted_is_not_done(lesson: Path, put) -> None:
    """A folder or a link is where a forgetting would be noted."""
    (lesson / "left.mp4").write_bytes(b"film")
    lesson.with_name("everybody's.log").write_text("theirs")
    put(lesson / "audit.log")
    before = world(lesson.parent)
    runs, out = [Run(run_of(lesson))], lesson.parent / "page.html"
    for how in (lambda: forget(lesson, WHO), lambda: forget_video(lesson),
                lambda: went_out(runs, "report", out)):  # fmt: skip
        with pytest.raises(SessionError, match=r"lesson/audit\.log: what leaves a lesson is noted"):
            how()
    assert world(lesson.parent) == before
    forget_everything(lesson)
    assert not lesson.exists()


def test_what_cannot_be_read_is_named_and_stops_no_other(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("audit.log", "a.html", "b.png", "left.mp4", "z.mp4"):
        (lesson / name).write_bytes(b"")
    (lesson / "z.mp4").write_bytes(b"film")
    unread = {lesson / name for name in ("audit.log", "a.html", "b.png", "left.mp4")}
    monkeypatch.setattr("gaze.privacy.forget._unreadable", unread.__contains__)
    said = forget_video(lesson)
    assert said.deleted == ["left.mp4", "z.mp4"] and (lesson / "b.png").exists()
    assert [x.split(": it cannot be read")[0] for x in said.remains] == [
        "a.html", "audit.log", "b.png",
    ]  # fmt: skip
    said = forget_everything(lesson)
    assert not lesson.exists() and not said.whole
    assert said.lost == ["audit.log: it could not be read; exports that it named are not known"]


@pytest.mark.parametrize("at", ["shutil.copyfile", "rewrite"])
def test_a_file_that_the_system_keeps_from_us_is_called_by_its_place_in_the_lesson(
    lesson: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the copy at work, which is gone when that is read; and no folder is to blame."""
    (lesson / "audit.log").write_text("")

    def refused(what: object, *_: object, **__: object) -> None:
        path = what if isinstance(what, Path) else what.folder / "audit.log"  # type: ignore[attr-defined]
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    before = world(lesson.parent)
    monkeypatch.setattr(f"gaze.privacy.forget.{at}", refused)
    with pytest.raises(PermissionError) as error:
        forget(lesson, WHO)
    assert lesson in Path(error.value.filename).parents
    assert world(lesson.parent) == before


@pytest.mark.parametrize("which", ["runs", "run", "file"])
def test_a_lesson_of_which_a_part_lies_behind_a_link_stays_as_it_was(
    lesson: Path, which: str
) -> None:
    """Nothing is changed through a link, and what stays is not proven gone."""
    run, away = run_of(lesson), lesson.parent / "away"
    moved = {"runs": lesson / "runs", "run": run, "file": run / "gaze.parquet"}[which]
    moved.rename(away)
    moved.symlink_to(away)
    before = world(lesson.parent)
    with pytest.raises(PrivacyError, match=r"is a link, and nothing is changed through one.*away"):
        forget(lesson, WHO)
    assert world(lesson.parent) == before
    assert any(str(away) in k for k in forget_video(lesson).kept) == away.is_dir()


@pytest.mark.parametrize("changed", [{}, {"state": "paused", "seconds": "12"}])
def test_a_run_of_another_version_is_not_forgotten_in_by_guess(lesson: Path, changed) -> None:
    path = run_of(lesson) / "run.json"
    write_json(path, {**json.loads(path.read_text()), "version": 2, **changed})
    before = world(lesson)
    with pytest.raises(PrivacyError, match=r"another version.*found version 2.*Update the program"):
        forget(lesson, WHO)
    assert world(lesson) == before
    forget_everything(lesson)
    assert not lesson.exists()


def mounted(monkeypatch: pytest.MonkeyPatch, *places: Path) -> None:
    """The system says that other disks are mounted at these places."""
    table = places[0].parents[1] / "mounts"
    at = [str(p).replace(" ", r"\040") for p in places]
    table.write_text("".join(f"36 35 98:0 / {p} rw,noatime - ext4 /dev/sdb rw\n" for p in at))
    monkeypatch.setattr("sessions.mounts.MOUNTS", table)


@pytest.mark.parametrize("how", [lambda f: forget(f, WHO), forget_video, forget_everything])
@pytest.mark.parametrize("place", ["shared films", "runs/2026-03-02T0900"])
def test_nothing_is_deleted_where_another_disk_is_mounted(
    how, place: str, lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lesson / place).mkdir(exist_ok=True)
    (lesson / place / "left.mp4").write_bytes(b"theirs")
    mounted(monkeypatch, lesson / place)
    before = world(lesson)
    with pytest.raises(PrivacyError, match=r"is mounted in this lesson.*Unmount it first"):
        how(lesson)
    assert world(lesson) == before
    mounted(monkeypatch, lesson.with_name("elsewhere"))
    how(lesson)


def test_a_lesson_that_is_a_disk_itself(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy can take its place; its videos can be deleted, and all that lies on it."""
    mounted(monkeypatch, lesson)
    (lesson / "left.mp4").write_bytes(b"film")
    before = world(lesson)
    with pytest.raises(PrivacyError, match=r"a mounted folder itself.*Move the lesson into a fold"):
        forget(lesson, WHO)
    assert world(lesson) == before
    assert forget_video(lesson).proven and not (lesson / "left.mp4").exists()


def test_a_folder_that_becomes_a_link_amid_the_deletion(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films, theirs = lesson / "films", lesson.with_name("theirs")
    for folder in (films, theirs):
        folder.mkdir()
        (folder / "a.mp4").write_bytes(b"film")

    def swap(path: Path) -> bool:
        if not films.is_symlink():
            films.rename(lesson.with_name("away"))
            films.symlink_to(theirs)
        return path.suffix == ".mp4"

    monkeypatch.setattr("gaze.privacy.forget._is_camera_picture", swap)
    said = forget_video(lesson)
    assert not said.proven and "films/a.mp4: its folder has become a link" in said.remains[0]
    assert (theirs / "a.mp4").read_bytes() == b"film"


def test_a_link_of_the_user_s_is_named_where_it_leads_to_the_student(lesson: Path) -> None:
    away = lesson.parent / "away"
    away.mkdir()
    (away / "notes.txt").write_text("S-03 and others")
    (lesson / "mine").symlink_to(away)
    assert forget(lesson, WHO).whole  # nobody is there
    said = forget(lesson, "S-03")
    assert not said.proven and f"mine: a link to {away}, where the student is named" in said.remains
    assert (away / "notes.txt").read_text() == "S-03 and others"


@pytest.mark.parametrize("one_step", [True, False])
def test_two_folders_change_places(
    tmp_path: Path, one_step: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one step where the system knows it; else in three, undone where one of them fails."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / folder.name).touch()
    renames, rename = list[Path](), os.rename

    def told(source: Path, target: Path) -> None:
        renames.append(source)
        rename(source, target)

    def full(source: Path, target: Path) -> None:
        if source == one:
            raise OSError(errno.EIO, "no")
        rename(source, target)

    if one_step and sys.platform != "linux":
        pytest.skip("Linux alone has such a step")
    if not one_step:
        monkeypatch.setattr("gaze.privacy.forget.ctypes.CDLL", lambda *a, **k: None)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", told)
        exchange(one, other)
    assert (one / "other").is_file() and (other / "one").is_file()
    assert len(renames) == (0 if one_step else 3)
    if not one_step:
        monkeypatch.setattr(os, "rename", full)
        with pytest.raises(OSError, match="no"):
            exchange(one, other)
        assert (one / "other").is_file() and (other / "one").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "other"]


def test_a_folder_in_which_no_copy_can_be_made(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    before = world(lesson.parent)
    monkeypatch.setattr("gaze.privacy.forget.os.link", refused)
    monkeypatch.setattr("gaze.privacy.forget.shutil.copyfile", refused)
    with pytest.raises(PrivacyError, match=r"cannot be made.*Make that folder writable"):
        forget(lesson, WHO)
    assert world(lesson.parent) == before


# -- run.json, gain.json ---------------------------------------------------------------------------


def test_counts_of_the_work_leave_run_json(lesson: Path) -> None:
    run = run_of(lesson)
    info = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {**info, "faces_seen": 4711})
    assert forget(lesson, WHO).whole
    after = json.loads((run / "run.json").read_text())
    assert "faces_seen" not in after and after["settings"] == info["settings"]


def test_a_gain_that_cannot_be_fitted_again_goes_and_is_named(lesson: Path) -> None:
    GAIN.save(lesson / "gain.json")
    said = forget(lesson, WHO)
    assert said.proven and not said.whole and not (lesson / "gain.json").exists()
    assert [x.split(":")[0] for x in said.lost] == ["gain.json"]


@pytest.mark.parametrize("of", ["lesson", "elsewhere"])
def test_a_copy_of_a_validation_that_is_not_made_again_goes(lesson: Path, of: str) -> None:
    """One of another lesson, brought here for the report, stays."""
    spread = Spread(mean=1.0, median=1.0, p90=1.0)
    errors = Errors(n=5, gaze_cm=spread, gaze_bias_cm=(0.0, 0.0))
    copy = lesson / "validation.json"
    Validation(overall=errors, run=lesson.parent / of / "runs" / run_of(lesson).name).write(copy)
    before = copy.read_bytes()
    said = forget(lesson, WHO)
    if of == "lesson":
        assert not copy.exists() and said.lost == [
            "validation.json: of a run that is not validated any more; not made again"
        ]
    else:
        assert copy.read_bytes() == before and said.whole


# -- the system's faults are no file's -------------------------------------------------------------


@pytest.mark.parametrize(
    "at", ["gaze.parquet", "quality.json", "run.json", "events.csv", "out.csv"]
)
def test_on_a_full_disk_nothing_is_given_up_for_lost(
    lesson: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file it is that does not fit: the lesson stays as it was."""
    (lesson / "events.csv").write_text(f"time_s,label\n5,{WHO} came\n")
    export(run_of(lesson), "visits", lesson / "mine" / "out.csv")
    before, replace = world(lesson), os.replace

    def full(aside: Path, path: Path) -> None:
        if Path(path).name == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(aside, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(DiskFullError):
            forget(lesson, WHO)
    assert world(lesson) == before and [p.name for p in lesson.parent.iterdir()] == ["lesson"]
    assert forget(lesson, WHO).whole


@pytest.mark.parametrize(
    ("error", "raised"),
    [(DiskFullError("full"), True), (OSError(errno.EIO, "x"), True), (OSError("damaged"), False),
     (FileNotFoundError(errno.ENOENT, "x"), False), (UserError("x"), False), (ValueError(), False)],
)  # fmt: skip
def test_which_errors_are_a_file_s(error: Exception, raised: bool) -> None:
    with pytest.raises(type(error)) if raised else contextlib.nullcontext():
        unless_of_the_system(error)


def test_a_full_disk_while_the_lesson_is_copied(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    before = world(lesson)
    monkeypatch.setattr("gaze.privacy.forget.os.link", full)
    monkeypatch.setattr("gaze.privacy.forget.shutil.copyfile", full)
    with pytest.raises(OSError, match="no space") as said:
        forget(lesson, WHO)
    assert said.value.errno == errno.ENOSPC
    assert world(lesson) == before and [p.name for p in lesson.parent.iterdir()] == ["lesson"]
