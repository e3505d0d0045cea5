"""Marked points → looks: one student during one marked interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.transform import Array
from gaze.gain.angles import angles_of, towards
from gaze.gain.model import GainError
from sessions.tables import WITH_POINT


@dataclass(frozen=True)
class Looks:
    """Looks: a row for each student and marked interval.

    student (L,), place (L,) number of the marked point; P_W (L, 3) median nose; head, aimed (L, 2)
    angles of the median head direction and of the target, radians; xy (L, 2) of the target;
    row_* : the single moments (R,), with their look's number.
    """

    students: tuple[str, ...]
    student: NDArray[np.int64]
    place: NDArray[np.int64]
    P_W: Array
    head: Array
    target: Array
    xy: Array
    row_look: NDArray[np.int64]
    row_P_W: Array
    row_head: Array

    def __len__(self) -> int:
        return len(self.student)


def looks_of(gaze: pd.DataFrame, targets: pd.DataFrame, settle_s: float) -> Looks:
    """Collect the measured moments of each marked interval; medians per look."""
    usable = gaze["status"].astype(str).isin(WITH_POINT).to_numpy()
    q = gaze[["head_qx", "head_qy", "head_qz", "head_qw"]].to_numpy(np.float64)
    P = gaze[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)
    finite = np.isfinite(q).all(1) & np.isfinite(P).all(1)
    usable = usable & finite & (np.linalg.norm(q, axis=1) > 0.5)
    P, q = P[usable], q[usable]
    time_s = gaze["time_s"].to_numpy(np.float64)[usable]
    who = gaze["student"].astype(str).to_numpy()[usable]
    head = angles_of(Rotation.from_quat(q).as_matrix()[:, :, 2]) if len(q) else np.zeros((0, 2))
    order = np.argsort(time_s, kind="stable")
    time_s, who, P, head = time_s[order], who[order], P[order], head[order]
    names, code = np.unique(who, return_inverse=True)

    places = _places(targets)
    xy = targets[["x_m", "y_m"]].to_numpy(np.float64)
    marked = targets["student"].fillna("").astype(str).str.strip().to_numpy()
    look_student: list[int] = []
    look_interval: list[int] = []
    rows: list[NDArray[np.int64]] = []
    for i, (start, end) in enumerate(targets[["start_s", "end_s"]].to_numpy(np.float64)):
        # The eyes and the head need a moment to arrive; a short interval is taken whole.
        begin = start + settle_s if end - start > 2 * settle_s else start
        lo, hi = np.searchsorted(time_s, [begin - 1e-9, end + 1e-9])
        for s in np.unique(code[lo:hi]):
            if marked[i] in ("", names[s]):
                look_student.append(int(s))
                look_interval.append(i)
                rows.append(lo + np.flatnonzero(code[lo:hi] == s))
    n = len(rows)
    interval = np.array(look_interval, np.int64)
    if n == 0:
        raise GainError(
            "no measured moment lies in a marked interval",
            found=f"{len(targets)} intervals, {len(time_s)} measured moments",
            remedy="Check the times and the students' names in targets.csv.",
        )
    P_look = np.stack([np.median(P[r], axis=0) for r in rows])
    head_look = np.stack([np.median(head[r], axis=0) for r in rows])
    row = np.concatenate(rows)
    return Looks(
        tuple(str(s) for s in names),
        np.array(look_student, np.int64),
        places[interval],
        P_look,
        head_look,
        angles_of(towards(P_look, xy[interval])),
        xy[interval],
        np.repeat(np.arange(n), [len(r) for r in rows]),
        P[row],
        head[row],
    )


def _places(targets: pd.DataFrame) -> NDArray[np.int64]:
    """(T,) number of the marked point of each interval: the same to a centimetre is the same."""
    xy = np.round(targets[["x_m", "y_m"]].to_numpy(np.float64), 2)
    return np.unique(xy, axis=0, return_inverse=True)[1].ravel()
