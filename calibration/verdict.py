"""PASS, WARN or FAIL, in words: the findings about a rig."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["PASS", "WARN", "FAIL"]

RANK: dict[str, int] = {"PASS": 0, "WARN": 1, "FAIL": 2}


@dataclass(frozen=True)
class Cause:
    """One finding: a stable ``code``, how bad, what is wrong, the action that helps, and what it
    may shift a gaze point by (``cost_cm``), where that is known."""

    code: str
    severity: Status
    message: str
    action: str = ""
    cost_cm: float | None = None


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
