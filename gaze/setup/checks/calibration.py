"""The rig, or the pictures that it will be made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import PICTURES, UNREAD, VIDEOS
from calibration.corners.folder import pair_names
from calibration.corners.picture_file import EXPORT, read_picture
from calibration.errors import CalibrationError, UserError
from calibration.rig import Rig
from gaze.lesson.refusals import otherwise_mounted, same_shape
from gaze.setup.checks.registry import Finding, Subject, from_causes, from_error, register
from sessions.folder import Session
from sessions.video import VideoInfo

# docs/record-a-lesson.md: views of the chessboard that both cameras see; the least that can do.
WANTED_PAIRS, LEAST_PAIRS = 20, 6


@register("calibration")
def calibration(subject: Subject) -> list[Finding]:
    """rig.json where there is one, else whether its pictures are there."""
    session, videos = subject.session, subject.videos
    if session.rig_path.is_file():
        return _rig(session, videos)
    findings: list[Finding] = []
    folder = session.calibration_folder
    files: dict[str, list[Path]] = {}
    for name in CAMERAS:
        inside = sorted((folder / name).iterdir()) if (folder / name).is_dir() else []
        pictures = [p for p in inside if p.suffix.lower() in PICTURES]
        films = [p for p in inside if p.suffix.lower() in VIDEOS]
        heic = any(p.suffix.lower() in UNREAD for p in inside)
        where = f"calibration/{name}"
        if pictures:
            files[name] = pictures
            findings += _board_pictures(session, pictures, name, videos.get(name), where)
        elif films and not heic:  # a telephone's Live Photos are both
            findings.append(_board_video(session, films[0], name, where))
        else:
            findings.append(
                Finding(
                    "error",
                    f"There are no pictures of the chessboard for the {name} camera"
                    + " that can be read" * heic,
                    where,
                    f"HEIC pictures are not read: {EXPORT}."
                    if heic
                    else "Take them as docs/record-a-lesson.md says, or copy a rig.json of this "
                    "set-up.",
                )
            )
    if len(files) == 2:
        findings.append(_pairs(files["left"], files["right"]))
    if not session.config.auxiliary:
        findings.append(
            Finding(
                "error",
                "session.toml has no [auxiliary]: where the blackboard is cannot be known",
                "session.toml",
                "Lay the chessboard in front of the blackboard, take a picture with each camera, "
                "and write the tape's three lengths into [auxiliary].",
            )
        )
    for auxiliary in session.config.auxiliary:
        for name, picture in zip(
            CAMERAS, (auxiliary.left_picture, auxiliary.right_picture), strict=True
        ):
            if not (session.folder / picture).is_file():
                findings.append(
                    Finding(
                        "error",
                        f"The {name} camera's picture of the auxiliary board is missing",
                        picture,
                        "Both cameras' pictures are needed.",
                    )
                )
        findings += [
            Finding(
                "error",
                "A picture of the room that [auxiliary.room_picture] names is missing",
                picture.file,
                "Copy it there, or correct `file`.",
            )
            for picture in auxiliary.room_picture
            if not (session.folder / picture.file).is_file()
        ]
    return findings


def _board_video(session: Session, film: Path, name: str, where: str) -> Finding:
    """Can it be decoded? (a look at a few places)"""
    from calibration.corners.moments import refuse_damaged  # PyAV only where there are videos

    try:
        refuse_damaged(film)
    except CalibrationError as error:
        return from_error(session, error)
    return Finding("ok", f"The {name} chessboard views are a video ({film.name})", where)


def _board_pictures(
    session: Session, pictures: Sequence[Path], name: str, video: VideoInfo | None, where: str
) -> list[Finding]:
    """Can they be read, and have they the video's size? (ten of them, spread over the folder)"""
    findings: list[Finding] = []
    sizes: set[tuple[int, int]] = set()
    chosen = sorted(set(np.linspace(0, len(pictures) - 1, 10).round().astype(int).tolist()))
    for i in chosen:
        try:
            h, w = read_picture(pictures[i], session.mounting(name, calibration=True)).shape
        except UserError as error:
            what = f"The {name} camera's {pictures[i].name}: {error.what}"
            findings.append(Finding("warning", what, where, "Remove or replace it."))
            continue
        sizes.add((w, h))
    if len(sizes) > 1:
        listed = ", ".join(f"{w} × {h}" for w, h in sorted(sizes))
        findings.append(
            Finding(
                "error",
                f"The {name} chessboard pictures differ in size ({listed})",
                where,
                "Use pictures as the camera takes them, with the lesson's setting.",
            )
        )
    elif video is not None and sizes and sizes != {video.size_px}:
        what = f"The {name} chessboard pictures are {{0}} × {{1}}, the video is {{2}} × {{3}}"
        findings.append(_other_size(what, next(iter(sizes)), video.size_px, name, where))
    return findings


def _other_size(
    what: str, calibrated: tuple[int, int], video: tuple[int, int], name: str, where: str
) -> Finding:
    """A video of another size than its camera was calibrated with: scaled, on its side, cropped.

    what : with places for the two widths and heights.
    """
    what = what.format(*calibrated, *video)
    if same_shape(calibrated, video):
        return Finding(
            "warning",
            f"{what}: taken as the same picture scaled",
            where,
            "Right only if the camera shows the same in both; film both at one setting.",
        )
    if same_shape(calibrated, video[::-1]):
        return Finding(
            "error",
            f"{what}: one of them stands on its side, or was cut upright",
            where,
            f"Say in session.toml how far to turn what the camera stores: cameras.{name}.rotate; "
            "in the place of a film that was cut give the camera's own file.",
        )
    return Finding("error", what, where, "Take both with the same resolution and zoom.")


def _pairs(left: Sequence[Path], right: Sequence[Path]) -> Finding:
    """Chessboard views of both cameras at once."""
    pairs = sum(a is not None and b is not None for _, a, b in pair_names(left, right))
    what = f"{len(left)} and {len(right)} chessboard pictures, {pairs} taken together (equal names)"
    if pairs >= WANTED_PAIRS:
        return Finding("ok", what, "calibration")
    return Finding(
        "warning" if pairs >= LEAST_PAIRS else "error",
        f"{what}: {WANTED_PAIRS} or more are wanted",
        "calibration",
        "Take pictures with both cameras at the same instant and give them equal names.",
    )


def _rig(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """rig.json: readable, its verdict, its cameras' sizes."""
    where = session.rig_path.name
    try:
        rig = Rig.load(session.rig_path)
    except UserError as error:
        return [from_error(session, error)]
    findings = from_causes(rig.verdict.causes, where)
    if rig.verdict.status != "FAIL":
        findings.insert(0, Finding("ok", f"rig.json: {rig.verdict.status}", where))
    if rig.T_WA is None:
        findings.append(
            Finding(
                "error",
                "rig.json has no world: it was made without the auxiliary board",
                where,
                "Add [auxiliary] and its two pictures and run `gaze calibrate`.",
            )
        )
    try:
        otherwise_mounted(rig, session)
    except UserError as error:
        findings.append(from_error(session, error))
    for name, info in videos.items():
        size = rig.camera(name).size_px
        if size != info.size_px:
            what = f"The {name} camera was calibrated at {{0}} × {{1}}, its video is {{2}} × {{3}}"
            findings.append(_other_size(what, size, info.size_px, name, where))
    return findings
