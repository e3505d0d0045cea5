"""Files of programs in which people annotate, and events.csv."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sessions.errors import SessionError
from sessions.events.annotations import Annotation, read_annotations
from sessions.events.marks import Mark, counted, excluded_s, read_marks, write_marks
from sessions.events.times import seconds

# As ELAN 6 writes it: one tier on the time line, one that divides it, one that refers to it.
EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">
 <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
 <TIME_ORDER>
  <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>
  <TIME_SLOT TIME_SLOT_ID="ts2"/>
  <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="9000"/>
 </TIME_ORDER>
 <TIER LINGUISTIC_TYPE_REF="t" TIER_ID="phases">
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
   <ANNOTATION_VALUE>lecture &amp;
 board</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
 </TIER>
 <TIER LINGUISTIC_TYPE_REF="t" TIER_ID="parts">
  <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
   <ANNOTATION_VALUE>first half</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
 </TIER>
 <TIER LINGUISTIC_TYPE_REF="n" TIER_ID="notes">
  <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
   <ANNOTATION_VALUE>a note</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
 </TIER>
</ANNOTATION_DOCUMENT>
"""
BORIS = {
    "behaviors_conf": {
        "0": {"code": "left", "type": "State event"},
        "1": {"code": "bell", "type": "Point event"},
    },
    "observations": {
        "7b": {
            "events": [
                [1.0, "A1", "left", "", ""],
                [2.5, "No focal subject", "bell", "", ""],
                [4.0, "A1", "left", "", ""],
            ]
        }
    },
}
AGGREGATED = """Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s)
7b,A1,left,STATE,1.0,4.0,3.0
7b,No focal subject,bell,POINT,2.5,2.5,NA
"""
TABULAR = """Observation id: 7b

Time\tSubject\tBehavior\tBehavioral category\tStatus
1.0\tA1\tleft\t\tSTART
2.5\tNo focal subject\tbell\t\tPOINT
4.0\tA1\tleft\t\tSTOP
"""


# as BORIS 8 writes it: other columns' names begin alike
TABULAR_8 = """Observation id,Observation date,Source,Time offset (s),FPS (frame/s),Subject,\
Observation duration by subject by observation,Behavior,Behavioral category,Behavior type,Time,\
Media file name,Image index,Comment
7b,2026-03-02,player #1:left.mp4,0.000,25,A1,60,left,,START,1.000,left.mp4,25,
7b,2026-03-02,player #1:left.mp4,0.000,25,No focal subject,60,bell,,POINT,2.500,left.mp4,62,
7b,2026-03-02,player #1:left.mp4,0.000,25,A1,60,left,,STOP,4.000,left.mp4,100,
"""


def read(folder: Path, name: str, text: str, **how: str) -> list[tuple[object, ...]]:
    path = folder / name
    path.write_text(text, encoding="latin-1" if text.startswith("\x1f\x8b") else "utf-8")
    return [(a.tier, a.start_s, a.end_s, a.label) for a in read_annotations(path, **how)]


@pytest.mark.parametrize(
    "text, want",
    [("90", 90.0), ("1:30", 90.0), ("0:01:30,5", 90.5), ("1:30:00", 5400.0), ("75:00", 4500.0),
     ("1:75:00", None), ("1:2:3:4", None), ("", None), ("inf", None)],
)  # fmt: skip
def test_times(text: str, want: float | None) -> None:
    assert seconds(text) == want


def test_elan_file(tmp_path: Path) -> None:
    assert read(tmp_path, "a.eaf", EAF) == [
        ("parts", 1.0, 5.0, "first half"),  # a slot without a time lies between its neighbours
        ("notes", 1.0, 9.0, "a note"),
        ("phases", 1.0, 9.0, "lecture & board"),
    ]


@pytest.mark.parametrize(
    "name, text",
    [("a.boris", json.dumps(BORIS)), ("a.csv", AGGREGATED), ("a.tsv", TABULAR),
     ("b.csv", AGGREGATED.replace(",", ";")), ("c.csv", TABULAR_8),
     ("d.tsv", TABULAR_8.replace(",", "\t")), ("e.csv", TABULAR_8.replace("0.000", "NA"))],
)  # fmt: skip
def test_boris_in_each_of_its_forms(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text) == [("A1", 1.0, 4.0, "left"), ("", 2.5, None, "bell")]


def test_subtitles_slides_and_tables(tmp_path: Path) -> None:
    srt = (
        "1\n00:00:05,000 --> 00:00:09,500\n<i>Hello</i>\nworld\n\n"
        "2\n00:01:00,000 --> 00:01:02,0\nx\n"
    )
    assert read(tmp_path, "a.srt", srt) == [("", 5, 9.5, "Hello world"), ("", 60, 62, "x")]
    vtt = "WEBVTT\n\n00:05.000 --> 00:09.500 line:0\nHello\n"
    assert read(tmp_path, "a.vtt", vtt) == [("", 5, 9.5, "Hello")]
    want = [("", 0, None, "Title"), ("", 312.5, None, "Fractions, again"), ("", 400, None, "3")]
    for text in ("0:00 Title\n5:12.5 Fractions, again\n6:40\n",
                 "time;slide\n0;Title\n312,5;Fractions, again\n400;\n",
                 "0\tTitle\n312.5\tFractions, again\n400\n"):  # fmt: skip
        assert read(tmp_path, "slides.txt", text) == want
    for text in ("Slide,Title,Time\n1,Title,0:00\n2,\"Fractions, again\",5:12.5\n3,,6:40\n",
                 "Folie;Titel;Dauer\n1;Title;312,5\n2;Fractions, again;0:01:27,5\n3;;10\n",
                 '"0:00","Title"\n"5:12.5","Fractions, again"\n"6:40"\n'):  # fmt: skip
        assert read(tmp_path, "slides.csv", text) == want
    codes = "student,start_s,end_s,area\nA1,1,2,left\n"
    assert read(tmp_path, "codes.csv", codes) == [("A1", 1, 2, "left")]


@pytest.mark.parametrize(
    "name, text, said",
    [("a.eaf", "<x/>", "no ELAN file"), ("a.eaf", "<x", "no ELAN file"),
     ("a.eaf", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "defines no entities"),
     ("a.eaf", EAF.replace('REF="a1"', 'REF="a3"'), "refers to itself"),
     ("a.boris", "{}", "no BORIS project"),
     ("a.boris", json.dumps({"observations": {"x": {}, "y": {}}}), "which of BORIS' observations"),
     ("a.boris", json.dumps({"observations": {"x": {"events": [[1]]}}}), "event 1 of BORIS"),
     ("a.csv", AGGREGATED.replace("1.0,4.0", "soon,4.0"), "line 2: this is no time"),
     ("a.csv", AGGREGATED.replace("1.0,4.0", "5.0,4.0"), "line 2: the end is no time after"),
     ("a.tsv", TABULAR.replace("4.0\tA1\tleft\t\tSTOP\n", ""), "line 4: 'left' begins and never"),
     ("a.tsv", TABULAR.replace("START", "STOP"), "line 4: 'left' stops and never began"),
     ("a.srt", "hello", "no subtitles"), ("a.txt", "0:00 a\nsoon b\n", "line 2: this is no time"),
     ("a.csv", "student,from\n", "no header"),
     ("a.csv", "\ufeffx", "no header"),
     ("a.eaf", EAF.replace('TIME_VALUE="1000"', 'TIME_VALUE="soon"'), "slot ts1 has no time"),
     ("a.eaf", EAF.replace("milliseconds", "NTSC-frames"),
      "not in milliseconds"),
     ("a.boris", json.dumps({"observations": [1]}), "no BORIS project"),
     ("a.boris", json.dumps({"observations": {"x": {"events": None}}}), "no BORIS project"),
     ("a.boris", json.dumps({"observations": {}}), "holds no observation"),
     ("a.boris", '{"observations": {"x": {"events": [[NaN, "", "a"]]}}}', "event 1 of BORIS"),
     ("a.boris", '{"a": ' + "[" * 100_000, "no BORIS project"),
     ("a.csv", "Slide,Title\n1,Welcome\n", "no column of times"),
     ("a.csv", "Slide,Time\n1\n", "line 2: this is no time"),
     ("a.csv", "Slide,Duration\n1,-5\n", "line 2: a slide is shown"),
     ("a.csv", "slide,title,time\n1,Intro,0,5\n", "line 2 of a.csv has 4 fields, its header 3"),
     ("a.csv", "time_s,label\n12,5,question\n", "line 2 of a.csv has 3 fields, its header 2"),
     ("a.csv", "time_s,label\n\n12,ask, then wait\n", "line 3 of a.csv has 3 fields"),
     ("a.csv", 'time_s,label,end_s\n12,"a,20\n13,b,30\n', "no line of a table"),
     ("a.csv", "time_s,time_s,label\n1,2,a\n", "a column twice"),
     ("a.csv", AGGREGATED.replace("1.0,4.0", "1,0,4,0"), "line 2 of a.csv has 9 fields"),
     ("a.csv", AGGREGATED.replace("4.0,3.0", "soon,3.0"), "line 2: this is no time"),
     ("a.csv", "time_s,label\n1764400000,date\n", "line 2: this is no time of a film"),
     ("a.csv", "t\0i\0m\0e\0", "no text"),
     ("a.eaf", EAF.replace('TIME_VALUE="1000"', 'TIME_VALUE="' + "9" * 400 + '"'), "ts1 has no"),
     ("a.eaf", EAF.replace('TIME_SLOT_REF2="ts2"', ""), "an ELAN annotation has no time"),
     ("a.srt", "1\n0:05 --> 0:09\na\n\n2\n0:xx --> 0:12\nb\n", "line 6: these are no two times"),
     ("a.srt", "1\n0:05 --> 0:09\na\n\n2\n0:10 -> 0:12\nb\n", "line 6: these are no two times"),
     ("a.tsv", TABULAR.replace("2.5\tNo focal subject\tbell\t\tPOINT", "2.5\tA1\tleft\t\tSTART"),
      "line 4: 'left' begins and never"),
     ("a.xlsx", "PK\x03\x04", "a workbook"), ("a.gz", "\x1f\x8b", "packed by gzip")],
)  # fmt: skip
def test_what_cannot_be_read(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(SessionError, match=said):
        read(tmp_path, name, text)


def test_boris_time_offset_is_taken_off_again(tmp_path: Path) -> None:
    """BORIS adds an observation's offset to the film's time when it writes an event."""
    project = json.loads(json.dumps(BORIS))
    project["observations"]["7b"]["time offset"] = 0.5
    tables = TABULAR_8.replace(",0.000,", ",0.5,"), json.dumps(project)
    want = [("A1", 0.5, 3.5, "left"), ("", 2.0, None, "bell")]
    for name, text in zip(("a.csv", "a.boris"), tables, strict=True):
        assert read(tmp_path, name, text) == want


def test_boris_states_that_touch(tmp_path: Path) -> None:
    again = "4.0\tA1\tleft\t\tSTART\n6.0\tA1\tleft\t\tSTOP\n"
    assert read(tmp_path, "a.tsv", TABULAR + again)[-1] == ("A1", 4.0, 6.0, "left")


def test_subtitles_with_arrows_in_them(tmp_path: Path) -> None:
    assert read(tmp_path, "a.srt", "1\n0:05 --> 0:09\n2 --> 3\n") == [("", 5, 9, "2 --> 3")]


def test_unknown_format_and_observation(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"no such format.*found word"):
        read(tmp_path, "a.csv", AGGREGATED, format="word")
    with pytest.raises(SessionError, match=r"one of: 7b"):
        read(tmp_path, "a.csv", AGGREGATED, observation="7c")
    assert read(tmp_path, "empty.csv", "") == []
    (tmp_path / "latin.csv").write_bytes("time_s,label\n1,Schülerin\n".encode("latin-1"))
    with pytest.raises(SessionError, match="not UTF-8"):
        read_annotations(tmp_path / "latin.csv")
    (tmp_path / "wide.txt").write_text("0:00 Überblick\n", encoding="utf-16")  # Excel's "Unicode"
    assert read_annotations(tmp_path / "wide.txt")[0].label == "Überblick"


# -- events.csv ------------------------------------------------------------------------------------


def test_kinds_of_events(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("time_s,label,end_s,kind\n5,bell,,\n0,One,,slide\n9,film,20,Excluded\n"
                    "30,Two,,slide\n1,talk,8,\n")  # fmt: skip
    marks = read_marks(path)
    assert marks == (
        Mark(0, "One", 30, "slide"), Mark(1, "talk", 8, "phase"), Mark(5, "bell"),
        Mark(9, "film", 20, "excluded"), Mark(30, "Two", None, "slide"),
    )  # fmt: skip
    write_marks(path, marks)
    assert read_marks(path) == marks
    for encoding, parted in (("utf-16", ","), ("utf-8-sig", "\t"), ("utf-8", ";")):
        text = f"time_s,label,end_s,kind\n9{'' if parted == ',' else ',5'},film,20,EXCLUDED\n"
        cells = text.replace("9,5", "9.5").replace(",", parted).replace("9.5", "9,5")
        path.write_text(cells, encoding=encoding)
        start = 9 if parted == "," else 9.5
        assert read_marks(path) == (Mark(start, "film", 20, "excluded"),)


@pytest.mark.parametrize(
    "line, said",
    [("1,a,,phase", "phase needs an end"), ("1,a,,excluded", "excluded needs an end"),
     ("1,a,2,party", "no such kind of event.*found party")],
)  # fmt: skip
def test_impossible_kinds(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"time_s,label,end_s,kind\n{line}\n")
    with pytest.raises(SessionError, match=said):
        read_marks(path)


def test_excluded_segments_are_joined_and_half_open() -> None:
    marks = [Mark(8, "b", 12, "excluded"), Mark(3, "a", 9, "excluded"), Mark(1, "c", 30, "phase")]
    assert excluded_s(marks) == ((3, 12),)
    keep = counted([2.9, 3, 11.9, 12], excluded_s(marks))
    assert keep.tolist() == [True, False, False, True]
    assert counted(np.zeros(0), ((0, 1),)).shape == (0,)


def test_elans_text_is_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("phase\t\t5000\t9500\tlecture\n")
    with pytest.raises(SessionError, match="not rewritten"):
        write_marks(path, [Mark(1, "a")])
    assert Annotation("phase", 5, 9.5, "lecture", 1) == read_annotations(path, "elan")[0]
