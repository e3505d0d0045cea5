"""BIDS 1.11 eye tracking: gaze in the world, in metres, one recording for each student.

``sub-<label>/beh/sub-<label>_task-lesson_recording-eye1_physio.tsv.gz`` without a header, its JSON
with ``PhysioType: eyetrack`` and ``RecordedEye: cyclopean``; visits and the teacher's marks as
``_physioevents``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import gaze as package
from gaze.exports.common import ExportError, Source, column, harmless, register, write_gz
from sessions.run import atomic_write, write_json
from sessions.tables import GAZE, STATUSES

VERSION = "1.11.1"
TASK = "lesson"
EXTRA = (
    "gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2", "nose_x_m", "nose_y_m", "nose_z_m",
    "head_yaw_deg", "head_pitch_deg", "head_roll_deg",
)  # fmt: skip
UNITS = {"m²": "m^2", "°": "degree"}
README = """# {title}

Where students' heads pointed on the blackboard's plane, measured with two cameras by
classroom-gaze {version}. Coordinates are metres on the blackboard: x from its upper RIGHT corner
leftwards (as the class sees it), y downwards. They are where heads pointed, not where eyes rested.
Subjects are pseudonyms of one lesson.
"""


def _label(name: str) -> str:
    """A BIDS label: letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", name)


@register("bids", folder=True)
def write_bids(source: Source, out: Path) -> list[Path]:
    """A BIDS data set in a folder."""
    lesson = source.lesson
    labels = {s: _label(s) for s in lesson.students}
    # folders of them must not meet on a disk that takes capitals for small letters either
    if len({v.casefold() for v in labels.values()}) < len(labels) or not all(labels.values()):
        raise ExportError(
            "two pseudonyms are the same once only letters (large or small) and digits are left",
            found=", ".join(f"{k} → {v or 'nothing'}" for k, v in labels.items())[:200],
            remedy="Export with salted pseudonyms.",
        )
    out.mkdir(parents=True, exist_ok=True)
    written = [
        _json(out / "dataset_description.json", {
            "Name": f"{lesson.config.title}: head-derived gaze on the blackboard",
            "BIDSVersion": VERSION, "DatasetType": "raw", "License": "n/a",
            "GeneratedBy": [{"Name": "classroom-gaze", "Version": package.__version__}],
        }),
        _text(out / "README.md", README.format(title=lesson.config.title,
                                               version=package.__version__)),
        *_participants(source, labels, out),
    ]  # fmt: skip
    for name, label in labels.items():
        mine = lesson.gaze[lesson.gaze["student"] == name]
        folder = out / f"sub-{label}" / "beh"
        stem = f"sub-{label}_task-{TASK}_recording-eye1"
        written += _recording(source, mine, folder / f"{stem}_physio.tsv.gz")
        written += _events(source, name, folder / f"{stem}_physioevents.tsv.gz")
    return written


def _json(path: Path, value: dict[str, Any]) -> Path:
    write_json(path, value)
    return path


def _text(path: Path, text: str) -> Path:
    with atomic_write(path) as aside:
        aside.write_text(text, encoding="utf-8")
    return path


def _participants(source: Source, labels: dict[str, str], out: Path) -> list[Path]:
    table = source.lesson.table.assign(
        student=source.lesson.table["student"].astype(str)
    ).drop_duplicates("student").set_index("student")  # fmt: skip
    rows = [
        (
            f"sub-{label}",
            table["row"].get(name, np.nan) if "coverage" in table else np.nan,
            table["coverage"].get(name, np.nan) if "coverage" in table else np.nan,
        )
        for name, label in labels.items()
    ]
    frame = pd.DataFrame(rows, columns=["participant_id", "row", "coverage"])
    path = out / "participants.tsv"
    with atomic_write(path) as aside:
        harmless(frame).to_csv(aside, sep="\t", index=False, na_rep="n/a", lineterminator="\n",
                               float_format="%.6g")  # fmt: skip
    return [path, _json(out / "participants.json", {
        "participant_id": column("pseudonym of this lesson"),
        "row": column("row of seats, 1 = nearest to the board"),
        "coverage": column("share of the analysed moments in which a face was measured"),
    })]  # fmt: skip


def _recording(source: Source, mine: pd.DataFrame, path: Path) -> list[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    meaning = {c.name: c for c in GAZE}
    frame = pd.DataFrame({
        "timestamp": mine["time_s"], "x_coordinate": mine["gaze_x_m"],
        "y_coordinate": mine["gaze_y_m"], **{c: mine[c] for c in EXTRA},
        "status": mine["status"].astype(str),
    })  # fmt: skip
    sidecar: dict[str, Any] = {
        "PhysioType": "eyetrack",
        "Columns": list(frame.columns),
        "SamplingFrequency": round(1 / source.lesson.step_s, 6),
        "StartTime": float(mine["time_s"].iloc[0]) if len(mine) else 0.0,
        "RecordedEye": "cyclopean",
        "SampleCoordinateSystem": "gaze-in-world",
        "EyeTrackingMethod": "other: head-pose ray met with the board plane",
        "Manufacturer": "classroom-gaze",
        "SoftwareVersions": package.__version__,
        "TaskName": TASK,
        "timestamp": column("moment on the lesson's one clock", "s"),
        "x_coordinate": column("on the board's plane, from its upper right corner leftwards", "m"),
        "y_coordinate": column("on the board's plane, from its upper edge downwards", "m"),
        "status": column("what this row is", Levels=STATUSES),
    }
    for c in EXTRA:
        unit = meaning[c].unit
        sidecar[c] = column(meaning[c].meaning, UNITS.get(unit, unit))
    checked = source.lesson.validation
    if checked is not None and checked.overall.head_deg is not None:
        sidecar["AverageCalibrationError"] = checked.overall.head_deg.mean
    beside = path.with_name(path.name.replace(".tsv.gz", ".json"))
    return [write_gz(frame, path), _json(beside, sidecar)]


def _events(source: Source, name: str, path: Path) -> list[Path]:
    visits = source.measures.visits
    rows = [
        (v.start_s, v.duration_s, "visit", v.area)
        for v in visits[visits["student"] == name].itertuples()
    ]
    rows += [
        (a.time_s, (a.end_s or a.time_s) - a.time_s, "mark", a.label) for a in source.lesson.marks
    ]
    rows.sort(key=lambda r: (r[0], r[2]))
    columns = ["onset", "duration", "trial_type", "message"]
    frame = pd.DataFrame(rows, columns=columns)
    sidecar = {
        "Columns": columns,
        "Description": "Visits (ISO 15007 glances) and the teacher's marks",
        "OnsetSource": "timestamp",
        "TaskName": TASK,
        "onset": column("beginning", "s"),
        "duration": column("length; 0 = a moment", "s"),
        "trial_type": column("kind", Levels={
            "visit": "gaze kept within an area",
            "mark": "a moment or a phase that the teacher marked",
        }),
        "message": column("the area visited, or the mark's label"),
    }  # fmt: skip
    beside = path.with_name(path.name.replace(".tsv.gz", ".json"))
    return [write_gz(frame, path), _json(beside, sidecar)]
