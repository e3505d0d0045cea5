"""The report's one HTML page, put together section by section from facts, figures and words."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import gaze as package
from gaze.measures.measures import Measures
from gaze.report import class_sections, figures, first_page, student_cards, svg
from gaze.report.findings import (
    SMALL_CELL,
    row_table,
    seat_table,
)
from gaze.report.heatmap import Heatmaps, top_of_scale
from gaze.report.lesson import Lesson
from gaze.report.marks import Mark
from gaze.report.strings import Strings

NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=%|(?:cm|px|m|s|min)\b)")


@dataclass(frozen=True)
class Page:
    """Everything the sections are made from. ``html()`` gives the page."""

    lesson: Lesson
    measures: Measures
    maps: Heatmaps
    marks: tuple[Mark, ...]
    phases: tuple[tuple[Mark, Measures], ...]
    words: Strings
    class_only: bool
    photo: NDArray[np.uint8] | None = None
    compared: tuple[tuple[Lesson, Measures, Heatmaps], ...] = ()

    # ---------------------------------------------------------------- small helpers

    def w(self, key: str, **values: Any) -> str:
        """A string with its values escaped (the string itself may hold tags); no line ends
        between a number and its unit."""
        safe = {k: escape(v) if isinstance(v, str) else v for k, v in values.items()}
        return NUMBER_AND_UNIT.sub("\u00a0", self.words(key, **safe))

    def num(self, value: float, digits: int = 0) -> str:
        return self.words.number(value, digits) if np.isfinite(value) else "–"

    def count(self, n: int) -> str:
        """A number of people; for sharing, one to four is not told."""
        return self.few() if 0 < n < self.small else str(n)

    def pct(self, value: float, digits: int = 0) -> str:
        return self.num(100 * value, digits)

    def area(self, name: str) -> str:
        return figures.area_name(name, self.words)

    @property
    def small(self) -> int:
        """The smallest group that may be shown."""
        return SMALL_CELL if self.class_only else 1

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

    @property
    def empty(self) -> bool:
        return not self.measures.moments.measured.any()

    def row_name(self, rows: tuple[int, ...]) -> str:
        known = [r for r in rows if r > 0]
        if not known:
            return self.w("row_unknown")
        text = str(known[0]) if len(known) == 1 else f"{known[0]}–{known[-1]}"
        return self.w("row", rows=text + (" +" if len(known) < len(rows) else ""))

    def swatch(self, state: str) -> str:
        colour = figures.state_colour(state, self.measures.area_list)
        return f'<span class="swatch" style="background:{colour}" aria-hidden="true"></span>'

    def plot(self, key: str, figure: dict[str, Any], label: str) -> str:
        """A holder, its figure as JSON, and a text for those who do not see it."""
        text = json.dumps(figure, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text = text.replace("</", "<\\/")
        return (
            f'<div class="plot" id="{key}" role="img" aria-label="{escape(label)}" '
            f'data-figure="{key}-data"></div>'
            f'<script type="application/json" id="{key}-data">{text}</script>'
        )

    def table(
        self, head: Sequence[str], body: Sequence[Sequence[str]], *, caption: str,
        numeric: Sequence[int] = (), last_sum: bool = False,
    ) -> str:  # fmt: skip
        """A table whose cells are HTML already; the first cell of a row is its header."""
        cap = f"<caption>{caption}</caption>"

        def cls(i: int) -> str:
            return ' class="n"' if i in numeric else ""

        heads = "".join(f'<th scope="col"{cls(i)}>{h}</th>' for i, h in enumerate(head))
        lines = []
        for n, row in enumerate(body):
            kind = ' class="sum"' if last_sum and n == len(body) - 1 else ""
            cells = "".join(
                f'<td class="bar">{c}</td>' if c.startswith("<svg") else f"<td{cls(i)}>{c}</td>"
                for i, c in enumerate(row[1:], 1)
            )
            lines.append(f'<tr{kind}><th scope="row">{row[0]}</th>{cells}</tr>')
        label = self.w("table_of", name=caption)
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
            f"<table>{cap}<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        )

    def details(self, inner: str) -> str:
        return f"<details><summary>{self.w('as_table')}</summary>{inner}</details>"

    def of(self, n: int, everybody: int) -> str:
        """``n of everybody``; for sharing, neither part may stand for fewer than five."""
        if 0 < everybody - n < self.small:
            return self.w("of_most", n=everybody - self.small + 1, all=everybody)
        return self.w("of", n=n, all=everybody)

    def few(self) -> str:
        return self.w("suppressed", k=SMALL_CELL)

    def seconds(self, value: float) -> str:
        return self.w("seconds", s=self.num(value, 1)) if np.isfinite(value) else "–"

    def window(self, s: float) -> str:
        return self.w("seconds", s=f"{s:g}") if s < 120 else self.w("minutes_unit", m=f"{s / 60:g}")

    # ---------------------------------------------------------------- head of the page

    def header(self) -> str:
        lesson, m = self.lesson, self.measures
        date = lesson.config.date
        text = self.w(
            "meta",
            date=f"{self.date(date)} · " if date else "",
            students=len(m.used if self.class_only else lesson.students),
            minutes=self.num((m.end_s - m.start_s) / 60, 0 if m.end_s - m.start_s > 300 else 1),
            step=self.num(m.step_s, 2),
        )
        extra = f" {self.w('meta_class_only', k=SMALL_CELL)}" if self.class_only else ""
        state = str(lesson.info.get("state", "done"))
        return (
            f'<header class="top"><p class="kind">{self.w("kind")}</p>'
            f"<h1>{escape(lesson.config.title)}</h1>"
            f'<p class="meta">{text}{extra}</p></header>'
            + ("" if state in ("done", "running") else
               f'<p class="box warn">{self.w("unfinished", state=state)}</p>')
        )  # fmt: skip

    def date(self, day: dt.date) -> str:
        return day.isoformat() if self.words.language == "en" else f"{day:%d.%m.%Y}"

    def contents(self, sections: Sequence[tuple[str, str]]) -> str:
        items = "".join(f'<li><a href="#{k}">{t}</a></li>' for k, t in sections)
        return f'<nav class="contents" aria-label="{self.w("contents")}"><ul>{items}</ul></nav>'

    # ---------------------------------------------------------------- comparing, questions, method

    def compare(self) -> str:
        all_ = [(self.lesson, self.measures, self.maps), *self.compared]
        top = max(top_of_scale(maps.whole) for _, _, maps in all_)
        cards, body = [], []
        for i, (lesson, m, maps) in enumerate(all_):
            date = f" · {self.date(lesson.config.date)}" if lesson.config.date else ""
            name = escape(lesson.config.title) + (f" ({self.w('compare_this')})" if i == 0 else "")
            board = m.areas.set_index("area").loc["board"]
            ok = len(m.used) >= self.small
            label = f"{lesson.config.title}: " + self.words("state_board")
            picture = svg.board_svg(maps.whole, maps.grid, lesson.board, m.area_list, top=top,
                                    label=label) if ok else self.few()  # fmt: skip
            share = m.timeline[m.timeline["area"] == "board"]["share"].to_numpy(np.float64)
            starts = m.timeline[m.timeline["area"] == "board"]["time_s"].to_numpy(np.float64)
            strip = svg.strip_svg(
                np.nan_to_num(share)[:, None], starts, m.window_s, ("board",), m.area_list, (),
                label=label, end_s=m.end_s,
            ) if ok else ""  # fmt: skip
            cards.append(f"<div><h3>{name}<br><small class=meta>{lesson.run.name}{date}"
                         f"</small></h3>{picture}{strip}</div>")  # fmt: skip
            body.append([
                name, str(len(m.used)), f"{self.pct(m.coverage)} %",
                f"{self.pct(board['share'])} %" if ok else self.few(),
                f"{self.pct(board['low'])}–{self.pct(board['high'])} %" if ok else "–",
                self.w("cm", v=self.num(100 * maps.mean_sigma_m)),
            ])  # fmt: skip
        head = [self.w(k) for k in ("col_lesson", "col_students", "col_coverage")]
        head += [self.area("board"), "95 %", self.w("col_error")]
        return (
            f'<p class="lede">{self.w("compare_lede")}</p>'
            + self.table(head, body, numeric=range(1, 6), caption=self.w("compare"))
            + f'<div class="compare">{"".join(cards)}</div>'
        )

    def questions(self) -> str:
        return "<ul>" + "".join(f"<li>{self.w(f'question_{i}')}</li>" for i in (1, 2, 3)) + "</ul>"

    def method(self) -> str:
        config = self.lesson.config
        if config.retention_days is not None and config.date is not None:
            until = config.date + dt.timedelta(days=config.retention_days)
            retention = self.w("retention", date=self.date(until))
        else:
            retention = self.w("retention_none")
        m = self.measures
        settings = (
            f"min_visit_s {m.min_visit_s:g}, bridge_s {m.bridge_s:g}, gap_s {m.gap_s:g}, "
            f"window_s {m.window_s:g}, seed {m.seed}"
        )
        info = self.lesson.info
        return (
            f"<p>{self.w('method_text')}</p>"
            f"<p>{self.words('method_stored', retention=retention)}</p>"
            "<p><small>" + self.w(
                "versions", version=package.__version__, run=self.lesson.run.name,
                started=str(info.get("started", "–")), settings=settings,
            ) + "</small></p>"
        )  # fmt: skip

    # ---------------------------------------------------------------- the page

    def html(self, plotly_js: str) -> str:
        sections: list[tuple[str, str, str]] = [
            ("short", self.w("short"), first_page.short(self)),
            ("quality", self.w("quality"), first_page.quality(self)),
        ]
        if not self.empty:
            sections += [
                ("heat", self.w("heat"), class_sections.heat(self)),
                ("areas", self.w("areas"), class_sections.areas(self)),
                ("timeline", self.w("timeline"), class_sections.timeline(self)),
                ("seats", self.w("seats"), class_sections.seat_map(self)),
                ("transitions", self.w("transitions"), class_sections.transitions(self)),
                ("synchrony", self.w("sync"), class_sections.synchrony(self)),
            ]
            if self.compared:
                sections.append(("compare", self.w("compare"), self.compare()))
            sections.append(("questions", self.w("questions"), self.questions()))
            if not self.class_only:
                sections.append(("students", self.w("students"), student_cards.students(self)))
        sections.append(("method", self.w("method"), self.method()))
        body = "".join(
            f'<section id="{k}" aria-labelledby="h-{k}"><h2 id="h-{k}">{title}</h2>{inner}'
            "</section>"
            for k, title, inner in sections
        )
        short = [
            (k, self.w(f"nav_{k}") if f"nav_{k}" in self.words.table else t) for k, t, _ in sections
        ]
        css, js = _asset("report.css"), _asset("report.js")
        title = escape(f"{self.words('kind')}: {self.lesson.config.title}")
        return (
            f'<!DOCTYPE html>\n<html lang="{self.words.language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            # nothing is fetched and nothing is sent, whatever a script might try
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
            f'<meta name="generator" content="classroom-gaze {package.__version__}">'
            f"<title>{title}</title><style>{css}</style></head><body>"
            f'<a class="skip" href="#main">{self.w("skip")}</a><div class="frame">'
            f"{self.header()}{self.contents(short)}"
            f'<main id="main"><p class="statement">{self.w("statement")}</p>'
            f'<noscript><p class="noscript">{self.w("noscript")}</p></noscript>{body}</main>'
            f"<footer>classroom-gaze {package.__version__}</footer></div>"
            f"<script>{plotly_js}</script><script>{js}</script></body></html>\n"
        )


def plotly_js() -> str:
    """plotly.js with the chart types that the report has (its `cartesian` bundle): a third of the
    whole library's size, and a report opens in half the time."""
    return _asset("plotly-cartesian.min.js")


def _asset(name: str) -> str:
    return (resources.files("gaze.report") / "assets" / name).read_text(encoding="utf-8")
