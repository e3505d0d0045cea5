"""The poses that auxiliary pictures allow; and why they do not fit the pair, where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration.camera import CAMERAS
from calibration.inputs import Auxiliary, Seen
from calibration.judge import HOLDOUT_RATIO
from calibration.shapes import shapes
from calibration.solve import bundle
from calibration.solve.estimate import Estimate
from calibration.solve.pair import Diagnosis, diagnose, one_view, resect, view_starts
from calibration.transform import Array, geodesic_deg
from calibration.verdict import Cause, Hypothesis, named

#: What may be wrong with the two pictures by themselves, and what to do.
WRONG_PICTURES = {
    "same_picture_twice": "Give each camera's own picture.",
    "swapped_pictures": "Exchange the two files: left is left for somebody who faces the board.",
    "mirrored_picture": "Switch off mirroring (often a selfie setting) and take it again.",
}

_Pose = tuple[Array, Array, float, Array, Array]


@shapes(points="n 3", left="n 2", right="n 2")
def pose_solutions(
    points: Array,
    left: Array | None,
    right: Array | None,
    s: bundle.State,
    warp: Array | None,
) -> list[_Pose]:
    """All distinct minima of the board's pose over the pictures there are, best first."""
    ends: list[_Pose] = []
    problem = one_view(points, left, right)
    free = np.zeros(s.lenses[0].size + s.lenses[1].size + 6, bool)
    for R, t in view_starts(points, left, right, s.lenses, s.R_RL, s.t_RL):
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


@shapes(points="n 3", left="n 2", right="n 2")
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
    problem = one_view(points, left, right)
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
    scale: tuple[float, float] | None,
) -> Cause:
    """The auxiliary pictures do not fit the pair: what happened, by trying what may have.

    Each hypothesis frees what it says had changed; the one that fits best for the number of
    parameters it needs is named, and the next best told where it is near.
    """
    s = found.solution.state
    points = aux.board.points_B()
    left, right = aux.view.left, aux.view.right
    sigma = max(found.solution.sigma_px, 0.02)
    good = max(4 * sigma, 2.0 * found.solution.rms_px, 0.5)
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
    same_zoom = "Take the auxiliary pictures with the same zoom, focus and picture size."
    lens = (
        "auxiliary_inconsistent",
        f"{label} does not fit the lens of its own picture: the zoom or the picture size changed "
        "since the calibration pictures, or the corners are wrong",
        same_zoom,
    )
    if left is None or right is None:
        return Cause(lens[0], "FAIL", lens[1], lens[2])
    widths = (seen.sizes["left"][0], seen.sizes["right"][0])
    known = diagnose(
        points, aux.board.inner_corners, left, right, widths, s.lenses, s.R_RL, s.t_RL, good
    )
    if np.array_equal(left, right, equal_nan=True):
        known = Diagnosis("same_picture_twice", None, "left and right hold the same picture")
    if known.code in WRONG_PICTURES:
        return Cause(known.code, "FAIL", f"{label}: {known.detail}", WRONG_PICTURES[known.code])
    corners = sum(int(np.isfinite(uv).all(1).sum()) for uv in (left, right))
    tried: list[Hypothesis[Cause]] = []

    def hypothesis(rms: float, parameters: int, code: str, says: str, action: str) -> None:
        if rms < good:
            misfit = corners * (rms / sigma) ** 2 + np.log(2 * corners) * parameters  # Schwarz
            tried.append(Hypothesis(misfit, Cause(code, "FAIL", f"{label} {says}", action), code))

    if scale is not None and abs(scale[0] - 1) > 0.01:
        end = resect(points * scale[0], left, right, s.lenses, s.R_RL, s.t_RL)
        hypothesis(
            np.inf if end is None else end[2], 1, "auxiliary_square",
            f"looks {scale[0]:.2f} times as large as stated: its square_m or that of the "
            "calibration board is wrong",
            "Measure both boards' squares with a ruler (ten squares at once, divided by ten).",
        )  # fmt: skip
    for cameras in ((0,), (1,), (0, 1)):
        rms, factors = _fits_if_zoomed(points, left, right, s, cameras, seen.sizes)
        if max(abs(f - 1) for f in factors) > 0.004:
            names = " and ".join(CAMERAS[k] for k in cameras)
            words = " and ".join(f"{f:.2f}" for f in factors)
            hypothesis(
                rms, 2 * len(cameras), "auxiliary_zoom",
                f"fits only if the {names} camera's zoom or picture size changed by the factor "
                f"{words} since the calibration pictures", same_zoom,
            )  # fmt: skip
    n = s.lenses[0].size + s.lenses[1].size
    for k, camera in enumerate(CAMERAS):
        hypothesis(
            _fits_if_turned(points, left, right, s, k), 3, "camera_bumped",
            f"fits only if the {camera} camera was turned since the calibration pictures "
            f"({rms_px:.1f} px): it was bumped",
            "Fix the cameras, then take all calibration pictures again.",
        )  # fmt: skip
    bent = _fit_one(points, left, right, s, np.arange(n + 8) >= n + 6)
    bulge_mm = 1000 * float(np.abs(bent.state.warp).max())
    hypothesis(
        bent.rms_px, 2, "bent_board",
        f"fits only if it is bent: its middle bulges by {bulge_mm:.0f} mm",
        "Glue the print to glass or an aluminium plate.",
    )  # fmt: skip
    alone = [
        resect(points, left, None, s.lenses, s.R_RL, s.t_RL),
        resect(points, None, right, s.lenses, s.R_RL, s.t_RL),
    ]
    mono = [np.inf if end is None else end[2] for end in alone]
    hypothesis(
        float(np.sqrt((mono[0] ** 2 + mono[1] ** 2) / 2)), 6, "auxiliary_moved",
        f"is not in the same place in both pictures ({rms_px:.1f} px): it was moved between them, "
        "or the cameras were (pictures of another day?)",
        "Take both auxiliary pictures without touching board or cameras.",
    )  # fmt: skip
    return named(tried) or Cause(lens[0], "FAIL", lens[1], lens[2])


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
    cameras: tuple[int, ...],
    sizes_px: dict[str, tuple[int, int]],
) -> tuple[float, tuple[float, ...]]:
    """Joint rms of one view when those cameras' zoom may have changed, and the factors on f.

    Zoomed about the picture's middle, or made smaller as a whole (about its corner).
    """
    n0 = s.lenses[0].size
    free = np.zeros(n0 + s.lenses[1].size + 6, bool)
    for c in cameras:
        first = 0 if c == 0 else n0
        free[first : first + 2] = True
    best, factors = np.inf, tuple(1.0 for _ in cameras)
    guesses = (1.0, 0.5, 0.67, 1.5) if len(cameras) == 1 else (1.0,)
    for corner in (True, False):
        for guess in guesses:
            f = {c: s.lenses[c].values[:2] * guess for c in cameras}
            for _ in range(3):  # f, then the principal point that goes with it
                lenses = list(s.lenses)
                for c in cameras:
                    old = s.lenses[c].values
                    about = np.zeros(2) if corner else (np.array(sizes_px[CAMERAS[c]]) - 1) / 2
                    lens = old.copy()
                    lens[:2] = f[c]
                    lens[2:4] = about + (old[2:4] - about) * (f[c].mean() / old[:2].mean())
                    lenses[c] = replace(s.lenses[c], values=lens)
                moved = replace(s, lenses=(lenses[0], lenses[1]))
                end = _fit_one(points, left, right, moved, free)
                f = {c: end.state.lenses[c].values[:2] for c in cameras}
                if any(not np.isfinite(f[c]).all() or (f[c] < 0.1 * s.lenses[c].values[:2]).any()
                       for c in cameras):  # fmt: skip
                    break
            ratio = {c: f[c] / s.lenses[c].values[:2] for c in cameras}
            even = all(abs(float(r[0] / r[1]) - 1) < 0.01 for r in ratio.values())
            if even and end.rms_px < best:
                best, factors = end.rms_px, tuple(float(r.mean()) for r in ratio.values())
    return best, factors


def _fit_one(
    points: Array, left: Array, right: Array, s: bundle.State, free: bundle.BoolArray
) -> bundle.Solution:
    """One view's pose and some globals, from both cameras' planar starts; the better end.

    free : (G,) as in :func:`calibration.solve.bundle.solve`; two more where the board may bend.
    """
    with_warp = len(free) > s.lenses[0].size + s.lenses[1].size + 6
    problem = one_view(points, left, right)
    starts = view_starts(points, left, right, s.lenses, s.R_RL, s.t_RL, each=1)
    ends = [
        bundle.solve(
            problem, bundle.State(s.lenses, s.R_RL, s.t_RL, R[None], t[None]), free=free,
            with_warp=with_warp, max_iterations=25, tolerance=1e-5,
        )
        for R, t in starts
    ]  # fmt: skip
    return min(ends, key=lambda e: e.rms_px)
