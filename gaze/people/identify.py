"""The same student in both cameras: one answer for the whole lesson, from all moments together.

At one moment two students of a row often lie on one epipolar plane, and nothing in that moment says
which is which. So it is *tracks* that are matched, not faces: every pair of a left and a right
track collects evidence over the moments that they share,

- the angular epipolar distance, in σ;
- where the two rays meet: in the room, before both cameras, at a height at which this class sits;
- the size of the face in metres, from each camera, and against the class;
- the head's direction in the room, from each camera;
- seats from session.toml, where they are given; face embeddings, where they are asked for;

and one assignment over all pairs, each weighted with its number of moments, takes the best answer.
The class's own sitting height and face size are not known beforehand: every hypothesis about them
is tried, and the one under which the whole class fits best wins. Pieces of tracks are then joined
to students by seat, and every moment is checked against its student's seat: what does not fit is
"unmatched", which is a legal answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.errors import UserError
from calibration.rig import Rig
from calibration.transform import Array, geodesic_deg
from gaze.faces.finder import CAMERAS
from gaze.room.position import epipolar_deg, ray_points, seat_prior, sight

UNMATCHED = -1
LOST_SHARE = 0.6  # fewer pairs than this share of the possible ones: is the rig off?
KNOCKED_FLOOR_DEG = 0.8


class IdentityError(UserError):
    """An identity matcher that is not known."""


@dataclass(frozen=True)
class Sightings:
    """Face rows as identity needs them; N rows.

    camera : (N,) 0 left, 1 right. moment : (N,). track : (N,) within the camera; −1 none.
    nose_px : (N, 2); sigma_px : (N,); height_px : (N,) of the face.
    R_WS : (N, 3, 3) the head in the room by this camera alone, or None.
    """

    camera: NDArray[np.int8]
    moment: NDArray[np.int32]
    track: NDArray[np.int32]
    nose_px: Array
    sigma_px: Array
    height_px: Array
    R_WS: Array | None = None


@dataclass(frozen=True)
class Students:
    """Who is who.

    student : (N,) of each face row, index into the S students; −1 = unmatched.
    seat_W : (S, 3) where the nose usually is; NaN where no position is known.
    seat_covariance_m2 : (S, 3, 3) how far it strays.
    name : (S,) pseudonyms. row : (S,) row of seats, 1 = nearest to the blackboard; 0 = not known.
    pair_cost : (S,) how badly the two cameras' tracks fit (0 = perfectly); NaN: one camera.
    """

    student: NDArray[np.int32]
    seat_W: Array
    seat_covariance_m2: Array
    name: tuple[str, ...]
    row: NDArray[np.int32]
    pair_cost: Array

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class IdentitySettings:
    """Standard deviations of the evidence, and what counts as too far.

    epipolar_floor_deg : σ added to the pixels' own: rig, shutter, the nose's definition.
    size_pair, size_class : σ of the logarithm of the face's size between the cameras, and in a
        class. height_class_m : of the noses' heights. head_deg : between the two cameras' heads.
    seat_m : of a nose about its seat in session.toml.
    no_match : cost above which two tracks are rather nobody's pair.
    beside_m : σ of how far a ray passes from its student's seat.
    far_m : a nose farther than this from its student's seat is not this student's.
    one_place_m : two people's noses are never this near to each other: students whose places
        coincide so are one, even if a detector saw two faces of it now and then.
    seated_m : a face that one camera alone sees, and that is this far above or below the class's
        noses, is none (a hand, a picture on the wall).
    least_share : a track that only one camera sees makes a student of its own if it is there in at
        least this share of the moments; less is a passer-by or a false face.
    """

    epipolar_floor_deg: float = 0.12
    size_pair: float = 0.16
    size_class: float = 0.14
    height_class_m: float = 0.14
    head_deg: float = 14.0
    seat_m: float = 0.35
    no_match: float = 24.0
    beside_m: float = 0.2
    far_m: float = 0.75
    one_place_m: float = 0.25
    seated_m: float = 0.6
    least_share: float = 0.3
    most_moments: int = 500


# -- evidence for each pair of tracks -----------------------------------------------------------


@dataclass(frozen=True)
class Pairs:
    """Evidence for P pairs of a left and a right track that share moments.

    left, right : (P,) track numbers. count : (P,) shared moments.
    epipolar : (P,) mean squared epipolar distance in σ, each capped at 25.
    P_W : (P, 3) median meeting point of the rays. in_room : (P,) share of moments in which the rays
    meet before both cameras and before the blackboard.
    size_m : (P, 2) the face's height in metres by each camera. head_deg : (P,) median angle between
    the two cameras' heads; NaN unknown.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    count: NDArray[np.int64]
    epipolar: Array
    P_W: Array
    in_room: Array
    size_m: Array
    head_deg: Array

    def __len__(self) -> int:
        return len(self.left)


def pair_evidence(rig: Rig, seen: Sightings, settings: IdentitySettings) -> Pairs:
    """Collect :class:`Pairs` over (at most ``most_moments``, evenly chosen) shared moments."""
    chosen = _chosen_moments(seen, settings.most_moments)
    sides = []
    for c in range(len(CAMERAS)):
        rows = np.flatnonzero((seen.camera == c) & (seen.track >= 0))
        counts = pd.DataFrame({"moment": seen.moment[rows], "track": seen.track[rows]})
        sides.append(
            (rows[np.isin(seen.moment[rows], chosen)], counts.drop_duplicates().reset_index())
        )
    tables = [
        pd.DataFrame({"moment": seen.moment[r], "track": seen.track[r], "row": r}) for r, _ in sides
    ]
    both = tables[0].merge(tables[1], on="moment", suffixes=("_left", "_right"))
    if both.empty:
        none = np.zeros(0)
        return Pairs(
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
            none,
            np.zeros((0, 3)),
            none,
            np.zeros((0, 2)),
            none,
        )
    i, j = both["row_left"].to_numpy(), both["row_right"].to_numpy()
    xy = np.full((len(seen.camera), 2), np.nan)
    for c, name in enumerate(CAMERAS):
        mine = seen.camera == c
        xy[mine] = sight(rig.camera(name), seen.nose_px[mine]).xy
    P = ray_points(rig, xy[i], xy[j])
    angle = epipolar_deg(rig, xy[i], xy[j])
    sigma = np.hypot(
        np.degrees(seen.sigma_px[i] / rig.left.f_px), np.degrees(seen.sigma_px[j] / rig.right.f_px)
    )
    off = np.minimum((angle / np.hypot(sigma, settings.epipolar_floor_deg)) ** 2, 25.0)
    in_room = np.nan_to_num(P[:, 2]) > 0.3
    size = np.zeros((len(i), 2))
    for c, (name, k) in enumerate(zip(CAMERAS, (i, j), strict=True)):
        P_C = rig.T_WC(name).inverse().apply(P)
        in_room &= np.nan_to_num(P_C[:, 2]) > 0.3
        size[:, c] = np.linalg.norm(P_C, axis=1) * seen.height_px[k] / rig.camera(name).f_px
    head = np.full(len(i), np.nan)
    if seen.R_WS is not None:
        known = np.isfinite(seen.R_WS[i]).all((1, 2)) & np.isfinite(seen.R_WS[j]).all((1, 2))
        head[known] = geodesic_deg(seen.R_WS[i[known]], seen.R_WS[j[known]])
    rows = pd.DataFrame(
        {
            "left": both["track_left"],
            "right": both["track_right"],
            "off": off,
            "room": in_room.astype(float),
            "x": P[:, 0],
            "y": P[:, 1],
            "z": P[:, 2],
            "size_left": size[:, 0],
            "size_right": size[:, 1],
            "head": head,
        }
    )
    groups = rows.groupby(["left", "right"], sort=True)
    mean, median = groups[["off", "room"]].mean(), groups.median()
    shared = sides[0][1].merge(sides[1][1], on="moment", suffixes=("_left", "_right"))
    shared = shared.groupby(["track_left", "track_right"]).size()
    index = mean.index
    return Pairs(
        index.get_level_values(0).to_numpy(np.int32),
        index.get_level_values(1).to_numpy(np.int32),
        shared.reindex(index).to_numpy(np.int64),
        mean["off"].to_numpy(),
        median[["x", "y", "z"]].to_numpy(),
        mean["room"].to_numpy(),
        median[["size_left", "size_right"]].to_numpy(),
        median["head"].to_numpy(),
    )


def _chosen_moments(seen: Sightings, most: int) -> NDArray[np.integer]:
    """Moments spread over the lesson, and a few of each track, however short it is."""
    every = np.unique(seen.moment)
    parts = [_spread(every, most)]
    keys = seen.track.astype(np.int64) * 2 + seen.camera
    for key in np.unique(keys):
        parts.append(_spread(np.unique(seen.moment[keys == key]), 20))
    return np.asarray(np.unique(np.concatenate(parts)))


def _spread(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most ``most`` of the values, evenly."""
    if len(values) <= most:
        return values
    return np.asarray(values[np.linspace(0, len(values) - 1, most).round().astype(int)])


# -- from evidence to costs, by name --------------------------------------------------------------

Embeddings = Mapping[tuple[int, int], Array]  # (camera, track) → unit-free vector
Matcher = Callable[[Pairs, IdentitySettings, Embeddings | None], Array]
MATCHERS: dict[str, Matcher] = {}


def register_matcher(name: str) -> Callable[[Matcher], Matcher]:
    """Function decorator: makes ``identity=name`` known to the pipeline."""

    def add(matcher: Matcher) -> Matcher:
        MATCHERS[name] = matcher
        return matcher

    return add


@register_matcher("geometry")
def geometry_cost(pairs: Pairs, s: IdentitySettings, embeddings: Embeddings | None = None) -> Array:
    """Epipolar distance, meeting in the room, size between the cameras, head direction."""
    cost = pairs.epipolar.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(pairs.size_m[:, 0] / pairs.size_m[:, 1]) / s.size_pair
    cost += np.minimum(np.nan_to_num(ratio, nan=3.0) ** 2, 9.0)
    cost += np.minimum(np.nan_to_num(pairs.head_deg / s.head_deg, nan=1.0) ** 2, 9.0)
    cost[pairs.in_room < 0.5] = np.inf
    return cost


@register_matcher("embedding")
def embedding_cost(
    pairs: Pairs, s: IdentitySettings, embeddings: Embeddings | None = None
) -> Array:
    """Distance of the tracks' mean face embeddings (one person: about 0.4, two: over 0.6)."""
    known = embeddings or {}
    cost = np.full(len(pairs), s.no_match / 2)  # a track without an embedding says nothing
    for k, (a, b) in enumerate(zip(pairs.left, pairs.right, strict=True)):
        one, other = known.get((0, int(a))), known.get((1, int(b)))
        if one is not None and other is not None:
            distance = float(np.linalg.norm(one - other))
            cost[k] = (max(distance - 0.40, 0.0) / 0.10) ** 2
    cost[pairs.in_room < 0.5] = np.inf
    return cost


@register_matcher("both")
def both_cost(pairs: Pairs, s: IdentitySettings, embeddings: Embeddings | None = None) -> Array:
    """Geometry, with embeddings as a tie-break (they weigh a quarter)."""
    return geometry_cost(pairs, s, embeddings) + embedding_cost(pairs, s, embeddings) / 4


def uses_embeddings(identity: str) -> bool:
    """Whether a matcher wants face embeddings.

    Raises
    ------
    IdentityError : no such matcher.
    """
    if identity not in MATCHERS:
        raise IdentityError(
            "this identity matcher is not known",
            found=identity,
            expected=" or ".join(sorted(MATCHERS)),
        )
    return identity != "geometry"


# -- matching ----------------------------------------------------------------------------------


def match_pairs(
    pairs: Pairs, cost: Array, s: IdentitySettings, seats_xz_m: Array | None = None
) -> tuple[NDArray[np.intp], Array]:
    """The pairs (indices) of the best one-to-one assignment, and every pair's final cost (P,).

    cost : (P,) of each pair by itself. seats_xz_m : (T, 2) seats from session.toml, if any.
    Each hypothesis about the class (height of the noses, size of the faces) adds its own cost to
    every pair; the assignment with the largest total of ``count · (no_match − cost)`` wins.
    """
    if len(pairs) == 0:
        return np.zeros(0, np.intp), cost
    if seats_xz_m is not None and len(seats_xz_m):
        away = np.linalg.norm(pairs.P_W[:, None, ::2] - seats_xz_m[None], axis=-1).min(1)
        cost = cost + np.minimum((away / s.seat_m) ** 2, 16.0)
    size = np.sqrt(pairs.size_m.prod(1))
    heights = np.arange(-0.6, 2.0, 0.08)
    sizes = np.exp(np.arange(np.log(0.13), np.log(0.32), 0.07))
    best: tuple[float, NDArray[np.intp], Array] | None = None
    for height, face in itertools.product(heights, sizes):
        total = cost + _class_cost(pairs.P_W[:, 1], size, height, face, s)
        chosen, worth = _assign(pairs, total, s)
        if best is None or worth > best[0]:
            best = worth, chosen, total
    assert best is not None
    for _ in range(3):  # polish: the class's own medians
        chosen = best[1]
        if len(chosen) == 0:
            break
        weight = pairs.count[chosen]
        height = _weighted_median(pairs.P_W[chosen, 1], weight)
        face = _weighted_median(size[chosen], weight)
        total = cost + _class_cost(pairs.P_W[:, 1], size, height, face, s)
        best = (0.0, _assign(pairs, total, s)[0], total)
    return best[1], best[2]


def _class_cost(y_W: Array, size: Array, height: float, face: float, s: IdentitySettings) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        a = ((y_W - height) / s.height_class_m) ** 2
        b = (np.log(size / face) / s.size_class) ** 2
    return np.minimum(np.nan_to_num(a, nan=16.0), 16.0) + np.minimum(
        np.nan_to_num(b, nan=16.0), 16.0
    )


def _assign(pairs: Pairs, cost: Array, s: IdentitySettings) -> tuple[NDArray[np.intp], float]:
    """One-to-one pairs with the largest worth, and that worth; no pair is forced."""
    worth = pairs.count * np.maximum(s.no_match - cost, 0.0)
    lefts, a = np.unique(pairs.left, return_inverse=True)
    rights, b = np.unique(pairs.right, return_inverse=True)
    table = np.zeros((len(lefts), len(rights)))
    index = np.full(table.shape, -1)
    table[a, b], index[a, b] = worth, np.arange(len(pairs))
    i, j = linear_sum_assignment(table, maximize=True)
    good = table[i, j] > 0
    return index[i[good], j[good]], float(table[i, j].sum())


def _weighted_median(values: Array, weight: NDArray[np.integer]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def identify(
    rig: Rig,
    seen: Sightings,
    *,
    identity: str = "geometry",
    names: Sequence[str] = (),
    seats_xz_m: Array | None = None,
    embeddings: Embeddings | None = None,
    settings: IdentitySettings | None = None,
) -> Students:
    """Give every face row a student, or say that it is nobody's.

    names, seats_xz_m : pseudonyms and seats (T, 2) x_W, z_W of session.toml; NaN = no seat given.
    embeddings : (camera, track) → mean face embedding, for ``embedding`` and ``both``.
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
    owner, pair_cost = _students_of_tracks(rig, seen, pairs, chosen, cost, s)
    student = np.full(len(seen.camera), UNMATCHED, np.int32)
    for (camera, number), k in owner.items():
        student[(seen.camera == camera) & (seen.track == number)] = k
    student = _one_row_each(rig, seen, student, s)
    people = _seats(rig, seen, student, pair_cost)
    return _named(people, names, seats)


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
    chosen: NDArray[np.intp],
    cost: Array,
    s: IdentitySettings,
) -> tuple[dict[tuple[int, int], int], list[float]]:
    """(camera, track) → student: the matched pairs, then the pieces that belong to them."""
    owner: dict[tuple[int, int], int] = {}
    pair_cost: list[float] = []
    # the more moments a pair shares, the earlier it founds its student
    for k in chosen[np.argsort(-pairs.count[chosen], kind="stable")]:
        owner[0, int(pairs.left[k])] = owner[1, int(pairs.right[k])] = len(pair_cost)
        pair_cost.append(float(cost[k]))
    keys = seen.track.astype(np.int64) * 2 + seen.camera
    rows = {(int(k % 2), int(k // 2)): np.flatnonzero(keys == k) for k in np.unique(keys) if k >= 0}
    cost_of = {
        (int(a), int(b)): float(c) for a, b, c in zip(pairs.left, pairs.right, cost, strict=True)
    }
    # two founders at one place are one student whose tracks broke in both cameras
    owner, pair_cost = _merge_founders(rig, seen, rows, owner, pair_cost, s)
    moments = len(np.unique(seen.moment))
    seats = [_meeting(rig, seen, _rows_of(rows, owner, k)) for k in range(len(pair_cost))]
    waiting = sorted((t for t in rows if t not in owner), key=lambda t: -len(rows[t]))
    for piece in waiting:
        best = _host(rig, seen, rows, owner, piece, cost_of, seats, s)
        if best is not None:
            owner[piece] = best
        elif len(rows[piece]) >= s.least_share * moments and _at_head_height(
            rig, seen, rows, owner, piece, seats, s
        ):
            owner[piece] = len(pair_cost)
            pair_cost.append(np.nan)
            seats.append(np.full(3, np.nan))
    return owner, pair_cost


def _merge_founders(
    rig: Rig,
    seen: Sightings,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    owner: dict[tuple[int, int], int],
    pair_cost: list[float],
    s: IdentitySettings,
) -> tuple[dict[tuple[int, int], int], list[float]]:
    """Join students at one place: nearer than two people can be, or near and never seen at once."""
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
            apart_m = np.linalg.norm(seats[k] - seats[m])
            if target[m] != m or not apart_m < s.far_m / 2:
                continue
            shared = [
                _overlap(seen, rows[a], rows[b])
                for a in tracks_of[k]
                for b in tracks_of[m]
                if a[0] == b[0]
            ]
            if apart_m < s.one_place_m or max(shared, default=0.0) < 0.02:
                target[k] = m
                tracks_of[m] += tracks_of[k]
                break
    kept = [k for k in range(count) if target[k] == k]
    number = {k: n for n, k in enumerate(kept)}
    return (
        {t: number[target[k]] for t, k in owner.items()},
        [pair_cost[k] for k in kept],
    )


def _host(
    rig: Rig,
    seen: Sightings,
    rows: dict[tuple[int, int], NDArray[np.intp]],
    owner: dict[tuple[int, int], int],
    piece: tuple[int, int],
    cost_of: dict[tuple[int, int], float],
    seats: list[Array],
    s: IdentitySettings,
) -> int | None:
    """The student to whom a piece of a track belongs: free at its moments, and at its place.

    A place is a seat in the room that the piece's rays pass closely (a head bent over the desk
    stays within 20 cm of it), or, for students seen by this camera alone, a place in the picture.
    """
    camera = piece[0]
    best: tuple[float, int] | None = None
    for k in set(owner.values()):
        own = [t for t, o in owner.items() if o == k and t[0] == camera]
        other = [t for t, o in owner.items() if o == k and t[0] != camera]
        if any(_overlap(seen, rows[piece], rows[t]) > 0.05 for t in own):
            continue
        costs = [
            cost_of[(piece[1], t[1]) if camera == 0 else (t[1], piece[1])]
            for t in other
            if ((piece[1], t[1]) if camera == 0 else (t[1], piece[1])) in cost_of
        ]
        place = np.inf
        if np.isfinite(seats[k]).all():
            miss = np.median(_miss(rig, camera, seen.nose_px[rows[piece]], seats[k]))
            place = float((miss / s.beside_m) ** 2)
        elif own:  # the same place in the picture, in heights of the face
            mine = np.concatenate([rows[t] for t in own])
            apart = np.median(seen.nose_px[rows[piece]], 0) - np.median(seen.nose_px[mine], 0)
            place = float((np.linalg.norm(apart) / (0.6 * np.median(seen.height_px[mine]))) ** 2)
        if own:
            mine = np.concatenate([rows[t] for t in own])
            size = np.median(seen.height_px[rows[piece]]) / np.median(seen.height_px[mine])
            place += float((np.log(size) / 0.3) ** 2)
        fits = min(costs, default=np.inf) < s.no_match or place < 4.0
        if not fits:
            continue
        total = min(min(costs, default=s.no_match), s.no_match) + min(place, s.no_match)
        if best is None or total < best[0]:
            best = total, k
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
    name = CAMERAS[camera]
    T = rig.T_WC(name)
    d = T.rotate(rig.camera(name).rays(nose_px))
    to_point = point_W - T.t
    along = (to_point * d).sum(-1, keepdims=True)
    return np.asarray(np.linalg.norm(to_point - along * d, axis=-1))


def _overlap(seen: Sightings, a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """Share of the shorter one's moments that the other has as well."""
    common = np.intersect1d(seen.moment[a], seen.moment[b]).size
    return common / max(min(len(a), len(b)), 1)


def matched_rows(
    seen: Sightings, student: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Rows (left, right) that one student has at one moment, and the student."""
    tables = [
        pd.DataFrame({"moment": seen.moment[r], "student": student[r], "row": r})
        for r in (np.flatnonzero((seen.camera == c) & (student >= 0)) for c in (0, 1))
    ]
    both = tables[0].merge(tables[1], on=["moment", "student"], suffixes=("_l", "_r"))
    return (
        both["row_l"].to_numpy(np.intp),
        both["row_r"].to_numpy(np.intp),
        both["student"].to_numpy(np.int32),
    )


def _meeting(rig: Rig, seen: Sightings, rows: NDArray[np.intp]) -> Array:
    """Median meeting point (3,) of the rays of one student's rows."""
    student = np.full(len(seen.camera), UNMATCHED, np.int32)
    student[rows] = 0
    i, j, _ = matched_rows(seen, student)
    if len(i) == 0:
        return np.full(3, np.nan)
    take = _spread(np.arange(len(i)), 200)
    P = ray_points(
        rig,
        sight(rig.left, seen.nose_px[i[take]]).xy,
        sight(rig.right, seen.nose_px[j[take]]).xy,
    )
    return np.asarray(np.nanmedian(P, axis=0)) if np.isfinite(P).any() else np.full(3, np.nan)


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
        xy[mine] = sight(rig.camera(name), seen.nose_px[mine]).xy
    P = ray_points(rig, xy[i], xy[j]) if len(i) else np.zeros((0, 3))
    count = int(student.max(initial=-1)) + 1
    seats = np.full((count, 3), np.nan)
    for k in range(count):
        if (who == k).any():
            seats[k] = np.nanmedian(P[who == k], axis=0)
    # how far each row's ray passes from its student's seat, metres
    miss = np.full(len(student), np.nan)
    for c in range(len(CAMERAS)):
        rows = np.flatnonzero((seen.camera == c) & (student >= 0))
        if len(rows) == 0:
            continue
        miss[rows] = _miss(rig, c, seen.nose_px[rows], seats[student[rows]])
    student[np.nan_to_num(miss) > s.far_m] = UNMATCHED
    # one row for each student, moment and camera
    rows = np.flatnonzero(student >= 0)
    order = rows[np.argsort(np.nan_to_num(miss[rows]), kind="stable")]
    key = (seen.moment[order].astype(np.int64) * max(count, 1) + student[order]) * 2
    _, first = np.unique(key + seen.camera[order], return_index=True)
    extra = np.setdiff1d(rows, order[first])
    student[extra] = UNMATCHED
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


def _seats(
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
            rig, sight(rig.left, seen.nose_px[i]).xy, sight(rig.right, seen.nose_px[j]).xy
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


def seat_rows(z_m: Array, *, gap_m: float = 0.45) -> NDArray[np.int32]:
    """Rows of seats (S,), 1 = nearest, from distances; a gap in z begins a new row; NaN → 0."""
    z = np.asarray(z_m, np.float64)
    row = np.zeros(len(z), np.int32)
    known = np.flatnonzero(np.isfinite(z))
    order = known[np.argsort(z[known], kind="stable")]
    if len(order):
        row[order] = 1 + np.cumsum(np.r_[False, np.diff(z[order]) > gap_m])
    return row


def _named(people: Students, names: Sequence[str], seats_xz_m: Array) -> Students:
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
