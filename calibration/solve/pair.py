"""Two cameras: the relative pose that most views agree on, and what is wrong with the others.

Each view of the board that both cameras saw gives a relative pose by itself. Views that disagree
with the consensus are not averaged away: each way a view is known to go wrong (corner order
reversed, picture mirrored, the two pictures swapped, another board, not the same moment) is tried,
and the one that makes the view fit is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import CAMERAS
from calibration.lens import Lens
from calibration.solve import bundle
from calibration.solve.intrinsics import planar_poses
from calibration.solve.problem import build
from calibration.transform import Array, geodesic_deg, rotation_exp, rotation_log
from calibration.verdict import Hypothesis, best_of

#: No picture's corners are better.
LEAST_RMS_PX = 0.01
AGREE_DEG = 8.0  # relative rotations of two views agree within this


@dataclass(frozen=True)
class Consensus:
    """What the views agree on.

    Parameters
    ----------
    R_RL, t_RL : relative pose, left → right.
    agrees : (V,) whether a view's own relative pose fits it.
    R_LB, t_LB : (V, …) each view's board pose in the left camera, of the planar solution that fits.
    support : share of the views that agree.
    """

    R_RL: Array
    t_RL: Array
    agrees: bundle.BoolArray
    R_LB: Array
    t_LB: Array
    support: float


def consensus(
    points_B: Array,
    left: Sequence[Array],
    right: Sequence[Array],
    lenses: tuple[Lens, Lens],
) -> Consensus | None:
    """The relative pose that most views agree on; None where no view gives one.

    left, right : per view (N, 2) pixels. Both planar solutions of both cameras take part (up to
    four relative poses for each view), so that a far board's wrong solution does no harm.
    """
    V = len(left)
    R_all, t_all, owner, R_left, t_left = [], [], [], [], []
    for v in range(V):
        a = planar_poses(points_B, left[v], lenses[0])
        b = planar_poses(points_B, right[v], lenses[1])
        a = [p for p in a if p[2] < 3 * a[0][2] + 2.0]
        b = [p for p in b if p[2] < 3 * b[0][2] + 2.0]
        for Ra, ta, _ in a:
            for Rb, tb, _ in b:
                R = Rb @ Ra.T
                R_all.append(R)
                t_all.append(tb - R @ ta)
                owner.append(v)
                R_left.append(Ra)
                t_left.append(ta)
    if not R_all:
        return None
    R, t, who = np.array(R_all), np.array(t_all), np.array(owner)
    cosine = (np.einsum("aij,bij->ab", R, R) - 1) / 2
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    size = np.maximum(np.linalg.norm(t, axis=1), 1e-9)
    apart = np.linalg.norm(t[:, None] - t[None], axis=2) / np.maximum(size[:, None], size[None])
    distance = np.minimum(angle, 3 * AGREE_DEG) + 20 * np.minimum(apart, 1.0)
    per_view = np.full((len(R), V), 3 * AGREE_DEG + 20.0)
    for v in np.unique(who):
        per_view[:, v] = distance[:, who == v].min(1)
    medoid = int(per_view.sum(1).argmin())
    best = np.array(
        [np.where(who == v, distance[medoid], np.inf).argmin() for v in range(V)], np.intp
    )
    found = np.isin(np.arange(V), who)
    agrees = found & (angle[medoid][best] < AGREE_DEG) & (apart[medoid][best] < 0.5)
    chosen = best[agrees] if agrees.any() else np.array([medoid])
    mean = R[medoid] @ rotation_exp(np.median(rotation_log(R[medoid].T @ R[chosen]), axis=0))
    return Consensus(
        mean,
        np.median(t[chosen], axis=0),
        agrees,
        np.array(R_left)[best],
        np.array(t_left)[best],
        float(agrees.mean()),
    )


def refined(
    points_B: Array,
    left: Sequence[Array],
    right: Sequence[Array],
    lenses: tuple[Lens, Lens],
    agreed: Consensus,
) -> tuple[Array, Array]:
    """(R_RL, t_RL) that fit the views that agree, lenses held fixed."""
    places = np.flatnonzero(agreed.agrees).tolist()
    if len(places) < 2:
        return agreed.R_RL, agreed.t_RL
    state = bundle.State(lenses, agreed.R_RL, agreed.t_RL, agreed.R_LB[places], agreed.t_LB[places])
    free = np.zeros(lenses[0].size + lenses[1].size + 6, bool)
    free[-6:] = True
    problem = build([points_B], [(left[k], right[k], 0) for k in places])
    end = bundle.solve(problem, state, free=free, robust_px=1.0)
    return end.state.R_RL, end.state.t_RL


def one_view(points_B: Array, left: Array | None, right: Array | None) -> bundle.Problem:
    """One view alone, its pose in the left camera's frame whichever camera saw it."""
    problem = build([points_B], [(left, right, 0)])
    return replace(problem, home_right=np.zeros(1, bool))


def view_starts(
    points_B: Array,
    left: Array | None,
    right: Array | None,
    lenses: tuple[Lens, Lens],
    R_RL: Array,
    t_RL: Array,
    each: int = 2,
) -> list[tuple[Array, Array]]:
    """(R_LB, t_LB) from which to fit a view: the best ``each`` planar poses by each camera."""
    starts = []
    if left is not None:
        starts += [(R, t) for R, t, _ in planar_poses(points_B, left, lenses[0])[:each]]
    if right is not None:
        starts += [
            (R_RL.T @ R, R_RL.T @ (t - t_RL))
            for R, t, _ in planar_poses(points_B, right, lenses[1])[:each]
        ]
    return starts


def resect(
    points_B: Array,
    left: Array | None,
    right: Array | None,
    lenses: tuple[Lens, Lens],
    R_RL: Array,
    t_RL: Array,
    warp: Array | None = None,
) -> tuple[Array, Array, float, Array, Array] | None:
    """One board pose from both pictures at once, cameras held fixed.

    Returns (R_LB, t_LB, rms per point, residuals left (N, 2), residuals right (N, 2)) of the best
    of all planar starts; None where there is none.
    """
    problem = one_view(points_B, left, right)
    starts = view_starts(points_B, left, right, lenses, R_RL, t_RL)
    fixed = np.zeros(lenses[0].size + lenses[1].size + 6, bool)
    bend = np.zeros(2) if warp is None else warp
    states = [bundle.State(lenses, R_RL, t_RL, R[None], t[None], bend) for R, t in starts]
    costs = [bundle.cost_of(problem, s) for s in states]
    best: bundle.Solution | None = None
    for k in np.argsort(costs)[:2]:
        if not np.isfinite(costs[k]):
            continue
        end = bundle.solve(problem, states[k], free=fixed, max_iterations=30, tolerance=1e-6)
        if best is None or end.rms_px < best.rms_px:
            best = end
    if best is None:
        return None
    r = [x[0] if len(x) else np.zeros((len(points_B), 2)) for x in best.residuals]
    return best.state.R_view[0], best.state.t_view[0], best.rms_px, r[0], r[1]


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a view.

    code : ``reversed_view``, ``mirrored_picture``, ``swapped_pictures``, ``another_board``,
    ``not_simultaneous``.
    camera : whose picture, where one is to blame.
    left, right : the corners put right, where that is possible.
    rivals : the codes of what explains it as well.
    """

    code: str
    camera: str | None
    detail: str
    left: Array | None = None
    right: Array | None = None
    rivals: tuple[str, ...] = ()


def mirror(uv: Array, width: int, inner: tuple[int, int], along: int) -> Array:
    """The corners that a picture would have if it were not mirrored (order restored)."""
    grid = uv.reshape(inner[1], inner[0], 2).copy()
    grid[..., 0] = width - 1 - grid[..., 0]
    return np.ascontiguousarray(grid[:, ::-1] if along else grid[::-1]).reshape(-1, 2)


def diagnose(
    points_B: Array,
    inner: tuple[int, int],
    left: Array,
    right: Array,
    widths: tuple[int, int],
    lenses: tuple[Lens, Lens],
    R_RL: Array,
    t_RL: Array,
    good_px: float,
) -> Diagnosis:
    """The hypothesis under which a view that disagrees fits best, and the runner-up.

    good_px : the rms below which a view fits.
    """
    n = int(np.isfinite(left).all(1).sum() + np.isfinite(right).all(1).sum())
    tried: list[Hypothesis[Diagnosis]] = []

    def hypothesis(says: Diagnosis, a: Array, b: Array, size: float = 1.0) -> None:
        end = resect(points_B * size, a, b, lenses, R_RL, t_RL)
        if end is not None and end[2] < good_px:
            believe = np.log(2 * n) * (size != 1.0)  # Schwarz, with a noise that is not known
            misfit = 4 * n * np.log(max(end[2], LEAST_RMS_PX)) + believe
            tried.append(Hypothesis(misfit, says, says.code))

    turned = "its corners were in reversed order and were turned"
    hypothesis(Diagnosis("reversed_view", "right", turned, left, right[::-1].copy()),
               left, right[::-1])  # fmt: skip
    for camera, width in zip(CAMERAS, widths, strict=True):
        says = Diagnosis("mirrored_picture", camera, f"the {camera} picture is mirrored")
        for along in (0, 1):
            uv = mirror(left if camera == "left" else right, width, inner, along)
            a, b = (uv, right) if camera == "left" else (left, uv)
            hypothesis(says, a, b)
            hypothesis(says, a, b[::-1])
    exchanged = "its left and right pictures are exchanged"
    hypothesis(Diagnosis("swapped_pictures", None, exchanged, right, left), right, left)
    size = _scale_that_fits(points_B, left, right, lenses, R_RL, t_RL, good_px)
    if size is not None and abs(size - 1) > 0.04:
        squares = f"its squares are {size:.2f} times as large as those of the other views"
        hypothesis(Diagnosis("another_board", None, f"{squares}: another board"),
                   left, right, size)  # fmt: skip
    found = best_of(tried)
    if not found:
        return Diagnosis(
            "not_simultaneous",
            None,
            "its two pictures were not taken at the same moment (or the board moved between them)",
        )
    best, *others = found
    detail = " (or: ".join(d.detail for d in found) + ")" * len(others)
    return replace(best, detail=detail, rivals=tuple(d.code for d in others))


def _scale_that_fits(
    points_B: Array,
    left: Array,
    right: Array,
    lenses: tuple[Lens, Lens],
    R_RL: Array,
    t_RL: Array,
    good_px: float,
) -> float | None:
    """The factor on the board's size under which a view fits, or None."""
    best = None
    for a in planar_poses(points_B, left, lenses[0])[:2]:
        for b in planar_poses(points_B, right, lenses[1])[:2]:
            # s (t_b − R t_a) = t_RL, for the factor s on every length of this view
            want = b[1] - R_RL @ a[1]
            s = float(want @ t_RL / max(float(want @ want), 1e-12))
            if not 0.2 < s < 5 or geodesic_deg(b[0] @ a[0].T, R_RL) > AGREE_DEG:
                continue
            end = resect(points_B * s, left, right, lenses, R_RL, t_RL)
            if end is not None and end[2] < good_px and (best is None or end[2] < best[0]):
                best = (end[2], s)
    return None if best is None else best[1]
