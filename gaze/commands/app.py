"""The commands. They only parse, call and print; progress on stderr, results on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gaze.commands.console import (
    DONE,
    NOT_DONE,
    NOT_GOOD_ENOUGH,
    command,
    err,
    out,
    print_json,
    progress_bar,
    refuse_taken,
    say,
    table,
)

app = typer.Typer(
    name="gaze",
    help="Where on the blackboard was every student looking? From two cameras beside it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Lesson = Annotated[Path, typer.Argument(help="The session folder (it holds session.toml).")]
Overwrite = Annotated[bool, typer.Option(help="Write over the file that is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def _version(wanted: bool) -> None:
    if wanted:
        from gaze import __version__

        print(f"classroom-gaze {__version__}")
        raise typer.Exit()


@app.callback()
def everything(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which one.")
    ] = False,
) -> None:
    """Where on the blackboard was every student looking? From two cameras beside it."""


def main() -> None:
    """Entry point ``gaze``."""
    from gaze.commands.local_app import open_app

    app.command("app", rich_help_panel="A lesson")(command(open_app))
    if sys.argv[1:2] != ["app"]:  # which starts at once, without the simulator's libraries
        from sessions.simulation.command import simulate

        app.command("simulate", rich_help_panel="Try")(command(simulate))
    app()


# -- set up ----------------------------------------------------------------------------------------
@app.command(rich_help_panel="Set up")
@command
def board(
    out_pdf: Annotated[Path, typer.Argument(metavar="OUT.pdf")] = Path("board.pdf"),
    corners: Annotated[str, typer.Option(help="Inner corners, one odd, one even.")] = "9x6",
    square_m: Annotated[float, typer.Option(help="Edge of a square in metres.")] = 0.025,
    paper: Annotated[str, typer.Option(help="A4 or A3.")] = "A4",
    kind: Annotated[str, typer.Option(help="chessboard or charuco.")] = "chessboard",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Print the chessboard at true scale, with a ruler to check the printer.

    Example: gaze board board.pdf --paper A4
    """
    from calibration.corners.print_board import board_pdf
    from calibration.errors import UserError

    refuse_taken(out_pdf, overwrite=overwrite)
    parts = corners.lower().split("x")
    if len(parts) != 2 or not all(p.isdigit() for p in parts):
        raise UserError("--corners is not two counts", found=corners, expected="like 9x6")
    board_pdf(
        out_pdf,
        inner_corners=(int(parts[0]), int(parts[1])),
        square_m=square_m,
        paper=paper,
        kind=kind,
    )
    if as_json:
        print_json({"pdf": str(out_pdf)})
    else:
        say(f"{out_pdf}: print at 100 %, measure the ruler, glue it on stiff card.")


@app.command(rich_help_panel="Set up")
@command
def init(
    lesson: Lesson,
    title: Annotated[str, typer.Option(prompt="Title of the lesson")] = "lesson",
    width_m: Annotated[float, typer.Option(prompt="Width of the blackboard (m)")] = 4.0,
    height_m: Annotated[float, typer.Option(prompt="Height of the blackboard (m)")] = 1.2,
    left_m: Annotated[float, typer.Option(prompt="Auxiliary board: tape to the left (m)")] = 2.0,
    down_m: Annotated[float, typer.Option(prompt="Auxiliary board: tape down (m)")] = 1.4,
    out_m: Annotated[float, typer.Option(prompt="Auxiliary board: tape out (m)")] = 1.5,
    as_json: AsJson = False,
) -> None:
    """Write an empty session folder with a commented session.toml, asking for what it must know.

    Example: gaze init lesson/
    """
    from gaze.setup.init import init_lesson

    answers = {
        "title": title,
        "width_m": width_m,
        "height_m": height_m,
        "left_m": left_m,
        "down_m": down_m,
        "out_m": out_m,
    }
    path = init_lesson(lesson, answers)
    if as_json:
        print_json({"lesson": str(path)})
    else:
        say(f"{path}: fill the calibration folder and add the two videos; then `gaze check`.")


@app.command(rich_help_panel="Set up")
@command
def check(lesson: Lesson, as_json: AsJson = False) -> None:
    """Everything that can be said before the long work: files, clocks, exposure, faces' size.

    Example: gaze check lesson/
    """
    from gaze.setup.check import check as run_check
    from sessions.folder import Session

    findings = run_check(Session.open(lesson))
    bad = [f for f in findings if f.severity == "error"]
    if as_json:
        print_json({"findings": [vars(f) for f in findings]})
    else:
        mark = {"error": "[red]✗[/]", "warning": "[yellow]![/]", "ok": "[green]✓[/]"}
        for f in findings:
            where = f" ({f.where})" if f.where else ""
            action = f"  → {f.action}" if f.action else ""
            say(f"{mark.get(f.severity, '·')} {f.what}{where}{action}")
    raise typer.Exit(NOT_GOOD_ENOUGH if bad else DONE)


@app.command(rich_help_panel="Set up")
@command
def calibrate(
    lesson: Lesson,
    as_json: AsJson = False,
    page: Annotated[bool, typer.Option(help="Write calibration.html beside rig.json.")] = True,
) -> None:
    """From pictures of the chessboard and the tape to rig.json, with a verdict.

    A folder with calibration/ alone (no session.toml) is solved as far as it goes. Exit code 1
    where the verdict is FAIL.

    Example: gaze calibrate lesson/
    """
    from gaze.setup.calibrate import calibrate_lesson, rig_summary, room_sentences

    with progress_bar(quiet=as_json) as progress:
        rig, rig_path, page_path = calibrate_lesson(lesson, page=page, progress=progress)
    verdict = rig.verdict
    if as_json:
        print_json(rig_summary(rig))
    else:
        colour = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}[verdict.status]
        q = rig.quality
        say(f"[bold {colour}]{verdict.status}[/]  {rig_path}")
        for cause in verdict.causes:
            say(f"  {cause.severity}: {cause.message} {cause.action}")
        rows: list[list[object]] = [
            [
                c.name,
                f"{c.f_px:.0f}",
                _get(q, "cameras", c.name, "rms_px"),
                _get(q, "cameras", c.name, "model"),
            ]
            for c in (rig.left, rig.right)
        ]
        out.print(table("cameras", ["camera", "focal px", "rms px", "lens model"], rows))
        hold = _get(q, "pair", "holdout_px")
        say(
            f"pair: {rig.baseline_m:.3f} m apart, rms {_num(_get(q, 'pair', 'rms_px'))} px, "
            f"held out {_num(hold)} px"
        )
        for sentence in room_sentences(rig):
            say(sentence)
        if page_path:
            say(f"page: {page_path}")
    raise typer.Exit(NOT_GOOD_ENOUGH if verdict.status == "FAIL" else DONE)


def _get(d: dict[str, Any], *keys: str) -> Any:
    for key in keys:
        d = d.get(key, {}) if isinstance(d, dict) else {}
    return d if d != {} else None


def _num(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "–"


# -- a lesson --------------------------------------------------------------------------------------
@app.command(rich_help_panel="A lesson")
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
    run_name: Annotated[
        str | None, typer.Option("--run", help="Name (or path) of the run's folder in runs/.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option(help="Replace the run of that name, once the new one is whole.")
    ] = False,
    gain: Annotated[bool, typer.Option(help="Apply gain.json (gaze fit-gain).")] = False,
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
    from gaze.gain.fit import Gain
    from gaze.lesson.settings import AnalyzeSettings
    from sessions.folder import Session

    settings: dict[str, Any] = {
        "fps": fps,
        "start_s": start,
        "stop_s": stop,
        "identity": identity,
        "weights": weights,
        "force": force,
    }
    around: dict[str, Any] = {"run_name": run_name, "resume": not fresh, "overwrite": overwrite}
    if len(lessons) > 1:
        from gaze.lesson.engine import analyze_many

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
    measured = summary["coverage"] is None or summary["coverage"] > 0.5
    raise typer.Exit(DONE if measured and summary["report"] else NOT_GOOD_ENOUGH)


def _run_summary(run: Any) -> dict[str, Any]:
    from sessions.quality import Quality

    quality = Quality.read(run.quality_path)
    return {
        "run": str(run.folder),
        "report": None if run.info().report_problem else str(run.report_path),
        "coverage": quality.coverage,
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
        say(f"[yellow]![/] {warning}")
    say(f"tables and heatmaps: {run.folder}")
    if summary["report"]:
        say(f"report: [bold]{summary['report']}[/]")


@app.command(rich_help_panel="A lesson")
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

    rows = [cells(f"row {r.row}", r.errors, r.distance_m) for r in result.rows]
    rows.append(cells("all", result.overall, None))
    columns = ["", "m", "n", "nose cm", "head °", "gaze cm mean/med/p90", "bias x, y cm"]
    out.print(table("errors (nose, head: median / p90)", columns, rows))
    inside = "–" if result.inside_68 is None else f"{100 * result.inside_68:.0f} %"
    switches = "–" if result.identity_switches is None else result.identity_switches
    say(
        f"coverage {100 * result.coverage:.1f} %   identity switches {switches}   "
        f"inside their own 68 % ellipse {inside}"
    )
    if result.figure:
        say(f"figure: {result.figure}")


def _mean_p90(s: Any) -> str:
    return "–" if s is None else f"{s.median:.1f} / {s.p90:.1f}"


@app.command(rich_help_panel="A lesson")
@command
def report(
    run: Annotated[str, typer.Argument(help="A run's folder (in a lesson's folder: its name).")],
    out_html: Annotated[Path | None, typer.Option("--out", help="Where to write it.")] = None,
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
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
    from sessions.run import run_folder

    path = write_report(
        run_folder(run),
        out=out_html,
        language=language,
        class_only=class_only,
        compare=tuple(run_folder(other) for other in compare or ()),
        events=events,
        validation=validation,
    )
    if as_json:
        print_json({"report": str(path)})
    else:
        say(f"report: {path}")


@app.command(rich_help_panel="A lesson")
@command
def export(
    run: Annotated[str, typer.Argument(help="A run's folder (in a lesson's folder: its name).")],
    format: Annotated[
        str, typer.Option(help="csv, parquet, measures, visits, transitions, bids, pupil or elan.")
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
        say("\n".join(paths))


@app.command(rich_help_panel="A lesson")
@command
def fit_gain(
    lesson: Lesson,
    run: Annotated[
        str | None, typer.Option(help="A finished run, name or path; default: the newest.")
    ] = None,
    holdout: Annotated[str, typer.Option(help="Left out to test it: targets or students.")] = (
        "targets"
    ),
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


@app.command(rich_help_panel="A lesson")
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
    as_json: AsJson = False,
) -> None:
    """All finished runs below a folder, one SQL away (needs the extra `catalog`).

    Example: gaze catalog lessons/ --sql "select student, count(*) from gaze group by 1"
    """
    from gaze.catalog.catalog import Catalog, format_answer

    found = Catalog.open(folder)
    if question:
        answer = found.ask(question, **({} if row is None else {"row": row}))
    else:
        answer = found.sql(sql) if sql else found.summary()
    for reason in found.left_out:
        err.print(f"[yellow]left out[/] {reason}", soft_wrap=True)
    print(format_answer(answer, "json" if as_json else "csv" if csv else "table"))


@app.command(rich_help_panel="A lesson")
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

    Example: gaze forget lesson/ S-07
    """
    from calibration.errors import UserError
    from gaze.privacy.forget import forget as forget_student
    from gaze.privacy.forget import forget_everything, forget_video

    if sum([student is not None, all_video, everything]) != 1:
        raise UserError(
            "say what to forget", expected="one of: a student, --all-video, --everything"
        )
    what = f"student {student}" if student else "all video" if all_video else "the whole lesson"
    if not yes and not typer.confirm(f"Delete {what} from {lesson}? This cannot be undone"):
        raise typer.Exit(NOT_DONE)
    if student:
        done = forget_student(lesson, student)
    else:
        done = forget_video(lesson) if all_video else forget_everything(lesson)
    if as_json:
        print_json(vars(done))
    else:
        say(str(done))


# -- try -------------------------------------------------------------------------------------------
@app.command(rich_help_panel="Try")
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
    say(f"\nOpen [bold]{result.run.report_path}[/] in a browser.")


rig_app = typer.Typer(help="Rigs of other programs.", no_args_is_help=True)
app.add_typer(rig_app, name="rig", rich_help_panel="Set up")


@rig_app.command("export")
@command
def rig_export(
    rig: Annotated[Path, typer.Argument(help="A rig.json.")],
    out_path: Annotated[Path, typer.Argument(metavar="OUT")],
    format: Annotated[str, typer.Option(help="opencv, aniposelib, kalibr, ros, …")] = "opencv",
    overwrite: Overwrite = False,
) -> None:
    """Write a rig for another program. Example: gaze rig export rig.json cams.yml"""
    from calibration.interop import write
    from calibration.rig import Rig

    found = Rig.load(rig)
    written = [out_path]
    if format == "ros":  # a file for each camera
        folder = out_path.parent if out_path.suffix else out_path
        written = [folder / f"{camera.name}.yaml" for camera in (found.left, found.right)]
    for path in written:
        refuse_taken(path, overwrite=overwrite)
    for note in write(found, out_path, format):
        err.print(note, soft_wrap=True)
    say(str(out_path))


@rig_app.command("import")
@command
def rig_import(
    path: Annotated[Path, typer.Argument(help="A calibration made by another program.")],
    out_path: Annotated[Path, typer.Argument(metavar="RIG.json")] = Path("rig.json"),
    format: Annotated[str, typer.Option(help="auto, opencv, aniposelib, kalibr, ros, …")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Read another program's calibration. Example: gaze rig import Calib.toml rig.json"""
    from calibration.interop import read

    refuse_taken(out_path, overwrite=overwrite)
    result = read(path, format)
    result.rig.save(out_path)
    for note in result.notes:
        err.print(note, soft_wrap=True)
    say(str(out_path))


if __name__ == "__main__":
    main()
