"""A lesson without one of its students: rows taken out, everything made from them made again.

Works on a copy (gaze/privacy/forget.py); what happens to which file: gaze/privacy/owned.py.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from calibration.camera import CAMERAS
from calibration.errors import UserError
from calibration.rig import Rig
from gaze.exports import FOLDERS, write_again
from gaze.exports.common import load_source
from gaze.gain.agreed import agreement_of, corrected, uncorrected
from gaze.gain.fit import fit_gain_of_lesson
from gaze.gain.model import Gain
from gaze.lesson.quality import folder_caveats, with_tables
from gaze.lesson.rig_watch import watch_noses
from gaze.measures.measures import board_shares
from gaze.privacy.csv_rows import cell, read_csv, write_csv, write_text
from gaze.privacy.named import UNREADABLE
from gaze.privacy.names import Finder
from gaze.privacy.outside import name_exports
from gaze.privacy.owned import kind_of
from gaze.privacy.said import Report
from gaze.privacy.search import SURE_LENGTH, VIDEOS, files_below, is_raw, is_text, mentions
from gaze.report import write_report
from gaze.report.heatmap import write_heatmaps
from gaze.validation.validate import validate_lesson
from sessions.config import CONFIG_NAME, load_config
from sessions.errors import SessionError
from sessions.events.marks import moves, read_marks
from sessions.folder import Session
from sessions.quality import Agreement, Drift, IdentityCounts, Quality
from sessions.run import (
    EXPORTED,
    RUNS,
    Run,
    RunInfo,
    atomic_write,
    is_our_picture,
    read_manifest,
    sha256,
    write_json,
)
from sessions.tables import read_table, write_table
from sessions.validation import Validation

REPORTS = {"report.html": False, "report-class.html": True}  # name: class only
VALIDATION = ("validation.json", "validation.svg")  # of a run, by `gaze validate`
CACHES = {"parts", "cache", ".cache", "previews"}  # of a run: made from pixels, made again at need
GENERATOR = re.compile(r'<meta name="generator" content="classroom-gaze')
HEADS = ("heads_chi2", "heads_n", "rig_sigma_m")  # what quality.json alone knows of a student
# What of quality.json is of the film and the room; all else follows from people.
OF_THE_FILM = {"version", "clock", "frames", "rig", "seconds"}
FROM_PEOPLE = {
    "coverage", "rows", "seats", "status_counts", "epipolar_px", "identity", "sigma_m",
    "head_fusion", "drift", "agreement", "warnings",
}  # fmt: skip


@dataclass
class Work:
    """A copied lesson in which a student is being forgotten.

    folder : the copy. lesson : where it will lie, resolved. finder : finds the student's name.
    ordinary : the name is a number or a word of ours (gaze/privacy/search.py), so that running
    text is left alone. config, masked : the new session.toml, and its seat's new id. done : files
    that are taken care of.
    """

    folder: Path
    lesson: Path
    finder: Finder
    ordinary: bool
    config: str
    masked: str | None
    said: Report
    done: set[Path] = field(default_factory=set)
    agreed: dict[Path, Agreement] = field(default_factory=dict)  # of runs, without the student

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def named(self, path: Path) -> bool:
        """Whether a file mentions the student, as far as running text can tell."""
        return not self.ordinary and mentions(self.finder, path)

    def delete(self, path: Path) -> None:
        if path.is_symlink() or path.is_file():
            path.unlink()
            self.said.deleted.append(self.name(path))
            for folder in path.parents:  # that it leaves empty
                if folder == self.folder or any(folder.iterdir()):
                    break
                folder.rmdir()

    def changed(self, path: Path, how: str) -> None:
        self.said.changed.append(f"{self.name(path)}: {how}")
        self.done.add(path)

    def lost(self, path: Path, error: object) -> None:
        self.said.lost.append(f"{self.name(path)}: {error}")

    def others(self, names: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(N,) which of N names are not the student's."""
        return np.array([not self.finder.is_it(n) for n in names], bool)


def rewrite(work: Work) -> None:
    """Take the student out of a copied lesson. What cannot be made again is deleted and named."""
    _config(work)
    exports = _take_exports(work)
    runs = [Run(p) for p in sorted((work.folder / RUNS).glob("*")) if p.is_dir()]
    runs += [Run(p) for p in sorted((work.folder / RUNS).glob(".*")) if p.is_dir()]
    runs = [r for r in runs if not r.folder.is_symlink()]
    again = [(run, _clear(work, run)) for run in runs]
    _try(work, work.folder / "targets.csv", _targets)
    for run in runs:
        _tables(work, run)
        _try(work, run.quality_path, _quality)
        _try(work, run.info_path, _run_info)
    _try(work, work.folder / "truth" / "heads.parquet", _parquet)
    _try(work, work.folder / "gain.json", _gain)
    _new_seats(work)
    for path in files_below(work.folder):  # events.csv among them, which reports read
        if path not in work.done:
            _other_file(work, path)
    for run, made in again:
        _make_again(work, run, made)
    _try(work, work.folder / "validation.json", _lesson_validation)
    for folder, entry in exports:
        _export_again(work, folder, entry)


def _new_seats(work: Work) -> None:
    """Says that only the student's first seat is masked, where events.csv has another one."""
    path = work.folder / "events.csv"
    if path.is_symlink() or not path.is_file():
        return
    with contextlib.suppress(SessionError):
        moved = [m for m in moves(read_marks(path), "seat") if work.finder.is_it(m.name)]
        work.said.kept += [
            f"a seat at x {m.to_m[0]:g} m, z {m.to_m[1]:g} m, to which the student changed at "
            f"{m.time_s:g} s: a new analysis would find somebody there, unless that seat gets an "
            "entry in [[students]] with opt_out = true"
            for m in moved
        ]


def _try(work: Work, path: Path, rule: Callable[[Work, Path], str | None]) -> None:
    """Do with a file what its rule says; one that cannot be read is deleted, and named."""
    if path.is_symlink() or not path.is_file():
        return
    before = sha256(path)
    try:
        how = rule(work, path)
    except UNREADABLE as error:
        work.delete(path)
        work.lost(path, error)
        return
    work.done.add(path)
    if how and path.is_file() and sha256(path) != before:
        work.changed(path, how)


def _config(work: Work) -> None:
    path = work.folder / CONFIG_NAME
    if path.read_text(encoding="utf-8") != work.config:
        write_text(path, work.config)
        seat = "without the name" if work.masked is None else f"the seat is masked: {work.masked}"
        work.changed(path, seat)
    work.done.add(path)


# -- a run -----------------------------------------------------------------------------------------


def _clear(work: Work, run: Run) -> dict[str, Any]:
    """Delete what of a run is made from the student; what is to be made again, and how."""
    made: dict[str, Any] = {}
    if any((run.folder / name).is_file() for name in VALIDATION):
        made["validation"] = _validation(run.folder / "validation.json")
    for name in REPORTS:
        if (run.folder / name).is_file():
            head = (run.folder / name).read_text("utf-8", errors="replace")[:2000]
            match = re.search(r'<html lang="(\w+)"', head)
            made[name] = match[1] if match else "en"
    if run.info_path.is_file() and _json(run.info_path).get("report_problem"):
        made.setdefault("report.html", "en")  # it is tried again: its sentence may name the student
    pictures = _pictures(work, run)
    if pictures or (run.folder / "heatmaps.npz").is_file():
        made["heatmaps"] = True
    cached = [f for c in CACHES for f in _below(run.folder / c)]
    files = [run.folder / name for name in (*VALIDATION, *REPORTS, "heatmaps.npz")]
    for path in (*files, *pictures, *cached):
        work.delete(path)
    return made


def _below(folder: Path) -> list[Path]:
    return files_below(folder) if folder.is_dir() and not folder.is_symlink() else []


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _pictures(work: Work, run: Run) -> list[Path]:
    """Our heatmaps, known by their mark; the class's without it is the user's, or an earlier
    version's: it stays and is named."""
    whole = run.heatmaps_folder / "class.png"
    if whole.is_file() and not is_our_picture(whole):
        work.said.remains.append(
            f"{work.name(whole)}: a class's heatmap without our mark (yours, or an earlier "
            "version's): the student may be in it; look at it and delete it yourself"
        )
    return [p for p in _below(run.heatmaps_folder) if is_our_picture(p)]


def _tables(work: Work, run: Run) -> None:
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
                sigma = np.sqrt((gaze["gaze_xx_m2"] + gaze["gaze_yy_m2"]) / 2)
                by_student = sigma.groupby(gaze["student"].astype(str)).median()
                students["sigma_median_m"] = students["student"].map(by_student)
            _write(work, run.students_path, "students", students)
    except UNREADABLE as error:  # another version's, or damaged: row by row, whatever it is
        for path in paths:
            if path not in work.done:
                _try(work, path, _parquet)
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
    faces = faces[~mine & ~(_nobodys(faces) & alike)].copy()
    number = {int(r): k for k, r in enumerate(faces["row"])}
    faces["row"] = np.arange(len(faces))
    for camera in CAMERAS:
        here = (faces["camera"] == camera) & (faces["track"] >= 0)
        _, anew = np.unique(faces.loc[here, "track"], return_inverse=True)
        faces.loc[here, "track"] = anew.astype(np.int32)
    return faces, number


def _nobodys(faces: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    student = faces["student"].astype(object)
    return np.asarray(student.isna() | (student == ""), bool)


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


def _quality(work: Work, path: Path) -> str:
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
    for caveat in folder_caveats(session, students):
        new = new.with_first(caveat)
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
    unmatched = int(_nobodys(faces).sum())
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
    known = faces[~_nobodys(faces)]
    left, right = (known[known["camera"] == c].astype({"student": str}) for c in CAMERAS)
    both = left.merge(right, on=["time_s", "student"], suffixes=("_l", "_r"))
    left_px, right_px = (
        both[[f"nose_u_px_{s}", f"nose_v_px_{s}"]].to_numpy(np.float64) for s in "lr"
    )
    person = pd.factorize(both["student"], sort=True)[0]
    time_s = both["time_s"].to_numpy(np.float64)
    return watch_noses(Rig.load(path), time_s, left_px, right_px, person)


def _run_info(work: Work, path: Path) -> str:
    """run.json without what says how much work the student's face was."""
    info = Run(path.parent).info()
    if info.gain is not None:
        work.lost(path, "its points were corrected by a gain that was fitted with the student; "
                        "`gaze analyze` makes a run without")  # fmt: skip
    keep = {name: getattr(info, name) for name in RunInfo.model_fields}
    write_json(path, RunInfo(**keep).model_dump(mode="json"))
    return "counts of the work left out"


def _make_again(work: Work, run: Run, made: dict[str, Any]) -> None:
    """Validation, heatmaps and reports, in that order: page one carries the validation's error."""
    problem = None
    for name, how in made.items():
        path = run.folder / name
        try:
            if name == "validation":
                path = run.folder / "validation.json"
                new = validate_lesson(Session.open(work.folder), run=run.folder)
                (_in_place_of(how, new) if how else _of_lesson(work, new)).write(path)
            elif name == "heatmaps":
                work.done |= set(write_heatmaps(run.folder))
            else:
                write_report(run.folder, language=how, class_only=REPORTS[name])
        except UserError as error:
            for leftover in (path, *(run.folder / n for n in VALIDATION if name == "validation")):
                leftover.unlink(missing_ok=True)
            work.lost(path, f"not made again ({error})")
            problem = problem or (str(error) if name == "report.html" else None)
            continue
        work.changed(path, "made again")
        work.done |= {run.folder / n for n in (*VALIDATION, *REPORTS)}
    if "report.html" in made and run.info_path in work.done:
        run.update(report_problem=problem)


def _validation(path: Path) -> Validation | None:
    """A validation.json; None where there is none that can be read."""
    try:
        return Validation.read(path)
    except UserError:
        return None


def _of_lesson(work: Work, new: Validation) -> Validation:
    """A validation of the copy at work, with the lesson's paths."""
    places = {
        k: p and work.lesson / work.name(p) for k, p in (("run", new.run), ("figure", new.figure))
    }
    return new.model_copy(update=places)


def _in_place_of(old: Validation, new: Validation) -> Validation:
    """The new one, with the old one's places: those of the lesson, not of the copy at work."""
    return new.model_copy(update={"run": old.run, "figure": old.figure})


def _lesson_validation(work: Work, path: Path) -> str | None:
    """A copy of a run's validation: the new one. One of another room stays."""
    old = _validation(path)
    if old is None:
        return None
    if old.run.parent.name == RUNS and old.run.parent.parent.name not in ("", work.lesson.name):
        return None
    new = _validation(work.folder / RUNS / old.run.name / "validation.json")
    if new is None:
        raise ValueError("of a run that is not validated any more; not made again")
    _in_place_of(old, new).write(path)
    return "as the run's"


# -- beside the runs -------------------------------------------------------------------------------


def _targets(work: Work, path: Path) -> str:
    """targets.csv without the lines about the student; a point named after it loses the name."""
    rows, dialect = read_csv(path)
    head = [h.strip() for h in rows[0]] if rows else []
    kept = []
    for row in rows[:1] + [r for r in rows[1:] if work.others([cell(r, head, "student")])[0]]:
        kept.append(row if work.ordinary else [work.finder.cut(c) for c in row])
    write_csv(path, kept, dialect)
    return f"{len(rows) - len(kept)} lines went"


def _parquet(work: Work, path: Path) -> str:
    """Any table: rows whose ``student`` (else: any text) is the student go, and so do the
    dictionaries' entries."""
    table = pq.read_table(path)
    texts = [n for n in table.column_names if _plain(table[n].type)]
    columns = [n for n in texts if n == "student"] or texts
    drop = np.zeros(table.num_rows, bool)
    coded = []
    for name in texts:
        values = table[name]
        if pa.types.is_dictionary(values.type):
            coded.append(name)
            values = values.cast(values.type.value_type)
            table = table.set_column(table.column_names.index(name), name, values)
        if name in columns:
            own = [v for v in pc.unique(values).to_pylist() if work.finder.is_it(v)]
            found = pc.is_in(values, value_set=pa.array(own, values.type))
            drop |= found.to_numpy(zero_copy_only=False)
    table = table.filter(pa.array(~drop))
    for name in coded:
        k = table.column_names.index(name)
        table = table.set_column(k, name, table[name].dictionary_encode())
    if drop.any():
        with atomic_write(path) as aside:
            pq.write_table(table, aside, compression="zstd")
    return f"{int(drop.sum())} rows went"


def _plain(kind: pa.DataType) -> bool:
    return is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _gain(work: Work, path: Path) -> str:
    """gain.json, fitted again from the looks that are left.

    Raises
    ------
    UserError : that is not possible.
    """
    old = Gain.load(path)
    holdout: Any = old.evidence.holdout
    run = old.source.get("run")
    fit_gain_of_lesson(Session.open(work.folder), run=run, holdout=holdout)
    return "fitted again"


# -- exports ---------------------------------------------------------------------------------------


def _take_exports(work: Work) -> list[tuple[Path, dict[str, Any]]]:
    """Delete the exports in the lesson, file by file as their manifests list them; those under the
    lesson's own pseudonyms come back (folder and entry of each). A file that was changed since, or
    that the manifest may not speak of, stays and is named."""
    again: dict[tuple[Any, ...], tuple[Path, dict[str, Any]]] = {}
    found = [p for p in files_below(work.folder) if p.name == EXPORTED and not p.is_symlink()]
    for manifest in found:
        folder, left = manifest.parent, {}
        for name, entry in read_manifest(folder).items():
            path = folder / name
            if not path.exists() and not path.is_symlink():
                continue
            inside = path.parent.resolve().is_relative_to(folder.resolve())
            regular = inside and path.is_file() and not path.is_symlink()
            if not regular or entry.get("sha256") != sha256(path):
                left[name] = entry
                where = work.name(path) if inside else name
                work.said.remains.append(
                    f"{where}: of an export, but changed since: it may hold numbers made with the "
                    "student; look at it and delete it yourself"
                )
                continue
            if not entry.get("salted"):
                group = {k: entry.get(k) for k in ("format", "run", "salted", "out")}
                if group["out"] is None:  # by an earlier version
                    group["out"] = "." if group["format"] in FOLDERS else name
                    if name.endswith(".json"):
                        group["out"] = None
                if group["out"] is not None:
                    if entry.get("options"):
                        group["options"] = entry["options"]
                    again[(folder, *map(str, group.values()))] = folder, group
            work.delete(path)
        if folder.is_dir():
            write_json(manifest, {"files": left})
            work.done.add(manifest)
            if files_below(folder) == [manifest]:
                work.delete(manifest)
    name_exports(work.folder, work.lesson, work.said)
    return list(again.values())


def _export_again(work: Work, folder: Path, entry: dict[str, Any]) -> None:
    try:
        source = load_source(work.folder / RUNS / str(entry["run"]))
        names = write_again(source, folder, entry)
    except (UserError, TypeError) as error:  # options that are none
        work.lost(folder, f"the export as {entry['format']} was not made again ({error})")
        return
    work.said.changed += [f"{work.name(folder / n)}: made again" for n in names]
    work.done |= {folder / n for n in (*names, EXPORTED)}


# -- files that are not ours -----------------------------------------------------------------------


def _other_file(work: Work, path: Path) -> None:
    """A file that no rule took care of: it loses the student's name, or goes."""
    kind = kind_of(work.name(path))
    suffix = path.suffix.lower()
    if suffix in VIDEOS or (kind is not None and kind.rule == "camera"):
        return
    if kind is not None and kind.rule == "away":
        work.delete(path)
        return
    if suffix in (".html", ".htm") and _is_report(path):
        work.delete(path)
        work.lost(path, "a report by `gaze report --out`; make it again")
        return
    if path.name == EXPORTED or not work.named(path):
        return
    if work.finder.within(path.name) or path.is_symlink():
        work.delete(path)
        return
    if len(work.finder.student) < SURE_LENGTH and is_raw(path):
        return  # perhaps by chance: the proof names it
    try:
        how = _without_name(work, path, suffix)
    except UNREADABLE:
        how = None
    if how and not work.named(path):
        work.changed(path, how)
    else:  # of a kind that cannot be changed, or still naming the student
        work.delete(path)


def _is_report(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    return bool(GENERATOR.search(path.read_text("utf-8", errors="replace")[:4000]))


def _without_name(work: Work, path: Path, suffix: str) -> str | None:
    """A file without the student; None: of a kind that cannot be changed."""
    if suffix == ".parquet":
        return _parquet(work, path)
    if suffix in (".csv", ".tsv"):
        rows, delimiter = read_csv(path)
        kept = [r for r in rows if not any(map(work.finder.within, r))]
        write_csv(path, kept, delimiter)
        return f"{len(rows) - len(kept)} lines went"
    if suffix == ".json":
        value = _scrub(json.loads(path.read_text(encoding="utf-8")), work.finder)
        write_text(path, json.dumps(None if value is _GONE else value, indent=1) + "\n")
        return "without the name"
    if suffix in (".txt", ".log", ".md"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        staying = [line for line in lines if not work.finder.within(line)]
        write_text(path, "".join(staying))
        return f"{len(lines) - len(staying)} lines went"
    return None


_GONE = object()


def _scrub(value: Any, finder: Finder) -> Any:
    """JSON without the student: keys and items that name it go, records about it too."""
    if isinstance(value, dict):
        if finder.is_it(value.get("student")) or finder.is_it(value.get("id")):
            return _GONE
        pairs = ((k, _scrub(v, finder)) for k, v in value.items() if not finder.within(k))
        return {k: v for k, v in pairs if v is not _GONE}
    if isinstance(value, list):
        return [v for v in (_scrub(v, finder) for v in value) if v is not _GONE]
    if isinstance(value, str) and finder.within(value):
        return _GONE if finder.is_it(value) else finder.cut(value)
    return value
