"""The columns of gaze.parquet and faces.parquet, from arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.rows import FaceRows
from gaze.lesson.points import Measured
from gaze.lesson.status import statuses
from gaze.people.evidence import Sightings
from gaze.people.others import TEACHER, Person
from gaze.people.seats import Students
from gaze.room.fusion import angle_sigmas_deg
from gaze.room.geometry import head_angles_deg
from sessions.config import Blackboard, Student
from sessions.tables import TABLES, WITH_POINT
from sessions.video import Moments


def gaze_columns(
    found: Measured,
    rows: FaceRows,
    students: Students,
    when: Moments,
    board: Blackboard,
    nobodys: NDArray[np.bool_],
    unseen: NDArray[np.bool_],
) -> pd.DataFrame:
    """gaze.parquet's rows of a block of student-moments; ``nobodys`` (N,) as for ``statuses``.

    unseen : (M,) moments of which a camera's picture is missing.
    """
    grid, positions, heads, points = found.grid, found.positions, found.heads, found.points
    names = np.array(students.name, dtype=object)[grid.student]
    status = statuses(found, nobodys, unseen[grid.moment], board)
    shown = np.isin(status, WITH_POINT) & np.isfinite(points.xy_m).all(1)
    xy = np.where(shown[:, None], points.xy_m, np.nan)
    cov = np.where(shown[:, None, None], points.covariance_m2, np.nan)
    head_xy = np.where((status == "away")[:, None], np.nan, found.head_xy_m)
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
    # of the camera that sees more of the face; fmin passes over NaN
    covered = np.fmin.reduce(grid.of_rows(rows.heads.covered).max(-1), axis=1)
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
            "area": board.areas_of(xy),
            "cameras": positions.cameras,
            "covered": covered,
            "face_px_left": face_px[:, 0],
            "face_px_right": face_px[:, 1],
            "epipolar_px": positions.residual_px,
            "row_left": grid.row[:, 0],
            "row_right": grid.row[:, 1],
        }
    )


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


def teacher_table(
    rig: Rig, seen: Sightings, students: Students, time_s: Array, step_s: float
) -> pd.DataFrame:
    """teacher.parquet: where the teacher's nose was at the moments (T,) at which both cameras saw
    it. step_s : between two moments."""
    rows = np.flatnonzero(students.role == TEACHER)
    person = Person.of(rig, seen, rows, step_s) if len(rows) else None
    if person is None:
        return no_rows("teacher")
    places = {f"nose_{a}_m": person.P_W[:, k] for k, a in enumerate("xyz")}
    return pd.DataFrame({"time_s": time_s[person.moment], **places})


def with_absent(
    table: pd.DataFrame,
    listed: Sequence[Student],
    students: Students,
    when: Moments,
    unseen: NDArray[np.bool_],
) -> pd.DataFrame:
    """Rows for students of session.toml whom nobody saw: ``no_face``, ``undecoded`` or ``masked``.

    unseen : (M,) moments of which a camera's picture is missing.
    """
    parts = [table] if len(table) else []
    every = np.ones(len(when.time_s), np.bool_)
    for s in listed:
        if s.id not in students.name:
            parts.append(_not_seen(s.id, s.opt_out, when, unseen, every))
    whole = len(table) == len(students.name) * len(when.time_s)
    for name in () if whole else students.name:  # who changed seats may have had none for a while
        there = np.isin(when.time_s, table.loc[table["student"] == name, "time_s"])
        if not there.all():
            parts.append(_not_seen(name, False, when, unseen, ~there))
    if not parts:
        return table
    return pd.concat(parts, ignore_index=True).sort_values(
        "time_s", kind="stable", ignore_index=True
    )


def _not_seen(
    student: str,
    opt_out: bool,
    when: Moments,
    unseen: NDArray[np.bool_],
    which: NDArray[np.bool_],
) -> pd.DataFrame:
    """Rows of a student at moments (M,) at which nobody saw him."""
    part = pd.DataFrame(
        {
            "time_s": when.time_s,
            "frame_left": when.frame_left,
            "frame_right": when.frame_right,
            "student": student,
            "status": "masked" if opt_out else np.where(unseen, "undecoded", "no_face"),
            "cameras": 0,
            "row_left": -1,
            "row_right": -1,
        }
    )
    return part[which].reindex(columns=no_rows("gaze").columns)


def no_rows(table: str) -> pd.DataFrame:
    """A table without a row."""
    return pd.DataFrame({c.name: pd.Series(dtype=c.dtype) for c in TABLES[table]})
