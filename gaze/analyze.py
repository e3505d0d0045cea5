"""The pipeline: from two videos to tables, heatmaps and the report.

    Session ─ frame pairs ─► faces, nose tips, heads ─► tracks ─► students ─► positions
            ─► fused heads ─► gaze points ─► tables ─► report

:func:`analyze` is the story; each line of it is a module to read on in. The part that needs pixels
(gaze/faces/look.py) runs chunk by chunk and leaves one small file for each in the run folder; an
interrupted run goes on after the last of them (gaze/lesson/resume.py). What follows works on light
arrays of the whole lesson: who is who is decided from all moments together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.errors import DiskFullError, UserError
from calibration.files import NO_ROOM
from calibration.progress import Progress, no_progress
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.detectors import load_detector
from gaze.faces.half import half_hidden, known_to_both
from gaze.faces.heads import HeadPoseModel
from gaze.faces.look import Looker, Stopwatch
from gaze.faces.mask import opted_out_seats
from gaze.faces.rows import FaceRows
from gaze.gain.agreed import agreement_of, corrected
from gaze.gain.model import Gain
from gaze.lesson import refusals
from gaze.lesson.caveats import unseen_seats_caveat, with_folder_caveats
from gaze.lesson.film import Film, open_film
from gaze.lesson.heads_clock import checked_by_heads, with_clock_spread
from gaze.lesson.points import Seats, cameras_agreement, grid_of, measure
from gaze.lesson.quality import Evidence, quality_report, students_table
from gaze.lesson.resume import look_at_lesson, open_run, refuse_taken
from gaze.lesson.rig_watch import watch_rig
from gaze.lesson.room_sigma import independent_of, refuse_other_weights
from gaze.lesson.settings import AnalyzeSettings
from gaze.lesson.status import unmatched_here
from gaze.lesson.tables import faces_table, gaze_columns, no_rows, teacher_table, with_absent
from gaze.lesson.truth import truth_of
from gaze.measures.measures import board_shares, step_of
from gaze.people.costs import uses_embeddings
from gaze.people.evidence import Sightings
from gaze.people.identify import identify
from gaze.people.seat_changes import renamed, seating
from gaze.people.seats import Students
from gaze.people.tracks import tracks_of
from gaze.room.grid import Grid
from gaze.room.rig_spread import RigCells
from gaze.room.scale import Scale
from sessions.errors import SessionError
from sessions.events.marks import moves, read_marks
from sessions.folder import Session
from sessions.lock import lesson_lock
from sessions.quality import Agreement, Caveat, Quality
from sessions.run import Run, run_folder, sha256
from sessions.tables import write_table

BLOCK = 20_000  # student-moments worked on at once after the pixels


def analyze(
    session: Session | str | Path,
    settings: AnalyzeSettings | None = None,
    *,
    run_name: str | None = None,
    resume: bool = True,
    overwrite: bool = False,
    gain: Gain | None = None,
    model: HeadPoseModel | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Analyse a lesson.

    Parameters
    ----------
    session : the session folder. settings : how (:class:`AnalyzeSettings`).
    run_name : name (or path) of the run folder; None: the time. resume : go on with an unfinished
        run of the same settings. overwrite : a finished run of that name is replaced, once the new
        one is whole.
    gain : a head-to-gaze correction; never applied unasked. model : a head-pose model in place of
        ``settings.weights`` (tests).
    progress : called with a stage's name and the share of it that is done.

    Returns the finished run.

    Raises
    ------
    UserError : one of its kinds, for everything that the user can mend.
    """
    session = session if isinstance(session, Session) else Session.open(session)
    settings = settings or AnalyzeSettings()
    refusals.impossible_options(settings)
    refusals.shared_seats(session)
    refusals.unknown_moves(session)  # the report needs them after hours of pixels
    folder = None if run_name is None else run_folder(run_name, session.folder)
    if folder is not None:
        refuse_taken(folder, overwrite=overwrite)
    with lesson_lock(session.folder):
        return _analyze(
            session, settings, folder, resume, overwrite, gain=gain, model=model, progress=progress
        )


def _analyze(
    session: Session,
    settings: AnalyzeSettings,
    folder: Path | None,
    resume: bool,
    overwrite: bool,
    *,
    gain: Gain | None,
    model: HeadPoseModel | None,
    progress: Progress,
) -> Run:
    """:func:`analyze`, of a lesson that nobody else works on; ``folder`` is that of a named run."""
    # What there is: a rig, two videos on one clock, the moments to look at.
    rig = refusals.usable_rig(session, force=settings.force)
    film = open_film(session, rig, settings, progress)
    rig = film.rig  # fitted to the videos' size

    # The models, and a run of these settings: an unfinished one to go on with, or a new one.
    model = model if model is not None else load_model(settings.weights, settings.precision)
    masked = opted_out_seats(session)
    looker = Looker(rig, load_detector(settings.detector), model, settings.landmarks, masked)
    inputs = inputs_of(session, film, looker)
    refuse_other_weights(settings.sigma, inputs)
    asked = settings.model_dump(mode="json")
    run = open_run(session, asked, folder, inputs=inputs, resume=resume, overwrite=overwrite)
    lap = Stopwatch(looker.seconds).lap

    # Pixels: faces, nose tips, heads. A face is a row, and keeps its number to the end.
    parts, film = look_at_lesson(run, looker, film, progress)
    lap("pixels")
    seconds, scans, mosaics = looker.seconds, looker.finder.scans, looker.finder.mosaics
    del looker, model  # the networks' memory is what the numbers need in a long lesson
    rows = FaceRows.load(parts)

    # Who is who: tracks in each camera, then the same student in both, over the whole lesson.
    progress("who is who", 0.0)
    tracks = tracks_of(rows.faces, film.when.time_s)
    R_WS = rows.heads_in_world(rig)
    seen = Sightings.of(rows, tracks, R_WS)
    students = who_is_who(session, settings, rig, film, rows, seen, progress)
    # The clock again, by the students' heads; pictures are paired anew where it was wrong.
    film, rows, paired_anew = checked_by_heads(film, rows, R_WS, students)
    if paired_anew:
        tracks = tracks_of(rows.faces, film.when.time_s)
        R_WS = rows.heads_in_world(rig)
        seen = Sightings.of(rows, tracks, R_WS)
        students = who_is_who(session, settings, rig, film, rows, seen, progress)
    rows = with_clock_spread(film, rows, tracks)
    progress("who is who", 1.0)
    lap("identity")

    # Where they sit, where their heads point, and where that meets the blackboard.
    drift = watch_rig(rig, seen, students, film.when)
    gaze, students = gaze_of_lesson(
        session, settings, rig, film, rows, R_WS, students, gain, progress
    )
    gaze, agreed = with_agreement(session, settings, gaze, gain)
    lap("gaze")

    # Tables, and what they rest on.
    if session.config.teacher is not None and session.config.teacher.keep_track:
        time_s = film.when.time_s
        places = teacher_table(rig, seen, students, time_s, step_of(time_s))
        write_table(places, run.teacher_path, "teacher")
    del seen, R_WS  # a tenth of a gigabyte of a long lesson, of which nothing below asks
    on_board = board_shares(gaze.table, session.config.blackboard)
    summary = students_table(gaze.table, students.rows, on_board)
    write_table(faces_table(rows, tracks, students, film.when), run.faces_path, "faces")
    write_table(gaze.table, run.gaze_path, "gaze")
    write_table(summary, run.students_path, "students")
    lap("tables")
    evidence = Evidence(
        film, rig, settings.force, rows, tracks, students, drift,
        gaze.student, gaze.rig_sigma_m, gaze.chi2, gaze.cameras, agreed,
    )  # fmt: skip
    quality = quality_report(gaze.table, summary, evidence, seconds)
    quality = with_folder_caveats(quality, session, summary)
    if gaze.unseen_seats:
        quality = quality.with_first(unseen_seats_caveat(gaze.unseen_seats))
    quality.write(run.quality_path)
    run.update(
        seconds=seconds,
        scans=scans,
        mosaics=mosaics,
        gain=None if gain is None else gain.stamp(),
    )
    # The report reads the run. What that was made of is half a gigabyte in a long lesson.
    del rows, tracks, students, gaze, summary, evidence
    problem = problem_of_report(run, quality, progress)
    # Only now is it done: a Ctrl-C in the report, too, leaves a run that goes on.
    return run.finish(report_problem=problem)


# -- the steps that are a few lines each ----------------------------------------------------------


def load_model(weights: str, precision: str = "fast") -> HeadPoseModel:
    """The head-pose network of a weights name or file, as fast as ``precision`` allows.

    Raises
    ------
    SessionError : there are no such weights, or they are damaged.
    """
    from headpose.errors import WeightsError
    from headpose.estimator import HeadPoseEstimator

    try:
        return HeadPoseEstimator.load(weights, "fast" if precision == "fast" else "auto")
    except WeightsError as error:
        raise SessionError(f"the head-pose weights cannot be used: {error}") from error


def inputs_of(session: Session, film: Film, looker: Looker) -> dict[str, Any]:
    """What a run was made from; an unfinished one of other inputs is not gone on with."""
    weights = getattr(looker.model, "weights", None)
    runtime = getattr(looker.model, "runtime", None)
    return {
        "rig_sha256": sha256(session.rig_path),
        "videos": film.fingerprint,
        "weights_sha256": getattr(weights, "sha256", None),
        "runtime": getattr(runtime, "name", None),
        "covered_sha256": getattr(weights, "covered_sha256", None),
        "masked_seats": [] if looker.masked_seats is None else looker.masked_seats.tolist(),
    }


def who_is_who(
    session: Session,
    settings: AnalyzeSettings,
    rig: Rig,
    film: Film,
    rows: FaceRows,
    seen: Sightings,
    progress: Progress,
) -> Students:
    """The same student in both cameras, by geometry (and face embeddings, if asked for).

    Raises
    ------
    SessionError : the two videos are each other's.
    """
    embeddings = None
    if uses_embeddings(settings.identity):
        from gaze.people.embeddings import track_embeddings  # in memory only; dlib is heavy

        embeddings = track_embeddings(
            rows, seen.track, film.when, (film.left, film.right), progress
        )
    named = [s for s in session.config.students if not s.opt_out]
    students = identify(
        rig,
        seen,
        identity=settings.identity,
        names=[s.id for s in named],
        seats_xz_m=np.array([s.seat_m or (np.nan, np.nan) for s in named]).reshape(-1, 2),
        embeddings=embeddings,
        step_s=step_of(film.when.time_s),
        teacher_xz_m=None if (t := session.config.teacher) is None else t.seat_m,
    )
    refusals.swapped_videos(rig, seen, students)
    return students


@dataclass(frozen=True)
class LessonGaze:
    """The gaze table, and by its student-moments (N,) the rig's own share of σ in metres and the
    squared distance of the two cameras' heads in σ (3 degrees of freedom). cameras : how far these
    lie apart in the whole lesson. unseen_seats : changes of seat to where nobody was ever seen."""

    table: pd.DataFrame
    student: NDArray[np.int64]
    rig_sigma_m: Array
    chi2: Array
    cameras: Scale | None = None
    unseen_seats: int = 0


def gaze_of_lesson(
    session: Session,
    settings: AnalyzeSettings,
    rig: Rig,
    film: Film,
    rows: FaceRows,
    R_WS: Array,
    students: Students,
    gain: Gain | None,
    progress: Progress,
) -> tuple[LessonGaze, Students]:
    """Noses, fused heads and gaze points of every student at every moment, block by block; and the
    students by name, who may have changed seats. R_WS : (N, 3, 3) the rows' heads."""
    hidden = half_hidden(rows, students.student, len(students))
    rows = known_to_both(rows, students.student, hidden)
    seats = Seats.of(rig, rows, students, session.config.students)
    truth = truth_of(session, settings, students, film.when)
    grid = grid_of(rows, students, len(film.when))
    nobodys: NDArray[np.bool_] = unmatched_here(rows, students, grid)
    cameras = cameras_agreement(rows, R_WS, grid, hidden.max(1) > 0)
    tables, chi2, rig_sigma_m = [no_rows("gaze")], [np.zeros(0)], [np.zeros(0)]
    rig_cells = RigCells(rig)
    for k, block in enumerate(grid.blocks(BLOCK)):
        progress("gaze points", k * BLOCK / len(grid))
        found = measure(
            rig, rows, R_WS, students, seats, block,
            half_hidden=hidden.max(1) > 0, truth=truth, gain=gain,
            independent=independent_of(cameras),
            sigma_factor=1.0 if settings.sigma is None else settings.sigma.factor,
            rig_cells=rig_cells,
        )  # fmt: skip
        here = nobodys[k * BLOCK :][:BLOCK]
        board = session.config.blackboard
        tables.append(gaze_columns(found, rows, students, film.when, board, here, film.unseen))
        chi2.append(found.heads.chi2)
        rig_sigma_m.append(found.rig_sigma_m)
    progress("gaze points", 1.0)
    table = pd.concat(tables[1:] or tables, ignore_index=True)
    del tables  # once is enough
    found_of = LessonGaze(
        table, grid.student, np.concatenate(rig_sigma_m), np.concatenate(chi2), cameras
    )
    found_of, students = with_seat_changes(session, film, rows, grid, found_of, students)
    table = with_absent(found_of.table, session.config.students, students, film.when, film.unseen)
    return replace(found_of, table=table), students


def with_seat_changes(
    session: Session, film: Film, rows: FaceRows, grid: Grid, gaze: LessonGaze, students: Students
) -> tuple[LessonGaze, Students]:
    """The same by who sits at each place when, as events.csv says."""
    if not session.events_path.exists() or not len(students):
        return gaze, students
    changes = moves(read_marks(session.events_path), "seat")
    if not changes:
        return gaze, students
    seats = seating(students, changes, film.when.time_s)
    who = seats.at[grid.student, grid.moment]
    there = np.unique(who[(grid.row >= 0).any(1)])  # of an emptied place only if somebody came
    keep = np.isin(who, there) | np.isin(who, [k for k, n in enumerate(seats.names)
                                               if n in students.name])  # fmt: skip
    table = gaze.table.assign(student=np.array(seats.names, dtype=object)[who])[keep]
    students = renamed(students, seats, rows.faces.moment)
    return (
        LessonGaze(
            table.reset_index(drop=True),
            who[keep],
            gaze.rig_sigma_m[keep],
            gaze.chi2[keep],
            gaze.cameras,
            seats.unseen,
        ),
        students,
    )


def with_agreement(
    session: Session, settings: AnalyzeSettings, gaze: LessonGaze, gain: Gain | None
) -> tuple[LessonGaze, Agreement]:
    """What the class's agreement says of the students' constant errors; the points without them,
    where that is asked for."""
    if gain is not None or settings.head == "truth":
        return gaze, Agreement(why="a gain was applied" if gain else "true heads have no error")
    board = session.config.blackboard
    found = agreement_of(gaze.table, board).model_copy(update={"applied": settings.agreement})
    if settings.agreement:
        gaze = replace(gaze, table=corrected(gaze.table, found, board))
    return gaze, found


def problem_of_report(run: Run, quality: Quality, progress: Progress) -> str | None:
    """Makes heatmaps and report; where that fails, a sentence of why. The tables stay whole.

    Raises
    ------
    DiskFullError : the same command goes on.
    """
    try:
        heatmaps_and_report(run, progress)
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in NO_ROOM
        if full or isinstance(error, DiskFullError):
            raise
        why = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        problem = (
            f"The tables are whole, but the report could not be made: {why.rstrip('.')}. "
            "`gaze report` on this run tries again."
        )
        quality.with_first(Caveat(code="no_report", message=problem)).write(run.quality_path)
        return problem
    return None


def heatmaps_and_report(run: Run, report: Progress) -> None:
    """heatmaps/ and report.html of a finished run."""
    from gaze.report import write_report
    from gaze.report.heatmap import heatmaps, write_heatmaps
    from gaze.report.lesson import load_lesson

    report("report", 0.0)
    lesson = load_lesson(run.folder)
    maps = heatmaps(lesson)  # for the pictures and for the report alike
    write_heatmaps(run.folder, lesson=lesson, maps=maps)
    report("report", 0.3)
    write_report(run.folder, maps=maps)
    report("report", 1.0)
