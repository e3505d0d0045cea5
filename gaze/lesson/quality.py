"""``quality.json``: what a run's numbers rest on, and what was left out and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from calibration.transform import Array
from sessions.tables import rows_of

SMALL_FACE_PX = 20.0
LOW_COVERAGE = 0.8
EPIPOLAR_WARNING_PX = 4.0


def students_table(gaze: pd.DataFrame, row_of: dict[str, int]) -> pd.DataFrame:
    """students.parquet from the gaze table; row_of : student → row of seats (0 = not known)."""
    records = []
    for student, part in gaze.groupby("student", observed=True, sort=False):
        measured = part[part["nose_x_m"].notna() & part["head_qw"].notna()]
        points = part[part["gaze_x_m"].notna()]
        on_board = points["status"].isin(["ok", "one_camera", "low_confidence"]).sum()
        sigma = np.sqrt((points["gaze_xx_m2"] + points["gaze_yy_m2"]) / 2)
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
                "board_share": on_board / len(measured) if len(measured) else np.nan,
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


def epipolar_over_time(gaze: pd.DataFrame, bin_s: float = 60.0) -> list[dict[str, float]]:
    """Median reprojection residual for each minute: it rises where a camera was knocked."""
    both = gaze[gaze["epipolar_px"].notna()]
    if both.empty:
        return []
    minute = np.floor(both["time_s"] / bin_s).astype(int)
    return [
        {
            "start_s": float(k * bin_s),
            "median_px": float(part["epipolar_px"].median()),
            "n": len(part),
        }
        for k, part in both.groupby(minute)
    ]


def quality_report(
    gaze: pd.DataFrame,
    students: pd.DataFrame,
    *,
    clock: dict[str, Any],
    frames: dict[str, Any],
    identity: dict[str, Any],
    rig: dict[str, Any],
    rig_sigma_m: Array,
    fusion_chi2: Array,
    drift: dict[str, Any] | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Everything that quality.json holds.

    rig_sigma_m : (N,) the rig's own, systematic share of each gaze point's σ.
    fusion_chi2 : (N,) squared distance between the cameras' heads, 3 degrees of freedom.
    """
    placed = students[students["row"] > 0]
    listed = students[students["moments"] > 0]
    chi2 = fusion_chi2[np.isfinite(fusion_chi2)]
    sigma = np.sqrt((gaze["gaze_xx_m2"] + gaze["gaze_yy_m2"]) / 2)
    epipolar = epipolar_over_time(gaze)
    report: dict[str, Any] = {
        "coverage": float(listed["coverage"].mean()) if len(listed) else None,
        "rows": rows_of(placed),
        "seats": students[["student", "row", "coverage", "face_px_median", "sigma_median_m"]]
        .astype(object)
        .where(students.notna(), None)
        .to_dict("records"),
        "status_counts": {str(k): int(v) for k, v in gaze["status"].value_counts().items()},
        "epipolar_px": {
            "median": _median(gaze["epipolar_px"].to_numpy(np.float64)),
            "over_time": epipolar,
        },
        "clock": clock,
        "frames": frames,
        "identity": identity,
        "rig": rig,
        "sigma_m": {
            "median": _median(sigma.to_numpy(np.float64)),
            "median_rig_share": _median(rig_sigma_m),
        },
        "head_fusion": {
            "chi2_mean": float(chi2.mean()) if len(chi2) else None,
            "chi2_expected": 3.0,
            "n": len(chi2),
        },
        "drift": drift,
        "seconds": {k: round(v, 3) for k, v in seconds.items()},
    }
    report["warnings"] = _warnings(report)
    return report


def _median(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _warnings(q: dict[str, Any]) -> list[str]:
    """Plain sentences for people."""
    out = []
    if not q["seats"]:
        out.append(
            "No face was found in either video: is the class in the picture, and the light on?"
        )
    for row in q["rows"]:
        where = f"Row {row['row']} (about {row['distance_m']:.1f} m)"
        if row["coverage"] < LOW_COVERAGE:
            out.append(
                f"{where}: faces were measured in {100 * row['coverage']:.0f} % of the time."
            )
        if row["face_px"] < SMALL_FACE_PX:
            out.append(
                f"{where}: faces are {row['face_px']:.0f} px high; its points may be off by "
                f"{100 * row['sigma_m']:.0f} cm. Read them as left or right only."
            )
    median = q["epipolar_px"]["median"]
    if median is not None and median > EPIPOLAR_WARNING_PX:
        out.append(
            f"The two cameras' noses miss each other by {median:.1f} px: the rig or the clock may "
            "be wrong. Calibrate again, and check the offset."
        )
    if q["clock"].get("source") == "assumed":
        out.append("The clocks of the two videos were assumed to agree; nothing confirmed it.")
    out += [c["message"] for c in q["clock"].get("causes", [])]
    if q["frames"]["moments"] and q["frames"]["without_right"] > 0.02 * q["frames"]["moments"]:
        out.append(
            f"{q['frames']['without_right']} of {q['frames']['moments']} moments have no frame of "
            "the right camera near enough."
        )
    for event in (q["drift"] or {}).get("events", ()):
        out.append(
            f"At {event['time_s']:.0f} s a camera seems to have been knocked (by about "
            f"{event['size']:.1f} px): calibrate again for what follows."
        )
    chi2 = q["head_fusion"]["chi2_mean"]
    if chi2 is not None and q["head_fusion"]["n"] > 50 and chi2 > 9:
        out.append(
            "The two cameras disagree about head directions more than their uncertainties allow."
        )
    return out
