"""A run's tables, quality.json and run.json without one of its students."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from calibration.camera import CAMERAS
from calibration.rig import Rig
from gaze.gain.agreed import agreement_of, corrected, uncorrected
from gaze.lesson.caveats import with_folder_caveats
from gaze.lesson.quality import with_tables
from gaze.lesson.rig_watch import watch_noses
from gaze.lesson.room_sigma import sigma_in
from gaze.measures.measures import board_shares
from gaze.privacy.named import UNREADABLE, unless_of_the_system
from gaze.privacy.other_files import any_table
from gaze.privacy.work import Work, apply_rule, nobodys
from sessions.config import load_config
from sessions.folder import Session
from sessions.quality import Drift, IdentityCounts, Quality
from sessions.run import Run, RunInfo, sha256, write_json
from sessions.tables import gaze_sigma_m, read_table, write_table

HEADS = ("heads_chi2", "heads_n", "rig_sigma_m")  # what quality.json alone knows of a student
# What of quality.json is of the film and the room; all else follows from people.
OF_THE_FILM = {"version", "clock", "frames", "rig", "seconds"}
FROM_PEOPLE = {
    "coverage", "rows", "seats", "status_counts", "epipolar_px", "identity", "sigma_m",
    "moves_m_s", "head_fusion", "drift", "agreement", "warnings",
}  # fmt: skip


def run_tables(work: Work, run: Run) -> None:
    """gaze, faces and students without the student's rows. Faces of the same tracks go, too, and
    rows and tracks are numbered anew: a gap would say when the student was seen."""
    paths = (run.gaze_path, run.faces_path, run.students_path)
    if any(p.is_symlink() for p in paths):
        return
    try:
        faces, number = _faces(work, run)
        gaze = read_table(run.gaze_path, "gaze") if run.gaze_path.is_file() else None
        if gaze is not None:
            gaze = _agreed_again(work, run, gaze)
            for column in ("row_left", "row_right"):
                gaze[column] = gaze[column].map(number).fillna(-1).astype("int32")
            _write(work, run.gaze_path, "gaze", gaze)
        if faces is not None:
            _write(work, run.faces_path, "faces", faces)
        if run.students_path.is_file():
            students = read_table(run.students_path, "students")
            students = students[work.others(students["student"])]
            if gaze is not None:  # how a point is read depends on where the class looked
                board = load_config(work.folder).blackboard
                students["board_share"] = students["student"].map(board_shares(gaze, board))
                by_student = gaze_sigma_m(gaze).groupby(gaze["student"].astype(str)).median()
                students["sigma_median_m"] = students["student"].map(by_student)
            _write(work, run.students_path, "students", students)
    except UNREADABLE as error:  # another version's, or damaged: row by row, whatever it is
        unless_of_the_system(error)
        for path in paths:
            if path not in work.done:
                apply_rule(work, path, any_table)
        work.lost(run.folder, f"its tables are not read any more ({error})")


def _agreed_again(work: Work, run: Run, gaze: pd.DataFrame) -> pd.DataFrame:
    """The others' rows; where constant errors were taken off, those that the class without the
    student proves."""
    old = Quality.read(run.quality_path).agreement
    mine = ~work.others(gaze["student"])
    if old is None or not old.fitted:
        return gaze[~mine]
    board = load_config(work.folder).blackboard
    rest = (uncorrected(gaze, old, board) if old.applied else gaze)[~mine]
    new = agreement_of(rest, board).model_copy(update={"applied": old.applied})
    work.agreed[run.folder] = new
    return corrected(rest, new, board) if old.applied else rest


def _faces(work: Work, run: Run) -> tuple[pd.DataFrame | None, dict[int, int]]:
    """The faces that stay, and the new number of each old row."""
    if not run.faces_path.is_file():
        if not run.gaze_path.is_file():
            return None, {}
        gaze = read_table(run.gaze_path, "gaze")
        used = gaze.loc[work.others(gaze["student"]), ["row_left", "row_right"]].to_numpy()
        return None, {int(r): k for k, r in enumerate(np.unique(used[used >= 0]))}
    faces = read_table(run.faces_path, "faces")
    mine = ~work.others(faces["student"])
    places = list(zip(faces["camera"].astype(str), faces["track"], strict=True))
    tracks = {p for p, own in zip(places, mine, strict=True) if own and p[1] >= 0}
    alike = np.array([p in tracks for p in places], bool)
    faces = faces[~mine & ~(nobodys(faces) & alike)].copy()
    number = {int(r): k for k, r in enumerate(faces["row"])}
    faces["row"] = np.arange(len(faces))
    for camera in CAMERAS:
        here = (faces["camera"] == camera) & (faces["track"] >= 0)
        _, anew = np.unique(faces.loc[here, "track"], return_inverse=True)
        faces.loc[here, "track"] = anew.astype(np.int32)
    return faces, number


def _write(work: Work, path: Path, table: str, frame: pd.DataFrame) -> None:
    """A table without the categories that no row has any more."""
    before = sha256(path)
    tidy = {
        c: v.cat.remove_unused_categories()
        for c, v in frame.items()
        if isinstance(v.dtype, pd.CategoricalDtype)
    }
    write_table(frame.assign(**tidy), path, table)
    work.done.add(path)
    if sha256(path) != before:
        work.changed(path, f"{len(frame)} rows are left")


def quality_file(work: Work, path: Path) -> str:
    """quality.json, counted again from the tables; what they do not hold stands by student."""
    run = Run(path.parent)
    old = Quality.read(path)
    gaze, students = read_table(run.gaze_path, "gaze"), read_table(run.students_path, "students")
    faces = read_table(run.faces_path, "faces") if run.faces_path.is_file() else None
    film = {name: getattr(old, name) for name in OF_THE_FILM}
    seats = [s for s in old.seats if not work.finder.is_it(s.student)]
    facts = {s.student: {k: getattr(s, k) for k in HEADS} for s in seats}
    if old.head_fusion.n and not any(s.heads_n for s in old.seats):
        work.lost(path, "how well the cameras' heads agree, and the rig's share of σ (made by an "
                        "earlier version): left out; `gaze analyze` counts them again")  # fmt: skip
    stranger = set(old.model_extra or {})
    if stranger:
        work.lost(path, f"{', '.join(sorted(stranger))}: not known to this version, left out")
    cost = {k: v for k, v in old.identity.pair_cost.items() if not work.finder.is_it(k)}
    if faces is None and old.identity.faces:
        work.lost(path, "how many faces there were: left out, as faces.parquet is gone")
    identity = _identity(faces, cost)
    agreement = work.agreed.get(run.folder, old.agreement)
    if agreement is not None and run.folder not in work.agreed and agreement.students:
        work.lost(
            path,
            "constant errors found with the student: left out; points "
            "that were moved by them stay so",
        )
        agreement = None
    base = Quality(
        **film,
        identity=identity.model_copy(
            update={k: getattr(old.identity, k) for k in ("teacher_share", "passers", "portraits")}
        ),
        drift=_drift(work, run, old.drift, faces),
        agreement=agreement,
    )
    new = with_tables(base, gaze, students, facts)
    session = Session(work.folder, load_config(work.folder))
    new = with_folder_caveats(new, session, students)
    for caveat in (w for w in old.warnings if w.code == "seats_unseen"):
        new = new.with_first(caveat)
    new.write(path)
    return "counted again"


def _identity(faces: pd.DataFrame | None, cost: dict[str, float | None]) -> IdentityCounts:
    alone = sum(value is None for value in cost.values())
    counts = IdentityCounts(students=len(cost), one_camera_only=alone, pair_cost=cost)
    if faces is None:
        return counts
    tracks = {c: int(faces.loc[faces["camera"] == c, "track"].nunique()) for c in CAMERAS}
    unmatched = int(nobodys(faces).sum())
    return counts.model_copy(
        update={"faces": len(faces), "unmatched_faces": unmatched, "tracks": tracks}
    )


def _drift(work: Work, run: Run, old: Drift | None, faces: pd.DataFrame | None) -> Any:
    """Whether a camera was knocked, from the noses that are left; None where that is not known."""
    path = work.folder / "rig.json"
    if old is None:
        return None
    inputs = {**run.info().settings, **run.info().inputs}
    same_rig = path.is_file() and inputs.get("rig_sha256", sha256(path)) == sha256(path)
    if faces is None or not same_rig:
        work.lost(run.quality_path, "whether a camera was knocked: left out, as the faces or the "
                                    "rig of that run are gone")  # fmt: skip
        return None
    known = faces[~nobodys(faces)]
    left, right = (known[known["camera"] == c].astype({"student": str}) for c in CAMERAS)
    both = left.merge(right, on=["time_s", "student"], suffixes=("_l", "_r"))
    left_px, right_px = (
        both[[f"nose_u_px_{s}", f"nose_v_px_{s}"]].to_numpy(np.float64) for s in "lr"
    )
    person = pd.factorize(both["student"], sort=True)[0]
    time_s = both["time_s"].to_numpy(np.float64)
    return watch_noses(Rig.load(path), time_s, left_px, right_px, person)


def run_info(work: Work, path: Path) -> str:
    """run.json without what says how much work the student's face was."""
    info = Run(path.parent).info()
    if info.gain is not None:
        work.lost(path, "its points were corrected by a gain that was fitted with the student; "
                        "`gaze analyze` makes a run without")  # fmt: skip
    sigma = sigma_in(info)
    if sigma is not None:
        work.lost(path, "how sure its heads are was taken from marked points, at which the student "
                        "may have looked; `gaze analyze` makes a run without")  # fmt: skip
    keep = {name: getattr(info, name) for name in RunInfo.model_fields}
    write_json(path, RunInfo(**keep).model_dump(mode="json"))
    return "counts of the work left out"
