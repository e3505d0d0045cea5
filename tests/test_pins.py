"""constraints.txt pins the whole tree, not only what pyproject.toml names."""

from __future__ import annotations

import itertools
import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (re.split("==|;", line) for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version.strip() for name, version, *_ in pairs}


def needed() -> set[str]:
    """What ours and all its extras ask for on this system, as deep as it is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = itertools.chain(*project["optional-dependencies"].values())
    waiting = [Requirement(line) for line in [*project["dependencies"], *extras]]
    found: set[tuple[str, str]] = set()
    while waiting:
        asked = waiting.pop()
        for extra in ("", *asked.extras):
            key = (canonicalize_name(asked.name), extra)
            if key in found:
                continue
            found.add(key)
            if asked.name == "torch":  # its CUDA build brings packages that the CPU's has not
                continue
            try:
                more = metadata.requires(asked.name) or []
            except metadata.PackageNotFoundError:
                continue
            of = (Requirement(line) for line in more)
            waiting += [r for r in of if not r.marker or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def test_every_package_is_pinned() -> None:
    assert needed() - set(pinned()) == {"classroom-gaze"}
