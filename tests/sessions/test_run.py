"""Run folders: nothing half-written, versions and states checked."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibration.errors import DiskFullError
from sessions.errors import RunError, RunVersionError, SessionError
from sessions.files import new_folder, resumed_folder
from sessions.run import Run, atomic_write
from sessions.tables import GAZE, TABLES, read_table, write_table


def example(table: str) -> pd.DataFrame:
    """One row of zeros and empty words."""
    words = {"category", "str"}
    return pd.DataFrame({c.name: ["" if c.dtype in words else 0] for c in TABLES[table]})


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(DiskFullError, match="no space is left"), atomic_write(path) as aside:
        aside.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_file_too_large_for_the_disk_or_a_limit_is_one_sentence(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with (
            pytest.raises(DiskFullError, match="larger than this disk, or a limit"),
            atomic_write(tmp_path / "a.txt") as aside,
        ):
            aside.write_text("x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_its_owner_s_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = tmp_path / "a.txt"
        (tmp_path / ".a.part.txt").write_text("left by a crash")
        (tmp_path / ".a.part.txt").chmod(0o666)
        with atomic_write(path) as aside:
            assert stat.S_IMODE(aside.stat().st_mode) == 0o600 and aside.read_text() == ""
            aside.write_text("new")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text() == "new"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_written_is_called_by_its_own_name(
    tmp_path: Path, monkeypatch, number: int
) -> None:
    def refuse(path: Path, *_: object) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("calibration.files.os.open", refuse)
    with pytest.raises(OSError) as said, atomic_write(tmp_path / "a.html"):
        pass
    assert said.value.filename == str(tmp_path / "a.html")


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "Invalid JSON"), ('{"version": 1, "state": "begun"}', "state: Input should be")],
)
def test_a_damaged_run_json_is_one_line_with_what_to_do(
    tmp_path: Path, text: str, says: str
) -> None:
    run = Run(tmp_path)
    run.info_path.write_text(text)
    with pytest.raises(RunError, match=f"run.json cannot be read; found {says}") as said:
        run.info()
    assert "pydantic" not in str(said.value) and "Take the run from a copy" in str(said.value)


def test_a_share_that_cannot_sync_is_written_to(tmp_path: Path, monkeypatch) -> None:
    """Some shares answer so; a disk that fails is something else."""
    for number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO):

        def refuse(_: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("calibration.files.os.fsync", refuse)
        path = tmp_path / str(number)
        with (
            pytest.raises(OSError) if number == errno.EIO else contextlib.nullcontext(),
            atomic_write(path) as aside,
        ):
            aside.write_text("new")
        assert path.is_file() == (number != errno.EIO)


def test_states_and_versions(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        Run.open(tmp_path)
    run = Run.create(tmp_path / "r", {"fps": 5})
    assert run.info().settings == {"fps": 5} and "numpy" in run.info().versions
    with pytest.raises(RunError, match="not finished"):
        Run.open(run.folder)
    run.update(state="done")
    Run.open(run.folder)
    run.update(version=99)
    with pytest.raises(RunError, match=r"another version.*99.*expected 1"):
        Run.open(run.folder)
    run.info_path.write_text('{"version": 2, "state": "paused", "settings": []}')
    with pytest.raises(RunVersionError, match=r"another version; found version 2.*Update"):
        run.info()
    run.info_path.write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        Run.open(run.folder)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_tables_round_trip_with_their_dictionary(tmp_path: Path, table: str) -> None:
    path = tmp_path / f"{table}.parquet"
    write_table(example(table), path, table)
    back = read_table(path, table)
    assert list(back.columns) == [c.name for c in TABLES[table]]
    described = json.loads(path.with_suffix(".json").read_text())
    assert set(described) == set(back.columns)


def test_units_are_in_the_names() -> None:
    suffix = {"m": "_m", "m²": "_m2", "s": "_s", "°": "_deg"}
    for column in GAZE:
        if column.unit in suffix:
            assert column.name.endswith(suffix[column.unit]), column.name


def test_unknown_and_missing_columns_are_bugs(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown"):
        write_table(example("gaze").assign(extra=1), tmp_path / "g.parquet", "gaze")
    with pytest.raises(ValueError, match="missing"):
        write_table(example("gaze").drop(columns="time_s"), tmp_path / "g.parquet", "gaze")


def test_another_versions_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gaze.parquet"
    example("gaze").drop(columns="status").to_parquet(path)
    with pytest.raises(RunError, match=r"another version.*status"):
        read_table(path, "gaze")
    path.write_bytes(b"PAR1" + bytes(np.arange(50, dtype=np.uint8)))
    with pytest.raises(RunError, match="cannot be read"):
        read_table(path, "gaze")
    with pytest.raises(RunError, match="lacks a table"):
        read_table(tmp_path / "none.parquet", "gaze")


def test_a_new_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a") as aside:
        (aside / "x").write_text("1")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "x").read_text() == "1"
    with pytest.raises(RuntimeError), new_folder(tmp_path / "b"):
        raise RuntimeError
    with pytest.raises(DiskFullError, match="no space is left"), new_folder(tmp_path / "b"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SessionError, match="not empty"), new_folder(tmp_path / "a"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_an_unfinished_folder_is_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt), resumed_folder(out, {"of": 1}) as (folder, parts):
        (folder / "x").write_text("1")
        (parts / "y").write_text("2")
        raise KeyboardInterrupt
    assert not out.exists()
    with pytest.raises(DiskFullError), resumed_folder(out, {"of": 1}) as (folder, parts):
        assert (folder / "x").read_text() == "1" and (parts / "y").read_text() == "2"
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(RuntimeError), resumed_folder(out, {"of": 2}) as (folder, parts):
        assert not any(folder.iterdir()) and not any(parts.iterdir())  # of something else
        (folder / "z").write_text("3")
        raise RuntimeError
    (tmp_path / ".a.unfinished" / "mine").touch()
    with resumed_folder(out, {"of": 2}):
        pass
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*"))
    assert left == [".a.unfinished", ".a.unfinished/mine", "a", "a/z"]  # not ours
    (tmp_path / ".a.unfinished" / "mine").unlink()
    (out / "z").unlink()
    with resumed_folder(out, {"of": 2}):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    (out / "z").touch()
    with pytest.raises(SessionError, match="not empty"), resumed_folder(out, {"of": 2}):
        pass


@pytest.mark.parametrize("is_link", [True, False])
def test_what_is_in_an_unfinished_folder_s_place_is_not_ours(tmp_path: Path, is_link: bool) -> None:
    """Not even where its folders are called as ours."""
    place = tmp_path / ".a.unfinished"
    theirs = tmp_path / "theirs" if is_link else place
    (theirs / "parts").mkdir(parents=True)
    (theirs / "parts" / "x").write_text("mine")
    if is_link:
        place.symlink_to(theirs)
    with (
        pytest.raises(SessionError, match="unfinished: this is in the way"),
        resumed_folder(tmp_path / "a", {"of": 1}),
    ):
        pass
    assert (theirs / "parts" / "x").read_text() == "mine"


def test_a_folder_where_none_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    for make in (new_folder, partial(resumed_folder, made_of={})):
        with pytest.raises(SessionError, match="can be made there"), make(tmp_path / "file" / "a"):
            pass
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(SessionError, match=r"the one you are in.*cd \.\."), new_folder("."):
        pass
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with new_folder(tmp_path / "link") as aside:
        (aside / "x").write_text("1")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / "x").is_file()
