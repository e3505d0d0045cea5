"""What lies outside a lesson: tables over lessons lose its rows, or are named."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from calibration.errors import UserError
from gaze.commands.app import app
from gaze.exports import export
from gaze.privacy.forget import forget, forget_everything
from gaze.studies.table import write_study_table
from sessions.run import is_exported
from tests.gaze.lessons import THIRDS, big_lesson, write_lesson

WHO = "S-02"
NAMES = ("monday", "tuesday")


@pytest.fixture
def lessons(tmp_path: Path) -> Path:
    """Two lessons of a class of five, with equal pseudonyms."""
    folder = tmp_path / "lessons"
    gaze = big_lesson(rows=2, columns=3, minutes=1)
    gaze = gaze[gaze["student"] != "S-06"]
    for name in NAMES:
        write_lesson(folder / name, gaze, areas=THIRDS, title=name)
    return folder


def test_a_table_over_lessons_loses_the_lesson_s_rows_and_no_other_s(
    lessons: Path, tmp_path: Path
) -> None:
    """The others' shares rest on the student as well, so theirs go, too, and are made again by the
    command; the other lesson's stay to the byte, and the table stays known as ours."""
    out = tmp_path / "study.csv"
    write_study_table([lessons], out)
    before = out.read_text().splitlines()
    said = forget(lessons / "monday", WHO)
    assert said.proven and not said.whole
    (line,) = said.lost
    assert line.startswith(f"{out}: the lesson's 35 rows") and "gaze study-table" in line
    tuesday = [r for r in before if not r.startswith("monday,")]
    assert out.read_text().splitlines() == tuesday and is_exported(out)
    write_study_table([lessons], out)  # as the line says
    again = pd.read_csv(out)
    monday = again[again["lesson"] == "monday"]
    assert WHO not in set(monday["student"]) and len(monday) == 4 * 7
    assert out.read_text().splitlines()[-35:] == before[-35:]
    assert not forget(lessons / "tuesday", WHO).whole
    assert WHO not in out.read_text() and "monday/S-01" in out.read_text()


def test_a_table_that_was_changed_stays_and_is_named(lessons: Path, tmp_path: Path) -> None:
    out = tmp_path / "study.csv"
    write_study_table([lessons], out)
    mine = out.read_text() + "my,own,line\n"
    out.write_text(mine)
    said = forget(lessons / "monday", WHO)
    assert not said.proven and out.read_text() == mine
    (line,) = (r for r in said.remains if str(out) in r)
    assert "a table over lessons with rows made with the student" in line and "changed" in line


def test_every_page_and_file_outside_the_lesson_is_named(lessons: Path, tmp_path: Path) -> None:
    """A report elsewhere, or of another lesson that this one is compared with; a page over lessons;
    what was given to a study. Of what a lesson had no part in, its forgetting says nothing."""
    run = {name: str(next((lessons / name / "runs").glob("[!.]*"))) for name in NAMES}
    outs = {k: str(tmp_path / k) for k in ("own.html", "page.html", "catalog.html", "given.json")}
    for words in (
        ["report", run["monday"], "--out", outs["own.html"]],
        ["report", run["tuesday"], "--compare", run["monday"]],
        ["compare", str(lessons), "--out", outs["page.html"]],
        ["catalog", str(lessons), "--out", outs["catalog.html"]],
        ["contribute", str(lessons), "--study", "x", "--out", outs["given.json"]],
    ):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    said = {name: forget(lessons / name, WHO).lost for name in NAMES}
    report = Path(run["tuesday"]) / "report.html"
    named = {line.split(": ")[0] for line in said["monday"]}
    assert named == {*outs.values(), str(report)}
    assert {x.split(": ")[0] for x in said["tuesday"] if "outside the lesson" in x} == {
        outs["page.html"], outs["catalog.html"], outs["given.json"]
    }  # fmt: skip
    assert any("what was given to a study (ask there, too)" in line for line in said["monday"])


def test_an_export_s_own_files_are_named_not_the_folder_that_they_lie_in(
    lessons: Path, tmp_path: Path
) -> None:
    """With it may lie what is somebody else's; and as long as it is there, not all is done."""
    (run,) = (lessons / "monday" / "runs").glob("[!.]*")
    (tmp_path / "thesis.txt").write_text("years")
    export(run, "csv", tmp_path / "of monday.csv")
    export(run, "visits", tmp_path / "visits")
    for left in (["of monday.csv", "visits"], ["visits"], []):
        said = forget(lessons / "monday", f"S-0{2 + len(left)}")
        assert said.lost == [
            f"{tmp_path / name}: an export outside the lesson; delete it yourself" for name in left
        ]
        assert said.proven and said.whole is (not left)
        (tmp_path / "of monday.csv").unlink(missing_ok=True)
        if len(left) == 1:
            shutil.rmtree(tmp_path / "visits")


def test_a_table_that_is_gone_or_that_never_had_the_student_says_nothing(
    lessons: Path, tmp_path: Path
) -> None:
    gone, other = tmp_path / "gone.csv", tmp_path / "tuesday.csv"
    write_study_table([lessons], gone)
    write_study_table([lessons / "tuesday"], other)
    os.remove(gone)
    before = other.read_bytes()
    said = forget(lessons / "monday", WHO)
    assert said.whole and str(gone) not in str(said) and other.read_bytes() == before
    assert (lessons / "monday" / "audit.log").is_file()


def test_a_link_in_a_table_s_place_is_not_followed(lessons: Path, tmp_path: Path) -> None:
    out, target = tmp_path / "study.csv", tmp_path / "target.csv"
    write_study_table([lessons], out)
    out.rename(target)
    out.symlink_to(target)
    before = target.read_bytes()
    forget(lessons / "monday", WHO)
    assert target.read_bytes() == before


def test_a_lesson_that_goes_whole_names_what_lies_elsewhere(lessons: Path, tmp_path: Path) -> None:
    out = tmp_path / "study.csv"
    write_study_table([lessons], out)
    said = forget_everything(lessons / "monday")
    assert f"{out}: a table over lessons outside the lesson; delete it yourself" in said.lost
    assert out.is_file() and not (lessons / "monday").exists()


KILLED = """
import os, sys
import gaze.exports as exports
really = os.replace
def replace(a, b):  # as the power goes when the first file is to be moved out
    os._exit(9) if ".export-" in str(a) and ".export-" not in str(b) else really(a, b)
os.replace = replace
exports.export(sys.argv[1], "csv", sys.argv[2])
"""


def test_a_killed_export_is_named_and_cleared_by_the_next(lessons: Path, tmp_path: Path) -> None:
    lesson = lessons / "monday"
    (run,) = (lesson / "runs").iterdir()
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, str(run), str(out / "gaze.csv")])
    (left,) = tmp_path.rglob(".export-*")
    assert done.returncode == 9 and any(p.name == "gaze.csv" for p in left.iterdir())
    said = forget(lesson, WHO)
    assert any(r.startswith(f"{left}: what an export that was killed left") for r in said.remains)
    export(run, "csv", left.parent / "out2" / "gaze.csv")
    assert not left.exists()
    (left.parent / left.name).mkdir()
    (left / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="this is in the way"):
        export(run, "csv", left.parent / "out3" / "gaze.csv")
    assert (left / "mine.txt").read_text() == "mine"
