"""The lens model and the board's bend, chosen by hold-out error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calibration.corners.boards import View
from calibration.lens import as_model
from calibration.solve import bundle
from calibration.solve.holdout import HoldOut, hold_out
from calibration.solve.intrinsics import Choice, shape_of

#: A richer model must lower the hold-out error by this share to be kept …
GAIN = 0.02

#: … and is not even held out where it lowers the error on its own views by less than this share.
LEAST_FIT_GAIN = 0.001

#: A model that fits its own views so many times worse than another is not held out either.
HOPELESS = 2.0

#: Lens models of the left and the right camera, and whether the board may bend.
Key = tuple[Choice, Choice, bool]


@dataclass
class _Trials:
    """Models tried on one problem: their fits, and their hold-out errors where worth it."""

    problem: bundle.Problem
    start: bundle.State
    shared: bundle.IntArray
    folds: int
    robust_px: float
    sizes: tuple[tuple[int, int], tuple[int, int]]
    fits: dict[Key, bundle.Solution] = field(default_factory=dict)
    held: dict[Key, HoldOut] = field(default_factory=dict)

    def fit(self, key: Key) -> float:
        """Fit a model; the rms, px."""
        *choices, bend = key
        left, right = (
            as_model(lens, *shape_of(choice), size)
            for lens, choice, size in zip(self.start.lenses, choices, self.sizes, strict=True)
        )
        end = bundle.solve(
            self.problem, replace(self.start, lenses=(left, right)), with_warp=bend,
            robust_px=self.robust_px, max_iterations=80, tolerance=1e-7,
        )  # fmt: skip
        self.fits[key] = end
        return end.rms_px

    def hold(self, key: Key) -> None:
        """Hold a model out that was fitted."""
        end = self.fits[key]
        self.held[key] = hold_out(
            self.problem, end.state, self.shared, with_warp=key[2], k=self.folds,
            robust_px=self.robust_px, sigma_px=end.sigma_px,
        )  # fmt: skip

    def best(self) -> Key:
        """The fewest parameters among those within 2 % of the lowest hold-out error.

        Of as many, OpenCV's usual one comes first.
        """
        lowest = min(h.both_px for h in self.held.values())
        good = [k for k, h in self.held.items() if h.both_px <= (1 + GAIN) * lowest]
        return min(good, key=lambda k: (_parameters(k), "equidistant" in k, self.held[k].both_px))

    def rows(self, chosen: Key) -> list[dict[str, Any]]:
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


def choose(
    problem: bundle.Problem,
    solution: bundle.Solution,
    views: Sequence[View],
    sizes: tuple[tuple[int, int], tuple[int, int]],
    models: Sequence[Choice],
    warp: bool | None,
    folds: int,
    robust_px: float,
    say: Callable[[str, float], None],
) -> tuple[bundle.Solution, bool, HoldOut | None, list[dict[str, Any]]]:
    """Lens model and bend by hold-out: the simplest within 2 % of the best."""
    shared = np.array(
        [i for i, v in enumerate(views) if v.left is not None and v.right is not None], np.intp
    )
    trials = _Trials(problem, solution.state, shared, folds, robust_px, sizes)
    bend = bool(warp)
    ordered, keys, begun = _keys(solution.state, models, bend)
    per_camera = min(len(o.view) for o in problem.cameras)
    if len(shared) < 4 or per_camera < 5:
        # too few views to choose by hold-out: the model that asks least of them
        trials.fit(begun)
        if len(shared) >= 4:
            trials.hold(begun)
        return trials.fits[begun], bend, trials.held.get(begun), trials.rows(begun)
    rms = {key: trials.fit(key) for key in keys}
    least = np.inf
    for j, key in enumerate(keys):
        if rms[key] < min((1 - LEAST_FIT_GAIN) * least, HOPELESS * min(rms.values())):
            trials.hold(key)
        least = min(least, rms[key])
        say("lens model by hold-out", 0.6 + 0.2 * (j + 1) / len(keys))
    best = trials.best()
    if warp is None:
        bent = (best[0], best[1], True)
        if trials.fit(bent) < (1 - LEAST_FIT_GAIN) * rms[best]:
            trials.hold(bent)
        best = trials.best()
    fewer = [m for m in ordered if m != "equidistant" and best[0] != "equidistant" and m < best[0]]
    if best[0] == best[1] and fewer:
        # one lens may be simpler than the other
        for key in ((best[0], fewer[-1], best[2]), (fewer[-1], best[0], best[2])):
            trials.fit(key)
            trials.hold(key)
        best = trials.best()
    return trials.fits[best], best[2], trials.held[best], trials.rows(best)


def _keys(
    start: bundle.State, models: Sequence[Choice], bend: bool
) -> tuple[list[Choice], list[Key], Key]:
    """Models by number of coefficients, what is tried of them, and what asks least of the views.

    Where one lens was begun as a fisheye and the other was not, the two are also tried as that.
    """
    ordered = sorted(models, key=lambda m: (shape_of(m)[0], m == "equidistant"))
    keys: list[Key] = [(m, m, bend) for m in ordered]
    fisheye = [lens.model == "equidistant" for lens in start.lenses]
    if fisheye[0] != fisheye[1]:
        for m in ordered:
            if m != "equidistant":
                keys.append((*_as_begun(fisheye, m), bend))
    return ordered, keys, (*_as_begun(fisheye, ordered[0]), bend)


def _as_begun(fisheye: Sequence[bool], plain: Choice) -> tuple[Choice, Choice]:
    left, right = fisheye
    return "equidistant" if left else plain, "equidistant" if right else plain


def _parameters(key: Key) -> int:
    """How many numbers a model asks for."""
    return shape_of(key[0])[0] + shape_of(key[1])[0] + bundle.BENDS * key[2]
