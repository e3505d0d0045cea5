"""The teacher's marks: moments and phases of a lesson, from events.csv or ELAN's tab text."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

from gaze.report.lesson import ReportError

_CLOCK = re.compile(r"^(\d+):([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)$")


@dataclass(frozen=True)
class Mark:
    """Something that happened in the lesson; with an end it is a phase. Times in seconds."""

    time_s: float
    label: str
    end_s: float | None = None


def seconds(text: str) -> float | None:
    """``12.5``, ``12,5`` or ``00:12:30.250`` as seconds; None where it is neither."""
    text = text.strip()
    clock = _CLOCK.match(text)
    if clock:
        h, m, s = clock.groups()
        return 3600 * int(h) + 60 * int(m) + float(s.replace(",", "."))
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_marks(path: str | Path) -> tuple[Mark, ...]:
    """Marks of a lesson, in order of time.

    path : a CSV file with a header ``time_s,label[,end_s]`` (comma or semicolon), or text that ELAN
    exports as tab-delimited (tier, begin, end, …, value; with or without a header line).

    Raises
    ------
    ReportError : no such file, no header, a time that is none, an end before its beginning.
    """
    path = Path(path)
    if not path.is_file():
        raise ReportError("there is no such file of events", where=path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReportError(
            "the events are not UTF-8 text", where=path, remedy="Save the file as CSV UTF-8."
        ) from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return ()
    marks = _elan(lines, path) if "\t" in lines[0] else _csv(lines, path)
    return tuple(sorted(marks, key=lambda m: (m.time_s, m.end_s or m.time_s, m.label)))


def _mark(start: str, end: str | None, label: str, path: Path, line: int) -> Mark:
    begin = seconds(start)
    if begin is None:
        raise ReportError(
            f"line {line}: this is no time", where=path, found=repr(start),
            expected="seconds (75.5) or h:mm:ss (0:01:15.5)",
        )  # fmt: skip
    if end is None or not end.strip():
        return Mark(begin, label.strip())
    stop = seconds(end)
    if stop is None or stop < begin:
        raise ReportError(
            f"line {line}: the end is no time after the beginning", where=path, found=repr(end),
            expected=f"seconds from {begin:g}",
        )  # fmt: skip
    return Mark(begin, label.strip(), stop if stop > begin else None)


def _csv(lines: list[str], path: Path) -> list[Mark]:
    delimiter = ";" if lines[0].count(";") > lines[0].count(",") else ","
    rows = list(csv.reader(lines, delimiter=delimiter))
    header = [h.strip().lower() for h in rows[0]]
    if "time_s" not in header or "label" not in header:
        raise ReportError(
            "the events have no header", where=path, found=lines[0][:60],
            expected="time_s,label or time_s,label,end_s",
        )  # fmt: skip
    t, name = header.index("time_s"), header.index("label")
    end = header.index("end_s") if "end_s" in header else None
    marks = []
    for i, row in enumerate(rows[1:], start=2):
        if len(row) <= max(t, name):
            raise ReportError(f"line {i}: a time and a label are needed", where=path,
                              found=",".join(row))  # fmt: skip
        stop = row[end] if end is not None and len(row) > end else None
        marks.append(_mark(row[t], stop, row[name], path, i))
    return marks


def _elan(lines: list[str], path: Path) -> list[Mark]:
    rows = [line.split("\t") for line in lines]
    head = [c.strip().lower() for c in rows[0]]
    marks = []
    if any("begin" in c or c.startswith("tier") for c in head):
        begin = _column(head, "begin", path)
        end = _column(head, "end", path)
        value = next(
            (i for i, c in enumerate(head) if c in ("value", "annotation", "label")), len(head) - 1
        )
        scale = 0.001 if "msec" in head[begin] else 1.0
        for i, row in enumerate(rows[1:], start=2):
            if len(row) <= max(begin, end):
                raise ReportError(f"line {i}: a begin and an end are needed", where=path)
            label = row[value] if len(row) > value else ""
            marks.append(_scaled(row[begin], row[end], label, scale, path, i))
        return marks
    for i, row in enumerate(rows, start=1):  # ELAN's default: tier, participant, times …, value
        clocks = [c for c in row[1:-1] if _CLOCK.match(c.strip())]
        numbers = [c for c in row[1:-1] if seconds(c) is not None and not _CLOCK.match(c.strip())]
        times = clocks if len(clocks) >= 2 else numbers
        if len(times) < 2:
            raise ReportError(
                f"line {i}: ELAN's begin and end were not found", where=path,
                found="\t".join(row)[:60], expected="tier, begin, end, value",
            )  # fmt: skip
        whole = not clocks and all(re.fullmatch(r"\d+", c.strip()) for c in times)
        marks.append(_scaled(times[0], times[1], row[-1], 0.001 if whole else 1.0, path, i))
    return marks


def _column(head: list[str], word: str, path: Path) -> int:
    """The column of a begin or end time; seconds rather than milliseconds where both are there."""
    found = [i for i, c in enumerate(head) if c.startswith(word)]
    if not found:
        raise ReportError("ELAN's columns were not found", where=path, found=", ".join(head),
                          expected="tier, begin [s], end [s], value")  # fmt: skip
    return next((i for i in found if "msec" not in head[i] or "ss.msec" in head[i]), found[0])


def _scaled(begin: str, end: str, label: str, scale: float, path: Path, line: int) -> Mark:
    mark = _mark(begin, end, label, path, line)
    if scale == 1.0:
        return mark
    stop = None if mark.end_s is None else mark.end_s * scale
    return Mark(mark.time_s * scale, mark.label, stop)
