"""The register of a lesson's files is what docs/privacy.md shows; whole: test_as_if_never_there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaze.privacy.owned import HOW, OWNED, kind_of, table

ROOT = Path(__file__).parents[3]


def test_the_docs_show_the_register() -> None:
    assert table() in (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert {kind.rule for kind in OWNED} == set(HOW)


@pytest.mark.parametrize(
    ("path", "rule"),
    [("session.toml", "config"), ("runs/a/gaze.parquet", "rows"), ("runs/a/parts/0.npz", "away"),
     ("runs/a/heatmaps/S-01.png", "again"), ("out/x/.export.json", "export"),
     ("calibration/left/01.jpg", "nobody"), ("notes.txt", None), ("runs/a/b/gaze.parquet", None)],
)  # fmt: skip
def test_a_file_has_its_kind(path: str, rule: str | None) -> None:
    kind = kind_of(path)
    assert (kind.rule if kind else None) == rule
