"""Whether a camera was knocked during the lesson, seen from the students' own noses."""

from __future__ import annotations

from typing import Any

from calibration.over_time.watch import epipolar_px, watch, which_camera_moved
from calibration.rig import Rig
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
    if len(i) < 20:
        return None
    time_s = when.time_s[seen.moment[i]]
    uv = seen.nose_px[i], seen.nose_px[j]
    found = watch(time_s, epipolar_px(rig, *uv), person, smallest=DRIFT_PX)
    out = found.to_dict()
    if found.events:
        out["moved"] = which_camera_moved(time_s, person, *uv, found.events[-1].time_s).moved
    return out
