"""An entry, a table of gaze points of one lesson, against that lesson's truth.

The truth is made anew from the track's options and seed, at the entry's own moments; no picture is
needed. A point is right where the *head* points (``cm``); beside it stands how far it is from what
the eyes were on (``target_cm``), which differs where heads do not do the whole turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.transform import Array
from gaze.benchmark.tracks import BenchmarkError
from gaze.measures.measures import board_shares
from gaze.room.geometry import gaze_points, inside_ellipse
from sessions.config import Blackboard
from sessions.simulation.simulate import World

NEEDED = ("time_s", "student", "gaze_x_m", "gaze_y_m")
SPREAD = ("gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2")
NOSE = ("nose_x_m", "nose_y_m", "nose_z_m")
ASKED_HZ = 5.0
SOMEBODY_ELSE_M = 0.3  # a nose that is nearer to another student's, by this, is that one's


def read_entry(path: Path) -> pd.DataFrame:
    """A CSV of gaze points: NEEDED; where there are, SPREAD, NOSE and ``status`` (``away``: turned
    away, no point). A row without a point and without that status is a gap.

    Raises
    ------
    BenchmarkError : not a table, a column is missing, or a value is no number.
    """
    try:
        entry = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BenchmarkError(
            "the entry cannot be read", where=path, found=str(error)[:120]
        ) from error
    missing = [c for c in NEEDED if c not in entry.columns]
    if missing:
        raise BenchmarkError(
            "the entry lacks columns", where=path, found=", ".join(map(str, entry.columns)),
            expected=", ".join(NEEDED),
        )  # fmt: skip
    for name in (*NEEDED[:1], *NEEDED[2:], *SPREAD, *NOSE):
        if name not in entry.columns:
            entry[name] = np.nan
        try:
            entry[name] = pd.to_numeric(entry[name]).astype(np.float64)
        except (ValueError, TypeError) as error:
            raise BenchmarkError(
                f"column {name} holds what is no number", where=path, found=str(error)[:80]
            ) from error
    if not np.isfinite(entry["time_s"]).all():
        raise BenchmarkError("a row has no time", where=path)
    entry["student"] = entry["student"].astype(str)
    if "status" not in entry.columns:
        entry["status"] = ""
    entry["status"] = entry["status"].fillna("").astype(str)
    if entry.duplicated(["time_s", "student"]).any():
        raise BenchmarkError("a student has two rows of one moment", where=path)
    return entry


@dataclass(frozen=True)
class LessonScore:
    """One lesson's numbers before they are summed up.

    error_m, target_m (K,) of the points at moments when the head truly meets the board; inside (K,)
    their own 68 % ellipse, NaN where none is stated; row (K,). coverage (N,) of each student;
    share_error (N,) measured less true share of the board; seat_row (N,). switches : changes of the
    person whose nose a student's is, None where noses are not stated. strangers : people with
    points whom the lesson does not have. false_points : share of the points that no head made.
    """

    error_m: Array
    target_m: Array
    inside: Array
    row: NDArray[np.int64]
    coverage: Array
    share_error: Array
    seat_row: NDArray[np.int64]
    switches: int | None
    strangers: int
    false_points: float


def score_entry(entry: pd.DataFrame, world: World) -> LessonScore:
    """A table of :func:`read_entry` against the lesson.

    Raises
    ------
    BenchmarkError : most of it of students whom the lesson does not have; moments outside it.
    """
    ids = np.array(world.seats.ids)
    strange = ~entry["student"].isin(ids)
    if strange.mean() > 0.5:
        raise BenchmarkError(
            "most of the entry is of students whom this lesson does not have",
            found=", ".join(sorted(set(entry.loc[strange, "student"]))[:5]),
            expected=f"{ids[0]} … {ids[-1]} (its session.toml)",
        )
    seconds = world.options.seconds
    if len(entry) and (entry["time_s"].min() < -1 or entry["time_s"].max() > seconds + 1):
        raise BenchmarkError(
            "the entry has moments outside the lesson",
            found=f"{entry['time_s'].min():.2f} to {entry['time_s'].max():.2f} s",
            expected=f"0 to {seconds:g} s, on the left camera's clock",
        )
    too_many = entry[strange & np.isfinite(entry[["gaze_x_m", "gaze_y_m"]]).all(axis=1)]
    entry = entry[~strange]
    time_s, moment = np.unique(entry["time_s"].to_numpy(), return_inverse=True)
    heads = world.heads(time_s)
    who = np.searchsorted(ids, entry["student"].to_numpy(str), sorter=np.argsort(ids))
    who = np.argsort(ids)[who]
    P_W, R_WS = heads.P_W[moment, who], heads.R_WS[moment, who]
    here = heads.here[moment, who]
    true, meets = gaze_points(P_W, R_WS)
    meets &= here
    board = Blackboard(width_m=world.room.board_width_m, height_m=world.room.board_height_m)
    on_board = meets & board.holds(true)
    xy = entry[["gaze_x_m", "gaze_y_m"]].to_numpy(np.float64)
    stated = np.isfinite(xy).all(1)
    counted = stated & on_board
    e = (xy - true)[counted]
    point = heads.point_W[moment, who]
    target = np.where(np.abs(point[:, 2:]) < 1e-6, point[:, :2], np.nan)
    row = np.asarray(world.seats.row)
    known = here & (stated | (entry["status"] == "away").to_numpy())
    hz = min(ASKED_HZ, world.options.fps)
    steps = round(seconds * hz)
    asked = world.heads(np.arange(steps) / hz).here.sum(0)
    step = np.clip(np.floor(entry["time_s"].to_numpy() * hz + 0.5), 0, steps - 1)
    seen = pd.DataFrame({"who": who, "step": step})[known].drop_duplicates()["who"]
    share = _shares(entry[known], ids, board)
    truth = np.array([on_board[known & (who == k)].mean() if (known & (who == k)).any() else np.nan
                      for k in range(len(ids))])  # fmt: skip
    return LessonScore(
        error_m=np.hypot(*e.T),
        target_m=np.hypot(*(xy - target)[counted].T),
        inside=_inside(entry.loc[counted, list(SPREAD)].to_numpy(np.float64), e),
        row=row[who[counted]],
        coverage=np.minimum(np.bincount(seen, minlength=len(ids)) / np.maximum(asked, 1), 1),
        share_error=share - truth,
        seat_row=row,
        switches=_switches(entry, heads.P_W, moment, who),
        strangers=int(too_many["student"].nunique()),
        false_points=float(
            ((stated & ~meets).sum() + len(too_many)) / max(stated.sum() + len(too_many), 1)
        ),
    )


def _inside(spread: Array, e: Array) -> Array:
    """(K,) 1 where an error lies in its own 68 % ellipse, 0 where not, NaN where none is stated."""
    xx, xy, yy = spread.T
    known = xx * yy > xy**2  # finite, and an ellipse
    out = np.full(len(e), np.nan)
    out[known] = inside_ellipse(e[known], spread[known][:, [[0, 1], [1, 2]]], 0.68)
    return out


def _shares(known: pd.DataFrame, ids: NDArray[Any], board: Blackboard) -> Array:
    """(N,) measured share of the board: with stated covariances freed from their blur, as our
    reports are; else points on the board counted."""
    if np.isfinite(known.loc[known["status"] != "away", list(SPREAD)].to_numpy()).all():
        away = (known["status"] == "away").to_numpy()
        table = known.assign(status=np.where(away, "away", "ok"))
        table.loc[away, ["gaze_x_m", "gaze_y_m", *SPREAD]] = np.nan
        found: Mapping[str, float] = board_shares(table, board) if len(table) else {}
    else:
        on = board.holds(known[["gaze_x_m", "gaze_y_m"]].to_numpy(np.float64))
        found = pd.Series(on, known["student"].to_numpy()).groupby(level=0).mean().to_dict()
    return np.array([found.get(str(name), np.nan) for name in ids], np.float64)


def _switches(
    entry: pd.DataFrame, P_W: Array, moment: NDArray[np.int64], who: NDArray[np.int64]
) -> int | None:
    """How often a student's nose becomes another one's; None without noses."""
    nose = entry[list(NOSE)].to_numpy(np.float64)
    has = np.isfinite(nose).all(1)
    if not has.any():
        return None
    away = np.linalg.norm(P_W[moment[has]] - nose[has][:, None], axis=2)  # (K, N)
    own = away[np.arange(len(away)), who[has]]
    nearest = np.where(away.min(1) < own - SOMEBODY_ELSE_M, away.argmin(1), who[has])
    order = np.lexsort([moment[has], who[has]])
    same = np.diff(who[has][order]) == 0
    return int((same & (np.diff(nearest[order]) != 0)).sum())


def summary(scores: Sequence[LessonScore]) -> dict[str, Any]:
    """A track's lessons together: all, and by row of seats."""
    row = np.concatenate([s.row for s in scores])
    seat_row = np.concatenate([s.seat_row for s in scores])
    values = {name: np.concatenate([getattr(s, name) for s in scores])
              for name in ("error_m", "target_m", "inside", "coverage", "share_error")}  # fmt: skip

    def of(mine: NDArray[np.bool_], seats: NDArray[np.bool_]) -> dict[str, Any]:
        error = 100 * values["error_m"][mine]
        return {
            "n": int(mine.sum()),
            "cm_mean": _known(error),
            "cm_median": _known(error, np.median),
            "cm_p90": _known(error, lambda v: np.percentile(v, 90)),
            "target_cm_mean": _known(100 * values["target_m"][mine]),
            "inside_68_percent": _known(100 * values["inside"][mine]),
            "coverage_percent": _known(100 * values["coverage"][seats]),
            "share_bias_points": _known(100 * values["share_error"][seats]),
        }

    switches = [s.switches for s in scores]
    return {
        "lessons": len(scores),
        **of(np.ones(len(row), bool), np.ones(len(seat_row), bool)),
        "switches": None if None in switches else sum(s or 0 for s in switches),
        "strangers": sum(s.strangers for s in scores),
        "false_points_percent": _known(100 * np.array([s.false_points for s in scores])),
        "rows": {int(r): of(row == r, seat_row == r) for r in np.unique(seat_row)},
    }


def _known(values: Array, by: Any = np.mean) -> float | None:
    """Of the finite ones, to two decimals; None where there are none."""
    finite = values[np.isfinite(values)]
    return round(float(by(finite)), 2) if len(finite) else None
