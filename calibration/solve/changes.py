"""Why views do not fit together: what may have changed among them, hypothesis against hypothesis.

Each says what was not the same in all views: cameras' zoom or where they stood, from some moment
on; the zoom or the cut of each picture of a camera; the two pictures of a view not taken at one
moment, or rows of a picture not read at one moment (rolling shutter); or that the print is
stretched. Each adds its own unknowns; the one that explains most for the number it asks for
(Schwarz) is named, the next told. A solve of views that differ lies between them, and its loss
makes little of what is larger than noise: so what some views have and the others have not is undone
in their corners and all solved again, until nothing of it is left. A zoom so large that it leads
the pair astray is looked for in each camera's pictures by themselves. What remains is to first
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.solve import bundle
from calibration.solve.covariance import KINDS, SPAN_PX, linear
from calibration.solve.problem import LOSS_SIGMAS
from calibration.transform import Array, rotation_exp
from calibration.verdict import Cause, Hypothesis, Status, named

#: A change is named where it explains so much more than no change, in Schwarz's count …
NAMED = 100.0
#: … and is larger than this: share of the focal length, degrees between the cameras, pixels over
#: the picture's height (rows), pixels of a corner (what the view's pose does not swallow: of 3 px
#: between two pictures as little as 0.09).
LEAST_ZOOM, LEAST_TURN_DEG, LEAST_ROWS_PX, LEAST_APART_PX = 0.003, 0.03, 0.5, 0.05
#: … or moved them against each other by this.
LEAST_SHIFT_M = 0.002
#: Share by which a print is wider than high, or skewed.
LEAST_STRETCH = 0.003
#: A change is solved for again where that lowers the count by so much, so many times at most.
AGAIN, MOST_AGAIN = 1.0, 8
#: No change is larger: share of a focal length, radians, metres.
MOST_CHANGE = 0.9
#: The next best is told where it is this near: to first order counts are rough.
NEAR = 60.0
#: Causes with unknowns of each view's own: a large zoom and blurred pictures look like them, too.
OF_EACH_VIEW = {"not_simultaneous", "rolling_shutter"}
#: Causes that name what changed among the views: pictures that do not fit together follow from it.
CHANGED = {"zoom_changed", "zoom_unsteady", "camera_moved", "rolling_shutter", "print_stretched"}
#: What may have changed, in words, and what to do about it.
SAYS = {
    "zoom_changed": (
        "the {camera} zoom or picture size changed near view {view}: focal length {by}",
        "Lock zoom and focus, and take all pictures with one setting.",
    ),
    "zoom_unsteady": (
        "the {camera} zoom or focus went back and forth from view to view (autofocus, pictures "
        "that were cut, straightened or enlarged, or those of two cameras in one folder)",
        "Lock zoom and focus, take all pictures with one setting, and give them as they are.",
    ),
    "camera_moved": (
        "a camera was moved just before view {view}: the cameras' relative direction is {by} "
        "another one from there on",
        "Fix the cameras, and take all calibration pictures again.",
    ),
    "print_stretched": (
        "the board's print is about {by}: its squares are not square",
        "Print the board without fitting it to the page, and measure ten squares both ways.",
    ),
    "not_simultaneous": (
        "the two pictures of a view were not taken at the same moment, or the board moved between "
        "them",
        "Hold the board still for a second in each position, and use one clock.",
    ),
    "rolling_shutter": (
        "the board moved while pictures were read row by row (rolling shutter): they are sheared "
        "by {by} or more from the first row to the last, typically",
        "Hold the board still (lean it) in each position; a shorter exposure does not help.",
    ),
}  # fmt: skip
#: Cameras whose zoom may have changed; none: where they stand to each other may have.
CHANGES = ((0,), (1,), (0, 1), ())
ZOOMS = CHANGES[:-1]
#: Pictures of a camera by themselves are fitted better by any two lenses: only a zoom as large as
#: this is named by them, only where it takes so much of the count, for each number, and where its
#: moment explains so much of what a zoom of each picture's own would.
LARGE_ZOOM, RID, MOMENT = 0.07, 0.4, 0.7
#: How much of a view's change is left alone, of the best known one's information.
KEPT = 1e-3
#: Views before and after a moment, at least.
LEAST_PART = 3


def changed(
    code: str, by: str = "", *, view: str = "", camera: str = "", severity: Status = "WARN"
) -> Cause:
    """The cause of this code, with how much it is, from which view on, in which camera."""
    message, action = SAYS[code]
    return Cause(code, severity, message.format(by=by, view=view, camera=camera), action)


class _Views:
    """The linearised problem with each view's pose taken out."""

    def __init__(self, problem: bundle.Problem, state: bundle.State, with_warp: bool,
                 robust_px: float | None) -> None:  # fmt: skip
        self.G = state.n_globals + (bundle.BENDS if with_warp else 0)
        self.lin = linear(problem, state, robust_px, with_warp, self.G)
        self.V, self.M = self.lin.J.shape[:2]
        seen = np.zeros((self.V, 2, self.M // 4, 2), bool)
        for c, o in enumerate(problem.cameras):
            seen[o.view, c] = (o.weight > 0)[..., None]
        self.seen = seen.reshape(self.V, 2, -1)
        self.n = int(seen.sum())
        self.shared: NDArray[np.bool_] = np.all(np.any(self.seen, axis=-1), axis=1)
        self.J, self.r = self._apart(self.lin.J_view)
        T = np.swapaxes(self.J, 1, 2)
        self.N, self.b = T @ self.J, (T @ self.r)[..., 0]  # of each view
        self.rss, _ = self._solved(self.J, self.r)
        self.nothing = self.score(self.rss, 0)

    def _apart(self, own: Array, more: Array | None = None) -> tuple[Array, Array]:
        """J (with more columns) and residual without what each view's own (V, M, k) explain."""
        L = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
        T = np.swapaxes(L, 1, 2)
        inverse = np.linalg.pinv(T @ L, rcond=1e-10, hermitian=True)
        J = self.lin.J if more is None else np.concatenate([self.lin.J, more], -1)
        out = [X - L @ (inverse @ (T @ X)) for X in (J, self.lin.residual[..., None])]
        return out[0], out[1]

    def _solved(self, J: Array, r: Array) -> tuple[float, Array]:
        """Sum of squares left, and the columns' sizes."""
        A = J.reshape(self.V * self.M, -1)
        return self._least(A.T @ A, A.T @ r.ravel(), float((r**2).sum()))

    def _least(self, N: Array, b: Array, rss: float) -> tuple[float, Array]:
        """The same from normal equations."""
        size = np.maximum(np.sqrt(np.diag(N)), 1e-12)
        x = np.linalg.lstsq(N / np.outer(size, size), b / size, rcond=1e-12)[0]
        return float(rss - b / size @ x), -x / size

    def score(self, rss: float, unknowns: int) -> float:
        """Schwarz's count: less is better."""
        return float(self.n * np.log(max(rss, 1e-12) / self.n) + unknowns * np.log(self.n))

    def with_later(self, P: Array, later: Array) -> tuple[float, Array]:
        """A change (G, k) of the globals that is in later views (V,) only; how much of it."""
        N = np.tensordot(later, self.N, 1)
        both = np.block([[self.N.sum(0), N @ P], [P.T @ N, P.T @ N @ P]])
        b = np.concatenate([self.b.sum(0), P.T @ (later @ self.b)])
        rss, x = self._least(both, b, float((self.r**2).sum()))
        return self.score(rss, P.shape[1]), x[self.G :]

    def change(self, s: bundle.State, which: Sequence[int]) -> Array:
        """(G, k) the globals by focal length (share) and middle of these cameras' pictures; of no
        camera: by turn and shift of the pair."""
        every = np.eye(self.G)
        if not which:
            return every[:, s.n_globals - 6 : s.n_globals]
        out = []
        for c in which:
            lens = every[:, c * s.lenses[0].size :]
            out += [lens[:, :2] @ s.lenses[c].values[:2, None], lens[:, 2:4]]
        return np.concatenate(out, 1)

    def with_each(self, P: Array) -> tuple[float, Array]:
        """A change (G, k) of the globals that each view has of its own; how much of it (V, k)."""
        columns = self.J @ P
        size = np.maximum(np.linalg.norm(columns, axis=1).max(0), 1e-12)
        C = columns / size
        T = np.swapaxes(C, 1, 2)
        # what the poses swallow stays as it is
        inverse = np.linalg.inv(T @ C + KEPT * np.eye(C.shape[-1]))
        J, r = (X - C @ (inverse @ (T @ X)) for X in (self.J, self.r))
        _, x = self._solved(J, r)
        more = -inverse @ (T @ (self.r + (self.J @ x)[..., None]))
        left = self.r + (self.J @ x)[..., None] + C @ more
        unknowns = int((np.abs(columns).max(1) > 0).sum())
        return self.score(float((left**2).sum()), unknowns), more[..., 0] / size

    def with_stretch(self, problem: bundle.Problem, s: bundle.State) -> tuple[float, Array]:
        """The board's print wider by some share than it is high, and skewed by some; both."""
        board, across = problem.boards[0], np.array([1.0, 0, 0])
        X = np.stack([board[:, :1] * across, board[:, 1:2] * across])
        by_t = self.lin.J_view[..., 3:].reshape(self.V, 2, len(board), 2, 3)
        columns = np.einsum("vcnuk,vkj,anj->vcnua", by_t, s.R_view, X)
        J, r = self._apart(self.lin.J_view, columns.reshape(self.V, self.M, 2))
        rss, x = self._solved(J, r)
        return self.score(rss, 2), x[-2:]

    def with_own(self, own: Array) -> tuple[float, float]:
        """More unknowns of each view (V, M, k); and by how many pixels they move corners (rms)."""
        J, r = self._apart(np.concatenate([self.lin.J_view, own], -1))
        rss, _ = self._solved(J, r)
        unknowns = int((np.abs(own).max(1) > 0).sum())
        return self.score(rss, unknowns), float(np.sqrt(2 * max(self.rss - rss, 0) / self.n))


def what_changed(
    problem: bundle.Problem,
    solution: bundle.Solution,
    single: tuple[bundle.Problem, bundle.State, Sequence[int]],
    names: Sequence[str],
    when: Sequence[int],
    heights_px: tuple[int, int],
    with_warp: bool,
    why: Cause | None = None,
) -> Cause | None:
    """What explains best that views do not fit together; None where nothing does.

    single : each camera's pictures as views of their own, and which views they are. names, when :
    of all views, in the order of recording, and which of them the problem's are. why : what their
    relative poses say; then only a zoom that led them astray is asked for.
    """
    s = solution.state
    robust_px = LOSS_SIGMAS * max(solution.sigma_px, 1e-4)
    v = _Views(problem, s, with_warp, robust_px)
    lenses = np.arange(v.G) < s.n_globals - 6
    end = bundle.solve(*single[:2], free=lenses, with_warp=with_warp, robust_px=robust_px)
    alone = _Views(single[0], end.state, with_warp, robust_px)
    zooms = list(_from_one_on(
        single[0], end.state, names, single[2], ZOOMS, with_warp, robust_px, LARGE_ZOOM
    ))  # fmt: skip
    gains = [alone.nothing - h.misfit for h in zooms]
    least = max(RID * alone.n, MOMENT * max(gains, default=0.0))
    zoomed = [h for h, g in zip(zooms, gains, strict=True)
              if h.says.code == "zoom_changed" and g > least]  # fmt: skip
    if zoomed or why is not None:
        first, *rest = [c for c in (named(zoomed, NEAR), why) if c is not None]
        return first.or_else(*rest)
    found = [*_stretched(problem, s, with_warp, robust_px), *_rolled(v, heights_px)]
    if v.rss - alone.rss > v.n / 2 * LEAST_APART_PX**2:
        score = v.score(alone.rss, 6 * int(v.shared.sum()))
        found.append(Hypothesis(score, changed("not_simultaneous"), "not_simultaneous"))
    found += _from_one_on(problem, s, names, when, CHANGES, with_warp, robust_px)
    if v.nothing - min((h.misfit for h in found), default=np.inf) < NAMED:
        return None
    return named(found, NEAR)


def _from_one_on(
    problem: bundle.Problem, s: bundle.State, names: Sequence[str], when: Sequence[int],
    changes: Sequence[Sequence[int]], with_warp: bool, robust_px: float,
    least_zoom: float = LEAST_ZOOM,
) -> Iterator[Hypothesis[Cause]]:  # fmt: skip
    """Each change from the moment on that suits it best; one camera's also in each view by itself.

    The moment is found with and without the loss, which hides changes larger than noise.
    """
    views = [_Views(problem, s, with_warp, loss_px) for loss_px in (robust_px, None)]
    order, shared = np.asarray(when), views[0].shared
    # each camera's pictures by themselves: those of both cameras are there twice
    moments = list(_moments(order, shared if shared.any() else np.bincount(order)[order] > 1))
    for which in changes:
        begun = {
            int(np.argmin([v.with_later(v.change(s, which), later)[0] for later, _ in moments]))
            for v in views if moments
        }  # fmt: skip
        each: list[tuple[Array | None, int]] = [(None, 0)] * (len(which) == 1)
        for later, cut in [*each, *(moments[k] for k in begun)]:
            score, size, with_it = _in_full(problem, s, which, later, with_warp, robust_px)
            cause = _said(which, later, size, with_it, names[cut], least_zoom)
            if cause is not None:
                what = cause.code if cause.code == "not_simultaneous" else f"{cause.code} {which}"
                yield Hypothesis(score, cause, what)


def _stretched(
    problem: bundle.Problem, s: bundle.State, with_warp: bool, robust_px: float
) -> Iterator[Hypothesis[Cause]]:
    """The print of all views wider than high, or skewed: solved for in full."""
    best, share, skew = np.inf, 0.0, 0.0
    for _ in range(MOST_AGAIN):
        score, more = _Views(problem, s, with_warp, robust_px).with_stretch(problem, s)
        if not best - score >= AGAIN:
            break
        best, share, skew = score, share + more[0], skew + more[1]
        boards = problem.boards.copy()
        boards[0, :, 0] += boards[0, :, :2] @ more
        problem = replace(problem, boards=boards)
        s = bundle.solve(
            problem, s, with_warp=with_warp, robust_px=robust_px, max_iterations=60, tolerance=1e-6
        ).state
    if max(abs(share), abs(skew)) > LEAST_STRETCH:
        wider = f"{100 * abs(share):.1f} % {'wider' if share > 0 else 'narrower'} than high"
        skewed = f"{np.degrees(np.arctan(abs(skew))):.1f}° skewed"
        by = skewed if abs(skew) > abs(share) else wider
        yield Hypothesis(best, changed("print_stretched", by), "stretched")


def _rolled(v: _Views, heights_px: tuple[int, int]) -> Iterator[Hypothesis[Cause]]:
    """The rows of each picture read while the board moved."""
    kind = np.tile(np.repeat(list(KINDS), list(KINDS.values())), 2)
    score, px = v.with_own(v.lin.shared[..., kind == "rows"])
    y = SPAN_PX * v.lin.shared[..., kind == "affinity"][..., [2, 6]]  # of u, beside the middle
    over = px * float(np.mean(heights_px)) / max(float(np.sqrt(2 * (y**2).sum() / v.n)), 1.0)
    if over > LEAST_ROWS_PX:
        yield Hypothesis(score, changed("rolling_shutter", f"{over:.1f} px"), "rows")


def _moments(order: NDArray[np.integer], shared: NDArray[np.bool_]) -> Iterator[tuple[Array, int]]:
    """Views (V,) that count as later, with the moment: all of them; or, as pictures of one camera
    alone are often taken by themselves, those of both cameras alone."""
    for cut in np.sort(order)[LEAST_PART : len(order) - LEAST_PART + 1].tolist():
        later = order >= cut
        yield later.astype(np.float64), cut
        if LEAST_PART <= (later & shared).sum() < later.sum() and cut <= order[shared].max():
            yield (later & shared).astype(np.float64), cut


def _in_full(
    problem: bundle.Problem, s: bundle.State, which: Sequence[int], later: Array | None,
    with_warp: bool, robust_px: float,
) -> tuple[float, Array, bundle.State]:  # fmt: skip
    """Schwarz's count, the change (V, k) by :meth:`_Views.change` of the later views, or of each
    by itself, and the state, with what is left of it undone and all solved again."""
    undone, size, best = problem, np.zeros((problem.n_views, 3 * len(which) or 6)), np.inf
    for _ in range(MOST_AGAIN):
        v = _Views(undone, s, with_warp, robust_px)
        P = v.change(s, which)
        if later is None:
            score, more = v.with_each(P)
            more -= np.median(more[v.shared | ~v.shared.any()], axis=0)  # that is the lens's
        else:
            score, x = v.with_later(P, later)
            more = np.outer(later, x)
        if not best - score >= AGAIN or np.abs((size + more)[:, ::3]).max() > MOST_CHANGE:
            break  # as good as it gets, or it leads nowhere
        best, size = score, size + more
        undone = _undone(problem, s, which, size)
        # pictures of each camera alone say nothing of the pair
        free = None if v.shared.any() else np.arange(v.G) < s.n_globals - 6
        s = bundle.solve(
            undone, s, free=free, with_warp=with_warp, robust_px=robust_px, max_iterations=60,
            tolerance=1e-6,
        ).state  # fmt: skip
    return best, size, s


def _said(
    which: Sequence[int], later: Array | None, size: Array, s: bundle.State, view: str,
    least_zoom: float,
) -> Cause | None:  # fmt: skip
    """The cause of a change of this size; None where it is too small."""
    if later is None:
        if np.std(size[:, 0]) < LEAST_ZOOM:  # they only wander
            return changed("not_simultaneous")
        return changed("zoom_unsteady", camera=f"{CAMERAS[which[0]]} camera's")
    size = size[int(later.argmax())]
    if not which:
        turn = float(np.degrees(np.linalg.norm(size[:3])))
        shift = float(np.linalg.norm(size[3:]))
        if turn < LEAST_TURN_DEG and shift < LEAST_SHIFT_M:
            return None
        by = f"about {turn:.2f}°" + f" and {100 * shift:.1f} cm" * (shift > LEAST_SHIFT_M)
        return changed("camera_moved", by, view=view, severity="FAIL")
    shares = size[::3]
    if min(abs(shares)) < least_zoom:  # one that did not change is another hypothesis
        return None
    whose = "two cameras'" if len(which) > 1 else f"{CAMERAS[which[0]]} camera's"
    f_px = " and ".join(f"{s.lenses[c].f_px:.0f}" for c in which)
    by = " and ".join(f"{100 * x:+.1f} %" for x in shares) + f" from there on ({f_px} px before)"
    return changed("zoom_changed", by, view=view, camera=whose, severity="FAIL")


def _undone(
    problem: bundle.Problem, s: bundle.State, which: Sequence[int], size: Array
) -> bundle.Problem:
    """The views' corners as they would be without a change of this size (V, k)."""
    cameras = list(problem.cameras)
    for k, c in enumerate(which):
        o, middle = problem.cameras[c], s.lenses[c].values[2:4]
        its = size[o.view, None, 3 * k : 3 * k + 3]
        uv = middle + (o.uv_px - middle - its[..., 1:]) / (1 + its[..., :1])
        cameras[c] = replace(o, uv_px=uv)
    if not which:
        o, lens = problem.cameras[1], s.lenses[1]
        P = problem.boards[o.board] @ np.swapaxes(s.R_view[o.view], 1, 2) + s.t_view[o.view, None]
        its = size[o.view] * np.isin(o.view, problem.cameras[0].view)[:, None]
        R, t = s.R_RL @ rotation_exp(its[:, :3]), s.t_RL + its[:, None, 3:]
        there, here = (
            lens.project(X.reshape(-1, 3)).reshape(o.uv_px.shape)
            for X in (P @ np.swapaxes(R, 1, 2) + t, P @ s.R_RL.T + s.t_RL)
        )
        moved = np.nan_to_num(there - here)
        cameras[1] = replace(o, uv_px=o.uv_px - moved)
    return replace(problem, cameras=(cameras[0], cameras[1]))
