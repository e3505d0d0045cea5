"""What all export formats share: where they come from, and how files are written."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from calibration.errors import UserError
from gaze.measures.measures import Measures, measures
from gaze.privacy.pseudonyms import lesson_salt, pseudonyms
from gaze.report.lesson import Lesson, load_lesson
from sessions.run import atomic_write, write_json


class ExportError(UserError):
    """An export that cannot be written."""


@dataclass(frozen=True)
class Source:
    """A run ready for export: its lesson (pseudonyms replaced if asked) and measures."""

    lesson: Lesson
    measures: Measures
    names: dict[str, str]


Writer = Callable[..., list[Path]]  # (source, out, **options)
FORMATS: dict[str, Writer] = {}
FOLDERS: set[str] = set()  # formats of several tables
# Where a spreadsheet would begin a formula: a cell's start, or after what it may split a cell at
# (German ones: semicolons); East Asian ones take the wide signs, too.
FORMULA = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[\t\r]|\s*[=+\-@＝＋－＠])")


def register(name: str, *, folder: bool = False) -> Callable[[Writer], Writer]:
    """Make a writer known under a name. folder : it writes several tables, never one file."""

    def keep(writer: Writer) -> Writer:
        FORMATS[name] = writer
        if folder:
            FOLDERS.add(name)
        return writer

    return keep


def load_source(run_folder: str | Path, *, salted: bool = False) -> Source:
    """Open a run for export; measures with the lesson's own areas."""
    lesson = load_lesson(run_folder)
    names = {s: s for s in (*lesson.students, *lesson.never_seen)}
    if salted:
        names = pseudonyms(names, lesson_salt(lesson.run.lesson_folder))
        gaze = lesson.gaze.assign(student=lesson.gaze["student"].astype(str).map(names))
        table = lesson.table.assign(student=lesson.table["student"].astype(str).map(names))
        lesson = replace(
            lesson, gaze=gaze, table=table.dropna(subset=["student"]),
            students=tuple(sorted(names[s] for s in lesson.students)),
            never_seen=tuple(sorted(names[s] for s in lesson.never_seen)),
        )  # fmt: skip
    m = measures(lesson.gaze, lesson.board.areas, lesson.board, students=lesson.students)
    return Source(lesson, m, names)


def file_in(out: Path, name: str) -> Path:
    """``out`` itself where it has an ending, else ``out/name``."""
    return out if out.suffix else out / name


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """The same without texts that a spreadsheet would run: ``'`` before =, +, -, @, tab, return."""
    return frame.assign(**{
        name: values.map(_no_formula)
        for name, values in frame.items()
        if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype) or values.dtype == object
    }).rename(columns=_no_formula)  # fmt: skip


def _no_formula(cell: Any) -> Any:
    return FORMULA.sub("'", cell) if isinstance(cell, str) else cell


def write_csv(
    frame: pd.DataFrame, path: Path, dictionary: dict[str, Any], *, sep: str = ",", na: str = ""
) -> list[Path]:
    """A CSV (missing values empty, never 0; no formulas) and its dictionary ``NAME.json``."""
    missing = set(frame.columns) - set(dictionary)
    if missing:
        raise ValueError(f"columns without a meaning: {sorted(missing)}")
    with atomic_write(path) as aside:
        harmless(frame).to_csv(aside, index=False, sep=sep, na_rep=na, lineterminator="\n",
                               float_format="%.9g")  # fmt: skip
    return [path, write_dictionary(path, dictionary)]


def write_dictionary(path: Path, dictionary: dict[str, Any]) -> Path:
    """The data dictionary beside a table."""
    beside = path.with_suffix(".json")
    write_json(beside, dictionary)
    return beside


def write_gz(frame: pd.DataFrame, path: Path) -> Path:
    """Tab-separated without a header, missing values ``n/a``, gzipped; the same bytes each time."""
    text = io.StringIO()
    harmless(frame).to_csv(text, sep="\t", header=False, index=False, na_rep="n/a",
                           lineterminator="\n", float_format="%.6g")  # fmt: skip
    with atomic_write(path) as aside:
        aside.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    return path


def column(meaning: str, unit: str = "", **more: Any) -> dict[str, Any]:
    """An entry of a data dictionary."""
    return {"Description": meaning, **({"Units": unit} if unit else {}), **more}
