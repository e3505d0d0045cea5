"""Studies over lessons: compare, agree, power, study-table, contribute, pool, methods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from gaze.commands.console import (
    AsJson,
    Overwrite,
    command,
    err,
    out,
    print_json,
    refuse_taken,
    say,
    table,
)

commands = typer.Typer()


def _note(notes: Iterable[str]) -> None:
    """On stderr: what a reader of the numbers must know."""
    for note in notes:
        err.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)


Lessons = Annotated[
    list[Path], typer.Argument(metavar="LESSON…", help="Lessons, runs, or folders of lessons.")
]
ARun = Annotated[str, typer.Argument(help="A run's folder (in a lesson's folder: its name).")]


@commands.command(rich_help_panel="A study")
@command
def compare(
    lessons: Lessons,
    out_html: Annotated[Path | None, typer.Option("--out", help="A page for a teacher.")] = None,
    language: Annotated[str, typer.Option(help="en, de or zh.")] = "en",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Lessons of a class or room: shares, differences paired by seat, the trend over weeks.

    Example: gaze compare lessons/ --out compared.html
    """
    from calibration.errors import UserError
    from gaze.privacy.audit import went_out
    from gaze.report.lesson import words_of
    from gaze.studies.compare import compare as compared
    from gaze.studies.compare_page import write_comparison
    from gaze.studies.lessons import take

    if out_html is not None:
        if out_html.suffix.lower() not in (".html", ".htm"):
            raise UserError("a page is written into an .html file", found=str(out_html))
        refuse_taken(out_html, overwrite=overwrite)
    words_of(language)
    left_out: list[str] = []
    taken = take(lessons, left_out)
    found = compared(taken)
    notes = [*left_out, *found.notes]
    _note(notes)
    if out_html is not None:
        went_out((t.lesson.run for t in taken), "comparison", out_html)
        write_comparison(found, out_html, language=language, notes=notes)
    if as_json:
        shares = found.shares.assign(date=found.shares["date"].astype(str)).to_dict("records")
        print_json({"shares": shares, "differences": [asdict(d) for d in found.differences],
                    "trends": [asdict(t) for t in found.trends], "notes": notes})  # fmt: skip
        return

    def band(low: float, high: float) -> str:
        return f"{100 * low:.0f} to {100 * high:.0f}"

    board = found.shares[found.shares["area"] == "board"]
    rows: list[list[object]] = [
        [r.lesson, r.students, f"{100 * r.share:.0f}", band(r.low, r.high)]
        for r in board.itertuples()
    ]
    out.print(table("facing the board, %", ["", "students", "share", "95 %"], rows))
    differences: list[list[object]] = [
        [f"{d.lesson}, {d.area}", f"{100 * d.difference:+.1f}", band(d.low, d.high), d.seats]
        for d in found.differences
    ]
    columns = ["against the first, points", "difference", "95 %", "paired seats"]
    out.print(table("differences", columns, differences))
    if out_html is not None:
        say(f"page: {escape(str(out_html))}")


@commands.command(rich_help_panel="A study")
@command
def agree(
    run: ARun,
    codes: Annotated[Path, typer.Argument(help="A person's codes: BORIS, ELAN or CSV.")],
    format: Annotated[str, typer.Option(help="auto, boris, elan or csv.")] = "auto",
    observation: Annotated[str | None, typer.Option(help="Which one of BORIS' project.")] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="What a code means: 'notes=down'. Repeat it.")
    ] = None,
    offset_s: Annotated[float, typer.Option(help="Added to the codes' times.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """How far a person's codes agree with a run: Cohen's kappa, by area and by row.

    Example: gaze agree lesson/runs/2026-03-02T0900 codes.boris --name notes=down
    """
    from calibration.errors import UserError
    from gaze.studies.agree import agree as run_agree
    from sessions.run import run_folder

    wrong = [n for n in name or () if n.count("=") != 1]
    if wrong:
        raise UserError("--name is CODE=PLACE", found=wrong[0], expected="like notes=down")
    names = dict(n.split("=") for n in name or ())
    found = run_agree(run_folder(run), codes, format=format, observation=observation, names=names,
                      offset_s=offset_s)  # fmt: skip
    if as_json:
        print_json({**asdict(found), "confusion": found.confusion.to_dict("index")})
        return

    def cells(name: str, k: Any) -> list[object]:
        band = "–" if k.low != k.low else f"{k.low:.2f} to {k.high:.2f}"
        return [name, k.moments, k.students, f"{100 * k.agreement:.0f} %",
                "–" if k.kappa != k.kappa else f"{k.kappa:.2f}", band]  # fmt: skip

    rows = [cells("all", found.overall)]
    rows += [cells(area, k) for area, k in found.of_area.items()]
    rows += [cells(f"row {row}" if row else "row unknown", k) for row, k in found.of_row.items()]
    out.print(table("human codes against this run",
                    ["", "moments", "students", "agree", "kappa", "95 %"], rows))  # fmt: skip
    matrix: list[list[object]] = [
        [f"said {area}", *map(int, row)] for area, row in found.confusion.iterrows()
    ]
    out.print(table("moments", ["", *map(str, found.confusion.columns)], matrix))
    if found.coded_unmeasured:
        say(f"{found.coded_unmeasured} coded moments were not measured and do not count")
    if found.coded_twice:
        say(f"{found.coded_twice} moments are coded as two places and do not count")
    if found.codes_outside:
        say(f"{found.codes_outside} codes hold no moment that was analysed")


@commands.command(rich_help_panel="A study")
@command
def power(
    lessons: Annotated[
        list[Path] | None, typer.Argument(metavar="[LESSON…]", help="Whose spread is taken.")
    ] = None,
    difference: Annotated[float, typer.Option(help="To be seen, in per cent points.")] = 10.0,
    students: Annotated[
        int | None, typer.Option(help="In each lesson; else as many as in those lessons, or 25.")
    ] = None,
    area: Annotated[str, typer.Option(help="Whose share: board, an area, down …")] = "board",
    design: Annotated[
        Literal["groups", "paired"],
        typer.Option(help="Two groups of lessons, or both conditions in each lesson."),
    ] = "groups",
    lesson_sd: Annotated[float | None, typer.Option(help="Spread of lessons, points.")] = None,
    student_sd: Annotated[float | None, typer.Option(help="Spread of students, points.")] = None,
    wanted: Annotated[float, typer.Option("--power", help="Chance to see it.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Of the two-sided test.")] = 0.05,
    as_json: AsJson = False,
) -> None:
    """How many lessons are needed to see a difference, given what lessons and students vary.

    Example: gaze power lessons/ --difference 10 --students 28
    """
    from calibration.errors import UserError
    from gaze.studies.lessons import notes, student_shares, take
    from gaze.studies.power import lessons_needed, spread

    if design == "paired" and (lesson_sd is None or student_sd is None):
        raise UserError(
            "lessons tell how much shares vary, not how much their differences do",
            expected="--lesson-sd and --student-sd of the differences between the two conditions",
        )
    left_out: list[str] = []
    taken = take(lessons, left_out) if lessons else []
    _note([*left_out, *notes(taken)])
    shares = student_shares(taken) if taken else None
    found = spread(shares, area) if shares is not None else None
    if students is None:
        students = 25
        if shares is not None:
            students = round(float(shares.groupby("lesson")["student"].nunique().median()))
    of_lessons = lesson_sd / 100 if lesson_sd is not None else found.lesson_sd if found else None
    of_students = (
        student_sd / 100 if student_sd is not None else found.student_sd if found else None
    )
    if of_lessons is None or of_students is None or of_lessons != of_lessons:
        raise UserError(
            "how much lessons and students vary is not known",
            expected="two lessons or more, or --lesson-sd and --student-sd",
            remedy="With one lesson give --lesson-sd; 5 to 10 points is a careful guess.",
        )
    need = lessons_needed(difference / 100, students, lesson_sd=of_lessons, student_sd=of_students,
                          design=design, alpha=alpha, wanted=wanted)  # fmt: skip
    if as_json:
        print_json({**asdict(need), "lesson_sd": of_lessons, "student_sd": of_students,
                    "measured": asdict(found) if found else None})  # fmt: skip
        return
    each = "in each of two groups" if design == "groups" else "with both conditions in each"
    say(
        f"{need.lessons} lessons {each}, {students} students: a true difference of "
        f"{difference:g} points is seen with a chance of {100 * need.power:.0f} %"
    )
    say(f"lessons vary by {100 * of_lessons:.1f} points, students by {100 * of_students:.1f}")
    if found:
        say(f"(of the students' spread, the measurement's own error is about "
            f"{100 * found.measurement_sd:.1f} points)")  # fmt: skip


@commands.command(rich_help_panel="A study")
@command
def study_table(
    lessons: Lessons,
    out_csv: Annotated[Path, typer.Option("--out", help="A CSV file outside the lessons.")],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """One tidy table over lessons for mixed models: a row for each student, lesson and place.

    Example: gaze study-table lessons/ --out study.csv
    """
    from gaze.studies.table import write_study_table

    refuse_taken(out_csv, overwrite=overwrite)
    rows, notes = write_study_table(lessons, out_csv)
    _note(notes)
    if as_json:
        print_json({"table": str(out_csv), "rows": rows, "notes": notes})
    else:
        say(f"{rows} rows in {escape(str(out_csv))}; in R: share ~ week + (1 | lesson)")


@commands.command(rich_help_panel="A study")
@command
def contribute(
    lessons: Lessons,
    study: Annotated[str, typer.Option(help="The study's name, the same in every school.")],
    out_json: Annotated[Path, typer.Option("--out", help="The file to hand on.")],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """What this school gives to a pooled study: four shares and their errors, nothing else.

    Example: gaze contribute lessons/ --study boards-2026 --out our-school.json
    """
    from gaze.privacy.audit import went_out
    from gaze.studies.lessons import notes, take
    from gaze.studies.pool import contribute as given_by
    from gaze.studies.pool import write_contribution

    refuse_taken(out_json, overwrite=overwrite)
    left_out: list[str] = []
    taken = take(lessons, left_out)
    given = given_by(taken, study)
    _note([*left_out, *notes(taken)])
    # a forgetting must know of it, whatever happens then
    went_out((t.lesson.run for t in taken), "contribution", out_json)
    write_contribution(out_json, given)
    if as_json:
        print_json(given.model_dump())
    else:
        say(escape(given.model_dump_json(indent=1)))
        say(f"This is all of {escape(str(out_json))}; nothing was sent.")


@commands.command(rich_help_panel="A study")
@command
def pool(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="From `gaze contribute`.")],
    as_json: AsJson = False,
) -> None:
    """The schools' shares together: a random-effects meta-analysis.

    Example: gaze pool schools/*.json
    """
    from gaze.studies.pool import pool as pooled
    from gaze.studies.pool import read_contribution

    given = [read_contribution(path) for path in files]
    found = pooled(given)
    versions = sorted({g.version for g in given})
    if len(versions) > 1:
        _note([f"versions {', '.join(versions)} measured: they may count shares differently"])
    if as_json:
        print_json({place: asdict(p) for place, p in found.items()})
        return

    def pct(value: float) -> str:
        return "–" if value != value else f"{100 * value:.1f}"

    rows: list[list[object]] = [
        [place, pct(p.share), f"{pct(p.low)} to {pct(p.high)}", pct(p.tau),
         f"{100 * p.i2:.0f} %", f"{pct(p.next_low)} to {pct(p.next_high)}"]
        for place, p in found.items()
    ]  # fmt: skip
    columns = ["% of measured time", "mean", "95 %", "schools' sd", "I²", "another school"]
    out.print(table(f"{len(files)} schools", columns, rows))


@commands.command(rich_help_panel="A study")
@command
def methods(run: ARun, as_json: AsJson = False) -> None:
    """A methods paragraph with this run's versions and numbers, ready to paste.

    Example: gaze methods lesson/runs/2026-03-02T0900
    """
    from gaze.studies.methods import methods as paragraph
    from sessions.run import run_folder

    text = paragraph(run_folder(run))
    if as_json:
        print_json({"methods": text})
    else:
        print(text)
