"""The register of what a lesson holds: complete, and what docs/privacy.md shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaze.privacy.owned import HOW, OWNED, kind_of, table
from tests.gaze.privacy.test_as_if_never_there import NAME, NAMES, finish, lesson_of

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


def test_every_file_of_a_lesson_is_in_the_register(tmp_path: Path) -> None:
    """But for exports, which the manifest beside them lists."""
    folder = tmp_path / "lesson"
    finish(lesson_of(folder, NAMES))
    (folder / "runs" / NAME / "parts").mkdir()
    (folder / "runs" / NAME / "parts" / "00000.npz").write_bytes(b"x")
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    assert [f for f in files if kind_of(f) is None and not f.startswith("out/")] == []
