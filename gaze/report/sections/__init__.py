"""The report's sections. A file here is a section: it is in the report by being there.

A section is a module with ``ORDER`` (its place in the page) and ``facts(page)``, which returns the
values that its template (``templates/NAME.html.j2``) needs, or None where the section has nothing
to say; and its words (``title_NAME`` and what the template asks for) in every language's table.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gaze.report.page import Page

Facts = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """A section's name (of its module, template and title), its place, and its function."""

    name: str
    order: int
    facts: Callable[[Page], Facts | None]


def sections() -> list[Section]:
    """All that are there, in their order."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found.append(Section(info.name, module.ORDER, module.facts))
    return sorted(found, key=lambda s: s.order)
