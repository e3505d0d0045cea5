"""The report's one HTML page, put together section by section from facts, figures and words."""

from __future__ import annotations

import datetime as dt
import json
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
from calibration.transform import Array
from gaze.attention import MIN_COVERAGE, OUTSIDE, Measures, window_edges
from gaze.report import figures, svg
from gaze.report.colours import sequential
from gaze.report.findings import (
    HARD_LETTER_ARCMIN,
    HARD_OBLIQUITY_DEG,
    SMALL_CELL,
    low_stretches,
    row_table,
    seat_table,
)
from gaze.report.heatmap import Heatmaps, top_of_scale
from gaze.report.lesson import Lesson
from gaze.report.marks import Mark
from gaze.report.strings import Strings


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
        """A string with its values escaped (the string itself may hold tags)."""
        safe = {k: escape(v) if isinstance(v, str) else v for k, v in values.items()}
        return self.words(key, **safe)

    def num(self, value: float, digits: int = 0) -> str:
        return self.words.number(value, digits) if np.isfinite(value) else "–"

    def _count(self, n: int) -> str:
        """A number of people; for sharing, one to four is not told."""
        return self._few() if 0 < n < self.small else str(n)

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

    # ---------------------------------------------------------------- in short

    def short(self) -> str:
        if self.empty:
            return (
                f'<div class="box warn"><h3>{self.w("nothing_title")}</h3>'
                f"<p>{self.w('nothing')}</p></div>"
            )
        m = self.measures
        answers = [
            (self.w("q_board"), self._answer_board()),
            (self.w("q_part"), self._answer_part()),
            (self.w("q_left"), self._answer_left()),
            (self.w("q_seats"), self._answer_seats()),
            (self.w("q_data"), f'<span class="figure">{self.pct(m.coverage)} %</span>'
             + self.w("a_data", worst=self._worst_row())),
            (self.w("q_error"), self._answer_error()),
        ]  # fmt: skip
        inner = "".join(f"<div><dt>{q}</dt><dd>{a}</dd></div>" for q, a in answers)
        return f'<dl class="answers">{inner}</dl>'

    def _answer_board(self) -> str:
        row = self.measures.areas.set_index("area").loc["board"]
        if not np.isfinite(row["share"]):
            return self.w("a_part_none")
        figure = f'<span class="figure">{self.pct(row["share"])} %</span>'
        if self.measures.coverage == 1:
            return figure + self.w(
                "a_board_complete", low=self.pct(row["low"]), high=self.pct(row["high"])
            )
        return figure + self.w(
            "a_board", low=self.pct(row["low"]), high=self.pct(row["high"]),
            low_m=self.pct(row["low_missing"]), high_m=self.pct(row["high_missing"]),
        )  # fmt: skip

    def _answer_part(self) -> str:
        table = self.measures.areas
        parts = table[~table["area"].isin([*OUTSIDE, "board"])].sort_values(
            "share", ascending=False, kind="stable"
        )
        if not len(parts) or not np.isfinite(parts["share"].iloc[0]) or parts["share"].max() < 0.01:
            return self.w("a_part_none")
        first = parts.iloc[0]
        others = parts.iloc[1:]
        if len(others) and (others["high"] > first["low"]).any():
            listed = ", ".join(
                f"{self.area(r.area)} {self.pct(r.share)} %" for r in parts.itertuples()
            )
            return self.w("a_part_unclear", list=listed)
        rest = ", ".join(f"{self.area(r.area)} {self.pct(r.share)} %" for r in others.itertuples())
        return self.w(
            "a_part", area=self.area(first["area"]), share=self.pct(first["share"]),
            low=self.pct(first["low"]), high=self.pct(first["high"]), rest=rest or "–",
        )  # fmt: skip

    def _answer_left(self) -> str:
        if len(self.measures.used) < self.small:
            return self.w("a_left_none")
        found = low_stretches(self.measures)
        if not found:
            return self.w("a_left_none")
        listed = "; ".join(
            self.w("a_left_one", start=figures.clock(s.start_s), end=figures.clock(s.end_s),
                   share=self.pct(s.share))
            for s in found
        )  # fmt: skip
        return self.w("a_left", list=listed, share=self.pct(self.measures.share("board")))

    def _answer_seats(self) -> str:
        seats = self.seats
        known = seats[np.isfinite(seats["letter_arcmin"])]
        if not len(known):
            return self.w("a_seats_unknown")
        hard = known[known["hard"]]
        if not len(hard):
            return self.w("a_seats_none", angle=f"{HARD_OBLIQUITY_DEG:.0f}",
                          arcmin=f"{HARD_LETTER_ARCMIN:.0f}")  # fmt: skip
        if self.class_only:
            if len(hard) < SMALL_CELL:
                return self.w("a_seats_few", k=SMALL_CELL)
            return self.w("a_seats_count", n=len(hard))
        listed = ", ".join(
            self.w("a_seats_one", student=r.student, area=self.area(r.hardest))
            for r in hard.itertuples()
        )
        return self.words("a_seats", n=len(hard), list=listed)

    def _answer_error(self) -> str:
        overall = (self.lesson.validation or {}).get("overall") or {}
        median = (overall.get("gaze_cm") or {}).get("median")
        if isinstance(median, int | float):
            text = self.w("a_error", n=int(overall.get("n", 0)))
            return f'<span class="figure">{self.w("cm", v=self.num(median))}</span>{text}'
        sigma = self.maps.mean_sigma_m
        if not np.isfinite(sigma):
            return self.w("a_part_none")
        figure = self.w("cm", v=self.num(100 * sigma))
        return f'<span class="figure">{figure}</span>{self.w("a_error_predicted")}'

    def _worst_row(self) -> str:
        order = ["read_nothing", "read_board", "read_sides", "read_thirds", "read_fine"]
        if not len(self.rows):
            return ""
        rank = self.rows["reading"].map(order.index)
        ranked = self.rows.assign(rank=rank)  # ties: the larger error
        worst = ranked.sort_values(["rank", "sigma_m"], ascending=[True, False]).iloc[0]
        return self.w("a_data_worst", row=self.row_name(worst["rows"]),
                      reading=self.w(worst["reading"]) + ".")  # fmt: skip

    # ---------------------------------------------------------------- quality and validation

    def quality(self) -> str:
        lines = []
        for r in self.rows.itertuples():
            if r.students < self.small:
                continue
            detail = [self.w("quality_coverage", share=self.pct(r.coverage))]
            if np.isfinite(r.sigma_m):
                detail.insert(0, self.w("quality_sigma", cm=self.num(100 * r.sigma_m)))
            if np.isfinite(r.face_px):
                detail.insert(0, self.w("quality_faces", px=self.num(r.face_px)))
            lines.append(self.w("quality_row", row=self.row_name(r.rows),
                                detail=", ".join(detail), reading=self.w(r.reading)))  # fmt: skip
        listed = "".join(f"<li>{line}.</li>" for line in lines)
        return (
            f'<div class="boxes"><div class="box"><h3>{self.w("quality_box")}</h3>'
            f"<ul>{listed}</ul>{self.gain()}</div>"
            f'<div class="box sand"><h3>{self.w("validation")}</h3>{self.validation()}</div></div>'
            + self.problems()
        )

    def gain(self) -> str:
        """Whether a head-to-gaze correction was applied: never silent."""
        settings = self.lesson.info.get("settings") or {}
        gain = self.lesson.info.get("gain") or settings.get("gain")
        if not gain:
            return f"<p>{self.w('head_gain_none')}</p>"
        said = gain.get("description") if isinstance(gain, dict) else None
        return f"<p>{self.w('head_gain', detail=str(said or self.lesson.gain or gain))}</p>"

    def validation(self) -> str:
        """The room's own error, from `gaze validate`'s JSON."""
        overall = (self.lesson.validation or {}).get("overall") or {}
        gaze = overall.get("gaze_cm") or {}
        if not all(isinstance(gaze.get(k), int | float) for k in ("mean", "median", "p90")):
            return f"<p>{self.w('validation_none')}</p>"
        out = self.w(
            "validation_overall", n=int(overall.get("n", 0)), median=self.num(gaze["median"]),
            p90=self.num(gaze["p90"]), mean=self.num(gaze["mean"]),
        )  # fmt: skip
        bias = overall.get("gaze_bias_cm")
        if isinstance(bias, list) and len(bias) == 2 and None not in bias:
            out += " " + self.w(
                "validation_bias", x=self.num(abs(bias[0])), y=self.num(abs(bias[1])),
                x_side=self.w("side_left" if bias[0] > 0 else "side_right"),
                y_side=self.w("side_low" if bias[1] > 0 else "side_high"),
            )  # fmt: skip
        rows = ""
        for r in (self.lesson.validation or {}).get("rows") or []:
            cm = r.get("gaze_cm") or {}
            if self.class_only or cm.get("median") is None:
                continue
            line = self.w("validation_row", row=r.get("row"), median=self.num(cm["median"]),
                          distance=self.num(float(r.get("distance_m") or np.nan), 1),
                          n=r.get("n"))  # fmt: skip
            rows += f"<li>{line}</li>"
        return f"<p>{out}</p>" + (f"<ul>{rows}</ul>" if rows else "")

    def problems(self) -> str:
        found = [*self.lesson.problems, *self.measures.problems]
        if not self.empty and len(self.lesson.students) == 1:
            found.append(("problem_one_student", {}))
        m = self.measures.moments
        if m.measured.any() and not np.isfinite(m.xy_m).any():
            found.append(("problem_all_away", {}))
        if self.lesson.never_seen and not self.empty:
            found.append(("problem_never", {"n": self._count(len(self.lesson.never_seen))}))
        if self.lesson.masked:
            found.append(("problem_masked", {"n": self._count(self.lesson.masked)}))
        if not found:
            return ""
        lines = []
        for key, values in dict.fromkeys((k, tuple(v.items())) for k, v in found):
            said = {k: self.num(v) if isinstance(v, float) else
                    self.area(v) if k in ("area", "a", "b") else v for k, v in values}  # fmt: skip
            lines.append(f"<li>{self.w(key, **said)}</li>")
        return (
            f'<div class="box warn" style="margin-top:1rem"><h3>{self.w("problems")}</h3>'
            f"<ul>{''.join(lines)}</ul></div>"
        )

    # ---------------------------------------------------------------- heatmap

    def heat(self) -> str:
        maps = self.maps
        if len(maps.students) < self.small or not len(maps.students):
            return f'<p class="box warn">{self.w("heat_none")}</p>'
        layers = [figures.HeatLayer(self.w("everybody"), maps.whole, len(maps.students),
                                    maps.n_points, maps.mean_sigma_m)]  # fmt: skip
        groups = self.rows if len(self.rows) > 1 else self.rows.iloc[:0]
        for r in groups.itertuples():
            names = set(self.seats.loc[self.seats["row"].isin(r.rows), "student"])
            at = [i for i, s in enumerate(maps.students) if s in names]
            if len(at) < self.small:
                continue
            layers.append(figures.HeatLayer(
                self.row_name(r.rows), maps.maps[at].mean(0), len(at),
                int(maps.points[at].sum()), float(maps.sigma_m[at].mean()),
            ))  # fmt: skip
        top = max(top_of_scale(layer.field) for layer in layers)
        figure = figures.figure_heatmap(
            layers, maps.grid, self.lesson.board, self.measures.area_list, self.words, top,
            self.photo,
        )  # fmt: skip
        iy, ix = np.unravel_index(maps.whole.argmax(), maps.whole.shape)
        x, y = maps.grid.x_m, maps.grid.y_m
        on = ((x > 0) & (x < self.lesson.board.width_m))[None, :] & (
            (y > 0) & (y < self.lesson.board.height_m)
        )[:, None]
        inside = float(maps.whole[on].sum()) * maps.grid.cell_m**2
        alt = self.words("heat_alt", x=self.num(x[ix], 1), y=self.num(y[iy], 1),
                         inside=self.pct(inside))  # fmt: skip
        said = [
            self.w("heat_shows", students=a.students, n=self.num(a.points),
                   sigma_cm=self.num(100 * a.sigma_m))
            for a in layers
        ]  # fmt: skip
        toggle = ""
        if len(layers) > 1:
            options = "".join(
                f'<label><input type="radio" name="heat" value="{i}" data-plot="fig-heat" '
                f'data-said="{escape(s)}"{" checked" if i == 0 else ""}><span>{a.name}</span>'
                "</label>"
                for i, (a, s) in enumerate(zip(layers, said, strict=True))
            )
            toggle = (
                f'<fieldset class="toggle"><legend>{self.w("heat_toggle")}</legend>'
                f"{options}</fieldset>"
            )
        left_out = ""
        if maps.left_out:
            left_out = " " + (
                self.w("heat_left_out_n", n=self._count(len(maps.left_out)))
                if self.class_only
                else self.w("heat_left_out", list=", ".join(maps.left_out))
            )  # fmt: skip
        return (
            f'<p class="lede">{self.w("heat_lede")}</p>{toggle}'
            f"<figure>{self.plot('fig-heat', figure, alt)}"
            f'<figcaption><span id="fig-heat-said" aria-live="polite">{said[0]}</span>'
            f"{left_out} {self.w('heat_not')}</figcaption></figure>"
            + self.details(self._heat_table(maps.whole))
        )

    def _heat_table(self, field: Array) -> str:
        """Shares of the drawn weight by cells of the board, left to right as the class sees it."""
        grid, board = self.maps.grid, self.lesson.board
        nx, ny = 10, 3
        ix = np.floor(grid.x_m / board.width_m * nx).astype(int)
        iy = np.floor(grid.y_m / board.height_m * ny).astype(int)
        head = [self.w("col_height")]
        for c in range(nx - 1, -1, -1):
            a, b = board.width_m * c / nx, board.width_m * (c + 1) / nx
            head.append(f"{self.num(b, 1)}–{self.num(a, 1)} m")
        body = []
        for r, name in enumerate(("top", "centre", "bottom")):
            cells = [
                self.pct(field[np.ix_(iy == r, ix == c)].sum() * grid.cell_m**2, 1) + " %"
                for c in range(nx - 1, -1, -1)
            ]
            body.append([self.w(name), *cells])
        return self.table(head, body, caption=self.w("heat_table"), numeric=range(1, nx + 1))

    # ---------------------------------------------------------------- areas

    def areas(self) -> str:
        m = self.measures
        table = m.areas.set_index("area")
        top = float(np.nanmax([0.05, *table["high_missing"], *table["share"]]))
        body = []
        for state in (*m.states, "board"):
            r = table.loc[state]
            colour = "#2f5d57" if state == "board" else figures.state_colour(state, m.area_list)
            few = 0 < r["reached"] < self.small
            swatch = "" if state == "board" else self.swatch(state)
            body.append([
                swatch + escape(self.area(state)),
                f"{self.pct(r['share'])} %",
                svg.band_svg(r["share"], r["low"], r["high"], r["low_missing"],
                             r["high_missing"], colour, top),
                f"{self.pct(r['low'])}–{self.pct(r['high'])} %",
                self._few() if few else self.num(r["visits"]),
                self._few() if few else self._seconds(r["mean_visit_s"]),
                self._few() if few else (
                    figures.clock(r["first_look_s"]) if np.isfinite(r["first_look_s"]) else "–"),
                self._few() if few else self._of(int(r["reached"]), int(r["students"])),
            ])  # fmt: skip
        head = [self.w(k) for k in ("col_area", "col_share", "col_band")]
        head += ["95 %", *(self.w(k) for k in ("col_visits", "col_mean_visit", "col_first",
                                               "col_reached"))]  # fmt: skip
        note = self.w("areas_note", visit=self.num(m.min_visit_s, 1),
                      bridge=self.num(m.bridge_s, 1), n=len(m.used),
                      coverage=f"{100 * MIN_COVERAGE:.0f}")  # fmt: skip
        if any(k == "problem_area_overlap" for k, _ in m.problems):
            note += " " + self.w("overlap_note")
        return (
            f'<p class="lede">{self.w("areas_lede")}</p>'
            + self.table(head, body, numeric=(1, 3, 4, 5, 6, 7), last_sum=True,
                         caption=self.w("areas"))
            + f'<p class="lede"><small>{note}</small></p>' + self.phase_table()
        )  # fmt: skip

    def _of(self, n: int, everybody: int) -> str:
        """``n of everybody``; for sharing, neither part may stand for fewer than five."""
        if 0 < everybody - n < self.small:
            return self.w("of_most", n=everybody - self.small + 1, all=everybody)
        return self.w("of", n=n, all=everybody)

    def _few(self) -> str:
        return self.w("suppressed", k=SMALL_CELL)

    def _seconds(self, value: float) -> str:
        return self.w("seconds", s=self.num(value, 1)) if np.isfinite(value) else "–"

    def phase_table(self) -> str:
        if not self.phases:
            return ""
        body = []
        for mark, m in self.phases:
            table = m.areas.set_index("area")
            row = [
                escape(mark.label),
                f"{figures.clock(mark.time_s)}–{figures.clock(float(mark.end_s or 0))}",
                str(len(m.used)) if len(m.used) >= self.small else self._few(),
            ]
            for state in ("board", *self.measures.states):
                ok = state in table.index and len(m.used) >= self.small
                share = table["share"].get(state, np.nan) if ok else np.nan
                band = (
                    f"<br><small>{self.pct(table['low'][state])}–{self.pct(table['high'][state])}"
                    "</small>" if ok and state == "board" and np.isfinite(share) else ""
                )  # fmt: skip
                row.append(f"{self.pct(share)} %{band}" if np.isfinite(share) else "–")
            body.append(row)
        head = [self.w("col_phase"), self.w("col_time"), self.w("col_students")]
        head += [escape(self.area(s)) for s in ("board", *self.measures.states)]
        return (
            f'<h3 style="margin-top:1.4rem">{self.w("phases")}</h3>'
            f'<p class="lede">{self.w("phases_lede")}</p>'
            + self.table(head, body, numeric=range(2, len(head)), caption=self.w("phases"))
        )

    # ---------------------------------------------------------------- timeline

    def timeline(self) -> str:
        m = self.measures
        hidden = figures.hidden_windows(m, self.small)
        figure = figures.figure_timeline(m, self.marks, self.words, hidden)
        board = m.timeline[m.timeline["area"] == "board"]
        share = np.where(hidden, np.nan, board["share"].to_numpy(np.float64))
        window = self.window(m.window_s)
        if not np.isfinite(share).any():
            return f'<p class="box warn">{self.w("a_part_none")}</p>'
        t = board["time_s"].to_numpy(np.float64)
        low, high = int(np.nanargmin(share)), int(np.nanargmax(share))
        alt = self.words("timeline_alt", low=self.pct(share[low]), low_t=figures.clock(t[low]),
                         high=self.pct(share[high]), high_t=figures.clock(t[high]))  # fmt: skip
        outside = [a for a in self.marks if self._outside(a)]
        inside = [a for a in self.marks if not self._outside(a)]
        notes = ""
        if inside:
            notes += " " + self.w("marks", list=self._said(inside))
        if outside:
            said = self.w("marks_outside", list=self._said(outside))
            notes += f' <span class="tag">{said}</span>'
        return (
            f'<p class="lede">{self.w("timeline_lede", window=window)}</p>'
            f"<figure>{self.plot('fig-time', figure, alt)}"
            f"<figcaption>{self.w('timeline_not')}{notes}</figcaption></figure>"
            + self.details(self._timeline_table(hidden))
        )

    def window(self, s: float) -> str:
        return self.w("seconds", s=f"{s:g}") if s < 120 else self.w("minutes_unit", m=f"{s / 60:g}")

    def _outside(self, mark: Mark) -> bool:
        m = self.measures
        return mark.time_s >= m.end_s or (mark.end_s or mark.time_s) < m.start_s

    def _said(self, marks: Sequence[Mark]) -> str:
        number = {id(a): i for i, a in enumerate(self.marks, 1)}
        return "; ".join(
            f"{number[id(a)]} {a.label} ({figures.clock(a.time_s)}"
            + (f"–{figures.clock(a.end_s)})" if a.end_s is not None else ")")
            for a in marks
        )

    def _timeline_table(self, hidden: NDArray[np.bool_]) -> str:
        """At most about thirty rows: windows are averaged where there are more."""
        m = self.measures
        board = m.timeline[m.timeline["area"] == "board"].reset_index(drop=True)
        step = max(1, -(-len(board) // 30))
        states = {s: m.timeline.loc[m.timeline["area"] == s, "share"].to_numpy(np.float64)
                  for s in m.states}  # fmt: skip
        body = []
        for a in range(0, len(board), step):
            part = board.iloc[a : a + step]
            ok = ~hidden[a : a + step]

            def mean(v: Any, ok: NDArray[np.bool_] = ok) -> float:
                v = np.asarray(v, np.float64)[ok]
                v = v[np.isfinite(v)]
                return float(v.mean()) if len(v) else float("nan")

            body.append([
                figures.clock(float(part["time_s"].iloc[0])), self.pct(mean(part["share"])) + " %",
                f"{self.pct(mean(part['low']))}–{self.pct(mean(part['high']))} %",
                *(f"{self.pct(mean(states[s][a : a + step]))} %" for s in m.states),
            ])  # fmt: skip
        head = [self.w("col_time"), self.w("axis_board_share"), "95 %",
                *(escape(self.area(s)) for s in m.states)]  # fmt: skip
        return self.table(head, body, numeric=range(1, len(head)), caption=self.w("timeline"))

    # ---------------------------------------------------------------- seats

    def seat_map(self) -> str:
        rows = [
            [self.row_name(r.rows), str(r.students) if r.students >= self.small else self._few(),
             *((self.w("px", v=self.num(r.face_px)), self.w("cm", v=self.num(100 * r.sigma_m)),
                f"{self.pct(r.coverage)} %", self.w(r.reading)) if r.students >= self.small
               else ("–", "–", "–", "–"))]
            for r in self.rows.itertuples()
        ]  # fmt: skip
        row_head = [self.w(k) for k in ("col_row", "col_students", "col_face", "col_error",
                                        "col_coverage", "col_reading")]  # fmt: skip
        by_row = self.table(row_head, rows, numeric=(1, 2, 3, 4), caption=self.w("quality_box"))
        if self.class_only:
            return f'<p class="lede">{self.w("seats_lede_rows", k=SMALL_CELL)}</p>{by_row}'
        seats = self.seats
        never = list(self.lesson.never_seen)
        notes = f"<p>{self.w('seats_never', list=', '.join(never))}</p>" if never else ""
        if self.lesson.masked:
            notes += f"<p>{self.w('seats_masked', n=self.lesson.masked)}</p>"
        if not np.isfinite(seats["seat_x_m"].to_numpy(np.float64)).any():
            return f'<p class="box warn">{self.w("seats_unknown")}</p>{notes}{by_row}'
        figure = figures.figure_seats(seats, self.lesson.board, self.words)
        keys = ("seat_error", "seat_coverage", "seat_letter")
        options = "".join(
            f'<label><input type="radio" name="seats" value="{i}" data-plot="fig-seats" '
            f'data-said="{escape(self.w(k + "_said"))}"{" checked" if i == 0 else ""}>'
            f"<span>{self.w(k)}</span></label>"
            for i, k in enumerate(keys)
        )
        weak = ", ".join(seats.loc[seats["weak"], "student"]) or self.w("none")
        hard = ", ".join(seats.loc[seats["hard"], "student"]) or self.w("none")
        alt = self.words("seats_alt", weak=weak, hard=hard)
        body = [
            [escape(str(r.student)), str(r.row) if r.row else "–",
             self.w("cm", v=self.num(100 * r.sigma_m)), f"{self.pct(r.coverage)} %",
             self.w("arcmin", v=self.num(r.letter_arcmin)),
             self.w("deg", v=self.num(r.obliquity_deg)), escape(self.area(r.hardest)),
             self.w(r.reading)]
            for r in seats.itertuples()
        ]  # fmt: skip
        head = [self.w(k) for k in ("col_student", "col_row", "col_error", "col_coverage",
                                    "col_letter", "col_angle", "col_hardest",
                                    "col_reading")]  # fmt: skip
        return (
            f'<p class="lede">{self.w("seats_lede")}</p><div class="beside"><div>'
            f'<fieldset class="toggle"><legend>{self.w("heat_toggle")}</legend>{options}</fieldset>'
            f"<figure>{self.plot('fig-seats', figure, alt)}"
            f'<figcaption><span id="fig-seats-said" aria-live="polite">'
            f"{self.w('seat_error_said')}</span></figcaption></figure></div>"
            f"<div>{by_row}{notes}</div></div>"
            + self.details(self.table(head, body, numeric=(1, 2, 3, 4, 5),
                                      caption=self.w("seats")))
        )  # fmt: skip

    # ---------------------------------------------------------------- transitions

    def transitions(self) -> str:
        t = self.measures.transitions
        if not t.counts.sum():
            return f"<p>{self.w('transitions_none')}</p>"
        p = t.probabilities
        head = "".join(f'<th scope="col">{escape(self.area(s))}</th>' for s in t.states)
        lines = []
        for i, a in enumerate(t.states):
            cells = []
            for j in range(len(t.states)):
                if i == j:
                    cells.append('<td class="own" aria-hidden="true"></td>')
                elif not np.isfinite(p[i, j]):
                    cells.append("<td>–</td>")
                elif 0 < t.students[i, j] < self.small:
                    cells.append(f"<td><small>{self._few()}</small></td>")
                else:
                    colour = sequential(np.asarray(0.85 * p[i, j]))
                    r, g, b = (int(c) for c in colour)
                    dark = 0.299 * r + 0.587 * g + 0.114 * b < 140
                    ink = "#ffffff" if dark else "#22302e"
                    cells.append(
                        f'<td style="background:rgb({r},{g},{b});color:{ink}">'
                        f"{self.pct(p[i, j])} %<small>{self.num(t.counts[i, j])}</small></td>"
                    )
            lines.append(
                f'<tr><th scope="row">{self.swatch(a)}{escape(self.area(a))}</th>'
                f"{''.join(cells)}</tr>"
            )
        caption = self.w("transitions_caption")
        return (
            f'<p class="lede">{self.w("transitions_lede", gap=f"{self.measures.gap_s:g}")}</p>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
            f'<table class="matrix"><caption>{caption}</caption><thead><tr>'
            f'<th scope="col">{self.w("from_to")}</th>{head}</tr></thead>'
            f"<tbody>{''.join(lines)}</tbody></table></div>"
            f'<p class="lede"><small>{self.w("transitions_note")}</small></p>'
        )

    # ---------------------------------------------------------------- synchrony

    def synchrony(self) -> str:
        sync = self.measures.synchrony
        if sync.reason:
            return f"<p>{self.w(sync.reason)}</p>"
        if len(self.measures.used) < self.small:
            return f"<p>{self.w('a_seats_few', k=SMALL_CELL)}</p>"
        found = sync.moments
        if self.class_only:
            found = found[found["students"] >= SMALL_CELL]
        figure = figures.figure_synchrony(sync, self.measures, self.marks, self.words)
        if self.class_only and len(sync.moments) and len(figure["data"]):
            keep = (sync.moments["students"] >= SMALL_CELL).to_numpy()
            for trace in figure["data"]:
                if trace.get("mode") == "markers":
                    for c in ("x", "y", "text"):
                        trace[c] = [v for v, k in zip(trace[c], keep, strict=True) if k]
        alt = self.words("sync_alt", low=self.pct(float(np.nanmin(sync.agreement))),
                         high=self.pct(float(np.nanmax(sync.agreement))), n=len(found))  # fmt: skip
        lede = self.w("sync_lede", n=sync.surrogates, bin=f"{sync.bin_s:g}")
        out = (
            f'<p class="lede">{lede}</p><figure>{self.plot("fig-sync", figure, alt)}'
            f"<figcaption>{self.w('sync_not')}</figcaption></figure>"
        )
        if not len(found):
            return out + f"<p>{self.w('sync_none')}</p>"
        body = [
            [f"{figures.clock(r.time_s)}–{figures.clock(r.end_s)}",
             self.swatch(r.area) + escape(self.area(r.area)),
             self._of(r.students, r.measured), escape(self._near(r.time_s))]
            for r in found.itertuples()
        ]  # fmt: skip
        head = [self.w("col_time"), self.w("col_to"), self.w("col_turned"), self.w("col_phase")]
        if not self.marks:
            head, body = head[:3], [b[:3] for b in body]
        return out + self.table(head, body, caption=self.w("sync_caption"))

    def _near(self, time_s: float) -> str:
        """The phase that holds a moment, and a mark within 15 s of it."""
        said = [
            a.label for a in self.marks
            if (a.end_s is not None and a.time_s <= time_s < a.end_s)
            or (a.end_s is None and abs(a.time_s - time_s) <= 15)
        ]  # fmt: skip
        return "; ".join(said)

    # ---------------------------------------------------------------- students

    def students(self) -> str:
        m = self.measures
        window = max(m.window_s, next(
            (w for w in (5, 10, 15, 30, 60, 120) if (m.end_s - m.start_s) / w <= 100), 300.0
        ))  # fmt: skip
        starts, index, window = window_edges(m.moments, window)
        legend = "".join(f"<li>{self.swatch(s)}{escape(self.area(s))}</li>" for s in m.states) + (
            f'<li><span class="swatch" style="background:#f2f0ea"></span>{self.w("missing")}</li>'
        )
        rows = sorted({int(r) for r in self.seats["row"] if r > 0})
        options = "".join(
            f'<option value="{r}">{self.w("row", rows=str(r))}</option>' for r in rows
        )
        said = self.words.table["filter_said"]
        filters = (
            f'<div class="filters"><label>{self.w("filter_row")}<select><option value="">'
            f"{self.w('filter_all')}</option>{options}</select></label>"
            f'<label>{self.w("filter_text")}<input type="search" autocomplete="off"></label>'
            f'<label class="check"><input type="checkbox">{self.w("filter_weak")}</label>'
            f'<output aria-live="polite" data-text="{escape(said)}"></output></div>'
        )
        photo = ""
        if self.photo is not None:
            photo = (
                '<svg width="0" height="0" aria-hidden="true" style="position:absolute"><symbol '
                'id="photo" viewBox="0 0 100 100" preserveAspectRatio="none"><image href="'
                f'{svg.data_uri(self.photo)}" width="100" height="100" '
                'preserveAspectRatio="none"/></symbol></svg>'
            )
        cards = "".join(self._student(r, starts, index, window) for r in self.seats.itertuples())
        return (
            f'<p class="lede">{self.w("students_lede")}</p>{filters}'
            f'<ul class="legend">{legend}</ul>{photo}<div class="students">{cards}</div>'
        )

    def _student(self, seat: Any, starts: Array, index: NDArray[np.int64], window: float) -> str:
        m, maps = self.measures, self.maps
        name = str(seat.student)
        row = self.w("student_row", row=seat.row) if seat.row else ""
        head = f"<h3>{escape(name)}<small>{row}</small></h3>"
        weak = int(seat.reading == "read_nothing")
        shell = (
            f'<article class="student" data-student="{escape(name)}" data-row="{seat.row}" '
            f'data-weak="{weak}">{head}'
        )
        if (
            name not in m.moments.students
            or not m.moments.measured[m.moments.students.index(name)].any()
        ):
            return f"{shell}<p>{self.w('student_never')}</p></article>"
        i = m.moments.students.index(name)
        own = m.student_areas[m.student_areas["student"] == name].set_index("area")
        if np.isfinite(seat.sigma_m):
            data = self.w(
                "student_data", coverage=self.pct(seat.coverage),
                cm=self.num(100 * seat.sigma_m), reading=self.w(seat.reading),
            )  # fmt: skip
        else:
            data = self.w("student_data_none", coverage=self.pct(seat.coverage),
                          reading=self.w(seat.reading))  # fmt: skip
        summary = ", ".join(f"{self.area(s)} {self.pct(own['share'][s])} %" for s in m.states)
        at = maps.of(name)
        picture = f"<p>{self.w('student_few')}</p>"
        if at is not None:
            picture = svg.board_svg(
                maps.maps[at], maps.grid, self.lesson.board, m.area_list,
                top=top_of_scale(maps.maps[at]),
                label=self.words("student_heat", student=name, summary=summary),
                photo_id="photo" if self.photo is not None else None,
            )  # fmt: skip
        p = m.moments.probability[i]
        total = np.bincount(index, minlength=len(starts))
        shares = (
            np.stack(
                [np.bincount(index, p[:, k], minlength=len(starts)) for k in range(p.shape[1])], 1
            )
            / np.maximum(total, 1)[:, None]
        )
        shares /= np.maximum(shares.sum(1, keepdims=True), 1.0)  # overlapping areas
        line = svg.strip_svg(
            shares, starts, window, m.states, m.area_list, self.marks, end_s=m.end_s,
            label=self.words("student_line", student=name, window=self.window(window),
                             summary=summary),
        )  # fmt: skip
        body = [
            [self.swatch(s) + escape(self.area(s)), f"{self.pct(own['share'][s])} %",
             f"{self.pct(own['low'][s])}–{self.pct(own['high'][s])} %",
             self.num(own["visits"][s]), self._seconds(own["mean_visit_s"][s]),
             figures.clock(own["first_look_s"][s]) if np.isfinite(own["first_look_s"][s]) else "–"]
            for s in m.states
        ]  # fmt: skip
        columns = [self.w(k) for k in ("col_area", "col_share")]
        columns += ["95 %", *(self.w(k) for k in ("col_visits", "col_mean_visit", "col_first"))]
        table = self.table(columns, body, numeric=(1, 2, 3, 4, 5), caption=escape(name))
        return f"{shell}<p>{data}</p>{picture}{line}{self.details(table)}</article>"

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
                                    label=label) if ok else self._few()  # fmt: skip
            share = m.timeline[m.timeline["area"] == "board"]["share"].to_numpy(np.float64)
            starts = m.timeline[m.timeline["area"] == "board"]["time_s"].to_numpy(np.float64)
            strip = svg.strip_svg(
                np.nan_to_num(share)[:, None], starts, m.window_s, ("board",), m.area_list, (),
                label=label, end_s=m.end_s,
            ) if ok else ""  # fmt: skip
            cards.append(f"<div><h3>{name}<br><small class=meta>{lesson.run.folder.name}{date}"
                         f"</small></h3>{picture}{strip}</div>")  # fmt: skip
            body.append([
                name, str(len(m.used)), f"{self.pct(m.coverage)} %",
                f"{self.pct(board['share'])} %" if ok else self._few(),
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
                "versions", version=package.__version__, run=self.lesson.run.folder.name,
                started=str(info.get("started", "–")), settings=settings,
            ) + "</small></p>"
        )  # fmt: skip

    # ---------------------------------------------------------------- the page

    def html(self, plotly_js: str) -> str:
        sections: list[tuple[str, str, str]] = [
            ("short", self.w("short"), self.short()),
            ("quality", self.w("quality"), self.quality()),
        ]
        if not self.empty:
            sections += [
                ("heat", self.w("heat"), self.heat()),
                ("areas", self.w("areas"), self.areas()),
                ("timeline", self.w("timeline"), self.timeline()),
                ("seats", self.w("seats"), self.seat_map()),
                ("transitions", self.w("transitions"), self.transitions()),
                ("synchrony", self.w("sync"), self.synchrony()),
            ]
            if self.compared:
                sections.append(("compare", self.w("compare"), self.compare()))
            sections.append(("questions", self.w("questions"), self.questions()))
            if not self.class_only:
                sections.append(("students", self.w("students"), self.students()))
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
