"""gaze/engine.py: lessons are independent; results, order and exit code are right."""

from __future__ import annotations

import builtins
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from calibration.errors import UserError
from gaze.engine import EngineError, LessonResult, analyze_many
from gaze.faces.detectors import load_detector
from headpose.runtimes.openvino_ import thread_options


def pretend(folder: Path, *, fps: float = 5.0) -> Path:
    """Stands for gaze.analyze: the folder's name says what becomes of it."""
    name = folder.name
    if name.startswith("broken"):
        raise UserError("the video is truncated", where=folder / "left.mp4", remedy="Copy it.")
    if name.startswith("bug"):
        return Path(str(1 / 0))
    if name.startswith("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    run = folder / "runs" / "r1"
    run.mkdir(parents=True)
    coverage = 0.2 if name.startswith("poor") else 0.9
    (run / "quality.json").write_text(json.dumps({"coverage": coverage, "fps": fps}))
    (run / "pid").write_text(str(os.getpid()))
    return run


def folders(tmp_path: Path, *names: str) -> list[Path]:
    made = [tmp_path / n for n in names]
    for p in made:
        p.mkdir()
    return made


def test_a_failed_lesson_stops_nobody(tmp_path: Path) -> None:
    lessons = folders(tmp_path, "a", "broken", "bug", "poor", "b")
    told: list[tuple[int, int, str]] = []
    batch = analyze_many(
        lessons, analyze=pretend, fps=2.0, report=lambda k, n, r: told.append((k, n, r.status))
    )
    assert [r.lesson for r in batch.lessons] == lessons
    assert [r.status for r in batch.lessons] == [
        "done", "failed", "failed", "not good enough", "done"
    ]  # fmt: skip
    assert told == [(i + 1, 5, r.status) for i, r in enumerate(batch.lessons)]
    a, broken, bug, poor, _ = batch.lessons
    assert a.run == lessons[0] / "runs/r1" and a.coverage == 0.9 and a.message == ""
    assert json.loads((a.run / "quality.json").read_text())["fps"] == 2.0
    assert "left.mp4: the video is truncated. Copy it." in broken.message and not broken.detail
    assert bug.message == "ZeroDivisionError: division by zero"
    assert "1 / 0" in bug.detail and bug.run is None
    assert poor.message == "only 20 % of the student-moments were measured"
    assert batch.exit_code == 2


@pytest.mark.parametrize(
    ("names", "code"),
    [(("a", "b"), 0), (("a", "poor"), 1), (("broken", "poor"), 2), (("broken",), 2)],
)
def test_exit_codes(tmp_path: Path, names: tuple[str, ...], code: int) -> None:
    batch = analyze_many(folders(tmp_path, *names), analyze=pretend)
    assert batch.exit_code == code


def test_two_workers_are_two_processes_and_a_killed_one_is_reported(tmp_path: Path) -> None:
    lessons = folders(tmp_path, "a", "killed", "b")
    batch = analyze_many(lessons, workers=2, analyze=pretend)
    assert [r.status for r in batch.lessons] == ["done", "failed", "done"]
    assert "ended from outside" in batch.lessons[1].message
    pids = {(p / "runs/r1/pid").read_text() for p in (lessons[0], lessons[2])}
    assert len(pids) == 2 and str(os.getpid()) not in pids


def test_the_summary_as_table_and_json(tmp_path: Path) -> None:
    batch = analyze_many(folders(tmp_path, "a[1]", "broken"), analyze=pretend)
    text = io.StringIO()
    Console(file=text, width=200).print(batch.table())
    assert "1 of 2 lessons analysed" in text.getvalue()
    assert "a[1]" in text.getvalue() and "90 %" in text.getvalue()
    assert "the video is truncated" in text.getvalue()
    again = json.loads(json.dumps(batch.to_dict()))
    assert [r["status"] for r in again["lessons"]] == ["done", "failed"]
    assert again["lessons"][0]["run"].endswith("a[1]/runs/r1") and again["engine"] == "local"
    line = LessonResult(Path("x"), "done", coverage=0.5, seconds=3).sentence()
    assert line == "x: done, 50 % measured, 3 s"


def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analyze_many(folders(tmp_path, "a", "broken"), analyze=pretend)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("[1/2] ") and "[2/2] " in captured.err


def test_the_same_lesson_twice_is_analysed_once(tmp_path: Path) -> None:
    (lesson,) = folders(tmp_path, "a")
    batch = analyze_many([lesson, tmp_path / "a" / ".." / "a"], analyze=pretend)
    assert len(batch.lessons) == 1


def test_a_folder_that_is_no_lesson_fails_by_the_real_function(tmp_path: Path) -> None:
    (result,) = analyze_many([tmp_path / "nowhere"]).lessons
    assert result.status == "failed" and "there is no such session folder" in result.message


def test_what_cannot_be_started_says_why(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(EngineError, match="no lesson"):
        analyze_many([])
    with pytest.raises(EngineError, match="no such engine; found slurm, expected local or ray"):
        analyze_many([tmp_path], engine="slurm")
    with pytest.raises(EngineError, match="found 0, expected 1 or more"):
        analyze_many([tmp_path], workers=0)
    real = builtins.__import__

    def no_ray(name, *args, **kwargs):
        if name == "ray":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_ray)
    with pytest.raises(EngineError, match=r"Ray, which is not installed.*\[ray\]"):
        analyze_many([tmp_path], engine="ray")


@pytest.mark.parametrize("address", ["", "10.9.9.9:6379"])
def test_ray_that_does_not_start_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def init(**options: object) -> None:
        assert ("_node_ip_address" in options) == (not address)
        raise Exception("The current node\n timed out.")

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: 0, init=init))
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setenv("no_proxy", "mine")
    with pytest.raises(EngineError, match=r"Ray did not start; found The current node timed out"):
        analyze_many([tmp_path], engine="ray")
    assert os.environ["no_proxy"] == "mine" and "RAY_AUTH_TOKEN" not in os.environ


def test_ctrl_c_is_not_swallowed(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> Path:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyze_many(folders(tmp_path, "a"), analyze=interrupted)


def test_on_a_ray_cluster_of_two_workers(tmp_path: Path, monkeypatch) -> None:
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    lessons = folders(tmp_path, "a", "broken", "poor", "b")
    batch = analyze_many(lessons, engine="ray", workers=2, analyze=pretend, fps=3.0)
    assert [r.lesson for r in batch.lessons] == lessons
    assert [r.status for r in batch.lessons] == ["done", "failed", "not good enough", "done"]
    assert batch.exit_code == 2 and batch.engine == "ray"
    assert json.loads((lessons[0] / "runs/r1/quality.json").read_text())["fps"] == 3.0
    assert (lessons[0] / "runs/r1/pid").read_text() != str(os.getpid())
    assert not ray.is_initialized() and list((tmp_path / "home").iterdir()) == []


ALONE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
JOB = """
import sys
import tempfile
from pathlib import Path
from gaze.engine import analyze_many
from tests.gaze.test_engine import pretend
batch = analyze_many(sys.argv[1:], engine="ray", workers=1, analyze=pretend)
print([r.status for r in batch.lessons])
"""


def test_a_ray_job_runs_to_its_end_without_any_network(tmp_path: Path) -> None:
    """In a namespace of Linux in which there is loopback and nothing else."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    if not shutil.which("unshare") or subprocess.run([*ALONE, "true"]).returncode:
        pytest.skip("this system gives us no network namespace of our own")
    short = Path(tempfile.mkdtemp(prefix="ray"))  # of a socket's path 107 letters are allowed
    (tmp_path / "home").mkdir()
    lessons = folders(tmp_path, "a", "broken")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"),
           "TMPDIR": str(short), "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
    done = subprocess.run(
        [*ALONE, sys.executable, "-c", JOB, *map(str, lessons)], env=env, capture_output=True,
        text=True, timeout=1200,
    )  # fmt: skip
    assert "['done', 'failed']" in done.stdout, done.stderr[-2000:]
    assert [*(tmp_path / "home").iterdir(), *short.iterdir()] == []
    short.rmdir()


def test_openvino_takes_as_many_threads_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the caller, else by the variable that workers of many lessons are given."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_options(None) == {"INFERENCE_NUM_THREADS": "1"}
    assert thread_options(4) == {"INFERENCE_NUM_THREADS": "4"}
    model = load_detector("centerface")
    model.detect(np.zeros((1, 64, 64, 3), np.uint8), 0.5)
    (compiled,) = model._compiled.values()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert thread_options(None) == {}
