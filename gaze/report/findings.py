"""What the numbers say in a teacher's terms: rows, seats, low stretches. No words, only facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gaze.measures.measures import MIN_COVERAGE, OUTSIDE, Measures, viewing
from gaze.report.lesson import Lesson
from sessions.config import Blackboard
from sessions.validation import Errors

SMALL_CELL = 5  # fewer students than this are not shown in a report for sharing
# Half of a round normal's points lie within this many σ of its middle.
MEDIAN_OF_SIGMA = float(np.sqrt(2 * np.log(2)))
SHORT_LESSON_S = 120.0  # shorter ones have no stretches to tell apart
HARD_OBLIQUITY_DEG = 60.0  # beyond, writing is squeezed to under half its width
HARD_LETTER_ARCMIN = 15.0  # a 5 cm letter smaller than this is tiring to read (6/18 on a chart)


def reading(sigma_m: float, coverage: float, board: Blackboard) -> str:
    """How finely a place's gaze points may be read: a key of the strings.

    σ up to a twelfth of the board: parts of thirds; a sixth: thirds; a quarter: left and right;
    above: board or not. Below MIN_COVERAGE: nothing.
    """
    if coverage < MIN_COVERAGE or not np.isfinite(sigma_m):
        return "read_nothing"
    part = sigma_m / board.width_m
    if part <= 1 / 12:
        return "read_fine"
    if part <= 1 / 6:
        return "read_thirds"
    if part <= 1 / 4:
        return "read_sides"
    return "read_board"


def board_parts(measures: Measures) -> list[Any]:
    """The board's areas (rows of ``measures.areas``), the most faced first; empty where too little
    was measured on it to tell."""
    table = measures.areas
    on = table[~table["area"].isin([*OUTSIDE, "board"])]
    parts: list[Any] = list(on.sort_values("share", ascending=False, kind="stable").itertuples())
    if not parts or not np.isfinite(parts[0].share) or parts[0].share < 0.01:
        return []
    return parts


def leading_part(measures: Measures) -> str | None:
    """The area that was faced most; None where another's band reaches into its own."""
    parts = board_parts(measures)
    if not parts or any(r.high > parts[0].low for r in parts[1:]):
        return None
    return str(parts[0].area)


@dataclass(frozen=True)
class Stretch:
    """A stretch of time with its mean share."""

    start_s: float
    end_s: float
    share: float


def low_stretches(measures: Measures, *, least_s: float = 60.0, most: int = 3) -> list[Stretch]:
    """When the class left the board: stretches whose whole band lies under the lesson's mean.

    A window belongs to one where the upper end of its σ band is below the lesson's share; windows
    that are missing end it. Shorter ones than ``least_s`` (or a tenth of the lesson) are left out;
    the longest ``most`` come, in order of time; none of a lesson under SHORT_LESSON_S.
    """
    if measures.end_s - measures.start_s < SHORT_LESSON_S:
        return []
    board = measures.timeline[measures.timeline["area"] == "board"]
    mean = measures.share("board")
    low = (board["high"].to_numpy(np.float64) < mean).astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], low, [0]])))
    least = min(least_s, (measures.end_s - measures.start_s) / 10)
    t, share = board["time_s"].to_numpy(np.float64), board["share"].to_numpy(np.float64)
    found = [
        Stretch(max(float(t[a]), measures.start_s),
                min(float(t[b - 1]) + measures.window_s, measures.end_s),
                float(share[a:b].mean()))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if (b - a) * measures.window_s >= least
    ]  # fmt: skip
    longest = sorted(found, key=lambda s: s.start_s - s.end_s)[:most]
    return sorted(longest, key=lambda s: s.start_s)


def seat_table(lesson: Lesson, measures: Measures) -> pd.DataFrame:
    """A row for each student: place, row, data quality, and how the board is seen from there.

    Columns: student, row, seat_x_m, seat_z_m, coverage, sigma_m, error_m (the typical error of a
    point: its median, as checked in this room row by row, else predicted from σ), face_px,
    letter_arcmin (smallest over the areas), obliquity_deg (largest), hardest (area), weak, hard,
    reading. The place is students.parquet's, else session.toml's seat; NaN where unknown.
    """
    table = lesson.table.copy()
    table["student"] = table["student"].astype(str)
    table = table.drop_duplicates("student").set_index("student")
    names = list(dict.fromkeys([*lesson.students, *lesson.never_seen]))
    seats = lesson.seats
    own = measures.students.set_index("student")
    rows = []
    for name in names:
        known = table.loc[name] if name in table.index else None
        x, y, z = (
            (float(known.get(f"seat_{a}_m", np.nan)) for a in "xyz")
            if known is not None
            else (np.nan, np.nan, np.nan)
        )
        if not np.isfinite(x) and name in seats and seats[name].seat_m is not None:
            x, z = seats[name].seat_m  # type: ignore[misc]
        row = float(known.get("row", np.nan)) if known is not None else np.nan
        rows.append((
            name, int(row) if np.isfinite(row) and row > 0 else 0, x,
            y if np.isfinite(y) else 0.3, z,
            float(own["coverage"].get(name, 0.0)), float(own["sigma_m"].get(name, np.nan)),
            float(known.get("face_px_median", np.nan)) if known is not None else np.nan,
        ))  # fmt: skip
    out = pd.DataFrame(rows, columns=["student", "row", "seat_x_m", "seat_y_m", "seat_z_m",
                                      "coverage", "sigma_m", "face_px"])  # fmt: skip
    out["error_m"] = MEDIAN_OF_SIGMA * out["sigma_m"] * _checked_over_predicted(lesson, out)
    view = viewing(
        out[["seat_x_m", "seat_y_m", "seat_z_m"]].to_numpy(np.float64).reshape(-1, 3),
        measures.area_list,
    )
    n = len(out)
    seen = np.isfinite(view.letter_arcmin).all(1) if n else np.zeros(0, bool)
    worst = np.where(seen, np.nan_to_num(view.letter_arcmin, nan=np.inf).argmin(1), 0)
    pick = np.arange(n)
    out["letter_arcmin"] = view.letter_arcmin[pick, worst] if n else []
    out["obliquity_deg"] = view.obliquity_deg[pick, worst] if n else []
    out["hardest"] = [measures.area_list[i].name for i in worst]
    out["reading"] = [
        reading(s, c, lesson.board) for s, c in zip(out["sigma_m"], out["coverage"], strict=True)
    ]
    out["weak"] = out["reading"].isin(["read_nothing", "read_board"])
    out["hard"] = (out["obliquity_deg"] > HARD_OBLIQUITY_DEG) | (
        out["letter_arcmin"] < HARD_LETTER_ARCMIN
    )
    return out


def _checked_over_predicted(lesson: Lesson, seats: pd.DataFrame) -> pd.Series[float]:
    """How much larger the error in this room is than predicted, for each seat: of its row where
    `gaze validate` has it, else of all, else 1."""
    if lesson.validation is None:
        return pd.Series(1.0, seats.index)
    predicted = 100 * MEDIAN_OF_SIGMA * seats["sigma_m"]

    def ratio(found: Errors, of: pd.Series[float]) -> float:
        middle = float(of.median())
        return found.gaze_cm.median / middle if middle > 0 else np.nan

    overall = ratio(lesson.validation.overall, predicted)
    by_row = {r.row: ratio(r, predicted[seats["row"] == r.row]) for r in lesson.validation.rows}
    return seats["row"].map(by_row).astype(float).fillna(overall).fillna(1.0)


def row_table(seats: pd.DataFrame, board: Blackboard, minimum: int = 1) -> pd.DataFrame:
    """Data quality by row of seats; neighbouring rows are merged until each has ``minimum``.

    Columns: rows (tuple), students, coverage (mean), sigma_m, error_m and face_px (medians),
    reading.
    Students of unknown row (0) come last. A last group that stays too small joins the one before.
    """
    groups: list[list[int]] = []
    order = sorted(r for r in seats["row"].unique() if r > 0)
    if (seats["row"] == 0).any():
        order.append(0)
    for r in order:
        n_open = int(seats["row"].isin(groups[-1]).sum()) if groups else minimum
        if groups and n_open < minimum:
            groups[-1].append(int(r))
        else:
            groups.append([int(r)])
    if len(groups) > 1 and int(seats["row"].isin(groups[-1]).sum()) < minimum:
        last = groups.pop()
        groups[-1].extend(last)
    out = []
    for g in groups:
        mine = seats[seats["row"].isin(g)]
        sigma, coverage = float(mine["sigma_m"].median()), float(mine["coverage"].mean())
        out.append((tuple(g), len(mine), coverage, sigma, float(mine["error_m"].median()),
                    float(mine["face_px"].median()), reading(sigma, coverage, board)))  # fmt: skip
    columns = ["rows", "students", "coverage", "sigma_m", "error_m", "face_px", "reading"]
    return pd.DataFrame(out, columns=columns)
