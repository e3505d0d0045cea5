"""Lessons with known answers, as tables: for the tests of measures, report, exports and privacy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sessions.run import Run, write_json
from sessions.tables import GAZE, conform, write_table

TOML = """title = "{title}"
date = 2026-03-02
{top}
[blackboard]
width_m = {width}
height_m = {height}
{areas}
[cameras.left]
video = "left.mp4"
[cameras.right]
video = "right.mp4"
{students}
"""

THIRDS = (
    ("right third", (0.0, 4 / 3), (0.0, 1.2)),
    ("middle third", (4 / 3, 8 / 3), (0.0, 1.2)),
    ("left third", (8 / 3, 4.0), (0.0, 1.2)),
)


def gaze_table(
    time_s: np.ndarray, student: np.ndarray, status: np.ndarray, xy_m: np.ndarray,
    sigma_m: np.ndarray | float, nose_m: np.ndarray | None = None, face_px: float = 40.0,
) -> pd.DataFrame:  # fmt: skip
    """A gaze table of N rows; points where the status has one, σ round (xx = yy)."""
    n = len(time_s)
    frame = pd.DataFrame({c.name: np.full(n, np.nan) for c in GAZE})
    point = np.isin(status, ["ok", "one_camera", "off_board", "low_confidence"])
    seen = point | (status == "away")
    frame["time_s"], frame["student"], frame["status"] = time_s, student, status
    frame["frame_left"] = frame["frame_right"] = np.round(time_s * 25).astype(int)
    frame["row_left"] = frame["row_right"] = np.where(seen, np.arange(n), -1)
    frame["cameras"] = np.where(status == "one_camera", 1, np.where(seen, 2, 0))
    frame["area"] = pd.NA
    for i, c in enumerate(("gaze_x_m", "gaze_y_m")):
        frame[c] = np.where(point, xy_m[:, i], np.nan)
        frame["head" + c[4:]] = frame[c]
    s2 = np.broadcast_to(np.asarray(sigma_m, float) ** 2, (n,))
    frame["gaze_xx_m2"] = np.where(point, s2, np.nan)
    frame["gaze_yy_m2"] = np.where(point, s2, np.nan)
    frame["gaze_xy_m2"] = np.where(point, 0.0, np.nan)
    nose = np.broadcast_to([2.0, 0.3, 4.0], (n, 3)) if nose_m is None else nose_m
    for i, a in enumerate("xyz"):
        frame[f"nose_{a}_m"] = np.where(seen, nose[:, i], np.nan)
        frame[f"nose_{a}_sigma_m"] = np.where(seen, 0.01, np.nan)
    for c in ("head_qw", "head_qx", "head_qy", "head_qz", "head_yaw_deg", "head_pitch_deg",
              "head_roll_deg", "head_yaw_sigma_deg", "head_pitch_sigma_deg",
              "head_roll_sigma_deg"):  # fmt: skip
        frame[c] = np.where(seen, 0.5, np.nan)
    frame["face_px_left"] = frame["face_px_right"] = np.where(seen, face_px, np.nan)
    frame["epipolar_px"] = np.where(frame["cameras"] == 2, 0.6, np.nan)
    return conform(frame, "gaze")


def students_table(gaze: pd.DataFrame) -> pd.DataFrame:
    """students.parquet of a gaze table."""
    rows = []
    for name, g in gaze.groupby(gaze["student"].astype(str)):
        seen = g["status"].isin(["ok", "one_camera", "off_board", "low_confidence", "away"])
        z = g["nose_z_m"].median()
        rows.append({
            "student": name, "row": 1 if not np.isfinite(z) else max(1, round((z - 1.5) / 1.2)),
            "seat_x_m": g["nose_x_m"].median(), "seat_y_m": g["nose_y_m"].median(), "seat_z_m": z,
            "moments": len(g), "coverage": seen.mean(),
            "board_share": g["status"].isin(["ok", "one_camera"]).sum() / max(1, seen.sum()),
            "face_px_median": g["face_px_left"].median(),
            "sigma_median_m": np.sqrt(g["gaze_xx_m2"].median()),
        })  # fmt: skip
    columns = ["student", "row", "seat_x_m", "seat_y_m", "seat_z_m", "moments", "coverage",
               "board_share", "face_px_median", "sigma_median_m"]  # fmt: skip
    return conform(pd.DataFrame(rows, columns=columns), "students")


def write_lesson(
    folder: Path, gaze: pd.DataFrame, *, title: str = "7b, fractions", top: str = "",
    areas: tuple = (), students: tuple = (), width: float = 4.0, height: float = 1.2,
    quality: dict | None = None, name: str = "2026-03-02T0900", faces: pd.DataFrame | None = None,
) -> Path:  # fmt: skip
    """A session folder with one finished run; returns the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    area_text = "".join(
        f'[[blackboard.areas]]\nname = "{n}"\nx_m = {list(x)}\ny_m = {list(y)}\n'
        for n, x, y in areas
    )
    student_text = "".join(
        f'[[students]]\nid = "{s[0]}"\n'
        + (f"seat_m = {list(s[1])}\n" if s[1] is not None else "")
        + ("opt_out = true\n" if len(s) > 2 and s[2] else "")
        for s in students
    )
    (folder / "session.toml").write_text(
        TOML.format(title=title, top=top, areas=area_text, students=student_text,
                    width=width, height=height)
    )  # fmt: skip
    run = Run.create(folder / "runs" / name, {"fps": 5})
    write_table(gaze, run.gaze_path, "gaze")
    write_table(students_table(gaze), run.students_path, "students")
    if faces is not None:
        write_table(faces, run.faces_path, "faces")
    write_json(run.quality_path, quality or {})
    run.update(state="done")
    return run.folder


def one_dot(x_m: float, y_m: float, *, n: int = 100, sigma_m: float = 0.05) -> pd.DataFrame:
    """One student who looks at one point all the time."""
    t = np.arange(n) * 0.2
    return gaze_table(t, np.full(n, "S-01"), np.full(n, "ok"), np.tile([x_m, y_m], (n, 1)), sigma_m)


def big_lesson(
    *, rows: int = 4, columns: int = 7, minutes: float = 45, fps: float = 5, seed: int = 0
) -> pd.DataFrame:
    """A plausible lesson: a class that follows a teacher over the board, with noise by distance."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(minutes * 60 * fps)) / fps
    n_t, frames = len(t), []
    # the teacher's place over the lesson: thirds of the board, then seat work, then the board again
    minute = t / 60 * 45 / minutes
    place = np.select(
        [minute < 8, minute < 16, minute < 22, minute < 33, minute < 39],
        [np.full(n_t, 3.2), np.full(n_t, 2.0), np.full(n_t, 0.7), np.full(n_t, np.nan),
         np.full(n_t, 1.6)], np.full(n_t, 2.8),
    )  # fmt: skip
    for r in range(rows):
        for c in range(columns):
            x, z = 0.0 + c * 4.0 / max(1, columns - 1), 2.4 + 1.3 * r
            target = np.stack([place, np.full(n_t, 0.55)], 1)
            lengths = rng.gamma(2, 4, size=4 * n_t // 10) + 0.4
            segment = np.searchsorted(np.cumsum(lengths), t)
            u = rng.random(segment.max() + 1)[segment]
            jump = rng.normal(0, [0.5, 0.22], (segment.max() + 1, 2))[segment]
            target = target + jump
            on_task = u < np.where(np.isnan(place), 0.15, 0.74 - 0.05 * r)
            wander = np.stack([rng.uniform(0, 4, segment.max() + 1)[segment],
                               rng.uniform(0.1, 1.1, segment.max() + 1)[segment]], 1)  # fmt: skip
            target[np.isnan(place)] = wander[np.isnan(place)]
            desk = np.stack([x + jump[:, 0], 2.2 + np.abs(jump[:, 1])], 1)
            aside = np.stack([x + 4 * np.sign(jump[:, 0]) + jump[:, 0], 0.6 + jump[:, 1]], 1)
            v = rng.random(segment.max() + 1)[segment]
            at = np.where(on_task[:, None], target, np.where(v[:, None] < 0.7, desk, aside))
            away = ~on_task & (v > 0.93)
            d = np.hypot(np.hypot(x - at[:, 0], 1.0), z)
            sigma = np.radians(3.0 + 0.8 * r) * d**2 / z * rng.lognormal(0, 0.1, n_t)
            bias = rng.normal(0, 0.6, 2) * np.radians(2.0) * z
            xy = at + bias + rng.normal(0, 0.5, (n_t, 2)) * sigma[:, None]
            on = (xy[:, 0] > 0) & (xy[:, 0] < 4) & (xy[:, 1] > 0) & (xy[:, 1] < 1.2)
            status = np.where(on, "ok", "off_board").astype(object)
            status[rng.random(n_t) < 0.05] = "one_camera"
            status[(status == "one_camera") & ~on] = "off_board"
            status[sigma > 0.9] = "low_confidence"
            status[away] = "away"
            hidden = np.repeat(rng.random(n_t // 25 + 1) < 0.03 + 0.05 * r, 25)[:n_t]
            if r == rows - 1 and c == columns - 1:
                hidden |= rng.random(n_t) < 0.8
            status[hidden] = "no_face"
            nose = np.array([x, 0.2 - 0.02 * r, z]) + rng.normal(0, 0.02, (n_t, 3))
            name = f"S-{r * columns + c + 1:02d}"
            frames.append(gaze_table(t, np.full(n_t, name), status, xy, sigma, nose, 75 - 15 * r))
    return pd.concat(frames, ignore_index=True)
