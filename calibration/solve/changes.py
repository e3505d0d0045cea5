"""Why views do not fit together: what may have changed among them, hypothesis against hypothesis.

Each says what was not the same in all views: a camera's zoom from some moment on, where a camera
stood from some moment on, the two pictures of a view not taken at one moment, or rows of a picture
not read at one moment (rolling shutter); or that the print is stretched. Each adds its own unknowns
to the converged solve, to first order; the one that explains most for the number it asks for
(Schwarz) is named, the next told. A zoom of several percent is beyond first order: it is undone,
and all is solved again (:func:`moments.zoom_changed` asks where even that finds nothing).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CAMERAS
from calibration.solve import bundle
from calibration.solve.covariance import KINDS, linear
from calibration.transform import Array
from calibration.verdict import Cause, Hypothesis, named

#: A change is named where it explains so much more than no change, in Schwarz's count …
NAMED = 100.0
#: … and is larger than this: share of the focal length, degrees between the cameras, pixels over
#: the picture's height (rows), pixels of a corner (what the view's pose does not swallow: of 3 px
#: between two pictures as little as 0.09).
LEAST_ZOOM, LEAST_TURN_DEG, LEAST_ROWS_PX, LEAST_APART_PX = 0.003, 0.03, 0.5, 0.05
#: Share by which a print is wider than high.
LEAST_STRETCH = 0.003
#: A zoom by a larger share is solved for in full.
FIRST_ORDER = 0.01
#: The next best is told where it is this near: to first order counts are rough.
NEAR = 60.0
#: Causes with unknowns of each view's own: a large zoom and blurred pictures look like them, too.
OF_EACH_VIEW = {"not_simultaneous", "rolling_shutter"}
#: Causes that name what changed among the views: pictures that do not fit together follow from it.
CHANGED = {"zoom_changed", "zoom_unsteady", "camera_moved", "rolling_shutter", "print_stretched"}
#: What may have changed, in words, and what to do about it.
SAYS = {
    "zoom_changed": (
        "the {camera} camera's zoom or picture size changed near view {view}: focal length {by}",
        "Lock zoom and focus, and take all pictures with one setting.",
    ),
    "zoom_unsteady": (
        "the {camera} camera's zoom or focus went back and forth from view to view (autofocus, "
        "pictures that were cut, straightened or enlarged, or those of two cameras in one folder)",
        "Lock zoom and focus, take all pictures with one setting, and give them as they are.",
    ),
    "camera_moved": (
        "a camera was moved just before view {view}: the cameras' relative direction is {by} "
        "another one from there on",
        "Fix the cameras, and take all calibration pictures again.",
    ),
    "print_stretched": (
        "the board's print is about {by} than high: its squares are not square",
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
#: Moments that are tried at most.
MOST_MOMENTS = 16
#: Views before and after a moment, at least.
LEAST_PART = 3


def changed(code: str, by: str = "", *, view: str = "", camera: str = "") -> Cause:
    """The cause of this code, with how much it is, from which view on, in which camera."""
    message, action = SAYS[code]
    return Cause(code, "FAIL", message.format(by=by, view=view, camera=camera), action)


class _Views:
    """The linearised problem with each view's pose taken out."""

    def __init__(self, problem: bundle.Problem, state: bundle.State, with_warp: bool,
                 robust_px: float | None) -> None:  # fmt: skip
        self.G = state.n_globals + (2 if with_warp else 0)
        self.lin = linear(problem, state, robust_px, with_warp, self.G)
        self.V, self.M = self.lin.J.shape[:2]
        seen = np.zeros((self.V, 2, self.M // 4, 2), bool)
        for c, o in enumerate(problem.cameras):
            seen[o.view, c] = (o.weight > 0)[..., None]
        self.seen = seen.reshape(self.V, 2, -1)
        self.n = int(seen.sum())
        self.shared: NDArray[np.bool_] = np.all(np.any(self.seen, axis=-1), axis=1)
        self.J, self.r = self._apart(self.lin.J_view)

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
        size = np.maximum(np.linalg.norm(A, axis=0), 1e-12)
        A = A / size
        b = A.T @ r.ravel()
        x = np.linalg.lstsq(A.T @ A, b, rcond=1e-12)[0]
        return float((r**2).sum() - b @ x), -x / size

    def score(self, rss: float, unknowns: int) -> float:
        """Schwarz's count: less is better."""
        return float(self.n * np.log(max(rss, 1e-12) / self.n) + unknowns * np.log(self.n))

    def with_later(self, columns: Array, later: Array) -> tuple[float, Array]:
        """Globals' columns (V, M, k) that count once more in later views (V,)."""
        rss, x = self._solved(np.concatenate([self.J, columns * later[:, None, None]], -1), self.r)
        return self.score(rss, columns.shape[-1]), x[self.G :]

    def zoom(self, J: Array, s: bundle.State, c: int) -> Array:
        """(V, M, 1) how a camera's focal length by its share moves corners."""
        first = s.lenses[0].size if c else 0
        return np.asarray((J[..., first : first + 2] * s.lenses[c].values[:2]).sum(-1)[..., None])

    def with_zoom(self, s: bundle.State, c: int, later: Array) -> tuple[float, float]:
        """Another focal length (by this share) and middle of a camera's pictures in later views."""
        first = s.lenses[0].size if c else 0
        zoom = self.zoom(self.J, s, c)
        columns = np.concatenate([zoom, self.J[..., first + 2 : first + 4]], -1)
        score, x = self.with_later(columns, later)
        return score, float(x[0])

    def with_stretch(self, problem: bundle.Problem, s: bundle.State) -> tuple[float, float]:
        """The board's print wider by some share than it is high; the share."""
        X = problem.boards[0] * [1.0, 0, 0]
        by_t = self.lin.J_view[..., 3:].reshape(self.V, 2, len(X), 2, 3)
        column = np.einsum("vcnuk,vkj,nj->vcnu", by_t, s.R_view, X).reshape(self.V, self.M, 1)
        J, r = self._apart(self.lin.J_view, column)
        rss, x = self._solved(J, r)
        return self.score(rss, 1), float(x[-1])

    def with_own(self, own: Array) -> tuple[float, float]:
        """More unknowns of each view (V, M, k); and by how many pixels they move corners (rms)."""
        J, r = self._apart(np.concatenate([self.lin.J_view, own], -1))
        rss, _ = self._solved(J, r)
        before, _ = self._solved(self.J, self.r)
        unknowns = int((np.abs(own).max(1) > 0).sum())
        return self.score(rss, unknowns), float(np.sqrt(2 * max(before - rss, 0) / self.n))


def what_changed(
    problem: bundle.Problem,
    solution: bundle.Solution,
    names: Sequence[str],
    when: Sequence[int],
    heights_px: tuple[int, int],
    *,
    with_warp: bool,
    robust_px: float | None,
) -> Cause | None:
    """What explains best that views do not fit together; None where nothing does.

    names, when : of the problem's views, and their places in the order of recording.
    """
    s, order = solution.state, np.asarray(when)
    v = _Views(problem, s, with_warp, robust_px)
    nothing = v.score(float((v._solved(v.J, v.r))[0]), 0)
    moments = np.sort(order)[LEAST_PART : len(order) - LEAST_PART + 1]
    moments = moments[np.unique(np.linspace(0, len(moments) - 1, MOST_MOMENTS).astype(int))] if len(
        moments) else moments  # fmt: skip
    found: list[Hypothesis[Cause]] = []

    def zoomed(c: int, view: str, share: float, s: bundle.State) -> Cause:
        f_px = float(s.lenses[c].values[:2].mean())
        by = f"{100 * share:+.1f} % from there on ({f_px:.0f} px on average)"
        return changed("zoom_changed", by, view=view, camera=CAMERAS[c])

    def tried(score: float, cause: Cause, what: str, *, large: bool) -> None:
        if large:
            found.append(Hypothesis(score, cause, what))

    zooms: dict[int, tuple[float, Array, float, str]] = {}  # of each camera the one that fits best
    for cut, later in _laters(moments, order, v.shared):
        name = names[int(np.flatnonzero(order == cut)[0])]
        for c in range(len(CAMERAS)):
            score, share = v.with_zoom(s, c, later)
            large = abs(share) > LEAST_ZOOM
            tried(score, zoomed(c, name, share, s), f"zoom {c}", large=large)
            zooms[c] = min(zooms.get(c, (np.inf, later, 0.0, "")), (score, later, share, name),
                           key=lambda z: z[0])  # fmt: skip
        pair = slice(s.n_globals - 6, s.n_globals)
        score, x = v.with_later(v.J[..., pair], later)
        turn = float(np.degrees(np.linalg.norm(x[:3])))
        moved = changed("camera_moved", f"about {turn:.2f}°", view=name)
        tried(score, moved, "moved", large=turn > LEAST_TURN_DEG)
    for c, (_, later, share, name) in zooms.items():
        if abs(share) > FIRST_ORDER:
            undone = _undone(problem, s, c, later, share)
            end = bundle.solve(undone, s, with_warp=with_warp, robust_px=robust_px).state
            score, more = _Views(undone, end, with_warp, robust_px).with_zoom(end, c, later)
            cause = zoomed(c, name, (1 + share) * (1 + more) - 1, end)
            tried(score, cause, f"zoom {c}", large=True)
    score, share = v.with_stretch(problem, s)
    wider = f"{100 * abs(share):.1f} % {'wider' if share > 0 else 'narrower'}"
    large = abs(share) > LEAST_STRETCH
    tried(score, changed("print_stretched", wider), "stretched", large=large)
    other = v.lin.J_view.reshape(v.V, 2, -1, 6).copy()
    other[:, 0] = 0
    other[~v.shared] = 0
    score, px = v.with_own(other.reshape(v.V, v.M, 6))
    tried(score, changed("not_simultaneous"), "moments", large=px > LEAST_APART_PX)
    for c, camera in enumerate(CAMERAS):
        score, px = v.with_own(v.zoom(v.lin.J, s, c))
        unsteady = changed("zoom_unsteady", camera=camera)
        tried(score, unsteady, f"unsteady {c}", large=px > LEAST_APART_PX)
    kind = np.tile(np.repeat(np.arange(len(KINDS)), list(KINDS.values())), 2)
    score, px = v.with_own(v.lin.shared[..., kind == list(KINDS).index("rows")])
    over = px * float(np.mean(heights_px)) / max(_spread_px(problem), 1.0)
    rolled = changed("rolling_shutter", f"{over:.1f} px")
    tried(score, rolled, "rows", large=over > LEAST_ROWS_PX)
    if nothing - min((h.misfit for h in found), default=np.inf) < NAMED:
        return None
    return named(found, NEAR)


def _laters(
    moments: NDArray[np.integer], order: NDArray[np.integer], shared: NDArray[np.bool_]
) -> Iterator[tuple[int, Array]]:
    """Each moment with the views (V,) that count as later: all of them; or, as pictures of one
    camera alone are often taken by themselves, those of both cameras alone."""
    for cut in moments.tolist():
        later = order >= cut
        yield cut, later.astype(np.float64)
        if LEAST_PART <= (later & shared).sum() < later.sum() and cut <= order[shared].max():
            yield cut, (later & shared).astype(np.float64)


def _spread_px(problem: bundle.Problem) -> float:
    """rms of rows (v) of a view's corners about their middle."""
    off = []
    for o in problem.cameras:
        seen = o.weight > 0
        v = o.uv_px[..., 1]
        middle = (v * seen).sum(1) / np.maximum(seen.sum(1), 1)
        off.append((v - middle[:, None])[seen])
    return float(np.sqrt(np.mean(np.concatenate(off) ** 2)))


def _undone(
    problem: bundle.Problem, s: bundle.State, c: int, later: Array, share: float
) -> bundle.Problem:
    """The later views' corners of a camera as they would be without a zoom by ``share``."""
    o, middle = problem.cameras[c], s.lenses[c].values[2:4]
    factor = np.where(later[o.view] > 0, 1 + share, 1.0)[:, None, None]
    cameras = list(problem.cameras)
    cameras[c] = replace(o, uv_px=middle + (o.uv_px - middle) / factor)
    return replace(problem, cameras=(cameras[0], cameras[1]))
