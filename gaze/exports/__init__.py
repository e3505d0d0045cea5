"""A run's tables for other programs. Each format is one module that registers itself.

Every export writes a data dictionary (BIDS style JSON) beside each table, a manifest of what it
wrote (``.export.json``: names and hashes, by which `gaze forget` finds it again) and a line into
the lesson's audit.log. docs/exports.md describes the formats.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import pkgutil
from pathlib import Path
from typing import Any

from gaze.exports.common import FOLDERS, FORMATS, ExportError, Source, load_source
from gaze.privacy.audit import audit, noted_meanwhile
from sessions.config import CONFIG_NAME
from sessions.files import marked_folder
from sessions.lock import lock_around
from sessions.run import EXPORTED, RUNS, Run, is_exported, listed, read_manifest, sha256, write_json

__all__ = ["FOLDERS", "FORMATS", "ExportError", "Source", "export"]

for _module in pkgutil.iter_modules(__path__):  # each registers itself
    importlib.import_module(f"{__name__}.{_module.name}")

DEEP = 3  # folders below --out in which a lesson is looked for


def export(
    run_folder: str | Path, format: str, out: str | Path, *, salted: bool = False,
    **options: Any,
) -> list[Path]:  # fmt: skip
    """Write a run in another program's format.

    Parameters
    ----------
    run_folder : a run of `gaze analyze`.
    format : csv, parquet, measures, visits, transitions, bids, pupil, elan, xlsx, targets or
        replay.
    out : a file (csv, parquet, elan, visits, transitions) or a folder; a name without an ending is
        a folder, and the file gets its usual name in it.
    salted : replace the lesson's pseudonyms by ones that only the lesson's salt connects to them,
        for handing data on.
    options : of the format (replay: seconds, start_s, stop_s, language).

    Returns the files written; nothing is written unless all can be.

    Raises
    ------
    ExportError : an unknown format; a place where an export must not go, or where files lie that no
        export of ours wrote. UserError : a run that cannot be read, an expired lesson.
    """
    if format not in FORMATS:
        raise ExportError(
            "there is no such export format", found=format, expected=", ".join(sorted(FORMATS))
        )
    out = Path(out)
    is_file = bool(out.suffix) and format not in FOLDERS
    folder = (out.parent if is_file else out).resolve()
    refuse_place(folder, is_file=is_file, lesson=Run(Path(run_folder)).lesson_folder)
    with lock_around(run_folder):
        source = load_source(run_folder, salted=salted)
        run = source.lesson.run.name
        place = out.name if is_file else "."
        entry = {
            "format": format,
            "run": run,
            "salted": salted,
            "out": place,
            **({"options": options} if options else {}),
        }
        lesson = source.lesson.run.lesson_folder
        # before anything is written: where this is killed, a forgetting looks there
        with noted_meanwhile(lesson, "export begun", aside=str(_aside(source, folder))):
            names = write_again(source, folder, entry)
        audit(
            lesson, "export", format=format, run=run, out=str(folder / place),
            files=len(names), students=len(source.lesson.students), salted=salted,
        )  # fmt: skip
    written = folder if out.is_absolute() else out.parent if is_file else out
    return [written / name for name in names]


def write_again(source: Source, folder: Path, entry: dict[str, Any]) -> list[str]:
    """Write an export as a manifest's entry says (``format``, ``run``, ``salted``, ``options``,
    ``out``: a file's name, or "." for the whole folder). Returns the files' names, from ``folder``.

    Raises
    ------
    ExportError : other files are in the way; nothing is written then.
    """
    is_file = entry["out"] != "."
    if is_file:
        _refuse_foreign(folder, entry["out"])  # before the work
    with marked_folder(_aside(source, folder), EXPORTED) as aside:
        where = aside / entry["out"] if is_file else aside
        made = FORMATS[entry["format"]](source, where, **entry.get("options", {}))
        names = [path.relative_to(aside).as_posix() for path in made]
        for name in names:
            _refuse_taken(folder, name, entry, aside)
        files = {n: {"sha256": sha256(aside / n), **entry} for n in names}
        folder.mkdir(parents=True, exist_ok=True)
        # first of all the list: whatever happens then, a forgetting knows what to look for
        write_json(folder / EXPORTED, {"files": {**read_manifest(folder), **files}})
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(aside / name, folder / name)
    return names


def _aside(source: Source, folder: Path) -> Path:
    """Where an export is made before it is moved: one place for each lesson, on the same disk."""
    nearest = next(f for f in (folder, *folder.parents) if f.is_dir())
    lesson = str(source.lesson.run.lesson_folder.resolve())
    return nearest / f".export-{hashlib.sha256(lesson.encode()).hexdigest()[:8]}"


def refuse_place(folder: Path, *, is_file: bool = False, lesson: Path | None = None) -> None:
    """Refuse folders in which an export would mix with what it is made from.

    folder : resolved. is_file : a file of that name was asked for, not the whole folder.
    lesson : of the run that is exported.

    Raises
    ------
    ExportError : a lesson, a run, a folder that contains some; a folder of a lesson that holds
        other files than exports, or of another lesson; one whose manifest cannot be read.
    """
    remedy = "Name a folder of its own, e.g. --out exports/monday."
    if folder.exists() and not folder.is_dir():
        raise ExportError("this is a file, not a folder", where=folder, remedy=remedy)
    among_runs = RUNS in (folder.name, folder.parent.name) and any(
        (parent / CONFIG_NAME).exists() for parent in list(folder.parents)[:2]
    )
    if (folder / CONFIG_NAME).exists() or (folder / "run.json").exists() or among_runs:
        what = "lesson" if (folder / CONFIG_NAME).exists() else "run"
        raise ExportError(f"an export must not go into a {what}", where=folder, remedy=remedy)
    inside = None if is_file else _lesson_below(folder)
    if inside is not None:
        raise ExportError(
            "an export must not go into a folder of lessons",
            where=folder, found=str(inside), remedy=remedy,
        )  # fmt: skip
    if listed(folder) is None:  # and would be written over
        raise ExportError(
            "the list of what exports wrote into this folder cannot be read",
            where=folder / EXPORTED, remedy=f"Look at the files beside it. {remedy}",
        )  # fmt: skip
    around = next((p for p in folder.parents if (p / CONFIG_NAME).exists()), None)
    if around is not None and lesson is not None and around != lesson.resolve():
        raise ExportError(  # a forgetting there would make it again from its own run of that name
            "an export must not go into another lesson",
            where=folder, found=str(around), remedy=remedy,
        )  # fmt: skip
    if (
        around is not None
        and folder.is_dir()
        and any(folder.iterdir())
        and not (folder / EXPORTED).is_file()
    ):
        raise ExportError(
            "this folder of the lesson holds other files than exports", where=folder, remedy=remedy
        )


def _lesson_below(folder: Path) -> Path | None:
    """The first lesson or run in a folder, not looked for deeper than DEEP."""
    for root, folders, files in os.walk(folder):
        for name in (CONFIG_NAME, "run.json"):
            if name in files:
                return Path(root)
        if len(Path(root).relative_to(folder).parts) >= DEEP:
            folders.clear()
    return None


def _refuse_taken(folder: Path, name: str, entry: dict[str, Any], aside: Path) -> None:
    """Refuse to write over a file that no export of ours wrote, that was changed since, or that is
    another export's (two formats may share a dictionary that is the same).

    Raises
    ------
    ExportError : there is one, or a link in the way.
    """
    _refuse_foreign(folder, name)
    path = folder / name
    old = read_manifest(folder).get(name, {})
    other = any(old.get(key) != entry[key] for key in ("format", "run", "salted"))
    if path.exists() and other and path.read_bytes() != (aside / name).read_bytes():
        raise ExportError(
            "another export wrote a file of this name",
            where=path,
            found=f"{old.get('format')} of run {old.get('run')}",
            remedy="Name another folder.",
        )


def _refuse_foreign(folder: Path, name: str) -> None:
    path = folder / name
    linked = path.is_symlink() or not path.parent.resolve().is_relative_to(folder)
    if linked or (path.exists() and not is_exported(path)):
        raise ExportError(
            "there is a file that no export wrote, or that was changed since, so it stays",
            where=path,
            remedy="Move it, or name another folder.",
        )
