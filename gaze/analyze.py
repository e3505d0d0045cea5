"""The pipeline: from two videos to tables, heatmaps and the report.

    Session ─ frame pairs ─► faces, nose tips, heads ─► tracks ─► students ─► positions
            ─► fused heads ─► gaze points ─► tables ─► report

The part that needs pixels (gaze/looking.py) runs chunk by chunk and leaves one small file for each
in the run folder; an interrupted run goes on after the last of them. What follows works on light
arrays of the whole lesson: who is who is decided from all moments together.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from calibration.camera import Camera
from calibration.clock import (
    Clock,
    estimate_clock,
    judge_pair,
    judge_times,
    motion_energy,
    stretches,
)
from calibration.drift import (
    epipolar_px,
    recalibrate_from_people,
    watch,
    which_camera_moved,
)
from calibration.errors import RigError
from calibration.rig import Rig
from calibration.transform import Array
from gaze import identity as who
from gaze.faces import CAMERAS, load_detector
from gaze.fusion import FusedHeads, angle_sigmas_deg, fuse_heads, with_person
from gaze.geometry import gaze_points, gaze_with_covariance, head_angles_deg
from gaze.heads import HeadPoseModel
from gaze.identity import UNMATCHED, Sightings, Students, identify
from gaze.looking import FaceRows, Looker
from gaze.position import Positions, solve_positions
from gaze.quality import quality_report, students_table
from gaze.spread import RigDependence, gaze_spread_from_rig
from gaze.tracks import track
from sessions.errors import RunError, SessionError
from sessions.folder import Session
from sessions.run import Run, atomic_write, sha256, write_json
from sessions.tables import write_table
from sessions.video import (
    Moments,
    VideoInfo,
    frame_pairs,
    moments,
    probe,
    read_frames,
    read_timestamps,
)

Progress = Callable[[str, float], None]

CHUNK_S = 20.0  # a chunk is what a crash can cost
BATCH = 8  # moments that are looked at together
CLOCK_SIZE_PX = (160, 90)
BLOCK = 20_000  # student-moments worked on at once after the pixels
LOW_CONFIDENCE_SHARE = (
    0.25  # of the blackboard's width: a σ beyond it tells left from right at most
)
DRIFT_PX = 1.5  # a common change of the epipolar residual worth saying
WELL = 6.0  # median cost of the pairs of tracks below which a class fits its rig
FACE_HEIGHT_M = 0.21  # of a detector's box, where a class gives none
SEAT_SIGMA_M = (0.25, 0.15, 0.25)  # about a seat of session.toml that no two cameras ever saw


# -- the whole thing ------------------------------------------------------------------------------


def analyze(
    session: Session | str | Path,
    *,
    fps: float = 5.0,
    start_s: float | None = None,
    stop_s: float | None = None,
    identity: str = "geometry",
    weights: str = "default",
    detector: str = "centerface",
    landmarks: str = "mean",
    head_truth: pd.DataFrame | None = None,
    nose_truth: pd.DataFrame | None = None,
    run_name: str | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    gain: Any | None = None,
    force: bool = False,
    recalibrate: str | None = None,
    model: HeadPoseModel | None = None,
) -> Run:
    """Analyse a lesson.

    Parameters
    ----------
    session : the session folder.
    fps : analysed moments per second. start_s, stop_s : part of the lesson, left camera's clock.
    identity : ``geometry``, ``embedding`` or ``both``. weights : head-pose weights.
    detector, landmarks : by their registered names.
    head_truth, nose_truth : a simulated lesson's truth/heads.parquet, put in place of the heads or
        noses that were measured, to read the error budget off.
    run_name : name of the run folder. resume : go on with an unfinished run of the same settings.
    progress : called with a stage's name and the share of it that is done.
    gain : a gaze.gain.Gain to apply to the heads; never applied unasked.
    force : use a rig whose verdict is FAIL.
    recalibrate : ``people``: the cameras' relative pose is solved again from the students' own
        noses before positions are taken (calibration/drift.py).
    model : a head-pose model in place of ``weights`` (tests).

    Returns the finished run.

    Raises
    ------
    UserError : one of its kinds, for everything that the user can mend.
    """
    session = session if isinstance(session, Session) else Session.open(session)
    report = progress or (lambda stage, share: None)
    who.uses_embeddings(identity)  # an unknown name fails before the work, not after
    rig = usable_rig(session, force=force)
    left, right = probe(session.video("left")), probe(session.video("right"))
    _same_size(rig, left, right)
    left, right, clock = lesson_clock(session, left, right, report)
    when = moments(
        left,
        right,
        clock.right_to_left(right.times_s),
        fps=fps,
        start_s=start_s,
        stop_s=stop_s,
    )
    if len(when) == 0:
        raise SessionError(
            "there is nothing to analyse: the two videos share no moment",
            where=session.folder,
            found=f"left {left.duration_s:.0f} s, right {right.duration_s:.0f} s, offset "
            f"{clock.offset_s:.2f} s",
            remedy="Check cameras.right.offset_s, start and stop.",
        )
    model = model if model is not None else _load_model(weights)
    settings = {
        "fps": fps,
        "start_s": start_s,
        "stop_s": stop_s,
        "identity": identity,
        "weights": weights,
        "detector": detector,
        "landmarks": landmarks,
        "head": "network" if head_truth is None else "truth",
        "nose": "video" if nose_truth is None else "truth",
        "gain": gain is not None,
        "recalibrate": recalibrate,
        "force": force,
        "rig_sha256": sha256(session.rig_path),
        "videos": {n: [i.frames, i.path.stat().st_size] for n, i in _both(left, right)},
        "weights_sha256": _weights_hash(model),
    }
    masked = opted_out_seats(session)
    settings["masked_seats"] = masked.tolist()
    looker = Looker(
        rig,
        load_detector(detector),
        model,
        landmarks,
        masked,
    )
    run = open_run(session, settings, run_name, resume=resume)

    started = time.perf_counter()
    rows = look_at_lesson(run, looker, left, right, when, report)
    seconds = {**looker.seconds, "pixels": time.perf_counter() - started}

    started = time.perf_counter()
    report("who is who", 0.0)
    rows_track = tracks_of(rows, when)
    seen = sightings_of(rig, rows, rows_track)
    embeddings = None
    if who.uses_embeddings(identity):
        embeddings = _embeddings(rows, rows_track, when, left, right, report)
    named = [s for s in session.config.students if not s.opt_out]
    students = identify(
        rig,
        seen,
        identity=identity,
        names=[s.id for s in named],
        seats_xz_m=np.array([s.seat_m or (np.nan, np.nan) for s in named]).reshape(-1, 2),
        embeddings=embeddings,
    )
    refuse_swapped(rig, seen, students)
    report("who is who", 1.0)
    seconds["identity"] = time.perf_counter() - started

    started = time.perf_counter()
    rig, drift = watch_rig(rig, seen, students, when, recalibrate)
    table, chi2, rig_sigma = gaze_table(
        session, rig, rows, students, when, head_truth, nose_truth, gain, report
    )
    seconds["gaze"] = time.perf_counter() - started

    started = time.perf_counter()
    faces = faces_table(rows, rows_track, students, when)
    table = with_absent(table, session, students, when)
    summary = students_table(table, dict(zip(students.name, students.row.tolist(), strict=True)))
    write_table(faces, run.faces_path, "faces")
    write_table(table, run.gaze_path, "gaze")
    write_table(summary, run.students_path, "students")
    seconds["tables"] = time.perf_counter() - started
    write_json(
        run.quality_path,
        quality_report(
            table,
            summary,
            clock={**clock.to_dict(), **judged_times(left, right)},
            frames={
                "moments": len(when),
                "without_left": int((when.frame_left < 0).sum()),
                "without_right": int((when.frame_right < 0).sum()),
                "fps_left": left.fps,
                "fps_right": right.fps,
            },
            identity={
                "faces": len(rows),
                "unmatched_faces": int((students.student == UNMATCHED).sum()),
                "tracks": {
                    n: len(np.unique(rows_track[rows.faces.camera == c]))
                    for c, n in enumerate(CAMERAS)
                },
                "students": len(students),
                "one_camera_only": int(np.isnan(students.pair_cost).sum()),
                "pair_cost": dict(zip(students.name, students.pair_cost.tolist(), strict=True)),
            },
            rig={"verdict": rig.verdict.to_dict(), "forced": force},
            rig_sigma_m=rig_sigma,
            fusion_chi2=chi2,
            drift=drift,
            seconds=seconds,
        ),
    )
    run.update(
        state="done",
        finished=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        seconds=seconds,
        scans=looker.finder.scans,
        mosaics=looker.finder.mosaics,
        settings=settings,  # of this call: a resumed run may have got another gain
        gain=None if gain is None else gain.stamp(),
    )
    shutil.rmtree(_parts_folder(run), ignore_errors=True)
    _write_report(run, report)
    return run


# -- before the pixels ----------------------------------------------------------------------------


def usable_rig(session: Session, *, force: bool = False) -> Rig:
    """The lesson's rig.

    Raises
    ------
    RigError : none, without a world, or with the verdict FAIL (unless ``force``).
    """
    rig = Rig.load(session.rig_path)
    rig.T_WC("left")  # says what is missing where there is no world
    if rig.verdict.status == "FAIL" and not force:
        worst = [c.message for c in rig.verdict.causes if c.severity == "FAIL"]
        raise RigError(
            "the rig's verdict is FAIL, so its gaze points would be wrong",
            where=session.rig_path,
            found="; ".join(worst)[:300],
            remedy="Mend what it says and calibrate again, or insist with --force.",
        )
    return rig


def opted_out_seats(session: Session) -> Array:
    """Seats (K, 2) x_W, z_W that are painted over before anything looks.

    Raises
    ------
    SessionError : a student opted out, and session.toml does not say where they sit.
    """
    seats = []
    for student in session.config.students:
        if student.opt_out and student.seat_m is None:
            raise SessionError(
                f"student {student.id} opted out, but has no seat to be masked",
                where=session.folder / "session.toml",
                expected="seat_m = [x, z] beside opt_out = true",
            )
        if student.opt_out:
            seats.append(student.seat_m)
    return np.array(seats, np.float64).reshape(-1, 2)


def _same_size(rig: Rig, left: VideoInfo, right: VideoInfo) -> None:
    for name, info in _both(left, right):
        camera: Camera = rig.camera(name)
        if tuple(info.size_px) != camera.size_px:
            raise RigError(
                f"the {name} video has another size than its camera's calibration",
                where=info.path,
                found=f"{info.size_px[0]}×{info.size_px[1]}",
                expected=f"{camera.size_px[0]}×{camera.size_px[1]}",
                remedy="Film lesson and calibration pictures at the same resolution and zoom.",
            )


def _both(left: VideoInfo, right: VideoInfo) -> tuple[tuple[str, VideoInfo], ...]:
    return ("left", left), ("right", right)


def lesson_clock(
    session: Session, left: VideoInfo, right: VideoInfo, report: Progress
) -> tuple[VideoInfo, VideoInfo, Clock]:
    """One clock for both videos.

    timestamps.csv replaces the containers' times. The offset is session.toml's where it says one;
    with timestamps.csv it is 0; else it is estimated from how the two pictures move, and where
    that fails the containers' times are taken as they are, and quality.json says so.
    """
    stamped = session.timestamps_path.is_file()
    if stamped:
        times = read_timestamps(session.timestamps_path)
        infos = []
        for name, info in _both(left, right):
            if name not in times or len(times[name]) != info.frames:
                raise SessionError(
                    f"timestamps.csv does not fit the {name} video",
                    where=session.timestamps_path,
                    found=f"{len(times.get(name, ()))} times",
                    expected=f"{info.frames} frames",
                )
            infos.append(replace(info, times_s=times[name]))
        left, right = infos
    offset = session.config.cameras.right.offset_s
    if offset is not None:
        return left, right, Clock(offset, source="session.toml")
    if stamped:
        return left, right, Clock(source="timestamps.csv")
    report("the cameras' clocks", 0.0)
    activity = [_activity(info, report, k / 2) for k, (_, info) in enumerate(_both(left, right))]
    found = estimate_clock(*activity[0], *activity[1])
    report("the cameras' clocks", 1.0)
    if found.clock is None:
        return left, right, Clock(source="assumed")
    return left, right, found.clock


def judged_times(left: VideoInfo, right: VideoInfo) -> dict[str, Any]:
    """What the two videos' frame times say of themselves: gaps, rates, lengths; causes in words."""
    reports = [
        judge_times(info.times_s, name, info.stated_duration_s) for name, info in _both(left, right)
    ]
    causes = [*reports[0].causes, *reports[1].causes, *judge_pair(*reports)]
    return {
        "causes": [vars(c) for c in causes],
        "times": {r.name: r.to_dict() for r in reports},
    }


def _activity(info: VideoInfo, report: Progress, begun: float) -> tuple[Array, Array]:
    """How much a video moves, in stretches spread over the lesson: times (N,) and energy (N,)."""
    since = info.times_s - info.times_s[0]
    parts = [np.flatnonzero((since >= b) & (since <= e)) for b, e in stretches(float(since[-1]))]
    total, done = sum(len(part) for part in parts), 0
    times, energies = [], []
    for part in parts:
        pictures, numbers = [], []
        for number, picture in read_frames(info, part.tolist()):
            small = cv2.resize(picture, CLOCK_SIZE_PX, interpolation=cv2.INTER_AREA)
            pictures.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
            numbers.append(number)
            done += 1
            report("the cameras' clocks", begun + 0.5 * done / total)
        time_s, energy = motion_energy(pictures, info.times_s[numbers])
        times.append(time_s)
        energies.append(energy)
    return np.concatenate(times), np.concatenate(energies)


def _load_model(weights: str) -> HeadPoseModel:
    from headpose.estimator import HeadPoseEstimator

    return HeadPoseEstimator.load(weights)


def _weights_hash(model: HeadPoseModel) -> str | None:
    return getattr(getattr(model, "weights", None), "sha256", None)


def open_run(
    session: Session, settings: dict[str, Any], run_name: str | None, *, resume: bool
) -> Run:
    """The unfinished run of the same settings, or a new one; one of that name is made anew."""
    comparable = {k: v for k, v in settings.items() if k != "gain"}
    if resume:
        for folder in reversed(session.run_folders()):
            if run_name is not None and folder.name != run_name:
                continue
            with contextlib.suppress(RunError):  # of another version: not ours to go on with
                run = Run.open(folder, finished=False)
                info = run.info()
                same = {k: v for k, v in info.get("settings", {}).items() if k != "gain"}
                if info.get("state") == "running" and same == comparable:
                    return run
    name = run_name or dt.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    folder = session.runs_folder / name
    if (folder / "run.json").exists() and run_name is None:
        name = next(
            n
            for n in (f"{name}-{k}" for k in itertools.count(2))
            if not (session.runs_folder / n).exists()
        )
        folder = session.runs_folder / name
    if folder.exists():
        shutil.rmtree(folder)  # asked for by name: made anew
    return Run.create(folder, settings)


# -- the pixels -----------------------------------------------------------------------------------


def _parts_folder(run: Run) -> Path:
    return run.folder / "parts"


def chunks_of(when: Moments) -> list[slice]:
    """The lesson in stretches of about CHUNK_S."""
    chunk = np.floor((when.time_s - when.time_s[0]) / CHUNK_S).astype(int)
    edges = np.flatnonzero(np.diff(chunk, prepend=-1, append=chunk[-1] + 1))
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def look_at_lesson(
    run: Run, looker: Looker, left: VideoInfo, right: VideoInfo, when: Moments, report: Progress
) -> FaceRows:
    """Face rows of the whole lesson; each finished chunk lies in the run's ``parts``."""
    folder = _parts_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    chunks = chunks_of(when)
    paths = [folder / f"{k:05d}.npz" for k in range(len(chunks))]
    done = next((k for k, p in enumerate(paths) if not p.is_file()), len(paths))
    stage = "faces and heads"
    total = len(when)
    if done < len(chunks):
        begin = chunks[done].start
        pairs = frame_pairs(left, right, when[begin:])
        for path, chunk in zip(paths[done:], chunks[done:], strict=True):
            looker.begin_chunk()
            parts = []
            for first in range(chunk.start, chunk.stop, BATCH):
                report(stage, first / total)
                started = time.perf_counter()
                batch = list(itertools.islice(pairs, min(BATCH, chunk.stop - first)))
                waited = time.perf_counter() - started
                looker.seconds["video"] = looker.seconds.get("video", 0.0) + waited
                parts.append(
                    looker.look(
                        [p.time_s for p in batch],
                        [p.left for p in batch],
                        [p.right for p in batch],
                        first,
                    )
                )
            with atomic_write(path) as aside:
                FaceRows.concatenate(parts).save(aside)
        pairs.close()  # type: ignore[attr-defined]
    report(stage, 1.0)
    return FaceRows.load(paths)


# -- who is who -----------------------------------------------------------------------------------


def tracks_of(rows: FaceRows, when: Moments) -> NDArray[np.int32]:
    """Track of each row, within its camera."""
    out = np.full(len(rows), -1, np.int32)
    for c in range(len(CAMERAS)):
        mine = np.flatnonzero(rows.faces.camera == c)
        mine = mine[np.argsort(rows.faces.moment[mine], kind="stable")]
        moment = rows.faces.moment[mine]
        out[mine] = track(
            moment,
            when.time_s[moment],
            rows.faces.centre_px[mine],
            rows.faces.height_px[mine],
        )
    return out


def heads_in_world(rig: Rig, rows: FaceRows) -> Array:
    """R_WS (N, 3, 3) of each row by its own camera."""
    R_CS = rows.heads.R_CS
    out = np.empty_like(R_CS)
    for c, name in enumerate(CAMERAS):
        mine = rows.faces.camera == c
        out[mine] = rig.T_WC(name).R @ R_CS[mine]
    return out


def sightings_of(rig: Rig, rows: FaceRows, rows_track: NDArray[np.int32]) -> Sightings:
    """What identity needs of the rows."""
    return Sightings(
        rows.faces.camera,
        rows.faces.moment,
        rows_track,
        rows.landmarks.nose_px,
        rows.landmarks.nose_sigma_px,
        rows.faces.height_px,
        heads_in_world(rig, rows),
    )


def _embeddings(
    rows: FaceRows,
    rows_track: NDArray[np.int32],
    when: Moments,
    left: VideoInfo,
    right: VideoInfo,
    report: Progress,
) -> who.Embeddings:
    from gaze.embeddings import track_embeddings

    return track_embeddings(rows, rows_track, when, left, right, report)


def refuse_swapped(rig: Rig, seen: Sightings, students: Students) -> None:
    """Refuse a lesson whose two videos are each other's.

    Raises
    ------
    SessionError : the class fits badly as the videos are named, and well the other way round.
    """
    possible = who.possible_pairs(seen)

    def fit(camera: NDArray[np.int8]) -> tuple[int, float]:
        costs = identify(rig, replace(seen, camera=camera, R_WS=None)).pair_cost
        known = costs[np.isfinite(costs)]
        return len(known), float(np.median(known)) if len(known) else np.inf

    known = students.pair_cost[np.isfinite(students.pair_cost)]
    if possible < 3 or (len(known) >= 0.8 * possible and np.median(known) < WELL):
        return
    pairs, cost = fit(seen.camera)
    turned_pairs, turned_cost = fit((1 - seen.camera).astype(np.int8))
    if turned_pairs >= max(pairs, 0.7 * possible) and turned_cost < min(0.5 * cost, WELL):
        raise SessionError(
            "the two videos seem to be swapped",
            found=f"the students fit {cost / max(turned_cost, 0.1):.0f} times better the other way",
            expected="cameras.left: the camera on the left for somebody who faces the blackboard",
            remedy="Exchange cameras.left.video and cameras.right.video in session.toml.",
        )


def watch_rig(
    rig: Rig, seen: Sightings, students: Students, when: Moments, recalibrate: str | None
) -> tuple[Rig, dict[str, Any] | None]:
    """Whether a camera was knocked, from the students' noses; with ``people`` a mended rig.

    Raises
    ------
    RigError : ``recalibrate`` is not known, or the noses do not determine the pose.
    """
    if recalibrate not in (None, "people"):
        raise RigError("this way to recalibrate is not known", found=recalibrate, expected="people")
    i, j, person = who.matched_rows(seen, students.student)
    if len(i) < 20:
        return rig, None
    time_s = when.time_s[seen.moment[i]]
    uv = seen.nose_px[i], seen.nose_px[j]
    found = watch(time_s, epipolar_px(rig, *uv), person, smallest=DRIFT_PX)
    out = found.to_dict()
    if recalibrate == "people":
        knocked_s = found.events[-1].time_s if found.events else -np.inf
        after = time_s >= knocked_s
        moved = None
        if found.events:
            shift = which_camera_moved(time_s, person, *uv, knocked_s)
            moved = None if shift.moved == "neither" else shift.moved
            out["moved"] = shift.moved
        mended, verdict = recalibrate_from_people(
            rig,
            uv[0][after],
            uv[1][after],
            person[after],
            sigma_px=np.hypot(seen.sigma_px[i], seen.sigma_px[j])[after],
            moved=moved,
        )
        out["recalibrated"] = verdict.to_dict()
        if verdict.status == "FAIL":
            raise RigError(
                "the students' noses do not determine where the cameras are",
                found="; ".join(c.message for c in verdict.causes)[:300],
                remedy="Calibrate with the chessboard.",
            )
        rig = mended
    return rig, out


# -- from rows to gaze points ---------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """Student-moments: for each the face row of each camera; N = students × moments.

    student : (N,) index. moment : (N,) index. row : (N, 2) face row by camera, −1 = none.
    """

    student: NDArray[np.int64]
    moment: NDArray[np.int64]
    row: NDArray[np.int64]

    @classmethod
    def of(cls, rows: FaceRows, students: Students, count: int) -> Grid:
        """All students at all moments, moments first."""
        S = len(students)
        row = np.full((count, S, 2), -1, np.int64)
        given = np.flatnonzero(students.student >= 0)
        row[rows.faces.moment[given], students.student[given], rows.faces.camera[given]] = given
        moment, student = np.divmod(np.arange(count * S), max(S, 1))
        return cls(student, moment, row.reshape(-1, 2))

    def take(self, part: slice) -> Grid:
        """Some of them."""
        return Grid(self.student[part], self.moment[part], self.row[part])

    def of_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of face rows (R, ...) → (N, 2, ...), NaN where there is no row."""
        out = np.asarray(values, np.float64)[np.maximum(self.row, 0)]
        out[self.row < 0] = np.nan
        return out


def gaze_table(
    session: Session,
    rig: Rig,
    rows: FaceRows,
    students: Students,
    when: Moments,
    head_truth: pd.DataFrame | None,
    nose_truth: pd.DataFrame | None,
    gain: Any | None,
    report: Progress,
) -> tuple[pd.DataFrame, Array, Array]:
    """gaze.parquet's rows; also χ² of the head fusion and the rig's share of σ (m), each (N,)."""
    grid = Grid.of(rows, students, len(when))
    R_WS = heads_in_world(rig, rows)
    face_m = class_face_height_m(rig, rows, students)
    truth = {
        "head": None if head_truth is None else Truth.of(head_truth, students),
        "nose": None if nose_truth is None else Truth.of(nose_truth, students),
    }
    parts, chi2, rig_sigma = [], [], []
    total = len(grid.student)
    for first in range(0, total, BLOCK):
        report("gaze points", first / max(total, 1))
        block = grid.take(slice(first, first + BLOCK))
        positions = positions_of(session, rig, rows, students, block, face_m)
        heads = fuse_heads(block.of_rows(R_WS), block.of_rows(rows.heads.covariance_rad2))
        heads = with_person(heads)
        if truth["nose"] is not None:
            positions = truth["nose"].noses(positions, block, when)
        if truth["head"] is not None:
            heads = truth["head"].heads(heads, block, when)
        rig_cov = gaze_spread_from_rig(
            rig,
            RigDependence(
                block.of_rows(rows.landmarks.nose_px),
                block.of_rows(rows.landmarks.nose_sigma_px),
                positions.P_W,
                heads.R_WS,
                block.of_rows(rows.centre_px),
                heads.share,
                nose_from_rig=truth["nose"] is None,
            ),
        )
        parts.append(_frame(session, rows, students, when, block, positions, heads, rig_cov, gain))
        chi2.append(heads.chi2)
        rig_sigma.append(np.sqrt(np.trace(rig_cov, axis1=-2, axis2=-1) / 2))
    report("gaze points", 1.0)
    if not parts:
        return _no_gaze(), np.zeros(0), np.zeros(0)
    return pd.concat(parts, ignore_index=True), np.concatenate(chi2), np.concatenate(rig_sigma)


def class_face_height_m(rig: Rig, rows: FaceRows, students: Students) -> float:
    """Median height in metres of the detector's boxes in this class."""
    sizes = []
    for c, name in enumerate(CAMERAS):
        mine = np.flatnonzero((rows.faces.camera == c) & (students.student >= 0))
        seat = students.seat_W[students.student[mine]]
        distance = np.linalg.norm(seat - rig.T_WC(name).t, axis=1)
        sizes.append(rows.faces.height_px[mine] * distance / rig.camera(name).f_px)
    known = np.concatenate(sizes)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else FACE_HEIGHT_M


def positions_of(
    session: Session, rig: Rig, rows: FaceRows, students: Students, grid: Grid, face_m: float
) -> Positions:
    """P_W of student-moments; one camera alone leans on the student's seat."""
    mean, covariance = seat_priors(session, students)
    prior, prior_cov = mean[grid.student], covariance[grid.student]
    # no seat is known: the size of the face says how far it is, within a fifth
    for c, name in enumerate(CAMERAS):
        only = (grid.row[:, c] >= 0) & (grid.row[:, 1 - c] < 0) & np.isnan(prior).any(1)
        if not only.any():
            continue
        face = grid.row[only, c]
        camera, T = rig.camera(name), rig.T_WC(name)
        d = T.rotate(camera.rays(rows.landmarks.nose_px[face]))
        distance = face_m * camera.f_px / rows.faces.height_px[face]
        prior[only] = T.t + distance[:, None] * d
        along = np.einsum("ni,nj->nij", d, d)
        wide = (0.2 * distance)[:, None, None] ** 2
        prior_cov[only] = wide * along + 0.3**2 * (np.eye(3) - along)
    return solve_positions(
        rig,
        grid.of_rows(rows.landmarks.nose_px),
        grid.of_rows(rows.landmarks.nose_sigma_px),
        prior,
        prior_cov,
    )


def seat_priors(session: Session, students: Students) -> tuple[Array, Array]:
    """(S, 3) and (S, 3, 3): where each student's nose is, from both cameras or session.toml."""
    mean, covariance = students.seat_W.copy(), students.seat_covariance_m2.copy()
    height = np.nanmedian(mean[:, 1]) if np.isfinite(mean).any() else 0.9
    given = {s.id: s.seat_m for s in session.config.students if s.seat_m is not None}
    for k, name in enumerate(students.name):
        if np.isnan(mean[k]).any() and name in given:
            mean[k] = given[name][0], height, given[name][1]
            covariance[k] = np.diag(SEAT_SIGMA_M) ** 2
    return mean, covariance


def _frame(
    session: Session,
    rows: FaceRows,
    students: Students,
    when: Moments,
    grid: Grid,
    positions: Positions,
    heads: FusedHeads,
    rig_cov: Array,
    gain: Any | None,
) -> pd.DataFrame:
    """The table's columns for some student-moments."""
    board = session.config.blackboard
    names = np.array(students.name, dtype=object)[grid.student]
    head_xy, _ = gaze_points(positions.P_W, heads.R_WS)
    if gain is None:
        points = gaze_with_covariance(
            positions.P_W, heads.R_WS, positions.covariance_m2, heads.covariance_rad2, rig_cov
        )
    else:
        from gaze.gain import apply_gain

        points = apply_gain(
            positions.P_W,
            heads.R_WS,
            names,
            gain,
            positions.covariance_m2,
            heads.covariance_rad2,
            rig_cov,
        )
    status = statuses(positions, heads, points.xy_m, points.covariance_m2, points.meets, board)
    near = _unmatched_here(rows, students, grid)
    status[(status == "no_face") & near] = "unmatched"
    shown = points.meets & np.isfinite(points.xy_m).all(1) & (status != "no_face")
    xy = np.where(shown[:, None], points.xy_m, np.nan)
    cov = np.where(shown[:, None, None], points.covariance_m2, np.nan)
    known = np.isfinite(heads.R_WS).all((1, 2))
    quaternion = np.full((len(names), 4), np.nan)
    angles, sigmas = np.full((len(names), 3), np.nan), np.full((len(names), 3), np.nan)
    if known.any():
        q = Rotation.from_matrix(heads.R_WS[known]).as_quat(canonical=True, scalar_first=True)
        quaternion[known] = q
        angles[known] = head_angles_deg(heads.R_WS[known])
        sigmas[known] = angle_sigmas_deg(heads.R_WS[known], heads.covariance_rad2[known])
    nose_sigma = np.sqrt(np.diagonal(positions.covariance_m2, axis1=-2, axis2=-1))
    face_px = grid.of_rows(rows.face_px)
    return pd.DataFrame(
        {
            "time_s": when.time_s[grid.moment],
            "frame_left": when.frame_left[grid.moment],
            "frame_right": when.frame_right[grid.moment],
            "student": names,
            "status": status,
            "gaze_x_m": xy[:, 0],
            "gaze_y_m": xy[:, 1],
            "gaze_xx_m2": cov[:, 0, 0],
            "gaze_xy_m2": cov[:, 0, 1],
            "gaze_yy_m2": cov[:, 1, 1],
            "head_x_m": head_xy[:, 0],
            "head_y_m": head_xy[:, 1],
            **{f"nose_{a}_m": positions.P_W[:, k] for k, a in enumerate("xyz")},
            **{f"nose_{a}_sigma_m": nose_sigma[:, k] for k, a in enumerate("xyz")},
            **{f"head_q{a}": quaternion[:, k] for k, a in enumerate("wxyz")},
            "head_yaw_deg": angles[:, 1],
            "head_pitch_deg": angles[:, 0],
            "head_roll_deg": angles[:, 2],
            "head_yaw_sigma_deg": sigmas[:, 1],
            "head_pitch_sigma_deg": sigmas[:, 0],
            "head_roll_sigma_deg": sigmas[:, 2],
            "area": areas_of(xy, board.areas),
            "cameras": positions.cameras,
            "face_px_left": face_px[:, 0],
            "face_px_right": face_px[:, 1],
            "epipolar_px": positions.residual_px,
            "row_left": grid.row[:, 0],
            "row_right": grid.row[:, 1],
        }
    )


def statuses(
    positions: Positions,
    heads: FusedHeads,
    xy_m: Array,
    covariance_m2: Array,
    meets: NDArray[np.bool_],
    board: Any,
) -> NDArray[np.object_]:
    """A status for every row (sessions/tables.py); the first that applies:

    no_face · away · low_confidence · off_board · one_camera · ok.
    """
    measured = np.isfinite(positions.P_W).all(1) & np.isfinite(heads.R_WS).all((1, 2))
    with np.errstate(invalid="ignore"):
        on_board = (
            (xy_m[:, 0] >= 0)
            & (xy_m[:, 0] <= board.width_m)
            & (xy_m[:, 1] >= 0)
            & (xy_m[:, 1] <= board.height_m)
        )
        sigma_x = np.sqrt(covariance_m2[:, 0, 0])
        unsure = ~(sigma_x <= LOW_CONFIDENCE_SHARE * board.width_m) | heads.contradiction
    return np.select(
        [~measured, ~meets, unsure, ~on_board, positions.cameras == 1],
        ["no_face", "away", "low_confidence", "off_board", "one_camera"],
        "ok",
    ).astype(object)


def _unmatched_here(rows: FaceRows, students: Students, grid: Grid) -> NDArray[np.bool_]:
    """Student-moments without a face of their own, but with a face nobody has at their place."""
    S = len(students)
    place = np.full((S, 2, 3), np.nan)  # median nose and height in each picture
    values = np.column_stack([rows.landmarks.nose_px, rows.faces.height_px])
    for k in range(S):
        for c in range(len(CAMERAS)):
            mine = (students.student == k) & (rows.faces.camera == c)
            if mine.any():
                place[k, c] = np.median(values[mine], axis=0)
    out = np.zeros(len(grid.student), np.bool_)
    lost = np.flatnonzero(students.student == UNMATCHED)
    lost = lost[np.isin(rows.faces.moment[lost], grid.moment)]
    first = int(grid.moment[0]) if len(grid.moment) else 0
    index = np.arange(len(grid.student))
    start = {int(m): int(i) for m, i in zip(grid.moment[::-1], index[::-1], strict=True)}
    for r in lost:
        c, m = rows.faces.camera[r], int(rows.faces.moment[r])
        away = np.linalg.norm(place[:, c, :2] - rows.landmarks.nose_px[r], axis=1)
        near = np.flatnonzero(away < place[:, c, 2])
        if m < first:
            continue
        at = start[m] + (near - grid.student[start[m]])
        out[at[(at >= 0) & (at < len(out))]] = True
    return out


def areas_of(xy_m: Array, areas: Sequence[Any]) -> NDArray[np.object_]:
    """Name of the blackboard area that holds each point (the first that does), or None."""
    out = np.full(len(xy_m), None, object)
    with np.errstate(invalid="ignore"):
        for area in reversed(areas):
            inside = (
                (xy_m[:, 0] >= area.x_m[0])
                & (xy_m[:, 0] <= area.x_m[1])
                & (xy_m[:, 1] >= area.y_m[0])
                & (xy_m[:, 1] <= area.y_m[1])
            )
            out[inside] = area.name
    return out


# -- truth in place of a stage --------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """True noses and heads of the students found; S students, T times.

    time_s : (T,). P_W : (S, T, 3). R_WS : (S, T, 3, 3); NaN for students without a truth.
    """

    time_s: Array
    P_W: Array
    R_WS: Array

    @classmethod
    def of(cls, table: pd.DataFrame, students: Students) -> Truth:
        """Each student found gets the truth of the nearest seat (at most half a metre away)."""
        time_s = np.unique(table["time_s"].to_numpy(np.float64))
        S, T = len(students), len(time_s)
        P, R = np.full((S, T, 3), np.nan), np.full((S, T, 3, 3), np.nan)
        groups = list(table.groupby("student", observed=True))
        nose, head = ["nose_x_m", "nose_y_m", "nose_z_m"], [f"head_q{a}" for a in "wxyz"]
        seats = np.array([g[nose].median().to_numpy() for _, g in groups])
        for k in range(S):
            away = np.linalg.norm(seats - students.seat_W[k], axis=1)
            if not np.nanmin(away, initial=np.inf) < 0.5:
                continue
            part = groups[int(np.nanargmin(away))][1]
            at = np.searchsorted(time_s, part["time_s"].to_numpy(np.float64))
            P[k, at] = part[nose].to_numpy(np.float64)
            R[k, at] = Rotation.from_quat(
                part[head].to_numpy(np.float64), scalar_first=True
            ).as_matrix()
        return cls(time_s, P, R)

    def _between(self, grid: Grid, when: Moments) -> tuple[Array, Array]:
        """True P_W (N, 3) and R_WS (N, 3, 3) at the grid's times, interpolated."""
        P = np.full((len(grid.student), 3), np.nan)
        R = np.full((len(grid.student), 3, 3), np.nan)
        t = when.time_s[grid.moment]
        for k in np.unique(grid.student):
            have = np.isfinite(self.P_W[k]).all(1)
            if have.sum() < 2:
                continue
            times = self.time_s[have]
            mine = np.flatnonzero(grid.student == k)
            at = np.clip(t[mine], times[0], times[-1])
            P[mine] = np.column_stack(
                [np.interp(at, times, self.P_W[k, have, i]) for i in range(3)]
            )
            R[mine] = Slerp(times, Rotation.from_matrix(self.R_WS[k, have]))(at).as_matrix()
        return P, R

    def noses(self, positions: Positions, grid: Grid, when: Moments) -> Positions:
        """The true noses wherever one was measured (certain to a millimetre)."""
        P, _ = self._between(grid, when)
        use: NDArray[np.bool_] = np.asarray(
            np.isfinite(P).all(1) & np.isfinite(positions.P_W).all(1)
        )
        return replace(
            positions,
            P_W=np.where(use[:, None], P, positions.P_W),
            covariance_m2=np.where(use[:, None, None], 1e-6 * np.eye(3), positions.covariance_m2),
        )

    def heads(self, heads: FusedHeads, grid: Grid, when: Moments) -> FusedHeads:
        """The true heads wherever one was measured (certain to a twentieth of a degree)."""
        _, R = self._between(grid, when)
        use: NDArray[np.bool_] = np.asarray(
            np.isfinite(R).all((1, 2)) & np.isfinite(heads.R_WS).all((1, 2))
        )
        sure = np.radians(0.05) ** 2 * np.eye(3)
        return replace(
            heads,
            R_WS=np.where(use[:, None, None], R, heads.R_WS),
            covariance_rad2=np.where(use[:, None, None], sure, heads.covariance_rad2),
            share=np.where(use[:, None], 0.0, heads.share),
            contradiction=heads.contradiction & ~use,
        )


# -- the other tables -----------------------------------------------------------------------------


def faces_table(
    rows: FaceRows, rows_track: NDArray[np.int32], students: Students, when: Moments
) -> pd.DataFrame:
    """faces.parquet."""
    faces, moment = rows.faces, rows.faces.moment
    names = np.array([*students.name, None], dtype=object)
    frame = np.where(faces.camera == 0, when.frame_left[moment], when.frame_right[moment])
    return pd.DataFrame(
        {
            "row": np.arange(len(rows)),
            "camera": np.array(CAMERAS, dtype=object)[faces.camera],
            "frame": frame,
            "time_s": when.time_s[moment],
            **{n: faces.box_px[:, k] for k, n in enumerate(("x0_px", "y0_px", "x1_px", "y1_px"))},
            "score": faces.score,
            "nose_u_px": rows.landmarks.nose_px[:, 0],
            "nose_v_px": rows.landmarks.nose_px[:, 1],
            "nose_sigma_px": rows.landmarks.nose_sigma_px,
            "track": rows_track,
            "student": names[students.student],
        }
    )


def with_absent(
    table: pd.DataFrame, session: Session, students: Students, when: Moments
) -> pd.DataFrame:
    """Rows for students of session.toml whom nobody saw: ``no_face``, or ``masked``."""
    missing = [s for s in session.config.students if s.id not in students.name]
    parts = [table] if len(table) else []
    for s in missing:
        part = pd.DataFrame(
            {
                "time_s": when.time_s,
                "frame_left": when.frame_left,
                "frame_right": when.frame_right,
                "student": s.id,
                "status": "masked" if s.opt_out else "no_face",
                "cameras": 0,
                "row_left": -1,
                "row_right": -1,
            }
        )
        parts.append(part.reindex(columns=_no_gaze().columns))
    if not parts:
        return table
    return pd.concat(parts, ignore_index=True).sort_values(
        "time_s", kind="stable", ignore_index=True
    )


def _no_gaze() -> pd.DataFrame:
    from sessions.tables import GAZE

    return pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in GAZE})


def _write_report(run: Run, report: Progress) -> None:
    """Heatmaps and report.html."""
    from gaze.report import write_report
    from gaze.report.heatmap import write_heatmaps

    report("report", 0.0)
    write_heatmaps(run.folder)
    report("report", 0.3)
    write_report(run.folder)
    report("report", 1.0)
