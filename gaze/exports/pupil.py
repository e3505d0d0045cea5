"""Pupil Labs' names: ``gaze.csv`` on a surface (the board) and ``aoi_metrics.csv``.

Programs that read Pupil Cloud's exports read these. What Pupil calls fixations are visits here
(ISO 15007 glances): the dictionaries say so.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

from gaze.exports.common import Source, column, register, write_csv
from sessions.tables import WITH_POINT

GAZE = {
    "section id": column("the run"),
    "recording id": column("the student's pseudonym"),
    "timestamp [ns]": column(
        "session.toml's starts_at, else midnight (UTC) of the lesson's date, plus the lesson's "
        "clock",
        "ns",
    ),
    "gaze detected on surface": column("whether the gaze point lies on the board"),
    "gaze position on surface x [normalized]": column(
        "0 = left, 1 = right edge of the board as the class sees it; 1 − x_W/width"
    ),
    "gaze position on surface y [normalized]": column("0 = upper, 1 = lower edge; y_W/height"),
    "sigma x [normalized]": column("standard deviation of x"),
    "sigma y [normalized]": column("standard deviation of y"),
    "worn": column("whether a face was measured"),
    "fixation id": column("always empty: there are no fixations in such data"),
    "blink id": column("always empty"),
    "azimuth [deg]": column("of the head, > 0 to the right of the board, from facing it", "°"),
    "elevation [deg]": column("of the head, > 0 up", "°"),
}
AOI = {
    "recording id": column("the student's pseudonym"),
    "recording name": column("the lesson's run"),
    "aoi label": column("area of the board or state outside it"),
    "average fixation duration [ms]": column("mean visit; empty = no visit", "ms"),
    "total fixations": column("number of visits"),
    "time to first fixation [ms]": column("first look since the beginning; empty = none", "ms"),
    "total fixation duration [ms]": column("dwell: summed visits", "ms"),
    "share of measured time": column("with membership as a probability"),
    "share low": column("lower end of its 95 % band"),
    "share high": column("upper end of its 95 % band"),
}


@register("pupil", folder=True)
def write_pupil(source: Source, out: Path) -> list[Path]:
    """``gaze.csv`` and ``aoi_metrics.csv`` in a folder."""
    lesson, board = source.lesson, source.lesson.board
    g = lesson.gaze
    run = lesson.run.name
    day = lesson.config.date or dt.date(1970, 1, 1)
    zero = lesson.config.zero_utc or dt.datetime.combine(day, dt.time(), dt.UTC)
    zero_ns = pd.Timestamp(zero).as_unit("ns").value
    has = g["status"].isin(WITH_POINT).to_numpy()
    x = 1 - g["gaze_x_m"].to_numpy(np.float64) / board.width_m
    y = g["gaze_y_m"].to_numpy(np.float64) / board.height_m
    with np.errstate(invalid="ignore"):
        on = has & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        sx = np.sqrt(g["gaze_xx_m2"].to_numpy(np.float64)) / board.width_m
        sy = np.sqrt(g["gaze_yy_m2"].to_numpy(np.float64)) / board.height_m
    gaze = pd.DataFrame({
        "section id": run,
        "recording id": g["student"].astype(str),
        "timestamp [ns]": zero_ns
        + np.round(g["time_s"].to_numpy(np.float64) * 1e9).astype(np.int64),
        "gaze detected on surface": on,
        "gaze position on surface x [normalized]": x,
        "gaze position on surface y [normalized]": y,
        "sigma x [normalized]": sx,
        "sigma y [normalized]": sy,
        "worn": has | (g["status"] == "away").to_numpy(),
        "fixation id": "", "blink id": "",
        "azimuth [deg]": g["head_yaw_deg"], "elevation [deg]": g["head_pitch_deg"],
    })  # fmt: skip
    a = source.measures.student_areas
    aoi = pd.DataFrame({
        "recording id": a["student"], "recording name": run, "aoi label": a["area"],
        "average fixation duration [ms]": (1000 * a["mean_visit_s"]).round(3),
        "total fixations": a["visits"],
        "time to first fixation [ms]": (1000 * a["first_look_s"]).round(3),
        "total fixation duration [ms]": (1000 * a["dwell_s"]).round(3),
        "share of measured time": a["share"], "share low": a["low"], "share high": a["high"],
    })  # fmt: skip
    return [
        *write_csv(gaze, out / "gaze.csv", GAZE),
        *write_csv(aoi, out / "aoi_metrics.csv", AOI),
    ]
