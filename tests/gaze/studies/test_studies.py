"""Studies over lessons: codes against a run, tables, contributions, workbooks, methods."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from gaze.commands.app import app
from gaze.exports import ExportError, export
from gaze.studies.agree import AgreeError, agree
from gaze.studies.lessons import StudyError, notes, sigma_of, take
from gaze.studies.methods import methods
from gaze.studies.pool import (
    PLACES,
    Contribution,
    Estimate,
    contribute,
    pool,
    read_contribution,
    write_contribution,
)
from gaze.studies.table import write_study_table
from sessions.simulation.simulate import Options
from sessions.simulation.truth_only import write_truth_only
from tests.gaze.lessons import THIRDS, gaze_table, write_lesson

N = 200  # moments of 0.2 s


def lesson(left: float = 0.5, students: int = 6) -> pd.DataFrame:
    """Students who look at the left third for a share of the lesson, then at the right one."""
    t = np.arange(N) * 0.2
    frames = []
    for k in range(students):
        x = np.where(t < 40 * (left + 0.02 * (k - (students - 1) / 2)), 3.4, 0.6)
        points = np.stack([x, np.full(N, 0.6)], 1)
        nose = np.tile([0.6 * k, 0.3, 3.0 + 1.5 * (k % 2)], (N, 1))
        frames.append(gaze_table(t, np.full(N, f"S-0{k + 1}"), np.full(N, "ok"), points, 0.05,
                                 nose))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lessons of a class."""
    folder = tmp_path_factory.mktemp("study") / "lessons"
    for k, left in enumerate((0.3, 0.5, 0.6)):
        write_lesson(folder / f"week{k}", lesson(left), areas=THIRDS, title=f"lesson {k}")
    return folder


@pytest.fixture
def run(folder: Path) -> Path:
    return next((folder / "week1" / "runs").iterdir())


CODES = """student,start_s,end_s,area
S-01,0,19,left third
S-01,19,40,RIGHT THIRD
S-02,0,20,left third
S-02,20,40,notes
"""


def test_codes_against_a_run(run: Path, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(CODES)
    found = agree(run, tmp_path / "codes.csv", names={"notes": "down"})
    c = found.confusion
    assert list(c.columns) == ["left third", "right third", "down"] and c.to_numpy().sum() == 2 * N
    assert c.loc["down", "right third"] == pytest.approx(100, abs=4)  # the coder saw notes there
    assert c.loc["down", "down"] == 0 and c.loc["left third", "right third"] == 11
    assert found.overall.agreement == pytest.approx(0.75, abs=0.03)
    assert found.overall.students == 2 and found.overall.low <= found.overall.kappa
    assert found.of_area["left third"].kappa > 0.9 and found.of_area["down"].kappa == 0
    assert set(found.of_row) == {1, 2} and found.of_row[1].kappa > 0.9 > found.of_row[2].kappa
    assert np.isnan(found.of_row[1].low)  # one student has no spread


def test_codes_that_do_not_count_are_counted(run: Path, tmp_path: Path) -> None:
    """Two places at once, and times of another film."""
    (tmp_path / "codes.csv").write_text(
        "student,start_s,end_s,area\nS-01,0,12,left third\nS-01,8,19,down\nS-01,8,10,left third\n"
        "S-01,500,900,down\n"
    )
    found = agree(run, tmp_path / "codes.csv")
    assert (found.coded_twice, found.codes_outside) == (20, 1)
    assert found.confusion.loc["left third"].sum() == 40 and found.overall.moments == 75
    (tmp_path / "same.csv").write_text(
        "student,start_s,end_s,area\nS-01,0,12,left third\nS-01,8,19,LEFT THIRD\n"
    )
    assert agree(run, tmp_path / "same.csv").coded_twice == 0
    with pytest.raises(AgreeError, match=r"a code that is not there; found notes, expected LEFT"):
        agree(run, tmp_path / "same.csv", names={"notes": "down"})


def test_codes_of_the_whole_board(run: Path, tmp_path: Path) -> None:
    text = "student,start_s,end_s,area\nS-01,0,20,board\nS-01,20,40,away\n"
    (tmp_path / "codes.csv").write_text(text)
    found = agree(run, tmp_path / "codes.csv")
    assert found.confusion.loc["board", "board"] == 100 and found.overall.agreement == 0.5


@pytest.mark.parametrize(
    "line, said",
    [("S-01,0,5,window", "line 2: a code that is no place.*found window, expected left third"),
     ("Zoe,0,5,down", "line 2: a code of nobody in this run; found Zoe"),
     ("S-01,0,,down", "line 2: a code without an end"),
     ("S-01,900,905,down", "no code falls on a measured moment"), ("", "there are no codes")],
)  # fmt: skip
def test_codes_that_cannot_be(run: Path, tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "codes.csv").write_text(f"student,start_s,end_s,area\n{line}\n")
    with pytest.raises(AgreeError, match=said):
        agree(run, tmp_path / "codes.csv")


def test_a_tidy_table_over_lessons(folder: Path, tmp_path: Path) -> None:
    n, notes = write_study_table([folder], tmp_path / "study.csv")
    table = pd.read_csv(tmp_path / "study.csv")
    assert (
        notes == [] and len(table) == n == 3 * 6 * 7
    )  # lessons, students, six states and the board
    assert set(json.loads((tmp_path / "study.json").read_text())) == set(table.columns)
    left = table[table["area"] == "left third"].groupby("lesson")["share"].mean()
    np.testing.assert_allclose(left, [0.3, 0.5, 0.6], atol=0.02)
    assert table["student_in_lesson"].nunique() == 18 and (table["share_sigma"] >= 0).all()
    assert "study-table" in (folder / "week0" / "audit.log").read_text()
    with pytest.raises(ExportError, match="must not lie in one of them"):
        write_study_table([folder], folder / "week0" / "tables" / "study.csv")


def test_a_lesson_in_which_nobody_is_left_adds_no_rows(folder: Path, tmp_path: Path) -> None:
    """Everybody has been forgotten."""
    empty = lesson().iloc[:0]
    write_lesson(tmp_path / "empty", empty)
    rows, _ = write_study_table([folder, tmp_path / "empty"], tmp_path / "both.csv")
    alone, _ = write_study_table([folder], tmp_path / "one.csv")
    assert rows == alone > 0
    assert write_study_table([tmp_path / "empty"], tmp_path / "none.csv")[0] == 0


def test_taking_lessons(folder: Path, run: Path, tmp_path: Path) -> None:
    assert [t.name for t in take([run])] == ["week1"]
    with pytest.raises(StudyError, match="named twice"):
        take([folder, run])
    with pytest.raises(StudyError, match="no finished run"):
        take([tmp_path])
    other = write_lesson(tmp_path / "b" / "week1", lesson())
    names = [t.name for t in take([run, other])]
    assert names == [f"lessons/week1/{run.name}", f"b/week1/{other.name}"]


def test_sigma_of_bands_that_end_at_the_edge() -> None:
    """A share of 1 with a band down to 0.9 is not known twice as well as one of 0.5 ± 0.1."""
    found = sigma_of([0.5, 1.0, 0.0, 0.98], [0.4, 0.9, 0.0, 0.88], [0.6, 1.0, 0.1, 1.0])
    np.testing.assert_allclose(found, 0.1 / 1.96)
    np.testing.assert_allclose(sigma_of([1.0], [1.0], [1.0]), 0)


def test_what_makes_lessons_less_alike_is_said(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "class")
    toml = tmp_path / "class" / "week1" / "session.toml"
    toml.write_text(toml.read_text().replace("date = 2026-03-02\n", "").replace("[2.66", "[2.26"))
    info = next((tmp_path / "class" / "week2" / "runs").iterdir()) / "run.json"
    info.write_text(info.read_text().replace('"classroom-gaze": "', '"classroom-gaze": "9'))
    shutil.rmtree(tmp_path / "class" / "week0" / "runs")
    write_lesson(tmp_path / "class" / "week3", lesson(), areas=THIRDS)
    left_out: list[str] = []
    taken = take([tmp_path / "class"], left_out)
    assert left_out == ["left out: week0: no finished run"]
    date, area, version = notes(taken)
    assert date.startswith("week1: no date") and "analysed by several versions" in version
    assert area == "week2, week3: 'left third' lies elsewhere on the board than in week1"
    assert notes(take([folder])) == []
    page = tmp_path / "page.html"
    said = CliRunner().invoke(app, ["compare", str(tmp_path / "class"), "--out", str(page)])
    assert said.exit_code == 0 and "note left out: week0" in said.stderr
    assert "week0: no finished run" in page.read_text(encoding="utf-8")


def test_what_a_school_gives_and_gets(folder: Path, tmp_path: Path) -> None:
    given = contribute(take([folder]), "boards")
    assert given.lessons == 3 and given.students == 6
    assert given.estimates["board"].share == pytest.approx(1, abs=0.01)
    path = tmp_path / "school.json"
    write_contribution(path, given)
    assert read_contribution(path) == given
    text = path.read_text()
    assert not any(word in text for word in ("week", "S-0", "lesson 1", "third", "2026"))
    other = given.model_copy(update={"lessons": 2})
    assert pool([given, other])["board"].schools == 2
    with pytest.raises(StudyError, match="there twice"):
        pool([given, given])
    with pytest.raises(StudyError, match="different studies"):
        pool([given, given.model_copy(update={"study": "x"})])
    with pytest.raises(StudyError, match="two schools"):
        pool([given])
    for name in ("", "x" * 81, "a\nb"):
        with pytest.raises(StudyError, match="no name of a study"):
            contribute(take([folder]), name)


def test_pooled_bands_are_shares() -> None:
    """Two schools that differ know next to nothing, but a share is 0 to 1."""
    at = {"share": 1.0, "se": 0.01}
    one = Contribution(
        version="1", study="x", lessons=1, students=9, estimates=dict.fromkeys(PLACES, at)
    )  # type: ignore[arg-type]
    other = one.model_copy(update={"estimates": {p: Estimate(share=0.5, se=0.01) for p in PLACES}})
    found = pool([one, other])["board"]
    assert (found.low, found.high) == (0, 1) and found.share == pytest.approx(0.75)


def test_fewer_than_five_students_give_nothing(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "small", lesson(students=4))
    with pytest.raises(StudyError, match="fewer than five"):
        contribute(take([run]), "boards")


AT = {"share": 0.5, "se": 0.1}


@pytest.mark.parametrize(
    "change, said",
    [({"students": 4}, "students"), ({"teacher": "x"}, "teacher"), ({"estimates": {"x": {}}}, "x"),
     ({"kind": "other"}, "kind"), ({"estimates": {"board": AT}}, "off_board, down, away missing"),
     ({"estimates": {p: AT | {"share": float("nan")} for p in PLACES}}, "finite"),
     ({"estimates": {p: AT | {"se": 0} for p in PLACES}}, "greater than 0")],
)  # fmt: skip
def test_no_contribution(tmp_path: Path, change: dict, said: str) -> None:
    value = {"version": "1", "study": "x", "lessons": 1, "students": 9,
             "estimates": dict.fromkeys(PLACES, AT)} | change  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(StudyError, match=f"no contribution.*{said}"):
        read_contribution(tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(StudyError, match="no JSON"):
        read_contribution(tmp_path / "b.json")


def test_a_workbook_without_formulas(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "a", lesson(), areas=THIRDS)
    (book,) = export(run, "xlsx", tmp_path / "out")
    sheets = openpyxl.load_workbook(book)
    assert sheets.sheetnames == ["students", "student_areas", "class_areas", "timeline", "visits",
                                 "columns"]  # fmt: skip
    assert sheets["students"]["A2"].value == "S-01"
    cells = [c for sheet in sheets for row in sheet.iter_rows() for c in row]
    assert not any(c.data_type == "f" for c in cells)
    words = {(r[0].value, r[1].value) for r in sheets["columns"].iter_rows(min_row=2)}
    for name in sheets.sheetnames[:-1]:
        assert {(name, c.value) for c in sheets[name][1]} <= words


HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1+2",
    "@SUM(A1)",
    "\t=1",
    "bell\x07\x00;=1+1",
    "-7",
    "＝1+1",
]


def test_a_workbook_runs_nothing_and_holds_no_moment(tmp_path: Path) -> None:
    """Hostile texts, read back: no formula, no control character; numbers stay numbers. Made again
    later, it is the same to the byte."""
    frames = [
        gaze_table(np.arange(300) * 0.5, np.full(300, who), np.full(300, "ok"),
                   np.tile([1.0 + i / 9, 0.3], (300, 1)), 0.1) for i, who in enumerate(HOSTILE)
    ]  # fmt: skip
    run = write_lesson(tmp_path / "a", pd.concat(frames), areas=THIRDS)
    (book,) = export(run, "xlsx", tmp_path / "out")
    sheets = openpyxl.load_workbook(book)
    cells = [c for sheet in sheets for row in sheet.iter_rows() for c in row]
    assert not any(c.data_type == "f" for c in cells)
    texts = [c.value for c in cells if isinstance(c.value, str)]
    for text in texts:
        for part in re.split(r"[;\r\n]", text):
            assert not part.lstrip(" ").startswith(tuple("=+-@\t＝")), text
        assert all(c.isprintable() or c in "\t\r\n" for c in text), repr(text)
    names = {c.value for c in sheets["students"]["A"][1:]}
    assert names == {"'=HYPERLINK(\"http://x\",\"y\")", "'+1+2", "'@SUM(A1)", "'\t'=1",
                     "bell��;'=1+1", "'-7", "'＝1+1"}  # fmt: skip
    rows = sheets["students"].iter_rows(min_row=2, values_only=True)
    assert all(any(isinstance(v, float) for v in row) for row in rows)
    first = book.read_bytes()
    time.sleep(2.1)  # a zip's clock counts two seconds
    assert export(run, "xlsx", tmp_path / "again")[0].read_bytes() == first


def test_a_methods_paragraph(run: Path) -> None:
    text = methods(run)
    assert "6 students were measured every 0.2 s over 0.7 min" in text
    assert "not validated at marked points" in text and "No correction" in text
    assert "S-0" not in text and "nan" not in text


def test_the_methods_of_a_simulation_say_so(run: Path, tmp_path: Path) -> None:
    drawn = write_truth_only(tmp_path / "l", Options(seconds=10, fps=1, seed=1))
    assert methods(drawn).startswith("NOTHING WAS MEASURED")
    assert "MEASURE" not in methods(run)


def test_commands(folder: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(CODES)
    call = CliRunner().invoke
    out = str(tmp_path / "school.json")
    for command, key in (
        (["agree", str(run), str(tmp_path / "codes.csv"), "--name", "notes=down"], "confusion"),
        (["power", str(folder), "--area", "left third"], "lessons"),
        (["power", "--lesson-sd", "5", "--student-sd", "15"], "power"),
        (["study-table", str(folder), "--out", str(tmp_path / "t.csv")], "rows"),
        (["contribute", str(folder), "--study", "x", "--out", out], "estimates"),
        (["methods", str(run)], "methods"),
    ):
        said = call(app, [*command, "--json"])
        assert said.exit_code == 0, said.output
        assert key in json.loads(said.stdout)
    shown = call(app, ["agree", str(run), str(tmp_path / "codes.csv"), "--name", "notes=down"])
    assert shown.exit_code == 0 and "kappa" in shown.stdout
    refused = call(app, ["power", str(run)])
    assert refused.exit_code == 2 and "not known" in refused.output
    for more, why in (
        (["--students", "0", "--lesson-sd", "5", "--student-sd", "5"], "found 0"),
        ([str(folder), "--design", "paired"], "not how much their differences do"),
    ):
        refused = call(app, ["power", *more])
        assert refused.exit_code == 2 and why in refused.output
    other = json.loads(Path(out).read_text()) | {"version": "9.9"}
    (tmp_path / "other.json").write_text(json.dumps(other))
    pooled = call(app, ["pool", out, str(tmp_path / "other.json"), "--json"])
    assert "9.9 measured" in pooled.stderr and json.loads(pooled.stdout)["board"]["schools"] == 2
