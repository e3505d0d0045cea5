"""The lens model and the board's bend, chosen by hold-out error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calibration.corners.boards import View
from calibration.solve import bundle
from calibration.solve.holdout import HoldOut, hold_out
from calibration.transform import Array

#: A richer model must lower the hold-out error by this share to be kept …
GAIN = 0.02

#: … and is not even held out where it lowers the error on its own views by less than this share.
LEAST_FIT_GAIN = 0.001


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


def choose(
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
