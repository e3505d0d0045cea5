"""One person over time in one camera.

Students sit: a track has a seat (where its face usually is) and a face that moves about it. At each
moment all faces are given to all tracks by one optimal assignment; the gate grows with the time
since a track was last seen, and draws back towards its seat, so that a student who was hidden for a
while gets the old number back. A face that two tracks could claim alike opens a new track instead:
it is for gaze/people/identify.py, which sees both cameras, to say whose it is.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.camera import CAMERAS
from calibration.transform import Array
from gaze.faces.boxes import Faces

NONE = -1


@dataclass(frozen=True)
class TrackSettings:
    """Motion model; lengths in heights of the face.

    jitter, walk, most : σ of a face's move from one moment to the next is
    ``jitter + walk·√gap_s``, at most ``most``.
    seat_sigma : σ about the seat, for tracks not seen for longer than ``seat_after_s``.
    size_sigma : σ of the logarithm of the face's height.
    gate : squared distance (χ²) beyond which a face is not this track's.
    ambiguous : a face is ambiguous if two tracks' χ² differ by less than this, both of them seen
        ``established`` times and with seats farther apart than ``same_seat``.
    forget_s : a track not seen for this long is closed.
    """

    jitter: float = 0.06
    walk: float = 0.15
    most: float = 0.7
    seat_sigma: float = 0.45
    seat_after_s: float = 2.0
    size_sigma: float = 0.16
    gate: float = 20.0
    ambiguous: float = 1.0
    established: int = 10
    same_seat: float = 0.5
    forget_s: float = 120.0


@dataclass
class _State:
    """The open tracks of one camera, as arrays; K tracks."""

    number: NDArray[np.int32]
    centre: Array
    seat: Array
    log_height: Array
    seen_s: Array
    count: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> _State:
        return _State(*(v[rows] for v in vars(self).values()))


def tracks_of(faces: Faces, time_s: Array) -> NDArray[np.int32]:
    """Track of each face, within its camera; time_s : (M,) of the moments."""
    out = np.full(len(faces), NONE, np.int32)
    for c in range(len(CAMERAS)):
        mine = np.flatnonzero(faces.camera == c)
        mine = mine[np.argsort(faces.moment[mine], kind="stable")]
        moment = faces.moment[mine]
        out[mine] = track(moment, time_s[moment], faces.centre_px[mine], faces.height_px[mine])
    return out


def track(
    moment: NDArray[np.integer],
    time_s: Array,
    centre_px: Array,
    height_px: Array,
    settings: TrackSettings | None = None,
) -> NDArray[np.int32]:
    """Give every face of one camera a track.

    Parameters
    ----------
    moment : (N,) moment of each row, ascending. time_s : (N,) its time.
    centre_px : (N, 2); height_px : (N,) of the face.

    Returns
    -------
    (N,) int32 track numbers 0, 1, …; never −1.
    """
    s = settings or TrackSettings()
    out = np.full(len(moment), NONE, np.int32)
    tracks = _State(
        np.zeros(0, np.int32),
        np.zeros((0, 2)),
        np.zeros((0, 2)),
        np.zeros(0),
        np.zeros(0),
        np.zeros(0, np.int64),
    )
    opened = 0
    firsts = np.unique(moment, return_index=True)[1].tolist()
    for first, last in itertools.pairwise([*firsts, len(moment)]):
        rows = np.arange(first, last)
        now = float(time_s[first])
        kept = now - tracks.seen_s <= s.forget_s
        if not kept.all():
            tracks = tracks.take(kept)
        cost = _distances(tracks, now, centre_px[rows], height_px[rows], s)
        face, owner = _assign(cost, tracks, s)
        out[rows[face]] = tracks.number[owner]
        _follow(tracks, owner, centre_px[rows[face]], height_px[rows[face]], now)
        if len(face) < len(rows):
            new = np.delete(rows, face)
            out[new] = np.arange(opened, opened + len(new))
            opened += len(new)
            tracks = _State(
                np.concatenate([tracks.number, out[new]]),
                np.concatenate([tracks.centre, centre_px[new]]),
                np.concatenate([tracks.seat, centre_px[new]]),
                np.concatenate([tracks.log_height, np.log(height_px[new])]),
                np.concatenate([tracks.seen_s, np.full(len(new), now)]),
                np.concatenate([tracks.count, np.ones(len(new), np.int64)]),
            )
    return out


def _distances(tracks: _State, now: float, centre: Array, height: Array, s: TrackSettings) -> Array:
    """(F, K) squared distances of faces from tracks, in the motion model's σ."""
    gap = now - tracks.seen_s
    scale = np.exp(tracks.log_height)
    moved = np.minimum(s.jitter + s.walk * np.sqrt(gap), s.most) * scale
    d = _apart(centre, tracks.centre) / moved
    if (long_gap := gap > s.seat_after_s).any():
        seat = _apart(centre, tracks.seat)
        d = np.where(long_gap, np.minimum(d, seat / (s.seat_sigma * scale)), d)
    size = (np.log(height)[:, None] - tracks.log_height[None]) / s.size_sigma
    return np.asarray(d**2 + size**2)


def _apart(a: Array, b: Array) -> Array:
    """(F, K) distances between points (F, 2) and (K, 2); four times as fast as numpy's norm."""
    dx, dy = a[:, None, 0] - b[:, 0], a[:, None, 1] - b[:, 1]
    return np.sqrt(dx * dx + dy * dy)


def _assign(
    cost: Array, tracks: _State, s: TrackSettings
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The cheapest one-to-one assignment within the gate: faces and their tracks."""
    if cost.size == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    # leaving a face and a track alone costs the gate: the optimum never stretches to avoid it
    face, owner = linear_sum_assignment(np.minimum(cost, s.gate))
    keep = cost[face, owner] < s.gate
    face, owner = face[keep], owner[keep]
    # A face that another student's unserved track could claim as well is nobody's yet. Tracks of
    # one and the same seat are no rivals, nor are those seen only a few times.
    unserved = np.ones(cost.shape[1], np.bool_)
    unserved[owner] = False
    rivals = unserved & (tracks.count >= s.established)
    if not rivals.any():
        return face, owner
    rivals = rivals[None] & (
        _apart(tracks.seat[owner], tracks.seat)
        > s.same_seat * np.exp(tracks.log_height[owner])[:, None]
    )
    rival = np.where(rivals, cost[face], np.inf).min(1, initial=np.inf)
    clear = rival - cost[face, owner] > s.ambiguous
    return face[clear], owner[clear]


def _follow(
    tracks: _State, owner: NDArray[np.intp], centre: Array, height: Array, now: float
) -> None:
    """Move tracks to their faces; the seat is a slow mean."""
    tracks.centre[owner] = centre
    tracks.count[owner] += 1
    slow = np.maximum(1 / tracks.count[owner], 0.02)[:, None]
    tracks.seat[owner] += slow * (centre - tracks.seat[owner])
    quick = np.maximum(1 / tracks.count[owner], 0.1)
    tracks.log_height[owner] += quick * (np.log(height) - tracks.log_height[owner])
    tracks.seen_s[owner] = now
