"""``gaze simulate``: options → a session with known truth, or the answer to *what will this
placement give*.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from gaze.commands.console import AsJson, command, print_json, progress_bar, say

# What the simulator knows, named here so that `gaze --help` need not load it (a test compares).
ROOMS = ("standard", "small", "wide")
PLACEMENTS = ("beside", "high", "wide", "inward")
RESOLUTIONS = ("720p", "1080p", "1440p", "4k")

commands = typer.Typer()


@commands.command(rich_help_panel="Try")
@command
def simulate(
    out: Annotated[
        Path, typer.Argument(help="Folder of the new session; must not exist or be empty.")
    ],
    students: Annotated[int, typer.Option(help="How many students.")] = 8,
    rows: Annotated[int, typer.Option(help="Rows of seats.")] = 3,
    room: Annotated[str, typer.Option(help=f"Room: {', '.join(ROOMS)}.")] = "standard",
    placement: Annotated[
        str,
        typer.Option(
            help=f"Cameras: {', '.join(PLACEMENTS)}, or 'x,y,z;x,y,z' (left;right, metres in W)."
        ),
    ] = "beside",
    resolution: Annotated[str, typer.Option(help=f"Pictures: {', '.join(RESOLUTIONS)}.")] = "1080p",
    seconds: Annotated[float, typer.Option(help="Length of the lesson in seconds.")] = 18.0,
    fps: Annotated[float, typer.Option(help="Pictures a second.")] = 10.0,
    scenario: Annotated[
        str,
        typer.Option(
            help="grid: everybody looks at marked points in turn; natural: a lesson; lively: with "
            "twins, talk, looks back, one who leaves, two who change seats."
        ),
    ] = "grid",
    points: Annotated[
        int, typer.Option(help="Marked points in grid (5: corners and middle; 9: 3 × 3).")
    ] = 9,
    eye_share: Annotated[
        float | None,
        typer.Option(
            help="Share of each gaze shift done by the eyes; default 0 in grid, 0.30 in natural."
        ),
    ] = None,
    offset: Annotated[
        float, typer.Option(help="Right camera's clock minus the left's, seconds.")
    ] = 0.0,
    drift: Annotated[float, typer.Option(help="Right clock runs faster by so many ppm.")] = 0.0,
    lost: Annotated[
        int,
        typer.Option(
            help="So many frames are lost halfway by the right camera, which says nothing."
        ),
    ] = 0,
    light: Annotated[float, typer.Option(help="Strength of the lamps; 1 = well lit.")] = 1.0,
    noise: Annotated[float, typer.Option(help="Sensor noise; 1 = a lit room, 0 = none.")] = 1.0,
    near: Annotated[
        float, typer.Option(help="Distance of the first row from the blackboard, metres.")
    ] = 3.0,
    far: Annotated[float, typer.Option(help="Distance of the last row, metres.")] = 7.0,
    lens: Annotated[
        float | None,
        typer.Option(
            help="Focal length in pixels for both cameras; default: as long as the class allows."
        ),
    ] = None,
    fisheye: Annotated[
        float | None,
        typer.Option(help="Both lenses are fisheyes, pictures as wide as this: 60 to 130 degrees."),
    ] = None,
    auxiliary: Annotated[
        float, typer.Option(help="Tilt of the auxiliary board: 0 = flat … 60 degrees.")
    ] = 0.0,
    people: Annotated[
        str,
        typer.Option(help="Who sits there: all, train, or test (people never used for training)."),
    ] = "all",
    wear: Annotated[
        str,
        typer.Option(
            help="On or before faces: mask, cap, glasses, hair, hand, book, each with a number or "
            "share of the students (all, if none is said): 'mask, cap 3, hand 50%'."
        ),
    ] = "",
    teacher: Annotated[
        str,
        typer.Option(
            help="Somebody more, who is no student: walks (before the class and between its rows), "
            "front (before it alone) or stands; nobody, if not said."
        ),
    ] = "",
    exposure: Annotated[
        float, typer.Option(help="Exposure in seconds: motion is blurred over it; 0 = none.")
    ] = 0.0,
    readout: Annotated[
        float, typer.Option(help="Rolling shutter: seconds from the first row to the last.")
    ] = 0.0,
    flicker: Annotated[
        float, typer.Option(help="How deep lamps on the mains pulse, 0 to 0.8.")
    ] = 0.0,
    backlight: Annotated[
        float, typer.Option(help="Windows behind the class, 0 = none to 1 = faces in the dark.")
    ] = 0.0,
    crf: Annotated[
        int | None, typer.Option(help="H.264 quality: 21, with --small 23; 51 = worst.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Write timestamps.csv.")] = False,
    small: Annotated[
        bool,
        typer.Option("--small", help="Few megabytes: fewer chessboard views, more compression."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same session.")] = 0,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Render nothing: say what this placement will give, seat by seat."
        ),
    ] = False,
    truth_only: Annotated[
        bool,
        typer.Option(
            "--truth-only",
            help="Render nothing: write the session and a run as the error budget predicts it.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a lesson with known truth: pictures of the chessboard, two videos, targets, true rig and
    heads.

    After Ctrl-C or a crash the same command goes on; with other options it begins anew.

    Example: gaze simulate my-lesson --students 12 --rows 4 --room small --offset 0.5 --seed 7

    The lesson of `gaze demo`

        gaze simulate tests/data/lesson --seconds 13.5 --fps 5 --seed 1 --small

    A class in masks, filmed with a slow rolling shutter

        gaze simulate masked --wear "mask, cap 3" --exposure 0.02 --readout 0.02

    What would 4K bring for 28 students in five rows?

        gaze simulate my-plan --students 28 --rows 5 --resolution 4k --plan
    """
    from sessions.errors import SessionError
    from sessions.simulation.simulate import Options

    options = Options(
        students=students,
        rows=rows,
        room=room,
        placement=placement,
        resolution=resolution,
        seconds=seconds,
        fps=fps,
        scenario=scenario,
        points=points,
        eye_share=eye_share,
        offset_s=offset,
        drift_ppm=drift,
        lost=lost,
        light=light,
        noise=noise,
        near_m=near,
        far_m=far,
        lens_px=lens,
        fisheye_deg=fisheye,
        auxiliary_deg=auxiliary,
        people=people,
        timestamps=timestamps,
        seed=seed,
        wear=wear,
        teacher=teacher,
        exposure_s=exposure,
        readout_s=readout,
        flicker=flicker,
        backlight=backlight,
    )
    if small:
        options = options.small()
    if crf is not None:
        options = replace(options, crf=crf)
    result: dict[str, Any]
    if plan and truth_only:
        raise SessionError(
            "--plan and --truth-only exclude each other", remedy="Choose one of them."
        )
    if plan:
        from sessions.simulation.plan import make_plan, write_plan

        answer = make_plan(options)
        files = write_plan(answer, out)
        result = {**answer.to_dict(), "files": [str(f) for f in files]}
        text = answer.text() + "\n" + "\n".join(f"written: {f}" for f in files)
    elif truth_only:
        from sessions.simulation.truth_only import write_truth_only

        run = write_truth_only(out, options)
        result = {"session": str(out), "run": str(run), "seed": seed}
        text = (
            f"{out}: session and run {run.name} from truth and error budget, nothing rendered; "
            f"next: gaze report {run}"
        )
    else:
        from sessions.simulation.draw import simulate as make

        with progress_bar(quiet=as_json) as progress:
            make(out, options, progress)
        result = {"session": str(out), "students": students, "seconds": seconds, "seed": seed}
        text = (
            f"{out}: {students} students, {seconds:g} s at {fps:g} fps; next: gaze calibrate {out}"
        )
    if as_json:
        print_json(result)
    else:
        say(escape(text))
