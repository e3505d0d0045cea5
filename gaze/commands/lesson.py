"""A lesson: analyze, validate, report, fit-gain; and the demo."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from gaze.commands.console import (
    DONE,
    NOT_GOOD_ENOUGH,
    AsJson,
    Lesson,
    command,
    out,
    print_json,
    progress_bar,
    say,
    table,
)

commands = typer.Typer()


@commands.command(rich_help_panel="A lesson")
@command
def analyze(
    lessons: Annotated[list[Path], typer.Argument(metavar="LESSON…")],
    fps: Annotated[float, typer.Option(help="Moments analysed per second.")] = 5.0,
    start: Annotated[float | None, typer.Option(help="Start, seconds on the left clock.")] = None,
    stop: Annotated[float | None, typer.Option(help="Stop, seconds on the left clock.")] = None,
    identity: Annotated[
        str, typer.Option(help="geometry, embedding or both: the same student in both cameras.")
    ] = "geometry",
    weights: Annotated[str, typer.Option(help="Head-pose weights (headpose/weights).")] = "default",
    precision: Annotated[
        str, typer.Option(help="fast: INT8 where it is faster and as good; full: never.")
    ] = "fast",
    run_name: Annotated[
        str | None, typer.Option("--run", help="Name (or path) of the run's folder in runs/.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option(help="Replace the run of that name, once the new one is whole.")
    ] = False,
    gain: Annotated[bool, typer.Option(help="Apply gain.json (gaze fit-gain).")] = False,
    agreement: Annotated[
        bool, typer.Option(help="Take off constant errors that the class's agreement proves.")
    ] = False,
    sigma_of: Annotated[
        str | None,
        typer.Option(help="A validated run in this room: how sure heads are is taken from it."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Use a rig whose verdict is FAIL.")] = False,
    fresh: Annotated[bool, typer.Option(help="Do not go on with an unfinished run.")] = False,
    csv: Annotated[bool, typer.Option(help="Export gaze.csv as well: RUN/export-csv/.")] = False,
    engine: Annotated[str, typer.Option(help="Many lessons: local or ray.")] = "local",
    workers: Annotated[int, typer.Option(help="Many lessons: how many at once.")] = 1,
    as_json: AsJson = False,
) -> None:
    """From two videos to tables, heatmaps and the attention report.

    Ctrl-C or a crash leaves a run that the same command goes on with.

    Example: gaze analyze lesson/ --fps 5
    """
    from gaze.analyze import analyze as run_analyze
    from gaze.gain.model import Gain
    from gaze.lesson.room_sigma import sigma_of as sigma_of_run
    from gaze.lesson.settings import AnalyzeSettings
    from sessions.folder import Session

    settings: dict[str, Any] = {
        "fps": fps,
        "start_s": start,
        "stop_s": stop,
        "identity": identity,
        "weights": weights,
        "precision": precision,
        "force": force,
        "agreement": agreement,
        "sigma": None if sigma_of is None else sigma_of_run(sigma_of, lessons[0]),
    }
    around: dict[str, Any] = {"run_name": run_name, "resume": not fresh, "overwrite": overwrite}
    if len(lessons) > 1:
        from gaze.engine import analyze_many

        result = analyze_many(
            lessons, engine=engine, workers=workers, gain=gain, **settings, **around
        )
        if as_json:
            print_json(result.to_dict())
        else:
            out.print(result.table())
        raise typer.Exit(result.exit_code)
    session = Session.open(lessons[0])
    applied = Gain.load(session.gain_path) if gain else None
    with progress_bar(quiet=as_json) as progress:
        run = run_analyze(
            session, AnalyzeSettings.of(**settings), gain=applied, progress=progress, **around
        )
    if csv:
        from gaze.exports import export

        export(run.folder, "csv", run.folder / "export-csv")
    summary = _run_summary(run)
    if as_json:
        print_json(summary)
    else:
        _print_run(run, summary)
    good = summary["report"] and summary["not_good_enough"] is None
    raise typer.Exit(DONE if good else NOT_GOOD_ENOUGH)


def _run_summary(run: Any) -> dict[str, Any]:
    from sessions.quality import Quality

    quality = Quality.read(run.quality_path)
    return {
        "run": str(run.folder),
        "report": None if run.info().report_problem else str(run.report_path),
        "coverage": quality.coverage,
        "not_good_enough": quality.not_good_enough,
        "warnings": [w.message for w in quality.warnings],
        "caveats": [w.model_dump() for w in quality.warnings],
        "rows": [row.model_dump() for row in quality.rows],
    }


def _print_run(run: Any, summary: dict[str, Any]) -> None:
    from sessions.tables import read_table

    students = read_table(run.students_path, "students")
    rows: list[list[object]] = []
    for row, part in students.groupby("row"):
        rows.append(
            [
                f"row {row}",
                len(part),
                f"{part.seat_z_m.median():.1f}",
                f"{part.face_px_median.median():.0f}",
                f"{100 * part.coverage.mean():.0f} %",
                f"{100 * part.sigma_median_m.median():.0f}",
            ]
        )
    columns = ["", "students", "distance m", "face px", "measured", "σ cm"]
    out.print(table("what was measured", columns, rows))
    for warning in summary["warnings"]:
        say(f"[yellow]![/] {escape(warning)}")
    say(f"tables and heatmaps: {escape(str(run.folder))}")
    if summary["report"]:
        say(f"report: [bold]{escape(summary['report'])}[/]")


@commands.command(rich_help_panel="A lesson")
@command
def validate(
    lesson: Lesson,
    head: Annotated[
        str, typer.Option(help="network, or truth: feed the true heads (simulated lessons).")
    ] = "network",
    nose: Annotated[str, typer.Option(help="video, or truth: feed the true noses.")] = "video",
    run: Annotated[
        str | None,
        typer.Option(help="A finished run, name or path; default: the newest, or a new one."),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Only a run of so many moments per second.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Only a run with these head-pose weights.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Errors by row against targets.csv, and against truth/ where a lesson has one.

    Example: gaze validate lesson/
    """
    from gaze.validation.validate import validate_lesson
    from sessions.folder import Session

    with progress_bar(quiet=as_json) as progress:
        result = validate_lesson(
            Session.open(lesson),
            run=run,
            head=head,
            nose=nose,
            fps=fps,
            weights=weights,
            progress=progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _print_validation(result)


def _print_validation(result: Any) -> None:
    def cells(name: str, e: Any, distance: float | None) -> list[object]:
        gaze_cm, bias = e.gaze_cm, e.gaze_bias_cm
        return [
            name,
            "–" if distance is None else f"{distance:.1f}",
            e.n,
            _mean_p90(e.nose_cm),
            _mean_p90(e.head_deg),
            f"{gaze_cm.mean:.0f} / {gaze_cm.median:.0f} / {gaze_cm.p90:.0f}",
            f"{bias[0]:+.0f}, {bias[1]:+.0f}",
        ]

    rows = [cells(f"row {r.row}", r, r.distance_m) for r in result.rows]
    rows.append(cells("all", result.overall, None))
    columns = ["", "m", "n", "nose cm", "head °", "gaze cm mean/med/p90", "bias x, y cm"]
    out.print(table("errors (nose, head: median / p90)", columns, rows))
    inside = "–" if result.inside_68 is None else f"{100 * result.inside_68:.0f} %"
    switches = "–" if result.identity_switches is None else result.identity_switches
    say(
        f"coverage {100 * result.coverage:.1f} %   identity switches {switches}   "
        f"inside their own 68 % ellipse {inside}"
    )
    if result.room is not None:
        (x, y), (sx, sy) = result.room.shift_cm, result.room.sigma_cm
        says = (
            "more than heads explain: the room is off, measure tape and lengths again"
            if result.room.seen
            else "no more than heads explain"
        )
        say(
            f"the class as a whole points {x:+.0f} ± {sx:.0f} cm left and {y:+.0f} ± {sy:.0f} cm "
            f"down of the marked points: {says}"
        )
    if result.sigma is not None:
        low, high = result.sigma.interval_95
        says = "as stated" if not result.sigma.seen else "`gaze analyze --sigma-of` takes it over"
        say(
            f"errors are {result.sigma.factor:.2f} times their stated σ ({low:.2f} to {high:.2f}, "
            f"{result.sigma.students} students): {says}"
        )
    if result.unknown_students:
        strangers = ", ".join(result.unknown_students)
        say(f"[yellow]![/] targets.csv names students whom nobody knows: {escape(strangers)}")
    if result.figure:
        say(f"figure: {escape(str(result.figure))}")


def _mean_p90(s: Any) -> str:
    return "–" if s is None else f"{s.median:.1f} / {s.p90:.1f}"


@commands.command(rich_help_panel="A lesson")
@command
def report(
    run: Annotated[str, typer.Argument(help="A run's folder (in a lesson's folder: its name).")],
    out_html: Annotated[Path | None, typer.Option("--out", help="Where to write it.")] = None,
    language: Annotated[str, typer.Option(help="en, de or zh.")] = "en",
    class_only: Annotated[bool, typer.Option(help="Leave out single students.")] = False,
    compare: Annotated[list[str] | None, typer.Option(help="Another run beside it.")] = None,
    events: Annotated[Path | None, typer.Option(help="events.csv or ELAN tab text.")] = None,
    validation: Annotated[
        Path | None, typer.Option(help="validation.json of another run in the same room.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report again: other language, class only, beside other lessons.

    Example: gaze report lesson/runs/2026-03-02T0900 --class-only --language de
    """
    from gaze.report import write_report
    from gaze.report.heatmap import heatmaps, write_heatmaps
    from gaze.report.lesson import load_lesson
    from sessions.lock import lock_around
    from sessions.run import run_folder

    folder, maps = run_folder(run), None
    others = tuple(run_folder(other) for other in compare or ())
    here = out_html is None or out_html.resolve().is_relative_to(folder.parents[1])
    with lock_around(folder), nullcontext() if here else lock_around(out_html or folder):
        if out_html is None and not class_only and events is None:  # the run's own, and pictures
            lesson = load_lesson(folder)
            maps = heatmaps(lesson)
            write_heatmaps(folder, lesson=lesson, maps=maps)
        path = write_report(
            folder,
            out=out_html,
            language=language,
            class_only=class_only,
            compare=others,
            events=events,
            validation=validation,
            maps=maps,
        )
    if as_json:
        print_json({"report": str(path)})
    else:
        say(f"report: {escape(str(path))}")


@commands.command(rich_help_panel="A lesson")
@command
def fit_gain(
    lesson: Lesson,
    run: Annotated[
        str | None, typer.Option(help="A finished run, name or path; default: the newest.")
    ] = None,
    holdout: Annotated[
        Literal["targets", "students"], typer.Option(help="Left out to test it.")
    ] = "targets",
    as_json: AsJson = False,
) -> None:
    """Fit how much of a gaze shift the head does, from marked points (targets.csv).

    Writes gain.json with its error on points left out; `gaze analyze --gain` applies it.

    Example: gaze fit-gain lesson/
    """
    from gaze.gain.fit import fit_gain_of_lesson
    from sessions.folder import Session

    gain = fit_gain_of_lesson(Session.open(lesson), run=run, holdout=holdout)
    if as_json:
        print_json(gain.to_dict())
    else:
        say(gain.describe())


@commands.command(rich_help_panel="Try")
@command
def demo(
    out_folder: Annotated[
        Path, typer.Option("--out", help="Where to put the copy it works on.")
    ] = Path("demo-run"),
    lesson: Annotated[
        Path | None, typer.Option(help="Another lesson than the one that comes with it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Calibrate, analyze and validate the lesson that comes with the repository.

    Example: gaze demo
    """
    from gaze.setup.demo import run_demo

    with progress_bar(quiet=as_json) as progress:
        result = run_demo(out_folder, lesson, progress=progress)
    if as_json:
        print_json(result.to_dict())
        return
    say(f"calibration: [bold]{result.rig.verdict.status}[/]")
    _print_run(result.run, _run_summary(result.run))
    _print_validation(result.validation)
    say(f"\nOpen [bold]{escape(str(result.run.report_path))}[/] in a browser.")
