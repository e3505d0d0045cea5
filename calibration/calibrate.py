"""The way through a calibration: pictures (or corners) and tape in, a :class:`Rig` out.

:func:`calibrate_folder` reads a folder; :func:`solve` starts from corners, so that a rig can be
solved again from what it carries (:func:`solve_again`) and tests need no pictures.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.auxiliary import read_auxiliary, read_room_pictures
from calibration.corners.boards import PICTURES, Board
from calibration.corners.folder import AS_THE_FILES_SAY, Mountings, board_in, read_folder
from calibration.corners.placement import AuxiliaryPlacement
from calibration.corners.process import TIME_LIMIT_S
from calibration.errors import CalibrationError
from calibration.inputs import Auxiliary, Seen
from calibration.judge import judge
from calibration.mounting import AS_THE_FILE_SAYS
from calibration.progress import Progress
from calibration.rig import Rig
from calibration.rig_file import RigInputs
from calibration.room.evidence import Looked, Seated
from calibration.room.place import place
from calibration.room.reconcile import room_causes
from calibration.solve.estimate import Estimate, estimate
from calibration.solve.final import assemble
from calibration.solve.intrinsics import MODELS, Choice
from calibration.verdict import Cause


def calibrate_folder(
    folder: Path,
    board: Board | None,
    auxiliary: Sequence[AuxiliaryPlacement] = (),
    *,
    blackboard_m: tuple[float, float] | None = None,
    cameras_apart_m: float | None = None,
    corners_m: Mapping[str, tuple[float, ...]] | None = None,
    looked: Looked | None = None,
    seated: Seated | None = None,
    offset_s: float | None = None,
    mountings: Mountings = AS_THE_FILES_SAY,
    time_limit_s: float = TIME_LIMIT_S,
    progress: Progress | None = None,
) -> Rig:
    """Pictures and tape in, a rig with its verdict out.

    Parameters
    ----------
    folder : holds ``left/`` and ``right/`` (pictures, or one video each).
    board : the board in them; None = its corners are counted, its square taken as 25 mm, and the
        verdict says that lengths rest on that.
    auxiliary : placements of the auxiliary board; none = cameras and relative pose only. Where a
        placement names no pictures, ``folder/auxiliary/left.*`` and ``right.*`` are taken (for the
        second and later placements ``left2.*``, ``right2.*`` …).
    blackboard_m : (width, height) metres.
    cameras_apart_m : distance of the two lenses by tape: an independent check of the scale.
    corners_m : per camera the tape from its lens to the blackboard's upper left and upper right
        corner, and better to the lower left and lower right one too: what checks the room.
    looked : where a class that looked at marked points sees the blackboard: checks the room too.
    seated : where a class sits at declared seats: may say that something does not fit.
    offset_s : right clock minus left clock, for videos; None: measured from how they move.
    mountings : how each camera hangs, where its files do not say so themselves.
    progress : called with (stage, share done).

    Raises
    ------
    CalibrationError : nothing can be solved: no pictures, no board in them, wrong counts or units.
    """
    say = progress or (lambda stage, share: None)
    folder = Path(folder)
    tapes = [a.tape() for a in auxiliary]  # what is wrong with them should not cost minutes first
    if blackboard_m is None and (corners_m or any(a.room_pictures for a in auxiliary)):
        raise CalibrationError(
            "pictures of the room and corners_m need the size of the blackboard",
            where="blackboard_m",
            remedy="Give its width and height in metres.",
        )  # fmt: skip
    for shown_by in {r.taken_with for a in auxiliary for r in a.room_pictures}:
        if mountings.get(shown_by, AS_THE_FILE_SAYS) != AS_THE_FILE_SAYS:
            raise CalibrationError(
                f"a picture of the room cannot be taken with the {shown_by} camera, whose pictures "
                "session.toml turns or mirrors", where="[auxiliary] room_picture",
                remedy='Take it with a telephone, and say taken_with = "phone".',
            )  # fmt: skip
    assumed = board is None
    board = board_in(folder, time_limit_s=time_limit_s) if board is None else board
    rooms = [read_room_pictures(a, a.board or board, time_limit_s=time_limit_s) for a in auxiliary]
    found = read_folder(
        folder, board, time_limit_s=time_limit_s, offset_s=offset_s, mountings=mountings,
        progress=lambda stage, share: say(stage, 0.7 * share),
    )  # fmt: skip
    causes = list(found.causes)
    if assumed:
        causes.append(
            Cause(
                "square_assumed",
                "WARN",
                f"the board was not stated: {board.inner_corners[0]} × {board.inner_corners[1]} "
                f"inner corners were counted, and squares of {1000 * board.square_m:g} mm assumed; "
                "angles are right, lengths only if that is",
                "State the board: kind, inner_corners and square_m.",
            )
        )
    placed = []
    for i, (placement, tape) in enumerate(zip(auxiliary, tapes, strict=True)):
        own = placement.board or board
        named = _with_pictures(folder, placement, i)
        view, clicked, more = read_auxiliary(
            named, own, found.sizes, i, time_limit_s=time_limit_s, mountings=mountings
        )
        causes += more
        for shown in rooms[i]:
            if shown.taken_with != "phone" and shown.size_px != found.sizes[shown.taken_with]:
                raise CalibrationError(
                    f"a picture of the room that the {shown.taken_with} camera took must have the "
                    "size of its calibration pictures", where=shown.file,
                    found="{} × {}".format(*shown.size_px),
                    expected="{} × {}".format(*found.sizes[shown.taken_with]),
                    remedy='Use the same zoom and picture size, or say taken_with = "phone".',
                )  # fmt: skip
        placed.append(Auxiliary(tape, own, view, clicked, rooms[i]))
    seen = Seen(
        board, found.sizes, found.views, tuple(placed), blackboard_m, cameras_apart_m,
        corners_m=dict(corners_m or {}), looked=looked, seated=seated,
        causes=tuple(causes),
    )  # fmt: skip
    rig = solve(seen, progress=lambda stage, share: say(stage, 0.7 + 0.3 * share))
    return replace(rig, inputs=rig.inputs.but(mountings={c: mountings[c] for c in CAMERAS}))


def solve(
    seen: Seen, *, models: Sequence[Choice] = MODELS, progress: Progress | None = None
) -> Rig:
    """Corners and tape in, a rig with covariance, quality and verdict out.

    models : lens models to choose from: numbers of coefficients, ``equidistant``.

    Raises
    ------
    CalibrationError : where not even the cameras can be found (too few views, none shared).
    """
    say = progress or (lambda stage, share: None)
    begun = time.perf_counter()
    found = estimate(seen.board, seen.sizes, seen.views, models=models, progress=say)
    seconds = {"cameras": time.perf_counter() - begun}
    rig = place_cameras(seen, found, progress=say)
    seconds["room"] = time.perf_counter() - begun - seconds["cameras"]
    return replace(rig, quality=rig.quality.but(seconds=seconds))


def place_cameras(seen: Seen, found: Estimate, *, progress: Progress | None = None) -> Rig:
    """The cameras that were found, put into the room, with covariance, quality and verdict."""
    say = progress or (lambda stage, share: None)
    say("the room", 0.9)
    room = place(seen, found)
    say("uncertainty", 0.95)
    rig = replace(assemble(seen, found, room), inputs=RigInputs(seen=seen, versions=_versions()))
    said = list(room.causes)
    if room.evidence is not None and room.world is not None:
        said += room_causes(room.evidence, room.world.solved)
    verdict = judge(rig, (*seen.causes, *found.rejected.causes, *said), room.sits)
    say("done", 1.0)
    return replace(rig, verdict=verdict)


def solve_again(rig: Rig) -> Rig:
    """Solve a rig again from the corners, tape and settings that it carries."""
    if rig.inputs.seen is None:
        raise CalibrationError(
            "this rig carries no corners, so it cannot be solved again",
            remedy="Run `gaze calibrate` on its pictures.",
        )
    return solve(rig.inputs.seen)


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__
    }  # fmt: skip


def _with_pictures(folder: Path, placement: AuxiliaryPlacement, index: int) -> AuxiliaryPlacement:
    """The placement with its pictures' paths, those of the folder where it names none."""
    paths: dict[str, Path] = {}
    for camera in CAMERAS:
        given = getattr(placement, camera)
        if given is not None:
            paths[camera] = Path(given)
            continue
        stems = [camera] if index == 0 else [f"{camera}{index + 1}", f"{camera}_{index + 1}"]
        hits = sorted(
            p for p in (folder / "auxiliary").glob("*")
            if p.stem.lower() in stems and p.suffix.lower() in PICTURES
        )  # fmt: skip
        if hits:
            paths[camera] = hits[0]
    return replace(placement, left=paths.get("left"), right=paths.get("right"))
