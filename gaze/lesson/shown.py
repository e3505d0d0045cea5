"""What a camera shows from one end of the lesson to the other.

A camera is knocked and stays so, is put back a minute later, or sinks on its tripod; a program puts
a desktop, a title or nothing in a camera's place for a while; a recorder repeats its last picture.
Some pictures a minute are compared with one of the room: where its corners are in each of them says
how the camera turned and zoomed meanwhile, or that this is another picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from calibration.camera import Camera
from calibration.transform import Array
from gaze.lesson.features import LEAST_MATCHES, Features, Grey, features, matched, seen_px, turn_of
from sessions.video import Moments, VideoInfo, read_frames, spread
from sessions.video.usual import Usual

Why = Literal["", "moved", "other", "frozen"]

#: Pictures are looked at so far apart, and so many at least; made so wide.
APART_S, FEWEST, WIDTH_PX = 20.0, 36, 640
#: Of them one is the room's, with which the others are compared: of so many that are tried.
TRIED = 5
#: What a corner that is followed may be off a turn and a zoom, in pixels of the file.
OFF_PX = 3.0
#: From so many features that were there at calibration on, no others are asked; and a picture that
#: has so many is the room, however well a turn fits them.
MANY = 100
#: A picture with fewer grey levels is dark, or covered.
LEAST_GREY = 12
#: Of those that are found again so many agree, or the picture's features are asked.
LEAST_AGREE, LEAST_FIT = 0.4, 0.5
#: Noses and gaze points would be off by more than 10 cm in the back rows from here on.
MOST_TURNED_DEG, MOST_ZOOMED = 0.5, 0.02
#: Under this nothing is said: jitter, compression, a lens that warms up.
LEAST_TURNED_DEG, LEAST_ZOOMED = 0.05, 0.002
#: Fewer pictures in a row than this say nothing: somebody walks by in front of the camera.
IN_A_ROW = 2
#: A picture is frozen that differs nowhere by more grey levels, for so many pictures and seconds,
#: while that many pixels of the other camera's picture change by twice as much, twice.
STILL_GREY, STILL_PICTURES, STILL_S, MOVING_PX = 4, 5, 2.0, 10
STILL_SIZE_PX = (160, 90)


@dataclass(frozen=True)
class Stretch:
    """Frames ``first`` to before ``end`` of a video that are not the room as it usually is there.

    why : ``moved`` (turned or zoomed, and by how much at most), ``other`` (another picture) or
    ``frozen``. from_s, to_s : on the video's clock, to the nearest picture that was looked at.
    """

    why: Why
    first: int
    end: int
    from_s: float
    to_s: float
    turned_deg: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True)
class Shown:
    """What a camera shows in N of its frames.

    frames : (N,) their numbers. turned : (N, 4) rotation vector and relative zoom against what is
    usual in this lesson; NaN: it is another picture. still, moving : (N,) it is the same as the one
    before; or much of it is not.
    """

    video: VideoInfo
    frames: NDArray[np.int64]
    turned: Array
    still: NDArray[np.bool_]
    moving: NDArray[np.bool_]

    @property
    def turned_deg(self) -> Array:
        """(N,)"""
        return np.asarray(np.degrees(np.linalg.norm(self.turned[:, :3], axis=1)))

    @property
    def zoomed(self) -> Array:
        """(N,)"""
        return np.abs(self.turned[:, 3])

    @property
    def times_s(self) -> Array:
        """(N,)"""
        return self.video.times_s[self.frames]

    @property
    def as_usual(self) -> NDArray[np.int64]:
        """Frames of the room as it usually is there; all, where there is no such one."""
        usual = (self.turned_deg < LEAST_TURNED_DEG) & (self.zoomed < LEAST_ZOOMED)
        return self.frames[usual] if usual.any() else self.frames

    def why(self, other: Shown) -> NDArray[np.str_]:
        """(N,) of each frame: "", or why it is not used; ``other``: what the other camera shows."""
        moved = (self.turned_deg > MOST_TURNED_DEG) | (self.zoomed > MOST_ZOOMED)
        out = np.select([np.isnan(self.turned[:, 0]), moved], ["other", "moved"], "").astype("U6")
        out[(out == "") & self._frozen(other)] = "frozen"
        for a, b in _runs(out):
            if out[a] != "" and b - a < IN_A_ROW:  # as what stands beside it, or nothing
                out[a:b] = (out[a - 1] if a else "") or (out[b] if b < len(out) else "")
        return out

    def alone_s(self, other: Shown) -> Array:
        """When single pictures show something else, or a camera that shook, while those beside them
        do not."""
        usual = (self.turned_deg <= MOST_TURNED_DEG) & (self.zoomed <= MOST_ZOOMED)  # NaN: neither
        return np.asarray(self.times_s[~usual & (self.why(other) == "")])

    def _frozen(self, other: Shown) -> NDArray[np.bool_]:
        """(N,) where the picture stands still while the other camera's moves."""
        out = np.zeros(len(self.frames), np.bool_)
        for a, b in _runs(self.still):
            if not self.still[a] or b - a < STILL_PICTURES - 1:
                continue
            begin_s, end_s = self.times_s[max(a - 1, 0)], self.times_s[b - 1]
            there = other.moving[(other.times_s > begin_s) & (other.times_s < end_s)]
            if end_s - begin_s >= STILL_S and there.sum() >= 2:
                out[max(a - 1, 0) : b] = True
        return out

    def stretches(self, other: Shown) -> tuple[Stretch, ...]:
        """What is not the room as it usually is, up to the next pictures that are."""
        why, out = self.why(other), []
        for a, b in _runs(why):
            if why[a] == "":
                continue
            first = int(self.frames[a - 1]) + 1 if a else 0
            end = int(self.frames[b]) if b < len(why) else self.video.frames
            deg, zoomed = 0.0, 0.0
            if why[a] == "moved":
                deg = float(np.nanmax(self.turned_deg[a:b]))
                zoomed = float(self.turned[a + np.nanargmax(self.zoomed[a:b]), 3])
            to_s = float(self.video.times_s[end]) if end < self.video.frames else np.inf
            from_s = float(self.video.times_s[first])
            out.append(Stretch(str(why[a]), first, end, from_s, to_s, deg, 1 + zoomed))  # type: ignore[arg-type]
        return tuple(out)

    def wobble(self, other: Shown) -> tuple[float, float, Array]:
        """By how much the camera turned (degrees) and zoomed at most, and (4, 4) the covariance of
        both over the lesson, where it is used: as wide as the largest of it asks for."""
        used = self.turned[self.why(other) == ""]
        used = used[np.isfinite(used).all(1)]
        if len(used) < 3:
            return 0.0, 0.0, np.zeros((4, 4))
        used = np.median(sliding_window_view(used, 3, axis=0), axis=2)  # one alone says nothing
        spread, most = used.T @ used / len(used), np.zeros((4, 4))
        turned, zoomed = np.linalg.norm(used[:, :3], axis=1).max(), np.abs(used[:, 3]).max()
        widest = np.linalg.eigvalsh(spread[:3, :3])[-1]
        most[:3, :3] = spread[:3, :3] * (turned**2 / 2 / max(widest, 1e-12))
        most[3, 3] = zoomed**2 / 2
        return float(np.degrees(turned)), float(zoomed), most


def over_lesson(video: VideoInfo, camera: Camera, then: Grey) -> Shown:
    """What a camera shows over its video. then : (h, w) its picture at calibration."""
    numbers = spread(video, max(int(video.duration_s / APART_S), FEWEST))
    width = min(WIDTH_PX, video.size_px[0])
    size = (width, round(width * video.size_px[1] / video.size_px[0]))
    tried = numbers[np.linspace(0, len(numbers) - 1, TRIED + 2)[1:-1].round().astype(int)]
    small = cv2.resize(then, size, interpolation=cv2.INTER_AREA)
    own = features(np.asarray(small, np.uint8), camera.size_px[0])
    shown = read_frames(video, tried.tolist(), grey=True, small_px=size)
    room = max((Room(p, camera, own) for _, p in shown), key=lambda r: len(r.corners), default=None)
    nothing = np.zeros(0, np.bool_)
    if room is None:
        return Shown(video, numbers[:0], np.zeros((0, 4)), nothing, nothing)
    seen, turned, looks = [], [], []
    for number, picture in read_frames(video, numbers.tolist(), grey=True, small_px=size):
        seen.append(number)
        turned.append(room.turned(picture) if room.known else np.zeros(4))
        small = cv2.resize(picture, STILL_SIZE_PX, interpolation=cv2.INTER_AREA)
        looks.append(np.asarray(small, np.uint8))
    if not seen:
        return Shown(video, numbers[:0], np.zeros((0, 4)), nothing, nothing)
    change = [cv2.absdiff(a, b) for a, b in pairwise([looks[0], *looks])]
    still = np.array([c.max() <= STILL_GREY for c in change])
    still[0] = False
    moving = np.array([(c > 2 * STILL_GREY).sum() >= MOVING_PX for c in change])
    turns = np.array(turned)
    usual = Usual.among(looks, in_a_row=len(looks) + 1)  # half a picture for minutes is not usual
    if usual is not None:
        turns[[usual.is_halved_in(p) for p in looks]] = np.nan
    return Shown(video, np.array(seen), turns - _usual(turns), still, moving)


def without(when: Moments, stretches: Sequence[Iterable[Stretch]]) -> Moments:
    """The moments without the frames of these stretches of the left and of the right video."""
    frames = [when.frame_left.copy(), when.frame_right.copy()]
    for numbers, of_camera in zip(frames, stretches, strict=False):  # none: nothing is known
        for s in of_camera:
            numbers[(numbers >= s.first) & (numbers < s.end)] = -1
    return replace(when, frame_left=frames[0], frame_right=frames[1])


def _usual(turns: Array) -> Array:
    """(4,) of (N, 4) turns and zooms the one to which the others are nearest, all in all."""
    known = turns[np.isfinite(turns).all(1)]
    if not len(known):
        return np.zeros(4)
    apart = [np.linalg.norm(known - one, axis=1).sum() for one in known]
    return np.asarray(known[int(np.argmin(apart))])


def _runs(values: NDArray[np.generic]) -> list[tuple[int, int]]:
    """(first, end) of neighbours that are alike."""
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    return list(pairwise([0, *edges.tolist(), len(values)])) if len(values) else []


class Room:
    """A small picture of the room, of which what was there at calibration is found again in others:
    that are no people.

    camera : the full picture's, in whose pixels everything is reckoned. then : features of its
    picture at calibration.
    """

    def __init__(self, picture: Grey, camera: Camera, then: Features) -> None:
        self.camera, self.scale = camera, camera.size_px[0] / picture.shape[1]
        self.even, self.features = _even(picture), features(picture, camera.size_px[0])
        found = matched(then, self.features)
        at = np.unique(found.now_px[found.agree], axis=0)
        self.corners = (((at + 0.5) / self.scale - 0.5)[:, None]).astype(np.float32)
        if len(at) >= MANY:
            own = set(map(tuple, at.tolist()))
            there = [tuple(p) in own for p in self.features[0].tolist()]
            self.features = self.features[0][there], self.features[1][there]

    @property
    def known(self) -> bool:
        """Whether enough of it was there at calibration to tell it from another picture."""
        return len(self.corners) >= LEAST_MATCHES

    @cached_property
    def _linear(self) -> tuple[Array, Array]:
        """(N, 2) the corners, and (N, 2, 4) how a small turn and zoom moves each."""
        at = (self.corners[:, 0].astype(np.float64) + 0.5) * self.scale - 0.5
        rays, step, one = self.camera.rays(at), 1e-4, np.array([0, 0, 0, 1.0])
        by = [(seen_px(self.camera, rays, one + d) - at) / step for d in step * np.eye(4)]
        return at, np.stack(by, 2)

    def turned(self, picture: Grey) -> Array:
        """(4,) rotation vector and relative zoom from this picture to another one; NaN: it shows
        something else."""
        if np.ptp(np.percentile(picture[::4, ::4], [1, 99])) < LEAST_GREY:
            return np.full(4, np.nan)
        small = self._followed(_even(picture))
        if small is not None:
            return small
        found = matched(self.features, features(picture, self.camera.size_px[0]))
        agree = int(found.agree.sum())
        if agree >= LEAST_MATCHES:
            turn = turn_of(self.camera, found)
            if turn.matches >= LEAST_FIT * agree or agree >= MANY:
                return np.append(turn.turn_rad, turn.zoom - 1)
        return np.full(4, np.nan)

    def _followed(self, even: Grey) -> Array | None:
        """The same by the corners alone; None: too few agree, or it is not little."""
        at, again = np.empty_like(self.corners), np.empty_like(self.corners)
        there, ok, _ = cv2.calcOpticalFlowPyrLK(self.even, even, self.corners, at)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(even, self.even, there, again)
        good = (np.asarray(ok) > 0)[:, 0] & (np.asarray(ok_back) > 0)[:, 0]
        good &= np.linalg.norm((back - self.corners)[:, 0], axis=1) < 0.5
        by = self._linear[1]
        good &= np.isfinite(by).all((1, 2))
        if good.sum() < LEAST_MATCHES:
            return None
        off = ((there - self.corners)[good, 0] * self.scale).astype(np.float64)
        by, weight, p = by[good], np.ones(len(off)), np.zeros(4)
        for _ in range(10):
            w = weight[:, None, None] * by
            p = np.linalg.lstsq(np.einsum("nij,nik->jk", w, by), np.einsum("nij,ni->j", w, off))[0]
            left = np.linalg.norm(off - by @ p, axis=1)
            weight = 1 / (1 + (left / max(float(np.median(left)), 0.3 * OFF_PX)) ** 2)
        agree = int((left < OFF_PX).sum())
        little = np.degrees(np.linalg.norm(p[:3])) < MOST_TURNED_DEG and abs(p[3]) < MOST_ZOOMED
        return p if little and agree >= max(LEAST_MATCHES, LEAST_AGREE * good.sum()) else None


def _even(picture: Grey) -> Grey:
    """The same with one contrast everywhere, so that another light changes little."""
    values = picture.astype(np.float32)
    values -= cv2.GaussianBlur(values, (0, 0), 8.0)
    spread = cv2.GaussianBlur(values * values, (0, 0), 16.0)
    even = np.clip(128 + 40 * values / np.sqrt(spread + 4.0), 0, 255)
    return np.asarray(even, np.uint8)
