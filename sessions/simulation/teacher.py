"""A teacher in a simulated lesson: somebody more in the pictures, who is no student.

Faces the blackboard, which is the hard case: cameras beside the board see the face all the time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from sessions.simulation.people import Person
from sessions.simulation.room import Room, Seats
from sessions.simulation.script import PAD_S, Heads, Placement, Plan, heads_at

STANDS_M = 0.42  # above where one sits
BESIDE_M = 0.8
DARK_CLOTHES = np.full(3, 0.02)  # linear rgb
WALKS_M_S, SHIFTS_M_S = 0.65, 0.06
#: What a teacher may do: walk before the class and between its rows, before the first row alone, or
#: stand there and shift from foot to foot.
WAYS = ("walks", "front", "stands")


@dataclass(frozen=True)
class Teacher:
    """placement : upright, its place without meaning. way_m : (K,2) x and z in W of the corners of
    the way, walked there and back.
    """

    placement: Placement
    way_m: np.ndarray
    speed_m_s: float
    looks_at_W: np.ndarray

    def heads(self, time_s: np.ndarray, eye_share: float) -> Heads:
        """The truth (T,1) at any times."""
        length = np.linalg.norm(np.diff(self.way_m, axis=0), axis=1)
        walked = np.concatenate([[0.0], length.cumsum()])
        there = np.mod(np.asarray(time_s) * self.speed_m_s, 2 * walked[-1])
        at = np.minimum(there, 2 * walked[-1] - there)
        x, z = (np.interp(at, walked, self.way_m[:, k]) for k in range(2))
        looks = Plan(np.array([-PAD_S]), np.array([1e-3]), self.looks_at_W[None], np.zeros(1),
                     ("board",))  # fmt: skip
        y = self.placement.t_WB[1]
        moments = [
            heads_at(
                np.array([t]), [replace(self.placement, t_WB=np.array([x[k], y, z[k]]))], [looks],
                eye_share, 1.6, 7,
            )
            for k, t in enumerate(time_s)
        ]  # fmt: skip
        return _joined(moments, np.asarray(time_s, np.float64), axis=0)


def teacher(way: str, person: Person, room: Room, where: Seats) -> Teacher:
    """Who goes one of :data:`WAYS` in this room."""
    w = room.board_width_m
    rows = np.unique(np.round(where.z_m, 3))
    before, left, right = max(rows[0] - 1.0, 1.2), 0.85 * w, 0.1 * w
    if way == "walks":  # from row to row beside all seats
        x0, x1 = room.walls_x_m
        left = min(where.x_m.max() + BESIDE_M, x1 - 0.3)
        right = max(where.x_m.min() - BESIDE_M, x0 + 0.3)
        z = [before, *((rows[1:] + rows[:-1]) / 2)]
        corners = [
            [x, z_m] for k, z_m in enumerate(z) for x in ((left, right), (right, left))[k % 2]
        ]
    elif way == "front":
        corners = [[left, before], [right, before - 0.1]]
    else:
        corners = [[0.6 * w, before], [0.6 * w + 0.1, before + 0.1]]
    y = room.floor_y_m - room.desk_height_m + person.desk_height_m - STANDS_M
    placement = Placement(person, "teacher", np.array([0.5 * w, y, before]), np.zeros(2),
                          DARK_CLOTHES)  # fmt: skip
    return Teacher(
        placement, np.array(corners), SHIFTS_M_S if way == "stands" else WALKS_M_S,
        np.array([w / 2, room.board_height_m * 0.75, 0.0]),
    )  # fmt: skip


def with_teacher(students: Heads, of: Teacher, eye_share: float) -> Heads:
    """The same moments, the teacher behind the students."""
    return _joined([students, of.heads(students.time_s, eye_share)], students.time_s, axis=1)


def _joined(parts: list[Heads], time_s: np.ndarray, axis: int) -> Heads:
    names = [f.name for f in fields(Heads) if f.name != "time_s"]
    return Heads(
        time_s=time_s,
        **{n: np.concatenate([getattr(part, n) for part in parts], axis) for n in names},
    )
