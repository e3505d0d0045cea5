"""Annotations of other programs: ELAN, BORIS, subtitles, lists of slides, tables.

One :class:`Annotation` for each: who (a tier, a subject), from when to when, what. Times are those
of the annotated film; the caller shifts them to the lesson's clock.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sessions.csv_table import table_rows
from sessions.errors import SessionError
from sessions.events.times import CLOCK, seconds
from sessions.names import composed

LARGEST_BYTES = 50_000_000
MOST_S = 1e6  # eleven days: more is a date, or counted in milliseconds
PACKED = {
    b"PK": ("a workbook or an archive, not text", "Save the sheet as CSV UTF-8."),
    b"\x1f\x8b": ("packed by gzip", "Unpack it first."),
}
NOTHING = {"", "na", "nan"}  # in BORIS' tables
# columns of a list of slides
SLIDE, TITLE = {"slide", "folie", "nr", "number"}, {"title", "titel", "name", "label"}
TIME = {"time", "time_s", "start", "start_s", "begin", "timestamp", "zeit", "beginn"}
DURATION = {"duration", "duration_s", "dauer", "dauer_s"}


@dataclass(frozen=True)
class Annotation:
    """Something that a person wrote down. tier : ELAN's tier, BORIS' subject; may be empty.
    end_s : None where it has none (a point event, the start of a slide). line : of the file.
    kind : what events.csv says it is, ``slide`` out of a list of slides; else empty."""

    tier: str
    start_s: float
    end_s: float | None
    label: str
    line: int = 0
    kind: str = ""


def read_annotations(
    path: str | Path, format: str = "auto", *, observation: str | None = None
) -> list[Annotation]:
    """Everything in a file, in order of time.

    format : ``elan`` (.eaf, or its tab-delimited text), ``boris`` (a project, or its events as CSV
    or TSV), ``srt`` (and WebVTT), ``slides`` (a time and a title in each line), ``csv`` (a header
    with ``time_s`` or ``start_s``, ``label``, optionally ``end_s``, ``student`` and ``kind``), or
    ``auto``.
    observation : which one of a BORIS project that holds several.

    Raises
    ------
    SessionError : no such file, another format, a time that is none or beyond MOST_S, an end
        before its beginning, a line of a table that is longer than its header.
    """
    path = Path(path)
    text = read_text(path)
    kind = _guess(path, text) if format == "auto" else format
    if kind not in FORMATS:
        raise SessionError(
            "there is no such format of annotations", found=format,
            expected=", ".join(["auto", *FORMATS]),
        )  # fmt: skip
    if not text.strip():
        return []
    if kind == "boris":
        found = _boris(text, path, observation)
    else:
        found = FORMATS[kind](text, path)
    for a in found:
        if a.end_s is not None and a.end_s < a.start_s:
            raise _wrong(path, a.line, "the end is no time after the beginning", f"{a.end_s:g}",
                         f"seconds from {a.start_s:g}")  # fmt: skip
        if max(abs(a.start_s), abs(a.end_s or 0.0)) > MOST_S:
            raise _wrong(path, a.line, "this is no time of a film", f"{a.end_s or a.start_s:g} s",
                         "seconds from the film's beginning, not a date")  # fmt: skip
    found = [replace(a, tier=composed(a.tier), label=composed(a.label)) for a in found]
    return sorted(found, key=lambda a: (a.start_s, a.end_s or a.start_s, a.tier, a.label))


def read_text(path: Path) -> str:
    """A file of annotations as text: UTF-8, or UTF-16 with its mark.

    Raises
    ------
    SessionError : no such file, far too large, no text.
    """
    if not path.is_file():
        raise SessionError("there is no such file of events", where=path)
    if path.stat().st_size > LARGEST_BYTES:
        raise SessionError("the file is far too large for annotations", where=path)
    raw = path.read_bytes()
    if raw[:2] in PACKED:
        raise SessionError(f"this is {PACKED[raw[:2]][0]}", where=path, remedy=PACKED[raw[:2]][1])
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")  # Excel's "Unicode text"
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SessionError(
            "the events are not UTF-8 text", where=path, remedy="Save the file again as UTF-8."
        ) from error
    if "\0" in text:
        raise SessionError("this is no text, or UTF-16 without its mark", where=path,
                           remedy="Save the file again as UTF-8.")  # fmt: skip
    return text


def _guess(path: Path, text: str) -> str:
    """By its ending, then by its first lines."""
    by_ending = {".eaf": "elan", ".boris": "boris", ".json": "boris", ".srt": "srt", ".vtt": "srt"}
    if path.suffix.lower() in by_ending:
        return by_ending[path.suffix.lower()]
    start = text.lstrip()[:2000]
    if start.startswith(("<?xml", "<ANNOTATION_DOCUMENT")):
        return "elan"
    if start.startswith("{"):
        return "boris"
    if "-->" in start:
        return "srt"
    if any(_is_boris_header(line) for line in text.splitlines()[:30]):
        return "boris"
    first = next((line for line in text.splitlines() if line.strip()), "")
    cells = set(head_of(first))
    if cells & (SLIDE | {"title", "titel"}):
        return "slides"
    if cells & {"time_s", "start_s"}:
        return "csv"
    # a time first, then a title: a list of slides; a tier first, then two times: ELAN's text
    if "\t" in first and seconds(first.split("\t")[0]) is None:
        return "elan"
    if seconds(re.split(r"[,;\t ]", first.strip().lstrip('"'))[0].strip('"')) is not None:
        return "slides"
    return "csv"


def head_of(line: str) -> list[str]:
    """The names in a header, small."""
    return [c.strip().strip('"').lower() for c in re.split(r"[,;\t]", line)]


def _wrong(path: Path, line: int, what: str, found: str, expected: str = "") -> SessionError:
    at = f"line {line}: " if line else ""
    return SessionError(at + what, where=path, found=repr(found)[:80],
                        expected=expected or None)  # fmt: skip


def _time(text: str, path: Path, line: int) -> float:
    value = seconds(text)
    if value is None:
        raise _wrong(path, line, "this is no time", text, "seconds (75.5) or h:mm:ss (0:01:15.5)")
    return value


def _one_line(text: str) -> str:
    return " ".join(text.split())


# -- ELAN ------------------------------------------------------------------------------------------


def _elan(text: str, path: Path) -> list[Annotation]:
    if text.lstrip().startswith("<"):
        return _eaf(text, path)
    return elan_text([line for line in text.splitlines() if line.strip()], path)


def _eaf(text: str, path: Path) -> list[Annotation]:
    """ELAN's own file: aligned annotations, and those that refer to them."""
    if "<!ENTITY" in text:  # which could grow without end
        raise SessionError("an ELAN file defines no entities", where=path)
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise SessionError("this is no ELAN file", where=path, found=str(error)) from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise SessionError("this is no ELAN file", where=path, found=f"<{root.tag}>")
    units = next((h.get("TIME_UNITS", "") for h in root.iter("HEADER")), "")
    if units not in ("", "milliseconds"):
        raise SessionError("ELAN's times are not in milliseconds", where=path, found=units)
    times = _time_slots(root, path)
    spans: dict[str, tuple[float, float]] = {}
    refers: dict[str, str] = {}
    for a in root.iter("ALIGNABLE_ANNOTATION"):
        start, end = (times.get(a.get(k, "")) for k in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"))
        if start is not None and end is not None:
            spans[a.get("ANNOTATION_ID", "")] = start, end
    for a in root.iter("REF_ANNOTATION"):
        refers[a.get("ANNOTATION_ID", "")] = a.get("ANNOTATION_REF", "")
    found = []
    for tier in root.iter("TIER"):
        for a in tier.iter():
            if a.tag not in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
                continue
            name = seen = a.get("ANNOTATION_ID", "")
            while name in refers and name not in spans:
                name = refers[name]
                if name == seen:
                    raise SessionError(
                        "an ELAN annotation refers to itself", where=path, found=name
                    )
            label = _one_line(a.findtext("ANNOTATION_VALUE") or "")
            if name not in spans:
                raise SessionError("an ELAN annotation has no time", where=path,
                                   found=f"{seen} {label}"[:80])  # fmt: skip
            found.append(Annotation(tier.get("TIER_ID", ""), *spans[name], label))
    return found


def _time_slots(root: ET.Element, path: Path) -> dict[str, float]:
    """Seconds of each slot; slots without a time lie evenly between their neighbours."""
    slots = [(s.get("TIME_SLOT_ID", ""), s.get("TIME_VALUE")) for s in root.iter("TIME_SLOT")]
    known = []
    for k, (name, v) in enumerate(slots):
        if v is not None and not re.fullmatch(r"\s*-?\d{1,15}\s*", v):
            raise SessionError(f"ELAN's time slot {name} has no time", where=path, found=v[:40],
                               expected="milliseconds")  # fmt: skip
        if v is not None:
            known.append((k, int(v) / 1000))
    times = {slots[k][0]: t for k, t in known}
    for (k0, t0), (k1, t1) in itertools.pairwise(known):
        for k in range(k0 + 1, k1):
            times[slots[k][0]] = t0 + (t1 - t0) * (k - k0) / (k1 - k0)
    return times


def elan_text(lines: list[str], path: Path) -> list[Annotation]:
    """ELAN's tab-delimited text (tier, begin, end, …, value), with or without a header."""
    rows = [line.split("\t") for line in lines]
    head = [c.strip().lower() for c in rows[0]]
    found = []
    if any("begin" in c or c.startswith("tier") for c in head):
        begin, end = (_column(head, word, path) for word in ("begin", "end"))
        value = next(
            (i for i, c in enumerate(head) if c in ("value", "annotation", "label")), len(head) - 1
        )
        scale = 0.001 if head[begin].endswith("msec") and "ss.msec" not in head[begin] else 1.0
        tier = next((i for i, c in enumerate(head) if c.startswith("tier")), None)
        for i, row in enumerate(rows[1:], start=2):
            if len(row) <= max(begin, end):
                raise SessionError(f"line {i}: a begin and an end are needed", where=path)
            found.append(Annotation(
                row[tier].strip() if tier is not None else "",
                scale * _time(row[begin], path, i), scale * _time(row[end], path, i),
                _one_line(row[value]) if len(row) > value else "", i,
            ))  # fmt: skip
        return found
    for i, row in enumerate(rows, start=1):  # ELAN's default: tier, participant, times …, value
        clocks = [c for c in row[1:-1] if CLOCK.match(c.strip())]
        numbers = [c for c in row[1:-1] if seconds(c) is not None and not CLOCK.match(c.strip())]
        times = clocks if len(clocks) >= 2 else numbers
        if len(times) < 2:
            raise SessionError(
                f"line {i}: ELAN's begin and end were not found", where=path,
                found="\t".join(row)[:60], expected="tier, begin, end, value",
            )  # fmt: skip
        whole = not clocks and all(re.fullmatch(r"\d+", c.strip()) for c in times)
        scale = 0.001 if whole else 1.0
        begin_s, end_s = (scale * _time(t, path, i) for t in times[:2])
        found.append(Annotation(row[0].strip(), begin_s, end_s, _one_line(row[-1]), i))
    return found


def _column(head: list[str], word: str, path: Path) -> int:
    """The column of a begin or end time; seconds rather than milliseconds where both are there."""
    found = [i for i, c in enumerate(head) if c.startswith(word)]
    if not found:
        raise SessionError("ELAN's columns were not found", where=path, found=", ".join(head),
                           expected="tier, begin [s], end [s], value")  # fmt: skip
    return next((i for i in found if "msec" not in head[i] or "ss.msec" in head[i]), found[0])


# -- BORIS -----------------------------------------------------------------------------------------


def _boris(text: str, path: Path, observation: str | None) -> list[Annotation]:
    if text.lstrip().startswith("{"):
        return _boris_project(text, path, observation)
    return _boris_table(text, path, observation)


def _boris_project(text: str, path: Path, observation: str | None) -> list[Annotation]:
    try:
        project = json.loads(text)
        events_of: dict[str, tuple[list[Any], float]] = {
            name: (list(o.get("events", [])), float(o.get("time offset") or 0))
            for name, o in project["observations"].items()
        }
        kinds = {
            b["code"]: str(b.get("type", "")).lower()
            for b in project.get("behaviors_conf", {}).values()
        }
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise SessionError("this is no BORIS project", where=path, found=str(error)[:80]) from error
    name = _the_observation(list(events_of), observation, path)
    coded, offset_s = events_of[name]
    events = []
    for k, event in enumerate(coded, start=1):
        try:
            time, subject, code = float(event[0]) - offset_s, str(event[1]), str(event[2])
            if not math.isfinite(time):
                raise ValueError
        except (ValueError, IndexError, TypeError, KeyError) as error:
            raise SessionError(
                f"event {k} of BORIS' observation {name!r} has no time, subject and behaviour",
                where=path, found=str(event)[:80],
            ) from error  # fmt: skip
        events.append((time, _subject(subject), code, kinds.get(code, ""), k))
    return list(_paired(events, path))


def _the_observation(names: list[str], wanted: str | None, path: Path) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if not names:
        raise SessionError("this BORIS project holds no observation", where=path)
    if wanted is None or wanted not in names:
        raise SessionError(
            "say which of BORIS' observations", where=path, found=wanted or f"{len(names)} in it",
            expected=f"--observation, one of: {', '.join(names[:20])}",
        )  # fmt: skip
    return wanted


def _subject(text: str) -> str:
    return "" if text.strip().lower() == "no focal subject" else text.strip()


def _paired(events: Iterable[tuple[float, str, str, str, int]], path: Path) -> Iterator[Annotation]:
    """State events begin and end by turns; point events are moments.

    events : time, subject, behaviour, what it is (state …, point …, start, stop), line.
    """
    turns: dict[tuple[str, str], tuple[list[tuple[float, int]], list[tuple[float, int]]]] = {}
    for time, subject, code, kind, line in sorted(events):
        if kind.startswith("point"):
            yield Annotation(subject, time, None, code, line)
            continue
        starts, stops = turns.setdefault((subject, code), ([], []))
        stop = kind == "stop" or (kind != "start" and len(starts) > len(stops))
        (stops if stop else starts).append((time, line))
    for (subject, code), (starts, stops) in turns.items():
        for k in range(max(len(starts), len(stops))):
            if k == len(starts) or (k < len(stops) and stops[k][0] < starts[k][0]):
                raise _wrong(path, stops[k][1], f"{code!r} stops and never began",
                             f"{stops[k][0]:g}")  # fmt: skip
            next_start = starts[k + 1][0] if k + 1 < len(starts) else math.inf
            if k >= len(stops) or stops[k][0] > next_start:
                raise _wrong(path, starts[k][1], f"{code!r} begins and never stops",
                             f"{starts[k][0]:g}",
                             "a stop in BORIS: State events, Fix unpaired events")  # fmt: skip
            yield Annotation(subject, starts[k][0], stops[k][0], code, starts[k][1])


def _is_boris_header(line: str) -> bool:
    cells = {c.strip().strip('"').lower() for c in re.split(r"[,;\t]", line)}
    return bool(cells & {"behavior", "behaviour"}) and any(
        c == "time" or c.startswith("start (s") for c in cells
    )


def _boris_table(text: str, path: Path, observation: str | None) -> list[Annotation]:
    """BORIS' aggregated events (start and stop in one line) or tabular events (one line each)."""
    lines = text.splitlines()
    top = next((k for k, line in enumerate(lines) if _is_boris_header(line)), None)
    if top is None:
        raise SessionError("BORIS' columns were not found", where=path, found=lines[0][:60],
                           expected="Behavior, and Time or Start (s)")  # fmt: skip
    (_, names_of), *numbered = table_rows(
        "\n".join(lines[top:]), path, first_line=top + 1, short=True
    )
    head = [c.lower().replace("behaviour", "behavior") for c in names_of]

    def cell(row: list[str], *names: str) -> str:
        whole = (i for n in names for i, c in enumerate(head) if c == n)  # not "Time offset (s)"
        begun = (i for n in names for i, c in enumerate(head) if c.startswith(n))
        at = next(itertools.chain(whole, begun), None)
        return row[at] if at is not None else ""

    def time(row: list[str], line: int, *names: str) -> float:
        offset = cell(row, "time offset")  # that BORIS added to the film's time
        offset_s = 0.0 if offset.lower() in NOTHING else _time(offset, path, line)
        return _time(cell(row, *names), path, line) - offset_s

    names = list(dict.fromkeys(cell(row, "observation id") for _, row in numbered))
    if len(names) > 1 or observation is not None:
        name = _the_observation(names, observation, path)
        numbered = [(i, row) for i, row in numbered if cell(row, "observation id") == name]
    if any(c.startswith("start (s") for c in head):
        found = []
        for i, row in numbered:
            start = time(row, i, "start (s")
            ends = cell(row, "stop (s").lower() not in NOTHING
            stop = time(row, i, "stop (s") if ends else None
            found.append(Annotation(_subject(cell(row, "subject")), start,
                                    None if stop is None or stop == start else stop,
                                    cell(row, "behavior"), i))  # fmt: skip
        return found
    events = [
        (time(row, i, "time"), _subject(cell(row, "subject")), cell(row, "behavior"),
         cell(row, "behavior type", "status").lower(), i)
        for i, row in numbered
    ]  # fmt: skip
    return list(_paired(events, path))


# -- subtitles, lists, tables ----------------------------------------------------------------------

_ARROW_LIKE = re.compile(r"^\s*-?\d+:[^>]*->")
_ARROW = re.compile(r"^\s*([\d:.,]+)\s*-->\s*([\d:.,]+)")
# a comma ends the time unless digits and then another sign follow it: 12,5;title
_TIME_FIRST = re.compile(r"([\d:.]*(?:,\d+(?=[;\t ]))?)[,;\t ]*(.*)")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")


def _srt(text: str, path: Path) -> list[Annotation]:
    found = []
    lines = text.splitlines()
    for i, line in enumerate(lines, start=1):
        if not _ARROW_LIKE.match(line):
            continue
        arrow = _ARROW.match(line)
        if arrow is None:
            raise _wrong(path, i, "these are no two times", line.strip(),
                         "00:00:05,000 --> 00:00:09,500")  # fmt: skip
        words = []
        for following in lines[i:]:
            if not following.strip() or _ARROW_LIKE.match(following):
                break
            words.append(following)
        start, end = (_time(t, path, i) for t in arrow.groups())
        found.append(Annotation("", start, end, _one_line(_TAG.sub("", " ".join(words))), i))
    if not found:
        raise SessionError("these are no subtitles", where=path, found=lines[0][:60],
                           expected="00:00:05,000 --> 00:00:09,500")  # fmt: skip
    return found


def _slides(text: str, path: Path) -> list[Annotation]:
    """A time, then a title (which may be missing), in each line; or columns with names, in any
    order: times, or how long each slide was shown, as PowerPoint's rehearsed timings."""
    lines = [(i, line.strip()) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    head = head_of(lines[0][1])
    if seconds(head[0]) is None and set(head) & (SLIDE | TITLE | TIME | DURATION):
        return _slides_by_column(text, head, path)
    found: list[Annotation] = []
    for i, line in lines:
        if '"' in line:
            time, *rest = next(csv.reader([line], delimiter=max(",;\t", key=line.count)))
            title = ", ".join(rest)
        else:
            time, title = _TIME_FIRST.fullmatch(line).groups()  # type: ignore[union-attr]
        if seconds(time) is None and not found and i == 1:
            continue  # a header in words of its own
        start = _time(time, path, i)
        title = _one_line(title).removeprefix("- ") or f"{len(found) + 1}"
        found.append(Annotation("", start, None, title, i, kind="slide"))
    return found


def _slides_by_column(text: str, head: list[str], path: Path) -> list[Annotation]:
    time, duration, title, number = (
        next((k for k, c in enumerate(head) if c in names), None)
        for names in (TIME, DURATION, TITLE, SLIDE)
    )
    if time is None and duration is None:
        raise SessionError("the list of slides has no column of times", where=path,
                           found=", ".join(head)[:80],
                           expected="time (when each began), or duration")  # fmt: skip
    title = number if title is None else title
    found: list[Annotation] = []
    start = 0.0
    for i, row in table_rows(text, path, short=True)[1:]:
        value = _time(row[duration if time is None else time], path, i)  # type: ignore[index]
        if time is None and value < 0:
            raise _wrong(path, i, "a slide is shown for no less than no time", f"{value:g}")
        name = _one_line(row[title]) if title is not None else ""
        begun = start if time is None else value
        found.append(Annotation("", begun, None, name or f"{len(found) + 1}", i, kind="slide"))
        start += value
    return found


def _csv(text: str, path: Path) -> list[Annotation]:
    (_, names), *rows = table_rows(text, path, short=True)
    head = [h.lower() for h in names]
    start, label, end, who, kind = (
        next((head.index(c) for c in of if c in head), None)
        for of in (("start_s", "time_s"), ("label", "area", "code"), ("end_s",),
                   ("student", "subject", "tier"), ("kind",))
    )  # fmt: skip
    if start is None or label is None:
        raise SessionError(
            "the events have no header", where=path, found=",".join(names)[:60],
            expected="time_s,label or time_s,label,end_s",
        )  # fmt: skip
    found = []
    for i, row in rows:
        stop = row[end] if end is not None else ""
        begin = _time(row[start], path, i)
        found.append(Annotation(
            row[who] if who is not None else "", begin,
            _end(stop, begin, path, i) if stop else None, _one_line(row[label]), i,
            row[kind].lower() if kind is not None else "",
        ))  # fmt: skip
    return found


def _end(text: str, begin_s: float, path: Path, line: int) -> float:
    end = seconds(text)
    if end is None or end < begin_s:
        raise _wrong(path, line, "the end is no time after the beginning", text,
                     f"seconds from {begin_s:g}")  # fmt: skip
    return end


FORMATS: dict[str, Callable[[str, Path], list[Annotation]]] = {
    "elan": _elan,
    "boris": lambda text, path: _boris(text, path, None),
    "srt": _srt,
    "slides": _slides,
    "csv": _csv,
}
