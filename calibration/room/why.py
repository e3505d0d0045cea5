"""The poses that auxiliary pictures allow; and why they do not fit the pair, where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.camera import CAMERAS
from calibration.inputs import Auxiliary, Seen
from calibration.judge import HOLDOUT_RATIO
from calibration.solve import bundle
from calibration.solve.estimate import Estimate
from calibration.solve.intrinsics import planar_poses
from calibration.solve.pair import resect
from calibration.solve.problem import (
    build,
)
from calibration.transform import Array, geodesic_deg
from calibration.verdict import Cause

_Pose = tuple[Array, Array, float, Array, Array]


def pose_solutions(
    points: Array,
    left: Array | None,
    right: Array | None,
    s: bundle.State,
    warp: Array | None,
) -> list[_Pose]:
    """All distinct minima of the board's pose over the pictures there are, best first."""
    ends: list[_Pose] = []
    starts: list[tuple[Array, Array]] = []
    if left is not None:
        starts += [(R, t) for R, t, _ in planar_poses(points, left, s.lenses[0])]
    if right is not None:
        starts += [
            (s.R_RL.T @ R, s.R_RL.T @ (t - s.t_RL))
            for R, t, _ in planar_poses(points, right, s.lenses[1])
        ]
    problem = build([points], [(left, right, 0)])
    problem = replace(problem, home_right=np.zeros(1, bool))
    free = np.zeros(s.lenses[0].size + s.lenses[1].size + 6, bool)
    for R, t in starts:
        state = bundle.State(
            s.lenses, s.R_RL, s.t_RL, R[None], t[None], np.zeros(2) if warp is None else warp
        )
        end = bundle.solve(problem, state, free=free, max_iterations=60)
        if not np.isfinite(end.cost):
            continue
        R_end, t_end = end.state.R_view[0], end.state.t_view[0]
        r = [x[0] if len(x) else np.zeros((len(points), 2)) for x in end.residuals]
        if all(float(geodesic_deg(R_end, e[0])) > 1.0 for e in ends):
            ends.append((R_end, t_end, end.rms_px, r[0], r[1]))
    return sorted(ends, key=lambda e: e[2])


def scale_of(
    points: Array, left: Array | None, right: Array | None, s: bundle.State, sigma_px: float
) -> tuple[float, float] | None:
    """How large the two cameras see the board, as a factor on its stated size, and its σ.

    The cameras' distance fixes the scale; a factor other than 1 says that this board's square, or
    that of the calibration board, is not as large as stated (or that something moved).
    """
    if left is None or right is None:
        return None
    end = resect(points, left, right, s.lenses, s.R_RL, s.t_RL)
    if end is None:
        return None
    problem = build([points], [(left, right, 0)])
    state = bundle.State(s.lenses, s.R_RL, s.t_RL, end[0][None], end[1][None])
    factor = 1.0
    variance = 1.0
    for _ in range(8):
        scaled = replace(problem, boards=problem.boards * factor)
        rows, rhs = [], []
        for c in (0, 1):
            lin = bundle.linearise(scaled, state, c, with_warp=False)
            R = state.R_view[0] if c == 0 else s.R_RL @ state.R_view[0]
            X = scaled.boards[0] @ R.T / factor
            # ∂uv/∂t of this camera times the change of the point with the factor
            d_t = lin.J_view[0][:, :, 3:] if c == 0 else lin.J_view[0][:, :, 3:] @ s.R_RL.T
            d_factor = np.einsum("nij,nj->ni", d_t, X)
            w = scaled.cameras[c].weight[0][:, None]
            J = np.concatenate([lin.J_view[0], d_factor[..., None]], -1) * w[..., None]
            rows.append(J.reshape(-1, 7))
            rhs.append((lin.residual[0] * w).ravel())
        A, b = np.concatenate(rows), np.concatenate(rhs)
        H = A.T @ A
        try:
            step = -np.linalg.solve(H, A.T @ b)
        except np.linalg.LinAlgError:
            return None
        still = np.zeros(s.lenses[0].size + s.lenses[1].size + 6)
        state = state.moved(still, step[None, :6], False)
        factor += float(step[6])
        if not 0.05 < factor < 20:
            return None
        variance = float(np.linalg.inv(H)[6, 6])
        if abs(step[6]) < 1e-7:
            break
    return factor, float(np.sqrt(variance) * sigma_px)


def why_inconsistent(
    label: str,
    aux: Auxiliary,
    seen: Seen,
    found: Estimate,
    rms_px: float,
    mono_rms: Sequence[float],
    scale: tuple[float, float] | None,
) -> Cause:
    """The auxiliary pictures do not fit the pair: find out why."""
    s = found.solution.state
    points = aux.board.points_B()
    left, right = aux.view.left, aux.view.right
    good = max(4 * found.solution.sigma_px, 2.0 * found.solution.rms_px, 0.5)
    alone = max(mono_rms, default=0.0)
    held = found.holdout
    broken = any(c.severity == "FAIL" for c in found.rejected.causes) or (
        held is not None and held.left_to_right_px > HOLDOUT_RATIO[1] * held.expected_px
    )
    if broken:
        return Cause(
            "auxiliary_inconsistent",
            "FAIL",
            f"{label} does not fit the relative pose of the cameras ({rms_px:.1f} px), which is "
            "not right itself",
            "Mend the shared views first.",
        )
    if alone > max(good, 0.8 * rms_px) or left is None or right is None:
        return Cause(
            "auxiliary_inconsistent",
            "FAIL",
            f"{label} does not fit the lens of its own picture ({alone:.2f} px): the zoom or the "
            "picture size changed since the calibration pictures, or the corners are wrong",
            "Take the auxiliary pictures with the same zoom, focus and picture size.",
        )
    if scale is not None and abs(scale[0] - 1) > 0.03:
        end = resect(points * scale[0], left, right, s.lenses, s.R_RL, s.t_RL)
        if end is not None and end[2] < good:
            return Cause(
                "auxiliary_square",
                "FAIL",
                f"{label} looks {scale[0]:.2f} times as large as stated: its square_m or that of "
                "the calibration board is wrong",
                "Measure both boards' squares with a ruler (ten squares at once, divided by ten).",
            )
    for k, camera in enumerate(CAMERAS):
        rms, factor = _fits_if_zoomed(points, left, right, s, k, seen.sizes[camera])
        if rms < good and abs(factor - 1) > 0.03:
            return Cause(
                "auxiliary_zoom",
                "FAIL",
                f"{label} fits only if the {camera} camera's zoom or picture size changed by the "
                f"factor {factor:.2f} since the calibration pictures",
                "Take the auxiliary pictures with the same zoom, focus and picture size.",
            )
    turned = [_fits_if_turned(points, left, right, s, k) for k in (0, 1)]
    if min(turned) < good:
        return Cause(
            "camera_bumped",
            "FAIL",
            f"{label} fits only if the {CAMERAS[int(np.argmin(turned))]} camera was turned since "
            f"the calibration pictures ({rms_px:.1f} px): it was bumped",
            "Fix the cameras, then take all calibration pictures again.",
        )
    return Cause(
        "auxiliary_moved",
        "FAIL",
        f"{label} is not in the same place in both pictures ({rms_px:.1f} px): it was moved "
        "between them, or a camera was",
        "Take both auxiliary pictures without touching board or cameras.",
    )


def _fits_if_turned(
    points: Array, left: Array, right: Array, s: bundle.State, camera: int
) -> float:
    """Joint rms of one view when that camera may also have turned about its own centre.

    A left camera that turned leaves t_RL as it was and changes R_RL; for the right one the roles
    are exchanged.
    """
    if camera == 1:
        s = replace(s, lenses=(s.lenses[1], s.lenses[0]), R_RL=s.R_RL.T, t_RL=-s.R_RL.T @ s.t_RL)
        left, right = right, left
    n = s.lenses[0].size + s.lenses[1].size
    free = np.zeros(n + 6, bool)
    free[n : n + 3] = True
    return _fit_one(points, left, right, s, free).rms_px


def _fits_if_zoomed(
    points: Array,
    left: Array,
    right: Array,
    s: bundle.State,
    camera: int,
    size_px: tuple[int, int],
) -> tuple[float, float]:
    """Joint rms of one view when that camera's zoom may have changed, and the factor on f.

    Zoomed about the picture's middle, or made smaller as a whole (about its corner).
    """
    n0 = s.lenses[0].size
    free = np.zeros(n0 + s.lenses[1].size + 6, bool)
    first = 0 if camera == 0 else n0
    free[first : first + 2] = True
    best, factor = np.inf, 1.0
    old = s.lenses[camera]
    for about in (np.zeros(2), (np.array(size_px) - 1) / 2):
        for guess in (1.0, 0.5, 0.67, 1.5):
            f = old[:2] * guess
            for _ in range(2):  # f, then the principal point that goes with it
                lens = old.copy()
                lens[:2] = f
                lens[2:4] = about + (old[2:4] - about) * (f.mean() / old[:2].mean())
                lenses = (lens, s.lenses[1]) if camera == 0 else (s.lenses[0], lens)
                end = _fit_one(points, left, right, replace(s, lenses=lenses), free)
                f = end.state.lenses[camera][:2]
                if not np.isfinite(f).all() or (f < 0.1 * old[:2]).any():
                    break
            even = abs(float((f[0] / old[0]) / (f[1] / old[1])) - 1) < 0.01
            if even and end.rms_px < best:
                best, factor = end.rms_px, float(f.mean() / old[:2].mean())
    return best, factor


def _fit_one(
    points: Array, left: Array, right: Array, s: bundle.State, free: bundle.BoolArray
) -> bundle.Solution:
    """One view's pose and some globals, from both cameras' planar starts; the better end."""
    problem = build([points], [(left, right, 0)])
    starts = [(R, t) for R, t, _ in planar_poses(points, left, s.lenses[0])[:1]]
    starts += [
        (s.R_RL.T @ R, s.R_RL.T @ (t - s.t_RL))
        for R, t, _ in planar_poses(points, right, s.lenses[1])[:1]
    ]
    ends = [
        bundle.solve(
            problem, bundle.State(s.lenses, s.R_RL, s.t_RL, R[None], t[None]), free=free,
            max_iterations=25, tolerance=1e-5,
        )
        for R, t in starts
    ]  # fmt: skip
    return min(ends, key=lambda e: e.rms_px)
