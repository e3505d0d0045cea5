"""Everything that needs pixels: pictures of a few moments in, light rows out.

For each batch: faces → nose tips and tight boxes → crops through the virtual cameras → heads. A
lesson is looked at in chunks; a chunk's rows depend on nothing before it, so that an interrupted
run goes on where it stopped and gives the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.finder import Detector, FaceFinder, Faces, FinderSettings, Picture
from gaze.faces.heads import HeadPoseModel, Heads, estimate_heads, network_landmarks, take_crops
from gaze.faces.landmarks import Landmarks, average, known_locator, locate, tight_boxes
from sessions.errors import SessionError
from sessions.folder import Session

FROM_NETWORK = ("mean", "network")  # nose tips that come with the heads
CROP_PX = 128  # where the network does not say what it wants

# A seat whose student opted out is painted over between these heights (y_W, from the blackboard's
# upper edge: about 1.55 m to 0.75 m above the floor) and this far around it, before anything looks.
MASK_Y_M = (0.45, 1.25)
MASK_HALF_M = 0.26


@dataclass(frozen=True)
class FaceRows:
    """What was seen of N faces; the row number is the one of faces.parquet.

    faces : where. landmarks : nose tips. heads : R_VS, R_CV, covariance.
    centre_px : (N, 2) where the virtual camera looks. face_px : (N,) longer side of the tight box.
    """

    faces: Faces
    landmarks: Landmarks
    heads: Heads
    centre_px: Array
    face_px: Array

    def __len__(self) -> int:
        return len(self.faces)

    def heads_in_world(self, rig: Rig) -> Array:
        """R_WS (N, 3, 3) of each row by its own camera: R_WC R_CS."""
        out = np.empty_like(self.heads.R_CS)
        for c, name in enumerate(CAMERAS):
            mine = self.faces.camera == c
            out[mine] = rig.T_WC(name).R @ self.heads.R_CS[mine]
        return out

    @classmethod
    def concatenate(cls, parts: Sequence[FaceRows]) -> FaceRows:
        """One after the other."""
        if not parts:
            return _no_rows()
        return cls.from_arrays(
            [p.arrays() for p in parts],
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Plain arrays by name, for a file."""
        out: dict[str, NDArray[np.generic]] = {}
        for group in ("faces", "landmarks", "heads"):
            value = getattr(self, group)
            for f in fields(value):
                out[f"{group}.{f.name}"] = getattr(value, f.name)
        out["centre_px"], out["face_px"] = self.centre_px, self.face_px
        return out

    @classmethod
    def from_arrays(cls, parts: Sequence[dict[str, NDArray[np.generic]]]) -> FaceRows:
        """The inverse of :meth:`arrays`, for one or more pieces."""
        whole = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        groups = {}
        for group, kind in (("faces", Faces), ("landmarks", Landmarks), ("heads", Heads)):
            groups[group] = kind(**{f.name: whole[f"{group}.{f.name}"] for f in fields(kind)})
        return cls(**groups, centre_px=whole["centre_px"], face_px=whole["face_px"])  # type: ignore[arg-type]

    def save(self, path: Path, **more: NDArray[np.generic]) -> None:
        """Write a part, with ``more`` arrays beside it."""
        with path.open("wb") as file:
            np.savez(file, **self.arrays(), **more)  # type: ignore[arg-type]

    @classmethod
    def load(cls, paths: Sequence[Path]) -> FaceRows:
        """Read parts, in order."""
        parts = []
        for path in paths:
            with np.load(path) as data:
                parts.append({k: data[k] for k in _no_rows().arrays()})
        return cls.from_arrays(parts) if parts else _no_rows()


def _no_rows() -> FaceRows:
    none3 = np.zeros((0, 3, 3))
    return FaceRows(
        Faces.empty(),
        Landmarks(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 4))),
        Heads(none3, none3, none3),
        np.zeros((0, 2)),
        np.zeros(0),
    )


@dataclass
class Looker:
    """The models of a run, and the time that each stage takes.

    landmarks : ``mean``, ``network``, ``detector`` or ``dlib`` (gaze/faces/landmarks.py).
    masked_seats : (K, 2) x_W, z_W of seats to paint over.
    """

    rig: Rig
    detector: Detector
    model: HeadPoseModel
    landmarks: str = "mean"
    masked_seats: Array | None = None
    settings: FinderSettings | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.landmarks not in FROM_NETWORK:
            known_locator(self.landmarks)
        self.finder = FaceFinder(self.detector, self.settings)
        self.crop_px = int(getattr(self.model, "input_px", CROP_PX))
        seats = self.masked_seats if self.masked_seats is not None else np.zeros((0, 2))
        self._masks = {name: mask_polygons(self.rig, name, seats) for name in CAMERAS}

    def begin_chunk(self) -> None:
        """Forget the places of the chunk before."""
        self.finder.forget()

    def look(
        self,
        time_s: Sequence[float],
        left: Sequence[Picture | None],
        right: Sequence[Picture | None],
        first_moment: int,
    ) -> FaceRows:
        """Rows of M moments of both cameras' pictures (None: no frame)."""
        pictures = [list(left), list(right)]
        for c, name in enumerate(CAMERAS):
            pictures[c] = [None if p is None else self._masked(p, name) for p in pictures[c]]
        clock = Stopwatch(self.seconds)
        faces = self.finder.find(time_s, pictures, first_moment)
        clock.lap("faces")
        if len(faces) == 0:
            return _no_rows()
        if self.landmarks in FROM_NETWORK:
            found = Landmarks(faces.points_px[:, 2], np.ones(len(faces)), tight_boxes(faces.box_px))
        else:
            found = locate(self.landmarks, pictures, faces, first_moment)
        clock.lap("landmarks")
        box = found.tight_box_px
        crops = take_crops(self.rig, pictures, faces, box, self.crop_px, first_moment)
        clock.lap("crops")
        heads, answer = estimate_heads(self.model, crops)
        clock.lap("heads")
        if self.landmarks in FROM_NETWORK:
            detector = locate("detector", pictures, faces, first_moment)
            own = network_landmarks(self.rig, faces, crops, answer, box)
            if own is None:
                found = detector
            else:
                found = own if self.landmarks == "network" else average([own, detector])
        centre = (box[:, :2] + box[:, 2:]) / 2
        return FaceRows(faces, found, heads, centre, (box[:, 2:] - box[:, :2]).max(1))

    def _masked(self, picture: Picture, camera: str) -> Picture:
        polygons = self._masks[camera]
        if not polygons:
            return picture
        painted = picture.copy()
        for polygon in polygons:
            cv2.fillConvexPoly(painted, polygon, (127, 127, 127))
        return painted


def opted_out_seats(session: Session) -> Array:
    """Seats (K, 2) x_W, z_W that are painted over before anything looks.

    Raises
    ------
    SessionError : a student opted out, and session.toml does not say where they sit.
    """
    seats = []
    for student in session.config.students:
        if student.opt_out and student.seat_m is None:
            raise SessionError(
                f"student {student.id} opted out, but has no seat to be masked",
                where=session.folder / "session.toml",
                expected="seat_m = [x, z] beside opt_out = true",
            )
        if student.opt_out:
            seats.append(student.seat_m)
    return np.array(seats, np.float64).reshape(-1, 2)


def mask_polygons(rig: Rig, camera: str, seats_xz_m: Array) -> list[NDArray[np.int32]]:
    """For each seat (K, 2) the outline in the picture of the volume that holds its head."""
    x, y, z = np.meshgrid((-1, 1), MASK_Y_M, (-1, 1))
    corner = np.stack([x.ravel() * MASK_HALF_M, y.ravel(), z.ravel() * MASK_HALF_M], -1)
    out = []
    T_CW, lens = rig.T_WC(camera).inverse(), rig.camera(camera)
    for seat in np.asarray(seats_xz_m, np.float64).reshape(-1, 2):
        P_C = T_CW.apply(corner + [seat[0], 0.0, seat[1]])
        if (P_C[:, 2] < 0.1).any():
            continue  # beside or behind the camera: not in its picture
        hull = cv2.convexHull(lens.project(P_C).astype(np.float32))
        out.append(np.round(hull).astype(np.int32))
    return out


class Stopwatch:
    """Adds the seconds between laps to a table of stages."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.last = seconds, time.perf_counter()

    def lap(self, stage: str) -> None:
        """The time since the last lap was this stage's."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now
