"""Who may import whom: calibration and headpose nothing of ours, sessions only calibration."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"calibration", "headpose", "sessions", "gaze"}
MAY = {
    "calibration": {"calibration"},
    "headpose": {"headpose"},
    "sessions": {"sessions", "calibration"},
    "gaze": OURS,
}


def imported(source: str) -> set[str]:
    """Top-level packages of ours that a module's text imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            found.add(str(node.args[0].value).split(".")[0])
    return found & OURS


@pytest.mark.parametrize("package", sorted(MAY))
def test_packages_import_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files, f"{package} has no modules"
    wrong = {
        str(f.relative_to(ROOT)): sorted(bad)
        for f in files
        if (bad := imported(f.read_text(encoding="utf-8")) - MAY[package])
    }
    assert not wrong


@pytest.mark.parametrize(
    "line",
    [
        "import gaze",
        "import numpy, gaze.commands.app",
        "from gaze.commands.app import main",
        "def f():\n    from gaze import commands",
        "import importlib\nimportlib.import_module('gaze.commands.app')",
    ],
)
def test_the_check_would_notice(line: str) -> None:
    """Negative control: each way of importing is seen."""
    assert imported(line) == {"gaze"}
