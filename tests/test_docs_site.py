"""The documentation: every page is in its navigation, no link is broken, what it shows runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import gaze.faces.detectors as detectors
from gaze.commands.app import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))


def config() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8")))


def leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in leaves(part)]


def test_the_navigation_names_every_page_once() -> None:
    named = leaves(config()["nav"])
    assert sorted(named) == [p.relative_to(DOCS).as_posix() for p in PAGES]


def anchors(page: Path) -> set[str]:
    """The ids that GitHub and MkDocs give to a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    heads = re.findall(r"^#+ +(.*)$", text, flags=re.M)
    plain = (re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in heads)
    return set(plain)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"],
                         ids=lambda p: p.relative_to(ROOT).as_posix())  # fmt: skip
def test_no_link_is_broken(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
        link = target[0] or target[1]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), link
        assert DOCS not in page.parents or DOCS in to.parents, f"{link} is not on the site"
        if anchor:
            assert anchor in anchors(to), link


def test_pages_that_code_cites_exist() -> None:
    packages = ("calibration", "gaze", "headpose", "sessions", "tools")
    files = [p for d in packages for p in (ROOT / d).rglob("*.py")]
    cited = {m: p for p in files for m in re.findall(r"[\w/.-]*\w\.md\b", p.read_text("utf-8"))}
    assert "docs/conventions.md" in cited
    assert not {m: p for m, p in cited.items() if not (ROOT / m).is_file()}


def test_nothing_of_the_site_is_fetched() -> None:
    theme, plugins = config()["theme"], config()["plugins"]
    assert theme["font"] is False
    assert not {"offline", "privacy"} & set(map(str, plugins))  # they name other hosts, or ask them
    assert not {"extra_javascript", "extra_css"} & set(config())


def commands(page: Path) -> list[list[str]]:
    """What a tutorial's shell blocks tell to type after ``gaze``."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)
    lines = [line.split("#")[0].split() for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == ["gaze"]]


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda p: p.stem)
def test_the_commands_of_a_tutorial_are_there(page: Path) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]
    for name, *words in commands(page):
        assert name in known, name
        options = {o for p in known[name].params for o in (*p.opts, *p.secondary_opts)}
        assert {w for w in words if w.startswith("--")} <= options, (name, words)


def snippets(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.S)


@pytest.mark.parametrize("number", range(len(snippets("conventions.md"))))
def test_conventions_hold(number: int) -> None:
    snippet = snippets("conventions.md")[number]
    assert "assert" in snippet
    exec(compile(snippet, f"conventions.md snippet {number + 1}", "exec"), {})


@pytest.mark.slow
def test_the_study_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    for snippet in snippets("tutorials/study.md"):
        exec(snippet, scope)
    said = capsys.readouterr().out
    assert "points a week" in said and (tmp_path / "study.html").is_file()
    assert scope["trend"].lessons == 4 and len(scope["board"]) == 48


def test_the_detector_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last snippet needs pictures of a lesson; its two keywords are those of analyze()."""
    monkeypatch.setattr(detectors, "DETECTORS", dict(detectors.DETECTORS))
    before = dict(detectors.registry.DETECTORS)
    made, tried, used = snippets("tutorials/detector.md")
    try:
        exec(made, {})
        scope: dict[str, Any] = {}
        exec(tried.replace("print(sorted(DETECTORS)", "print(0"), scope)
    finally:
        detectors.registry.DETECTORS.clear()
        detectors.registry.DETECTORS.update(before)
    assert scope["found"].box_px.tolist() == [[59.5, 39.5, 99.5, 79.5]]
    assert scope["found"].points_px[0, 2].tolist() == [79.5, 63.5]
    assert 'detector="square"' in used and 'run_name="square"' in used
