"""Students: where they sit, which row, and what they are called."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.rig import Rig
from calibration.shapes import shapes
from calibration.transform import Array, rotation_exp
from gaze.people.evidence import UNMATCHED, Sightings, alike
from gaze.room.position import ray_points, seat_prior

#: A class sits beside its declared seats if it is this far off as a whole (seats are read off a
#: plan, noses lean over desks), as far as is tried; a nose at a seat; noses that make a class, and
#: the share of the class that must then sit at seats.
LEAST_SHIFT_M, MOST_SHIFT_M = 0.4, 2.0
AT_SEAT_M = 0.4
LEAST_SHIFTED, MOST_OF_THEM = 4, 0.75
#: A class that measures the room: shifted and turned by this much at most, tried in such steps, the
#: best few fitted; how far off a nose is that is at its seat, 1 σ and at most; so many at their
#: seats; and by how much χ² every other place must be worse.
MOST_WRONG_M, MOST_TURNED_DEG, STEP_DEG, MOST_STARTS = 4.0, 20.0, 4.0, 8
NEAR_SEAT_M, LEAST_SEATED, CLEARLY_CHI2 = (0.2, 0.6), 6, 12.0
#: Each nose is given the nearest seat: what scatter is left is less than how people sit (variance).
NEAREST = 2.0
#: What a class has in common, 1 σ: its floor rises to the back, its plan is turned, its floor or
#: its children slope sideways; its plan begun beside the corner, blackboards hung higher, everybody
#: leaning forward; its plan too large. What it says is worth no more, however many sit there.
COMMON_DEG = (12.0, 2.0, 2.0)
COMMON_M = (0.10, 0.25, 0.15)
COMMON_SIZE = 0.03
#: No class sits more evenly than this: across and along, and in height.
SITS_LEAST_M, HEIGHT_LEAST_M = 0.08, 0.05
#: A nose is so far before its seat, and above the blackboard's lower edge.
BEFORE_SEAT_M, ABOVE_EDGE_M = 0.10, 0.25


@dataclass(frozen=True)
class Students:
    """Who is who.

    student : (N,) of each face row, index into the S students; −1 = unmatched.
    seat_W : (S, 3) where the nose usually is; NaN where no position is known.
    seat_covariance_m2 : (S, 3, 3) how far it strays.
    name : (S,) pseudonyms. row : (S,) row of seats, 1 = nearest to the blackboard; 0 = not known.
    pair_cost : (S,) how badly the two cameras' tracks fit (0 = perfectly); NaN: one camera.
    role : (N,) of each face row: whose it is where it is no student's (gaze.people.others).
    """

    student: NDArray[np.int32]
    seat_W: Array
    seat_covariance_m2: Array
    name: tuple[str, ...]
    row: NDArray[np.int32]
    pair_cost: Array
    role: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))

    def __len__(self) -> int:
        return len(self.name)

    @property
    def rows(self) -> dict[str, int]:
        """Row of seats by pseudonym."""
        return dict(zip(self.name, self.row.tolist(), strict=True))


def matched_rows(
    seen: Sightings, student: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Rows (left, right) that one student has at one moment, and the student."""
    sides = [np.flatnonzero((seen.camera == c) & (student >= 0)) for c in (0, 1)]
    count = int(student.max(initial=-1)) + 1
    keys = [seen.moment[rows].astype(np.int64) * count + student[rows] for rows in sides]
    i, j = (rows[k] for rows, k in zip(sides, alike(*keys), strict=True))
    return i, j, student[i]


def seats_of(
    rig: Rig, seen: Sightings, student: NDArray[np.int32], pair_cost: list[float]
) -> Students:
    """Seats from the moments at which both cameras see a student; empty students leave."""
    count = len(pair_cost)
    present = np.array([(student == k).any() for k in range(count)], np.bool_)
    number = np.cumsum(present) - 1
    student = np.where(student >= 0, number[np.maximum(student, 0)], UNMATCHED).astype(np.int32)
    kept = int(present.sum())
    seat, spread = np.full((kept, 3), np.nan), np.full((kept, 3, 3), np.nan)
    i, j, who = matched_rows(seen, student)
    if len(i):
        P = ray_points(
            rig, rig.left.undistort(seen.nose_px[i]), rig.right.undistort(seen.nose_px[j])
        )
        for k in range(kept):
            mine = P[(who == k) & np.isfinite(P).all(1)]
            if len(mine):
                seat[k], spread[k] = seat_prior(mine)
    return Students(
        student,
        seat,
        spread,
        tuple("" for _ in range(kept)),
        np.zeros(kept, np.int32),
        np.asarray(pair_cost, np.float64)[present],
    )


@shapes(z_m="s")
def seat_rows(z_m: Array, *, gap_m: float = 0.45) -> NDArray[np.int32]:
    """Rows of seats (S,), 1 = nearest, from distances; a gap in z begins a new row; NaN → 0."""
    z = np.asarray(z_m, np.float64)
    row = np.zeros(len(z), np.int32)
    known = np.flatnonzero(np.isfinite(z))
    order = known[np.argsort(z[known], kind="stable")]
    if len(order):
        row[order] = 1 + np.cumsum(np.r_[False, np.diff(z[order]) > gap_m])
    return row


@shapes(noses_xz_m="n 2", seats_xz_m="s 2")
def shift_of_seats(noses_xz_m: Array, seats_xz_m: Array) -> tuple[Array, Array, int] | None:
    """By how much a class as a whole sits beside its declared seats.

    Every difference of a nose and a seat is tried as the shift; the one under which most noses
    lie at seats is taken if it explains the class far better than none does. Two names may be
    exchanged, a pupil may sit elsewhere: a shift is of all.

    Parameters
    ----------
    noses_xz_m, seats_xz_m : (N, 2), (S, 2) x_W, z_W; all finite.

    Returns
    -------
    (shift (2,), its 1σ (2,), noses at seats under it), metres; None: no shift, or too few.
    """
    if min(len(noses_xz_m), len(seats_xz_m)) < LEAST_SHIFTED:
        return None
    apart = noses_xz_m[:, None] - seats_xz_m[None]
    tried, score = _shifts(noses_xz_m, seats_xz_m)
    best = int(np.argmax(score - 0.01 * np.linalg.norm(tried, axis=1)))
    from_seat = np.linalg.norm(apart - tried[best], axis=-1)
    at = np.flatnonzero(from_seat.min(1) < AT_SEAT_M)
    if len(at) < LEAST_SHIFTED:
        return None
    each = apart[at, from_seat[at].argmin(1)]
    shift, sigma = each.mean(0), each.std(0, ddof=1) / np.sqrt(len(at))
    size = float(np.linalg.norm(shift))
    # against the best that is none: a class that leans
    gained = score[best] - score[np.linalg.norm(tried, axis=1) < LEAST_SHIFT_M / 2].max()
    fits = len(at) >= MOST_OF_THEM * min(noses_xz_m.shape[0], len(seats_xz_m))
    surely = size >= max(LEAST_SHIFT_M, 3 * float(np.linalg.norm(sigma)))
    if not (fits and surely and gained >= max(1.5, 0.15 * len(at))):
        return None
    return shift, sigma, len(at)


def _shifts(noses_xz: Array, seats_xz: Array, most_m: float = MOST_SHIFT_M) -> tuple[Array, Array]:
    """(K, 2) shifts: none, and each from a seat to a nose; (K,) how well noses are at seats."""
    apart = noses_xz[:, None] - seats_xz[None]
    tried = apart.reshape(-1, 2)
    tried = np.vstack([np.zeros(2), tried[np.linalg.norm(tried, axis=1) <= most_m]])
    off = np.linalg.norm(apart[None] - tried[:, None, None], axis=-1).min(-1)  # (K, N)
    return tried, np.maximum(1 - (off / AT_SEAT_M) ** 2, 0).sum(1)


@dataclass(frozen=True)
class ClassPlace:
    """Where a class sits, as its noses and as its declared seats say.

    Frame K: parallel to the room as declared, its origin amid the noses of the front row.

    at_m : (3,) K's origin as declared, its height by how blackboards hang. found_m, R : (3,) and
    (3, 3), where it is and how it is turned. size : how much larger the class is than declared.
    covariance : (7, 7) of (turn about x, y, z, place, size): radians, metres, 1.
    students : how many sit at their seats.
    """

    at_m: Array
    found_m: Array
    R: Array
    size: float
    covariance: Array
    students: int


@shapes(noses_W="n 3", seats_xz_m="s 2")
def class_place(noses_W: Array, seats_xz_m: Array, height_m: float) -> ClassPlace | None:
    """The one place, turn and size at which a class's noses are at its declared seats.

    Whose nose is whose is not asked: names are given by seats, in a room that may be wrong.

    Parameters
    ----------
    noses_W : (N, 3) median noses. seats_xz_m : (S, 2) x_W, z_W as declared; all finite.
    height_m : the blackboard's.

    Returns
    -------
    None: too few sit at their seats, or as many would at another place.
    """
    least = max(LEAST_SEATED, MOST_OF_THEM * min(len(noses_W), len(seats_xz_m)))
    if len(noses_W) < least:
        return None
    seats = np.insert(seats_xz_m, 1, 0.0, axis=1)
    fitted = [_seated(noses_W, seats, turn, shift) for turn, shift in _starts(noses_W, seats)]
    ranked = sorted(fitted, key=lambda f: f[0])
    chi2, (middle, there, R, size), C, students = ranked[0]
    if students < least:
        return None
    for other, (a, b, turned, larger), *_ in ranked[1:]:
        apart = np.linalg.norm(b + larger * turned @ (middle - a) - there)
        if apart > NEAR_SEAT_M[0] and other < chi2 + CLEARLY_CHI2:
            return None
    common = np.diag([*np.radians(COMMON_DEG), *COMMON_M, COMMON_SIZE]) ** 2
    at_m = middle + [0.0, height_m - ABOVE_EDGE_M, -BEFORE_SEAT_M]
    return ClassPlace(at_m, there, R, size, NEAREST * C + common, students)


def _starts(noses_W: Array, seats: Array) -> list[tuple[float, Array]]:
    """(turn about y_W, (2,) shift) of seats (S, 3), about their mean: the most promising, apart."""
    middle = seats.mean(0)
    found = []
    for turn in np.radians(np.arange(-MOST_TURNED_DEG, MOST_TURNED_DEG + 1, STEP_DEG)):
        turned = middle + (seats - middle) @ rotation_exp([0, turn, 0]).T
        tried, score = _shifts(noses_W[:, ::2], turned[:, ::2], MOST_WRONG_M)
        found += [(s, turn, t) for t, s in zip(tried, score, strict=True)]
    out: list[tuple[float, Array]] = []
    for _, turn, shift in sorted(found, key=lambda f: -f[0]):
        if all(np.linalg.norm(shift - t) > NEAR_SEAT_M[0] for _, t in out):
            out.append((turn, shift))
        if len(out) == MOST_STARTS:
            break
    return out


def _seated(
    noses_W: Array, seats: Array, turn: float, shift: Array
) -> tuple[float, tuple[Array, Array, Array, float], Array, int]:
    """Noses on seats (S, 3) from a start: how badly (χ²), the fit, its covariance (7, 7), how many.

    The fit is (middle, there, R, size): a seat p is at ``there + size R (p − middle)``.
    """
    R, size, middle = rotation_exp([0, turn, 0]), 1.0, seats.mean(0)
    there = middle + [shift[0], noses_W[:, 1].mean(), shift[1]]
    near, most = NEAR_SEAT_M
    for _ in range(8):
        off = noses_W[:, None] - (there + size * (seats - middle) @ R.T)
        away = np.linalg.norm(off[..., ::2], axis=-1)
        cost = np.minimum(away / near, most / near) ** 2
        who, seat = linear_sum_assignment(cost)
        chi2 = float(cost[who, seat].sum())
        at = away[who, seat] < most
        who, seat = who[at], seat[at]
        count, C = len(who), np.eye(7)
        if count < LEAST_SEATED:
            break
        # from the front row's middle, so that a floor that rises says nothing of its heads' height
        new = np.array([seats[seat, 0].mean(), 0.0, seats[seat, 2].min()])
        there, middle = there + size * R @ (new - middle), new
        arm, r = (seats[seat] - middle) @ R.T, off[who, seat]
        J = np.zeros((count, 3, 7))
        J[:, 0, 1], J[:, 2, 1] = size * arm[:, 2], -size * arm[:, 0]
        J[:, 1, 0], J[:, 1, 2] = -size * arm[:, 2], size * arm[:, 0]
        J[:, :, 3:6], J[:, :, 6] = np.eye(3), arm
        flat = max(SITS_LEAST_M, float(np.sqrt((r[:, ::2] ** 2).sum() / (2 * count - 4))))
        w = np.array([flat, max(HEIGHT_LEAST_M, float(r[:, 1].std())), flat]) ** -2.0
        # what one row of seats does not tell is known to 0.5 rad
        C = np.linalg.inv(np.einsum("nia,i,nib->ab", J, w, J) + 4 * np.eye(7))
        step = C @ np.einsum("nia,i,ni->a", J, w, r)
        R, there, size = rotation_exp(step[:3]) @ R, there + step[3:6], size + float(step[6])
    return chi2, (middle, there, R, size), C, count


@shapes(seats_xz_m="s 2")
def named(people: Students, names: Sequence[str], seats_xz_m: Array) -> Students:
    """Names by seats where session.toml gives them, S-01, S-02, … by row and place elsewhere."""
    count = len(people)
    name = [""] * count
    has_seat = np.flatnonzero(np.isfinite(seats_xz_m.reshape(-1, 2)).all(1))
    placed = np.flatnonzero(np.isfinite(people.seat_W).all(1))
    if len(has_seat) and len(placed):
        away = np.linalg.norm(
            people.seat_W[placed][:, None, ::2] - seats_xz_m[has_seat][None], axis=-1
        )
        for a, b in zip(*linear_sum_assignment(np.minimum(away, 5.0)), strict=True):
            if away[a, b] < 1.0:
                name[placed[a]] = names[has_seat[b]]
    row = seat_rows(people.seat_W[:, 2])
    # front to back; within a row from the blackboard's right edge to its left; unplaced last
    x = np.nan_to_num(people.seat_W[:, 0], nan=1e9)
    order = np.lexsort((x, np.where(row > 0, row, 10**6)))
    free = (f"S-{n:02d}" for n in itertools.count(1))
    taken = set(names)
    for k in order:
        if not name[k]:
            name[k] = next(n for n in free if n not in taken)
    rank = np.argsort(order)
    student = np.where(people.student >= 0, rank[np.maximum(people.student, 0)], UNMATCHED)
    return replace(
        people,
        student=student.astype(np.int32),
        seat_W=people.seat_W[order],
        seat_covariance_m2=people.seat_covariance_m2[order],
        name=tuple(name[k] for k in order),
        row=row[order],
        pair_cost=people.pair_cost[order],
    )
