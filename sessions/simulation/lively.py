"""The scenario ``lively``: a natural lesson in which what is hard happens at known times.

Two who look alike talk to each other, one looks back, one bends over the desk, one leaves and comes
back, two change seats.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sessions.simulation.room import Room, Seats
from sessions.simulation.script import Placement, Plan, natural_plans

LEAST_STUDENTS = 7
# of the lesson, from … to
TALK, BACK, BEND, GONE = (0.10, 0.45), (0.20, 0.50), (0.30, 0.80), (0.35, 0.65)
SWAP = 0.55
UP_S = 1.0  # who changes seats is not seen so long before and after; walks are not drawn


@dataclass(frozen=True)
class Roles:
    """Who does what, as numbers of students."""

    twins: tuple[int, int]
    looks_back: int
    bends: int
    leaves: int
    swaps: tuple[int, int]


def roles(where: list[Placement], rng: np.random.Generator) -> Roles:
    """Neighbours in one row talk; the others by lot."""
    seat = np.array([p.t_WB for p in where])
    apart = np.abs(seat[:, None] - seat)
    beside = np.triu((apart[..., 2] < 0.4) & (apart[..., 0] < 1.6), 1)
    pairs = np.argwhere(beside)
    one, other = (int(k) for k in pairs[rng.integers(len(pairs))])
    rest = [int(k) for k in rng.permutation(len(where)) if k not in (one, other)]
    return Roles((one, other), rest[0], rest[1], rest[2], (rest[3], rest[4]))


def as_twins(where: list[Placement], pair: tuple[int, int]) -> list[Placement]:
    """The second of them has the first one's face, hair and clothes."""
    one, other = (where[k] for k in pair)
    taller_m = one.person.desk_height_m - other.person.desk_height_m
    twin = replace(
        other, person=one.person, shirt=one.shirt, t_WB=other.t_WB + [0.0, taller_m, 0.0]
    )
    return [twin if k == pair[1] else p for k, p in enumerate(where)]


def lively_plans(
    room: Room, where: list[Placement], who: Roles, seconds: float, rng: np.random.Generator
) -> list[Plan]:
    """Natural plans with the roles' parts in them."""
    plans = natural_plans(room, where, seconds, rng)
    seat = np.array([p.t_WB for p in where])

    def acts(
        k: int, span: tuple[float, float], point: np.ndarray, label: str, lean: float, turn: float
    ) -> None:
        plans[k] = _with_act(plans[k], (span[0] * seconds, span[1] * seconds), point, label,
                             lean, turn)  # fmt: skip

    for k, other in (who.twins, who.twins[::-1]):
        left = np.sign(seat[other, 0] - seat[k, 0])  # x_W grows to the class's left
        acts(k, TALK, seat[other] + [0, -0.08, -0.08], "neighbour", 0.0, 60 * left)
    k = who.looks_back
    acts(k, BACK, seat[k] + [0.5, -0.1, 1.6], "back", 0.0, 95)
    acts(who.bends, BEND, seat[who.bends] + [0.03, 0.42, -0.30], "desk", 24.0, 0.0)
    gone = (GONE[0] * seconds, GONE[1] * seconds)
    plans[who.leaves] = replace(plans[who.leaves], gone_s=(gone,))
    at = SWAP * seconds
    for k, other in (who.swaps, who.swaps[::-1]):
        own_height = where[k].person.desk_height_m - where[other].person.desk_height_m
        there = seat[other] + [0.0, own_height, 0.0]
        plans[k] = replace(plans[k], gone_s=((at - UP_S, at + UP_S),), moves=(at, there))
    return plans


def _with_act(
    plan: Plan, span: tuple[float, float], point: np.ndarray, label: str, lean: float, turn: float
) -> Plan:
    """The plan with one thing done from … to, in place of what it had there."""
    start, end = span
    k = int(np.searchsorted(plan.start_s, end)) - 1  # where he looks again afterwards
    keep = np.flatnonzero((plan.start_s < start) | (plan.start_s > end))
    at = int((plan.start_s < start).sum())

    def put(old: np.ndarray, act: object, after: object) -> np.ndarray:
        return np.insert(old[keep], [at, at], np.array([act, after]), axis=0)

    lasts = 0.8  # a body turns slowly
    return replace(
        plan,
        start_s=put(plan.start_s, start, end),
        shift_s=put(plan.shift_s, lasts, lasts),
        point_W=put(plan.point_W, point, plan.point_W[k]),
        lean_deg=put(plan.lean_deg, lean, plan.lean_deg[k]),
        label=(*plan.label[:at], label, plan.label[k], *(plan.label[j] for j in keep[at:])),
        turn_deg=put(np.zeros(len(plan.start_s)), turn, 0.0),
    )


def seat_rows(who: Roles, plans: list[Plan], where: Seats) -> list[list[str]]:
    """events.csv of the two who change seats, as a teacher would have written it."""
    rows = [["time_s", "label", "end_s", "kind"]]
    for k, other in (who.swaps, who.swaps[::-1]):
        moves = plans[k].moves
        assert moves is not None
        place = f"{where.x_m[other]:.2f} {where.z_m[other]:.2f}"
        rows.append([f"{moves[0]:.2f}", f"{where.ids[k]}: {place}", "", "seat"])
    return rows
