"""One camera from views of a flat board: several starts, one converged solve.

The solve itself is :mod:`calibration.solve.bundle` with one camera; this module finds
where to begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from calibration.lens import CORE, Lens, Model
from calibration.solve import bundle
from calibration.solve.problem import build
from calibration.transform import Array, geodesic_deg, rotation_exp, smallest_rotation

#: Lens models that are tried: OpenCV's numbers of distortion coefficients, and the equidistant one.
Choice = int | Literal["equidistant"]
MODELS: tuple[Choice, ...] = (4, 5, 8, "equidistant")


def shape_of(choice: Choice) -> tuple[int, Model]:
    """(number of coefficients, model) of a choice."""
    return (4, "equidistant") if choice == "equidistant" else (choice, "pinhole")


def choice_of(lens: Lens) -> Choice:
    """The inverse of :func:`shape_of`."""
    return "equidistant" if lens.model == "equidistant" else lens.size - CORE


@dataclass(frozen=True)
class MonoSolution:
    """One camera by itself, as the left one of a solution.

    Parameters
    ----------
    solution : with the board poses in this camera.
    """

    solution: bundle.Solution

    @property
    def lens(self) -> Lens:
        """Focal lengths, middle and distortion."""
        return self.solution.state.lenses[0]

    @property
    def rms_px(self) -> float:
        """Over all corners."""
        return self.solution.rms_px

    @property
    def residual_px(self) -> Array:
        """(V, N, 2) predicted − seen."""
        return self.solution.residuals[0]


def planar_poses(points_B: Array, uv_px: Array, lens: Lens) -> list[tuple[Array, Array, float]]:
    """Both pose solutions of a flat board (IPPE), best first.

    points_B : (N, 3) with z = 0; uv_px : (N, 2), rows with NaN are left out.
    Solved in a camera V that looks at the board's middle (far from the axis of a wide lens a pixel
    is a long way on the plane z = 1).
    Returns [(R_CB, t_CB, rms in V's coordinates × fx), …], empty where none was found.
    """
    xy_C = lens.undistort(uv_px)
    seen = np.isfinite(xy_C).all(1)
    if seen.sum() < 4:
        return []
    d = np.concatenate([xy_C[seen], np.ones((int(seen.sum()), 1))], 1)
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    middle = d.mean(0)
    R_CV = smallest_rotation(middle / np.linalg.norm(middle))
    d = d @ R_CV
    if (d[:, 2] < 0.05).any():
        return []
    xy = d[:, :2] / d[:, 2:]
    X = np.ascontiguousarray(points_B[seen], np.float64)
    try:
        _, rvecs, tvecs, _ = cv2.solvePnPGeneric(
            X, xy.reshape(-1, 1, 2), np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
    except cv2.error:
        return []
    out = []
    for rvec, tvec in zip(rvecs, tvecs, strict=True):
        R_VB, t_VB = rotation_exp(rvec.ravel()), np.asarray(tvec, np.float64).ravel()
        P = X @ R_VB.T + t_VB
        if not np.isfinite(P).all() or (P[:, 2] <= 1e-9).any() or (P @ R_CV[2] <= 1e-9).any():
            continue
        e = P[:, :2] / P[:, 2:] - xy
        rms = float(np.sqrt((e**2).sum(1).mean()) * lens.values[0])
        out.append((R_CV @ R_VB, R_CV @ t_VB, rms))
    return sorted(out, key=lambda item: item[2])


#: The place of the other camera's lens in a problem with one camera.
_NO_LENS = Lens(np.array([1.0, 1, 0, 0, 0, 0, 0, 0]))


def _focal_starts(size_px: tuple[int, int], model: Model) -> list[float]:
    """Focal lengths to begin from: those of wide, usual and long lenses."""
    if model == "equidistant":
        return [max(size_px) / np.radians(angle) for angle in (170, 130, 80)]
    return [f * max(size_px) for f in (0.6, 1.0, 2.0)]


def _begin(points_B: Array, corners: Sequence[Array], lens: Lens) -> bundle.State | None:
    """Board poses under a lens (planar solution, the better of two); None where one has none."""
    R, t = np.zeros((len(corners), 3, 3)), np.zeros((len(corners), 3))
    for i, uv in enumerate(corners):
        poses = planar_poses(points_B, uv, lens)
        if not poses:
            return None
        R[i], t[i] = poses[0][0], poses[0][1]
    return bundle.State((lens, _NO_LENS), np.eye(3), np.zeros(3), R, t)


def _turned(points_B: Array, corners: Sequence[Array], state: bundle.State) -> bundle.State | None:
    """The state with boards whose better planar solution, by the lens found, is the other one.

    By the lens that it begins from, a far board's may be the wrong one, and no small step leads
    from one to the other. None where all are as they should be.
    """
    under = _begin(points_B, corners, state.lenses[0])
    if under is None:
        return None
    other = geodesic_deg(under.R_view, state.R_view) > OTHER_PLANAR_DEG
    if not other.any():
        return None
    R = np.where(other[:, None, None], under.R_view, state.R_view)
    return replace(state, R_view=R, t_view=np.where(other[:, None], under.t_view, state.t_view))


#: A board's two planar solutions are further apart than this, where they are two.
OTHER_PLANAR_DEG = 3.0
#: A camera whose pinhole spans more than this (picture over twice f: 90°), or fits worse than this,
#: is also begun as a fisheye …
WIDE, MISFIT_PX = 1.0, 0.5
#: … and goes on as one where that fits so much better.
FISHEYE_GAIN = 0.9


def begin_camera(
    points_B: Array,
    corners: Sequence[Array],
    size_px: tuple[int, int],
    models: Sequence[Choice],
) -> MonoSolution:
    """One camera by itself as a pinhole of five coefficients, or as a fisheye where it is one.

    Raises ``ValueError`` as :func:`fit_camera`.
    """
    plain = [m for m in models if m != "equidistant"]
    ends: list[MonoSolution] = []
    error: ValueError | None = None
    if plain:
        try:
            ends.append(fit_camera(points_B, corners, size_px, 5 if 5 in plain else plain[0]))
        except ValueError as failed:
            error = failed
    if "equidistant" in models and not (
        ends and ends[0].rms_px < MISFIT_PX and max(size_px) < 2 * WIDE * ends[0].lens.f_px
    ):
        try:
            ends.append(fit_camera(points_B, corners, size_px, "equidistant"))
        except ValueError as failed:
            error = failed
    if not ends:
        assert error is not None
        raise error
    if len(ends) == 2 and ends[1].rms_px > FISHEYE_GAIN * ends[0].rms_px:
        return ends[0]
    return ends[-1]


def fit_camera(
    points_B: Array,
    corners: Sequence[Array],
    size_px: tuple[int, int],
    choice: Choice = 5,
) -> MonoSolution:
    """Calibrate one camera from a flat board.

    Parameters
    ----------
    points_B : (N, 3) the board's corners.
    corners : per view (N, 2) pixels, NaN where a corner is missing.
    choice : the lens model.

    Several focal lengths are tried; each is refined a little with f and k1 alone, and the two best
    ends are solved to convergence with a robust loss, the better of them once more without.
    Raises ``ValueError`` where no start gives a board pose in front of the camera.
    """
    w, h = size_px
    centre = np.array([(w - 1) / 2, (h - 1) / 2])
    n_distortion, model = shape_of(choice)
    number = np.arange(CORE + n_distortion + _NO_LENS.size + 6)
    all_of_it, core = number < CORE + n_distortion, np.isin(number, (0, 1, 4))  # core: f and k1
    # starts are compared on some of the views only
    some = [corners[i] for i in np.unique(np.linspace(0, len(corners) - 1, 8).round().astype(int))]
    lenses = [
        Lens(np.concatenate([[f, f, *centre], np.zeros(n_distortion)]), model)
        for f in _focal_starts(size_px, model)
    ]
    problem = build([points_B], [(uv, None, 0) for uv in some])
    ends: list[tuple[float, Lens]] = []
    for lens in lenses:
        state = _begin(points_B, some, lens)
        if state is None:
            continue
        end = bundle.solve(
            problem, state, free=core, robust_px=2.0, max_iterations=6, tolerance=1e-4
        )
        ends.append((end.rms_px, end.state.lenses[0]))
    ends.sort(key=lambda e: e[0])
    if len(ends) > 1 and abs(ends[1][1].f_px / ends[0][1].f_px - 1) < 0.02:
        ends = ends[:1]  # the best two starts already agree
    problem = build([points_B], [(uv, None, 0) for uv in corners])
    best: bundle.Solution | None = None
    for rms, lens in ends[:2]:
        state = _begin(points_B, corners, lens)
        if state is None:
            continue
        robust = bundle.solve(
            problem, state, free=all_of_it, robust_px=max(1.0, 1.5 * rms), max_iterations=60,
            tolerance=1e-4,
        )  # fmt: skip
        for start in (robust.state, _turned(points_B, corners, robust.state)):
            if start is None:
                continue
            final = bundle.solve(problem, start, free=all_of_it, max_iterations=150, tolerance=1e-7)
            if best is None or final.rms_px < best.rms_px:
                best = final
    if best is None:
        raise ValueError("no start gives board poses in front of the camera")
    return MonoSolution(best)
