"""timestamps.csv: when each frame was taken, where a recorder wrote it down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sessions.errors import VideoError


def read_timestamps(path: Path) -> dict[str, NDArray[np.float64]]:
    """``timestamps.csv`` (camera, frame, time_s) → per camera the time of each frame.

    Raises
    ------
    VideoError : columns missing, values that are not numbers, times that do not ascend.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise VideoError("timestamps.csv cannot be read", where=path, found=error) from error
    need = {"camera", "frame", "time_s"}
    if not need <= set(table.columns):
        raise VideoError(
            "timestamps.csv lacks columns",
            where=path,
            found=", ".join(map(str, table.columns)),
            expected="camera,frame,time_s",
        )
    out: dict[str, NDArray[np.float64]] = {}
    for camera, part in table.groupby("camera"):
        part = part.sort_values("frame")
        times = pd.to_numeric(part["time_s"], errors="coerce").to_numpy(np.float64)
        if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise VideoError(
                f"the times of camera {camera} do not ascend", where=path, expected="seconds"
            )
        out[str(camera)] = times
    return out
