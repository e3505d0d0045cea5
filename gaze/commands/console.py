"""What every command shares: errors as one sentence, progress on stderr, results on stdout."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import math
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calibration.errors import DiskFullError, UserError
from calibration.files import NO_ROOM
from gaze.lesson.kept import Kept, kept

DONE, NOT_GOOD_ENOUGH, NOT_DONE = 0, 1, 2
# What a path may do to a command anywhere: no rights, no folder, too long, in a circle, broken.
NO_ACCESS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
    errno.ELOOP, errno.EIO, errno.EEXIST,
}  # fmt: skip
GONE = {errno.ENOENT, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN}

Lesson = Annotated[Path, typer.Argument(help="The session folder (it holds session.toml).")]
Overwrite = Annotated[bool, typer.Option(help="Write over the file that is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

out = Console()
err = Console(stderr=True)

P = ParamSpec("P")
T = TypeVar("T")


SAID: dict[Kept, str] = {
    "goes_on": "What is done is kept: the same command{} goes on from there.",
    "anew": "Nothing half-written is left; the same command begins anew.",
    "unproven": "Run the same command again: only its end proves that all is gone.",
}


_with_its_place = warnings.formatwarning


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """Ours as one line; others' with the place in their code."""
    if category is UserWarning:
        return f"! {message}\n"
    return _with_its_place(message, category, filename, lineno, line)


def _end_like_ctrl_c() -> None:
    """A terminal that is closed (SIGHUP) and a shutdown (SIGTERM) end a command as Ctrl-C does, so
    that what is half-written is taken away; what was told to ignore them (nohup) goes on."""
    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, signal.default_int_handler)


def command(function: Callable[P, T]) -> Callable[P, T]:
    """A typer command whose user errors end in one sentence on stderr and exit code 2; interrupted,
    or on a full disk, it says what is true of its work (:mod:`gaze.lesson.kept`).
    """

    def end(text: str, error: BaseException, as_json: object) -> NoReturn:
        if as_json:
            print(json.dumps({"error": text}))
        err.print(f"[bold red]Error:[/] {escape(text)}", soft_wrap=True)
        raise typer.Exit(NOT_DONE) from error

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        as_json = kwargs.get("as_json") or kwargs.get("json")
        warnings.formatwarning = _warning
        said = SAID[kept(function.__name__)].format(" without --fresh" * bool(kwargs.get("fresh")))
        _end_like_ctrl_c()
        try:
            return function(*args, **kwargs)
        except DiskFullError as error:
            end(f"{error} {said}", error, as_json)
        except UserError as error:
            end(str(error), error, as_json)
        except RuntimeError as error:  # so Python up to 3.12 calls a link that leads to itself
            if not str(error).startswith("Symlink loop"):
                raise
            end(f"this cannot be read or written: {error}.", error, as_json)
        except KeyboardInterrupt as error:
            err.print(f"\nInterrupted. {said}")
            raise typer.Exit(NOT_DONE) from error
        except OSError as error:
            if error.errno in NO_ACCESS and error.filename:
                text = f"this cannot be read or written: {error.filename} ({error.strerror})."
                end(text, error, as_json)
            if error.errno in GONE and error.filename:
                text = (
                    f"this went away while the command was at work: {error.filename}. If a folder "
                    "was moved or a disk unplugged, put it back and run the same command again."
                )
                end(text, error, as_json)
            if error.errno not in NO_ROOM:  # which may strike anywhere
                raise
            text = f"{NO_ROOM[error.errno]}. Make room and run the same command again."
            end(f"{text} {said}", error, as_json)

    return run


def refuse_taken(path: Path, *, overwrite: bool) -> None:
    """Refuse to write over what is there, unless that is asked for.

    Raises
    ------
    UserError : a file without ``overwrite``, or a folder.
    """
    if path.is_dir():
        raise UserError("this is a folder, not a file", where=path, remedy="Name a file in it.")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise UserError(
            "there is a file of this name",
            where=path,
            remedy="Name another one, or write over it with --overwrite.",
        )


def say(text: str) -> None:
    """A result in words on stdout; never broken, so that paths can be copied.

    What a user named (paths, titles) and what we did not write here goes through rich's ``escape``.
    """
    out.print(text, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout; NaN becomes null, arrays become lists."""
    print(json.dumps(plain(value), indent=1, allow_nan=False))


def plain(value: Any) -> Any:
    """Plain JSON values of nested results."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


@contextlib.contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """Yields ``report(stage, share)``; draws one bar per stage with an honest remaining time.

    With GAZE_PROGRESS=json in the environment (``gaze app``) each call is a line on stderr.
    """
    if os.environ.get("GAZE_PROGRESS") == "json":
        yield lambda stage, share: print(
            json.dumps({"stage": stage, "share": share}), file=sys.stderr, flush=True
        )
        return
    if quiet:
        yield lambda stage, share: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # slow

    bars = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=err,
        transient=not sys.stderr.isatty(),
    )
    tasks: dict[str, tuple[TaskID, float, float]] = {}

    def report(stage: str, share: float) -> None:
        if stage not in tasks:
            bars.start()  # not before there is something to draw: an early error stands alone
            task = bars.add_task(stage, total=1.0, left="")
            # a resumed run begins where the last one stopped: what was done then took no time now
            tasks[stage] = task, time.monotonic(), share
        task, start, begun = tasks[stage]
        spent = time.monotonic() - start
        left = ""
        if share - begun > 0.02 and share < 1 and spent > 2:
            left = f"about {_duration(spent * (1 - share) / (share - begun))} left"
        bars.update(task, completed=min(share, 1.0), left=left)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def table(title: str, columns: list[str], rows: list[list[object]]) -> Table:
    """A plain rich table, numbers to the right."""
    drawn = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for i, name in enumerate(columns):
        drawn.add_column(name, justify="left" if i == 0 else "right")
    for row in rows:
        drawn.add_row(*(_cell(v) for v in row))
    return drawn


def _cell(value: object) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    return "–" if value is None else escape(str(value))
