"""``quality.json``: what a run's numbers rest on, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.rows import FaceRows
from gaze.lesson.background import background_quality
from gaze.lesson.caveats import caveats
from gaze.lesson.film import Film
from gaze.lesson.room_sigma import independent_of
from gaze.people.evidence import UNMATCHED
from gaze.people.others import PASSER, PORTRAIT, TEACHER
from gaze.people.seats import Students
from gaze.room.scale import Scale
from sessions.quality import Agreement, EpipolarMinute, HeadFusion, Quality
from sessions.tables import gaze_sigma_m, rows_of

A_GAP_S = 2.0  # longer apart, two points say nothing of how fast a head turns
COVERED = 0.5  # probability above which a face counts as covered


def students_table(
    gaze: pd.DataFrame, row_of: Mapping[str, int], board_share: Mapping[str, float]
) -> pd.DataFrame:
    """students.parquet from the gaze table.

    row_of : student → row of seats (0 = not known). board_share : student → share of measured time
    facing the board, as the measures have it.
    """
    records = []
    for student, part in gaze.groupby("student", observed=True, sort=False):
        measured = part[part["nose_x_m"].notna() & part["head_qw"].notna()]
        points = part[part["gaze_x_m"].notna()]
        sigma = gaze_sigma_m(points)
        faces = part[["face_px_left", "face_px_right"]].to_numpy(np.float64)
        records.append(
            {
                "student": str(student),
                "row": row_of.get(str(student), 0),
                "seat_x_m": part["nose_x_m"].median(),
                "seat_y_m": part["nose_y_m"].median(),
                "seat_z_m": part["nose_z_m"].median(),
                "moments": len(part),
                "coverage": len(measured) / max(len(part), 1),
                "board_share": board_share.get(str(student), np.nan),
                "face_px_median": np.nanmedian(faces) if np.isfinite(faces).any() else np.nan,
                "sigma_median_m": sigma.median(),
            }
        )
    return pd.DataFrame.from_records(
        records,
        columns=[
            "student",
            "row",
            "seat_x_m",
            "seat_y_m",
            "seat_z_m",
            "moments",
            "coverage",
            "board_share",
            "face_px_median",
            "sigma_median_m",
        ],
    )


def epipolar_over_time(gaze: pd.DataFrame, bin_s: float = 60.0) -> tuple[EpipolarMinute, ...]:
    """Median reprojection residual for each minute: it rises where a camera was knocked."""
    both = gaze[gaze["epipolar_px"].notna()]
    minute = np.floor(both["time_s"] / bin_s).astype(int)
    return tuple(
        EpipolarMinute(
            start_s=float(k * bin_s), median_px=float(part["epipolar_px"].median()), n=len(part)
        )
        for k, part in both.groupby(minute)
    )


@dataclass(frozen=True)
class Evidence:
    """What a run's numbers rest on, as the analysis found it.

    forced : a rig whose verdict is FAIL was used. drift : whether a camera was knocked (None: too
    few noses to say). student : (N,) whose the N student-moments are that follow (index).
    rig_sigma_m : (N,) the rig's own, systematic share of each gaze point's σ.
    fusion_chi2 : (N,) squared distance between the two cameras' heads in σ, 3 degrees of freedom.
    agreement : what was found of the students' constant errors.
    """

    film: Film
    rig: Rig
    forced: bool
    rows: FaceRows
    tracks: NDArray[np.int32]
    students: Students
    drift: dict[str, Any] | None
    student: NDArray[np.int64]
    rig_sigma_m: Array
    fusion_chi2: Array
    cameras: Scale | None = None
    agreement: Agreement | None = None


def quality_report(
    gaze: pd.DataFrame, students: pd.DataFrame, found: Evidence, seconds: dict[str, float]
) -> Quality:
    """Everything that quality.json holds, and in words what lowers trust."""
    pair = found.rig.quality.pair
    report = Quality.model_validate(
        {
            "clock": found.film.clock_facts(),
            "frames": found.film.frame_facts(),
            "identity": identity_counts(found.rows, found.tracks, found.students),
            "rig": {
                "verdict": found.rig.verdict.to_dict(),
                "forced": found.forced,
                "rms_px": None if pair is None else pair.rms_px,
                "cameras": background_quality(found.film.changed),
            },
            "drift": found.drift,
            "head_fusion": _cameras(found.cameras),
            "agreement": found.agreement,
            "seconds": {k: round(v, 3) for k, v in seconds.items()},
        }
    )
    return with_tables(report, gaze, students, seat_facts(found))


def _cameras(apart: Scale | None) -> HeadFusion:
    """To two digits: a number of the whole class, which says nothing of anybody in it."""
    if apart is None:
        return HeadFusion(independent=1.0)
    low, high = apart.interval_95
    return HeadFusion(
        apart=round(apart.factor, 2),
        apart_95=(round(low, 2), round(high, 2)),
        independent=round(independent_of(apart), 2),
    )


def seat_facts(found: Evidence) -> dict[str, dict[str, Any]]:
    """What of each student the tables do not hold; the class's numbers are made from these alone,
    so that they can be made again without a student (`gaze forget`)."""
    facts = {}
    for k, name in enumerate(found.students.name):
        chi2 = found.fusion_chi2[found.student == k]
        chi2 = chi2[np.isfinite(chi2)]
        facts[name] = {
            "heads_chi2": float(chi2.mean()) if len(chi2) else None,
            "heads_n": len(chi2),
            "rig_sigma_m": _median(found.rig_sigma_m[found.student == k]),
        }
    return facts


def with_tables(
    q: Quality, gaze: pd.DataFrame, students: pd.DataFrame, facts: Mapping[str, dict[str, Any]]
) -> Quality:
    """The same with everything that follows from the tables and the students' own facts, and with
    what lowers trust. Not touched: clock, frames, identity, rig, drift, seconds."""
    placed = students[students["row"] > 0]
    listed = students[students["moments"] > 0]
    sigma = gaze_sigma_m(gaze)
    seats = students[["student", "row", "coverage", "face_px_median", "sigma_median_m"]]
    hidden = covered_faces(gaze, sigma)
    records = seats.astype(object).where(students.notna(), None).to_dict("records")
    own = [facts.get(str(seat["student"]), {}) for seat in records]
    heads_n = sum(f["heads_n"] for f in own if f)
    chi2_sum = sum(f["heads_n"] * f["heads_chi2"] for f in own if f and f["heads_n"])
    shares = np.array([f.get("rig_sigma_m") for f in own], np.float64)
    report = Quality.model_validate(
        {
            **q.model_dump(),
            "coverage": float(listed["coverage"].mean()) if len(listed) else None,
            "rows": rows_of(placed),
            "seats": [
                {**seat, **f, **hidden.get(str(seat["student"]), {})}
                for seat, f in zip(records, own, strict=True)
            ],
            "status_counts": {str(k): int(v) for k, v in gaze["status"].value_counts().items()},
            "epipolar_px": {
                "median": _median(gaze["epipolar_px"].to_numpy(np.float64)),
                "over_time": epipolar_over_time(gaze),
            },
            "sigma_m": {
                "median": _median(sigma.to_numpy(np.float64)),
                "median_rig_share": _median(shares),
            },
            "moves_m_s": points_move(gaze),
            "head_fusion": {
                **q.head_fusion.model_dump(),
                "chi2_mean": chi2_sum / heads_n if heads_n else None,
                "n": heads_n,
            },
            "warnings": (),
        }
    )
    return report.model_copy(update={"warnings": tuple(caveats(report))})


def points_move(gaze: pd.DataFrame) -> float | None:
    """How fast gaze points move, m/s, in the fastest tenth of the steps from moment to moment: what
    a second of the cameras' clocks may cost. None: no student has points in a row."""
    points = gaze.loc[gaze["gaze_x_m"].notna(), ["student", "time_s", "gaze_x_m", "gaze_y_m"]]
    step = points.groupby("student", observed=True)[["time_s", "gaze_x_m", "gaze_y_m"]].diff()
    step = step[(step["time_s"] > 0) & (step["time_s"] < A_GAP_S)]
    speed = np.hypot(step["gaze_x_m"], step["gaze_y_m"]) / step["time_s"]
    return float(speed.quantile(0.9)) if len(speed) else None


def covered_faces(gaze: pd.DataFrame, sigma_m: pd.Series) -> dict[str, dict[str, float | None]]:
    """For each student the share of the measured moments with a covered face (NaN: not known), and
    the median σ of their points."""
    known = gaze["covered"].notna()
    found: dict[str, dict[str, float | None]] = {}
    for name, part in gaze[known].groupby("student", observed=True):
        hidden = part["covered"] > COVERED
        found[str(name)] = {
            "covered": float(hidden.mean()),
            "covered_sigma_m": _median(sigma_m[hidden.index[hidden]].to_numpy(np.float64)),
        }
    return found


def identity_counts(
    rows: FaceRows, track_of_row: NDArray[np.int32], students: Students
) -> dict[str, Any]:
    """How the faces became students."""
    camera = rows.faces.camera
    moments = max(len(np.unique(rows.faces.moment)), 1)
    taught = np.unique(rows.faces.moment[students.role == TEACHER])
    cost = zip(students.name, students.pair_cost.tolist(), strict=True)
    return {
        "faces": len(rows),
        "unmatched_faces": int((students.student == UNMATCHED).sum()),
        "tracks": {n: len(np.unique(track_of_row[camera == c])) for c, n in enumerate(CAMERAS)},
        "students": len(students),
        "teacher_share": len(taught) / moments,
        "passers": _most_tracks(rows, track_of_row, students.role == PASSER),
        "portraits": _most_tracks(rows, track_of_row, students.role == PORTRAIT),
        "one_camera_only": int(np.isnan(students.pair_cost).sum()),
        "pair_cost": {name: None if np.isnan(value) else value for name, value in cost},
    }


def _most_tracks(rows: FaceRows, track_of_row: NDArray[np.int32], which: NDArray[np.bool_]) -> int:
    """How many tracks these rows are of, in the camera that has more."""
    camera = rows.faces.camera
    sides = (track_of_row[(camera == c) & which] for c in range(len(CAMERAS)))
    return max(len(np.unique(side)) for side in sides)


def _median(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
