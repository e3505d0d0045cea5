"""``gaze benchmark``: lessons with known truth, for our own networks and for any other system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gaze.commands.console import AsJson, command, out, print_json, progress_bar, say

commands = typer.Typer(
    name="benchmark",
    help="Gaze points of lessons with known truth, ours and others' (docs/benchmark.md).",
    no_args_is_help=True,
)

Tracks = Annotated[
    list[str] | None, typer.Option("--track", help="Only this track (may be repeated).")
]


@commands.command()
@command
def tracks(as_json: AsJson = False) -> None:
    """Which lessons there are: what is hard in each, its seeds and options.

    Example: gaze benchmark tracks
    """
    from gaze.benchmark.tracks import TRACKS

    if as_json:
        print_json({t.name: {"says": t.says, "seeds": list(t.seeds), "options": dict(t.options)}
                    for t in TRACKS.values()})  # fmt: skip
        return
    for t in TRACKS.values():
        seeds = ", ".join(map(str, t.seeds))
        out.print(f"{t.name}: {t.says} (seeds {seeds})", soft_wrap=True)


@commands.command("run")
@command
def benchmark_run(
    folder: Annotated[Path, typer.Argument(help="Where lessons, entries and results go.")],
    track: Tracks = None,
    weights: Annotated[str, typer.Option(help="Head-pose weights: lite0, sdam-r50, a file.")] = (
        "default"
    ),
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Take off what the class's agreement proves.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw, calibrate, analyse and score every lesson; hours of work, the same command goes on.

    Example: gaze benchmark run bench/ --track demo --weights lite0
    """
    from gaze.benchmark.run import entry_name, run_tracks, save, table
    from gaze.benchmark.tracks import TRACKS
    from gaze.lesson.settings import AnalyzeSettings

    settings = AnalyzeSettings(weights=weights, agreement=agreement)
    with progress_bar(quiet=as_json) as progress:
        result = run_tracks(folder, track or list(TRACKS), settings, progress)
    path = folder / f"{entry_name(settings)}.json"
    save(result, path)
    if as_json:
        print_json(result)
        return
    for line in table(result):
        out.print(line, soft_wrap=True, markup=False)
    say(f"Written: {path}")


@commands.command()
@command
def score(
    folder: Annotated[Path, typer.Argument(help="An entry: TRACK-SEED.csv for each lesson.")],
    track: Tracks = None,
    name: Annotated[str, typer.Option(help="What the entry is called.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score an entry of any system: a CSV of gaze points for each lesson.

    Columns: time_s, student, gaze_x_m, gaze_y_m; gaze_xx_m2, gaze_xy_m2, gaze_yy_m2, nose_x_m,
    nose_y_m, nose_z_m and status where there are.

    Example: gaze benchmark score mine/ --name "our tracker"
    """
    from gaze.benchmark.run import score_folder, table
    from gaze.benchmark.tracks import TRACKS

    result = score_folder(folder, track or list(TRACKS), entry=name or folder.name)
    if as_json:
        print_json(result)
        return
    for line in table(result):
        out.print(line, soft_wrap=True, markup=False)
