"""The poses that auxiliary pictures allow; and why they do not fit the pair, where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from calibration.camera import CAMERAS
from calibration.inputs import Auxiliary, Seen
from calibration.judge import HOLDOUT_RATIO
from calibration.shapes import shapes
from calibration.solve import bundle
from calibration.solve.changes import LEAST_STRETCH, LEAST_ZOOM
from calibration.solve.estimate import Estimate
from calibration.solve.pair import Diagnosis, diagnose, fit_view, resect
from calibration.solve.problem import build
from calibration.transform import Array, geodesic_deg
from calibration.verdict import Cause, Hypothesis, named

#: A print that is fitted to a page in one direction is off by no more than this.
MOST_STRETCH = 0.15
#: A picture was cut where its middle lies so far from the lens's.
LEAST_CUT_PX = 5.0
#: What may be wrong with the two pictures by themselves, and what to do.
WRONG_PICTURES = {
    "same_picture_twice": "Give each camera's own picture.",
    "swapped_pictures": "Exchange the two files: left is left for somebody who faces the board.",
    "mirrored_picture": "Switch off mirroring (often a selfie setting) and take it again.",
    "upside_down_picture": "Turn it, as the calibration pictures are, and give it again.",
}


@shapes(points="n 3", left="n 2", right="n 2")
def pose_solutions(
    points: Array, left: Array | None, right: Array | None, cameras: bundle.State
) -> list[bundle.Solution]:
    """All distinct minima of the board's pose over the pictures there are, best first."""
    ends: list[bundle.Solution] = []
    for end in fit_view(points, left, right, cameras, starts=4, tolerance=1e-9):
        R = end.state.R_view[0]
        if all(float(geodesic_deg(R, e.state.R_view[0])) > 1.0 for e in ends):
            ends.append(end)
    return ends


@shapes(points="n 3", left="n 2", right="n 2")
def scale_of(
    points: Array, left: Array | None, right: Array | None, cameras: bundle.State, sigma_px: float
) -> tuple[float, float] | None:
    """How large the two cameras see the board, as a factor on its stated size, and its σ.

    The cameras' distance fixes the scale; a factor other than 1 says that this board's square, or
    that of the calibration board, is not as large as stated (or that something moved). A board so
    many times as large and far away is in the pictures of cameras so many times nearer to each
    other: what is free is their distance.
    """
    if left is None or right is None:
        return None
    apart = np.concatenate([np.zeros(cameras.n_globals - 3), cameras.t_RL])
    end = next(
        iter(fit_view(points, left, right, cameras, free=apart[:, None], tolerance=1e-9)), None
    )
    if end is None:
        return None
    factor = float(cameras.t_RL @ cameras.t_RL / (end.state.t_RL @ cameras.t_RL))
    problem = build([points], [(left, right, 0)])
    _, A_gg, A_gv, A_vv, _, _ = bundle.normal_equations(problem, end.state, False, None)
    of_pose = apart @ A_gv[0]
    known = float(apart @ A_gg @ apart - of_pose @ np.linalg.solve(A_vv[0], of_pose))
    if not 0.05 < factor < 20 or known <= 0:
        return None
    return factor, float(factor**2 * sigma_px / np.sqrt(known))


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
    s = replace(found.solution.state, warp=bundle.FLAT)
    points, inner = aux.board.points_B(), aux.board.inner_corners
    left, right = aux.view.left, aux.view.right
    sigma = max(found.solution.sigma_px, 0.02)
    good = max(4 * sigma, 2.0 * found.solution.rms_px, 0.5)
    held = found.holdout
    broken = any(c.severity == "FAIL" for c in found.rejected.causes) or (
        held is not None and held.left_to_right_px > HOLDOUT_RATIO[1] * held.expected_px
    )
    if broken:
        return Cause(
            "auxiliary_inconsistent", "FAIL",
            f"{label} does not fit the relative pose of the cameras ({rms_px:.1f} px), which is "
            "not right itself",
            "Mend the shared views first.",
        )  # fmt: skip
    same_zoom = "Take the auxiliary pictures with the same zoom, focus and picture size."
    lens = Cause(
        "auxiliary_inconsistent", "FAIL",
        f"{label} does not fit the lens of its own picture: the zoom or the picture size changed "
        "since the calibration pictures, the board is not flat, or the corners are wrong",
        f"{same_zoom} Glue the print to glass or an aluminium plate.",
    )  # fmt: skip
    if left is None or right is None:
        return lens
    known = diagnose(aux.board, left, right, seen.sizes, s, good)
    if np.array_equal(left, right, equal_nan=True):
        known = Diagnosis("same_picture_twice", None, "left and right hold the same picture")
    if known.code in WRONG_PICTURES:
        return Cause(known.code, "FAIL", f"{label}: {known.detail}", WRONG_PICTURES[known.code])
    corners = sum(int(np.isfinite(uv).all(1).sum()) for uv in (left, right))
    tried: list[Hypothesis[Cause]] = []

    def hypothesis(
        end: bundle.Solution | None, parameters: int, code: str, says: str, action: str
    ) -> None:
        if end is not None and end.rms_px < good:
            # Schwarz
            misfit = corners * (end.rms_px / sigma) ** 2 + np.log(2 * corners) * parameters
            tried.append(Hypothesis(misfit, Cause(code, "FAIL", f"{label} {says}", action), code))

    if scale is not None and abs(scale[0] - 1) > 0.01:
        hypothesis(
            resect(points * scale[0], left, right, s), 1, "auxiliary_square",
            f"looks {scale[0]:.2f} times as large as stated: its square_m or that of the "
            "calibration board is wrong",
            "Measure both boards' squares with a ruler (ten squares at once, divided by ten).",
        )  # fmt: skip
    for which in ((0,), (1,), (0, 1)):
        zoomed, factors, cut_px = _if_zoomed(points, left, right, s, which, seen.sizes)
        if min(abs(f - 1) for f in factors) > LEAST_ZOOM:  # cut to the same size: enlarged as well
            names = " and ".join(CAMERAS[k] for k in which)
            words = " and ".join(f"{f:.2f}" for f in factors)
            hypothesis(
                zoomed, 3 if len(which) == 1 else 2, "auxiliary_zoom",
                f"fits only if the {names} camera's zoom or picture size changed by the factor "
                f"{words} since the calibration pictures"
                + f", or its picture was cut ({cut_px:.0f} px)" * (cut_px > LEAST_CUT_PX),
                same_zoom,
            )  # fmt: skip
    for k, camera in enumerate(CAMERAS):
        hypothesis(
            _if_turned(points, left, right, s, k), 3, "camera_bumped",
            f"fits only if the {camera} camera was turned since the calibration pictures "
            f"({rms_px:.1f} px): it was bumped",
            "Fix the cameras, then take all calibration pictures again.",
        )  # fmt: skip
    for along, side in ((0, "columns"), (1, "rows")):
        stretched, factor = _if_stretched(points, left, right, s, along)
        if abs(factor - 1) > LEAST_STRETCH:
            hypothesis(
                stretched, 1, "print_stretched",
                f"fits only if its print is stretched: {factor:.3f} times as large as stated along "
                f"its {inner[along]} {side}, and right the other way",
                "Print it without fitting it to the page, and measure ten squares both ways.",
            )  # fmt: skip
    bent, bulge_mm = _if_bent(points, left, right, s)
    hypothesis(
        bent, 3, "bent_board",
        f"fits only if it is bent or twisted: its middle bulges by {bulge_mm:.0f} mm",
        "Glue the print to glass or an aluminium plate.",
    )  # fmt: skip
    alone = [resect(points, left, None, s), resect(points, None, right, s)]
    if alone[0] is not None and alone[1] is not None:
        rms = float(np.hypot(alone[0].rms_px, alone[1].rms_px) / np.sqrt(2))
        hypothesis(
            replace(alone[0], rms_px=rms), 6, "auxiliary_moved",
            f"is not in the same place in both pictures ({rms_px:.1f} px): it was moved between "
            "them, or the cameras were (pictures of another day?)",
            "Take both auxiliary pictures without touching board or cameras.",
        )  # fmt: skip
    return named(tried) or lens


def _if_turned(
    points: Array, left: Array, right: Array, s: bundle.State, camera: int
) -> bundle.Solution | None:
    """One view's best pose when that camera may also have turned about its own centre.

    A left camera that turned leaves t_RL as it was and changes R_RL; for the right one the roles
    are exchanged.
    """
    if camera == 1:
        s = replace(s, lenses=(s.lenses[1], s.lenses[0]), R_RL=s.R_RL.T, t_RL=-s.R_RL.T @ s.t_RL)
        left, right = right, left
    turn = np.isin(np.arange(s.n_globals), np.arange(s.n_globals - 6, s.n_globals - 3))
    return next(iter(fit_view(points, left, right, s, free=turn)), None)


def _if_bent(
    points: Array, left: Array, right: Array, s: bundle.State
) -> tuple[bundle.Solution | None, float]:
    """One view's best pose when the board is bent or twisted; by how many millimetres."""
    bends = np.arange(s.n_globals + bundle.BENDS) >= s.n_globals
    end = next(iter(fit_view(points, left, right, s, free=bends, with_warp=True)), None)
    return end, 0.0 if end is None else 1000 * float(np.abs(end.state.warp).max())


def _if_stretched(
    points: Array, left: Array, right: Array, s: bundle.State, along: int
) -> tuple[bundle.Solution | None, float]:
    """One view's best pose when the board is larger or smaller along one of its edges; by what."""

    def stretched(factor: float) -> bundle.Solution | None:
        return resect(points * np.where(np.arange(3) == along, factor, 1.0), left, right, s)

    def rms_px(factor: float) -> float:
        end = stretched(factor)
        return np.inf if end is None else end.rms_px

    bounds = (1 - MOST_STRETCH, 1 + MOST_STRETCH)
    best = float(minimize_scalar(rms_px, bounds=bounds, method="bounded").x)
    return stretched(best), best


def _if_zoomed(
    points: Array,
    left: Array,
    right: Array,
    s: bundle.State,
    which: tuple[int, ...],
    sizes_px: dict[str, tuple[int, int]],
) -> tuple[bundle.Solution | None, tuple[float, ...], float]:
    """One view's best pose when those cameras' zoom may have changed; the factors on f, and by how
    many pixels a picture was cut at its sides.

    That may be where one camera's zoom changed; both are zoomed about their middles.
    """
    first = (0, s.lenses[0].size)
    columns = []
    middles = [(np.array(sizes_px[CAMERAS[c]]) - 1) / 2 for c in which]
    for c, middle in zip(which, middles, strict=True):
        zoom, across, down = np.zeros((3, s.n_globals))
        zoom[first[c] : first[c] + 4] = s.lenses[c].values[:4] - [0, 0, *middle]
        across[first[c] + 2] = down[first[c] + 3] = 1.0
        columns += [zoom] if len(which) > 1 else [zoom, across, down]
    best: bundle.Solution | None = None
    for guess in (1.0, 0.5, 0.67, 1.5) if len(which) == 1 else (1.0,):
        start = s.moved(columns[0] * (guess - 1), np.zeros((len(s.R_view), 6)), False)
        for end in fit_view(points, left, right, start, free=np.stack(columns, 1)):
            positive = all(end.state.lenses[c].f_px > 0 for c in which)
            if positive and (best is None or end.rms_px < best.rms_px):
                best = end
    if best is None:
        return None, (1.0,), 0.0
    lenses = [(best.state.lenses[c], s.lenses[c]) for c in which]
    factors = tuple(new.f_px / old.f_px for new, old in lenses)
    moves = [
        new.values[2:4] - middle - f * (old.values[2:4] - middle)
        for (new, old), f, middle in zip(lenses, factors, middles, strict=True)
    ]
    return best, factors, float(np.abs(moves).max())
