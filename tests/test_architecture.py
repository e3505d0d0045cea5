"""The rules of docs/architecture.md: which way imports run, between packages, rooms and files.

Lazy imports and those under TYPE_CHECKING count: what needs a name at any time depends on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("calibration", "headpose", "sessions", "gaze")

# Rooms of gaze/ in order: a room imports from itself and from those before it only.
GAZE_ROOMS = (
    "room", "faces", "people", "gain", "lesson", "measures", "privacy.names",
    "privacy.audit", "report", "analyze",
    "engine", "validation", "privacy.vocabulary", "privacy.pseudonyms", "exports", "privacy",
    "catalog", "studies", "setup", "benchmark", "notebook", "app", "commands", "__main__",
)  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(source: str) -> Iterator[str]:
    """Dotted names that a text imports, at any depth of it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def targets(source: str) -> set[str]:
    """Modules of ours that a text imports: the longest part of each name that is a file."""
    found = set()
    for name in imports(source):
        parts = name.split(".")
        known = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        hit = next((k for k in known if k in MODULES), None)
        if hit is not None:
            found.add(hit)
    return found


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    edges = nx.DiGraph()
    for name, path in MODULES.items():
        for target in targets(path.read_text(encoding="utf-8")) - {name}:
            if not name.startswith(f"{target}."):  # a file may ask its own package for a name
                edges.add_edge(name, target)
    return edges


def test_no_file_needs_itself(graph: nx.DiGraph) -> None:
    circles = [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1]
    assert not circles


def room_of(module: str) -> str | None:
    """The room of a module of gaze/; None: of another package, or gaze itself."""
    inside = module.removeprefix("gaze.")
    if inside == module:
        return None
    if inside in GAZE_ROOMS:
        return inside
    return inside.split(".")[0]


def test_rooms_import_downwards(graph: nx.DiGraph) -> None:
    place = {room: k for k, room in enumerate(GAZE_ROOMS)}
    wrong = []
    for name, target in graph.edges:
        here, there = room_of(name), room_of(target)
        if here is not None and there is not None and place[there] > place[here]:
            wrong.append(f"{name} → {target}")
    assert not sorted(wrong)


def test_every_room_has_its_place() -> None:
    rooms = {room_of(m) for m in MODULES} - {None}
    assert rooms <= set(GAZE_ROOMS), "a new room: give it a place in GAZE_ROOMS"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from gaze.room import geometry", {"gaze.room.geometry"}),
        ("def f():\n    from gaze.room.geometry import gaze_points", {"gaze.room.geometry"}),
        ("import gaze.analyze as a", {"gaze.analyze"}),
        ("import numpy", set()),
    ],
)
def test_the_check_would_notice(text: str, expected: set[str]) -> None:
    """Negative control: each way of importing is seen."""
    assert targets(text) == expected


# Who parses JSON among those who show results, and what: no result file, whose model reads it.
SHOW = ("calibration.page", "calibration.room", "calibration.judge", "gaze.report", "gaze.app",
        "gaze.studies", "gaze.catalog", "gaze.commands", "gaze.exports")  # fmt: skip
OTHER_JSON = {
    "gaze.app.jobs",  # its own queue, and lines of progress
    "gaze.app.look",  # a figure of Plotly's, for the browser
    "gaze.catalog.catalog",  # what is printed, to indent it
    "gaze.studies.pool",  # for a model
}


def parses_json(source: str) -> bool:
    """Whether a text calls ``json.load`` or ``json.loads``."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("load", "loads")
        and isinstance(node.value, ast.Name)
        and node.value.id == "json"
        for node in ast.walk(ast.parse(source))
    )


def test_results_are_read_by_their_models() -> None:
    """A page that reads keys of a file by itself shows nothing where a key is renamed."""
    assert parses_json("import json\njson.loads(text)['state']"), "negative control"
    found = {
        name
        for name, path in MODULES.items()
        if name.startswith(SHOW) and parses_json(path.read_text(encoding="utf-8"))
    }
    assert found == OTHER_JSON


# A file that is read top to bottom in one sitting; ruff holds the branches of a function (15).
MOST_LINES = 550


def test_no_file_grows_into_a_second_job() -> None:
    long = {n: k for n, p in MODULES.items()
            if (k := p.read_text(encoding="utf-8").count("\n")) > MOST_LINES}  # fmt: skip
    assert not long, "split it along its jobs, as docs/architecture.md shows"
