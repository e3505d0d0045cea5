"""gaze/catalog/catalog.py: answers that are known, what must be left out, what must stay shut."""

from __future__ import annotations

import builtins
import contextlib
import csv
import datetime as dt
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gaze.catalog.catalog import QUESTIONS, Catalog, CatalogError, format_answer
from gaze.commands.app import app
from gaze.measures.states import MEASURED
from sessions.run import Run
from sessions.tables import GAZE, STUDENTS, write_table
from sessions.validation import Errors, Spread, Validation

duckdb = pytest.importorskip("duckdb", reason="the extra `catalog` is not installed")

TODAY = dt.date(2026, 6, 1)


def make_lesson(
    folder: Path, date: str | None, *, title: str = "7b", extra: str = "", width_m: float = 4.0
) -> Path:
    """A session folder with nothing in it but its session.toml."""
    folder.mkdir(parents=True)
    (folder / "session.toml").write_text(
        f'title = "{title}"\n' + (f"date = {date}\n" if date else "") + extra +
        f"[blackboard]\nwidth_m = {width_m}\nheight_m = 1.2\n"
        '[cameras.left]\nvideo = "l.mp4"\n[cameras.right]\nvideo = "r.mp4"\n'
    )  # fmt: skip
    return folder


def filled(columns, values: dict[str, object], n: int) -> pd.DataFrame:
    """A whole table of which only some columns matter."""
    frame = {}
    for c in columns:
        blank = "" if c.dtype in ("category", "str") else 0
        frame[c.name] = values.get(c.name, np.repeat(blank, n))
    return pd.DataFrame(frame)


def make_run(
    lesson: Path, name: str, students: dict[str, tuple[int, list[str]]], **settings: object
) -> Run:
    """A finished run. ``students``: pseudonym → (row, statuses of its moments).

    ``ok`` lies on the board, ``off_board`` 9 m to its left, the others have no point.
    """
    run = Run.create(lesson / "runs" / name, dict(settings))
    status = [s for _, moments in students.values() for s in moments]
    who = [n for n, (_, moments) in students.items() for _ in moments]
    x = [{"ok": 1.0, "off_board": 9.0}.get(s, np.nan) for s in status]
    values = {
        "time_s": np.arange(len(status)) / 5, "student": who, "status": status,
        "gaze_x_m": x, "gaze_y_m": np.where(np.isnan(x), np.nan, 0.5),
    }  # fmt: skip
    write_table(filled(GAZE, values, len(status)), run.gaze_path, "gaze")
    measured = [sum(s in MEASURED for s in moments) for _, moments in students.values()]
    rows = {
        "student": list(students), "row": [r for r, _ in students.values()],
        "moments": [len(moments) for _, moments in students.values()],
        "coverage": [k / len(m) for k, (_, m) in zip(measured, students.values(), strict=True)],
        "board_share": [m.count("ok") / k if k else np.nan
                        for k, (_, m) in zip(measured, students.values(), strict=True)],
    }  # fmt: skip
    write_table(filled(STUDENTS, rows, len(students)), run.students_path, "students")
    run.update(state="done")
    return run


@pytest.fixture
def lessons(made_once: Path, tmp_path: Path) -> Path:
    """Three lessons in two weeks; row 4's share of board time is 1/2 and 3/4."""
    return Path(shutil.copytree(made_once, tmp_path, dirs_exist_ok=True))


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lessons")
    one = make_lesson(folder / "monday's", "2026-03-02", title="fractions")
    make_run(one, "r1", {"A": (4, ["ok", "ok", "ok", "ok"])})  # older: must not count
    make_run(one, "r2", {
        "A": (4, ["ok", "ok", "ok", "off_board"]),           # 3/4
        "B": (4, ["away", "ok", "away", "away", "no_face"]),  # 1/4 of the measured four
        "C": (1, ["ok"]),
    })  # fmt: skip
    two = make_lesson(folder / "deeper/friday", "2026-03-06")
    make_run(two, "r1", {"A": (4, ["off_board", "ok"]), "D": (2, ["no_face", "no_face"])})
    three = make_lesson(folder / "next-week", "2026-03-09")
    make_run(three, "r1", {"A": (4, ["ok", "ok", "ok", "away"])})
    return folder


def test_board_time_in_row_4_by_week(lessons: Path) -> None:
    with Catalog.open(lessons, today=TODAY) as catalog:
        answer = catalog.ask("board-share-by-week", row=4)
        assert answer["week"].tolist() == ["2026-W10", "2026-W11"]
        # Students have equal weight: (3/4 + 1/4 + 1/2) / 3, whatever number of moments they have.
        assert answer["board_share"].tolist() == pytest.approx([0.5, 0.75])
        assert answer["lessons"].tolist() == [2, 1]
        assert answer["students"].tolist() == [3, 1]
        assert answer["measured_moments"].tolist() == [10, 4]
        assert catalog.left_out == ()
        by_row = catalog.ask("board-share-by-row")
        assert by_row["row"].tolist() == [1, 2, 4]
        share = by_row["board_share"].tolist()
        assert share[0] == 1.0 and np.isnan(share[1])  # never measured is not 0
        assert share[2] == pytest.approx((3 / 4 + 1 / 4 + 1 / 2 + 3 / 4) / 4)
        assert by_row["students"].tolist() == [1, 0, 4]


def test_the_command_asks_about_any_row(lessons: Path) -> None:
    command = ["catalog", str(lessons), "--question", "board-share-by-week", "--csv"]
    for row, students in (("2", []), ("4", ["3", "1"])):
        result = CliRunner().invoke(app, [*command, "--row", row])
        assert result.exit_code == 0
        rows = list(csv.DictReader(io.StringIO(result.stdout.strip())))
        assert [r["students"] for r in rows if r["board_share"]] == students
    result = CliRunner().invoke(
        app, ["catalog", str(lessons), "--question", "coverage-by-lesson", "--row", "1"]
    )
    assert result.exit_code == 2 and "no such parameter" in " ".join(result.stderr.split())


def test_own_sql_over_the_views(lessons: Path) -> None:
    with Catalog.open(lessons, today=TODAY) as catalog:
        count = catalog.sql("SELECT lesson, count(*) AS n FROM gaze GROUP BY 1 ORDER BY 1")
        assert dict(zip(count["lesson"], count["n"], strict=True)) == {
            "monday's": 10, "deeper/friday": 4, "next-week": 4,
        }  # fmt: skip
        both = catalog.sql(
            "SELECT run, count(*) AS n FROM all_gaze WHERE title = 'fractions' GROUP BY ALL "
            "ORDER BY run"
        )
        assert both.values.tolist() == [["r1", 4], ["r2", 10]]
        assert catalog.sql("SELECT count(*) AS n FROM students")["n"].tolist() == [6]
        gaze = catalog.sql("SELECT * FROM gaze LIMIT 1")
        assert {c.name for c in GAZE} | {"lesson", "run", "week", "row", "on_board"} <= set(gaze)


def test_runs_tell_what_they_are(lessons: Path) -> None:
    folder = lessons / "next-week/runs/r1"
    spread = Spread(mean=40.0, median=31.5, p90=80.0)
    errors = Errors(n=50, gaze_cm=spread, gaze_bias_cm=(1.0, 2.0))
    Validation(overall=errors, run=folder).write(folder / "validation.json")
    make_run(lessons / "next-week", "r9", {"A": (1, ["ok"])}, head="truth")
    with Catalog.open(lessons, today=TODAY) as catalog:
        runs = catalog.sql("SELECT * FROM runs").set_index(["lesson", "run"])
        assert len(runs) == 5
        assert runs.loc[("next-week", "r1"), "validation_gaze_cm"] == 31.5
        assert runs.loc[("next-week", "r1"), "validation_n"] == 50
        assert pd.isna(runs.loc[("monday's", "r2"), "validation_gaze_cm"])
        assert runs.loc[("monday's", "r2"), "measured_share"] == pytest.approx(0.9)
        assert runs.loc[("monday's", "r2"), "students"] == 3
        # Newest, but fed with the true heads: the lesson keeps its real run.
        newest = runs[runs["newest"]].index.tolist()
        assert ("next-week", "r1") in newest and ("monday's", "r2") in newest and len(newest) == 3
        assert len(catalog.summary()) == 5


def test_a_single_lesson_and_one_without_a_date(tmp_path: Path) -> None:
    lesson = make_lesson(tmp_path / "alone", None)
    make_run(lesson, "r1", {"A": (4, ["ok"])})
    with Catalog.open(lesson) as catalog:
        runs = catalog.sql("SELECT lesson, date, week FROM runs")
        assert runs["lesson"].tolist() == ["alone"]
        assert runs[["date", "week"]].isna().all(axis=None)
        assert catalog.ask("board-share-by-week")["board_share"].tolist() == [1.0]


def test_what_cannot_be_used_is_left_out_with_its_reason(lessons: Path) -> None:
    expired = make_lesson(lessons / "old", "2026-01-01", extra="retention_days = 30\n")
    make_run(expired, "r1", {"A": (4, ["ok"])})
    make_run(lessons / "next-week", "r2", {"A": (4, ["away"])}).update(version=99)
    make_run(lessons / "next-week", "r3", {"A": (4, ["away"])}).update(state="running")
    gone = make_run(lessons / "next-week", "r4", {"A": (4, ["away"])})
    gone.students_path.unlink()
    other = make_run(lessons / "next-week", "r5", {"A": (4, ["away"])})
    pd.DataFrame({"time_s": [1.0]}).to_parquet(other.gaze_path)
    broken = make_run(lessons / "next-week", "r6", {"A": (4, ["away"])})
    broken.gaze_path.write_bytes(b"PAR1 cut off")
    with Catalog.open(lessons, today=TODAY) as catalog:
        why = {r.folder.name: r.reason for r in catalog.left_out}
        assert set(why) == {"old", "r2", "r3", "r4", "r5", "r6"}
        assert "retention time is over" in why["old"] and "2026-01-01" in why["old"]
        assert "another version" in why["r2"] and "99" in why["r2"]
        assert "not finished" in why["r3"]
        assert why["r4"] == "the run lacks students.parquet"
        assert "another version (no column frame_left" in why["r5"]
        assert "cannot be read" in why["r6"]
        assert str(catalog.left_out[0]).count(catalog.left_out[0].reason) == 1
        lessons_in = catalog.sql("SELECT DISTINCT lesson FROM gaze")["lesson"].tolist()
        assert "old" not in lessons_in and len(lessons_in) == 3
        # Before it expired it was in.
    with Catalog.open(lessons, today=dt.date(2026, 1, 5)) as catalog:
        assert "old" in catalog.sql("SELECT DISTINCT lesson FROM gaze")["lesson"].tolist()


# {gaze}: a run's table; {out}: a new path beside it
NOT_READING = [
    "COPY gaze TO '{out}' (FORMAT parquet)",
    "COPY gaze TO '{gaze}' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY (SELECT 1) TO '{gaze}' (FORMAT csv)",
    "COPY runs FROM '{gaze}'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "ATTACH '{gaze}' AS other",
    "DETACH memory",
    "USE memory",
    "CREATE TABLE t AS SELECT * FROM gaze",
    "CREATE VIEW v AS SELECT 1",
    "CREATE OR REPLACE VIEW gaze AS SELECT 1 AS student",
    "CREATE MACRO f() AS 1",
    "CREATE PERSISTENT SECRET (TYPE s3)",
    "INSERT INTO _runs SELECT * FROM _runs",
    "UPDATE _runs SET title = 'x'",
    "DELETE FROM _counts",
    "TRUNCATE _counts",
    "ALTER TABLE _runs RENAME TO r",
    "DROP VIEW gaze",
    "COMMENT ON VIEW gaze IS 'x'",
    "INSTALL httpfs",
    "FORCE INSTALL spatial",
    "LOAD httpfs",
    "LOAD '{out}'",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET temp_directory = '{out}'",
    "RESET enable_external_access",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "PREPARE q AS SELECT 1",
    "EXECUTE q",
    "SELECT 1; DROP VIEW gaze",
    "SELECT 1; COPY gaze TO '{out}'",
    "WITH x AS (SELECT 1) INSERT INTO _counts SELECT * FROM x",
    "EXPLAIN ANALYZE COPY gaze TO '{out}'",
    "SELECT * FROM read_parquet('{gaze}')",
    "SELECT * FROM '{gaze}'",
    "SELECT * FROM read_csv('{toml}')",
    "SELECT * FROM read_text('{toml}')",
    "SELECT * FROM read_blob('{toml}')",
    "SELECT * FROM glob('{toml}')",
    "SELECT * FROM parquet_metadata('{gaze}')",
    "SELECT * FROM read_csv('https://example.org/a.csv')",
    "SELECT * FROM query('COPY gaze TO ''{out}''')",
    "",
]


@pytest.mark.parametrize("walls", [1, 2])
@pytest.mark.parametrize("statement", NOT_READING)
def test_a_question_reads_these_runs_and_nothing_else(
    lessons: Path, statement: str, walls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also were the first wall (kinds of statements) down: no file is read or written."""
    home = lessons / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    places = {
        "gaze": lessons / "monday's/runs/r2/gaze.parquet",
        "toml": lessons / "monday's/session.toml",
        "out": lessons / "out",
    }
    before = {p: p.read_bytes() for p in lessons.rglob("*") if p.is_file()}
    question = statement.format(**{k: str(v).replace("'", "''") for k, v in places.items()})
    with Catalog.open(lessons, today=TODAY) as catalog:
        if walls == 2:
            with pytest.raises(CatalogError):
                catalog.sql(question)
            assert len(catalog.sql("SELECT DISTINCT student FROM gaze"))
        else:
            kinds = [k for k in dir(duckdb.StatementType) if k.isupper()]
            monkeypatch.setattr("gaze.catalog.catalog.READS", kinds)
            with contextlib.suppress(CatalogError):
                catalog.sql(question)
    assert {p: p.read_bytes() for p in lessons.rglob("*") if p.is_file()} == before
    assert not places["out"].exists()


@pytest.mark.parametrize(
    "question",
    ["DESCRIBE gaze", "SHOW TABLES", "SUMMARIZE students", "FROM runs", "EXPLAIN FROM gaze",
     "WITH a AS (FROM gaze) SELECT count(*) FROM a", "VALUES (1)",
     "SELECT * FROM (PIVOT gaze ON status IN ('ok') USING count(*) GROUP BY student)"],
)  # fmt: skip
def test_every_way_to_read_is_open(lessons: Path, question: str) -> None:
    with Catalog.open(lessons, today=TODAY) as catalog:
        assert len(catalog.sql(question)) > 0


def test_a_hidden_copy_of_a_lesson_is_not_counted(lessons: Path) -> None:
    """Such as lies there for a moment while a student is being forgotten."""
    shutil.copytree(lessons / "monday's", lessons / ".monday's.forgetting")
    with Catalog.open(lessons, today=TODAY) as catalog:
        assert len(catalog.sql("SELECT DISTINCT lesson FROM all_gaze")) == 3


def test_a_wrong_question_is_one_clear_error(lessons: Path) -> None:
    with Catalog.open(lessons, today=TODAY) as catalog:
        with pytest.raises(CatalogError, match=r"cannot be answered; found .*nosuch.*catalog\.md"):
            catalog.sql("SELECT nosuch FROM gaze")
        with pytest.raises(CatalogError, match="no such ready question; found moods"):
            catalog.ask("moods")
        with pytest.raises(CatalogError, match="no such parameter; found week"):
            catalog.ask("board-share-by-week", week=3)


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_every_ready_question_runs_and_is_documented(lessons: Path, question: str) -> None:
    with Catalog.open(lessons, today=TODAY) as catalog:
        assert len(catalog.ask(question)) > 0
    page = (Path(__file__).parents[3] / "docs/catalog.md").read_text(encoding="utf-8")
    assert question in page


def test_nothing_to_open(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no such folder"):
        Catalog.open(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match="no finished run lies under this folder; found none"):
        Catalog.open(tmp_path)
    old = make_lesson(tmp_path / "old", "2020-01-01", extra="retention_days = 1\n")
    make_run(old, "r1", {"A": (4, ["ok"])})
    with pytest.raises(CatalogError, match=r"1 left out, first .*retention time is over"):
        Catalog.open(tmp_path)


def test_without_duckdb_the_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    real = builtins.__import__

    def no_duckdb(name, *args, **kwargs):
        if name == "duckdb":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_duckdb)
    with pytest.raises(CatalogError, match=r"DuckDB, which is not installed.*\[catalog\]"):
        Catalog.open(tmp_path)


def test_answers_as_table_csv_and_json(lessons: Path) -> None:
    with Catalog.open(lessons, today=TODAY) as catalog:
        answer = catalog.ask("board-share-by-row")
    assert format_answer(answer, "csv").splitlines()[0].startswith("row,board_share")
    rows = json.loads(format_answer(answer, "json"))
    assert rows[1] == {
        "row": 2, "board_share": None, "lessons": 1, "students": 0, "measured_moments": 0
    }  # fmt: skip
    table = format_answer(answer)
    assert "–" in table and "1.000" in table
    assert format_answer(answer.iloc[:0]) == "(no rows)"
