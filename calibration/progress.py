"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]  # called with a stage's name and the share that is done


def no_progress(stage: str, share: float) -> None:
    """Tells nobody."""
