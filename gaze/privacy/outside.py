"""What of a lesson lies outside it: exports and tables that audit.log knows, aims of links."""

from __future__ import annotations

import csv
from pathlib import Path

from gaze.privacy import audit
from gaze.privacy.audit import STUDY_TABLE
from gaze.privacy.csv_rows import read_csv, write_csv
from gaze.privacy.named import names_in
from gaze.privacy.names import Finder
from gaze.privacy.owned import kind_of
from gaze.privacy.said import PrivacyError, Report
from gaze.privacy.search import VIDEOS, aim_of, files_below, mentions
from gaze.privacy.vocabulary import is_ordinary
from sessions.run import EXPORTED, RUNS, is_exported, read_manifest, sha256, write_json

OUTSIDE = {
    STUDY_TABLE: "a table over lessons",
    "comparison": "a page over lessons",
    "contribution": "what was given to a study (ask there, too)",
    "report": "a report",
}
LINKED_NOWHERE = {"config", "rows", "quality", "run", "refit"}  # rules of gaze/privacy/owned.py


def name_exports(copy: Path, lesson: Path, said: Report) -> None:
    """Where the audit log says that exports went: what lies outside the lesson is named."""
    said.lost += exports_outside(copy, lesson)
    killed = {Path(str(e["aside"])) for e in audit.lines(copy) if e.get("aside")}
    said.remains += [
        f"{aside}: what an export that was killed left; delete it yourself"
        for aside in sorted(killed)
        if aside.is_dir()
    ]
    for entry in audit.lines(copy):
        out = Path(str(entry.get("out") or ""))
        if entry.get("action") != "export" or not out.is_absolute():
            continue
        if aim_of(out).is_relative_to(lesson):
            inside = copy / aim_of(out).relative_to(lesson)
            is_folder = inside.is_dir() and not inside.is_symlink()
            below = files_below(inside) if is_folder else [inside] if inside.is_file() else []
            listed = (inside if is_folder else inside.parent) / EXPORTED
            if below and (listed.is_symlink() or not listed.is_file()):
                said.remains.append(
                    f"{out}: an export went there and its list is gone; look at it and delete it "
                    "yourself"
                )
    said.remains = list(dict.fromkeys(said.remains))


def exports_outside(folder: Path, lesson: Path) -> list[str]:
    """A sentence for each place outside the lesson to which its audit.log (in ``folder``) says that
    an export went, if something is there. Tables over lessons: :func:`take_out_of_tables`."""
    said = []
    for entry in audit.lines(folder):
        out = Path(str(entry.get("out") or ""))
        if entry.get("action") != "export":
            continue
        if not out.is_absolute():
            said.append(f"{out}: an export went there, from a folder unknown; delete it yourself")
        elif not aim_of(out).is_relative_to(lesson) and out.exists():
            what = OUTSIDE.get(str(entry.get("format")), "an export")
            said.append(f"{out}: {what} outside the lesson; delete it yourself")
    return list(dict.fromkeys(said))


def take_out_of_tables(copy: Path, lesson: Path, said: Report) -> None:
    """The lesson's rows out of tables that `gaze study-table` made with it.

    All of them: how a point is read depends on where the whole class looked, so the others' shares
    rest on the student as well. Other lessons' rows stay. A table that was changed since, or cannot
    be written, stays and is named.
    """
    tables = {
        (Path(str(entry["out"])), str(entry.get("lesson", lesson.name)))
        for entry in audit.lines(copy)
        if entry.get("format") == STUDY_TABLE and entry.get("out")
    }
    for path, name in sorted(tables):
        said.lost = [x for x in said.lost if not x.startswith(f"{path}: ")]
        if not path.is_file() or path.is_symlink():
            continue
        problem = "it is not as the list beside it says (changed, or of an earlier version)"
        try:
            if is_exported(path):
                _without_rows(path, name, said)
                continue
        except (OSError, ValueError, csv.Error) as error:
            problem = f"it cannot be rewritten ({error})"
        said.remains.append(
            f"{path}: a table over lessons with rows made with the student: {problem}; take the "
            "lesson's rows out, or delete it"
        )


def _without_rows(path: Path, lesson: str, said: Report) -> None:
    rows, delimiter = read_csv(path)
    of = rows[0].index("lesson")
    kept = rows[:1] + [r for r in rows[1:] if r[of].removeprefix("'") != lesson]
    if len(kept) == len(rows):
        return
    write_csv(path, kept, delimiter)
    files = read_manifest(path.parent)
    files[path.name]["sha256"] = sha256(path)
    write_json(path.parent / EXPORTED, {"files": files})
    said.lost.append(
        f"{path}: the lesson's {len(rows) - len(kept)} rows in this table over lessons; "
        "`gaze study-table` puts those of the others in again"
    )


def refuse_links(folder: Path, finder: Finder) -> None:
    """Nothing is changed through a link, so what we wrote must not lie behind one.

    Raises
    ------
    PrivacyError : runs, a run or a table is a link to where the student is named.
    """
    for path in files_below(folder):
        relative = path.relative_to(folder)
        kind = kind_of(relative.as_posix())
        ours = relative.parts[0] == RUNS or (kind is not None and kind.rule in LINKED_NOWHERE)
        if path.is_symlink() and ours and found_behind(finder, path):
            raise PrivacyError(
                "a part of the lesson that names the student is a link, and nothing is changed "
                "through one", where=path, found=str(aim_of(path)),
                remedy="Put what it leads to in the link's place, then forget the student.",
            )  # fmt: skip


def found_behind(finder: Finder, link: Path) -> bool:
    """Whether what a link leads to names the student: tables in it, or any text."""
    aim, ordinary = aim_of(link), is_ordinary(finder)
    files = files_below(aim) if aim.is_dir() else [aim] if aim.is_file() else []
    return any(
        any(map(finder.is_it, names_in(p))) or (not ordinary and mentions(finder, p))
        for p in files
        if p.suffix.lower() not in VIDEOS
    )
