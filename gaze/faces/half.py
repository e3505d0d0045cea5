"""Whose half of the face is hidden all lesson long: by hair, mostly.

The camera that looks at the hidden half knows it; the other one sees a face that seems whole, and
is wrong about it: its errors are 1.7 times what it states (docs/headpose.md). What one camera knows
holds for both. It is told from a neighbour's head, a mask, a hand or a book by the lower face,
which is seen, and by lasting all lesson.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.transform import Array
from gaze.faces.rows import FaceRows
from headpose.visibility import PARTS

HALVES = [PARTS.index("left"), PARTS.index("right")]
LOWER = PARTS.index("lower")
KNOWN = 0.3  # mean probability of a hidden half, lower face seen, in the camera that knows it
NAMED = 0.5  # rows above this are wide already
WIDER_SIGMA = 1.7


def half_hidden(rows: FaceRows, student: NDArray[np.integer], students: int) -> Array:
    """(S, 4) how likely it is that a part of a student's face is hidden in all of the lesson: the
    knowing camera's mean for that half, 0 for all else.

    student : (N,) of each face row; below 0 nobody's.
    """
    covered = rows.heads.covered
    mean = np.zeros((len(CAMERAS), students, len(PARTS)))
    for c in range(len(CAMERAS)):
        mine = (student >= 0) & (rows.faces.camera == c) & np.isfinite(covered).all(1)
        who, count = student[mine], np.bincount(student[mine], minlength=students)
        for half in HALVES:
            alone = covered[mine, half] * (1 - covered[mine, LOWER])
            mean[c, :, half] = np.bincount(who, alone, students) / np.maximum(count, 1)
    knows = mean.max(0)
    knows[knows <= KNOWN] = 0.0
    knows[knows[:, HALVES].all(1)] = 0.0  # one half to each camera: others' heads, and no hair
    return np.asarray(knows)


def known_to_both(rows: FaceRows, student: NDArray[np.integer], hidden: Array) -> FaceRows:
    """The rows, with what is hidden for all of the lesson (S, 4) named in each of a student's, and
    wider where it was not."""
    who = np.flatnonzero(student >= 0)
    known, named = hidden[student[who]], rows.heads.covered[who].max(1) > NAMED
    covered, covariance = rows.heads.covered.copy(), rows.heads.covariance_rad2.copy()
    covered[who] = np.maximum(covered[who], known)
    covariance[who[known.any(1) & ~named]] *= WIDER_SIGMA**2
    return replace(rows, heads=replace(rows.heads, covered=covered, covariance_rad2=covariance))
