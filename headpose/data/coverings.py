"""What hides a part of a face in a classroom, drawn over pictures of heads by their landmarks.

Labels stay exact, and what is hidden is known: training of :mod:`headpose.visibility`, and lessons
with covered faces whose truth is that of the same lesson uncovered.  The drawing is rough on
purpose: what matters is which part of the face is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from headpose.visibility import PARTS

Points = NDArray[np.float64]
Picture = NDArray[np.uint8]

PART_POINTS = {
    "lower": np.r_[4:13, 31:36, 48:68],  # chin, under the nose, mouth
    "eyes": np.r_[17:27, 36:48],  # brows and eyes
    "left": np.r_[0:7, 17:22, 31:33, 36:42, 48:51, 58:60],  # the half on a frontal picture's left
    "right": np.r_[10:17, 22:27, 34:36, 42:48, 52:57],
}
"""Landmarks (0-based, iBUG order) of each part of a face."""
HIDDEN = 0.5
"""A part counts as covered where more than this share of its landmarks is hidden."""


def _whole(point: Points) -> tuple[int, int]:
    x, y = np.round(point).astype(int).tolist()
    return x, y


class _Pen:
    """Draws one covering: a layer of colour (H, W, 3) and how opaque it is (H, W)."""

    def __init__(self, picture: Picture, points: Points, rng: np.random.Generator) -> None:
        self.p, self.rng = points, rng
        self.shape = picture.shape[:2]
        self.side = float((points.max(0) - points.min(0)).max())
        box = np.clip([*points.min(0), *points.max(0)], 0, [*self.shape[::-1]] * 2).astype(int)
        face = picture[box[1] : box[3], box[0] : box[2]]
        self.light = float(face.mean()) / 120 if face.size else 1.0
        self.skin = np.median(face.reshape(-1, 3), 0) if face.size else np.full(3, 120.0)
        self.alpha = np.zeros(self.shape, np.float32)
        self.layer = np.zeros((*self.shape, 3), np.float32)
        across = points[45] - points[36]
        self.down = np.array([-across[1], across[0]])
        if self.down @ (points[8] - points[27]) < 0 or np.linalg.norm(across) < 0.2 * self.side:
            self.down = points[8] - points[27]
        self.down = self.down / (np.linalg.norm(self.down) + 1e-9)
        self.right = np.array([self.down[1], -self.down[0]])

    def at(self, x: float, y: float) -> Points:
        """The point x to the right and y down of the face's middle, in face sides, along the face's
        own axes."""
        centre = (self.p.min(0) + self.p.max(0)) / 2
        return np.asarray(centre + self.side * (x * self.right + y * self.down), np.float64)

    def colour(self, *choices: tuple[int, int, int]) -> NDArray[np.float64]:
        """One of these (BGR), varied, in the light of the face."""
        chosen = np.array(choices[self.rng.integers(len(choices))], float)
        lit = (chosen + self.rng.normal(0, 12, 3)) * np.clip(self.light, 0.3, 1.7)
        return np.asarray(np.clip(lit, 0, 255), np.float64)

    def fill(self, outline: NDArray[Any], colour: NDArray[np.float64]) -> None:
        """A filled polygon (K, 2)."""
        corners = np.round(outline * 8).astype(np.int32)
        cv2.fillPoly(self.alpha, [corners], 1.0, cv2.LINE_AA, shift=3)
        cv2.fillPoly(self.layer, [corners], colour.tolist(), shift=3)

    def ellipse(
        self, centre: Points, axes: tuple[float, float], turn_deg: float, c: NDArray[np.float64]
    ) -> None:
        """A filled ellipse; ``axes`` in face sides."""
        size = max(1, round(self.side * axes[0])), max(1, round(self.side * axes[1]))
        middle = _whole(centre)
        cv2.ellipse(self.alpha, middle, size, turn_deg, 0, 360, 1.0, -1, cv2.LINE_AA)
        cv2.ellipse(self.layer, middle, size, turn_deg, 0, 360, c.tolist(), -1)

    def line(self, a: Points, b: Points, width: float, c: NDArray[np.float64]) -> None:
        """A line; ``width`` in face sides."""
        ends = _whole(a), _whole(b)
        thick = max(1, round(self.side * width))
        cv2.line(self.alpha, *ends, 1.0, thick, cv2.LINE_AA)
        cv2.line(self.layer, *ends, c.tolist(), thick)

    def stroke(self, a: Points, b: Points, c: NDArray[np.float64]) -> None:
        """A thin line on what is drawn already."""
        cv2.line(self.layer, _whole(a), _whole(b), c.tolist(), 1)

    def texture(self, coarse_px: float, strength: float) -> None:
        """Cloth, hair or print: noise of this grain over what was drawn."""
        h, w = self.shape
        n = max(2, int(max(h, w) / max(coarse_px, 1.0)))
        noise = cv2.resize(self.rng.standard_normal((n, n)).astype(np.float32), (w, h))
        self.layer *= (1 + strength * noise)[..., None]

    @property
    def angle_deg(self) -> float:
        """Of the face's own x axis, clockwise in the picture."""
        return float(np.degrees(np.arctan2(self.right[1], self.right[0])))


def _mask(pen: _Pen) -> None:
    """A surgical or cloth mask from ear to ear, with pleats and loops."""
    p, rng = pen.p, pen.rng
    colour = pen.colour(
        (225, 205, 165), (240, 240, 240), (45, 45, 45), (190, 150, 90), (80, 70, 150)
    )
    top = p[28] + rng.uniform(-0.3, 0.6) * (p[30] - p[28])
    grown = p[8] + rng.uniform(1.0, 1.12) * (p[2:15] - p[8])
    for ear, cheek in ((p[0], p[2]), (p[16], p[14])):
        pen.line(ear, cheek, 0.015, colour)
    pen.fill(np.concatenate([grown, [top]]), colour)
    for share in (0.35, 0.55, 0.75)[: int(rng.integers(0, 4))]:
        down = share * 0.8 * (p[8] - top)
        pen.stroke(p[2] + down, p[14] + down, 0.85 * colour)
    pen.texture(pen.side * 0.3, 0.05)


def _beak(pen: _Pen) -> None:
    """An FFP2 mask: white, with a seam, standing off the face."""
    p = pen.p
    colour = pen.colour((245, 245, 245), (235, 235, 230), (50, 50, 50))
    top, tip = p[27] + 0.4 * (p[30] - p[27]), p[30] + 0.35 * (p[30] - (p[2] + p[14]) / 2)
    outline = np.stack(
        [p[2], p[4], p[6], p[8] + 0.06 * pen.side * pen.down, p[10], p[12], p[14], top]
    )
    pen.fill(cv2.convexHull(np.concatenate([outline, [tip]]).astype(np.float32))[:, 0], colour)
    for a, b in ((top, tip), (tip, p[8])):
        pen.stroke(a, b, 0.8 * colour)


def _scarf(pen: _Pen) -> None:
    """A scarf or a high collar pulled up to the nose or the lips."""
    y = (pen.p[33] + pen.rng.uniform(-0.1, 0.5) * (pen.p[51] - pen.p[33]) - pen.at(0, 0)) @ pen.down
    high = y / pen.side
    bend = pen.rng.uniform(0.0, 0.1)
    outline = [pen.at(-0.9, high - bend), pen.at(0, high + bend), pen.at(0.9, high - bend),
               pen.at(1.0, 1.5), pen.at(-1.0, 1.5)]  # fmt: skip
    pen.fill(
        np.stack(outline), pen.colour((60, 50, 150), (150, 90, 60), (60, 60, 60), (120, 150, 90))
    )
    pen.texture(pen.side * 0.06, 0.2)


def _hand(pen: _Pen) -> None:
    """A hand before the mouth, the cheek or the chin; the head propped on it."""
    rng, skin = pen.rng, pen.skin * pen.rng.uniform(0.8, 1.15)
    side = rng.choice([-1.0, 1.0])
    centre = pen.at(side * rng.uniform(0.0, 0.3), rng.uniform(0.05, 0.35))
    pen.line(centre, pen.at(side * rng.uniform(0.2, 1.0), 1.3), 0.22, skin)
    turn = float(rng.uniform(0, 180))
    pen.ellipse(centre, (rng.uniform(0.2, 0.33), rng.uniform(0.16, 0.24)), turn, skin)
    way = rng.uniform(0, 2 * np.pi)
    for k in range(4):
        a = way + 0.25 * (k - 1.5)
        tip = centre + pen.side * rng.uniform(0.3, 0.5) * np.array([np.cos(a), np.sin(a)])
        pen.line(centre, tip, 0.075, skin * (0.88 + 0.06 * k))
    pen.texture(pen.side * 0.2, 0.08)


def _book(pen: _Pen) -> None:
    """A book, a notebook or a tablet held up, printed or plain."""
    rng = pen.rng
    high = rng.uniform(-0.2, 0.25)
    tilt, half = rng.normal(0, 0.12), rng.uniform(0.45, 0.9)
    shift = rng.normal(0, 0.15)
    corners = [pen.at(shift - half, high - tilt), pen.at(shift + half, high + tilt),
               pen.at(shift + half * 0.95, 1.4), pen.at(shift - half * 0.95, 1.4)]  # fmt: skip
    paper = pen.colour((235, 240, 240), (160, 110, 60), (60, 60, 170), (70, 120, 70), (40, 40, 40))
    pen.fill(np.stack(corners), paper)
    if rng.random() < 0.5:
        for y in np.arange(high + 0.08, 1.3, 0.07):
            pen.stroke(pen.at(shift - half * 0.8, y), pen.at(shift + half * 0.8, y), 0.5 * paper)


def _hair(pen: _Pen) -> None:
    """Hair that falls over one side of the face."""
    rng = pen.rng
    side = rng.choice([-1.0, 1.0])
    inner = rng.uniform(-0.05, 0.25)
    edge = [pen.at(side * (inner + rng.uniform(-0.05, 0.1)), y) for y in np.linspace(-0.8, 0.8, 6)]
    outer = [pen.at(side * 1.1, y) for y in (0.9, -0.9)]
    pen.fill(np.stack([*edge, *outer]), pen.colour((30, 30, 35), (40, 60, 95), (70, 120, 170)))
    pen.texture(pen.side * 0.04, 0.25)


def _sunglasses(pen: _Pen) -> None:
    """Dark glasses, round or angular."""
    p, rng = pen.p, pen.rng
    dark = pen.colour((25, 25, 25), (30, 40, 60), (60, 30, 30))
    wide = rng.uniform(0.13, 0.2)
    for eye in (p[36:42].mean(0), p[42:48].mean(0)):
        pen.ellipse(eye, (wide, wide * rng.uniform(0.65, 1.0)), pen.angle_deg, dark)
    pen.line(p[36:42].mean(0), p[42:48].mean(0), 0.03, dark)


def _cap(pen: _Pen) -> None:
    """The brim of a cap, a hood or a fringe down to the eyes."""
    rng = pen.rng
    low = ((pen.p[36:48].mean(0) - pen.at(0, 0)) @ pen.down) / pen.side + rng.uniform(-0.02, 0.12)
    bend = rng.uniform(0, 0.12)
    brim = [pen.at(-0.75, low - bend), pen.at(0, low + 0.02), pen.at(0.75, low - bend)]
    pen.fill(
        np.stack([*brim, pen.at(0.8, -1.2), pen.at(-0.8, -1.2)]),
        pen.colour((40, 40, 40), (130, 60, 40), (50, 50, 160), (200, 200, 200)),
    )
    pen.texture(pen.side * 0.1, 0.1)


def _neighbour(pen: _Pen) -> None:
    """Somebody's head or shoulder in front, from the side or from below."""
    rng = pen.rng
    way = rng.uniform(-0.2, np.pi + 0.2)  # from the right, from below, from the left
    centre = pen.at(*(rng.uniform(0.45, 0.75) * np.array([np.cos(way), np.sin(way)])))
    hair = pen.colour((30, 30, 35), (45, 65, 100), (90, 140, 180), (120, 60, 60), (60, 130, 60))
    pen.ellipse(
        centre, (rng.uniform(0.4, 0.6), rng.uniform(0.5, 0.7)), float(rng.uniform(0, 180)), hair
    )
    pen.texture(pen.side * 0.06, 0.25)


KINDS: dict[str, Callable[[_Pen], None]] = {
    "mask": _mask, "beak": _beak, "scarf": _scarf, "hand": _hand, "book": _book, "hair": _hair,
    "sunglasses": _sunglasses, "cap": _cap, "neighbour": _neighbour,
}  # fmt: skip


def cover(
    picture: Picture, points_px: Points, kind: str, rng: np.random.Generator
) -> tuple[Picture, NDArray[np.bool_]]:
    """The picture (H, W, 3) with one face covered, and which of its landmarks (68,) are hidden.

    points_px : (68, 2) where they are in the picture.
    """
    pen = _Pen(picture, np.asarray(points_px, np.float64), rng)
    KINDS[kind](pen)
    soft = cv2.GaussianBlur(pen.alpha, (0, 0), max(0.4, 0.006 * pen.side))[..., None]
    done = soft * np.clip(pen.layer, 0, 255) + (1 - soft) * picture
    at = np.round(pen.p).astype(int)
    inside = ((at >= 0) & (at < pen.shape[::-1])).all(1)
    hidden = np.zeros(len(at), np.bool_)
    hidden[inside] = pen.alpha[at[inside, 1], at[inside, 0]] > 0.5
    return np.clip(done + 0.5, 0, 255).astype(np.uint8), hidden


def parts_hidden(hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of each part's landmarks (N, 4), of hidden (N, 68)."""
    return np.stack([hidden[..., PART_POINTS[name]].mean(-1) for name in PARTS], -1)
