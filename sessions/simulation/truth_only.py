"""``gaze simulate --truth-only``: a session and a finished run without a pixel, as the error budget
predicts them; vectorised.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from calibration.camera import CAMERAS
from sessions.config import SessionConfig, load_config
from sessions.files import new_folder
from sessions.quality import Quality
from sessions.run import Run
from sessions.simulation.budget import (
    KNOWN_DEPTH_SIGMA_M,
    NOSE_SIGMA_FACE,
    NOSE_SIGMA_PX,
    SEAT_DEPTH_SIGMA_M,
    fused_head_sigma_deg,
    gaze_covariance,
    head_sigma_deg,
    nose_covariance,
)
from sessions.simulation.simulate import Options, World, build_world
from sessions.simulation.write import write_session
from sessions.tables import gaze_sigma_m, rows_of, write_table

# of the head's error variance: it wanders with this time constant, the rest is new at every moment
SLOW_SHARE = 0.5
SLOW_S = 8.0
LOST = 0.01  # share of faces that a detector misses even where they are seen
SEEN = 0.5  # at least this share of the face must be free
LOW_CONFIDENCE_SHARE = (
    0.25  # of the blackboard's width: a larger σ in x reads as left or right only
)
RUN_NAME = "2026-03-02T0900"


def _wandering(shape: tuple[int, int, int], step_s: float, rng: np.random.Generator) -> np.ndarray:
    """(T,N,k) unit-variance noise, half of it slow (first-order, :data:`SLOW_S`), half white."""
    keep = np.exp(-step_s / SLOW_S)
    white = rng.standard_normal(shape)
    drive = rng.standard_normal(shape)
    drive[1:] *= np.sqrt(1 - keep**2)
    slow = lfilter([1.0], [1.0, -keep], drive, axis=0)
    return np.asarray(np.sqrt(SLOW_SHARE) * slow + np.sqrt(1 - SLOW_SHARE) * white)


def predicted_run(
    world: World, truth: pd.DataFrame, config: SessionConfig
) -> tuple[pd.DataFrame, pd.DataFrame, Quality]:
    """gaze table, students table and quality numbers from the truth table and the error budget."""
    o = world.options
    rng = np.random.default_rng([o.seed, 31])
    N = len(world.seats.ids)
    T = len(truth) // N
    P = truth[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy()
    R = Rotation.from_quat(truth[["head_qx", "head_qy", "head_qz", "head_qw"]].to_numpy())
    R_WS = R.as_matrix()
    sigma_head, sigma_nose, seen, face = {}, {}, {}, {}
    for name in CAMERAS:
        face[name] = truth[f"face_px_{name}"].to_numpy()
        away = world.T_WC[name].t - P
        cosine = (R_WS[:, :, 2] * away).sum(1) / np.linalg.norm(away, axis=1)
        turn = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        seen[name] = (
            (truth[f"visible_{name}"].to_numpy() >= SEEN)
            & (turn < 100)
            & (rng.random(len(truth)) >= LOST)
        )
        sigma_head[name] = np.where(seen[name], head_sigma_deg(face[name], turn), 1e3)
        sigma_nose[name] = np.where(
            seen[name], np.hypot(NOSE_SIGMA_PX, NOSE_SIGMA_FACE * face[name]), np.inf
        )
    cameras = seen["left"].astype(int) + seen["right"].astype(int)
    one, none = cameras == 1, cameras == 0
    placed = np.tile((cameras.reshape(T, N) == 2).any(0), T)  # both cameras have seen that student
    depth_sigma = np.where(placed, KNOWN_DEPTH_SIGMA_M, SEAT_DEPTH_SIGMA_M)
    nose_cov = nose_covariance(world.cameras, world.T_WC, P, sigma_nose, depth_sigma)
    head_sigma = np.where(none, np.nan, fused_head_sigma_deg(sigma_head))
    noise = _wandering((T, N, 6), 1 / o.fps, rng).reshape(-1, 6)
    L = np.linalg.cholesky(np.where(none[:, None, None], np.eye(3), nose_cov))
    P_hat = P + np.einsum("nij,nj->ni", L, noise[:, :3])
    R_hat = (
        R * Rotation.from_rotvec(np.radians(np.where(none, 0, head_sigma))[:, None] * noise[:, 3:])
    ).as_matrix()
    gaze_cov = gaze_covariance(P_hat, R_hat, nose_cov, head_sigma)
    r = R_hat[..., 2]
    meets = (r[:, 2] < -1e-3) & ~none
    with np.errstate(divide="ignore", invalid="ignore"):
        xy = np.where(meets[:, None], P_hat[:, :2] - P_hat[:, 2:] * r[:, :2] / r[:, 2:], np.nan)
        width = world.room.board_width_m
        unsure = meets & ~(np.sqrt(gaze_cov[:, 0, 0]) <= LOW_CONFIDENCE_SHARE * width)
    status = np.select(
        [none, ~meets, unsure, ~config.blackboard.holds(xy), one],
        ["no_face", "away", "low_confidence", "off_board", "one_camera"],
        "ok",
    )
    measured = ~none
    q = Rotation.from_matrix(R_hat).as_quat(canonical=True)
    F = np.diag([1.0, -1.0, -1.0]) @ R_hat
    angles = np.degrees(
        np.stack(
            [
                np.arcsin(np.clip(-F[:, 0, 2], -1, 1)),
                np.arctan2(F[:, 1, 2], F[:, 2, 2]),
                np.arctan2(F[:, 0, 1], F[:, 0, 0]),
            ],
            1,
        )
    )
    times = world.frame_times("right")
    own = truth["time_s"].to_numpy()
    right = np.clip(np.searchsorted(times, own - 0.5 / o.fps), 0, len(times) - 1).astype(np.int32)
    known = np.where(measured, 1.0, np.nan)
    gaze = pd.DataFrame(
        {
            "time_s": own,
            "frame_left": truth["frame"].to_numpy(),
            "frame_right": right,
            "student": truth["student"].to_numpy(),
            "status": status,
            "gaze_x_m": xy[:, 0],
            "gaze_y_m": xy[:, 1],
            "gaze_xx_m2": np.where(meets, gaze_cov[:, 0, 0], np.nan),
            "gaze_xy_m2": np.where(meets, gaze_cov[:, 0, 1], np.nan),
            "gaze_yy_m2": np.where(meets, gaze_cov[:, 1, 1], np.nan),
            "head_x_m": xy[:, 0],
            "head_y_m": xy[:, 1],
            **{f"nose_{a}_m": P_hat[:, k] * known for k, a in enumerate("xyz")},
            **{f"nose_{a}_sigma_m": np.sqrt(nose_cov[:, k, k]) for k, a in enumerate("xyz")},
            "head_qw": q[:, 3] * known,
            **{f"head_q{a}": q[:, k] * known for k, a in enumerate("xyz")},
            **{
                f"head_{a}_deg": angles[:, k] * known
                for k, a in enumerate(("yaw", "pitch", "roll"))
            },
            **{f"head_{a}_sigma_deg": head_sigma for a in ("yaw", "pitch", "roll")},
            "area": config.blackboard.areas_of(xy),
            "cameras": cameras,
            "covered": np.nan,
            "face_px_left": np.where(seen["left"], face["left"], np.nan),
            "face_px_right": np.where(seen["right"], face["right"], np.nan),
            "epipolar_px": np.where(
                cameras == 2, np.abs(rng.standard_normal(len(truth))) * 0.6, np.nan
            ),
            "row_left": -1,
            "row_right": -1,
        }
    )
    students = _students(gaze, world)
    return gaze, students, _quality(gaze, students)


def _students(gaze: pd.DataFrame, world: World) -> pd.DataFrame:
    """students.parquet, one row a student in seat order."""
    ids = list(world.seats.ids)
    N, T = len(ids), len(gaze) // len(ids)

    def block(column: str) -> np.ndarray:
        return np.asarray(gaze[column].to_numpy().reshape(T, N))

    measured = block("cameras") > 0
    board = np.isin(block("status").astype(str), ["ok", "one_camera", "low_confidence"])
    sigma = gaze_sigma_m(gaze).to_numpy().reshape(T, N)
    with np.errstate(all="ignore"):
        return pd.DataFrame(
            {
                "student": ids,
                "row": world.seats.row,
                **{f"seat_{a}_m": np.nanmedian(block(f"nose_{a}_m"), axis=0) for a in "xyz"},
                "moments": T,
                "coverage": measured.mean(0),
                "board_share": board.sum(0) / np.maximum(measured.sum(0), 1),
                "face_px_median": np.nanmedian(
                    np.concatenate([block("face_px_left"), block("face_px_right")]), axis=0
                ),
                "sigma_median_m": np.nanmedian(sigma, axis=0),
            }
        )


def _quality(gaze: pd.DataFrame, students: pd.DataFrame) -> Quality:
    """quality.json, as far as there is anything to say without pictures."""
    columns = ["student", "row", "coverage", "face_px_median", "sigma_median_m"]
    return Quality.model_validate(
        {
            "coverage": float(students["coverage"].mean()),
            "rows": rows_of(students),
            "seats": students[columns].to_dict("records"),
            "status_counts": {str(k): int(v) for k, v in gaze["status"].value_counts().items()},
            "epipolar_px": {"median": float(gaze["epipolar_px"].median())},
            "clock": {"source": "simulated"},
            "warnings": [
                {
                    "code": "truth_only",
                    "message": "Simulated from the truth and the error budget; no picture was "
                    "analysed.",
                }
            ],
        }
    )


def write_truth_only(out: str | Path, options: Options) -> Path:
    """Write the session folder ``out`` without pictures, and a finished run in it; returns the run
    folder.

    Raises
    ------
    SessionError : impossible options, or ``out`` is in use.
    """
    world = build_world(options.without_pictures("truth-only"))
    with new_folder(out) as aside:
        truth = write_session(aside, world)
        run = Run.create(
            aside / "runs" / RUN_NAME,
            {"source": "gaze simulate --truth-only", "seed": options.seed},
        )
        gaze, students, quality = predicted_run(world, truth, load_config(aside))
        write_table(gaze, run.gaze_path, "gaze")
        write_table(students, run.students_path, "students")
        quality.write(run.quality_path)
        world.rig().save(aside / "rig.json")
        run.update(state="done")
    return Path(out) / "runs" / RUN_NAME
