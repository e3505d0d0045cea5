"""What is made from tables: taken away first, made again from the rows that stay."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from calibration.errors import UserError
from calibration.files import GENERATOR, has_sign
from gaze.exports import FOLDERS, FORMATS, write_again
from gaze.exports.common import ExportError, load_source
from gaze.gain.fit import fit_gain_of_lesson
from gaze.gain.model import Gain
from gaze.privacy.named import unless_of_the_system
from gaze.privacy.outside import name_exports
from gaze.privacy.search import files_below
from gaze.privacy.work import Work
from gaze.report import write_report
from gaze.report.heatmap import write_heatmaps
from gaze.validation.validate import validate_lesson
from sessions.folder import Session
from sessions.run import EXPORTED, RUNS, Run, is_our_picture, listed, sha256, write_json
from sessions.validation import Validation

REPORT = GENERATOR + " "  # and a version: pages of numbers; those of cameras and plans have none
REPORTS = {"report.html": False, "report-class.html": True}  # name: class only
VALIDATION = ("validation.json", "validation.svg")  # of a run, by `gaze validate`
LEFTOVERS = {"validation": VALIDATION, "heatmaps": ("heatmaps.npz",)}  # of what was not made again


def clear_made(work: Work, run: Run) -> dict[str, Any]:
    """Delete what of a run is made from the student; what is to be made again, and how."""
    made: dict[str, Any] = {}
    if any((run.folder / name).is_file() for name in VALIDATION):
        made["validation"] = _validation(run.folder / "validation.json")
    pages = [name for name in REPORTS if has_sign(run.folder / name, REPORT)]
    for name in pages:  # another one of that name is the user's
        head = (run.folder / name).read_text("utf-8", errors="replace")[:2000]
        match = re.search(r'<html lang="(\w+)"', head)
        made[name] = match[1] if match else "en"
    if run.info_path.is_file() and _json(run.info_path).get("report_problem"):
        made.setdefault("report.html", "en")  # it is tried again: its sentence may name the student
    pictures = _pictures(work, run)
    if pictures or (run.folder / "heatmaps.npz").is_file():
        made["heatmaps"] = True
    files = [run.folder / name for name in (*VALIDATION, *pages, "heatmaps.npz")]
    for path in (*files, *pictures, *run.parts()):
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


def make_again(work: Work, run: Run, made: dict[str, Any]) -> None:
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
            unless_of_the_system(error)
            for leftover in LEFTOVERS.get(name, (name,)):
                (run.folder / leftover).unlink(missing_ok=True)
            work.lost(path, f"not made again ({error})")
            if name == "report.html":
                problem = str(error)
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


def lesson_validation(work: Work, path: Path) -> str | None:
    """A copy of a run's validation: the new one. One of another room stays."""
    old = _validation(path)
    if old is None:
        return None
    if old.run.parent.name == RUNS and old.run.parent.parent.name not in ("", work.lesson.name):
        return None
    new = _validation(work.folder / RUNS / old.run.name / "validation.json")
    if new is None:
        work.delete(path)
        work.lost(path, "of a run that is not validated any more; not made again")
        return None
    _in_place_of(old, new).write(path)
    return "as the run's"


def gain_file(work: Work, path: Path) -> str:
    """gain.json, fitted again from the looks that are left, or deleted where that cannot be."""
    old = Gain.load(path)
    holdout: Any = old.evidence.holdout
    run = old.source.get("run")
    try:
        fit_gain_of_lesson(Session.open(work.folder), run=run, holdout=holdout)
    except UserError as error:
        unless_of_the_system(error)
        work.delete(path)
        work.lost(path, error)
    return "fitted again"


def take_exports(work: Work) -> list[tuple[Path, dict[str, Any]]]:
    """Delete the exports in the lesson, file by file as their manifests list them; those under the
    lesson's own pseudonyms come back (folder and entry of each). A file that was changed since, or
    that the manifest may not speak of, stays and is named."""
    again: dict[tuple[Any, ...], tuple[Path, dict[str, Any]]] = {}
    found = [p for p in files_below(work.folder) if p.name == EXPORTED and not p.is_symlink()]
    for manifest in found:
        folder, left = manifest.parent, {}
        files = listed(folder)
        among_ours = folder == work.folder or RUNS in (folder.name, folder.parent.name)
        if files is None or among_ours:  # where no export goes: somebody else wrote that list
            work.said.remains.append(
                f"{work.name(manifest)}: a list of exports that cannot be read, or is none of ours:"
                " what it names may hold numbers made with the student; look at it and delete it "
                "yourself"
            )
            continue
        for name, entry in files.items():
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


def export_again(work: Work, folder: Path, entry: dict[str, Any]) -> None:
    """Write an export again, of a run of this lesson and into this folder, whatever else its list
    may say."""
    out, run = str(entry["out"]), str(entry["run"])
    try:
        places = _is_name(run) and (out == "." or _is_name(out))
        if str(entry["format"]) not in FORMATS or not places:
            raise ExportError("no export of ours is listed so", found=f"{out} of the run {run}")
        source = load_source(work.folder / RUNS / run)
        names = write_again(source, folder, entry)
    except (UserError, TypeError) as error:  # options that are none
        unless_of_the_system(error)
        work.lost(folder, f"the export as {entry['format']} was not made again ({error})")
        return
    work.said.changed += [f"{work.name(folder / n)}: made again" for n in names]
    work.done |= {folder / n for n in (*names, EXPORTED)}


def _is_name(text: str) -> bool:
    return text not in ("", "..") and Path(text).name == text and "\0" not in text
