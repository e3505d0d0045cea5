"""The columns of every table: name, type, unit and meaning; one definition for all readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sessions.errors import RunError
from sessions.run import atomic_write, write_json

# A row has one of these; only the first four have a gaze point.
STATUSES = {
    "ok": "seen by both cameras, gaze point on the blackboard",
    "one_camera": "seen by one camera; depth from the seat, wider uncertainty",
    "off_board": "the blackboard's plane is met outside the blackboard",
    "low_confidence": "a gaze point, but its uncertainty is too large to read more than left/right",
    "away": "turned out of the blackboard's half-space or along its plane (under 5°), or too "
    "unsure to lie on it: no gaze point exists",
    "no_face": "no face was found for this student at this moment",
    "undecoded": "not seen, and a picture of this moment is missing: damaged in the file, or never "
    "recorded; nothing is known",
    "unmatched": "a face that could not be given to a student with certainty",
    "masked": "the student's seat opted out and was masked before detection",
}
WITH_POINT = ("ok", "one_camera", "off_board", "low_confidence")


def gaze_covariance_m2(gaze: pd.DataFrame) -> NDArray[np.float64]:
    """Covariances (N, 2, 2) of a gaze table's points on the blackboard, m²; NaN without a point."""
    columns = ["gaze_xx_m2", "gaze_xy_m2", "gaze_xy_m2", "gaze_yy_m2"]
    flat: NDArray[np.float64] = gaze[columns].to_numpy(np.float64)
    return flat.reshape(-1, 2, 2)


def gaze_sigma_m(gaze: pd.DataFrame) -> pd.Series[float]:
    """A point's σ along one axis of the blackboard, the two axes' mean in squares, m."""
    return np.sqrt((gaze["gaze_xx_m2"] + gaze["gaze_yy_m2"]) / 2)


@dataclass(frozen=True)
class Column:
    """One column: its pandas/arrow type, unit (``""`` = none) and meaning."""

    name: str
    dtype: str
    unit: str
    meaning: str


def _columns(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*r) for r in rows)


# fmt: off
GAZE = _columns(
    ("time_s", "float64", "s", "moment on the lesson's one clock (the left camera's)"),
    ("frame_left", "int32", "", "frame number in the left video; -1 = none"),
    ("frame_right", "int32", "", "frame number in the right video; -1 = none"),
    ("student", "category", "", "pseudonym"),
    ("status", "category", "", "; ".join(f"{k}: {v}" for k, v in STATUSES.items())),
    ("gaze_x_m", "float64", "m", "gaze point on the blackboard plane, x_W (left from its upper right corner)"),
    ("gaze_y_m", "float64", "m", "gaze point, y_W (down)"),
    ("gaze_xx_m2", "float64", "m²", "covariance of the gaze point"),
    ("gaze_xy_m2", "float64", "m²", "covariance of the gaze point"),
    ("gaze_yy_m2", "float64", "m²", "covariance of the gaze point"),
    ("head_x_m", "float64", "m", "where the head points on the blackboard plane, x_W, before any head-to-gaze gain"),
    ("head_y_m", "float64", "m", "where the head points, y_W, before any gain"),
    ("nose_x_m", "float64", "m", "tip of the nose P_W, x"),
    ("nose_y_m", "float64", "m", "tip of the nose P_W, y"),
    ("nose_z_m", "float64", "m", "tip of the nose P_W, z (distance to the blackboard's plane)"),
    ("nose_x_sigma_m", "float64", "m", "standard deviation of nose_x_m"),
    ("nose_y_sigma_m", "float64", "m", "standard deviation of nose_y_m"),
    ("nose_z_sigma_m", "float64", "m", "standard deviation of nose_z_m"),
    ("head_qw", "float64", "", "R_WS as a unit quaternion, scalar first"),
    ("head_qx", "float64", "", "R_WS quaternion"),
    ("head_qy", "float64", "", "R_WS quaternion"),
    ("head_qz", "float64", "", "R_WS quaternion"),
    ("head_yaw_deg", "float64", "°", "head relative to facing the blackboard squarely; > 0: towards the right edge of the blackboard (−x_W)"),
    ("head_pitch_deg", "float64", "°", "> 0: up"),
    ("head_roll_deg", "float64", "°", "> 0: clockwise for somebody who stands at the blackboard"),
    ("head_yaw_sigma_deg", "float64", "°", "standard deviation"),
    ("head_pitch_sigma_deg", "float64", "°", "standard deviation"),
    ("head_roll_sigma_deg", "float64", "°", "standard deviation"),
    ("area", "category", "", "the blackboard area that holds the gaze point, if any"),
    ("cameras", "int8", "", "how many cameras saw the face: 0, 1 or 2"),
    ("covered", "float32", "", "probability that a part of the face is hidden (mask, hand, book, hair, somebody in front), by the camera that sees more of it; the covariances are the wider for it; NaN = not known"),
    ("face_px_left", "float32", "px", "height of the face in the left picture; NaN = not seen"),
    ("face_px_right", "float32", "px", "height of the face in the right picture; NaN = not seen"),
    ("epipolar_px", "float32", "px", "reprojection residual of the triangulated nose tip, rms over both pictures"),
    ("row_left", "int32", "", "row of faces.parquet; -1 = none"),
    ("row_right", "int32", "", "row of faces.parquet; -1 = none"),
)

FACES = _columns(
    ("row", "int32", "", "row number, the same from detection to report"),
    ("camera", "category", "", "left or right"),
    ("frame", "int32", "", "frame number in that camera's video"),
    ("time_s", "float64", "s", "on the lesson's one clock"),
    ("x0_px", "float32", "px", "face box"),
    ("y0_px", "float32", "px", "face box"),
    ("x1_px", "float32", "px", "face box"),
    ("y1_px", "float32", "px", "face box"),
    ("score", "float32", "", "detector's score, 0 to 1"),
    ("nose_u_px", "float32", "px", "tip of the nose (landmark 30) in the picture"),
    ("nose_v_px", "float32", "px", "tip of the nose in the picture"),
    ("nose_sigma_px", "float32", "px", "standard deviation of the nose tip, per axis"),
    ("track", "int32", "", "track within the camera; -1 = none"),
    ("student", "category", "", "pseudonym; empty = not given to anybody"),
)

STUDENTS = _columns(
    ("student", "str", "", "pseudonym"),
    ("row", "int32", "", "row of seats, 1 = nearest to the blackboard"),
    ("seat_x_m", "float64", "m", "median place of the nose tip, x_W"),
    ("seat_y_m", "float64", "m", "median place of the nose tip, y_W"),
    ("seat_z_m", "float64", "m", "median place of the nose tip, z_W"),
    ("moments", "int64", "", "analysed moments"),
    ("coverage", "float64", "", "share of the moments in which a face was measured"),
    ("board_share", "float64", "", "share of measured time facing the blackboard, freed from the blur of the measurement"),
    ("face_px_median", "float64", "px", "median face height over both cameras"),
    ("sigma_median_m", "float64", "m", "median standard deviation of the gaze point (rms of both axes)"),
)

TEACHER = _columns(
    ("time_s", "float64", "s", "moment on the lesson's one clock at which both cameras saw the teacher"),
    ("nose_x_m", "float64", "m", "tip of the teacher's nose, x_W"),
    ("nose_y_m", "float64", "m", "tip of the teacher's nose, y_W"),
    ("nose_z_m", "float64", "m", "tip of the teacher's nose, z_W"),
)

# fmt: on

TABLES = {"gaze": GAZE, "faces": FACES, "students": STUDENTS, "teacher": TEACHER}
LATER = ("covered",)  # columns that runs of older versions lack; they read as not known


def dictionary(table: str) -> dict[str, dict[str, str]]:
    """The data dictionary of a table, BIDS style: column → Description, Units."""
    return {
        c.name: {"Description": c.meaning, **({"Units": c.unit} if c.unit else {})}
        for c in TABLES[table]
    }


def conform(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame with exactly the table's columns, order and types.

    Raises ``ValueError`` on a missing or an unknown column: tables are made by us, so that is a bug.
    """
    want = {c.name: c for c in TABLES[table]}
    if set(frame.columns) != set(want):
        raise ValueError(
            f"table {table}: missing {sorted(set(want) - set(frame.columns))}, "
            f"unknown {sorted(set(frame.columns) - set(want))}"
        )
    return pd.DataFrame({n: frame[n].astype(c.dtype) for n, c in want.items()})


def write_table(frame: pd.DataFrame, path: str | Path, table: str) -> None:
    """Parquet with the dictionary beside it (``NAME.json``); both written aside and renamed."""
    path = Path(path)
    arrow = pa.Table.from_pandas(conform(frame, table), preserve_index=False)
    with atomic_write(path) as aside:
        pq.write_table(arrow, aside, compression="zstd")
    write_json(path.with_suffix(".json"), dictionary(table))


def read_table(path: str | Path, table: str) -> pd.DataFrame:
    """Read a table and check its columns.

    Raises
    ------
    RunError : missing, unreadable, or with other columns than this version writes.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError("the run lacks a table", where=path, remedy="Run `gaze analyze` again.")
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise RunError("the table cannot be read", where=path, found=str(error)[:120]) from error
    columns = [c.name for c in TABLES[table]]
    frame = frame.assign(**{n: np.nan for n in LATER if n in columns and n not in frame.columns})
    missing = [n for n in columns if n not in frame.columns]
    if missing:
        raise RunError(
            "the table was made by another version",
            where=path,
            found=f"no column {', '.join(missing[:5])}",
            remedy="Run `gaze analyze` again.",
        )
    return frame


def rows_of(students: pd.DataFrame) -> list[dict[str, Any]]:
    """What students.parquet says of each row of seats, for quality.json."""
    return [
        {
            "row": int(row),
            "students": len(part),
            "distance_m": float(part["seat_z_m"].median()),
            "face_px": float(part["face_px_median"].median()),
            "coverage": float(part["coverage"].mean()),
            "sigma_m": float(part["sigma_median_m"].median()),
        }
        for row, part in students.groupby("row")
    ]
