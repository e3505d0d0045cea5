"""The gaze table as dense arrays: students × moments × states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from calibration.transform import Array
from gaze.measures.areas import covered
from gaze.measures.mixture import Mixture, Places
from gaze.measures.states import MEASURED, OUTSIDE, POINT_COLUMNS, REST, MeasureError, Problem
from sessions.config import Area, Blackboard
from sessions.tables import STATUSES, WITH_POINT

POSE_M = 0.5  # places nearer to each other than about this are looked at with one pose


def step_of(time_s: ArrayLike) -> float:
    """The time between two analysed moments: the median difference of the distinct times."""
    moments = np.unique(np.asarray(time_s, np.float64))
    return float(np.median(np.diff(moments))) if len(moments) > 1 else 1.0


def clean_gaze(gaze: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """The gaze table ready for measures: sorted, contradictions turned into gaps and counted.

    A row whose status promises a gaze point but holds NaN, or a covariance that is none, becomes
    ``unmatched`` (not measured); a moment that a student has twice keeps its first row.

    Raises
    ------
    MeasureError : a row without time, student or status, or with an unknown status.
    """
    problems: list[Problem] = []
    for column in ("time_s", "student", "status"):
        if column == "time_s":
            bad = int((~np.isfinite(gaze["time_s"].to_numpy(np.float64))).sum())
        else:
            bad = int(gaze[column].isna().sum())
        if bad:
            raise MeasureError(
                f"the gaze table has rows without `{column}`",
                where="gaze.parquet",
                found=f"{bad} of {len(gaze)} rows",
                remedy="The table was changed or is damaged: run `gaze analyze` again.",
            )
    status = gaze["status"].astype("category")
    unknown = sorted(set(map(str, status.cat.categories[np.unique(status.cat.codes)])))
    unknown = [s for s in unknown if s not in STATUSES] if len(gaze) else []
    if unknown:
        raise MeasureError(
            "the gaze table has an unknown status",
            where="gaze.parquet",
            found=", ".join(unknown[:5]),
            expected=", ".join(STATUSES),
        )
    status = status.cat.set_categories(list(STATUSES))
    points = gaze[list(POINT_COLUMNS)].to_numpy(np.float64, copy=True)
    has = status.isin(WITH_POINT).to_numpy()
    with np.errstate(invalid="ignore"):
        sound = (
            np.isfinite(points).all(1)
            & (points[:, 2] > 0)
            & (points[:, 4] > 0)
            & (points[:, 2] * points[:, 4] > points[:, 3] ** 2)
        )
    frame = gaze.assign(student=gaze["student"].astype(str).astype("category"), status=status)
    frame = frame.reset_index(drop=True)
    broken = has & ~sound
    if broken.any():
        frame.loc[broken, "status"] = "unmatched"
        problems.append(("problem_nan", {"n": int(broken.sum())}))
    points[~(has & sound)] = np.nan
    frame[list(POINT_COLUMNS)] = points
    frame = frame.sort_values(["student", "time_s"], kind="stable", ignore_index=True)
    double = frame.duplicated(["student", "time_s"]).to_numpy()
    if double.any():
        problems.append(("problem_double", {"n": int(double.sum())}))
        frame = frame[~double].reset_index(drop=True)
    return frame, problems


@dataclass(frozen=True)
class Moments:
    """The gaze table as dense arrays: S students × T moments × K states.

    time_s : (T,). measured : (S, T). probability : (S, T, K) float32 of each state, given the point
    and what the class's points say together (:mod:`gaze.measures.mixture`); rows sum to 1 where
    measured (more where areas overlap), 0 elsewhere. on_board : (S, T) float32. state : (S, T)
    int8, the most probable state; −1 = not measured. xy_m (S, T, 2), root_m (S, T, 2, 2) lower
    Cholesky factor of the covariance; NaN without a point. pose : (S, T) number of the head's pose:
    of the place where it pointed. places : the mixture, and ``point_of`` (S, T) int64 the number of
    each moment's point in it, −1 without; None without any point. members : (C, K + 1) which of
    its cells belong to each state; the last column is the whole board.
    """

    time_s: Array
    step_s: float
    students: tuple[str, ...]
    areas: tuple[Area, ...]
    states: tuple[str, ...]
    measured: NDArray[np.bool_]
    probability: NDArray[np.float32]
    on_board: NDArray[np.float32]
    state: NDArray[np.int8]
    xy_m: Array
    root_m: Array
    point_of: NDArray[np.int64]
    pose: NDArray[np.int64]
    places: Mixture | None = None
    members: NDArray[np.bool_] | None = None

    @property
    def n_measured(self) -> NDArray[np.int64]:
        """(S,) measured moments."""
        return np.asarray(self.measured.sum(1), np.int64)

    @property
    def coverage(self) -> Array:
        """(S,) share of the moments that were measured."""
        return self.measured.mean(1) if self.measured.size else np.zeros(len(self.students))


def moments(
    gaze: pd.DataFrame,
    areas: Sequence[Area],
    board: Blackboard,
    students: Sequence[str] | None = None,
) -> Moments:
    """Lay a cleaned gaze table out as :class:`Moments`; ``areas`` as :func:`check_areas` gives.

    A student named in ``students`` without rows is there, never measured.
    """
    names = tuple(students) if students is not None else students_in(gaze)
    time = gaze["time_s"].to_numpy(np.float64)
    step = step_of(time)
    tick = np.round(time / max(step / 50, 1e-6)).astype(np.int64)
    _, first, at_time = np.unique(tick, return_index=True, return_inverse=True)
    moment_s = time[first]
    category = gaze["student"].astype("category")
    to_row = {n: i for i, n in enumerate(names)}
    lookup = np.array([to_row.get(str(c), -1) for c in category.cat.categories] or [-1])
    row = lookup[category.cat.codes.to_numpy()] if len(gaze) else np.zeros(0, int)
    status = gaze["status"].astype(str).to_numpy()
    use = (row >= 0) & np.isin(status, MEASURED)
    rest = not covered(areas, board)
    states = (*(a.name for a in areas), *((REST,) if rest else ()), *OUTSIDE)
    shape = (len(names), len(moment_s))
    out = Moments(
        moment_s, step, names, tuple(areas), states,
        np.zeros(shape, bool), np.zeros((*shape, len(states)), np.float32),
        np.zeros(shape, np.float32), np.full(shape, -1, np.int8),
        np.full((*shape, 2), np.nan), np.full((*shape, 2, 2), np.nan),
        np.full(shape, -1, np.int64), np.zeros(shape, np.int64),
    )  # fmt: skip
    if not use.any():
        return out
    out.measured[row[use], at_time[use]] = True
    turned = use & (status == "away")
    away = states.index("away")
    out.probability[row[turned], at_time[turned], away] = 1
    out.state[row[turned], at_time[turned]] = away
    has = use & ~turned
    if not has.any():
        return out
    s, t = row[has], at_time[has]
    points = gaze.loc[has, list(POINT_COLUMNS)].to_numpy(np.float64)
    xy, cov = points[:, :2], points[:, 2:]
    places = Places.fit(xy, cov, s, board, areas)
    members = places.cells.members(board, areas, states)
    p = places.probability(members)[places.of]
    out.probability[s, t] = p[:, :-1]
    out.on_board[s, t] = p[:, -1]
    out.state[s, t] = p[:, :-1].argmax(1)
    out.point_of[s, t] = np.arange(len(s))
    out.xy_m[s, t] = xy
    root = np.zeros((len(xy), 2, 2))
    root[:, 0, 0] = np.sqrt(cov[:, 0])
    root[:, 1, 0] = cov[:, 1] / root[:, 0, 0]
    root[:, 1, 1] = np.sqrt(np.maximum(cov[:, 2] - root[:, 1, 0] ** 2, 0))
    out.root_m[s, t] = root
    return replace(out, places=places, members=members, pose=poses_of(out.xy_m / POSE_M))


def poses_of(where: Array) -> NDArray[np.int64]:
    """(S, T) number of the pose in which each moment's head was: of the place ``where`` (S, T, 2)
    it pointed, in units of what is looked at with one pose."""
    at = np.floor(np.nan_to_num(where)).clip(-50, 50).astype(np.int64)
    _, number = np.unique(at[..., 0] * 101 + at[..., 1], return_inverse=True)
    return np.asarray(number, np.int64).reshape(where.shape[:-1])


def students_in(gaze: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted({str(s) for s in gaze["student"].unique()}))
