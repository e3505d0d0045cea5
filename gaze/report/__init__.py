"""The report of a lesson: one self-contained HTML page, heatmaps, and the figures in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from calibration.files import refuse_foreign
from gaze.measures.measures import Measures, measures
from gaze.privacy.audit import went_out
from gaze.privacy.names import Finder
from gaze.report.compose import html
from gaze.report.findings import SMALL_CELL
from gaze.report.heatmap import Heatmaps, heatmaps, photograph
from gaze.report.lesson import Lesson, ReportError, load_lesson, words_of
from gaze.report.page import Page, Phase, plotly_js
from sessions.config import Area
from sessions.events.marks import Mark
from sessions.run import atomic_write

__all__ = ["ReportError", "write_report"]

MOST_MAPS = 24  # phases and slides that get a picture of their own


def write_report(
    run_folder: str | Path,
    *,
    out: str | Path | None = None,
    areas: Iterable[Area] | None = None,
    language: str = "en",
    class_only: bool = False,
    compare: Iterable[str | Path] = (),
    events: str | Path | None = None,
    validation: str | Path | None = None,
    maps: Heatmaps | None = None,
    seed: int = 0,
) -> Path:
    """Make the report of a run: one HTML file that needs nothing else.

    Parameters
    ----------
    run_folder : a run of `gaze analyze`. The lesson's videos are not touched.
    out : where to; by default ``report.html`` in the run, and beside it ``report-class.html`` for
        sharing where five students have enough data (that one alone if class_only).
    areas : other areas than session.toml's. language : ``en``, ``de`` or ``zh``.
    class_only : for sharing: no student, and nothing that stands for fewer than five.
    compare : other runs, put beside this one.
    events : marks (events.csv or ELAN's tab text); by default the lesson's events.csv, if any.
    validation : `gaze validate`'s JSON; by default validation.json in the run or the lesson.
    maps : the run's heatmaps, where they are known already (of the same marks).

    Returns the path. The same tables and seed give the same bytes.

    Raises
    ------
    UserError : ``out`` is a file that is no report of ours; a run of another version, an expired
        lesson, damaged tables, impossible areas or marks, a class report of fewer than five
        students.
    """
    if out is not None and Path(out).suffix.lower() not in (".html", ".htm"):
        raise ReportError(  # never over a table, a video or session.toml
            "a report is written into an .html file", found=str(out), expected="--out NAME.html"
        )
    if out is not None:
        refuse_foreign(out)
    words = words_of(language)
    lesson = load_lesson(run_folder, validation=validation, events=events)
    m = _measures(lesson, areas, seed)
    if class_only and len(m.used) < SMALL_CELL:
        raise ReportError(
            "a class report of fewer than five students would be about each of them",
            where=run_folder,
            found=f"{len(m.used)} students with enough data",
            expected=f"at least {SMALL_CELL}",
            remedy="Make the ordinary report, and keep it to yourself.",
        )
    compared = _compared(compare, seed)
    page = Page(
        lesson, m, maps or heatmaps(lesson), lesson.marks, _phases(lesson, m, seed), words,
        class_only, photograph(lesson.board, lesson.run.lesson_folder, 900),
        compared, lesson.targets(seed=seed), lesson.teacher(seed=seed),
    )  # fmt: skip
    default = lesson.run.report_path
    shared = default.with_name("report-class.html")
    runs = (lesson.run, *(other.run for other, _, _ in compared))
    went_out(runs, "report", out or (shared if class_only else default))
    if class_only:
        return _write(_for_sharing(page), Path(out) if out else shared)
    if out is not None or len(m.used) < SMALL_CELL:
        return _write(page, Path(out) if out else default)
    _write(_for_sharing(page), shared)  # the report's button leads there
    return _write(replace(page, class_copy=shared.name), default)


def _write(page: Page, target: Path) -> Path:
    text = html(page, plotly_js())
    with atomic_write(target) as aside:
        aside.write_text(text, encoding="utf-8")
    return target


def _for_sharing(page: Page) -> Page:
    """The same facts for a page without students; no mark and no caveat names one."""

    def nameless(mark: Mark) -> Mark:
        return replace(mark, label=_nameless(mark.label, page.lesson))

    quality = page.lesson.quality
    said = [w.model_copy(update={"message": _nameless(w.message, page.lesson)})
            for w in quality.warnings]  # fmt: skip
    quality = quality.model_copy(update={"warnings": tuple(said)})
    return replace(
        page,
        lesson=replace(page.lesson, quality=quality),
        class_only=True,
        marks=tuple(nameless(a) for a in page.marks),
        phases=tuple(replace(p, mark=nameless(p.mark)) for p in page.phases),
    )


def _phases(lesson: Lesson, m: Measures, seed: int) -> tuple[Phase, ...]:
    """Measures of every phase and slide that lies in the lesson; maps of the MOST_MAPS longest."""
    spans = []
    for a in lesson.marks:
        end_s = m.end_s if a.kind == "slide" and a.end_s is None else a.end_s
        if a.kind in ("phase", "slide") and end_s and a.time_s < m.end_s and end_s > m.start_s:
            spans.append((a, end_s))
    lengths = sorted((end_s - a.time_s for a, end_s in spans), reverse=True)
    least_s = min(lengths[:MOST_MAPS], default=0.0)
    return tuple(_phase(lesson, m, a, end_s, seed, least_s) for a, end_s in spans)


def _phase(
    lesson: Lesson, m: Measures, mark: Mark, end_s: float, seed: int, least_s: float
) -> Phase:
    of = measures(
        lesson.gaze, m.area_list, lesson.board, students=m.moments.students,
        between_s=(mark.time_s, end_s), seed=seed, surrogates=0,
    )  # fmt: skip
    t = lesson.gaze["time_s"]
    part = replace(lesson, gaze=lesson.gaze[(t >= mark.time_s) & (t < end_s)])
    drawn = end_s - mark.time_s >= least_s
    return Phase(replace(mark, end_s=end_s), of, heatmaps(part, cell_m=0.1) if drawn else None)


def _compared(
    runs: Iterable[str | Path], seed: int
) -> tuple[tuple[Lesson, Measures, Heatmaps], ...]:
    lessons = [load_lesson(run) for run in runs]
    return tuple((lesson, _measures(lesson, None, seed), heatmaps(lesson)) for lesson in lessons)


def _nameless(label: str, lesson: Lesson) -> str:
    """A mark's label without any student's pseudonym."""
    everybody = (*lesson.students, *lesson.never_seen)
    for student in everybody:
        label = Finder.of(student, everybody).cut(label, "…")
    return label


def _measures(lesson: Lesson, areas: Iterable[Area] | None, seed: int) -> Measures:
    chosen = tuple(areas) if areas is not None else lesson.board.areas
    everybody = [*lesson.students, *lesson.never_seen]
    return measures(lesson.gaze, chosen, lesson.board, students=everybody, seed=seed)
