"""Before a lesson: board, init, check, calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from gaze.commands.console import (
    DONE,
    NOT_GOOD_ENOUGH,
    AsJson,
    Lesson,
    Overwrite,
    command,
    out,
    print_json,
    progress_bar,
    refuse_taken,
    say,
    table,
)

commands = typer.Typer()


@commands.command(rich_help_panel="Set up")
@command
def board(
    out_pdf: Annotated[Path, typer.Argument(metavar="OUT.pdf")] = Path("board.pdf"),
    corners: Annotated[str, typer.Option(help="Inner corners, one odd, one even.")] = "9x6",
    square_m: Annotated[float, typer.Option(help="Edge of a square in metres.")] = 0.025,
    paper: Annotated[str, typer.Option(help="A4 or A3.")] = "A4",
    kind: Annotated[
        Literal["chessboard", "charuco"], typer.Option(help="What is printed.")
    ] = "chessboard",
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
        say(f"{escape(str(out_pdf))}: print at 100 %, measure the ruler, glue it on stiff card.")


@commands.command(rich_help_panel="Set up")
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
        name = escape(str(path))
        say(f"{name}: fill the calibration folder and add the two videos; then `gaze check`.")


@commands.command(rich_help_panel="Set up")
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
            said = escape(f"{f.what}{where}{action}")
            say(f"{mark.get(f.severity, '·')} {said}")
    raise typer.Exit(NOT_GOOD_ENOUGH if bad else DONE)


@commands.command(rich_help_panel="Set up")
@command
def calibrate(
    lesson: Lesson,
    as_json: AsJson = False,
    page: Annotated[bool, typer.Option(help="Write calibration.html beside rig.json.")] = True,
    marked_points: Annotated[
        str | None,
        typer.Option(help="A validated run: where its class looked counts for the room."),
    ] = None,
    seats: Annotated[
        str | None,
        typer.Option(
            help="A run: whether its class sits at its declared seats (seat_m) checks the room."
        ),
    ] = None,
) -> None:
    """From pictures of the chessboard and the tape to rig.json, with a verdict.

    A folder with calibration/ alone (no session.toml) is solved as far as it goes. Exit code 1
    where the verdict is FAIL.

    Example: gaze calibrate lesson/
    """
    from gaze.setup.calibrate import calibrate_lesson, rig_summary, room_sentences

    with progress_bar(quiet=as_json) as progress:
        rig, rig_path, page_path = calibrate_lesson(
            lesson, page=page, marked_points=marked_points, seats=seats, progress=progress
        )
    verdict = rig.verdict
    if as_json:
        print_json(rig_summary(rig))
    else:
        colour = {"PASS": "green", "WARN": "yellow", "FAIL": "red"}[verdict.status]
        q = rig.quality
        say(f"[bold {colour}]{verdict.status}[/]  {escape(str(rig_path))}")
        for cause in verdict.causes:
            stop = "" if cause.message.endswith(("?", ".", ")")) else "."
            say(escape(f"  {cause.severity}: {cause.message}{stop} {cause.action}"))
        rows: list[list[object]] = [
            [name, f"{rig.camera(name).f_px:.0f}", c.rms_px, c.model]
            for name, c in q.cameras.items()
        ]
        out.print(table("cameras", ["camera", "focal px", "rms px", "lens model"], rows))
        if q.pair is not None:
            held = "–" if q.pair.holdout_px is None else f"{q.pair.holdout_px:.3f} px"
            say(f"pair: {rig.baseline_m:.3f} m apart, rms {q.pair.rms_px:.3f} px, held out {held}")
        for sentence in room_sentences(rig):
            say(sentence)
        if page_path:
            say(f"page: {escape(str(page_path))}")
    raise typer.Exit(NOT_GOOD_ENOUGH if verdict.status == "FAIL" else DONE)


@commands.command(rich_help_panel="A lesson")
@command
def import_events(
    lesson: Lesson,
    file: Annotated[Path, typer.Argument(help="ELAN, BORIS, SRT, a list of slides, or CSV.")],
    format: Annotated[str, typer.Option(help="auto, elan, boris, srt, slides or csv.")] = "auto",
    kind: Annotated[
        Literal["mark", "phase", "slide", "excluded"] | None,
        typer.Option("--as", help="What they are; default: phases where they end, else marks."),
    ] = None,
    tier: Annotated[list[str] | None, typer.Option(help="Only this tier or subject.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Segments of this label count in no measure.")
    ] = None,
    offset_s: Annotated[
        float, typer.Option(help="Added to all times: so much later did the other film begin.")
    ] = 0.0,
    observation: Annotated[str | None, typer.Option(help="Which one of BORIS' project.")] = None,
    replace: Annotated[bool, typer.Option(help="Drop what events.csv holds now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Phases, slides and segments to leave out, from other programs into events.csv.

    Example: gaze import-events lesson/ lesson.eaf --tier phases --exclude film
    """
    from dataclasses import asdict

    from gaze.setup.events import import_events as run_import
    from sessions.folder import Session
    from sessions.lock import lesson_lock

    session = Session.open(lesson)
    with lesson_lock(session.folder):
        done = run_import(
            session, file, format=format, kind=kind, tiers=tier or (), exclude=exclude or (),
            offset_s=offset_s, observation=observation, replace=replace,
        )  # fmt: skip
    if as_json:
        print_json({"events": str(done.path), "new": [asdict(m) for m in done.new],
                    "all": len(done.all)})  # fmt: skip
        return
    rows: list[list[object]] = [
        [m.label, m.kind, f"{m.time_s:.1f}", "" if m.end_s is None else f"{m.end_s:.1f}"]
        for m in done.new
    ]
    out.print(table("new events", ["", "kind", "from s", "to s"], rows))
    say(f"{len(done.all)} events in {escape(str(done.path))}; `gaze report RUN` uses them")
