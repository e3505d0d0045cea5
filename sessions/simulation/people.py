"""The simulator's people: compact meshes whose heads and eyes turn, with the truth that a face has
(nose tip, S axes).

Body frame B of a person: x = the person's left, y = up, z = forward; metres; origin = the pivot
about which the head turns (middle of the neck). A head at rest has B's axes. Frame S
(docs/conventions.md) sits at ``nose`` with the axes ``R_BS``.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.files import write_file

PARTS = ("head", "hair", "eye_left", "eye_right", "lashes", "glasses", "shirt", "body",
         "worn", "held")  # fmt: skip
EXPRESSIONS = ("smile", "open", "blink", "brows")
PEOPLE_FILE = Path(__file__).with_name("people.npz")
_POSITION_M = 2.0  # positions are stored as int16 over ±2 m: 0.06 mm steps
_OFFSET_M = 0.03


@dataclass(frozen=True)
class Person:
    """One person's mesh in B and what is true of the face.

    ``points`` (N,3) m · ``faces`` (F,3) · ``colour`` (N,3) linear rgb 0…1 · ``share`` (N,) share of
    the head's turn each point takes · ``part`` (N,) number in :data:`PARTS` · ``offsets`` (E,N,3)
    m, one for each of :data:`EXPRESSIONS` · ``eye_centres`` (2,3) left, right · ``desk_height_m``
    height of the desk's top in B · ``nose`` (3,) where landmark 30 lies · ``R_BS`` (3,3) the
    300W-LP axes of the face in B · ``landmarks`` (68,3) and ``landmark_residual_m`` (68,) as
    triangulated · ``axes_residual`` rms of the fit of the mean face, as a share of its size.
    """

    name: str
    role: str
    glasses: bool
    hair_style: str
    skin: str
    age: float
    points: np.ndarray
    faces: np.ndarray
    colour: np.ndarray
    share: np.ndarray
    part: np.ndarray
    offsets: np.ndarray
    eye_centres: np.ndarray
    desk_height_m: float
    nose: np.ndarray
    R_BS: np.ndarray
    landmarks: np.ndarray
    landmark_residual_m: np.ndarray
    axes_residual: float

    def with_expression(self, amounts: dict[str, float]) -> np.ndarray:
        """(N,3) points with the expressions added, each 0…1."""
        points = self.points
        for name, amount in amounts.items():
            if amount:
                points = points + amount * self.offsets[EXPRESSIONS.index(name)]
        return points

    def turned(
        self, R_head: np.ndarray, points: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points (N,3) after the head's turn ``R_head`` (B → B, about the origin) and each point's
        own rotation (N,3,3).

        A point with share w turns by the w-th part of the rotation, so the neck twists instead of
        tearing.
        """
        points = self.points if points is None else points
        vector = Rotation.from_matrix(R_head).as_rotvec()
        own = Rotation.from_rotvec(self.share[:, None] * vector).as_matrix()
        return np.einsum("nij,nj->ni", own, points), own


_SCALARS = (
    "name",
    "role",
    "glasses",
    "hair_style",
    "skin",
    "age",
    "desk_height_m",
    "axes_residual",
)
_ARRAYS = ("eye_centres", "nose", "R_BS", "landmarks", "landmark_residual_m")


def _packed(values: np.ndarray) -> np.ndarray:
    """(N,3) uint16 → (2,3,N) uint8: differences from row to row, high and low bytes apart.

    Deflate halves that again.
    """
    step = np.diff(values.T, axis=1, prepend=np.uint16(0))
    return np.stack([step & 255, step >> 8]).astype(np.uint8)


def _unpacked(planes: np.ndarray) -> np.ndarray:
    """The inverse of :func:`_packed`."""
    step = planes[0].astype(np.uint16) | planes[1].astype(np.uint16) << 8
    return np.ascontiguousarray(np.cumsum(step, axis=1, dtype=np.uint16).T)


def save_people(people: list[Person], path: Path) -> None:
    """Write all people into one compressed npz: positions int16, colours and shares uint8,
    expression offsets int8 where not zero.
    """
    store: dict[str, np.ndarray] = {"names": np.array([p.name for p in people])}
    for p in people:
        k = p.name + "/"
        for field in _SCALARS:
            store[k + field] = np.array(getattr(p, field))
        for field in _ARRAYS:
            store[k + field] = np.asarray(getattr(p, field), np.float64)
        store[k + "points"] = _packed(
            np.round(p.points / _POSITION_M * 32767).astype(np.int16).view(np.uint16)
        )
        store[k + "faces"] = _packed(p.faces.astype(np.uint16))
        store[k + "colour"] = np.round(np.clip(p.colour, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
        store[k + "share"] = np.round(p.share * 255).astype(np.uint8)
        store[k + "part"] = p.part
        moved = np.flatnonzero(np.abs(p.offsets).max((0, 2)) > 1e-4)
        store[k + "moved"] = moved.astype(np.uint16)
        store[k + "offsets"] = np.round(
            np.clip(p.offsets[:, moved] / _OFFSET_M, -1, 1) * 127
        ).astype(np.int8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **store)  # type: ignore[arg-type]
    write_file(path, buffer.getvalue())


@cache
def _read(path: Path) -> tuple[Person, ...]:
    people = []
    with np.load(path) as store:
        for name in store["names"]:
            k = f"{name}/"
            points = (
                _unpacked(store[k + "points"]).view(np.int16).astype(np.float64)
                / 32767
                * _POSITION_M
            )
            offsets = np.zeros((len(EXPRESSIONS), len(points), 3))
            offsets[:, store[k + "moved"]] = (
                store[k + "offsets"].astype(np.float64) / 127 * _OFFSET_M
            )
            people.append(
                Person(
                    **{field: store[k + field].item() for field in _SCALARS},
                    **{field: store[k + field] for field in _ARRAYS},
                    points=points,
                    faces=_unpacked(store[k + "faces"]).astype(np.int32),
                    colour=(store[k + "colour"] / 255.0) ** 2.2,
                    share=store[k + "share"] / 255.0,
                    part=store[k + "part"],
                    offsets=offsets,
                )
            )
    return tuple(people)


def load_people(role: str | None = None, path: Path = PEOPLE_FILE) -> list[Person]:
    """All baked people, or those of one role (``train`` or ``test``), in the file's order."""
    return [p for p in _read(path) if role is None or p.role == role]
