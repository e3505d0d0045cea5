"""Where the teacher stood against where the class's heads pointed. Of the class as a whole alone:
no student is in it, and it says nothing of how well anybody teaches or listens (docs/privacy.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.measures.bands import band, mean_known, per_window, share_errors
from gaze.measures.directions import angles_of
from gaze.measures.moments import Moments
from gaze.measures.states import MIN_COVERAGE
from gaze.measures.targets import (
    LOOKS,
    LOST_TO_ANOTHER,
    FittedTargets,
    density,
    fitted_targets,
    teachers_density,
)
from sessions.config import SessionConfig
from sessions.events.moves import Move
from sessions.surfaces import BLACKBOARD

MOST_LOOKS = 30_000  # of a longer lesson every second moment, or third, and so on
BRIDGED_S = 2.0  # so long not seen, the teacher is thought to have gone straight on
NOSE = [f"nose_{a}_m" for a in "xyz"]
# Before the first row: the blackboard's thirds as the class sees them; what stands beside it counts
# to the nearer one. "unseen": both cameras did not see the teacher.
PLACES = ("front_left", "front_middle", "front_right", "among", "behind", "unseen")


@dataclass(frozen=True)
class TeacherMeasures:
    """What :func:`teacher_measures` finds.

    names : targets, the blackboard first, ``elsewhere`` last. used : how many students are in it.
    places : a row for each of PLACES where the teacher was: ``place``, ``time_share`` of the
    lesson, ``students`` with a measured moment then, ``told`` whether looks at the teacher there
    can be told from looks at the blackboard (True where it is not behind him, or nobody is known).
    shares : place, target, share, low, high (95 %): means over the students.
    """

    names: tuple[str, ...]
    used: int
    places: pd.DataFrame
    shares: pd.DataFrame


def teacher_measures(
    gaze: pd.DataFrame,
    config: SessionConfig,
    teacher: pd.DataFrame,
    *,
    slid: Sequence[Move] = (),
    reseated_s: Sequence[float] = (),
    draws: int = 16,
    seed: int = 0,
) -> TeacherMeasures | None:
    """The class's targets by where the teacher stood; None where nothing was measured or the
    teacher was never seen. Arguments as of :func:`gaze.measures.targets.fitted_targets`."""
    times = np.unique(gaze["time_s"].to_numpy(np.float64))
    kept = times[:: -(-len(gaze) // MOST_LOOKS)] if len(gaze) else times
    gaze = gaze[gaze["time_s"].isin(kept)]
    if not len(teacher):
        return None
    teacher = _bridged(teacher, kept)
    fit = fitted_targets(gaze, config, slid=slid, reseated_s=reseated_s, teacher=teacher)
    if fit is None:
        return None
    seats_z_m = fit.looks.seats_W()[:, 2]
    at_W = teacher.set_index("time_s")[NOSE].reindex(fit.moments.time_s).to_numpy(np.float64)
    place = _place_of(at_W, config.blackboard.width_m, np.nanmin(seats_z_m), np.nanmax(seats_z_m))
    order = np.argsort(place, kind="stable")
    m = _in_order(fit.moments, order)
    n, K = len(PLACES), len(fit.cells.names)
    use = m.coverage >= MIN_COVERAGE
    measured = per_window(m.measured, place[order], n)
    total = per_window(m.probability[..., :K], place[order], n)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = mean_known((total / np.where(measured, measured, np.nan)[..., None])[use], 0)
    errors = share_errors(m, place[order], n, draws=draws, seed=seed)
    low, high = band(share, errors.window_sd(use, measured[use] > 0)[:, :K])
    there = [p for p in range(n) if (place == p).any()]
    return TeacherMeasures(
        fit.cells.names, int(use.sum()),
        pd.DataFrame({
            "place": [PLACES[p] for p in there],
            "time_share": [float((place == p).mean()) for p in there],
            "students": [int((measured[use][:, p] > 0).sum()) for p in there],
            "told": [_told(fit, at_W[place == p]) for p in there],
        }),
        pd.DataFrame(
            [(PLACES[p], name, share[p, k], low[p, k], high[p, k])
             for p in there for k, name in enumerate(fit.cells.names)],
            columns=["place", "target", "share", "low", "high"],
        ),
    )  # fmt: skip


def _bridged(teacher: pd.DataFrame, times_s: Array) -> pd.DataFrame:
    """teacher.parquet at these moments (T,); between two sightings at most BRIDGED_S apart he is
    on the straight way, else NaN."""
    seen_s = teacher["time_s"].to_numpy(np.float64)
    after = np.searchsorted(seen_s, times_s).clip(0, len(seen_s) - 1)
    before = np.where(seen_s[after] > times_s, after - 1, after).clip(0)
    gap_s = seen_s[after] - seen_s[before]
    known = (seen_s[before] <= times_s) & (times_s <= seen_s[after]) & (gap_s <= BRIDGED_S)
    return pd.DataFrame({"time_s": times_s, **{
        c: np.where(known, np.interp(times_s, seen_s, teacher[c]), np.nan) for c in NOSE
    }})  # fmt: skip


def _place_of(at_W: Array, width_m: float, first_z_m: float, last_z_m: float) -> NDArray[np.int64]:
    """(T,) index of PLACES; between ``first_z_m`` and ``last_z_m`` is the class."""
    x, z = at_W[:, 0], at_W[:, 2]
    third = 2 - np.clip(np.floor(3 * np.nan_to_num(x) / width_m), 0, 2)
    with np.errstate(invalid="ignore"):
        row = np.where(z < first_z_m, third, np.where(z > last_z_m, 4, 3))
    return np.where(np.isfinite(z), row, 5).astype(np.int64)


def _in_order(m: Moments, order: NDArray[np.intp]) -> Moments:
    """The same with its moments in another order, so that those of one place lie together."""
    return replace(
        m, time_s=m.time_s[order], measured=m.measured[:, order],
        probability=m.probability[:, order], on_board=m.on_board[:, order],
        state=m.state[:, order], xy_m=m.xy_m[:, order], root_m=m.root_m[:, order],
        point_of=m.point_of[:, order], pose=m.pose[:, order],
    )  # fmt: skip


def _told(fit: FittedTargets, at_W: Array) -> bool:
    """Whether, for most students, less than a quarter of the looks at a teacher at ``at_W`` (M, 3)
    would be taken for looks at the blackboard, in a class that looks at both alike."""
    known = at_W[np.isfinite(at_W).all(1)]
    if not len(known):
        return True
    places_W = known[np.linspace(0, len(known) - 1, min(LOOKS, len(known))).round().astype(int)]
    looks, board = fit.looks, fit.cells.of[:, fit.cells.names.index(BLACKBOARD)]
    lost = []
    for k in np.unique(looks.student).tolist():
        sight, nose = fit.room.sight(k), np.tile(fit.room.noses_W[k], (len(places_W), 1))
        seen = np.flatnonzero(board & sight.seen)
        if not len(seen):
            continue
        where = nose, angles_of(places_W - nose), _usual_covariance(fit, k, len(places_W))
        of_board: Array = density(sight.only(seen), *where).mean(1)
        of_teacher = teachers_density(places_W, *where)
        lost.append(float((of_board / (of_board + of_teacher)).mean()))
    return not lost or float(np.median(lost)) < LOST_TO_ANOTHER


def _usual_covariance(fit: FittedTargets, student: int, n: int) -> Array:
    """(n, 3) rad², the median of a student's looks."""
    return np.tile(np.median(fit.looks.covariance[fit.looks.student == student], axis=0), (n, 1))
