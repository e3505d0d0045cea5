"""Who is seen and is no student: the teacher on foot, passers-by, portraits on the wall.

Students sit: a track that both cameras see rests at one height, somewhere. Whoever is well above
the class's noses and does not stay, or stays before the first row, is on foot: whose way it was,
the teacher's or another's, says gaze/people/walks.py. A face that keeps its place and its pose to
the noise of the picture for a minute or longer hangs on the wall. In doubt somebody is a student:
on tiers, for instance, people sit higher than the first row and stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array, geodesic_deg
from gaze.people.evidence import Sightings
from gaze.room.position import ray_points

STUDENT, TEACHER, PASSER, PORTRAIT = range(4)
STANDING_M = 0.28  # a nose so far above the class's is a standing one's
STAYS_M, STAYS = 0.5, 0.5  # within so far of the usual place for this share of the time
ROOTED, SETTLED = (
    0.9,
    0.3,
)  # nearly always there, and for so much of the lesson: a seat, however high
SETTLED_S, SETTLED_SHORT = 20.0, 0.6  # of a short lesson: who walks turns round where a wall is
IN_FRONT_M = 0.6  # so far before the nearest seat: where teachers stand
LEAST_FOR_TIERS = 5  # people who stay, to see whether rows stand on tiers
SEAT_M = 0.4  # somebody who stands up at the own seat
PASSER_S, PASSER_SHARE = 10.0, 0.05  # less is nobody who sits here
# A picture's nose moves by less than so much (of the face's height, and pixels), its pose likewise:
# somebody who breathes moves his nose by 2 cm or more, a tenth of his face.
STILL_S, STILL_SHARE, STILL_PX, STILL_DEG = 60.0, 0.03, 0.2, 10.0


@dataclass(frozen=True)
class Person:
    """What one pair of tracks (or several, joined) did: P_W (M, 3) at moments (M,), ascending."""

    P_W: Array
    moment: NDArray[np.int64]
    still: bool

    @property
    def place_W(self) -> Array:
        """(3,) where mostly."""
        return np.asarray(np.median(self.P_W, axis=0))

    @property
    def stays(self) -> float:
        """Share of the time at the usual place."""
        off = np.linalg.norm((self.P_W - self.place_W)[:, ::2], axis=1)
        return float((off < STAYS_M).mean())

    @classmethod
    def of(cls, rig: Rig, seen: Sightings, rows: NDArray[np.intp], step_s: float) -> Person | None:
        """From all rows of somebody; None: no moment at which both cameras see him."""
        sides = [rows[seen.camera[rows] == c] for c in range(len(CAMERAS))]
        moment, a, b = np.intersect1d(seen.moment[sides[0]], seen.moment[sides[1]],
                                      return_indices=True)  # fmt: skip
        i, j = sides[0][a], sides[1][b]
        P = ray_points(
            rig, rig.left.undistort(seen.nose_px[i]), rig.right.undistort(seen.nose_px[j])
        )
        good = np.isfinite(P).all(1)
        if not good.any():
            return None
        still = all(hangs_still(seen, side, step_s) for side in sides)
        return cls(P[good], moment[good].astype(np.int64), still)


def hangs_still(seen: Sightings, rows: NDArray[np.intp], step_s: float) -> bool:
    """Whether a face keeps place and pose as a picture does."""
    if len(rows) * step_s < STILL_S:
        return False
    low, high = np.percentile(seen.nose_px[rows], [2.5, 97.5], axis=0)
    if ((high - low) / 4 > STILL_PX + STILL_SHARE * np.median(seen.height_px[rows])).any():
        return False
    if seen.R_WS is None:
        return True
    R = seen.R_WS[rows]
    R = R[np.isfinite(R).all((1, 2))]
    return bool(len(R) and np.median(geodesic_deg(R, R[len(R) // 2][None])) <= STILL_DEG)


def roles_of(
    people: Sequence[Person | None], moments: int, step_s: float, desk_xz_m: Array | None = None
) -> tuple[NDArray[np.int8], dict[int, int]]:
    """The role of each person; and who, standing, is a student who sits: number → the student's.

    moments : of the lesson. desk_xz_m : (2,) where session.toml says that the teacher sits.
    """
    role = np.full(len(people), STUDENT, np.int8)
    known = [k for k, p in enumerate(people) if p is not None]
    if not known:
        return role, {}
    of = {k: p for k, p in enumerate(people) if p is not None}
    place = np.array([of[k].place_W for k in known])
    count = np.array([len(of[k].moment) for k in known])
    share = count / max(moments, 1)
    at_place = np.array([of[k].stays for k in known])
    stays = at_place >= STAYS
    settled = (at_place >= ROOTED) & (share >= SETTLED)
    seated = settled & ((share >= SETTLED_SHORT) | (count * step_s >= SETTLED_S))
    standing = place[:, 1] < _sitting_y_m(place, count, settled) - STANDING_M
    still = np.array([of[k].still for k in known])
    seats = ~standing & stays & (share >= PASSER_SHARE)
    front = place[seats, 2].min(initial=np.inf) - IN_FRONT_M
    short = (
        (share < PASSER_SHARE) & (count * step_s < PASSER_S) & (moments * step_s > 12 * PASSER_S)
    )
    on_foot = ~still & (short | (standing & (~seated | (place[:, 2] < front))))
    if desk_xz_m is not None:
        at_desk = np.linalg.norm(place[:, ::2] - desk_xz_m, axis=1) < 2 * STAYS_M
        on_foot |= at_desk
    joined = {}
    for n in np.flatnonzero(on_foot & standing & stays):
        beside = np.linalg.norm(place[:, ::2] - place[n, ::2], axis=1)
        own = [m for m in np.flatnonzero(seats & (beside < SEAT_M))
               if not np.intersect1d(of[known[m]].moment, of[known[n]].moment).size]  # fmt: skip
        if own:
            joined[known[n]] = known[min(own, key=lambda m: beside[m])]
            on_foot[n] = False
    role[[known[n] for n in np.flatnonzero(still)]] = PORTRAIT
    walkers = [known[n] for n in np.flatnonzero(on_foot)]
    role[walkers] = PASSER
    if desk_xz_m is not None:
        role[[known[n] for n in np.flatnonzero(on_foot & at_desk)]] = TEACHER
    return role, joined


def sitting_y_m(seat_W: Array, z_m: Array) -> Array:
    """(M,) how high (y_W) noses of people who sit would be at z_m (M,): the median of seats (S, 3),
    or a slope through them, where rows stand on tiers."""
    seat_W = seat_W[np.isfinite(seat_W).all(1)]
    if len(seat_W) >= LEAST_FOR_TIERS:
        slope, level, least, most = theilslopes(seat_W[:, 1], seat_W[:, 2])
        if least > 0 or most < 0:  # else the floor is level, as far as noses tell
            return np.asarray(level + slope * z_m)
    return np.full(len(z_m), np.median(seat_W[:, 1]) if len(seat_W) else np.nan)


def _sitting_y_m(place: Array, count: NDArray[np.int64], settled: NDArray[np.bool_]) -> Array:
    """(P,) where noses of people who sit would be at each place: the class's median, or a slope
    through those who stay, where rows stand on tiers."""
    if settled.sum() >= LEAST_FOR_TIERS:
        return sitting_y_m(place[settled], place[:, 2])
    order = np.argsort(place[:, 1])
    half = np.searchsorted(np.cumsum(count[order]), count.sum() / 2)
    return np.full(len(place), place[order[half], 1])
