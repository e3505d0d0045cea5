"""events.csv from what people annotated elsewhere: ELAN, BORIS, subtitles, times of slides."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sessions.config_values import FORMULA
from sessions.errors import SessionError
from sessions.events.annotations import Annotation, read_annotations
from sessions.events.marks import Kind, Mark, mark_of, read_marks, write_marks
from sessions.folder import Session
from sessions.names import composed


@dataclass(frozen=True)
class Imported:
    """What was written: the events that are new, and all that events.csv holds now."""

    path: Path
    new: tuple[Mark, ...]
    all: tuple[Mark, ...]


def import_events(
    session: Session,
    path: str | Path,
    *,
    format: str = "auto",
    kind: Kind | None = None,
    tiers: Sequence[str] = (),
    exclude: Sequence[str] = (),
    offset_s: float = 0.0,
    observation: str | None = None,
    replace: bool = False,
) -> Imported:
    """Add a file's annotations to the lesson's events.csv.

    Parameters
    ----------
    format, observation : see :func:`sessions.events.annotations.read_annotations`.
    kind : of all of them; None: what a column ``kind`` says, slides of a list of slides, phases
        where there is an end.
    tiers : only these tiers (ELAN) or subjects (BORIS); empty = all. Who it was is not written.
    exclude : labels whose segments no measure counts.
    offset_s : added to every time: the annotated film began so much later than the left video.
    replace : what events.csv held goes.

    Raises
    ------
    SessionError : a file that cannot be read; no such tier or label; nothing to import; a segment
        to exclude that has no end; events.csv is ELAN's own text.
    """
    path = Path(path)
    found = read_annotations(path, format, observation=observation)
    tiers, exclude = [composed(t) for t in tiers], [composed(e) for e in exclude]
    _known(path, "tier", tiers, {a.tier for a in found})
    found = [a for a in found if not tiers or a.tier in tiers]
    _known(path, "label", exclude, {a.label for a in found})
    if not found:
        raise SessionError("there is nothing to import", where=path)
    new = [_mark(a, path, kind, exclude, offset_s) for a in found]
    before = () if replace or not session.events_path.is_file() else read_marks(session.events_path)
    new = [m for m in dict.fromkeys(new) if m not in before]
    write_marks(session.events_path, [*before, *new])
    return Imported(session.events_path, tuple(new), read_marks(session.events_path))


def _known(path: Path, what: str, asked: Sequence[str], there: set[str]) -> None:
    missing = [name for name in asked if name not in there]
    if missing:
        raise SessionError(f"the file has no such {what}", where=path, found=", ".join(missing),
                           expected=", ".join(sorted(there))[:200] or "none")  # fmt: skip


def _mark(
    a: Annotation, path: Path, kind: Kind | None, exclude: Sequence[str], offset_s: float
) -> Mark:
    own = mark_of(a, path)
    start = own.time_s + offset_s
    end = None if own.end_s is None else own.end_s + offset_s
    chosen: Kind = "excluded" if a.label in exclude else kind or own.kind
    if chosen in ("phase", "excluded") and end is None:
        raise SessionError(
            f"line {a.line}: a moment cannot be {chosen}: it has no end", where=path, found=a.label,
            remedy="Give it an end, or import it as a mark.",
        )  # fmt: skip
    return Mark(start, _plain(a.label) or "–", end, chosen)


def _plain(label: str) -> str:
    """One line without signs that cannot be seen, which no spreadsheet takes for a formula."""
    text = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in label).split())
    return f"'{text}" if text.startswith(FORMULA) else text[:200]
