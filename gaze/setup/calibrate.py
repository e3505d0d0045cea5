"""A session folder → its rig: what ``gaze calibrate`` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calibration.calibrate import calibrate_folder
from calibration.camera import CAMERAS
from calibration.corners.boards import Board
from calibration.corners.placement import AuxiliaryPlacement, RoomPictureFile
from calibration.errors import CalibrationError
from calibration.files import GENERATOR, refuse_foreign
from calibration.progress import Progress
from calibration.rig import Rig
from calibration.room.evidence import Looked, Seated
from calibration.room.words import room_words
from calibration.transform import Array
from gaze.people.seats import LEAST_SEATED, class_place
from sessions.config import CONFIG_NAME, BoardConfig, SessionConfig
from sessions.events.marks import moves, read_marks
from sessions.folder import Session
from sessions.lock import lesson_lock
from sessions.run import Run, run_folder, sha256
from sessions.tables import read_table
from sessions.validation import RoomShift, Validation

PAGE_NAME = "calibration.html"
#: The right lens stands where it stood, as seen from the left one, within this.
SAME_LENS_M = 0.03
OLD_PAGE = "<title>Calibration: "  # what pages had before they bore our mark


def calibrate_lesson(
    folder: Path,
    *,
    page: bool = True,
    marked_points: str | Path | None = None,
    seats: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[Rig, Path, Path | None]:
    """Solve a lesson's cameras and world; write ``rig.json`` and ``calibration.html``.

    A folder without session.toml but with calibration pictures (``left/`` and ``right/``, or a
    ``calibration/`` that holds them) is solved as far as it goes: cameras and relative pose.

    marked_points : a validated run, by its name or path: where its class looked at marked points
    counts among the measurements of the room. seats : a finished run: where its class sits does.

    Returns the rig, the path of rig.json, and the page's path (None where not asked for).

    Raises
    ------
    CalibrationError, SessionError : what is missing or cannot be solved, and what to do.
    """
    folder = Path(folder)
    if page:
        refuse_foreign(folder / PAGE_NAME, GENERATOR, OLD_PAGE)
    looks = None if marked_points is None else looks_of(run_folder(marked_points, folder))
    sits = None if seats is None else seated_in(Session.open(folder), run_folder(seats, folder))
    if not (folder / CONFIG_NAME).is_file():
        return _calibrate(folder, page, looks, sits, progress)
    with lesson_lock(folder):
        return _calibrate(folder, page, looks, sits, progress)


def looks_of(run: Path) -> RoomShift:
    """What a validated run's class says of the room.

    Raises
    ------
    CalibrationError : it says nothing of it. RunError : it was not validated.
    """
    room = Validation.read(run / "validation.json").room
    if room is None or room.middle is None:
        raise CalibrationError(
            "this validation says nothing of the room",
            where=run / "validation.json",
            found="under four students"
            if room is None
            else "a gain, another rig.json since, or an older program's file",
            remedy="Run `gaze validate` on a run without a gain, before you calibrate again.",
        )
    return room


def seated_in(session: Session, run: Path) -> tuple[Seated, Array]:
    """Where the class of a run sits; (3,) where the right lens stood in the left camera's frame.

    Raises
    ------
    CalibrationError : of another rig.json; or seats and noses do not say it. RunError : no run.
    """
    done, path = Run.open(run), session.rig_path
    if not path.is_file() or done.info().inputs.get("rig_sha256") != sha256(path):
        raise CalibrationError(
            "this run's noses are not of the rig.json that is here",
            where=run,
            remedy="Run `gaze analyze` again, then calibrate with that run's --seats.",
        )
    marks = read_marks(session.events_path) if session.events_path.is_file() else ()
    moved = {m.name for m in moves(marks, "seat")}
    table = read_table(done.gaze_path, "gaze")
    # a nose that one camera alone saw was put near its declared seat
    table = table[(table["cameras"] == 2) & ~table["student"].isin(moved)]
    columns = ["nose_x_m", "nose_y_m", "nose_z_m"]
    noses = table.groupby("student", observed=True)[columns].median().dropna().to_numpy(np.float64)
    config, rig = session.config, Rig.load(path)
    declared = [s.seat_m for s in config.students if s.seat_m and not s.opt_out | (s.id in moved)]
    seats = np.array(declared, np.float64).reshape(-1, 2)
    found = seated_of(rig, noses, seats, config.blackboard.height_m)
    if found is None:
        raise CalibrationError(
            "this class does not tell where its seats are",
            where=run,
            found=f"{len(noses)} noses that both cameras saw, {len(seats)} seat_m",
            expected=f"{LEAST_SEATED} students or more, three in four of them at a seat_m, "
            "at one place of the room only",
            remedy="Calibrate without --seats.",
        )
    return found, rig.T_LR.t


def seated_of(rig: Rig, noses_W: Array, seats_xz_m: Array, height_m: float) -> Seated | None:
    """What noses (N, 3), as a rig has them, and declared seats (S, 2) say; None: nothing clear."""
    at = class_place(noses_W, seats_xz_m, height_m)
    if at is None:
        return None
    T_LW = rig.T_WC("left").inverse()
    x, y, z = T_LW.apply(at.found_m).tolist()
    return Seated(
        tuple(at.at_m.tolist()), (x, y, z), (T_LW.R @ at.R).tolist(), at.size,
        at.covariance.tolist(), at.students,
    )  # fmt: skip


def _calibrate(
    folder: Path,
    page: bool,
    looks: RoomShift | None,
    sits: tuple[Seated, Array] | None,
    progress: Progress | None,
) -> tuple[Rig, Path, Path | None]:
    """:func:`calibrate_lesson`, where nobody else is at work."""
    pictures = _pictures_folder(folder)
    if not (folder / CONFIG_NAME).is_file() and pictures is not None:
        rig = calibrate_folder(pictures, None, progress=progress)
    else:
        session = Session.open(folder)
        if not session.calibration_folder.is_dir():
            raise CalibrationError(
                "there are no calibration pictures",
                where=session.calibration_folder,
                expected="left/ and right/ with pictures of the chessboard",
                remedy="See docs/record-a-lesson.md.",
            )
        config = session.config
        rig = calibrate_folder(
            session.calibration_folder,
            board_of(config.board),
            placements_of(session.folder, config),
            blackboard_m=(config.blackboard.width_m, config.blackboard.height_m),
            cameras_apart_m=config.cameras.apart_m,
            mountings={c: session.mounting(c, calibration=True) for c in CAMERAS},
            corners_m={
                name: lengths
                for name in CAMERAS
                if (lengths := getattr(config.cameras, name).corners_m) is not None
            },
            looked=None if looks is None else _looked(looks),
            seated=None if sits is None else sits[0],
            progress=progress,
        )
        if looks is not None and looks.middle is not None:
            _refuse_other_cameras(rig, np.array(looks.middle.right_L_m), "--marked-points")
        if sits is not None:
            _refuse_other_cameras(rig, sits[1], "--seats")
    rig_path = folder / "rig.json"
    rig.save(rig_path)
    page_path = None
    if page:
        from calibration.page.verdict_page import verdict_page

        page_path = folder / PAGE_NAME
        verdict_page(rig, page_path)
    return rig, rig_path, page_path


def _looked(looks: RoomShift) -> Looked:
    assert looks.middle is not None
    x_cm, y_cm = looks.sigma_cm
    at = looks.middle
    return Looked(at.at_m, at.there_L_m, (x_cm / 100, y_cm / 100), looks.students)


def _refuse_other_cameras(rig: Rig, right_L_m: Array, option: str) -> None:
    """A class that was filmed by cameras that stood otherwise says nothing of these."""
    off_m = float(np.linalg.norm(rig.T_LR.t - right_L_m))
    if off_m > SAME_LENS_M:
        raise CalibrationError(
            f"the run of {option} was filmed before the cameras were moved",
            found=f"the right lens {100 * off_m:.0f} cm from where it was for that run",
            remedy=f"Calibrate without {option}.",
        )


def _pictures_folder(folder: Path) -> Path | None:
    for candidate in (folder, folder / "calibration"):
        if (candidate / "left").exists() and (candidate / "right").exists():
            return candidate
    return None


def board_of(config: BoardConfig) -> Board:
    """The calibration board that session.toml describes."""
    extra: dict[str, Any] = {}
    if config.marker_m is not None:
        extra["marker_m"] = config.marker_m
    if config.dictionary is not None:
        extra["dictionary"] = config.dictionary
    return Board(config.kind, config.inner_corners, config.square_m, **extra)


def placements_of(folder: Path, config: SessionConfig) -> tuple[AuxiliaryPlacement, ...]:
    """The auxiliary placements of session.toml, with the paths of their pictures."""
    return tuple(
        AuxiliaryPlacement(
            placement=a.placement,
            left_m=a.left_m,
            down_m=a.down_m,
            out_m=a.out_m,
            angle_deg=a.angle_deg,
            board=None if a.board is None else board_of(a.board),
            left=folder / a.left_picture,
            right=folder / a.right_picture,
            corners=None if a.corners is None else {str(c): xy for c, xy in a.corners.items()},
            tape_sigma_m=a.tape_sigma_m,
            placement_sigma_deg=a.placement_sigma_deg,
            room_pictures=tuple(
                RoomPictureFile(
                    folder / p.file,
                    p.blackboard_corners,
                    p.taken_with,
                    p.click_sigma_px,
                    p.mirrored,
                )
                for p in a.room_picture
            ),
        )
        for a in config.auxiliary
    )


def room_sentences(rig: Rig) -> list[str]:
    """Where everything stands; what pictures of the room say against the tape: signed, in cm."""
    out = room_words(rig)
    looked = rig.inputs.seen and rig.inputs.seen.looked
    if looked and rig.T_WA is not None:
        x, y, _ = 100 * (rig.T_WC("left").apply(np.array(looked.p_L)) - (*looked.at_m, 0.0))
        sx, sy = (100 * s for s in looked.sigma_m)
        out.append(
            f"marked points, counted among the room's measurements: {looked.students} students "
            f"point {x:+.0f} ± {sx:.0f} cm left and {y:+.0f} ± {sy:.0f} cm down of them"
        )
    sits = rig.inputs.seen and rig.inputs.seen.seated
    if sits and rig.T_WA is not None:
        x, y, z = 100 * (rig.T_WC("left").apply(np.array(sits.p_L)) - sits.at_m)
        sx, sy, sz = 100 * np.sqrt(np.diag(sits.covariance)[3:6])
        out.append(
            f"seats: {sits.students} students sit {x:+.0f} ± {sx:.0f} cm left and {z:+.0f} ± "
            f"{sz:.0f} cm farther back of their seat_m, {y:+.0f} ± {sy:.0f} cm below what is usual"
        )
    for i, row in enumerate(rig.quality.auxiliary, 1):
        shown = row.room_picture
        if shown is None:
            continue
        left, down, out_m = shown.t_WA_m
        text = (
            f"picture of the room: auxiliary board {i} at left {left:.3f}, down {down:.3f}, out "
            f"{out_m:.3f} m (± {max(shown.sigma_cm):.1f} cm)"
        )
        if shown.tape_minus_picture_cm is not None:
            differences = zip(
                ("left", "down", "out"),
                shown.tape_minus_picture_cm,
                shown.difference_sigma_cm,
                strict=True,
            )
            words = ", ".join(f"{name} {d:+.1f} ± {s:.1f}" for name, d, s in differences)
            text += f"; tape − picture: {words} cm"
        out.append(text)
    return out


def rig_summary(rig: Rig) -> dict[str, Any]:
    """What ``gaze calibrate --json`` prints (docs/calibration.md)."""
    names = rig.parameter_names
    sigma = (
        dict(zip(names, np.sqrt(np.diag(rig.covariance)), strict=True))
        if (rig.covariance is not None)
        else {}
    )

    def sigmas(prefix: str) -> dict[str, float]:
        return {n.removeprefix(prefix): float(s) for n, s in sigma.items() if n.startswith(prefix)}

    def pose(frames: str, T: Any) -> dict[str, Any] | None:
        if T is None:
            return None
        return {
            "R": T.R,
            "t_m": T.t,
            "R_sigma_deg": [float(np.degrees(s)) for s in sigmas(f"R_{frames}.").values()],
            "t_sigma_m": list(sigmas(f"t_{frames}.").values()),
        }

    cameras = {
        c.name: {
            "K": c.K,
            "distortion": c.distortion,
            "size_px": c.size_px,
            "model": q and q.model,
            "rms_px": q and q.rms_px,
            "sigma": sigmas(f"{c.name}."),
        }
        for c in (rig.left, rig.right)
        for q in (rig.quality.cameras.get(c.name),)
    }
    pair = rig.quality.pair
    world: dict[str, Any] = {}
    if rig.T_AL is not None and rig.T_WA is not None:
        world = {"WA": pose("WA", rig.T_WA), "AL": pose("AL", rig.T_AL)}
        world |= {
            "R_WA": rig.T_WA.R,
            "t_WA": rig.T_WA.t,
            "R_AC": {"left": rig.T_AL.R, "right": (rig.T_AL @ rig.T_LR).R},
            "t_AC": {"left": rig.T_AL.t, "right": (rig.T_AL @ rig.T_LR).t},
        }
        keys = {"t_WA_m", "sigma_cm", "turned_deg", "turned_sigma_deg", "tape_minus_picture_cm",
                "difference_sigma_cm"}  # fmt: skip
        shown = [a.room_picture for a in rig.quality.auxiliary]
        world["room_picture"] = [None if p is None else p.model_dump(include=keys) for p in shown]
    return {
        "verdict": rig.verdict.status,
        "causes": [vars(c) for c in rig.verdict.causes],
        "cameras": cameras,
        "pair": {
            "R": rig.T_RL.R,
            "t_m": rig.T_RL.t,
            **{k: v for k, v in (pose("RL", rig.T_RL) or {}).items() if "sigma" in k},
            "rms_px": pair and pair.rms_px,
            "holdout_px": pair and pair.holdout_px,
        },
        "world": world or None,
    }
