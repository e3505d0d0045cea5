"""Which run is meant, and that nothing but it is ever removed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaze.lesson.resume import open_run
from sessions.errors import RunError
from sessions.folder import Session
from sessions.run import Run, run_folder

TOML = (
    "[blackboard]\nwidth_m = 4.0\nheight_m = 1.2\n"
    '[cameras.left]\nvideo = "l.mp4"\n[cameras.right]\nvideo = "r.mp4"\n'
)
SETTINGS = {"fps": 5}


def write_world(root: Path) -> Path:
    """A lesson with a finished run beside another lesson; links that lead out of runs/."""
    for name in ("lesson", "other"):
        lesson = root / name
        lesson.mkdir()
        (lesson / "session.toml").write_text(TOML)
        (lesson / "left.mp4").write_bytes(b"video")
        run = Run.create(lesson / "runs" / "demo", SETTINGS)
        run.gaze_path.write_bytes(b"table")
        run.update(state="done")
    (root / "lesson" / "a").mkdir()
    (root / "lesson" / "a" / "notes.txt").write_text("mine")
    (root / "lesson" / "runs" / "out").symlink_to(root / "other")
    (root / "lesson" / "runs" / "run-out").symlink_to(root / "other" / "runs" / "demo")
    return root / "lesson"


def world(root: Path, *, without: Path) -> dict[str, str]:
    """Every file outside one folder, by hash; links by where they lead."""
    found = {}
    for folder, folders, files in os.walk(root):
        for path in (Path(folder) / n for n in (*folders, *files)):
            if path == without or without in path.parents:
                continue
            kind = os.readlink(path) if path.is_symlink() else "folder"
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found[str(path)] = kind + hashlib.sha256(content).hexdigest()
    return found


def test_a_link_in_the_place_of_runs_is_named(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    (lesson / "runs").rename(tmp_path / "disk")
    (lesson / "runs").symlink_to(tmp_path / "disk")
    for run, of in (("demo", lesson), ("runs/demo", lesson), (lesson / "runs" / "demo", None)):
        with pytest.raises(RunError, match=r"the lesson's runs/ is a link"):
            run_folder(run, of)


WORDS = st.sampled_from(
    ["..", ".", "", "demo", "runs", "lesson", "other", "a", "out", "run-out", "new", "/", "CON",
     "nul.txt", "x.", " x", "a:b", "a\\b", "tab\t", "\x00", "é", "~", "*"]
)  # fmt: skip
PATHS = st.one_of(
    st.text(max_size=12),
    WORDS,
    st.lists(WORDS, min_size=1, max_size=5).map("/".join),
    st.lists(WORDS, max_size=4).map(lambda words: "ROOT/" + "/".join(words)),
)


@settings(max_examples=100)
@given(PATHS, st.booleans(), st.booleans())
def test_the_world_outside_the_run_stays_byte_for_byte(given, overwrite, resume) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        lesson = write_world(root)
        named = given.replace("ROOT", str(root))
        before = world(root, without=lesson / "runs")
        everything = world(root, without=root / "nothing")
        demo = world(lesson / "runs" / "demo", without=root / "nothing")
        try:
            folder = run_folder(named, lesson)
            run = open_run(
                Session.open(lesson), SETTINGS, folder, resume=resume, overwrite=overwrite
            )
        except RunError:
            assert world(root, without=root / "nothing") == everything
        else:
            assert run.folder.parent == lesson / "runs" and not run.folder.is_symlink()
            assert overwrite or run.name != "demo"
            run.update(state="done")
            assert run.take_place().folder == folder
        if not overwrite or not (lesson / "runs" / "demo").exists():
            assert world(lesson / "runs" / "demo", without=root / "nothing") == demo
        assert world(root, without=lesson / "runs") == before


def test_a_name_or_a_path_is_the_same_run(tmp_path: Path, monkeypatch) -> None:
    lesson = write_world(tmp_path)
    runs = lesson / "runs"
    for given_ in ("demo", runs / "demo", str(runs / "demo") + "/", tmp_path / "lesson/runs/demo"):
        assert run_folder(given_, lesson) == runs / "demo"
    assert run_folder(runs / "demo") == runs / "demo"
    monkeypatch.chdir(tmp_path)
    assert run_folder("lesson/runs/demo", "lesson").resolve() == runs / "demo"
    monkeypatch.chdir(lesson)
    assert run_folder("demo").resolve() == run_folder("runs/demo").resolve() == runs / "demo"
    monkeypatch.chdir(runs)
    assert run_folder("demo", lesson) == runs / "demo"
    assert run_folder("a new one", lesson) == runs / "a new one"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for where in (None, "../lesson"):
        assert run_folder("../lesson/runs/demo", where).resolve() == runs / "demo"
    for same in ("runs/demo", "runs/demo/", "Demo", "DEMO/", "runs/DEMO"):
        assert run_folder(same, lesson) == runs / "demo"
    assert run_folder("runs/new", lesson) == runs / "new"
    assert run_folder("OUT", lesson) == runs / "OUT"  # not what a link `out` leads to
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(RunError, match="directly under"):
        run_folder("runs/demo", lesson)  # it is this one's, and another was named


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/", "/elsewhere", "../lesson", "runs/../..", "x.", "x ", ".x", "a\nb",
     "a\x00b", "con", "LPT1.txt", "a:b", "a\\b", "x" * 300, "out", "run-out", "\udcff"],
)  # fmt: skip
def test_anything_else_is_one_sentence(name: str, tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    with pytest.raises(RunError, match="this is no run of the lesson"):
        run_folder(name, lesson)


def test_another_lessons_run_is_refused(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    with pytest.raises(RunError, match="directly under"):
        run_folder(tmp_path / "other" / "runs" / "demo", lesson)


def test_a_finished_run_is_replaced_when_asked_and_only_by_a_whole_one(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    session, demo = Session.open(lesson), lesson / "runs" / "demo"
    with pytest.raises(RunError, match=r"there is a finished run of this name.*--overwrite"):
        open_run(session, SETTINGS, demo, resume=True)
    new = open_run(session, {"fps": 1}, demo, resume=True, overwrite=True)
    assert new.folder != demo and (demo / "gaze.parquet").read_bytes() == b"table"
    assert new.folder not in session.run_folders() and new.name == "demo"
    # interrupted: the same settings go on, others begin anew
    assert open_run(session, {"fps": 1}, demo, resume=True, overwrite=True) == new
    (new.folder / "quality.json").write_text("{}")
    assert open_run(session, {"fps": 2}, demo, resume=True, overwrite=True) == new
    assert not (new.folder / "quality.json").exists()
    new.update(state="done")
    assert new.take_place().folder == demo
    assert not (demo / "gaze.parquet").exists() and Run.open(demo).info().settings == {"fps": 2}
    assert sorted(p.name for p in demo.parent.iterdir()) == ["demo", "out", "run-out"]


def test_a_run_with_somebodys_files_is_not_replaced(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    session, demo = Session.open(lesson), lesson / "runs" / "demo"
    new = open_run(session, SETTINGS, demo, resume=True, overwrite=True)
    (demo / "notes.txt").write_text("mine")  # while the analysis ran
    new.update(state="done")
    with pytest.raises(RunError, match=r"did not write.*notes\.txt"):
        new.take_place()
    assert (demo / "notes.txt").is_file() and new.info_path.is_file()
    with pytest.raises(RunError, match=r"did not write.*notes\.txt"):
        open_run(session, SETTINGS, demo, resume=True, overwrite=True)
    (demo / "notes.txt").unlink()
    assert open_run(session, SETTINGS, demo, resume=True, overwrite=True) == new  # whole already
    assert new.take_place().folder == demo


def test_the_power_goes_while_two_runs_change_places(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    session, demo = Session.open(lesson), lesson / "runs" / "demo"
    new = open_run(session, SETTINGS, demo, resume=False, overwrite=True)
    new.update(state="done")
    demo.rename(demo.with_name(".demo.old"))
    again = open_run(session, SETTINGS, demo, resume=True)
    assert again == new and again.take_place().folder == demo
    assert not demo.with_name(".demo.old").exists()


def test_unfinished_ones(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    session, half = Session.open(lesson), lesson / "runs" / "half"
    run = open_run(session, SETTINGS, half, resume=True)
    assert open_run(session, SETTINGS, half, resume=True) == run
    assert open_run(session, SETTINGS, None, resume=True) == run
    cases = (({"fps": 9}, True, "has other settings"), (SETTINGS, False, "--fresh does not go on"))
    for other, resume, said in cases:
        with pytest.raises(RunError, match=f"unfinished run of this name.*{said}"):
            open_run(session, other, half, resume=resume)


def test_a_run_in_which_another_disk_is_mounted_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, table = write_world(tmp_path) / "runs" / "demo", tmp_path / "mounts"
    monkeypatch.setattr("sessions.mounts.MOUNTS", table)
    for place in (run, run / "heatmaps"):
        table.write_text(f"36 35 98:0 / {place} rw - ext4 /dev/sdb rw\n")
        with pytest.raises(RunError, match=f"{place}: another .*mounted there.*name another run"):
            Run(run).remove()
    assert (run / "run.json").is_file()


def test_remove_refuses_what_is_not_a_run(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    plain = lesson / "runs" / "plain"
    plain.mkdir()
    (plain / "thesis.txt").write_text("years")
    before = world(tmp_path, without=tmp_path / "nothing")
    for folder in (plain, lesson, lesson / "runs", lesson / "runs" / "run-out", tmp_path):
        with pytest.raises(RunError):
            Run(folder).remove()
    link = lesson / "runs" / "demo" / "heatmaps"
    link.symlink_to(tmp_path / "other")
    with pytest.raises(RunError, match="did not write"):
        Run(lesson / "runs" / "demo").remove()
    link.unlink()
    assert world(tmp_path, without=tmp_path / "nothing") == before
    Run(lesson / "runs" / "demo").remove()
    assert not (lesson / "runs" / "demo").exists()


def test_the_newest_run_is_the_last_that_was_begun_whatever_its_name(tmp_path: Path) -> None:
    lesson = write_world(tmp_path)
    runs = {"trial": "2026-03-01T10", "2026-03-02T090000": "2026-03-02T09", "Zwei": "2026-03-02T08"}
    for name, began in runs.items():
        Run.create(lesson / "runs" / name, SETTINGS).update(started=began)
    (lesson / "runs" / "broken").mkdir()
    (lesson / "runs" / "broken" / "run.json").write_text("no JSON")
    Run(lesson / "runs" / "demo").update(started="2026-02-01")
    names = [p.name for p in Session.open(lesson).run_folders() if not p.is_symlink()]
    assert names == ["broken", "demo", "trial", "Zwei", "2026-03-02T090000"]
