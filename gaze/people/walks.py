"""Where people on foot went: the teacher's walk, and others'.

Who walks leaves his track from one moment to the next, in each camera at its own times. So it is
not tracks that are linked here but what both cameras see at one moment: two faces that are nobody's
meet at a standing one's height and are of one size. Such points follow each other at a walker's
pace, and over gaps wherever one person of that height could have walked; two at once are two. What
one camera alone sees between them, where the walk passes its ray, is of the walk.

The walk that lasts, by the length of the lesson, is the teacher's; of several who stay, his who is
found before the first row. Who is on foot exactly while a student's seat is empty is that student.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.people.evidence import Sightings
from gaze.people.others import IN_FRONT_M, PASSER, STANDING_M, STUDENT, TEACHER, sitting_y_m
from gaze.people.seats import Students, matched_rows
from gaze.room.position import epipolar_deg, ray_points

FASTEST_M_S, NEAR_M = 2.0, 0.4  # from one point of a walk to the next: its pace, and what leans
# Two walkers' noses so much apart in height are two people's; and by how much a single one strays,
# who looks at a desk or at the board.
TALLER_M, NODS_M = 0.06, 0.1
SIZE = 0.3  # of the logarithm of a face's size: between the cameras, and from the class's
OFF_DEG = 0.5  # between the rays of one nose
STRIDE_S = 2.0  # a piece of a walk has no longer gap
STRAYS_M_S = 0.25  # from the straight way between two points
NEXT = 8  # pieces that follow, of which one may be the same person's
BEFORE_M, MOST = 0.3, 2000  # before a camera; pairs of a class's faces that say how large they are
IN_FRONT = 0.1  # a teacher is before the first row for so much of what is seen of him
# A face that turns away, or walks on, is found in whole pictures alone, which are scanned every 4
# to 12 s (gaze/faces/finder.py): a glimpse tells of that.
GLIMPSE_S, GLIMPSES, POINTS = 12.0, 5, 3
# Long enough for a teacher: told of for so much of the lesson, at least for so long (of a short
# one, for half of it); and seen for so long, or told of for half of the time in which he is seen.
TOLD_SHARE, TOLD_S, SEEN_S = 0.1, 30.0, 10.0
GONE, THERE = 0.1, 0.7  # a student's share of moments during a walk, and else: he walks


@dataclass
class Walk:
    """One person's: moments (M,), ascending; P_W (M, 3) there; above_m (M,) sitting noses.

    rows : of the faces. talls_m : ``tall_m`` of each of its pieces that is more than a glimpse.
    """

    moment: NDArray[np.int64]
    P_W: Array
    above_m: Array
    rows: NDArray[np.intp]
    talls_m: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.talls_m and len(self.moment) >= GLIMPSES:
            self.talls_m = (self.tall_m,)

    @classmethod
    def joined(cls, walks: Sequence[Walk]) -> Walk:
        moment, P_W, above_m = (
            np.concatenate([getattr(w, name) for w in walks])
            for name in ("moment", "P_W", "above_m")
        )
        order = np.argsort(moment, kind="stable")
        rows = np.concatenate([w.rows for w in walks])
        talls_m = tuple(t for w in walks for t in w.talls_m)
        return cls(moment[order], P_W[order], above_m[order], rows, talls_m)

    @cached_property
    def tall_m(self) -> float:
        """Height above sitting noses; who bends over a desk now and then is as tall."""
        return float(np.quantile(self.above_m, 0.75))


def with_walks(
    rig: Rig, seen: Sightings, students: Students, role: NDArray[np.int8], step_s: float
) -> NDArray[np.int8]:
    """The roles (N,) of face rows, those of people on foot told apart: the teacher, passers-by.

    Rows of students, portraits and a teacher who sits where session.toml says stay as they are.
    """
    free = (students.student < 0) & ((role == STUDENT) | (role == PASSER))
    size_m = _size_m(rig, seen, students.student)
    points = _points(rig, seen, np.flatnonzero(free), students.seat_W, size_m)
    walks = _walks(_pieces(points, step_s), step_s)
    role = role.copy()
    key = seen.track.astype(np.int64) * len(CAMERAS) + seen.camera
    taken = np.concatenate([w.rows for w in walks]) if walks else np.zeros(0, np.intp)
    others = [key[np.setdiff1d(taken, w.rows)] for w in walks]  # whose tracks are theirs
    free[taken] = False
    for walk, theirs in zip(walks, others, strict=True):
        mine = free & (np.isin(key, key[walk.rows]) | ~np.isin(key, theirs))
        alone = _between(rig, seen, walk, np.flatnonzero(mine), students.seat_W, size_m, step_s)
        walk.rows = np.union1d(walk.rows, alone)
    lesson, at_desk = np.unique(seen.moment), np.unique(seen.moment[role == TEACHER])
    staying = [
        w for w in walks
        if _long_enough(w, np.unique(seen.moment[w.rows]), len(lesson), step_s)
        and not _is_a_student(w, lesson, seen, students.student)
        and np.isin(w.moment, at_desk).mean() <= GONE
    ]  # fmt: skip
    if staying:
        z_m = students.seat_W[:, 2]
        front_m = np.min(z_m[np.isfinite(z_m)], initial=np.inf) - IN_FRONT_M
        first = [(w.P_W[:, 2] < front_m).mean() >= IN_FRONT for w in staying]
        told = [_told_s(np.unique(seen.moment[w.rows]), step_s) for w in staying]
        role[staying[max(range(len(staying)), key=lambda n: (first[n], told[n]))].rows] = TEACHER
    return role


def _size_m(rig: Rig, seen: Sightings, student: NDArray[np.int32]) -> float:
    """Median size of the class's faces in metres; NaN: nobody in both pictures."""
    i, j, _ = matched_rows(seen, student)
    every = max(len(i) // MOST, 1)
    P_W, sizes = _met(rig, seen, i[::every], j[::every])
    sizes = sizes[np.isfinite(P_W).all(1)]
    return float(np.median(sizes)) if len(sizes) else np.nan


def _met(
    rig: Rig, seen: Sightings, i: NDArray[np.intp], j: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Where the rays of left rows i and right rows j meet (K, 3), NaN unless before both cameras
    and the blackboard; and the face's size by each camera (K, 2), metres."""
    P_W = ray_points(rig, rig.left.undistort(seen.nose_px[i]), rig.right.undistort(seen.nose_px[j]))
    sizes = np.full((len(i), len(CAMERAS)), np.nan)
    before = P_W[:, 2] > BEFORE_M
    for c, (name, k) in enumerate(zip(CAMERAS, (i, j), strict=True)):
        P_C = rig.T_WC(name).inverse().apply(P_W)
        before &= P_C[:, 2] > BEFORE_M
        sizes[:, c] = np.linalg.norm(P_C, axis=1) * seen.height_px[k] / rig.camera(name).f_px
    return np.where(before[:, None], P_W, np.nan), sizes


def _points(
    rig: Rig, seen: Sightings, rows: NDArray[np.intp], seat_W: Array, size_m: float
) -> pd.DataFrame:
    """Where two faces of a moment are one standing person's: moment, left, right (rows), x, y, z,
    above (sitting noses), by moment; a face is in one at most."""
    tables = [
        pd.DataFrame({"moment": seen.moment[r], side: r})
        for c, side in enumerate(CAMERAS)
        for r in (rows[seen.camera[rows] == c],)
    ]
    both = tables[0].merge(tables[1], on="moment")
    i, j = (both[side].to_numpy(np.intp) for side in CAMERAS)
    P_W, sizes = _met(rig, seen, i, j)
    angle = epipolar_deg(
        rig, rig.left.undistort(seen.nose_px[i]), rig.right.undistort(seen.nose_px[j])
    )
    above = sitting_y_m(seat_W, P_W[:, 2]) - P_W[:, 1]
    unlike = np.abs(np.log(sizes[:, 0] / sizes[:, 1]))
    from_class = 0.0 if np.isnan(size_m) else np.abs(np.log(sizes / size_m)).max(1, initial=0.0)
    fits = (above > STANDING_M) & (angle < OFF_DEG) & (unlike < SIZE) & (from_class < 2 * SIZE)
    both = both.assign(
        x=P_W[:, 0], y=P_W[:, 1], z=P_W[:, 2], above=above, cost=angle / OFF_DEG + unlike / SIZE
    )[fits].sort_values("cost", kind="stable")
    for side in CAMERAS:
        both = both.drop_duplicates(side)
    return both.sort_values("moment", kind="stable", ignore_index=True)


def _pieces(points: pd.DataFrame, step_s: float) -> list[Walk]:
    """Points that follow each other at a walker's pace, without a longer gap."""
    if points.empty:
        return []
    moment = points["moment"].to_numpy(np.int64)
    P_W = points[["x", "y", "z"]].to_numpy(np.float64)
    open_: list[list[int]] = []
    done: list[list[int]] = []
    moments, first = np.unique(moment, return_index=True)
    for now, new in zip(moments, np.split(np.arange(len(moment)), first[1:]), strict=True):
        done += [p for p in open_ if (now - moment[p[-1]]) * step_s > STRIDE_S]
        open_ = [p for p in open_ if (now - moment[p[-1]]) * step_s <= STRIDE_S]
        last = np.array([p[-1] for p in open_], np.intp)
        far = np.linalg.norm(P_W[last, None] - P_W[new], axis=2)
        reach = NEAR_M + FASTEST_M_S * step_s * (now - moment[last])[:, None]
        cost = np.minimum(far / reach, 1.0)
        k, n = linear_sum_assignment(cost)
        fits = cost[k, n] < 1.0
        for a, b in zip(k[fits], n[fits], strict=True):
            open_[a].append(int(new[b]))
        open_ += [[int(r)] for r in np.delete(new, n[fits])]
    sides = points[list(CAMERAS)].to_numpy(np.intp)
    above = points["above"].to_numpy(np.float64)
    return [
        Walk(moment[p], P_W[p], above[p], np.sort(sides[p].ravel()))
        for p in sorted(done + open_, key=lambda p: moment[p[0]])
    ]


def _walks(pieces: Sequence[Walk], step_s: float) -> list[Walk]:
    """Pieces joined that one person can have walked, the shortest gaps and the likest first."""
    group = list(pieces)
    of = list(range(len(pieces)))
    after = [
        (_unlike(pieces[a], pieces[b], step_s), a, b)
        for a in range(len(pieces))
        for b in range(a + 1, min(a + 1 + NEXT, len(pieces)))
    ]
    for _, a, b in sorted(after):
        one, other = of[a], of[b]
        if one != other and _one_person(group[one], group[other], step_s):
            group[one] = Walk.joined([group[one], group[other]])
            of = [one if n == other else n for n in of]
    return [group[n] for n in sorted(set(of))]


def _unlike(a: Walk, b: Walk, step_s: float) -> float:
    """The gap between two pieces and how differently tall they are, in what each may be."""
    gap_s = abs(int(b.moment[0]) - int(a.moment[-1])) * step_s
    return gap_s / GLIMPSE_S + abs(a.tall_m - b.tall_m) / TALLER_M


def _one_person(a: Walk, b: Walk, step_s: float) -> bool:
    """Whether two walks can be one person's: of one height, hardly ever at once, and then at one
    place, and nowhere too far apart for the time between."""
    small, large = sorted((a, b), key=lambda w: len(w.moment))
    if abs(a.tall_m - b.tall_m) > TALLER_M + NODS_M / np.sqrt(len(small.moment)):
        return False
    if np.ptp([*a.talls_m, *b.talls_m, a.tall_m]) > 1.5 * TALLER_M:
        return False  # from one to the next he would have shrunk
    at = np.searchsorted(large.moment, small.moment)
    wrong = np.zeros(len(at), np.bool_)
    for k in (np.maximum(at - 1, 0), np.minimum(at, len(large.moment) - 1)):
        gap_s = np.abs(large.moment[k] - small.moment) * step_s
        far = np.linalg.norm((large.P_W[k] - small.P_W)[:, ::2], axis=1)
        wrong |= far > NEAR_M + FASTEST_M_S * gap_s
    return bool(wrong.mean() <= 0.1)


def _between(
    rig: Rig,
    seen: Sightings,
    walk: Walk,
    rows: NDArray[np.intp],
    seat_W: Array,
    size_m: float,
    step_s: float,
) -> NDArray[np.intp]:
    """Of nobody's rows those that one camera alone has of this walk: where it passes their rays, or
    can have come to where the faces' size puts them, as high."""
    moment = seen.moment[rows]
    rows = rows[~np.isin(moment, walk.moment)]
    moment = seen.moment[rows]
    at = np.searchsorted(walk.moment, moment)
    gap_s = step_s * np.minimum(
        np.abs(moment - walk.moment[np.maximum(at - 1, 0)]),
        np.abs(moment - walk.moment[np.minimum(at, len(walk.moment) - 1)]),
    )
    near_W = np.stack([np.interp(moment, walk.moment, walk.P_W[:, k]) for k in range(3)], 1)
    P_W, miss, unlike = np.full((len(rows), 3), np.nan), *np.full((2, len(rows)), np.inf)
    for c, name in enumerate(CAMERAS):
        k = seen.camera[rows] == c
        T, camera = rig.T_WC(name), rig.camera(name)
        ray = T.rotate(camera.rays(seen.nose_px[rows[k]]))
        by_size_m = size_m * camera.f_px / seen.height_px[rows[k], None]
        P_W[k] = T.t + by_size_m * ray
        to = near_W[k] - T.t
        miss[k] = np.linalg.norm(np.cross(to, ray), axis=1)
        unlike[k] = np.abs(np.log(np.linalg.norm(to, axis=1) / by_size_m[:, 0]))
    near = (miss < NEAR_M + STRAYS_M_S * gap_s) & ~(unlike > 2 * SIZE)
    above = sitting_y_m(seat_W, P_W[:, 2]) - P_W[:, 1]
    far = np.linalg.norm((P_W - near_W)[:, ::2], axis=1)
    near |= (np.abs(above - walk.tall_m) < STANDING_M / 2) & (far < NEAR_M + FASTEST_M_S * gap_s)
    near &= gap_s <= GLIMPSE_S
    table = pd.DataFrame({"moment": moment[near], "row": rows[near], "miss": miss[near]})
    # one face a moment: the two cameras', which met nowhere, are not one's
    best = table.sort_values("miss", kind="stable").drop_duplicates("moment")
    return np.sort(best["row"].to_numpy(np.intp))


def _told_s(moment: NDArray[np.integer], step_s: float) -> float:
    """Of how much time moments (M,), ascending, tell."""
    return float(np.minimum(np.diff(moment) * step_s, GLIMPSE_S).sum())


def _long_enough(walk: Walk, moment: NDArray[np.integer], lesson: int, step_s: float) -> bool:
    """Whether a walk is a teacher's: there for long, and for much of the lesson.

    moment : (M,) at which a camera sees it. lesson : moments of the lesson.
    """
    span_s, lesson_s = float(moment[-1] - moment[0]) * step_s, lesson * step_s
    told_s, seen_s = _told_s(moment, step_s), len(moment) * step_s
    return bool(
        len(walk.moment) >= POINTS
        and len(moment) >= GLIMPSES
        and told_s >= max(TOLD_SHARE * lesson_s, min(TOLD_S, lesson_s / 2))
        and (seen_s >= SEEN_S or told_s >= span_s / 2)
    )


def _is_a_student(
    walk: Walk, lesson: NDArray[np.integer], seen: Sightings, student: NDArray[np.int32]
) -> bool:
    """Whether somebody's seat is empty exactly during the walk: who is at the blackboard."""
    outside = np.count_nonzero((lesson < walk.moment[0]) | (lesson > walk.moment[-1]))
    if outside < GLIMPSES:
        return False
    for k in range(int(student.max(initial=-1)) + 1):
        moment = np.unique(seen.moment[student == k])
        within = (moment >= walk.moment[0]) & (moment <= walk.moment[-1])
        if (
            np.isin(walk.moment, moment[within]).mean() <= GONE
            and np.count_nonzero(~within) >= THERE * outside
        ):
            return True
    return False
