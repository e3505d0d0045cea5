"""Words, units, names of files, lessons at a glance."""

from __future__ import annotations

import ast
import asyncio
import csv
import json
import string
from pathlib import Path

import pytest

from gaze.app.desk import SHELF_BYTES, Desk, Shelf, card
from gaze.app.files import PICTURES, VIDEOS, bring, of_kind, place_for
from gaze.app.look import write_marks
from gaze.app.parts import Place
from gaze.app.units import INCH_M, parse_length, parse_number, parse_whole, show_length
from gaze.app.words import LANGUAGES, TABLE, Words
from gaze.setup.init import init_lesson, init_like
from sessions.config import load_config
from sessions.config_edit import edit_config
from sessions.errors import ConfigError, SessionError
from sessions.lock import lesson_lock
from sessions.validation import Errors, Spread, Validation

APP = Path(__file__).parents[3] / "gaze" / "app"


# -- words -----------------------------------------------------------------------------------------
def test_every_word_in_every_language() -> None:
    for key, row in TABLE.items():
        for language in LANGUAGES:
            assert getattr(row, language).strip(), (key, language)
    lines = (APP / "words.csv").read_text(encoding="utf-8").splitlines()
    keys = [line.partition(",")[0] for line in lines[1:]]
    assert len(keys) == len(set(keys)) == len(TABLE)
    assert {len(row) for row in csv.reader(lines, strict=True)} == {4}, "a comma without quotes"


def test_the_same_values_in_every_language() -> None:
    def values(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, row in TABLE.items():
        assert values(row.en) == values(row.de) == values(row.zh), key


def keys_in(source: str) -> tuple[set[str], set[str]]:
    """Keys that a module's text asks for: whole, and beginnings of those made with a value."""
    whole, begun = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            whole.add(node.value)
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            begun.add(str(node.values[0].value))
    return whole, begun


def test_every_key_is_used_and_every_used_key_is_there() -> None:
    whole: set[str] = set()
    begun: set[str] = set()
    asked: set[str] = set()
    for path in APP.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        more, starts = keys_in(source)
        whole, begun = whole | more, begun | starts
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func)
                first = node.args[0]
                if name in ("p", "place", "words", "self.place", "desk.words") and isinstance(
                    first, ast.Constant
                ):
                    asked.add(str(first.value))
    assert asked <= set(TABLE), asked - set(TABLE)
    made = tuple(b for b in begun if b.endswith("_"))
    unused = {k for k in TABLE if k not in whole and not k.startswith(made)}
    assert not unused


def test_german_is_not_english() -> None:
    same = {k for k, r in TABLE.items() if r.en == r.de and len(r.en) > 8}
    assert same <= {"pseudonym"}
    assert Words("zh")("off_by", cm=7) == "注视点误差 7 厘米"


# -- units -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "unit", "metres"),
    [
        ("1.74", "m", 1.74), ("1,74", "m", 1.74), (" 1.74 m ", "cm", 1.74), ("174", "cm", 1.74),
        ("174cm", "m", 1.74), ("25 mm", "m", 0.025), ("-0.3", "m", -0.3), ("5'", "m", 60 * INCH_M),
        ("5' 8 1/2\"", "ft", 68.5 * INCH_M), ('8.5"', "cm", 8.5 * INCH_M), ("6", "ft", 1.8288),
        ("5’11 1/2”", "ft", 71.5 * INCH_M), ("25,4", "mm", 0.0254), ("1,740", "m", 1.74),
        ("１．７４", "m", 1.74), ("1.74 米", "cm", 1.74), (".5", "m", 0.5), ("1.", "m", 1.0),
        ("5 ft 3 in", "ft", 63 * INCH_M), ("3/4\"", "ft", 0.75 * INCH_M), ("−2' 6\"", "ft", -0.762),
    ],
)  # fmt: skip
def test_lengths_as_people_type_them(text: str, unit: str, metres: float) -> None:
    assert parse_length(text, unit) == pytest.approx(metres)  # type: ignore[arg-type]


NO_LENGTHS = ["", "  ", "abc", "1.2.3", "--1", "m", "1 km", "5'/0", '1/0"', "nan", "inf",
              "1,740 mm", "25,000cm", "1e3"]  # fmt: skip


@pytest.mark.parametrize("text", NO_LENGTHS)
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(ValueError):
        parse_length(text, "m")


def test_numbers_as_people_type_them() -> None:
    typed = {"0,04": 0.04, "-0.5": -0.5, "−0,5 ": -0.5, "３": 3.0, "+7": 7.0}
    assert {words: parse_number(words) for words in typed} == typed
    assert parse_whole("9,0") == 9
    for read, words in ((parse_number, "1,250"), (parse_number, "nan"), (parse_whole, "9.5")):
        with pytest.raises(ValueError):  # 1,250: for some a thousand
            read(words)


@pytest.mark.parametrize("unit", ["m", "cm", "mm", "ft"])
@pytest.mark.parametrize("value", [0.0, 0.025, 1.74, 4.0, 12.345, -0.3, 1.8287999])
def test_shown_and_read_again(value: float, unit: str) -> None:
    finest = {"m": 0.0005, "cm": 0.0005, "mm": 5e-7, "ft": INCH_M / 16}[unit]
    again = parse_length(show_length(value, unit), unit)  # type: ignore[arg-type]
    assert again == pytest.approx(value, abs=finest + 1e-9)


# -- files -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    ["../left.mp4", "a/b.mp4", "..\\left.mp4", ".hidden.mp4", "left.exe", "left", "", "l\neft.mp4",
     "session.toml", "x" * 200 + ".mp4"],
)  # fmt: skip
def test_names_that_are_not_taken(tmp_path: Path, name: str) -> None:
    with pytest.raises(SessionError):
        place_for(tmp_path, name, VIDEOS)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert place_for(tmp_path, "left.MP4", VIDEOS) == tmp_path / "left.MP4"
    (tmp_path / "left.mp4").write_bytes(b"x")
    with pytest.raises(SessionError, match="not overwritten"):
        place_for(tmp_path, "left.mp4", VIDEOS)


def test_links_out_of_the_folder_are_not_listed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(b"x")
    lesson = tmp_path / "lesson"
    lesson.mkdir()
    (lesson / "in.jpg").write_bytes(b"x")
    (lesson / "out.jpg").symlink_to(outside)
    assert [p.name for p in of_kind(lesson, PICTURES)] == ["in.jpg"]


# -- lessons ---------------------------------------------------------------------------------------
def test_lessons_of_a_folder(tmp_path: Path) -> None:
    init_lesson(tmp_path / "b")
    init_lesson(tmp_path / "a", {"title": "7b"})
    (tmp_path / "no lesson").mkdir()
    desk = Desk(tmp_path)
    assert [c.name for c in desk.cards()] == ["a", "b"]
    assert desk.cards()[0].title == "7b" and desk.cards()[0].stage == "new"
    assert desk.lesson("a") == tmp_path / "a"


@pytest.mark.parametrize("name", ["..", "../x", "", ".", "no lesson", "/etc"])
def test_no_other_folder_is_a_lesson(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lessons"
    init_lesson(folder / "a")
    init_lesson(tmp_path / "x")
    (folder / "no lesson").mkdir()
    with pytest.raises(SessionError, match="no such lesson"):
        Desk(folder).lesson(name)


def test_a_lesson_linked_from_elsewhere_is_not_shown(tmp_path: Path) -> None:
    init_lesson(tmp_path / "x")
    folder = tmp_path / "lessons"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "x")
    assert Desk(folder).cards() == []


def test_a_broken_lesson_says_why(tmp_path: Path) -> None:
    init_lesson(tmp_path / "a")
    (tmp_path / "a" / "session.toml").write_text("title = 3\n")
    broken = card(tmp_path / "a")
    assert broken.stage == "broken" and "session.toml" in broken.error


def test_an_expired_lesson_is_not_opened(tmp_path: Path) -> None:
    init_lesson(tmp_path / "a", {"retention_days": 0})
    import datetime as dt

    edit_config(tmp_path / "a", {"date": dt.date(2020, 1, 1)})
    old = card(tmp_path / "a")
    assert "retention time is over" in old.error and old.expired and not old.mendable


def test_stages_follow_the_folder(tmp_path: Path) -> None:
    lesson = init_lesson(tmp_path / "a")
    for camera in ("left", "right"):
        (lesson / f"{camera}.mp4").write_bytes(b"x")
    assert card(lesson).stage == "recorded"
    doubt = {"code": "few_views", "severity": "WARN", "message": "few", "action": "more"}
    rig = {"verdict": {"status": "WARN", "causes": [doubt]}}
    (lesson / "rig.json").write_text(json.dumps(rig))
    assert (card(lesson).stage, card(lesson).verdict) == ("calibrated", "WARN")
    run = lesson / "runs" / "one"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"version": 1, "state": "running"}))
    assert card(lesson).stage == "calibrated"
    (run / "run.json").write_text(json.dumps({"version": 1, "state": "done"}))
    spread = Spread(mean=9.6, median=9, p90=12)
    errors = Errors(n=3, gaze_cm=spread, gaze_bias_cm=(1, 2))
    Validation(overall=errors, run=run).write(run / "validation.json")
    assert (card(lesson).stage, card(lesson).off_cm, card(lesson).next) == (
        "analysed",
        9.6,
        "report",
    )


def test_the_shelf_forgets_the_oldest() -> None:
    shelf = Shelf()
    first = shelf.put(b"1")
    big = shelf.put(bytes(SHELF_BYTES - 1))
    assert shelf.get(first.removeprefix("/shelf/")) == (b"1", "image/jpeg")
    last = shelf.put(b"2")
    kept = [shelf.get(a.removeprefix("/shelf/")) is not None for a in (first, big, last)]
    assert kept == [False, True, True]


# -- the same room again ---------------------------------------------------------------------------
def test_a_lesson_in_the_same_room_takes_the_rig_and_no_pupil(tmp_path: Path) -> None:
    earlier = init_lesson(tmp_path / "a", {"left_m": 1.7, "offset_s": 0.2, "retention_days": 30})
    edit_config(earlier, {"students": [{"id": "S-1"}], "salt": "pepper", "board.square_m": 0.03})
    (earlier / "rig.json").write_text("{}")
    (earlier / "left.mp4").write_bytes(b"x")
    new = init_like(tmp_path / "b", earlier, "7c")
    config = load_config(new)
    assert config.title == "7c" and config.auxiliary[0].left_m == 1.7
    assert config.board.square_m == 0.03 and config.retention_days == 30
    assert config.students == () and config.salt is None
    assert config.cameras.right.offset_s is None
    assert (new / "rig.json").is_file() and not (new / "left.mp4").exists()
    with pytest.raises(SessionError, match="not overwritten"):
        init_like(new, earlier, "again")


def test_a_broken_earlier_lesson_leaves_nothing(tmp_path: Path) -> None:
    earlier = init_lesson(tmp_path / "a")
    (earlier / "session.toml").write_text("title = 3\n")
    with pytest.raises(ConfigError):
        init_like(tmp_path / "b", earlier, "7c")
    assert not (tmp_path / "b").exists()


def test_the_report_s_screen_offers_all_that_there_is() -> None:
    """Its lists are written out, lest the page's process load what makes reports."""
    from gaze.app.screens.report import FORMATS
    from gaze.exports import FORMATS as ALL
    from gaze.report.strings import LANGUAGES as SPOKEN

    assert sorted(FORMATS) == sorted(ALL)
    assert list(LANGUAGES) == list(SPOKEN)


class Upload:
    """What the browser sends."""

    async def save(self, path: Path) -> None:
        path.write_bytes(b"jpeg")


def test_the_app_writes_nothing_into_a_lesson_in_which_a_command_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, marks and brought files: each is refused with the sentence, and nothing changes."""
    lesson = init_lesson(tmp_path / "lesson", {"title": "before"})
    place, said = Place(Desk(tmp_path), lesson), []
    monkeypatch.setattr("gaze.app.parts.complain", lambda error: said.append(str(error)))
    mark, config = [(1.0, "question", None)], load_config(lesson)
    bringing = bring(lesson, PICTURES, "board.jpg", Upload())
    with lesson_lock(lesson):
        assert place.edit({"title": "after"}, config) is None
        assert len(said) == 1 and "another command is at work in this lesson" in said[0]
        with pytest.raises(SessionError, match="another command is at work"):
            write_marks(lesson, mark, [])
        with pytest.raises(SessionError, match="another command is at work"):
            asyncio.run(bringing)
    assert load_config(lesson).title == "before"
    assert not (lesson / "events.csv").exists() and not (lesson / "board.jpg").exists()
    assert (
        place.edit({"title": "after"}, config) is not None and load_config(lesson).title == "after"
    )
    write_marks(lesson, mark, [])
    assert asyncio.run(bring(lesson, PICTURES, "board.jpg", Upload())).read_bytes() == b"jpeg"
