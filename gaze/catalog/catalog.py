"""Many lessons, one question: SQL over the tables of all finished runs (``gaze catalog FOLDER``).

Arrow reads the Parquet files where they lie and hands the rows to DuckDB, which itself may open no
file: nothing is copied and nothing is written. Views and ready questions: docs/catalog.md. Needs
the extra ``catalog``.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from calibration.errors import UserError
from gaze.exports.common import harmless
from gaze.measures.measures import board_shares
from gaze.measures.states import MEASURED
from gaze.report.lesson import load_lesson
from sessions.events.marks import excluded_s, read_marks
from sessions.folder import Session
from sessions.names import composed
from sessions.run import Run
from sessions.tables import TABLES, WITH_POINT
from sessions.validation import Validation

if TYPE_CHECKING:
    import duckdb

Format = Literal["table", "csv", "json"]
READS = ("SELECT", "EXPLAIN")  # DuckDB's kinds of statements that change nothing


class CatalogError(UserError):
    """A catalog that cannot be opened, or a question that cannot be answered."""


@dataclass(frozen=True)
class LeftOut:
    """A run (or a whole lesson) that is not in the catalog, and why."""

    folder: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.reason}"


@dataclass(frozen=True)
class Question:
    """A ready question: SQL with named parameters (``$row``), and what they are by default."""

    sql: str
    meaning: str
    defaults: dict[str, Any] = field(default_factory=dict)


# Every student has equal weight; a student's own share is the measures' (docs/attention.md).
_SHARES = """
    SELECT {key}, avg(board_share) AS board_share, count(DISTINCT lesson) AS lessons,
           count(board_share) AS students,
           sum(round(moments * coverage))::BIGINT AS measured_moments
    FROM students {where} GROUP BY ALL ORDER BY ALL
"""

QUESTIONS = {
    "board-share-by-week": Question(
        _SHARES.format(where='WHERE "row" = $row', key="week"),
        "share of measured time on the blackboard in one row of seats, by week",
        {"row": 4},
    ),
    "board-share-by-row": Question(
        _SHARES.format(where="", key='"row"'),
        "share of measured time on the blackboard by row of seats, over all lessons",
    ),
    "coverage-by-lesson": Question(
        """SELECT lesson, week, title, count(DISTINCT student) AS students,
                  count(*) FILTER (WHERE measured) / count(*) AS measured_share
           FROM gaze GROUP BY ALL ORDER BY ALL""",
        "share of all student-moments that were measured, by lesson",
    ),
}


class Catalog:
    """The finished runs under a folder as views; a context manager around one DuckDB connection.

    Views ``gaze`` and ``students`` hold each lesson's newest run, so that no lesson counts twice;
    ``all_gaze`` and ``all_students`` every finished run; ``runs`` a row for each (docs/catalog.md).
    A question is one SELECT: it can read these runs, no file, and it changes nothing.

    Parameters
    ----------
    folder : what was searched.
    left_out : runs and lessons that are not, each with its reason.
    newest : each lesson's newest run (its folder), the one that ``gaze`` and ``students`` hold.
    """

    def __init__(
        self,
        folder: Path,
        left_out: tuple[LeftOut, ...],
        connection: duckdb.DuckDBPyConnection,
        newest: tuple[Path, ...],
    ) -> None:
        self.folder, self.left_out = folder, left_out
        self.newest = newest
        self._connection = connection

    @classmethod
    def open(cls, folder: str | Path, *, today: dt.date | None = None) -> Catalog:
        """Find the runs under a folder of lessons (or one lesson) and make the views.

        A run that is unfinished, of another version or damaged, and every run of a lesson whose
        retention time is over or whose session.toml cannot be read, is left out with its reason.

        Raises
        ------
        CatalogError : DuckDB is not installed, no such folder, or no run in it that can be read.
        """
        try:
            import duckdb
        except ImportError as error:
            raise CatalogError(
                "the catalog needs DuckDB, which is not installed",
                remedy="pip install 'classroom-gaze[catalog]'",
            ) from error
        folder = Path(folder)
        if not folder.is_dir():
            raise CatalogError("there is no such folder", where=folder)
        rows, left_out = _find_runs(folder, today)
        if not rows:
            found = "none" if not left_out else f"{len(left_out)} left out, first {left_out[0]}"
            raise CatalogError(
                "no finished run lies under this folder",
                where=folder,
                found=found.rstrip("."),
                remedy="`gaze analyze` makes one.",
            )
        never: dict[str, Any] = {
            "autoinstall_known_extensions": False,  # DuckDB would download them
            "autoload_known_extensions": False,
            "temp_directory": "",  # else .tmp in the working directory
        }
        connection = duckdb.connect(":memory:", config=never)
        _make_views(connection, rows)
        newest = tuple(Path(row["gaze_file"]).parent for row in rows if row["newest"])
        return cls(folder, left_out, connection, newest)

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def sql(self, query: str, parameters: dict[str, Any] | None = None) -> pd.DataFrame:
        """The answer to a question in DuckDB's SQL: one SELECT (or EXPLAIN of one).

        Raises
        ------
        CatalogError : the query is wrong, writes, or touches what it may not.
        """
        import duckdb

        try:
            kinds = [s.type.name for s in self._connection.extract_statements(composed(query))]
            if len(kinds) != 1 or kinds[0] not in READS:
                raise CatalogError(
                    "a question to the catalog only reads, and is one statement",
                    found=", ".join(kinds) or "nothing",
                    expected="one SELECT",
                )
            return self._connection.execute(composed(query), parameters or {}).df()
        except duckdb.Error as error:
            # DuckDB's first lines say what is wrong; the drawing of the query is left out.
            said = str(error).split("\n\nLINE")[0].replace("\n", " ")
            raise CatalogError(
                "this question cannot be answered",
                found=said,
                remedy="The views and their columns are in docs/catalog.md.",
            ) from error

    def ask(self, question: str, **parameters: Any) -> pd.DataFrame:
        """One of the ready :data:`QUESTIONS`, e.g. ``ask("board-share-by-week", row=4)``.

        Raises
        ------
        CatalogError : no such question or parameter.
        """
        if question not in QUESTIONS:
            raise CatalogError(
                "there is no such ready question", found=question, expected=", ".join(QUESTIONS)
            )
        ready = QUESTIONS[question]
        unknown = set(parameters) - set(ready.defaults)
        if unknown:
            raise CatalogError(
                f"the question {question} has no such parameter",
                found=", ".join(sorted(unknown)),
                expected=", ".join(ready.defaults) or "none",
            )
        return self.sql(ready.sql, {**ready.defaults, **parameters})

    def summary(self) -> pd.DataFrame:
        """A row for each run: what it is, how much was measured, its own validation error."""
        return self.sql(
            """SELECT lesson, run, newest, week, title, students, measured_share, gain,
                      validation_gaze_cm
               FROM runs ORDER BY lesson, run"""
        )


def format_answer(answer: pd.DataFrame, as_format: Format = "table") -> str:
    """An answer as text: a plain table, CSV, or JSON (a list of objects; missing = null)."""
    if as_format == "csv":
        return str(harmless(answer).to_csv(index=False))
    if as_format == "json":
        return json.dumps(json.loads(answer.to_json(orient="records", date_format="iso")), indent=1)
    if answer.empty:
        return "(no rows)"
    return str(answer.to_string(index=False, na_rep="–", float_format=lambda v: f"{v:.3f}"))


def _find_runs(
    folder: Path, today: dt.date | None
) -> tuple[list[dict[str, Any]], tuple[LeftOut, ...]]:
    """A row of the view ``runs`` for each usable run under ``folder``, and what is left out."""
    rows: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    by_lesson: dict[Path, list[Path]] = {}
    for info in sorted(folder.rglob("runs/*/run.json")):
        if any(part.startswith(".") for part in info.relative_to(folder).parts):
            continue  # a run or lesson in the making, or being forgotten
        by_lesson.setdefault(info.parent.parent.parent, []).append(info.parent)
    for lesson, run_folders in by_lesson.items():
        try:
            session = Session.open(lesson, today=today)
        except UserError as error:
            left_out.append(LeftOut(lesson, _reason(error)))
            continue
        found = []
        for run_folder in run_folders:
            try:
                found.append(_run_row(session, Run.open(run_folder), folder))
            except UserError as error:
                left_out.append(LeftOut(run_folder, _reason(error)))
            except (OSError, ValueError, pa.ArrowException) as error:
                left_out.append(LeftOut(run_folder, f"it cannot be read: {error}"))
        if found:
            # A run that was fed the simulator's truth stands for the lesson only where it is alone.
            order = {composed(f.name): k for k, f in enumerate(session.run_folders())}
            newest = max(found, key=lambda r: (not r["truth"], order.get(r["run"], -1)))
            newest["newest"] = True
        rows += found
    return rows, tuple(left_out)


def _reason(error: UserError) -> str:
    """What an error says, without the place (it stands before it already)."""
    found = f" ({error.found})" if error.found is not None else ""
    return f"{error.what}{found}"


def _run_row(session: Session, run: Run, root: Path) -> dict[str, Any]:
    """One row of the view ``runs``.

    Raises
    ------
    CatalogError : a table is missing, or has other columns than this version's.
    """
    for table, path in (("gaze", run.gaze_path), ("students", run.students_path)):
        if not path.is_file():
            raise CatalogError(f"the run lacks {path.name}")
        have = set(pq.read_schema(path).names)
        missing = [c.name for c in TABLES[table] if c.name not in have]
        if missing:
            raise CatalogError(
                "the run was made by another version", found=f"no column {', '.join(missing[:3])}"
            )
    config, info = session.config, run.info()
    path = run.folder / "validation.json"
    errors = Validation.read(path).overall if path.is_file() else None
    lesson = session.folder.resolve().relative_to(root.resolve()).as_posix()
    iso = config.date.isocalendar() if config.date else None
    left_out = _excluded(session)
    return {
        "lesson": composed(session.folder.resolve().name if lesson == "." else lesson),
        "run": composed(run.folder.name),
        "newest": False,
        "date": config.date,
        "week": f"{iso.year}-W{iso.week:02d}" if iso else None,
        "title": config.title,
        "board_width_m": config.blackboard.width_m,
        "board_height_m": config.blackboard.height_m,
        "gain": info.gain is not None,
        "truth": "truth" in (info.head, info.nose),
        "validation_n": errors and errors.n,
        "validation_gaze_cm": errors and errors.gaze_cm.median,
        "validation_head_deg": errors and errors.head_deg and errors.head_deg.median,
        "gaze_file": str(run.gaze_path.resolve()),
        "students_file": str(run.students_path.resolve()),
        "excluded": list(left_out),
        "shares": _shares_without(run) if left_out else [],
    }


def _excluded(session: Session) -> tuple[tuple[float, float], ...]:
    path = session.events_path
    return excluded_s(read_marks(path)) if path.is_file() else ()


def _shares_without(run: Run) -> list[tuple[str, int, float, float]]:
    """Student, moments, coverage and share of the board without the lesson's excluded segments;
    students.parquet has them of the whole recording."""
    lesson = load_lesson(run.folder)
    share = board_shares(lesson.gaze, lesson.board)
    seen = lesson.gaze.assign(measured=lesson.gaze["status"].isin(MEASURED))
    counts = seen.groupby(seen["student"].astype(str))["measured"].agg(["size", "mean"])
    return [
        (str(name), int(n), float(coverage), share.get(str(name), float("nan")))
        for name, n, coverage in counts.itertuples()
    ]


# The columns of the view ``runs``, but for what is counted in the tables, and the two files.
_RUNS = pa.schema(
    {
        "lesson": pa.string(),
        "run": pa.string(),
        "newest": pa.bool_(),
        "date": pa.date32(),
        "week": pa.string(),
        "title": pa.string(),
        "board_width_m": pa.float64(),
        "board_height_m": pa.float64(),
        "gain": pa.bool_(),
        "truth": pa.bool_(),
        "validation_n": pa.int64(),
        "validation_gaze_cm": pa.float64(),
        "validation_head_deg": pa.float64(),
        "gaze_file": pa.string(),
        "students_file": pa.string(),
    }
)


def _of_run(files: list[str], table: str) -> ds.Dataset:
    """The rows of a table in all runs, and ``_run``: which of them. Arrow reads, when asked."""
    kinds = {"category": pa.string(), "str": pa.string()}
    columns = {c.name: kinds.get(c.dtype) or pa.from_numpy_dtype(c.dtype) for c in TABLES[table]}
    return ds.FileSystemDataset.from_paths(
        files,
        schema=pa.schema({**columns, "_run": pa.int32()}),
        format=ds.ParquetFileFormat(),
        filesystem=LocalFileSystem(),
        partitions=[ds.field("_run") == i for i in range(len(files))],
    )


def _make_views(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    """runs, gaze, students, all_gaze, all_students; then no way to any file at all."""
    runs = pa.Table.from_pylist(rows, schema=_RUNS)
    connection.execute("CREATE TABLE _excluded (_run INTEGER, start_s DOUBLE, end_s DOUBLE)")
    connection.execute("""CREATE TABLE _shares (_run INTEGER, student VARCHAR, moments BIGINT,
                                                coverage DOUBLE, board_share DOUBLE)""")
    for table in ("excluded", "shares"):
        values = [[k, *value] for k, row in enumerate(rows) for value in row[table]]
        if values:
            marks = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO _{table} VALUES ({marks})", values)
    for kind in ("gaze", "students"):
        connection.register(f"_{kind}", _of_run(runs[f"{kind}_file"].to_pylist(), kind))
    number = pa.array(range(runs.num_rows), pa.int32())
    found = runs.drop_columns(["gaze_file", "students_file"]).append_column("_run", number)
    connection.register("_found", found)
    connection.execute("CREATE TABLE _runs AS SELECT * FROM _found")
    connection.unregister("_found")
    named = {
        kind: ", ".join(f't."{c.name}"' for c in TABLES[kind]) for kind in ("gaze", "students")
    }
    for column in ("moments", "coverage", "board_share"):  # without what the lesson leaves out
        named["students"] = named["students"].replace(
            f't."{column}"', f'coalesce(s."{column}", t."{column}") AS "{column}"'
        )
    counted = """NOT EXISTS (SELECT 1 FROM _excluded x WHERE x._run = t._run
                             AND t.time_s >= x.start_s AND t.time_s < x.end_s)"""
    points = ", ".join(f"'{status}'" for status in WITH_POINT)
    connection.execute(f"""
        CREATE VIEW all_students AS
        SELECT r.lesson, r.run, r.newest, r.date, r.week, r.title, {named["students"]}
        FROM _students t JOIN _runs r USING (_run)
        LEFT JOIN _shares s ON s._run = t._run AND s.student = t.student
    """)
    # The gaze table knows no rows of seats; students.parquet of the same run does.
    connection.execute(f"""
        CREATE VIEW all_gaze AS
        SELECT r.lesson, r.run, r.newest, r.date, r.week, r.title, s."row",
               t.status IN ({points}, 'away') AS measured,
               t.status IN ({points}) AND t.gaze_x_m BETWEEN 0 AND r.board_width_m
                   AND t.gaze_y_m BETWEEN 0 AND r.board_height_m AS on_board,
               {named["gaze"]}
        FROM _gaze t JOIN _runs r USING (_run)
        LEFT JOIN _students s ON s._run = t._run AND s.student = t.student
        WHERE {counted}
    """)
    for kind in ("gaze", "students"):
        connection.execute(
            f"CREATE VIEW {kind} AS SELECT * EXCLUDE (newest) FROM all_{kind} WHERE newest"
        )
    # Counted once, here: questions about runs need not read the large tables again.
    connection.execute(f"""
        CREATE TABLE _counts AS
        SELECT _run, count(*) AS moments, count(DISTINCT student) AS students,
               count(*) FILTER (WHERE status IN ({points}, 'away')) / count(*) AS measured_share
        FROM _gaze t WHERE {counted} GROUP BY _run
    """)
    connection.execute("""
        CREATE VIEW runs AS
        SELECT r.* EXCLUDE (_run), coalesce(c.students, 0) AS students,
               coalesce(c.moments, 0) AS rows, c.measured_share
        FROM _runs r LEFT JOIN _counts c USING (_run)
    """)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
