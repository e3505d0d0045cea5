"""`make audit` says of which packages nothing is known, and ends well only where all is."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from tools import audit

GOOD: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
HOLE: dict[str, Any] = {"name": "b", "version": "2", "vulns": [
    {"id": "PYSEC-1", "fix_versions": ["3", "4"]},
    {"id": "PYSEC-2", "fix_versions": []},
]}  # fmt: skip
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "lines", "good"),
    [
        ([GOOD], ["1 of 1 packages were asked about, 0 have known holes"], True),
        ([GOOD, HOLE], ["b 2: PYSEC-1, mended in 3, 4", "b 2: PYSEC-2",
                        "2 of 2 packages were asked about, 1 have known holes"], False),
        ([GOOD, UNKNOWN], ["1 of 2 packages were asked about, 0 have known holes",
                           "NOT asked about, so nothing is known of: c"], False),
        ([], ["0 of 0 packages were asked about, 0 have known holes"], False),
    ],
)  # fmt: skip
def test_what_is_told(packages: list[dict[str, Any]], lines: list[str], good: bool) -> None:
    assert audit.told({"dependencies": packages}) == (lines, good)


def test_no_answer_is_no_good_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(out: str) -> int:
        answer = SimpleNamespace(stdout=out, stderr="no network", returncode=1)
        monkeypatch.setattr(subprocess, "run", lambda *given, **how: answer)
        return audit.main()

    assert end('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}') == 0
    assert end('{"dependencies": [{"name": "c", "skip_reason": "not found"}]}') == 1
    assert "NOT asked about, so nothing is known of: c" in capsys.readouterr().out
    assert end("") == 2 and "no network" in capsys.readouterr().err
