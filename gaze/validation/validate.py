"""How far off? Errors by row against marked points and, on simulated lessons, the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.progress import Progress, no_progress
from calibration.rig import Rig
from calibration.transform import Array, geodesic_deg
from gaze.analyze import analyze
from gaze.lesson.settings import AnalyzeSettings
from gaze.lesson.truth import read_truth
from gaze.room.geometry import inside_ellipse
from gaze.room.scale import scale_of_sigma
from gaze.validation.figure import draw_validation
from sessions.errors import SessionError
from sessions.folder import Session
from sessions.lock import lesson_lock
from sessions.run import Run, run_folder, sha256
from sessions.tables import WITH_POINT, gaze_covariance_m2, read_table
from sessions.targets import read_targets, unknown_students
from sessions.validation import (
    Errors,
    MiddleSeen,
    RoomShift,
    RowErrors,
    SigmaFactor,
    Spread,
    Validation,
)

#: What all heads of a class may be off together, 1 σ, across and down: the network's zero.
HEADS_ZERO_DEG = (0.5, 1.0)
#: A student's own lasting error is at least so large, however well a few of them happen to agree.
OWN_LEAST_DEG = 1.0
#: … and what one look at one mark adds.
EACH_LEAST_DEG = 0.3
#: The share of a turn that eyes do instead of the head, 1 σ of what all students have in common.
EYES_SHARE = 0.3
SAME_NOSE_M = 0.03  # σ of a nose's place is taken to be at least this when asking whose it is


def marked_points(gaze: pd.DataFrame, targets: pd.DataFrame) -> tuple[Array, NDArray[np.int64]]:
    """For each row of the gaze table the marked point looked at, (N, 2) x_W, y_W (NaN: none).

    Second result: the line of ``targets`` that says so, −1 where there is none.
    """
    time = gaze["time_s"].to_numpy()
    student = gaze["student"].astype(str).to_numpy()
    line = np.full(len(gaze), -1)
    for i, t in enumerate(targets.itertuples(index=False)):
        when = (time >= t.start_s) & (time <= t.end_s)
        line[when & ((student == t.student) if t.student else True)] = i
    xy = targets[["x_m", "y_m"]].to_numpy(np.float64)
    return np.where((line >= 0)[:, None], xy[line], np.nan), line


def validate_lesson(
    session: Session,
    *,
    run: str | Path | None = None,
    head: str = "network",
    nose: str = "video",
    fps: float | None = None,
    weights: str | None = None,
    progress: Progress = no_progress,
) -> Validation:
    """Compare a run with targets.csv (and truth/ where there is one).

    run : a finished run, by its name or path; None: the newest one of these settings, or a new one.
    fps, weights : None: whatever the newest run had, or `gaze analyze`'s own.
    head, nose : ``truth`` replaces that stage's output with the simulated lesson's truth, so that
    the error budget can be read off.

    Raises
    ------
    SessionError : no targets.csv, or no truth although it is asked for.
    """
    folder = None if run is None else run_folder(run, session.folder)
    targets = read_targets(session.targets_path)
    if head not in ("network", "truth") or nose not in ("video", "truth"):
        raise SessionError(
            "unknown source", found=f"head {head}, nose {nose}", expected="network/video or truth"
        )
    truth = read_truth(session)
    if truth is None and "truth" in (head, nose):
        raise SessionError(
            "there is no truth to feed",
            where=session.truth_folder,
            remedy="--head truth and --nose truth are for lessons of `gaze simulate`.",
        )
    if folder is not None:
        done = Run.open(folder)
    else:
        asked = {"head": head, "nose": nose, "fps": fps, "weights": weights}
        done = _find_or_make(session, {k: v for k, v in asked.items() if v is not None}, progress)
    with lesson_lock(session.folder):
        return _validate(session, done, targets, truth, head, nose)


def _validate(
    session: Session,
    done: Run,
    targets: pd.DataFrame,
    truth: pd.DataFrame | None,
    head: str,
    nose: str,
) -> Validation:
    """:func:`validate_lesson` of a finished run."""
    gaze = read_table(done.gaze_path, "gaze")
    students = read_table(done.students_path, "students").set_index("student")
    result = compare(gaze, students, targets, truth)
    result["room"] = _seen_by_cameras(result["room"], session, done)
    if result["sigma"] is not None:
        result["sigma"] = result["sigma"].model_copy(
            update={
                "source": f"{session.config.title}, {done.folder.name}",
                "weights_sha256": done.info().inputs.get("weights_sha256"),
            }
        )
    figure = None
    if head == "network" and nose == "video":
        _, line = marked_points(gaze, targets)
        figure = draw_validation(
            gaze, line, students, targets, session.config.blackboard, done.folder / "validation.svg"
        )
    known = {s.id for s in session.config.students} | set(students.index.astype(str))
    strangers = tuple(unknown_students(targets, known))
    validation = Validation(
        **result,
        run=done.folder,
        figure=figure,
        head=head,
        nose=nose,
        unknown_students=strangers,
    )
    if figure is not None:
        validation.write(done.folder / "validation.json")
    return validation


def _seen_by_cameras(room: RoomShift | None, session: Session, done: Run) -> RoomShift | None:
    """With where the class sees the blackboard's middle, if the run's own rig is still there."""
    info, path = done.info(), session.rig_path
    if room is None or info.gain is not None or not path.is_file():
        return room
    if info.inputs.get("rig_sha256") != sha256(path):
        return room
    board = session.config.blackboard
    x, y = board.width_m / 2, board.height_m / 2
    shown_W = np.array([x + room.shift_cm[0] / 100, y + room.shift_cm[1] / 100, 0.0])
    rig = Rig.load(path)
    p_L = rig.T_WC("left").inverse().apply(shown_W)
    middle = MiddleSeen(at_m=(x, y), there_L_m=p_L.tolist(), right_L_m=rig.T_LR.t.tolist())
    return room.model_copy(update={"middle": middle})


def _find_or_make(session: Session, asked: dict[str, Any], progress: Progress) -> Run:
    """The newest finished run made with the settings asked for, or a new one."""
    for folder in reversed(session.run_folders()):
        info = Run(folder).info()
        same = all(info.settings.get(k) == v for k, v in asked.items())
        if info.state == "done" and same and not info.gain:
            return Run.open(folder)
    return analyze(session, AnalyzeSettings.of(**asked), progress=progress)


def compare(
    gaze: pd.DataFrame,
    students: pd.DataFrame,
    targets: pd.DataFrame,
    truth: pd.DataFrame | None,
) -> dict[str, Any]:
    """The numbers of :class:`Validation`, from tables alone."""
    marked, line = marked_points(gaze, targets)
    at_mark = line >= 0
    status = gaze["status"].astype(str).to_numpy()
    has_point = np.isin(status, WITH_POINT)
    xy = gaze[["gaze_x_m", "gaze_y_m"]].to_numpy(np.float64)
    offset = np.where(at_mark[:, None], xy - marked, np.nan)
    covariance = gaze_covariance_m2(gaze)
    used = at_mark & has_point & np.isfinite(offset).all(1)
    row_of = gaze["student"].astype(str).map(students["row"]).fillna(0).to_numpy(np.int64)
    nose_cm, head_deg, switches = _against_truth(gaze, truth)

    def errors(part: NDArray[np.bool_]) -> Errors | None:
        part = part & used
        if not part.any():
            return None
        distance = Spread.of(100 * np.linalg.norm(offset[part], axis=1))
        assert distance is not None
        bias = 100 * offset[part].mean(0)
        return Errors(
            n=int(part.sum()),
            nose_cm=Spread.of(nose_cm[part]),
            head_deg=Spread.of(head_deg[part]),
            gaze_cm=distance,
            gaze_bias_cm=(float(bias[0]), float(bias[1])),
        )

    rows = []
    for row in sorted(set(row_of[row_of > 0])):
        found = errors(row_of == row)
        if found is not None:
            distance_m = float(students.loc[students["row"] == row, "seat_z_m"].median())
            rows.append(RowErrors(row=int(row), distance_m=distance_m, **dict(found)))
    overall = errors(np.ones(len(gaze), bool))
    if overall is None:
        raise SessionError(
            "no gaze point falls into the time of a marked point",
            found=f"{at_mark.sum()} moments at marks, {has_point.sum()} gaze points",
            remedy="Are the times of targets.csv on the left camera's clock?",
        )
    inside = inside_ellipse(offset[used], covariance[used], 0.68)
    student = gaze["student"].astype(str).astype("category").cat.codes.to_numpy(np.int64)
    return {
        "overall": overall,
        "rows": tuple(rows),
        "coverage": float(has_point[at_mark].mean()),
        "identity_switches": switches,
        "inside_68": float(inside.mean()),
        "room": room_shift(
            offset[used],
            marked[used],
            gaze[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)[used],
            student[used],
        ),
        "sigma": sigma_factor(offset[used], covariance[used], student[used], line[used]),
    }


def room_shift(
    offset_m: Array, marked_m: Array, nose_m: Array, student: NDArray[np.int64]
) -> RoomShift | None:
    """What looks at marked points say of the room, as one more measurement of it, with its σ.

    A room that is wrong moves the points of all rows alike; heads that are off by an angle move
    them in proportion to the distance, and eyes that do a share of a turn in proportion to how far
    aside the mark is. Per axis the mean offset of a student at a mark is ``s + z d + e aside +
    own``: ``z`` has the heads' zero for a prior, ``e`` the eyes' share, ``own`` is the student's,
    grows with the distance and is of its own size.

    Parameters
    ----------
    offset_m : (N, 2) gaze point − marked point. marked_m : (N, 2) of W. nose_m : (N, 3) of W.
    student : (N,) whose.
    """
    pairs, look = np.unique(np.column_stack([student, marked_m]), axis=0, return_inverse=True)
    count = np.bincount(look)

    def mean(v: Array) -> Array:
        return np.asarray(np.bincount(look, v) / count)

    who = np.unique(pairs[:, 0], return_inverse=True)[1]
    looks = np.bincount(who)
    if len(looks) < 4:
        return None
    d = mean(nose_m[:, 2])
    shift, sigma = [], []
    for axis, zero_deg in enumerate(HEADS_ZERO_DEG):
        angle = mean(offset_m[:, axis]) / d
        aside = mean(marked_m[:, axis] - nose_m[:, axis])
        A = np.stack([1 / d, np.ones_like(d), aside / d], 1)  # of angles: a student's error is one
        left = angle - A @ np.linalg.lstsq(A, angle, rcond=None)[0]
        mine = np.bincount(who, left) / looks
        own = max(float(np.sqrt((mine**2).sum() / (len(looks) - 2))), np.radians(OWN_LEAST_DEG))
        rest, free = left - mine[who], max(len(left) - len(looks), 1)
        each = max(float(np.sqrt((rest**2).sum() / free)), np.radians(EACH_LEAST_DEG))
        # what a student's looks have in common is taken off in part, as its variance asks
        part = 1 - each / np.sqrt(each**2 + looks * own**2)

        def apart(v: Array, part: Array = part, each: float = each) -> Array:
            return np.asarray((v - (part * np.bincount(who, v) / looks)[who]) / each)

        white = np.stack([apart(column) for column in A.T], 1)
        prior = np.diag([0, np.radians(zero_deg) ** -2, EYES_SHARE**-2])
        C = np.linalg.inv(white.T @ white + prior)
        shift.append(float(100 * (C @ white.T @ apart(angle))[0]))
        sigma.append(float(100 * np.sqrt(C[0, 0])))
    return RoomShift(
        shift_cm=(shift[0], shift[1]), sigma_cm=(sigma[0], sigma[1]), students=len(looks)
    )


def sigma_factor(
    offset_m: Array,
    covariance_m2: Array,
    student: NDArray[np.int64],
    mark: NDArray[np.int64],
    *,
    seed: int = 0,
) -> SigmaFactor | None:
    """What looks at marked points say of the stated σ; None with fewer than four students.

    Each look counts once, however long; the factor brings 68 % of the points into their 68 %
    ellipse, so that a few who looked elsewhere hardly count. A student's error lasts, so that the
    interval is a bootstrap over students.

    Parameters
    ----------
    offset_m : (N, 2) gaze point − marked point. covariance_m2 : (N, 2, 2) its own. student, mark :
        (N,) whose, and which line of targets.csv. seed : of the bootstrap.
    """
    in_sigmas2 = np.einsum(
        "ni,ni->n", offset_m, np.linalg.solve(covariance_m2, offset_m[..., None])[..., 0]
    )
    pairs, look = np.unique(np.column_stack([student, mark]), axis=0, return_inverse=True)
    found = scale_of_sigma(
        in_sigmas2, student, 1 / np.bincount(look)[look], share=0.68, dof=2, seed=seed
    )
    return found and SigmaFactor(**found._asdict(), looks=len(pairs))


def _against_truth(
    gaze: pd.DataFrame, truth: pd.DataFrame | None
) -> tuple[Array, Array, int | None]:
    """Nose error (cm), head error (°) for each row, and the number of identity switches.

    The truth of a row is that of the student whose true nose is nearest at that moment in units of
    the row's own σ (one camera alone knows a nose's depth far worse than its place beside the ray),
    so that a wrong name is counted as a switch and not hidden in the errors.
    """
    missing = np.full(len(gaze), np.nan)
    if truth is None or truth.empty:
        return missing, missing.copy(), None
    times = np.unique(truth["time_s"].to_numpy())
    at = np.clip(np.searchsorted(times, gaze["time_s"].to_numpy()), 1, len(times) - 1)
    time = gaze["time_s"].to_numpy()
    nearest = np.where(np.abs(times[at - 1] - time) < np.abs(times[at] - time), at - 1, at)
    names = np.unique(truth["student"].astype(str).to_numpy())
    shape = (len(times), len(names))
    ti = np.searchsorted(times, truth["time_s"].to_numpy())
    si = np.searchsorted(names, truth["student"].astype(str).to_numpy())
    P_W = np.full((*shape, 3), np.nan)
    P_W[ti, si] = truth[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)
    quaternion = np.full((*shape, 4), np.nan)
    quaternion[ti, si] = truth[["head_qw", "head_qx", "head_qy", "head_qz"]].to_numpy(np.float64)

    nose = gaze[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)
    head = gaze[["head_qw", "head_qx", "head_qy", "head_qz"]].to_numpy(np.float64)
    measured = np.isfinite(nose).all(1) & np.isfinite(head).all(1)
    sigma = gaze[["nose_x_sigma_m", "nose_y_sigma_m", "nose_z_sigma_m"]].to_numpy(np.float64)
    sigma = np.fmax(sigma, SAME_NOSE_M)
    who = np.zeros(len(gaze), np.int64)
    nose_cm = missing.copy()
    for block in np.array_split(np.arange(len(gaze)), max(1, len(gaze) // 50_000)):
        offset = nose[block, None] - P_W[nearest[block]]  # (rows, students, 3)
        in_sigmas = np.linalg.norm(offset / sigma[block, None], axis=2)
        who[block] = np.where(np.isfinite(in_sigmas), in_sigmas, np.inf).argmin(1)
        off_m = np.linalg.norm(offset[np.arange(len(block)), who[block]], axis=1)
        nose_cm[block] = np.where(measured[block], 100 * off_m, np.nan)
    head_deg = missing.copy()
    true_q = quaternion[nearest, who]
    ok = measured & np.isfinite(true_q).all(1)
    if ok.any():
        got = Rotation.from_quat(head[ok], scalar_first=True).as_matrix()
        want = Rotation.from_quat(true_q[ok], scalar_first=True).as_matrix()
        head_deg[ok] = geodesic_deg(got, want)
    switches = 0
    frame = pd.DataFrame({"student": gaze["student"].astype(str), "who": who})[ok]
    for _, part in frame.groupby("student"):
        switches += int((np.diff(part["who"].to_numpy()) != 0).sum())
    return nose_cm, head_deg, switches
