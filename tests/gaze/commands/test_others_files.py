"""No command writes over a file that is not its own, nor into a lesson in which another works."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sessions.tables
from gaze.commands.app import app
from gaze.commands.console import command
from gaze.exports import FORMATS
from sessions.lock import lesson_lock
from tests.gaze.classroom import room_rig
from tests.gaze.privacy.test_as_if_never_there import NAMES, WHO, lesson_of

MINE = "mine: <html>, a,b,c and {}\n"
PLAN = "simulate OUT/plan --plan --students 2 --rows 1"
ROOM = "--title x --width-m 4 --height-m 1.2 --left-m 2 --down-m 1.4 --out-m 1.5"
WRITES = [  # a command, and a file in its way that it did not write
    ("report RUN --out OUT/x.html", "OUT/x.html"),
    ("report RUN --class-only --out OUT/x.htm", "OUT/x.htm"),
    ("board OUT/x.pdf", "OUT/x.pdf"),
    ("rig export LESSON/rig.json OUT/x.yml", "OUT/x.yml"),
    ("rig export LESSON/rig.json OUT/ros --format ros", "OUT/ros/right.yaml"),
    ("rig import LESSON/rig.json OUT/x.json", "OUT/x.json"),
    *((PLAN, f"OUT/plan/plan.{kind}") for kind in ("csv", "json", "html")),
    ("simulate OUT/x", "OUT/x/notes.txt"),
    ("simulate OUT/x --truth-only", "OUT/x/notes.txt"),
    ("calibrate LESSON", "LESSON/calibration.html"),
    ("sync LESSON", "LESSON/sync.html"),
    ("demo --out OUT", "OUT/session.toml"),
    ("study-table LESSON --out OUT/x.csv", "OUT/x.csv"),
    ("contribute LESSON --study x --out OUT/x.json", "OUT/x.json"),
    (f"init LESSON {ROOM}", "LESSON/session.toml"),
    *(
        (f"export RUN --format {f} --out OUT", f"OUT/{f}")
        for f in sorted(set(FORMATS) - {"targets"})
    ),  # this lesson describes none
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lesson = tmp_path_factory.mktemp("made") / "lesson"
    lesson_of(lesson, NAMES)
    return lesson


@pytest.fixture
def lesson(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "lesson")
    (tmp_path / "out").mkdir()
    return tmp_path / "lesson"


def run(words: str, lesson: Path) -> tuple[int, str]:
    """A command's exit code and what it says; RUN, LESSON and OUT stand for paths."""
    result = CliRunner().invoke(app, [str(place(w, lesson)) for w in words.split()])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, " ".join(result.output.split())


def place(name: str, lesson: Path) -> str:
    folder = next(p for p in (lesson / "runs").iterdir() if p.is_dir())
    name = name.replace("RUN", str(folder)).replace("LESSON", str(lesson))
    return name.replace("OUT", str(lesson.parent / "out"))


def world(folder: Path) -> dict[str, bytes]:
    """Every file, the locks and what an export began aside."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
@pytest.mark.parametrize(("words", "way"), WRITES, ids=[w for w, _ in WRITES])
def test_what_is_not_ours_stays(words: str, way: str, linked: bool, lesson: Path) -> None:
    if words.startswith("export"):  # in the way of the last file of each format
        _, said = run(words.replace("--out OUT", "--out OUT/other"), lesson)
        name = Path(said.split()[-1]).relative_to(lesson.parent / "out" / "other")
        path = lesson.parent / "out" / name
        shutil.rmtree(lesson.parent / "out" / "other")
    else:
        path = Path(place(way, lesson))
    path.parent.mkdir(parents=True, exist_ok=True)
    target = lesson.parent / "elsewhere" if linked else path
    target.write_text(MINE)
    if linked:
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    before = world(lesson.parent)
    code, said = run(words, lesson)
    assert code == 2, said
    assert world(lesson.parent) == before and path.is_symlink() == linked


@pytest.mark.parametrize("words", ["report RUN --out OUT/x.html", PLAN, "export RUN --out OUT/e"])
def test_what_is_ours_is_made_again(words: str, lesson: Path) -> None:
    assert run(words, lesson)[0] == 0 and run(words, lesson)[0] == 0


@pytest.mark.parametrize("out", ["RUN", "RUN/../e", "LESSON", "LESSON/runs", "OUT/.."])
def test_an_export_goes_into_no_lesson_and_among_no_runs(out: str, lesson: Path) -> None:
    before = world(lesson.parent)
    code, said = run(f"export RUN --out {out}", lesson)
    assert code == 2 and "an export must not go into" in said
    assert world(lesson.parent) == before


def test_a_file_in_the_place_of_a_folder_is_one_sentence(lesson: Path) -> None:
    (lesson.parent / "out" / "file").write_text(MINE)
    code, said = run("report RUN --out OUT/file/x.html", lesson)
    assert code == 2 and "cannot be read or written" in said


@pytest.mark.parametrize(
    "words", ["report RUN", "export RUN --out OUT/e", "validate LESSON --run RUN"]
)
def test_a_lesson_that_is_moved_while_a_command_works_is_one_sentence(
    words: str, lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sessions.tables.pq.read_table

    def moves(*args: object, **kwargs: object) -> object:
        table = real(*args, **kwargs)
        if lesson.exists():
            lesson.rename(lesson.with_name("elsewhere"))
        return table

    monkeypatch.setattr(sessions.tables.pq, "read_table", moves)
    code, said = run(words, lesson)
    assert code == 2 and said.startswith("Error: ") and not lesson.exists()


AT_WORK = [
    "analyze LESSON",
    "calibrate LESSON",
    "validate LESSON --run RUN",
    "fit-gain LESSON",
    "import-events LESSON LESSON/events.csv --replace",
    "report RUN",
    "report RUN --class-only",
    "report RUN --out LESSON/mine.html",
    "export RUN --out OUT/e",
    "sync LESSON --set",
    f"forget LESSON {WHO} --yes",
    "forget LESSON --all-video --yes",
    "forget LESSON --everything --yes",
]


@pytest.mark.parametrize("words", AT_WORK)
def test_nobody_writes_into_a_lesson_in_which_another_works(words: str, lesson: Path) -> None:
    before = world(lesson.parent)
    with lesson_lock(lesson):
        code, said = run(words, lesson)
    assert code == 2 and "another command is at work in this lesson" in said
    assert world(lesson.parent) == before


def test_no_rig_is_imported_into_a_lesson_in_which_another_works(lesson: Path) -> None:
    room_rig().save(lesson.parent / "out" / "rig.json")
    assert run("rig export OUT/rig.json OUT/x.yml", lesson)[0] == 0
    with lesson_lock(lesson):
        code, said = run("rig import OUT/x.yml LESSON/rig.json --overwrite", lesson)
    assert code == 2 and "another command is at work in this lesson" in said
    assert run("rig import OUT/x.yml LESSON/rig.json --overwrite", lesson)[0] == 0
    assert (lesson / "rig.json").is_file()


def test_who_only_reads_goes_on(lesson: Path) -> None:
    before = world(lesson.parent)
    with lesson_lock(lesson):
        assert run("check LESSON", lesson)[0] == 1  # no videos
        assert run(f"catalog {lesson.parent}", lesson)[0] == 0
    assert world(lesson.parent) == before
    assert run("report RUN", lesson)[0] == 0


def test_what_we_warn_of_is_one_line() -> None:
    """No line of our code stands beside it."""

    @command
    def pool() -> None:
        """A command that does nothing."""

    pool()
    assert warnings.formatwarning("a share without locks", UserWarning, "lock.py", 7) == (
        "! a share without locks\n"
    )
    assert "theirs.py:7" in warnings.formatwarning("old", FutureWarning, "theirs.py", 7, "")
