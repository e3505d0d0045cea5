"""Single pictures of something else: black ones of a loose plug, a blue "no signal", a desktop for
a second, a picture of which half never came.

A camera that stands still shows one room all the lesson long. What its picture is made of, in
coarse places and whatever the light, is compared with some pictures from one end of the film to the
other. Sound pictures, of 38 real films of still cameras and 13 rendered lessons, agree with them to
0.34 and more; other pictures to 0.2 and less (docs/history/recordings.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.film import Image
from calibration.transform import Array
from sessions.video.info import VideoInfo
from sessions.video.moments import spread
from sessions.video.reading import read_frames

#: Pictures of a film that tell what it usually shows; so many at least, or nothing is told.
LOOKS, FEWEST = 24, 5
SIZE_PX, BANDS = (64, 36), 6
#: A picture with fewer grey levels is empty: nobody is seen in it.
LEAST_GREY = 12
#: A picture that agrees less is another one. So are looks, but for as many in a row that agree with
#: each other: another light, a board that was opened, a camera that was turned.
ALIKE, IN_A_ROW = 0.2, 3
#: Half a picture: two bands of it agree less than that, another one more, in the same light.
DEAD, ALIVE, SAME_LIGHT = 0.12, 0.7, 1.3


@dataclass(frozen=True)
class Usual:
    """What a camera usually shows, in K looks.

    looks : (K, BANDS, N) contrasts, each look of length 1. levels : (K, BANDS) mean grey levels.
    """

    looks: NDArray[np.float32]
    levels: Array

    @classmethod
    def of(cls, video: VideoInfo) -> Usual | None:
        """From a film's own pictures; None: they have too little in common."""
        wanted = spread(video, LOOKS).tolist()
        shown = [p for _, p in read_frames(video, wanted, grey=True, small_px=(640, 360))]
        return cls.among(shown)

    @classmethod
    def among(cls, shown: Sequence[Image], in_a_row: int = IN_A_ROW) -> Usual | None:
        """The same from some pictures (h, w) or (h, w, 3) in their order. in_a_row : so many that
        are like each other are usual, too."""
        small = [s for s in map(_small, shown) if not _is_empty(s)]
        if len(small) < FEWEST or len(small) < len(shown) / 2:
            return None
        median = cls._of([np.median(small, axis=0)])
        known = [median._is_in(s) for s in small]
        for k in range(len(small) - in_a_row + 1):
            row = small[k : k + in_a_row]
            if all(cls._of([a])._is_in(b) for a, b in combinations(row, 2)):
                known[k : k + in_a_row] = [True] * in_a_row
        if sum(known) < FEWEST:
            return None
        return cls._of([s for s, it_is in zip(small, known, strict=True) if it_is])

    @classmethod
    def _of(cls, small: Sequence[Array]) -> Usual:
        looks, levels = [_contrasts(s) for s in small], [_levels(s) for s in small]
        return cls(np.stack(looks), np.stack(levels))

    def is_in(self, picture: Image) -> bool:
        """Whether a picture (h, w, 3) BGR or (h, w) grey shows it, whole."""
        small = _small(picture)
        return not _is_empty(small) and self._is_in(small)

    def is_halved_in(self, picture: Image) -> bool:
        """Whether a picture shows a part of it, in its light, and something else in another."""
        return self._compared(_small(picture))[1]

    def _is_in(self, small: Array) -> bool:
        alike, halved = self._compared(small)
        return alike and not halved

    def _compared(self, small: Array) -> tuple[bool, bool]:
        """Whether it is like any look, and whether only a part of it is."""
        own = _contrasts(small)
        by_band = np.einsum("kbn,bn->kb", self.looks, own)
        k = int(np.argmax(by_band.sum(1)))
        size, own_size = (np.linalg.norm(of, axis=1) for of in (self.looks[k], own))
        agree = by_band[k] / np.maximum(size * np.maximum(own_size, size / 2), 1e-6)
        light = (_levels(small) + 1) / (self.levels[k] + 1)
        alive = (agree > ALIVE) & (light < SAME_LIGHT) & (light > 1 / SAME_LIGHT)
        dead = (agree[1:] + agree[:-1]).min() < 2 * DEAD
        return bool(by_band[k].sum() >= ALIKE), bool(dead and alive.any())


def whether_usual(video: VideoInfo) -> Callable[[Image], bool] | None:
    """Tells whether a picture shows what a film's camera usually does; None: nothing tells it."""
    usual = Usual.of(video)
    return None if usual is None else usual.is_in


def _small(picture: Image) -> Array:
    """(h, w) float32 grey."""
    step = max(picture.shape[1] // 480, 1)
    some = picture[::step, ::step]
    grey = some if some.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(some), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, SIZE_PX, interpolation=cv2.INTER_AREA), np.float32)


def _is_empty(small: Array) -> bool:
    return bool(np.ptp(np.percentile(small, [1, 99])) < LEAST_GREY)


def _contrasts(small: Array) -> NDArray[np.float32]:
    """(BANDS, N) what stands out, as much everywhere; all of it of length 1."""
    fine = small - cv2.GaussianBlur(small, (0, 0), 2.0)
    even = fine / np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 4.0) + 2.0)
    return np.asarray((even / max(np.linalg.norm(even), 1e-6)).reshape(BANDS, -1), np.float32)


def _levels(small: Array) -> Array:
    """(BANDS,)"""
    return np.asarray(small.reshape(BANDS, -1).mean(1), np.float64)
