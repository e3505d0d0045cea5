"""What the rig's own uncertainty does to the gaze points (docs/conventions.md 5).

The rig is measured once, so its error is the same for every moment: it does not average out, and it
is kept apart in quality.json. Here its share of each gaze point's covariance is found by moving one
rig parameter after the other and following nose and head to the blackboard, all rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.rig import Rig
from calibration.transform import Array
from gaze.room.geometry import gaze_jacobians
from gaze.room.position import linearised_nose

STEP_SIGMAS = 0.1  # how far each parameter is moved, in its own σ
#: Within so much a rig's change moves noses and turns crops alike: σ is 5 % off at most.
CELL_M, CELL_PX, CELL_LOG_SIGMA = 0.05, 32.0, 0.25


@dataclass(frozen=True)
class RigDependence:
    """What N gaze points depend on; rows as in :func:`gaze.room.position.solve_positions`.

    uv_px : (N, 2, 2). sigma_px : (N, 2). P_W : (N, 3). R_WS : (N, 3, 3) fused.
    centre_px : (N, 2, 2) where each camera's virtual camera looks. share : (N, 2) weight of each
    camera in the fused head; rows sum to 1, or to 0 where the head comes from elsewhere.
    nose_from_rig : False where the noses come from elsewhere.
    """

    uv_px: Array
    sigma_px: Array
    P_W: Array
    R_WS: Array
    centre_px: Array
    share: Array
    nose_from_rig: bool = True


@dataclass
class RigCells:
    """What a rig's own error does to noses and crops, by cell (:func:`_cells`), for the blocks of
    one lesson, which lie in the same cells.

    number : cells by what they are. covariance : (M, 9, 9) of the nose in W and of each camera's
    turn, as :func:`_moves`.
    """

    rig: Rig
    number: dict[bytes, int] = field(default_factory=dict)
    covariance: Array = field(default_factory=lambda: np.zeros((0, *[3 * (1 + len(CAMERAS))] * 2)))

    @cached_property
    def moved(self) -> list[tuple[int, float, Rig]]:
        """The rig moved by one of its parameters: which, how far, and to what."""
        steps = self.rig.steps(STEP_SIGMAS)
        each = zip(steps, np.diag(steps), strict=True)
        return [(k, step, self.rig.perturbed(d)) for k, (step, d) in enumerate(each) if step > 0]

    def of(self, rows: RigDependence) -> tuple[Array, NDArray[np.intp]]:
        """The covariances, and which of them is each row's (N,); the rig has a covariance."""
        assert self.rig.covariance is not None
        keys, cell = _keys(rows)
        names = [key.tobytes() for key in keys]
        new = [k for k, name in enumerate(names) if name not in self.number]
        if new:
            moves = _moves(self, _cells(self.rig, keys[new]), rows.nose_from_rig)
            found = moves @ self.rig.covariance @ np.swapaxes(moves, -1, -2)
            self.number |= {names[k]: len(self.number) + i for i, k in enumerate(new)}
            self.covariance = np.concatenate([self.covariance, found])
        return self.covariance, np.array([self.number[name] for name in names], np.intp)[cell]


def gaze_spread_from_rig(rig: Rig, rows: RigDependence, known: RigCells | None = None) -> Array:
    """Covariance (N, 2, 2) in m² of the gaze points from the rig alone; 0 if the rig has none.

    How nose and crops move with the rig hardly changes within a few centimetres: it is found once
    for each cell. What the gaze point makes of it is each row's own. known : cells of this rig and
    lesson that were met before; new ones are added.
    """
    n = len(rows.P_W)
    if rig.covariance is None or n == 0:
        return np.zeros((n, 2, 2))
    covariance, cell = (known or RigCells(rig)).of(rows)
    by_nose, by_head = gaze_jacobians(rows.P_W, rows.R_WS)
    by_turn = by_head @ np.swapaxes(rows.R_WS, -1, -2)  # a turn in W is δ = Rᵀ turn in S
    share = rows.share[:, :, None, None]
    B = np.concatenate([by_nose, *(share[:, c] * by_turn for c in range(len(CAMERAS)))], -1)
    return np.asarray(B @ covariance[cell] @ np.swapaxes(B, -1, -2))


@dataclass(frozen=True)
class _Cells:
    """M places that rows share. P_W : (M, 3). uv_px, centre_px : (M, 2, 2). sigma_px : (M, 2)."""

    P_W: Array
    uv_px: Array
    centre_px: Array
    sigma_px: Array


_UNKNOWN = np.iinfo(np.int64).min
_SIZE = np.array([CELL_M] * 3 + [CELL_PX] * 4 + [CELL_LOG_SIGMA] * 2)


def _keys(rows: RigDependence) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The cells (M, 9) that the rows lie in, in multiples of their size, and which is whose."""
    seen = np.isfinite(rows.uv_px).all(-1)
    sigma = np.where(seen, rows.sigma_px, np.nan)
    values = np.concatenate([rows.P_W, rows.centre_px.reshape(-1, 4), np.log(sigma)], 1)
    at = np.where(np.isfinite(values), np.round(np.nan_to_num(values / _SIZE)), _UNKNOWN)
    at = at.astype(np.int64)
    cell = pd.DataFrame(at).groupby(list(range(at.shape[1]))).ngroup().to_numpy(np.intp)
    keys = np.empty((cell.max() + 1, at.shape[1]), np.int64)
    keys[cell] = at
    return keys, cell


def _cells(rig: Rig, keys: NDArray[np.int64]) -> _Cells:
    """The middles of cells; what is not known is NaN."""
    middle = np.where(keys == _UNKNOWN, np.nan, keys * _SIZE)
    P_W, sigma_px = middle[:, :3], np.exp(middle[:, 7:])
    uv = [rig.camera(name).project(rig.T_WC(name).inverse().apply(P_W)) for name in CAMERAS]
    uv_px = np.where(np.isfinite(sigma_px)[..., None], np.stack(uv, 1), np.nan)
    return _Cells(P_W, uv_px, middle[:, 3:7].reshape(-1, 2, 2), sigma_px)


def _moves(known: RigCells, cells: _Cells, nose_from_rig: bool) -> Array:
    """(M, 9, K) by each parameter of the rig: the nose in W, and the turn in W of each camera's
    crops as rotation vectors; 0 where a camera does not see."""
    rig = known.rig
    out = np.zeros((len(cells.P_W), 3 * (1 + len(CAMERAS)), len(rig.parameter_names)))
    nose = linearised_nose(rig, cells.uv_px, cells.sigma_px, cells.P_W) if nose_from_rig else None
    R_CV = [_looking(rig, rig, c, cells.centre_px) for c in range(len(CAMERAS))]
    for k, step, moved in known.moved:
        if nose is not None:
            out[:, :3, k] = nose(moved) / step
        for c in range(len(CAMERAS)):
            out[:, 3 * (c + 1) : 3 * (c + 2), k] = _turn(rig, moved, c, R_CV[c], cells) / step
    return np.nan_to_num(out)


def _looking(rig: Rig, upright: Rig, c: int, centre_px: Array) -> Array:
    """R_CV (N, 3, 3) of a camera's crops; "down" in them stays where the analysed crops had it."""
    down_C = upright.T_WC(CAMERAS[c]).R.T @ np.array([0.0, 1.0, 0.0])
    return rig.camera(CAMERAS[c]).look_at_rotations(centre_px[:, c], down_C)


def _turn(rig: Rig, moved: Rig, c: int, R_CV: Array, cells: _Cells) -> Array:
    """(M, 3) rotation vectors in W by which a camera's heads turn when the rig does: log(R' Rᵀ),
    R = R_WC R_CV; or one (3,) for all where the lens stays as it is."""
    name = CAMERAS[c]
    R, R_moved = rig.T_WC(name).R, moved.T_WC(name).R
    if moved.camera(name) is rig.camera(name):
        return _small_log(R_moved @ R.T)
    out = np.full((len(R_CV), 3), np.nan)
    looks = np.isfinite(cells.centre_px[:, c]).all(-1)
    R_CV_moved = _looking(moved, rig, c, cells.centre_px[looks])
    out[looks] = _small_log(R_moved @ R_CV_moved @ np.swapaxes(R @ R_CV[looks], -1, -2))
    return out


def _small_log(R: Array) -> Array:
    """Rotation vectors (..., 3) of rotations by less than a right angle; five times as fast as
    :func:`calibration.transform.rotation_log`."""
    turn = (R - np.swapaxes(R, -1, -2)) / 2
    v = np.stack([turn[..., 2, 1], turn[..., 0, 2], turn[..., 1, 0]], -1)
    sine = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.asarray(v * np.arcsin(sine) / np.maximum(sine, 1e-300))
