"""From face rows to gaze points: positions, fused heads and the blackboard, student by moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.faces.boxes import FACE_HEIGHT_M
from gaze.faces.rows import FaceRows
from gaze.gain.apply import apply_gain
from gaze.gain.model import Gain
from gaze.lesson.truth import Truth
from gaze.people.seats import Students
from gaze.room.fusion import FusedHeads, fuse_heads, scale_of_cameras
from gaze.room.geometry import GazePoints, gaze_points, gaze_with_covariance
from gaze.room.grid import Grid
from gaze.room.position import Positions, solve_positions
from gaze.room.rig_spread import RigCells, RigDependence, gaze_spread_from_rig
from gaze.room.scale import Scale
from sessions.config import Student

MOST_COMPARED = 20_000  # student-moments from which the two cameras' agreement is known well enough
SEAT_SIGMA_M = (0.25, 0.15, 0.25)  # about a seat of session.toml that no two cameras ever saw


@dataclass(frozen=True)
class Measured:
    """What is known of N student-moments; rows of all fields are those of ``grid``.

    grid : who, when, and from which two faces. positions : P_W. heads : R_WS, fused.
    points : where the heads (with a gain: the gaze) meet the blackboard's plane.
    head_xy_m : (N, 2) where the heads meet it, before any gain.
    rig_sigma_m : (N,) the rig's own share of each point's σ, which no average takes away.
    """

    grid: Grid
    positions: Positions
    heads: FusedHeads
    points: GazePoints
    head_xy_m: Array
    rig_sigma_m: Array


def grid_of(rows: FaceRows, students: Students, moments: int) -> Grid:
    """Every student at every moment, and which face rows are theirs then."""
    faces = rows.faces
    return Grid.of(
        faces.camera, faces.moment, students.student, students=len(students), moments=moments
    )


def cameras_agreement(
    rows: FaceRows, R_WS: Array, grid: Grid, half_hidden: NDArray[np.bool_]
) -> Scale | None:
    """How far this lesson's two cameras lie apart about heads, in units of what their σ allows.

    R_WS : (R, 3, 3) the head of each face row, by its own camera. half_hidden : (S,) students half
    of whose face is hidden all lesson long: left out, as each camera sees another half.
    """
    some = grid.thinned(MOST_COMPARED)
    whole = ~half_hidden[some.student] & (some.row >= 0).all(1)
    some = Grid(some.student[whole], some.moment[whole], some.row[whole])
    heads = fuse_heads(some.of_rows(R_WS), some.of_rows(rows.heads.covariance_rad2))
    return scale_of_cameras(heads, some.student)


def measure(
    rig: Rig,
    rows: FaceRows,
    R_WS: Array,
    students: Students,
    seats: Seats,
    grid: Grid,
    *,
    half_hidden: NDArray[np.bool_] | None = None,
    truth: Truth | None = None,
    gain: Gain | None = None,
    independent: float = 1.0,
    sigma_factor: float = 1.0,
    rig_cells: RigCells | None = None,
) -> Measured:
    """Noses, heads and gaze points of a block of student-moments (docs/conventions.md 1–5).

    R_WS : (R, 3, 3) the head of each face row, by its own camera. half_hidden : (S,) students half
    of whose face is hidden all lesson long (gaze/faces/half.py). truth : of a simulated lesson,
    in place of the stages it says. independent : of the σ of what the cameras do not err alike in,
    as they showed it (:func:`cameras_agreement`). sigma_factor : of the fused heads' σ, as marked
    points in this room showed it.
    rig_cells : of the lesson's blocks before.
    """
    positions = positions_of(rig, rows, seats, grid)
    heads = fuse_heads(
        grid.of_rows(R_WS),
        grid.of_rows(rows.heads.covariance_rad2),
        half_hidden=None if half_hidden is None else half_hidden[grid.student],
        independent=independent,
    )
    heads = replace(heads, covariance_rad2=sigma_factor**2 * heads.covariance_rad2)
    if truth is not None:
        positions, heads = truth.noses(positions, grid), truth.heads(heads, grid)
    rig_covariance = gaze_spread_from_rig(
        rig,
        RigDependence(
            grid.of_rows(rows.landmarks.nose_px),
            grid.of_rows(rows.landmarks.nose_sigma_px),
            positions.P_W,
            heads.R_WS,
            grid.of_rows(rows.centre_px),
            heads.share,
            nose_from_rig=truth is None or not truth.for_noses,
        ),
        rig_cells,
    )
    covariances = positions.covariance_m2, heads.covariance_rad2, rig_covariance
    if gain is None:
        points = gaze_with_covariance(positions.P_W, heads.R_WS, *covariances)
    else:
        names = np.array(students.name, dtype=object)[grid.student]
        points = apply_gain(positions.P_W, heads.R_WS, names, gain, *covariances)
    head_xy_m, _ = gaze_points(positions.P_W, heads.R_WS)
    rig_sigma_m = np.sqrt(np.trace(rig_covariance, axis1=-2, axis2=-1) / 2)
    return Measured(grid, positions, heads, points, head_xy_m, rig_sigma_m)


@dataclass(frozen=True)
class Seats:
    """Where a student's nose is to be expected when one camera alone sees it; S students.

    P_W : (S, 3); NaN where nothing is known. covariance_m2 : (S, 3, 3).
    face_height_m : of the detector's boxes in this class, for those without a seat.
    """

    P_W: Array
    covariance_m2: Array
    face_height_m: float

    @classmethod
    def of(cls, rig: Rig, rows: FaceRows, students: Students, listed: Sequence[Student]) -> Seats:
        """From where both cameras saw them, or else from session.toml's ``[[students]]``."""
        mean, covariance = students.seat_W.copy(), students.seat_covariance_m2.copy()
        height = np.nanmedian(mean[:, 1]) if np.isfinite(mean).any() else 0.9
        given = {s.id: s.seat_m for s in listed if s.seat_m is not None}
        for k, name in enumerate(students.name):
            if np.isnan(mean[k]).any() and name in given:
                mean[k] = given[name][0], height, given[name][1]
                covariance[k] = np.diag(SEAT_SIGMA_M) ** 2
        return cls(mean, covariance, class_face_height_m(rig, rows, students))


def class_face_height_m(rig: Rig, rows: FaceRows, students: Students) -> float:
    """Median height in metres of the detector's boxes in this class."""
    sizes = []
    for c, name in enumerate(CAMERAS):
        mine = np.flatnonzero((rows.faces.camera == c) & (students.student >= 0))
        seat = students.seat_W[students.student[mine]]
        distance = np.linalg.norm(seat - rig.T_WC(name).t, axis=1)
        sizes.append(rows.faces.height_px[mine] * distance / rig.camera(name).f_px)
    known = np.concatenate(sizes)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else FACE_HEIGHT_M


def positions_of(rig: Rig, rows: FaceRows, seats: Seats, grid: Grid) -> Positions:
    """P_W of student-moments; one camera alone leans on the student's seat."""
    prior, prior_cov = seats.P_W[grid.student], seats.covariance_m2[grid.student]
    # no seat is known: the size of the face says how far it is, within a fifth
    for c, name in enumerate(CAMERAS):
        only = (grid.row[:, c] >= 0) & (grid.row[:, 1 - c] < 0) & np.isnan(prior).any(1)
        if not only.any():
            continue
        face = grid.row[only, c]
        camera, T = rig.camera(name), rig.T_WC(name)
        d = T.rotate(camera.rays(rows.landmarks.nose_px[face]))
        distance = seats.face_height_m * camera.f_px / rows.faces.height_px[face]
        prior[only] = T.t + distance[:, None] * d
        along = np.einsum("ni,nj->nij", d, d)
        wide = (0.2 * distance)[:, None, None] ** 2
        prior_cov[only] = wide * along + 0.3**2 * (np.eye(3) - along)
    return solve_positions(
        rig,
        grid.of_rows(rows.landmarks.nose_px),
        grid.of_rows(rows.landmarks.nose_sigma_px),
        prior,
        prior_cov,
    )
