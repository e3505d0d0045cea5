"""From evidence to the cost of a pair of tracks, by name: geometry, embedding, both."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from calibration.errors import UserError
from calibration.transform import Array
from gaze.people.evidence import IdentitySettings, Pairs


class IdentityError(UserError):
    """An identity matcher that is not known."""


Embeddings = Mapping[tuple[int, int], Array]  # (camera, track) → unit-free vector
Matcher = Callable[[Pairs, IdentitySettings, Embeddings | None], Array]
MATCHERS: dict[str, Matcher] = {}


def register_matcher(name: str) -> Callable[[Matcher], Matcher]:
    """Function decorator: makes ``identity=name`` known to the pipeline."""

    def add(matcher: Matcher) -> Matcher:
        MATCHERS[name] = matcher
        return matcher

    return add


@register_matcher("geometry")
def geometry_cost(pairs: Pairs, s: IdentitySettings, embeddings: Embeddings | None = None) -> Array:
    """Epipolar distance, meeting in the room, size between the cameras, head direction."""
    cost = pairs.epipolar.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(pairs.size_m[:, 0] / pairs.size_m[:, 1]) / s.size_pair
    cost += np.fmin(ratio**2, 9.0)  # unknown: the most
    cost += np.minimum(np.nan_to_num(pairs.head_deg / s.head_deg, nan=1.0) ** 2, 9.0)
    cost[pairs.in_room < 0.5] = np.inf
    return cost


@register_matcher("embedding")
def embedding_cost(
    pairs: Pairs, s: IdentitySettings, embeddings: Embeddings | None = None
) -> Array:
    """Distance of the tracks' mean face embeddings (one person: about 0.4, two: over 0.6)."""
    known = embeddings or {}
    cost = np.full(len(pairs), s.no_match / 2)  # a track without an embedding says nothing
    for k, (a, b) in enumerate(zip(pairs.left, pairs.right, strict=True)):
        one, other = known.get((0, int(a))), known.get((1, int(b)))
        if one is not None and other is not None:
            distance = float(np.linalg.norm(one - other))
            cost[k] = (max(distance - 0.40, 0.0) / 0.10) ** 2
    cost[pairs.in_room < 0.5] = np.inf
    return cost


@register_matcher("both")
def both_cost(pairs: Pairs, s: IdentitySettings, embeddings: Embeddings | None = None) -> Array:
    """Geometry, with embeddings as a tie-break (they weigh a quarter)."""
    return geometry_cost(pairs, s, embeddings) + embedding_cost(pairs, s, embeddings) / 4


def uses_embeddings(identity: str) -> bool:
    """Whether a matcher wants face embeddings.

    Raises
    ------
    IdentityError : no such matcher.
    """
    if identity not in MATCHERS:
        raise IdentityError(
            "this identity matcher is not known",
            found=identity,
            expected=" or ".join(sorted(MATCHERS)),
        )
    return identity != "geometry"
