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
    every pair; the assignment with the largest total of ``count · (no_match − cost)`` wins.
    """
    if len(pairs) == 0:
        return np.zeros(0, np.intp), cost
    if seats_xz_m is not None and len(seats_xz_m):
        away = np.linalg.norm(pairs.P_W[:, None, ::2] - seats_xz_m[None], axis=-1).min(1)
        cost = cost + np.minimum((away / s.seat_m) ** 2, s.unlisted)
    size = np.sqrt(pairs.size_m.prod(1))
    heights = np.arange(-0.6, 2.0, 0.08)
    sizes = np.exp(np.arange(np.log(0.13), np.log(0.32), 0.07))
    best: tuple[float, NDArray[np.intp], Array] | None = None
    for height, face in itertools.product(heights, sizes):
        total = cost + _class_cost(pairs.P_W[:, 1], size, height, face, s)
        chosen, worth = _assign(pairs, total, s)
        if best is None or worth > best[0]:
            best = worth, chosen, total
    assert best is not None
    _, chosen, total = best
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


def _assign(pairs: Pairs, cost: Array, s: IdentitySettings) -> tuple[NDArray[np.intp], float]:
    """One-to-one pairs with the largest worth, and that worth; no pair is forced."""
    worth = pairs.count * np.maximum(s.no_match - cost, 0.0)
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
