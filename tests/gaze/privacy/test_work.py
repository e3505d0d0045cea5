"""What happens to one file of a copied lesson: told, deleted, left, and how it counts as ours."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pandas as pd
import pytest

from gaze.privacy.work import Work, apply_rule, nobodys
from tests.gaze.privacy.copies import WHO, work_on


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "copy" / "runs" / "one").mkdir(parents=True)
    return tmp_path / "copy"


def keep(work: Work, path: Path) -> str:
    return "looked at"


def write(work: Work, path: Path) -> str:
    path.write_text("new")
    return "written"


def write_and_say_nothing(work: Work, path: Path) -> None:
    path.write_text("new")


def remove(work: Work, path: Path) -> str:
    path.unlink()
    return "gone"


def fail(work: Work, path: Path) -> str:
    raise ValueError(f"not good: {path}")


def fill_the_disk(work: Work, path: Path) -> str:
    raise OSError(errno.ENOSPC, "no space")


@pytest.mark.parametrize(
    ("rule", "told"),
    [(keep, []), (write, ["a.txt: written"]), (write_and_say_nothing, []), (remove, [])],
)
def test_a_rule_s_work_is_told_where_the_file_is_another(folder: Path, rule, told) -> None:
    path, work = folder / "a.txt", work_on(folder)
    path.write_text("old")
    apply_rule(work, path, rule)
    assert work.said.changed == told and work.done == {path}


def test_what_is_told_as_changed_is_taken_care_of(folder: Path) -> None:
    work = work_on(folder)
    work.changed(folder / "runs" / "a.txt", "shorter")
    assert work.said.changed == ["runs/a.txt: shorter"] and work.done == {folder / "runs/a.txt"}


def test_a_rule_is_for_a_file_that_is_there(folder: Path) -> None:
    work, link = work_on(folder), folder / "link"
    link.symlink_to(folder / "aim")
    (folder / "aim").write_text("old")
    for path in (link, folder / "nothing", folder / "runs"):
        apply_rule(work, path, write)
    assert (folder / "aim").read_text() == "old" and not work.done


def test_what_cannot_be_read_goes_from_a_run_and_stays_elsewhere(folder: Path) -> None:
    work, path, mine = work_on(folder), folder / "runs" / "one" / "a.json", folder / "a.json"
    for each in (path, mine):
        each.write_text("old")
        apply_rule(work, each, fail)
    assert not path.exists() and mine.read_text() == "old" and not work.done
    lesson = folder.with_name("lesson")
    assert work.said.deleted == ["runs/one/a.json"]
    assert work.said.lost == [f"runs/one/a.json: not good: {lesson}/runs/one/a.json"]
    assert work.said.remains == [
        f"a.json: it cannot be read, so it stays as it is (not good: {lesson}/a.json); look at it"
    ]


def test_a_full_disk_is_no_fault_of_the_file(folder: Path) -> None:
    work, path = work_on(folder), folder / "runs" / "one" / "a.json"
    path.write_text("old")
    with pytest.raises(OSError, match="no space"):
        apply_rule(work, path, fill_the_disk)
    assert path.read_text() == "old"


def test_a_deletion_takes_the_folders_along_that_it_leaves_empty(folder: Path) -> None:
    work, deep = work_on(folder), folder / "runs" / "one" / "a" / "b" / "c.txt"
    deep.parent.mkdir(parents=True)
    for path in (deep, folder / "runs" / "one" / "d.txt"):
        path.write_text("x")
    (folder / "link").symlink_to(folder / "runs")
    (folder / "broken").symlink_to(folder / "nothing")
    for path in (deep, folder / "link", folder / "broken", folder / "runs", folder / "nothing"):
        work.delete(path)
    assert work.said.deleted == ["runs/one/a/b/c.txt", "link", "broken"]
    left = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
    assert left == ["runs", "runs/one", "runs/one/d.txt"]
    work.delete(folder / "runs" / "one" / "d.txt")
    assert folder.is_dir() and not list(folder.iterdir())  # the lesson itself stays


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("session.toml", False), ("events.csv", False), ("notes.txt", False), ("rig.json", True),
        ("runs/one/gaze.parquet", True), ("done.txt", True),
    ],
)  # fmt: skip
def test_what_is_ours(folder: Path, name: str, ours: bool) -> None:
    work = work_on(folder)
    work.done |= {folder / "done.txt", folder / "session.toml", folder / "events.csv"}
    assert work.is_ours(folder / name) == ours


def test_who_is_named_where(folder: Path) -> None:
    """In a file of ours a word of our code says nothing; in running text no ordinary word does."""
    ours, mine, log = folder / "rig.json", folder / "mine.txt", folder / "audit.log"
    for path in (ours, mine):
        path.write_text(f"about {WHO}")
    lines = [{"out": "/a"}, {"out": f"/b/{WHO}", "user": "x"}]
    log.write_text("\n".join(map(json.dumps, lines)))
    for path in (ours, mine, log):
        assert work_on(folder).named(path) and not work_on(folder, ordinary=True).named(path)
    assert not work_on(folder, ours=True).named(ours) and work_on(folder, ours=True).named(mine)
    for path in (ours, mine):
        path.write_text("about S-03")
    log.write_text(json.dumps({"user": WHO, "out": "/a"}))  # of this computer's
    assert not any(work_on(folder).named(path) for path in (ours, mine, log))


def test_a_short_name_in_bytes_of_ours_is_chance(folder: Path) -> None:
    for name in ("calibration/1.dat", "mine.dat"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\xff\0A1\0\xff")
    work = work_on(folder, "A1")
    assert [work.named(folder / n) for n in ("calibration/1.dat", "mine.dat")] == [False, True]


def test_who_is_another_and_who_is_nobody(folder: Path) -> None:
    assert work_on(folder).others([WHO, "S-01", None, ""]).tolist() == [False, True, True, True]
    faces = pd.DataFrame({"student": pd.Categorical([WHO, None, "", "S-01"])})
    assert nobodys(faces).tolist() == [False, True, True, False]
