"""Wrong pictures that a decoder hands out as whole ones.

FFmpeg's decoders of HEVC, AV1, VP8, VP9 and WMV notice no noise inside a picture, and H.264's
misses some in small or costly ones: an arithmetic code makes sense of anything. What they make of
it stays, one picture leaning on the other, until the next key frame puts it right at one blow, or
one that leans on what was before. That blow is looked for: a camera that stands still shows people
who move, and at a key frame no more of them than elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from calibration.film import Image
from calibration.transform import Array

#: Decoders that show damage without a word (tests/benchmarks/silent_damage.py).
SILENT = frozenset({"hevc", "h264", "av1", "libdav1d", "vp8", "vp9", "wmv1", "wmv2", "wmv3", "vc1"})
SMALL_PX = (160, 90)
#: Grey levels by which a pixel of a small picture is another one; the pixels of a blow at least,
#: and how many times as many as of any ordinary step; the share of them that went wrong at once.
FAR, LEAST_PX, MORE, AT_ONCE = 16, 10, 3.0, 0.3
#: A blow on so much of the picture is another one, a desktop, a black-out: no picture that was
#: damaged by hand, in 370 films, was wrong on so much of it.
ANOTHER = 0.6
#: Last pictures of sound groups to which a blow may lead back.
PAST = 5
#: So alike is what stands in another light; and what a camera shows after a knock (the height of a
#: phase correlation's peak), whose halves have moved alike to so many pixels.
SAME, MOVED, APART_PX = 0.9, 0.2, 2.0
#: A place that changed at so many key frames in succession shows a clock, written into the picture.
TICKED = 3
#: Pictures of a group that tell how people usually move; steps of it that may be damage's own; the
#: share of steps that are usual where it comes and goes, and the ends that are tried for it.
FEWEST, OWN, USUALLY, TRIED = 4, 1, 0.8, 8
#: Pixels of pictures that are held until their group is judged: beyond, the oldest go unjudged.
#: Other decoders than HEVC's swallow little, least in large pictures: less memory is spent on
#: them, and of pictures beyond ``LOOKED_AT_PX`` (4K) none.
HELD_HEVC_PX, HELD_PX, LOOKED_AT_PX = 64_000_000, 16_000_000, 4_000_000
#: Pictures after which a group is judged from anew: some films have one key frame an hour.
LONGEST = 1000
#: Pictures farther apart than this tell no leap: a class turns its heads, and back, between two.
LEAPS_S = 0.11

Numbered = tuple[int, VideoFrame | None, bool]


def groups_of(
    codec: str, size_px: tuple[int, int], keyframes: NDArray[np.int64], times_s: Array
) -> Groups | None:
    """What a file's groups are looked at with; None: they need not be. times_s : of its frames."""
    if codec not in SILENT:
        return None
    if codec == "hevc":
        return Groups(HELD_HEVC_PX, keyframes, times_s)
    if size_px[0] * size_px[1] > LOOKED_AT_PX:
        return None
    return Groups(HELD_PX, keyframes, times_s)


class Groups:
    """What is known of one file's groups of pictures, a group being what begins at a key frame.

    held_px : of its pictures while a group is judged. keyframes : numbers of the file's key frames;
    times_s : of all of its frames. One that came before its time was put there by an encoder that
    saw the scene change: the light was switched off, a slide was shown. What changes there, or goes
    back at the next one, is no damage.
    """

    def __init__(
        self,
        held_px: int = HELD_HEVC_PX,
        keyframes: Sequence[int] | NDArray[np.int64] = (0,),
        times_s: Sequence[float] | Array = (),
    ) -> None:
        self.held_px = held_px
        begins = np.asarray(keyframes, np.int64)
        self.keyframes = frozenset(begins.tolist())
        lengths = np.diff(begins, append=len(times_s))
        self.slow = len(times_s) > 1 and float(np.median(np.diff(times_s))) > LEAPS_S
        early = 1 + np.flatnonzero(lengths[:-1] < 0.95 * np.quantile(lengths, 0.8, method="higher"))
        self.cuts = frozenset(begins[early].tolist())
        self.past: deque[Image] = deque(maxlen=PAST)
        self.blows: deque[NDArray[np.bool_]] = deque(maxlen=TICKED)
        self.screens: deque[NDArray[np.bool_]] = deque(maxlen=TICKED)  # where something came, went
        self.scaler = VideoReformatter()  # one for all: each frame's own would be set up anew
        self.opened = False  # the group at hand began with a blow that led nowhere known

    def judged(self, frames: Iterable[Numbered], asked: Collection[int]) -> Iterator[Numbered]:
        """(number, frame, whole) in the order shown, as they come, but for those that were taken
        for whole ones and are not. Pictures that nobody asked for are looked at and let go."""
        held: list[tuple[Numbered, int]] = []  # with its place among the group's small pictures
        group: list[Image] = []
        pts: list[int] = []
        cut = False
        for number, frame, whole in frames:
            if frame is None or not whole:
                held.append(((number, frame, whole), -1))
                continue
            small = self._small(frame)
            key = frame.key_frame or number in self.keyframes  # libvpx does not tell
            if key and group:
                cuts = (cut, number in self.cuts)
                yield from _without(
                    held, self.damaged(group, small, _apart([*pts, frame.pts or 0]), cuts)
                )
                held, group, pts = [], [], []
            if key:
                cut = number in self.cuts
            wanted = number in asked
            held.append(((number, frame if wanted else None, wanted), len(group)))
            group.append(small)
            pts.append(frame.pts or 0)
            pictures = sum(f is not None for (_, f, _), _ in held)
            if pictures * frame.width * frame.height > self.held_px:
                yield held.pop(0)[0]
            if len(group) > LONGEST:
                yield from (item for item, _ in held)
                held, group, pts = [], [], []
        yield from _without(held, self.damaged(group, None))

    def damaged(
        self,
        group: Sequence[Image],
        following: Image | None,
        apart: int = 1,
        cuts: tuple[bool, bool] = (False, False),
    ) -> NDArray[np.bool_]:
        """(N,) which of a group's small pictures are wrong; see :meth:`wrong`."""
        ahead = [] if following is None else [following]
        damaged = self._leaps([*group, *ahead])[: len(group)]
        rest = np.flatnonzero(~damaged)
        if len(rest):
            if rest[-1] < len(group) - 1:  # what stands before the key frame is known
                apart = len(group)
            since = self.wrong([group[k] for k in rest.tolist()], following, apart, cuts)
            damaged[rest[since] if since < len(rest) else len(group) :] = True
        return damaged

    def _leaps(self, pictures: Sequence[Image]) -> NDArray[np.bool_]:
        """(N,) which of them come and go; not where it was so :data:`TICKED` times in succession:
        there is a screen."""
        out = np.zeros(len(pictures), np.bool_)
        if self.slow:
            return out
        for a, b, where in there_and_back(pictures):
            shown = where & ~_everywhere(self.screens, where)
            self.screens.append(where)
            another = b - a > 1 and shown.mean() > ANOTHER
            out[a:b] |= shown.sum() > max(LEAST_PX, 0.5 * where.sum()) and not another
        return out

    def wrong(
        self,
        group: Sequence[Image],
        following: Image | None,
        apart: int = 1,
        cuts: tuple[bool, bool] = (False, False),
    ) -> int:
        """From which of a group's small pictures (h, w) on it is wrong; its length: it is sound.

        following : the next key frame's, None where the group's end was not read: such a group is
        wrong where it *began* with a blow. apart : how many pictures it lies behind the last one,
        where those between are lost: people move further meanwhile. cuts : whether the scene
        changed where the group began and where it ends.
        """
        sound = len(group)
        if following is None:
            return 0 if self.opened else sound
        # nothing in it tells what is usual over so long a time; or the encoder saw it change; or
        # the camera was knocked
        if sound < max(FEWEST, apart + 1) or cuts[1] or _is_moved(group[-1], following):
            self.opened = False
            self.past.append(group[-1])
            return sound
        blow = _differ(group[-1], following)
        ticking = _everywhere(self.blows, blow) | _everywhere(self.screens, blow)
        self.blows.append(cv2.dilate(blow.view(np.uint8), np.ones((5, 5))).astype(np.bool_))
        blow &= ~ticking
        past = self.past or [group[0]]
        backs = [blow & ~_differ(p, following) for p in past]
        k = int(np.argmax([b.sum() for b in backs]))
        back, before = backs[k], past[k]
        steps = list(zip(group, group[apart:], strict=False))
        usual = _usual(_differ(a, b) & ~_differ(before, b) for a, b in steps)
        least = max(LEAST_PX, MORE * usual, 0.5 * blow.sum())
        if back.sum() > least and back.mean() < ANOTHER:
            share = np.array([_differ(p, following)[back].mean() for p in (past[-1], *group)])
            since = int(np.argmax(share[1:] > AT_ONCE))
            seen = np.diff(share).max() > AT_ONCE and not _is_light(before, group[-1], back)
            if seen and not (cuts[0] and since == 0):
                self.opened = False
                return since
        moving = _usual(_differ(a, b) for a, b in steps)
        new = (blow & ~back).sum()
        self.opened = bool(new > max(LEAST_PX, MORE * moving) and blow.mean() < ANOTHER)
        self.past.append(group[-1])
        return sound

    def _small(self, frame: VideoFrame) -> Image:
        width, height = SMALL_PX
        shown = self.scaler.reformat(frame, width, height, "gray", interpolation="AREA")
        return np.asarray(shown.to_ndarray(), np.uint8)


def _apart(pts: Sequence[int]) -> int:
    """How many usual steps the last of these times lies behind the one before; 1: nobody knows."""
    steps = np.diff(pts)
    return max(int(np.ceil(steps[-1] / max(float(np.median(steps)), 1.0) - 0.1)), 1)


def there_and_back(pictures: Sequence[Image]) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """From which of small pictures (h, w) one after the other to which (not with it), and where,
    they show what came at one blow and went at another one, all back to what it was: a single
    damaged picture, or some until one that leans on what came before them."""
    if len(pictures) <= FEWEST:
        return
    steps = [_differ(a, b) for a, b in pairwise(pictures)]
    size = np.array([int(s.sum()) for s in steps])
    least = max(LEAST_PX, MORE * float(np.quantile(size, USUALLY)))
    blows = np.flatnonzero(size > least).tolist()
    done = -1
    for k, a in enumerate(blows):
        for b in blows[k + 1 : k + 1 + TRIED] if a > done else ():
            back = steps[a] & steps[b] & ~_differ(pictures[a], pictures[b + 1])
            if back.sum() > max(least, 0.5 * size[b]):
                seen = pictures[a], pictures[a + 1]
                if not (_is_light(*seen, back) or _is_moved(*seen)):
                    yield a + 1, b + 1, back
                done = b
                break


def _without(
    held: Iterable[tuple[Numbered, int]], damaged: NDArray[np.bool_]
) -> Iterator[Numbered]:
    for (number, frame, whole), place in held:
        yield number, frame, whole and not damaged[place]


def _differ(a: Image, b: Image) -> NDArray[np.bool_]:
    """(h, w) where two small pictures differ."""
    return np.asarray(np.abs(a.astype(np.int16) - b) > FAR)


def _everywhere(masks: Collection[NDArray[np.bool_]], like: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) where all of :data:`TICKED` masks are; nowhere: they are fewer."""
    return np.all(list(masks), 0) if len(masks) == TICKED else np.zeros_like(like)


def _is_light(before: Image, after: Image, where: NDArray[np.bool_]) -> bool:
    """Whether the same is seen where pictures differ, brighter or darker: a film shown in the dark,
    a lamp that flickers."""
    with np.errstate(invalid="ignore", divide="ignore"):  # a place of one grey
        return bool(np.corrcoef(before[where], after[where])[0, 1] > SAME)


def _is_moved(before: Image, after: Image) -> bool:
    """Whether both halves of a picture are the other one's, moved alike: the camera was knocked."""
    middle, by = before.shape[1] // 2, []
    for half in (slice(None, middle), slice(middle, None)):
        a, b = (p[:, half].astype(np.float32) for p in (before, after))
        window = cv2.createHanningWindow(a.shape[::-1], cv2.CV_32F)
        by_px, alike = cv2.phaseCorrelate(a, b, window)
        if alike < MOVED or max(map(abs, by_px)) < 0.5:
            return False
        by.append(by_px)
    return bool(max(abs(p - q) for p, q in zip(*by, strict=True)) < APART_PX)


def _usual(changes: Iterable[NDArray[np.bool_]]) -> int:
    """How many pixels change from picture to picture at most, but for damage's own leaps."""
    return sorted([0] * (OWN + 1) + [int(c.sum()) for c in changes])[-OWN - 1]
