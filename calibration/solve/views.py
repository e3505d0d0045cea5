"""Views that do not fit: found, diagnosed, put right or left out, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from calibration.camera import CAMERAS
from calibration.corners.boards import Board, View
from calibration.solve import bundle
from calibration.solve.intrinsics import MonoSolution
from calibration.solve.pair import Consensus, Diagnosis, diagnose, refined, resect
from calibration.solve.problem import build, robust_sigma, robust_solve, view_rms
from calibration.transform import Array
from calibration.verdict import Cause, Status

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

#: A fault of more than this share of the shared views is a FAIL.
MOST_VIEWS = 0.4

#: A picture that would lose more than this share of its corners does not have a few wrong ones.
MOST_CORNERS = 0.5


class _Fault(NamedTuple):
    """The views with a fault, and the codes of what may be wrong with them instead."""

    views: dict[str, None]
    rivals: dict[str, None]


@dataclass
class Rejections:
    """What was left out or put right, with the reason; keyed (view, camera or "")."""

    views: dict[tuple[str, str], str] = field(default_factory=dict)
    corners: dict[tuple[str, str], int] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)
    faults: dict[str, _Fault] = field(default_factory=dict)

    def add(self, view: str, camera: str, reason: str) -> None:
        """Note a view that is left out."""
        self.views[(view, camera)] = reason

    def fault(self, view: str, d: Diagnosis) -> None:
        """Note what is wrong with a view; :meth:`tell` says it, once for all views."""
        names, rivals = self.faults.setdefault(d.code, _Fault({}, {}))
        names[view] = None
        rivals |= dict.fromkeys(d.rivals)

    def of(self, code: str) -> list[str]:
        """Views left out for a fault."""
        return list(self.faults[code].views) if code in self.faults else []

    def most(self, total: int, code: str = "not_simultaneous") -> bool:
        """Whether so many of the shared views have a fault that the others may be wrong."""
        return len(self.of(code)) > MOST_VIEWS * total

    def tell(self, total: int) -> None:
        """One cause for all views with the same fault; a fault of most views is a FAIL.

        total : number of the shared views.
        """
        for code, (found, rivals) in self.faults.items():
            names = list(found)
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            most = self.most(total, code) and code != "reversed_view"
            severity: Status = "FAIL" if most else "WARN"
            which = f"view{'s' if len(names) > 1 else ''} {', '.join(names[:6])}{more}"
            says, action = SAYS[code]
            cause = Cause(code, severity, f"{which}: {says}", action)
            others = (Cause(r, "WARN", *SAYS[r]) for r in rivals if r != code)
            self.causes.append(cause.or_else(*others))


def usable(
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
            twin = next((o for o in out if _same(o.corners(camera), uv)), None)
            if int(np.isfinite(uv).all(1).sum()) < LEAST_CORNERS:
                reason = "too few corners of the board are seen"
            elif (np.nanmin(uv) < -5) or (np.nanmax(uv - np.array(sizes[camera])) > 5):
                reason = "corners lie outside the picture"
            elif twin is not None:
                reason = f"the same picture as {twin.name}"
                copies.append(v.name)
            else:
                continue
            rejected.add(v.name, camera, reason)
            new = without(new, camera)
        if new.left is not None and _same(new.left, new.right):
            rejected.add(v.name, "right", "left and right hold the same picture")
            twice = f"view {v.name}: left and right hold the same picture"
            action = "Copy each camera's own pictures into its own folder."
            rejected.causes.append(Cause("same_picture_twice", "FAIL", twice, action))
            new = without(new, "right")
        if new.left is not None or new.right is not None:
            out.append(new)
    if copies:
        names = ", ".join(dict.fromkeys(copies))
        rejected.causes.append(
            Cause(
                "duplicate_views", "WARN",
                f"the same picture is there under more than one name ({names}); copies add nothing "
                "and count once",
                "Move the board between pictures.",
            )
        )  # fmt: skip
    return out


def without(v: View, *cameras: str) -> View:
    """A view without what these cameras saw."""
    return replace(v, **dict.fromkeys(cameras, None))  # type: ignore[arg-type]


def copies(a: View, b: View) -> bool:
    """Whether two views are the same pictures, in each camera that saw both."""
    pairs = [(a.corners(c), b.corners(c)) for c in CAMERAS]
    both = [_same(u, v) for u, v in pairs if u is not None and v is not None]
    return bool(both) and all(both)


def _same(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None or a.shape != b.shape:
        return False
    d = np.abs(a - b)
    return bool(np.nanmax(d) < 1e-3) if np.isfinite(d).any() else False


#: What may be wrong with a view (:func:`calibration.solve.pair.diagnose`), and what to do.
SAYS = {
    "reversed_view": (
        "the corner order is reversed in one camera (turned)",
        "Nothing to do: it was turned. Check that the board has one odd and one even count of "
        "inner corners.",
    ),
    "swapped_pictures": (
        "the left and the right picture are exchanged (exchanged back)", "Exchange the two files.",
    ),
    "mirrored_picture": (
        "a picture is mirrored (left out)",
        "Switch off mirroring (often a selfie setting) and take the picture again.",
    ),
    "upside_down_picture": (
        "a picture is upside down (left out)", "Turn it, as the others are, and give it again.",
    ),
    "another_board": (
        "the squares are of another size: another board (left out)",
        "Use one board for all pictures, or remove these.",
    ),
    "not_simultaneous": (
        "the two pictures were not taken at the same moment, or the board moved between them (not "
        "used for the pair)",
        "Hold the board still while both cameras see it, or remove these pictures.",
    ),
}  # fmt: skip


def mend_views(
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
    good = {row: k for k, row in enumerate(shared) if agreed.agrees[k]}
    if len(good) == len(shared):
        return views, good
    out = list(views)
    both = [(a, b) for i in shared if (a := views[i].left) is not None
            and (b := views[i].right) is not None]  # fmt: skip
    cameras = refined(board.points_B(), [a for a, _ in both], [b for _, b in both], agreed)
    typical = max(mono["left"].rms_px, mono["right"].rms_px)
    for k, row in enumerate(shared):
        if agreed.agrees[k]:
            continue
        v = views[row]
        assert v.left is not None and v.right is not None
        if known is not None:
            rejected.add(v.name, "", known.message)
            out[row] = without(v, "right")
            out.append(without(v, "left"))
            continue
        d = diagnose(board, v.left, v.right, sizes, cameras, max(6 * typical, 2.0))
        rejected.fault(v.name, d)
        if d.code in ("reversed_view", "swapped_pictures"):
            out[row] = replace(v, left=d.left, right=d.right)
            continue
        rejected.add(v.name, d.camera or "", d.detail)
        if d.code in ("mirrored_picture", "upside_down_picture") and d.camera is not None:
            out[row] = without(v, d.camera)
        elif d.code == "not_simultaneous":
            # each picture still tells about its own camera
            out[row] = without(v, "right")
            out.append(without(v, "left"))
        else:
            out[row] = without(v, *CAMERAS)
    return out, good


def reject_corners(
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


def reject_views(
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
    for more in reversed(range(max(1, len(views) // 3) + 1)):
        rms = view_rms(problem, solution, typical=True)
        both = np.isfinite(rms).all(1)
        value = np.sqrt(np.nanmean(rms**2, axis=1))
        sigma = max(robust_sigma(solution, problem, 0), robust_sigma(solution, problem, 1))
        limit = max(VIEW_TIMES_MEDIAN * float(np.median(value)), VIEW_SIGMAS * sigma, VIEW_LEAST_PX)
        worst = int(np.nanargmax(value))
        last = not more or both.sum() <= LEAST_VIEWS
        if last or value[worst] <= limit:
            clean, fit, few = _without_corners(problem, solution, views)
            lost = _lost(problem, clean)
            if last or lost.max() <= MOST_CORNERS:
                break
            worst = int(lost.argmax())
        v = views[worst]
        s = solution.state
        if v.left is not None and v.right is not None:
            good_px = max(2.0 * float(np.median(value)), 4 * sigma)
            d = diagnose(board, v.left, v.right, sizes, s, good_px)
            rejected.fault(v.name, d)
            rejected.add(v.name, "", f"{d.detail} ({value[worst]:.2f} px)")
            if d.code in ("reversed_view", "swapped_pictures"):
                assert d.left is not None and d.right is not None
                end = resect(points, d.left, d.right, s)
                if end is not None:
                    del rejected.views[(v.name, "")]
                    turned = replace(v, left=d.left, right=d.right)
                    views = views[:worst] + [turned] + views[worst + 1 :]
                    problem = build([points], [(x.left, x.right, 0) for x in views])
                    R, t = s.R_view.copy(), s.t_view.copy()
                    R[worst], t[worst] = end.state.R_view[0], end.state.t_view[0]
                    solution = robust_solve(problem, s.posed(R, t), False)
                    continue
        else:
            camera = "left" if v.left is not None else "right"
            off = f"{value[worst]:.2f} px, the median is {np.median(value):.2f} px"
            rejected.add(v.name, camera, f"does not fit the other views ({off})")
        keep = np.arange(len(views)) != worst
        views = [x for x, k in zip(views, keep, strict=True) if k]
        problem = build([points], [(x.left, x.right, 0) for x in views])
        solution = robust_solve(problem, s.posed(s.R_view[keep], s.t_view[keep]), False)
    rejected.corners |= few.corners
    return views, clean, fit


def _without_corners(
    problem: bundle.Problem, solution: bundle.Solution, views: list[View]
) -> tuple[bundle.Problem, bundle.Solution, Rejections]:
    """Solved again without single corners that do not fit; which they are."""
    rejected = Rejections()
    for _ in range(2):
        problem, n = reject_corners(problem, solution, views, rejected)
        if n == 0:
            break
        solution = robust_solve(problem, solution.state, False)
    return problem, solution, rejected


def _lost(before: bundle.Problem, after: bundle.Problem) -> Array:
    """(V,) the share of its corners that a view has lost, in the camera where that is larger."""
    out = np.zeros(before.n_views)
    for o, left in zip(before.cameras, after.cameras, strict=True):
        share = 1 - (left.weight > 0).sum(1) / np.maximum((o.weight > 0).sum(1), 1)
        np.maximum.at(out, o.view, share)
    return out
