"""events.csv: moments, phases and slides of a lesson, and the segments that no measure counts."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sessions.errors import SessionError
from sessions.events.annotations import Annotation, head_of, read_annotations, read_text
from sessions.events.moves import EXPECTED, Move, move_of
from sessions.run import atomic_write

Kind = Literal["mark", "phase", "slide", "excluded", "slid", "seat"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOVES: tuple[Kind, ...] = ("slid", "seat")  # no marks of the lesson: what moves in it
COLUMNS = ("time_s", "label", "end_s", "kind")


@dataclass(frozen=True)
class Mark:
    """Something that happened in the lesson. Times in seconds on its clock.

    kind : ``mark`` (a moment), ``phase``, ``slide``, ``excluded`` (a film, a break: no measure
    counts it), ``slid`` or ``seat`` (from then on; sessions.events.moves); absent: a phase where it
    has an end, else a mark. A slide without an end lasts until the next one; the last one's end_s
    is None.
    """

    time_s: float
    label: str
    end_s: float | None = None
    kind: Kind = "mark"

    def __post_init__(self) -> None:
        if self.kind == "mark" and self.end_s is not None:
            object.__setattr__(self, "kind", "phase")


def read_marks(path: str | Path) -> tuple[Mark, ...]:
    """Marks of a lesson, in order of time.

    path : a CSV file with a header ``time_s,label[,end_s][,kind]`` (comma or semicolon), or text
    that ELAN exports as tab-delimited (tier, begin, end, …, value; with or without a header line).

    Raises
    ------
    SessionError : no such file, no header, a time that is none, an end before its beginning, an
        unknown kind, a segment to exclude without an end.
    """
    path = Path(path)
    found = read_annotations(path, "csv" if _is_csv(path) else "elan")
    return _in_order(mark_of(a, path) for a in found)


def _is_csv(path: Path) -> bool:
    """Not ELAN's tab-delimited text, which has other columns."""
    text = read_text(path) if path.is_file() else ""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return "\t" not in first or bool({"time_s", "start_s"} & set(head_of(first)))


def mark_of(a: Annotation, path: Path) -> Mark:
    """An annotation as a mark of what it says it is.

    Raises
    ------
    SessionError : an unknown kind; a segment without an end; a move that cannot be read.
    """
    kind = a.kind
    end = a.end_s if a.end_s is not None and a.end_s > a.start_s else None
    known = next((k for k in KINDS if k == kind), None)
    if kind and known is None:
        raise SessionError(f"line {a.line}: there is no such kind of event", where=path, found=kind,
                           expected=", ".join(KINDS))  # fmt: skip
    if known in ("phase", "excluded") and end is None:
        raise SessionError(f"line {a.line}: {kind} needs an end", where=path, found=a.label,
                           expected="end_s after time_s")  # fmt: skip
    if known in MOVES and (end is not None or move_of(a.start_s, a.label) is None):
        raise SessionError(
            f"line {a.line}: a line of kind {kind} holds until the next one, and its label says "
            "who and where",
            where=path, found=a.label if end is None else f"{a.label}, until {end:g}",
            expected=EXPECTED[kind],
        )  # fmt: skip
    return Mark(a.start_s, a.label, end, known or "mark")


def _in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """By time; slides without an end last until the next."""
    ordered = sorted(marks, key=lambda m: (m.time_s, m.end_s or m.time_s, m.label))
    starts = [m.time_s for m in ordered if m.kind == "slide"]
    out = []
    for m in ordered:
        after = [t for t in starts if t > m.time_s]
        open_slide = m.kind == "slide" and m.end_s is None
        out.append(replace(m, end_s=min(after)) if open_slide and after else m)
    return tuple(out)


def write_marks(path: Path, marks: Iterable[Mark]) -> None:
    """events.csv, once it reads back as what was meant.

    Raises
    ------
    SessionError : the file is ELAN's text, which is not rewritten; a mark that cannot be.
    """
    if path.is_file() and not _is_csv(path):
        raise SessionError(
            "this events.csv is ELAN's text and is not rewritten", where=path,
            remedy="Edit it in ELAN, or move it away first.",
        )  # fmt: skip
    with atomic_write(path) as aside:
        with aside.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for m in sorted(marks, key=lambda m: m.time_s):
                end = "" if m.end_s is None else f"{m.end_s:.10g}"
                table.writerow([f"{m.time_s:.10g}", m.label, end, m.kind])
        read_marks(aside)


def moves(marks: Iterable[Mark], kind: Kind) -> tuple[Move, ...]:
    """Lines of one kind of :data:`MOVES`, in order of time."""
    found = (move_of(m.time_s, m.label) for m in marks if m.kind == kind)
    return tuple(m for m in found if m is not None)


def excluded_s(marks: Iterable[Mark]) -> tuple[tuple[float, float], ...]:
    """Segments [from, to) that no measure counts, in order, without overlaps."""
    out: list[tuple[float, float]] = []
    for m in sorted(marks, key=lambda m: m.time_s):
        if m.kind != "excluded" or m.end_s is None:
            continue
        if out and m.time_s <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], m.end_s)
        else:
            out.append((m.time_s, m.end_s))
    return tuple(out)


def counted(time_s: ArrayLike, excluded: Iterable[tuple[float, float]]) -> NDArray[np.bool_]:
    """(N,) which times lie in none of the excluded segments."""
    t = np.asarray(time_s, np.float64)
    keep = np.ones(t.shape, bool)
    for start, end in excluded:
        keep &= ~((t >= start) & (t < end))
    return keep
