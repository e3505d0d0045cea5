"""One camera from views of a flat board: several starts, one converged solve.

The solve itself is :mod:`calibration.solve.bundle` with one camera; this module finds
where to begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.solve import bundle
from calibration.transform import Array, rotation_exp

#: Numbers of distortion coefficients that are tried (OpenCV's order).
MODELS = (4, 5, 8)


@dataclass(frozen=True)
class MonoSolution:
    """One camera by itself.

    Parameters
    ----------
    lens : (4 + n,) fx fy cx cy, distortion.
    R_CB, t_CB : (V, 3, 3), (V, 3) board poses.
    view_rms_px : (V,) per point.
    rms_px, sigma_px : over all corners; sigma per coordinate, degrees of freedom counted.
    starts : what each start ended at: focal length tried, focal length reached, rms.
    residual_px : (V, N, 2) predicted − seen.
    """

    lens: Array
    R_CB: Array
    t_CB: Array
    view_rms_px: Array
    rms_px: float
    sigma_px: float
    converged: bool
    starts: tuple[dict[str, float], ...]
    residual_px: Array


def undistort(uv_px: Array, lens: Array) -> Array:
    """(N, 2) pixels → (N, 2) normalised coordinates."""
    K = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-11)
    xy = cv2.undistortPoints(
        np.ascontiguousarray(uv_px, np.float64).reshape(-1, 1, 2), K, lens[4:], None, None, None,
        criteria,
    )  # fmt: skip
    return np.asarray(xy, np.float64).reshape(-1, 2)


def planar_poses(points_B: Array, uv_px: Array, lens: Array) -> list[tuple[Array, Array, float]]:
    """Both pose solutions of a flat board (IPPE), best first.

    points_B : (N, 3) with z = 0; uv_px : (N, 2), rows with NaN are left out.
    Returns [(R_CB, t_CB, rms in normalised coordinates × fx), …], empty where none was found.
    """
    seen = np.isfinite(uv_px).all(1)
    if seen.sum() < 4:
        return []
    xy = undistort(uv_px[seen], lens)
    X = np.ascontiguousarray(points_B[seen], np.float64)
    if not np.isfinite(xy).all():
        return []
    try:
        _, rvecs, tvecs, _ = cv2.solvePnPGeneric(
            X, xy.reshape(-1, 1, 2), np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
    except cv2.error:
        return []
    out = []
    for rvec, tvec in zip(rvecs, tvecs, strict=True):
        R, t = rotation_exp(rvec.ravel()), np.asarray(tvec, np.float64).ravel()
        P = X @ R.T + t
        if not np.isfinite(P).all() or (P[:, 2] <= 1e-9).any():
            continue
        e = P[:, :2] / P[:, 2:] - xy
        out.append((R, t, float(np.sqrt((e**2).sum(1).mean()) * lens[0])))
    return sorted(out, key=lambda item: item[2])


def _focal_from_homographies(homographies: Sequence[Array], centre: Array) -> float | None:
    """Zhang's two constraints per view with the principal point at the picture's centre."""
    rows, rhs = [], []
    shift = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1.0]])
    for H in homographies:
        h = shift @ H
        h = h / np.linalg.norm(h[:, :2])
        a, b = h[:, 0], h[:, 1]
        rows += [a[0] * b[0] + a[1] * b[1], a[0] ** 2 + a[1] ** 2 - b[0] ** 2 - b[1] ** 2]
        rhs += [-a[2] * b[2], -(a[2] ** 2) + b[2] ** 2]
    A, y = np.array(rows), np.array(rhs)
    inverse_f2 = float(A @ y / max(float(A @ A), 1e-300))
    return 1 / np.sqrt(inverse_f2) if inverse_f2 > 0 else None


def mono_problem(points_B: Array, corners: Sequence[Array]) -> bundle.Problem:
    """A :class:`bundle.Problem` with a left camera only; corners (N, 2) each, NaN = missing."""
    uv = np.stack(corners)
    seen = np.isfinite(uv).all(-1)
    V, N = seen.shape
    index = np.arange(V)
    weight = np.asarray(seen, np.float64)
    left = bundle.Observations(index, np.zeros(V, np.intp), np.nan_to_num(uv), weight)
    none = bundle.Observations(
        np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros((0, N, 2)), np.zeros((0, N))
    )
    return bundle.Problem(points_B[None], (left, none), V, np.zeros(V, bool))


def free_lens(n_lens: int, n_other: int, parts: str, *, extra: int = 6) -> bundle.BoolArray:
    """Which globals may move: ``core`` (f and k1), ``all`` of the left lens; never the rest."""
    free = np.zeros(n_lens + n_other + extra, bool)
    if parts == "core":
        free[[0, 1, 4]] = True
    else:
        free[:n_lens] = True
    return free


#: The place of the other camera's lens in a problem with one camera.
_NO_LENS = np.array([1.0, 1, 0, 0, 0, 0, 0, 0])


def _focal_starts(
    points_B: Array, corners: Sequence[Array], size_px: tuple[int, int]
) -> list[float]:
    """Focal lengths to begin from: Zhang's, and three that span phones to telephoto."""
    w, h = size_px
    homographies = []
    for uv in corners:
        ok = np.isfinite(uv).all(1)
        if ok.sum() >= 4:
            H, _ = cv2.findHomography(points_B[ok, :2], uv[ok])
            if H is not None:
                homographies.append(np.asarray(H, np.float64))
    centre = np.array([(w - 1) / 2, (h - 1) / 2])
    zhang = _focal_from_homographies(homographies, centre) if homographies else None
    fixed = [f * max(w, h) for f in (0.6, 1.0, 2.0)]
    return ([zhang] if zhang is not None and 0.2 * w < zhang < 20 * w else []) + fixed


def _begin(points_B: Array, corners: Sequence[Array], lens: Array) -> bundle.State | None:
    """Board poses under a lens (planar solution, the better of two); None where one has none."""
    R, t = np.zeros((len(corners), 3, 3)), np.zeros((len(corners), 3))
    for i, uv in enumerate(corners):
        poses = planar_poses(points_B, uv, lens)
        if not poses:
            return None
        R[i], t[i] = poses[0][0], poses[0][1]
    return bundle.State((lens, _NO_LENS), np.eye(3), np.zeros(3), R, t)


def fit_camera(
    points_B: Array,
    corners: Sequence[Array],
    size_px: tuple[int, int],
    n_distortion: int = 5,
    *,
    start: Array | None = None,
) -> MonoSolution:
    """Calibrate one camera from a flat board.

    Parameters
    ----------
    points_B : (N, 3) the board's corners.
    corners : per view (N, 2) pixels, NaN where a corner is missing.
    start : a lens to begin from (then it is the only start).

    Several focal lengths are tried; each is refined a little with f and k1 alone, and the two best
    ends are solved to convergence with a robust loss, the better of them once more without.
    Raises ``ValueError`` where no start gives a board pose in front of the camera.
    """
    w, h = size_px
    centre = np.array([(w - 1) / 2, (h - 1) / 2])
    n = 4 + n_distortion
    free = {parts: free_lens(n, _NO_LENS.size, parts) for parts in ("core", "all")}
    # starts are compared on some of the views only
    some = [corners[i] for i in np.unique(np.linspace(0, len(corners) - 1, 8).round().astype(int))]
    lenses = (
        [start] if start is not None
        else [np.concatenate([[f, f, *centre], np.zeros(n_distortion)])
              for f in _focal_starts(points_B, some, size_px)]
    )  # fmt: skip
    problem = mono_problem(points_B, some)
    tried: list[dict[str, float]] = []
    ends: list[tuple[float, Array]] = []
    for lens in lenses:
        state = _begin(points_B, some, lens)
        if state is None:
            continue
        end = bundle.solve(
            problem, state, free=free["core"], robust_px=2.0, max_iterations=6, tolerance=1e-4
        )
        reached = end.state.lenses[0]
        tried.append({"f_px": float(lens[0]), "f_end_px": float(reached[0]), "rms_px": end.rms_px})
        ends.append((end.rms_px, reached))
    ends.sort(key=lambda e: e[0])
    if len(ends) > 1 and abs(ends[1][1][0] / ends[0][1][0] - 1) < 0.02:
        ends = ends[:1]  # the best two starts already agree
    problem = mono_problem(points_B, corners)
    best: bundle.Solution | None = None
    for rms, lens in ends[:2]:
        state = _begin(points_B, corners, lens)
        if state is None:
            continue
        robust = bundle.solve(
            problem, state, free=free["all"], robust_px=max(1.0, 1.5 * rms), max_iterations=60,
            tolerance=1e-4,
        )  # fmt: skip
        final = bundle.solve(
            problem, robust.state, free=free["all"], max_iterations=150, tolerance=1e-7
        )
        if best is None or final.rms_px < best.rms_px:
            best = final
    if best is None:
        raise ValueError("no start gives board poses in front of the camera")
    count = problem.cameras[0].weight.sum(1)
    view_rms = np.sqrt((best.residuals[0] ** 2).sum((1, 2)) / np.maximum(count, 1))
    return MonoSolution(
        best.state.lenses[0],
        best.state.R_view,
        best.state.t_view,
        view_rms,
        best.rms_px,
        best.sigma_px,
        best.converged,
        tuple(tried),
        best.residuals[0],
    )
