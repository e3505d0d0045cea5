"""``gaze sync``: one clock for two cameras, shown and set."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from gaze.commands.console import (
    DONE,
    NOT_GOOD_ENOUGH,
    command,
    err,
    out,
    print_json,
    progress_bar,
    say,
    table,
)

commands = typer.Typer()


@commands.command("sync", rich_help_panel="A lesson")
@command
def sync(
    lesson: Annotated[Path, typer.Argument(help="The session folder (it holds session.toml).")],
    write: Annotated[
        bool, typer.Option("--set", help="Write what is measured into session.toml.")
    ] = False,
    heads: Annotated[bool, typer.Option(help="Look at 20 s of heads (needs rig.json).")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """How the right camera's clock runs against the left's: by sound, heads and motion.

    Writes LESSON/sync.html: the three estimates, how well each offset fits, and the same moment in
    both cameras.

    Example: gaze sync lesson/ --set
    """
    from calibration.files import GENERATOR, refuse_foreign
    from gaze.lesson.sync import OLD_PAGE, synced, write_page
    from sessions.folder import Session
    from sessions.lock import lesson_lock

    session = Session.open(lesson)
    page = session.folder / "sync.html"
    refuse_foreign(page, GENERATOR, OLD_PAGE)
    with ExitStack() as stack:
        if write:
            stack.enter_context(lesson_lock(session.folder))
        with progress_bar(quiet=as_json) as progress:
            left, right, clock = synced(session, progress, heads=heads)
        write_page(page, left, right, clock)
        if write:
            _set_clock(session.folder, left, clock)
    if as_json:
        print_json({**clock.to_dict(), "page": str(page), "set": write})
    else:
        rows: list[list[object]] = []
        for sense, c, reason in clock.said:
            if c is None:
                rows.append([sense, None, None, None, reason])
            else:
                jumps = f"{len(c.jumps)} jumps" if c.jumps else ""
                rows.append(
                    [sense, f"{c.offset_s:+.3f}", f"{c.sigma_offset_s:.3f}", c.drift_ppm, jumps]
                )
        out.print(
            table("right clock minus left's", ["sense", "offset s", "± s", "drift ppm", ""], rows)
        )
        for cause in clock.causes:
            err.print(f"[yellow]{cause.message}[/]", soft_wrap=True)
        say(f"{clock.checked}\n{page}" + ("\nwritten into session.toml" if write else ""))
    raise typer.Exit(DONE if clock.status == "measured" else NOT_GOOD_ENOUGH)


def _set_clock(lesson: Path, left: Any, clock: Any) -> None:
    """The measured clock into session.toml.

    Raises
    ------
    SessionError : it is not measured well enough, or no offset alone says it.
    """
    from sessions.clock.joined import MEASURED_S
    from sessions.config_edit import edit_config
    from sessions.errors import SessionError

    if clock.measured is None or clock.status != "measured":
        raise SessionError(
            "the clock is not measured well enough to be set",
            found=clock.checked,
            remedy="Look at sync.html; write cameras.right.offset_s yourself if you know it.",
        )
    begin_s, end_s = float(left.times_s[0]), float(left.times_s[-1])
    drifts_s = clock.measured.drift_ppm * 1e-6 * (end_s - begin_s)
    if abs(drifts_s) > MEASURED_S:
        raise SessionError(
            "the clocks drift apart, which no single offset says",
            found=f"{1e3 * drifts_s:+.0f} ms over the lesson",
            remedy="Leave cameras.right.offset_s out: `gaze analyze` then measures the drift, too.",
        )
    offset_s = round(float(clock.measured.left_to_right(begin_s)) - begin_s, 4)
    edit_config(lesson, {"cameras.right.offset_s": offset_s})
