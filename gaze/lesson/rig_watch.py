"""Whether a camera was knocked during the lesson, seen from the students' own noses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.over_time.watch import epipolar_px, watch, which_camera_moved
from calibration.rig import Rig
from calibration.transform import Array
from gaze.people.evidence import Sightings
from gaze.people.seats import Students, matched_rows
from sessions.video import Moments

DRIFT_PX = 1.5  # a common change of the epipolar residual worth saying


def watch_rig(
    rig: Rig, seen: Sightings, students: Students, when: Moments
) -> dict[str, Any] | None:
    """Watch the epipolar residual of the matched noses over the lesson for a step.

    Returns what goes into quality.json, with the camera that moved (``moved``) where a step was
    found; None: under 20 matched noses.
    """
    i, j, person = matched_rows(seen, students.student)
    return watch_noses(rig, when.time_s[seen.moment[i]], seen.nose_px[i], seen.nose_px[j], person)


def watch_noses(
    rig: Rig, time_s: Array, left_px: Array, right_px: Array, person: NDArray[np.integer[Any]]
) -> dict[str, Any] | None:
    """The same for N noses (N, 2) seen by both cameras, each of a ``person`` (N,)."""
    if len(time_s) < 20:
        return None
    found = watch(time_s, epipolar_px(rig, left_px, right_px), person, smallest=DRIFT_PX)
    out = found.to_dict()
    if found.events:
        knocked_s = found.events[-1].time_s
        out["moved"] = which_camera_moved(time_s, person, left_px, right_px, knocked_s).moved
    return out
