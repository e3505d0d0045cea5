"""[[surfaces]], seen from where the class sits."""

from __future__ import annotations

import numpy as np

from gaze.measures.sights import Room, room_around
from gaze.room.plane import Plane
from gaze.setup.checks.registry import Finding, Subject, register
from sessions.config import CONFIG_NAME, SessionConfig

NOSE_BELOW_EDGE_M = 0.4  # of people who sit, below the blackboard's upper edge


@register("session.toml")
def surfaces(subject: Subject) -> list[Finding]:
    """Surfaces that nobody can see, and how much of the blackboard others hide."""
    config = subject.session.config
    if not config.surfaces:
        return []
    planes = [Plane.of_blackboard(config.blackboard), *map(Plane.of, config.surfaces)]
    seats = seats_of(config)
    room = Room(tuple(planes), ((),) * len(planes), seats, *room_around(planes, seats))
    number = np.concatenate([np.full(len(p.size_m2), p.number) for p in room.patches(0)])
    shares = np.array([room.sight(k).share for k in range(len(seats))])
    found = []
    for k, plane in enumerate(planes):
        seen = float(shares[:, number == k].mean())
        if seen == 0:
            found.append(_unseen(plane, seats))
        elif k == 0 and seen < 0.98:
            what = f"Other surfaces hide {100 * (1 - seen):.0f} % of the blackboard from the seats"
            found.append(Finding("ok", f"{what} (docs/targets.md)", CONFIG_NAME))
    return found or [Finding("ok", f"{len(planes)} surfaces, all seen", CONFIG_NAME)]


def _unseen(plane: Plane, seats_W: np.ndarray) -> Finding:
    """Why no seat sees anything of a surface."""
    middle = plane.points_W(np.array([plane.width_m / 2, plane.height_m / 2]))
    if not plane.meet(seats_W, middle - seats_W).meets.any():
        what = f"The surface {plane.name!r} turns its back to all seats"
        action = "Its corner is the upper RIGHT one of somebody who faces it; see turned_deg: 90 "
        action += "hangs on the class's right, -90 on its left."
    else:
        what = f"The surface {plane.name!r} is wholly hidden behind another one"
        action = "Measure out_m of both: what hangs before the blackboard has the larger one."
    return Finding("error", what, CONFIG_NAME, action)


def seats_of(config: SessionConfig) -> np.ndarray:
    """(S, 3) where noses are to be expected in W: session.toml's seats, or a grid of usual ones."""
    seats = [s.seat_m for s in config.students if s.seat_m is not None]
    if not seats:
        w = config.blackboard.width_m
        seats = [(x, z) for z in (2.5, 4.5, 7.0) for x in (0.0, w / 2, w)]
    x, z = np.array(seats, np.float64).T
    return np.stack([x, np.full_like(x, NOSE_BELOW_EDGE_M), z], 1)
