"""The snippets of the documentation run, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPETS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "conventions.md").read_text("utf-8"), re.S
)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_conventions_hold(number: int) -> None:
    assert "assert" in SNIPPETS[number]
    exec(compile(SNIPPETS[number], f"conventions.md snippet {number + 1}", "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8"))
    links += re.findall(r'(?:src|href)="(?!https?:|#)([^"]+)"', page.read_text("utf-8"))
    broken = [link for link in links if not (page.parent / link).exists()]
    assert not broken
