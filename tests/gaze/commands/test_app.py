"""The commands: help with an example, JSON, exit codes, one sentence for each mistake."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

import gaze
from calibration.errors import DiskFullError, UserError
from gaze.commands.app import app, main
from gaze.commands.console import SAID, command, plain, progress_bar, say
from gaze.lesson.kept import KEPT, Kept
from gaze.setup.checks.registry import Finding
from tests.gaze.classroom import room_rig
from tests.gaze.lessons import one_dot, write_lesson

ROOT = Path(__file__).parents[3]
runner = CliRunner()
COMMANDS = sorted(set(get_command(app).commands) - {"rig", "benchmark"})  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(name: str) -> None:
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert f"Example: gaze {name}" in " ".join(result.output.split())
    assert "--json" in result.output or name == "app"


@pytest.mark.parametrize("name", ["tracks", "run", "score"])
def test_help_of_the_benchmark_has_an_example(name: str) -> None:
    result = runner.invoke(app, ["benchmark", name, "--help"])
    assert result.exit_code == 0 and "--json" in result.output
    assert f"Example: gaze benchmark {name}" in " ".join(result.output.split())


@pytest.mark.parametrize("name", ["check", "calibrate", "analyze", "validate"])
def test_no_session_toml(name: str, tmp_path: Path) -> None:
    result = runner.invoke(app, [name, str(tmp_path)])
    assert result.exit_code == 2
    assert "has no session.toml" in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["check", "calibrate", "analyze", "validate"])
def test_no_folder(name: str, tmp_path: Path) -> None:
    result = runner.invoke(app, [name, str(tmp_path / "nowhere")])
    assert result.exit_code == 2 and "no such session folder" in " ".join(result.stderr.split())


def test_an_error_as_json(tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", str(tmp_path), "--json"])
    assert result.exit_code == 2 and "session.toml" in json.loads(result.stdout)["error"]


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (UserError("it is [broken]", remedy="Mend it."), "it is [broken]. Mend it."),
        (KeyboardInterrupt(), "Nothing half-written is left"),
        (DiskFullError("full"), "full. Nothing half-written is left"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "no space is left"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left"),
        (OSError(errno.EFBIG, "File too large"), "larger than this disk, or a limit of yours"),
    ],
)
def test_each_way_to_stop_is_one_sentence_and_exit_code_2(raised, says, capsys) -> None:
    @command
    def stop() -> None:
        raise raised

    with pytest.raises(typer.Exit) as caught:
        stop()
    assert caught.value.exit_code == 2
    printed = capsys.readouterr()
    assert says in " ".join(printed.err.split()) and printed.out == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("analyze", "What is done is kept"),
        ("calibrate", "Nothing half-written is left; the same command begins anew"),
        ("forget", "only its end proves"),
        ("simulate", "What is done is kept: the same command goes on from there"),
    ],
)
def test_an_interrupted_command_says_what_is_true_of_it(name, says, tmp_path, monkeypatch) -> None:
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    for where in ("sessions.folder.Session.open", "gaze.privacy.forget.forget"):
        monkeypatch.setattr(where, stop)
    for known in ("lesson_folder", "known_student"):  # what comes before the work
        monkeypatch.setattr(f"gaze.privacy.forget.{known}", lambda *given: None)
    monkeypatch.setattr("gaze.setup.calibrate.calibrate_lesson", stop)
    monkeypatch.setattr("sessions.simulation.draw.simulate", stop)
    more = ["A1", "--yes"] if name == "forget" else []
    result = runner.invoke(app, [name, str(tmp_path), *more])
    assert result.exit_code == 2 and says in " ".join(result.stderr.split())


ENDED = """
import os, signal, sys
from pathlib import Path
from calibration.files import atomic_write
from gaze.commands.console import command

@command
def work():
    with atomic_write(Path("a.txt")) as aside:
        aside.write_text("half")
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        aside.write_text("whole")

if sys.argv[2:]:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
try:
    work()
except BaseException as error:
    raise SystemExit(error.exit_code)
"""


def ended_by(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENDED, *arguments], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_shutdown_or_a_closed_terminal_ends_a_command_as_ctrl_c_does(name, tmp_path) -> None:
    end = ended_by(name, folder=tmp_path)
    assert end.returncode == 2 and "Nothing half-written is left" in end.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
def test_what_was_told_to_ignore_the_terminal_goes_on(tmp_path: Path) -> None:
    assert ended_by("SIGHUP", "nohup", folder=tmp_path).returncode == 0
    assert (tmp_path / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("asked", [None, "4"])
def test_matrices_get_one_thread_unless_asked_otherwise(
    asked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of OpenBLAS that wait for one another took most of the measures' processor time."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked or "")
    if asked is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    seen: list[str] = []
    monkeypatch.setattr(
        "gaze.commands.app.app", lambda: seen.append(os.environ["OPENBLAS_NUM_THREADS"])
    )
    main()
    assert seen == [asked or "1"]


def test_a_console_that_does_not_know_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one, or a pipe without UTF-8: what is said comes, and no UnicodeEncodeError after the
    work is done."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("gaze.commands.app.app", lambda: print("\u2713 \xe4", flush=True))
    main()
    assert out.buffer.getvalue() == b"\\u2713 \\xe4\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [typer.Abort(), RuntimeError("input(): lost sys.stdin")])
def test_nothing_is_forgotten_where_nobody_answers(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> bool:
        raise error

    write_lesson(tmp_path / "l", one_dot(1.0, 0.5, n=4))
    monkeypatch.setattr("gaze.commands.data.typer.confirm", nobody)
    ended = runner.invoke(app, ["forget", str(tmp_path / "l"), "--everything"])
    assert ended.exit_code == 2 and (tmp_path / "l" / "session.toml").is_file()


SPAWNS = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from gaze.commands.app import main

if __name__ == "__main__":
    try:
        main()
    except SystemExit:
        pass
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        print(pool.submit(abs, -7).result())
"""


def test_no_process_of_ours_runs_what_lies_in_the_folder_it_is_called_in(tmp_path: Path) -> None:
    script, folder = tmp_path / "bin" / "gaze_.py", tmp_path / "lessons"
    for f in (script.parent, folder):
        f.mkdir()
    script.write_text(SPAWNS)
    (folder / "pickle.py").write_text("open('ran', 'w').close()\nraise ImportError('not ours')\n")
    end = subprocess.run(
        [sys.executable, str(script), "--version"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert end.returncode == 0 and end.stdout.endswith("\n7\n"), end.stderr
    assert [p.name for p in folder.iterdir()] == ["pickle.py"]


def test_the_one_table_of_what_is_kept() -> None:
    """For every command; the app has its words in every language for each kind."""
    from gaze.app.words import TABLE

    assert set(KEPT) <= {*COMMANDS, "benchmark_run"} and set(SAID) == set(get_args(Kept))
    for how in get_args(Kept):
        assert f"after_cancelled_{how}" in TABLE


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EIO])
def test_a_path_that_cannot_be_used_is_one_sentence(number, tmp_path, monkeypatch) -> None:
    def stop(*args, **kwargs):
        raise OSError(number, "why", str(tmp_path / "there"))

    monkeypatch.setattr("sessions.folder.Session.open", stop)
    result = runner.invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 2 and f"{tmp_path / 'there'} (why)" in result.stderr


def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to(tmp_path / "x")
    for words in (
        "report X",
        "check X",
        "simulate X",
        "forget X A1",
        "catalog X",
        "export X --out X",
    ):
        words = words.replace("X", str(tmp_path / "x"))
        result = runner.invoke(app, words.split())
        assert result.exit_code == 2 and len(result.stderr.strip()) > 10, result.output
    assert (tmp_path / "x").is_symlink()


def test_brackets_in_words_and_names_are_said_as_they_are(tmp_path, monkeypatch) -> None:
    """Rich would take [[students]] for a style, and [/x] for the end of one."""
    odd = Finding("warning", "'A' in [[students]]", "[/x].mp4", "Mend [bold] it.")
    monkeypatch.setattr("gaze.setup.check.check", lambda session: [odd])
    monkeypatch.setattr("sessions.folder.Session.open", lambda folder: None)
    result = runner.invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "'A' in [[students]] ([/x].mp4)  → Mend [bold] it." in " ".join(
        result.stdout.split("\n")
    )


def test_json_never_holds_nan() -> None:
    assert plain({"a": [float("nan"), 1.5], "b": (float("inf"),)}) == {
        "a": [None, 1.5],
        "b": [None],
    }


def test_version() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0 and result.stdout == f"classroom-gaze {gaze.__version__}\n"


def test_paths_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("report: " + "x/" * 200)
    assert capsys.readouterr().out == "report: " + "x/" * 200 + "\n"


def test_progress_draws_nothing_before_there_is_something(capsys) -> None:
    with progress_bar():
        pass
    assert capsys.readouterr().err == ""


def test_forget_asks_for_one_thing(tmp_path: Path) -> None:
    result = runner.invoke(app, ["forget", str(tmp_path)])
    assert result.exit_code == 2 and "say what to forget" in " ".join(result.stderr.split())


def test_corners_of_a_board_are_two_counts() -> None:
    result = runner.invoke(app, ["board", "x.pdf", "--corners", "nine"])
    assert result.exit_code == 2 and "not two counts" in result.stderr


def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    """`board`, `rig export` and `rig import` leave what is there, whatever it is."""
    rig = tmp_path / "rig.json"
    room_rig().save(rig)
    commands = {
        "b.pdf": ["board"],
        "cams.yml": ["rig", "export", str(rig)],
        "left.yaml": ["rig", "export", str(rig), "--format", "ros"],
        "again.json": ["rig", "import"],
    }
    for name, words in commands.items():
        out = tmp_path / name
        out.write_text("years of work")
        source = [str(tmp_path / "cams.yml")] if words == ["rig", "import"] else []
        result = runner.invoke(app, [*words, *source, str(out)])
        assert result.exit_code == 2 and "--overwrite" in result.stderr, name
        assert out.read_text() == "years of work"
        assert runner.invoke(app, [*words, *source, str(out), "--overwrite"]).exit_code == 0, name
        assert out.read_bytes()[:20] != b"years of work"
    (tmp_path / "folder.pdf").mkdir()
    result = runner.invoke(app, ["board", str(tmp_path / "folder.pdf"), "--overwrite"])
    assert result.exit_code == 2 and "a folder, not a file" in " ".join(result.stderr.split())


@pytest.mark.parametrize("package", ["gaze", "headpose"])
def test_python_m(package: str) -> None:
    """Where the scripts' folder is not on the PATH, as pip on Windows leaves it."""
    said = subprocess.run([sys.executable, "-m", package, "--help"], capture_output=True,
                          text=True, check=True).stdout  # fmt: skip
    assert f"Usage: python -m {package}" in " ".join(said.split())
