"""Tables that people write: CSV by spreadsheets of any country, read strictly."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sessions.errors import SessionError
from sessions.names import composed

LARGEST_BYTES = 200_000_000  # timestamps of days


@dataclass(frozen=True)
class CsvTable:
    """Rows of text by column, with each row's line in the file."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def numbers(self, column: str) -> list[float]:
        """A column's numbers; decimal point or comma.

        Raises
        ------
        SessionError : not a number, NaN or infinite; names the line.
        """
        return [
            _number(text, column, self.path, line)
            for text, line in zip(self.columns[column], self.lines, strict=True)
        ]


def read_csv_table(path: Path, required: Sequence[str]) -> CsvTable:
    """A CSV with a header: comma, semicolon or tab, with or without a byte order mark.

    Names in it are as session.toml's (:func:`sessions.names.composed`).

    Raises
    ------
    SessionError : not readable, not UTF-8, empty, columns missing or twice, a line of another
        length than the header (with the line).
    """
    rows = table_rows(_text(path), path)
    if not rows:
        raise SessionError(f"{path.name} is empty", where=path, expected=",".join(required))
    header = rows[0][1]
    missing = [c for c in required if c not in header]
    if missing:
        raise SessionError(
            f"{path.name} lacks columns",
            where=path,
            found=f"{', '.join(missing)} missing in {', '.join(header)[:80]!r}",
            expected=",".join(required),
        )
    columns = {name: [row[k] for _, row in rows[1:]] for k, name in enumerate(header)}
    return CsvTable(path, columns, [number for number, _ in rows[1:]])


def table_rows(
    text: str, path: Path, *, first_line: int = 1, short: bool = False
) -> list[tuple[int, list[str]]]:
    """Header and lines of a table, each with its line in the file; cells without blanks around.

    Blank lines are left out, empty cells beyond the header cut. first_line : that of ``text`` in
    the file. short : lines may end early; what is missing is empty.

    Raises
    ------
    SessionError : a quote that is not closed; a column twice; a line of another length than the
        header: what stands in its columns would not be what they are named.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    lines = io.StringIO(text, newline=None)  # the carriage returns of old spreadsheets, too
    reader = csv.reader(lines, delimiter=max(",;\t", key=first.count), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(c.strip() for c in cells):
                rows.append((first_line - 1 + reader.line_num, [c.strip() for c in cells]))
    except csv.Error as error:
        raise SessionError(
            f"line {first_line - 1 + reader.line_num} of {path.name} is no line of a table",
            where=path, found=error,
        ) from error  # fmt: skip
    header = rows[0][1] if rows else []
    while header and not header[-1]:
        header.pop()
    if len(set(header)) < len(header):
        raise SessionError(f"{path.name} has a column twice", where=path, found=", ".join(header))
    for number, row in rows[1:]:
        while len(row) > len(header) and not row[-1]:
            row.pop()
        if short:
            row += [""] * (len(header) - len(row))
        if len(row) != len(header):
            raise SessionError(
                f"line {number} of {path.name} has {len(row)} fields, its header {len(header)}",
                where=path,
                remedy="Where a comma parts the columns, decimals need a point (3.5) and texts "
                "with commas need quotes; or part the columns by semicolons.",
            )
    return rows


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SessionError(f"{path.name} is far too large for a table", where=path)
        return composed(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SessionError(
            f"{path.name} is not UTF-8 text", where=path, remedy="Save it as CSV UTF-8."
        ) from error
    except OSError as error:
        raise SessionError(
            f"{path.name} cannot be read", where=path, found=error.strerror
        ) from error


def _number(text: str, column: str, path: Path, line: int) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e12:
        raise SessionError(
            f"`{column}` is not a number", where=path, found=f"line {line}: {text[:40]!r}"
        )
    return value
