"""Students who change seats within a lesson, as events.csv says: a place has another name from then
on. Who is who is decided by places (gaze/people/identify.py); names follow the students here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gaze.people.seats import Students
from sessions.events.moves import Move

NEAR_M = 1.0  # a place so near to a line's is the seat it means


@dataclass(frozen=True)
class Seating:
    """Who sits where when. names : everybody. at : (S, T) index of names for each place and moment,
    −1 nobody. unseen : how many moves lead to a place where nobody was ever found."""

    names: tuple[str, ...]
    at: NDArray[np.int64]
    unseen: int


def seating(students: Students, moves: Sequence[Move], time_s: NDArray[np.float64]) -> Seating:
    """Names of places over time (T,); moves of one moment happen together, so that two can swap.

    A place that its student left is somebody without a name from then on, and a student whose new
    place was never found, or taken by another, has none.
    """
    holder = list(students.name)
    taken = {*holder, *(m.name for m in moves)}
    fresh = (f"S-{n:02d}" for n in itertools.count(1))
    spans: list[tuple[float, list[str]]] = [(-np.inf, list(holder))]
    unseen = 0
    for time, together in itertools.groupby(sorted(moves, key=lambda m: m.time_s),
                                            key=lambda m: m.time_s):  # fmt: skip
        group = list(together)
        going = {m.name for m in group}
        left = [k for k, name in enumerate(holder) if name in going]
        for k in left:
            holder[k] = ""
        for m in group:
            away = np.linalg.norm(students.seat_W[:, ::2] - np.array(m.to_m), axis=1)
            if not (away < NEAR_M).any():
                unseen += 1
                continue
            holder[int(np.nanargmin(away))] = m.name
        for k in left:
            if not holder[k]:
                holder[k] = next(n for n in fresh if n not in taken)
                taken.add(holder[k])
        spans.append((time, list(holder)))
    names = tuple(dict.fromkeys(n for _, held in spans for n in held if n))
    index = np.array([[names.index(n) for n in held] for _, held in spans], np.int64)
    span = np.searchsorted([t for t, _ in spans], time_s, side="right") - 1
    return Seating(names, index[span].T, unseen)


def renamed(students: Students, seats: Seating, moment: NDArray[np.integer]) -> Students:
    """The students of a seating instead of places. moment : (N,) of each face row.

    Seat, row and cost are those of the place where each sat longest.
    """
    given = students.student >= 0
    student = students.student.copy()
    student[given] = seats.at[students.student[given], moment[given]]
    longest = [int((seats.at == k).sum(1).argmax()) for k in range(len(seats.names))]
    return replace(
        students,
        student=student,
        seat_W=students.seat_W[longest],
        seat_covariance_m2=students.seat_covariance_m2[longest],
        name=seats.names,
        row=students.row[longest],
        pair_cost=students.pair_cost[longest],
    )
