"""Before the long work: everything that files, tables and a few frames can tell (``gaze check``).

Nothing here is solved or written. Each finding says what, where, and the action that helps; the
commands that do the work check again what they need.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.corners.boards import PICTURES, VIDEOS
from calibration.corners.detect import read_picture
from calibration.corners.folder import pair_names
from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Array
from calibration.verdict import Cause
from gaze.lesson.refusals import otherwise_mounted, same_shape
from sessions.clock.motion import judge_pair, judge_times
from sessions.folder import Session
from sessions.targets import read_targets
from sessions.video import Frame, Image, VideoInfo, ask_frames, open_camera, read_timestamps

if TYPE_CHECKING:
    from gaze.faces.detectors import Detector

Severity = Literal["error", "warning", "ok"]

SAMPLED_FRAMES = 10
FACE_FRAMES = 3
# Of grey levels 0 to 255: a picture this dark in the mean hides faces, one this black is none.
DARK_MEAN, BLACK_MEAN = 45.0, 8.0
# Share of the picture at 250 or more: lamps and windows take a few per cent of a good one.
BURNT_SHARE = 0.10
# Crete et al. 2007: 0 = sharp, 1 = blurred. Photographs of rooms and boards measured 0.45 to 0.55,
# rendered lessons 0.4 to 0.5; the same with a Gaussian blur of 1.5 px 0.61 to 0.70, 3 px 0.78 up.
BLURRED = 0.65
# Nothing in the picture changes by more grey levels than this: the recording hangs.
STILL_LEVELS = 3.0
# docs/record-a-lesson.md: views of the chessboard that both cameras see; the least that can do.
WANTED_PAIRS, LEAST_PAIRS = 20, 6
# Height of a face's box in pixels: small = errors grow, tiny = left, right or away only.
SMALL_FACE_PX, TINY_FACE_PX = 24.0, 18.0
# Height of a detector's box around a face (chin to hairline), for a rough distance from its size.
FACE_HEIGHT_M = 0.165
WANTED_FREE_BYTES, LEAST_FREE_BYTES = 2e9, 2e8


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    severity : ``error`` (the work cannot be done or its result would be wrong), ``warning`` (it
        will be worse than it could be), ``ok``. what : a sentence. where : the file or key, as in
        the session folder. action : what to do, "" where nothing is.
    """

    severity: Severity
    what: str
    where: str = ""
    action: str = ""


def check(session: Session, *, detector: Detector | str | None = "centerface") -> list[Finding]:
    """Everything that can be said about a session folder in seconds.

    detector : for the faces' sizes, an object of gaze.faces or its name; None: do not look.
    """
    videos, findings = _videos(session)
    findings += _clocks(session, videos)
    findings += _calibration(session, videos)
    samples: dict[str, list[Image]] = {}
    for name, info in videos.items():
        asked = _sample(info)
        findings += _undecoded(name, info, asked)
        samples[name] = [f.picture for f in asked if f.picture is not None]
        findings += judge_pictures(samples[name], name)
    findings += _faces(session, samples, detector)
    findings += _targets(session, videos)
    findings += _events(session, videos)
    findings += _disk(session.folder)
    return findings


def _from_error(session: Session, error: UserError, severity: Severity = "error") -> Finding:
    """A UserError as a finding: its remedy is the action."""
    what = error.what[0].upper() + error.what[1:]
    if error.found is not None:
        what += f" (found {error.found})"
    if error.expected is not None:
        what += f"; expected {error.expected}"
    return Finding(severity, what, _relative(session, error.where), error.remedy or "")


def _relative(session: Session, where: str | Path | None) -> str:
    """A path as seen from the session folder."""
    if where is None:
        return ""
    try:
        return Path(where).relative_to(session.folder).as_posix()
    except ValueError:
        return str(where)


def _from_causes(causes: Iterable[Cause], where: str) -> list[Finding]:
    severity: dict[str, Severity] = {"PASS": "ok", "WARN": "warning", "FAIL": "error"}
    return [Finding(severity[c.severity], c.message, where, c.action) for c in causes]


# -- videos and clocks ----------------------------------------------------------------------------


def _videos(session: Session) -> tuple[dict[str, VideoInfo], list[Finding]]:
    """Both videos' packets: there, whole, of one size, rate and length."""
    videos: dict[str, VideoInfo] = {}
    findings: list[Finding] = []
    for name in CAMERAS:
        try:
            info = open_camera(session, name)
        except UserError as error:
            findings.append(_from_error(session, error))
            continue
        videos[name] = info
        w, h = info.size_px
        what = (
            f"The {name} video: {w} × {h}, {info.fps:.2f} frames per second, "
            f"{info.duration_s:.0f} s, {', '.join([info.codec, *info.traits])}"
        )
        findings.append(Finding("ok", what, info.path.name))
        findings += [
            Finding(
                "warning",
                f"The {name} video {remark}",
                info.path.name,
                "Use it as it is, or copy it again from the camera.",
            )
            for remark in info.remarks
        ]
        if min(w, h) < 1000:
            findings.append(
                Finding(
                    "warning",
                    f"The {name} video is small ({w} × {h}): faces in the back rows will be, too",
                    info.path.name,
                    "Record in 1080p or 4K.",
                )
            )
        report = judge_times(info.times_s, f"the {name} video", info.stated_duration_s)
        findings += _from_causes(report.causes, info.path.name)
    if len(videos) == 2:
        left, right = videos["left"], videos["right"]
        if {f.path.resolve() for f in left.files} & {f.path.resolve() for f in right.files}:
            findings.append(
                Finding(
                    "error",
                    "Both cameras name the same video",
                    "session.toml",
                    "Correct cameras.left.video or cameras.right.video.",
                )
            )
        if left.size_px != right.size_px:
            findings.append(
                Finding(
                    "warning",
                    f"The videos differ in size ({left.size_px[0]} × {left.size_px[1]} and "
                    f"{right.size_px[0]} × {right.size_px[1]})",
                    "",
                    "This works; make sure that each camera's calibration pictures have its size.",
                )
            )
        reports = [judge_times(v.times_s, n) for n, v in videos.items()]
        findings += _from_causes(judge_pair(reports[0], reports[1]), "")
    return videos, findings


def _clocks(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """How the two clocks will be brought together, and whether that can be right."""
    findings: list[Finding] = []
    cameras = session.config.cameras
    if cameras.left.offset_s:
        findings.append(
            Finding(
                "error",
                "cameras.left.offset_s is not 0: the left camera's clock is the lesson's",
                "session.toml",
                "Give the difference as cameras.right.offset_s (right minus left).",
            )
        )
    path = session.timestamps_path
    if path.is_file():
        return findings + _timestamps(session, videos)
    offset = cameras.right.offset_s
    if offset is None:
        what = "No offset and no timestamps.csv: offset and drift will be estimated from pictures"
        return [*findings, Finding("ok", what, "session.toml")]
    if len(videos) == 2:
        left, right = videos["left"].times_s, videos["right"].times_s - offset
        shared = min(left[-1], right[-1]) - max(left[0], right[0])
        if shared <= 0:
            return [
                *findings,
                Finding(
                    "error",
                    f"With an offset of {offset:g} s the two videos have no moment in common",
                    "session.toml",
                    "cameras.right.offset_s is right's clock minus left's, in seconds; leave it "
                    "out to have it estimated.",
                ),
            ]
        if shared < 0.9 * min(videos["left"].duration_s, videos["right"].duration_s):
            findings.append(
                Finding(
                    "warning",
                    f"With an offset of {offset:g} s the two videos share {shared:.0f} s only",
                    "session.toml",
                    "Check cameras.right.offset_s: right's clock minus left's, in seconds.",
                )
            )
    what = f"The right camera's clock minus the left's is given: {offset:g} s"
    return [*findings, Finding("ok", what, "session.toml")]


def _timestamps(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """timestamps.csv: columns, order, both cameras, one line for each frame."""
    try:
        times = read_timestamps(session.timestamps_path)
    except UserError as error:
        return [_from_error(session, error)]
    where = session.timestamps_path.name
    findings: list[Finding] = []
    unknown = sorted(set(times) - set(CAMERAS))
    missing = [c for c in CAMERAS if c not in times]
    if unknown or missing:
        found = ", ".join(sorted(times)) or "no lines"
        findings.append(
            Finding(
                "error",
                f"timestamps.csv must tell of the cameras left and right (found {found})",
                where,
                "The column camera holds left or right.",
            )
        )
    for name, info in videos.items():
        if name not in times:
            continue
        if len(times[name]) != info.frames:
            findings.append(
                Finding(
                    "error",
                    f"timestamps.csv has {len(times[name])} times for the {name} video's "
                    f"{info.frames} frames",
                    where,
                    "A line for each frame is needed; or leave the file out.",
                )
            )
        report = judge_times(times[name], f"{name} in timestamps.csv", info.duration_s)
        findings += _from_causes(report.causes, where)
    if not missing:
        left, right = times["left"], times["right"]
        if min(left[-1], right[-1]) <= max(left[0], right[0]):
            findings.append(
                Finding(
                    "error",
                    "By timestamps.csv the two cameras have no moment in common",
                    where,
                    "time_s must be one clock for both cameras, in seconds.",
                )
            )
    if not any(f.severity == "error" for f in findings):
        findings.append(Finding("ok", "Clocks come from timestamps.csv", where))
    return findings


# -- calibration ----------------------------------------------------------------------------------


def _calibration(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """rig.json where there is one, else whether its pictures are there."""
    if session.rig_path.is_file():
        return _rig(session, videos)
    findings: list[Finding] = []
    folder = session.calibration_folder
    files: dict[str, list[Path]] = {}
    for name in CAMERAS:
        inside = sorted((folder / name).iterdir()) if (folder / name).is_dir() else []
        pictures = [p for p in inside if p.suffix.lower() in PICTURES]
        films = [p for p in inside if p.suffix.lower() in VIDEOS]
        where = f"calibration/{name}"
        if pictures:
            files[name] = pictures
            findings += _board_pictures(session, pictures, name, videos.get(name), where)
        elif films:
            findings.append(
                Finding("ok", f"The {name} chessboard views are a video ({films[0].name})", where)
            )
        else:
            findings.append(
                Finding(
                    "error",
                    f"There are no pictures of the chessboard for the {name} camera",
                    where,
                    "Take them as docs/record-a-lesson.md says, or copy a rig.json of this set-up.",
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
            f"{what}: one of them stands on its side",
            where,
            f"Say in session.toml how far to turn what the camera stores: cameras.{name}.rotate.",
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
        return [_from_error(session, error)]
    findings = _from_causes(rig.verdict.causes, where)
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
        findings.append(_from_error(session, error))
    for name, info in videos.items():
        size = rig.camera(name).size_px
        if size != info.size_px:
            what = f"The {name} camera was calibrated at {{0}} × {{1}}, its video is {{2}} × {{3}}"
            findings.append(_other_size(what, size, info.size_px, name, where))
    return findings


# -- pictures -------------------------------------------------------------------------------------


def _sample(info: VideoInfo) -> list[Frame]:
    """A few frames spread over the video, from keyframes where they are near (cheap to decode)."""
    wanted = np.linspace(0, info.frames - 1, SAMPLED_FRAMES + 2)[1:-1].round().astype(int)
    nearest = info.keyframes[np.abs(info.keyframes[:, None] - wanted).argmin(0)]
    near = np.abs(nearest - wanted) < 0.4 * info.frames / SAMPLED_FRAMES
    return list(ask_frames(info, [int(f) for f in np.where(near, nearest, wanted)]))


def _undecoded(name: str, info: VideoInfo, asked: Sequence[Frame]) -> list[Finding]:
    """Frames of the sample that could not be decoded."""
    lost = [f for f in asked if f.picture is None]
    if not lost or len(lost) == len(asked):  # none at all: judge_pictures says so
        return []
    at = ", ".join(f"{info.times_s[f.number]:.0f} s" for f in lost[:5])
    return [
        Finding(
            "warning",
            f"{len(lost)} of {len(asked)} frames looked at in the {name} video cannot be decoded "
            f"(at {at}): such moments will have no data",
            info.path.name,
            "Copy it again from the camera.",
        )
    ]


def judge_pictures(frames: Sequence[Image], name: str) -> list[Finding]:
    """Exposure, sharpness and life of a few frames (BGR) of one camera."""
    if not frames:
        what = f"No frame of the {name} video can be decoded"
        return [Finding("error", what, name, "Copy it again from the camera.")]
    grey = [np.asarray(cv2.cvtColor(f, cv2.COLOR_BGR2GRAY), np.uint8) for f in frames]
    mean = float(np.median([g.mean() for g in grey]))
    burnt = float(np.median([(g >= 250).mean() for g in grey]))
    blurred = float(np.median([blur(g) for g in grey]))
    findings: list[Finding] = []
    if mean < BLACK_MEAN:
        return [
            Finding(
                "error",
                f"The {name} video is black (mean grey level {mean:.0f} of 255)",
                name,
                "Was the lens covered?",
            )
        ]
    if mean < DARK_MEAN:
        findings.append(
            Finding(
                "warning",
                f"The {name} video is dark (mean grey level {mean:.0f} of 255)",
                name,
                "More light, or a longer exposure (up to 1/50 s).",
            )
        )
    if burnt > BURNT_SHARE:
        findings.append(
            Finding(
                "warning",
                f"{100 * burnt:.0f} % of the {name} picture is burnt out",
                name,
                "A shorter exposure, blinds down, or the camera turned away from the window.",
            )
        )
    if blurred > BLURRED:
        findings.append(
            Finding(
                "warning",
                f"The {name} video looks blurred ({blurred:.2f}; sharp pictures are under "
                f"{BLURRED:.2f})",
                name,
                "Focus on the middle rows, fix the focus, clean the lens.",
            )
        )
    if len(grey) > 1 and max(_change(grey)) < STILL_LEVELS:
        findings.append(
            Finding(
                "error",
                f"The {name} video stands still: all frames looked at are the same picture",
                name,
                "Check the recording.",
            )
        )
    if not findings:
        what = f"The {name} pictures are well exposed and sharp (mean grey level {mean:.0f})"
        findings.append(Finding("ok", what, name))
    return findings


def _change(grey: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Largest change between successive frames of any 16 × 16 block's mean, grey levels.

    Compression and sensor noise average out in a block; a moving hand does not.
    """
    h, w = grey[0].shape
    size = (max(w // 16, 1), max(h // 16, 1))
    small = [cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in grey]
    return [float(cv2.absdiff(a, b).max()) for a, b in pairwise(small)]


def blur(grey: NDArray[np.uint8]) -> float:
    """Crete et al. 2007 (Proc. SPIE 6492): how little a picture loses when it is blurred.

    grey : (H, W) uint8. 0 = sharp, 1 = blurred; without any edge, 1. The worse of both directions.
    A sharp picture's neighbour differences shrink much under a 9-pixel box blur, a blurred one's
    hardly. Sensor noise would look like sharpness and is smoothed away first.
    """
    image = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32)
    worst = 0.0
    for axis, kernel in ((0, (1, 9)), (1, (9, 1))):
        softer = cv2.blur(image, kernel)
        before = np.abs(np.diff(image, axis=axis))
        lost = np.maximum(before - np.abs(np.diff(softer, axis=axis)), 0)
        total = float(before.sum())
        worst = max(worst, 1.0 if total == 0 else 1 - float(lost.sum()) / total)
    return worst


# -- faces ----------------------------------------------------------------------------------------


def _faces(
    session: Session,
    samples: dict[str, list[Image]],
    detector: Detector | str | None,
) -> list[Finding]:
    """How high faces are in the pictures, by row or distance where that can be known."""
    if detector is None or not any(samples.values()):
        return []
    try:
        from gaze.faces.detectors import load_detector
        from gaze.faces.finder import FaceFinder

        finder = FaceFinder(load_detector(detector) if isinstance(detector, str) else detector)
    except (ImportError, UserError, OSError) as error:
        return [Finding("warning", f"Faces were not looked for: {error}", "")]
    boxes: dict[str, Array] = {}
    for name, frames in samples.items():
        chosen = frames[:: max(1, len(frames) // FACE_FRAMES)][:FACE_FRAMES]
        found = [finder.scan(image).box_px for image in chosen]
        boxes[name] = np.concatenate(found) if found else np.zeros((0, 4))
    findings: list[Finding] = []
    for name, box in boxes.items():
        if len(box) == 0:
            findings.append(
                Finding(
                    "error",
                    f"No face was found in {FACE_FRAMES} frames of the {name} video",
                    name,
                    "Do the cameras look at the class? Is it lit? Are faces at least 14 px high?",
                )
            )
    for label, heights in _by_distance(session, boxes).items():
        findings.append(_face_size(label, heights))
    return findings


def _face_size(label: str, heights_px: Array) -> Finding:
    """One group of faces, in words."""
    median = float(np.median(heights_px))
    what = f"{label}: faces are {median:.0f} px high (median)"
    if median < TINY_FACE_PX:
        return Finding(
            "warning",
            f"{what}: read these as left, right or away only",
            "",
            "Use 4K, a narrower lens, or bring the cameras nearer.",
        )
    if median < SMALL_FACE_PX:
        action = "Use 4K, a narrower lens, or bring the cameras nearer."
        return Finding("warning", f"{what}: errors will be large", "", action)
    return Finding("ok", what)


def _by_distance(session: Session, boxes: dict[str, Array]) -> dict[str, Array]:
    """Face heights (px) by row of seats, by distance from the blackboard, or all together.

    With a rig a face's place follows roughly (± 25 %) from its size and line of sight; rows are
    those of the seats in session.toml.
    """
    heights = {n: b[:, 3] - b[:, 1] for n, b in boxes.items() if len(b)}
    if not heights:
        return {}
    try:
        rig = Rig.load(session.rig_path)
        distance = np.concatenate([_distance_m(rig, n, boxes[n]) for n in heights])
    except UserError:  # no rig yet, or one without a world
        return {"All rows": np.concatenate(list(heights.values()))}
    height = np.concatenate(list(heights.values()))
    seats = sorted(s.seat_m[1] for s in session.config.students if s.seat_m is not None)
    if seats:
        rows = np.split(seats, np.flatnonzero(np.diff(seats) > 0.5) + 1)
        centres = np.array([np.mean(r) for r in rows])
        nearest = np.abs(distance[:, None] - centres).argmin(1)
        groups = {f"Row {i + 1} ({c:.1f} m)": nearest == i for i, c in enumerate(centres)}
    else:
        edges = [-np.inf, 3.0, 4.5, 6.0, np.inf]
        names = ["Under 3 m", "3 to 4.5 m", "4.5 to 6 m", "Over 6 m"]
        groups = {
            f"{n} from the blackboard": (distance >= lo) & (distance < hi)
            for n, lo, hi in zip(names, edges, edges[1:], strict=False)
        }
    return {name: height[inside] for name, inside in groups.items() if inside.any()}


def _distance_m(rig: Rig, name: str, box_px: Array) -> Array:
    """(N,) rough z_W of faces from the height of their boxes."""
    camera = rig.camera(name)
    centre = (box_px[:, :2] + box_px[:, 2:]) / 2
    depth_m = camera.f_px * FACE_HEIGHT_M / (box_px[:, 3] - box_px[:, 1])
    xy = camera.undistort(centre)
    P_C = np.concatenate([xy, np.ones((len(xy), 1))], 1) * depth_m[:, None]
    return np.asarray(rig.T_WC(name).apply(P_C)[:, 2])


# -- tables and disk ------------------------------------------------------------------------------


def _lesson_span(videos: dict[str, VideoInfo]) -> tuple[float, float] | None:
    """From when to when the lesson lasts, on the left camera's clock."""
    if "left" not in videos:
        return None
    times = videos["left"].times_s
    return float(times[0]), float(times[-1])


def _targets(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """targets.csv: columns, intervals within the lesson, points on the board, known students."""
    path = session.targets_path
    if not path.is_file():
        what = "No targets.csv: this lesson cannot be validated (docs/record-a-lesson.md, step 4)"
        return [Finding("ok", what, path.name)]
    try:
        targets = read_targets(path)
    except UserError as error:
        return [_from_error(session, error)]
    findings: list[Finding] = []

    def lines(bad: NDArray[np.bool_]) -> str:
        numbers = [str(i + 2) for i in np.flatnonzero(bad)]
        more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
        return f"line{'s' if len(numbers) > 1 else ''} {', '.join(numbers[:5])}{more}"

    def add(severity: Severity, bad: NDArray[np.bool_], what: str, action: str) -> None:
        if bad.any():
            findings.append(
                Finding(severity, f"targets.csv, {lines(bad)}: {what}", path.name, action)
            )

    start, end = targets["start_s"].to_numpy(float), targets["end_s"].to_numpy(float)
    x, y = targets["x_m"].to_numpy(float), targets["y_m"].to_numpy(float)
    add("error", end <= start, "the interval ends before it starts", "Swap start_s and end_s.")
    span = _lesson_span(videos)
    if span is not None:
        outside = (end < span[0]) | (start > span[1])
        what = f"the interval lies outside the lesson ({span[0]:.1f} to {span[1]:.1f} s)"
        add("error", outside, what, "Times are seconds on the left camera's clock.")
    board = session.config.blackboard
    huge = (np.abs(x) > 20) | (np.abs(y) > 20)
    add("error", huge, "the point is more than 20 m away", "x_m and y_m are in metres.")
    off = ~huge & ((x < 0) | (x > board.width_m) | (y < 0) | (y > board.height_m))
    what = f"the point is not on the blackboard ({board.width_m:g} × {board.height_m:g} m)"
    action = "x_m counts from the upper RIGHT corner leftwards, y_m downwards."
    add("warning", off, what, action)
    known = {s.id for s in session.config.students}
    if known:
        stranger = (~targets["student"].isin(known | {""})).to_numpy(bool)
        action = "Use the ids of [[students]], or leave the student empty for everybody."
        add("warning", stranger, "no such student in session.toml", action)
    if not findings:
        places = len(np.unique(np.round(np.stack([x, y], 1), 2), axis=0))
        what = f"targets.csv: {len(targets)} intervals at {places} marked points"
        findings.append(Finding("ok", what, path.name))
    return findings


def _events(session: Session, videos: dict[str, VideoInfo]) -> list[Finding]:
    """events.csv: readable, within the lesson."""
    path = session.events_path
    if not path.is_file():
        return []
    try:
        from gaze.report.marks import read_marks

        marks = read_marks(path)
    except UserError as error:
        return [_from_error(session, error)]
    span = _lesson_span(videos)
    outside = [
        m
        for m in marks
        if span is not None and (m.time_s > span[1] or (m.end_s or m.time_s) < span[0])
    ]
    if span is not None and outside:
        what = (
            f"events.csv: {len(outside)} of {len(marks)} marks lie outside the lesson "
            f"({span[0]:.1f} to {span[1]:.1f} s), the first is {outside[0].label!r}"
        )
        action = "Times are seconds on the left camera's clock; such marks are not drawn."
        return [Finding("warning", what, path.name, action)]
    return [Finding("ok", f"events.csv: {len(marks)} marks", path.name)]


def _disk(folder: Path) -> list[Finding]:
    """Room for a run: tables of a long lesson, heatmaps and the report."""
    free = float(shutil.disk_usage(folder).free)
    if free >= WANTED_FREE_BYTES:
        return [Finding("ok", f"{free / 1e9:.0f} GB free on the disk")]
    severity: Severity = "warning" if free >= LEAST_FREE_BYTES else "error"
    return [Finding(severity, f"Only {free / 1e6:.0f} MB free on the disk", "", "Make room.")]
