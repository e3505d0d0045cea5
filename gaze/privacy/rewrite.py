"""A lesson without one of its students: rows taken out, everything made from them made again.

Works on a copy (gaze/privacy/forget.py); what happens to which file: gaze/privacy/owned.py.
"""

from __future__ import annotations

from calibration.errors import UserError
from calibration.rig import Rig
from gaze.privacy.csv_rows import read_csv, write_csv, write_text
from gaze.privacy.made_again import (
    clear_made,
    export_again,
    gain_file,
    lesson_validation,
    make_again,
    take_exports,
)
from gaze.privacy.other_files import any_table, other_file, targets_file
from gaze.privacy.owned import kind_of
from gaze.privacy.run_tables import quality_file, run_info, run_tables
from gaze.privacy.search import files_below
from gaze.privacy.work import Work, apply_rule
from sessions.config import CONFIG_NAME
from sessions.errors import SessionError
from sessions.events.marks import moves, read_marks
from sessions.events.moves import move_of
from sessions.run import RUNS, Run


def rewrite(work: Work) -> None:
    """Take the student out of a copied lesson. What cannot be made again is deleted and named."""
    _config(work)
    exports = take_exports(work)
    runs = [Run(p) for p in sorted((work.folder / RUNS).glob("*")) if p.is_dir()]
    runs += [Run(p) for p in sorted((work.folder / RUNS).glob(".*")) if p.is_dir()]
    runs = [r for r in runs if not r.folder.is_symlink() and _is_run(work, r)]
    again = [(run, clear_made(work, run)) for run in runs]
    apply_rule(work, work.folder / "targets.csv", targets_file)
    for run in runs:
        run_tables(work, run)
        apply_rule(work, run.quality_path, quality_file)
        apply_rule(work, run.info_path, run_info)
    apply_rule(work, work.folder / "truth" / "heads.parquet", any_table)
    apply_rule(work, work.folder / "gain.json", gain_file)
    _looks_in_the_rig(work)
    _seat_changes(work)
    for path in files_below(work.folder):  # events.csv among them, which reports read
        if path not in work.done:
            other_file(work, path)
    for run, made in again:
        make_again(work, run, made)
    apply_rule(work, work.folder / "validation.json", lesson_validation)
    for folder, entry in exports:
        export_again(work, folder, entry)


def _is_run(work: Work, run: Run) -> bool:
    """Whether a folder in runs/ is a run, by its run.json; one that only looks so is named."""
    if run.info_path.is_file():
        return True
    kinds = [kind_of(work.name(p)) for p in files_below(run.folder)]
    if any(kind is not None for kind in kinds):
        work.said.remains.append(
            f"{work.name(run.folder)}: without a run.json it is no run, so nothing in it is made "
            "again: look at it and delete it yourself"
        )
    return False


def _looks_in_the_rig(work: Work) -> None:
    """A room calibrated with where the class looked or sat holds the student's share: said, as
    only the chessboard's pictures and a new run could make it again."""
    path = work.folder / "rig.json"
    if path.is_symlink() or not path.is_file():
        return
    try:
        seen = Rig.load(path).inputs.seen
    except UserError:  # damaged: nobody is read out of it
        return
    if seen is None:
        return
    for option, share, again in (
        ("--marked-points", seen.looked, "validation"), ("--seats", seen.seated, "run")
    ):  # fmt: skip
        if share is not None:
            work.lost(path, f"its room rests on {option}, at which the student may have been: "
                      f"calibrate again, without them or from a new {again}")  # fmt: skip


def _seat_changes(work: Work) -> None:
    """Lines of events.csv about the student's other seats go, whatever the name; only the first
    seat is masked, and that is said."""
    path = work.folder / "events.csv"
    if path.is_symlink() or not path.is_file():
        return
    try:
        moved = [m for m in moves(read_marks(path), "seat") if work.finder.is_it(m.name)]
    except SessionError:
        return
    work.said.kept += [
        f"a seat at x {m.to_m[0]:g} m, z {m.to_m[1]:g} m, to which the student changed at "
        f"{m.time_s:g} s: a new analysis would find somebody there, unless that seat gets an "
        "entry in [[students]] with opt_out = true"
        for m in moved
    ]
    if moved:
        rows, delimiter = read_csv(path)
        kept = [r for r in rows if not _moves_student(work, r)]
        write_csv(path, kept, delimiter)
        work.said.changed.append(f"events.csv: {len(rows) - len(kept)} changes of seat went")


def _moves_student(work: Work, row: list[str]) -> bool:
    found = [move_of(0.0, cell) for cell in row]
    return "seat" in row and any(m is not None and work.finder.is_it(m.name) for m in found)


def _config(work: Work) -> None:
    path = work.folder / CONFIG_NAME
    if path.read_text(encoding="utf-8") != work.config:
        write_text(path, work.config)
        seat = "without the name" if work.masked is None else f"the seat is masked: {work.masked}"
        work.changed(path, seat)
