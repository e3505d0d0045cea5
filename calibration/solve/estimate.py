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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import Board, View
from calibration.errors import CalibrationError
from calibration.solve import bundle
from calibration.solve.changes import CHANGED, LEAST_PART, what_changed
from calibration.solve.choose import choose
from calibration.solve.holdout import HoldOut
from calibration.solve.intrinsics import MODELS, Choice, MonoSolution, begin_camera
from calibration.solve.moments import why_views_disagree
from calibration.solve.pair import Consensus, consensus, resect
from calibration.solve.problem import LOSS_SIGMAS, MEDIAN_TO_RMS, build, possible, robust_solve
from calibration.solve.views import (
    LEAST_VIEWS,
    Rejections,
    mend_views,
    reject_corners,
    reject_views,
    usable,
    without,
)
from calibration.transform import Array
from calibration.verdict import Cause

#: Views that have a pose, their problem, and where its solve begins.
Begun = tuple[list[View], bundle.Problem, bundle.State]
#: Hold-out error over what noise explains, or share of agreeing views, at which it is asked what
#: changed among them.
ASKED_RATIO, ASKED_SUPPORT = 2.0, 0.9
#: No lens explains a view of one camera that fits so many times worse than the typical one, and
#: worse than this.
ALONE_TIMES_MEDIAN, ALONE_LEAST_PX = 5.0, 0.75


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


def estimate(
    board: Board,
    sizes: dict[str, tuple[int, int]],
    views: Sequence[View],
    *,
    models: Sequence[Choice] = MODELS,
    warp: bool | None = None,
    reject: bool = True,
    folds: int = 5,
    progress: Callable[[str, float], None] | None = None,
) -> Estimate:
    """Cameras and relative pose from corners.

    Parameters
    ----------
    models : lens models to choose from by hold-out: numbers of coefficients, ``equidistant``.
    warp : whether the board may bend; None = chosen by hold-out.
    reject : False keeps every corner and view (for comparisons on the same corners).

    Raises
    ------
    CalibrationError : too few views, or none that both cameras saw.
    """
    say = progress or (lambda stage, share: None)
    rejected = Rejections()
    kept = given = usable(views, board, sizes, rejected)
    say("each camera alone", 0.05)
    mono: dict[str, MonoSolution] = {}
    alone: dict[tuple[str, str], tuple[MonoSolution, int]] = {}  # by (view, camera)
    for camera in CAMERAS:
        mono[camera], used = one_camera(camera, board, kept, sizes[camera], rejected, models)
        alone |= {(kept[row].name, camera): (mono[camera], k) for k, row in enumerate(used)}
    kept = [
        replace(v, **{c: None for c in CAMERAS if (v.name, c) not in alone})  # type: ignore[arg-type]
        for v in kept
    ]
    shared = [i for i, v in enumerate(kept) if v.left is not None and v.right is not None]
    if len(shared) < 1:
        n_left, n_right = (sum(c == camera for _, c in alone) for camera in CAMERAS)
        raise CalibrationError(
            "no view was seen by both cameras", where="calibration/left, right",
            found=f"{n_left} views left, {n_right} right, none in common",
            expected=f"{LEAST_VIEWS} or more, with equal names",
            remedy="Give pictures taken together equal names (left/07.jpg, right/07.jpg).",
        )  # fmt: skip
    say("the pair", 0.3)
    agreed = _pair_start(board, kept, shared, mono)
    support = agreed.support
    why: Cause | None = None
    if len(shared) >= LEAST_VIEWS:
        why = why_views_disagree(board, sizes, [kept[i] for i in shared], mono, agreed)
    kept, agreed_rows = mend_views(board, sizes, kept, shared, mono, agreed, rejected, why)
    poses = {key: (of.solution.state, k) for key, (of, k) in alone.items()}
    own = {key: (s.R_view[k], s.t_view[k]) for key, (s, k) in poses.items()}
    kept, problem, state = _joint_start(board, kept, own, agreed, agreed_rows)

    say("all views jointly", 0.45)
    solution = robust_solve(problem, state, False)
    if reject:
        kept, problem, solution = reject_views(
            board, kept, problem, solution, mono, rejected, sizes
        )
    rejected.tell(len(shared))
    say("lens model by hold-out", 0.6)
    robust_px = LOSS_SIGMAS * max(solution.sigma_px, 1e-4)
    solution, with_warp, held, tried = choose(
        problem,
        solution,
        kept,
        (sizes["left"], sizes["right"]),
        models,
        warp,
        folds,
        robust_px,
        say,
    )
    solution = bundle.solve(
        problem, solution.state, with_warp=with_warp, robust_px=robust_px, max_iterations=300
    )
    if reject:  # corners once more, under the model that was chosen
        problem, n = reject_corners(problem, solution, kept, rejected)
        if n:
            solution = bundle.solve(
                problem, solution.state, with_warp=with_warp, robust_px=robust_px,
                max_iterations=300,
            )  # fmt: skip
    if not all(possible(x, sizes[c]) for x, c in zip(solution.state.lenses, CAMERAS, strict=True)):
        raise CalibrationError(
            "all views together lead to an impossible lens", where="calibration/left, right",
            remedy="Tilt the board in several directions; check that corners were found right.",
        )  # fmt: skip
    left_out = set(rejected.of("not_simultaneous")) | {v for v, camera in rejected.views if camera}
    suspicious = support < ASKED_SUPPORT or (
        bool(rejected.faults)  # so few views are left that none could be held out
        if held is None else held.left_to_right_px > ASKED_RATIO * held.expected_px
    )  # fmt: skip
    changed = why
    if suspicious or len(left_out) >= LEAST_PART:
        # a view or two that left have their own reason, and those that are left are asked
        many = len(left_out) >= LEAST_PART
        every = _every_view(given, kept, rejected) if many else kept
        apart = [x for v in every for x in (without(v, "right"), without(v, "left"))]
        both, single = (_joint_start(board, of, own, agreed, {}) for of in (every, apart))
        changed = _why_they_differ(sizes, views, both, single, why, with_warp)
    if changed is not None and (suspicious or rejected.most(len(shared))):
        changed = replace(changed, severity="FAIL")
    if changed is not None:  # it explains all, so it stands before those of single views
        told = {changed.code, *(["not_simultaneous"] if changed.code in CHANGED else [])}
        rest = [c for c in rejected.causes if c.code not in told]
        rejected.causes[:] = [changed, *rest]
    say("cameras done", 0.9)
    residuals = {key: of.residual_px[k] for key, (of, k) in alone.items()}
    return Estimate(
        board, sizes, tuple(kept), problem, solution, with_warp, robust_px, mono, residuals, held,
        tuple(tried), rejected, support,
    )  # fmt: skip


def _every_view(views: Sequence[View], kept: list[View], rejected: Rejections) -> list[View]:
    """The views with those that left as they do not fit the others: what changed is in them."""
    mended = {v.name: v for v in kept if v.left is not None and v.right is not None}
    faults = set(rejected.faults) - {"not_simultaneous"}
    wrong = {name for code in faults for name in rejected.of(code)}
    return [mended.get(v.name, v) for v in views if v.name in mended or v.name not in wrong]


def _why_they_differ(
    sizes: dict[str, tuple[int, int]],
    views: Sequence[View],
    both: Begun,
    single: Begun,
    why: Cause | None,
    with_warp: bool,
) -> Cause | None:
    """What changed among all views.

    single : each camera's pictures as views of their own. why : what their relative poses said.
    """
    place = {v.name: i for i, v in enumerate(views)}
    where, apart = ([place[v.name] for v in of[0]] for of in (both, single))
    _, problem, state = both
    return what_changed(
        problem, robust_solve(problem, state, False), (*single[1:], apart), list(place), where,
        (sizes["left"][1], sizes["right"][1]), with_warp, why,
    )  # fmt: skip


def one_camera(
    camera: str,
    board: Board,
    views: list[View],
    size_px: tuple[int, int],
    rejected: Rejections,
    models: Sequence[Choice],
) -> tuple[MonoSolution, list[int]]:
    """Solve a camera alone; views that no lens explains are left out. Returns rows used."""
    points = board.points_B()
    rows = [i for i, v in enumerate(views) if v.corners(camera) is not None]
    while True:
        if len(rows) < LEAST_VIEWS:
            raise CalibrationError(
                f"too few views of the board in the {camera} camera",
                where=f"calibration/{camera}", found=f"{len(rows)} usable",
                expected=f"{LEAST_VIEWS} at the very least, better 15",
                remedy="Take more pictures: board near and far, in every corner, tilted.",
            )  # fmt: skip
        corners = [views[i].corners(camera) for i in rows]
        try:
            mono = begin_camera(points, [c for c in corners if c is not None], size_px, models)
        except ValueError as error:
            raise CalibrationError(
                f"no lens explains the views of the {camera} camera",
                where=f"calibration/{camera}", found=str(error),
                remedy="Check inner_corners, and that every picture shows the same flat board.",
            ) from error  # fmt: skip
        if not possible(mono.lens, size_px):
            raise CalibrationError(
                f"the views of the {camera} camera lead to an impossible lens",
                where=f"calibration/{camera}",
                found=f"focal length {mono.lens.f_px:.0f} px, centre "
                f"({mono.lens.values[2]:.0f}, {mono.lens.values[3]:.0f}) px in pictures of "
                f"{size_px[0]} × {size_px[1]}",
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


def _pair_start(
    board: Board, views: list[View], shared: list[int], mono: dict[str, MonoSolution]
) -> Consensus:
    left = [v for i in shared if (v := views[i].left) is not None]
    right = [v for i in shared if (v := views[i].right) is not None]
    lenses = mono["left"].lens, mono["right"].lens
    agreed = consensus(board.points_B(), left, right, lenses)
    if agreed is None:
        raise CalibrationError(
            "no view gives a relative pose of the two cameras", where="calibration/left, right",
            remedy="Take pictures in which both cameras see the whole board at the same moment.",
        )  # fmt: skip
    return agreed


def _joint_start(
    board: Board,
    views: list[View],
    own: dict[tuple[str, str], tuple[Array, Array]],
    agreed: Consensus,
    good: dict[int, int],
) -> Begun:
    """Board poses for every view that has one: consensus, own camera, or resected.

    own : by (view, camera), the board as that camera alone has it.
    """
    s = agreed.state
    posed, R, t = [], [], []
    for i, v in enumerate(views):
        pose = None
        if i in good:
            pose = s.R_view[good[i]], s.t_view[good[i]]
        elif v.left is not None and v.right is None and (v.name, "left") in own:
            pose = own[v.name, "left"]
        elif v.right is not None and v.left is None and (v.name, "right") in own:
            R_RB, t_RB = own[v.name, "right"]
            pose = s.R_RL.T @ R_RB, s.R_RL.T @ (t_RB - s.t_RL)
        else:
            end = resect(board.points_B(), v.left, v.right, s)
            pose = None if end is None else (end.state.R_view[0], end.state.t_view[0])
        if pose is not None:
            posed.append(v)
            R.append(pose[0])
            t.append(pose[1])
    problem = build([board.points_B()], [(v.left, v.right, 0) for v in posed])
    return posed, problem, s.posed(np.array(R), np.array(t))
