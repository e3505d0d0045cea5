"""What every pair of a left and a right track says for itself, over the moments they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array, geodesic_deg
from gaze.faces.rows import FaceRows
from gaze.room.position import EpipolarPlanes, ray_points

UNMATCHED = -1
BLOCK = 200  # moments
ROWS = 50_000  # of pairs of faces, worked on at once


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

    @classmethod
    def of(cls, rows: FaceRows, track: NDArray[np.int32], R_WS: Array) -> Sightings:
        """What identity needs of the face rows, their tracks and their heads in the room."""
        return cls(
            rows.faces.camera,
            rows.faces.moment,
            track,
            rows.landmarks.nose_px,
            rows.landmarks.nose_sigma_px,
            rows.faces.height_px,
            R_WS,
        )

    @cached_property
    def at_once(self) -> dict[tuple[int, int, int], int]:
        """(camera, track, other track) → at how many moments both have a face, of those that ever
        do: in an hour in which tracks break, hardly any."""
        found: dict[tuple[int, int, int], int] = {}
        for c in range(len(CAMERAS)):
            rows = np.flatnonzero((self.camera == c) & (self.track >= 0))
            moments = int(self.moment.max(initial=-1)) + 1
            there = _there(self.moment[rows], self.track[rows], moments)
            both = (there.T @ there).tocoo()
            pairs = zip(both.row.tolist(), both.col.tolist(), both.data.tolist(), strict=True)
            found |= {(c, one, other): count for one, other, count in pairs}
        return found

    def by_track(self) -> dict[tuple[int, int], NDArray[np.intp]]:
        """Rows, ascending, of each (camera, track); −1, no track, is one, too."""
        keys = self.track.astype(np.int64) * len(CAMERAS) + self.camera
        order = np.argsort(keys, kind="stable")
        found, first = np.unique(keys[order], return_index=True)
        return {
            (int(k % len(CAMERAS)), int(k // len(CAMERAS))): rows
            for k, rows in zip(found, np.split(order, first)[1:], strict=True)
        }


@dataclass(frozen=True)
class IdentitySettings:
    """Standard deviations of the evidence, and what counts as too far.

    epipolar_floor_deg : σ added to the pixels' own: rig, shutter, the nose's definition.
    size_pair, size_class : σ of the logarithm of the face's size between the cameras, and in a
        class. height_class_m : of the noses' heights. head_deg : between the two cameras' heads.
    seat_m : of a nose about its seat in session.toml.
    unlisted : what it costs at most to sit at none of session.toml's seats (−2 log of one in ten):
        classes are listed in part, and pupils sit elsewhere.
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
    unlisted: float = 4.6
    no_match: float = 24.0
    beside_m: float = 0.2
    far_m: float = 0.75
    one_place_m: float = 0.25
    seated_m: float = 0.6
    least_share: float = 0.3
    most_moments: int = 500


@dataclass(frozen=True)
class Pairs:
    """Evidence for P pairs of a left and a right track that share moments.

    left, right : (P,) track numbers. count : (P,) shared moments.
    epipolar : (P,) mean squared epipolar distance in σ, each capped at 25.
    P_W : (P, 3) median meeting point of the rays. in_room : (P,) share of moments in which the rays
    meet before both cameras and before the blackboard.
    size_m : (P, 2) the face's height in metres by each camera. head_deg : (P,) median angle between
    the two cameras' heads; NaN unknown. shared : sparse (left, right tracks), the moments that any
    two share: those who are not among the pairs are too far apart to be one student.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    count: NDArray[np.int64]
    epipolar: Array
    P_W: Array
    in_room: Array
    size_m: Array
    head_deg: Array
    shared: Any

    def __len__(self) -> int:
        return len(self.left)


def pair_evidence(rig: Rig, seen: Sightings, settings: IdentitySettings) -> Pairs:
    """Collect :class:`Pairs` over (at most ``most_moments``, evenly chosen) shared moments."""
    chosen = _chosen_moments(seen, settings.most_moments)
    tables, there = [], []
    for c in range(len(CAMERAS)):
        rows = np.flatnonzero((seen.camera == c) & (seen.track >= 0))
        moment, track = seen.moment[rows], seen.track[rows]
        there.append(_there(moment, track, int(seen.moment.max(initial=-1)) + 1))
        rows = rows[np.isin(moment, chosen)]
        tables.append(
            pd.DataFrame({"moment": seen.moment[rows], "track": seen.track[rows], "row": rows})
        )
    xy = np.full((len(seen.camera), 2), np.nan)
    for name, table in zip(CAMERAS, tables, strict=True):
        xy[table["row"]] = rig.camera(name).undistort(seen.nose_px[table["row"]])
    shared = there[0].T @ there[1]
    both = _near_pairs(rig, seen, tables, xy, settings)
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
            shared,
        )
    i, j = both["row_left"].to_numpy(), both["row_right"].to_numpy()
    off = both["off"].to_numpy()
    P = ray_points(rig, xy[i], xy[j])
    in_room = np.nan_to_num(P[:, 2]) > 0.3
    size = np.zeros((len(i), 2))
    for c, (name, k) in enumerate(zip(CAMERAS, (i, j), strict=True)):
        P_C = rig.T_WC(name).inverse().apply(P)
        in_room &= np.nan_to_num(P_C[:, 2]) > 0.3
        size[:, c] = np.linalg.norm(P_C, axis=1) * seen.height_px[k] / rig.camera(name).f_px
    head = np.full(len(i), np.nan)
    if seen.R_WS is not None:
        turned = np.asarray(np.isfinite(seen.R_WS).all((1, 2)))
        known = np.flatnonzero(turned[i] & turned[j])
        for k in np.array_split(known, len(known) // ROWS + 1):  # two rotations each
            head[k] = geodesic_deg(seen.R_WS[i[k]], seen.R_WS[j[k]])
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
    left, right = (mean.index.get_level_values(k).to_numpy(np.int32) for k in range(2))
    return Pairs(
        left,
        right,
        np.asarray(shared[left, right], np.int64).ravel(),
        mean["off"].to_numpy(),
        median[["x", "y", "z"]].to_numpy(),
        mean["room"].to_numpy(),
        median[["size_left", "size_right"]].to_numpy(),
        median["head"].to_numpy(),
        shared,
    )


def _near_pairs(
    rig: Rig, seen: Sightings, tables: list[pd.DataFrame], xy: Array, settings: IdentitySettings
) -> pd.DataFrame:
    """Rows of both cameras at one moment, with ``off``, their squared epipolar distance in σ: of
    pairs of tracks that are not simply elsewhere.

    Block by block: in an hour of a full class whose tracks break every minute all of them would be
    ten million rows, of which hardly any is one student's.
    """
    moments = np.unique(tables[0]["moment"])
    tracks = [int(t["track"].max()) + 1 if len(t) else 0 for t in tables]
    total, count = np.zeros(tracks[0] * tracks[1]), np.zeros(tracks[0] * tracks[1])

    planes = [EpipolarPlanes.of(rig, name, xy) for name in CAMERAS]
    sigma = [np.degrees(seen.sigma_px / rig.camera(name).f_px) for name in CAMERAS]

    def blocks() -> Iterator[tuple[pd.DataFrame, NDArray[np.int64]]]:
        for block in np.array_split(moments, len(moments) // BLOCK + 1):
            first, second = (t[t["moment"].isin(block)] for t in tables)
            both = first.merge(second, on="moment", suffixes=("_left", "_right"))
            key = both["track_left"].to_numpy(np.int64) * tracks[1] + both["track_right"].to_numpy()
            yield both, key

    def off(both: pd.DataFrame) -> Array:
        i, j = both["row_left"].to_numpy(), both["row_right"].to_numpy()
        one = np.hypot(np.hypot(sigma[0][i], sigma[1][j]), settings.epipolar_floor_deg)
        return np.asarray(np.minimum((planes[0].angle_deg(planes[1], i, j) / one) ** 2, 25.0))

    for both, key in blocks():
        total += np.bincount(key, np.nan_to_num(off(both), nan=25.0), len(total))
        count += np.bincount(key, minlength=len(count))
    near = total < settings.no_match * count
    found = pd.concat([both[near[key]] for both, key in blocks()], ignore_index=True)
    return found.assign(off=off(found))


def _there(moment: NDArray[np.integer], track: NDArray[np.integer], moments: int) -> Any:
    """Sparse (moments, tracks) of one camera: 1 where the track has a face."""
    shape = (moments, int(track.max(initial=-1)) + 1)
    there = csr_array((np.ones(len(track), np.int64), (moment, track)), shape=shape)
    there.data[:] = 1  # two faces of one track at a moment count once
    return there


def _chosen_moments(seen: Sightings, most: int) -> NDArray[np.integer]:
    """Moments spread over the lesson, and a few of each track, however short it is."""
    every = np.unique(seen.moment)
    parts = [spread(every, most)]
    parts += [spread(np.unique(seen.moment[rows]), 20) for rows in seen.by_track().values()]
    return np.asarray(np.unique(np.concatenate(parts)))


def alike(
    a: NDArray[np.integer], b: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs (i, j) with a[i] = b[j], i ascending, then j; as a merge of pandas', in a third of
    its time."""
    order = np.argsort(b, kind="stable")
    first, last = (np.searchsorted(b[order], a, side) for side in ("left", "right"))
    count = last - first
    i = np.repeat(np.arange(len(a)), count)
    of_a = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    return i, order[first[i] + of_a]


def spread(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most ``most`` of the values, evenly."""
    if len(values) <= most:
        return values
    return np.asarray(values[np.linspace(0, len(values) - 1, most).round().astype(int)])
