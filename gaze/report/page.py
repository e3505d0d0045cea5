"""What every section of the report is made from: the lesson's facts, and how they are written."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from gaze.measures.measures import Measures
from gaze.measures.targets import TargetMeasures
from gaze.measures.teacher import TeacherMeasures
from gaze.report import figures
from gaze.report.findings import SMALL_CELL, row_table, seat_table
from gaze.report.heatmap import Heatmaps
from gaze.report.lesson import Lesson
from gaze.report.strings import Strings
from sessions.events.marks import Mark

NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=%|(?:cm|px|m|s|min)\b)")
Cell = str | Markup


@dataclass(frozen=True)
class Table:
    """A table of a section; the first cell of a row is its header. ``numeric``: columns of numbers;
    ``bars``: columns of drawings; ``last_sum``: the last row is the others' sum."""

    head: Sequence[Cell]
    body: Sequence[Sequence[Cell]]
    caption: Cell
    numeric: Sequence[int] = ()
    bars: Sequence[int] = ()
    last_sum: bool = False


@dataclass(frozen=True)
class Plot:
    """An interactive figure: its JSON, and a text for those who do not see it. still : a picture
    that stands in its place until there is time to draw it, or for ever where no script runs."""

    key: str
    json: Markup
    label: str
    still: str = ""


@dataclass(frozen=True)
class Choice:
    """One of the readings that a figure can be switched to."""

    name: Cell
    said: Cell


@dataclass(frozen=True)
class Phase:
    """A phase or a slide (its mark, with an end), what was measured in it, and its heatmap."""

    mark: Mark
    measures: Measures
    maps: Heatmaps | None


@dataclass(frozen=True)
class Page:
    """The facts of one report. ``w`` and its like write them in the report's language."""

    lesson: Lesson
    measures: Measures
    maps: Heatmaps
    marks: tuple[Mark, ...]
    phases: tuple[Phase, ...]
    words: Strings
    class_only: bool
    photo: NDArray[np.uint8] | None = None
    compared: tuple[tuple[Lesson, Measures, Heatmaps], ...] = ()
    targets: TargetMeasures | None = None
    teacher: TeacherMeasures | None = None
    class_copy: str = ""  # file beside the report that may be shared

    # -- how things are written --------------------------------------------------------------------

    def w(self, key: str, /, **values: Any) -> Markup:
        """A string (it may hold tags) with its values escaped; no line ends between a number and
        its unit."""
        text = Markup(self.words.table[key])
        return Markup(NUMBER_AND_UNIT.sub("\u00a0", text.format(**values) if values else text))

    def num(self, value: float, digits: int = 0) -> str:
        return self.words.number(value, digits) if np.isfinite(value) else "–"

    def count(self, n: int) -> str:
        """A number of people; for sharing, one to four is not told."""
        return self.few() if 0 < n < self.small else str(n)

    def pct(self, value: float, digits: int = 0) -> str:
        """A share in per cent, without the sign."""
        return self.num(100 * value, digits)

    def share(self, value: float, digits: int = 0) -> str:
        """A share in per cent, with the sign."""
        return f"{self.pct(value, digits)} %"

    def band(self, low: float, high: float) -> str:
        return f"{self.pct(low)}–{self.pct(high)} %"

    def area(self, name: str) -> str:
        return figures.area_name(name, self.words)

    def swatch(self, state: str) -> Markup:
        colour = figures.state_colour(state, self.measures.area_list)
        return Markup(
            '<span class="swatch" style="background:{}" aria-hidden="true"></span>'
        ).format(colour)

    def state(self, state: str) -> Markup:
        """A state's colour and name."""
        return self.swatch(state) + self.area(state)

    def of(self, n: int, everybody: int) -> str:
        """``n of everybody``; for sharing, neither part may stand for fewer than five."""
        if 0 < everybody - n < self.small:
            return self.w("of_most", n=everybody - self.small + 1, all=everybody)
        return self.w("of", n=n, all=everybody)

    def few(self) -> str:
        return self.w("suppressed", k=SMALL_CELL)

    def seconds(self, value: float) -> str:
        return self.w("seconds", s=self.num(value, 1)) if np.isfinite(value) else "–"

    def clock(self, time_s: float) -> str:
        return figures.clock(time_s) if np.isfinite(time_s) else "–"

    def window(self, s: float) -> str:
        return self.w("seconds", s=f"{s:g}") if s < 120 else self.w("minutes_unit", m=f"{s / 60:g}")

    def length(self, s: float) -> str:
        """How long something lasted: in seconds under two minutes."""
        if s < 120:
            return self.w("seconds", s=self.num(s))
        return self.w("minutes_unit", m=self.num(s / 60))

    def row_name(self, rows: tuple[int, ...]) -> str:
        known = [r for r in rows if r > 0]
        if not known:
            return self.w("row_unknown")
        text = str(known[0]) if len(known) == 1 else f"{known[0]}–{known[-1]}"
        return self.w("row", rows=text + (" +" if len(known) < len(rows) else ""))

    def plot(self, key: str, figure: dict[str, Any], label: str, still: str = "") -> Plot:
        text = json.dumps(figure, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return Plot(key, Markup(text.replace("</", "<\\/")), label, still)

    def nav(self, section: str) -> Markup:
        """A section's name in the list of contents: shorter than its title where it has one."""
        key = f"nav_{section}"
        return self.w(key if key in self.words.table else f"title_{section}")

    def date(self, day: dt.date) -> str:
        return self.words.date(day)

    def meta(self) -> Markup:
        """Date, students, minutes; for sharing that it is."""
        date, m = self.lesson.config.date, self.measures
        length = m.end_s - m.start_s
        said = self.w(
            "meta",
            date=f"{self.date(date)} · " if date else "",
            students=len(m.used if self.class_only else self.lesson.students),
            length=self.length(length),
            step=self.num(m.step_s, 2),
        )
        return said + " " + self.w("meta_class_only", k=SMALL_CELL) if self.class_only else said

    # -- what the sections share -------------------------------------------------------------------

    @property
    def small(self) -> int:
        """The smallest group that may be shown."""
        return SMALL_CELL if self.class_only else 1

    @property
    def empty(self) -> bool:
        return not self.measures.moments.measured.any()

    @cached_property
    def seats(self) -> pd.DataFrame:
        """Seats; for sharing only those of the students who make the class's numbers, lest a
        difference of two counts stand for one student."""
        table = seat_table(self.lesson, self.measures)
        if self.class_only:
            table = table[table["student"].isin(self.measures.used)].reset_index(drop=True)
        return table

    @cached_property
    def rows(self) -> pd.DataFrame:
        return row_table(self.seats, self.lesson.board, self.small)


def each(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, by attribute."""
    yield from table.itertuples()


def plotly_js() -> str:
    """plotly.js with the chart types that the report has (its `cartesian` bundle): a third of the
    whole library's size, and a report opens in half the time."""
    return asset("plotly-cartesian.min.js")


def asset(name: str) -> str:
    """A file of assets/ as text."""
    return (resources.files("gaze.report") / "assets" / name).read_text(encoding="utf-8")
