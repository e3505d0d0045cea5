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
from gaze.privacy.names import Finder
from gaze.privacy.pseudonyms import lesson_salt, pseudonyms
from gaze.privacy.vocabulary import is_ordinary
from gaze.report.lesson import Lesson, load_lesson
from sessions.run import atomic_write, write_json


class ExportError(UserError):
    """An export that cannot be written."""


@dataclass(frozen=True)
class Source:
    """A run ready for export: its lesson and measures, and what each student is called in them.

    salted : they are called otherwise than in the lesson; then nothing may stand in the order of
    the lesson's own names, either.
    """

    lesson: Lesson
    measures: Measures
    names: dict[str, str]
    salted: bool


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
    """Open a run for export; measures with the lesson's own areas.

    Raises
    ------
    ExportError : salted, and an area, a surface or the run is called like a student.
    """
    lesson = load_lesson(run_folder)
    names = {s: s for s in (*lesson.students, *lesson.never_seen)}
    if salted:
        names = pseudonyms(names, lesson_salt(lesson.run.lesson_folder))
        lesson = _salted(lesson, names)
    m = measures(lesson.gaze, lesson.board.areas, lesson.board, students=lesson.students)
    return Source(lesson, m, names, salted)


def _salted(lesson: Lesson, names: dict[str, str]) -> Lesson:
    """The lesson under other names, with rows in their order, and no text that tells the own ones.

    A name that is a number or a word of ours is nobody's in a text.
    """
    finders = [f for f in (Finder.of(s, names) for s in names) if not is_ordinary(f)]
    places = [(lesson.run.name, "the run"), *((a.name, "an area") for a in lesson.board.areas)]
    for surface in lesson.config.surfaces:
        places += [(surface.name, "a surface"), *((a.name, "an area") for a in surface.areas)]
    for text, what in places:
        if any(finder.within(text) for finder in finders):
            raise ExportError(
                f"{what} is called like a student, which other pseudonyms would not hide",
                where=lesson.run.lesson_folder, found=text, remedy="Give it another name.",
            )  # fmt: skip

    def renamed(frame: pd.DataFrame, *by: str) -> pd.DataFrame:
        called = frame.assign(student=frame["student"].astype(str).map(names))
        called = called.dropna(subset=["student"])
        return called.sort_values(["student", *by], kind="stable", ignore_index=True)

    def said(text: str) -> str:
        for finder in finders:
            text = finder.cut(text)
        return text

    return replace(
        lesson,
        gaze=renamed(lesson.gaze, "time_s"),
        table=renamed(lesson.table),
        students=tuple(sorted(names[s] for s in lesson.students)),
        never_seen=tuple(sorted(names[s] for s in lesson.never_seen)),
        config=lesson.config.model_copy(update={"title": said(lesson.config.title)}),
        marks=tuple(replace(mark, label=said(mark.label)) for mark in lesson.marks),
    )


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
