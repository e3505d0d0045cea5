"""Whether a camera was knocked during the lesson, seen from the students' own noses."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.errors import RigError
from calibration.over_time.drift import (
    epipolar_px,
    recalibrate_from_people,
    watch,
    which_camera_moved,
)
from calibration.rig import Rig
from gaze.people.identify import Sightings, Students, matched_rows
from sessions.video import Moments

DRIFT_PX = 1.5  # a common change of the epipolar residual worth saying


def watch_rig(
    rig: Rig, seen: Sightings, students: Students, when: Moments, recalibrate: str | None
) -> tuple[Rig, dict[str, Any] | None]:
    """Watch the epipolar residual of the matched noses over the lesson for a step.

    recalibrate : None, or ``people``: solve the cameras' relative pose again from the noses after
    the last step (of one camera alone where the step says which one moved).

    Returns the rig to go on with, and what goes into quality.json (None: under 20 matched noses).

    Raises
    ------
    RigError : the noses do not determine the pose.
    """
    i, j, person = matched_rows(seen, students.student)
    if len(i) < 20:
        return rig, None
    time_s = when.time_s[seen.moment[i]]
    uv = seen.nose_px[i], seen.nose_px[j]
    found = watch(time_s, epipolar_px(rig, *uv), person, smallest=DRIFT_PX)
    out = found.to_dict()
    if recalibrate == "people":
        knocked_s = found.events[-1].time_s if found.events else -np.inf
        after = time_s >= knocked_s
        moved = None
        if found.events:
            shift = which_camera_moved(time_s, person, *uv, knocked_s)
            moved = None if shift.moved == "neither" else shift.moved
            out["moved"] = shift.moved
        mended, verdict = recalibrate_from_people(
            rig,
            uv[0][after],
            uv[1][after],
            person[after],
            sigma_px=np.hypot(seen.sigma_px[i], seen.sigma_px[j])[after],
            moved=moved,
        )
        out["recalibrated"] = verdict.to_dict()
        if verdict.status == "FAIL":
            raise RigError(
                "the students' noses do not determine where the cameras are",
                found="; ".join(c.message for c in verdict.causes)[:300],
                remedy="Calibrate with the chessboard.",
            )
        rig = mended
    return rig, out
