"""What people wear or hold before their faces: masks, caps, glasses, hair, hands, books.

Each is a mesh in the person's own frame B (sessions/simulation/people.py), made from his own face,
so that it sits on it and moves with the head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from sessions.errors import SessionError
from sessions.simulation.people import PARTS, Person

WORN = ("mask", "cap", "glasses", "hair", "hand", "book")
HELD = ("hand", "book")  # for some of the time, one at a time
_AXIS_Z_M = 0.03  # of the upright axis round which a face is a surface, in B
_OFF_M = 0.005  # cloth stands off the skin by this

Spans = tuple[tuple[float, float], ...]  # from … to, seconds
Mesh = tuple[np.ndarray, np.ndarray, np.ndarray]  # points (N,3), faces (F,3), colour (N,3) linear


def wanted(wear: str, students: int) -> dict[str, int]:
    """``"mask, cap 3, hand 50%"`` → how many of the students: all, a number, a share.

    Raises
    ------
    SessionError : no such thing, more than there are, or unreadable.
    """
    out: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in wear.split(","))):
        found = re.fullmatch(r"([a-z]+)(?:[ =](\d+)(%?))?", part)
        kind, number, percent = found.groups() if found else ("", None, "")
        count = students if number is None else int(number)
        if percent:
            count = round(students * count / 100)
        if kind not in WORN or kind in out or not 0 <= count <= students:
            raise SessionError(
                "--wear is impossible", found=part,
                expected=f"each once: {', '.join(WORN)}; then how many of the {students} students, "
                "or a share, or nothing for all: \"mask, cap 3, hand 50%\"",
            )  # fmt: skip
        out[kind] = count
    if sum(out.get(kind, 0) for kind in HELD) > students:
        raise SessionError(
            "--wear is impossible", found=wear, expected="a hand or a book for a student, not both"
        )
    return out


def dealt(counts: Mapping[str, int], students: int, seed: int) -> list[tuple[str, ...]]:
    """Who has what on, by student; whoever holds a book does not hold a hand before his face."""
    order = {kind: np.random.default_rng([seed, 21, WORN.index(kind)]).permutation(students)
             for kind in counts}  # fmt: skip
    if set(HELD) <= set(counts):
        order["book"] = order["hand"][::-1]
    has = {kind: set(order[kind][:n].tolist()) for kind, n in counts.items()}
    return [tuple(kind for kind in WORN if k in has.get(kind, ())) for k in range(students)]


def held_spans(seconds: float, rng: np.random.Generator) -> Spans:
    """When a hand or a book is before a face: 2 to 4 s at a time, about half of the lesson."""
    spans, t = [], float(rng.uniform(0, 3))
    while t < seconds:
        end = t + float(rng.uniform(2, 4))
        spans.append((round(t, 3), round(end, 3)))
        t = end + float(rng.uniform(2, 4))
    return tuple(spans)


def dressed(person: Person, things: tuple[str, ...], rng: np.random.Generator) -> Person:
    """The person with these on: part ``worn`` of the mesh, and ``held`` for what comes and goes."""
    if "glasses" in things:
        person = replace(person, glasses=True)
    for kind, make in (("cap", _cap), ("mask", _mask), ("hair", _hair), ("hand", _hand),
                       ("book", _book)):  # fmt: skip
        if kind in things:
            if kind == "cap":
                person = _hair_under_cap(person)
            mesh = make(person, rng)
            person = _with(person, mesh, "held" if kind in HELD else "worn")
    return person


def covering(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (F,3,3) in B that can hide the face, and which of them (F,) are there only while
    something is held."""
    part = person.part[person.faces[:, 0]]
    worn, held = (part == PARTS.index(name) for name in ("worn", "held"))
    return person.points[person.faces[worn | held]], held[worn | held]


def _with(person: Person, mesh: Mesh, part: str) -> Person:
    """The person with one more mesh that turns as the head does."""
    points, faces, colour = mesh
    n = len(points)
    return replace(
        person,
        points=np.concatenate([person.points, points]),
        faces=np.concatenate([person.faces, faces + len(person.points)]),
        colour=np.concatenate([person.colour, np.clip(colour, 0, 1)]),
        share=np.concatenate([person.share, np.ones(n)]),
        part=np.concatenate([person.part, np.full(n, PARTS.index(part), person.part.dtype)]),
        offsets=np.concatenate([person.offsets, np.zeros((len(person.offsets), n, 3))], 1),
    )


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    """(F,3) triangles of a grid of points, row by row."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (v.ravel() for v in (at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def _head(person: Person) -> np.ndarray:
    """(N,) which points are the rigid head, without hair."""
    return np.asarray((person.part == PARTS.index("head")) & (person.share > 0.95))


def _shell(person: Person, angle: np.ndarray, y: np.ndarray, off_m: float) -> np.ndarray:
    """(…,3) points that far before the face: at angles (to the person's left) about the upright
    axis and heights y. Cloth is stretched from bump to bump: the largest radius near by, smoothed.
    """
    skin = person.points[_head(person)]
    at = np.arctan2(skin[:, 0], skin[:, 2] - _AXIS_Z_M)
    radius = np.hypot(skin[:, 0], skin[:, 2] - _AXIS_Z_M)
    near = (np.abs(at - angle[..., None]) < 0.13) & (np.abs(skin[:, 1] - y[..., None]) < 0.009)
    r = np.where(near, radius, 0).max(-1).astype(np.float32)
    r = np.maximum(r, cv2.GaussianBlur(r, (0, 0), 1.5)) + off_m
    return np.stack([r * np.sin(angle), y, _AXIS_Z_M + r * np.cos(angle)], -1)


def _mask(person: Person, rng: np.random.Generator) -> Mesh:
    """A surgical or cloth mask from the bridge of the nose to under the chin, with ear loops."""
    p = person.landmarks
    u, v = np.linspace(-1, 1, 29), np.linspace(0, 1, 16)
    side = np.arctan2(p[14, 0], p[14, 2] - _AXIS_Z_M)
    fall = u**2
    top = (1 - fall) * (p[28, 1] + rng.uniform(-0.006, 0.004)) + fall * (p[1, 1] - 0.006)
    low = (1 - fall) * (p[8, 1] - 0.012) + fall * (p[4, 1] + 0.004)
    y = top + v[:, None] * (low - top)
    points = _shell(person, np.broadcast_to(side * u, y.shape), y, _OFF_M)
    colours = [(0.42, 0.66, 0.78), (0.86, 0.87, 0.86), (0.05, 0.05, 0.06), (0.30, 0.42, 0.62)]
    colour = np.array(colours[rng.integers(4)]) * rng.uniform(0.9, 1.05)
    pleat = 1 - 0.22 * np.isin(np.arange(16), [5, 8, 11])  # three folds
    shades = np.broadcast_to((pleat[:, None] * np.ones(29))[..., None] * colour, points.shape)
    mesh = points.reshape(-1, 3), _grid_faces(16, 29), shades.reshape(-1, 3)
    for column, ear in ((0, p[0]), (-1, p[16])):
        hook = (ear - [0, 0, _AXIS_Z_M]) * [1.06, 1, 0.4] + [0, 0, _AXIS_Z_M]
        for row in (0, -1):
            mesh = _joined(mesh, _ribbon(points[row, column], hook, 0.004, colour))
    return mesh


def _ribbon(a: np.ndarray, b: np.ndarray, width_m: float, colour: np.ndarray) -> Mesh:
    """A flat upright band from a to b."""
    up = np.array([0, width_m / 2, 0])
    points = np.stack([a - up, b - up, b + up, a + up])
    return points, np.array([[0, 1, 2], [0, 2, 3]]), np.tile(colour, (4, 1))


def _joined(*meshes: Mesh) -> Mesh:
    start = np.cumsum([0, *(len(m[0]) for m in meshes[:-1])])
    return (
        np.concatenate([m[0] for m in meshes]),
        np.concatenate([m[1] + s for m, s in zip(meshes, start, strict=True)]),
        np.concatenate([m[2] for m in meshes]),
    )


def _skull(person: Person) -> np.ndarray:
    """Middle of the cap's lower edge in B."""
    brow_y = person.landmarks[17:27, 1].max()
    return np.array([0.0, brow_y + 0.02, person.eye_centres[:, 2].mean() - 0.083])


def _dome_m(person: Person, way: np.ndarray) -> np.ndarray:
    """(…) how far the cap is from there, along unit vectors (…,3): half an ellipsoid."""
    forehead = person.landmarks[17:27, 2].max() + 0.006 - _skull(person)[2]
    return np.asarray(forehead / np.linalg.norm(way / [0.76, 0.84, 1.0], axis=-1))


def _ways(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """(…,3) unit vectors in B; azimuth 0 = forwards, to the person's left."""
    level = np.cos(elevation)
    way = [np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level]
    return np.stack(np.broadcast_arrays(*way), -1)


def _hair_under_cap(person: Person) -> Person:
    """Hair above the cap's edge is pressed down to the skull."""
    middle = _skull(person)
    d = person.points - middle
    far = np.maximum(np.linalg.norm(d, axis=1), 1e-9)
    most = _dome_m(person, d / far[:, None]) - 0.004
    high = (person.part == PARTS.index("hair")) & (d[:, 1] > -0.01) & (far > most)
    points = person.points.copy()
    points[high] = middle + d[high] * (most / far)[high, None]
    return replace(person, points=points)


def _cap(person: Person, rng: np.random.Generator) -> Mesh:
    """A baseball cap, its peak over the brow."""
    middle = _skull(person)
    azimuth, elevation = np.meshgrid(
        np.linspace(0, 2 * np.pi, 49), np.linspace(0, np.pi / 2, 13), indexing="ij"
    )
    way = _ways(azimuth, elevation)
    dome = middle + _dome_m(person, way)[..., None] * way
    colour = (0.05 + 0.6 * rng.random(3)) ** 1.5
    seams = 1 - 0.25 * (np.arange(49) % 8 == 0)
    shade = np.broadcast_to((seams[:, None] * np.ones(13))[..., None] * colour, dome.shape)
    half, out = np.linspace(-0.8, 0.8, 25), np.linspace(0, 1, 6)
    edge = _dome_m(person, _ways(half, 0 * half))
    reach = edge[:, None] - 0.004 + out * (0.07 * np.cos(half * np.pi / 1.8)[:, None] + 0.004)
    angle = np.broadcast_to(half[:, None], reach.shape)
    drop = 0.004 - 0.016 * out**1.5 - 0.02 * angle**2
    peak = middle + np.stack([reach * np.sin(angle), drop, reach * np.cos(angle)], -1)
    return _joined(
        (dome.reshape(-1, 3), _grid_faces(49, 13), shade.reshape(-1, 3)),
        (peak.reshape(-1, 3), _grid_faces(25, 6), np.tile(0.85 * colour, (150, 1))),
    )


def _hair(person: Person, rng: np.random.Generator) -> Mesh:
    """Hair that falls over one half of the face, from the parting to the chin."""
    p = person.landmarks
    side = rng.choice([-1.0, 1.0])
    inner = rng.uniform(0.02, 0.22)
    u, v = np.linspace(0, 1, 21), np.linspace(0, 1, 17)
    start = inner + 0.10 * (1 - v[:, None]) ** 2 + 0.06 * v[:, None] * np.sin(9 * v[:, None])
    angle = start + u * (1.35 - start)
    brow = p[17:27, 1].max()
    y = np.broadcast_to((brow + 0.045 + v * (p[8, 1] - 0.02 - brow - 0.045))[:, None], angle.shape)
    points = _shell(person, side * angle, y, 0.009)
    own = person.colour[person.part == PARTS.index("hair")].mean(0)
    strand = 1 + 0.35 * rng.standard_normal(21)
    shade = np.broadcast_to((strand * np.ones((17, 1)))[..., None] * own, points.shape)
    return points.reshape(-1, 3), _grid_faces(17, 21), shade.reshape(-1, 3)


def _capsule(a: np.ndarray, b: np.ndarray, radius_m: float, colour: np.ndarray) -> Mesh:
    """A rod from a to b with round ends."""
    along = (b - a) / np.linalg.norm(b - a)
    side = np.cross(along, [0.3, 0.2, 0.9])
    side /= np.linalg.norm(side)
    other = np.cross(along, side)
    ends = np.linspace(-np.pi / 2, np.pi / 2, 8)
    turn = np.linspace(0, 2 * np.pi, 10)
    base = np.where(ends[:, None] < 0, a, b) + radius_m * np.sin(ends)[:, None] * along
    ring = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * other
    points = base[:, None] + radius_m * np.cos(ends)[:, None, None] * ring
    return points.reshape(-1, 3), _grid_faces(8, 10), np.tile(colour, (80, 1))


def _hand(person: Person, rng: np.random.Generator) -> Mesh:
    """A hand before the mouth, its arm on the desk."""
    p = person.landmarks
    side = rng.choice([-1.0, 1.0])
    skin = np.median(person.colour[_head(person)], 0)
    palm = p[57] + [side * 0.028, -0.012, 0.024]
    parts = [_capsule(palm + [side * 0.012, -0.03, 0], palm + [0, 0.02, 0], 0.026, skin)]
    for k in range(4):
        root = palm + [side * (0.012 - 0.004 * k), 0.028 - 0.017 * k, 0.004]
        tip = p[30] + [-side * (0.048 - 0.004 * k), 0.002 - 0.019 * k, -0.008]
        parts.append(_capsule(root, tip, 0.0088, skin * (0.92 + 0.04 * k)))
    parts.append(_capsule(palm + [side * 0.012, -0.03, 0.0], palm + [side * 0.10, -0.24, 0.07],
                          0.026, skin))  # fmt: skip
    return _joined(*parts)


def _book(person: Person, rng: np.random.Generator) -> Mesh:
    """A book held up to read, its upper edge at the nose."""
    wide, tall, thick = rng.uniform(0.24, 0.32), rng.uniform(0.2, 0.26), 0.018
    tilt = np.radians(rng.uniform(5, 25))
    up, out = np.array([0, np.cos(tilt), np.sin(tilt)]), np.array([0, -np.sin(tilt), np.cos(tilt)])
    left = np.array([1.0, 0, 0])
    upper = np.array([rng.normal(0, 0.015), person.nose[1] + rng.uniform(-0.01, 0.03), 0.0])
    middle = upper + [0, 0, person.nose[2] + 0.10] - up * tall / 2
    cover = 0.03 + 0.5 * rng.random(3) ** 2
    sheets = []
    for face, colour in ((1, cover), (-1, np.full(3, 0.8))):  # the pages are towards the reader
        corner = middle + face * out * thick / 2
        grid = [corner + a * left * wide / 2 + b * up * tall / 2
                for b in np.linspace(1, -1, 9) for a in (-1, 1)]  # fmt: skip
        printed = np.repeat(np.where(np.isin(np.arange(9), [2, 3]), 1.6, 1.0), 2)[:, None] * colour
        sheets.append((np.array(grid), _grid_faces(9, 2), printed))
    edge = [middle + up * tall / 2 + a * left * wide / 2 + f * out * thick / 2
            for f in (1, -1) for a in (-1, 1)]  # fmt: skip
    sheets.append((np.array(edge), _grid_faces(2, 2), np.full((4, 3), 0.7)))
    return _joined(*sheets)
