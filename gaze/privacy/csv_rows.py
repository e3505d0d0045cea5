"""CSV files of the user's, whatever stands between their cells: read and written line by line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from sessions.run import atomic_write


def read_csv(path: Path) -> tuple[list[list[str]], str]:
    """A CSV's rows, and what stands between its cells."""
    text = path.read_text(encoding="utf-8-sig")
    first = text.split("\n", 1)[0]
    delimiter = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)), delimiter


def write_csv(path: Path, rows: list[list[str]], delimiter: str) -> None:
    """The inverse of :func:`read_csv`."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    write_text(path, out.getvalue())


def write_text(path: Path, text: str) -> None:
    """A text file, written aside and renamed; line ends as they are."""
    with atomic_write(path) as aside:
        aside.write_bytes(text.encode("utf-8"))


def cell(row: list[str], head: list[str], column: str) -> str | None:
    """A row's cell in a column; None where there is none."""
    k = head.index(column) if column in head else len(row)
    return row[k] if k < len(row) else None
