"""Every command reads a run's name alike, and refuses before it does anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gaze.commands.app import app
from tests.gaze.lessons import one_dot, write_lesson

WRONG = ["..", "../lesson", "a/b", "/", ""]


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "words",
    [["analyze", "LESSON", "--run", "NAME"], ["analyze", "LESSON", "--overwrite", "--run", "NAME"],
     ["validate", "LESSON", "--run", "NAME"], ["fit-gain", "LESSON", "--run", "NAME"],
     ["report", "NAME"], ["export", "NAME"], ["report", "RUN", "--compare", "NAME"]],
)  # fmt: skip
def test_what_is_no_run_is_one_sentence(words: list[str], name: str, tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "lesson", one_dot(1.0, 0.5))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    here = {"LESSON": str(tmp_path / "lesson"), "NAME": name, "RUN": str(run)}
    result = CliRunner().invoke(app, [here.get(w, w) for w in words])
    assert result.exit_code == 2 and "this is no run of the lesson" in result.stderr
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_finished_run_stays(tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "lesson", one_dot(1.0, 0.5), name="demo")
    (run / "notes.txt").write_text("mine")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for more, why in (([], "--overwrite"), (["--overwrite"], "notes.txt")):
        words = ["analyze", str(tmp_path / "lesson"), "--run", "demo", *more]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2 and why in " ".join(result.stderr.split())
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("out", ["session.toml", "left.mp4", "runs/demo/gaze.parquet", "new"])
def test_a_report_is_written_over_no_other_file(out: str, tmp_path: Path) -> None:
    run = write_lesson(tmp_path / "lesson", one_dot(1.0, 0.5), name="demo")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    lock = run.parent / ".lock"  # held for a moment, and empty
    result = CliRunner().invoke(app, ["report", str(run), "--out", str(tmp_path / "lesson" / out)])
    assert result.exit_code == 2 and "into an .html file" in " ".join(result.stderr.split())
    now = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p != lock}
    assert now == before
