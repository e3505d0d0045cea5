"""``gaze app``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gaze.commands.console import command

commands = typer.Typer()


@commands.command("app", rich_help_panel="A lesson")
@command
def open_app(
    folder: Annotated[
        Path, typer.Argument(help="A folder of lessons; a lesson alone will do.")
    ] = Path(),
    browser: Annotated[
        bool, typer.Option(help="Open the browser, or only print the address.")
    ] = True,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: any that is free.")] = 0,
) -> None:
    """Everything on one local page: record, calibrate, run, read. Nothing leaves this computer.

    Example: gaze app lessons/
    """
    from gaze.app.serve import serve

    serve(folder, port=port, browser=browser)
