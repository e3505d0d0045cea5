"""What moves within a lesson, from events.csv: boards that are slid, students who change seats."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sessions.csv_table import read_csv_table
from sessions.errors import SessionError

TRACK_COLUMNS = ("time_s", "surface", "left_m", "down_m")
TRACK_STEP_M = 0.06  # a moving surface is followed to 5 cm, far less than the σ of a gaze
FARTHEST_M = 10.0
_LABEL = re.compile(r"(.+?)\s*:\s*(-?\d+(?:\.\d+)?)\s*[,;/ ]\s*(-?\d+(?:\.\d+)?)\s*")
EXPECTED = {
    "slid": "the surface's name, then how far left and down in metres: whiteboard: 0 -0.85",
    "seat": "the student's id, then the new seat_m: A1: 2.4 3.1",
}


@dataclass(frozen=True)
class Move:
    """From ``time_s`` on, a surface stands ``to_m`` (left, down) of where session.toml has it, or a
    student sits at ``to_m`` (x_W, z_W)."""

    time_s: float
    name: str
    to_m: tuple[float, float]


def move_of(time_s: float, label: str) -> Move | None:
    """What a line of events.csv says; None: it cannot be read (:data:`EXPECTED`)."""
    found = _LABEL.fullmatch(label.strip())
    if found is None:
        return None
    return Move(time_s, found[1], (float(found[2]), float(found[3])))


@dataclass(frozen=True)
class Epochs:
    """Stretches in which no surface moves. moved : of each, name → (left, down) in metres.
    number : (T,) the stretch of each moment."""

    moved: tuple[dict[str, tuple[float, float]], ...]
    number: NDArray[np.int64]


def standing_at(slid: Sequence[Move], time_s: ArrayLike, also_s: Iterable[float] = ()) -> Epochs:
    """Where surfaces stand at moments (T,), until the next line about them. also_s : further times
    at which a stretch ends."""
    t = np.asarray(time_s, np.float64)
    changes = sorted({*also_s, *(m.time_s for m in slid)})
    moved = [dict[str, tuple[float, float]]()]
    for change in changes:
        now = {m.name: m.to_m for m in slid if m.time_s == change}
        moved.append({**moved[-1], **now})
    return Epochs(tuple(moved), np.searchsorted(changes, t, side="right").astype(np.int64))


def unknown(moves: Iterable[Move], names: Iterable[str]) -> list[str]:
    """Names of moves that the lesson does not know."""
    known = set(names)
    return sorted({m.name for m in moves} - known)


def read_track(path: Path) -> tuple[Move, ...]:
    """surface_track.csv: where sliding surfaces were marked to stand, straight ways between.

    Before its first line a surface stands as there, after its last one as there.

    Raises
    ------
    SessionError : no such table, values that are no numbers or too large, times that go back.
    """
    table = read_csv_table(path, TRACK_COLUMNS)
    time_s, left_m, down_m = (table.numbers(c) for c in ("time_s", "left_m", "down_m"))
    marked: dict[str, list[tuple[float, tuple[float, float]]]] = {}
    rows = zip(table.columns["surface"], time_s, left_m, down_m, table.lines, strict=True)
    for name, t, left, down, line in rows:
        before = marked.setdefault(name, [])
        if before and t <= before[-1][0]:
            raise SessionError(
                f"surface_track.csv goes back in time in line {line}", where=path,
                found=f"{name}: {t:g} s after {before[-1][0]:g} s",
                expected="each surface's lines in order of time, one a moment",
            )  # fmt: skip
        if max(abs(left), abs(down)) > FARTHEST_M:
            raise SessionError(
                f"surface_track.csv slides {name!r} too far in line {line}", where=path,
                found=f"{left:g}, {down:g}", expected=f"metres, at most {FARTHEST_M:g}",
            )  # fmt: skip
        before.append((t, (left, down)))
    return tuple(m for name, places in marked.items() for m in _followed(name, places))


def _followed(name: str, places: Sequence[tuple[float, tuple[float, float]]]) -> list[Move]:
    """Moves of one surface that follow a track; marks that tremble by less are one place."""
    found = [Move(-math.inf, name, places[0][1])]
    for (t0, p0), (t1, p1) in itertools.pairwise(places):
        steps = math.ceil(math.dist(p0, p1) / TRACK_STEP_M)
        for k in range(steps):
            share = (k + 0.5) / steps
            at = p0[0] + share * (p1[0] - p0[0]), p0[1] + share * (p1[1] - p0[1])
            if math.dist(at, found[-1].to_m) >= TRACK_STEP_M / 4:
                found.append(Move(t0 + k / steps * (t1 - t0), name, at))
        if math.dist(p1, found[-1].to_m) >= TRACK_STEP_M / 4:
            found.append(Move(t1, name, p1))
    return found
