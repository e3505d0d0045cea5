"""What a student can look at, cut into cells, as it is seen from a seat: nearer things hide others.

Cells of surfaces and of the room around them are the class's; a desk and neighbours are each
student's own, and take the same numbers for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array, Transform
from gaze.measures.mixture import CELL_M, inner_edges
from gaze.room.plane import Plane, first_met
from sessions.surfaces import DESK, ELSEWHERE, NEIGHBOUR, TEACHER, Area

SAMPLES = 3  # a side, of each cell: a cell may be hidden in part
WALL_CELL_M, DESK_CELL_M = 0.6, 0.25
ROOM_MARGIN_M, CEILING_M, FLOOR_BELOW_NOSE_M = 1.0, -1.5, 1.2
# A desk: its edge nearest to the student before the nose, its depth, width, and how far below.
DESK_FROM_M, DESK_DEEP_M, DESK_WIDE_M, DESK_BELOW_M = 0.10, 0.50, 0.70, 0.45
# Who is a neighbour: at most so far, and not so much nearer to the blackboard as to be in its way.
NEIGHBOUR_M, IN_FRONT_M = 1.7, 0.5
HEAD_M, HEAD_SIGMA_M = 0.13, 0.10  # a head's radius; how far about its place faces are looked at


@dataclass(frozen=True)
class Patch:
    """C cells of one target, each by SAMPLES² places.

    target : its name. samples_W : (C, Q, 3); NaN where there is none. size_m2 : (C,). number : of
    the surface they lie on, −1 for none. areas : (C, A) which of its areas hold them.
    """

    target: str
    samples_W: Array
    size_m2: Array
    number: int
    areas: NDArray[np.bool_]

    @classmethod
    def of(
        cls, target: str, plane: Plane, number: int, areas: Sequence[Area], cell_m: float
    ) -> Patch:
        """A surface in cells that no area's edge crosses."""
        x, y = (
            inner_edges(length, [e for a in edges for e in a if 0 < e < length], cell_m)
            for length, edges in (
                (plane.width_m, [a.x_m for a in areas]), (plane.height_m, [a.y_m for a in areas]),
            )
        )  # fmt: skip
        low = np.stack(np.meshgrid(x[:-1], y[:-1]), -1).reshape(-1, 2)
        size = np.stack(np.meshgrid(np.diff(x), np.diff(y)), -1).reshape(-1, 2)
        step = (np.arange(SAMPLES) + 0.5) / SAMPLES
        part = np.stack(np.meshgrid(step, step), -1).reshape(-1, 2)
        xy = low[:, None] + part * size[:, None]
        held = np.stack([a.holds(low + size / 2) for a in areas], 1) if areas else None
        none = np.zeros((len(low), 0), np.bool_)
        return cls(target, plane.points_W(xy), size.prod(1), number, none if held is None else held)


@dataclass(frozen=True)
class Sight:
    """Cells as one seat sees them: middle (C, 3) and covariance (C, 3, 3) in W, m and m², of what
    of each can be seen, and the share (C,) that can."""

    centre_W: Array
    covariance_m2: Array
    share: Array

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(C,) whether anything of it can be seen."""
        return self.share > 0

    def only(self, cells: NDArray[np.intp]) -> Sight:
        """Some of the cells."""
        return Sight(self.centre_W[cells], self.covariance_m2[cells], self.share[cells])


@dataclass(frozen=True)
class Room:
    """What there is to look at for as long as nothing of it moves.

    surfaces : boards and screens. areas : of each. noses_W : (S, 3) where students sit; NaN
    unknown. low_W, high_W : corners (3,) of the room around. desks, neighbours, teacher : whether
    these are targets.
    """

    surfaces: tuple[Plane, ...]
    areas: tuple[tuple[Area, ...], ...]
    noses_W: Array
    low_W: Array
    high_W: Array
    desks: bool = False
    neighbours: bool = False
    teacher: bool = False

    def patches(self, student: int) -> list[Patch]:
        """All targets' cells as this student has them; the same number for each student."""
        found = [
            Patch.of(plane.name, plane, k, areas, CELL_M)
            for k, (plane, areas) in enumerate(zip(self.surfaces, self.areas, strict=True))
        ]
        nose = self.noses_W[student]
        if self.desks:
            found.append(Patch.of(DESK, desk_of(nose), len(self.surfaces), (), DESK_CELL_M))
        if self.neighbours:
            found.append(_heads(NEIGHBOUR, self.neighbours_of(student)))
        if self.teacher:
            found.append(_heads(TEACHER, np.full((1, 3), np.nan)))  # wherever, at each moment
        return found + self._walls()

    def neighbours_of(self, student: int) -> Array:
        """(3, 3) noses of the nearest to the right, to the left and behind; NaN where nobody."""
        away = self.noses_W - self.noses_W[student]
        distance = np.linalg.norm(away, axis=1)
        with np.errstate(invalid="ignore"):
            near = (distance > 0) & (distance < NEIGHBOUR_M) & (away[:, 2] > -IN_FRONT_M)
            behind = away[:, 2] > np.abs(away[:, 0])
            sides = (near & ~behind & (away[:, 0] < 0), near & ~behind & (away[:, 0] > 0),
                     near & behind)  # fmt: skip
        out = np.full((3, 3), np.nan)
        for k, side in enumerate(sides):
            if side.any():
                out[k] = self.noses_W[np.where(side, distance, np.inf).argmin()]
        return out

    def _walls(self) -> list[Patch]:
        """The room around."""
        low, high = self.low_W, self.high_W
        w, h, deep = high - low
        x, y, z = np.eye(3)
        sides = (
            (low, (x, y, z), w, h), ((high[0], low[1], high[2]), (-x, y, -z), w, h),
            ((low[0], low[1], high[2]), (-z, y, x), deep, h),
            ((high[0], low[1], low[2]), (z, y, -x), deep, h),
            ((low[0], high[1], low[2]), (x, z, -y), w, deep),
            ((low[0], low[1], high[2]), (x, -z, y), w, deep),
        )  # fmt: skip
        return [
            Patch.of(
                ELSEWHERE, Plane(ELSEWHERE, Transform(np.stack(R, 1), np.array(t), "W", "P"), a, b),
                -1, (), WALL_CELL_M,
            )
            for t, R, a, b in sides
        ]  # fmt: skip

    def sight(self, student: int) -> Sight:
        """What of each cell this student sees from where he sits."""
        nose = self.noses_W[student]
        patches = self.patches(student)
        samples = np.concatenate([p.samples_W for p in patches])
        number = np.concatenate([np.full(len(p.size_m2), p.number) for p in patches])
        ray = samples - nose
        distance = np.linalg.norm(ray, axis=-1)
        solid = [*self.surfaces, *([desk_of(nose)] if self.desks else [])]
        first, _ = first_met(solid, nose, ray / distance[..., None])
        seen = np.isfinite(distance) & (first == number[:, None])
        if self.neighbours:
            for head in self.neighbours_of(student):
                seen &= ~_behind(ray, distance, head - nose)
        weight = seen / np.maximum(seen.sum(1, keepdims=True), 1)
        known = np.nan_to_num(samples)
        centre = np.einsum("cq,cqk->ck", weight, known)
        off = (known - centre[:, None]) * weight[..., None] ** 0.5
        spread = np.einsum("cqk,cql->ckl", off, off) * SAMPLES**2 / (SAMPLES**2 - 1)
        heads = np.array([p.target in (NEIGHBOUR, TEACHER) for p in patches])
        is_head = np.repeat(heads, [len(p.size_m2) for p in patches])
        spread[is_head] += HEAD_SIGMA_M**2 * np.eye(3)
        return Sight(centre, spread, seen.mean(1))


def room_around(surfaces: Sequence[Plane], noses_W: Array) -> tuple[Array, Array]:
    """Corners (3,) of a room that holds all these, with a margin; its front wall is behind them."""
    corners = [p.points_W(np.array([[0, 0], [p.width_m, p.height_m]])) for p in surfaces]
    known = np.concatenate([*corners, noses_W[np.isfinite(noses_W).all(1)]])
    low, high = known.min(0) - ROOM_MARGIN_M, known.max(0) + ROOM_MARGIN_M
    low[1] = min(low[1], CEILING_M)
    high[1] = np.nanmedian(noses_W[:, 1]) + FLOOR_BELOW_NOSE_M
    low[2] = min(float(known[:, 2].min()), 0.0) - 0.01
    return low, high


def desk_of(nose_W: Array) -> Plane:
    """The desk before a nose: level, its far edge towards the blackboard."""
    R_WP = np.stack([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]], 1)
    corner = nose_W + [-DESK_WIDE_M / 2, DESK_BELOW_M, -DESK_FROM_M - DESK_DEEP_M]
    return Plane(DESK, Transform(R_WP, corner, "W", "P"), DESK_WIDE_M, DESK_DEEP_M)


def _heads(target: str, noses_W: Array) -> Patch:
    samples = np.repeat(noses_W[:, None], SAMPLES**2, 1)
    size = np.full(len(noses_W), np.pi * HEAD_M**2)
    return Patch(target, samples, size, -1, np.zeros((len(size), 0), np.bool_))


def _behind(ray: Array, distance: Array, head: Array) -> NDArray[np.bool_]:
    """(C, Q) whether a head (3,) from the nose lies before what the rays lead to."""
    far = np.linalg.norm(head)
    with np.errstate(invalid="ignore"):
        cosine = (ray @ head) / (distance * far)
        return np.asarray((cosine > np.cos(HEAD_M / far)) & (distance > far + HEAD_M))
