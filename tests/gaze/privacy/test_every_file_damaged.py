"""Each file of a finished lesson damaged in each way, and each command run on it: it ends in a
sentence, leaves nothing beside the lesson, and a forgetting proves nothing that is not so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gaze.commands.app import app
from gaze.exports import export
from gaze.report.heatmap import write_heatmaps
from tests.gaze.classroom import room_rig
from tests.gaze.gain.test_model import GAIN
from tests.gaze.lessons import write_lesson
from tests.gaze.privacy.test_small_lessons import WHO, rows

NAMES = ["S-01", WHO, "S-03"]


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


FAULTS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": half,
    "junk": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "a folder": folder,
    "a link to itself": loop,
    "missing": Path.unlink,
    "unreadable": lambda path: path.chmod(0),
}
COMMANDS = {
    "check": ["l"], "report": ["l/runs/one"], "validate": ["l"], "catalog": ["."],
    "export": ["l/runs/one", "--format", "csv", "--out", "l/exp"],
    "study-table": ["l", "--out", "s.csv"], "fit-gain": ["l"], "sync": ["l"],
    "forget": ["l", WHO, "--yes"],
    "forget --all-video": ["l", "--all-video", "--yes"],
    "forget --everything": ["l", "--everything", "--yes"],
}  # fmt: skip
FILES = [
    "audit.log", "events.csv", "exp/.export.json", "exp/gaze.csv", "gain.json", "left.mp4",
    "rig.json", "runs/one/gaze.json", "runs/one/gaze.parquet", "runs/one/heatmaps.npz",
    "runs/one/heatmaps/class.png", "runs/one/quality.json", "runs/one/run.json",
    "runs/one/students.parquet", "salted/.export.json", "salted/gaze.csv", "session.toml",
    "targets.csv",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lesson = tmp_path_factory.mktemp("whole") / "l"
    seats = tuple((n, (0.5 * i, 3.0)) for i, n in enumerate(NAMES))
    quality = {"seats": [{"student": n, "row": 1} for n in NAMES]}
    run = write_lesson(lesson, rows(NAMES), students=seats, quality=quality, name="one")
    write_heatmaps(run)
    export(run, "csv", lesson / "exp")
    export(run, "csv", lesson / "salted", salted=True)
    room_rig().save(lesson / "rig.json")
    GAIN.save(lesson / "gain.json")
    (lesson / "left.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (lesson / "events.csv").write_text(f"time_s,label\n1,{WHO} came\n")
    lines = "".join(f"0,2,{n},T1,1,0.5\n" for n in NAMES)
    (lesson / "targets.csv").write_text("start_s,end_s,student,target,x_m,y_m\n" + lines)
    return lesson


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_command_says_what_is_wrong(
    whole: Path, name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, given in COMMANDS.items():
        place = tmp_path / command
        shutil.copytree(whole, place / "l")
        log = place / "l" / "audit.log"
        log.write_text(log.read_text().replace(str(whole), str(place / "l")))
        FAULTS[fault](place / "l" / name)
        if fault == "unreadable" and os.access(place / "l" / name, os.R_OK):
            pytest.skip("root reads all")
        monkeypatch.chdir(place)
        result = CliRunner().invoke(app, [command.split()[0], *given])
        said = f"{command}: {result.exit_code} {result.output[-600:]}"
        assert isinstance(result.exception, SystemExit | None), said
        assert "Aborted" not in result.output and ".forgetting" not in result.output, said
        error = any(line.startswith("Error:") for line in result.output.splitlines())
        assert error == (result.exit_code == 2), said
        hidden = {p.relative_to(place).as_posix() for p in place.rglob(".*")}
        assert hidden <= {"l/runs/.lock", ".export.json", "l/exp/.export.json",
                          "l/salted/.export.json"}, said  # fmt: skip
        if command == "forget" and result.exit_code == 0:
            left = [p for p in (place / "l").rglob("*") if p.is_file()]
            assert not [p for p in left if WHO.encode() in p.read_bytes()], said
        if command == "forget --everything" and result.exit_code == 0:
            assert not (place / "l").exists(), said
