"""Hard scenes as face rows: truth in metres, the measured errors on top, not a pixel.

A :class:`Scene` says where every body's nose is and where its head points at every moment;
:func:`rows_of` is what two cameras would make of it, with the errors measured on rendered lessons;
:func:`analysed` is the real chain from there: tracks, who is who, places, heads, statuses, shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.boxes import FACE_HEIGHT_M, Faces
from gaze.faces.heads import Heads
from gaze.faces.landmarks import Landmarks
from gaze.faces.rows import FaceRows
from gaze.lesson.points import Seats, grid_of, measure
from gaze.lesson.status import unmatched_here
from gaze.lesson.tables import gaze_columns, teacher_table, with_absent
from gaze.measures.measures import MIN_COVERAGE, board_shares
from gaze.people.evidence import Sightings
from gaze.people.identify import identify
from gaze.people.tracks import tracks_of
from gaze.room.geometry import gaze_points
from sessions.config import Blackboard, Student
from sessions.simulation.budget import head_sigma_deg
from sessions.tables import WITH_POINT
from sessions.video import Moments
from tests.gaze.classroom import room_rig, seats

BOARD = Blackboard(width_m=4.0, height_m=1.2)
HZ = 2.5
SIGHT_DEG = 95.0  # a face turned further from a camera is not found
HEAD_RADIUS_M = 0.12  # what a head in front hides
LOST = 0.01  # of the faces that could be seen are missed
# of the variance of a head's error: a person's own, the same at every moment; and of the rest, what
# both cameras share
OWN, SHARED = 0.5, 0.3


@dataclass
class Scene:
    """T moments of B bodies, of which the first are the students of ``names``.

    P_W : (T, B, 3) noses, m. towards_W : (T, B, 3) unit, where the heads point. present : (T, B).
    seats_xz_m : (S, 2) as session.toml says.
    """

    time_s: Array
    P_W: Array
    towards_W: Array
    present: NDArray[np.bool_]
    names: tuple[str, ...]
    seats_xz_m: Array
    rig: Rig

    @classmethod
    def lesson(cls, seed: int, seconds: float = 40.0, places: Array | None = None) -> Scene:
        """A class that looks about the blackboard, a new place every few seconds."""
        rng = np.random.default_rng(seed)
        seat = seats(seed=seed) if places is None else places
        time_s = np.arange(round(seconds * HZ)) / HZ
        T, B = len(time_s), len(seat)
        phase, period_s = rng.uniform(0, 6.28, (2, B, 3)), rng.uniform(5, 20, (2, B, 3))
        wave = [
            np.sin(6.28 * time_s[:, None, None] / s + f)
            for f, s in zip(phase, period_s, strict=True)
        ]
        P_W = seat + 0.015 * (wave[0] + wave[1])
        scene = cls(
            time_s, P_W, np.zeros_like(P_W), np.ones((T, B), np.bool_),
            tuple(f"S-{k + 1:02d}" for k in range(B)), seat[:, ::2].copy(), room_rig(seed),
        )  # fmt: skip
        for b in range(B):
            scene.look_about(b, rng)
        return scene

    def look_about(self, body: int, rng: np.random.Generator) -> None:
        """Looks over the board, 1 to 4 s each."""
        T = len(self.time_s)
        look = np.cumsum(rng.random(T) < 1 / (2.5 * HZ))
        x, y = rng.uniform(0.3, 3.7, T)[look], rng.uniform(0.3, 0.9, T)[look]
        self.look_at(body, np.stack([x, y, 0 * x], 1))

    def look_at(self, body: int, point_W: Array, when: slice | None = None) -> None:
        """Turns a head to points (3,) or (T, 3)."""
        when = slice(None) if when is None else when
        d = np.broadcast_to(point_W, self.P_W[:, body].shape)[when] - self.P_W[when, body]
        self.towards_W[when, body] = d / np.linalg.norm(d, axis=1, keepdims=True)

    def with_body(self, P_W: Array, present: NDArray[np.bool_] | bool = True) -> int:
        """One more person who is not in session.toml: nose (3,) or (T, 3); returns its number."""
        T = len(self.time_s)
        self.P_W = np.concatenate([self.P_W, np.broadcast_to(P_W, (T, 3))[:, None]], 1)
        self.towards_W = np.concatenate([self.towards_W, np.tile([0.0, 0, -1], (T, 1, 1))], 1)
        self.present = np.concatenate([self.present, np.broadcast_to(present, T)[:, None]], 1)
        return int(self.P_W.shape[1]) - 1

    def moments(self, start_s: float, end_s: float) -> slice:
        """Of this part of the lesson."""
        return slice(*np.searchsorted(self.time_s, [start_s, end_s]).tolist())

    @property
    def R_WS(self) -> Array:
        """(T, B, 3, 3) upright heads: z out of the face, y up."""
        x = np.cross([0.0, -1.0, 0.0], self.towards_W)
        x /= np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
        return np.stack([x, np.cross(self.towards_W, x), self.towards_W], -1)


def rows_of(scene: Scene, seed: int, late_s: Array | float = 0.0) -> FaceRows:
    """The face rows of both cameras. late_s : (T,) by which the right one's pictures are late."""
    rng = np.random.default_rng([seed, 8])
    B = scene.P_W.shape[1]
    own, own_nose = rng.standard_normal((B, 3)), rng.standard_normal((B, 2, 2))
    shared = rng.standard_normal(scene.P_W.shape)
    parts = [
        _of_camera(scene, c, late_s if c else 0.0, (own, own_nose[:, c], shared), rng)
        for c in range(len(CAMERAS))
    ]
    return FaceRows.concatenate(parts)


def _of_camera(
    scene: Scene, c: int, late_s: Array | float, errors: tuple[Array, ...], rng: np.random.Generator
) -> FaceRows:
    name = CAMERAS[c]
    T_WC, camera = scene.rig.T_WC(name), scene.rig.camera(name)
    shift = np.round(np.broadcast_to(late_s, len(scene.time_s)) * HZ).astype(int)
    shown = np.clip(np.arange(len(scene.time_s)) - shift, 0, len(scene.time_s) - 1)
    P_W, R_WS, here = scene.P_W[shown], scene.R_WS[shown], scene.present[shown]
    to_camera = T_WC.t - P_W
    distance = np.linalg.norm(to_camera, axis=-1)
    cosine = (R_WS[..., 2] * to_camera).sum(-1) / distance
    turn = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    pixel = camera.project(T_WC.inverse().apply(P_W))
    seen = here & (turn < SIGHT_DEG) & camera.contains(pixel) & ~_hidden(P_W, here, T_WC.t)
    seen &= rng.random(seen.shape) >= LOST
    moment, body = np.nonzero(seen)
    n = len(moment)
    height = FACE_HEIGHT_M * camera.f_px / distance[seen] * np.exp(0.03 * rng.standard_normal(n))
    own, own_nose, shared = errors
    sigma_px = np.hypot(0.022 * height, 0.3)
    nose_error = np.sqrt(0.5) * (own_nose[body] + rng.standard_normal((n, 2)))
    nose_px = pixel[seen] + sigma_px[:, None] * nose_error
    sigma = np.radians(head_sigma_deg(height, turn[seen]))[:, None]
    rest = np.sqrt(SHARED) * shared[moment, body]
    rest += np.sqrt(1 - SHARED) * rng.standard_normal((n, 3))
    wrong = sigma * (np.sqrt(OWN) * own[body] + np.sqrt(1 - OWN) * rest)
    centre = pixel[seen]
    R_CS = T_WC.R.T @ R_WS[seen] @ Rotation.from_rotvec(wrong).as_matrix()
    box = np.concatenate([centre - height[:, None] / 2, centre + height[:, None] / 2], 1)
    nobody = np.full((n, 5, 2), np.nan)
    faces = Faces(np.full(n, c, np.int8), moment.astype(np.int32), box, np.ones(n), nobody)
    covariance = sigma[..., None] ** 2 * np.eye(3)
    heads = Heads(R_CS, covariance, np.full((n, 4), np.nan))
    return FaceRows(faces, Landmarks(nose_px, sigma_px, box), heads, centre, height)


def _hidden(P_W: Array, here: NDArray[np.bool_], camera_W: Array) -> NDArray[np.bool_]:
    """(T, B) faces behind another head, as a camera sees them."""
    to = P_W - camera_W
    far = np.linalg.norm(to, axis=-1)
    along = np.einsum("tbi,tci->tbc", to / far[..., None], to)  # of each other one (last axis)
    miss2 = far[:, None] ** 2 - along**2
    nearer = (along > 0) & (along < far[..., None] - 0.2) & here[:, None]
    return np.asarray((nearer & (miss2 < HEAD_RADIUS_M**2)).any(2))


@dataclass(frozen=True)
class Answer:
    """What the chain makes of a scene: gaze table, names found, each student's share of the board,
    who has been measured long enough to count in the class's numbers, and the teacher's places."""

    gaze: pd.DataFrame
    names: tuple[str, ...]
    share: dict[str, float]
    used: tuple[str, ...]
    teacher: pd.DataFrame

    def of(self, name: str, start_s: float = 0.0, end_s: float = np.inf) -> pd.DataFrame:
        """A student's rows of a part of the lesson."""
        g = self.gaze
        return g[(g["student"] == name) & (g["time_s"] >= start_s) & (g["time_s"] < end_s)]

    def statuses(self, name: str, start_s: float = 0.0, end_s: float = np.inf) -> dict[str, float]:
        """Share of each status in a part of the lesson."""
        counts = self.of(name, start_s, end_s)["status"].value_counts(normalize=True)
        return {str(k): float(v) for k, v in counts.items() if v > 0}


def analysed(scene: Scene, rows: FaceRows) -> Answer:
    """Tracks, identity, places, heads, statuses and shares, by the code of ``gaze analyze``."""
    rig, time_s = scene.rig, scene.time_s
    listed = [
        Student(id=name, seat_m=(float(x), float(z)))
        for name, (x, z) in zip(scene.names, scene.seats_xz_m, strict=True)
    ]
    tracks = tracks_of(rows.faces, time_s)
    R_WS = rows.heads_in_world(rig)
    seen = Sightings.of(rows, tracks, R_WS)
    students = identify(rig, seen, names=scene.names, seats_xz_m=scene.seats_xz_m)
    frame = np.arange(len(time_s))
    when = Moments(time_s, frame, frame)
    unseen = np.zeros(len(time_s), np.bool_)
    grid = grid_of(rows, students, len(time_s))
    found = measure(rig, rows, R_WS, students, Seats.of(rig, rows, students, listed), grid)
    nobodys = unmatched_here(rows, students, grid)
    table = gaze_columns(found, rows, students, when, BOARD, nobodys, unseen)
    table = with_absent(table, listed, students, when, unseen)
    table["student"] = table["student"].astype(str)
    measured = table[table["status"].isin([*WITH_POINT, "away"])]["student"].value_counts()
    used = tuple(n for n in students.name if measured.get(n, 0) >= MIN_COVERAGE * len(time_s))
    teacher = teacher_table(rig, seen, students, time_s, 1 / HZ)
    return Answer(table, students.name, dict(board_shares(table, BOARD)), used, teacher)


def true_share(scene: Scene, answer: Answer, body: int) -> float:
    """Of a student's measured moments, those at which the head truly points at the board."""
    part = answer.of(scene.names[body])
    measured = part["status"].isin([*WITH_POINT, "away"])
    moment = np.searchsorted(scene.time_s, part["time_s"][measured].to_numpy() - 1e-6)
    xy, meets = gaze_points(scene.P_W[moment, body], scene.R_WS[moment, body])
    return float((meets & BOARD.holds(xy)).mean())


def nose_error_m(scene: Scene, answer: Answer, body: int) -> Array:
    """How far the student's measured noses (K,) are from this body's true ones."""
    part = answer.of(scene.names[body])
    nose = part[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)
    known = np.isfinite(nose).all(1)
    moment = np.searchsorted(scene.time_s, part["time_s"].to_numpy()[known] - 1e-6)
    return np.asarray(np.linalg.norm(nose[known] - scene.P_W[moment, body], axis=1))
