"""PASS, WARN or FAIL, in words: the findings about a rig; and which of several explains them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

Status = Literal["PASS", "WARN", "FAIL"]

RANK: dict[str, int] = {"PASS": 0, "WARN": 1, "FAIL": 2}

Said = TypeVar("Said")

#: Runners-up are told where they explain what is seen as well but for so much χ² (odds of 150) …
CHANCE = 10.0
#: … and no more of them than these.
MOST_RIVALS = 2


@dataclass(frozen=True)
class Cause:
    """One finding: a stable ``code``, how bad, what is wrong, the action that helps, what it may
    shift a gaze point by (``cost_cm``), where that is known, and the codes of what else explains it
    (``rivals``; message and action tell them too)."""

    code: str
    severity: Status
    message: str
    action: str = ""
    cost_cm: float | None = None
    rivals: tuple[str, ...] = ()

    def or_else(self, *others: Cause) -> Cause:
        """This, and what it may be instead."""
        if not others:
            return self
        message = f"{self.message} (or: {'; or: '.join(o.message for o in others)})"
        actions = dict.fromkeys([self.action, *(o.action for o in others)])
        codes = tuple(o.code for o in others)
        return replace(self, message=message, action=" Or: ".join(actions), rivals=codes)


@dataclass(frozen=True)
class Hypothesis(Generic[Said]):
    """What may have happened, and how badly what is seen fits it.

    misfit : χ² or Schwarz's count, with what it asks one to believe: less is better.
    what : hypotheses of one kind differ in detail (the moment of a zoom) and are no rivals.
    """

    misfit: float
    says: Said
    what: str


def best_of(tried: Iterable[Hypothesis[Said]], chance: float = CHANCE) -> list[Said]:
    """What explains best; after it the runners-up that do as well but for chance."""
    ranked = sorted(tried, key=lambda h: h.misfit)
    kinds: dict[str, Hypothesis[Said]] = {}
    for h in ranked:
        if h.misfit - ranked[0].misfit < chance:
            kinds.setdefault(h.what, h)
    return [h.says for h in kinds.values()][: 1 + MOST_RIVALS]


def named(tried: Iterable[Hypothesis[Cause]], chance: float = CHANCE) -> Cause | None:
    """The cause that explains best, its runners-up told with it (:func:`best_of`)."""
    found = best_of(tried, chance)
    return found[0].or_else(*found[1:]) if found else None


@dataclass(frozen=True)
class Verdict:
    """The findings about a rig; its status is that of the worst one."""

    causes: tuple[Cause, ...] = field(default_factory=tuple)

    @property
    def status(self) -> Status:
        """PASS where nothing was found."""
        worst = max((RANK[c.severity] for c in self.causes), default=0)
        names: tuple[Status, Status, Status] = ("PASS", "WARN", "FAIL")
        return names[worst]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"status": self.status, "causes": [vars(c) for c in self.causes]}
