"""The same students' heads in both cameras, as an activity: two directions and two places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.transform import Array
from sessions.clock.activity import Activity, Sense

# Five looks a second are enough: a turn of the head takes longer, and there are many.
HEADS = Sense("heads", rate_hz=25.0, slow_s=1.5, smooth_s=0.0, floor_s=0.003, tame=8.0)


def turning(
    time_s: Array,
    frame: NDArray[np.int64],
    student: NDArray[np.int_],
    R_WS: Array,
    nose: Array,
    count: int,
) -> Activity:
    """Where ``count`` students faced, as one camera saw them, and where their noses were.

    time_s : (F,) of the camera's frames, on its own clock. frame, student : (N,) of each face, both
    ≥ 0. R_WS : (N, 3, 3) its head in the room. nose : (N, 2) in the picture, in any unit.
    """
    frames, row = np.unique(frame, return_inverse=True)
    values = np.full((len(frames), count, 4), np.nan)
    values[row, student, :2] = R_WS[:, :2, 2]
    values[row, student, 2:] = nose
    return Activity.of(time_s[frames], values.reshape(len(frames), 4 * count), "heads")
