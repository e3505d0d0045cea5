"""Files that are no run's: the student's lines, rows and records go; what is not ours stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from calibration.files import GENERATOR, has_sign
from gaze.lesson.sync import OLD_PAGE
from gaze.privacy.csv_rows import cell, read_csv, write_csv, write_text
from gaze.privacy.made_again import REPORT
from gaze.privacy.named import UNREADABLE, names_in, unless_of_the_system
from gaze.privacy.names import Finder
from gaze.privacy.owned import kind_of
from gaze.privacy.search import VIDEOS, is_text, mentions
from gaze.privacy.work import Work
from sessions.run import EXPORTED, atomic_write, sha256


def targets_file(work: Work, path: Path) -> str:
    """targets.csv without the lines about the student; a point named after it loses the name."""
    rows, dialect = read_csv(path)
    head = [h.strip() for h in rows[0]] if rows else []
    kept = []
    for row in rows[:1] + [r for r in rows[1:] if work.others([cell(r, head, "student")])[0]]:
        kept.append(row if work.ordinary else [work.finder.cut(c) for c in row])
    write_csv(path, kept, dialect)
    return f"{len(rows) - len(kept)} lines went"


def any_table(work: Work, path: Path) -> str:
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


def other_file(work: Work, path: Path) -> None:
    """A file that no rule took care of. A page of ours goes, by its mark. One of the user's loses
    the student's name as far as it can be written anew; else it stays, and the proof names it."""
    kind = kind_of(work.name(path))
    suffix = path.suffix.lower()
    if suffix in VIDEOS:  # it shows the student, whatever its bytes say
        return
    if kind is not None and kind.rule == "away" and has_sign(path, GENERATOR, OLD_PAGE):
        work.delete(path)
        return
    if has_sign(path, REPORT):
        work.delete(path)
        work.lost(path, "a report by `gaze report --out`; make it again")
        return
    # a number or a word of ours counts where it stands among students, not in running text
    listed = work.ordinary and _lists(work, path)
    named = listed or (work.named(path) and mentions(work.finder, path, by_chance=False))
    if path.name == EXPORTED or path.is_symlink() or not named:
        return
    before = sha256(path)
    try:
        how = _without_name(work, path, suffix)
    except UNREADABLE as error:
        unless_of_the_system(error)
        return
    if how is None or sha256(path) == before:
        return
    if work.named(path) or _lists(work, path):
        work.said.changed.append(f"{work.name(path)}: {how}")
    else:
        work.changed(path, how)


def _lists(work: Work, path: Path) -> bool:
    """Whether a file has the student in a column or key of students."""
    return any(map(work.finder.is_it, names_in(path)))


def _without_name(work: Work, path: Path, suffix: str) -> str | None:
    """A file without the student; None: of a kind that cannot be changed."""
    if suffix == ".parquet":
        return any_table(work, path)
    if work.ordinary and suffix in (".csv", ".tsv", ".txt"):
        return targets_file(work, path)
    if suffix in (".csv", ".tsv"):
        rows, delimiter = read_csv(path)
        kept = [r for r in rows if not any(map(work.finder.within, r))]
        write_csv(path, kept, delimiter)
        return f"{len(rows) - len(kept)} lines went"
    if suffix == ".json":
        names = work.finder.is_it if work.ordinary else work.finder.within
        value = _scrub(json.loads(path.read_text(encoding="utf-8")), work.finder, names)
        write_text(path, json.dumps(None if value is _GONE else value, indent=1) + "\n")
        return "without the name"
    if suffix in (".txt", ".log", ".md"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        staying = [line for line in lines if not work.finder.within(line)]
        write_text(path, "".join(staying))
        return f"{len(lines) - len(staying)} lines went"
    return None


_GONE = object()


def _scrub(value: Any, finder: Finder, names: Callable[[str], bool]) -> Any:
    """JSON without the student: keys and items that name it go, records about it too."""
    if isinstance(value, dict):
        if finder.is_it(value.get("student")) or finder.is_it(value.get("id")):
            return _GONE
        pairs = ((k, _scrub(v, finder, names)) for k, v in value.items() if not names(k))
        return {k: v for k, v in pairs if v is not _GONE}
    if isinstance(value, list):
        return [v for v in (_scrub(v, finder, names) for v in value) if v is not _GONE]
    if isinstance(value, str) and names(value):
        return _GONE if finder.is_it(value) else finder.cut(value)
    return value
