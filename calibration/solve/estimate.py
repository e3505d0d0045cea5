"""From corners to cameras: the staged solve behind :mod:`calibration.calibrate`.

Stages, each with a guard that says why it exists:

1. each camera alone, from several starts (:mod:`calibration.solve.intrinsics`);
2. the relative pose that most views agree on; views that disagree are diagnosed, put right or left
   out (:mod:`calibration.solve.pair`);
3. everything jointly with a robust loss; corners and views rejected by a stated rule;
4. the lens model and the board's bend chosen by hold-out error (:mod:`calibration.solve.holdout`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calibration.corners.boards import Board, View
from calibration.errors import CalibrationError
from calibration.solve import bundle
from calibration.solve.holdout import HoldOut, hold_out
from calibration.solve.intrinsics import MODELS, MonoSolution, fit_camera, planar_poses
from calibration.solve.pair import Consensus, consensus, diagnose, mirror, resect
from calibration.transform import Array, geodesic_deg, rotation_log
from calibration.verdict import Cause

CAMERAS = ("left", "right")

#: A view with fewer corners than this is not used.
LEAST_CORNERS = 8
#: Views that a camera needs at all, and shared views that the pair needs at all.
LEAST_VIEWS = 3
#: The outlier rule. A corner is rejected beyond 5 σ (σ robust, per coordinate, of all corners of
#: that camera); a view whose typical error (from its median corner) is over 3 times the median
#: view's and over 4 σ is taken out.
CORNER_SIGMAS = 5.0
VIEW_TIMES_MEDIAN = 3.0
VIEW_SIGMAS = 4.0
VIEW_LEAST_PX = 0.4
#: A Rayleigh variable's rms over its median.
MEDIAN_TO_RMS = 2**0.5 / 1.1774
#: The same for a camera by itself, where only what no lens can explain is taken out.
ALONE_TIMES_MEDIAN = 5.0
ALONE_LEAST_PX = 0.75
#: The loss is quadratic up to about this many σ and linear beyond.
LOSS_SIGMAS = 1.5
#: A richer model must lower the hold-out error by this share to be kept …
GAIN = 0.02
#: … and is not even held out where it lowers the error on its own views by less than this share.
LEAST_FIT_GAIN = 0.001


@dataclass
class Rejections:
    """What was left out or put right, with the reason; keyed (view, camera or "")."""

    views: dict[tuple[str, str], str] = field(default_factory=dict)
    corners: dict[tuple[str, str], int] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)

    def add(self, view: str, camera: str, reason: str) -> None:
        """Note a view that is left out."""
        self.views[(view, camera)] = reason


@dataclass(frozen=True)
class Estimate:
    """Cameras and relative pose, with everything that the verdict and the world need.

    ``views`` are those of the problem, in its order (rows of ``solution.state.R_view``);
    ``mono_residuals`` are those of each camera alone, by (view, camera).
    """

    board: Board
    sizes: dict[str, tuple[int, int]]
    views: tuple[View, ...]
    problem: bundle.Problem
    solution: bundle.Solution
    with_warp: bool
    robust_px: float
    mono: dict[str, MonoSolution]
    mono_residuals: dict[tuple[str, str], Array]
    holdout: HoldOut | None
    tried: tuple[dict[str, Any], ...]
    rejected: Rejections
    support: float

    @property
    def shared(self) -> bundle.IntArray:
        """Rows of the views that both cameras saw."""
        return np.array(
            [i for i, v in enumerate(self.views) if v.left is not None and v.right is not None],
            np.intp,
        )


def build(
    boards: Sequence[Array],
    views: Sequence[tuple[Array | None, Array | None, int]],
    *,
    weights: Sequence[tuple[Array | None, Array | None]] | None = None,
) -> bundle.Problem:
    """A problem from (left corners, right corners, board number) per view, NaN = missing."""
    N = max(len(b) for b in boards)
    points = np.zeros((len(boards), N, 3))
    for i, b in enumerate(boards):
        points[i, : len(b)] = b
    cameras = []
    for camera in (0, 1):
        rows, which, uvs, ws = [], [], [], []
        for i, view in enumerate(views):
            uv = view[0] if camera == 0 else view[1]
            if uv is None:
                continue
            full = np.full((N, 2), np.nan)
            full[: len(uv)] = uv
            w = np.isfinite(full).all(1).astype(np.float64)
            given = None if weights is None else weights[i][camera]  # per corner
            if given is not None:
                w[: len(given)] *= given
            rows.append(i)
            which.append(view[2])
            uvs.append(np.nan_to_num(full))
            ws.append(w)
        cameras.append(
            bundle.Observations(
                np.array(rows, np.intp),
                np.array(which, np.intp),
                np.array(uvs).reshape(-1, N, 2),
                np.array(ws).reshape(-1, N),
            )
        )
    home_right = np.array([v[0] is None for v in views], bool)
    return bundle.Problem(points, (cameras[0], cameras[1]), len(views), home_right)


def robust_sigma(solution: bundle.Solution, problem: bundle.Problem, camera: int) -> float:
    """Noise of one coordinate of one camera by the median of |r| (a Rayleigh's is 1.1774 σ)."""
    seen = problem.cameras[camera].weight > 0
    r = np.linalg.norm(solution.residuals[camera], axis=-1)[seen]
    return float(np.median(r) / 1.1774) if r.size else 0.0


# -- stage 1 ---------------------------------------------------------------------------------------
def _one_camera(
    camera: str,
    board: Board,
    views: list[View],
    size_px: tuple[int, int],
    rejected: Rejections,
    n_distortion: int,
) -> tuple[MonoSolution, list[int]]:
    """Solve a camera alone; views that no lens explains are left out. Returns rows used."""
    points = board.points_B()
    rows = [i for i, v in enumerate(views) if v.corners(camera) is not None]
    while True:
        if len(rows) < LEAST_VIEWS:
            raise CalibrationError(
                f"too few views of the board in the {camera} camera",
                where=f"calibration/{camera}",
                found=f"{len(rows)} usable",
                expected=f"{LEAST_VIEWS} at the very least, better 15",
                remedy="Take more pictures: board near and far, in every corner, tilted.",
            )
        corners = [views[i].corners(camera) for i in rows]
        try:
            mono = fit_camera(points, [c for c in corners if c is not None], size_px, n_distortion)
        except ValueError as error:
            raise CalibrationError(
                f"no lens explains the views of the {camera} camera",
                where=f"calibration/{camera}",
                found=str(error),
                remedy="Check inner_corners, and that every picture shows the same flat board.",
            ) from error
        if not _possible(mono.lens, size_px):
            raise CalibrationError(
                f"the views of the {camera} camera lead to an impossible lens",
                where=f"calibration/{camera}",
                found=f"focal length {mono.lens[0]:.0f} px, centre ({mono.lens[2]:.0f}, "
                f"{mono.lens[3]:.0f}) px in pictures of {size_px[0]} × {size_px[1]}",
                remedy="Tilt the board in several directions; check that corners were found right.",
            )
        # judged by its median corner: a few wrong corners do not make a wrong view
        seen = np.isfinite(np.stack([c for c in corners if c is not None])).all(-1)
        size = np.where(seen, np.linalg.norm(mono.residual_px, axis=-1), np.nan)
        rms = np.nanmedian(size, axis=1) * MEDIAN_TO_RMS
        limit = max(ALONE_TIMES_MEDIAN * float(np.median(rms)), ALONE_LEAST_PX)
        worst = int(rms.argmax())
        many = sum(1 for (_, c) in rejected.views if c == camera)
        if rms[worst] <= limit or many >= max(1, len(views) // 3) or len(rows) <= LEAST_VIEWS:
            return mono, rows
        rejected.add(
            views[rows[worst]].name,
            camera,
            f"no lens explains it beside the other views ({rms[worst]:.2f} px, the others "
            f"{np.median(rms):.2f} px): blurred, bent, another board or another zoom",
        )
        del rows[worst]


#: Hold-out error over what noise explains, or share of agreeing views, at which a change of zoom is
#: looked for. By itself a camera hides it well: the boards just seem nearer.
ZOOM_TEST_RATIO = 2.0
ZOOM_TEST_SUPPORT = 0.9


def _zoom_changed(
    camera: str, board: Board, views: Sequence[View], size_px: tuple[int, int], n_distortion: int
) -> Cause | None:
    """Whether the views before and after some moment fit two lenses better than one."""
    points = board.points_B()
    rows = [v for v in views if v.corners(camera) is not None]

    def fit(part: Sequence[View]) -> MonoSolution | None:
        corners = [c for v in part if (c := v.corners(camera)) is not None]
        try:
            return fit_camera(points, corners, size_px, n_distortion)
        except ValueError:
            return None

    n = len(rows)
    whole = fit(rows) if n >= 2 * LEAST_VIEWS else None
    if whole is None:
        return None
    best: tuple[float, int, float, float] | None = None
    for cut in sorted({n // 4, n // 3, n // 2, 2 * n // 3, 3 * n // 4}):
        if min(cut, n - cut) < LEAST_VIEWS:
            continue
        before, after = fit(rows[:cut]), fit(rows[cut:])
        if before is None or after is None:
            continue
        together = float(np.sqrt((cut * before.rms_px**2 + (n - cut) * after.rms_px**2) / n))
        if best is None or together < best[0]:
            best = (together, cut, float(before.lens[0]), float(after.lens[0]))
    if best is None or best[0] > 0.95 * whole.rms_px or abs(best[3] / best[2] - 1) < 0.01:
        return None
    return Cause(
        "zoom_changed",
        "FAIL",
        f"the {camera} camera's zoom or picture size changed near view {rows[best[1]].name}: focal "
        f"length {best[2]:.0f} px before, {best[3]:.0f} px after",
        "Lock zoom and focus, and take all pictures with one setting.",
    )


# -- stage 2 ---------------------------------------------------------------------------------------
def _pair_start(
    board: Board,
    views: list[View],
    shared: list[int],
    mono: dict[str, MonoSolution],
) -> Consensus:
    points = board.points_B()
    left = [v for i in shared if (v := views[i].left) is not None]
    right = [v for i in shared if (v := views[i].right) is not None]
    agreed = consensus(points, left, right, (mono["left"].lens, mono["right"].lens))
    if agreed is None:
        raise CalibrationError(
            "no view gives a relative pose of the two cameras",
            where="calibration/left, right",
            remedy="Take pictures in which both cameras see the whole board at the same moment.",
        )
    return agreed


def _why_no_consensus(
    board: Board,
    sizes: dict[str, tuple[int, int]],
    views: list[View],
    shared: list[int],
    mono: dict[str, MonoSolution],
) -> Cause | None:
    """Views agree on no relative pose: would they if one camera's were mirrored or shifted?"""
    points, inner = board.points_B(), board.inner_corners
    lenses = (mono["left"].lens, mono["right"].lens)
    left = [v for i in shared if (v := views[i].left) is not None]
    right = [v for i in shared if (v := views[i].right) is not None]
    for camera, side in (("left", left), ("right", right)):
        width = sizes[camera][0]
        turned = [mirror(uv, width, inner, 1) for uv in side]
        lens = lenses[0 if camera == "left" else 1].copy()
        lens[2] = width - 1 - lens[2]
        pair = (turned, right) if camera == "left" else (left, turned)
        both = (lens, lenses[1]) if camera == "left" else (lenses[0], lens)
        if _support(points, *pair, both) > 0.7 or (
            _support(points, pair[0], [b[::-1] for b in pair[1]], both) > 0.7
        ):
            return Cause(
                "mirrored_camera",
                "FAIL",
                "all pictures of one camera, left or right, are mirrored",
                "Switch off mirroring (often a selfie setting) and take them again.",
            )
    for shift in (1, -1, 2, -2):
        a, b = (left[shift:], right[:-shift]) if shift > 0 else (left[:shift], right[-shift:])
        if len(a) >= LEAST_VIEWS and _support(points, a, b, lenses) > 0.7:
            return Cause(
                "pairs_shifted",
                "FAIL",
                "left and right pictures of equal name were not taken together: the names are off "
                f"by {abs(shift)} picture{'s' if abs(shift) > 1 else ''}",
                "Rename the pictures of one camera so that equal names were taken together.",
            )
    return None


def _support(
    points: Array, left: list[Array], right: list[Array], lenses: tuple[Array, Array]
) -> float:
    agreed = consensus(points, left, right, lenses)
    return 0.0 if agreed is None else agreed.support


def _camera_moved(
    board: Board, views: list[View], shared: list[int], mono: dict[str, MonoSolution]
) -> Cause | None:
    """Whether the relative pose is one before some view and another after it: a camera was bumped.

    The views' own relative rotations are compared before and after each possible moment; the
    difference of the medians must be ten times what their scatter allows, and over 0.15°.
    """
    if len(shared) < 6:
        return None
    points = board.points_B()
    rotations = []
    for i in shared:
        left, right = views[i].left, views[i].right
        assert left is not None and right is not None
        a = planar_poses(points, left, mono["left"].lens)
        b = planar_poses(points, right, mono["right"].lens)
        rotations.append(b[0][0] @ a[0][0].T if a and b else np.eye(3))
    R = np.array(rotations)
    middle = R[int(np.median(geodesic_deg(R[:, None], R[None]), axis=1).argmin())]
    r = np.degrees(rotation_log(middle.T @ R))
    best: tuple[float, int, float] | None = None
    for cut in range(3, len(r) - 2):
        m0, m1 = np.median(r[:cut], axis=0), np.median(r[cut:], axis=0)
        step = float(np.linalg.norm(m1 - m0))
        rest = np.concatenate([r[:cut] - m0, r[cut:] - m1])
        scatter = float(np.median(np.linalg.norm(rest, axis=1))) / np.sqrt(min(cut, len(r) - cut))
        score = step / max(scatter, 1e-6)
        if best is None or score > best[0]:
            best = (score, cut, step)
    if best is None or best[0] < 10 or best[2] < 0.15:
        return None
    name = views[shared[best[1]]].name
    return Cause(
        "camera_moved",
        "FAIL",
        f"a camera was moved just before view {name}: the cameras' relative direction is "
        f"{best[2]:.1f}° another one from there on",
        "Fix the cameras, and take all calibration pictures again.",
    )


# -- stages together -------------------------------------------------------------------------------
def estimate(
    board: Board,
    sizes: dict[str, tuple[int, int]],
    views: Sequence[View],
    *,
    models: Sequence[int] = MODELS,
    warp: bool | None = None,
    reject: bool = True,
    folds: int = 5,
    progress: Callable[[str, float], None] | None = None,
) -> Estimate:
    """Cameras and relative pose from corners.

    Parameters
    ----------
    models : numbers of distortion coefficients to choose from by hold-out.
    warp : whether the board may bend; None = chosen by hold-out.
    reject : False keeps every corner and view (for comparisons on the same corners).

    Raises
    ------
    CalibrationError : too few views, or none that both cameras saw.
    """
    say = progress or (lambda stage, share: None)
    rejected = Rejections()
    kept = _usable(views, board, sizes, rejected)
    say("each camera alone", 0.05)
    first_model = 5 if 5 in models else models[0]
    mono: dict[str, MonoSolution] = {}
    used: dict[str, list[int]] = {}
    for camera in CAMERAS:
        mono[camera], used[camera] = _one_camera(
            camera, board, kept, sizes[camera], rejected, first_model
        )
    mono_names = {c: [kept[i].name for i in used[c]] for c in CAMERAS}
    kept = [
        replace(
            v,
            left=v.left if i in set(used["left"]) else None,
            right=v.right if i in set(used["right"]) else None,
        )
        for i, v in enumerate(kept)
    ]
    shared = [i for i, v in enumerate(kept) if v.left is not None and v.right is not None]
    if len(shared) < 1:
        raise CalibrationError(
            "no view was seen by both cameras",
            where="calibration/left, right",
            found=f"{len(used['left'])} views left, {len(used['right'])} right, none in common",
            expected=f"{LEAST_VIEWS} or more, with equal names",
            remedy="Give pictures taken together equal names (left/07.jpg, right/07.jpg).",
        )
    say("the pair", 0.3)
    agreed = _pair_start(board, kept, shared, mono)
    support = agreed.support
    why: Cause | None = None
    if support < 0.6 and len(shared) >= LEAST_VIEWS:
        why = _why_no_consensus(board, sizes, kept, shared, mono)
        if why is not None:
            rejected.causes.append(why)
    moved = _camera_moved(board, kept, shared, mono)
    if moved is not None:
        rejected.causes.append(moved)
    kept, agreed_rows = _mend_views(board, sizes, kept, shared, mono, agreed, rejected, why)
    state, order = _joint_start(board, kept, mono, used, agreed, agreed_rows)
    kept = [kept[i] for i in order]

    say("all views jointly", 0.45)
    problem = build([board.points_B()], [(v.left, v.right, 0) for v in kept])
    solution = _robust_solve(problem, state, False)
    if reject:
        kept, problem, solution = _reject(board, kept, problem, solution, mono, rejected, sizes)
    say("lens model by hold-out", 0.6)
    robust_px = LOSS_SIGMAS * max(solution.sigma_px, 1e-4)
    solution, with_warp, held, tried = _choose(
        problem, solution, kept, models, warp, folds, robust_px, say
    )
    solution = bundle.solve(
        problem, solution.state, with_warp=with_warp, robust_px=robust_px, max_iterations=300
    )
    if reject:  # corners once more, under the model that was chosen
        problem, n = _reject_corners(problem, solution, kept, rejected)
        if n:
            solution = bundle.solve(
                problem, solution.state, with_warp=with_warp, robust_px=robust_px,
                max_iterations=300,
            )  # fmt: skip
    if not all(_possible(x, sizes[c]) for x, c in zip(solution.state.lenses, CAMERAS, strict=True)):
        raise CalibrationError(
            "all views together lead to an impossible lens",
            where="calibration/left, right",
            remedy="Tilt the board in several directions; check that corners were found right.",
        )
    suspicious = support < ZOOM_TEST_SUPPORT or (
        held is not None and held.left_to_right_px > ZOOM_TEST_RATIO * held.expected_px
    )
    if suspicious and why is None and moved is None:
        changes = [_zoom_changed(c, board, views, sizes[c], min(models)) for c in CAMERAS]
        rejected.causes.extend(c for c in changes if c is not None)
    say("cameras done", 0.9)
    return Estimate(
        board,
        sizes,
        tuple(kept),
        problem,
        solution,
        with_warp,
        robust_px,
        mono,
        {
            (name, c): mono[c].residual_px[k]
            for c in CAMERAS
            for k, name in enumerate(mono_names[c])
        },
        held,
        tuple(tried),
        rejected,
        support,
    )


def _possible(lens: Array, size_px: tuple[int, int]) -> bool:
    """Whether a lens can be one: a focal length and a principal point of the picture's order."""
    w, h = size_px
    longest = max(w, h)
    return bool(
        np.isfinite(lens).all()
        and (lens[:2] > 0.1 * longest).all()
        and (lens[:2] < 100 * longest).all()
        and -w < lens[2] < 2 * w
        and -h < lens[3] < 2 * h
    )


def _usable(
    views: Sequence[View],
    board: Board,
    sizes: dict[str, tuple[int, int]],
    rejected: Rejections,
) -> list[View]:
    """Views with enough corners inside the picture; pictures that are copies count once."""
    out: list[View] = []
    copies: list[str] = []
    for v in views:
        new = v
        for camera in CAMERAS:
            uv = v.corners(camera)
            if uv is None:
                continue
            if int(np.isfinite(uv).all(1).sum()) < LEAST_CORNERS:
                rejected.add(v.name, camera, "too few corners of the board are seen")
                new = replace(new, **{camera: None})  # type: ignore[arg-type]
                continue
            if (np.nanmin(uv) < -5) or (np.nanmax(uv - np.array(sizes[camera])) > 5):
                rejected.add(v.name, camera, "corners lie outside the picture")
                new = replace(new, **{camera: None})  # type: ignore[arg-type]
                continue
            twin = next(
                (o for o in out if _same(o.corners(camera), uv)),
                None,
            )
            if twin is not None:
                rejected.add(v.name, camera, f"the same picture as {twin.name}")
                copies.append(v.name)
                new = replace(new, **{camera: None})  # type: ignore[arg-type]
        if new.left is not None and _same(new.left, new.right):
            rejected.add(v.name, "right", "left and right hold the same picture")
            rejected.causes.append(
                Cause(
                    "same_picture_twice",
                    "FAIL",
                    f"view {v.name}: left and right hold the same picture",
                    "Copy each camera's own pictures into its own folder.",
                )
            )
            new = replace(new, right=None)
        if new.left is not None or new.right is not None:
            out.append(new)
    if copies:
        names = ", ".join(dict.fromkeys(copies))
        rejected.causes.append(
            Cause(
                "duplicate_views",
                "WARN",
                f"the same picture is there under more than one name ({names}); copies add nothing "
                "and count once",
                "Move the board between pictures.",
            )
        )
    return out


def _same(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None or a.shape != b.shape:
        return False
    d = np.abs(a - b)
    return bool(np.nanmax(d) < 1e-3) if np.isfinite(d).any() else False


_ACTION = {
    "reversed_view": "Nothing to do: it was turned. Check that the board has one odd and one even "
    "count of inner corners.",
    "swapped_pictures": "Exchange the two files.",
    "mirrored_picture": "Switch off mirroring (often a selfie setting) and take the picture again.",
    "another_board": "Use one board for all pictures, or remove these.",
    "not_simultaneous": "Hold the board still while both cameras see it, or remove these pictures.",
}


def _mend_views(
    board: Board,
    sizes: dict[str, tuple[int, int]],
    views: list[View],
    shared: list[int],
    mono: dict[str, MonoSolution],
    agreed: Consensus,
    rejected: Rejections,
    known: Cause | None,
) -> tuple[list[View], dict[int, int]]:
    """Diagnose the shared views that disagree with the consensus; turn, exchange or separate them.

    known : what is wrong with all of them, where that was already found.

    Returns the views and, for those that agree, {row: place in the consensus}.
    """
    lenses = (mono["left"].lens, mono["right"].lens)
    points = board.points_B()
    good = {row: k for k, row in enumerate(shared) if agreed.agrees[k]}
    if len(good) == len(shared):
        return views, good
    out = list(views)
    R, t = agreed.R_RL, agreed.t_RL
    if len(good) >= 2:  # a better relative pose than the median, for the tests below
        pairs = [(views[i].left, views[i].right, 0) for i in good]
        places = list(good.values())
        state = bundle.State(lenses, R, t, agreed.R_LB[places], agreed.t_LB[places])
        free = np.zeros(lenses[0].size + lenses[1].size + 6, bool)
        free[-6:] = True
        end = bundle.solve(build([points], pairs), state, free=free, robust_px=1.0)
        R, t = end.state.R_RL, end.state.t_RL
    typical = max(mono["left"].rms_px, mono["right"].rms_px)
    found: dict[str, list[str]] = {}
    for k, row in enumerate(shared):
        if agreed.agrees[k]:
            continue
        v = views[row]
        assert v.left is not None and v.right is not None
        if known is not None:
            rejected.add(v.name, "", known.message)
            out[row] = replace(v, right=None)
            out.append(replace(v, left=None))
            continue
        d = diagnose(
            points, board.inner_corners, v.left, v.right,
            (sizes["left"][0], sizes["right"][0]), lenses, R, t, max(6 * typical, 2.0),
        )  # fmt: skip
        found.setdefault(d.code, []).append(v.name)
        if d.code in ("reversed_view", "swapped_pictures"):
            out[row] = replace(v, left=d.left, right=d.right)
            continue
        rejected.add(v.name, d.camera or "", d.detail)
        if d.code == "mirrored_picture" and d.camera is not None:
            out[row] = replace(v, **{d.camera: None})  # type: ignore[arg-type]
        elif d.code == "not_simultaneous":
            # each picture still tells about its own camera
            out[row] = replace(v, right=None)
            out.append(replace(v, left=None))
        else:
            out[row] = replace(v, left=None, right=None)
    for code, names in found.items():
        _view_cause(rejected, code, names, len(shared))
    return out, good


_SAYS = {
    "reversed_view": "the corner order is reversed in one camera (turned)",
    "swapped_pictures": "the left and the right picture are exchanged (exchanged back)",
    "mirrored_picture": "a picture is mirrored (left out)",
    "another_board": "the squares are of another size: another board (left out)",
    "not_simultaneous": "the two pictures were not taken at the same moment, or the board moved "
    "between them (not used for the pair)",
}


def _view_cause(rejected: Rejections, code: str, names: list[str], total: int) -> None:
    """One cause for all views with the same fault; a fault of most views is a FAIL."""
    share = len(names) / max(total, 1)
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    rejected.causes.append(
        Cause(
            code,
            "FAIL" if share > 0.4 and code != "reversed_view" else "WARN",
            f"view{'s' if len(names) > 1 else ''} {shown}: {_SAYS[code]}",
            _ACTION[code],
        )
    )


def _joint_start(
    board: Board,
    views: list[View],
    mono: dict[str, MonoSolution],
    used: dict[str, list[int]],
    agreed: Consensus,
    good: dict[int, int],
) -> tuple[bundle.State, list[int]]:
    """Board poses for every view that is left: consensus, own camera, or both resected."""
    lenses = (mono["left"].lens, mono["right"].lens)
    points = board.points_B()
    order, R, t = [], [], []
    place = {c: {row: k for k, row in enumerate(used[c])} for c in CAMERAS}
    for i, v in enumerate(views):
        if v.left is None and v.right is None:
            continue
        if i in good:
            pose = (agreed.R_LB[good[i]], agreed.t_LB[good[i]])
        elif v.left is not None and v.right is not None:
            end = resect(points, v.left, v.right, lenses, agreed.R_RL, agreed.t_RL)
            if end is None:
                continue
            pose = (end[0], end[1])
        else:
            camera = "left" if v.left is not None else "right"
            k = place[camera].get(i)
            if k is None:  # the second half of a view that was separated
                k = next((place[camera][j] for j in used[camera] if views[j].name == v.name), None)
            if k is None:
                continue
            pose = (mono[camera].R_CB[k], mono[camera].t_CB[k])
        order.append(i)
        R.append(pose[0])
        t.append(pose[1])
    state = bundle.State(lenses, agreed.R_RL, agreed.t_RL, np.array(R), np.array(t))
    return state, order


def _robust_solve(problem: bundle.Problem, state: bundle.State, with_warp: bool) -> bundle.Solution:
    """Robust loss with a scale that shrinks to the noise."""
    end = bundle.solve(
        problem, state, with_warp=with_warp, robust_px=2.0, max_iterations=100, tolerance=1e-5
    )
    sigma = max(robust_sigma(end, problem, 0), robust_sigma(end, problem, 1), 1e-4)
    return bundle.solve(
        problem, end.state, with_warp=with_warp, robust_px=LOSS_SIGMAS * sigma, max_iterations=200,
        tolerance=1e-8,
    )  # fmt: skip


def view_rms(problem: bundle.Problem, solution: bundle.Solution, *, typical: bool = False) -> Array:
    """(V, 2) rms per point of each view in each camera, NaN where it was not seen.

    typical : from the median corner, so that a few wrong corners do not make a wrong view.
    """
    out = np.full((problem.n_views, 2), np.nan)
    for c in (0, 1):
        o = problem.cameras[c]
        n = (o.weight > 0).sum(1)
        e = (solution.residuals[c] ** 2).sum((1, 2))
        if typical:
            size = np.linalg.norm(solution.residuals[c], axis=-1)
            size = np.where(o.weight > 0, size, np.nan)
            for k in np.flatnonzero(n > 0):
                out[o.view[k], c] = float(np.nanmedian(size[k])) * MEDIAN_TO_RMS
            continue
        out[o.view[n > 0], c] = np.sqrt(e[n > 0] / n[n > 0])
    return out


def _reject_corners(
    problem: bundle.Problem, solution: bundle.Solution, views: list[View], rejected: Rejections
) -> tuple[bundle.Problem, int]:
    """Zero weight for corners beyond 5 σ."""
    cameras, total = [], 0
    for c in (0, 1):
        o = problem.cameras[c]
        limit = CORNER_SIGMAS * max(robust_sigma(solution, problem, c), 0.01)
        bad = (np.linalg.norm(solution.residuals[c], axis=-1) > limit) & (o.weight > 0)
        for row in np.flatnonzero(bad.any(1)):
            key = (views[o.view[row]].name, CAMERAS[c])
            rejected.corners[key] = rejected.corners.get(key, 0) + int(bad[row].sum())
        total += int(bad.sum())
        cameras.append(replace(o, weight=np.where(bad, 0.0, o.weight)))
    return replace(problem, cameras=(cameras[0], cameras[1])), total


def _reject(
    board: Board,
    views: list[View],
    problem: bundle.Problem,
    solution: bundle.Solution,
    mono: dict[str, MonoSolution],
    rejected: Rejections,
    sizes: dict[str, tuple[int, int]],
) -> tuple[list[View], bundle.Problem, bundle.Solution]:
    """Take out views that do not fit jointly (diagnosed), then single corners."""
    points = board.points_B()
    limit_count = max(1, len(views) // 3)
    doubtful: dict[str, list[str]] = {}
    total = sum(1 for v in views if v.left is not None and v.right is not None)
    for _ in range(limit_count):
        rms = view_rms(problem, solution, typical=True)
        both = np.isfinite(rms).all(1)
        value = np.sqrt(np.nanmean(rms**2, axis=1))
        sigma = max(robust_sigma(solution, problem, 0), robust_sigma(solution, problem, 1))
        limit = max(VIEW_TIMES_MEDIAN * float(np.median(value)), VIEW_SIGMAS * sigma, VIEW_LEAST_PX)
        worst = int(np.nanargmax(value))
        if value[worst] <= limit or both.sum() <= LEAST_VIEWS:
            break
        v = views[worst]
        s = solution.state
        if v.left is not None and v.right is not None:
            d = diagnose(
                points, board.inner_corners, v.left, v.right,
                (sizes["left"][0], sizes["right"][0]), s.lenses, s.R_RL, s.t_RL,
                max(2.0 * float(np.median(value)), 4 * sigma),
            )  # fmt: skip
            code, reason = d.code, d.detail
            doubtful.setdefault(code, []).append(v.name)
            rejected.add(v.name, "", f"{reason} ({value[worst]:.2f} px)")
            if code in ("reversed_view", "swapped_pictures"):
                del rejected.views[(v.name, "")]
                turned = replace(v, left=d.left, right=d.right)
                views = views[:worst] + [turned] + views[worst + 1 :]
                problem = build([points], [(x.left, x.right, 0) for x in views])
                assert d.left is not None and d.right is not None
                end = resect(points, d.left, d.right, s.lenses, s.R_RL, s.t_RL)
                if end is not None:
                    R, t = s.R_view.copy(), s.t_view.copy()
                    R[worst], t[worst] = end[0], end[1]
                    solution = _robust_solve(problem, replace(s, R_view=R, t_view=t), False)
                continue
        else:
            camera = "left" if v.left is not None else "right"
            rejected.add(
                v.name,
                camera,
                f"does not fit the other views ({value[worst]:.2f} px, the median is "
                f"{np.median(value):.2f} px)",
            )
        keep = np.arange(len(views)) != worst
        views = [x for x, k in zip(views, keep, strict=True) if k]
        problem = build([points], [(x.left, x.right, 0) for x in views])
        start = replace(s, R_view=s.R_view[keep], t_view=s.t_view[keep])
        solution = _robust_solve(problem, start, False)
    for code, names in doubtful.items():
        _view_cause(rejected, code, names, total)
    for _ in range(2):
        problem, n = _reject_corners(problem, solution, views, rejected)
        if n == 0:
            break
        solution = _robust_solve(problem, solution.state, False)
    return views, problem, solution


# -- stage 4 ---------------------------------------------------------------------------------------
def with_model(lens: Array, n_distortion: int) -> Array:
    """The lens cut or padded to another number of coefficients."""
    out = np.zeros(4 + n_distortion)
    k = min(out.size, lens.size)
    out[:k] = lens[:k]
    return out


@dataclass
class _Trials:
    """Models tried on one problem: their fits, and their hold-out errors where worth it."""

    problem: bundle.Problem
    start: bundle.State
    shared: bundle.IntArray
    folds: int
    robust_px: float
    fits: dict[tuple[int, int, bool], bundle.Solution] = field(default_factory=dict)
    held: dict[tuple[int, int, bool], HoldOut] = field(default_factory=dict)

    def attempt(self, key: tuple[int, int, bool], *, against: float | None = None) -> None:
        """Fit a model; hold it out unless it fits no better than ``against`` (rms, px)."""
        left, right, bend = key
        lenses = (with_model(self.start.lenses[0], left), with_model(self.start.lenses[1], right))
        end = bundle.solve(
            self.problem,
            replace(self.start, lenses=lenses),
            with_warp=bend,
            robust_px=self.robust_px,
            max_iterations=80,
            tolerance=1e-7,
        )
        self.fits[key] = end
        if against is not None and end.rms_px > (1 - LEAST_FIT_GAIN) * against:
            return
        self.held[key] = hold_out(
            self.problem,
            end.state,
            self.shared,
            with_warp=bend,
            k=self.folds,
            robust_px=self.robust_px,
            sigma_px=end.sigma_px,
        )

    def best(self) -> tuple[int, int, bool]:
        """The fewest parameters among those within 2 % of the lowest hold-out error."""
        lowest = min(h.both_px for h in self.held.values())
        good = [k for k, h in self.held.items() if h.both_px <= (1 + GAIN) * lowest]
        return min(good, key=lambda k: (k[0] + k[1] + 2 * k[2], self.held[k].both_px))

    def rows(self, chosen: tuple[int, int, bool]) -> list[dict[str, Any]]:
        """The table of models for ``rig.quality``."""
        return [
            {
                "left": key[0],
                "right": key[1],
                "warp": key[2],
                "rms_px": end.rms_px,
                "holdout_px": self.held[key].left_to_right_px if key in self.held else None,
                "holdout_both_px": self.held[key].both_px if key in self.held else None,
                "converged": end.converged,
                "chosen": key == chosen,
            }
            for key, end in self.fits.items()
        ]


def _choose(
    problem: bundle.Problem,
    solution: bundle.Solution,
    views: Sequence[View],
    models: Sequence[int],
    warp: bool | None,
    folds: int,
    robust_px: float,
    say: Callable[[str, float], None],
) -> tuple[bundle.Solution, bool, HoldOut | None, list[dict[str, Any]]]:
    """Lens model and bend by hold-out: the simplest within 2 % of the best."""
    shared = np.array(
        [i for i, v in enumerate(views) if v.left is not None and v.right is not None], np.intp
    )
    trials = _Trials(problem, solution.state, shared, folds, robust_px)
    bend = bool(warp)
    ordered = sorted(models)
    simplest = (ordered[0], ordered[0], bend)
    per_camera = min(len(o.view) for o in problem.cameras)
    if len(shared) < 4 or per_camera < 5:
        # too few views to choose by hold-out: the model that asks least of them
        trials.attempt(simplest, against=0.0 if len(shared) < 4 else None)
        return trials.fits[simplest], bend, trials.held.get(simplest), trials.rows(simplest)
    trials.attempt(simplest)
    for j, n in enumerate(ordered[1:]):
        trials.attempt((n, n, bend), against=min(e.rms_px for e in trials.fits.values()))
        say("lens model by hold-out", 0.6 + 0.2 * (j + 1) / len(ordered))
    best = trials.best()
    if warp is None:
        trials.attempt((best[0], best[1], True), against=trials.fits[best].rms_px)
        best = trials.best()
    if best[0] == best[1] != ordered[0]:
        # one lens may be simpler than the other
        lower = ordered[ordered.index(best[0]) - 1]
        for key in ((best[0], lower, best[2]), (lower, best[0], best[2])):
            trials.attempt(key)
        best = trials.best()
    return trials.fits[best], best[2], trials.held[best], trials.rows(best)
