"""timestamps.csv: when each frame was taken, where a recorder wrote it down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sessions.csv_table import read_csv_table
from sessions.errors import SessionError, VideoError


def read_timestamps(path: Path) -> dict[str, NDArray[np.float64]]:
    """``timestamps.csv`` (camera, frame, time_s) → per camera the time of each frame.

    Raises
    ------
    VideoError : columns missing, values that are not numbers, times that do not ascend.
    """
    try:
        table = read_csv_table(path, ("camera", "frame", "time_s"))
        frames, times = np.array(table.numbers("frame")), np.array(table.numbers("time_s"))
    except SessionError as error:
        raise VideoError(
            error.what,
            where=error.where,
            found=error.found,
            expected=error.expected,
            remedy=error.remedy,
        ) from error
    cameras = np.array(table.columns["camera"], object)
    out: dict[str, NDArray[np.float64]] = {}
    for camera in dict.fromkeys(table.columns["camera"]):
        mine = cameras == camera
        order = np.argsort(frames[mine], kind="stable")
        number, time_s = frames[mine][order], times[mine][order]
        if (np.diff(number) == 0).any():
            raise VideoError(f"a frame of camera {camera} is there twice", where=path)
        if (np.diff(time_s) <= 0).any():
            raise VideoError(
                f"the times of camera {camera} do not ascend", where=path, expected="seconds"
            )
        out[camera] = time_s
    return out
