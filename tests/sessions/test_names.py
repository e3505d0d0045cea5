"""Names that people write in several ways are one name: accents as one sign or two, everywhere."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sessions.config import load_config
from sessions.config_values import AreaName, Pseudonym, looks_like_a_name
from sessions.errors import SessionError
from sessions.events.annotations import read_annotations
from sessions.events.marks import moves, read_marks
from sessions.events.moves import read_track
from sessions.names import composed, in_place_of_file, key_of, look_alikes, meant, spelled
from sessions.run import run_folder
from sessions.targets import read_targets, unknown_students
from tests.sessions.test_config import GOOD

PSEUDONYM: TypeAdapter[str] = TypeAdapter(Pseudonym)
APART = unicodedata.normalize("NFD", "Zoë")
WHOLE = "Zoë"


def test_a_lesson_written_apart_is_the_lesson_written_whole(tmp_path: Path) -> None:
    text = GOOD.replace('"A1"', '"Zoë"').replace('"left panel"', '"Übung"')
    assert text != unicodedata.normalize("NFD", text)
    (tmp_path / "session.toml").write_text(text, encoding="utf-8")
    whole = load_config(tmp_path)
    (tmp_path / "session.toml").write_text(unicodedata.normalize("NFD", text), encoding="utf-8")
    assert load_config(tmp_path) == whole
    assert whole.students[0].id == WHOLE


def test_tables_name_students_and_surfaces_as_the_configuration_does(tmp_path: Path) -> None:
    targets = tmp_path / "targets.csv"
    targets.write_text(f"start_s,end_s,student,target,x_m,y_m\n1,2,{APART},P1,0,0\n", "utf-8")
    assert unknown_students(read_targets(targets), [WHOLE]) == []
    track = tmp_path / "surface_track.csv"
    track.write_text(f"time_s,surface,left_m,down_m\n1,{APART},0,0\n", encoding="utf-8")
    assert read_track(track)[0].name == WHOLE
    events = tmp_path / "events.csv"
    events.write_text(f"time_s,label,end_s,kind\n1,{APART}: 2.4 3.1,,seat\n", encoding="utf-8")
    assert [m.name for m in moves(read_marks(events), "seat")] == [WHOLE]


def test_other_programs_escapes_are_read_first(tmp_path: Path) -> None:
    """JSON and XML may hide an accent from whoever reads the text as it stands."""
    event = [1.0, APART, f"{APART} asks", "", ""]
    project = {"observations": {"a": {"events": [event]}}, "behaviors_conf": {
        "0": {"code": f"{APART} asks", "type": "Point event"}}}  # fmt: skip
    (tmp_path / "a.boris").write_text(json.dumps(project), encoding="ascii")
    (found,) = read_annotations(tmp_path / "a.boris")
    assert (found.tier, found.label) == (WHOLE, f"{WHOLE} asks")


@pytest.mark.parametrize("name", ["रवि", "ọ́la", "กิ่ง", "שָׁלוֹם", "Łukasz", "Ольга", "A1", "小明"])
def test_letters_of_every_script_are_letters(name: str) -> None:
    """Vowel signs and accents that no letter holds are parts of the one before."""
    assert PSEUDONYM.validate_python(unicodedata.normalize("NFD", name)) == composed(name)
    assert looks_like_a_name(composed(name)) == (name not in ("A1", "小明"))


@pytest.mark.parametrize("name", ["\u0301a", "\u0301", "a/b", "a\u200db", "", " a", "a" * 41, "a."])
def test_what_is_no_pseudonym(name: str) -> None:
    with pytest.raises(ValidationError):
        PSEUDONYM.validate_python(name)


@given(st.text(min_size=1, max_size=12))
def test_a_name_is_taken_in_all_its_forms_or_in_none(name: str) -> None:
    for kind in (PSEUDONYM, TypeAdapter(AreaName)):
        taken: set[str | None] = set()
        for form in (name, *(unicodedata.normalize(f, name) for f in ("NFC", "NFD"))):
            try:
                taken.add(kind.validate_python(form))
            except ValidationError:
                taken.add(None)
        assert len(taken) == 1
        assert taken <= {None, composed(name)}
        assert len({key_of(f) for f in (name, unicodedata.normalize("NFD", name))}) == 1


def test_a_run_that_another_system_named_is_found(tmp_path: Path) -> None:
    """macOS writes accents apart; a new run's are written whole."""
    runs = tmp_path / "runs"
    runs.mkdir()
    assert run_folder(APART, tmp_path) == run_folder(WHOLE, tmp_path) == runs / WHOLE
    (runs / APART).mkdir()
    for given_ in (APART, WHOLE, runs / WHOLE):
        assert run_folder(given_, tmp_path) == runs / APART
    (runs / WHOLE).mkdir()  # both: each is what it says
    assert run_folder(APART, tmp_path) == runs / APART
    assert run_folder(WHOLE, tmp_path) == runs / WHOLE


def test_what_lies_beside_a_missing_file_is_named(tmp_path: Path) -> None:
    assert in_place_of_file(tmp_path / "no" / "a.mp4") is None
    assert in_place_of_file(tmp_path / "zoë.mp4") is None
    (tmp_path / f"{APART}.MP4").touch()
    assert in_place_of_file(tmp_path / f"{APART}.MP4") is None
    said = in_place_of_file(tmp_path / "zoë.mp4")
    assert said is not None and said.startswith(f"{APART}.MP4, which has other capitals")
    (tmp_path / "session.toml.txt").touch()  # by an editor that hides what it adds
    with pytest.raises(SessionError, match=r"found session\.toml\.txt: a program has put"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("A1", "\u04101", True), ("A1", "\u03911", True), ("x2", "\u04452", True),
        ("S-01", "S-O1", True), ("A1", "Al", True), ("A 1", "A  1", True), ("I", "1", True),
        ("A1", "a1", True), ("A1", "\uff211", True), ("\u04171", "31", True),
        ("A1", "A2", False), ("L1", "11", False), ("S-1", "S-01", False), ("A1", "A-1", False),
        ("A1", "\u04102", False), ("Zo\u00eb", "Zoe", False),
        ("Anna", "\u0410\u043d\u043d\u0430", False),
        ("Zo\u00eb", "Zoe\u0308", False),  # one and the same
    ],
)  # fmt: skip
def test_names_that_look_the_same_are_told(one: str, other: str, alike: bool) -> None:
    assert list(look_alikes(["B7", one, other])) == ([(one, other)] if alike else [])


def test_what_looks_like_another_letter_is_spelled() -> None:
    assert spelled("\u04101") == "\u04101 (CYRILLIC CAPITAL A)"
    assert spelled("A1") == "A1" and spelled("Zo\u00eb") == "Zo\u00eb"
    assert meant("\u04101", ["B2", "A1"]) == "A1" and meant("Q9", ["B2", "A1"]) is None


@pytest.mark.parametrize("sign", ["\u3164", "\ufe0f", "\u034f", "\uffa0", "\U000e0100", "\u180b"])
def test_a_pseudonym_has_no_letters_that_nobody_sees(sign: str) -> None:
    for name in (f"A{sign}1", f"A1{sign}"):
        with pytest.raises(ValidationError, match="letters that can be seen"):
            PSEUDONYM.validate_python(name)
