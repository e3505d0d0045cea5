"""Files that are no run's: the student's lines, rows and records go, or the file does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gaze.privacy.csv_rows import cell, read_csv, write_csv, write_text
from gaze.privacy.named import UNREADABLE, names_in, unless_of_the_system
from gaze.privacy.names import Finder
from gaze.privacy.owned import kind_of
from gaze.privacy.search import VIDEOS, in_name, is_text, mentions
from gaze.privacy.work import Work
from sessions.run import EXPORTED, atomic_write

GENERATOR = re.compile(r'<meta name="generator" content="classroom-gaze')


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
    # a number or a word of ours counts where it stands among students, not in running text
    listed = work.ordinary and _lists(work, path)
    if path.name == EXPORTED or not (listed or work.named(path)):
        return
    if not work.ordinary and (in_name(work.finder, path) or path.is_symlink()):
        work.delete(path)
        return
    if not listed and not mentions(work.finder, path, by_chance=False):
        return  # the proof names it
    try:
        how = _without_name(work, path, suffix)
    except UNREADABLE as error:
        unless_of_the_system(error)
        how = None
    if how and not work.named(path) and not _lists(work, path):
        work.changed(path, how)
    else:  # of a kind that cannot be changed, or still naming the student
        work.delete(path)


def _lists(work: Work, path: Path) -> bool:
    """Whether a file has the student in a column or key of students."""
    return any(map(work.finder.is_it, names_in(path)))


def _is_report(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    return bool(GENERATOR.search(path.read_text("utf-8", errors="replace")[:4000]))


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
