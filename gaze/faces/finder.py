"""Find the faces in both videos: full pictures rarely, known places every 0.6 s.

Students sit. After one scan of the full picture it is known where faces are, and from then on only
those places are looked at (gaze/faces/mosaics.py), at moments up to 0.6 s apart. What lies at
the same place at both ends of such a stretch, and looks in between as it does at its end, is not
looked for there: its box goes in a straight line. Who moved, came, went or was covered in between
is looked for at every moment. Scans are repeated: soon while new faces turn up, rarely once none
do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.transform import Array
from gaze.faces.boxes import Detections, Faces, Picture, suppress
from gaze.faces.detectors import Detector
from gaze.faces.mosaics import Glances, look, unique
from gaze.faces.strips import detect_in_strips

PATCH_PX = 16  # faces are compared at this size


@dataclass(frozen=True)
class FinderSettings:
    """How faces are looked for.

    scan_every_s : between two full pictures of one camera, at least and at most: doubled after a
        scan that found nobody new.
    scan_threshold, place_threshold : least score in a full picture, and where a face is expected.
    scan_face_px : height to which a scan brings the smallest face known, so that one a third
        smaller, whom nobody has seen yet, is found as well (the detector begins at 14 px).
    scan_sides_px : longer sides that a scan may have. No picture is scanned larger than it is or
        than `scan_usual_px`, which is taken while no face is known.
    look_every_s : between two looks at the known places, at most.
    same_overlap, alike : a box is taken to have stayed where its two ends overlap by so much, and a
        face in between to be there where it correlates with the end's by so much.
    forget_s : a place without a face is given up after this; one to which somebody moved, whom no
        scan has seen there, after ``roams_s``.
    """

    scan_every_s: tuple[float, float] = (4.0, 12.0)
    scan_threshold: float = 0.30
    place_threshold: float = 0.25
    scan_face_px: float = 24.0
    scan_sides_px: tuple[int, ...] = (960, 1440, 1920, 2880)
    scan_usual_px: int = 1920
    look_every_s: float = 0.6
    same_overlap: float = 0.6
    alike: float = 0.8
    forget_s: float = 30.0
    roams_s: float = 2.0


@dataclass
class _Places:
    """Where faces are in one camera's picture: the last face seen at each of K places, when, and
    whether somebody moved there since the last scan; when the next scan is due, and how long after
    the one before it."""

    face: Faces = field(default_factory=Faces.empty)
    seen_s: Array = field(default_factory=lambda: np.zeros(0))
    roams: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    scan_s: float = -np.inf
    wait_s: float = 0.0


class FaceFinder:
    """Faces in batches of moments of both cameras. Holds the places where faces were last seen.

    Parameters
    ----------
    detector : see :func:`load_detector`.
    settings : see :class:`FinderSettings`.

    The answer depends only on the moments since :meth:`forget`, and on :meth:`memory` alone of what
    went before, so a lesson cut into chunks gives the same faces when it is resumed.
    """

    def __init__(self, detector: Detector, settings: FinderSettings | None = None) -> None:
        self.detector = detector
        self.settings = settings or FinderSettings()
        self.scans = 0
        self.mosaics = 0
        self.forget()

    def forget(self) -> None:
        """Start anew, with a scan."""
        self._places = [_Places() for _ in CAMERAS]
        self._looked_s = -np.inf

    def memory(self) -> dict[str, Array]:
        """All that later answers depend on, as arrays; :meth:`remember` goes on from there."""
        out = {"looked_s": np.array(self._looked_s)}
        for name, p in zip(CAMERAS, self._places, strict=True):
            kept = {"box_px": p.face.box_px, "score": p.face.score, "points_px": p.face.points_px}
            kept |= {
                "seen_s": p.seen_s,
                "roams": p.roams.astype(np.float64),
                "scan_s": np.array([p.scan_s, p.wait_s]),
            }
            out |= {f"{name}_{key}": value.copy() for key, value in kept.items()}
        return out

    def remember(self, memory: Mapping[str, Array]) -> None:
        """Go on where another finder stopped (:meth:`memory`)."""
        self._looked_s = float(memory["looked_s"])
        for c, name in enumerate(CAMERAS):
            found = (memory[f"{name}_{key}"] for key in ("box_px", "score", "points_px"))
            face = _faces(c, 0, *found)
            since = memory[f"{name}_seen_s"], memory[f"{name}_roams"].astype(np.bool_)
            self._places[c] = _Places(face, *since, *memory[f"{name}_scan_s"])

    def find(
        self,
        time_s: Sequence[float],
        pictures: Sequence[Sequence[Picture | None]],
        first_moment: int = 0,
    ) -> Faces:
        """Faces of M moments.

        time_s : (M,) increasing. pictures : for each camera, M BGR pictures (None: no frame).
        first_moment : number of the first moment. Rows come sorted by moment, then camera.
        """
        times = np.asarray(time_s, np.float64)
        parts, begin = [], 0
        for end in self._ends(times):
            parts.append(self._stretch(times, pictures, begin, end))
            self._looked_s, begin = float(times[end]), end + 1
        faces = Faces.concatenate(parts)
        faces = replace(faces, moment=(faces.moment + first_moment).astype(np.int32))
        order = np.lexsort((faces.box_px[:, 0], faces.camera, faces.moment))
        return faces.take(order)

    def _ends(self, time_s: Array) -> list[int]:
        """The moments at which all places are looked at: the last one, and as many before it as it
        takes; the first one where nothing was looked at before."""
        first = [0] if self._looked_s == -np.inf else []
        since_s = time_s[-1] - max(self._looked_s, time_s[0])
        count = max(1, int(np.ceil(since_s / self.settings.look_every_s - 1e-6)))
        share = np.arange(1, count + 1) / count
        ends = np.ceil(len(first) + (len(time_s) - len(first)) * share - 1e-6).astype(int) - 1
        return sorted({*first, *ends.tolist()})

    # -- a stretch: moments begin ≤ m ≤ end; all places are looked at in the last one --------------

    def _stretch(
        self, time_s: Array, pictures: Sequence[Sequence[Picture | None]], begin: int, end: int
    ) -> Faces:
        before = [p.face.take(p.seen_s >= self._looked_s) for p in self._places]
        last = self._at_end(float(time_s[end]), pictures, end, before)
        parts, asked = [last], []
        for c, side in enumerate(pictures):
            between = [m for m in range(begin, end) if side[m] is not None]
            mine = last.take(last.camera == c)
            stayed, doubtful = self._between(c, before[c], mine, time_s, side, between, end)
            parts.append(stayed)
            asked += doubtful
        parts.append(self._look(Glances.concatenate(asked), pictures))
        faces = unique(Faces.concatenate(parts))
        for m in range(begin, end + 1):
            for c in range(len(CAMERAS)):
                here = faces.take((faces.moment == m) & (faces.camera == c))
                self._refresh(c, here, float(time_s[m]))
        return faces

    def _at_end(
        self,
        time_s: float,
        pictures: Sequence[Sequence[Picture | None]],
        end: int,
        before: Sequence[Faces],
    ) -> Faces:
        """Both cameras' faces at a stretch's last moment: a scan where one is due, and the known
        places; around those whose face is gone a look twice as wide."""
        scanned, asked = [Faces.empty()], []
        for c, side in enumerate(pictures):
            picture = side[end]
            if picture is None:
                continue
            if time_s >= self._places[c].scan_s - 1e-6:
                whole = self.scan(picture)
                scanned.append(_faces(c, end, whole.box_px, whole.score, whole.points_px))
                self._discover(c, scanned[-1], time_s)
            known = self._places[c]
            missed = known.seen_s < time_s  # by the scan, if there was one
            asked.append(Glances.at(c, end, known.face.box_px[missed]))
        found = self._look(Glances.concatenate(asked), pictures)
        faces = unique(Faces.concatenate([*scanned, found]))
        lost = []
        for c, side in enumerate(pictures):
            recent = before[c].box_px
            there = _overlap(recent, faces.box_px[faces.camera == c]).max(1, initial=0.0) > 0.1
            if side[end] is not None:
                lost.append(Glances.at(c, end, recent[~there], wide=2.0))
        return unique(Faces.concatenate([faces, self._look(Glances.concatenate(lost), pictures)]))

    def _between(
        self,
        camera: int,
        before: Faces,
        last: Faces,
        time_s: Array,
        side: Sequence[Picture | None],
        between: Sequence[int],
        end: int,
    ) -> tuple[Faces, list[Glances]]:
        """Faces at the moments ``between`` that stayed where they were, and where to look for the
        others. before, last : the camera's faces when it was last looked at, and at the end."""
        if not between or len(before) + len(last) == 0:
            return Faces.empty(), []
        old, new = _pairs(before.box_px, last.box_px, self.settings.same_overlap)
        others = np.concatenate(
            [np.delete(before.box_px, old, axis=0), np.delete(last.box_px, new, axis=0)]
        )
        a, b = before.take(old), last.take(new)
        stayed, asked = [], []
        shown = [_patch(side[end], box) for box in b.box_px]
        for m in between:
            share = (time_s[m] - self._looked_s) / (time_s[end] - self._looked_s)
            middle = _faces(
                camera,
                m,
                (1 - share) * a.box_px + share * b.box_px,
                (1 - share) * a.score + share * b.score,
                (1 - share) * a.points_px + share * b.points_px,
            )
            alike = np.array(
                [_alike(_patch(side[m], box), there) for box, there in
                 zip(middle.box_px, shown, strict=True)]
            ) >= self.settings.alike  # fmt: skip
            stayed.append(middle.take(alike))
            asked.append(Glances.at(camera, m, middle.box_px[~alike]))
            asked.append(Glances.at(camera, m, others))
        return Faces.concatenate(stayed), asked

    def _look(self, glances: Glances, pictures: Sequence[Sequence[Picture | None]]) -> Faces:
        faces, mosaics = look(self.detector, glances, pictures, self.settings.place_threshold)
        self.mosaics += mosaics
        return faces

    # -- full pictures -----------------------------------------------------------------------------

    def scan(self, picture: Picture) -> Detections:
        """One full picture, shrunk where all faces are large."""
        self.scans += 1
        scale = self._scan_px(max(picture.shape[:2])) / max(picture.shape[:2])
        if scale != 1.0:
            how = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)  # type: ignore[assignment]
        found = detect_in_strips(self.detector, picture, self.settings.scan_threshold)
        return replace(
            found,
            box_px=(found.box_px + 0.5) / scale - 0.5,
            points_px=(found.points_px + 0.5) / scale - 0.5,
        )

    def _scan_px(self, side_px: int) -> float:
        """The least side at which the smallest face known is large enough, of those that fit."""
        s = self.settings
        heights = np.concatenate([p.face.height_px for p in self._places])
        usual = min(s.scan_usual_px, 1.5 * side_px)
        if len(heights) == 0:
            return usual
        wanted = side_px * s.scan_face_px / heights.min()
        most = max(usual, min(side_px, s.scan_sides_px[-1]))
        return min([k for k in s.scan_sides_px if wanted <= k < most], default=most)

    # -- places ------------------------------------------------------------------------------------

    def _discover(self, camera: int, found: Faces, time_s: float) -> None:
        """Scanned faces become places; the places they overlap are replaced."""
        p, (soon, late) = self._places[camera], self.settings.scan_every_s
        near = _overlap(p.face.box_px, found.box_px)
        nobody_new = bool((near.max(0, initial=0.0) > 0.05).all()) and len(found) > 0
        wait_s = min(2 * p.wait_s, late) if nobody_new else soon
        old = near.max(1, initial=0.0) < 0.3
        self._places[camera] = _Places(
            Faces.concatenate([p.face.take(old), found]),
            np.concatenate([p.seen_s[old], np.full(len(found), time_s)]),
            np.concatenate([p.roams[old], np.zeros(len(found), np.bool_)]),
            time_s + wait_s,
            wait_s,
        )

    def _refresh(self, camera: int, here: Faces, time_s: float) -> None:
        """Move each place to its face, make one where somebody has moved to; give up those long
        without a face."""
        places = self._places[camera]
        if len(places.face) == 0:
            return
        face, seen_s, roams = places.face, places.seen_s.copy(), places.roams
        if len(here):
            near = _overlap(face.box_px, here.box_px)
            best = near.argmax(1)
            hit = near[np.arange(len(best)), best] > 0.1
            rows = np.arange(len(face))
            rows[hit] = len(face) + best[hit]
            moved = np.flatnonzero((near <= 0.1).all(0))
            face = Faces.concatenate([face, here]).take(np.append(rows, len(face) + moved))
            seen_s[hit] = time_s
            seen_s = np.append(seen_s, np.full(len(moved), time_s))
            roams = np.append(roams, np.ones(len(moved), np.bool_))
        s = self.settings
        order = np.flatnonzero(time_s - seen_s <= np.where(roams, s.roams_s, s.forget_s))
        order = order[np.argsort(-seen_s[order], kind="stable")]
        recent_first = np.linspace(1, 0.5, len(order))
        one_group = np.zeros(len(order), np.intp)
        once = suppress(face.box_px[order], recent_first, one_group, overlap=0.5)
        kept = np.sort(order[once])
        places.face, places.seen_s, places.roams = face.take(kept), seen_s[kept], roams[kept]


def _faces(camera: int, moment: int, box_px: Array, score: Array, points_px: Array) -> Faces:
    """Faces of one picture."""
    n = len(score)
    return Faces(
        np.full(n, camera, np.int8), np.full(n, moment, np.int32), box_px, score, points_px
    )


def _pairs(a: Array, b: Array, least: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of boxes (A, 4) and (B, 4) that overlap by ``least``, each other's best."""
    if len(a) == 0 or len(b) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    near = _overlap(a, b)
    best = near.argmax(1)
    mutual = near.argmax(0)[best] == np.arange(len(a))
    rows = np.flatnonzero(mutual & (near.max(1) >= least))
    return rows, best[rows]


def _patch(picture: Picture | None, box_px: Array) -> Array:
    """What a box shows: (PATCH_PX²,) of one colour, mean 0, length 1 (0 where it is even)."""
    assert picture is not None
    h, w = picture.shape[:2]
    x0, y0, x1, y1 = np.round(box_px + 0.5).astype(int)
    x0, y0 = min(max(x0, 0), w - 1), min(max(y0, 0), h - 1)
    cut = picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1), 1]
    small = cv2.resize(cut, (PATCH_PX, PATCH_PX), interpolation=cv2.INTER_AREA)
    values = small.astype(np.float64).ravel()
    values -= values.mean()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-9))


def _alike(a: Array, b: Array) -> float:
    """Correlation of two patches; two even ones are alike."""
    return float(a @ b) if a.any() and b.any() else float(not a.any() and not b.any())


def _overlap(a: Array, b: Array) -> Array:
    """(A, B) intersection over union of boxes (A, 4) and (B, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    area_a, area_b = ((v[:, 2:] - v[:, :2]).prod(-1) for v in (a, b))
    return np.asarray(both / np.maximum(area_a[:, None] + area_b[None] - both, 1e-9))
