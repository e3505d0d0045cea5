"""The clock once more, by the students' heads: checked, mended, and what it costs in σ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.transform import Array
from gaze.faces.rows import FaceRows
from gaze.lesson.clock import joined_by
from gaze.lesson.film import Film
from gaze.people.seats import Students
from sessions.clock.activity import Activity
from sessions.clock.heads import HEADS, turning
from sessions.clock.joined import MEASURED_S
from sessions.clock.match import match
from sessions.video import nearest_frames


def checked_by_heads(
    film: Film, rows: FaceRows, R_WS: Array, students: Students
) -> tuple[Film, FaceRows, bool]:
    """The film with a clock that the heads have their say in.

    R_WS : (N, 3, 3) the head of each face row, by its own camera.

    Returns also the rows, and whether the pictures that were looked at had to be paired anew: each
    moment (of the left camera) then has the right picture nearest to it among those that were
    looked at; how far off that is goes into σ (:func:`with_clock_spread`).
    """
    if len(students) == 0:
        return film, rows, False
    left, right = _turns(film, rows, R_WS, students)
    found = match(left, right, HEADS, film.clock.clock.offset_s, expected=True)
    others = [e for e in film.clock.estimates if e.sense != HEADS.name]
    clock = joined_by([*others, found], film.left, film.right, film.clock.declared)
    checked = replace(film, clock=clock)
    time_s = film.when.time_s
    off = clock.clock.left_to_right(time_s) - film.clock.clock.left_to_right(time_s)
    if np.percentile(np.abs(off), 95) <= MEASURED_S:
        return checked, rows, False
    checked, rows = _paired_anew(checked, rows)
    return checked, rows, True


def with_clock_spread(film: Film, rows: FaceRows, track_of_row: NDArray[np.int32]) -> FaceRows:
    """The right camera's rows with the σ that the clock costs them.

    A head that turns at ω while the clock is uncertain by σ is uncertain by ω σ (about the axes of
    S, as the covariance), a nose that moves likewise. The right picture's known distance from its
    moment counts as well: it is not seen at that instant.
    """
    clock, when = film.clock.clock, film.when
    of_right = np.flatnonzero((rows.faces.camera == 1) & (track_of_row >= 0))
    of_right = of_right[np.lexsort((rows.faces.moment[of_right], track_of_row[of_right]))]
    moment = rows.faces.moment[of_right]
    time_s = clock.right_to_left(film.right.times_s[when.frame_right[moment]])
    sigma_s = np.hypot(clock.sigma_s(when.time_s[moment]), time_s - when.time_s[moment])
    turn, nose = rows.heads.covariance_rad2.copy(), rows.landmarks.nose_sigma_px.copy()
    begins = np.flatnonzero(np.diff(track_of_row[of_right])) + 1
    for k in np.split(np.arange(len(of_right)), begins):
        if len(k) < 3:
            continue
        index = np.arange(len(k))
        before, after = np.maximum(index - 1, 0), np.minimum(index + 1, len(k) - 1)
        lasted_s = np.maximum(time_s[k[after]] - time_s[k[before]], 1e-3)
        # a gap says nothing of how fast the head turned at its edge
        moves = np.where(lasted_s < 2.0, sigma_s[k] / lasted_s, 0.0)
        row = of_right[k]
        R, uv = rows.heads.R_CS[row], rows.landmarks.nose_px[row]
        step = Rotation.from_matrix(np.swapaxes(R[before], -1, -2) @ R[after]).as_rotvec()
        step *= moves[:, None]
        turn[row] += step[:, :, None] * step[:, None, :]
        nose[row] = np.hypot(nose[row], moves * np.linalg.norm(uv[after] - uv[before], axis=1))
    return replace(
        rows,
        heads=replace(rows.heads, covariance_rad2=turn),
        landmarks=replace(rows.landmarks, nose_sigma_px=nose),
    )


def _turns(film: Film, rows: FaceRows, R_WS: Array, students: Students) -> list[Activity]:
    frames = np.stack([film.when.frame_left, film.when.frame_right], -1)[rows.faces.moment]
    known = (students.student >= 0) & np.isfinite(R_WS).all((1, 2))
    out = []
    for c, video in enumerate((film.left, film.right)):
        mine = known & (rows.faces.camera == c) & (frames[:, c] >= 0)
        out.append(
            turning(
                video.times_s,
                frames[mine, c],
                students.student[mine],
                R_WS[mine],
                rows.landmarks.nose_px[mine],
                len(students),
            )
        )
    return out


def _paired_anew(film: Film, rows: FaceRows) -> tuple[Film, FaceRows]:
    when, clock = film.when, film.clock.clock
    looked = np.unique(when.frame_right[when.frame_right >= 0])
    step_s = float(np.median(np.diff(when.time_s))) if len(when) > 1 else 0.2
    on_left_s = clock.right_to_left(film.right.times_s[looked])
    nearest = nearest_frames(on_left_s, when.time_s, 0.6 * step_s)
    # a right picture serves one moment: the nearest to it
    back = nearest_frames(when.time_s, on_left_s, np.inf)
    ours = (nearest >= 0) & (back[nearest] == np.arange(len(when)))
    frame_right = np.where(ours, looked[np.maximum(nearest, 0)], -1)
    moment_of = {int(f): m for m, f in enumerate(frame_right) if f >= 0}
    moment = rows.faces.moment.copy()
    of_right = rows.faces.camera == 1
    moment[of_right] = [moment_of.get(int(when.frame_right[m]), -1) for m in moment[of_right]]
    keep = moment >= 0
    kept = {name: value[keep] for name, value in rows.arrays().items()}
    kept["faces.moment"] = moment[keep]
    # what became of the right picture goes with it
    was = {int(f): why for f, why in zip(when.frame_right, film.lost[:, 1], strict=True)}
    lost = film.lost.copy()
    lost[:, 1] = [was[int(f)] if f >= 0 else "none" for f in frame_right]
    when = replace(when, frame_right=frame_right)
    return replace(film, when=when, lost=lost), FaceRows.from_arrays([kept])
