"""Who is in a file of ours, by its structure: columns, keys, lists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from calibration.errors import DiskFullError, UserError
from gaze.privacy.csv_rows import cell, read_csv
from gaze.privacy.search import DAMAGED

UNREADABLE = (UserError, TypeError, *DAMAGED)


def unless_of_the_system(error: BaseException) -> None:
    """Raise an error again that is not the file's: a full disk, one that cannot be written to or
    read. Nothing is given up for lost because of it."""
    missing = isinstance(error, FileNotFoundError)
    of_system = isinstance(error, OSError) and error.errno is not None  # pyarrow's have none
    if isinstance(error, DiskFullError) or (of_system and not missing):
        raise error


def names_in(path: Path) -> set[str]:
    """The students that a file of ours names where it names students: columns, keys, lists."""
    try:
        return {str(n) for n in _names_in(path) if n}
    except UNREADABLE:
        return set()


def _names_in(path: Path) -> Iterable[Any]:
    suffix = path.suffix.lower()
    if path.is_symlink() or not path.is_file():
        return
    if suffix == ".parquet" and "student" in pq.read_schema(path).names:
        for chunk in pq.read_table(path, columns=["student"])["student"].chunks:
            yield from (getattr(chunk, "dictionary", chunk)).unique().to_pylist()
    elif suffix == ".npz":
        with np.load(path) as arrays:
            yield from (arrays["students"].tolist() if "students" in arrays else ())
    elif suffix in (".csv", ".tsv", ".txt"):
        rows, _ = read_csv(path)
        head = [h.strip() for h in rows[0]] if rows else []
        for column in ("student", "recording id", "tier"):
            yield from (cell(row, head, column) for row in rows[1:])
    elif suffix == ".json":
        yield from _names_in_json(json.loads(path.read_text(encoding="utf-8")))


def _names_in_json(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        if isinstance(value.get("student"), str):
            yield value["student"]
        yield from value.get("pair_cost") or ()
        for inner in value.values():
            yield from _names_in_json(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names_in_json(inner)
