"""Two cameras: the relative pose that most views agree on, and what is wrong with the others.

Each view of the board that both cameras saw gives a relative pose by itself. Views that disagree
with the consensus are not averaged away: each way a view is known to go wrong (corner order
reversed, picture mirrored, the two pictures swapped, another board, not the same moment) is tried,
and the one that makes the view fit is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import Board
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
    state : the relative pose, and each view's board pose, of the planar solution that fits.
    agrees : (V,) whether a view's own relative pose fits it.
    """

    state: bundle.State
    agrees: bundle.BoolArray

    @property
    def support(self) -> float:
        """Share of the views that agree."""
        return float(self.agrees.mean())


def consensus(
    points_B: Array, left: Sequence[Array], right: Sequence[Array], lenses: tuple[Lens, Lens]
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
    views = np.array(R_left)[best], np.array(t_left)[best]
    return Consensus(bundle.State(lenses, mean, np.median(t[chosen], axis=0), *views), agrees)


def refined(
    points_B: Array, left: Sequence[Array], right: Sequence[Array], agreed: Consensus
) -> bundle.State:
    """The cameras that fit the views that agree, lenses held fixed."""
    places, s = np.flatnonzero(agreed.agrees).tolist(), agreed.state
    if len(places) < 2:
        return s
    problem = build([points_B], [(left[k], right[k], 0) for k in places])
    pair = np.arange(s.n_globals) >= s.n_globals - 6
    start = s.posed(s.R_view[places], s.t_view[places])
    return bundle.solve(problem, start, free=pair, robust_px=1.0).state


def view_starts(
    points_B: Array, left: Array | None, right: Array | None, cameras: bundle.State
) -> list[bundle.State]:
    """From where to fit a view: both planar poses by each camera."""
    (left_lens, right_lens), R, t = cameras.lenses, cameras.R_RL, cameras.t_RL
    by_left = [] if left is None else planar_poses(points_B, left, left_lens)
    by_right = [] if right is None else planar_poses(points_B, right, right_lens)
    poses = [p[:2] for p in by_left] + [
        (R.T @ R_RB, R.T @ (t_RB - t)) for R_RB, t_RB, _ in by_right
    ]
    return [cameras.posed(R_LB[None], t_LB[None]) for R_LB, t_LB in poses]


def fit_view(
    points_B: Array,
    left: Array | None,
    right: Array | None,
    cameras: bundle.State,
    *,
    free: bundle.BoolArray | Array | None = None,
    with_warp: bool = False,
    starts: int = 2,
    tolerance: float = 1e-6,
) -> list[bundle.Solution]:
    """One board pose from both pictures at once, from so many of the best starts; the best first.

    free : what of the cameras may move with it, as in :func:`calibration.solve.bundle.solve`;
    default nothing.
    """
    problem = build([points_B], [(left, right, 0)])
    begun = [(bundle.cost_of(problem, s), s) for s in view_starts(points_B, left, right, cameras)]
    ends = [
        bundle.solve(
            problem, s, free=np.zeros(cameras.n_globals, bool) if free is None else free,
            with_warp=with_warp, max_iterations=60, tolerance=tolerance,
        )
        for cost, s in sorted(begun, key=lambda b: b[0])[:starts]
        if np.isfinite(cost)
    ]  # fmt: skip
    return sorted((e for e in ends if np.isfinite(e.cost)), key=lambda e: e.rms_px)


def resect(
    points_B: Array, left: Array | None, right: Array | None, cameras: bundle.State
) -> bundle.Solution | None:
    """One board pose from both pictures at once, cameras held fixed; None where there is none."""
    return next(iter(fit_view(points_B, left, right, cameras)), None)


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a view.

    code : ``reversed_view``, ``mirrored_picture``, ``upside_down_picture``, ``swapped_pictures``,
    ``another_board``, ``not_simultaneous``.
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
    board: Board,
    left: Array,
    right: Array,
    sizes_px: Mapping[str, tuple[int, int]],
    cameras: bundle.State,
    good_px: float,
) -> Diagnosis:
    """The hypothesis under which a view that disagrees fits best, and the runner-up.

    good_px : the rms below which a view fits.
    """
    points_B, inner = board.points_B(), board.inner_corners
    n = int(np.isfinite(left).all(1).sum() + np.isfinite(right).all(1).sum())
    tried: list[Hypothesis[Diagnosis]] = []

    def hypothesis(says: Diagnosis, a: Array, b: Array, size: float = 1.0) -> None:
        end = resect(points_B * size, a, b, cameras)
        if end is not None and end.rms_px < good_px:
            believe = np.log(2 * n) * (size != 1.0)  # Schwarz, with a noise that is not known
            misfit = 4 * n * np.log(max(end.rms_px, LEAST_RMS_PX)) + believe
            tried.append(Hypothesis(misfit, says, says.code))

    turned = "its corners were in reversed order and were turned"
    hypothesis(Diagnosis("reversed_view", "right", turned, left, right[::-1].copy()),
               left, right[::-1])  # fmt: skip
    upright = {"left": left, "right": right}
    for which in (("left",), ("right",), CAMERAS):
        camera = which[0] if len(which) == 1 else None
        name = "both pictures are" if camera is None else f"the {camera} picture is"
        mirrored = Diagnosis("mirrored_picture", camera, f"{name} mirrored")
        over = Diagnosis("upside_down_picture", camera, f"{name} upside down")
        ways = [(mirrored, {c: mirror(upright[c], sizes_px[c][0], inner, k) for c in which})
                for k in (0, 1)]  # fmt: skip
        ways += [(over, {c: np.array(sizes_px[c]) - 1 - upright[c] for c in which})]
        for says, turned_over in ways:
            a, b = (upright | turned_over).values()
            hypothesis(says, a, b)
            hypothesis(says, a, b[::-1])
    exchanged = "its left and right pictures are exchanged"
    hypothesis(Diagnosis("swapped_pictures", None, exchanged, right, left), right, left)
    size = _scale_that_fits(points_B, left, right, cameras, good_px)
    if size is not None and abs(size - 1) > 0.04:
        squares = f"its squares are {size:.2f} times as large as those of the other views"
        hypothesis(Diagnosis("another_board", None, f"{squares}: another board"),
                   left, right, size)  # fmt: skip
    found = best_of(tried)
    if not found:
        return Diagnosis(
            "not_simultaneous", None,
            "its two pictures were not taken at the same moment (or the board moved between them)",
        )  # fmt: skip
    best, *others = found
    detail = " (or: ".join(d.detail for d in found) + ")" * len(others)
    return replace(best, detail=detail, rivals=tuple(d.code for d in others))


def _scale_that_fits(
    points_B: Array, left: Array, right: Array, cameras: bundle.State, good_px: float
) -> float | None:
    """The factor on the board's size under which a view fits, or None."""
    best = None
    for a in planar_poses(points_B, left, cameras.lenses[0])[:2]:
        for b in planar_poses(points_B, right, cameras.lenses[1])[:2]:
            # s (t_b − R t_a) = t_RL, for the factor s on every length of this view
            want = b[1] - cameras.R_RL @ a[1]
            s = float(want @ cameras.t_RL / max(float(want @ want), 1e-12))
            if not 0.2 < s < 5 or geodesic_deg(b[0] @ a[0].T, cameras.R_RL) > AGREE_DEG:
                continue
            end = resect(points_B * s, left, right, cameras)
            if end is not None and end.rms_px < good_px and (best is None or end.rms_px < best[0]):
                best = (end.rms_px, s)
    return None if best is None else best[1]
