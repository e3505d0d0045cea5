"""What is kept of lessons: export, catalog, forget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from gaze.commands.console import (
    DONE,
    NOT_DONE,
    NOT_GOOD_ENOUGH,
    AsJson,
    Lesson,
    command,
    err,
    print_json,
    say,
)

commands = typer.Typer()


@commands.command(rich_help_panel="A lesson")
@command
def export(
    run: Annotated[str, typer.Argument(help="A run's folder (in a lesson's folder: its name).")],
    format: Annotated[
        str,
        typer.Option(
            help="csv, parquet, measures, visits, transitions, bids, pupil, elan, xlsx, replay."
        ),
    ] = "csv",
    out_path: Annotated[Path | None, typer.Option("--out", help="File or folder.")] = None,
    salted: Annotated[
        bool, typer.Option(help="Other pseudonyms, which only the lesson's salt connects.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a run's tables for other programs; each export leaves a line in audit.log.

    Example: gaze export lesson/runs/2026-03-02T0900 --format bids --out bids/
    """
    from gaze.exports import export as run_export
    from sessions.run import run_folder

    folder = run_folder(run)
    written = run_export(folder, format, out_path or folder / f"export-{format}", salted=salted)
    paths = [str(p) for p in (written if isinstance(written, list | tuple) else [written])]
    if as_json:
        print_json({"written": paths})
    else:
        say(escape("\n".join(paths)))


@commands.command(rich_help_panel="A lesson")
@command
def replay(
    run: Annotated[str, typer.Argument(help="A run's folder (in a lesson's folder: its name).")],
    out_path: Annotated[Path, typer.Option("--out", help="An .mp4 or .gif.")],
    seconds: Annotated[float, typer.Option(help="Length of the clip.")] = 30.0,
    start: Annotated[float | None, typer.Option(help="Start, seconds on the left clock.")] = None,
    stop: Annotated[float | None, typer.Option(help="Stop, seconds on the left clock.")] = None,
    language: Annotated[str, typer.Option(help="en, de or zh.")] = "en",
    as_json: AsJson = False,
) -> None:
    """A short clip of the lesson as dots on the board: drawn, without faces or names.

    It is an export (`gaze export --format replay`): in the audit log, and made again by `forget`.

    Example: gaze replay lesson/runs/2026-03-02T0900 --out exports/replay.mp4 --seconds 60
    """
    from gaze.exports import export as run_export
    from sessions.run import run_folder

    if not out_path.suffix:  # a folder is not meant
        out_path = out_path.with_suffix(".mp4")
    options: dict[str, Any] = {"seconds": seconds, "start_s": start, "stop_s": stop}
    [path] = run_export(run_folder(run), "replay", out_path, language=language, **options)
    if as_json:
        print_json({"written": str(path)})
    else:
        say(escape(str(path)))


@commands.command(rich_help_panel="A lesson")
@command
def catalog(
    folder: Annotated[Path, typer.Argument(help="A folder of lessons.")],
    sql: Annotated[str | None, typer.Option(help="SQL over gaze, students, runs.")] = None,
    question: Annotated[
        str | None,
        typer.Option(help="board-share-by-week, board-share-by-row or coverage-by-lesson."),
    ] = None,
    row: Annotated[
        int | None, typer.Option(help="Row of seats of board-share-by-week, 1 = front; default 4.")
    ] = None,
    csv: Annotated[bool, typer.Option(help="Print CSV.")] = False,
    out_html: Annotated[
        Path | None, typer.Option("--out", help="Figures: a page of the class's lessons.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the page: en, de or zh.")] = "en",
    as_json: AsJson = False,
) -> None:
    """All finished runs below a folder, one SQL away (needs the extra `catalog`).

    With --out, figures: each lesson's shares with bands, and the trend over weeks.

    Example: gaze catalog lessons/ --sql "select student, count(*) from gaze group by 1"
    """
    from gaze.catalog.catalog import Catalog, format_answer

    if out_html is not None:
        _catalog_page(folder, out_html, language, as_json)
        return
    found = Catalog.open(folder)
    if question:
        answer = found.ask(question, **({} if row is None else {"row": row}))
    else:
        answer = found.sql(sql) if sql else found.summary()
    for reason in found.left_out:
        err.print(f"[yellow]left out[/] {escape(str(reason))}", soft_wrap=True)
    print(format_answer(answer, "json" if as_json else "csv" if csv else "table"))


def _catalog_page(folder: Path, page: Path, language: str, as_json: bool) -> None:
    from calibration.errors import UserError
    from calibration.files import refuse_foreign
    from gaze.catalog.catalog import Catalog
    from gaze.privacy.audit import went_out
    from gaze.report.lesson import words_of
    from gaze.studies.compare import compare
    from gaze.studies.compare_page import write_comparison
    from gaze.studies.lessons import take_all

    if page.suffix.lower() not in (".html", ".htm"):
        raise UserError("a page is written into an .html file", found=str(page))
    refuse_foreign(page)
    words_of(language)
    with Catalog.open(folder) as catalog:
        taken, left_out = take_all(catalog)
    found = compare(taken)
    went_out((t.lesson.run for t in taken), "comparison", page)
    notes = [*(f"left out: {reason}" for reason in left_out), *found.notes]
    write_comparison(found, page, language=language, notes=notes)
    if as_json:
        print_json({"page": str(page), "lessons": [t.name for t in taken], "notes": notes})
    else:
        for note in notes:
            err.print(f"[yellow]note[/] {escape(note)}", soft_wrap=True)
        say(f"page: {escape(str(page))}")


@commands.command(rich_help_panel="A lesson")
@command
def forget(
    lesson: Lesson,
    student: Annotated[str | None, typer.Argument(help="The student's pseudonym.")] = None,
    all_video: Annotated[bool, typer.Option(help="Delete all videos and pictures.")] = False,
    everything: Annotated[bool, typer.Option(help="Delete the whole lesson.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a student (or all video) from every table, picture and cache, and prove it.

    What was made from the student is made again without. Exit code 1 where something could not be
    made again, or is not proven to be free of the student.

    Example: gaze forget lesson/ S-07
    """
    from calibration.errors import UserError
    from gaze.privacy.forget import forget as forget_student
    from gaze.privacy.forget import (
        forget_everything,
        forget_video,
        known_student,
        lesson_folder,
    )

    if sum([student is not None, all_video, everything]) != 1:
        raise UserError(
            "say what to forget", expected="one of: a student, --all-video, --everything"
        )
    lesson_folder(lesson)  # only what there is, is asked about
    if student is not None:
        known_student(lesson, student)
    what = f"student {student}" if student else "all video" if all_video else "the whole lesson"
    if not yes:
        try:
            sure = typer.confirm(f"Delete {what} from {lesson}? This cannot be undone")
        except (typer.Abort, RuntimeError):  # nobody there to answer; stdin is closed
            sure = False
        if not sure:
            raise typer.Exit(NOT_DONE)
    if student is not None:
        done = forget_student(lesson, student)
    else:
        done = forget_video(lesson) if all_video else forget_everything(lesson)
    if as_json:
        print_json({**vars(done), "proven": done.proven})
    else:
        say(escape(str(done)))
    raise typer.Exit(DONE if done.whole else NOT_GOOD_ENOUGH)
