"""targets.csv and timestamps.csv as people and spreadsheets write them: read, or one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions.errors import SessionError
from sessions.targets import read_targets, unknown_students
from sessions.video import read_timestamps

HEADER = "start_s,end_s,student,target,x_m,y_m"
GOOD = f"{HEADER}\n1.5,3,,P1,0.5,0.3\n4,6,A1,P2,3.5,1.0\n"
ALIKE = {
    "as it is": GOOD.encode(),
    "with a mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "Windows lines": GOOD.replace("\n", "\r\n").encode(),
    "semicolons and decimal commas": GOOD.replace(",", ";").replace(".", ",").encode(),
    "tabs": GOOD.replace(",", "\t").encode(),
    "spaces": GOOD.replace("start_s,", " start_s , ").encode(),
    "empty lines": GOOD.replace("\n", "\n\n").encode(),
    "columns in another order": b"x_m,y_m,target,student,end_s,start_s\n"
    b"0.5,0.3,P1,,3,1.5\n3.5,1.0,P2,A1,6,4\n",
}
BAD = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "no lines": (HEADER.encode(), "has no lines"),
    "no header": (GOOD.split("\n", 1)[1].encode(), "lacks columns"),
    "a column missing": (GOOD.replace("target", "aim").encode(), "target missing"),
    "a column twice": (f"{HEADER},x_m\n1,2,,P,1,1,1\n".encode(), "a column twice"),
    "decimal commas between commas": (f"{HEADER}\n1,5,3,,P,0,5,0,3\n".encode(), "line 2.*9 fields"),
    "nan": (GOOD.replace("0.5", "nan").encode(), "`x_m` is not a number; found line 2"),
    "inf": (GOOD.replace("1.5", "inf").encode(), "`start_s` is not a number"),
    "a word": (GOOD.replace("3.5", "left").encode(), "line 3: 'left'"),
    "an empty cell": (GOOD.replace("1.5", "").encode(), "`start_s` is not a number"),
    "400 digits": (GOOD.replace("1.5", "9" * 400).encode(), "`start_s` is not a number"),
    "UTF-16": (GOOD.encode("utf-16"), "not UTF-8"),
    "Latin-1": (GOOD.replace("P1", "Tür").encode("latin-1"), "Save it as CSV UTF-8"),
    "zeros": (bytes(500), "lacks columns|no line of a table"),
    "a spreadsheet's file": (b"PK\x03\x04" + bytes(range(128)) * 9, "."),
}  # fmt: skip


@pytest.mark.parametrize("way", ALIKE)
def test_written_in_many_ways_it_says_the_same(tmp_path: Path, way: str) -> None:
    (tmp_path / "targets.csv").write_bytes(ALIKE[way])
    table = read_targets(tmp_path / "targets.csv")
    assert table["start_s"].tolist() == [1.5, 4.0] and table["x_m"].tolist() == [0.5, 3.5]
    assert table["student"].tolist() == ["", "A1"] and table["target"].tolist() == ["P1", "P2"]


@pytest.mark.parametrize("way", BAD)
def test_each_bad_way_is_one_sentence(tmp_path: Path, way: str) -> None:
    content, says = BAD[way]
    (tmp_path / "targets.csv").write_bytes(content)
    with pytest.raises(SessionError, match=says) as caught:
        read_targets(tmp_path / "targets.csv")
    assert "\n" not in str(caught.value)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "targets.csv").mkdir()
    with pytest.raises(SessionError):
        read_targets(tmp_path / "targets.csv")


def test_a_mistyped_student_is_named_with_the_one_meant(tmp_path: Path) -> None:
    text = GOOD + "7,8,a1,P3,1,1\n8,9,B12,P3,1,1\n9,10,Nobody,P3,1,1\n"
    (tmp_path / "targets.csv").write_text(text)
    found = unknown_students(read_targets(tmp_path / "targets.csv"), {"A1", "B1"})
    assert found == ["a1 (meant: A1?)", "B12 (meant: B1?)", "Nobody"]


@given(st.binary(max_size=120), st.integers(0, len(GOOD)))
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_a_table_or_one_sentence(tmp_path: Path, data: bytes, at: int) -> None:
    (tmp_path / "targets.csv").write_bytes(GOOD.encode()[:at] + data + GOOD.encode()[at:])
    try:
        assert len(read_targets(tmp_path / "targets.csv"))
    except SessionError as error:
        assert len(str(error)) < 600


TIMES = "camera,frame,time_s\nleft,0,10.0\nleft,1,10.5\nright,0,10.25\nright,1,10.75\n"


@pytest.mark.parametrize(
    "content",
    [
        TIMES,
        "\ufeff" + TIMES,
        TIMES.replace(",", ";").replace(".", ","),
        TIMES.replace("\n", "\r\n"),
    ],
)
def test_timestamps_in_many_ways(tmp_path: Path, content: str) -> None:
    (tmp_path / "timestamps.csv").write_bytes(content.encode())
    times = read_timestamps(tmp_path / "timestamps.csv")
    assert times["left"].tolist() == [10.0, 10.5] and times["right"].tolist() == [10.25, 10.75]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("10.5", "nan", "`time_s` is not a number; found line 3"),
        ("10.5", "9.5", "do not ascend"),
        ("10.5", "10.0", "do not ascend"),
        ("left,1", "left,0", "a frame of camera left is there twice"),
        ("left,1", "left,x", "`frame` is not a number"),
        ("time_s", "t", "lacks columns"),
        (TIMES, "", "is empty"),
    ],
)
def test_timestamps_that_cannot_be(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "timestamps.csv").write_text(TIMES.replace(old, new))
    with pytest.raises(SessionError, match=says):
        read_timestamps(tmp_path / "timestamps.csv")
