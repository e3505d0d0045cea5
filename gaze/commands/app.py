"""The commands. They only parse, call and print; progress on stderr, results on stdout."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from gaze.commands import benchmark, data, lesson, local_app, rig, setup, simulate, study, sync

app = typer.Typer(
    name="gaze",
    help="Where on the blackboard was every student looking? From two cameras beside it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for room in (setup, lesson, sync, study, data, simulate, local_app):
    app.add_typer(room.commands)
app.add_typer(rig.commands, name="rig", rich_help_panel="Set up")
app.add_typer(benchmark.commands, name="benchmark", rich_help_panel="Try")


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
    os.environ["PYTHONSAFEPATH"] = "1"  # nor do our processes import what lies where we are called
    # numpy's matrices are small here: threads that wait for one another multiply processor time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an old console knows no ✓, and no ä in a path
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
