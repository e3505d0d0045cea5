"""Interrupted, damaged, shared, full: what a run goes on with, and what is made anew."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import calibration.files as files
import gaze.analyze as pipeline
import gaze.lesson.resume as resume
import sessions.run
from calibration.errors import DiskFullError, UserError
from gaze.analyze import analyze
from gaze.commands.app import app
from gaze.faces.look import Looker
from gaze.lesson.settings import AnalyzeSettings
from sessions.errors import RunError, SessionError
from sessions.lock import lesson_lock
from sessions.run import Run
from sessions.tables import read_table
from tests.gaze.squares import Frontal, write_lesson

SETTINGS = AnalyzeSettings.of(detector="squares", landmarks="detector")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("squares") / "lesson"
    write_lesson(folder)
    return folder


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two seconds, three to the lesson; the report has tests of its own."""
    monkeypatch.setattr(resume, "CHUNK_S", 2.0)
    monkeypatch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)


def go(folder: Path, name: str) -> Run:
    return analyze(folder, SETTINGS, run_name=name, model=Frontal())


@pytest.fixture
def cut(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run of the lesson that was interrupted after its pixels: all its parts are there."""
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "tracks_of", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            go(lesson, "cut")
    yield lesson / "runs" / "cut"
    Run(lesson / "runs" / "cut").remove()


@pytest.fixture(scope="module")
def whole(lesson: Path) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "heatmaps_and_report", lambda run, report: None)
        patch.setattr(resume, "CHUNK_S", 2.0)
        return read_table(go(lesson, "whole").gaze_path, "gaze")


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first moments of the batches that are looked at from now on."""
    firsts: list[int] = []
    look = Looker.look

    def noted(self, time_s, left, right, first):
        firsts.append(first)
        return look(self, time_s, left, right, first)

    monkeypatch.setattr(Looker, "look", noted)
    return firsts


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x10
    path.write_bytes(data)


def forgetful(path: Path) -> None:
    """As written before parts kept what the finder knows."""
    with np.load(path) as data:
        kept = {k: data[k] for k in data.files if not k.startswith("finder.")}
    with path.open("wb") as file:
        np.savez(file, **kept)


DAMAGES = {
    "without memory": forgetful,
    "truncated": half,
    "empty": lambda p: p.write_bytes(b""),
    "zeros": lambda p: p.write_bytes(bytes(p.stat().st_size)),
    "garbage": lambda p: p.write_bytes(b"no archive" * 100),
    "a flipped bit": flip,
    "missing": Path.unlink,
    "another chunk's": lambda p: p.write_bytes((p.parent / "00002.npz").read_bytes()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_part_is_made_anew_and_only_that_one(
    cut: Path, lesson: Path, whole: pd.DataFrame, monkeypatch, damage: str
) -> None:
    parts = sorted((cut / "parts").iterdir())
    assert [p.name for p in parts] == ["00000.npz", "00001.npz", "00002.npz"]
    DAMAGES[damage](parts[1])
    firsts = looked_at(monkeypatch)
    table = read_table(go(lesson, "cut").gaze_path, "gaze")
    assert firsts == [10, 19]  # the second chunk of ten moments, in batches of nine
    pd.testing.assert_frame_equal(table, whole)


def test_whole_parts_are_not_looked_at_again(cut: Path, lesson: Path, monkeypatch) -> None:
    firsts = looked_at(monkeypatch)
    go(lesson, "cut")
    assert firsts == []


def test_another_version_is_not_gone_on_with(cut: Path, lesson: Path, monkeypatch) -> None:
    """Neither of the package nor of what its numbers rest on: refused by name, anew without."""
    info = json.loads((cut / "run.json").read_text())
    for package in ("classroom-gaze", "torch"):
        other = {**info, "versions": {**info["versions"], package: "0.0.1"}}
        (cut / "run.json").write_text(json.dumps(other))
        with pytest.raises(RunError, match="has other settings, inputs, weights or packages"):
            go(lesson, "cut")
        firsts = looked_at(monkeypatch)
        done = analyze(lesson, SETTINGS, model=Frontal())
        assert done.name != "cut" and firsts[0] == 0
        done.remove()


def test_other_weights_are_not_gone_on_with(cut: Path, lesson: Path) -> None:
    class Other(Frontal):
        weights = type("W", (), {"sha256": "ab" * 32})

    with pytest.raises(RunError, match="has other settings, inputs, weights or packages"):
        analyze(lesson, SETTINGS, run_name="cut", model=Other())
    (cut / "run.json").write_text(
        json.dumps({**json.loads((cut / "run.json").read_text()), "inputs": {}})
    )
    with pytest.raises(RunError, match="has other settings, inputs, weights or packages"):
        go(lesson, "cut")


def test_a_second_analysis_is_refused_before_the_pixels(lesson: Path, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "open_film", lambda *a: pytest.fail("pixels"))
    with lesson_lock(lesson):
        result = CliRunner().invoke(app, ["analyze", str(lesson)])
    assert result.exit_code == 2 and "another command is at work" in " ".join(result.stderr.split())


@pytest.mark.parametrize("events", ["when,what\n1,x\n", "time_s,label\nnan,x\n", "\x00,\x01\n", ""])
def test_marks_that_cannot_be_read_are_refused_before_the_pixels(
    lesson: Path, monkeypatch, events: str
) -> None:
    monkeypatch.setattr(pipeline, "open_film", lambda *a: pytest.fail("pixels"))
    monkeypatch.setattr(pipeline, "lesson_lock", lambda *a: pytest.fail("locked"))
    path = lesson / "events.csv"
    path.write_text(events) if events else path.mkdir()
    with pytest.raises(UserError, match=r"events\.csv"):
        go(lesson, "marks")
    path.unlink() if events else path.rmdir()


# -- a full disk -----------------------------------------------------------------------------------


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_no_room_for_run_json_leaves_no_folder(lesson: Path, monkeypatch) -> None:
    before = sorted((lesson / "runs").glob("[!.]*"))
    monkeypatch.setattr(files.os, "fsync", full)
    for name in ("full", None):
        with pytest.raises(DiskFullError, match=r"no space is left.*Make room"):
            analyze(lesson, SETTINGS, run_name=name, model=Frontal())
        assert sorted((lesson / "runs").glob("[!.]*")) == before


def test_no_room_for_the_last_run_json_keeps_the_promise(
    cut: Path, lesson: Path, whole: pd.DataFrame, monkeypatch
) -> None:
    """Full when the run is to be marked done: nothing is lost, and the same command ends it."""
    with monkeypatch.context() as patch:
        patch.setattr(sessions.run, "write_json", full)
        with pytest.raises(OSError, match="No space left"):
            go(lesson, "cut")
    assert json.loads((cut / "run.json").read_text())["state"] == "running"
    firsts = looked_at(monkeypatch)
    table = read_table(go(lesson, "cut").gaze_path, "gaze")
    assert firsts == []
    pd.testing.assert_frame_equal(table, whole)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a tmpfs")
def test_a_disk_that_is_really_full(tmp_path: Path, monkeypatch) -> None:
    """A tmpfs of 8 MB, filled: one sentence, no orphan; with room the same command ends well."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], capture_output=True
    )
    if made.returncode:
        pytest.skip("no mounts here")
    try:
        folder = mount / "lesson"
        write_lesson(folder)
        filler = mount / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        with pytest.raises((DiskFullError, SessionError, OSError)) as caught:
            go(folder, "r")
        assert "space" in str(caught.value).lower()
        assert not (folder / "runs" / "r").exists()
        filler.unlink()
        assert len(read_table(go(folder, "r").gaze_path, "gaze"))
    finally:
        subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize(
    ("left", "right", "moments"),
    [
        ((1920, 1080), (1280, 720), 9),
        ((1280, 720), (1280, 720), 9),
        ((1920, 1080), (2704, 1520), 6),
        ((3840, 2160), (1920, 1080), 3),
        ((2160, 3840), (7680, 4320), 3),
    ],
)
def test_fewer_large_pictures_lie_in_memory_at_once(
    left: tuple[int, int], right: tuple[int, int], moments: int
) -> None:
    film = SimpleNamespace(left=SimpleNamespace(size_px=left), right=SimpleNamespace(size_px=right))
    assert resume.batch_of(film) == moments  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way to keep what is freed")
def test_memory_of_pictures_goes_back_when_they_are_freed() -> None:
    code = """
import numpy as np
from gaze.lesson.resume import hand_back_pictures
def held_mb(): return int(open("/proc/self/statm").read().split()[1]) * 4096e-6
hand_back_pictures()
for _ in range(3):  # glibc learns from what was freed
    pictures = [(np.ones((1080, 1920, 3), np.uint8), np.ones(30_000)) for _ in range(30)]
    full = held_mb()
    pictures = [small for _, small in pictures]  # what lies between them is kept
    assert full - held_mb() > 150, (full, held_mb())
"""
    subprocess.run([sys.executable, "-c", code], check=True)
