"""Files that no rule took care of: what goes out of them, what stays, and what is told."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibration.files import GENERATOR
from gaze.privacy.other_files import any_table, other_file, targets_file
from gaze.privacy.work import Work
from tests.gaze.privacy.copies import WHO, work_on


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def done_to(folder: Path, name: str, data: str | bytes, **how: Any) -> tuple[str | bytes, Work]:
    """What is left of a file, and what was done."""
    work, path = work_on(folder, **how), folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    other_file(work, path)
    left = path.read_bytes() if path.exists() else b"gone"
    return (left.decode() if isinstance(data, str) else left), work


JSON = {"of": [{"student": WHO, "n": 1}, {"id": WHO}, {"id": "S-01"}, WHO, f"with {WHO}", 7],
        WHO: 2, f"{WHO} too": 3, "n": "S-03"}  # fmt: skip
LEFT = {"of": [{"id": "S-01"}, "with (removed)", 7], "n": "S-03"}
TEXTS = {
    "a.csv": (f"who,n\n{WHO},1\nS-01,2\nall,{WHO} asks\n", "who,n\nS-01,2\n", 2),
    "a.tsv": (f"who\tn\n{WHO}\t1\nS-01\t2\n", "who\tn\nS-01\t2\n", 1),
    "a.txt": (f"{WHO} sat\nS-03 did not\n", "S-03 did not\n", 1),
    "a.md": (f"{WHO}\n{WHO}\nelse", "else", 2),
    "a.log": (f"x\n{WHO} came", "x\n", 1),
}


@pytest.mark.parametrize("name", TEXTS)
def test_lines_go_and_are_counted(folder: Path, name: str) -> None:
    before, after, n = TEXTS[name]
    left, work = done_to(folder, name, before)
    assert left == after and work.said.changed == [f"{name}: {n} lines went"]
    assert work.done == {folder / name}


def test_json_loses_records_keys_and_items(folder: Path) -> None:
    left, work = done_to(folder, "a.json", json.dumps(JSON))
    assert json.loads(left) == LEFT and str(left).startswith('{\n "of"')
    assert work.said.changed == ["a.json: without the name"]
    for whole in (WHO, {"student": WHO, "n": 2}):
        assert done_to(folder, "b.json", json.dumps(whole))[0] == "null\n"


def test_a_number_goes_by_column_and_key(folder: Path) -> None:
    """Where it stands among students; what merely holds such a number stays."""
    how = {"who": "12", "ordinary": True}
    left, work = done_to(folder, "a.csv", "student,n\n12,7\nS-01,12\n", **how)
    assert left == "student,n\nS-01,12\n" and work.said.changed == ["a.csv: 1 lines went"]
    left, _ = done_to(folder, "a.txt", "student\tn\n12\t7\nS-01\t12\n", **how)
    assert left == "student\tn\nS-01\t12\n"
    for name, data in (("b.csv", "n,m\n12,7\n"), ("b.txt", "12 of them\n"), ("12.txt", "x")):
        assert done_to(folder, name, data, **how)[0] == data
    of = {"of": [{"student": "12"}, "12 points", "12"], "n": "12 points"}
    left, _ = done_to(folder, "a.json", json.dumps(of), **how)
    assert json.loads(left) == {"of": ["12 points"], "n": "12 points"}
    left, work = done_to(folder, "tiers.csv", "tier,student\n12,x\nS-01,12\n", **how)
    assert left == "tier,student\n12,x\n"  # no tier goes: the proof names the file
    assert work.said.changed == ["tiers.csv: 1 lines went"] and not work.done


@pytest.mark.parametrize("name", ["a.docx", "a.xml", "a.pdf", "a.html", "a.bin"])
def test_what_cannot_be_written_anew_stays(folder: Path, name: str) -> None:
    left, work = done_to(folder, name, f"<p>{WHO}</p>")
    assert left == f"<p>{WHO}</p>" and not work.done and str(work.said) == str(work_on(folder).said)


def test_what_names_nobody_or_only_by_chance_stays(folder: Path) -> None:
    for name, data in (("a.json", '{"of":["S-01"]}'), ("a.csv", 'x\r\n"S-01"\r\n')):
        left, work = done_to(folder, name, data)  # to the byte, not as we write it
        assert left == data and not work.said.changed
    heading = folder / "heading.parquet"  # no row is the student's, a column is called so
    pq.write_table(pa.table({WHO: [1, 2]}), heading)
    other_file(work := work_on(folder), heading)
    assert not work.said.changed and not work.done
    odd = b"\xff\0A1\0\xff\n"
    left, work = done_to(folder, "odd.txt", odd, who="A1")
    assert left == odd and not work.said.changed and not work.done


def test_a_damaged_file_stays_and_a_full_disk_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in (("a.json", f'{{"{WHO}": '), ("a.parquet", f"PAR1 {WHO}")):
        assert done_to(folder, name, data)[0] == data

    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("gaze.privacy.other_files.write_text", full)
    with pytest.raises(OSError, match="no space"):
        done_to(folder, "a.txt", f"{WHO} sat\n")


def test_what_goes_by_our_mark_and_what_no_student_is_in(folder: Path) -> None:
    for name, deleted, lost in (("page.html", 1, 1), ("sync.html", 1, 0), ("plan.html", 0, 0)):
        version = " 1" if name == "page.html" else ""
        left, work = done_to(folder, name, f'<html>{GENERATOR}{version}"> sums')
        assert (left == "gone") == bool(deleted)
        assert (len(work.said.deleted), len(work.said.lost)) == (deleted, lost)
    sums = "<title>x</title> sums"
    assert done_to(folder, "page.html", sums)[0] == done_to(folder, "sync.html", sums)[0] == sums
    assert done_to(folder, "sync.html", "<title>Two clocks</title>")[0] == "gone"
    for name in ("left.mp4", "film.MOV", "a/.export.json"):
        assert done_to(folder, name, f'{{"x": "{WHO}"}}')[0] == f'{{"x": "{WHO}"}}'


def test_a_link_stays_and_what_it_leads_to(folder: Path) -> None:
    aim, work = folder.parent / "aim.txt", work_on(folder)
    aim.write_text(f"{WHO} sat\n")
    (folder / f"{WHO}.txt").symlink_to(aim)
    other_file(work, folder / f"{WHO}.txt")
    assert aim.read_text() == f"{WHO} sat\n" and (folder / f"{WHO}.txt").is_symlink()


def test_rows_of_any_table_go_with_their_dictionary(folder: Path) -> None:
    """By the column of students where there is one, else by any text."""
    path, work = folder / "a.parquet", work_on(folder)
    coded = pd.DataFrame({"student": pd.Categorical([WHO, "S-01", None]),
                          "by": ["x", WHO, "y"], "n": [1, 2, 3]})  # fmt: skip
    coded.to_parquet(path)
    assert any_table(work, path) == "1 rows went"
    table = pq.read_table(path)
    assert table["n"].to_pylist() == [2, 3] and table["by"].to_pylist() == [WHO, "y"]
    column = table["student"]
    assert pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(table["by"].type)
    assert column.chunk(0).dictionary.to_pylist() == ["S-01"]
    pd.DataFrame({"a": ["x", WHO, "y"], "b": [WHO, "x", "z"], "n": [1, 2, 3]}).to_parquet(path)
    assert any_table(work, path) == "2 rows went"
    assert pq.read_table(path)["n"].to_pylist() == [3]
    before = path.read_bytes()
    assert any_table(work, path) == "0 rows went" and path.read_bytes() == before
    pq.write_table(pa.table({"n": np.arange(3)}), path)
    assert any_table(work, path) == "0 rows went"


def test_targets_lose_the_student_s_lines_and_a_point_the_name(folder: Path) -> None:
    path = folder / "targets.csv"
    text = f"start_s; student ;target\n0;{WHO};A\n1;S-01;at {WHO}\n2;;C\n"
    path.write_text(text)
    assert targets_file(work_on(folder), path) == "1 lines went"
    assert path.read_text() == "start_s; student ;target\n1;S-01;at (removed)\n2;;C\n"
    path.write_text("start_s,student,target\n0,12,A\n1,S-01,at 12\n")
    assert targets_file(work_on(folder, "12", ordinary=True), path) == "1 lines went"
    assert path.read_text() == "start_s,student,target\n1,S-01,at 12\n"
    path.write_text("")
    assert targets_file(work_on(folder), path) == "0 lines went" and path.read_text() == ""
