"""The students' constant errors (gaze/gain/consensus.py) in a gaze table: found, taken off, put
back. Only heads and noses are read, and ``head_x_m``, ``head_y_m`` stay what they were, so that a
student can be forgotten: put back, leave out, find again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.transform import Array
from gaze.gain.angles import angles_of, meet, meet_jacobian, towards
from gaze.gain.consensus import CONSTANT, Bins, consensus
from sessions.config import Blackboard
from sessions.quality import AgreedStudent, Agreement

READ = ("ok", "one_camera", "off_board")  # heads that are sure enough
FLATTEST_DEG = 5.0  # a corrected ray nearer to the board's plane is left as it was
SPREAD = ["gaze_xx_m2", "gaze_xy_m2", "gaze_yy_m2"]


def agreement_of(gaze: pd.DataFrame, board: Blackboard) -> Agreement:
    """What a lesson's gaze table says of its students' constant errors."""
    read = gaze[gaze["status"].isin(READ) & gaze["head_qw"].notna()]
    if not len(read):
        return Agreement(why="nobody's head was measured")
    number, names = pd.factorize(read["student"].astype(str), sort=True)
    q = read[[f"head_q{a}" for a in "xyzw"]].to_numpy(np.float64)
    sigma = np.radians(read[["head_yaw_sigma_deg", "head_pitch_sigma_deg"]].to_numpy(np.float64))
    bins = Bins.of(
        read["time_s"].to_numpy(np.float64),
        number.astype(np.int64),
        read[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64),
        Rotation.from_quat(q).as_matrix()[:, :, 2],
        sigma,
        len(names),
    )
    stated = pd.DataFrame(sigma**2).groupby(number).median().to_numpy(np.float64)
    found = consensus(bins, CONSTANT * stated, board)
    if found is None:
        return Agreement(why="too few moments with four students or more")
    left = found.variance_rad2 / found.prior_rad2
    error, share = np.degrees(found.error_rad), found.model.share
    return Agreement(
        fitted=True,
        share=(float(share[0]), float(share[1])),
        spread_deg=(float(np.degrees(found.model.tau[0])), float(np.degrees(found.model.tau[1]))),
        scatter_m=(float(found.model.scatter_m[0]), float(found.model.scatter_m[1])),
        students=tuple(
            AgreedStudent(
                student=str(name), used=bool(found.used[k]), proof=float(found.proof[k]),
                error_deg=(float(error[k, 0]), float(error[k, 1])),
                left=(float(left[k, 0]), float(left[k, 1])),
            )
            for k, name in enumerate(names)
        ),
    )  # fmt: skip


def corrected(gaze: pd.DataFrame, found: Agreement, board: Blackboard) -> pd.DataFrame:
    """The table with the used students' points moved, and their covariances narrowed.

    All covariances are first rounded to nine digits, so that :func:`uncorrected` gives those back
    to the bit.
    """
    gaze = _nine_digits(gaze)
    rows, _, xy, K = _moves(gaze, found)
    return _with(gaze, rows, xy, K, board)


def uncorrected(gaze: pd.DataFrame, found: Agreement, board: Blackboard) -> pd.DataFrame:
    """The inverse of :func:`corrected`, with the rounded covariances."""
    rows, head_xy, _, K = _moves(gaze, found)
    K_back = np.asarray(np.linalg.inv(K), np.float64)
    return _nine_digits(_with(gaze, rows, head_xy, K_back, board))


def _nine_digits(gaze: pd.DataFrame) -> pd.DataFrame:
    """The table with covariances of nine significant digits of the larger variance."""
    values = gaze[SPREAD].to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = np.maximum(values[:, 0], values[:, 2])
        scale = 10.0 ** (8 - np.floor(np.log10(largest)))[:, None]
        rounded = np.where(np.isfinite(scale), np.round(values * scale) / scale, values)
    return gaze.assign(**dict(zip(SPREAD, rounded.T, strict=True)))


def _moves(gaze: pd.DataFrame, found: Agreement) -> tuple[NDArray[np.int64], Array, Array, Array]:
    """The R rows whose points move: their numbers, the points as measured and corrected (R, 2), and
    the maps K (R, 2, 2) of small errors at the former to those at the latter."""
    of = {s.student: s for s in found.students if s.used}
    rows = np.flatnonzero(gaze["student"].astype(str).isin(of) & gaze["gaze_x_m"].notna())
    own = [of[str(name)] for name in gaze["student"].iloc[rows]]
    error = np.radians(np.array([s.error_deg for s in own], np.float64)).reshape(-1, 2)
    left = np.array([s.left for s in own], np.float64).reshape(-1, 2)
    P_W = gaze[["nose_x_m", "nose_y_m", "nose_z_m"]].to_numpy(np.float64)[rows]
    head_xy = gaze[["head_x_m", "head_y_m"]].to_numpy(np.float64)[rows]
    angle = angles_of(towards(P_W, head_xy))
    xy = meet(P_W, angle - error)
    to_plane = P_W[:, 2] / np.linalg.norm(towards(P_W, xy), axis=1)
    moves = np.isfinite(xy).all(1) & (to_plane > np.sin(np.radians(FLATTEST_DEG)))
    rows, head_xy, xy, P_W = rows[moves], head_xy[moves], xy[moves], P_W[moves]
    angle, error = angle[moves], error[moves]
    narrowed = np.sqrt(1 - CONSTANT * (1 - left[moves]))  # of each angle's σ
    J = meet_jacobian(P_W, angle)
    K = meet_jacobian(P_W, angle - error) * narrowed[:, None, :] @ np.linalg.inv(J)
    return rows, head_xy, xy, np.asarray(K, np.float64)


def _with(
    gaze: pd.DataFrame, rows: NDArray[np.int64], xy: Array, K: Array, board: Blackboard
) -> pd.DataFrame:
    """The table with these points in these rows, errors mapped by K; status and area follow."""
    if not len(rows):
        return gaze
    out = gaze.reset_index(drop=True)
    xx, both, yy = out[SPREAD].to_numpy(np.float64)[rows].T
    cov = np.stack([np.stack([xx, both], -1), np.stack([both, yy], -1)], -2)
    cov = K @ cov @ np.swapaxes(K, -1, -2)
    out.loc[rows, ["gaze_x_m", "gaze_y_m"]] = xy
    out.loc[rows, SPREAD] = np.stack([cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1]], -1)
    status = out["status"].astype(object).to_numpy(copy=True)
    area = out["area"].astype(object).to_numpy(copy=True)
    cameras = out["cameras"].to_numpy()[rows]
    sure = np.isin(status[rows].astype(str), READ)
    seen = np.where(cameras == 1, "one_camera", "ok")
    status[rows[sure]] = np.where(board.holds(xy), seen, "off_board")[sure]
    area[rows] = board.areas_of(xy)
    for name, values in (("status", status), ("area", area)):
        kind = gaze[name].dtype
        categorical = isinstance(kind, pd.CategoricalDtype)
        out[name] = pd.Series(values).astype("category" if categorical else kind)
    out.index = gaze.index
    return out
