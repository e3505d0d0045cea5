"""What moves within a lesson, from events.csv: boards that are slid, students who change seats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
