"""One owner of removals (docs/privacy.md): the source calls for them nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REMOVALS = {"rmtree", "unlink", "rmdir", "remove", "removedirs"}
# calibration/files.py: the atomic write takes its own half-written file away, and nothing else.
OWNERS = (
    "calibration/files.py",
    "sessions/run.py",
    "sessions/files.py",
    "gaze/privacy.py",
    "gaze/privacy/",
)
MODULES = {"os", "shutil"}


def removals(source: str) -> list[str]:
    """Calls that remove a file or folder; ``remove`` counts as ``os.remove`` alone."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found += [f"import {a.name}" for a in node.names if a.name in REMOVALS]
        if isinstance(node, ast.Attribute) and node.attr in REMOVALS:
            of_module = isinstance(node.value, ast.Name) and node.value.id in MODULES
            if of_module or node.attr not in ("remove",):
                found.append(f"line {node.lineno}: {node.attr}")
    return found


@pytest.mark.parametrize("package", ["calibration", "headpose", "sessions", "gaze"])
def test_nothing_is_removed_elsewhere(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OWNERS):
            assert removals(path.read_text(encoding="utf-8")) == [], name


@pytest.mark.parametrize(
    "line",
    ["shutil.rmtree(x)", "path.unlink()", "os.remove(p)", "from os import remove", "f = p.rmdir"],
)
def test_the_check_would_notice(line: str) -> None:
    assert removals(line) and not removals("names.remove('x')")


# Who may move a file into its place: the atomic writes themselves, a run or lesson as a whole.
MOVERS = (
    "calibration/files.py",
    "headpose/files.py",
    "sessions/files.py",
    "sessions/run.py",
    "gaze/privacy/forget.py",
    "gaze/exports/__init__.py",
)
ASIDE = {"aside", "part"}  # what an atomic write gives to write to


def writes(source: str) -> list[str]:
    """Calls that move a file into its place, or write one where it will be read."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        of = {n.id for n in ast.walk(node.func.value) if isinstance(n, ast.Name)}
        renames = node.func.attr == "rename" and node.args  # a table's has keywords
        moves = renames or (node.func.attr == "replace" and of == {"os"})
        puts = node.func.attr in ("write_text", "write_bytes") and not of & ASIDE
        if moves or puts:
            found.append(f"line {node.lineno}: {node.func.attr}")
    return found


@pytest.mark.parametrize("package", ["calibration", "headpose", "sessions", "gaze"])
def test_every_file_is_written_whole_or_not_at_all(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if name not in MOVERS:
            assert writes(path.read_text(encoding="utf-8")) == [], name


@pytest.mark.parametrize("line", ["p.write_text(x)", "os.replace(a, b)", "part.rename(out)"])
def test_the_check_of_writes_would_notice(line: str) -> None:
    assert writes(line) and not writes(
        "aside.write_text(x)\ntext.replace(a, b)\nf.rename(columns=c)"
    )
