"""The same student in both cameras: one answer for the whole lesson, from all moments together.

At one moment two students of a row often lie on one epipolar plane, and nothing in that moment says
which is which. So it is *tracks* that are matched, not faces: every pair of a left and a right
track collects evidence over the moments that they share,

- the angular epipolar distance, in σ;
- where the two rays meet: in the room, before both cameras, at a height at which this class sits;
- the size of the face in metres, from each camera, and against the class;
- the head's direction in the room, from each camera;
- seats from session.toml, where they are given; face embeddings, where they are asked for;

and students grow out of the pairs, the surest first, as tracks break. The class's own sitting
height and face size are not known beforehand: every hypothesis about them is tried, each with the
best one-to-one assignment, and the one under which the whole class fits best wins. What is left of
tracks is then joined to students by seat, and every moment is checked against its student's seat:
what does not fit is "unmatched", which is a legal answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.people.costs import MATCHERS, Embeddings, uses_embeddings
from gaze.people.evidence import (
    UNMATCHED,
    IdentitySettings,
    Pairs,
    Sightings,
    alike,
    pair_evidence,
    spread,
)
from gaze.people.matching import match_pairs
from gaze.people.others import PORTRAIT, STUDENT, TEACHER, Person, hangs_still, roles_of
from gaze.people.seats import Students, matched_rows, named, seats_of
from gaze.people.walks import with_walks
from gaze.room.position import epipolar_deg, ray_points

LOST_SHARE = 0.6  # fewer pairs than this share of the possible ones: is the rig off?
KNOCKED_FLOOR_DEG = 0.8
ENOUGH = 20  # moments that a pair shares; more of the same say little more
ONE_HEAD = 1.0  # faces nearer than this share of their height are of one head


def identify(
    rig: Rig,
    seen: Sightings,
    *,
    identity: str = "geometry",
    names: Sequence[str] = (),
    seats_xz_m: Array | None = None,
    embeddings: Embeddings | None = None,
    settings: IdentitySettings | None = None,
    step_s: float = 0.2,
    teacher_xz_m: tuple[float, float] | None = None,
) -> Students:
    """Give every face row a student, or say that it is nobody's.

    names, seats_xz_m : pseudonyms and seats (T, 2) x_W, z_W of session.toml; NaN = no seat given.
    embeddings : (camera, track) → mean face embedding, for ``embedding`` and ``both``.
    step_s : between two moments. teacher_xz_m : where the teacher sits, if anywhere.
    """
    s = settings or IdentitySettings()
    uses_embeddings(identity)
    seats = np.zeros((0, 2)) if seats_xz_m is None else np.asarray(seats_xz_m, np.float64)
    known_seats = seats[np.isfinite(seats).all(1)] if len(seats) else seats
    pairs = pair_evidence(rig, seen, s)
    chosen, cost = match_pairs(pairs, MATCHERS[identity](pairs, s, embeddings), s, known_seats)
    if len(chosen) < LOST_SHARE * possible_pairs(seen, s):
        # Nearly nobody fits: the rig is off (a knocked camera). Look again with a wide gate, so
        # that the noses can at least say so (epipolar residual, calibration/over_time/drift.py).
        wide = replace(s, epipolar_floor_deg=KNOCKED_FLOOR_DEG)
        again = pair_evidence(rig, seen, wide)
        found, new = match_pairs(
            again, MATCHERS[identity](again, wide, embeddings), wide, known_seats
        )
        if len(found) > len(chosen):
            s, pairs, chosen, cost = wide, again, found, new
    desk = None if teacher_xz_m is None else np.array(teacher_xz_m)
    owner, pair_cost, others = _students_of_tracks(rig, seen, pairs, cost, s, step_s, desk)
    student = np.full(len(seen.camera), UNMATCHED, np.int32)
    role = np.full(len(seen.camera), STUDENT, np.int8)
    for track, rows in seen.by_track().items():
        student[rows] = owner.get(track, UNMATCHED)
        role[rows] = others.get(track, STUDENT)
    student = _one_row_each(rig, seen, student, s)
    people = seats_of(rig, seen, student, pair_cost)
    people = replace(people, role=with_walks(rig, seen, people, role, step_s))
    return named(people, names, seats)


def possible_pairs(seen: Sightings, settings: IdentitySettings | None = None) -> int:
    """How many students both cameras could have in common: long tracks in the poorer camera."""
    least = (settings or IdentitySettings()).least_share * len(np.unique(seen.moment))
    counts = []
    for c in range(len(CAMERAS)):
        _, n = np.unique(seen.track[(seen.camera == c) & (seen.track >= 0)], return_counts=True)
        counts.append(int((n >= least).sum()))
    return min(counts)


def _students_of_tracks(
    rig: Rig,
    seen: Sightings,
    pairs: Pairs,
    cost: Array,
    s: IdentitySettings,
    step_s: float,
    desk_xz_m: Array | None,
) -> tuple[dict[tuple[int, int], int], list[float], dict[tuple[int, int], int]]:
    """(camera, track) → student: the matched pairs, then the pieces that belong to them; and
    (camera, track) → role of those who are none."""
    rows = {track: of for track, of in seen.by_track().items() if track[1] >= 0}
    owner, pair_cost = _founded(seen, pairs, cost, rows, s)
    # two founders at one place are one student whose tracks broke in both cameras
    owner, pair_cost = _merge_founders(rig, seen, rows, owner, pair_cost, s)
    moments = len(np.unique(seen.moment))
    owner, pair_cost, others = _without_others(
        [Person.of(rig, seen, _rows_of(rows, owner, k), step_s) for k in range(len(pair_cost))],
        owner, pair_cost, moments, step_s, desk_xz_m,
    )  # fmt: skip
    others |= {  # seen by one camera alone, or in other pieces by the other
        t: PORTRAIT for t, r in rows.items() if t not in owner and hangs_still(seen, r, step_s)
    }
    seats = [_meeting(rig, seen, _rows_of(rows, owner, k)) for k in range(len(pair_cost))]
    if desk_xz_m is not None and seats:  # a teacher at the desk whom one camera alone sees
        desk_W = np.insert(desk_xz_m, 1, np.nanmedian([seat[1] for seat in seats]))
        others |= {
            t: TEACHER
            for t, r in rows.items()
            if t not in owner and np.median(_miss(rig, t[0], seen.nose_px[r], desk_W)) < s.far_m / 2
        }
    rows = {t: r for t, r in rows.items() if t not in others}
    waiting = sorted((t for t in rows if t not in owner), key=lambda t: -len(rows[t]))
    for piece in waiting:
        best = _host(rig, seen, rows, owner, piece, seats, s)
        if best is not None:
            owner[piece] = best
        elif len(rows[piece]) >= s.least_share * moments and _at_head_height(
            rig, seen, rows, owner, piece, seats, s
        ):
            owner[piece] = len(pair_cost)
            pair_cost.append(np.nan)
            seats.append(np.full(3, np.nan))
    return owner, pair_cost, others


def _without_others(
    people: list[Person | None],
    owner: dict[tuple[int, int], int],
    pair_cost: list[float],
    moments: int,
    step_s: float,
    desk_xz_m: Array | None,
) -> tuple[dict[tuple[int, int], int], list[float], dict[tuple[int, int], int]]:
    """The same for students alone, those who stood up at their seats joined to themselves; and the
    roles of the others' tracks."""
    role, joined = roles_of(people, moments, step_s, desk_xz_m)
    kept = [k for k in range(len(people)) if role[k] == STUDENT and k not in joined]
    number = {k: n for n, k in enumerate(kept)}
    number |= {k: number[m] for k, m in joined.items()}
    return (
        {t: number[k] for t, k in owner.items() if k in number},
        [pair_cost[k] for k in kept],
        {t: int(role[k]) for t, k in owner.items() if k not in number},
    )


def _founded(
    seen: Sightings,
    pairs: Pairs,
    cost: Array,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    s: IdentitySettings,
) -> tuple[dict[tuple[int, int], int], list[float]]:
    """(camera, track) → student, for tracks that pair; and each student's best pair's cost.

    Tracks break, in each camera at its own moments. So pairs are joined, the surest first, wherever
    the two sides are nowhere seen on two heads at once and the pairs between them speak for it on
    the whole: a piece left over by a one-to-one answer would meet another's, where nobody is.
    """
    worth = np.maximum(s.no_match - cost, -s.no_match) * np.minimum(pairs.count, ENOUGH)
    between = pairs.shared.astype(np.float64)  # negative for those too far apart to be a pair
    between.data = -s.no_match * np.minimum(between.data, ENOUGH)
    between[pairs.left, pairs.right] = worth
    # what speaks for two groups being one, by the first track of each
    speaks: dict[tuple[int, int], dict[tuple[int, int], float]] = {t: {} for t in rows}
    of = between.tocoo()
    for left, right, for_it in zip(of.row.tolist(), of.col.tolist(), of.data.tolist(), strict=True):
        speaks[0, left][1, right] = speaks[1, right][0, left] = for_it
    group = {t: [t] for t in rows}
    best: dict[tuple[int, int], float] = {}
    for k in np.argsort(-worth, kind="stable")[: int((worth > 0).sum())]:
        one, other = group[0, int(pairs.left[k])], group[1, int(pairs.right[k])]
        first, second = one[0], other[0]
        if one is other or speaks[first].get(second, 0.0) <= 0:
            continue
        if not all(_free(seen, rows, t, one) for t in other):
            continue
        best[first] = min(best.pop(first, np.inf), best.pop(second, np.inf), float(cost[k]))
        for third, for_it in speaks.pop(second).items():
            del speaks[third][second]
            if third != first:
                both = speaks[first].get(third, 0.0) + for_it
                speaks[first][third] = speaks[third][first] = both
        one += other
        group |= dict.fromkeys(other, one)
    students = sorted(best, key=lambda t: -sum(len(rows[m]) for m in group[t]))
    return (
        {t: k for k, first in enumerate(students) for t in group[first]},
        [best[first] for first in students],
    )


def _merge_founders(
    rig: Rig,
    seen: Sightings,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    owner: dict[tuple[int, int], int],
    pair_cost: list[float],
    s: IdentitySettings,
) -> tuple[dict[tuple[int, int], int], list[float]]:
    """Join students at one place: nearer than two people can be, or near (or below, as a head under
    the desk) and never seen at once on two heads.
    """
    count = len(pair_cost)
    tracks_of: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for t, k in owner.items():
        tracks_of[k].append(t)
    seats = np.full((count, 3), np.nan)
    for k, tracks in enumerate(tracks_of):
        seats[k] = _meeting(rig, seen, np.concatenate([rows[t] for t in tracks]))
    target = list(range(count))
    for k in range(count):
        for m in range(k):
            off_m = seats[k] - seats[m]
            apart_m, beside_m = np.linalg.norm(off_m), np.hypot(off_m[0], off_m[2])
            below = beside_m < s.far_m / 2 and 0 < off_m[1] < s.far_m  # y_W is down
            if target[m] != m or not (apart_m < s.far_m / 2 or below):
                continue
            at_once = [
                _elsewhere(seen, rows[a], rows[b])
                for a in tracks_of[k]
                for b in tracks_of[m]
                if a[0] == b[0] and (*a, b[1]) in seen.at_once
            ]
            if apart_m < s.one_place_m or max(at_once, default=0.0) < 0.02:
                target[k] = m
                tracks_of[m] += tracks_of[k]
                break
    kept = [k for k in range(count) if target[k] == k]
    number = {k: n for n, k in enumerate(kept)}
    return (
        {t: number[target[k]] for t, k in owner.items()},
        [pair_cost[k] for k in kept],
    )


def _free(
    seen: Sightings,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    piece: tuple[int, int],
    tracks: list[tuple[int, int]],
) -> bool:
    """Whether a student of these tracks is not seen elsewhere by the piece's camera meanwhile.

    Now and then two faces are found on one head (under hair, under a cap): nearer than two heads
    are, that is not elsewhere.
    """
    camera, number = piece
    for other in (t for t in tracks if t[0] == camera):
        common = seen.at_once.get((camera, number, other[1]), 0)
        overlap = common / min(len(rows[piece]), len(rows[other]))  # of the shorter one's moments
        if overlap > 0.25 or (common and _elsewhere(seen, rows[piece], rows[other]) > 0.05):
            return False
    return True


def _elsewhere(seen: Sightings, a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """Share of the shorter track's moments at which the other is seen on another head.

    A head is as large as the larger of the two faces usually is: of a bent one little is seen.
    """
    _, i, j = np.intersect1d(seen.moment[a], seen.moment[b], return_indices=True)
    apart = np.linalg.norm(seen.nose_px[a[i]] - seen.nose_px[b[j]], axis=1)
    other = apart > ONE_HEAD * max(np.median(seen.height_px[rows]) for rows in (a, b))
    return float(other.sum() / max(min(len(a), len(b)), 1))


def _host(
    rig: Rig,
    seen: Sightings,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    owner: dict[tuple[int, int], int],
    piece: tuple[int, int],
    seats: list[Array],
    s: IdentitySettings,
) -> int | None:
    """The student to whom a piece of a track belongs: free at its moments, and at its place.

    A place is a seat in the room that the piece's rays pass closely (a head bent over the desk
    stays within 20 cm of it), or, for students seen by this camera alone, a place in the picture.
    """
    camera = piece[0]
    tracks: dict[int, list[tuple[int, int]]] = {k: [] for k in sorted(set(owner.values()))}
    for t, k in owner.items():
        if t[0] == camera:
            tracks[k].append(t)
    xy = rig.camera(CAMERAS[camera]).undistort(seen.nose_px[rows[piece]])
    best: tuple[float, int] | None = None
    for k, own in tracks.items():
        if not _free(seen, rows, piece, own):
            continue
        place = np.inf
        if np.isfinite(seats[k]).all():
            miss = np.median(_passes(rig, camera, xy, seats[k]))
            place = float((miss / s.beside_m) ** 2)
        elif own:  # the same place in the picture, in heights of the face
            mine = np.concatenate([rows[t] for t in own])
            apart = np.median(seen.nose_px[rows[piece]], 0) - np.median(seen.nose_px[mine], 0)
            place = float((np.linalg.norm(apart) / (0.6 * np.median(seen.height_px[mine]))) ** 2)
        if own:
            mine = np.concatenate([rows[t] for t in own])
            size = np.median(seen.height_px[rows[piece]]) / np.median(seen.height_px[mine])
            place += float((np.log(size) / 0.3) ** 2)
        if place < (4.0 if best is None else best[0]):
            best = place, k
    return None if best is None else best[1]


def _at_head_height(
    rig: Rig,
    seen: Sightings,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    owner: dict[tuple[int, int], int],
    piece: tuple[int, int],
    seats: list[Array],
    s: IdentitySettings,
) -> bool:
    """Whether a track that one camera alone sees lies at the height of the class's noses.

    How far away it is follows from the size of its face, as large as the class's median one.
    """
    name = CAMERAS[piece[0]]
    T, camera = rig.T_WC(name), rig.camera(name)
    placed = [k for k in set(owner.values()) if np.isfinite(seats[k]).all()]
    sizes = [  # in metres × pixels of focal length
        np.median(seen.height_px[rows[t]]) * np.linalg.norm(seats[k] - T.t)
        for t, k in owner.items()
        if k in placed and t[0] == piece[0]
    ]
    if not sizes:
        return True  # nothing to compare with
    far_m = np.median(sizes) / np.median(seen.height_px[rows[piece]])
    ray = T.rotate(camera.rays(np.median(seen.nose_px[rows[piece]], axis=0)[None]))[0]
    height = np.median([seats[k][1] for k in placed])
    return bool(abs(T.t[1] + far_m * ray[1] - height) < s.seated_m)


def _rows_of(
    rows: dict[tuple[int, int], NDArray[np.intp]], owner: dict[tuple[int, int], int], k: int
) -> NDArray[np.intp]:
    """All rows of a student's tracks."""
    return np.concatenate([rows[t] for t, o in owner.items() if o == k])


def _miss(rig: Rig, camera: int, nose_px: Array, point_W: Array) -> Array:
    """How far (N,) in metres the rays of a camera's pixels (N, 2) pass from points (N, 3)."""
    return _passes(rig, camera, rig.camera(CAMERAS[camera]).undistort(nose_px), point_W)


def _passes(rig: Rig, camera: int, xy: Array, point_W: Array) -> Array:
    """The same (N,) of normalised coordinates (N, 2)."""
    T = rig.T_WC(CAMERAS[camera])
    d = T.rotate(np.concatenate([xy, np.ones((len(xy), 1))], -1))
    d /= np.linalg.norm(d, axis=-1, keepdims=True)
    to_point = point_W - T.t
    along = (to_point * d).sum(-1, keepdims=True)
    return np.asarray(np.linalg.norm(to_point - along * d, axis=-1))


def _meeting(rig: Rig, seen: Sightings, rows: NDArray[np.intp]) -> Array:
    """Median meeting point (3,) of the rays of one student's rows."""
    rows = np.sort(rows)
    left, right = (rows[seen.camera[rows] == c] for c in range(len(CAMERAS)))
    i, j = alike(seen.moment[left], seen.moment[right])
    i, j = left[i], right[j]
    take = spread(np.arange(len(i)), 200)
    P = ray_points(
        rig,
        rig.left.undistort(seen.nose_px[i[take]]),
        rig.right.undistort(seen.nose_px[j[take]]),
    )
    return np.asarray(pd.DataFrame(P).median(), np.float64)


def _one_row_each(
    rig: Rig, seen: Sightings, student: NDArray[np.int32], s: IdentitySettings
) -> NDArray[np.int32]:
    """Check every moment: one row for each student and camera, and both at the seat.

    Of two rows of one camera the one nearer to the student's usual place stays. Where the two
    cameras' rays miss each other, or meet far from the seat, the row whose ray passes farther from
    the seat goes; both, if both do.
    """
    student = student.copy()
    i, j, who = matched_rows(seen, student)
    xy = np.full((len(student), 2), np.nan)
    for c, name in enumerate(CAMERAS):
        mine = (seen.camera == c) & (student >= 0)
        xy[mine] = rig.camera(name).undistort(seen.nose_px[mine])
    P = ray_points(rig, xy[i], xy[j]) if len(i) else np.zeros((0, 3))
    count = int(student.max(initial=-1)) + 1
    seats = pd.DataFrame(P).groupby(who).median().reindex(range(count)).to_numpy(np.float64)
    # how far each row's ray passes from its student's seat, metres
    miss = np.full(len(student), np.nan)
    for c in range(len(CAMERAS)):
        rows = np.flatnonzero((seen.camera == c) & (student >= 0))
        miss[rows] = _passes(rig, c, xy[rows], seats[student[rows]])
    student[np.nan_to_num(miss) > s.far_m] = UNMATCHED
    # one row for each student, moment and camera
    rows = np.flatnonzero(student >= 0)
    order = rows[np.argsort(np.nan_to_num(miss[rows]), kind="stable")]
    key = (seen.moment[order].astype(np.int64) * max(count, 1) + student[order]) * 2
    _, first = np.unique(key + seen.camera[order], return_index=True)
    one = np.zeros(len(student), np.bool_)
    one[order[first]] = True
    student[~one] = UNMATCHED
    # the two cameras must mean one point
    i, j, who = matched_rows(seen, student)
    if len(i):
        P = ray_points(rig, xy[i], xy[j])
        sigma = np.hypot(
            np.degrees(seen.sigma_px[i] / rig.left.f_px),
            np.degrees(seen.sigma_px[j] / rig.right.f_px),
        )
        off = epipolar_deg(rig, xy[i], xy[j]) / np.hypot(sigma, s.epipolar_floor_deg)
        far = np.linalg.norm(P - seats[who], axis=1)
        wrong = ~(far < s.far_m) | ((off > 6.0) & (far > 0.25)) | (off > 12.0)
        worse = np.where(miss[i] > miss[j], i, j)
        student[worse[wrong]] = UNMATCHED
    return student
