"""What the page shows of videos, pictures and rigs; called in the worker's process.

Every picture that leaves here has its faces pixelated, also those of somebody who holds the board.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.corners.boards import Board
from calibration.corners.detect import Found
from calibration.corners.picture_file import read_picture
from calibration.corners.placement import RoomPictureFile
from calibration.corners.wanted import CELLS, FACINGS, Shown, coverage, shown, wanted
from calibration.errors import UserError
from calibration.mounting import Mounting
from calibration.rig import Rig
from calibration.room.picture import RoomPicture
from gaze.app.sights import BoardView, Marked, Moment, Picture, Planned, Recording, Seat, Trace
from gaze.faces.detectors import Detector, load_detector
from gaze.lesson.clock import sounds_of
from sessions.clock.activity import Activity
from sessions.clock.sound import hear
from sessions.config import CONFIG_NAME
from sessions.config_edit import edit_config
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.lock import lesson_lock
from sessions.run import Run
from sessions.tables import read_table
from sessions.video import VideoInfo, nearest_frames, probe, read_frames

Image = NDArray[np.uint8]

PREVIEW_PX = 960
THUMB_PX = 300
#: Faces are looked for in pictures of at most this width (what they are detected in costs seconds).
LOOKED_AT_PX = 2000
#: Lower than the analysis' own: here a face that is missed costs more than a lamp that is blurred.
FACE_SCORE = 0.08
#: A face's box is widened by this share of itself on each side, and shows so many squares across.
AROUND, SQUARES = 0.4, 4


@cache
def _detector() -> Detector:
    return load_detector("centerface")


def faces_of(image: Image, score: float) -> NDArray[np.float64]:
    """(N, 4) boxes (left, top, right, bottom) of the faces in a BGR picture (H, W, 3), px."""
    scale = min(1.0, LOOKED_AT_PX / image.shape[1])
    small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale)
    found = _detector().detect(np.asarray(small, np.uint8)[None], score)
    return np.asarray(found.box_px / scale, np.float64)


def pixelated(image: Image) -> Image:
    """A copy of a BGR picture (H, W, 3) in which every face found is a few large squares."""
    h, w = image.shape[:2]
    out = image.copy()
    for x0, y0, x1, y1 in faces_of(image, FACE_SCORE):
        dx, dy = AROUND * (x1 - x0), AROUND * (y1 - y0)
        left, right = max(int(x0 - dx), 0), min(int(x1 + dx) + 1, w)
        top, bottom = max(int(y0 - dy), 0), min(int(y1 + dy) + 1, h)
        if right <= left or bottom <= top:
            continue
        part = out[top:bottom, left:right]
        coarse = cv2.resize(part, (SQUARES, SQUARES), interpolation=cv2.INTER_AREA)
        size = (right - left, bottom - top)
        part[:] = cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST)
    return out


def jpeg(image: Image, width_px: int | None, quality: int = 82) -> bytes:
    """A picture (H, W, 3) as JPEG, at most so wide."""
    if width_px is not None and image.shape[1] > width_px:
        height = round(image.shape[0] * width_px / image.shape[1])
        image = np.asarray(cv2.resize(image, (width_px, height), interpolation=cv2.INTER_AREA))
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


# -- the two videos --------------------------------------------------------------------------------
@lru_cache(8)
def _probed(paths: tuple[Path, ...], mounting: Mounting, changed_ns: int) -> VideoInfo:
    return probe(paths, mounting)


def _video(session: Session, camera: str) -> VideoInfo:
    paths = session.videos(camera)
    changed_ns = max(p.stat().st_mtime_ns for p in paths)
    return _probed(paths, session.mounting(camera), changed_ns)


def recordings(folder: Path) -> dict[str, Recording]:
    """What `probe` says of both videos."""
    session = Session.open(folder)
    out = {}
    for camera in CAMERAS:
        try:
            v = _video(session, camera)
        except UserError as error:
            out[camera] = Recording(error=str(error))
            continue
        out[camera] = Recording(
            "", v.path.name, v.size_px, v.fps, v.duration_s, v.codec, v.frames,
            -v.files[0].turn.quarters % 4 * 90, len(v.files), (*v.traits, *v.remarks),
        )  # fmt: skip
    return out


def moment(
    folder: Path, time_s: float, offset_s: float, cameras: tuple[str, ...] = CAMERAS
) -> Moment:
    """Both cameras' pictures at a moment, faces pixelated.

    time_s : since the left video's first frame. offset_s : right's clock minus left's.
    """
    session = Session.open(folder)
    pictures: dict[str, bytes | None] = {"left": None, "right": None}
    frames = {"left": -1, "right": -1}
    for camera in cameras:
        try:
            video = _video(session, camera)
        except UserError:
            continue
        clock = video.times_s - (offset_s if camera == "right" else 0.0)
        start = _start_s(session)
        at = np.array([start + time_s])
        frames[camera] = int(nearest_frames(clock, at, max_gap_s=0.5)[0])
        for _, image in read_frames(video, [frames[camera]]):
            pictures[camera] = jpeg(pixelated(image), PREVIEW_PX)
    return Moment(time_s, pictures["left"], pictures["right"], frames["left"], frames["right"])


def _start_s(session: Session) -> float:
    try:
        return float(_video(session, "left").times_s[0])
    except UserError:
        return float(_video(session, "right").times_s[0])


# -- sound and light: claps and flashes ------------------------------------------------------------
TRACE_BINS = 480
LEAST_LIGHT = 12.0  # grey levels that fill a trace's height: less is noise, and stays small


def traces(
    folder: Path, start_s: float, stop_s: float, offset_s: float, light: bool
) -> dict[str, Trace]:
    """How loud and how bright it was for both cameras between two times of the lesson.

    Times are since the left video's first frame. offset_s : right's clock minus left's. light : all
    pictures of that time are looked at, so let it be short.
    """
    session = Session.open(folder)
    out = {}
    for camera in CAMERAS:
        try:
            video = _video(session, camera)
        except UserError:
            out[camera] = Trace()
            continue
        late_s = _start_s(session) + (offset_s if camera == "right" else 0.0)
        changed_ns = max(f.path.stat().st_mtime_ns for f in video.files)
        heard = _heard(tuple(sounds_of(video)), changed_ns)
        grid = np.linspace(start_s, stop_s, TRACE_BINS)
        sound, bright = np.zeros(0), np.zeros(0)
        if heard is not None:
            loud = np.asarray(heard.values).mean(1)
            sound = _on_grid(heard.times_s - late_s, loud, grid) - np.percentile(loud, 10)
            sound /= max(float(np.percentile(loud, 99.9) - np.percentile(loud, 10)), 1.0)
        when = video.times_s - late_s
        frames = np.flatnonzero((when >= start_s) & (when <= stop_s)).tolist() if light else []
        pictures = read_frames(video, frames, grey=True, small_px=(64, 36))
        seen = [(when[n], p.mean()) for n, p in pictures]
        if len(seen) > 1:
            at, level = np.array(seen).T
            bright = (_on_grid(at, level, grid) - level.min()) / max(np.ptp(level), LEAST_LIGHT)
        out[camera] = Trace(*(tuple(np.clip(v, 0, 1).round(3).tolist()) for v in (sound, bright)))
    return out


@lru_cache(2)
def _heard(parts: tuple[tuple[Path, float], ...], changed_ns: int) -> Activity | None:
    return hear(parts)


def _on_grid(
    times_s: NDArray[np.float64], values: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The largest value of each bin; between the samples where they are sparser than the bins."""
    step = grid[1] - grid[0]
    bins = np.round((times_s - grid[0]) / step).astype(int)
    inside = (bins >= 0) & (bins < len(grid))
    least = float(values.min())
    out: NDArray[np.float64] = np.interp(grid, times_s, values, least, least)
    np.maximum.at(out, bins[inside], values[inside])
    return out


# -- pictures --------------------------------------------------------------------------------------
def picture(path: Path, width_px: int | None = PREVIEW_PX) -> Picture:
    """A picture file as JPEG with its faces pixelated, and its full size (width, height)."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError("this is no picture", where=path.name, expected="JPEG or PNG")
    h, w = image.shape[:2]
    return Picture(jpeg(pixelated(np.asarray(image, np.uint8)), width_px), (w, h))


def blackboard_photo(folder: Path, width_px: int) -> Picture | None:
    """The blackboard's photograph as the report shows it; None: none is given."""
    from gaze.report.heatmap import photograph

    image = photograph(Session.open(folder).config.blackboard, folder, width_px)
    if image is None:
        return None
    bgr = np.ascontiguousarray(image[..., ::-1])
    return Picture(jpeg(pixelated(bgr), None), (bgr.shape[1], bgr.shape[0]))


# -- rigs ------------------------------------------------------------------------------------------
def room_figure(rig_path: Path) -> dict[str, Any]:
    """The verdict page's 3-D room, as Plotly takes it."""
    from calibration.page.room_figure import figure_room

    return dict(json.loads(figure_room(Rig.load(rig_path)).to_json()))


def room_of_rig(rig_path: Path) -> tuple[list[str], list[tuple[str, float, float]]]:
    """What pictures of the room say against the tape, and the cameras' (name, x_W, z_W)."""
    from gaze.setup.calibrate import room_sentences

    rig = Rig.load(rig_path)
    if rig.T_WA is None:
        return [], []
    places = {name: rig.T_WC(name).t for name in CAMERAS}
    return room_sentences(rig), [(n, float(t[0]), float(t[2])) for n, t in places.items()]


def check_corners(path: Path, corners: list[list[float]]) -> None:
    """Refuse clicked corners of the blackboard that cannot be (a CalibrationError says why)."""
    from calibration.room.picture import check_clicks

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError("this is no picture", where=path.name, expected="JPEG or PNG")
    check_clicks(corners, (image.shape[1], image.shape[0]), path.name)


def room_against_tape(folder: Path, number: int, changes: dict[str, Any]) -> str:
    """Tape minus the pictures of the room, of a placement by number, in a sentence.

    changes : what session.toml does not say yet: typed or clicked, but not saved. Empty: nothing to
    compare. Telephones only: what the lesson's cameras took needs their lenses, which
    `gaze calibrate` has.
    """
    from calibration.corners.boards import View
    from calibration.inputs import Auxiliary
    from calibration.room import world
    from calibration.room.evidence import by_picture
    from calibration.room.picture_fit import by_placement, misfits, room_poses
    from gaze.setup.calibrate import board_of, placements_of

    with tempfile.TemporaryDirectory() as aside:
        shutil.copyfile(folder / CONFIG_NAME, Path(aside) / CONFIG_NAME)
        config = edit_config(aside, changes)
    placement = placements_of(folder, config)[number]
    board = placement.board or board_of(config.board)
    pictures = [_room_picture(p, board) for p in placement.room_pictures if p.taken_with == "phone"]
    if not pictures:
        return ""
    for picture in pictures:
        if picture.board_px is None:
            return f"{picture.file}: the auxiliary board was not found ({picture.reason})."
    poses = room_poses(pictures, board, (config.blackboard.width_m, config.blackboard.height_m))
    if not poses:
        return "Clicks and board contradict each other: click the corners again."
    aux = Auxiliary(placement.tape(), board, View("room"), room=tuple(pictures))
    T_AB = [aux.T_AB(k) for k in range(4)]
    _, pose, k = by_placement(poses, [T.inverse() for T in T_AB], world.R_WA)[0]
    seen = by_picture(pose.T_WB, pose.covariance, T_AB[k])
    t, sigma_m = seen.T_WA.t, np.sqrt(np.diag(seen.covariance)[3:])
    names = ("left", "down", "out")
    if aux.tape.measured:
        each = zip(names, 100 * (aux.tape.t_WA - t), 100 * sigma_m, strict=True)
        said = "Tape − pictures: " + ", ".join(f"{n} {d:+.1f} ± {s:.1f} cm" for n, d, s in each)
    else:
        each = zip(names, t, sigma_m, strict=True)
        said = "By the pictures: " + ", ".join(f"{n} {v:.3f} ± {s:.3f} m" for n, v, s in each)
    wrong = misfits(pose, pictures)
    return said + "." + (f" {wrong[0][0]}: {wrong[0][1]}." if wrong else "")


def _room_picture(given: RoomPictureFile, board: Board) -> RoomPicture:
    """A picture of the room; its board is looked for once, however often its clicks change."""
    from calibration.corners.auxiliary import read_room_pictures
    from calibration.corners.placement import AuxiliaryPlacement
    from calibration.room.picture import check_clicks, turned_over

    key = given.file, given.file.stat().st_mtime_ns, board, given.mirrored
    if key not in _room_pictures:
        (seen,) = read_room_pictures(AuxiliaryPlacement("flat", room_pictures=(given,)), board)
        _room_pictures.clear()
        _room_pictures[key] = seen
    seen = _room_pictures[key]
    clicks = check_clicks(given.blackboard_corners, seen.size_px, given.file.name)
    if given.mirrored:
        clicks = turned_over(clicks, seen.size_px[0])
    return replace(seen, blackboard_px=clicks, click_sigma_px=given.click_sigma_px)


_room_pictures: dict[tuple[Path, int, Board, bool], RoomPicture] = {}


def copy_demo(folder: Path) -> Path:
    """The demo's lesson at ``folder``, without what `gaze calibrate` would write."""
    from gaze.setup.demo import copy_lesson

    return copy_lesson(folder)


def known_students(folder: Path) -> list[str]:
    """Pseudonyms of session.toml and of every run, natural order."""
    from gaze.report.lesson import natural

    session = Session.open(folder)
    names = {s.id for s in session.config.students}
    for run in session.run_folders():
        path = Run(run).students_path
        if path.is_file():
            names |= set(read_table(path, "students")["student"])
    return sorted(names, key=natural)


# -- chessboards -----------------------------------------------------------------------------------
def print_board(kind: str, inner_corners: tuple[int, int], square_m: float, paper: str) -> bytes:
    """The PDF of `gaze board`."""
    from calibration.corners.print_board import board_pdf

    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "board.pdf"
        charuco = kind == "charuco"
        board_pdf(path, inner_corners, square_m, paper, "charuco" if charuco else "chessboard")
        return path.read_bytes()


@cache
def corner_finder() -> Any:
    """Finds chessboards, in a process of its own."""
    from calibration.corners.process import Detector as CornerFinder

    return CornerFinder()


@lru_cache(200)
def _board_view(path: Path, changed_ns: int, board: Board, mounting: Mounting) -> BoardView:
    found = corner_finder().find(path, board, mounting=mounting)
    try:
        grey = read_picture(path, mounting)
    except UserError:
        return BoardView(b"", False, found.reason or "this is no picture")
    return _drawn(grey, found, board)


@lru_cache(200)
def _film_view(
    path: Path, changed_ns: int, board: Board, mounting: Mounting, share: float
) -> BoardView:
    film = probe(path, mounting)
    for _, grey in read_frames(film, [int(share * film.frames)], grey=True):
        found = corner_finder().find(jpeg(grey, None, 95), board, effort="some")
        return _drawn(grey, found, board)
    return BoardView(b"", False, "this moment of the video cannot be read")


def _drawn(grey: Image, found: Found, board: Board) -> BoardView:
    """A picture (H, W) with the corners that were found in it."""
    image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    h, w = image.shape[:2]
    scale = THUMB_PX / w
    small = np.asarray(cv2.resize(image, None, fx=2 * scale, fy=2 * scale), np.uint8)
    small = pixelated(small)
    if found.corners_px is None:
        return BoardView(jpeg(small, THUMB_PX), False, found.reason or "")
    seen = shown(found.corners_px, (w, h), board)
    corners = np.nan_to_num(found.corners_px * 2 * scale, nan=-99).astype(np.float32)
    cv2.drawChessboardCorners(small, board.inner_corners, corners.reshape(-1, 1, 2), True)
    return BoardView(
        jpeg(small, THUMB_PX), True, "", tuple(bool(c) for c in seen.cells.ravel()),
        seen.tilt_deg, seen.facing or "",
    )  # fmt: skip


def board_view(path: Path, folder: Path, share: float | None = None) -> BoardView:
    """One chessboard picture of a lesson, as far as it goes before anything is solved.

    share : of a video that has gone by, 0 to 1; None for a picture.
    """
    from gaze.setup.calibrate import board_of

    session = Session.open(folder)
    mounting = session.mounting(path.parent.name, calibration=True)
    args = path, path.stat().st_mtime_ns, board_of(session.config.board), mounting
    return _board_view(*args) if share is None else _film_view(*args, share)


def still_wanted(views: list[BoardView]) -> tuple[list[str], list[int]]:
    """What one camera's pictures lack, and how many hold corners in each of 25 cells."""
    seen = [
        Shown(
            np.array(v.cells).reshape(CELLS, CELLS),
            v.tilt_deg,
            next((f for f in FACINGS if f == v.facing), None),
        )
        for v in views
        if v.found
    ]
    return wanted(seen), [int(n) for n in coverage(seen).ravel()]


# -- seats and marks -------------------------------------------------------------------------------
SEATS_FPS = 2.0


def seats_at(folder: Path, start_s: float, stop_s: float) -> list[Seat]:
    """Who sits where in a few seconds: `gaze analyze` of them, on links, kept nowhere."""
    from gaze.analyze import analyze
    from gaze.lesson.settings import AnalyzeSettings

    with tempfile.TemporaryDirectory() as aside:
        for path in folder.iterdir():
            if path.is_file() and path.name != CONFIG_NAME:
                try:
                    (Path(aside) / path.name).symlink_to(path.resolve())
                except OSError:  # Windows gives nobody the right to
                    shutil.copyfile(path, Path(aside) / path.name)
        shutil.copyfile(folder / CONFIG_NAME, Path(aside) / CONFIG_NAME)
        masked = [
            {"id": s.id, "seat_m": list(s.seat_m), "opt_out": True}
            for s in Session.open(folder).config.students
            if s.opt_out and s.seat_m
        ]
        edit_config(aside, {"students": masked or None})
        session = Session.open(aside)
        start = _start_s(session)
        seconds = {"start_s": start + start_s, "stop_s": start + stop_s}
        settings = AnalyzeSettings.of(fps=SEATS_FPS, **seconds)
        run = analyze(session, settings, run_name="seats")
        found = seats_of(run.folder)
    return [s for s in found if s.coverage > 0]


def seats_of(run_folder: Path) -> list[Seat]:
    """The seats of a run, front to back and from the blackboard's right edge to the left."""
    table = read_table(Run.open(run_folder).students_path, "students")
    table = table.dropna(subset=["seat_x_m", "seat_z_m"]).sort_values(["row", "seat_x_m"])
    return [
        Seat(
            str(r.student), int(r.row), float(r.seat_x_m), float(r.seat_z_m), float(r.coverage),
            None if np.isnan(r.face_px_median) else float(r.face_px_median),
            None if np.isnan(r.sigma_median_m) else 100 * float(r.sigma_median_m),
        )
        for r in table.itertuples()
    ]  # fmt: skip


def seats_planned(
    rig_path: Path, seats_m: list[tuple[float, float]], board_m: tuple[float, float]
) -> list[Planned]:
    """What `gaze simulate --plan` would say of these seats (x_W, z_W) before these cameras."""
    from sessions.simulation.plan import seat_errors

    table = seat_errors(Rig.load(rig_path), np.array(seats_m, float), board_m)
    face = table[["face_px_left", "face_px_right"]].min(axis=1)
    values = zip(face, table["gaze_error_cm"], strict=True)
    return [Planned(*(None if np.isnan(v) else float(v) for v in pair)) for pair in values]


def marks_of(folder: Path) -> list[Marked]:
    """The lesson's events.csv."""
    from sessions.events.marks import read_marks

    path = Session.open(folder).events_path
    return [(m.time_s, m.label, m.end_s) for m in read_marks(path)] if path.is_file() else []


def write_marks(folder: Path, marks: list[Marked], since: list[Marked]) -> None:
    """Write events.csv, once it reads back as what was meant; kinds of marks stay.

    since : what it said when the page showed it.

    Raises
    ------
    UserError : a mark that cannot be, or a file of ELAN's, which stays as it is; it was changed
        meanwhile; a command is at work in the lesson.
    """
    from sessions.events import marks as events

    path = Session.open(folder).events_path
    before = events.read_marks(path) if path.is_file() else ()
    if sorted((m.time_s, m.label, m.end_s) for m in before) != sorted(since):
        raise SessionError(
            "events.csv was changed meanwhile; nothing was written", where=folder.name,
            remedy="Load this page again, then mark.",
        )  # fmt: skip
    kinds = {(m.time_s, m.label, m.end_s): m.kind for m in before}
    with lesson_lock(folder):
        events.write_marks(path, [events.Mark(*m, kinds.get(m, "mark")) for m in marks])
