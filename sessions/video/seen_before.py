"""Whether a chapter shows the same minutes as one before it, encoded otherwise, where no sound
tells it: what changes in the pictures from second to second, there and here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from sessions.video.info import VideoInfo
from sessions.video.moments import nearest_frames
from sessions.video.reading import read_frames

SMALL_PX = (160, 90)
#: So much of a chapter's beginning is looked for, in pictures that far apart …
BEGIN_S, STEP_S = 10.0, 0.04
#: … at the end of the one before it, and at the beginnings of all before it, so far apart.
END_S, SAMPLE_S, KEYS_S = 60.0, 1.0, 2.5
#: A change in grey levels that is not the picture's noise, the most that counts of one pixel, and
#: the least that all of a side must have changed (their root sum of squares).
LEAST_GREY, MOST_GREY, LEAST_CHANGE = 3.0, 20.0, 15.0
#: Columns of both sides, which must both say it: a screen on which a film runs anew is in one.
SIDES = (slice(0, SMALL_PX[0] // 3), slice(-(SMALL_PX[0] // 3), None))
#: So many changes are compared at least, so alike are they if they are one, and so much less are
#: those at any other offset, this far away.
LEAST_CHANGES, ALIKE, OTHERS, APART_S = 5, 0.85, 0.8, 0.5


class _Looks(NamedTuple):
    """Times (N,) and small grey pictures (N, h, w)."""

    times_s: Array
    pictures: NDArray[np.float32]


def seen_before(info: VideoInfo) -> list[tuple[float, float] | None]:
    """For each chapter but the first one: since when the same was seen before it, and how alike the
    two are (1: the same); None: what it shows is new, or hardly anything moves.

    Two films of the same moments, encoded twice, are alike to .9; other minutes to .3. What comes
    again and again (a fan, a film shown in a loop) is alike at many moments, and says nothing.
    """
    counts = [f.frames for f in info.files]
    first = np.concatenate([[0], np.cumsum(counts)])
    out: list[tuple[float, float] | None] = []
    before: list[_Looks] = []
    for k in range(len(counts)):
        times_s = info.times_s[first[k] : first[k + 1]]
        grid = np.arange(times_s[0], min(times_s[0] + BEGIN_S, times_s[-1]) + 1e-9, STEP_S)
        begin = _looked_at(info, first[k] + np.unique(nearest_frames(times_s, grid, np.inf)))
        if k:
            found = [alike for looks in before if (alike := _alike(looks, begin)) is not None]
            out.append(max(found, key=lambda alike: alike[1], default=None))
            before.pop()
        each = np.unique(np.round((begin.times_s - times_s[0]) / SAMPLE_S), return_index=True)[1]
        before.append(_Looks(begin.times_s[each], begin.pictures[each]))
        before.append(_looked_at(info, _samples(info, int(first[k]), int(first[k + 1]))))
    return out


def _samples(info: VideoInfo, first: int, end: int) -> NDArray[np.int64]:
    """Frames of the last minute of a chapter: its key frames where they are near to each other."""
    times_s = info.times_s[first:end]
    keys = info.keyframes[(info.keyframes >= first) & (info.keyframes < end)]
    keys = keys[info.times_s[keys] > times_s[-1] - END_S]
    if len(keys) > 1 and np.diff(info.times_s[keys]).max() < KEYS_S:
        apart = np.diff(info.times_s[keys], prepend=-np.inf) > SAMPLE_S / 2
        return np.asarray(keys[apart])
    grid = np.arange(max(times_s[-1] - END_S, times_s[0]), times_s[-1], SAMPLE_S)
    return first + np.unique(nearest_frames(times_s, grid, np.inf))


def _looked_at(info: VideoInfo, numbers: NDArray[np.int64]) -> _Looks:
    seen = list(read_frames(info, numbers.tolist(), grey=True, small_px=SMALL_PX))
    times_s = info.times_s[[number for number, _ in seen]]
    return _Looks(times_s, np.array([p for _, p in seen], np.float32))


def _alike(before: _Looks, begin: _Looks) -> tuple[float, float] | None:
    """Where a chapter's beginning lies among pictures of before it, and how alike they are."""
    scores = _scores(before, begin)
    if not scores:
        return None
    best = max(scores, key=lambda k: scores[k])
    others = [r for k, r in scores.items() if abs(k - best) * STEP_S > APART_S]
    if scores[best] < ALIKE or max(others, default=0.0) > OTHERS * scores[best]:
        return None
    return float(before.times_s[0]) + best * STEP_S, scores[best]


def _scores(before: _Looks, begin: _Looks) -> dict[int, float]:
    """Steps from the first picture of before to where the chapter would begin → how alike the
    changes from each of these pictures to the next are to its own, their median on the side
    that is less so."""
    if len(before.times_s) <= LEAST_CHANGES or len(begin.times_s) < 2:
        return {}
    at = np.round((before.times_s - before.times_s[0]) / STEP_S).astype(int)
    place = np.round((begin.times_s - begin.times_s[0]) / STEP_S).astype(int)
    like: dict[int, list[Array]] = {}
    for step in np.unique(np.diff(at)):
        _, one, other = np.intersect1d(place + step, place, return_indices=True)
        there = np.flatnonzero(np.diff(at) == step)
        alike = np.stack(
            [
                _changes(before.pictures[there + 1, :, side], before.pictures[there, :, side])
                @ _changes(begin.pictures[other, :, side], begin.pictures[one, :, side]).T
                for side in SIDES
            ],
            axis=2,
        )
        for i, of_all in zip(there, alike, strict=True):
            for j, of_sides in zip(place[one], of_all, strict=True):
                like.setdefault(int(at[i] - j), []).append(of_sides)
    return {
        k: float(np.median(r, axis=0).min()) for k, r in like.items() if len(r) >= LEAST_CHANGES
    }


def _changes(after: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, P) what changed between (N, h, w) pictures, of length 1 each; 0: hardly anything."""
    change = (after - before).reshape(len(after), -1)
    change -= np.median(change, axis=1, keepdims=True)  # the light, the exposure
    noise = 4 * 1.4826 * np.median(np.abs(change), axis=1, keepdims=True)
    size = np.clip(np.abs(change) - np.maximum(noise, LEAST_GREY), 0, MOST_GREY)
    length = np.linalg.norm(size, axis=1, keepdims=True)
    size *= (length > LEAST_CHANGE) / np.maximum(length, LEAST_CHANGE)
    return np.asarray(np.sign(change) * size, np.float32)
