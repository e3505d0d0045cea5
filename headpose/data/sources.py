"""What a model card says about the sets a network was trained on: pictures and terms, by source."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headpose.data.store import Store
from headpose.train.config import TrainConfig

KNOWN = Path(__file__).with_name("sources.toml")
UNKNOWN = "not stated: ask whoever made the set before you use or pass on what was learnt from it"


@dataclass(frozen=True)
class Source:
    """One set (or start) that went into a network; ``heads`` of it were trained on.

    ``open``: its terms do not exclude commercial use of the network.
    """

    set: str
    heads: int
    pictures: str
    terms: str
    open: bool


def sources_of(store: Store, rows: Sequence[int] | np.ndarray[Any, Any]) -> list[Source]:
    """The sets of a store that the training ``rows`` were really drawn from."""
    known = tomllib.loads(KNOWN.read_text(encoding="utf-8"))["source"]
    counts = np.bincount(store.source[np.asarray(rows)], minlength=len(store.sources))
    found = []
    for name, heads in zip(store.sources, counts.tolist(), strict=True):
        if not heads:
            continue
        entry = next((s for s in known if name.startswith(s["name"])), None)
        entry = entry or {"pictures": "", "terms": UNKNOWN, "open": False}
        found.append(Source(name, heads, entry["pictures"], entry["terms"], entry["open"]))
    return found


def lineage_of(cfg: TrainConfig) -> list[Source]:
    """The trained weights that a run began with or learnt from: they have terms, too."""
    found = []
    if cfg.network.imagenet and not cfg.init:
        packager = "Apache-2.0" if cfg.network.backbone.startswith("lite") else "BSD-3-Clause"
        terms = f"weights {packager} by their packager; the ImageNet photographs: research use"
        name = f"start: {cfg.network.backbone}, ImageNet"
        found.append(Source(name, 0, "ImageNet photographs", terms, False))
    taught_by = cfg.teacher.weights if cfg.teacher else None
    given = {"start": cfg.init, "teacher": taught_by, "refined labels": cfg.data.labels}
    for role, path in given.items():
        if path:
            stem = Path(path).stem
            terms = "those of the sets it was made with: see its own card or recipe"
            found.append(Source(f"{role}: {stem}", 0, "", terms, False))
    return found


def terms_of(sources: Sequence[Source]) -> str:
    """One sentence for the card's ``terms``."""
    closed = [s.set for s in sources if not s.open]
    if not closed:
        return "Open: every source's terms allow commercial use of the network (see [[sources]])."
    return (
        f"Research use only, because of the terms of: {', '.join(closed)} (see [[sources]]). The "
        "people in photographs did not agree to this use in particular."
    )
