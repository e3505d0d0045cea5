"""Rigs of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gaze.commands.console import Overwrite, command, err, refuse_taken, say

commands = typer.Typer(help="Rigs of other programs.", no_args_is_help=True)


@commands.command("export")
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
        err.print(escape(str(note)), soft_wrap=True)
    say(escape(str(out_path)))


@commands.command("import")
@command
def rig_import(
    path: Annotated[Path, typer.Argument(help="A calibration made by another program.")],
    out_path: Annotated[Path, typer.Argument(metavar="RIG.json")] = Path("rig.json"),
    format: Annotated[str, typer.Option(help="auto, opencv, aniposelib, kalibr, ros, …")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Read another program's calibration. Example: gaze rig import Calib.toml rig.json"""
    from calibration.interop import read
    from sessions.lock import lock_around

    refuse_taken(out_path, overwrite=overwrite)
    result = read(path, format)
    with lock_around(out_path):
        result.rig.save(out_path)
    for note in result.notes:
        err.print(escape(str(note)), soft_wrap=True)
    say(escape(str(out_path)))
