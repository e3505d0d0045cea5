"""The pipeline: from two videos to tables, heatmaps and the report.

    Session ─ frame pairs ─► faces, nose tips, heads ─► tracks ─► students ─► positions
            ─► fused heads ─► gaze points ─► tables ─► report

:func:`analyze` is the story; each line of it is a module to read on in. The part that needs pixels
(gaze/faces/look.py) runs chunk by chunk and leaves one small file for each in the run folder; an
interrupted run goes on after the last of them (gaze/lesson/resume.py). What follows works on light
arrays of the whole lesson: who is who is decided from all moments together.
"""

from __future__ import annotations

import datetime as dt
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.errors import UserError
from calibration.rig import Rig
from gaze.faces.finder import CAMERAS, load_detector
from gaze.faces.heads import HeadPoseModel
from gaze.faces.look import FaceRows, Looker, Stopwatch, opted_out_seats
from gaze.lesson import refusals
from gaze.lesson.clock import judged_times, lesson_clock
from gaze.lesson.quality import quality_report, students_table
from gaze.lesson.resume import look_at_lesson, open_run, refuse_taken
from gaze.lesson.rig_watch import watch_rig
from gaze.lesson.status import unmatched_here
from gaze.lesson.tables import faces_table, gaze_columns, no_gaze, with_absent
from gaze.lesson.truth import Truth
from gaze.people import identify as who
from gaze.people.identify import UNMATCHED, Sightings, Students, identify
from gaze.people.tracks import track
from gaze.room.points import Grid, Seats, measure
from sessions.clock.motion import Clock
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.run import Progress, Run, run_folder, sha256, write_json
from sessions.tables import write_table
from sessions.video import Moments, VideoInfo, moments, probe

if TYPE_CHECKING:
    from gaze.gain.fit import Gain

BLOCK = 20_000  # student-moments worked on at once after the pixels


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
    overwrite: bool = False,
    progress: Progress | None = None,
    gain: Gain | None = None,
    force: bool = False,
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
    run_name : name (or path) of the run folder. resume : go on with an unfinished run of the same
        settings. overwrite : replace a run of that name, once the new one is whole.
    progress : called with a stage's name and the share of it that is done.
    gain : a head-to-gaze correction; never applied unasked.
    force : use a rig whose verdict is FAIL.
    model : a head-pose model in place of ``weights`` (tests).

    Returns the finished run.

    Raises
    ------
    UserError : one of its kinds, for everything that the user can mend.
    """
    session = session if isinstance(session, Session) else Session.open(session)
    report = progress or (lambda stage, share: None)
    refusals.impossible_options(fps, start_s, stop_s, identity)
    folder = None if run_name is None else run_folder(run_name, session.folder)
    if folder is not None:
        refuse_taken(folder, overwrite=overwrite)

    # What there is: a rig, two videos on one clock, the moments to look at.
    rig = refusals.usable_rig(session, force=force)
    left, right = probe(session.video("left")), probe(session.video("right"))
    refusals.other_size_than_calibrated(rig, left, right)
    left, right, clock, said_of_clock = lesson_clock(session, left, right, report)
    when = moments_of(session, left, right, clock, fps, start_s, stop_s)

    # The models, and a run of these settings: an unfinished one to go on with, or a new one.
    model = model if model is not None else load_model(weights)
    masked = opted_out_seats(session)
    looker = Looker(rig, load_detector(detector), model, landmarks, masked)
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
        "force": force,
        "rig_sha256": sha256(session.rig_path),
        "videos": {
            n: [v.frames, v.path.stat().st_size] for n, v in (("left", left), ("right", right))
        },
        "weights_sha256": getattr(getattr(model, "weights", None), "sha256", None),
        "masked_seats": masked.tolist(),
    }
    run = open_run(session, settings, folder, resume=resume, overwrite=overwrite)
    seconds = looker.seconds
    stopwatch = Stopwatch(seconds)

    # Pixels: faces, nose tips, heads. A face is a row, and keeps its number to the end.
    rows = look_at_lesson(run, looker, left, right, when, report)
    stopwatch.lap("pixels")

    # Who is who: tracks in each camera, then the same student in both, over the whole lesson.
    report("who is who", 0.0)
    track_of_row = tracks_of(rows, when)
    seen = sightings_of(rig, rows, track_of_row)
    embeddings = None
    if who.uses_embeddings(identity):
        from gaze.people.embeddings import track_embeddings  # in memory only; dlib is heavy

        embeddings = track_embeddings(rows, track_of_row, when, left, right, report)
    named = [s for s in session.config.students if not s.opt_out]
    students = identify(
        rig,
        seen,
        identity=identity,
        names=[s.id for s in named],
        seats_xz_m=np.array([s.seat_m or (np.nan, np.nan) for s in named]).reshape(-1, 2),
        embeddings=embeddings,
    )
    refusals.swapped_videos(rig, seen, students)
    report("who is who", 1.0)
    stopwatch.lap("identity")

    # Where they sit, where their heads point, and where that meets the blackboard.
    drift = watch_rig(rig, seen, students, when)
    seats = Seats.of(rig, rows, students, session.config.students)
    R_WS = rows.heads_in_world(rig)
    true_noses = None if nose_truth is None else Truth.of(nose_truth, students, when)
    true_heads = None if head_truth is None else Truth.of(head_truth, students, when)
    grid = Grid.of(rows, students, len(when))
    nobodys = unmatched_here(rows, students, grid)
    tables, chi2, rig_sigma_m = [no_gaze()], [np.zeros(0)], [np.zeros(0)]
    for k, block in enumerate(grid.blocks(BLOCK)):
        report("gaze points", k * BLOCK / len(grid))
        found = measure(
            rig, rows, R_WS, students, seats, block,
            nose_truth=true_noses, head_truth=true_heads, gain=gain,
        )  # fmt: skip
        tables.append(
            gaze_columns(
                found, rows, students, when, session.config.blackboard, nobodys[k * BLOCK :][:BLOCK]
            )
        )
        chi2.append(found.heads.chi2)
        rig_sigma_m.append(found.rig_sigma_m)
    report("gaze points", 1.0)
    stopwatch.lap("gaze")

    # Tables, what they rest on, heatmaps and the report.
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    table = with_absent(table, session.config.students, students, when)
    summary = students_table(table, dict(zip(students.name, students.row.tolist(), strict=True)))
    write_table(faces_table(rows, track_of_row, students, when), run.faces_path, "faces")
    write_table(table, run.gaze_path, "gaze")
    write_table(summary, run.students_path, "students")
    stopwatch.lap("tables")
    quality = quality_report(
        table,
        summary,
        clock={**clock.to_dict(), **judged_times(left, right, said_of_clock)},
        frames=frame_counts(left, right, when),
        identity=identity_counts(rows, track_of_row, students),
        rig={"verdict": rig.verdict.to_dict(), "forced": force},
        rig_sigma_m=np.concatenate(rig_sigma_m),
        fusion_chi2=np.concatenate(chi2),
        drift=drift,
        seconds=seconds,
    )
    write_json(run.quality_path, quality)
    run.update(
        seconds=seconds,
        scans=looker.finder.scans,
        mosaics=looker.finder.mosaics,
        settings=settings,  # of this call: a resumed run may have got another gain
        gain=None if gain is None else gain.stamp(),
    )
    problem = problem_of_report(run, report)
    if problem is not None:
        write_json(run.quality_path, {**quality, "warnings": [problem, *quality["warnings"]]})
    # Only now is it done: a Ctrl-C in the report, too, leaves a run that goes on.
    finished = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    run.update(state="done", finished=finished, report_problem=problem)
    run = run.take_place()
    run.remove_parts()
    return run


# -- the steps that are a few lines each ----------------------------------------------------------


def moments_of(
    session: Session,
    left: VideoInfo,
    right: VideoInfo,
    clock: Clock,
    fps: float,
    start_s: float | None,
    stop_s: float | None,
) -> Moments:
    """The moments that both videos show, ``fps`` a second.

    Raises
    ------
    SessionError : there is none.
    """
    on_left_clock_s = clock.right_to_left(right.times_s)
    when = moments(left, right, on_left_clock_s, fps=fps, start_s=start_s, stop_s=stop_s)
    if len(when) == 0:
        raise SessionError(
            "there is nothing to analyse: the two videos share no moment between start and stop",
            where=session.folder,
            found=f"left {left.duration_s:.0f} s, right {right.duration_s:.0f} s, offset "
            f"{clock.offset_s:.2f} s",
            remedy="Check cameras.right.offset_s, --start and --stop.",
        )
    return when


def load_model(weights: str) -> HeadPoseModel:
    """The head-pose network of a weights name or file.

    Raises
    ------
    SessionError : there are no such weights, or they are damaged.
    """
    from headpose.errors import WeightsError
    from headpose.estimator import HeadPoseEstimator

    try:
        return HeadPoseEstimator.load(weights)
    except WeightsError as error:
        raise SessionError(f"the head-pose weights cannot be used: {error}") from error


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


def sightings_of(rig: Rig, rows: FaceRows, track_of_row: NDArray[np.int32]) -> Sightings:
    """What identity needs of the rows."""
    return Sightings(
        rows.faces.camera,
        rows.faces.moment,
        track_of_row,
        rows.landmarks.nose_px,
        rows.landmarks.nose_sigma_px,
        rows.faces.height_px,
        rows.heads_in_world(rig),
    )


def frame_counts(left: VideoInfo, right: VideoInfo, when: Moments) -> dict[str, Any]:
    """For quality.json: how many moments, and how many of them one camera has no frame of."""
    return {
        "moments": len(when),
        "without_left": int((when.frame_left < 0).sum()),
        "without_right": int((when.frame_right < 0).sum()),
        "fps_left": left.fps,
        "fps_right": right.fps,
    }


def identity_counts(
    rows: FaceRows, track_of_row: NDArray[np.int32], students: Students
) -> dict[str, Any]:
    """For quality.json: how the faces became students."""
    return {
        "faces": len(rows),
        "unmatched_faces": int((students.student == UNMATCHED).sum()),
        "tracks": {
            n: len(np.unique(track_of_row[rows.faces.camera == c])) for c, n in enumerate(CAMERAS)
        },
        "students": len(students),
        "one_camera_only": int(np.isnan(students.pair_cost).sum()),
        "pair_cost": dict(zip(students.name, students.pair_cost.tolist(), strict=True)),
    }


def problem_of_report(run: Run, report: Progress) -> str | None:
    """Makes heatmaps and report; where that fails, a sentence of why. The tables stay whole.

    Raises
    ------
    SessionError : the disk is full: the same command goes on.
    """
    try:
        heatmaps_and_report(run, report)
    except Exception as error:
        if any(
            isinstance(e, OSError) and e.errno == errno.ENOSPC for e in (error, error.__cause__)
        ):
            raise
        why = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return (
            f"The tables are whole, but the report could not be made: {why.rstrip('.')}. "
            "`gaze report` on this run tries again."
        )
    return None


def heatmaps_and_report(run: Run, report: Progress) -> None:
    """heatmaps/ and report.html of a finished run."""
    from gaze.report import write_report
    from gaze.report.heatmap import write_heatmaps

    report("report", 0.0)
    write_heatmaps(run.folder)
    report("report", 0.3)
    write_report(run.folder)
    report("report", 1.0)
