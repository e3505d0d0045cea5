"""The best one-to-one pairs of tracks, under every hypothesis about the class."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.transform import Array
from gaze.people.evidence import IdentitySettings, Pairs


def match_pairs(
    pairs: Pairs, cost: Array, s: IdentitySettings, seats_xz_m: Array | None = None
) -> tuple[NDArray[np.intp], Array]:
    """The pairs (indices) of the best one-to-one assignment, and every pair's final cost (P,).

    cost : (P,) of each pair by itself. seats_xz_m : (T, 2) seats from session.toml, if any.
    Each hypothesis about the class (height of the noses, size of the faces) adds its own cost to
    every pair; the assignment with the largest total of ``count · (no_match − cost)`` wins, and of
    equal ones the first. No assignment is worth more than if each track had its best pair: the most
    promising hypotheses are tried first, and those that can win no more are not tried.
    """
    if len(pairs) == 0:
        return np.zeros(0, np.intp), cost
    if seats_xz_m is not None and len(seats_xz_m):
        away = np.linalg.norm(pairs.P_W[:, None, ::2] - seats_xz_m[None], axis=-1).min(1)
        cost = cost + np.minimum((away / s.seat_m) ** 2, s.unlisted)
    size = np.sqrt(pairs.size_m.prod(1))
    heights = np.arange(-0.6, 2.0, 0.08)
    sizes = np.exp(np.arange(np.log(0.13), np.log(0.32), 0.07))
    tried = list(itertools.product(heights, sizes))

    def under(k: int) -> Array:
        height, face = tried[k]
        return np.asarray(cost + _class_cost(pairs.P_W[:, 1], size, height, face, s))

    most = np.array([_at_most(pairs, under(k), s) for k in range(len(tried))])
    best: tuple[float, int, NDArray[np.intp]] | None = None
    for k in np.argsort(-most, kind="stable").tolist():
        if best is not None and most[k] * (1 + 1e-9) < best[0]:
            break
        chosen, worth = _assign(pairs, under(k), s)
        if best is None or (worth, -k) > (best[0], -best[1]):
            best = worth, k, chosen
    assert best is not None
    _, k, chosen = best
    total = under(k)
    for _ in range(3):  # polish: the class's own medians
        if len(chosen) == 0:
            break
        weight = pairs.count[chosen]
        height = _weighted_median(pairs.P_W[chosen, 1], weight)
        face = _weighted_median(size[chosen], weight)
        total = cost + _class_cost(pairs.P_W[:, 1], size, height, face, s)
        chosen, _ = _assign(pairs, total, s)
    return chosen, total


def _class_cost(y_W: Array, size: Array, height: float, face: float, s: IdentitySettings) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        a = ((y_W - height) / s.height_class_m) ** 2
        b = (np.log(size / face) / s.size_class) ** 2
    return np.asarray(np.fmin(a, 16.0) + np.fmin(b, 16.0))  # unknown: the most


def _worth(pairs: Pairs, cost: Array, s: IdentitySettings) -> Array:
    return np.asarray(pairs.count * np.maximum(s.no_match - cost, 0.0))


def _at_most(pairs: Pairs, cost: Array, s: IdentitySettings) -> float:
    """What no one-to-one assignment exceeds: every left (or every right) track's best pair."""
    worth, sides = _worth(pairs, cost, s), []
    for side in (pairs.left, pairs.right):
        best = np.zeros(side.max() + 1)
        np.maximum.at(best, side, worth)
        sides.append(float(best.sum()))
    return min(sides)


def _assign(pairs: Pairs, cost: Array, s: IdentitySettings) -> tuple[NDArray[np.intp], float]:
    """One-to-one pairs with the largest worth, and that worth; no pair is forced."""
    worth = _worth(pairs, cost, s)
    lefts, a = np.unique(pairs.left, return_inverse=True)
    rights, b = np.unique(pairs.right, return_inverse=True)
    table = np.zeros((len(lefts), len(rights)))
    index = np.zeros(table.shape, np.intp)
    table[a, b], index[a, b] = worth, np.arange(len(pairs))
    i, j = linear_sum_assignment(table, maximize=True)
    good = table[i, j] > 0
    return index[i[good], j[good]], float(table[i, j].sum())


def _weighted_median(values: Array, weight: NDArray[np.integer]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
