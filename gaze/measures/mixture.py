"""Where heads pointed, freed from the blur of the measurement: a mixture fitted to all points.

A measured point is a true place plus an error of its own covariance. Counting points (or spreading
each by its covariance once more) blurs the shares: of a class that looks at the board all the time
some falls outside. Here the places themselves are estimated: weights of small cells of the plane,
on and around the board, that make the measured points most likely, each with its own covariance
(non-parametric maximum likelihood, Kiefer & Wolfowitz 1956, by EM). Errors last, so a student's
many points are nearly one observation and must not bear each other out: what a student's points
mean is judged by where the *others* looked, as if a tenth of a student had looked everywhere.
Whether a student's places are taken to be the others' or only near them depends on what foretells
his points better (:attr:`Places.alike`): marks are looked at by all, while in a lesson in which
each looks about for himself heads have places of their own (eyes do a part of every look, and not
the same part in everybody).
Given that, a point has a probability for each state and a place; shares are means of the former,
maps are drawn from the latter.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from calibration.transform import Array
from gaze.measures.states import OUTSIDE, REST
from sessions.config import Area, Blackboard

CELL_M = 0.15  # cells on the board are at most this large; outside they grow outwards
GROW = 1.3
REACH_M = 8.0  # how far around the board there are cells; what lies beyond counts in the last
ITERATIONS = 40
GROUP_SIGMA = 0.5  # points nearer to each other than this share of σ are fitted as one
ANYWHERE = 0.1  # students who are thought to have looked everywhere alike
OWN_PLACES = 0.85  # how far a student's own places lie about the others', in his points' σ across
ALIKE = 0.05  # so many nats likelier at the others' places than about them: they are his, too
TINY = 1e-30
NOTHING = 1e-13  # a column of cells that holds less of a point holds none of it


@dataclass(frozen=True)
class _Column:
    """Cells with the same least and largest x. cells : (c,) which. y_m : ends of cells along y, of
    which ``below`` and ``above`` (c,) are each cell's."""

    cells: NDArray[np.intp]
    x_m: tuple[float, float]
    y_m: Array
    below: NDArray[np.intp]
    above: NDArray[np.intp]

    @classmethod
    def of(cls, cells: Cells, which: NDArray[np.intp]) -> Self:
        low, high = cells.low_m[which], cells.high_m[which]
        y_m, of = np.unique(np.concatenate([low[:, 1], high[:, 1]]), return_inverse=True)
        return cls(which, (float(low[0, 0]), float(high[0, 0])), y_m, *of.reshape(2, -1))


@dataclass(frozen=True)
class Cells:
    """Rectangles that tile the plane around the board: corners (C, 2) of least and largest x, y."""

    low_m: Array
    high_m: Array

    @classmethod
    def around(cls, board: Blackboard, areas: Sequence[Area]) -> Cells:
        """Cells whose edges hold all edges of the board and of its areas."""
        x = _edges(board.width_m, [e for a in areas for e in a.x_m])
        y = _edges(board.height_m, [e for a in areas for e in a.y_m])
        low = np.stack(np.meshgrid(x[:-1], y[:-1]), -1).reshape(-1, 2)
        high = np.stack(np.meshgrid(x[1:], y[1:]), -1).reshape(-1, 2)
        return cls(low, high)

    def within(self, x_m: tuple[float, float], y_m: tuple[float, float]) -> NDArray[np.bool_]:
        """(C,) whether a cell lies in a rectangle (cells never cross its edges)."""
        x, y = ((self.low_m + self.high_m) / 2).T
        return np.asarray((x > x_m[0]) & (x < x_m[1]) & (y > y_m[0]) & (y < y_m[1]), np.bool_)

    @cached_property
    def columns(self) -> tuple[_Column, ...]:
        """The cells by their columns."""
        _, column = np.unique(
            np.stack([self.low_m[:, 0], self.high_m[:, 0]]), axis=1, return_inverse=True
        )
        return tuple(
            _Column.of(self, np.flatnonzero(column.ravel() == k))
            for k in range(column.max(initial=-1) + 1)
        )

    def only(self, keep: NDArray[np.bool_]) -> Cells:
        """Some of the cells."""
        return Cells(self.low_m[keep], self.high_m[keep])

    def about(self, sigma_m: float) -> NDArray[np.float32]:
        """(C, C) how much of what lies about the middle of each cell by ``sigma_m`` is in each."""
        middle = (self.low_m + self.high_m) / 2
        out = np.ones((len(middle), len(middle)), np.float32)
        for k in (0, 1):
            at, cell = np.unique(middle[:, k], return_inverse=True)
            _, first = np.unique(cell, return_index=True)
            low, high = (
                ndtr((ends[first, k] - at[:, None]) / sigma_m) for ends in (self.low_m, self.high_m)
            )
            out *= (high - low).astype(np.float32)[np.ix_(cell, cell)]
        return out

    def members(
        self, board: Blackboard, areas: Sequence[Area], states: Sequence[str]
    ) -> NDArray[np.bool_]:
        """(C, K + 1) whether a cell belongs to each state; the last column is the whole board."""
        on = self.within((0.0, board.width_m), (0.0, board.height_m))
        below = self.within((-np.inf, np.inf), (board.height_m, np.inf))
        inside = {a.name: self.within(a.x_m, a.y_m) for a in areas}
        of = {
            **inside,
            REST: on & ~np.any(list(inside.values()), 0),
            **dict.fromkeys(OUTSIDE, np.zeros(len(on), np.bool_)),
            "off_board": ~on & ~below,
            "down": below,
        }
        return np.stack([*(of[s] for s in states), on], 1)


def _edges(length_m: float, marks_m: Sequence[float]) -> Array:
    """Edges of cells along one side: :func:`inner_edges`, and growing ones outside."""
    n = int(np.ceil(np.log1p(REACH_M / CELL_M * (GROW - 1)) / np.log(GROW)))
    out = np.cumsum(CELL_M * GROW ** np.arange(n))
    return np.concatenate([-out[::-1], inner_edges(length_m, marks_m), length_m + out])


def inner_edges(length_m: float, marks_m: Sequence[float], cell_m: float = CELL_M) -> Array:
    """Edges of cells along one side of a surface: the marks, no cell wider than ``cell_m``."""
    fixed = np.unique(np.round([0.0, length_m, *marks_m], 9))
    within = [
        np.linspace(a, b, int(np.ceil((b - a) / cell_m)), endpoint=False)
        for a, b in itertools.pairwise(fixed)
    ]
    return np.concatenate([*within, [length_m]])


@dataclass(frozen=True)
class Mixture:
    """Weights of C cells that make the points of S students most likely.

    of : (N,) the group of like points of one student that each point belongs to. kept : which of
    all cells are the C. likelihood : (U, C) density of each group where the true place is spread
    over a cell. share : (U,) of its student's points. parts : of each student the slice of his
    groups. anywhere : (C,) weights of the cells by their size alone. looked : (S, C) weights of
    the cells for each student.
    """

    of: NDArray[np.int64]
    kept: NDArray[np.bool_]
    likelihood: NDArray[np.float32]
    share: NDArray[np.float32]
    parts: tuple[slice, ...]
    anywhere: NDArray[np.float32]
    looked: NDArray[np.float32]

    @classmethod
    def fitted(
        cls,
        of: NDArray[np.int64],
        owner: NDArray[np.int64],
        count: NDArray[np.int64],
        size: NDArray[np.float32],
        likelihood: Callable[[NDArray[np.bool_]], Callable[[slice], NDArray[np.float32]]],
    ) -> Mixture:
        """The mixture of groups of points (:func:`grouped`).

        owner, count : (U,) whose each group is (ascending), and how many points it has. size : (C,)
        of the cells. likelihood : of some cells, by some groups, (u, c).
        """
        edges = np.flatnonzero(np.diff(owner, prepend=-1, append=-1))
        parts = tuple(slice(a, b) for a, b in itertools.pairwise(edges))
        share = np.concatenate([count[p] / count[p].sum() for p in parts]).astype(np.float32)
        every = likelihood(np.ones(len(size), np.bool_))
        alone = np.stack([_step(every(p), share[p], size) for p in parts])
        density = alone.mean(0) / size
        keep = density > 1e-3 * density.max()  # nobody looked near the others
        alone, size = alone[:, keep], size[keep]
        kept = likelihood(keep)
        stacked = np.concatenate([kept(p) for p in parts])
        first = cls(of, keep, stacked, share, parts, size / size.sum(), alone)
        return replace(first, looked=first._iterated(np.ones((1, len(parts))), ITERATIONS)[0])

    def refitted(
        self, weight: Array, values: Array | NDArray[np.bool_], iterations: int = 10
    ) -> Array:
        """(U, D, K) :meth:`probability` under D mixtures in which students count ``weight`` (D, S)
        instead of one each."""
        return self._probability(self._iterated(weight, iterations), values)

    def _iterated(self, weight: Array, iterations: int) -> NDArray[np.float32]:
        """(D, S, C) where each student looked, each judged by the others.

        All D at once: a student's likelihoods are read from memory once, not D times.
        """
        looked = np.repeat(self.looked[None], len(weight), 0)
        for _ in range(iterations):
            priors = self._priors(looked, weight)
            looked = np.stack(
                [
                    _step(self.likelihood[p], self.share[p], priors[:, s])
                    for s, p in enumerate(self.parts)
                ],
                1,
            )
        return looked

    def _priors(self, looked: NDArray[np.float32], weight: Array) -> NDArray[np.float32]:
        """(D, S, C) what is known of each student's cells without his own points."""
        weighed = looked * weight[..., None].astype(np.float32)
        others = weighed.sum(1, keepdims=True) - weighed + np.float32(ANYWHERE) * self.anywhere
        return np.asarray(others / others.sum(-1, keepdims=True), np.float32)

    def _expected(self, priors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(D, S, C) where each student is thought to have looked, before his points are seen."""
        return priors

    def probability(self, values: Array | NDArray[np.bool_]) -> Array:
        """(U, K) mean over the cells of ``values`` (C, K), given each group's points."""
        return self._probability(self.looked[None], values)[:, 0]

    def alone(self, values: Array | NDArray[np.bool_]) -> Array:
        """(U, K) :meth:`probability` where anywhere is as likely: what a group's own σ says."""
        held = self.likelihood @ (self.anywhere[:, None] * values)
        return np.asarray(held / (self.likelihood @ self.anywhere)[:, None])

    def _probability(self, looked: NDArray[np.float32], values: Array | NDArray[np.bool_]) -> Array:
        """(U, D, K), where students looked at cells (D, S, C)."""
        D, S, C = looked.shape
        K = values.shape[1]
        priors = self._expected(self._priors(looked, np.ones((D, S))))
        out = np.empty((len(self.likelihood), D, K))
        for s, p in enumerate(self.parts):
            prior = priors[:, s].T[..., None]  # (C, D, 1)
            both = np.concatenate([prior * values[:, None], prior], -1).reshape(C, -1)
            total = (self.likelihood[p] @ both).reshape(-1, D, K + 1)
            out[p] = total[..., :-1] / total[..., -1:]
        return out


@dataclass(frozen=True)
class Places(Mixture):
    """Points of the blackboard's plane with their mixture.

    reach_m : (S,) how far a student's own places lie about the others', where they are his own.
    alike : how much the others' places themselves foretell a student's points, 0 to 1.
    """

    cells: Cells
    reach_m: Array
    alike: float = 0.0

    @classmethod
    def fit(
        cls,
        xy_m: Array,
        cov_m2: Array,
        student: NDArray[np.int64],
        board: Blackboard,
        areas: Sequence[Area],
    ) -> Places:
        """The mixture of N ≥ 1 points.

        xy_m : (N, 2). cov_m2 : (N, 3) as xx, xy, yy in m². student : (N,) whose each point is.
        """
        of, mean, cov, owner, count = grouped(xy_m, cov_m2, student)
        cells = Cells.around(board, areas)
        size = np.prod(cells.high_m - cells.low_m, axis=1).astype(np.float32)

        def likelihood(keep: NDArray[np.bool_]) -> Callable[[slice], NDArray[np.float32]]:
            some = cells.only(keep)
            return lambda p: _likelihood(mean[p], cov[p], some)

        found = Mixture.fitted(of, owner, count, size, likelihood)
        across = pd.Series(np.sqrt(cov_m2[:, 0])).groupby(student).median().to_numpy()
        places = cls(**vars(found), cells=cells.only(found.kept), reach_m=OWN_PLACES * across)
        return replace(places, alike=places._likeness())

    def _likeness(self) -> float:
        """How much likelier points are at the others' places than about them, of ALIKE."""
        theirs = self._priors(self.looked[None], np.ones((1, len(self.parts))))
        own = self._about(theirs)
        ratio = [
            self.share[p]
            @ np.log((self.likelihood[p] @ theirs[0, s]) / (self.likelihood[p] @ own[0, s]))
            for s, p in enumerate(self.parts)
        ]
        return float(np.clip(np.mean(ratio) / ALIKE, 0, 1))

    def _about(self, priors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(D, S, C) spread by each student's reach."""
        spread = [priors[:, s] @ self.cells.about(r) for s, r in enumerate(self.reach_m)]
        own = np.stack(spread, 1)
        return np.asarray(own / own.sum(-1, keepdims=True), np.float32)

    def _expected(self, priors: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.alike == 1:
            return priors
        return np.asarray(self.alike * priors + (1 - self.alike) * self._about(priors), np.float32)

    def place(self) -> tuple[Array, Array]:
        """Mean (N, 2) and covariance (N, 3) xx, xy, yy of each point's true place, given the point.

        Never narrower than a cell is.
        """
        centre = (self.cells.low_m + self.cells.high_m) / 2
        size = self.cells.high_m - self.cells.low_m
        x, y = centre.T
        xx, yy = (centre**2 + size**2 / 12).T
        mx, my, mxx, mxy, myy = self.probability(np.stack([x, y, xx, x * y, yy], 1)).T
        cov = np.stack([mxx - mx**2, mxy - mx * my, myy - my**2], 1)
        return np.stack([mx, my], 1)[self.of], cov[self.of]


def grouped(
    xy_m: Array, cov_m2: Array, student: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Like points of a student (of near places and nearly equal covariances) together.

    Returns the group of each point, and of each group its mean place (U, 2) and covariance (U, 3),
    its student (ascending) and how many points it has.
    """
    sx, sy = np.sqrt(cov_m2[:, 0]), np.sqrt(cov_m2[:, 2])
    kx, ky = np.floor(np.log(sx) / 0.3), np.floor(np.log(sy) / 0.3)
    rho = np.floor(cov_m2[:, 1] / (sx * sy) / 0.2 + 0.5)
    at = np.floor(xy_m / (GROUP_SIGMA * np.exp(0.3 * np.stack([kx, ky], 1))))
    key = np.column_stack([student, kx, ky, rho, at]).astype(np.int64)
    # ten times as fast as numpy's unique rows
    of = pd.DataFrame(key).groupby(list(range(key.shape[1]))).ngroup().to_numpy(np.int64)
    count = np.bincount(of)
    owner = np.empty(len(count), np.int64)
    owner[of] = student
    mean = [np.bincount(of, v, minlength=len(count)) / count for v in (*xy_m.T, *cov_m2.T)]
    return of, np.stack(mean[:2], 1), np.stack(mean[2:], 1), owner, count


def _likelihood(xy_m: Array, cov_m2: Array, cells: Cells) -> NDArray[np.float32]:
    """(U, C) density of each point where the true place is spread evenly over a cell.

    Exact where a point's axes are uncorrelated; else the second axis is taken at the place of the
    cell that is nearest along the first.
    """
    xy = np.clip(xy_m, cells.low_m.min(0), cells.high_m.max(0))  # beyond: as in the last cells
    sx = np.sqrt(cov_m2[:, :1])
    slope = cov_m2[:, 1:2] / cov_m2[:, :1]
    sy = np.sqrt(np.maximum(cov_m2[:, 2:] - slope * cov_m2[:, 1:2], 1e-9))
    area = np.prod(cells.high_m - cells.low_m, axis=1)
    out = np.full((len(xy), len(area)), TINY, np.float32)
    for column in cells.columns:
        in_x = np.diff(ndtr((np.array(column.x_m) - xy[:, :1]) / sx), axis=1)
        near = np.flatnonzero(in_x[:, 0] > NOTHING)
        x, y = xy[near, :1], xy[near, 1:]
        along = y + slope[near] * (np.clip(x, *column.x_m) - x)
        to_y = ndtr((column.y_m - along) / sy[near])
        in_y = to_y[:, column.above] - to_y[:, column.below]
        out[np.ix_(near, column.cells)] = in_x[near] * in_y / area[column.cells] + TINY
    return out


def _step(
    likelihood: NDArray[np.float32], share: NDArray[np.float32], prior: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(..., C) where a student looked, given what is known of the cells: one step of EM."""
    with np.errstate(invalid="ignore"):  # OpenBLAS may raise that flag for lanes it does not use
        return np.asarray(prior * ((share / (prior @ likelihood.T)) @ likelihood), np.float32)
